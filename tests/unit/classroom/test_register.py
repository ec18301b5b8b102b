"""The file of a class: what was acknowledged is on disk, whatever happens right after, and the log stays short."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from checker.classroom import checkpoints, roster
from checker.classroom.board import Stream
from checker.classroom.register import Register
from checker.errors import LabError
from checker.web.stream import Reader
from tests.unit.classroom.classes import LAB, Class, Clock, in_class, opened, verdict

if TYPE_CHECKING:
    from pathlib import Path

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from checker.classroom import roster
from checker.classroom.register import Register
from tests.unit.classroom.classes import verdict

async def post(kept, learner, of):
    for number in range(1, of + 1):
        last, _ = await kept.do(lambda db: roster.add(db, learner, number, (verdict(),)))
        print(learner, last, flush=True)

async def main():
    kept = Register(Path(sys.argv[1]), "Monday")
    people = [(await kept.do(lambda db: roster.join(db, name, name * 16)))[0].id for name in "abc"]
    posting = [asyncio.create_task(post(kept, each, 1000)) for each in people]
    await asyncio.wait([asyncio.create_task(post(kept, people[0], 0)), posting[0]], timeout=0.5)
    kept.do(lambda db: None)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def numbers(file: Path) -> dict[str, list[int]]:
    """Return the numbers of the items that a file has, by learner."""
    found: dict[str, list[int]] = {}
    with contextlib.closing(sqlite3.connect(file)) as db:
        for who, number in db.execute("SELECT learner, seq FROM event ORDER BY learner, seq"):
            found.setdefault(who, []).append(number)
    return found


def test_what_was_acknowledged_is_on_disk_after_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "register.sqlite3"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    said = dict(line.split() for line in done.stdout.splitlines())
    found = numbers(file)
    assert len(said) == 3
    for who, last in said.items():
        assert found[who][: int(last)] == list(range(1, int(last) + 1))
        assert found[who] == list(range(1, len(found[who]) + 1))


def test_what_comes_in_one_turn_shares_one_commit(tmp_path: Path) -> None:
    async def body(the: Class) -> None:
        people = [await the.joined(name) for name in ("Ada", "Ben", "Cem")]
        said: list[str] = []
        the.room.register._db.set_trace_callback(said.append)
        the.clock.now += 1
        await asyncio.gather(*(the.post(each, verdict()) for each in people))
        assert said.count("COMMIT") == 1

    in_class(tmp_path, body)


@pytest.mark.parametrize("problem", [LabError("no"), sqlite3.OperationalError("no"), KeyError("no")])
def test_a_job_that_fails_undoes_only_itself(tmp_path: Path, problem: Exception) -> None:
    def fail(db: sqlite3.Connection) -> None:
        roster.say(db, "", "not this one")
        raise problem

    async def run() -> None:
        kept = Register(tmp_path / "register.sqlite3")
        first, failed, last = await asyncio.gather(
            kept.do(lambda db: roster.say(db, "", "one")),
            kept.do(fail),
            kept.do(lambda db: roster.say(db, "", "two")),
            return_exceptions=True,
        )
        assert (first, failed, last) == (1, problem, 2)
        assert kept.at_once(lambda db: roster.last_message(db, "")) == (2, "two")
        kept.close()

    asyncio.run(run())


def test_the_log_stays_short_however_much_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 0.0)
    file = tmp_path / "register.sqlite3"

    async def run() -> None:
        kept = Register(file)
        ada, _ = await kept.do(lambda db: roster.join(db, "Ada", "a" * 16))
        lengths = []
        for number in range(1, 1001):
            await kept.do(lambda db, seq=number: roster.add(db, ada.id, seq, (verdict(),)))  # type: ignore[misc]
            while number % 50 == 0 and (task := kept._checkpoints._task):
                await task
            lengths.append(file.with_name(f"{file.name}-wal").stat().st_size)
        # Fifty commits change 250 pages of 4 KiB at most, and all of them 2,000 at least.
        assert max(lengths) < 50 * 5 * 4200
        kept.close()

    asyncio.run(run())
    assert len(next(iter(numbers(file).values()))) == 1000


def test_commits_wait_for_the_end_of_a_checkpoint_and_for_that_of_the_class(tmp_path: Path) -> None:
    file = tmp_path / "register.sqlite3"

    async def run() -> None:
        kept = Register(file)
        kept._checkpoints.held = True
        waiting = asyncio.create_task(kept.do(lambda db: roster.say(db, "", "hello")))
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
        kept.close()
        assert await waiting == 1

    asyncio.run(run())


def test_a_class_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "register.sqlite3"
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.executescript(
            """
            CREATE TABLE learner (
                id TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL UNIQUE, machine TEXT NOT NULL,
                secret TEXT NOT NULL, seq INTEGER NOT NULL DEFAULT 0, joined TEXT NOT NULL
            );
            CREATE TABLE event (
                learner TEXT NOT NULL REFERENCES learner (id) ON DELETE CASCADE, seq INTEGER NOT NULL, at TEXT NOT NULL,
                item BLOB NOT NULL, PRIMARY KEY (learner, seq)
            ) WITHOUT ROWID;
            """
        )

    async def run() -> None:
        async with opened(file) as the:
            ada = await the.joined("Ada", "m" * 16)
            assert (await the.post(ada, verdict(), verdict())).json()["seq_acked"] == 2
        async with opened(file, Clock()) as the:
            ada = await the.joined("Ada", "m" * 16)
            assert ada.seq == 2
            assert (await the.post(ada, verdict(), seq=3)).json()["seq_acked"] == 3
            assert (await the.state())["rows"][0]["tries"] == 3

    asyncio.run(run())
    assert list(numbers(file).values()) == [[1, 2, 3]]


def test_the_page_of_a_class_that_nobody_has_joined_is_told_so_at_once(tmp_path: Path) -> None:
    class Gone(Reader):
        def __init__(self) -> None:
            pass

        async def is_there(self, seconds: float, event: asyncio.Event | None = None) -> bool:
            del seconds, event
            return False

    async def body(the: Class) -> None:
        (told,) = [each async for each in Stream(the.room)._changes(Gone())]
        assert b'"joined":0' in told

    in_class(tmp_path, body)


@pytest.mark.parametrize("many", [0, 1, 4, 5])
def test_all_that_happened_is_one_document_however_much_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr("checker.classroom.room.EXPORTED_TOGETHER", 2)

    async def body(the: Class) -> None:
        ada = await the.joined("Ada")
        for number in range(1, many + 1):
            assert (await the.post(ada, verdict(), seq=number)).status_code == 200
        events = json.loads((await the.own.get("/api/events")).content)
        assert [each["seq"] for each in events] == list(range(1, many + 1))
        assert all(each["item"]["lab"] == LAB.slug and each["learner"] == "Ada" for each in events)

    in_class(tmp_path, body)
