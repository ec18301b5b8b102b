"""The lab's server: the Parcel that runs on it, its store, and what is done to it."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.errors import LabError
from checker.grading.author import could_not_run, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.grading.author import Lab, Prober, Reply, Traffic

ADDRESS = "http://server:8080"
MARK = "check: "
"""What the marks of the checker begin with; every other outage on record is the learner's."""

STEADY_SECONDS = 1.5
"""How long no request may fail until the service counts as healed."""

PROGRAM = "/app/store.py"


@dataclass(frozen=True)
class Healing:
    """What a fault came to."""

    healed: bool
    at: float
    """When the fault was made, by the users' clock."""
    seconds: float = 0.0
    lost: int = 0
    counted: tuple[int | None, int | None] = (None, None)
    """What healed.sh said before and after."""


class Server:
    """The server of the lab.

    Args:
        lab: the lab.
        traffic: its users.
        prober: requests from the lab's network.
    """

    def __init__(self, lab: Lab, traffic: Traffic, prober: Prober) -> None:
        self.lab = lab
        self.traffic = traffic
        self.prober = prober
        self.healings: dict[str, Healing] = {}
        """What each fault came to, by its name."""

    # -- what runs there -----------------------------------------------------------------------------------

    def run(self, command: str, seconds: float = 10.0) -> str:
        """Run a shell command on the server, and return what it prints."""
        return str(self.lab.node("server").exec(command, timeout=seconds).stdout)

    def containers(self) -> list[dict[str, Any]]:
        """Return what the server's engine knows of every container, ended ones included; the newest first."""
        said = self.run(
            'set -- $(docker ps --all --quiet --no-trunc); [ $# = 0 ] || docker inspect "$@" 2>/dev/null; true'
        )
        return sorted(json.loads(said or "[]"), key=lambda each: each["Created"], reverse=True)

    def parcels(self) -> list[dict[str, Any]]:
        """Return the containers in which Parcel 1.1 itself runs; without one, those in which it did."""
        ours = [each for each in self.containers() if _keeps_store(each)]
        # A healer may run from the same image; it does not have the store where Parcel looks for it.
        ours.sort(key=lambda each: not _folders(each)[0])
        running = [each for each in ours if each["State"]["Running"] and PROGRAM in self.top(each)]
        return running or ours

    def top(self, container: dict[str, Any]) -> str:
        """Return the processes of a container."""
        return self.run(f"docker top {container['Id']} -o pid,args 2>/dev/null; true")

    def has_the_images_program(self, container: dict[str, Any]) -> bool:
        """Whether the program in a container is the one of the image."""
        sums = f"sha256sum {PROGRAM} /app/parcel.py"
        said = self.run(
            f"docker exec {container['Id']} {sums}; docker run --rm --network none drydock/parcel:1.1 {sums}",
            seconds=20,
        )
        lines = said.splitlines()
        return len(lines) == 4 and lines[:2] == lines[2:]

    def logs(self, container: dict[str, Any], lines: int = 1) -> str:
        """Return the last lines that a container wrote, requests left out."""
        name = container["Id"]
        return self.run(
            f"docker logs --tail 300 {name} 2>&1 | grep -v '\"request\"' | tail -n {lines}; true"
        ).strip()

    # -- its store -----------------------------------------------------------------------------------------

    @functools.cached_property
    def folders(self) -> tuple[str, str]:
        """Where the server itself has Parcel's store and the second copy; empty for one that is on no volume."""
        return _folders(self.parcels()[0])

    def read(self, file: str) -> str:
        """Return a file of the server's, in base64; empty when there is none."""
        return self.run(f"base64 -w0 {shlex.quote(file)} 2>/dev/null; true").strip()

    def write(self, file: str, content: str) -> None:
        """Write over a file of the server's, which keeps its owner; a new one may be written by anybody."""
        name = shlex.quote(file)
        self.run(f"[ -e {name} ] || install -m 666 /dev/null {name}; echo {content} | base64 -d > {name}")

    def damage(self, *folders: str) -> None:
        """Cut the stores in these folders in half, as a disk that filled up would."""
        for folder in folders:
            text = base64.b64decode(self.read(f"{folder}/parcels"))
            self.write(f"{folder}/parcels", base64.b64encode(text[: len(text) // 2] + b"\x00" * 40).decode())

    def starts(self) -> int:
        """Return how often Parcel has been started on this store."""
        said = self.run(f"wc -l < {shlex.quote(self.folders[0])}/starts 2>/dev/null; true").strip()
        return int(said or 0)

    def busy(self) -> float:
        """Return how many seconds of processor time the server has used since it was started."""
        said = self.run(
            "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || "
            "sed -n 's/^usage_usec \\(.*\\)/\\1000/p' /sys/fs/cgroup/cpu.stat"
        )
        return float(said.strip() or 0) / 1e9

    def tries(self) -> int:
        """Return how often somebody has tried to start on a damaged store: starts of Parcel, of containers, or looks at it."""
        said = self.run(
            "for each in $(docker ps --all --quiet --filter label=io.drydock.image=parcel); do "
            "docker logs $each 2>&1; done | grep -c -e 'store damaged' -e 'parcels is damaged'; "
            "docker events --since 10s --until 0s --filter event=start --format . | wc -l"
        ).split()
        return max(int(said[0]) if said else 0, self.starts())

    def kept(self) -> list[str]:
        """Return the parcels that Parcel shows; none when it does not answer."""
        said = self.get("/parcels").json()
        return list(said.get("parcels") or ()) if isinstance(said, dict) else []

    # -- requests ------------------------------------------------------------------------------------------

    def get(self, path: str) -> Reply:
        """GET from the server, as its users do."""
        return self.prober.get(ADDRESS + path, timeout=2.0)

    def accept(self, to: str) -> bool:
        """Have a parcel accepted, and return whether it was."""
        return self.prober.post(f"{ADDRESS}/parcels", to.encode(), timeout=2.0).status == 201

    def count(self) -> int | None:
        """Return the number that the learner's healed.sh ends with; None when it does not end with one."""
        done = self.lab.node("toolbox").exec("timeout 8 sh healed.sh 2>/dev/null | tail -n 1", timeout=10)
        word = done.stdout.strip()
        return int(word) if word.isdecimal() else None

    # -- faults --------------------------------------------------------------------------------------------

    def fault(self, name: str, make: Callable[[], object], within: float) -> Healing:
        """Make a fault, and wait until Parcel was started again and its users are served.

        Args:
            name: what the fault is called in the record.
            make: makes it.
            within: how many seconds it may take.
        """
        counted, starts = self.count(), self.starts()
        self.cut_off(within)
        mark = self.traffic.mark(MARK + name)
        make()
        recovered: float | None = None

        def is_healed() -> bool:
            nonlocal recovered
            if self.starts() > starts:
                recovered = self.traffic.since(mark).recovery(mark, STEADY_SECONDS)
            return recovered is not None

        healed = wait_until(is_healed, within + STEADY_SECONDS, every=0.25)
        self.cut_off(0)
        if not healed:
            return Healing(healed=False, at=mark.at)
        seconds = round(recovered or 0.0, 1)
        # A request that was sent while nobody answered ends up to two seconds later.
        lost = self.traffic.between(mark, mark.at + seconds).lost(mark, mark.at + seconds + STEADY_SECONDS)
        return Healing(healed=True, at=mark.at, seconds=seconds, lost=lost, counted=(counted, self.count()))

    def cut_off(self, seconds: float) -> None:
        """Keep the toolbox from the server for a while, for what heals from there is not there at night; 0 lets it in again.

        It ends by itself, so that a check that was interrupted leaves nothing.
        """
        network = f"{self.lab.course_lab.project}_lab"
        route = f"blackhole {self.lab.node('toolbox').networks[network]}/32"
        self.run(
            f"ip route del {route} 2>/dev/null; "
            + (
                f"ip route add {route} && (sleep {seconds + 5:g}; ip route del {route}) > /dev/null 2>&1 &"
                if seconds
                else "true"
            )
        )

    def restore(self, *, patient: bool = True) -> None:
        """Heal what did not heal by itself, as a human would, so that the next check finds a service.

        Args:
            patient: wait until it serves again; not needed after a verdict.
        """
        for parcel in self.parcels()[:1]:
            self.run(f"docker restart --time 1 {parcel['Id']}", seconds=20)
        if patient and not wait_until(lambda: self.get("/").ok, 30, every=0.2):
            raise LabError(
                "Parcel does not come back.", remedy="See `docker ps --all` and `docker logs` in the toolbox."
            )

    def require_up(self) -> None:
        """End the check without a verdict when the service is away before anything was done to it."""
        if not wait_until(lambda: self.get("/").ok, 15, every=0.2):
            could_not_run("Parcel was away before this check did anything to it. Check again.")

    # -- passes --------------------------------------------------------------------------------------------

    @functools.cached_property
    def fingerprint(self) -> str:
        """What decides how the service heals: how its containers were made, and the learner's files."""
        made = []
        for each in self.containers():
            config, host = each["Config"], each["HostConfig"]
            parts = [config[key] for key in ("Image", "Cmd", "Entrypoint", "Env")]
            parts += [
                config.get("Healthcheck"),
                host["RestartPolicy"],
                host["Memory"],
                host["Binds"],
                host.get("Mounts"),
            ]
            made.append(json.dumps(parts))
        files = sorted(
            file for file in self.lab.work.rglob("*") if file.is_file() and file.name != "by-hand.toml"
        )
        text = "\n".join(sorted(set(made))).encode() + b"".join(file.read_bytes() for file in files)
        return hashlib.sha256(text).hexdigest()


def _keeps_store(container: dict[str, Any]) -> bool:
    labels = container["Config"].get("Labels") or {}
    return (
        labels.get("io.drydock.image") == "parcel" and labels.get("org.opencontainers.image.version") == "1.1"
    )


def _folders(container: dict[str, Any]) -> tuple[str, str]:
    """Return where the server itself has a container's store and the second copy."""
    environment = dict(each.split("=", 1) for each in container["Config"]["Env"] or () if "=" in each)
    return tuple(_source(container, environment.get(name, "")) for name in ("PARCEL_DATA", "PARCEL_COPY"))  # type: ignore[return-value]


def _source(container: dict[str, Any], folder: str) -> str:
    """Return what of the server is mounted on a folder of a container, or above it; empty when nothing is."""
    best = ""
    for mount in container["Mounts"]:
        at = mount["Destination"].rstrip("/")
        if (folder == at or folder.startswith(at + "/")) and mount.get("Type") in {"volume", "bind"}:
            best = mount["Source"] + folder[len(at) :]
    return best
