"""A service that a person looks after: copies of Parcel on hosts with an engine each, started one by one."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.cluster.model import Instance, lose_node, start_node
from checker.engine.api import IMAGE
from checker.errors import LabError
from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from checker.grading.author import Lab

PORT = 2375
"""Where a host's engine listens, on the lab's network."""

ASK_SECONDS = 3.0
"""How long a host's engine may take to answer."""

_VERSION = "org.opencontainers.image.version"
_SWARM = "com.docker.swarm.service.id"
"""The label of what a swarm has started: a host may be a member of one."""


@dataclass(frozen=True)
class Copy(Instance):
    """One copy of Parcel: a container on a host's own engine."""

    name: str = ""
    """The container's name there."""
    ports: tuple[int, ...] = ()
    """The ports of the host that lead to it, from other machines."""
    closed: tuple[str, ...] = ()
    """What it publishes for its host alone, such as `127.0.0.1:8080`."""

    @property
    def address(self) -> str:
        """Where it is reached: `host-1:8080`; empty when no port leads to it."""
        return f"{self.node}:{self.ports[0]}" if self.ports else ""


class ByHand:
    """The hosts of a lab, and the copies of Parcel on them.

    Args:
        lab: the lab whose scene has the hosts, and a prober that reaches their engines.
        nodes: the hosts, by their services' names.
    """

    title = "by hand"

    def __init__(self, lab: Lab, nodes: Sequence[str]) -> None:
        self.nodes = tuple(nodes)
        self._lab = lab

    @functools.cached_property
    def _shell(self) -> Any:
        return self._lab.node("prober")

    def running(self) -> list[str]:
        """Return the hosts that are there now."""
        found = self._lab.engine.list_all(
            "containers", labels={"com.docker.compose.project": self._lab.course_lab.project}
        )
        states = {item["Labels"].get("com.docker.compose.service", ""): item["State"] for item in found}
        return [node for node in self.nodes if states.get(node) == "running"]

    def instances(self) -> list[Instance]:
        """Return the copies that run, host by host."""
        return list(self.copies())

    def copies(self) -> list[Copy]:
        """Return the copies that run on the hosts that are there, host by host."""
        found = []
        for node, item in self._all():
            if item["State"] in {"running", "restarting", "paused"}:
                found.append(self._copy(node, item))
        return found

    def ended(self) -> list[tuple[str, str, str]]:
        """Return the copies that do not run: host, name, and the engine's words, such as `Exited (1) 3 seconds ago`."""
        return [
            (node, str(item["Names"][0]).lstrip("/"), str(item["Status"]))
            for node, item in self._all()
            if item["State"] in {"exited", "created", "dead"}
        ]

    def shows(self) -> str:
        """Return the command that shows the learner the same thing."""
        first = self.nodes[0]
        return f"docker -H tcp://{first}:{PORT} ps, and so on for each host"

    def crash(self, instance: Instance) -> None:
        """Kill the main process of one copy."""
        self._ask([instance.node], f"/containers/{instance.id}/kill", "POST")

    def lose(self, node: str) -> None:
        """Kill a host."""
        lose_node(self._lab, node)

    def bring_back(self, node: str) -> None:
        """Start a lost host; its copies start only if they were told to start by themselves."""
        start_node(self._lab, node)

    # -- the hosts' engines --------------------------------------------------------------------------------

    def _all(self) -> list[tuple[str, dict[str, Any]]]:
        """Return every container of Parcel's image that a person started, with its host."""
        nodes = self.running()
        answers = self._ask(nodes, "/containers/json?all=1")
        return [
            (node, item)
            for node, answer in zip(nodes, answers, strict=True)
            for item in answer
            if (labels := item.get("Labels") or {}).get(IMAGE) == "parcel" and _SWARM not in labels
        ]

    def _ask(self, nodes: Collection[str], path: str, method: str = "GET") -> list[Any]:
        """Send the same request to several hosts' engines, by one curl, and return what each answered."""
        if not nodes:
            return []
        urls = " ".join(f"'http://{node}:{PORT}{path}'" for node in nodes)
        done = self._shell.exec(
            f"curl -sS --noproxy '*' --max-time {ASK_SECONDS:g} -X {method} -w '\\n' {urls}",
            timeout=ASK_SECONDS * len(nodes) + 2,
        )
        lines = [line for line in done.stdout.split("\n") if line.strip()]
        if method == "GET" and len(lines) != len(nodes):
            could_not_run(
                f"A host's engine does not answer: {done.stderr.strip()} `lab start {int(self._lab.number)}` mends it."
            )
        try:
            return [json.loads(line) for line in lines]
        except ValueError as error:
            raise LabError(f"What a host's engine answers cannot be read: {error}.") from error

    def _copy(self, node: str, item: dict[str, Any]) -> Copy:
        status = str(item["Status"])
        ports: dict[int, None] = {}
        closed: dict[str, None] = {}
        for port in item.get("Ports") or []:
            if not port.get("PublicPort") or port.get("Type") != "tcp":
                continue
            if str(port.get("IP", "")).startswith("127.") or port.get("IP") == "::1":
                closed[f"{port['IP']}:{port['PublicPort']}"] = None
            else:
                ports[int(port["PublicPort"])] = None
        if (item.get("HostConfig") or {}).get("NetworkMode") == "host":
            ports[self._own_port(node, item["Id"])] = None
        labels = item.get("Labels") or {}
        return Copy(
            id=str(item["Id"]),
            node=node,
            version=str(labels.get(_VERSION, "")),
            ready=item["State"] == "running"
            and "(unhealthy)" not in status
            and "(health: starting)" not in status,
            image=str(item["Image"]),
            name=str(item["Names"][0]).lstrip("/"),
            ports=tuple(ports),
            closed=tuple(closed),
        )

    def _own_port(self, node: str, container: str) -> int:
        """Return the port that a copy without a network of its own listens on."""
        (record,) = self._ask([node], f"/containers/{container}/json")
        for entry in record["Config"].get("Env") or []:
            name, _, value = entry.partition("=")
            if name == "PARCEL_PORT" and value.isdecimal():
                return int(value)
        return 8080
