"""One lab's scene: started through Compose, found and removed by label."""

from __future__ import annotations

import contextlib
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.engine.api import COMPOSE_PROJECT
from checker.engine.shell import Shell
from checker.errors import LabError
from checker.scene import adapted, addresses, capabilities, chosen, elsewhere, image_names, names, refusals
from checker.scene import work as workfolder
from checker.scene.holder import left_by_proof, mark_proof, require_own
from checker.scene.locks import lab_lock, locked
from checker.scene.node_images import load_images
from checker.scene.ownership import (
    owned_containers,
    remove_owned,
    remove_scene,
    remove_unused,
    scene_containers,
    scene_ids,
    strangers,
    unnamed_volumes,
    wake,
)
from checker.scene.ports import require_free
from checker.scene.project import Project
from checker.scene.renewal import Renewal
from checker.scene.state import require_running, services
from checker.scene.toolbox import lost_its_folder, require_same_engine, toolbox_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from checker.course.answer import Answer
    from checker.course.catalogue import Lab
    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.engine.client import Client

LOCK_SECONDS = 60.0
"""How long to wait for another `lab` that changes the same scene."""

ANSWER_SECONDS = 900.0
"""How long an answer's script may run on the slowest machine: it may boot several virtual machines there, and prints
nothing while it does."""


class ScriptFailedError(LabError):
    """An answer's script ended with an error."""


