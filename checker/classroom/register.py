"""A class on disk: learners, what happened, and messages, in one SQLite file that a single thread writes."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import sqlite3
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from checker.classroom import names
from checker.classroom.protocol import new_code
from checker.classroom.roster import NotThisClassError, now
from checker.errors import LabError, not_written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS class (
    one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL, code TEXT NOT NULL, nonce TEXT NOT NULL, made TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS learner (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL UNIQUE, machine TEXT NOT NULL, secret TEXT NOT NULL,
    seq INTEGER NOT NULL DEFAULT 0, joined TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS pending (
    machine TEXT PRIMARY KEY, learner TEXT NOT NULL REFERENCES learner (id) ON DELETE CASCADE, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS event (
    learner TEXT NOT NULL REFERENCES learner (id) ON DELETE CASCADE, seq INTEGER NOT NULL, at TEXT NOT NULL,
    item BLOB NOT NULL, PRIMARY KEY (learner, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS own_values (one INTEGER PRIMARY KEY CHECK (one = 1), key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS place (
    learner TEXT PRIMARY KEY REFERENCES learner (id) ON DELETE CASCADE, number INTEGER NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, learner TEXT NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL);
"""

FOLDER = "class"
"""The folder of a class in the state folder: its register, certificate and key."""

REGISTER = "register.sqlite3"
"""The file of a class, in its folder."""

BUSY_MS = 5000
MOST_TOGETHER = 200
"""How many waiting jobs one transaction takes."""


@dataclass(frozen=True)
class About:
    """What a class is called, and what its join string and seals have."""

    name: str
    code: str
    nonce: str


class Register:
    """The file of a class. Reads and writes happen in one thread, several waiting writes in one transaction.

    What a future of this class returns is on disk: a server that is killed right after has not lost it.

    Args:
        file: the database; made if it does not exist, readable for its owner alone.
        name: what the class is called when it is made.

    Raises:
        LabError: it cannot be made or read.
    """

    def __init__(self, file: Path, name: str = "") -> None:
        self.file = file
        self._jobs: queue.SimpleQueue[tuple[Callable[[sqlite3.Connection], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        ready: Future[About] = Future()
        self._thread = threading.Thread(target=self._run, args=(name, ready), name="register", daemon=True)
        self._thread.start()
        self.about = ready.result()

    def do(self, job: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run a job in the writing thread, in a transaction; the future is done when that is on disk."""
        future: Future[T] = Future()
        self._jobs.put((job, future))
        return future

    def close(self) -> None:
        """End the thread after everything that waits, and close the file."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self, name: str, ready: Future[About]) -> None:
        try:
            db, about = _opened(self.file, name)
        except BaseException as error:  # noqa: BLE001 - the opener gets it
            ready.set_exception(error)
            return
        ready.set_result(about)
        with contextlib.closing(db):
            while (first := self._jobs.get()) is not None:
                jobs, last = [first], False
                with contextlib.suppress(queue.Empty):
                    while len(jobs) < MOST_TOGETHER:
                        following = self._jobs.get_nowait()
                        if following is None:
                            last = True
                            break
                        jobs.append(following)
                _together(db, jobs)
                if last:
                    return


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
    except sqlite3.Error as error:
        raise LabError(
            f"The class in {file} cannot be used: {error}.",
            remedy="Free some disk space, or move the file aside and start a new class.",
        ) from error
    return db, About(*row)


def _together(
    db: sqlite3.Connection, jobs: list[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]]
) -> None:
    """Run jobs in one transaction; one that fails undoes only itself."""
    done: list[tuple[Future[Any], Any]] = []
    failed: list[tuple[Future[Any], BaseException]] = []
    try:
        db.execute("BEGIN IMMEDIATE")
        for job, future in jobs:
            db.execute("SAVEPOINT job")
            try:
                done.append((future, job(db)))
            except (LabError, sqlite3.Error, ValueError) as error:
                db.execute("ROLLBACK TO job")
                failed.append((future, error))
            db.execute("RELEASE job")
        db.execute("COMMIT")
    except sqlite3.Error as error:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        full = NotThisClassError(503, f"The class's disk cannot be written now: {error}.")
        for _, future in jobs:
            future.set_exception(full)
        return
    for future, result in done:
        future.set_result(result)
    for future, problem in failed:
        future.set_exception(problem)
