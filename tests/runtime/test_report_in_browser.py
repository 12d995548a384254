"""The report in a real browser: its own script runs, nothing else does, and something is seen.

Where a Chromium is installed; `test_write_report.py` looks at the page itself everywhere.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np
from skimage.io import imread
from write_words import a_provenance, a_result, a_run

from annapalm.write import Row, done_entry, failed_entry, write_field, write_page, write_run
from annapalm.write.report import ON_ONE_PAGE

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
EVIL = '<script>document.title = "broken into"</script><img src=x onerror="document.title=1">'


def browse(browser: str, page: Path, *options: str) -> str:
    words = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000")
    profile = f"--user-data-dir={page.parent / 'profile'}"
    done = subprocess.run(
        [browser, *words, profile, "--window-size=1200,1600", *options, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout


def a_report(out: Path) -> Path:
    """Write the report of more fields than are shown on one page, one of which has failed."""
    field = write_field(a_result(), out / "cell", a_provenance("cell.csv"), overwrite=False)
    entry = done_entry("cell.csv", field, out, 0.8)
    write_page(out, entry, field.thumbnails)
    rows = [Row(entry, field.thumbnails.tile)] * ON_ONE_PAGE
    rows.append(Row(failed_entry(EVIL, ValueError(EVIL), 0.1)))
    return write_run(out, a_run(), rows)[1]


if BROWSER is not None:

    def test_the_script_counts_the_fields_and_no_other_script_runs(tmp_path: Path) -> None:
        shown = browse(str(BROWSER), a_report(tmp_path), "--dump-dom")
        assert f"{ON_ONE_PAGE + 1} of {ON_ONE_PAGE + 1}" in shown
        assert not re.search(r'id="tools"[^>]*hidden', shown)
        assert re.search(r"<title>annapalm: 31 fields</title>", shown)

    def test_it_can_be_photographed(tmp_path: Path) -> None:
        picture = tmp_path / "report-photo.png"
        browse(str(BROWSER), a_report(tmp_path), f"--screenshot={picture}")
        pixels = imread(picture)
        assert pixels.shape[:2] == (1600, 1200)
        assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 100
