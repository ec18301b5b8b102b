"""Lab 14's own judgements: what a record of copies says, and from which use on an autoscaler adds one."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.cluster.kubernetes_autoscalers import Autoscaler
from checker.cluster.kubernetes_records import Pod, Probe, Service
from checker.cluster.kubernetes_workloads import Workload
from checker.grading.verdicts import CheckFailed, CouldNotRun
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Checks = Callable[[str, str], ModuleType]

LAB = "14-autoscaling"
AUTOSCALER = "kube-controller-manager"


@pytest.mark.parametrize(
    ("numbers", "count"),
    [([2], 0), ([2, 6], 0), ([2, 4, 6, 2], 1), ([2, 6, 3, 6, 2], 3), ([6, 2], 0), ([2, 1, 2], 1)],
)
def test_a_turn_is_a_change_from_adding_copies_to_removing_them_or_back(
    checks: Checks, numbers: list[int], count: int
) -> None:
    assert checks(LAB, "tide").turns(numbers) == count


def test_copies_are_paid_for_from_when_they_are_wanted_until_they_are_not(checks: Checks) -> None:
    tide = checks(LAB, "tide")
    changes = [
        tide.Change(90.0, 2, 2, AUTOSCALER),
        tide.Change(110.0, 6, 2, AUTOSCALER),
        tide.Change(115.0, 6, 6, AUTOSCALER),
        tide.Change(150.0, 2, 6, AUTOSCALER),
    ]
    assert tide.copy_seconds(changes, 100.0, 160.0) == 2 * 10 + 6 * 40 + 2 * 10
    assert tide.wanted(changes) == [2, 6, 2]


@pytest.mark.parametrize(
    ("numbers", "rest"), [([], []), ([2, 6, 2], [2, 6, 2]), ([6, 4, 2, 5, 2], [2, 5, 2]), ([6, 2], [2])]
)
def test_copies_of_an_earlier_tide_are_no_part_of_this_one(
    checks: Checks, numbers: list[int], rest: list[int]
) -> None:
    assert checks(LAB, "tide").risen(numbers) == rest


def scaled(
    checks: Checks,
    up: dict[str, Any] | None = None,
    *,
    down: dict[str, Any] | None = None,
    high: int = 6,
    limit: float = 0.2,
    keeps_users: str = "",
) -> Any:
    """Return copies whose autoscaler adds some as `up` says, and removes some as `down` says."""
    spec = {"maxReplicas": high, "behavior": {"scaleUp": up or {}, "scaleDown": down or {}}}
    found = msgspec.convert({"metadata": {"name": "parcel"}, "spec": spec}, Autoscaler)
    nothing = SimpleNamespace(read=lambda _, kind: kind())
    return SimpleNamespace(
        space="", autoscaler=found, limit=limit, pods=[], workload=SimpleNamespace(namespace="default"),
        keeps_users=keeps_users, reach="The autoscaler adds copies when each uses more than 66m of CPU.",
        cluster=SimpleNamespace(api=nothing, lab=SimpleNamespace(number="14")),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("up", "wanted", "reason", "hint"),
    [
        pytest.param({}, 40, "its start took the rest of the time", "for how long it waits", id="the probe"),
        pytest.param(
            {"stabilizationWindowSeconds": 90}, 130, "waits for 90 s before it adds", "scaleUp", id="a window"
        ),
        pytest.param({}, 130, "when the first crowd had gone.", "From which use on", id="the target"),
    ],
)
def test_a_copy_that_comes_late_says_what_took_so_long(
    checks: Checks, up: dict[str, Any], wanted: float, reason: str, hint: str
) -> None:
    with pytest.raises(CheckFailed, match=reason) as failed:
        checks(LAB, "reasons").fail_late(scaled(checks, up), wanted, 136, 95)
    assert hint in failed.value.failure.hint


@pytest.mark.parametrize(
    ("up", "numbers", "wanted", "reason"),
    [
        pytest.param(
            {}, [2, 5, 2], 40.0, "wanted more copies 40 s after .* no new one was ready", id="none ready"
        ),
        pytest.param({}, [2], None, "no copy was added\\. .* more than 66m", id="none wanted"),
        pytest.param({}, [6], None, "nothing was left to add\\. .* more than 66m", id="at the ceiling"),
    ],
)
def test_copies_that_were_wanted_and_never_ready_are_told_from_none_that_were_wanted(
    checks: Checks, up: dict[str, Any], numbers: list[int], wanted: float | None, reason: str
) -> None:
    with pytest.raises(CheckFailed, match=reason):
        checks(LAB, "reasons").fail_never_added(scaled(checks, up), numbers, wanted, 6)


@pytest.mark.parametrize(
    ("down", "reason", "hint"),
    [
        pytest.param({}, "remembers for 300 s", "scaleDown", id="the default"),
        pytest.param(
            {
                "stabilizationWindowSeconds": 45,
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}],
            },
            "removes at most 1 copy in 300 s",
            "scaleDown",
            id="a pace",
        ),
        pytest.param(
            {"stabilizationWindowSeconds": 45, "tolerance": "900m"},
            "less than 90% below its target",
            "scaleDown",
            id="a tolerance",
        ),
        pytest.param({"stabilizationWindowSeconds": 45}, "more than 66m", "what it measures now", id="use"),
    ],
)
def test_copies_that_stay_are_blamed_on_what_keeps_them(
    checks: Checks, down: dict[str, Any], reason: str, hint: str
) -> None:
    with pytest.raises(CheckFailed, match=reason) as failed:
        checks(LAB, "reasons").fail_never_removed(scaled(checks, down=down), [2, 6, 4], 120)
    assert hint in failed.value.failure.hint


@pytest.mark.parametrize(
    ("probe", "at_once"),
    [
        ({"httpGet": {"path": "/readyz", "port": 8080}}, False),
        ({"httpGet": {"path": "/healthz", "port": 8080}}, True),
        ({"tcpSocket": {"port": 8080}}, True),
        ({"tcpSocket": {"port": 8080}, "initialDelaySeconds": 3}, False),
        ({"exec": {"command": ["/app/health"]}}, False),
        ({"exec": {"command": ["python3", "/app/health.py", "/readyz"]}}, False),
        ({"exec": {"command": ["python3", "/app/health.py", "/"]}}, False),
        ({"exec": {"command": ["python3", "/app/health.py", "/healthz"]}}, True),
        ({"exec": {"command": ["python3", "-I", "/app/health.py"]}}, True),
        ({"exec": {"command": ["sh", "-c", "wget -qO- localhost:8080/healthz"]}}, True),
    ],
)
def test_a_probe_that_a_cold_copy_passes_is_known(
    checks: Checks, probe: dict[str, Any], at_once: bool
) -> None:
    found = msgspec.convert(probe, Probe, strict=False)
    assert checks(LAB, "judging")._is_passed_at_once(found, 2.0) is at_once


def test_users_who_are_kept_at_old_copies_are_said_to_be_the_cause(checks: Checks) -> None:
    kind = checks(LAB, "tide").Change
    changes = [kind(90.0, 2, 2, AUTOSCALER), kind(120.0, 6, 6, AUTOSCALER)]
    failures = [SimpleNamespace(at=130.0)]
    tide = SimpleNamespace(begin=100.0, due=280.0, read=lambda: changes)
    seen = SimpleNamespace(failures=failures, requests=failures, kinds={})
    with pytest.raises(CheckFailed, match="new copies are ready, and get nobody"):
        checks(LAB, "reasons").fail_unserved(scaled(checks, keeps_users="parcel"), tide, seen, 0.1)


@pytest.mark.parametrize(
    ("high", "limit", "up", "reason"),
    [
        pytest.param(3, 0.1, {}, "The limit of each copy allows all of them together 300m", id="ceiling"),
        pytest.param(3, 0.2, {}, "New ones take their time", id="room enough"),
        pytest.param(6, 0.2, {"stabilizationWindowSeconds": 90}, "waits for 90 s", id="window"),
        pytest.param(
            6,
            0.2,
            {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 600}]},
            "adds at most 1 copy in 600 s",
            id="pace",
        ),
    ],
)
def test_requests_that_fail_with_all_copies_there_are_blamed_on_the_room_they_have(
    checks: Checks, high: int, limit: float, up: dict[str, Any], reason: str
) -> None:
    kind = checks(LAB, "tide").Change
    changes = [kind(90.0, 2, 2, AUTOSCALER), kind(120.0, 3, 3, AUTOSCALER)]
    failures = [SimpleNamespace(at=110.0), SimpleNamespace(at=130.0), SimpleNamespace(at=140.0)]
    tide = SimpleNamespace(begin=100.0, due=280.0, read=lambda: changes)
    seen = SimpleNamespace(failures=failures, requests=[*failures, failures[0]], kinds={})
    with pytest.raises(CheckFailed, match=reason):
        checks(LAB, "reasons").fail_unserved(scaled(checks, up, high=high, limit=limit), tide, seen, 0.1)


ASKS = {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}}
MISSING = "missing request for cpu in container parcel of Pod {}"


def unmeasured(
    said: str, spec: dict[str, Any], *, pods: list[dict[str, Any]], metrics: list[dict[str, Any]]
) -> tuple[Any, Any]:
    """Return copies with this spec of their workload, and a record of their autoscaler that says why it measures nothing."""
    cluster = SimpleNamespace(
        pods=lambda: [msgspec.convert(each, Pod) for each in pods],
        api=SimpleNamespace(get=lambda _: [{"spec": spec}]),
        missing_parts=lambda: {"metrics-server": "gone, or scaled to 0"},
    )
    workload = SimpleNamespace(title="deployment/parcel", path="/parcel", kind="Deployment")
    found = {
        "metadata": {"name": "parcel"},
        "spec": {"scaleTargetRef": {"apiVersion": "v1", "kind": "Deployment"}, "metrics": metrics},
        "status": {"conditions": [{"type": "ScalingActive", "status": "False", "message": said}]},
    }
    return SimpleNamespace(cluster=cluster, workload=workload, space=""), found


@pytest.mark.parametrize(
    ("said", "template", "held", "metrics", "reason"),
    [
        pytest.param(MISSING.format("once-x"), {}, {}, [], "It is the pod once-x\\. .* has ended", id="no copy"),
        pytest.param(MISSING.format("parcel-a"), {}, {}, [], "Without a request: parcel", id="no request"),
        pytest.param(
            "missing pod-level request for cpu in Pod parcel-a", {}, {}, [], "Without a request: parcel", id="whole pod"
        ),
        pytest.param(MISSING.format("parcel-a"), ASKS, {}, [], "made before it said so\\.", id="under way"),
        pytest.param(
            MISSING.format("parcel-a"), ASKS, {"paused": True}, [], "`paused: true` keeps what is new", id="paused"
        ),
        pytest.param('no matches for kind "Deployment"', {}, {}, [], "under the apiVersion `v1`", id="version"),
        pytest.param("no answer", {}, {}, [{"type": "Pods"}], "one is of the type Pods", id="a metric of others"),
        pytest.param("no answer", {}, {}, [{"type": "Resource"}], "that is gone, or scaled to 0", id="no server"),
    ],
)  # fmt: skip
def test_an_autoscaler_that_measures_nothing_says_what_is_missing(
    checks: Checks,
    said: str,
    template: dict[str, Any],
    held: dict[str, Any],
    metrics: list[dict[str, Any]],
    reason: str,
) -> None:
    made_of = {"spec": {"containers": [{"name": "parcel", "resources": template}]}}
    copy = {"metadata": {"name": "parcel-a"}, "spec": {"containers": [{"name": "parcel"}]}}
    copies, record = unmeasured(said, {"template": made_of, **held}, pods=[copy], metrics=metrics)
    found = msgspec.convert(record, Autoscaler)
    with pytest.raises(CheckFailed, match=reason):
        checks(LAB, "unmeasured").fail_without_a_measure(copies, found)


@pytest.mark.parametrize(
    ("probe", "port", "count"),
    [
        ({"httpGet": {"path": "/readyz", "port": 8080}}, 8080, 1),
        ({"exec": {"command": ["curl", "-f", "localhost:8080/readyz"]}}, 8080, 1),
        ({"httpGet": {"path": "/", "port": 9000}}, 8080, 0),
        ({"exec": {"command": ["true"]}}, 8080, 0),
        ({"httpGet": {"path": "/readyz", "port": 80}}, 8080, 0),
        ({"httpGet": {"path": "/readyz", "port": 8080}}, "http", 1),
        ({"httpGet": {"path": "/readyz", "port": "http"}}, 8080, 1),
        ({"httpGet": {"path": "/readyz", "port": 8080, "host": "10.0.0.9"}}, 8080, 0),
        ({"tcpSocket": {"port": 8080}}, 8081, 1),
        ({"exec": {"command": ["sh", "-c", f"{' ' * 2}{'true; ' * 20}curl localhost:8080/readyz"]}}, 8080, 1),
        ({"exec": {"command": ["curl", "-f", "http://localhost/readyz"]}}, 80, 1),
        ({"exec": {"command": ["curl", "-f", "http://localhost:9000/"]}}, "http", 0),
    ],
)
def test_a_helper_may_ask_for_parcel_whether_a_copy_is_ready(
    checks: Checks, probe: dict[str, Any], port: int | str, count: int
) -> None:
    own = {"name": "http", "containerPort": 8080}
    made = [{"name": "parcel", "ports": [own]}, {"name": "helper", "readinessProbe": probe}]
    one = msgspec.convert({"spec": {"containers": made}}, Pod, strict=False)
    ports = [SimpleNamespace(target_port=port, port=80)]
    copies = SimpleNamespace(
        app=one.spec.containers[0], pods=[one], service=SimpleNamespace(spec=SimpleNamespace(ports=ports))
    )
    assert len(checks(LAB, "judging")._asked_by_others(copies)) == count


def test_what_the_task_asks_for_is_named_before_a_pod_that_serves_beside_it(checks: Checks) -> None:
    def owned(name: str, by: str = "") -> Pod:
        owners = [{"kind": "ReplicaSet", "name": by, "controller": True}] if by else []
        return msgspec.convert({"metadata": {"name": name, "ownerReferences": owners}}, Pod)

    def workload(pod: Pod) -> Workload:
        owner = pod.metadata.owner
        # Two ReplicaSets of one Deployment, while a new version comes.
        return (
            Workload("Deployment", "default", "parcel")
            if owner
            else Workload("Pod", "default", pod.metadata.name)
        )

    copies = checks(LAB, "autoscaler").Scaled(SimpleNamespace(workload=workload))
    copies.pods = [owned("a"), owned("b"), owned("c", "parcel-1"), owned("d", "parcel-2")]
    assert copies.workload.title == "deployment/parcel"
    assert copies.others == ["pod/a", "pod/b"]


def worked(*took: float, since: int = 1000) -> str:
    """Return the recorder's lines: each second a piece of work of 20 ms, which took so many seconds."""
    return "\n".join(f"{since + number} {each} 0.016 0.004" for number, each in enumerate(took))


