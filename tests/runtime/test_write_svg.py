"""Curves as SVG text."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from annapalm.errors import InvalidValueError
from annapalm.write.svg import Curve, Guide, Panel, draw_panels

SVG = "{http://www.w3.org/2000/svg}"
LINE = Curve("a & b", "#0072b2", "", [(10.0, 0.0, 0.0), (100.0, 0.5, 0.1), (1000.0, 1.0, 0.0)])


def drawn(*panels: Panel, columns: int = 3) -> ET.Element:
    text = draw_panels("t <1>", panels, [("a & b", "#0072b2", "")], columns)
    return ET.fromstring(text)  # noqa: S314 - our own text


def places(root: ET.Element) -> list[list[tuple[float, float]]]:
    lines = [e.get("points", "") for e in root.iter(f"{SVG}polyline")]
    return [
        [(float(x), float(y)) for x, y in (p.split(",") for p in line.split())] for line in lines
    ]


def texts(root: ET.Element) -> list[str | None]:
    return [e.text for e in root.iter(f"{SVG}text")]


def test_a_decade_is_as_long_as_the_next_and_up_is_more() -> None:
    ((low, middle, high),) = places(drawn(Panel("p", "x", [LINE], (0, 1), (10, 1000))))
    assert middle[0] - low[0] == pytest.approx(high[0] - middle[0], abs=0.2)
    assert low[1] > middle[1] > high[1]
    assert middle[1] == pytest.approx((low[1] + high[1]) / 2, abs=0.2)


def test_a_logarithmic_y_axis_has_equal_decades() -> None:
    curve = Curve("c", "#000000", "", [(1.0, 1.0, 0.0), (2.0, 10.0, 0.0), (3.0, 100.0, 0.0)])
    ((low, middle, high),) = places(drawn(Panel("p", "x", [curve], (1, 100), (1, 3), y_log=True)))
    assert low[1] - middle[1] == pytest.approx(middle[1] - high[1], abs=0.2)


def test_what_lies_outside_is_drawn_on_the_edge() -> None:
    curve = Curve("c", "#000000", "", [(1.0, -5.0, 0.0), (100.0, 7.0, 0.0)])
    ((low, high),) = places(drawn(Panel("p", "x", [curve], (0, 1), (10, 20))))
    ((inner, outer),) = places(
        drawn(Panel("p", "x", [Curve("c", "#0", "", [(10, 0, 0), (20, 1, 0)])], (0, 1), (10, 20)))
    )
    assert (low, high) == (inner, outer)


def test_words_are_escaped_and_all_there() -> None:
    guides = (Guide("y", 0.8, "80 %"), Guide("x", 500.0, "500"))
    root = drawn(Panel("Score", "frames", [LINE], (0, 1), (10, 1000), guides=guides))
    assert {"t <1>", "Score", "frames", "a & b", "80 %", "500", "10", "100", "0.2"} <= set(
        texts(root)
    )


def test_panels_stand_in_rows() -> None:
    panels = [Panel(str(n), "x", [LINE], (0, 1), (10, 1000)) for n in range(3)]
    wide, high = drawn(*panels, columns=3), drawn(*panels, columns=1)
    assert float(wide.get("width", 0)) == pytest.approx(3 * float(high.get("width", 0)))
    assert float(wide.get("height", 0)) < float(high.get("height", 0))
    assert len(places(drawn())) == 0


def test_long_ranges_show_powers_of_ten_only() -> None:
    curve = Curve("c", "#000000", "", [(1.0, 1.0, 0.0), (1e6, 1.0, 0.0)])
    shown = texts(drawn(Panel("p", "x", [curve], (0, 2), (1, 1e6))))
    assert "1e+06" in shown
    assert "20" not in shown


@pytest.mark.parametrize(
    ("y_range", "x_range", "y_log"),
    [((1, 1), (1, 2), False), ((0, 1), (0, 2), False), ((0, 1), (1, 2), True)],
)
def test_axes_without_length_are_refused(
    y_range: tuple[float, float], x_range: tuple[float, float], *, y_log: bool
) -> None:
    with pytest.raises(InvalidValueError, match="_range"):
        Panel("p", "x", [LINE], y_range, x_range, y_log)
