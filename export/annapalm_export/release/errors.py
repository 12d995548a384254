"""Why a model is not released."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from pathlib import Path


class ReleaseRefusedError(AnnaPalmError, ValueError):
    """A gate was not passed; no folder was written. `figures`: where what was measured lies."""

    def __init__(self, model: str, failures: tuple[str, ...], figures: Path | None = None) -> None:
        listed = "\n  - ".join(failures)
        measured = "" if figures is None else f"All that was measured: {figures}\n"
        super().__init__(
            f"{model} is not released, and no folder was written, because:\n  - {listed}\n"
            f"{measured}Train on, or mend what the lines above name, and release again."
        )
