"""Which ONNX Runtime is installed, and what a session really runs on."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Literal

from annapalm.model.errors import NoOnnxRuntimeError, TwoOnnxRuntimesError

Device = Literal["auto", "cpu", "cuda"]
"""What may be asked for. `auto` takes the GPU where it works, and says why where it does not."""

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

DISTRIBUTIONS = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-qnn",
    "onnxruntime-rocm",
    "onnxruntime-migraphx",
    "onnxruntime-training",
    "ort-nightly",
    "ort-nightly-gpu",
)
"""Distributions that install the one folder `onnxruntime` (state: November 2026)."""


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """What a model runs on, and why."""

    device: Literal["cpu", "cuda"]
    requested: Device
    reason: str
    """One clause for the user, e.g. "asked for" or why `auto` did not take the GPU."""
    onnxruntime: str
    """Distribution and version, e.g. "onnxruntime 1.31.1"."""
    threads: int
    """CPU threads of the session."""

    def __str__(self) -> str:
        """Say it in one line, for stderr and the provenance."""
        threads = f", {self.threads} threads" if self.device == "cpu" else ""
        return f"{self.device} ({self.reason}{threads}, {self.onnxruntime})"


def onnxruntime_distribution() -> str:
    """Name and version of the one installed ONNX Runtime, without importing it.

    Raises `TwoOnnxRuntimesError` where several share the folder, `NoOnnxRuntimeError` for none.
    """
    installed = {name: _version(name) for name in DISTRIBUTIONS}
    present = [f"{name} {number}" for name, number in installed.items() if number is not None]
    if len(present) > 1:
        raise TwoOnnxRuntimesError(tuple(name for name, number in installed.items() if number))
    if present:
        return present[0]
    if find_spec("onnxruntime") is None:
        raise NoOnnxRuntimeError
    return "onnxruntime (version unknown)"  # built from source, without a distribution


def import_onnxruntime() -> Any:  # noqa: ANN401 - the package is untyped
    """Import ONNX Runtime with its telemetry off. Raises as `onnxruntime_distribution` does."""
    onnxruntime_distribution()
    try:
        ort = import_module("onnxruntime")
        # What is left after one of two wheels was removed still imports, but is empty.
        ort.InferenceSession  # noqa: B018
        ort.disable_telemetry_events()
    except (ImportError, AttributeError, OSError) as error:
        raise NoOnnxRuntimeError(f"{type(error).__name__}: {error}") from error
    return ort


def runtime_errors() -> tuple[type[Exception], ...]:
    """All errors that ONNX Runtime's extension raises; they share no base of their own."""
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    own = (c for c in vars(state).values() if isinstance(c, type) and issubclass(c, Exception))
    return (*own, RuntimeError, ValueError, MemoryError)


def cuda_obstacle(ort: Any) -> str | None:  # noqa: ANN401
    """Why no CUDA session can be had, as far as it shows without making one; None: worth a try."""
    if PROVIDERS["cuda"] not in ort.get_available_providers():
        return "the installed ONNX Runtime is a CPU build"
    driver = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(driver)
    except OSError:
        return f"no NVIDIA driver was found ({driver} cannot be loaded)"
    return None


def preload_cuda(ort: Any) -> str:  # noqa: ANN401
    """Load the CUDA and cuDNN libraries that pip installed; returns what was said of failures.

    `preload_dlls` prints instead of raising, and stdout belongs to results. Its `print` is shadowed
    in its own module only: redirecting `sys.stdout` would swallow what other threads write.
    """
    said: list[str] = []
    ort.print = lambda *args, **_: said.append(" ".join(map(str, args)))
    try:
        ort.preload_dlls(cuda=True, cudnn=True, directory="")
    finally:
        del ort.print
    return " ".join(" ".join(said).split())


def cudnn_is_loaded() -> bool | None:
    """Whether cuDNN is among this process's libraries; None where the system does not say."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:  # noqa: PTH123
            return any("libcudnn" in line for line in maps)
    except OSError:
        return None


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
