"""The two pods on which probes are tried: made, waited for, and removed whatever happens."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from checker.cluster import kubernetes_rehearsal
from checker.cluster.kubernetes import Workload
from checker.cluster.kubernetes_api import Refused
from checker.cluster.kubernetes_records import Pod
from checker.cluster.kubernetes_rehearsal import HUNG, LATE, App, rehearsal
from checker.grading.verdicts import CouldNotRun

APP = App(8080, "/alive", "/ready", "/hang", late={"READY_AFTER_MS": "9"}, hung={"READY_AFTER_MS": "0"})
WORKLOAD = Workload("Deployment", "default", "web")
TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "containers": [
            {"name": "web", "image": "web:1.0", "envFrom": [{"configMapRef": {"name": "settings"}}]}
        ]
    },
}
NO_ROOM = 'pods "x" is forbidden: exceeded quota: room'


def state(*, ready: bool = False, restarts: int = 0, **more: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "web", "ready": ready, "restartCount": restarts, **more}]}


class Api:
    """An API server that makes pods, and answers for them."""

    def __init__(self, *, no_room: int = 0, why: str = NO_ROOM, no_namespace: bool = False) -> None:
        self.there: list[str] = []
        self.sent: list[str] = []
        self.variables: list[Any] = []
        self.answers = {"/alive": (200, "")}
        self.status = state()
        self._no_room, self._why, self._no_namespace = no_room, why, no_namespace

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Make or remove something."""
        self.sent.append(f"{method} {path}")
        if method == "DELETE":
            self.there = [name for name in self.there if f"/{name}?" not in path]
            return {}
        if path.endswith("/namespaces"):
            if self._no_namespace:
                raise Refused(403, "namespaces is forbidden")
            return {"metadata": {"name": "room"}}
        if not path.endswith("/pods"):
            return {}
        if self._no_room:
            self._no_room -= 1
            raise Refused(403, self._why)
        name = body["metadata"]["generateName"] + "x"
        self.there.append(name)
        self.variables.append(body["spec"]["containers"][0]["env"])
        return {**body, "metadata": {"name": name, "uid": name}}

    def get(self, path: str) -> list[Any]:
        """Return that everything is there."""
        return [{"metadata": {"name": path.rpartition("/")[2]}, "data": {"A": "b"}}]

    def read(self, path: str, kind: Any) -> Any:
        """Return how a pod is."""
        assert path.rpartition("/")[2] in self.there
        return msgspec.convert({"spec": TEMPLATE["spec"], "status": self.status}, kind)

    def knock(self, path: str, seconds: float) -> tuple[int, str]:
        """Ask a pod."""
        assert seconds
        return self.answers[re.sub(r".*:8080/proxy", "", path)]


def copies(api: Api) -> Any:
    """Return the learner's copies on a cluster with this API server."""
    return SimpleNamespace(
        cluster=SimpleNamespace(api=api, is_parcel=lambda image: image.startswith("web")),
        template=lambda _: TEMPLATE,
        status=lambda pod: pod.status.container_statuses[0],
        container=lambda pod: pod.spec.containers[0],
        event=lambda *_: "",
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask three times in place of waiting, ten seconds apart."""
    now = [0.0]

    def wait_until(condition: Any, seconds: float, every: float) -> bool:
        assert seconds > every
        for _ in range(3):
            if condition():
                return True
            now[0] += 10.0
        return False

    monkeypatch.setattr(kubernetes_rehearsal, "wait_until", wait_until)
    monkeypatch.setattr(kubernetes_rehearsal, "time", SimpleNamespace(monotonic=lambda: now[0]))


def test_one_pod_says_that_it_is_not_ready_and_both_are_removed() -> None:
    api = Api()
    with rehearsal(copies(api), WORKLOAD, APP) as pods:
        assert len(api.there) == 2
        assert pods.answers(LATE) == (200, "")
        values = [next(each for each in said if each["name"] == "READY_AFTER_MS") for said in api.variables]
        assert [each["value"] for each in values] == ["9", "0"]
    assert not api.there


def test_both_are_removed_though_what_was_tried_on_them_goes_wrong() -> None:
    api = Api()
    with pytest.raises(ZeroDivisionError), rehearsal(copies(api), WORKLOAD, APP):
        raise ZeroDivisionError
    assert not api.there


def test_where_the_learners_namespace_is_full_the_checker_makes_one_with_what_the_pods_take_from_it() -> None:
    api = Api(no_room=1)
    with rehearsal(copies(api), WORKLOAD, APP):
        assert "POST /api/v1/namespaces/room/configmaps" in api.sent
        assert api.sent.count("POST /api/v1/namespaces/room/pods") == 2
    assert api.sent[-1] == "DELETE /api/v1/namespaces/room"


@pytest.mark.parametrize(
    ("api", "words"),
    [
        (Api(no_room=1, why="denied request: no"), "could not be made to try its probes on: denied request"),
        (Api(no_room=1, no_namespace=True), "no room for a copy of your pod"),
        (Api(no_room=9), "could not be made to try its probes on: .*exceeded quota"),
    ],
    ids=["a rule", "no namespace", "no room there either"],
)
def test_pods_that_cannot_be_made_are_no_fault_of_their_probes(api: Api, words: str) -> None:
    with pytest.raises(CouldNotRun, match=words), rehearsal(copies(api), WORKLOAD, APP):
        pass


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (state(), "it did not listen on port 8080 within 120 s"),
        (state(state={"waiting": {"reason": "ErrImagePull"}}), r"it does not start \(ErrImagePull\)"),
        (state(ready=True), r"the API server does not reach it \(no route\)"),
        (
            {
                **state(),
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes",
                    }
                ],
            },
            r"no node takes it \(0/3 nodes\)",
        ),
    ],
    ids=["does not listen", "does not start", "is not reached", "has no node"],
)
def test_what_keeps_pods_from_being_tried_is_said(status: dict[str, Any], words: str) -> None:
    api = Api()
    api.answers["/alive"], api.status = (503, "no route"), status
    with pytest.raises(CouldNotRun, match=words), rehearsal(copies(api), WORKLOAD, APP):
        pass
    assert not api.there


def test_a_pod_that_goes_on_answering_does_not_hang() -> None:
    api = Api()
    api.answers["/hang"] = (0, "timed out")
    with rehearsal(copies(api), WORKLOAD, APP) as pods, pytest.raises(CouldNotRun, match="goes on answering"):
        pods.hang()


def test_what_becomes_of_a_pod_is_read_from_its_own_container() -> None:
    api = Api()
    api.status = state(ready=True, restarts=1)
    with rehearsal(copies(api), WORKLOAD, APP) as pods:
        assert isinstance(pods.look(HUNG), Pod)
        assert pods.is_ready(HUNG)
        assert pods.is_given_up(HUNG)
        assert pods.probe("startupProbe")["tcpSocket"] == {"port": 8080}
        assert not pods.probe("livenessProbe")
