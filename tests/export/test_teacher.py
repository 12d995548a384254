"""A network that learns from another one's pictures, and teachers that cannot teach."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
import torch
from batches import random_batch, random_outputs, without_truth
from small import SMALL

from annapalm.errors import InvalidValueError
from annapalm.model.errors import ModelNotFoundError
from annapalm_export.train import checkpoint
from annapalm_export.train.loop import train
from annapalm_export.train.losses import LossConfig, training_loss
from annapalm_export.train.network import NetworkConfig
from annapalm_export.train.networks import build_network
from annapalm_export.train.teacher import Teacher

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm_export.train.config import Recipe


def _teacher(path: Path, recipe: Recipe = SMALL) -> Path:
    torch.manual_seed(5)
    network = build_network(recipe.network)
    text = json.dumps(dataclasses.asdict(recipe))
    checkpoint.save(path, {"step": 9, "average": network.state_dict(), "recipe": text})
    return path


def _taught(teacher: object, **changes: object) -> Recipe:
    loss = dataclasses.replace(SMALL.loss, teacher=str(teacher), **changes)  # type: ignore[arg-type]
    return dataclasses.replace(SMALL, loss=loss)


def test_the_shape_is_best_at_the_teachers_picture() -> None:
    batch, outputs = random_batch(), random_outputs(random_batch())
    lesson = torch.rand(batch.rate.shape, generator=torch.Generator().manual_seed(3)) + 0.1
    config = LossConfig(teacher="any", taught=1.0, noise_free=1.0)

    def shape(dense: torch.Tensor) -> float:
        return training_loss((dense, *outputs[1:]), batch, config, lesson)[1]["shape"]

    assert shape(5 * lesson) == pytest.approx(shape(lesson), rel=1e-4)  # a shape has no total
    assert shape(lesson) < shape(batch.rate)
    assert shape(lesson) < shape(lesson**2)


def test_a_share_of_the_teacher_lies_between() -> None:
    batch, outputs = random_batch(), random_outputs(random_batch())
    lesson = torch.rand(batch.rate.shape, generator=torch.Generator().manual_seed(3)) + 0.1

    def parts(taught: float) -> dict[str, float]:
        config = LossConfig(teacher="any", taught=taught)
        return training_loss(outputs, batch, config, lesson)[1]

    none, plain = parts(0.0), training_loss(outputs, batch, LossConfig())[1]
    assert none == pytest.approx(plain, rel=1e-6)
    half, whole = parts(0.5), parts(1.0)
    assert half["shape"] == pytest.approx((none["shape"] + whole["shape"]) / 2, rel=1e-4)
    assert none["shape"] != pytest.approx(whole["shape"], rel=1e-3)  # the test can fail
    for name in ("shape_all", "total", "error"):
        assert half[name] == plain[name]


def test_real_tables_and_empty_crops_are_not_taught() -> None:
    whole = random_batch()
    batch = whole._replace(rate=whole.rate * torch.tensor([0.0, 1.0, 1.0])[:, None, None, None])
    batch = without_truth(batch, [1, 2])
    outputs = random_outputs(batch)
    plain = training_loss(outputs, batch, LossConfig(noise_free=0.5))[1]
    lesson = torch.ones_like(batch.rate)
    taught = training_loss(outputs, batch, LossConfig(teacher="any", taught=1.0), lesson)[1]
    assert taught == pytest.approx(plain, rel=1e-6)


def test_a_run_learns_from_its_teacher_and_says_so_in_its_recipe(tmp_path: Path) -> None:
    path = _teacher(tmp_path / "teacher.pt")
    alone = train(SMALL, tmp_path / "alone", say=lambda _line: None)
    taught = train(_taught(path, taught=1.0), tmp_path / "taught", say=lambda _line: None)
    one, other = (checkpoint.load(run) for run in (alone, taught))
    assert json.loads(other["recipe"])["loss"]["teacher"] == str(path)
    name = "dense_head.weight"
    assert not torch.equal(one["model"][name], other["model"][name])


def test_a_teacher_draws_what_its_network_does_and_never_learns(tmp_path: Path) -> None:
    teacher = Teacher(_taught(_teacher(tmp_path / "teacher.pt")))
    torch.manual_seed(5)
    network = build_network(SMALL.network).eval()
    batch = random_batch()
    ones = torch.ones_like(batch.widefield_scale)
    expected = network(batch.counts, batch.widefield, batch.widefield_scale, ones, batch.structure)
    drawn = teacher.draw(batch)
    assert torch.allclose(drawn, expected[0], rtol=1e-5)
    assert not drawn.requires_grad


def test_a_teacher_that_cannot_teach_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no-such-model"):
        Teacher(_taught("no-such-model"))
    with pytest.raises(InvalidValueError, match=r"a network of microtubules in this order.* actin"):
        Teacher(_taught("structures"))
    anet = dataclasses.replace(
        SMALL,
        data=dataclasses.replace(SMALL.data, crop_px=256),
        network=NetworkConfig(kind="anet", ngf=2),
    )
    with pytest.raises(InvalidValueError, match="crops of 64 px; its stride is 256"):
        Teacher(_taught(_teacher(tmp_path / "anet.pt", anet)))
    (tmp_path / "bad.pt").write_bytes(b"garbage")
    with pytest.raises(checkpoint.CheckpointError, match=r"bad\.pt"):
        Teacher(_taught(tmp_path / "bad.pt"))


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"taught is 1\.5, but it must be a share, 0 to 1"):
        LossConfig(taught=1.5)
