"""The provider's desk: starts a replayed week, tells the time in it, and shows the bill, over HTTP.

It uses nothing but Python's standard library and is configured by its environment:
  METER_ENGINE   the engine's socket; /run/meter/engine.sock
  METER_CARD     the file with the bytes that the network card has sent; /run/meter/sent
  METER_RECORD   the file of the record; /var/lib/meter/record
  METER_PLAN     the plan for the sender of the users' requests; /week/plan.json
  METER_PORT     the port to listen on; 80
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import bill
from drawing import draw
from engine import Engine
from meter import Meter, Record
from week import HOURS_A_DAY, Week

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
LATE_SECONDS = 3.0
"""How long after the week's end the last requests are answered, or given up."""

USAGE = """\
POST   /week?days=7   begin to replay a week, or only its first days
DELETE /week          end it before its time
GET    /week          how far it is, as JSON
GET    /follow        the same as a line every six hours, until it is over
GET    /hour          hours since it began, such as 31.5: Tuesday 07:30
GET    /plan          how many requests a second the users send, hour by hour
GET    /prices        the price list
GET    /bill          the bill; /bill.json, /bill.svg
GET    /record        what it is computed from
"""


class Desk:
    """What the answers are made from.

    Args:
        meter: the meter.
        week: the week that can be replayed.
        prices: the price list's file.
        plan: the file for the sender of the requests.
    """

    def __init__(self, meter: Meter, week: Week, prices: Path, plan: Path) -> None:
        self.meter = meter
        self.week = week
        self.prices_file = prices
        self.prices = bill.Prices.read(prices)
        self._plan = plan
        self._lock = threading.Lock()
        self._begin = 0.0
        self._days = 0
        self._number = 0
        with suppress(FileNotFoundError):
            plan.unlink()

    @property
    def hour(self) -> float:
        """Hours of the week that have passed; 0 when none runs."""
        return self.week.hours(time.time() - self._begin) if self._begin else 0.0

    @property
    def runs(self) -> bool:
        """Whether a week is being replayed."""
        return bool(self._begin)

    def begin(self, days: int) -> bool:
        """Begin a week, unless one is running; return whether it began."""
        with self._lock:
            if self._begin or not self.meter.sees:
                return False
            self._begin = self.meter.begin(self.week, days)
            self._days = days
            self._number += 1
            number = self._number
            # Written under another name first, so that the sender never reads half of it.
            new = self._plan.with_suffix(".new")
            new.write_text(json.dumps(self.week.plan(self._begin, days)), "utf-8")
            new.replace(self._plan)
        seconds = self.week.seconds(days * HOURS_A_DAY)
        end = threading.Timer(seconds, lambda: self.end(number, early=False))
        end.daemon = True
        end.start()
        return True

    def end(self, number: int = 0, *, early: bool) -> bool:
        """End the week that runs; return whether one ran.

        Args:
            number: only this one; 0 for any.
            early: whether it ends before its time.
        """
        with self._lock:
            if not self._begin or number not in {0, self._number}:
                return False
            at = time.time() if early else self._begin + self.week.seconds(self._days * HOURS_A_DAY)
            self.meter.end(at, early=early)
            self._begin = 0.0
            with suppress(FileNotFoundError):
                self._plan.unlink()
        return True

    def state(self) -> dict[str, object]:
        """Return how far the week is."""
        hour = self.hour
        return {
            "runs": self.runs,
            "hour": round(hour, 2),
            "now": self.week.name(hour),
            "days": self._days,
            "begin": self._begin,
        }

    def bill(self) -> bill.Bill | None:
        """Return the bill, computed from the record again each time."""
        try:
            record = bill.read_record(self.meter.record.file)
        except FileNotFoundError:
            return None
        return bill.make_bill(record, self.prices, time.time() if self.runs else 0.0)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    desk: Desk

    def _answer(self, status: int, body: str, kind: str = "text/plain; charset=utf-8") -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing of requests."""

    def do_GET(self) -> None:
        """Answer."""
        answers: dict[str, Callable[[], None]] = {
            "/": lambda: self._answer(200, USAGE),
            "/healthz": lambda: self._answer(200 if self.desk.meter.sees else 503, "\n"),
            "/week": lambda: self._answer(200, json.dumps(self.desk.state()) + "\n", "application/json"),
            "/hour": lambda: self._answer(200, f"{self.desk.hour:.2f}\n"),
            "/plan": self._plan,
            "/prices": lambda: self._answer(200, self.desk.prices_file.read_text("utf-8")),
            "/follow": self._follow,
            "/record": lambda: self._answer(200, self._record()),
        }
        path = urlsplit(self.path).path
        if path in answers:
            answers[path]()
        elif path.startswith("/bill"):
            self._bill(path)
        else:
            self._answer(404, USAGE)

    def do_POST(self) -> None:
        """Begin a week."""
        url = urlsplit(self.path)
        most = len(self.desk.week.days)
        days = parse_qs(url.query).get("days", [str(most)])[-1]
        if url.path != "/week":
            self._answer(404, USAGE)
        elif not days.isdecimal() or not 1 <= int(days) <= most:
            self._answer(400, f"days is {days!r}; it must be a whole number from 1 to {most}.\n")
        elif self.desk.begin(int(days)):
            self._answer(200, json.dumps(self.desk.state()) + "\n", "application/json")
        elif self.desk.runs:
            self._answer(
                409, "A week is being replayed already. End it with: curl -X DELETE http://meter/week\n"
            )
        else:
            self._answer(503, "The meter cannot see the engine of the rented machine: is it running?\n")

    def do_DELETE(self) -> None:
        """End it."""
        ended = self.desk.end(early=True)
        self._answer(200, "The week is ended.\n" if ended else "No week was being replayed.\n")

    def _record(self) -> str:
        try:
            return self.desk.meter.record.file.read_text("utf-8")
        except FileNotFoundError:
            return ""

    def _plan(self) -> None:
        week = self.desk.week
        self._answer(
            200,
            "".join(
                f"{hour:3d}  {week.name(hour)}  {week.rate(hour):4.1f}\n"
                for hour in range(len(week.days) * HOURS_A_DAY)
            ),
        )

    def _bill(self, path: str) -> None:
        found = self.desk.bill()
        if found is None:
            self._answer(404, "No week has been replayed yet: there is nothing to pay.\n")
        elif path == "/bill.json":
            self._answer(200, json.dumps(asdict(found)) + "\n", "application/json")
        elif path == "/bill.svg":
            self._answer(200, draw(found, self.desk.week), "image/svg+xml")
        else:
            self._answer(200, bill.show(found))

    def _follow(self) -> None:
        """Say a line every six hours of the week, until it is over."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        desk, said, last = self.desk, -1, 0.0
        with suppress(ConnectionError):
            while desk.runs:
                if int(desk.hour // 6) != said and (found := desk.bill()):
                    said = int(desk.hour // 6)
                    rate = desk.week.rate(desk.hour)
                    vcpu = found.reserved[-2] if len(found.reserved) > 1 else 0.0
                    self.wfile.write(
                        f"{desk.week.name(said * 6):<16} {rate:4.1f} requests/s {vcpu:6.2f} vCPU {found.total:8.2f} cents\n".encode()
                    )
                    self.wfile.flush()
                last = time.monotonic()
                time.sleep(0.2)
            # What was sent last is still being answered.
            while last and time.monotonic() - last < LATE_SECONDS:
                time.sleep(0.2)


def main() -> None:
    """Serve until the process ends."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    environ = os.environ
    record = Record(Path(environ.get("METER_RECORD", "/var/lib/meter/record")))
    engine = Engine(environ.get("METER_ENGINE", "/run/meter/engine.sock"))
    meter = Meter(engine, record, Path(environ.get("METER_CARD", "/run/meter/sent")))
    Handler.desk = Desk(
        meter,
        Week.read(HERE / "week.toml"),
        HERE / "prices.toml",
        Path(environ.get("METER_PLAN", "/week/plan.json")),
    )
    threading.Thread(target=meter.run, daemon=True).start()
    ThreadingHTTPServer(("", int(environ.get("METER_PORT", "80"))), Handler).serve_forever()


if __name__ == "__main__":
    main()
