"""Writing results: files appear complete or not at all, and nothing is overwritten unless asked.

output = write_field(result, out / "cell_01", provenance, overwrite=False)
entry = done_entry("cell_01.csv", output, out, seconds=0.8)
write_run(out, run, [output.thumbnails], overwrite=False)
"""

from __future__ import annotations

from annapalm.write.field import FieldOutput, output_paths, write_field
from annapalm.write.run import done_entry, failed_entry, json_line, skipped_entry, write_run
from annapalm.write.thumbnails import Thumbnails

__all__ = [
    "FieldOutput",
    "Thumbnails",
    "done_entry",
    "failed_entry",
    "json_line",
    "output_paths",
    "skipped_entry",
    "write_field",
    "write_run",
]
