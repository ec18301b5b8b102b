"""Whether a port of this machine leads to a copy, and Parcel answers there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from checker.engine.shell import ShellError
from checker.grading.author import fail, wait_until

from .copies import FIRST, START_SECONDS, last_lines
from .moments import age

if TYPE_CHECKING:
    from checker.grading.author import Container, Engine, Outside, Reply

    from .copies import Copy

EVERYWHERE = frozenset({"", "0.0.0.0", "::", "127.0.0.1"})  # noqa: S104 - addresses to compare with, not to bind
"""Host addresses of a published port that 127.0.0.1 of this machine leads to."""


def require_answer(engine: Engine, outside: Outside, copy: Copy, container: Container) -> dict[str, Any]:
    """Return what Parcel says on the copy's port; fail unless it is this container that says it."""
    _require_published(engine, outside, copy, container)
    reply = outside.get(copy.url)
    if reply.error and wait_until(lambda: _listening(container), START_SECONDS - age(container.started_at)):
        # A copy that was started this moment needs a little until it listens.
        reply = outside.get(copy.url)
    if not reply.ok:
        _fail_silent(copy, container, reply)
    said = reply.json()
    if not isinstance(said, dict) or said.get("service") != "parcel":
        fail(
            f"Something in `{copy.name}` answers on port {copy.port}, but it is not Parcel.",
            expected='HTTP 200 with "service": "parcel"',
            seen=reply.summary,
            source=copy.asked,
            hint=f"What does the container run? See the COMMAND column of `docker ps`, and `docker logs {copy.name}`.",
        )
    return said


def _require_published(engine: Engine, outside: Outside, copy: Copy, container: Container) -> None:
    expected = f"port {copy.port} of this machine leads to a port of {copy.name}"
    source = f"docker port {copy.name}"
    if container.attrs["HostConfig"]["NetworkMode"] == "host":
        fail(
            f"`{copy.name}` has no network of its own: it shares the whole network of this machine, every port of it "
            "open. Two copies would collide, and the command would do something else on another machine.",
            expected=expected,
            seen="network: host; no port is published",
            source=f"docker inspect --format '{{{{.HostConfig.NetworkMode}}}}' {copy.name}",
            evidence="host",
            hint="Lesson, “Give it a port”: one port is opened there, and the network stays the container's own.",
        )
    if container.attrs["HostConfig"]["NetworkMode"].startswith("container:"):
        fail(
            f"`{copy.name}` has no network of its own: it lives in that of another container, and when that one ends, "
            "nobody reaches this one either.",
            expected=expected,
            seen="network: another container's; no port is published",
            source=f"docker inspect --format '{{{{.HostConfig.NetworkMode}}}}' {copy.name}",
            hint="Lesson, “Give it a port”: that copy has a network of its own, and one published port.",
        )
    published = [
        (inside, address, int(port)) for inside, pairs in container.ports.items() for address, port in pairs
    ]
    mine = [entry for entry in published if entry[2] == copy.port]
    if mine and not any(address in EVERYWHERE for _, address, _ in mine):
        fail(
            f"Port {copy.port} leads to `{copy.name}` on the address {mine[0][1]} alone, which is not the one that "
            "people on this machine use.",
            expected=f"{copy.asked} leads to {copy.name}",
            seen=", ".join(f"{inside} -> {address}:{port}" for inside, address, port in mine),
            source=source,
            hint="Lesson, “Give it a port”, names what stands before the first colon there.",
        )
    if mine:
        return
    _require_opened(copy, container, expected, source)
    holder = _holder(engine, copy.port)
    if holder == FIRST.name:
        fail(
            f"Port {copy.port} leads to `{holder}`, the first copy: one container behind two ports is one copy, and "
            f"`{copy.name}` can be reached by nobody.",
            expected=expected,
            seen=f"ports {FIRST.port} and {copy.port} both lead to {holder}",
            source=f"docker port {holder}",
            hint="Compare the PORTS column of the two in `docker ps`.",
        )
    if holder:
        fail(
            f"Port {copy.port} of this machine leads to the container `{holder}`, not to `{copy.name}`. A request "
            f"passes through `{holder}` at best: where that one ends, `{copy.name}` is out of reach.",
            expected=expected,
            seen=f"port {copy.port} leads to {holder}",
            source=f"docker ps --filter publish={copy.port}",
            hint="Compare the PORTS column of the two in `docker ps`.",
        )
    reply = outside.get(copy.url)
    if reply.ok:
        fail(
            f"Something answers on port {copy.port}, but the engine leads no request from there to `{copy.name}`: a "
            "program outside the containers holds the port.",
            expected=expected,
            seen=f"no container is published on port {copy.port}",
            source=copy.asked,
            evidence=reply.summary,
            hint="Lesson, “Give it a port”: who opens the port there, and with which option?",
        )
    if published:
        fail(
            f"`{copy.name}` is published, but not on port {copy.port}: who asks there finds nobody.",
            expected=expected,
            seen=", ".join(sorted({f"port {port} leads to {copy.name}" for _, _, port in published})),
            source=copy.asked,
            evidence=reply.summary,
            hint="In `docker ps`, column PORTS, which number is this machine's: the one before the arrow or after it?",
        )
    fail(
        f"`{copy.name}` listens, but no port of this machine leads to it. The `8080/tcp` that the image exposes is a "
        "note for readers: it opens nothing.",
        expected=expected,
        seen="nothing is published",
        source=copy.asked,
        evidence=reply.summary,
        hint="Lesson, “Give it a port”: compare the PORTS column of `docker ps` before and after.",
    )


