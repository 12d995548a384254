"""From the INPUTs of a command line to a plan: which files are read, and where each result goes.

The rule, the same on every system:

- A file named on the command line always counts, whatever it is called, and so does a file that a
  pattern (`*`, `?`, `[...]`, `**`) names.
- In a folder, and in its sub-folders, the files ending in one of `SUFFIXES` count, except hidden
  ones, widefield images, results of annapalm (`X.ome.tif` with `X.json` beside it), texts by the
  names of `TEXTS`, and whatever lies in the output folder.
- `<stem><widefield suffix>` beside an input is that input's widefield image, never an input.
- Results keep the stem; the sub-folders below a named folder, or below the fixed part of a
  pattern, are kept too.

All that can be known to go wrong is found here, before the first file is opened.
"""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from annapalm.batch import Item
from annapalm.cli.errors import (
    InputFolderError,
    InputInDangerError,
    InputNotFoundError,
    NothingToDoError,
    ReservedNameError,
    SameOutputError,
    SeveralInputsError,
)
from annapalm.cli.grouping import group_channels
from annapalm.cli.options import SUFFIXES
from annapalm.write import output_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from annapalm.cli.channels import ChannelSpec

TEXTS = frozenset(
    {"authors", "changelog", "citation", "copying", "licence", "license", "notice", "readme"}
)
"""Stems of files that describe a folder and hold no data; case does not matter."""


RUN_FILES = ("run.json", "report.html")
"""The record of a whole run, in the output folder; further runs add a number."""
_RECORD_STEM = re.compile(r"run(-\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will read and write."""

    items: tuple[Item, ...]
    """One per input, in the order given; files of a folder in the order of their names."""
    notices: tuple[str, ...] = ()
    """What the user should know of the files that were passed over."""

    def without_widefields(self, suffix: str) -> Plan:
        """Leave out the widefield images that were found by themselves; say how to have them."""
        items = tuple(
            replace(
                item,
                widefield=None,
                channels=tuple(replace(file, widefield=None) for file in item.channels),
            )
            for item in self.items
        )
        if items == self.items:
            return self
        notice = (
            "the widefield images beside the inputs are not used in a time-lapse: an image of one "
            "moment would put structure that moves where it was then. If nothing moves, ask for "
            f"them with --widefield-suffix {suffix}."
        )
        return replace(self, items=items, notices=(*self.notices, notice))


@dataclass(slots=True)
class _Found:
    """What has been found so far."""

    items: dict[str, Item] = field(default_factory=dict)
    passed_over: list[Path] = field(default_factory=list)
    widefields: set[str] = field(default_factory=set)


def make_plan(
    inputs: Sequence[str],
    out: Path,
    *,
    widefield_suffix: str | None,
    widefield: Path | None = None,
    channels: Sequence[ChannelSpec] = (),
) -> Plan:
    """Find the inputs (files, folders, patterns) and where each one's result goes.

    `widefield_suffix` names the widefield images to look for and is None where none is wanted;
    `widefield` is the image of the one input there is. With `channels`, files of one field belong
    together (`annapalm.cli.grouping`).
    Raises `InputNotFoundError`, `NothingToDoError`, `SameOutputError`, `InputInDangerError`,
    `ReservedNameError`, `SeveralInputsError` and `InputFolderError`.
    """
    found = _Found()
    for text in inputs:
        for path, base in _named(text):
            if path.is_dir():
                _check_not_output(path, out)
                _take_folder(path, base, out, found, widefield_suffix)
            else:
                _take(path, base, out, found)
    items, notices = _with_widefields(found, widefield_suffix, widefield), list[str]()
    if channels:
        items, notices = group_channels(items, channels, widefield_suffix)
    _check_outputs(items, out)
    return Plan(items, (*notices, *_notices(found, items, widefield)))


def _named(text: str) -> Iterator[tuple[Path, Path]]:
    """Yield what an INPUT names, each with the folder below which sub-folders are kept."""
    path = Path(text)
    if path.is_dir():
        yield path, path
        return
    if os.path.lexists(path):
        yield path, path.parent
        return
    matches = sorted(glob.glob(text, recursive=True)) if glob.has_magic(text) else []  # noqa: PTH207 - pathlib's glob takes no absolute pattern
    if not matches:
        raise InputNotFoundError(text)
    fixed = Path(*_before_magic(path.parts))
    for match in map(Path, matches):
        # `**` names folders beside the files in them.
        if "**" not in text or not match.is_dir():
            yield match, fixed


def _before_magic(parts: tuple[str, ...]) -> tuple[str, ...]:
    first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return parts[:first]


def _take_folder(
    folder: Path, base: Path, out: Path, found: _Found, widefield_suffix: str | None
) -> None:
    """Take the files of a folder that count; a folder that cannot be listed is an error."""
    before = len(found.items)
    output = os.path.realpath(out)
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(Path(parent, name)) != output
        )
        for path in (Path(parent, name) for name in sorted(names)):
            if widefield_suffix and path.name.lower().endswith(widefield_suffix.lower()):
                found.widefields.add(_key(path))
            elif _counts(path):
                _take(path, base, out, found)
            elif not _explains_itself(path):
                found.passed_over.append(path)
    if len(found.items) == before:
        raise NothingToDoError(folder, SUFFIXES)


