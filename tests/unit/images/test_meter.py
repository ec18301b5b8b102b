"""The meter of a rented machine: what a record costs, and what is written into it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

FOLDER = Path(__file__).parents[3] / "images" / "meter"
NAMES = ("bill", "drawing", "engine", "meter", "week")
BEGIN = 1_000_000.0
MIB = 1 << 20


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The meter's modules, imported as its image does."""
    monkeypatch.syspath_prepend(str(FOLDER))
    taken = {name: sys.modules.pop(name, None) for name in NAMES}
    yield {name: __import__(name) for name in NAMES}
    for name, module in taken.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module


def line(kind: str, hour: float, **facts: object) -> dict[str, Any]:
    """Return a line of the record, at an hour of the week."""
    return {"at": BEGIN + hour, "kind": kind, **facts}


def runs(hour: float, vcpu: float | None, memory: int | None, name: str = "parcel") -> dict[str, Any]:
    facts = {"id": name, "name": name, "image": "drydock/parcel:1.0", "vcpu": vcpu, "memory": memory}
    return line("runs", hour, holds_engine=False, **facts)


def week(days: int = 7) -> dict[str, Any]:
    return line("week", 0, days=days, scale=3600, budget=200)


def bill_of(app: dict[str, ModuleType], *lines: dict[str, Any], now: float = 0.0) -> Any:
    prices = app["bill"].Prices(4.0, 0.5, 0.05, 2.0, 2.0, 2.0, 1.0, 0.125)
    return app["bill"].make_bill(lines, prices, now)


def test_an_hour_of_a_reserved_processor_costs_its_price(app: dict[str, ModuleType]) -> None:
    bill = bill_of(app, week(), runs(1, 0.5, 1024 * MIB), line("ended", 11, id="parcel"), line("over", 168))
    (item,) = bill.items
    assert (item.hours, item.vcpu_hours, item.gib_hours) == (10, 5, 10)
    assert item.cents == pytest.approx(5 * 4 + 10 * 0.5)
    assert bill.total == pytest.approx(25)


def test_a_container_without_a_limit_reserves_the_whole_machine(app: dict[str, ModuleType]) -> None:
    bill = bill_of(app, week(), runs(0, None, None), line("over", 10))
    (item,) = bill.items
    assert item.unlimited == ["CPU", "memory"]
    assert item.cents == pytest.approx(10 * (2 * 4 + 2 * 0.5))
    assert "no CPU or memory limit" in app["bill"].show(bill)


def test_a_changed_limit_counts_from_the_moment_of_its_change(app: dict[str, ModuleType]) -> None:
    bill = bill_of(app, week(), runs(0, 0.1, MIB), runs(6, 0.4, MIB), line("over", 12))
    (item,) = bill.items
    assert item.hours == 12
    assert item.vcpu_hours == pytest.approx(0.6 + 2.4)
    assert bill.reserved[5] == pytest.approx(0.1)
    assert bill.reserved[6] == pytest.approx(0.4)


def test_a_container_that_begins_in_the_middle_of_an_hour_reserves_a_part_of_it(
    app: dict[str, ModuleType],
) -> None:
    bill = bill_of(app, week(), runs(2.5, 1.0, MIB), line("ended", 3.25, id="parcel"), line("over", 5))
    assert bill.reserved == [0, 0, pytest.approx(0.5), pytest.approx(0.25), 0]


def test_what_still_runs_costs_until_now_while_the_week_runs_and_until_its_end_afterwards(
    app: dict[str, ModuleType],
) -> None:
    lines = (week(), runs(0, 1.0, MIB))
    assert bill_of(app, *lines, now=BEGIN + 7).items[0].hours == 7
    assert bill_of(app, *lines, line("over", 5), now=BEGIN + 7).items[0].hours == 5


def test_what_is_stored_costs_for_as_long_as_it_is_there(app: dict[str, ModuleType]) -> None:
    there = {"volume practice": 512 * MIB}
    bill = bill_of(app, week(), line("stored", 0, bytes=there), line("stored", 4, bytes={}), line("over", 10))
    assert bill.stored == {"volume practice": 2.0}
    assert bill.cents["stored"] == pytest.approx(2 * 0.05)


def test_bytes_out_are_counted_for_the_whole_hours_that_a_second_stands_for(
    app: dict[str, ModuleType],
) -> None:
    bill = bill_of(
        app, week(), line("sent", 0, bytes=5 * MIB), line("sent", 3, bytes=6 * MIB), line("over", 3)
    )
    assert bill.sent_gib == pytest.approx(3600 / 1024)


def test_a_machine_that_was_switched_on_again_counts_its_bytes_from_zero(app: dict[str, ModuleType]) -> None:
    sent = [line("sent", hour, bytes=count * MIB) for hour, count in enumerate((5, 7, 1, 4))]
    assert bill_of(app, week(), *sent, line("over", 4)).sent_gib == pytest.approx((2 + 4) * 3600 / 1024)


