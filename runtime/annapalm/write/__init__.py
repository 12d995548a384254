"""Writing results: files appear complete or not at all, and nothing is overwritten unless asked.

output = write_field(result, out / "cell_01", provenance, overwrite=False)
entry = done_entry("cell_01.csv", output, out, seconds=0.8)
write_page(out, entry, output.thumbnails)
write_run(out, head, [Row(entry, output.thumbnails.tile)], replace=False)
"""

from __future__ import annotations

from annapalm.write.field import FieldOutput, output_paths, write_field
from annapalm.write.page import write_page
from annapalm.write.row import Row
from annapalm.write.run import done_entry, failed_entry, json_line, skipped_entry, write_run
from annapalm.write.thumbnails import Thumbnails

__all__ = [
    "FieldOutput",
    "Row",
    "Thumbnails",
    "done_entry",
    "failed_entry",
    "json_line",
    "output_paths",
    "skipped_entry",
    "write_field",
    "write_page",
    "write_run",
]
