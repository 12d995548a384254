"""The report, opened in a real headless Chromium: read, sorted, searched, photographed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browser import Browser
from write_words import a_head, a_provenance, a_result

from annapalm.write import Row, done_entry, failed_entry, write_field, write_page, write_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

COUNT = 70
EVIL = "<img src=x onerror=\"document.title='caught'\">"
NAMES = (
    "[...document.querySelectorAll('.all tbody tr:not([hidden])')].map(r => r.cells[1].innerText)"
)
TILES = (
    "[...document.querySelectorAll('.mosaic li:not([hidden])')].map(t => t.title.split(': ')[0])"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a run: fields of which a tenth is doubtful, three failed, one has an evil name."""
    out: Path = tmp_path_factory.mktemp("run")
    result = a_result(warnings=())
    output = write_field(result, out / "cell", a_provenance(), overwrite=False)
    done = done_entry("cell.csv", output, out, 0.8)
    rows = []
    for number in range(COUNT):
        record = dict(output.record)
        share = 0.9 - number / 1000 if number % 10 == 4 else number / 1000
        record["trust"] = output.record["trust"] | {"doubtful_share": share}
        record["counts"] = output.record["counts"] | {"used": 5000 - number}
        entry: Any = {**done, "stem": f"cell_{number}", "record": record}
        write_page(out, entry, output.thumbnails)
        rows.append(Row(entry, output.thumbnails.tile))
    rows += [Row(failed_entry(f"{EVIL} {i}.csv", ValueError(f"no {EVIL}"), 0.1)) for i in range(3)]
    write_run(out, a_head(*(row.entry for row in rows)), rows)
    return out


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def photograph(browser: Browser, *, whole: bool = False) -> NDArray[np.uint8]:
    """Photograph the page; uint8 [Y, X, 3]."""
    from test_write_preview import decoded

    picture: NDArray[np.uint8] = decoded(browser.photograph(whole=whole))
    return picture


def test_it_opens_from_a_file_without_a_complaint_and_asks_for_nothing(
    browser: Browser, folder: Path
) -> None:
    browser.asked.clear()
    browser.complaints.clear()
    browser.open(folder / "report.html")
    browser.eval("document.querySelectorAll('img').forEach(i => { i.loading = 'eager'; })")
    browser.until("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert browser.eval("document.images.length") == COUNT
    asked = {address for address in browser.asked if not address.startswith(("data:", "about:"))}
    assert asked == {(folder / "report.html").as_uri()}
    assert browser.complaints == []
    assert browser.eval("document.title") == f"annapalm: {COUNT + 3} fields"


def test_outliers_come_first_and_columns_are_sorted_by_click(
    browser: Browser, folder: Path
) -> None:
    browser.open(folder / "report.html")
    names = browser.eval(NAMES)
    assert [EVIL in name for name in names[:4]] == [True, True, True, False]
    assert names[3:10] == [f"cell_{i}" for i in (4, 14, 24, 34, 44, 54, 64)]
    assert browser.eval(TILES) == names
    browser.click("th:nth-child(2) button")
    assert browser.eval(NAMES)[3:] == [f"cell_{i}" for i in range(COUNT)]  # 2 before 10
    browser.click("th:nth-child(4) button")
    assert browser.eval(NAMES)[:2] == ["cell_0", "cell_1"]
    assert browser.eval("document.querySelector('th[aria-sort]').ariaSort") == "descending"
    browser.click("th:nth-child(4) button")
    assert browser.eval(NAMES)[0] == f"cell_{COUNT - 1}"
    assert EVIL in browser.eval(NAMES)[-1]  # what has no number is last either way
    assert browser.eval(TILES) == browser.eval(NAMES)


def test_it_is_worked_by_keyboard_alone(browser: Browser, folder: Path) -> None:
    browser.open(folder / "report.html")
    browser.press("/", 191, "/")
    browser.write("CELL_1")
    assert set(browser.eval(NAMES)) == {"cell_1", *(f"cell_{i}" for i in range(10, 20))}
    assert browser.eval("document.querySelector('output').innerText") == f"11 of {COUNT + 3} fields"
    browser.press("Escape", 27)
    assert len(browser.eval(NAMES)) == COUNT + 3
    for _ in range(400):
        browser.press("Tab", 9)
        if browser.eval("document.activeElement.parentElement.cellIndex === 1"):
            break
    browser.press("Enter", 13, "\r")
    assert browser.eval(NAMES)[3:5] == ["cell_0", "cell_1"]
    assert browser.eval("document.querySelector('th[aria-sort]').innerText").startswith("Field")


def test_verdicts_choose_and_the_choice_is_there_after_coming_back(
    browser: Browser, folder: Path
) -> None:
    browser.open(folder / "report.html")
    browser.click(".chip[data-tag='do not rely on it']")
    chosen = browser.eval(NAMES)
    assert chosen == [f"cell_{i}" for i in (4, 14, 24, 34, 44, 54, 64)]
    browser.click("th:nth-child(4) button")
    browser.click("th:nth-child(4) button")
    browser.click(".all tbody tr:not([hidden]) a")
    browser.until("location.pathname.endsWith('/report/cell_64.html') && document.images.length")
    browser.eval("history.back()")
    browser.until("location.pathname.endsWith('/report.html')")
    browser.until("document.querySelectorAll('th button').length > 0")
    assert browser.eval(NAMES) == chosen[::-1]
    browser.click(".chip[data-tag='failed']")
    assert len(browser.eval(NAMES)) == 10


def test_without_a_script_all_of_it_is_there(browser: Browser, folder: Path) -> None:
    browser.open(folder / "report.html", scripts=False)
    names = browser.eval(NAMES)
    assert len(names) == COUNT + 3
    assert names[3] == "cell_4"
    assert browser.eval(TILES) == names
    assert (
        browser.eval("getComputedStyle(document.querySelector('.tools label')).display") == "none"
    )
    links = "document.querySelectorAll('.all tbody a[href^=\"report/cell_\"]').length"
    assert browser.eval(links) == COUNT


def test_nothing_from_outside_runs(browser: Browser, folder: Path) -> None:
    browser.complaints.clear()
    browser.open(folder / "report.html")
    assert browser.eval("document.title") != "caught"
    browser.eval(f"document.querySelector('h1').innerHTML = {EVIL!r}")
    browser.until("document.querySelector('h1 img').complete")
    assert browser.eval("document.title") != "caught"  # and if it were markup, it would not run
    assert any("Content Security Policy" in text for text in browser.complaints)


@pytest.mark.parametrize("page", ["report.html", "report/cell_4.html"])
def test_it_is_dark_where_the_user_likes_it_dark(browser: Browser, folder: Path, page: str) -> None:
    brightness = {}
    for dark in (False, True):
        browser.open(folder / page, dark=dark)
        picture = photograph(browser)
        assert picture.shape == (900, 1300, 3)
        assert (
            len(np.unique(picture[::8, ::8].reshape(-1, 3), axis=0)) > 20
        )  # words and colours, no blank
        brightness[dark] = np.median(picture)
    assert brightness[False] > 200
    assert brightness[True] < 60


@pytest.mark.parametrize("width", [400, 1300])
def test_it_fits_the_window(browser: Browser, folder: Path, width: int) -> None:
    browser.open(folder / "report.html", width=width)
    assert browser.eval("document.documentElement.scrollWidth") == width
