"""The outcomes that labs share, on clusters and timelines made for each question."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from checker.cluster import outcomes
from checker.cluster.interface import Instance, Order, run_uninterrupted, without
from checker.grading.verdicts import CheckFailed, CouldNotRun
from checker.timeline.model import Timeline, make
from checker.timeline.record import Cause, Connection, Download, Failure, Gap, Mark, Request

if TYPE_CHECKING:
    from collections.abc import Callable

NODES = ("one", "two", "three")


class Fake:
    """A cluster whose instances are what a test says; a lost node's are gone, and come up elsewhere when it is told so."""

    title = "Fake"
    nodes = NODES

    def __init__(self, *placed: str, replaces: bool = True) -> None:
        self.found = [
            Instance(id=f"{node}-{number}", node=node, version="1.0", ready=True)
            for number, node in enumerate(placed)
        ]
        self.replaces = replaces
        self.lost: list[str] = []
        self.back: list[str] = []
        self.trouble = ""
        self.told: list[list[Order]] = []
        self.ends = ""

    def instances(self) -> list[Instance]:
        """Return what runs."""
        return list(self.found)

    def shows(self) -> str:
        """Return a command."""
        return "fake ps"

    def unsteady(self) -> str:
        """Say what a test says."""
        return self.ends

    def orders(self) -> list[list[Order]]:
        """Return what a test says."""
        return self.told

    def ailing(self) -> str:
        """Say what a test says."""
        return self.trouble

    def crash(self, instance: Instance) -> None:
        """End one."""
        self.found.remove(instance)

    def lose(self, node: str) -> None:
        """Note it, and move what ran there."""
        self.lost.append(node)
        left = next(each for each in NODES if each != node)
        self.found = [
            replace(each, node=left) if each.node == node and self.replaces else each
            for each in self.found
            if each.node != node or self.replaces
        ]

    def bring_back(self, node: str) -> None:
        """Note it."""
        self.back.append(node)


class Traffic:
    """A record in which nothing fails, and the marks that were left."""

    def __init__(self, failing: int = 0) -> None:
        self.marks: list[str] = []
        self._failing = failing

    def mark(self, text: str) -> Mark:
        """Note it."""
        self.marks.append(text)
        return Mark(100.0, text)

    def between(self, begin: float | Mark, end: float | Mark) -> Timeline:
        """Return those of twenty requests, the first of which failed, that were sent between two moments."""
        sent = [request(100 + number, good=number >= self._failing) for number in range(20)]
        return make(sent, now=130.0).between(begin, end)

    def now(self) -> float:
        """Return the end."""
        return 130.0


def request(at: float, version: str = "1.0", *, good: bool = True) -> Request:
    failure = None if good else Failure.REFUSED
    return Request(
        at, 5.0, 200 if good else 0, failure, version if good else "", "x" if good else "", Connection.FRESH
    )


def told(action: Callable[[], object]) -> str:
    """Return what a learner reads of a check that fails."""
    with pytest.raises(CheckFailed) as caught:
        action()
    found = caught.value.failure
    return f"{found.rationale} {found.expected} {found.seen} {found.source} {found.hint}"


# -- how many, and where ---------------------------------------------------------------------------------------


def test_the_wanted_number_of_copies_is_returned() -> None:
    assert len(outcomes.copies(Fake("one", "two"), 2, version="1.0", hint="h")) == 2


@pytest.mark.parametrize(
    ("placed", "words"),
    [
        ((), "No copy of the service runs"),
        (("one",), "Only 1 copy runs."),
        (("one", "two", "three"), "There are 3 copies, more than"),
    ],
)
def test_another_number_is_told(placed: tuple[str, ...], words: str) -> None:
    said = told(lambda: outcomes.copies(Fake(*placed), 2, hint="count them"))
    assert words in said
    assert "fake ps" in said
    assert "count them" in said


def test_copies_that_do_not_get_ready_are_told_apart_from_missing_ones() -> None:
    cluster = Fake("one", "two")
    cluster.found[1] = replace(cluster.found[1], ready=False)
    said = told(lambda: outcomes.copies(cluster, 2, hint="h", patience=0))
    assert "Of 2 copies, 1 did not become ready" in said
    assert "1 of them not ready" in said


