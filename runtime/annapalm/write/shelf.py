"""Rows of a run laid down in a file, to be read again in any order: a page has them worst first."""

from __future__ import annotations

import base64
import json
import tempfile
from array import array
from typing import TYPE_CHECKING, Self

from annapalm.write.row import Row
from annapalm.write.text import json_text

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class Shelf:
    """Rows on the disk; of each, only where it lies stays in memory. A context manager.

    The file has no name, or one that the operating system removes: nothing of it can be left over.
    """

    def __init__(self, folder: Path) -> None:
        """Begin an empty shelf in `folder`; raises OSError, as its methods do."""
        # Closed by `__exit__`. Not in the system's folder, which may be memory.
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".annapalm-")  # noqa: SIM115
        self._ends = array("q", [0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def put(self, row: Row) -> None:
        """Lay down one more."""
        tile = b"" if row.tile is None else base64.b64encode(row.tile)
        self._file.seek(self._ends[-1])
        size = self._file.write(json_text(row.entry, indent=None).encode() + b"\n" + tile)
        self._ends.append(self._ends[-1] + size)

    def __getitem__(self, number: int) -> Row:
        """Take one out; `number` counts from 0 in the order in which they were put."""
        entry, tile = self._parts(number)
        return Row(json.loads(entry), base64.b64decode(tile) if tile else None)

    def json_of(self, number: int) -> str:
        """Take out the entry alone, as a line of JSON."""
        return self._parts(number)[0].decode()

    def _parts(self, number: int) -> tuple[bytes, bytes]:
        self._file.seek(self._ends[number])
        text = self._file.read(self._ends[number + 1] - self._ends[number])
        entry, _, tile = text.partition(b"\n")  # JSON on one line has none
        return entry, tile
