"""The page of one field, `OUT/report/<stem>.html`: pictures, numbers, warnings, provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.errors import InvalidValueError
from annapalm.write import words
from annapalm.write.atomic import leftovers, write_whole
from annapalm.write.card import pictures_in, pictures_of, render_card
from annapalm.write.errors import as_write_error
from annapalm.write.text import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annapalm.write.schema import FieldEntry, FieldRecord
    from annapalm.write.thumbnails import Thumbnails

FOLDER = "report"
_MOST_BYTES = 16_000_000
"""A page of ours has a few 100 KB; what is larger is not read for its pictures."""


def write_page(
    out_dir: Path, entry: FieldEntry, thumbnails: Thumbnails, *, overwrite: bool = False
) -> Path:
    """Write the page of a field that is done, complete or not at all, and return its path.

    A page that annapalm wrote there before is replaced; another file only with `overwrite`, else
    OutputExistsError is raised; other errors as `write_field` raises them. Raises InvalidValueError
    for an input that is not done.
    """
    if entry["record"] is None or entry["stem"] is None:
        raise InvalidValueError("entry", entry["status"], "of a field that is done")
    path = out_dir / page_name(entry["stem"])
    html = render_page(entry, entry["record"], pictures_of(thumbnails))
    try:
        for names in leftovers(path):  # of a run that was killed here
            for name in names:
                name.unlink(missing_ok=True)
    except OSError as error:
        raise as_write_error(error, path) from error
    write_whole(path, html.encode(), overwrite=overwrite or _is_ours(path))
    return path


def page_name(stem: str) -> str:
    """Name the page of a field, relative to the output folder."""
    return f"{FOLDER}/{stem}.html"


def read_pictures(path: Path) -> dict[str, bytes]:
    """Read the pictures from a page again; none where there is no page."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}
        return pictures_in(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def render_page(entry: FieldEntry, record: FieldRecord, pictures: Mapping[str, bytes]) -> str:
    """Render the page; `pictures` are those of a card."""
    stem = entry["stem"] or ""
    to_out = "../" * (1 + stem.count("/"))
    return "".join(
        [
            words.page_head(f"annapalm: {stem}"),
            f'<nav><a href="{to_out}report.html">All fields</a></nav>',
            render_card(entry, pictures, to_out=to_out),
            _origin(entry, record),
            words.PAGE_END,
        ]
    )


def _origin(entry: FieldEntry, record: FieldRecord) -> str:
    made = record["provenance"]
    source, image, model, device = made["input"], made["widefield"], made["model"], made["device"]
    rows = [
        (
            "Input",
            words.text(
                f"{source['path']}, {source['format']}, {source['size_bytes']:,} bytes, "
                f"{source['selected']:,} of {source['rows']:,} localizations"
            ),
        ),
        ("Input sha256", f"<code>{words.text(source['sha256'])}</code>"),
    ]
    if image is not None:
        rows += [
            ("Widefield image", words.text(f"{image['path']}, pixel {image['pixel_nm']:g} nm")),
            ("Widefield sha256", f"<code>{words.text(image['sha256'])}</code>"),
        ]
    options = json_text(made["options"], indent=None)
    rows += [
        (
            "Model",
            words.text(
                f"{model['name']} {model['version']}, {model['structure']}, {model['licence']}"
            ),
        ),
        ("Model sha256", f"<code>{words.text(model['sha256'])}</code>"),
        ("Options", f"<code>{words.text(options)}</code>"),
        ("Device", words.text(f"{device['provider']}: {device['reason']}")),
        ("Software", words.software(made["software"])),
        ("Time", _times(entry["seconds"], record["timings_s"])),
    ]
    return words.origin(rows)


def _times(seconds: float, steps: Mapping[str, float]) -> str:
    parts = ", ".join(f"{name} {words.duration(s)}" for name, s in steps.items())
    return f"{words.duration(seconds)}: {words.text(parts)}" if parts else words.duration(seconds)


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return words.GENERATOR.encode() in stream.read(512)
    except OSError:
        return False
