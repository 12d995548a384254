"""A time-lapse and channels give the pictures that each would give by itself."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from cli_words import HEADER, names_in, rows_of_a_ring, write_table, write_widefield
from contract_model import build_model, model_info

from annapalm import load_model
from annapalm.batch import run_field
from annapalm.errors import CancelledError, InvalidValueError
from annapalm.field import Channel, ChannelFile, FieldOptions, NoFramesError
from annapalm.read import TableOptions
from annapalm.stack import reconstruct_windows
from annapalm.stack.errors import (
    ChannelGridError,
    ChannelMissingError,
    ChannelPixelError,
    NoChannelColumnError,
    NoSuchChannelError,
    WindowTooLongError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm import Localizations, Model
    from annapalm.write import FieldOutput

FIELD = FieldOptions(table=TableOptions(field_nm=(4000.0, 4000.0)))
LAPSE = replace(FIELD, window=16, step=8, frame_time_ms=25.0)
"""Of the 40 frames of a ring: windows from 0, 8, 16 and 24."""


def planes(output: FieldOutput) -> np.ndarray:
    """Read the OME-TIFF: float32 [C, Y, X], or [T, C, Y, X]."""
    with tifffile.TiffFile(output.paths[0]) as tiff:
        return tiff.series[0].asarray()


def two_colours(path: Path, values: tuple[int, int] = (0, 3)) -> Path:
    """Write a table of two rings in two channels, mixed."""
    rows = [
        f"{row},{value}"
        for pair in zip(rows_of_a_ring(seed=3), rows_of_a_ring(seed=8), strict=True)
        for row, value in zip(pair, values, strict=True)
    ]
    return write_table(path, rows, f'{HEADER},"channel"')


def channels_of(model: Model, **values: str) -> FieldOptions:
    """Ask for channels of a table, by name and value."""
    found = tuple(Channel(name, model, None, value) for name, value in values.items())
    return replace(FIELD, channels=found)


def in_table(path: Path, options: FieldOptions) -> tuple[ChannelFile, ...]:
    return tuple(ChannelFile(channel.name, path) for channel in options.channels)


class Stop:
    """Hears of the tiles, and stops before one of them: politely, or like Ctrl-C."""

    def __init__(self, at: int, error: type[BaseException] | None = None) -> None:
        self.heard: list[tuple[int, int]] = []
        self._at, self._error = at, error

    def advance(self, done: int, total: int) -> None:
        self.heard.append((done, total))
        if self._error is not None and done >= self._at:
            raise self._error

    def cancelled(self) -> bool:
        return self._error is None and bool(self.heard) and self.heard[-1][0] >= self._at


def test_each_window_is_the_picture_of_its_frames(tmp_path: Path, tiny_model: Model) -> None:
    table = write_table(tmp_path / "cell.csv")
    output = run_field(tiny_model, table, tmp_path / "out" / "cell", LAPSE)
    found = planes(output)
    assert found.shape == (4, 2, 200, 200)
    for index, start in enumerate((0, 8, 16, 24)):
        alone = replace(FIELD, frames=(start, start + 16))
        single = run_field(tiny_model, table, tmp_path / "single" / f"{start}", alone)
        np.testing.assert_array_equal(found[index], planes(single))
        window = output.record["series"]["windows"][index]  # type: ignore[index]
        for key in ("counts", "trust", "domain", "drift", "precision", "widefield", "cross_check"):
            assert window[key] == single.record[key], key
        assert window["warnings"] == single.record["warnings"]
        assert (window["frames"], window["start_s"]) == ([start, start + 15], start / 40)


def test_windows_with_a_widefield_image_are_as_each_alone(
    tmp_path: Path, tiny_model: Model
) -> None:
    table, image = write_table(tmp_path / "cell.csv"), write_widefield(tmp_path / "wide.tif")
    output = run_field(tiny_model, table, tmp_path / "out", LAPSE, widefield=image)
    alone = replace(FIELD, frames=(8, 24))
    single = run_field(tiny_model, table, tmp_path / "single", alone, widefield=image)
    assert output.record["image"]["channels"] == ["dense", "error", "widefield_error"]
    np.testing.assert_array_equal(planes(output)[1], planes(single))
    assert output.record["series"]["windows"][1]["widefield"] == single.record["widefield"]  # type: ignore[index]
    assert any("another moment" in warning for warning in output.record["warnings"])


def test_windows_are_cross_checked_each_by_itself(tmp_path: Path, tiny_model: Model) -> None:
    places = [row.partition(",")[2] for row in rows_of_a_ring(800)]
    table = write_table(tmp_path / "cell.csv", [f"{1 + n},{row}" for n, row in enumerate(places)])
    asked = replace(FIELD, window=400, step=200, cross_check=True)
    output = run_field(tiny_model, table, tmp_path / "out", asked)
    alone = replace(FIELD, frames=(200, 600), cross_check=True)
    single = run_field(tiny_model, table, tmp_path / "single", alone)
    assert single.record["cross_check"]["done"]  # type: ignore[index]
    np.testing.assert_array_equal(planes(output)[1], planes(single))
    assert output.record["series"]["windows"][1]["cross_check"] == single.record["cross_check"]  # type: ignore[index]


def test_python_gives_the_same_windows(
    tiny_model: Model, some_localizations: Localizations
) -> None:
    found = list(reconstruct_windows(tiny_model, some_localizations, size=40, step=30))
    assert [(w.start, w.stop) for w, _ in found] == [(0, 40), (30, 70), (60, 100)]
    alone = tiny_model.reconstruct(some_localizations.in_frames(30, 70))
    np.testing.assert_array_equal(found[1][1].dense, alone.dense)
    np.testing.assert_array_equal(found[1][1].error, alone.error)
    assert found[1][1].grid == alone.grid
    with pytest.raises(InvalidValueError, match="at least one window"):
        reconstruct_windows(tiny_model, some_localizations, size=101)


def test_frames_and_localizations_without_a_picture_are_stated(
    tmp_path: Path, tiny_model: Model
) -> None:
    table = write_table(tmp_path / "cell.csv")
    gaps = replace(FIELD, window=5, step=12)
    record = run_field(tiny_model, table, tmp_path / "out", gaps).record
    series = record["series"]
    assert series is not None
    assert [w["frames"] for w in series["windows"]] == [[0, 4], [12, 16], [24, 28]]
    assert series["left_over"] == [29, 39]
    assert series["unused"] == 400 - sum(w["counts"]["used"] for w in series["windows"]) == 250
    rest, between = record["warnings"][1:3]
    assert rest == "Frames 29 to 39 (110 localizations) are no whole window and are in no picture."
    assert between.startswith("Between the windows 7 of every 12 frames (140 localizations) are in")
    whole = run_field(tiny_model, table, tmp_path / "whole", replace(FIELD, window=10)).record
    assert whole["series"]["left_over"] is None  # type: ignore[index]
    assert whole["series"]["unused"] == 0  # type: ignore[index]
    assert whole["series"]["step_frames"] == 10  # type: ignore[index]
    assert len(whole["warnings"]) == 1


def test_a_series_begins_where_the_frames_asked_for_do(tmp_path: Path, tiny_model: Model) -> None:
    table = write_table(tmp_path / "cell.csv")
    asked = replace(FIELD, window=8, frames=(3, 21))
    series = run_field(tiny_model, table, tmp_path / "out", asked).record["series"]
    assert series is not None
    assert [w["frames"] for w in series["windows"]] == [[3, 10], [11, 18]]
    assert series["left_over"] == [19, 20]


def test_a_table_cut_out_of_a_longer_one_begins_with_its_first_frame(
    tmp_path: Path, tiny_model: Model
) -> None:
    rows = [f"{int(row.split(',')[0]) + 7000},{row.partition(',')[2]}" for row in rows_of_a_ring()]
    table = write_table(tmp_path / "cell.csv", rows)
    output = run_field(tiny_model, table, tmp_path / "out", replace(FIELD, window=20))
    series = output.record["series"]
    assert series is not None
    assert [w["frames"] for w in series["windows"]] == [[7000, 7019], [7020, 7039]]
    assert output.record["warnings"][1] == (
        "The series begins with frame 7000, the first that has a localization."
    )


def test_a_window_without_localizations_is_empty_and_its_lost_map_is_nan(
    tmp_path: Path, tiny_model: Model
) -> None:
    rows = [row for row in rows_of_a_ring() if not 11 <= int(row.split(",")[0]) <= 20]
    table = write_table(tmp_path / "cell.csv", rows)
    image = write_widefield(tmp_path / "wide.tif")
    asked = replace(FIELD, window=10)
    output = run_field(tiny_model, table, tmp_path / "out", asked, widefield=image)
    found = planes(output)
    assert not found[1, :2].any()
    assert np.isnan(found[1, 2]).all()
    assert np.isfinite(found[[0, 2, 3]]).all()
    assert output.record["series"]["windows"][1]["widefield"] is None  # type: ignore[index]
    assert (
        "window 1 (frames 10 to 19): There is no widefield_error of it; its plane holds NaN."
        in output.record["warnings"]
    )


def test_the_numbers_of_a_field_are_those_of_its_most_doubtful_window(
    tmp_path: Path, tiny_model: Model
) -> None:
    output = run_field(tiny_model, write_table(tmp_path / "a.csv"), tmp_path / "out", LAPSE)
    series = output.record["series"]
    assert series is not None
    shares = [w["trust"]["doubtful_share"] or 0 for w in series["windows"]]
    assert len(set(shares)) > 1
    worst = series["windows"][series["shown"]]
    assert worst["trust"]["doubtful_share"] == max(shares)
    assert output.record["trust"] == worst["trust"]
    assert output.record["counts"] == worst["counts"]
    assert "those of the most doubtful one, window" in output.record["warnings"][0]


def test_one_warning_of_many_windows_is_said_once(tmp_path: Path, tiny_model: Model) -> None:
    """Each window has another number of localizations outside: one line, not one for each."""
    rows = [f"{1 + i},{x},2000,9" for i in range(40) for x in (1000, *[9000 + i] * (i % 5 + 1))]
    table = write_table(tmp_path / "a.csv", [*rows, *rows_of_a_ring()])
    warnings = run_field(tiny_model, table, tmp_path / "out", replace(FIELD, window=4)).record[
        "warnings"
    ]
    told = [warning for warning in warnings if "lie outside the field" in warning]
    assert len(told) == 1
    assert told[0].startswith("In 10 of 10 pictures, as window 0 (frames 0 to 3): 10 of 54 local")


def test_channels_of_a_column_are_as_each_alone(tmp_path: Path, tiny_model: Model) -> None:
    table = two_colours(tmp_path / "cell.csv")
    options = channels_of(tiny_model, red="3", green="0")
    files = in_table(table, options)
    output = run_field(tiny_model, table, tmp_path / "out", options, files=files)
    assert output.record["image"]["channels"] == [
        *("red dense", "red error", "green dense", "green error")
    ]
    for index, seed in enumerate((8, 3)):
        alone = write_table(tmp_path / f"{seed}.csv", rows_of_a_ring(seed=seed))
        single = run_field(tiny_model, alone, tmp_path / f"{seed}", FIELD)
        np.testing.assert_array_equal(planes(output)[2 * index : 2 * index + 2], planes(single))
        record = output.record["channels"][index]  # type: ignore[index]
        assert (record["counts"], record["trust"]) == (
            single.record["counts"],
            single.record["trust"],
        )
        assert record["input"]["selected"] == 400
        assert record["input"]["rows"] == 800


def test_channels_of_files_share_one_grid_and_have_a_model_and_image_each(
    tmp_path: Path, tiny_model: Model
) -> None:
    left = write_table(tmp_path / "left.csv", ["1,100,100,9", "2,130,150,9", "9,2000,700,9"])
    right = write_table(tmp_path / "right.csv", ["3,90,2500,9", "4,95,2510,9", "4,700,2600,9"])
    (tmp_path / "other.onnx").write_bytes(
        build_model(model_info(name="other"), seed=2).SerializeToString()
    )
    other = load_model(tmp_path / "other.onnx", "cpu")
    options = FieldOptions(channels=(Channel("a", tiny_model), Channel("b", other)))
    files = (ChannelFile("a", left), ChannelFile("b", right))
    output = run_field(tiny_model, left, tmp_path / "out", options, files=files)
    image = output.record["image"]
    x0, y0 = image["origin_nm"]
    rows, columns = image["shape"]
    assert (x0, y0) == (80.0, 100.0)
    assert (rows, columns) == (126, 97)
    roi = (x0, y0, x0 + columns * 20, y0 + rows * 20)
    for index, (path, model) in enumerate(((left, tiny_model), (right, other))):
        single = run_field(model, path, tmp_path / path.stem, FieldOptions(roi_nm=roi))
        np.testing.assert_array_equal(planes(output)[2 * index : 2 * index + 2], planes(single))
        record = output.record["channels"][index]  # type: ignore[index]
        assert record["model"] == single.record["provenance"]["model"]
        assert record["input"]["sha256"] == single.record["provenance"]["input"]["sha256"]


def test_a_channel_has_its_own_widefield_image(tmp_path: Path, tiny_model: Model) -> None:
    table, image = two_colours(tmp_path / "cell.csv"), write_widefield(tmp_path / "w.tif")
    options = channels_of(tiny_model, green="0", red="3")
    files = (ChannelFile("green", table), ChannelFile("red", table, image))
    output = run_field(tiny_model, table, tmp_path / "out", options, files=files)
    assert output.record["image"]["channels"][2:] == [
        "red dense",
        "red error",
        "red widefield_error",
    ]
    alone = write_table(tmp_path / "alone.csv", rows_of_a_ring(seed=8))
    single = run_field(tiny_model, alone, tmp_path / "alone", FIELD, widefield=image)
    np.testing.assert_array_equal(planes(output)[2:], planes(single))
    green, red = output.record["channels"]  # type: ignore[misc]
    assert green["widefield"] is None
    assert red["widefield"] == single.record["widefield"]
    assert red["widefield_input"] == single.record["provenance"]["widefield"]


def test_a_time_lapse_of_channels_has_both_axes(tmp_path: Path, tiny_model: Model) -> None:
    table = two_colours(tmp_path / "cell.csv")
    options = replace(channels_of(tiny_model, green="0", red="3"), window=20, step=10)
    output = run_field(tiny_model, table, tmp_path / "out", options, files=in_table(table, options))
    found = planes(output)
    assert found.shape == (3, 4, 200, 200)
    alone = write_table(tmp_path / "alone.csv", rows_of_a_ring(seed=8))
    single = run_field(tiny_model, alone, tmp_path / "one", replace(FIELD, frames=(10, 30)))
    np.testing.assert_array_equal(found[1, 2:], planes(single))
    windows = output.record["series"]["windows"]  # type: ignore[index]
    assert [(w["window"], w["channel"]) for w in windows] == [
        (t, name) for t in range(3) for name in ("green", "red")
    ]


def test_rows_of_a_channel_that_nobody_asked_for_are_stated(
    tmp_path: Path, tiny_model: Model
) -> None:
    table = two_colours(tmp_path / "cell.csv")
    options = channels_of(tiny_model, red="3")
    output = run_field(tiny_model, table, tmp_path / "out", options, files=in_table(table, options))
    assert output.record["warnings"] == [
        "400 of 800 localizations are of channels that no --channel names; they were not used."
    ]


def refuses(error: type[Exception], says: str, *args: Any, **kwargs: Any) -> None:
    """Run a field that cannot be, and see that nothing is left."""
    stem: Path = args[2]
    with pytest.raises(error, match=says):
        run_field(*args, **kwargs)
    assert not stem.parent.exists() or names_in(stem.parent) == set()


def test_what_cannot_be_one_image_is_refused(tmp_path: Path, tiny_model: Model) -> None:
    stem, table = tmp_path / "out" / "cell", two_colours(tmp_path / "cell.csv")
    plain = write_table(tmp_path / "plain.csv")
    options = channels_of(tiny_model, red="7")
    files = in_table(table, options)
    says = "no localization is of channel '7'; the table has channel '0', '3'"
    refuses(NoSuchChannelError, says, tiny_model, table, stem, options, files=files)
    says = "plain.csv has no column that tells channels apart"
    files = in_table(plain, options)
    refuses(NoChannelColumnError, says, tiny_model, plain, stem, options, files=files)
    two = replace(FIELD, channels=(Channel("a", tiny_model), Channel("b", tiny_model)))
    says = "plain.csv: of the same field there is no file for channel 'b'"
    files = (ChannelFile("a", plain),)
    refuses(ChannelMissingError, says, tiny_model, plain, stem, two, files=files)
    refuses(
        *(WindowTooLongError, "plain.csv has frames 0 to 39 ", tiny_model, plain, stem),
        replace(FIELD, window=41),
    )


def test_models_of_two_pixel_sizes_share_no_grid(tmp_path: Path, tiny_model: Model) -> None:
    path = tmp_path / "coarse.onnx"
    path.write_bytes(build_model(model_info(pixel_nm=25.0)).SerializeToString())
    coarse = load_model(path, "cpu")
    table = write_table(tmp_path / "a.csv")
    two = FieldOptions(channels=(Channel("a", tiny_model), Channel("b", coarse)))
    files = (ChannelFile("a", table), ChannelFile("b", table))
    says = "Channel 'a' is drawn with pixels of 20 nm and channel 'b' with pixels of 25 nm"
    refuses(ChannelPixelError, says, tiny_model, table, tmp_path / "o" / "x", two, files=files)


def test_images_of_counts_are_channels_where_they_are_of_one_size_and_no_time_lapse(
    tmp_path: Path, tiny_model: Model
) -> None:
    paths = []
    for name, size in (("a", 40), ("b", 40), ("c", 48)):
        paths.append(tmp_path / f"{name}.tif")
        counts = np.random.default_rng(1).poisson(0.1, (size, size)).astype(np.uint16)
        tifffile.imwrite(paths[-1], counts)
    options = FieldOptions(
        counts_pixel_nm=20.0, channels=(Channel("a", tiny_model), Channel("b", tiny_model))
    )
    stem = tmp_path / "out" / "x"
    files = (ChannelFile("a", paths[0]), ChannelFile("b", paths[1]))
    refuses(
        *(NoFramesError, "leave --window out", tiny_model, paths[0], stem),
        *(replace(options, window=3),),
        files=files,
    )
    odd = (files[0], ChannelFile("b", paths[2]))
    refuses(
        *(ChannelGridError, "cover different fields", tiny_model, paths[0], stem, options),
        files=odd,
    )
    output = run_field(tiny_model, paths[0], stem, options, files=files)
    assert planes(output).shape == (4, 40, 40)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_a_series_that_is_stopped_leaves_nothing(
    error: type[BaseException] | None, tmp_path: Path, tiny_model: Model
) -> None:
    table, stop = write_table(tmp_path / "cell.csv"), Stop(2, error)
    with pytest.raises(error or CancelledError):
        run_field(tiny_model, table, tmp_path / "out" / "cell", LAPSE, progress=stop)
    assert names_in(tmp_path / "out") == set()
    assert stop.heard[-1] == (2, 4), "the bar counts the tiles of all windows"


def test_the_memory_does_not_grow_with_the_number_of_windows(
    tmp_path: Path, tiny_model: Model
) -> None:
    table = write_table(tmp_path / "cell.csv")
    wide = replace(FIELD, table=TableOptions(field_nm=(6000.0, 6000.0)), window=4)
    run_field(tiny_model, table, tmp_path / "before", replace(wide, step=30))

    def peak(step: int) -> int:
        tracemalloc.start()
        try:
            run_field(tiny_model, table, tmp_path / f"{step}", replace(wide, step=step))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(12), peak(2)  # 4 and 19 windows
    one_picture = 2 * 4 * 300 * 300
    assert many - few < one_picture


def test_the_movie_has_the_contrast_of_its_brightest_window(
    tmp_path: Path, tiny_model: Model
) -> None:
    rows = [f"{1 + n % 20},{row.partition(',')[2]}" for n, row in enumerate(rows_of_a_ring(300))]
    rows += [f"{21 + n % 20},{row.partition(',')[2]}" for n, row in enumerate(rows_of_a_ring(40))]
    table = write_table(tmp_path / "cell.csv", rows)
    record = run_field(tiny_model, table, tmp_path / "out", replace(FIELD, window=20)).record
    alone = [
        run_field(tiny_model, table, tmp_path / f"{a}", replace(FIELD, frames=(a, a + 20))).record
        for a in (0, 20)
    ]
    bright, dim = (one["preview"]["dense"]["high"] for one in alone)
    assert record["preview"]["dense"]["high"] == record["preview"]["error"]["high"] == bright > dim
