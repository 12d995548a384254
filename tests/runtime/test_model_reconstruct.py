"""What `Model.reconstruct` gives, warns of and refuses."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from contract_model import build_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annapalm import Grid, Localizations, load_model
from annapalm.errors import CancelledError, InvalidValueError
from annapalm.model import SessionOptions
from annapalm.model.errors import (
    InferenceError,
    ModelContractError,
    OutOfMemoryError,
    PixelSizeError,
)
from annapalm.model.model import Model
from annapalm.model.session import CpuEngine
from annapalm.render import render
from annapalm.widefield import WidefieldImage

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.model.session import Feeds, Results
    from annapalm.reconstruction import Reconstruction


@dataclass
class Follower:
    """A host's progress: remembers what it heard, and stops when told."""

    stop_at: int | None = None
    heard: list[tuple[int, int]] = field(default_factory=list)

    def advance(self, done: int, total: int) -> None:
        self.heard.append((done, total))

    def cancelled(self) -> bool:
        return self.stop_at is not None and self.heard[-1][0] >= self.stop_at


def counts_of(shape: tuple[int, int], seed: int = 0, mean: float = 0.05) -> np.ndarray:
    counts = np.random.default_rng(seed).poisson(mean, shape)
    counts[0, 0] += 1  # never empty
    return counts


