"""Lab 16's own judgements: what of the users' record is the switch, and what the bookkeeper got."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.grading.http import Reply
from checker.grading.verdicts import CheckFailed

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
    ],
)
def test_users_who_tried_nothing_prove_nothing(checks: Checks, lines: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(CheckFailed, match="the users tried nothing"):
        move(checks)._require_patient(record(checks, *lines))


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
