"""Where things are: the course's folders, the learner's work, and the state of `lab`."""

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
        home: the folder that `lab` writes to: the checkout, or the folder in which the learner works; if they
            have worked in a parent folder before, that one.
    """

    root: Path
    home: Path

    @property
    def labs(self) -> Path:
        """The labs, with one folder for each, and the fragments that scenes include."""
        return self.root / "labs"

    @property
    def images(self) -> Path:
        """The Dockerfiles of all images that the course runs."""
        return self.root / "images"

    @property
    def docs(self) -> Path:
        """The pages."""
        return self.root / "docs"

    @property
    def notebooks(self) -> Path:
        """The notebooks as shipped; learners work on copies."""
        return self.root / "notebooks"

    @property
    def state(self) -> Path:
        """What `lab` keeps between runs; `DRYDOCK_STATE` moves it."""
        return _moved("DRYDOCK_STATE", self.home / ".lab")

    @property
    def work(self) -> Path:
        """The learner's files, with one folder for each lab; `DRYDOCK_WORK` moves it."""
        return _moved("DRYDOCK_WORK", self.home / "work")


def environment_for(places: Places) -> dict[str, str]:
    """Return the environment for another process of the course: it finds the same code, course and folders as this one."""
    code = str(Path(__file__).resolve().parents[2])
    found = {
        "DRYDOCK_STATE": str(places.state),
        "DRYDOCK_WORK": str(places.work),
        "PYTHONPATH": os.pathsep.join(filter(None, [code, os.environ.get("PYTHONPATH", "")])),
    }
    if places.root == places.home:
        found["DRYDOCK_COURSE"] = str(places.root)
    return os.environ | found


def _moved(variable: str, usual: Path) -> Path:
    # Absolute, because containers mount folders below it, and the working folder can change.
    named = os.environ.get(variable)
    try:
        return Path(named).expanduser().absolute() if named else usual
    except (OSError, RuntimeError) as error:
        raise LabError(
            f"{variable} is `{named}`, which is relative to a folder that does not exist: {error}.",
            remedy=f"Set {variable} to an absolute path, which begins with /.",
        ) from error


def _is_course(folder: Path) -> bool:
    return (folder / "labs").is_dir() and (folder / "mkdocs.yml").is_file()


def find(start: Path | None = None) -> Places:
    """Find the course: `DRYDOCK_COURSE`, the working folder or one above it, this checkout, or the copy in the installed package.

    Raises:
        LabError: there is no course in any of these places.
    """
    if named := os.environ.get("DRYDOCK_COURSE"):
        folder = Path(named).resolve()
        if not _is_course(folder):
            raise LabError(
                f"DRYDOCK_COURSE names {folder}, which does not contain the course.",
                remedy="Name a folder that contains labs/ and mkdocs.yml, or unset the variable.",
            )
        return Places(folder, folder)
    checkout = Path(__file__).resolve().parent.parent.parent
    try:
        here = (start or Path.cwd()).resolve()
    except FileNotFoundError:
        here = checkout  # the current folder of the terminal was removed
    for folder in (here, *here.parents, checkout):
        if _is_course(folder):
            return Places(folder, folder)
    if _is_course(_PACKAGED):
        begun = (folder for folder in (here, *here.parents) if (folder / ".lab").is_dir())
        return Places(_PACKAGED, next(begun, here))
    raise LabError(
        f"The course was not found from {here}.",
        remedy="Change to a folder of the checkout, or set DRYDOCK_COURSE to the checkout.",
    )
