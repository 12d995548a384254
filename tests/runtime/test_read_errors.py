"""Every error of reading: base and builtin, a text for the user, and a way through a pickle."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest

from annapalm.errors import AnnaPalmError
from annapalm.read import errors
from annapalm.read.errors import ReadError, listed, shown

_VALUES: dict[str, Any] = {
    "path": Path("folder") / "field.csv",
    "line": 7,
    "column": "x [nm]",
    "columns": ("x", "t"),
    "text": "oops",
    "found": ("a", "b"),
    "formats": ("thunderstorm", "delimited"),
    "channels": ("1", "2"),
    "cut": True,
    "commas": False,
    "unit": "furlong",
}
_COUNTS = {
    "CellCountError": {"found": 3},
    "ColumnNumberError": {"found": 3},
}
ALL = [
    thing
    for _, thing in inspect.getmembers(errors, inspect.isclass)
    if issubclass(thing, AnnaPalmError) and thing not in (AnnaPalmError, ReadError)
]


def made(kind: type[AnnaPalmError]) -> AnnaPalmError:
    """Make an error with a value for each of its arguments."""
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if name == "self":
            continue
        by_type = 3 if parameter.annotation in ("int", "float") else "Words."
        value = _COUNTS.get(kind.__name__, {}).get(name, _VALUES.get(name, by_type))
        arguments[name] = value
    return kind(**arguments)


@pytest.mark.parametrize("kind", ALL)
def test_every_error_speaks_to_the_user(kind: type[AnnaPalmError]) -> None:
    error = made(kind)
    message = str(error)
    assert message.endswith(".")
    assert "{" not in message
    assert "}" not in message
    if isinstance(error, ReadError):
        assert "field.csv" in message


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_also_a_builtin(kind: type[AnnaPalmError]) -> None:
    builtins = [c for c in kind.__mro__ if c.__module__ == "builtins" and c is not Exception]
    assert builtins[0] not in (BaseException, object)


@pytest.mark.parametrize("kind", ALL)
def test_every_error_survives_a_pickle(kind: type[AnnaPalmError]) -> None:
    error = made(kind)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is kind
    assert str(copy) == str(error)


def test_a_missing_unit_and_a_strange_one_are_answered_differently() -> None:
    path = Path("a.csv")
    missing = str(errors.UnknownUnitError(path, 1, "x", None))
    strange = str(errors.UnknownUnitError(path, 1, "x [mm]", "mm"))
    assert missing == (
        "a.csv, line 1: column 'x' has no unit. Say it with --unit nm, --unit um, or --unit px "
        "--camera-pixel NM."
    )
    assert strange == (
        "a.csv, line 1: column 'x [mm]' is in 'mm', a unit not known here. Export the table in "
        "nm, µm or px."
    )


def test_pieces_of_a_file_are_shown_safely() -> None:
    assert shown("plain") == "'plain'"
    assert shown("a\x1b[2J\tb\u202e") == "'a\\x1b[2J\\x09b\\x202e'"
    assert shown("x" * 50) == f"'{'x' * 40}...'"
    assert listed(["a", "b"]) == "'a', 'b'"
    assert listed(["a"] * 33).endswith("'a', and 3 more")