def test_a_machine_is_short_while_it_gives_a_busy_program_less_than_a_copy_may_use(checks: Checks) -> None:
    machine = checks(LAB, "machine")
    work = machine.read(worked(*[0.02] * 20, *[0.4] * 20, *[0.02] * 20) + "\n1060.0 0.0")
    assert len(work) == 60
    (found,) = machine.short_of(work, 0.2)
    assert found == (pytest.approx(1020, abs=2), pytest.approx(1047, abs=2))
    assert machine.short_of(work, 0.04) == []


def test_a_piece_of_work_that_had_bad_luck_does_not_make_a_machine_short(checks: Checks) -> None:
    machine = checks(LAB, "machine")
    for once in (0.4, 1.0, 5.0):
        assert machine.short_of(machine.read(worked(*[0.02] * 20, once, *[0.02] * 20)), 0.2) == []


def test_a_machine_that_gets_hardly_anything_done_is_short(checks: Checks) -> None:
    machine = checks(LAB, "machine")
    for took in (3.0, 4.0, 5.0):
        text = "\n".join(f"{1000 + number * (took + 1):.1f} {took} 0.016 0.004" for number in range(20))
        assert len(machine.short_of(machine.read(text), 0.2)) == 1


def test_times_in_which_a_machine_is_short_do_not_overlap(checks: Checks) -> None:
    machine = checks(LAB, "machine")
    work = machine.read(worked(*[0.4] * 12) + "\n" + worked(*[0.4] * 12, since=1100))
    (_, first), (second, _) = machine.short_of(work, 0.2)
    assert (first, second) == (1011, pytest.approx(1099.6))


