"""What every operation on a lab does around its scene, told once for every verb and face."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.course.choice import kept
from checker.errors import LabError, MisuseError
from checker.results import CheckResult, Failure, Report, Status
from checker.scene import admission, faults
from checker.session import judging, operations
from checker.session.operations import StartRequest
from checker.session.session import Session
from checker.timeline import traffic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.course.answer import Answer
    from checker.course.catalogue import Lab
    from tests.conftest import Course

WAYS = """
usual = ["hand", "fleet"]
[ways.hand]
title = "by hand"
[ways.fleet]
title = "by fleet"
[ways.crew]
title = "by crew"
"""

LADDER = '[hints]\nit-holds = ["an idea", "where to look", "a sibling"]\n'


class FakeScene:
    """A scene that notes what is done to it."""

    elsewhere = None

    def __init__(self, session: FakeSession, lab: Lab) -> None:
        self.session = session
        self.lab = lab
        self.work = session.places.work / lab.slug

    def _do(self, what: str) -> None:
        self.session.done.append(what)
        if what in self.session.broken:
            raise LabError(f"{what} failed")

    def start(self, _: Callable[[str], None], wish: object = None) -> None:
        """Note the ways, or the cluster."""
        self._do(f"start {','.join(self.lab.chosen)}" if not wish else f"start on {wish}")

    def reset(self, _: Callable[[str], None], step: int = 1) -> Path | None:
        """Note the step."""
        self._do(f"reset to {step}")
        return self.work / "aside"

    def apply(self, answer: Answer) -> None:
        """Note the answer."""
        self._do(f"apply {answer.name}")

    def stop(self, *, take: bool = False) -> list[str]:
        """Note it."""
        self._do("take and stop" if take else "stop")
        return ["container x"]

    def notes(self, _: Callable[[str], None]) -> list[str]:
        """Note it."""
        self._do("notes")
        return ["This machine has no swap."]

    def lock(self, *_: object) -> Any:
        """Note it."""
        self._do("lock")
        return contextlib.nullcontext()


class FakeSession(Session):
    """A session on a fake course, whose engine and scenes only note what was asked."""

    engine = None  # type: ignore[assignment]

    def __init__(self, course: Course) -> None:
        self.said: list[str] = []
        self.done: list[str] = []
        self.broken: set[str] = set()
        super().__init__(self.said.append)
        self.__dict__["places"] = course.places

    def scene(self, lab: Lab) -> Any:
        """Return a scene that notes."""
        return FakeScene(self, lab)


@pytest.fixture
def session(course: Course, monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    found = FakeSession(course)
    monkeypatch.setattr(admission, "require_room", lambda *_: found.done.append("room"))
    monkeypatch.setattr("checker.images.supply.ensure", lambda *_: found.done.append("images"))
    monkeypatch.setattr("checker.scene.state.require_running", lambda *_: found.done.append("running"))
    monkeypatch.setattr(traffic, "mark_all", lambda _e, _p, text: found.done.append(f"mark {text}"))
    return found


IMAGES = 'images = ["ship:1.0"]\n'
SOLUTION = {"solution/answer.toml": 'title = "It"\n', "solution/run.sh": "true\n"}
STEP = {"steps/2/answer.toml": 'title = "It"\n', "steps/2/run.sh": "true\n"}


def test_a_start_looks_for_room_before_it_fetches_images(course: Course, session: FakeSession) -> None:
    started = operations.start(session, course.lab(toml=IMAGES))
    assert session.done == ["room", "images", "start ", "notes"]
    assert started.notes == ("This machine has no swap.",)
    assert started.work == course.places.work / course.slug


def test_a_lab_that_does_not_fit_is_not_started(
    course: Course, session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise LabError("It takes 9 GB.")

    monkeypatch.setattr(admission, "require_room", refuse)
    lab = course.lab(toml=IMAGES, files=SOLUTION)
    for operation in (operations.start, operations.reset, operations.solve):
        with pytest.raises(LabError, match="9 GB"):
            operation(session, lab)
    assert session.done == []
    operations.start(session, lab, StartRequest(force=True))
    assert session.said == ["note: It takes 9 GB. Starting it anyway."]
    assert "start " in session.done


def test_a_started_lab_keeps_its_ways_and_one_that_fails_does_not(
    course: Course, session: FakeSession
) -> None:
    lab = course.lab(toml=WAYS)
    session.broken = {"start hand,crew"}
    with pytest.raises(LabError):
        operations.start(session, lab, StartRequest(ways=("hand", "crew")))
    assert kept(course.places, lab.slug) == ()
    operations.start(session, lab, StartRequest(ways=("fleet", "crew")))
    assert kept(course.places, lab.slug) == ("fleet", "crew")


def test_a_way_that_there_is_not_ends_before_anything_is_done(course: Course, session: FakeSession) -> None:
    with pytest.raises(MisuseError):
        operations.start(session, course.lab(toml=WAYS), StartRequest(ways=("raft", "hand")))
    assert session.done == []


def test_a_cluster_that_is_asked_for_reaches_the_scene(course: Course, session: FakeSession) -> None:
    from checker.scene.chosen import Wish

    wish = Wish("kind-kind", "", "")
    operations.start(session, course.lab(), StartRequest(cluster=wish))
    assert session.done[-2] == f"start on {wish}"


def test_a_reset_goes_to_its_step_and_begins_the_hints_again(course: Course, session: FakeSession) -> None:
    lab = course.lab(toml=IMAGES, files=STEP)
    assert [session.progress.climb(lab.slug, "it-holds", 3) for _ in range(2)] == [1, 2]
    done = operations.reset(session, lab, 2)
    assert session.done == ["room", "images", "reset to 2", "notes"]
    assert (done.step, done.aside) == (2, course.places.work / course.slug / "aside")
    assert session.progress.climb(lab.slug, "it-holds", 3) == 1


def test_a_reset_to_a_step_of_other_ways_says_so_and_keeps_them(course: Course, session: FakeSession) -> None:
    step = {**STEP, "steps/2/answer.toml": 'title = "It"\nways = ["crew"]\n'}
    done = operations.reset(session, course.lab(toml=WAYS, files=step), 2)
    assert done.lab.chosen == ("hand", "crew")
    assert kept(course.places, course.slug) == ("hand", "crew")
    assert session.said == [
        "note: this answer uses by hand and by crew; they are started instead of what was chosen before"
    ]


def test_a_solution_is_applied_after_a_reset_and_is_noted(course: Course, session: FakeSession) -> None:
    lab = course.lab(toml=IMAGES, files=SOLUTION)
    done = operations.solve(session, lab)
    assert session.done == ["room", "images", "reset to 1", "notes", "apply solution"]
    assert done.aside is not None
    assert session.progress.standing(lab.slug).solved


def test_a_solution_that_fails_is_not_noted(course: Course, session: FakeSession) -> None:
    lab = course.lab(files=SOLUTION)
    session.broken = {"apply solution"}
    with pytest.raises(LabError):
        operations.solve(session, lab)
    assert not session.progress.standing(lab.slug).solved


def test_a_look_at_the_machine_that_fails_does_not_undo_the_start(
    course: Course, session: FakeSession
) -> None:
    session.broken = {"notes"}
    assert operations.start(session, course.lab()).notes == ("notes failed",)


def test_a_stop_says_what_was_removed(course: Course, session: FakeSession) -> None:
    assert operations.stop(session, course.lab()).removed == ("container x",)


def test_a_node_is_marked_lost_before_it_is_killed_and_back_after(
    course: Course, session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, gone = faults.Node("host-1", "1", running=True), faults.Node("host-2", "2", running=False)
    monkeypatch.setattr(faults, "find_nodes", lambda *_: [there, gone])
    monkeypatch.setattr(faults, "lose", lambda _, node: session.done.append(f"kill {node.name}"))
    monkeypatch.setattr(faults, "bring_back", lambda *words: session.done.append(f"start {words[2].name}"))
    lab = course.lab()
    assert operations.lose(session, lab).nodes == ("host-1",)
    assert operations.bring_back(session, lab).nodes == ("host-2",)
    assert session.done == [
        *("running", "lock", "mark host-1 lost", "kill host-1"),
        *("running", "lock", "start host-2", "mark host-2 back"),
    ]


# -- verdicts ----------------------------------------------------------------------------------------------


def report(*statuses: Status) -> Report:
    failure = Failure(rationale="No.", hint="Look.")
    checks = tuple(
        CheckResult(
            id="it-holds", title="It holds", status=each, failure=failure if each is Status.FAILED else None
        )
        for each in statuses
    )
    return Report(lab="97-fake", title="A fake lab", checks=checks, started="2026-01-01T00:00:00+00:00", ms=1)


@pytest.fixture
def graded(session: FakeSession, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let every verdict be a failure, and return what was asked for last."""
    asked: dict[str, Any] = {}

    def grade(*_: object, **options: Any) -> Report:
        asked.clear()
        asked.update(options)
        options["first"]()
        return report(Status.FAILED)

    monkeypatch.setattr("checker.grading.run.grade", grade)
    del session
    return asked


