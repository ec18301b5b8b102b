"""Lab 06: five copies on five hosts, one address, and a host that dies."""

from __future__ import annotations

import secrets
from collections import Counter
from typing import TYPE_CHECKING, NoReturn

from checker.cluster import outcomes
from checker.cluster.manual import recovery
from checker.grading.author import needs, timeout

from . import front
from .copies import (
    require_hosts,
    require_none_besides,
    require_none_missing,
    require_program,
    require_published,
    require_ready,
    require_steady,
)
from .world import WANTED, WHY

if TYPE_CHECKING:
    from checker.cluster.manual import Copy, Loss
    from checker.grading.author import Outside, Prober, Reply, Traffic

    from .world import World

ADDRESS = "http://127.0.0.1:8060/"

ROUNDS = 12
"""How often each copy's turn comes at most while the front is tried."""

RESTORED_SECONDS = 3.0
"""How long no user's request may fail until the service counts as restored."""


@timeout(40)
def test_five_copies(world: World) -> None:
    """Five copies of Parcel run."""
    require_hosts(world)
    require_none_besides(world)
    require_ready(world)
    require_none_missing(world)
    hint = "`docker -H tcp://HOST:2375 ps --all` lists a host's containers, also those that have ended."
    outcomes.copies(world.cluster, WANTED, version="1.0", elsewhere=world.lost_hosts, hint=hint)


@needs("five-copies")
def test_spread_over_hosts(world: World) -> None:
    """They are spread over the hosts as evenly as it can be."""
    hint = "Count the copies on each host. Which host would you not like to lose?"
    outcomes.spread(world.cluster, world.counted, over=world.left, noun="host", hint=hint)


@needs("five-copies")
@timeout(60)
def test_own_names(world: World, prober: Prober) -> None:
    """Each answers on a port of its host, under a name of its own."""
    called: dict[str, list[Copy]] = {}
    for copy in world.counted:
        require_published(copy)
        require_steady(world, copy)
        reply = prober.get(f"http://{copy.address}/", patience=2.0)
        name = str(reply.fields.get("instance", ""))
        WHY.require(name, "silent", copy=copy, seen=reply.summary)
        require_program(world, copy)
        called.setdefault(name, []).append(copy)
        world.names[name] = copy
    name, alike = max(called.items(), key=lambda each: len(each[1]))
    WHY.require(
        len(alike) == 1,
        "one-name",
        number=len(alike),
        name=name,
        copies=[f"{each.name} on {each.node}" for each in alike],
        last=alike[-1],
        seen=f"{name} from {' and from '.join(each.address for each in alike)}",
    )


@needs("own-names")
@timeout(60)
def test_front_reaches_all(world: World, outside: Outside, prober: Prober) -> None:
    """http://localhost:8060 leads to all of them, and to nothing else."""
    before = _counters(world, prober)
    seen: Counter[str] = Counter()
    replies: list[Reply] = []
    # The front's log has the whole address.
    token = f"check-{secrets.token_hex(4)}"
    for number in range(1, ROUNDS * WANTED + 1):
        reply = outside.get(f"{ADDRESS}?{token}", timeout=5.0)
        if "instance" not in reply.fields:
            front.tell_of_reply(world, reply, number, token)
        seen[str(reply.fields["instance"])] += 1
        replies.append(reply)
        met = number >= front.LEAST and world.names.keys() <= seen.keys()
        if (met and front.all_quick(replies)) or front.keeps_slow(replies):
            break
    front.require_quick(world, replies, token)
    if others := seen.keys() - world.names.keys():
        front.tell_of_others(world, prober, min(others), seen)
    if world.names.keys() - seen.keys():
        front.tell_of_missing(world, seen)
    after = _counters(world, prober)
    for name, copy in world.names.items():
        # Each copy counts what it answers; users ask all the time, so it may have counted more.
        WHY.require(
            after[name] - before[name] >= seen[name],
            "forged",
            name=name,
            copy=copy,
            number=seen[name],
            seen=f"it has counted {after[name] - before[name]}",
        )


def _counters(world: World, prober: Prober) -> dict[str, int]:
    """Return how many requests each copy has counted, asked at its own address."""
    asked = {name: prober.get(f"http://{copy.address}/", patience=2.0) for name, copy in world.names.items()}
    counters = {name: reply.fields.get("counter") for name, reply in asked.items()}
    return {name: counter if isinstance(counter, int) else 0 for name, counter in counters.items()}


def test_host_lost(world: World) -> None:
    """A host was lost while five copies served."""
    require_hosts(world)
    loss = world.loss
    if loss is None:
        _tell_of_no_loss(world)
    full = loss.serving >= WANTED
    WHY.require(full, "few-served", loss=loss, seen=str(loss.serving))
    WHY.require(
        loss.carried, "empty-host", loss=loss, seen=f"no copy stopped answering when {loss.host} died"
    )
    if world.lab.value("lost_host") not in {each.host for each in world.deaths if world.is_full(each)}:
        says = "The host that died while five copies served is"
        world.lab.require_value("lost_host", loss.host, says=says, source="lab timeline 6")


def _tell_of_no_loss(world: World) -> NoReturn:
    """End the check: no host was lost while five copies served, or it was an empty one, or nobody knows."""
    if not world.deaths:
        WHY.fail("no-host-lost", seen="no host is lost")
    loss = world.deaths[-1]
    reason = "back-too-early" if loss.serving < WANTED else "was-empty" if loss.known else "forgotten"
    WHY.fail(f"no-host-lost.{reason}", loss=loss, seen="no host is lost")


@needs("front-reaches-all", "host-lost")
@timeout(20)
def test_restored(world: World, timeline: Traffic) -> None:
    """The users are served by five copies again; what it cost them is recorded."""
    loss = world.loss
    if loss is None:
        return  # the check before has said so
    proof = ("restored", loss.container, f"{loss.at:.3f}")
    seconds, lost = world.lab.measure_once(*proof, test=lambda: _cost(world, timeline, loss))
    world.lab.record("replaced after a node's loss", seconds, "s", "by hand")
    world.lab.record("requests lost with a node", lost, "requests", "by hand")


def _cost(world: World, timeline: Traffic, loss: Loss) -> tuple[float, int]:
    """Require that the service has recovered from a loss, and return the seconds and the requests that it cost."""
    found = recovery(loss, timeline, WANTED, RESTORED_SECONDS, world.names)
    recent = found.after.between(found.after.end - RESTORED_SECONDS, found.after.end)
    seen = f"in the last {RESTORED_SECONDS:g} s: {recent.summary}"
    WHY.require(found.well is not None, "fails-again", loss=loss, seconds=RESTORED_SECONDS, seen=seen)
    seen = ", ".join(found.answers) or "no answer"
    WHY.require(found.whole, "few-answer", loss=loss, number=len(found.answers), seen=seen)
    return found.cost