def test_only_requests_that_had_all_their_time_outside_these_count(checks: Checks) -> None:
    sent = [90.0, 99.0, 103.0, 107.0, 120.0]
    assert checks(LAB, "machine").outside(sent, [(100.0, 105.5)]) == [90.0, 120.0]
    assert checks(LAB, "machine").outside(sent, []) == sent


def tide_of(checks: Checks, work: str, failures: list[float], limit: float = 0.2) -> Any:
    """Return a tide from 1000 to 1180, whose requests failed at these moments, on a machine that worked like this."""
    node = SimpleNamespace(exec=lambda _: SimpleNamespace(stdout=work))
    marks = [SimpleNamespace(at=1000.0, text="load begins"), SimpleNamespace(at=1180.0, text="load ends")]
    seen = SimpleNamespace(marks=marks, failures=[SimpleNamespace(at=each) for each in failures])
    seen.between = lambda *_: seen
    return checks(LAB, "tide").Tide(
        SimpleNamespace(node=lambda _: node, number="14"),
        SimpleNamespace(limit=limit),
        SimpleNamespace(everything=lambda: seen),
    )


def test_requests_that_failed_on_a_machine_that_was_too_busy_are_not_judged(checks: Checks) -> None:
    work = worked(*[0.4] * 20, since=1020)
    failures = [1025.0, 1030.0, 1040.5, 1100.0]
    with pytest.raises(CouldNotRun, match=r"for 19 s of the tide.* less than the 200m of CPU"):
        tide_of(checks, work, failures).require_power(1)
    tide_of(checks, work, failures).require_power(0)
    # What a smaller copy may use, the machine had.
    tide_of(checks, work, failures, limit=0.04).require_power(1)
    tide_of(checks, "", failures).require_power(1)


