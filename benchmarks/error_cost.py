"""What the error map costs: a released graph, the same without its error head, and `dense` alone.

And what a cross-check costs beside one reconstruction. All are run in turn on the same field, so
that what slows the machine down slows them all; ratios are taken within each round. Nothing is
asserted. Needs the package `onnx` beside the extra `cpu`:

    python benchmarks/error_cost.py
    python benchmarks/error_cost.py --model structures --structure actin --runs 9
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import field
import machine
import numpy as np
import onnx
import onnxruntime
from onnx.utils import Extractor

from annapalm import load_model
from annapalm.contract import INPUTS, OUTPUTS
from annapalm.grid import Grid
from annapalm.localizations import Localizations
from annapalm.model import SessionOptions
from annapalm.model.inputs import quarter_shape, structure_weights
from annapalm.model.threads import thread_budget

if TYPE_CHECKING:
    from collections.abc import Callable

    from annapalm.model import Model

WHOLE = "network, all outputs"
NO_ERROR = "network without its error head"
DENSE = "network, `dense` alone"
PICTURE = "`Model.reconstruct`"
CHECKED = "`Model.reconstruct` and `Model.cross_check`"
BESIDE = {NO_ERROR: WHOLE, DENSE: WHOLE, PICTURE: CHECKED}
"""What each is compared with: how much more the second takes."""


def main() -> None:
    """Measure in turn, and print the machine, the times and the ratios in Markdown."""
    options = _options()
    described = machine.describe() | {"onnx": onnx.__version__}
    model = load_model(options.model, "cpu", SessionOptions(threads=options.threads))
    with tempfile.TemporaryDirectory() as folder:
        steps = _networks(model, Path(folder), options) | _pictures(model, options)
        rounds = [
            {name: _seconds(step) for name, step in steps.items()} for _ in range(options.runs + 1)
        ][1:]  # the first round is the warm-up
    print(*(f"- {what}: {value}" for what, value in described.items()), sep="\n")
    print(f"- model: {model.info.name}/{model.info.version}, {model.device.threads} threads\n")
    print(f"| what, {options.side} x {options.side} px | median s | fastest | slowest |")
    print("| --- | --: | --: | --: |")
    for name in steps:
        times = [measured[name] for measured in rounds]
        print(f"| {name} | {median(times):.3f} | {min(times):.3f} | {max(times):.3f} |")
    print()
    for less, more in BESIDE.items():
        ratios = [measured[more] / measured[less] for measured in rounds]
        print(f"{more} / {less}: median {median(ratios):.3f} ({min(ratios):.3f} to", end=" ")
        print(f"{max(ratios):.3f})")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--model", default="microtubule", help="released model or file")
    parser.add_argument("--structure", help="that is asked for; without it the model's first")
    parser.add_argument("--runs", type=int, default=7, help="counted rounds, after one warm-up")
    parser.add_argument("--threads", type=int, help="CPU threads; without it those usable")
    parser.add_argument("--side", type=int, default=2560, help="edge of the field, px")
    parser.add_argument("--rows", type=int, default=100_000, help="localizations in the field")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options


def _networks(
    model: Model, folder: Path, options: argparse.Namespace
) -> dict[str, Callable[[], object]]:
    """Give the graph and its parts, each a session of its own, on one field in one piece."""
    side = options.side
    counts = field.counts(field.localizations(options.rows, side), side)
    images = (
        counts[None, None],
        np.zeros((1, 1, *quarter_shape(counts.shape)), np.float32),
        np.zeros((1, 1), np.float32),
        np.ones((1, 1), np.float32),
        structure_weights(options.structure or model.info.structures[0], model.info),
    )
    given = dict(zip(INPUTS, images, strict=True))
    wanted = {
        WHOLE: list(OUTPUTS),
        NO_ERROR: [name for name in OUTPUTS if name != "error"],
        DENSE: ["dense"],
    }
    steps: dict[str, Callable[[], object]] = {}
    for name, outputs in wanted.items():
        session = _session(_part(model.path, outputs, folder), options.threads)
        inputs = {i.name: given[i.name] for i in session.get_inputs()}
        steps[name] = partial(session.run, outputs, inputs)
    return steps


def _part(path: Path, outputs: list[str], folder: Path) -> Path:
    """Write the part of a graph that some of its outputs need."""
    whole = onnx.load(path)
    names = {name for node in whole.graph.node for name in node.input}
    shorter = Extractor(whole).extract_model([i for i in INPUTS if i in names], outputs)
    part = folder / f"{'-'.join(outputs)}.onnx"
    onnx.save(shorter, part)
    return part


def _session(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    asked = onnxruntime.SessionOptions()
    asked.intra_op_num_threads = thread_budget(threads)
    asked.enable_mem_pattern = False  # as the runtime's own sessions
    return onnxruntime.InferenceSession(path, asked, providers=["CPUExecutionProvider"])


def _pictures(model: Model, options: argparse.Namespace) -> dict[str, Callable[[], object]]:
    """Give a reconstruction from a table, and one with a cross-check."""
    frame, x, y = field.localizations(options.rows, options.side).T
    locs = Localizations(x.copy(), y.copy(), frame.astype(np.int64) - 1)
    grid = Grid(field.PIXEL_NM, (0.0, 0.0), (options.side, options.side))
    asked = options.structure or model.info.structures[0]

    def picture() -> object:
        return model.reconstruct(locs, grid=grid, structure=asked)

    def checked() -> object:
        return picture(), model.cross_check(locs, grid=grid, structure=asked)

    return {PICTURE: picture, CHECKED: checked}


def _seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
