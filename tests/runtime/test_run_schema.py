"""What a run leaves behind is what `docs/run.schema.json` says, whatever was asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cli_words import invoke, read_json, write_table, write_widefield
from jsonschema import Draft202012Validator
from run_schema import PATH, make_schema, text_of

if TYPE_CHECKING:
    from pathlib import Path

KINDS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "cross-check": ("--cross-check",),
    "time-lapse": ("--window", "20", "--frame-time", "30"),
    "channels": ("--channel", "red=*_a.csv", "--channel", "green=*_b.csv", "--field", "4x4"),
    "no preview": ("--no-preview", "--roi", "1,1,3,3"),
}


def errors_of(value: Any, name: str = "RunRecord") -> list[str]:
    whole = json.loads(PATH.read_text(encoding="utf-8"))
    asked = whole | {"$ref": f"#/$defs/{name}"}
    return [f"{e.json_path}: {e.message}" for e in Draft202012Validator(asked).iter_errors(value)]


def run(tmp_path: Path, model: Path, *options: str) -> tuple[Any, list[Any]]:
    """Run two good tables, one of them with a widefield image, and a bad one."""
    for name in ("1_a", "1_b"):
        write_table(tmp_path / "in" / f"{name}.csv")
    write_widefield(tmp_path / "in" / "1_a_widefield.tif")
    write_table(tmp_path / "in" / "2_a.csv", ["1,oops,3,4"])
    args = (tmp_path / "in", "-o", tmp_path / "out", "--model", model, "--jsonl", *options)
    result = invoke(*args)
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return read_json(tmp_path / "out" / "run.json"), lines


def test_the_schema_is_that_of_the_program() -> None:
    Draft202012Validator.check_schema(make_schema())
    written = PATH.read_text(encoding="utf-8")
    assert written == text_of(make_schema()), "after a change: python tests/runtime/run_schema.py"


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_run_writes_is_as_the_schema_says(
    kind: str, tmp_path: Path, tiny_model_path: Path
) -> None:
    record, lines = run(tmp_path, tiny_model_path, *KINDS[kind])
    assert errors_of(record) == []
    assert {field["status"] for field in record["fields"]} == {"done", "failed"}
    assert [errors_of(line, "FieldEntry") for line in lines] == [[]] * len(lines)
    sidecars = sorted(tmp_path.glob("out/[0-9]*.json"))
    assert sidecars
    assert [errors_of(read_json(path), "FieldRecord") for path in sidecars] == [[]] * len(sidecars)


def test_a_shard_that_leaves_others_to_do_is_as_the_schema_says(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    record, _ = run(tmp_path, tiny_model_path, "--shard", "1/2")
    assert errors_of(record) == []
    assert "skipped" in {field["status"] for field in record["fields"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"device": None}, "$.device: None is not of type 'object'"),
        ({"colour": 1}, "$: Additional properties are not allowed ('colour' was unexpected)"),
        ({"status": "fine"}, "$.status: 'fine' is not one of"),
        ({"fields": [{}]}, "$.fields[0]: 'input' is a required property"),
    ],
)
def test_a_record_that_is_not_so_is_refused(
    change: dict[str, Any], said: str, tmp_path: Path, tiny_model_path: Path
) -> None:
    write_table(tmp_path / "in" / "a.csv")
    args = (tmp_path / "in", "-o", tmp_path / "out", "--model", tiny_model_path, "--no-preview")
    assert invoke(*args).exit_code == 0
    record = read_json(tmp_path / "out" / "run.json")
    assert errors_of(record) == []
    assert errors_of(record | change)[0].startswith(said)
