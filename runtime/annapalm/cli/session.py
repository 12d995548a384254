"""What a run into an output folder has to do: its ledger read, and each input judged by it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from annapalm.errors import AnnaPalmError
from annapalm.ledger import judge, key_of
from annapalm.write.errors import as_write_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from annapalm.batch import Item
    from annapalm.field import FieldOptions
    from annapalm.ledger import Index
    from annapalm.model import Model
    from annapalm.write.schema import JsonValue


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with one input."""

    item: Item
    done: bool = False
    """Nothing: it is done already."""
    refusal: AnnaPalmError | None = None
    """Why it cannot be done."""


def settings_of(
    model: Model, options: FieldOptions, widefield_suffix: str | None
) -> dict[str, JsonValue]:
    """Name what decides the results beside the inputs: all of a folder's results have the same.

    Not the device: the record of each field names it.
    """
    from annapalm.provenance import software_record

    return {
        "annapalm": software_record(model)["annapalm"],
        "model": f"{model.info.name} {model.info.version}",
        "model-sha256": model.sha256,
        "widefield-suffix": widefield_suffix or "none",
        "preview": options.preview,
        **options.record(),
    }


def judge_all(
    index: Index,
    out: Path,
    items: Sequence[Item],
    *,
    overwrite: bool,
) -> Iterator[Verdict]:
    """Judge each input by the ledgers of the folder, in their order.

    `overwrite`: whatever lies there may be replaced.
    """
    for item in items:
        key = key_of(item.stem, out)
        try:
            standing = judge(item, index.last_done(key), index.last_left(key))
            item = replace(item, replace=overwrite or standing == "stale")  # noqa: PLW2901 - the same, better known
            yield Verdict(item, done=standing == "done")
        except AnnaPalmError as error:
            yield Verdict(item, refusal=error)
        except OSError as error:
            yield Verdict(item, refusal=as_write_error(error, item.stem.parent))
