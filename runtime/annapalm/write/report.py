"""`report.html`: one page that shows a run and says where not to believe it.

It needs no network and no other file, works without its script (which sorts and filters), and opens
with a thousand fields: of each a tile and a line, and, in a run of many, a page of its own
(`annapalm.write.page`). All text that comes from outside (paths, messages, notes) is escaped, and
the page forbids every script but its own.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from heapq import nsmallest
from importlib.resources import files
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from annapalm.quality.structure import STRUCTURE_MASS
from annapalm.write import words
from annapalm.write.card import render_card
from annapalm.write.colour import css_ramp
from annapalm.write.page import page_link, page_path, read_card
from annapalm.write.preview import short
from annapalm.write.trust import DOUBT
from annapalm.write.verdict import FEW, MANY, Verdict, judge, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from annapalm.write.colour import ColourName
    from annapalm.write.row import Row
    from annapalm.write.schema import FieldEntry, RunRecord

ON_ONE_PAGE = 30
"""Up to so many fields are shown with all of their pictures in the report itself."""
_FIRST = 12
"""Fields named as worth a look first."""
_RANKS = {"bad": 1, "fair": 2, "none": 3, "good": 3}

_RUN_TAGS = {
    "done": ("good", "all done"),
    "failed": ("bad", "some failed"),
    "interrupted": ("fair", "interrupted"),
    "partial": ("fair", "shards missing"),
}


@dataclass(slots=True)
class _Overview:
    """What is known of all fields before the first one is shown; nothing of any by itself."""

    reconstructed: int = 0
    failed: int = 0
    doubtful: int = 0
    used: int = 0
    area_um2: float = 0.0
    doubt: float | None = None
    cross_checked: bool = False
    worries: list[tuple[int, int]] = field(default_factory=list)
    """(rank, number) of fields to look at, the worst with the lowest rank."""


def render_report(
    run: RunRecord, rows: Sequence[Row], record_name: str, out: Path
) -> Iterator[str]:
    """Render the page piece by piece; `run` without its fields, which are `rows` in their order.

    `record_name` is the JSON's, `out` the folder in which pages of fields may lie. Rows are read
    several times, one after the other, and not kept.
    """
    seen = _look_over(rows)
    yield words.page_head(
        f"annapalm: {len(rows):,} {words.plural(len(rows), 'field')}", _only_our_script()
    )
    yield _top(run, len(rows))
    yield _figures(seen)
    yield from _look_first(rows, seen, out)
    yield _how_to_read(seen)
    yield from _mosaic(rows, out)
    yield from _table(rows, out)
    yield from _cards(rows, out)
    yield _origin(run, record_name)
    yield f"\n<script>{_script()}</script>{words.PAGE_END}"


def _look_over(rows: Sequence[Row]) -> _Overview:
    seen = _Overview()
    for number in range(len(rows)):
        entry = rows[number].entry
        verdict, record = judge(entry), entry["record"]
        if record is not None:
            seen.reconstructed += 1
            seen.used += record["counts"]["used"]
            seen.area_um2 += record["image"]["area_um2"]
            # All fields of a run have the same.
            seen.doubt = record["trust"]["doubt"] if seen.doubt is None else seen.doubt
            seen.cross_checked |= record["cross_check"] is not None
        is_failed = entry["status"] == "failed"
        seen.failed += is_failed
        seen.doubtful += verdict.grade in ("fair", "bad") and not is_failed
        warned = record is not None and bool(record["warnings"])
        rank = 0 if is_failed else _RANKS[verdict.grade]
        if (rank < 3 or warned) and entry["status"] != "skipped":
            seen.worries.append((rank, number))
    return seen


def _script() -> str:
    return files("annapalm.write").joinpath("report.js").read_text(encoding="utf-8")


def _only_our_script() -> str:
    """Forbid everything from elsewhere, and every script but ours."""
    ours = b64encode(sha256(_script().encode()).digest()).decode()
    return (
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        f"style-src 'unsafe-inline'; script-src 'sha256-{ours}'\">\n"
    )


def _top(run: RunRecord, number: int) -> str:
    grade, tag = _RUN_TAGS[run["status"]]
    model, device, shards = run["model"], run["device"], run["shards"]
    ended = "" if shards is None else f" · {len(shards['ended'])} of {shards['count']} shards ended"
    return (
        f'<div class="top"><h1>Reconstructions of {number:,} '
        f"{words.plural(number, 'field')} of view</h1>"
        f'<span class="tag {grade}">{tag}</span>'
        f'<p class="quiet">{words.text(words.moment(run["started"]))} · '
        f"{words.duration(run['seconds'])} · model {words.text(model['name'])} "
        f"{words.text(model['version'])} · on {words.text(device['device'])}, "
        f"{device['threads']} {words.plural(device['threads'], 'thread')}{ended}</p></div>"
    )


def _figures(seen: _Overview) -> str:
    done = words.plural(seen.reconstructed, "field")
    figures = [
        (f"{seen.reconstructed:,}", f"{done} reconstructed"),
        (f"{seen.failed:,}", f"{words.plural(seen.failed, 'input')} failed"),
        (f"{seen.doubtful:,}", f"{words.plural(seen.doubtful, 'field')} doubtful"),
        (f"{seen.used:,}", f"localizations in {short(seen.area_um2)} µm²"),
    ]
    cells = "".join(f"<div><b>{number}</b><span>{label}</span></div>" for number, label in figures)
    return f'<div class="figures">{cells}</div>'


def _look_first(rows: Sequence[Row], seen: _Overview, out: Path) -> Iterator[str]:
    """Name the worst first: failed, then not to be relied on, then doubtful or warned about."""
    if not seen.worries:
        return
    yield '<h2>Look at these first</h2><ul class="first">'
    for _, number in nsmallest(_FIRST, seen.worries):
        entry = rows[number].entry
        verdict = judge(entry)
        yield (
            f"<li>{words.tag(verdict)}"
            f'<a href="{_link(number, entry, rows, out)}">{words.name(entry)}</a>'
            f'<span class="quiet">{_reason(entry, verdict)}</span></li>'
        )
    rest = len(seen.worries) - _FIRST
    if rest > 0:
        yield f'<li class="quiet">and {rest:,} more, marked in the table</li>'
    yield "</ul>"


def _link(number: int, entry: FieldEntry, rows: Sequence[Row], out: Path) -> str:
    """Where a click on a field leads: its card, its page, or else its line in the table."""
    if len(rows) <= ON_ONE_PAGE:
        return f"#field-{number}"
    stem = entry["stem"]
    if stem is not None and page_path(out, stem).exists():
        return words.text(page_link(stem))
    return f"#row-{number}"


def _reason(entry: FieldEntry, verdict: Verdict) -> str:
    if entry["error"] is not None:
        return words.text(entry["error"]["message"].split("\n")[0])
    warnings = entry["record"]["warnings"] if entry["record"] is not None else []
    return (
        words.text(warnings[0]) if warnings and verdict.grade != "bad" else words.text(verdict.says)
    )


def _how_to_read(seen: _Overview) -> str:
    red_from = percent(DOUBT if seen.doubt is None else seen.doubt)
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
    if seen.cross_checked:
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


def _mosaic(rows: Sequence[Row], out: Path) -> Iterator[str]:
    """Show a small picture of every field, edged by its verdict."""
    yield (
        '<h2>At a glance</h2><div class="tools" id="tools" hidden>'
        '<input id="find" type="search" placeholder="Name or message" aria-label="Filter by name">'
        '<select id="grade" aria-label="Filter by verdict"><option value="">All</option>'
        '<option value="bad">Failed or not to be relied on</option>'
        '<option value="fair">Doubtful in parts</option>'
        '<option value="good">Credible</option></select>'
        '<span class="quiet" id="shown"></span></div><div class="mosaic" id="mosaic">'
    )
    for number in range(len(rows)):
        row = rows[number]
        verdict, leaf = judge(row.entry), words.name(row.entry).rsplit("/", 1)[-1]
        picture = ""
        if row.tile is not None:
            picture = f'<img alt="" src="data:image/png;base64,{b64encode(row.tile).decode()}">'
        yield (
            f'<a class="{verdict.grade}" data-n="{number}" title="{words.name(row.entry)}: '
            f'{verdict.tag}" href="{_link(number, row.entry, rows, out)}">{picture}'
            f"<span>{leaf}</span></a>"
        )
    yield "</div>"


_HEADS = (
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


def _table(rows: Sequence[Row], out: Path) -> Iterator[str]:
    heads = "".join(f'<th scope="col"><button type="button">{h}</button></th>' for h in _HEADS)
    yield (
        f'<h2>All fields</h2><div class="scroll"><table id="fields"><thead><tr>{heads}</tr></thead>'
        "<tbody>"
    )
    for number in range(len(rows)):
        entry = rows[number].entry
        yield _line(number, entry, _link(number, entry, rows, out), short_of_cards=len(rows))
    yield "</tbody></table></div>"


def _line(number: int, entry: FieldEntry, link: str, *, short_of_cards: int) -> str:
    """One line of the table; each cell with the value by which it is sorted."""
    verdict, name = judge(entry), words.name(entry)
    label = name if link == f"#row-{number}" else f'<a href="{link}">{name}</a>'
    message = "" if entry["error"] is None else words.text(entry["error"]["message"])
    if message and short_of_cards > ON_ONE_PAGE:
        label += f'<div class="wrong">{message}</div>'
    cells: list[tuple[str, float | str | None]] = [
        (label, name),
        (words.tag(verdict), -_RANKS[verdict.grade] - (entry["status"] == "done")),
        *_numbers(entry, verdict),
    ]
    shown = "".join(
        f"<td>{text}</td>" if value is None else f'<td data-v="{value}">{text}</td>'
        for text, value in cells
    )
    find = f"{name} {message} {verdict.tag}".lower()
    return (
        f'<tr id="row-{number}" data-n="{number}" data-grade="{verdict.grade}" '
        f'data-text="{find}">{shown}</tr>'
    )


def _numbers(entry: FieldEntry, verdict: Verdict) -> Iterator[tuple[str, float | None]]:
    """Text and value of each number in a line of the table."""
    record = entry["record"]
    if record is None:
        yield from [(words.NOTHING, None)] * 8
    else:
        counts, trust, agreement = record["counts"], record["trust"], record["widefield"]
        rsp, rse = (agreement["rsp"], agreement["rse"]) if agreement else (None, None)
        warned = len(record["warnings"])
        yield f"{counts['used']:,}", counts["used"]
        yield short(counts["density_per_um2"]), counts["density_per_um2"]
        yield words.nm(trust["structure_nyquist_nm"]), trust["structure_nyquist_nm"]
        yield words.bar(trust["doubtful_share"], verdict), trust["doubtful_share"]
        yield words.share(trust["relative_error"]), trust["relative_error"]
        yield words.number(rsp, ".2f"), rsp
        yield words.number(rse, ".3g"), rse
        yield (f"{warned}" if warned else words.NOTHING), warned
    if entry["status"] == "skipped":
        yield words.NOTHING, None
    else:
        yield words.duration(entry["seconds"]), entry["seconds"]


def _cards(rows: Sequence[Row], out: Path) -> Iterator[str]:
    """Show all of each field; of many, their pages do."""
    if len(rows) > ON_ONE_PAGE:
        return
    yield "<h2>Field by field</h2>"
    for number in range(len(rows)):
        entry = rows[number].entry
        card = None if entry["stem"] is None else read_card(out, entry["stem"])
        yield f'<div id="field-{number}">{card or render_card(entry, None)}</div>'


def _origin(run: RunRecord, record_name: str) -> str:
    model, software, device = run["model"], run["software"], run["device"]
    rows = [
        ("Command", f"<code>{words.text(' '.join(run['command']))}</code>"),
        (
            "Model",
            words.text(f"{model['name']} {model['version']}, {model['licence']}"),
        ),
        ("Model sha256", f"<code>{words.text(model['sha256'])}</code>"),
        ("Device", f"{words.text(device['provider'])}: {words.text(device['reason'])}"),
        (
            "Software",
            words.text(
                f"annapalm {software['annapalm']}, onnxruntime {software['onnxruntime']}, "
                f"numpy {software['numpy']}, Python {software['python']}, {software['system']}"
            ),
        ),
        (
            "All numbers",
            f'<a href="{words.text(quote(record_name))}">{words.text(record_name)}</a>',
        ),
    ]
    items = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f'<h2>Where this comes from</h2><dl class="origin">{items}</dl>'
