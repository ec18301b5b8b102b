"""The typed catalogue of labs: reads lab.toml files and finds a lab by number, slug or prefix."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from checker.course.answer import FOLDERS, Answer, folders, read_answer
from checker.course.choice import choose, kept, require_ways
from checker.course.model import LabToml
from checker.course.toml import read_toml
from checker.course.values import drawn, noted, put_in, require_values
from checker.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from checker.course.places import Places

_FOLDER = re.compile(r"^(\d\d)-[a-z0-9]+(-[a-z0-9]+)*$")


@dataclass(frozen=True)
class Lab:
    """One lab of the course, with the chosen ways if it has several."""

    folder: Path
    toml: LabToml
    chosen: tuple[str, ...] = ()
    """The names of the ways that are started, in the order of lab.toml; empty in most labs, which have only one way."""
    seed: str = ""
    """What the learner's values are drawn from; empty outside of a class that gives values, and then the lesson's count."""

    @property
    def slug(self) -> str:
        """`NN-topic`: the name of its folder, its lesson and its notebook."""
        return self.folder.name

    @property
    def number(self) -> str:
        """Two digits, such as `03`."""
        return self.slug[:2]

    @property
    def project(self) -> str:
        """The name of its Compose project."""
        return f"drydock-{self.number}"

    @property
    def compose(self) -> Path:
        """Its scene."""
        return self.folder / "compose.yaml"

    @property
    def compose_files(self) -> tuple[Path, ...]:
        """Its scene, and the file that each chosen way adds."""
        return (self.compose, *(self.folder / f"compose.{name}.yaml" for name in self.chosen))

    @property
    def needs(self) -> frozenset[str]:
        """What the machine must be able to do with the chosen ways."""
        return self._needs(self.chosen)

    @property
    def all_needs(self) -> frozenset[str]:
        """What the machine must be able to do for all its ways."""
        return self._needs(tuple(self.toml.ways))

    def _needs(self, names: tuple[str, ...]) -> frozenset[str]:
        return frozenset(self.toml.needs).union(*(self.toml.ways[name].needs for name in names))

    @property
    def images(self) -> tuple[str, ...]:
        """The images it needs with the chosen ways."""
        return self._images(self.chosen)

    @property
    def all_images(self) -> tuple[str, ...]:
        """All images it can need, whichever ways are chosen."""
        return self._images(tuple(self.toml.ways))

    def _images(self, names: tuple[str, ...]) -> tuple[str, ...]:
        found = list(self.toml.images)
        for name in names:
            way = self.toml.ways[name]
            found += way.images
            found += [image for other in names for image in way.beside.get(other, ())]
        return tuple(dict.fromkeys(found))

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports of the learner's machine that it uses with the chosen ways, and with the learner's own values."""
        return self._own_ports(self.chosen)

    @property
    def all_ports(self) -> tuple[int, ...]:
        """All ports it can use with the learner's own values, whichever ways are chosen."""
        return self._own_ports(tuple(self.toml.ways))

    def _own_ports(self, names: tuple[str, ...]) -> tuple[int, ...]:
        ports = (*self.toml.ports, *(port for name in names for port in self.toml.ways[name].ports))
        return tuple(int(self.own.get(str(port), port)) for port in ports)

    @property
    def possible_ports(self) -> frozenset[int]:
        """All ports it can use, with any ways chosen, and with any learner's values."""
        plain = self.with_seed("").all_ports
        choices = [value.choices for value in self.toml.values.values() if value.lesson in map(str, plain)]
        return frozenset((*plain, *(int(choice) for several in choices for choice in several)))

    @property
    def values(self) -> dict[str, str]:
        """The learner's values, by the names in lab.toml."""
        return drawn(self.slug, self.toml.values, self.seed)

    @property
    def shown_values(self) -> dict[str, str]:
        """The values that the learner is shown, by the names in lab.toml: all but faults."""
        return {name: value for name, value in self.values.items() if not self.toml.values[name].fault}

    @property
    def own(self) -> dict[str, str]:
        """The learner's values by those of the lesson, if the learner has values of their own; faults are not shown."""
        if not self.seed:
            return {}
        return {self.toml.values[name].lesson: value for name, value in self.shown_values.items()}

    @property
    def fault(self) -> str:
        """The node that `lab lose` kills if none is named; empty for a random one."""
        if not self.seed:
            return ""
        return next((self.values[name] for name, value in self.toml.values.items() if value.fault), "")

    def given(self, answer: Answer) -> Answer:
        """Return an answer to this lab as this learner gives it."""
        found = self.own
        if self.fault:
            lesson = next(value.lesson for value in self.toml.values.values() if value.fault)
            # The nodes change places, so that an answer which looks after all of them still does.
            found |= {lesson: self.fault, self.fault: lesson}
        return answer.with_values(found)

    def put_in(self, text: str) -> str:
        """Return a text of this lab with the learner's values in place of the lesson's."""
        return put_in(text, self.own)

    def with_seed(self, seed: str) -> Lab:
        """Return the lab with the values of another learner; with those of the lesson if the seed is empty."""
        return replace(self, seed=seed)

    def with_ways(self, names: Collection[str]) -> Lab:
        """Return the lab with these ways chosen, however many; without a name, return it unchanged."""
        wanted = tuple(name for name in self.toml.ways if name in names)
        return replace(self, chosen=wanted) if wanted else self

    def choosing(self, names: Collection[str]) -> Lab:
        """Return the lab with the ways that a learner names.

        Raises:
            MisuseError: the lab has no such way, or needs a different number of ways; the message lists them.
        """
        return self.with_ways(choose(self, names))

    def reaching(self, answer: Answer) -> Lab:
        """Return the lab with ways that an answer works with: the chosen ones if possible, else the answer's own first."""
        needed = answer.toml.ways
        if set(needed) <= set(self.chosen):
            return self
        rest = [name for name in self.chosen if name not in needed]
        return self.with_ways([*needed, *rest][: max(len(self.chosen), len(needed))])

    @property
    def check_ids(self) -> tuple[str, ...]:
        """The goals, in the order of the task."""
        return tuple(check for step in self.toml.steps for check in step.checks)

    def step_of(self, check: str) -> int:
        """Return the number of the step that a check belongs to, 0 for a guard."""
        for number, step in enumerate(self.toml.steps, start=1):
            if check in step.checks:
                return number
        return 0

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """Solution, alternatives and wrong answers, in this order."""
        found = [self.solution] if (self.folder / "solution").is_dir() else []
        return (*found, *self._all("alternative"), *self._all("wrong"))

    @property
    def bases(self) -> tuple[Answer, ...]:
        """What several answers share; given to nobody."""
        return tuple(self._all("base"))

    @property
    def solution(self) -> Answer:
        """The answer that `lab solve` writes."""
        return self.given(read_answer(self.folder / "solution", "solution", self.folder))

    def step_answer(self, step: int) -> Answer | None:
        """Return what brings a fresh scene to where a step begins; None for the first step."""
        if step == 1:
            return None
        return self.given(read_answer(self.folder / "steps" / str(step), "step", self.folder))

    def _all(self, kind: str) -> list[Answer]:
        return [
            self.given(read_answer(path, kind, self.folder)) for path in folders(self.folder / FOLDERS[kind])
        ]


