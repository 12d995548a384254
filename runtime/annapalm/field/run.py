"""Two steps of one field of view, after it is read: reconstruct, save."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annapalm.cross_check import CrossCheckError, warn_of
from annapalm.localizations import Localizations
from annapalm.provenance import device_record, model_record, software_record
from annapalm.write import output_paths, write_field
from annapalm.write.atomic import check_free

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.field.options import FieldOptions
    from annapalm.field.read import FieldInput
    from annapalm.model import Model
    from annapalm.progress import Progress
    from annapalm.reconstruction import Reconstruction
    from annapalm.write import FieldOutput
    from annapalm.write.schema import Provenance


def check_stem_free(stem: Path, options: FieldOptions) -> None:
    """Raise `OutputExistsError` or `OutputFolderError` where results could not be written."""
    for path in output_paths(stem, preview=options.preview):
        check_free(path, overwrite=options.overwrite)


def reconstruct_field(
    model: Model, read: FieldInput, options: FieldOptions, progress: Progress | None = None
) -> Reconstruction:
    """Run the model, and the cross-check where `options` asks for one.

    Raises an `AnnaPalmError` where the model cannot, and `CancelledError` where `progress` asks to
    stop.
    """
    result = model.reconstruct(
        read.data,
        read.image,
        grid=read.grid,
        exposure=options.exposure,
        structure=options.structure,
        withhold=not options.draw_anyway,
        tile_px=options.tile_px,
        progress=progress,
    )
    result = replace(
        result,
        outside=result.outside + read.cut,
        warnings=(*read.warnings, *result.warnings),
        timings_s={"read": read.seconds, **result.timings_s},
    )
    return _cross_checked(model, read, result, options, progress) if options.cross_check else result


def save_field(
    model: Model, read: FieldInput, result: Reconstruction, stem: Path, options: FieldOptions
) -> FieldOutput:
    """Write the files of a field with their provenance; raises as `write_field` does."""
    return write_field(
        result,
        stem,
        provenance_of(model, read, options, options.structure),
        overwrite=options.overwrite,
        compress=options.compress,
        preview=options.preview,
        doubt=options.doubt,
    )


def provenance_of(
    model: Model, read: FieldInput, options: FieldOptions, structure: str | None
) -> Provenance:
    """Say what decides the pixels of a picture; `structure` is what the model was asked for."""
    return {
        "software": software_record(model),
        "input": read.record,
        "widefield": read.widefield,
        "model": model_record(model, structure),
        "device": device_record(model),
        "options": options.record(),
    }


def _cross_checked(
    model: Model,
    read: FieldInput,
    result: Reconstruction,
    options: FieldOptions,
    progress: Progress | None,
) -> Reconstruction:
    """Add the cross-check to a result, or why there is none, and what the user should know."""
    if not isinstance(read.data, Localizations):
        raise TypeError  # refused when it was read
    if result.withheld:
        return replace(result, not_cross_checked="Nothing was drawn that frames could be held to.")
    try:
        found = model.cross_check(
            read.data,
            read.image,
            grid=read.grid,
            structure=options.structure,
            tile_px=options.tile_px,
            progress=progress,
        )
    except CrossCheckError as error:
        reason = str(error)
        return replace(result, not_cross_checked=reason, warnings=(*result.warnings, reason))
    return replace(
        result,
        cross_check=found,
        warnings=(*result.warnings, *warn_of(found)),
        timings_s={**result.timings_s, "cross_check": found.seconds},
    )
