"""The route from a container of the lab to a server that the learner's machine reaches; the first that works is used.

A cluster made by kind, k3d or Docker Desktop listens on the machine's loopback address, which in a container is the
container itself. Routes are tried in this order: the address as it is; the network of the container that publishes
it; the machine, by the name that the engine gives it; the machine's own network, through a relay.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import shlex
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from checker.engine.api import LABEL, ROLE, NotFoundError, RefusedError
from checker.engine.shell import Shell
from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.engine.api import Engine
    from checker.external.kubeconfig import Context

TOOLBOX = "drydock/toolbox:1.0"
MACHINE = "host.docker.internal"
"""The engine's name for its machine, in containers that request it with `host-gateway`."""

TRY_SECONDS = 4
_ANY_NETWORK = frozenset({"bridge", "podman", "host", "none"})


@dataclass(frozen=True)
class Route:
    """How a container of the lab reaches the server.

    Args:
        host: the name or address to connect to.
        port: the port.
        network: the engine's network that the lab's containers have to be on; empty for none.
        relay: the address on which a relay in the machine's own network listens, and the one it forwards to, as
            `LISTEN TO`; empty for none.
    """

    host: str
    port: int
    network: str = ""
    relay: str = ""

    def address(self, scheme: str, path: str) -> str:
        """Return the server's address on this route."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}{path}"

    def parts(self) -> dict[str, Any]:
        """Return what this route adds to the scene, as a Compose file."""
        parts: dict[str, Any] = {}
        if self.network:
            networks = {"lab": None, "cluster": None}
            parts["networks"] = {"cluster": {"external": True, "name": self.network}}
            parts["services"] = {each: {"networks": networks} for each in ("toolbox", "tunnel")}
        if self.relay:
            listen, to = self.relay.split()
            open_at = "/".join(listen.rsplit(":", 1))
            script = (
                f"printf '%s\\n' 'defaults' '  mode tcp' '  timeout connect 4s' '  timeout client 1h' '  timeout server 1h' "
                f"'listen cluster' '  bind {listen}' '  server cluster {to}' > /run/front/relay.cfg && "
                "exec haproxy -W -f /run/front/relay.cfg"
            )
            parts["services"] = {
                "relay": {
                    "image": "drydock/front:1.0",
                    "pull_policy": "never",
                    "network_mode": "host",
                    "healthcheck": {"test": ["CMD", "bash", "-c", f"exec 3<> /dev/tcp/{open_at}"]},
                    "entrypoint": ["/usr/bin/tini", "--", "sh", "-c", script],
                    "labels": {"io.drydock.lab": "${DRYDOCK_LAB}", "io.drydock.role": "front"},
                    "stop_grace_period": "1s",
                }
            }
        return parts or {"services": {}}


def find(engine: Engine, lab: str, context: Context) -> Route:
    """Return the first route that works.

    Args:
        engine: the engine that runs the lab's containers.
        lab: the lab's number, for the label of the container that tries the routes.
        context: the cluster.

    Raises:
        LabError: none works; the detail has the error of each.
    """
    failed: list[str] = []
    with _trier(engine, lab) as trier:
        for title, route in _routes(engine, trier, context, failed):
            said = trier.ask(context, route)
            if not said:
                return route
            failed.append(f"{title}: {said}")
    relayed = _through_machine(engine, lab, context, failed)
    if relayed is not None:
        return relayed
    raise LabError(
        f"Containers cannot reach the cluster of the context `{context.name}` at {context.server}.",
        remedy="Make the API server listen on an address that containers can reach (kind: `apiServerAddress`, k3d: "
        "`--api-port`), or allow the engine's networks in the firewall.",
        detail="\n".join(failed),
    )


def _routes(
    engine: Engine, trier: _Trier, context: Context, failed: list[str]
) -> Iterator[tuple[str, Route]]:
    host, port = _place(context)
    at_home = is_own_machine(host)
    if not at_home:
        yield f"directly, {host}:{port}", Route(host, port)
    for route, name in behind(engine.list_all("containers"), host, port, at_home=at_home):
        try:
            trier.join(route.network)
        except (RefusedError, NotFoundError) as error:
            failed.append(f"on the network {route.network} of the container {name}: {error.what}")
            continue
        yield f"on the network {route.network} of the container {name}", route
    if at_home:
        yield f"the machine as {MACHINE}:{port}", Route(MACHINE, port)


def _place(context: Context) -> tuple[str, int]:
    parts = urlsplit(context.server)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def is_own_machine(host: str) -> bool:
    """Whether a host is the machine itself: a loopback address, a name that resolves to one, or k3d's 0.0.0.0."""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, None)}
    except OSError:
        return host == "localhost"
    addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
    return any(each.is_loopback or each.is_unspecified for each in addresses)


