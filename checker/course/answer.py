"""An answer to a lab: what its folder says, and what it takes over from the answer that it is based on."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from checker.course import contents, difference
from checker.course.contents import Entry, Kind
from checker.course.model import AnswerToml, Outcome
from checker.course.toml import read_toml
from checker.course.values import put_in
from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDERS = {
    "solution": "solution",
    "alternative": "alternatives",
    "wrong": "wrong",
    "step": "steps",
    "base": "bases",
}
"""Where in a lab's folder the answers of each kind are; the solution is one folder, the others have one for each."""

SCRIPT = "run.sh"
FILES = "files/"
CHANGES = "changes.diff"

MOST_BASES = 2
"""How many answers can be one below another; a reader of the answer has to look into as many folders."""


@dataclass(frozen=True)
class Answer:
    """One answer to a lab: files to copy into the work folder, and a script to run in the toolbox."""

    folder: Path
    kind: str
    """`solution`, `alternative`, `wrong`, `step`, `base`, or `answer` for one that a teacher collected."""
    toml: AnswerToml
    base: Answer | None = None
    """The answer that it is based on."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The learner's values by those of the lesson, which are in the answer's folder."""

    @property
    def name(self) -> str:
        """`solution`, or KIND/FOLDER."""
        return self.kind if self.kind == "solution" else f"{self.kind}/{self.folder.name}"

    @cached_property
    def own(self) -> dict[str, Entry]:
        """What is in its own folder: `run.sh` and `files/NAME`."""
        found = {f"{FILES}{name}": entry for name, entry in contents.read(self.folder / FILES).items()}
        if (self.folder / SCRIPT).is_file():
            found[SCRIPT] = Entry(Kind.FILE, _read(self.folder / SCRIPT))
        return found

    def with_values(self, values: Mapping[str, str]) -> Answer:
        """Return the answer as a learner with values of their own gives it.

        Args:
            values: the learner's values by those of the lesson; the answer stays as it is without any.
        """
        if not values:
            return self
        toml = msgspec.structs.replace(
            self.toml, title=put_in(self.toml.title, values), reason=put_in(self.toml.reason, values)
        )
        return replace(self, toml=toml, values=values)

    @cached_property
    def contents(self) -> dict[str, Entry]:
        """What the answer is, its base included: `run.sh` and `files/NAME`.

        Raises:
            LabError: the base does not have what this answer changes or leaves out.
        """
        if not self.values:
            return self._written
        found = {put_in(name, self.values): entry for name, entry in self._written.items()}
        return {
            name: replace(entry, data=put_in(entry.text, self.values).encode()) if entry.text else entry
            for name, entry in found.items()
        }

    @cached_property
    def _written(self) -> dict[str, Entry]:
        """What the answer is as its folder has it, with the values of the lesson."""
        if self.base is None:
            return self.own
        found = dict(self.base.contents)
        for name in self.toml.without:
            self._require(name, "without", found)
            del found[name]
        if (self.folder / CHANGES).is_file():
            found |= self._changed(found)
        return dict(sorted({**found, **self.own}.items()))

    @property
    def files(self) -> dict[str, Entry]:
        """What is copied into the work folder, by its name there."""
        return {
            name.removeprefix(FILES): entry for name, entry in self.contents.items() if name.startswith(FILES)
        }

    @property
    def script(self) -> str | None:
        """What runs in the toolbox, if anything."""
        entry = self.contents.get(SCRIPT)
        if entry is None:
            return None
        if entry.text is None:
            raise LabError(f"{SCRIPT} of {self.name} is not UTF-8 text.", remedy="Save it as UTF-8.")
        return entry.text

    @property
    def must_fail(self) -> bool:
        """Whether this is a wrong answer."""
        return bool(self.toml.check)

    @property
    def repeated(self) -> list[str]:
        """What its folder has unchanged from its base, and so need not have."""
        below = self.base.contents if self.base else {}
        return [name for name, entry in self.own.items() if below.get(name) == entry]

    def differences(self, context: int = difference.CONTEXT) -> dict[str, str]:
        """Return what differs from its base, for each file: changes as in changes.diff, a sentence for what has no lines.

        Args:
            context: how many lines around a change are shown.
        """
        below = self.base.contents if self.base else {}
        names = sorted(below.keys() | self.contents.keys(), key=lambda name: (name != SCRIPT, name))
        found = {name: _compared(name, below.get(name), self.contents.get(name), context) for name in names}
        return {name: text for name, text in found.items() if text}

    def _changed(self, below: Mapping[str, Entry]) -> dict[str, Entry]:
        """Return the files that changes.diff changes, as they are afterwards."""
        file = self.folder / CHANGES
        text = Entry(Kind.FILE, _read(file)).text
        if text is None:
            raise LabError(f"{file} is not UTF-8 text.", remedy="Save it as UTF-8.")
        changed = {}
        for name, hunks in difference.parse(text, file).items():
            self._require(name, CHANGES, below)
            target = f"{name} of {self.base.name if self.base else ''}"
            before = below[name].text
            if before is None:
                raise LabError(
                    f"{file}: {target} is not text.", remedy=f"Put the whole file into {self.folder}."
                )
            after = difference.apply(hunks, before, file=file, target=target)
            changed[name] = Entry(Kind.FILE, after.encode(), runs=below[name].runs)
        return changed

    def _require(self, name: str, where: str, below: Mapping[str, Entry]) -> None:
        """Require that the base has what this answer changes or leaves out, and that its folder does not say it twice."""
        assert self.base is not None  # noqa: S101 - callers have looked
        place = self.folder / CHANGES if where == CHANGES else f"{self.folder / 'answer.toml'}: `without`"
        if name in self.own:
            raise LabError(
                f"{place} names {name}, which is in the folder as a whole.",
                remedy=f"Remove {name} from one of the two.",
            )
        if name not in below:
            near = difflib.get_close_matches(name, below, 1)
            raise LabError(
                f"{place} names {name}, which {self.base.name} does not have.",
                remedy=f"Did you mean {near[0]}?" if near else f"It has {', '.join(below) or 'nothing'}.",
            )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise LabError(f"{file} cannot be read: {error.strerror}.", remedy="Restore the file.") from error


