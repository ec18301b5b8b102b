"""Services with names on Kubernetes: found by their Service, stopped by scaling, started on another node if allowed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any

from checker.cluster.interface import run_uninterrupted
from checker.cluster.kubernetes_api import Refused
from checker.cluster.named import Copy, Store
from checker.grading.author import wait_until
from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.cluster.kubernetes_api import Api

STOP_SECONDS = 40.0
PLACED_SECONDS = 5.0
"""How long the scheduler may take to find a node for a pod, or to say that there is none."""

START_SECONDS = 40.0
_NOT_THE_CLUSTERS_OWN = "?fieldSelector=metadata.namespace%21%3Dkube-system"


class NamedOnKubernetes:
    """The services of a Kubernetes cluster.

    Args:
        api: the cluster's API.
    """

    title = "Kubernetes"
    lists = "kubectl get services,pods --output wide"

    def __init__(self, api: Api) -> None:
        self._api = api
        self._owners: dict[str, str] = {}
        """What made the pods that were stopped: paths in the API, by the pod's id."""

    def copies(self) -> list[Copy]:
        """Return the running pods, oldest first."""
        pods, services = self._api.get(
            f"/api/v1/pods{_NOT_THE_CLUSTERS_OWN}", f"/api/v1/services{_NOT_THE_CLUSTERS_OWN}"
        )
        running = [each for each in pods["items"] if _is_running(each)]
        found = [self._copy(each, services["items"]) for each in running]
        return sorted(found, key=lambda each: each.created)

    def _copy(self, pod: dict[str, Any], services: list[dict[str, Any]]) -> Copy:
        meta, spec = pod["metadata"], pod["spec"]
        state = pod["status"]["containerStatuses"][0]
        names = {each["metadata"]["name"] for each in services if _selects(each, pod)}
        env = self._env(meta["namespace"], spec["containers"])
        made_of = [state.get("imageID"), [_settings(each) for each in spec["containers"]], env]
        return Copy(
            id=str(meta["uid"]),
            name=f"{meta['namespace']}/{meta['name']}",
            started=str((state.get("state") or {}).get("running", {}).get("startedAt", "")),
            created=str(meta["creationTimestamp"]),
            revision=hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest(),
            inspected=f"kubectl describe pod {meta['name']}",
            names=frozenset(names),
            env=env,
            stores=_stores(pod),
            node=str(spec.get("nodeName", "")),
        )

    def _env(self, namespace: str, containers: list[dict[str, Any]]) -> dict[str, str]:
        """Return the environment that containers are given, with what comes from secrets."""
        found: dict[str, str] = {}
        for container in containers:
            for each in container.get("envFrom") or []:
                if reference := each.get("secretRef"):
                    found |= self._secret(namespace, reference["name"])
            for each in container.get("env") or []:
                reference = (each.get("valueFrom") or {}).get("secretKeyRef")
                value = (
                    self._secret(namespace, reference["name"]).get(reference["key"], "") if reference else ""
                )
                found[each["name"]] = str(each.get("value") or value)
        return found

    def _secret(self, namespace: str, name: str) -> dict[str, str]:
        with contextlib.suppress(Refused):
            data = self._api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")[0].get("data") or {}
            return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
        return {}

    def logs(self, copy: Copy, tail: int) -> str:
        """Return the last lines that a pod wrote."""
        namespace, _, name = copy.name.partition("/")
        return self._api.text(f"/api/v1/namespaces/{namespace}/pods/{name}/log?tailLines={tail}")

    def shows_logs(self, name: str) -> str:
        """Return the command that shows the log of a service."""
        return f"kubectl logs service/{name}"

    def ended(self, name: str) -> str:
        """Return what the cluster says of a pod with the name in its own that does not run."""
        pods = self._api.get(f"/api/v1/pods{_NOT_THE_CLUSTERS_OWN}")[0]["items"]
        for pod in pods:
            if name in pod["metadata"]["name"] and not _is_running(pod):
                states = [each.get("state") or {} for each in pod["status"].get("containerStatuses") or []]
                why = [
                    str(each.get("message") or each.get("reason") or "")
                    for state in states
                    for each in state.values()
                ]
                return next(filter(None, why), _why_unplaced(pod))
        return ""

    def aside(self, name: str) -> str:  # noqa: ARG002 - the interface has it
        """Return nothing: whatever is on a cluster is in its one network."""
        return ""

    def read_files(self, copy: Copy) -> dict[str, bytes]:  # noqa: ARG002 - the interface has it
        """Return nothing: the files of a pod are on its node."""
        return {}

    def stored(self, copy: Copy) -> None:
        """Return None: the files of a pod are on its node."""

    def stop(self, copy: Copy, *, at_once: bool = False) -> None:  # noqa: ARG002 - scaling asks a program to end
        """Scale what made a pod to none, and wait until no pod of it is left."""
        owner = self._owner(copy)
        self._owners[copy.id] = owner
        self._scale(owner, 0)
        wait_until(lambda: not self._pods_of(owner), STOP_SECONDS, every=0.2)

    def start(self, copy: Copy) -> str:
        """Scale what made a pod to one. If its settings allow another node, it runs on another one."""
        owner = self._owners[copy.id]
        with self._closed(copy.node):
            self._scale(owner, 1)
            wait_until(lambda: self._is_placed(owner), PLACED_SECONDS, every=0.2)
        there: list[dict[str, Any]] = []

        def runs() -> bool:
            there[:] = [each for each in self._pods_of(owner) if _is_running(each)]
            return bool(there)

        if not wait_until(runs, START_SECONDS, every=0.2):
            could_not_run(f"The cluster did not start {copy.name} again: `kubectl get pods` says more.")
        node = there[0]["spec"]["nodeName"]
        return f"it ran on {copy.node} and runs on {node} now" if node != copy.node else ""

    # -- what makes pods -----------------------------------------------------------------------------------

    def _owner(self, copy: Copy) -> str:
        """Return the path in the API of what makes a pod: a Deployment or a StatefulSet."""
        namespace, _, name = copy.name.partition("/")
        apps = f"/apis/apps/v1/namespaces/{namespace}"
        made = _controller(self._api.get(f"/api/v1/namespaces/{namespace}/pods/{name}")[0])
        if made.get("kind") == "ReplicaSet":
            higher = _controller(self._api.get(f"{apps}/replicasets/{made['name']}")[0])
            made = higher or made
        if made.get("kind") not in {"Deployment", "StatefulSet", "ReplicaSet"}:
            could_not_run(
                f"{copy.name} was made by {made.get('kind') or 'nobody'}, which cannot be scaled to none. "
                "A Deployment can, and starts the pod again when its node is lost."
            )
        return f"{apps}/{made['kind'].lower()}s/{made['name']}"

    def _scale(self, owner: str, count: int) -> None:
        self._api.merge(owner, {"spec": {"replicas": count}})

    def _pods_of(self, owner: str) -> list[dict[str, Any]]:
        wanted = self._api.get(owner)[0]
        labels = wanted["spec"]["selector"].get("matchLabels") or {}
        query = "%2C".join(f"{key}%3D{value}" for key, value in labels.items())
        path = f"/api/v1/namespaces/{wanted['metadata']['namespace']}/pods?labelSelector={query}"
        found: list[dict[str, Any]] = self._api.get(path)[0]["items"]
        return found

    def _is_placed(self, owner: str) -> bool:
        pods = [each for each in self._pods_of(owner) if not each["metadata"].get("deletionTimestamp")]
        return any(each["spec"].get("nodeName") or _why_unplaced(each) for each in pods)

    @contextlib.contextmanager
    def _closed(self, node: str) -> Iterator[None]:
        """Keep the scheduler from placing pods on a node while the block runs."""
        path = f"/api/v1/nodes/{node}"
        try:
            self._api.merge(path, {"spec": {"unschedulable": True}})
            yield
        finally:
            run_uninterrupted(lambda: self._open(path))

    def _open(self, path: str) -> None:
        self._api.merge(path, {"spec": {"unschedulable": None}})


