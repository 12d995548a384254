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

FILES = "files"
"""The key of a settings file below which patterns of tables have options of their own."""
_TABLE_SETTINGS = (
    *("format", "columns", "unit", "camera-pixel", "first-frame"),
    *("allow-single-frame", "field"),
)

_FILE = "annapalm.settings"
_RULES = "annapalm.files"
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
        context.meta[_RULES] = _checked_rules(context, path, values.get(FILES, {}))
        context.default_map = {
            option.name: _checked(context, path, name, option, value)
            for name, value in values.items()
            if name != FILES
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
    names = {option.name: name for name, option in _options(context).items()}
    for pattern, values in file_settings(context)[1].items():
        lines += ["", f"[{FILES}.{_toml(pattern)}]"]
        lines += [f"{names[key]} = {_toml(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def file_settings(context: typer.Context) -> tuple[Path, dict[str, dict[str, Any]]]:
    """Give the settings file, and what it says of some tables: patterns, parameters, values."""
    path, _ = context.meta.get(_FILE, (Path(SETTINGS_FILE), frozenset()))
    return path, context.meta.get(_RULES, {})


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


def _checked_rules(context: typer.Context, path: Path, rules: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - whatever TOML knows
    """See that each pattern has options of tables, of the right kinds; named as parameters."""
    if not (isinstance(rules, dict) and all(isinstance(own, dict) for own in rules.values())):
        must = f'sections such as [{FILES}."*.mat"], each with options of its own'
        raise SettingsFileError(path, FILES, must)
    found: dict[str, dict[str, Any]] = {}
    for pattern, own in rules.items():
        found[pattern] = {}
        for name, value in own.items():
            key = f"{FILES}.{_toml(pattern)}.{name}"
            if name not in _TABLE_SETTINGS:
                raise SettingsFileError(path, key, f"one of {', '.join(_TABLE_SETTINGS)}")
            option = _options(context)[name]
            found[pattern][option.name] = _checked(context, path, key, option, value)
    return found


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
    if list[str] in get_args(hint):
        if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            must = f"a list of texts in quotes, [{option.metavar}, ...]"
            raise SettingsFileError(path, name, must, _toml(value))
        return value
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
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)
