"""The roster of a class: what is asked of its register and changed in it, each in one transaction."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from checker.classroom import names
from checker.classroom.protocol import Item, Message, new_code
from checker.course.values import seed_of
from checker.errors import LabError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

MOST_LEARNERS = 2_000
MOST_PENDING = 200
"""How many machines may wait for the teacher."""

MOST_MESSAGES = 10
"""How many messages one answer brings."""


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


def now() -> str:
    """Return the time by the teacher's clock, which is the one that counts."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


_SEQ = "(SELECT coalesce(max(seq), 0) FROM event WHERE event.learner = learner.id)"
"""The number of the last item of a learner. It is not kept beside the items: each post would change one more page."""

_LEARNER = f"SELECT id, name, secret, {_SEQ}, machine FROM learner"  # noqa: S608 - a text of ours


def join(db: sqlite3.Connection, name: str, machine: str) -> tuple[Learner, bool]:
    """Add a learner, or find one; return them, and whether this machine is theirs.

    A second machine under a name that is taken waits for the teacher.

    Raises:
        NotThisClassError: the teacher said that the machine is not theirs (403), or there are too many already (429).
    """
    row = db.execute(f"{_LEARNER} WHERE key = ?", (names.key(name),)).fetchone()
    # A machine waits for one name: the last one that it asked for.
    db.execute("DELETE FROM pending WHERE machine = ? AND learner <> ?", (machine, row[0] if row else ""))
    if row is not None:
        known = Learner(*row)
        if known.machine == machine:
            return known, True
        said_no = db.execute(
            "SELECT count(*) FROM turned_away WHERE machine = ? AND learner = ?", (machine, known.id)
        )
        if said_no.fetchone()[0]:
            raise NotThisClassError(
                403, f"The teacher says that this machine is not {known.name}'s. Join with another name."
            )
        if db.execute("SELECT count(*) FROM pending").fetchone()[0] >= MOST_PENDING:
            raise NotThisClassError(429, "Too many machines wait for the teacher.")
        db.execute(
            "INSERT OR IGNORE INTO pending (machine, learner, at) VALUES (?, ?, ?)",
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
    """Give a learner's place to a machine that waits for it; the earlier machine can no longer post."""
    row = db.execute("SELECT learner FROM pending WHERE machine = ?", (machine,)).fetchone()
    if row is None:
        return None
    db.execute(
        "UPDATE learner SET machine = ?, secret = ? WHERE id = ?", (machine, secrets.token_hex(32), row[0])
    )
    db.execute("DELETE FROM pending WHERE learner = ?", (row[0],))
    return learner(db, row[0])


def turn_away(db: sqlite3.Connection, machine: str) -> None:
    """Refuse a machine that waits for a learner's place. It need not ask again: the answer stays no."""
    db.execute(
        "INSERT OR IGNORE INTO turned_away (machine, learner) SELECT machine, learner FROM pending WHERE machine = ?",
        (machine,),
    )
    db.execute("DELETE FROM pending WHERE machine = ?", (machine,))


def pending(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Return the machines that wait: the machine, the learner's id and since when."""
    return list(db.execute("SELECT machine, learner, at FROM pending ORDER BY at"))


def learner(db: sqlite3.Connection, wanted: str) -> Learner | None:
    """Return a learner by id."""
    row = db.execute(f"{_LEARNER} WHERE id = ?", (wanted,)).fetchone()
    return Learner(*row) if row else None


def learners(db: sqlite3.Connection) -> list[Learner]:
    """Return all learners."""
    return [Learner(*row) for row in db.execute(_LEARNER)]


def add(
    db: sqlite3.Connection, wanted: str, seq_from: int, items: tuple[Item, ...]
) -> tuple[int, list[tuple[int, str, Item]]]:
    """Add what is new of a batch; return the last number of all, and what was new with its time.

    The same batch a hundred times adds it once. A batch that leaves a gap is refused: the machine sends from there again.
    """
    row = db.execute(f"SELECT {_SEQ} FROM learner WHERE id = ?", (wanted,)).fetchone()  # noqa: S608 - a text of ours
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
    return max(before, seq_from + len(items) - 1), new


def give_own_values(db: sqlite3.Connection) -> bool:
    """Have the class give each learner values of their own from now on; return whether it does.

    A class in which somebody has begun with the lesson's values keeps them.
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


def events(db: sqlite3.Connection) -> Iterator[tuple[str, int, str, bytes]]:
    """Yield everything that happened, each learner's in the order of their numbers; what happened is JSON."""
    yield from db.execute("SELECT learner, seq, at, item FROM event ORDER BY learner, seq")


def say(db: sqlite3.Connection, to: str, text: str) -> int:
    """Keep a message to a learner, or to all if no id is given, and return its number."""
    return int(
        db.execute("INSERT INTO message (learner, at, text) VALUES (?, ?, ?)", (to, now(), text)).lastrowid
        or 0
    )


def messages(db: sqlite3.Connection, wanted: str, after: int) -> tuple[Message, ...]:
    """Return the messages to a learner or to all after a number, the oldest first; of many, the newest."""
    rows = db.execute(
        "SELECT id, at, text FROM message WHERE learner IN ('', ?) AND id > ? ORDER BY id DESC LIMIT ?",
        (wanted, after, MOST_MESSAGES),
    ).fetchall()
    return tuple(Message(id=number, at=at, text=text) for number, at, text in reversed(rows))


def last_message(db: sqlite3.Connection, wanted: str) -> tuple[int, str]:
    """Return the newest message to a learner or to all; (0, "") if there is none."""
    row = db.execute(
        "SELECT id, text FROM message WHERE learner IN ('', ?) ORDER BY id DESC LIMIT 1", (wanted,)
    ).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")