@pytest.mark.usefixtures("graded")
def test_a_verdict_is_an_attempt_and_that_over_one_step_is_not(course: Course, session: FakeSession) -> None:
    lab = course.lab()
    judging.check(session, lab, step=1)
    judging.check(session, lab, keep=False)
    assert session.progress.standing(lab.slug).attempts == 0
    judging.check(session, lab)
    assert session.progress.standing(lab.slug).attempts == 1
    assert session.done == ["running"] * 3


def test_one_step_asks_for_its_checks_alone(
    course: Course, session: FakeSession, graded: dict[str, Any]
) -> None:
    judging.check(session, course.lab(ids=("it-holds", "it-lasts")), step=1)
    assert graded["only"] == {"it-holds", "it-lasts"}


@pytest.mark.usefixtures("graded")
def test_a_verdict_that_cannot_be_kept_is_given_all_the_same(
    course: Course, session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise LabError("The disk is full.", remedy="Make room.")

    lab = course.lab()
    monkeypatch.setattr(session.progress, "record_attempt", full)
    assert not judging.check(session, lab).passed
    assert session.said == ["note: this attempt is not kept. The disk is full. Make room."]


@pytest.mark.usefixtures("graded")
def test_hints_climb_and_end_at_the_last_rung(course: Course, session: FakeSession) -> None:
    lab = course.lab(toml=LADDER)
    hints = [judging.hint(session, lab) for _ in range(4)]
    assert [(each.text, each.rung, each.rungs) for each in hints if each] == [
        ("an idea", 1, 3),
        ("where to look", 2, 3),
        ("a sibling", 3, 3),
        ("a sibling", 3, 3),
    ]
    assert session.progress.standing(lab.slug).attempts == 0


@pytest.mark.usefixtures("graded")
def test_hints_have_the_learners_own_values(course: Course, session: FakeSession) -> None:
    value = '[values.word]\ntitle = "t"\nlesson = "idea"\nchoices = ["anchor", "bridge", "castle"]\n'
    mine = course.lab(toml=value + LADDER).with_seed("K-1")
    found = judging.hint(session, mine)
    assert found is not None
    assert found.text == f"an {mine.values['word']}"


def test_a_new_mistake_in_the_same_check_begins_at_its_first_hint(
    course: Course, session: FakeSession
) -> None:
    lab = course.lab(toml=LADDER)

    def rung(reason: str) -> int:
        failure = Failure(rationale="why", hint="Look.", reason=reason)
        check = CheckResult(id="it-holds", title="t", status=Status.FAILED, failure=failure)
        seen = judging.hint(
            session, lab, Report(lab=lab.slug, title="t", checks=(check,), started="2026-11-28", ms=1.0)
        )
        assert seen is not None
        return seen.rung

    assert [rung("copies:57"), rung("copies:57"), rung("copies:90")] == [1, 2, 1]


def test_a_check_without_a_ladder_gives_the_hint_of_its_failure(course: Course, session: FakeSession) -> None:
    found = judging.hint(session, course.lab(), report(Status.FAILED))
    assert found is not None
    assert (found.text, found.rungs) == ("Look.", 1)


def test_where_everything_passes_there_is_no_hint(course: Course, session: FakeSession) -> None:
    assert judging.hint(session, course.lab(), report(Status.PASSED)) is None


def test_who_asks_for_a_hint_asks_for_no_fault_and_keeps_what_the_last_check_found(
    course: Course, session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = course.lab(toml=LADDER)
    waits = CheckResult(
        id="it-holds",
        title="It holds",
        status=Status.NOT_RUN,
        reason="runs only when you ask for a check: it kills a node",
        waits=True,
    )
    looked: list[bool] = []

    def grade(*_: object, looking: bool, **options: Any) -> Report:
        looked.append(looking)
        seen = report(Status.FAILED)
        return msgspec.structs.replace(seen, checks=(waits,)) if looking else seen

    monkeypatch.setattr("checker.grading.run.grade", grade)
    found = judging.hint(session, lab)
    assert found is not None
    assert found.text == (
        "Nothing has failed so far. This check runs only when you ask for a check: it kills a node."
    )
    judging.check(session, lab)
    found = judging.hint(session, lab)
    assert found is not None
    assert found.text == "an idea"
    assert looked == [True, False, True]
