"""A service that a person looks after: copies of Parcel on hosts, each with its own engine, started one by one.

When a host dies, only that person restores the service, so checks read from the record what happened.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.cluster.interface import (
    ENDED_MOST,
    ENDED_SECONDS,
    Instance,
    Order,
    lose_node,
    start_node,
    tell_of_lost,
)
from checker.cluster.losses import Before, Loss, Recovery, recovery, served_before
from checker.cluster.remote import Remote
from checker.engine.api import IMAGE
from checker.errors import LabError
from checker.grading.author import age, moment, wait_until
from checker.grading.verdicts import could_not_run
from checker.scene.ownership import scene_containers
from checker.scene.state import services

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from checker.grading.author import Container, Lab, Traffic

__all__ = ["ByHand", "Copy", "Loss", "Record", "Recovery", "recovery"]

PORT = 2375
"""Where a host's engine listens, on the lab's network."""

ASK_SECONDS = 3.0
"""How long a host's engine may take to answer."""

BACK_SECONDS = 15.0
"""How long the engine of a host that has come back may take until it answers."""

_VERSION = "org.opencontainers.image.version"
_SWARM = "com.docker.swarm.service.id"
"""The label of containers that a swarm has started: a host may be a member of one."""


@dataclass(frozen=True)
class Copy(Instance):
    """One copy of Parcel: a container on a host's own engine."""

    name: str = ""
    """The container's name there."""
    ports: tuple[int, ...] = ()
    """The ports of the host that lead to it, from other machines."""
    inside: int = 0
    """The copy's own port, to which the first of these leads."""
    closed: tuple[str, ...] = ()
    """What it publishes, and no other machine can use for HTTP: `127.0.0.1:8080`, or `8080/udp`."""
    status: str = ""
    """The engine's words, such as `Up 3 seconds (healthy)`."""

    @property
    def address(self) -> str:
        """Its address: `host-1:8080`; empty when no port leads to it."""
        return f"{self.node}:{self.ports[0]}" if self.ports else ""


@dataclass(frozen=True)
class Record:
    """What a host's engine knows about a copy, even one that has ended."""

    node: str
    created: float
    """When it was created, in seconds since 1970."""
    started: float
    """When it was last started; 0 when it never was."""
    running: bool
    instance: str
    """The name that it answers with."""


