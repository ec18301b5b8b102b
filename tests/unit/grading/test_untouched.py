"""What is known of a container's files without comparing them all with its image's again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.errors import EngineError
from checker.grading.untouched import EVENTS, Untouched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ID = "c" * 64
COMPARED = 1000.0
PROBE = ["CMD", "python3", "health.py"]


def event(action: str, at: float, *, container: str = ID, execution: str = "theirs") -> dict[str, Any]:
    return {
        "Action": action,
        "timeNano": int(at * 1e9),
        "Actor": {"ID": container, "Attributes": {"execID": execution}},
    }


START = event("start", COMPARED - 500)


class Engine:
    """An engine with the events and the commands under way that a test gives it."""

    def __init__(self) -> None:
        self.execs: set[str] = set()
        self.happened = [START, event("pause", COMPARED)]
        self.under_way: list[str] | None = None
        self.asked: list[float] = []
        self.clock = SimpleNamespace(now=lambda: COMPARED)

    def inspect(self, name: str) -> dict[str, Any]:
        """Return the container's record, of which one entry is asked for."""
        assert name == ID
        return {"ExecIDs": self.under_way}

    def events(self, *, since: float, until: float | None = None) -> Iterator[dict[str, Any]]:
        """Yield what happened."""
        assert until == COMPARED
        self.asked.append(since)
        yield from (each for each in self.happened if each["timeNano"] >= since * 1e9)


def image(**config: Any) -> dict[str, Any]:
    return {"Config": {"Cmd": ["serve"], "Entrypoint": None, "Healthcheck": {"Test": PROBE}, **config}}


def container(started: str = "2026-01-01T00:00:00Z", **config: Any) -> Any:
    return SimpleNamespace(
        id=ID, attrs={"State": {"StartedAt": started}, "Config": image(**config)["Config"]}
    )


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def untouched(engine: Engine) -> Untouched:
    """Give one that has compared a container and found nothing."""
    made = Untouched(engine)  # type: ignore[arg-type]
    assert made.compare(container(), list) == []
    made.begin()
    return made


def test_a_container_is_untouched_while_nothing_happened_to_it(untouched: Untouched) -> None:
    assert untouched.holds(container(), image())


def test_a_container_that_was_never_compared_is_not_known(engine: Engine) -> None:
    assert not Untouched(engine).holds(container(), image())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "action", ["exec_create: sh", "exec_start: sh", "extract-to-dir", "attach", "something-new"]
)
def test_what_may_change_files_ends_it(engine: Engine, untouched: Untouched, action: str) -> None:
    engine.happened.append(event(action, COMPARED + 1))
    assert not untouched.holds(container(), image())


@pytest.mark.parametrize(
    "happened",
    [
        event("pause", COMPARED + 1),
        event("health_status: healthy", COMPARED + 1),
        event("archive-path", COMPARED + 1),
        event("exec_create: python3 health.py", COMPARED + 1),
        event("exec_create: sh", COMPARED + 1, execution="ours"),
        event("exec_create: sh", COMPARED + 1, container="d" * 64),
        event("exec_create: sh", COMPARED - 60),
    ],
    ids=["paused", "health", "read", "the image's probe", "the checker's own", "another's", "before"],
)
def test_what_changes_no_file_of_it_does_not(
    engine: Engine, untouched: Untouched, happened: dict[str, Any]
) -> None:
    engine.execs.add("ours")
    engine.happened.append(happened)
    assert untouched.holds(container(), image())


def test_a_probe_of_the_learners_own_is_not_the_images(engine: Engine) -> None:
    theirs: dict[str, Any] = {"Healthcheck": {"Test": ["CMD-SHELL", "echo x >> /app/serve.py"]}}
    untouched = Untouched(engine)  # type: ignore[arg-type]
    untouched.compare(container(**theirs), list)
    assert not untouched.holds(container(**theirs), image())


@pytest.mark.parametrize("own", [{"Cmd": ["sh", "-c", "sleep 9; rm /app/x"]}, {"Entrypoint": ["sh"]}])
def test_a_container_with_a_command_of_its_own_is_always_compared(
    engine: Engine, own: dict[str, Any]
) -> None:
    untouched = Untouched(engine)  # type: ignore[arg-type]
    untouched.compare(container(**own), list)
    assert not untouched.holds(container(**own), image())


def test_a_container_that_was_started_again_is_compared_again(untouched: Untouched) -> None:
    assert not untouched.holds(container(started="2026-01-02T00:00:00Z"), image())


def test_events_that_reach_less_far_back_than_the_comparison_prove_nothing(
    engine: Engine, untouched: Untouched
) -> None:
    engine.happened = [event("pause", COMPARED + 1)]
    untouched.begin()
    assert not untouched.holds(container(), image())
    engine.happened = []
    untouched.begin()
    assert not untouched.holds(container(), image())


def test_an_engine_that_keeps_more_events_than_docker_is_not_read_to_the_end(
    engine: Engine, untouched: Untouched
) -> None:
    def endless() -> Iterator[dict[str, Any]]:
        for number in range(EVENTS + 2):
            assert number <= EVENTS
            yield event("pause", COMPARED)

    engine.happened = endless()  # type: ignore[assignment]
    assert not untouched.holds(container(), image())


