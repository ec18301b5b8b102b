"""Whether a port of the learner's machine leads to a container whose service answers; and if not, why."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, NoReturn

from checker.engine.api import COMPOSE_ONE_OFF, NotFoundError
from checker.engine.shell import ShellError
from checker.grading.door import Blocked
from checker.grading.running import last_lines
from checker.grading.starting import wait_for_service
from checker.grading.verdicts import could_not_run, fail

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.engine.api import Engine
    from checker.grading.author import Lab
    from checker.grading.container import Container
    from checker.grading.door import Door
    from checker.grading.http import Outside, Reply

EVERYWHERE = frozenset({"", "0.0.0.0", "::", "127.0.0.1"})  # noqa: S104 - addresses to compare with, not to bind
"""Host addresses of a published port that can be reached through 127.0.0.1 of this machine."""


def require_reply(
    lab: Lab,
    outside: Outside,
    container: Container,
    door: Door,
    silent: Callable[[Container, Reply], None] | None = None,
) -> Reply:
    """Return what the container's service answers on a port of this machine; if it does not answer, fail and say why.

    Args:
        lab: the lab being judged.
        outside: the learner's machine.
        container: a running container.
        door: the port.
        silent: called if no good answer comes, to give a more exact message; it may return.
    """
    require_published(lab, outside, container, door)
    reply = outside.get(door.url, timeout=5.0)
    waited = door.start_seconds
    if reply.error and not _elsewhere(container, door):
        begin = time.monotonic()

        def answers() -> bool:
            nonlocal reply
            reply = outside.get(door.url, timeout=5.0)
            return not reply.error

        wait_for_service(container, answers, most=door.start_seconds)
        waited = time.monotonic() - begin
    if not reply.ok:
        if silent:
            silent(container.reload(), reply)
        _fail_silent(outside, container, door, reply, idle=waited < door.start_seconds)
    return reply


def _elsewhere(container: Container, door: Door) -> bool:
    """Whether something already listens inside, but not where the port leads: waiting would change nothing."""
    sockets = listening(container)
    return bool(sockets) and not any(port in insides(container, door.port) for _, port in sockets)


def insides(container: Container, port: int) -> set[int]:
    """Return the container's ports to which a port of this machine leads."""
    return {
        inside
        for inside, pairs in container.ports.items()
        if any(there == port and address in EVERYWHERE for address, there in pairs)
    }


# -- does the port lead there? --------------------------------------------------------------------------------


def require_published(lab: Lab, outside: Outside, container: Container, door: Door) -> None:
    """Fail and say why, unless a port of this machine leads to a port of the container."""
    name, port = container.name, door.port
    expected = f"port {port} of this machine leads to a port of {name}"
    _require_own_network(container, door, expected)
    published = [
        (inside, address, there) for inside, pairs in container.ports.items() for address, there in pairs
    ]
    mine = [entry for entry in published if entry[2] == port]
    if any(address in EVERYWHERE for _, address, _ in mine):
        return
    source = f"docker port {name}"
    if mine:
        _require_own_address(container, mine[0])
        fail(
            f"Port {port} leads to `{name}` only on the address {mine[0][1]}. Requests to this machine's usual address, "
            "127.0.0.1, do not reach it.",
            expected=f"{door.asked} leads to {name}",
            seen=", ".join(f"{inside} -> {address}:{there}" for inside, address, there in mine),
            source=source,
            hint=door.hint(Blocked.OTHER_ADDRESS),
        )
    _require_opened(container, door, expected, source)
    _fail_held(lab, container, door, expected)
    _fail_unpublished(container, door, outside.get(door.url), expected, {there for *_, there in published})


def _require_own_address(container: Container, published: tuple[int, str, int]) -> None:
    """End without a verdict if the engine chose the address of a published port, and not the learner."""
    inside, address, port = published
    asked = (container.host_config.get("PortBindings") or {}).get(f"{inside}/tcp") or []
    if any(each.get("HostPort") == str(port) and not each.get("HostIp") for each in asked):
        could_not_run(
            f"The engine opened port {port} of `{container.name}` only on {address} of this machine, and not on 127.0.0.1, as "
            "the setting `ip` in its daemon.json says. Remove that setting, restart the engine, and create the container again; "
            f"or publish the port on 127.0.0.1: `-p 127.0.0.1:{port}:{inside}`."
        )


