"""Services with names, one copy each: which copy a name leads to, what it stores and logs, and how it is stopped.

`Named` is the interface. `OnNetwork` implements it for containers on a network of the learner's engine, which
Compose mostly starts; `named_swarm` and `named_kubernetes` implement it for clusters.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from checker.engine.api import COMPOSE_ONE_OFF, COMPOSE_SERVICE, ROLE, NotFoundError, UnreadableLogsError
from checker.grading.author import Container, fail

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from checker.grading.author import Lab

SMALL_BYTES = 1 << 20
"""Up to which size a file of a container is read."""

_PROGRAM = re.compile(r"(?<![:/\w.])/[\w./@+-]*\.[A-Za-z]\w*")
"""A file in a command that an absolute path names, such as a program that an interpreter runs."""

_SYSTEMS = re.compile(r"/((usr/)?(s?bin|lib(32|64|x32|exec)?)|dev|proc|sys)(/|$)")
"""Folders that belong to the system in an image, and are large."""

FILLER = "drydock/toolbox:1.0"
"""The image of a container that takes an address which has become free."""


@dataclass(frozen=True)
class Store:
    """Storage outside a copy's own files: a volume, or a folder of the machine."""

    source: str
    """What it is called where the copy runs: two copies with the same source share it."""
    writable: bool
    is_folder: bool = False
    """Whether it is a folder of the machine, which may have programs in it as well as data."""


@dataclass(frozen=True)
class Copy:
    """One running copy of a service."""

    id: str
    """Its container's or pod's id; another copy has another one."""
    name: str
    """As the learner's own tools show it."""
    started: str
    """When it last started."""
    created: str
    revision: str
    """What it was made from: its image and settings. It stays the same when the copy is restarted, or made again."""
    inspected: str
    """The command that shows how it is set up."""
    names: frozenset[str] = frozenset()
    """The names that lead to it."""
    env: Mapping[str, str] = field(default_factory=dict)
    stores: tuple[Store, ...] = ()
    node: str = ""


class Named(Protocol):
    """Services with names, wherever they run."""

    title: str
    """The tool that runs them, as the learner reads it: `Compose`."""
    lists: str
    """The command that lists what runs."""

    def copies(self) -> list[Copy]:
        """Return every running copy of the learner's services, oldest first."""

    def logs(self, copy: Copy, tail: int) -> str:
        """Return the last lines that a copy wrote."""

    def shows_logs(self, name: str) -> str:
        """Return the command that shows the learner the log of a service."""

    def ended(self, name: str) -> str:
        """Return the last line of a copy of a service that has ended, or why it does not start; empty if unknown."""

    def aside(self, name: str) -> str:
        """Return what runs under a name that does not lead to it, and why not, as half a sentence; empty if nothing does."""

    def read_files(self, copy: Copy) -> dict[str, bytes]:
        """Return what a copy has in /run/secrets and in its program's folder, by path; nothing where that is not known."""

    def stored(self, copy: Copy) -> str | None:
        """Return a digest of what is in a copy's stores, which changes with them; None where that is not known."""

    def stop(self, copy: Copy, *, at_once: bool = False) -> None:
        """Stop the service of a copy, so that no copy of it runs until `start`.

        Args:
            copy: the copy.
            at_once: as a crash does, without asking it, where the tool can do that.
        """

    def start(self, copy: Copy) -> str:
        """Start the service of a copy again, in another place if the learner's settings allow one.

        Returns:
            What changed about its place, as a sentence; empty when nothing that is known did.
        """


def leading(copies: Sequence[Copy], name: str) -> list[Copy]:
    """Return the copies that a name leads to."""
    return [each for each in copies if name in each.names]


