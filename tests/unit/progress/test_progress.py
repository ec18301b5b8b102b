"""The learner's record: nothing committed is lost, damage is set aside, two processes may write at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
import pytest

from checker.errors import LabError
from checker.progress import Progress, database, record
from checker.progress.database import MIGRATIONS
from checker.results import CheckResult, Failure, Kind, Measurement, Report, Status

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
LAB = "97-fake"


def report(*statuses: Status, started: str = "2026-01-01T10:00:00+00:00") -> Report:
    checks = tuple(
        CheckResult(
            id=f"c{number}",
            title="T",
            status=status,
            failure=Failure(rationale="why", hint="where") if status is Status.FAILED else None,
        )
        for number, status in enumerate(statuses)
    )
    return Report(lab=LAB, title="Fake", checks=checks, started=started, ms=5.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give the place of a database, in a folder that is not there yet."""
    return tmp_path / "state of Zoë" / "progress.sqlite3"


def test_measurements_are_kept_with_their_attempt_and_the_latest_of_each_is_read(file: Path) -> None:
    def measured(**seconds: float) -> Report:
        found = tuple(
            Measurement(name="first answer", value=value, unit="s", subject=subject)
            for subject, value in seconds.items()
        )
        return msgspec.structs.replace(report(Status.PASSED), measurements=found)

    first = Progress(file)
    first.record_attempt(measured(vm=4.5, container=0.5))
    first.record_attempt(measured(vm=5.25))
    first.close()
    second = Progress(file)
    found = [(each.subject, each.value, each.unit) for each in second.measurements(LAB)]
    assert found == [("container", 0.5, "s"), ("vm", 5.25, "s")]
    assert second.measurements(LAB)[0].at == "2026-01-01T10:00:00.000+00:00"
    assert second.measurements("01-other") == []
    attempts = second._database.connection.execute(
        "SELECT attempt, count(*) FROM measurement GROUP BY attempt"
    ).fetchall()
    assert attempts == [(1, 2), (2, 1)]


def test_attempts_passes_and_hints_are_kept_between_runs(file: Path) -> None:
    first = Progress(file)
    first.record_attempt(report(Status.PASSED, Status.FAILED))
    first.record_attempt(report(Status.PASSED, Status.PASSED))
    first.climb(LAB, "c1", 3)
    first.close()
    second = Progress(file)
    standing = second.standing(LAB)
    assert (standing.attempts, standing.last_passed, standing.last_total, standing.hints) == (2, 2, 2, 1)
    assert standing.passed_at == "2026-01-01T10:00:00.000+00:00"
    kept = second.last_report(LAB)
    assert kept is not None
    assert kept.passed
    assert second.standing("01-other").attempts == 0


@pytest.mark.parametrize(
    "statuses",
    [
        (Status.COULD_NOT_RUN,),
        (Status.PASSED, Status.COULD_NOT_RUN),
        (Status.COULD_NOT_RUN, Status.NOT_RUN),
    ],
)
def test_what_could_not_be_judged_costs_no_attempt(file: Path, statuses: tuple[Status, ...]) -> None:
    progress = Progress(file)
    progress.record_attempt(report(*statuses))
    assert progress.standing(LAB).attempts == 0
    assert progress.last_report(LAB) is not None


def test_an_attempt_with_something_unproven_counts_and_is_no_pass(file: Path) -> None:
    progress = Progress(file)
    progress.record_attempt(report(Status.PASSED, Status.NOT_JUDGED))
    standing = progress.standing(LAB)
    assert (standing.attempts, standing.last_passed, standing.last_total) == (1, 1, 2)
    assert not standing.passed_at


def test_guards_are_no_part_of_the_way(file: Path) -> None:
    progress = Progress(file)
    guard = CheckResult(id="g", title="T", status=Status.PASSED, kind=Kind.GUARD)
    goals = report(Status.PASSED, Status.FAILED)
    progress.record_attempt(msgspec.structs.replace(goals, checks=(guard, *goals.checks)))
    standing = progress.standing(LAB)
    assert (standing.last_passed, standing.last_total) == (1, 2)


