"""The OME-TIFF: float32 channels with pixel size, place in the camera's field and provenance.

Written by tifffile; opens with the right scale and channel names in Fiji, napari, QuPath and OMERO.
Equal provenance and pixels give equal bytes: nothing in the file says when it was written.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import tifffile

from annapalm.write.text import flatten, json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annapalm.reconstruction import Reconstruction
    from annapalm.write.schema import ImageRecord, Provenance

_NAMESPACE = uuid.UUID("6e2b3a52-5c1d-5c0e-9a55-3f8a1b0d7c11")
"""Of the UUIDs (version 5) of our files; an arbitrary constant."""
_ANNOTATION = "annapalm/provenance"
_CLASSIC_BYTES = 2**32 - 2**25
"""Above it the offsets of a classic TIFF do not reach; BigTIFF is written instead."""
_COLOURS = {
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
    shape = (len(planes), *result.grid.shape)
    per_cm = 1e7 / result.grid.pixel_nm
    with tifffile.TiffWriter(
        stream, ome=True, byteorder="<", bigtiff=4 * int(np.prod(shape)) > _CLASSIC_BYTES
    ) as tiff:
        tiff.write(
            _pages(planes),
            shape=shape,
            dtype=np.float32,
            photometric="minisblack",
            resolution=(per_cm, per_cm),
            resolutionunit="CENTIMETER",
            compression="zlib" if compress else None,
            software=f"annapalm {provenance['software']['annapalm']}",
            metadata=_metadata(image, provenance, name, list(planes)),
        )


def _pages(planes: dict[str, NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """One plane after the other: no second copy of the whole image is made."""
    for plane in planes.values():
        yield np.ascontiguousarray(plane, "<f4")


def _metadata(
    image: ImageRecord, provenance: Provenance, name: str, names: list[str]
) -> dict[str, Any]:
    pixel_um = image["pixel_nm"] / 1000
    x_um, y_um = (o / 1000 for o in image["origin_nm"])
    record = {"image": image, **provenance}
    return {
        "axes": "CYX",
        "UUID": f"urn:uuid:{uuid.uuid5(_NAMESPACE, json_text(record, indent=None))}",
        "Creator": f"annapalm {provenance['software']['annapalm']}",
        "Name": flatten({"name": name})["name"],
        "Description": _description(image, provenance),
        "PhysicalSizeX": pixel_um,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": pixel_um,
        "PhysicalSizeYUnit": "µm",
        "Channel": {"Name": names, "Color": [_signed(_COLOURS[n]) for n in names]},
        "Plane": {
            "PositionX": [x_um] * len(names),
            "PositionXUnit": ["µm"] * len(names),
            "PositionY": [y_um] * len(names),
            "PositionYUnit": ["µm"] * len(names),
        },
        "MapAnnotation": {"Namespace": _ANNOTATION, "Value": flatten(record)},
    }


def _description(image: ImageRecord, provenance: Provenance) -> str:
    """Say in words what the numbers are, where a viewer shows it."""
    model = provenance["model"]
    units = "; ".join(f"{channel}: {unit}" for channel, unit in image["units"].items())
    return f"Estimated by annapalm with the model {model['name']} {model['version']}. {units}."


def _signed(rgba: int) -> int:
    """OME writes colours as signed 32-bit numbers."""
    return rgba - 2**32 if rgba >= 2**31 else rgba
