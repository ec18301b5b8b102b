"""A container as a check sees it: what the engine says about it, and a shell in it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from checker.engine.api import Engine, NotFoundError
from checker.engine.capacity import working_set
from checker.engine.shell import COMMAND_SECONDS, Completed, Shell
from checker.grading.ahead import Ahead
from checker.grading.untouched import Untouched
from checker.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from checker.course.places import Places
    from checker.grading.collected import Collected


def kept_in(places: Places) -> Path:
    """Return the folder for what one command learned about containers and the next can use."""
    return places.state / "cache" / "untouched"


class Shells:
    """What a verdict keeps for the next one: open shells in containers, what is known about their files, and the checks.

    Args:
        engine: the engine that runs them.
        kept: the folder for what the next command can use too; None keeps nothing.
    """

    def __init__(self, engine: Engine, kept: Path | None = None) -> None:
        self.engine = engine
        self.ahead = Ahead()
        self.untouched = Untouched(engine, kept)
        self.images: dict[str, dict[str, Any]] = {}
        """The engine's records of images, by digest."""
        self.collected: Collected | None = None
        """The checks that were run last, for the next verdict."""
        self._open: dict[tuple[str, str | None], Shell] = {}
        self._lock = threading.Lock()

    def of(self, container: str, user: str | None = None) -> Shell:
        """Return the shell of the container with this id; it opens when it is first used."""
        key = (container, user)
        with self._lock:
            if key not in self._open:
                self._open[key] = Shell(self.engine, container, user)
            return self._open[key]

    def has_open(self, container: str) -> bool:
        """Whether the shell of the container with this id is open."""
        with self._lock:
            shell = self._open.get((container, None))
        return shell is not None and shell.is_open

    def close(self) -> None:
        """Close all shells, and end the processes that their commands left running."""
        with self._lock:
            shells, self._open = list(self._open.values()), {}
        # Each asks its container once what is still running. They ask in parallel, because that is mostly waiting.
        in_parallel(Shell.close, shells)
        self.untouched.keep()


