"""One picture of one input: read, choose the field of view, reconstruct, write."""

from annapalm.field.channels import Channel, ChannelFile
from annapalm.field.options import FieldOptions
from annapalm.field.read import (
    FieldInput,
    NoFramesError,
    input_of_table,
    read_field,
    select_frames,
)
from annapalm.field.run import (
    check_stem_free,
    provenance_of,
    reconstruct_field,
    save_field,
)
from annapalm.field.unchanged import InputChangedError, unchanged

__all__ = [
    "Channel",
    "ChannelFile",
    "FieldInput",
    "FieldOptions",
    "InputChangedError",
    "NoFramesError",
    "check_stem_free",
    "input_of_table",
    "provenance_of",
    "read_field",
    "reconstruct_field",
    "save_field",
    "select_frames",
    "unchanged",
]
