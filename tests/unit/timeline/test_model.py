"""A timeline's answers, on streams of requests made for each question."""

from __future__ import annotations

import pytest

from checker.timeline.model import make
from checker.timeline.record import Cause, Connection, Download, Failure, Gap, Mark, Request, read_lines
from tests.unit.timeline.streams import stream, timeline

REFUSED, LATE = Failure.REFUSED, Failure.TIMED_OUT


def test_nothing_recorded_answers_every_question() -> None:
    empty = make([], now=50.0)
    assert (empty.begin, empty.end, empty.summary) == (50.0, 50.0, "no request was sent")
    assert empty.outages() == ()
    assert empty.longest_outage() is None
    assert empty.rollouts() == ()
    assert empty.recovery(0.0) is None
    assert empty.latency(99) == 0.0
    assert empty.since(10.0).requests == ()
    assert empty.latest == ""


def download(at: float, ms: float, failure: Failure | None = None) -> Download:
    """Make one; a cut one has an answer that is incomplete."""
    return Download(at, ms, 0 if failure else 200, failure, "" if failure else "1.0", "", Connection.FRESH)


def test_downloads_are_kept_apart_and_belong_to_every_time_in_which_they_were_under_way() -> None:
    cut = download(4.0, 3000.0, Failure.BAD_ANSWER)
    seen = timeline(stream(0, 10, "1.0"), stream(10, 20, "2.0"), [download(1.0, 8000.0), cut])
    assert len(seen.requests) == 400
    assert seen.failures == ()
    assert seen.latency(99) == 2.0
    assert seen.cut == (cut,)
    assert seen.summary == "400 requests answered; 1 of 2 downloads cut off"
    assert seen.between(8.0, 9.0).downloads == (download(1.0, 8000.0),)
    assert seen.between(0.0, 0.5).downloads == ()


def test_a_download_that_never_began_is_refused_and_not_cut_off() -> None:
    ways = (Failure.REFUSED, Failure.NO_NAME, Failure.UNREACHABLE, Failure.STATUS)
    never = [download(1.0 + at, 1.0, way) for at, way in enumerate(ways)]
    cut = download(6.0, 3000.0, Failure.EMPTY)
    seen = timeline(stream(0, 10, "1.0"), stream(10, 20, "2.0"), [*never, cut])
    assert seen.refused == tuple(never)
    assert seen.cut == (cut,)
    assert seen.summary == "400 requests answered; 1 of 5 downloads cut off and 4 refused"
    assert (
        timeline(stream(0, 10, "1.0"), [*never]).summary == "200 requests answered; 4 of 4 downloads refused"
    )


def test_a_rollout_has_the_downloads_that_were_under_way_in_it() -> None:
    early, late = download(0.0, 2000.0, Failure.RESET), download(3.5, 7500.0, Failure.BAD_ANSWER)
    whole = download(9.0, 8000.0)
    (move,) = timeline(stream(0, 10, "1.0"), stream(10, 20, "2.0"), [early, late, whole]).rollouts()
    assert move.failures == ()
    assert move.downloads == (late, whole)
    assert move.cut == (late,)


def test_a_download_is_read_from_its_own_kind_of_line() -> None:
    lines = read_lines(
        b'["r",1.0,2.0,200,null,"1.0","a","fresh"]\n["d",1.0,8000.0,200,null,"1.0","a","fresh"]\n'
    )
    seen = make(lines)
    assert (len(seen.requests), len(seen.downloads), seen.end) == (1, 1, 1.002)


def test_since_and_between_cut_requests_marks_and_gaps() -> None:
    gap = Gap(4.0, 6.0, Cause.PAUSED)
    seen = timeline(stream(0, 4, "1.0"), [Mark(1.0, "early"), gap, Mark(7.0, "late")], stream(6, 10, "1.0"))
    part = seen.between(3.0, 5.0)
    assert len(part.requests) == 20
    assert part.gaps == (Gap(4.0, 5.0, Cause.PAUSED),)
    assert part.marks == ()
    assert part.pause == 1.0
    late = seen.since(Mark(7.0, "late"))
    assert [mark.text for mark in late.marks] == ["late"]
    assert (late.begin, late.first_good) == (7.0, 0.0)
    assert seen.mark("ear") == Mark(1.0, "early")
    assert seen.mark("none") is None


