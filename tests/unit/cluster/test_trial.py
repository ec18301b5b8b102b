"""The pod that is made after the learner's to try its probes on: it keeps what was written, and tells what it changed."""

from __future__ import annotations

from typing import Any

import pytest

from checker.cluster import trial


def made(container: dict[str, Any] | None = None, moved: bool = False, **spec: Any) -> trial.Trial:
    template = {
        "metadata": {"labels": {"app": "parcel"}, "annotations": {"note": "kept"}},
        "spec": {
            "containers": [{"name": "parcel", "image": "drydock/parcel:1.0", **(container or {})}],
            **spec,
        },
    }
    return trial.make(
        template,
        is_app=lambda image: image.startswith("drydock/parcel"),
        port=9000,
        labels={"trial": "yes"},
        prefix="trial-",
        env={"DELAY": "0"},
        moved=moved,
    )


def app(found: trial.Trial) -> dict[str, Any]:
    (container,) = found.pod["spec"]["containers"]
    return dict(container)


HTTP = {"httpGet": {"path": "/healthz", "port": 9000}}


def test_no_service_of_the_learner_s_finds_it_and_the_rest_of_what_it_is_called_by_is_kept() -> None:
    metadata = made().pod["metadata"]
    assert metadata["labels"] == {"trial": "yes"}
    assert metadata["annotations"] == {"note": "kept"}


def test_a_probe_keeps_what_it_asks_how_long_it_waits_and_how_it_ends_a_copy() -> None:
    probe = {**HTTP, "timeoutSeconds": 8, "terminationGracePeriodSeconds": 5, "failureThreshold": 2}
    found = made(
        {"livenessProbe": {**probe, "periodSeconds": 10, "initialDelaySeconds": 30}},
        terminationGracePeriodSeconds=60,
    )
    assert app(found)["livenessProbe"] == {**probe, "periodSeconds": 1, "initialDelaySeconds": 0}
    assert found.pod["spec"]["terminationGracePeriodSeconds"] == 60


def test_what_a_copy_does_before_it_ends_is_kept() -> None:
    hook = {"preStop": {"sleep": {"seconds": 45}}}
    assert app(made({"lifecycle": hook}))["lifecycle"] == hook


def test_what_it_asks_for_and_may_take_is_kept_for_the_container_and_for_the_pod() -> None:
    own, whole = {"limits": {"cpu": "50m"}}, {"requests": {"memory": "32Mi"}}
    found = made({"resources": own}, resources=whole)
    assert (app(found)["resources"], found.pod["spec"]["resources"]) == (own, whole)


def test_a_command_is_not_run_every_second_where_a_copy_may_use_little() -> None:
    probe = {"exec": {"command": ["x"]}, "periodSeconds": 10}
    assert app(made({"livenessProbe": probe}))["livenessProbe"]["periodSeconds"] == 5


def test_more_failures_than_three_are_not_waited_for() -> None:
    assert (
        app(made({"livenessProbe": {**HTTP, "failureThreshold": 30}}))["livenessProbe"]["failureThreshold"]
        == 3
    )


@pytest.mark.parametrize("startup", [None, {**HTTP, "periodSeconds": 5, "failureThreshold": 12}])
def test_nothing_is_asked_before_it_listens_on_the_port_that_users_are_led_to(
    startup: dict[str, Any] | None,
) -> None:
    found = app(made({"startupProbe": startup} if startup else {}))["startupProbe"]
    assert found["tcpSocket"] == {"port": 9000}
    assert trial.patience(found) >= 600


def test_a_startup_probe_that_gives_up_soon_is_left_as_it_is() -> None:
    startup = {**HTTP, "periodSeconds": 1, "failureThreshold": 5}
    assert app(made({"startupProbe": startup}))["startupProbe"] == startup


def test_it_gets_on_with_the_learner_s_copies_on_a_node() -> None:
    found = made(
        {"ports": [{"containerPort": 9000, "hostPort": 9000}]},
        hostNetwork=True,
        topologySpreadConstraints=[{"maxSkew": 1}],
        affinity={"podAntiAffinity": {"x": 1}, "nodeAffinity": {"y": 2}},
        nodeSelector={"disk": "fast"},
    )
    spec = found.pod["spec"]
    assert app(found)["ports"] == [{"containerPort": 9000}]
    assert spec["affinity"] == {"nodeAffinity": {"y": 2}}
    assert spec["nodeSelector"] == {"disk": "fast"}
    assert "hostNetwork" not in spec


def test_a_claim_of_a_stateful_set_s_own_pods_becomes_an_empty_volume() -> None:
    found = made({"volumeMounts": [{"name": "data", "mountPath": "/data"}]})
    assert found.pod["spec"]["volumes"] == [{"name": "data", "emptyDir": {}}]


def test_in_another_namespace_it_has_nothing_that_only_the_learner_s_has() -> None:
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    found = made(moved=True, serviceAccountName="me", volumes=[claim])
    assert "serviceAccountName" not in found.pod["spec"]
    assert found.pod["spec"]["volumes"] == [{"name": "data", "emptyDir": {}}]
    assert "in the checker's own namespace" in found.told


def test_what_was_changed_is_told_and_nothing_else() -> None:
    assert (
        made().told
        == "Tested on a copy of your pod with these changes: without your labels, with its own DELAY."
    )
    found = made({"livenessProbe": dict(HTTP), "ports": [{"containerPort": 1, "hostPort": 1}]})
    assert "no port of its node" in found.told
    assert "run more often" in found.told


def test_a_variable_of_the_learner_s_gives_way_and_the_others_stay() -> None:
    env = [{"name": "DELAY", "value": "9"}, {"name": "OTHER", "value": "1"}]
    assert app(made({"env": env}))["env"] == [
        {"name": "OTHER", "value": "1"},
        {"name": "DELAY", "value": "0"},
    ]


def test_everything_a_pod_takes_from_its_namespace_is_found() -> None:
    spec = {
        "containers": [
            {
                "envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}],
                "env": [{"valueFrom": {"secretKeyRef": {"name": "c", "key": "k"}}}],
            }
        ],
        "volumes": [
            {"name": "v", "configMap": {"name": "d"}},
            {"name": "w", "secret": {"secretName": "e"}},
            {"name": "x", "projected": {"sources": [{"secret": {"name": "f"}}]}},
        ],
    }
    assert sorted(trial.refers_to(spec)) == [
        ("configmaps", "a"),
        ("configmaps", "d"),
        ("secrets", "b"),
        ("secrets", "c"),
        ("secrets", "e"),
        ("secrets", "f"),
    ]


def test_a_question_that_waits_long_for_its_answer_fails_later() -> None:
    assert trial.failing({"periodSeconds": 1, "failureThreshold": 3}) == 4
    assert trial.failing({"periodSeconds": 1, "failureThreshold": 3, "timeoutSeconds": 8}) == 32
