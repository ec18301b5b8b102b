"""The goal, which is the same whatever the way: two copies that answer, a new version unnoticed, a machine lost.

What can be said of every way is asked of every way by the same lines; a way's name decides over hints alone, and over
who brings the copies back: where a person has to, the check reads from the record what that person did.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from checker.cluster import outcomes
from checker.cluster.kubernetes import Kubernetes
from checker.cluster.manual import ByHand, recovery
from checker.cluster.nomad import Nomad, settled
from checker.cluster.swarm import Swarm
from checker.cluster.swarm_losses import why_not_replaced
from checker.grading.author import could_not_run, wait_until

from .complaints import why_late
from .ways import WHY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from checker.cluster.interface import Cluster, Instance
    from checker.cluster.manual import Loss, Recovery
    from checker.cluster.nomad import Deployment
    from checker.grading.author import Lab, Outside, Prober

    from .ways import Way

WANTED = 2
"""Copies: of three machines that can each hold one, what is left when one is lost."""

LOSS_SECONDS = 120.0
"""How long lost copies may take to be replaced where nobody has to notice it, as the task says; measured at 11 to 25 s on
two cores, with probes that ask at once."""

RELEASE_SECONDS = 15.0
"""How long a release by Nomad that ends by itself may be under way."""

STEADY_SECONDS = 3.0
"""How long no request may fail until the service counts as restored."""

COPIES = {
    "hand": "`docker -H tcp://HOST:2375 ps --all` lists what there is on a host, also what has ended.",
    "swarm": "`docker service ls` shows what was asked for, and `docker service ps --no-trunc NAME` why it is not so.",
    "kubernetes": "`kubectl get deployments,pods --output wide` shows what was asked for; `kubectl describe pod` why it is not so.",
    "nomad": "`nomad job status NAME` shows what was asked for and, under “Placement Failure”, why it is not so.",
}
SPREAD = {
    "hand": "Which host would you not like to lose?",
    "swarm": "`docker service ps NAME` has a column NODE. Which words of yours say where copies may run?",
    "kubernetes": "`kubectl get pods --output wide` has a column NODE. Lesson, “The words of each way”: what spreads pods?",
    "nomad": "`nomad job status --verbose NAME` has a column Node Name. What keeps a second copy from a client, or sends it there?",
}
REACH = {
    "hand": "`docker -H tcp://HOST:2375 port NAME` says which port of the host leads where. The front asks port 8080 of each host.",
    "swarm": "`docker service inspect --pretty NAME` ends with the published ports. The front asks port 8080 of each node. A port "
    "that is published without `mode=host` needs the swarm's routing mesh, which not every machine has (lesson 09).",
    "kubernetes": "`kubectl get service,endpointslices` shows the node port, and which pods stand behind it. The front asks port 30080.",
    "nomad": "`nomad alloc status ID` lists the addresses of a copy. The front asks port 8080 of each client.",
}
MOVE = {
    "hand": "Is there a moment in which no copy serves? The front asks each host twice a second who is ready; one copy after "
    "the other, and a look at the front between them.",
    "swarm": "When does the swarm take the next copy away, and can the one before it serve by then? Its words are the update's "
    "order and delay, and a health check.",
    "kubernetes": "When does a pod get requests, and when does it lose them? Its words are the readiness probe, maxUnavailable, "
    "and a preStop that waits.",
    "nomad": "When is a new copy counted as healthy, and when does an old one stop? Its words are the service's check, and the "
    "update block's canary or max_parallel; shutdown_delay lets users leave.",
}
REPLACE = {
    "swarm": "`docker service ps NAME` after a loss shows what waits, and why. A port of a node can be held once.",
    "kubernetes": "`kubectl get pods --output wide` after a loss: who would start a pod again? For a bare pod nobody does, a "
    "DaemonSet never on another node, and a StatefulSet only when the old pod is known to be gone.",
    "nomad": "`nomad job status NAME` after a loss: what waits, and for which client? A static port can be held once on each.",
}


def _require_decided(nomad: Nomad) -> None:
    """Wait for a release that is under way, and fail when it waits for somebody, for a canary, or for a place."""

    def ailing(deployment: Deployment) -> bool:
        # A canary that was replaced stays among those of its deployment.
        ready = {each.id for each in nomad.instances() if each.ready}
        return len(ready.intersection(deployment.canary_ids)) < deployment.canaries

    def is_decided() -> bool:
        newest = next(iter(nomad.deployments()), None)
        starts = newest and newest.waits and not newest.lacks_places and ailing(newest)
        return settled(nomad) and not starts

    wait_until(is_decided, RELEASE_SECONDS, every=0.25)
    found = next(iter(nomad.deployments()), None)
    if found is None or not (found.waits or found.lacks_places):
        return
    if found.lacks_places and (lost := nomad.ailing()):
        could_not_run(f"A canary of the release has no place yet, and it may be for want of a client. {lost}")
    placed = "canary-not-healthy" if ailing(found) else "canary-waits"
    WHY.fail(
        "canary-without-a-place" if found.lacks_places else placed,
        source=nomad.shows(),
        seen=f"deployment {found.id[:8]}: {found.status_description}",
        evidence=why_late(nomad),
    )


def _why_not_replaced(cluster: Cluster, victim: str) -> Callable[[], str]:
    """Return a function that says why a cluster will not replace what a lost machine ran."""
    if isinstance(cluster, Kubernetes):
        return cluster.why_not_replaced(victim, LOSS_SECONDS)
    if isinstance(cluster, Nomad):
        return cluster.why_not_replaced()
    if isinstance(cluster, Swarm) and (service := cluster.service_on(victim)):
        return why_not_replaced(cluster, service, WANTED, WANTED, LOSS_SECONDS)
    return str


class Goal:
    """The goal, asked of one way after the other.

    Args:
        lab: the lab.
        outside: a user on the learner's machine.
        prober: a neighbour on the lab's network.
    """

    def __init__(self, lab: Lab, outside: Outside, prober: Prober) -> None:
        self.lab = lab
        self._outside = outside
        self._prober = prober

    # -- serves --------------------------------------------------------------------------------------------

    def serves(self, way: Way) -> None:
        """Require two copies on two machines, each reached, and an answer at the way's front."""
        self._require_one_hand(way)
        if isinstance(way.cluster, Nomad):
            _require_decided(way.cluster)
        found = outcomes.copies(
            way.cluster, WANTED, hint=COPIES[way.key], patience=15.0, why_late=lambda: why_late(way.cluster)
        )
        outcomes.steady(way.cluster, hint=f"What do the copies say before they end? {COPIES[way.key]}")
        outcomes.spread(way.cluster, found, hint=SPREAD[way.key])
        self._require_program(way)
        if way.key != "kubernetes":
            # There the port of every node leads to every copy; here each machine's port has to lead to its own.
            for each in found:
                self._require_reached(way, each.node)
        url = f"http://127.0.0.1:{way.port}/"
        reply = self._outside.get_until(url, lambda reply: reply.is_from("parcel"), 8.0)
        WHY.require(
            reply.is_from("parcel"),
            "front-finds-none",
            way=way.title,
            url=way.shown,
            reach=REACH[way.key],
            seen=reply.summary,
        )

    def _require_one_hand(self, way: Way) -> None:
        loose = way.loose()
        if loose:
            node, name = loose[0]
            seen = ", ".join(f"{each} on {where}" for where, each in loose)
            WHY.fail("started-by-hand-beside", way=way.title, node=node, name=name, seen=seen)
        nodes = {each.node for each in way.cluster.instances()}
        strange = " and ".join(sorted(nodes - {*way.cluster.nodes, ""}))
        WHY.require(
            not strange,
            "another-ways-machine",
            way=way.title,
            nodes=strange,
            own=", ".join(way.cluster.nodes),
            source=way.cluster.shows(),
            seen=f"copies on {strange}",
        )

    @staticmethod
    def _require_program(way: Way) -> None:
        """Require that each copy is one: what passes requests on to another copy is lost with that one."""
        others = way.other_programs()
        WHY.require(
            not others,
            "another-program",
            way=way.title,
            node=others[0][0] if others else "",
            source=way.cluster.shows(),
            seen=others[0][1][:200] if others else "",
        )

    def _require_reached(self, way: Way, node: str) -> None:
        reply = self._prober.get(f"http://{node}:8080/", patience=3.0)
        WHY.require(
            reply.ok,
            "port-leads-elsewhere",
            way=way.title,
            node=node,
            reach=REACH[way.key],
            seen=reply.summary,
        )

    # -- is updated ----------------------------------------------------------------------------------------

    def updated(self, way: Way) -> None:
        """Require that users moved from 1.0 to 2.0 without a failed request, and that all copies are 2.0."""
        proof = ("updated", way.key, *sorted(each.id for each in way.cluster.instances()))
        self.lab.prove_once(*proof, test=lambda: self._moved(way))

    def _moved(self, way: Way) -> None:
        record = way.traffic.everything()
        outcomes.rollout(
            record.served,
            before="1.0",
            after="2.0",
            busy=lambda move: self.lab.too_busy(record, move.begin, move.end),
            source=way.drawn,
            hint=f"{MOVE[way.key]} To try again, go back to 1.0 first.",
            unfinished=COPIES[way.key],
            standing=outcomes.told_otherwise(way.cluster, "2.0"),
            unmoved=MOVE[way.key],
        )
        outcomes.copies(way.cluster, WANTED, version="2.0", hint=COPIES[way.key])
        outcomes.own_versions(way.cluster, "1.0")

    # -- survives ------------------------------------------------------------------------------------------

    def survives(self, way: Way) -> None:
        """Require that a lost machine's copy runs elsewhere, and record what the loss cost."""
        seconds, lost = self._restored(way) if way.key == "hand" else self._replaced(way)
        self.lab.record("replaced after a node's loss", seconds, "s", way.title)
        self.lab.record("requests lost with a node", lost, "requests", way.title)

    def _replaced(self, way: Way) -> tuple[float, float]:
        """Kill a machine, and see its copies replaced."""
        found = way.cluster.instances()
        proof = ("replaced", way.key, way.terms(), *sorted(each.id for each in found))
        if (kept := self.lab.recall(*proof)) is not None:
            seconds, lost = json.loads(kept)
            return seconds, lost
        carrying = {each.node for each in found if each.ready}
        victim = next(
            (name for name in reversed(way.cluster.nodes) if name in carrying and name != way.decider), ""
        )
        if not victim:
            could_not_run(f"No machine of {way.title} carries a copy now; check again.")
        self.lab.disturb(f"kills {victim}")
        cluster = way.cluster
        cost = outcomes.replaced(
            cluster,
            way.traffic,
            WANTED,
            within=LOSS_SECONDS,
            hint=REPLACE[way.key],
            node=victim,
            gave_up=_why_not_replaced(cluster, victim),
            busy=lambda begin, end: self.lab.too_busy(way.traffic.everything(), begin, end),
        )
        self._require_same_version(way, found)
        self._tell(way, cost.seconds, cost.lost)
        after = sorted(each.id for each in way.cluster.instances())
        text = json.dumps((cost.seconds, cost.lost))
        self.lab.remember("replaced", way.key, way.terms(), *after, text=text)
        if self.lab.recall("updated", way.key, *sorted(each.id for each in found)) is not None:
            # The loss brought new copies, not a new version.
            self.lab.remember("updated", way.key, *after)
        return cost.seconds, cost.lost

    @staticmethod
    def _require_same_version(way: Way, before: Sequence[Instance]) -> None:
        """Require that a copy which replaced a lost one is of the version that ran before."""
        versions = sorted({each.version for each in before if each.ready})
        others = [each for each in way.cluster.instances() if each.ready and each.version not in versions]
        if others:
            WHY.fail(
                "replaced-by-another-version",
                way=way.title,
                other=others[0].version,
                versions=versions,
                copies=COPIES[way.key],
                source=way.cluster.shows(),
                seen=f"{others[0].id}: {others[0].image}",
            )

    def _restored(self, way: Way) -> tuple[float, float]:
        """Read from the record that a host was lost, and that somebody restored the service on the others."""
        # The way's users were there from its beginning; the toolbox may have been made anew for another way.
        deaths = (
            way.cluster.deaths(way.traffic, WANTED, since=f"traffic-{way.key}")
            if isinstance(way.cluster, ByHand)
            else []
        )
        counted = [
            each
            for each in deaths
            if each.carried and (each.serving >= WANTED or self._served_under_one_name(way, each))
        ]
        if not counted:
            self._tell_of_no_loss(way, deaths[-1] if deaths else None)
        loss = counted[-1]
        seconds, lost = self.lab.measure_once(
            "restored", loss.container, f"{loss.at:.3f}", test=lambda: self._cost_of(way, loss)
        )
        return seconds, lost

    def _cost_of(self, way: Way, loss: Loss) -> tuple[float, int]:
        """Require that the service was restored after a loss by what was started since, and return what it cost."""
        stray = [each for each in way.cluster.instances() if each.node == loss.host]
        later = bool(stray) and self._came_later(way, loss)
        if stray and not later:
            WHY.fail("started-on-the-lost-host", host=loss.host, seen=f"a copy on {loss.host}")
        outcomes.copies(way.cluster, WANTED, elsewhere=() if later else (loss.host,), hint=COPIES["hand"])
        started = self._require_started_since(way, loss)
        cost = self._cost(way, recovery(loss, way.traffic, WANTED, STEADY_SECONDS), started)
        self._tell(way, *cost)
        return cost

    @staticmethod
    def _came_later(way: Way, loss: Loss) -> bool:
        """Whether the service was whole again on the other hosts before anything was started on the one that was lost."""
        found = recovery(loss, way.traffic, WANTED, STEADY_SECONDS)
        records = way.cluster.records() if isinstance(way.cluster, ByHand) else []
        started = [each.started for each in records if each.node == loss.host and each.running]
        return found.whole and loss.at + found.cost[0] < min(started, default=0.0)

    def _served_under_one_name(self, way: Way, loss: Loss) -> bool:
        """Whether a loss took one of several copies that share a name: the record shows one name, the engines several copies."""
        if not isinstance(way.cluster, ByHand) or loss.serving != 1:
            return False
        records = way.cluster.records()
        alike = len({each.instance for each in records if each.running}) == 1
        if not alike or sum(each.running for each in records) < WANTED:
            return False
        if loss.down:
            could_not_run(
                f"Your copies share one name, so that their users cannot tell which ones served before {loss.host} was lost. "
                f"Its own engine can: `lab lose {int(self.lab.number)} {loss.host} --back`, then check again."
            )
        before = [each for each in records if each.created < loss.at]
        return len(before) >= WANTED and any(each.node == loss.host for each in before)

    @staticmethod
    def _require_started_since(way: Way, loss: Loss) -> float:
        """Require that a copy was started because of a loss, and return when the last one was, in seconds after it."""
        WHY.require(
            loss.at_once <= WANTED,
            "one-more-than-needed",
            host=loss.host,
            serving=loss.at_once,
            source=way.drawn,
            seen=f"{loss.at_once} names in the last answers before the loss",
        )
        records = way.cluster.records() if isinstance(way.cluster, ByHand) else []
        after = [each.started - loss.at for each in records if each.running and each.started > loss.at]
        others = [node for node in way.cluster.nodes if node != loss.host]
        WHY.require(
            after,
            "ready-before-the-loss",
            host=loss.host,
            source="; ".join(f"docker -H tcp://{node}:2375 ps" for node in others),
            seen="all copies are older than the loss",
        )
        return max(after)

    @staticmethod
    def _cost(way: Way, found: Recovery, started: float) -> tuple[float, int]:
        """Return the seconds until two copies served again and no request failed, and the requests lost until then.

        Args:
            way: the way.
            found: what users met.
            started: when the last copy was started, in seconds after the loss; where the copies share a name, users cannot
                tell when there were two again.
        """
        after, host = found.after, found.loss.host
        if found.well is None:
            seen = after.between(after.end - STEADY_SECONDS, after.end).summary
            WHY.fail("fails-again-and-again", host=host, source=way.drawn, seen=seen)
        if found.whole:
            return found.cost
        seconds = round(max(found.well, started), 1)
        return seconds, after.lost(found.loss.at, found.loss.at + seconds)

    @staticmethod
    def _tell_of_no_loss(way: Way, idle: Loss | None) -> NoReturn:
        records = way.cluster.records() if isinstance(way.cluster, ByHand) else []
        names = [each.instance for each in records if each.running]
        if idle is None:
            reason = "no-host-lost"
        elif idle.serving >= WANTED:
            reason = "lost-while-empty"
        elif idle.serving == 1 and len(names) > len(set(names)) == 1:
            reason = "lost-while-few-served.under-one-name"
        else:
            reason = "lost-while-few-served"
        WHY.fail(
            reason,
            host=idle.host if idle else "",
            serving=idle.serving if idle else 0,
            source=way.drawn,
            seen=f"{idle.host} lost" if idle else "no host was lost",
        )

    @staticmethod
    def _tell(way: Way, seconds: float, lost: int) -> None:
        """Leave the figures where the learner finds them: among the marks of the way's users."""
        way.traffic.mark(f"{WANTED} copies again after {seconds:g} s, requests lost: {lost}")
