"""A field of view through the network: tiles in, one picture out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annapalm.contract import OUTPUTS, QUARTER
from annapalm.errors import CancelledError
from annapalm.model.device import runtime_errors
from annapalm.model.errors import InferenceError, ModelContractError, OutOfMemoryError
from annapalm.model.inputs import pad, quarter_shape
from annapalm.model.session import one_line
from annapalm.tile import halved_tile, padded_shape, plan_tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.model.session import Engine, Feeds, Results
    from annapalm.progress import Progress
    from annapalm.tile import Tile

_SCALES = {name: QUARTER if "H4" in shape else 1 for name, shape in OUTPUTS.items()}
"""Output to how much coarser than the field it is."""

_MEMORY_WORDS = ("bad_alloc", "allocate memory", "out of memory", "alloc_failed", "memoryerror")
"""How ONNX Runtime, CUDA, cuDNN and cuBLAS say that memory ran out; they have no type for it."""


@dataclass(frozen=True, slots=True)
class FieldInput:
    """All that the network gets for one field of view; nothing of it depends on a tile."""

    counts: NDArray[np.float32]
    """float32 [Y, X]."""
    quarter: NDArray[np.float32]
    """Widefield image, float32 [ceil(Y/4), ceil(X/4)]; zeros where there is none."""
    widefield_scale: float
    exposure: float
    structure: NDArray[np.float32]
    """float32 [1, S]."""


@dataclass(frozen=True, slots=True)
class FieldOutput:
    """The network's results over the field, cropped to it."""

    images: Results
    """Output name to float32 [Y, X] or [ceil(Y/4), ceil(X/4)]."""
    tiles: int
    tile_px: int | None
    """The tile that was used in the end; None: the whole field in one piece."""
    shrunk_from: int | None
    """Pieces of the first plan, where memory ran out and smaller tiles were taken; else None."""


@dataclass(frozen=True, slots=True)
class Runner:
    """A model ready to run, with the numbers that tiling needs."""

    engine: Engine
    label: str
    device: str
    stride: int
    halo_px: int

    def run(self, field: FieldInput, tile_px: int | None, progress: Progress | None) -> FieldOutput:
        """Run a field, in smaller tiles again where memory runs out: the same pixels either way.

        Raises `OutOfMemoryError`, `InferenceError`, `ModelContractError`, `CancelledError`, and
        `InvalidValueError` for a tile that cannot be.
        """
        shape = field.counts.shape[0], field.counts.shape[1]
        padded = padded_shape(shape, self.stride)
        field = replace(
            field,
            counts=pad(field.counts, padded),
            quarter=pad(field.quarter, (padded[0] // QUARTER, padded[1] // QUARTER)),
        )
        images = _empty(shape)
        first: int | None = None
        while True:
            tiles = plan_tiles(padded, tile_px, self.halo_px, self.stride)
            if self._run_tiles(tiles, field, images, progress):
                return FieldOutput(images, len(tiles), tile_px, first)
            first = first or len(tiles)
            smaller = halved_tile(shape, tile_px, self.halo_px, self.stride)
            if smaller is None:
                raise OutOfMemoryError(self.label, self.device, tiles[0].shape)
            tile_px = smaller
            self.engine.release()  # else the next, smaller try finds the memory still taken

    def skip(self, field: FieldInput, progress: Progress | None) -> FieldOutput:
        """Give zeros without asking the network: what a field without localizations shows."""
        _report(progress, 0, 1)
        if progress is not None:
            progress.advance(1, 1)
        return FieldOutput(_empty((field.counts.shape[0], field.counts.shape[1])), 0, None, None)

    def _run_tiles(
        self,
        tiles: tuple[Tile, ...],
        field: FieldInput,
        images: Results,
        progress: Progress | None,
    ) -> bool:
        """Run all tiles into `images`; False where memory ran out (`images` is then worthless)."""
        for done, tile in enumerate(tiles):
            _report(progress, done, len(tiles))
            try:
                results = self.engine.run(_feeds(field, tile))
            except ModelContractError:
                raise
            except runtime_errors() as error:
                if _is_out_of_memory(error):
                    return False
                place = f"tile {done + 1} of {len(tiles)} ({' x '.join(map(str, tile.shape))} px)"
                raise InferenceError(self.label, self.device, place, one_line(error)) from error
            self._keep(tile, results, images)
        if progress is not None:
            progress.advance(len(tiles), len(tiles))
        return True

    def _keep(self, tile: Tile, results: Results, images: Results) -> None:
        """Copy a tile's core into the field's images, what lies in the padding left out."""
        for name, scale in _SCALES.items():
            kept = images[name][tile.core(scale)]
            core = results[name][0, 0][tile.core_in_read(scale)]
            core = core[: kept.shape[0], : kept.shape[1]]
            _check_pixels(core, name, self.label)
            kept[...] = core


def _feeds(field: FieldInput, tile: Tile) -> Feeds:
    """Make what the network gets for one tile: the same numbers for every tile, and its pixels."""
    return {
        "counts": np.ascontiguousarray(field.counts[tile.read()])[None, None],
        "widefield": np.ascontiguousarray(field.quarter[tile.read(QUARTER)])[None, None],
        "widefield_scale": np.full((1, 1), field.widefield_scale, np.float32),
        "exposure": np.full((1, 1), field.exposure, np.float32),
        "structure": field.structure,
    }


def _check_pixels(image: NDArray[np.float32], name: str, label: str) -> None:
    """Refuse rates that are not finite or below 0; a minimum of NaN is NaN."""
    if image.size == 0:
        return
    low, high = float(image.min()), float(image.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ModelContractError(label, f"its result '{name}' is not finite everywhere")
    if low < 0:
        raise ModelContractError(label, f"its result '{name}' is below 0 somewhere ({low:g})")


def _empty(shape: tuple[int, int]) -> Results:
    sizes = {1: shape, QUARTER: quarter_shape(shape)}
    return {name: np.zeros(sizes[scale], np.float32) for name, scale in _SCALES.items()}


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is None:
        return
    progress.advance(done, total)
    if progress.cancelled():
        raise CancelledError


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(word in text for word in _MEMORY_WORDS)
