"""Submissions run for real: those of one lab in scenes that are thrown away, and several labs at once if memory allows."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from checker.authoring.prove import Prover, scratch_scene
from checker.classroom.regrade import Found, Kept, grade_all
from checker.classroom.replay import ENDED, answer_of
from checker.classroom.result import Result
from checker.engine.capacity import ROOM, capacity
from checker.engine.platform import Platform
from checker.errors import ExitCode, LabError
from checker.scene.admission import memory_needed
from checker.scene.holder import left_by_proof, require_own
from checker.session.preparing import ensure_images, require_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from checker.classroom.pile import Pile
    from checker.classroom.submission import HandedIn
    from checker.course.catalogue import Lab
    from checker.results import Report
    from checker.session.session import Session


def require_free(session: Session, lab: Lab) -> None:
    """Refuse to grade a lab that somebody works on: its containers exist once on an engine.

    Raises:
        LabError: it is running.
    """
    require_own(session.engine, lab, session.places)
    if session.scene(lab).services() and not left_by_proof(session.engine, lab):
        raise LabError(
            f"Lab {lab.number} is running on this engine, and grading needs its names and ports.",
            remedy=f"Stop it; your files stay: lab stop {int(lab.number)}",
        )


@contextlib.contextmanager
def judge(session: Session, lab: Lab) -> Iterator[Callable[[HandedIn, str], Found]]:
    """Give a function that runs a submission of one lab in a fresh scene; at the end, everything of it is removed.

    The function takes the submission, and what the values are drawn from that it is graded with.

    Args:
        session: the course.
        lab: the lab; it must not be running.

    Raises:
        LabError: the lab is running, or an image cannot be pulled, loaded or built.
    """
    require_free(session, lab)
    require_engine(session, lab)
    ensure_images(session, lab.with_ways(lab.toml.usual))
    reports: list[Report] = []
    scene = session.scene(lab)
    scratch = scratch_scene(scene)

    def prover(seed: str = "") -> Prover:
        return Prover(
            dataclasses.replace(scratch, lab=lab.with_seed(seed)),
            session.say,
            functools.partial(ensure_images, session),
            seen=reports.append,
        )

    def run(handed: HandedIn, seed: str) -> Found:
        reports.clear()
        answer = answer_of(handed, lab, session.places.state / "regrade" / lab.slug, scratch.work_inside)
        proof = prover(seed).answer(answer)
        said = [proof.problem] if not reports else []
        said += [line for line in proof.script.splitlines() if ENDED in line]
        return Found(reports[-1] if reports else None, "; ".join(said))

    with scene.lock("class verify"), contextlib.closing(prover()):
        yield run


def one_lab(session: Session, folder: Path, lab: Lab, pile: Pile) -> Iterator[Result]:
    """Grade the submissions of one lab again, one after another; those of an earlier run are not run again."""
    handed = pile.handed.get(lab.slug, [])
    kept = Kept(folder, lab.slug)
    if all(kept.of(each.sha256, each.submission.course, pile.seeds[each.sha256]) for _, each in handed):
        yield from grade_all(folder, lab, handed, _never, pile)
        return
    with judge(session, lab) as run:
        yield from grade_all(folder, lab, handed, run, pile)


def _never(_: HandedIn, __: str) -> Found:
    raise AssertionError("every submission was graded before")


def waves(labs: Sequence[Lab], memory: int | None, processors: int) -> list[list[Lab]]:
    """Return which labs are graded at the same time: as many as fit into memory, and no more than there are processors.

    A lab that was never measured is graded alone.

    Args:
        labs: the labs.
        memory: the memory of the engine's machine in bytes; None if it is not known, then one lab at a time.
        processors: how many processors it has.
    """
    found: list[list[Lab]] = []
    for lab in sorted(labs, key=lambda lab: (-memory_needed(lab), lab.number)):
        need = memory_needed(lab)
        for wave in found:
            taken = [memory_needed(other) for other in wave]
            fits = memory is not None and sum(taken) + need + ROOM <= memory
            if need and all(taken) and fits and len(wave) < max(1, processors):
                wave.append(lab)
                break
        else:
            found.append([lab])
    return found


def several_labs(
    session: Session,
    folder: Path,
    labs: Sequence[Lab],
    tell: Callable[[Result], None],
    pile: Pile,
    class_folder: str = "",
) -> list[LabError]:
    """Grade the submissions of several labs, as many labs at a time as fit; each lab runs in a separate process.

    Args:
        session: the course.
        folder: the folder with the archives.
        labs: the labs.
        tell: called with each result as soon as it is there, from one thread at a time.
        pile: what was handed in.
        class_folder: the folder of the class, if it is not this machine's own.

    Returns:
        Why a lab could not be graded, for each such lab.
    """
    there = capacity(session.engine, [], Platform())
    failed: list[LabError] = []
    one_at_a_time = threading.Lock()

    def tell_one(result: Result) -> None:
        with one_at_a_time:
            tell(result)

    def grade(lab: Lab) -> LabError | None:
        return _in_process(session, folder, lab, tell_one, class_folder, len(pile.handed[lab.slug]))

    for wave in waves(labs, there.memory, os.cpu_count() or 1):
        session.say(f"grading lab {', '.join(lab.number for lab in wave)} at the same time")
        with ThreadPoolExecutor(len(wave)) as pool:
            failed += filter(None, pool.map(grade, wave))
    return failed


def _in_process(
    session: Session,
    folder: Path,
    lab: Lab,
    tell: Callable[[Result], None],
    class_folder: str,
    expected: int,
) -> LabError | None:
    """Grade one lab in a separate process, because pytest can run only once in a process at a time; return why it failed.

    Args:
        session: the course.
        folder: the folder with the archives.
        lab: the lab.
        tell: called with each result.
        class_folder: the folder of the class, if it is not this machine's own.
        expected: how many results there have to be.
    """
    command = [
        sys.executable,
        "-m",
        "checker",
        "class",
        "verify",
        str(folder),
        "--lab",
        lab.slug,
        "--json",
        "--yes",
    ]
    command += ["--class", class_folder] if class_folder else []
    with subprocess.Popen(
        command,
        cwd=session.places.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - pipes were asked for
        said: list[str] = []
        reader = threading.Thread(target=said.extend, args=(process.stderr,))
        reader.start()
        told = 0
        for line in process.stdout:
            with contextlib.suppress(msgspec.MsgspecError):
                tell(msgspec.json.decode(line, type=Result))
                told += 1
        code = process.wait()
        reader.join()
    # 1 says that something was refuted, and 3, beside all results, that something could not be judged: the results say it too.
    if code in {ExitCode.OK, ExitCode.CHECK_FAILED} or (code == ExitCode.COULD_NOT_RUN and told >= expected):
        return None
    return LabError(f"Lab {lab.number} could not be graded.", detail="".join(said[-6:]).strip())
