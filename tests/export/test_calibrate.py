"""Calibration: for each structure by its own input, and the factors mean what they say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small import SMALL
from test_evaluate_field import line, line_field

from annapalm.errors import InvalidValueError
from annapalm_export.calibrate import _curves, _OfStructure, _predict, calibrate
from annapalm_export.evaluate.fields import fields_of_densities, simulated_fields
from annapalm_export.seeds import CALIBRATION_SEEDS, TooFewSeedsError
from annapalm_export.simulate import SceneOptions
from annapalm_export.to_onnx.graph import inference_copy
from annapalm_export.train.network import Student


def two_structures() -> Student:
    """Make an untrained student of two structures, which draws them differently."""
    torch.manual_seed(0)
    model = Student(dataclasses.replace(SMALL.network, structures=2))
    return inference_copy(model.eval())


def test_another_number_of_structures_than_the_network_has_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="2 names, as the network has"):
        calibrate(two_structures(), 125.0, 8, ("microtubules",))


def test_two_processes_measure_what_one_does() -> None:
    names = ("microtubules", "actin")
    models = [two_structures() for _ in range(2)]
    threads = torch.get_num_threads()
    first, second = (
        calibrate(model, 125.0, 8, names, processes)
        for processes, model in enumerate(models, start=1)
    )
    assert first == second
    assert torch.get_num_threads() == threads
    assert torch.equal(models[0].calibration, models[1].calibration)
    assert not torch.equal(models[0].calibration[:, 0], models[0].calibration[:, 1])


def test_each_structure_is_asked_for_by_its_own_input() -> None:
    model = two_structures()
    field = line_field([line((-100, 1010), (4100, 1010))], (192, 192))
    counts = torch.from_numpy(field.counts)[None, None]
    none, one = torch.zeros((1, 1, 48, 48)), torch.ones((1, 1))
    drawn = []
    for index in (0, 1):
        weights = torch.eye(2)[index][None]
        with torch.no_grad():
            wanted = model(counts, none, 0 * one, one, weights)[0][0, 0].numpy()
        dense, error = _predict(model, field, 125.0, index)
        assert np.array_equal(dense, wanted)
        assert error.shape == field.counts.shape
        drawn.append(dense)
    assert not np.array_equal(drawn[0], drawn[1])


def of_structure(per_um2: list[float]) -> _OfStructure:
    """Two fields at each of three densities, whose errors are the larger the sparser."""
    ratios = [np.linspace(0, scale, 1001, dtype=np.float32) for scale in (4, 4, 2, 2, 1, 1)]
    return _OfStructure(1.0, 1.0, ratios, [5, 5, 10, 10, 20, 20], per_um2)


def test_each_density_has_quantiles_of_its_own() -> None:
    curves = _curves(of_structure([1, 3, 4, 6, 9, 11]))
    assert curves["per_um2"] == [2, 5, 10]
    assert curves["0.9"] == pytest.approx([3.6, 1.8, 0.9], rel=2e-3)
    assert list(curves) == ["per_um2", "0.5", "0.8", "0.9", "0.95"]


def test_densities_that_cannot_be_told_apart_are_taken_together() -> None:
    curves = _curves(of_structure([1, 1, 8, 8, 4, 4]))
    assert curves["per_um2"] == [1, 6]
    assert curves["0.5"] == pytest.approx([2.0, 0.667], rel=1e-2)
    assert _curves(of_structure([0] * 6))["per_um2"] == [1e-6]


def test_fields_of_several_densities_are_those_of_each() -> None:
    options = SceneOptions(field_um=4.0, frames=2000, amount_per_um2=3.0)
    seeds = CALIBRATION_SEEDS[:8]
    together = fields_of_densities((5.0, 20.0), seeds, 2, options=options)
    apart = [
        field
        for density in (5.0, 20.0)
        for field in simulated_fields(density, seeds, 2, with_widefield=True, options=options)
    ]
    found = {field.name: field.counts for field in together}
    assert set(found) == {field.name for field in apart}
    for field in apart:
        np.testing.assert_array_equal(found[field.name], field.counts)
    with pytest.raises(TooFewSeedsError, match=r"give only .*0 at 20 .*of 2 each"):
        list(fields_of_densities((5.0, 20.0), seeds[:0], 2, options=options))
