"""Tables of what was measured: the record's, and samples of the engine against figures worked out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from checker.errors import LabError, MisuseError
from checker.notebook import record, watch_stats
from checker.notebook.course import session
from checker.notebook.tables import sample
from checker.results import CheckResult, Measurement, Report, Status

if TYPE_CHECKING:
    from checker.course.catalogue import Lab

CHECKS = (CheckResult(id="it-holds", title="It holds", status=Status.PASSED, ms=1.0),)
EARLY, LATE = "2026-11-27T08:00:00.000+00:00", "2026-11-28T09:30:00.000+00:00"


def keep(lab: Lab, started: str, *measured: tuple[str, float, str, str]) -> None:
    found = tuple(
        Measurement(name=name, value=value, unit=unit, subject=subject)
        for name, value, unit, subject in measured
    )
    report = Report(
        lab=lab.slug, title="A fake lab", checks=CHECKS, started=started, ms=5.0, measurements=found
    )
    session().progress.record_attempt(report)


@pytest.fixture
def measured(fake: Lab) -> Lab:
    """Give a lab with two runs on record."""
    keep(fake, EARLY, ("first answer", 7.5, "s", "vm"), ("first answer", 0.6, "s", "container"))
    keep(
        fake,
        LATE,
        ("first answer", 7.0, "s", "vm"),
        ("memory", 215.0, "MiB", "vm"),
        ("fit", 2.0, "", "vm"),
    )
    return fake


def test_the_record_has_a_row_a_subject_and_a_column_a_measurement_with_its_unit(measured: Lab) -> None:
    found = record(measured.number)
    assert list(found.columns) == ["first answer [s]", "memory [MiB]", "fit"]
    assert found.index.name == "subject"
    assert set(found.index) == {"vm", "container"}
    assert found.loc["vm"].tolist() == [7.0, 215.0, 2.0]
    assert found.loc["container", "first answer [s]"] == 0.6
    assert pd.isna(found.loc["container", "memory [MiB]"])


def test_the_record_tells_its_lab_its_units_and_when_it_was_measured(measured: Lab) -> None:
    assert record(measured.number).attrs == {
        "lab": measured.slug,
        "units": {"first answer [s]": "s", "memory [MiB]": "MiB", "fit": ""},
        "measured": LATE,
    }


def test_every_measurement_has_its_run(measured: Lab) -> None:
    found = record(measured.number, every=True)
    assert found.index.names == ["subject", "at"]
    assert len(found) == 3
    answers = found.xs("vm")["first answer [s]"]
    assert answers.tolist() == [7.5, 7.0]
    assert [moment.tz_convert("UTC").isoformat() for moment in answers.index] == [
        "2026-11-27T08:00:00+00:00",
        "2026-11-28T09:30:00+00:00",
    ]


def test_a_lab_without_a_record_says_what_to_do(fake: Lab) -> None:
    with pytest.raises(LabError, match="has measured nothing on this machine yet") as caught:
        record(fake.number)
    assert f"check({fake.number})" in caught.value.remedy


def engine_says(used: int, before: int, system: int, system_before: int, **more: Any) -> dict[str, Any]:
    cores = more.pop("cores", 4)
    return {
        "cpu_stats": {
            "cpu_usage": {"total_usage": used, **more.pop("usage", {})},
            "system_cpu_usage": system,
            **({"online_cpus": cores} if cores else {}),
        },
        "precpu_stats": {"cpu_usage": {"total_usage": before}, "system_cpu_usage": system_before},
        "memory_stats": {"usage": 150_000_000, "stats": {"inactive_file": 50_000_000}},
        **more,
    }


def test_a_sample_is_what_was_used_of_what_all_cores_had() -> None:
    # In one second four cores have 4 s; 0.5 s of them were used: an eighth of all, half of one core.
    said = engine_says(1_500_000_000, 1_000_000_000, 8_000_000_000, 4_000_000_000)
    assert sample(said) == {"cpu [%]": 50.0, "memory [MB]": 100.0}


def test_an_older_engine_lists_its_cores_in_place_of_their_number() -> None:
    said = engine_says(1_500, 1_000, 4_000, 2_000, cores=0, usage={"percpu_usage": [1, 2]})
    # A quarter of what two cores had.
    assert (sample(said) or {})["cpu [%]"] == 50.0


def test_a_container_that_was_restarted_has_used_nothing_yet() -> None:
    assert (sample(engine_says(10, 1_000, 4_000, 2_000)) or {})["cpu [%]"] == 0.0


def test_memory_of_the_first_version_of_control_groups_counts_all_of_its_groups() -> None:
    said = engine_says(
        1, 0, 2, 1, memory_stats={"usage": 9_000_000, "stats": {"total_inactive_file": 2_000_000}}
    )
    assert (sample(said) or {})["memory [MB]"] == 7.0


@pytest.mark.parametrize("missing", [{"precpu_stats": {}}, {"cpu_stats": {}}, {"precpu_stats": None}])
def test_the_first_sample_of_a_stream_has_nothing_to_compare_with(missing: dict[str, Any]) -> None:
    assert sample({**engine_says(2, 1, 4, 2), **missing}) is None


def test_nobody_to_watch_is_refused() -> None:
    with pytest.raises(MisuseError, match="name of a container"):
        watch_stats([])