@dataclass(frozen=True)
class Scene:
    """What one lab runs on one engine.

    Args:
        lab: the lab.
        places: the course's folders.
        engine: the engine, spoken to directly.
        client: the docker command with Compose, for the same engine.
        work: the work folder; the learner's unless an author proves answers.
        held: whether the caller holds the scene's lock already.
        proof: whether an author proves an answer with it.
    """

    lab: Lab
    places: Places
    engine: Engine
    client: Client
    work: Path
    held: bool = False
    proof: bool = False

    # -- questions -----------------------------------------------------------------------------------------

    def services(self) -> dict[str, str]:
        """Return the state of each of the scene's services, such as `running`; empty when it is not started."""
        return services(self.engine, self.lab)

    def is_running(self) -> bool:
        """Whether the scene was started and all of it runs."""
        states = self.services()
        return bool(states) and all(state == "running" for state in states.values())

    def notes(self, progress: Callable[[str], None]) -> list[str]:
        """Return what the started scene found out about this machine, one sentence each."""
        return capabilities.notes(
            self.engine, self.lab.project, self.places.state / "cache" / "notes", progress
        )

    def require_running(self) -> None:
        """Raise LabError unless the scene runs."""
        require_running(self.engine, self.lab)

    def require_work_folder(self) -> None:
        """Refuse if the toolbox still mounts a work folder that was deleted.

        Raises:
            LabError: it does; the message says what to do.
        """
        if lost_its_folder(self.engine, self.lab):
            raise LabError(
                f"The work folder {self.work} was deleted or replaced since lab {self.lab.number} was started.",
                remedy=f"`lab start {int(self.lab.number)}` uses the folder that is there now, or creates it with the files that the lab gives you.",
            )

    def toolbox(self) -> str:
        """Return the id of the running toolbox.

        Raises:
            LabError: it does not run.
        """
        return toolbox_of(self.engine, self.lab)

    def learners_containers(self) -> list[str]:
        """Name the containers that the learner made in this lab."""
        return sorted(
            item["Names"][0].lstrip("/")
            for item in owned_containers(self.engine, self.lab)
            if (item.get("Labels") or {}).get(COMPOSE_PROJECT) != self.lab.project and item.get("Names")
        )

    @property
    def work_inside(self) -> str:
        """The work folder's path inside the toolbox."""
        return self._project.work_inside

    @property
    def elsewhere(self) -> chosen.Kept | None:
        """The learner's own cluster, if one was chosen; None for the lab's own."""
        return self._project.elsewhere

    @property
    def _project(self) -> Project:
        return Project(self.lab, self.places, self.engine, self.client, self.work, self.proof)

    # -- changes -------------------------------------------------------------------------------------------

    def lock(self, verb: str, tell: Callable[[str], None] | None = None) -> AbstractContextManager[None]:
        """Keep every other `lab` from changing the scene; does nothing if the caller holds the lock already."""
        if self.held:
            return contextlib.nullcontext()
        file = lab_lock(self.engine.endpoint.host, self.lab.number)
        return locked(file, f"lab {verb} {int(self.lab.number)}", wait=LOCK_SECONDS, tell=tell)

    def start(self, progress: Callable[[str], None], wish: chosen.Wish | None = None) -> None:
        """Start the scene, or start again what is not running, and wait until it is ready.

        Args:
            progress: told what is being done.
            wish: the learner's own cluster to use; None for the one chosen before, or the lab's own.

        Raises:
            LabError: a port or a name is taken, or a part does not become ready; then nothing is left running
                that was not running before.
        """
        with self.lock("start", progress):
            self._start(progress, wish)

    def _start(self, progress: Callable[[str], None], wish: chosen.Wish | None = None) -> None:
        self._project.require_files()
        require_own(self.engine, self.lab, self.places)
        if self.proof:
            mark_proof(self.engine, self.lab)
        elif left_by_proof(self.engine, self.lab):
            progress("removing what an interrupted `lab verify` left of this lab")
            remove_owned(self.engine, self.lab)
        for line in self._forget_proof():
            progress(f"note: a `lab verify` was interrupted; {line}")
        before = self.elsewhere
        started = bool(self.services())
        choice = elsewhere.settle(self.places, self.lab, self.engine, wish, progress, started=started)
        try:
            self._bring_up(progress)
            if choice is not None:
                elsewhere.require_ready(self.engine, self.toolbox(), choice)
        except BaseException:
            if choice is not None and before is None:
                remove_owned(self.engine, self.lab, images=False)
                # If the cluster no longer answers, `lab stop` still knows what to remove.
                with contextlib.suppress(LabError):
                    elsewhere.leave(self.places, self.lab)
            raise

    def _bring_up(self, progress: Callable[[str], None]) -> None:
        if names := strangers(self.engine, self.lab):
            progress(
                f"note: the container {', '.join(names)} does not belong to this lab, so it is left alone; the task needs its name"
            )
        require_free(self.engine, self.lab)
        project = self._project
        # Compose waits until it gives up for what is paused, and nothing can be run in it.
        wake(self.engine, scene_containers(self.engine, self.lab))
        self._prepare_folders(progress)
        project.drop_unplugged()
        project.choose_addresses()
        progress(f"starting the scene of lab {self.lab.number}")
        self._up(progress)

    def _prepare_folders(self, progress: Callable[[str], None]) -> None:
        """Make the folders that the scene mounts, and drop what mounts a work folder that was deleted."""
        there = self.work.is_dir()
        if aside := workfolder.cut_short(self.work):
            progress(
                f"note: an earlier command was interrupted; the files that it had set aside are in {aside}"
            )
        workfolder.prepare(self.work, self.lab)
        if not there or lost_its_folder(self.engine, self.lab):
            self._project.drop_stale_mounts()
        workfolder.give(self.lab, self._project.given)

    def _up(self, progress: Callable[[str], None]) -> None:
        """Let Compose start the scene, and give its nodes their images; undo what was made if it does not become ready."""
        before, unnamed = scene_ids(self.engine, self.lab), unnamed_volumes(self.engine, self.lab)
        try:
            done = self._project.up()
            remove_unused(self.engine, unnamed)
            if not done.returncode:
                require_same_engine(self.engine, self.lab)
                load_images(self.engine, self.lab.project, progress)
                self._renewal.note(scene_ids(self.engine, self.lab) - before)
        except BaseException:
            self._undo(before)
            raise
        if done.returncode:
            detail = self._project.why_not_ready(done.stderr)
            self._undo(before)
            trouble = (
                addresses.trouble(done.stderr, self.engine, self.lab)
                or names.trouble(done.stderr, self.lab)
                or refusals.trouble(done.stderr)
            )
            if trouble is not None:
                raise trouble
            raise LabError(
                f"The scene of lab {self.lab.number} did not become ready.",
                remedy="`lab doctor` looks at the machine; then start the lab again.",
                detail=detail,
            )

    @property
    def _renewal(self) -> Renewal:
        return Renewal(self.engine, self.lab, self.places.state / "nodes" / f"{self.lab.slug}.json")

    def _undo(self, before: frozenset[str]) -> None:
        """Remove what this start made, until nothing is left: the engine may still create what it was asked for."""
        while remove_scene(self.engine, self.lab, keep=before):
            pass

    def stop(self, *, take: bool = False) -> list[str]:
        """Remove everything that belongs to the lab, and return what was removed; the work folder stays.

        Args:
            take: do so even if another checkout or person started it.

        Raises:
            HeldError: another checkout or person started it.
        """
        with self.lock("stop"):
            if not take:
                require_own(self.engine, self.lab, self.places)
            removed = remove_owned(self.engine, self.lab)
            self._renewal.forget()
            self._forget_proof()
            return removed + elsewhere.leave(self.places, self.lab)

    def _forget_proof(self) -> list[str]:
        """Undo what a killed `lab verify` left, and return what was restored."""
        if not self.proof:
            shutil.rmtree(scratch_of(self.places, self.lab), ignore_errors=True)
        return image_names.put_back_noted(self.engine, image_names.file_of(self.places, self.lab))

    def reset(self, progress: Callable[[str], None], step: int = 1) -> Path | None:
        """Bring the lab to the start of a step, and return where the learner's work was set aside, if there was any."""
        with self.lock("reset", progress):
            require_own(self.engine, self.lab, self.places)
            aside = workfolder.set_aside(self.work, self.lab)
            if aside:
                # Said at once: whatever goes wrong from here on, the learner knows where the files are.
                progress(f"your files were set aside: {aside}")
            workfolder.prepare(self.work, self.lab)
            self._renewal.renew(progress, proof=self.proof)
            elsewhere.clear(self.places, self.lab)
            self._start(progress)
            answer = self.lab.step_answer(step)
            if answer is not None:
                progress(f"bringing it to where step {step} begins")
                self.apply(answer)
        return aside

    def renew(self, progress: Callable[[str], None]) -> None:
        """Remove what was done in the scene, so that the next start finds its nodes as they were when they were new.

        Nodes that cannot be cleaned are removed with everything else of the lab.
        """
        with self.lock("reset", progress):
            require_own(self.engine, self.lab, self.places)
            self._renewal.renew(progress, proof=self.proof)
            self._forget_proof()

    def apply(self, answer: Answer) -> None:
        """Give an answer as a learner would: its files in the work folder, its script in the toolbox.

        Raises:
            ScriptFailedError: the script ended with an error; its last lines are the detail.
        """
        workfolder.lay_over(answer.files, self.work)
        choice = self.elsewhere
        if choice is not None:
            adapted.adapt(answer.files, self.work, choice)
        script = answer.script
        if script is None:
            return
        if choice is not None:
            script = adapted.adapted(script, choice)
        with Shell(self.engine, self.toolbox()) as shell:
            # `set -x` would say more, but then what a learner sees would not be what is recorded.
            # Docker Engine 29 that starts containerd itself gives each exec a umask of 0, and ssh refuses such files.
            done = shell.run(
                f"cd {shlex.quote(self.work_inside)} && umask 022 && exec sh -eu -c {shlex.quote(script)} 2>&1",
                ANSWER_SECONDS,
            )
        if done.rc:
            last = "\n".join(done.stdout.splitlines()[-15:])
            raise ScriptFailedError(
                f"{answer.name}: run.sh ended with {done.rc}.", remedy="See its last lines.", detail=last
            )


def scratch_of(places: Places, lab: Lab) -> Path:
    """Return the work folder that `lab verify` proves answers in; it is thrown away."""
    return places.state / "verify" / lab.slug
