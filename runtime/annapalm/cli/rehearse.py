"""`--dry-run`: what a run would do, found as the run would find it; nothing is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annapalm.cli.ending import DONE, SOME_FAILED
from annapalm.cli.session import Verdict, judge_all
from annapalm.cli.streams import say
from annapalm.errors import AnnaPalmError
from annapalm.field import check_stem_free
from annapalm.ledger import Index, check_settings, key_of
from annapalm.write.text import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annapalm.batch import Item
    from annapalm.cli.job import Job
    from annapalm.cli.streams import ResultStream
    from annapalm.field import FieldOptions
    from annapalm.write.schema import JsonValue


def rehearse(
    job: Job, settings: Mapping[str, JsonValue], items: tuple[Item, ...], results: ResultStream
) -> int:
    """List each input with what would become of it, on stdout, and give the exit code.

    Raises `SettingsDifferError` and `RunExistsError` as the run would.
    """
    overwrite = job.options.overwrite
    index = Index() if overwrite else check_settings(job.out, settings, resume=job.resume)
    counted = {"do": 0, "done": 0, "refused": 0}
    for verdict in judge_all(index, job.out, items, overwrite=overwrite):
        item = verdict.item
        if index.was_left_begun(key_of(item.stem, job.out)):  # a run puts its files in order first
            verdict = Verdict(replace(item, replace=True))  # noqa: PLW2901 - the same, better known
        action, reason = _action(verdict, job.options)
        counted[action] += 1
        if job.jsonl:
            line = {"input": item.source, "action": action, "stem": item.stem, "reason": reason}
            results.line(json_text(line, indent=None))
        else:
            why = "" if reason is None else f": {reason}"
            results.line(f"{action:8}{item.source} -> {item.stem}{why}")
    if not job.quiet:
        say(
            f"of {len(items)} inputs a run would do {counted['do']}, with {counted['done']} done "
            f"already and {counted['refused']} refused; nothing was written"
        )
    return SOME_FAILED if counted["refused"] else DONE


def _action(verdict: Verdict, options: FieldOptions) -> tuple[str, str | None]:
    """Say in a word what would become of an input, and why where it is refused."""
    if verdict.done:
        return "done", None
    error = verdict.refusal
    if error is None and not verdict.item.replace:
        try:
            check_stem_free(verdict.item.stem, options)
        except AnnaPalmError as found:
            error = found
    return ("do", None) if error is None else ("refused", str(error))
