"""What is wrong with the front: who answers behind it, who does not, and which line of front.cfg is the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.grading.author import fail, require

from .world import IMAGE, WANTED

if TYPE_CHECKING:
    from collections import Counter

    from checker.cluster.manual import Copy
    from checker.grading.author import Prober, Reply

    from .world import World

SHOWN = "http://localhost:8060/"

SLOW_MS = 800.0
"""A request that met a dead host waits a second for it; one that did not takes a few milliseconds."""

DELAY_MS = 100.0
"""A request that was sent to a second server waited at least so long, if the first one was dead."""

LOG_LINES = 400
"""More than the front's log gets while it is tried: a line for each request that failed, also for those of the users."""

FEW_LINES = 100

_TIMES = re.compile(r"/(\S+) -?\d+/(-?\d+)/(-?\d+)/-?\d+/\+?\d+ .* \d+/\d+/\d+/\d+/(\+?\d+) \d+/\d+ ")
"""Of a line in the front's log: the server, the time in a queue, the time until connected, and how often it tried again."""


@dataclass(frozen=True)
class Retried:
    """A request that the front sent again, because a server did not answer."""

    server: str
    """The one that answered in the end."""
    ms: float
    """How long it took until one was reached."""
    line: str
    """The front's log tells it."""


def retried(world: World, token: str) -> list[Retried]:
    """Return the requests that waited for a server that does not answer, of those that have this word in their address."""
    found = []
    for line in world.lab.node("front").logs(LOG_LINES).splitlines():
        if token in line and (said := _TIMES.search(line)):
            waited = float(said[2]) + float(said[3])
            if int(said[4]) and waited >= DELAY_MS:
                found.append(Retried(said[1], waited, line.strip()))
    return found


def answers(seen: Counter[str]) -> str:
    """Return who has answered how often, for `seen`."""
    return f"answers of {', '.join(f'{name} ({times})' for name, times in seen.most_common())}"


# -- a request that no copy answered ---------------------------------------------------------------------------


def tell_of_reply(world: World, reply: Reply, number: int) -> None:
    """End the check: a request to the front was not answered by a copy."""
    seen = f"{reply.summary} (request {number})"
    _tell_of_file(world, seen)
    if 300 <= reply.status < 400:
        to = next((value for name, value in reply.headers.items() if name.lower() == "location"), "")
        fail(
            f"The front sends users away, to {to or 'another address'}, in place of passing their requests on. It is the one address "
            "that users know; the hosts behind it they may not even reach.",
            expected=f"Parcel's answer from {SHOWN}",
            seen=seen,
            source=f"curl -i {SHOWN}",
            hint="What does front.cfg do besides passing requests on? A `server` line for each copy is all that it needs.",
        )
    _tell_of_inner_address(world, seen)
    if any(world.is_lost(server) for server in world.servers):
        tell_of_dead(world, seen)
    require(
        world.servers,
        "The front has nobody to pass a request on to: "
        + (
            f"none of the {len(world.written)} server lines in front.cfg names a host and a port."
            if world.written
            else "front.cfg names no server."
        ),
        expected="lines of the form `server NAME HOST:PORT`",
        seen=f"{world.written[0] if world.written else 'no such line'}; {seen}",
        source="cat front.cfg",
        hint="The comment at the top of front.cfg shows the form of a line. The address is the host's, not the container's.",
    )
    _tell_of_empty_address(world, seen)
    fail(
        "A request to the front is not answered by a copy of Parcel.",
        expected=f"Parcel's answer from {SHOWN}, every time",
        seen=seen,
        source=f"curl {SHOWN}",
        evidence=world.lab.node("front").logs(1),
        hint="`docker logs drydock-06-front-1` has a line for each request that failed, with the server it went to.",
    )


def _tell_of_inner_address(world: World, seen: str) -> None:
    """End the check when a line has the address that a copy has on its host."""
    lines = [server for server in world.servers if server.is_address]
    inner = world.inner_addresses() if lines else set()
    for server in lines:
        if server.host in inner:
            fail(
                f"The front passes requests to {server.host}:{server.port}, the address that a copy has on its host. Only that host knows "
                "it; from other machines, no way leads there.",
                expected="the name of the copy's host, and the port of that host which leads to the copy",
                seen=f"{server.line} in front.cfg; {seen}",
                source=f"curl {SHOWN}",
                hint="Compare each line of front.cfg with the PORTS column of `docker -H tcp://HOST:2375 ps`.",
            )


