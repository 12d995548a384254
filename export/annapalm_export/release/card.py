"""The model card: what it is, what was measured, where it ends. Every number comes from a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm_export.evaluate.table import (
    ERROR_COLUMNS,
    FILAMENT_COLUMNS,
    PICTURE_COLUMNS,
    summarise,
    to_markdown,
)

if TYPE_CHECKING:
    from annapalm_export.evaluate.protocol import ProtocolResult
    from annapalm_export.to_onnx.model import Made

_GROUPS = {"density_per_um": "loc. per µm", "method": "method"}
_STRESS_COLUMNS = {
    "drawn_um_per_um2": "filament drawn, µm/µm²",
    "drawn_um_per_um2_reference": "on the real field",
    "structure_share": "called structure",
    "background_share": "called background",
    "bridged": "bridged",
    "bridged_intact": "drawn when intact",
    "doubt_ratio": "error / dense, over intact",
    "coverage_0.9": "90 % covers",
}


def write_card(made: Made, result: ProtocolResult, command: str) -> str:
    """Render the card as Markdown."""
    info = made.info
    summary = summarise(result.simulated)
    stress = summarise(result.stress)
    pictures = to_markdown(summary, PICTURE_COLUMNS | FILAMENT_COLUMNS, _GROUPS)
    models = [row for row in summary if row["method"].startswith("model")]
    errors = to_markdown(models, ERROR_COLUMNS, _GROUPS)
    uniform = [row for row in stress if row["input"] == "uniform"]
    erased = [row for row in stress if row["input"] == "erased"]
    low, high = info.density_range_per_um2
    return f"""# {info.name} {info.version}

Dense images and error maps of **{", ".join(info.structures)}** from sparse localizations.

| | |
|---|---|
| pixel | {info.pixel_nm:g} nm |
| contract | {info.contract}; stride {info.stride} px, halo {info.halo_px} px (reach measured on the weights: {made.reach_px} px) |
| parameters | {sum(p.numel() for p in made.model.parameters()):,} |
| seen in training | {low:g} to {high:g} localizations per µm² (5th to 95th percentile); outside, a run warns |
| intervals | {", ".join(f"{float(p):.0%}: ± {k:.2f} error" for p, k in info.intervals.items())} |
| licence | {info.licence} |
| weights sha256 | `{info.weights_sha256}` |

**Training.** {info.training} The recipe is `recipe.json` beside this card.

## Measured on held-out simulation

`{command}`

Blocks of consecutive frames of simulated fields (12.8 x 12.8 µm); neither training, calibration nor the choice of
any threshold has seen them. Means over the fields. MS-SSIM, Pearson and NRMSE after matching intensities (a x + b).
The best blur has, for every field and score, the Gaussian bandwidth that suits that score best.

{pictures}
## Error map

Coverage of the nominal intervals, rank correlation with the true error, sparsification and calibration errors, within
100 nm of filaments; in brackets the maps to beat, scaled to the true mean error.

{errors}
## What was never shown

As many localizations as in a field, but spread at random: filament drawn at the contrast of the real field.

{to_markdown(uniform, _STRESS_COLUMNS, {"method": "method"})}
A piece of a lone filament erased from the input: is it bridged, and does the error map rise?

{to_markdown(erased, _STRESS_COLUMNS, {"erased_nm": "erased, nm"})}
## Where it ends

- Microtubules only. Other structures come out as filaments or as blur: the picture must not be believed there.
- Trained on simulation; photophysics, precision and background of a real sample may lie outside. Look at the warnings of a run.
- 20 nm pixels. The error map is calibrated on average over fields like those above, not for each single pixel or field.
- The error is that of the rate as labelled: where a filament carries no label at all, nothing can tell.
"""
