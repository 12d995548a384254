"""What can be evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annapalm.contract import ModelInfo
    from annapalm.grid import Grid
    from annapalm.localizations import Localizations
    from annapalm.reconstruction import Reconstruction
    from annapalm.render import CountImage
    from annapalm.widefield import WidefieldImage


class Reconstructor(Protocol):
    """What is evaluated; `annapalm.Model` is one."""

    @property
    def info(self) -> ModelInfo:
        """What the model says of itself; its `intervals` are tested."""

    def reconstruct(
        self,
        localizations_or_counts: Localizations | CountImage,
        widefield: WidefieldImage | NDArray[np.float32] | None = None,
        /,
        *,
        grid: Grid | None = None,
        structure: str | None = None,
        withhold: bool = True,
    ) -> Reconstruction:
        """Reconstruct one field of view; `structure` may be None where the model has only one.

        `withhold` False: show what the network draws even where a run would draw nothing.
        """
