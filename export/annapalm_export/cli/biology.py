"""`annapalm-export biology`: whether a model keeps what drugs do to simulated structures."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annapalm_export.evaluate.studies import Sample


def biology(
    model: Annotated[
        str, typer.Argument(help="Released model (name or name/version) or ONNX file.")
    ],
    study: Annotated[
        str,
        typer.Option(
            help="microtubules-1, microtubules-dense-1, microtubules-bent-1 (more curved, of "
            "cells that are curved alike), actin-1 or nuclear-pores-1."
        ),
    ] = "microtubules-1",
    fields: Annotated[int, typer.Option(min=3, help="Simulated fields per group.")] = 30,
    density: Annotated[
        list[float] | None,
        typer.Option(help="Only this density of 5, 10, 20, 50; may be given several times."),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            help="Measure threshold fields of controls instead, with any amount of structure, and "
            "print the corrections and intervals of annapalm measure that follow from them."
        ),
    ] = False,
    resampled: Annotated[
        int, typer.Option(min=0, help="Studies of 10 fields a group drawn to count findings.")
    ] = 200,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file for all values.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="JSON lines, one per field as it is done; the same call goes on where it was cut "
            "off, with more --fields too."
        ),
    ] = None,
) -> None:
    """Simulate a control and a treated group, measure both, and compare with the truth (Markdown).

    Beside the model as annapalm measure corrects it: what it drew, the best blur of the
    localizations, and the noise-free image, which says what the measures themselves can see.
    """
    from annapalm.model import load_model
    from annapalm_export.evaluate import biology as figures
    from annapalm_export.evaluate import studies
    from annapalm_export.evaluate.sample_store import OtherStudyError, kept_samples

    densities = _checked(study, density)

    def say(line: str) -> None:
        typer.echo(line, err=True)

    asked, loaded = studies.STUDIES[study], load_model(model, device="cpu")
    if asked.structure not in loaded.info.structures:
        message = f"{model} does not know {asked.structure}"
        raise typer.BadParameter(message, param_hint="--study")
    seeds = studies.threshold_seeds() if calibrate else studies.evaluation_seeds()
    if calibrate:
        asked = replace(asked, amount_per_um2=None, curvature_per_um=None)
    try:
        blurs, found = kept_samples(
            keep, asked, loaded, seeds, fields, densities, say, with_blur=not calibrate
        )
    except studies.TooFewSeedsError as problem:
        raise typer.BadParameter(str(problem), param_hint="--fields") from problem
    except OtherStudyError as problem:
        raise typer.BadParameter(str(problem), param_hint="--keep") from problem
    if calibrate:
        fitted = figures.corrections(found)
        lines = {name: asdict(one) for name, one in fitted.items()}
        typer.echo(json.dumps({"corrections": {asked.structure: lines}}))
        typer.echo(json.dumps({"table": {asked.structure: figures.interval_table(found, fitted)}}))
    else:
        for line in _tables(found, densities, fields, resampled):
            typer.echo(line)
    if output is not None:
        rows = figures.effect_rows(found)
        content = {
            "study": study,
            "model": model,
            "bandwidths_nm": blurs,
            "rows": rows,
            "fields": [asdict(sample) for sample in found],
        }
        output.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _checked(study: str, density: list[float] | None) -> tuple[float, ...]:
    """Check the study's name and give the densities."""
    from annapalm_export.evaluate.fields import DENSITIES
    from annapalm_export.evaluate.studies import STUDIES

    if study not in STUDIES:
        message = f"'{study}' is not one of: {', '.join(STUDIES)}"
        raise typer.BadParameter(message, param_hint="--study")
    if not set(density or ()) <= set(DENSITIES):
        message = f"is one of {', '.join(f'{d:g}' for d in DENSITIES)}"
        raise typer.BadParameter(message, param_hint="--density")
    return tuple(density or DENSITIES)


_COLUMNS = (
    "localizations/unit",
    "measure",
    "control: truth",
    "control: drawn",
    "control: model",
    "effect: truth",
    "effect: model",
    "model keeps (90 %)",
    "drawn keeps",
    "noise-free keeps",
    "blur keeps",
    "90 % covers",
    "doubtful",
)


def _tables(
    found: Sequence[Sample], densities: Sequence[float], fields: int, resampled: int
) -> list[str]:
    from annapalm_export.evaluate import biology as figures
    from annapalm_export.evaluate.simulated import BLUR, MODEL
    from annapalm_export.evaluate.studies import DRAWN, NOISE_FREE, TRUTH
    from annapalm_export.markdown import table_lines

    rows = []
    for row in figures.effect_rows(found):
        low, high = _pair(row.get(f"{MODEL}, kept between"))
        cells = [
            f"{row['density']:g}",
            str(row["measure"]),
            *(_number(row.get(f"{m}, control mean"), "{:.3g}") for m in (TRUTH, DRAWN, MODEL)),
            *(_number(row.get(m), "{:+.0%}") for m in (TRUTH, MODEL)),
            f"{_number(row.get(f'{MODEL}, kept'), '{:.2f}')} ({low} to {high})",
            *(_number(row.get(f"{m}, kept"), "{:.2f}") for m in (DRAWN, NOISE_FREE, BLUR)),
            _number(row["coverage"], "{:.0%}"),
            _number(row["doubtful"], "{:.0%}"),
        ]
        rows.append(cells)
    lines = table_lines(_COLUMNS, rows, left=0)
    if not resampled or fields < 2 * figures.PER_GROUP:
        return lines
    lines.append("")
    least = min(densities)
    asked = [(False, at, at) for at in densities] + [(True, at, at) for at in densities]
    asked += [(False, least, at) for at in densities if at != least]
    for treated, one, other in asked:
        hits = figures.resampled_studies(
            found, one, resampled, treated=treated, other_density=other
        )
        said = ", ".join(f"{name} {share:.0%}" for name, share in hits.items())
        lines.append(
            f"- control at {one:g} per unit against {'treated' if treated else 'control'} at "
            f"{other:g}, {resampled} studies of {figures.PER_GROUP} fields a group, share that "
            f"finds a difference: {said}"
        )
    return lines


def _number(value: object, form: str) -> str:
    return form.format(value) if isinstance(value, (int, float)) else "-"


def _pair(value: Any) -> tuple[str, str]:  # noqa: ANN401 - a row's cell
    return (f"{value[0]:.2f}", f"{value[1]:.2f}") if value else ("-", "-")
