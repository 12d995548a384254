"""The files of `annapalm measure`: measures.json and measures.csv, and the JSON read back."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from annapalm.measure.errors import NotARecordError
from annapalm.measure.field import DOUBTFUL_LIMIT, UNITS, FieldMeasures
from annapalm.measure.intervals import COVERS
from annapalm.measure.read import Result, read_json
from annapalm.write.schema import JsonValue  # noqa: TC001 - read at run time by TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = "annapalm-measures-1"
"""Named in the file; a change that breaks a reader gets a new number."""
JSON_NAME, CSV_NAME = "measures.json", "measures.csv"


class MeasureRecord(TypedDict):
    """One number with its interval."""

    drawn: float | None
    """What the image shows."""
    value: float | None
    """The same, corrected (`annapalm.measure.intervals`): what the truth is likely to be."""
    low: float | None
    high: float | None


class FieldMeasuresRecord(TypedDict):
    """One field or region."""

    field: str
    """Path of the image, as it was named or found, with forward slashes."""
    sha256: str
    """Of the image."""
    model: str
    structure: str
    roi_um: list[float] | None
    """x0, y0, x1, y1, or null for the whole field."""
    area_um2: float
    measures: dict[str, MeasureRecord]
    doubtful_share: float | None
    conclusive: bool
    localizations_per_unit: float | None
    fitted_to: str | None
    """The model whose pictures corrections and intervals were fitted to; None: there are none."""


def field_record(
    result: Result, measured: FieldMeasures, roi_nm: Sequence[float] | None
) -> FieldMeasuresRecord:
    """Put the measures of a result, or of a region of it, on record."""
    per_unit = measured.localizations_per_unit
    return {
        "field": result.path.as_posix(),
        "sha256": result.sha256,
        "model": result.model,
        "structure": measured.structure,
        "roi_um": None if roi_nm is None else [edge / 1000 for edge in roi_nm],
        "area_um2": measured.area_um2,
        "measures": {
            name: {"drawn": one.drawn, "value": one.value, "low": one.low, "high": one.high}
            for name, one in measured.measures.items()
        },
        "doubtful_share": measured.doubtful_share,
        "conclusive": measured.conclusive,
        "localizations_per_unit": None if per_unit is None else per_unit / result.exposure,
        "fitted_to": measured.fitted_to,
    }


def json_content(fields: Sequence[FieldMeasuresRecord]) -> dict[str, Any]:
    """Give the content of measures.json."""
    shown = {name for field in fields for name in field["measures"]}
    return {
        "schema": SCHEMA,
        "units": {name: unit for name, unit in UNITS.items() if name in shown},
        "intervals_cover": COVERS,
        "doubtful_limit": DOUBTFUL_LIMIT,
        "fields": list(fields),
    }


def csv_content(fields: Sequence[FieldMeasuresRecord]) -> str:
    """Give measures.csv: a row per field, four columns per measure; unknown cells are empty."""
    names = list(dict.fromkeys(name for field in fields for name in field["measures"]))
    ends = ("value", "low", "high", "drawn")
    about = ("area_um2", "doubtful_share", "conclusive", "localizations_per_unit")
    columns = [name if end == "value" else f"{name}_{end}" for name in names for end in ends]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["field", "structure", "model", *about, *columns])
    for field in fields:
        row: list[JsonValue] = [field["field"], field["structure"], field["model"]]
        row += [field["area_um2"], field["doubtful_share"], field["conclusive"]]
        row.append(field["localizations_per_unit"])
        none: MeasureRecord = {"drawn": None, "value": None, "low": None, "high": None}
        for name in names:
            measure = field["measures"].get(name, none)
            row += [measure["value"], measure["low"], measure["high"], measure["drawn"]]
        writer.writerow(["" if cell is None else cell for cell in row])
    return text.getvalue()


def read_measures(path: Path) -> list[FieldMeasuresRecord]:
    """Read a measures.json back; raises `NotARecordError`."""
    content = read_json(path)
    if content.get("schema") != SCHEMA:
        raise NotARecordError(path, f"its schema is not {SCHEMA}")
    try:
        return [_checked(field) for field in content["fields"]]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NotARecordError(path, f"{type(error).__name__}: {error}") from error


def _checked(field: Any) -> FieldMeasuresRecord:  # noqa: ANN401 - whatever the file holds
    """Rebuild one field, so that nothing but numbers stands where numbers belong."""
    measures: dict[str, MeasureRecord] = {
        str(name): {
            "drawn": _number(one["drawn"]),
            "value": _number(one["value"]),
            "low": _number(one["low"]),
            "high": _number(one["high"]),
        }
        for name, one in field["measures"].items()
    }
    roi = field["roi_um"]
    return {
        "field": str(field["field"]),
        "sha256": str(field["sha256"]),
        "model": str(field["model"]),
        "structure": str(field["structure"]),
        "roi_um": None if roi is None else [float(edge) for edge in roi],
        "area_um2": float(field["area_um2"]),
        "measures": measures,
        "doubtful_share": _number(field["doubtful_share"]),
        "conclusive": bool(field["conclusive"]),
        "localizations_per_unit": _number(field["localizations_per_unit"]),
        "fitted_to": None if (fitted := field.get("fitted_to")) is None else str(fitted),
    }


def _number(value: Any) -> float | None:  # noqa: ANN401 - as above
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is not finite")
    return number


def folder_of(field: FieldMeasuresRecord) -> str:
    """Give the folder that a field's image lies in."""
    return Path(field["field"]).parent.as_posix()
