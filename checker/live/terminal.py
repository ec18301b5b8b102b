"""A terminal in a lab's toolbox, never on this machine: one shell for each lab, which outlives the page that shows it."""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import threading
from typing import TYPE_CHECKING, Any

from checker.engine.orphans import Mark, end_all
from checker.errors import EngineError, LabError
from checker.scene import typed

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.session.session import Session

KEPT_BYTES = 256 * 1024
"""How much of what was written is kept, for a page that comes back."""

HIGH_BYTES, LOW_BYTES = 128 * 1024, 32 * 1024
"""What a page may have been sent and not shown yet before no more is read, and when reading goes on. The program that
writes then waits, as it does at any terminal that is slow."""

ALONE_BYTES = KEPT_BYTES
"""How much is read while no page is there; after that the program waits."""

# Bash reports the status of the last command, that its prompt is shown, and that a command begins: OSC 133, as other
# terminals use it. A page shows none of it. The prompt itself has to report that it is shown: what is typed between
# PROMPT_COMMAND and the prompt comes before readline has set up the terminal. In an open quote, it waits for the rest of a
# command. What is typed is recorded, as in `lab shell`.
_ENVIRONMENT = (
    "TERM=xterm-256color",
    "COLORTERM=truecolor",
    *(f"{name}={value}" for name, value in typed.ENVIRONMENT.items() if name != "PROMPT_COMMAND"),
    (
        "PROMPT_COMMAND=printf '\\033]133;D;%s\\007' \"$?\"; "
        f"{typed.ENVIRONMENT['PROMPT_COMMAND']}; "
        'case $PS1 in *133*) ;; *) PS1="$PS1\\[\\e]133;A\\a\\]" ;; esac'
    ),
    "PS0=\\e]133;C\\a",
    "PS2=\\[\\e]133;C\\a\\]> ",
)
CLEAR_LINE = b"\x05\x15"
_TOLD = re.compile(rb"\x1b\]133;(?:(?P<what>[AC])|D;(?P<status>\d+))\x07")
_BEGUN = re.compile(rb"\x1b(?:\](?:1(?:3(?:3(?:;[ACD0-9;]*)?)?)?)?)?$")


class NotAtPromptError(Exception):
    """A program is running in the terminal, so what is typed now would go to it."""


