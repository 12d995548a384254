"""What can be wrong with an input; each message names the file, the place and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from annapalm.errors import AnnaPalmError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOTHING_READ = "Nothing was read from this file."

Place: TypeAlias = int | str
"""Where in a file: the number of a line, from 1, or words where a file has no lines ("row 7")."""

_NAME_THE_COLUMNS = (
    "Say what its columns are: --columns x=NAME,y=NAME,frame=NAME where it has a header, or their "
    "names in file order where it has none, with - for one to skip, such as --columns y,x,-,frame; "
    "and their unit with --unit nm, --unit um, or --unit px --camera-pixel NM."
)


def shown(text: str, limit: int = 40) -> str:
    """Quote a piece of a file for a message: cut short, and nothing that a terminal obeys."""
    safe = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[: limit + 1])
    return f"'{safe[:limit]}...'" if len(safe) > limit else f"'{safe}'"


def listed(names: Sequence[str], limit: int = 30) -> str:
    """Join names for a message, the first `limit` of them."""
    more = f", and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(shown(name) for name in names[:limit]) + more


def at(path: Path | str, place: Place) -> str:
    """Name a place in a file for a message."""
    return f"{path}, line {place}" if isinstance(place, int) else f"{path}, {place}"


class ReadError(AnnaPalmError):
    """Base of what goes wrong with an input file; nothing was read from it."""


class UnreadableFileError(ReadError, OSError):
    """The operating system does not give the file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} cannot be read: {reason}. Check that it is a file, that the disk is there and "
            "that you may read it."
        )


class EmptyFileError(ReadError, ValueError):
    """A file without a single character, or of blanks alone."""

    def __init__(self, path: Path, size: int) -> None:
        what = "empty file, 0 bytes" if size == 0 else f"nothing but blanks in {size} bytes"
        super().__init__(
            f"{path}: {what}. An empty table has at least its header; export or copy it again."
        )


class NotATableError(ReadError, ValueError):
    """Bytes that are no text."""

    def __init__(self, path: Path, line: int, byte: int) -> None:
        super().__init__(
            f"{path}, line {line}: byte 0x{byte:02x} is no text, so this is no table or a damaged "
            f"one. Export or copy it again. {NOTHING_READ}"
        )


class ForeignFormatError(ReadError, ValueError):
    """A file that annapalm recognises and does not read."""

    def __init__(self, path: Path, what: str, remedy: str) -> None:
        super().__init__(f"{path} is {what}, which annapalm does not read as a table. {remedy}")


class UnknownFormatError(ReadError, ValueError):
    """No format of annapalm recognises the file."""

    def __init__(self, path: Path, formats: Sequence[str], first: str, hint: str) -> None:
        super().__init__(
            f"{path}, line 1: {shown(first, 80)} begins none of the formats that annapalm tells by "
            f"itself (known: {', '.join(formats)}; choose one with --format). "
            f"{hint or _NAME_THE_COLUMNS}"
        )


class SeveralFormatsError(ReadError, ValueError):
    """More than one format recognises the file."""

    def __init__(self, path: Path, formats: Sequence[str]) -> None:
        super().__init__(
            f"{path} could be {' or '.join(formats)}. Say which with --format {formats[0]}."
        )


class LongLineError(ReadError, ValueError):
    """A line that no table has; the file was read no further."""

    def __init__(self, path: Path, line: int, limit: int) -> None:
        super().__init__(
            f"{path}, line {line}: longer than {limit:,} bytes, so this is no table of "
            "localizations, or its line ends were lost. Export it again with one row per line."
        )


class LongHeaderError(ReadError, ValueError):
    """Comments and header go on for longer than any table's."""

    def __init__(self, path: Path, line: int, limit: int) -> None:
        super().__init__(
            f"{path}, line {line}: no row of numbers in the first {limit:,} bytes. Shorten the "
            f"comments above the table, or export it again. {NOTHING_READ}"
        )


class TooManyRowsError(ReadError, ValueError):
    """More rows than one field of view can have."""

    def __init__(self, path: Path, line: Place, limit: int) -> None:
        super().__init__(
            f"{at(path, line)}: more than {limit:,} localizations. Split the table into fields "
            "of view or blocks of frames."
        )


