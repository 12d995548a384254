"""What can be wrong with a time-lapse or with channels; each message says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError
from annapalm.read.errors import listed, shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class StackError(AnnaPalmError, ValueError):
    """A time-lapse or a multi-channel image that cannot be made."""


class WindowTooLongError(StackError):
    """An acquisition is too short for one window."""

    def __init__(self, where: Path, start: int, stop: int, size: int) -> None:
        frames = max(0, stop - start)
        if frames == 0:
            have = f"no localization from frame {start:,} on"
            remedy = "Choose earlier --frames"
        else:
            have = f"frames {start:,} to {stop - 1:,} ({frames:,} frames)"
            remedy = f"Choose --window of at most {frames:,}, or leave it out"
        super().__init__(
            f"{where} has {have}, too few for one window of {size:,} frames. {remedy}; nothing "
            "was written."
        )


class TooManyWindowsError(StackError):
    """A step that would make more pictures than anyone looks at; often a wrong frame column."""

    def __init__(self, where: Path, count: int, most: int, step: int) -> None:
        super().__init__(
            f"{where} would give {count:,} windows, one every {step:,} frames, and {most:,} are "
            "the most. Choose a larger --step, or fewer --frames; nothing was written."
        )


class ChannelMissingError(StackError):
    """A field of view for which the file of a channel is not there."""

    def __init__(self, first: Path, missing: Sequence[str]) -> None:
        super().__init__(
            f"{first}: of the same field there is no file for channel {listed(missing, 8)}. Put it "
            "beside this one under the name that --channel gives, or run this field by itself; "
            "nothing was written."
        )


class NoChannelColumnError(StackError):
    """Channels are asked for by number or word, and the table does not tell channels apart."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} has no column that tells channels apart. Name the column with --columns "
            "channel=NAME, or give each channel a file of its own: --channel NAME=*ENDING."
        )


class NoSuchChannelError(StackError):
    """The channel column never has the value asked for."""

    def __init__(self, path: Path, value: str, present: Sequence[str]) -> None:
        have = f"has channel {listed(present, 8)}" if present else "has no rows"
        super().__init__(
            f"{path}: no localization is of channel {shown(value)}; the table {have}. Correct "
            "--channel; nothing was written."
        )


class ChannelPixelError(StackError):
    """Models of different pixel size cannot share a grid."""

    def __init__(self, first: str, first_nm: float, other: str, other_nm: float) -> None:
        super().__init__(
            f"Channel {shown(first)} is drawn with pixels of {first_nm:g} nm and channel "
            f"{shown(other)} with pixels of {other_nm:g} nm; one image has one pixel size. Choose "
            "models of one pixel size with --channel-model, or run the channels one by one."
        )


class ChannelGridError(StackError):
    """Images of counts that do not lie on one grid."""

    def __init__(self, first: Path, other: Path) -> None:
        super().__init__(
            f"{first} and {other} are to be channels of one image, but they cover different "
            "fields and one of them is an image of counts, which cannot be laid on another grid. "
            "Give tables of localizations, or images of one size."
        )
