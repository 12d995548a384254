"""The layers of a stack: each channel read by itself, then all laid on one grid."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annapalm.field import input_of_table, read_field, select_frames, unchanged
from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm.provenance import widefield_record
from annapalm.read import read_table
from annapalm.stack.channels import rows_of_channel
from annapalm.stack.errors import ChannelGridError, ChannelMissingError, ChannelPixelError
from annapalm.stack.windows import Windows
from annapalm.widefield import read_widefield

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annapalm.field import Channel, ChannelFile, FieldInput, FieldOptions
    from annapalm.model import Model
    from annapalm.progress import Progress
    from annapalm.read import TableOptions


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One channel of a stack, or all there is where there are no channels."""

    name: str
    """Of the channel; empty where there are none."""
    value: str | None
    """What it is called in the table's channel column; None where it has a file of its own."""
    model: Model
    structure: str | None
    table: TableOptions
    """What the user says about its table."""
    read: FieldInput
    """Its localizations of all frames, or counts; on the grid of the stack."""


def read_layers(
    model: Model,
    files: Sequence[ChannelFile],
    options: FieldOptions,
    progress: Progress | None = None,
) -> tuple[Layer, ...]:
    """Read all channels, or the one input there is, and lay them on the smallest common grid.

    `files` are parallel to `options.channels`; or one, whatever its name, without channels.
    Raises what `read_field` does, and a `StackError` where they cannot be one image.
    """
    channels = options.channels
    if not channels:
        (file,) = files
        read = read_field(
            file.source,
            model.info.pixel_nm,
            options,
            widefield=file.widefield,
            progress=progress,
        )
        return (Layer("", None, model, options.structure, options.table, read),)
    by_name = {file.name: file for file in files}
    missing = [channel.name for channel in channels if channel.name not in by_name]
    if missing:
        raise ChannelMissingError(files[0].source, missing)
    pixel_nm = common_pixel_nm(channels)
    layers: list[Layer] = []
    for group in _by_table(channels, by_name):
        layers += _read_group(group, by_name, options, pixel_nm, progress)
    order = [channel.name for channel in channels]
    return _on_one_grid(sorted(layers, key=lambda layer: order.index(layer.name)))


def windows_of(layers: Sequence[Layer], options: FieldOptions) -> Windows | None:
    """Divide the frames that are to be used; None where no time-lapse is asked for.

    They begin at `options.frames`, else at frame 0; or, where the first window would be empty, at
    the first localization of any layer. They end at `options.frames`, or with the last one.
    Raises `WindowTooLongError` and `TooManyWindowsError`.
    """
    if options.window is None:
        return None
    start, stop = options.frames or (0, None)
    frames = [locs_of(layer).frame for layer in layers]
    ends = [(int(own.min()), int(own.max())) for own in frames if len(own)]
    if options.frames is None and ends:
        first = min(low for low, _ in ends)
        start = first if first >= options.window else 0
    if stop is None:
        stop = max((high for _, high in ends), default=start - 1) + 1
    where = Path(layers[0].read.record["path"])
    step = options.window if options.step is None else options.step
    return Windows.over(where, (start, stop), options.window, step)


def locs_of(layer: Layer) -> Localizations:
    """Give the localizations of a layer of a time-lapse."""
    if not isinstance(layer.read.data, Localizations):
        raise TypeError  # counts and a window were refused when they were read
    return layer.read.data


def common_pixel_nm(channels: Sequence[Channel]) -> float:
    """Give the pixel of all channels' models in nm; raises `ChannelPixelError`."""
    first = channels[0]
    size = first.model.info.pixel_nm
    for other in channels:
        if other.model.info.pixel_nm != size:
            raise ChannelPixelError(first.name, size, other.name, other.model.info.pixel_nm)
    return size


def _by_table(channels: Sequence[Channel], files: dict[str, ChannelFile]) -> list[list[Channel]]:
    """Put the channels together that lie in one table, which is then read once."""
    groups: dict[object, list[Channel]] = {}
    for channel in channels:
        alone = channel.value is None
        key = channel.name if alone else (files[channel.name].source,)
        groups.setdefault(key, []).append(channel)
    return list(groups.values())


def _read_group(
    group: list[Channel],
    files: dict[str, ChannelFile],
    options: FieldOptions,
    pixel_nm: float,
    progress: Progress | None,
) -> list[Layer]:
    if group[0].value is None:
        (channel,) = group
        file = files[channel.name]
        own = replace(options, table=file.table or options.table)
        read = read_field(file.source, pixel_nm, own, widefield=file.widefield, progress=progress)
        return [Layer(channel.name, None, channel.model, channel.structure, own.table, read)]
    return _read_column(group, files, options, pixel_nm, progress)


def _read_column(
    group: list[Channel],
    files: dict[str, ChannelFile],
    options: FieldOptions,
    pixel_nm: float,
    progress: Progress | None,
) -> list[Layer]:
    """Read one table of several channels."""
    source = files[group[0].name].source
    start = time.perf_counter()
    layers = []
    with unchanged(source, *(files[channel.name].widefield for channel in group)):
        own = replace(options, table=files[group[0].name].table or options.table)
        table = read_table(source, replace(own.table, several_channels=True), progress)
        chosen, warnings = select_frames(table, own)
        rest = np.ones(len(table.localizations), np.bool_)
        masks = [rows_of_channel(table, channel.value or "") for channel in group]
        for mask in masks:
            rest &= ~mask
        left = int(np.count_nonzero(rest[chosen]))
        if left:
            unnamed = (
                f"{left:,} of {len(chosen):,} localizations are of channels that no --channel "
                "names; they were not used."
            )
            warnings = (*warnings, unnamed)
        for channel, mask in zip(group, masks, strict=True):
            path = files[channel.name].widefield
            image = None if path is None else read_widefield(path, options.widefield_pixel_nm)
            rows = chosen[mask[chosen]]
            read = input_of_table(table, rows, warnings, own, image, pixel_nm)
            if image is not None and path is not None:
                read = replace(read, widefield=widefield_record(image, path))
            layers.append(
                Layer(
                    channel.name,
                    channel.value,
                    channel.model,
                    channel.structure,
                    own.table,
                    read,
                )
            )
    # The table is read for all of them at once.
    seconds = (time.perf_counter() - start) / len(layers)
    return [replace(layer, read=replace(layer.read, seconds=seconds)) for layer in layers]


def _on_one_grid(layers: list[Layer]) -> tuple[Layer, ...]:
    """Widen all grids to the smallest that covers them; their rasters are the same already."""
    grids = [layer.read.grid for layer in layers]
    if all(grid == grids[0] for grid in grids):
        return tuple(layers)
    counts = [layer for layer in layers if not isinstance(layer.read.data, Localizations)]
    if counts:
        other = next(layer for layer in layers if layer.read.grid != counts[0].read.grid)
        paths = (Path(layer.read.record["path"]) for layer in (counts[0], other))
        raise ChannelGridError(*paths)
    extents = np.array([grid.extent_nm for grid in grids])
    low, high = extents.min(axis=0), extents.max(axis=0)
    extent = (float(low[0]), float(low[1]), float(high[2]), float(high[3]))
    grid = Grid.over(extent, grids[0].pixel_nm)
    return tuple(replace(layer, read=replace(layer.read, grid=grid)) for layer in layers)
