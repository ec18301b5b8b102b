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
    text += f"\n## value\n\n{first_line(model.Value)}\nEach is a `[values.NAME]` table.\n\n" + _fields(
        model.Value
    )
    text += f"\n## measured\n\n{first_line(model.Measured)}\n\n" + _fields(model.Measured)
    return text


_BASED_ON = """
## Based on another answer

Most wrong answers are the solution with one thing wrong.
Such an answer names what it is based on, and its folder has only what differs:

```toml
title = "Publishes the port that the image declares, not the one the task asks for"
based_on = "solution"
check = "answers-on-8081"
reason = "is published on 8080"
```

It takes over the files and the script, and nothing of what the other `answer.toml` says.
The folder can then have:

| In it | Meaning |
|---|---|
| a file in `files/`, or `run.sh` | is added, or replaces the whole file of that name |
| `without = ["files/notes.txt"]` in `answer.toml` | these are not taken over |
| `changes.diff` | changes a few lines of a file |

A `changes.diff` looks like this:

```diff
diff run.sh
@@ the port that the image declares
-docker run --detach --publish 8081:8080 drydock/parcel:1.0
+docker run --detach --publish 8080:8080 drydock/parcel:1.0
@@
 sleep 4
+docker stop parcel
diff files/compose.yaml
-    restart: always
```

| Line | Meaning |
|---|---|
| `diff NAME` | begins the changes of `run.sh` or of `files/NAME` |
| `@@` | begins the next place of the same file; words after it are for the reader |
| `-LINE` | is removed |
| `+LINE` | is added |
| a space and the line | stays, and shows where |
| an empty line | before or after a place, it is for the reader; between two lines, an empty line that stays |

There are no line numbers.
The lines that are removed and those that stay must follow each other in the file, and must be there exactly once; if not, `lab` stops with an error that names the file, the lines and what is there instead.
So a change of the solution either reaches every answer that is based on it, or is reported.

`based_on` takes a name as `lab verify` prints it: `solution`, `alternative/NAME`, `wrong/NAME`, `step/K` or `base/NAME`.
An answer that a teacher collected can be based on an answer of the lab.
The solution is not based on anything, because learners copy from it.
Below an answer there can be two others, one below the other.

`lab verify 3 --explain` prints what differs in each answer, without running anything.
`lab verify 3 --explain NAME` prints it for the answers that have `NAME` in their name.
If a folder has a whole file that differs in a few lines, copy the printed lines into `changes.diff` and remove the file.
"""


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
| `changes.diff` | changes lines in files of the answer that this one is [based on](#based-on-another-answer) |

An answer has `files/`, `run.sh` or both, in its own folder or from the answer that it is based on.

| Folder in the lab | Kind | Expected |
|---|---|---|
| `solution/` | what `lab solve` writes | every check passes |
| `alternatives/NAME/` | a right answer of a different kind | every check passes |
| `wrong/NAME/` | a misconception | the named check fails, for the stated reason |
| `steps/K/` | brings a fresh scene to the start of step K | `lab goto` uses it |
| `bases/NAME/` | what several answers share, if no answer has it as it is | it is never run by itself |
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
    text += _BASED_ON
    return text
