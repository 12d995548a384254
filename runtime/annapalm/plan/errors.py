"""Why a table cannot be planned from."""

from __future__ import annotations

from annapalm.errors import AnnaPalmError


class PlanError(AnnaPalmError, ValueError):
    """An acquisition, or what is asked of it, does not allow a plan; nothing was written."""


class TooFewFramesError(PlanError):
    """There are hardly any frames before the later half, or none after the gap."""

    def __init__(self, frames: int, gap_frames: int, least: int) -> None:
        super().__init__(
            f"The table spans {frames:,} frame(s). A plan needs at least {least:,} frames that "
            f"hold the first half of the localizations, then a gap of {gap_frames:,} frames, then "
            "the later half to judge by. Give a long acquisition with its frame numbers, or a "
            "smaller --gap where bursts are short."
        )


class TooFewLocalizationsError(PlanError):
    """Too few localizations to tell one number of frames from another."""

    def __init__(self, localizations: int, later: int, least: int) -> None:
        super().__init__(
            f"{localizations:,} localizations of the field lie in the first half and {later:,} in "
            f"the later frames that judge it; at least {least:,} are needed in each. Give a longer "
            "acquisition of the same kind of sample."
        )


class StepError(PlanError):
    """A number of frames was asked for that the table does not have to give."""

    def __init__(self, frames: int, most: int) -> None:
        super().__init__(
            f"--frames names {frames:,} frames, but only {most:,} can be input: the later half of "
            f"the localizations must judge them. Leave out what is above {most:,}."
        )
