"""annapalm: dense super-resolution images, with error maps, from sparse localizations.

Importing this package imports nothing else and changes nothing of the host's process: the public
names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annapalm.errors import AnnaPalmError as AnnaPalmError
    from annapalm.grid import Grid as Grid
    from annapalm.localizations import Localizations as Localizations
    from annapalm.model import Model as Model
    from annapalm.model import load_model as load_model
    from annapalm.progress import Progress as Progress
    from annapalm.read import read_localizations as read_localizations
    from annapalm.reconstruction import Reconstruction as Reconstruction
    from annapalm.widefield import WidefieldImage as WidefieldImage
    from annapalm.widefield import read_widefield as read_widefield

_HOME = {
    "AnnaPalmError": "annapalm.errors",
    "Grid": "annapalm.grid",
    "Localizations": "annapalm.localizations",
    "Model": "annapalm.model",
    "Progress": "annapalm.progress",
    "Reconstruction": "annapalm.reconstruction",
    "WidefieldImage": "annapalm.widefield",
    "load_model": "annapalm.model",
    "read_localizations": "annapalm.read",
    "read_widefield": "annapalm.widefield",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - a list, made once from the table above


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute can be anything
    """Load a public name on first use (PEP 562), so that `--help` does not pay for numpy."""
    if name == "__version__":
        from importlib.metadata import version

        return version("annapalm")
    if name not in _HOME:
        message = f"module 'annapalm' has no attribute '{name}'"
        raise AttributeError(message)
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return [*__all__, "__version__"]
