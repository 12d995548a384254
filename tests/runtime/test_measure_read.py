"""Results of annapalm-run read back, and everything that can be wrong with them."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from measure_words import a_grid, parallel_lines, write_result

from annapalm.errors import AnnaPalmError
from annapalm.grid import Grid
from annapalm.measure.errors import (
    AlteredImageError,
    NoRecordError,
    NotARecordError,
    NotAResultError,
    NothingMeasurableError,
    RegionError,
)
from annapalm.measure.read import find_results, read_result
from annapalm.measure.record import read_measures
from annapalm.tiff import TiffError

if TYPE_CHECKING:
    from pathlib import Path


DENSE = parallel_lines()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write_result(tmp_path / "run" / "cell.1", DENSE, exposure=2.0)


def change(of: Path, **parts: Any) -> None:
    """Change parts of an image's record."""
    record = of.with_name(of.name.removesuffix(".ome.tif") + ".json")
    content = json.loads(record.read_text(encoding="utf-8"))
    for name, part in parts.items():
        content[name] = content[name] | part if isinstance(part, dict) else part
    record.write_text(json.dumps(content), encoding="utf-8")


def rewrite(image: Path, planes: np.ndarray) -> None:
    """Put other pixels in the place of an image's, and their hash into the record."""
    from annapalm.write.sidecar import output_record

    tifffile.imwrite(image, planes, photometric="minisblack")
    change(image, outputs=[output_record(image.name, image)])


def test_a_result_is_what_was_written(image: Path) -> None:
    result = read_result(image)
    np.testing.assert_array_equal(result.dense, DENSE)
    np.testing.assert_array_equal(result.error, DENSE * np.float32(0.2))
    assert result.grid == a_grid()
    assert result.structure == "microtubules"
    assert result.model == "microtubule/1.0.0"
    assert result.exposure == 2.0


def test_maps_beside_what_is_measured_may_be_signed_or_unknown(image: Path) -> None:
    signed = np.where(DENSE > 0.5, np.float32(-2), np.float32(np.nan))
    error = DENSE * np.float32(0.2)
    rewrite(image, np.stack([signed, error, DENSE]))
    change(image, image={"channels": ["cross_check", "error", "dense"]})
    result = read_result(image)
    np.testing.assert_array_equal(result.dense, DENSE)
    np.testing.assert_array_equal(result.error, error)


def test_results_are_found_by_folder_image_and_record(image: Path) -> None:
    folder = image.parent
    write_result(folder / "sub" / "other", DENSE)
    (folder / "alone.ome.tif").write_bytes(b"")
    assert find_results(folder) == [image, folder / "sub" / "other.ome.tif"]
    assert find_results(image) == [image]
    assert find_results(folder / "cell.1.json") == [image]


def test_a_folder_without_results_is_said(tmp_path: Path) -> None:
    with pytest.raises(NothingMeasurableError, match="holds no results of annapalm-run"):
        find_results(tmp_path)


@pytest.mark.parametrize("given", ["alone.ome.tif", "gone.json"])
def test_what_has_no_record_is_no_result(tmp_path: Path, given: str) -> None:
    (tmp_path / given).write_bytes(b"x")
    with pytest.raises(NoRecordError, match="beside it, which says what its pixels are"):
        find_results(tmp_path / given)


@pytest.mark.parametrize("given", ["table.csv", "picture.tif", "cell.png"])
def test_what_annapalm_run_does_not_call_a_result_is_none(tmp_path: Path, given: str) -> None:
    (tmp_path / given).write_bytes(b"x")
    with pytest.raises(NotAResultError, match=r"neither an image \(\.ome\.tif\) nor a record"):
        find_results(tmp_path / given)


