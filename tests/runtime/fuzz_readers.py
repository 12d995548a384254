"""Damage the small files of every format for as long as you like, and see that reading stays sound.

    python tests/runtime/fuzz_readers.py --seconds 3600 [--seed 1] [--only elyra.txt] [--keep DIR]

Each case is a seed: what it did is done again with `--seed SEED --cases 1`. A case is read in a
process with bounded memory (2 GB beyond what it has) that is stopped after 60 s. What must hold: a
table or an `AnnaPalmError` that names the file; nothing else, no crash, no hang; and a table has
the values that a plain parse of the same bytes gives, row by row (`checked_by`). Files that fail
are kept, and the exit code is 1.

`test_read_fuzz_short.py` runs some seeds of it in CI.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import multiprocessing
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from annapalm.read import Table

DATA = Path(__file__).parents[1] / "data"

SECONDS_A_CASE = 60.0
BYTES_MORE = 2**31

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


@dataclass(frozen=True, slots=True)
class Plain:
    """How a plain parse reads the rows of a text; None for a format it does not know."""

    first_line: int
    mark: str
    x: int
    y: int
    frame: int
    first_frame: int = 1
    factor: float = 1.0


PLAIN = {
    "thunderstorm.csv": Plain(2, ",", 2, 3, 1),
    "thunderstorm.xls": Plain(2, "\t", 2, 3, 1, factor=1000.0),
    "oni.csv": Plain(2, ",", 2, 3, 1, 0),
    "smlm_challenge.csv": Plain(2, ",", 2, 3, 1),
}
"""Tables whose zero is ours, by their unchanged header; see `checked_by`."""

_PIECES = (
    b"\0", b"\xff" * 8, b"\0" * 8, b"\xff\xff\xff\x7f", b"\x80", b"\n", b"\r", b"\n\n", b"nan",
    b"-1", b"-", b"\t", b",", b";", b" ", b'"', b"1e999", b"1e9", b"0x1", b".", b"1_0", b"\xc2\xb5",
    b"9" * 20, b"1e-320", b"inf", b"#", b"<!", b"\xef\xbb\xbf",
)  # fmt: skip


def damaged(name: str, seed: int) -> bytes:
    """Damage a file by a seed: overwrite, insert, delete, repeat, exchange, cut."""
    random = np.random.default_rng([seed, sorted(FILES).index(name)])
    data = bytearray((DATA / name).read_bytes())
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


def read_case(name: str, data: bytes) -> str:
    """Read one case as a user would and check the table: "table", or the name of the error."""
    from annapalm.errors import AnnaPalmError
    from annapalm.read import TableOptions, read_counts_image, read_table

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"case{Path(name).suffix}"
        path.write_bytes(data)
        try:
            if name == "counts.tif":
                image = read_counts_image(path)
                assert np.isfinite(image.counts).all()
                assert (image.counts >= 0).all()
                return "table"
            given = dict(FILES[name])
            if isinstance(columns := given.get("columns"), list):
                given["columns"] = tuple(columns)
            found = read_table(path, TableOptions(**given))  # type: ignore[arg-type]
        except AnnaPalmError as error:
            outcome, message = type(error).__name__, str(error)
        else:
            check(name, data, found)
            return "table"
    assert path.name in message, f"names no file: {message}"
    assert "\n" not in message, f"several lines: {message}"
    return outcome


def check(name: str, data: bytes, found: Table) -> None:
    """See that a table is sound, and is what a plain parse gives where there is one."""
    locs = found.localizations
    assert found.rows == len(locs) == len(found.line_of)
    assert np.isfinite([locs.x_nm, locs.y_nm]).all()
    assert (locs.frame >= 0).all()
    wanted = checked_by(name, data, found)
    if wanted is not None:
        rows = [(x, y, int(frame)) for x, y, frame in wanted]
        assert found.rows == len(rows), f"{found.rows} rows, and {len(rows)} in a plain parse"
        ours = list(zip(locs.x_nm.tolist(), locs.y_nm.tolist(), locs.frame.tolist(), strict=True))
        assert ours == rows, "other values than in a plain parse"


def checked_by(name: str, data: bytes, found: Table) -> list[tuple[float, float, float]] | None:
    """Read x, y in nm and frames without annapalm; None where the header is not the file's own."""
    if name in PLAIN:
        plain, whole = PLAIN[name], (DATA / name).read_bytes()
        header = whole[: whole.index(b"\n") + 1]
        if not data.startswith(header) or found.columns != _columns(name):
            return None
        text = io.StringIO(data.decode("utf-8"), newline=None).read()
        rows = [line for line in text.split("\n")[plain.first_line - 1 :] if line.strip()]
        cells = csv.reader(rows, delimiter=plain.mark, skipinitialspace=True)
        places = (plain.x, plain.y, plain.frame)
        values = [tuple(float(row[place]) for place in places) for row in cells]
        return [
            (x * plain.factor, y * plain.factor, frame - plain.first_frame)
            for x, y, frame in values
        ]
    if name == "matrix.mat":
        from scipy import io as scipy_io

        matrices = scipy_io.loadmat(io.BytesIO(data)).values()
        table = next(m for m in matrices if getattr(m, "ndim", 0) == 2 and m.shape[1] == 3)
        return [(float(x), float(y), float(frame)) for y, x, frame in table]
    return None


