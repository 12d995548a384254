"""Pieces of text and markup that the pages of a run have in common; all of it is escaped."""

from __future__ import annotations

from datetime import datetime
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import quote

from annapalm.write.preview import short
from annapalm.write.text import clean_text
from annapalm.write.verdict import percent

if TYPE_CHECKING:
    from annapalm.write.schema import FieldEntry, SoftwareRecord
    from annapalm.write.verdict import Grade, Verdict

NOTHING = "&ndash;"
GENERATOR = '<meta name="generator" content="annapalm">'
"""Near the top of every page of ours: such a page may be written anew, another one not."""
PAGE_END = "\n</main>\n</body>\n</html>\n"


def page_head(title: str, script_sha256: str | None = None) -> str:
    """Begin a page: all but its body.

    Nothing but what stands in the page itself may be loaded, and no script run but the one of that
    hash (base64): should text from outside ever become markup, the browser does not act on it.
    """
    style = files("annapalm.write").joinpath("report.css").read_text(encoding="utf-8")
    script = "" if script_sha256 is None else f"; script-src 'sha256-{script_sha256}'"
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'{script}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{GENERATOR}\n"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
    )


def text(words: str) -> str:
    """Escape text from outside."""
    return escape(clean_text(words))


def link(path: str) -> str:
    """Write a path relative to the page as the value of `href`."""
    return text(quote(path, errors="surrogateescape"))


def tag(verdict: Verdict) -> str:
    """Show a verdict in its two words."""
    return f'<span class="tag {verdict.grade}">{text(verdict.tag)}</span>'


def name(entry: FieldEntry) -> str:
    """Name an input by its results, or by its file where it has none."""
    return text(entry["stem"] or entry["input"])


def bar(part: float | None, grade: Grade) -> str:
    """Draw a share as a bar with its number."""
    if part is None:
        return NOTHING
    return (
        f'<span class="bar {grade}"><i style="width:{part * 100:.0f}%"></i></span>'
        f"<span>{percent(part).replace('less than', '&lt;')}</span>"
    )


def share(part: float | None) -> str:
    """Write a share as per cent."""
    return NOTHING if part is None else percent(part)


def number(value: float | None, form: str) -> str:
    """Write a number in that format."""
    return NOTHING if value is None else format(value, form)


def nm(length: float | None) -> str:
    """Write a length with its unit."""
    return NOTHING if length is None else f"{short(length)} nm"


def per_um2(density: float | None) -> str:
    """Write a density with its unit."""
    return NOTHING if density is None else f"{short(density)} per µm²"


def frames(span: list[int] | None) -> str:
    """Write the first and the last frame."""
    return NOTHING if span is None else f"{span[0]:,} to {span[1]:,}"


def duration(seconds: float) -> str:
    """Write a time as one would say it."""
    if seconds < 90:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def moment(iso: str) -> str:
    """Write a time to the minute, with its time zone."""
    at = datetime.fromisoformat(iso)
    return f"{at:%Y-%m-%d %H:%M} {at.tzname() or ''}".rstrip()


def plural(count: int, word: str) -> str:
    """Add the s."""
    return word if count == 1 else f"{word}s"


def software(record: SoftwareRecord) -> str:
    """Name the versions that can change a pixel."""
    runtime = record["onnxruntime"].removeprefix("onnxruntime ")  # it may name the build
    return text(
        f"annapalm {record['annapalm']}, onnxruntime {runtime}, "
        f"numpy {record['numpy']}, Python {record['python']}, {record['system']}"
    )


def origin(rows: list[tuple[str, str]]) -> str:
    """Render where something comes from; values are markup."""
    items = "".join(f"<dt>{title}</dt><dd>{value}</dd>" for title, value in rows)
    return f'<h2>Where this comes from</h2><dl class="origin">{items}</dl>'
