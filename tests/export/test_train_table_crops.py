"""Samples of own tables: what is seen, what is the target, and how they are mixed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from lines import lines_table, write_lines, write_widefield
from small import SMALL

from annapalm.errors import InvalidValueError
from annapalm.grid import Grid
from annapalm.quality import GAP_FRAMES
from annapalm_export.train.dataset import Batch, SimulatedCrops
from annapalm_export.train.division import HoldOut, Region, divide
from annapalm_export.train.losses import LossConfig, training_loss
from annapalm_export.train.losses.combined import known_truth
from annapalm_export.train.mix import MixedCrops, split_batch
from annapalm_export.train.networks import build_network
from annapalm_export.train.table_crops import (
    MOST_SEEN,
    TableCrops,
    choose_frames,
    choose_gap,
    density_range,
    draw_table_crop,
)
from annapalm_export.train.tables import ReadOptions, find_tables, read_acquisitions

if TYPE_CHECKING:
    from pathlib import Path

NAME = SMALL.data.structures[0]


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Region:
    """Take the learned part of a table with a widefield image."""
    folder: Path = tmp_path_factory.mktemp("tables")
    write_lines(folder, "cell")
    write_widefield(folder, "cell")
    files = find_tables([folder], folder / "run")
    return divide(read_acquisitions(files, ReadOptions()), HoldOut(), 64, 125.0).learned[0]


def test_inputs_are_consecutive_frames_within_the_range_of_densities(region: Region) -> None:
    rng, area = np.random.default_rng(0), region.grid.area_um2
    low, high = density_range(region)
    found = []
    for _ in range(200):
        start, stop = choose_frames(rng, region)
        found.append(len(region.locs.in_frames(start, stop)))
    # One more frame than wanted at most, and that holds some five localizations.
    assert min(found) > 0.8 * low * area
    assert max(found) < MOST_SEEN * len(region.locs) + 20
    assert high == min(100.0, MOST_SEEN * len(region.locs) / area)
    assert np.ptp(np.log(found)) > 0.7 * np.log(high / low)


def test_the_gap_is_at_least_the_evaluations_unless_the_table_is_short(region: Region) -> None:
    rng = np.random.default_rng(0)
    gaps = [choose_gap(rng, region, 200) for _ in range(300)]
    assert min(gaps) == GAP_FRAMES
    assert 150 < max(gaps) <= 200
    short = region.source.locs.in_frames(0, 100)
    brief = dataclasses.replace(region, source=dataclasses.replace(region.source, locs=short))
    assert choose_gap(rng, brief, 200) <= 10


def test_no_localization_is_both_seen_and_held_out(region: Region) -> None:
    locs = lines_table(size_um=(1.28, 1.28))
    locs = locs.select(np.argsort(locs.frame, kind="stable"))
    grid = Grid(20.0, (0.0, 0.0), (64, 64))
    one_crop = Region(dataclasses.replace(region.source, locs=locs), grid, locs)
    gap = dataclasses.replace(SMALL.data, gap_frames=GAP_FRAMES)
    rng = np.random.default_rng(1)
    for _ in range(20):
        sample = draw_table_crop(rng, one_crop, gap, NAME)
        seen = float(sample["counts"].sum())
        held = float(sample["held_structure"].sum())
        # The one gap at a border of the acquisition or the two within it hold 5 a frame.
        assert 0.8 * GAP_FRAMES * 5 < len(locs) - seen - held < 2.5 * GAP_FRAMES * 5
        assert held == pytest.approx(float(sample["ratio"]) * seen)


def test_a_real_sample_has_no_truth_and_no_known_background(region: Region) -> None:
    sample = draw_table_crop(np.random.default_rng(2), region, SMALL.data, NAME)
    assert bool(torch.isnan(sample["rate"]).all())
    assert not sample["held_background"].any()
    assert sample["counts"].shape == sample["held_structure"].shape == (1, 64, 64)
    assert sample["widefield"].shape == (1, 16, 16)
    assert sample["structure"].tolist() == [1.0]


def test_the_widefield_image_is_seen_in_its_share_and_lies_on_the_lines(region: Region) -> None:
    rng = np.random.default_rng(3)
    always = dataclasses.replace(SMALL.data, widefield_share=1.0)
    never = dataclasses.replace(SMALL.data, widefield_share=0.0)
    absent = draw_table_crop(rng, region, never, NAME)
    assert not absent["widefield"].any()
    assert not absent["widefield_scale"].any()
    agreement = []
    for _ in range(10):
        sample = draw_table_crop(rng, region, always, NAME)
        assert float(sample["widefield_scale"]) > 0
        held = torch.nn.functional.avg_pool2d(sample["held_structure"], 4)
        pair = torch.stack([held.flatten(), sample["widefield"].flatten()])
        agreement.append(float(torch.corrcoef(pair)[0, 1]))
    assert np.mean(agreement) > 0.3


def test_the_stream_of_real_crops_is_seeded(region: Region) -> None:
    first, same, other = (
        next(iter(TableCrops([region], SMALL.data, NAME, 2, seed))) for seed in (3, 3, 4)
    )
    assert torch.equal(first.counts, same.counts)
    assert not torch.equal(first.counts, other.counts)


def test_an_unknown_structure_is_refused(region: Region) -> None:
    with pytest.raises(InvalidValueError, match="structure is 'hair'"):
        TableCrops([region], SMALL.data, "hair", 2, 0)


def test_every_batch_holds_both_kinds(region: Region) -> None:
    simulated = SimulatedCrops(dataclasses.replace(SMALL.data, batch=1), SMALL.scene, 5)
    stream = iter(MixedCrops([simulated, TableCrops([region], SMALL.data, NAME, 2, 5)]))
    for _ in range(3):
        batch = next(stream)
        assert isinstance(batch, Batch)
        assert known_truth(batch).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("batch", "share", "expected"),
    [(6, 0.5, (3, 3)), (6, 0.0, (0, 6)), (6, 0.01, (1, 5)), (6, 0.99, (5, 1)), (5, 0.5, (2, 3))],
)
def test_the_share_is_rounded_but_neither_kind_is_lost(
    batch: int, share: float, expected: tuple[int, int]
) -> None:
    assert split_batch(batch, share) == expected


@pytest.mark.parametrize(("batch", "share"), [(6, 1.0), (6, -0.1), (6, float("nan")), (1, 0.5)])
def test_a_mixture_that_cannot_be_is_refused(batch: int, share: float) -> None:
    with pytest.raises(InvalidValueError):
        split_batch(batch, share)


@pytest.mark.parametrize("alone", [True, False])
def test_a_step_on_real_crops_has_finite_losses_and_gradients(
    region: Region, *, alone: bool
) -> None:
    tables = TableCrops([region], SMALL.data, NAME, 2, 5)
    simulated = SimulatedCrops(SMALL.data, SMALL.scene, 5)
    batch = next(iter(tables if alone else MixedCrops([simulated, tables])))
    torch.manual_seed(0)
    model = build_network(SMALL.network)
    ones = torch.ones_like(batch.widefield_scale)
    outputs = model(batch.counts, batch.widefield, batch.widefield_scale, ones, batch.structure)
    loss, parts = training_loss(outputs, batch, LossConfig())
    assert all(np.isfinite(value) for value in parts.values())
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)
    heads = [p.grad for p in model.get_submodule("error_head").parameters()]
    # The error head needs the truth: a batch without any teaches it nothing.
    assert any(g is not None and bool(g.any()) for g in heads) is not alone
