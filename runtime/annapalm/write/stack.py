"""More than one picture of a field to its files: a time-lapse, channels, or both.

One picture is in memory at a time: it is measured, its planes go to the disk, and it is let go. The
movie is drawn afterwards from what then lies on the disk, with one contrast for all windows.
"""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from annapalm.write.atomic import OutputSet
from annapalm.write.field import FieldOutput, output_paths, supersede_preview
from annapalm.write.movie import Movie, draw_still, movie_high, still_panels
from annapalm.write.ome_tiff import COLOURS, Times, channels, write_planes
from annapalm.write.schema import FIELD_SCHEMA
from annapalm.write.sidecar import (
    describe_image,
    output_record,
    picture_record,
    round_timings,
)
from annapalm.write.stack_words import Said, shown_words, warnings_of
from annapalm.write.text import json_text
from annapalm.write.thumbnails import make_thumbnails
from annapalm.write.trust import DOUBT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.reconstruction import Reconstruction
    from annapalm.write.atomic import StagedFile
    from annapalm.write.layout import Panel
    from annapalm.write.schema import (
        ChannelRecord,
        FieldRecord,
        ImageRecord,
        OutputRecord,
        PanelRecord,
        PictureRecord,
        SeriesRecord,
        WindowRecord,
    )
    from annapalm.write.stack_head import StackHead
    from annapalm.write.thumbnails import Thumbnails

LAYER_COLOURS = (0x00FF00FF, 0xFF00FFFF, 0x00FFFFFF, 0xFFFF00FF, 0xFF7F00FF, 0xFFFFFFFF)
"""RGBA in which viewers may show `dense` of each channel: green, magenta, cyan, ..."""


def write_stack(
    head: StackHead,
    pictures: Iterable[Reconstruction],
    stem_path: Path,
    *,
    overwrite: bool,
    compress: bool = False,
    preview: bool = True,
    doubt: float = DOUBT,
) -> FieldOutput:
    """Write the files of a field as `write_field` does, from pictures that are made as they go.

    `pictures` come window by window, and layer by layer of each. A map that a single picture lacks
    (the disagreement with the widefield image where the window is empty) is a plane of NaN, and
    the warnings say so. Raises what `pictures` raises and what `write_field` does; the folder is
    then as it was before.
    """
    start = time.perf_counter()
    coming = iter(pictures)
    first = next(coming)
    image = describe_image(head.grid, head.exposure, head.planes, first.tiles)
    coming = itertools.chain([first], coming)
    del first
    kept = _Kept(head, doubt, preview=preview)
    paths = output_paths(stem_path, preview=preview)
    written: list[OutputRecord] = []
    with OutputSet(overwrite=overwrite) as outputs:
        with outputs.stage(paths[0]) as stream:
            _write_image(stream, kept.planes(coming), head, image, stem_path.name, compress)
        if preview:
            with outputs.stage(paths[1]) as stream:
                kept.write_preview(stream, outputs.staged_path(paths[0]))
        elif overwrite:
            supersede_preview(outputs, stem_path)
        written += [output_record(path.name, outputs.staged_path(path)) for path in paths[:-1]]
        known = sum(kept.timings.values())
        timings = {**kept.timings, "write": max(0.0, time.perf_counter() - start - known)}
        record = kept.record(image, written, timings)
        with outputs.stage(paths[-1]) as stream:
            stream.write(f"{json_text(record)}\n".encode())
    return FieldOutput(paths, record, kept.thumbnails)


def _write_image(
    stream: StagedFile,
    planes: Iterator[NDArray[np.float32]],
    head: StackHead,
    image: ImageRecord,
    name: str,
    compress: bool,  # noqa: FBT001 - handed on
) -> None:
    windows = head.windows
    times = None
    details: dict[str, object] = {}
    if windows is not None:
        starts = tuple(window.start for window in windows)
        times = Times(starts, windows.size, windows.step, head.frame_time_ms)
        details["series"] = {
            "first_frame": windows.start,
            "window_frames": windows.size,
            "step_frames": windows.step,
            "windows": len(windows),
        }
    if head.layers[0].name:
        details["channels"] = {
            layer.name: {key: layer.provenance[key] for key in ("input", "widefield", "model")}
            for layer in head.layers
        }
    write_planes(
        stream,
        planes,
        image,
        head.layers[0].provenance,
        name=name,
        colours=_colours(head),
        compress=compress,
        times=times,
        details=details,
    )


def _colours(head: StackHead) -> list[int]:
    several = len(head.layers) > 1
    return [
        LAYER_COLOURS[index % len(LAYER_COLOURS)] if several and kind == "dense" else COLOURS[kind]
        for index, layer in enumerate(head.layers)
        for kind in layer.planes
    ]


