"""Which part of the inputs a run takes, where several runs share the work."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from annapalm.errors import AnnaPalmError, InvalidValueError


class ShardError(AnnaPalmError, ValueError):
    """The text that should name a shard does not."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"--shard {text}: it must be I/N, the number of this part and how many there are, "
            "counted from 1, such as 1/4 to 4/4."
        )


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `count`, from 1.

    The part that an input belongs to depends on its name alone: whatever else lies in the folder,
    and however often the run is started, each input belongs to one and the same part.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InvalidValueError("number", self.number, f"1 to {self.count}")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read I/N; raises `ShardError`."""
        found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text, re.ASCII)
        if found is None or int(found[1]) > int(found[2]):
            raise ShardError(text)
        return cls(int(found[1]), int(found[2]))

    def has(self, key: str) -> bool:
        """Whether the input whose results are called `key` belongs to this part."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
