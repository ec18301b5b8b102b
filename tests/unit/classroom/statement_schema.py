"""xAPI 1.0.3 (adlnet/xAPI-Spec, xAPI-Data.md) as a JSON schema, for the parts of a statement that gradebooks write.

It is stricter than the specification where that leaves a choice, and it says where each rule stands.
"""

from __future__ import annotations

from typing import Any

_IRI = {
    "type": "string",
    "pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+$",
}  # 2.4.3, 4.6: absolute, RFC 3987
_LANGUAGE = {  # 4.2: keys by RFC 5646
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"},
    "additionalProperties": {"type": "string"},
}
_EXTENSIONS = {"type": "object", "propertyNames": _IRI}  # 4.1


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    # 2.2: an LRS rejects statements with properties that the specification does not have.
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


STATEMENT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        ["actor", "verb", "object"],  # 2.4
        id={  # 2.4.1: RFC 4122, in its canonical form
            "type": "string",
            "pattern": r"^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        },
        version={"type": "string", "pattern": r"^1\.0\.[0-9]+$"},  # 2.4.10
        actor=_object(  # 2.4.2.1: exactly one way to identify an agent
            ["account"],
            objectType={"const": "Agent"},
            name={"type": "string"},
            account=_object(["homePage", "name"], homePage=_IRI, name={"type": "string", "minLength": 1}),
        ),
        verb=_object(["id"], id=_IRI, display=_LANGUAGE),  # 2.4.3
        object=_object(  # 2.4.4.1
            ["id"],
            objectType={"const": "Activity"},
            id=_IRI,
            definition=_object(
                [], name=_LANGUAGE, description=_LANGUAGE, type=_IRI, moreInfo=_IRI, extensions=_EXTENSIONS
            ),
        ),
        result=_object(  # 2.4.5
            [],
            score=_object(  # 2.4.5.1
                [],
                scaled={"type": "number", "minimum": -1, "maximum": 1},
                raw={"type": "number"},
                min={"type": "number"},
                max={"type": "number"},
            ),
            success={"type": "boolean"},
            completion={"type": "boolean"},
            response={"type": "string"},
            duration={"type": "string"},
            extensions=_EXTENSIONS,
        ),
        context=_object(  # 2.4.6
            [], platform={"type": "string"}, language={"type": "string"}, extensions=_EXTENSIONS
        ),
        timestamp={  # 2.4.7, 4.5: ISO 8601, with an offset that is not -00:00
            "type": "string",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+\d\d:\d\d|-(?!00:00)\d\d:\d\d)$",
        },
    ),
}
