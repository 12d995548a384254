"""What `make` does, in Python alone: the same on Linux, macOS, Windows and in CI.

    python scripts/make.py demo          install the lean runtime in .venv, run it on examples/
    python scripts/make.py test [ARGS]   the test suite, ARGS for pytest; a skipped test fails it
    python scripts/make.py test-wheel    only the wheel's own test, with neither torch nor onnx
    python scripts/make.py test-lowest   the same with the lowest versions pyproject.toml allows
    python scripts/make.py test-peers    the same files read by locan and Picasso (installs 2 GB)
    python scripts/make.py fuzz [ARGS]   every reader fed damaged files for 60 s
    python scripts/make.py lint          ruff, its formatter and mypy; nothing is changed
    python scripts/make.py bench [ARGS]  times and memory of the lean runtime on this machine
    python scripts/make.py evaluate [--quick]  every figure that README, docs and cards state
    python scripts/make.py wheel         build the wheel into dist/

Each environment is installed once and again only when what it was made from has changed. This file
uses the standard library alone, because it runs before anything is installed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - in words, before an import fails without any
    found = ".".join(str(number) for number in sys.version_info[:2])
    sys.exit(
        f"annapalm needs Python 3.11 or newer, and {sys.executable} is Python {found}. "
        "Name a newer one: make PYTHON=python3.12 ..., or on Windows: py -3.12 scripts\\make.py ..."
    )

import re
import tomllib
from xml.etree import ElementTree as ET

from environment import ROOT, Environment, call

DEMO_OUTPUT = Path("demo-output")
EVALUATION = Path("evaluation")
REAL_DATA = ROOT.parent / "shared" / "data"
"""The real tables, where there are any; their licences keep them out of the repository."""

LEAN = Environment(
    ".venv",
    pip=(("install", ".[cpu]"),),
    made_from=("pyproject.toml", "README.md", "LICENSE", "runtime", "export", "models"),
)
"""What a user has: the runtime as a wheel, extra `cpu`, and nothing to train with."""

DEV = Environment(
    ".venv-dev",
    # torch first and by itself: asked for through a range, pip takes the newest build, which on
    # Linux brings several GB of GPU libraries; with this one installed the range asks for no other.
    pip=(("install", "torch==2.13.0"), ("install", "-e", ".[cpu,hdf5,export,dev]")),
    made_from=("pyproject.toml",),
)
"""Everything that tests, training and checks need; annapalm itself in place."""

WHEEL = Environment(".venv-wheel", pip=(("install", "pytest>=8"),), made_from=())
"""Only what runs `tests/test_wheel.py`: that test makes its own environment for the wheel."""

PEERS = Environment(
    ".venv-peers",
    pip=(("install", ".[cpu,hdf5]", "pytest>=8", "locan==0.22.0", "picassosr==0.11.3"),),
    made_from=LEAN.made_from,
)
"""Other programs that read tables, pinned: what is compared with should not change by itself."""


def demo() -> None:
    """Install the lean runtime, run it on the examples, and say where to look."""
    LEAN.ready()
    call(LEAN.script("annapalm-run"), "examples", "-o", DEMO_OUTPUT, "--overwrite")
    images = sorted(str(p.relative_to(ROOT)) for p in (ROOT / DEMO_OUTPUT).rglob("*.png"))
    print("\nDone. Open in a browser (every field, and where not to believe it):")
    print(f"  {DEMO_OUTPUT / 'report.html'}")
    print("Look at the sparse image, the dense image and the error map side by side:")
    print("\n".join(f"  {image}" for image in images))
    print("The images themselves (*.ome.tif) open in Fiji and napari, with their pixel size.")
    print(f"Your own tables: {LEAN.script('annapalm-run').relative_to(ROOT)} FOLDER -o OUT")


def test(arguments: list[str]) -> None:
    """Run the test suite; fail, too, where a test was skipped or none was run."""
    _pytest(DEV, *arguments)


def test_wheel(arguments: list[str]) -> None:
    """Run the wheel's test alone: on the wheel given as argument, else on one it builds."""
    environ = {"ANNAPALM_WHEEL": str(Path(arguments[0]).resolve())} if arguments else {}
    _pytest(WHEEL, "--noconftest", "tests/test_wheel.py", environ=environ)


