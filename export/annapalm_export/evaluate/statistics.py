"""What a table of localizations is like, in numbers: for simulated tables beside real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm.grid import DEFAULT_PIXEL_NM, Grid
from annapalm.render import render
from annapalm_export.evaluate.across import beside_axes
from annapalm_export.evaluate.bursts import (
    Places,
    bursts_per_place,
    link_bursts,
    precision_from_bursts,
)
from annapalm_export.evaluate.pairs import (
    EDGES_NM,
    PairCorrelation,
    crowding,
    field_of,
    nearest_apart_nm,
    nearest_nm,
    pair_correlation,
)
from annapalm_export.evaluate.spectrum import LAGS, count_autocorrelation, spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm.localizations import Localizations
    from annapalm_export.evaluate.bursts import Bursts

SUMMARY = {
    "localizations": "localizations",
    "frames": "frames, first to last",
    "per_um2": "localizations per µm² of field",
    "per_frame_um2": "localizations per frame and 100 µm²",
    "burst_mean": "localizations per burst, mean",
    "burst_95": "localizations per burst, 95 %",
    "burst_single": "bursts of one localization, share",
    "place_mean": "bursts per place, mean",
    "place_95": "bursts per place, 95 %",
    "repeats": "repeats of the same emitter near in time, per localization",
    "nearest_05_nm": "nearest neighbour, 5 %, nm",
    "nearest_50_nm": "nearest neighbour, median, nm",
    "nearest_95_nm": "nearest neighbour, 95 %, nm",
    "apart_05_nm": "nearest neighbour apart in time, 5 %, nm",
    "apart_50_nm": "nearest neighbour apart in time, median, nm",
    "apart_95_nm": "nearest neighbour apart in time, 95 %, nm",
    "count_mean": "localizations per occupied 20 nm pixel, mean",
    "count_95": "localizations per occupied 20 nm pixel, 95 %",
    "count_single": "occupied pixels with one localization, share",
    "g_near_30": "g(r) near in time, r below 30 nm",
    "g_apart_30": "g(r) apart in time, r below 30 nm",
    "g_apart_100": "g(r) apart in time, r 60 to 140 nm",
    "g_apart_400": "g(r) apart in time, r 300 to 500 nm",
    "beside_50": "40 to 60 nm beside a filament, over within 20 nm",
    "beside_70": "60 to 80 nm beside a filament, over within 20 nm",
    "beside_120": "100 to 140 nm beside a filament, over within 20 nm",
    "crowding": "neighbours within 300 nm in one frame, over chance",
    "power_1000": "spectral power, wavelengths 640 to 1280 nm",
    "power_450": "spectral power, wavelengths 320 to 640 nm",
    "power_220": "spectral power, wavelengths 160 to 320 nm",
    "power_110": "spectral power, wavelengths 80 to 160 nm",
    "power_55": "spectral power, wavelengths 40 to 80 nm",
    "fano": "localizations per frame, variance over mean",
    "auto_1": "autocorrelation of localizations per frame, 1 frame",
    "auto_10": "autocorrelation of localizations per frame, 10 frames",
    "auto_100": "autocorrelation of localizations per frame, 100 frames",
    "precision_bursts_nm": "precision from successive localizations of bursts, nm",
    "precision_50_nm": "stated precision, median, nm",
}
"""Keys of a summary and what they are called, in the order of the page's table."""


_BESIDE = {"beside_50": (40.0, 60.0), "beside_70": (60.0, 80.0), "beside_120": (100.0, 140.0)}


@dataclass(frozen=True, slots=True)
class StatisticsOptions:
    """Where the lines are drawn; the same for every table that is compared."""

    link_nm: float = 50.0
    """Greatest distance within a burst, and from burst to burst of one place: about three times
    the distance between two localizations of one emitter at a precision of 12 nm."""
    gap_frames: int = 2
    """Frames without localization that a burst may have within."""
    apart_frames: int = 50
    """Localizations further apart in time count as different bursts: the gap that is left between
    input and held-out frames (`annapalm.quality.GAP_FRAMES`)."""

    def __post_init__(self) -> None:
        """Check the numbers once."""
        if not (np.isfinite(self.link_nm) and self.link_nm > 0):
            raise InvalidValueError("link_nm", self.link_nm, "a finite number above 0, in nm")
        for name in ("gap_frames", "apart_frames"):
            if getattr(self, name) < 0:
                raise InvalidValueError(name, getattr(self, name), "at least 0")


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A statistic that is a function."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    meaning: str
    """What x and y are, with units."""


@dataclass(frozen=True, slots=True, eq=False)
class TableStatistics:
    """The statistics of one table."""

    summary: dict[str, float]
    """By the keys of `SUMMARY`; NaN where the table cannot tell (no precision, too few frames)."""
    curves: dict[str, Curve]
    """`burst_localizations`, `nearest_nm`, `apart_nm`, `pixel_counts` (shares), `g_near`,
    `g_apart`, `power` and `autocorrelation`."""