def assert_same_picture(first: Reconstruction, second: Reconstruction) -> None:
    for name in ("dense", "error", "background", "counts"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


# Tiles


@given(
    shape=st.tuples(st.integers(1, 330), st.integers(1, 330)),
    tile_px=st.integers(9, 20).map(lambda n: 16 * n),
    seed=st.integers(0, 1000),
    mean=st.sampled_from([0.002, 0.05, 2.0]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_tiled_and_whole_are_the_same_picture_bit_for_bit(
    shape: tuple[int, int], tile_px: int, seed: int, mean: float, tiny_model: Model
) -> None:
    counts = counts_of(shape, seed, mean)
    whole = tiny_model.reconstruct(counts, tile_px=None)
    assert whole.dense.shape == shape
    assert_same_picture(tiny_model.reconstruct(counts, tile_px=tile_px), whole)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (16, 16), (17, 15), (255, 257)])
def test_sizes_around_the_stride_come_back_as_they_were(
    shape: tuple[int, int], tiny_model: Model
) -> None:
    result = tiny_model.reconstruct(counts_of(shape))
    assert result.dense.shape == result.error.shape == result.counts.shape == shape
    assert result.background.shape == (-(-shape[0] // 4), -(-shape[1] // 4))
    assert result.background_at_full_size().shape == shape
    assert result.dense.dtype == np.float32
    assert result.dense.flags.c_contiguous


def test_padding_reaches_into_the_field_like_emptiness(tiny_model: Model) -> None:
    counts = counts_of((100, 90))
    larger = np.zeros((112, 96), int)
    larger[:100, :90] = counts
    cropped = tiny_model.reconstruct(larger).dense[:100, :90]
    np.testing.assert_array_equal(tiny_model.reconstruct(counts).dense, cropped)


def test_a_shifted_field_is_a_shifted_picture(tiny_model: Model) -> None:
    counts = counts_of((400, 400))
    moved = tiny_model.reconstruct(counts[32:, 48:]).dense
    still = tiny_model.reconstruct(counts).dense
    np.testing.assert_array_equal(moved[64:, 64:], still[96:, 112:])


def test_the_halo_of_the_tiny_model_is_enough_and_none_of_it_is_wasted(tiny_model: Model) -> None:
    counts = counts_of((256, 256))
    changed = counts.copy()
    changed[:, 144:] += 1
    before, after = (tiny_model.reconstruct(c).dense for c in (counts, changed))
    touched = np.flatnonzero((before != after).any(axis=0))
    assert 144 - 64 <= touched.min() <= 144 - 16


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_do_not_change_the_picture(
    threads: int, tiny_model: Model, tiny_model_path: Path
) -> None:
    other = load_model(tiny_model_path, "cpu", SessionOptions(threads=threads))
    counts = counts_of((320, 300))
    assert_same_picture(other.reconstruct(counts), tiny_model.reconstruct(counts))


def test_a_small_budget_means_tiles_and_a_large_one_none(tiny_model_path: Path) -> None:
    counts = counts_of((400, 500))
    small, large = (
        load_model(tiny_model_path, "cpu", SessionOptions(memory_bytes=size))
        for size in (2**23, 2**30)
    )
    tiled, whole = small.reconstruct(counts), large.reconstruct(counts)
    assert tiled.tiles > 1
    assert whole.tiles == 1
    assert tiled.warnings == whole.warnings == ()
    assert_same_picture(tiled, whole)


@pytest.mark.parametrize(
    ("tile_px", "message"),
    [
        (100, "tile_px is 100, but it must be at least 144 px"),
        (150, "tile_px is 150, but it must be a multiple of the stride, 16 px: 144 or 160"),
        ("640", "tile_px is '640', but it must be a whole number of pixels"),
        (True, "tile_px is True"),
        (200.0, "tile_px is 200.0"),
    ],
)
def test_a_tile_that_cannot_be_is_refused(tile_px: Any, message: str, tiny_model: Model) -> None:
    with pytest.raises(InvalidValueError) as caught:
        tiny_model.reconstruct(counts_of((20, 20)), tile_px=tile_px)
    assert message in str(caught.value)


def test_many_threads_may_use_one_model(tiny_model: Model) -> None:
    fields = [counts_of((180 + 16 * n, 200), seed=n) for n in range(6)]
    alone = [tiny_model.reconstruct(counts) for counts in fields]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(tiny_model.reconstruct, fields))
    for first, second in zip(alone, together, strict=True):
        assert_same_picture(first, second)


# Input


def test_localizations_and_their_counts_give_the_same_picture(
    tiny_model: Model, some_localizations: Localizations
) -> None:
    grid = Grid.around(some_localizations, 20.0)
    counts, outside = render(some_localizations, grid)
    result = tiny_model.reconstruct(some_localizations)
    assert result.grid == grid
    assert result.outside == outside == 0
    assert_same_picture(result, tiny_model.reconstruct(counts, grid=grid))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", "uint64", "f2", "f4", "f8"])
def test_counts_of_any_real_type_are_taken(dtype: str, tiny_model: Model) -> None:
    counts = np.minimum(counts_of((50, 40)), 1)
    expected = tiny_model.reconstruct(counts)
    assert_same_picture(tiny_model.reconstruct(counts.astype(dtype)), expected)
    strided = np.zeros((100, 80), dtype)
    strided[::2, ::2] = counts
    assert_same_picture(tiny_model.reconstruct(strided[::2, ::2]), expected)


def test_the_callers_array_is_left_alone(tiny_model: Model) -> None:
    counts = counts_of((33, 33)).astype(np.float32)
    before = counts.copy()
    tiny_model.reconstruct(counts)
    np.testing.assert_array_equal(counts, before)


def _with(value: float, dtype: Any = np.float64) -> np.ndarray:
    counts = np.ones((8, 8), dtype)
    counts[3, 4] = value
    return counts


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (_with(np.nan), "counts is 'not finite somewhere'"),
        (_with(np.inf), "counts is 'not finite somewhere'"),
        (_with(-1), "but it must be from 0 to 16,777,216"),
        (_with(2**24 + 1), "but it must be from 0 to 16,777,216"),
        (_with(-1, np.int8), "but it must be from 0 to 16,777,216"),
        (_with(0.5), "a whole number of localizations in every pixel"),
        (np.ones(8), "counts.shape is [8]"),
        (np.ones((1, 8, 8)), "counts.shape is [1, 8, 8]"),
        (np.ones((0, 8)), "counts.shape is [0, 8]"),
        (np.ones((8, 8), complex), "counts.dtype is 'complex128'"),
        (np.full((8, 8), "1"), "counts.dtype is '<U1'"),
        ([[1, 2], [3, 4]], "counts is 'list', but it must be a numpy array [Y, X]"),
    ],
)
def test_what_cannot_be_counts_is_refused(counts: Any, message: str, tiny_model: Model) -> None:
    with pytest.raises(InvalidValueError) as caught:
        tiny_model.reconstruct(counts)
    assert message in str(caught.value)


