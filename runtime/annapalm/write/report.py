"""`report.html`: one page, in one file, that shows a run and says where not to believe it.

The page needs no network, no script and no other file; pictures are inside. All text that comes
from outside (paths, messages, notes) is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from html import escape
from importlib.resources import files
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from annapalm.write.colour import css_ramp
from annapalm.write.field import IMAGE_SUFFIX, PREVIEW_SUFFIX, RECORD_SUFFIX
from annapalm.write.preview import short
from annapalm.write.text import clean_text
from annapalm.write.trust import DOUBT, STRUCTURE_MASS
from annapalm.write.verdict import FEW, LOW_RSP, MANY, Verdict, judge, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annapalm.write.colour import ColourName
    from annapalm.write.schema import CrossCheckRecord, FieldEntry, FieldRecord, RunRecord
    from annapalm.write.thumbnails import Thumbnails

PICTURE_BYTES = 24_000_000
"""Pictures in one page, in bytes; a larger page opens slowly. Later fields are linked only."""
_FIRST = 12
"""Fields named as worth a look first."""

_NOTHING = "&ndash;"

_RUN_TAGS = {
    "done": ("good", "all done"),
    "failed": ("bad", "some failed"),
    "interrupted": ("fair", "interrupted"),
}


def render_report(run: RunRecord, thumbnails: Sequence[Thumbnails | None], record_name: str) -> str:
    """Render the page; `thumbnails` are parallel to run["fields"], `record_name` is the JSON's."""
    entries = run["fields"]
    verdicts = [judge(entry) for entry in entries]
    pictures = list(thumbnails)[: len(entries)]
    body = "\n".join(
        [
            _top(run),
            _figures(run, verdicts),
            _look_first(entries, verdicts),
            _how_to_read(entries),
            _table(entries, verdicts),
            _cards(entries, verdicts, pictures),
            _origin(run, record_name),
        ]
    )
    style = files("annapalm.write").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>annapalm: {len(entries):,} {_plural(len(entries), 'field')}</title>\n"
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _top(run: RunRecord) -> str:
    grade, tag = _RUN_TAGS[run["status"]]
    model, device = run["model"], run["device"]
    return (
        f'<div class="top"><h1>Reconstructions of {len(run["fields"]):,} '
        f"{_plural(len(run['fields']), 'field')} of view</h1>"
        f'<span class="tag {grade}">{tag}</span>'
        f'<p class="quiet">{_text(_moment(run["started"]))} · {_duration(run["seconds"])} · '
        f"model {_text(model['name'])} {_text(model['version'])} · on {_text(device['device'])}, "
        f"{device['threads']} {_plural(device['threads'], 'thread')}</p></div>"
    )


def _figures(run: RunRecord, verdicts: list[Verdict]) -> str:
    records = [e["record"] for e in run["fields"] if e["record"] is not None]
    failed = sum(e["status"] == "failed" for e in run["fields"])
    doubtful = sum(v.grade in ("fair", "bad") for v in verdicts) - failed
    used = sum(r["counts"]["used"] for r in records)
    area = sum(r["image"]["area_um2"] for r in records)
    figures = [
        (f"{len(records):,}", f"{_plural(len(records), 'field')} reconstructed"),
        (f"{failed:,}", f"{_plural(failed, 'input')} failed"),
        (f"{doubtful:,}", f"{_plural(doubtful, 'field')} doubtful"),
        (f"{used:,}", f"localizations in {short(area)} µm²"),
    ]
    cells = "".join(f"<div><b>{number}</b><span>{label}</span></div>" for number, label in figures)
    return f'<div class="figures">{cells}</div>'


def _look_first(entries: list[FieldEntry], verdicts: list[Verdict]) -> str:
    """Name the worst first: failed, then not to be relied on, then doubtful or warned about."""
    ranks = {"bad": 1, "fair": 2, "none": 3, "good": 3}
    rows = []
    for number, (entry, verdict) in enumerate(zip(entries, verdicts, strict=True)):
        warned = entry["record"] is not None and bool(entry["record"]["warnings"])
        rank = 0 if entry["status"] == "failed" else ranks[verdict.grade]
        if (rank < 3 or warned) and entry["status"] != "skipped":
            rows.append((rank, number, entry, verdict))
    if not rows:
        return ""
    rows.sort(key=lambda row: row[:2])
    items = "".join(
        f"<li>{_tag(verdict)}"
        f'<a href="#field-{number}">{_name(entry)}</a>'
        f'<span class="quiet">{_reason(entry, verdict)}</span></li>'
        for _, number, entry, verdict in rows[:_FIRST]
    )
    rest = len(rows) - _FIRST
    if rest > 0:
        items += f'<li class="quiet">and {rest:,} more, marked in the table</li>'
    return f'<h2>Look at these first</h2><ul class="first">{items}</ul>'


