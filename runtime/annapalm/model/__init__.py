"""Models: finding, checking and running them.

Lazy like the package itself: `annapalm.model.names` serves `--help` and `--version`, which must
load neither numpy nor onnxruntime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annapalm.model.device import Device as Device
    from annapalm.model.device import DeviceChoice as DeviceChoice
    from annapalm.model.file import inspect_model as inspect_model
    from annapalm.model.load import load_model as load_model
    from annapalm.model.model import Model as Model
    from annapalm.model.names import DEFAULT_MODEL as DEFAULT_MODEL
    from annapalm.model.names import DEFAULT_VERSION as DEFAULT_VERSION
    from annapalm.model.names import ReleasedModel as ReleasedModel
    from annapalm.model.names import released_models as released_models
    from annapalm.model.session import SessionOptions as SessionOptions

_HOME = {
    "DEFAULT_MODEL": "names",
    "DEFAULT_VERSION": "names",
    "Device": "device",
    "DeviceChoice": "device",
    "Model": "model",
    "ReleasedModel": "names",
    "SessionOptions": "session",
    "inspect_model": "file",
    "load_model": "load",
    "released_models": "names",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - a list, made once from the table above


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute can be anything
    """Load a public name on first use (PEP 562)."""
    if name not in _HOME:
        message = f"module 'annapalm.model' has no attribute '{name}'"
        raise AttributeError(message)
    return getattr(import_module(f"annapalm.model.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return list(__all__)