def test_what_failed_before_the_first_answer_of_all_met_no_service_yet() -> None:
    seen = timeline(stream(0, 5, REFUSED), stream(5, 10, "1.0"), stream(10, 11, REFUSED))
    assert (len(seen.failures), len(seen.served.failures)) == (120, 20)
    assert seen.since(8.0).served.begin == 8.0
    never = timeline(stream(0, 5, REFUSED))
    assert never.served is never


def test_failures_are_counted_by_kind_and_told() -> None:
    seen = timeline(stream(0, 1, "1.0"), stream(1, 2, REFUSED, REFUSED, LATE, LATE, REFUSED))
    assert seen.kinds == {REFUSED: 12, LATE: 8}
    assert seen.lost(1.5) == 10
    assert seen.lost(0.0, 1.5) == 11
    assert seen.summary == "20 of 40 requests failed: 12 connection refused, 8 no answer in time"
    assert timeline(stream(0, 1, "1.0")).summary == "20 requests answered"


def test_requests_that_ended_in_another_order_are_put_in_the_order_of_sending() -> None:
    seen = timeline(stream(0, 1, "1.0")[::-1])
    assert [each.at for each in seen.requests] == sorted(each.at for each in seen.requests)


def test_the_longest_moment_without_an_answer() -> None:
    seen = timeline(
        stream(0, 5, "1.0"), stream(5, 6, REFUSED), stream(6, 10, "1.0", REFUSED), stream(10, 13, LATE)
    )
    worst = seen.longest_outage()
    assert worst is not None
    assert worst.begin == 9.9
    assert (worst.lost, worst.over) == (61, False)
    assert worst.seconds == pytest.approx(seen.end - 9.9)
    first = seen.outages()[0]
    assert (first.begin, first.end, first.lost, first.over) == (4.95, 6.0, 20, True)
    assert first.seconds == pytest.approx(1.05)


def test_what_nobody_watched_does_not_lengthen_an_outage() -> None:
    parts = [stream(0, 5, "1.0"), stream(5, 5.5, REFUSED), stream(9.5, 10, REFUSED), stream(10, 12, "1.0")]
    watched, slept = timeline(*parts), timeline(*parts, [Gap(5.5, 9.5, Cause.PAUSED)])
    assert [round(each.seconds, 2) for each in watched.outages()] == [5.05]
    assert [round(each.seconds, 2) for each in slept.outages()] == [1.05]


def test_a_gap_alone_is_no_outage() -> None:
    seen = timeline(stream(0, 5, "1.0"), [Gap(5.0, 600.0, Cause.PAUSED)], stream(600, 605, "1.0"))
    assert seen.longest_outage() is None
    assert len(seen.bands) == 1


def test_recovery_is_the_first_answer_after_which_nothing_fails() -> None:
    # Well for a moment only, then bad again, then well for good.
    seen = timeline(
        stream(0, 10, "1.0"),
        stream(10, 14, REFUSED, "1.0"),
        stream(14, 16, "1.0"),
        stream(16, 17, LATE),
        stream(17, 25, "1.0"),
    )
    assert seen.recovery(10.0) == 7.0
    assert seen.recovery(Mark(10.0, "killed")) == 7.0
    assert seen.recovery(18.0) == 0.0
    assert seen.between(0, 19).recovery(10.0) is None
    assert seen.between(0, 17).recovery(10.0) is None


def test_a_failure_long_after_the_recovery_is_another_trouble() -> None:
    seen = timeline(
        stream(0, 5, REFUSED), stream(5, 15, "1.0"), stream(15, 16, REFUSED), stream(16, 20, "1.0")
    )
    assert seen.recovery(0.0) == 5.0


