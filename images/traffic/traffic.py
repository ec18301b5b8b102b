"""Traffic: sends requests to one address all the time, and records the result of each.

Twenty times a second it sends a request on a new connection, and five times a second one on a connection that is kept
alive. It uses only Python's standard library and one thread for all requests. Environment variables configure it:
  DRYDOCK_TRAFFIC_TO        where to send, such as http://front:8080/
  DRYDOCK_TRAFFIC_DOWNLOAD  a path there that takes seconds to answer, such as /download?seconds=8; if it is set, a
                            download of it begins once a second, on a connection of its own, and is recorded apart
  DRYDOCK_TRAFFIC_PLAN      a file that says how many requests a second to send when, in place of the numbers above:
                            {"begin": SECONDS SINCE 1970, "rates": [[SECONDS AFTER THAT, REQUESTS A SECOND], …]}; between
                            two of these the rate changes evenly; without the file, and outside its time, it is 1 a
                            second; and 1 a second is sent on the kept connection all the time
  DRYDOCK_TRAFFIC_PROFILE   a load that comes and goes instead of the steady one, such as "0:1 20:1 60:16 90:1": at these
                            seconds, as many requests a second, and evenly more or fewer in between. It begins with
                            SIGUSR1; before and after it, requests are sent as often as its first and last point say.
                            All of them are on new connections.
  DRYDOCK_TRAFFIC_RECORD    the folder of the record; /var/lib/traffic

It looks up the name in the address twice a second, not for every request, and again when a connection fails: it tries
the addresses that it then finds before the request counts as failed. No request's latency includes the look-up.

Each line of the record is a JSON array. Time in which it sent nothing, because it was stopped, paused, or without a
network, is recorded as a gap. Requests in progress at that time are recorded neither as good nor as failed; downloads
are, unless the gap is so long that the other end may have given up.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import select
import signal
import socket
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Addresses = tuple[tuple[int, Any], ...]

FORMAT = 1
FRESH_SECONDS = 1 / 20
KEPT_SECONDS = 1 / 5
DOWNLOAD_SECONDS = 1.0
UNPLANNED_SECONDS = 1.0
"""With a plan: how often a request is sent outside the plan's time, and on the kept connection."""

GIVE_UP_SECONDS = 2.0
"""How long a request may take, from its sending to the end of its answer."""

DOWNLOAD_GIVE_UP_SECONDS = 30.0
"""How long a download may take."""

STANDSTILL_SECONDS = 5.0
"""A pause of ours that is as long may itself end a download: proxies give up on a reader after ten seconds and more."""

SLIP_SECONDS = 0.25
"""How late a request may be sent; later, nobody knows what the service did in the meantime: that is a gap."""

PART_BYTES = 3 << 20
OLD_PARTS = 3
"""The record is four files of 3 MiB at most, about two and a half hours; the oldest goes when a new one begins."""

LEAST_RATE, MOST_RATE = 0.1, 100.0
"""Of a profile, in requests a second."""

TOLD_SECONDS = 10.0
"""How often the log tells how far a profile is."""

ANSWER_BYTES = 1 << 20
WELL_LOOKUP_SECONDS = 0.5
ILL_LOOKUP_SECONDS = 0.1
UNCONFIRMED_SECONDS = 5.0
"""How long addresses stay in use when the name server does not answer."""

# The kinds of failure, as the reader of the record knows them.
REFUSED, RESET, TIMED_OUT, NO_NAME = "refused", "reset", "timed-out", "no-name"
UNREACHABLE, EMPTY, BAD_ANSWER, STATUS = "unreachable", "empty", "bad-answer", "status"

# What is the sender's own trouble, and says nothing of the service.
OWN_TROUBLE = {
    errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.ENETDOWN,
    errno.EPERM,
}  # fmt: skip


def running() -> float:
    """Return seconds that go on evenly, also while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def log(text: str) -> None:
    """Say a line where a container's logs belong."""
    sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
    sys.stdout.flush()


