"""`docs/run.schema.json`, made of the types and docstrings in `annapalm/write/schema.py`.

After a change of these: `python tests/runtime/run_schema.py`.
"""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeAlias,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from annapalm.write import schema

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = Path(__file__).parents[2] / "docs" / "run.schema.json"

Json: TypeAlias = dict[str, Any]

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def make_schema() -> Json:
    """Describe `run.json`; `#/$defs/FieldRecord` is a `<stem>.json`, `FieldEntry` a `--jsonl` line.

    A key that is not described is refused: a program that reads these files can rely on them.
    """
    classes = {node.name: node for node in _tree().body if isinstance(node, ast.ClassDef)}
    definitions = {name: _object(name, classes) for name in classes}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{schema.RUN_SCHEMA}: run.json of annapalm-run",
        "$ref": "#/$defs/RunRecord",
        "$defs": definitions,
    }


def text_of(made: Json) -> str:
    """Render it as it lies in the file."""
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _tree() -> ast.Module:
    return ast.parse(inspect.getsource(schema))


def _object(name: str, classes: dict[str, ast.ClassDef]) -> Json:
    # `JsonValue` names itself, which no look-up ends; what it stands for is any JSON.
    hints = get_type_hints(getattr(schema, name), localns={"JsonValue": object})
    said = _described(name, classes)
    return {
        "type": "object",
        "description": ast.get_docstring(classes[name]),
        "properties": {key: _with(said.get(key), _of(hint)) for key, hint in hints.items()},
        "required": list(hints),
        "additionalProperties": False,
    }


def _described(name: str, classes: dict[str, ast.ClassDef]) -> dict[str, str]:
    """Collect the docstrings of the keys, those of the bases among them."""
    node, said = classes[name], dict[str, str]()
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in classes:
            said |= _described(base.id, classes)
    for line, after in zip(node.body, node.body[1:], strict=False):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            text = after.value if isinstance(after, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                said[line.target.id] = inspect.cleandoc(text.value)
    return said


def _with(description: str | None, kind: Json) -> Json:
    return kind if description is None else {"description": description} | kind


def _of(hint: Any) -> Json:
    if is_typeddict(hint):
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if hint is object:
        return {}
    return _MADE_OF[get_origin(hint)](get_args(hint))


_MADE_OF: dict[Any, Callable[[tuple[Any, ...]], Json]] = {
    Literal: lambda values: {"enum": list(values)},
    UnionType: lambda kinds: {"anyOf": [_of(kind) for kind in kinds]},
    list: lambda kinds: {"type": "array", "items": _of(kinds[0])},
    dict: lambda kinds: {"type": "object", "additionalProperties": _of(kinds[1])},
}


if __name__ == "__main__":
    PATH.write_text(text_of(make_schema()), encoding="utf-8")
