"""Whether a service heals from a fault, what that cost, and whether it can be counted afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from checker.grading.author import fail, require, wait_until

from .causes import tell_why
from .server import MARK, Healing

if TYPE_CHECKING:
    from collections.abc import Callable

    from .server import Server

SHORT_SECONDS = 20.0
"""How long a fault that ends the program may last."""

LONG_SECONDS = 30.0
"""How long a hang may last: the image's own health check, which asks every five seconds, needs up to 21, and a stop 1 to 10.

Something that restarts the service again and again, whatever its state, has to do it this often to end a hang in time.
"""

MOST_COUNTED = 10
"""By how much one fault may make the number of healed.sh grow: some healers start a program twice."""

COUNT = "sh healed.sh, in the toolbox"


def heals(
    server: Server,
    name: str,
    make: Callable[[], object],
    what: str,
    *,
    within: float = SHORT_SECONDS,
    instead: Callable[[], object] = lambda: None,
    then: Callable[[], object] = lambda: None,
) -> None:
    """Make a fault, and fail unless the service heals in time; an earlier pass of the same service counts.

    Args:
        server: the server.
        name: what the fault is called.
        make: makes it.
        what: what is wrong when it is not healed, as a clause that follows "Parcel".
        within: how many seconds it may last.
        instead: if it is not healed: puts back what the fault broke, and may know a more exact reason.
        then: if it is healed: fails when that cost too much.
    """
    proof = (name, server.fingerprint)
    if (kept := server.lab.recall(*proof)) is not None:
        found: Healing | float = Healing(*json.loads(kept))
    else:
        server.require_up()
        if _seconds_up(server) >= LONG_SECONDS:
            server.lab.remember("calm", server.fingerprint)
        found = server.fault(name, make, within)
    if not isinstance(found, Healing):
        instead()
        tell_why(server, what, seen=server.traffic.since(found).summary)
    if kept is None:
        then()
        # `lab timeline 7` lists the marks: a table of what was healed.
        server.traffic.mark(f"{MARK}{name}, healed after {found.seconds:.1f} s, {found.lost} requests lost")
        text = json.dumps([found.seconds, found.lost, found.before, found.after])
        server.lab.remember(*proof, text=text)
    server.healings[name] = found
    server.lab.record(f"healed after a {name}", found.seconds, "s", "by itself")
    server.lab.record(f"requests lost in a {name}", found.lost, "requests", "by itself")


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
    starts, left = server.starts(), LONG_SECONDS - _seconds_up(server)
    require(
        not wait_until(lambda: len(server.starts()) > len(starts), max(left, 0.0), every=0.5),
        "Parcel answered, and was started again all the same: something restarts it from time to time, whatever its state. Each of "
        "these restarts costs users their answers, and hides that nothing notices a fault.",
        expected=f"no start in {LONG_SECONDS:g} s in which nothing happens",
        seen=f"a start {server.starts()[-1] - starts[-1]:.0f} s after the one before",
        source="docker logs, in the toolbox",
        hint="What in your service decides that Parcel has to be ended, and what does it look at?",
    )
    server.lab.remember(*proof)


def _seconds_up(server: Server) -> float:
    return server.traffic.now() - server.starts()[-1]
