"""`--channel NAME=WHICH` and its kin: from their texts to what each channel is; without numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annapalm.cli.errors import ContradictionError, MissingOptionError, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MUST = (
    "NAME=WHICH, where WHICH is the channel's number or word in the table, such as tubulin=0, or "
    "what its files are called, with one * for the name of the field, such as 'tubulin=*_647.csv'"
)


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One channel as the user describes it."""

    name: str
    which: str
    """Its number or word in the channel column; or a file name with one `*`."""
    structure: str | None = None
    """None: as --structure says."""
    model: str | None = None
    """None: as --model says, else the best one for the structure."""

    @property
    def has_files(self) -> bool:
        """Whether it has files of its own."""
        return "*" in self.which

    def field_of(self, *names: str) -> str | None:
        """Give the name of the field, if one of a file's names is of this channel."""
        before, _, behind = self.which.partition("*")
        for name in names:
            long_enough = len(name) > len(before) + len(behind)
            if long_enough and name.startswith(before) and name.endswith(behind):
                return name[len(before) : len(name) - len(behind)]
        return None


def parse_channels(
    channels: Sequence[str], structures: Sequence[str], models: Sequence[str]
) -> tuple[ChannelSpec, ...]:
    """Read the values of --channel, --channel-structure and --channel-model."""
    found: dict[str, str] = {}
    for text in channels:
        name, which = _divided("--channel", text, _MUST)
        if name in found:
            raise OptionError("--channel", text, f"another name than {name}, which is taken")
        if which.count("*") > 1:
            raise OptionError("--channel", text, _MUST)
        if which in found.values():
            raise OptionError("--channel", text, f"of other data than {which}, which is taken")
        found[name] = which
    by_file = ["*" in which for which in found.values()]
    if any(by_file) and not all(by_file):
        raise ContradictionError(
            f"--channel {channels[by_file.index(True)]}",
            f"--channel {channels[by_file.index(False)]}",
            "one has files of its own (*), the other is in the table",
        )
    drawn = _of_channels("--channel-structure", structures, found)
    made = _of_channels("--channel-model", models, found)
    return tuple(
        ChannelSpec(name, which, drawn.get(name), made.get(name)) for name, which in found.items()
    )


def check_stack(
    window: int | None,
    step: int | None,
    frame_time_ms: float | None,
    *,
    channels: Sequence[ChannelSpec],
    widefield: Path | None,
) -> None:
    """Refuse options of a time-lapse or of channels that say nothing, or contradict each other."""
    if window is None:
        for option, value in {"--step": step, "--frame-time": frame_time_ms}.items():
            if value is not None:
                raise MissingOptionError(option, "--window N", "without it there is one picture")
    if channels and widefield is not None:
        raise ContradictionError(
            "--widefield",
            "--channel",
            "the one image would be of no channel; put beside each table its own image, called as "
            "--widefield-suffix says",
        )


def _divided(option: str, text: str, must: str) -> tuple[str, str]:
    name, sign, value = (part.strip() for part in text.partition("="))
    if not (name and sign and value):
        raise OptionError(option, text, must)
    return name, value


def _of_channels(option: str, texts: Sequence[str], channels: dict[str, str]) -> dict[str, str]:
    """Read NAME=VALUE for channels that there are."""
    found: dict[str, str] = {}
    for text in texts:
        name, value = _divided(option, text, "NAME=VALUE, NAME that of a --channel")
        if not channels:
            raise MissingOptionError(option, "--channel", "it says more of one of them")
        if name not in channels:
            raise OptionError(option, text, f"for one of the channels {', '.join(channels)}")
        if name in found:
            raise OptionError(option, text, f"given once for {name}")
        found[name] = value
    return found
