"""Lab 10's own judgements: the reasons, each from what the cluster says of pods made for the question."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.cluster.kubernetes import Workload
from checker.cluster.kubernetes_probing import Fault, Finding
from checker.cluster.kubernetes_records import Pod, Pods, Probe, Service
from checker.grading.programs import Process
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
    message: str = "",
    restarts: int = 0,
    unschedulable: str = "",
    init: list[dict[str, Any]] | None = None,
    made: str = "2026-11-28T16:00:00Z",
    owner: str = "ReplicaSet",
    template: str = "",
    **container: Any,
) -> Pod:
    conditions = [{"type": "Ready", "status": str(ready), "message": message}]
    if unschedulable:
        conditions.append(
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": unschedulable}
        )
    state = {"waiting": {"reason": waiting, "message": message}} if waiting else {"running": {}}
    return msgspec.convert(
        {
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": name,
                "creationTimestamp": made,
                "labels": {"pod-template-hash": template} if template else {},
                "ownerReferences": [{"kind": owner, "name": "x", "controller": True}] if owner else [],
            },
            "spec": {
                "nodeName": "" if unschedulable else node,
                "containers": [{"name": "parcel", "image": image, **container}],
            },
            "status": {
                "phase": "Pending" if unschedulable else "Running",
                "conditions": conditions,
                "containerStatuses": []
                if unschedulable
                else [{"name": "parcel", "state": state, "restartCount": restarts}],
                "initContainerStatuses": init or [],
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
                "waiting": [],
                "makes_none": [],
                "most": 16 * 2.0**30,
                **said,
            }
        )

    def in_kube_system(self) -> list[Pod]:
        """Return what runs among the cluster's own."""
        return list(self.hidden)

    def last_failure(self) -> str:
        """Return why no pod could be made."""
        return str(self.failure)

    def idle(self) -> list[tuple[str, str]]:
        """Return what makes no copies."""
        return list(self.makes_none)

    def misnamed(self) -> list[Pod]:
        """Return what waits for another image."""
        return list(self.waiting)

    def largest(self, resource: str) -> float:
        """Return how much a node has."""
        assert resource == "memory"
        return float(self.most)

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

    def is_parcel(self, image: str) -> bool:
        """Whether an image is Parcel's."""
        return image.startswith(f"{self.image}:")

    def outstays(self, one: Pod) -> bool:
        """Whether a pod puts up with a lost node."""
        return one.metadata.name in self.bound


class Parcel:
    """What the learner made, as a test says."""

    service: Service | None = None
    beside: tuple[Pod, ...] = ()
    told: tuple[str, ...] = ()
    looked_at = 1795967200.0

    def __init__(
        self,
        *pods: Pod,
        warnings: dict[str, str] | None = None,
        killing: str = "",
        bound_by: tuple[str, ...] = (),
        **said: Any,
    ) -> None:
        self.pods = list(pods)
        self.cluster = Cluster(found=list(pods), **said)
        self._warnings = warnings or {}
        self._killing = killing
        self._bound_by = list(bound_by)
        self.workloads = [OWNER]

    def container(self, one: Pod) -> Any:
        """Return its container."""
        return one.spec.containers[0]

    def owner(self, one: Pod) -> Workload:
        """Return what looks after it."""
        assert one
        return OWNER

    def pods_of(self, workload: Workload) -> list[Pod]:
        """Return its pods."""
        assert workload
        return self.pods

    def images_told(self, workload: Workload) -> list[str]:
        """Return what it makes copies of, as a test says."""
        assert workload
        return list(self.told)

    def made_of(self, workload: Workload) -> Any:
        """Return its container in that."""
        assert workload
        return pod(image=self.told[0]).spec.containers[0] if self.told else None

    def refused(self, workload: Workload) -> str:
        """Return why no more are made."""
        assert workload
        return ""

    def is_current(self, one: Pod) -> bool:
        """Whether it is of the template that is newest."""
        return one.metadata.revision in {"", "b"}

    def newest(self, pods: list[Pod]) -> list[Pod]:
        """Return those of the newest template."""
        return [one for one in pods if self.is_current(one)] or pods

    def status(self, one: Pod) -> Any:
        """Return how its container is."""
        return one.status.container_statuses[0]

    def listens(self, one: Pod) -> int:
        """Return the port that users reach."""
        assert one
        return 8080

    def bound_by(self, workload: Workload) -> list[str]:
        """Return what says where copies may run."""
        assert workload
        return self._bound_by

    def last_words(self, one: Pod) -> str:
        """Return what a copy wrote last."""
        assert one
        return "PARCEL_PORT is 'abc'; it must be a whole number."

    def event(self, one: Pod, field: str, about: str = "") -> str:
        """Return what the node said when it ended a container."""
        assert one
        assert field == "reason=Killing"
        return self._killing if about in self._killing else ""

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


