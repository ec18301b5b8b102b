"""The second machine, asked through its own engine."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from checker.grading.author import could_not_run

from .truth import IMAGE

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

NAME = "labels"
"""The name that the task gives to the container there."""

ADDRESS = "http://second:8080"
"""Where the service is to answer on the lab's network."""

COMMAND_SECONDS = 15.0


class Second:
    """The second machine's engine, as it is now.

    Args:
        lab: the lab whose scene has it.
    """

    def __init__(self, lab: Lab) -> None:
        self._machine: Container = lab.node("second")

    def _record(self, path: str) -> dict[str, Any] | None:
        # Asked by curl on the engine's socket: a docker command takes several times as long to start.
        done = self._machine.exec(
            f"curl -sS --unix-socket /var/run/docker.sock -w '\\n%{{http_code}}' http://engine{path}",
            timeout=COMMAND_SECONDS,
        )
        body, _, status = done.stdout.rpartition("\n")
        if status == "404":
            return None
        if status != "200":
            could_not_run(
                f"The second machine's engine does not answer: {(done.stderr or body).strip()[:200]}"
            )
        found: dict[str, Any] = json.loads(body)
        return found

    @property
    def now(self) -> float:
        """What time it is there, in seconds since 1970: it has the clock of the engine that it is a container of."""
        return self._machine.engine.clock.now()

    @cached_property
    def image(self) -> dict[str, Any] | None:
        """Its record of labels:1.0, or None."""
        return self._record(f"/images/{IMAGE}/json")

    @cached_property
    def container(self) -> dict[str, Any] | None:
        """Its record of the container that the task asks for, or None."""
        return self._record(f"/containers/{NAME}/json")

    def _docker(self, command: str) -> str:
        """Return what a docker command prints there."""
        return self._machine.exec(f"docker {command}", timeout=COMMAND_SECONDS).stdout

    def images(self) -> list[str]:
        """Return the names of the images that it has."""
        return sorted(set(self._docker("images --format '{{.Repository}}:{{.Tag}}'").split()))

    def nameless(self) -> list[dict[str, Any]]:
        """Return its records of the images that have no name there."""
        ids = sorted(set(self._docker("images --no-trunc --quiet --filter dangling=true").split()))
        return [record for image in ids if (record := self._record(f"/images/{image}/json"))]

    def containers(self) -> list[tuple[str, str, str]]:
        """Return the name, the image and the status of each container there."""
        lines = self._docker("ps --all --format '{{.Names}}\t{{.Image}}\t{{.Status}}'").splitlines()
        rows = (line.split("\t") for line in lines)
        return [(row[0], row[1], row[2]) for row in rows if len(row) == 3]

    def logs(self) -> str:
        """Return the last lines that the container there wrote."""
        return self._docker(f"logs --tail 3 {NAME} 2>&1").strip()


_SETTINGS = ("Cmd", "Entrypoint", "Env", "Labels", "StopSignal", "User", "Volumes", "WorkingDir")


def fingerprint(image: dict[str, Any]) -> tuple[object, ...]:
    """Return what two copies of one build share and two builds do not: its moment, its layers and its settings.

    A build that changes only a setting, such as the command, may keep the moment and the layers of the one before.

    The id would do where both engines store images in the same way; engines that use containerd's store name an
    image by another digest than those that do not.
    """
    return (_moment(str(image.get("Created"))), tuple(image["RootFS"]["Layers"]), settings_of(image))


def settings_of(image: dict[str, Any]) -> str:
    """Return what an image says of how it is run, in the same words on every engine."""
    config = image.get("Config") or {}
    return json.dumps({name: config[name] for name in _SETTINGS if config.get(name)}, sort_keys=True)


def _moment(text: str) -> str:
    # One engine writes 2026-11-24T03:54:36.5Z, another 2026-11-24T03:54:36.500000000Z or with an offset of zero.
    body = text.removesuffix("Z").removesuffix("+00:00")
    return body.rstrip("0").rstrip(".") if "." in body else body