class TableTooLargeError(ReadError, MemoryError):
    """The rows of a table do not fit in memory."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} has more rows than fit in the memory of this computer. Split the table into "
            "fields of view or blocks of frames."
        )


class NotUtf8Error(ReadError, ValueError):
    """Text in another encoding."""

    def __init__(self, path: Path, line: int, encoding: str = "another encoding") -> None:
        super().__init__(
            f"{path}, line {line}: the text is not UTF-8 but {encoding}. Save the table as UTF-8 "
            f"(in a spreadsheet: 'CSV UTF-8'). {NOTHING_READ}"
        )


class BadCellError(ReadError, ValueError):
    """A cell of a table is not the number its column needs."""

    def __init__(self, path: Path, line: Place, column: str, text: str, problem: str) -> None:
        super().__init__(
            f"{at(path, line)}, column {shown(column)}: {shown(text)} {problem} Correct the "
            f"cell or export the table again. {NOTHING_READ}"
        )


class BadQuotesError(ReadError, ValueError):
    """A row whose quotes do not pair."""

    def __init__(self, path: Path, line: int) -> None:
        super().__init__(
            f"{path}, line {line}: the quotes in this row do not pair. Correct the row or export "
            f"the table again. {NOTHING_READ}"
        )


class CellCountError(ReadError, ValueError):
    """A row with more or fewer cells than the table has columns."""

    def __init__(
        self, path: Path, line: int, found: int, wanted: int, *, cut: bool, commas: bool
    ) -> None:
        remedy = "Correct the row or export the table again."
        if cut:
            remedy = "The file ends within this row: it was cut off. Copy or export it again."
        elif commas:
            remedy = (
                "If its numbers have a decimal comma, export them with a decimal point, or else "
                "with another separator."
            )
        super().__init__(
            f"{path}, line {line}: {_cells(found)}, but the table has {_columns(wanted)}. {remedy} "
            f"{NOTHING_READ}"
        )


class MissingColumnError(ReadError, LookupError):
    """A column that annapalm needs, or that was named, is not in the table."""

    def __init__(self, path: Path, line: Place, missing: str, found: Sequence[str]) -> None:
        super().__init__(
            f"{at(path, line)}: no column {shown(missing)} among {listed(found) or 'none'}. "
            "Export the table with that column, or name the right one, such as --columns "
            f"x=NAME,y=NAME,frame=NAME. {NOTHING_READ}"
        )


class RepeatedColumnError(ReadError, ValueError):
    """Two columns that could be meant."""

    def __init__(self, path: Path, line: Place, name: str, found: Sequence[str]) -> None:
        super().__init__(
            f"{at(path, line)}: {listed(found)} are several columns for '{name}'. Name one by "
            f"its whole header, such as --columns '{name}={found[0]}', if the headers differ; "
            "otherwise name all columns in file order with - for each to skip."
        )


class NoHeaderError(ReadError, ValueError):
    """Column names are needed, and the first line holds numbers."""

    def __init__(self, path: Path, line: int, text: str) -> None:
        super().__init__(
            f"{path}, line {line}: {shown(text, 80)} is a row of numbers, so the table has "
            "no header to find columns in. Name its columns in file order, with - for one to "
            "skip, such as --columns y,x,-,frame."
        )


class ColumnNumberError(ReadError, ValueError):
    """`--columns` names more or fewer columns than a row has."""

    def __init__(self, path: Path, line: int, named: int, found: int) -> None:
        super().__init__(
            f"{path}, line {line}: {_cells(found)}, but --columns names {_columns(named)}. Name "
            "every column in file order, with - for each to skip."
        )


class HeaderContradictsError(ReadError, ValueError):
    """`--columns` calls a column by a name that the header gives to another quantity."""

    def __init__(self, path: Path, line: int, number: int, header: str, name: str) -> None:
        super().__init__(
            f"{path}, line {line}: column {number} is called {shown(header)} in the file, but "
            f"--columns calls it '{name}'. If the file is wrong, say so by its own names: "
            f"--columns {name}={header}."
        )


class UnknownUnitError(ReadError, ValueError):
    """A length whose unit the table does not say, or says in a word that annapalm does not know."""

    def __init__(self, path: Path, line: Place, column: str, unit: str | None) -> None:
        what = "has no unit" if unit is None else f"is in {shown(unit)}, a unit not known here"
        remedy = (
            "Say it with --unit nm, --unit um, or --unit px --camera-pixel NM."
            if unit is None
            else "Export the table in nm, µm or px."
        )
        super().__init__(f"{at(path, line)}: column {shown(column)} {what}. {remedy}")


class UnitContradictsError(ReadError, ValueError):
    """The file says one unit and the user another."""

    def __init__(self, path: Path, line: Place, column: str, unit: str, wanted: str) -> None:
        super().__init__(
            f"{at(path, line)}: column {shown(column)} is in {unit}, not in {wanted} as asked "
            "for. Leave out --unit (the file says its unit), or run this file by itself."
        )


class CameraPixelMissingError(ReadError, ValueError):
    """Lengths in camera pixels, and the size of a camera pixel is not known."""

    def __init__(self, path: Path, line: Place, column: str) -> None:
        super().__init__(
            f"{at(path, line)}: column {shown(column)} is in camera pixels, whose size the "
            "table does not say. Say it with --camera-pixel NM, such as --camera-pixel 100."
        )


class FirstFrameError(ReadError, ValueError):
    """A frame before the number with which the frames of this table begin."""

    def __init__(self, path: Path, line: Place, column: str, frame: int, first: int) -> None:
        remedy = (
            "If this table counts its frames from 0, say --first-frame 0."
            if frame == 0
            else "Correct the cell or export the table again."
        )
        super().__init__(
            f"{at(path, line)}, column {shown(column)}: frame {frame} lies before the first "
            f"frame of the table, which is {first}. {remedy} {NOTHING_READ}"
        )


class SingleFrameError(ReadError, ValueError):
    """Every localization has the same frame: as a rule the wrong column, or a lost one."""

    def __init__(self, path: Path, line: Place, column: str, frame: int, rows: int) -> None:
        super().__init__(
            f"{at(path, line)}, column {shown(column)}: all {rows:,} localizations are in frame "
            f"{frame}, so this is hardly the frame. Name the right column with --columns, or, if "
            "it really is one frame, say --allow-single-frame."
        )


class SeveralChannelsError(ReadError, ValueError):
    """Channels are different structures; their sum would be a picture of neither."""

    def __init__(self, path: Path, line: Place, column: str, channels: Sequence[str]) -> None:
        names = listed(channels, 8)
        super().__init__(
            f"{at(path, line)}, column {shown(column)}: the table holds several channels "
            f"({names}), which are not summed. Name each with annapalm-run --channel NAME=VALUE to "
            "have them as channels of one image; or, if they show one structure, name the columns "
            "without the channel, such as --columns x=NAME,y=NAME,frame=NAME."
        )


class ColumnsOptionError(AnnaPalmError, ValueError):
    """`--columns` cannot be understood; found before any file is opened."""

    def __init__(self, columns: Sequence[str], problem: str) -> None:
        super().__init__(
            f"--columns {','.join(columns)}: {problem}. Give the names in file order, such as "
            "y,x,-,z,frame (- skips a column), or, where there is a header, "
            "x=NAME,y=NAME,frame=NAME."
        )


class OptionsContradictError(AnnaPalmError, ValueError):
    """Two options of a table cannot both hold; found before any file is opened."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}.")


class NotCountsError(ReadError, ValueError):
    """An image whose values are not localizations per pixel."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path}: {problem}, so this is no image of counts (localizations per pixel: one plane "
            "of whole numbers from 0). Give the localization table itself, or render it as a "
            "histogram without scaling."
        )


class PixelSizeUnknownError(ReadError, ValueError):
    """A rendered image that does not say how large its pixels are."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} does not say the size of its pixels. Say it with --pixel-size NM, such as "
            "--pixel-size 20."
        )


class PixelSizeContradictsError(ReadError, ValueError):
    """The file says one pixel size and the user another."""

    def __init__(self, path: Path, found_nm: float, wanted_nm: float) -> None:
        super().__init__(
            f"{path} says that its pixels are {found_nm:g} nm, not {wanted_nm:g} nm as asked for. "
            "Leave out --pixel-size, or correct the resolution stored in the file."
        )


def _cells(number: int) -> str:
    return "1 cell" if number == 1 else f"{number} cells"


def _columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"
