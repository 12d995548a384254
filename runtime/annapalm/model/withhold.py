"""Draw nothing where there is nothing to draw: localizations that lie as background alone does.

Whether a few localizations in a row are a thin axon or chance cannot be told from their
surroundings, which is all that the network sees. The arrangement of the whole field does tell
(`annapalm.domain`), once per field and before any tile. Where it says that the field holds no
structure, the best estimate of the structure's rate is 0, and what the network drew is diffuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annapalm.blocks import block_mean
from annapalm.contract import QUARTER

if TYPE_CHECKING:
    from annapalm.model.session import Results


def withhold(images: Results) -> Results:
    """Give the images of a field of which nothing is to be drawn; `images` are the network's.

    `dense` is 0 everywhere. `background` has what was drawn besides its own, so that both still sum
    to the same. `error` is what was drawn: were the judgement wrong, `dense` would be wrong by so
    much. So the error map shows what was left out, and where.
    """
    drawn = images["dense"]
    return {
        **images,
        "dense": np.zeros_like(drawn),
        "error": drawn,
        "background": images["background"] + block_mean(drawn, QUARTER),
        "widefield_estimate": np.zeros_like(images["widefield_estimate"]),
    }
