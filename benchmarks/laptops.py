"""Laptops for a simulated class: containers with an engine of their own, on a network that leads to the teacher's machine alone."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from checker.engine.api import connect
from checker.engine.client import Client, find_client
from checker.grading.author import wait_until
from checker.images.build import environment
from checker.images.certificates import find_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).resolve().parent / "laptop"
IMAGE = "drydock-laptop"
LABEL = "io.drydock.laptop"
MEMORY = "1g"
"""The most that a laptop may use: its engine takes 100 MB, `lab` 60 MB and lab 01 24 MB; the rest is for loading images."""

START_SECONDS = 120.0
COMMAND_SECONDS = 1800.0


class Laptop:
    """One laptop, by its name.

    Args:
        client: the docker command of the engine that it runs on.
        name: its container's name.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self.name = name

    def run(self, *words: str, folder: str = "/root", codes: Sequence[int] = (0,)) -> str:
        """Run a command on it, and return what it printed.

        Args:
            words: the command.
            folder: where.
            codes: the exit codes that are expected.

        Raises:
            SystemExit: it ended with another one.
        """
        done = docker(self._client, "exec", "--workdir", folder, self.name, *words)
        if done.returncode not in codes:
            raise SystemExit(
                f"{self.name}: `{' '.join(words)[:80]}` ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def lab(self, *words: str, codes: Sequence[int] = (0,)) -> str:
        """Run a `lab` command in the course that was unpacked on it, and return what it printed."""
        return self.run("./lab", *words, folder="/root/drydock-course/drydock", codes=codes)

    def put(self, file: Path) -> None:
        """Copy a file to it, as from a USB stick."""
        _must(self._client, "cp", str(file), f"{self.name}:/root/{file.name}")

    def take(self, folder: str, to: Path) -> None:
        """Copy what a folder on it has, as onto a USB stick."""
        _must(self._client, "cp", f"{self.name}:{folder}/.", str(to))

    def ready(self) -> bool:
        """Return whether its engine answers."""
        return docker(self._client, "exec", self.name, "docker", "version").returncode == 0


@contextlib.contextmanager
def room(count: int) -> Iterator[tuple[str, list[Laptop]]]:
    """Give laptops, and the address at which the teacher's machine is reached from them; remove them afterwards.

    Args:
        count: how many.
    """
    client = find_client(connect().endpoint)
    _build(client)
    name = f"drydock-room-{uuid.uuid4().hex[:8]}"
    # Without a way out: no laptop reaches anything but the others and this machine.
    _must(client, "network", "create", "--internal", "--label", LABEL, name)
    laptops = [Laptop(client, f"{name}-{number}") for number in range(1, count + 1)]
    try:
        words = ["run", "--detach", "--privileged", "--cgroupns", "private", "--memory", MEMORY]
        words += ["--network", name, "--label", LABEL]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda each: _must(client, *words, "--name", each.name, IMAGE), laptops))
        for each in laptops:
            if not wait_until(each.ready, START_SECONDS, every=0.5):
                raise SystemExit(
                    f"{each.name}: its engine does not answer\n{_must(client, 'logs', each.name)}"
                )
        gateway = "{{(index .IPAM.Config 0).Gateway}}"
        yield _must(client, "network", "inspect", "--format", gateway, name).strip(), laptops
    finally:
        docker(client, "rm", "--force", "--volumes", *(each.name for each in laptops))
        docker(client, "network", "rm", name)


def docker(
    client: Client, *words: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a docker command on this machine's engine."""
    return subprocess.run(
        client.command(*words),
        env=environ or client.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=COMMAND_SECONDS,
        check=False,
    )


def _must(client: Client, *words: str, environ: dict[str, str] | None = None) -> str:
    done = docker(client, *words, environ=environ)
    if done.returncode:
        raise SystemExit(f"`docker {' '.join(words[:3])} …` ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def _build(client: Client) -> None:
    with tempfile.TemporaryDirectory(prefix="drydock-laptop-") as folder:
        words = ["build", "--quiet", "--load", "--tag", IMAGE, "--label", LABEL]
        if bundle := find_bundle(Path(folder)):
            words += ["--secret", f"id=ca,src={bundle}"]
        _must(client, *words, os.fspath(HERE), environ=environment(client.environment(), Path(folder)))
