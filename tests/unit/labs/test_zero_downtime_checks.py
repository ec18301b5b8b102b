"""Lab 08's own judgements: what a release cost, and what a script did with a version that answers wrong."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Checks = Callable[[str, str], ModuleType]

BEGUN = 1_796_000_000.0
"""When the lab was started, in seconds since 1970."""


def test_what_the_engine_did_in_a_release_is_read_before_it_forgets_it(checks: Checks) -> None:
    remembered = [
        {"Action": action, "timeNano": int((BEGUN + at) * 1e9), "Actor": {"ID": "blue", "Attributes": {}}}
        for at, action in ((90, "kill"), (92, "die"))
    ]
    engine = SimpleNamespace(events=lambda **_: remembered)
    toolbox = SimpleNamespace(created="2026-11-29T23:33:20Z")
    lab: Any = SimpleNamespace(engine=engine, number="08", node=lambda _: toolbox)
    service = checks("08-zero-downtime", "service").Service(lab, None, None)
    engine.events = lambda **_: []
    assert service.begun < BEGUN + 90
    assert [each.action for each in service.log.between(BEGUN, BEGUN + 99)] == ["kill", "die"]


class Copy:
    """A container, with the log that it keeps until it is removed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[str] = []
        self.gone = False

    def logs(self, tail: int) -> str:
        """Return its last lines, unless it was removed."""
        if self.gone:
            raise LabError("No such container", remedy="")
        return "\n".join(self.lines[-tail:])


def asked_through(proxy: Callable[[str], None]) -> Any:
    """Return a prober whose requests go to a proxy."""
    return SimpleNamespace(get=lambda url, **_: proxy(url))


def test_a_user_whose_answer_came_from_another_copy_is_found_in_the_log_of_the_copy_that_was_asked_first(
    checks: Checks,
) -> None:
    bad, asked = Copy("green"), threading.Event()

    def proxy(url: str) -> None:
        bad.lines.append(f'{{"path": "{url.removeprefix("http://proxy:8080")}", "status": 500}}')
        asked.set()

    visitor = checks("08-zero-downtime", "visitor").Visitor(
        asked_through(proxy), "http://proxy:8080/", lambda: [bad]
    )
    with visitor.asking():
        assert asked.wait(10)
    assert visitor.reached == "green"
    assert '"status": 500' in visitor.line


def test_a_copy_that_got_requests_of_others_only_was_not_reached(checks: Checks) -> None:
    candidate, asked = Copy("candidate"), threading.Event()
    candidate.lines = ['{"path": "/", "status": 500}', '{"path": "/?user=1", "status": 500}']
    visitor = checks("08-zero-downtime", "visitor").Visitor(
        asked_through(lambda _: asked.set()), "http://proxy:8080/", lambda: [candidate]
    )
    with visitor.asking():
        assert asked.wait(10)
    assert not visitor.reached


def test_a_copy_that_is_removed_while_its_log_is_read_does_not_end_the_asking(checks: Checks) -> None:
    gone, green, asked = Copy("blue"), Copy("green"), threading.Semaphore(0)
    gone.gone = True
    looks = iter(([gone], [green]))

    def proxy(url: str) -> None:
        green.lines.append(url)
        asked.release()

    visitor = checks("08-zero-downtime", "visitor").Visitor(
        asked_through(proxy), "http://proxy:8080/", lambda: next(looks)
    )
    with visitor.asking():
        assert asked.acquire(timeout=10)
        assert asked.acquire(timeout=10)
    assert visitor.reached == "green"
