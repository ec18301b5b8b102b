"""A cluster's HorizontalPodAutoscalers: what each measures, from which use on it adds copies, and how fast it may."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from checker.cluster.kubernetes_events import events
from checker.cluster.kubernetes_records import Condition, Container, Meta, Pod, quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.cluster.kubernetes_api import Api
    from checker.cluster.kubernetes_workloads import Workload

_GROUP, _KIND = "/apis/autoscaling/v2", "horizontalpodautoscalers"

_LACKING = re.compile(
    r"missing (?:pod-level )?request for cpu in (?:container (?P<container>\S+) of )?Pod (?P<pod>\S+)"
)
"""What an autoscaler says when a container requests nothing."""

TOLERANCE = 0.1
"""Within a tenth of its target, an autoscaler changes nothing, unless it says otherwise (Kubernetes' default tolerance)."""

DEFAULT_PERIOD_SECONDS = 15
"""The time of the policies that an autoscaler has without `behavior`."""


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
        whole = "" if self.container_resource else pod.spec.resources.requests.get("cpu", "")
        parts = [whole] if whole else [each.resources.requests.get("cpu", "0") for each in self.of(pod)]
        return source.target.average_utilization / 100 * sum(map(quantity, parts)) * (1 + tolerance)

    def of(self, pod: Pod) -> list[Container]:
        """Return the containers that it measures."""
        name = self.container_resource.container if self.container_resource else ""
        return [each for each in pod.spec.lasting if not name or each.name == name]

    def most_of(self, pod: Pod) -> float | None:
        """Return the CPU in cores that these containers can use at most; None if nothing limits them."""
        parts = [each.resources.limits.get("cpu", "") for each in self.of(pod)]
        whole = pod.spec.resources.limits.get("cpu", "")
        found = [sum(map(quantity, parts))] * all(parts) + [quantity(whole)] * bool(whole)
        return min(found, default=None)


class _Ref(_Record, frozen=True):
    api_version: str = ""
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
    def path(self) -> str:
        """Its path in the API."""
        return f"{_GROUP}/namespaces/{self.metadata.namespace}/{_KIND}/{self.metadata.name}"

    @property
    def measures(self) -> bool:
        """Whether it gets what it is to measure."""
        return self.condition("ScalingActive").status == "True"

    @property
    def reference(self) -> str:
        """What it scales, as `kubectl get hpa` names it."""
        ref = self.spec.scale_target_ref
        return f"{ref.kind.lower()}/{ref.name}"

    def names(self, workload: Workload) -> bool:
        """Whether it names a workload, wherever that is; the cluster finds a kind in small letters, too."""
        ref = self.spec.scale_target_ref
        return (ref.kind.lower(), ref.name) == (workload.kind.lower(), workload.name)

    @property
    def refusal(self) -> str:
        """What it says of a workload that it does not find; empty if it finds it."""
        able = self.condition("AbleToScale")
        return able.message if able.status == "False" and able.reason == "FailedGetScale" else ""

    @property
    def lacking(self) -> tuple[str, str] | None:
        """The pod without a request of CPU of which it cannot tell how busy it is, and the container; None if it knows all."""
        found = _LACKING.search(self.condition("ScalingActive").message)
        return (found["pod"], found["container"] or "") if found else None

    def rule(self, way: str) -> dict[str, Any]:
        """Return what `behavior` says of a way, `scaleUp` or `scaleDown`; empty if it says nothing."""
        return self.spec.behavior.get(way) or {}

    @property
    def patience(self) -> int:
        """For how many seconds it remembers the highest number of copies before it removes any; 300 if nobody says otherwise."""
        found = self.rule("scaleDown").get("stabilizationWindowSeconds")
        return 300 if found is None else int(found)

    @property
    def hesitation(self) -> int:
        """For how many seconds it must have needed more copies before it adds any; 0 if nobody says otherwise."""
        return int(self.rule("scaleUp").get("stabilizationWindowSeconds") or 0)

    def tolerance(self, way: str = "scaleUp") -> float:
        """Return by which part of its target the use must be away from it until copies are added, or removed."""
        found = self.rule(way).get("tolerance")
        return TOLERANCE if found is None else quantity(str(found))

    def pace(self, way: str) -> str:
        """Return how many copies it may add or remove in which time, in words; empty if that is no less than without a policy."""
        policies = self.rule(way).get("policies") or []
        told = [
            f"{each['value']} {'%' if each['type'] == 'Percent' else 'copies' if each['value'] > 1 else 'copy'} in {each['periodSeconds']} s"
            for each in policies
        ]
        least = len(told) > 1 and self.rule(way).get("selectPolicy") == "Min"
        if not least and _are_quick(policies, way, self.spec.max_replicas):
            return ""
        return " or ".join(told) + ", whichever is less" * least

    def is_disabled(self, way: str) -> bool:
        """Whether it was told to add no copies, or to remove none."""
        return bool(self.rule(way).get("selectPolicy") == "Disabled")

    def beside(self, metrics: Sequence[Metric]) -> list[str]:
        """Return what else it measures, in words."""
        return [each.title for each in self.spec.metrics if each not in metrics and each.type]


def _are_quick(policies: Sequence[dict[str, Any]], way: str, high: int) -> bool:
    """Whether policies, of which the quickest counts, hold an autoscaler back no more than those that it has without `behavior`.

    These are 4 copies or 100 % in 15 s to add, and 100 % in 15 s to remove (Kubernetes, "Horizontal Pod Autoscaling").

    Args:
        policies: what `behavior` says of this way.
        way: `scaleUp` or `scaleDown`.
        high: how many copies there may be.
    """

    def most(kind: str) -> int:
        short = (each for each in policies if int(each["periodSeconds"]) <= DEFAULT_PERIOD_SECONDS)
        return max((int(each["value"]) for each in short if each["type"] == kind), default=0)

    pods, percent = most("Pods"), most("Percent")
    if way == "scaleDown":
        return percent >= 100 or pods >= high
    # One alone is as quick as both, if it is so from a single copy on, and up to the most that there may be.
    return percent >= 400 or pods >= max(4, high / 2) or (percent >= 100 and pods >= 4)


class _Autoscalers(_Record, frozen=True):
    items: tuple[Autoscaler, ...] = ()


def autoscalers(api: Api) -> list[Autoscaler]:
    """Return every autoscaler of a cluster."""
    return list(api.read(f"{_GROUP}/{_KIND}", _Autoscalers).items)


def has_set(api: Api, autoscaler: Autoscaler, number: int) -> bool:
    """Whether an autoscaler says that it set this number of copies."""
    of = autoscaler.metadata
    said = events(api, f"/api/v1/namespaces/{of.namespace}/events", "reason=SuccessfulRescale")
    return any(
        each.involved_object.name == of.name and each.message.startswith(f"New size: {number};")
        for each in said
    )