@pytest.mark.parametrize(
    ("placed", "late", "words"),
    [
        ("one two three", 1, "2 copies are ready, and 1 more did not become ready"),
        ("one two three", 2, "1 copy is ready, and 2 more did not become ready"),
        ("one two three", 3, "Of 3 copies, 3 did not become ready"),
        ("one two three one", 1, "There are 4 copies, more than the task asks for"),
    ],
)
def test_a_change_that_is_stuck_beside_what_serves_is_not_told_as_too_many(
    placed: str, late: int, words: str
) -> None:
    cluster = Fake(*placed.split())
    cluster.found[-late:] = [replace(each, ready=False) for each in cluster.found[-late:]]
    said = told(lambda: outcomes.copies(cluster, 2, hint="h", patience=0))
    assert words in said
    assert f"{late} of them not ready" in said


@pytest.mark.parametrize(
    ("placed", "ready", "evidence"),
    [
        ("one two", True, ""),
        ("one", True, "no such image"),
        ("one two", False, "no such image"),
        ("one two three", True, ""),
    ],
)
def test_what_the_orchestrator_says_of_copies_that_are_late_is_evidence(
    placed: str, ready: bool, evidence: str
) -> None:
    cluster = Fake(*placed.split())
    cluster.found = [replace(each, ready=ready) for each in cluster.found]
    with pytest.raises(CheckFailed) as caught:
        outcomes.copies(cluster, 2, version="9", hint="h", patience=0, why_late=lambda: "no such image")
    assert caught.value.failure.evidence == evidence


def test_another_version_is_told() -> None:
    assert "2 copies run version 1.0, not 2.0" in told(
        lambda: outcomes.copies(Fake("one", "two"), 2, version="2.0", hint="h")
    )


def test_copies_on_nodes_that_do_not_count_are_left_out() -> None:
    found = outcomes.copies(Fake("one", "two"), 1, elsewhere={"two"}, hint="h")
    assert [each.node for each in found] == ["one"]


@pytest.mark.parametrize("placed", [("one", "two", "three"), ("one", "one", "two", "three"), ("one", "two")])
def test_as_even_as_it_can_be_is_spread(placed: tuple[str, ...]) -> None:
    cluster = Fake(*placed)
    outcomes.spread(cluster, cluster.found, hint="h")


@pytest.mark.parametrize("placed", [("one", "one", "one"), ("one", "one", "two")])
def test_two_more_on_one_node_than_on_another_is_no_spread(placed: tuple[str, ...]) -> None:
    cluster = Fake(*placed)
    said = told(lambda: outcomes.spread(cluster, cluster.found, hint="h"))
    assert f"{placed.count('one')} of 3 copies run on one" in said
    assert "three: 0" in said


def test_spread_is_asked_of_the_nodes_that_are_left() -> None:
    cluster = Fake("one", "one", "two")
    outcomes.spread(cluster, cluster.found, over=("one", "two"), hint="h")


def test_copies_that_are_ready_between_two_ends_do_not_stay() -> None:
    fake = Fake("one", "two")
    outcomes.steady(fake, hint="logs")
    fake.ends = "one-0 has ended 3 times"
    assert "Fake: the copies run at this moment, and do not stay" in (
        said := told(lambda: outcomes.steady(fake, hint="logs"))
    )
    assert "one-0 has ended 3 times fake ps logs" in said


# -- a node lost -----------------------------------------------------------------------------------------------


def test_requests_are_lost_to_a_node_until_it_is_replaced_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    traffic = Traffic(failing=4)
    monkeypatch.setattr(traffic, "now", lambda: 102.5)
    done = outcomes.replaced(Fake("one", "two", replaces=True), traffic, 2, within=1, hint="h")
    assert done.lost == 3