def test_latency_is_the_nearest_rank_of_the_good_answers() -> None:
    parts = [stream(number, number + 0.05, "1.0", ms=float(number + 1)) for number in range(100)]
    seen = timeline(*parts, stream(200, 201, LATE, ms=2000.0))
    assert (seen.latency(50), seen.latency(99), seen.latency(100), seen.latency(0)) == (
        50.0,
        99.0,
        100.0,
        1.0,
    )


def test_versions_are_bands_that_may_overlap() -> None:
    seen = timeline(stream(0, 10, "1.0"), stream(10, 15, "1.0", "2.0"), stream(15, 20, "2.0"))
    assert [(each.version, each.begin, each.end, each.answers) for each in seen.bands] == [
        ("1.0", 0.0, 14.9, 250),
        ("2.0", 10.05, 19.95, 150),
    ]
    assert seen.versions == ("1.0", "2.0")
    assert seen.latest == "2.0"
    assert seen.instances == {"of-1.0": 250, "of-2.0": 150}


def test_a_version_that_nobody_heard_because_nobody_answered_was_not_away() -> None:
    seen = timeline(stream(0, 10, "1.0"), stream(10, 30, REFUSED), stream(30, 40, "1.0"))
    assert len(seen.bands) == 1


def test_a_rollout_without_loss() -> None:
    seen = timeline(stream(0, 10, "1.0"), stream(10, 15, "1.0", "2.0"), stream(15, 20, "2.0"))
    (move,) = seen.rollouts()
    assert (move.before, move.after, move.completed, move.withdrawn) == ("1.0", "2.0", True, False)
    assert (move.first, move.last, move.begin, move.end) == (10.05, 14.9, 10.05, 14.9)
    assert move.seconds == pytest.approx(4.85)
    assert (move.failures, move.outage) == ((), None)


def test_a_rollout_that_stops_before_it_starts_loses_what_lies_between() -> None:
    seen = timeline(stream(0, 10, "1.0"), stream(10, 12, REFUSED), stream(12, 20, "2.0"))
    (move,) = seen.rollouts()
    assert move.completed
    assert (move.begin, move.end) == (9.95, 12.0)
    assert len(move.failures) == 40
    assert move.outage is not None
    assert move.outage.seconds == pytest.approx(2.05)


def test_failures_a_little_before_and_after_belong_to_a_rollout_and_others_do_not() -> None:
    seen = timeline(
        stream(0, 5, REFUSED),
        stream(5, 10, "1.0"),
        stream(10, 11, REFUSED),
        stream(11, 12, "1.0"),
        stream(12, 14, "1.0", "2.0"),
        stream(14, 15, "2.0"),
        stream(15, 15.5, LATE),
        stream(15.5, 25, "2.0"),
        stream(25, 26, REFUSED),
        stream(26, 30, "2.0"),
    )
    (move,) = seen.rollouts()
    assert [each.failure for each in move.failures] == [REFUSED] * 19 + [LATE] * 10


def test_a_rollback_is_a_second_move() -> None:
    seen = timeline(stream(0, 10, "1.0"), stream(10, 20, "2.0"), stream(20, 30, "1.0"))
    assert [(each.before, each.after, each.completed) for each in seen.rollouts()] == [
        ("1.0", "2.0", True),
        ("2.0", "1.0", True),
    ]


def test_a_release_that_is_taken_back_while_the_old_one_serves() -> None:
    seen = timeline(stream(0, 10, "1.0"), stream(10, 15, "1.0", "1.0", "2.0"), stream(15, 30, "1.0"))
    (move,) = seen.rollouts()
    assert (move.completed, move.withdrawn) == (False, True)
    assert (move.begin, move.end) == (10.1, 14.9)


