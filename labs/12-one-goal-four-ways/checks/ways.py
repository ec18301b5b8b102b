"""The ways to the goal: which machines each has, where its users ask, and whether it is in use."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.cluster.kubernetes import Kubernetes
from checker.cluster.manual import ByHand
from checker.cluster.nomad import SERVER, Nomad
from checker.cluster.swarm import NotAManagerError, Swarm
from checker.grading.author import Lab, Reasons, Traffic, command_of, moment, runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from checker.cluster.interface import Cluster
    from checker.cluster.swarm import Service

WHY = Reasons(Path(__file__).with_name("reasons.toml"))

HOSTS = ("host-1", "host-2", "host-3")
PARCEL = "drydock/parcel"
PROGRAM = "/app/parcel.py"
PORT = 8080
"""Where the fronts ask each machine of a swarm."""


class OnSwarm(Swarm):
    """The swarm, with every service that runs Parcel where the front asks: two of one copy each reach the goal as well."""

    def chosen(self, services: Sequence[Service]) -> list[Service]:
        """Return the services at the front's port that are Parcel's; where there is none, the task's."""
        found = [
            each
            for each in services
            if self._choose([each]) and any(port.published == PORT for port in each.ports)
        ]
        return sorted(found, key=lambda each: each.name) or super().chosen(services)


@dataclass(frozen=True)
class Way:
    """One way to run the service on three machines.

    Args:
        key: `hand`, `swarm`, `kubernetes` or `nomad`; its front and its users have it in their names.
        cluster: its machines and the copies on them.
        port: where its front is published on the learner's machine.
        decider: the machine without which nobody decides; empty where a person does.
        first: the command that shows whether anything runs there.
        lab: the lab.
    """

    key: str
    cluster: Cluster
    port: int
    decider: str
    first: str
    lab: Lab

    @property
    def title(self) -> str:
        """As the learner reads it."""
        return self.cluster.title

    @property
    def shown(self) -> str:
        """The address that its users know, as the learner types it."""
        return f"http://localhost:{self.port}/"

    @property
    def drawn(self) -> str:
        """The command that draws what its users met."""
        return f"lab timeline {int(self.lab.number)} --of {self.key}"

    @property
    def machines(self) -> tuple[str, ...]:
        """All that the way needs, also one that only decides."""
        nodes = self.cluster.nodes
        return nodes if self.decider in {"", *nodes} else (self.decider, *nodes)

    @functools.cached_property
    def traffic(self) -> Traffic:
        """Its users."""
        return Traffic(self.lab.shells.of(self.lab.node(f"traffic-{self.key}").id))

    def is_in_use(self) -> bool:
        """Whether the learner has anything of Parcel on it."""
        if isinstance(self.cluster, Swarm):
            try:
                return self.cluster.service() is not None
            except NotAManagerError:
                return False
        if isinstance(self.cluster, Nomad):
            return self.cluster.job is not None
        return bool(self.cluster.instances())

    def other_programs(self) -> list[tuple[str, str]]:
        """Return what runs in copies in the place of Parcel: machine and command. Nomad's copies are not looked into."""
        cluster = self.cluster
        found: list[tuple[str, str]] = []
        if isinstance(cluster, ByHand):
            found = [(each.node, cluster.remote(each).in_place_of(PROGRAM)) for each in cluster.copies()]
        if isinstance(cluster, Swarm):
            found = [(node, copy.in_place_of(PROGRAM)) for node, copy in cluster.remotes()]
        if isinstance(cluster, Kubernetes):
            for pod in cluster.pods():
                app = cluster.app(pod.spec.containers)
                there = cluster.processes(pod, app.name) if app else []
                own = not there or any(runs(each, PROGRAM) for each in there)
                found.append((pod.spec.node_name, "" if own else command_of(there)))
        return [(node, told) for node, told in found if told]

    def terms(self) -> str:
        """Return what decides whether a lost copy is replaced; empty where a person does it."""
        return self.cluster.terms() if isinstance(self.cluster, Swarm | Kubernetes | Nomad) else ""

    def loose(self) -> list[tuple[str, str]]:
        """Return what runs Parcel on its machines and is not the way's own doing: machine and container."""
        return self.cluster.loose() if isinstance(self.cluster, Swarm | Nomad) else []


class Ways:
    """The ways that the learner has chosen, and in which order they were taken.

    Args:
        lab: the lab.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        # Of the others, no machine is there.
        self.all = tuple(_MADE[name](lab) for name in lab.course_lab.chosen)

    @functools.cached_property
    def _scene(self) -> str:
        return self.lab.node("prober").id

    @functools.cached_property
    def used(self) -> list[Way]:
        """The ways in use, two at the most, in the order in which checks first saw them.

        What has served stays in its place. What has not, such as one of the lesson's trials, has none when it is gone.
        """
        used = {way.key: way for way in self.all if way.is_in_use()}
        seen = (self.lab.recall("ways", self._scene) or "").split()
        kept = [key for key in seen if key in used or self.lab.recall("served", key, self._scene) is not None]
        order = kept + [key for key in used if key not in kept]
        if order != seen:
            self.lab.remember("ways", self._scene, text=" ".join(order))
        return [used[key] for key in order if key in used]

    def note_served(self, way: Way) -> None:
        """Remember that a way has served, so that it stays in its place."""
        self.lab.prove_once("served", way.key, self._scene, test=lambda: None)

    def outside(self) -> list[str]:
        """Return the containers of Parcel that run on the learner's own engine, and so on no machine of a way."""
        # The toolbox may be newer, made again for another way.
        begun = moment(self.lab.node("prober").created)
        return [each.name for each in self.lab.on_own_engine("parcel", since=begun) if each.running]

    def strays(self) -> list[tuple[str, str]]:
        """Return the containers of Parcel that are on no host and that no tool looks after: where each is, and its name."""
        # A lost machine of another way must not cost the verdict on the hosts.
        whole = [way for way in self.all if way.key != "hand" and not way.cluster.ailing()]
        loose = [each for way in whole for each in way.loose()]
        return loose + [("your own machine", name) for name in self.outside()]


_MADE: dict[str, Callable[[Lab], Way]] = {
    "hand": lambda lab: Way("hand", ByHand(lab, HOSTS), 8120, "", "docker -H tcp://host-1:2375 ps", lab),
    "swarm": lambda lab: Way("swarm", OnSwarm(lab), 8121, "node-1", "docker service ls", lab),
    "kubernetes": lambda lab: Way(
        "kubernetes", Kubernetes(lab), 8122, "control-plane", "kubectl get pods", lab
    ),
    "nomad": lambda lab: Way("nomad", Nomad(lab, image=PARCEL), 8123, SERVER, "nomad job status", lab),
}
"""How each way is asked; a way that was not chosen is not even looked at."""
