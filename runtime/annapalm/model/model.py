"""A loaded model: localizations in, a dense image with its error map out."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from annapalm.domain import judge, measure_drift, measure_precision
from annapalm.errors import InvalidValueError
from annapalm.localizations import Localizations
from annapalm.memory import BYTES_PER_PX, budget_bytes
from annapalm.model.errors import OutOfMemoryError
from annapalm.model.inputs import (
    check_exposure,
    check_quarter,
    quarter_shape,
    sparse_image,
    structure_weights,
)
from annapalm.model.run import FieldInput, Runner
from annapalm.model.warn import warn_of_domain, warn_of_input, warn_of_memory, warn_of_widefield
from annapalm.quality.structure import structure_per_um2
from annapalm.reconstruction import Reconstruction
from annapalm.tile import check_tile, choose_tile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annapalm.contract import ModelInfo
    from annapalm.cross_check import CrossCheck
    from annapalm.grid import Grid
    from annapalm.model.device import DeviceChoice
    from annapalm.model.file import ModelFile
    from annapalm.model.run import FieldOutput
    from annapalm.model.session import Engine, Results, SessionOptions
    from annapalm.progress import Progress
    from annapalm.render import CountImage
    from annapalm.widefield import PreparedWidefield, WidefieldImage

_Found = TypeVar("_Found")

_GPU_BUDGET_BYTES = 4 * 2**30
"""What a run may plan with on a GPU, whose free memory ONNX Runtime does not tell: one FOV in one
piece, and room for the acquisition program. Where it is too much, the tile is halved."""


class Model:
    """A model on a device, warm; made by `load_model`.

    A host may use it as often, and from as many threads at once, as it likes: it has no state that
    changes.
    """

    info: ModelInfo
    """What the model says of itself."""
    device: DeviceChoice
    """What it runs on, and why."""
    path: Path
    """The file it was read from."""
    sha256: str
    """Of that file's bytes, hexadecimal."""

    def __init__(
        self, file: ModelFile, engine: Engine, device: DeviceChoice, options: SessionOptions
    ) -> None:
        self.info, self.path, self.sha256 = file.info, file.path, file.sha256
        self.device = device
        self._memory_bytes = options.memory_bytes
        name = f"{file.info.name} {file.info.version}"
        self._runner = Runner(engine, name, device.device, file.info.stride, file.info.halo_px)

    def __repr__(self) -> str:
        return f"<Model {self.info.name} {self.info.version} on {self.device}>"

    def reconstruct(
        self,
        localizations_or_counts: Localizations | NDArray[Any],
        widefield: WidefieldImage | NDArray[Any] | None = None,
        *,
        grid: Grid | None = None,
        exposure: float = 1.0,
        structure: str | None = None,
        withhold: bool = True,
        tile_px: int | Literal["auto"] | None = "auto",
        progress: Progress | None = None,
    ) -> Reconstruction:
        """Reconstruct one field of view.

        Args:
            localizations_or_counts: localizations, rendered onto `grid`; or counts [Y, X], whole
                numbers >= 0 of any real dtype, in localizations per pixel of the model's size.
            widefield: a widefield image, which is prepared here (background, registration,
                sampling), or one prepared already, >= 0, [ceil(Y/4), ceil(X/4)].
            grid: where the pixels lie; None: the camera's field where the localizations or the
                widefield image tell it, else `Grid.around` the localizations; counts: from (0, 0).
            exposure: results are asked for this many times the exposure of the input.
            structure: one of `info.structures`; may be left out where there is only one.
            withhold: draw nothing where the localizations look like background without structure
                and no widefield image shows any (`Reconstruction.withheld`), and say so; False:
                draw all the same, with a warning.
            tile_px: edge of a tile; "auto": the whole field where memory allows; None: the whole
                field in any case. All give the same pixels on the CPU.
            progress: follows the tiles and may cancel.

        Returns images [Y, X] float32; localizations per pixel over `exposure`. Without any
        localization they are zeros, with a warning: the network is then not asked.

        Raises `InvalidValueError`, `PixelSizeError`, `StructureError` and the widefield errors for
        input that cannot be meant; `CancelledError`; `OutOfMemoryError`, `InferenceError` and
        `ModelContractError` where the network fails. There is never a partial result.
        """
        call = _Call(
            widefield, grid, check_exposure(exposure), structure, withhold, tile_px, progress
        )
        weights = self._check_call(call)
        with self._memory_named():
            return self._reconstruct(localizations_or_counts, weights, call)

    def cross_check(
        self,
        localizations: Localizations,
        widefield: WidefieldImage | NDArray[Any] | None = None,
        *,
        grid: Grid | None = None,
        structure: str | None = None,
        tile_px: int | Literal["auto"] | None = "auto",
        progress: Progress | None = None,
    ) -> CrossCheck:
        """Reconstruct from half of the frames and test it by the localizations of the other half.

        Arguments as of `reconstruct`; it takes localizations, for counts have no frames. It costs
        one reconstruction and a little more. `annapalm.cross_check.check` tests any picture.

        Raises `annapalm.cross_check.CrossCheckError` where there are too few localizations or
        frames, and what `reconstruct` raises.
        """
        from annapalm.cross_check.of_model import check_halves  # only where it is asked for

        if not isinstance(localizations, Localizations):
            raise InvalidValueError(
                "localizations",
                type(localizations).__name__,
                "Localizations: an image of counts has no frames to hold out",
            )
        call = _Call(widefield, grid, 1.0, structure, False, tile_px, progress)  # noqa: FBT003
        weights = self._check_call(call)
        with self._memory_named():
            size_nm = getattr(widefield, "size_nm", None)
            counts, on, _ = sparse_image(localizations, grid, self.info, size_nm)
            quarter = None
            if widefield is not None:
                # Registered with all localizations: half of them might register otherwise.
                quarter = self._prepare(widefield, counts, on, localizations.field_nm).quarter

            def draw(seen: Localizations, exposure: float) -> Results:
                half, _, _ = sparse_image(seen, on, self.info)
                lit = None if quarter is None else self._prepare(quarter, half, on, None)
                return self._draw(half, on, lit, weights, replace(call, exposure=exposure)).images

            return check_halves(draw, localizations, on)

    def _reconstruct(
        self, source: Localizations | NDArray[Any], weights: NDArray[np.float32], call: _Call
    ) -> Reconstruction:
        clock = _Clock()
        with clock.time("render"):
            size_nm = getattr(call.widefield, "size_nm", None)
            counts, grid, outside = sparse_image(source, call.grid, self.info, size_nm)
        prepared = None
        if call.widefield is not None:
            with clock.time("widefield"):
                field_nm = source.field_nm if isinstance(source, Localizations) else None
                prepared = self._prepare(call.widefield, counts, grid, field_nm)
        is_lit = prepared is not None and prepared.scale > 0
        with clock.time("judge"):
            asked = call.structure or self.info.structures[0]
            familiarity = judge(counts, grid.pixel_nm, asked)
            is_noise = familiarity is not None and familiarity.is_noise
            drift = precision = None
            if isinstance(source, Localizations):  # counts have no frames
                # Without structure there is nothing that a drift could be told from.
                drift = None if is_noise else measure_drift(source, counts, grid)
                precision = measure_precision(source)
        is_bare = familiarity is not None and familiarity.is_bare
        withheld = call.withhold and is_bare and not is_lit
        with clock.time("network"):
            output = self._draw(counts, grid, prepared, weights, call)
        images = output.images
        if withheld:
            from annapalm.model.withhold import withhold  # hardly ever needed

            images = self._with_room(partial(withhold, images))
        agreement = None
        if prepared is not None and is_lit:
            with clock.time("compare"):
                from annapalm.widefield import explain  # only where there is a widefield image

                psf_nm = self.info.psf_sigma_nm
                agreement = self._with_room(
                    partial(explain, images["dense"], prepared, grid, psf_nm)
                )
        sampling = self._with_room(partial(structure_per_um2, counts, images["dense"], grid))
        return Reconstruction(
            dense=images["dense"],
            error=images["error"],
            background=images["background"],
            counts=counts,
            grid=grid,
            outside=outside,
            exposure=call.exposure,
            widefield=agreement,
            familiarity=familiarity,
            withheld=withheld,
            drift=drift,
            precision=precision,
            warnings=(
                *warn_of_input(counts, grid, outside, self.info),
                *warn_of_domain(familiarity, drift, precision, withheld=withheld),
                *warn_of_widefield(prepared, is_empty=not counts.any()),
                *warn_of_memory(output),
            ),
            intervals=self.info.intervals_of(
                call.structure, widefield=agreement is not None, per_um2=sampling
            ),
            tiles=output.tiles,
            timings_s=clock.seconds,
        )

    def _draw(
        self,
        counts: CountImage,
        grid: Grid,
        prepared: PreparedWidefield | None,
        weights: NDArray[np.float32],
        call: _Call,
    ) -> FieldOutput:
        """Ask the network; of a field without localizations there is nothing to ask."""
        field = FieldInput(
            counts=counts,
            quarter=_no_widefield(grid) if prepared is None else prepared.quarter,
            widefield_scale=0.0 if prepared is None else prepared.scale,
            exposure=call.exposure,
            structure=weights,
        )
        if not counts.any():
            return self._runner.skip(field, call.progress)
        return self._runner.run(field, self._tile(call.tile_px, grid.shape), call.progress)

    def _check_call(self, call: _Call) -> NDArray[np.float32]:
        """Refuse a structure and a tile that cannot be; give the network's structure input."""
        weights = structure_weights(call.structure, self.info)
        if call.tile_px is not None and call.tile_px != "auto":
            check_tile(call.tile_px, self.info.halo_px, self.info.stride)
        return weights

    def _with_room(self, work: Callable[[], _Found]) -> _Found:
        """Do what follows the network; where memory runs out, once more without what it keeps.

        The network keeps memory for its next run, most of what a run takes. `work` changes nothing.
        """
        try:
            return work()
        except MemoryError:
            self._runner.engine.release()
            return work()

    @contextmanager
    def _memory_named(self) -> Iterator[None]:
        """Say of which model and device memory ran out."""
        try:
            yield
        except OutOfMemoryError:
            raise
        except MemoryError as error:
            raise OutOfMemoryError(self._runner.label, self.device.device) from error

    def _tile(self, tile_px: int | Literal["auto"] | None, shape: tuple[int, int]) -> int | None:
        """Tile to begin with."""
        if tile_px != "auto":
            return tile_px
        budget = self._memory_bytes
        if budget is None:
            budget = budget_bytes() if self.device.device == "cpu" else _GPU_BUDGET_BYTES
        return choose_tile(shape, self.info.halo_px, self.info.stride, budget, BYTES_PER_PX)

    def _prepare(
        self,
        widefield: WidefieldImage | NDArray[Any],
        counts: CountImage,
        grid: Grid,
        field_nm: tuple[float, float] | None,
    ) -> PreparedWidefield:
        """Bring a widefield image onto the quarter grid, or check one that is there already."""
        from annapalm import widefield as wf  # only where there is a widefield image

        if isinstance(widefield, wf.WidefieldImage):
            wf.check_covers(widefield, grid, field_nm)
            return wf.prepare_widefield(widefield, grid, counts, self.info.psf_sigma_nm)
        quarter = check_quarter(widefield, grid.shape)
        total, localizations = (float(i.sum(dtype=np.float64)) for i in (quarter, counts))
        return wf.PreparedWidefield(
            quarter=quarter,
            scale=total / localizations if localizations > 0 else 0.0,
            shift_nm=(0.0, 0.0),
            background=0.0,
            correlation=None,
            warnings=(),
        )


def _no_widefield(grid: Grid) -> NDArray[np.float32]:
    return np.zeros(quarter_shape(grid.shape), np.float32)


@dataclass(frozen=True, slots=True)
class _Call:
    """The checked options of one call of `reconstruct`."""

    widefield: WidefieldImage | NDArray[Any] | None
    grid: Grid | None
    exposure: float
    structure: str | None
    withhold: bool
    tile_px: int | Literal["auto"] | None
    progress: Progress | None


class _Clock:
    """Wall times of the steps, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - start