def table_statistics(
    locs: Localizations, options: StatisticsOptions | None = None
) -> TableStatistics:
    """Compute the statistics of a table; some seconds for 500,000 rows.

    Raises `InvalidValueError` for fewer than two localizations, or a field below 640 x 640 nm.
    """
    options = options or StatisticsOptions()
    if len(locs) < 2:
        raise InvalidValueError("locs", f"{len(locs)} localizations", "at least two")
    bursts = link_bursts(locs, options.link_nm, options.gap_frames)
    places = bursts_per_place(bursts, options.link_nm)
    nearest = nearest_nm(locs)
    apart = nearest_apart_nm(locs, options.apart_frames)
    counts = pixel_counts(locs)
    pairs = pair_correlation(locs, options.apart_frames, link_nm=options.link_nm)
    power = spectrum(locs)
    auto = count_autocorrelation(locs, LAGS)
    summary = {
        **_amounts(locs),
        **_burst_numbers(bursts, places),
        "repeats": pairs.repeats,
        **_distances("nearest", nearest),
        **_distances("apart", apart),
        "count_mean": float(counts.mean()),
        "count_95": _quantile(counts, 0.95),
        "count_single": float((counts == 1).mean()),
        **_correlation_numbers(pairs),
        **dict(zip(_BESIDE, beside_axes(locs, tuple(_BESIDE.values())), strict=True)),
        "crowding": crowding(locs),
        "precision_bursts_nm": precision_from_bursts(locs, bursts),
        **{
            f"power_{key}": power.band(longest, longest / 2)
            for key, longest in ((1000, 1280), (450, 640), (220, 320), (110, 160), (55, 80))
        },
        **{f"auto_{lag}": float(auto[LAGS.index(lag)]) for lag in (1, 10, 100)},
    }
    middle = (np.asarray(EDGES_NM[1:]) + np.asarray(EDGES_NM[:-1])) / 2
    return TableStatistics(
        {key: summary[key] for key in SUMMARY},
        {
            "burst_localizations": _shares(bursts.localizations, "localizations of a burst"),
            "nearest_nm": _cumulated(nearest, "distance, nm"),
            "apart_nm": _cumulated(apart, "distance, nm"),
            "pixel_counts": _shares(counts, "localizations in an occupied pixel"),
            "g_near": Curve(middle, pairs.near_in_time, "r, nm; g(r) near in time"),
            "g_apart": Curve(middle, pairs.apart_in_time, "r, nm; g(r) apart in time"),
            "power": Curve(power.per_um, power.power, "1/µm; power over that of even counts"),
            "autocorrelation": Curve(np.asarray(LAGS, float), auto, "frames; correlation"),
        },
    )


def pixel_counts(locs: Localizations, pixel_nm: float = DEFAULT_PIXEL_NM) -> NDArray[np.int64]:
    """Localizations in each pixel that holds any: int64 [M], at least 1."""
    counts, _ = render(locs, Grid.around(locs, pixel_nm))
    occupied: NDArray[np.int64] = counts[counts > 0].astype(np.int64)
    return occupied


def _amounts(locs: Localizations) -> dict[str, float]:
    width, height = field_of(locs)
    area = width * height / 1e6
    frames = int(np.ptp(locs.frame)) + 1
    mean = len(locs) / frames
    _, count = np.unique(locs.frame, return_counts=True)
    stated = np.empty(0) if locs.precision_nm is None else locs.precision_nm
    stated = stated[np.isfinite(stated)]
    return {
        "localizations": float(len(locs)),
        "frames": float(frames),
        "per_um2": len(locs) / area,
        "per_frame_um2": 100 * mean / area,
        "fano": (float((count**2).sum()) / frames - mean**2) / mean,
        "precision_50_nm": float(np.median(stated)) if len(stated) else float("nan"),
    }


def _burst_numbers(bursts: Bursts, places: Places) -> dict[str, float]:
    return {
        "burst_mean": float(bursts.localizations.mean()),
        "burst_95": _quantile(bursts.localizations, 0.95),
        "burst_single": float((bursts.localizations == 1).mean()),
        "place_mean": places.mean,
        "place_95": places.quantile(0.95),
    }


def _distances(name: str, distance: NDArray[np.float64]) -> dict[str, float]:
    """Quantiles; NaN where that many localizations have no such neighbour at all."""
    found = {f"{name}_{q:02d}_nm": _quantile(distance, q / 100) for q in (5, 50, 95)}
    return {key: value if np.isfinite(value) else float("nan") for key, value in found.items()}


def _correlation_numbers(pairs: PairCorrelation) -> dict[str, float]:
    return {
        "g_near_30": pairs.at(0, 30, near_in_time=True),
        "g_apart_30": pairs.at(0, 30),
        "g_apart_100": pairs.at(60, 140),
        "g_apart_400": pairs.at(300, 500),
    }


def _quantile(values: NDArray[np.float64] | NDArray[np.int64], share: float) -> float:
    # A value that occurs, so that inf beside a number does not become NaN.
    return float(np.quantile(values, share, method="inverted_cdf"))


def _shares(values: NDArray[np.int64], what: str) -> Curve:
    number, count = np.unique(values, return_counts=True)
    return Curve(number.astype(np.float64), count / count.sum(), f"{what}; share")


def _cumulated(values: NDArray[np.float64], what: str) -> Curve:
    share = np.linspace(0, 1, 101)
    at = np.quantile(values, share, method="inverted_cdf")
    return Curve(at, share, f"{what}; share of localizations up to it")
