"""More than one picture of a field: windows of a time-lapse, channels, or both, on one grid.

for window, result in reconstruct_windows(model, localizations, size=500, step=100):
    ...
"""

from __future__ import annotations

from annapalm.stack.errors import StackError
from annapalm.stack.read import Layer, read_layers
from annapalm.stack.run import draw_stack, reconstruct_windows
from annapalm.stack.windows import Window, Windows

__all__ = [
    "Layer",
    "StackError",
    "Window",
    "Windows",
    "draw_stack",
    "read_layers",
    "reconstruct_windows",
]
