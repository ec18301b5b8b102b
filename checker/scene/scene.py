"""One lab's scene: started through Compose, found and removed by label."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker import whole
from checker.engine.api import COMPOSE_PROJECT, COMPOSE_SERVICE, NotFoundError, UnreadableLogsError
from checker.engine.shell import FolderGoneError, Shell
from checker.errors import LabError, not_written
from checker.scene import adapted, addresses, capabilities, chosen, elsewhere, image_names
from checker.scene import work as workfolder
from checker.scene.compose import run_to_end
from checker.scene.holder import left_by_proof, mark_proof, myself, require_own
from checker.scene.locks import lab_lock, locked
from checker.scene.node_images import load_images
from checker.scene.ownership import (
    owned_containers,
    remove_owned,
    remove_scene,
    remove_unused,
    scene_ids,
    strangers,
    unnamed_volumes,
    wake,
)
from checker.scene.ports import require_free
from checker.scene.renewal import Renewal
from checker.scene.state import require_running, services
from checker.scene.toolbox import socket_for_containers, toolbox_user

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from checker.course.answer import Answer
    from checker.course.catalogue import Lab
    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.engine.client import Client

READY_SECONDS = 900
"""How long a scene may take until every part of it is healthy, on the slowest of machines. Compose gives up by itself, and
sooner, on a part that ends, or whose health check fails as often as it may after its `start_period`."""

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

    @property
    def work_inside(self) -> str:
        """The work folder's path inside the toolbox: the same as outside where paths are POSIX."""
        return str(self.work) if sys.platform != "win32" else "/work"

    # -- changes -------------------------------------------------------------------------------------------

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
        if missing := [file for file in self.lab.compose_files if not file.is_file()]:
            raise LabError(f"{missing[0]} is missing.", remedy="Restore the course's files.")
        require_own(self.engine, self.lab, self.places)
        if self.proof:
            mark_proof(self.engine, self.lab)
        elif left_by_proof(self.engine, self.lab):
            progress("removing what an interrupted `lab verify` left of this lab")
            remove_owned(self.engine, self.lab)
        for line in self._forget_proof():
            progress(f"note: a `lab verify` was interrupted; {line}")
        _require_mountable(self.work, "DRYDOCK_WORK")
        _require_mountable(self._given, "DRYDOCK_STATE")
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
        # Compose waits until it gives up for what is paused, and nothing can be run in it.
        wake(self.engine, self._containers())
        there = self.work.is_dir()
        if aside := workfolder.cut_short(self.work):
            progress(
                f"note: an earlier command was interrupted; the files that it had set aside are in {aside}"
            )
        workfolder.prepare(self.work, self.lab)
        if not there or self._lost_work():
            self._drop_stale_mounts()
        workfolder.give(self.lab, self._given)
        self._drop_unplugged()
        before, unnamed = scene_ids(self.engine, self.lab), unnamed_volumes(self.engine, self.lab)
        self._choose_addresses()
        progress(f"starting the scene of lab {self.lab.number}")
        try:
            done = self._compose(
                "up", "--detach", "--wait", "--wait-timeout", str(READY_SECONDS), "--remove-orphans"
            )
            remove_unused(self.engine, unnamed)
            if not done.returncode:
                load_images(self.engine, self.lab.project, progress)
                self._renewal.note(scene_ids(self.engine, self.lab) - before)
        except BaseException:
            self._undo(before)
            raise
        if done.returncode:
            detail = self._why_not_ready(done.stderr)
            self._undo(before)
            if (trouble := addresses.trouble(done.stderr, self.engine, self.lab)) is not None:
                raise trouble
            raise LabError(
                f"The scene of lab {self.lab.number} did not become ready.",
                remedy="`lab doctor` looks at the machine; then start the lab again.",
                detail=detail,
            )

    def _containers(self) -> list[dict[str, Any]]:
        """Return what the engine lists of the scene's containers."""
        return self.engine.list_all("containers", labels={COMPOSE_PROJECT: self.lab.project})

    def _choose_addresses(self) -> None:
        """Choose the subnets of the scene's networks if the engine could choose one that is in use."""
        if self.engine.list_all("networks", labels={COMPOSE_PROJECT: self.lab.project}):
            return  # it keeps those that it was made with
        self._addresses.unlink(missing_ok=True)
        if not addresses.engine_may_choose_wrong(self.engine):
            return
        done = self._compose("config", "--format", "json")
        if done.returncode:
            return  # `up` says what is wrong with the file
        text = addresses.override(json.loads(done.stdout), addresses.free_subnets(self.engine))
        try:
            whole.write(self._addresses, text)
        except OSError as error:
            raise not_written(self._addresses, error) from error

    @property
    def _addresses(self) -> Path:
        """A second Compose file with the subnets that we chose; usually there is none."""
        return self.places.state / "addresses" / f"{self.lab.slug}.json"

    @property
    def _given(self) -> Path:
        """The lab's start/ as its containers mount it."""
        return self.places.state / "given" / self.lab.slug

    @property
    def _renewal(self) -> Renewal:
        return Renewal(self.engine, self.lab, self.places.state / "nodes" / f"{self.lab.slug}.json")

    def _undo(self, before: frozenset[str]) -> None:
        """Remove what this start made, until nothing is left: the engine may still create what it was asked for."""
        while remove_scene(self.engine, self.lab, keep=before):
            pass

    def require_work_folder(self) -> None:
        """Refuse if the toolbox still mounts a work folder that was deleted.

        Raises:
            LabError: it does; the message says what to do.
        """
        if self._lost_work():
            raise LabError(
                f"The work folder {self.work} was deleted or replaced since lab {self.lab.number} was started.",
                remedy=f"`lab start {int(self.lab.number)}` uses the folder that is there now, or creates it with the files that the lab gives you.",
            )

    def _lost_work(self) -> bool:
        try:
            shell = Shell(self.engine, self.toolbox())
        except LabError:
            return False  # without a toolbox, nothing mounts it
        try:
            shell.run(":")
        except FolderGoneError:
            return True
        except LabError:
            return False
        finally:
            shell.close()
        return False

    def _drop_stale_mounts(self) -> None:
        # A container that mounts the deleted folder keeps seeing that one, so Compose has to create the container again.
        for item in self._containers():
            mounts = item.get("Mounts") or []
            if any(
                {mount.get("Destination"), mount.get("Source")} & {self.work_inside, str(self.work)}
                for mount in mounts
            ):
                self.engine.delete(f"/containers/{item['Id']}", force=True, v=True)

    def _drop_unplugged(self) -> None:
        # Compose starts a container again on the network it was made with. That may be gone since (`docker network
        # prune` removes those of stopped containers), or the container was disconnected. Then Compose has to create the
        # container again; its named volumes stay.
        there = {item["Id"] for item in self.engine.list_all("networks")}
        for item in self._containers():
            mode = str((item.get("HostConfig") or {}).get("NetworkMode", ""))
            if mode in {"none", "host"} or mode.startswith("container:"):
                continue
            networks = (item.get("NetworkSettings") or {}).get("Networks") or {}
            known = {each.get("NetworkID") for each in networks.values()} - {"", None}
            if not networks or known - there:
                self.engine.delete(f"/containers/{item['Id']}", force=True, v=True)

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
        shell = Shell(self.engine, self.toolbox())
        try:
            # `set -x` would say more, but then what a learner sees would not be what is recorded.
            # Docker Engine 29 that starts containerd itself gives each exec a umask of 0, and ssh refuses such files.
            done = shell.run(
                f"cd {_quote(self.work_inside)} && umask 022 && exec sh -eu -c {_quote(script)} 2>&1",
                ANSWER_SECONDS,
            )
        finally:
            shell.close()
        if done.rc:
            last = "\n".join(done.stdout.splitlines()[-15:])
            raise ScriptFailedError(
                f"{answer.name}: run.sh ended with {done.rc}.", remedy="See its last lines.", detail=last
            )

    def toolbox(self) -> str:
        """Return the id of the running toolbox.

        Raises:
            LabError: it does not run.
        """
        found = self.engine.list_all(
            "containers", labels={COMPOSE_PROJECT: self.lab.project, COMPOSE_SERVICE: "toolbox"}
        )
        running = [item for item in found if item["State"] == "running"]
        if not running:
            raise LabError(
                f"Lab {self.lab.number} has no toolbox running.",
                remedy=f"Start the lab: lab start {int(self.lab.number)}",
            )
        return str(running[0]["Id"])

    # -- the inside ----------------------------------------------------------------------------------------

    def lock(self, verb: str, tell: Callable[[str], None] | None = None) -> AbstractContextManager[None]:
        """Keep every other `lab` from changing the scene; does nothing if the caller holds the lock already."""
        if self.held:
            return contextlib.nullcontext()
        file = lab_lock(self.engine.endpoint.host, self.lab.number)
        return locked(file, f"lab {verb} {int(self.lab.number)}", wait=LOCK_SECONDS, tell=tell)

    @property
    def elsewhere(self) -> chosen.Kept | None:
        """The learner's own cluster, if one was chosen; None for the lab's own."""
        return chosen.kept(self.places, self.lab)

    def environment(self) -> dict[str, str]:
        """Return the variables that the scene's compose.yaml is filled with."""
        choice = self.elsewhere
        user, group, home = toolbox_user(self.engine.endpoint.host)
        return {
            "DRYDOCK_USER": user,
            "DRYDOCK_GROUP": group,
            "DRYDOCK_HOME": home,
            "DRYDOCK_LAB": self.lab.number,
            "DRYDOCK_HOLDER": myself(self.places).label,
            "DRYDOCK_PROOF": "1" if self.proof else "",
            "DRYDOCK_WORK": str(self.work),
            "DRYDOCK_GIVEN": str(self._given),
            "DRYDOCK_WORK_INSIDE": self.work_inside,
            "DRYDOCK_SOCKET": socket_for_containers(self.engine.endpoint.host),
            "DRYDOCK_ENGINE": "" if self.engine.endpoint.is_local else self.engine.endpoint.host,
            # A service that all ways share may differ by what is chosen.
            **{f"DRYDOCK_WITH_{name.upper()}": "1" for name in self.lab.chosen},
            **(elsewhere.environment(self.places, self.lab, choice) if choice else {}),
        }

    def _compose(self, *words: str) -> subprocess.CompletedProcess[str]:
        files = self.lab.compose_files
        if self.elsewhere is not None:
            files = elsewhere.compose_files(self.places, self.lab)
        command = self.client.command(
            "compose",
            "--project-name",
            self.lab.project,
            *(word for file in files for word in ("--file", str(file))),
            *(["--file", str(self._addresses)] if self._addresses.is_file() else []),
            "--progress",
            "quiet",
            *words,
        )
        inherited = self.client.environment_for_scenes(self.places.state)
        return run_to_end(
            command,
            environment={**inherited, **self.environment()},
            folder=self.lab.folder,
            seconds=READY_SECONDS + 60,
        )

    def _why_not_ready(self, said: str) -> str:
        lines = [line for line in said.splitlines() if line.strip()][-3:]
        for item in self._containers():
            try:
                state = self.engine.inspect(item["Id"])["State"]
                health = (state.get("Health") or {}).get("Status", "")
                if state["Status"] == "running" and health in {"", "healthy"}:
                    continue
                name = item["Labels"].get(COMPOSE_SERVICE, item["Id"][:12])
                lines.append(
                    f"{name}: {state['Status']}{f', {health}' if health else ''}, exit code {state['ExitCode']}"
                )
                lines += [f"    {line}" for line in self.engine.logs(item["Id"], 5).splitlines()]
            except (NotFoundError, UnreadableLogsError):
                continue
        return "\n".join(lines)

    def learners_containers(self) -> list[str]:
        """Name the containers that the learner made in this lab."""
        return sorted(
            item["Names"][0].lstrip("/")
            for item in owned_containers(self.engine, self.lab)
            if (item.get("Labels") or {}).get(COMPOSE_PROJECT) != self.lab.project and item.get("Names")
        )


def scratch_of(places: Places, lab: Lab) -> Path:
    """Return the work folder that `lab verify` proves answers in; it is thrown away."""
    return places.state / "verify" / lab.slug


def _require_mountable(folder: Path, setting: str) -> None:
    """Refuse a folder that `docker run -v FOLDER:PATH` cannot name.

    Raises:
        LabError: its path has a colon.
    """
    if sys.platform != "win32" and ":" in str(folder):
        raise LabError(
            f"{folder} cannot be mounted into containers: docker does not accept a colon in its path.",
            remedy=f"Move the checkout to a path without one, or set {setting} to such a folder.",
        )


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