class Catalogue:
    """All labs, read when they are asked for."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.folders = tuple(path for path in folders(places.labs) if _FOLDER.match(path.name))

    def __iter__(self) -> Iterator[Lab]:
        """Yield the labs in the order of the course."""
        return (self.read(folder) for folder in self.folders)

    def read(self, folder: Path) -> Lab:
        """Read one lab's folder; of its ways, those that were chosen last, or the usual ones."""
        toml = read_toml(folder / "lab.toml", LabToml)
        require_ways(folder / "lab.toml", toml)
        require_values(folder / "lab.toml", toml)
        lab = Lab(folder, toml, seed=noted(self.places.state) if toml.values else "")
        if not toml.ways:
            return lab
        last = kept(self.places, folder.name)
        known = len(last) == len(toml.usual) and set(last) <= set(toml.ways)
        return lab.with_ways(last if known else toml.usual)

    def find(self, name: str) -> Lab:
        """Find a lab by number (`3`), slug, slug without number, or an unambiguous beginning of either.

        Raises:
            MisuseError: no lab, or more than one, is meant; the message says which come near.
        """
        wanted = name.strip().lower().rstrip("/")
        if wanted.isdecimal():
            found = [path for path in self.folders if int(path.name[:2]) == int(wanted)]
        else:
            found = [path for path in self.folders if wanted in (path.name, path.name[3:])] or [
                path
                for path in self.folders
                if wanted and (path.name.startswith(wanted) or path.name[3:].startswith(wanted))
            ]
        if len(found) == 1:
            return self.read(found[0])
        if found:
            names = ", ".join(path.name for path in found)
            raise MisuseError(f"`{name}` may mean {names}.", remedy="Type more of the name, or its number.")
        raise MisuseError(f"There is no lab `{name}`.", remedy=self._nearest(wanted))

    def several(self, names: Iterable[str]) -> list[Lab]:
        """Find labs by name, or by ranges of numbers such as `1-6`; each once, in the order of the course.

        Raises:
            MisuseError: no lab, or more than one, is meant by a name, or a range has no lab.
        """
        found: dict[str, Lab] = {}
        for name in names:
            first, dash, last = name.partition("-")
            if dash and first.isdecimal() and last.isdecimal():
                inside = [path for path in self.folders if int(first) <= int(path.name[:2]) <= int(last)]
                if not inside:
                    raise MisuseError(
                        f"There is no lab from {first} to {last}.", remedy="`lab list` shows all."
                    )
                found |= {path.name: self.read(path) for path in inside}
            else:
                lab = self.find(name)
                found[lab.slug] = lab
        return [found[slug] for slug in sorted(found)]

    def find_step(self, name: str) -> tuple[Lab, int]:
        """Find `3` or `3.2`: a lab and a step, 0 when none is named.

        Raises:
            MisuseError: the lab has no such step.
        """
        text, dot, step = name.partition(".")
        lab = self.find(text)
        if not dot:
            return lab, 0
        count = len(lab.toml.steps)
        if not step.isdecimal() or not 1 <= int(step) <= count:
            raise MisuseError(f"Lab {lab.number} has no step `{step}`.", remedy=f"It has steps 1 to {count}.")
        return lab, int(step)

    def _nearest(self, wanted: str) -> str:
        names = {path.name: path.name for path in self.folders} | {
            path.name[3:]: path.name for path in self.folders
        }
        near = difflib.get_close_matches(wanted, names, 1, cutoff=0.5)
        if near:
            return f"Did you mean `{names[near[0]]}`? `lab list` shows all."
        return "`lab list` shows all."