def test_the_ladder_is_climbed_rung_by_rung_and_ends_at_the_last(file: Path) -> None:
    progress = Progress(file)
    assert [progress.climb(LAB, "c", 3) for _ in range(5)] == [1, 2, 3, 3, 3]
    assert progress.climb(LAB, "d", 3) == 1
    assert progress.standing(LAB).hints == 4
    progress.forget_hints(LAB)
    assert progress.climb(LAB, "c", 3) == 1


def test_another_reason_in_the_same_check_begins_at_the_first_rung_and_the_old_one_is_not_forgotten(
    file: Path,
) -> None:
    progress = Progress(file)
    assert [progress.climb(LAB, "c", 3, "copies:57") for _ in range(2)] == [1, 2]
    assert progress.climb(LAB, "c", 3, "copies:90") == 1
    assert progress.climb(LAB, "c", 3, "copies:57") == 3


def test_a_pass_after_the_solution_says_so_in_every_time_zone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress(file)
    monkeypatch.setattr(record, "_now", lambda: "2026-01-01T10:00:00.000+00:00")
    progress.record_solution(LAB)
    # An hour later, written where clocks show an earlier hour.
    progress.record_attempt(report(Status.PASSED, started="2026-01-01T02:00:00.000-09:00"))
    assert progress.standing(LAB).solved


