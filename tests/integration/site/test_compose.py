"""`docker compose up docs`: the pages as a container, closed, and answering."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.course.places import Places
from checker.engine.client import Client, find_client
from checker.engine.endpoint import find_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
PROJECT = "drydock-test-docs"
pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Served:
    """The running service."""

    client: Client
    port: int
    record: dict[str, Any]
    """The engine's record of its container."""


def docker(client: Client, *words: str, **environment: str) -> str:
    done = subprocess.run(
        client.command(*words),
        cwd=ROOT,
        env={**os.environ, **client.environment(), **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Make the image as `lab images build docs` does, and start the service as README says, on a free port."""
    from checker.images.supply import ensure

    client = find_client(find_endpoint(), state=Places(ROOT, ROOT).state)
    ensure(("docs",), lambda _line: None)
    compose = ("compose", "--project-name", PROJECT)
    try:
        docker(client, *compose, "up", "--detach", "--wait", "docs", DRYDOCK_PAGES="127.0.0.1:0")
        container = docker(client, *compose, "ps", "--quiet", "docs").strip()
        record = json.loads(docker(client, "inspect", container))[0]
        port = int(record["NetworkSettings"]["Ports"]["8000/tcp"][0]["HostPort"])
        yield Served(client, port, record)
    finally:
        docker(client, *compose, "down", "--timeout", "3", "--volumes")


def get(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_the_pages_answer(served: Served) -> None:
    status, body = get(served.port, "/")
    assert status == 200
    assert b"Build it, break it, and learn why" in body
    for lesson in (ROOT / "docs/lessons").glob("[0-9]*.md"):
        assert get(served.port, f"/lessons/{lesson.stem}/")[0] == 200
    assert get(served.port, "/search/search_index.json")[0] == 200
    assert get(served.port, "/nowhere/")[0] == 404
    assert get(served.port, "/", "POST")[0] == 501


def test_it_is_healthy_and_published_on_this_machine_alone(served: Served) -> None:
    assert served.record["State"]["Health"]["Status"] == "healthy"
    assert [at["HostIp"] for at in served.record["NetworkSettings"]["Ports"]["8000/tcp"]] == ["127.0.0.1"]


def test_it_has_no_rights_to_speak_of(served: Served) -> None:
    config = served.record["HostConfig"]
    assert served.record["Config"]["User"] not in {"", "root", "0"}
    assert config["ReadonlyRootfs"]
    assert config["CapDrop"] == ["ALL"]
    assert not config["Privileged"]
    assert not served.record["Mounts"]


def test_nothing_of_the_building_machine_is_left_in_the_image(served: Served) -> None:
    command = (
        "ls -A /run/secrets /build 2>/dev/null; find / -xdev -name ca.pem 2>/dev/null; command -v pip; true"
    )
    image = served.record["Image"]
    assert docker(served.client, "run", "--rm", "--network", "none", image, "sh", "-c", command).split() == []


def test_it_ends_at_once_when_told(served: Served) -> None:
    name = served.record["Id"]
    docker(served.client, "stop", "--time", "10", name)
    state = json.loads(docker(served.client, "inspect", name))[0]["State"]
    # Killed after ten seconds it would say 137.
    assert state["ExitCode"] in {0, 143}


def test_compose_alone_builds_the_image_too(served: Served, tmp_path: Path) -> None:
    tag = "drydock-test/docs:compose"
    override = tmp_path / "other-tag.yml"
    override.write_text(f"services: {{ docs: {{ image: '{tag}' }} }}\n")
    # Where the published base cannot be pulled, the one that the course made stands in, as the page about it says.
    made = docker(served.client, "images", "--quiet", "drydock/base:trixie").strip()
    environment = {"DRYDOCK_BASE": "drydock/base:trixie"} if made else {}
    files = ("--file", str(ROOT / "docker-compose.yml"), "--file", str(override))
    try:
        docker(served.client, "compose", *files, "build", "docs", **environment)
        label = docker(
            served.client, "inspect", "--format", '{{index .Config.Labels "io.drydock.image"}}', tag
        )
        assert label.strip() == "docs"
    finally:
        subprocess.run(
            served.client.command("image", "rm", tag),
            env={**os.environ, **served.client.environment()},
            capture_output=True,
            timeout=60,
            check=False,
        )
