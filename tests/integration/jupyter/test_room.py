"""`docker compose up notebooks`: JupyterLab in a container, closed but for its token, and its cells reach the engine."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import websocket

from checker.course.places import Places
from checker.engine.client import Client, find_client
from checker.engine.endpoint import find_endpoint
from tests.unit.jupyter.conftest import cell, notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
PROJECT = "drydock-test-notebooks"
TOKEN = "of-the-room"  # noqa: S105 - of the tests
USER, GROUP = 12345, 12346
pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Room:
    """The running service."""

    course: Path
    port: int
    record: dict[str, Any]
    """The engine's record of its container."""
    log: str

    def ask(self, method: str, path: str, body: object = None, token: str = TOKEN) -> tuple[int, Any]:
        """Ask JupyterLab's server."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"Authorization": f"token {token}"} if token else {}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()


def compose(client: Client, course: Path, *words: str, **environment: str) -> str:
    done = subprocess.run(
        client.command("compose", "--project-name", PROJECT, *words),
        cwd=course,
        env={**os.environ, **client.environment(), "PWD": str(course), **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def reachable(engine: Path, folder: Path) -> Path:
    """Return a name of the engine's socket that others than root come to: /root is closed, in the container too."""
    if not engine.is_relative_to("/root"):
        return engine
    other = folder / "engine.sock"
    other.hardlink_to(engine)
    return other


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Make the image as `lab images build notebooks` does, and serve a course of the tests' own on a free port."""
    from checker.images.supply import ensure

    endpoint = find_endpoint()
    client = find_client(endpoint, state=Places(ROOT, ROOT).state)
    ensure(("notebooks",), lambda _line: None)
    course = tmp_path_factory.mktemp("room") / "course"
    (course / "labs").mkdir(parents=True)
    (course / "notebooks").mkdir()
    for name in ("mkdocs.yml", "docker-compose.yml"):
        shutil.copy(ROOT / name, course)
    shutil.copytree(ROOT / "checker", course / "checker", ignore=shutil.ignore_patterns("__pycache__"))
    (course / "notebooks" / "00-a.ipynb").write_text(notebook(cell("markdown", "# A", id="a")))
    if os.geteuid() == 0:
        for path in (course, *course.rglob("*")):
            os.chown(path, USER, GROUP)
        for parent in list(course.parents)[:3]:
            parent.chmod(0o755)  # pytest's folders are for root alone
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chosen = {
        "DRYDOCK_NOTEBOOKS_PORT": str(port),
        "DRYDOCK_NOTEBOOKS_TOKEN": TOKEN,
        "DRYDOCK_NOTEBOOKS_SOCKET": str(
            reachable(Path(endpoint.host.removeprefix("unix://")), course.parent)
        ),
    }
    try:
        compose(client, course, "up", "--detach", "--wait", "notebooks", **chosen)
        container = compose(client, course, "ps", "--quiet", "notebooks", **chosen).strip()
        inspected = subprocess.run(
            client.command("inspect", container),
            env={**os.environ, **client.environment()},
            capture_output=True,
            timeout=60,
            check=True,
        ).stdout
        log = compose(client, course, "logs", "notebooks", **chosen)
        yield Room(course, port, json.loads(inspected)[0], log)
    finally:
        compose(client, course, "down", "--timeout", "10", "--volumes", **chosen)


def run_cell(room: Room, code: str) -> str:
    """Run code in a kernel of the room, as the page does, and return what it printed."""
    status, kernel = room.ask("POST", "/api/kernels", {"name": "python3", "path": "notebooks/00-a.ipynb"})
    assert status == 201
    channel = websocket.create_connection(
        f"ws://127.0.0.1:{room.port}/api/kernels/{kernel['id']}/channels",
        header={"Authorization": f"token {TOKEN}"},
        timeout=120,
    )
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "",
        "session": "s",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    channel.send(json.dumps(message))
    printed = ""
    try:
        while True:
            told = json.loads(channel.recv())
            if told["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            kind = told["header"]["msg_type"]
            assert kind != "error", told["content"]
            if kind == "stream":
                printed += told["content"]["text"]
            if kind == "status" and told["content"]["execution_state"] == "idle":
                return printed
    finally:
        channel.close()
        room.ask("DELETE", f"/api/kernels/{kernel['id']}")


def test_it_answers_to_the_token_alone_and_prints_the_address(room: Room) -> None:
    assert room.record["State"]["Health"]["Status"] == "healthy"
    assert room.ask("GET", "/api/contents/notebooks", token="")[0] == 403
    assert room.ask("GET", "/api/contents/notebooks", token="wrong")[0] == 403  # noqa: S106 - of the tests
    status, folder = room.ask("GET", "/api/contents/notebooks")
    assert status == 200
    assert [each["name"] for each in folder["content"]] == ["00-a.ipynb"]
    assert f"http://127.0.0.1:{room.port}/lab/tree/notebooks?token={TOKEN}" in room.log


def test_a_cell_drives_the_engine_and_judges_with_the_courses_own_code(room: Room) -> None:
    said = run_cell(
        room,
        "import docker, os; from checker.course.places import find; from checker.engine.api import connect\n"
        "print(docker.from_env().ping(), connect().get('/version')['ApiVersion'] > '1.40')\n"
        "print(find().root, os.getuid(), os.environ.get('DRYDOCK_NOTEBOOKS_TOKEN'))",
    )
    user = USER if os.geteuid() == 0 else os.geteuid()
    assert said.splitlines() == ["True True", f"{room.course} {user} None"]


def test_what_it_may_do_is_no_more_than_its_page_says(room: Room) -> None:
    config = room.record["HostConfig"]
    assert config["ReadonlyRootfs"]
    assert config["CapDrop"] == ["ALL"]
    assert sorted(name.removeprefix("CAP_") for name in config["CapAdd"]) == ["SETGID", "SETUID"]
    assert not config["Privileged"]
    assert config["Memory"] == 2 << 30
    assert len(room.record["Mounts"]) == 2
    said = run_cell(
        room, "print([l.split()[1] for l in open('/proc/self/status') if l.startswith('CapEff')])"
    )
    if os.geteuid() == 0:
        assert said.strip() == "['0000000000000000']"


def test_what_it_writes_belongs_to_who_owns_the_course(room: Room) -> None:
    copy = room.course / "work" / "notebooks" / "00-a.ipynb"
    assert copy.stat().st_uid == room.course.stat().st_uid
    assert copy.stat().st_gid == room.course.stat().st_gid
