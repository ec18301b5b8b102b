"""Holds Ctrl-C back while a process is started, so that it is never started and then forgotten."""

from __future__ import annotations

import signal
import threading
from typing import Any


class Interruption:
    """Holds Ctrl-C back from now until `let_through`: a process that was just started must be known, so that it can be ended."""

    def __init__(self) -> None:
        self._came = False
        self._before: Any = None
        self._held = (
            threading.current_thread() is threading.main_thread()
            # `nohup` and a shell's background ask for it to be ignored.
            and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
        )
        if self._held:
            self._before = signal.signal(signal.SIGINT, self._note)

    def _note(self, *_: object) -> None:
        self._came = True

    def let_through(self) -> None:
        """Let Ctrl-C through again.

        Raises:
            KeyboardInterrupt: it came in the meantime.
        """
        if self._held:
            self._held = False
            signal.signal(signal.SIGINT, self._before)
        if self._came:
            raise KeyboardInterrupt
