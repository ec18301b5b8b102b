"""The hosts as they are now, the copies on them, which host was lost, and what front.cfg says."""

from __future__ import annotations

import csv
import functools
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.cluster.manual import ByHand
from checker.grading.author import Reasons

if TYPE_CHECKING:
    from checker.cluster.manual import Copy, Loss
    from checker.grading.author import Lab, Traffic

WHY = Reasons(Path(__file__).with_name("reasons.toml"))
HOSTS = ("host-1", "host-2", "host-3", "host-4", "host-5")
FRONT_PORT = 8080
"""Where the front listens."""

WANTED = 5
"""Copies that the task asks for."""

OWN_NAMES = ("localhost", "127.0.0.1")
"""By these, the front means itself."""

ASK_FRONT = (
    'perl -MIO::Socket::UNIX -e \'$front = IO::Socket::UNIX->new("/run/front/admin.sock") or exit 1;'
    ' print $front "show stat parcel 4 -1\\n"; print while <$front>\''
)
"""Asks the front, in its container, how it sees the servers of `backend parcel`: HAProxy's statistics, a line for each."""

SERVER_WORDS = (["server"], ["server-template"])

_ABOUT_ITSELF = r"haproxy version|path to executable|config : (Error\(s\)|Fatal errors) found"

_SERVER = re.compile(
    r"^[ \t]*server(?P<many>-template)?[ \t]+(?P<name>\S+(?(many)[ \t]+[\d-]+))[ \t]+(?P<written>(?P<host>[^\s:]+)(?::(?P<port>\d+))?)(?=\s|$)(?P<options>.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Server:
    """A line of the front's file."""

    name: str
    host: str
    """The host's name, also where the line has its address; an address that is no living host's is left as it is."""
    port: int
    written: str
    """Host and port as the line has them."""
    options: tuple[str, ...] = ()
    """The words behind them."""
    word: str = "server"
    """What the line begins with: `server`, or `server-template`, whose name is a prefix and a number or a range."""

    @property
    def shown(self) -> str:
        """The line, without the spaces before it, and where it is."""
        return f"{' '.join((self.word, self.name, self.written, *self.options))} in front.cfg"

    def is_named(self, name: str) -> bool:
        """Whether the front's log means this line by a name; a template's servers have its prefix, and a number each."""
        prefix = self.name.partition(" ")[0]
        return bool(re.fullmatch(re.escape(prefix) + (r"\d+" if self.word != "server" else ""), name))

    @property
    def is_address(self) -> bool:
        """Whether the line has an address that belongs to no living host; the front's own is another part of it."""
        return bool(re.fullmatch(r"[\d.]+|\[[0-9a-f:]+\]", self.host)) and not self.host.startswith("127.")


@dataclass(frozen=True)
class State:
    """How the front sees a server of `backend parcel` at this moment."""

    name: str
    status: str
    """In HAProxy's words: `UP`, `DOWN`, `no check`, `MAINT`; `MAINT (resolution)` where it knows no address."""
    address: str
    """The address that it sends requests to; empty when it knows none."""
    told: str
    """What the last health check met, such as `L7STS/404`; empty without one."""

    @property
    def is_down(self) -> bool:
        """Whether its health check has failed."""
        return self.status.startswith("DOWN")

    @property
    def is_used(self) -> bool:
        """Whether the front may send requests to it."""
        return not self.status.startswith(("DOWN", "MAINT"))

    @property
    def is_unresolved(self) -> bool:
        """Whether the front has found no address for the host's name, and leaves the server out."""
        return self.status == "MAINT (resolution)"

    @property
    def shown(self) -> str:
        """What the front says of it, in one line."""
        return f"{self.name}: {self.status}" + (f", {self.told}" if self.told else "")


def read_states(table: str) -> list[State]:
    """Read what the front answered to `ASK_FRONT`."""
    lines = [line for line in table.removeprefix("# ").splitlines() if line.strip()]
    return [
        State(
            each["svname"],
            each["status"],
            (each["addr"] or "").rpartition(":")[0],
            "/".join(part for part in (each["check_status"], each["check_code"] or each["last_chk"]) if part),
        )
        for each in csv.DictReader(lines)
    ]


class World:
    """What the checks of this lab look at, each thing looked up once.

    Args:
        lab: the lab.
        traffic: its users.
    """

    def __init__(self, lab: Lab, traffic: Traffic) -> None:
        self.lab = lab
        self.traffic = traffic
        self.cluster = ByHand(lab, HOSTS)
        self.names: dict[str, Copy] = {}
        """What each copy that counts answers as, asked at its own address; filled by the check of names."""

    @functools.cached_property
    def copies(self) -> list[Copy]:
        """The copies that run, those on a host that was lost and came back included."""
        return self.cluster.copies()

    @functools.cached_property
    def counted(self) -> list[Copy]:
        """The copies that count: what runs on the host that was lost does not."""
        return [copy for copy in self.copies if copy.node not in self.lost_hosts]

    def look_again(self) -> None:
        """Forget the copies, so that they are looked up again."""
        for name in ("copies", "counted"):
            self.__dict__.pop(name, None)

    # -- the hosts -----------------------------------------------------------------------------------------

    @functools.cached_property
    def deaths(self) -> list[Loss]:
        """Every host's last death since the lab was started, the latest last."""
        return self.cluster.deaths(self.traffic, WANTED)

    @staticmethod
    def is_full(loss: Loss) -> bool:
        """Whether a loss is one of a full service: five copies served, and one of them died; not if nobody knows, and the host is back."""
        return loss.serving >= WANTED and loss.carried and (loss.known or loss.down)

    @functools.cached_property
    def loss(self) -> Loss | None:
        """The loss that the task is about: the last one of a full service, among the hosts that are down if there are any."""
        down = [loss for loss in self.deaths if loss.down]
        full = [loss for loss in self.deaths if self.is_full(loss)]
        # A second host may have died before the service was restored from the first loss.
        return next(iter(([loss for loss in down if loss in full] or down or full)[::-1]), None)

    @functools.cached_property
    def lost_hosts(self) -> set[str]:
        """The hosts that are down, and the one that was lost last though it is back."""
        return {loss.host for loss in self.deaths if loss.down} | ({self.loss.host} if self.loss else set())

    @property
    def left(self) -> list[str]:
        """The hosts that are left."""
        return [host for host in HOSTS if host not in self.lost_hosts]

    @property
    def others(self) -> str:
        """The hosts that are left, as a learner reads them."""
        return ", ".join(self.left)

    # -- the front -----------------------------------------------------------------------------------------

    @functools.cached_property
    def text(self) -> str:
        """What is in front.cfg; empty when there is no such file."""
        try:
            return (self.lab.work / "front.cfg").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    @functools.cached_property
    def written(self) -> list[str]:
        """The lines of front.cfg that begin with the word `server` or `server-template`, also those that name no server."""
        return [line.strip() for line in self.text.splitlines() if line.split()[:1] in SERVER_WORDS]

    @functools.cached_property
    def servers(self) -> list[Server]:
        """The servers that front.cfg names."""
        known = {host: host for host in HOSTS}
        for host in HOSTS:
            if found := self.cluster.host(host):
                # A container is known by its own name, too, and by its id; the address of a dead one may be another's by now.
                live = found.networks.values() if found.running else ()
                known.update(dict.fromkeys((found.name, found.id[:12], *live), host))

        def reached(name: str) -> str:
            # Other names lead to a host as well; the front has looked them up. It is asked only for those.
            return next((known.get(each.address, "") for each in self.states if each.name == name), "")

        return [
            Server(
                each["name"],
                known.get(each["host"]) or reached(each["name"]) or each["host"],
                # Without a port the front asks for the one that it was asked on.
                int(each["port"] or FRONT_PORT),
                each["written"],
                tuple(each["options"].partition("#")[0].split()),
                f"server{each['many'] or ''}",
            )
            for each in _SERVER.finditer(self.text)
        ]

    @property
    def loose(self) -> str:
        """A `server` line that is above the first part which can have servers; empty when none is."""
        begin = (["backend"], ["listen"])
        above = itertools.takewhile(lambda line: line.split()[:1] not in begin, self.text.splitlines())
        return next((line.strip() for line in above if line.split()[:1] in SERVER_WORDS), "")

    @property
    def has_backend(self) -> bool:
        """Whether front.cfg has the part that the front sends users' requests to."""
        begin = (["backend", "parcel"], ["listen", "parcel"])
        return any(line.split()[:2] in begin for line in self.text.splitlines())

    def leads_on(self, server: Server) -> bool:
        """Whether a line leads to another part of the front, which front.cfg makes listen on a port."""
        bound = re.search(rf"^[ \t]*bind\b.*:{server.port}\b", self.text, re.MULTILINE)
        return server.host in OWN_NAMES and bool(bound)

    def is_lost(self, server: Server) -> bool:
        """Whether a line leads to a host that was lost; an engine forgets the address of a container that is dead."""
        return server.host in self.lost_hosts or (server.is_address and bool(self.lost_hosts))

    @functools.cached_property
    def states(self) -> list[State]:
        """How the front sees the servers of `backend parcel` now."""
        return read_states(self.lab.node("front").exec(ASK_FRONT).stdout)

    def state(self, server: Server) -> State | None:
        """Return how the front sees the server of a line, of a template's the first one; None when that is not known."""
        return next((each for each in self.states if server.is_named(each.name)), None)

    def addresses(self, host: str) -> list[str]:
        """Return the addresses that a host has now; none when it does not run."""
        found = self.cluster.host(host)
        return [each for each in found.networks.values() if each] if found and found.running else []

    @functools.cached_property
    def inner_addresses(self) -> set[str]:
        """The addresses that the copies have on their hosts, which no other machine knows."""
        return {address for copy in self.counted for address in self.cluster.addresses(copy)}

    @functools.cached_property
    def refused(self) -> str:
        """What the front says of a file that it cannot use; empty when it uses what was written last."""
        # Its log has this too, and in the worst moment much besides.
        said = self.lab.node("front").exec("cat /run/front/refused 2>/dev/null; true").stdout.strip()
        # HAProxy says first which release it is, and last that there were errors.
        told = [line for line in said.splitlines() if not re.match(_ABOUT_ITSELF, line)]
        return (told or said.splitlines() or [""])[0]