def test_what_a_container_did_before_the_week_is_not_counted_as_used(app: dict[str, ModuleType]) -> None:
    used = {"id": "parcel", "received": 900}
    bill = bill_of(
        app,
        week(),
        runs(0, 1.0, MIB),
        line("used", 0, cpu_s=50.0, first=True, **used),
        line("used", 2, cpu_s=51.5, **{**used, "received": 1000}),
        line("over", 3),
    )
    assert bill.items[0].used_vcpu_hours == pytest.approx(1.5)
    assert bill.items[0].received == 100
    assert bill.used == [0, 0, pytest.approx(1.5)]


def test_hours_in_which_the_engine_could_not_be_seen_are_told(app: dict[str, ModuleType]) -> None:
    bill = bill_of(app, week(), line("blind", 2), line("sees", 4.5), line("blind", 9), line("over", 10))
    assert bill.blind_hours == pytest.approx(3.5)


def test_a_virtual_machine_has_room_for_the_most_that_was_reserved_at_a_time(
    app: dict[str, ModuleType],
) -> None:
    bill = bill_of(app, week(), runs(0, 0.4, 512 * MIB), runs(1, 0.7, 512 * MIB, "other"), line("over", 10))
    assert bill.machine["vcpu"] == 2
    assert bill.machine["gib"] == pytest.approx(1.125)
    assert bill.machine["cents"] == pytest.approx(10 * (2 * 4 + 1.125 * 0.5))


def test_a_record_gives_the_same_bill_when_it_is_read_again(
    app: dict[str, ModuleType], tmp_path: Path
) -> None:
    file = tmp_path / "record"
    lines = (
        week(),
        runs(0, 0.1, 64 * MIB),
        line("sent", 0, bytes=1),
        line("sent", 9, bytes=999),
        line("over", 10),
    )
    file.write_text("".join(json.dumps(each) + "\n" for each in lines) + '{"at": 1, "ki', "utf-8")
    assert bill_of(app, *app["bill"].read_record(file)) == bill_of(app, *lines)


def test_only_the_last_week_of_a_record_is_billed(app: dict[str, ModuleType]) -> None:
    bill = bill_of(
        app, week(), runs(0, 2.0, MIB), line("over", 5), week(1), runs(0, 0.5, MIB), line("over", 2)
    )
    assert (bill.days, bill.items[0].vcpu_hours) == (1, 1)
    assert bill_of(app) is None


def test_the_price_list_of_the_image_can_be_read(app: dict[str, ModuleType]) -> None:
    assert app["bill"].Prices.read(FOLDER / "prices.toml").vcpu_hour > 0


def test_the_week_says_how_many_requests_come_at_an_hour(app: dict[str, ModuleType]) -> None:
    found = app["week"].Week.read(FOLDER / "week.toml")
    assert len(found.days) == 7
    assert found.rate(3) == 2
    assert found.rate(8) == pytest.approx((2 + 11) / 2)
    assert found.name(31.5) == "Tuesday 07:30"
    plan = found.plan(BEGIN, 1)
    assert plan["rates"][-1] == [24.0, 2.0]


def test_the_drawing_is_svg_with_a_title_and_a_description(app: dict[str, ModuleType]) -> None:
    found = bill_of(app, week(1), runs(0, 0.5, MIB), line("over", 24))
    drawn = ET.fromstring(app["drawing"].draw(found, app["week"].Week.read(FOLDER / "week.toml")))  # noqa: S314 - our own
    assert [each.tag.rpartition("}")[2] for each in drawn][:2] == ["title", "desc"]


@pytest.mark.parametrize(
    ("host", "vcpu", "memory"),
    [
        ({"NanoCpus": 250_000_000, "Memory": 64 * MIB}, 0.25, 64 * MIB),
        ({"CpuQuota": 50_000, "CpuPeriod": 100_000, "Memory": 0}, 0.5, None),
        ({"CpuQuota": 20_000, "CpuPeriod": 0}, 0.2, None),
        ({"CpuShares": 512, "MemoryReservation": 64 * MIB, "CpuQuota": -1}, None, None),
    ],
)
def test_only_what_limits_a_container_counts_as_its_reservation(
    app: dict[str, ModuleType], host: dict[str, int], vcpu: float | None, memory: int | None
) -> None:
    record = {"Name": "/parcel", "Config": {"Image": "parcel"}, "HostConfig": host, "Mounts": []}
    reserved = app["engine"].reserved_by(record)
    assert (reserved.name, reserved.vcpu, reserved.memory) == ("parcel", vcpu, memory)


def test_nothing_is_written_between_two_weeks(app: dict[str, ModuleType], tmp_path: Path) -> None:
    record = app["meter"].Record(tmp_path / "record")
    record.write("sent", BEGIN, bytes=1)
    record.begin(BEGIN, days=1)
    record.write("sent", BEGIN, bytes=2)
    record.close()
    record.write("sent", BEGIN, bytes=3)
    lines = app["bill"].read_record(tmp_path / "record")
    assert [(each["kind"], each.get("bytes")) for each in lines] == [("week", None), ("sent", 2)]
