"""Lab 13: what is counted and said of a failing service, what a page shows, and whose id is in which log."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.grading.verdicts import CheckFailed
from tests.unit.labs.conftest import module

if TYPE_CHECKING:
    from pathlib import Path

apart, notices, reading, services, traces = (
    module("13", name) for name in ("apart", "notices", "reading", "services", "traces")
)
PAGES_A_SECOND = 25
PAGES = 62


class Users:
    """Services whose front sends tracking so many requests for each page while it works; its clock moves when one watches."""

    def __init__(self, requests_a_page: int = 1) -> None:
        self.each = requests_a_page
        self.clock = 0.0
        self.traffic = SimpleNamespace(now=lambda: self.clock, between=self._between)

    @staticmethod
    def _between(begin: float, end: float) -> Any:
        return SimpleNamespace(requests=[None] * round((end - begin) * PAGES_A_SECOND))

    def watch(self, since: float, seconds: float) -> None:
        """Let time pass."""
        self.clock = since + seconds

    def met(self, _: str) -> int:
        """Return how many requests tracking has got."""
        return round(self.clock * PAGES_A_SECOND * self.each)

    def record(self, *_: object) -> None:
        """Store nothing."""

    def require_calm(self, *said: Any) -> None:
        """Judge as the lab does."""
        services.Services.require_calm(self, *said)


@pytest.mark.parametrize("requests", [PAGES, 4 * PAGES])
def test_up_to_four_requests_a_page_are_few(requests: int) -> None:
    reading._require_few(Users(), requests, PAGES, "wrong")


@pytest.mark.parametrize(
    ("fault", "told"), [("wrong", r"answered with errors \(500\)"), ("slow", "answered after 5 s")]
)
def test_a_front_that_repeats_its_requests_makes_a_storm(fault: str, told: str) -> None:
    with pytest.raises(CheckFailed, match=f"`tracking` {told}, and got 620 requests .* a retry storm"):
        reading._require_few(Users(), 10 * PAGES, PAGES, fault)


def test_a_front_that_always_sends_many_requests_is_told_so() -> None:
    """It does not retry, so its learner would look for a retry that is not there."""
    with pytest.raises(CheckFailed, match="also while tracking works"):
        reading._require_few(Users(requests_a_page=5), 10 * PAGES, PAGES, "wrong")


@pytest.mark.parametrize(
    ("met", "moved", "why"),
    [
        (3, "", "has sent it 3 requests"),
        (0, "", "stops asking"),
        (0, "its address was .2 and is .3 now", "An address goes with its container"),
    ],
)
def test_why_the_front_does_without_a_service_that_is_back(met: int, moved: str, why: str) -> None:
    assert why in reading._why_away(SimpleNamespace(met=lambda _: met), moved)[0]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing change while a check waits."""
    for each in (apart, notices, reading, services, traces):
        monkeypatch.setattr(each, "wait_until", lambda condition, *_, **__: bool(condition()))


def page(content: object) -> Any:
    return SimpleNamespace(fields=content)


def test_the_places_on_a_front_page_are_those_of_its_parcels() -> None:
    shown = [{"parcel": 1, "place": "Depot"}, {"parcel": 2, "to": "Ada"}]
    assert services.places_on(page({"latest": shown})) == {1: "Depot", 2: None}


@pytest.mark.parametrize("content", [{}, {"latest": None}, {"latest": ["1", {"place": "x"}, {"parcel": []}]}])
def test_a_page_of_another_form_shows_no_parcels(content: dict[str, Any]) -> None:
    assert services.places_on(page(content)) == {}


class Faulty:
    """A prober of a service that has a fault, and answers another request in some way."""

    def __init__(self, mode: object, status: int = 200, ms: float = 5.0) -> None:
        self.mode, self.reply = mode, SimpleNamespace(status=status, ms=ms)

    def get(self, url: str, **_: Any) -> Any:
        """Answer."""
        return page({"mode": self.mode, "requests": 0}) if url.endswith("/fault") else self.reply


def repaired(prober: Faulty) -> None:
    services.Services.require_repaired(SimpleNamespace(prober=prober), "tracking")


@pytest.mark.parametrize(
    "prober", [Faulty("wrong", status=500), Faulty("slow", ms=400.0), Faulty("slow", status=0, ms=2000.0)]
)
def test_a_fault_that_is_still_felt_is_named(prober: Faulty) -> None:
    with pytest.raises(CheckFailed, match="still has the fault"):
        repaired(prober)


