"""Lab 08's own judgements: what a release cost, and what a script did with a version that answers wrong."""

from __future__ import annotations

import contextlib
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.shell import Completed
from checker.errors import LabError
from checker.grading.http import Reply
from checker.grading.scripts import Run
from checker.grading.verdicts import CheckFailed, CouldNotRun
from checker.timeline.record import Failure

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


def container(name: str = "parcel-1", *, command: str = "python3 /app/parcel.py", **options: Any) -> Any:
    """Return a container of an image of Parcel that runs a command."""
    processes = options.pop("processes", lambda: [(1, command)])
    words = command.split()
    return SimpleNamespace(
        name=name,
        labels={"io.drydock.image": "parcel"},
        attrs={"Path": words[0], "Args": words[1:]},
        running=options.pop("running", True),
        processes=processes,
        **options,
    )


def ended() -> Any:
    raise LabError("No such container", remedy="")


@pytest.mark.parametrize(
    ("found", "parcel"),
    [
        (container(), True),
        (
            container(
                command="sh -c start", processes=lambda: [(1, "sh -c start"), (7, "python3 parcel.py")]
            ),
            True,
        ),
        (container(command="sleep infinity"), False),
        (container(command="python3 /my/proxy.py"), False),
        (container(command="sleep infinity", running=False), True),
        (container(command="sleep 1", processes=ended), False),
    ],
)
def test_what_runs_tells_a_copy_from_a_helper_of_the_same_image(
    checks: Checks, found: Any, *, parcel: bool
) -> None:
    assert checks("08-zero-downtime", "service").is_parcel(found) == parcel


@pytest.mark.parametrize("body", [b"1", b"null", b"[]", b'"ok"', b"{}", b"ok"])
def test_a_proxy_that_answers_by_itself_is_no_parcel_whatever_it_says(
    checks: Checks, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = checks("08-zero-downtime", "service")
    made = service.Service.__new__(service.Service)
    made.prober = SimpleNamespace(get=lambda _: Reply("http://proxy:8080/", 200, body))
    made.lab = SimpleNamespace(logs=lambda *_, **__: "", on_network=lambda _: [], containers=list)
    monkeypatch.setattr(service, "ARRIVE_SECONDS", 0.0)
    with pytest.raises(CheckFailed, match="no copy of Parcel"):
        made.require_parcel(container("proxy"))


def test_a_script_that_harms_users_after_the_move_fails_although_the_move_harmed_nobody(
    checks: Checks,
) -> None:
    module = checks("08-zero-downtime", "script")
    refused = SimpleNamespace(failure=Failure.REFUSED)
    whole = SimpleNamespace(
        failures=(refused,),
        cut=(),
        refused=(),
        requests=(refused,) * 90,
        downloads=(),
        summary="1 of 90 failed",
    )
    record = SimpleNamespace(latest="2.0", between=lambda *_: whole)
    traffic = SimpleNamespace(now=lambda: 20.0, since=lambda _: record, await_settled=lambda _: record)
    made = module.Script.__new__(module.Script)
    made.service = SimpleNamespace(
        traffic=traffic,
        version=lambda: "2.0",
        require_release=lambda *_: None,
        require_alone=lambda: None,
        require_own_image=lambda: None,
        require_warm_up=lambda: None,
    )
    made.lab = SimpleNamespace(record=lambda *_: None)
    made.run = lambda _: (Run("sh release.sh 2.0", Completed(0, b"", b""), 60.0), 10.0)
    with pytest.raises(CheckFailed, match="away from the moment"):
        made.require_moves("1.0", "2.0")
    whole.failures = ()
    made.require_moves("1.0", "2.0")


@pytest.mark.parametrize(
    ("failure", "why", "excused"),
    [
        (Failure.TIMED_OUT, "the users were late", True),
        (Failure.TIMED_OUT, "", False),
        (Failure.REFUSED, "the users were late", False),
    ],
)
def test_answers_that_came_too_late_on_a_busy_machine_are_not_judged(
    checks: Checks, failure: Failure, why: str, *, excused: bool
) -> None:
    module = checks("08-zero-downtime", "script")
    made = module.Script.__new__(module.Script)
    made.lab = SimpleNamespace(too_busy=lambda *_: why)
    made.service = SimpleNamespace(traffic=SimpleNamespace(everything=lambda: None))
    lost = (SimpleNamespace(failure=failure),)
    seen = SimpleNamespace(
        failures=lost, cut=(), refused=(), requests=lost * 9, downloads=(), begin=1.0, end=2.0
    )
    run = Run("sh release.sh 2.812", Completed(1, b"", b""), 60.0)
    with pytest.raises(CouldNotRun, match="1 of 9 requests") if excused else contextlib.nullcontext():
        made._excuse_busy(run, seen)
