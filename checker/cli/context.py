"""What the verbs share: the course, the engine, the record of progress, and how to speak while working."""

from __future__ import annotations

import functools
import sys
import time
from typing import TYPE_CHECKING

from checker.course.catalogue import Catalogue, Lab
from checker.course.places import Places, find
from checker.errors import MisuseError

if TYPE_CHECKING:
    import argparse

    from checker.course.catalogue import Answer
    from checker.engine.api import Engine
    from checker.engine.client import Client
    from checker.progress import Progress
    from checker.scene.scene import Scene


class Talk:
    """Progress lines on stderr, with the time since the command began on a terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._start = time.monotonic()
        self._quiet = quiet

    def __call__(self, line: str) -> None:
        """Say one line."""
        if self._quiet:
            return
        if sys.stderr.isatty():
            print(f"{time.monotonic() - self._start:6.1f} s  {line}", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


class Context:
    """Everything a verb may need, each thing made when it is first used."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.say = Talk(quiet=bool(getattr(args, "json", False)))

    @functools.cached_property
    def places(self) -> Places:
        """The course's folders."""
        return find()

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        """The labs."""
        return Catalogue(self.places)

    @functools.cached_property
    def engine(self) -> Engine:
        """The engine this person has; nothing is installed."""
        from checker.engine.api import connect

        return connect()

    @functools.cached_property
    def client(self) -> Client:
        """The docker command for the same engine."""
        from checker.engine.client import find_client

        # An engine that is down must not look like a command that is missing.
        self.engine.require()
        return find_client(self.engine.endpoint, state=self.places.state)

    @functools.cached_property
    def progress(self) -> Progress:
        """The learner's record."""
        from checker.progress import Progress

        return Progress(self.places.state / "progress.sqlite3", self.say)

    def lab(self) -> Lab:
        """Return the lab that the command line names."""
        return self.catalogue.find(self.args.lab)

    def scene(self, lab: Lab) -> Scene:
        """Return a lab's scene, on the learner's work folder."""
        from checker.scene.scene import Scene
        from checker.scene.work import folder_of

        return Scene(lab, self.places, self.engine, self.client, folder_of(self.places, lab))

    def require_started(self, lab: Lab) -> None:
        """Refuse to judge a lab that does not run; cheaper than making its whole scene.

        Raises:
            LabError: it is not started, or part of it does not run.
        """
        from checker.scene.scene import require_running

        require_running(self.engine, lab)

    def ensure_images(self, lab: Lab) -> None:
        """Make the images that a lab needs present."""
        from checker.images.program import MissingProgramError
        from checker.images.supply import ensure

        # No name at all would mean every image of the course.
        if not lab.images:
            return
        try:
            ensure(lab.images, self.say)
        except MissingProgramError as error:
            there = [name for name in lab.toml.ways if not self.lacking(lab.with_ways([name]))]
            if not lab.chosen or len(there) < len(lab.chosen):
                raise
            choice = f"lab start {int(lab.number)} --with {','.join(there[: len(lab.chosen)])}"
            remedy = f"{error.remedy} Here lab {lab.number} can be had with {', '.join(there)}: {choice}"
            raise MissingProgramError(error.what, remedy=remedy) from error

    def require_room(self, lab: Lab) -> None:
        """Refuse a lab whose measured memory and disk do not fit beside what runs; `--force` makes it a note.

        Raises:
            LabError: what is short, and what to do.
        """
        from checker.errors import LabError
        from checker.scene.budget import require_room

        try:
            require_room(self.engine, lab, self.places, self.catalogue.find)
        except LabError as error:
            if not getattr(self.args, "force", False):
                raise
            self.say(f"note: {error.what} Started all the same.")

    def for_answer(self, lab: Lab, answer: Answer | None) -> Lab:
        """Return a lab with the ways that an answer is given with, and say so where others are chosen now."""
        if answer is None or set(answer.toml.ways) <= set(lab.chosen):
            return lab
        found = lab.reaching(answer)
        titles = " and ".join(found.toml.ways[name].title for name in found.chosen)
        self.say(
            f"note: this answer is given {titles}; these ways are started in place of those chosen before"
        )
        return found

    def lacking(self, lab: Lab) -> str:
        """Return what of somebody else's a lab needs and this machine does not have; empty when nothing."""
        from checker.images.supply import lacking

        return lacking(lab.images, self.places, lambda: self.engine)

    def agrees(self, question: str) -> bool:
        """Ask on the terminal and return the answer; `--yes` answers for the person, no terminal means no."""
        if self.args.yes:
            return True
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def confirm(self, question: str) -> None:
        """Ask on the terminal; `--yes` answers for the person.

        Raises:
            MisuseError: there is no terminal and no `--yes`, or the answer is no.
        """
        if self.args.yes:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise MisuseError(
                f"{question} There is no terminal to ask on.", remedy="Say --yes if you mean it."
            )
        if not self.agrees(question):
            raise MisuseError("Nothing was done.")


def add_lab(
    parser: argparse.ArgumentParser, text: str = "the lab's number, slug, or the beginning of its name"
) -> None:
    """Add the argument that names a lab."""
    argument = parser.add_argument("lab", metavar="LAB", help=text)
    argument.completer = complete_labs  # type: ignore[attr-defined]


def complete_labs(prefix: str, **_: object) -> list[str]:
    """Return what a shell may complete a lab's name to."""
    folders = Catalogue(find()).folders
    names = [str(int(folder.name[:2])) for folder in folders] + [folder.name for folder in folders]
    return [name for name in names if name.startswith(prefix)]
