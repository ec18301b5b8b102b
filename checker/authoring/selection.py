"""The answers and parts that a command line names: a teacher's collection, and one of several equal parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from checker.course.answer import Answer, read_answer
from checker.course.model import AnswerToml
from checker.errors import MisuseError

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.catalogue import Lab

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """One of several equal parts of the proofs: for several machines, or for several days.

    Args:
        number: which part, from 1.
        count: how many parts there are.
    """

    number: int
    count: int

    def of(self, tasks: list[T]) -> list[T]:
        """Return every `count`th of some tasks, beginning with that of this part's number."""
        return tasks[self.number - 1 :: self.count]


WHOLE = Part(1, 1)


def part_from(text: str) -> Part:
    """Read a part such as `2/3`.

    Raises:
        MisuseError: it is not a part.
    """
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return Part(int(number), int(count))
    raise MisuseError(
        f"`{text}` is not a part such as 2/3.", remedy="--shard 1/3 runs the first of three parts."
    )


def collect(folder: Path, lab: Lab) -> list[Answer]:
    """Read a collection of answers: a folder of answer folders, or one answer folder.

    An answer without answer.toml is taken by its folder's name and has no expectation. One with `based_on` is based
    on an answer of the lab.

    Raises:
        MisuseError: the folder is not there or holds no answer.
    """
    if not folder.is_dir():
        raise MisuseError(f"There is no folder {folder}.", remedy="Name a folder of answers.")
    candidates = (
        [folder] if _is_answer(folder) else sorted(path for path in folder.rglob("*") if _is_answer(path))
    )
    if not candidates:
        raise MisuseError(
            f"{folder} holds no answer.",
            remedy="An answer is a folder with files/ (laid over the work folder), run.sh (run in the toolbox), or both.",
        )
    return [_read(path, lab) for path in candidates]


def _is_answer(path: Path) -> bool:
    return path.is_dir() and (
        (path / "answer.toml").is_file() or (path / "run.sh").is_file() or (path / "files").is_dir()
    )


def _read(path: Path, lab: Lab) -> Answer:
    if (path / "answer.toml").is_file():
        return lab.given(read_answer(path, "answer", lab.folder))
    return lab.given(Answer(path, "answer", AnswerToml(title=path.name)))
