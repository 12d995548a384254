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
MOST_BYTES = 10_000
"""What may remain of a field here. Measured over thousands it is far less (docs/reliability.md),
but within a few hundred the allocator moves by a megabyte."""


def test_nothing_is_left_over_from_a_field(
    tmp_path: Path, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from many_fields import watch, write_tables

    write_tables(tmp_path / "in", FIELDS)
    args = (tmp_path / "in", "-o", tmp_path / "out", "--model", tiny_model_path, "--no-preview")
    looks, _ = watch([*args, "--device", "cpu", "--threads", "1"], every=4)
    early = [look for look in looks if look.fields in EARLY]
    late = [look for look in looks if look.fields in LATE]

    def least(looks: Sequence[Look], what: str) -> float:
        """Between two fields: at some moments one is being read or written."""
        return min(float(getattr(look, what)) for look in looks)

    assert least(late, "handles") == least(early, "handles")
    assert least(late, "threads") == least(early, "threads")
    grown = (least(late, "resident_mb") - least(early, "resident_mb")) * 1e6
    assert grown / (LATE.start - EARLY.start) < MOST_BYTES
