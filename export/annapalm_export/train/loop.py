"""The training loop: resumable, on the CPU or a GPU, with a log that a person can read."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from annapalm.errors import InvalidValueError
from annapalm_export.train import checkpoint
from annapalm_export.train.dataset import Batch, SimulatedCrops
from annapalm_export.train.losses import training_loss
from annapalm_export.train.losses.adversarial import Adversary
from annapalm_export.train.networks import build_network
from annapalm_export.train.own_data import begin
from annapalm_export.train.start import (
    SETTLING,
    freeze_norms,
    settle_norms,
    start_from,
    trained_before,
)
from annapalm_export.train.teacher import Teacher
from annapalm_export.train.validate import Validation
from annapalm_export.train.weights import CHECKPOINT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from torch.utils.data import IterableDataset

    from annapalm_export.train.config import OptimizerConfig, Recipe
    from annapalm_export.train.own_data import OwnData


def train(
    recipe: Recipe,
    folder: Path,
    device: str = "cpu",
    say: Callable[[str], None] = print,
    start: Path | None = None,
    own: OwnData | None = None,
) -> Path:
    """Train until the recipe's steps are done; go on from `folder`'s checkpoint if there is one.

    `own` mixes a lab's own tables into every batch (`annapalm_export.train.own_data`). A run that
    is new begins with the weights of the checkpoint or model file `start`, where one is given
    (`annapalm_export.train.start`), or with random ones. Writes into `folder`: checkpoint.pt
    (weights, average, optimizer, critic if there is one, step), log.jsonl (one line per `log_every`
    steps), log.txt (the same for reading), preview-STEP.png. Returns the path of the checkpoint.
    Raises `InvalidValueError` for frozen norms without anything to start from, `CheckpointError`
    where a checkpoint does not fit the recipe's network, what
    `annapalm_export.train.teacher.Teacher` does where its teacher cannot teach,
    `OtherTablesError` and `SeenBeforeError` where what it has seen does not fit `own`.
    """
    if recipe.optimizer.frozen_norms and start is None and not (folder / CHECKPOINT).exists():
        must = "false without trained weights to start from (--start): norms have no moments yet"
        raise InvalidValueError("optimizer.frozen_norms", True, must)  # noqa: FBT003 - the value
    folder.mkdir(parents=True, exist_ok=True)
    with _denormals_flushed():
        return _train(recipe, folder, device, say, start, own)


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Take denormal numbers as zero while training, and leave the process as it was.

    Tails of Gaussians and of softplus are denormal: measured 4.1 against 0.2 s a step.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _train(
    recipe: Recipe,
    folder: Path,
    device: str,
    say: Callable[[str], None],
    start: Path | None,
    own: OwnData | None,
) -> Path:
    real = begin(folder / CHECKPOINT, own, start)
    log = _Log(folder, say)
    run = _Run(recipe, folder / CHECKPOINT, device, log.say, start)
    run.real = real
    validation = Validation(recipe)
    log.say(f"{recipe.name}: steps {run.step} to {recipe.optimizer.steps} on {device}")
    # The stream is seeded with the step it starts from: a resumed run sees new scenes.
    seed = recipe.optimizer.seed * 1_000_003 + run.step
    crops = own.stream(recipe, seed) if own else SimulatedCrops(recipe.data, recipe.scene, seed)
    batches = _batches(crops, recipe.output.workers)
    if run.unsettled:
        run.settle(_on(device, batch) for batch in itertools.islice(batches, SETTLING))
    log.begin()
    while run.step < recipe.optimizer.steps:
        log.add(run.take(_on(device, next(batches))))
        step, done = run.step, run.step == recipe.optimizer.steps
        if step % recipe.output.log_every == 0:
            log.write(step, recipe.optimizer.steps)
        if done or step % recipe.output.checkpoint_every == 0:
            run.save()
        if done or step % recipe.output.preview_every == 0:
            scores = validation.score(run.average.model, folder / f"preview-{step:06d}.png")
            log.say(
                f"step {step} validation: " + ", ".join(f"{k} {v:.3f}" for k, v in scores.items())
            )
    return run.path


def learning_rate(config: OptimizerConfig, step: int) -> float:
    """Linear warm-up, then a cosine down to 1 % of the peak."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    part = (step - config.warmup_steps) / max(config.steps - config.warmup_steps, 1)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(part, 1.0))))


