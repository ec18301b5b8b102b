"""A time limit on a piece of Python that may hang, without a second process."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


AGAIN_SECONDS = 1.0
"""After this time the error is raised again, until the block ends: a destructor may swallow the first one."""


class DeadlineError(BaseException):
    """The time is up. It is not an Exception, so that a check's own `except Exception` cannot swallow it."""


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise DeadlineError inside the block when it takes longer than this many seconds.

    On POSIX in the main thread a timer signal interrupts even a blocking system call. Elsewhere the exception
    is set in the running thread and raised at its next bytecode, so blocking calls need limits of their own.
    """
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
        with _by_signal(seconds):
            yield
    else:
        with _by_thread(seconds):
            yield


@contextlib.contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    over = False

    def ring(*_: object) -> None:
        if not over:
            raise DeadlineError

    before = signal.signal(signal.SIGALRM, ring)
    try:
        # Zero would mean never.
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), AGAIN_SECONDS)
        yield
    finally:
        try:
            over = True
        finally:
            # Set it twice: the signal may arrive between the end of the block and the line above.
            over = True
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _by_thread(seconds: float) -> Iterator[None]:
    thread = threading.current_thread()
    ident = ctypes.c_ulong(threading.get_ident())
    ended = threading.Event()
    lock = threading.Lock()

    def ring() -> None:
        wait = seconds
        # When a thread has ended, another thread can get its id.
        while not ended.wait(wait) and thread.is_alive():
            with lock:
                if not ended.is_set() and thread.is_alive():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(DeadlineError))
            wait = AGAIN_SECONDS

    try:
        # Inside the block: on a busy machine, the time may be up before this thread has started.
        threading.Thread(target=ring, daemon=True).start()
        yield
    finally:
        try:
            ended.set()
        finally:
            # Twice, as above. An error that is set but not yet raised would be raised outside the block.
            ended.set()
            with lock:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, None)
