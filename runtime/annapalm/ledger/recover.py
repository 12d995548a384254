"""Putting an output folder in order after a run that was killed.

Which of the files are ours is known, not guessed: `begin` in the ledger says what was about to
appear and what lay there before, and a temporary file is named after the file it becomes
(`annapalm.write.atomic`). So nothing of the user's is touched, nor of a shard that is running.

Where `begin` has no `done`, the files of that input are one of these:

    nothing of it published     temporary files only                    remove them
    published in part           old ones have a second name (.old)      put back the old, remove new
    published, not yet said so  all new, some .old perhaps removed      no old ones before: remove;
                                                                        else they are the new set:
                                                                        remove what is left of .old
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from annapalm.ledger.ledger import state_of
from annapalm.write.atomic import leftovers
from annapalm.write.errors import as_write_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annapalm.ledger.ledger import Ledger


def recover(ledger: Ledger) -> None:
    """Put in order what was begun and neither done nor failed; of a shard only its own inputs.

    A complete new set that replaced an old one stays, and the ledger hears that it is ours: it may
    be replaced again, by whichever run comes to it. Raises an error of `annapalm.write.errors`.
    """
    for key, event in list(ledger.left_begun()):
        folder = (ledger.out / key).parent
        try:
            forward = _put_in_order(folder, event["files"])
        except OSError as error:
            raise as_write_error(error, folder) from error
        if forward:
            ledger.left(key, [folder / name for name in event["files"]])


def tidy_report(out: Path) -> None:
    """Remove what a killed run left of `run.json` and `report.html`; both are written anew."""
    try:
        for name in ("run.json", "report.html"):
            parts, olds = leftovers(out / name)
            for old in olds:
                if os.path.lexists(out / name):
                    old.unlink()
                else:
                    old.replace(out / name)
            _remove(parts)
    except OSError as error:
        raise as_write_error(error, out) from error


def _put_in_order(folder: Path, files: Mapping[str, list[int] | None]) -> bool:
    """Bring the files of one input to the state before, or forward; True: forward."""
    olds = {name: _second_name(folder / name, before) for name, before in files.items()}
    now = {name: state_of(folder / name) for name in files}
    new = {name for name, before in files.items() if now[name] not in (None, before)}
    # No old one goes before all are replaced: beside one that is still there, what differs and has
    # no second name was changed by somebody, and is left to them.
    untouched = any(before is not None and now[name] == before for name, before in files.items())
    forward = not untouched and any(files[name] is not None and olds[name] is None for name in new)
    for name, before in files.items():
        path, old = folder / name, olds[name]
        parts, others = leftovers(path)
        if old is not None and not forward:
            old.replace(path)
        elif name in new and before is None and not forward:
            path.unlink()
        _remove([*parts, *others])
    return forward


def _second_name(path: Path, before: list[int] | None) -> Path | None:
    """Find the old file under its second name, known by its size and time."""
    _, olds = leftovers(path)
    return next((old for old in olds if before is not None and state_of(old) == before), None)


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
