"""Inputs to files with one warm model: one (`run_field`), or many (`run_batch`)."""

from annapalm.batch.field import run_field
from annapalm.batch.item import Item, Outcome, skipped
from annapalm.batch.progress import BatchProgress
from annapalm.batch.run import run_batch

__all__ = ["BatchProgress", "Item", "Outcome", "run_batch", "run_field", "skipped"]
