"""What must not lie in an image, and how much it may weigh."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from checker.grading.author import PLAIN, form_in, forms, packed_files

from .layers import Contents, Layer, base_digests, base_sizes, contents, plain
from .truth import IMAGE, WHY

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
        if key not in layer.secrets:
            continue
        place, form = layer.secrets[key].place, layer.secrets[key].form
        later = _removed_later(found.layers[number:], place)
        WHY.fail(
            "key-only-hidden" if later else "key-in-a-layer",
            whose=whose,
            which=which,
            hidden=_encoded(form),
            place=place,
            step=layer.made_by[:120],
            later=later[:120],
            source=source or f"docker save {IMAGE}",
            seen=f"in layer {number} of the {len(found.layers)} that you added: {place}, {form}",
        )
    place, form = _in_record(found.record, key)
    WHY.require(
        not form,
        "key-in-the-record",
        whose=whose,
        which=which,
        hidden=_encoded(form),
        place=place,
        source=source or f"docker history --no-trunc {IMAGE}; docker image inspect {IMAGE}",
        seen=f"{place}, {form}",
    )


def _encoded(form: str) -> str:
    return "" if form == PLAIN else f" ({form}, which hides nothing: anybody can undo it)"


def _removed_later(layers: list[Layer], place: str) -> str:
    name = place.partition(", ")[0]
    for layer in layers:
        if any(name == gone or name.startswith(f"{gone}/") for gone in layer.removed):
            return layer.made_by
    return ""


def library_in(found: Contents) -> str:
    """Return the file by which the library can be imported from an image; empty if no layer has it as a folder."""
    places = [
        layer.library
        for number, layer in enumerate(found.layers, start=1)
        if layer.library and not _removed_later(found.layers[number:], layer.library)
    ]
    return f"/{places[-1]}" if places else ""


def _in_record(record: dict[str, Any], key: str) -> tuple[str, str]:
    """Return where an image's configuration or history tells the key, and in which form; two empty texts if they do not."""
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
        for content in (text.encode(), *(packed for _, packed in packed_files(text.encode()))):
            if form := form_in(content, key):
                return place, form
    return "", ""


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
        names = layer.clutter or ([layer.secrets[history].place] if history in layer.secrets else [])
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            save = f"docker save {IMAGE} (layer {number} of the {len(found.layers)} that you added)"
            WHY.fail(
                "clutter",
                which=which,
                kind=_kind(names[0]),
                step=layer.made_by[:120],
                source=source or save,
                seen=f"{names[0]}{more}",
            )


def _kind(name: str) -> str:
    # In an archive, what counts is the file inside.
    inner = f"/{name.rpartition(', in it ')[2]}"
    if inner.endswith("/.env"):
        return "the file with the builder's own settings and secrets"
    if "/.venv/" in inner or inner.endswith("/pyvenv.cfg"):
        return "a virtual environment, made for the machine and the Python of the person who built it"
    return "a git history: every version of every file, and whatever was ever committed by mistake"


def require_adds_little(
    engine: Engine, found: Contents, which: str = "The image", source: str = "docker history labels:1.0"
) -> None:
    """Fail when the files of the learner's layers have together more bytes than the task allows.

    Added up from the files themselves: the size that an engine tells of an image is unpacked, compressed, or both.
    """
    # Who copied everything into an empty image, or began with another one, has the runtime among the layers of their own.
    missing = base_digests(engine) - found.base
    more = found.size - (sum(base_sizes(engine)[digest] for digest in missing) if missing else 0)
    if more <= LIMIT:
        return
    number, largest = max(enumerate(found.layers, start=1), key=lambda pair: pair[1].size)
    WHY.fail(
        "too-large",
        which=which,
        source=source,
        more=more / 1e6,
        step=largest.made_by[:120],
        why=_why_large(largest.made_by),
        seen=f"{more / 1e6:.1f} MB more, {largest.size / 1e6:.1f} MB of them in layer {number} of the {len(found.layers)} that you added",
        evidence="\n".join(f"{layer.size / 1e6:6.1f} MB  {layer.made_by[:80]}" for layer in found.layers),
    )


def _why_large(step: str) -> str:
    if re.match(r"RUN\b.*\b(chown|chgrp|chmod|mv)\b", step, re.DOTALL):
        return (
            "Changing a file's owner, rights or place in a layer of its own stores the whole file once more, and the old one "
            "stays in the layer below."
        )
    return "What a layer brings in stays in the image, even when a later one removes it."
