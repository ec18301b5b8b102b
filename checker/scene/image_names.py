"""The engine's image names while an answer is proven: recorded before, and restored after.

They are recorded in a file too: if `lab verify` is killed, the next command on the lab restores them.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from checker import whole
from checker.engine.api import NotFoundError, RefusedError
from checker.errors import not_written

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.course.places import Places
    from checker.engine.api import Engine

NAMESPACE = "drydock/"


class Names(msgspec.Struct, frozen=True):
    """The image of each name before an answer is applied.

    Args:
        images: the id of each name's image.
        answer: the text of the answer's files: what is in this text can come from the answer.
        own: the names of the lab's own images, which an answer can replace without their whole name in its text.
    """

    images: dict[str, str]
    answer: str
    own: tuple[str, ...] = ()

    def can_come_from_answer(self, name: str) -> bool:
        """Return whether the answer can have changed a name; labs that are proven at the same time can change others."""
        return name in self.answer or name in self.own


def file_of(places: Places, lab: Lab) -> Path:
    """Return the file that records the names while a lab's answers are proven."""
    return places.state / "verify" / f"{lab.slug}.names.json"


def look(engine: Engine, answer: str, own: tuple[str, ...]) -> Names:
    """Return the image of each name now."""
    return Names(_images(engine), answer, own)


def note(file: Path, names: Names) -> None:
    """Write names to a file, whole or not at all.

    Raises:
        LabError: it cannot be written.
    """
    try:
        whole.write(file, msgspec.json.encode(names).decode())
    except OSError as error:
        raise not_written(file, error) from error


def put_back(engine: Engine, names: Names) -> list[str]:
    """Restore each of the course's names to its image, remove what the answer added, and return messages about it."""
    now = _images(engine)
    said = [
        line
        for name, image in names.images.items()
        if names.can_come_from_answer(name) and (line := _restore(engine, name, image, now))
    ]
    for name in sorted(now.keys() - names.images.keys()):
        if name in names.answer:
            with contextlib.suppress(NotFoundError, RefusedError):
                _remove(engine, name)
    return said


def put_back_noted(engine: Engine, file: Path) -> list[str]:
    """Restore the names recorded in a file, if there is one, and remove it; an unreadable file is ignored."""
    try:
        text = file.read_bytes()
    except OSError:
        return []
    try:
        said = put_back(engine, msgspec.json.decode(text, type=Names))
    except msgspec.DecodeError:
        said = []
    file.unlink(missing_ok=True)
    return said


def _images(engine: Engine) -> dict[str, str]:
    return {
        str(tag): str(item["Id"])
        for item in engine.list_all("images")
        for tag in item.get("RepoTags") or []
        if tag != "<none>:<none>"
    }


def _restore(engine: Engine, name: str, image: str, now: dict[str, str]) -> str:
    if not name.startswith(NAMESPACE) or now.get(name) == image:
        return ""
    repository, _, tag = name.rpartition(":")
    replaced = now.get(name, "")
    try:
        engine.post(f"/images/{quote(image, safe='')}/tag", repo=repository, tag=tag)
    except NotFoundError:
        return f"the answer removed {name}; it is built again when it is needed"
    if replaced:
        with contextlib.suppress(NotFoundError, RefusedError):
            record = engine.image(replaced) or {}
            if not record.get("RepoTags"):
                _remove(engine, replaced)
    return f"the answer replaced the image {name}; the course's image is restored"


def _remove(engine: Engine, name: str) -> None:
    engine.delete(f"/images/{quote(name, safe='')}", force=True)
