"""What is wrong with the front: who answers behind it, who does not, and which line of front.cfg is the reason."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from checker.grading.author import wait_until

from .world import HOSTS, OWN_NAMES, WANTED, WHY

if TYPE_CHECKING:
    from checker.grading.author import Prober, Reply

    from .world import Server, World

SLOW_MS = 800.0
"""A request that met a dead host waits a second for it; one that did not takes a few milliseconds."""

MOST_SLOW = 6
"""So many slow requests, with never a whole round of quick ones between them, are none by chance."""

DELAY_MS = 100.0
"""A request that was sent to a second server waited at least so long, if the first one was dead."""

LOG_LINES = 400
"""More than the front's log gets while it is tried: a line for each request that failed, also for those of the users."""

FEW_LINES = 100

LEAST = 3 * WANTED
"""Requests that are looked at, at least; so many in a row have to be quick."""

LOGGED_SECONDS = 1.0
"""How long the front may take to write a line about a request that has ended."""

NONE_WELL = "<NOSRV>"
"""What HAProxy writes in the place of a server when it has none to send a request to."""

_SENT = re.compile(r" [^\s/]+/(\S+) [-+\d]+/[-+\d]+/")
"""Of a line in the front's log: the server that the request was sent to."""

_TIMES = re.compile(r"/(\S+) -?\d+/(-?\d+)/(-?\d+)/-?\d+/\+?\d+ .* \d+/\d+/\d+/\d+/(\+?\d+) \d+/\d+ ")
"""Of a line in the front's log: the server, the time in a queue, the time until connected, and how often it tried again."""


class Retried(NamedTuple):
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
    for line in _lines(world, token):
        if said := _TIMES.search(line):
            waited = float(said[2]) + float(said[3])
            if int(said[4]) and waited >= DELAY_MS:
                found.append(Retried(said[1], waited, line.strip()))
    return found


def _lines(world: World, token: str) -> list[str]:
    """Return the lines of the front's log about the requests that have this word in their address."""
    return [line for line in world.lab.node("front").logs(LOG_LINES).splitlines() if token in line]


def answers(seen: Counter[str]) -> str:
    """Return who has answered how often, for `seen`."""
    return f"answers of {', '.join(f'{name} ({times})' for name, times in seen.most_common())}"


# -- a request that no copy answered ---------------------------------------------------------------------------


def tell_of_reply(world: World, reply: Reply, number: int, token: str) -> NoReturn:
    """End the check: a request to the front, with this word in its address, was not answered by a copy."""
    seen = f"{reply.summary} (request {number})"
    _require_usable_file(world, seen)
    if 300 <= reply.status < 400:
        WHY.fail("sends-away", to=reply.headers.get("location") or "another address", seen=seen)
    _require_some_up(world, seen)
    sent = _sent_to(world, token)
    for server in sent or world.servers:
        _require_looked_up(world, server, seen)
    for server in sent:
        if server.is_address and server.host in world.inner_addresses:
            WHY.fail("inner-address", server=server, seen=f"{server.shown}; {seen}")
    if any(world.is_lost(server) for server in sent):
        tell_of_dead(world, sent, seen)
    if not world.servers:
        first = next(iter(world.written), "no such line")
        reason = "no-server.no-host-and-port" if world.written else "no-server"
        WHY.fail(reason, lines=len(world.written), seen=f"{first}; {seen}")
    _require_published(world, sent, seen)
    WHY.fail("not-answered", seen=seen, evidence=world.lab.node("front").logs(1))


