"""One process with a warm model: `run_field.py` starts it, so that its peak memory is its own.

Reads its orders as JSON from the command line and writes what it measured as JSON to stdout. Each
round runs every model once and the baseline once, so that a machine that slows down slows them all.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import field
import numpy as np

from annapalm import load_model
from annapalm.model import SessionOptions

MATRIX = 2048
"""Edge of the matrices multiplied as baseline: 17 GFLOP, long enough for all cores."""


def measure(orders: dict[str, Any]) -> dict[str, Any]:
    """Measure as ordered: models, runs, threads, side, rows, structure (None: each one's first)."""
    table = field.localizations(orders["rows"], orders["side"])
    counts = field.counts(table, orders["side"])
    options = SessionOptions(threads=orders["threads"])
    models = {name: load_model(name, device="cpu", options=options) for name in orders["models"]}
    asked = {n: orders["structure"] or m.info.structures[0] for n, m in models.items()}
    matrix = np.random.default_rng(field.SEED).random((MATRIX, MATRIX), dtype=np.float32)
    rounds = []
    for number in range(orders["runs"] + 1):
        measured: dict[str, Any] = {}
        for name, model in models.items():
            wall, cpu = time.perf_counter(), time.process_time()
            result = model.reconstruct(counts, structure=asked[name])
            measured[name] = {
                "wall_s": time.perf_counter() - wall,
                "cpu_s": time.process_time() - cpu,
                "network_s": result.timings_s["network"],
                "tiles": result.tiles,
            }
        wall = time.perf_counter()
        np.dot(matrix, matrix)
        measured["matrix_s"] = time.perf_counter() - wall
        if number:  # the first round is the warm-up
            rounds.append(measured)
    return {
        "rounds": rounds,
        "structures": asked,
        "threads": {name: model.device.threads for name, model in models.items()},
    }


if __name__ == "__main__":
    json.dump(measure(json.loads(sys.argv[1])), sys.stdout)
