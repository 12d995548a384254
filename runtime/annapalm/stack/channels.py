"""The rows of a table that are of one channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.stack.errors import NoChannelColumnError, NoSuchChannelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.read import Table


def rows_of_channel(table: Table, value: str) -> NDArray[np.bool_]:
    """Mark, bool [N], the rows of a channel by its number or word.

    Raises `NoChannelColumnError` and `NoSuchChannelError`.
    """
    channel = table.localizations.channel
    if channel is None:
        raise NoChannelColumnError(table.path)
    words = table.channel_names
    names = words if words is not None else {str(n): n for n in np.unique(channel).tolist()}
    if value not in names:
        raise NoSuchChannelError(table.path, value, list(names))
    rows: NDArray[np.bool_] = channel == names[value]
    return rows
