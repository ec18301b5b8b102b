"""Where things are: the course's folders, the learner's work, and what `lab` keeps between runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from checker.errors import LabError

_PACKAGED = Path(__file__).resolve().parent.parent / "_course"


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one course.

    Args:
        root: the checkout, or the copy of the course inside the installed package.
        home: the folder that holds what `lab` writes: the checkout, or where the learner works; below a folder
            where they have worked before, that one.
    """

    root: Path
    home: Path

    @property
    def labs(self) -> Path:
        """The labs, one folder each, and their scene fragments."""
        return self.root / "labs"

    @property
    def images(self) -> Path:
        """The Dockerfiles of every image the course runs."""
        return self.root / "images"

    @property
    def docs(self) -> Path:
        """The pages."""
        return self.root / "docs"

    @property
    def notebooks(self) -> Path:
        """The notebooks as they are shipped; learners work on copies."""
        return self.root / "notebooks"

    @property
    def state(self) -> Path:
        """What `lab` keeps between runs; `DRYDOCK_STATE` moves it."""
        return _moved("DRYDOCK_STATE", self.home / ".lab")

    @property
    def work(self) -> Path:
        """The learner's files, a folder a lab; `DRYDOCK_WORK` moves it."""
        return _moved("DRYDOCK_WORK", self.home / "work")


def _moved(variable: str, usual: Path) -> Path:
    # Absolute, since containers mount what is below, and the working folder may change.
    named = os.environ.get(variable)
    try:
        return Path(named).expanduser().absolute() if named else usual
    except (OSError, RuntimeError) as error:
        raise LabError(
            f"{variable} is `{named}`, and there is no folder that this is seen from: {error}.",
            remedy=f"Give {variable} as a whole path, from / on.",
        ) from error


def _is_course(folder: Path) -> bool:
    return (folder / "labs").is_dir() and (folder / "mkdocs.yml").is_file()


def find(start: Path | None = None) -> Places:
    """Find the course: `DRYDOCK_COURSE`, the working folder or one above it, this checkout, or the package's copy.

    Raises:
        LabError: there is no course in any of these places.
    """
    if named := os.environ.get("DRYDOCK_COURSE"):
        folder = Path(named).resolve()
        if not _is_course(folder):
            raise LabError(
                f"DRYDOCK_COURSE names {folder}, which holds no course.",
                remedy="Name a folder with labs/ and mkdocs.yml in it, or unset the variable.",
            )
        return Places(folder, folder)
    checkout = Path(__file__).resolve().parent.parent.parent
    try:
        here = (start or Path.cwd()).resolve()
    except FileNotFoundError:
        here = checkout  # the folder that the terminal stands in was removed
    for folder in (here, *here.parents, checkout):
        if _is_course(folder):
            return Places(folder, folder)
    if _is_course(_PACKAGED):
        begun = (folder for folder in (here, *here.parents) if (folder / ".lab").is_dir())
        return Places(_PACKAGED, next(begun, here))
    raise LabError(
        f"No course is found from {here}.",
        remedy="Go to a folder of the checkout, or set DRYDOCK_COURSE to it.",
    )
