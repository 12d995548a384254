"""What a reconstruction tells its user in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from annapalm.contract import ModelInfo
    from annapalm.domain import Drift, Familiarity, Precision
    from annapalm.grid import Grid
    from annapalm.model.run import FieldOutput
    from annapalm.render import CountImage
    from annapalm.widefield import PreparedWidefield


def warn_of_input(counts: CountImage, grid: Grid, outside: int, info: ModelInfo) -> tuple[str, ...]:
    """Say what the user should know of the localizations."""
    inside = int(counts.sum(dtype=np.float64))
    warnings = []
    if outside:
        warnings.append(
            f"{outside:,} of {inside + outside:,} localizations lie outside the field and were "
            "not used."
        )
    if not inside:
        warnings.append("There is no localization in this field; the images are empty.")
        return tuple(warnings)
    density, (low, high) = inside / grid.area_um2, info.density_range_per_um2
    if not low <= density <= high:
        warnings.append(
            f"The field has {density:.3g} localizations per µm², outside the {low:.3g} to "
            f"{high:.3g} that the model {info.name} {info.version} was trained for; image and "
            "error map may be wrong."
        )
    return tuple(warnings)


def warn_of_domain(
    familiarity: Familiarity | None,
    drift: Drift | None,
    precision: Precision | None,
    *,
    withheld: bool,
) -> tuple[str, ...]:
    """Say what the localizations themselves tell, and what became of the picture for it."""
    found = [told.warning for told in (familiarity, drift, precision) if told is not None]
    if withheld and familiarity is not None:
        found[0] = familiarity.withheld_warning
    return tuple(text for text in found if text is not None)


def warn_of_widefield(prepared: PreparedWidefield | None, *, is_empty: bool) -> tuple[str, ...]:
    """Say what the user should know of the widefield image."""
    if prepared is None:
        return ()
    if is_empty:
        return (*prepared.warnings, "The widefield image was not used: nothing to compare it with.")
    if not prepared.scale > 0:
        return (*prepared.warnings, "The widefield image was not used: it shows no signal here.")
    return prepared.warnings


def warn_of_memory(output: FieldOutput) -> tuple[str, ...]:
    """Say that memory ran out; the picture is the same, the time is not."""
    if output.shrunk_from is None:
        return ()
    warning = (
        f"Memory ran out with the field in {output.shrunk_from} piece(s); it was run in "
        f"{output.tiles} tiles of {output.tile_px} px, which gives the same picture, more slowly."
    )
    return (warning,)