@pytest.mark.parametrize("prober", [Faulty("none", status=500), Faulty("slow"), Faulty(None, status=0)])
def test_no_fault_and_one_for_a_single_request_explain_nothing(prober: Faulty) -> None:
    """The lesson leaves a fault behind that only one request id meets."""
    repaired(prober)


class Stores:
    """What runs a front whose volume changes, or does not, when a parcel is accepted."""

    def __init__(self, *contents: str | None) -> None:
        self.contents = list(contents)
        self.status = apart.CREATED
        self.on = self

    def stored(self, _: object) -> str | None:
        """Return what is there now."""
        return self.contents[0]

    def accept(self, _: str) -> SimpleNamespace:
        """Go on to what is there afterwards."""
        self.contents.pop(0)
        return SimpleNamespace(status=self.status)


def test_a_volume_that_a_parcel_does_not_change_is_not_where_parcels_are() -> None:
    with pytest.raises(CheckFailed, match="nothing on its volume changed"):
        apart.require_changed(Stores("one", "one"), SimpleNamespace(inspected=""))


def test_a_front_that_accepts_nothing_is_not_said_to_store_it_elsewhere() -> None:
    stores = Stores("one", "one")
    stores.status = 500
    apart.require_changed(stores, SimpleNamespace(inspected=""))


@pytest.mark.parametrize("contents", [("one", "two"), (None,)])
def test_a_volume_that_changes_or_cannot_be_read_is_right(contents: tuple[str | None, ...]) -> None:
    apart.require_changed(Stores(*contents), SimpleNamespace(inspected=""))


class Trail:
    """Services whose tracking logs a request for each front page, under the page's id or under another."""

    def __init__(self, number: str | None, times: int = 1) -> None:
        self.number, self.times = number, times
        self.said = [json.dumps({"ms": 3, "method": "GET", "id": "before"})]
        self.prober = self
        self.on = SimpleNamespace(shows_logs=str)

    def get(self, _: str, headers: dict[str, str]) -> None:
        """Answer a front page."""
        if self.number is not None:
            number = self.number or headers["X-Request-Id"]
            self.said += [json.dumps({"ms": 3, "id": number})] * self.times

    def log(self, name: str) -> str:
        """Return tracking's log; the front has answered one page, with an id that it made itself."""
        return "\n".join(self.said) if name == "tracking" else "own-7"

    def lines(self, _: str, number: str) -> list[str]:
        """Return the lines with an id."""
        return [each for each in self.said if number in each]


def test_a_front_page_whose_id_does_not_reach_tracking_is_named() -> None:
    with pytest.raises(CheckFailed, match="tracking got its requests with other ids"):
        traces.require_front_page_in_logs(Trail("0f3a", traces.MANY))


def test_a_front_may_ask_tracking_now_and_then_for_itself() -> None:
    traces.require_front_page_in_logs(Trail("0f3a", 4))


@pytest.mark.parametrize("number", ["", None, "page-listen", "own-7"])
def test_a_front_page_sends_its_id_on_or_asks_nobody(number: str | None) -> None:
    """Who knows the places from a moment ago asks tracking under an id of its own."""
    traces.require_front_page_in_logs(Trail(number))


def test_the_slow_request_is_found_below_notes_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow.toml").write_text('# customer-1a was quick\n[slow]\nid = "customer-2b"\n')
    lab = SimpleNamespace(work=tmp_path, recall=lambda *_: None)
    monkeypatch.setattr(traces, "_took", lambda _, name, number: float(len(name + number)))
    assert traces.Found(SimpleNamespace(lab=lab))._took.keys() == {"customer-1a", "customer-2b"}


@pytest.mark.parametrize(
    ("told", "took"), [(612, 612.0), (612.5, 612.5), ("612", 612.0), ("612 ms", 612.0), ("soon", -1.0)]
)
def test_how_long_a_request_took_is_read_from_any_line_with_its_id_and_a_number(
    told: object, took: float
) -> None:
    lines = [
        {"id": "customer-2b", "note": "kept"},
        {"id": "customer-2b", "ms": told},
        {"id": "x", "ms": 9000},
    ]
    log = "\n".join(["started", *map(json.dumps, lines)])
    copies = [SimpleNamespace(names={"tracking"})]
    there = SimpleNamespace(copies=copies, log=lambda *_: log)
    assert traces._took(there, "tracking", "customer-2b") == took


