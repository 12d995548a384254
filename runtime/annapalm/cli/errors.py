"""Mistakes of a call that are found before any work is done: all end with exit code 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class UsageError(AnnaPalmError, ValueError):
    """A command line that cannot be carried out as it stands; nothing was read or written."""


class OptionError(UsageError):
    """The value of an option is not what the option takes."""

    def __init__(self, option: str, value: object, must: str) -> None:
        super().__init__(f"{option} {value}: it must be {must}.")


class ContradictionError(UsageError):
    """Two options cannot both be followed."""

    def __init__(self, first: str, second: str, why: str) -> None:
        super().__init__(
            f"{first} and {second} contradict each other: {why}. Leave one of them out."
        )


class MissingOptionError(UsageError):
    """One option needs another."""

    def __init__(self, option: str, needs: str, why: str) -> None:
        super().__init__(f"{option} needs {needs}: {why}.")


class InputNotFoundError(AnnaPalmError, FileNotFoundError):
    """An input named on the command line does not exist."""

    def __init__(self, given: str) -> None:
        what = "matches no file" if any(sign in given for sign in "*?[") else "does not exist"
        super().__init__(f"Input {given} {what}. Correct the name; nothing was read.")


class NothingToDoError(UsageError):
    """A folder holds no file that counts as an input."""

    def __init__(self, folder: Path, suffixes: tuple[str, ...]) -> None:
        super().__init__(
            f"Folder {folder} holds no input: in a folder the files ending in "
            f"{', '.join(suffixes)} count, but not hidden ones, widefield images, results of "
            "annapalm and texts such as README or LICENSE. Name a file itself to have it read "
            "whatever it is called."
        )


class SameOutputError(UsageError):
    """Two inputs would be written to the same files."""

    def __init__(self, first: Path, second: Path, stem: Path) -> None:
        super().__init__(
            f"{first} and {second} would both be written to {stem}.*. Rename one of them, run them "
            "into two output folders, or give the folder above them, whose sub-folders are kept."
        )


class SeveralInputsError(UsageError):
    """One widefield image was named for another number of inputs than one."""

    def __init__(self, inputs: int) -> None:
        super().__init__(
            f"--widefield names the image of one input, but there are {inputs:,}. Name one table, "
            "or put beside each its own image, called as --widefield-suffix says."
        )


class InputInDangerError(UsageError):
    """An output would take the place of an input."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"Output {path}: {reason}. Choose another output folder with -o.")


class ReservedNameError(UsageError):
    """The files of an input would collide with those of the run."""

    def __init__(self, source: Path, output: str) -> None:
        super().__init__(
            f"{source} would be written to {output}, the name of the record of the whole run. "
            "Rename the input, or give the folder above it."
        )


class InputFolderError(AnnaPalmError, OSError):
    """A folder among the inputs, or below one, cannot be listed."""

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(
            f"Folder {folder} cannot be listed: {reason}. Give yourself the right to read it, or "
            "name the other folders and files one by one; nothing was read."
        )


class TwoChannelsError(UsageError):
    """A file is called like those of two channels."""

    def __init__(self, path: Path, channels: Sequence[str]) -> None:
        super().__init__(
            f"{path} is called like a file of the channels {' and '.join(channels)}. Say with "
            "--channel more of what tells their names apart."
        )


class SameChannelError(UsageError):
    """Two files would be the same channel of one field."""

    def __init__(self, first: Path, second: Path, channel: str) -> None:
        super().__init__(
            f"{first} and {second} would both be channel {channel} of one field. Rename one of "
            "them, or say with --channel more of what the files are called."
        )


class NoChannelFilesError(UsageError):
    """Not one input is called like a file of a channel."""

    def __init__(self, first: Path, patterns: Sequence[str]) -> None:
        super().__init__(
            f"No input is of a channel: none is called {' or '.join(patterns)}; the first is "
            f"{first}. Correct --channel."
        )


class FileRuleError(UsageError):
    """What a settings file says about some tables contradicts itself or cannot be understood."""

    def __init__(self, path: Path, pattern: str, error: Exception) -> None:
        of = f'{path}, files."{pattern}"'
        super().__init__(f"{of}: {error} Correct the file; nothing was read.")


class SettingsFileError(UsageError):
    """A settings file, or one of its lines, is not what annapalm takes."""

    def __init__(self, path: Path, key: str | None, must: str, value: str = "") -> None:
        what = f"{path}" if key is None else f"{path}, {key}{f' = {value}' if value else ''}"
        super().__init__(f"{what}: it must be {must}. Correct the file; nothing was read.")
