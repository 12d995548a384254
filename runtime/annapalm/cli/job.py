"""What a command line of `annapalm-run` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.cli.channels import ChannelSpec
    from annapalm.cli.file_rules import FileRule
    from annapalm.field import FieldOptions
    from annapalm.ledger import Shard
    from annapalm.model import Device


@dataclass(frozen=True, slots=True)
class Job:
    """A command line of `annapalm-run`, its options checked as far as they can be by themselves."""

    inputs: tuple[str, ...]
    """Files, folders and patterns, as given."""
    out: Path
    """Output folder."""
    model: str | None
    """Released name or path; None: the best one for the structure."""
    device: Device
    threads: int | None
    """None: the cores that this process may use."""
    options: FieldOptions
    widefield: Path | None
    """The widefield image of the one input."""
    widefield_suffix: str | None
    """What widefield images are called; None: none is wanted."""
    jsonl: bool
    quiet: bool
    jobs: int = 1
    """Fields in work at once."""
    resume: bool = True
    """Go on with the run that the output folder holds."""
    shard: Shard | None = None
    """The part of the inputs that this run does; None: all."""
    channels: tuple[ChannelSpec, ...] = ()
    """Channels of one image; empty: there is one."""
    rules: tuple[FileRule, ...] = ()
    """What holds for some of the tables only."""
    found_widefields: bool = True
    """Use the widefield images that are found beside inputs; else they are only no inputs."""
    dry_run: bool = False
    """Only say what would be done."""
    watch: bool = False
    """Go on with what comes into the inputs."""
    settle_s: float = 10.0
    """A watched file is whole when it has not changed for so many seconds."""
    idle_s: float | None = None
    """End the watch after so many seconds without anything to do; None: never."""
