"""Lab 09: what the learner's service on the swarm must do, also when a node is lost and when its version changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster import outcomes
from checker.grading.author import could_not_run, guard, moment, needs, timeout

from .address import fail_unanswered, require_alone
from .move import (
    require_moved_itself,
    require_moved_warm,
    require_not_taken_back,
    require_own_answers,
    require_provided_images,
)
from .parcel import LOSS_SECONDS, Parcel
from .seal import keys, require_given, require_kept, require_not_exported
from .whole import require_whole
from .words import WHY

if TYPE_CHECKING:
    from checker.cluster.swarm import Swarm
    from checker.grading.author import Lab, Outside, Traffic

ADDRESS = "http://127.0.0.1:8090/"
HINT = (
    "`lab timeline 9` draws what users saw. When does the swarm take the next copy away, and can the one before serve by then? "
    "A copy needs 3 s until /readyz says yes, and the front asks twice a second."
)
"""Of the move from 1.0 to 2.0."""

WARM_UP, WARM_UP_MS = "PARCEL_READY_DELAY_MS", 3000


@guard
def test_swarm_whole(swarm: Swarm) -> None:
    """The three nodes are one swarm."""
    require_whole(swarm)


@needs("swarm-whole")
@timeout(150)
def test_service_runs(parcel: Parcel) -> None:
    """A service keeps two copies of Parcel or more running."""
    parcel.require_service()


@needs("service-runs")
def test_own_nodes(parcel: Parcel, swarm: Swarm) -> None:
    """The copies run on different nodes."""
    hint = "`docker service ps` has a column NODE. Which words of yours tell the swarm where copies may run?"
    found = outcomes.copies(swarm, parcel.wanted, hint=hint)
    nodes = sorted({each.node for each in found})
    # After a loss a swarm does not move copies back, so that more than two need not be spread evenly.
    seen = f"copies on {nodes[0]} alone"
    apart = len(nodes) > 1
    WHY.require(apart, "on-one-node", number=len(found), node=nodes[0], source=swarm.shows(), seen=seen)


@needs("service-runs")
@timeout(20)
def test_front_answers(parcel: Parcel, swarm: Swarm, outside: Outside) -> None:
    """Parcel answers at http://localhost:8090."""
    require_alone(swarm, parcel.service)
    # A copy that warms up is not ready yet, whatever the swarm counts it as.
    reply = outside.get_until(ADDRESS, lambda reply: reply.is_from("parcel"), 8.0)
    if not reply.is_from("parcel"):
        fail_unanswered(swarm, parcel.service, reply.summary)
    parcel.require_program()


@needs("service-runs")
def test_warms_up(parcel: Parcel) -> None:
    """Each copy warms up for three seconds, as parcel.env says."""
    value = parcel.setting(WARM_UP)
    warms_up = value.isdecimal() and int(value) >= WARM_UP_MS
    seen = f"{WARM_UP}={value}" if value else f"{WARM_UP} is not set"
    WHY.require(warms_up, "no-warm-up", service=parcel.service, seen=seen)


@needs("front-answers")
def test_secret_given(parcel: Parcel, swarm: Swarm, lab: Lab) -> None:
    """Each copy proves that it has the key."""
    known = keys(lab)
    if not known:
        could_not_run("seal.key is missing from the lab; restore the course's files.")
    require_given(swarm, parcel.service, known)


@needs("secret-given")
@timeout(90)
def test_secret_kept(parcel: Parcel, swarm: Swarm, lab: Lab) -> None:
    """The key came as a secret, and can be read nowhere else."""
    require_kept(lab, swarm, parcel.service, keys(lab), parcel.setting("PARCEL_SECRET_FILE"))
    require_not_exported(parcel.started_with(), parcel.service, keys(lab))


