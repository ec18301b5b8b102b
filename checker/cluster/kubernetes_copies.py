"""A service's copies on Kubernetes: its pods, what looks after them, and what that was told."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from checker.cluster import trial
from checker.cluster.kubernetes import held_back, waits_for_deletion
from checker.cluster.kubernetes_api import Refused
from checker.cluster.kubernetes_events import last_said, last_words
from checker.cluster.kubernetes_records import TEMPLATE, ContainerStatus, Pod, containers_of
from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.cluster.kubernetes import Kubernetes, Workload
    from checker.cluster.kubernetes_records import Container


_RULES = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
"""The kinds that tell a cluster what to refuse."""


class Copies:
    """A service's copies; what was read once is kept.

    Args:
        cluster: where they run.
    """

    def __init__(self, cluster: Kubernetes) -> None:
        self.cluster = cluster
        self._owners: dict[str, Workload] = {}

    looked_at = 0.0
    """When its pods were looked at last, by the nodes' clock, in seconds since 1970."""

    @functools.cached_property
    def pods(self) -> list[Pod]:
        """Its pods."""
        return self.look()

    def look(self) -> list[Pod]:
        """Look at its pods again."""
        self.looked_at = self.cluster.lab.engine.clock.now()
        return self.cluster.pods()

    def container(self, pod: Pod) -> Container:
        """Return the container of a pod that runs the application."""
        found = self.cluster.app(pod.spec.containers)
        if found is None:
            could_not_run(f"{pod.metadata.name} no longer runs {self.cluster.image}.")
        return found

    def status(self, pod: Pod) -> ContainerStatus:
        """Return how that container is."""
        name = self.container(pod).name
        return next((each for each in pod.status.container_statuses if each.name == name), ContainerStatus())

    # -- what the cluster said of them -------------------------------------------------------------------------

    def event(self, pod: Pod, selector: str, about: str = "") -> str:
        """Return what the cluster last said of a pod; see `last_said`."""
        return last_said(self.cluster.api, pod, selector, about)

    def last_warning(self, pod: Pod, about: str = "") -> str:
        """Return what the cluster last complained of about a pod.

        Args:
            pod: the pod.
            about: a word that has to be in it, such as `Liveness`; any complaint, when left out.
        """
        return self.event(pod, "type=Warning", about)

    def last_words(self, pod: Pod) -> str:
        """Return the last line that a copy wrote before it ended the last time; empty when it wrote none."""
        return last_words(self.cluster.api, pod, self.container(pod).name)

    # -- what looks after them ---------------------------------------------------------------------------------

    @functools.cached_property
    def workloads(self) -> list[Workload]:
        """What looks after its pods, that with the most of them first."""
        counted = Counter(self.owner(pod) for pod in self.pods)
        if not counted:
            could_not_run("All copies went away while they were looked at.")
        return [workload for workload, _ in counted.most_common()]

    def owner(self, pod: Pod) -> Workload:
        """Return what looks after a pod; asked once for each."""
        uid = pod.metadata.uid
        if uid not in self._owners:
            self._owners[uid] = self.cluster.workload(pod)
        return self._owners[uid]

    def pods_of(self, workload: Workload) -> list[Pod]:
        """Return the pods that a workload looks after."""
        return [pod for pod in self.pods if self.owner(pod) == workload]

    @functools.cached_property
    def _records(self) -> dict[Workload, dict[str, Any]]:
        return {workload: self._record(workload) for workload in self.workloads}

    def _record(self, workload: Workload) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.cluster.api.get(workload.path)[0]
        except Refused as refused:
            could_not_run(f"{workload.title} cannot be looked at: {refused.message}.")
        return found

    @functools.cached_property
    def key(self) -> str:
        """What looks after them, what it refers to and what limits it, in a word that changes when any of these is changed."""
        texts = [
            f"{record['metadata']['uid']} {json.dumps(record['spec'], sort_keys=True)}"
            for record in self._records.values()
        ]
        texts += self._around()
        return hashlib.sha256(" ".join(sorted(texts)).encode()).hexdigest()

    def _around(self) -> list[str]:
        """Return what decides about their pods besides what looks after them, as far as it may be read."""
        paths = [f"/apis/admissionregistration.k8s.io/v1/{kind}" for kind in _RULES]
        for workload, record in self._records.items():
            space = f"/api/v1/namespaces/{workload.namespace}"
            paths += [f"{space}/resourcequotas", f"{space}/limitranges"]
            paths += [f"{space}/{kind}/{name}" for kind, name in trial.refers_to(record["spec"])]
        found = []
        for path in sorted(set(paths)):
            with contextlib.suppress(Refused):
                there = self.cluster.api.get(path)[0]
                found += [json.dumps(_told(each), sort_keys=True) for each in there.get("items", [there])]
        return found

    def spec(self, workload: Workload) -> dict[str, Any]:
        """Return what a workload was told."""
        spec: dict[str, Any] = self._records[workload]["spec"]
        return spec

    def template(self, workload: Workload) -> dict[str, Any]:
        """Return what a workload makes pods of."""
        found: dict[str, Any] | None = self.spec(workload).get("template")
        if not found:
            could_not_run(
                f"{workload.title} has no pod template of the usual form, so no copy can be made after it."
            )
        return found

    def made_of(self, workload: Workload) -> Container | None:
        """Return the application's container in what a workload makes pods of; None when it makes no copies."""
        return self.cluster.app(containers_of(self.template(workload)["spec"]))

    def images_told(self, workload: Workload) -> list[str]:
        """Return the images of what a workload makes pods of; none where it has no template of the usual form."""
        template = self.spec(workload).get("template") or {}
        return [each.image for each in containers_of(template.get("spec") or {})]

    def refused(self, workload: Workload) -> str:
        """Return why the cluster refuses to make copies that a workload wants; empty when it does not."""
        status = self._records[workload].get("status") or {}
        return next(
            (
                " ".join(str(each.get("message", "")).split())
                for each in status.get("conditions") or []
                if (each.get("type"), each.get("status")) == ("ReplicaFailure", "True")
            ),
            "",
        )

    def kept(self, workload: Workload) -> str:
        """Return the setting that keeps every new version of a workload from its pods; empty when there is none."""
        return held_back(workload.kind, self.spec(workload))

    def outdated(self, workload: Workload, asked: Callable[[Container], object]) -> list[Pod]:
        """Return the pods that a workload made before it was changed, and does not replace by itself.

        Args:
            workload: the workload.
            asked: what of a container counts.
        """
        made = self.made_of(workload)
        waits = waits_for_deletion(workload.kind, self.spec(workload)) or self.kept(workload)
        if made is None or not waits:
            return []
        return [pod for pod in self.pods_of(workload) if asked(self.container(pod)) != asked(made)]

    def is_current(self, pod: Pod) -> bool:
        """Whether a pod was made of what its workload says now; so is one of which that cannot be told."""
        now = self._revision(self.owner(pod))
        return not now or pod.metadata.revision == now

    def _revision(self, workload: Workload) -> str:
        """Return the mark of the pods that are made of what a workload says now; empty when it gives none."""
        if workload.kind == "Deployment":
            made = self.cluster.replica_sets(workload)
            return str((made[0]["metadata"].get("labels") or {}).get(TEMPLATE, "")) if made else ""
        return str((self._records[workload].get("status") or {}).get("updateRevision", ""))

    def newest(self, pods: list[Pod]) -> list[Pod]:
        """Return those of some pods that were made of what their workload says now; all of them when none was."""
        return [pod for pod in pods if self.is_current(pod)] or pods

    def bound_by(self, workload: Workload) -> list[str]:
        """Return what in a workload's pods says where they may run, as a sentence names it."""
        spec = (self.spec(workload).get("template") or {}).get("spec") or {}
        found = [f"`{name}`" for name in ("nodeName", "nodeSelector", "affinity") if spec.get(name)]
        volumes = spec.get("volumes") or []
        return found + ["volume, which is on one node,"] * any(
            "persistentVolumeClaim" in each for each in volumes
        )


def _told(thing: dict[str, Any]) -> list[Any]:
    """Return which object this is, and what somebody told it: not what came of that."""
    return [thing["metadata"].get("uid"), *(thing.get(part) for part in ("spec", "data", "binaryData"))]
