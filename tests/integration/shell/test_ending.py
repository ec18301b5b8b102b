"""Commands that do not end by themselves: ended inside the container, whatever they do to stay."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from checker.engine.shell import CommandTimeoutError, ContainerGoneError
from checker.grading.author import wait_until
from checker.grading.deadline import DeadlineError, deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.engine.shell import Shell

STUBBORN = {
    "a plain program": "sleep 1000",
    "a busy loop": "while :; do :; done",
    "a child in the background": "sleep 1000 & sleep 1000",
    "a new session": "setsid sleep 1000",
    "a cleared environment": "env -i sleep 1000",
    "nohup": "nohup sleep 1000",
    "ignored signals": "trap '' TERM INT HUP QUIT; while :; do sleep 1; done",
    "an orphan": "(sleep 1000 &) ; sleep 1000",
    "a daemon with nothing of us": "env -i setsid sh -c '(sleep 1000 </dev/null >/dev/null 2>&1 &)'; sleep 1000",
    "a new name": "bash -c 'exec -a innocent sleep 1000'",
    "a process that starts itself again": (
        "echo 'sleep 0.05; setsid sh /tmp/again.sh &' > /tmp/again.sh; sh /tmp/again.sh; sleep 1000"
    ),
    "many": "i=0; while [ $i -lt 60 ]; do sleep 1000 & i=$((i+1)); done; wait",
    "one that kills its parent first": "(sleep 0.1; setsid sleep 1000) & sleep 1000",
    "another user": "setpriv --reuid 65534 --clear-groups env -i setsid sleep 1000",
    "a stopped process": "sleep 1000 & kill -STOP $!; sleep 1000",
    "a reader of the terminal": "cat /dev/tty || sleep 1000",
    "a closed output": "exec >&- 2>&-; sleep 1000",
}


@pytest.mark.parametrize("kind", STUBBORN)
def test_a_time_limit_ends_the_command_and_all_it_started(
    shell: Shell, container: str, processes: Callable[[str], list[str]], kind: str
) -> None:
    with pytest.raises(CommandTimeoutError, match=r"longer than 0\.4 s and was ended"):
        shell.run(STUBBORN[kind], 0.4)
    assert processes(container) == []
    assert shell.run("echo next").stdout == "next\n"


def test_what_other_programs_of_the_container_do_is_left_alone(
    run: Callable[..., str], open_shell: Callable[..., Shell], processes: Callable[[str], list[str]]
) -> None:
    container = run("drydock/toolbox:1.0", "sh", "-c", "sleep 2000 & sleep 3000")
    shell, other = open_shell(container), open_shell(container)
    thread = threading.Thread(target=lambda: other.run("sleep 2 && touch /tmp/done"))
    thread.start()
    with pytest.raises(CommandTimeoutError):
        shell.run("sleep 1000", 0.3)
    left = processes(container)
    assert {"sleep 2000", "sleep 3000"} <= set(left)
    assert "sleep 1000" not in left
    thread.join()
    assert shell.run("test -e /tmp/done").rc == 0


@pytest.mark.parametrize(
    "command",
    [
        "sleep 1000 &",
        "setsid sleep 1000 >/dev/null 2>&1 &",
        "env -i setsid sh -c '(sleep 1000 &)'",
        "nohup sleep 1000 >/dev/null 2>&1 </dev/null &",
    ],
)
def test_what_a_check_left_running_ends_with_its_shell(
    shell: Shell, container: str, processes: Callable[[str], list[str]], command: str
) -> None:
    assert shell.run(command).rc == 0
    assert wait_until(lambda: "sleep 1000" in processes(container), 5)
    shell.close()
    assert wait_until(lambda: processes(container) == [], 5)


def test_in_a_container_without_grep_and_as_another_user_it_is_found_too(
    run: Callable[..., str], open_shell: Callable[..., Shell], processes: Callable[[str], list[str]]
) -> None:
    container = run("drydock/toolbox:1.0", HostConfig={"CapDrop": ["ALL"]})
    root = open_shell(container)
    root.run("rm -f /usr/bin/grep /usr/bin/env")
    root.close()
    shell = open_shell(container, "65534")
    with pytest.raises(CommandTimeoutError):
        shell.run("setsid sleep 1000 & sleep 1000", 0.4)
    assert processes(container) == []
    shell.run("setsid sleep 1000 &")
    shell.close()
    assert wait_until(lambda: processes(container) == [], 5)


def test_a_container_that_collects_no_orphans_does_not_hold_the_ending_up(
    run: Callable[..., str], open_shell: Callable[..., Shell]
) -> None:
    container = run("drydock/toolbox:1.0", "sleep", "infinity", HostConfig={"Init": False})
    shell = open_shell(container)
    for _ in range(3):
        with pytest.raises(CommandTimeoutError):
            shell.run("setsid sleep 1000 & setsid sleep 1000 & sleep 1000", 0.3)
    assert "Z" in shell.run("ps -eo stat").stdout
    start = time.monotonic()
    shell.close()
    assert time.monotonic() - start < 5


def test_closing_twice_and_closing_what_was_never_opened_is_fine(
    container: str, open_shell: Callable[..., Shell]
) -> None:
    shell = open_shell(container)
    shell.close()
    shell.run("true")
    shell.close()
    shell.close()


def test_a_check_that_is_interrupted_leaves_nothing_running(
    shell: Shell, container: str, processes: Callable[[str], list[str]]
) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    try:
        with pytest.raises(KeyboardInterrupt):
            shell.run("setsid sleep 1000 & sleep 1000")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert processes(container) == []
    assert shell.run("echo next").stdout == "next\n"


@pytest.mark.parametrize("seconds", [0.001, 0.02, 0.05, 0.1, 0.4])
def test_a_checks_own_limit_may_strike_at_any_moment(
    container: str,
    open_shell: Callable[..., Shell],
    processes: Callable[[str], list[str]],
    seconds: float,
) -> None:
    # Also while the shell is being opened, or its answer is read.
    shell = open_shell(container)
    with pytest.raises(DeadlineError), deadline(seconds):
        shell.run("sleep 1000")
    assert shell.run("echo next").stdout == "next\n"
    shell.close()
    assert wait_until(lambda: processes(container) == [], 5)


@pytest.mark.parametrize("command", ["kill -9 $PPID; sleep 0.2; echo on", "kill -HUP $PPID; sleep 1"])
def test_a_command_that_kills_its_own_shell_is_told_and_the_next_works(shell: Shell, command: str) -> None:
    with pytest.raises(ContainerGoneError, match="its shell was killed"):
        shell.run(command)
    assert shell.run("echo next").stdout == "next\n"


def test_a_shell_that_was_killed_between_two_commands_is_opened_again(
    shell: Shell, container: str, open_shell: Callable[..., Shell]
) -> None:
    mine = shell.run("echo $PPID").stdout
    open_shell(container).run(f"kill -9 {mine}")
    assert shell.run("echo next").stdout == "next\n"
