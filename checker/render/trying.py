"""The check that is running, shown while a verdict takes longer than a moment."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self, TextIO

from checker.render.style import style_of

if TYPE_CHECKING:
    from types import TracebackType

SOON_SECONDS = 0.7
"""A faster verdict needs no line. On a terminal, the line is overwritten and removed at the end."""

LONG_SECONDS = 5.0
"""In a log or a notebook, where lines stay, only a check that takes this long gets one."""

TICK_SECONDS = 0.5


class Trying:
    """Shows which check is running; called with the check's title when it starts.

    Args:
        stream: where to write; the object itself, because checks run with `sys.stderr` redirected.
        quiet: show nothing.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._style = style_of(stream)
        self._quiet = quiet
        self._title = ""
        self._begun = time.monotonic()
        self._drawn = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_showing, daemon=True)

    def __call__(self, title: str) -> None:
        """Note that a check starts."""
        with self._lock:
            self._title, self._begun = title, time.monotonic()

    def __enter__(self) -> Self:
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._drawn:
            self._write("\r\033[K")

    def _keep_showing(self) -> None:
        told = ""
        if self._over.wait(SOON_SECONDS):
            return
        while True:
            with self._lock:
                title, seconds = self._title, time.monotonic() - self._begun
            if title and self._style.terminal:
                self._drawn = True
                self._write("\r\033[K" + self._style.paint(self._line(title, seconds), "dim"))
            elif title and title != told and seconds >= LONG_SECONDS:
                told = title
                self._write(f"trying: {title}\n")
            if self._over.wait(TICK_SECONDS):
                return

    def _line(self, title: str, seconds: float) -> str:
        head, tail = "  trying: ", f"  {seconds:.0f} s"
        room = self._style.width - len(head) - len(tail) - 1
        dots = self._style.symbol("…", "~")
        return head + (title if len(title) <= room else title[: max(0, room - 1)] + dots) + tail

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
