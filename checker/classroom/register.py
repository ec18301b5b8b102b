"""A class on disk: learners, what happened, and messages, in one SQLite file that the event loop alone writes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from checker.classroom import names
from checker.classroom.checkpoints import Checkpoints
from checker.classroom.protocol import new_code
from checker.classroom.roster import NotThisClassError, now
from checker.errors import LabError, not_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS class (
    one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL, code TEXT NOT NULL, nonce TEXT NOT NULL, made TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS learner (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL UNIQUE, machine TEXT NOT NULL, secret TEXT NOT NULL,
    joined TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS pending (
    machine TEXT PRIMARY KEY, learner TEXT NOT NULL REFERENCES learner (id) ON DELETE CASCADE, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS turned_away (
    machine TEXT NOT NULL, learner TEXT NOT NULL REFERENCES learner (id) ON DELETE CASCADE, PRIMARY KEY (machine, learner)
);
CREATE TABLE IF NOT EXISTS event (
    learner TEXT NOT NULL REFERENCES learner (id) ON DELETE CASCADE, seq INTEGER NOT NULL, at TEXT NOT NULL,
    item BLOB NOT NULL, PRIMARY KEY (learner, seq)
);
CREATE TABLE IF NOT EXISTS own_values (one INTEGER PRIMARY KEY CHECK (one = 1), key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS place (
    learner TEXT PRIMARY KEY REFERENCES learner (id) ON DELETE CASCADE, number INTEGER NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, learner TEXT NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL);
"""
# `event` is in the order in which events came, so that one commit changes few pages of the file. Sorted by learner, as it was
# in classes of earlier versions, each commit changed a page of every learner in it, and three times as much was written.

FOLDER = "class"
"""The folder of a class in the state folder: its register, certificate and key."""

REGISTER = "register.sqlite3"
"""The file of a class, in its folder."""

BUSY_MS = 5000


@dataclass(frozen=True)
class About:
    """What a class is called, and what its join string and seals have."""

    name: str
    code: str
    nonce: str


class Register:
    """The file of a class. It is used by one thread: the one that made it.

    A commit takes less time than waking another thread that makes it, by far so on a machine that is busy: it gives some
    pages to the operating system, and does not wait for the disk. `checker.classroom.checkpoints` does that.

    Args:
        file: the database; made if it does not exist, readable for its owner alone.
        name: what the class is called when it is made.

    Raises:
        LabError: it cannot be made or read.
    """

    def __init__(self, file: Path, name: str = "") -> None:
        self.file = file
        self._waiting: list[tuple[Callable[[sqlite3.Connection], Any], asyncio.Future[Any]]] = []
        self._db, self.about = _opened(file, name)
        self._checkpoints = Checkpoints(file, self._commit)

    def at_once(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job in a transaction of its own, and return what it does; then that is on disk.

        Raises:
            LabError: what the job raised; nothing of it is kept.
            NotThisClassError: the disk takes nothing (503).
        """
        ((result, problem),) = _together(self._db, [job])
        if problem is not None:
            raise problem
        return result  # type: ignore[no-any-return]

    async def do(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job in one transaction with the others of this turn of the event loop, and return what it does.

        What it returns is on disk: a server that is killed right after has not lost it.

        Raises:
            LabError: what the job raised; nothing of it is kept.
            NotThisClassError: the disk takes nothing (503).
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._waiting.append((job, done))
        if len(self._waiting) == 1:
            # After everybody whose request was read in this turn: as many as came share one commit.
            loop.call_soon(self._commit)
        return await done

    def _commit(self) -> None:
        if self._checkpoints.held or not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for (_, done), (result, problem) in zip(
            waiting, _together(self._db, [job for job, _ in waiting]), strict=True
        ):
            if done.done():
                continue
            if problem is None:
                done.set_result(result)
            else:
                done.set_exception(problem)
        self._checkpoints.written()

    def read(self, question: Callable[[sqlite3.Connection], Iterable[T]], together: int) -> Iterator[list[T]]:
        """Yield what a question yields, several at a time; it may be read in other threads than the one that writes.

        Args:
            question: what is read; it changes nothing.
            together: how many at a time.
        """
        reading = sqlite3.connect(
            f"{self.file.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
        )
        with contextlib.closing(reading) as db:
            found = iter(question(db))
            while many := list(itertools.islice(found, together)):
                yield many

    def close(self) -> None:
        """Close the file; what still waits is written before."""
        self._checkpoints.close()
        self._commit()
        self._db.close()


def _opened(file: Path, name: str) -> tuple[sqlite3.Connection, About]:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made closed to others before anything is written into it.
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise not_written(file, error) from error
    try:
        db = sqlite3.connect(file, isolation_level=None, timeout=BUSY_MS / 1000)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        db.executescript(_SCHEMA)
        row = db.execute("SELECT name, code, nonce FROM class").fetchone()
        if row is None:
            row = (names.plain(name, names.MOST_NAME) or "a class", new_code(), secrets.token_hex(16))
            db.execute(
                "INSERT INTO class (one, name, code, nonce, made) VALUES (1, ?, ?, ?, ?)", (*row, now())
            )
        db.execute("PRAGMA wal_autocheckpoint = 0")
    except sqlite3.Error as error:
        raise LabError(
            f"The class in {file} cannot be used: {error}.",
            remedy="Free some disk space, or move the file aside and start a new class.",
        ) from error
    return db, About(*row)


def _together(
    db: sqlite3.Connection, jobs: Iterable[Callable[[sqlite3.Connection], Any]]
) -> list[tuple[Any, Exception | None]]:
    """Run jobs in one transaction; return what each returned, or raised. One that fails undoes only itself."""
    jobs = list(jobs)
    found: list[tuple[Any, Exception | None]] = []
    try:
        db.execute("BEGIN IMMEDIATE")
        for job in jobs:
            db.execute("SAVEPOINT job")
            try:
                found.append((job(db), None))
            except Exception as error:  # noqa: BLE001 - given to the caller who waits for it
                db.execute("ROLLBACK TO job")
                found.append((None, error))
            db.execute("RELEASE job")
        db.execute("COMMIT")
    except sqlite3.Error as error:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        full = NotThisClassError(503, f"The class's disk cannot be written now: {error}.")
        return [(None, full) for _ in jobs]
    return found