def _sent_to(world: World, token: str) -> list[Server]:
    """Return the lines of front.cfg whose servers the requests with this word failed at, by the front's log; if it does not say so, those in use."""
    lines: list[str] = []

    def is_logged() -> bool:
        lines[:] = _lines(world, token)
        return bool(lines)

    # The front writes the line when the request has ended.
    wait_until(is_logged, LOGGED_SECONDS, every=0.1)
    names = {found[1] for line in lines if (found := _SENT.search(line))}
    # A line may lead to another part of the front, which has lines of its own.
    able = [each for each in world.servers if not world.leads_on(each)]
    named = [each for each in able if any(each.is_named(name) for name in names)]
    used = [each for each in able if (state := world.state(each)) is None or state.is_used]
    # Where the front knows of no server that is well, it has sent nothing to a dead one.
    return named or [each for each in used if NONE_WELL not in names or not world.is_lost(each)]


def _require_some_up(world: World, seen: str) -> None:
    """Require that the health checks of front.cfg do not take every server out."""
    down = [each for each in world.states if each.is_down]
    if not down or any(each.is_used for each in world.states):
        return
    # Of a host that was lost, it is no wonder.
    lost = [each for each in world.servers if world.is_lost(each)]
    first = min(down, key=lambda state: any(each.is_named(state.name) for each in lost))
    evidence = _told_by_log(world, f"parcel/{first.name} is DOWN") or first.shown
    WHY.fail("all-down", seen=seen, evidence=evidence)


def _require_looked_up(world: World, server: Server, seen: str) -> None:
    """Require that the front knows the address that a host has, if the host is there and the line has its name."""
    state = world.state(server)
    if state is None or server.is_address or world.is_lost(server):
        return
    seen = f"{server.shown}; {seen}"
    evidence = _told_by_log(world, f"could not resolve address '{server.written.partition(':')[0]}'")
    if server.host not in HOSTS:
        # HAProxy does not mind a name that nobody has: it leaves the server out.
        WHY.require(not state.is_unresolved, "no-such-host", server=server, seen=seen, evidence=evidence)
        return
    now = world.addresses(server.host)
    WHY.require(
        state.address in now and not state.is_unresolved,
        "not-looked-up",
        server=server,
        address=next(iter(now), "its address"),
        seen=f"the front has {state.address or 'no address'} for {server.host}; {seen}",
        evidence=evidence,
    )


def _told_by_log(world: World, words: str) -> str:
    """Return the last line of the front's log that has these words; empty when there is none."""
    lines = world.lab.node("front").logs(FEW_LINES).splitlines()
    return next((line.strip() for line in reversed(lines) if words in line), "")


def _require_usable_file(world: World, seen: str) -> None:
    """Require that the front can use front.cfg."""
    # HAProxy reads no line with characters of two bytes, as PowerShell writes them.
    zeros, refused = world.text.count("\0"), world.refused
    WHY.require(not zeros, "two-bytes", seen=f"{zeros} zero bytes in front.cfg; {seen}")
    if not refused:
        return
    WHY.require(world.text.strip(), "no-file", seen=seen)
    begins = f"front.cfg begins with: {world.text.strip().splitlines()[0]}; {seen}"
    # An editor on Windows may write it, and nothing shows it.
    marked = world.text.startswith("\ufeff")
    WHY.require(not marked, "byte-order-mark", seen=begins, evidence=refused)
    WHY.require(world.has_backend, "no-backend", seen=begins, evidence=refused)
    WHY.require(
        not world.loose, "above-the-backend", seen=f"{world.loose}, above it; {seen}", evidence=refused
    )
    WHY.fail("refused", seen=seen, evidence=refused)


def _require_published(world: World, servers: list[Server], seen: str) -> None:
    """Require that each of these lines leads to where a copy is published."""
    served = {(copy.node, port) for copy in world.counted for port in copy.ports}
    server = next((each for each in servers if (each.host, each.port) not in served), None)
    if server is None:
        return
    seen = f"{server.shown}; {seen}"
    if server.host in OWN_NAMES:
        WHY.fail("front-itself", server=server, seen=seen)
    # A copy that no line names is the likelier one.
    named = {(each.host, each.port) for each in world.servers}
    there = [copy for copy in world.counted if copy.node == server.host and copy.ports]
    there.sort(key=lambda copy: (copy.node, copy.ports[0]) in named)
    WHY.fail(
        "no-copy-there",
        server=server,
        portless="" if ":" in server.written else f" The line names no port, so it asks for {server.port}.",
        address=f"{there[0].address}, where {there[0].name} is published"
        if there
        else "the address of a copy",
        seen=seen,
    )


