"""The lab's server: the Parcel that runs on it, its store, and what is done to it."""

from __future__ import annotations

import base64
import functools
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.grading.author import could_not_run, digest_of, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.grading.author import Inner, Inside, Lab, Prober, Reply, Traffic

ADDRESS = "http://server:8080"
MARK = "check: "
"""What the marks of the checker begin with; every other outage on record is the learner's."""

STEADY_SECONDS = 1.5
"""How long no request may fail until the service counts as healed."""

PROGRAM = "/app/store.py"
WATCH = base64.b64encode(Path(__file__).with_name("watch.py").read_bytes()).decode()


@dataclass(frozen=True)
class Healing:
    """The effect of a fault: seconds until healed, requests lost, and the number of healed.sh before and after."""

    seconds: float
    lost: int
    before: int | None
    after: int | None


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
        """The effect of each fault, by its name."""

    # -- what runs there -----------------------------------------------------------------------------------

    @property
    def inside(self) -> Inside:
        """The server's own engine."""
        return self.lab.inside("server")

    def run(self, command: str, seconds: float = 10.0) -> str:
        """Run a shell command on the server, and return what it prints."""
        return self.inside.run(command, seconds)

    def parcels(self) -> list[Inner]:
        """Return the containers in which Parcel 1.1 itself runs; without one, those in which it did."""
        ours = [each for each in self.inside.containers() if _is_parcel(each)]
        # A healer may run from the same image; it does not have the store where Parcel looks for it.
        ours.sort(key=lambda each: not _folders(each)[0])
        return [each for each in ours if each.running and runs_parcel(each)] or ours

    def has_the_images_program(self, parcel: Inner) -> bool:
        """Whether the program in a container is the one of the image."""
        sums = f"sha256sum {PROGRAM} /app/parcel.py"
        shipped = self.run(f"docker run --rm --network none drydock/parcel:1.1 {sums}", 20)
        return bool(shipped) and parcel.exec(sums).stdout == shipped

    def last_line(self, parcel: Inner) -> str:
        """Return the last line that a container wrote, requests left out."""
        lines = [each for each in parcel.logs(300).splitlines() if '"request"' not in each]
        return lines[-1] if lines else ""

    @functools.cached_property
    def fingerprint(self) -> str:
        """What decides how the service heals: how its containers were made, and the learner's files."""
        keys = (
            "Image",
            "Cmd",
            "Entrypoint",
            "Env",
            "Healthcheck",
            "RestartPolicy",
            "Memory",
            "Binds",
            "Mounts",
        )
        made = {
            json.dumps([(each.attrs["Config"] | each.attrs["HostConfig"]).get(key) for key in keys])
            for each in self.inside.containers()
        }
        return f"{digest_of(self.lab.work)} {sorted(made)}"

    # -- its store -----------------------------------------------------------------------------------------

    @functools.cached_property
    def folders(self) -> tuple[str, str]:
        """Where the server itself has Parcel's store and the second copy; empty for one that is on no volume."""
        return _folders(self.parcels()[0])

    def read(self, folder: str) -> str:
        """Return the store in a folder of the server, in base64; empty when there is none."""
        return self.run(f"base64 -w0 {shlex.quote(folder)}/parcels").strip()

    def write(self, folder: str, content: str) -> None:
        """Write over the store in a folder, which keeps its owner; a new one may be written by anybody."""
        name = shlex.quote(f"{folder}/parcels")
        self.run(f"[ -e {name} ] || install -m 666 /dev/null {name}; echo {content} | base64 -d > {name}")

    def damage(self, *folders: str) -> None:
        """Cut the stores in these folders in half, as a disk that filled up would, and make Parcel crash."""
        for folder in folders:
            text = base64.b64decode(self.read(folder))
            self.write(folder, base64.b64encode(text[: len(text) // 2] + b"\x00" * 40).decode())
        self.get("/crash")

    def starts(self) -> list[float]:
        """Return when Parcel was started on this store, by the server's clock."""
        return [float(each) for each in self.run(f"cat {shlex.quote(self.folders[0])}/starts").split()]

    def tries(self, seconds: float) -> int:
        """Watch for a number of seconds how often something tries to start on the store: each try reads it, or its copy."""
        store, copy = map(shlex.quote, self.folders)
        said = self.run(
            f"echo {WATCH} | base64 -d | docker run --rm --interactive --network none --user root "
            f"-v {store}:/store:ro -v {copy}:/copy:ro drydock/parcel:1.1 python3 - {seconds:g} /store /copy",
            seconds + 20,
        )
        if not said.strip().isdecimal():
            could_not_run("The server could not watch the store. Check again.")
        return int(said)

    def kept(self) -> list[str]:
        """Return the parcels that Parcel shows; none when it does not answer."""
        said = self.get("/parcels").json()
        return list(said.get("parcels") or ()) if isinstance(said, dict) else []

    # -- requests ------------------------------------------------------------------------------------------

    def get(self, path: str, timeout: float = 2.0) -> Reply:
        """GET from the server, as its users do."""
        return self.prober.get(ADDRESS + path, timeout=timeout)

    def accept(self, to: str) -> Reply:
        """Send a parcel; 201 when it is accepted."""
        return self.prober.post(f"{ADDRESS}/parcels", to.encode(), timeout=2.0)

    def serves(self, seconds: float) -> bool:
        """Wait until the users get an answer, and return whether they do."""
        return wait_until(lambda: self.get("/").ok, seconds, every=0.2)

    def count(self) -> int | None:
        """Return the number that the learner's healed.sh ends with; None when it does not end with one."""
        word = self.lab.script("healed.sh").run(seconds=8).last.strip()
        return int(word) if word.isdecimal() else None

    # -- faults --------------------------------------------------------------------------------------------

    def fault(self, name: str, make: Callable[[], object], within: float) -> Healing | float:
        """Make a fault, and wait until Parcel was started again and its users are served.

        Args:
            name: what the fault is called in the record.
            make: makes it.
            within: how many seconds it may take.

        Returns:
            The healing; or, if it did not heal, when the fault was made, by the users' clock.
        """
        before, starts = self.count(), len(self.starts())
        self.cut_off(within)
        mark = self.traffic.mark(MARK + name)
        make()
        seconds: float | None = None

        def is_healed() -> bool:
            nonlocal seconds
            if len(self.starts()) > starts:
                seconds = self.traffic.since(mark).recovery(mark, STEADY_SECONDS)
            return seconds is not None

        wait_until(is_healed, within + STEADY_SECONDS, every=0.25)
        self.cut_off(0)
        if seconds is None:
            return mark.at
        # A request that was sent while nobody answered ends up to two seconds later.
        end = mark.at + seconds + STEADY_SECONDS
        return Healing(
            round(seconds, 1), self.traffic.between(mark, end).lost(mark, end), before, self.count()
        )

    def cut_off(self, seconds: float) -> None:
        """Keep the toolbox from the server for a while, because nobody has it open at night; 0 lets it in again.

        It ends by itself, so that a check that was interrupted leaves nothing.
        """
        toolbox = self.lab.node("toolbox").networks[f"{self.lab.course_lab.project}_lab"]
        route = f"ip route del blackhole {toolbox}/32"
        add = route.replace("del", "add")
        self.run(route)
        if seconds:
            self.run(f"{add} && (sleep {seconds + 5:g}; {route}) > /dev/null 2>&1 & true")

    def restart(self) -> None:
        """Restart Parcel, as a human would."""
        for parcel in self.parcels()[:1]:
            parcel.restart()

    def require_up(self) -> None:
        """End the check without a verdict when the service is away before anything was done to it."""
        if not self.serves(15):
            could_not_run("Parcel was away before this check did anything to it. Check again.")


def runs_parcel(container: Inner) -> bool:
    """Whether Parcel's program runs in a container."""
    return any(PROGRAM in command for _, command in container.processes())


def _is_parcel(container: Inner) -> bool:
    labels = [container.labels.get(key) for key in ("io.drydock.image", "org.opencontainers.image.version")]
    return labels == ["parcel", "1.1"]


def _folders(container: Inner) -> tuple[str, str]:
    """Return where the server itself has a container's store and the second copy."""
    store, copy = (container.env.get(key, "") for key in ("PARCEL_DATA", "PARCEL_COPY"))
    return container.mounted_on(store), container.mounted_on(copy)
