"""A class on disk: learners, what happened, and messages, in one SQLite file that a single thread writes."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import queue
import secrets
import sqlite3
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from checker.classroom import names
from checker.classroom.protocol import Item, new_code
from checker.course.values import seed_of
from checker.errors import LabError, not_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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
MOST_LEARNERS = 2_000
MOST_PENDING = 200
MOST_TOGETHER = 200
"""How many waiting jobs one transaction takes."""


class NotThisClassError(LabError):
    """A request that does not belong here; `status` is what HTTP calls it."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


@dataclass(frozen=True)
class Learner:
    """One learner of a class."""

    id: str
    name: str
    secret: str
    seq: int
    machine: str


@dataclass(frozen=True)
class About:
    """What a class is called, and what its join string and seals have."""

    name: str
    code: str
    nonce: str


def now() -> str:
    """Return the time by the teacher's clock, which is the one that counts."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


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


# -- jobs ----------------------------------------------------------------------------------------------------


def join(db: sqlite3.Connection, name: str, machine: str) -> tuple[Learner, bool]:
    """Add a learner, or find one; return them, and whether this machine is theirs.

    A second machine under a name that is taken waits for the teacher.
    """
    row = db.execute(
        "SELECT id, name, secret, seq, machine FROM learner WHERE key = ?", (names.key(name),)
    ).fetchone()
    if row is not None:
        known = Learner(*row)
        if known.machine == machine:
            return known, True
        if db.execute("SELECT count(*) FROM pending").fetchone()[0] >= MOST_PENDING:
            raise NotThisClassError(429, "Too many machines wait for the teacher.")
        db.execute(
            "INSERT OR REPLACE INTO pending (machine, learner, at) VALUES (?, ?, ?)",
            (machine, known.id, now()),
        )
        return known, False
    if db.execute("SELECT count(*) FROM learner").fetchone()[0] >= MOST_LEARNERS:
        raise NotThisClassError(429, "This class is full.")
    made = Learner(secrets.token_hex(6), name, secrets.token_hex(32), 0, machine)
    db.execute(
        "INSERT INTO learner (id, name, key, machine, secret, joined) VALUES (?, ?, ?, ?, ?, ?)",
        (made.id, made.name, names.key(name), machine, made.secret, now()),
    )
    return made, True


def admit(db: sqlite3.Connection, machine: str) -> Learner | None:
    """Give a learner's place to a machine that waits for it; the machine of before can no longer post."""
    row = db.execute("SELECT learner FROM pending WHERE machine = ?", (machine,)).fetchone()
    if row is None:
        return None
    db.execute(
        "UPDATE learner SET machine = ?, secret = ? WHERE id = ?", (machine, secrets.token_hex(32), row[0])
    )
    db.execute("DELETE FROM pending WHERE learner = ?", (row[0],))
    return learner(db, row[0])


def turn_away(db: sqlite3.Connection, machine: str) -> None:
    """Forget a machine that waits."""
    db.execute("DELETE FROM pending WHERE machine = ?", (machine,))


def pending(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Return the machines that wait: the machine, the learner's id and since when."""
    return list(db.execute("SELECT machine, learner, at FROM pending ORDER BY at"))


def learner(db: sqlite3.Connection, wanted: str) -> Learner | None:
    """Return a learner by id."""
    row = db.execute("SELECT id, name, secret, seq, machine FROM learner WHERE id = ?", (wanted,)).fetchone()
    return Learner(*row) if row else None


def learners(db: sqlite3.Connection) -> list[Learner]:
    """Return all learners."""
    return [Learner(*row) for row in db.execute("SELECT id, name, secret, seq, machine FROM learner")]


def add(
    db: sqlite3.Connection, wanted: str, seq_from: int, items: tuple[Item, ...]
) -> tuple[int, list[tuple[int, str, Item]]]:
    """Add what is new of a batch; return the last number of all, and what was new with its time.

    The same batch a hundred times adds it once. A batch that leaves a gap is refused: the machine sends from there again.
    """
    row = db.execute("SELECT seq FROM learner WHERE id = ?", (wanted,)).fetchone()
    if row is None:
        raise NotThisClassError(403, "Nobody of this class is called that.")
    before = int(row[0])
    if seq_from > before + 1:
        return before, []
    at, new = now(), []
    for number, item in enumerate(items, start=seq_from):
        if number > before:
            new.append((number, at, item))
    db.executemany(
        "INSERT INTO event (learner, seq, at, item) VALUES (?, ?, ?, ?)",
        [(wanted, number, at, msgspec.json.encode(item)) for number, at, item in new],
    )
    last = max(before, seq_from + len(items) - 1)
    db.execute("UPDATE learner SET seq = ? WHERE id = ?", (last, wanted))
    return last, new


def give_own_values(db: sqlite3.Connection) -> bool:
    """Have the class give each learner values of their own from now on; return whether it does.

    A class in which somebody has begun with the lesson's values goes on with them.
    """
    if has_own_values(db):
        return True
    if db.execute("SELECT count(*) FROM learner").fetchone()[0]:
        return False
    db.execute("INSERT INTO own_values (one, key) VALUES (1, ?)", (new_code(),))
    return True


def has_own_values(db: sqlite3.Connection) -> bool:
    """Whether the class gives each learner values of their own."""
    return bool(db.execute("SELECT count(*) FROM own_values").fetchone()[0])


def seed(db: sqlite3.Connection, wanted: str) -> str:
    """Return what a learner's own values are drawn from, which never changes; empty if the class gives none.

    Learners are numbered in the order in which they are first asked for, so that neighbours have different values.
    """
    row = db.execute("SELECT key FROM own_values").fetchone()
    if row is None:
        return ""
    db.execute("INSERT OR IGNORE INTO place (learner, number) SELECT ?, count(*) FROM place", (wanted,))
    number = db.execute("SELECT number FROM place WHERE learner = ?", (wanted,)).fetchone()[0]
    return seed_of(str(row[0]), int(number))


def places(db: sqlite3.Connection) -> tuple[str, list[tuple[str, int]]]:
    """Return the class's key for values, empty if it gives none, and each learner's name and number."""
    if not db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'own_values'").fetchone()[0]:
        return "", []  # a class that an earlier version made
    row = db.execute("SELECT key FROM own_values").fetchone()
    rows = db.execute("SELECT name, number FROM learner JOIN place ON place.learner = learner.id")
    return (str(row[0]), [(str(name), int(number)) for name, number in rows]) if row else ("", [])


def events(db: sqlite3.Connection) -> Iterator[tuple[str, int, str, Item]]:
    """Yield everything that happened, each learner's in the order of their numbers."""
    for who, seq, at, item in db.execute("SELECT learner, seq, at, item FROM event ORDER BY learner, seq"):
        yield who, seq, at, msgspec.json.decode(item, type=Item)


def say(db: sqlite3.Connection, to: str, text: str) -> int:
    """Keep a message to a learner, or to all if no id is given, and return its number."""
    return int(
        db.execute("INSERT INTO message (learner, at, text) VALUES (?, ?, ?)", (to, now(), text)).lastrowid
        or 0
    )


def last_message(db: sqlite3.Connection, wanted: str) -> tuple[int, str]:
    """Return the newest message to a learner or to all; (0, "") if there is none."""
    row = db.execute(
        "SELECT id, text FROM message WHERE learner IN ('', ?) ORDER BY id DESC LIMIT 1", (wanted,)
    ).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")
