"""Parcel on the cluster, as the learner made it: its copies, and the way to them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from checker.cluster.elsewhere import Elsewhere
from checker.cluster.kubernetes import is_selected
from checker.cluster.kubernetes_copies import Copies
from checker.cluster.kubernetes_services import answers_at, services, target_of
from checker.grading.author import Reasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.cluster.kubernetes_records import Container, Pod, Service, ServicePort

WHY = Reasons(Path(__file__).with_name("reasons.toml"))

NODE_PORT = 30080
LISTENS = 8080
"""Parcel's port inside."""
ALIVE = "/healthz"
"""What Parcel answers as long as it lives."""


class Parcel(Copies):
    """The learner's Parcel; what was read once is kept for the run."""

    beside: Sequence[Pod] = ()
    """The pods that run Parcel and are not the service's, such as those of the old version in a blue-green release."""

    def look(self) -> list[Pod]:
        """Look at its pods again: those that the service leads to, or all as long as it leads to none."""
        found = super().look()
        if self.beside or not found:
            return found
        self.__dict__.pop("service", None)
        if self.service is None:
            return found
        space, selector = self.service.metadata.namespace, self.service.spec.selector
        led = [pod for pod in found if is_selected(pod, space, selector)]
        if not led or len(led) == len(found):
            return found
        self.beside = [pod for pod in found if pod not in led]
        self.cluster.narrow(space, selector)
        return led

    # -- the way to them ---------------------------------------------------------------------------------------

    @functools.cached_property
    def service(self) -> Service | None:
        """The service at the port that the front asks, whatever its name."""
        found = [
            (port.node_port, each.metadata.name, each)
            for each in services(self.cluster)
            if (port := self.port(each))
        ]
        return min(found, key=lambda each: (each[0] != NODE_PORT, each[1]))[2] if found else None

    def port(self, service: Service) -> ServicePort | None:
        """Return the port of a service that users reach; None if they reach another one."""
        fitting = [each for each in service.spec.ports if each.node_port == NODE_PORT]
        if self.any_port:
            fitting += [each for each in service.spec.ports if each.node_port]
        return fitting[0] if fitting else None

    @property
    def any_port(self) -> bool:
        """Whether any port of the nodes will do, since the lab's is somebody's."""
        return isinstance(self.cluster, Elsewhere) and self.cluster.choice.port_taken

    def target(self, pod: Pod) -> int | None:
        """Return the port in a pod that the service sends requests to; None when it names none of the pod's."""
        port = self.port(self.service) if self.service else None
        return target_of(port, pod) if port else None

    def listens(self, pod: Pod) -> int:
        """Return the port in a pod that users reach; Parcel's own as long as no service says it."""
        target = self.target(pod)
        return target if target is not None else self.own_port(pod) or LISTENS

    def own_port(self, pod: Pod) -> int | None:
        """Return the port that a copy was told to listen on, its usual one when it was told none; None if not known."""
        container = self.container(pod)
        told = [each.value for each in container.env if each.name == "PARCEL_PORT"]
        if (told and not told[-1]) or (not told and container.env_from):
            # Another object has the value.
            return None
        return int(told[-1]) if told and told[-1].isdecimal() else LISTENS

    def answers_at(self, pod: Pod, port: int) -> bool:
        """Whether a pod's own port answers as Parcel does."""
        return answers_at(self.cluster.api, pod, port, ALIVE)


def probes_of(container: Container) -> tuple[object, ...]:
    """Return a container's three probes."""
    return container.readiness_probe, container.liveness_probe, container.startup_probe


def image_of(container: Container) -> str:
    """Return a container's image."""
    return container.image