@dataclass(slots=True)
class _Shown:
    """The most doubtful picture so far, of a layer or of all."""

    share: float = -math.inf
    window: int = 0
    record: PictureRecord | None = None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Kept:
    """What stays of the pictures when they are gone."""

    head: StackHead
    doubt: float
    preview: bool
    timings: dict[str, float] = field(default_factory=dict)
    _windows: list[WindowRecord] = field(default_factory=list)
    _said: list[Said] = field(default_factory=list)
    _worst: list[_Shown] = field(default_factory=list)
    _layer: int = -1
    """The layer of the most doubtful picture of all."""
    _thumbnails: Thumbnails | None = None
    _highs: list[float] = field(default_factory=list)
    _panels: list[list[Panel]] = field(default_factory=list)
    _contrast: dict[str, PanelRecord] = field(default_factory=dict)

    @property
    def thumbnails(self) -> Thumbnails:
        """Give the small pictures of the most doubtful one."""
        if self._thumbnails is None:
            raise TypeError  # there is always a picture
        return self._thumbnails

    def planes(self, pictures: Iterator[Reconstruction]) -> Iterator[NDArray[np.float32]]:
        """Measure each picture and yield its planes; none is kept while the next one is made."""
        for moment in range(self.head.moments):
            for index, layer in enumerate(self.head.layers):
                result = next(pictures)
                maps = channels(result)
                self._note(moment, index, result, [k for k in layer.planes if k not in maps])
                del result
                for kind in layer.planes:
                    plane = maps.pop(kind, None)
                    if plane is None:
                        plane = np.full(self.head.grid.shape, np.nan, np.float32)
                    yield plane
                    del plane

    def _note(self, moment: int, index: int, result: Reconstruction, missing: list[str]) -> None:
        record = picture_record(result, self.doubt)
        layer, windows = self.head.layers[index], self.head.windows
        lacks = tuple(f"There is no {kind} of it; its plane holds NaN." for kind in missing)
        warnings = (*result.warnings, *lacks)
        window = None if windows is None else windows.window(moment)
        self._said += [Said(layer.name, window, text) for text in warnings]
        for step, seconds in result.timings_s.items():
            self.timings[step] = self.timings.get(step, 0.0) + seconds
        share = record["trust"]["doubtful_share"]
        shown = _Shown(-1.0 if share is None else share, moment, record, warnings)
        if moment == 0:
            self._worst.append(_Shown())
        overall = self._worst[self._layer].share if self._layer >= 0 else -math.inf
        if shown.share > overall:
            self._layer = index
            self._thumbnails = make_thumbnails(result, self.doubt)
        if shown.share > self._worst[index].share:
            self._worst[index] = shown
        if window is not None:
            frame_s = (self.head.frame_time_ms or 0) / 1000
            self._windows.append(
                {
                    "window": moment,
                    "channel": layer.name or None,
                    "frames": [window.start, window.stop - 1],
                    "start_s": round(window.start * frame_s, 9) if frame_s else None,
                    **record,
                    "tiles": result.tiles,
                    "warnings": list(warnings),
                }
            )
        if self.preview and windows is not None:
            if moment == 0:
                self._highs.append(0.0)
            self._highs[index] = max(self._highs[index], movie_high(result))
        elif self.preview:
            self._panels.append(still_panels(result, layer.name))

    def write_preview(self, stream: StagedFile, image: Path) -> None:
        """Write the picture of all channels, or the movie of what `image` holds."""
        windows = self.head.windows
        if windows is None:
            stream.write(draw_still(self._panels, self.head.grid))
            self._contrast = {p.name: p.contrast for row in self._panels for p in row}
            return
        shares = [w["trust"]["doubtful_share"] for w in self._windows]
        movie = Movie(
            windows=windows,
            frame_time_ms=self.head.frame_time_ms,
            names=tuple(layer.name for layer in self.head.layers),
            first_planes=tuple(
                itertools.accumulate((len(layer.planes) for layer in self.head.layers), initial=0)
            ),
            highs=tuple(self._highs),
            doubtful=tuple(shares) if len(self.head.layers) == 1 else None,
            grid=self.head.grid,
        )
        for chunk in movie.chunks(image):
            stream.write(chunk)
        self._contrast = movie.contrast

    def record(
        self, image: ImageRecord, outputs: list[OutputRecord], timings_s: dict[str, float]
    ) -> FieldRecord:
        """Assemble the sidecar."""
        head, worst = self.head, self._worst[self._layer]
        shown = head.layers[self._layer]
        if worst.record is None:
            raise TypeError  # there is always a picture
        where = shown_words(head.layers, shown, head.windows, worst.window)
        own = [Said(layer.name, None, text) for layer in head.layers for text in layer.warnings]
        said = [
            *where,
            *head.warnings,
            *warnings_of(own, len(head.layers)),
            *warnings_of(self._said, len(head.layers) * head.moments),
        ]
        return {
            "schema": FIELD_SCHEMA,
            "outputs": outputs,
            "image": image,
            **worst.record,
            "series": self._series(worst.window),
            "channels": self._channels(),
            "preview": self._contrast,
            "warnings": said,
            "timings_s": round_timings(timings_s),
            "provenance": shown.provenance,
        }

    def _series(self, shown: int) -> SeriesRecord | None:
        windows = self.head.windows
        if windows is None:
            return None
        rest = windows.left_over
        return {
            "window_frames": windows.size,
            "step_frames": windows.step,
            "frame_time_ms": self.head.frame_time_ms,
            "left_over": None if rest is None else [rest[0], rest[1] - 1],
            "unused": self.head.unused,
            "shown": shown,
            "windows": self._windows,
        }

    def _channels(self) -> list[ChannelRecord] | None:
        if not self.head.layers[0].name:
            return None
        found: list[ChannelRecord] = []
        for layer, shown in zip(self.head.layers, self._worst, strict=True):
            if shown.record is None:
                raise TypeError  # there is always a picture
            found.append(
                {
                    "name": layer.name,
                    "value": layer.value,
                    "planes": [layer.plane_name(kind) for kind in layer.planes],
                    "input": layer.provenance["input"],
                    "widefield_input": layer.provenance["widefield"],
                    "model": layer.provenance["model"],
                    **shown.record,
                    "warnings": [*layer.warnings, *shown.warnings],
                }
            )
        return found