def _fail_unpublished(
    container: Container, door: Door, reply: Reply, expected: str, others: set[int]
) -> NoReturn:
    """Fail for a port that no container is published on, whether or not something else answers there.

    Args:
        container: the container that it should lead to.
        door: the port.
        reply: what answers there.
        expected: what a right answer shows.
        others: the other ports of this machine that lead to the container.
    """
    name, port = container.name, door.port
    if reply.ok:
        fail(
            f"Something answers on port {port}, but the engine sends no request from there to `{name}`: the port is used by "
            "a program outside the containers, or by a container that is on the machine's own network.",
            expected=expected,
            seen=f"no container is published on port {port}",
            source=door.asked,
            evidence=reply.summary,
            hint=door.hint(Blocked.OUTSIDE),
        )
    if others:
        fail(
            f"`{name}` is published, but not on port {port}: a request there gets no answer.",
            expected=expected,
            seen=", ".join(sorted(f"port {there} leads to {name}" for there in others)),
            source=door.asked,
            evidence=reply.summary,
            hint=door.hint(Blocked.OTHER_PORT),
        )
    if container.labels.get(COMPOSE_ONE_OFF) == "True":
        fail(
            f"`{name}` runs, but no port of this machine leads to it. It was made by `docker compose run`, which starts a "
            "service for one task and leaves out the ports that the file gives to it.",
            expected=expected,
            seen="nothing is published",
            source=door.asked,
            evidence=reply.summary,
            hint=door.hint(Blocked.ONE_OFF),
        )
    exposed = ", ".join(f"`{inside}/tcp`" for inside in container.exposed)
    fail(
        f"`{name}` runs, but no port of this machine leads to it."
        + (
            f" The image exposes {exposed}, but that is only a note for readers: it opens nothing."
            if exposed
            else ""
        ),
        expected=expected,
        seen="nothing is published",
        source=door.asked,
        evidence=reply.summary,
        hint=door.hint(Blocked.UNPUBLISHED),
    )


def _require_own_network(container: Container, door: Door, expected: str) -> None:
    mode = str(container.host_config.get("NetworkMode") or "")
    source = f"docker inspect --format '{{{{.HostConfig.NetworkMode}}}}' {container.name}"
    if mode == "host":
        fail(
            f"`{container.name}` has no network of its own: it shares the whole network of this machine, with all its ports "
            "open. Two copies would collide, and the command would do something else on another machine.",
            expected=expected,
            seen="network: host; no port is published",
            source=source,
            evidence="host",
            hint=door.hint(Blocked.HOST_NETWORK),
        )
    if mode.startswith("container:"):
        fail(
            f"`{container.name}` has no network of its own: it uses another container's. When that container ends, nobody "
            "can reach this one either.",
            expected=expected,
            seen="network: another container's; no port is published",
            source=source,
            hint=door.hint(Blocked.OTHERS_NETWORK),
        )
    if mode == "none":
        fail(
            f"`{container.name}` has no network at all: it was started with none, so no port of this machine can lead to it"
            + (", although the command asked for one." if container.host_config.get("PortBindings") else "."),
            expected=expected,
            seen="network: none",
            source=source,
            evidence="none",
            hint=door.hint(Blocked.NO_NETWORK),
        )


