"""What can be wrong with an output folder that a run would go on in; each message says the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from pathlib import Path

_ELSEWHERE = "choose another output folder with -o"


class SettingsDifferError(AnnaPalmError, ValueError):
    """The output folder holds results of other settings."""

    def __init__(self, out: Path, differences: tuple[str, ...]) -> None:
        super().__init__(
            f"{out} holds results of other settings: {'; '.join(differences)}. One folder holds "
            f"results of one kind: give the settings of before, {_ELSEWHERE}, or add --overwrite "
            "to begin anew; nothing was read or written."
        )


class OutputBusyError(AnnaPalmError, RuntimeError):
    """Another run is writing into the output folder."""

    def __init__(self, out: Path, who: str) -> None:
        super().__init__(
            f"{out} is in use by another run ({who}). Wait until it has ended, or {_ELSEWHERE}; "
            "nothing was read or written."
        )


class LedgerDamagedError(AnnaPalmError, ValueError):
    """The record of a run does not say any more what was run."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path}, the record of the run in this folder, {reason}. Choose another output folder "
            "with -o, or add --overwrite to begin anew; nothing was changed."
        )


class RunExistsError(AnnaPalmError, FileExistsError):
    """Nothing was to be resumed, and there is a run already."""

    def __init__(self, out: Path, done: int) -> None:
        super().__init__(
            f"{out} holds a run already, with {done:,} of its inputs done, and --no-resume asks "
            f"for a run of its own. Leave --no-resume out to go on with it, {_ELSEWHERE}, or add "
            "--overwrite to begin anew; nothing was read or written."
        )


class AlteredResultError(AnnaPalmError, FileExistsError):
    """A result is not any more what annapalm wrote."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is not as annapalm wrote it: it was changed or damaged since. It was left as "
            "it is. Move it away to have the field done again, or add --overwrite to begin the "
            "whole run anew."
        )
