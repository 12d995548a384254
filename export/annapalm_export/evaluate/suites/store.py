"""What has been computed already: one JSON line per field and model, appended as results come."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 3
"""Version of the lines and of what is scored; those of another are not read."""

Record: TypeAlias = dict[str, Any]
"""Plain JSON values."""


class DamagedResultsError(AnnaPalmError, ValueError):
    """A line of a results file, other than an unfinished last one, cannot be read."""

    def __init__(self, path: Path, line: int) -> None:
        super().__init__(
            f"{path}, line {line}: not a line that annapalm-export evaluate of this version has "
            "written. Remove the line (its field is computed again) or choose another folder."
        )


@dataclass(frozen=True, slots=True)
class Key:
    """What a record is about; any change of it is computed anew."""

    suite: str
    """Name and version."""
    condition: str
    """A condition of the suite, or a real table."""
    model: str
    """sha256 of the model's file; "" for what no model has to do with."""
    density: float | None = None
    """None for the thresholds of a condition."""
    number: int | None = None
    """Which field of the condition and density, from 0."""
    thresholds: int = 0
    """Fields per density on which the thresholds were chosen."""
    field_um: float | None = None
    """Side of the simulated field."""
    input: str = ""
    """sha256 of a real table; densities of the fields on which thresholds were chosen."""


class Store:
    """The results file of one output folder, and all that it holds.

    A run that was broken off loses at most the field that it was at: a line is written whole, and
    an unfinished last one is cut off when the file is opened again.
    """

    def __init__(self, path: Path) -> None:
        """Read `path` where it exists; raises `DamagedResultsError` for a bad line inside it."""
        self._path = path
        self._records: dict[Key, Record] = {}
        if path.exists():
            self._read()

    def get(self, key: Key) -> Record | None:
        """Look up what is known of `key`; None where it was not computed yet."""
        return self._records.get(key)

    def __getitem__(self, key: Key) -> Record:
        """Give what is known of `key`; raises KeyError where it was not computed."""
        return self._records[key]

    def add(self, key: Key, record: Record) -> Record:
        """Append a record, on the disk before this returns; returns it as it will be read.

        Raises `ValueError` for NaN and infinity, which JSON does not have.
        """
        line = {"format": FORMAT, "key": asdict(key), "record": record}
        text = json.dumps(line, ensure_ascii=False, allow_nan=False)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._records[key] = json.loads(text)["record"]
        return self._records[key]

    def _read(self) -> None:
        data = self._path.read_bytes()
        lines = data.split(b"\n")
        unfinished = lines.pop()  # "" after the last whole line
        for number, text in enumerate(lines, 1):
            try:
                line = json.loads(text)
                if line["format"] == FORMAT:
                    self._records[Key(**line["key"])] = line["record"]
            except (ValueError, KeyError, TypeError) as problem:
                if number == len(lines) and not unfinished:
                    unfinished = text + b"\n"
                    break
                raise DamagedResultsError(self._path, number) from problem
        if unfinished:
            with self._path.open("r+b") as file:
                file.truncate(len(data) - len(unfinished))