def _compared(name: str, before: Entry | None, after: Entry | None, context: int) -> str:
    if before == after:
        return ""
    if after is None:
        return f"without {name}\n"
    if after.kind is not Kind.FILE or after.text is None:
        return f"{name}: {after.kind.value} of {len(after.data)} bytes\n"
    if before is None or before.text is None:
        lines = "".join(f"+{line}\n" for line in after.text.removesuffix("\n").split("\n"))
        return f"new {name}\n{lines}"
    if before.runs != after.runs:
        return f"{name}: {'can' if after.runs else 'cannot'} be run\n" + difference.written(
            name, before.text, after.text, context
        )
    return difference.written(name, before.text, after.text, context)


def read_answer(folder: Path, kind: str, lab: Path, above: tuple[str, ...] = ()) -> Answer:
    """Read one answer folder, and the answers that it is based on.

    Args:
        folder: the answer's folder.
        kind: what kind of answer it is.
        lab: the folder of the lab whose answers it can be based on.
        above: the names of the answers that are based on this one.

    Raises:
        LabError: answer.toml is missing or wrong, there is neither files/ nor run.sh, or its base is not there,
            is based on this answer itself, or does not have what this answer changes.
    """
    file = folder / "answer.toml"
    toml = read_toml(file, AnswerToml)
    answer = Answer(folder, kind, toml)
    _require_sense(answer, file)
    if not toml.based_on:
        for named, there in (("`without`", bool(toml.without)), (CHANGES, (folder / CHANGES).is_file())):
            if there:
                raise LabError(
                    f"{file}: {named} says what differs from another answer, but `based_on` names none.",
                    remedy='Add `based_on = "solution"`, or the name of the answer that is meant.',
                )
        if not (folder / FILES).is_dir() and not (folder / SCRIPT).is_file():
            raise LabError(
                f"{folder} has neither files/ nor run.sh.",
                remedy="An answer needs files, a script or both, or names in `based_on` the answer that has them.",
            )
        return answer
    answer = Answer(folder, kind, toml, _base(answer, lab, (*above, answer.name)))
    if not answer.contents:
        raise LabError(
            f"{file}: `without` leaves nothing of {toml.based_on}.",
            remedy="An answer needs files, a script or both.",
        )
    return answer


def _require_sense(answer: Answer, file: Path) -> None:
    """Require that an answer says of itself what its kind needs, and nothing else."""
    toml = answer.toml
    if answer.kind == "wrong" and not (toml.check and toml.reason):
        raise LabError(
            f"{file}: a wrong answer names the `check` that must fail and words from its `reason`.",
            remedy="Add both fields.",
        )
    if toml.outcome is Outcome.VIOLATED and not toml.check:
        raise LabError(f"{file}: `outcome` is for wrong answers.", remedy="Add `check`, or remove `outcome`.")
    if answer.kind == "base" and (toml.check or toml.reason or toml.ways):
        raise LabError(
            f"{file}: a base is given to nobody, so nothing is expected of it and it needs no ways.",
            remedy="Remove `check`, `reason` and `ways`; the answers that are based on it have them.",
        )


def _base(answer: Answer, lab: Path, above: tuple[str, ...]) -> Answer:
    """Return what an answer is based on; `above` ends with the answer itself."""
    name, file = answer.toml.based_on, answer.folder / "answer.toml"
    if answer.kind == "solution":
        raise LabError(
            f"{file}: the solution cannot be based on another answer.",
            remedy="Learners copy from it: put all of it into its folder, and base the other answer on it.",
        )
    if name in above:
        circle = ", which is based on ".join([*above[above.index(name) :], name])
        raise LabError(
            f"{file}: `based_on` goes in a circle: {circle}.",
            remedy="Give one of them all of its files, without `based_on`.",
        )
    if len(above) > MOST_BASES:
        raise LabError(
            f"{file}: `based_on` goes too deep: {', which is based on '.join([*above, name])}.",
            remedy=f"There can be {MOST_BASES} answers below one. Base it on `solution`, or give it all of its files.",
        )
    kind, _, rest = name.partition("/")
    folder = lab / "solution" if name == "solution" else lab / FOLDERS.get(kind, "") / rest
    known = names(lab)
    if name not in known:
        plain = name.strip("/").removesuffix("/answer.toml")
        singular = {
            f"{where}/{each.partition('/')[2]}": each
            for each in known
            for where in [FOLDERS[each.partition("/")[0]]]
        }
        near = singular.get(plain) or next(iter(difflib.get_close_matches(name, known, 1)), "")
        raise LabError(
            f"{file}: `based_on` names `{name}`, and the lab has no such answer.",
            remedy=(f"Did you mean `{near}`? " if near else "") + f"Answers: {', '.join(known) or 'none'}.",
        )
    return read_answer(folder, kind, lab, above)


def names(lab: Path) -> list[str]:
    """Return the names of everything that an answer of a lab can be based on."""
    found = ["solution"] if (lab / "solution").is_dir() else []
    for kind, where in FOLDERS.items():
        if kind != "solution":
            found += [f"{kind}/{folder.name}" for folder in folders(lab / where)]
    return found


def folders(parent: Path) -> list[Path]:
    """Return the folders in a folder, in order."""
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []
