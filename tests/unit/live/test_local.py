"""`lab check` by the socket: only this user's service of this very version answers, and it answers like `lab` itself."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest

from checker.bootstrap import ask
from checker.errors import LabError
from checker.live.local import Local
from checker.render.report import report_lines
from checker.render.style import Style
from checker.results import CheckResult, Failure, Report, Status
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from checker.live.judge import Verdict
    from tests.unit.live.conftest import Live

REPORT = Report(
    lab="01-first-container",
    title="Your first container",
    checks=(
        CheckResult(id="a", title="It runs", status=Status.PASSED),
        CheckResult(
            id="b",
            title="It answers",
            status=Status.FAILED,
            failure=Failure(rationale="No answer.", hint="Look."),
        ),
    ),
    started="2026-01-01T00:00:00+00:00",
    ms=1.0,
)


class Judged:
    """Gives one verdict at once."""

    judging = ""
    seconds = 0.0

    def __init__(self) -> None:
        self.report: Report | None = REPORT
        self.asked: list[Verdict] = []

    def ask(self, verdict: Verdict) -> Verdict:
        """Give it."""
        self.asked.append(verdict)
        verdict.report = self.report
        verdict.problem = None if self.report else LabError("Lab 01 is not started.")
        verdict.given.set_result(None)
        return verdict

    def end(self) -> None:
        """Do nothing."""


@pytest.fixture
def judged(live: Live, tmp_path: Path) -> Iterator[Judged]:
    """The service's socket, with a record that says how it is reached."""
    found = Judged()
    live.service.judge = found  # type: ignore[assignment]
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    made: list[Local] = []

    async def begin() -> None:
        file = tmp_path / "state/live/socket"
        made.append(Local(live.service, file, ask.code_of(str(ROOT)), ask.environment()))
        await made[0].open()

    asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    yield found
    asyncio.run_coroutine_threadsafe(made[0].close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    assert not made[0].path.exists()


def verdict(tmp_path: Path, *words: str) -> int | None:
    return ask.verdict(str(ROOT), str(tmp_path / "state"), ["check", *(words or ("1",))])


def test_the_answer_is_what_lab_check_prints(
    judged: Judged, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    assert verdict(tmp_path) == 1
    plain = Style(colour=False, width=60, unicode=True, terminal=False)
    assert capsys.readouterr().out == "\n".join(report_lines(REPORT, plain)) + "\n"
    assert verdict(tmp_path, "1.2", "--all", "--json") == 1
    assert capsys.readouterr().out.startswith('{"lab":"01-first-container"')
    assert [each.step for each in judged.asked] == [0, 2]


def test_lab_itself_asks_before_it_starts_a_second_python(judged: Judged, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "lab"), "check", "1"]
    environment = os.environ | {"DRYDOCK_STATE": str(tmp_path / "state")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "1 of 2 checks pass." in done.stdout
    assert len(judged.asked) == 1
    # In the folder of another course, the command is about that one.
    other = tmp_path / "other"
    (other / "labs").mkdir(parents=True)
    (other / "mkdocs.yml").touch()
    environment.pop("DRYDOCK_COURSE")
    subprocess.run(command, cwd=other, env=environment, capture_output=True, timeout=60, check=False)
    assert len(judged.asked) == 1


def test_a_service_of_another_version_or_environment_never_answers(
    judged: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as changed:
        changed.setenv("DOCKER_HOST", "unix:///another")
        assert verdict(tmp_path) is None
    with monkeypatch.context() as changed:
        changed.setattr(ask, "code_of", lambda _: "a newer version")
        assert verdict(tmp_path) is None
    assert judged.asked == []


def test_what_cannot_be_judged_is_left_to_lab_itself(judged: Judged, tmp_path: Path) -> None:
    judged.report = None
    assert verdict(tmp_path) is None
    assert verdict(tmp_path, "77") is None


def test_another_labs_long_verdict_is_not_waited_for(judged: Judged, tmp_path: Path) -> None:
    judged.judging = "07-self-healing"
    assert verdict(tmp_path) is None
    assert judged.asked == []


@pytest.mark.parametrize("text", ["", "nowhere", "a\0b", "long/" * 100])
def test_a_damaged_file_about_the_socket_counts_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "state/live").mkdir(parents=True)
    (tmp_path / "state/live/socket").write_text(text)
    assert verdict(tmp_path) is None


def test_a_service_that_ends_leaves_the_file_of_the_one_that_took_over(live: Live, tmp_path: Path) -> None:
    file = tmp_path / "socket"

    async def replaced() -> None:
        first, second = (Local(live.service, file, "code", "environment") for _ in range(2))
        await first.open()
        await second.open()
        await first.close()
        assert file.read_text() == str(second.path)
        await second.close()
        assert not file.exists()

    asyncio.run(replaced())


def test_a_service_that_is_stopped_is_not_waited_for(tmp_path: Path) -> None:
    where = tmp_path / "s"
    held = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import socket; s = socket.socket(socket.AF_UNIX); s.bind({str(where)!r}); s.listen(); print(flush=True); s.accept()",
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert held.stdout
        held.stdout.readline()
        held.send_signal(signal.SIGSTOP)
        (tmp_path / "state/live").mkdir(parents=True)
        (tmp_path / "state/live/socket").write_text(str(where))
        assert verdict(tmp_path) is None
    finally:
        held.kill()
        held.wait()


def test_t8_a_socket_of_another_user_is_not_believed(
    judged: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "peer", lambda _: os.getuid() + 1)
    assert verdict(tmp_path) is None
    assert judged.asked == []


def test_the_system_tells_who_is_at_the_other_end() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert ask.peer(one) == os.getuid()


@pytest.mark.parametrize(
    ("words", "simple"),
    [
        (["check", "3"], True), (["check", "3.2", "--all"], True), (["check", "iso", "--json", "--all"], True),
        (["check"], False), (["check", "--help"], False), (["check", "3", "--junit", "x"], False), (["watch", "3"], False),
        (["check", "3", "--verbose"], False), (["check", "3\ncode=x"], False),
    ],
)  # fmt: skip
def test_only_a_plain_check_is_asked_for(words: list[str], *, simple: bool) -> None:
    assert ask.is_simple(words) is simple


def test_a_line_break_in_a_variable_begins_no_line_of_the_request() -> None:
    sent = ask.request({"lab": "3", "TERM": "dumb\n\nlab=4", "columns": "80"})
    assert sent.count(b"\n\n") == 1
    assert sent.endswith(b"\n\n")
    assert ask.read_request(sent) == {"lab": "3", "TERM": "dumb  lab=4", "columns": "80"}


def test_a_long_answer_is_printed_whole(
    judged: Judged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    much = "\N{CHECK MARK} line\n" * 40_000
    failure = Failure(rationale="No answer.", hint="Look.", evidence=much)
    judged.report = msgspec.structs.replace(
        REPORT, checks=(CheckResult(id="a", title="It runs", status=Status.FAILED, failure=failure),)
    )
    assert verdict(tmp_path, "1", "--json") == 1
    assert capsys.readouterr().out == msgspec.json.encode(judged.report).decode() + "\n"


def test_asking_imports_nothing_that_takes_long() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from checker.bootstrap import ask; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"json", "socket", "hashlib", "re", "enum", "typing"} & {*done.stdout.split()}


def test_every_file_of_the_checker_counts_for_its_version(tmp_path: Path) -> None:
    (tmp_path / "checker/grading").mkdir(parents=True)
    file = tmp_path / "checker/grading/x.py"
    file.write_text("a = 1\n")
    before = ask.code_of(str(tmp_path))
    assert ask.code_of(str(tmp_path)) == before
    file.write_text("a = 12\n")
    assert ask.code_of(str(tmp_path)) != before
