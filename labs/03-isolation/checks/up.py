"""Whether one of the three is up, and what this lab knows of its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.grading.author import insides, killed_by_kernel, last_lines, moment, past_events

from .three import CRUNCHER, INSIDE, LEDGER, VERSIONS, WHY, mb, present, published

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

    from .three import Asked


SERVICE_KILLED = "service itself was killed"
"""What the neighbour's main process writes when the kernel had to end its service."""


def require_running(lab: Lab, asked: Asked) -> Container:
    """Return the container; if it does not run and stay up, fail with what happened to it."""
    return lab.require_container(
        asked.wanted,
        lambda container: _tell_ended(lab, asked, container),
        lambda: _require_no_box_for_two(lab, asked),
    )


def _require_no_box_for_two(lab: Lab, asked: Asked) -> None:
    if asked.service == CRUNCHER.service:
        return
    # One that leads here alone is published on the wrong port: its own check says so.
    others = [
        item
        for other, item in present(lab).items()
        if other in VERSIONS and insides(item, asked.port) and insides(item, other.port)
    ]
    if not others:
        return
    box, ports = others[0].name, " and ".join(str(port) for port in sorted(published(others[0])))
    seen = f"{box} on ports {ports}"
    WHY.fail("one-box-for-two", who=asked.name, box=box, ports=ports, port=asked.port, seen=seen)


def _tell_ended(lab: Lab, asked: Asked, container: Container) -> None:
    """Say what only this lab knows of the end of one of the three."""
    log = last_lines(container, 3)
    killed = ", OOMKilled: true" if container.oom_killed else ""
    seen = f"status: {container.status}, exit code {container.exit_code}{killed}"
    facts = {"seen": seen, "evidence": log}
    events = past_events(lab.engine, container.id, since=moment(container.created) - 1)
    if asked.service == CRUNCHER.service and not events:
        _require_no_kill(asked, container, facts)
    if killed_by_kernel(container, events):
        fail_strangled(asked, container, seen)
    if "ledger" in log and "wanted is" in log:
        _fail_found_ledger(lab, asked, container, facts)
    if "Address already in use" in log:
        WHY.fail("port-held", who=asked.name, port=INSIDE, **facts)
    if "cannot use the ledger" in log:
        reason = "read-only" if "Read-only file system" in log else "cannot-write"
        WHY.fail(reason, who=asked.name, **facts)


def _require_no_kill(asked: Asked, container: Container, facts: dict[str, str]) -> None:
    """Fail if the neighbour's main process was killed, and its own log does not say that its limit was why.

    An engine that has forgotten the kill still says OOMKilled, because of a worker. That process is so small that the kernel
    ends the service in its place, and it writes so.
    """
    told = container.exit_code != 137 or SERVICE_KILLED in last_lines(container, 20)
    WHY.require(told, "main-process-killed", who=asked.name, **facts)


def _fail_found_ledger(lab: Lab, asked: Asked, container: Container, facts: dict[str, str]) -> NoReturn:
    """Say whether the other version writes to the ledger that it found, or somebody left it there before."""
    place = container.mounted_on(LEDGER)
    both = [
        other for other, item in present(lab).items() if other != asked and item.mounted_on(LEDGER) == place
    ]
    if place and both:
        WHY.fail("ledger-of-both", who=asked.name, other=both[0].name, **facts)
    WHY.fail("ledger-of-before" if place else "ledger-overwritten", who=asked.name, **facts)


def fail_strangled(asked: Asked, container: Container, seen: str) -> NoReturn:
    """End the check: the kernel ended the service itself, for want of memory."""
    given, log = container.host_config, last_lines(container, 3)
    WHY.require(given.get("Memory"), "no-memory-left", who=asked.name, seen=seen, evidence=log)
    WHY.fail("strangled", who=asked.name, limit=mb(given["Memory"]), seen=seen, evidence=log)
