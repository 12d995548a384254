"""Why a field cannot be cross-checked; the reconstruction itself is not touched by it."""

from __future__ import annotations

from annapalm.errors import AnnaPalmError


class CrossCheckError(AnnaPalmError, ValueError):
    """A field does not hold enough to be cut in two halves that can be held against each other."""


class TooFewLocalizationsError(CrossCheckError):
    """Half of the localizations would tell too little of the other half."""

    def __init__(self, found: int, least: int) -> None:
        super().__init__(
            f"The cross-check was not done: the field holds {found:,} localizations, and it needs "
            f"at least {least:,}. Use more frames or a larger region."
        )


class TooFewFramesError(CrossCheckError):
    """The frames cannot be cut without cutting many bursts."""

    def __init__(self, found: int, least: int, burst_frames: int) -> None:
        super().__init__(
            f"The cross-check was not done: the localizations span {found:,} frames, and bursts "
            f"of {burst_frames:,} frames, as this table shows them, need at least {least:,} to be "
            "divided into halves that do not share bursts. Use more frames."
        )


class UnevenFramesError(CrossCheckError):
    """So many localizations share a frame that no cut between frames gives two halves."""

    def __init__(self, seen: int, held_out: int) -> None:
        super().__init__(
            f"The cross-check was not done: cut between frames, the localizations fall into "
            f"{seen:,} and {held_out:,}, which are no halves. Use frames that are evenly filled."
        )


class NothingDrawnError(CrossCheckError):
    """A picture without any expectation cannot be tested."""

    def __init__(self) -> None:
        super().__init__(
            "The cross-check was not done: the picture of the seen half is empty. Use more frames."
        )
