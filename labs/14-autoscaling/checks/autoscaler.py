"""The workload behind the lab's address, and the HorizontalPodAutoscaler that sets its number of copies."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from checker.cluster.kubernetes_api import Refused
from checker.cluster.kubernetes_records import (
    Condition,
    Container,
    Meta,
    Pod,
    Service,
    Services,
    quantity,
    resources_of,
)
from checker.grading.author import fail, require, wait_until

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Kubernetes, Workload

NODE_PORT = 30080
READY_SECONDS = 20.0
"""How long a copy that is starting is waited for: with little CPU, Parcel needs a few seconds."""
MEASURED_SECONDS = 75.0
"""How long to wait for the first measurement: metrics-server measures every 15 s and needs two, the autoscaler looks every 15 s."""
TOLERANCE = 0.1
"""Within a tenth of its target, an autoscaler changes nothing, unless it says otherwise (Kubernetes' default tolerance)."""


class _Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class _Target(_Record, frozen=True):
    type: str = ""
    average_utilization: int = 0
    average_value: str = ""


class _Source(_Record, frozen=True):
    name: str = ""
    container: str = ""
    target: _Target = _Target()


class Metric(_Record, frozen=True):
    """What an autoscaler measures."""

    type: str = ""
    resource: _Source | None = None
    container_resource: _Source | None = None

    @property
    def title(self) -> str:
        """What it measures, in words."""
        source = self.resource or self.container_resource
        name = source.name if source else self.type
        return f"{name} of container {source.container}" if source and source.container else name

    def is_of(self, app: Container) -> bool:
        """Whether it measures the CPU of a container, alone or among others."""
        source = self.resource or self.container_resource
        return source is not None and source.name == "cpu" and source.container in {"", app.name}

    def added_from(self, pod: Pod, tolerance: float) -> float:
        """Return the CPU in cores from which copies are added.

        Args:
            pod: a copy.
            tolerance: by which part of the target the use must be above it.
        """
        source = self.resource or self.container_resource or _Source()
        if source.target.average_value:
            return quantity(source.target.average_value) * (1 + tolerance)
        requested = sum(quantity(resources_of(pod, each).requests.get("cpu", "0")) for each in self.of(pod))
        return source.target.average_utilization / 100 * requested * (1 + tolerance)

    def of(self, pod: Pod) -> list[Container]:
        """Return the containers that it measures."""
        name = self.container_resource.container if self.container_resource else ""
        return [each for each in pod.spec.containers if not name or each.name == name]

    def most_of(self, pod: Pod) -> float | None:
        """Return the CPU in cores that these containers can use at most; None if one has no limit."""
        limits = [resources_of(pod, each).limits.get("cpu") for each in self.of(pod)]
        return sum(quantity(each) for each in limits if each) if all(limits) else None


class _Ref(_Record, frozen=True):
    kind: str = ""
    name: str = ""


class _Spec(_Record, frozen=True):
    scale_target_ref: _Ref = _Ref()
    min_replicas: int = 1
    max_replicas: int = 0
    metrics: tuple[Metric, ...] = ()
    behavior: dict[str, Any] = {}


class _Status(_Record, frozen=True):
    conditions: tuple[Condition, ...] | None = ()


class Autoscaler(_Record, frozen=True):
    """A HorizontalPodAutoscaler."""

    metadata: Meta = Meta()
    spec: _Spec = _Spec()
    status: _Status = _Status()

    def condition(self, kind: str) -> Condition:
        """Return a condition; an empty one if it is not decided yet."""
        return next((each for each in self.status.conditions or () if each.type == kind), Condition())

    @property
    def patience(self) -> int:
        """For how many seconds it remembers the highest number of copies before it removes any; 300 if nobody says otherwise."""
        down = self.spec.behavior.get("scaleDown") or {}
        found = down.get("stabilizationWindowSeconds")
        return 300 if found is None else int(found)

    @property
    def tolerance(self) -> float:
        """By which part of its target the use must be above it until copies are added."""
        found = (self.spec.behavior.get("scaleUp") or {}).get("tolerance")
        return TOLERANCE if found is None else quantity(str(found))

    @property
    def hesitation(self) -> int:
        """For how many seconds it must have needed more copies before it adds any; 0 if nobody says otherwise."""
        up = self.spec.behavior.get("scaleUp") or {}
        return int(up.get("stabilizationWindowSeconds") or 0)

    @property
    def never_adds(self) -> bool:
        """Whether it was told to add no copies."""
        up = self.spec.behavior.get("scaleUp") or {}
        return bool(up.get("selectPolicy") == "Disabled")

    @property
    def never_removes(self) -> bool:
        """Whether it was told to remove no copies."""
        down = self.spec.behavior.get("scaleDown") or {}
        return bool(down.get("selectPolicy") == "Disabled")


class _Autoscalers(_Record, frozen=True):
    items: tuple[Autoscaler, ...] = ()


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
        """The pods behind it; waits for the first of them that is ready."""
        if self.service is None:
            return []
        self.cluster.narrow(self.service.metadata.namespace, self.service.spec.selector)
        wait_until(lambda: any(pod.ready for pod in self.cluster.pods()), READY_SECONDS, every=0.3)
        return self.cluster.pods()

    @functools.cached_property
    def workload(self) -> Workload:
        """What looks after them."""
        return self.cluster.workload(self.pods[0])

    @property
    def app(self) -> Container | None:
        """The container of a copy that runs Parcel."""
        return self.cluster.app(self.pods[0].spec.containers)

    @property
    def limit(self) -> float | None:
        """The CPU in cores that one copy may use; None if it has no limit."""
        found = resources_of(self.pods[0], self.app).limits.get("cpu") if self.app else None
        return quantity(found) if found else None

    @property
    def others(self) -> list[str]:
        """What else looks after pods behind the service, by name."""
        # Most pods have the owner of the first; only others are asked for what is above it.
        strangers = {
            pod.metadata.owner: pod for pod in self.pods if pod.metadata.owner != self.pods[0].metadata.owner
        }
        return sorted(
            {self.cluster.workload(pod).title for pod in strangers.values()} - {self.workload.title}
        )

    def all(self) -> list[Autoscaler]:
        """Return every autoscaler of the cluster."""
        path = "/apis/autoscaling/v2/horizontalpodautoscalers"
        return list(self.cluster.api.read(path, _Autoscalers).items)

    def find(self) -> Autoscaler | None:
        """Return the autoscaler of the workload, None if it has none; several are a failure."""
        ours = self.workload
        # A kind in small letters is one that the cluster does not find; the autoscaler says so itself.
        wanted = (ours.namespace, ours.kind.lower(), ours.name)
        found = [each for each in self.all() if _aim(each) == wanted]
        names = ", ".join(sorted(each.metadata.name for each in found))
        require(
            len(found) < 2,
            f"{len(found)} autoscalers are to set the number of {ours.title}: {names}. Kubernetes then lets none of them.",
            expected=f"one HorizontalPodAutoscaler for {ours.title}",
            seen=names,
            source=f"kubectl get hpa{self.space}",
            hint="`kubectl autoscale` makes one more, and so does a file that gives it another name.",
        )
        return found[0] if found else None

    @functools.cached_property
    def autoscaler(self) -> Autoscaler:
        """The autoscaler, once it measures or says why it does not.

        Raises:
            Failed: there is none for the workload, or it measures nothing; the message says why.
        """
        title = self.workload.title
        found = self.find()
        if found is None:
            self._tell_of_none(title)
        latest = [found]

        def is_decided() -> bool:
            latest[0] = self.find() or latest[0]
            active = latest[0].condition("ScalingActive")
            return active.status == "True" or "missing request" in active.message or bool(_refusal(latest[0]))

        wait_until(is_decided, MEASURED_SECONDS, every=0.5)
        found = latest[0]
        active = found.condition("ScalingActive")
        said = active.message or _refusal(found)
        source = f"kubectl describe hpa {found.metadata.name}{self.space}"
        require(
            "missing request" not in said,
            f"The autoscaler of {title} cannot tell how busy the copies are: its target is a part of what a copy requests, and a "
            f"container of the pod requests no CPU. {self._without_request()}",
            expected="ScalingActive: True",
            seen=f"ScalingActive: {active.status}, {active.reason}",
            source=source,
            evidence=said,
            hint="`kubectl get hpa` shows <unknown> in place of the use. Of how many containers of the pod must the request be known?",
        )
        require(
            active.status == "True",
            f"The autoscaler of {title} measures nothing, so it changes nothing.",
            expected="ScalingActive: True",
            seen=f"ScalingActive: {active.status or 'not decided'} {active.reason}".strip(),
            source=source,
            evidence=said,
            hint="The last lines of that command say what it tried to read. `kubectl top pods` shows what metrics-server has measured.",
        )
        return found

    def _tell_of_none(self, title: str) -> None:
        others = [each for each in self.all() if each.metadata.namespace != "kube-system"]
        kind = self.workload.kind.lower()
        aims = ", ".join(
            f"{each.spec.scale_target_ref.kind.lower()}/{each.spec.scale_target_ref.name}" for each in others
        )
        away = next((each for each in others if _aim(each)[1:] == (kind, self.workload.name)), None)
        if away is not None:
            fail(
                f"The copies behind the address belong to {title} in the namespace {self.workload.namespace}, and the autoscaler is in "
                f"{away.metadata.namespace}: it sets only the number of what is in its own namespace.",
                expected=f"a HorizontalPodAutoscaler in the namespace {self.workload.namespace}",
                seen=f"one in {away.metadata.namespace}",
                source="kubectl get hpa --all-namespaces",
                hint="Which option of kubectl, or which line of a file, says into which namespace something comes?",
            )
        fail(
            f"The copies behind the address belong to {title}, and "
            + (
                f"the autoscaler sets the number of {aims}: nobody scales these."
                if others
                else "no autoscaler sets their number."
            ),
            expected=f"a HorizontalPodAutoscaler for {title}",
            seen=aims or "no HorizontalPodAutoscaler",
            source="kubectl get hpa --all-namespaces",
            hint="Which field of a HorizontalPodAutoscaler names what it scales? REFERENCE of `kubectl get hpa` shows it.",
        )

    def _without_request(self) -> str:
        pod = self.pods[0]
        names = [each.name for each in pod.spec.containers if "cpu" not in resources_of(pod, each).requests]
        return f"Without a request: {', '.join(names)}." if names else ""

    @property
    def space(self) -> str:
        """The option that names the namespace to kubectl; nothing for the default one."""
        return "" if self.workload.namespace == "default" else f" --namespace {self.workload.namespace}"

    def changed_since(self, moment: float) -> str:
        """Return what of the workload or its autoscaler was changed after a moment, by somebody else than the cluster; or ""."""
        found = self.find()
        name = found.metadata.name if found else ""
        hpa = f"/apis/autoscaling/v2/namespaces/{self.workload.namespace}/horizontalpodautoscalers/{name}"
        for title, path in ((self.workload.title, self.workload.path), (f"hpa/{name}", hpa)):
            try:
                metadata = self.cluster.api.get(path)[0]["metadata"]
            except Refused:
                continue
            for each in metadata.get("managedFields", []):
                if each.get("subresource") or each["manager"] == "kube-controller-manager":
                    continue
                if seconds_of(each["time"]) > moment + 1:
                    return title
        return ""


def seconds_of(text: str) -> float:
    """Return a time of the API in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


def _aim(found: Autoscaler) -> tuple[str, str, str]:
    ref = found.spec.scale_target_ref
    return found.metadata.namespace, ref.kind.lower(), ref.name


def _refusal(found: Autoscaler) -> str:
    able = found.condition("AbleToScale")
    return able.message if able.status == "False" and able.reason == "FailedGetScale" else ""
