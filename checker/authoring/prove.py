"""Prove a lab: it fails as shipped, passes each right answer, and names each wrong one for its reason."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import shutil
import time
from typing import TYPE_CHECKING

import msgspec

from checker.authoring.expectations import (
    anything,
    must_fail,
    must_fail_for_its_values,
    must_name,
    must_not_be_hurt,
    must_pass,
    paragraph,
)
from checker.authoring.keeper import Keeper
from checker.authoring.ledger import time_left
from checker.authoring.selection import WHOLE, Part
from checker.errors import LabError
from checker.grading.run import grade
from checker.images.third_party import MissingProgramError
from checker.results import Report, Status
from checker.scene import image_names
from checker.scene.scene import Scene, ScriptFailedError, scratch_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from checker.authoring.ledger import Ledger
    from checker.course.answer import Answer
    from checker.course.catalogue import Lab


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """How one answer ended, and whether it had to end so."""

    answer: str
    title: str
    as_expected: bool
    verdict: str
    """`passed`, `failed`, `violated` or `could-not-run`."""
    check: str = ""
    """The check whose message the learner would see."""
    reason: str = ""
    """What the learner would read, in one paragraph."""
    problem: str = ""
    """What is not as expected."""
    expected: bool = True
    """Whether anything was expected of it; of an answer out of a teacher's collection, mostly nothing is."""
    script: str = ""
    """How its script ended, when that was with an error."""
    seconds: float = 0.0
    check_ms: float = 0.0


class Prover:
    """Runs answers to one lab, each on a fresh scene with a work folder of its own.

    Args:
        scene: the lab's scene, on a work folder that can be deleted.
        tell: called with a line about what is being done.
        provide: makes sure that the images of a lab's chosen ways are present; leave it out if they are.
        ledger: what was proven before; leave it out to keep no record.
        seen: called with the whole report of each answer that could be judged.
    """

    def __init__(
        self,
        scene: Scene,
        tell: Callable[[str], None],
        provide: Callable[[Lab], None] = lambda _: None,
        ledger: Ledger | None = None,
        seen: Callable[[Report], None] = lambda _: None,
    ) -> None:
        self.scene = scene
        self.lab: Lab = scene.lab
        self._tell = tell
        self._provide = provide
        self._ledger = ledger
        self._seen = seen
        self._place = ""
        self._images = Keeper(
            scene.engine, image_names.file_of(scene.places, scene.lab), scene.lab.all_images
        )

    def all(self, only: str = "", part: Part = WHOLE, *, proceed: bool = False) -> Iterator[Proof]:
        """Prove everything that the lab ships with, or some of it.

        An answer that needs a way which this machine cannot start is left out, and the caller reads that.

        Args:
            only: prove only what has this in its name.
            part: prove only this part.
            proceed: leave out what ended as it must with this very course before.
        """
        tasks = part.of([(name, prove) for name, prove in self.tasks() if only in name])
        if proceed and self._ledger is not None:
            todo = [(name, prove) for name, prove in tasks if not self._ledger.is_proven(name)]
            if len(todo) < len(tasks):
                self._tell(f"{self.lab.number}: {len(tasks) - len(todo)} of {len(tasks)} were proven before")
            tasks = todo
        names = [name for name, _ in tasks]
        for number, (name, prove) in enumerate(tasks, start=1):
            self._place = self._place_of(number, names)
            try:
                proof = prove()
                if self._ledger is not None:
                    self._ledger.add(proof)
                yield proof
            except MissingProgramError as error:
                if not self.lab.toml.ways:
                    raise
                self._tell(f"{name} is left out. {error.what}")

    def _place_of(self, number: int, names: list[str]) -> str:
        left = self._ledger.seconds_for(names[number - 1 :]) if self._ledger is not None else None
        return f" ({number} of {len(names)}{f', {time_left(left)}' if left else ''})"

    def tasks(self) -> list[tuple[str, Callable[[], Proof]]]:
        """Return everything in the lab that must be proven, by name."""
        numbers = range(2, len(self.lab.toml.steps) + 1)
        tasks: list[tuple[str, Callable[[], Proof]]] = [("as shipped", self.shipped)]
        tasks += [(f"step/{number}", functools.partial(self.step, number)) for number in numbers]
        tasks += [
            (answer.name, functools.partial(self.answer, answer))
            for answer in self.lab.answers
            if not (self.lab.seed and answer.toml.lesson_values)
        ]
        if self.lab.seed:
            tasks += [
                ("solution of the lesson", functools.partial(self.of_another, self.lab.with_seed(""))),
                ("solution of a neighbour", functools.partial(self.of_another, _neighbour(self.lab))),
            ]
        return tasks

    def each(self, answers: Sequence[Answer]) -> Iterator[Proof]:
        """Prove the answers of a collection."""
        for number, answer in enumerate(answers, start=1):
            self._place = f" ({number} of {len(answers)})"
            yield self.answer(answer)

    def shipped(self) -> Proof:
        """Prove that the lab fails before anything is done, and that no guard is violated."""
        return self._prove("as shipped", "nothing done yet", None, must_fail)

    def step(self, number: int) -> Proof:
        """Prove that `lab goto` brings the lab to the start of a step: all earlier steps pass, this one does not."""
        before = {check for step in self.lab.toml.steps[: number - 1] for check in step.checks}
        own = set(self.lab.toml.steps[number - 1].checks)

        def judge(report: Report) -> str:
            passed = {check.id for check in report.having(Status.PASSED)}
            if missing := sorted(before - passed):
                first = report.first_problem
                why = f"; {first.id}: {paragraph(first)}" if first else ""
                return f"checks of earlier steps do not pass: {', '.join(missing)}{why}"
            if own and own <= passed:
                return "the step's own checks already pass"
            return must_not_be_hurt(report)

        return self._prove(
            f"step/{number}", f"where step {number} begins", self.lab.step_answer(number), judge
        )

    def answer(self, answer: Answer) -> Proof:
        """Prove one answer against what its answer.toml states."""
        if answer.must_fail:
            return self._prove(
                answer.name, answer.toml.title, answer, lambda report: must_name(report, answer)
            )
        judge = must_pass if answer.kind in {"solution", "alternative"} else anything
        return self._prove(answer.name, answer.toml.title, answer, judge)

    def of_another(self, other: Lab) -> Proof:
        """Prove that a solution with the values of another learner, or of the lesson, fails because of them."""
        whose = "another learner's values" if other.seed else "the lesson's values"
        name = f"solution of {'a neighbour' if other.seed else 'the lesson'}"
        return self._prove(name, f"right with {whose}", other.solution, must_fail_for_its_values)

    def _prove(self, name: str, title: str, answer: Answer | None, judge: Callable[[Report], str]) -> Proof:
        start = time.monotonic()
        what = f"{self.lab.number} {name}{self._place}"
        self._tell(what)
        script = ""
        # Start only those of the lab's ways that the answer needs.
        scene = dataclasses.replace(self.scene, lab=_lab_for(self.lab, answer))
        self._provide(scene.lab)
        nothing_expected = answer is not None and answer.kind == "answer" and not answer.must_fail
        try:
            self._fresh(scene)
            self._images.look(answer)
            try:
                script = self._give(scene, answer, what)
                self._tell(f"{what}: judging")
                # The first failure decides about a wrong answer; the later checks are often the slow ones.
                wrong = answer is not None and answer.must_fail
                report = grade(scene.lab, scene.engine, scene.work, to_first_failure=wrong)
            finally:
                for line in self._images.put_back():
                    self._tell(f"{what}: {line}")
        except LabError as error:
            problem = "\n".join(filter(None, (f"{error.what} {error.detail}".strip(), script)))
            return Proof(
                answer=name,
                title=title,
                as_expected=False,
                verdict="could-not-run",
                problem=problem,
                script=script,
                expected=not nothing_expected,
            )
        self._seen(report)
        problem = _with_script(judge(report), script, answer)
        proof = _proof(name, title, report, problem)
        return msgspec.structs.replace(
            proof, seconds=round(time.monotonic() - start, 2), script=script, expected=not nothing_expected
        )

    def _give(self, scene: Scene, answer: Answer | None, what: str) -> str:
        """Give an answer, if there is one, and return how its script failed; empty if it did not."""
        if answer is None:
            return ""
        self._tell(f"{what}: giving the answer")
        try:
            scene.apply(answer)
        except ScriptFailedError as error:
            return f"{error.what}\n{error.detail}".strip()
        return ""

    def _fresh(self, scene: Scene) -> None:
        scene.renew(self._tell)
        shutil.rmtree(self.scene.work, ignore_errors=True)
        scene.start(lambda _: None)

    def close(self) -> None:
        """Remove the scene and the work folder."""
        self.scene.stop()
        shutil.rmtree(self.scene.work, ignore_errors=True)


