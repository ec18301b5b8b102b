"""Lab 16's own judgements: what of the users' record is the switch, and what the bookkeeper got."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.grading.http import Reply
from checker.grading.verdicts import CheckFailed, CouldNotRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Checks = Callable[[str, str], ModuleType]

SLUG = "16-cloud-transformation"
OLD, NEW = "old:8080", "rented:8080"


def write(end: float, to: str, begin: float = 0.0, *, done: bool = True) -> dict[str, Any]:
    return {
        "kind": "parcel", "ref": f"U-{end:05.0f}", "to": to, "begin": begin or end - 0.1, "end": end,
        "acknowledged": done, "last": "" if done else "Connection refused",
    }  # fmt: skip


def still(begin: float, end: float) -> dict[str, Any]:
    return {"kind": "still", "begin": begin, "end": end}


def login(to: str) -> dict[str, Any]:
    return {"kind": "login", "at": 0.0, "to": to}


def statement(period: int, at: float, sender: str = "new") -> dict[str, Any]:
    return {"kind": "statement", "period": period, "at": at, "total": 999, "from": sender}


def record(checks: Checks, *lines: dict[str, Any]) -> Any:
    return checks(SLUG, "record").Record(lines)


def move(checks: Checks, *lines: dict[str, Any]) -> Any:
    made = checks(SLUG, "move").Move(SimpleNamespace(), SimpleNamespace())
    made.record = lambda: record(checks, *lines)
    return made


def test_the_switch_is_from_the_last_write_at_the_old_place_to_the_first_at_the_new_one(
    checks: Checks,
) -> None:
    found = record(checks, write(100, OLD), write(101, OLD), write(108, NEW, 102), write(109, NEW))
    assert [each["end"] for each in found.switch] == [101, 108]
    assert found.moved_at == 108


def test_of_switches_there_and_back_the_last_one_counts(checks: Checks) -> None:
    found = record(checks, write(100, OLD), write(101, NEW), write(105, OLD), write(109, NEW))
    assert found.moved_at == 109


def test_behind_a_front_the_switch_is_where_another_program_takes_over(checks: Checks) -> None:
    lost = write(170, NEW, 109, done=False)
    lines = [login(OLD), write(100, OLD), write(101, NEW), write(108, NEW), lost]
    found = record(checks, *lines, login(NEW), write(172, NEW, 171), login(NEW), write(200, NEW))
    assert [each["end"] for each in found.switch] == [108, 170, 172]
    with pytest.raises(CheckFailed, match="1 writes were given up"):
        move(checks)._require_patient(found)


def test_a_program_that_keeps_its_sessions_takes_over_with_the_address(checks: Checks) -> None:
    found = record(checks, login(OLD), write(100, OLD), write(101, NEW), write(102, NEW))
    assert [each["end"] for each in found.switch] == [100, 101]


def test_a_session_from_another_address_of_the_new_place_is_one_of_the_new_place(checks: Checks) -> None:
    lines = [login(OLD), write(100, OLD), login("10.0.0.2:8080"), write(101, "10.0.0.2:8080")]
    assert record(checks, *lines, write(105, NEW), login(NEW), write(300, NEW)).moved_at == 105


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("U-00100", "The old machine acknowledged them, the first 72 s before the new place took over"),
        ("U-00101", "The old machine acknowledged them, the first 71 s before"),
        ("U-00172", "The new place itself acknowledged 1 of them"),
        ("U-00090", "The office at shop:1 acknowledged them"),
    ],
)
def test_who_acknowledged_what_is_lost_is_told_by_the_session(
    checks: Checks, missing: str, reason: str
) -> None:
    lines = [login("shop:1"), write(90, "shop:1"), login(OLD), write(100, OLD), write(101, NEW)]
    found = record(checks, *lines, login(NEW), write(172, NEW, 171))
    lost = [each for each in found.writes if each["ref"] == missing]
    with pytest.raises(CheckFailed, match=reason) as failed:
        move(checks)._fail_lost(found, lost, {})
    assert "`lab reset 16` starts over" in failed.value.failure.hint
    assert ("another copy over it loses" in failed.value.failure.hint) == ("itself" not in reason)


@pytest.mark.parametrize(
    ("state", "ok", "told"),
    [
        ("running", True, "The old machine still runs"),
        ("running", False, "does not answer any more, and it is not switched off"),
        ("paused", False, "The old machine still runs"),
    ],
)
def test_an_old_machine_that_is_on_and_answers_nobody_was_not_switched_off(
    checks: Checks, monkeypatch: pytest.MonkeyPatch, state: str, *, ok: bool, told: str
) -> None:
    tests = checks(SLUG, "test_transformation")
    monkeypatch.setattr(tests, "wait_until", lambda done, *_: done())
    there = [{"Names": ["/drydock-16-old-1"], "State": state}]
    lab = SimpleNamespace(
        course_lab=SimpleNamespace(project="drydock-16"),
        engine=SimpleNamespace(list_all=lambda *_, **__: there),
    )
    prober = SimpleNamespace(get=lambda _: SimpleNamespace(ok=ok))
    with pytest.raises(CheckFailed, match=told) as failed:
        tests.test_old_machine_off(lab, prober)
    assert ("docker stop drydock-16-old-1" in failed.value.failure.hint) == ("not switched off" in told)
    there.clear()
    tests.test_old_machine_off(lab, prober)


def test_users_who_were_sent_back_are_not_switched(checks: Checks) -> None:
    assert not record(checks, write(100, OLD), write(101, NEW), write(105, OLD)).switch


def test_only_writes_that_were_given_up_during_the_switch_count(checks: Checks) -> None:
    practice, later = write(70, OLD, done=False), write(300, NEW, done=False)
    found = record(checks, practice, write(100, OLD), write(110, NEW, 101), later, write(301, NEW))
    move(checks)._require_patient(found)
    lost = write(170, NEW, 101, done=False)
    with pytest.raises(CheckFailed, match="1 writes were given up") as failed:
        move(checks)._require_patient(record(checks, write(100, OLD), lost, write(180, NEW, 171)))
    assert "closed from 00:01:40 UTC to 00:03:00 UTC" in failed.value.failure.seen


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((write(100, OLD), write(140, NEW, 139)), id="stopped"),
        pytest.param((write(100, OLD), write(300, NEW, 101)), id="paused"),
        pytest.param(
            (write(100, OLD), still(80, 116), write(120, NEW, 101)), id="paused for less than a minute"
        ),
        pytest.param(
            (write(100, OLD), still(102, 180), write(180, NEW, 101, done=False), write(181, NEW)),
            id="given up",
        ),
        pytest.param(
            (write(100, OLD, 70), still(71, 99), write(101, NEW)),
            id="paused before an answer of the old machine was read",
        ),
    ],
)
def test_users_who_tried_nothing_prove_nothing(checks: Checks, lines: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(CheckFailed, match="the users tried nothing"):
        move(checks)._require_patient(record(checks, *lines))


def test_users_who_were_paused_before_the_move_or_briefly_prove_enough(checks: Checks) -> None:
    lines = [still(60, 99), write(100, OLD), still(101, 108), write(120, NEW, 101), still(130, 170)]
    move(checks)._require_patient(record(checks, *lines))


def listing(checks: Checks, rc: int, stdout: str) -> Any:
    made = move(checks)
    made.lab = SimpleNamespace(
        node=lambda _: SimpleNamespace(exec=lambda _: SimpleNamespace(rc=rc, stdout=stdout))
    )
    return made


def test_a_new_place_without_its_list_is_wrong_and_one_that_is_slow_may_be_on_a_busy_machine(
    checks: Checks,
) -> None:
    assert listing(checks, 0, '[{"ref": "A-0001"}]\n\n200').rows() == [{"ref": "A-0001"}]
    for text in ('{"error": "not found"}\n404', "\n000", '["A-0001"]\n200'):
        with pytest.raises(CheckFailed, match="does not list its parcels"):
            listing(checks, 0, text).rows()
    with pytest.raises(CouldNotRun, match="within 9 s"):
        listing(checks, 28, "[{\n200").rows()


def box(checks: Checks) -> Any:
    containers = {
        "1": {"Name": "drydock-16-toolbox-1", "IPv4Address": "10.1.0.3/16"},
        "2": {"Name": "way", "IPv4Address": "10.1.0.4/16"},
    }
    network = {"Containers": containers, "IPAM": {"Config": [{"Gateway": "10.1.0.1"}]}}
    engine = SimpleNamespace(get=lambda _: network)
    return checks(SLUG, "box").Box(
        SimpleNamespace(engine=engine, course_lab=SimpleNamespace(project="drydock-16")), None
    )


@pytest.mark.parametrize(
    ("asks", "reason"),
    [
        ("10.1.0.4", ""),
        ("10.1.0.99", ""),
        ("10.1.0.3", "the address of `drydock-16-toolbox-1`"),
        ("10.1.0.1", "your own machine: by a program, or by a container with the machine's network"),
    ],
)
def test_the_seal_box_is_asked_by_a_container_of_its_own(checks: Checks, asks: str, reason: str) -> None:
    if not reason:
        box(checks)._require_own_way([asks])
        return
    with pytest.raises(CheckFailed, match=reason):
        box(checks)._require_own_way([asks])


def test_a_right_seal_that_the_box_did_not_make_comes_from_its_key_elsewhere(checks: Checks) -> None:
    box(checks)._require_own_seals(["U-00001"], {"U-00001": "10.1.0.4"})
    with pytest.raises(CheckFailed, match="U-00002 has a right seal, and the box was not asked for it"):
        box(checks)._require_own_seals(["U-00001", "U-00002"], {"U-00001": "10.1.0.4"})


def test_users_write_to_the_new_place_only_if_their_newest_write_is_there_and_fresh(checks: Checks) -> None:
    lines = [write(100, OLD), write(108, NEW)]
    assert move(checks, *lines).writes_since(105)
    assert not move(checks, *lines).writes_since(109)
    assert not move(checks, *lines, write(109, OLD)).writes_since(105)


def test_a_statement_from_the_future_is_not_one(checks: Checks) -> None:
    found = record(checks, statement(10, 111), statement(10**11, 112))
    assert [each["period"] for each in found.statements] == [10]


def statements(checks: Checks, lines: list[dict[str, Any]], now: float, restarted: float = 0.0) -> Any:
    place = SimpleNamespace(now=lambda: now, engine=SimpleNamespace(containers=list))
    return checks(SLUG, "statements").Statements(
        place, move(checks, write(1000, OLD), write(1010, NEW), *lines), SimpleNamespace(restarted=restarted)
    )


@pytest.mark.parametrize(
    ("now", "restarted", "right"),
    [
        pytest.param(1055, 0, True, id="in time"),
        pytest.param(1055, 1045, True, id="after a restart"),
        pytest.param(1055, 1051, False, id="none since the restart"),
        pytest.param(1080, 0, False, id="none for some time"),
    ],
)
def test_the_newest_statement_is_from_after_the_restart_and_fresh(
    checks: Checks, now: float, restarted: float, right: bool
) -> None:
    job = statements(checks, [statement(104, 1051)], now, restarted)
    assert job._is_up_to_date(job.move.record().statements) is right


def test_a_job_that_ended_with_the_engine_is_called_so(checks: Checks) -> None:
    job = statements(checks, [statement(104, 1051)], 1100, 1060)
    with pytest.raises(CheckFailed, match="after the restart of the rented engine"):
        job._require_up_to_date(job.move.record().statements, {})
    job = statements(checks, [], 1100, 1060)
    with pytest.raises(CheckFailed, match=r"no statement: nobody runs the job, or"):
        job._require_up_to_date([], {})


def test_two_statements_for_one_period_are_found_from_the_move_on(checks: Checks) -> None:
    twice = checks(SLUG, "statements").twice
    found = [statement(90, 910), statement(90, 911), statement(100, 1010), statement(101, 1020)]
    assert twice(found, 95) == 0
    assert twice([*found, statement(101, 1021)], 95) == 101


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("Harbour Street", "", id="as before"),
        pytest.param('"Harbour Street"', 'calls itself `"Harbour Street"`', id="with quotes"),
        pytest.param("Pier 7", "calls itself `Pier 7`", id="another"),
    ],
)
def test_the_office_keeps_its_name_wherever_it_is(checks: Checks, name: str, reason: str) -> None:
    module = checks(SLUG, "place")
    place = module.Place(SimpleNamespace(inside=lambda _: None), None)
    place.__dict__["office"] = SimpleNamespace(name="office", attrs={"Config": {"Image": "office:1.0"}})
    place.__dict__["twin"] = module.Twin("Pier a1", "Pier a1", set(), "", 0.0)
    place.ask = lambda _: Reply("", 200, json.dumps({"office": name, "parcels": 0}).encode())
    if not reason:
        place.require_set_by_environment()
        return
    with pytest.raises(CheckFailed, match=reason):
        place.require_set_by_environment()
