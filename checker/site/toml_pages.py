"""The reference pages about lab.toml and answer.toml, generated from their models."""

from __future__ import annotations

import msgspec

from checker.course import model
from checker.site.markdown import first_line, front, table

_NAMES: dict[type[msgspec.inspect.Type], str] = {
    msgspec.inspect.StrType: "text",
    msgspec.inspect.IntType: "whole number",
    msgspec.inspect.FloatType: "number",
    msgspec.inspect.BoolType: "true or false",
}


def _kind(annotation: msgspec.inspect.Type) -> str:
    """Describe a type in words."""
    match annotation:
        case msgspec.inspect.Metadata():
            return _kind(annotation.type)
        case msgspec.inspect.EnumType():
            return ", ".join(f"`{item.value}`" for item in annotation.cls)
        case msgspec.inspect.VarTupleType():
            return f"list of {_kind(annotation.item_type)}"
        case msgspec.inspect.TupleType():
            return f"list of {len(annotation.item_types)} × {_kind(annotation.item_types[0])}"
        case msgspec.inspect.DictType():
            return f"table: {_kind(annotation.key_type)} → {_kind(annotation.value_type)}"
        case msgspec.inspect.StructType():
            name = annotation.cls.__name__.lower()
            return f"table, see [{name}](#{name})"
        case msgspec.inspect.UnionType():
            kinds = [item for item in annotation.types if not isinstance(item, msgspec.inspect.NoneType)]
            return " or ".join(map(_kind, kinds))
        case _:
            return _NAMES[type(annotation)] + _range(annotation)


def _range(annotation: msgspec.inspect.Type) -> str:
    low, high = getattr(annotation, "ge", None), getattr(annotation, "le", None)
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", {low} or more" if low is not None else ""


def _described(annotation: msgspec.inspect.Type) -> str:
    if isinstance(annotation, msgspec.inspect.Metadata):
        return str((annotation.extra_json_schema or {}).get("description", ""))
    return ""


def _default(field: msgspec.inspect.Field) -> str:
    if field.required:
        return "**required**"
    value = field.default
    if value is None or value in ((), "") or field.default_factory is not msgspec.NODEFAULT:
        return ""
    return f"`{value}`"


def _fields(struct: type[msgspec.Struct]) -> str:
    described = msgspec.inspect.type_info(struct)
    if not isinstance(described, msgspec.inspect.StructType):
        raise TypeError(struct)
    rows = [
        (f"`{field.encode_name}`", _kind(field.type), _default(field), _described(field.type))
        for field in described.fields
    ]
    return table(("Field", "Type", "Default", "Meaning"), rows)


def lab_toml_page() -> str:
    """Write the page about lab.toml."""
    text = front("lab.toml", "Every field of a lab's description, generated from the model.")
    text += f"\n{first_line(model.LabToml)}\n"
    text += "An unknown field, or a field of the wrong type, is an error. The message names the file, the field and what is allowed.\n\n"
    text += _fields(model.LabToml)
    text += f"\n## step\n\n{first_line(model.Step)}\nEach is a `[[steps]]` table.\n\n" + _fields(model.Step)
    text += f"\n## way\n\n{first_line(model.Way)}\nEach is a `[ways.NAME]` table.\n\n" + _fields(model.Way)
    text += f"\n## measured\n\n{first_line(model.Measured)}\n\n" + _fields(model.Measured)
    return text


def answers_page() -> str:
    """Write the page about answer folders."""
    text = front(
        "Answer folders",
        "Solutions, alternatives, wrong answers, and answers that a teacher collected, all in one form.",
    )
    text += """
An answer is a folder that changes a lab's scene, as a learner would.

| In it | Meaning |
|---|---|
| `answer.toml` | says what the answer does; optional in an answer that a teacher collected |
| `files/` | is copied into the work folder |
| `run.sh` | runs after that in the toolbox, with `sh -eu`, in the work folder |

An answer has `files/`, `run.sh` or both.

| Folder in the lab | Kind | Expected |
|---|---|---|
| `solution/` | what `lab solve` writes | every check passes |
| `alternatives/NAME/` | a right answer of a different kind | every check passes |
| `wrong/NAME/` | a misconception | the named check fails, for the stated reason |
| `steps/K/` | brings a fresh scene to the start of step K | `lab goto` uses it |
| anywhere else | collected by a teacher, for [`lab verify --answers`](../classroom/answers.md) | what its `answer.toml` says; without one, the verdict is only reported |

## answer.toml

"""
    text += first_line(model.AnswerToml) + "\n\n" + _fields(model.AnswerToml)
    text += """
The words in `reason` must appear in what the learner reads in that failure: the rationale, expected and seen, or the evidence.

```toml
title = "Publishes the port that the image declares, not the one the task asks for"
check = "answers-on-8081"
reason = "is published on 8080"
```
"""
    return text
