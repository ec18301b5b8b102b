"""Lab 10's own judgements: the reasons, each from what the cluster says of pods made for the question."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.cluster.kubernetes import Workload
from checker.cluster.kubernetes_records import Pod, Service
from checker.grading.verdicts import CheckFailed, CouldNotRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Checks = Callable[[str, str], ModuleType]

LAB = "10-kubernetes"
OWNER = Workload("Deployment", "default", "parcel")


def pod(
    name: str = "parcel-1",
    *,
    ready: bool = True,
    image: str = "drydock/parcel:2.0",
    node: str = "worker-1",
    waiting: str = "",
    unschedulable: str = "",
    made: str = "2026-11-28T16:00:00Z",
    owner: str = "ReplicaSet",
    **container: Any,
) -> Pod:
    conditions = [{"type": "Ready", "status": str(ready)}]
    if unschedulable:
        conditions.append(
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": unschedulable}
        )
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return msgspec.convert(
        {
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": name,
                "creationTimestamp": made,
                "ownerReferences": [{"kind": owner, "name": "x", "controller": True}] if owner else [],
            },
            "spec": {
                "nodeName": "" if unschedulable else node,
                "containers": [{"name": "parcel", "image": image, **container}],
            },
            "status": {
                "phase": "Pending" if unschedulable else "Running",
                "conditions": conditions,
                "containerStatuses": [] if unschedulable else [{"name": "parcel", "state": state}],
            },
        },
        Pod,
        strict=False,
    )


class Cluster(SimpleNamespace):
    """A cluster of which a test says what is asked."""

    image, home, everywhere = "drydock/parcel", "default", " --all-namespaces"
    nodes = ("control-plane", "worker-1", "worker-2")

    def __init__(self, **said: Any) -> None:
        super().__init__(
            **{
                "hidden": [],
                "late": [],
                "trouble": "",
                "came": [],
                "found": [],
                "bound": (),
                "failure": "",
                **said,
            }
        )

    def in_kube_system(self) -> list[Pod]:
        """Return what runs among the cluster's own."""
        return list(self.hidden)

    def last_failure(self) -> str:
        """Return why no pod could be made."""
        return str(self.failure)

    def unready_nodes(self) -> list[str]:
        """Return the nodes that are not ready."""
        return list(self.late)

    def ailing(self) -> str:
        """Return what is wrong."""
        return str(self.trouble)

    def ready_since(self, moment: str) -> list[str]:
        """Return the nodes that came later."""
        assert moment
        return list(self.came)

    def pods(self) -> list[Pod]:
        """Return the copies."""
        return list(self.found)

    def outstays(self, one: Pod) -> bool:
        """Whether a pod puts up with a lost node."""
        return one.metadata.name in self.bound


class Parcel:
    """What the learner made, as a test says."""

    service: Service | None = None
    beside = 0

    def __init__(self, *pods: Pod, warnings: dict[str, str] | None = None, **said: Any) -> None:
        self.pods = list(pods)
        self.cluster = Cluster(found=list(pods), **said)
        self._warnings = warnings or {}

    def container(self, one: Pod) -> Any:
        """Return its container."""
        return one.spec.containers[0]

    def owner(self, one: Pod) -> Workload:
        """Return what looks after it."""
        assert one
        return OWNER

    def last_warning(self, one: Pod, about: str = "") -> str:
        """Return what was complained of."""
        said = self._warnings.get(one.metadata.name, "")
        return said if about in said else ""


def told(action: Callable[[], Any]) -> Any:
    with pytest.raises(CheckFailed) as caught:
        action()
    return caught.value.failure


# -- no copy, or none that is ready ----------------------------------------------------------------------------


def test_copies_among_the_clusters_own_parts_are_found_and_told(checks: Checks) -> None:
    failure = told(lambda: checks(LAB, "reasons").fail_without_pods(Cluster(hidden=[pod()] * 3)))
    assert "kube-system" in failure.rationale
    assert (failure.seen, failure.source) == ("3 in kube-system", "kubectl get pods --namespace kube-system")


def test_where_nothing_runs_the_hint_names_what_the_lesson_has(checks: Checks) -> None:
    failure = told(lambda: checks(LAB, "reasons").fail_without_pods(Cluster()))
    assert "`practice`" in failure.hint


