"""A learner's machine and a class over real connections on loopback: T15, late machines, sleeping ones, a restarted server."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import sqlite3
import ssl
import stat
import threading
import tracemalloc
from typing import TYPE_CHECKING, NoReturn

import httpx
import msgspec
import pytest

from checker import background
from checker.classroom import calling, sender
from checker.classroom.calling import Line, ask, join, keep_posting, post
from checker.classroom.identity import certificate
from checker.classroom.known import know
from checker.classroom.outbox import UNREAD, Outbox
from checker.classroom.protocol import Invitation, Joined, Message, invitation
from checker.classroom.waking import FILE, wake
from checker.cli import main
from checker.cli.membership import tell_unread
from checker.course import values
from checker.errors import LabError, MisuseError
from checker.images import room
from checker.progress import Progress
from checker.scene.locks import locked
from checker.web.pinned import RogueError, UnreachableError, connect, fingerprint
from tests.unit.classroom.classes import Held
from tests.unit.classroom.conftest import CHECKS, report_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.course.places import Places
    from tests.conftest import Course


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    # The rule of one post a second is tested with a clock that stands; here it would only take time.
    monkeypatch.setattr("checker.classroom.room.POST_SECONDS", 0.0)


@pytest.fixture
def hold(course: Course, lab: Lab, tmp_path: Path) -> Iterator[Callable[[], Held]]:
    del lab
    held: list[Held] = []

    def start() -> Held:
        held.append(Held(tmp_path / "class", course.catalogue))
        return held[-1]

    yield start
    for each in held:
        with contextlib.suppress(AssertionError, RuntimeError):
            each.end()


@pytest.fixture
def machine(course: Course, lab: Lab) -> Iterator[tuple[Outbox, Progress, Callable[[], int]]]:
    """Give a learner's machine: its queue, its record, and what looks into the record for news."""
    progress = Progress(course.places.state / "progress.sqlite3")
    # What was done before joining is nobody's business.
    progress.record_attempt(report_of(lab))
    with contextlib.closing(Outbox(course.places.state)) as outbox:
        yield outbox, progress, lambda: outbox.collect(lambda: know(course.catalogue))
    progress.close()


Machine = tuple[Outbox, Progress, "Callable[[], int]"]


def test_what_happens_after_joining_reaches_the_board_in_order(
    hold: Callable[[], Held], machine: Machine, lab: Lab
) -> None:
    held = hold()
    outbox, progress, collect = machine
    join(outbox, held.opened.invitation.text, "Ada", "machine-1-machine-1")
    progress.record_attempt(report_of(lab, "it-answers"))
    progress.climb(lab.slug, "it-holds", 3)
    progress.record_attempt(report_of(lab, *CHECKS))
    assert collect() == 3
    assert collect() == 0
    post(outbox)
    assert outbox.counts() == (0, 0)
    (row,) = held.state()["rows"]
    assert (row["name"], row["passed"], row["tries"], row["hints"]) == ("Ada", 3, 2, 1)
    post(outbox)
    assert held.state()["rows"][0]["tries"] == 2


def test_t15_another_certificate_at_the_same_address_is_sent_nothing(
    hold: Callable[[], Held], machine: Machine, lab: Lab, tmp_path: Path
) -> None:
    held = hold()
    outbox, progress, collect = machine
    join(outbox, held.opened.invitation.text, "Ada", "machine-1-machine-1")
    held.end()
    progress.record_attempt(report_of(lab))
    collect()
    got: list[bytes] = []
    public, private = certificate(tmp_path / "rogue")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    with socket.create_server(("127.0.0.1", held.opened.invitation.port)) as server:

        def answer() -> None:
            plain, _ = server.accept()
            with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as wrapped:
                got.append(wrapped.recv(1000))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(RogueError, match="is not the class of this join string"):
            post(outbox)
        thread.join(10)
    assert got in ([], [b""])
    assert outbox.counts() == (1, 0)