def test_another_pixel_than_the_models_is_refused(tiny_model: Model) -> None:
    with pytest.raises(PixelSizeError) as caught:
        tiny_model.reconstruct(counts_of((8, 8)), grid=Grid(15.0, (0.0, 0.0), (8, 8)))
    text = str(caught.value)
    assert "The pixels of the sparse image are 15 nm, but the model tiny 0.0.1 needs 20 nm" in text


def test_a_grid_of_another_shape_than_the_counts_is_refused(tiny_model: Model) -> None:
    with pytest.raises(InvalidValueError, match=r"grid\.shape is \(8, 9\)"):
        tiny_model.reconstruct(counts_of((8, 8)), grid=Grid(20.0, (0.0, 0.0), (8, 9)))


@pytest.mark.parametrize("exposure", [0, -1, float("nan"), float("inf"), 1e-9, 1e9])
def test_an_exposure_that_means_nothing_is_refused(exposure: float, tiny_model: Model) -> None:
    with pytest.raises(InvalidValueError, match="exposure is"):
        tiny_model.reconstruct(counts_of((8, 8)), exposure=exposure)


def test_results_are_proportional_to_the_exposure(tiny_model: Model) -> None:
    counts = counts_of((64, 64))
    once, thrice = (tiny_model.reconstruct(counts, exposure=e) for e in (1.0, 3.0))
    np.testing.assert_allclose(thrice.dense, 3 * once.dense, rtol=1e-6)
    np.testing.assert_allclose(thrice.error, 3 * once.error, rtol=1e-6)
    assert (once.exposure, thrice.exposure) == (1.0, 3.0)


# Warnings


def _table(x: list[float], y: list[float], **changes: Any) -> Localizations:
    return Localizations(
        np.array(x, float), np.array(y, float), np.arange(len(x), dtype=np.int64), **changes
    )


@pytest.mark.parametrize("field_nm", [None, (2000.0, 1000.0)])
def test_no_localizations_give_an_empty_image_and_a_warning(
    field_nm: tuple[float, float] | None, tiny_model: Model
) -> None:
    follower = Follower()
    result = tiny_model.reconstruct(_table([], [], field_nm=field_nm), progress=follower)
    assert result.dense.shape == ((50, 100) if field_nm else (1, 1))
    for image in (result.dense, result.error, result.background, result.counts):
        assert not image.any()
    assert result.warnings == ("There is no localization in this field; the images are empty.",)
    assert follower.heard == [(0, 1), (1, 1)]


def test_localizations_outside_are_counted_and_warned_of(tiny_model: Model) -> None:
    table = _table([10.0, 50.0, 5000.0], [10.0, 50.0, 10.0], field_nm=(400.0, 400.0))
    result = tiny_model.reconstruct(table)
    assert result.outside == 1
    assert result.counts.sum() == 2
    assert result.warnings[0] == (
        "1 of 3 localizations lie outside the field and were not used."
    )  # fmt: skip


def test_a_field_with_everything_outside_is_empty_and_says_both(tiny_model: Model) -> None:
    result = tiny_model.reconstruct(_table([9000.0], [9000.0], field_nm=(400.0, 400.0)))
    assert not result.dense.any()
    assert len(result.warnings) == 2


@pytest.mark.parametrize(("per_pixel", "warned"), [(0.0001, True), (0.01, False), (9, True)])
def test_a_density_that_training_never_saw_is_warned_of(
    per_pixel: float,
    warned: bool,  # noqa: FBT001 - a column of the table above
    tiny_model: Model,
) -> None:
    counts = np.zeros((100, 100), int)
    counts.flat[: int(1e4 * min(per_pixel, 1))] = max(per_pixel, 1)
    warnings = tiny_model.reconstruct(counts).warnings
    assert any("localizations per µm², outside the 0.5 to 5e+03" in w for w in warnings) is warned


def test_a_result_carries_intervals_and_times(tiny_model: Model) -> None:
    result = tiny_model.reconstruct(counts_of((32, 32)))
    assert result.intervals == tiny_model.info.intervals
    assert result.intervals is not tiny_model.info.intervals
    assert set(result.timings_s) == {"render", "network", "judge"}


