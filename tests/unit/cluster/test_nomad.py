"""Nomad as checks see it: what counts as a copy, when it is well, what found no place, and what the API said."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from checker.cluster.interface import tag_of
from checker.cluster.nomad import Nomad
from checker.cluster.nomad_records import Deployment, Group, GroupDeployment, Job
from checker.engine.shell import Completed
from checker.grading.verdicts import CouldNotRun

GROUP = {
    "Name": "web",
    "Count": 2,
    "Tasks": [{"Name": "parcel", "Driver": "docker", "Config": {"image": "drydock/parcel:1.0"}}],
    "Services": [{"Provider": "nomad", "Checks": [{"Type": "http"}]}],
}


def job(version: int = 0, tag: str = "1.0", **changes: Any) -> dict[str, Any]:
    task = {"Name": "parcel", "Driver": "docker", "Config": {"image": f"drydock/parcel:{tag}"}}
    group = {**GROUP, "Tasks": [task]}
    return {"ID": "parcel", "Type": "service", "Version": version, "TaskGroups": [group], **changes}


def allocation(name: str, node: str, **changes: Any) -> dict[str, Any]:
    return {
        "ID": name,
        "NodeName": node,
        "TaskGroup": "web",
        "JobVersion": 0,
        "DesiredStatus": "run",
        "ClientStatus": "running",
        "CreateIndex": 1,
        **changes,
    }


@dataclass
class Server:
    """A server whose curl answers from a table, by path; what is not in it is not there."""

    answers: dict[str, Any]
    broken: int = 0
    asked: list[str] = field(default_factory=list)
    id: str = "server"

    def exec(self, command: str, timeout: float = 0, user: str | None = None) -> Completed:  # noqa: ARG002
        """Answer as curl would, one request after the other."""
        said = ""
        for part in command.split("http://127.0.0.1:4646/v1/")[1:]:
            path = part.split("'")[0].split(" ")[0]
            self.asked.append(path)
            if self.broken:
                said += f"No cluster leader\n{self.broken}\n"
            elif path in self.answers:
                said += f"{json.dumps(self.answers[path])}\n200\n"
            else:
                said += "job not found\n404\n"
        return Completed(0, said.encode(), b"")


@dataclass
class TheLab:
    """A lab with nothing but that server."""

    server: Server
    number: str = "11"

    def node(self, service: str) -> Server:
        """Give the server."""
        assert service == "server"
        return self.server


def cluster(answers: dict[str, Any] | None = None, broken: int = 0) -> Nomad:
    return Nomad(TheLab(Server(answers or {}, broken)))  # type: ignore[arg-type]


WELL = {"1": {"Status": "success", "Check": "ready"}}
ILL = {"1": {"Status": "failure", "Check": "ready", "Output": "connection refused"}}


def running(checks: Any, **changes: Any) -> Nomad:
    return cluster(
        {
            "job/parcel/allocations": [allocation("a", "client-1", **changes)],
            "job/parcel/versions": {"Versions": [job()]},
            "client/allocation/a/checks": checks,
        }
    )


def test_an_allocation_is_a_copy_with_its_node_and_the_version_of_its_job() -> None:
    (copy,) = running(WELL).instances()
    assert (copy.id, copy.node, copy.version, copy.image, copy.ready) == (
        "a",
        "client-1",
        "1.0",
        "drydock/parcel:1.0",
        True,
    )


def test_a_copy_whose_check_fails_is_not_ready_although_it_runs() -> None:
    (copy,) = running(ILL).instances()
    assert not copy.ready


def test_the_check_that_a_copy_does_not_pass_is_told() -> None:
    nomad = running(ILL)
    refused = nomad.refused(nomad.instances()[0])
    assert refused is not None
    assert refused.status == "failure"


def test_a_copy_that_is_well_is_refused_by_no_check() -> None:
    nomad = running(WELL)
    assert nomad.refused(nomad.instances()[0]) is None


@pytest.mark.parametrize(
    ("result", "unanswered"),
    [
        ({"Status": "failure", "StatusCode": 404}, False),
        ({"Status": "failure", "Output": "connection refused"}, True),
        ({"Status": "pending"}, False),
    ],
)
def test_a_check_without_an_answer_is_told_from_one_with_a_bad_answer(
    result: dict[str, Any], unanswered: bool
) -> None:
    nomad = running({"1": result})
    refused = nomad.refused(nomad.instances()[0])
    assert refused is not None
    assert refused.unanswered == unanswered


def test_what_happened_last_to_a_copy_is_read_from_its_own_page() -> None:
    nomad = running(ILL)
    # Unlike the list of all, an allocation's page has the job itself, and no number of its version.
    page = {name: value for name, value in allocation("a", "client-1").items() if name != "JobVersion"}
    events = [
        {"Type": "Started", "DisplayMessage": "Task started by client", "Time": 2},
        {"Type": "Received", "DisplayMessage": "Task received by client", "Time": 1},
    ]
    nomad.api.server.answers["allocation/a"] = {  # type: ignore[attr-defined]
        **page,
        "Job": job(),
        "TaskStates": {"parcel": {"State": "running", "Events": events}},
    }
    assert nomad.last_event(nomad.instances()[0]) == "Started: Task started by client"
    # What Nomad does about a failure does not say what failed.
    events += [
        {"Type": "Driver Failure", "DisplayMessage": "Failed to pull `drydock/parcel:3.0`", "Time": 3},
        {"Type": "Not Restarting", "DisplayMessage": "Error was unrecoverable", "Time": 4},
    ]
    assert nomad.last_event(nomad.instances()[0]) == "Driver Failure: Failed to pull `drydock/parcel:3.0`"


@pytest.mark.parametrize(
    ("check", "update", "line"),
    [
        ({}, {}, ""),
        ({}, {"HealthCheck": "checks"}, ""),
        ({"OnUpdate": "require_healthy"}, {}, ""),
        ({"OnUpdate": "ignore"}, {}, 'on_update = "ignore"'),
        ({}, {"HealthCheck": "task_states"}, 'health_check = "task_states"'),
    ],
)
def test_a_line_by_which_checks_do_not_decide_is_told(
    check: dict[str, str], update: dict[str, str], line: str
) -> None:
    services = [{"Provider": "nomad", "Checks": [{"Type": "http", **check}]}]
    group = msgspec.convert({**GROUP, "Services": services, "Update": update}, Group)
    assert group.unheard == line


def test_an_ignored_check_beside_one_of_an_open_port_does_not_decide_either() -> None:
    def unheard(*checks: dict[str, str]) -> str:
        return msgspec.convert(
            {**GROUP, "Services": [{"Provider": "nomad", "Checks": checks}]}, Group
        ).unheard

    ignored = {"Type": "http", "OnUpdate": "ignore"}
    assert unheard(ignored, {"Type": "tcp"}) == 'on_update = "ignore"'
    assert unheard(ignored, {"Type": "http"}) == ""
    assert unheard({"Type": "tcp"}) == ""


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_copy_that_nobody_asks_is_as_good_as_nomad_thinks(nothing: Any) -> None:
    (copy,) = running(nothing).instances()
    assert copy.ready


@pytest.mark.parametrize(
    "over",
    [
        {"DesiredStatus": "stop"},
        {"ClientStatus": "lost"},
        {"ClientStatus": "complete"},
        {"ClientStatus": "failed", "NextAllocation": "b"},
    ],
)
def test_what_was_stopped_lost_or_replaced_is_no_copy(over: dict[str, Any]) -> None:
    assert running(WELL, **over).instances() == []


@pytest.mark.parametrize("status", ["pending", "unknown", "failed"])
def test_a_copy_that_does_not_run_is_not_ready_and_is_not_asked(status: str) -> None:
    nomad = running(WELL, ClientStatus=status)
    assert [each.ready for each in nomad.instances()] == [False]
    assert "client/allocation/a/checks" not in nomad.api.server.asked  # type: ignore[attr-defined]


def test_a_job_that_is_not_there_or_was_stopped_is_none() -> None:
    assert cluster().job is None
    assert cluster({"job/parcel": job(Stop=True)}).job is None
    assert cluster().instances() == []


def test_what_found_no_client_is_told_with_every_reason() -> None:
    failed = {
        "web": {
            "ConstraintFiltered": {"${attr.consul.version} semver >= 1.8.0": 3},
            "DimensionExhausted": {"network: reserved port collision http=8080": 1},
        }
    }
    looks = [
        {"Status": "complete", "CreateIndex": 5, "FailedTGAllocs": failed},
        {"Status": "complete", "CreateIndex": 2},
    ]
    unplaced = cluster({"job/parcel/evaluations": looks}).unplaced()
    assert unplaced is not None
    assert (
        unplaced.why
        == "${attr.consul.version} semver >= 1.8.0 (3), network: reserved port collision http=8080 (1)"
    )


def test_a_data_centre_without_clients_is_told_as_the_reason() -> None:
    failed = {"web": {"NodesEvaluated": 0, "NodesAvailable": {}}}
    looks = [{"Status": "complete", "CreateIndex": 5, "FailedTGAllocs": failed}]
    unplaced = cluster({"job/parcel/evaluations": looks}).unplaced()
    assert unplaced is not None
    assert unplaced.why == "no client that takes work is in the job's data centre"


def test_clients_that_are_there_and_take_nothing_new_are_closed() -> None:
    nodes = [
        {"Name": "client-1", "Status": "ready", "SchedulingEligibility": "eligible"},
        {"Name": "client-2", "Status": "ready", "SchedulingEligibility": "ineligible"},
        {"Name": "client-3", "Status": "down", "SchedulingEligibility": "ineligible"},
    ]
    assert cluster({"nodes": nodes}).closed() == ["client-2"]


def test_all_jobs_are_told_by_their_names() -> None:
    found = [{"ID": "practice", "Namespace": "default"}, {"ID": "parcel", "Namespace": "shop", "Stop": True}]
    assert cluster({"jobs?namespace=*": found}).others() == ["parcel (stopped)", "practice"]


def test_what_found_a_place_since_is_not_told() -> None:
    looks = [
        {"Status": "complete", "CreateIndex": 5, "FailedTGAllocs": {"web": {"CoalescedFailures": 1}}},
        {"Status": "complete", "CreateIndex": 9},
    ]
    assert cluster({"job/parcel/evaluations": looks}).unplaced() is None


def test_a_deployment_waits_while_its_canaries_are_not_promoted() -> None:
    def deployment(status: str, *, promoted: bool, canaries: int = 1) -> Deployment:
        group = GroupDeployment(promoted=promoted, desired_canaries=canaries)
        return Deployment(id="d", job_version=1, status=status, task_groups={"web": group})

    assert deployment("running", promoted=False).waits
    assert not deployment("running", promoted=True).waits
    assert not deployment("running", promoted=False, canaries=0).waits
    assert not deployment("failed", promoted=False).waits


def test_the_newest_deployment_comes_first() -> None:
    found = [
        {"ID": "one", "JobVersion": 0, "Status": "successful", "CreateIndex": 1},
        {"ID": "two", "JobVersion": 1, "Status": "running", "CreateIndex": 7},
    ]
    assert [each.id for each in cluster({"job/parcel/deployments": found}).deployments()] == ["two", "one"]


def test_the_same_job_has_the_same_fingerprint_in_a_later_version_and_another_job_has_not() -> None:
    first = cluster({"job/parcel": job(ModifyIndex=3, SubmitTime=1)}).fingerprint()
    assert cluster({"job/parcel": job(4, ModifyIndex=9, SubmitTime=2)}).fingerprint() == first
    assert cluster({"job/parcel": job(tag="2.0")}).fingerprint() != first


def test_a_client_that_takes_nothing_new_changes_the_terms_of_a_loss() -> None:
    def terms(eligibility: str) -> str:
        node = {"Name": "client-1", "Status": "ready", "SchedulingEligibility": eligibility}
        return cluster({"job/parcel": job(), "nodes": [node]}).terms()

    assert terms("eligible") == terms("eligible") != terms("ineligible")


def test_a_client_is_counted_on_when_it_is_ready_eligible_and_has_an_engine() -> None:
    node = {
        "Name": "client-1",
        "Status": "ready",
        "SchedulingEligibility": "eligible",
        "Drivers": {"docker": {"Healthy": True}},
    }
    assert cluster({"nodes": [node]}).is_ready("client-1")
    for wrong in (
        {"Status": "down"},
        {"SchedulingEligibility": "ineligible"},
        {"Drivers": {"docker": {"Healthy": False}}},
        {"Drivers": None},
        {"Name": "client-2"},
    ):
        assert not cluster({"nodes": [{**node, **wrong}]}).is_ready("client-1")


def test_a_server_without_a_leader_is_not_the_learners_fault() -> None:
    with pytest.raises(CouldNotRun, match="No cluster leader"):
        cluster(broken=500).instances()


def test_a_job_is_found_in_whichever_namespace_it_is() -> None:
    found = [
        {"ID": "other", "Namespace": "shop"},
        {"ID": "parcel", "Namespace": "old", "Stop": True},
        {"ID": "parcel", "Namespace": "shop"},
    ]
    nomad = cluster({"jobs?namespace=*": found, "job/parcel?namespace=shop": job()})
    assert nomad.job is not None
    assert nomad.shows() == "nomad job status -namespace shop parcel"


def test_a_job_of_the_default_namespace_comes_first_and_needs_no_name_of_it() -> None:
    found = [{"ID": "parcel", "Namespace": "a"}, {"ID": "parcel", "Namespace": "default"}]
    nomad = cluster({"jobs?namespace=*": found, "job/parcel": job()})
    assert nomad.job is not None
    assert nomad.shows() == "nomad job status parcel"


def test_a_job_that_runs_an_image_is_found_whatever_its_name_and_the_registry_s() -> None:
    spec = job()
    spec["TaskGroups"][0]["Tasks"][0]["Config"]["image"] = "docker.io/drydock/parcel:1.0"
    answers = {"jobs?namespace=*": [{"ID": "shop", "Namespace": "s"}], "job/shop?namespace=s": spec}
    nomad = Nomad(TheLab(Server(answers)), image="drydock/parcel")  # type: ignore[arg-type]
    assert (nomad.name, nomad.namespace) == ("shop", "s")


def test_of_several_jobs_that_run_an_image_the_one_with_the_most_copies_is_meant() -> None:
    trial = job()
    trial["TaskGroups"][0]["Count"] = 1
    found = [{"ID": "trial"}, {"ID": "web"}, {"ID": "zoo"}]
    answers = {"jobs?namespace=*": found, "job/trial": trial, "job/web": job(), "job/zoo": job()}
    assert Nomad(TheLab(Server(answers)), image="drydock/parcel").name == "web"  # type: ignore[arg-type]
    assert Nomad(TheLab(Server({"jobs?namespace=*": []})), image="drydock/parcel").name == "parcel"  # type: ignore[arg-type]


def test_a_port_that_another_job_holds_is_told_with_the_client_and_the_job() -> None:
    def occupant(job: str, node: str, **changes: Any) -> dict[str, Any]:
        held = {"Shared": {"Ports": [{"Label": "http", "Value": 8080, "To": 8080}]}}
        told = {"JobID": job, "Namespace": "default", "NodeName": node, "ClientStatus": "running"}
        return {**told, "AllocatedResources": held, **changes}

    answers = {
        "allocations?namespace=*&resources=true": [
            occupant("parcel", "client-1"),
            occupant("shop", "client-3"),
            occupant("parcel", "client-2", Namespace="blue"),
            occupant("ended", "client-1", ClientStatus="complete"),
            occupant("none", "client-1", AllocatedResources={"Shared": {"Ports": None}}),
        ]
    }
    assert cluster(answers).holders(8080) == [
        ("client-2", "parcel of the namespace blue"),
        ("client-3", "shop"),
    ]
    assert cluster(answers).holders(9090) == []


@pytest.mark.parametrize(
    ("image", "meta", "env"),
    [
        ("drydock/parcel:${NOMAD_META_release}", {"release": "2.0"}, None),
        ("drydock/parcel:${NOMAD_META_RELEASE}", {"release": "2.0"}, None),
        ("${IMAGE}", None, {"IMAGE": "drydock/parcel:2.0"}),
    ],
)
def test_a_variable_that_a_client_fills_in_is_filled_in(image: str, meta: Any, env: Any) -> None:
    task = {"Name": "parcel", "Driver": "docker", "Config": {"image": image}, "Env": env}
    told = msgspec.convert(job(TaskGroups=[{**GROUP, "Tasks": [task]}], Meta=meta), Job)
    assert told.task_groups[0].image == "drydock/parcel:2.0"


def test_a_variable_that_nobody_knows_stays_as_it_is() -> None:
    assert msgspec.convert(job(tag="${NOMAD_META_release}"), Job).tag == "${NOMAD_META_release}"


def test_the_version_of_a_job_is_that_of_a_group_with_copies() -> None:
    empty = {**GROUP, "Count": 0}
    full = job(tag="2.0")["TaskGroups"][0]
    assert msgspec.convert(job(TaskGroups=[empty, full]), Job).tag == "2.0"


def test_a_lost_copy_without_a_place_is_told_and_not_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    full = {"web": {"DimensionExhausted": {"network: reserved port collision http=8080": 1}}}
    nomad = cluster(
        {
            "job/parcel/evaluations": [{"Status": "complete", "CreateIndex": 5, "FailedTGAllocs": full}],
            "nodes": [{"Name": "client-3", "Status": "ready", "SchedulingEligibility": "ineligible"}],
        }
    )
    why = nomad.why_not_replaced()
    assert why() == ""
    now = 110.0
    assert "client-3 was told to take nothing new; network" in why()


def test_a_task_that_runs_before_the_others_is_not_the_version_of_a_copy() -> None:
    before = {
        "Name": "prepare",
        "Driver": "docker",
        "Config": {"image": "drydock/parcel:1.0"},
        "Lifecycle": {"Hook": "prestart"},
    }
    after = {"Name": "parcel", "Driver": "docker", "Config": {"image": "drydock/parcel:2.0"}}
    assert msgspec.convert({**GROUP, "Tasks": [before, after]}, Group).version == "2.0"


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("drydock/parcel:2.0", "2.0"),
        ("registry:5000/parcel", ""),
        ("registry:5000/parcel:2.0@sha256:abc", "2.0"),
        ("", ""),
    ],
)
def test_the_tag_of_an_image_is_what_stands_behind_the_last_colon_of_its_name(image: str, tag: str) -> None:
    assert tag_of(image) == tag


def test_the_versions_of_a_job_are_its_orders() -> None:
    old = job(0, "1.0")
    old["TaskGroups"][0]["Tasks"][0]["Env"] = {"PARCEL_VERSION": "1.0"}
    (history,) = cluster({"job/parcel/versions": {"Versions": [job(1, "2.0"), old]}}).orders()
    assert [(each.version, "PARCEL_VERSION" in each.text) for each in history] == [
        ("2.0", False),
        ("1.0", True),
    ]
    assert history[0].source == "nomad job history -p parcel"


@pytest.mark.parametrize(
    ("restarts", "ago", "words"), [(1, 5, ""), (3, 500, ""), (3, 5, "parcel on client-1 was restarted 3")]
)
def test_a_task_that_is_restarted_again_and_again_does_not_stay(restarts: int, ago: int, words: str) -> None:
    now = 1795967200
    events = [{"Type": "Terminated", "Time": (now - ago) * 10**9}, {"Type": "Started", "Time": now * 10**9}]
    state = {"State": "running", "Restarts": restarts, "Events": events}
    found = running(WELL)
    lab: Any = found._lab
    lab.server.answers["allocation/a"] = {"TaskStates": {"parcel": state}}
    lab.engine = SimpleNamespace(clock=SimpleNamespace(now=lambda: float(now)))
    assert words in found.unsteady()
    assert bool(found.unsteady()) == bool(words)
