"""The lab's server: the Parcel that runs on it, its store, and what is done to it."""

from __future__ import annotations

import base64
import functools
import json
import shlex
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from checker.grading.author import (
    Process,
    Reasons,
    commands_run,
    could_not_run,
    digest_of,
    moment,
    runs,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.grading.author import Container, Inner, Inside, Lab, Prober, Reply, Run, Traffic

    from .healing import Healing

WHY = Reasons(Path(__file__).with_name("reasons.toml"))
PORT = 8080
ADDRESS = f"http://server:{PORT}"

LONG_SECONDS = 30.0
"""How long a hang may last: the image's own health check, which asks every five seconds, needs up to 21, and a stop 1 to 10.

Something that restarts the service again and again, whatever its state, has to do it this often to end a hang in time.
"""

AT_ONCE_SECONDS = 1.5
"""What ends a program that hangs sooner than this has not waited for an answer; it would not let it stand still for a moment either."""

HEALED_SECONDS = 8.0
"""How long healed.sh may take; one that reads the log of a day takes less than a second."""

PROGRAM = "/app/store.py"
MADE_OF = ("Image", "Cmd", "Entrypoint", "Env", "Healthcheck", "RestartPolicy", "Memory", "Binds", "Mounts")
"""What of a container's settings decides how the service heals."""

IMAGE = "drydock/parcel:1.1"
SERVICE = "com.docker.swarm.service.name"
"""The label by which a swarm's container names its service."""

WATCH, LOADED = (
    base64.b64encode(Path(__file__).with_name(name).read_bytes()).decode()
    for name in ("watch.py", "loaded.py")
)


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
        self.before: list[str] = []
        """The parcels that Parcel had before its store was damaged."""
        self._whole: dict[str, str] = {}
        """The stores as they were before they were damaged, by folder, in base64."""

    # -- what runs there -----------------------------------------------------------------------------------

    @functools.cached_property
    def inside(self) -> Inside:
        """The server's own engine."""
        return self.lab.inside("server")

    def run(self, command: str, seconds: float = 10.0) -> str:
        """Run a shell command on the server, and return what it prints."""
        return self.inside.run(command, seconds)

    def parcels(self) -> list[Inner]:
        """Return the containers in which Parcel 1.1 itself runs; without one, those in which it did."""
        ours = [each for each in self.inside.containers() if is_parcel(each)]
        for each in ours:
            places = [(mount, self._devices.get(mount["Source"])) for mount in each.mounts]
            each.attrs["Mounts"] = [{**mount, "Source": at or mount["Source"]} for mount, at in places]
        # A healer may run from the same image, with the same volumes; it does not have the users' port.
        ours.sort(key=lambda each: (not _has_port(each), not _folders(each)[0]))
        return [each for each in ours if number_of(each)] or ours

    @functools.cached_property
    def _devices(self) -> dict[str, str]:
        """The folders that are volumes by their driver's options, by the place where the engine mounts each of them.

        It does so only while a container uses the volume; between two tries of Parcel, nothing is there.
        """
        form = "'{{json .}}'"
        said = self.run(
            f"docker volume ls --quiet | xargs --no-run-if-empty docker volume inspect --format {form}"
        )
        volumes = [json.loads(each) for each in said.splitlines()]
        given = [(each["Mountpoint"], each.get("Options") or {}) for each in volumes]
        bound = [(at, options) for at, options in given if "bind" in options.get("o", "").split(",")]
        return {at: str(options["device"]) for at, options in bound if "device" in options}

    def not_started(self, running: Inner) -> Inner | None:
        """Return a container of Parcel that was made after the one that runs, and that the engine could not start; a swarm's are its own."""
        return next(
            (
                each
                for each in self.inside.containers()
                # A healer may be made of the same image; it does not have the users' port.
                if is_parcel(each) and SERVICE not in each.labels and _has_port(each)
                if each.created > running.created
                if each.status == "created" and each.attrs["State"].get("Error")
            ),
            None,
        )

    def most_restarts(self, parcel: Inner) -> int:
        """Return how often the engine starts a container again at most, as long as it may last; 0 when no number limits that."""
        service = parcel.labels.get(SERVICE)
        if not service:
            return int(parcel.host_config["RestartPolicy"].get("MaximumRetryCount") or 0)
        said = self.run(f"docker service inspect --format '{{{{json .Spec}}}}' {shlex.quote(service)}")
        policy = json.loads(said or "{}").get("TaskTemplate", {}).get("RestartPolicy") or {}
        return 0 if policy.get("Window") else int(policy.get("MaxAttempts") or 0)

    def has_company(self, parcel: Inner) -> bool:
        """Whether another container runs, which may start Parcel when the engine does not any more."""
        return any(each.running and each.id != parcel.id for each in self.inside.containers())

    def other_code(self, parcel: Inner) -> str:
        """Return a file that Python loads with the program in a container, and that the image does not have so; empty when there is none."""
        # The start script may have given its Python other settings than the container has.
        settings = [f"{name}={value}" for name, value in self.environ.items() if name.startswith("PYTHON")]
        given = "".join(f"--env {shlex.quote(each)} " for each in settings)
        loading = f"echo {LOADED} | base64 -d | docker exec --interactive {given}{parcel.id} python3 -B -"
        loaded = self.run(loading, 20).splitlines()
        # With other settings, Python may load more of the image's own files.
        files = " ".join(shlex.quote(each.partition("  ")[2]) for each in loaded)
        shipped = self.run(f"docker run --rm --network none {IMAGE} sha256sum {files}", 20).splitlines()
        if not loaded or not shipped:
            could_not_run("The server could not look at Parcel's program. Check again.")
        return next((each.partition("  ")[2] for each in loaded if each not in shipped), "")

    @functools.cached_property
    def fingerprint(self) -> str:
        """What decides how the service heals: how its containers were made, and the learner's files."""
        made, parcels = set(), {each.id for each in self.parcels()}
        for each in self.inside.containers():
            settings = each.attrs["Config"] | each.attrs["HostConfig"]
            # Parcel ends and starts by what is tried; what else has ended heals no more.
            there = each.id in parcels or each.running
            made.add(json.dumps([each.image_id, there, *(settings.get(key) for key in MADE_OF)]))
        for service in {each.labels[SERVICE] for each in self.inside.containers() if SERVICE in each.labels}:
            form = "'{{json .Spec.TaskTemplate}}'"
            asked = self.run(f"docker service inspect --format {form} {shlex.quote(service)}")
            task = json.loads(asked.strip() or "{}")
            task.pop("ForceUpdate", None)  # a check that repairs the service raises it
            made.add(json.dumps(task, sort_keys=True))
        # A store may be in the work folder; it changes with each request.
        place = self.lab.node("toolbox").attrs["Config"]["WorkingDir"]
        stores = [PurePosixPath(each) for each in self.folders]
        theirs = [self.lab.work / each.relative_to(place) for each in stores if each.is_relative_to(place)]
        return f"{digest_of(self.lab.work, theirs)} {sorted(made)}"

    def prove_once(self, name: str, test: Callable[[Server], object]) -> None:
        """Run a test of the service, unless the same service passed it before."""
        self.lab.prove_once(name, self.fingerprint, test=lambda: test(self))

    @property
    def environ(self) -> dict[str, str]:
        """The environment of Parcel's program; empty when it does not run."""
        number = number_of(self.parcels()[0])
        said = self.run(f"tr '\\0' '\\n' < /proc/{number}/environ") if number else ""
        return dict(each.partition("=")[::2] for each in said.splitlines())

    # -- its store -----------------------------------------------------------------------------------------

    @functools.cached_property
    def folders(self) -> tuple[str, str]:
        """Where the server itself has Parcel's store and the second copy; empty for one that is on no volume."""
        # A start script may have given the program other folders than the container has.
        return _folders(self.parcels()[0], self.environ)

    def damage(self, *folders: str) -> None:
        """Cut the stores in these folders in half, as a disk that filled up would, and make Parcel crash."""
        self._accept_one()
        for folder in folders:
            text = base64.b64decode(self._whole[folder])
            self._write(folder, base64.b64encode(text[: len(text) // 2] + b"\x00" * 40).decode())
        self.get("/crash")

    def set_back(self, folder: str) -> None:
        """Put the store of a moment ago in a folder, as a backup that was put back would, and make Parcel crash."""
        older = self._read(folder)
        self._accept_one()
        self._write(folder, older)
        self.get("/crash")

    def _accept_one(self) -> None:
        """Send one more parcel, with which Parcel writes both stores again, and keep what is in them."""
        self.accept(f"Station Road {len(self.kept()) + 1}")
        self.before = self.kept()
        self._whole = {each: self._read(each) for each in self.folders}

    def _read(self, folder: str) -> str:
        """Return the store in a folder, in base64."""
        return self.run(f"base64 -w0 {shlex.quote(folder)}/parcels").strip()

    def _write(self, folder: str, content: str) -> None:
        """Write over the store in a folder, which keeps its owner; a new one may be written by anybody."""
        name = shlex.quote(f"{folder}/parcels")
        self.run(f"[ -e {name} ] || install -m 666 /dev/null {name}; echo {content} | base64 -d > {name}")

    def repair(self) -> None:
        """Put whole stores back, if a check has damaged them, and restart Parcel, as a human would."""
        for folder, content in self._whole.items():
            self._write(folder, content)
        self._whole = {}
        for parcel in self.parcels()[:1]:
            if service := parcel.labels.get(SERVICE):
                # A swarm would neither see nor heal a container that something else has started.
                self.run(f"docker service update --force --detach --quiet {shlex.quote(service)}", 30)
            else:
                parcel.restart()

    def started(self) -> float:
        """Return when Parcel was last started on this store, by the server's clock; 0 when nothing says it."""
        return float(self.run(f"tail -n 1 {shlex.quote(self.folders[0])}/starts").strip() or 0)

    def starts(self, since: float) -> int:
        """Return how often Parcel was started on this store since then, twenty times at most."""
        said = self.run(f"tail -n 20 {shlex.quote(self.folders[0])}/starts")
        return sum(float(each) > since for each in said.split())

    def seconds_up(self) -> float:
        """Return how long ago Parcel was started."""
        return self.traffic.now() - (self.started() or self.traffic.now())

    def tries(self, seconds: float) -> int:
        """Watch for a number of seconds how often something tries to start on the store: each try reads it, or its copy."""
        store, copy = map(shlex.quote, self.folders)
        said = self.run(
            f"echo {WATCH} | base64 -d | docker run --rm --interactive --network none --user root "
            f"-v {store}:/store:ro -v {copy}:/copy:ro {IMAGE} python3 - {seconds:g} /store /copy",
            seconds + 20,
        )
        if not said.strip().isdecimal():
            could_not_run("The server could not watch the store. Check again.")
        return int(said)

    # -- requests ------------------------------------------------------------------------------------------

    def get(self, path: str, timeout: float = 2.0) -> Reply:
        """GET from the server, as its users do."""
        return self.prober.get(ADDRESS + path, timeout=timeout)

    def accept(self, to: str) -> Reply:
        """Send a parcel; 201 when it is accepted."""
        return self.prober.post(f"{ADDRESS}/parcels", to.encode(), timeout=2.0)

    def kept(self) -> list[str]:
        """Return the parcels that Parcel shows; none when it does not answer."""
        return _shown(self.get("/parcels"))

    def forgets(self) -> bool:
        """Whether Parcel answers, and lacks parcels that it had before its store was damaged."""
        reply = self.get("/parcels")
        return reply.ok and _shown(reply)[: len(self.before)] != self.before

    def serves(self, seconds: float) -> bool:
        """Wait until the users get an answer, and return whether they do."""
        return wait_until(lambda: self.get("/").ok, seconds, every=0.2)

    def require_up(self) -> None:
        """End the check without a verdict when the service is away before anything was done to it."""
        if not self.serves(15):
            could_not_run("Parcel was away before this check did anything to it. Check again.")

    def healed(self) -> Run:
        """Run the learner's healed.sh."""
        return self.lab.script("healed.sh").run(seconds=HEALED_SECONDS)

    def count(self) -> int | None:
        """Return the number that the learner's healed.sh ends with; None when it does not end with one."""
        return number_in(self.healed())

    def make_events(self, number: int) -> None:
        """Let this many events happen on the server's engine that are about nobody's container, as in a night: an image gets its own name again."""
        address = (
            f"http://localhost/images/drydock/parcel:1.1/tag?repo=drydock/parcel&tag=1.1&event=[1-{number}]"
        )
        self.run(f"curl --silent --request POST --unix-socket /var/run/docker.sock '{address}'", 30)

    # -- faults --------------------------------------------------------------------------------------------

    def freeze(self, seconds: float) -> float:
        """Stop Parcel's program for a while, as on a server that is too busy to run it, let it go on, and return how long that took."""
        number = number_of(self.parcels()[0])
        if not number:
            return 0.0
        # Without a variable of this shell's, a check that is interrupted does not end it before the last word.
        stop = f"kill -STOP {number}; date +%s.%N; sleep {seconds:g}; kill -CONT {number}; date +%s.%N"
        begin, end = map(float, self.run(f"env -i sh -c '{stop}'", seconds + 10).split())
        return end - begin

    def hang(self) -> float | None:
        """Make Parcel hang, and return after how many seconds its program had ended; None when that was not at once."""
        number, begin = number_of(self.parcels()[0]), time.monotonic()
        self.get("/hang", timeout=0.3)

        def is_over() -> bool:
            return bool(self.run(f"[ -e /proc/{number} ] || echo ended"))

        over = bool(number) and wait_until(is_over, AT_ONCE_SECONDS / 2, every=0.1)
        took = time.monotonic() - begin
        return took if over and took <= AT_ONCE_SECONDS else None

    def from_outside(self, since: float) -> str:
        """Return a command that somebody ran on the server since then through the learner's own engine; empty when there is none."""
        return next(iter(commands_run(self.lab.node("server"), since)), "")

    def cut_off(self, seconds: float) -> None:
        """Keep the learner's side from the server for a while, because nobody is there at night; 0 lets it in again.

        It ends by itself, so that a check that was interrupted leaves nothing.
        """
        network = f"{self.lab.course_lab.project}_lab"
        theirs = [self.lab.node("toolbox"), *self.lab.on_network(network)]
        add, remove = (
            "; ".join(f"ip route {verb} blackhole {each.networks[network]}/32" for each in theirs)
            for verb in ("add", "del")
        )
        # An earlier one that still waits for its end would end this one.
        self.run(f"kill $(cat /run/cut-off); rm -f /run/cut-off; {remove}")
        if seconds:
            wait = f"echo $$ > /run/cut-off; sleep {seconds + 5:g}; {remove}"
            self.run(f"{add}; env -i sh -c '{wait}' > /dev/null 2>&1 &")


def number_of(container: Inner) -> int:
    """Return the process id on the server of Parcel's program in a container; 0 if it does not run there."""
    rows = container.inside.run(
        f"docker top {container.id} -o pid,args | while read -r pid args; do "
        'echo "$pid $(readlink "/proc/$pid/cwd") $args"; done'
    )
    for row in rows.splitlines()[1:]:
        number, folder, *words = [*row.split(), ""]
        # The same file also verifies a store, without being Parcel.
        if runs(Process(0, 0, "", folder, tuple(words)), PROGRAM) and "verify" not in words:
            return int(number)
    return 0


def number_in(run: Run) -> int | None:
    """Return the number that is the last line of a script; None if it is none."""
    word = run.last.strip()
    return int(word) if word.isdecimal() else None


def stray_of(lab: Lab) -> Container | None:
    """Return the newest container of Parcel 1.1 that was made on the learner's own engine since this start; None if there is none."""
    ours = lab.on_own_engine("parcel", since=moment(lab.node("toolbox").created))
    return next((each for each in reversed(ours) if is_parcel(each)), None)


def _shown(reply: Reply) -> list[str]:
    said = reply.json()
    return list(said.get("parcels") or ()) if isinstance(said, dict) else []


def is_parcel(container: Container) -> bool:
    """Whether a container has the image of Parcel 1.1, or one that is based on it."""
    labels = [container.labels.get(key) for key in ("io.drydock.image", "org.opencontainers.image.version")]
    return labels == ["parcel", "1.1"]


def _has_port(container: Inner) -> bool:
    config = container.host_config
    return bool(config.get("PortBindings")) or config.get("NetworkMode") == "host"


def _folders(container: Inner, env: dict[str, str] | None = None) -> tuple[str, str]:
    """Return where the server itself has a container's store and the second copy, by its own environment or that of a program in it."""
    store, copy = ((env or container.env).get(key, "") for key in ("PARCEL_DATA", "PARCEL_COPY"))
    return container.mounted_on(store), container.mounted_on(copy)