class Terminal:
    """One shell in one toolbox.

    Args:
        session: the course.
        container: the toolbox's id.
        folder: the working folder inside it.
        columns: the terminal's width.
        rows: its height.
        tell: called from another thread whenever there is something to send, or something ended.
        done: called from another thread whenever a command has ended.

    Raises:
        LabError: the shell could not be started.
    """

    def __init__(
        self,
        session: Session,
        container: str,
        folder: str,
        columns: int,
        rows: int,
        tell: Callable[[], None],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = session.engine
        self._container = container
        self._mark = Mark()
        self.tell = tell
        self._done = done
        self.taken: Callable[[], None] | None = None
        """Tells the page that is there now that another has taken over."""
        self.name = secrets.token_hex(6)
        """A name of this shell, by which a page knows whether it is the one that it has seen."""
        self._condition = threading.Condition()
        self._blocks: list[bytes] = []
        self._first = 0
        """The number of the first byte that is kept."""
        self.seq = 0
        """The number of the byte that comes next."""
        self._acknowledged = 0
        self._attached = False
        self._waits = False
        self.ended = ""
        self._tail = b""
        self.at_prompt = False
        self._statuses: list[tuple[str, int]] = []
        """Every command that has ended, in order: its block, empty for one that the learner typed, and its status."""
        self._pending: list[str] = []
        self._id, self._socket, rest = self._open(folder, [rows, columns])
        if rest:
            self._keep(rest)
        threading.Thread(target=self._read, name="terminal", daemon=True).start()

    def _open(self, folder: str, size: list[int]) -> tuple[str, socket.socket, bytes]:
        """Start the shell; return the id of its exec, its connection, and what it has printed by now."""
        options: dict[str, Any] = {
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": True,
            "Env": [*_ENVIRONMENT, self._mark.environment],
            "WorkingDir": folder,
            "ConsoleSize": size,
            "Cmd": ["bash", "-l"],
        }
        exec_id = self._engine.new_exec(self._container, options)
        connection, rest = self._engine.hijack(
            f"/exec/{exec_id}/start", {"Detach": False, "Tty": True, "ConsoleSize": size}
        )
        connection.settimeout(None)
        return exec_id, connection, rest

    # -- what a page does ----------------------------------------------------------------------------------

    def attach(self, seq: int) -> int:
        """Take up a page that has everything up to a byte; return the first one that it will be sent."""
        with self._condition:
            begin = min(max(seq, self._first), self.seq) if seq <= self.seq else self._first
            self._attached, self._acknowledged = True, begin
            self._condition.notify_all()
            return begin

    def detach(self) -> None:
        """Note that no page is there any more."""
        with self._condition:
            self._attached, self._acknowledged = False, self.seq
            self._condition.notify_all()

    def acknowledge(self, seq: int) -> None:
        """Note that the page has shown everything up to a byte."""
        with self._condition:
            self._acknowledged = max(self._acknowledged, min(seq, self.seq))
            self._condition.notify_all()

    def since(self, seq: int) -> bytes:
        """Return what was written from a byte on, as far as it is kept."""
        with self._condition:
            skip = max(0, seq - self._first)
            return b"".join(self._blocks)[skip:]

    def send(self, data: bytes) -> None:
        """Type something."""
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size."""
        with contextlib.suppress(EngineError):
            self._engine.post(f"/exec/{self._id}/resize", h=rows, w=columns)

    def run(self, block: str, text: str, *, wait: float = 5.0) -> None:
        """Type a command of the course, as the learner would.

        Args:
            block: the block's id, which comes back with the status of the command.
            text: the command.
            wait: seconds to wait for a shell that has only just begun to show its prompt.

        Raises:
            NotAtPromptError: another program is running in the terminal.
        """
        with self._condition:
            if not self._statuses:
                self._condition.wait_for(lambda: self.at_prompt or bool(self.ended), wait)
            if not self.at_prompt:
                raise NotAtPromptError
            self.at_prompt = False
            self._pending.append(block)
        # What is typed and not entered goes away first: to the end of the line, and all before it.
        # Bracketed paste: the shell takes the lines for one command, and shows them as they are.
        self.send(CLEAR_LINE + b"\x1b[200~" + text.rstrip("\n").encode() + b"\x1b[201~\r")

    def statuses(self, since: int = 0) -> list[tuple[str, int]]:
        """Return the commands that have ended, each as its block and its exit status, from a number on."""
        with self._condition:
            return self._statuses[since:]

    def end(self) -> None:
        """End the shell and everything that it started."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with contextlib.suppress(LabError):
            end_all(self._engine, self._container, self._mark, None)

    # -- reading -------------------------------------------------------------------------------------------

    def _read(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(self._may_read)
            try:
                data = self._socket.recv(16384)
            except OSError:
                data = b""
            if not data:
                with self._condition:
                    self.ended = "The shell has ended."
                    self._condition.notify_all()
                self.tell()
                return
            self._keep(data)
            self.tell()

    def _may_read(self) -> bool:
        unseen = self.seq - self._acknowledged
        if not self._attached:
            return unseen < ALONE_BYTES
        self._waits = unseen > (LOW_BYTES if self._waits else HIGH_BYTES)
        return not self._waits

    def _keep(self, data: bytes) -> None:
        with self._condition:
            self._blocks.append(data)
            self.seq += len(data)
            kept = self.seq - self._first
            while len(self._blocks) > 1 and kept > KEPT_BYTES:
                gone = len(self._blocks.pop(0))
                self._first += gone
                kept -= gone
            self._listen(data)
            self._condition.notify_all()

    def _listen(self, data: bytes) -> None:
        """Notice what the shell tells about its prompt, also where it is cut in two."""
        text = self._tail + data
        for told in _TOLD.finditer(text):
            if told["status"] is not None:
                self._statuses.append((self._pending.pop(0) if self._pending else "", int(told["status"])))
                self._done()
            else:
                self.at_prompt = told["what"] == b"A"
        cut = _BEGUN.search(text)
        self._tail = text[cut.start() :] if cut else b""