def _require_opened(container: Container, door: Door, expected: str, source: str) -> None:
    """Fail if the port was requested but does not lead into the container: it is for UDP, or the network is internal."""
    name, port = container.name, door.port
    asked = {
        inside
        for inside, outside in (container.host_config.get("PortBindings") or {}).items()
        if any(at.get("HostPort") == str(port) for at in outside or [])
    }
    if asked and all(inside.endswith("/udp") for inside in asked):
        fail(
            f"Port {port} leads to `{name}` for UDP only. HTTP uses TCP, which has its own ports with the same numbers, and "
            "that port is not open.",
            expected=f"{expected}, for TCP",
            seen=f"port {port}/udp leads to {min(asked)}",
            source=source,
            hint=door.hint(Blocked.UDP),
        )
    if any(inside.endswith("/tcp") for inside in asked):
        # Podman calls the mode so on every network.
        mode, others = (
            container.host_config.get("NetworkMode"),
            set(container.networks) - {"default", "bridge"},
        )
        if mode in {"default", "bridge"} and not others and not has_bridge(container.engine):
            could_not_run(
                f"The engine gave `{name}` no network, because it has none for containers whose command names none. Remove "
                '`"bridge": "none"` from its daemon.json, restart the engine, and create the container again.'
            )
        fail(
            f"Port {port} was requested for `{name}`, but the engine did not open it: the container is on no network that "
            "this machine's ports lead to. An internal network is one that they do not lead to.",
            expected=expected,
            seen=f"{min(asked)} is requested but not open; networks: {', '.join(container.networks) or 'none'}",
            source=source,
            hint=door.hint(Blocked.NOT_OPENED),
        )


def has_bridge(engine: Engine) -> bool:
    """Whether the engine has its default network, as Docker calls it."""
    try:
        engine.get("/networks/bridge")
    except NotFoundError:
        return False
    return True


def _fail_held(lab: Lab, container: Container, door: Door, expected: str) -> None:
    name, port = container.name, door.port
    holder, image = holder_of(lab, port)
    if not holder:
        return
    wanted = door.others.get(holder)
    has = {there for pairs in container.ports.values() for _, there in pairs}
    if wanted and wanted in has:
        fail(
            f"Two ports are swapped: {port} leads to `{holder}`, and {wanted} to `{name}`. A request for one gets the other.",
            expected=f"{expected}, and port {wanted} to {holder}",
            seen=f"port {port} leads to {holder}, port {wanted} to {name}",
            source="docker ps",
            hint=door.hint(Blocked.SWAPPED),
        )
    if wanted:
        fail(
            f"Port {port} leads to `{holder}`: one container behind two ports is one copy, and nobody can reach "
            f"`{name}`.",
            expected=expected,
            seen=f"port {port} leads to {holder}",
            source=f"docker port {holder}",
            hint=door.hint(Blocked.SWAPPED),
        )
    fail(
        f"Port {port} of this machine leads to the container `{holder}`, not to `{name}`. "
        + (
            f"Both run the same image, and people reach only `{holder}`."
            if image == container.image_id
            else f"At best, requests pass through `{holder}`: when it ends, nobody can reach `{name}`."
        ),
        expected=expected,
        seen=f"port {port} leads to {holder}",
        source=f"docker ps --filter publish={port}",
        hint=door.hint(Blocked.HELD),
    )


def holder_of(lab: Lab, port: int) -> tuple[str, str]:
    """Return the name and the image's digest of the container that a TCP port of this machine leads to; empty if there is none."""
    for found in lab.engine.list_all("containers"):
        if any(
            entry.get("PublicPort") == port and entry.get("Type") == "tcp"
            for entry in found.get("Ports") or []
        ):
            return str(found["Names"][0]).lstrip("/"), str(found.get("ImageID", ""))
    return "", ""


# -- does anybody answer? -------------------------------------------------------------------------------------


def _fail_silent(outside: Outside, container: Container, door: Door, reply: Reply, *, idle: bool) -> NoReturn:
    name, expected = container.name, f"HTTP 200 from {door.asked}"
    sockets = listening(container)
    if reply.error:
        _require_not_only_ipv6(container, door, reply)
        _require_heard(container, door, reply, sockets, expected)
        _require_open_way(outside, container, door, reply)
    facts = {
        "expected": expected,
        "seen": reply.summary,
        "source": f"docker logs --tail 3 {name}",
        "evidence": last_lines(container, 3),
    }
    if reply.error and not sockets and container.running and idle:
        fail(
            f"The port is published, but nothing listens inside `{name}`: it runs `{container.main_command[:80]}`, which has "
            "opened no port.",
            **{**facts, "source": f"docker top {name}"},
            hint=door.hint(Blocked.IDLE),
        )
    if reply.error and not sockets and container.running:
        fail(
            f"The port is published, but nothing listens inside `{name}` yet: its program has started, but does not answer "
            "yet.",
            **facts,
            hint=door.hint(Blocked.STARTING),
        )
    fail(
        f"The port is published, but `{name}` gives no good answer.",
        **facts,
        hint=door.hint(Blocked.SILENT),
    )


