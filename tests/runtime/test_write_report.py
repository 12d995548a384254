"""A run's record and report: complete, self-contained, and safe to open."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from write_words import a_provenance, a_result, a_run, an_agreement, names_in

from annapalm.errors import InvalidValueError
from annapalm.write import (
    done_entry,
    failed_entry,
    json_line,
    report,
    skipped_entry,
    write_field,
    write_run,
)
from annapalm.write.report import render_report
from annapalm.write.text import clean_text, flatten, json_text, to_plain
from annapalm.write.thumbnails import make_thumbnails

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.reconstruction import Reconstruction
    from annapalm.write.schema import FieldEntry

_VOID = {"meta", "img", "br"}


class _Page(HTMLParser):
    """Checks that tags are closed in order, and gathers what the page points to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.ids: set[str] = set()
        self.text = ""
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
    output = write_field(
        result or a_result(), folder / name, a_provenance(f"in/{name}.csv"), overwrite=False
    )
    return done_entry(f"in/{name}.csv", output, folder, 0.81234567)


def test_a_run_leaves_record_and_report(tmp_path: Path) -> None:
    done = an_entry(tmp_path, "sub/cell 1")
    run = a_run(done, failed_entry("in/b.csv", ValueError("no"), 0.1), skipped_entry("in/c.csv"))
    record, page = write_run(tmp_path, run)
    assert (record.name, page.name) == ("run.json", "report.html")
    assert json.loads(record.read_text(encoding="utf-8")) == run
    assert done["stem"] == "sub/cell 1"
    assert done["seconds"] == 0.8123


def test_a_later_run_does_not_replace_an_earlier_one_unless_asked(tmp_path: Path) -> None:
    for _ in range(3):
        write_run(tmp_path, a_run())
    write_run(tmp_path, a_run(), overwrite=True)
    assert names_in(tmp_path) == {
        *("run.json", "run-2.json", "run-3.json"),
        *("report.html", "report-2.html", "report-3.html"),
    }


def test_the_page_needs_no_other_file_and_no_network(tmp_path: Path) -> None:
    entry = an_entry(tmp_path, "cell")
    page = render_report(a_run(entry), [make_thumbnails(a_result())], "run.json")
    assert not re.search(r"<(script|link|iframe|object)\b|url\(|@import|https?:", page)
    assert len(_Page(page).pictures) == 4
    assert all(p.startswith("data:image/png;base64,") for p in _Page(page).pictures)


def test_links_lead_to_files_that_exist(tmp_path: Path) -> None:
    entry = an_entry(tmp_path, "cell #1 50%")
    page = _Page(render_report(a_run(entry), [], "run.json"))
    files = [link for link in page.links if not link.startswith("#")]
    assert files == [
        "cell%20%231%2050%25.ome.tif",
        "cell%20%231%2050%25.png",
        "cell%20%231%2050%25.json",
        "run.json",
    ]
    jumps = {link[1:] for link in page.links if link.startswith("#")}
    assert jumps <= page.ids


def test_text_from_outside_cannot_become_markup(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>&'
    result = a_result(warnings=(evil,))
    output = write_field(result, tmp_path / "cell", a_provenance(evil), overwrite=False)
    entries = [
        done_entry(evil, output, tmp_path, 1),
        failed_entry(evil, ValueError(evil), 1),
        skipped_entry(evil),
    ]
    run = a_run(*entries)
    run["command"] = [evil]
    page = render_report(run, [None, None, None], evil)
    assert "<script" not in page
    assert _Page(page).text.count(evil) >= 5


def test_the_page_says_where_not_to_believe_it(tmp_path: Path) -> None:
    entry = an_entry(tmp_path, "cell")
    text = _Page(render_report(a_run(entry), [], "run.json")).text
    assert "50 % of the structure drawn here is doubtful (red)" in text
    assert "do not rely on it" in text
    assert "Look at these first" in text


def test_the_page_says_what_sampling_allows(tmp_path: Path) -> None:
    text = _Page(render_report(a_run(an_entry(tmp_path, "cell")), [], "run.json")).text
    assert "20.8 per µm²" in text
    assert "438 nm" in text
    assert "833 per µm²" in text
    assert text.count("69.3 nm") == 2  # in the table and beside the picture


def test_a_run_without_worries_names_none(tmp_path: Path) -> None:
    result = a_result(warnings=(), error=a_result().dense * 0)
    entry = an_entry(tmp_path, "cell", result)
    text = _Page(render_report(a_run(entry), [], "run.json")).text
    assert "Look at these first" not in text
    assert "credible" in text


def test_failed_fields_come_first_and_say_why(tmp_path: Path) -> None:
    done = an_entry(tmp_path, "cell")
    failed = failed_entry("in/b.csv", ValueError("in/b.csv, line 7: 'oops' is not a number."), 0.1)
    text = _Page(render_report(a_run(done, failed), [], "run.json")).text
    first = text[text.index("Look at these first") :]
    assert first.index("in/b.csv") < first.index("cell")
    assert text.count("line 7: 'oops' is not a number.") == 2


def test_widefield_agreement_is_shown(tmp_path: Path) -> None:
    entry = an_entry(tmp_path, "cell", a_result(widefield=an_agreement(rsp=0.42)))
    text = _Page(render_report(a_run(entry), [], "run.json")).text
    assert "0.42" in text
    assert "contradicted" in text
    assert "34, -12 nm" in text


def test_a_page_holds_pictures_only_up_to_a_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [an_entry(tmp_path, f"cell{i}") for i in range(3)]
    pictures = make_thumbnails(a_result())
    monkeypatch.setattr(report, "PICTURE_BYTES", 2 * pictures.size_bytes)
    page = _Page(render_report(a_run(*entries), [pictures] * 3, "run.json"))
    assert len(page.pictures) == 8
    assert page.text.count("Open the files for the pictures") == 1


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    _, page = write_run(tmp_path, a_run())
    _Page(page.read_text(encoding="utf-8"))


def test_many_fields_are_one_page_in_order(tmp_path: Path) -> None:
    entry = an_entry(tmp_path, "cell")
    entries: list[FieldEntry] = [{**entry, "stem": f"cell_{i:03d}"} for i in range(200)]
    text = _Page(render_report(a_run(*entries), [], "run.json")).text
    assert "and 188 more, marked in the table" in text
    cards = text[text.index("Field by field") :]
    assert re.findall(r"cell_(\d{3})", cards) == [f"{i:03d}" for i in range(200)]


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