def _raise(error: OSError) -> None:
    raise InputFolderError(str(error.filename), error.strerror or str(error)) from error


def stem_of(path: Path) -> str:
    """Name without its suffix; `.ome.tif` is one suffix."""
    first = path.stem
    is_ome = path.suffix.lower() in (".tif", ".tiff") and first.lower().endswith(".ome")
    return first[:-4] if is_ome and len(first) > 4 else first


def widefield_beside(path: Path, suffix: str) -> Path | None:
    """Find the widefield image of an input; None where there is none."""
    image = path.with_name(stem_of(path) + suffix)
    return image if image.is_file() and image != path else None


def _counts(path: Path) -> bool:
    """Tell whether a file found in a folder counts as an input."""
    return path.name.lower().endswith(SUFFIXES) and not _explains_itself(path)


def _explains_itself(path: Path) -> bool:
    """Tell whether nobody would miss a file among the inputs: hidden, a text, a result.

    Nor would they miss the YAML file in which Picasso describes the table beside it.
    """
    name = path.name.lower()
    if name.startswith(".") or path.stem.lower() in TEXTS:
        return True
    if name.endswith(".yaml") and path.with_suffix(".hdf5").exists():
        return True
    return name.endswith(".ome.tif") and path.with_name(f"{stem_of(path)}.json").exists()


def _take(path: Path, base: Path, out: Path, found: _Found) -> None:
    """Add one input, once; a file named twice is read once."""
    relative = path.relative_to(base) if path.is_relative_to(base) else Path(path.name)
    item = Item(path, out / relative.parent / stem_of(path))
    found.items.setdefault(_key(path), item)


def _with_widefields(found: _Found, suffix: str | None, widefield: Path | None) -> tuple[Item, ...]:
    """Give each input its widefield image, and take those images from the inputs."""
    if widefield is not None:
        if not widefield.is_file():
            raise InputNotFoundError(str(widefield))
        kept = [item for key, item in found.items.items() if key != _key(widefield)]
        if len(kept) != 1:
            raise SeveralInputsError(len(kept))
        return (replace(kept[0], widefield=widefield),)
    if not suffix:
        return tuple(found.items.values())
    images = {key: widefield_beside(item.source, suffix) for key, item in found.items.items()}
    taken = {_key(image) for image in images.values() if image is not None}
    return tuple(
        replace(item, widefield=images[key])
        for key, item in found.items.items()
        if key not in taken
    )


def _notices(found: _Found, items: Iterable[Item], widefield: Path | None) -> Iterator[str]:
    used = {_key(path) for item in items for path in item.files}
    if widefield is None:
        for orphan in sorted(found.widefields - used):
            yield f"{orphan} is named like a widefield image but no input has this name; not used."
    if found.passed_over:
        count = len(found.passed_over)
        names = ", ".join(path.name for path in found.passed_over[:3])
        yield (
            f"passed over {count} {'file' if count == 1 else 'files'} ({names}"
            f"{', ...' if count > 3 else ''}): in folders, inputs end in {', '.join(SUFFIXES)}."
        )


def _check_not_output(folder: Path, out: Path) -> None:
    if os.path.realpath(folder) == os.path.realpath(out):
        raise InputInDangerError(out, "it is the input folder itself")


def _check_outputs(items: tuple[Item, ...], out: Path) -> None:
    """See that no result would replace an input, another result, or the record of the run."""
    if out.exists() and not out.is_dir():
        raise InputInDangerError(out, "it is a file, not a folder")
    inputs = {os.path.realpath(path) for item in items for path in item.files}
    writers: dict[str, Item] = {}
    for name in RUN_FILES:
        _check_safe(out / name, inputs)
    for item in items:
        other = writers.setdefault(_folded(item.stem), item)
        if other is not item:
            raise SameOutputError(other.source, item.source, item.stem)
        if item.stem.parent == out and _RECORD_STEM.fullmatch(item.stem.name):
            raise ReservedNameError(item.source, f"{item.stem.name}.json")
        for path in output_paths(item.stem):
            _check_safe(path, inputs)


def _check_safe(path: Path, inputs: set[str]) -> None:
    if os.path.realpath(path) in inputs:
        raise InputInDangerError(path, "it would replace an input")


def _folded(path: Path) -> str:
    """Compare names as file systems do that ignore case: a result must survive being copied."""
    return os.path.abspath(path).casefold()  # noqa: PTH100 - pathlib's would follow no `..`


def _key(path: Path) -> str:
    return os.path.normcase(os.path.abspath(path))  # noqa: PTH100 - as above
