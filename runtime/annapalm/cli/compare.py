"""`annapalm compare`: whether two groups of fields differ, and by how much."""

# No `from __future__ import annotations`: typer reads the annotations at run time.
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from annapalm.cli.ending import DONE, INTERRUPTED, SOME_FAILED, Interrupts, exit_code, report
from annapalm.cli.errors import InputNotFoundError
from annapalm.cli.measure import MeasuredAsOption, RadiusOption, RoiOption, measure_options
from annapalm.cli.streams import ResultStream, say
from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from annapalm.measure.compare import Comparison
    from annapalm.measure.groups import GroupsCompared

_GROUP = "Output folder of annapalm-run, or folder or measures.json of annapalm measure"


HELP = (
    "Test whether two groups of fields differ in their measures, and by how much.\n\n"
    "Permutation test of Welch's t over fields, Holm's correction for several measures, the change "
    "of the mean with a 95 % bootstrap interval. At least three replicates in each group. --roi, "
    "--structure and --radius are for fields that were not measured yet."
)
"""Not the docstring, whose line ends would be kept."""


def compare(
    group_a: Annotated[
        str, typer.Argument(metavar="GROUP_A", help=f"{_GROUP}: the control.", show_default=False)
    ],
    group_b: Annotated[
        str, typer.Argument(metavar="GROUP_B", help="The same: the treated.", show_default=False)
    ],
    *,
    by: Annotated[
        Literal["field", "folder"],
        typer.Option(
            help="What counts as one replicate: the field, or the folder, whose fields are "
            "averaged first (one dish, one day)."
        ),
    ] = "field",
    roi: RoiOption = None,
    structure: MeasuredAsOption = None,
    radius: RadiusOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Test whether two groups of fields differ in their measures, and by how much."""
    try:
        options = measure_options(roi, structure, radius)
        for given in (group_a, group_b):
            if not Path(given).exists():
                raise InputNotFoundError(given)
    except AnnaPalmError as error:
        report(error)
        raise typer.Exit(exit_code(error)) from error
    from annapalm.measure.groups import compare_groups, load_group

    try:
        with Interrupts():
            groups = tuple(load_group(Path(given), options, say) for given in (group_a, group_b))
            found = compare_groups((group_a, group_b), (groups[0], groups[1]), by)
    except KeyboardInterrupt:
        say("Interrupted.")
        raise typer.Exit(INTERRUPTED) from None
    except AnnaPalmError as error:
        report(error)
        raise typer.Exit(SOME_FAILED) from error
    for warning in found.warnings:
        say(f"warning: {warning}")
    results = ResultStream()
    for line in [_json(found)] if as_json else _lines(found, group_a, group_b):
        results.line(line)
    raise typer.Exit(DONE)


def _json(found: "GroupsCompared") -> str:
    from dataclasses import asdict

    from annapalm.write.text import json_text

    return json_text(asdict(found), indent=None)


def _lines(found: "GroupsCompared", name_a: str, name_b: str) -> list[str]:
    from annapalm.measure.field import UNITS

    lines = []
    for at, (letter, name) in enumerate((("A", name_a), ("B", name_b))):
        lines.append(
            f"{letter}: {name}, {found.replicates[at]} {found.replicate}s, "
            f"{found.inconclusive[at]} of {found.fields[at]} fields too doubtful to conclude"
        )
    lines.append(f"{found.structure}; one replicate is one {found.replicate}; change: B over A")
    lines += [f"{c.measure} ({UNITS[c.measure]}): {_said(c)}" for c in found.comparisons]
    return lines


def _said(one: "Comparison") -> str:
    if one.p is None or one.p_holm is None:
        return f"{one.fields[0]} and {one.fields[1]} replicates show it: {one.verdict}"
    parts = [f"A {one.means[0]:.3g}, B {one.means[1]:.3g}"]
    if one.change is not None and one.change_low is not None and one.change_high is not None:
        parts.append(f"{one.change:+.0%} ({one.change_low:+.0%} to {one.change_high:+.0%})")
    if one.hedges_g is not None:
        parts.append(f"g {one.hedges_g:+.2f}")
    parts.append(f"p {one.p:.3g}, corrected {one.p_holm:.3g}")
    return f"{'; '.join(parts)}: {one.verdict}"