def test_a_region_is_cut_out_in_the_frame_of_the_localizations(tmp_path: Path) -> None:
    grid = Grid(20.0, (400.0, -60.0), DENSE.shape)
    result = read_result(write_result(tmp_path / "cell", DENSE, grid=grid))
    part = result.region((1000.0, 40.0, 2005.0, 540.0))
    assert part.grid.extent_nm == (1000.0, 40.0, 2020.0, 540.0)
    np.testing.assert_array_equal(part.dense, DENSE[5:30, 30:81])
    np.testing.assert_array_equal(part.error, DENSE[5:30, 30:81] * np.float32(0.2))
    assert result.region(None) is result


@pytest.mark.parametrize(
    "roi", [(-100.0, 0.0, 1000.0, 1000.0), (0.0, 0.0, 6100.0, 1000.0), (0.0, 5000.0, 10.0, 6020.0)]
)
def test_a_region_outside_the_field_is_refused(
    image: Path, roi: tuple[float, float, float, float]
) -> None:
    with pytest.raises(RegionError, match="covers 0 to 6 µm in x and 0 to 6 µm in y"):
        read_result(image).region(roi)


def test_an_image_that_changed_since_is_refused(image: Path) -> None:
    with image.open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(AlteredImageError, match="its content has changed since"):
        read_result(image)


def test_an_image_of_another_name_is_refused(image: Path) -> None:
    for suffix in (".ome.tif", ".json"):
        shutil.copy(image.with_name(f"cell.1{suffix}"), image.with_name(f"other{suffix}"))
    with pytest.raises(AlteredImageError, match=r"other\.ome\.tif"):
        read_result(image.with_name("other.ome.tif"))


@pytest.mark.parametrize(
    ("planes", "error", "words"),
    [
        (np.zeros((2, 9, 9), np.float32), AlteredImageError, r"float32 of \(9, 9\) pixels"),
        (np.zeros((2, 300, 300)), AlteredImageError, "it holds float64"),
        (np.full((2, 300, 300), np.nan, np.float32), AlteredImageError, "not finite"),
        (np.full((2, 300, 300), -1, np.float32), AlteredImageError, "negative"),
        (np.zeros((3, 300, 300), np.float32), TiffError, "3 planes instead of 2"),
    ],
)
def test_an_image_that_is_not_of_its_record_is_refused(
    image: Path, planes: np.ndarray, error: type[AnnaPalmError], words: str
) -> None:
    rewrite(image, planes)
    with pytest.raises(error, match=words):
        read_result(image)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"schema": "annapalm-field-9"}, "its schema is not annapalm-field-1"),
        ({"image": {"pixel_nm": "many"}}, "could not convert"),
        ({"image": {"pixel_nm": -3}}, "pixel_nm is -3"),
        ({"image": {"shape": [300]}}, "IndexError"),
        ({"provenance": []}, "TypeError"),
        ({"outputs": [{}]}, "KeyError"),
    ],
)
def test_a_broken_record_is_named(image: Path, parts: dict[str, Any], words: str) -> None:
    change(image, **parts)
    with pytest.raises(NotARecordError, match=rf"cell\.1\.json is no .*{words}"):
        read_result(image)


@pytest.mark.parametrize("text", ["", "[]", "{", "\udcff", "[" * 100_000])
def test_what_is_no_json_object_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "measures.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(NotARecordError, match="is no record of annapalm"):
        read_measures(path)


@pytest.mark.parametrize(
    "content",
    [
        {"schema": "annapalm-run-1"},
        {"schema": "annapalm-measures-1"},
        {"schema": "annapalm-measures-1", "fields": [{"measures": {}}]},
        {"schema": "annapalm-measures-1", "fields": [{"measures": {"order": {"value": "x"}}}]},
    ],
)
def test_measures_that_are_none_are_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "measures.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(NotARecordError):
        read_measures(path)


def test_an_image_that_cannot_be_opened_is_said(image: Path) -> None:
    image.unlink()
    image.mkdir()
    with pytest.raises(AnnaPalmError, match=r"cell\.1\.ome\.tif cannot be read"):
        read_result(image)