def behind(
    containers: list[dict[str, Any]], host: str, port: int, *, at_home: bool
) -> Iterator[tuple[Route, str]]:
    """Yield the routes to containers of this engine behind an address, each with its container's name."""
    for item in containers:
        if item.get("State") != "running":
            continue
        name = item["Names"][0].lstrip("/")
        networks = (item.get("NetworkSettings") or {}).get("Networks") or {}
        if at_home:
            inside = {
                each.get("PrivatePort") for each in item.get("Ports") or [] if each.get("PublicPort") == port
            }
        else:
            inside = {port} if host in {each.get("IPAddress") for each in networks.values()} else set()
        for network, at in networks.items():
            if network in {"host", "none"} or not at.get("IPAddress"):
                continue
            # On a user-defined network, the name still leads to the container when its address changes.
            where = at["IPAddress"] if network in _ANY_NETWORK else name
            for each in sorted(inside):
                yield Route(where, int(each), network=network), name


class _Trier:
    """A container that tries routes as the lab's own containers would use them."""

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine = engine
        self._id = container
        self._shell = Shell(engine, container)
        self._joined: set[str] = set()

    def join(self, network: str) -> None:
        """Connect it to a network too."""
        if network in {"bridge", "podman"} or network in self._joined:
            return
        self._engine.post(f"/networks/{network}/connect", {"Container": self._id})
        self._joined.add(network)

    def ask(self, context: Context, route: Route) -> str:
        """Send a request to the server on a route; return the error, empty when the server answered."""
        parts = urlsplit(context.server)
        port = _place(context)[1]
        trust = "--insecure" if context.insecure else ""
        if context.authority and not context.insecure:
            text = base64.b64encode(context.authority).decode()
            self.run(f"echo {text} | base64 -d > /tmp/authority")
            trust = "--cacert /tmp/authority"
        name = context.expected_name
        shown = f"[{name}]" if ":" in name else name
        url = f"{parts.scheme}://{shown}:{port}{parts.path}/version"
        to = f"[{route.host}]" if ":" in route.host else route.host
        done = self._shell.run(
            f"curl -sS -o /dev/null -m {TRY_SECONDS} --noproxy '*' {trust} "
            f"--connect-to {shlex.quote(f'::{to}:{route.port}')} {shlex.quote(url)}",
            TRY_SECONDS + 5,
        )
        return (
            "" if done.rc == 0 else (done.stderr.strip().splitlines() or [f"curl ended with {done.rc}"])[-1]
        )

    def run(self, command: str) -> str:
        """Run a command in it and return its output."""
        return self._shell.run(command, TRY_SECONDS + 5).stdout.strip()

    def close(self) -> None:
        """Close its shell."""
        self._shell.close()


@contextlib.contextmanager
def _trier(engine: Engine, lab: str, network: str = "bridge") -> Iterator[_Trier]:
    host = {"NetworkMode": network, "Init": True}
    if network != "host":
        host["ExtraHosts"] = [f"{MACHINE}:host-gateway"]
    body = {"Image": TOOLBOX, "Labels": {LABEL: lab, ROLE: "checker"}, "HostConfig": host}
    made = str(engine.post("/containers/create", body)["Id"])
    try:
        engine.post(f"/containers/{made}/start")
        trier = _Trier(engine, made)
        try:
            yield trier
        finally:
            trier.close()
    finally:
        engine.delete(f"/containers/{made}", force=True, v=True)


def _through_machine(engine: Engine, lab: str, context: Context, failed: list[str]) -> Route | None:
    """Return the route through a relay in the machine's own network, None if that cannot reach the server either."""
    host, port = _place(context)
    to = "127.0.0.1" if is_own_machine(host) else host
    try:
        with _trier(engine, lab, "host") as there:
            said = there.ask(context, Route(to, port))
    except RefusedError as error:
        said = error.what
    if said:
        failed.append(f"from the machine's own network, {to}:{port}: {said}")
        return None
    with _trier(engine, lab) as inside:
        gateway = inside.run(f"getent ahostsv4 {MACHINE} | head -n 1 | cut -d ' ' -f 1")
    if not gateway:
        failed.append(f"through a relay: {MACHINE} has no address in a container")
        return None
    return Route(MACHINE, port, relay=f"{gateway}:{port} {to}:{port}")
