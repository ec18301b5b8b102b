"""A class that gives each learner values of their own: the same ones for ever, and the ones that an answer is graded with."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING

import msgspec
import pytest

from checker.classroom import register, roster
from checker.classroom.calling import join
from checker.classroom.outbox import Outbox
from checker.classroom.pile import sort
from checker.classroom.protocol import Joined
from checker.classroom.regrade import Found, grade_all, standings
from checker.classroom.serving import serve
from checker.classroom.submission import RefusedError
from checker.classroom.whose_values import NOBODY, whose
from checker.course.model import Value
from checker.course.values import noted
from checker.errors import LabError, MisuseError
from tests.unit.classroom.classes import INVITATION, Class, Held, in_class, opened
from tests.unit.classroom.conftest import CHECKS, report_of

if TYPE_CHECKING:
    from pathlib import Path

    from checker.classroom.serving import Opened
    from checker.classroom.submission import HandedIn, Submission
    from checker.classroom.whose_values import Whose
    from checker.course.catalogue import Lab
    from tests.conftest import Course
    from tests.unit.classroom.conftest import Handing

DOOR = Value(title="the door", lesson="front", choices=("left", "right", "back"))


async def give(the: Class) -> None:
    """Have the class give each learner values of their own."""
    assert await the.room.register.do(roster.give_own_values)


# -- in the class --------------------------------------------------------------------------------------------


def test_each_learner_gets_a_seed_of_their_own_and_gets_it_again(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        await give(the)
        ada, ben = await the.joined("Ada"), await the.joined("Ben")
        assert ada.values
        assert ben.values not in {"", ada.values}
        assert (await the.joined("Ada")).values == ada.values

    in_class(tmp_path, body)


def test_a_class_gives_none_unless_the_teacher_asks_for_it(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        assert (await the.joined("Ada")).values == ""

    in_class(tmp_path, body)


def test_a_seed_stays_after_a_restart_on_another_machine_and_when_others_come_late(tmp_path: Path) -> None:
    file = tmp_path / "register.sqlite3"

    async def run() -> None:
        async with opened(file) as the:
            await give(the)
            ada = await the.joined("Ada", "machine-1-machine-1")
        async with opened(file) as the:
            late = await the.joined("Zoe")
            await the.join("Ada", "machine-2-machine-2")
            await the.own.post("/api/admit", json={"machine": "machine-2-machine-2"})
            assert (await the.joined("Ada", "machine-2-machine-2")).values == ada.values
            assert late.values not in {"", ada.values}

    asyncio.run(run())


def test_a_machine_that_waits_for_the_teacher_learns_no_seed(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        await give(the)
        ada = await the.joined("Ada", "machine-1-machine-1")
        waiting = await the.join("Ada", "machine-2-machine-2")
        assert ada.values not in waiting.text

    in_class(tmp_path, body)


def test_a_class_in_which_somebody_has_begun_with_the_lessons_values_goes_on_with_them(
    tmp_path: Path,
) -> None:
    async def body(the: Class) -> None:
        await the.joined("Ada")
        assert not await the.room.register.do(roster.give_own_values)
        assert (await the.joined("Ben")).values == ""

    in_class(tmp_path, body)


def test_a_teacher_who_asks_too_late_reads_what_to_do_and_no_class_is_held(
    tmp_path: Path, course: Course
) -> None:
    held: list[Opened] = []

    async def run() -> None:
        async with opened(tmp_path / register.REGISTER) as the:
            await the.joined("Ada")
        ended = asyncio.Event()
        ended.set()
        await serve(
            tmp_path, course.catalogue, address="127.0.0.1", tell=held.append, own_values=True, ended=ended
        )

    with pytest.raises(MisuseError, match="Monday has begun") as raised:
        asyncio.run(run())
    assert held == []
    assert "--new --own-values" in raised.value.remedy


def test_asking_again_for_values_of_their_own_changes_nothing(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        await give(the)
        ada = await the.joined("Ada")
        await give(the)
        assert (await the.joined("Ada")).values == ada.values

    in_class(tmp_path, body)


def test_a_learners_machine_keeps_its_seed_until_it_leaves_or_joins_another_class(tmp_path: Path) -> None:
    with contextlib.closing(Outbox(tmp_path)) as outbox:
        ada = outbox.wants(INVITATION, "Ada", "m" * 20)
        outbox.joined(ada, Joined(learner="ada", name="Ada", secret="s", nonce="n", values="K7Q2-3"))  # noqa: S106 - of a test
        assert noted(tmp_path) == "K7Q2-3"
        outbox.wants(INVITATION, "Ada", "m" * 20)
        assert noted(tmp_path) == "K7Q2-3"
        ada = outbox.wants(INVITATION.replace("ABCDEFGH", "HGFEDCBA"), "Ada", "m" * 20)
        assert noted(tmp_path) == ""
        outbox.joined(ada, Joined(learner="ada", name="Ada", secret="s", nonce="n", values="ABCD-1"))  # noqa: S106 - of a test
        outbox.leave()
        assert noted(tmp_path) == ""


def test_a_machine_that_joins_over_the_network_has_the_seed_that_the_class_keeps_for_it(
    tmp_path: Path, course: Course
) -> None:
    held = Held(tmp_path / "class", course.catalogue, own_values=True)
    try:
        with contextlib.closing(Outbox(tmp_path / "ada")) as outbox:
            join(outbox, held.opened.invitation.text, "Ada", "m" * 20)
    finally:
        held.end()
    assert held.opened.own_values
    assert noted(tmp_path / "ada") == whose(tmp_path / "class").seeds["ada"]


# -- whose values an answer is graded with -------------------------------------------------------------------


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """Give the folder of a class with Ada and Ben that gives values."""
    folder = tmp_path / "class"

    async def run() -> None:
        async with opened(folder / register.REGISTER) as the:
            await give(the)
            for name in ("Ada", "Ben"):
                await the.joined(name)

    asyncio.run(run())
    return folder


@pytest.fixture
def valued(lab: Lab, course: Course) -> Lab:
    """Give the lab with a value that can differ."""
    file = lab.folder / "lab.toml"
    choices = '", "'.join(DOOR.choices)
    file.write_text(
        file.read_text()
        + f'\n[values.door]\ntitle = "{DOOR.title}"\nlesson = "{DOOR.lesson}"\nchoices = ["{choices}"]\n'
    )
    return course.catalogue.find(course.number)


def seeds(held: Path) -> dict[str, str]:
    """Return the seeds of Ada and Ben."""
    return {name: whose(held).seeds[name.casefold()] for name in ("Ada", "Ben")}


@pytest.fixture
def of_ada(handing: Handing, valued: Lab, held: Path) -> Submission:
    handing.lab = valued
    return handing.submission("Ada", values=seeds(held)["Ada"])


def test_an_answer_is_graded_with_the_values_of_the_name_under_which_it_is_handed_in(
    of_ada: Submission, held: Path, valued: Lab
) -> None:
    the = whose(held)
    assert the.seed(of_ada, valued) == seeds(held)["Ada"]
    assert the.note(of_ada, the.seed(of_ada, valued)) == ""
    copied = msgspec.structs.replace(of_ada, learner=" ben ")
    assert the.seed(copied, valued) == seeds(held)["Ben"]
    assert "made with the values of Ada" in the.note(copied, the.seed(copied, valued))


def test_an_answer_that_was_made_with_the_lessons_values_says_so(
    of_ada: Submission, held: Path, valued: Lab
) -> None:
    plain = msgspec.structs.replace(of_ada, values="")
    the = whose(held)
    assert the.seed(plain, valued) == seeds(held)["Ada"]
    assert "the lesson's values" in the.note(plain, the.seed(plain, valued))


@pytest.mark.parametrize("values", ["", "K7Q2-3"])
def test_a_name_that_nobody_in_the_class_has_is_refused_with_what_to_do(
    of_ada: Submission, held: Path, valued: Lab, values: str
) -> None:
    stranger = msgspec.structs.replace(of_ada, learner="Adda", values=values)
    with pytest.raises(RefusedError, match="nobody in it is called Adda") as raised:
        whose(held).seed(stranger, valued)
    assert "lab class status" in raised.value.remedy


def test_values_of_a_class_that_this_machine_does_not_have_are_refused_with_what_to_do(
    of_ada: Submission, valued: Lab
) -> None:
    with pytest.raises(RefusedError, match="does not have that class") as raised:
        NOBODY.seed(of_ada, valued)
    assert "--class" in raised.value.remedy


def test_a_lab_without_such_values_is_graded_under_any_name(handing: Handing, held: Path, lab: Lab) -> None:
    assert whose(held).seed(handing.submission("Nobody"), lab) == ""


def test_a_class_without_own_values_grades_with_those_of_the_lesson(
    tmp_path: Path, handing: Handing, valued: Lab
) -> None:
    async def run() -> None:
        async with opened(tmp_path / "class" / register.REGISTER) as the:
            await the.joined("Ada")

    asyncio.run(run())
    assert whose(tmp_path / "class").seed(handing.submission("Nobody"), valued) == ""


def test_a_class_of_an_earlier_version_has_no_own_values(held: Path) -> None:
    with contextlib.closing(sqlite3.connect(held / register.REGISTER)) as db:
        db.execute("DROP TABLE own_values")
        db.execute("DROP TABLE place")
    assert not whose(held).given


def test_a_folder_that_is_named_has_to_be_that_of_a_class(tmp_path: Path) -> None:
    assert whose(tmp_path) == NOBODY
    with pytest.raises(MisuseError, match="has no class"):
        whose(tmp_path, named=True)


def test_a_class_that_cannot_be_read_is_an_error_and_not_a_class_without_values(held: Path) -> None:
    (held / register.REGISTER).write_bytes(b"not a database, and long enough to be looked at" * 40)
    with pytest.raises(LabError, match="cannot be read"):
        whose(held)


# -- grading -------------------------------------------------------------------------------------------------


def graded(course: Course, handing: Handing, the: Whose) -> tuple[dict[str, str], dict[str, str]]:
    """Grade everything; return the seed that each was run with, and each one's note."""
    ran: dict[str, str] = {}

    def judge(handed: HandedIn, seed: str) -> Found:
        ran[handed.submission.learner] = seed
        return Found(report_of(handing.lab, *CHECKS))

    pile = sort(handing.folder, course.catalogue, the)
    results = list(grade_all(handing.folder, handing.lab, pile.handed.get(handing.lab.slug, []), judge, pile))
    return ran, {each.learner: each.note for each in results}