def test_a_rollout_under_way_is_neither_completed_nor_withdrawn() -> None:
    seen = timeline(stream(0, 10, "1.0"), stream(10, 15, "1.0", "2.0"))
    (move,) = seen.rollouts()
    assert (move.completed, move.withdrawn) == (False, False)
    # The old version's silence has to last before it counts as gone.
    assert not timeline(stream(0, 10, "1.0"), stream(10, 12, "2.0")).rollouts()[0].completed


def test_a_canary_that_seldom_answers_is_one_band() -> None:
    seen = timeline(stream(0, 10, "1.0"), stream(10, 40, *["1.0"] * 19, "2.0"), stream(40, 50, "2.0"))
    assert [band.version for band in seen.bands] == ["1.0", "2.0"]


def test_three_versions_are_two_moves() -> None:
    seen = timeline(
        stream(0, 10, "1.0"),
        stream(10, 12, "1.0", "2.0"),
        stream(12, 20, "2.0"),
        stream(20, 22, "2.0", "3.0"),
        stream(22, 30, "3.0"),
    )
    assert [(each.before, each.after, each.completed) for each in seen.rollouts()] == [
        ("1.0", "2.0", True),
        ("2.0", "3.0", True),
    ]


def test_answers_that_name_no_version_are_good_and_make_no_band() -> None:
    seen = timeline([Request(1.0, 2.0, 204, None, "", "", Connection.KEPT)])
    assert seen.bands == ()
    assert seen.summary == "1 request answered"


def test_gaps_that_overlap_are_counted_once() -> None:
    seen = make([Gap(1.0, 5.0, Cause.PAUSED), Gap(3.0, 4.0, Cause.CLOCK), Gap(4.0, 6.0, Cause.STOPPED)])
    assert seen.pause == 5.0


def test_lines_are_read_as_they_are_documented() -> None:
    data = (
        b'["b",10.000,"http://front:8080/",1]\n'
        b'["r",10.100,2.1,200,null,"1.0","one","fresh"]\n'
        b'["r",10.150,2000.4,0,"timed-out","","","kept",true]\n'
        b'["r",10.200,3.0,503,"status","","","fresh"]\n'
        b'["m",11.000,"node-2 killed"]\n'
        b'["g",11.500,12.500,"paused"]\n'
    )
    seen = make(read_lines(data))
    assert (seen.to, seen.begin, seen.end) == ("http://front:8080/", 10.0, 12.5)
    assert [each.outcome for each in seen.requests] == ["HTTP 200", "no answer in time", "HTTP 503"]
    assert [each.resent for each in seen.requests] == [False, True, False]
    assert seen.requests[1].end == pytest.approx(12.1504)
    assert seen.marks == (Mark(11.0, "node-2 killed"),)
    assert seen.gaps == (Gap(11.5, 12.5, Cause.PAUSED),)


@pytest.mark.parametrize(
    "torn",
    [
        b'["r",10.15',
        b'200,null,"1.0","one","fresh"]',
        b'["x",1.0]',
        b"\xff\x00",
        b"",
        b'["r",10.1,2.1,200,"no-such-kind","1.0","one","fresh"]',
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_that_is_none_is_left_out(torn: bytes, place: int) -> None:
    line = b'["r",10.100,2.1,200,null,"1.0","one","fresh"]'
    lines = [line, line]
    lines.insert(place, torn)
    assert len(make(read_lines(b"\n".join(lines))).requests) == 2


def test_what_was_written_before_a_clock_was_set_back_is_moved_back() -> None:
    data = (
        b'["g",90.0,100.0,"stopped"]\n["m",105.0,"early"]\n["s",46.0,-60.0]\n["m",47.0,"between"]\n'
        b'["s",18.0,-30.0]\n["m",20.0,"late"]\n'
    )
    seen = make(read_lines(data))
    assert [mark.at for mark in seen.marks] == [15.0, 17.0, 20.0]
    assert seen.gaps == (Gap(0.0, 10.0, Cause.STOPPED),)


@pytest.mark.parametrize("failure", list(Failure))
def test_every_kind_has_words(failure: Failure) -> None:
    assert failure.words
