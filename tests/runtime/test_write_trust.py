"""Where not to believe a picture, in numbers and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from write_words import a_provenance, a_result, an_agreement

from annapalm.quality.structure import STRUCTURE_MASS, structure_threshold
from annapalm.write.run import failed_entry, skipped_entry
from annapalm.write.sidecar import build_record, image_record
from annapalm.write.trust import doubtful_mask, measure_trust
from annapalm.write.verdict import judge, percent

if TYPE_CHECKING:
    from annapalm.write.schema import DomainRecord, FieldEntry


def test_structure_holds_nine_tenths_of_the_localizations() -> None:
    dense = np.random.default_rng(0).gamma(0.2, 1, (300, 200)).astype(np.float32)
    threshold = structure_threshold(dense)
    held = dense[dense >= threshold].sum() / dense.sum()
    assert STRUCTURE_MASS <= held < STRUCTURE_MASS + 0.005


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.floats(0, 1e6, width=32, allow_subnormal=False),
    )
)
@settings(max_examples=100, deadline=None)
def test_the_threshold_agrees_with_sorting(dense: np.ndarray) -> None:
    threshold = structure_threshold(dense)
    ordered = np.sort(dense.ravel())[::-1].astype(np.float64)
    if ordered.sum() == 0:
        assert threshold == 0
        return
    exact = ordered[
        int(np.argmax(np.cumsum(ordered) >= STRUCTURE_MASS * ordered.sum() * (1 - 1e-12)))
    ]
    assert threshold == pytest.approx(exact, rel=1 / 64)


def test_exposure_and_unit_do_not_change_what_is_structure() -> None:
    plain, bright = a_result(), a_result()
    bright.dense[...] *= 8
    bright.error[...] *= 8
    one, eight = measure_trust(plain), measure_trust(bright)
    assert one["structure_share"] == eight["structure_share"]
    assert one["doubtful_share"] == eight["doubtful_share"]


def test_half_of_the_line_is_doubtful() -> None:
    trust = measure_trust(a_result())
    assert trust["doubtful_share"] == 0.5
    assert trust["relative_error"] == pytest.approx(1.1)
    assert trust["structure_share"] == pytest.approx(1 / 40)
    assert trust["structure_density_per_um2"] == pytest.approx(20 / (60 * 0.02**2))
    assert trust["structure_nyquist_nm"] == pytest.approx(69.28, abs=0.01)
    assert trust["expected_localizations"] == pytest.approx(60 * 0.25 + 39 * 60 * 1e-4, rel=1e-5)
    assert trust["diffuse_localizations"] == pytest.approx(2400 * 2e-4, rel=1e-5)
    assert trust["intervals"] == {"0.9": 2.5}


@pytest.mark.parametrize(("doubt", "share"), [(0.1, 1.0), (1.0, 0.5), (2.5, 0.0)])
def test_the_user_says_from_which_error_on_structure_is_doubtful(
    doubt: float, share: float
) -> None:
    trust = measure_trust(a_result(), doubt)  # the error is a fifth of dense, or twice dense
    assert (trust["doubt"], trust["doubtful_share"]) == (doubt, share)


def test_an_empty_image_has_no_structure_and_no_nan() -> None:
    empty = np.zeros((40, 60), np.float32)
    trust = measure_trust(a_result(dense=empty, error=empty))
    assert (trust["relative_error"], trust["doubtful_share"]) == (None, None)
    assert (trust["structure_share"], trust["structure_threshold"]) == (0.0, 0.0)
    assert (trust["structure_density_per_um2"], trust["structure_nyquist_nm"]) == (None, None)
    assert not doubtful_mask(empty, empty).any()


def test_structure_drawn_where_no_localization_lies_has_a_density_of_0() -> None:
    trust = measure_trust(a_result(counts=np.zeros((40, 60), np.float32)))
    assert (trust["structure_density_per_um2"], trust["structure_nyquist_nm"]) == (0.0, None)


def judged(
    share: float | None,
    rsp: float | None = None,
    domain: DomainRecord | None = None,
    drift_nm: tuple[float, float] | None = None,
    precision_nm: float | None = None,
) -> tuple[str, str]:
    result = a_result(widefield=None if rsp is None else an_agreement(rsp=rsp))
    record = build_record(
        result, image_record(result), a_provenance(), outputs=[], preview={}, timings_s={}
    )
    record["trust"]["doubtful_share"] = share
    record["domain"] = domain
    if drift_nm is not None:
        length, error = drift_nm
        record["drift"] = {
            "total_nm": [length, 0.0],
            "length_nm": length,
            "error_nm": error,
            "limit_nm": 50.0,
        }
    if precision_nm is not None:
        record["precision"] = {"median_nm": precision_nm, "source": "stated", "limit_nm": 20.0}
    entry: FieldEntry = {
        "input": "a.csv",
        "status": "done",
        "stem": "a",
        "seconds": 1.0,
        "error": None,
        "record": record,
    }
    verdict = judge(entry)
    return verdict.grade, verdict.tag


@pytest.mark.parametrize(
    ("share", "rsp", "verdict"),
    [
        (0.0, None, ("good", "credible")),
        (0.0999, None, ("good", "credible")),
        (0.1, None, ("fair", "doubtful in parts")),
        (0.3999, 0.9, ("fair", "doubtful in parts")),
        (0.4, 0.9, ("bad", "do not rely on it")),
        (0.0, 0.5, ("bad", "contradicted")),
        (None, None, ("none", "empty")),
    ],
)
def test_a_picture_is_judged_by_its_doubtful_share(
    share: float | None, rsp: float | None, verdict: tuple[str, str]
) -> None:
    assert judged(share, rsp) == verdict


def test_a_field_of_another_structure_is_not_called_credible() -> None:
    found: DomainRecord = {
        "distance": 30.0,
        "limit": 70.0,
        "likeliest": "nuclear pores",
        "mistaken_for": None,
        "withheld": False,
    }
    assert judged(0.0, domain=found) == ("good", "credible")
    assert judged(0.0, domain={**found, "distance": 71.0}) == ("fair", "unlike the training")
    assert judged(0.0, domain={**found, "mistaken_for": "nuclear pores"}) == (
        "bad",
        "nuclear pores?",
    )


def test_a_field_without_structure_is_not_called_empty() -> None:
    found: DomainRecord = {
        "distance": 300.0,
        "limit": 70.0,
        "likeliest": "no structure",
        "mistaken_for": "no structure",
        "withheld": True,
    }
    assert judged(None, domain=found) == ("bad", "no structure")
    drawn: DomainRecord = {**found, "withheld": False}
    assert judged(0.0, domain=drawn) == ("bad", "no structure?")
    older = {name: value for name, value in drawn.items() if name != "withheld"}
    assert judged(0.0, domain=cast("DomainRecord", older)) == ("bad", "no structure?")


def test_a_sample_that_drifted_is_not_called_credible() -> None:
    assert judged(0.0, drift_nm=(50.0, 2.0)) == ("good", "credible")
    assert judged(0.0, drift_nm=(51.0, 2.0)) == ("fair", "drift")
    assert judged(0.0, drift_nm=(80.0, 21.0)) == ("good", "credible")
    assert judged(0.5, drift_nm=(80.0, 2.0)) == ("bad", "do not rely on it")


def test_imprecise_localizations_are_not_called_credible() -> None:
    assert judged(0.0, precision_nm=20.0) == ("good", "credible")
    assert judged(0.2, precision_nm=20.1) == ("fair", "imprecise")


def test_what_has_no_picture_is_not_called_credible() -> None:
    assert judge(failed_entry("a.csv", ValueError("no"), 0.1)).tag == "failed"
    assert judge(skipped_entry("a.csv")).tag == "not run"


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.004, "less than 1 %"), (0.58, "58 %"), (1, "100 %")]
)
def test_a_share_is_never_rounded_to_nothing(share: float, text: str) -> None:
    assert percent(share) == text
