"""The model card: what it is, what was measured, where it ends. Every number comes from a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm_export.evaluate.reached import reached
from annapalm_export.evaluate.table import simulated_tables, stress_table

if TYPE_CHECKING:
    from annapalm.contract import ModelInfo
    from annapalm_export.evaluate.protocol import ProtocolResult
    from annapalm_export.to_onnx.model import Made


HOW_TO_READ = {
    "Pictures": """MS-SSIM: Wang's weights, 11 x 11 window, sigma 1.5, data range L = the standard
deviation of the truth (with L = max - min black background alone brings a blur above 0.85).""",
    "Filaments": """One skeleton threshold per method, chosen on other fields; against the true
centre lines, and against the skeleton of the noise-free truth, where bundles closer than the
resolution are one line in both.""",
    "Pores": """Found by a ring-shaped filter, one threshold per method, chosen on other fields; a
drawn and a true pore whose centres are at most 50 nm apart are the same. Ring contrast: how much
darker the middle is than the ring, of the pores that were found; 0 is a disc, 1 an empty middle. A
blur of a few localizations has dark middles by chance: read it beside the F1.""",
    "Area": """What is brighter than one threshold per method, chosen on other fields, against what
is so in the noise-free truth.""",
    "Period": """Along the true axes: contrast is the share of the brightness's variance that
repeats with the period found (120 to 300 nm are looked for), modulation its amplitude over the mean
brightness; a period within 10 nm of the true one is found, by chance in one field of nine.""",
    "Error map": """Within 100 nm of structure, drawn or true (and, where said, of true structure
alone, which leaves false structure out); in brackets the maps to beat, scaled to the true mean
error.""",
}
"""How the scores of each table of `SECTIONS` are taken, in words."""


def write_card(made: Made, result: ProtocolResult, command: str) -> str:
    """Render the card as Markdown."""
    info = made.info
    tables, summary = simulated_tables(result.simulated), result.summary()
    low, high = info.density_range_per_um2
    return f"""# {info.name} {info.version}

Dense images and error maps of **{", ".join(info.structures)}** from sparse localizations.

| | |
|---|---|
| pixel | {info.pixel_nm:g} nm |
| contract | {info.contract}; stride {info.stride} px, halo {info.halo_px} px (reach measured on the weights: {made.reach_px} px) |
| parameters | {sum(p.numel() for p in made.model.parameters()):,} |
| seen in training | {low:g} to {high:g} localizations per µm² (5th to 95th percentile); outside, a run warns |
{_intervals(info)}
| licence | {info.licence} |
| weights sha256 | `{info.weights_sha256}` |

**Training.** {info.training} The recipe is `recipe.json` beside this card.

## What it reaches

In cases: one structure at one density, without or with widefield image, means over the fields below.

{reached(summary["simulated"], summary["stress"])}
## Measured on held-out simulation

`{command}`

Blocks of consecutive frames of simulated fields (12.8 x 12.8 µm); neither training, calibration nor the choice of
any threshold has seen them. Means over the fields. MS-SSIM, Pearson and NRMSE after matching intensities (a x + b).
The best blur has, for every field and score, the Gaussian bandwidth that suits that score best.

{how_to_read(tables)}

{tables}
## What was never shown

Nothing at all; as many localizations as in a field, but spread at random (filament that the network draws, at the contrast of
the real field; `withheld`: in so many of the fields a run sees that there is no structure and draws nothing, `left` is what its
pictures then have on average);
a piece of a lone filament erased from the input (is it bridged, and does the error map rise?); the widefield image turned by
half a turn (`refused`: the run ends with an error); a structure asked for that the field does not show (`false share`: of
`dense`, what lies off the structure that is there). `warnings`: how many the run gives, on average.

{stress_table(result.stress)}
## Where it ends

- {_only(info.structures)} Other structures come out as one of these or as blur: the picture must not be believed there.
- Trained on simulation; photophysics, precision and background of a real sample may lie outside. Look at the warnings of a run.
- 20 nm pixels. The error map is calibrated on average over fields like those above, not for each single pixel or field.
- The error is that of the rate as labelled: where a filament carries no label at all, nothing can tell.
"""


def how_to_read(tables: str) -> str:
    """Say what the scores mean of those tables that are there."""
    return "\n".join(
        f"- *{title}*: {' '.join(said.split())}"
        for title, said in HOW_TO_READ.items()
        if f"# {title}\n" in tables
    )


def _only(structures: tuple[str, ...]) -> str:
    """Say what the model is for, and what must be chosen."""
    *others, last = structures
    if not others:
        return f"{last.capitalize()} only."
    return (
        f"{', '.join(others).capitalize()} and {last} only, and the one that was named for the run."
    )


def _intervals(info: ModelInfo) -> str:
    """Rows of the factors, of each structure where they were calibrated one by one."""
    named = {name: f"intervals, {name}" for name in info.structure_intervals} or {
        info.structures[0]: "intervals"
    }
    rows = []
    for name, said in named.items():
        for key, label in (("plain", said), ("widefield", "with widefield image")):
            factors = info.intervals_of(name, widefield=key == "widefield")
            rows.append(f"| {label} | {_factors(factors)} |")
            if name in info.density_intervals:
                rows.append(f"| by density | {_curve(info.density_intervals[name][key])} |")
    return "\n".join(rows)


def _curve(curves: dict[str, list[float]]) -> str:
    """How the factor of 90 % depends on the density; the file has all of them."""
    known = zip(curves["per_um2"], curves["0.9"], strict=True)
    points = ", ".join(f"± {k:.2f} at {per_um2:.3g}" for per_um2, k in known)
    return f"90%: {points} localizations per µm² of drawn structure"


def _factors(intervals: dict[str, float]) -> str:
    return ", ".join(f"{float(p):.0%}: ± {k:.2f} error" for p, k in intervals.items())
