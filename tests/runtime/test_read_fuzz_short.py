"""Some seeds of `fuzz_readers.py`: a sound table or a reason, whatever became of a file."""

from __future__ import annotations

import pytest
from fuzz_damage import FILES, SLOW
from fuzz_readers import READERS, check, fuzz, read_case
from read_words import DATA

CASES = 8 * (len(FILES) - len(SLOW)) + len(SLOW)  # of seed 10


def test_damaged_files_of_every_format_give_a_sound_table_or_a_reason() -> None:
    counted, findings = fuzz(7, 600.0, CASES, FILES, None)
    assert findings == []
    assert set(counted) == set(FILES)
    # Files that all fail, or none, would show that the damage misses its mark.
    assert sum(kinds.get("table", 0) for kinds in counted.values()) >= 30
    assert len({kind for kinds in counted.values() for kind in kinds}) >= 8


def test_every_file_has_a_reader_that_is_fuzzed() -> None:
    assert sorted(name for names in READERS.values() for name in names) == sorted(FILES)


def test_a_wrong_value_would_be_seen() -> None:
    from annapalm.read import read_table

    name = "thunderstorm.csv"
    data = (DATA / name).read_bytes()
    assert read_case(name, data) == "table"
    found = read_table(DATA / name)
    check(name, data, found)
    found.localizations.x_nm[17] += 1e-9
    with pytest.raises(AssertionError, match="other values than in a plain parse"):
        check(name, data, found)
    with pytest.raises(AssertionError, match="59 in a plain parse"):
        check(name, data[: data.rindex(b"\n", 0, -1) + 1], found)
