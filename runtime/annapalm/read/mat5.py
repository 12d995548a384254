"""MATLAB files of version 5 to 7 (`save -v6`, `-v7`): numbers, structs and cells, and nothing else.

The format is published (MAT-File Format, MathWorks). Read here and not by a library, because the
only one is part of scipy, which the runtime does not carry. Objects, function handles and the like
are passed over unseen; nothing in a file can run. Every length is checked against the bytes that
are there, a packed variable is unpacked to exactly the length that it states, and that is bounded.
"""

from __future__ import annotations

import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from annapalm.errors import AnnaPalmError
from annapalm.read.arrays import check_packed
from annapalm.read.format_errors import DamagedFileError, UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

    Order: TypeAlias = Literal["<", ">"]
    Node: TypeAlias = "Numbers | Text | Struct | Other"

HEADER_BYTES = 128

MAX_VARIABLE = 2**31
"""Bytes of one variable: MATLAB itself saves larger ones only as version 7.3."""

MAX_DEPTH = 16
MAX_NODES = 100_000
"""Arrays in one variable; a struct has tens of fields."""

_MATRIX, _COMPRESSED = 14, 15
_TYPES = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
"""Type of stored numbers, by its code."""
_UTF = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_FLAGS = 6
"""Type of the flags of an array: uint32."""
_SHAPE = 5
"""Type of the edges of an array, and of the length of its field names: int32."""
_NAMES = (1, 16)
"""Types of a name: int8, and the UTF-8 that some programs write there."""
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMERIC = range(6, 16)
"""Classes of full arrays of numbers: double to uint64."""
_COMPLEX = 0x0800


@dataclass(frozen=True, slots=True)
class Numbers:
    """An array of real numbers, not yet taken out of the file's bytes."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    data: memoryview

    def array(self) -> NDArray[np.generic]:
        """Give the array in MATLAB's shape; numbers may be stored narrower than they were."""
        return np.frombuffer(self.data, self.dtype).reshape(self.shape, order="F")


@dataclass(frozen=True, slots=True)
class Text:
    """A row of characters."""

    text: str


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct, or an array of them."""

    shape: tuple[int, ...]
    elements: tuple[dict[str, Node], ...]
    """One for each struct: field to value."""


@dataclass(frozen=True, slots=True)
class Other:
    """What is passed over: cells, sparse or complex arrays, objects, functions."""

    kind: str


@dataclass(slots=True)
class _Budget:
    nodes: int


def names(path: Path, stream: BinaryIO) -> list[str]:
    """Name the variables of a file, unpacking no more than their first bytes.

    Raises `DamagedFileError`.
    """
    with _damage(path):
        order = _order(stream)
        found = []
        for code, data in _elements(stream, order):
            head = data
            if code == _COMPRESSED:
                head = memoryview(zlib.decompressobj().decompress(data, 1024))[8:]
            elif code != _MATRIX:
                continue
            found.append(_name_before(head, order))
        return found


def load(path: Path, stream: BinaryIO) -> dict[str, Node]:
    """Read all variables; raises `DamagedFileError` and `UnsafeContentError`."""
    with _damage(path):
        order = _order(stream)
        found: dict[str, Node] = {}
        packed = unpacked = 0
        for code, data in _elements(stream, order):
            kind, content = code, data
            if code == _COMPRESSED:
                kind, content = _unpack(path, data, order)
                # Each may be small enough, and all of them too much.
                packed, unpacked = packed + len(data), unpacked + len(content)
                check_packed(path, "all variables together", packed, unpacked)
            if kind == _MATRIX:
                name, node = _matrix(path, content, order, 0, _Budget(MAX_NODES))
                found[name] = node
        return found


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turn what goes wrong with bytes that contradict themselves into an error of annapalm."""
    try:
        yield
    except AnnaPalmError:
        raise
    except (struct.error, zlib.error, ValueError, IndexError) as error:
        raise DamagedFileError(path, "MATLAB file", str(error)) from error


def _order(stream: BinaryIO) -> Order:
    header = stream.read(HEADER_BYTES)
    mark = header[126:128]
    if mark not in (b"IM", b"MI"):
        message = "its header has no mark of byte order"
        raise ValueError(message)
    return "<" if mark == b"IM" else ">"


def _elements(stream: BinaryIO, order: Order) -> Iterator[tuple[int, memoryview]]:
    """Give code and bytes of each element at the outermost level."""
    end = stream.seek(0, 2)
    stream.seek(HEADER_BYTES)
    while tag := stream.read(8):
        code, size = struct.unpack(order + "II", tag)
        # Asked before memory is taken for it.
        data = stream.read(size) if size <= end - stream.tell() else b""
        if len(data) < size:
            message = "it ends within a variable"
            raise ValueError(message)
        yield code, memoryview(data)


def _unpack(path: Path, data: memoryview, order: Order) -> tuple[int, memoryview]:
    """Unpack a compressed element: its code and its bytes, as many as it says and no more."""
    unpacker = zlib.decompressobj()
    tag = unpacker.decompress(data, 8)
    code, size = struct.unpack(order + "II", tag)
    if size > MAX_VARIABLE:
        problem = f"a variable would have {size:,} bytes, more than MATLAB's own {MAX_VARIABLE:,}"
        raise UnsafeContentError(path, problem, "Save the file with -v7.3.")
    check_packed(path, "a variable", len(data), size)
    content = unpacker.decompress(unpacker.unconsumed_tail, max(size, 1))
    if len(content) < size:
        message = "a packed variable ends too early"
        raise ValueError(message)
    return code, memoryview(content)


