"""One reconstruction to its files."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annapalm.write.atomic import OutputSet
from annapalm.write.ome_tiff import write_ome_tiff
from annapalm.write.preview import make_preview
from annapalm.write.schema import FIELD_SCHEMA
from annapalm.write.sidecar import build_record, image_record, output_record
from annapalm.write.text import json_text
from annapalm.write.thumbnails import Thumbnails, make_thumbnails
from annapalm.write.trust import DOUBT

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.reconstruction import Reconstruction
    from annapalm.write.schema import FieldRecord, OutputRecord, PanelRecord, Provenance

IMAGE_SUFFIX, PREVIEW_SUFFIX, RECORD_SUFFIX = ".ome.tif", ".png", ".json"


@dataclass(frozen=True, slots=True)
class FieldOutput:
    """What `write_field` left behind."""

    paths: tuple[Path, ...]
    """The files, all complete: OME-TIFF, PNG if asked for, JSON."""
    record: FieldRecord
    """The content of the JSON file."""
    thumbnails: Thumbnails
    """Small pictures for the report of the run."""


def output_paths(stem_path: Path, *, preview: bool = True) -> tuple[Path, ...]:
    """List the files that `write_field` would write, to check for collisions before the work."""
    suffixes = (IMAGE_SUFFIX, *([PREVIEW_SUFFIX] if preview else []), RECORD_SUFFIX)
    # Not `with_suffix`: in `cell.1` the `.1` belongs to the name.
    return tuple(stem_path.with_name(stem_path.name + suffix) for suffix in suffixes)


def write_field(
    result: Reconstruction,
    stem_path: Path,
    provenance: Provenance,
    *,
    overwrite: bool,
    compress: bool = False,
    preview: bool = True,
    doubt: float = DOUBT,
) -> FieldOutput:
    """Write `<stem>.ome.tif`, `<stem>.png` if `preview`, and `<stem>.json`: all of them or none.

    `stem_path` is the output path without suffix; its folder is made where it is missing. With
    `overwrite`, files of those names are replaced together; a preview that belonged to the replaced
    image and is not made anew is removed, since it would show another picture. `doubt` says which
    structure counts as doubtful (`doubtful_mask`) in record and thumbnails.
    Raises OutputExistsError (without `overwrite`), DiskFullError, OutputPermissionError,
    OutputFolderError or WriteFailedError; the folder is then as it was before.
    """
    start = time.perf_counter()
    paths = output_paths(stem_path, preview=preview)
    image, contrast = image_record(result), dict[str, "PanelRecord"]()
    written: list[OutputRecord] = []
    with OutputSet(overwrite=overwrite) as outputs:
        with outputs.stage(paths[0]) as stream:
            write_ome_tiff(
                stream, result, image, provenance, name=stem_path.name, compress=compress
            )
        if preview:
            picture = make_preview(result)
            contrast = picture.contrast
            with outputs.stage(paths[1]) as stream:
                stream.write(picture.png)
        elif overwrite:
            supersede_preview(outputs, stem_path)
        written += [output_record(path.name, outputs.staged_path(path)) for path in paths[:-1]]
        timings = {**result.timings_s, "write": time.perf_counter() - start}
        record = build_record(
            result,
            image,
            provenance,
            outputs=written,
            preview=contrast,
            timings_s=timings,
            doubt=doubt,
        )
        with outputs.stage(paths[-1]) as stream:
            stream.write(f"{json_text(record)}\n".encode())
        thumbnails = make_thumbnails(result, doubt)
    return FieldOutput(paths, record, thumbnails)


def supersede_preview(outputs: OutputSet, stem_path: Path) -> None:
    """Remove the preview of the image that is being replaced, if its sidecar proves it ours."""
    *_, preview, sidecar = output_paths(stem_path)
    try:
        record = json.loads(sidecar.read_bytes())
        if (
            record["schema"] == FIELD_SCHEMA
            and output_record(preview.name, preview) in record["outputs"]
        ):
            outputs.supersede(preview)
    except (OSError, ValueError, KeyError, TypeError):
        return  # no such pair of ours: whatever lies there is not ours to remove
