"""From inputs to fields of several channels: which files belong together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annapalm.batch import Item
from annapalm.cli.errors import NoChannelFilesError, SameChannelError, TwoChannelsError
from annapalm.field import ChannelFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from annapalm.cli.channels import ChannelSpec


def group_channels(
    items: Sequence[Item], channels: Sequence[ChannelSpec], suffix: str | None
) -> tuple[tuple[Item, ...], list[str]]:
    """Make the inputs to fields of these channels, and say what the user should know.

    With a file each, files of one folder whose names differ only in the channel are one field,
    called like what `*` stands for; a channel that is missing is told when the field is run. Else
    every input is a field. `suffix` is that of widefield images; None where none is wanted.
    Raises `TwoChannelsError`, `SameChannelError` and `NoChannelFilesError`.
    """
    if not channels[0].has_files:
        return _of_columns(items, channels, suffix)
    fields: dict[Path, dict[str, ChannelFile]] = {}
    others: list[Path] = []
    for item in items:
        found = _channel_of(item, channels)
        if found is None:
            others.append(item.source)
            continue
        name, field = found
        files = fields.setdefault(item.stem.with_name(field), {})
        if name in files:
            raise SameChannelError(files[name].source, item.source, name)
        files[name] = ChannelFile(name, item.source, item.widefield)
    if not fields:
        raise NoChannelFilesError(items[0].source, [channel.which for channel in channels])
    order = [channel.name for channel in channels]
    grouped = []
    for stem, files in fields.items():
        present = tuple(files[name] for name in order if name in files)
        grouped.append(Item(present[0].source, stem, channels=present))
    return tuple(grouped), list(_passed_over(others))


def _channel_of(item: Item, channels: Sequence[ChannelSpec]) -> tuple[str, str] | None:
    """Name the channel and the field of a file; None where it is of none."""
    names = (item.source.name, item.stem.name)
    found = [(c.name, field) for c in channels if (field := c.field_of(*names)) is not None]
    if len(found) > 1:
        raise TwoChannelsError(item.source, [name for name, _ in found])
    return found[0] if found else None


def _of_columns(
    items: Sequence[Item], channels: Sequence[ChannelSpec], suffix: str | None
) -> tuple[tuple[Item, ...], list[str]]:
    grouped, notices = [], []
    for item in items:
        files = []
        for channel in channels:
            image = item.source.with_name(f"{item.stem.name}_{channel.name}{suffix}")
            beside = image if suffix and image.is_file() else None
            files.append(ChannelFile(channel.name, item.source, beside))
        if item.widefield is not None:
            notices.append(
                f"{item.widefield} is not used: which channel does it show? The images of channels "
                f"are called {item.stem.name}_{channels[0].name}{suffix} and so on."
            )
        grouped.append(replace(item, widefield=None, channels=tuple(files)))
    return tuple(grouped), notices


def _passed_over(others: Sequence[Path]) -> Iterator[str]:
    if others:
        names = ", ".join(path.name for path in others[:3])
        yield (
            f"passed over {len(others)} {'file' if len(others) == 1 else 'files'} ({names}"
            f"{', ...' if len(others) > 3 else ''}): of no --channel."
        )
