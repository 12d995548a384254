"""`report.html`: one page, in one file, that shows a run and says where not to believe it.

The page needs no network and no other file; what it shows of a thousand fields is inside, and each
field's own page is a click away. Without a script all of it is there, worst first; with the one in
it, the table can be sorted and searched. All text from outside (paths, messages, notes) is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from annapalm.quality.structure import STRUCTURE_MASS
from annapalm.write import words
from annapalm.write.card import render_card
from annapalm.write.colour import css_ramp
from annapalm.write.page import page_name, read_pictures
from annapalm.write.preview import short
from annapalm.write.report_table import ODD, table_head, table_row, tile
from annapalm.write.trust import DOUBT
from annapalm.write.verdict import FEW, MANY, Verdict, judge, percent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annapalm.write.colour import ColourName
    from annapalm.write.overview import Overview
    from annapalm.write.row import Row
    from annapalm.write.schema import FieldEntry, RunHead
    from annapalm.write.shelf import Shelf

CARDS = 24
"""Fields up to which all pictures stand in the report itself; of more, each has its page."""
_FEW = 3
"""Fields up to which there is nothing to choose from: no mosaic, no search."""
_MANY = 60
"""Fields from which tiles are small and scroll."""
_FIRST, _FIRST_FAILED = 12, 4
"""Fields named as worth a look first, and failed ones among them where there are others."""

_RUN_TAGS = {
    "done": ("good", "all done"),
    "failed": ("bad", "some failed"),
    "interrupted": ("fair", "interrupted"),
    "partial": ("fair", "other shards to come"),
}


def render_report(
    run: RunHead, shelf: Shelf, overview: Overview, out_dir: Path, record_name: str
) -> Iterator[str]:
    """Render the page piece by piece; `overview` is of the rows on `shelf`.

    Pages and pictures of fields are looked for in `out_dir`; `record_name` is the JSON's.
    """
    return _Report(run, shelf, overview, out_dir, record_name).pieces()


class _Report:
    """What all parts of the page need."""

    def __init__(
        self, run: RunHead, shelf: Shelf, overview: Overview, out_dir: Path, record_name: str
    ) -> None:
        self.run, self.shelf, self.overview = run, shelf, overview
        self.out_dir, self.record_name = out_dir, record_name
        self.inline = len(shelf) <= CARDS

    def pieces(self) -> Iterator[str]:
        count = len(self.shelf)
        script = _read("report.js")
        digest = b64encode(sha256(script.encode()).digest()).decode()
        title = f"annapalm: {count:,} {words.plural(count, 'field')}"
        yield words.page_head(title, digest)
        yield _top(self.run, count)
        yield _figures(self.overview)
        yield self._look_first()
        if count == 1:
            yield from self._cards()
            yield _how_to_read(self.overview)
        else:
            yield _how_to_read(self.overview)
            yield "<h2>All fields</h2>"
            if count:
                yield _tools(self.overview, hidden=count <= _FEW)
            if count > _FEW:
                yield from self._mosaic()
            if count:
                yield from self._table()
            if self.inline:
                yield from self._cards()
        yield _origin(self.run, self.record_name)
        yield f"<script>{script}</script>"
        yield words.PAGE_END

    def _look_first(self) -> str:
        """Name the worst first: failed, not to be relied on, doubtful or odd or warned about."""
        numbers = self.overview.look_first(_FIRST, _FIRST_FAILED)
        if not numbers:
            return ""
        items = "".join(self._first(number, self.shelf[number]) for number in numbers)
        worth = self.overview.worth_a_look
        rest = worth - len(numbers)
        if rest > 0:
            items += f'<li class="quiet">and {rest:,} more, next in the table</li>'
        return f'<h2>Look at these first</h2><ul class="first">{items}</ul>'

    def _first(self, number: int, row: Row) -> str:
        entry, verdict = row.entry, judge(row.entry)
        unlike = self.overview.unlike.get(number)
        return (
            f'<li>{words.tag(verdict)}<a href="{self._jump(number, entry)}">{words.name(entry)}</a>'
            f'<span class="quiet">{_reason(entry, verdict, unlike)}</span></li>'
        )

    def _jump(self, number: int, entry: FieldEntry) -> str:
        """Lead to what the report has of a field: its card, its page, or else its row."""
        return self._href(number, entry) or f"#field-{number}"

    def _href(self, number: int, entry: FieldEntry) -> str | None:
        if self.inline:
            return f"#field-{number}"
        page = self._page(entry)
        return None if page is None else words.link(page)

    def _page(self, entry: FieldEntry) -> str | None:
        """Name the page of a field, where there is one."""
        if entry["record"] is None or entry["stem"] is None:
            return None
        name = page_name(entry["stem"])
        return name if (self.out_dir / name).is_file() else None

    def _mosaic(self) -> Iterator[str]:
        small = (
            ' class="mosaic small" tabindex="0"' if len(self.shelf) > _MANY else ' class="mosaic"'
        )
        yield f'<ul{small} aria-label="All fields as small pictures, in the order of the table">'
        for number in self.overview.order:
            row = self.shelf[number]
            yield tile(number, row, self._jump(number, row.entry))
        yield "</ul>"

    def _table(self) -> Iterator[str]:
        long = " long" if len(self.shelf) > CARDS else ""
        yield f'<div class="scroll{long}" tabindex="0"><table class="all">{table_head()}<tbody>'
        for place, number in enumerate(self.overview.order):
            row = self.shelf[number]
            href = self._href(number, row.entry)
            yield table_row(number, place, row, href, self.overview.unlike.get(number))
        yield "</tbody></table></div>"

    def _cards(self) -> Iterator[str]:
        if len(self.shelf) > 1:
            yield "<h2>Field by field</h2>"
        for number in self.overview.order:
            entry = self.shelf[number].entry
            page = self._page(entry)
            pictures = {} if page is None else read_pictures(self.out_dir / page)
            yield render_card(entry, pictures, page=page, anchor=f"field-{number}")


def _top(run: RunHead, count: int) -> str:
    grade, tag = _RUN_TAGS[run["status"]]
    model, device, shards = run["model"], run["device"], run["shards"]
    parts = "" if shards is None else f" · {len(shards['ended'])} of {shards['count']} shards done"
    return (
        f'<div class="top"><h1>Reconstructions of {count:,} '
        f"{words.plural(count, 'field')} of view</h1>"
        f'<span class="tag {grade}">{tag}</span>'
        f'<p class="quiet">{words.text(words.moment(run["started"]))} · '
        f"{words.duration(run['seconds'])} · "
        f"model {words.text(model['name'])} {words.text(model['version'])} · "
        f"on {words.text(device['device'])}, "
        f"{device['threads']} {words.plural(device['threads'], 'thread')}{parts}</p></div>"
    )


def _figures(overview: Overview) -> str:
    done, failed = overview.statuses["done"], overview.statuses["failed"]
    figures = [
        (f"{done:,}", f"{words.plural(done, 'field')} reconstructed"),
        (f"{failed:,}", f"{words.plural(failed, 'input')} failed"),
        (f"{overview.doubtful:,}", f"{words.plural(overview.doubtful, 'field')} doubtful"),
        (f"{overview.used:,}", f"localizations in {short(overview.area_um2)} µm²"),
    ]
    skipped = overview.statuses["skipped"]
    if skipped:
        figures.insert(2, (f"{skipped:,}", "not run"))
    cells = "".join(f"<div><b>{number}</b><span>{label}</span></div>" for number, label in figures)
    return f'<div class="figures">{cells}</div>'


def _reason(entry: FieldEntry, verdict: Verdict, unlike: str | None) -> str:
    if entry["error"] is not None:
        return words.text(entry["error"]["message"].split("\n")[0])
    warnings = entry["record"]["warnings"] if entry["record"] is not None else []
    said = warnings[0] if warnings and verdict.grade != "bad" else verdict.says
    return words.text(said if unlike is None else f"{ODD.capitalize()}: {unlike}. {said}")


def _how_to_read(overview: Overview) -> str:
    red_from = percent(DOUBT if overview.doubt is None else overview.doubt)
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
    if overview.cross_checked:
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


def _tools(overview: Overview, *, hidden: bool) -> str:
    """Render verdicts with their numbers; with a script they, and words, choose fields."""
    parts = "".join(
        f'<i class="{grade}" style="flex:{count}"></i>' for grade, count in overview.tags.values()
    )
    chips = "".join(
        f'<button type="button" class="chip {grade}" data-tag="{words.text(tag)}" '
        f'aria-pressed="false" disabled>{words.text(tag)} <b>{count:,}</b></button>'
        for tag, (grade, count) in overview.tags.items()
    )
    return (
        f'<div class="tools"{" hidden" if hidden else ""}>'
        f'<div class="parts" aria-hidden="true">{parts}</div>'
        f'<div class="chips" role="group" aria-label="Show only these verdicts">{chips}</div>'
        '<label hidden>Find <input type="search" placeholder="name, verdict or message" '
        'autocomplete="off" spellcheck="false"></label>'
        '<output hidden aria-live="polite"></output></div>'
    )


def _origin(run: RunHead, record_name: str) -> str:
    model, device = run["model"], run["device"]
    return words.origin(
        [
            ("Command", f"<code>{words.text(' '.join(run['command']))}</code>"),
            (
                "Model",
                words.text(f"{model['name']} {model['version']}, {model['licence']}"),
            ),
            ("Model sha256", f"<code>{words.text(model['sha256'])}</code>"),
            ("Device", words.text(f"{device['provider']}: {device['reason']}")),
            ("Software", words.software(run["software"])),
            (
                "All numbers",
                f'<a href="{words.link(record_name)}">{words.text(record_name)}</a>',
            ),
        ]
    )


def _read(name: str) -> str:
    return files("annapalm.write").joinpath(name).read_text(encoding="utf-8")
