"""The facts that lessons show are those of lab.toml."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from checker.authoring.facts import facts_file, facts_page, ways_file, ways_page
from checker.course.catalogue import Catalogue, Lab
from checker.course.model import LabToml, Measured, Part, Step, Way
from checker.course.places import Places

ROOT = Path(__file__).parents[3]
LABS = tuple(Catalogue(Places(ROOT, ROOT)))

TOML = LabToml(
    title="A lab",
    claim="It runs.",
    summary="A lab",
    part=Part.CONTAINERS,
    minutes=25,
    images=("parcel:1.0",),
    ports=(8081,),
    needs=("privileged",),
    steps=(Step(title="Run it"),),
    measured=Measured(
        memory_mb=45.4,
        disk_mb=289.3,
        start_s=1.44,
        check_s=0.123,
        engine="28.1",
        system="Debian 13, x86_64, 2 CPUs",
        date="2026-05-01",
        images={"drydock/parcel:1.0": "5c83f5626685, 102 MB"},
    ),
)


@pytest.mark.parametrize("lab", LABS, ids=[lab.slug for lab in LABS])
def test_the_facts_page_of_a_lab_is_what_its_toml_makes(lab: Lab) -> None:
    file = facts_file(Places(ROOT, ROOT), lab)
    assert file.is_file(), f"write it: lab measure {int(lab.number)} --facts"
    assert file.read_text(encoding="utf-8") == facts_page(lab), (
        f"write it anew: lab measure {int(lab.number)} --facts"
    )


@pytest.mark.parametrize("lab", [lab for lab in LABS if lab.toml.ways], ids=lambda lab: lab.slug)
def test_the_table_of_a_lab_s_ways_is_what_was_recorded_of_each(lab: Lab) -> None:
    page = ways_page(lab)
    assert all(
        any(way.title.removeprefix("by ") in row for row in page.splitlines())
        for way in lab.toml.ways.values()
    )
    assert ways_file(Places(ROOT, ROOT), lab).read_text(encoding="utf-8") == page, (
        f"write it anew: lab measure {int(lab.number)} --facts"
    )


def test_a_lab_s_ways_are_rows_and_what_was_recorded_are_columns() -> None:
    way = Way(title="by hand")
    recorded = {"by hand": {"seconds": "2 s"}, "Swarm": {"seconds": "16 s", "lines of it": "15 lines"}}
    assert TOML.measured is not None
    measured = msgspec.structs.replace(TOML.measured, recorded=recorded)
    toml = msgspec.structs.replace(TOML, ways={"hand": way}, measured=measured)
    page = ways_page(Lab(Path("labs/12-ways"), toml))
    assert page.endswith(
        "| Way | Seconds | Lines of it |\n|---|---|---|\n| by hand | 2 s |  |\n| Swarm | 16 s | 15 lines |\n"
    )
    assert ways_page(Lab(Path("labs/12-ways"), TOML)) == ""


def test_the_course_has_labs_to_compare() -> None:
    assert LABS


def test_facts_name_what_was_measured_and_with_what() -> None:
    page = facts_page(Lab(Path("labs/03-isolation"), TOML))
    for words in (
        "| Time | 25 minutes |",
        "45 MB while it runs",
        "289 MB of images",
        "1.4 s; checked again in 0.12 s",
        "may run privileged containers",
        "8081 of your machine",
        "`drydock/parcel:1.0` 5c83f5626685, 102 MB",
        "engine 28.1 on Debian 13, x86_64, 2 CPUs, 2026-05-01",
    ):
        assert words in page


def test_facts_of_an_unmeasured_lab_say_so() -> None:
    import msgspec

    page = facts_page(Lab(Path("labs/03-isolation"), msgspec.structs.replace(TOML, measured=None)))
    assert "| Memory | not measured yet |" in page
    assert "| Tested with | not measured yet |" in page