class OnNetwork:
    """The containers that a learner has put on a network of their engine.

    Args:
        lab: the lab.
        network: the network's name.
    """

    title = "Compose"
    lists = "docker compose ps --all"

    def __init__(self, lab: Lab, network: str) -> None:
        self._lab = lab
        self._network = network
        self._addresses: dict[str, str] = {}
        """The addresses of stopped containers, by id."""
        self._folders: dict[str, str] = {}
        """The folder of the machine that a volume is, by the volume's name; empty for a volume of the engine's own."""

    def copies(self) -> list[Copy]:
        """Return the learner's running containers on the network, oldest first.

        A container that has a volume of one of them is among them, on whatever network it is: it reaches their data.
        """
        on_it = self._lab.engine.get(f"/networks/{self._network}").get("Containers") or {}
        running = self._running(on_it)
        volumes = sorted({mount["Name"] for each in running for mount in each.mounts if mount.get("Name")})
        if volumes:
            same = self._lab.engine.get("/containers/json", filters={"volume": volumes})
            running += self._running(each["Id"] for each in same if each["Id"] not in on_it)
        return sorted((self._copy(each) for each in running), key=lambda each: each.created)

    def _running(self, numbers: Iterable[str]) -> list[Container]:
        """Return the learner's among these containers; the scene's own, and those of the checker, have a role."""
        found = [self._container(each) for each in numbers]
        return [each for each in found if each is not None and each.running and ROLE not in each.labels]

    def _container(self, number: str) -> Container | None:
        try:
            return Container(self._lab.engine, self._lab.shells, self._lab.engine.inspect(number))
        except NotFoundError:
            return None

    def _copy(self, container: Container) -> Copy:
        attached = container.attrs["NetworkSettings"]["Networks"].get(self._network, {})
        names = {container.name, *(attached.get("Aliases") or ()), *(attached.get("DNSNames") or ())}
        return Copy(
            id=container.id,
            name=container.name,
            started=container.started_at,
            created=container.created,
            revision=revision_of(container.attrs, container.mounts),
            inspected=f"docker inspect {container.name}",
            names=frozenset(names),
            env=container.env,
            stores=stores_of([self._placed(each) for each in container.mounts]),
        )

    def _placed(self, mount: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a mount under the folder that it is, if it is a volume that only gives a folder another name."""
        name = mount.get("Name") or ""
        if name and name not in self._folders:
            options = self._lab.engine.get(f"/volumes/{name}").get("Options") or {}
            bound = "bind" in str(options.get("o") or "").split(",")
            self._folders[name] = str(options.get("device") or "").rstrip("/") if bound else ""
        return {**mount, "Name": self._folders.get(name) or name}

    def logs(self, copy: Copy, tail: int) -> str:
        """Return the last lines that a container wrote; fail if its own settings keep them from being read."""
        try:
            return self._lab.engine.logs(copy.id, tail)
        except UnreadableLogsError:
            driver = self._lab.engine.inspect(copy.id)["HostConfig"]["LogConfig"]["Type"]
            if driver == self._lab.engine.get("/info").get("LoggingDriver"):
                raise
            fail(
                f"Nobody can read the log of `{copy.name}`: its own settings give it the log driver `{driver}`.",
                expected="a log that `docker logs` prints",
                seen=f"the log driver {driver}",
                source=f"docker logs {copy.name}",
                hint="Which line of your settings, or option of `docker run`, sets this driver? Without it, the engine keeps the log.",
            )

    def shows_logs(self, name: str) -> str:
        """Return the command that shows the log of a service."""
        return f"docker compose logs {name}"

    def ended(self, name: str) -> str:
        """Return the last line of a container that has ended and has the name in its own."""
        ended = [each for each in self._lab.containers() if name in each.name and not each.running]
        return ended[-1].logs(1) if ended else ""

    def aside(self, name: str) -> str:
        """Return which container has the name in the learner's own tools and not on the network, and where it is instead."""
        for each in self._lab.containers():
            if not each.running or name not in {each.name, each.labels.get(COMPOSE_SERVICE)}:
                continue
            if self._network not in each.networks:
                return f"{each.name} runs, on {', '.join(each.networks) or 'no network'}"
            if each.labels.get(COMPOSE_ONE_OFF) == "True":
                return f"{each.name} runs, and `docker compose run` gives what it starts no name on a network"
        return ""

    def read_files(self, copy: Copy) -> dict[str, bytes]:
        """Return the files in /run/secrets, in the folder in which the program starts, and in those of its command's files.

        The root is never among these folders.
        """
        container = self._container(copy.id)
        if container is None:
            return {}
        config = container.attrs["Config"]
        command = " ".join([*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])])
        files = (posixpath.normpath(each) for each in _PROGRAM.findall(command))
        programs = {posixpath.dirname(each) for each in files if not _SYSTEMS.match(each)}
        folders = {"/run/secrets", config.get("WorkingDir") or "/", *programs} - {"/", "//"}
        return {
            f"{each}/{name}": content
            for each in sorted(folders)
            for name, content in self._lab.engine.files_below(copy.id, each, SMALL_BYTES).items()
        }

    def stored(self, copy: Copy) -> str | None:
        """Return a digest of the files in the container's volumes and folders that it may write to."""
        container = self._container(copy.id)
        if container is None:
            return None
        digest = hashlib.sha256()
        for folder in sorted(mount["Destination"] for mount in container.mounts if mount.get("RW")):
            for name, content in sorted(self._lab.engine.files_below(copy.id, folder).items()):
                digest.update(f"\0{folder}/{name}\0".encode() + content)
        return digest.hexdigest()

    def stop(self, copy: Copy, *, at_once: bool = False) -> None:
        """Stop the container, or kill it."""
        if (container := self._container(copy.id)) is not None:
            self._addresses[copy.id] = container.networks.get(self._network, "")
            if at_once:
                container.kill()
            else:
                container.stop(1)

    def start(self, copy: Copy) -> str:
        """Start the container again, with another address, as it may get one after any restart."""
        container = self._container(copy.id)
        if container is None:
            return ""
        # A stopped container has given its address back; somebody else takes it.
        self._lab.run(FILLER, command=["sleep", "60"], network=self._network)
        container.start()
        before, after = self._addresses.get(copy.id, ""), container.reload().networks.get(self._network, "")
        return f"its address was {before} and is {after} now" if before and after != before else ""


def revision_of(record: Mapping[str, Any], mounts: Sequence[Mapping[str, Any]]) -> str:
    """Return a digest of what a container was made from: its image, command, environment and mounts.

    Args:
        record: the engine's record of it.
        mounts: its mounts, as the engine lists them.
    """
    config = record["Config"]
    made_of = [
        record.get("Image"),
        config.get("Entrypoint"),
        config.get("Cmd"),
        sorted(config.get("Env") or []),
        sorted(f"{mount.get('Name') or mount.get('Source')}:{mount.get('Destination')}" for mount in mounts),
    ]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def stores_of(mounts: Sequence[Mapping[str, Any]], node: str = "") -> tuple[Store, ...]:
    """Return the stores among a container's mounts, as its engine lists them.

    Args:
        mounts: the engine's records.
        node: the node that the container runs on, when there are several: each has its own volumes and folders.
    """
    place = f"{node}: " if node else ""
    return tuple(
        Store(
            f"{place}{mount.get('Name') or mount.get('Source')}",
            writable=bool(mount.get("RW")),
            is_folder=mount["Type"] == "bind",
        )
        for mount in mounts
        if mount.get("Type") in {"volume", "bind"}
    )
