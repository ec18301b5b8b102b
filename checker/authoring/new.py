"""Creates a lab from the template: a small lab that verifies unchanged, for an author to change step by step."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.authoring.facts import write_facts
from checker.course.catalogue import Catalogue
from checker.errors import LabError, MisuseError

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.course.places import Places

TEMPLATE = Path(__file__).parent / "template"

FIRST_PORT = 8100
"""A new lab gets a free port from this number on."""

_NAME = re.compile(r"(?:(\d\d)-)?([a-z0-9]+(?:-[a-z0-9]+)*)")


@dataclass(frozen=True)
class NewLab:
    """What was created."""

    lab: Lab
    lesson: Path
    facts: Path


@dataclass(frozen=True)
class _Choice:
    number: int
    topic: str
    title: str
    port: int
    container: str

    @property
    def slug(self) -> str:
        return f"{self.number:02}-{self.topic}"

    def fill(self, text: str) -> str:
        """Replace the names in the template by the chosen ones."""
        # A JSON string is also a TOML and a YAML string, whatever characters the title has.
        for old, new in (
            ('"Sample lab"', json.dumps(self.title, ensure_ascii=False)),
            ("Sample lab", self.title),
            ("sample-copy", self.container),
            ("8199", str(self.port)),
            ("drydock-99", f"drydock-{self.number:02}"),
            ("_facts/99.md", f"_facts/{self.number:02}.md"),
            ("# 99 ", f"# {self.number:02} "),
            ("lab 99", f"lab {self.number:02}"),
            ("Lab 99", f"Lab {self.number:02}"),
        ):
            text = text.replace(old, new)
        return re.sub(r"\b99\b", str(self.number), text)


def make(places: Places, name: str, title: str = "") -> NewLab:
    """Create a lab's folder, its lesson and its facts.

    Args:
        places: the course.
        name: `NN-topic`, or `topic` for the next free number.
        title: the lab's title; made from the topic if empty.

    Raises:
        MisuseError: the name is not a valid slug, or the number, the topic or a file exists already; nothing was created.
        LabError: the files cannot be written.
    """
    choice = _choose(places, name, " ".join(title.split()))
    folder, lesson = places.labs / choice.slug, places.docs / "lessons" / f"{choice.slug}.md"
    for path in (folder, lesson):
        if path.exists():
            raise MisuseError(f"{path} exists already.", remedy="Choose another name, or remove it yourself.")
    partial = places.labs / f".{choice.slug}.partial"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        _copy(choice, TEMPLATE / "lab", partial)
        lesson.parent.mkdir(parents=True, exist_ok=True)
        lesson.write_text(
            choice.fill((TEMPLATE / "lesson.md").read_text("utf-8")), encoding="utf-8", newline="\n"
        )
        partial.rename(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise LabError(
            f"{error.filename or folder} cannot be written: {error.strerror or error}.",
            remedy="Allow writing there, or work in your own checkout.",
        ) from error
    lab = Catalogue(places).read(folder)
    return NewLab(lab, lesson, write_facts(places, lab))


def _choose(places: Places, name: str, title: str) -> _Choice:
    match = _NAME.fullmatch(name)
    if not match:
        raise MisuseError(
            f"`{name}` is not a valid name for a lab: use lower-case letters, digits and single dashes.",
            remedy=_nearest(name),
        )
    catalogue = Catalogue(places)
    taken = {int(folder.name[:2]): folder.name for folder in catalogue.folders}
    topics = {folder.name[3:]: folder.name for folder in catalogue.folders}
    number, topic = int(match[1] or 0), match[2]
    if topic in topics:
        raise MisuseError(f"There is a lab {topics[topic]} already.", remedy="Choose another name.")
    if match[1]:
        if number == 0 or number in taken:
            used = f"is taken by {taken[number]}" if number else "is not used for labs"
            raise MisuseError(
                f"Number {number:02} {used}.",
                remedy=f"Choose another number, or leave it out to get the next free one: lab new {topic}",
            )
    else:
        number = max(taken, default=0) + 1
    if number > 99:
        raise MisuseError("Labs have numbers from 01 to 99, and 99 is taken.", remedy="Name a free number.")
    ports = {port for lab in catalogue for port in lab.possible_ports}
    names = {container for lab in catalogue for container in lab.toml.containers}
    return _Choice(
        number=number,
        topic=topic,
        title=title or topic.replace("-", " ").capitalize(),
        port=next(port for port in range(FIRST_PORT + number, 65536) if port not in ports),
        container=topic if topic not in names else f"{topic}-{number:02}",
    )


def _nearest(name: str) -> str:
    near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"For instance: lab new {near}" if _NAME.fullmatch(near) else "For instance: lab new my-topic"


def _copy(choice: _Choice, source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            file = target / path.relative_to(source)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(choice.fill(path.read_text("utf-8")), encoding="utf-8", newline="\n")