def _lab_for(lab: Lab, answer: Answer | None) -> Lab:
    """Return a lab with the ways that an answer needs; if it names none, the usual ways."""
    return lab.with_ways(answer.toml.ways if answer and answer.toml.ways else lab.toml.usual)


def images_for(lab: Lab, name: str) -> tuple[str, ...]:
    """Return the images that a proof needs.

    Args:
        lab: the lab.
        name: the proof's name: `as shipped`, `step/2`, or an answer's.
    """
    answers = {answer.name: answer for answer in lab.answers}
    step = name.removeprefix("step/")
    return _lab_for(lab, lab.step_answer(int(step)) if step != name else answers.get(name)).images


def scratch_scene(scene: Scene) -> Scene:
    """Return the same scene on a work folder that can be deleted, for a caller that holds the scene's lock."""
    return dataclasses.replace(scene, work=scratch_of(scene.places, scene.lab), held=True, proof=True)


def _with_script(problem: str, script: str, answer: Answer | None) -> str:
    """Return a problem together with how the answer's script failed, where that is one or explains it.

    Args:
        problem: what is not as expected; empty if nothing is.
        script: how the script failed; empty if it did not.
        answer: the answer.
    """
    # A wrong answer's commands may fail; a right answer's must not.
    if script and answer is not None and answer.kind in {"solution", "alternative", "step"}:
        return "\n".join(filter(None, (script, problem)))
    # The verdict is often unexpected because the answer's script failed.
    return f"{problem}\n{script}" if script and problem else problem


def _proof(name: str, title: str, report: Report, problem: str) -> Proof:
    first = report.first_problem
    verdict = "passed" if report.passed else (first.status.value if first else "could-not-run")
    return Proof(
        answer=name,
        title=title,
        as_expected=not problem,
        verdict=verdict,
        check=first.id if first else "",
        reason=paragraph(first) if first else "",
        problem=problem,
        check_ms=report.ms,
    )


def _neighbour(lab: Lab) -> Lab:
    """Return a lab with the values of a learner who has none of this one's."""
    mine = set(lab.values.values())
    others = (lab.with_seed(f"{lab.seed} {number}") for number in itertools.count())
    return next(other for other in others if mine.isdisjoint(other.values.values()))
