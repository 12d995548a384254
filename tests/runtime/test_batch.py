"""A batch from Python: failures are values, the order is kept, and the host can stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from cli_words import assert_complete_or_absent, write_table, write_widefield

from annapalm.batch import Item, run_batch, run_field, skipped
from annapalm.errors import CancelledError
from annapalm.extent import Extent, OutlierError, OutsideFieldError, choose_extent
from annapalm.field import FieldOptions
from annapalm.localizations import Localizations
from annapalm.read import TableOptions
from annapalm.widefield import WidefieldImage
from annapalm.write.errors import OutputExistsError

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.model import Model


class Listener:
    """Follows a run, and stops it before the field of this number."""

    def __init__(self, stop_at: int = 10**9) -> None:
        self.begun: list[str] = []
        self.tiles: list[tuple[int, int]] = []
        self._stop_at = stop_at

    def begin(self, number: int, total: int, item: Item) -> None:
        self.begun.append(f"{number}/{total} {item.source.name}")

    def advance(self, done: int, total: int) -> None:
        self.tiles.append((done, total))

    def cancelled(self) -> bool:
        return len(self.begun) >= self._stop_at


def items_in(folder: Path, *names: str) -> list[Item]:
    """Make tables of a ring; those named `bad` hold a word where a number belongs."""
    for name in names:
        rows = ["1,oops,2,3"] if name.startswith("bad") else None
        write_table(folder / f"{name}.csv", rows)
    return [Item(folder / f"{name}.csv", folder / "out" / name) for name in names]


@pytest.mark.parametrize("jobs", [1, 2, 3, 7])
def test_a_failed_item_is_a_value_and_the_order_is_kept(
    tmp_path: Path, tiny_model: Model, jobs: int
) -> None:
    items = items_in(tmp_path, "b", "bad", "a")
    listener = Listener()
    outcomes = list(run_batch(tiny_model, items, tmp_path / "out", progress=listener, jobs=jobs))
    assert [outcome.item for outcome in outcomes] == items
    assert [outcome.entry["status"] for outcome in outcomes] == ["done", "failed", "done"]
    assert "line 2" in str(outcomes[1].error)
    assert outcomes[1].trace is None
    assert outcomes[1].thumbnails is None
    assert listener.begun == ["1/3 b.csv", "2/3 bad.csv", "3/3 a.csv"]
    assert listener.tiles == [(0, 1), (1, 1)] * 2
    assert assert_complete_or_absent(tmp_path / "out") == {"a", "b"}


def test_a_fault_of_the_program_is_a_value_too_and_keeps_its_traceback(
    tmp_path: Path, tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a fault")

    items = items_in(tmp_path, "a")
    monkeypatch.setattr("annapalm.field.read.read_table", fail)
    (outcome,) = run_batch(tiny_model, items, tmp_path / "out")
    assert outcome.entry["error"] == {"type": "ZeroDivisionError", "message": "a fault"}
    assert outcome.trace is not None
    assert "in fail" in outcome.trace


def test_the_host_stops_a_run_and_what_is_done_stays(tmp_path: Path, tiny_model: Model) -> None:
    items = items_in(tmp_path, "a", "b", "c")
    run = run_batch(tiny_model, items, tmp_path / "out", progress=Listener(stop_at=2))
    assert next(run).entry["status"] == "done"
    with pytest.raises(CancelledError):
        next(run)
    assert assert_complete_or_absent(tmp_path / "out") == {"a"}
    assert skipped(items[2]).entry["status"] == "skipped"


def test_the_python_api_raises(tmp_path: Path, tiny_model: Model) -> None:
    write_table(tmp_path / "cell.csv")
    output = run_field(tiny_model, tmp_path / "cell.csv", tmp_path / "deep" / "er" / "cell")
    assert [path.name for path in output.paths] == ["cell.ome.tif", "cell.png", "cell.json"]
    with pytest.raises(OutputExistsError, match=r"cell\.ome\.tif exists already"):
        run_field(tiny_model, tmp_path / "cell.csv", tmp_path / "deep" / "er" / "cell")


def test_the_extent_of_the_camera_is_stated_as_such(tmp_path: Path, tiny_model: Model) -> None:
    write_table(tmp_path / "cell.csv")
    options = FieldOptions(table=TableOptions(field_nm=(4400.0, 4200.0)))
    record = run_field(tiny_model, tmp_path / "cell.csv", tmp_path / "out", options).record
    assert record["provenance"]["input"]["extent_from"] == "option"
    assert record["image"]["shape"] == [210, 220]
    assert record["image"]["origin_nm"] == [0, 0]


def test_the_shift_of_the_widefield_image_is_reported(tmp_path: Path, tiny_model: Model) -> None:
    write_table(tmp_path / "cell.csv")
    write_widefield(tmp_path / "wide.tif")
    output = run_field(
        tiny_model, tmp_path / "cell.csv", tmp_path / "cell", widefield=tmp_path / "wide.tif"
    )  # fmt: skip
    agreement = output.record["widefield"]
    assert agreement is not None
    assert np.abs(agreement["shift_nm"]).max() < 60
    assert tifffile.imread(output.paths[0]).shape[0] == 3


# Extent


def locs_at(*points: tuple[float, float], field_nm: tuple[float, float] | None) -> Localizations:
    """Make localizations at points (x, y) in nm."""
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return Localizations(x.copy(), y.copy(), np.arange(len(x)), field_nm=field_nm)


def extent_of(locs: Localizations, tmp_path: Path, **more: Any) -> Extent:
    """Choose the field of view; row i stands in line i + 2."""
    return choose_extent(
        locs, 20.0, path=tmp_path / "t.csv", line_of=lambda row: row + 2, **more
    )  # fmt: skip


def test_who_decides_the_extent(tmp_path: Path) -> None:
    known = locs_at((10, 10), (90, 30), field_nm=(200.0, 100.0))
    unknown = locs_at((10, 10), (90, 30), field_nm=None)
    image = WidefieldImage(np.ones((3, 4), np.float32), 100.0)
    roi = (20.0, 0.0, 60.0, 40.0)
    cases = {
        "camera": (extent_of(known, tmp_path, image=image), (5, 10)),
        "option": (extent_of(known, tmp_path, asked=True), (5, 10)),
        "widefield": (extent_of(unknown, tmp_path, image=image), (15, 20)),
        "data": (extent_of(unknown, tmp_path), (2, 5)),
    }
    for source, (extent, shape) in cases.items():
        assert (extent.source, extent.grid.shape) == (source, shape)
    region = extent_of(known, tmp_path, roi_nm=roi)
    assert (region.source, region.grid.extent_nm) == ("option", roi)


def test_an_inexact_pixel_size_adds_no_row_of_pixels(tmp_path: Path) -> None:
    locs = locs_at((10, 10), field_nm=None)
    for pixel_nm, edge in ((100.001, 200), (99.999, 200), (100.2, 201)):
        image = WidefieldImage(np.ones((40, 40), np.float32), pixel_nm)
        assert extent_of(locs, tmp_path, image=image).grid.shape == (edge, edge)


def test_a_coordinate_a_kilometre_away_is_named(tmp_path: Path) -> None:
    locs = locs_at(*[(i, i) for i in range(50)], (1e12, 5.0), field_nm=None)
    with pytest.raises(OutlierError, match=r"t\.csv, line 52: the localization at x 1,000,000,000"):
        extent_of(locs, tmp_path)


def test_a_few_far_localizations_are_a_warning(tmp_path: Path) -> None:
    points = [(i % 100 * 100.0, i // 100 * 100.0) for i in range(1000)]
    extent = extent_of(locs_at(*points, (150_000.0, 90_000.0), field_nm=None), tmp_path)
    (warning,) = extent.warnings
    assert "the farthest, t.csv, line 1002, lies at x 150.00 µm, y 90.00 µm" in warning


def test_localizations_that_miss_the_field_are_refused(tmp_path: Path) -> None:
    locs = locs_at((10, 10), (90_000, 30), (80_000, 40), field_nm=(200.0, 100.0))
    with pytest.raises(OutsideFieldError, match=r"2 of 3 localizations lie outside the field"):
        extent_of(locs, tmp_path)
