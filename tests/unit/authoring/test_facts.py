"""The facts that lessons show are those of lab.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.authoring.facts import facts_file, facts_page
from checker.course.catalogue import Catalogue, Lab
from checker.course.model import LabToml, Measured, Part, Step
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
