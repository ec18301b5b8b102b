"""A machine with another engine: a container on this machine's engine, with the course and its images in it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.engine.api import keeps_both
from checker.grading.author import wait_until
from checker.images.build import environment
from checker.images.certificates import find_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checker.engine.client import Client
    from tests.engines.kinds import Kind

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

LABEL = "io.drydock.machine"
"""What containers and images of these tests carry, and nothing else."""

MEMORY = "5g"
"""The most that a machine may use: its engine, and the largest lab with its nodes (lab 12 takes 4 GB)."""

SILENCE_SECONDS = 900.0
"""How long one case may say nothing: cases tell each stage, and a cluster's slowest takes five minutes on two cores."""

CASE_SECONDS = 2700.0
"""The most that one case may take in all."""

START_SECONDS = 300.0
"""The most that an engine may take to answer for the first time."""

BUILD_SECONDS = 5400.0
"""The most that a machine's image may take: Engine 29 is compiled, which takes two cores ten minutes."""


class MachineError(Exception):
    """A machine could not be made, or a command on it gave no answer."""


class Machine:
    """One engine in a container of its own.

    Args:
        kind: which engine.
        client: the docker command of the engine that the container runs on.
    """

    def __init__(self, kind: Kind, client: Client) -> None:
        self.kind = kind
        self.name = f"drydock-machine-{kind.name}-{uuid.uuid4().hex[:8]}"
        self._client = client
        self.alive = False
        self.made: dict[str, list[str]] = {}
        """What there was of it on the engine when it was stopped, by kind."""

    @property
    def image(self) -> str:
        """The image of the machine; one for every kind on the same stage."""
        return f"drydock-machine:{self.kind.target}"

    # -- life ----------------------------------------------------------------------------------------------

    def build(self, base: str) -> None:
        """Build the machine's image.

        Raises:
            MachineError: it failed; carries the last lines of the build.
        """
        with tempfile.TemporaryDirectory(prefix="drydock-machine-") as folder:
            context = Path(folder, "context")
            shutil.copytree(HERE / "machine", context)
            shutil.copy(ROOT / "requirements" / "run.txt", context)
            words = ["build", "--progress=plain", "--load", "--target", self.kind.target, "--tag", self.image]
            words += ["--label", f"{LABEL}={self.kind.target}", "--build-arg", f"BASE={base}"]
            if bundle := find_bundle(Path(folder)):
                words += ["--secret", f"id=ca,src={bundle}"]
            environ = environment(self._client.environment(), Path(folder))
            done = self._docker(*words, str(context), seconds=BUILD_SECONDS, environ=environ)
        if done.returncode:
            raise MachineError(f"{self.image} could not be built:\n{_last(done.stderr)}")

    def start(self) -> None:
        """Start the machine, and wait for its engine for as long as its container runs.

        Raises:
            MachineError: its engine did not come up; carries its last words.
        """
        words = [
            "run",
            "--detach",
            "--name",
            self.name,
            "--label",
            f"{LABEL}={self.kind.name}",
            "--privileged",
        ]
        words += ["--cgroupns", "private", "--memory", MEMORY, "--stop-timeout", "20", self.image]
        self._must(*words, self.kind.command, *self.kind.words)
        self.alive = True
        if wait_until(self._settled, START_SECONDS, every=0.25) and self._state() == HEALTHY:
            return
        logs = self._docker("logs", "--tail", "20", self.name)
        raise MachineError(f"{self.kind.title} is {self._state()}:\n{logs.stdout}{logs.stderr}")

    def _state(self) -> str:
        return self._must("inspect", "--format", _STATE, self.name).strip()

    def _settled(self) -> bool:
        state = self._state()
        return state == HEALTHY or "unhealthy" in state or not state.startswith("running")

    def give_course(self) -> None:
        """Copy the checkout into the machine: what git knows of it, and what it would take in."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        with tempfile.TemporaryFile() as archive:
            with tarfile.open(fileobj=archive, mode="w") as tar:
                for name in sorted(os.fsdecode(listed).split("\0")):
                    if name and (ROOT / name).is_file():
                        tar.add(ROOT / name, name)
            archive.seek(0)
            done = subprocess.run(
                self._client.command("cp", "-", f"{self.name}:/course"),
                stdin=archive,
                capture_output=True,
                text=True,
                env=self._client.environment(),
                timeout=300,
                check=False,
            )
        if done.returncode:
            raise MachineError(f"the course could not be copied into the machine: {done.stderr}")
        self._must("exec", self.name, "chown", "--recursive", self.kind.user, "/course")

    def give_images(self, bundle: Path) -> str:
        """Load a bundle of the course's images; return what the command said."""
        self._must("cp", str(bundle), f"{self.name}:/course/images.tar")
        said = self.lab("images", "load", "images.tar")
        self._must("exec", self.name, "rm", "/course/images.tar")
        return said

    def stop(self) -> None:
        """Remove the machine with everything that its engine made."""
        self.made = {"container": [self.name], "volume": self._volumes()}
        self._docker("rm", "--force", "--volumes", self.name)
        self.alive = False

    def _volumes(self) -> list[str]:
        mounts = self._docker("inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", self.name)
        return mounts.stdout.split()

    def remaining(self) -> list[str]:
        """Return what is still there of a machine that was stopped."""
        return [
            f"{kind} {name}"
            for kind, names in self.made.items()
            for name in names
            if not self._docker(kind, "inspect", name).returncode
        ]

    def remove_image(self) -> bool:
        """Remove the image; return whether it is still there. The engine's build cache keeps the steps of its build."""
        self._docker("image", "rm", "--force", self.image)
        return not self._docker("image", "inspect", self.image).returncode

    # -- what is asked of it -------------------------------------------------------------------------------

    def lab(self, *words: str) -> str:
        """Run a `lab` command on the machine and return everything that it said.

        Raises:
            MachineError: it said nothing for too long, or took too long; the machine is removed then.
        """
        command = self._client.command(
            "exec",
            "--user",
            self.kind.user,
            "--env",
            f"USER={self.kind.user}",
            "--workdir",
            "/course",
            self.name,
            "python",
            "-m",
            "checker",
            *words,
        )
        return "\n".join(self._lines(command))

    def case(self, lab: str, name: str) -> dict[str, Any]:
        """Take one case of a lab through `lab verify`, and return its record; of one never begun, what was said.

        Args:
            lab: the lab's number.
            name: the case, as `lab verify` names it.
        """
        said = self.lab("verify", str(int(lab)), "--only", name, "--json", "--yes")
        records = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        found = [record for record in records if record.get("answer") == name]
        return found[0] if found else {"as_expected": False, "problem": _last(said)}

    def facts(self) -> dict[str, str]:
        """Return what the page tells of the machine: no name and no path."""
        version = json.loads(self._ask("version", "--format", "{{json .}}"))
        info = json.loads(self._ask("info", "--format", "{{json .}}"))
        server, own = version["Server"], version["Client"]
        compose = self._ask("compose", "version", "--short").strip()
        buildx = re.search(r"\d+\.\d+\.\d+", self._ask("buildx", "version"))
        kernel = re.match(r"\d+\.\d+", str(info.get("KernelVersion", "")))
        return {
            "version": f"{server['Version']}, API {server['ApiVersion']}",
            "store": _store(info),
            "client": f"docker {own['Version']}, Compose {compose}, buildx {buildx[0] if buildx else 'none'}",
            "machine": f"{info.get('NCPU')} cores, {int(info.get('MemTotal') or 0) / 1e9:.0f} GB of which "
            f"{MEMORY.removesuffix('g')} GB at most for it and its labs, cgroup v{info.get('CgroupVersion') or 1}, "
            f"{info.get('Architecture')}, Linux {kernel[0] if kernel else ''}",
        }

    def left(self) -> list[str]:
        """Return what labs left on the machine's engine."""
        found = []
        for kind in ("container", "network", "volume"):
            words = [kind, "ls", "--quiet", "--filter", "label=io.drydock.lab"]
            said = self._ask(*words, *(["--all"] if kind == "container" else []))
            found += [f"{kind} {each}" for each in said.split()]
        return found

    def _ask(self, *words: str) -> str:
        return self._must("exec", self.name, "docker", *words)

    # -- the engine that it runs on ------------------------------------------------------------------------

    def _must(self, *words: str) -> str:
        done = self._docker(*words)
        if done.returncode:
            raise MachineError(f"docker {' '.join(words[:3])} …: {_last(done.stderr)}")
        return done.stdout

    def _docker(
        self, *words: str, seconds: float = 600, environ: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._client.command(*words),
            env=environ or self._client.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )

    def _lines(self, command: Sequence[str]) -> Iterator[str]:
        """Yield what a command says, line by line, for as long as it goes on saying something."""
        process = subprocess.Popen(
            command,
            env=self._client.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        until = time.monotonic() + CASE_SECONDS
        pending = b""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                while True:
                    wait = min(SILENCE_SECONDS, until - time.monotonic())
                    if wait <= 0 or not selector.select(wait):
                        self.stop()
                        raise MachineError(f"no word for {SILENCE_SECONDS:.0f} s, or no end: {pending!r}")
                    chunk = os.read(process.stdout.fileno(), 65536)
                    if not chunk:
                        break
                    *lines, pending = (pending + chunk).split(b"\n")
                    yield from (line.decode(errors="replace") for line in lines)
            if pending:
                yield pending.decode(errors="replace")
        finally:
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()
            process.stdout.close()


HEALTHY = "running healthy"
_STATE = "{{.State.Status}} {{.State.Health.Status}}"


def save(images: Iterable[str], file: Path) -> None:
    """Write images of this machine's engine into a bundle.

    Raises:
        MachineError: one is not there, or the disk is full.
    """
    done = subprocess.run(
        [sys.executable, "-m", "checker", "images", "save", str(file), *images],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    if done.returncode:
        raise MachineError(f"the images could not be saved: {done.stdout}{done.stderr}")


def _store(info: dict[str, Any]) -> str:
    if keeps_both(info):
        return "containerd's store"
    driver = info.get("Driver")
    return f"{'the classic' if driver == 'overlay2' else 'its own'} store ({driver})"


def _last(text: str, count: int = 6) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-count:]) or "nothing was said"
