"""What the process of `annapalm.read.child` does: read one file and hand the table back."""

from __future__ import annotations

import pickle
import sys

from annapalm.errors import AnnaPalmError
from annapalm.read.registry import read_here


def main() -> None:
    """Answer one request on standard input; run in the other process."""
    path, options = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this
    answer: object
    try:
        answer = read_here(path, options)
    except AnnaPalmError as error:
        answer = error
    with sys.stdout.buffer as out:
        pickle.dump(answer, out, protocol=pickle.HIGHEST_PROTOCOL)
