"""A field of curved filaments, with its localizations and the widefield image of a moved camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm.render import render
from annapalm.widefield import WidefieldImage
from annapalm.widefield.filter import gaussian_blur

if TYPE_CHECKING:
    from numpy.typing import NDArray

PSF_NM = 130.0
PIXEL_NM = 20.0
CAMERA_NM = 100.0


@dataclass(frozen=True)
class Field:
    """Filaments in a square field: points every 5 nm along them, float64 [N, 2], (x, y) in nm."""

    points: NDArray[np.float64]
    side_nm: float

    @property
    def grid(self) -> Grid:
        return Grid.over((0.0, 0.0, self.side_nm, self.side_nm), PIXEL_NM)

    def localizations(self, number: int, seed: int = 0) -> Localizations:
        """Draw localizations along the filaments, with 12 nm precision."""
        random = np.random.default_rng(seed)
        chosen = self.points[random.integers(0, len(self.points), number)]
        x, y = (chosen + random.normal(0, 12, chosen.shape)).T
        return Localizations(x.copy(), y.copy(), np.arange(number))

    def counts(self, number: int, seed: int = 0) -> NDArray[np.float32]:
        """Render `number` localizations on `grid`."""
        return render(self.localizations(number, seed), self.grid)[0]

    def light(self, shift_nm: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float32]:
        """Photons per camera pixel without noise or background; peak 1, moved by -`shift_nm`."""
        x, y = (self.points - shift_nm).T
        margin = 1000.0  # filaments beyond the edge shine into the field
        fine = Grid(
            PIXEL_NM,
            (-margin, -margin),
            2 * (int((self.side_nm + 2 * margin) / PIXEL_NM),),
        )
        dense, _ = render(Localizations(x.copy(), y.copy(), np.arange(len(x))), fine)
        blurred = gaussian_blur(dense, PSF_NM / PIXEL_NM)
        side, step, edge = round(self.side_nm / CAMERA_NM), 5, round(margin / PIXEL_NM)
        inner = blurred[edge : edge + side * step, edge : edge + side * step]
        light = inner.reshape(side, step, side, step).sum((1, 3))
        scaled: NDArray[np.float32] = light / light.max()
        return scaled

    def widefield(
        self,
        shift_nm: tuple[float, float] = (0.0, 0.0),
        photons: float = 500.0,
        background: float = 200.0,
        seed: int = 1,
    ) -> WidefieldImage:
        """Take the image with a camera: background with a ramp, offset 100, shot noise."""
        random = np.random.default_rng(seed)
        light = self.light(shift_nm)
        v, u = np.meshgrid(*(np.linspace(-1, 1, n) for n in light.shape), indexing="ij")
        expected = photons * light + background * (1 + 0.2 * u - 0.1 * v)
        return WidefieldImage((random.poisson(expected) + 100).astype(np.float32), CAMERA_NM)


def filaments(seed: int = 0, side_nm: float = 8000.0, number: int = 14) -> Field:
    """Grow filaments in random directions, gently curved, reaching out of the field."""
    random = np.random.default_rng(seed)
    lines = []
    for _ in range(number):
        steps = 4000
        turn = np.cumsum(random.normal(0, 0.004, steps)) + random.uniform(0, 2 * np.pi)
        line = 5.0 * np.cumsum(np.stack([np.cos(turn), np.sin(turn)], axis=1), axis=0)
        lines.append(line - line[steps // 2] + random.uniform(0, side_nm, 2))
    points = np.concatenate(lines)
    inside = ((points > -900) & (points < side_nm + 900)).all(axis=1)
    return Field(points[inside], side_nm)
