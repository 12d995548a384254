"""The OME-TIFF: float32 channels with pixel size, place in the camera's field and provenance.

Written by tifffile; opens with the right scale and channel names in Fiji, napari, QuPath and OMERO.
Equal provenance and pixels give equal bytes: nothing in the file says when it was written.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import tifffile

from annapalm.write.text import flatten, json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from annapalm.reconstruction import Reconstruction
    from annapalm.write.schema import ImageRecord, Provenance

_NAMESPACE = uuid.UUID("6e2b3a52-5c1d-5c0e-9a55-3f8a1b0d7c11")
"""Of the UUIDs (version 5) of our files; an arbitrary constant."""
_ANNOTATION = "annapalm/provenance"
_CLASSIC_BYTES = 2**32 - 2**25
"""Above it the offsets of a classic TIFF do not reach; BigTIFF is written instead."""
COLOURS = {
    "dense": 0xFFFFFFFF,
    "error": 0x2F9C97FF,
    "widefield_error": 0xB14FAEFF,
    "cross_check": 0xE0A13CFF,
}
"""RGBA in which viewers may show a channel."""


def channels(result: Reconstruction) -> dict[str, NDArray[np.float32]]:
    """List the channels in the order in which they are written: name to float32 [Y, X]."""
    planes = {"dense": result.dense, "error": result.error}
    if result.widefield is not None:
        planes["widefield_error"] = result.widefield.error
    if result.cross_check is not None:
        planes["cross_check"] = result.cross_check.z
    return planes


@dataclass(frozen=True, slots=True)
class Times:
    """When the pictures of a time-lapse were taken."""

    starts: tuple[int, ...]
    """First frame of each window, from 0."""
    size: int
    """Frames in each window."""
    step: int
    """Frames from one start to the next."""
    frame_time_ms: float | None
    """None: not known, and the file then gives no times."""


def write_ome_tiff(
    stream: BinaryIO,
    result: Reconstruction,
    image: ImageRecord,
    provenance: Provenance,
    *,
    name: str,
    compress: bool,
) -> None:
    """Write the channels of `result` to an open, seekable binary stream.

    `image` says what the channels are, `name` how the image is called. With `compress` deflated,
    which every reader knows; slower by far and, for these images, a third to a half smaller.
    """
    planes = channels(result)
    write_planes(
        stream,
        iter(planes.values()),
        image,
        provenance,
        name=name,
        colours=[COLOURS[kind] for kind in planes],
        compress=compress,
    )


def write_planes(
    stream: BinaryIO,
    planes: Iterable[NDArray[np.float32]],
    image: ImageRecord,
    provenance: Provenance,
    *,
    name: str,
    colours: Sequence[int],
    compress: bool,
    times: Times | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write planes float32 [Y, X] as they come, so that not more than one has to be in memory.

    They come channel by channel, and with `times` so for each window in turn. `image`, `name` and
    `compress` are as of `write_ome_tiff`; `colours` has the RGBA of each channel, and `details` is
    put into the file beside the provenance.
    """
    shape = (len(image["channels"]), *image["shape"])
    if times is not None:
        shape = (len(times.starts), *shape)
    per_cm = 1e7 / image["pixel_nm"]
    with tifffile.TiffWriter(
        stream, ome=True, byteorder="<", bigtiff=4 * int(np.prod(shape)) > _CLASSIC_BYTES
    ) as tiff:
        tiff.write(
            (np.ascontiguousarray(plane, "<f4") for plane in planes),
            shape=shape,
            dtype=np.float32,
            photometric="minisblack",
            resolution=(per_cm, per_cm),
            resolutionunit="CENTIMETER",
            compression="zlib" if compress else None,
            software=f"annapalm {provenance['software']['annapalm']}",
            metadata=_metadata(image, provenance, name, colours, times, details or {}),
        )


def _metadata(
    image: ImageRecord,
    provenance: Provenance,
    name: str,
    colours: Sequence[int],
    times: Times | None,
    details: Mapping[str, Any],
) -> dict[str, Any]:
    pixel_um = image["pixel_nm"] / 1000
    x_um, y_um = (o / 1000 for o in image["origin_nm"])
    record = {"image": image, **provenance, **details}
    names = image["channels"]
    count = len(names) * (1 if times is None else len(times.starts))
    return {
        "axes": "CYX" if times is None else "TCYX",
        "UUID": f"urn:uuid:{uuid.uuid5(_NAMESPACE, json_text(record, indent=None))}",
        "Creator": f"annapalm {provenance['software']['annapalm']}",
        "Name": flatten({"name": name})["name"],
        "Description": _description(image, [provenance, *details.get("channels", {}).values()]),
        "PhysicalSizeX": pixel_um,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": pixel_um,
        "PhysicalSizeYUnit": "µm",
        **_increment(times),
        "Channel": {
            "Name": [flatten({"name": n})["name"] for n in names],
            "Color": [_signed(colour) for colour in colours],
        },
        "Plane": {
            **_plane_times(times, len(names)),
            "PositionX": [x_um] * count,
            "PositionXUnit": ["µm"] * count,
            "PositionY": [y_um] * count,
            "PositionYUnit": ["µm"] * count,
        },
        "MapAnnotation": {"Namespace": _ANNOTATION, "Value": flatten(record)},
    }


def _increment(times: Times | None) -> dict[str, Any]:
    """Say how far apart the windows start, as Fiji's frame interval; nothing where not known."""
    if times is None or times.frame_time_ms is None:
        return {}
    return {
        "TimeIncrement": round(times.step * times.frame_time_ms / 1000, 9),
        "TimeIncrementUnit": "s",
    }


def _plane_times(times: Times | None, channels: int) -> dict[str, Any]:
    """Say for each plane when its window began, and how long it is, as a camera says of a frame."""
    if times is None or times.frame_time_ms is None:
        return {}
    frame_s = times.frame_time_ms / 1000
    starts = [round(start * frame_s, 9) for start in times.starts for _ in range(channels)]
    return {
        "DeltaT": starts,
        "DeltaTUnit": ["s"] * len(starts),
        "ExposureTime": [round(times.size * frame_s, 9)] * len(starts),
        "ExposureTimeUnit": ["s"] * len(starts),
    }


def _description(image: ImageRecord, sources: Iterable[Mapping[str, Any]]) -> str:
    """Say in words what the numbers are, where a viewer shows it, and what all of them are from."""
    models = (source["model"] for source in sources)
    names = list(dict.fromkeys(f"{model['name']} {model['version']}" for model in models))
    units = "; ".join(f"{channel}: {unit}" for channel, unit in image["units"].items())
    word = "model" if len(names) == 1 else "models"
    return f"Estimated by annapalm with the {word} {', '.join(names)}. {units}."


def _signed(rgba: int) -> int:
    """OME writes colours as signed 32-bit numbers."""
    return rgba - 2**32 if rgba >= 2**31 else rgba
