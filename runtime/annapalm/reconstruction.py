"""What a reconstruction is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from annapalm.contract import QUARTER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annapalm.cross_check import CrossCheck
    from annapalm.domain import Drift, Familiarity, Precision
    from annapalm.grid import Grid
    from annapalm.render import CountImage, RateImage


@dataclass(frozen=True, slots=True, eq=False)
class WidefieldAgreement:
    """How well a reconstruction, blurred by the PSF, explains the widefield image."""

    error: RateImage
    """|widefield - (a * estimate + b)| at full size, float32 [Y, X], scaled by 1/a into the
    estimate's unit (localizations per quarter pixel over the exposure)."""
    rsp: float
    """Resolution-scaled Pearson: Pearson r of the two on the quarter grid, -1 to 1."""
    rse: float
    """Resolution-scaled error: root mean square of `error` on the quarter grid, same unit."""
    shift_nm: tuple[float, float]
    """(x, y) by which the widefield image was moved onto the localizations, nm."""
    psf_sigma_nm: float | None = None
    """Standard deviation of the Gaussian PSF that suits best, camera pixel included; None where no
    width makes the two alike, or none was fitted."""
    registered: bool = False
    """Whether the shift was measured, or left at 0 because too little was to be seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """A dense image with its error map, and what is needed to judge it. Images are [Y, X]."""

    dense: RateImage
    """Expected localizations of the structure per pixel over `exposure`; float32 [Y, X], >= 0."""
    error: RateImage
    """Expected absolute error of `dense`, same unit and shape."""
    background: RateImage
    """Diffuse localizations per pixel of the full grid, float32 [ceil(Y/4), ceil(X/4)]."""
    counts: CountImage
    """The sparse image that the network was given."""
    grid: Grid
    """Where the pixels lie in the camera's field."""
    outside: int
    """Localizations that lie outside `grid` and were not used."""
    exposure: float
    """Exposure of the result relative to that of the input; 1 = same frames."""
    widefield: WidefieldAgreement | None = None
    """None where there was no widefield image: never a map of zeros."""
    familiarity: Familiarity | None = None
    """How the localizations compare with simulated ones of the structure; None where nothing can be
    said (too few of them, or a structure that is not simulated)."""
    withheld: bool = False
    """Whether nothing was drawn, because the localizations look like background without structure:
    `dense` is 0, `background` has all of them, and `error` shows what would have been drawn."""
    drift: Drift | None = None
    """Steady drift of the localizations; None where it could not be measured (counts have no
    frames; too few localizations, or too few places that hold them, or no structure)."""
    precision: Precision | None = None
    """Localization precision; None where neither the table nor its bursts tell."""
    cross_check: CrossCheck | None = None
    """None where held-out frames were not asked for, or could not be: never a map of zeros."""
    not_cross_checked: str | None = None
    """Why it could not be cross-checked, where it was asked for."""
    warnings: tuple[str, ...] = ()
    """What the user should know before believing the picture."""
    intervals: dict[str, float] = field(default_factory=dict)
    """Nominal coverage ("0.9") to factor k: the truth lies within dense +/- k * error."""
    tiles: int = 1
    """In how many pieces the field was run."""
    timings_s: dict[str, float] = field(default_factory=dict)
    """Wall time per step, in seconds."""

    def background_at_full_size(self) -> NDArray[np.float32]:
        """Repeat `background` onto the full grid: float32 [Y, X]."""
        from annapalm.blocks import at_full_size  # numpy is imported where something is computed

        return at_full_size(self.background, QUARTER, self.grid.shape)

    def total_rate(self) -> RateImage:
        """Add structure and diffuse localizations up, per pixel: float32 [Y, X].

        What held-out localizations are compared with: nobody knows of what each of them is.
        """
        return self.dense + self.background_at_full_size()
