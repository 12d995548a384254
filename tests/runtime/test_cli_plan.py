"""`annapalm plan`: a table to plan.json, plan.svg and a sentence, or a clear no."""

from __future__ import annotations

import json
import os
import signal
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
import pytest
from cli_words import assert_ends, names_in, read_json, write_table, write_widefield
from plan_words import a_ring
from typer.testing import CliRunner

from annapalm.cli.models import app
from annapalm.model.errors import InferenceError
from annapalm.plan.record import (
    PLAN_SCHEMA,
    BlockRecord,
    LaterRecord,
    PlanRecord,
    RecommendationRecord,
    StepRecord,
)
from annapalm.plan.run import PLAN_FILES
from annapalm.write.atomic import OutputSet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    from annapalm.localizations import Localizations

    Plan = Callable[..., Result]


def rows_of(locs: Localizations) -> list[str]:
    """Rows of a ThunderSTORM table, whose frames count from 1."""
    rows = zip(locs.frame + 1, locs.x_nm, locs.y_nm, strict=True)
    return [f"{f},{x:.2f},{y:.2f},11.5" for f, x, y in rows]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "long.csv", rows_of(a_ring()))


@pytest.fixture
def plan(tmp_path: Path, tiny_model_path: Path) -> Plan:
    """Run `annapalm plan` into `out` with the tiny model."""

    def run(source: Path, *options: object, out: Path | None = None) -> Result:
        args = ("plan", source, "-o", out or tmp_path / "out", "--model", tiny_model_path)
        return CliRunner().invoke(app, [str(a) for a in (*args, *options)])

    return run


FEW = ("--frames", "60,240,900")


def test_a_plan_is_said_drawn_and_recorded(plan: Plan, table: Path, tmp_path: Path) -> None:
    result = plan(table, *FEW)
    assert_ends(result, 0)
    assert names_in(tmp_path / "out") == set(PLAN_FILES)
    record = read_json(tmp_path / "out" / "plan.json")
    lines = result.stdout.splitlines()
    assert record["sentence"] in lines
    low, high = record["recommendation"]["between"]
    assert f"one standard deviation over blocks: {low:,} to {high:,} frames" in lines
    assert [f"note: {c}" for c in record["cautions"]] == [x for x in lines if x[:5] == "note:"]
    assert [line.split()[0] for line in lines[1:4]] == ["60", "240", "900"]
    assert "900 frames: " in result.stderr
    root = ET.parse(tmp_path / "out" / "plan.svg").getroot()  # noqa: S314 - our own file
    texts = {e.text for e in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"How few frames: long.csv", "Resolution, nm", "80 %", "40 nm"} <= texts


def test_the_record_holds_every_key(plan: Plan, table: Path, tmp_path: Path) -> None:
    plan(table, *FEW)
    record = read_json(tmp_path / "out" / "plan.json")
    for kind, part in (
        (PlanRecord, record),
        (RecommendationRecord, record["recommendation"]),
        (LaterRecord, record["later"]),
        (StepRecord, record["steps"][0]),
        (BlockRecord, record["steps"][0]["blocks"][0]),
    ):
        assert set(part) == set(get_type_hints(kind))
    assert record["schema"] == PLAN_SCHEMA
    provenance = record["provenance"]
    assert provenance["input"]["rows"] == len(a_ring())
    assert len(provenance["input"]["sha256"]) == len(provenance["model"]["sha256"]) == 64
    assert provenance["options"] == {
        "frames": [60, 240, 900],
        "gap": 50,
        "resolution": 40.0,
        "share": 0.8,
    }


def test_the_same_call_gives_the_same_bytes(plan: Plan, table: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert_ends(plan(table, *FEW, out=tmp_path / name), 0)
    for name in PLAN_FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_rows_in_another_order_give_the_same_plan(plan: Plan, tmp_path: Path) -> None:
    rows = rows_of(a_ring())
    plans = []
    for name, order in (("a", slice(None)), ("b", np.random.default_rng(0).permutation(len(rows)))):
        source = write_table(tmp_path / f"{name}.csv", np.array(rows)[order].tolist())
        assert_ends(plan(source, *FEW, out=tmp_path / name), 0)
        record = read_json(tmp_path / name / "plan.json")
        plans.append({key: record[key] for key in ("sentence", "steps", "later")})
    assert plans[0] == plans[1]


def test_quiet_says_the_result_only(plan: Plan, table: Path) -> None:
    result = plan(table, *FEW, "--quiet")
    assert_ends(result, 0)
    assert result.stderr == ""
    assert "frames" in result.stdout


def test_what_is_there_is_replaced_only_when_asked(plan: Plan, table: Path, tmp_path: Path) -> None:
    old = tmp_path / "out" / "plan.svg"
    old.parent.mkdir()
    old.write_text("mine", encoding="utf-8")
    result = plan(table, *FEW)
    assert_ends(result, 2)
    assert "plan.svg exists already" in result.stderr
    assert names_in(tmp_path / "out") == {"plan.svg"}
    assert old.read_text(encoding="utf-8") == "mine"
    assert_ends(plan(table, *FEW, "--overwrite"), 0)
    assert names_in(tmp_path / "out") == set(PLAN_FILES)


def test_a_file_where_the_folder_should_be(plan: Plan, table: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    result = plan(table, *FEW, out=tmp_path / "taken")
    assert_ends(result, 2)
    assert "a file stands where the folder should be" in result.stderr
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "a file"


def test_a_table_is_never_replaced_by_its_plan(plan: Plan, tmp_path: Path) -> None:
    source = write_table(tmp_path / "plan.json", rows_of(a_ring()))
    before = source.read_bytes()
    result = plan(source, *FEW, "--overwrite", out=tmp_path)
    assert_ends(result, 2)
    assert "it would replace the input" in result.stderr
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--frames", "300"), "--frames 300: it must be two or more different numbers"),
        (("--frames", "100,100"), "--frames 100,100: it must be"),
        (("--frames", "0,100"), "--frames 0,100: it must be"),
        (("--frames", "0:300"), "--frames 0:300: it must be"),
        (("--frames", ""), "it must be two or more"),
        (("--share", "1"), "--share 1.0: it must be at least 0.5 and below 1"),
        (("--share", "80"), "--share 80.0"),
        (("--share", "nan"), "--share nan"),
        (("--resolution", "0"), "--resolution 0"),
        (("--resolution", "inf"), "--resolution inf"),
        (("--gap", "-1"), "--gap"),
        (("--structure", "pore"), "Structure 'pore' is unknown"),
        (("--device", "abacus"), "abacus"),
        (("--threads", "0"), "--threads"),
        (("--unit", "px"), "--camera-pixel"),
        (("--columns", "x,y"), "frame"),
        (("--field", "40"), "--field 40"),
        (("--bogus",), "--bogus"),
    ],
)
def test_an_option_that_cannot_be_followed(
    options: tuple[str, ...], told: str, plan: Plan, table: Path, tmp_path: Path
) -> None:
    result = plan(table, *options)
    assert_ends(result, 2)
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_table_that_is_not_there(plan: Plan, tmp_path: Path) -> None:
    for source in (tmp_path / "absent.csv", tmp_path):
        result = plan(source)
        assert_ends(result, 2)
        assert f"Input {source} does not exist" in result.stderr