def _is_running(pod: dict[str, Any]) -> bool:
    statuses = pod["status"].get("containerStatuses") or []
    alive = bool(statuses) and all("running" in (each.get("state") or {}) for each in statuses)
    return alive and not pod["metadata"].get("deletionTimestamp")


def _selects(service: dict[str, Any], pod: dict[str, Any]) -> bool:
    selector = service["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels") or {}
    same = service["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return same and bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def _controller(record: dict[str, Any]) -> dict[str, Any]:
    owners = record["metadata"].get("ownerReferences") or []
    return next((each for each in owners if each.get("controller")), {})


def _settings(container: dict[str, Any]) -> dict[str, Any]:
    return {key: container.get(key) for key in ("image", "command", "args", "volumeMounts")}


def _why_unplaced(pod: dict[str, Any]) -> str:
    conditions = pod["status"].get("conditions") or []
    return next(
        (str(each.get("message", "")) for each in conditions if each.get("reason") == "Unschedulable"), ""
    )


def _stores(pod: dict[str, Any]) -> tuple[Store, ...]:
    """Return what a pod has mounted that outlives it: claims and folders of its node."""
    volumes = {each["name"]: each for each in pod["spec"].get("volumes") or []}
    found = []
    for container in pod["spec"]["containers"]:
        for mount in container.get("volumeMounts") or []:
            volume, writable = volumes.get(mount["name"], {}), not mount.get("readOnly")
            inside = f"/{mount['subPath']}" if mount.get("subPath") else ""
            if claim := volume.get("persistentVolumeClaim"):
                source = f"{pod['metadata']['namespace']}/{claim['claimName']}{inside}"
                found.append(Store(source, writable and not claim.get("readOnly")))
            elif path := volume.get("hostPath"):
                source = f"{pod['spec'].get('nodeName', '')}: {path['path'].rstrip('/')}{inside}"
                found.append(Store(source, writable, is_folder=True))
    return tuple(found)
