"""Whose values an answer is graded with: those that the class gave to the learner under whose name it was handed in."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.classroom import names, roster
from checker.classroom.register import REGISTER
from checker.classroom.submission import RefusedError
from checker.course.values import seed_of
from checker.errors import LabError, MisuseError

if TYPE_CHECKING:
    from pathlib import Path

    from checker.classroom.submission import Submission
    from checker.course.catalogue import Lab


@dataclass(frozen=True)
class Whose:
    """The seeds of a class, by its learners; none if everybody has the lesson's values.

    Args:
        seeds: the seed of each learner, by what the spellings of their name have in common.
        people: the name of each learner, by seed.
        given: whether the class gives learners values of their own.
    """

    seeds: dict[str, str]
    people: dict[str, str]
    given: bool = False

    def seed(self, submission: Submission, lab: Lab) -> str:
        """Return what the values are drawn from that a submission is graded with; empty for the lesson's.

        Raises:
            RefusedError: the class gives values, and nobody in it has this name; or the submission has values of a class
                that this machine does not know.
        """
        if not lab.toml.values:
            return ""
        if not self.given:
            if submission.values:
                raise RefusedError(
                    "It has values of its own, which a class gave to the learner, and this machine does not have that class.",
                    remedy="Copy the class's folder here, `.lab/class` on the machine that held it, and add --class FOLDER.",
                )
            return ""
        seed = self.seeds.get(names.key(submission.learner))
        if seed is None:
            raise RefusedError(
                f"The class gave every learner values of their own, and nobody in it is called {submission.learner}.",
                remedy="Ask for it again, handed in under the name that `lab class status` shows on the learner's machine; "
                "or name the folder of the class that it belongs to, with --class FOLDER.",
            )
        return seed

    def note(self, submission: Submission, seed: str) -> str:
        """Return what to say of a submission whose machine had other values than those it is graded with; mostly nothing."""
        if submission.values == seed:
            return ""
        if not submission.values:
            return f"made with the lesson's values, not with those of {submission.learner}"
        other = self.people.get(submission.values)
        return f"made with the values of {other or 'somebody else'}, not with those of {submission.learner}"


NOBODY = Whose({}, {})


def whose(folder: Path, *, named: bool = False) -> Whose:
    """Return the seeds of the class in a folder; those of no class if there is none.

    Args:
        folder: the class's folder; it is only read.
        named: whether somebody named it, so that it has to be there.

    Raises:
        MisuseError: a named folder has no class.
        LabError: the class cannot be read.
    """
    file = folder / REGISTER
    if not file.is_file():
        if named:
            raise MisuseError(
                f"{folder} has no class: there is no {REGISTER} in it.",
                remedy="Name the folder `.lab/class` of the machine that held the class, or a copy of it.",
            )
        return NOBODY
    try:
        with contextlib.closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        ) as db:
            key, rows = roster.places(db)
    except sqlite3.Error as error:
        raise LabError(
            f"The class in {file} cannot be read: {error}.", remedy="Name another copy of it: --class FOLDER"
        ) from error
    seeds = {name: seed_of(key, number) for name, number in rows} if key else {}
    return Whose(
        {names.key(name): seed for name, seed in seeds.items()},
        {seed: name for name, seed in seeds.items()},
        given=bool(key),
    )