def test_a_lost_node_is_replaced_and_brought_back() -> None:
    cluster, traffic = Fake("one", "two", "two"), Traffic(failing=4)
    done = outcomes.replaced(cluster, traffic, 3, within=5, hint="h")
    assert (done.node, done.lost) == ("two", 4)
    assert cluster.back == ["two"]
    assert traffic.marks == ["two lost", "two back"]


def test_a_node_that_nobody_replaces_is_told_and_brought_back() -> None:
    cluster = Fake("one", "two", replaces=False)
    said = told(lambda: outcomes.replaced(cluster, Traffic(), 2, within=0.2, node="one", hint="h"))
    assert "one was lost with 1 copy, and 0.2 s later not all of them run elsewhere" in said
    assert cluster.back == ["one"]


def test_copies_that_a_busy_machine_starts_late_are_no_fault_and_those_without_a_place_are() -> None:
    def lost(gave_up: str) -> None:
        outcomes.replaced(
            Fake("one", "two", replaces=False),
            Traffic(),
            2,
            within=0.2,
            node="one",
            hint="h",
            gave_up=lambda: gave_up,
            busy=lambda begin, end: "its users were late" * (begin < end),
        )

    with pytest.raises(CouldNotRun, match="very busy: its users were late"):
        lost("")
    assert told(lambda: lost("no suitable node")).startswith("no suitable node")


def test_a_copy_without_a_place_is_told_in_the_orchestrators_words_and_not_waited_for() -> None:
    cluster = Fake("one", "two", replaces=False)
    said = told(
        lambda: outcomes.replaced(
            cluster, Traffic(), 2, within=600, node="one", hint="h", gave_up=lambda: "no suitable node"
        )
    )
    assert said.startswith("no suitable node")
    assert cluster.back == ["one"]


@pytest.mark.parametrize("breaks", ["a node", "a release"])
def test_nothing_more_is_broken_while_something_is_broken_already(breaks: str) -> None:
    cluster, traffic, done = Fake("one", "two"), Traffic(), []
    cluster.trouble = "three is lost: `lab lose 9 --back` brings it back."
    with pytest.raises(CouldNotRun, match=r"three is lost: .*breaks nothing more"):
        if breaks == "a node":
            outcomes.replaced(cluster, traffic, 2, within=1, hint="h")
        else:
            outcomes.contained(
                cluster,
                traffic,
                release=lambda: done.append("release"),
                withdraw=lambda: done.append("withdraw"),
                serving="1.0",
                seconds=0.1,
                hint="h",
            )
    assert (cluster.lost, cluster.back, traffic.marks, done) == ([], [], [], [])


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, CheckFailed, RuntimeError])
def test_a_node_comes_back_however_the_check_ends(interruption: type[BaseException]) -> None:
    cluster, traffic = Fake("one"), Traffic()
    error = interruption() if interruption is not CheckFailed else None
    with pytest.raises(interruption), without(cluster, "one", traffic):
        if error is not None:
            raise error
        outcomes.copies(cluster, 9, hint="h")
    assert cluster.back == ["one"]


def test_putting_back_ends_before_an_interruption_is_told() -> None:
    done: list[str] = []
    with pytest.raises(RuntimeError, match="no room"):
        run_uninterrupted(lambda: (_ for _ in ()).throw(RuntimeError("no room")))
    run_uninterrupted(lambda: done.append("back"))
    assert done == ["back"]


class Interrupted(BaseException):
    """A time limit that rings, or Ctrl-C."""


def test_an_interruption_while_something_is_put_back_comes_afterwards() -> None:
    rung, done = threading.Event(), []

    def ring(*_: object) -> None:
        rung.set()
        raise Interrupted

    def put_back() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert rung.wait(10)
        done.append("back")

    before = signal.signal(signal.SIGUSR1, ring)
    try:
        with pytest.raises(Interrupted):
            run_uninterrupted(put_back)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert done == ["back"]


# -- a new version ---------------------------------------------------------------------------------------------


