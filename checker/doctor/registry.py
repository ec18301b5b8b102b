"""Probe of the registry that images could be pulled from; labs do not need it, so its absence is only a note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.doctor.finding import Probe, Seen, fine, note, unknown
from checker.engine.api import NotFoundError
from checker.errors import EngineError

if TYPE_CHECKING:
    from checker.doctor.machine import Machine

REGISTRY_SECONDS = 3.0

BASE = "debian:trixie-slim"
"""What would be pulled first; only its description is asked for."""

_WITHOUT = (
    "Nothing has to be done: images are then built here or loaded from a file (`lab images load FILE`)."
)


def reach(machine: Machine) -> tuple[Seen, ...]:
    """Let the engine ask its registry for the base image's description; nothing is pulled."""
    try:
        machine.asked.request("GET", f"/distribution/{BASE}/json", seconds=REGISTRY_SECONDS)
    except NotFoundError:
        return (unknown("this engine cannot ask a registry without pulling"),)
    except EngineError as error:
        said = str(error)
        if "toomanyrequests" in said or "rate limit" in said:
            return (
                note(
                    "answers, but this address has pulled too much",
                    f"Log in (`docker login`), or wait. {_WITHOUT}",
                ),
            )
        if "x509" in said or "certificate" in said:
            return (
                note(
                    "reached, but its certificate is not known to the engine (a network that inspects TLS)",
                    f"Give your organisation's certificate to the engine and restart it. {_WITHOUT}",
                ),
            )
        return (note("not reached", _WITHOUT),)
    return (fine(f"answers for {BASE}"),)


PROBES = (Probe("containers", (("registry", "registry"),), reach),)
