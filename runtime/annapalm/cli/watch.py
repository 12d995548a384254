"""`annapalm-run --watch`: what comes into a folder is done as it comes, until nobody asks for more.

Each round looks through the inputs, does what has settled as a run of its own does it, and brings
record and report up to date. What a restart finds done is not done again: the ledger knows.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from annapalm.cli.errors import InputNotFoundError, NoChannelFilesError, NothingToDoError
from annapalm.cli.file_rules import with_rules
from annapalm.cli.inputs import Plan, make_plan
from annapalm.cli.settle import Settling
from annapalm.cli.streams import say
from annapalm.errors import AnnaPalmError
from annapalm.ledger import key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from annapalm.batch import Item
    from annapalm.cli.job import Job

POLL_S = 1.0
"""Seconds between two looks; fewer where less settling is asked for."""
REPORT_SHARE = 20
"""A report is written again when so many times has passed as the last one took to write."""


def plan_of(job: Job) -> Plan:
    """Find the inputs; raises as `make_plan`."""
    plan = make_plan(
        job.inputs,
        job.out,
        widefield_suffix=job.widefield_suffix,
        widefield=job.widefield,
        channels=job.channels,
    )
    if not job.found_widefields and job.widefield_suffix is not None:
        plan = plan.without_widefields(job.widefield_suffix)
    return replace(plan, items=with_rules(plan.items, job.rules))


def find(job: Job) -> Plan:
    """Find the inputs that there are now; none is no error, as some are to come."""
    try:
        return plan_of(job)
    except (NothingToDoError, NoChannelFilesError, InputNotFoundError):
        return Plan(())


class Watch:
    """The rounds of a watch."""

    def __init__(self, job: Job, do: Callable[[tuple[Item, ...]], bool]) -> None:
        """Call `do` with inputs that are whole; it returns False when the watch is to end."""
        self._job, self._do = job, do
        self._settling = Settling(job.settle_s)
        self._complaint = ""
        self.items: dict[str, Item] = {}
        """All inputs that were taken, by the names of their results, in the order of coming."""

    def run(self, write: Callable[[], None]) -> None:
        """Go on until `do` ends it, the inputs have been idle for long enough, or Ctrl-C.

        `write` brings record and report up to date. Raises KeyboardInterrupt.
        """
        idle_since = time.monotonic()
        written, cost, dirty = 0.0, 0.0, False
        while True:
            ready = self._ready()
            if ready:
                self.items |= {key_of(item.stem, self._job.out): item for item in ready}
                dirty = True
                if not self._do(ready):
                    return
            now = time.monotonic()
            if ready or self._settling.is_waiting():
                idle_since = now
            limit = self._job.idle_s
            ends = limit is not None and now - idle_since >= limit
            if dirty and not ends and now - written >= REPORT_SHARE * cost:
                write()
                written = time.monotonic()
                cost, dirty = written - now, False
            if ends:
                return
            time.sleep(min(POLL_S, self._job.settle_s / 4))

    def _ready(self) -> tuple[Item, ...]:
        """Find what is whole and was not taken as it is now."""
        try:
            items = find(self._job).items
        except (AnnaPalmError, OSError) as error:  # a drive that is away may come back
            if str(error) != self._complaint:
                say(f"warning: the inputs cannot be looked through, trying on: {error}")
            self._complaint = str(error)
            return ()
        self._complaint = ""
        shard, out = self._job.shard, self._job.out
        now = time.monotonic()
        return tuple(
            item
            for item in items
            if (shard is None or shard.has(key_of(item.stem, out)))
            and self._settling.is_ready(item.files, now)
        )