@pytest.fixture
def fail_not_ready(checks: Checks, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Give a function that returns why copies are not ready; the nodes that it names are lost."""
    reasons = checks(LAB, "reasons")

    def judge(parcel: Parcel, *lost: str) -> Any:
        monkeypatch.setattr(reasons, "lost_nodes", lambda _, among: [each for each in lost if each in among])
        late = [each for each in parcel.pods if not each.ready]
        return told(lambda: reasons.fail_not_ready(SimpleNamespace(number="10"), parcel, late))

    return judge


def test_a_rollout_that_stands_still_is_told_as_that_and_not_as_a_missing_image(
    fail_not_ready: Callable[..., Any],
) -> None:
    bad = pod("bad", ready=False, image="drydock/parcel:9.9", waiting="ImagePullBackOff")
    failure = fail_not_ready(Parcel(pod(), bad))
    assert "A rollout stands still: 1 copy of drydock/parcel:2.0 serves" in failure.rationale
    assert "A release that cannot start" in failure.hint
    assert "rollout undo" not in failure.hint


def test_a_first_version_that_cannot_start_is_told_as_a_missing_image(
    fail_not_ready: Callable[..., Any],
) -> None:
    bad = pod("bad", ready=False, image="drydock/parcel:9.9", waiting="ImagePullBackOff")
    assert "drydock/parcel:9.9 is not on the node" in fail_not_ready(Parcel(bad)).rationale


def test_a_limit_in_thousandths_of_a_byte_is_told_as_that(fail_not_ready: Callable[..., Any]) -> None:
    one = pod(ready=False, waiting="RunContainerError", resources={"limits": {"memory": "96m"}})
    failure = fail_not_ready(Parcel(one, warnings={"parcel-1": "no space left on device"}))
    assert "96m, and that is 0.096 bytes" in failure.rationale


def test_something_that_is_missing_is_not_told_as_a_node_that_is_missing(
    fail_not_ready: Callable[..., Any],
) -> None:
    failure = fail_not_ready(Parcel(pod(ready=False, waiting="CreateContainerConfigError")))
    assert "refers to is not there" in failure.rationale


def test_a_copy_without_a_node_is_told_in_the_schedulers_words(fail_not_ready: Callable[..., Any]) -> None:
    failure = fail_not_ready(Parcel(pod(ready=False, unschedulable="0/3 nodes are available: …")))
    assert failure.seen == "0/3 nodes are available: …"


def test_the_evidence_belongs_to_the_probe_that_the_reason_names(fail_not_ready: Callable[..., Any]) -> None:
    probe = {"httpGet": {"path": "/readyz", "port": 8080}}
    one = pod(ready=False, livenessProbe=probe, readinessProbe=probe)
    failure = fail_not_ready(Parcel(one, warnings={"parcel-1": "Liveness probe failed: 503"}))
    assert "their liveness probe fails. It asks /readyz on port 8080" in failure.rationale
    assert failure.evidence == "Liveness probe failed: 503"


def test_a_copy_on_a_lost_node_is_not_the_learners_mistake(fail_not_ready: Callable[..., Any]) -> None:
    with pytest.raises(CouldNotRun, match=r"worker-1, which is lost.*lab lose 10 --back"):
        fail_not_ready(Parcel(pod(ready=False)), "worker-1")


def test_a_copy_that_asks_late_is_waited_for_as_long_as_it_says(checks: Checks) -> None:
    patience = checks(LAB, "test_kubernetes")._patience
    slow: dict[str, Any] = {
        "readinessProbe": {"initialDelaySeconds": 30},
        "startupProbe": {"failureThreshold": 4},
    }
    assert patience(Parcel(pod(ready=False, **slow))) == 8 + 30 + 40
    assert patience(Parcel(pod(**slow))) == 8
    assert patience(Parcel(pod(ready=False, waiting="ErrImagePull", **slow))) == 8
    assert patience(Parcel()) == 0


# -- where, and what they ask for ------------------------------------------------------------------------------


def spread(checks: Checks, *pods: Pod, **said: Any) -> Any:
    parcel = Parcel(*pods, **said)
    return lambda: checks(LAB, "test_kubernetes").test_spread(parcel, parcel.cluster)


def test_copies_on_one_node_while_others_were_away_are_told_so(checks: Checks) -> None:
    here = [pod(f"p{n}", node="control-plane") for n in range(3)]
    failure = told(spread(checks, *here, came=["worker-1", "worker-2"]))
    assert "while worker-1 and worker-2 were away" in failure.rationale
    assert "rollout restart" in failure.hint


@pytest.mark.parametrize("came", [[], ["worker-1"], ["control-plane", "worker-1", "worker-2"]])
def test_copies_on_one_node_though_another_was_there_were_told_to_be_there(
    checks: Checks, came: list[str]
) -> None:
    here = [pod(f"p{n}", node="control-plane") for n in range(3)]
    assert "unless it was told where" in told(spread(checks, *here, came=came)).hint


def test_copies_on_one_node_while_others_are_lost_are_not_judged(checks: Checks) -> None:
    with pytest.raises(CouldNotRun, match="worker-1 is lost"):
        spread(checks, pod(), pod("p2"), trouble="worker-1 is lost.")()


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ({"cpu": "0", "memory": "32Mi"}, "request 0 of cpu: that is as good as nothing"),
        ({"cpu": "20m", "memory": "32m"}, "request 32m of memory: that is as good as nothing"),
        ({"cpu": "20m"}, "no request of memory"),
    ],
)
def test_a_request_that_asks_for_nothing_is_none(
    checks: Checks, requests: dict[str, str], words: str
) -> None:
    one = pod(resources={"requests": requests, "limits": {"memory": "96Mi"}})
    failure = told(lambda: checks(LAB, "test_kubernetes").test_requests_and_limits(Parcel(one)))
    assert words in failure.rationale


def test_every_copy_is_asked_what_it_needs_whatever_made_it(checks: Checks) -> None:
    room = {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "96Mi"}}
    parcel = Parcel(pod(resources=room), pod("other"))
    failure = told(lambda: checks(LAB, "test_kubernetes").test_requests_and_limits(parcel))
    assert "no request of cpu" in failure.rationale


# -- health ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"selector": {"app": "parcel"}, "publishNotReadyAddresses": True}, "that are not ready as well"),
        ({"selector": {}}, "written by hand"),
    ],
)
def test_a_service_that_does_not_heed_readiness_is_told(
    checks: Checks, spec: dict[str, Any], words: str
) -> None:
    service = msgspec.convert({"metadata": {"name": "parcel"}, "spec": spec}, Service)
    assert words in told(lambda: checks(LAB, "health").require_heeded(service)).rationale


# -- room ------------------------------------------------------------------------------------------------------

NO_ROOM = (
    'pods "parcel-7" is forbidden: exceeded quota: room, requested: pods=1, used: pods=3, limited: pods=3'
)


def test_a_release_that_a_quota_keeps_from_every_copy_is_no_protection(checks: Checks) -> None:
    why_kept_away = checks(LAB, "test_kubernetes")._why_kept_away
    failure = told(lambda: why_kept_away(Cluster(failure=NO_ROOM), "kubectl describe deployment/parcel"))
    assert "No release reaches the copies" in failure.rationale
    assert failure.seen == NO_ROOM
    assert why_kept_away(Cluster(failure="denied by a webhook"), "") == "denied by a webhook"


def test_a_rollout_of_which_the_cluster_makes_no_copy_is_told_in_the_clusters_words(checks: Checks) -> None:
    class Api:
        def get(self, path: str) -> list[Any]:
            assert path == OWNER.path
            failed = {"type": "ReplicaFailure", "status": "True", "message": NO_ROOM}
            return [{"spec": {}, "status": {"conditions": [{"type": "Available", "status": "True"}, failed]}}]

    cluster = SimpleNamespace(api=Api(), workload=lambda _: OWNER, app=lambda these: these[0], pods=list)
    parcel = checks(LAB, "parcel").Parcel(cluster)
    parcel.pods = [pod(image="drydock/parcel:1.0")]
    assert parcel.refused(OWNER) == NO_ROOM
    judge = checks(LAB, "test_kubernetes").test_moved_without_failure
    failure = told(lambda: judge(cluster, parcel, SimpleNamespace()))
    assert "refuses to make a copy of the new version" in failure.rationale
    assert failure.seen == NO_ROOM
