"""A whole run in few numbers: how much of what there is, and in which order it is looked at."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from annapalm.write.preview import short
from annapalm.write.verdict import judge

if TYPE_CHECKING:
    from annapalm.write.schema import FieldEntry, FieldStatus
    from annapalm.write.verdict import Grade

FEWEST = 8
"""Fields from which it can be said what is usual in a run."""
FACTOR, SPREADS = 3.0, 5.0
"""A density is unlike the others where it is so many times the median or a part of it, and so many
standard deviations of the logarithm away; both, since equal fields spread by next to nothing."""

_RANKS: dict[Grade, int] = {"bad": 1, "fair": 2, "good": 4, "none": 5}
_FAILED, _ODD = 0, 3
WORTH_A_LOOK = 3
"""Highest rank of a field to be looked at first."""


class _Facts(NamedTuple):
    """What is kept of each field while a report is written."""

    rank: int
    doubtful: float
    density: float | None
    """Localizations per µm²; None where there are none."""


@dataclass(slots=True)
class Overview:
    """Made by `add` for each field in turn, then `conclude`."""

    statuses: Counter[FieldStatus] = field(default_factory=Counter)
    tags: dict[str, tuple[Grade, int]] = field(default_factory=dict)
    """Verdict to its grade and the number of its fields; worst first after `conclude`."""
    doubtful: int = 0
    """Fields with a picture that is doubtful, in parts or as a whole."""
    used: int = 0
    area_um2: float = 0.0
    doubt: float | None = None
    """Ratio from which pixels are red: all fields of a run have the same."""
    cross_checked: bool = False
    order: list[int] = field(default_factory=list)
    """Numbers of the fields, worst first."""
    unlike: dict[int, str] = field(default_factory=dict)
    """Number of a field to how it differs from the others of the run."""
    _facts: list[_Facts] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._facts)

    def add(self, entry: FieldEntry) -> None:
        """Count one more field."""
        verdict, record = judge(entry), entry["record"]
        self.statuses[entry["status"]] += 1
        self.tags[verdict.tag] = (verdict.grade, self.tags.get(verdict.tag, ("none", 0))[1] + 1)
        rank = _FAILED if entry["status"] == "failed" else _RANKS[verdict.grade]
        if record is None:
            self._facts.append(_Facts(rank, 0.0, None))
            return
        self.doubtful += verdict.grade in ("fair", "bad")
        self.used += record["counts"]["used"]
        self.area_um2 += record["image"]["area_um2"]
        self.doubt = record["trust"]["doubt"] if self.doubt is None else self.doubt
        self.cross_checked |= record["cross_check"] is not None
        if record["warnings"]:
            rank = min(rank, _ODD)
        density = record["counts"]["density_per_um2"] or None
        self._facts.append(_Facts(rank, record["trust"]["doubtful_share"] or 0.0, density))

    def conclude(self) -> None:
        """Find what is unlike the others, and the order."""
        self.unlike = _unlike([facts.density for facts in self._facts])
        self.order = sorted(
            range(len(self)), key=lambda i: (self.rank(i), -self._facts[i].doubtful, i)
        )
        grades: tuple[Grade, ...] = ("bad", "fair", "none", "good")
        self.tags = dict(
            sorted(self.tags.items(), key=lambda t: (t[0] != "failed", grades.index(t[1][0]), t[0]))
        )

    def rank(self, number: int) -> int:
        """Say how much a field is worth a look, 0 most of all."""
        rank = self._facts[number].rank
        return min(rank, _ODD) if number in self.unlike else rank

    @property
    def worth_a_look(self) -> int:
        """Number of fields that `look_first` chooses from."""
        return sum(self.rank(i) <= WORTH_A_LOOK for i in range(len(self)))

    def look_first(self, most: int, failed: int) -> list[int]:
        """Give the numbers of the fields to be looked at first, at most `most`, worst first.

        Of failed ones `failed` at most, unless too few others fill the list: a failure says all of
        itself in the table, a doubtful picture has to be seen.
        """
        worth = [i for i in self.order if self.rank(i) <= WORTH_A_LOOK]
        lost = [i for i in worth if self.rank(i) == _FAILED]
        others = worth[len(lost) :]
        lost = lost[: max(failed, most - len(others))]
        return (lost + others)[:most]


def _unlike(densities: list[float | None]) -> dict[int, str]:
    logs = {i: math.log(d) for i, d in enumerate(densities) if d is not None}
    if len(logs) < FEWEST:
        return {}
    middle = median(logs.values())
    spread = 1.4826 * median(abs(x - middle) for x in logs.values())  # of a normal distribution
    found = {}
    for number, value in logs.items():
        away = value - middle
        if abs(away) > max(math.log(FACTOR), SPREADS * spread):
            usual = short(math.exp(middle))
            found[number] = (
                f"{short(math.exp(value))} localizations per µm², where the median of this run is "
                f"{usual}"
            )
    return found