def _columns(name: str) -> object:
    from annapalm.read import read_table

    return read_table(DATA / name).columns


def _work(pipe: Connection) -> None:
    """Read what comes through a pipe, with bounded memory; run in a process of its own."""
    import pyarrow as pa  # noqa: F401 - it takes its memory before the limit, as in a long run
    import tifffile  # noqa: F401

    import annapalm.field  # noqa: F401

    if sys.platform == "linux":  # elsewhere memory cannot be bounded so
        import resource

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + BYTES_MORE, now + BYTES_MORE))
    while True:
        name, data = pipe.recv()
        try:
            pipe.send((True, read_case(name, data)))
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding
            pipe.send((False, traceback.format_exc()))


class Reader:
    """A process that reads cases, and is started again after a crash or a hang."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._start()

    def _start(self) -> None:
        self._pipe, there = self._context.Pipe()
        self._process = self._context.Process(target=_work, args=(there,), daemon=True)
        self._process.start()
        there.close()

    def read(self, name: str, data: bytes) -> tuple[bool, str]:
        """Give whether all was well, and the outcome or what was wrong."""
        try:
            self._pipe.send((name, data))
            if self._pipe.poll(SECONDS_A_CASE):
                sound, outcome = self._pipe.recv()
                return bool(sound), str(outcome)
            problem = f"found no end in {SECONDS_A_CASE:.0f} s"
        except (EOFError, OSError):
            self._process.join(10)
            problem = f"crashed, code {self._process.exitcode}"
        self.stop()
        self._start()
        return False, problem

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def cases(seed: int, only: str | None) -> Iterator[tuple[str, int]]:
    """Give file and seed of each case, without end."""
    while True:
        for name in FILES:
            if only == name or (only is None and (name not in SLOW or seed % 10 == 0)):
                yield name, seed
        seed += 1


def fuzz(
    seed: int, seconds: float, most: int | None, only: str | None, keep: Path | None
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Read damaged files; give how many cases of each file ended how, and what was found."""
    reader, end = Reader(), time.monotonic() + seconds
    counted: dict[str, dict[str, int]] = {}
    findings: list[str] = []
    try:
        for number, (name, case) in enumerate(cases(seed, only)):
            if time.monotonic() > end or (most is not None and number >= most):
                break
            data = damaged(name, case)
            sound, outcome = reader.read(name, data)
            if not sound:
                findings.append(f"{name} --seed {case}: {outcome}")
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{case}_{name}").write_bytes(data)
            kinds = counted.setdefault(name, {})
            kind = outcome if sound else "FINDING"
            kinds[kind] = kinds.get(kind, 0) + 1
    finally:
        reader.stop()
    return counted, findings


def main() -> None:
    """Fuzz, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--cases", type=int, default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(FILES), default=None)
    parser.add_argument("--keep", type=Path, default=None)
    asked = parser.parse_args()
    counted, findings = fuzz(asked.seed, asked.seconds, asked.cases, asked.only, asked.keep)
    total = sum(sum(kinds.values()) for kinds in counted.values())
    said = [json.dumps(counted, indent=1), f"{total:,} cases, {len(findings)} findings"]
    sys.stdout.write("\n".join([*said, *findings[:20], ""]))
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
