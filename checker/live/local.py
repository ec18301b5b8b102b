"""The Unix socket on which `lab check` asks for a verdict: for this user alone, without a token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from checker.bootstrap import ask
from checker.errors import LabError
from checker.live.judge import Verdict
from checker.render.report import report_lines
from checker.render.style import Style, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.live.service import Service

LINE_BYTES = 16 * 1024
SIGN_SECONDS = 1.0
"""How often something is said while a verdict is given."""
REQUEST_SECONDS = 2.0


class Local:
    """The socket of one run of the service.

    Args:
        service: what judges.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._server: asyncio.Server | None = None
        # A socket's path has at most about 100 bytes, and the state folder's path may be longer.
        self._folder = Path(tempfile.mkdtemp(prefix="drydock-live-"))
        self.path = self._folder / "socket"

    async def open(self) -> None:
        """Listen."""
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, str(self.path), limit=LINE_BYTES)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Stop to listen, and remove the socket."""
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
            self._folder.rmdir()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
            if ask.peer(writer.get_extra_info("socket")) == os.getuid():
                line = await asyncio.wait_for(reader.readline(), REQUEST_SECONDS)
                asked = json.loads(line)
                if isinstance(asked, dict):
                    await self._answer(asked, writer)
        with contextlib.suppress(OSError):
            writer.close()

    async def _answer(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        service = self._service
        words = [str(word) for word in asked.get("words", [])]
        number, step = self._which(words) if ask.is_simple(words) else ("", 0)
        judging = service.judge.judging
        # Another lab's verdict may take minutes, and this one can be given by the asker in the meantime.
        free = not judging or judging[:2] == number
        if asked.get("run") != service.run or not number or not free:
            await _say(writer, {"no": True})
            return
        await _say(writer, {"ok": True})
        title: list[str] = []
        verdict = await self._judge(number, step, writer, title.append, title)
        if verdict.report is None:
            # The asker finds the same, and says it in full.
            await _say(writer, {"no": True})
            return
        report = verdict.report
        if "--json" in words:
            import msgspec  # noqa: PLC0415

            text = msgspec.json.encode(report).decode()
        else:
            text = "\n".join(report_lines(report, style_of(asked["facts"]), everything="--all" in words))
        await _say(writer, {"out": f"{text}\n", "notes": "", "code": int(report.exit_code)})

    def _which(self, words: list[str]) -> tuple[str, int]:
        try:
            lab, step = self._service.catalogue.find_step(words[1])
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
            await _say(writer, {"trying": printable(titles[-1]) + after if titles else ""})
        # Pages that show the lab show this verdict too.
        await run_in_threadpool(watch.take, verdict, asked=False)
        return verdict


async def _say(writer: asyncio.StreamWriter, said: dict[str, Any]) -> None:
    writer.write(json.dumps(said).encode() + b"\n")
    await writer.drain()


def style_of(facts: dict[str, Any]) -> Style:
    """Return how to write for the asker's terminal, as `checker.render.style.style_of` does for one's own."""
    terminal = bool(facts.get("terminal"))
    colour = terminal and facts.get("TERM") != "dumb"
    if facts.get("FORCE_COLOR"):
        colour = True
    if facts.get("NO_COLOR"):
        colour = False
    columns = facts.get("columns")
    width = min(max(columns, 20), 100) if isinstance(columns, int) else 100
    encoding = str(facts.get("encoding") or "ascii").lower()
    return Style(colour=colour, width=width, unicode=encoding.startswith("utf"), terminal=terminal)
