"""The error map made by turning the field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_evaluate_field import line, line_field
from test_evaluate_suite import Drawn, some_field

from annapalm_export.evaluate.baseline import blur
from annapalm_export.evaluate.simulated import MODEL, WITH_WIDEFIELD
from annapalm_export.evaluate.suite import evaluate_simulated
from annapalm_export.evaluate.turns import _turns, turned_spread

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.mark.parametrize("is_square", [True, False])
def test_every_turn_is_another_one_and_is_undone(is_square: bool) -> None:  # noqa: FBT001
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    turns = _turns(is_square)
    assert len({turn(image).tobytes() for turn, _ in turns}) == len(turns) == (4, 8)[is_square]
    for turn, back in turns:
        np.testing.assert_array_equal(back(turn(image)), image)


def test_what_draws_alike_however_the_field_lies_has_no_spread() -> None:
    model = Drawn(lambda counts: blur(counts, 40.0, 20.0))
    for shape in ((200, 200), (200, 120)):
        field = line_field([line((-200, 1010), (4200, 1010))], shape)
        (spread,) = turned_spread(model, field, None)
        assert spread.shape == shape
        assert spread.max() < 1e-6


def test_what_depends_on_the_side_has_the_spread_of_its_eight_pictures() -> None:
    def ramp(counts: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.broadcast_to(np.arange(counts.shape[1], dtype=np.float32), counts.shape)

    plain, lit = turned_spread(Drawn(ramp), some_field(widefield=True), None)
    # Four pictures rise along x, two of them backwards, and four along y.
    rows, columns = np.indices(plain.shape)
    last = plain.shape[0] - 1
    pictures = [columns, last - columns, columns, last - columns]
    pictures += [rows, last - rows, rows, last - rows]
    np.testing.assert_allclose(plain, np.std(pictures, axis=0), rtol=1e-5)
    np.testing.assert_array_equal(plain, lit)


def test_it_is_scored_beside_the_error_map() -> None:
    rows = evaluate_simulated(Drawn(lambda c: blur(c, 40.0, 20.0)), [some_field(widefield=True)])
    scored = [row["method"] for row in rows if row.get("ause_judged.turned") is not None]
    assert scored == [MODEL, WITH_WIDEFIELD]