class Clock:
    """The time of day, going on evenly until the machine's clock is found to have been set."""

    def __init__(self) -> None:
        self._offset = time.time() - running()

    def at(self, moment: float) -> float:
        """Return the time of day of a running() moment."""
        return moment + self._offset

    def adjust(self) -> float:
        """Follow the machine's clock; return by how many seconds it was set, 0 when it was not."""
        by = time.time() - running() - self._offset
        self._offset += by
        return by if abs(by) > SLIP_SECONDS else 0.0


def rate_at(points: Sequence[tuple[float, float]], since: float) -> float:
    """Return the requests a second at a time: between two points the rate changes evenly; 0 outside of all.

    Args:
        points: seconds, and requests a second, in order of time.
        since: seconds.
    """
    for (begin, low), (end, high) in pairwise(points):
        if begin <= since < end:
            return low + (high - low) * (since - begin) / (end - begin)
    return 0.0


class Profile:
    """A load that comes and goes: requests a second at points in time; between two points the rate changes evenly.

    Args:
        points: seconds since its beginning, and requests a second; in order, the first at 0.
    """

    def __init__(self, points: tuple[tuple[float, float], ...]) -> None:
        self._points = points
        self.seconds = points[-1][0]
        """How long it takes."""

    @classmethod
    def parse(cls, text: str) -> Profile:
        """Read a profile as the environment has it.

        Raises:
            SystemExit: it is none; the message says what one looks like.
        """
        try:
            points = tuple(
                (float(at), float(rate)) for at, rate in (each.split(":") for each in text.split())
            )
        except ValueError:
            points = ()
        times = [at for at, _ in points]
        if (
            len(points) < 2
            or times[0] != 0
            or any(later <= at for at, later in pairwise(times))
            or not all(LEAST_RATE <= rate <= MOST_RATE for _, rate in points)
        ):
            raise SystemExit(
                f"DRYDOCK_TRAFFIC_PROFILE is {text!r}. It must be two or more SECONDS:RATE, the first at 0, in order, with "
                f"rates from {LEAST_RATE:g} to {MOST_RATE:g} requests a second, such as 0:1 20:1 60:16 90:1."
            )
        return cls(points)

    def rate(self, since: float | None) -> float:
        """Return the requests a second at a number of seconds since its beginning; None before it has begun."""
        if since is None:
            return self._points[0][1]
        return rate_at(self._points, since) or self._points[-1][1]


