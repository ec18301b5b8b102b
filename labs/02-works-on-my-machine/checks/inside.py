"""What must not lie in an image, and how much it may weigh."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from checker.grading.author import could_not_run, fail, require

from .layers import Contents, Layer, contents, plain
from .truth import BASE, IMAGE

if TYPE_CHECKING:
    from checker.grading.author import Engine, Lab

LIMIT = 10_000_000
"""How many bytes the image may be larger than the runtime that the lab gives."""


@cache
def searched(engine: Engine, image: str, *keys: str) -> Contents:
    """Return what lies in an image, searched for these keys; read once a run."""
    return contents(engine, image, keys)


def require_no_key(
    found: Contents, key: str, *, whose: str = "Ada's key", which: str = "the image", source: str = ""
) -> None:
    """Fail when the key is in a layer or in the image's record."""
    for number, layer in enumerate(found.layers, start=1):
        if key in layer.secrets:
            name = layer.secrets[key]
            later = _removed_later(found.layers[number:], name)
            fail(
                f"{whose} is in {which}: the file {name} came in by `{layer.made_by[:120]}`"
                + (
                    f", and `{later[:120]}` only hid it. A layer is never changed by a later one: the file is still in the "
                    "archive, for everyone who gets the image."
                    if later
                    else ". Everyone who gets the image gets the key, and can forge Ada's seals."
                ),
                expected="the key in no layer",
                seen=f"in layer {number} of the {len(found.layers)} that you added: {name}",
                source=source or f"docker save {IMAGE}",
                hint="Lesson, “Look for the key”: what did `rm` change there? A key that never enters the folder's build cannot stay in an image.",
            )
    if key in found.record:
        fail(
            f"{whose} is written in the record of {which}, where {_place(found.record, key)}: everyone who gets the image can read it there.",
            expected="the key neither in a variable of the image, nor in its history",
            seen=_place(found.record, key),
            source=source or f"docker history --no-trunc {IMAGE}; docker image inspect {IMAGE}",
            hint="The key is needed when the service runs, not when it is built. Which options of `docker run` set a variable for one container?",
        )


def _removed_later(layers: list[Layer], name: str) -> str:
    for layer in layers:
        if any(name == gone or name.startswith(f"{gone}/") for gone in layer.removed):
            return layer.made_by
    return ""


def _place(record: str, key: str) -> str:
    import json  # noqa: PLC0415 - only on the way to a failure

    decoded = json.loads(record)
    if any(key in pair for pair in decoded.get("config", {}).get("Env") or []):
        name = next(pair.partition("=")[0] for pair in decoded["config"]["Env"] if key in pair)
        return f"the variable {name} is set for every container"
    for step in decoded.get("history", []):
        if key in step.get("created_by", ""):
            return f"the history keeps how `{plain(step['created_by']).replace(key, '…')[:80]}` was run, build arguments included"
    return "its configuration has it"


def require_no_clutter(found: Contents, *, which: str = "The image", source: str = "") -> None:
    """Fail when a git history, a virtual environment or `.env` is in a layer."""
    for number, layer in enumerate(found.layers, start=1):
        if not layer.clutter:
            continue
        name = layer.clutter[0]
        kind = (
            "a git history: every version of every file, and whatever was ever committed by mistake"
            if "/.git/" in f"/{name}"
            else "a virtual environment, made for the machine and the Python of whoever built it"
            if "/.venv/" in f"/{name}"
            else "the file with the builder's own settings and secrets"
        )
        fail(
            f"{which} holds {kind}. It came in by `{layer.made_by[:120]}`, which took more of the folder than the service needs.",
            expected="no .git, no .venv and no .env in any layer",
            seen=f"{name} and {len(layer.clutter) - 1} more" if len(layer.clutter) > 1 else name,
            source=source
            or f"docker save {IMAGE} (layer {number} of the {len(found.layers)} that you added)",
            hint="`ls -A labels` shows what lies in the folder. Either the recipe names what it takes, or a file beside it names what it leaves: lesson, “Read the recipe”.",
        )


def require_adds_little(lab: Lab) -> None:
    """Fail when the image is much larger than the runtime it is built on."""
    base, image = lab.image(BASE), lab.image(IMAGE)
    if base is None:
        could_not_run(f"The image {BASE} is missing; `lab start 2` brings it back.")
    more = (image or {}).get("Size", 0) - base["Size"]
    if more <= LIMIT:
        return
    history = lab.engine.get(f"/images/{IMAGE}/history")
    largest = max(history[: max(1, len(history) - 1)], key=lambda step: step.get("Size", 0))
    require(
        False,  # noqa: FBT003 - the reason needs what was found above
        f"The image is {more / 1e6:.0f} MB larger than {BASE}; the service and its library are less than one. Whoever moves it, moves all of it. "
        f"Most comes from `{plain(largest.get('CreatedBy', ''))[:120]}`: changing a file's owner or rights, or removing it, in a layer of its own "
        "leaves the old one in the layer below.",
        expected=f"at most {LIMIT / 1e6:.0f} MB more than {BASE}",
        seen=f"{more / 1e6:.1f} MB more",
        source=f"docker history {IMAGE}",
        hint=f"`docker history {IMAGE}` has a column SIZE, a line for each layer. Which of yours is large, and why?",
    )
