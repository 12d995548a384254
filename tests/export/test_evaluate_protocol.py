"""The protocol behind every card: the same figures however the work is divided."""

from __future__ import annotations

import pytest

from annapalm import load_model
from annapalm.errors import InvalidValueError
from annapalm_export.evaluate import protocol
from annapalm_export.evaluate.suites import SUITES


def quiet(_line: str) -> None:
    """Say nothing."""


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = SUITES["microtubules-1"].smaller([10.0, 20.0], field_um=4.8)
    monkeypatch.setattr(protocol, "release_suites", lambda _structures: (suite,))
    pores = SUITES["nuclear-pores-1"].smaller(None, field_um=4.8)
    monkeypatch.setattr(protocol, "_strangers", lambda _structures: [pores])


@pytest.mark.usefixtures("_small")
def test_two_processes_give_the_figures_of_one() -> None:
    model = load_model("microtubule", "cpu")
    said: list[str] = []
    one = protocol.run_protocol(model, 1, said.append)
    two = protocol.run_protocol(model, 1, quiet, processes=2)
    assert two == one
    assert one.levels["microtubules"]["model"] > 0
    assert [row["density"] for row in one.simulated if row["method"] == "model"] == [10.0, 20.0]
    own = {row["input"] for row in one.stress if row["structure"] == "microtubules"}
    assert own == {"uniform", "erased", "empty", "other widefield"}
    wrong = {row["input"] for row in one.stress if row["structure"] == "nuclear pores"}
    assert wrong == {"asked for microtubules"}
    assert len(said) == 3


@pytest.mark.usefixtures("_small")
def test_what_is_no_file_cannot_be_given_to_other_processes() -> None:
    class Wrapped:
        info = load_model("microtubule", "cpu").info

    with pytest.raises(InvalidValueError, match="processes"):
        protocol.run_protocol(Wrapped(), 1, quiet, processes=2)  # type: ignore[arg-type]
