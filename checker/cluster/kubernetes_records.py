"""The parts of Kubernetes' API records that checks read: pods, services, nodes, quantities."""

from __future__ import annotations

import re
from typing import Any

import msgspec

TEMPLATE = "pod-template-hash"
"""The label of a Deployment's pods, and of its ReplicaSets, that is another for each template."""

_SHOWN = 80
"""How many characters of a probe's command are shown."""


class _Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class Owner(_Record, frozen=True):
    """What created an object and looks after it."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    controller: bool = False


class Meta(_Record, frozen=True):
    """What every object has."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = {}
    owner_references: tuple[Owner, ...] = ()
    creation_timestamp: str | None = None
    deletion_timestamp: str = ""

    @property
    def owner(self) -> Owner | None:
        """What looks after it; None when nothing does."""
        return next((each for each in self.owner_references if each.controller), None)

    @property
    def space(self) -> str:
        """The option that names its namespace to kubectl; nothing for the default one."""
        return option_of(self.namespace)

    @property
    def revision(self) -> str:
        """The cluster's mark of which template a pod was made of; empty when what makes it changes no pod by itself."""
        return self.labels.get(TEMPLATE) or self.labels.get("controller-revision-hash", "")

    @property
    def shown_labels(self) -> str:
        """Its labels as `kubectl get --show-labels` writes them, without those of the cluster's own."""
        own = {name: value for name, value in self.labels.items() if name != TEMPLATE}
        return ",".join(f"{name}={value}" for name, value in sorted(own.items()))


class HttpGet(_Record, frozen=True):
    """A probe's request."""

    path: str = "/"
    port: int | str = 0
    host: str = ""
    """Whom to ask instead of the pod; the kubelet looks this name up on its node."""
    scheme: str = "HTTP"


class TcpSocket(_Record, frozen=True):
    """A probe that only opens a connection."""

    port: int | str = 0


class Grpc(_Record, frozen=True):
    """A probe by gRPC's own health protocol."""

    port: int | str = 0


class Exec(_Record, frozen=True):
    """A probe that runs a command in the container."""

    command: tuple[str, ...] = ()


class Probe(_Record, frozen=True):
    """A test of a container that the kubelet repeats."""

    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    grpc: Grpc | None = None
    exec: Exec | None = None
    period_seconds: int = 10
    failure_threshold: int = 3
    timeout_seconds: int = 1
    initial_delay_seconds: int = 0

    @property
    def asks(self) -> str:
        """What it asks, in words."""
        if self.http_get is not None:
            asked = self.http_get
            return (
                f"{asked.path} on port {asked.port}"
                + f" of the host {asked.host}" * bool(asked.host)
                + " by HTTPS" * (asked.scheme == "HTTPS")
            )
        if self.tcp_socket is not None:
            return f"whether port {self.tcp_socket.port} is open"
        if self.grpc is not None:
            return f"by gRPC on port {self.grpc.port}"
        command = " ".join(" ".join(self.exec.command).split()) if self.exec is not None else ""
        return f"by the command `{command[:_SHOWN]}{'…' * (len(command) > _SHOWN)}`"

    @property
    def noticed_after(self) -> int:
        """The seconds until the kubelet gives up on a container that hangs just after it has answered."""
        apart = max(self.period_seconds, self.timeout_seconds)
        return self.period_seconds + (self.failure_threshold - 1) * apart + self.timeout_seconds

    @property
    def patience(self) -> int:
        """How many seconds after a container's start the probe may fail without consequences."""
        return self.initial_delay_seconds + self.period_seconds * self.failure_threshold


class Port(_Record, frozen=True):
    """A port that a container names."""

    name: str = ""
    container_port: int = 0


class Mount(_Record, frozen=True):
    """Where a container has a volume."""

    mount_path: str = ""


class Resources(_Record, frozen=True):
    """A container's requests and limits."""

    requests: dict[str, str] = {}
    limits: dict[str, str] = {}


class Variable(_Record, frozen=True):
    """A variable of a container's environment; one whose value comes from another object has no value here."""

    name: str = ""
    value: str = ""


class Container(_Record, frozen=True):
    """A container of a pod."""

    name: str = ""
    image: str = ""
    image_pull_policy: str = ""
    restart_policy: str = ""
    """`Always` for an init container that runs beside the others, as a sidecar; empty for most containers."""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    """What it runs instead of its image's own program, after `command`; both are empty when it runs that."""
    env: tuple[Variable, ...] = ()
    env_from: tuple[dict[str, object], ...] = ()
    ports: tuple[Port, ...] = ()
    volume_mounts: tuple[Mount, ...] = ()
    resources: Resources = Resources()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None

    @property
    def delay(self) -> int:
        """How many seconds after its start its own probes may put off the moment in which it is ready."""
        asked = self.readiness_probe.initial_delay_seconds if self.readiness_probe else 0
        return asked + (self.startup_probe.patience if self.startup_probe else 0)

    @property
    def first_asked(self) -> int:
        """How many seconds after its start it is asked for the first time whether it is ready, at the least."""
        probes = (self.readiness_probe, self.startup_probe)
        return max(each.initial_delay_seconds if each else 0 for each in probes)


class Toleration(_Record, frozen=True):
    """A taint of a node that a pod tolerates, and for how long; None means indefinitely."""

    key: str = ""
    operator: str = "Equal"
    effect: str = ""
    toleration_seconds: int | None = None


