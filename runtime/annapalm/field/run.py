"""The three steps of one field of view, one by one or all in a row: read, reconstruct, save."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annapalm.cross_check import CrossCheckError, warn_of
from annapalm.field.options import FieldOptions
from annapalm.field.read import read_field
from annapalm.localizations import Localizations
from annapalm.provenance import device_record, model_record, software_record
from annapalm.write import output_paths, write_field
from annapalm.write.atomic import check_free

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annapalm.field.read import FieldInput
    from annapalm.model import Model
    from annapalm.progress import Progress
    from annapalm.reconstruction import Reconstruction
    from annapalm.stack import ChannelFile, Layer
    from annapalm.write import FieldOutput
    from annapalm.write.schema import Provenance


def run_field(
    model: Model,
    source: Path,
    stem: Path,
    options: FieldOptions | None = None,
    *,
    widefield: Path | None = None,
    files: Sequence[ChannelFile] = (),
    progress: Progress | None = None,
) -> FieldOutput:
    """Reconstruct one table or image of counts and write `stem`.ome.tif, .png and .json.

    A time-lapse (`options.window`) and several channels (`options.channels`, with `files` that say
    where each of them is) become one image of all, by `annapalm.stack`.
    The folder of `stem` is made where it is not there. All files appear, or none. The three steps
    can be called one by one (`read_field`, `reconstruct_field`, `save_field`), each on a thread of
    its own, so that one field is read and another written while a third is reconstructed.
    Raises an `AnnaPalmError` that says what is wrong with the input, the widefield image, the
    options or the disk.
    """
    options = options or FieldOptions()
    check_stem_free(stem, options)  # before the work, not after it
    read = read_parts(model, source, options, widefield, files, progress)
    if isinstance(read, tuple):
        from annapalm.stack import draw_stack  # it builds on what is here

        return draw_stack(read, stem, options, progress)
    result = reconstruct_field(model, read, options, progress)
    return save_field(model, read, result, stem, options)


def read_parts(
    model: Model,
    source: Path,
    options: FieldOptions,
    widefield: Path | None,
    files: Sequence[ChannelFile],
    progress: Progress | None,
) -> FieldInput | tuple[Layer, ...]:
    """Read all that a field is made of, as `run_field`: the layers where it has several pictures.

    Raises what `read_field` and `annapalm.stack.read_layers` do.
    """
    if options.window is None and not options.channels:
        pixel_nm = model.info.pixel_nm
        return read_field(source, pixel_nm, options, widefield=widefield, progress=progress)
    from annapalm.stack import ChannelFile, read_layers  # it builds on what is here

    # Without channels it has one part.
    parts = files or (ChannelFile("", source, widefield),)
    return read_layers(model, parts, options, progress)


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
