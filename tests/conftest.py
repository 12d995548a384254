"""What every test run says of its machine."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from annapalm.model.threads import thread_budget


def pytest_report_header() -> list[str]:
    """Name what results may depend on: packages, processor, cores."""
    packages = ("numpy", "onnxruntime", "onnxruntime-gpu", "onnx", "tifffile", "torch")
    found = [f"{name} {number}" for name in packages if (number := _version(name))]
    return [
        f"packages: {', '.join(found)}",
        f"machine: {platform.machine()}, {platform.system()}, {thread_budget()} usable cores",
    ]


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