class ByHand:
    """The hosts of a lab, and the copies of Parcel on them.

    Args:
        lab: the lab whose scene has the hosts, and a prober that reaches their engines.
        nodes: the names of the hosts' services.
    """

    title = "by hand"

    def __init__(self, lab: Lab, nodes: Sequence[str]) -> None:
        self.nodes = tuple(nodes)
        self._lab = lab

    @functools.cached_property
    def _shell(self) -> Any:
        return self._lab.node("prober")

    def running(self) -> list[str]:
        """Return the hosts that run now."""
        states = services(self._lab.engine, self._lab.course_lab)
        return [node for node in self.nodes if states.get(node) == "running"]

    def instances(self) -> list[Instance]:
        """Return the copies that run, host by host."""
        return list(self.copies())

    def unsteady(self) -> str:
        """Return which container its restart policy has started again and again; empty when all stay."""
        for copy in self.copies():
            restarts, seconds = self.history(copy)
            if restarts >= ENDED_MOST and seconds < ENDED_SECONDS:
                return f"{copy.name} on {copy.node} was restarted {restarts} times, the last time {seconds:.0f} s ago"
        return ""

    def orders(self) -> list[list[Order]]:
        """Return nothing: an engine forgets a container that is removed, and what it was told."""
        return []

    def copies(self) -> list[Copy]:
        """Return the copies that run on the running hosts, host by host."""
        found = []
        for node, item in self._all():
            if item["State"] in {"running", "restarting", "paused"}:
                found.append(self._copy(node, item))
        return found

    def ended(self) -> list[tuple[str, str, str]]:
        """Return the copies that do not run: host, name, and the engine's words, such as `Exited (1) 3 seconds ago`.

        Left out are those from an earlier try: after one had ended, another was created on the same host, and runs.
        """
        found = self._all()
        newest: dict[str, float] = {}
        for node, item in found:
            if item["State"] == "running":
                newest[node] = max(newest.get(node, 0.0), float(item.get("Created") or 0))
        return [
            (node, str(item["Names"][0]).lstrip("/"), str(item["Status"]))
            for node, item in found
            if item["State"] in {"exited", "created", "dead"}
            and not self._was_replaced(node, item, newest.get(node, 0.0))
        ]

    def _was_replaced(self, node: str, item: dict[str, Any], newest: float) -> bool:
        """Whether a copy had ended, or failed to start, before the newest one that runs on its host was created."""
        if float(item.get("Created") or 0) >= newest:
            return False
        record = self._record(node, item["Id"])
        return int(moment(record["State"]["FinishedAt"])) <= newest

    def records(self) -> list[Record]:
        """Return what the engines of the running hosts know about every copy, host by host."""
        found = []
        for node, item in self._all():
            told = self._record(node, item["Id"])
            config, state = told["Config"], told["State"]
            named = [
                each.partition("=")[2]
                for each in config.get("Env") or []
                if each.startswith("PARCEL_INSTANCE=")
            ]
            found.append(
                Record(
                    node=node,
                    created=moment(told["Created"]),
                    started=moment(state["StartedAt"]),
                    running=bool(state["Running"]),
                    instance=named[-1] if named and named[-1] else str(config.get("Hostname", "")),
                )
            )
        return found

    def history(self, copy: Copy) -> tuple[int, float]:
        """Return how often a copy's restart policy has started it again, and how many seconds it has run since."""
        record = self._record(copy.node, copy.id)
        # A host's engine has the clock of the engine that the host is a container of.
        now = self._lab.engine.clock.now()
        return int(record.get("RestartCount") or 0), age(str(record["State"]["StartedAt"]), now)

    def started(self, copy: Copy) -> str:
        """Return when a copy was last started, as its engine writes it."""
        record = self._record(copy.node, copy.id)
        return str(record["State"]["StartedAt"])

    def error(self, node: str, name: str) -> str:
        """Return why a host's engine could not start a container, in its own words; empty when it could, or was not asked to."""
        return str(self._record(node, name)["State"].get("Error") or "")

    def addresses(self, copy: Copy) -> list[str]:
        """Return the addresses that a copy has on the networks of its host's engine."""
        networks = self._record(copy.node, copy.id)["NetworkSettings"].get("Networks") or {}
        return [str(each["IPAddress"]) for each in networks.values() if each.get("IPAddress")]

    def remote(self, copy: Copy) -> Remote:
        """Return a copy as its host's engine knows it."""

        def run(command: str) -> str:
            return str(self._lab.node(copy.node).exec(command).stdout)

        return Remote(copy.id, lambda path: self._ask([copy.node], path)[0], run)

    def of_a_swarm(self) -> list[tuple[str, str]]:
        """Return the containers of Parcel that a swarm has started on the hosts: host and name."""
        nodes = self.running()
        return [
            (node, str(item["Names"][0]).lstrip("/"))
            for node, answer in zip(nodes, self._ask(nodes, "/containers/json"), strict=True)
            for item in answer
            if (labels := item.get("Labels") or {}).get(IMAGE) == "parcel" and _SWARM in labels
        ]

    def unplugged(self) -> list[str]:
        """Return the hosts that run and are not on the lab's network."""
        network = f"{self._lab.course_lab.project}_lab"
        found = {node: self.host(node) for node in self.running()}
        return [
            node for node, container in found.items() if container and not container.networks.get(network)
        ]

    def shows(self) -> str:
        """Return the command that shows the learner the same thing."""
        first = self.nodes[0]
        return f"docker -H tcp://{first}:{PORT} ps, and so on for each host"

    def ailing(self) -> str:
        """Return which of its nodes are lost, and how to bring them back; empty when none is."""
        return tell_of_lost(self._lab, self.nodes)

    def crash(self, instance: Instance) -> None:
        """Kill the main process of one copy."""
        self._ask([instance.node], f"/containers/{instance.id}/kill", "POST")

    def lose(self, node: str) -> None:
        """Kill a host."""
        lose_node(self._lab, node)

    def bring_back(self, node: str) -> None:
        """Start a lost host; a copy on it starts only if its restart policy says so."""
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

    def _record(self, node: str, container: str) -> dict[str, Any]:
        """Return everything that a host's engine knows about a container."""
        (found,) = self._ask([node], f"/containers/{container}/json")
        return dict(found)

    def _ask(self, nodes: Collection[str], path: str, method: str = "GET") -> list[Any]:
        """Send the same request to several hosts' engines, with one curl, and return the answers."""
        lines, trouble = self._said(nodes, path, method)

        def all_answer() -> bool:
            nonlocal lines, trouble
            lines, trouble = self._said(nodes, path)
            return len(lines) == len(nodes)

        # When a host comes back, its engine answers a little later.
        missing = method == "GET" and len(lines) != len(nodes)
        if missing and not wait_until(all_answer, BACK_SECONDS, every=0.2):
            silent = [node for node in nodes if not self._said([node], path)[0]]
            could_not_run(
                f"The engine of {', '.join(silent) or 'a host'} does not answer: {trouble.rstrip('.')}. Check again in a moment. "
                "If somebody stopped its network or its engine, `docker restart` and the name of that machine's container start it again."
            )
        try:
            return [json.loads(line) for line in lines]
        except ValueError as error:
            raise LabError(f"The answer of a host's engine cannot be read: {error}.") from error

    def _said(self, nodes: Collection[str], path: str, method: str = "GET") -> tuple[list[str], str]:
        """Return the answers of the engines that could be reached, a line for each, and curl's error message."""
        if not nodes:
            return [], ""
        urls = " ".join(f"'http://{node}:{PORT}{path}'" for node in nodes)
        done = self._shell.exec(
            f"curl -sS --noproxy '*' --max-time {ASK_SECONDS:g} -X {method} -w '\\n' {urls}",
            timeout=ASK_SECONDS * len(nodes) + 2,
        )
        return [line for line in done.stdout.split("\n") if line.strip()], done.stderr.strip()

    def _copy(self, node: str, item: dict[str, Any]) -> Copy:
        status = str(item["Status"])
        ports: dict[int, int] = {}
        closed: dict[str, None] = {}
        for port in item.get("Ports") or []:
            if not port.get("PublicPort"):
                continue
            if port.get("Type") != "tcp":
                closed[f"{port['PublicPort']}/{port.get('Type')}"] = None
            elif str(port.get("IP", "")).startswith("127.") or port.get("IP") == "::1":
                closed[f"{port['IP']}:{port['PublicPort']}"] = None
            else:
                ports[int(port["PublicPort"])] = int(port["PrivatePort"])
        if (item.get("HostConfig") or {}).get("NetworkMode") == "host":
            own = self._own_port(node, item["Id"])
            ports[own] = own
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
            inside=next(iter(ports.values()), 0),
            closed=tuple(closed),
            status=status,
        )

    def _own_port(self, node: str, container: str) -> int:
        """Return the port that a copy on its host's network listens on."""
        record = self._record(node, container)
        for entry in record["Config"].get("Env") or []:
            name, _, value = entry.partition("=")
            if name == "PARCEL_PORT" and value.isdecimal():
                return int(value)
        return 8080

    # -- a host's death ------------------------------------------------------------------------------------

    def host(self, node: str) -> Container | None:
        """Return a host's container, even if it is dead; None when somebody removed it."""
        found = scene_containers(self._lab.engine, self._lab.course_lab, node)
        return self._lab.container(str(found[0]["Names"][0]).lstrip("/")) if found else None

    def deaths(self, traffic: Traffic, wanted: int, since: str = "toolbox") -> list[Loss]:
        """Return every host's last death since the lab was started, the latest last.

        Args:
            traffic: the users.
            wanted: how many copies the service needs.
            since: the scene's service whose start counts as the lab's start, so that a death from a restart of the
                engine does not count.
        """
        began = moment(self._lab.node(since).started_at)
        found = []
        for node in self.nodes:
            container = self.host(node)
            if container is None or container.status == "paused":
                continue
            ended = moment(container.attrs["State"]["FinishedAt"])
            if not container.running or ended > began:
                found.append(self._loss(node, container, ended, traffic, wanted))
        return sorted(found, key=lambda loss: loss.at)

    def _loss(self, node: str, container: Container, at: float, traffic: Traffic, wanted: int) -> Loss:
        """Return what users had before a host's death and after it, also when the record has forgotten that since."""
        proof = ("before a loss", container.id, f"{at:.3f}", str(wanted))
        kept = self._lab.recall(*proof)
        known = Before(*json.loads(kept)) if kept is not None else served_before(traffic, at, wanted)
        if known and known.is_over:
            self._lab.remember(*proof, text=json.dumps(known))
        return Loss(
            node, container.id, at, not container.running, *(known or (wanted, wanted, True))[:3], bool(known)
        )
