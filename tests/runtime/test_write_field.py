"""One result to its files: all of them, or none."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import tifffile
from write_words import a_provenance, a_result, an_agreement, names_in

from annapalm.write import field, output_paths, write_field
from annapalm.write.errors import OutputExistsError
from annapalm.write.schema import (
    CountsRecord,
    FieldRecord,
    ImageRecord,
    Provenance,
    TrustRecord,
    WidefieldRecord,
)

ALL = {"cell.ome.tif", "cell.png", "cell.json"}


def test_a_field_leaves_image_preview_and_record(tmp_path: Path) -> None:
    output = write_field(a_result(), tmp_path / "sub" / "cell", a_provenance(), overwrite=False)
    assert names_in(tmp_path / "sub") == ALL
    assert output.paths == output_paths(tmp_path / "sub" / "cell")
    assert json.loads(output.paths[-1].read_text(encoding="utf-8")) == output.record


def test_the_record_holds_every_key_of_the_schema(tmp_path: Path) -> None:
    result = a_result(widefield=an_agreement())
    record = write_field(result, tmp_path / "cell", a_provenance(), overwrite=False).record
    for kind, part in (
        (FieldRecord, record),
        (ImageRecord, record["image"]),
        (CountsRecord, record["counts"]),
        (TrustRecord, record["trust"]),
        (WidefieldRecord, record["widefield"]),
        (Provenance, record["provenance"]),
    ):
        assert part is not None
        assert set(part) == set(get_type_hints(kind))


def test_the_record_says_what_was_counted(tmp_path: Path) -> None:
    record = write_field(a_result(), tmp_path / "cell", a_provenance(), overwrite=False).record
    assert record["counts"]["used"] == 20
    assert record["counts"]["outside"] == 3
    assert record["counts"]["density_per_um2"] == pytest.approx(20 / (0.8 * 1.2))
    assert record["counts"]["nyquist_nm"] == pytest.approx(2000 / (20 / (0.8 * 1.2)) ** 0.5)
    assert record["image"]["field_um"] == pytest.approx([1.2, 0.8])
    assert record["image"]["origin_nm"] == [400.0, -60.0]
    assert record["warnings"] == ["The density is low."]
    assert record["widefield"] is None
    assert set(record["timings_s"]) == {"network", "write"}


def test_the_record_names_size_and_hash_of_the_other_files(tmp_path: Path) -> None:
    output = write_field(a_result(), tmp_path / "cell", a_provenance(), overwrite=False)
    for path, entry in zip(output.paths[:-1], output.record["outputs"], strict=True):
        content = path.read_bytes()
        assert entry == {
            "name": path.name,
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }


def test_there_is_no_nan_in_the_record(tmp_path: Path) -> None:
    agreement = an_agreement(rsp=float("nan"))
    write_field(a_result(widefield=agreement), tmp_path / "cell", a_provenance(), overwrite=False)

    def refuse(word: str) -> None:
        raise AssertionError(word)

    text = (tmp_path / "cell.json").read_text(encoding="utf-8")
    record = json.loads(text, parse_constant=refuse)
    assert record["widefield"]["rsp"] is None


def test_equal_results_give_equal_images(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_field(a_result(), tmp_path / name / "cell", a_provenance(), overwrite=False)
    for suffix in (".ome.tif", ".png"):
        one, two = (tmp_path / name / f"cell{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_a_dot_in_a_name_belongs_to_the_name(tmp_path: Path) -> None:
    write_field(a_result(), tmp_path / "cell.v1.2", a_provenance(), overwrite=False, preview=False)
    assert names_in(tmp_path) == {"cell.v1.2.ome.tif", "cell.v1.2.json"}


@pytest.mark.parametrize("taken", sorted(ALL))
def test_one_name_taken_leaves_the_folder_as_it_was(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match="exists already"):
        write_field(a_result(), tmp_path / "cell", a_provenance(), overwrite=False)
    assert names_in(tmp_path) == {taken}
    assert (tmp_path / taken).read_bytes() == b"mine"


@pytest.mark.parametrize("step", ["write_ome_tiff", "make_preview", "build_record"])
def test_ctrl_c_at_any_step_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(field, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_field(a_result(), tmp_path / "cell", a_provenance(), overwrite=False)
    assert names_in(tmp_path) == set()


def test_replacing_without_preview_removes_the_preview_of_the_old_image(tmp_path: Path) -> None:
    stem = tmp_path / "cell"
    write_field(a_result(), stem, a_provenance(), overwrite=False)
    write_field(a_result(exposure=2.0), stem, a_provenance(), overwrite=True, preview=False)
    assert names_in(tmp_path) == ALL - {"cell.png"}


def test_a_picture_that_is_not_ours_stays(tmp_path: Path) -> None:
    stem = tmp_path / "cell"
    write_field(a_result(), stem, a_provenance(), overwrite=False)
    (tmp_path / "cell.png").write_bytes(b"a photograph")
    write_field(a_result(), stem, a_provenance(), overwrite=True, preview=False)
    assert (tmp_path / "cell.png").read_bytes() == b"a photograph"


def test_replacing_gives_the_new_image(tmp_path: Path) -> None:
    stem = tmp_path / "cell"
    write_field(a_result(), stem, a_provenance(), overwrite=False)
    bright = np.full((40, 60), 0.5, np.float32)
    write_field(a_result(dense=bright), stem, a_provenance(), overwrite=True)
    assert names_in(tmp_path) == ALL
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "cell.ome.tif")[0], bright)


if os.name == "posix":

    def test_a_full_disk_leaves_no_file_and_says_so(tmp_path: Path) -> None:
        """Through tifffile and numpy, which write in their own ways."""
        code = (
            "import resource, sys\nfrom pathlib import Path\n"
            f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            "from write_words import a_provenance, a_result\n"
            "from annapalm.write import write_field\n"
            "from annapalm.write.errors import DiskFullError\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
            "try:\n"
            "    write_field(a_result((500, 500)), Path(sys.argv[1]) / 'cell', a_provenance(),\n"
            "                overwrite=False)\n"
            "except DiskFullError as error:\n"
            "    print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
        )
        assert "cell.ome.tif could not be written to its end: File too large" in done.stdout
        assert names_in(tmp_path) == set()