def test_a_front_page_that_never_says_that_tracking_is_back_is_named() -> None:
    said = {"tracking": "as heard last"}
    reply = SimpleNamespace(fields=said, summary="HTTP 200")
    there = SimpleNamespace(prober=SimpleNamespace(get=lambda _: reply), why=lambda *_: "")
    with pytest.raises(CheckFailed, match="says so, and the front page does not"):
        reading.require_page_back(there)
    said["tracking"] = "ok"
    reading.require_page_back(there)


def messages(**sent: int) -> Any:
    """Return services that accepted Ada's parcel while everything worked and Bob's just now, and what was sent."""
    return SimpleNamespace(
        accepted=services.Counter({"Ada": 1, "Bob": 1}),
        accepted_while={"Ada": notices.WORKED},
        sent=lambda: sent,
        log=lambda *_: "",
        require_repaired=lambda *_: None,
        errors=lambda *_: [],
        traffic=SimpleNamespace(now=lambda: 0.0),
    )


def test_a_second_message_about_a_parcel_from_before_is_found_later() -> None:
    notices.require_sent_once(messages(Ada=1, Bob=1, Eve=2), ["Bob"], "the gateway was slow")
    with pytest.raises(
        CheckFailed, match=r"accepted while everything worked\. A service that gets no answer"
    ):
        notices.require_sent_once(messages(Ada=2, Bob=1), ["Bob"], "the gateway was slow")
    with pytest.raises(CheckFailed, match="accepted while the gateway was slow"):
        notices.require_sent_once(messages(Ada=1, Bob=2), ["Bob"], "the gateway was slow")


def answering(**reply: Any) -> Any:
    """Return a prober to which every service answers so, and services that ask with it."""
    there = services.Services.__new__(services.Services)
    answer = SimpleNamespace(summary="HTTP 200", **reply)
    there.prober = SimpleNamespace(get=lambda *_, **__: answer, post=lambda *_, **__: answer)
    return there


def test_a_tracking_that_is_not_as_slow_as_it_was_told_is_named_and_not_the_front() -> None:
    with pytest.raises(CheckFailed, match="`tracking` does not take the fault"):
        answering(ok=True, ms=5.0).require_slow("tracking")
    answering(ok=False, ms=2000.0).require_slow("tracking")
    answering(ok=True, ms=1400.0).require_slow("tracking")


@pytest.mark.parametrize("number", ["P-17", None, {}])
def test_a_parcel_without_a_number_is_the_front_s_fault_and_not_the_check_s(number: object) -> None:
    there = answering(status=201, fields={"parcel": number})
    there.require_repaired = lambda *_: None
    there.why = lambda *_: ""
    there.on = SimpleNamespace(shows_logs=str)
    with pytest.raises(CheckFailed, match="The front accepts no parcel"):
        there._track()


def test_a_good_answer_counts_even_if_the_next_one_is_late() -> None:
    answers = [{"tracking": "ok", "place": "Depot"}, {}]
    there = services.Services.__new__(services.Services)
    there.parcel = lambda _: answers.pop(0)
    assert there.await_parcel(1, 10.0) == {"tracking": "ok", "place": "Depot"}
    there.parcel = lambda _: {"tracking": "unavailable"}
    assert there.await_parcel(1, 10.0) == {"tracking": "unavailable"}


def test_messages_that_were_seen_count_even_if_the_next_answer_of_the_gateway_is_lost() -> None:
    answers: list[dict[str, int]] = [{"Bob": 1}, {}]
    there = messages()
    there.sent = lambda: answers.pop(0)
    notices.require_sent(there, ["Bob"], "the gateway was slow")
    answers[:] = [{"Bob": 2}, {"Bob": 2}, {}]
    with pytest.raises(CheckFailed, match="More than one message"):
        notices.require_sent_once(there, ["Bob"], "the gateway was slow")


