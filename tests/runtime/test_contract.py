"""The contract's own values, and the metadata's way into a file and back."""

from __future__ import annotations

import json

import pytest
from contract_model import model_info

from annapalm.contract import CONTRACT_VERSION, INPUTS, OUTPUTS, QUARTER, ModelInfo


def test_metadata_come_back_as_they_were() -> None:
    info = model_info(structures=("microtubule", "pore"), density_range_per_um2=(1.5, 300))
    assert ModelInfo.from_metadata(info.to_metadata()) == info


def test_every_value_is_json_text() -> None:
    for text in model_info().to_metadata().values():
        json.loads(text)


def test_a_missing_key_is_named() -> None:
    props = model_info().to_metadata()
    del props["halo_px"]
    with pytest.raises(KeyError, match="halo_px"):
        ModelInfo.from_metadata(props)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 2}, "stride 2 and halo 64 px do not fit together"),
        ({"stride": 18}, "do not fit together"),
        ({"halo_px": 40}, "stride 16 and halo 40 px"),
        ({"structures": ()}, "must be given and positive"),
        ({"pixel_nm": 0}, "must be given and positive"),
        ({"psf_sigma_nm": -1}, "must be given and positive"),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ModelInfo.from_metadata(model_info(**changes).to_metadata())


def test_names_are_given_once_and_quarters_where_they_belong() -> None:
    assert not INPUTS.keys() & OUTPUTS.keys()
    assert model_info().contract == CONTRACT_VERSION
    quarters = {n for n, shape in (INPUTS | OUTPUTS).items() if "H4" in shape}
    assert quarters == {"widefield", "background", "widefield_estimate"}
    assert QUARTER == 4
