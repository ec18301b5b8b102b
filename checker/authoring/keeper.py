"""The engine's images while answers are proven: what an answer puts in a course image's place is taken out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.scene import image_names

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.answer import Answer
    from checker.engine.api import Engine


class Keeper:
    """Knows which image each name meant before an answer was given, and gives the names back.

    Args:
        engine: the engine.
        file: where they are noted, for the command that comes after one that was killed.
        own: the names of the lab's own images.
    """

    def __init__(self, engine: Engine, file: Path, own: tuple[str, ...] = ()) -> None:
        self._engine = engine
        self._file = file
        self._own = own
        self._before = image_names.Names({}, "")

    def look(self, answer: Answer | None) -> None:
        """Note what each name means now, before an answer is given.

        Raises:
            LabError: it cannot be noted.
        """
        self._before = image_names.look(self._engine, _text(answer), self._own)
        image_names.note(self._file, self._before)

    def put_back(self) -> list[str]:
        """Give each of the course's names back to its image, remove what the answer brought in, and say so."""
        said = image_names.put_back(self._engine, self._before)
        self._file.unlink(missing_ok=True)
        return said


def _text(answer: Answer | None) -> str:
    return "\n".join(entry.text or "" for entry in answer.contents.values()) if answer is not None else ""