class Container:
    """One container: a snapshot of what the engine says, taken at creation and at `reload`.

    Args:
        engine: the engine that runs it.
        shells: where its shell is kept.
        attrs: the engine's inspect record.
    """

    def __init__(self, engine: Engine, shells: Shells, attrs: dict[str, Any]) -> None:
        self.engine = engine
        self.attrs = attrs
        self._shells = shells

    def __repr__(self) -> str:
        return f"<container {self.name} {self.id[:12]} {self.status}>"

    def reload(self) -> Container:
        """Take a new snapshot of the same container.

        Raises:
            NotFoundError: it was removed.
        """
        self.attrs = self.engine.inspect(self.id)
        return self

    # -- what it is ----------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Its full id."""
        return str(self.attrs["Id"])

    @property
    def name(self) -> str:
        """Its name, without the engine's leading slash."""
        return str(self.attrs["Name"]).lstrip("/")

    @property
    def image(self) -> str:
        """The name of the image that was given when the container was created."""
        return str(self.attrs["Config"]["Image"])

    @property
    def image_id(self) -> str:
        """The digest of the image that it runs, `sha256:…`."""
        return str(self.attrs["Image"])

    @property
    def created(self) -> str:
        """When it was created, RFC 3339."""
        return str(self.attrs["Created"])

    @property
    def started_at(self) -> str:
        """When it last started, RFC 3339."""
        return str(self.attrs["State"]["StartedAt"])

    @property
    def ended_at(self) -> str:
        """When it last ended, RFC 3339; in the year 1, if it never did."""
        return str(self.attrs["State"].get("FinishedAt") or "")

    @property
    def labels(self) -> dict[str, str]:
        """Its labels, including those of its image."""
        return dict(self.attrs["Config"].get("Labels") or {})

    @property
    def env(self) -> dict[str, str]:
        """The environment of its main process, including that of its image."""
        pairs = (entry.partition("=") for entry in self.attrs["Config"].get("Env") or [])
        return {key: value for key, _, value in pairs}

    @property
    def main_command(self) -> str:
        """The command line of its main process, as the engine starts it: its entrypoint and its command."""
        return " ".join([str(self.attrs.get("Path") or ""), *(self.attrs.get("Args") or ())]).strip()

    @property
    def host_config(self) -> Mapping[str, Any]:
        """The engine's HostConfig, for example limits, privileges and the restart policy."""
        found: dict[str, Any] = self.attrs["HostConfig"]
        return found

    @property
    def mounts(self) -> list[dict[str, Any]]:
        """Its volumes and bind mounts, as the engine lists them."""
        return list(self.attrs.get("Mounts") or [])

    def mounted_on(self, folder: str) -> str:
        """Return what of the engine's machine is mounted on a folder, or above it; empty if the folder is the container's own."""
        for mount in sorted(self.mounts, key=lambda each: len(each["Destination"]), reverse=True):
            at = mount["Destination"].rstrip("/")
            if folder == at or folder.startswith(at + "/"):
                kept = mount.get("Type") in {"volume", "bind"}
                return mount["Source"] + self._part_of_volume(at) + folder[len(at) :] if kept else ""
        return ""

    def _part_of_volume(self, at: str) -> str:
        """Return which folder of its volume is mounted there, `/…`; empty if all of it is. The engine's Source does not say it."""
        for asked in self.host_config.get("Mounts") or ():
            if str(asked.get("Target")).rstrip("/") == at:
                part = (asked.get("VolumeOptions") or {}).get("Subpath") or ""
                return f"/{part.strip('/')}" if part else ""
        return ""

    @property
    def networks(self) -> dict[str, str]:
        """The networks it is attached to, each with the container's address on it."""
        found = self.attrs["NetworkSettings"].get("Networks") or {}
        return {name: str(data.get("IPAddress") or "") for name, data in found.items()}

    def names_on(self, network: str) -> set[str]:
        """Return the names that lead to it on a network, its aliases among them; empty if it is not attached."""
        attached = (self.attrs["NetworkSettings"].get("Networks") or {}).get(network)
        if attached is None:
            return set()
        return {self.name, *(attached.get("Aliases") or ()), *(attached.get("DNSNames") or ())}

    @property
    def ports(self) -> dict[int, list[tuple[str, int]]]:
        """Published TCP ports: for each container port, the host addresses and ports that lead to it."""
        found = self.attrs["NetworkSettings"].get("Ports") or {}
        return {
            int(inside.partition("/")[0]): [(str(at["HostIp"]), int(at["HostPort"])) for at in outside]
            for inside, outside in found.items()
            if outside and inside.endswith("/tcp")
        }

    @property
    def exposed(self) -> list[int]:
        """The TCP ports that it declares, published or not."""
        found = self.attrs["Config"].get("ExposedPorts") or {}
        return sorted(int(port.partition("/")[0]) for port in found if port.endswith("/tcp"))

    # -- how it is -----------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        """`created`, `running`, `paused`, `restarting`, `exited` or `dead`."""
        return str(self.attrs["State"]["Status"])

    @property
    def running(self) -> bool:
        """Whether its main process runs now, and is neither paused nor between two restarts."""
        state = self.attrs["State"]
        return bool(state["Running"]) and not state.get("Paused") and not state.get("Restarting")

    @property
    def exit_code(self) -> int:
        """The exit code of its last run; 137 is SIGKILL, 143 is a SIGTERM that it did not handle."""
        return int(self.attrs["State"]["ExitCode"])

    @property
    def oom_killed(self) -> bool:
        """Whether the kernel ended its last run because memory ran out."""
        return bool(self.attrs["State"].get("OOMKilled"))

    @property
    def restarts(self) -> int:
        """How many times its restart policy restarted it."""
        return int(self.attrs.get("RestartCount") or 0)

    def logs(self, tail: int = 5) -> str:
        """Return the last lines it wrote."""
        return self.engine.logs(self.id, tail)

    def processes(self) -> list[tuple[str, str]]:
        """Return the user and the command line of each of its processes, as the engine sees them from outside; it takes 15 ms."""
        found: dict[str, Any] = self.engine.get(f"/containers/{self.id}/top")
        titles = list(found["Titles"])
        user = next((titles.index(name) for name in ("UID", "USER") if name in titles), 0)
        command = next((titles.index(name) for name in ("CMD", "COMMAND") if name in titles), -1)
        return [(row[user], row[command]) for row in found.get("Processes") or []]

    def stats(self) -> dict[str, Any]:
        """Return the engine's counters at this moment: memory, CPU, network."""
        found: dict[str, Any] = self.engine.get(
            f"/containers/{self.id}/stats", stream=False, **{"one-shot": True}
        )
        return found

    def memory(self) -> int:
        """Return how many bytes it uses now, as `docker stats` counts: without files that were not used for a while."""
        return working_set(self.stats().get("memory_stats") or {})

    # -- acting on it --------------------------------------------------------------------------------------

    def exec(self, command: str, timeout: float = COMMAND_SECONDS, user: str | None = None) -> Completed:
        """Run a shell command in it and return `.rc`, `.stdout`, `.stderr`.

        Raises:
            ShellError: it has no shell, is not running, or the command took longer than `timeout` seconds.
        """
        return self._shells.of(self.id, user).run(command, timeout)

    @property
    def has_open_shell(self) -> bool:
        """Whether its shell is open, from an earlier verdict."""
        return self._shells.has_open(self.id)

    def open_shell(self) -> None:
        """Open its shell before the first command; for a lab's `early`.

        Raises:
            ShellError: it has no shell, or is not running.
        """
        self._shells.of(self.id).open()

    def host(self, user: str | None = None) -> Any:
        """Return testinfra's host for this container, over its persistent shell."""
        from checker.grading.testinfra_backend import host_of  # noqa: PLC0415 - testinfra is loaded when first used

        return host_of(self._shells.of(self.id, user))

    def kill(self, signal: str = "KILL") -> None:
        """Send a signal to its main process from outside, as `docker kill` does."""
        self.engine.post(f"/containers/{self.id}/kill", signal=signal)

    def stop(self, seconds: int = 10) -> None:
        """Stop it as `docker stop` does: SIGTERM, and SIGKILL after this many seconds."""
        self.engine.request("POST", f"/containers/{self.id}/stop", query={"t": seconds}, seconds=seconds + 20)

    def start(self) -> None:
        """Start it again."""
        self.engine.post(f"/containers/{self.id}/start")

    def remove(self) -> None:
        """Remove it, running or not, with its anonymous volumes."""
        try:
            self.engine.delete(f"/containers/{self.id}", force=True, v=True)
        except NotFoundError:
            return
