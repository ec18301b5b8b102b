"""The hosts as they are now, the copies on them, and which host was lost."""

from __future__ import annotations

import datetime as dt
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.cluster.by_hand import ByHand, Copy

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab, Traffic

HOSTS = ("host-1", "host-2", "host-3", "host-4", "host-5")
WANTED = 5
"""Copies that the task asks for."""

BEFORE_SECONDS = 8.0
"""How long before a loss the copies that answered then count as serving; a request in five comes to each."""


@dataclass(frozen=True)
class Loss:
    """A host that died while the lab ran."""

    host: str
    container: str
    at: float
    """When, in seconds since 1970, by the engine's clock, which the traffic's is too."""
    down: bool
    """Whether it is dead now; else somebody started it again."""
    serving: int
    """How many copies served the users just before."""


@dataclass(frozen=True)
class Server:
    """A line of the front's file."""

    name: str
    host: str
    port: int


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

    @functools.cached_property
    def copies(self) -> list[Copy]:
        """The copies that run, those on a host that was lost and came back included."""
        return self.cluster.copies()

    @functools.cached_property
    def counted(self) -> list[Copy]:
        """The copies that count: what runs on the host that was lost does not."""
        return [copy for copy in self.copies if copy.node not in self.lost_hosts]

    @functools.cached_property
    def deaths(self) -> list[Loss]:
        """Every host's last death since the lab was started, the latest last."""
        began = _seconds(self.lab.node("toolbox").started_at)
        found = []
        for host in HOSTS:
            container = self._host(host)
            if container is None or container.status == "paused":
                continue
            ended = _seconds(container.attrs["State"]["FinishedAt"])
            if not container.running or ended > began:
                found.append(Loss(host, container.id, ended, not container.running, self._serving(ended)))
        return sorted(found, key=lambda loss: loss.at)

    @functools.cached_property
    def loss(self) -> Loss | None:
        """The loss that the task is about: a host that is down; else the last one that took a full service down."""
        down = [loss for loss in self.deaths if loss.down]
        full = [loss for loss in self.deaths if loss.serving >= WANTED]
        return next(iter((down or full)[::-1]), None)

    @functools.cached_property
    def removed(self) -> list[str]:
        """The hosts that somebody removed."""
        return [host for host in HOSTS if self._host(host) is None]

    @functools.cached_property
    def lost_hosts(self) -> set[str]:
        """The hosts that are down, and the one that was lost last though it is back."""
        return {loss.host for loss in self.deaths if loss.down} | ({self.loss.host} if self.loss else set())

    @property
    def left(self) -> list[str]:
        """The hosts that are left."""
        return [host for host in HOSTS if host not in self.lost_hosts]

    def _host(self, host: str) -> Container | None:
        found = self.lab.engine.list_all(
            "containers",
            labels={
                "com.docker.compose.project": self.lab.course_lab.project,
                "com.docker.compose.service": host,
            },
        )
        return self.lab.container(str(found[0]["Names"][0]).lstrip("/")) if found else None

    def _serving(self, moment: float) -> int:
        """Return how many copies served just before a moment; all of them when the record does not go back so far."""
        seen = self.traffic.since(moment - BEFORE_SECONDS)
        if seen.begin > moment - 1:
            return WANTED
        return len(seen.between(moment - BEFORE_SECONDS, moment).instances)

    # -- the front -----------------------------------------------------------------------------------------

    @functools.cached_property
    def servers(self) -> list[Server]:
        """The servers that front.cfg names."""
        try:
            text = (self.lab.work / "front.cfg").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        found = re.findall(r"^[ \t]*server[ \t]+(\S+)[ \t]+([^\s:]+):(\d+)", text, re.MULTILINE)
        return [Server(name, host, int(port)) for name, host, port in found]

    @functools.cached_property
    def refused(self) -> str:
        """What the front says of a file that it cannot use; empty when it uses what was written last."""
        # Its log has this too, and in the worst moment much besides.
        said = self.lab.node("front").exec("cat /run/front/refused 2>/dev/null; true").stdout
        return said.strip().partition("\n")[0]


def _seconds(stamp: str) -> float:
    """Return an engine's time stamp as seconds since 1970; a time that never was is long ago."""
    return dt.datetime.fromisoformat(stamp).timestamp() if not stamp.startswith("0001") else 0.0