def _require_opened(copy: Copy, container: Container, expected: str, source: str) -> None:
    """Fail when the port was asked for and does not lead in all the same: for UDP, or on a network without a way in."""
    asked = {
        inside
        for inside, outside in (container.host_config.get("PortBindings") or {}).items()
        if any(at.get("HostPort") == str(copy.port) for at in outside or [])
    }
    if asked and all(inside.endswith("/udp") for inside in asked):
        fail(
            f"Port {copy.port} leads to `{copy.name}` for UDP alone. HTTP speaks TCP, which has ports of its own with "
            "the same numbers, and nobody opened that one.",
            expected=f"{expected}, for TCP",
            seen=f"port {copy.port}/udp leads to {min(asked)}",
            source=source,
            hint="Lesson, “Give it a port”: what stands behind the second number there?",
        )
    if any(inside.endswith("/tcp") for inside in asked):
        fail(
            f"Port {copy.port} was asked for `{copy.name}`, and the engine did not open it: the container is on no "
            "network that this machine's ports lead to, such as an internal one or none.",
            expected=expected,
            seen=f"{min(asked)} is asked for and not open; networks: {', '.join(container.networks) or 'none'}",
            source=source,
            hint="The lesson's copies were given no network at all: the engine chose one. "
            "`docker network inspect` says which are internal.",
        )


def _holder(engine: Engine, port: int) -> str:
    for found in engine.list_all("containers"):
        if any(
            entry.get("PublicPort") == port and entry.get("Type") == "tcp"
            for entry in found.get("Ports") or []
        ):
            return str(found["Names"][0]).lstrip("/")
    return ""


def _fail_silent(copy: Copy, container: Container, reply: Reply) -> NoReturn:
    inside = next(
        inside
        for inside, pairs in container.ports.items()
        if any(int(port) == copy.port for _, port in pairs)
    )
    sockets = _listening(container)
    addresses = {address for address, port in sockets if port == inside}
    expected = f"HTTP 200 from {copy.asked}"
    if sockets and not addresses:
        fail(
            f"Port {copy.port} leads to port {inside} inside `{copy.name}`, and nobody listens on that one.",
            expected=expected,
            seen=reply.summary,
            source=f"/proc/net/tcp inside {copy.name}",
            evidence="listening: " + ", ".join(sorted({f"{address}:{port}" for address, port in sockets})),
            hint="Lesson, “Give it a port”: of the two numbers of a published port, which is the container's?",
        )
    if addresses and all(address.startswith("127.") or address == "::1" for address in addresses):
        fail(
            f"The port is published, but Parcel accepts calls from inside its own container alone: it listens on "
            f"{min(addresses)}, and what comes through a published port comes from outside.",
            expected=expected,
            seen=reply.summary,
            source=f"/proc/net/tcp inside {copy.name}",
            evidence=f"listening: {min(addresses)}:{inside}",
            hint=f"What tells Parcel where to listen? `docker logs {copy.name}` shows the address it took at its start.",
        )
    fail(
        f"The port is published, but no good answer comes from `{copy.name}`.",
        expected=expected,
        seen=reply.summary,
        source=f"docker logs --tail 3 {copy.name}",
        evidence=last_lines(container, 3),
        hint="Its log says what it does with your request.",
    )


def _listening(container: Container) -> list[tuple[str, int]]:
    """Return the sockets that listen inside, read from /proc: slim images have no `ss`."""
    try:
        done = container.exec("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null")
    except ShellError:
        return []  # it has no shell, or ended this moment
    found = []
    for address, port in re.findall(
        r"^\s*\d+: ([0-9A-F]{8,32}):([0-9A-F]{4}) \S+ 0A", done.stdout, re.MULTILINE
    ):
        # The engine's own name server listens on 127.0.0.11 inside every container of a created network.
        text = (
            ".".join(str(byte) for byte in reversed(bytes.fromhex(address)))
            if len(address) == 8
            else _ipv6(address)
        )
        if text != "127.0.0.11":
            found.append((text, int(port, 16)))
    return found


def _ipv6(text: str) -> str:
    if text.strip("0") == "":
        return "::"
    return "::1" if text == "0" * 24 + "01000000" else f"[{text.lower()}]"