# Widefield


def test_a_widefield_image_changes_the_picture_and_is_compared(
    tiny_model: Model, some_localizations: Localizations
) -> None:
    without = tiny_model.reconstruct(some_localizations)
    pixels = np.full((50, 60), 100.0, np.float32)
    yy, xx = np.mgrid[:50, :60] * 100.0 + 50
    ring = np.abs(np.hypot(xx - 3000, yy - 2500) - 1800)
    pixels += 500 * np.exp(-0.5 * (ring / 150) ** 2).astype(np.float32)
    image = WidefieldImage(pixels=pixels, pixel_nm=100.0, path=None)
    result = tiny_model.reconstruct(some_localizations, image)
    assert without.widefield is None
    assert result.widefield is not None
    assert result.widefield.error.shape == result.dense.shape
    assert -1 <= result.widefield.rsp <= 1
    assert (result.dense != without.dense).any()
    assert {"widefield", "compare"} <= set(result.timings_s)


def test_a_prepared_widefield_image_is_tiled_like_the_counts(tiny_model: Model) -> None:
    counts = counts_of((250, 301))
    quarter = np.random.default_rng(1).gamma(2.0, 50.0, (63, 76))
    whole, tiled = (tiny_model.reconstruct(counts, quarter, tile_px=t) for t in (None, 144))
    assert_same_picture(tiled, whole)
    assert tiled.widefield is not None
    assert whole.widefield is not None
    np.testing.assert_array_equal(tiled.widefield.error, whole.widefield.error)


def test_the_scale_of_a_widefield_image_does_not_matter(tiny_model: Model) -> None:
    counts = counts_of((64, 64))
    quarter = np.random.default_rng(1).gamma(2.0, 50.0, (16, 16)).astype(np.float32)
    first, second = (tiny_model.reconstruct(counts, f * quarter).dense for f in (1, 1024))
    np.testing.assert_array_equal(first, second)


def test_a_dark_widefield_image_is_not_used_and_says_so(tiny_model: Model) -> None:
    counts = counts_of((64, 64))
    result = tiny_model.reconstruct(counts, np.zeros((16, 16)))
    assert result.widefield is None
    assert result.warnings == ("The widefield image was not used: it shows no signal here.",)
    assert_same_picture(result, tiny_model.reconstruct(counts))


def test_a_widefield_image_of_an_empty_field_is_not_compared(tiny_model: Model) -> None:
    result = tiny_model.reconstruct(np.zeros((64, 64)), np.ones((16, 16)))
    assert result.widefield is None
    assert result.warnings[-1] == "The widefield image was not used: nothing to compare it with."


