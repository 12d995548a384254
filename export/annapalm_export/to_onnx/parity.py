"""Whether the file computes what the trained network computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.contract import INPUTS, OUTPUTS
from annapalm_export.to_onnx.graph import example_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annapalm_export.train.network import Student

CASES = ((1, 1, 1), (1, 2, 3), (2, 5, 4), (2, 9, 9))
"""Batch, rows and columns (in strides) that are compared: the smallest image, odd ones, a batch."""
RELATIVE_TOLERANCE = 1e-5
"""Largest difference allowed, relative to the largest value of the output (no absolute part).
Kernel order alone gives 1e-7 to 1e-5 in fp32."""


@dataclass(frozen=True, slots=True)
class Parity:
    """The largest difference found, per output, relative to the output's largest value."""

    worst: dict[str, float]

    @property
    def passed(self) -> bool:
        """All outputs are within `RELATIVE_TOLERANCE`."""
        return max(self.worst.values()) <= RELATIVE_TOLERANCE


def check_parity(
    model: Student, path: Path, cases: Sequence[tuple[int, int, int]] = CASES
) -> Parity:
    """Run torch and ONNX Runtime on the same inputs, sparse and without widefield image too.

    `cases` are batch, rows and columns, in strides.
    """
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = dict.fromkeys(OUTPUTS, 0.0)
    for seed, (batch, rows, columns) in enumerate(cases):
        inputs = example_inputs(model, batch, rows, columns, seed)
        with torch.no_grad():
            wanted = [t.numpy() for t in model(*inputs)]
        feed = {name: t.numpy() for name, t in zip(INPUTS, inputs, strict=True)}
        for name, got, want in zip(OUTPUTS, session.run(list(OUTPUTS), feed), wanted, strict=True):
            top = max(float(np.abs(want).max()), 1e-12)
            worst[name] = max(worst[name], float(np.abs(got - want).max()) / top)
    return Parity(worst)