def _tell_of_empty_address(world: World, seen: str) -> None:
    """End the check when a line leads to where no copy is published."""
    served = {(copy.node, port) for copy in world.counted for port in copy.ports}
    for server in world.servers:
        if (server.host, server.port) in served:
            continue
        if server.host in {"localhost", "127.0.0.1"} and not world.has_part_at(server.port):
            fail(
                f"The front passes requests to {server.host}:{server.port}. That is the front itself: it is a machine of its own, and no "
                "copy runs on it.",
                expected="the name of the host that the copy runs on, and a port of that host",
                seen=f"{server.line} in front.cfg; {seen}",
                source=f"curl {SHOWN}",
                hint="Whose name is `localhost`? Compare each line of front.cfg with the hosts in your `docker -H tcp://HOST:2375` commands.",
            )
        # A copy that no line names is the likelier one.
        named = {(each.host, each.port) for each in world.servers}
        there = sorted(
            (copy for copy in world.counted if copy.node == server.host and copy.ports),
            key=lambda copy: (copy.node, copy.ports[0]) in named,
        )
        fail(
            f"The front passes requests to {server.host}:{server.port}, where no copy answers."
            + ("" if ":" in server.written else f" The line names no port, so it asks for {server.port}."),
            expected=f"{there[0].address}, where {there[0].name} is published"
            if there
            else "the address of a copy",
            seen=f"{server.line} in front.cfg; {seen}",
            source=f"curl {SHOWN}",
            hint="Compare each line of front.cfg with the PORTS column of `docker -H tcp://HOST:2375 ps`.",
        )


def _tell_of_file(world: World, seen: str) -> None:
    """End the check when the front cannot use front.cfg."""
    if world.is_wide:
        fail(
            "front.cfg, or a part of it, is written in UTF-16, with two bytes for each character: the front cannot read these lines. "
            "PowerShell's `>` and `>>` write files like that.",
            expected="front.cfg in UTF-8",
            seen=f"{world.text.count(chr(0))} zero bytes in front.cfg; {seen}",
            source="cat -v front.cfg, in the toolbox",
            hint="Write the lines in the toolbox, where `>>` adds them in UTF-8, or choose UTF-8 in your editor. `lab reset 6` brings "
            "the first front.cfg back.",
        )
    if not world.refused:
        return
    require(
        world.text.strip(),
        "There is no front.cfg in the work folder, or it is empty. The front continues with the previous version.",
        expected="front.cfg with the line `backend parcel` and a `server` line for each copy",
        seen=seen,
        source="cat front.cfg",
        hint="Write it again: the line `backend parcel`, and below it one line for each copy, `server NAME HOST:PORT`.",
    )
    require(
        world.has_backend,
        "front.cfg has no line `backend parcel`, so the front does not know what its server lines are for. It cannot use the "
        "file, and continues with the previous version.",
        expected="`backend parcel`, and the server lines below it",
        seen=f"front.cfg begins with: {next(iter(world.text.strip().splitlines()), '')}; {seen}",
        source="cat front.cfg",
        evidence=world.refused,
        hint="In a shell, `>` replaces a whole file, and `>>` adds a line at its end. Write the line `backend parcel` above the "
        "server lines again.",
    )
    require(
        not world.loose,
        "A server line of front.cfg is above the line `backend parcel`: only lines below it belong to it. The front cannot use "
        "the file, and continues with the previous version.",
        expected="`backend parcel`, and every server line below it",
        seen=f"{world.loose}, above it; {seen}",
        source="cat front.cfg",
        evidence=world.refused,
        hint="Move the server lines to the end of the file.",
    )
    fail(
        "The front cannot use front.cfg as it is now, and continues with the previous version.",
        expected="a file in which HAProxy finds no mistake",
        seen=seen,
        source="docker logs drydock-06-front-1",
        evidence=world.refused,
        hint="The message names the line.",
    )


# -- a server that is dead, or slow ----------------------------------------------------------------------------


def tell_of_dead(world: World, seen: str) -> None:
    """End the check: requests go to a host that was lost."""
    dead = next(server for server in world.servers if world.is_lost(server))
    where = (
        f"{dead.host}, an address that no living host has"
        if dead.is_address
        else f"{dead.host}, which is dead"
        if any(loss.down and loss.host == dead.host for loss in world.deaths)
        else f"{dead.host}, which was lost"
    )
    fail(
        f"The front still passes requests to {where}: every time its turn comes, a user waits and gets no answer.",
        expected=f"only servers on {', '.join(world.left)}, or a front that finds out by itself who is gone",
        seen=f"{dead.line} in front.cfg; {seen}",
        source="docker logs drydock-06-front-1",
        hint="Nobody tells the front that a machine is gone. Who knows it?",
    )


