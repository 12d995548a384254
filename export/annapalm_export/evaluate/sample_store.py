"""The fields of a study that are done, in a file of JSON lines: a study cut short goes on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from annapalm.errors import AnnaPalmError
from annapalm_export.evaluate.studies import Sample, choose_bandwidths, samples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from annapalm.model import Model
    from annapalm_export.evaluate.studies import Study


class OtherStudyError(AnnaPalmError, ValueError):
    """A file of kept fields is not of the study that was asked for."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} does not hold the fields of this study: {reason}. Give the call that began "
            "the file, or another file."
        )


@dataclass(frozen=True, slots=True)
class SampleStore:
    """A file whose first line says what the study is; every further one holds a field's samples."""

    path: Path

    def begin(self, study: dict[str, Any], choices: dict[str, Any]) -> None:
        """Write the first line: what was asked for, and what was chosen for it (once)."""
        self._append({"study": study, "choices": choices})

    def read(self, study: dict[str, Any]) -> tuple[dict[str, Any] | None, list[Sample]]:
        """Give the choices and the samples kept so far; None and none without a file.

        A line that was not written to its end is cut off. Raises `OtherStudyError`.
        """
        if not self.path.is_file():
            return None, []
        whole = self.path.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        try:
            first, *lines = [json.loads(line) for line in kept.splitlines()]
            begun, choices = first["study"], dict(first["choices"])
            found = [Sample(**one) for line in lines for one in line]
        except (KeyError, TypeError, ValueError) as error:
            raise OtherStudyError(self.path, f"{type(error).__name__}: {error}") from error
        if begun != study:
            raise OtherStudyError(self.path, f"it holds {json.dumps(begun)}")
        if len(kept) < len(whole):
            with self.path.open("r+b") as stream:
                stream.truncate(len(kept))
        return choices, found

    def add(self, field: Sequence[Sample]) -> None:
        """Keep the samples of one field: all its densities, or none of them."""
        self._append([asdict(sample) for sample in field])

    def _append(self, content: object) -> None:
        with self.path.open("ab") as stream:
            stream.write((json.dumps(content) + "\n").encode())


def kept_samples(
    path: Path | None,
    study: Study,
    model: Model,
    seeds: dict[str, range],
    number: int,
    densities: Sequence[float],
    say: Callable[[str], None],
    *,
    with_blur: bool,
) -> tuple[dict[float, float] | None, list[Sample]]:
    """Choose the blur's bandwidths and measure all fields, but for what `path` holds already.

    Raises `OtherStudyError` and `TooFewSeedsError`.
    """
    asked = {
        "study": asdict(study),
        "model": model.sha256,
        "seeds": {group: [of_group.start, of_group.stop] for group, of_group in seeds.items()},
        "densities": list(densities),
        "blur": with_blur,
    }
    store = None if path is None else SampleStore(path)
    choices, done = (None, []) if store is None else store.read(asked)
    if choices is None:
        blurs = choose_bandwidths(study, densities=densities) if with_blur else None
        if store is not None:
            store.begin(asked, {"bandwidths_nm": None if blurs is None else list(blurs.items())})
    else:
        chosen = choices["bandwidths_nm"]
        blurs = None if chosen is None else {float(at): float(nm) for at, nm in chosen}
    found = samples(
        study,
        model,
        seeds,
        number,
        bandwidths=blurs,
        densities=densities,
        done=done,
        keep=(lambda _: None) if store is None else store.add,
        say=say,
    )
    return blurs, found
