"""Words for the tests of the cross-check: tables of blinking molecules with known places."""

from __future__ import annotations

import numpy as np

from annapalm import Grid, Localizations

GRID = Grid(20.0, (0.0, 0.0), (400, 400))
"""8 x 8 µm."""
FRAMES = 2000


def a_table(x: object, y: object, frame: object) -> Localizations:
    """Make a table of these columns in the field of `GRID`."""
    return Localizations(
        np.asarray(x, np.float64),
        np.asarray(y, np.float64),
        np.asarray(frame, np.int64),
        field_nm=(8000.0, 8000.0),
    )


def molecules(
    homes: np.ndarray, per_molecule: float, seed: int, *, burst: int = 1, frames: int = FRAMES
) -> Localizations:
    """Let molecules at `homes` [M, 2] blink: geometric numbers of localizations, 10 nm precision.

    `burst` of 1: each localization at a time of its own; else all of a molecule's in a row, this
    many frames long at the mean.
    """
    random = np.random.default_rng(seed)
    number = random.geometric(1 / per_molecule, len(homes))
    if burst > 1:
        number = random.geometric(1 / burst, len(homes))
        start = random.integers(0, frames, len(homes))
        within = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        frame = np.minimum(np.repeat(start, number) + within, frames - 1)
    else:
        frame = random.integers(0, frames, int(number.sum()))
    places = np.repeat(homes, number, axis=0) + random.normal(0, 10, (int(number.sum()), 2))
    kept = ((places >= 0) & (places < 8000)).all(axis=1)
    return a_table(places[kept, 0], places[kept, 1], frame[kept])


def on_lines(count: int, seed: int, lines_nm: tuple[float, ...] = (2000.0, 6000.0)) -> np.ndarray:
    """Places of molecules on horizontal filaments across the whole field: [count, 2]."""
    random = np.random.default_rng(seed)
    x, y = random.uniform(0, 8000, count), random.choice(lines_nm, count)
    places: np.ndarray = np.stack([x, y], axis=1)
    return places


def rate_of_lines(lines_nm: tuple[float, ...] = (2000.0, 6000.0)) -> np.ndarray:
    """Picture of these filaments over a faint background: float32 [400, 400], sum about 800."""
    y = (np.arange(400) + 0.5) * 20
    across = sum(np.exp(-0.5 * ((y - line) / 20) ** 2) for line in lines_nm)
    rate = np.repeat(np.asarray(across)[:, None], 400, axis=1)
    faint: np.ndarray = (rate * 800 / rate.sum() + 2e-4).astype(np.float32)
    return faint


def halves_of(homes: np.ndarray, per_molecule: float, seed: int) -> list[Localizations]:
    """Two halves that share no molecule: the odd and the even ones."""
    return [molecules(homes[k::2], per_molecule, seed + k) for k in (0, 1)]


def band(y_nm: float, x0_nm: float, x1_nm: float, half_nm: float = 60.0) -> np.ndarray:
    """Pixels of a horizontal piece: bool [400, 400]."""
    mask = np.zeros((400, 400), dtype=bool)
    rows = slice(int((y_nm - half_nm) // 20), int((y_nm + half_nm) // 20) + 1)
    mask[rows, int(x0_nm // 20) : int(x1_nm // 20)] = True
    return mask
