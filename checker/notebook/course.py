"""A lab, its verdict and its hints for a notebook, through the course's own operations."""

from __future__ import annotations

import atexit
import contextlib
import functools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.engine.api import LABEL
from checker.engine.sdk import connect_sdk
from checker.errors import EngineError
from checker.grading.container import Shells, kept_in
from checker.notebook.needs import importing
from checker.render.trying import Trying
from checker.results import Status
from checker.session import judging, operations
from checker.session.operations import StartRequest
from checker.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.results import Report


def say(line: str) -> None:
    """Print a line about what is being done, below the cell."""
    print(line, flush=True)


@functools.cache
def session() -> Session:
    """Return the one session of this kernel."""
    return Session(say)


def fresh(number: float | str) -> tuple[Session, Lab, int]:
    """Return the session, a lab as it is now, and the step, or 0 if none is named.

    Raises:
        MisuseError: there is no such lab or step.
    """
    course = session()
    return (course, *course.catalogue.find_step(str(number)))


_SHELLS: dict[str, Shells] = {}
"""For each lab, shells that stay open from one verdict to the next, because a check spends most time opening them."""


@atexit.register
def _forget(slug: str = "") -> None:
    """Close the shells of a lab, or of every lab: their containers may be gone."""
    for each in [slug] if slug else list(_SHELLS):
        if shells := _SHELLS.pop(each, None):
            shells.close()


@contextlib.contextmanager
def changing(slug: str = "") -> Iterator[None]:
    """Forget what was known about the engine if the block changes a lab or does not reach the engine."""
    if slug:
        _forget(slug)
    try:
        yield
    except EngineError:
        # So the next cell finds an engine that was started or replaced meanwhile.
        _forget()
        for name in ("engine", "client"):
            session().__dict__.pop(name, None)
        raise


@dataclass(frozen=True)
class LabHandle:
    """One lab of the course, as `lab` returns it.

    Args:
        number: two digits, such as `04`.
        slug: the name of its folder, such as `04-containers-vs-vms`.
        title: its title.
        work: the folder with the learner's files.
    """

    number: str
    slug: str
    title: str
    work: Path

    def start(self, *, ways: Iterable[str] = (), force: bool = False) -> LabHandle:
        """Start the lab and wait until it is ready; if it is already running, start what has stopped.

        Args:
            ways: in a lab with several ways to its goal, those to start; if empty, those chosen last.
            force: start it even if there is not enough memory or disk for it.

        Returns:
            The same lab, so that `lab(4).start()` can end a cell.

        Raises:
            LabError: there is not enough room, a port is in use, an image cannot be made, or a part does not become ready.
        """
        course, found, _ = fresh(self.number)
        with changing(self.slug):
            started = operations.start(course, found, StartRequest(tuple(ways), force=force))
        for note in started.notes:
            say(f"note: {note}")
        return self

    def reset(self, step: int = 1, *, ways: Iterable[str] = ()) -> LabHandle:
        """Return the lab to the start of a step, even if it is not running; first set the files in its work folder aside.

        Args:
            step: the step's number, from 1.
            ways: in a lab with several ways to its goal, those to start; if empty, those chosen last.

        Raises:
            LabError: as for `start`; or the lab has no such step.
        """
        course, found, _ = fresh(f"{self.number}.{step}")
        chosen = tuple(ways)
        with changing(self.slug):
            operations.reset(course, found.choosing(chosen) if chosen else found, step)
        return self

    def stop(self) -> LabHandle:
        """Remove everything that carries the lab's label; the work folder stays.

        Raises:
            LabError: the engine does not answer.
        """
        course, found, _ = fresh(self.number)
        with changing(self.slug):
            removed = operations.stop(course, found).removed
        say(f"removed: {', '.join(removed)}" if removed else f"lab {self.number} was not started")
        return self

    @property
    def running(self) -> bool:
        """Whether the lab was started and all of its containers run.

        Raises:
            LabError: the engine does not answer.
        """
        from checker.scene.state import services  # noqa: PLC0415 - asked by few cells

        course, found, _ = fresh(self.number)
        with changing():
            states = services(course.engine, found)
        return bool(states) and all(state == "running" for state in states.values())

    @property
    def network(self) -> str:
        """The name of the lab's network; the toolbox is on it, and your own containers can join it."""
        return f"drydock-{self.number}_lab"

    @property
    def labels(self) -> dict[str, str]:
        """The lab's label: containers that you start with it are judged with the lab, and `stop` removes them."""
        return {LABEL: self.number}

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports of this machine that the lab uses, as published by the lab or by the answer to its task."""
        return fresh(self.number)[1].ports

    @property
    def urls(self) -> tuple[str, ...]:
        """The lab's addresses on this machine, one for each port."""
        return tuple(f"http://127.0.0.1:{port}/" for port in self.ports)


def lab(number: int | str) -> LabHandle:
    """Return a lab by its number, slug, or the beginning of its name; nothing is started.

    Args:
        number: such as `4`, `"04-containers-vs-vms"` or `"iso"`.

    Raises:
        MisuseError: there is no such lab; the message says which names are similar.
    """
    from checker.scene.work import folder_of  # noqa: PLC0415 - with its own imports

    course, found, _ = fresh(number)
    return LabHandle(found.number, found.slug, found.toml.title, folder_of(course.places, found))


def check(number: float | str) -> Report:
    """Judge a lab, keep the attempt, and return the report, which a notebook shows as a table.

    Args:
        number: the lab, or one step of it such as `"3.2"` or `3.2`; a verdict on one step is not kept.

    Returns:
        The record that `lab check --json` prints: `passed`, `checks` with status, reason and evidence, `ms`
        (milliseconds that the checks took), `measurements`.

    Raises:
        LabError: the lab is not started, or it could not be judged.
    """
    course, found, step = fresh(number)
    with changing():
        if found.slug not in _SHELLS:
            _SHELLS[found.slug] = Shells(course.engine, kept_in(course.places))
        with Trying(sys.stdout) as course.trying:
            report = judging.check(course, found, step=step, shells=_SHELLS[found.slug])
    if report.having(Status.COULD_NOT_RUN):
        _forget(found.slug)
    return report


def hint(number: int | str) -> None:
    """Print the next hint for the first check that fails: an idea, then where to look, then nearly the answer.

    Args:
        number: the lab.

    Raises:
        LabError: the lab could not be judged.
    """
    course, found, _ = fresh(number)
    with changing():
        given = judging.hint(course, found)
    if given is None:
        say(f"All checks of lab {found.number} pass, so there is no hint to give.")
        return
    say(f"About: {given.title}\n  {given.text}\n  (hint {given.rung} of {given.rungs})")


def docker_client(**options: Any) -> Any:
    """Return a client of the Docker SDK for the engine that the course uses.

    It finds the engine in the same way as `lab`; see `checker.engine.sdk`.

    Args:
        options: passed to `docker.DockerClient`, such as `timeout=5` (seconds).

    Raises:
        LabError: no engine answers, or the Docker SDK is not installed in this Python.
    """
    importing("docker")
    with changing():
        endpoint = session().engine.endpoint
    return connect_sdk(endpoint, **options)
