"""What became of a container: removed by hand, tied to a terminal, ended by itself, or dying again and again."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from checker.grading import history
from checker.grading.author import wait_until
from checker.grading.history import (
    Event,
    EventLog,
    Removal,
    endings,
    keeps_dying,
    killed_by_kernel,
    lives,
    past_events,
)


def told(*steps: str) -> list[Event]:
    """Events a tenth of a second apart: `kill 9` has a signal, `die 1` a code, `+5` lets seconds pass."""
    found, at = [], 1000.0
    for step in steps:
        word, _, number = step.partition(" ")
        if word.startswith("+"):
            at += float(word)
            continue
        found.append(
            Event(
                at, word, "c1", number if word == "kill" else "", int(number or 0) if word == "die" else None
            )
        )
        at += 0.1
    return found


@pytest.mark.parametrize(
    "steps",
    [
        ("create", "start", "kill 9", "die 137", "destroy"),  # docker rm --force
        ("create", "start", "kill 15", "die 0", "stop", "destroy"),  # docker stop, with --rm or docker rm
        ("create", "start", "die 1", "+60", "destroy"),  # docker rm, a minute after it had ended
        ("create", "destroy"),
    ],
)
def test_what_somebody_removed_is_told_as_removed(steps: tuple[str, ...]) -> None:
    assert Removal(told(*steps)).by_hand


@pytest.mark.parametrize(
    "steps",
    [
        ("create", "attach", "start", "kill 2", "die 130", "destroy"),  # Ctrl-C, with --rm
        ("create", "attach", "start", "kill 15", "die 0", "destroy"),  # the client was ended, with --rm
    ],
)
def test_what_ended_with_its_terminal_is_told_as_tied(steps: tuple[str, ...]) -> None:
    removal = Removal(told(*steps))
    assert removal.tied
    assert not removal.by_hand


def test_what_ended_by_itself_is_neither() -> None:
    removal = Removal(told("create", "start", "+3", "die 1", "destroy"))
    assert removal.known
    assert not removal.tied
    assert not removal.by_hand


def test_one_that_was_left_by_its_keys_is_not_tied() -> None:
    assert not Removal(told("create", "attach", "start", "detach", "die 0")).tied


def test_a_name_of_which_nothing_is_known_was_not_removed() -> None:
    assert not Removal([]).known
    assert not Removal(told("create", "start")).known


NOW = 1_800_000_000.0
"""What time it is by the engine's clock, whatever ours says."""


def container(*, restarts: int, since: float, status: str = "running") -> Any:
    started = dt.datetime.fromtimestamp(NOW - since, dt.UTC)
    engine = SimpleNamespace(clock=SimpleNamespace(now=lambda: NOW))
    return SimpleNamespace(restarts=restarts, status=status, started_at=started.isoformat(), engine=engine)


def test_how_long_ago_something_was_is_told_by_the_engines_clock() -> None:
    assert history.age(dt.datetime.fromtimestamp(NOW - 40, dt.UTC).isoformat(), NOW) == 40
    assert history.ago(NOW - 40, NOW) == "40 s ago"


def test_one_that_was_restarted_a_moment_ago_counts_as_dying_though_it_runs() -> None:
    assert keeps_dying(container(restarts=1, since=3), told("start", "+6", "die 124"))


def test_one_that_is_between_two_starts_counts_as_dying() -> None:
    assert keeps_dying(container(restarts=0, since=0, status="restarting"), [])


def test_one_that_dies_every_minute_counts_as_dying_at_half_a_minute() -> None:
    assert keeps_dying(container(restarts=4, since=40), told("start", "+60", "die 0"))


def test_one_that_has_run_for_longer_than_ever_before_is_up() -> None:
    assert not keeps_dying(container(restarts=1, since=40), told("start", "+6", "die 1"))
    assert not keeps_dying(container(restarts=2, since=3600), told("start", "+60", "die 1"))


def test_one_that_was_never_restarted_is_up_from_its_first_moment() -> None:
    assert not keeps_dying(container(restarts=0, since=0.1), [])


@pytest.mark.parametrize(
    ("steps", "facts", "blamed"),
    [
        (("start", "+6", "die 137"), {"oom": True}, True),
        (
            ("start", "+6", "die 137", "start"),
            {"memory": 10 << 20},
            True,
        ),  # OOMKilled is that of the present run
        (("start", "kill 9", "die 137"), {"oom": True}, False),
        (("start", "kill 15", "+10", "kill 9", "die 137"), {"memory": 10 << 20}, False),
        (("start", "+6", "die 1"), {"memory": 10 << 20}, False),
        (("start", "+6", "die 137"), {}, False),
        ((), {"oom": True, "code": 137}, True),  # the engine has forgotten what happened
        ((), {"memory": 10 << 20, "code": 137}, False),
        ((), {"oom": True}, False),
    ],
)
def test_the_kernel_is_blamed_only_for_an_end_that_nobody_else_caused(
    steps: tuple[str, ...], facts: dict[str, Any], blamed: bool
) -> None:
    made: Any = SimpleNamespace(
        exit_code=facts.get("code", 0),
        oom_killed=facts.get("oom", False),
        host_config={"Memory": facts.get("memory", 0)},
    )
    assert killed_by_kernel(made, told(*steps)) is blamed


