"""Whether a service heals from a fault, what that cost, and whether it is left alone without one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from checker.grading.author import could_not_run, wait_until

from .causes import tell_why
from .server import LONG_SECONDS, WHY
from .start import remark_on_start

if TYPE_CHECKING:
    from collections.abc import Callable

    from .server import Server

MARK = "check: "
"""What the marks of the checker begin with; every other outage on record is the learner's."""

SHORT_SECONDS = 20.0
"""How long a fault that ends the program may last."""

STEADY_SECONDS = 1.5
"""How long no request may fail until the service counts as healed."""

FREEZE_SECONDS = 2.6
"""A pause that one request of the image's health check misses, which waits for 1.5 s, and never a second one a second later."""

FREEZES = 3
"""So often it stands still, with answers between: a watchdog that adds such misses up does not end a hang, but a long life."""

FREEZE_SPARE = 0.5
"""How much longer a pause may last on a busy machine, and still be one that a service has to survive."""

BETWEEN_SECONDS = 3.0
"""How long it is left alone after each; what restarts it does so within that time."""


class Healing(NamedTuple):
    """The effect of a fault: seconds until healed, requests lost, and the number of healed.sh before and after."""

    seconds: float
    lost: int
    before: int | None
    after: int | None


class Fault(NamedTuple):
    """What is done to the service.

    Args:
        name: what it is called.
        make: makes it.
        what: what is wrong when it is not healed, as a clause that follows "Parcel".
        within: how many seconds it may last.
        judge: fails when it knows a more exact reason, or when the healing cost too much.
    """

    name: str
    make: Callable[[], object]
    what: str
    within: float = SHORT_SECONDS
    judge: Callable[[], object] = lambda: None


def require_healed(server: Server, fault: Fault) -> None:
    """Make a fault, and fail unless the service heals in time; an earlier pass of the same service counts."""
    proof = (fault.name, server.fingerprint)
    kept = server.lab.recall(*proof)
    healing = Healing(*json.loads(kept)) if kept is not None else _heal(server, fault)
    server.lab.remember(*proof, text=json.dumps(healing))
    server.healings[fault.name] = healing
    server.lab.record(f"healed after a {fault.name}", healing.seconds, "s", "by itself")
    server.lab.record(f"requests lost in a {fault.name}", healing.lost, "requests", "by itself")


def _heal(server: Server, fault: Fault) -> Healing:
    server.lab.disturb(f"makes a fault, a {fault.name}, and waits until it is healed")
    server.require_up()
    if server.seconds_up() >= LONG_SECONDS:
        server.lab.remember("calm", server.fingerprint)
    server.before = server.kept()
    before, started = server.count(), server.started()
    server.cut_off(fault.within)
    mark = server.traffic.mark(MARK + fault.name)
    fault.make()

    def recovery() -> float | None:
        if server.started() <= started:
            return None
        return server.traffic.since(mark).recovery(mark, STEADY_SECONDS)

    healed = wait_until(lambda: recovery() is not None, fault.within + STEADY_SECONDS, every=0.25)
    seconds = recovery() if healed else None
    server.cut_off(0)
    fault.judge()
    if seconds is None:
        _tell_of_fault(server, fault, mark.at)
    # The network is cut; the learner's own engine leads to the server too.
    outside = server.from_outside(mark.at)
    WHY.require(not outside, "from-outside", fault=fault.name, seen=outside)
    if server.forgets():
        seen = f"{len(server.kept())} of {len(server.before)} parcels"
        WHY.fail("lost-by-healing", fault=fault.name, number=len(server.before), seen=seen)
    # A request that was sent while nobody answered ends up to two seconds later.
    end = mark.at + seconds + STEADY_SECONDS
    lost = server.traffic.between(mark, end).lost(mark, end)
    # `lab timeline 7` lists the marks: a table of what was healed.
    server.traffic.mark(f"{MARK}{fault.name}, healed after {seconds:.1f} s, {lost} requests lost")
    return Healing(round(seconds, 1), lost, before, server.count())


def _tell_of_fault(server: Server, fault: Fault, since: float) -> NoReturn:
    """End the check: a fault was not healed, or was none."""
    record = server.traffic.since(since)
    if not record.failures and not server.starts(since) and server.get("/").ok:
        WHY.fail("no-fault", fault=fault.name, seen=record.summary)
    tell_why(server, fault.what, seen=record.summary, since=since)


def require_healed_whole(server: Server, name: str, damage: Callable[[], object], what: str) -> None:
    """Damage a store, and require that the service heals with every parcel.

    Args:
        server: the server.
        name: what the fault is called.
        damage: damages it, and makes Parcel crash.
        what: what is wrong when it is not healed, as a clause that follows "Parcel".
    """

    def require_all() -> None:
        if server.forgets():
            before, now = server.before, server.kept()
            server.repair()
            seen = f"{len(now)} parcels" + (f", the last one to {now[-1]}" if now else "")
            WHY.fail("forgotten", fault=name, number=len(before), last=before[-1], seen=seen)

    require_healed(server, Fault(name, damage, what, judge=require_all))


def require_calm(server: Server) -> None:
    """Require that a service to which nothing happens is left alone for LONG_SECONDS."""
    last, left = server.started(), LONG_SECONDS - server.seconds_up()
    if wait_until(lambda: server.started() > last, max(left, 0.0), every=0.5):
        seen = f"a start {server.started() - last:.0f} s after the one before"
        evidence = "".join(remark_on_start(server, each) for each in server.parcels()[:1])
        WHY.fail("not-left-alone", seconds=LONG_SECONDS, seen=seen, evidence=evidence)


def require_patient(server: Server) -> None:
    """Require that a service is not restarted because it missed one request, nor because that happened several times."""
    server.lab.disturb("lets Parcel stand still for a moment")
    server.require_up()
    last = server.started()
    for number in range(1, FREEZES + 1):
        server.traffic.mark(f"{MARK}Parcel stands still for {FREEZE_SECONDS:g} s")
        took = server.freeze(FREEZE_SECONDS)
        restarted = wait_until(lambda: server.started() > last, BETWEEN_SECONDS, every=0.25)
        if restarted and took > FREEZE_SECONDS + FREEZE_SPARE:
            could_not_run(
                f"This machine is too busy: a pause of {FREEZE_SECONDS:g} s took {took:.1f} s. Check again."
            )
        if restarted and number > 1:
            WHY.fail("adds-up", seconds=FREEZE_SECONDS, number=number, seen=f"a restart after pause {number}")
        seen = f"a restart after a pause of {took:.1f} s"
        WHY.require(not restarted, "impatient", seconds=FREEZE_SECONDS, seen=seen)