@needs("front-answers", "warms-up")
@timeout(30)
def test_updated_unnoticed(parcel: Parcel, lab: Lab, timeline: Traffic) -> None:
    """Version 2.0 took the place of 1.0 without a failed request."""
    service = parcel.service
    lab.prove_once("updated", service.id, service.digest, test=lambda: _require_update(parcel, lab, timeline))
    # Each time: copies that start later run what a name means by then.
    ours = {tag: lab.image(f"drydock/parcel:{tag}") or {} for tag in ("1.0", "2.0")}
    require_provided_images(parcel.swarm, service, ours)


def _require_update(parcel: Parcel, lab: Lab, timeline: Traffic) -> None:
    """Require that the service was moved to 2.0 by the swarm, and that nobody noticed."""
    swarm, service = parcel.swarm, parcel.service
    outcomes.own_versions(swarm, "1.0")
    everything = timeline.await_settled(moment(lab.node("toolbox").started_at))
    require_not_taken_back(swarm, service, "2.0")
    require_moved_itself(swarm, service, "1.0", "2.0", everything)
    # What another service did before does not count for this one.
    seen = timeline.await_settled(service.created)
    move = outcomes.rollout(
        seen,
        before="1.0",
        after="2.0",
        busy=lambda move: lab.too_busy(everything, move.begin, move.end),
        source="lab timeline 9",
        hint=f"{HINT} To try again, go back to 1.0 first.",
        unmoved=HINT,
        unfinished=f"`docker service inspect --pretty {service.name}` shows under “UpdateStatus” whether the update goes on or "
        "was paused, and how long it waits between two copies (“Delay”). Check again when it is over.",
    )
    hint = (
        f"`docker service ps {service.name}` shows the image of each copy, and `docker service inspect --pretty "
        f"{service.name}` how the update went."
    )
    outcomes.copies(swarm, parcel.wanted, version="2.0", hint=hint)
    require_moved_warm(swarm, service, move, WARM_UP, WARM_UP_MS)
    require_own_answers(swarm, service, move, seen)


@needs("own-nodes", "front-answers")
@timeout(180)
def test_node_replaced(parcel: Parcel, swarm: Swarm, lab: Lab, timeline: Traffic) -> None:
    """A lost node's copies run elsewhere within a minute, by themselves."""
    service = parcel.service
    seconds, lost = lab.measure_once(
        "replaced", service.id, swarm.terms(), test=lambda: _lose_node(parcel, lab, timeline)
    )
    lab.record("replaced after a node's loss", seconds, "s", swarm.title)
    lab.record("requests lost with a node", lost, "requests", swarm.title)


def _lose_node(parcel: Parcel, lab: Lab, timeline: Traffic) -> tuple[float, int]:
    """Kill a node that runs a copy, require that the copy is replaced, and return the seconds and requests that it cost."""
    swarm = parcel.swarm
    if down := [node.name for node in swarm.members() if not node.ready]:
        could_not_run(f"{down[0]} is lost already; `lab lose 9 --back` brings it back.")
    carrying = {each.node for each in swarm.instances() if each.ready}
    # Without the only manager, nothing would replace a lost copy.
    workers = [name for name in reversed(swarm.nodes) if name in carrying and name != swarm.manager]
    if not workers:
        could_not_run("No worker runs a copy at this moment; check again.")
    parcel.require_enough_left()
    lab.disturb(f"kills a node that runs a copy, {workers[0]}")
    parcel.require_no_update()
    found = outcomes.replaced(
        swarm,
        timeline,
        parcel.wanted_after_loss,
        within=LOSS_SECONDS,
        node=workers[0],
        gave_up=parcel.gave_up,
        busy=lambda begin, end: lab.too_busy(timeline.everything(), begin, end),
        hint=f"`docker service ps {parcel.service.name}` right after a loss (`lab lose 9`) shows what the swarm tries, and why "
        "a copy waits. A port of a node can be held once, so a copy in host mode needs a node of its own: how many "
        "nodes are left for how many copies? `docker service inspect --pretty` shows the constraints and the "
        "restart policy.",
    )
    return found.seconds, found.lost