def test_an_engine_that_tells_no_events_leaves_it_to_the_comparison(
    engine: Engine, untouched: Untouched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> Iterator[dict[str, Any]]:
        raise EngineError("none")

    monkeypatch.setattr(engine, "events", refuse)
    assert not untouched.holds(container(), image())


def test_a_command_that_was_under_way_may_still_change_something(engine: Engine) -> None:
    engine.under_way = ["theirs"]
    untouched = Untouched(engine)  # type: ignore[arg-type]
    untouched.compare(container(), list)
    assert not untouched.holds(container(), image())


def test_the_checkers_own_open_shell_may_be_under_way(engine: Engine) -> None:
    engine.under_way = ["ours"]
    engine.execs.add("ours")
    untouched = Untouched(engine)  # type: ignore[arg-type]
    untouched.compare(container(), list)
    assert untouched.holds(container(), image())


def test_what_was_found_is_told_and_not_remembered_as_nothing(engine: Engine, untouched: Untouched) -> None:
    assert untouched.compare(container(), lambda: ["C /app/serve.py"]) == ["C /app/serve.py"]
    assert not untouched.holds(container(), image())


def test_what_happened_is_asked_once_a_verdict(engine: Engine, untouched: Untouched) -> None:
    assert untouched.holds(container(), image())
    engine.happened.append(event("exec_create: sh", COMPARED + 1))
    untouched.begin()
    assert not untouched.holds(container(), image())


def test_each_verdict_reads_the_events_since_the_one_before(engine: Engine, untouched: Untouched) -> None:
    for number in range(1, 5):
        engine.happened.append(event("top", COMPARED + 10 * number))
        untouched.begin()
        assert untouched.holds(container(), image())
    assert [round(since - COMPARED) for since in engine.asked] == [-1000, 0, 0, 10, 20]
    # What was said of the comparison is forgotten by now; the engine keeps a few of its events only.
    del engine.happened[:4]
    untouched.begin()
    assert untouched.holds(container(), image())


def test_an_event_that_appears_late_is_seen_by_the_next_verdict(engine: Engine, untouched: Untouched) -> None:
    engine.happened.append(event("top", COMPARED + 10))
    assert untouched.holds(container(), image())
    engine.happened.append(event("exec_start: sh", COMPARED + 9.9))
    untouched.begin()
    assert not untouched.holds(container(), image())


def test_of_two_comparisons_at_one_moment_the_one_that_found_something_counts(
    tmp_path: Path,
) -> None:
    mine, theirs = (Untouched(Engine(), tmp_path) for _ in range(2))  # type: ignore[arg-type]
    mine.compare(container(), list)
    theirs.compare(container(), lambda: ["C /app/serve.py"])
    theirs.keep()
    assert not mine.holds(container(), image())


def test_the_next_command_knows_it_too(engine: Engine, tmp_path: Path) -> None:
    first = Untouched(engine, tmp_path / "kept")  # type: ignore[arg-type]
    first.compare(container(), list)
    engine.execs.add("a shell of the first command's")
    first.keep()

    second = Engine()
    second.happened.append(event("exec_start: sh", COMPARED + 1, execution="a shell of the first command's"))
    assert Untouched(second, tmp_path / "kept").holds(container(), image())  # type: ignore[arg-type]

    first.compare(container(), lambda: ["C /app/serve.py"])
    first.keep()
    assert not Untouched(second, tmp_path / "kept").holds(container(), image())  # type: ignore[arg-type]


def test_what_another_command_compared_since_holds_here_too(engine: Engine, tmp_path: Path) -> None:
    one, other = Engine(), Engine()
    for each in (one, other):
        each.happened = engine.happened
    mine = Untouched(one, tmp_path)  # type: ignore[arg-type]
    mine.compare(container(), list)
    mine.keep()
    # Somebody ran a command; the other command of the course compared again, with its own shell open in there.
    engine.happened.append(event("exec_start: sh", COMPARED + 5))
    mine.begin()
    assert not mine.holds(container(), image())
    other.execs.add("of the other")
    theirs = Untouched(other, tmp_path)  # type: ignore[arg-type]
    theirs.compare(container(), list)
    theirs.keep()
    engine.happened.append(event("exec_start: sh", COMPARED + 61, execution="of the other"))
    mine.begin()
    assert mine.holds(container(), image())


def test_a_shell_that_another_command_has_open_does_not_keep_it_from_being_remembered(
    engine: Engine, tmp_path: Path
) -> None:
    watching = Engine()
    watching.execs.add("watching")
    first = Untouched(watching, tmp_path)  # type: ignore[arg-type]
    first.compare(container(), list)
    first.keep()

    engine.under_way = ["watching"]
    second = Untouched(engine, tmp_path)  # type: ignore[arg-type]
    second.compare(container(), list)
    assert second.holds(container(), image())


def test_a_broken_file_is_as_good_as_none(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / ID).write_text("{")
    assert not Untouched(engine, tmp_path).holds(container(), image())  # type: ignore[arg-type]
