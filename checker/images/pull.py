"""Pulls from a registry with a time limit; a command does not try a registry that cannot be reached twice."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.images.workshop import Workshop

SILENCE_SECONDS = 600.0
"""How long a pull may print nothing: a layer of 100 MB over a slow network, of which only the end is printed."""

REGISTRY = "DRYDOCK_REGISTRY"
"""HOST[:PORT][/PATH] of a registry that has the course's images, such as a classroom's."""

PUBLIC = "the public registry"

_unreachable: set[str] = set()


def configured_registry(environ: Mapping[str, str] | None = None) -> str:
    """Return the registry that was configured for the course's images; empty if there is none.

    There is no default: someone else could own a public name that the course does not own.
    """
    return (os.environ if environ is None else environ).get(REGISTRY, "").strip().rstrip("/")


def registry_of(reference: str) -> str:
    """Return the registry that a reference is pulled from.

    It is the part before the first slash, if this has a dot or a colon or is `localhost` (distribution/reference).
    """
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else PUBLIC


def pull(reference: str, workshop: Workshop, *, seconds: float = SILENCE_SECONDS) -> bool:
    """Pull an image and return whether it is present now; a failure is reported in one line and raises no error."""
    registry = registry_of(reference)
    if registry in _unreachable:
        return False
    workshop.say(f"pulling {reference}")
    ended = workshop.docker("pull", reference, log=workshop.log("pull", reference), silence=seconds)
    if ended.ok:
        return True
    last = ended.last_line
    missing = any(word in last for word in ("not found", "manifest unknown", "denied"))
    if not missing or ended.timed_out:
        _unreachable.add(registry)
    reason = f"there was no output for {seconds:.0f} s" if ended.timed_out else _brief(last)
    workshop.say(f"it could not be pulled from {registry}: {reason}")
    return False


def forget_failures() -> None:
    """Forget which registries could not be reached, so that they are tried again."""
    _unreachable.clear()


def _brief(line: str) -> str:
    """Return the last cause in the engine's chain of causes."""
    return line.removeprefix("Error response from daemon: ").rpartition(": ")[2].strip() or line
