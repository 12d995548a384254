"""`annapalm-run` from inputs to files: what is written, where, and what is said of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from cli_words import (
    RECORDS,
    assert_complete_or_absent,
    assert_ends,
    invoke,
    names_in,
    outputs_of,
    read_json,
    rows_of_a_ring,
    run_cli,
    write_table,
    write_widefield,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_a_table_becomes_image_preview_and_record(tmp_path: Path, tiny_model_path: Path) -> None:
    write_table(tmp_path / "cell.csv")
    result = run_cli(tmp_path / "cell.csv", "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 0)
    assert names_in(tmp_path / "out") == outputs_of("cell") | RECORDS
    assert assert_complete_or_absent(tmp_path / "out") == {"cell"}
    assert result.stdout.startswith("1 done, 0 failed in ")
    assert "model tiny 0.0.1 on cpu (" in result.stderr
    assert "[1/1]" in result.stderr
    assert "400 localizations" in result.stderr


@pytest.mark.parametrize(
    ("words", "model", "structure"),
    [
        ((), "microtubule", "microtubules"),
        (("--structure", "microtubules"), "microtubule", "microtubules"),
        (("--structure", "nuclear pores"), "structures", "nuclear pores"),
        (("--structure", "spectrin"), "spectrin", "spectrin"),
        (("--structure", "actin"), "actin", "actin"),
        (("--structure", "mitochondria"), "mitochondria", "mitochondria"),
        (("--structure", "microtubules", "--model", "structures"), "structures", "microtubules"),
    ],
)
def test_the_structure_chooses_the_released_model(
    tmp_path: Path, words: tuple[str, ...], model: str, structure: str
) -> None:
    result = invoke(write_table(tmp_path / "cell.csv"), "-o", tmp_path / "out", *words)
    assert_ends(result, 0)
    said = read_json(tmp_path / "out" / "run.json")["model"]
    assert (said["name"], said["structure"]) == (model, structure)


def test_the_user_says_what_is_doubtful_and_no_pixel_changes(tmp_path: Path) -> None:
    table = write_table(tmp_path / "cell.csv")
    records, images = [], []
    for ratio in ("0.2", "1", "5"):
        out = tmp_path / ratio
        assert_ends(invoke(table, "-o", out, "--doubt", ratio), 0)
        records.append(read_json(out / "cell.json"))
        images.append(tifffile.imread(out / "cell.ome.tif"))
        assert f"more than {100 * float(ratio):.0f} % of" in (out / "report.html").read_text(
            "utf-8"
        )
    shares = [record["trust"]["doubtful_share"] for record in records]
    assert shares[0] > shares[2]
    assert shares == sorted(shares, reverse=True)
    options = [record["provenance"]["options"].get("doubt") for record in records]
    assert options == [0.2, None, 5.0]  # what was left at its default is not listed
    np.testing.assert_array_equal(images[0], images[2])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--structure", "hair"), "the released models know: microtubules, nuclear pores, actin"),
        (("--structure", "actin", "--model", "microtubule"), "knows: microtubules. Name one"),
        (("--model", "structures"), "No structure was named; the model structures"),
        (("--model", ""), "There is no model ''"),
    ],
)
def test_a_structure_that_the_model_does_not_know_is_an_error(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    result = invoke(write_table(tmp_path / "cell.csv"), "-o", tmp_path / "out", *words)
    assert_ends(result, 2)
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_image_has_two_channels_and_with_widefield_three(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    for name in ("plain", "wide"):
        write_table(tmp_path / "in" / f"{name}.csv")
    write_widefield(tmp_path / "in" / "wide_widefield.tif")
    result = invoke(tmp_path / "in", "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 0)
    assert tifffile.imread(tmp_path / "out" / "plain.ome.tif").shape[0] == 2
    assert tifffile.imread(tmp_path / "out" / "wide.ome.tif").shape == (3, 200, 200)
    plain, wide = (read_json(tmp_path / "out" / f"{n}.json") for n in ("plain", "wide"))
    assert plain["widefield"] is None
    assert -1 <= wide["widefield"]["rsp"] <= 1
    assert plain["provenance"]["input"]["extent_from"] == "data"
    assert wide["provenance"]["input"]["extent_from"] == "widefield"
    assert wide["provenance"]["widefield"]["pixel_nm"] == pytest.approx(100)


def test_the_record_says_where_the_picture_came_from(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "cell.csv")
    result = invoke(
        source, "-o", tmp_path / "out", "--model", tiny_model_path,
        "--frames", "0:20", "--roi", "1,1,3,2.5", "--device", "cpu", "--threads", "1",
    )  # fmt: skip
    assert_ends(result, 0)
    record = read_json(tmp_path / "out" / "cell.json")
    origin = record["provenance"]
    assert origin["input"]["rows"] == 400
    assert origin["input"]["selected"] == 200
    assert origin["input"]["frames"] == [0, 19]
    assert origin["input"]["extent_from"] == "option"
    assert len(origin["input"]["sha256"]) == len(origin["model"]["sha256"]) == 64
    assert origin["device"] == {
        "device": "cpu", "provider": "CPUExecutionProvider", "threads": 1, "reason": "asked for",
    }  # fmt: skip
    assert origin["options"] == {"exposure": 1.0, "frames": [0, 20], "roi": [1.0, 1.0, 3.0, 2.5]}
    assert record["image"]["shape"] == [75, 100]
    assert record["image"]["origin_nm"] == [1000, 1000]
    assert record["counts"]["used"] + record["counts"]["outside"] == 200
    assert record["counts"]["outside"] > 0


def test_equal_runs_give_equal_images(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "cell.csv")
    for out in ("a", "b"):
        args = (source, "-o", tmp_path / out, "--model", tiny_model_path, "--device", "cpu")
        assert_ends(invoke(*args), 0)
    for suffix in ("ome.tif", "png"):
        first, second = ((tmp_path / out / f"cell.{suffix}").read_bytes() for out in "ab")
        assert first == second


def test_tiles_give_the_same_picture(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "cell.csv")
    for out, tile in (("whole", "whole"), ("tiled", "144")):
        args = (source, "-o", tmp_path / out, "--model", tiny_model_path, "--field", "4x4")
        assert_ends(invoke(*args, "--tile", tile), 0)
    whole, tiled = (tifffile.imread(tmp_path / o / "cell.ome.tif") for o in ("whole", "tiled"))
    np.testing.assert_array_equal(whole, tiled)
    assert read_json(tmp_path / "tiled" / "cell.json")["image"]["tiles"] > 1


def test_sub_folders_are_mirrored(tmp_path: Path, tiny_model_path: Path) -> None:
    for name in ("a/cell.csv", "b/deep/cell.csv", "cell.csv"):
        write_table(tmp_path / "in" / name)
    result = invoke(tmp_path / "in", "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 0)
    assert assert_complete_or_absent(tmp_path / "out") == {"a/cell", "b/deep/cell", "cell"}


def test_one_line_of_json_per_field_in_the_order_of_the_inputs(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    for name in ("b", "a"):
        write_table(tmp_path / f"{name}.csv")
    write_table(tmp_path / "bad.csv", ["1,2"])
    inputs = [tmp_path / f"{name}.csv" for name in ("b", "bad", "a")]
    result = invoke(*inputs, "-o", tmp_path / "out", "--model", tiny_model_path, "--jsonl")
    assert_ends(result, 1)
    entries = [json.loads(line) for line in result.stdout.splitlines()]
    assert [entry["input"] for entry in entries] == [str(path) for path in inputs]
    assert [entry["status"] for entry in entries] == ["done", "failed", "done"]
    assert entries[0]["record"] == read_json(tmp_path / "out" / "b.json")
    assert "2 done, 1 failed" in result.stderr
    run = read_json(tmp_path / "out" / "run.json")
    assert run["fields"] == entries
    assert run["status"] == "failed"


def test_quiet_says_only_what_failed(tmp_path: Path, tiny_model_path: Path) -> None:
    good = write_table(tmp_path / "good.csv")
    bad = write_table(tmp_path / "bad.csv", ["1,2"])
    result = run_cli(good, bad, "-o", tmp_path / "out", "--model", tiny_model_path, "--quiet")
    assert_ends(result, 1)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert "bad.csv, line 2" in result.stderr
    assert result.stderr.count("\n") == 1


def test_results_are_replaced_only_when_asked(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "cell.csv")
    args = (source, "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(invoke(*args), 0)
    image = tmp_path / "out" / "cell.ome.tif"
    image.write_bytes(b"precious")
    refused = invoke(*args)
    assert_ends(refused, 1)
    assert "[1/1] error: " in refused.stderr
    assert "cell.ome.tif is not as annapalm wrote it" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert image.read_bytes() == b"precious"
    assert_ends(invoke(*args, "--overwrite"), 0)
    assert tifffile.imread(image).shape == (2, *tifffile.imread(image).shape[1:])


def test_an_empty_table_gives_an_empty_image_and_a_warning(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    source = write_table(tmp_path / "none.csv", [])
    result = invoke(
        source, "-o", tmp_path / "out", "--model", tiny_model_path, "--field", "2x1.5"
    )  # fmt: skip
    assert_ends(result, 0)
    image = tifffile.imread(tmp_path / "out" / "none.ome.tif")
    assert image.shape == (2, 75, 100)
    assert not image.any()
    assert "warning: " in result.stderr


def test_frames_without_localizations_are_named(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "cell.csv")
    result = invoke(
        source, "-o", tmp_path / "out", "--model", tiny_model_path,
        "--frames", "900:1000", "--field", "4x4",
    )  # fmt: skip
    assert_ends(result, 0)
    assert "No localization lies in the frames asked for, 900 to 999" in result.stderr
    assert "the table has frames 0 to 39" in result.stderr


def test_frames_may_have_an_open_end(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "cell.csv")
    for frames, first_and_last in (("30:", [30, 39]), (":5", [0, 4]), (":", [0, 39])):
        out = tmp_path / f"from {frames.replace(':', ' to ')}"
        args = (source, "-o", out, "--model", tiny_model_path, "--frames", frames)
        assert_ends(invoke(*args), 0)
        assert read_json(out / "cell.json")["provenance"]["input"]["frames"] == first_and_last


def test_localizations_outside_the_field_are_counted_and_told(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    rows = [*rows_of_a_ring(), "3,-250.0,100.0,9", "4,90000.0,100.0,9"]
    source = write_table(tmp_path / "cell.csv", rows)
    result = invoke(source, "-o", tmp_path / "out", "--model", tiny_model_path, "--field", "4x4")
    assert_ends(result, 0)
    assert "400 localizations, 2 outside" in result.stderr
    assert read_json(tmp_path / "out" / "cell.json")["counts"]["outside"] == 2


def test_an_image_of_counts_is_an_input_too(tmp_path: Path, tiny_model_path: Path) -> None:
    counts = np.zeros((64, 96), np.uint16)
    counts[20:40, 30] = 1
    path = tmp_path / "counts.tif"
    tifffile.imwrite(path, counts, resolution=(5e5, 5e5), resolutionunit="CENTIMETER")
    result = invoke(path, "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 0)
    record = read_json(tmp_path / "out" / "counts.json")
    assert record["image"]["shape"] == [64, 96]
    assert record["counts"]["used"] == 20
    cut = invoke(
        path, "-o", tmp_path / "cut", "--model", tiny_model_path, "--roi", "0.5,0.5,1.0,0.7"
    )  # fmt: skip
    assert_ends(cut, 0)
    record = read_json(tmp_path / "cut" / "counts.json")
    assert record["image"]["shape"] == [10, 25]
    assert record["image"]["origin_nm"] == [500, 500]
    assert record["counts"]["used"] == 10
    assert record["counts"]["outside"] == 10


def test_a_pattern_is_expanded_where_the_shell_did_not(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    for name in ("x/one.csv", "y/one.csv", "y/two.txt"):
        write_table(tmp_path / name)
    result = invoke(tmp_path / "*" / "one.*", "-o", tmp_path / "out", "--model", tiny_model_path)
    assert_ends(result, 0)
    assert assert_complete_or_absent(tmp_path / "out") == {"x/one", "y/one"}


def test_names_may_hold_blanks_and_any_letter(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "Zelle 1 µ [a].csv")
    result = run_cli(source, "-o", tmp_path / "out", "--model", tiny_model_path, "--jsonl")
    assert_ends(result, 0)
    assert json.loads(result.stdout)["stem"] == "Zelle 1 µ [a]"
    assert assert_complete_or_absent(tmp_path / "out") == {"Zelle 1 µ [a]"}


def test_no_preview_writes_no_png(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "cell.csv")
    args = (source, "-o", tmp_path / "out", "--model", tiny_model_path, "--no-preview")
    assert_ends(invoke(*args), 0)
    assert names_in(tmp_path / "out") == (outputs_of("cell") | RECORDS) - {"cell.png"}


def test_compressed_images_hold_the_same_values(tmp_path: Path, tiny_model_path: Path) -> None:
    source = write_table(tmp_path / "cell.csv")
    for out, more in (("raw", ()), ("small", ("--compress",))):
        args = (source, "-o", tmp_path / out, "--model", tiny_model_path, *more)
        assert_ends(invoke(*args), 0)
    raw, small = (tmp_path / out / "cell.ome.tif" for out in ("raw", "small"))
    assert small.stat().st_size < raw.stat().st_size
    np.testing.assert_array_equal(tifffile.imread(raw), tifffile.imread(small))


def test_each_field_has_its_page_in_the_report(tmp_path: Path, tiny_model_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    for name in ("a", "sub/b"):
        write_table(source / f"{name}.csv")
    args = (source, "-o", out, "--model", tiny_model_path)
    assert_ends(invoke(*args), 0)
    pages = [out / "report" / name for name in ("a.html", "sub/b.html")]
    assert all("Where this comes from" in page.read_text(encoding="utf-8") for page in pages)
    before = [page.stat().st_mtime_ns for page in pages]
    report = (out / "report.html").read_bytes()
    assert_ends(invoke(*args), 0)  # nothing to do: the pages are still there, and in the report
    assert [page.stat().st_mtime_ns for page in pages] == before
    assert (out / "report.html").read_bytes().count(b"<img") == report.count(b"<img") == 8


def test_a_page_that_cannot_be_written_is_said_and_costs_no_result(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    table, out = write_table(tmp_path / "cell.csv"), tmp_path / "out"
    out.mkdir()
    (out / "report").write_bytes(b"mine")
    result = invoke(table, "-o", out, "--model", tiny_model_path)
    assert_ends(result, 0)
    assert f"the results of {table} are complete, but the report has no page of it" in result.stderr
    assert (out / "report").read_bytes() == b"mine"
    assert outputs_of("cell") | RECORDS <= names_in(out)
