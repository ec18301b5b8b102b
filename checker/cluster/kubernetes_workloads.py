"""A Kubernetes cluster's workloads: what looks after pods, and how it gives them a new version."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.cluster.kubernetes_api import Refused
from checker.cluster.kubernetes_records import Pod, option_of
from checker.grading.author import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.cluster.kubernetes_api import Api
    from checker.cluster.kubernetes_records import Owner

_KNOWN = {"v1", "apps/v1", "batch/v1"}
"""The API groups and versions whose kinds have the usual plural."""


CONTROLLERS = "kube-controller-manager"
"""Who changes objects for the cluster itself, as an autoscaler's number of copies."""


@dataclass(frozen=True)
class Workload:
    """What looks after pods, such as a Deployment.

    Args:
        kind: its kind; `Pod` when nothing looks after them.
        namespace: where it is.
        name: its name.
        version: the API group and version of its kind; `v1` for the core kinds.
        plural: its kind in the API's paths; the usual plural, when left out.
    """

    kind: str
    namespace: str
    name: str
    version: str = "apps/v1"
    plural: str = ""

    @property
    def path(self) -> str:
        """Its path in the API."""
        group = f"/apis/{self.version}" if "/" in self.version else f"/api/{self.version}"
        return f"{group}/namespaces/{self.namespace}/{self.plural or f'{self.kind.lower()}s'}/{self.name}"

    @property
    def title(self) -> str:
        """As kubectl names it: `deployment/parcel`."""
        return f"{self.kind.lower()}/{self.name}"

    @property
    def space(self) -> str:
        """The option that names its namespace to kubectl; nothing for the default one."""
        return option_of(self.namespace)


def workload_of(api: Api, pod: Pod) -> Workload:
    """Return what looks after a pod, at the top of the chain."""
    space = pod.metadata.namespace
    owner = pod.metadata.owner
    if owner is None:
        return Workload("Pod", space, pod.metadata.name, "v1")
    found = _owned_by(api, owner, space)
    with contextlib.suppress(Refused):
        while (owner := api.read(found.path, Pod).metadata.owner) is not None:
            found = _owned_by(api, owner, space)
    return found


def _owned_by(api: Api, owner: Owner, space: str) -> Workload:
    version = owner.api_version or "apps/v1"
    return Workload(owner.kind, space, owner.name, version, plural_of(api, version, owner.kind))


def plural_of(api: Api, version: str, kind: str) -> str:
    """Return a kind's plural in the API's paths; empty when it is the usual one, or not known."""
    if version in _KNOWN:
        return ""
    with contextlib.suppress(Refused):
        for each in api.get(f"/apis/{version}")[0].get("resources", []):
            if each.get("kind") == kind and "/" not in each.get("name", "/"):
                return str(each["name"])
    return ""


def waits_for_deletion(kind: str, spec: Mapping[str, Any]) -> bool:
    """Whether a workload replaces a pod with one from its new template only when somebody deletes the pod.

    Args:
        kind: the workload's kind.
        spec: its spec.
    """
    strategy = (spec.get("updateStrategy") or {}).get("type", "")
    return kind in {"ReplicaSet", "ReplicationController"} or strategy == "OnDelete"


def why_none(spec: Mapping[str, Any]) -> str:
    """Return why a workload that has no pods makes none, as far as its own spec says it.

    Args:
        spec: the workload's spec.
    """
    if not spec.get("replicas"):
        return "wants 0 copies"
    return "is paused" if spec.get("paused") else "has made none yet"


def held_back(kind: str, spec: Mapping[str, Any]) -> str:
    """Return the setting that keeps every new version of a workload from its pods; empty when there is none.

    Args:
        kind: the workload's kind.
        spec: its spec.
    """
    if kind == "Deployment" and spec.get("paused"):
        return "paused: true"
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
    partition = int(rolling.get("partition") or 0)
    if kind == "StatefulSet" and partition >= int(spec.get("replicas") or 0) > 0:
        return f"partition: {partition}"
    return ""


def is_changed(record: Mapping[str, Any], since: float) -> bool:
    """Whether somebody else than the cluster changed what an object was told.

    Args:
        record: the object, as the API has it.
        since: a time, in seconds since 1970; what was changed within a second of it does not count.
    """
    return any(
        moment(each["time"]) > since + 1
        for each in record["metadata"].get("managedFields", [])
        if not each.get("subresource") and each["manager"] != CONTROLLERS
    )
