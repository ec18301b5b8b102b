"""The engine's images while answers are proven: what an answer puts in a course image's place is taken out again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from checker.engine.api import NotFoundError, RefusedError

if TYPE_CHECKING:
    from checker.course.answer import Answer
    from checker.engine.api import Engine

NAMESPACE = "drydock/"


class Keeper:
    """Knows which image each name meant before an answer was given, and gives the names back.

    Args:
        engine: the engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._before: dict[str, str] = {}

    def look(self) -> None:
        """Note what each name means now."""
        self._before = self._names()

    def _names(self) -> dict[str, str]:
        return {
            str(tag): str(item["Id"])
            for item in self._engine.list_all("images")
            for tag in item.get("RepoTags") or []
            if tag != "<none>:<none>"
        }

    def put_back(self, answer: Answer | None) -> list[str]:
        """Give each of the course's names back to its image, remove what the answer brought in, and say so."""
        now = self._names()
        said = [line for name, image in self._before.items() if (line := self._restore(name, image, now))]
        mentioned = _text(answer)
        for name in sorted(now.keys() - self._before.keys()):
            # Other labs may be at work on this engine: only what this answer names is its own.
            if name in mentioned:
                with contextlib.suppress(NotFoundError, RefusedError):
                    self._remove(name)
        return said

    def _restore(self, name: str, image: str, now: dict[str, str]) -> str:
        if not name.startswith(NAMESPACE) or now.get(name) == image:
            return ""
        repository, _, tag = name.rpartition(":")
        replaced = now.get(name, "")
        try:
            self._engine.post(f"/images/{quote(image, safe='')}/tag", repo=repository, tag=tag)
        except NotFoundError:
            return f"the answer removed {name}; it is made again when it is needed"
        if replaced:
            with contextlib.suppress(NotFoundError, RefusedError):
                record = self._engine.image(replaced) or {}
                if not record.get("RepoTags"):
                    self._remove(replaced)
        return f"the answer put another image in the place of {name}; the course's is back"

    def _remove(self, name: str) -> None:
        self._engine.delete(f"/images/{quote(name, safe='')}", force=True)


def _text(answer: Answer | None) -> str:
    return "\n".join(entry.text or "" for entry in answer.contents.values()) if answer is not None else ""