def _reason(entry: FieldEntry, verdict: Verdict) -> str:
    if entry["error"] is not None:
        return _text(entry["error"]["message"].split("\n")[0])
    warnings = entry["record"]["warnings"] if entry["record"] is not None else []
    return _text(warnings[0]) if warnings and verdict.grade != "bad" else _text(verdict.says)


def _doubt(entries: list[FieldEntry]) -> float:
    """Ratio from which pixels of this run are red: all of its fields have the same."""
    return next((e["record"]["trust"]["doubt"] for e in entries if e["record"]), DOUBT)


def _how_to_read(entries: list[FieldEntry]) -> str:
    red_from = percent(_doubt(entries))
    keys: list[tuple[ColourName | Literal["doubt"], str, str]] = [
        ("grey", "Sparse", "The localizations that were measured. Only this was seen."),
        (
            "ember",
            "Dense",
            (
                "The model's estimate: localizations to be expected per pixel. Between the dots of "
                "the sparse image it is inferred, not seen."
            ),
        ),
        (
            "tide",
            "Error",
            (
                "How far the model expects to be off, on the same scale: where it is as bright as "
                "the dense image, nothing is known."
            ),
        ),
        (
            "doubt",
            "Where not to believe it",
            (
                f"Dense in grey. Red where the expected error is more than {red_from} of "
                "what is drawn: do not count, measure or publish structure there."
            ),
        ),
    ]
    if any(e["record"] is not None and e["record"]["cross_check"] for e in entries):
        keys.append(
            (
                "accord",
                "Cross-check",
                (
                    "Half of the frames draws, the other half tests. Red: drawn, but not borne "
                    "out; blue: localizations that the picture does not explain. Dark: no "
                    "contradiction, which is no proof."
                ),
            )
        )
    items = "".join(
        f'<div><dt style="--ramp:{css_ramp(table)}">{title}</dt><dd>{text}</dd></div>'
        for table, title, text in keys
    )
    return (
        f'<h2>How to read the pictures</h2><dl class="key">{items}</dl>'
        f'<p class="quiet" style="margin-top:16px">Structure is the brightest pixels that hold '
        f"{percent(STRUCTURE_MASS)} of the dense image. A field is called credible below "
        f"{percent(FEW)} of doubtful structure, and not to be relied on from {percent(MANY)}. The "
        "Nyquist resolution is twice the mean distance between the localizations on the structure "
        "drawn: the finest detail that they could show without the model, at best. The error "
        "map knows what the model met in training; it cannot know a sample unlike all of it.</p>"
    )


