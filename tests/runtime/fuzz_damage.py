"""The small files of every format, and how they are damaged: each seed does the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

DATA = Path(__file__).parents[1] / "data"

MATRIX: dict[str, object] = {"columns": ["y", "x", "frame"], "unit": "nm"}
STRUCT: dict[str, object] = {"columns": ["x=data.x", "y=data.y", "time=data.t"], "unit": "nm"}
FILES: dict[str, dict[str, object]] = {
    "thunderstorm.csv": {},
    "thunderstorm.xls": {},
    "headerless.txt": {"columns": ["y", "x", "z", "-", "frame"], "unit": "nm"},
    "comment_header.csv": {"unit": "px", "camera_pixel_nm": 100.0},
    "elyra.txt": {},
    "nstorm.txt": {},
    "picasso_nis.txt": {"camera_pixel_nm": 100.0},
    "oni.csv": {},
    "smlm_challenge.csv": {},
    "rapidstorm.txt": {"camera_pixel_nm": 100.0},
    "decode.csv": {},
    "smap7_sml.mat": {},
    "struct.mat": STRUCT,
    "matrix.mat": MATRIX,
    "shareloc.smlm": {},
    "table.parquet": {},
    "counts.tif": {},
    "picasso_embedded.hdf5": {},
    "decode.h5": {},
    "smap_sml.mat": {},
}
"""What is damaged, and how it is read."""
TEXT = (".csv", ".txt", ".xls")
SLOW = ("picasso_embedded.hdf5", "decode.h5", "smap_sml.mat")
"""HDF5, read in one more process each; one case in ten."""
HERE = "here/"
"""Before the name of a file of HDF5: read in the process that fuzzes, many times as often.
Crashes of the library and no end, for which there is a child process, are counted, no findings."""
FILES |= {HERE + name: FILES[name] for name in SLOW}

_PIECES = (
    b"\0", b"\xff" * 8, b"\0" * 8, b"\xff\xff\xff\x7f", b"\x80", b"\n", b"\r", b"\n\n", b"nan",
    b"-1", b"-", b"\t", b",", b";", b" ", b'"', b"1e999", b"1e9", b"0x1", b".", b"1_0", b"\xc2\xb5",
    b"9" * 20, b"1e-320", b"inf", b"#", b"<!", b"\xef\xbb\xbf",
)  # fmt: skip


def damaged(name: str, seed: int) -> bytes:
    """Damage a file by a seed: overwrite, insert, delete, repeat, exchange, cut."""
    file = name.removeprefix(HERE)
    files = sorted(name for name in FILES if not name.startswith(HERE))
    random = np.random.default_rng([seed, files.index(file)])
    data = bytearray((DATA / file).read_bytes())
    if seed % 2 == 0:  # half of the cases stay readable as a rule, and are compared
        return _edited(data, random) if name.endswith(TEXT) else _flipped(data, random)
    for _ in range(int(random.integers(1, 5))):
        size = len(data)
        start, other = sorted(int(v) for v in random.integers(0, size + 1, 2))
        piece = _PIECES[int(random.integers(len(_PIECES)))]
        if random.uniform() < 0.3:
            piece = random.bytes(int(random.integers(1, 9)))
        near = min(other, start + int(random.integers(1, 64)))
        match int(random.integers(8)):
            case 0 | 1 | 2:
                data[start : start + len(piece)] = piece
            case 3:
                data[start:start] = piece
            case 4:
                del data[start:near]
            case 5:
                data[other:other] = data[start:near] * int(random.integers(1, 50))
            case 6 if start < size:
                data[start] ^= 1 << int(random.integers(8))
            case _ if random.uniform() < 0.3:
                del data[max(1, other) :]
    return bytes(data) or b"\n"


def _flipped(data: bytearray, random: np.random.Generator) -> bytes:
    """Flip one bit."""
    data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
    return bytes(data)


def _edited(data: bytearray, random: np.random.Generator) -> bytes:
    """Edit the lines of a text below its first, as hands and programs do."""
    head, *lines = bytes(data).split(b"\n")
    for _ in range(int(random.integers(1, 6))):
        place = int(random.integers(len(lines)))
        line = lines[place]
        column = int(random.integers(len(line) + 1))
        digit = b"%d" % random.integers(10)
        match int(random.integers(9)):
            case 0:
                del lines[place]
            case 1:
                lines.insert(place, b" " * int(random.integers(3)))
            case 2:
                lines.insert(place, lines[int(random.integers(len(lines)))])
            case 3:
                lines[place] = line[:column] + digit + line[column:]
            case 4:
                lines[place] = line[:column] + line[column + 1 :]
            case 5:
                lines[place] = line.replace(b",", b", ").replace(b".", b".0", 1)
            case 6:
                lines[place] = line + b"\r"
            case 7:
                lines[place] = line.replace(b".", b"e0", 1)
            case _:
                lines[place] = b",".join(b'"%s"' % cell for cell in line.split(b","))
        lines = lines or [b""]
    return b"\n".join([head, *lines])
