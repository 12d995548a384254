"""The ONNX contract between a model and every host: names, shapes, units, metadata.

One place for what the exporter writes and the runtime demands. All that is per pixel is inside the
graph, so that a host in another language needs no more than a histogram and these lines.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTRACT_VERSION = "annapalm-1"
OPSET = 18
QUARTER = 4
"""The widefield image, `background` and `widefield_estimate` have a quarter of the sides: at 20 nm
that is 80 nm, still finer than a third of the PSF."""

INPUTS: dict[str, tuple[str | int, ...]] = {
    "counts": ("N", 1, "H", "W"),
    "widefield": ("N", 1, "H4", "W4"),
    "widefield_scale": ("N", 1),
    "exposure": ("N", 1),
    "structure": ("N", "S"),
}
"""Name and shape of each float32 input; H and W are multiples of the stride, H4 = H / 4.

- counts: localizations per pixel, whole numbers >= 0.
- widefield: any positive scale, background removed, >= 0; all zeros where absent.
- widefield_scale: one number per field of view, computed before tiling:
  sum(widefield) / sum(counts) over the field. The graph divides by it, so that the network sees
  the widefield image in localizations. 0 says that there is none; `widefield` is then ignored.
- exposure: for how many times the exposure of `counts` the outputs are asked; 1 as a rule.
  All outputs are proportional to it.
- structure: one weight per structure of the metadata, 1 for the one wanted, 0 for the others.
"""

OUTPUTS: dict[str, tuple[str | int, ...]] = {
    "dense": ("N", 1, "H", "W"),
    "error": ("N", 1, "H", "W"),
    "background": ("N", 1, "H4", "W4"),
    "widefield_estimate": ("N", 1, "H4", "W4"),
}
"""Name and shape of each float32 output.

- dense: expected localizations of the structure per pixel over `exposure`.
- error: expected absolute error of `dense`, same unit, calibrated.
- background: diffuse localizations that belong to no structure, per pixel of the FULL grid.
- widefield_estimate: `dense` summed over 4 x 4 pixels and blurred by the PSF: localizations per
  quarter pixel.
"""

MAY_BE_MISSING = ("structure_intervals", "density_intervals")
"""Keys of the metadata that the first models do not have."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model says of itself, stored in the graph's `metadata_props` (each value as JSON)."""

    contract: str
    """Always `CONTRACT_VERSION` for a model that this runtime loads."""
    name: str
    version: str
    pixel_nm: float
    """Pixel of `counts` and `dense`, in nm."""
    stride: int
    """H and W must be multiples of it, px."""
    halo_px: int
    """What a tile must see beyond the pixels that are kept; measured on the weights, a multiple of
    the stride."""
    structures: tuple[str, ...]
    """Names for the `structure` input, in order."""
    psf_sigma_nm: float
    """Standard deviation of the Gaussian that makes `widefield_estimate` from `dense`."""
    intervals: dict[str, float]
    """Nominal coverage ("0.9") to factor k: dense +/- k * error holds that share of the truth, as
    calibrated on held-out simulated fields without widefield image."""
    intervals_widefield: dict[str, float]
    """The same with a widefield image, where errors are smaller and less often gross."""
    density_range_per_um2: tuple[float, float]
    """Localizations per µm² of a field (5th and 95th percentile) seen in training; outside, a run
    warns."""
    units: dict[str, str]
    """Output name to unit."""
    training: str
    """One paragraph: data, loss, duration, code revision."""
    licence: str
    """SPDX identifier."""
    weights_sha256: str
    """sha256 of the weights before export."""
    structure_intervals: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    """Structure to "plain" and "widefield" to factors, of a model of several structures whose error
    maps were calibrated one by one; may be left out."""
    density_intervals: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    """Structure to "plain" and "widefield" to curves: under "per_um2" localizations per µm² of the
    drawn structure (`annapalm.quality.structure`), ascending, under each nominal coverage the
    factors there; may be left out."""

    def intervals_of(
        self, structure: str | None, *, widefield: bool, per_um2: float | None = None
    ) -> dict[str, float]:
        """Factors for a structure (None: the only one): its own, or else those of all.

        `per_um2` is the density of localizations on the drawn structure, for models whose factors
        depend on it: between two known densities along the logarithm of the density, beyond the
        last one as there. None: whatever the density.
        """
        name = self.structures[0] if structure is None else structure
        curves = self.density_intervals.get(name)
        if curves is not None and per_um2 is not None:
            return _at(curves["widefield" if widefield else "plain"], per_um2)
        own = self.structure_intervals.get(name)
        if own is not None:
            return dict(own["widefield" if widefield else "plain"])
        return dict(self.intervals_widefield if widefield else self.intervals)

    def to_metadata(self) -> dict[str, str]:
        """Render as `metadata_props`: every value JSON text."""
        return {f.name: json.dumps(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_metadata(cls, props: Mapping[str, str]) -> ModelInfo:
        """Read `metadata_props`.

        Raises KeyError for a missing key and ValueError for a value of the wrong kind; the loader
        turns both into an error that names the model.
        """
        given = [f.name for f in fields(cls) if f.name in props]
        missing = [f.name for f in fields(cls) if f.name not in props]
        needed = [name for name in missing if name not in MAY_BE_MISSING]
        if needed:
            raise KeyError(needed[0])
        values: dict[str, Any] = {name: json.loads(props[name]) for name in given}
        for key in ("structures", "density_range_per_um2"):
            values[key] = tuple(values[key])
        info = cls(**values)
        info._check()
        return info

    def _check(self) -> None:
        if self.stride < QUARTER or self.stride % QUARTER or self.halo_px % self.stride:
            message = f"stride {self.stride} and halo {self.halo_px} px do not fit together"
            raise ValueError(message)
        if not self.structures or not self.pixel_nm > 0 or not self.psf_sigma_nm > 0:
            message = "structures, pixel_nm and psf_sigma_nm must be given and positive"
            raise ValueError(message)


def _at(curves: dict[str, list[float]], per_um2: float) -> dict[str, float]:
    """Factors at a density, from the curves of `ModelInfo.density_intervals`."""
    known = curves["per_um2"]
    right = sum(density < per_um2 for density in known)  # the first that is not below
    if right in (0, len(known)):
        left = right = min(right, len(known) - 1)
        share = 0.0
    else:
        left = right - 1
        share = math.log(per_um2 / known[left]) / math.log(known[right] / known[left])
    return {
        nominal: factors[left] + share * (factors[right] - factors[left])
        for nominal, factors in curves.items()
        if nominal != "per_um2"
    }
