"""Which program answers for a container: the process that listens, its command line, and its parent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from checker.engine.shell import ShellError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.grading.container import Container

_ALL = ("/proc/[0-9]*",)
_OPEN = "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null"


def look(folders: Sequence[str] = _ALL, sockets: str = _OPEN) -> str:
    """Return the command whose output `parse` reads.

    Args:
        folders: those of the processes to look at, below /proc.
        sockets: the command that prints the sockets.
    """
    there = " ".join(folders)
    files, states = (" ".join(f"{each}/{name}" for each in folders) for name in ("fd", "stat"))
    return (
        f"{sockets}; echo =====; cat {states} 2>/dev/null; echo =====; ls -l {files} 2>/dev/null; echo =====; "
        f'for each in {there}; do printf \'%s\\t%s\\t\' "${{each#/proc/}}" "$(readlink $each/cwd 2>/dev/null)"; '
        "tr '\\0\\n' '\\t ' < $each/cmdline 2>/dev/null; echo; done; true"
    )


@dataclass(frozen=True, slots=True)
class Process:
    """A process inside a container."""

    number: int
    parent: int
    name: str
    folder: str
    """Its working folder; empty if it cannot be read."""
    words: tuple[str, ...]
    """Its command line."""
    session: int = 0
    """The number of the process that began its session; 0 if that is outside of the container."""

    @property
    def told(self) -> str:
        """The beginning of its command line."""
        return (" ".join(self.words) or self.name)[:160]


@dataclass(frozen=True)
class Processes:
    """The processes inside a container at one moment."""

    by_number: dict[int, Process]
    listening: dict[int, int]
    """The port that each process listens on, by process number; without processes that cannot be examined."""

    def on(self, port: int) -> Process | None:
        """Return the process that listens on a port, or None if there is none or it cannot be examined."""
        return next(
            (self.by_number[number] for number, there in self.listening.items() if there == port), None
        )

    def is_main(self, process: Process) -> bool:
        """Whether a process is the container's main process or descends from it; a process of `docker exec` does not."""
        return self._descends(process) and self._in_a_session_of_main(process)

    def _descends(self, process: Process) -> bool:
        seen: set[int] = set()
        number = process.number
        while number > 1 and number in self.by_number and number not in seen:
            seen.add(number)
            number = self.by_number[number].parent
        return number == 1

    def _in_a_session_of_main(self, process: Process) -> bool:
        """Whether a process is no orphan of `docker exec`: the kernel makes it a child of number 1, but it keeps its session."""
        main = self.by_number.get(1)
        first = self.by_number.get(process.session)
        return (
            main is None or process.session == main.session or (first is not None and self._descends(first))
        )


def read_processes(container: Container) -> Processes | None:
    """Return the processes inside a container, or None if it has no shell."""
    try:
        done = container.exec(look())
    except ShellError:
        return None
    return parse(done.stdout)


def parse(text: str) -> Processes | None:
    """Read the output from `/proc`: sockets, states, open files and command lines, separated by lines of `=====`."""
    parts = text.split("=====\n")
    if len(parts) != 4:
        return None
    sockets, stats, files, commands = parts
    ports = {
        row[9]: int(row[1].rpartition(":")[2], 16)
        for row in (line.split() for line in sockets.splitlines())
        if len(row) > 9 and row[3] == "0A"
    }
    lines: dict[int, tuple[str, tuple[str, ...]]] = {}
    for line in commands.splitlines():
        number, _, rest = line.partition("\t")
        folder, _, words = rest.partition("\t")
        if number.isdecimal():
            lines[int(number)] = (folder, tuple(words.rstrip("\t").split("\t")) if words.strip() else ())
    found = {}
    for number, name, parent, session in re.findall(
        r"^(\d+) \((.*)\) \S (\d+)(?: \d+ (\d+))?", stats, re.MULTILINE
    ):
        place, arguments = lines.get(int(number), ("", ()))
        found[int(number)] = Process(int(number), int(parent), name, place, arguments, int(session or 0))
    listening: dict[int, int] = {}
    owner = 0
    for line in files.splitlines():
        if heading := re.match(r"/proc/(\d+)/fd:", line):
            owner = int(heading[1])
        elif (link := re.search(r"socket:\[(\d+)\]", line)) and link[1] in ports and owner in found:
            listening[owner] = ports[link[1]]
    return Processes(found, listening)


_WITH_VALUE = frozenset({"--check-hash-based-pycs"})


def runs(process: Process, file: str) -> bool:
    """Whether a process is Python running this file, or the file itself: `python3 -u parcel.py` in /app is /app/parcel.py.

    Args:
        process: the process.
        file: the program's path in the image.
    """
    words = list(process.words)
    if not words:
        return False
    if not re.fullmatch(r"python[\d.]*", PurePosixPath(words[0]).name):
        # The first word can be any (`exec -a`); the kernel names a process after the file that it runs.
        return process.name == PurePosixPath(file).name[:15] and _resolved(process.folder, words[0]) == file
    words = words[1:]
    while words and words[0].startswith("-"):
        option, *words = words
        if option == "-":
            return False  # from its standard input
        letter, value = _taking(option)
        if not letter:
            continue
        if not value:
            value, words = "".join(words[:1]), words[1:]
        if letter == "c":
            return False
        if letter == "m":
            place = PurePosixPath(file)
            return value == place.stem and process.folder == str(place.parent)
    return bool(words) and _resolved(process.folder, words[0]) == file


def _taking(option: str) -> tuple[str, str]:
    """Return which letter of Python's options in one word takes a value, and the value if it is in the same word: `-um` is -u -m."""
    if option in _WITH_VALUE:
        return option, ""
    found = re.match(r"-[^-cmWX]*([cmWX])(.*)", option, re.DOTALL)
    return (found[1], found[2]) if found else ("", "")


def command_of(processes: Sequence[Process]) -> str:
    """Return how the first of some processes was started, for a person who does not expect it."""
    return next((each.told for each in processes if each.told), "a program without a command line")


def _resolved(folder: str, path: str) -> str:
    parts: list[str] = []
    for part in PurePosixPath(folder or "/", path).parts:
        if part == "..":
            parts = parts[:-1] if len(parts) > 1 else parts
        elif part != ".":
            parts.append(part)
    return str(PurePosixPath(*parts))
