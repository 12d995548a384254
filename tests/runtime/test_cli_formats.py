"""A folder of one file of every format and ten broken ones, in one command: the night job.

A settings file tells of formats that never say what they are (MATLAB without SMAP, other text).
"""

from __future__ import annotations

import io
import shutil
import zipfile
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
import tifffile
from cli_words import assert_complete_or_absent, assert_ends, invoke, names_in, read_json
from read_words import DATA

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {
    "thunderstorm.csv": "thunderstorm",
    "thunderstorm.xls": "thunderstorm",
    "elyra.txt": "elyra",
    "elyra.csv": "elyra",
    "nstorm.txt": "nstorm",
    "picasso_nis.txt": "picasso_nis",
    "oni.csv": "oni",
    "smlm_challenge.csv": "smlm_challenge",
    "rapidstorm.txt": "rapidstorm",
    "decode.csv": "decode_csv",
    "picasso.hdf5": "picasso",
    "picasso_embedded.hdf5": "picasso",
    "decode.h5": "decode",
    "smap_sml.mat": "smap",
    "smap7_sml.mat": "smap",
    "shareloc.smlm": "smlm",
    "table.parquet": "parquet",
    "counts.tif": "counts_image",
}
ALONE = {
    "headerless.txt": ("--columns", "y,x,z,-,frame", "--unit", "nm"),
    "comment_header.csv": ("--unit", "px"),
    "struct.mat": ("--columns", "x=data.x,y=data.y,time=data.t", "--unit", "nm"),
    "matrix.mat": ("--columns", "y,x,frame", "--unit", "nm", "--first-frame", "1"),
}
COMMON = ("--field", "6.4x4.8", "--camera-pixel", "100")
"""The field that all of them show; rapidSTORM and Picasso's export do not say their pixel."""


def stem_of(name: str) -> str:
    """Name a file after the whole of its old name: some differ in the suffix alone."""
    return name.replace(".", "_")


def put(folder: Path, name: str) -> None:
    """Copy a file, under a name of its own."""
    source = DATA / name
    shutil.copy(source, folder / f"{stem_of(name)}{source.suffix}")


def broken() -> dict[str, tuple[bytes, str]]:
    """Give ten files that cannot be read, and a word of each reason."""
    table = (DATA / "thunderstorm.csv").read_bytes()
    lines = table.split(b"\n")
    archive, linked = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for number in range(10_001):
            file.writestr(f"{number}", b"")
    with h5py.File(linked, "w") as file:
        file["locs"] = h5py.ExternalLink("/etc/other.hdf5", "locs")
    head = b"\n".join(lines[:3])
    return {
        "b0_empty.csv": (b"", "empty file, 0 bytes"),
        "b1_word.csv": (head + b"\n" + lines[3].replace(b".", b"o") + b"\n", "is not a number"),
        "b2_cut.csv": (table[:-12], "cut off"),
        "b3_utf16.csv": (table.decode().encode("utf-16"), "UTF-16"),
        "b4_cut.h5": ((DATA / "decode.h5").read_bytes()[:4000], "no readable HDF5 file"),
        "b5_cut.mat": ((DATA / "smap7_sml.mat").read_bytes()[:900], "no readable MATLAB file"),
        "b6_many.smlm": (archive.getvalue(), "more than 10,000 files"),
        "b7_link.hdf5": (linked.getvalue(), "is a link to somewhere else"),
        "b8_noise.txt": (np.random.default_rng(1).bytes(5000), "is no text"),
        "b9_cut.parquet": ((DATA / "table.parquet").read_bytes()[:3000], "no readable Parquet"),
    }


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, tiny_model_path: Path) -> np.ndarray:
    """Give the picture that the points give as ThunderSTORM CSV, all channels."""
    out = tmp_path_factory.mktemp("reference")
    result = invoke(DATA / "thunderstorm.csv", "-o", out, "--model", tiny_model_path, *COMMON)
    assert_ends(result, 0)
    return tifffile.imread(out / "thunderstorm.ome.tif")


def rules() -> str:
    """Write what is said about the formats that never say it themselves as a settings file."""
    lines = []
    for name, words in ALONE.items():
        given = dict(zip(words[::2], words[1::2], strict=True))
        lines.append(f'[files."in/{stem_of(name)}.*"]')
        for option, value in given.items():
            lines.append(f"{option[2:]} = {value if value.isdigit() else repr(value)}")
    return "\n".join(lines)


def test_a_folder_of_every_format_and_ten_broken_files_is_one_command(
    tmp_path: Path, tiny_model_path: Path, reference: np.ndarray
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in (*GOOD, *ALONE):
        put(folder, name)
    (tmp_path / "day.toml").write_text(rules(), encoding="utf-8")
    shutil.copy(DATA / "picasso.yaml", folder / "picasso_hdf5.yaml")
    reasons = broken()
    for name, (data, _) in reasons.items():
        (folder / name).write_bytes(data)
    before = names_in(folder)

    settings = ("--settings", tmp_path / "day.toml")
    result = invoke(folder, "-o", out, "--model", tiny_model_path, *COMMON, *settings)

    assert_ends(result, 1)
    forms = GOOD | {name: "matlab" if ".mat" in name else "delimited" for name in ALONE}
    assert result.stdout.startswith(f"{len(forms)} done, {len(reasons)} failed")
    assert assert_complete_or_absent(out) == {stem_of(name) for name in forms}
    assert names_in(folder) == before
    for name, form in forms.items():
        record = read_json(out / f"{stem_of(name)}.json")
        assert record["provenance"]["input"]["format"] == form, name
        assert record["counts"]["used"] == 60, name
        picture = tifffile.imread(out / f"{stem_of(name)}.ome.tif")
        np.testing.assert_array_equal(picture, reference, err_msg=name)
    entries = {entry["input"]: entry for entry in read_json(out / "run.json")["fields"]}
    assert len(entries) == len(forms) + len(reasons)
    page = (out / "report.html").read_text(encoding="utf-8")
    for name, (_, reason) in reasons.items():
        entry = entries[str(folder / name)]
        message = entry["error"]["message"]
        assert entry["status"] == "failed"
        assert (reason in message, message.count("\n")) == (True, 0), message
        assert any(line.endswith(message) for line in result.stderr.splitlines())
        assert name in page


@pytest.mark.parametrize("name", ALONE)
def test_formats_that_never_say_what_they_are_give_the_same_picture(
    name: str, tmp_path: Path, tiny_model_path: Path, reference: np.ndarray
) -> None:
    out = tmp_path / "out"
    result = invoke(
        DATA / name, "-o", out, "--model", tiny_model_path, *COMMON, *ALONE[name]
    )  # fmt: skip
    assert_ends(result, 0)
    picture = tifffile.imread(out / f"{(DATA / name).stem}.ome.tif")
    np.testing.assert_array_equal(picture, reference)
