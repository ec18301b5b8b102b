"""Reads the TOML files of the course into their models, and says what is wrong with one."""

from __future__ import annotations

import difflib
import enum
import re
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

import msgspec

from checker.errors import LabError
from checker.interruption import Interruption

if TYPE_CHECKING:
    from pathlib import Path

_T = TypeVar("_T", bound=msgspec.Struct)


def read_toml(file: Path, model: type[_T]) -> _T:
    """Read one TOML file of the course into its model.

    Raises:
        LabError: the file is missing, is not TOML, or has a wrong, missing or unknown field;
            the message names the file, the field and what is allowed.
    """
    try:
        data = file.read_bytes()
        # msgspec crashes if KeyboardInterrupt comes while it studies a model for the first time.
        held = Interruption()
        try:
            return msgspec.toml.decode(data, type=model)
        finally:
            held.let_through()
    except FileNotFoundError:
        raise LabError(
            f"{file} is missing.", remedy="Every lab and every answer needs this file; `lab new` writes it."
        ) from None
    except OSError as error:
        raise LabError(f"{file} cannot be read: {error.strerror}.", remedy="Restore the file.") from error
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        path = where.strip("`").removeprefix("$").removeprefix(".")
        raise LabError(
            f"{file}: field `{path}`: {text}" if path else f"{file}: {text}",
            remedy=_allowed(model, path, text),
        ) from None
    except ValueError as error:
        raise LabError(
            f"{file} is not valid TOML: {error}", remedy="Correct the line that the message names."
        ) from None


def _allowed(model: type[msgspec.Struct], path: str, text: str) -> str:
    """Say what is allowed where the validation error is: the fields of a table, or the values of a choice."""
    found: Any = model
    for name in re.findall(r"[A-Za-z_]+", path.replace("[...]", "")):
        found = _inner(get_type_hints(found).get(name)) if hasattr(found, "__struct_fields__") else None
    if isinstance(found, type) and issubclass(found, enum.Enum):
        return f"Allowed: {', '.join(str(each.value) for each in found)}."
    fields = getattr(found, "__struct_fields__", ()) or model.__struct_fields__
    allowed = f"Fields: {', '.join(fields)}."
    unknown = re.search(r"unknown field `([^`]+)`", text)
    near = difflib.get_close_matches(unknown[1], fields, 1) if unknown else []
    return f"Did you mean `{near[0]}`? {allowed}" if near else allowed


def _inner(kind: Any) -> Any:
    """Return the type inside containers and unions: `tuple[Step, ...]` is about Step."""
    while inside := [each for each in get_args(kind) if each not in (Ellipsis, type(None), str)]:
        kind = inside[0]
    return kind