def ring_in_frames(frames: Any) -> list[str]:
    locs = a_ring()
    return [f"{f},{r.split(',', 1)[1]}" for f, r in zip(frames, rows_of(locs), strict=True)]


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        (rows_of(a_ring())[:900], (), "localizations of the field lie in the first half"),
        ([], (), "0 localizations of the field"),
        (ring_in_frames([5] * 6000), (), "frame"),
        (ring_in_frames([5] * 6000), ("--allow-single-frame",), "The table spans 1 frame(s)"),
        (ring_in_frames([1, 2, 3, 4] * 1500), (), "The table spans 4 frame(s)"),
        (rows_of(a_ring()), ("--frames", "100,5000"), "--frames names 5,000 frames, but only"),
        (rows_of(a_ring()), ("--gap", "5000"), "a gap of 5,000 frames"),
        ([*rows_of(a_ring()), "7,oops,1,1"], (), "line 6002"),
    ],
)
def test_an_acquisition_that_cannot_be_planned_from(
    rows: list[str], options: tuple[str, ...], told: str, plan: Plan, tmp_path: Path
) -> None:
    result = plan(write_table(tmp_path / "short.csv", rows), *options)
    assert_ends(result, 1)
    assert told in result.stderr
    assert "short.csv" in result.stderr
    assert not (tmp_path / "out").exists()
    assert result.stdout == ""


def test_an_image_has_no_frames_to_plan_from(plan: Plan, tmp_path: Path) -> None:
    source = tmp_path / "counts.tif"
    write_widefield(source)
    result = plan(source)
    assert_ends(result, 1)
    assert "counts.tif" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_broken_model_is_exit_3(plan: Plan, table: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    assert_ends(plan(table, "--model", broken), 3)


def test_a_sample_without_structure_gets_no_number(plan: Plan, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 4000, (6000, 2))
    rows = [f"{f},{x:.1f},{y:.1f},10" for f, (x, y) in zip(rng.integers(1, 2000, 6000), places)]  # noqa: B905
    result = plan(write_table(tmp_path / "noise.csv", rows), *FEW)
    assert_ends(result, 0)
    assert "No number of frames can be recommended" in result.stdout
    assert read_json(tmp_path / "out" / "plan.json")["recommendation"]["frames"] is None


def test_interrupted_at_the_last_moment_nothing_is_left(
    plan: Plan, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = OutputSet._publish

    def interrupt(self: OutputSet) -> None:
        if sys.platform == "win32":
            raise KeyboardInterrupt
        os.kill(os.getpid(), signal.SIGTERM)
        before(self)

    monkeypatch.setattr(OutputSet, "_publish", interrupt)
    result = plan(table, *FEW)
    assert_ends(result, 130)
    assert "interrupted: nothing was written" in result.stderr
    assert names_in(tmp_path / "out") == set()


def test_interrupted_while_it_works(
    plan: Plan, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swallow(*_: object, **__: object) -> None:
        """Do what a library does that turns Ctrl-C into a failure of its own."""
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise InferenceError("tiny", "cpu", "tile 1", "stopped") from None

    monkeypatch.setattr("annapalm.plan.run.score_acquisition", swallow)
    result = plan(table)
    assert_ends(result, 130)
    assert not (tmp_path / "out").exists()


def test_numbers_are_json_without_nan(plan: Plan, table: Path, tmp_path: Path) -> None:
    def refuse(word: str) -> None:
        pytest.fail(f"{word} in plan.json")

    assert_ends(plan(table, "--frames", "10,20,900"), 0)
    text = (tmp_path / "out" / "plan.json").read_text(encoding="utf-8")
    record = json.loads(text, parse_constant=refuse)
    assert [step["frames"] for step in record["steps"]] == [10, 20, 900]
