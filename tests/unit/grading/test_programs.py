"""Which process answers for a container, and whether it is the image's program."""

from __future__ import annotations

import pytest

from checker.grading.programs import Process, parse, runs

TEXT = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 10001        0 4711 1
   1: 0B00007F:A001 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1
=====
1 (sh) S 0 1 1
7 (python3) S 1 1 1
20 (python3) S 0 20 20
=====
/proc/1/fd:
lrwx------ 1 u u 64 Nov 28 10:00 0 -> /dev/null
/proc/7/fd:
lrwx------ 1 u u 64 Nov 28 10:00 3 -> socket:[{socket}]
/proc/20/fd:
lrwx------ 1 u u 64 Nov 28 10:00 3 -> socket:[4711]
=====
1\t/\tsh\t-c\texec python3 /app/parcel.py\t
7\t/app\tpython3\t-u\tparcel.py\t
20\t/\tpython3\t-c\timport http.server\t
"""


def test_the_listener_is_found_with_its_command_and_its_folder() -> None:
    seen = parse(TEXT.replace("{socket}", "4711").replace("/proc/20/fd:", "/proc/21/fd:"))
    assert seen is not None
    listener = seen.on(8080)
    assert listener is not None
    assert (listener.number, listener.folder, listener.words) == (7, "/app", ("python3", "-u", "parcel.py"))
    assert seen.is_main(listener)


def test_a_listener_of_a_session_does_not_descend_from_the_main_process() -> None:
    seen = parse(TEXT.replace("{socket}", "99"))
    assert seen is not None
    listener = seen.on(8080)
    assert listener is not None
    assert listener.number == 20
    assert not seen.is_main(listener)


@pytest.mark.parametrize(
    ("listener", "others", "main"),
    [
        ("7 (python3) S 1 14 14", "", False),
        ("7 (python3) S 1 14 14", "14 (sh) S 0 14 14\n", False),
        ("7 (python3) S 1 14 0", "", False),
        ("7 (python3) S 1 7 7", "", True),
        ("7 (python3) S 6 7 6", "6 (sh) S 1 6 6\n", True),
    ],
    ids=["its session has ended", "its session goes on", "begun outside", "its own session", "one of main's"],
)
def test_an_orphan_of_a_session_is_no_child_of_the_main_process(
    listener: str, others: str, *, main: bool
) -> None:
    text = TEXT.replace("{socket}", "4711").replace("/proc/20/fd:", "/proc/21/fd:")
    seen = parse(
        text.replace("7 (python3) S 1 1 1", listener).replace("20 (python3)", f"{others}20 (python3)")
    )
    assert seen is not None
    found = seen.on(8080)
    assert found is not None
    assert seen.is_main(found) is main


def test_what_cannot_be_read_is_no_verdict() -> None:
    assert parse("permission denied") is None


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("/", "python3 /app/parcel.py"),
        ("/", "/usr/bin/python3.13 -I -u /app/parcel.py"),
        ("/app", "python3 -u parcel.py"),
        ("/app", "python3 -X dev ./parcel.py"),
        ("/srv", "python3 ../app/parcel.py"),
        ("/app", "python3 -m parcel"),
        ("/app", "python3 -um parcel"),
        ("/app", "python3 -mparcel"),
        ("/", "python3 -uX dev /app/parcel.py"),
        ("/", "python3 -Werror /app/parcel.py"),
        ("/", "python3 --check-hash-based-pycs always /app/parcel.py"),
    ],
)
def test_the_program_is_known_however_it_is_started(folder: str, command: str) -> None:
    assert runs(Process(1, 0, "python3", folder, tuple(command.split())), "/app/parcel.py")


def test_a_program_that_is_no_script_is_known_by_its_file() -> None:
    assert runs(Process(1, 0, "parcel.py", "/app", ("./parcel.py",)), "/app/parcel.py")


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("/", ("python3", "-Icexec(open('/x').read())", "/app/parcel.py")),
        ("/", ("python3", "-ucpass", "/app/parcel.py")),
        ("/srv", ("python3", "-mparcel")),
        ("/", ("python3", "-", "/app/parcel.py")),
        ("/", ("/app/parcel.py", "-c", "print(1)")),  # `exec -a /app/parcel.py python3 -c`
        ("/", ("python3", "-c", "print(1)", "/app/parcel.py")),
        ("/", ("python3", "-uc", "print(1)", "/app/parcel.py")),
        ("/", ("python3", "-c", "/app/parcel.py")),
        ("/", ("python3", "/tmp/parcel.py")),  # noqa: S108 - a path in a container
        ("/", ("python3", "parcel.py")),
        ("/", ("python3", "-m", "http.server")),
        ("/srv", ("nginx", "/app/parcel.py")),
        ("/", ()),
    ],
)
def test_a_pretender_is_not_taken_for_the_program(folder: str, words: tuple[str, ...]) -> None:
    assert not runs(Process(1, 0, "x", folder, words), "/app/parcel.py")
