"""Run models over suites, field by field, keeping what is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annapalm_export.evaluate.simulated import FieldScorer
from annapalm_export.evaluate.structure_scores import kind_of
from annapalm_export.evaluate.suite import LevelTables, reconstruct_both
from annapalm_export.evaluate.suites.alone import WIDEFIELD_ALONE, reconstruct_widefield_alone
from annapalm_export.evaluate.suites.cross_check import evaluate_cross_check
from annapalm_export.evaluate.suites.store import Key
from annapalm_export.evaluate.suites.suite import METHODS, in_distribution, threshold_condition
from annapalm_export.evaluate.suites.trust import evaluate_trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from annapalm.model import Model
    from annapalm.reconstruction import Reconstruction
    from annapalm_export.evaluate.field import EvalField
    from annapalm_export.evaluate.simulated import Row
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
    threshold_fields: int = THRESHOLD_FIELDS

    def run(self, suite: Suite) -> list[Row]:
        """Score every model that knows a condition's structure, and the baselines, on it.

        One row per field, model and method (`model` "" for the baselines). Raises `ValueError`
        where the seeds do not give as many fields.
        """
        rows: list[Row] = []
        for condition in suite.conditions:
            entries = [e for e in self.entries if e.knows(condition.structure)]
            if suite.kind in ("trust", "cross-check"):
                entries = list(self.entries)  # the wrong structure is one of their inputs
            if not entries:
                self.say(f"{suite.label}, {condition.name}: no model here knows this structure")
                continue
            about = {"suite": suite.label, "condition": condition.name}
            rows += [about | row for row in self._condition(suite, condition, entries)]
        return rows

    def _condition(
        self, suite: Suite, condition: Condition, entries: Sequence[Entry]
    ) -> Iterator[Row]:
        # No skeleton is drawn for a cross-check, so it needs no threshold.
        is_free = suite.kind == "cross-check"
        levels = {} if is_free else self._levels(suite, condition, entries)
        fields = min(self.fields, TRUST_FIELDS) if suite.kind == "trust" else self.fields
        for density in condition.densities:
            seeds = _Seeds(condition, density, suite.seeds)
            for number in range(fields):
                for entry, record in self._field(suite, seeds, number, entries, levels):
                    label = entry.label if entry else ""
                    for row in record["rows"]:
                        yield {"model": label} | row

    def _field(
        self,
        suite: Suite,
        seeds: _Seeds,
        number: int,
        entries: Sequence[Entry],
        levels: Mapping[str, dict[str, float]],
    ) -> list[tuple[Entry | None, dict[str, Any]]]:
        """Find or make the records of one field: of the baselines, if any, and each model."""
        whose: list[Entry | None] = [*entries]
        if suite.kind == "simulated":
            whose.insert(0, None)
        keys = [self._key(suite, seeds.condition, seeds.density, number, e) for e in whose]
        known = [self.store.get(key) for key in keys]
        seeds.learn(number, next((r["seed"] for r in known if r), None))
        if any(record is None for record in known):
            seed, scene = seeds.field(number)
            scorer = FieldScorer(scene, dict(levels.get("", {})))
            for at, (entry, key) in enumerate(zip(whose, keys, strict=True)):
                if known[at] is None:
                    rows = self._rows(suite, scene, scorer, entry, levels)
                    known[at] = self.store.add(key, {"seed": seed, "rows": rows})
            self.say(
                f"{suite.label}, {seeds.condition.name}, {seeds.density:g} localizations per "
                f"{scene.unit}: field {number + 1}"
            )
        return [(e, r) for e, r in zip(whose, known, strict=True) if r is not None]

    def _rows(
        self,
        suite: Suite,
        scene: EvalField,
        scorer: FieldScorer,
        entry: Entry | None,
        levels: Mapping[str, dict[str, float]],
    ) -> list[Row]:
        if entry is None:
            scorer.levels = levels[""]
            return scorer.baseline_rows()
        if suite.kind == "cross-check":
            return evaluate_cross_check(entry.model, scene)
        scorer.levels = levels[""] | levels[entry.sha256]
        if suite.kind == "trust":
            return evaluate_trust(entry.model, scene, scorer)
        return scorer.model_rows(_reconstruct(entry.model, scene, suite.methods))

    def _levels(
        self, suite: Suite, condition: Condition, entries: Sequence[Entry]
    ) -> dict[str, dict[str, float]]:
        """Thresholds by sha256 of the model ("" for the baselines), then by method."""
        usual = dict.fromkeys(METHODS, kind_of(condition.structure).DEFAULT_LEVEL)
        # A model that does not know the structure has thresholds from none of its fields.
        knowing = [e for e in entries if e.knows(condition.structure)]
        strangers = {e.sha256: usual for e in entries if not e.knows(condition.structure)}
        source = threshold_condition(condition)
        label = suite.label if source is condition else in_distribution(source.structure).label
        keys = {
            sha: Key(
                label,
                source.name,
                sha or BASELINES,
                thresholds=self.threshold_fields,
                field_um=source.scene.field_um,
                input=_densities(source),
            )
            for sha in ("", *(e.sha256 for e in knowing))
        }
        missing = [sha for sha, key in keys.items() if self.store.get(key) is None]
        if missing:
            models = {e.sha256: e.model for e in knowing}
            found = self._choose(suite, source, {sha: models.get(sha) for sha in missing})
            for sha in missing:
                self.store.add(keys[sha], {"levels": found[sha]})
            self.say(f"{label}, {source.name}: skeleton thresholds {found}")
        known = {sha: self.store.get(key) for sha, key in keys.items()}
        return strangers | {sha: usual | r["levels"] for sha, r in known.items() if r}

    def _choose(
        self, suite: Suite, condition: Condition, models: Mapping[str, Model | None]
    ) -> dict[str, dict[str, float]]:
        tables = {sha: LevelTables() for sha in models}
        for density in condition.densities:
            seeds = _Seeds(condition, density, suite.threshold_seeds)
            for number in range(self.threshold_fields):
                _, scene = seeds.field(number)
                for sha, model in models.items():
                    if model is None:
                        tables[sha].add_baselines(scene)
                    else:
                        tables[sha].add_model(scene, _reconstruct(model, scene, METHODS))
        return {sha: table.best() for sha, table in tables.items()}

    def _key(
        self,
        suite: Suite,
        condition: Condition,
        density: float,
        number: int,
        entry: Entry | None,
    ) -> Key:
        return Key(
            suite.label,
            condition.name,
            entry.sha256 if entry else BASELINES,
            density,
            number,
            self.threshold_fields,
            condition.scene.field_um,
            _densities(threshold_condition(condition)),
        )


def _densities(condition: Condition) -> str:
    return ", ".join(f"{density:g}" for density in condition.densities)


class _Seeds:
    """The fields of one condition and density by number; known ones are not searched for."""

    def __init__(self, condition: Condition, density: float, seeds: range) -> None:
        self.condition, self.density = condition, density
        self._seeds = seeds
        self._known: dict[int, int] = {}

    def learn(self, number: int, seed: int | None) -> None:
        """Remember which seed gave a field."""
        if seed is not None:
            self._known[number] = seed

    def field(self, number: int) -> tuple[int, EvalField]:
        """Make a field, the one before having been made or learned."""
        first = self._known.get(number)
        if first is None:
            first = self._known[number - 1] + 1 if number else self._seeds.start
        found = next(self.condition.fields(self.density, range(first, self._seeds.stop)), None)
        if found is None:
            message = (
                f"only {number} fields of '{self.condition.name}' at {self.density:g} "
                "localizations per unit could be made from the suite's seeds; ask for fewer"
            )
            raise ValueError(message)
        self._known[number] = found[0]
        return found


def _reconstruct(
    model: Model, scene: EvalField, methods: Sequence[str]
) -> dict[str, Reconstruction]:
    """Results of those of a model's methods that the field allows."""
    results = reconstruct_both(model, scene)
    if WIDEFIELD_ALONE in methods:
        alone = reconstruct_widefield_alone(model, scene)
        if alone is not None:
            results[WIDEFIELD_ALONE] = alone
    return {method: result for method, result in results.items() if method in methods}
