"""The content of `<stem>.json`, from a reconstruction and its provenance."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from annapalm.domain import drift, precision
from annapalm.quality.density import nyquist_nm
from annapalm.write.ome_tiff import channels
from annapalm.write.schema import FIELD_SCHEMA
from annapalm.write.trust import DOUBT, measure_trust

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.grid import Grid
    from annapalm.reconstruction import Reconstruction
    from annapalm.write.schema import (
        CountsRecord,
        CrossCheckRecord,
        DomainRecord,
        DriftRecord,
        FieldRecord,
        ImageRecord,
        OutputRecord,
        PanelRecord,
        PictureRecord,
        PrecisionRecord,
        Provenance,
        WidefieldRecord,
    )


def build_record(
    result: Reconstruction,
    image: ImageRecord,
    provenance: Provenance,
    *,
    outputs: list[OutputRecord],
    preview: dict[str, PanelRecord],
    timings_s: dict[str, float],
    doubt: float = DOUBT,
) -> FieldRecord:
    """Assemble the sidecar of one field; no number in it is NaN or infinite."""
    return {
        "schema": FIELD_SCHEMA,
        "outputs": outputs,
        "image": image,
        **picture_record(result, doubt),
        "series": None,
        "channels": None,
        "preview": preview,
        "warnings": list(result.warnings),
        "timings_s": round_timings(timings_s),
        "provenance": provenance,
    }


def picture_record(result: Reconstruction, doubt: float = DOUBT) -> PictureRecord:
    """Measure one picture."""
    return {
        "counts": count_record(result),
        "trust": measure_trust(result, doubt),
        "domain": domain_record(result),
        "drift": drift_record(result),
        "precision": precision_record(result),
        "widefield": widefield_record(result),
        "cross_check": cross_check_record(result),
    }


def round_timings(timings_s: dict[str, float]) -> dict[str, float]:
    """Round wall times: finer than a tenth of a millisecond is noise."""
    return {step: round(float(t), 4) for step, t in timings_s.items()}


def image_record(result: Reconstruction) -> ImageRecord:
    """Say what the pixels of the OME-TIFF are, and where they lie."""
    planes = {name: name for name in channels(result)}
    return describe_image(result.grid, result.exposure, planes, result.tiles)


def describe_image(grid: Grid, exposure: float, planes: dict[str, str], tiles: int) -> ImageRecord:
    """Say the same of any image; `planes` is the name of each plane to what it is, as `dense`."""
    x0, y0, x1, y1 = grid.extent_nm
    over = "over the exposure of the input"
    if exposure != 1:
        over = f"over {exposure:g} times the exposure of the input"
    units = {
        "dense": f"expected localizations of the structure per pixel, {over}",
        "error": f"expected absolute error of dense, same unit, {over}",
        "widefield_error": f"disagreement with the widefield image per 4 x 4 pixels, {over}",
        "cross_check": "signed z of held-out localizations: below 0 not borne out, above 0 missing",
    }
    return {
        "shape": list(grid.shape),
        "pixel_nm": float(grid.pixel_nm),
        "origin_nm": [float(o) for o in grid.origin_nm],
        "field_um": [float(x1 - x0) / 1000, float(y1 - y0) / 1000],
        "area_um2": float(grid.area_um2),
        "channels": list(planes),
        "units": {name: units[kind] for name, kind in planes.items()},
        "exposure": float(exposure),
        "tiles": tiles,
    }


def count_record(result: Reconstruction) -> CountsRecord:
    """Count what the network was given."""
    used = round(float(result.counts.sum(dtype=np.float64)))
    density = used / result.grid.area_um2
    return {
        "used": used,
        "outside": result.outside,
        "density_per_um2": density,
        "nyquist_nm": nyquist_nm(density),
        "occupied_share": float(np.count_nonzero(result.counts) / result.counts.size),
    }


def domain_record(result: Reconstruction) -> DomainRecord | None:
    """Say how the localizations compare with simulated ones, or None where nothing can be said."""
    found = result.familiarity
    if found is None:
        return None
    return {
        "distance": found.distance,
        "limit": found.limit,
        "likeliest": found.likeliest,
        "mistaken_for": found.mistaken_for,
        "withheld": result.withheld,
    }


def drift_record(result: Reconstruction) -> DriftRecord | None:
    """Say how far the localizations drift, or None where that could not be measured."""
    found = result.drift
    if found is None:
        return None
    return {
        "total_nm": list(found.total_nm),
        "length_nm": found.length_nm,
        "error_nm": found.error_nm,
        "limit_nm": drift.LIMIT_NM,
    }


def precision_record(result: Reconstruction) -> PrecisionRecord | None:
    """Say how precise the localizations are, or None where nothing tells."""
    found = result.precision
    if found is None:
        return None
    return {
        "median_nm": found.median_nm,
        "source": found.source,
        "limit_nm": precision.LIMIT_NM,
    }


def widefield_record(result: Reconstruction) -> WidefieldRecord | None:
    """Say how well the widefield image is explained, or None where there was none."""
    agreement = result.widefield
    if agreement is None:
        return None
    return {
        "rsp": _finite(agreement.rsp),
        "rse": _finite(agreement.rse),
        "shift_nm": [float(s) for s in agreement.shift_nm],
        "registered": agreement.registered,
        "psf_sigma_nm": _finite(agreement.psf_sigma_nm),
    }


def cross_check_record(result: Reconstruction) -> CrossCheckRecord | None:
    """Say what the held-out frames say, why they say nothing, or None where they were not asked."""
    found, reason = result.cross_check, result.not_cross_checked
    if found is None:
        return None if reason is None else _not_cross_checked(reason)
    return {
        "done": True,
        "reason": None,
        "contradicted": found.contradicted,
        "seen": found.seen,
        "held_out": found.held_out,
        "cuts": None if found.cuts is None else list(found.cuts),
        "burst_frames": found.burst_frames,
        "clump_factor": found.clump_factor,
        "misfit": found.misfit,
        "total_ratio": found.total_ratio,
        "level_z": found.level_z,
        "unconfirmed_share": found.unconfirmed_share,
        "missing_share": found.missing_share,
        "testable_share": found.testable_share,
    }


def _not_cross_checked(reason: str) -> CrossCheckRecord:
    return {
        "done": False,
        "reason": reason,
        "contradicted": None,
        "seen": None,
        "held_out": None,
        "cuts": None,
        "burst_frames": None,
        "clump_factor": None,
        "misfit": None,
        "total_ratio": None,
        "level_z": None,
        "unconfirmed_share": None,
        "missing_share": None,
        "testable_share": None,
    }


def output_record(name: str, path: Path) -> OutputRecord:
    """Describe a file by size and hash; `path` is where it lies before it has its `name`."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": name, "size_bytes": path.stat().st_size, "sha256": digest}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
