"""A lab of the tests' own on the engine: its scene, and `lab` as a process beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from checker.engine.client import find_client
from checker.scene.scene import Scene
from checker.scene.work import folder_of
from tests.conftest import ROOT, TOOLS, Course
from tests.integration.second_engine import daemon  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.engine.client import Client

SERVICE = """
      pull_policy: never
      labels:
        io.drydock.lab: "${DRYDOCK_LAB}"
        io.drydock.role: %s
      stop_grace_period: 1s
"""

TOOLBOX = """toolbox
        io.drydock.holder: "${DRYDOCK_HOLDER}"
        io.drydock.proof: "${DRYDOCK_PROOF}\""""

COMPOSE = (
    """
networks:
  lab:
    labels:
      io.drydock.lab: "${DRYDOCK_LAB}"
volumes:
  data:
    labels:
      io.drydock.lab: "${DRYDOCK_LAB}"
services:
    toolbox:
      image: TOOLS
      working_dir: ${DRYDOCK_WORK_INSIDE}
      environment:
        DRYDOCK_LAB: "${DRYDOCK_LAB}"
      volumes:
        - type: bind
          source: ${DRYDOCK_WORK}
          target: ${DRYDOCK_WORK_INSIDE}
        - type: bind
          source: ${DRYDOCK_SOCKET}
          target: /var/run/docker.sock
        - data:/data
      networks: [lab]
"""
    + SERVICE % TOOLBOX
).replace("TOOLS", TOOLS)

PROBER = (
    """
    prober:
      image: TOOLS
      networks: [lab]
"""
    + SERVICE % "prober"
).replace("TOOLS", TOOLS)

NEVER_READY = (
    """
    stuck:
      image: TOOLS
      command: ["sh", "-c", "echo the disk is missing; echo giving up >&2; sleep 1000"]
      healthcheck: {test: "false", interval: 1s, retries: 1, start_period: 0s}
"""
    + SERVICE % "node"
).replace("TOOLS", TOOLS)


NAMED = "drydock-test-{}-named"
"""The container that the fake lab's task asks for."""


@pytest.fixture(scope="session")
def client(_connected: Engine) -> Client:
    """Give the docker command for the engine."""
    return find_client(_connected.endpoint)


@pytest.fixture
def make_scene(engine: Engine, client: Client, course: Course) -> Callable[[Lab], Scene]:
    """Give a function that makes a lab's scene, on the fake course's folders."""

    def make(lab: Lab) -> Scene:
        return Scene(lab, course.places, engine, client, folder_of(course.places, lab))

    return make


@pytest.fixture
def scene(make_scene: Callable[[Lab], Scene], course: Course) -> Iterator[Scene]:
    """Give the fake lab's scene, not started: a toolbox, a prober, a volume, a file to start from."""
    made = make_scene(
        course.lab(
            toml=f'containers = ["{NAMED.format(course.number)}"]\n',
            files={"compose.yaml": COMPOSE + PROBER, "start/notes.txt": "given\n"},
        )
    )
    yield made
    made.stop()


def spawn(course: Course, *words: str, **environment: str) -> subprocess.Popen[str]:
    """Start `lab` as a process of its own, in the fake course."""
    return subprocess.Popen(
        [sys.executable, "-m", "checker", *words],
        cwd=ROOT,
        env={**os.environ, **course.environment(), "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


@pytest.fixture
def lab(course: Course, engine: Engine) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that runs `lab` to its end."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = spawn(course, *words, **environment)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return run
