"""A scene as a project of Compose: its files, the variables that fill them, its containers, and running Compose on it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker import whole
from checker.engine.api import COMPOSE_PROJECT, COMPOSE_SERVICE, NotFoundError, RefusedError
from checker.errors import LabError, not_written
from checker.scene import addresses, chosen, elsewhere
from checker.scene.compose import run_to_end
from checker.scene.holder import myself
from checker.scene.ownership import scene_containers
from checker.scene.toolbox import socket_for_containers, toolbox_user

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.engine.client import Client

READY_SECONDS = 900
"""How long a scene may take until every part of it is healthy, on the slowest of machines. Compose gives up by itself, and
sooner, on a part that ends, or whose health check fails as often as it may after its `start_period`."""


@dataclass(frozen=True)
class Project:
    """One lab's scene, as Compose starts it.

    Args:
        lab: the lab.
        places: the course's folders.
        engine: the engine, spoken to directly.
        client: the docker command with Compose, for the same engine.
        work: the work folder that the scene mounts.
        proof: whether an author proves an answer with it.
    """

    lab: Lab
    places: Places
    engine: Engine
    client: Client
    work: Path
    proof: bool = False

    # -- what it is made from ------------------------------------------------------------------------------

    @property
    def given(self) -> Path:
        """The lab's start/ as its containers mount it."""
        return self.places.state / "given" / self.lab.slug

    @property
    def work_inside(self) -> str:
        """The work folder's path inside the toolbox: the same as outside where paths are POSIX."""
        return str(self.work) if sys.platform != "win32" else "/work"

    @property
    def elsewhere(self) -> chosen.Kept | None:
        """The learner's own cluster, if one was chosen; None for the lab's own."""
        return chosen.kept(self.places, self.lab)

    def require_files(self) -> None:
        """Refuse if a Compose file is missing, or if docker cannot name a folder that the scene mounts.

        Raises:
            LabError: it is so; the message says which.
        """
        if missing := [file for file in self.lab.compose_files if not file.is_file()]:
            raise LabError(f"{missing[0]} is missing.", remedy="Restore the course's files.")
        _require_mountable(self.work, "DRYDOCK_WORK")
        _require_mountable(self.given, "DRYDOCK_STATE")

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
            "DRYDOCK_GIVEN": str(self.given),
            "DRYDOCK_WORK_INSIDE": self.work_inside,
            "DRYDOCK_SOCKET": socket_for_containers(self.engine.endpoint.host),
            # A service that all ways share may differ by what is chosen.
            **{f"DRYDOCK_WITH_{name.upper()}": "1" for name in self.lab.chosen},
            **(elsewhere.environment(self.places, self.lab, choice) if choice else {}),
        }

    def choose_addresses(self) -> None:
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

    # -- running Compose -----------------------------------------------------------------------------------

    def up(self) -> subprocess.CompletedProcess[str]:
        """Let Compose create and start what is missing, wait until all of it is healthy, and return how that ended."""
        return self._compose(
            "up", "--detach", "--wait", "--wait-timeout", str(READY_SECONDS), "--remove-orphans"
        )

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

    def why_not_ready(self, said: str) -> str:
        """Return the evidence for a scene that did not become ready: Compose's last words, and what its containers say.

        Args:
            said: what Compose printed.
        """
        lines = [line for line in said.splitlines() if line.strip()][-3:]
        for item in scene_containers(self.engine, self.lab):
            try:
                state = self.engine.inspect(item["Id"])["State"]
                health = (state.get("Health") or {}).get("Status", "")
                if state["Status"] == "running" and health in {"", "healthy"}:
                    continue
                name = item["Labels"].get(COMPOSE_SERVICE, item["Id"][:12])
                lines.append(
                    f"{name}: {state['Status']}{f', {health}' if health else ''}, exit code {state['ExitCode']}"
                )
                # Of one that could not be started, the engine says why.
                said = str(state.get("Error") or "") or self.engine.logs(item["Id"], 5)
                lines += [f"    {line}" for line in said.splitlines()]
            except (NotFoundError, RefusedError):
                continue
        return "\n".join(lines)

    # -- its containers ------------------------------------------------------------------------------------

    def drop_stale_mounts(self) -> None:
        """Remove the containers that mount a work folder which was deleted since, so that Compose makes them again.

        Whatever mounts a deleted folder keeps seeing that one.
        """
        for item in scene_containers(self.engine, self.lab):
            mounts = item.get("Mounts") or []
            if any(
                {mount.get("Destination"), mount.get("Source")} & {self.work_inside, str(self.work)}
                for mount in mounts
            ):
                self._drop(item)

    def drop_unplugged(self) -> None:
        """Remove the containers whose network has gone, so that Compose makes them again; their named volumes stay.

        Compose starts a container again on the network it was made with. That may be gone since (`docker network prune`
        removes those of stopped containers), or the container was disconnected.
        """
        there = {item["Id"] for item in self.engine.list_all("networks")}
        for item in scene_containers(self.engine, self.lab):
            mode = str((item.get("HostConfig") or {}).get("NetworkMode", ""))
            if mode in {"none", "host"} or mode.startswith("container:"):
                continue
            networks = (item.get("NetworkSettings") or {}).get("Networks") or {}
            known = {each.get("NetworkID") for each in networks.values()} - {"", None}
            if not networks or known - there:
                self._drop(item)

    def _drop(self, item: dict[str, Any]) -> None:
        self.engine.delete(f"/containers/{item['Id']}", force=True, v=True)


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