def test_a_copy_that_came_late_on_a_machine_that_was_too_busy_is_not_judged(checks: Checks) -> None:
    work = worked(*[0.4] * 30, since=1080)
    with pytest.raises(CouldNotRun, match="Perhaps that is why copies came late, or not at all"):
        tide_of(checks, work, []).require_power_until(95.0)
    tide_of(checks, work, []).require_power_until(85.0)


@pytest.mark.parametrize(
    ("numbers", "expected_wanted", "expected_ready"),
    [
        # Each is when, how many were wanted, and how many were ready.
        ([(990, 2, 2), (1040, 5, 2), (1050, 5, 4), (1230, 2, 2)], 40, 50),
        ([(990, 5, 5), (1010, 2, 5), (1012, 2, 2), (1040, 5, 2), (1052, 5, 3), (1230, 2, 2)], 40, 52),
        ([(990, 4, 4), (1010, 2, 2), (1040, 3, 2), (1050, 3, 3), (1070, 6, 3), (1080, 6, 6)], 40, 50),
        ([(990, 5, 5), (1010, 2, 2)], None, None),
        ([(990, 2, 1), (1020, 2, 2)], None, None),
        ([(990, 2, 2), (1040, 5, 2)], 40, None),
    ],
)
def test_a_tide_is_measured_from_the_copies_that_were_left_when_those_of_the_tide_before_were_gone(
    checks: Checks,
    numbers: list[tuple[float, int, int]],
    expected_wanted: float | None,
    expected_ready: float | None,
) -> None:
    tide = tide_of(checks, "", [])
    tide.changes = [checks(LAB, "tide").Change(*each, AUTOSCALER) for each in numbers]
    assert (tide.first_wanted, tide.first_ready) == (expected_wanted, expected_ready)


