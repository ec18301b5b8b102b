"""The workload behind the lab's address, and the HorizontalPodAutoscaler that sets its number of copies."""

from __future__ import annotations

import contextlib
import functools
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from checker.cluster.kubernetes_api import Refused
from checker.cluster.kubernetes_autoscalers import autoscalers
from checker.cluster.kubernetes_records import Container, Pod, Service, Services, quantity, resources_of
from checker.cluster.kubernetes_workloads import is_changed
from checker.grading.author import Reasons, could_not_run, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.cluster.kubernetes import Kubernetes, Workload
    from checker.cluster.kubernetes_autoscalers import Autoscaler, Metric

WHY = Reasons(Path(__file__).with_name("reasons.toml"))

NODE_PORT = 30080
KINDS = ("Deployment", "StatefulSet")
"""The kinds that the task asks for, which the recorder follows."""
READY_SECONDS = 20.0
"""How long a copy that is starting is waited for: with little CPU, Parcel needs a few seconds."""
MEASURED_SECONDS = 75.0
"""How long to wait for the first measurement: metrics-server measures every 15 s and needs two, the autoscaler looks every 15 s."""


class Scaled:
    """What is behind the lab's address.

    Args:
        cluster: the lab's cluster.
    """

    def __init__(self, cluster: Kubernetes) -> None:
        self.cluster = cluster

    @functools.cached_property
    def service(self) -> Service | None:
        """The service with the node port that the front sends requests to."""
        found = self.cluster.api.read("/api/v1/services", Services).items
        return next(
            (each for each in found if any(port.node_port == NODE_PORT for port in each.spec.ports)), None
        )

    @functools.cached_property
    def pods(self) -> list[Pod]:
        """The pods behind it; waits for the first of them that is ready, and for the end of a change that has just begun."""
        if self.service is None:
            return []
        self.cluster.narrow(self.service.metadata.namespace, self.service.spec.selector)
        wait_until(lambda: _are_settled(self.cluster.pods()), READY_SECONDS, every=0.3)
        return self.cluster.pods()

    @property
    def workload(self) -> Workload:
        """What looks after them; of several, one of the kinds that the task asks for, and the one with most of them."""
        return self._owners[0]

    @functools.cached_property
    def _owners(self) -> list[Workload]:
        # Pods of one owner have the same above it; a pod without one is its own.
        alike = Counter(pod.metadata.owner or pod.metadata.name for pod in self.pods)
        first = {pod.metadata.owner or pod.metadata.name: pod for pod in self.pods}
        found: Counter[Workload] = Counter()
        for name, pod in first.items():
            found[self.cluster.workload(pod)] += alike[name]
        return sorted(found, key=lambda each: (each.kind not in KINDS, -found[each], each.title))

    @property
    def app(self) -> Container | None:
        """The container of a copy that runs Parcel."""
        return self.cluster.app(self.pods[0].spec.containers)

    def limit_of(self, pod: Pod) -> float:
        """Return the CPU in cores that Parcel may use in a pod; infinity if nothing limits it."""
        app = self.cluster.app(pod.spec.containers)
        found = resources_of(pod, app).limits.get("cpu", "") if app else ""
        return quantity(found) if found else math.inf

    @property
    def largest(self) -> Pod:
        """The copy that may use most CPU: one that runs can have got another limit than the others."""
        return max(self.pods, key=self.limit_of)

    @property
    def limit(self) -> float | None:
        """The CPU in cores that one copy may use, of all copies the most; None if one has no limit."""
        found = self.limit_of(self.largest)
        return None if found == math.inf else found

    @property
    def others(self) -> list[str]:
        """What else looks after pods behind the service, by name."""
        return sorted(each.title for each in self._owners[1:])

    @property
    def keeps_users(self) -> str:
        """The name of the service, if it sends a user to the same copy again and again; empty if it does not."""
        found = self.service
        return found.metadata.name if found and found.spec.session_affinity == "ClientIP" else ""

    @property
    def metrics(self) -> list[Metric]:
        """What the autoscaler measures of Parcel's CPU."""
        app = self.app
        return [each for each in self.autoscaler.spec.metrics if app and each.is_of(app)]

    @property
    def reach(self) -> str:
        """From which use on it adds copies, and what else it measures, in sentences."""
        found = self.autoscaler
        tolerance = found.tolerance()
        least = min((each.added_from(self.pods[0], tolerance) for each in self.metrics), default=0.0)
        beside = found.beside(self.metrics)
        return f"The autoscaler adds copies when each uses more than {least * 1000:.0f}m of CPU." + (
            f" It also measures {' and '.join(beside)}: of its metrics, the one counts that asks for most copies."
            if beside
            else ""
        )

    def all(self) -> list[Autoscaler]:
        """Return every autoscaler of the cluster."""
        return autoscalers(self.cluster.api)

    def find(self) -> Autoscaler | None:
        """Return the autoscaler of the workload, None if it has none; several are a failure."""
        ours = self.workload
        found = [
            each for each in self.all() if each.names(ours) and each.metadata.namespace == ours.namespace
        ]
        names = ", ".join(sorted(each.metadata.name for each in found))
        WHY.require(
            len(found) < 2,
            "several-autoscalers",
            number=len(found),
            title=ours.title,
            names=names,
            space=ours.space,
            seen=names,
        )
        return found[0] if found else None

    @functools.cached_property
    def found(self) -> Autoscaler | None:
        """The autoscaler, once it measures or says why it does not; None if the workload has none."""
        latest = first = self.find()
        if first is None:
            return None

        def is_decided() -> bool:
            nonlocal latest
            latest = now = self.find() or latest or first
            return (
                now.measures
                or bool(now.refusal)
                or (now.lacking is not None and self._is_there(now.lacking[0]))
            )

        wait_until(is_decided, MEASURED_SECONDS, every=0.5)
        # Other pods can have taken the place of those that were there before the wait.
        for name in ("pods", "_owners"):
            self.__dict__.pop(name, None)
        return latest

    @property
    def autoscaler(self) -> Autoscaler:
        """The same, where there is one."""
        return self.found or could_not_run("The autoscaler went away while it was looked at.")

    def _is_there(self, name: str) -> bool:
        """Whether a pod is there to stay: what the autoscaler said of one that is gone, it said before the last change."""
        try:
            found = self.cluster.api.read(f"/api/v1/namespaces/{self.workload.namespace}/pods/{name}", Pod)
        except Refused:
            return False
        return not found.metadata.deletion_timestamp

    @property
    def space(self) -> str:
        """The option that names their namespace to kubectl; nothing for the default one."""
        return self.workload.space

    def changed_since(self, moment: float) -> str:
        """Return what of the workload or its autoscaler was changed after a moment, by somebody else than the cluster; or ""."""
        found = self.find()
        paths = {self.workload.title: self.workload.path}
        if found:
            paths[f"hpa/{found.metadata.name}"] = found.path
        for title, path in paths.items():
            with contextlib.suppress(Refused):
                if is_changed(self.cluster.api.get(path)[0], moment):
                    return title
        return ""


def _are_settled(pods: Sequence[Pod]) -> bool:
    """Whether one of these pods is ready, and pods of another template are not about to take the place of others."""
    templates = {pod.metadata.revision for pod in pods}
    return any(pod.ready for pod in pods) and (len(templates) == 1 or all(pod.ready for pod in pods))
