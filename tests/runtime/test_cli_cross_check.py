"""`annapalm-run --cross-check`: what is written, and what is said where it cannot be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from cli_words import (
    assert_complete_or_absent,
    assert_ends,
    invoke,
    read_json,
    rows_of_a_ring,
    write_table,
)

if TYPE_CHECKING:
    from pathlib import Path


def a_long_table(path: Path, count: int = 800) -> Path:
    """Write a ring whose localizations are spread over 400 frames, in no order of place."""
    rows = [row.split(",", 1)[1] for row in rows_of_a_ring(count)]
    return write_table(path, [f"{1 + n * 400 // count},{row}" for n, row in enumerate(rows)])


def test_the_map_is_a_channel_a_panel_a_plate_and_numbers(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    table = a_long_table(tmp_path / "cell.csv")
    out = tmp_path / "out"
    result = invoke(table, "-o", out, "--model", tiny_model_path, "--cross-check")
    assert_ends(result, 0)
    assert assert_complete_or_absent(out) == {"cell"}
    record = read_json(out / "cell.json")
    with tifffile.TiffFile(out / "cell.ome.tif") as tiff:
        planes = tiff.asarray()
        assert 'Name="cross_check"' in (tiff.ome_metadata or "")
    assert record["image"]["channels"] == ["dense", "error", "cross_check"]
    assert record["image"]["units"]["cross_check"].startswith("signed z of held-out")
    assert np.abs(planes[2]).max() > 0.5
    found = record["cross_check"]
    assert found["done"] is True
    assert found["reason"] is None
    assert found["seen"] + found["held_out"] == record["counts"]["used"] == 800
    assert found["cuts"] == [100, 300]
    assert found["level_z"] == 1.96
    said = any("The held-out frames" in warning for warning in record["warnings"])
    assert found["contradicted"] is said
    assert record["preview"]["cross_check"]["low"] == -4
    assert record["provenance"]["options"]["cross-check"] is True
    assert record["timings_s"]["cross_check"] > 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert 'alt="cross-check"' in page
    assert "Cross-check: misfit" in page


def test_without_the_option_nothing_of_it_is_there(tmp_path: Path, tiny_model_path: Path) -> None:
    table, out = a_long_table(tmp_path / "cell.csv"), tmp_path / "out"
    assert_ends(invoke(table, "-o", out, "--model", tiny_model_path), 0)
    record = read_json(out / "cell.json")
    assert record["cross_check"] is None
    assert record["image"]["channels"] == ["dense", "error"]
    assert "cross-check" not in record["provenance"]["options"]
    assert "ross-check" not in (out / "report.html").read_text(encoding="utf-8")


def test_the_picture_itself_is_that_of_all_frames(tmp_path: Path, tiny_model_path: Path) -> None:
    table = a_long_table(tmp_path / "cell.csv")
    for name, more in (("plain", ()), ("checked", ("--cross-check",))):
        assert_ends(invoke(table, "-o", tmp_path / name, "--model", tiny_model_path, *more), 0)
    plain, checked = (tifffile.imread(tmp_path / n / "cell.ome.tif") for n in ("plain", "checked"))
    np.testing.assert_array_equal(plain, checked[:2])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (rows_of_a_ring(120), "the field holds 120 localizations, and it needs at least 400"),
        ([f"{n % 9 + 1},{n * 3.3},{n * 2.1},9" for n in range(600)], "localizations span 9 frames"),
    ],
)
def test_too_little_is_said_and_gives_no_map(
    rows: list[str], says: str, tmp_path: Path, tiny_model_path: Path
) -> None:
    table, out = write_table(tmp_path / "cell.csv", rows), tmp_path / "out"
    result = invoke(table, "-o", out, "--model", tiny_model_path, "--cross-check")
    assert_ends(result, 0)
    record = read_json(out / "cell.json")
    assert record["cross_check"]["done"] is False
    assert says in record["cross_check"]["reason"]
    assert record["cross_check"]["reason"] in record["warnings"]
    assert record["cross_check"]["misfit"] is None
    assert record["image"]["channels"] == ["dense", "error"]
    assert "  warning: The cross-check was not done: the " in result.stderr
    assert "not done, see below" in (out / "report.html").read_text(encoding="utf-8")


def test_an_image_of_counts_is_refused(tmp_path: Path, tiny_model_path: Path) -> None:
    image = np.zeros((64, 64), np.uint16)
    image[10, 20] = 3
    tifffile.imwrite(
        tmp_path / "counts.tif", image, resolution=(5e5, 5e5), resolutionunit="CENTIMETER"
    )
    out = tmp_path / "out"
    result = invoke(tmp_path / "counts.tif", "-o", out, "--model", tiny_model_path, "--cross-check")
    assert_ends(result, 1)
    assert "frames cannot be told apart" in result.stderr
    assert "or leave --cross-check out" in result.stderr
    assert assert_complete_or_absent(out) == set()


def test_a_contradicted_field_is_called_so(tmp_path: Path, tiny_model_path: Path) -> None:
    """Spots that light up at any time, which the tiny model blurs beyond what they show."""
    random = np.random.default_rng(4)
    x, y = (300 + 400 * random.integers(0, 9, 6000) + random.normal(0, 6, 6000) for _ in "xy")
    frame = random.integers(1, 2001, 6000)
    rows = [f"{f},{a:.1f},{b:.1f},10" for f, a, b in zip(frame, x, y, strict=True)]
    table, out = write_table(tmp_path / "cell.csv", rows), tmp_path / "out"
    result = invoke(table, "-o", out, "--model", tiny_model_path, "--cross-check")
    assert_ends(result, 0)
    assert "warning: The held-out frames contradict the picture: " in result.stderr
    assert read_json(out / "cell.json")["cross_check"]["contradicted"] is True
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "the held-out frames do not bear the picture out" in page
