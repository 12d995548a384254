"""What each network costs: parameters and work, counted, and, where asked, time on ONNX Runtime.

Weights are random: neither work nor time depends on them. Nothing is asserted: figures are for
people, and the machine is printed above them. Needs the extra `export` beside `cpu`:

    python benchmarks/networks.py                         counts alone, in seconds
    python benchmarks/networks.py --run                   and times of a field, in minutes

An A-net takes a field in pieces (`--piece`) without overlap, as its cost is usually given: every
seam would show, but whole, with 64 base channels, its widest layer alone takes 3.4 GB of a field.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import tomllib
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import field
import machine
import numpy as np
import onnxruntime
import torch

from annapalm.contract import INPUTS, OPSET, OUTPUTS, QUARTER
from annapalm.model.threads import thread_budget
from annapalm_export.to_onnx import inference_copy
from annapalm_export.train.anet import ANet
from annapalm_export.train.network import Network, NetworkConfig
from annapalm_export.train.networks import Cost, build_network, measure_cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RECIPES = Path(__file__).resolve().parents[1] / "export" / "recipes"
MATRIX = 2048
"""Edge of the matrices multiplied as baseline, as in warm.py."""


@dataclass(frozen=True)
class Row:
    """One line of the printed table."""

    name: str
    cost: Cost
    pieces: int
    seconds: tuple[float, ...]
    """Of each counted run over a field; empty where nothing was run."""

    def __str__(self) -> str:
        """Render as a row in Markdown; the median is what to quote."""
        counted = f"{self.cost.parameters / 1e6:.2f} | {self.cost.macs_per_px / 1e3:.1f}"
        times = " |  |  | "
        if self.seconds:
            low, high = min(self.seconds), max(self.seconds)
            times = f"{self.pieces} | {median(self.seconds):.3f} | {low:.3f} | {high:.3f}"
        return f"| {self.name} | {counted} | {times} |"


def main() -> None:
    """Count, run where asked, print a table in Markdown, and write every figure where asked."""
    options = _options()
    described = machine.describe() | {"torch": torch.__version__}
    networks = {name: build_network(config) for name, config in _shapes().items()}
    costs = {name: measure_cost(network) for name, network in networks.items()}
    wanted = [name for name in networks if options.run and name not in options.skip]
    with tempfile.TemporaryDirectory() as folder:
        sessions = {
            name: Field(networks[name], Path(folder), options, _piece(networks[name], options))
            for name in wanted
        }
        rounds = list(_rounds(sessions, options.runs))
    rows = [
        Row(
            name,
            costs[name],
            sessions[name].pieces if name in sessions else 0,
            tuple(measured[name] for measured in rounds if name in measured),
        )
        for name in networks
    ]
    print(*(f"- {what}: {value}" for what, value in described.items()), "", sep="\n")
    columns = ["network", "M parameters", "kMAC/px", "pieces"]
    columns += [f"median s per {options.side} x {options.side} px", "fastest", "slowest"]
    print(f"| {' | '.join(columns)} |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print(*rows, sep="\n")
    matrix = [measured["matrix"] for measured in rounds]
    if matrix:
        print(f"\nBaseline: product of two {MATRIX} x {MATRIX} float32 matrices: ", end="")
        print(f"{median(matrix):.3f} s ({min(matrix):.3f} to {max(matrix):.3f})")
    if options.json is not None:
        report = {
            "machine": described,
            "options": vars(options),
            "networks": [asdict(row) for row in rows],
            "matrix_s": matrix,
        }
        options.json.write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--run", action="store_true", help="measure times as well")
    names = list(_shapes())
    parser.add_argument("--skip", nargs="*", default=[], choices=names, help="not to be run")
    parser.add_argument("--runs", type=int, default=5, help="counted runs, after one warm-up")
    parser.add_argument("--threads", type=int, help="CPU threads; without it those usable")
    parser.add_argument("--side", type=int, default=2560, help="edge of the field, px")
    parser.add_argument("--piece", type=int, default=1280, help="edge of a piece for A-nets, px")
    parser.add_argument("--json", type=Path, help="write every single figure to this file")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    if options.piece % ANet.stride or options.side % options.piece:
        parser.error(f"--piece must be a multiple of {ANet.stride} and divide --side")
    return options


def _shapes() -> dict[str, NetworkConfig]:
    """Name to shape: the fast student, as `quality` looks, the recipe `larger`, and A-nets."""
    recipe = tomllib.loads((RECIPES / "larger.toml").read_text(encoding="utf-8"))["network"]
    return {
        "student": NetworkConfig(),
        "student, 4 looks": NetworkConfig(looks=4),
        "larger": NetworkConfig(**dict(recipe, widths=tuple(recipe["widths"]))),
        "A-net, 16 channels": NetworkConfig(kind="anet", ngf=16),
        "A-net, 64 channels": NetworkConfig(kind="anet", ngf=64),
    }


def _piece(network: Network, options: argparse.Namespace) -> int:
    piece: int = options.piece if isinstance(network, ANet) else options.side
    return piece


def _rounds(sessions: dict[str, Field], runs: int) -> Iterator[dict[str, float]]:
    """Run every network and the baseline in turn: what slows the machine down slows them all."""
    if not sessions:
        return
    matrix = np.random.default_rng(field.SEED).random((MATRIX, MATRIX), dtype=np.float32)
    for number in range(runs + 1):
        measured = {name: session.measure() for name, session in sessions.items()}
        start = time.perf_counter()
        np.dot(matrix, matrix)
        measured["matrix"] = time.perf_counter() - start
        if number:  # the first round is the warm-up
            yield measured


class Field:
    """A network as a graph of fixed size, and the field that it is run over."""

    def __init__(
        self, network: Network, folder: Path, options: argparse.Namespace, piece: int
    ) -> None:
        path = folder / f"{len(list(folder.iterdir()))}.onnx"
        write_graph(network, piece, path)
        asked = onnxruntime.SessionOptions()
        asked.intra_op_num_threads = thread_budget(options.threads)
        asked.enable_mem_pattern = False  # as the runtime's own sessions
        self._session = onnxruntime.InferenceSession(
            path, asked, providers=["CPUExecutionProvider"]
        )
        table = field.localizations(100_000, options.side)
        self._parts = list(_cut(field.counts(table, options.side), piece))

    @property
    def pieces(self) -> int:
        """In how many pieces the field is run."""
        return len(self._parts)

    def measure(self) -> float:
        """Run the field once; wall time in seconds."""
        start = time.perf_counter()
        for part in self._parts:
            self._session.run(list(OUTPUTS), part)
        return time.perf_counter() - start


def write_graph(network: Network, side: int, path: Path) -> None:
    """Write a network for one image of `side` px; an A-net too, which no model file may hold."""
    ready = network.eval() if isinstance(network, ANet) else inference_copy(network)
    inputs = tuple(torch.from_numpy(image) for image in _feeds(np.zeros((side, side), np.float32)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            ready,
            inputs,
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            verbose=False,
        )
    if program is None:
        raise SystemExit("torch.onnx.export returned nothing")
    program.save(path)


def _cut(counts: np.ndarray[Any, np.dtype[np.float32]], piece: int) -> Iterable[dict[str, Any]]:
    for top in range(0, counts.shape[0], piece):
        for left in range(0, counts.shape[1], piece):
            part = counts[top : top + piece, left : left + piece]
            yield dict(zip(INPUTS, _feeds(part), strict=True))


def _feeds(counts: np.ndarray[Any, np.dtype[np.float32]]) -> tuple[Any, ...]:
    """Make the contract's inputs, without widefield image, for one structure."""
    quarter = np.zeros([n // QUARTER for n in counts.shape], np.float32)
    one = np.ones((1, 1), np.float32)
    image = np.ascontiguousarray(counts)[None, None]
    return image, quarter[None, None], 0 * one, one, one.copy()


if __name__ == "__main__":
    main()