class PodSpec(_Record, frozen=True):
    """A pod's desired state."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    resources: Resources = Resources()
    """Those of all its containers together, which newer clusters accept; each container may have its own too."""
    node_name: str = ""
    tolerations: tuple[Toleration, ...] = ()

    @property
    def lasting(self) -> tuple[Container, ...]:
        """The containers that run all the time: sidecars among the init containers, too."""
        return (*self.containers, *(each for each in self.init_containers if each.restart_policy == "Always"))


class Condition(_Record, frozen=True):
    """A condition that is met or not."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None


class Reason(_Record, frozen=True):
    """Why a container is not running, or since when it runs."""

    reason: str = ""
    message: str = ""
    exit_code: int = 0
    started_at: str | None = None
    finished_at: str | None = None


class State(_Record, frozen=True):
    """A container's state, now or before its last restart."""

    running: Reason | None = None
    waiting: Reason | None = None
    terminated: Reason | None = None


class ContainerStatus(_Record, frozen=True):
    """A container's actual state."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    container_id: str = msgspec.field(default="", name="containerID")
    state: State = State()
    last_state: State = State()


class PodStatus(_Record, frozen=True):
    """A pod's actual state."""

    phase: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(_Record, frozen=True):
    """A pod."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def ready(self) -> bool:
        """Whether it may get requests."""
        return any(each.type == "Ready" and each.status == "True" for each in self.status.conditions)

    @property
    def unschedulable(self) -> str:
        """Why no node can run it, in the scheduler's words; empty when it is placed, or not yet looked at."""
        return next(
            (
                each.message
                for each in self.status.conditions
                if each.type == "PodScheduled" and each.status == "False" and each.reason == "Unschedulable"
            ),
            "",
        )

    @property
    def restarts(self) -> int:
        """How often its containers were restarted."""
        return sum(each.restart_count for each in self.status.container_statuses)

    @property
    def trouble(self) -> str:
        """Why a container of it does not run, in the cluster's own word; empty when all run."""
        for each in self.status.container_statuses:
            if each.state.waiting and each.state.waiting.reason not in {
                "ContainerCreating",
                "PodInitializing",
            }:
                return each.state.waiting.reason
            if each.state.terminated:
                return each.state.terminated.reason
        if self.status.phase == "Pending":
            return next((each.message for each in self.status.conditions if each.status == "False"), "")
        return ""


class Pods(_Record, frozen=True):
    """Pods."""

    items: tuple[Pod, ...] = ()


class ServicePort(_Record, frozen=True):
    """A port of a service."""

    name: str = ""
    port: int = 0
    target_port: int | str = 0
    node_port: int = 0


class ServiceSpec(_Record, frozen=True):
    """The pods that a service sends requests to."""

    type: str = ""
    selector: dict[str, str] = {}
    publish_not_ready_addresses: bool = False
    session_affinity: str = "None"
    ports: tuple[ServicePort, ...] = ()


class Service(_Record, frozen=True):
    """A service."""

    metadata: Meta = Meta()
    spec: ServiceSpec = ServiceSpec()


class Services(_Record, frozen=True):
    """Services."""

    items: tuple[Service, ...] = ()


class Taint(_Record, frozen=True):
    """What keeps pods away from a node."""

    key: str = ""
    value: str = ""
    effect: str = ""

    @property
    def title(self) -> str:
        """As `kubectl describe node` writes it."""
        return f"{self.key}{f'={self.value}' * bool(self.value)}:{self.effect}"


class NodeSpec(_Record, frozen=True):
    """A node's desired state."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeStatus(_Record, frozen=True):
    """A node's actual state."""

    capacity: dict[str, str] = {}
    conditions: tuple[Condition, ...] = ()


class Node(_Record, frozen=True):
    """A node."""

    metadata: Meta = Meta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def ready(self) -> bool:
        """Whether it runs pods."""
        return any(each.type == "Ready" and each.status == "True" for each in self.status.conditions)

    @property
    def ready_since(self) -> str:
        """When it last became ready, as the API writes time; empty while it is not ready."""
        found = (each for each in self.status.conditions if each.type == "Ready" and each.status == "True")
        return next((each.last_transition_time or "" for each in found), "")


class Nodes(_Record, frozen=True):
    """Nodes."""

    items: tuple[Node, ...] = ()


def option_of(namespace: str) -> str:
    """Return the option that names a namespace to kubectl; nothing for the default one."""
    return "" if namespace in {"", "default"} else f" --namespace {namespace}"


def containers_of(spec: dict[str, Any]) -> list[Container]:
    """Return the containers of a pod's spec, as the API has it; none of a spec without any."""
    return msgspec.convert(spec.get("containers") or [], list[Container], strict=False)


def resources_of(pod: Pod, container: Container) -> Resources:
    """Return the requests and limits that apply to a container: those of its pod come before its own."""
    return Resources(
        requests={**container.resources.requests, **pod.spec.resources.requests},
        limits={**container.resources.limits, **pod.spec.resources.limits},
    )


_SCALE = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def quantity(text: str) -> float:
    """Return a Kubernetes quantity as a number, such as 0.02 for `20m` and 33554432 for `32Mi`; 0 if it is not one.

    Source: the type Quantity in Kubernetes' API reference.
    """
    found = re.fullmatch(r"\s*([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]?|[KMGTPE]i)\s*", text)
    try:
        return float(found[1]) * _SCALE[found[2]] if found else 0.0
    except ValueError:
        return 0.0
