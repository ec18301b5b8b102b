"""Lab 08's own judgements: what a release cost, and what a script did with a version that answers wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

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
