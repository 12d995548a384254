"""The fields of a run as a mosaic of tiles and as a table, both in one order."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple

from annapalm.write import words
from annapalm.write.preview import short
from annapalm.write.verdict import judge

if TYPE_CHECKING:
    from annapalm.write.row import Row
    from annapalm.write.schema import FieldEntry, FieldRecord
    from annapalm.write.verdict import Grade

ODD = "unlike the others"
"""Said of a field that `Overview.unlike` names."""


class _Column(NamedTuple):
    head: str
    first: str
    """Direction of the first click: the end that is looked for comes first."""


_NAMES = (
    _Column("#", "up"),
    _Column("Field", "up"),
    _Column("Verdict", "up"),
)
_NUMBERS = (
    _Column("Localizations", "down"),
    _Column("per µm²", "down"),
    _Column("Nyquist<br>resolution", "down"),
    _Column("Doubtful<br>structure", "down"),
    _Column("Mean error<br>of structure", "down"),
    _Column("RSP", "up"),
    _Column("RSE", "down"),
    _Column("Warnings", "down"),
)
_COLUMNS = (*_NAMES, *_NUMBERS, _Column("Time", "down"))


def tile(number: int, row: Row, href: str | None) -> str:
    """Render a field of the mosaic."""
    entry, verdict = row.entry, judge(row.entry)
    name = words.name(entry)
    title = f"{name}: {words.text(verdict.tag)}"
    if row.tile is None:
        picture = f'<span class="blank {verdict.grade}">{words.text(verdict.tag)}</span>'
    else:
        code = b64encode(row.tile).decode()
        source = f'src="data:image/png;base64,{code}"'
        picture = f'<img alt="{title}" loading="lazy" decoding="async" {source}>'
    inner = f'{picture}<span class="cap">{name.rsplit("/", 1)[-1]}</span>'
    inner = f"<span>{inner}</span>" if href is None else f'<a href="{href}">{inner}</a>'
    return f'<li class="{verdict.grade}" data-i="{number}" title="{title}">{inner}</li>'


def table_head() -> str:
    """Render the head; a script makes buttons of its cells."""
    sorted_by = {"Verdict": ' aria-sort="ascending"'}
    cells = "".join(
        f'<th scope="col" data-first="{c.first}"{sorted_by.get(c.head, "")}>{c.head}</th>'
        for c in _COLUMNS
    )
    return f"<thead><tr>{cells}</tr></thead>"


def table_row(number: int, place: int, row: Row, href: str | None, unlike: str | None) -> str:
    """Render a row; `place` is that in the worst-first order, `unlike` as in `Overview`."""
    entry, verdict = row.entry, judge(row.entry)
    record = entry["record"]
    name = words.name(entry).replace("/", "/<wbr>")
    odd = "" if unlike is None else f' <span class="tag fair" title="{unlike}">{ODD}</span>'
    cells = [
        f"{number + 1}",
        name if href is None else f'<a href="{href}">{name}</a>',
        words.tag(verdict) + odd,
    ]
    shown = "".join(f"<td>{cell}</td>" for cell in cells)
    if record is not None:
        shown += "".join(f"<td>{cell}</td>" for cell in _numbers(record, verdict.grade))
    else:
        shown += f'<td colspan="{len(_NUMBERS)}" class="why">{_why(entry)}</td>'
    time = words.NOTHING if entry["status"] == "skipped" else words.duration(entry["seconds"])
    values = [number, None, place, *_values(record), entry["seconds"]]
    data = ",".join("" if v is None else f"{v:.9g}" for v in values)
    anchor = "" if href is not None and href.startswith("#") else f' id="field-{number}"'
    return (
        f'<tr{anchor} data-i="{number}" data-tag="{words.text(verdict.tag)}" '
        f'data-v="{data}">{shown}<td>{time}</td></tr>'
    )


def _why(entry: FieldEntry) -> str:
    """Say why there is no picture; what is longer than a line is unfolded."""
    if entry["error"] is None:
        return words.NOTHING
    first, _, rest = entry["error"]["message"].partition("\n")
    if not rest:
        return words.text(first)
    return f"<details><summary>{words.text(first)}</summary>{words.text(rest)}</details>"


def _values(record: FieldRecord | None) -> list[float | None]:
    """Values of the columns of numbers, by which they are sorted."""
    if record is None:
        return [None] * len(_NUMBERS)
    counts, trust, agreement = record["counts"], record["trust"], record["widefield"]
    return [
        counts["used"],
        counts["density_per_um2"],
        trust["structure_nyquist_nm"],
        trust["doubtful_share"],
        trust["relative_error"],
        agreement["rsp"] if agreement else None,
        agreement["rse"] if agreement else None,
        len(record["warnings"]),
    ]


def _numbers(record: FieldRecord, grade: Grade) -> list[str]:
    used, density, nyquist, doubtful, error, rsp, rse, warnings = _values(record)
    return [
        words.number(used, ",.0f"),
        words.NOTHING if density is None else short(density),
        words.nm(nyquist),
        words.bar(doubtful, grade),
        words.share(error),
        words.number(rsp, ".2f"),
        words.number(rse, ".3g"),
        _warnings(record["warnings"]) if warnings else words.NOTHING,
    ]


def _warnings(warnings: list[str]) -> str:
    return f'<span title="{words.text(" ".join(warnings))}">{len(warnings)}</span>'
