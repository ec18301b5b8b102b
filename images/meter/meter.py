"""The meter: watches the engine of a rented machine, and keeps a record of what is to be paid for.

A record is JSON lines, of the last week that was replayed. Each has `at`, in seconds since 1970, and a `kind`:
  week     it begins: `days`, `scale` (seconds of the week in a second), `budget`
  runs     from now on a container runs, or reserves something else: `id`, `name`, `image`, `vcpu` and `memory` in bytes
           (null without a limit), `holds_engine`
  ended    a container runs no more: `id`
  used     processor seconds that a container has used, and bytes that it has received: `id`, `cpu_s`, `received`;
           `first` marks what it had before the week began
  stored   bytes that are stored now, by what it is: `bytes`
  sent     bytes that the network card has sent since the machine was switched on: `bytes`
  waited   how long the meter itself had to wait for processor time, as a multiple of what it needed: `times`; on a machine
           that is too busy, containers do not get what they have reserved
  blind    the engine cannot be seen from now on;  sees: it can be seen again
  over     the week is over; or it was ended before: `early`
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from engine import Engine, Reserved
    from week import Week

CARD_SECONDS = 1.0
WAITED_SECONDS = 1.0
WAITED_WORK = 0.003
"""Processor seconds that the meter works to find out how long that takes."""

USED_SECONDS = 2.0
STORED_SECONDS = 3.0
AGAIN_SECONDS = 0.3

log = logging.getLogger("meter")


class Record:
    """The file of the week that runs, or of the last one.

    Args:
        file: where it is.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._open = False

    def begin(self, at: float, **facts: object) -> None:
        """Begin a week; the record of the one before is gone."""
        with self._lock:
            self.file.write_text("", "utf-8")
            self._open = True
        self.write("week", at, **facts)

    def write(self, kind: str, at: float, **facts: object) -> None:
        """Write a line, if a week is running."""
        line = json.dumps({"at": round(at, 3), "kind": kind, **facts}) + "\n"
        with self._lock:
            if self._open:
                with self.file.open("a", encoding="utf-8") as file:
                    file.write(line)

    def close(self) -> None:
        """Write no more lines."""
        with self._lock:
            self._open = False


class Meter:
    """Watches an engine.

    Args:
        engine: the engine.
        record: where to write.
        card: the file with the bytes that the machine's network card has sent.
    """

    def __init__(self, engine: Engine, record: Record, card: Path) -> None:
        self.engine = engine
        self.record = record
        self._card = card
        self._lock = threading.RLock()
        self._running: dict[str, Reserved] = {}
        self.sees = False
        """Whether the engine answers."""

    def run(self) -> None:
        """Watch the events until the process ends, and measure beside it."""
        threading.Thread(target=self._measure, daemon=True).start()
        while True:
            try:
                self._watch()
            except OSError as error:
                log.info("the engine cannot be seen: %s", error)
            with self._lock:
                if self.sees:
                    self.sees = False
                    self.record.write("blind", time.time())
            time.sleep(AGAIN_SECONDS)

    def _watch(self) -> None:
        since = time.time()
        events = self.engine.events(since)
        with self._lock:
            running = set(self.engine.running())
            for name in set(self._running) - running:
                self._ended(name, since)
            for name in running:
                self._look(name, since)
            self.sees = True
            self.record.write("sees", time.time())
        for event in events:
            self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        name, at = event["Actor"]["ID"], event["timeNano"] / 1e9
        with self._lock:
            if event["Action"] == "die":
                self._ended(name, at)
            else:
                self._look(name, at)

    def _look(self, name: str, at: float) -> None:
        """Write down what a container reserves, if that is new."""
        reserved = self.engine.reserved(name)
        if reserved is None or reserved == self._running.get(name):
            return
        self._running[name] = reserved
        self.record.write("runs", at, id=name[:12], **asdict(reserved))

    def _ended(self, name: str, at: float) -> None:
        if self._running.pop(name, None):
            self.record.write("ended", at, id=name[:12])

    # -- a week ----------------------------------------------------------------------------------------------------

    def begin(self, week: Week, days: int) -> float:
        """Begin a week, and return when that was."""
        with self._lock:
            now = time.time()
            self.record.begin(now, days=days, scale=week.scale, budget=week.budget)
            for name, reserved in self._running.items():
                self.record.write("runs", now, id=name[:12], **asdict(reserved))
            self._write_used(now, first=True)
            self._write_stored(now)
            self._write_sent(now)
        return now

    def end(self, at: float, *, early: bool = False) -> None:
        """End it."""
        self._write_used(at)
        self._write_stored(at)
        self._write_sent(at)
        self.record.write("over" if not early else "ended-early", at)
        self.record.close()

    # -- what is measured -------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        due = dict.fromkeys((self._write_sent, self._write_used, self._write_stored, self._write_waited), 0.0)
        every = {
            self._write_sent: CARD_SECONDS,
            self._write_waited: WAITED_SECONDS,
            self._write_used: USED_SECONDS,
            self._write_stored: STORED_SECONDS,
        }
        while True:
            now = time.monotonic()
            for write, at in due.items():
                if now >= at:
                    due[write] = now + every[write]
                    write(time.time())
            time.sleep(max(0.05, min(due.values()) - time.monotonic()))

    def _write_sent(self, at: float) -> None:
        try:
            sent = int(self._card.read_text("ascii"))
        except (OSError, ValueError):
            return  # it is being written, or not there yet
        self.record.write("sent", at, bytes=sent)

    def _write_waited(self, at: float) -> None:
        began, used = time.perf_counter(), time.thread_time()
        while (worked := time.thread_time() - used) < WAITED_WORK:
            sum(range(500))
        self.record.write("waited", at, times=round((time.perf_counter() - began) / worked - 1, 1))

    def _write_used(self, at: float, *, first: bool = False) -> None:
        mark = {"first": True} if first else {}
        for name in list(self._running):
            if used := self.engine.used(name):
                self.record.write("used", at, id=name[:12], cpu_s=round(used[0], 3), received=used[1], **mark)

    def _write_stored(self, at: float) -> None:
        try:
            stored = self.engine.stored()
        except OSError:
            return
        self.record.write("stored", at, bytes=stored)
