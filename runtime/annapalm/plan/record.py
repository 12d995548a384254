"""`plan.json`: every key, once. Lengths in nm; what does not exist is null."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from annapalm.plan.choose import Verdict  # noqa: TC001 - asked for by `get_type_hints`
from annapalm.plan.words import cautions, density_at, field_nyquist_nm, nyquist_frames, sentence
from annapalm.write.schema import Provenance  # noqa: TC001 - the same

if TYPE_CHECKING:
    from annapalm.plan.choose import Choice, StepChoice
    from annapalm.plan.options import PlanOptions
    from annapalm.plan.score import BlockScore, Scores, StartScore

PLAN_SCHEMA = "annapalm-plan-1"


class BlockRecord(TypedDict):
    """One block of frames as input, as in `annapalm.plan.score.BlockScore`."""

    start: int
    """First frame, counted from 0."""
    localizations: int
    density_per_um2: float
    bits: float
    uniform_share: float
    structure_part: float
    pearson_later: float
    doubtful_share: float | None
    nyquist_nm: float | None


class StepRecord(TypedDict):
    """One number of frames."""

    frames: int
    bits: float
    """Per later localization over a uniform field; mean over the blocks."""
    bits_sd: float | None
    """Standard deviation over the blocks."""
    relative: float
    """Likelihood of a later localization of the structure over that of the best number of frames:
    2^((bits - best bits) / structure_part)."""
    relative_start: float
    """The same of the block at the start."""
    doubling: float | None
    """Bits that twice the frames add."""
    blur_bits: float
    """Bits of the Gaussian blur that suits best, of the block at the start."""
    blur_nm: float
    frc_halves_nm: float | None
    """Block at the start: FRC at 1/7 between the localizations of its halves in time."""
    frc_later_nm: float | None
    """Block at the start: FRC at 1/7 of the reconstruction with the later localizations."""
    blocks: list[BlockRecord]
    """The first lies at the start of the acquisition."""


class LaterRecord(TypedDict):
    """The frames that judge."""

    frames: list[int]
    """First and last, both included."""
    localizations: int
    density_per_um2: float
    nyquist_nm: float | None
    frc_halves_nm: float | None


class RecommendationRecord(TypedDict):
    """What is recommended; see `annapalm.plan.choose`."""

    verdict: Verdict
    frames: int | None
    """A lower bound where the verdict is `too_short`; null where it is `no_structure`."""
    density_per_um2: float | None
    """Of the first so many frames."""
    field_nyquist_nm: float | None
    """Nyquist resolution of that density."""
    anywhere: int | None
    from_start: int | None
    between: list[int] | None
    best_frames: int
    structure_part: float
    """Share of the later localizations that belongs to structure, as the best block has it."""
    nyquist_frames: int | None
    """Frames with which sampling alone reaches `resolution_nm` in the structure; null: more."""


class PlanRecord(TypedDict):
    """`plan.json`."""

    schema: str
    """`PLAN_SCHEMA`."""
    sentence: str
    cautions: list[str]
    recommendation: RecommendationRecord
    share: float
    """What is enough: this share of the best likelihood."""
    resolution_nm: float
    gap_frames: int
    field_um: list[float]
    """(width, height)."""
    input_frames: list[int]
    """First and last frame that could be input, both included."""
    outside: int
    """Localizations outside the field, which were not used."""
    later: LaterRecord
    steps: list[StepRecord]
    """By rising number of frames."""
    provenance: Provenance


def build_plan_record(
    scores: Scores,
    choice: Choice,
    options: PlanOptions,
    provenance: Provenance,
    *,
    field_um: tuple[float, float],
    warnings: tuple[str, ...] = (),
) -> PlanRecord:
    """Assemble `plan.json`; `warnings` are those of the table."""
    design, later = scores.design, scores.later
    model = f"{provenance['model']['name']} {provenance['model']['version']}"
    frames = choice.frames
    rows = zip(choice.steps, scores.starts, scores.blocks, strict=True)
    return {
        "schema": PLAN_SCHEMA,
        "sentence": sentence(scores, choice, options, model),
        "cautions": [*cautions(scores, choice, options, model), *warnings],
        "recommendation": {
            "verdict": choice.verdict,
            "frames": frames,
            "density_per_um2": None if frames is None else density_at(scores, frames),
            "field_nyquist_nm": None if frames is None else field_nyquist_nm(scores, frames),
            "anywhere": choice.anywhere,
            "from_start": choice.from_start,
            "between": None if choice.between is None else list(choice.between),
            "best_frames": choice.best_frames,
            "structure_part": choice.structure_part,
            "nyquist_frames": nyquist_frames(scores, options.resolution_nm),
        },
        "share": options.share,
        "resolution_nm": options.resolution_nm,
        "gap_frames": options.gap_frames,
        "field_um": list(field_um),
        "input_frames": [design.first, design.stop - 1],
        "outside": scores.outside,
        "later": {
            "frames": [design.resume, design.last],
            "localizations": later.localizations,
            "density_per_um2": later.density_per_um2,
            "nyquist_nm": later.nyquist_nm,
            "frc_halves_nm": later.frc_halves_nm,
        },
        "steps": [_step(step, start, row) for step, start, row in rows],
        "provenance": provenance,
    }


def _step(step: StepChoice, start: StartScore, row: tuple[BlockScore, ...]) -> StepRecord:
    return {
        "frames": step.frames,
        "bits": step.bits,
        "bits_sd": step.bits_sd,
        "relative": step.relative,
        "relative_start": step.relative_start,
        "doubling": step.doubling,
        "blur_bits": start.blur_bits,
        "blur_nm": start.blur_nm,
        "frc_halves_nm": start.frc_halves_nm,
        "frc_later_nm": start.frc_later_nm,
        "blocks": [_block(block) for block in row],
    }


def _block(block: BlockScore) -> BlockRecord:
    return {
        "start": block.start,
        "localizations": block.localizations,
        "density_per_um2": block.density_per_um2,
        "bits": block.bits,
        "uniform_share": block.uniform_share,
        "structure_part": block.structure_part,
        "pearson_later": block.pearson_later,
        "doubtful_share": block.doubtful_share,
        "nyquist_nm": block.nyquist_nm,
    }
