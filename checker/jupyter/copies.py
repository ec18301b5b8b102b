"""Notebooks and the learner's copies of them: which there are, which is meant, copied once, set aside, never lost."""

from __future__ import annotations

import contextlib
import datetime as dt
import difflib
import json
import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.course.catalogue import Catalogue
from checker.errors import LabError, MisuseError

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.places import Places

FOLDER = "notebooks"
"""The folder of the copies, below the work folder."""

_NAME = re.compile(r"^\d\d-[a-z0-9]+(-[a-z0-9]+)*\.ipynb$")
_HEADING = re.compile(r"^#\s+(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook as it is shipped; nothing changes it."""

    path: Path

    @property
    def slug(self) -> str:
        """`NN-topic`, as the lab's folder and lesson are named."""
        return self.path.stem

    @property
    def number(self) -> str:
        """Two digits: the lab's number, or `00` for one that belongs to no lab."""
        return self.slug[:2]

    @property
    def title(self) -> str:
        """Its first heading; the slug where it has none or cannot be read."""
        try:
            cells = json.loads(self.path.read_text("utf-8"))["cells"]
            texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        except (OSError, ValueError, KeyError, TypeError):
            return self.slug
        found = next(filter(None, map(_HEADING.search, texts)), None)
        return found[1] if found else self.slug


def shipped(places: Places) -> list[Notebook]:
    """Return the notebooks of the course, in its order; what lies beside them, such as solutions, is none."""
    folder = places.notebooks
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [Notebook(path) for path in found if _NAME.match(path.name) and path.is_file()]


def find(places: Places, name: str) -> Notebook:
    """Find a notebook by number (`4`), slug, slug without number, or an unambiguous beginning of either.

    Raises:
        MisuseError: no notebook, or more than one, is meant; the message says which there are.
    """
    there = shipped(places)
    wanted = name.strip().lower().removesuffix(".ipynb").rstrip("/")
    if wanted.isdecimal():
        found = [each for each in there if int(each.number) == int(wanted)]
    else:
        found = [each for each in there if wanted in (each.slug, each.slug[3:])] or [
            each
            for each in there
            if wanted and (each.slug.startswith(wanted) or each.slug[3:].startswith(wanted))
        ]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.slug for each in found)
        raise MisuseError(f"`{name}` may mean {names}.", remedy="Type more of the name, or its number.")
    raise MisuseError(_missing(places, name), remedy=_nearest(there, wanted))


def _missing(places: Places, name: str) -> str:
    try:
        lab = Catalogue(places).find(name)
    except LabError:
        return f"There is no notebook `{name}`."
    return f"Lab {lab.number} ({lab.slug[3:]}) has no notebook."


def _nearest(there: list[Notebook], wanted: str) -> str:
    if not there:
        return "This course has no notebooks."
    names = {each.slug: each.slug for each in there} | {each.slug[3:]: each.slug for each in there}
    near = difflib.get_close_matches(wanted, names, 1, cutoff=0.6)
    meant = f"Did you mean `{names[near[0]]}`? " if near else ""
    return f"{meant}There are: {', '.join(each.slug for each in there)}."


def path_of(places: Places, notebook: Notebook) -> Path:
    """Return where the learner's copy of a notebook is, whether it is there or not."""
    return places.work / FOLDER / notebook.path.name


def copy_for(places: Places, notebook: Notebook) -> bool:
    """Make the learner's copy when there is none, and return whether it was made; one that is there is left alone.

    It is written beside its place and put there whole, so that an interruption leaves no half of it.

    Raises:
        LabError: it cannot be read or written.
    """
    target = path_of(places, notebook)
    if target.exists():
        return False
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # The contents alone: a checkout that is read-only would make a copy that cannot be saved.
        shutil.copyfile(notebook.path, partial)
        return _put(partial, target)
    except OSError as error:
        raise LabError(
            f"Your copy of the notebook, {target}, cannot be made: {error.strerror or error}.",
            remedy="Make room or allow writing there, or set DRYDOCK_WORK to another folder.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _put(partial: Path, target: Path) -> bool:
    """Give a finished file its name, unless another has been given it meanwhile; return whether it was."""
    try:
        # Unlike a renaming, a link never takes the place of what is there.
        target.hardlink_to(partial)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        partial.replace(target)
    return True


def set_aside(places: Places, notebook: Notebook) -> Path | None:
    """Move the learner's copy aside if it differs from what they were given, and return where it is now.

    Raises:
        LabError: it cannot be moved; nothing was changed then.
    """
    copy = path_of(places, notebook)
    try:
        if not copy.exists():
            return None
        if copy.read_bytes() == notebook.path.read_bytes():
            copy.unlink()
            return None
        stamp = dt.datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
        folder = places.work / "set-aside"
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f"{notebook.slug}-{stamp}.ipynb"
        number = 1
        while aside.exists():
            number += 1
            aside = aside.with_name(f"{notebook.slug}-{stamp}-{number}.ipynb")
        copy.rename(aside)
    except OSError as error:
        raise LabError(
            f"Your copy of the notebook, {copy}, cannot be set aside: {error.strerror or error}.",
            remedy="Allow writing there, and try again. Nothing was changed.",
        ) from error
    return aside
