"""One persistent shell in a container: many commands over one exec, each with its own streams and time limit.

The engine needs 50 to 80 ms to open an exec; a command in an open shell takes less than 1 ms.
Every command runs in its own shell (`/bin/sh -c`), so that nothing that one command sets affects the next.
A random mark before and after each stream separates the command's output from the rest.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.engine.api import NotFoundError, RefusedError
from checker.engine.orphans import Mark, end_all
from checker.errors import EngineError, LabError

if TYPE_CHECKING:
    import socket
    from typing import Self

    from checker.engine.api import Engine

COMMAND_SECONDS = 10.0
"""How long a command may run by default."""

OUTPUT_BYTES = 16 * 1024 * 1024
"""How much a command may write; more than this is an error in the command, and would only fill memory."""

COMMAND_BYTES = 130_000
"""How long a command's text may be: Linux accepts no argument longer than 128 KiB (execve(2), MAX_ARG_STRLEN)."""

_STDOUT, _STDERR = 1, 2


class ShellError(LabError):
    """A command could not be run in a container; this alone never means that the learner's answer is wrong."""


class NoShellError(ShellError):
    """The container has no /bin/sh."""


class ContainerGoneError(ShellError):
    """The container stopped, was removed or was replaced while a command ran."""


class FolderGoneError(ShellError):
    """The folder that the container works in is mounted from outside, and was deleted there."""


class CommandTimeoutError(ShellError):
    """A command took longer than its time limit; it was ended inside the container."""


class OutputTooLargeError(ShellError):
    """A command wrote more than allowed; it was ended inside the container."""


class _NotBegunError(Exception):
    """The shell's connection had ended before the command began."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that has ended: its exit status and the bytes of both streams."""

    rc: int
    stdout_bytes: bytes
    stderr_bytes: bytes

    @property
    def stdout(self) -> str:
        """Standard output as UTF-8; invalid bytes are replaced."""
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self) -> str:
        """Standard error as UTF-8; invalid bytes are replaced."""
        return self.stderr_bytes.decode(errors="replace")