def test_a_service_that_was_stopped_is_started_where_a_time_limit_does_not_reach() -> None:
    """The time limit of a check is raised in the main thread."""
    there = answering(ok=True)
    there.lab = SimpleNamespace(disturb=lambda _: None)
    there.get_one = str
    there.on = SimpleNamespace(
        stop=lambda *_, **__: None, start=lambda copy: f"{copy} in {threading.current_thread().name}"
    )
    with there.broken("tracking", services.STOPPED):
        there.moved = ""
    assert there.moved.startswith("tracking in ")
    assert threading.main_thread().name not in there.moved


def test_a_name_that_leads_to_nothing_says_what_runs_beside_the_network() -> None:
    there = services.Services.__new__(services.Services)
    there.copies = []
    there.on = SimpleNamespace(
        lists="docker compose ps --all",
        shows_logs=str,
        ended=lambda _: "",
        aside=lambda _: "work-front-1 runs, on bridge",
    )
    with pytest.raises(
        CheckFailed, match="leads to no service on parcel-net: work-front-1 runs, on bridge"
    ) as failed:
        there.require_one("front")
    assert "compose.yaml" in failed.value.failure.hint
    there.on.aside = lambda _: ""
    with pytest.raises(CheckFailed, match=r"The name `front` leads to no service\.$") as failed:
        there.require_one("front")
    assert "that others can reach" in failed.value.failure.seen


def logging(*lines: dict[str, Any]) -> Any:
    there = services.Services.__new__(services.Services)
    there.log = lambda *_: "\n".join(["not of the library", *map(json.dumps, lines)])
    return there


FAILED = {"event": "failed", "id": "0f3a", "error": "NameError"}
REQUEST = {"event": "request", "id": "0f3a", "status": 500}


def test_of_a_request_that_failed_the_line_with_its_cause_is_shown() -> None:
    """The last line of a log only repeats that it failed, and other work may have failed since."""
    reply = SimpleNamespace(body='{"request": "0f3a", "error": "NameError"}')
    other = {"event": "background work failed", "error": "OSError"}
    assert json.loads(logging(FAILED, REQUEST, other).why("front", reply)) == FAILED
    assert json.loads(logging(REQUEST).why("front", SimpleNamespace(body=""))) == REQUEST


def test_only_what_was_refused_or_failed_since_a_moment_explains_a_message_that_is_missing() -> None:
    old = {**FAILED, "time": "2026-12-01T16:00:00.000Z"}
    refused = {"time": "2026-12-01T16:01:00.000Z", "path": "/messages", "status": 403}
    since = services.moment("2026-12-01T16:00:30Z")
    assert [json.loads(each) for each in logging(old, refused).errors("gateway", since)] == [refused]
    assert logging(old, refused).errors("front", since) == []
    assert len(logging(old, refused).errors("front", since - 60)) == 1


def test_a_missing_message_is_explained_from_the_gateway_back_to_the_front() -> None:
    there = messages()
    told = {"gateway": ["403"], "notification": ["OSError"], "front": ["NameError"]}
    there.errors = lambda name, _: told[name]
    for expected in ("403", "OSError", "NameError"):
        with pytest.raises(CheckFailed, match="No message was sent") as failed:
            notices.require_sent(there, ["Bob"], notices.WORKED)
        assert failed.value.failure.evidence == expected
        told[next(name for name, lines in told.items() if lines)] = []


@pytest.mark.parametrize(
    ("sent", "hint"),
    [({"Bob": 1}, "can a number of yours come back"), ({"Bob": 1, "Ada": 0}, "Follow one notice")],
)
def test_a_receiver_who_got_an_earlier_message_leads_to_the_reference(
    sent: dict[str, int], hint: str
) -> None:
    receivers = ["Bob", "Bob", *(name for name in sent if name == "Ada")]
    with pytest.raises(CheckFailed, match="No message was sent") as failed:
        notices.require_sent(messages(**sent), receivers, notices.WORKED)
    assert hint in failed.value.failure.hint


def test_one_more_parcel_is_accepted_when_the_message_to_its_receiver_was_sent() -> None:
    """The number of a row that was deleted comes back, and with it the reference of a message that was sent."""
    there = messages()
    sent: dict[str, int] = {}
    there.sent = lambda: sent

    def accept(count: int, _: str, to: str = "") -> list[str]:
        receivers = [to or f"R{number}" for number in range(count)]
        sent.update(dict.fromkeys(receivers, 1))
        return receivers

    there.accept_several = accept
    with pytest.raises(CheckFailed, match="No message was sent about 1 of 6 parcels"):
        notices.require_each_sent_once(there)
