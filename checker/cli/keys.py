"""Single keys from the terminal, without Enter; afterwards the terminal is restored."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

if sys.platform == "win32":
    import msvcrt

    @contextlib.contextmanager
    def pressed(tell: Callable[[str], None]) -> Iterator[None]:
        """Call `tell` with each key that is pressed while the block runs."""

        def read() -> None:
            while True:
                tell(msvcrt.getwch())

        threading.Thread(target=read, daemon=True).start()
        yield

else:
    import termios
    import tty

    @contextlib.contextmanager
    def pressed(tell: Callable[[str], None]) -> Iterator[None]:
        """Call `tell` with each key that is pressed while the block runs."""

        def read() -> None:
            while key := sys.stdin.read(1):
                tell(key)

        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        try:
            tty.setcbreak(descriptor)
            threading.Thread(target=read, daemon=True).start()
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
