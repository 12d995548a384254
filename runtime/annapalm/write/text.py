"""Values to text that every reader accepts: JSON without NaN, XML without control characters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.errors import InvalidValueError

if TYPE_CHECKING:
    from annapalm.write.schema import JsonValue

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 forbids; a file name may hold any of them."""


def clean_text(text: str) -> str:
    r"""Write characters that UTF-8 or XML cannot hold as escapes, as in `\x07` or `\udcff`."""
    return _NOT_IN_XML.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def to_plain(value: object, name: str = "value") -> JsonValue:
    """Turn `value` into what JSON knows: numbers that are not finite become None.

    Takes None, bool, int, float, str, paths, numpy scalars and arrays, and lists, tuples and
    mappings of them. Raises InvalidValueError, which names the place, for anything else.
    """
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (str, PathLike)):
        return clean_text(str(fspath(value)))
    if isinstance(value, Mapping):
        return {clean_text(str(k)): to_plain(v, f"{name}.{k}") for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(v, f"{name}[{i}]") for i, v in enumerate(value)]
    raise InvalidValueError(name, value, "made of numbers, text, lists and dictionaries")


def json_text(value: object, *, indent: int | None = 2) -> str:
    """Render `value` as JSON, letters as they are, no NaN; one line where `indent` is None."""
    separators = (",", ":") if indent is None else None
    return json.dumps(
        to_plain(value), indent=indent, ensure_ascii=False, allow_nan=False, separators=separators
    )


def flatten(record: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested records to dotted names and text; what is not known (None) is left out."""
    flat: dict[str, str] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        elif value is not None:
            text = value if isinstance(value, str) else json_text(value, indent=None)
            flat[clean_text(name)] = clean_text(text)
    return flat