def test_copies_are_few_when_there_are_no_more_than_before_they_rose(checks: Checks) -> None:
    tide = tide_of(checks, "", [])
    tide._scaled.autoscaler = SimpleNamespace(spec=SimpleNamespace(min_replicas=1))
    kind = checks(LAB, "tide").Change
    rose = [kind(990, 5, 5, AUTOSCALER), kind(1010, 2, 2, AUTOSCALER), kind(1040, 5, 5, AUTOSCALER)]
    tide.read = lambda: rose
    assert not tide._are_few()
    rose.append(kind(1230, 2, 2, AUTOSCALER))
    assert tide._are_few()


def test_pods_are_waited_for_while_those_of_another_template_start(checks: Checks) -> None:
    settled = checks(LAB, "autoscaler")._are_settled

    def pod(template: str, *, ready: bool = True) -> Any:
        return SimpleNamespace(ready=ready, metadata=SimpleNamespace(revision=template))

    assert settled([pod("a"), pod("a", ready=False)])
    assert not settled([pod("a", ready=False)])
    assert not settled([pod("a"), pod("b", ready=False)])
    assert settled([pod("a"), pod("b")])
    assert not settled([])


@pytest.mark.parametrize(
    ("way", "policies", "told"),
    [
        ("scaleUp", [("Percent", 100, 15), ("Pods", 4, 15)], ""),
        ("scaleUp", [("Pods", 4, 15)], ""),
        ("scaleUp", [("Percent", 100, 15)], "100 % in 15 s"),
        ("scaleUp", [("Pods", 4, 60)], "4 copies in 60 s"),
        ("scaleUp", [("Pods", 1, 15)], "1 copy in 15 s"),
        ("scaleDown", [("Percent", 100, 15)], ""),
        ("scaleDown", [("Percent", 10, 60)], "10 % in 60 s"),
        ("scaleDown", [("Pods", 6, 15)], ""),
    ],
)
def test_a_policy_that_holds_nothing_back_is_no_pace(
    checks: Checks, way: str, policies: list[tuple[str, int, int]], told: str
) -> None:
    rule = {
        "policies": [
            {"type": kind, "value": value, "periodSeconds": seconds} for kind, value, seconds in policies
        ]
    }
    found = scaled(checks, rule) if way == "scaleUp" else scaled(checks, down=rule)
    assert found.autoscaler.pace(way) == told