def test_a_deployment_that_wants_nothing_is_told(checks: Checks) -> None:
    idle = [("deployment/parcel", "wants 0 copies")]
    failure = told(lambda: checks(LAB, "reasons").fail_without_pods(Cluster(makes_none=idle)))
    assert failure.rationale == "deployment/parcel makes no copy of Parcel: it wants 0 copies."


def test_an_image_that_is_not_parcels_is_named(checks: Checks) -> None:
    one = pod(image="parcel:1.0", ready=False, waiting="ImagePullBackOff")
    failure = told(lambda: checks(LAB, "reasons").fail_without_pods(Cluster(waiting=[one])))
    assert "parcel-1 waits for the image parcel:1.0, which no node has" in failure.rationale


def test_where_nothing_runs_the_hint_names_what_the_lesson_has(checks: Checks) -> None:
    failure = told(lambda: checks(LAB, "reasons").fail_without_pods(Cluster()))
    assert "`practice`" in failure.hint


@pytest.fixture
def fail_not_ready(checks: Checks, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Give a function that returns why copies are not ready; the nodes that it names are lost."""
    reasons = checks(LAB, "unready")

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


@pytest.mark.parametrize("judge", ["require_going_on", "fail_too_few"])
def test_a_release_of_an_image_that_is_not_parcels_is_told_by_that_image(checks: Checks, judge: str) -> None:
    stuck = pod("new", image="parcel:2.0", ready=False, waiting="ImagePullBackOff")
    other = pod("other", image="shop:1", owner="", ready=False, waiting="ImagePullBackOff")
    parcel = Parcel(pod(image="drydock/parcel:1.0"), waiting=[other, stuck], warnings={"new": "not present"})
    parcel.told = ("helper:1", "parcel:2.0")
    parcel.owner = lambda one: OWNER if one.metadata.owner else Workload("Pod", "default", "other")  # type: ignore[method-assign]
    module = checks(LAB, "rollouts" if judge == "require_going_on" else "reasons")
    failure = told(lambda: getattr(module, judge)(parcel))
    assert "deployment/parcel says now that its copies run helper:1 and parcel:2.0" in failure.rationale
    assert (failure.seen, failure.evidence) == ("new: ImagePullBackOff", "not present")


def test_a_release_of_parcel_beside_a_helper_is_one_of_parcel(checks: Checks) -> None:
    parcel = Parcel(pod())
    for parcel.told in ((), ("helper:1", "drydock/parcel:2.0")):
        checks(LAB, "rollouts").require_going_on(parcel)


def test_what_keeps_users_at_the_old_version_is_told(checks: Checks) -> None:
    behind = checks(LAB, "rollouts").left_behind
    parcel = Parcel(pod(image="drydock/parcel:1.0"))
    parcel.told = ("drydock/parcel:1.0",)
    assert behind(parcel, "2.0") == "deployment/parcel says drydock/parcel:1.0."
    spare = Workload("Deployment", "default", "spare")
    parcel.owner = lambda one: OWNER if one in parcel.pods else spare  # type: ignore[method-assign]
    parcel.service = service(selector={"app": "parcel"})
    parcel.beside = (pod("spare-1", image="drydock/parcel:1.0"),)
    assert behind(parcel, "2.0") == "deployment/parcel says drydock/parcel:1.0."
    parcel.beside = (pod("spare-1"), pod("spare-2"))
    assert behind(parcel, "2.0") == (
        "deployment/parcel says drydock/parcel:1.0. deployment/spare runs drydock/parcel:2.0, and the service parcel does not "
        "lead to it."
    )
    parcel.told = ("drydock/parcel:2.0",)
    parcel.beside = ()
    assert behind(parcel, "2.0") == ""


def service(selector: dict[str, str]) -> Service:
    return msgspec.convert(
        {"metadata": {"name": "parcel", "namespace": "default"}, "spec": {"selector": selector}}, Service
    )


def test_a_service_that_finds_no_copy_is_told_beside_whose_copies_run(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = checks(LAB, "reasons")
    monkeypatch.setattr(module, "selected", lambda *_: [])
    parcel = Parcel(pod(template="a"), api=None)
    failure = told(lambda: module._require_selected(parcel, service(selector={"app": "parcel"})))
    assert (
        "no pod has that. The copies that run belong to deployment/parcel, with no labels."
        in failure.rationale
    )
    assert "app=" not in failure.expected
    assert "what did `kubectl apply` answer" in failure.hint


def test_a_rollout_that_changes_no_image_is_told_as_standing_still(
    fail_not_ready: Callable[..., Any],
) -> None:
    bad = pod("bad", unschedulable="0/3 nodes are available.", ready=False, template="b")
    failure = fail_not_ready(Parcel(pod(template="a"), bad))
    assert failure.rationale.startswith(
        "A rollout stands still: 1 copy of drydock/parcel:2.0 serves, and a newer one, of drydock/parcel:2.0, does not get "
        "ready (Pending)."
    )


def test_of_copies_that_are_not_ready_those_of_the_newest_template_are_told(
    fail_not_ready: Callable[..., Any],
) -> None:
    old = pod("a", ready=False, image="drydock/parcel:1.O", waiting="ImagePullBackOff", template="a")
    new = pod("b", ready=False, readinessProbe={"httpGet": {"path": "/", "port": 80}}, template="b")
    probed = {"b": "Readiness probe failed: connection refused"}
    failure = fail_not_ready(Parcel(old, new, warnings=probed))
    assert failure.rationale.startswith("1 of 2 copies runs and never gets ready")


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
    said = 'configmap "nope" not found'
    failure = fail_not_ready(Parcel(pod(ready=False, waiting="CreateContainerConfigError", message=said)))
    assert "refers to is not there" in failure.rationale
    assert failure.evidence == said


def test_a_user_that_cannot_be_told_from_root_is_not_told_as_something_missing(
    fail_not_ready: Callable[..., Any],
) -> None:
    said = (
        "container has runAsNonRoot and image has non-numeric user (parcel), cannot verify user is non-root"
    )
    failure = fail_not_ready(Parcel(pod(ready=False, waiting="CreateContainerConfigError", message=said)))
    assert "wants a user that is not root" in failure.rationale


def test_a_program_that_ends_is_told_as_that_though_a_probe_failed_as_well(
    fail_not_ready: Callable[..., Any],
) -> None:
    probe = {"httpGet": {"path": "/readyz", "port": 8080}}
    one = pod(ready=False, waiting="CrashLoopBackOff", restarts=2, readinessProbe=probe)
    one = msgspec.structs.replace(
        one,
        status=msgspec.convert(
            {
                "phase": "Running",
                "containerStatuses": [
                    {
                        "name": "parcel",
                        "restartCount": 2,
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {"terminated": {"reason": "Error", "exitCode": 1}},
                    }
                ],
            },
            type(one.status),
        ),
    )
    failure = fail_not_ready(Parcel(one, warnings={"parcel-1": "Readiness probe failed: connection refused"}))
    assert "ends by itself" in failure.rationale
    assert failure.seen == "parcel-1: CrashLoopBackOff, exit code 1"
    assert failure.evidence.startswith("PARCEL_PORT")


@pytest.mark.parametrize(
    ("complaint", "words"),
    [
        ("Readiness probe failed: HTTP probe failed with statuscode: 503", "is not ready yet"),
        ("Readiness probe failed: HTTP probe failed with statuscode: 404", "never gets ready"),
        ("Readiness probe failed: context deadline exceeded", "With a limit of 5m of cpu"),
    ],
)
def test_what_a_probe_hears_says_what_is_wrong(
    fail_not_ready: Callable[..., Any], complaint: str, words: str
) -> None:
    probe = {"httpGet": {"path": "/readyz", "port": 8080}}
    one = pod(ready=False, readinessProbe=probe, resources={"limits": {"cpu": "5m"}})
    assert words in fail_not_ready(Parcel(one, warnings={"parcel-1": complaint})).rationale


@pytest.mark.parametrize(
    ("probe", "told", "helps"),
    [
        ({"host": "localhost"}, "on port 8080 of the host localhost", "a name that it looks up itself"),
        ({"scheme": "HTTPS"}, "on port 8080 by HTTPS", "speaks HTTP"),
    ],
)
def test_a_probe_that_asks_somebody_else_or_in_another_way_is_told_as_that(
    fail_not_ready: Callable[..., Any], probe: dict[str, Any], told: str, helps: str
) -> None:
    one = pod(ready=False, readinessProbe={"httpGet": {"path": "/readyz", "port": 8080, **probe}})
    failure = fail_not_ready(Parcel(one, warnings={"parcel-1": "Readiness probe failed: connection refused"}))
    assert told in failure.rationale
    assert helps in failure.hint


NOW = 1795967200.0


def runs_since(seconds: float, *, lasted: float, restarts: int = 3, code: int = 124) -> Pod:
    """Give a copy that is ready, and runs again after it ended."""
    began = NOW - seconds

    def at(moment: float) -> str:
        return dt.datetime.fromtimestamp(moment, dt.UTC).isoformat()

    last = {"exitCode": code, "startedAt": at(began - lasted), "finishedAt": at(began)}
    status = {
        "name": "parcel",
        "restartCount": restarts,
        "state": {"running": {"startedAt": at(began)}},
        "lastState": {"terminated": last},
    }
    one = pod()
    more = msgspec.convert({"containerStatuses": [status]}, type(one.status))
    return msgspec.structs.replace(
        one, status=msgspec.structs.replace(one.status, container_statuses=more.container_statuses)
    )


@pytest.mark.parametrize(
    ("one", "killing", "ends"),
    [
        (runs_since(30, lasted=50), "", True),
        (runs_since(30, lasted=50, restarts=1), "", False),
        (runs_since(200, lasted=50), "", False),
        (runs_since(30, lasted=300), "", False),
        (runs_since(30, lasted=50, code=255), "", False),
        (runs_since(30, lasted=50), "Container parcel failed liveness probe, will be restarted", False),
    ],
    ids=["ends", "ended once", "goes on now", "ran for minutes", "lost its node", "killed for its health"],
)
def test_copies_that_are_ready_between_two_ends_do_not_run(
    checks: Checks, one: Pod, killing: str, *, ends: bool
) -> None:
    lab = SimpleNamespace(engine=SimpleNamespace(clock=SimpleNamespace(now=lambda: NOW)))

    def judge() -> None:
        checks(LAB, "unready").require_steady(lab, Parcel(one, killing=killing))

    if ends:
        failure = told(judge)
        assert "1 of 1 copy ends by itself" in failure.rationale
        assert "exit code 124" in failure.seen
    else:
        judge()


@pytest.mark.parametrize(
    ("init", "words"),
    [
        ({"state": {"running": {}}}, "has not ended"),
        ({"state": {"terminated": {"reason": "Error", "exitCode": 1}}}, "ends with an error"),
    ],
)
def test_a_copy_that_waits_for_its_init_container_is_told_so(
    fail_not_ready: Callable[..., Any], init: dict[str, Any], words: str
) -> None:
    failure = fail_not_ready(
        Parcel(pod(ready=False, waiting="PodInitializing", init=[{"name": "wait", **init}]))
    )
    assert f"init container `wait` {words}" in failure.rationale


def test_a_readiness_gate_is_named(fail_not_ready: Callable[..., Any]) -> None:
    said = 'corresponding condition of pod readiness gate "x.y/z" does not exist.'
    assert "has a readiness gate" in fail_not_ready(Parcel(pod(ready=False, message=said))).rationale


def test_a_node_that_asks_a_registry_for_what_it_has_is_told_so(fail_not_ready: Callable[..., Any]) -> None:
    one = pod(ready=False, waiting="ErrImagePull", imagePullPolicy="Always")
    assert "which it already has" in fail_not_ready(Parcel(one)).rationale


def test_a_copy_without_a_node_is_told_in_the_schedulers_words(fail_not_ready: Callable[..., Any]) -> None:
    failure = fail_not_ready(Parcel(pod(ready=False, unschedulable="0/3 nodes are available: …")))
    assert failure.seen == "0/3 nodes are available: …"


def test_the_evidence_belongs_to_the_probe_that_the_reason_names(fail_not_ready: Callable[..., Any]) -> None:
    probe = {"httpGet": {"path": "/readyz", "port": 8080}}
    one = pod(ready=False, restarts=2, livenessProbe=probe, readinessProbe=probe)
    killing = "Container parcel failed liveness probe, will be restarted"
    failure = fail_not_ready(
        Parcel(one, warnings={"parcel-1": "Liveness probe failed: 503"}, killing=killing)
    )
    assert "its liveness probe fails. It asks /readyz on port 8080" in failure.rationale
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


PRETENDS = ["python3 /own/serve.py"]


@pytest.mark.parametrize(
    ("container", "runs", "words"),
    [
        ({}, PRETENDS, ""),
        ({"args": ["python3", "-u", "/app/parcel.py"]}, ["python3 -u /app/parcel.py"], ""),
        ({"command": ["sh", "-c", "cd /app; exec python3 parcel.py"]}, ["python3 parcel.py"], ""),
        ({"command": ["python3", "-m", "parcel"], "workingDir": "/app"}, ["python3 -m parcel"], ""),
        (
            {"command": ["python3", "/own/serve.py", "/app/parcel.py"]},
            ["python3 /own/serve.py /app/parcel.py"],
            "of its own",
        ),
        ({"command": ["/own/start"]}, ["sh /own/start", "python3 /app/parcel.py"], ""),
        ({"command": ["/own/start"]}, [], ""),
        ({"command": ["/own/start"]}, PRETENDS, "runs a program of its own"),
        ({"volumeMounts": [{"mountPath": "/app"}]}, [], "a volume lies over it"),
        ({"volumeMounts": [{"mountPath": "/app/page.html"}, {"mountPath": "/var/lib/parcel"}]}, [], ""),
    ],
)
def test_what_answers_is_the_program_of_the_image(
    checks: Checks, container: dict[str, Any], runs: list[str], words: str
) -> None:
    parcel = Parcel(pod(**container))
    parcel.cluster.processes = lambda *_: [Process(1, 0, "", "/app", tuple(each.split())) for each in runs]
    if words:
        assert words in told(lambda: checks(LAB, "reasons").require_program(parcel)).rationale
    else:
        checks(LAB, "reasons").require_program(parcel)


@pytest.mark.parametrize(
    ("container", "runs", "words"),
    [
        ({"command": ["/own/start"]}, {"parcel": PRETENDS}, "runs a program of its own"),
        ({}, {"beside": PRETENDS}, "the container `beside` answers"),
        ({}, {"beside": ["python3 /app/parcel.py"]}, "the container `beside` answers"),
        ({}, {"parcel": ["python3 /app/parcel.py"], "beside": PRETENDS}, ""),
        ({}, {}, ""),
    ],
)
def test_nothing_but_the_copys_own_parcel_answers_at_its_port(
    checks: Checks, container: dict[str, Any], runs: dict[str, list[str]], words: str
) -> None:
    def processes(_: Pod, name: str, port: int = 0) -> list[Process]:
        lines = runs.get(name, []) if port else ["python3 /app/parcel.py"]
        return [Process(1, 0, "", "/app", tuple(each.split())) for each in lines]

    one = pod(**container)
    beside = msgspec.convert({"name": "beside", "image": "drydock/parcel:2.0"}, type(one.spec.containers[0]))
    spec = msgspec.structs.replace(one.spec, containers=(*one.spec.containers, beside))
    parcel = Parcel(msgspec.structs.replace(one, spec=spec))
    parcel.cluster.processes = processes
    if words:
        assert words in told(lambda: checks(LAB, "reasons").require_program(parcel)).rationale
    else:
        checks(LAB, "reasons").require_program(parcel)


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
    bound = told(spread(checks, *here, came=came, bound_by=("`nodeName`",)))
    assert "Your pod's `nodeName` may tell it." in bound.hint


def test_copies_on_one_node_while_others_are_lost_are_not_judged(checks: Checks) -> None:
    with pytest.raises(CouldNotRun, match="worker-1 is lost"):
        spread(checks, pod(), pod("p2"), trouble="worker-1 is lost.")()


def needs(checks: Checks, parcel: Parcel) -> None:
    checks(LAB, "test_kubernetes").test_requests_and_limits(parcel, parcel.cluster)


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ({"cpu": "0", "memory": "32Mi"}, "request 0 of cpu: that is as good as nothing"),
        ({"cpu": "20m", "memory": "4Mi"}, "request 4Mi of memory: that is as good as nothing"),
        ({"cpu": "20m", "memory": "32m"}, "request 32m of memory: that is as good as nothing"),
        ({"cpu": "20m"}, "no request of memory"),
    ],
)
def test_a_request_that_asks_for_nothing_is_none(
    checks: Checks, requests: dict[str, str], words: str
) -> None:
    one = pod(resources={"requests": requests, "limits": {"memory": "96Mi"}})
    failure = told(lambda: needs(checks, Parcel(one)))
    assert words in failure.rationale


def test_a_limit_above_what_a_node_has_is_none(checks: Checks) -> None:
    room = {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "1Ti"}}
    failure = told(lambda: needs(checks, Parcel(pod(resources=room))))
    assert "more than a whole node has" in failure.rationale
    # Where nodes may not be read, it is not known.
    needs(checks, Parcel(pod(resources=room), most=0))


def test_every_copy_is_asked_what_it_needs_whatever_made_it(checks: Checks) -> None:
    room = {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "96Mi"}}
    parcel = Parcel(pod(resources=room), pod("other"))
    failure = told(lambda: needs(checks, parcel))
    assert "no request of cpu" in failure.rationale


# -- health ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"selector": {"app": "parcel"}, "publishNotReadyAddresses": True}, "that are not ready as well"),
        ({"selector": {}}, "its addresses were written by hand"),
        ({"selector": {"app": "parcel"}}, "in the EndpointSlice extra"),
    ],
)
def test_a_service_that_does_not_heed_readiness_is_told(
    checks: Checks, spec: dict[str, Any], words: str
) -> None:
    service = msgspec.convert({"metadata": {"name": "parcel"}, "spec": spec}, Service)
    slices = msgspec.convert({"items": [{"metadata": {"name": "extra"}}]}, Pods)
    mine = SimpleNamespace(cluster=SimpleNamespace(api=SimpleNamespace(read=lambda *_: slices)))
    assert words in told(lambda: checks(LAB, "health").require_heeded(mine, service)).rationale


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (
            {"readinessProbe": {"periodSeconds": 1, "failureThreshold": 1000}},
            "goes on getting requests for up to 1001 s",
        ),
        ({"startupProbe": {"initialDelaySeconds": 90}}, "For the first 90 s of its life"),
        ({"startupProbe": {"periodSeconds": 70}}, "For the first 70 s of its life"),
    ],
)
def test_probes_that_leave_a_copy_alone_for_minutes_are_told(
    checks: Checks, container: dict[str, Any], words: str
) -> None:
    one = pod(**container).spec.containers[0]
    health = checks(LAB, "health")
    assert words in told(lambda: health._require_soon(one, "kubectl describe …")).rationale
    patient: dict[str, Any] = {
        "startupProbe": {"initialDelaySeconds": 60, "periodSeconds": 10, "failureThreshold": 30},
        "readinessProbe": {"initialDelaySeconds": 90, "periodSeconds": 15},
    }
    health._require_soon(pod(**patient).spec.containers[0], "")


def test_a_copy_that_is_asked_too_late_after_a_loss_is_told_before_the_loss(checks: Checks) -> None:
    judge = checks(LAB, "loss")._require_asked_in_time
    one = pod(readinessProbe={"initialDelaySeconds": 110})
    assert "110 s after its start" in told(lambda: judge(Parcel(one), [one])).rationale
    judge(Parcel(), [pod(readinessProbe={"initialDelaySeconds": 90})])


@pytest.mark.parametrize(
    ("complaint", "words"),
    [
        ("HTTP probe failed with statuscode: 503", "asks whether it is ready (/x on port 80)"),
        ("HTTP probe failed with statuscode: 404", "Parcel knows no such path"),
        ("dial tcp 10.42.1.3:80: connect: connection refused", "where nobody listens"),
        ("cat: /healthy: No such file or directory", "fails though the copy lives"),
    ],
)
def test_a_probe_that_kills_what_lives_is_told_by_what_it_heard(
    checks: Checks, complaint: str, words: str
) -> None:
    fails = checks(LAB, "health")._fails
    asked = msgspec.convert({"httpGet": {"path": "/x", "port": 80}}, Probe)
    assert words in fails(asked, complaint)
    by_grpc = msgspec.convert({"grpc": {"port": 80}}, Probe)
    assert "does not speak" in fails(by_grpc, "context deadline exceeded")


@pytest.mark.parametrize(
    ("fault", "more", "words", "seen"),
    [
        ("NEVER_READY", {}, "that can serve at once was not counted", "READY 0/1"),
        ("ALWAYS_READY", {}, "was counted as ready", "READY 1/1, while /readyz answers 503"),
        (
            "KILLED",
            {"evidence": "statuscode: 503", "late": True, "kind": "startup"},
            "that lives, but is not ready yet, was killed by its startup probe, which asks whether it is ready",
            "killed while it was getting ready",
        ),
        (
            "KILLED",
            {"evidence": "statuscode: 404", "kind": "liveness"},
            "A copy that lives was killed by its liveness probe, which asks something else: Parcel knows no",
            "killed while it was ready",
        ),
        ("NOT_NOTICED", {}, "its liveness probe goes on passing", "0 restarts"),
        ("SLOW", {}, "given more than 29 s to end", "told to end, and not started again yet"),
        ("SLOW", {"took": 35.2}, "given 35 s to end", "told to end, and started again 35 s later"),
    ],
)
def test_what_probes_make_of_a_copy_is_told(
    checks: Checks, fault: str, more: dict[str, Any], words: str, seen: str
) -> None:
    container = pod(livenessProbe={}).spec.containers[0]
    finding = Finding(Fault[fault], "Tested on a copy.", **more)
    failure = told(lambda: checks(LAB, "health")._fail(finding, container, "kubectl describe …"))
    assert words in failure.rationale
    assert failure.seen == seen


# -- room ------------------------------------------------------------------------------------------------------

NO_ROOM = (
    'pods "parcel-7" is forbidden: exceeded quota: room, requested: pods=1, used: pods=3, limited: pods=3'
)


NOT_RELEASED = (
    'deployments.apps "parcel" is forbidden: ValidatingAdmissionPolicy denied request: 9.9 is unknown'
)


@pytest.mark.parametrize(
    ("why", "words"),
    [(NO_ROOM, "No release reaches the copies"), (NOT_RELEASED, "A rule that somebody made")],
)
def test_a_release_that_is_kept_from_every_copy_is_no_protection(
    checks: Checks, why: str, words: str
) -> None:
    require_let_in = checks(LAB, "bad_release")._require_let_in
    failure = told(lambda: require_let_in(Cluster(), why, "kubectl describe deployment/parcel"))
    assert words in failure.rationale
    assert failure.seen == why
    assert require_let_in(Cluster(), "no answer", "") == "no answer"


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
