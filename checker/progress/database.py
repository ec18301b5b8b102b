"""The file of the learner's record: opened, brought up to date, repaired, and written in transactions."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from checker.bootstrap import limits
from checker.bootstrap.owner import why_not_written
from checker.errors import LabError
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


_NO_FILE = ("it is not an ordinary file", "Move it away, or set DRYDOCK_STATE to another folder.")
_UPDATE = "Update this checkout, or set DRYDOCK_STATE to another folder."


def why_unusable(file: Path) -> tuple[str, str] | None:
    """Return why a record that is there cannot be used, and what to do; None if it can, or is made by the next command.

    It is only looked at: nothing is made, repaired or set aside.

    Args:
        file: the file.
    """
    if not os.path.lexists(file):
        return None
    if not file.is_file():
        return _NO_FILE
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error:
        return None  # damage is set aside by the next command, and what is held now need not be held then
    if version > len(MIGRATIONS):
        return "it was written by a newer version of the course", _UPDATE
    return None


class Database:
    """One SQLite file. A damaged one is set aside; one that may not be written is read from a temporary copy.

    Args:
        file: the file; created if it does not exist.
        tell: called with a message if it was set aside, or if nothing is saved in it.

    Raises:
        LabError: it cannot be used.
    """

    def __init__(self, file: Path, tell: Callable[[str], None] | None = None) -> None:
        self.file = file
        self._tell = tell or (lambda _: None)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.connection = self._temporary_copy(error) or self._refuse(error)
        else:
            self.connection = self._temporary_copy(None) or self._open()

    def _refuse(self, error: OSError) -> NoReturn:
        why, remedy = why_not_written(self.file, error, "DRYDOCK_STATE")
        raise LabError(f"Progress cannot be kept in {self.file}: {why}.", remedy=remedy) from error

    def _temporary_copy(self, error: OSError | None) -> sqlite3.Connection | None:
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

    def _unusable(self, error: sqlite3.Error) -> LabError:
        if os.path.lexists(self.file) and not self.file.is_file():
            why, remedy = _NO_FILE
            return LabError(f"Progress cannot be kept in {self.file}: {why}.", remedy=remedy)
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_BUSY:
            return LabError(
                f"Progress cannot be kept in {self.file}: another program holds it ({error}).",
                remedy="End the other `lab`, or what else has the file open, and try again.",
            )
        if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR} and (tight := limits.on_files()):
            return LabError(f"Progress cannot be kept in {self.file}: {tight.what}.", remedy=tight.remedy)
        return LabError(
            f"Progress cannot be kept in {self.file}: {error}.",
            remedy="Free some disk space or allow writing there, or set DRYDOCK_STATE to another folder.",
        )

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            if not self._is_damage(error):
                raise self._unusable(error) from error
        # Two `lab` commands may find the damage at the same time: the second must not set aside the new file of the first.
        with locked(
            self.file.with_name(f"{self.file.name}.lock"), "repairing the progress file", wait=BUSY_SECONDS
        ):
            try:
                return self._connect()
            except sqlite3.DatabaseError as error:
                if not self._is_damage(error):
                    raise self._unusable(error) from error
                self._set_aside(error)
            try:
                return self._connect()
            except sqlite3.DatabaseError as error:
                raise self._unusable(error) from error

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
                remedy=_UPDATE,
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

    # -- use -----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write everything in the block, or nothing.

        Raises:
            LabError: it could not be written.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self.connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def rows(self, question: str, *values: str) -> list[Any]:
        """Return the answer to a question in SQL.

        Raises:
            LabError: the file cannot be read.
        """
        try:
            return self.connection.execute(question, values).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Close the file."""
        self.connection.close()
