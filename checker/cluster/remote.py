"""The programs in a container on a node's own engine, and whether its files are still those of its image."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from checker.grading import edits
from checker.grading.programs import Process, command_of, look, parse, runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Remote:
    """A container on a node's engine.

    Args:
        id: the container.
        ask: returns the answer of that engine's API to a path.
        run: runs a command on the node, and returns its output.
    """

    id: str
    ask: Callable[[str], Any]
    run: Callable[[str], str]

    def processes(self) -> list[Process]:
        """Return its processes, without their working folders, which would take a command for each."""
        top: dict[str, Any] = self.ask(f"/containers/{self.id}/top") or {}
        titles = {title: place for place, title in enumerate(top.get("Titles") or ())}
        number, parent = titles.get("PID", 1), titles.get("PPID", 2)
        return [
            Process(int(row[number]), int(row[parent]), "", "", tuple(str(row[-1]).split()))
            for row in top.get("Processes") or ()
        ]

    def find(self, program: str) -> Process | None:
        """Return its process that runs a program, by the program's path in the image; None when there is none."""
        return self._find(self.processes(), program)

    def _find(self, among: Sequence[Process], program: str) -> Process | None:
        for each in among:
            if runs(each, program):
                return each
        for each in among:
            folder = self.run(f"readlink /proc/{each.number}/cwd; true").strip()
            if runs(placed := replace(each, folder=folder), program):
                return placed
        return None

    def in_place_of(self, program: str, port: int = 0) -> str:
        """Return the command of what runs in a program's place; empty when the program runs, or nothing does.

        Args:
            program: its path in the image.
            port: where it answers others in the container: what else listens there is in its place too. Any, when left out.
        """
        # Asked once: between two questions a copy may have started.
        there = self.processes()
        if not there:
            return ""
        if not self._find(there, program):
            return command_of(there)
        # One process alone is the program, which was just found.
        listening = self._listening(there, port) if port and len(there) > 1 else []
        # A process and its children may have one socket.
        if not listening or any(runs(each, program) for each in listening):
            return ""
        return command_of(listening)

    def _listening(self, there: Sequence[Process], port: int) -> list[Process]:
        """Return which of its processes listen on a port where others reach them; none when that cannot be seen."""
        folders = [f"/proc/{each.number}" for each in there]
        # Each line has an address in hexadecimal, its bytes in reverse, and a port.
        rows = f"grep -h ':{port:04X} 0*:0000 0A ' {folders[0]}/net/tcp {folders[0]}/net/tcp6"
        seen = parse(
            self.run(
                look(folders, f"{rows} | grep -v -e '7F:{port:04X} 0*:' -e ' 0*01000000:{port:04X} 0*:'")
            )
        )
        return [seen.by_number[number] for number in seen.listening] if seen else []

    def answers(self, port: int) -> bool:
        """Whether something in it answers HTTP at a port, on an address that others can reach."""
        record: dict[str, Any] = self.ask(f"/containers/{self.id}/json")
        asked = f'curl -s --noproxy "*" --max-time 2 -o /dev/null "http://${{each%/*}}:{port}/"'
        inside = f"for each in $(ip -4 -o addr show scope global | awk '{{print $4}}'); do {asked} && echo yes; done; true"
        said = self.run(f"nsenter --target {record['State']['Pid']} --net sh -c {shlex.quote(inside)}; true")
        return "yes" in said

    def environment(self, process: Process) -> dict[str, str]:
        """Return the environment variables that one of its processes was started with."""
        said = self.run(f"tr '\\n\\0' ' \\n' < /proc/{process.number}/environ; true")
        pairs = (line.partition("=") for line in said.splitlines())
        return {name: value for name, _, value in pairs}

    def image_layers(self) -> list[str]:
        """Return the layers of its image, the lowest first; the same image has the same ones on every engine."""
        record: dict[str, Any] = self.ask(f"/containers/{self.id}/json")
        image: dict[str, Any] = self.ask(f"/images/{record['Image']}/json") or {}
        return list((image.get("RootFS") or {}).get("Layers") or ())

    def other_code(self, program: str) -> list[str]:
        """Return the variables, with their values, by which its process of a program loads other code than its image's."""
        process = self.find(program)
        told = self.environment(process) if process else {}
        return sorted(f"{name}={told[name]}" for name in edits.CODE_VARIABLES & told.keys() if told[name])

    def edited_files(self) -> list[str]:
        """Return the programs of its image that were edited, added or removed in it, as `docker diff` prints them."""
        record: dict[str, Any] = self.ask(f"/containers/{self.id}/json")
        held = _Held(self.id, record.get("Mounts") or [], record)
        return edits.changed(_Engine(self.ask), held)

    def changed_files(self) -> list[str]:
        """Return how it differs from the programs and settings of its image, one line for each difference."""
        record: dict[str, Any] = self.ask(f"/containers/{self.id}/json")
        held = _Held(self.id, record.get("Mounts") or [], record)
        image: dict[str, Any] = self.ask(f"/images/{record['Image']}/json") or {}
        return [
            *edits.mounted_over(held),
            *edits.changed(_Engine(self.ask), held),
            *edits.loads_other_code(held, (image.get("Config") or {}).get("Env") or ()),
        ]


@dataclass(frozen=True)
class _Held:
    """A container in the form that `edits` reads."""

    id: str
    mounts: list[dict[str, Any]]
    attrs: dict[str, Any]


@dataclass(frozen=True)
class _Engine:
    """An engine in the form that `edits` calls."""

    ask: Callable[[str], Any]

    def get(self, path: str) -> Any:
        """Return the answer."""
        return self.ask(path)