def test_each_answer_is_run_with_its_own_learners_values(
    course: Course, handing: Handing, valued: Lab, held: Path
) -> None:
    handing.lab = valued
    handing.file("Ada", values=seeds(held)["Ada"])
    handing.file("Ben", values=seeds(held)["Ada"])
    ran, notes = graded(course, handing, whose(held))
    assert ran == seeds(held)
    assert notes["Ada"] == ""
    assert notes["Ben"] == "made with the values of Ada, not with those of Ben"


def test_a_result_that_was_found_with_other_values_does_not_count(
    course: Course, handing: Handing, valued: Lab, held: Path
) -> None:
    handing.lab = valued
    handing.file("Ada")
    assert graded(course, handing, NOBODY)[0] == {"Ada": ""}
    assert graded(course, handing, NOBODY)[0] == {}
    assert graded(course, handing, whose(held))[0] == {"Ada": seeds(held)["Ada"]}
    assert graded(course, handing, whose(held))[0] == {}


def test_gradebooks_leave_out_a_name_that_the_class_does_not_know(
    course: Course, handing: Handing, valued: Lab, held: Path
) -> None:
    handing.lab = valued
    handing.file("Ada", values=seeds(held)["Ada"])
    handing.file("Stranger")
    found, refused = standings(handing.folder, course.catalogue, whose(held))
    assert [each.learner for each in found] == ["Ada"]
    assert "nobody in it is called Stranger" in refused[0].refused


def test_a_neighbours_name_with_another_id_is_noted_at_both(
    course: Course, handing: Handing, valued: Lab, held: Path
) -> None:
    handing.lab = valued
    handing.file("Ada", values=seeds(held)["Ada"], typed=())
    handing.file("ADA", values=seeds(held)["Ada"], id="4711", files={"b": b"b"}, typed=())
    handing.file("Ben", values=seeds(held)["Ben"], typed=())
    _, notes = graded(course, handing, whose(held))
    said = "another archive has the same name and not the same id"
    assert notes == {"Ada": said, "ADA": said, "Ben": ""}
