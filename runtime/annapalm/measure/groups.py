"""Groups of fields: what a path holds, what stands for one replicate, and what must be alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from annapalm.measure.compare import LEAST_FIELDS, Comparison, Group, compare, smallest_p
from annapalm.measure.errors import (
    GroupsDifferError,
    NoMeasureError,
    SameFieldError,
    TooFewFieldsError,
)
from annapalm.measure.field import FILAMENTS, PORES, measure_field
from annapalm.measure.pores import RADIUS_NM
from annapalm.measure.read import find_results, read_result
from annapalm.measure.record import (
    JSON_NAME,
    FieldMeasuresRecord,
    MeasureRecord,
    field_record,
    folder_of,
    read_measures,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Replicate: TypeAlias = Literal["field", "folder"]

DERIVED = frozenset({"persistence_um"})
"""Measures that say the same as another, and are not tested twice."""

SAMPLING_RATIO = 1.5
"""Of groups whose localizations per µm or pore differ by more than this factor no difference is
said without a warning: what is drawn of the same structure depends on how well it was sampled."""


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """How fields are measured."""

    roi_nm: tuple[float, float, float, float] | None = None
    structure: str | None = None
    """Measure as this structure; None: what the record says."""
    radius_nm: float = RADIUS_NM
    """Expected radius of nuclear pores."""


@dataclass(frozen=True, slots=True)
class GroupsCompared:
    """All that is said of two groups."""

    structure: str
    replicate: Replicate
    replicates: tuple[int, int]
    inconclusive: tuple[int, int]
    """Fields, in A and B, of which the error map allows no conclusion."""
    fields: tuple[int, int]
    comparisons: tuple[Comparison, ...]
    warnings: tuple[str, ...]


def measure_result(image: Path, options: MeasureOptions) -> FieldMeasuresRecord:
    """Measure one image that annapalm-run wrote, or a region of it.

    Raises `NoMeasureError` for a structure without measures, and the errors of `read_result`.
    """
    result = read_result(image).region(options.roi_nm)
    structure = options.structure or result.structure
    known = (*FILAMENTS, *PORES)
    if structure not in known:
        raise NoMeasureError(image, structure, known)
    measured = measure_field(
        result.dense,
        result.error,
        result.grid,
        structure,
        model=result.model,
        radius_nm=options.radius_nm,
    )
    return field_record(result, measured, options.roi_nm)


def load_group(
    given: Path, options: MeasureOptions, say: Callable[[str], None]
) -> list[FieldMeasuresRecord]:
    """Take the fields of a measures.json, of a folder with one, or of an output folder.

    What was measured already is taken as it is; `options` are for what was not.
    """
    if given.is_dir() and (given / JSON_NAME).is_file():
        return read_measures(given / JSON_NAME)
    if given.is_file() and given.name.endswith(".json"):
        return read_measures(given)
    fields = []
    for image in find_results(given):
        say(f"measuring {image}")
        fields.append(measure_result(image, options))
    return fields


def compare_groups(
    names: tuple[str, str],
    groups: tuple[Sequence[FieldMeasuresRecord], Sequence[FieldMeasuresRecord]],
    replicate: Replicate = "field",
) -> GroupsCompared:
    """Compare two groups of measured fields; `names` are what messages call them.

    With `replicate` "folder" the fields of one folder are averaged first, and the folder counts as
    one. Raises `TooFewFieldsError`, `GroupsDifferError` and `SameFieldError`.
    """
    a, b = groups
    _check_alike([*a, *b])
    units = tuple(_replicates(group, replicate) for group in groups)
    for name, parts in zip(names, units, strict=True):
        if len(parts) < LEAST_FIELDS:
            raise TooFewFieldsError(name, len(parts), LEAST_FIELDS, f"{replicate}(s)")
    shown = dict.fromkeys(name for field in (*a, *b) for name in field["measures"])
    tested = {n: (_group(units[0], n), _group(units[1], n)) for n in shown if n not in DERIVED}
    inconclusive = tuple(sum(not field["conclusive"] for field in group) for group in groups)
    doubtful = any(too_doubtful(k, len(g)) for k, g in zip(inconclusive, groups, strict=True))
    sampled = (_sampling(a), _sampling(b))
    unlike = min(sampled) > 0 and max(sampled) / min(sampled) > SAMPLING_RATIO
    return GroupsCompared(
        a[0]["structure"],
        replicate,
        (len(units[0]), len(units[1])),
        (inconclusive[0], inconclusive[1]),
        (len(a), len(b)),
        compare(tested, doubtful=doubtful, unlike=unlike),
        tuple(_warnings(sampled if unlike else None, (len(units[0]), len(units[1])), len(tested))),
    )


def too_doubtful(inconclusive: int, fields: int) -> bool:
    """Say whether so many inconclusive fields of a group forbid a conclusion: more than half."""
    return 2 * inconclusive > fields


def _check_alike(fields: Sequence[FieldMeasuresRecord]) -> None:
    first, seen = fields[0] if fields else None, set()
    for field in fields:
        if first is not None and field["structure"] != first["structure"]:
            raise GroupsDifferError("structure", first["structure"], field["structure"])
        if first is not None and field["model"] != first["model"]:
            raise GroupsDifferError("model", first["model"], field["model"])
        key = (field["sha256"], str(field["roi_um"]))
        if key in seen:
            raise SameFieldError(field["field"])
        seen.add(key)


def _replicates(
    fields: Sequence[FieldMeasuresRecord], replicate: Replicate
) -> list[list[FieldMeasuresRecord]]:
    if replicate == "field":
        return [[field] for field in fields]
    folders: dict[str, list[FieldMeasuresRecord]] = {}
    for field in fields:
        folders.setdefault(folder_of(field), []).append(field)
    return list(folders.values())


def _group(units: Sequence[Sequence[FieldMeasuresRecord]], name: str) -> Group:
    """Average each replicate's fields; those that do not show the measure are left out."""
    rows = []
    for fields in units:
        known = [f["measures"][name] for f in fields if name in f["measures"]]
        ends = [_ends(one) for one in known if one["value"] is not None]
        if ends:
            rows.append(np.mean(np.array(ends, dtype=np.float64), axis=0))
    values, low, high = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return Group(values, low, high)


def _ends(one: MeasureRecord) -> tuple[float | None, float | None, float | None]:
    """Value, low and high; the value three times where it has no interval."""
    if one["low"] is None or one["high"] is None:
        return (one["value"],) * 3
    return one["value"], one["low"], one["high"]


def _sampling(group: Sequence[FieldMeasuresRecord]) -> float:
    """Mean of the localizations per unit of structure; 0 where no field has any."""
    known = [f["localizations_per_unit"] for f in group if f["localizations_per_unit"]]
    return float(np.mean(known or [0]))


def _warnings(
    unlike: tuple[float, float] | None, replicates: tuple[int, int], tests: int
) -> list[str]:
    """Say what to be careful of; `unlike`: how the groups were sampled, where that differs."""
    said = []
    if unlike is not None:
        said.append(
            f"The groups were sampled unlike: {unlike[0]:.0f} and {unlike[1]:.0f} localizations "
            "per unit of structure. What is drawn depends on it, so a difference may be one of "
            "sampling; use --frames of annapalm-run to make them alike."
        )
    least = smallest_p(*replicates) * tests
    if least > 0.05:
        said.append(
            f"With {replicates[0]} and {replicates[1]} replicates and {tests} measures the "
            f"corrected p cannot be below {min(least, 1):.2g}: no difference can be shown."
        )
    return said
