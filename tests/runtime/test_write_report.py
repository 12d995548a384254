"""A run's record and report: complete, self-contained, and safe to open."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tracemalloc
from html.parser import HTMLParser
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote

import pytest
from write_words import a_head, a_provenance, a_result, an_agreement, names_in

from annapalm.errors import AnnaPalmError, InvalidValueError
from annapalm.write import (
    Row,
    done_entry,
    failed_entry,
    json_line,
    skipped_entry,
    write_field,
    write_page,
    write_run,
)
from annapalm.write.errors import OutputExistsError
from annapalm.write.text import clean_text, flatten, json_text, to_plain
from annapalm.write.thumbnails import make_thumbnails

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.reconstruction import Reconstruction
    from annapalm.write.schema import CountsRecord, FieldEntry, TrustRecord

_VOID = {"meta", "img", "br", "input", "wbr"}


class _Page(HTMLParser):
    """Checks that tags are closed in order, and gathers what the page points to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.ids: set[str] = set()
        self.html, self.text = text, ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "href":
                self.links.append(value or "")
            elif name == "src":
                self.pictures.append(value or "")
            elif name == "id":
                self.ids.add(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def an_entry(folder: Path, name: str, result: Reconstruction | None = None) -> FieldEntry:
    result = result or a_result()
    output = write_field(result, folder / name, a_provenance(f"in/{name}.csv"), overwrite=False)
    entry = done_entry(f"in/{name}.csv", output, folder, 0.81234567)
    write_page(folder, entry, output.thumbnails)
    return entry


def a_row(entry: FieldEntry) -> Row:
    return Row(entry, make_thumbnails(a_result()).tile if entry["record"] else None)


def a_report(folder: Path, *entries: FieldEntry) -> _Page:
    _, report = write_run(folder, a_head(*entries), map(a_row, entries), replace=True)
    return _Page(report.read_text(encoding="utf-8"))


def many_like(entry: FieldEntry, count: int) -> list[FieldEntry]:
    return [{**entry, "stem": f"cell_{i:03d}"} for i in range(count)]


def with_trust(entry: FieldEntry, **values: float) -> FieldEntry:
    record = entry["record"]
    assert record is not None
    trust = cast("TrustRecord", record["trust"] | values)
    return {**entry, "record": {**record, "trust": trust}}


def test_a_run_leaves_record_and_report(tmp_path: Path) -> None:
    done = an_entry(tmp_path, "sub/cell 1")
    entries = [done, failed_entry("in/b.csv", ValueError("no"), 0.1), skipped_entry("in/c.csv")]
    head = a_head(*entries)
    record, page = write_run(tmp_path, head, map(a_row, entries))
    assert (record.name, page.name) == ("run.json", "report.html")
    assert json.loads(record.read_text(encoding="utf-8")) == {**head, "fields": entries}
    assert done["stem"] == "sub/cell 1"
    assert done["seconds"] == 0.8123
    assert names_in(tmp_path) == {"report", "report.html", "run.json", "sub"}


def test_a_later_run_does_not_replace_an_earlier_one_unless_asked(tmp_path: Path) -> None:
    for _ in range(3):
        write_run(tmp_path, a_head(), ())
    write_run(tmp_path, a_head(), (), replace=True)
    assert names_in(tmp_path) == {
        *("run.json", "run-2.json", "run-3.json"),
        *("report.html", "report-2.html", "report-3.html"),
    }


@pytest.mark.parametrize("count", [1, 5, 40])
def test_the_page_needs_no_other_file_and_no_network(tmp_path: Path, count: int) -> None:
    page = a_report(tmp_path, *many_like(an_entry(tmp_path, "cell_000"), count))
    assert not re.search(
        r"<(link|iframe|object)\b|url\(|@import|https?:|<script [^>]*src", page.html
    )
    assert all(p.startswith("data:image/png;base64,") for p in page.pictures)
    tiles = count if count > 3 else 0
    plates = 4 if count <= 24 else 0  # of the one field that has a page
    assert len(page.pictures) == tiles + plates


def test_only_what_stands_in_a_page_may_load_or_run(tmp_path: Path) -> None:
    page = a_report(tmp_path, an_entry(tmp_path, "cell"))
    script = page.html.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert f"{policy}; script-src 'sha256-{digest}'\"" in page.html
    own = (tmp_path / "report" / "cell.html").read_text(encoding="utf-8")
    assert f'{policy}"' in own


@pytest.mark.parametrize("count", [1, 25])
def test_links_lead_to_files_that_exist(tmp_path: Path, count: int) -> None:
    stems = [f"a #1/cell 50% {i}" for i in range(count)]
    page = a_report(tmp_path, *(an_entry(tmp_path, stem) for stem in stems))
    files = {unquote(link) for link in page.links if not link.startswith("#")}
    assert {f"report/{stem}.html" for stem in stems} | {"run.json"} <= files
    assert all((tmp_path / name).is_file() for name in files)
    jumps = {link[1:] for link in page.links if link.startswith("#")}
    assert jumps <= page.ids


def test_a_field_whose_page_is_gone_leads_to_its_row(tmp_path: Path) -> None:
    entry = an_entry(tmp_path, "cell_000")
    page = a_report(tmp_path, *many_like(entry, 30))
    assert "report/cell_000.html" in page.links
    assert not any("cell_001" in link for link in page.links)
    assert "#field-1" in page.links
    assert "field-1" in page.ids


def test_the_page_of_a_field_shows_and_links_all_of_it(tmp_path: Path) -> None:
    an_entry(tmp_path, "sub/cell #1")
    page = _Page((tmp_path / "report" / "sub" / "cell #1.html").read_text(encoding="utf-8"))
    assert page.links == [
        "../../report.html",
        *(f"../../sub/cell%20%231.{kind}" for kind in ("ome.tif", "png", "json")),
    ]
    assert len(page.pictures) == 4
    for words in ("The density is low.", "ab" * 32, "9f" * 32, "69.3 nm", "in/sub/cell #1.csv"):
        assert words in page.text


def test_a_page_is_written_anew_but_no_file_of_others_is_replaced(tmp_path: Path) -> None:
    entry = an_entry(tmp_path, "cell")
    path = tmp_path / "report" / "cell.html"
    pictures = make_thumbnails(a_result())
    write_page(tmp_path, {**entry, "seconds": 77.0}, pictures)
    assert "77 s" in path.read_text(encoding="utf-8")
    path.write_text("<!doctype html> mine", encoding="utf-8")
    with pytest.raises(OutputExistsError, match=r"cell\.html exists already"):
        write_page(tmp_path, entry, pictures)
    assert path.read_text(encoding="utf-8") == "<!doctype html> mine"
    write_page(tmp_path, entry, pictures, overwrite=True)
    assert "mine" not in path.read_text(encoding="utf-8")


def test_what_a_killed_run_left_of_a_page_is_removed(tmp_path: Path) -> None:
    entry = an_entry(tmp_path, "cell")
    token = hashlib.sha256(b"cell.html").hexdigest()[:12]
    (tmp_path / "report" / f".annapalm-{token}-0000.part").touch()
    write_page(tmp_path, entry, make_thumbnails(a_result()))
    assert names_in(tmp_path / "report") == {"cell.html"}


def test_only_a_field_that_is_done_has_a_page(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="of a field that is done"):
        write_page(tmp_path, skipped_entry("a"), make_thumbnails(a_result()))


@pytest.mark.parametrize("count", [1, 3, 30])
def test_text_from_outside_cannot_become_markup(tmp_path: Path, count: int) -> None:
    evil = '<script>alert("x")</script>&\'<img alt="dense" src=x onerror=alert(1)>'
    result = a_result(warnings=(evil,))
    output = write_field(result, tmp_path / "cell", a_provenance(evil), overwrite=False)
    done = done_entry(evil, output, tmp_path, 1)
    page = write_page(tmp_path, done, output.thumbnails)
    failed = failed_entry(evil, ValueError(f"{evil}\n{evil}"), 1)
    evil_done: FieldEntry = {**done, "stem": evil}
    entries = [evil_done, failed, skipped_entry(evil), *[done] * 27][:count]
    head = a_head(*entries)
    head["command"] = [evil]
    _, report = write_run(tmp_path, head, [Row(e, b"png") for e in entries])
    for path in (page, report):
        html = path.read_text(encoding="utf-8")
        assert html.count("<script") == (path == report)
        assert "onerror=alert(1)>" not in html
        assert _Page(html).text.count(evil) >= 2


def test_the_page_says_where_not_to_believe_it(tmp_path: Path) -> None:
    text = a_report(tmp_path, an_entry(tmp_path, "cell")).text
    assert "50 % of the structure drawn here is doubtful (red)" in text
    assert "do not rely on it" in text
    assert "Look at these first" in text


def test_the_page_says_what_sampling_allows(tmp_path: Path) -> None:
    text = a_report(tmp_path, *(an_entry(tmp_path, name) for name in "ab")).text
    assert "20.8 per µm²" in text
    assert "438 nm" in text
    assert "833 per µm²" in text
    assert text.count("69.3 nm") == 4  # in the table and beside the picture


def test_a_run_without_worries_names_none(tmp_path: Path) -> None:
    result = a_result(warnings=(), error=a_result().dense * 0)
    text = a_report(tmp_path, an_entry(tmp_path, "cell", result)).text
    assert "Look at these first" not in text
    assert "credible" in text


def test_failed_fields_come_first_and_say_why(tmp_path: Path) -> None:
    done = an_entry(tmp_path, "cell")
    failed = failed_entry("in/b.csv", ValueError("in/b.csv, line 7: 'oops' is not a number."), 0.1)
    text = a_report(tmp_path, done, failed).text
    for start in ("Look at these first", "All fields", "Field by field"):
        part = text[text.index(start) :]
        assert part.index("in/b.csv") < part.index("cell")
    assert text.count("line 7: 'oops' is not a number.") == 3


def test_failures_do_not_hide_the_doubtful(tmp_path: Path) -> None:
    done = an_entry(tmp_path, "cell")
    failed = [failed_entry(f"in/{i}.csv", ValueError("no"), 0.1) for i in range(50)]
    text = a_report(tmp_path, *failed, *many_like(done, 50)).text
    first = text[text.index("Look at these first") : text.index("How to read")]
    assert first.count("failed") == 4
    assert first.count("do not rely on it") == 8
    assert "and 88 more, next in the table" in first


def test_fields_are_worst_first_in_mosaic_and_table(tmp_path: Path) -> None:
    entry = an_entry(tmp_path, "cell")
    shares = [0.02, 0.7, 0.2, 0.9, 0.01]
    entries = [
        with_trust(e, doubtful_share=share)
        for e, share in zip(many_like(entry, 30), shares * 6, strict=True)
    ]
    page = a_report(tmp_path, *entries, failed_entry("in/b.csv", ValueError("no"), 0.1))
    for start, end in (('<ul class="mosaic', "</ul>"), ("<tbody>", "</tbody>")):
        part = page.html[page.html.index(start) :].split(end)[0]
        order = [int(i) for i in re.findall(r'data-i="(\d+)"', part)]
        assert order[0] == 30
        seen = [shares[i % 5] for i in order[1:]]
        assert seen == sorted(seen, reverse=True)


def test_a_density_unlike_the_others_is_named(tmp_path: Path) -> None:
    entry = an_entry(tmp_path, "cell", a_result(warnings=(), error=a_result().dense * 0))
    entries = many_like(entry, 20)
    record = entries[7]["record"]
    assert record is not None
    counts: CountsRecord = {**record["counts"], "density_per_um2": 3.0}
    entries[7]["record"] = {**record, "counts": counts}
    text = a_report(tmp_path, *entries).text
    said = "Unlike the others: 3 localizations per µm², where the median of this run is 20.8"
    assert said in text
    few = a_report(tmp_path, *entries[4:11]).text  # too few to say what is usual
    assert "Look at these first" not in few


def test_widefield_agreement_is_shown(tmp_path: Path) -> None:
    text = a_report(
        tmp_path, an_entry(tmp_path, "cell", a_result(widefield=an_agreement(rsp=0.42)))
    ).text
    assert "0.42" in text
    assert "contradicted" in text
    assert "34, -12 nm" in text


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    assert "Reconstructions of 0 fields" in a_report(tmp_path).text


def test_memory_does_not_grow_with_the_fields(tmp_path: Path) -> None:
    text = json.dumps({**an_entry(tmp_path, "cell"), "stem": "cell_NUMBER"})

    def peak(count: int) -> int:
        texts = (text.replace("NUMBER", str(number)) for number in range(count))
        rows = (Row(json.loads(one), bytes(bytearray(8000))) for one in texts)
        tracemalloc.start()
        try:
            write_run(tmp_path, a_head(), rows, replace=True)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # what is loaded once
    assert peak(200) - peak(50) < 150 * 1000


def test_a_disk_that_cannot_take_the_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(AnnaPalmError, match="out"):
        write_run(tmp_path / "out", a_head(), ())


def test_a_line_of_json_is_one_line(tmp_path: Path) -> None:
    line = json_line(an_entry(tmp_path, "cell"))
    assert "\n" not in line
    assert json.loads(line)["record"]["counts"]["used"] == 20


def test_notes_on_an_error_are_kept() -> None:
    error = ValueError("first")
    error.add_note("second")
    entry = failed_entry("a", error, 1)
    assert entry["error"] == {"type": "ValueError", "message": "first\nsecond"}


def test_text_that_no_file_can_hold_is_escaped_visibly() -> None:
    assert clean_text("µm \x07 \udcff \t") == "µm \\x07 \\udcff \t"


def test_values_that_json_does_not_know_are_refused_by_name() -> None:
    with pytest.raises(InvalidValueError, match=r"value\.a\[1\] is"):
        to_plain({"a": [1, object()]})
    assert json_text({"a": float("inf"), "b": [float("nan"), 1]}, indent=None) == (
        '{"a":null,"b":[null,1]}'
    )


def test_nested_records_become_dotted_names() -> None:
    assert flatten({"a": {"b": 1.5, "c": None, "d": [1, 2]}, "e": "x"}) == {
        "a.b": "1.5",
        "a.d": "[1,2]",
        "e": "x",
    }
