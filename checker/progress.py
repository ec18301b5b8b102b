"""The learner's progress: attempts, passes and hints, in one SQLite file, written in transactions."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from checker.bootstrap.owner import why_not_written
from checker.errors import LabError
from checker.results import Kind, Measurement, Report, Status
from checker.scene.locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Each entry migrates the schema from its index to the next; `PRAGMA user_version` says how many were applied.
MIGRATIONS = (
    """
    CREATE TABLE attempt (
        id INTEGER PRIMARY KEY, lab TEXT NOT NULL, started TEXT NOT NULL, ms REAL NOT NULL,
        passed INTEGER NOT NULL, counted INTEGER NOT NULL, report TEXT NOT NULL
    );
    CREATE INDEX attempt_lab ON attempt (lab, id);
    CREATE TABLE hint (id INTEGER PRIMARY KEY, lab TEXT NOT NULL, check_id TEXT NOT NULL, rung INTEGER NOT NULL, at TEXT NOT NULL);
    CREATE INDEX hint_lab ON hint (lab, check_id);
    CREATE TABLE start (lab TEXT PRIMARY KEY, at TEXT NOT NULL);
    CREATE TABLE solved (id INTEGER PRIMARY KEY, lab TEXT NOT NULL, at TEXT NOT NULL);
    """,
    """
    CREATE TABLE measurement (
        id INTEGER PRIMARY KEY, attempt INTEGER NOT NULL REFERENCES attempt (id), lab TEXT NOT NULL, at TEXT NOT NULL,
        name TEXT NOT NULL, subject TEXT NOT NULL, value REAL NOT NULL, unit TEXT NOT NULL
    );
    CREATE INDEX measurement_lab ON measurement (lab, name, subject, id);
    """,
    "ALTER TABLE hint ADD COLUMN reason TEXT NOT NULL DEFAULT '';",
)
"""The history of the schema. Add entries, never change them."""

TABLES = frozenset({"attempt", "hint", "start", "solved", "measurement"})
"""What the last schema consists of."""

BUSY_SECONDS = 10.0
"""How long a second `lab` waits for the transaction of the first."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A learner's progress in one lab."""

    attempts: int = 0
    passed_at: str = ""
    last_passed: int = 0
    """How many goals passed in the last attempt that counts; guards are not included."""
    last_total: int = 0
    hints: int = 0
    solved: bool = False
    """Whether the learner asked for the solution before the first pass."""


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def _utc(moment: str) -> str:
    """Return a time as `_now` writes it, so that times can be compared as text."""
    return dt.datetime.fromisoformat(moment).astimezone(dt.UTC).isoformat(timespec="milliseconds")


def _decoded(row: tuple[str] | None) -> Report | None:
    """Return a stored report; None if there is none, or if this version of the course can no longer read it."""
    try:
        return msgspec.json.decode(row[0], type=Report) if row else None
    except msgspec.DecodeError:
        return None


def _writable(path: Path) -> bool:
    """Whether a path may be written, or made; a read-only file system counts as closed."""
    if os.name == "posix":
        # The database must not be opened for this: closing it again would drop the locks of every connection that this
        # process has (https://www.sqlite.org/howtocorrupt.html, 2.2), and another `lab` would write over what is in use.
        return not path.exists() or os.access(path, os.W_OK)
    try:
        if not path.exists():
            return True
        if path.is_dir():
            with tempfile.TemporaryFile(dir=path):
                return True
        with path.open("ab"):
            return True
    except OSError as error:
        return error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}


