"""The widefield image that a camera takes of the same field before the acquisition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.widefield import WidefieldImage

if TYPE_CHECKING:
    from annapalm.grid import Grid
    from annapalm.render import RateImage

CAMERA_OFFSET = 100.0
"""Offset of a scientific camera, in counts."""


def take_widefield(
    rng: np.random.Generator,
    rate: RateImage,
    haze: RateImage,
    grid: Grid,
    camera_pixel_nm: float,
    psf_sigma_nm: float,
) -> WidefieldImage:
    """Blur, bin to camera pixels, add background, noise and a small misregistration.

    `rate` and `haze` are float32 [Y, X] on `grid`; the result covers the grid's field with
    float32 counts of a camera.
    """
    from scipy.ndimage import gaussian_filter, map_coordinates

    sigma = psf_sigma_nm / grid.pixel_nm
    light = gaussian_filter(rate + 0.5 * haze, sigma, mode="nearest")
    if rng.random() < 0.6:  # structure above and below the focal plane
        wide = gaussian_filter(rate, rng.uniform(2, 5) * sigma, mode="nearest")
        light = light + rng.uniform(0, 0.6) * wide
    rows, columns = (int(np.ceil(n * grid.pixel_nm / camera_pixel_nm - 1e-6)) for n in grid.shape)
    slip = rng.normal(0, rng.choice([15.0, 40.0], p=[0.8, 0.2]), 2)
    y = ((np.arange(rows) + 0.5) * camera_pixel_nm + slip[0]) / grid.pixel_nm - 0.5
    x = ((np.arange(columns) + 0.5) * camera_pixel_nm + slip[1]) / grid.pixel_nm - 0.5
    sampled = map_coordinates(light, np.meshgrid(y, x, indexing="ij"), order=1, mode="nearest")
    sampled = sampled / max(float(np.percentile(sampled, 99.5)), 1e-9)
    v, u = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    lamp = (
        1
        - rng.uniform(0, 0.3) * ((u - rng.uniform(-1, 1)) ** 2 + (v - rng.uniform(-1, 1)) ** 2) / 4
    )
    ramp = 1 + rng.uniform(-0.3, 0.3) * u + rng.uniform(-0.3, 0.3) * v
    photons = np.exp(rng.uniform(np.log(60), np.log(5000)))
    expected = photons * lamp * (sampled + rng.uniform(0.02, 0.8) * ramp)
    image = rng.poisson(expected) + rng.normal(0, 1.6, expected.shape) + CAMERA_OFFSET
    return WidefieldImage(np.clip(image, 0, 65535).astype(np.float32), camera_pixel_nm)