def _batches(crops: IterableDataset[Batch], workers: int) -> Iterator[Batch]:
    loader: DataLoader[Batch] = DataLoader(
        crops,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
    return iter(loader)


def _on(device: str, batch: Batch) -> Batch:
    return Batch(*(t.to(device) for t in batch))


class _Run:
    """All that changes from step to step: weights, their average, optimizers, the step itself."""

    def __init__(
        self,
        recipe: Recipe,
        path: Path,
        device: str,
        say: Callable[[str], None],
        start: Path | None,
    ) -> None:
        self.recipe, self.path, self.step = recipe, path, 0
        self.real: list[dict[str, Any]] = []
        """Which real tables the weights have seen: `annapalm_export.train.own_data.begin`."""
        self.earlier: list[dict[str, Any]] = []
        """The runs whose weights this one began with: `start.trained_before`."""
        torch.manual_seed(recipe.optimizer.seed)
        self.model = build_network(recipe.network).to(device)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch omits it
        self.unsettled = False
        """Whether batch norms have yet to be given moments: `settle`."""
        if start is not None and not path.exists():
            say(start_from(start, self.model, recipe.data.structures))
            self.earlier = trained_before(start)
            self.unsettled = True
        self.average = checkpoint.Average(self.model, recipe.optimizer.average)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=recipe.optimizer.learning_rate,
            weight_decay=recipe.optimizer.weight_decay,
        )
        self.teacher = Teacher(recipe, device) if recipe.loss.teacher else None
        self.adversary: Adversary | None = None
        if recipe.loss.adversarial > 0:
            self.adversary = Adversary(recipe.loss, recipe.network.structures, device)
        if path.exists():
            self._resume()
        self._train()

    def settle(self, batches: Iterable[Batch]) -> None:
        """Give the norms the moments of this run's crops: `annapalm_export.train.start`."""
        settle_norms(self.model, batches)
        self._train()
        self.average = checkpoint.Average(self.model, self.recipe.optimizer.average)
        self.unsettled = False

    def _train(self) -> None:
        self.model.train()
        if self.recipe.optimizer.frozen_norms:
            freeze_norms(self.model)

    def take(self, batch: Batch) -> dict[str, float]:
        """Take one step on a batch; return the parts of the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe.optimizer, self.step)
        ones = torch.ones_like(batch.widefield_scale)
        counts = batch.counts.contiguous(memory_format=torch.channels_last)
        outputs = self.model(counts, batch.widefield, batch.widefield_scale, ones, batch.structure)
        taught = self.teacher.draw(batch) if self.teacher else None
        loss, parts = training_loss(outputs, batch, self.recipe.loss, taught)
        if self.adversary is not None:
            fooled = self.adversary.fool(outputs[0], batch)
            loss = loss + self.recipe.loss.adversarial * fooled
            parts["adversarial"] = float(fooled.detach())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if not self._clip():
            message = f"the gradient is not finite (losses {parts}): lower the learning rate"
            raise FloatingPointError(message)
        self.optimizer.step()
        if self.adversary is not None:
            parts["critic"] = self.adversary.learn(outputs[0], batch)
        self.average.update(self.model)
        self.step += 1
        return parts

    def _clip(self) -> bool:
        """Bound the gradients' norms; False where one is not finite.

        The error head by itself: its likelihood jumps where a picture is wrong by a hundred times
        what was predicted, and bounded together the picture would stand still for that step.
        """
        of_error: list[torch.Tensor] = []
        others: list[torch.Tensor] = []
        for name, weight in self.model.named_parameters():
            (of_error if name.startswith("error") else others).append(weight)
        limit = self.recipe.optimizer.clip_norm
        norms = [torch.nn.utils.clip_grad_norm_(part, limit) for part in (others, of_error)]
        return bool(torch.isfinite(torch.stack(norms)).all())

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "recipe": json.dumps(
                {**dataclasses.asdict(self.recipe), "real": self.real, "earlier": self.earlier}
            ),
        }
        if self.adversary is not None:
            state["adversary"] = self.adversary.state_dict()
        checkpoint.save(self.path, state)

    def _resume(self) -> None:
        state = checkpoint.load(self.path)
        if "averaged" in json.loads(state.get("recipe", "{}")):
            message = "it is the mean of runs, which --start can begin with and nothing can resume"
            raise checkpoint.CheckpointError(self.path, message)
        try:
            self.model.load_state_dict(state["model"])
            self.average.model.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as problem:
            message = "it belongs to another network"
            raise checkpoint.CheckpointError(self.path, message) from problem
        if self.adversary is not None:
            try:
                self.adversary.load_state_dict(state["adversary"])
            except (KeyError, RuntimeError, ValueError) as problem:
                message = "it has no critic of this recipe's [loss]"
                raise checkpoint.CheckpointError(self.path, message) from problem
        self.average.steps = self.step = int(state["step"])
        self.earlier = json.loads(state["recipe"]).get("earlier", [])


class _Log:
    """Collects the parts of the loss and writes their means."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.lines, self.text = folder / "log.jsonl", folder / "log.txt"
        self.tell = say
        self.parts: list[dict[str, float]] = []
        self.since = time.monotonic()

    def begin(self) -> None:
        """Count time from here on: what came before was no training."""
        self.since = time.monotonic()

    def add(self, parts: dict[str, float]) -> None:
        self.parts.append(parts)

    def say(self, line: str) -> None:
        self.tell(line)
        with self.text.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    def write(self, step: int, steps: int) -> None:
        seconds = (time.monotonic() - self.since) / len(self.parts)
        mean = {k: sum(p[k] for p in self.parts) / len(self.parts) for k in self.parts[0]}
        with self.lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "seconds_per_step": seconds, **mean}) + "\n")
        losses = ", ".join(f"{name} {value:.4f}" for name, value in mean.items())
        left = (steps - step) * seconds / 60
        self.say(f"step {step}/{steps}: {losses} ({seconds:.2f} s a step, {left:.0f} min left)")
        self.parts, self.since = [], time.monotonic()
