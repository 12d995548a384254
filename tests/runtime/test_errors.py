"""All error classes of the package: base and builtin, text, pickle."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import pickle
import pkgutil
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

import annapalm
from annapalm.errors import AnnaPalmError

INTERNAL = {"WireError", "GpuUnavailableError"}
"""Caught where they arise; a user never sees them."""


def error_classes() -> list[type[Exception]]:
    """All exceptions defined anywhere in the package, by name."""
    found: dict[str, type[Exception]] = {}
    for module in pkgutil.walk_packages(annapalm.__path__, "annapalm."):
        if module.name.rpartition(".")[2] == "__main__":
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, Exception)
                and value.__module__.startswith("annapalm.")
            ):
                found[f"{value.__module__}.{value.__name__}"] = value
    return [found[name] for name in sorted(found)]


PUBLIC = [e for e in error_classes() if e.__name__ not in INTERNAL]
FAMILIES = [e for e in PUBLIC if any(e in other.__mro__[1:] for other in PUBLIC)]
"""Caught, and never raised themselves."""
CONCRETE = [e for e in PUBLIC if e not in FAMILIES]


def made(error: type[Exception], *, told: bool = True) -> Exception:
    """Make an error from plausible arguments; not `told`: None for what may be unknown."""
    hints = typing.get_type_hints(error.__init__, _names(error))
    positional, keywords = [], {}
    for name, parameter in inspect.signature(error).parameters.items():
        value = _plausible(hints[name], name, told=told)
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            keywords[name] = value
        else:
            positional.append(value)
    return error(*positional, **keywords)


def _names(error: type[Exception]) -> dict[str, Any]:
    """Names of the module, with those that it imports for type checkers only."""
    module = importlib.import_module(error.__module__)
    names = dict(vars(module))
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            block = compile(ast.Module(node.body, []), module.__name__, "exec")
            exec(block, names)  # noqa: S102 - our own imports
    return names


SIMPLE: dict[Any, Any] = {
    int: 7,
    float: 2.5,
    bool: True,
    Path: Path("folder/table.csv"),
    object: "some value",
    Any: "some value",
    Exception: OSError(28, "No space left on device"),
    BaseException: OSError(28, "No space left on device"),
    OSError: OSError(28, "No space left on device"),
}


def _plausible(hint: Any, name: str, *, told: bool) -> Any:
    """Make a value of a type: what an error is told in earnest."""
    if hint is str:
        return "Do something." if name in ("remedy", "hint", "advice") else f"some {name}"
    if hint in SIMPLE:
        return SIMPLE[hint]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return inner[0]
    if type(None) in inner:
        known = next(i for i in inner if i is not type(None))
        return _plausible(known, name, told=told) if told else None
    items = [_plausible(i, name, told=told) for i in inner if i is not Ellipsis]
    if origin in (typing.Union, types.UnionType):
        return items[0]
    return _collected(origin, items)


def _collected(origin: Any, items: list[Any]) -> Any:
    if origin is tuple:
        return tuple(items)
    if issubclass(origin, Mapping):
        return {items[0]: items[1]}
    assert issubclass(origin, Iterable), f"teach _plausible to make a {origin}"
    return items


@pytest.mark.parametrize("error", PUBLIC, ids=lambda e: e.__name__)
def test_every_error_is_an_annapalm_error_and_a_fitting_builtin(error: type[Exception]) -> None:
    assert issubclass(error, AnnaPalmError)
    own = {
        base
        for base in error.__mro__
        if base.__module__ == builtins.__name__ and issubclass(base, Exception)
    } - {Exception}
    if error not in FAMILIES:
        assert own, f"{error.__name__} has no builtin beside AnnaPalmError"
    assert not issubclass(error, KeyError), "KeyError shows its text in quotes"


@pytest.mark.parametrize("error", PUBLIC, ids=lambda e: e.__name__)
def test_every_error_says_in_its_docstring_when_it_is_raised(error: type[Exception]) -> None:
    assert "__doc__" in vars(error)
    assert error.__doc__


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
@pytest.mark.parametrize("error", CONCRETE, ids=lambda e: e.__name__)
def test_every_error_has_a_text_for_the_user(
    error: type[Exception],
    told: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    text = str(made(error, told=told))
    assert len(text) > 25, text
    assert text[-1] in ".)", text
    assert "{" not in text, f"a brace is left in: {text}"
    assert "None" not in text, text


@pytest.mark.parametrize("error", CONCRETE, ids=lambda e: e.__name__)
def test_every_error_survives_a_trip_to_another_process(error: type[Exception]) -> None:
    first = made(error)
    second = pickle.loads(pickle.dumps(first))  # noqa: S301 - our own bytes
    assert type(second) is type(first)
    assert str(second) == str(first)
    assert second.args == first.args


def test_there_are_errors_to_test() -> None:
    names = {error.__name__ for error in CONCRETE}
    assert {"InvalidValueError", "FieldTooLargeError", "CancelledError"} <= names
    assert {"NotAModelError", "DeviceError", "OutOfMemoryError"} <= names


class OutOfPaperError(AnnaPalmError, FileNotFoundError):
    """Stands for any error that is an OSError too."""

    def __init__(self, *, tray: int) -> None:
        super().__init__(f"Tray {tray} is empty. Fill it.")


def test_an_error_that_is_an_os_error_keeps_its_text_and_its_keywords() -> None:
    error = pickle.loads(pickle.dumps(OutOfPaperError(tray=2)))  # noqa: S301
    assert str(error) == "Tray 2 is empty. Fill it."
    assert error.args == ("Tray 2 is empty. Fill it.",)


def test_causes_are_kept() -> None:
    with pytest.raises(OutOfPaperError) as caught:
        raise OutOfPaperError(tray=1) from ValueError("why")
    assert isinstance(caught.value.__cause__, ValueError)
