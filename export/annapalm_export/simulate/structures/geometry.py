"""What a structure is to the simulator: where its labels sit, and what scoring may know of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm_export.simulate.draw import draw_rate
from annapalm_export.simulate.filaments import MOST_CURVED
from annapalm_export.simulate.treatments import CONTROL, Treatment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.grid import Grid
    from annapalm.render import RateImage
    from annapalm_export.simulate.focus import Focus


def _no_rings() -> NDArray[np.float64]:
    return np.empty((0, 3))


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a score may compare with; (x, y) in nm, also beyond the border of the field."""

    centre_lines: list[NDArray[np.float64]] = field(default_factory=list)
    """Filaments, or the axes of axons: float64 [K, 2] each, K >= 2; none where there are none."""
    rings: NDArray[np.float64] = field(default_factory=_no_rings)
    """float64 [R, 3]: x, y and radius of each labelled nuclear pore."""
    period_nm: float | None = None
    """Period along the centre lines; None for a structure without one."""


@dataclass(frozen=True, slots=True)
class StructureOptions:
    """What a structure is asked for; the rest is drawn from the generator."""

    empty_share: float = 0.0
    """Chance of a field without structure: `amount` 0 and no labels."""
    amount_per_um2: float | None = None
    """Units of the structure per µm² of the field; None draws it from the structure's own range."""
    curvature_per_um: float | None = None
    """Root mean square curvature of microtubules; None draws it for each field."""
    depth: bool = False
    """Give the structure an extent in z; else all of it lies in focus."""
    treatment: Treatment = CONTROL
    """What a drug has done to it."""

    def __post_init__(self) -> None:
        """Check the options once."""
        if not 0 <= self.empty_share <= 1:
            raise InvalidValueError("empty_share", self.empty_share, "from 0 to 1")
        if self.amount_per_um2 is not None and not 0 < self.amount_per_um2 < np.inf:
            raise InvalidValueError("amount_per_um2", self.amount_per_um2, "above 0")
        if self.curvature_per_um is not None and not 0 < self.curvature_per_um <= MOST_CURVED:
            must = f"above 0 and at most {MOST_CURVED:g}"
            raise InvalidValueError("curvature_per_um", self.curvature_per_um, must)


class Geometry(Protocol):
    """The structure of one field, before its labels blink."""

    @property
    def amount(self) -> float:
        """Units of the structure (`Structure.unit`) within the field; 0 without structure."""

    @property
    def truth(self) -> Truth:
        """What scoring may know."""

    @property
    def spread_nm(self) -> float:
        """Standard deviation of labels around the structure's points: its size and the linkage."""

    @property
    def labels_per_unit(self) -> float | None:
        """Labels per unit where binding sites are counted one by one, else None."""

    def label(self, rng: np.random.Generator, emitters_per_unit: float) -> NDArray[np.float64]:
        """Place fluorophores: float64 [E, 3], x, y and z (from the focal plane) in nm."""

    def rate(self, grid: Grid, precision_nm: float, focus: Focus | None) -> RateImage:
        """Draw the noise-free rate of localizations, any scale: float32 [Y, X]; after `label`.

        Without `focus`, everything counts as in focus.
        """


class Structure(Protocol):
    """One kind of structure; one module each, listed in `annapalm_export.simulate.structures`."""

    @property
    def name(self) -> str:
        """As in a model's `structures`."""

    @property
    def unit(self) -> str:
        """In what its amount is counted."""

    @property
    def least_amount(self) -> float:
        """Units that a field of 12.8 x 12.8 µm must hold to be scored."""

    @property
    def per_unit(self) -> tuple[float, float]:
        """Localizations per unit over a whole acquisition, drawn log-uniformly."""

    @property
    def emitters_per_unit(self) -> float:
        """Labels are never sparser than that: it bounds the localizations per emitter."""

    def draw(
        self, rng: np.random.Generator, field_nm: float, options: StructureOptions
    ) -> Geometry:
        """Fill the square field [0, field_nm)², and a margin around it, with the structure."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """A structure as weighted points: the `Geometry` of all structures but microtubules.

    Raises `InvalidValueError` where the arrays do not fit together.
    """

    xy_nm: NDArray[np.float64]
    """float64 [P, 2]."""
    z_nm: NDArray[np.float64]
    """float64 [P], from the focal plane."""
    mass: NDArray[np.float64]
    """float64 [P] >= 0: units of the structure that a point stands for, times its relative
    density of label; with `discrete`, whole numbers of labels."""
    spread_nm: float
    amount: float
    truth: Truth
    discrete: bool = False
    """Points are binding sites, each with as many labels as `mass` says."""

    def __post_init__(self) -> None:
        """Check once that the arrays belong together."""
        number = len(self.xy_nm)
        shapes = (self.xy_nm.shape, self.z_nm.shape, self.mass.shape)
        if shapes != ((number, 2), (number,), (number,)):
            raise InvalidValueError("points", shapes, "shapes [P, 2], [P] and [P]")
        if number and (not np.isfinite(self.mass).all() or self.mass.min() < 0):
            raise InvalidValueError("mass", "negative or not finite", "at least 0")
        if self.discrete and (self.mass % 1).any():
            raise InvalidValueError("mass", "fractions of labels", "whole numbers where discrete")

    @property
    def labels_per_unit(self) -> float | None:
        """Labels per unit; None where label is spread evenly."""
        if not self.discrete or not self.amount:
            return None
        return float(self.mass.sum()) / self.amount

    def label(self, rng: np.random.Generator, emitters_per_unit: float) -> NDArray[np.float64]:
        """Place fluorophores around the points: float64 [E, 3], x, y, z in nm."""
        number = (
            self.mass.astype(np.int64)
            if self.discrete
            else rng.poisson(self.mass * emitters_per_unit)
        )
        place = np.repeat(np.arange(len(self.mass)), number)
        around = rng.normal(0, self.spread_nm, (len(place), 2))
        return np.column_stack([self.xy_nm[place] + around, self.z_nm[place]])

    def rate(self, grid: Grid, precision_nm: float, focus: Focus | None) -> RateImage:
        """Draw the points, blurred: float32 [Y, X]."""
        depth = None if focus is None else (self.z_nm, focus)
        return draw_rate(self.xy_nm, self.mass, grid, self.spread_nm, precision_nm, depth)
