"""The standard streams of the command: closed ones, a full disk, a reader that has left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="these streams are arranged with a POSIX shell")


def lab(
    redirection: str, *words: str, program: tuple[str, ...] = ("-m", "checker")
) -> subprocess.CompletedProcess[str]:
    """Run `lab WORDS` with the streams that a shell's redirection gives it."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, *program, *words],
        cwd=ROOT,
        env={**os.environ, "DOCKER_HOST": "tcp://127.0.0.1:1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("closed", "words", "code"),
    [
        (">&-", ("version",), 0),
        ("2>&-", ("start", "no-such-lab"), 2),
        ("<&-", ("reset", "1"), 3),
        ("<&- >&- 2>&-", ("list",), 0),
    ],
)
def test_a_command_whose_streams_are_closed_ends_with_its_own_code(
    closed: str, words: tuple[str, ...], code: int
) -> None:
    done = lab(closed, *words)
    assert done.returncode == code
    assert "did not expect" not in done.stderr


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    code = "from checker.bootstrap import streams; streams.complete(); import os, sys\n"
    code += f"file = open({str(tmp_path / 'database')!r}, 'w'); assert file.fileno() > 2\n"
    code += "os.system('echo said by a program; echo and by its stderr >&2')"
    done = lab("<&- >&- 2>&-", program=("-c", code))
    assert done.returncode == 0
    assert (tmp_path / "database").read_text() == ""


@pytest.mark.parametrize("words", [("version",), ("--help",), ("doctor", "--json")])
@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_output_that_a_full_disk_does_not_take_is_told(words: tuple[str, ...]) -> None:
    done = lab(f">{FULL}", *words)
    assert done.returncode == 3
    assert done.stderr.count("the output could not be written: No space left on device.") == 1
    assert "did not expect" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("words", [("version",), ("doctor", "--json")])
def test_a_reader_that_has_left_is_no_error(words: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "checker", *words],
            cwd=ROOT,
            env={**os.environ, "DOCKER_HOST": "tcp://127.0.0.1:1"},
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(write)
    assert done.returncode in {0, 3}
    assert done.stderr == b""


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_work_goes_on_when_its_progress_cannot_be_written() -> None:
    code = (
        "import sys; from checker.bootstrap import streams; streams.watch()\n"
        "for step in range(3): print('step', step, file=sys.stderr)\n"
        "print('done'); sys.exit(streams.finish(0))"
    )
    done = lab(f"2>{FULL}", program=("-c", code))
    assert (done.returncode, done.stdout) == (0, "done\n")


def test_ctrl_c_that_came_while_python_started_ends_the_command_without_a_traceback() -> None:
    def press() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        os.kill(os.getpid(), signal.SIGINT)

    done = subprocess.run(
        [sys.executable, "-m", "checker", "version"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=press,
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