def move(*failing: float, old_goes: bool = True) -> Timeline:
    """Return thirty seconds in which version 2.0 takes over from 1.0 at the tenth."""
    requests = []
    for tenth in range(300):
        at = tenth / 10
        version = "1.0" if at < 10 or (not old_goes and tenth % 2) else "2.0"
        requests.append(request(at, version, good=at not in failing))
    return make(requests, now=30.0)


def test_a_move_without_a_failed_request_is_returned() -> None:
    found = outcomes.rollout(move(), before="1.0", after="2.0", hint="h")
    assert (found.before, found.after, found.completed) == ("1.0", "2.0", True)


def test_a_failed_request_in_the_move_is_told_with_its_moment() -> None:
    said = told(lambda: outcomes.rollout(move(10.5), before="1.0", after="2.0", hint="h"))
    assert "In the rollout from 1.0 to 2.0, 1 of" in said
    assert "first failure: connection refused, 0.5 s after the first answer of 2.0" in said


def test_a_request_that_failed_before_the_new_version_answered_is_told_so() -> None:
    said = told(lambda: outcomes.rollout(move(9.0), before="1.0", after="2.0", hint="h"))
    assert "1.0 s before the first answer of 2.0" in said


def test_a_failed_request_long_before_is_forgiven() -> None:
    outcomes.rollout(move(2.0), before="1.0", after="2.0", hint="h")


def two_moves(failing: float) -> Timeline:
    """Return a minute in which version 2.0 takes over, 1.0 is brought back, and 2.0 takes over once more."""
    requests = []
    for tenth in range(600):
        at = tenth / 10
        version = "2.0" if 10 <= at < 25 or at >= 45 else "1.0"
        requests.append(request(at, version, good=at != failing))
    return make(requests, now=60.0)


def test_the_last_move_counts_and_one_that_failed_before_it_is_forgiven() -> None:
    found = outcomes.rollout(two_moves(10.5), before="1.0", after="2.0", hint="h")
    assert found.first == pytest.approx(45)


def test_a_last_move_that_failed_is_not_made_good_by_one_before_it() -> None:
    assert "1 of" in told(lambda: outcomes.rollout(two_moves(45.5), before="1.0", after="2.0", hint="h"))


def test_a_download_that_was_cut_off_in_a_rollout_fails_it_and_the_cause_is_said() -> None:
    cut = Download(8.0, 2500.0, 0, Failure.BAD_ANSWER, "", "", Connection.FRESH)
    whole = Download(9.0, 8000.0, 200, None, "2.0", "", Connection.FRESH)
    seen = replace(move(), downloads=(cut, whole))
    said = told(
        lambda: outcomes.rollout(
            seen, before="1.0", after="2.0", hint="h", because=lambda _: "It was killed."
        )
    )
    assert "1 of the 2 downloads under way were cut off" in said
    assert "It was killed." in said
    outcomes.rollout(replace(move(), downloads=(whole,)), before="1.0", after="2.0", hint="h")


def test_a_download_that_was_refused_in_a_rollout_fails_it_and_is_not_said_to_be_cut_off() -> None:
    refused = Download(9.0, 1.0, 404, Failure.STATUS, "", "", Connection.FRESH)
    seen = replace(move(), downloads=(refused,))
    said = told(lambda: outcomes.rollout(seen, before="1.0", after="2.0", hint="h"))
    assert "1 of 1 downloads got no good answer" in said
    assert "cut off" not in said


@pytest.mark.parametrize(("until", "proves"), [(11.5, True), (14.0, False)])
def test_a_rollout_in_which_the_users_were_paused_proves_nothing(until: float, *, proves: bool) -> None:
    sent = [each for each in move().requests if not 9.8 < each.at < until]
    seen = replace(make(sent, now=30.0), gaps=(Gap(9.8, until, Cause.PAUSED),))
    if proves:
        outcomes.rollout(seen, before="1.0", after="2.0", hint="h")
        return
    with pytest.raises(CouldNotRun, match="users sent no request"):
        outcomes.rollout(seen, before="1.0", after="2.0", hint="h")


