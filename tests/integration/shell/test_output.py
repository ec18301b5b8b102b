"""What a command in a persistent shell returns: its status, and both streams byte for byte."""

from __future__ import annotations

import hashlib
import shlex
from typing import TYPE_CHECKING

import pytest

from checker.engine.shell import OUTPUT_BYTES, OutputTooLargeError, ShellError

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.engine.shell import Shell


@pytest.mark.parametrize(
    ("command", "rc", "out", "err"),
    [
        ("true", 0, b"", b""),
        ("false", 1, b"", b""),
        ("exit 42", 42, b"", b""),
        ("kill -9 $$", 137, b"", b""),
        ("kill -TERM $$", 143, b"", b""),
        ("no-such-command", 127, b"", b"/bin/sh: 1: no-such-command: not found\n"),
        ("/etc/passwd", 126, b"", b"/bin/sh: 1: /etc/passwd: Permission denied\n"),
        ("echo out; echo err >&2", 0, b"out\n", b"err\n"),
        ("printf 'no newline'; printf 'nor here' >&2", 0, b"no newline", b"nor here"),
        ("printf '\\n\\n\\n'", 0, b"\n\n\n", b""),
        ("printf 'a\\000b\\000'; printf '\\000' >&2", 0, b"a\0b\0", b"\0"),
        ("printf '\\377\\376\\200'; printf '\\303\\050' >&2", 0, b"\xff\xfe\x80", b"\xc3("),
        ("echo 'déjà vu 日本 🚢'", 0, "déjà vu 日本 🚢\n".encode(), b""),
        ("exec 1>&2; echo moved", 0, b"", b"moved\n"),
        ("exec >&- 2>&-; echo lost", 1, b"", b""),
        ("cat", 0, b"", b""),
        ("read x; echo $?", 0, b"1\n", b""),
        ("wc -c < /dev/stdin", 0, b"0\n", b""),
        ("echo one\necho two\n# a comment", 0, b"one\ntwo\n", b""),
        ("echo 'it'\\''s'; echo \"$((1 + 1))\"", 0, b"it's\n2\n", b""),
        ("cat <<END\nhere $HOME\nEND\n", 0, b"here /root\n", b""),
        ("", 0, b"", b""),
        (":", 0, b"", b""),
    ],
)
def test_status_and_streams_come_back_apart_and_whole(
    shell: Shell, command: str, rc: int, out: bytes, err: bytes
) -> None:
    done = shell.run(command)
    assert (done.rc, done.stdout_bytes, done.stderr_bytes) == (rc, out, err)
    assert shell.run("echo next").stdout == "next\n"


def test_a_syntax_error_is_the_commands_own(shell: Shell) -> None:
    done = shell.run("if true; then echo 'unclosed")
    assert done.rc == 2
    assert b"Unterminated quoted string" in done.stderr_bytes
    assert shell.run("echo next").stdout == "next\n"


def test_every_byte_passes_both_ways(shell: Shell) -> None:
    every = bytes(range(1, 256))
    done = shell.run(b"printf %s " + b"'" + every.replace(b"'", b"'\\''") + b"'")
    assert done.stdout_bytes == every


def test_bytes_that_are_not_utf8_are_shown_and_kept(shell: Shell) -> None:
    done = shell.run("printf 'a\\377b'")
    assert (done.stdout, done.stdout_bytes) == ("a\N{REPLACEMENT CHARACTER}b", b"a\xffb")
    assert shell.run("printf %s 'a\udcffb'").stdout_bytes == b"a\xffb"


def test_a_megabyte_on_both_streams_at_once_arrives_whole(shell: Shell) -> None:
    done = shell.run(
        "head -c 1048576 /dev/urandom > /tmp/a; head -c 1048576 /dev/urandom > /tmp/b;"
        "cat /tmp/b >&2 & cat /tmp/a; wait"
    )
    sums = shell.run("sha256sum /tmp/a /tmp/b | cut -d' ' -f1").stdout.split()
    assert [hashlib.sha256(data).hexdigest() for data in (done.stdout_bytes, done.stderr_bytes)] == sums


@pytest.mark.parametrize("redirect", ["", ">&2"])
def test_a_flood_is_ended_and_the_next_command_works(
    shell: Shell, container: str, processes: Callable[[str], list[str]], redirect: str
) -> None:
    with pytest.raises(OutputTooLargeError, match=rf"more than {OUTPUT_BYTES >> 20} MiB"):
        shell.run(f"yes {redirect}")
    assert processes(container) == []
    assert shell.run("echo next").stdout == "next\n"


def test_a_command_that_talks_like_the_frame_fools_nobody(shell: Shell) -> None:
    text = "\n" + "0" * 32 + "0\n" + "f" * 32
    assert shell.run(f"printf %s {shlex.quote(text)}").stdout == text
    # The frame's marks are not where a command could read them.
    assert shell.run("env; set").stdout.count("\n") < 60


def test_a_nul_byte_and_a_text_too_long_are_refused_with_a_way_out(shell: Shell) -> None:
    for command in ("echo a\0b", "echo " + "x" * 200_000):
        with pytest.raises(ShellError, match="A command cannot") as caught:
            shell.run(command)
        assert "file" in caught.value.remedy
    assert shell.run("printf %s " + "x" * 120_000).stdout == "x" * 120_000


STATE = {
    "cd /tmp": "pwd",
    "export LEAK=1": "echo ${LEAK-unset}",
    "set -e; set -f; set -x": "echo $- | tr -d s",
    "umask 077": "umask",
    "ulimit -n 7": "ulimit -n",
    "trap 'echo trapped' EXIT": "true",
    "alias ls=false": "alias",
    "f() { echo leaked; }": "f 2>/dev/null",
    "IFS=x": 'printf %s "$IFS" | od -c | head -1',
    "exec 9>/tmp/nine": "ls /proc/self/fd | wc -l",
    "exit 3": "echo $?",
    "exec true": "echo $?",
    "return 3 2>/dev/null": "echo $?",
    "exec </etc/passwd": "head -1",
}


@pytest.mark.parametrize("change", STATE)
def test_nothing_that_one_command_sets_reaches_the_next(shell: Shell, change: str) -> None:
    look = STATE[change]
    before = shell.run(look)
    shell.run(change)
    assert shell.run(look) == before


def test_a_command_sees_the_containers_environment_and_the_course_adds_a_mark_alone(
    run: Callable[..., str], open_shell: Callable[..., Shell]
) -> None:
    shell = open_shell(run(Env=["COLOUR=blue and green"]))
    seen = dict(line.split("=", 1) for line in shell.run("env").stdout.splitlines())
    assert seen["COLOUR"] == "blue and green"
    ours = {name for name in seen if "DRYDOCK" in name}
    assert ours == {"DRYDOCK_SHELL"}
