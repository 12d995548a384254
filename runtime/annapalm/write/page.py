"""One page for each field of a run, `report/STEM.html`, with all of its small pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from annapalm.write import words
from annapalm.write.atomic import write_whole
from annapalm.write.card import render_card

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.write.schema import FieldEntry
    from annapalm.write.thumbnails import Thumbnails

FOLDER = "report"
_BEGIN, _END = "<!-- field -->", "<!-- end of field -->"


def page_path(out: Path, stem: str) -> Path:
    """Where the page of a field lies; `stem` is that of its entry, with forward slashes."""
    return out / FOLDER / f"{stem}.html"


def page_link(stem: str) -> str:
    """Link from the report to a page, quoted."""
    return quote(f"{FOLDER}/{stem}.html", errors="surrogateescape")


def write_page(out: Path, entry: FieldEntry, pictures: Thumbnails) -> Path:
    """Write the page of a field that was done, complete or not at all, over one of before.

    It needs no other file; its links lead to the results beside it. Raises as `write_field` does.
    """
    stem = entry["stem"] or ""
    up = "../" * (stem.count("/") + 1)
    page = (
        words.page_head(stem, f'<base href="{up}">\n')
        + '<p><a href="report.html">All fields</a></p>\n'
        + f"{_BEGIN}{render_card(entry, pictures)}{_END}"
        + words.PAGE_END
    )
    path = page_path(out, stem)
    write_whole(path, page.encode(), overwrite=True)
    return path


def read_card(out: Path, stem: str) -> str | None:
    """Read the card of a field back from its page; None where there is none."""
    try:
        page = page_path(out, stem).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    begin, end = page.find(_BEGIN), page.rfind(_END)
    return page[begin + len(_BEGIN) : end] if 0 <= begin < end else None