class Shell:
    """A shell kept open in one container; as a context manager, until the block ends.

    Args:
        engine: the engine that runs the container.
        container: its name or id; from then on, its id is used.
        user: run as this user instead of the container's default user.
    """

    def __init__(self, engine: Engine, container: str, user: str | None = None) -> None:
        self._engine = engine
        self._user = user
        found = engine.inspect(container)
        self._id: str = found["Id"]
        self._name = str(found["Name"]).lstrip("/")
        self._mark = Mark()
        self._busy = threading.RLock()
        """Held while a command runs, because two threads would mix their output."""
        self._socket: socket.socket | None = None
        self._unended = False
        """Whether there are processes with the mark that could not be ended yet."""
        self._pending = bytearray()
        self._streams = {_STDOUT: bytearray(), _STDERR: bytearray()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def container_id(self) -> str:
        """The id of the container the shell runs in."""
        return self._id

    @property
    def is_open(self) -> bool:
        """Whether it is open; the next command finds out whether its container still runs."""
        return self._socket is not None

    # -- opening and closing -------------------------------------------------------------------------------

    def open(self, seconds: float = COMMAND_SECONDS) -> None:
        """Open the shell before its first command, so that the command need not wait for it.

        Raises:
            ShellError: it cannot be opened.
        """
        with self._busy:
            self._open(seconds)

    def _open(self, seconds: float) -> None:
        if self._socket is not None:
            return
        if self._unended:
            self._end_all()
        self._mark = Mark()
        options: dict[str, Any] = {
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "Env": [self._mark.environment],
            "Cmd": ["/bin/sh"],
        }
        if self._user:
            options["User"] = self._user
        try:
            exec_id = self._engine.new_exec(self._id, options)
            self._socket, rest = self._engine.hijack(
                f"/exec/{exec_id}/start", {"Detach": False, "Tty": False}
            )
        except NotFoundError as error:
            raise self._gone() from error
        except RefusedError as error:
            raise self._refused(str(error), error.remedy) from error
        self._pending = bytearray(rest)
        self._streams = {_STDOUT: bytearray(), _STDERR: bytearray()}
        try:
            self._await_ready(time.monotonic() + seconds)
        except _NotBegunError as error:
            raise self._gone() from error
        except TimeoutError:
            self._end_all()
            raise CommandTimeoutError(
                f"The shell in container {self._name} did not answer within {seconds:g} s."
            ) from None
        except ShellError:
            self._close_socket()
            raise
        except BaseException:
            self._end_all()
            raise

    def _await_ready(self, deadline: float) -> None:
        # This shell's own messages, such as "Killed", are not a command's output: its stderr becomes number 3.
        self._send(f"exec 3>&2 2>/dev/null; {self._mark.take}; echo {self._mark.token}\n".encode())
        out = self._streams[_STDOUT]
        while not out.endswith(f"{self._mark.token}\n".encode()):
            if not self._receive(deadline):
                # If the shell could not be started, the engine's message comes without frames.
                said = bytes(out) + bytes(self._streams[_STDERR]) + bytes(self._pending)
                raise self._refused(said.decode(errors="replace").strip())
        out.clear()

    def close(self) -> None:
        """Close the shell, and end the processes that its commands left running in the container."""
        with contextlib.suppress(LabError, OSError):
            if self._unended or (self._socket is not None and self.run(self._mark.find, 2.0).stdout.strip()):
                self._end_all()
        self._close_socket()

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # -- running -------------------------------------------------------------------------------------------

    def run(self, command: str | bytes, seconds: float = COMMAND_SECONDS) -> Completed:
        """Run a command with `/bin/sh -c` and return its exit status and both streams.

        Args:
            command: the command; up to 130,000 bytes without NUL.
            seconds: after this time it is ended, with everything that it started.

        Raises:
            NoShellError: the container has no /bin/sh.
            ContainerGoneError: the container is not running, or stopped while the command ran.
            CommandTimeoutError: the command took too long and was ended.
            OutputTooLargeError: it wrote more than 16 MiB and was ended.
        """
        text = command.encode(errors="surrogateescape") if isinstance(command, str) else command
        if b"\0" in text:
            raise ShellError("A command cannot contain a NUL byte.", remedy="Write it to a file first.")
        if len(text) > COMMAND_BYTES:
            raise ShellError(
                f"A command cannot be longer than {COMMAND_BYTES} bytes; this one has {len(text)}.",
                remedy="Write the long part to a file in the container first.",
            )
        with self._busy:
            return self._run(text, seconds)

    def _run(self, text: bytes, seconds: float) -> Completed:
        kept = self._socket is not None
        try:
            return self._attempt(text, seconds)
        except _NotBegunError as error:
            # This shell was open before: since then, its container was restarted or the shell was killed.
            if kept:
                with contextlib.suppress(_NotBegunError):
                    return self._attempt(text, seconds)
            raise self._gone(text) from error

    def _attempt(self, text: bytes, seconds: float) -> Completed:
        deadline = time.monotonic() + seconds
        self._open(seconds)
        nonce = secrets.token_hex(16).encode()
        quoted = b"'" + text.replace(b"'", b"'\\''") + b"'"
        # Parentheses, because dash redirects before it forks: it would report a killed command on the command's stderr.
        line = (
            b"printf %s " + nonce + b"; printf %s " + nonce + b" >&3; "
            b"( exec /bin/sh -c " + quoted + b" </dev/null 2>&3 3>&- ); "
            b"printf '\\n" + nonce + b"%d\\n' $?; printf '\\n" + nonce + b"\\n' >&3\n"
        )  # fmt: skip
        try:
            self._send(line)
            out, status = self._until_framed(_STDOUT, nonce, deadline, text, seconds)
            err, _ = self._until_framed(_STDERR, nonce, deadline, text, seconds)
        except (LabError, _NotBegunError):
            raise
        except BaseException:
            # Ctrl-C, or a check's own time limit: the command would keep running and mix its output with the next one's.
            self._end_all()
            raise
        return Completed(int(status), out, err)

    def _until_framed(
        self, stream: int, nonce: bytes, deadline: float, command: bytes, seconds: float
    ) -> tuple[bytes, bytes]:
        buffer = self._streams[stream]
        end_mark = b"\n" + nonce
        searched = 0
        while True:
            start = buffer.find(nonce)
            if start >= 0:
                body = start + len(nonce)
                end = buffer.find(end_mark, max(body, searched))
                if end >= 0 and (line_end := buffer.find(b"\n", end + len(end_mark))) >= 0:
                    output, status = bytes(buffer[body:end]), bytes(buffer[end + len(end_mark) : line_end])
                    del buffer[: line_end + 1]
                    return output, status or b"0"
                searched = max(body, len(buffer) - len(end_mark) - 16)
            if len(self._streams[_STDOUT]) + len(self._streams[_STDERR]) > OUTPUT_BYTES:
                self._end_all()
                raise OutputTooLargeError(
                    f"`{_shown(command)}` in container {self._name} wrote more than {OUTPUT_BYTES >> 20} MiB and was ended."
                )
            try:
                alive = self._receive(deadline)
            except TimeoutError:
                self._end_all()
                raise CommandTimeoutError(
                    f"`{_shown(command)}` in container {self._name} took longer than {seconds:g} s and was ended."
                ) from None
            if not alive:
                if nonce not in self._streams[_STDOUT]:
                    self._close_socket()
                    raise _NotBegunError
                self._end_all()
                raise self._gone(command)

    # -- bytes ---------------------------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        assert self._socket is not None  # noqa: S101 - opened by the callers
        try:
            self._socket.settimeout(COMMAND_SECONDS)
            self._socket.sendall(data)
        except OSError as error:
            self._close_socket()
            raise _NotBegunError from error

    def _receive(self, deadline: float) -> bool:
        """Read once and add the data to its streams; return False at the end of the connection."""
        assert self._socket is not None  # noqa: S101 - opened by the callers
        if self._sort():
            return True
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(262144)
        except TimeoutError:
            raise
        except OSError:
            return False
        if not data:
            return False
        self._pending += data
        self._sort()
        return True

    def _sort(self) -> bool:
        moved = False
        pending = self._pending
        while len(pending) >= 8:
            size = int.from_bytes(pending[4:8], "big")
            if len(pending) < 8 + size:
                break
            if pending[0] in self._streams:
                self._streams[pending[0]] += pending[8 : 8 + size]
            del pending[: 8 + size]
            moved = True
        return moved

    # -- endings -------------------------------------------------------------------------------------------

    def _end_all(self) -> None:
        """End the shell and everything its commands started; a new one opens at the next command."""
        self._unended = True
        self._close_socket()
        # The command's shell is waiting for it, so this needs another exec.
        self._unended = not end_all(self._engine, self._id, self._mark, self._user)

    def _gone(self, command: bytes = b"") -> ContainerGoneError:
        during = f" while `{_shown(command)}` ran" if command else ""
        try:
            state = self._engine.inspect(self._id)["State"]
            # The exec ends a moment before the engine records that the container has ended.
            deadline = time.monotonic() + 1.0
            while state.get("Running") and not state.get("Paused") and time.monotonic() < deadline:
                time.sleep(0.02)
                state = self._engine.inspect(self._id)["State"]
        except NotFoundError:
            with contextlib.suppress(EngineError):
                other = self._engine.inspect(self._name)["Id"]
                return ContainerGoneError(
                    f"Container {self._name} ({self._id[:12]}) was replaced by another of that name ({other[:12]}){during}."
                )
            return ContainerGoneError(f"Container {self._name} ({self._id[:12]}) was removed{during}.")
        except EngineError as error:
            return ContainerGoneError(f"Container {self._name} was lost{during}: {error.what}")
        if state.get("Paused"):
            return ContainerGoneError(f"Container {self._name} is paused, so nothing can be run in it.")
        if state.get("Running"):
            return ContainerGoneError(
                f"Container {self._name} was restarted, or its shell was killed{during}."
            )
        why = "out of memory" if state.get("OOMKilled") else f"exit code {state.get('ExitCode')}"
        return ContainerGoneError(f"Container {self._name} stopped{during} ({why}).")

    def _refused(self, said: str, remedy: str = "") -> ShellError:
        if "/bin/sh" in said and ("no such file" in said or "not found" in said):
            return NoShellError(
                f"Container {self._name} has no /bin/sh, so no command can be run in it.",
                remedy="Judge it from outside: with requests, logs and what the engine reports.",
                detail=said,
            )
        # If a mounted working folder was deleted, runc thinks that it is an attack.
        if "outside of container mount namespace" in said or "container breakout" in said:
            return FolderGoneError(
                f"The work folder that container {self._name} was started with was deleted or replaced, so nothing can "
                "be run in the container.",
                remedy="Run `lab start` with this lab's number: it creates the container again with the current folder.",
            )
        if "is not running" in said or "is paused" in said or "is restarting" in said or not said:
            return self._gone()
        return ShellError(f"No shell could be opened in container {self._name}: {said}", remedy=remedy)


def _shown(command: bytes) -> str:
    text = command.decode(errors="replace").replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "…"
