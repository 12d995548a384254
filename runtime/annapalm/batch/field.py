"""One input to its files, all steps in a row: of one picture, a time-lapse or several channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.field import (
    ChannelFile,
    FieldOptions,
    check_stem_free,
    read_field,
    reconstruct_field,
    save_field,
)
from annapalm.stack import draw_stack, read_layers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annapalm.field import FieldInput
    from annapalm.model import Model
    from annapalm.progress import Progress
    from annapalm.stack import Layer
    from annapalm.write import FieldOutput


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
    # Without channels it has one part.
    parts = files or (ChannelFile("", source, widefield),)
    return read_layers(model, parts, options, progress)
