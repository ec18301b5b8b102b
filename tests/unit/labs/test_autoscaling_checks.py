"""Lab 14's own judgements: what a record of copies says, and from which use on an autoscaler adds one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.cluster.kubernetes_records import Pod
from checker.grading.verdicts import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Checks = Callable[[str, str], ModuleType]

LAB = "14-autoscaling"
AUTOSCALER = "kube-controller-manager"


def pod(*containers: dict[str, Any]) -> Pod:
    """Return a pod with containers of these resources."""
    made = [{"name": name, "resources": each} for name, each in zip("abc", containers, strict=False)]
    return msgspec.convert({"spec": {"containers": made}}, Pod)


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
    ("metric", "added_from", "most"),
    [
        ({"type": "Utilization", "averageUtilization": 60}, 0.066, 0.2),
        ({"type": "AverageValue", "averageValue": "50m"}, 0.055, 0.2),
    ],
)
def test_a_copy_is_added_above_the_target_and_its_tolerance(
    checks: Checks, metric: dict[str, Any], added_from: float, most: float
) -> None:
    found = msgspec.convert(
        {"type": "Resource", "resource": {"name": "cpu", "target": metric}}, checks(LAB, "autoscaler").Metric
    )
    one = pod({"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}})
    assert found.added_from(one, 0.1) == pytest.approx(added_from)
    assert found.most_of(one) == pytest.approx(most)


def test_a_metric_of_the_pod_counts_every_container_and_one_of_a_container_only_that(checks: Checks) -> None:
    two = pod(
        {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}}, {"requests": {"cpu": "50m"}, "limits": {}}
    )
    target = {"type": "Utilization", "averageUtilization": 100}
    kind = checks(LAB, "autoscaler").Metric
    whole = msgspec.convert({"type": "Resource", "resource": {"name": "cpu", "target": target}}, kind)
    part = msgspec.convert(
        {
            "type": "ContainerResource",
            "containerResource": {"name": "cpu", "container": "a", "target": target},
        },
        kind,
    )
    assert (whole.added_from(two, 0.1), whole.most_of(two)) == (pytest.approx(0.165), None)
    assert (part.added_from(two, 0.0), part.most_of(two)) == (pytest.approx(0.1), pytest.approx(0.2))
    assert [whole.is_of(each) for each in two.spec.containers] == [True, True]
    assert [part.is_of(each) for each in two.spec.containers] == [True, False]
    memory = msgspec.convert({"type": "Resource", "resource": {"name": "memory", "target": target}}, kind)
    assert not memory.is_of(two.spec.containers[0])
    assert (memory.title, part.title) == ("memory", "cpu of container a")


def test_an_autoscaler_that_says_nothing_waits_five_minutes(checks: Checks) -> None:
    kind = checks(LAB, "autoscaler").Autoscaler
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    assert kind().patience == 300
    assert msgspec.convert({"spec": {"behavior": behavior}}, kind).patience == 0


def test_an_autoscaler_may_say_how_far_from_its_target_it_does_nothing(checks: Checks) -> None:
    kind = checks(LAB, "autoscaler").Autoscaler
    exact = {"scaleUp": {"tolerance": "50m"}}
    assert kind().tolerance == 0.1
    assert msgspec.convert({"spec": {"behavior": exact}}, kind).tolerance == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("numbers", "rest"), [([], []), ([2, 6, 2], [2, 6, 2]), ([6, 4, 2, 5, 2], [2, 5, 2]), ([6, 2], [2])]
)
def test_copies_of_an_earlier_tide_are_no_part_of_this_one(
    checks: Checks, numbers: list[int], rest: list[int]
) -> None:
    assert checks(LAB, "tide").risen(numbers) == rest


def scaled(checks: Checks, up: dict[str, Any] | None = None, *, high: int = 6, limit: float = 0.2) -> Any:
    """Return copies whose autoscaler adds some as `up` says."""
    spec = {"maxReplicas": high, "behavior": {"scaleUp": up or {}}}
    found = msgspec.convert(
        {"metadata": {"name": "parcel"}, "spec": spec}, checks(LAB, "autoscaler").Autoscaler
    )
    nothing = SimpleNamespace(get=lambda _: [{"items": []}])
    return SimpleNamespace(
        space="", autoscaler=found, limit=limit, pods=[], workload=SimpleNamespace(namespace="default"),
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
        checks(LAB, "reasons").fail_late(scaled(checks, up), wanted, 136, 95, "")
    assert hint in failed.value.failure.hint


@pytest.mark.parametrize(
    ("up", "numbers", "wanted", "reason"),
    [
        pytest.param(
            {}, [2, 5, 2], 40.0, "wanted more copies 40 s after .* no new one was ready", id="none ready"
        ),
        pytest.param({"selectPolicy": "Disabled"}, [2], None, "its `scaleUp` is disabled", id="disabled"),
        pytest.param({}, [2], None, "no copy was added\\.", id="none wanted"),
        pytest.param({}, [6], None, "nothing was left to add", id="at the ceiling"),
    ],
)
def test_copies_that_were_wanted_and_never_ready_are_told_from_none_that_were_wanted(
    checks: Checks, up: dict[str, Any], numbers: list[int], wanted: float | None, reason: str
) -> None:
    with pytest.raises(CheckFailed, match=reason):
        checks(LAB, "reasons").fail_never_added(scaled(checks, up), numbers, wanted, 6, "")


@pytest.mark.parametrize(
    ("high", "limit", "up", "reason"),
    [
        pytest.param(3, 0.1, {}, "The limit of each copy allows all of them together 300m", id="ceiling"),
        pytest.param(3, 0.2, {}, "New ones take their time", id="room enough"),
        pytest.param(6, 0.2, {"stabilizationWindowSeconds": 90}, "waits for 90 s", id="window"),
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
