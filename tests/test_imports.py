"""What the files import: none in a circle, and the wheel's test nothing that it must install."""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"runtime": "annapalm", "export": "annapalm_export"}


def modules() -> dict[str, Path]:
    """Map the names of all modules to their files."""
    found = {}
    for folder, package in PACKAGES.items():
        for path in sorted((ROOT / folder / package).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imports_of(source: str, known: set[str]) -> set[str]:
    """Name the modules of ours that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            full = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {one if one in known else node.module for one in full.values()}
    return found & known


def test_no_file_imports_another_in_a_circle() -> None:
    files = modules()
    assert len(files) > 200
    known = set(files)
    graph = {
        name: imports_of(path.read_text(encoding="utf-8"), known) - {name}
        for name, path in files.items()
    }
    assert "annapalm.field" in graph["annapalm.stack.read"]
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_a_circle_would_be_noticed() -> None:
    known = {"a", "a.b"}
    sources = {"a": "def f():\n    from a.b import g\n", "a.b": "import a\n"}
    graph = {name: imports_of(source, known) for name, source in sources.items()}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()


def test_the_test_of_the_wheel_imports_only_the_standard_library_and_pytest() -> None:
    """It runs where nothing else is installed, not even annapalm (`make test-wheel`)."""
    tree = ast.parse((ROOT / "tests" / "test_wheel.py").read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert "pytest" in imported
    assert imported - {"pytest"} <= sys.stdlib_module_names
