"""Why a model is not released."""

from __future__ import annotations

from annapalm.errors import AnnaPalmError


class ReleaseRefusedError(AnnaPalmError, ValueError):
    """A gate was not passed; no folder was written."""

    def __init__(self, model: str, failures: tuple[str, ...]) -> None:
        listed = "\n  - ".join(failures)
        super().__init__(
            f"{model} is not released, and nothing was written, because:\n  - {listed}\n"
            "Train on, or mend what the lines above name, and release again."
        )