def test_lowest(arguments: list[str]) -> None:
    """Run the wheel's test with the lowest versions of the runtime's dependencies."""
    python = WHEEL.ready()
    pins = lowest_versions((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    constraints = python.parent / "lowest.txt"
    constraints.write_text("\n".join(pins) + "\n", encoding="utf-8")
    print(f"Lowest versions: {', '.join(pins)}", flush=True)
    # pip inside the test reads it from the environment, so that the test knows nothing of pins.
    os.environ["PIP_CONSTRAINT"] = str(constraints)
    test_wheel(arguments)


def test_peers(arguments: list[str]) -> None:
    """Read the files of tests/data with the programs of others too, and compare."""
    _pytest(PEERS, *(arguments or ["tests/peers"]))


def fuzz(arguments: list[str]) -> None:
    """Damage files of every format and read them; fail where one crashes, hangs or is misread."""
    python = DEV.ready()
    call(python, "tests/runtime/fuzz_readers.py", *(arguments or ["--each", "60"]))


def lint() -> None:
    """Check style, format and types; change nothing."""
    python = DEV.ready()
    call(python, "-m", "ruff", "check", ".")
    call(python, "-m", "ruff", "format", "--check", ".")
    call(python, "-m", "mypy")


def bench(arguments: list[str]) -> None:
    """Measure the lean runtime, installed as users have it."""
    call(LEAN.ready(), "benchmarks/run_field.py", *arguments)


def evaluate(arguments: list[str]) -> None:
    """Make every figure that README, docs and cards state, and say where it lies.

    Hours on a few cores, all of which it takes; a broken-off run goes on where it was. `--quick`
    takes one field of one density: for a look at the whole way, not for figures.
    """
    if arguments not in ([], ["--quick"]):
        sys.exit("make evaluate takes --quick or nothing")
    DEV.ready()
    command = DEV.script("annapalm-export")
    folder = EVALUATION / "quick" if arguments else EVALUATION
    (ROOT / folder).mkdir(parents=True, exist_ok=True)
    models = newest_models(ROOT / "models")
    processes = ["--processes", str(os.cpu_count() or 1)]
    for model in models:  # as each card quotes it; a release never changes
        figures = folder / f"{model.replace('/', '-')}.json"
        if not arguments and not (ROOT / figures).exists():
            call(command, "evaluate", model, "--fields", "12", *processes, "-o", figures)
    options = ["--fields", "1", "--density", "20", "--threshold-fields", "1"] if arguments else []
    suites = ["--suite", "microtubules-1"] if arguments else ["--suite", "all"]
    real = ["--data", str(REAL_DATA)] if REAL_DATA.is_dir() and not arguments else []
    call(command, "evaluate", *models, *suites, *options, *real, *processes, "-o", folder)
    few = ["--fields", "1", "--suite", "precision-1"] if arguments else []
    coverage = ["domain", "coverage", *models, *few, *processes]
    call(command, *coverage, "-o", folder / "coverage.md")
    drift_fields = "1" if arguments else "3"
    drift = ["domain", "drift", "--fields", drift_fields, *processes]
    call(command, *drift, "-o", folder / "drift.md")
    print("\nDone:")
    print(f"  {folder / 'tables.md'}     every table, with its plots (*.svg)")
    print(f"  {folder / 'summary.json'}  the same as numbers")
    print(
        f"  {folder / 'coverage.md'}   intervals on usual and shifted fields, and what is warned of"
    )
    print(f"  {folder / 'drift.md'}      how often a drift is found")
    if not real:
        print(f"Without the real tables: there is no {REAL_DATA}, or --quick was given.")


def newest_models(folder: Path) -> list[str]:
    """Name the newest version, name/version, of each model released in `folder`."""
    released = sorted(
        (path.parent.parent.name, tuple(int(n) for n in path.parent.name.split(".")))
        for path in folder.glob("*/*/model.onnx")
    )
    return [f"{name}/{'.'.join(map(str, numbers))}" for name, numbers in dict(released).items()]


def wheel() -> None:
    """Build the wheel into dist/."""
    call(WHEEL.ready(), "-m", "pip", "wheel", "--no-deps", "--wheel-dir", "dist", ".")


def lowest_versions(pyproject: str) -> list[str]:
    """Turn the lower bounds of the runtime's dependencies into pins, `name==version`."""
    project = tomllib.loads(pyproject)["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["cpu"]]
    pins = []
    for requirement in wanted:
        bound = re.fullmatch(r"([\w-]+)>=([\d.]+)(?:,!=[\d.]+)*", requirement)
        if bound is None:
            sys.exit(
                f"pyproject.toml: '{requirement}' has no plain lower bound such as numpy>=1.2.3"
            )
        pins.append(f"{bound[1]}=={bound[2]}")
    return pins


def _pytest(
    environment: Environment, *arguments: str, environ: dict[str, str] | None = None
) -> None:
    """Run pytest, then read its own report: a skipped test is no passed test."""
    python = environment.ready()
    report = python.parent.parent / "pytest.xml"
    call(python, "-m", "pytest", f"--junitxml={report}", *arguments, environ=environ)
    suite = next(ET.parse(report).iter("testsuite"))  # noqa: S314 - pytest wrote it just now
    if int(suite.get("skipped", "0")):
        sys.exit(f"{suite.get('skipped')} tests were skipped; here every test must run.")


def main() -> None:
    """Run the target named on the command line."""
    plain = {"demo": demo, "lint": lint, "wheel": wheel}
    with_arguments = {
        "test": test,
        "test-wheel": test_wheel,
        "test-lowest": test_lowest,
        "test-peers": test_peers,
        "fuzz": fuzz,
        "bench": bench,
        "evaluate": evaluate,
    }
    target, *arguments = sys.argv[1:] or ["help"]
    if target in plain and not arguments:
        plain[target]()
    elif target in with_arguments:
        with_arguments[target](arguments)
    else:
        print(__doc__, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