def tell_of_delay(world: World, again: list[Retried], number: int) -> None:
    """End the check: requests wait for a server that does not answer, and are then sent to another one."""
    longest = max(again, key=lambda each: each.ms)
    dead = next((server for server in world.servers if world.is_lost(server)), None)
    fail(
        f"The front tries a server that does not answer before it sends a request to {longest.server}: every time, a user waits.",
        expected=f"every request goes at once to a server that answers, on {', '.join(world.left)}",
        seen=f"{len(again)} of {number} requests waited, the longest {longest.ms / 1000:.1f} s"
        + (f"; {dead.line} in front.cfg" if dead else ""),
        source="docker logs drydock-06-front-1",
        evidence=longest.line,
        hint="Which line of front.cfg leads to a host that is dead?",
    )


def tell_of_slow(slow: list[Reply], number: int) -> None:
    """End the check: too many requests take long, and no dead host is the reason."""
    fail(
        f"{len(slow)} of {number} requests to the front took longer than {SLOW_MS / 1000:g} s.",
        expected=f"each of them answered within {SLOW_MS / 1000:g} s",
        seen=f"the slowest took {max(reply.ms for reply in slow) / 1000:.1f} s",
        source=f"curl {SHOWN}, several times",
        hint="Send a request to each copy, by its host's name and port, in the toolbox: is a copy slow, or is it the front?",
    )


# -- answers of others, and none of some -----------------------------------------------------------------------


def tell_of_others(world: World, prober: Prober, name: str, seen: Counter[str]) -> None:
    """End the check: users get answers of something that is none of the copies on the hosts that are left."""
    words = answers(seen)
    for copy in world.copies:
        if copy.node not in world.lost_hosts or not copy.address:
            continue
        said = prober.get(f"http://{copy.address}/").json()
        if isinstance(said, dict) and said.get("instance") == name:
            fail(
                f"Users get to {copy.name} on {copy.node}, the host that was lost and is back. Nobody knows how long it stays: it does not "
                "count, and what depends on it fails a second time.",
                expected=f"answers of the copies on {', '.join(world.left)}, and of no other",
                seen=words,
                source=f"curl {SHOWN}, several times",
                hint="Which line of front.cfg leads there? Compare it with the copy that you started in its place.",
            )
    fail(
        f"Users get answers of {name}, and no copy on {', '.join(world.left)} has that name: something else answers behind the front.",
        expected=f"answers of {', '.join(sorted(world.names))}, and of no other",
        seen=words,
        source=f"curl {SHOWN}, several times",
        hint="Which server of front.cfg is on none of the hosts? A copy beside the hosts helps nobody when this machine goes.",
    )


def tell_of_missing(world: World, seen: Counter[str]) -> None:
    """End the check: users never get to some of the copies."""
    words = answers(seen)
    _tell_of_file(world, words)
    missing = [copy for name, copy in world.names.items() if name not in seen]
    for copy in missing:
        server = next(
            (each for each in world.servers if each.host == copy.node and each.port in copy.ports), None
        )
        if server is None:
            fail(
                f"Users never get to {copy.name} on {copy.node}: the front does not know of it.",
                expected=f"a line with {copy.address}",
                seen=words,
                source=f"curl {SHOWN}, several times",
                hint="Each copy needs a line of its own in front.cfg, with its host's name and port.",
            )
        _tell_of_line(world, copy, server.name, server.options, f"{server.line} in front.cfg; {words}")


def _tell_of_line(world: World, copy: Copy, name: str, options: tuple[str, ...], seen: str) -> None:
    """End the check: the front has a line for a copy, and sends it no request."""
    facts = {
        "expected": f"answers of {WANTED} copies in turn",
        "seen": seen,
        "source": f"curl {SHOWN}, several times",
    }
    if "backup" in options:
        fail(
            f"The front keeps {name} in reserve: the word `backup` in its line gives it no request as long as another server is "
            f"there. So {copy.name} on {copy.node} serves nobody.",
            **facts,
            hint=f"Compare the line of {name} with the others.",
        )
    log = world.lab.node("front").logs(FEW_LINES).splitlines()
    if down := [line for line in log if f"parcel/{name} is DOWN" in line]:
        fail(
            f"The front counts {name} as down, so {copy.name} on {copy.node} gets no request: the health check in its line fails.",
            **facts,
            evidence=down[-1].strip(),
            hint=f"What does the front ask {name}, and on which port? Parcel of {IMAGE} answers on / and /readyz, on one port.",
        )
    fail(
        f"The front has a line for {copy.name} on {copy.node}, and sends it no request.",
        **facts,
        hint=f"Compare the line of {name} with the others, word by word. `balance roundrobin`, the default, gives each server its turn.",
    )
