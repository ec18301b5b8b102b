"""What the verbs share: a session on the course, how to speak while working, and how to ask."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from checker.course.catalogue import Catalogue, Lab
from checker.course.places import find
from checker.errors import MisuseError
from checker.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


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


class Context(Session):
    """A session that speaks and asks on the terminal.

    Args:
        args: the command line.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(Talk(quiet=bool(getattr(args, "json", False))))
        self.args = args

    def lab(self) -> Lab:
        """Return the lab that the command line names."""
        return self.catalogue.find(self.args.lab)

    @contextlib.contextmanager
    def trying_shown(self) -> Iterator[None]:
        """Show which check is under way while the block runs."""
        from checker.render.trying import Trying

        with Trying(sys.stderr, quiet=bool(getattr(self.args, "json", False))) as self.trying:
            yield

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


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add the option that brings a lab up where it does not fit."""
    parser.add_argument(
        "--force",
        action="store_true",
        help="go on even if the lab's memory or disk does not fit beside what runs",
    )
