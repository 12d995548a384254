"""The one form in which localizations travel through the program."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROW_FIELDS = ("x_nm", "y_nm", "frame", "z_nm", "precision_nm", "photons", "channel")


@dataclass(frozen=True, slots=True, eq=False)
class Localizations:
    """A table of localizations in annapalm's convention; row i of every array is one localization.

    x runs to the right and y down, in nm, from the top-left corner of the top-left camera pixel;
    frames count from 0. Raises `InvalidValueError` where the arrays do not fit together.
    """

    x_nm: NDArray[np.float64]
    """float64 [N], finite."""
    y_nm: NDArray[np.float64]
    """float64 [N], finite."""
    frame: NDArray[np.int64]
    """int64 [N], 0-based."""
    z_nm: NDArray[np.float64] | None = None
    """float64 [N] or None where the table has none; NaN where not known."""
    precision_nm: NDArray[np.float64] | None = None
    """Lateral localization precision (standard deviation), float64 [N]; NaN where not known."""
    photons: NDArray[np.float64] | None = None
    """float64 [N]; NaN where not known."""
    channel: NDArray[np.int64] | None = None
    """int64 [N]."""
    field_nm: tuple[float, float] | None = None
    """(width, height) of the camera's field in nm where the source knows it, else None."""
    notes: tuple[str, ...] = ()
    """What a reader wants the user to know (cells not known, merged rows, unknown origin)."""

    def __post_init__(self) -> None:
        """Check once that the columns are one table."""
        rows = np.shape(self.x_nm)
        for name in _ROW_FIELDS:
            column = getattr(self, name)
            if column is None and name not in ("x_nm", "y_nm", "frame"):
                continue
            wanted = np.int64 if name in ("frame", "channel") else np.float64
            if not isinstance(column, np.ndarray) or column.dtype != wanted or column.ndim != 1:
                raise InvalidValueError(name, _kind(column), f"an array {wanted.__name__} [N]")
            if column.shape != rows:
                raise InvalidValueError(name, _kind(column), f"as long as x_nm, {rows[0]} rows")
        if not (np.isfinite(self.x_nm).all() and np.isfinite(self.y_nm).all()):
            raise InvalidValueError("x_nm, y_nm", "not finite somewhere", "finite in every row")

    def __len__(self) -> int:
        """Count the localizations."""
        return len(self.x_nm)

    def select(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Localizations:
        """Keep the rows given as a mask bool [N] or as indices int64 [M]."""
        kept: dict[str, Any] = {
            f.name: getattr(self, f.name)[rows]
            for f in fields(self)
            if f.name in _ROW_FIELDS and getattr(self, f.name) is not None
        }
        return replace(self, **kept)

    def in_frames(self, start: int, stop: int) -> Localizations:
        """Keep the localizations of frames start <= frame < stop."""
        return self.select((self.frame >= start) & (self.frame < stop))


def _kind(column: object) -> str:
    if isinstance(column, np.ndarray):
        return f"{column.dtype} {list(column.shape)}"
    return type(column).__name__
