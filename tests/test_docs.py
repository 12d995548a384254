"""What the documentation says, held against the programs and the files it speaks of."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import typer

from annapalm.cli import models as models_app
from annapalm.cli import run as run_app
from annapalm.contract import CONTRACT_VERSION, INPUTS, OUTPUTS
from annapalm.model.names import DEFAULT_MODEL, DEFAULT_VERSION, chosen_for, released_models
from annapalm.read.table import FormatName
from annapalm.write.schema import (
    DeviceRecord,
    FieldEntry,
    FieldRecord,
    ModelRecord,
    RunRecord,
    ShardsRecord,
    SoftwareRecord,
)

_KEY = r"^\| `(\w+)` \|"

ROOT = Path(__file__).resolve().parent.parent

PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "examples/*.md", "models/**/*.md")
    for page in ROOT.glob(pattern)
)


def test_every_option_of_annapalm_run_is_documented_and_no_other() -> None:
    (page,) = re.findall(r"## annapalm-run.*?\n## ", _text("docs/cli.md"), re.DOTALL)
    documented = {
        option
        for cell in re.findall(r"^\| (`-.*?) \|", page, re.MULTILINE)
        for option in re.findall(r"`(-[\w-]+)`", cell)
    }
    assert documented == _options(typer.main.get_command(run_app.app))


def test_every_option_of_annapalm_plan_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| (`-.*?) \|", _text("docs/plan.md"), re.MULTILINE)
    documented = {option for cell in rows for option in re.findall(r"`(-[\w-]+)`", cell)}
    group = typer.main.get_command(models_app.app)
    assert documented == _options(getattr(group, "commands")["plan"])  # noqa: B009 - untyped


def test_every_command_of_annapalm_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"^\| `annapalm (\w+)` \|", _text("docs/cli.md"), re.MULTILINE))
    command = typer.main.get_command(models_app.app)
    assert documented == set(getattr(command, "commands"))  # noqa: B009 - click's group, untyped


def test_every_format_is_documented() -> None:
    named = re.findall(r"^\| `(\w+)` \|", _text("docs/inputs.md"), re.MULTILINE)
    assert named == list(get_args(FormatName))


def test_the_contract_is_documented_name_by_name() -> None:
    page = _text("docs/contract.md")
    assert f"`{CONTRACT_VERSION}`" in page
    assert re.findall(r"^\| `(\w+)` \| \[N", page, re.MULTILINE) == [*INPUTS, *OUTPUTS]


def test_the_keys_of_the_record_are_documented() -> None:
    page = _text("docs/outputs.md")
    rest = page.split("## `<stem>.json`")[1]
    field, run = rest.split("### `run.json`")
    assert re.findall(_KEY, field, re.MULTILINE) == list(FieldRecord.__annotations__)
    run, entry = run.split("Each of `fields`, and each line of `--jsonl`")
    cells = re.findall(r"^\| (`[^|]*) \|", run, re.MULTILINE)
    keys = [key for cell in cells for key in re.findall(r"`(\w+)`", cell)]
    assert keys == list(get_type_hints(RunRecord))
    assert re.findall(_KEY, entry, re.MULTILINE) == list(FieldEntry.__annotations__)
    for part in (SoftwareRecord, ModelRecord, DeviceRecord, ShardsRecord):
        assert [key for key in part.__annotations__ if f"`{key}`" not in run] == []


def test_every_fault_that_was_tried_names_its_tests() -> None:
    table = _text("docs/reliability.md").split("\n\n")[2]
    rows = re.findall(
        r"^\| .* \| (`test_\w+\.py`.*) \| (`test_.*) \|$",
        table,
        re.MULTILINE,
    )
    assert len(rows) == table.count("\n") - 1 > 25  # head and rule
    for files, names in rows:
        code = "".join(_text(f"tests/runtime/{name}") for name in re.findall(r"`(.*?)`", files))
        for name in re.findall(r"`(test_\w+)`", names):
            assert f"def {name}(" in code


def test_the_readme_names_the_default_model_and_every_chosen_one() -> None:
    readme = _text("README.md")
    assert f"| `{DEFAULT_MODEL}` {DEFAULT_VERSION} (default) |" in readme
    chosen = [model for model in released_models() if chosen_for(model)]
    assert len(chosen) > 1
    for model in chosen:
        assert re.search(
            rf"^\| `{model.name}` {model.version} (\(default\) )?\|", readme, re.MULTILINE
        )


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads(_text("pyproject.toml"))["project"]["version"]
    assert f"\nversion: {version}\n" in _text("CITATION.cff")
    assert f"\n## {version}" in _text("CHANGELOG.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    inside = [target for target in targets if "://" not in target]
    assert [target for target in inside if not (page.parent / target).exists()] == []


def _options(command: object) -> set[str]:
    """Every name of every option, `--help` included; arguments have none."""
    parameters = getattr(command, "params")  # noqa: B009 - click's command, untyped
    names = {name for parameter in parameters for name in parameter.opts}
    return {name for name in names if name.startswith("-")} | {"--help", "-h"}


def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
