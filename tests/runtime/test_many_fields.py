"""Nothing is left over from a field: no memory, no file handle, no thread.

A few hundred fields, looked at from outside by `benchmarks/many_fields.py`, which does the same
with 10,000; collected on Linux, whose /proc it needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest
    from many_fields import Look

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FIELDS = 480
EARLY, LATE = range(160, 261), range(380, 481)
"""Fields done; before, imports and the allocator find their size."""
MOST_LEFT = {"handles": 0.05, "threads": 0.05, "resident_mb": 0.03}
"""What may be left of a field, on average, as noise of two looks: a pool may start one more thread
late, and within a few hundred fields the allocator moves by megabytes. Any one array of a field
that stays is more; what remains over thousands is measured in docs/reliability.md."""


def test_nothing_is_left_over_from_a_field(
    tmp_path: Path, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    # One heap for all threads, or each that comes late to a task begins one of its own.
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    from many_fields import watch, write_tables

    write_tables(tmp_path / "in", FIELDS)
    args = (tmp_path / "in", "-o", tmp_path / "out", "--model", tiny_model_path, "--no-preview")
    looks, _ = watch([*args, "--device", "cpu", "--threads", "1"], every=4)
    early = [look for look in looks if look.fields in EARLY]
    late = [look for look in looks if look.fields in LATE]

    def least(looks: Sequence[Look], what: str) -> float:
        """Between two fields: at some moments one is being read or written."""
        return min(float(getattr(look, what)) for look in looks)

    left = {
        what: (least(late, what) - least(early, what)) / (LATE.start - EARLY.start)
        for what in MOST_LEFT
    }
    assert all(left[what] < most for what, most in MOST_LEFT.items()), (left, early, late)
