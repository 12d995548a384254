"""A time-lapse, channels, or both: one picture after the other, and their files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from annapalm.field import provenance_of, reconstruct_field
from annapalm.model.inputs import sparse_image
from annapalm.stack.frames import FramesOf
from annapalm.stack.read import locs_of, windows_of
from annapalm.stack.windows import Windows
from annapalm.write.stack import write_stack
from annapalm.write.stack_head import StackHead, StackLayer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from annapalm.field import FieldInput, FieldOptions
    from annapalm.grid import Grid
    from annapalm.localizations import Localizations
    from annapalm.model import Model
    from annapalm.progress import Progress
    from annapalm.reconstruction import Reconstruction
    from annapalm.stack.read import Layer
    from annapalm.stack.windows import Window
    from annapalm.widefield import WidefieldImage
    from annapalm.write import FieldOutput


def draw_stack(
    layers: Sequence[Layer], stem: Path, options: FieldOptions, progress: Progress | None = None
) -> FieldOutput:
    """Draw all windows of all layers and write their files, one picture in memory at a time.

    Raises what `windows_of`, `reconstruct_field` and `write_stack` do; nothing is then left of it.
    """
    windows = windows_of(layers, options)
    frames = [] if windows is None else [FramesOf(locs_of(layer)) for layer in layers]
    head = _head(layers, frames, windows, options)
    return write_stack(
        head,
        _pictures(layers, frames, windows, options, progress),
        stem,
        overwrite=options.overwrite,
        compress=options.compress,
        preview=options.preview,
        doubt=options.doubt,
    )


def reconstruct_windows(
    model: Model,
    localizations: Localizations,
    widefield: WidefieldImage | None = None,
    *,
    size: int,
    step: int | None = None,
    frames: tuple[int, int] | None = None,
    grid: Grid | None = None,
    exposure: float = 1.0,
    structure: str | None = None,
    withhold: bool = True,
    tile_px: int | Literal["auto"] | None = "auto",
    progress: Progress | None = None,
) -> Iterator[tuple[Window, Reconstruction]]:
    """Reconstruct each window of `size` frames, one every `step`, on one grid.

    `step` None: `size`. `frames`: start <= frame < stop; None: from 0 to the last localization.
    `grid` None: chosen by all localizations, as
    `reconstruct` does. The rest as of `Model.reconstruct`, to which each window
    is a call of its own: it gives the same pixels. Frames behind the last whole window have none.
    Raises `InvalidValueError` at once where not one window fits, and what `reconstruct` raises.
    """
    last = int(localizations.frame.max()) if len(localizations) else -1
    start, stop = (0, last + 1) if frames is None else frames
    windows = Windows(size, size if step is None else step, start, stop)
    # As one call of all frames would choose it; each window is then drawn on the same.
    _, whole, _ = sparse_image(
        localizations, grid, model.info, None if widefield is None else widefield.size_nm
    )
    found = FramesOf(localizations)

    def pictures() -> Iterator[tuple[Window, Reconstruction]]:
        for window in windows:
            yield (
                window,
                model.reconstruct(
                    found.window(window),
                    widefield,
                    grid=whole,
                    exposure=exposure,
                    structure=structure,
                    withhold=withhold,
                    tile_px=tile_px,
                    progress=_part(progress, window.index, len(windows)),
                ),
            )

    return pictures()


def _pictures(
    layers: Sequence[Layer],
    frames: Sequence[FramesOf],
    windows: Windows | None,
    options: FieldOptions,
    progress: Progress | None,
) -> Iterator[Reconstruction]:
    """Make one picture after the other; none is kept here."""
    moments: Sequence[Window | None] = [None] if windows is None else list(windows)
    total = len(moments) * len(layers)
    for moment, window in enumerate(moments):
        for index, layer in enumerate(layers):
            read = layer.read if window is None else _cut(layer.read, frames[index], window)
            yield reconstruct_field(
                layer.model,
                # What holds for the whole input is said once, not in every picture.
                replace(read, warnings=(), seconds=layer.read.seconds if moment == 0 else 0.0),
                replace(options, structure=layer.structure),
                _part(progress, moment * len(layers) + index, total),
            )


def _cut(read: FieldInput, frames: FramesOf, window: Window) -> FieldInput:
    return replace(read, data=frames.window(window))


def _head(
    layers: Sequence[Layer],
    frames: Sequence[FramesOf],
    windows: Windows | None,
    options: FieldOptions,
) -> StackHead:
    return StackHead(
        grid=layers[0].read.grid,
        exposure=options.exposure,
        layers=tuple(_layer(layer, options) for layer in layers),
        windows=windows,
        frame_time_ms=options.frame_time_ms,
        unused=0 if windows is None else sum(_unused(own, windows) for own in frames),
        warnings=()
        if windows is None
        else _warn_of_windows(layers, frames, windows, asked=options.frames is not None),
    )


def _layer(layer: Layer, options: FieldOptions) -> StackLayer:
    planes = ["dense", "error"]
    if layer.read.image is not None:
        planes.append("widefield_error")
    if options.cross_check:
        planes.append("cross_check")
    return StackLayer(
        name=layer.name,
        value=layer.value,
        planes=tuple(planes),
        provenance=provenance_of(
            layer.model, layer.read, replace(options, table=layer.table), layer.structure
        ),
        warnings=layer.read.warnings,
    )


def _unused(frames: FramesOf, windows: Windows) -> int:
    """Count the localizations that are in no window."""
    if windows.step <= windows.size:  # without gaps
        used = frames.count(windows.start, windows.window(len(windows) - 1).stop)
    else:
        used = sum(frames.count(window.start, window.stop) for window in windows)
    return len(frames) - used


def _warn_of_windows(
    layers: Sequence[Layer], frames: Sequence[FramesOf], windows: Windows, *, asked: bool
) -> tuple[str, ...]:
    """Say which frames are in no picture, and what one widefield image for all of them means.

    `asked`: whether the user said where to begin.
    """
    said = []
    if windows.start > 0 and not asked:
        said.append(
            f"The series begins with frame {windows.start}, the first that has a localization."
        )
    rest = windows.left_over
    if rest is not None:
        count = sum(own.count(*rest) for own in frames)
        said.append(
            f"Frames {rest[0]} to {rest[1] - 1} ({count:,} localizations) are no whole window and "
            "are in no picture."
        )
    if windows.step > windows.size and len(windows) > 1:
        between = sum(_unused(own, windows) for own in frames)
        between -= 0 if rest is None else sum(own.count(*rest) for own in frames)
        said.append(
            f"Between the windows {windows.step - windows.size} of every {windows.step} frames "
            f"({between:,} localizations) are in no picture: the step is longer than the window."
        )
    if len(windows) > 1 and any(layer.read.image is not None for layer in layers):
        said.append(
            "One widefield image helped to draw all windows. Where the sample moved, it puts "
            "structure where that was at another moment, and neither the error map nor RSP tells."
        )
    return tuple(said)


@dataclass(frozen=True, slots=True)
class _Part:
    """The progress of one picture, told as part of all of them."""

    whole: Progress
    index: int
    count: int

    def advance(self, done: int, total: int) -> None:
        """Hear of the tiles of this picture."""
        self.whole.advance(self.index * total + done, self.count * total)

    def cancelled(self) -> bool:
        """Ask whether to stop."""
        return self.whole.cancelled()


def _part(progress: Progress | None, index: int, count: int) -> Progress | None:
    return None if progress is None else _Part(progress, index, count)
