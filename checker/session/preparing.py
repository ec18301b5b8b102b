"""What must be true before a lab starts: it fits on this machine, its images are present, its ways suit the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from checker.course.answer import Answer
    from checker.course.catalogue import Lab
    from checker.session.session import Session


def require_started(session: Session, lab: Lab) -> None:
    """Refuse an operation on a lab that is not running; this is quicker than to create its whole scene.

    Raises:
        LabError: it is not started, or part of it is not running.
    """
    from checker.scene.state import require_running  # noqa: PLC0415 - not every operation needs a started lab

    require_running(session.engine, lab)


def prepare(session: Session, lab: Lab, *, force: bool) -> None:
    """Make sure that a lab can start here: the engine can do what it needs, it fits, its images are present.

    Args:
        session: the course.
        lab: the lab.
        force: start it even if it does not fit.

    Raises:
        LabError: it does not fit, or an image cannot be pulled, loaded or built; the message says what to do.
    """
    require_engine(session, lab)
    require_room(session, lab, force=force)
    ensure_images(session, lab)


def require_engine(session: Session, lab: Lab) -> None:
    """Refuse a lab that asks for what this engine cannot do: build images, or set limits; asked only for such labs.

    Raises:
        LabError: what the engine cannot do, and what to use instead.
    """
    from checker.engine.api import is_podman, limits_nothing  # noqa: PLC0415 - few labs ask

    needs = lab.needs
    if "builder" in needs and is_podman(session.engine.get("/version")):
        raise LabError(
            f"In lab {lab.number} you build images, but this engine, Podman, has no BuildKit.",
            remedy="Do this lab with Docker Engine or Docker Desktop. The page “Engines” in the reference says "
            "which labs work with Podman.",
        )
    if {"limits", "privileged"} & needs and limits_nothing(session.engine.get("/info")):
        what = "runs an engine in a container" if "privileged" in needs else "sets limits on containers"
        raise LabError(
            f"Lab {lab.number} {what}, and this engine has no cgroups for that: it runs rootless.",
            remedy="Use an engine that runs as root, or a system with version 2 of cgroups on which systemd delegates "
            "cpu, cpuset, io, memory and pids to your user. `lab doctor` says what is missing.",
        )


def require_room(session: Session, lab: Lab, *, force: bool) -> None:
    """Refuse a lab if its measured memory or disk is more than what is left; with `force`, only say so.

    Raises:
        LabError: there is not enough memory or disk; the message says what to do.
    """
    from checker.scene import admission  # noqa: PLC0415 - reads figures of every lab that runs

    try:
        admission.require_room(session.engine, lab, session.places, session.catalogue.find)
    except LabError as error:
        if not force:
            raise
        session.say(f"note: {error.what} Starting it anyway.")


def ensure_images(session: Session, lab: Lab) -> None:
    """Make sure that the images of a lab are present.

    Raises:
        LabError: one cannot be pulled, loaded or built.
    """
    from checker.images.supply import ensure  # noqa: PLC0415
    from checker.images.third_party import MissingProgramError  # noqa: PLC0415 - building is rare

    # No name at all would mean every image of the course.
    if not lab.images:
        return
    try:
        ensure(lab.images, session.say)
    except MissingProgramError as error:
        there = [name for name in lab.toml.ways if not lacking(session, lab.with_ways([name]))]
        if not lab.chosen or len(there) < len(lab.chosen):
            raise
        choice = f"lab start {int(lab.number)} --with {','.join(there[: len(lab.chosen)])}"
        remedy = f"{error.remedy} On this machine lab {lab.number} works with {', '.join(there)}: {choice}"
        raise MissingProgramError(error.what, remedy=remedy) from error


def lacking(session: Session, lab: Lab) -> str:
    """Return the third-party programs that a lab needs and this machine lacks; empty if it lacks none."""
    from checker.images import supply  # noqa: PLC0415 - asked by few verbs

    return supply.lacking(lab.images, session.places, lambda: session.engine)


def for_answer(session: Session, lab: Lab, answer: Answer | None) -> Lab:
    """Return a lab with the ways that an answer needs, and say so if other ways are chosen now."""
    if answer is None or set(answer.toml.ways) <= set(lab.chosen):
        return lab
    found = lab.reaching(answer)
    titles = " and ".join(found.toml.ways[name].title for name in found.chosen)
    session.say(f"note: this answer uses {titles}; they are started instead of what was chosen before")
    return found
