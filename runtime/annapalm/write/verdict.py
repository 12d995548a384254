"""How far a field is to be believed, in words; the numbers come from `annapalm.write.trust`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from annapalm.domain.drift import is_large

if TYPE_CHECKING:
    from annapalm.write.schema import FieldEntry, FieldRecord

Grade = Literal["good", "fair", "bad", "none"]

FEW, MANY = 0.1, 0.4
"""Shares of doubtful structure from which a field is called doubtful in parts, and as a whole."""
LOW_RSP = 0.7
"""Below it the widefield image contradicts the picture: half of its variance is unexplained."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to think of one input of a run."""

    grade: Grade
    tag: str
    """Two or three words."""
    says: str
    """A sentence; empty where there is nothing to say."""


def judge(entry: FieldEntry) -> Verdict:
    """Say what became of an input, and how far its picture is to be believed."""
    if entry["status"] == "failed":
        return Verdict("bad", "failed", "There is no picture of this input.")
    if entry["record"] is None:
        return Verdict("none", "not run", "The run was stopped before this input was done.")
    return _judge_picture(entry["record"])


def _judge_picture(record: FieldRecord) -> Verdict:
    share = record["trust"]["doubtful_share"]
    if share is None:
        return _judge_nothing(record)
    part = f"{percent(share)} of the structure drawn here is doubtful (red)"
    against = _contradiction(record)
    if against is not None:
        tag, says = against
        return Verdict("bad", tag, f"{part}, and {says}.")
    if share >= MANY:
        return Verdict(
            "bad", "do not rely on it", f"{part}: take it as a hint, not as a measurement."
        )
    unlike = _unlike_training(record)
    if unlike is not None:
        tag, says = unlike
        return Verdict("fair", tag, f"{part}, and {says}.")
    if share >= FEW:
        return Verdict("fair", "doubtful in parts", f"{part}; the rest is to be believed.")
    return Verdict("good", "credible", f"{part}.")


def _judge_nothing(record: FieldRecord) -> Verdict:
    """Judge a picture without any structure: there was none to draw, or it was withheld."""
    domain = record["domain"]
    if domain is not None and domain.get("withheld"):  # records of older versions say nothing of it
        says = "Nothing was drawn: the localizations look like background without structure."
        return Verdict("bad", "no structure", says)
    return Verdict("none", "empty", "Nothing was drawn: there is no structure in this field.")


def _unlike_training(record: FieldRecord) -> tuple[str, str] | None:
    """Tag and words for what the model has not learned from; None where nothing is known."""
    domain = record["domain"]
    if domain is not None and domain["distance"] > domain["limit"]:
        words = "the localizations lie unlike those that the model was trained on"
        return "unlike the training", words
    drift = record.get("drift")  # records of older versions have none
    if drift is not None and is_large(drift["length_nm"], drift["error_nm"]):
        return "drift", f"the sample drifted by {drift['length_nm']:.0f} nm while it was imaged"
    precision = record.get("precision")
    if precision is not None and precision["median_nm"] > precision["limit_nm"]:
        return "imprecise", f"the localizations are precise to {precision['median_nm']:.0f} nm only"
    return None


def _contradiction(record: FieldRecord) -> tuple[str, str] | None:
    """Tag and words for what speaks against the picture as a whole; None where nothing does."""
    domain, agreement, held_out = record["domain"], record["widefield"], record["cross_check"]
    if domain is not None and domain["mistaken_for"] is not None:
        drawn = record["provenance"]["model"]["structure"]
        return f"{domain['mistaken_for']}?", (
            f"the localizations look like {domain['mistaken_for']}, not like the {drawn} that "
            "were drawn"
        )
    if agreement is not None and agreement["rsp"] is not None and agreement["rsp"] < LOW_RSP:
        return "contradicted", "the widefield image does not bear the picture out"
    if held_out is not None and held_out["contradicted"]:
        return "contradicted", "the held-out frames do not bear the picture out"
    return None


def percent(share: float) -> str:
    """Write a share as per cent; what is there is never rounded to nothing."""
    if 0 < share < 0.01:
        return "less than 1 %"
    return f"{share * 100:.0f} %"
