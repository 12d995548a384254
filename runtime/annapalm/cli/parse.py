"""Texts of options to values; every mistake names the option and what it takes."""

from __future__ import annotations

import math
import re
from typing import Literal

from annapalm.cli.errors import OptionError


def parse_frames(text: str | None) -> tuple[int, int | None] | None:
    """Read START:STOP, frames from 0, STOP not included; either may be left out, STOP as None."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d{0,18})\s*:\s*(\d{0,18})\s*", text, re.ASCII)
    must = "START:STOP in frames counted from 0, STOP not included, such as 0:300 or 500:"
    if found is None:
        raise OptionError("--frames", text, must)
    start, stop = int(found[1] or 0), int(found[2]) if found[2] else None
    if stop is not None and start >= stop:
        raise OptionError("--frames", text, f"{must}, with START before STOP")
    return start, stop


def parse_steps(text: str | None) -> tuple[int, ...] | None:
    """Read numbers of frames, two or more, in any order; they come back rising."""
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    must = "two or more different numbers of frames above 0, such as 100,200,400"
    if not all(re.fullmatch(r"[1-9]\d{0,17}", word, re.ASCII) for word in words):
        raise OptionError("--frames", text, must)
    steps = sorted({int(word) for word in words})
    if len(steps) < 2 or len(steps) != len(words):
        raise OptionError("--frames", text, must)
    return tuple(steps)


def parse_roi_nm(text: str | None) -> tuple[float, float, float, float] | None:
    """Read X0,Y0,X1,Y1 in µm and return nm."""
    if text is None:
        return None
    must = "X0,Y0,X1,Y1 in µm, left, top, right and bottom, such as 10,10,30,25"
    numbers = _numbers(text, ",")
    if numbers is None or len(numbers) != 4:
        raise OptionError("--roi", text, must)
    x0, y0, x1, y1 = numbers
    if not (x0 < x1 and y0 < y1):
        raise OptionError("--roi", text, f"{must}, with X0 below X1 and Y0 below Y1")
    return x0, y0, x1, y1


def parse_field_nm(text: str | None) -> tuple[float, float] | None:
    """Read WIDTHxHEIGHT in µm and return nm."""
    if text is None:
        return None
    numbers = _numbers(text.lower(), "x")
    if numbers is None or len(numbers) != 2 or min(numbers) <= 0:
        must = "WIDTHxHEIGHT of the camera's field in µm, both above 0, such as 40.96x40.96"
        raise OptionError("--field", text, must)
    return numbers[0], numbers[1]


def parse_columns(text: str | None) -> tuple[str, ...] | None:
    """Split at commas; `annapalm.read.columns` says what the words mean, and checks them."""
    if text is None:
        return None
    return tuple(word.strip() for word in text.split(","))


def parse_tile(text: str) -> int | Literal["auto"] | None:
    """Read auto, whole (None) or the edge of a tile in px."""
    if text == "auto":
        return "auto"
    if text == "whole":
        return None
    if not re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
        raise OptionError("--tile", text, "auto, whole or the edge of a tile in px, such as 1024")
    return int(text)


def check_above_zero(option: str, value: float | None) -> None:
    """Refuse a length or a factor that is not a finite number above 0."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise OptionError(option, value, "a number above 0")


def _numbers(text: str, separator: str) -> tuple[float, ...] | None:
    """Read finite numbers, in µm, as nm; None where one is none."""
    try:
        # Rounded to a millionth of a nm: 40.96 µm is 40960 nm, not 40960.00000000001.
        numbers = tuple(round(float(word) * 1000, 6) for word in text.split(separator))
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None
