"""The runtime stays lean, starts fast, and changes nothing of the process that imports it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import annapalm
from annapalm.model.names import DEFAULT_MODEL, DEFAULT_VERSION

EXTRAS = {"h5py", "pyarrow"}
"""Imported only by the readers that need them, when a file of theirs is read."""
ALLOWED = {"annapalm", "numpy", "onnxruntime", "rich", "tifffile", "typer"} | EXTRAS
NEVER = {"torch", "onnx", "onnxscript", "scipy", "skimage", "pandas", "annapalm_export"}
HEAVY = {"numpy", "onnxruntime", "tifffile"} | EXTRAS | NEVER
PACKAGE = Path(annapalm.__file__).parent


def python(script: str, *args: object) -> subprocess.CompletedProcess[str]:
    """Run a script in a fresh process."""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, args)],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def loaded_by(script: str, *args: object) -> set[str]:
    """Give the top-level modules that a script loads; its last line is ours."""
    tail = "\nimport sys, json; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    result = python(script + tail, *args)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


COMMAND = """
import sys
from importlib import import_module
module = import_module(sys.argv.pop(1))
try:
    module.main()
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize(
    "args",
    [
        ("annapalm.cli.run", "--help"),
        ("annapalm.cli.run", "--version"),
        ("annapalm.cli.models", "--help"),
        ("annapalm.cli.models", "--version"),
        ("annapalm.cli.models", "inspect", "--help"),
        ("annapalm.cli.models", "measure", "--help"),
        ("annapalm.cli.models", "compare", "--help"),
        ("annapalm.cli.models", "plan", "--help"),
    ],
)
def test_help_and_version_load_nothing_heavy(args: tuple[str, ...]) -> None:
    assert loaded_by(COMMAND, *args) & HEAVY == set()


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import annapalm; dir(annapalm)") & HEAVY == set()


def test_a_whole_run_loads_nothing_of_the_build_side(tmp_path: Path, tiny_model_path: Path) -> None:
    table = tmp_path / "cell.csv"
    rows = "".join(f"{i},{i * 10},{i * 7}\n" for i in range(1, 90))
    table.write_text(f"frame,x [nm],y [nm]\n{rows}", encoding="utf-8")
    args = ("annapalm.cli.run", table, "-o", tmp_path / "out", "--model", tiny_model_path, "-q")
    loaded = loaded_by(COMMAND, *args)
    assert {"numpy", "onnxruntime", "tifffile"} <= loaded
    assert loaded & (NEVER | EXTRAS) == set()


def test_version_names_package_runtime_and_default_model() -> None:
    result = python(COMMAND, "annapalm.cli.run", "--version")
    package, runtime, model = result.stdout.splitlines()
    assert package == f"annapalm {annapalm.__version__}"
    assert runtime.startswith("onnxruntime")
    assert model == f"default model {DEFAULT_MODEL} {DEFAULT_VERSION}"


def imports_of(path: Path) -> set[str]:
    """Top-level names that a source file imports, at run time or for types."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_a_module_imports_only_what_the_runtime_may_have(path: Path) -> None:
    assert imports_of(path) - set(sys.stdlib_module_names) <= ALLOWED


HOST = """
import json, locale, logging, os, signal, sys, threading, warnings
sys.path_before = list(sys.path)
tasks = "/proc/self/task"
def state():
    import numpy
    return {
        "threads": threading.active_count(),
        "system threads": len(os.listdir(tasks)) if os.path.isdir(tasks) else 0,
        "environ": dict(os.environ),
        "filters": [str(f) for f in warnings.filters],
        "handlers": [str(h) for h in logging.getLogger().handlers],
        "level": logging.getLogger().level,
        "locale": locale.setlocale(locale.LC_ALL),
        "signals": [str(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM)],
        "hooks": [str(sys.excepthook), str(threading.excepthook), str(sys.displayhook)],
        "encoding": [sys.stdout.encoding, sys.stderr.encoding],
        "floats": str(numpy.geterr()),
        "printing": str(numpy.get_printoptions()),
        "path": sys.path == sys.path_before,
        "folder": os.getcwd(),
        "recursion": sys.getrecursionlimit(),
    }
import numpy, onnxruntime, tifffile, typer, rich
before = state()
"""


def test_importing_everything_changes_nothing_of_the_host() -> None:
    modules = [
        ".".join(("annapalm", *path.relative_to(PACKAGE).with_suffix("").parts))
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "__init__.py"
    ]
    script = (
        HOST
        + "from importlib import import_module\n"
        + f"for name in {modules!r}: import_module(name)\n"
        + "after = state()\n"
        + "print(json.dumps([before, after]))"
    )
    result = python(script)
    assert result.returncode == 0, result.stderr
    before, after = json.loads(result.stdout.splitlines()[-1])
    assert after == before


def test_using_a_model_leaves_the_host_as_it_was(tiny_model_path: Path) -> None:
    script = (
        HOST
        + "import annapalm, numpy\n"
        + "model = annapalm.load_model(sys.argv[1], 'cpu')\n"
        + "model.reconstruct(numpy.eye(64))\n"
        + "after = state()\n"
        + "print(json.dumps([before, after]))"
    )
    result = python(script, tiny_model_path)
    assert result.returncode == 0, result.stderr
    before, after = json.loads(result.stdout.splitlines()[-1])
    # The session has worker threads of its own, as many as were asked for; all else is untouched.
    before.pop("system threads")
    after.pop("system threads")
    assert after == before
