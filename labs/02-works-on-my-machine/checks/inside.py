"""What must not lie in an image, and how much it may weigh."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from checker.grading.author import PLAIN, fail, form_in, forms

from .archives import members
from .layers import Contents, Layer, base_digests, base_sizes, contents, plain
from .truth import BASE, IMAGE

if TYPE_CHECKING:
    from checker.grading.author import Engine

LIMIT = 10_000_000
"""How many bytes the files of the image may have more than those of the runtime that the lab gives."""


@cache
def searched(engine: Engine, image: str, *keys: str) -> Contents:
    """Return what lies in an image, searched for these keys; read once a run."""
    return contents(engine, image, keys)


def require_no_key(
    found: Contents, key: str, *, whose: str = "Ada's key", which: str = "the image", source: str = ""
) -> None:
    """Fail when the key is in a layer or in the image's record, as it is or in a form that anybody can undo."""
    for number, layer in enumerate(found.layers, start=1):
        if key in layer.secrets:
            place, form = layer.secrets[key].place, layer.secrets[key].form
            later = _removed_later(found.layers[number:], place)
            fail(
                f"{whose} is in {which}{_encoded(form)}: the file {place} came in by `{layer.made_by[:120]}`"
                + (
                    f", and `{later[:120]}` only hid it. A layer is never changed by a later one: the file is still in the "
                    "archive, for everyone who gets the image."
                    if later
                    else ". Everyone who gets the image gets the key, and can forge Ada's seals."
                ),
                expected="the key in no layer",
                seen=f"in layer {number} of the {len(found.layers)} that you added: {place}, {form}",
                source=source or f"docker save {IMAGE}",
                hint="Lesson, “Look for the key”: what did `rm` change there? A file that no `COPY` takes is in no layer.",
            )
    if written := _in_record(found.record, key):
        place, form = written
        fail(
            f"{whose} is written in the record of {which}{_encoded(form)}, where {place}: everyone who gets the image can read it there.",
            expected="the key neither in a variable or label of the image, nor in its history",
            seen=f"{place}, {form}",
            source=source or f"docker history --no-trunc {IMAGE}; docker image inspect {IMAGE}",
            hint="The key is needed when the service runs, not when it is built. Which options of `docker run` set a variable for one container?",
        )


def _encoded(form: str) -> str:
    return "" if form == PLAIN else f" {form}, which hides nothing: anybody can undo it"


def _removed_later(layers: list[Layer], place: str) -> str:
    name = place.partition(", ")[0]
    for layer in layers:
        if any(name == gone or name.startswith(f"{gone}/") for gone in layer.removed):
            return layer.made_by
    return ""


def _in_record(record: dict[str, Any], key: str) -> tuple[str, str] | None:
    """Return where an image's configuration or history tells the key, and in which form."""
    config = record.get("config") or {}
    places = [
        *(
            (f"the variable {pair.partition('=')[0]} is set for every container", pair)
            for pair in config.get("Env") or []
        ),
        *(
            (f"the label {name} says it", f"{name}={value}")
            for name, value in (config.get("Labels") or {}).items()
        ),
        *(
            (
                f"the history keeps how `{_shown(step, key)}` was run, build arguments included",
                json.dumps(step),
            )
            for step in record.get("history") or []
        ),
        ("its configuration has it", json.dumps(config, ensure_ascii=False)),
        ("its configuration has it", json.dumps(record, ensure_ascii=False)),
    ]
    for place, text in places:
        for content in (text.encode(), *(packed for _, packed in members(text.encode()))):
            if form := form_in(content, key):
                return place, form
    return None


def _shown(step: dict[str, Any], key: str) -> str:
    """Return an instruction of the history without the key, however it is written there."""
    text = plain(str(step.get("created_by", ""))).encode()
    for needle in forms(key):
        text = text.replace(needle, "…".encode())
    return text.decode(errors="replace")[:80]


def require_no_clutter(
    found: Contents, *, history: str = "", which: str = "The image", source: str = ""
) -> None:
    """Fail when a git history, a virtual environment or `.env` is in a layer.

    Args:
        found: what is in the image.
        history: a word in the builder's git history, by which that is known under another name too.
        which: the image, for the learner.
        source: the command that shows it.
    """
    for number, layer in enumerate(found.layers, start=1):
        renamed = [layer.secrets[history].place] if history in layer.secrets else []
        if not layer.clutter and not renamed:
            continue
        name = (layer.clutter or renamed)[0]
        # In an archive, what counts is the file inside.
        inner = f"/{name.rpartition(', in it ')[2]}"
        kind = (
            "the file with the builder's own settings and secrets"
            if inner.endswith("/.env")
            else "a virtual environment, made for the machine and the Python of the person who built it"
            if "/.venv/" in inner or inner.endswith("/pyvenv.cfg")
            else "a git history: every version of every file, and whatever was ever committed by mistake"
        )
        fail(
            f"{which} holds {kind}. It came in by `{layer.made_by[:120]}`, which took more of the folder than the service needs.",
            expected="no .git, no .venv and no .env in any layer",
            seen=f"{name} and {len(layer.clutter) - 1} more" if len(layer.clutter) > 1 else name,
            source=source
            or f"docker save {IMAGE} (layer {number} of the {len(found.layers)} that you added)",
            hint="`ls -A labels` shows what lies in the folder. Either the recipe names what it takes, or a file beside it names what it leaves: lesson, “Read the recipe”.",
        )


def require_adds_little(engine: Engine, found: Contents, which: str = "The image") -> None:
    """Fail when the files of the learner's layers have together more bytes than the task allows.

    Added up from the files themselves: the size that an engine tells of an image is unpacked, compressed, or both.
    """
    # Who copied everything into an empty image, or began with another one, has the runtime among the layers of their own.
    missing = base_digests(engine) - found.base
    more = found.size - (sum(base_sizes(engine)[digest] for digest in missing) if missing else 0)
    if more <= LIMIT:
        return
    number, largest = max(enumerate(found.layers, start=1), key=lambda pair: pair[1].size)
    fail(
        f"{which} is {more / 1e6:.0f} MB larger than {BASE}; the service and its library are less than one. If you move the image, you move all of it. "
        f"Most comes from `{largest.made_by[:120]}`. {_why_large(largest.made_by)}",
        expected=f"at most {LIMIT / 1e6:.0f} MB more than {BASE}",
        seen=f"{more / 1e6:.1f} MB more, {largest.size / 1e6:.1f} MB of them in layer {number} of the {len(found.layers)} that you added",
        source=f"docker history {IMAGE}",
        evidence="\n".join(f"{layer.size / 1e6:6.1f} MB  {layer.made_by[:80]}" for layer in found.layers),
        hint=f"`docker history {IMAGE}` has a line for each layer. What does that step of yours bring along?",
    )


def _why_large(step: str) -> str:
    if re.match(r"RUN\b.*\b(chown|chgrp|chmod|mv)\b", step, re.DOTALL):
        return (
            "Changing a file's owner, rights or place in a layer of its own stores the whole file once more, and the old one "
            "stays in the layer below."
        )
    return "What a layer brings in stays in the image, even when a later one removes it."