@pytest.mark.parametrize(
    ("quarter", "message"),
    [
        (np.ones((64, 64)), "widefield.shape is [64, 64], but it must be [16, 16]"),
        (np.ones((3, 16, 16)), "widefield.shape is [3, 16, 16]"),
        (np.full((16, 16), -1.0), "widefield is 'negative or not finite somewhere'"),
        (np.full((16, 16), np.nan), "widefield is 'negative or not finite somewhere'"),
        ("image.tif", "widefield is 'str', but it must be a numpy array"),
    ],
)
def test_what_cannot_be_a_prepared_widefield_image_is_refused(
    quarter: Any, message: str, tiny_model: Model
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        tiny_model.reconstruct(counts_of((64, 64)), quarter)
    assert message in str(caught.value)


def test_denormal_input_is_no_slower_and_no_different(tiny_model: Model) -> None:
    counts = counts_of((64, 64))
    quarter = np.full((16, 16), 1e-39, np.float32)
    quarter[3, 3] = 100
    cleaned = np.where(quarter < 1, 0, quarter)
    assert_same_picture(
        tiny_model.reconstruct(counts, quarter), tiny_model.reconstruct(counts, cleaned)
    )


# Progress, and what fails on the way


def test_progress_is_told_of_every_tile(tiny_model: Model) -> None:
    follower = Follower()
    result = tiny_model.reconstruct(counts_of((160, 320)), tile_px=144, progress=follower)
    assert result.tiles > 3
    assert follower.heard == [(n, result.tiles) for n in range(result.tiles + 1)]


@pytest.mark.parametrize("stop_at", [0, 1, 3])
def test_a_host_may_cancel_before_any_tile(stop_at: int, tiny_model: Model) -> None:
    follower = Follower(stop_at)
    with pytest.raises(CancelledError):
        tiny_model.reconstruct(counts_of((160, 320)), tile_px=144, progress=follower)
    assert follower.heard[-1][0] == stop_at


def test_progress_is_heard_on_the_callers_thread(tiny_model: Model) -> None:
    class Where(Follower):
        def advance(self, done: int, total: int) -> None:
            assert threading.current_thread() is threading.main_thread()
            super().advance(done, total)

    tiny_model.reconstruct(counts_of((64, 64)), progress=Where())


class FailingEngine:
    """The real engine, failing at chosen runs in a chosen way."""

    def __init__(self, fail: dict[int, Any]) -> None:
        self._inner = CpuEngine(bytes(build_model().SerializeToString()), "tiny", 1)
        self._fail = fail
        self._runs = 0
        self.released = 0

    def run(self, feeds: Feeds) -> Results:
        self._runs += 1
        failure = self._fail.get(self._runs)
        if isinstance(failure, BaseException):
            raise failure
        results = self._inner.run(feeds)
        if failure is not None:
            results["error"] = results["error"] * np.float32(failure)
        return results

    def release(self) -> None:
        self.released += 1
        self._inner.release()


def failing(tiny_model: Model, **fail: Any) -> tuple[Model, FailingEngine]:
    from annapalm.model import inspect_model

    engine = FailingEngine({int(run[1:]): what for run, what in fail.items()})
    file = inspect_model(tiny_model.path)
    return Model(file, engine, tiny_model.device, SessionOptions()), engine


def test_a_session_that_fails_at_one_tile_leaves_no_result(tiny_model: Model) -> None:
    model, _ = failing(tiny_model, n3=RuntimeError("[ONNXRuntimeError] : 1 : FAIL : broken\nstack"))
    with pytest.raises(InferenceError) as caught:
        model.reconstruct(counts_of((160, 320)), tile_px=144)
    text = str(caught.value)
    assert "The model tiny 0.0.1 failed on cpu at tile 3 of" in text
    assert "(144 x 144 px): [ONNXRuntimeError] : 1 : FAIL : broken. Nothing was kept." in text


@pytest.mark.parametrize(
    ("factor", "breach"),
    [(np.nan, "'error' is not finite"), (np.inf, "'error' is not finite"), (-1, "is below 0")],
)
def test_impossible_pixels_in_one_tile_leave_no_result(
    factor: float, breach: str, tiny_model: Model
) -> None:
    model, _ = failing(tiny_model, n2=factor)
    with pytest.raises(ModelContractError, match=breach):
        model.reconstruct(counts_of((160, 320)), tile_px=144)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("Failed to allocate memory for requested buffer of size 99"),
        RuntimeError("CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA failure 2: out of memory"),
    ],
)
def test_memory_that_runs_out_in_the_middle_is_met_with_smaller_tiles(
    error: Exception, tiny_model: Model
) -> None:
    counts, follower = counts_of((400, 420)), Follower()
    model, engine = failing(tiny_model, n2=error)
    result = model.reconstruct(counts, tile_px=320, progress=follower)
    assert_same_picture(result, tiny_model.reconstruct(counts, tile_px=None))
    assert engine.released == 1
    (warning,) = result.warnings
    assert warning == (
        f"Memory ran out with the field in 4 piece(s); it was run in {result.tiles} tiles of "
        "160 px, which gives the same picture, more slowly."
    )
    assert follower.heard[-1] == (result.tiles, result.tiles)


def test_memory_that_never_suffices_is_an_error(tiny_model: Model) -> None:
    model, _ = failing(tiny_model, **{f"n{n}": MemoryError() for n in range(1, 9)})
    with pytest.raises(OutOfMemoryError, match="could not run even a tile of 144 x 144 px"):
        model.reconstruct(counts_of((400, 420)))
