"""Run models over suites, field by field, keeping what is done."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from annapalm_export.evaluate.structure_scores import kind_of
from annapalm_export.evaluate.suites.score import choose_levels, score_field
from annapalm_export.evaluate.suites.store import Key
from annapalm_export.evaluate.suites.suite import METHODS, in_distribution, threshold_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from annapalm.model import Model
    from annapalm_export.evaluate.crew import Chain, Crew
    from annapalm_export.evaluate.simulated import Row
    from annapalm_export.evaluate.suites.score import Levels
    from annapalm_export.evaluate.suites.store import Store
    from annapalm_export.evaluate.suites.suite import Condition, Suite

THRESHOLD_FIELDS = 4
"""Fields per density on which thresholds are chosen."""
TRUST_FIELDS = 4
"""Most fields per density that are turned into inputs with nothing to find."""
BASELINES = "baselines-1"
"""Stands for a model's sha256 where there is none; a new number where the baselines change."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that is evaluated."""

    label: str
    """How tables and plots call it; unlike any other's."""
    model: Model

    @property
    def sha256(self) -> str:
        """Of the file it was read from."""
        return self.model.sha256

    def knows(self, structure: str) -> bool:
        """Whether it can be asked for that structure."""
        return structure in self.model.info.structures


@dataclass(frozen=True, slots=True)
class SuiteRunner:
    """Runs suites for some models; what the store holds already is not computed again."""

    entries: Sequence[Entry]
    store: Store
    fields: int
    """Fields per condition and density."""
    say: Callable[[str], None]
    workers: Crew
    """Has the models of the entries."""
    threshold_fields: int = THRESHOLD_FIELDS

    def run(self, suite: Suite) -> list[Row]:
        """Score every model that knows a condition's structure, and the baselines, on it.

        One row per field, model and method (`model` "" for the baselines). Raises
        `TooFewSeedsError` where the seeds do not give as many fields.
        """
        asked = [(condition, self._asked(suite, condition)) for condition in suite.conditions]
        asked = [(condition, entries) for condition, entries in asked if entries]
        # No skeleton is drawn for a cross-check, so it needs no threshold.
        if suite.kind != "cross-check":
            self.workers.follow(self._choose(suite, asked))
        self.workers.follow(
            self._score(suite, condition, density, entries)
            for condition, entries in asked
            for density in condition.densities
        )
        return [
            row for condition, entries in asked for row in self._rows(suite, condition, entries)
        ]

    def _asked(self, suite: Suite, condition: Condition) -> Sequence[Entry]:
        """Those models that are run on a condition."""
        if suite.kind in ("trust", "cross-check"):
            return self.entries  # the wrong structure is one of their inputs
        knowing = [entry for entry in self.entries if entry.knows(condition.structure)]
        if not knowing:
            self.say(f"{suite.label}, {condition.name}: no model here knows this structure")
        return knowing

    def _rows(self, suite: Suite, condition: Condition, entries: Sequence[Entry]) -> Iterator[Row]:
        """Rows of the fields that the store holds, in order."""
        about = {"suite": suite.label, "condition": condition.name}
        labels = {entry.sha256: entry.label for entry in entries}
        for density, number in product(condition.densities, range(self._fields(suite))):
            for sha, key in self._keys(suite, condition, density, number, entries).items():
                for row in self.store[key]["rows"]:
                    yield about | {"model": labels.get(sha, "")} | row

    def _score(
        self, suite: Suite, condition: Condition, density: float, entries: Sequence[Entry]
    ) -> Chain:
        """Score the fields of one density one after another, each at the seeds after the last."""
        seeds = suite.seeds
        for number in range(self._fields(suite)):
            keys = self._keys(suite, condition, density, number, entries)
            known = [record for key in keys.values() if (record := self.store.get(key))]
            if known:
                seeds = range(known[0]["seed"], seeds.stop)
            missing = [sha for sha, key in keys.items() if self.store.get(key) is None]
            if missing:
                levels = self._levels(suite, condition, entries)
                task = (suite, condition, density, number, seeds, levels, missing)
                seed, rows = yield score_field, task
                for sha in missing:
                    self.store.add(keys[sha], {"seed": seed, "rows": rows[sha]})
                seeds = range(seed, seeds.stop)
                self.say(
                    f"{suite.label}, {condition.name}, {density:g} localizations per unit: "
                    f"field {number + 1}"
                )
            seeds = seeds[1:]

    def _fields(self, suite: Suite) -> int:
        return min(self.fields, TRUST_FIELDS) if suite.kind == "trust" else self.fields

    def _keys(
        self,
        suite: Suite,
        condition: Condition,
        density: float,
        number: int,
        entries: Sequence[Entry],
    ) -> dict[str, Key]:
        """Keys of what is computed of a field, by sha256; "" for the baselines."""
        whose = ["", *(e.sha256 for e in entries)] if suite.kind == "simulated" else []
        return {
            sha: Key(
                suite.label,
                condition.name,
                sha or BASELINES,
                density,
                number,
                self.threshold_fields,
                condition.scene.field_um,
                _densities(threshold_condition(condition)),
            )
            for sha in whose or [e.sha256 for e in entries]
        }

    def _choose(
        self, suite: Suite, asked: Sequence[tuple[Condition, Sequence[Entry]]]
    ) -> Iterator[Chain]:
        """Choose the thresholds that are missing, once for all conditions that share them."""
        wanted: dict[Key, tuple[Condition, str]] = {}
        for condition, entries in asked:
            for sha, key in self._level_keys(suite, condition, entries).items():
                if self.store.get(key) is None:
                    wanted[key] = (threshold_condition(condition), sha)
        sources = dict.fromkeys(source for source, _ in wanted.values())
        for source in sources:
            keys = {sha: key for key, (own, sha) in wanted.items() if own == source}
            yield self._choose_of(suite, source, keys)

    def _choose_of(self, suite: Suite, source: Condition, keys: dict[str, Key]) -> Chain:
        task = (source, suite.threshold_seeds, self.threshold_fields, list(keys))
        found = yield choose_levels, task
        for sha, key in keys.items():
            self.store.add(key, {"levels": found[sha]})
        self.say(f"{next(iter(keys.values())).suite}, {source.name}: skeleton thresholds {found}")

    def _level_keys(
        self, suite: Suite, condition: Condition, entries: Sequence[Entry]
    ) -> dict[str, Key]:
        """Keys of the thresholds of a condition's fields, by sha256; "" for the baselines."""
        source = threshold_condition(condition)
        label = suite.label if source is condition else in_distribution(source.structure).label
        knowing = [e.sha256 for e in entries if e.knows(condition.structure)]
        return {
            sha: Key(
                label,
                source.name,
                sha or BASELINES,
                thresholds=self.threshold_fields,
                field_um=source.scene.field_um,
                input=_densities(source),
            )
            for sha in ("", *knowing)
        }

    def _levels(self, suite: Suite, condition: Condition, entries: Sequence[Entry]) -> Levels:
        """Thresholds that were chosen; the usual ones where there was nothing to choose from."""
        if suite.kind == "cross-check":
            return {}
        usual = dict.fromkeys(METHODS, kind_of(condition.structure).DEFAULT_LEVEL)
        keys = self._level_keys(suite, condition, entries)
        chosen = {sha: usual | self.store[key]["levels"] for sha, key in keys.items()}
        # A model that does not know the structure has thresholds from none of its fields.
        return {entry.sha256: usual for entry in entries} | chosen


def _densities(condition: Condition) -> str:
    return ", ".join(f"{density:g}" for density in condition.densities)
