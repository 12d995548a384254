"""Many inputs with one warm model."""

from annapalm.batch.item import Item, Outcome, skipped
from annapalm.batch.run import BatchProgress, run_batch

__all__ = ["BatchProgress", "Item", "Outcome", "run_batch", "skipped"]
