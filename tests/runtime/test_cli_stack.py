"""`annapalm-run --window` and `--channel`: what is written, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from cli_words import (
    HEADER,
    RECORDS,
    assert_complete_or_absent,
    assert_ends,
    invoke,
    names_in,
    outputs_of,
    read_json,
    rows_of_a_ring,
    write_table,
    write_widefield,
)
from contract_model import build_model, model_info
from ome_types import from_xml
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path


def opened(path: Path) -> tuple[str, np.ndarray, Any]:
    """Read an OME-TIFF: axes, values, and its metadata as another library understands them."""
    with tifffile.TiffFile(path) as tiff:
        assert tiff.ome_metadata is not None
        image = from_xml(tiff.ome_metadata, validate=False).images[0]
        return tiff.series[0].axes, tiff.series[0].asarray(), image.pixels


def write_pair(folder: Path, field: str, *, image: bool = False) -> None:
    """Write a field of two files: `<field>_647.csv` and `<field>_561.csv`."""
    write_table(folder / f"{field}_647.csv", rows_of_a_ring(seed=1))
    write_table(folder / f"{field}_561.csv", rows_of_a_ring(seed=2))
    if image:
        write_widefield(folder / f"{field}_561_widefield.tif")


PAIR = ("--channel", "red=*_647.csv", "--channel", "green=*_561.csv", "--field", "4x4")


def test_a_time_lapse_has_axes_times_and_names(tmp_path: Path, tiny_model_path: Path) -> None:
    table, out = write_table(tmp_path / "cell.csv"), tmp_path / "out"
    lapse = ("--window", 20, "--step", 10, "--frame-time", 30)
    result = invoke(table, "-o", out, "--model", tiny_model_path, "--field", "4x4", *lapse)
    assert_ends(result, 0)
    assert assert_complete_or_absent(out) == {"cell"}
    assert "cell.csv: 3 windows, 200 x 200 px" in result.stderr
    axes, values, pixels = opened(out / "cell.ome.tif")
    assert (axes, values.shape) == ("TCYX", (3, 2, 200, 200))
    assert pixels.dimension_order.value == "XYZCT"
    assert (pixels.size_z, pixels.size_c, pixels.size_t) == (1, 2, 3)
    assert (pixels.time_increment, pixels.time_increment_unit.value) == (0.3, "s")
    assert [channel.name for channel in pixels.channels] == ["dense", "error"]
    told = [(p.the_t, p.the_c, p.delta_t, p.exposure_time) for p in pixels.planes]
    assert told == [(t, c, pytest.approx(0.3 * t), 0.6) for t in range(3) for c in range(2)]
    assert {p.delta_t_unit.value for p in pixels.planes} == {"s"}
    with Image.open(out / "cell.png") as movie:
        assert movie.n_frames == 3  # type: ignore[attr-defined]
    record = read_json(out / "cell.json")
    assert [w["start_s"] for w in record["series"]["windows"]] == [0, 0.3, 0.6]
    options = record["provenance"]["options"]
    assert (options["window"], options["step"], options["frame-time"]) == (20, 10, 30)
    assert record["preview"]["dense"]["high"] > 0


def test_a_window_of_the_series_is_the_run_of_its_frames(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    table = write_table(tmp_path / "cell.csv")
    same = (table, "--model", tiny_model_path, "--field", "4x4", "-o")
    assert_ends(invoke(*same, tmp_path / "series", "--window", 12, "--step", 7), 0)
    assert_ends(invoke(*same, tmp_path / "alone", "--frames", "14:26"), 0)
    series = opened(tmp_path / "series" / "cell.ome.tif")[1]
    np.testing.assert_array_equal(series[2], opened(tmp_path / "alone" / "cell.ome.tif")[1])


def test_without_a_frame_time_there_are_no_times(tmp_path: Path, tiny_model_path: Path) -> None:
    table, out = write_table(tmp_path / "cell.csv"), tmp_path / "out"
    assert_ends(invoke(table, "-o", out, "--model", tiny_model_path, "--window", 20), 0)
    _, _, pixels = opened(out / "cell.ome.tif")
    assert pixels.time_increment is None
    assert all(plane.delta_t is None for plane in pixels.planes)
    record = read_json(out / "cell.json")
    assert [w["start_s"] for w in record["series"]["windows"]] == [None, None]


def test_files_of_one_field_become_its_channels(tmp_path: Path, tiny_model_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    write_pair(source, "day 1/a", image=True)
    write_pair(source, "b")
    write_table(source / "notes.csv")
    result = invoke(source, "-o", out, "--model", tiny_model_path, *PAIR)
    assert_ends(result, 0)
    assert assert_complete_or_absent(out) == {"day 1/a", "b"}
    assert "passed over 1 file (notes.csv): of no --channel." in result.stderr
    assert "b_647.csv: 2 channels" in result.stderr
    axes, values, pixels = opened(out / "day 1" / "a.ome.tif")
    names = ["red dense", "red error", "green dense", "green error", "green widefield_error"]
    assert [channel.name for channel in pixels.channels] == names
    assert (axes, values.shape) == ("CYX", (5, 200, 200))
    alone = (source / "day 1" / "a_561.csv", "-o", tmp_path / "alone", "--field", "4x4")
    assert_ends(invoke(*alone, "--model", tiny_model_path), 0)
    single = opened(tmp_path / "alone" / "a_561.ome.tif")[1]
    np.testing.assert_array_equal(values[2:], single)


def test_a_field_that_lacks_a_channel_fails_and_the_others_are_done(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    write_pair(source, "a")
    write_table(source / "b_561.csv")
    result = invoke(source, "-o", out, "--model", tiny_model_path, *PAIR)
    assert_ends(result, 1)
    assert "b_561.csv: of the same field there is no file for channel 'red'" in result.stderr
    assert assert_complete_or_absent(out) == {"a"}


def test_channels_of_one_table_have_a_structure_and_model_each(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    other = tmp_path / "other.onnx"
    info = model_info(name="other", structures=("pores", "actin"))
    other.write_bytes(build_model(info, seed=2).SerializeToString())
    rows = [f"{row},{n % 2}" for n, row in enumerate(rows_of_a_ring())]
    table = write_table(tmp_path / "cell.csv", rows, f'{HEADER},"channel"')
    write_widefield(tmp_path / "cell_B_widefield.tif")
    write_widefield(tmp_path / "cell_widefield.tif")
    out = tmp_path / "out"
    result = invoke(
        *(table, "-o", out, "--field", "4x4", "--model", tiny_model_path),
        *("--channel", "A=1", "--channel", "B = 0", "--channel-structure", "B=actin"),
        *("--channel-model", f"B={other}"),
    )
    assert_ends(result, 0)
    assert "cell_widefield.tif is not used: which channel does it show?" in result.stderr
    assert [line.split()[1] for line in result.stderr.splitlines()[:2]] == ["tiny", "other"]
    first, second = read_json(out / "cell.json")["channels"]
    assert (first["name"], first["value"], first["model"]["name"]) == ("A", "1", "tiny")
    assert (second["model"]["name"], second["model"]["structure"]) == ("other", "actin")
    assert second["widefield_input"]["path"].endswith("cell_B_widefield.tif")
    assert first["widefield_input"] is None
    with tifffile.TiffFile(out / "cell.ome.tif") as tiff:
        assert "with the models tiny 0.0.1, other 0.0.1. " in (tiff.ome_metadata or "")


def test_a_run_of_channels_goes_on_where_all_of_their_files_are_the_same(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    write_pair(source, "a", image=True)
    args = (source, "-o", out, "--model", tiny_model_path, *PAIR)
    assert_ends(invoke(*args), 0)
    before = (out / "a.ome.tif").stat().st_mtime_ns
    result = invoke(*args)
    assert_ends(result, 0)
    assert "1 of 1 are done" in result.stderr
    assert (out / "a.ome.tif").stat().st_mtime_ns == before
    for number in range(3):
        if number == 0:
            write_table(source / "a_561.csv", rows_of_a_ring(seed=5))
        else:
            image = ("a_561_widefield.tif", "a_647_widefield.tif")[number - 1]
            write_widefield(source / image, (41, 41))
        assert_ends(invoke(*args), 0)
        now = (out / "a.ome.tif").stat().st_mtime_ns
        assert now > before, "a change of one of the files was overlooked"
        before = now


def test_other_windows_or_channels_are_other_settings(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    table, out = write_table(tmp_path / "cell.csv"), tmp_path / "out"
    same = (table, "-o", out, "--model", tiny_model_path)
    assert_ends(invoke(*same, "--window", 20), 0)
    result = invoke(*same, "--window", 10)
    assert_ends(result, 2)
    assert "window was 20, now 10" in result.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--step", "3"), "--step needs --window N: without it there is one picture."),
        (("--frame-time", "3"), "--frame-time needs --window N"),
        (("--window", "9", "--frame-time", "0"), "--frame-time 0.0: it must be a number above 0."),
        (("--window", "9", "--frame-time", "nan"), "--frame-time nan: it must be a number above"),
        (("--channel", "a"), "--channel a: it must be NAME=WHICH, where WHICH is"),
        (("--channel", "=3"), "--channel =3: it must be NAME=WHICH"),
        (("--channel", "a="), "--channel a=: it must be NAME=WHICH"),
        (("--channel", "a=*_*.csv"), "with one * for the name of the field"),
        (("--channel", "a=1", "--channel", "a=2"), "it must be another name than a"),
        (("--channel", "a=1", "--channel", "b=1"), "it must be of other data than 1"),
        (("--channel", "a=1", "--channel", "b=*x"), "--channel a=1 contradict each other"),
        (("--channel-structure", "a=b"), "--channel-structure needs --channel"),
        (("--channel", "a=1", "--channel-model", "b=c"), "it must be for one of the channels a."),
        (
            ("--channel", "a=1", "--channel-model", "a=b", "--channel-model", "a=c"),
            "it must be given once for a.",
        ),
        (("--channel", "a=1", "--widefield", "w.tif"), "would be of no channel; put beside"),
        (("--channel", "a=1", "--channel-structure", "a=wood"), "wood"),
        (("--channel", "a=*_x.csv"), "No input is of a channel: none is called *_x.csv"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_read(
    options: tuple[str, ...], told: str, tmp_path: Path, tiny_model_path: Path
) -> None:
    table = write_table(tmp_path / "cell.csv")
    result = invoke(table, "-o", tmp_path / "out", "--model", tiny_model_path, *options)
    assert_ends(result, 2)
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--window", "--step"])
def test_a_window_of_no_frames_is_refused(option: str, tmp_path: Path) -> None:
    result = invoke(write_table(tmp_path / "a.csv"), "-o", tmp_path / "out", option, 0)
    assert_ends(result, 2)
    assert f"Invalid value for '{option}'" in result.stderr


def test_an_acquisition_too_short_fails_and_the_others_are_done(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    write_table(source / "long.csv")
    write_table(source / "short.csv", rows_of_a_ring()[:100])
    result = invoke(source, "-o", out, "--model", tiny_model_path, "--window", 20)
    assert_ends(result, 1)
    assert "short.csv has frames 0 to 9 (10 frames), too few for one window of 20" in result.stderr
    assert names_in(out) == outputs_of("long") | RECORDS


def test_a_file_of_two_channels_and_two_files_of_one_are_refused(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    write_pair(source, "a")
    args = (source, "-o", out, "--model", tiny_model_path)
    result = invoke(*args, "--channel", "red=*7.csv", "--channel", "all=a_*")
    assert_ends(result, 2)
    assert "a_647.csv is called like a file of the channels red and all" in result.stderr
    write_table(source / "a_647.txt")
    result = invoke(*args, "--channel", "red=*_647", "--channel", "green=*_561")
    assert_ends(result, 2)
    assert "would both be channel red of one field" in result.stderr
    assert not out.exists()


def test_channels_can_stand_in_the_settings_file(
    tmp_path: Path, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pair(tmp_path / "in", "a")
    printed = invoke(*PAIR, "--window", 20, "--model", tiny_model_path, "--print-settings")
    assert 'channel = ["red=*_647.csv", "green=*_561.csv"]' in printed.stdout
    (tmp_path / "annapalm.toml").write_text(printed.stdout, encoding="utf-8")
    assert_ends(invoke("in", "-o", "out"), 0)
    assert opened(tmp_path / "out" / "a.ome.tif")[1].shape == (2, 4, 200, 200)
    (tmp_path / "annapalm.toml").write_text('channel = "red=1"\n', encoding="utf-8")
    result = invoke("in", "-o", "out2")
    assert_ends(result, 2)
    assert "it must be a list of texts in quotes, [NAME=WHICH, ...]" in result.stderr


def test_a_time_lapse_takes_a_widefield_image_only_where_asked(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    """One image draws all windows alike: where the sample moves, a picture of another moment."""
    source, out = tmp_path / "in", tmp_path / "out"
    write_table(source / "cell.csv")
    image = write_widefield(source / "cell_widefield.tif")
    same = ("--model", tiny_model_path, "--window", 20, "-o")
    result = invoke(source, *same, out / "by itself")
    assert_ends(result, 0)
    assert "the widefield images beside the inputs are not used in a time-lapse" in result.stderr
    assert assert_complete_or_absent(out / "by itself") == {"cell"}
    assert read_json(out / "by itself" / "cell.json")["provenance"]["widefield"] is None
    suffix = ("--widefield-suffix", "_widefield.tif")
    for name, asked in (("named", ("--widefield", image)), ("suffix", suffix)):
        result = invoke(source, *same, out / name, *asked)
        assert_ends(result, 0)
        assert "are not used" not in result.stderr
        record = read_json(out / name / "cell.json")
        assert record["provenance"]["widefield"]["shape"] == [40, 40]
        assert any("neither the error map nor RSP tells" in text for text in record["warnings"])
    result = invoke(source, *same, out / "by itself", *suffix)
    assert_ends(result, 2)
    assert "widefield-suffix was none, now _widefield.tif" in result.stderr
