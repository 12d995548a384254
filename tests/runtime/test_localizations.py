"""The one form of a table."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from annapalm import Localizations
from annapalm.errors import InvalidValueError


def columns(rows: int = 4, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "x_nm": np.arange(rows, dtype=np.float64),
        "y_nm": np.arange(rows, dtype=np.float64) * 10,
        "frame": np.arange(rows, dtype=np.int64),
    }
    return values | changes


def test_a_table_counts_its_rows() -> None:
    assert len(Localizations(**columns(4))) == 4
    assert len(Localizations(**columns(0))) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_nm": [1, 2, 3, 4]}, "x_nm is 'list', but it must be an array float64 [N]"),
        ({"x_nm": np.ones(4, np.float32)}, "x_nm is 'float32 [4]'"),
        ({"y_nm": np.ones((4, 1))}, "y_nm is 'float64 [4, 1]'"),
        ({"y_nm": np.ones(3)}, "y_nm is 'float64 [3]', but it must be as long as x_nm, 4 rows"),
        ({"frame": np.ones(4)}, "frame is 'float64 [4]', but it must be an array int64 [N]"),
        ({"frame": None}, "frame is 'NoneType'"),
        ({"photons": np.ones(5)}, "photons is 'float64 [5]'"),
        ({"channel": np.ones(4)}, "channel is 'float64 [4]', but it must be an array int64 [N]"),
        ({"x_nm": np.array([1, np.nan, 3, 4])}, "finite in every row"),
        ({"y_nm": np.array([1, np.inf, 3, 4])}, "finite in every row"),
    ],
)
def test_columns_that_are_no_table_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Localizations(**columns(**changes))
    assert message in str(caught.value)


def test_what_is_not_known_of_a_row_may_be_nan() -> None:
    table = Localizations(**columns(photons=np.array([1, np.nan, 3, 4])))
    assert table.photons is not None
    assert np.isnan(table.photons[1])


def test_rows_are_selected_in_every_column() -> None:
    table = Localizations(
        **columns(photons=np.arange(4.0), channel=np.arange(4), field_nm=(1.0, 2.0), notes=("n",))
    )
    kept = table.select(table.x_nm > 1)
    assert kept.y_nm.tolist() == [20.0, 30.0]
    assert kept.photons is not None
    assert kept.photons.tolist() == [2.0, 3.0]
    assert kept.channel is not None
    assert kept.channel.tolist() == [2, 3]
    assert (kept.z_nm, kept.field_nm, kept.notes) == (None, (1.0, 2.0), ("n",))
    assert table.select(np.array([3, 0])).frame.tolist() == [3, 0]
    assert len(table) == 4


def test_a_frame_range_is_half_open() -> None:
    assert Localizations(**columns(6)).in_frames(2, 4).frame.tolist() == [2, 3]
    assert len(Localizations(**columns(6)).in_frames(4, 4)) == 0


def test_a_table_cannot_be_changed() -> None:
    table = Localizations(**columns())
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.x_nm = table.y_nm  # type: ignore[misc]
