"""The second machine, asked through the docker command that is installed on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from checker.grading.author import could_not_run

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

    def _json(self, command: str) -> Any:
        done = self._machine.exec(command, timeout=COMMAND_SECONDS)
        if done.rc and "No such" not in done.stderr:
            could_not_run(f"The second machine's engine does not answer: {done.stderr.strip()[:200]}")
        return [] if done.rc else json.loads(done.stdout)

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return its record of an image, or None."""
        found = self._json(f"docker image inspect {reference}")
        return dict(found[0]) if found else None

    def container(self, name: str = NAME) -> dict[str, Any] | None:
        """Return its record of a container, or None."""
        found = self._json(f"docker container inspect {name}")
        return dict(found[0]) if found else None

    def images(self) -> list[str]:
        """Return the names of the images that it has."""
        done = self._machine.exec(
            "docker images --format '{{.Repository}}:{{.Tag}}'", timeout=COMMAND_SECONDS
        )
        return sorted(set(done.stdout.split()))

    def containers(self) -> str:
        """Return what `docker ps --all` there says, in short."""
        wanted = "docker ps --all --format '{{.Names}} ({{.Image}}): {{.Status}}'"
        return self._machine.exec(wanted, timeout=COMMAND_SECONDS).stdout.strip()

    def logs(self, name: str = NAME, tail: int = 3) -> str:
        """Return the last lines that a container there wrote."""
        done = self._machine.exec(f"docker logs --tail {tail} {name} 2>&1", timeout=COMMAND_SECONDS)
        return done.stdout.strip()


def fingerprint(image: dict[str, Any]) -> tuple[object, ...]:
    """Return what two copies of one build share and two builds do not: its moment and its layers.

    The id would do where both engines store images in the same way; engines that use containerd's store name an
    image by another digest than those that do not.
    """
    return (_moment(str(image.get("Created"))), tuple(image["RootFS"]["Layers"]))


def _moment(text: str) -> str:
    # One engine writes 2026-11-24T03:54:36.5Z, another 2026-11-24T03:54:36.500000000Z or with an offset of zero.
    body = text.removesuffix("Z").removesuffix("+00:00")
    return body.rstrip("0").rstrip(".") if "." in body else body
