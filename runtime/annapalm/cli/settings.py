"""Options from a file: the same names as on the command line, which wins.

No `from __future__ import annotations`: typer reads the annotations at run time.
"""

import inspect
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from typer.models import OptionInfo

from annapalm.cli.errors import SettingsFileError, UsageError
from annapalm.cli.streams import say

SETTINGS_FILE = "annapalm.toml"
"""Read from the current folder where no other is named."""

NOT_SETTINGS = {
    *("help", "version", "settings", "print-settings"),
    *("dry-run", "overwrite", "shard", "watch"),
}
"""Options of one call, which no file may give: an overwrite in a file would be forgotten there."""

_FILE = "annapalm.settings"
_LIMIT = 2**20
"""Bytes of a settings file; a real one has some hundred."""


def load_settings(context: typer.Context, given: Path | None) -> Path | None:
    """Take the options of a settings file as defaults; ends with 2 where it is wrong."""
    if context.resilient_parsing:
        return given
    path = given or Path(SETTINGS_FILE)
    if given is None and not path.is_file():
        return given
    try:
        values = _read(path)
        context.default_map = {
            option.name: _checked(context, path, name, option, value)
            for name, value in values.items()
            for option in [_option(context, path, name)]
        }
    except SettingsFileError as error:
        say(f"error: {error}")
        raise typer.Exit(2) from None
    context.meta[_FILE] = (path, frozenset(values))
    say(f"settings from {path}: {', '.join(values) or 'none'}")
    return given


def settings_text(context: typer.Context) -> str:
    """Render the options in force as a settings file; those not given as comments."""
    lines = ["# annapalm-run --print-settings"]
    for name, option in _options(context).items():
        value = context.params[option.name]
        if isinstance(value, Path):
            value = str(value)
        known = value is not None
        lines.append(f"{name} = {_toml(value)}" if known else f"# {name} =")
    return "\n".join(lines) + "\n"


def settings_behind(context: typer.Context, error: Exception) -> str:
    """Name the settings file in front of a complaint about an option that came from it."""
    path, names = context.meta.get(_FILE, (None, frozenset()))
    told = isinstance(error, UsageError) and any(f"--{name} " in str(error) for name in names)
    return f"{path}: " if told else ""


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
        if len(data) > _LIMIT:
            raise SettingsFileError(path, None, "a settings file; this one is far too long")
        return tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        must = f"a file that can be read ({error.strerror or error})"
        raise SettingsFileError(path, None, must) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsFileError(path, None, f"TOML ({error})") from error


def _options(context: typer.Context) -> Mapping[str, Any]:
    """Map the names that a settings file may have to the options of the command."""
    found = {
        name.removeprefix("--"): option
        for option in context.command.params
        for name in option.opts
        if name.startswith("--")
    }
    return {name: option for name, option in found.items() if name not in NOT_SETTINGS}


def _option(context: typer.Context, path: Path, name: str) -> Any:  # noqa: ANN401 - click is untyped here
    options = _options(context)
    if name not in options:
        if name in NOT_SETTINGS:
            raise SettingsFileError(path, name, "given on the command line, not in a file")
        raise SettingsFileError(path, name, f"one of {', '.join(options)}")
    return options[name]


def _checked(context: typer.Context, path: Path, name: str, option: Any, value: Any) -> Any:  # noqa: ANN401 - as above
    """See that a value is of the kind that the option takes, as the command declares it."""
    declared = get_type_hints(
        inspect.unwrap(context.command.callback or _checked), None, None, include_extras=True
    )
    hint, *extras = get_args(declared[option.name])
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not type(None)]
    low = next((extra.min for extra in extras if isinstance(extra, OptionInfo)), None)
    choices = [choice for kind in kinds for choice in get_args(kind)] or [
        kind for kind in kinds if isinstance(kind, str)
    ]
    if choices:
        fits, must = value in choices, f"one of {', '.join(choices)}"
    elif bool in kinds:
        fits, must = isinstance(value, bool), "true or false"
    elif int in kinds:
        fits = type(value) is int and (low is None or value >= low)
        must = "a whole number" + ("" if low is None else f" of at least {low}")
    elif float in kinds:
        fits, must = type(value) in (int, float), "a number"
    else:
        fits, must = isinstance(value, str), f"a text in quotes, {option.metavar}"
    if not fits:
        raise SettingsFileError(path, name, must, _toml(value))
    return value


def _toml(value: Any) -> str:  # noqa: ANN401 - whatever TOML knows
    """Write a value as TOML does."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped)
        return f'"{shown}"'
    return repr(value)
