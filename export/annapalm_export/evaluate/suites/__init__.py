"""Named, versioned, seeded test sets, and the run that scores models on them.

A suite that has given published figures is never changed: a change is a new version beside it.
"""

from __future__ import annotations

from annapalm_export.evaluate.suites.suite import (
    SUITES,
    Condition,
    Suite,
    in_distribution,
    release_suites,
    suite_named,
)

__all__ = ["SUITES", "Condition", "Suite", "in_distribution", "release_suites", "suite_named"]
