"""Which of an engine's events may change a verdict, on Docker and on Podman."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.errors import EngineError
from checker.grading import changes

if TYPE_CHECKING:
    from collections.abc import Callable


class Events:
    """An engine that tells of so many events, and then is lost."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self._events = events
        self.clock = SimpleNamespace(now=lambda: 0.0)
        self.lost: Callable[[], None] = lambda: None

    def events(self, **_: Any) -> Any:
        """Yield the events."""
        yield from self._events
        self.lost()
        raise EngineError("It ended.")


def event(action: str, container: str = "a", **more: str) -> dict[str, Any]:
    return {"Action": action, "Actor": {"ID": container, "Attributes": {}}, "timeNano": 1, **more}


def told(*events: dict[str, Any]) -> int:
    """Return of how many events a watcher is told until the engine is lost."""
    engine: Any = Events(*events)
    followed = changes.Changes(engine, Path())
    engine.lost = followed.end
    followed._follow_engine()
    # The last one is that the engine went away.
    return followed.queue.qsize() - 1


@pytest.mark.parametrize("action", ["start", "die", "health_status: healthy", "cleanup", "rename"])
def test_what_happens_to_a_container_is_told(action: str) -> None:
    assert told(event(action)) == 1


@pytest.mark.parametrize(
    "action", ["exec_create: sh", "exec_die", "exec", "exec_died", "top", "archive-path"]
)
def test_what_checks_and_health_checks_do_all_the_time_is_not_told(
    monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    assert told(event(action)) == 0


def test_podmans_health_is_told_when_it_changes() -> None:
    def health(status: str, container: str = "a") -> dict[str, Any]:
        return event("health_status", container, HealthStatus=status)

    same = [health("healthy")] * 3
    assert told(*same) == 1
    assert told(*same, health("healthy", "b"), health("unhealthy"), health("healthy")) == 4


def test_what_happens_between_two_connections_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    engine: Any = Events(event("start"))
    followed = changes.Changes(engine, Path())
    asked: list[float] = []

    def events(*, since: float, **_: Any) -> Any:
        asked.append(since)
        if len(asked) == 3:
            followed.end()
        yield from [{**event("start"), "timeNano": 7_000_000_000}] if len(asked) == 1 else []
        raise EngineError("It ended.")

    times = iter([5.0, 50.0, 500.0])
    engine.events, engine.clock = events, SimpleNamespace(now=lambda: next(times))
    monkeypatch.setattr(followed._ended, "wait", lambda _: None)
    followed._follow_engine()
    assert asked == [5.0, pytest.approx(7.0), pytest.approx(7.0)]


def test_a_watcher_that_is_ended_lets_go_of_an_engine_that_tells_nothing(tmp_path: Path) -> None:
    mine, engines = socket.socketpair()
    followed = changes.Changes(Events(), tmp_path)  # type: ignore[arg-type]

    def events(*, opened: Callable[[socket.socket], None], **_: Any) -> Any:
        opened(mine)
        yield from iter(lambda: mine.recv(1), b"")
        raise EngineError("It ended.")

    followed._engine = SimpleNamespace(events=events, clock=SimpleNamespace(now=lambda: 0.0))  # type: ignore[assignment]
    thread = threading.Thread(target=followed._follow_engine, daemon=True)
    with mine, engines:
        thread.start()
        followed.end()
        thread.join(20)
        assert not thread.is_alive()
