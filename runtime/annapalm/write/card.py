"""One field of a run: its pictures, its numbers, what is to be known of it."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from annapalm.write import words
from annapalm.write.field import IMAGE_SUFFIX, PREVIEW_SUFFIX, RECORD_SUFFIX
from annapalm.write.preview import short
from annapalm.write.verdict import LOW_RSP, judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annapalm.write.schema import CrossCheckRecord, FieldEntry, FieldRecord
    from annapalm.write.thumbnails import Thumbnails


_PLATES = (
    ("sparse", "sparse", "measured"),
    ("dense", "dense", "estimated"),
    ("error", "error", "on the scale of dense"),
    ("doubt", "where not to believe it", "in red"),
    ("cross_check", "cross-check", "red not borne out, blue missing"),
)
"""Name in `Thumbnails`, title, and what it shows."""
_PLATE = re.compile(r'<img alt="([a-z -]+)" src="data:image/png;base64,([A-Za-z0-9+/=]+)">')


def pictures_of(thumbnails: Thumbnails) -> dict[str, bytes]:
    """Return the PNG files that a card shows, by their titles."""
    found = {title: getattr(thumbnails, name) for name, title, _ in _PLATES}
    return {title: png for title, png in found.items() if png is not None}


def pictures_in(page: str) -> dict[str, bytes]:
    """Find the pictures of the card in a page again; nothing else of the page is looked at."""
    titles = {title for _, title, _ in _PLATES}
    return {t: b64decode(code) for t, code in _PLATE.findall(page) if t in titles}


def render_card(
    entry: FieldEntry,
    pictures: Mapping[str, bytes],
    *,
    to_out: str = "",
    page: str | None = None,
    anchor: str = "field",
) -> str:
    """Render an `<article>`.

    `pictures` are those of `pictures_of`; `to_out` leads from the page to the output folder; `page`
    is the field's own page, None where it is this one or where there is none.
    """
    verdict = judge(entry)
    parts = [
        f'<article class="field" id="{anchor}">',
        f"<header><h3>{words.name(entry)}</h3>{words.tag(verdict)}",
        f"{_links(entry, to_out, page)}</header>",
        f'<p class="says">{words.text(verdict.says)}</p>',
        _plates(pictures),
    ]
    if entry["record"] is not None:
        parts.append(_facts(entry["record"]))
        parts.append(_notes(entry["record"]["warnings"]))
    if entry["error"] is not None:
        parts.append(f'<p class="wrong">{words.text(entry["error"]["message"])}</p>')
    return "".join([*parts, "</article>"])


def _plates(pictures: Mapping[str, bytes]) -> str:
    if not pictures:
        return ""
    return (
        '<div class="plates">'
        + "".join(
            f'<figure><img alt="{title}" '
            f'src="data:image/png;base64,{b64encode(pictures[title]).decode()}">'
            f"<figcaption>{title} · {text}</figcaption></figure>"
            for _, title, text in _PLATES
            if title in pictures
        )
        + "</div>"
    )


def _links(entry: FieldEntry, to_out: str, page: str | None) -> str:
    if entry["record"] is None or entry["stem"] is None:
        return ""
    names = {IMAGE_SUFFIX: "OME-TIFF", PREVIEW_SUFFIX: "PNG", RECORD_SUFFIX: "JSON"}
    written = {o["name"] for o in entry["record"]["outputs"]}
    leaf = entry["stem"].rsplit("/", 1)[-1]
    links = "" if page is None else f'<a href="{words.link(page)}">Page</a>'
    links += "".join(
        f'<a href="{words.link(to_out + entry["stem"] + suffix)}">{name}</a>'
        for suffix, name in names.items()
        if suffix == RECORD_SUFFIX or leaf + suffix in written
    )
    return f'<span class="files">{links}</span>'


def _facts(record: FieldRecord) -> str:
    counts, trust, image = record["counts"], record["trust"], record["image"]
    source = record["provenance"]["input"]
    width, height = image["field_um"]
    facts = [
        ("Field", f"{short(width)} &times; {short(height)} µm"),
        ("Pixels", f"{image['shape'][1]:,} &times; {image['shape'][0]:,}"),
        ("Pixel size", f"{image['pixel_nm']:g} nm"),
        ("Localizations", f"{counts['used']:,}"),
        ("Outside the field", f"{counts['outside']:,}"),
        ("Density", f"{short(counts['density_per_um2'])} per µm²"),
        ("Nyquist resolution, field", words.nm(counts["nyquist_nm"])),
        ("Density in structure", words.per_um2(trust["structure_density_per_um2"])),
        ("Nyquist resolution, structure", words.nm(trust["structure_nyquist_nm"])),
        ("Frames", words.frames(source["frames"])),
        ("Expected in structure", short(trust["expected_localizations"])),
        ("Expected diffuse", short(trust["diffuse_localizations"])),
        ("Doubtful structure", words.share(trust["doubtful_share"])),
        ("Mean error of structure", words.share(trust["relative_error"])),
    ]
    agreement = record["widefield"]
    if agreement is None:
        facts.append(("Widefield image", "none"))
    else:
        x, y = agreement["shift_nm"]
        low = agreement["rsp"] is None or agreement["rsp"] < LOW_RSP
        rsp = words.number(agreement["rsp"], ".2f")
        facts += [
            ("RSP", f'<span class="bad">{rsp}</span>' if low else rsp),
            ("RSE", words.number(agreement["rse"], ".3g")),
            ("Widefield shift", f"{x:.0f}, {y:.0f} nm"),
        ]
    facts += _cross_check_facts(record["cross_check"])
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    return f'<dl class="facts">{items}</dl>'


def _cross_check_facts(found: CrossCheckRecord | None) -> list[tuple[str, str]]:
    """Say what the held-out frames say; nothing where they were not asked."""
    if found is None:
        return []
    if not found["done"]:
        return [("Cross-check", "not done, see below")]
    misfit = words.number(found["misfit"], ".2f")
    return [
        (
            "Cross-check: misfit",
            f'<span class="bad">{misfit}</span>' if found["contradicted"] else misfit,
        ),
        ("Structure not borne out", words.share(found["unconfirmed_share"])),
        ("Field marked as missing", words.share(found["missing_share"])),
        ("Structure testable", words.share(found["testable_share"])),
    ]


def _notes(warnings: list[str]) -> str:
    if not warnings:
        return ""
    return f'<ul class="notes">{"".join(f"<li>{words.text(w)}</li>" for w in warnings)}</ul>'
