"""From a name or a path to a model that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from annapalm.contract import QUARTER
from annapalm.errors import InvalidValueError
from annapalm.model.device import Device, DeviceChoice, onnxruntime_distribution, runtime_errors
from annapalm.model.errors import DeviceError, ModelContractError
from annapalm.model.file import inspect_model
from annapalm.model.model import Model
from annapalm.model.names import DEFAULT_MODEL
from annapalm.model.session import (
    CpuEngine,
    CudaEngine,
    GpuUnavailableError,
    SessionOptions,
    one_line,
)
from annapalm.model.threads import thread_budget

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.contract import ModelInfo
    from annapalm.model.session import Engine, Feeds, Results

_DEFAULT_OPTIONS = SessionOptions()
_TEST_PX = 64
"""Edge of the self-test tile, px, rounded up to the stride."""


def load_model(
    name_or_path: str | Path = DEFAULT_MODEL,
    device: Device = "auto",
    options: SessionOptions = _DEFAULT_OPTIONS,
) -> Model:
    """Load a model and make it ready on a device.

    `name_or_path` is a released name ("microtubule"), a name with a version ("microtubule/1.0.0"),
    an .onnx file or the folder of one. `device` "cpu" and "cuda" are taken at their word; "auto"
    takes the GPU where a self-test gives the CPU's values on it, else the CPU, and says why in
    `Model.device.reason`.

    Raises `ModelNotFoundError`; `ModelError` (one of four) where the file may not be run;
    `NoOnnxRuntimeError`, `TwoOnnxRuntimesError`; `DeviceError` for a named device that cannot be
    used; `InvalidValueError`.
    """
    if device not in get_args(Device):
        raise InvalidValueError("device", device, f"one of {', '.join(get_args(Device))}")
    distribution = onnxruntime_distribution()
    file = inspect_model(name_or_path)
    threads = thread_budget(options.threads)
    label = f"{file.info.name} {file.info.version} ({file.path})"
    engine: Engine = CpuEngine(file.data, label, threads)
    feeds = _test_feeds(file.info)
    expected = _try_out(engine, feeds, label)
    chosen: Literal["cpu", "cuda"] = "cpu"
    reason = "asked for"
    if device != "cpu":
        try:
            gpu = CudaEngine(file.data, label, threads, tf32=options.tf32)
            gpu.self_test(feeds, expected)
        except GpuUnavailableError as error:
            if device == "cuda":
                raise DeviceError(device, str(error)) from error
            reason = str(error)
        else:
            engine, chosen = gpu, "cuda"
            reason = reason if device == "cuda" else "an NVIDIA GPU passed the self-test"
    choice = DeviceChoice(chosen, device, reason, distribution, threads)
    return Model(file, engine, choice, options)


def _test_feeds(info: ModelInfo) -> Feeds:
    """Make a small field with widefield image: every branch of the graph has work."""
    edge = -(-_TEST_PX // info.stride) * info.stride
    counts = np.zeros((1, 1, edge, edge), np.float32)
    counts[..., ::7, ::5] = 1
    counts[..., edge // 2, :] += 2
    quarter = counts.reshape(1, 1, edge // QUARTER, QUARTER, edge // QUARTER, QUARTER)
    structure = np.zeros((1, len(info.structures)), np.float32)
    structure[0, 0] = 1
    return {
        "counts": counts,
        "widefield": np.ascontiguousarray(quarter.sum(axis=(3, 5))),
        "widefield_scale": np.ones((1, 1), np.float32),
        "exposure": np.ones((1, 1), np.float32),
        "structure": structure,
    }


def _try_out(engine: Engine, feeds: Feeds, label: str) -> Results:
    """Run the test field once: a model that breaks its contract is refused here, not mid-batch."""
    try:
        results = engine.run(feeds)
    except ModelContractError:
        raise
    except runtime_errors() as error:
        raise ModelContractError(label, f"a test field fails in it: {one_line(error)}") from error
    for name, image in results.items():
        if not np.isfinite(image).all() or image.min() < 0:
            raise ModelContractError(label, f"on a test field '{name}' is not finite and >= 0")
    return results