def _table(entries: list[FieldEntry], verdicts: list[Verdict]) -> str:
    heads = (
        "Field",
        "Verdict",
        "Localizations",
        "per µm²",
        "Nyquist<br>resolution",
        "Doubtful<br>structure",
        "Mean error<br>of structure",
        "RSP",
        "RSE",
        "Warnings",
        "Time",
    )
    rows = "".join(
        _row(number, entry, verdict)
        for number, (entry, verdict) in enumerate(zip(entries, verdicts, strict=True))
    )
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    return (
        f'<h2>All fields</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(number: int, entry: FieldEntry, verdict: Verdict) -> str:
    record = entry["record"]
    cells = [
        f'<a href="#field-{number}">{_name(entry)}</a>',
        _tag(verdict),
    ]
    if record is None:
        cells += [_NOTHING] * 8
    else:
        trust, agreement = record["trust"], record["widefield"]
        cells += [
            f"{record['counts']['used']:,}",
            short(record["counts"]["density_per_um2"]),
            _nm(trust["structure_nyquist_nm"]),
            _bar(trust["doubtful_share"], verdict),
            _share(trust["relative_error"]),
            _number(agreement["rsp"] if agreement else None, ".2f"),
            _number(agreement["rse"] if agreement else None, ".3g"),
            f"{len(record['warnings'])}" if record["warnings"] else _NOTHING,
        ]
    cells.append(_duration(entry["seconds"]) if entry["status"] != "skipped" else _NOTHING)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _cards(
    entries: list[FieldEntry], verdicts: list[Verdict], pictures: list[Thumbnails | None]
) -> str:
    cards, room = [], PICTURE_BYTES
    rows = zip_longest(entries, verdicts, pictures)
    for number, (entry, verdict, picture) in enumerate(rows):
        shown = picture
        if picture is not None:
            room -= picture.size_bytes
            shown = picture if room >= 0 else None
        cards.append(_card(number, entry, verdict, shown, left_out=picture is not shown))
    return f"<h2>Field by field</h2>{''.join(cards)}"


def _card(
    number: int, entry: FieldEntry, verdict: Verdict, picture: Thumbnails | None, *, left_out: bool
) -> str:
    parts = [
        f'<article class="field" id="field-{number}">',
        f"<header><h3>{_name(entry)}</h3>{_tag(verdict)}{_links(entry)}</header>",
        f'<p class="says">{_text(verdict.says)}</p>',
    ]
    if picture is not None:
        parts.append(_plates(picture))
    elif left_out:
        parts.append('<p class="quiet">Open the files for the pictures: this page is full.</p>')
    if entry["record"] is not None:
        parts.append(_facts(entry["record"]))
        parts.append(_notes(entry["record"]["warnings"]))
    if entry["error"] is not None:
        parts.append(f'<p class="wrong">{_text(entry["error"]["message"])}</p>')
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
        f'<a href="{_text(quote(entry["stem"] + suffix, errors="surrogateescape"))}">{name}</a>'
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
        ("Nyquist resolution, field", _nm(counts["nyquist_nm"])),
        ("Density in structure", _per_um2(trust["structure_density_per_um2"])),
        ("Nyquist resolution, structure", _nm(trust["structure_nyquist_nm"])),
        ("Frames", _frames(source["frames"])),
        ("Expected in structure", short(trust["expected_localizations"])),
        ("Expected diffuse", short(trust["diffuse_localizations"])),
        ("Doubtful structure", _share(trust["doubtful_share"])),
        ("Mean error of structure", _share(trust["relative_error"])),
    ]
    agreement = record["widefield"]
    if agreement is None:
        facts.append(("Widefield image", "none"))
    else:
        x, y = agreement["shift_nm"]
        low = agreement["rsp"] is None or agreement["rsp"] < LOW_RSP
        rsp = _number(agreement["rsp"], ".2f")
        facts += [
            ("RSP", f'<span class="bad">{rsp}</span>' if low else rsp),
            ("RSE", _number(agreement["rse"], ".3g")),
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
    misfit = _number(found["misfit"], ".2f")
    return [
        (
            "Cross-check: misfit",
            f'<span class="bad">{misfit}</span>' if found["contradicted"] else misfit,
        ),
        ("Structure not borne out", _share(found["unconfirmed_share"])),
        ("Field marked as missing", _share(found["missing_share"])),
        ("Structure testable", _share(found["testable_share"])),
    ]


def _notes(warnings: list[str]) -> str:
    if not warnings:
        return ""
    return f'<ul class="notes">{"".join(f"<li>{_text(w)}</li>" for w in warnings)}</ul>'


def _origin(run: RunRecord, record_name: str) -> str:
    model, software, device = run["model"], run["software"], run["device"]
    rows = [
        ("Command", f"<code>{_text(' '.join(run['command']))}</code>"),
        ("Model", f"{_text(model['name'])} {_text(model['version'])}, {_text(model['licence'])}"),
        ("Model sha256", f"<code>{_text(model['sha256'])}</code>"),
        ("Device", f"{_text(device['provider'])}: {_text(device['reason'])}"),
        (
            "Software",
            _text(
                f"annapalm {software['annapalm']}, onnxruntime {software['onnxruntime']}, "
                f"numpy {software['numpy']}, Python {software['python']}, {software['system']}"
            ),
        ),
        ("All numbers", f'<a href="{_text(quote(record_name))}">{_text(record_name)}</a>'),
    ]
    items = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f'<h2>Where this comes from</h2><dl class="origin">{items}</dl>'


def _tag(verdict: Verdict) -> str:
    return f'<span class="tag {verdict.grade}">{verdict.tag}</span>'


def _name(entry: FieldEntry) -> str:
    return _text(entry["stem"] or entry["input"])


def _bar(share: float | None, verdict: Verdict) -> str:
    if share is None:
        return _NOTHING
    return (
        f'<span class="bar {verdict.grade}"><i style="width:{share * 100:.0f}%"></i></span>'
        f"<span>{percent(share)}</span>"
    )


def _share(share: float | None) -> str:
    return _NOTHING if share is None else percent(share)


def _number(value: float | None, form: str) -> str:
    return _NOTHING if value is None else format(value, form)


def _nm(length: float | None) -> str:
    return _NOTHING if length is None else f"{short(length)} nm"


def _per_um2(density: float | None) -> str:
    return _NOTHING if density is None else f"{short(density)} per µm²"


def _frames(frames: list[int] | None) -> str:
    return _NOTHING if frames is None else f"{frames[0]:,} to {frames[1]:,}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _moment(iso: str) -> str:
    """Write a time to the minute, with its time zone."""
    moment = datetime.fromisoformat(iso)
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".rstrip()


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _text(text: str) -> str:
    return escape(clean_text(text))
