"""What each part of the loss is worth: short runs that differ in it alone, scored alike."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from annapalm.errors import AnnaPalmError, InvalidValueError
from annapalm.write.atomic import write_whole
from annapalm_export.markdown import table_lines
from annapalm_export.train.loop import train
from annapalm_export.train.losses import LossConfig
from annapalm_export.train.networks import load_network
from annapalm_export.train.scoring import ValidationScores
from annapalm_export.train.weights import CHECKPOINT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from annapalm_export.train.config import Recipe

UNCHANGED = "the recipe"
"""Name of the row without any change, always the first."""

_COLUMNS = {
    "bits": "bits",
    "total": "total / truth",
    "pearson": "Pearson r",
    "f1": "filament F1",
    "false_um_per_um2": "false, µm/µm²",
    "missed_um_per_um2": "missed, µm/µm²",
}


class OtherAblationError(AnnaPalmError, ValueError):
    """The folder holds rows that were made from another recipe."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder}: the run in it was made from another recipe, number of steps or program "
            "version. Give another folder, or remove this one."
        )


@dataclass(frozen=True, slots=True)
class Variation:
    """One row of an ablation."""

    name: str
    """What differs, as it was typed."""
    loss: LossConfig


def parse_variation(text: str, base: LossConfig) -> Variation:
    """Read "key=value" or "key=value,key=value" as changes of `base`.

    Raises `InvalidValueError` for an unknown key or a value that it cannot have.
    """
    kinds = get_type_hints(LossConfig)
    changes: dict[str, Any] = {}
    for part in text.split(","):
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key not in kinds or not value:
            must = f"key=value with a key of [loss]: {', '.join(kinds)}"
            raise InvalidValueError("a variation", part, must)
        try:
            changes[key] = kinds[key](value)
        except ValueError as problem:
            must = f"a value of type {kinds[key].__name__}"
            raise InvalidValueError(key, value, must) from problem
    return Variation(text, dataclasses.replace(base, **changes))


def ablate(
    recipe: Recipe,
    variations: Sequence[Variation],
    folder: Path,
    device: str = "cpu",
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train `recipe` as it is and once per variation, and score each run the same way.

    All runs have the recipe's seed, so the same first weights and the same crops. Each has a folder
    of its own in `folder`; a row that is finished is kept, an unfinished run goes on (and then sees
    other crops from there on). Writes ablation.json and ablation.md after every row; returns the
    rows. Raises `OtherAblationError` where a run's folder belongs to another recipe.
    """
    every = [Variation(UNCHANGED, recipe.loss), *variations]
    if len({_folder_name(v) for v in every}) < len(every):
        raise InvalidValueError("variations", [v.name for v in variations], "different")
    scores: ValidationScores | None = None
    rows: list[dict[str, Any]] = []
    for variation in every:
        run = folder / _folder_name(variation)
        changed = dataclasses.replace(recipe, loss=variation.loss)
        _claim(run, changed)
        row = run / "row.json"
        if not row.exists():
            scores = scores or ValidationScores(recipe)
            found = _row(variation, changed, run, device, say, scores)
            write_whole(row, _json(found), overwrite=False)
        rows.append(json.loads(row.read_text(encoding="utf-8")))
        write_whole(folder / "ablation.json", _json(rows), overwrite=True)
        write_whole(folder / "ablation.md", ablation_table(rows).encode(), overwrite=True)
    return rows


def ablation_table(rows: Sequence[dict[str, Any]]) -> str:
    """Render rows as a Markdown table; a dash where a score does not apply."""
    cells = [[row["variation"], *(_score(row[key]) for key in _COLUMNS)] for row in rows]
    return "\n".join(table_lines(["[loss]", *_COLUMNS.values()], cells)) + "\n"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"  # noqa: RUF001 - a dash


def _row(
    variation: Variation,
    recipe: Recipe,
    run: Path,
    device: str,
    say: Callable[[str], None],
    scores: ValidationScores,
) -> dict[str, Any]:
    """Train and score one variation."""
    say(f"{variation.name}: {run}")
    path = train(recipe, run, device, say)
    found = scores.score(load_network(path).network, run / "preview.png")
    # JSON has no NaN: Pearson's r of a network that draws nothing.
    plain = {k: v if v is not None and math.isfinite(v) else None for k, v in found.items()}
    row = {"variation": variation.name, "steps": recipe.optimizer.steps, **plain}
    return {**row, "loss": asdict(variation.loss)}


def _claim(run: Path, recipe: Recipe) -> None:
    """Write the recipe into a new run's folder, or see that the folder is this recipe's."""
    content, path = _json(asdict(recipe)), run / "recipe.json"
    if path.exists():
        if path.read_bytes() != content:
            raise OtherAblationError(run)
        return
    if (run / CHECKPOINT).exists():
        raise OtherAblationError(run)
    run.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, overwrite=False)


def _folder_name(variation: Variation) -> str:
    return re.sub(r"[^A-Za-z0-9=.,_+-]", "-", variation.name)


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
