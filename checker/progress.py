"""What was learned: attempts, passes and hints, in one SQLite file written in transactions."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from checker.errors import LabError
from checker.results import Report, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Each entry brings the schema from its index to the next; `PRAGMA user_version` says how many were applied.
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
)
"""The schema's history; entries are added, never changed."""

BUSY_SECONDS = 10.0
"""How long a second `lab` waits for the first one's transaction."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a learner is with one lab."""

    attempts: int = 0
    passed_at: str = ""
    last_passed: int = 0
    """How many checks passed in the last counted attempt."""
    last_total: int = 0
    hints: int = 0
    solved: bool = False
    """Whether the solution was asked for before the first pass."""


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


class Progress:
    """The learner's record.

    Args:
        file: the database; made when it is not there.
        tell: told when a damaged file was set aside.
    """

    def __init__(self, file: Path, tell: Callable[[str], None] | None = None) -> None:
        self.file = file
        self._tell = tell or (lambda _: None)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            if (
                isinstance(error, sqlite3.OperationalError)
                and "locked" not in str(error)
                and not self._is_damaged()
            ):
                raise LabError(
                    f"Progress cannot be kept in {file}: {error}.",
                    remedy="Make room or allow writing there, or set DRYDOCK_STATE to another folder.",
                ) from error
            self._set_aside(error)
            self._db = self._open()
        except OSError as error:
            raise LabError(
                f"Progress cannot be kept in {file.parent}: {error.strerror}.",
                remedy="Allow writing there, or set DRYDOCK_STATE to another folder.",
            ) from error

    def _is_damaged(self) -> bool:
        with contextlib.suppress(OSError):
            with self.file.open("rb") as handle:
                head = handle.read(16)
            return bool(head) and head != b"SQLite format 3\0"
        return False

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            self._migrate(db)
            db.execute("SELECT count(*) FROM attempt").fetchone()
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db

    def _migrate(self, db: sqlite3.Connection) -> None:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == len(MIGRATIONS):
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]  # another `lab` may have been first
            if version > len(MIGRATIONS):
                raise LabError(
                    f"{self.file} was written by a newer version of the course.",
                    remedy="Update this checkout, or set DRYDOCK_STATE to another folder.",
                )
            for script in MIGRATIONS[version:]:
                for statement in filter(str.strip, script.split(";")):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    def _set_aside(self, error: Exception) -> None:
        stamp = dt.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        aside = self.file.with_name(f"{self.file.name}.damaged-{stamp}")
        self.file.rename(aside)
        for extra in ("-wal", "-shm"):
            with contextlib.suppress(OSError):
                self.file.with_name(self.file.name + extra).rename(aside.with_name(aside.name + extra))
        self._tell(f"The progress file was damaged ({error}). It is kept as {aside}, and a new one begins.")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- writing -------------------------------------------------------------------------------------------

    def record_start(self, lab: str) -> None:
        """Note that a lab was started, the first time."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO start VALUES (?, ?)", (lab, _now()))

    def record_attempt(self, report: Report) -> None:
        """Keep a grading run; one in which nothing could be judged is kept and not counted."""
        counted = bool(report.having(Status.PASSED, Status.FAILED, Status.VIOLATED))
        counted = counted and (report.passed or bool(report.having(Status.FAILED, Status.VIOLATED)))
        with self._transaction() as db:
            db.execute(
                "INSERT INTO attempt (lab, started, ms, passed, counted, report) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    report.lab,
                    report.started,
                    report.ms,
                    report.passed,
                    counted,
                    msgspec.json.encode(report).decode(),
                ),
            )

    def record_solution(self, lab: str) -> None:
        """Note that the solution was asked for."""
        with self._transaction() as db:
            db.execute("INSERT INTO solved (lab, at) VALUES (?, ?)", (lab, _now()))

    def climb(self, lab: str, check: str, rungs: int) -> int:
        """Note one more hint and return its rung, from 1; the last rung is given again."""
        with self._transaction() as db:
            used = db.execute(
                "SELECT coalesce(max(rung), 0) FROM hint WHERE lab = ? AND check_id = ?", (lab, check)
            ).fetchone()[0]
            rung: int = min(used + 1, rungs)
            db.execute(
                "INSERT INTO hint (lab, check_id, rung, at) VALUES (?, ?, ?, ?)", (lab, check, rung, _now())
            )
        return rung

    def forget_hints(self, lab: str) -> None:
        """Start a lab's hint ladder again at its first rung."""
        with self._transaction() as db:
            db.execute("DELETE FROM hint WHERE lab = ?", (lab,))

    # -- reading -------------------------------------------------------------------------------------------

    def last_report(self, lab: str) -> Report | None:
        """Return the last grading run of a lab."""
        row = self._db.execute(
            "SELECT report FROM attempt WHERE lab = ? ORDER BY id DESC LIMIT 1", (lab,)
        ).fetchone()
        return msgspec.json.decode(row[0], type=Report) if row else None

    def standing(self, lab: str) -> Standing:
        """Return how far the learner is with a lab."""
        attempts = self._db.execute(
            "SELECT count(*) FROM attempt WHERE lab = ? AND counted", (lab,)
        ).fetchone()[0]
        first = (
            self._db.execute("SELECT min(started) FROM attempt WHERE lab = ? AND passed", (lab,)).fetchone()[
                0
            ]
            or ""
        )
        hints = self._db.execute(
            "SELECT count(DISTINCT check_id || rung) FROM hint WHERE lab = ?", (lab,)
        ).fetchone()[0]
        solved = self._db.execute("SELECT min(at) FROM solved WHERE lab = ?", (lab,)).fetchone()[0]
        row = self._db.execute(
            "SELECT report FROM attempt WHERE lab = ? AND counted ORDER BY id DESC LIMIT 1", (lab,)
        ).fetchone()
        last = msgspec.json.decode(row[0], type=Report) if row else None
        return Standing(
            attempts=attempts,
            passed_at=first,
            last_passed=len(last.having(Status.PASSED)) if last else 0,
            last_total=len(last.checks) if last else 0,
            hints=hints,
            solved=bool(solved) and (not first or solved < first),
        )