def test_a_solution_looked_at_after_the_pass_takes_nothing_away(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress(file)
    progress.record_attempt(report(Status.PASSED, started="2026-01-01T19:00:00.000+09:00"))
    monkeypatch.setattr(record, "_now", lambda: "2026-01-01T11:00:00.000+00:00")
    progress.record_solution(LAB)
    assert not progress.standing(LAB).solved


def child(code: str, file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_kill_in_the_middle_of_a_transaction_loses_nothing_committed(file: Path) -> None:
    process = child(
        """
        import sys
        from pathlib import Path
        from checker.progress import Progress
        progress = Progress(Path(sys.argv[1]))
        for _ in range(3):
            progress.climb("97-fake", "c", 9)
        with progress._database.transaction() as db:
            db.execute("DELETE FROM hint")
            print("in the middle", flush=True)
            sys.stdin.read()
        """,
        file,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in the middle\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    progress = Progress(file, pytest.fail)
    assert progress.standing(LAB).hints == 3


def test_processes_that_begin_and_write_at_once_lose_nothing(file: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from checker.progress import Progress
        print("ready", flush=True)
        sys.stdin.readline()
        progress = Progress(Path(sys.argv[1]), lambda line: sys.exit(line))
        for _ in range(25):
            progress.record_solution("97-fake")
        """
    several = [child(code, file) for _ in range(4)]
    for process in several:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in several:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in several:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert Progress(file)._database.connection.execute("SELECT count(*) FROM solved").fetchone()[0] == 100


def garbage(file: Path) -> None:
    file.write_bytes(b"this is no database\n" * 400)


def torn(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[100:] = os.urandom(len(data) - 100)
    file.write_bytes(data)


def later_pages(file: Path) -> None:
    data = bytearray(file.read_bytes())
    assert len(data) > 3 * 4096
    data[2 * 4096 :] = bytes(255 for _ in data[2 * 4096 :])
    file.write_bytes(data)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def a_table_lost(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("DROP TABLE hint")


@pytest.mark.parametrize("damage", [garbage, torn, later_pages, cut_short, a_table_lost])
def test_a_damaged_file_is_set_aside_said_and_begun_anew(file: Path, damage: Callable[[Path], None]) -> None:
    before = Progress(file)
    for _ in range(20):
        before.record_attempt(report(Status.FAILED))
    before.close()
    damage(file)
    said: list[str] = []
    after = Progress(file, said.append)
    assert len(said) == 1
    assert "was damaged" in said[0]
    aside = list(file.parent.glob("progress.sqlite3.damaged-*"))
    assert len(aside) == 1
    assert str(aside[0]) in said[0]
    assert after.standing(LAB).attempts == 0
    after.record_attempt(report(Status.PASSED))
    assert after.standing(LAB).attempts == 1


def as_a_folder(file: Path) -> None:
    file.mkdir(parents=True)


def as_a_link_to_nowhere(file: Path) -> None:
    file.parent.mkdir()
    file.symlink_to(file.parent / "gone" / "progress.sqlite3")


@pytest.mark.parametrize("occupy", [as_a_folder, as_a_link_to_nowhere])
def test_what_is_no_file_is_named_and_left_where_it_is(file: Path, occupy: Callable[[Path], None]) -> None:
    occupy(file)
    with pytest.raises(LabError, match="it is not an ordinary file") as caught:
        Progress(file, pytest.fail)
    assert caught.value.remedy == "Move it away, or set DRYDOCK_STATE to another folder."
    assert [each.name for each in file.parent.iterdir() if "lock" not in each.name] == [file.name]


def test_a_record_that_breaks_while_it_is_read_is_told(file: Path) -> None:
    progress = Progress(file)
    progress._database.connection.execute("DROP TABLE hint")
    with pytest.raises(LabError, match="no such table: hint"):
        progress.standing(LAB)


def test_damage_twice_within_a_second_keeps_both(file: Path) -> None:
    file.parent.mkdir()
    for number in range(3):
        file.write_text(f"garbage {number}\n" * 300)
        Progress(file, lambda _: None).close()
    kept = {path.read_text()[:9] for path in file.parent.glob("*.damaged-*") if path.suffix != ".lock"}
    assert kept == {"garbage 0", "garbage 1", "garbage 2"}


def test_the_first_record_makes_the_folders_above_it(tmp_path: Path) -> None:
    file = tmp_path / "not" / "there" / "progress.sqlite3"
    Progress(file).close()
    assert file.is_file()


def test_a_record_that_another_process_makes_at_this_moment_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.parent.mkdir()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            other.execute("COMMIT")

    monkeypatch.setattr("checker.progress.database.time.sleep", wait)
    assert Progress(file).standing(LAB).attempts == 0
    assert len(waits) == 2
    other.close()


def test_a_record_that_another_process_never_lets_go_is_given_up(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.parent.mkdir()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    moment = [0.0]
    monkeypatch.setattr("checker.progress.database.time.monotonic", lambda: moment[0])
    monkeypatch.setattr("checker.progress.database.time.sleep", lambda _: moment.append(moment.pop() + 7.0))
    with pytest.raises(LabError, match="cannot be kept"):
        Progress(file)
    other.close()


def test_a_file_that_another_process_holds_is_not_set_aside(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    first = Progress(file)
    first.record_attempt(report(Status.PASSED))
    second = Progress(file, pytest.fail)
    with first._database.transaction(), pytest.raises(LabError, match="another program holds it") as caught:
        second.record_attempt(report(Status.PASSED))
    assert caught.value.remedy.startswith("End the other `lab`")
    assert second.standing(LAB).attempts == 1


def test_a_full_disk_says_so_and_keeps_the_file_usable(file: Path) -> None:
    progress = Progress(file)
    progress.record_attempt(report(Status.FAILED))
    pages = progress._database.connection.execute("PRAGMA page_count").fetchone()[0]
    progress._database.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LabError, match="full") as caught:
        for _ in range(100):
            progress.record_attempt(report(*[Status.FAILED] * 20))
    assert "DRYDOCK_STATE" in caught.value.remedy
    progress._database.connection.execute("PRAGMA max_page_count = 100000")
    progress.record_attempt(report(Status.PASSED))
    assert progress.standing(LAB).passed_at


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(LabError, match="Progress cannot be kept") as caught:
        Progress(tmp_path / "state" / "progress.sqlite3")
    assert "DRYDOCK_STATE" in caught.value.remedy


def test_a_record_on_a_read_only_file_system_is_read_and_the_reason_is_said(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Progress(file).close()
    monkeypatch.setattr(database, "_writable", lambda _: False)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    said: list[str] = []
    assert Progress(file, said.append).standing(LAB).attempts == 0
    assert said[0].startswith(f"note: nothing is saved in {file}: it lies on a read-only file system. Set")


def test_a_record_of_another_users_is_read_and_the_command_goes_on(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Progress(file)
    first.record_attempt(report(Status.PASSED))
    first.climb(LAB, "c", 3)
    before = {path.name: path.read_bytes() for path in file.parent.iterdir()}
    said: list[str] = []
    monkeypatch.setattr(database, "_writable", lambda path: path != file)
    second = Progress(file, said.append)
    assert second.standing(LAB).passed_at
    assert second.climb(LAB, "c", 3) == 2
    assert {path.name: path.read_bytes() for path in file.parent.iterdir()} == before
    assert len(said) == 1
    assert said[0].startswith(f"note: nothing is saved in {file}")


def test_a_folder_of_another_users_is_no_reason_to_refuse_a_list(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    said: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        patch.setattr(database, "why_not_written", lambda *_: ("it is root's", "Take it back"))
        progress = Progress(file, said.append)
    assert progress.standing(LAB).attempts == 0
    assert said == [f"note: nothing is saved in {file}: it is root's. Take it back"]


def test_a_newer_schema_is_refused_and_left_as_it_is(file: Path) -> None:
    Progress(file).close()
    with sqlite3.connect(file) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    before = file.read_bytes()
    with pytest.raises(LabError, match="newer version of the course"):
        Progress(file, pytest.fail)
    assert file.read_bytes() == before
    assert not list(file.parent.glob("*.damaged-*"))


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
def test_every_earlier_schema_is_brought_up_and_keeps_its_rows(file: Path, version: int) -> None:
    file.parent.mkdir()
    db = sqlite3.connect(file)
    for script in MIGRATIONS[:version]:
        db.executescript(script)
    if version:
        db.execute("INSERT INTO hint (lab, check_id, rung, at) VALUES (?, 'c', 1, 'x')", (LAB,))
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()
    progress = Progress(file, pytest.fail)
    assert progress.standing(LAB).hints == min(version, 1)
    progress.record_attempt(report(Status.PASSED))
    assert progress._database.connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def test_a_migration_that_breaks_leaves_the_old_schema(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress(file)
    progress.climb(LAB, "c", 3)
    progress.close()
    monkeypatch.setattr(
        database, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE fresh (a); CREATE TABLE hint (a)")
    )
    with pytest.raises(LabError):
        Progress(file)
    monkeypatch.undo()
    assert Progress(file, pytest.fail).standing(LAB).hints == 1


def test_a_report_of_a_form_no_longer_known_is_passed_over(file: Path) -> None:
    progress = Progress(file)
    progress.record_attempt(report(Status.PASSED))
    with progress._database.transaction() as db:
        db.execute("""UPDATE attempt SET report = '{"schema": 0}'""")
    assert progress.last_report(LAB) is None
    assert progress.standing(LAB).attempts == 1


def test_a_second_record_in_one_process_leaves_the_locks_of_the_first(file: Path) -> None:
    first = Progress(file)
    first.record_attempt(report(Status.PASSED))
    Progress(file).close()
    # Whoever may leave WAL has the file alone; with the first one's lock gone, it would pull the log from under it.
    alone = (
        f"import sqlite3; sqlite3.connect({str(file)!r}, timeout=0).execute('PRAGMA journal_mode = DELETE')"
    )
    tried = subprocess.run(
        [sys.executable, "-c", alone], capture_output=True, text=True, check=False, timeout=60
    )
    assert "database is locked" in tried.stderr
    first.close()