class Record:
    """The file that lines are appended to, and those before it."""

    def __init__(self, folder: str, to: str) -> None:
        self._path = Path(folder, "record")
        self._to = json.dumps(to)
        self._file = -1
        self._first = self._path.with_name("first")
        self._met = self._first.exists()
        self._torn = False
        self._lost_since = 0.0

    def open(self) -> float:
        """Open it, and return the time of its last line, 0 without any.

        A line that its writer was killed in is ended, so that the next one stands by itself.
        """
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, 65536, max(0, size - 65536))
        self._torn = bool(tail) and not tail.endswith(b"\n")
        return max(map(time_of, tail.splitlines()), default=0.0)

    def write(self, line: str, now: float) -> None:
        """Append a line; a full disk loses it, which the next line that can be written tells as a gap."""
        text = ("\n" if self._torn else "") + line + "\n"
        if self._lost_since:
            text = f'\n["g",{self._lost_since:.3f},{now:.3f},"unable"]\n{line}\n'
        data = text.encode()
        try:
            written = os.write(self._file, data)
        except OSError as error:
            written = 0
            if not self._lost_since:
                log(f"the record cannot be written: {error.strerror}")
        if written == len(data):
            self._torn, self._lost_since = False, 0.0
        else:
            self._torn = self._torn or bool(written)
            self._lost_since = self._lost_since or now

    def begin(self, now: float) -> None:
        """Say that the sender begins here."""
        self.write(f'["b",{now:.3f},{self._to},{FORMAT}]', now)

    def mark(self, now: float, text: str) -> None:
        """Say what happens here."""
        self.write(f'["m",{now:.3f},{json.dumps(text)}]', now)

    def gap(self, begin: float, end: float, cause: str) -> None:
        """Say that nothing is known of a time."""
        self.write(f'["g",{begin:.3f},{end:.3f},"{cause}"]', end)
        log(f"gap of {end - begin:.1f} s: {cause}")

    def meet(self, at: float) -> None:
        """Keep the moment of the first good answer of all: before it there was no service that could fail."""
        if self._met:
            return
        self._met = True
        self._keep(at)

    def _keep(self, at: float) -> None:
        # A new file is renamed over the old one: whoever reads meanwhile finds a whole one.
        new = self._first.with_suffix(".new")
        try:
            new.write_text(f"{at:.3f}\n", "ascii")
            new.replace(self._first)
        except OSError as error:
            log(f"the first answer's moment cannot be kept: {error.strerror}")

    def step(self, now: float, by: float) -> None:
        """Say that the machine's clock was set back."""
        if self._met:
            with contextlib.suppress(OSError, ValueError):
                self._keep(float(self._first.read_text("ascii")) + by)
        self.write(f'["s",{now:.3f},{by:.3f}]', now)
        log(f"the clock was set back by {-by:.1f} s")

    def turn(self, now: float) -> None:
        """Begin a new file when this one is full."""
        try:
            if os.fstat(self._file).st_size < PART_BYTES:
                return
            for number in range(OLD_PARTS - 1, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    self._part(number).replace(self._part(number + 1))
            self._path.replace(self._part(1))
            os.close(self._file)
            self.open()
            self.begin(now)
        except OSError as error:
            log(f"no new file could be begun: {error}")

    def _part(self, number: int) -> Path:
        return self._path.with_name(f"record.{number}")


def time_of(line: bytes) -> float:
    """Return the last time that a line tells of, 0 when it is no line."""
    try:
        letter, first, second = json.loads(line)[:3]
        return float(second if letter == "g" else first + second / 1000 if letter in {"r", "d"} else first)
    except (ValueError, TypeError):
        return 0.0


class Names(threading.Thread):
    """Looks the service's name up, in a thread of its own, since a look-up may wait.

    Args:
        host: the name.
        port: the port that belongs to it.
        wake: a socket that is written to when a look-up ended.
    """

    def __init__(self, host: str, port: int, wake: socket.socket) -> None:
        super().__init__(daemon=True)
        self._host, self._port, self._wake = host, port, wake
        self._asked = threading.Event()
        self.begun = 0
        """How many look-ups began."""
        self.ended = 0
        """How many ended."""
        self._found: Addresses = ()
        self._found_at = 0.0

    def run(self) -> None:
        """Look up again and again."""
        # The resolver would wait for a silent name server for 5 s, twice, and miss what happens in the meantime.
        os.environ.setdefault("RES_OPTIONS", "timeout:1 attempts:1")
        while True:
            self.begun += 1
            try:
                answers = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                self._found = tuple((family, address) for family, _, _, _, address in answers)
                self._found_at = running()
            except (OSError, UnicodeError) as error:
                # A name server that does not answer leaves what it said before in force, for a while.
                if getattr(error, "errno", None) != socket.EAI_AGAIN:
                    self._found = ()
            self.ended += 1
            self._asked.clear()
            self._wake.send(b".")
            time.sleep(ILL_LOOKUP_SECONDS)
            if self._found:
                self._asked.wait(WELL_LOOKUP_SECONDS - ILL_LOOKUP_SECONDS)

    def found(self) -> Addresses:
        """Return the addresses; none when there is no such name, or nobody has confirmed it for a while."""
        return self._found if running() - self._found_at <= UNCONFIRMED_SECONDS else ()

    def trust(self) -> None:
        """Hold on to what was found before a time in which nobody could look."""
        self._found_at = running()

    def ask(self) -> int:
        """Ask for a look-up that begins from now on, and return its number."""
        number = self.begun + 1
        self._asked.set()
        return number


class Pace:
    """How often requests are sent: always as often, or as a file says that may come, change and go at any time.

    Args:
        file: the plan; without one, the pace never changes.
    """

    def __init__(self, file: str = "") -> None:
        self._file = Path(file) if file else None
        self._stamp = 0
        self._begin = 0.0
        self._rates: tuple[tuple[float, float], ...] = ()

    @property
    def kept(self) -> float:
        """Seconds between two requests on the kept connection."""
        return UNPLANNED_SECONDS if self._file else KEPT_SECONDS

    def fresh(self, at: float) -> float:
        """Return the seconds until the next request on a new connection, from a time of day on."""
        if self._file is None:
            return FRESH_SECONDS
        self._read(self._file)
        return 1 / max(rate_at(self._rates, at - self._begin), 1 / UNPLANNED_SECONDS)

    def _read(self, file: Path) -> None:
        try:
            stamp = file.stat().st_mtime_ns
        except OSError:
            stamp = 0
        if stamp == self._stamp:
            return
        self._stamp, self._rates = stamp, ()
        if not stamp:
            return
        try:
            plan = json.loads(file.read_text("utf-8"))
            self._rates = tuple((float(second), float(rate)) for second, rate in plan["rates"])
            self._begin = float(plan["begin"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            self._rates = ()
            log(f"{file} is no plan: {error!r}")
        else:
            log(f"a plan of {len(self._rates)} rates")


class Exchange:
    """One request and its result so far."""

    __slots__ = (
        "address",
        "begin",
        "body_at",
        "download",
        "failure",
        "got",
        "kept",
        "need",
        "resent",
        "sock",
        "tried",
        "waits",
    )

    def __init__(self, begin: float, *, kept: bool, download: bool = False) -> None:
        self.begin = begin
        self.kept = kept
        self.download = download
        self.sock: Any = None
        self.address: Any = None
        """Where its connection leads, while it is being opened."""
        self.tried: set[Any] = set()
        self.failure = ""
        """What the last address tried came to."""
        self.waits = 0
        """The number of the look-up that it waits for."""
        self.got = b""
        self.body_at = 0
        """Where its answer's body begins, once the head is there."""
        self.need = 0
        """How many bytes its answer has: 0 not known yet, -1 until the connection ends, -2 in chunks."""
        self.resent = False

    @property
    def give_up(self) -> float:
        """When it has taken too long."""
        return self.begin + (DOWNLOAD_GIVE_UP_SECONDS if self.download else GIVE_UP_SECONDS)


class Sender:
    """Sends the requests and records what each comes to.

    Args:
        to: where to send.
        folder: where the record is.
        download: a path that is downloaded all the time as well; none if empty.
        profile: a load that comes and goes, instead of the steady one.
    """

    def __init__(
        self, to: str, folder: str, download: str = "", plan: str = "", profile: Profile | None = None
    ) -> None:
        parts = urlsplit(to)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = f" HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: drydock-traffic\r\nAccept: application/json\r\n"
        self._fresh_request = f"GET {path}{head}Connection: close\r\n\r\n".encode()
        self._kept_request = f"GET {path}{head}\r\n".encode()
        self._download_request = (
            f"GET {download}{head}Connection: close\r\n\r\n".encode() if download else b""
        )
        self._clock = Clock()
        self._pace = Pace(plan)
        self._record = Record(folder, to)
        self._woken, wake = socket.socketpair()
        self._woken.setblocking(False)  # noqa: FBT003 - the one argument it has
        self._names = Names(str(parts.hostname), parts.port or 80, wake)
        self._poll = select.poll()
        self._poll.register(self._woken, select.POLLIN)
        self._open: dict[Exchange, None] = {}
        """The requests under way, each by itself, the oldest first."""
        self._downloads: dict[Exchange, None] = {}
        """The downloads under way, the oldest first."""
        self._by_file: dict[int, Exchange] = {}
        """The same, by the number of the socket that each waits for."""
        self._idle: socket.socket | None = None
        """The kept connection between two requests."""
        self._kept_busy = False
        self._unable_since = 0.0
        self._words: dict[str, str] = {}
        self._profile = profile
        self._asked_for_load = False
        self._load_since: float | None = None
        self._load_over = True
        self._told = 0.0
        self._sent = self._failed = 0

    def run(self) -> NoReturn:
        """Send until the process is ended."""
        self._begin()
        fresh = kept = download = alive = running()
        while True:
            now = running()
            if now - fresh > SLIP_SECONDS:
                self._miss(alive, now)
                fresh = kept = download = now
            alive = now
            if now >= fresh:
                self._follow_clock(now)
                self._send(now)
                apart = self._apart(now)
                fresh += apart * (math.floor((now - fresh) / apart) + 1)
            if now >= kept:
                if self._profile:
                    self._follow_profile(self._profile, now)
                elif not self._kept_busy:
                    self._send(now, kept=True)
                kept += self._pace.kept * (math.floor((now - kept) / self._pace.kept) + 1)
                self._record.turn(self._clock.at(now))
            # The requests wake us often enough; a download may begin a twentieth of a second late.
            if self._download_request and now >= download:
                self._send(now, download=True)
                download += DOWNLOAD_SECONDS * (math.floor((now - download) / DOWNLOAD_SECONDS) + 1)
            wait = min(fresh, kept, self._next_give_up()) - running()
            events = self._poll.poll(max(0, math.ceil(wait * 1000)))
            now = running()
            if now - fresh > SLIP_SECONDS:
                continue  # what these events say may be of our own making
            for file, _ in events:
                self._take(file, now)
            self._give_up(now)

    # -- a load that comes and goes ------------------------------------------------------------------------

    def begin_load(self, *_: object) -> None:
        """Let the profile begin; one that is under way goes on."""
        self._asked_for_load = True

    def _apart(self, now: float) -> float:
        """Return how many seconds are between two requests on new connections."""
        if self._profile is None:
            return self._pace.fresh(self._clock.at(now))
        return 1 / self._profile.rate(None if self._load_since is None else now - self._load_since)

    def _follow_profile(self, profile: Profile, now: float) -> None:
        """Begin it when asked to, and tell how far it is."""
        if self._asked_for_load and self._load_over:
            self._load_since, self._load_over, self._told = now, False, 0.0
            self._sent = self._failed = 0
            self._record.mark(self._clock.at(now), "load begins")
            log(f"load begins, for {profile.seconds:g} s")
        self._asked_for_load = False
        if self._load_over or self._load_since is None:
            return
        since = now - self._load_since
        if since >= profile.seconds:
            self._load_over = True
            self._record.mark(self._clock.at(now), "load ends")
            log(f"load ends: {self._sent} requests, {self._failed} failed")
        elif since >= self._told + TOLD_SECONDS:
            self._told += TOLD_SECONDS
            log(
                f"load: {profile.rate(since):.0f} requests a second; {self._failed} of {self._sent} failed so far"
            )

    # -- what is not the service's doing -------------------------------------------------------------------

    def _begin(self) -> None:
        last = self._record.open()
        now = self._clock.at(running())
        if last > now + SLIP_SECONDS:
            self._record.step(now, now - last)
        elif last:
            self._record.gap(last, now, "stopped")
        self._record.begin(now)
        self._names.start()
        # Wait for the first look-up: before it, a missing name is no failure.
        select.select([self._woken], [], [], GIVE_UP_SECONDS)

    def _miss(self, since: float, now: float) -> None:
        """Record a gap for the time in which we did not run; requests in progress then say nothing about the service.

        A download that was arriving does, after a short pause: a busy machine pauses us often, and a download takes seconds.
        """
        self._record.gap(self._clock.at(since), self._clock.at(now), "paused")
        short = now - since < STANDSTILL_SECONDS
        self._forget_all(
            but=[each for each in self._downloads if short and each.sock is not None and each.address is None]
        )
        self._names.trust()

    def _forget_all(self, but: Sequence[Exchange] = ()) -> None:
        for exchange in [*self._open, *self._downloads]:
            if exchange not in but:
                self._close(exchange)
        self._drop_idle()

    def _follow_clock(self, now: float) -> None:
        before = self._clock.at(now)
        by = self._clock.adjust()
        if by > 0:
            self._record.gap(before, self._clock.at(now), "clock")
        elif by < 0:
            self._record.step(self._clock.at(now), by)

    # -- sending -------------------------------------------------------------------------------------------

    def _send(self, now: float, *, kept: bool = False, download: bool = False) -> None:
        exchange = Exchange(now, kept=kept, download=download)
        (self._downloads if download else self._open)[exchange] = None
        if kept:
            self._kept_busy = True
            if self._idle is not None and has_ended(self._idle):
                self._drop_idle()
            if self._idle is not None:
                self._reuse(exchange, now)
                return
        self._try_addresses(exchange, self._names.found(), now)

    def _reuse(self, exchange: Exchange, now: float) -> None:
        exchange.sock, self._idle = self._idle, None
        self._by_file[exchange.sock.fileno()] = exchange
        try:
            exchange.sock.send(self._kept_request)
        except OSError:
            self._send_again(exchange, now)

    def _send_again(self, exchange: Exchange, now: float) -> None:
        """Send on a new connection what was sent on one that had been closed: no byte of an answer had come."""
        self._let_go(exchange)
        exchange.resent = True
        self._try_addresses(exchange, self._names.found(), now)

    def _try_addresses(self, exchange: Exchange, addresses: Addresses, now: float) -> None:
        """Open a connection to the first address that was not tried yet; with none left, ask for newer ones."""
        for family, address in addresses:
            if address in exchange.tried:
                continue
            exchange.tried.add(address)
            try:
                sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
                error = sock.connect_ex(address)
            except OSError as trouble:
                self._unable(exchange, str(trouble.strerror), now)
                return
            exchange.sock, exchange.address = sock, address
            if error in {0, errno.EINPROGRESS}:
                self._by_file[sock.fileno()] = exchange
                self._poll.register(sock, select.POLLOUT)
                return
            self._let_go(exchange)
            if error in OWN_TROUBLE:
                self._unable(exchange, os.strerror(error), now)
                return
            exchange.failure = kind_of(error)
        if not exchange.tried and not has_network():
            self._unable(exchange, "there is no network", now)
        elif not exchange.tried:
            self._end(exchange, now, NO_NAME)
        elif not exchange.waits:
            exchange.waits = self._names.ask()
        else:
            self._end(exchange, now, exchange.failure)

    def _unable(self, exchange: Exchange, trouble: str, now: float) -> None:
        """Take a request back that we could not send for reasons of our own."""
        if not self._unable_since:
            self._unable_since = self._clock.at(now)
            log(f"nothing can be sent: {trouble}")
            self._forget_all()
        self._close(exchange)

    def _able(self, now: float) -> None:
        if self._unable_since:
            self._record.gap(self._unable_since, self._clock.at(now), "unable")
            self._unable_since = 0.0

    # -- what comes back -----------------------------------------------------------------------------------

    def _take(self, file: int, now: float) -> None:
        if file == self._woken.fileno():
            self._look_again(now)
        elif (exchange := self._by_file.get(file)) is not None:
            if exchange.address is not None:
                self._connected(exchange, now)
            else:
                self._read(exchange, now)
        elif self._idle is not None and file == self._idle.fileno():
            # Between two requests the service may close the connection as it likes; also bytes unasked for end it.
            self._drop_idle()

    def _look_again(self, now: float) -> None:
        """A look-up ended: go on with what waited for it, and with what waits at an address that is no more."""
        self._woken.recv(4096)
        found = self._names.found()
        current = {address for _, address in found}
        for exchange in [*self._open, *self._downloads]:
            if exchange not in self._open and exchange not in self._downloads:
                continue  # forgotten on the way
            if exchange.waits:
                if exchange.sock is None and self._names.ended >= exchange.waits:
                    self._try_addresses(exchange, found, now)
            elif exchange.address is not None and current and exchange.address not in current:
                self._let_go(exchange)
                exchange.failure = UNREACHABLE
                self._try_addresses(exchange, found, now)

    def _connected(self, exchange: Exchange, now: float) -> None:
        error = exchange.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not error:
            try:
                exchange.sock.send(self._request_of(exchange))
            except BlockingIOError:
                return  # this event was an earlier socket's of the same number
            except OSError as trouble:
                error = trouble.errno
        if not error:
            exchange.address = None
            self._poll.modify(exchange.sock, select.POLLIN)
            return
        self._let_go(exchange)
        exchange.failure = kind_of(error)
        self._try_addresses(exchange, self._names.found(), now)

    def _request_of(self, exchange: Exchange) -> bytes:
        if exchange.download:
            return self._download_request
        return self._kept_request if exchange.kept else self._fresh_request

    def _read(self, exchange: Exchange, now: float) -> None:
        try:
            data = exchange.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            if exchange.kept and not exchange.got and not exchange.tried:
                self._send_again(exchange, now)
            else:
                self._end(exchange, now, kind_of(error.errno))
            return
        exchange.got += data
        if not data and not exchange.got:
            if exchange.kept and not exchange.tried:
                self._send_again(exchange, now)
            else:
                self._end(exchange, now, EMPTY)
            return
        outcome = judge(exchange, ended=not data)
        if outcome is not None:
            self._end(exchange, now, outcome)

    def _next_give_up(self) -> float:
        return next(iter(self._open)).give_up if self._open else math.inf

    def _give_up(self, now: float) -> None:
        for under_way in (self._open, self._downloads):
            while under_way and (exchange := next(iter(under_way))).give_up <= now:
                self._end(exchange, now, exchange.failure if exchange.sock is None else TIMED_OUT)

    # -- endings -------------------------------------------------------------------------------------------

    def _end(self, exchange: Exchange, now: float, failure: str) -> None:
        """Record what a request came to."""
        if self._unable_since and failure in {TIMED_OUT, NO_NAME, UNREACHABLE}:
            self._close(exchange)  # as likely our doing as the service's
            return
        self._able(now)
        status, version, instance, stays = 0, '""', '""', False
        if not failure or failure == STATUS:
            status, stays = int(exchange.got[9:12]), exchange.kept and stays_open(exchange)
            version, instance = self._facts(exchange.got[exchange.body_at :])
        kind = f'"{failure}"' if failure else "null"
        way = "kept" if exchange.kept else "fresh"
        self._sent, self._failed = self._sent + 1, self._failed + bool(failure)
        at = self._clock.at(exchange.begin)
        if not failure:
            self._record.meet(at)
        letter = "d" if exchange.download else "r"
        self._record.write(
            f'["{letter}",{at:.3f},{(now - exchange.begin) * 1000:.1f},{status},{kind},{version},{instance},"{way}"'
            + (",true]" if exchange.resent else "]"),
            self._clock.at(now),
        )
        if stays:
            self._idle = exchange.sock
            del self._by_file[exchange.sock.fileno()]
            exchange.sock = None
        self._close(exchange)

    def _facts(self, body: bytes) -> tuple[str, str]:
        """Return the version and the instance that an answer names, as they are written in the record."""
        try:
            told = json.loads(body)
            return self._word(str(told["version"])), self._word(str(told["instance"]))
        except (ValueError, TypeError, KeyError):
            return '""', '""'

    def _word(self, word: str) -> str:
        if word not in self._words:
            if len(self._words) > 500:
                self._words.clear()
            self._words[word] = json.dumps(word[:64])
        return self._words[word]

    def _close(self, exchange: Exchange) -> None:
        self._let_go(exchange)
        (self._downloads if exchange.download else self._open).pop(exchange, None)
        if exchange.kept:
            self._kept_busy = False

    def _let_go(self, exchange: Exchange) -> None:
        if exchange.sock is not None:
            file = exchange.sock.fileno()
            if self._by_file.pop(file, None) is not None:
                self._poll.unregister(file)
            exchange.sock.close()
        exchange.sock = exchange.address = None

    def _drop_idle(self) -> None:
        if self._idle is not None:
            self._poll.unregister(self._idle)
            self._idle.close()
            self._idle = None


def has_ended(idle: socket.socket) -> bool:
    """Whether a connection that nothing is expected on was closed since, or brings what nobody asked for."""
    try:
        idle.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def has_network() -> bool:
    """Whether there is any way out but to ourselves."""
    return any(name != "lo" for _, name in socket.if_nameindex())


def kind_of(error: int | None) -> str:
    """Return the kind of failure that an error of the system stands for."""
    if error == errno.ECONNREFUSED:
        return REFUSED
    if error == errno.ETIMEDOUT:
        return TIMED_OUT
    if error in {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}:
        return RESET
    return UNREACHABLE


def judge(exchange: Exchange, *, ended: bool) -> str | None:
    """Return what an answer came to: nothing yet (None), whole and good (""), or a kind of failure.

    Args:
        exchange: with the bytes that came.
        ended: whether no more will come.
    """
    got = exchange.got
    if not b"HTTP/1.".startswith(got[:7]):
        return BAD_ANSWER
    while not exchange.need:
        end = got.find(b"\r\n\r\n")
        if end < 0:
            return BAD_ANSWER if ended or len(got) > 65536 else None
        if not got[9:12].isdigit():
            return BAD_ANSWER
        if got[9:10] == b"1":  # "100 Continue" and the like come before the answer
            got = exchange.got = got[end + 4 :]
            continue
        exchange.body_at = end + 4
        exchange.need = length_of(got, end)
    if exchange.need > 0:
        whole = len(got) >= exchange.need
    elif exchange.need == -2:
        whole = got.endswith(b"0\r\n\r\n")
        if whole:
            exchange.got = got[: exchange.body_at] + unchunked(got[exchange.body_at :])
    else:
        whole = ended
    if not whole:
        return BAD_ANSWER if ended or len(got) > ANSWER_BYTES else None
    return STATUS if got[9:12] >= b"400" else ""


def length_of(got: bytes, end: int) -> int:
    """Return how many bytes an answer has, head included; -1 until the connection ends, -2 in chunks."""
    head = got[:end].lower()
    if got[9:12] in {b"204", b"304"}:
        return end + 4
    _, chunked, _ = head.partition(b"\r\ntransfer-encoding:")
    if chunked:
        return -2
    _, named, rest = head.partition(b"\r\ncontent-length:")
    number = rest.split(b"\r\n", 1)[0].strip()
    return end + 4 + int(number) if named and number.isdigit() else -1


def unchunked(body: bytes) -> bytes:
    """Join the chunks of a body; what is no chunk ends it."""
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            break
        if not length:
            break
        parts.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(parts)


def stays_open(exchange: Exchange) -> bool:
    """Whether the service keeps the connection after this answer."""
    head = exchange.got[: exchange.body_at].lower()
    return exchange.need != -1 and b"\r\nconnection: close" not in head and not head.startswith(b"http/1.0")


def address_of(environ: Mapping[str, str]) -> str:
    """Return where to send.

    Raises:
        SystemExit: it is not set, or is no address that this can send to; the message says so.
    """
    to = environ.get("DRYDOCK_TRAFFIC_TO", "")
    if not to:
        raise SystemExit(
            "DRYDOCK_TRAFFIC_TO is not set. Give it an address to send to, such as http://front:8080/."
        )
    try:
        parts = urlsplit(to)
        sendable = (
            parts.scheme == "http"
            and parts.hostname
            and parts.port != 0
            and to.isascii()
            and to.isprintable()
        )
    except ValueError:
        sendable = False
    if not sendable or " " in to:
        raise SystemExit(
            f"DRYDOCK_TRAFFIC_TO is {to!r}. It must be an http:// address, such as http://front:8080/."
        )
    return to


def end(*_: object) -> NoReturn:
    """Leave in good order; what is under way is not recorded."""
    raise SystemExit(0)


def main() -> None:
    """Send until told to stop."""
    to = address_of(os.environ)
    download = os.environ.get("DRYDOCK_TRAFFIC_DOWNLOAD") or ""
    if download and not (download.startswith("/") and download.isascii() and download.isprintable()):
        raise SystemExit(
            f"DRYDOCK_TRAFFIC_DOWNLOAD is {download!r}. It must be a path, such as /download?seconds=8."
        )
    folder = os.environ.get("DRYDOCK_TRAFFIC_RECORD") or "/var/lib/traffic"
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    plan = os.environ.get("DRYDOCK_TRAFFIC_PLAN") or ""
    text = os.environ.get("DRYDOCK_TRAFFIC_PROFILE") or ""
    profile = Profile.parse(text) if text else None
    sender = Sender(to, folder, download, plan, profile)
    signal.signal(signal.SIGUSR1, sender.begin_load if profile else signal.SIG_IGN)
    if profile:
        log(f"sending to {to}; the load begins with SIGUSR1")
    else:
        often = f"as {plan} says" if plan else f"{round(1 / FRESH_SECONDS)} a second"
        log(
            f"sending requests to {to}, {often}, and {round(1 / Pace(plan).kept)} a second on a kept connection"
        )
    sender.run()


if __name__ == "__main__":
    main()