def test_of_quick_policies_the_slowest_counts_when_the_learner_says_so(checks: Checks) -> None:
    policies = [
        {"type": "Percent", "value": 100, "periodSeconds": 15},
        {"type": "Pods", "value": 1, "periodSeconds": 15},
    ]
    found = scaled(checks, {"policies": policies, "selectPolicy": "Min"}).autoscaler
    assert found.pace("scaleUp") == "100 % in 15 s or 1 copy in 15 s, whichever is less"


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([(990, 2), (1040, 6), (1120, 3), (1140, 6), (1200, 2)], "6, 3, 6"),
        # One user after the tide moves the use of a single copy by more than a tenth of the target.
        ([(990, 1), (1030, 4), (1060, 6), (1195, 1), (1240, 2)], ""),
    ],
)
def test_only_copies_that_the_tide_needed_are_missed_when_they_were_removed(
    checks: Checks, numbers: list[tuple[float, int]], told: str
) -> None:
    kind = checks(LAB, "tide").Change
    tide = SimpleNamespace(
        due=1180.0,
        require_over=lambda: None,
        read=lambda: [kind(at, each, each, AUTOSCALER) for at, each in numbers],
    )
    steady = checks(LAB, "test_autoscaling").test_steady
    if told:
        with pytest.raises(CheckFailed, match=told):
            steady(tide)
    else:
        steady(tide)


