"""The training loop: resumable, on the CPU or a GPU, with a log that a person can read."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from annapalm_export.train import checkpoint
from annapalm_export.train.dataset import Batch, SimulatedCrops
from annapalm_export.train.losses import training_loss
from annapalm_export.train.network import Student
from annapalm_export.train.validate import Validation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from annapalm_export.train.config import OptimizerConfig, Recipe

CHECKPOINT = "checkpoint.pt"


def train(
    recipe: Recipe, folder: Path, device: str = "cpu", say: Callable[[str], None] = print
) -> Path:
    """Train until the recipe's steps are done; go on from `folder`'s checkpoint if there is one.

    Writes into `folder`: checkpoint.pt (weights, average, optimizer, step), log.jsonl (one line
    per `log_every` steps), log.txt (the same for reading), preview-STEP.png. Returns the path of
    the checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _denormals_flushed():
        return _train(recipe, folder, device, say)


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


def _train(recipe: Recipe, folder: Path, device: str, say: Callable[[str], None]) -> Path:
    torch.manual_seed(recipe.optimizer.seed)
    model = Student(recipe.network).to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch omits it
    average = checkpoint.Average(model, recipe.optimizer.average)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=recipe.optimizer.learning_rate,
        weight_decay=recipe.optimizer.weight_decay,
    )
    step = _resume(folder / CHECKPOINT, model, average, optimizer)
    validation = Validation(recipe)
    log = _Log(folder, say)
    log.say(f"{recipe.name}: steps {step} to {recipe.optimizer.steps} on {device}")
    batches = _batches(recipe, step)
    model.train()
    while step < recipe.optimizer.steps:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe.optimizer, step)
        batch = Batch(*(t.to(device) for t in next(batches)))
        parts = _step(model, optimizer, batch, recipe)
        average.update(model)
        step += 1
        log.add(parts)
        if step % recipe.output.log_every == 0:
            log.write(step, recipe.optimizer.steps)
        done = step == recipe.optimizer.steps
        if done or step % recipe.output.checkpoint_every == 0:
            _save(folder / CHECKPOINT, recipe, step, model, average, optimizer)
        if done or step % recipe.output.preview_every == 0:
            scores = validation.score(average.model, folder / f"preview-{step:06d}.png")
            log.say(
                f"step {step} validation: " + ", ".join(f"{k} {v:.3f}" for k, v in scores.items())
            )
    return folder / CHECKPOINT


def learning_rate(config: OptimizerConfig, step: int) -> float:
    """Linear warm-up, then a cosine down to 1 % of the peak."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    part = (step - config.warmup_steps) / max(config.steps - config.warmup_steps, 1)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(part, 1.0))))


def _batches(recipe: Recipe, step: int) -> Any:  # noqa: ANN401 - a DataLoader's iterator
    # The stream is seeded with the step it starts from: a resumed run sees new scenes.
    dataset = SimulatedCrops(recipe.data, recipe.scene, recipe.optimizer.seed * 1_000_003 + step)
    loader = DataLoader(
        dataset,
        batch_size=None,
        num_workers=recipe.output.workers,
        prefetch_factor=4 if recipe.output.workers else None,
    )
    return iter(loader)


def _step(
    model: Student, optimizer: torch.optim.Optimizer, batch: Batch, recipe: Recipe
) -> dict[str, float]:
    ones = torch.ones_like(batch.widefield_scale)
    structure = torch.ones((len(ones), recipe.network.structures), device=ones.device)
    counts = batch.counts.contiguous(memory_format=torch.channels_last)
    outputs = model(counts, batch.widefield, batch.widefield_scale, ones, structure)
    loss, parts = training_loss(outputs, batch, recipe.loss)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.optimizer.clip_norm)
    if not torch.isfinite(norm):
        message = f"the gradient is not finite (losses {parts}): lower the learning rate"
        raise FloatingPointError(message)
    optimizer.step()
    return parts


def _resume(
    path: Path, model: Student, average: checkpoint.Average, optimizer: torch.optim.Optimizer
) -> int:
    if not path.exists():
        return 0
    state = checkpoint.load(path)
    try:
        model.load_state_dict(state["model"])
        average.model.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
    except (KeyError, RuntimeError, ValueError) as problem:
        raise checkpoint.CheckpointError(path, "it belongs to another network") from problem
    average.steps = int(state["step"])
    return average.steps


def _save(
    path: Path,
    recipe: Recipe,
    step: int,
    model: Student,
    average: checkpoint.Average,
    optimizer: torch.optim.Optimizer,
) -> None:
    state = {
        "step": step,
        "model": model.state_dict(),
        "average": average.model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "recipe": json.dumps(dataclasses.asdict(recipe)),
    }
    checkpoint.save(path, state)


class _Log:
    """Collects the parts of the loss and writes their means."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.lines, self.text = folder / "log.jsonl", folder / "log.txt"
        self.tell = say
        self.parts: list[dict[str, float]] = []
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