def _require_heard(
    container: Container, door: Door, reply: Reply, sockets: list[tuple[str, int]], expected: str
) -> None:
    """Fail if nothing that listens inside can hear what comes through the published port; not if nothing listens at all."""
    name, port = container.name, door.port
    leads_to = insides(container, port)
    inside = door.inside if door.inside in leads_to else min(leads_to, default=0)
    addresses = {address for address, there in sockets if there == inside}
    if (sockets and not addresses) or (door.inside and inside != door.inside):
        fail(
            f"Port {port} leads to port {inside} inside `{name}`, and nothing listens on that port.",
            expected=expected
            if door.inside is None
            else f"port {port} leads to port {door.inside} of {name}",
            seen=reply.summary,
            source=f"/proc/net/tcp inside {name}",
            evidence="listening: "
            + (", ".join(sorted({f"{at}:{there}" for at, there in sockets})) or "nothing"),
            hint=door.hint(Blocked.NOBODY_INSIDE),
        )
    if addresses and all(at.startswith("127.") or at == "::1" for at in addresses):
        fail(
            f"The port is published, but the service accepts requests only from inside its own container: it listens on "
            f"{min(addresses)}, and requests through a published port come from outside.",
            expected=expected,
            seen=reply.summary,
            source=f"/proc/net/tcp inside {name}",
            evidence=f"listening: {min(addresses)}:{inside}",
            hint=door.hint(Blocked.LOOPBACK_INSIDE),
        )


def _require_open_way(outside: Outside, container: Container, door: Door, reply: Reply) -> None:
    """End without a verdict if the service answers at the container's own address: then the machine blocks the published port.

    Only an engine of Linux has addresses that this machine reaches; on others this finds nothing.
    """
    for inside in sorted(insides(container, door.port)):
        for address in filter(None, container.networks.values()):
            if outside.get(f"http://{address}:{inside}{door.path}", timeout=OWN_ADDRESS_SECONDS).ok:
                # It may have begun to serve meanwhile.
                if (again := outside.get(door.url, timeout=OWN_ADDRESS_SECONDS)).ok:
                    could_not_run(
                        f"`{container.name}` has just begun to answer ({again.summary}). Check again."
                    )
                could_not_run(
                    f"`{container.name}` answers at {address}:{inside}, its own address, but not at port {door.port} of this "
                    f"machine, which is published: {reply.summary}. A firewall blocks it, or the engine's settings "
                    '(`"iptables": false` with `"userland-proxy": false`). `lab doctor` tries a published port, too.'
                )


OWN_ADDRESS_SECONDS = 1.0
"""How long a service may take that is asked without a detour."""


def _require_not_only_ipv6(container: Container, door: Door, reply: Reply) -> None:
    """Fail if the port is published on IPv6 addresses alone: an engine that names `::` beside `0.0.0.0` publishes on both."""
    at = {address for pairs in container.ports.values() for address, there in pairs if there == door.port}
    if at and all(":" in address for address in at):
        fail(
            f"Port {door.port} leads to `{container.name}` for IPv6 only. Requests to this machine's usual address, 127.0.0.1, "
            "do not reach it.",
            expected=f"{door.asked} leads to {container.name}",
            seen=f"published on {', '.join(f'[{address}]:{door.port}' for address in sorted(at))}; {reply.error}",
            source=f"docker port {container.name}",
            hint=door.hint(Blocked.OTHER_ADDRESS),
        )


def listening(container: Container) -> list[tuple[str, int]]:
    """Return the addresses and ports on which something inside listens; from /proc, because slim images have no `ss`."""
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
