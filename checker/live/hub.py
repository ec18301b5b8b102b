"""What happened, numbered, and given to every page that listens: coalesced, so that a slow page costs nothing."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KEPT = 1000
"""How many events are kept for a page that was away for a moment."""

FLUSH_SECONDS = 0.2
"""A page gets what has changed at once, then at most every fifth of a second."""


class Listener:
    """One page that listens: of everything that it has not got yet, the latest of its kind."""

    def __init__(self, lab: str) -> None:
        self.lab = lab
        self.wake = asyncio.Event()
        self._dirty: dict[tuple[str, ...], dict[str, Any]] = {}

    def add(self, event: dict[str, Any]) -> None:
        """Keep an event until the page takes it; a later one of the same kind replaces it."""
        # What was said once must be said, so announcements are no state that a later one replaces.
        once = str(event["seq"]) if event["event"] in {"hint", "verdict"} else ""
        key = (event["event"], str(event.get("lab", "")), str(event.get("id", "")), once)
        self._dirty.pop(key, None)
        self._dirty[key] = event
        if len(self._dirty) > KEPT:
            self._dirty.pop(next(iter(self._dirty)))
        self.wake.set()

    def take(self) -> list[dict[str, Any]]:
        """Return what the page has not got yet, in order."""
        self.wake.clear()
        taken, self._dirty = self._dirty, {}
        return sorted(taken.values(), key=lambda event: int(event["seq"]))


class Hub:
    """The events of one run of the service.

    Args:
        run: the run's id; a page that comes from another run reads everything again.
        loop: the event loop in which pages listen.
    """

    def __init__(self, run: str, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.run = run
        self._loop = loop
        self._lock = threading.Lock()
        self._seq = 0
        self._kept: collections.deque[dict[str, Any]] = collections.deque(maxlen=KEPT)
        self._listeners: set[Listener] = set()
        self.ended = False
        """Whether the service ends: streams end with what they have."""

    def use(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say in which event loop pages listen."""
        self._loop = loop

    @property
    def seq(self) -> int:
        """The number of the latest event."""
        return self._seq

    def listened(self, lab: str) -> bool:
        """Whether a page listens that shows this lab."""
        with self._lock:
            return any(each.lab == lab for each in self._listeners)

    def end(self) -> None:
        """Tell every page that the service ends, so that its stream ends by itself."""
        self.ended = True
        self.publish("bye")

    def publish(self, happened: str, /, **data: Any) -> None:
        """Tell every page; from any thread."""
        self.publish_all([(happened, data)])

    def publish_all(self, news: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Tell every page several things that belong together, in order, so that none of them waits for the next flush.

        Args:
            news: what happened, with its data.
        """
        with self._lock:
            events = []
            for happened, data in news:
                self._seq += 1
                events.append(
                    {"v": 1, "seq": self._seq, "ts": round(time.time(), 3), "event": happened, **data}
                )
            self._kept.extend(events)
            listeners = list(self._listeners)
        if self._loop is not None and listeners:
            # While the service ends, its loop is closed before the last thread has said its last word.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_give, listeners, events)

    @contextlib.contextmanager
    def listening(self, lab: str, since: str) -> Iterator[Listener]:
        """Listen while the block runs, from the event after the one whose id a page has seen.

        Args:
            lab: the lab that the page shows; empty for none.
            since: `RUN-SEQ`, or empty for from now on.
        """
        listener = Listener(lab)
        with self._lock:
            missed = self._missed(since)
            self._listeners.add(listener)
        for event in missed:
            listener.add(event)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def _missed(self, since: str) -> list[dict[str, Any]]:
        if not since:
            return []
        run, _, seq = since.rpartition("-")
        first = self._kept[0]["seq"] if self._kept else self._seq + 1
        if run != self.run or not seq.isdecimal() or not first - 1 <= int(seq) <= self._seq:
            return [{"v": 1, "seq": self._seq, "ts": round(time.time(), 3), "event": "resync"}]
        return [event for event in self._kept if event["seq"] > int(seq)]


def _give(listeners: list[Listener], events: list[dict[str, Any]]) -> None:
    for listener in listeners:
        for event in events:
            listener.add(event)


def encoded(run: str, event: dict[str, Any]) -> bytes:
    """Return an event as a page reads it (HTML standard, 9.2, server-sent events)."""
    data = json.dumps({key: value for key, value in event.items() if key != "event"}, ensure_ascii=False)
    return f"id: {run}-{event['seq']}\nevent: {event['event']}\ndata: {data}\n\n".encode()
