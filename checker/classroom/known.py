"""What the course knows of its labs' checks: their ids and steps, the mistakes that its wrong answers show, and where to read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.classroom.submission import digest
from checker.errors import LabError

if TYPE_CHECKING:
    from checker.course.catalogue import Catalogue, Lab
    from checker.results import CheckResult


@dataclass(frozen=True)
class Mistake:
    """One wrong answer that the course names.

    Args:
        check: the check that fails.
        words: words of the failure.
        title: what the wrong answer does.
        misconception: the misconception behind it, if it has a name.
        name: of the wrong answer's folder.
    """

    check: str
    words: str
    title: str
    misconception: str
    name: str = ""


@dataclass(frozen=True)
class Known:
    """One lab, as far as a class's board needs it."""

    slug: str
    title: str
    digest: str
    checks: tuple[str, ...]
    steps: dict[str, int]
    step_titles: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    section: str
    """The heading of its lesson that says what goes wrong; empty if there is none."""

    def recognise(self, check: CheckResult) -> str:
        """Return the name of the mistake that a failure is known as, by all that the learner reads of it; empty if it is none.

        A wrong answer is often told from others by what was seen, or by a line of a log, which stay on the learner's machine.
        """
        why = check.failure
        if why is None:
            return ""
        told = f"{why.rationale} {why.expected} {why.seen} {why.evidence}"
        mistake = self.mistake(check.id, told)
        return mistake.name if mistake else ""

    def mistake(self, check: str, said: str, name: str = "") -> Mistake | None:
        """Return the mistake that a failure is known as; of several, the one with the most words of it.

        Args:
            check: the check that failed.
            said: what the learner read.
            name: the mistake that the learner's machine took it for; it counts if the check has one of that name.
        """
        for each in self.mistakes:
            if name and (each.check, each.name) == (check, name):
                return each
        plain = _words(said)
        found = [each for each in self.mistakes if each.check == check and _words(each.words) in plain]
        return max(found, key=lambda each: len(each.words), default=None)


def _words(text: str) -> str:
    return " ".join(re.sub(r"[`“”\"']", "", text).lower().split())


def know(catalogue: Catalogue) -> dict[str, Known]:
    """Return what is known of each lab; one whose folder is broken is left out."""
    found = {}
    for folder in catalogue.folders:
        try:
            lab = catalogue.read(folder)
            found[lab.slug] = _know(lab)
        except LabError:
            continue
    return found


def _know(lab: Lab) -> Known:
    mistakes = [
        Mistake(
            answer.toml.check,
            answer.toml.reason,
            answer.toml.title,
            answer.toml.misconception,
            answer.name,
        )
        for answer in lab.answers
        if answer.must_fail
    ]
    lesson = lab.folder.parents[1] / "docs" / "lessons" / f"{lab.slug}.md"
    heading = ""
    if lesson.is_file():
        match = re.search(r"^## (What goes wrong)\s*$", lesson.read_text("utf-8"), re.MULTILINE)
        heading = match[1] if match else ""
    return Known(
        slug=lab.slug,
        title=lab.toml.title,
        digest=digest(lab),
        checks=lab.check_ids,
        steps={check: lab.step_of(check) for check in lab.check_ids},
        step_titles=tuple(step.title for step in lab.toml.steps),
        mistakes=tuple(mistakes),
        section=heading,
    )
