"""What an output folder remembers of the run that fills it, so that a run can go on.

`OUT/.annapalm/` holds an append-only record of events (the ledger) and files to lock. The results
need nothing of it: without it they are the same files, and only a run could not be resumed.
"""

from annapalm.ledger.index import Index
from annapalm.ledger.ledger import Ledger, check_settings, key_of
from annapalm.ledger.lock import OutputLock
from annapalm.ledger.recover import recover, tidy_report
from annapalm.ledger.resume import Standing, hash_companions, judge
from annapalm.ledger.shard import Shard
from annapalm.write.row import Row

__all__ = [
    "Index",
    "Ledger",
    "OutputLock",
    "Row",
    "Shard",
    "Standing",
    "check_settings",
    "hash_companions",
    "judge",
    "key_of",
    "recover",
    "tidy_report",
]