def test_lives_are_counted_from_start_to_death() -> None:
    found = lives(told("create", "start", "+6", "die 124", "start", "+2", "die 1", "start"))
    assert [(round(life.seconds, 1), life.exit_code) for life in found] == [(6.1, 124), (2.1, 1)]


@pytest.mark.parametrize(
    ("steps", "told_at", "killed_at", "forced_at"),
    [
        (("start", "kill 15", "+1", "die 0"), 1000.1, None, None),
        (("start", "kill 15", "+2", "kill 9", "die 137"), 1000.1, 1002.2, 1002.2),
        (("start", "kill SIGKILL", "die 137"), None, 1000.1, 1000.1),
        (("start", "kill 15", "+2", "die 137", "kill 9"), 1000.1, None, 1002.2),  # recorded after the end
        (("start", "die 1"), None, None, None),
        # A signal that it survived in an earlier life did not end this one.
        (("start", "kill 15", "start", "die 1"), None, None, None),
    ],
)
def test_an_end_is_told_with_the_signals_that_led_to_it(
    steps: tuple[str, ...], told_at: float | None, killed_at: float | None, forced_at: float | None
) -> None:
    (end,) = endings(told(*steps))
    assert end.told == pytest.approx(told_at)
    assert end.killed == pytest.approx(killed_at)
    assert end.forced == pytest.approx(forced_at)


def test_events_of_all_containers_have_their_name_image_and_version() -> None:
    label = "org.opencontainers.image.version"
    record = {
        "Action": "start",
        "timeNano": 5_000_000_000,
        "Actor": {"ID": "c1", "Attributes": {"name": "blue", "image": "parcel:1.0", label: "1.0"}},
    }
    asked: list[Any] = []

    def events(**query: Any) -> list[dict[str, Any]]:
        asked.append(query)
        return [record]

    engine: Any = SimpleNamespace(events=events)
    assert past_events(engine, since=1.0, until=9.0, actions=["start"]) == [
        Event(5.0, "start", "c1", name="blue", image="parcel:1.0", version="1.0")
    ]
    assert asked[0]["filters"] == {"type": ["container"], "event": ["start"]}
    assert asked[0]["until"] == 9.0


def forgetful(*looks: list[str]) -> Any:
    """Return an engine that remembers these actions at each look, one a second; the last look's from then on."""
    engine = SimpleNamespace(looks=0)

    def events(**_: Any) -> list[dict[str, Any]]:
        seen = enumerate(looks[min(engine.looks, len(looks) - 1)])
        engine.looks += 1
        return [{"Action": each, "timeNano": at * 10**9, "Actor": {"ID": "c1"}} for at, each in seen if each]

    engine.events = events
    return engine


def test_a_log_of_events_keeps_what_the_engine_has_forgotten() -> None:
    log = EventLog(forgetful(["start", "kill"], ["", "kill", "die"]), since=0.0, lab="08")
    assert [each.action for each in log.between(0, 9)] == ["start", "kill", "die"]
    assert [each.action for each in log.between(1, 1)] == ["kill"]


def test_a_log_that_watches_sees_what_is_forgotten_before_the_block_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "LOOK_SECONDS", 0.01)
    engine = forgetful([], ["start"], [])
    log = EventLog(engine, since=0.0, lab="08")
    with log.watching():
        assert wait_until(lambda: engine.looks > 2, 10)
    assert [each.action for each in log.between(0, 9)] == ["start"]


def test_commands_that_somebody_ran_in_a_container_are_told_without_the_checkers_own() -> None:
    actions = ["node-healthy", "/bin/sh ", "/bin/sh -c kill DRYDOCK_SHELL=x", "sh -c docker ps"]
    records = [{"Action": f"exec_create: {each}", "timeNano": 1, "Actor": {"ID": "c"}} for each in actions]
    there: Any = SimpleNamespace(
        id="c",
        attrs={"Config": {"Healthcheck": {"Test": ["CMD", "node-healthy"]}}},
        engine=SimpleNamespace(events=lambda **_: records),
    )
    assert history.commands_run(there, 0.0) == ["sh -c docker ps"]
