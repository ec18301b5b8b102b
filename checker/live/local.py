"""The Unix socket on which `lab check` asks for a verdict: for this user alone, without a token."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from checker import whole
from checker.bootstrap import ask
from checker.errors import LabError
from checker.live.judge import Verdict
from checker.render.report import report_lines
from checker.render.style import Style, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.live.service import Service

REQUEST_BYTES = 16 * 1024
SIGN_SECONDS = 1.0
"""How often something is said while a verdict is given."""
REQUEST_SECONDS = 2.0


class Local:
    """The socket of one run of the service.

    Args:
        service: what judges.
        file: the file that says where the socket is.
        code: which version of the checker the service runs, as `ask.code_of` tells it.
        environment: the environment in which it was started, as `ask.environment` tells it.
    """

    def __init__(self, service: Service, file: Path, code: str, environment: str) -> None:
        self._service = service
        self._file = file
        self._version = (code, environment)
        self._server: asyncio.Server | None = None
        # A socket's path has at most about 100 bytes, and the state folder's path may be longer.
        self._folder = Path(tempfile.mkdtemp(prefix="drydock-live-"))
        self.path = self._folder / "socket"

    async def open(self) -> None:
        """Listen."""
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, str(self.path), limit=REQUEST_BYTES)
        finally:
            os.umask(before)
        whole.write_bytes(self._file, os.fsencode(self.path), mode=0o600)

    async def close(self) -> None:
        """Stop to listen, and remove the socket."""
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(OSError):
            # That of a service which has taken over stays.
            if self._file.read_bytes() == os.fsencode(self.path):
                self._file.unlink()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
            self._folder.rmdir()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            if ask.peer(writer.get_extra_info("socket")) == os.getuid():
                data = await asyncio.wait_for(reader.readuntil(b"\n\n"), REQUEST_SECONDS)
                await self._answer(ask.read_request(data), writer)
        with contextlib.suppress(OSError):
            writer.close()

    async def _answer(self, asked: dict[str, str], writer: asyncio.StreamWriter) -> None:
        number, step = self._which(asked.get("lab", ""))
        judging = self._service.judge.judging
        # Another lab's verdict may take minutes, and this one can be given by the asker in the meantime.
        free = not judging or judging[:2] == number
        if (asked.get("code"), asked.get("environment")) != self._version or not number or not free:
            await _say(writer, "no")
            return
        await _say(writer, "ok")
        title: list[str] = []
        verdict = await self._judge(number, step, writer, title.append, title)
        if verdict.report is None:
            # The asker finds the same, and says it in full.
            await _say(writer, "no")
            return
        report, options = verdict.report, asked.get("options", "").split()
        if "--json" in options:
            import msgspec  # noqa: PLC0415

            text = msgspec.json.encode(report).decode()
        else:
            text = "\n".join(report_lines(report, style_of(asked), everything="--all" in options))
        shown = f"{text}\n".encode(errors="surrogatepass")
        await _say(writer, f"verdict {int(report.exit_code)} {len(shown)}", shown)

    def _which(self, name: str) -> tuple[str, int]:
        try:
            lab, step = self._service.catalogue.find_step(name)
        except LabError:
            return "", 0
        return lab.number, step

    async def _judge(
        self,
        number: str,
        step: int,
        writer: asyncio.StreamWriter,
        trying: Callable[[str], None],
        titles: list[str],
    ) -> Verdict:
        watch = self._service.watch(number)
        verdict = Verdict(watch.state.lab.slug, step=step, trying=trying)
        begun, said = time.monotonic(), 0
        self._service.judge.ask(verdict)
        judged = asyncio.wrap_future(verdict.given)
        while not (await asyncio.wait({judged}, timeout=SIGN_SECONDS if said else ask.SOON_SECONDS))[0]:
            said += 1
            after = f" ({time.monotonic() - begun:.0f} s)"
            title = " ".join(printable(titles[-1]).split()) + after if titles else ""
            await _say(writer, f"trying {title}")
        # Pages that show the lab show this verdict too.
        await run_in_threadpool(watch.take, verdict, asked=False)
        return verdict


async def _say(writer: asyncio.StreamWriter, line: str, more: bytes = b"") -> None:
    writer.write(line.encode() + b"\n" + more)
    await writer.drain()


def style_of(asked: dict[str, str]) -> Style:
    """Return how to write for the asker's terminal, as `checker.render.style.style_of` does for one's own."""
    terminal = bool(asked.get("terminal"))
    colour = terminal and asked.get("TERM") != "dumb"
    if asked.get("FORCE_COLOR"):
        colour = True
    if asked.get("NO_COLOR"):
        colour = False
    columns = asked.get("columns", "")
    width = min(max(int(columns), 20), 100) if columns.isdecimal() else 100
    encoding = asked.get("encoding", "ascii").lower()
    return Style(colour=colour, width=width, unicode=encoding.startswith("utf"), terminal=terminal)