def test_t15_a_fingerprint_that_is_one_letter_off_is_another_server(hold: Callable[[], Held]) -> None:
    real = hold().opened.invitation
    last = "A" if real.fingerprint[19] != "A" else "B"
    for wrong in (
        real.fingerprint[:19] + last,
        real.fingerprint[:-1] + ("A" if real.fingerprint[-1] != "A" else "E"),
    ):
        with pytest.raises(RogueError):
            ask(Invitation(real.host, real.port, real.code, wrong), "GET", "/me")
    short = Invitation(real.host, real.port, real.code, real.fingerprint[:20])
    assert ask(short, "GET", "/me").status == 403


def test_t15_a_server_without_tls_is_not_spoken_to(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_hang_up, args=(server,), daemon=True).start()
        with pytest.raises(UnreachableError):
            ask(Invitation("127.0.0.1", port, "ABCDEFGH", "A" * 52), "POST", "/join", b"{}")


def _hang_up(server: socket.socket) -> None:
    server.accept()[0].close()


def test_one_connection_serves_several_posts_and_a_restart_opens_another(
    hold: Callable[[], Held], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = hold()
    outbox, _, _ = machine
    join(outbox, held.opened.invitation.text, "Ada", "machine-1-machine-1")
    opened: list[Invitation] = []
    real = Line._open

    def counted(line: Line, to: Invitation) -> None:
        opened.append(to)
        real(line, to)

    monkeypatch.setattr(Line, "_open", counted)
    with contextlib.closing(Line()) as line:
        for up in (True, False, True):
            outbox.raise_hand(up=up)
            post(outbox, line)
        assert len(opened) == 1
        held.end()
        outbox.raise_hand(up=False)
        with pytest.raises(UnreachableError):
            post(outbox, line)
        again = hold()
        post(outbox, line)
        assert outbox.counts() == (0, 0)
        assert again.state()["summary"]["hands"] == 0


def test_a_connection_that_says_nothing_takes_little_memory_of_the_class(hold: Callable[[], Held]) -> None:
    server = hold().opened.invitation.server
    with contextlib.ExitStack() as until:
        until.enter_context(contextlib.closing(connect(server)))
        tracemalloc.start()
        until.callback(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(20):
            until.enter_context(contextlib.closing(connect(server)))
        # Both ends are in this process, so a class takes less than this.
        assert tracemalloc.get_traced_memory()[0] - before < 20 * 100_000


def test_t15_a_connection_that_was_cut_is_opened_again_only_to_the_same_certificate(
    hold: Callable[[], Held], machine: Machine, tmp_path: Path
) -> None:
    held = hold()
    outbox, _, _ = machine
    join(outbox, held.opened.invitation.text, "Ada", "machine-1-machine-1")
    with contextlib.closing(Line()) as line:
        outbox.raise_hand(up=True)
        post(outbox, line)
        held.end()
        public, private = certificate(tmp_path / "rogue")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(public, private)
        with socket.create_server(("127.0.0.1", held.opened.invitation.port)) as server:
            thread = threading.Thread(target=_shake_hands, args=(server, context), daemon=True)
            thread.start()
            outbox.raise_hand(up=False)
            with pytest.raises(RogueError):
                post(outbox, line)
            thread.join(10)


def _shake_hands(server: socket.socket, context: ssl.SSLContext) -> None:
    plain, _ = server.accept()
    with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as wrapped:
        wrapped.recv(1000)


def test_a_restarted_server_has_the_same_place_learners_and_events(
    hold: Callable[[], Held], machine: Machine, lab: Lab
) -> None:
    first = hold()
    outbox, progress, collect = machine
    join(outbox, first.opened.invitation.text, "Ada", "machine-1-machine-1")
    progress.record_attempt(report_of(lab, "it-answers"))
    collect()
    post(outbox)
    first.end()
    progress.record_attempt(report_of(lab, *CHECKS))
    collect()
    with pytest.raises(UnreachableError):
        post(outbox)
    second = hold()
    assert second.opened.invitation == first.opened.invitation
    assert second.opened.board != first.opened.board  # the page's token is new
    assert second.state()["rows"][0]["passed"] == 1
    post(outbox)
    assert (second.state()["rows"][0]["passed"], second.state()["rows"][0]["tries"]) == (3, 2)


def test_a_machine_that_slept_sends_everything_in_batches(
    hold: Callable[[], Held], machine: Machine, lab: Lab
) -> None:
    held = hold()
    outbox, progress, collect = machine
    join(outbox, held.opened.invitation.text, "Ada", "machine-1-machine-1")
    for _ in range(120):
        progress.record_attempt(report_of(lab, "it-answers"))
    assert collect() == 120
    rounds = 0
    while outbox.counts()[0]:
        post(outbox)
        rounds += 1
    assert rounds >= 3
    assert held.state()["rows"][0]["tries"] == 120


def test_a_late_machine_finds_the_class_and_old_work_is_not_sent(
    hold: Callable[[], Held], machine: Machine
) -> None:
    held = hold()
    outbox, _, collect = machine
    join(outbox, held.opened.invitation.text, "Ada", "machine-1-machine-1")
    assert collect() == 0
    assert held.state()["rows"][0]["tries"] == 0


def test_a_record_that_was_damaged_and_begun_again_is_sent_from_its_beginning(
    machine: Machine, lab: Lab, course: Course
) -> None:
    outbox, progress, collect = machine
    outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
    for _ in range(3):
        progress.record_attempt(report_of(lab))
    progress.climb(lab.slug, "it-holds", 3)
    assert collect() == 4
    progress.close()
    record = course.places.state / "progress.sqlite3"
    for file in record.parent.glob(f"{record.name}*"):
        file.write_bytes(b"damaged" * 1000)
    with contextlib.closing(Progress(record)) as again:
        assert collect() == 0
        again.record_attempt(report_of(lab, "it-answers"))
        again.climb(lab.slug, "it-holds", 3)
        assert collect() == 2
        assert collect() == 0


def test_a_clock_that_is_set_back_neither_hides_a_hint_nor_turns_the_order(
    machine: Machine, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, progress, collect = machine
    outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
    for hour, passed in ((12, ()), (9, ("it-answers",))):
        at = f"2026-01-05T{hour:02}:00:00.000+00:00"
        monkeypatch.setattr("checker.progress.record._now", lambda at=at: at)
        progress.climb(lab.slug, "it-holds", 3)
        progress.record_attempt(msgspec.structs.replace(report_of(lab, *passed), started=at))
        if hour == 12:
            progress.climb(lab.slug, "it-holds", 3)
            assert collect() == 3
    assert collect() == 2
    progress.record_attempt(report_of(lab))
    for hour in (12, 9):
        at = f"2026-01-06T{hour:02}:00:00.000+00:00"
        progress.record_attempt(msgspec.structs.replace(report_of(lab), started=at))
    collect()
    sent = [item.at[11:13] for item in outbox.next()[1]]
    assert sent == ["12", "12", "12", "09", "09", "10", "12", "09"]


def test_a_hint_after_a_reset_is_sent_although_its_number_was_used(
    machine: Machine, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two hints of one number, which a person gets seconds apart.
    seconds = (f"2026-01-05T10:00:{each:02}.000+00:00" for each in range(60))
    monkeypatch.setattr("checker.progress.record._now", lambda: next(seconds))
    outbox, progress, collect = machine
    progress.climb(lab.slug, "it-holds", 3)
    outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
    assert collect() == 0
    for _ in range(2):
        progress.forget_hints(lab.slug)
        progress.climb(lab.slug, "it-answers", 3)
        assert collect() == 1
        assert collect() == 0


def test_a_queue_of_an_earlier_version_sends_no_hint_twice(machine: Machine, lab: Lab) -> None:
    outbox, progress, collect = machine
    progress.climb(lab.slug, "it-holds", 3)
    outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
    with contextlib.closing(sqlite3.connect(outbox.file)) as db, db:
        db.execute("DROP TABLE seen_hint")
        db.execute("UPDATE class SET hint = '2099-01-01'")
    with contextlib.closing(Outbox(outbox.file.parent)):
        assert collect() == 0
        progress.climb(lab.slug, "it-holds", 3)
        assert collect() == 1


def test_an_item_of_another_version_is_set_aside_and_the_others_arrive(
    hold: Callable[[], Held], machine: Machine, lab: Lab, course: Course
) -> None:
    held = hold()
    outbox, progress, _ = machine
    join(outbox, held.opened.invitation.text, "Ada", "machine-1-machine-1")
    progress.record_attempt(report_of(lab, "it-answers"))
    other = dataclasses.replace(know(course.catalogue)[lab.slug], digest="0" * 64)
    outbox.collect(lambda: {lab.slug: other})
    outbox.raise_hand(up=True)
    while outbox.counts()[0]:
        post(outbox)
    assert outbox.counts() == (0, 1)
    assert held.state()["summary"]["hands"] == 1


def test_why_something_was_set_aside_is_said_on_both_sides_until_it_is_mended(
    hold: Callable[[], Held],
    machine: Machine,
    lab: Lab,
    course: Course,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(sender, "start", lambda _: True)
    held = hold()
    outbox, progress, collect = machine
    join(outbox, held.opened.invitation.text, "Ada", "machine-1-machine-1")
    progress.record_attempt(report_of(lab, "it-answers"))
    outbox.collect(lambda: {lab.slug: dataclasses.replace(know(course.catalogue)[lab.slug], digest="0" * 64)})
    post(outbox)
    (row,) = held.state()["rows"]
    said = f"Lab {lab.number} is another version here."
    assert (row["why"], row["said"]) == (
        "environment error",
        f"What this machine sends is not taken. {said}",
    )
    assert main(["class", "status"]) == 0
    assert (
        f"Since you joined, the class has not taken 1. Of the last one it said: {said}"
        in capsys.readouterr().out
    )
    progress.record_attempt(report_of(lab, "it-answers"))
    collect()
    post(outbox)
    (row,) = held.state()["rows"]
    assert (row["why"], row["tries"]) == ("", 1)
    # Another class has not refused it.
    outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
    assert (outbox.refusal(), outbox.counts()) == ("", (0, 0))


def test_what_waits_for_one_class_is_not_sent_to_another(
    hold: Callable[[], Held], machine: Machine, lab: Lab
) -> None:
    outbox, progress, collect = machine
    outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
    progress.record_attempt(report_of(lab))
    collect()
    assert outbox.counts() == (1, 0)
    held = hold()
    join(outbox, held.opened.invitation.text, "Ada", "machine-1-machine-1")
    assert outbox.counts() == (0, 0)
    assert collect() == 0
    assert held.state()["rows"][0]["tries"] == 0


def test_a_class_that_moved_to_another_address_gets_what_waits(machine: Machine) -> None:
    outbox, _, _ = machine
    print_ = "A" * 52
    outbox.wants(f"192.168.1.5:8443/ABCDEFGH/{print_}", "Ada", "machine-1-machine-1")
    outbox.raise_hand(up=True)
    member = outbox.wants(f"10.0.0.7:8444/abcdefgh/{print_[:24]}", "ada", "machine-2-machine-2")
    assert outbox.counts() == (1, 0)
    assert (member.machine, member.invitation[:9]) == ("machine-1-machine-1", "10.0.0.7:")


def test_a_join_string_with_a_slip_costs_neither_the_class_nor_what_waits(
    hold: Callable[[], Held], machine: Machine
) -> None:
    real = hold().opened.invitation
    outbox, _, _ = machine
    join(outbox, real.text, "Ada", "machine-1-machine-1")
    outbox.raise_hand(up=True)
    values.note(outbox.file.parent, "K7Q2-3")
    before = outbox.membership(), outbox.counts(), room.place_of(outbox.file.parent)
    assert before[1:] != ((0, 0), None)
    for slip in (
        Invitation(real.host, real.port, "WRONGONE", real.fingerprint),
        Invitation(real.host, real.port, real.code, "A" * 52),
        Invitation(real.host, 1, real.code, real.fingerprint),
    ):
        with pytest.raises(LabError):
            join(outbox, slip.text, "Ada", "machine-2-machine-2")
        assert (outbox.membership(), outbox.counts(), room.place_of(outbox.file.parent)) == before
        assert values.noted(outbox.file.parent) == "K7Q2-3"


def test_a_machine_that_was_never_let_in_may_take_another_name_and_keeps_what_waits(
    hold: Callable[[], Held], machine: Machine, tmp_path: Path
) -> None:
    held = hold()
    to = held.opened.invitation.text
    with contextlib.closing(Outbox(tmp_path / "first")) as first:
        join(first, to, "Ada", "machine-1-machine-1")
    outbox, _, _ = machine
    join(outbox, to, "Ada", "machine-2-machine-2")
    outbox.raise_hand(up=True)
    join(outbox, to, "Ada B", "machine-3-machine-3")
    member = outbox.membership()
    assert member is not None
    assert (member.admitted, member.machine, outbox.counts()) == (True, "machine-2-machine-2", (1, 0))
    post(outbox)
    state = held.state()
    assert {row["name"]: row["why"] for row in state["rows"]} == {"Ada": "", "Ada B": "asks for help"}
    # Nobody has to be told yes or no any more.
    assert state["pending"] == []


def test_joining_under_another_name_asks_before_it_forgets_what_waits(
    hold: Callable[[], Held],
    course: Course,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(sender, "start", lambda _: True)
    to = hold().opened.invitation.text
    assert main(["class", "join", to, "--name", "Ada"]) == 0
    assert main(["class", "hand"]) == 0
    assert main(["class", "join", to, "--name", "ada"]) == 0
    assert main(["class", "join", to, "--name", "Ben"]) == 2
    assert "What was not sent yet for ada in Monday (1) would be forgotten." in capsys.readouterr().err
    with contextlib.closing(Outbox(course.places.state)) as outbox:
        assert outbox.counts() == (1, 0)
        assert main(["class", "join", to, "--name", "Ben", "--yes"]) == 0
        assert outbox.counts() == (0, 0)


def test_a_machine_whose_place_another_got_waits_for_the_teacher_and_then_goes_on(
    hold: Callable[[], Held], machine: Machine, tmp_path: Path
) -> None:
    held = hold()
    to = held.opened.invitation.text
    outbox, _, _ = machine
    join(outbox, to, "Ada", "machine-1-machine-1")
    with contextlib.closing(Outbox(tmp_path / "second")) as second:
        join(second, to, "Ada", "machine-2-machine-2")
        _say(held, "admit", machine="machine-2-machine-2")
        post(second)
    outbox.raise_hand(up=True)
    with pytest.raises(LabError, match="not from a learner of this class"):
        post(outbox)
    join(outbox, to, "Ada", "machine-3-machine-3")
    member = outbox.membership()
    assert member is not None
    assert (member.admitted, outbox.counts()) == (False, (1, 0))
    _say(held, "admit", machine="machine-1-machine-1")
    post(outbox)
    post(outbox)
    assert outbox.counts() == (0, 0)
    assert held.state()["summary"]["hands"] == 1


def test_a_machine_that_was_turned_away_reads_so_in_its_status(
    hold: Callable[[], Held],
    course: Course,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(sender, "start", lambda _: True)
    held = hold()
    with contextlib.closing(Outbox(tmp_path / "first")) as first:
        join(first, held.opened.invitation.text, "Ada", "machine-1-machine-1")
    assert main(["class", "join", held.opened.invitation.text, "--name", "Ada"]) == 0
    assert main(["class", "status"]) == 0
    assert "has not said yes yet" in capsys.readouterr().out
    _say(held, "turn-away", machine=held.state()["pending"][0]["machine"])
    with contextlib.closing(Outbox(course.places.state)) as outbox:
        turns = iter([False, True])
        keep_posting(outbox, lambda: 0, lambda _: next(turns))
    assert main(["class", "status"]) == 0
    told = capsys.readouterr().out
    assert "not said yes yet" not in told
    assert "The teacher says that this machine is not Ada's. Join with another name." in told
    assert main(["class", "join", held.opened.invitation.text, "--name", "Ada B"]) == 0
    assert "You are in Monday as Ada B." in capsys.readouterr().out


def test_an_answer_of_a_class_that_was_left_meanwhile_is_not_noted(
    hold: Callable[[], Held], machine: Machine
) -> None:
    outbox, _, _ = machine
    member = outbox.wants(hold().opened.invitation.text, "Ada", "machine-1-machine-1")
    outbox.leave()
    outbox.joined(member, Joined(learner="ada", name="Ada", secret="s", nonce="n", values="K7Q2-3"))  # noqa: S106 - of a test
    assert outbox.membership() is None
    assert values.noted(outbox.file.parent) == ""
    assert room.place_of(outbox.file.parent) is None


def _say(held: Held, what: str, **more: str) -> None:
    """Do something that the teacher does on the board."""
    url, _, token = held.opened.board.partition("/#t=")
    bearer = {"Authorization": f"Bearer {token}", "Origin": url}
    httpx.post(f"{url}/api/{what}", json=more, headers=bearer, timeout=10).raise_for_status()


def test_a_message_reaches_the_learner_with_the_next_answer(
    hold: Callable[[], Held], machine: Machine
) -> None:
    held = hold()
    outbox, _, _ = machine
    join(outbox, held.opened.invitation.text, "Ada", "machine-1-machine-1")
    _say(held, "message", text="Coffee at \u202e ten")
    outbox.raise_hand(up=False)
    post(outbox)
    member = outbox.membership()
    assert member is not None
    assert member.message_text == "Coffee at ten"


def test_each_message_reaches_a_learner_once_however_many_came_meanwhile(
    hold: Callable[[], Held], machine: Machine, course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    held = hold()
    outbox, _, _ = machine
    to = held.opened.invitation.text
    ada = join(outbox, to, "Ada", "machine-1-machine-1")
    with contextlib.closing(Outbox(outbox.file.parent / "ben")) as other:
        ben = join(other, to, "Ben", "machine-2-machine-2")
    tell_unread(course.places)
    assert capsys.readouterr().out == ""
    for who, text in (("", "Coffee at ten"), (ben.learner, "Well done"), (ada.learner, "Look at step 2")):
        _say(held, "message", text=text, to=who)
    outbox.raise_hand(up=True)
    post(outbox)
    assert [each.text for each in outbox.unread()] == ["Coffee at ten", "Look at step 2"]
    mark = course.places.state / UNREAD
    assert mark.is_file()
    tell_unread(course.places)
    assert not mark.exists()
    told = capsys.readouterr().out.splitlines()
    assert [line.partition("): ")[2] for line in told] == ["Coffee at ten", "Look at step 2"]
    assert told[0].startswith("The teacher says (")
    assert told[0].index(")") == len("The teacher says (12:00"), "of today, the time is enough"
    _say(held, "message", text="Back to work")
    outbox.raise_hand(up=False)
    post(outbox)
    tell_unread(course.places)
    assert capsys.readouterr().out.splitlines()[0].endswith("): Back to work")
    tell_unread(course.places)
    assert capsys.readouterr().out == ""
    assert [each.text for each in outbox.messages()] == ["Coffee at ten", "Look at step 2", "Back to work"]
    _say(held, "message", text="Good bye")
    outbox.raise_hand(up=True)
    post(outbox)
    outbox.leave()
    assert outbox.messages() == []
    assert not mark.exists()


def test_every_unread_message_is_shown_before_it_counts_as_read(
    course: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(sender, "start", lambda _: True)
    with contextlib.closing(Outbox(course.places.state)) as outbox:
        outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
        at = "2026-01-05T10:00:00.000+00:00"
        outbox.acknowledged(0, tuple(Message(id=each, at=at, text=f"number {each}") for each in range(1, 9)))
        for shown in (8, 5):
            assert main(["class", "status"]) == 0
            told = [line for line in capsys.readouterr().out.splitlines() if "The teacher says" in line]
            assert len(told) == shown
            assert told[-1].startswith("The teacher says (2026-01-05 ")
        assert outbox.unread() == []


def test_a_record_that_cannot_be_read_costs_no_name_in_the_class(
    hold: Callable[[], Held], tmp_path: Path
) -> None:
    to = hold().opened.invitation.text
    record = tmp_path / "mine" / "progress.sqlite3"
    with contextlib.closing(Outbox(record.parent)) as outbox:
        record.write_bytes(b"no database" * 1000)
        with pytest.raises(LabError, match="cannot be read"):
            join(outbox, to, "Ada", "machine-1-machine-1")
        record.unlink()
        assert join(outbox, to, "Ada", "machine-2-machine-2").secret


def test_an_unread_message_is_shown_with_a_verdict_and_with_a_hint_but_not_to_programs(
    course: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = course.lab()
    monkeypatch.setattr("checker.session.judging.hint", lambda *_: None)
    monkeypatch.setattr("checker.session.judging.check", lambda *_, **__: report_of(lab))
    with contextlib.closing(Outbox(course.places.state)) as outbox:
        outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
        monkeypatch.setattr("checker.classroom.waking.wake", lambda _: None)
        for number, verb in enumerate(("check", "hint"), start=1):
            said = Message(id=number, at="2026-01-05T10:00:00.000+00:00", text=f"Look at {verb}")
            outbox.acknowledged(0, (said,))
            main([verb, "97", "--json"])
            assert "The teacher says" not in capsys.readouterr().out
            main([verb, "97"])
            assert f"): Look at {verb}\n" in capsys.readouterr().out
            main([verb, "97"])
            assert "The teacher says" not in capsys.readouterr().out


def test_a_class_that_is_away_is_asked_less_and_less_often(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, _, _ = machine
    monkeypatch.setattr(calling, "JITTER_SECONDS", 0.0)
    outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) > 7

    keep_posting(outbox, lambda: 0, wait)
    assert pauses == [0, 5, 10, 20, 40, 60, 60, 60]
    member = outbox.membership()
    assert member is not None
    assert "does not answer" in member.trouble


def test_a_disk_that_is_full_for_a_while_ends_no_sending(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, _, _ = machine
    monkeypatch.setattr(calling, "JITTER_SECONDS", 0.0)
    outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
    pauses: list[float] = []

    def full(*_: object) -> NoReturn:
        raise sqlite3.OperationalError("database or disk is full")

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) > 2

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "trouble", full)
        keep_posting(outbox, full, wait)
        patched.setattr(outbox, "membership", full)
        assert not sender.has_left(outbox)
    assert pauses == [0, 5, 10]
    pauses.clear()
    keep_posting(outbox, full, wait)
    member = outbox.membership()
    assert member is not None
    assert member.trouble == "Progress cannot be read or kept: database or disk is full."
    outbox.leave()
    assert sender.has_left(outbox)


def test_a_machine_in_a_class_is_woken_without_waiting_and_others_are_let_be(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []

    def start(_: object, *, ready: Callable[[int], object], **__: object) -> object:
        started.append(ready(1))
        return started[-1]

    monkeypatch.setattr(background, "start", start)
    wake(course.places)
    assert not (course.places.state / FILE).exists()
    with contextlib.closing(Outbox(course.places.state)) as outbox:
        wake(course.places)
        assert started == []
        outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
        wake(course.places)
        # Ready at once, though nobody holds the lock yet.
        assert started == [True]
        with locked(course.places.state / sender.LOCK, "the sender of a class"):
            wake(course.places)
        assert started == [True]


def test_a_queue_that_cannot_be_read_stops_no_lab(course: Course) -> None:
    course.places.state.mkdir(parents=True, exist_ok=True)
    (course.places.state / FILE).write_bytes(b"this is no database" * 100)
    wake(course.places)


@pytest.mark.parametrize("verb", ["start 97", "up", "check 97", "hint 97", "watch 97", "open 97", "notebook"])
def test_each_command_to_work_with_wakes_what_sends(
    course: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    def woken(places: Places) -> NoReturn:
        assert places.state == course.places.state
        raise LabError("It was woken.")

    course.lab()
    monkeypatch.chdir(course.root)
    monkeypatch.setattr("checker.classroom.waking.wake", woken)
    assert main(verb.split()) == 3
    assert "It was woken." in capsys.readouterr().err


def test_a_wrong_code_is_said(hold: Callable[[], Held], machine: Machine) -> None:
    real = hold().opened.invitation
    with pytest.raises(LabError, match="not this class's code"):
        join(
            machine[0],
            Invitation(real.host, real.port, "WRONGONE", real.fingerprint).text,
            "Ada",
            "machine-1-machine-1",
        )


def test_the_queue_is_the_learners_alone_and_leaving_forgets_it(machine: Machine) -> None:
    outbox, _, _ = machine
    outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
    outbox.raise_hand(up=True)
    assert stat.S_IMODE(outbox.file.stat().st_mode) & 0o077 == 0
    outbox.leave()
    assert outbox.membership() is None
    assert outbox.counts() == (0, 0)
    assert outbox.collect(dict) == 0


def test_a_queue_that_cannot_be_written_says_so(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, _, _ = machine
    outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")

    def full(_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(outbox, "_add", full)
    with pytest.raises(LabError, match="database or disk is full"):
        outbox.raise_hand(up=True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a complete join string"),
        ("192.168.1.5:8443/ABCDEFGH", "not a complete join string"),
        ("192.168.1.5:8443/ABCDEFGH/ABC", "at least 20 letters"),
        ("192.168.1.5:8443/ABCDEFGH/" + "1" * 30, "at least 20 letters"),
        ("192.168.1.5:99999/ABCDEFGH/" + "A" * 30, "99999 is not a port"),
        ("http://x/y/z", "not a complete join string"),
    ],
)
def test_a_join_string_that_is_none_says_what_is_missing(text: str, why: str) -> None:
    with pytest.raises(MisuseError, match=why):
        invitation(text)


@pytest.mark.parametrize("host", ["192.168.1.5", "teacher.local", "fe80::1"])
def test_a_join_string_is_read_as_it_was_written(host: str) -> None:
    made = Invitation(host, 8443, "ABCDEFGH", fingerprint(b"x"))
    assert invitation(made.text) == made
    assert invitation(f" drydock:{made.text[:-1]}\n {made.text[-1]}") == made
    assert invitation(made.text.lower()) == made


def test_a_machine_that_joined_knows_where_the_classs_images_are_until_it_leaves(
    hold: Callable[[], Held], machine: Machine
) -> None:
    held = hold()
    outbox, _, _ = machine
    to = held.opened.invitation
    joined = join(outbox, to.text, "Ada", "machine-1-machine-1")
    place = room.place_of(outbox.file.parent)
    assert place is not None
    assert place.server == to.server
    assert joined.secret not in place.headers.values()
    # Another machine of the same name is not in the class yet.
    other = Outbox(outbox.file.parent / "other")
    join(other, to.text, "Ada", "machine-2-machine-2")
    assert room.place_of(other.file.parent) is None
    other.close()
    outbox.leave()
    assert room.place_of(outbox.file.parent) is None


def test_asking_for_help_promises_only_what_happens(
    course: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(sender, "start", lambda _: True)

    def said(*words: str) -> str:
        assert main(["class", "hand", *words]) == 0
        return capsys.readouterr().out

    with contextlib.closing(Outbox(course.places.state)) as outbox:
        ada = outbox.wants("127.0.0.1:1/ABCDEFGH/" + "A" * 52, "Ada", "machine-1-machine-1")
        assert said() == (
            "The teacher has not let this machine in yet. After that, the teacher sees that you need help.\n"
        )
        outbox.joined(ada, Joined(learner="ada", name="Ada", secret="s", nonce="n"))  # noqa: S106 - of a test
        assert said() == (
            "If the class can be reached, the teacher sees in a few seconds that you need help.\n"
            "`lab class status` says whether it was sent.\n"
        )
        outbox.trouble("The class does not answer.")
        assert said("--down") == (
            "It is sent when the class answers: that you no longer need help.\n"
            "The last try failed: The class does not answer.\n"
        )
        outbox.joined(dataclasses.replace(ada, learner="ada"), Joined(learner="ada", name="Ada"))
        outbox.trouble("The class did not let you in. The teacher says no.")
        assert said() == ("The teacher does not see it: The class did not let you in. The teacher says no.\n")


def test_each_action_of_a_learner_is_one_record_for_programs(
    hold: Callable[[], Held],
    course: Course,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(sender, "start", lambda _: True)

    def record(*words: str) -> dict[str, object]:
        assert main(["class", *words, "--json", "--yes"]) == 0
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    held = hold()
    joined = record("join", held.opened.invitation.text, "--name", "Ada")
    assert (joined["name"], joined["admitted"], joined["sender"]) == ("Ada", True, True)
    sent = {"admitted": True, "trouble": "", "sender": True}
    assert record("hand") == {"hand": True, **sent}
    assert record("hand", "--down") == {"hand": False, **sent}
    assert record("leave") == {"class": joined["class"], "forgotten": 2}
