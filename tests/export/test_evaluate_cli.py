"""`annapalm-export evaluate` as a user types it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from test_suites import SMALL_SUITE, contract_model
from typer.testing import CliRunner

from annapalm_export.cli import app
from annapalm_export.evaluate import suites

if TYPE_CHECKING:
    from pathlib import Path

RUNNER = CliRunner(env={"COLUMNS": "250", "NO_COLOR": "1", "TERM": "dumb"})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Write a model of microtubules."""
    path = tmp_path / "tiny.onnx"
    info = contract_model.model_info(structures=("microtubules",))
    path.write_bytes(contract_model.build_model(info).SerializeToString())
    return path


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--suite", "hair-1", "-o", "out"], "'hair-1' is not one of: microtubules-1"),
        (["--suite", "microtubules-1"], "a folder for the results is needed"),
        (["--suite", "real-1", "-o", "out"], "real-1 needs the folder of its tables"),
        (["--suite", "all", "-o", "out", "--table", "a.csv"], "without --suite"),
        (["--processes", "0"], "Invalid value for '--processes'"),
        (["microtubule/1.0.0"], "several models are compared on suites"),
        (["--data", "."], "is for --suite"),
        (["--density", "5"], "is for --suite"),
        (["--choosing"], "is for --suite"),
        (["--suite", "all", "-o", "out", "--choosing", "--data", "."], "no other tables"),
        (["--fields", "-1"], "Invalid value for '--fields'"),
    ],
)
def test_options_that_contradict_each_other_are_refused(words: list[str], problem: str) -> None:
    result = RUNNER.invoke(app, ["evaluate", "microtubule/1.0.0", *words])
    assert result.exit_code == 2, result.output
    assert problem in " ".join(result.output.replace("│", " ").split())


def test_a_model_given_twice_is_refused(model: Path, tmp_path: Path) -> None:
    words = ["evaluate", str(model), str(model), "--suite", "microtubules-1"]
    result = RUNNER.invoke(app, [*words, "-o", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "is given twice" in result.output
    assert not (tmp_path / "out").exists()


def test_a_suite_writes_its_results_and_goes_on_where_it_was(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(suites.SUITES, "small-1", SMALL_SUITE)
    out = tmp_path / "out"
    words = ["evaluate", str(model), "--suite", "small-1", "--fields", "1", "--density", "20"]
    words += ["--threshold-fields", "1", "-o", str(out)]
    result = RUNNER.invoke(app, words)
    assert result.exit_code == 0, result.output
    assert {p.name for p in out.iterdir()} == {"results.jsonl", "summary.json", "tables.md"}
    summary = json.loads((out / "summary.json").read_text())
    assert [m["label"] for m in summary["models"]] == ["tiny/0.0.1"]
    before = (out / "results.jsonl").read_text()
    assert RUNNER.invoke(app, words).exit_code == 0
    assert (out / "results.jsonl").read_text() == before
    assert RUNNER.invoke(app, [*words, "--choosing"]).exit_code == 0
    assert list(json.loads((out / "summary.json").read_text())["suites"]) == ["small-choosing-1"]


def test_a_data_folder_without_tables_is_named(model: Path, tmp_path: Path) -> None:
    words = ["evaluate", str(model), "--suite", "real-1", "--data", str(tmp_path)]
    result = RUNNER.invoke(app, [*words, "-o", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "cos7_tubulin_left/localizations.txt" in str(result.exception)