def _on_read_only(path: Path) -> bool:
    """Whether a path lies on a file system that is mounted read-only."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except (AttributeError, OSError):
        return False  # Windows has neither


class Progress:
    """The learner's record.

    Args:
        file: the database; created if it does not exist.
        tell: called with a message if a damaged file was set aside.
    """

    def __init__(self, file: Path, tell: Callable[[str], None] | None = None) -> None:
        self.file = file
        self._tell = tell or (lambda _: None)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._db = self._aside(error) or self._refuse(error)
        else:
            self._db = self._aside(None) or self._open()

    def _refuse(self, error: OSError) -> NoReturn:
        why, remedy = why_not_written(self.file, error, "DRYDOCK_STATE")
        raise LabError(f"Progress cannot be kept in {self.file}: {why}.", remedy=remedy) from error

    def _aside(self, error: OSError | None) -> sqlite3.Connection | None:
        """Return a temporary copy of the record if the record itself may not be written.

        Commands that only read work as usual. What a command stores is lost when it ends; a message says so.
        """
        if error is None:
            closed = [path for path in (self.file.parent, self.file) if not _writable(path)]
            if not closed:
                return None
            number = errno.EROFS if _on_read_only(closed[0]) else errno.EACCES
            error = OSError(number, os.strerror(number))
        elif error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            return None
        why, remedy = why_not_written(self.file, error, "DRYDOCK_STATE")
        self._tell(f"note: nothing is saved in {self.file}: {why}. {remedy}")
        self._copy = tempfile.TemporaryDirectory(prefix="drydock-progress-")
        copied = Path(self._copy.name, self.file.name)
        for extra in ("", "-wal"):
            with contextlib.suppress(OSError):
                copied.with_name(copied.name + extra).write_bytes(
                    self.file.with_name(self.file.name + extra).read_bytes()
                )
        try:
            return self._connect(copied)
        except sqlite3.DatabaseError:
            copied.unlink(missing_ok=True)
            return self._connect(copied)

    def _unusable(self, why: str) -> LabError:
        if os.path.lexists(self.file) and not self.file.is_file():
            return LabError(
                f"Progress cannot be kept in {self.file}: it is no ordinary file.",
                remedy="Move it away, or set DRYDOCK_STATE to another folder.",
            )
        return LabError(
            f"Progress cannot be kept in {self.file}: {why}.",
            remedy="Free some disk space or allow writing there, or set DRYDOCK_STATE to another folder.",
        )

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            if not self._is_damage(error):
                raise self._unusable(str(error)) from error
        # Two `lab` commands may find the damage at the same time: the second must not set aside the new file of the first.
        with locked(
            self.file.with_name(f"{self.file.name}.lock"), "repairing the progress file", wait=BUSY_SECONDS
        ):
            try:
                return self._connect()
            except sqlite3.DatabaseError as error:
                if not self._is_damage(error):
                    raise self._unusable(str(error)) from error
                self._set_aside(error)
            try:
                return self._connect()
            except sqlite3.DatabaseError as error:
                raise self._unusable(str(error)) from error

    @staticmethod
    def _is_damage(error: sqlite3.DatabaseError) -> bool:
        """Whether the file itself is damaged; a full disk, a closed folder or a second `lab` is something else."""
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

    def _connect(self, file: Path | None = None) -> sqlite3.Connection:
        db = sqlite3.connect(file or self.file, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                self._use_wal(db)
            db.execute("PRAGMA synchronous = NORMAL")
            self._migrate(db)
            there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            missing = ", ".join(sorted(TABLES - there))
            if damage := (missing and f"no such table: {missing}") or (
                db.execute("PRAGMA quick_check(1)").fetchone()[0].removeprefix("ok")
            ):
                error = sqlite3.DatabaseError(damage)
                error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise error
        except BaseException:
            db.close()
            raise
        return db

    def _use_wal(self, db: sqlite3.Connection) -> None:
        # Whatever the time-out, SQLite does not wait here for another process that does the same.
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up:
                    raise
                time.sleep(0.01)
            else:
                return

    def _migrate(self, db: sqlite3.Connection) -> None:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == len(MIGRATIONS):
            return
        if version > len(MIGRATIONS):
            raise LabError(
                f"{self.file} was written by a newer version of the course.",
                remedy="Update this checkout, or set DRYDOCK_STATE to another folder.",
            )
        db.execute("BEGIN IMMEDIATE")
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]  # another `lab` may have done it
            for script in MIGRATIONS[version:]:
                for statement in filter(str.strip, script.split(";")):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {max(version, len(MIGRATIONS))}")
            db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    def _set_aside(self, error: Exception) -> None:
        stamp = dt.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        aside = self.file.with_name(f"{self.file.name}.damaged-{stamp}")
        number = 1
        while aside.exists():
            number += 1
            aside = aside.with_name(f"{self.file.name}.damaged-{stamp}-{number}")
        self.file.rename(aside)
        for extra in ("-wal", "-shm"):
            with contextlib.suppress(OSError):
                self.file.with_name(self.file.name + extra).rename(aside.with_name(aside.name + extra))
        self._tell(
            f"The progress file was damaged ({error}). It was kept as {aside}, and a new one was started."
        )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._unusable(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- writing -------------------------------------------------------------------------------------------

    def record_attempt(self, report: Report) -> None:
        """Store a grading run. If nothing could be judged, it is stored but does not count."""
        counted = bool(report.having(Status.PASSED, Status.FAILED, Status.VIOLATED))
        counted = counted and (report.right or bool(report.having(Status.FAILED, Status.VIOLATED)))
        started = _utc(report.started)
        with self._transaction() as db:
            attempt = db.execute(
                "INSERT INTO attempt (lab, started, ms, passed, counted, report) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    report.lab,
                    started,
                    report.ms,
                    report.passed,
                    counted,
                    msgspec.json.encode(report).decode(),
                ),
            ).lastrowid
            db.executemany(
                "INSERT INTO measurement (attempt, lab, at, name, subject, value, unit) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (attempt, report.lab, started, each.name, each.subject, each.value, each.unit)
                    for each in report.measurements
                ],
            )

    def record_solution(self, lab: str) -> None:
        """Record that the learner asked for the solution."""
        with self._transaction() as db:
            db.execute("INSERT INTO solved (lab, at) VALUES (?, ?)", (lab, _now()))

    def climb(self, lab: str, check: str, rungs: int, reason: str = "") -> int:
        """Record one more hint and return its number, from 1; after the last hint, the last one is given again.

        Args:
            lab: the lab's slug.
            check: the check that fails.
            rungs: how many hints it has.
            reason: why it fails, `Failure.reason`; with another reason the hints start again.
        """
        with self._transaction() as db:
            used = db.execute(
                "SELECT coalesce(max(rung), 0) FROM hint WHERE lab = ? AND check_id = ? AND reason = ?",
                (lab, check, reason),
            ).fetchone()[0]
            rung: int = min(used + 1, rungs)
            db.execute(
                "INSERT INTO hint (lab, check_id, rung, reason, at) VALUES (?, ?, ?, ?, ?)",
                (lab, check, rung, reason, _now()),
            )
        return rung

    def forget_hints(self, lab: str) -> None:
        """Start the hints of a lab again at the first one."""
        with self._transaction() as db:
            db.execute("DELETE FROM hint WHERE lab = ?", (lab,))

    # -- reading -------------------------------------------------------------------------------------------

    def _rows(self, question: str, lab: str) -> list[Any]:
        try:
            return self._db.execute(question, (lab,)).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(str(error)) from error

    def _first(self, question: str, lab: str) -> Any:
        return next(iter(self._rows(question, lab)), None)

    def _value(self, question: str, lab: str) -> Any:
        return self._rows(question, lab)[0][0]

    def last_report(self, lab: str) -> Report | None:
        """Return the last grading run of a lab."""
        row = self._first("SELECT report FROM attempt WHERE lab = ? ORDER BY id DESC LIMIT 1", lab)
        return _decoded(row)

    def measurements(self, lab: str) -> list[Measurement]:
        """Return the measurements of a lab: the latest value for each name and subject, in the order recorded."""
        rows = self._rows(
            "SELECT name, value, unit, subject, at FROM measurement WHERE id IN"
            " (SELECT max(id) FROM measurement WHERE lab = ? GROUP BY name, subject) ORDER BY id",
            lab,
        )
        return [
            Measurement(name=name, value=value, unit=unit, subject=subject, at=at)
            for name, value, unit, subject, at in rows
        ]

    def history(self, lab: str) -> list[Measurement]:
        """Return all measurements ever made in a lab, the oldest first; `at` says when the run began."""
        rows = self._rows(
            "SELECT name, value, unit, subject, at FROM measurement WHERE lab = ? ORDER BY id", lab
        )
        return [
            Measurement(name=name, value=value, unit=unit, subject=subject, at=at)
            for name, value, unit, subject, at in rows
        ]

    def standing(self, lab: str) -> Standing:
        """Return the learner's progress in a lab."""
        attempts = self._value("SELECT count(*) FROM attempt WHERE lab = ? AND counted", lab)
        first = self._value("SELECT min(started) FROM attempt WHERE lab = ? AND passed", lab) or ""
        hints = self._value("SELECT count(DISTINCT check_id || rung) FROM hint WHERE lab = ?", lab)
        solved = self._value("SELECT min(at) FROM solved WHERE lab = ?", lab)
        row = self._first(
            "SELECT report FROM attempt WHERE lab = ? AND counted ORDER BY id DESC LIMIT 1", lab
        )
        last = _decoded(row)
        # Count as `lab check` does: guards are not goals.
        goals = [check for check in last.checks if check.kind is Kind.GOAL] if last else []
        return Standing(
            attempts=attempts,
            passed_at=first,
            last_passed=sum(check.status is Status.PASSED for check in goals),
            last_total=len(goals),
            hints=hints,
            solved=bool(solved) and (not first or solved < first),
        )
