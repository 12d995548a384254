"""The words in which the tests of the readers are written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annapalm.read import ReadError, Table, TableOptions
from annapalm.read.registry import format_module, read_source
from annapalm.read.source import Source

if TYPE_CHECKING:
    from annapalm.localizations import Localizations

DATA = Path(__file__).parents[1] / "data"
NAMED = Path("field.csv")
OPTIONAL = ("z_nm", "precision_nm", "photons", "channel")


def source(text: str | bytes) -> Source:
    """Open a text as if it were the file `field.csv`."""
    data = text.encode() if isinstance(text, str) else text
    return Source(io.BytesIO(data), NAMED)


def table(text: str | bytes, **options: Any) -> Table:
    """Read a text in the format that annapalm finds."""
    return read_source(source(text), TableOptions(**options))


def thunderstorm(text: str | bytes, **options: Any) -> Localizations:
    """Read a text as a ThunderSTORM table."""
    found = table(text, **options)
    assert found.format == "thunderstorm"
    return found.localizations


def delimited(text: str | bytes, **options: Any) -> Localizations:
    """Read a text as a delimited table."""
    read = format_module("delimited").read(source(text), TableOptions(**options))
    return read.localizations


def assert_localization(locs: Localizations, row: int = 0, **values: float) -> None:
    """Compare one row; fails by showing all that differ."""
    found = {name: getattr(locs, name)[row].item() for name in values}
    assert found == pytest.approx(values, rel=1e-12)


def assert_same_localizations(
    one: Localizations, other: Localizations, within: float = 1e-6
) -> None:
    """Compare all rows, in what both know, to `within` nm or photons."""
    for name in ("frame", "x_nm", "y_nm"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=within)
    for name in OPTIONAL:
        ours, theirs = getattr(one, name), getattr(other, name)
        if ours is not None and theirs is not None:
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=within)


def assert_refuses(
    text: str | bytes,
    *,
    error: type[ReadError] = ReadError,
    line: int | None = None,
    column: str | None = None,
    says: tuple[str, ...] = (),
    **options: Any,
) -> str:
    """Fail to read, with a message that names the file, the line, the column and the remedy."""
    with pytest.raises(error) as caught:
        table(text, **options)
    message = str(caught.value)
    wanted = ["field.csv", *says]
    if line is not None:
        wanted.append(f"line {line}" + (f", column '{column}'" if column else ":"))
    missing = [words for words in wanted if words not in message]
    assert not missing, f"not in the message: {missing}\n{message}"
    return message