@pytest.mark.parametrize(
    ("failure", "why", "excused"),
    [
        (Failure.TIMED_OUT, "its users were late", True),
        (Failure.TIMED_OUT, "", False),
        # A machine that is busy refuses nobody.
        (Failure.REFUSED, "its users were late", False),
        (Failure.STATUS, "its users were late", False),
    ],
)
def test_only_requests_that_had_no_answer_in_time_are_a_busy_machines_fault(
    failure: Failure, why: str, *, excused: bool
) -> None:
    lost = Request(10.5, 2000.0, 0, failure, "", "", Connection.FRESH)
    sent = [each if each.good else lost for each in move(10.5).requests]
    timeline = make(sent, now=30.0)
    with pytest.raises(CouldNotRun if excused else CheckFailed) as ended:
        outcomes.rollout(timeline, before="1.0", after="2.0", hint="h", busy=lambda _: why)
    assert ("very busy: its users were late" in str(ended.value)) is excused


def test_as_many_may_fail_as_is_allowed() -> None:
    outcomes.rollout(move(10.5), before="1.0", after="2.0", allowed=1, hint="h")


def test_no_move_at_all_is_told() -> None:
    assert "did not move from version 2.0 to 1.0" in told(
        lambda: outcomes.rollout(move(), before="2.0", after="1.0", hint="h")
    )


def test_what_keeps_users_at_the_old_version_is_told_with_a_hint_of_its_own() -> None:
    old_alone = replace(move(), requests=move().requests[:90])

    def failure(seen: Timeline, standing: str) -> Any:
        with pytest.raises(CheckFailed) as caught:
            outcomes.rollout(
                seen, before="1.0", after="2.0", hint="again", unfinished="go on", standing=standing
            )
        return caught.value.failure

    for seen in (old_alone, move(old_goes=False)):
        known = failure(seen, "web says 1.0.")
        assert known.rationale.endswith(". web says 1.0.")
        assert known.hint == "go on"
    assert failure(old_alone, "").rationale.endswith("show no such change.")
    assert failure(old_alone, "").hint == "again"


@pytest.mark.parametrize(
    ("told_last", "words"),
    [("2.0", ""), ("1.0", "says version 1.0 (`b`)."), ("", "says another image (`b`).")],
)
def test_what_was_not_told_of_a_version_is_known_by_its_newest_order(told_last: str, words: str) -> None:
    cluster = Fake()
    assert outcomes.told_otherwise(cluster, "2.0") == ""
    cluster.told = [
        [Order("2.0", "", "a"), Order("1.0", "", "a")],
        [Order(told_last, "", "b"), Order("1.0", "", "b")],
        [],
    ]
    assert outcomes.told_otherwise(cluster, "2.0") == (f"What makes the copies {words}" if words else "")


def test_an_old_version_that_stays_is_told() -> None:
    assert "Version 1.0 still answers, beside 2.0" in told(
        lambda: outcomes.rollout(move(old_goes=False), before="1.0", after="2.0", hint="h")
    )


# -- a bad release ---------------------------------------------------------------------------------------------


def test_a_bad_release_that_hurts_nobody_is_contained_and_withdrawn() -> None:
    withdrawn: list[str] = []
    outcomes.contained(
        Fake("one"),
        Traffic(),
        release=lambda: None,
        withdraw=lambda: withdrawn.append("yes"),
        serving="1.0",
        seconds=0.1,
        hint="h",
    )
    assert withdrawn == ["yes"]


def test_a_bad_release_that_takes_the_service_down_is_told_and_withdrawn() -> None:
    cluster, withdrawn = Fake("one"), []
    said = told(
        lambda: outcomes.contained(
            cluster,
            Traffic(),
            release=cluster.found.clear,
            withdraw=lambda: withdrawn.append("yes"),
            serving="1.0",
            seconds=1,
            hint="h",
        )
    )
    assert "no copy of version 1.0 is left" in said
    assert withdrawn == ["yes"]


def test_who_has_not_moved_yet_is_not_told_to_go_back() -> None:
    still, moved = make([request(at / 5) for at in range(20)], now=10.0), move()

    def hint(timeline: Timeline, before: str, after: str) -> str:
        return told(
            lambda: outcomes.rollout(timeline, before=before, after=after, hint="go back", unmoved="go on")
        )

    assert hint(still, "1.0", "2.0").endswith("go on")
    assert hint(moved, "1.0", "3.0").endswith("go back")