ENGINE = """#!/bin/sh
echo "$@" >> "$0.asked"
case $1 in
    inspect) echo 2026-12-01T16:00:00.5Z ;;
    logs) cat "$0.log" ;;
esac
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the toolbox has GNU's date, as Linux has")
@pytest.mark.parametrize(
    ("log", "begins"),
    [
        ("", True),
        # What users say when their container starts.
        ("{} sending to http://front:8080/work?ms=25; the load begins with SIGUSR1\n", True),
        ("{} load begins, for 180 s\n{} load ends: 1 requests, 0 failed\n", True),
        (
            "{} load ends: 1 requests, 0 failed\n{} load begins, for 180 s\n{} load: 3 requests a second\n",
            False,
        ),
    ],
)
def test_a_tide_that_is_under_way_is_not_shown_as_another(tmp_path: Path, log: str, begins: bool) -> None:
    """Its seconds would be counted from the second command, and the check judges those of the tide."""
    engine = tmp_path / "docker"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.5Z")
    (tmp_path / "docker.log").write_text(log.replace("{}", now))
    script = next((ROOT / "labs").glob("14-*")) / "start/tide.sh"
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "DRYDOCK_LAB": "14"}
    done = subprocess.run(
        ["bash", script, "0"], env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert ("kill --signal USR1 drydock-14-traffic-1" in (tmp_path / "docker.asked").read_text()) is begins
    assert done.returncode == (0 if begins else 1)
    assert begins or "A tide is under way, and goes on for 1" in done.stderr


# -- the one address -------------------------------------------------------------------------------------------


def service_to(selector: dict[str, str], target: int | str = 8080) -> Service:
    ports = [{"port": 80, "targetPort": target, "nodePort": 30080}]
    of = {"name": "parcel", "namespace": "default"}
    return msgspec.convert({"metadata": of, "spec": {"selector": selector, "ports": ports}}, Service)


def a_pod(
    name: str = "parcel-a", image: str = "drydock/parcel:1.0", namespace: str = "default", **labels: str
) -> Pod:
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"containers": [{"name": "parcel", "image": image}]},
            "status": {"phase": "Pending"},
        },
        Pod,
    )


@pytest.mark.parametrize(
    ("pods", "workloads", "stray", "reason", "seen"),
    [
        pytest.param([], [], [], "no Deployment or StatefulSet makes copies", "none with app=parcel", id="refused"),
        pytest.param(
            [a_pod(image="parcel:1.0")], [{"replicas": 2}], [], "parcel-a has the image parcel:1.0", "parcel:1.0", id="image"
        ),
        pytest.param([], [{"replicas": 0}], [], "deployment/parcel, .* wants 0 copies", "none", id="zero"),
        pytest.param(
            [], [], [a_pod(app="parcels")], "finds no pod, so the one address leads nowhere\\.$",
            "selector app=parcel, and parcel-a has app=parcels", id="labels"
        ),
        pytest.param(
            [], [], [a_pod(namespace="shop", app="parcel")], "pods of its own namespace alone",
            "selector app=parcel in default, and parcel-a has app=parcel in shop", id="namespace"
        ),
    ],
)  # fmt: skip
def test_why_no_copy_is_behind_the_address_is_said_as_it_is(
    checks: Checks,
    monkeypatch: pytest.MonkeyPatch,
    pods: list[Pod],
    workloads: list[dict[str, Any]],
    stray: list[Pod],
    reason: str,
    seen: str,
) -> None:
    behind = checks(LAB, "behind")
    made = [(Workload("Deployment", "default", "parcel"), each) for each in workloads]
    for name, found in (("selected", pods), ("makers", made), ("unserved", stray)):
        monkeypatch.setattr(behind, name, lambda *_, found=found: found)
    monkeypatch.setattr(behind, "Kubernetes", lambda _: None)
    cluster = SimpleNamespace(
        api=None,
        lab=None,
        last_failure=lambda: "",
        app=lambda all_: all_[0] if "drydock/" in all_[0].image else None,
    )
    with pytest.raises(CheckFailed, match=reason) as failed:
        behind.fail_without_pods(SimpleNamespace(cluster=cluster), service_to({"app": "parcel"}))
    assert seen in failed.value.failure.seen


@pytest.mark.parametrize(
    ("ready", "target", "answers", "reason"),
    [
        (False, 8080, False, "1 copy is behind it, and none is ready"),
        (True, 8000, False, "leads to port 8000 of the copies"),
        (True, "web", False, "leads to port web of the copies"),
        (True, 8080, True, "is ready and answers its own port"),
    ],
)
def test_why_copies_give_users_no_good_answer_is_said_as_it_is(
    checks: Checks,
    monkeypatch: pytest.MonkeyPatch,
    ready: bool,
    target: int | str,
    answers: bool,
    reason: str,
) -> None:
    behind = checks(LAB, "behind")
    pod = a_pod(app="parcel")
    conditions = [{"type": "Ready", "status": "True"}] if ready else []
    pod = msgspec.structs.replace(pod, status=msgspec.convert({"conditions": conditions}, type(pod.status)))
    monkeypatch.setattr(behind, "Copies", lambda _: SimpleNamespace(pods=[pod]))
    found = SimpleNamespace(seen="0/3 nodes are available", evidence="Insufficient cpu")
    monkeypatch.setattr(behind, "hindrances", lambda *_: (found, [pod]))
    monkeypatch.setattr(behind, "answers_at", lambda *_: answers)
    copies = SimpleNamespace(cluster=SimpleNamespace(api=None))
    with pytest.raises(CheckFailed, match=reason) as failed:
        behind.fail_unanswered(
            copies, service_to({"app": "parcel"}, target), "http://127.0.0.1:8140/", "HTTP 503"
        )
    assert ready or failed.value.failure.evidence == "Insufficient cpu"


def test_a_learner_without_an_autoscaler_is_asked_what_became_of_its_file(checks: Checks) -> None:
    nobody = SimpleNamespace(
        workload=Workload("Deployment", "default", "parcel"), all=list, pods=[a_pod(app="parcel")]
    )
    with pytest.raises(CheckFailed, match="no autoscaler sets their number") as failed:
        checks(LAB, "unmeasured").fail_without_any(nobody)
    assert "what did `kubectl apply` answer about it" in failed.value.failure.hint
