"""Damage the small files of every format for as long as you like, and see that reading stays sound.

    python tests/runtime/fuzz_readers.py --seconds 3600 [--seed 1] [--only elyra.txt] [--keep DIR]
    python tests/runtime/fuzz_readers.py --each 60          so long for each reader, as in CI

Each case is a seed: what it did is done again with `--seed SEED --cases 1`. A case is read in a
process with bounded memory (2 GB beyond what it has) that is stopped after 60 s. What must hold: a
table or an `AnnaPalmError` that names the file; nothing else, no crash, no hang; and a table has
the values that a plain parse of the same bytes gives, row by row (`checked_by`). Files that fail
are kept, and the exit code is 1.

`make fuzz` gives each reader 60 s in CI, as many at once as there are cores;
`test_read_fuzz_short.py` runs some seeds of it with the other tests.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import logging
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from fuzz_damage import DATA, FILES, HERE, SLOW, damaged

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from multiprocessing.connection import Connection

    from annapalm.read import Table

Counted: TypeAlias = "dict[str, dict[str, int]]"
"""How many cases of each file ended how."""

SECONDS_A_CASE = 60.0
SECONDS_HERE = 3.0
"""Of a file of HDF5 that is read here."""
BYTES_MORE = 2**31

READERS = {
    "thunderstorm": ("thunderstorm.csv", "thunderstorm.xls"),
    "delimited": ("headerless.txt", "comment_header.csv"),
    "elyra": ("elyra.txt",),
    "nstorm": ("nstorm.txt",),
    "picasso_nis": ("picasso_nis.txt",),
    "oni": ("oni.csv",),
    "smlm_challenge": ("smlm_challenge.csv",),
    "rapidstorm": ("rapidstorm.txt",),
    "decode_csv": ("decode.csv",),
    "matlab": ("smap7_sml.mat", "struct.mat", "matrix.mat"),
    "smlm": ("shareloc.smlm",),
    "parquet": ("table.parquet",),
    "counts": ("counts.tif",),
    "hdf5": SLOW,
    "hdf5, here": tuple(HERE + name for name in SLOW),
}
"""Which files each reader reads."""


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


def read_case(name: str, data: bytes) -> str:
    """Read one case as a user would and check the table: "table", or the name of the error."""
    from annapalm.errors import AnnaPalmError
    from annapalm.read import TableOptions, read_counts_image, read_table
    from annapalm.read.registry import read_here

    read = read_here if name.startswith(HERE) else read_table
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
            found = read(path, TableOptions(**given))  # type: ignore[arg-type]
        except AnnaPalmError as error:
            outcome, message = type(error).__name__, str(error)
        else:
            return check(name, data, found)
    assert path.name in message, f"names no file: {message}"
    assert "\n" not in message, f"several lines: {message}"
    return outcome


def check(name: str, data: bytes, found: Table) -> str:
    """See that a table is sound, and is what a plain parse gives where there is one."""
    locs = found.localizations
    assert found.rows == len(locs) == len(found.line_of)
    assert np.isfinite([locs.x_nm, locs.y_nm]).all()
    assert (locs.frame >= 0).all()
    try:
        wanted = checked_by(name, data, found)
    except OtherRefusesError:
        return "table that the other reader refuses"  # counted: a growing number is to be looked at
    if wanted is not None:
        rows = [(x, y, int(frame)) for x, y, frame in wanted]
        assert found.rows == len(rows), f"{found.rows} rows, and {len(rows)} in a plain parse"
        ours = list(zip(locs.x_nm.tolist(), locs.y_nm.tolist(), locs.frame.tolist(), strict=True))
        assert ours == rows, "other values than in a plain parse"
    return "table"


class OtherRefusesError(Exception):
    """The reader to compare with takes the file for damaged."""


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

        try:
            matrices = scipy_io.loadmat(io.BytesIO(data)).values()
        except Exception as error:  # it raises whatever Python raises
            raise OtherRefusesError from error
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

    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # it tells of every bad tag
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
        expected = name.startswith(HERE)
        seconds = SECONDS_HERE if expected else SECONDS_A_CASE
        try:
            self._pipe.send((name, data))
            if self._pipe.poll(seconds):
                sound, outcome = self._pipe.recv()
                return bool(sound), str(outcome)
            problem = f"found no end in {seconds:.0f} s"
        except (EOFError, OSError):
            self._process.join(10)
            problem = f"crashed, code {self._process.exitcode}"
        self.stop()
        self._start()
        return expected, problem

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def cases(seed: int, names: Collection[str]) -> Iterator[tuple[str, int]]:
    """Give file and seed of each case, without end."""
    rare = set(SLOW) if set(names) - set(SLOW) else set[str]()
    while True:
        for name in names:
            if name not in rare or seed % 10 == 0:
                yield name, seed
        seed += 1


def fuzz(
    seed: int, seconds: float, most: int | None, names: Collection[str], keep: Path | None
) -> tuple[Counted, list[str]]:
    """Read damaged files; give how many cases of each file ended how, and what was found."""
    reader, end = Reader(), time.monotonic() + seconds
    counted: Counted = {}
    findings: list[str] = []
    try:
        for number, (name, case) in enumerate(cases(seed, names)):
            if time.monotonic() > end or (most is not None and number >= most):
                break
            data = damaged(name, case)
            sound, outcome = reader.read(name, data)
            if not sound:
                findings.append(f"{name} --seed {case}: {outcome}")
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{case}_{name.replace('/', '_')}").write_bytes(data)
            kinds = counted.setdefault(name, {})
            kind = outcome if sound else "FINDING"
            kinds[kind] = kinds.get(kind, 0) + 1
    finally:
        reader.stop()
    return counted, findings


def fuzz_each(seed: int, seconds: float, keep: Path | None) -> tuple[Counted, list[str]]:
    """Fuzz each reader for so long, as many at once as there are cores."""
    counted: Counted = {}
    findings: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for part, found in pool.map(
            lambda names: fuzz(seed, seconds, None, names, keep), READERS.values()
        ):
            counted |= part
            findings += found
    return counted, findings


def main() -> None:
    """Fuzz, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--each", type=float, default=None)
    parser.add_argument("--cases", type=int, default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(FILES), default=None)
    parser.add_argument("--keep", type=Path, default=None)
    asked = parser.parse_args()
    if asked.each is not None:
        counted, findings = fuzz_each(asked.seed, asked.each, asked.keep)
    else:
        names = FILES if asked.only is None else (asked.only,)
        counted, findings = fuzz(asked.seed, asked.seconds, asked.cases, names, asked.keep)
    total = sum(sum(kinds.values()) for kinds in counted.values())
    said = [json.dumps(counted, indent=1), f"{total:,} cases, {len(findings)} findings"]
    sys.stdout.write("\n".join([*said, *findings[:20], ""]))
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
