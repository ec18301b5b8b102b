"""Whether a service heals from a fault, what that cost, and whether it can be counted afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from checker.grading.author import fail, require, wait_until

from .causes import tell_why
from .server import LONG_SECONDS, MARK, SHORT_SECONDS, Healing, Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from .server import Server

MOST_COUNTED = 10
"""By how much one fault may make the number of healed.sh grow: some healers start a program twice."""

FREEZE_SECONDS = 2.6
"""A pause that one request of the image's health check misses, which waits for 1.5 s, and never a second one a second later."""

COUNT = "sh healed.sh, in the toolbox"


def heals(
    server: Server,
    name: str,
    make: Callable[[], object],
    what: str,
    *,
    within: float = SHORT_SECONDS,
    unless: Callable[[], object] = lambda: None,
    put_back: Callable[[], object] = lambda: None,
    then: Callable[[], object] = lambda: None,
) -> None:
    """Make a fault, and fail unless the service heals in time; an earlier pass of the same service counts.

    Args:
        server: the server.
        name: what the fault is called.
        make: makes it.
        what: what is wrong when it is not healed, as a clause that follows "Parcel".
        within: how many seconds it may last.
        unless: if it is not healed: fails if it knows a more exact reason.
        put_back: if it is not healed: repairs what the fault broke.
        then: if it is healed: fails when that cost too much.
    """
    proof = (name, server.fingerprint)
    if (kept := server.lab.recall(*proof)) is not None:
        found: Healing | float = Healing(*json.loads(kept))
    else:
        server.lab.disturb(f"makes a fault, a {name}, and waits until it is healed")
        server.require_up()
        if server.seconds_up >= LONG_SECONDS:
            server.lab.remember("calm", server.fingerprint)
        found = server.fault(name, make, within)
    if not isinstance(found, Healing):
        unless()
        tell_why(server, what, seen=server.traffic.since(found).summary, since=found, put_back=put_back)
    if kept is None:
        then()
        # `lab timeline 7` lists the marks: a table of what was healed.
        server.traffic.mark(f"{MARK}{name}, healed after {found.seconds:.1f} s, {found.lost} requests lost")
        text = json.dumps([found.seconds, found.lost, found.before, found.after])
        server.lab.remember(*proof, text=text)
    server.healings[name] = found
    server.lab.record(f"healed after a {name}", found.seconds, "s", "by itself")
    server.lab.record(f"requests lost in a {name}", found.lost, "requests", "by itself")


def heals_whole(server: Server, name: str, folder: str, what: str, hint: str) -> None:
    """As `heals`, after one of the two stores was damaged; Parcel must have every parcel afterwards.

    Args:
        server: the server.
        name: what the fault is called.
        folder: where the damaged store is.
        what: what is wrong when it is not healed, as a clause that follows "Parcel".
        hint: the hint when parcels are missing.
    """
    kept = Kept([], {})

    def damage() -> None:
        nonlocal kept
        kept = server.keep()
        server.damage(folder)

    def require_all() -> None:
        before, now = kept.parcels, server.kept()
        if now[: len(before)] != before:
            server.put_back(kept)
            server.restart()
            fail(
                f"Parcel serves again after a {name}, and has forgotten parcels that it had accepted before. The people who sent "
                "them were told that they were accepted.",
                expected=f"{len(before)} parcels, the last one to {before[-1]}",
                seen=f"{len(now)} parcels" + (f", the last one to {now[-1]}" if now else ""),
                source="curl http://server:8080/parcels",
                hint=hint,
            )

    heals(server, name, damage, what, put_back=lambda: server.put_back(kept), then=require_all)


def require_counted(server: Server, name: str, healing: Healing) -> None:
    """Require that healed.sh has counted a healing."""
    before, after = healing.before, healing.after
    if before is None or after is None:
        run = server.lab.script("healed.sh").run(seconds=8)
        fail(
            "healed.sh does not say how often your service was healed, so nobody who was away can notice that it keeps failing.",
            expected="a script healed.sh in the work folder, whose last line is a number",
            seen=run.last or run.evidence or "nothing",
            source=COUNT,
            hint="Where does what you built leave a trace of each healing: a log line, a count, a file?",
        )
    require(
        after > before,
        f"Parcel was healed after a {name}, and healed.sh has not counted it. A program that fails every night and is healed each "
        "time looks healthy, until it cannot be healed.",
        expected=f"more than {before}, which it said before",
        seen=f"{after}",
        source=COUNT,
        hint="Is the trace removed when the service is healed? The log and the count of a container are removed with it.",
    )
    require(
        after - before <= MOST_COUNTED,
        f"healed.sh counts something else than healings: one {name} made its number grow by {after - before}.",
        expected="one more for each healing",
        seen=f"{before}, then {after}",
        source=COUNT,
        hint="Run it twice when nothing happens. What does it count?",
    )


def require_calm(server: Server) -> None:
    """Require that a service to which nothing happens is left alone for LONG_SECONDS."""
    proof = ("calm", server.fingerprint)
    if server.lab.recall(*proof) is not None:
        return
    last, left = server.started(), LONG_SECONDS - server.seconds_up
    require(
        not wait_until(lambda: server.started() > last, max(left, 0.0), every=0.5),
        "Parcel answered, and was started again all the same: something restarts it from time to time, whatever its state. Each of "
        "these restarts costs users their answers, and hides that nothing notices a fault.",
        expected=f"no start in {LONG_SECONDS:g} s in which nothing happens",
        seen=f"a start {server.started() - last:.0f} s after the one before",
        source="docker logs, in the toolbox",
        hint="What in your service decides that Parcel has to be ended, and what does it look at?",
    )
    server.lab.remember(*proof)


def require_patient(server: Server) -> None:
    """Require that a service is not restarted because it missed one request."""
    proof = ("patient", server.fingerprint)
    if server.lab.recall(*proof) is not None:
        return
    server.lab.disturb("lets Parcel stand still for a moment")
    server.require_up()
    last = server.started()
    server.traffic.mark(f"{MARK}Parcel stands still for {FREEZE_SECONDS:g} s")
    server.freeze(FREEZE_SECONDS)
    require(
        not wait_until(lambda: server.started() > last, 3, every=0.25),
        f"Parcel did not answer for {FREEZE_SECONDS:g} s, as happens on a busy server, and was ended for that. It would have "
        "answered again by itself; the restart costs users more answers than the pause.",
        expected="a restart only after several requests in a row without an answer",
        seen="a restart after one request without an answer",
        source="docker logs, in the toolbox",
        hint="How many requests in a row must fail until your watchdog is sure?",
    )
    server.lab.remember(*proof)
