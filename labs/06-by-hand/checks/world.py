"""The hosts as they are now, the copies on them, and which host was lost."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.cluster.by_hand import ByHand

if TYPE_CHECKING:
    from checker.cluster.by_hand import Copy, Loss
    from checker.grading.author import Lab, Traffic

HOSTS = ("host-1", "host-2", "host-3", "host-4", "host-5")
WANTED = 5
"""Copies that the task asks for."""


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
        return self.cluster.deaths(self.traffic, WANTED)

    @functools.cached_property
    def loss(self) -> Loss | None:
        """The loss that the task is about: a host that is down; else the last one that took a full service down."""
        down = [loss for loss in self.deaths if loss.down]
        full = [loss for loss in self.deaths if loss.serving >= WANTED]
        return next(iter((down or full)[::-1]), None)

    @functools.cached_property
    def removed(self) -> list[str]:
        """The hosts that somebody removed."""
        return [host for host in HOSTS if self.cluster.host(host) is None]

    @functools.cached_property
    def lost_hosts(self) -> set[str]:
        """The hosts that are down, and the one that was lost last though it is back."""
        return {loss.host for loss in self.deaths if loss.down} | ({self.loss.host} if self.loss else set())

    @property
    def left(self) -> list[str]:
        """The hosts that are left."""
        return [host for host in HOSTS if host not in self.lost_hosts]

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
