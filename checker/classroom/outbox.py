"""What a learner's machine has to tell its class: read from the record, kept on disk until the class has it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from checker.classroom import names, protocol
from checker.classroom.protocol import (
    BODY_BYTES,
    LEARNER,
    MOST_ITEMS,
    READING,
    REASON_BYTES,
    SEAL,
    CheckState,
    Item,
    ItemKind,
    Message,
)
from checker.classroom.waking import FILE
from checker.course import values
from checker.errors import LabError, not_written
from checker.images import room
from checker.results import Kind, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from checker.classroom.known import Known
    from checker.classroom.protocol import Invitation, Joined

_SCHEMA = """
CREATE TABLE IF NOT EXISTS class (
    one INTEGER PRIMARY KEY CHECK (one = 1), invitation TEXT NOT NULL, name TEXT NOT NULL, machine TEXT NOT NULL,
    learner TEXT NOT NULL DEFAULT '', secret TEXT NOT NULL DEFAULT '', nonce TEXT NOT NULL DEFAULT '',
    class_name TEXT NOT NULL DEFAULT '', acked INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL, hint TEXT NOT NULL,
    message INTEGER NOT NULL DEFAULT 0, message_text TEXT NOT NULL DEFAULT '', trouble TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY AUTOINCREMENT, item BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS refused (id INTEGER PRIMARY KEY, item BLOB NOT NULL, why TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS seen_hint (id INTEGER NOT NULL, at TEXT NOT NULL, PRIMARY KEY (id, at));
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, text TEXT NOT NULL, shown INTEGER NOT NULL DEFAULT 0
);
"""

# `seen_hint` has the hints of the record that were queued, or were there before. Their times do not say which are new, because
# a clock may be set back, and neither do their numbers: after `lab reset`, the next hint may have one that was used before.
# `class.hint` is the time of the last one in a file that an earlier version made.

_OF_A_CLASS = ("class", "waiting", "refused", "message", "seen_hint")
"""The tables that are emptied when the machine leaves a class."""

UNREAD = "class-unread"
"""A file that is there while the learner was not shown a message: `lab` looks for it before it imports anything."""

MOST_SHOWN = 5
"""How many of the last messages are shown."""


@dataclass(frozen=True)
class Membership:
    """The class that a machine belongs to."""

    invitation: str
    name: str
    machine: str
    learner: str
    secret: str
    nonce: str
    class_name: str
    acked: int
    message: int
    """The number of the last message that arrived."""
    message_text: str
    trouble: str
    """Why the last try to reach the class failed; empty if it did not."""

    @property
    def admitted(self) -> bool:
        """Whether the machine may post; not while it waits for the teacher."""
        return bool(self.secret)

    def remains(self, to: Invitation, name: str) -> bool:
        """Whether joining a class under a name changes nothing but these: the same learner, or one who was never let in.

        Args:
            to: the class.
            name: the learner's name.
        """
        same = to.is_same_class(protocol.invitation(self.invitation))
        return same and (not self.learner or names.key(self.name) == names.key(name))


class Outbox:
    """The queue of one machine, in one SQLite file that only its owner can read.

    Args:
        state: the folder that `lab` keeps its state in.

    Raises:
        LabError: it cannot be made or read.
    """

    def __init__(self, state: Path) -> None:
        self.file = state / FILE
        self._record = state / "progress.sqlite3"
        try:
            state.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise not_written(self.file, error) from error
        try:
            self._db = sqlite3.connect(self.file, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise LabError(
                f"What is to be sent to the class cannot be kept in {self.file}: {error}.",
                remedy="Free some disk space; if the file is damaged, remove it and join again.",
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def membership(self) -> Membership | None:
        """Return the class that this machine belongs to, None if it belongs to none."""
        row = self._db.execute(
            "SELECT invitation, name, machine, learner, secret, nonce, class_name, acked, message, message_text, trouble"
            " FROM class"
        ).fetchone()
        return Membership(*row) if row else None

    def machine_for(self, to: Invitation, name: str) -> str:
        """Return the text that stands for this machine when it joins a class; empty if it has to be a new one."""
        now = self.membership()
        return now.machine if now is not None and now.remains(to, name) else ""

    def require_readable(self) -> None:
        """Require what `wants` reads, before the class has given the name to this machine.

        Raises:
            LabError: the record of verdicts cannot be read.
        """
        try:
            self._ends()
        except sqlite3.Error as error:
            raise LabError(
                f"{self._record} cannot be read: {error}.",
                remedy="`lab list` sets a damaged file aside and begins another one; then join again.",
            ) from error

    def wants(self, invitation: str, name: str, machine: str) -> Membership:
        """Note that this machine joins a class; one that is in it already, or waits for it, keeps what it has.

        The class hears only of what happens from now on, and nothing that waits for another class.

        Raises:
            MisuseError: it is not a join string.
        """
        attempt, hints = self._ends()
        now = self.membership()
        to = protocol.invitation(invitation)
        if now is not None and now.remains(to, name):
            self._db.execute("UPDATE class SET invitation = ?, name = ?", (invitation, name))
        else:
            with self._transaction():
                for table in _OF_A_CLASS:
                    self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
                self._db.execute(
                    "INSERT INTO class (one, invitation, name, machine, attempt, hint) VALUES (1, ?, ?, ?, ?, '')",
                    (invitation, name, machine, attempt),
                )
                self._db.executemany("INSERT INTO seen_hint (id, at) VALUES (?, ?)", hints)
            room.forget(self.file.parent)
            values.note(self.file.parent, "")
            self._unmark()
        found = self.membership()
        assert found is not None  # noqa: S101 - it was written above
        return found

    def joined(self, asked: Membership, answer: Joined) -> None:
        """Note the class's reply: numbers continue after the class's last, and labs have the values that it gives.

        Args:
            asked: the membership as it was when the class was asked; nothing is noted if it has ended since.
            answer: what the class replied. Without a secret, the teacher has to say yes first.
        """
        now = self.membership()
        if now is None or (now.machine, now.name) != (asked.machine, asked.name):
            return
        if not answer.secret:
            # Another machine has this name now. What the old secret seals is refused.
            self._db.execute("UPDATE class SET secret = '', trouble = ''")
            room.forget(self.file.parent)
            return
        values.note(self.file.parent, answer.values)
        seq = max(now.acked, answer.seq) if now.learner == answer.learner else answer.seq
        self._db.execute(
            "UPDATE class SET learner = ?, secret = ?, nonce = ?, class_name = ?, acked = ?, trouble = ''",
            (answer.learner, answer.secret, answer.nonce, answer.class_name, seq),
        )
        server = protocol.invitation(now.invitation).server
        permit = {LEARNER: answer.learner, SEAL: protocol.seal(answer.secret, answer.nonce, READING)}
        room.note(self.file.parent, room.Place(server.host, server.port, server.fingerprint, permit))

    def leave(self) -> None:
        """Forget the class, and what was not sent."""
        with self._transaction():
            for table in _OF_A_CLASS:
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        room.forget(self.file.parent)
        values.note(self.file.parent, "")
        self._unmark()

    def raise_hand(self, *, up: bool) -> None:
        """Queue that the learner asks for help, or no longer does."""
        self._queue([Item(kind=ItemKind.HAND, up=up)])

    def collect(self, labs: Callable[[], Mapping[str, Known]]) -> int:
        """Queue what the record has that is new, and return how much that was.

        The place in the record and what is queued change in one transaction: nothing is lost or told twice.

        Args:
            labs: returns what is known of the labs, by slug; called only if there is a new verdict, because it takes time.
        """
        row = self._db.execute("SELECT attempt, hint FROM class").fetchone()
        if row is None or not self._record.is_file():
            return 0
        attempt, before = int(row[0]), str(row[1])
        seen = set(self._db.execute("SELECT id, at FROM seen_hint"))
        found: list[tuple[str, Item]] = []
        with contextlib.closing(
            sqlite3.connect(f"{self._record.as_uri()}?mode=ro", uri=True, timeout=10)
        ) as db:
            if _newest(db) < attempt:
                attempt = 0  # a damaged record was set aside, and its successor counts from 1
            new = db.execute(
                "SELECT id, started, report FROM attempt WHERE id > ? ORDER BY id", (attempt,)
            ).fetchall()
            hints = db.execute("SELECT id, at, lab, check_id FROM hint ORDER BY id").fetchall()
        known = labs() if new else {}
        # Verdicts stay in their order, and so do hints. The clock only says how to put one list into the other.
        latest = ""
        for number, started, text in new:
            attempt, latest = number, max(latest, started)
            if item := _verdict(text, known):
                found.append((latest, item))
        latest = ""
        for number, at, lab, check in hints:
            if (number, at) not in seen and not at <= before:
                latest = max(latest, at)
                found.append((latest, Item(kind=ItemKind.HINT, at=at, lab=lab, check=check)))
        found.sort(key=lambda one: one[0])
        there = {(number, at) for number, at, _, _ in hints}
        with self._transaction():
            self._add([item for _, item in found])
            self._db.execute("UPDATE class SET attempt = ?, hint = ''", (attempt,))
            self._db.executemany("DELETE FROM seen_hint WHERE id = ? AND at = ?", seen - there)
            self._db.executemany("INSERT INTO seen_hint (id, at) VALUES (?, ?)", there - seen)
        return len(found)

    def _ends(self) -> tuple[int, list[tuple[int, str]]]:
        if not self._record.is_file():
            return 0, []
        with contextlib.closing(
            sqlite3.connect(f"{self._record.as_uri()}?mode=ro", uri=True, timeout=10)
        ) as db:
            return _newest(db), db.execute("SELECT id, at FROM hint").fetchall()

    def next(self) -> tuple[int, list[Item]]:
        """Return the number of the first item that the class does not have, and the items of the next batch."""
        acked = self._db.execute("SELECT acked FROM class").fetchone()
        items: list[Item] = []
        size = 0
        for (data,) in self._db.execute("SELECT item FROM waiting ORDER BY id LIMIT ?", (MOST_ITEMS,)):
            size += len(data) + 1
            if size > BODY_BYTES - 500 and items:
                break
            items.append(msgspec.json.decode(data, type=Item))
        return (int(acked[0]) if acked else 0) + 1, items

    def acknowledged(self, seq: int, messages: tuple[Message, ...] = ()) -> None:
        """Drop what the class has up to a number, and keep its messages."""
        with self._transaction():
            before = int(self._db.execute("SELECT acked FROM class").fetchone()[0])
            self._db.execute(
                "DELETE FROM waiting WHERE id IN (SELECT id FROM waiting ORDER BY id LIMIT ?)",
                (max(0, seq - before),),
            )
            self._db.execute("UPDATE class SET acked = ?, trouble = ''", (seq,))
            for each in messages:
                self._db.execute(
                    "INSERT OR IGNORE INTO message (id, at, text) VALUES (?, ?, ?)",
                    (each.id, each.at, each.text),
                )
                self._db.execute("UPDATE class SET message = ?, message_text = ?", (each.id, each.text))
        if messages:
            with contextlib.suppress(OSError):
                self._mark.touch()

    def set_aside(self, why: str) -> None:
        """Set the first item aside, which the class does not take, so that those behind it are sent."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO refused (item, why) SELECT item, ? FROM waiting ORDER BY id LIMIT 1", (why,)
            )
            self._db.execute("DELETE FROM waiting WHERE id = (SELECT min(id) FROM waiting)")

    def trouble(self, why: str) -> None:
        """Note why the class could not be reached."""
        self._db.execute("UPDATE class SET trouble = ?", (why,))

    def counts(self) -> tuple[int, int]:
        """Return how many items wait, and how many were set aside."""
        waiting = self._db.execute("SELECT count(*) FROM waiting").fetchone()[0]
        return int(waiting), int(self._db.execute("SELECT count(*) FROM refused").fetchone()[0])

    def messages(self) -> list[Message]:
        """Return the teacher's last messages, the oldest first."""
        rows = self._db.execute(
            "SELECT id, at, text FROM message ORDER BY id DESC LIMIT ?", (MOST_SHOWN,)
        ).fetchall()
        return [Message(id=number, at=at, text=text) for number, at, text in reversed(rows)]

    def unread(self) -> list[Message]:
        """Return the messages that the learner was not shown yet, the oldest first."""
        rows = self._db.execute("SELECT id, at, text FROM message WHERE NOT shown ORDER BY id")
        return [Message(id=number, at=at, text=text) for number, at, text in rows]

    def was_shown(self, messages: list[Message]) -> None:
        """Note that the learner was shown messages."""
        with self._transaction():
            self._db.executemany(
                "UPDATE message SET shown = 1 WHERE id = ?", [(each.id,) for each in messages]
            )
        self._unmark()

    @property
    def _mark(self) -> Path:
        return self.file.with_name(UNREAD)

    def _unmark(self) -> None:
        if not self.unread():
            with contextlib.suppress(OSError):
                self._mark.unlink(missing_ok=True)

    def refusal(self) -> str:
        """Return why the class did not take the last item that was set aside; empty if there is none."""
        row = self._db.execute("SELECT why FROM refused ORDER BY id DESC LIMIT 1").fetchone()
        return str(row[0]) if row else ""

    def _queue(self, items: list[Item]) -> None:
        with self._transaction():
            self._add(items)

    def _add(self, items: list[Item]) -> None:
        self._db.executemany(
            "INSERT INTO waiting (item) VALUES (?)", [(msgspec.json.encode(item),) for item in items]
        )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Write everything in the block, or nothing."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise LabError(
                f"What is to be sent to the class cannot be kept in {self.file}: {error}.",
                remedy="Free some disk space.",
            ) from error


def _newest(record: sqlite3.Connection) -> int:
    return int(record.execute("SELECT coalesce(max(id), 0) FROM attempt").fetchone()[0])


def _verdict(text: str, labs: Mapping[str, Known]) -> Item | None:
    """Return a stored report as an item; None for one that this version of the course cannot read."""
    try:
        report = msgspec.json.decode(text, type=Report)
    except msgspec.MsgspecError:
        return None
    lab = labs.get(report.lab)
    if lab is None:
        return None
    checks = [
        CheckState(
            id=check.id,
            state=check.status,
            reason=names.plain(check.failure.reason if check.failure else "", 200),
            # Cut by characters; one has at most four bytes.
            said=names.plain(check.failure.rationale if check.failure else check.reason, REASON_BYTES // 4),
            known=lab.recognise(check)[:80],
        )
        for check in report.checks
        if check.kind is Kind.GOAL
    ]
    return Item(
        kind=ItemKind.VERDICT,
        at=report.started[:40],
        lab=report.lab,
        course=lab.digest,
        checks=tuple(checks[:60]),
    )
