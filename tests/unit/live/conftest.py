"""The service on a real port, with an engine that counts what it is asked and answers nothing."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.course.places import Places
from checker.errors import EngineError
from checker.live import serve
from checker.live.codes import make_code
from checker.live.service import Service
from tests.live_service import begin, free_port, session_on
from tests.unit.site.conftest import course, pages  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).resolve().parents[3]
KEY = "the key of the tests"


class Asked:
    """What an engine was asked; every question ends as with an engine that is down."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.endpoint = self

    clock = SimpleNamespace(now=lambda: 0.0)
    host = "unix:///nowhere"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*_: object, **__: object) -> Any:
            self.calls.append(name)
            raise EngineError("The container engine of the tests does not answer.")

        return ask


@dataclass
class Live:
    """A running service."""

    port: int
    service: Service
    engine: Asked
    said: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """What a browser sends as Host."""
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        """What a browser sends as Origin."""
        return f"http://{self.host}"

    @property
    def token(self) -> str:
        """What a page sends."""
        return self.service.token

    def raw(self, request: bytes, seconds: float = 5.0) -> bytes:
        """Send bytes and return everything that comes back until the other side closes, or is silent for a moment."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(request)
            received = b""
            with contextlib.suppress(TimeoutError, ConnectionError):
                while data := connection.recv(65536):
                    received += data
            return received

    def ask(
        self, method: str, path: str, body: object = None, *, headers: Mapping[str, str | None] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask as a page of the service does; a header of None is left out."""
        sent: dict[str, str | None] = {"Host": self.host, "Authorization": f"Bearer {self.token}"}
        data = b""
        if method != "GET":
            data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
            sent |= {
                "Origin": self.origin,
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
            }
        sent |= {"Sec-Fetch-Site": "same-origin", "Connection": "close", **(headers or {})}
        lines = [
            f"{method} {path} HTTP/1.1",
            *(f"{key}: {value}" for key, value in sent.items() if value is not None),
        ]
        answer = self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data)
        head, _, rest = answer.partition(b"\r\n\r\n")
        first, *others = head.decode("latin-1").split("\r\n")
        found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in others)}
        return int(first.split()[1]), found, rest

    def code(self) -> str:
        """Return a new code."""
        return make_code(KEY)


@pytest.fixture
def live(tmp_path: Path, pages: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:  # noqa: F811
    """The service on the course's own labs, with a folder of small pages."""
    monkeypatch.setenv("DRYDOCK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DRYDOCK_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("DRYDOCK_COURSE", str(ROOT))
    engine = Asked()
    # As the theme does, the page for what is missing has the script that every page has.
    (pages / "404.html").write_text("<html><script>var inline = 1</script>Lost</html>")

    service = Service(Places(ROOT, ROOT), "run-of-the-tests", KEY, session_on(engine))
    listening = serve.listen(free_port())
    port = int(listening.getsockname()[1])
    stop = begin(service, pages, listening)
    yield Live(port, service, engine)
    stop()
    service.end()
