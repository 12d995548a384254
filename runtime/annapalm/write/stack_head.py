"""What is known of a stack before its first picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annapalm.grid import Grid
    from annapalm.stack.windows import Windows
    from annapalm.write.schema import Provenance


@dataclass(frozen=True, slots=True)
class StackLayer:
    """A channel of a stack, or all there is where there are no channels."""

    name: str
    """Empty where there are no channels."""
    value: str | None
    planes: tuple[str, ...]
    """What is drawn of it, as the channels of a single picture are called."""
    provenance: Provenance
    warnings: tuple[str, ...]
    """Of its input."""

    def plane_name(self, kind: str) -> str:
        """Name one of its planes."""
        return f"{self.name} {kind}" if self.name else kind


@dataclass(frozen=True, slots=True)
class StackHead:
    """All of a stack that is known before its first picture."""

    grid: Grid
    exposure: float
    layers: tuple[StackLayer, ...]
    windows: Windows | None
    """None where there is one picture of each layer."""
    frame_time_ms: float | None
    unused: int
    """Localizations in no window."""
    warnings: tuple[str, ...]
    """Of the division into windows."""

    @property
    def moments(self) -> int:
        """Count the pictures of each layer."""
        return 1 if self.windows is None else len(self.windows)

    @property
    def planes(self) -> dict[str, str]:
        """Map the names of the planes of one moment to what they are."""
        return {layer.plane_name(kind): kind for layer in self.layers for kind in layer.planes}
