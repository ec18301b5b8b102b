"""The engine's image names while an answer is proven: noted before, and given back to their images after.

They are noted in a file, too: a `lab verify` that is killed gives nothing back, and the next command on the lab does.
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
    """What each name meant before an answer was given.

    Args:
        images: the id of each name's image.
        answer: the text of the answer's files: only names that it mentions can be its own.
    """

    images: dict[str, str]
    answer: str


def file_of(places: Places, lab: Lab) -> Path:
    """Return where the names are noted while a lab's answers are proven."""
    return places.state / "verify" / f"{lab.slug}.names.json"


def look(engine: Engine, answer: str) -> Names:
    """Return what each name means now."""
    return Names(_images(engine), answer)


def note(file: Path, names: Names) -> None:
    """Note names in a file, whole or not at all.

    Raises:
        LabError: it cannot be written.
    """
    try:
        whole.write(file, msgspec.json.encode(names).decode())
    except OSError as error:
        raise not_written(file, error) from error


def put_back(engine: Engine, names: Names) -> list[str]:
    """Give each of the course's names back to its image, remove what the answer brought in, and say so."""
    now = _images(engine)
    said = [line for name, image in names.images.items() if (line := _restore(engine, name, image, now))]
    for name in sorted(now.keys() - names.images.keys()):
        # Other labs may be at work on this engine: only what this answer names is its own.
        if name in names.answer:
            with contextlib.suppress(NotFoundError, RefusedError):
                _remove(engine, name)
    return said


def put_back_noted(engine: Engine, file: Path) -> list[str]:
    """Give back what was noted in a file, if there is one, and remove it; one that cannot be read says nothing."""
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
        return f"the answer removed {name}; it is made again when it is needed"
    if replaced:
        with contextlib.suppress(NotFoundError, RefusedError):
            record = engine.image(replaced) or {}
            if not record.get("RepoTags"):
                _remove(engine, replaced)
    return f"the answer put another image in the place of {name}; the course's is back"


def _remove(engine: Engine, name: str) -> None:
    engine.delete(f"/images/{quote(name, safe='')}", force=True)
