"""Pieces of text and markup that the pages of a run have in common; all of it is escaped."""

from __future__ import annotations

from datetime import datetime
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from annapalm.write.preview import short
from annapalm.write.text import clean_text
from annapalm.write.verdict import Verdict, percent

if TYPE_CHECKING:
    from annapalm.write.schema import FieldEntry

NOTHING = "&ndash;"


def page_head(title: str, more: str = "") -> str:
    """Begin a page: all but its body; `more` goes into the head as it is."""
    style = files("annapalm.write").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{more}<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
    )


PAGE_END = "\n</main>\n</body>\n</html>\n"


def tag(verdict: Verdict) -> str:
    """Show a verdict in its colour."""
    return f'<span class="tag {verdict.grade}">{verdict.tag}</span>'


def name(entry: FieldEntry) -> str:
    """Name a field by its results, or by its input where there are none."""
    return text(entry["stem"] or entry["input"])


def bar(share: float | None, verdict: Verdict) -> str:
    """Show a share as a bar and a number."""
    if share is None:
        return NOTHING
    return (
        f'<span class="bar {verdict.grade}"><i style="width:{share * 100:.0f}%"></i></span>'
        f"<span>{percent(share)}</span>"
    )


def share(value: float | None) -> str:
    """Write a share as per cent."""
    return NOTHING if value is None else percent(value)


def number(value: float | None, form: str) -> str:
    """Write a number, or a dash."""
    return NOTHING if value is None else format(value, form)


def nm(length: float | None) -> str:
    """Write a length in nm, or a dash."""
    return NOTHING if length is None else f"{short(length)} nm"


def per_um2(density: float | None) -> str:
    """Write a density, or a dash."""
    return NOTHING if density is None else f"{short(density)} per µm²"


def frames(value: list[int] | None) -> str:
    """Write the first and the last frame, or a dash."""
    return NOTHING if value is None else f"{value[0]:,} to {value[1]:,}"


def duration(seconds: float) -> str:
    """Write a time as a person would."""
    if seconds < 90:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def moment(iso: str) -> str:
    """Write a time to the minute, with its time zone."""
    moment = datetime.fromisoformat(iso)
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".rstrip()


def plural(count: int, word: str) -> str:
    """Put a word into the plural where it belongs."""
    return word if count == 1 else f"{word}s"


def text(value: str) -> str:
    """Escape a text from outside."""
    return escape(clean_text(value))
