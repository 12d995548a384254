"""One field of a run: its pictures, its numbers, what is to be known of it."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from annapalm.write import words
from annapalm.write.field import IMAGE_SUFFIX, PREVIEW_SUFFIX, RECORD_SUFFIX
from annapalm.write.preview import short
from annapalm.write.verdict import LOW_RSP, judge

if TYPE_CHECKING:
    from annapalm.write.schema import CrossCheckRecord, FieldEntry, FieldRecord
    from annapalm.write.thumbnails import Thumbnails


def render_card(entry: FieldEntry, pictures: Thumbnails | None) -> str:
    """Render an `<article>`; its links are relative to the output folder."""
    verdict = judge(entry)
    parts = [
        '<article class="field">',
        f"<header><h3>{words.name(entry)}</h3>{words.tag(verdict)}{_links(entry)}</header>",
        f'<p class="says">{words.text(verdict.says)}</p>',
    ]
    if pictures is not None:
        parts.append(_plates(pictures))
    if entry["record"] is not None:
        parts.append(_facts(entry["record"]))
        parts.append(_notes(entry["record"]["warnings"]))
    if entry["error"] is not None:
        parts.append(f'<p class="wrong">{words.text(entry["error"]["message"])}</p>')
    return "".join([*parts, "</article>"])


def _plates(picture: Thumbnails) -> str:
    plates = (
        (picture.sparse, "sparse", "measured"),
        (picture.dense, "dense", "estimated"),
        (picture.error, "error", "on the scale of dense"),
        (picture.doubt, "where not to believe it", "in red"),
        (picture.cross_check, "cross-check", "red not borne out, blue missing"),
    )
    return (
        '<div class="plates">'
        + "".join(
            f'<figure><img alt="{title}" src="data:image/png;base64,{b64encode(png).decode()}">'
            f"<figcaption>{title} · {text}</figcaption></figure>"
            for png, title, text in plates
            if png is not None
        )
        + "</div>"
    )


def _links(entry: FieldEntry) -> str:
    if entry["record"] is None or entry["stem"] is None:
        return ""
    names = {IMAGE_SUFFIX: "OME-TIFF", PREVIEW_SUFFIX: "PNG", RECORD_SUFFIX: "JSON"}
    written = {o["name"] for o in entry["record"]["outputs"]}
    leaf = entry["stem"].rsplit("/", 1)[-1]
    links = "".join(
        f'<a href="{_quoted(entry["stem"] + suffix)}">{name}</a>'
        for suffix, name in names.items()
        if suffix == RECORD_SUFFIX or leaf + suffix in written
    )
    return f'<span class="files">{links}</span>'


def _quoted(path: str) -> str:
    return words.text(quote(path, errors="surrogateescape"))


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
