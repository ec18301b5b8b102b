"""The API of a scene's Kubernetes, spoken from its toolbox: what checks read there, and the few things they change.

The toolbox has the cluster's kubeconfig and curl. One request costs some 15 ms over its persistent shell; `kubectl`
would take five times as long. Nothing is published for it.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from checker.grading.author import Lab
    from checker.scene.chosen import Kept

REQUEST_SECONDS = 8.0
KUBECONFIG = "/kubeconfig/k3s.yaml"
SERVER = "https://control-plane:6443"
_KEYS = "/tmp/.drydock-api"  # noqa: S108 - inside the toolbox, nobody else's

# The kubeconfig carries the authority, the certificate and its key; curl wants a file for each.
_PREPARE = f"""
cmp -s {KUBECONFIG} {_KEYS}/source || (
    umask 077; mkdir -p {_KEYS}
    for each in certificate-authority client-certificate client-key; do
        sed -n "s/^ *$each-data: //p" {KUBECONFIG} | base64 -d > {_KEYS}/$each
    done
    cp {KUBECONFIG} {_KEYS}/source
)
"""
_END = "\x1e"
"""What no answer contains: it stands between answers and their status."""
_CURL = f"curl -sS -m {REQUEST_SECONDS:g} --connect-timeout 2 -w '{_END}%{{http_code}}{_END}'"
_AS_ADMIN = (
    f"--cacert {_KEYS}/certificate-authority --cert {_KEYS}/client-certificate --key {_KEYS}/client-key"
)

_T = TypeVar("_T")


class Refused(Exception):  # noqa: N818 - an answer, which who asked may have expected
    """The API server said no.

    Args:
        code: the answer's status.
        message: what it said.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Api:
    """The API server, as the lab's toolbox reaches it.

    Args:
        lab: the lab.
        elsewhere: the cluster of the learner's own that was chosen; None for the scene's.
    """

    def __init__(self, lab: Lab, elsewhere: Kept | None = None) -> None:
        self._lab = lab
        self._server, self._prepare, self._curl = SERVER, _PREPARE, f"{_CURL} {_AS_ADMIN}"
        if elsewhere is not None:
            self._server, options = as_learner(elsewhere)
            self._prepare, self._curl = "", f"{_CURL} {options}"

    def read(self, path: str, kind: type[_T]) -> _T:
        """GET a path as a record.

        Raises:
            Refused: it is not there.
        """
        return msgspec.convert(self.get(path)[0], kind, strict=False)

    def get(self, *paths: str) -> list[Any]:
        """GET paths over one connection.

        Raises:
            Refused: one of them is not there.
        """
        urls = " ".join(shlex.quote(self._server + path) for path in paths)
        return self._answers(f"{self._curl} {urls}")

    def send(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """Send a body to a path and return the answer.

        Raises:
            Refused: the server refused it.
        """
        given = "" if body is None else f"-H 'Content-Type: {kind}' -d {shlex.quote(json.dumps(body))}"
        return self._answers(f"{self._curl} -X {method} {given} {shlex.quote(self._server + path)}")[0]

    def poke(self, path: str, seconds: float = 1.0) -> None:
        """GET a path that is not expected to answer, and give up soon."""
        command = f"{self._prepare}{self._curl} -m {seconds:g} -o /dev/null {shlex.quote(self._server + path)} || true"
        self._lab.node("toolbox").exec(command, timeout=REQUEST_SECONDS)

    def merge(self, path: str, change: Any) -> Any:
        """Change a thing by a strategic merge patch, under the checker's own name."""
        return self.send(
            "PATCH", f"{path}?fieldManager={MANAGER}", change, "application/strategic-merge-patch+json"
        )

    def _answers(self, command: str) -> list[Any]:
        done = self._lab.node("toolbox").exec(f"{self._prepare}{command}", timeout=REQUEST_SECONDS + 4)
        if done.rc:
            said = done.stderr.strip().splitlines()
            number = int(self._lab.number)
            could_not_run(
                f"The cluster's API does not answer ({said[-1] if said else f'curl ended with {done.rc}'}). "
                f"`lab start {number}` starts what is not running; `lab reset {number}` makes the cluster anew."
            )
        parts = done.stdout.split(_END)
        answers = []
        for text, code in zip(parts[::2], parts[1::2], strict=False):
            answer = json.loads(text) if text.strip().startswith("{") else text
            if int(code) == 401:
                number = int(self._lab.number)
                could_not_run(
                    f"The cluster does not know the toolbox any more (401): its token holds for some hours. `lab start {number}` fetches another."
                )
            if int(code) >= 300:
                raise Refused(int(code), answer.get("message", "") if isinstance(answer, dict) else text)
            answers.append(answer)
        return answers


def as_learner(elsewhere: Kept) -> tuple[str, str]:
    """Return the server of another's cluster by the name in its certificate, and how curl gets there as the learner."""
    parts = urlsplit(elsewhere.server)
    if parts.scheme == "http":
        return elsewhere.server, "-H @/kubeconfig/header"
    name = f"[{elsewhere.server_name}]" if ":" in elsewhere.server_name else elsewhere.server_name
    place = parts.netloc if parts.port else f"{parts.netloc}:443"
    trust = (
        "--insecure"
        if elsewhere.insecure
        else "$(test -s /kubeconfig/authority && echo --cacert /kubeconfig/authority)"
    )
    to = shlex.quote(f"::{place}")
    server = f"https://{name}:{parts.port or 443}{parts.path}"
    return server, f"--noproxy '*' {trust} --connect-to {to} -H @/kubeconfig/header"


MANAGER = "drydock-check"
"""Under which name the API server notes what the checker changed."""


# -- what is read, as far as checks need it -------------------------------------------------------------------


class _Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class Owner(_Record, frozen=True):
    """What made a thing and looks after it."""

    kind: str = ""
    name: str = ""
    controller: bool = False


class Meta(_Record, frozen=True):
    """What every thing carries."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = {}
    owner_references: tuple[Owner, ...] = ()
    deletion_timestamp: str = ""

    @property
    def owner(self) -> Owner | None:
        """What looks after it; None when nothing does."""
        return next((each for each in self.owner_references if each.controller), None)


class HttpGet(_Record, frozen=True):
    """A probe's request."""

    path: str = "/"
    port: int | str = 0


class Probe(_Record, frozen=True):
    """A question that the kubelet asks a container again and again."""

    http_get: HttpGet | None = None
    period_seconds: int = 10
    failure_threshold: int = 3
    timeout_seconds: int = 1
    initial_delay_seconds: int = 0


class Port(_Record, frozen=True):
    """A port that a container names."""

    name: str = ""
    container_port: int = 0


class Resources(_Record, frozen=True):
    """What a container asks for, and what it may not exceed."""

    requests: dict[str, str] = {}
    limits: dict[str, str] = {}


class Container(_Record, frozen=True):
    """A container of a pod."""

    name: str = ""
    image: str = ""
    ports: tuple[Port, ...] = ()
    resources: Resources = Resources()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None


class Toleration(_Record, frozen=True):
    """What a pod puts up with of a node, and for how long; None is for ever."""

    key: str = ""
    operator: str = "Equal"
    effect: str = ""
    toleration_seconds: int | None = None


class PodSpec(_Record, frozen=True):
    """What a pod is to be."""

    containers: tuple[Container, ...] = ()
    node_name: str = ""
    tolerations: tuple[Toleration, ...] = ()


class Condition(_Record, frozen=True):
    """One thing that holds or does not."""

    type: str = ""
    status: str = ""
    message: str = ""


class Reason(_Record, frozen=True):
    """Why a container is not running."""

    reason: str = ""
    message: str = ""


class State(_Record, frozen=True):
    """What a container does now, or did last."""

    waiting: Reason | None = None
    terminated: Reason | None = None


class ContainerStatus(_Record, frozen=True):
    """What became of a container."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    container_id: str = msgspec.field(default="", name="containerID")
    state: State = State()
    last_state: State = State()


class PodStatus(_Record, frozen=True):
    """What became of a pod."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(_Record, frozen=True):
    """A pod."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def ready(self) -> bool:
        """Whether it may be sent requests."""
        return any(each.type == "Ready" and each.status == "True" for each in self.status.conditions)

    @property
    def restarts(self) -> int:
        """How often its containers were started again."""
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
    """What a service leads to."""

    type: str = ""
    selector: dict[str, str] = {}
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
    effect: str = ""


class NodeSpec(_Record, frozen=True):
    """What a node is to be."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeStatus(_Record, frozen=True):
    """How a node is."""

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


class Nodes(_Record, frozen=True):
    """Nodes."""

    items: tuple[Node, ...] = ()
