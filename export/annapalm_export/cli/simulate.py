"""`annapalm-export simulate`: write simulated acquisitions with known truth."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from annapalm_export.cli.shared import check_scene


def simulate(
    output: Annotated[Path, typer.Argument(help="Folder to write into; made if absent.")],
    fields: Annotated[int, typer.Option(min=1, help="Number of fields of view.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first field; the next follow.")] = 0,
    name: Annotated[
        str, typer.Option(help="Stem of the files; with several fields the seed is appended.")
    ] = "field",
    field_um: Annotated[
        float, typer.Option(min=1.0, max=60.0, help="Side of the field, µm.")
    ] = 12.8,
    frames: Annotated[int, typer.Option(min=100, help="Length of the acquisition.")] = 20_000,
    density: Annotated[
        float | None,
        typer.Option(
            help="Write only so many consecutive frames as hold this many localizations per unit "
            "of structure: µm of filament or axon, pore, 0.1 µm² of membrane (20 per µm is about "
            "300 frames of the published acquisitions of microtubules)."
        ),
    ] = None,
    structure: Annotated[
        str,
        typer.Option(help="microtubules, nuclear pores, actin, mitochondria or spectrin."),
    ] = "microtubules",
    amount: Annotated[
        float | None,
        typer.Option(help="Units of structure per µm² (see --density), not drawn at random."),
    ] = None,
    curvature: Annotated[
        float | None,
        typer.Option(
            help="Root mean square curvature of microtubules per µm, not drawn at random (which is "
            "0.04 to 0.45); at most 2."
        ),
    ] = None,
    kinetics: Annotated[
        str, typer.Option(help="palm, dstorm, paint, or any: drawn from between them.")
    ] = "any",
    imperfect: Annotated[
        bool,
        typer.Option(
            help="Add drift residue, uneven illumination, depth with defocus, and misses at high "
            "density."
        ),
    ] = False,
    stray: Annotated[
        bool,
        typer.Option(help="Put a part of the localizations beside the structure, as a halo."),
    ] = False,
    treatment: Annotated[
        str,
        typer.Option(
            help="What a drug has done: control, depolymerized (microtubules: fewer, "
            "shorter, more curved), bent (microtubules: more curved), sparse mesh (actin)."
        ),
    ] = "control",
    widefield: Annotated[bool, typer.Option(help="Take a widefield image too.")] = True,
    truth: Annotated[bool, typer.Option(help="Write the truth beside the table.")] = True,
    overwrite: Annotated[bool, typer.Option(help="Replace files that exist.")] = False,
) -> None:
    """Simulate fields of a structure: ThunderSTORM table, widefield TIFF and truth."""
    import numpy as np

    from annapalm.errors import InvalidValueError
    from annapalm_export.simulate import SceneOptions, simulate_scene
    from annapalm_export.simulate.filaments import MOST_CURVED
    from annapalm_export.simulate.files import block_of_density, write_scene
    from annapalm_export.simulate.treatments import treatment_named

    check_scene(structure, kinetics, {"--density": density, "--amount": amount})
    if curvature is not None and structure != "microtubules":
        message = f"is of microtubules alone, not of {structure}"
        raise typer.BadParameter(message, param_hint="--curvature")
    if curvature is not None and not 0 < curvature <= MOST_CURVED:
        message = f"must be above 0 and at most {MOST_CURVED:g}, not {curvature:g}"
        raise typer.BadParameter(message, param_hint="--curvature")
    try:
        treatment_named(treatment, structure)
    except InvalidValueError as problem:
        raise typer.BadParameter(str(problem), param_hint="--treatment") from problem
    options = SceneOptions(
        field_um=field_um,
        frames=frames,
        empty_share=0.0,
        with_widefield=widefield,
        structure=structure,
        amount_per_um2=amount,
        curvature_per_um=curvature,
        kinetics=kinetics,
        imperfect=imperfect,
        stray=stray,
        treatment=treatment,
    )
    for number in range(seed, seed + fields):
        scene = simulate_scene(number, options)
        block = None
        if density is not None:
            try:
                block = block_of_density(scene, density, np.random.default_rng(number))
            except ValueError as problem:
                raise typer.BadParameter(str(problem), param_hint="--density") from problem
        stem = name if fields == 1 else f"{name}_{number}"
        for path in write_scene(scene, output, stem, block, truth=truth, overwrite=overwrite):
            typer.echo(path)
