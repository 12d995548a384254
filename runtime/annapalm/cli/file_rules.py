"""What a settings file says about some of the tables only: several microscopes in one folder.

    [files."*.mat"]
    columns = "x=data.x,y=data.y,time=data.t"
    unit = "nm"

    [files."scope B/*.txt"]
    columns = "y,x,-,z,frame"

The first pattern that fits a table counts for it. What it leaves out is as for all tables, and an
option of the command line is stronger than both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from annapalm.cli.errors import FileRuleError
from annapalm.cli.options import table_options
from annapalm.cli.settings import file_settings
from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import typer

    from annapalm.batch import Item
    from annapalm.read.table import TableOptions
    from annapalm.write.schema import JsonValue


@dataclass(frozen=True, slots=True)
class FileRule:
    """What holds for the tables whose path ends as a pattern says."""

    pattern: str
    """`*.mat`, or with the folders above: `scope B/*.txt`; case does not matter."""
    table: TableOptions
    """All that is said about them."""

    def fits(self, path: Path) -> bool:
        """Whether it is for this file."""
        return PurePath(str(path).lower()).match(self.pattern.lower())


def file_rules(context: typer.Context, general: Mapping[str, Any]) -> tuple[FileRule, ...]:
    """Join the rules of the settings file with what holds in general, as of `table_options`.

    Raises `FileRuleError` where this cannot be.
    """
    rules = []
    path, found = file_settings(context)
    for pattern, values in found.items():
        own = {name: value for name, value in values.items() if not _on_command_line(context, name)}
        try:
            rules.append(FileRule(pattern, table_options(**{**general, **own})))
        except AnnaPalmError as error:
            raise FileRuleError(path, pattern, error) from error
    return tuple(rules)


def with_rules(items: Sequence[Item], rules: Sequence[FileRule]) -> tuple[Item, ...]:
    """Give each input, and each file of its channels, the first rule that fits it."""
    return tuple(
        replace(
            item,
            # Of channels each file has its own; what fits the first must not hold for the others.
            table=None if item.channels else _table(item.source, rules),
            channels=tuple(
                replace(file, table=_table(file.source, rules)) for file in item.channels
            ),
        )
        for item in items
    )


def record_of(rules: Sequence[FileRule]) -> dict[str, JsonValue]:
    """Say what decides results; nothing where there are no rules."""
    if not rules:
        return {}
    told: dict[str, JsonValue] = {
        rule.pattern: {k: v for k, v in rule.table.record().items() if v is not None}
        for rule in rules
    }
    return {"files": told}


def _table(path: Path, rules: Sequence[FileRule]) -> TableOptions | None:
    return next((rule.table for rule in rules if rule.fits(path)), None)


def _on_command_line(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
