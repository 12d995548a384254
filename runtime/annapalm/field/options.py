"""What a user may ask for one field of view."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from annapalm.read import TableOptions
from annapalm.write.trust import DOUBT

if TYPE_CHECKING:
    from annapalm.field.channels import Channel
    from annapalm.write.schema import JsonValue


@dataclass(frozen=True, slots=True)
class FieldOptions:
    """What may be asked for one field of view; the same for all fields of a run."""

    table: TableOptions = field(default_factory=TableOptions)
    """What the user says about tables."""
    frames: tuple[int, int | None] | None = None
    """Use frames start <= frame < stop, counted from 0; stop None: to the last; None: all."""
    roi_nm: tuple[float, float, float, float] | None = None
    """(x0, y0, x1, y1) of the image in nm; None: the whole field."""
    counts_pixel_nm: float | None = None
    """Pixel of images of counts in nm; None: as the file says."""
    widefield_pixel_nm: float | None = None
    """Camera pixel of widefield images in nm; None: as the file says."""
    exposure: float = 1.0
    """Ask for this many times the exposure of the input."""
    structure: str | None = None
    """One of the model's; None where there is only one."""
    cross_check: bool = False
    """Test the picture of half of the frames by the other half, and write the map."""
    draw_anyway: bool = False
    """Draw even where the localizations look like background without structure."""
    window: int | None = None
    """Make a time-lapse: a picture of each window of so many frames; None: one of all frames."""
    step: int | None = None
    """Frames from the start of a window to that of the next; None: `window`, so that none is in
    two windows."""
    frame_time_ms: float | None = None
    """Time from one frame to the next in ms, for the times of a time-lapse; None: not known."""
    channels: tuple[Channel, ...] = ()
    """Make one image of these channels, each drawn by itself; empty: there is one."""
    doubt: float = DOUBT
    """Structure is called doubtful where the expected error is more than so many times `dense`."""
    tile_px: int | Literal["auto"] | None = "auto"
    """Edge of a tile; None: the whole field in any case."""
    overwrite: bool = False
    """Replace results that are there already."""
    compress: bool = False
    """Write deflated TIFF: smaller and much slower."""
    preview: bool = True
    """Write the PNG."""

    def record(self) -> dict[str, JsonValue]:
        """Say what decides pixels or bytes, named as on the command line."""
        values: dict[str, JsonValue] = {
            **self.table.record(),
            "frames": None if self.frames is None else list(self.frames),
            "roi": _um(self.roi_nm),
            "pixel-size": self.counts_pixel_nm,
            "widefield-pixel": self.widefield_pixel_nm,
            "structure": self.structure,
            "cross-check": self.cross_check or None,
            "draw-anyway": self.draw_anyway or None,
            "tile": None if self.tile_px == "auto" else (self.tile_px or "whole"),
            "doubt": None if self.doubt == DOUBT else self.doubt,
            "compress": self.compress or None,
            "window": self.window,
            "step": self.step,
            "frame-time": self.frame_time_ms,
            "channels": {c.name: c.record() for c in self.channels} or None,
        }
        given = {name: value for name, value in values.items() if value is not None}
        return {"exposure": self.exposure, **given}


def _um(lengths_nm: tuple[float, ...] | None) -> JsonValue:
    return None if lengths_nm is None else [length / 1000 for length in lengths_nm]
