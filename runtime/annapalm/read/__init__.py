"""Reading: localization tables and rendered images of counts, each in whatever format it comes.

Importing this package loads neither numpy nor tifffile: a command line needs its options first.
"""

from annapalm.read.companions import companions
from annapalm.read.counts_image import CountsImage, is_counts_image, read_counts_image
from annapalm.read.errors import ReadError
from annapalm.read.registry import read_localizations, read_table
from annapalm.read.table import FormatName, LineMap, Table, TableOptions, Unit

__all__ = [
    "CountsImage",
    "FormatName",
    "LineMap",
    "ReadError",
    "Table",
    "TableOptions",
    "Unit",
    "companions",
    "is_counts_image",
    "read_counts_image",
    "read_localizations",
    "read_table",
]
