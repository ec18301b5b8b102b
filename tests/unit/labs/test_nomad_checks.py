"""Lab 11's own judgements: the bad release that is handed over, and what is said of a release that is not done."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.cluster.interface import Instance
from checker.cluster.nomad import settled
from checker.cluster.nomad_records import CheckResult, Deployment, GroupDeployment, Job
from checker.grading.verdicts import CheckFailed, CouldNotRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Checks = Callable[[str, str], ModuleType]


def task(image: str = "drydock/parcel:2.0", **changes: Any) -> dict[str, Any]:
    return {"Name": "parcel", "Driver": "docker", "Config": {"image": image}, **changes}


def job(*tasks: dict[str, Any], to: int = 8080, **changes: Any) -> dict[str, Any]:
    group = {
        "Name": "web",
        "Count": 2,
        "Tasks": list(tasks or (task(),)),
        "Networks": [{"ReservedPorts": [{"Label": "http", "Value": 8080, "To": to}]}],
        **changes,
    }
    return {"ID": "parcel", "Type": "service", "Version": 1, "TaskGroups": [group]}


def programs(checks: Checks, spec: dict[str, Any]) -> list[str]:
    """Return what each task of the bad release runs; empty for what it leaves as it is."""
    bad = checks("11-nomad", "trial").bad_copy(spec)
    return [(each["Config"].get("args") or ["", ""])[1] for each in bad["TaskGroups"][0]["Tasks"]]


def test_a_bad_release_listens_where_parcel_did(checks: Checks) -> None:
    (program,) = programs(checks, job(to=9000))
    assert "for n in {9000} | {int(p) if p.isdecimal() else 8080}" in program
    assert "PARCEL_PORT" in program


def test_a_bad_release_listens_on_its_usual_port_where_the_job_names_none(checks: Checks) -> None:
    assert "{8080} |" in programs(checks, job(to=0))[0]


def test_what_runs_before_a_copy_is_no_part_of_a_bad_release(checks: Checks) -> None:
    before = task("drydock/parcel:1.0", Name="prepare", Lifecycle={"Hook": "prestart"})
    assert [bool(each) for each in programs(checks, job(before, task()))] == [False, True]


def test_a_bad_release_is_asked_every_second_however_seldom_the_jobs_own_checks_ask(checks: Checks) -> None:
    def services(interval: int) -> list[dict[str, Any]]:
        return [{"Checks": [{"Type": "tcp", "Interval": interval}]}, {"Checks": None}]

    spec = job(task(Services=services(5 * 10**9)), Services=services(60 * 10**9))
    (group,) = checks("11-nomad", "trial").bad_copy(spec)["TaskGroups"]
    asked = [*group["Services"][0]["Checks"], *group["Tasks"][0]["Services"][0]["Checks"]]
    assert [each["Interval"] for each in asked] == [10**9, 10**9]
    assert spec["TaskGroups"][0]["Services"][0]["Checks"][0]["Interval"] == 60 * 10**9


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("pending", "has not run the job's check on it yet"),
        ("failure", "the check of the job gets no answer"),
    ],
)
def test_a_check_that_was_not_asked_yet_has_not_failed(checks: Checks, status: str, words: str) -> None:
    found = [
        Instance(id="a1", node="client-1", version="1.0", ready=True),
        Instance(id="a2", node="client-2", version="1.0", ready=False),
    ]
    nomad = SimpleNamespace(option="", refused=lambda _: CheckResult(status=status, check="alive"))
    with pytest.raises(CheckFailed, match=words):
        checks("11-nomad", "job")._fail_unready(nomad, found)


def test_an_image_with_its_registry_s_name_is_parcel_too(checks: Checks) -> None:
    spec = job(task("docker.io/drydock/parcel:2.0"))
    assert programs(checks, spec)[0]
    assert checks("11-nomad", "job").group_of(msgspec.convert(spec, Job)) is not None


def test_another_registry_s_image_of_that_name_is_not(checks: Checks) -> None:
    spec = job(task("registry.example/drydock/parcel:2.0"))
    assert checks("11-nomad", "job").group_of(msgspec.convert(spec, Job)) is None


class Nomad:
    """A cluster with copies and a newest deployment, as a test says."""

    name, option = "parcel", ""
    ineligible: tuple[str, ...] = ()
    lost = ""
    said = ""
    image = ""
    held: tuple[tuple[str, str], ...] = ()

    def __init__(self, *versions: str, deployment: Deployment | None = None, tag: str = "2.0") -> None:
        self._found = [
            Instance(id=f"a{number}", node=f"client-{number}", version=version, ready=True)
            for number, version in enumerate(versions, 1)
        ]
        self._deployments = [deployment] if deployment else []
        self._tag = tag

    def instances(self) -> list[Instance]:
        """Return the copies."""
        return self._found

    def deployments(self) -> list[Deployment]:
        """Return the deployment."""
        return self._deployments

    def versions(self) -> dict[int, Any]:
        """Return the version that it brings."""
        return {1: msgspec.convert(job(task(self.image or f"drydock/parcel:{self._tag}")), Job)}

    def last_event(self, instance: Instance) -> str:
        """Return what happened to the copy that is not well."""
        assert not instance.ready
        return self.said

    def unplaced(self) -> Any:
        """Return why something has no place."""
        return SimpleNamespace(why="network: reserved port collision http=8080 (3)")

    def closed(self) -> tuple[str, ...]:
        """Return the clients that take nothing new."""
        return self.ineligible

    def ailing(self) -> str:
        """Return which client is lost."""
        return self.lost

    def holders(self, port: int) -> list[tuple[str, str]]:
        """Return what else holds a port."""
        return list(self.held) if port == 8080 else []

    def shows(self) -> str:
        """Return a command."""
        return "nomad job status parcel"


def waiting(canaries: int, placed: int, *, by_itself: bool = False) -> Deployment:
    group = GroupDeployment(
        desired_canaries=canaries,
        placed_canaries=[f"a{n}" for n in range(placed)],
        auto_promote=by_itself,
    )
    return Deployment(id="d", job_version=1, status="running", task_groups={"web": group})


def told(checks: Checks, nomad: Nomad) -> str:
    with pytest.raises(CheckFailed) as caught:
        checks("11-nomad", "release").require_version_2(nomad)
    return str(caught.value)


@pytest.mark.parametrize(
    ("canaries", "words"),
    [
        (1, "wants 1 canary, which finds no client with port 8080 free"),
        (2, "wants 2 canaries; 0 have a place, and another finds no client"),
    ],
)
def test_a_canary_without_a_place_was_handed_over_and_is_told_so(
    checks: Checks, canaries: int, words: str
) -> None:
    assert words in told(checks, Nomad("1.0", "1.0", "1.0", deployment=waiting(canaries, 0)))


def test_a_canary_that_waits_for_somebody_is_told_as_that(checks: Checks) -> None:
    said = told(checks, Nomad("1.0", "1.0", "2.0", deployment=waiting(1, 1)))
    assert "runs on client-3 as a canary, beside the copies of 1.0" in said


def test_a_canary_of_the_version_that_runs_already_is_told_from_the_copies_beside_it(checks: Checks) -> None:
    release = waiting(1, 2)
    release.task_groups["web"].placed_canaries[:] = ["a3"]  # type: ignore[index]
    said = told(checks, Nomad("2.0", "2.0", "2.0", deployment=release))
    assert "runs on client-3 as a canary, beside the copies of 2.0, and waits" in said


def test_a_canary_that_nomad_promotes_by_itself_is_under_way_and_waits_for_nobody(checks: Checks) -> None:
    by_itself, by_somebody = waiting(1, 1, by_itself=True), waiting(1, 1)
    assert not settled(Nomad("1.0", "1.0", "2.0", deployment=by_itself))  # type: ignore[arg-type]
    assert settled(Nomad("1.0", "1.0", "2.0", deployment=by_somebody))  # type: ignore[arg-type]
    said = told(checks, Nomad("1.0", "1.0", deployment=waiting(2, 1, by_itself=True)))
    assert "wants 2 canaries; 1 has a place, and another finds no client" in said


def test_a_canary_that_has_no_place_yet_is_under_way_until_nomad_finds_none() -> None:
    nomad: Any = Nomad("1.0", "1.0", deployment=waiting(1, 0))
    assert settled(nomad)
    nomad.unplaced = lambda: None
    assert not settled(nomad)


def test_more_copies_than_asked_for_are_no_half_done_release(checks: Checks) -> None:
    assert "3 copies of 2.0 run; the task asks for 2" in told(checks, Nomad("2.0", "2.0", "2.0"))


def test_old_and_new_beside_each_other_are_a_half_done_release(checks: Checks) -> None:
    assert "half done" in told(checks, Nomad("1.0", "2.0"))


def test_copies_of_two_groups_are_counted_together(checks: Checks) -> None:
    spec = job(Count=2)
    spec["TaskGroups"].append({**job()["TaskGroups"][0], "Name": "more", "Count": 1})
    with pytest.raises(CheckFailed, match="wants 3 copies") as caught:
        checks("11-nomad", "job").require_two_copies(Nomad(), msgspec.convert(spec, Job))
    assert caught.value.failure.seen == "count = 2 in the group web and count = 1 in the group more"


@pytest.mark.parametrize(
    "why", ["network: reserved port collision http=8080 (3)", "distinct_hosts (1), port collision (1)"]
)
def test_a_client_that_takes_nothing_new_is_told_as_that_and_not_as_a_port_in_use(
    checks: Checks, why: str
) -> None:
    nomad: Any = Nomad("1.0", "1.0", deployment=waiting(1, 0))
    half: Any = Nomad("1.0")
    for each in (nomad, half):
        each.unplaced = lambda: SimpleNamespace(why=why)
        each.ineligible = ("client-3",)
    assert "client-3 was told to take nothing new" in told(checks, nomad)
    with pytest.raises(CheckFailed, match="client-3 was told to take nothing new"):
        checks("11-nomad", "job").require_two_copies(half, msgspec.convert(job(), Job))


@pytest.mark.parametrize("why", ["network: reserved port collision http=8080 (2)", "distinct_hosts (2)"])
def test_a_client_that_is_lost_is_told_before_what_has_no_place(checks: Checks, why: str) -> None:
    nomad: Any = Nomad("1.0", "1.0", deployment=waiting(1, 0))
    half: Any = Nomad("1.0")
    for each in (nomad, half):
        each.unplaced = lambda: SimpleNamespace(why=why)
        each.lost = "client-2 is lost: `lab lose 11 --back` brings it back."
    with pytest.raises(CouldNotRun, match="A canary of the release finds no client, and it may be for want"):
        checks("11-nomad", "release").require_version_2(nomad)
    with pytest.raises(CouldNotRun, match="1 of 2 copies runs, and it may be for want of a client"):
        checks("11-nomad", "job").require_two_copies(half, msgspec.convert(job(), Job))


def test_a_canary_on_the_way_back_to_1_0_is_told_to_be_promoted_as_well(checks: Checks) -> None:
    said = told(checks, Nomad("2.0", "2.0", "1.0", deployment=waiting(1, 1), tag="1.0"))
    assert "Version 1.0 runs on client-3 as a canary, beside the copies of 2.0" in said
    without = told(checks, Nomad("2.0", "2.0", deployment=waiting(2, 0), tag="1.0"))
    assert "wants 2 canaries; 0 have a place" in without


@pytest.mark.parametrize("tag", ["2", "v2.0", "2.O"])
def test_a_slip_in_the_tag_is_told_by_the_image_and_what_a_client_said_of_it(
    checks: Checks, tag: str
) -> None:
    nomad = Nomad("1.0", "1.0", tag, deployment=waiting(1, 1), tag=tag)
    nomad._found[2] = replace(nomad._found[2], ready=False)
    nomad.said = "Driver Failure: Failed to pull"
    with pytest.raises(CheckFailed, match=f"of the image `drydock/parcel:{tag}`") as caught:
        checks("11-nomad", "release").require_version_2(nomad)
    assert caught.value.failure.evidence == nomad.said


def test_an_image_without_its_first_part_is_no_version_2_0_that_was_tried(checks: Checks) -> None:
    failed = Deployment(id="d", job_version=1, status="failed", status_description="Failed due to progress")
    nomad = Nomad("1.0", "1.0", deployment=failed)
    nomad.image = "parcel:2.0"
    assert "was of the image `parcel:2.0`" in told(checks, nomad)


def test_a_canary_of_such_an_image_does_not_run_and_waits_for_nobody(checks: Checks) -> None:
    nomad = Nomad("1.0", "1.0", deployment=waiting(1, 1))
    nomad.image = "parcel:2.0"
    assert "was of the image `parcel:2.0`" in told(checks, nomad)


def test_the_image_of_a_job_is_that_of_a_group_which_has_copies(checks: Checks) -> None:
    old, new = task("drydock/parcel:1.0"), task("drydock/parcel:2.1")
    groups = [{**job(each)["TaskGroups"][0], "Count": count} for each, count in ((old, 0), (new, 2))]
    both = msgspec.convert({**job(new), "TaskGroups": groups}, Job)
    assert checks("11-nomad", "release")._image_of(both) == "drydock/parcel:2.1"


def test_a_slip_in_the_tag_is_told_also_after_nomad_has_taken_it_back(checks: Checks) -> None:
    nomad: Any = Nomad("1.0", "1.0")
    numbers = {0: "1.0", 1: "2", 2: "1.0"}
    nomad.versions = lambda: {
        number: msgspec.convert({**job(task(f"drydock/parcel:{tag}")), "Version": number}, Job)
        for number, tag in numbers.items()
    }
    failed = Deployment(id="bad", job_version=1, status="failed", status_description="Failed due to progress")
    nomad.deployments = lambda: [Deployment(id="back", job_version=2, status="successful"), failed]
    assert "was of the image `drydock/parcel:2`" in told(checks, nomad)
    numbers[1] = "2.0"
    assert "Version 2.0 was tried and did not become healthy" in told(checks, nomad)


@pytest.mark.parametrize(
    ("count", "words"), [(0, "wants no copy"), (1, "wants one copy"), (3, "wants 3 copies")]
)
def test_another_number_of_copies_is_told_by_what_it_costs(checks: Checks, count: int, words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        checks("11-nomad", "job").require_two_copies(Nomad(), msgspec.convert(job(Count=count), Job))


def test_a_canary_that_a_constraint_keeps_away_is_not_told_as_a_port_in_use(checks: Checks) -> None:
    nomad = Nomad("1.0", "1.0", deployment=waiting(1, 0))
    nomad.unplaced = lambda: SimpleNamespace(why="${node.unique.name} = client-1 (1), port 8080 (2)")  # type: ignore[method-assign]
    nomad.ineligible = ("client-3",)
    assert "which finds no client that may take it" in told(checks, nomad)


def test_a_release_that_was_taken_back_was_handed_over_and_is_told_so(checks: Checks) -> None:
    assert "a later version of the job brought 1.0 back" in told(checks, Nomad("1.0", "1.0"))
    assert "was not handed to Nomad" in told(checks, Nomad("1.0", "1.0", tag="1.0"))


def test_a_release_that_somebody_gave_up_is_not_told_as_unhealthy(checks: Checks) -> None:
    failed = Deployment(
        id="d", job_version=1, status="failed", status_description="Deployment marked as failed"
    )
    assert "marked as failed by hand" in told(checks, Nomad("1.0", "1.0", deployment=failed))


def test_a_job_without_deployments_is_told_of_the_line_that_says_so(checks: Checks) -> None:
    nomad = Nomad("2.0", "2.0")
    nomad.versions = lambda: {1: msgspec.convert(job(Update={"MaxParallel": 0}), Job)}  # type: ignore[method-assign]
    with pytest.raises(CheckFailed, match="max_parallel = 0"):
        checks("11-nomad", "release").require_canary_first(nomad)


def test_a_helper_beside_parcel_is_no_part_of_a_bad_release_and_has_no_say_in_its_version(
    checks: Checks,
) -> None:
    helper = task(
        "drydock/parcel:1.0", Name="helper", Config={"image": "drydock/parcel:1.0", "command": "sleep"}
    )
    spec = job(helper, task())
    assert msgspec.convert(spec, Job).tag == "2.0"
    bad = checks("11-nomad", "trial").bad_copy(spec)
    assert [each["Config"]["command"] for each in bad["TaskGroups"][0]["Tasks"]] == ["sleep", "python3"]


def test_another_job_on_the_port_is_told_before_what_has_no_place(checks: Checks) -> None:
    nomad = Nomad("1.0")
    nomad.held = (("client-2", "shop"),)
    with pytest.raises(CheckFailed, match="On client-2, the job `shop` holds port 8080"):
        checks("11-nomad", "job").require_two_copies(nomad, msgspec.convert(job(), Job))


def test_a_release_counts_from_a_1_0_that_nomad_had_not_called_healthy_yet(checks: Checks) -> None:
    nomad: Any = Nomad()
    numbers = {0: "1.0", 1: "2.0"}
    nomad.versions = lambda: {
        number: msgspec.convert({**job(task(f"drydock/parcel:{tag}")), "Version": number}, Job)
        for number, tag in numbers.items()
    }
    web = GroupDeployment(desired_canaries=1, placed_canaries=["a"], promoted=True)
    nomad.deployments = lambda: [
        Deployment(id="new", job_version=1, status="successful", task_groups={"web": web}),
        Deployment(id="old", job_version=0, status="cancelled", task_groups={"web": GroupDeployment()}),
    ]
    checks("11-nomad", "release").require_canary_first(nomad)


def test_a_canary_of_1_0_that_was_never_promoted_has_not_brought_1_0_back(checks: Checks) -> None:
    nomad: Any = Nomad()
    numbers = {0: "1.0", 1: "2.0", 2: "1.0", 3: "2.0"}
    nomad.versions = lambda: {
        number: msgspec.convert({**job(task(f"drydock/parcel:{tag}")), "Version": number}, Job)
        for number, tag in numbers.items()
    }
    asked = {
        3: ("successful", GroupDeployment()),
        2: ("cancelled", GroupDeployment(desired_canaries=1, placed_canaries=["b"])),
        1: ("successful", CANARY),
        0: ("successful", GroupDeployment()),
    }
    nomad.deployments = lambda: [
        Deployment(id=f"d{number}", job_version=number, status=status, task_groups={"web": group})
        for number, (status, group) in asked.items()
    ]
    checks("11-nomad", "release").require_canary_first(nomad)
    asked[2] = ("successful", CANARY)
    with pytest.raises(CheckFailed, match="released without a canary"):
        checks("11-nomad", "release").require_canary_first(nomad)


def test_a_canary_in_one_of_two_groups_tries_nothing_for_the_other(checks: Checks) -> None:
    nomad: Any = Nomad()

    def two(version: int, tag: str) -> Job:
        spec = job(task(f"drydock/parcel:{tag}"), Count=1)
        spec["TaskGroups"].append({**spec["TaskGroups"][0], "Name": "other"})
        return msgspec.convert({**spec, "Version": version}, Job)

    nomad.versions = lambda: {0: two(0, "1.0"), 1: two(1, "2.0")}
    web = GroupDeployment(desired_canaries=1, placed_canaries=["a"], promoted=True)
    nomad.deployments = lambda: [
        Deployment(
            id="new", job_version=1, status="successful", task_groups={"web": web, "other": GroupDeployment()}
        ),
        Deployment(id="old", job_version=0, status="successful"),
    ]
    with pytest.raises(CheckFailed, match=r"in the group other, 2\.0 replaced 1\.0 without waiting"):
        checks("11-nomad", "release").require_canary_first(nomad)


CANARY = GroupDeployment(desired_canaries=1, placed_canaries=["a"], promoted=True)


@pytest.mark.parametrize(
    ("first", "second", "right"),
    [(CANARY, GroupDeployment(), False), (GroupDeployment(), CANARY, False), (CANARY, CANARY, True)],
)
def test_two_groups_that_are_released_one_by_one_need_a_canary_each(
    checks: Checks, first: GroupDeployment, second: GroupDeployment, *, right: bool
) -> None:
    nomad: Any = Nomad()

    def of(version: int, web: str, other: str) -> Job:
        spec = job(task(f"drydock/parcel:{web}"), Count=1)
        beside = job(task(f"drydock/parcel:{other}"), Count=1)["TaskGroups"][0]
        spec["TaskGroups"].append({**beside, "Name": "other"})
        return msgspec.convert({**spec, "Version": version}, Job)

    nomad.versions = lambda: {0: of(0, "1.0", "1.0"), 1: of(1, "2.0", "1.0"), 2: of(2, "2.0", "2.0")}
    nomad.deployments = lambda: [
        Deployment(id="second", job_version=2, status="successful", task_groups={"other": second}),
        Deployment(id="first", job_version=1, status="successful", task_groups={"web": first}),
        Deployment(id="old", job_version=0, status="successful"),
    ]
    if right:
        checks("11-nomad", "release").require_canary_first(nomad)
        return
    with pytest.raises(CheckFailed) as caught:
        checks("11-nomad", "release").require_canary_first(nomad)
    assert caught.value.failure.reason == "no-canary"


def test_a_bad_release_finds_parcel_under_a_name_that_a_client_fills_in(checks: Checks) -> None:
    spec = job(task("${NOMAD_META_image}"), Meta={"image": "drydock/parcel:2.0"})
    assert programs(checks, spec)[0]


def test_a_container_that_answers_beside_the_copies_is_told(checks: Checks) -> None:
    require_alone = checks("11-nomad", "job").require_alone
    copies = [SimpleNamespace(client_status="running") for _ in range(2)]
    nomad: Any = SimpleNamespace(
        name="parcel", allocations=lambda: copies, loose=lambda: [("client-3", "trial")]
    )
    require_alone(nomad, {"a", "b"})
    with pytest.raises(CheckFailed, match="`trial` on client-3 was started by hand"):
        require_alone(nomad, {"a", "b", "c"})