def _parts(data: memoryview, order: Order) -> Iterator[tuple[int, memoryview]]:
    """Give code and bytes of each element within an array; small ones hold both in 8 bytes."""
    place = 0
    while place + 8 <= len(data):
        (word,) = struct.unpack_from(order + "I", data, place)
        if word >> 16:
            code, size, start, following = word & 0xFFFF, word >> 16, place + 4, place + 8
        else:
            code = word
            (size,) = struct.unpack_from(order + "I", data, place + 4)
            start = place + 8
            following = start + size + (-size % 8)
        if start + size > len(data) or (word >> 16 and size > 4):
            message = "an array is longer than what holds it"
            raise ValueError(message)
        yield code, data[start : start + size]
        place = following


def _name_before(data: memoryview, order: Order) -> str:
    """Read the name from the first bytes of an array."""
    return _name(_parts_until(data, order, 3)[2])


def _name(part: tuple[int, memoryview]) -> str:
    code, data = part
    if code not in _NAMES:
        message = f"a name of the type {code}, which no name has"
        raise ValueError(message)
    return bytes(data).decode("ascii", errors="replace")


def _parts_until(data: memoryview, order: Order, count: int) -> list[tuple[int, memoryview]]:
    """Give the first parts, of data that may be cut behind them."""
    found: list[tuple[int, memoryview]] = []
    for part in _parts(data, order):
        found.append(part)
        if len(found) == count:
            return found
    message = "an array has no name"
    raise ValueError(message)


def _matrix(
    path: Path, data: memoryview, order: Order, depth: int, budget: _Budget
) -> tuple[str, Node]:
    """Read an array: its name and its content."""
    budget.nodes -= 1
    if depth > MAX_DEPTH or budget.nodes < 0:
        problem = f"its structs are nested deeper than {MAX_DEPTH} or have too many parts"
        raise UnsafeContentError(path, problem, "Save the columns as variables of their own.")
    if not len(data):
        return "", Other("nothing")
    parts = list(_parts(data, order))
    if len(parts) < 3:
        message = "an array has no name"
        raise ValueError(message)
    if parts[0][0] != _FLAGS:
        message = "an array has no flags"
        raise ValueError(message)
    (flags,) = struct.unpack_from(order + "I", parts[0][1])
    kind = flags & 0xFF
    if kind == 17:  # an object with no shape
        return "", Other("an object")
    if parts[1][0] != _SHAPE:
        message = "an array has no shape"
        raise ValueError(message)
    shape = tuple(np.frombuffer(parts[1][1], order + "i4").tolist())
    if any(edge < 0 for edge in shape):
        message = "an array has a negative size"
        raise ValueError(message)
    name = _name(parts[2])
    return name, _content(path, kind, flags, shape, parts[3:], order, depth, budget)


def _content(
    path: Path,
    kind: int,
    flags: int,
    shape: tuple[int, ...],
    parts: list[tuple[int, memoryview]],
    order: Order,
    depth: int,
    budget: _Budget,
) -> Node:
    if kind in _NUMERIC and not flags & _COMPLEX and parts:
        return _numbers(parts[0], shape, order)
    if kind == _CHAR and parts:
        return Text(_text(parts[0], order))
    if kind == _STRUCT and len(parts) >= 2:
        return _struct(path, shape, parts, order, depth, budget)
    return Other({_CELL: "a cell array", 3: "an object", 5: "a sparse array"}.get(kind, "no array"))


def _numbers(part: tuple[int, memoryview], shape: tuple[int, ...], order: Order) -> Numbers:
    code, data = part
    if code not in _TYPES:
        message = f"numbers of the unknown type {code}"
        raise ValueError(message)
    dtype: np.dtype[np.generic] = np.dtype(order + _TYPES[code])
    count = 1
    for edge in shape:
        count *= edge
    if count * dtype.itemsize != len(data):
        message = f"an array of {count} numbers has {len(data)} bytes"
        raise ValueError(message)
    return Numbers(shape, dtype, data)


def _text(part: tuple[int, memoryview], order: Order) -> str:
    code, data = part
    if code in _UTF:
        suffix = "" if code == 16 else ("-le" if order == "<" else "-be")
        return bytes(data).decode(_UTF[code] + suffix, errors="replace")
    if code == 4:
        return bytes(data).decode("utf-16" + ("-le" if order == "<" else "-be"), errors="replace")
    return bytes(data).decode("latin-1")


def _struct(
    path: Path,
    shape: tuple[int, ...],
    parts: list[tuple[int, memoryview]],
    order: Order,
    depth: int,
    budget: _Budget,
) -> Struct:
    if parts[0][0] != _SHAPE or parts[1][0] not in _NAMES:
        message = "a struct has no field names"
        raise ValueError(message)
    (length,) = struct.unpack_from(order + "i", parts[0][1])
    packed = bytes(parts[1][1])
    if length <= 0:
        message = "field names of no length"
        raise ValueError(message)
    keys = [
        packed[start : start + length].split(b"\0")[0].decode("ascii", errors="replace")
        for start in range(0, len(packed), length)
    ]
    values = parts[2:]
    if not keys or len(values) % len(keys):
        return Struct(shape, ())
    elements = []
    for first in range(0, len(values), len(keys)):
        element: dict[str, Node] = {}
        for key, (code, data) in zip(keys, values[first:], strict=False):
            element[key] = (
                _matrix(path, data, order, depth + 1, budget)[1]
                if code == _MATRIX
                else Other("no array")
            )
        elements.append(element)
    return Struct(shape, tuple(elements))