def test_a_bad_release_that_reaches_no_copy_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "ARRIVE_SECONDS", 0.1)
    withdrawn: list[str] = []
    with pytest.raises(CouldNotRun, match=r"reached no copy .* proves nothing: exceeded quota"):
        outcomes.contained(
            Fake("one"),
            Traffic(),
            release=lambda: None,
            withdraw=lambda: withdrawn.append("yes"),
            serving="1.0",
            seconds=0.1,
            hint="h",
            arrived=lambda: False,
            kept_away=lambda: "exceeded quota",
        )
    assert withdrawn == ["yes"]


def test_requests_that_fail_under_a_bad_release_are_told() -> None:
    assert "3 of 20 requests failed" in told(
        lambda: outcomes.contained(
            Fake("one"),
            Traffic(failing=3),
            release=lambda: None,
            withdraw=lambda: None,
            serving="1.0",
            seconds=0.1,
            hint="h",
        )
    )


def test_a_request_that_still_waited_when_the_watch_ended_is_counted() -> None:
    """What is sent just before the end is given up only after it; the record is read when it has come to that."""
    cluster, watched = Fake("one"), [False]

    class Growing(Traffic):
        """A record that holds what was sent last only once it has gone on for a while."""

        def now(self) -> float:
            watched[0] = True
            return 119.5

        def between(self, begin: float | Mark, end: float | Mark) -> Timeline:
            assert watched[0], "the end of the watch is not known yet"
            assert end == 119.5
            sent = [request(100 + number, good=number != 19) for number in range(30)]
            return make(sent, now=130.0).between(begin, end)

    assert "1 of 20 requests failed" in told(
        lambda: outcomes.contained(
            cluster,
            Growing(),
            release=lambda: None,
            withdraw=lambda: None,
            serving="1.0",
            seconds=0.1,
            hint="h",
        )
    )


# -- whose version ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ({"x": {"drydock/parcel:2.0"}}, "x answered as version 1.0, and no image of it has this version"),
        ({"x": {"drydock/parcel:1.0"}}, "x answered as version 2.0, and no image of it has this version"),
        # A pod that is replaced by one of the same name, a helper beside it, an image without a tag, and nobody known.
        ({"x": {"drydock/parcel:2.0", "drydock/parcel:1.0"}}, ""),
        ({"x": {"drydock/parcel@sha256:1"}}, ""),
        ({"y": {"drydock/parcel:2.0"}}, ""),
    ],
)
def test_a_copy_that_answers_with_another_version_than_its_images_is_found(
    images: dict[str, set[str]], words: str
) -> None:
    found = outcomes.rollout(move(), before="1.0", after="2.0", hint="h")

    def judge() -> None:
        outcomes.versions_of_images(found, images, source="events", hint="h")

    if words:
        assert words in told(judge)
    else:
        judge()


def order(version: str, text: str = "") -> Order:
    return Order(version, text, "fake inspect")


@pytest.mark.parametrize(
    ("history", "set_by_hand"),
    [
        ([order("2.0"), order("1.0")], False),
        ([order("2.0", "PARCEL_VERSION=2.0")], True),
        ([order("2.0"), order("2.0", "PARCEL_VERSION=1.0")], True),
        # An earlier try does not count, once 1.0 itself was there.
        ([order("2.0"), order("1.0"), order("2.0", "PARCEL_VERSION=1.0")], False),
    ],
)
def test_a_version_that_a_variable_says_is_nobodys(history: list[Order], *, set_by_hand: bool) -> None:
    fake = Fake("one")
    fake.told = [[order("2.0")], history]
    if set_by_hand:
        assert "PARCEL_VERSION, for the image of version 2.0 fake inspect" in told(
            lambda: outcomes.own_versions(fake, "1.0")
        )
    else:
        outcomes.own_versions(fake, "1.0")
