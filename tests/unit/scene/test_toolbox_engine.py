"""Whether the toolbox of a lab reaches the engine that `lab` asks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from checker.engine.endpoint import Endpoint
from checker.errors import LabError
from checker.scene import toolbox

LAB: Any = SimpleNamespace(number="01")


def require(monkeypatch: pytest.MonkeyPatch, host: str, said: str, code: int = 0) -> None:
    """Ask for the engine of a toolbox in which `docker inspect` says this."""

    class Shell:
        def __init__(self, *_: Any) -> None:
            """Open nothing."""

        def __enter__(self) -> Any:
            return SimpleNamespace(run=lambda *_: SimpleNamespace(stdout=f"{said}\n", rc=code))

        def __exit__(self, *_: object) -> None:
            """Close nothing."""

    monkeypatch.setattr(toolbox, "Shell", Shell)
    monkeypatch.setattr(toolbox, "toolbox_of", lambda *_: "c1")
    engine: Any = SimpleNamespace(endpoint=Endpoint(host, "DOCKER_HOST"))
    toolbox.require_same_engine(engine, LAB)


def test_the_same_engine_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    require(monkeypatch, "tcp://127.0.0.1:2375", "WARNING: no swap\nc1")


def test_a_socket_is_mounted_itself_and_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    require(monkeypatch, "unix:///run/engine.sock", "No such object: c1", 1)


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("Error: No such object: c1", 1, "another engine answers"),
        ("Cannot connect to the Docker daemon", 1, "none answers"),
    ],
)
def test_another_engine_is_refused(monkeypatch: pytest.MonkeyPatch, said: str, code: int, words: str) -> None:
    with pytest.raises(LabError, match=words) as refused:
        require(monkeypatch, "ssh://ada@far", said, code)
    assert "DOCKER_HOST" in refused.value.remedy
