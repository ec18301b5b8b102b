"""Whether a machine was too busy, from when the users' requests were sent and from what the lab itself uses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.grading import busy
from checker.timeline.model import Timeline, make
from checker.timeline.pace import delayed
from checker.timeline.record import Connection, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 100


def sent(late: range, *, by: float = 0.15, every: int = 20) -> Iterator[float]:
    """Yield when requests were sent: twenty a second, and in some seconds one in so many later."""
    for number in range(SECONDS * 20):
        is_late = number // 20 in late and number % every < by * 20
        if not is_late:
            yield number / 20


def record(late: range, **how: Any) -> Timeline:
    requests = [Request(at, 5.0, 200, None, "1.0", "a", Connection.FRESH) for at in sent(late, **how)]
    return make(requests, now=float(SECONDS))


def told(late: range, own: float = 0.1, **how: Any) -> str:
    """Return what is said of a rollout at 70 s, on a machine of which the lab's containers use a share."""
    looks = iter([(0, 1e9), (own * 1e9, 2e9)])

    def stats(path: str, **_: Any) -> dict[str, Any]:
        assert path == "/containers/c/stats"
        used, of_all = next(looks)
        return {"cpu_stats": {"cpu_usage": {"total_usage": used}, "system_cpu_usage": of_all}}

    engine: Any = SimpleNamespace(get=stats)
    return busy.too_busy(engine, SimpleNamespace(), record(late, **how), 70.0, 75.0)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def one_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab with one container, at which is looked without waiting."""
    monkeypatch.setattr(busy, "owned_containers", lambda *_: [{"Id": "c", "State": "running"}])
    monkeypatch.setattr(busy, "pause", lambda _: None)


def test_a_sender_that_was_late_again_and_again_tells_of_a_busy_machine() -> None:
    assert "12% of the minute before it" in told(range(SECONDS))


def test_a_quiet_machine_excuses_nothing() -> None:
    assert told(range(0)) == ""


def test_a_machine_that_was_busy_only_in_the_rollout_excuses_nothing() -> None:
    assert told(range(65, SECONDS)) == ""


def test_a_machine_that_was_busy_only_before_the_rollout_excuses_nothing() -> None:
    assert told(range(50)) == ""


def test_a_lab_that_keeps_the_machine_busy_itself_is_not_excused() -> None:
    assert told(range(SECONDS), own=0.9) == ""


def test_a_container_that_ends_meanwhile_makes_no_busy_lab_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [{"Id": each, "State": "running"} for each in "ab"]
    monkeypatch.setattr(busy, "owned_containers", lambda *_: there)
    looks = iter([(5e9, 1e12), (0.0, 1e12), (0.0, 0.0), (0.9e9, 1e12 + 1e9)])
    monkeypatch.setattr(busy, "_used", lambda *_: next(looks))
    assert busy._own_share(SimpleNamespace(), SimpleNamespace()) == pytest.approx(0.9)  # type: ignore[arg-type]


def test_one_long_pause_is_no_busy_machine() -> None:
    gone = [each for each in record(range(0)).requests if not 30 < each.at < 45]
    assert delayed(make(gone, now=float(SECONDS)), 10.0, 70.0) < busy.DELAYED


def test_a_short_record_tells_nothing() -> None:
    late = record(range(SECONDS)).between(60.0, 75.0)
    assert delayed(late, 10.0, 70.0) == 0.0