# -- a server that is dead, or slow ----------------------------------------------------------------------------


def tell_of_dead(world: World, servers: list[Server], seen: str) -> NoReturn:
    """End the check: requests go to a host that was lost, by one of these lines."""
    dead = next(server for server in servers if world.is_lost(server))
    what = "which was lost"
    if dead.is_address:
        what = "an address that no living host has"
    elif any(loss.down and loss.host == dead.host for loss in world.deaths):
        what = "which is dead"
    WHY.fail("dead-server", server=dead, what=what, left=world.others, seen=f"{dead.shown}; {seen}")


def require_quick(world: World, replies: list[Reply], token: str) -> None:
    """Require that requests do not wait: for a server that does not answer, or for another reason."""
    number, most = len(replies), max(reply.ms for reply in replies)
    if most >= DELAY_MS and (again := retried(world, token)):
        longest = max(again, key=lambda each: each.ms)
        seen = f"{len(again)} of {number} requests waited, the longest {longest.ms / 1000:.1f} s"
        seen += "".join([f"; {each.shown}" for each in world.servers if world.is_lost(each)][:1])
        WHY.fail("tried-first", request=longest, left=world.others, seen=seen, evidence=longest.line)
    if all_quick(replies):
        return
    slow = Counter(str(reply.fields["instance"]) for reply in replies if reply.ms > SLOW_MS)
    seen = f"the slowest took {most / 1000:.1f} s; slow {answers(slow)}"
    WHY.fail("slow", slow=slow.total(), number=number, seconds=SLOW_MS / 1000, seen=seen)


def all_quick(replies: list[Reply]) -> bool:
    """Whether the last replies, as many as the least that are looked at, were all quick: the machine may have been busy before."""
    return all(reply.ms <= SLOW_MS for reply in replies[-LEAST:])


def keeps_slow(replies: list[Reply]) -> bool:
    """Whether so many requests were slow that it is not by chance."""
    return sum(reply.ms > SLOW_MS for reply in replies) >= MOST_SLOW


# -- answers of others, and none of some -----------------------------------------------------------------------


def tell_of_others(world: World, prober: Prober, name: str, seen: Counter[str]) -> NoReturn:
    """End the check: users get answers of something that is none of the copies on the hosts that are left."""
    left, words = world.others, answers(seen)
    for copy in world.copies:
        if copy.node in world.lost_hosts and copy.address:
            said = prober.get(f"http://{copy.address}/").fields
            WHY.require(said.get("instance") != name, "old-copy", copy=copy, left=left, seen=words)
    WHY.fail("something-else", name=name, left=left, names=", ".join(sorted(world.names)), seen=words)


def tell_of_missing(world: World, seen: Counter[str]) -> NoReturn:
    """End the check: users never get to one of the copies."""
    words = answers(seen)
    _require_usable_file(world, words)
    copy = next(copy for name, copy in world.names.items() if name not in seen)
    lines = [each for each in world.servers if each.host == copy.node and each.port in copy.ports]
    if not lines:
        for each in world.servers:
            if each.host not in HOSTS:
                _require_looked_up(world, each, words)
        WHY.fail("not-in-the-file", copy=copy, seen=words)
    server, state = lines[0], world.state(lines[0])
    reserve, down = "backup" in server.options, state is not None and state.is_down
    if not reserve:
        _require_looked_up(world, server, words)
    WHY.fail(
        "unused.in-reserve" if reserve else "unused.down" if down else "unused.passed-over",
        server=server,
        copy=copy,
        seen=f"{server.shown}; {words}",
        evidence=_told_by_log(world, f"parcel/{server.name} is DOWN") if down else "",
    )
