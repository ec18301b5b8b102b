"""The library of lab 13's services over the loopback: ids, faults, time-outs and the gateway."""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = Path(__file__).parents[3] / "images" / "services"
SECONDS = 10.0

ECHO = """
from service import Store, fetch, serve

store = Store("CREATE TABLE IF NOT EXISTS seen (word TEXT)")

def take(request):
    with store.together():
        store.run("INSERT INTO seen VALUES (?)", request.body["word"])
    return 201, {}

def show(request):
    return 200, {"seen": [word for (word,) in store.run("SELECT word FROM seen")], "query": request.query}

def ask(request):
    try:
        return 200, {"told": fetch("GET", request.query["url"], timeout=0.2)[0]}
    except OSError as error:
        return 200, {"told": str(error)}

serve({"POST /words": take, "GET /words": show, "GET /words/*": show, "GET /ask": ask})
"""


class Running:
    """A service that listens on a port of its own choosing."""

    def __init__(self, program: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *program],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(FOLDER), "SERVICE_PORT": "0", **environment},
        )
        self.port = int(self.next_line()["port"])

    def next_line(self) -> dict[str, Any]:
        """Read one line of its log."""
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], SECONDS)[0], "no line in time"
        line: dict[str, Any] = json.loads(self.process.stdout.readline())
        return line

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """Make one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
        connection.close()
        return answer.status, told


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def begin(*program: str, **environment: str) -> Running:
        one = Running(list(program) or ["-c", ECHO], {"SERVICE_DATA": str(tmp_path), **environment})
        running.append(one)
        return one

    yield begin
    for one in running:
        one.process.kill()
        one.process.wait(SECONDS)


def test_a_request_keeps_the_id_that_it_came_with_and_gets_one_otherwise(
    start: Callable[..., Running],
) -> None:
    service = start(SERVICE="echo", VERSION="1.1")
    status, told = service.ask("GET", "/words/7?a=b", **{"X-Request-Id": "mine"})
    assert (status, told["service"], told["version"], told["request"]) == (200, "echo", "1.1", "mine")
    assert told["query"] == {"a": "b"}
    line = service.next_line()
    assert (line["id"], line["path"], line["status"]) == ("mine", "/words/7?a=b", 200)
    assert service.ask("GET", "/words")[1]["request"]


def test_what_was_stored_is_there_after_a_kill(start: Callable[..., Running]) -> None:
    service = start()
    assert service.ask("POST", "/words", {"word": "kept"})[0] == 201
    service.process.kill()
    assert start().ask("GET", "/words")[1]["seen"] == ["kept"]


def test_a_fault_slows_or_fails_requests_counts_them_and_spares_the_health(
    start: Callable[..., Running],
) -> None:
    service = start()
    service.ask("POST", "/fault", {"mode": "wrong"})
    assert service.ask("POST", "/words", {"word": "lost"})[0] == 500
    assert service.ask("GET", "/healthz")[0] == 200
    assert service.ask("GET", "/fault")[1]["requests"] == 1
    service.ask("POST", "/fault", {"mode": "slow", "seconds": 0.3, "id": "this"})
    began = time.monotonic()
    assert service.ask("POST", "/words", {"word": "late"}, **{"X-Request-Id": "this"})[0] == 201
    assert time.monotonic() - began >= 0.3
    service.ask("POST", "/fault", {"mode": "none"})
    assert service.ask("GET", "/words")[1]["seen"] == ["late"]


def test_a_service_gives_up_on_another_in_time(start: Callable[..., Running]) -> None:
    service, slow = start(), start()
    slow.ask("POST", "/fault", {"mode": "slow", "seconds": 5})
    told = service.ask("GET", f"/ask?url=http://127.0.0.1:{slow.port}/words")[1]["told"]
    assert told == "no answer from 127.0.0.1 within 0.2 s"


def test_what_a_program_runs_into_is_an_error_for_its_caller_and_a_line_in_the_log(
    start: Callable[..., Running],
) -> None:
    service = start()
    assert service.ask("POST", "/words", {})[1]["error"] == "KeyError"
    assert service.next_line()["event"] == "failed"
    assert service.ask("GET", "/nowhere")[0] == 404


def test_the_gateway_wants_its_key_and_sends_a_reference_once(start: Callable[..., Running]) -> None:
    gateway = start(str(FOLDER / "gateway.py"), GATEWAY_KEY="k")
    assert gateway.ask("POST", "/messages", {"to": "Ada"})[0] == 403
    for _ in range(2):
        assert gateway.ask("POST", "/messages?key=k", {"to": "Ada"})[0] == 200
        assert (
            gateway.ask("POST", "/messages", {"to": "Grace", "reference": "1"}, **{"X-Gateway-Key": "k"})[0]
            == 200
        )
    assert gateway.ask("GET", "/messages")[1]["messages"] == {"Ada": 2, "Grace": 1}
