"""Probes of the connections between containers, this machine and the world: networks, ports, routes, proxies."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import subprocess
import time
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from checker.doctor.container import own_network, run, serving
from checker.doctor.finding import Probe, Seen, fine, note, problem, unknown
from checker.engine.api import NotFoundError, is_podman
from checker.engine.capacity import shares_our_kernel
from checker.engine.platform import System
from checker.errors import EngineError
from checker.grading.reaching import EVERYWHERE
from checker.scene import refusals
from checker.scene.addresses import POOLS, is_about_addresses, routes

if TYPE_CHECKING:
    from checker.doctor.machine import Machine

RUN_SECONDS = 10.0
ANSWER_SECONDS = 5.0
"""How long a service on this machine may take to be there."""

INSIDE = {
    "pods of Kubernetes": IPv4Network("10.42.0.0/16"),
    "services of Kubernetes": IPv4Network("10.43.0.0/16"),
}
"""What clusters use inside their nodes (the defaults of k3s, docs/cli/server.md)."""

_ASK = """
for attempt in $(seq 20); do
    said=$(curl --silent --show-error --noproxy '*' --max-time 2 http://ALIAS:8080/healthz 2>&1) && { echo tcp yes; exit; }
    sleep 0.1
done
echo tcp no "$said"
"""


def reach(machine: Machine) -> tuple[Seen, Seen]:
    """Run a service, and ask it from another container on its network and from this machine."""
    image = machine.tag("parcel")
    if not image:
        later = unknown("known only after the image parcel is built (lab images build parcel)")
        return later, later
    name = f"drydock-doctor-{secrets.token_hex(8)}"
    engine = machine.asked
    try:
        with (
            own_network(engine, name),
            serving(engine, image, network=name, alias=name, port=8080) as port,
        ):
            output = run(
                engine, machine.image, _ASK.replace("ALIAS", name), seconds=RUN_SECONDS, network=name
            )
            trouble = _ask_from_here(machine, port)
    except EngineError as error:
        if is_about_addresses(str(error)):
            later = unknown("no network can be created; see names in a lab")
            return later, later
        known = refusals.trouble(str(error))
        remedy = error.remedy or (known.remedy if known else "Restart the engine.")
        said = f"two containers cannot run at the same time: {error}"
        return problem(said, remedy), unknown("no container could be run")
    return _judge_between(output.value("tcp") or "no"), _judge_published(trouble)


def _judge_between(said: str) -> Seen:
    if said == "yes":
        return fine("containers on one network reach each other")
    return problem(
        f"a container cannot reach another one on its network: {said.removeprefix('no').strip() or 'no answer'}",
        "A firewall on this machine blocks bridges (firewalld, ufw, a security product): allow forwarding "
        "on the engine's bridges, or restart the engine after the firewall was started.",
    )


def default_network(machine: Machine) -> tuple[Seen]:
    """Ask what the learners' own containers get if their commands name no network."""
    try:
        found = machine.asked.request("GET", "/networks/bridge")
    except NotFoundError:
        if is_podman(machine.version):
            return (fine("Podman's own"),)
        return (
            problem(
                "the engine has no network `bridge`: a container whose command names no network gets none",
                'Remove `"bridge": "none"` from the engine\'s daemon.json, and restart the engine.',
            ),
        )
    address = str((found.get("Options") or {}).get(_HOST_BINDING) or "")
    if address not in EVERYWHERE:
        return (
            problem(
                f"the engine opens ports on {address} of this machine, not on 127.0.0.1, unless a command names an address",
                "Remove `ip` from the engine's daemon.json, restart the engine, and create the containers again. "
                "Or publish ports with the address, such as `-p 127.0.0.1:8081:8080`.",
            ),
        )
    subnets = [str(each.get("Subnet") or "") for each in (found.get("IPAM") or {}).get("Config") or []]
    small = [
        each
        for each in subnets
        if "." in each and IPv4Network(each, strict=False).num_addresses < LEAST_ADDRESSES
    ]
    if small:
        return (
            problem(
                f"its addresses, {small[0]}, are too few for the containers of a lab",
                "Set `bip` in the engine's daemon.json to a larger network, such as 172.30.0.1/24, and restart the engine.",
            ),
        )
    return (fine(", ".join(subnets) or "there"),)


LEAST_ADDRESSES = 16
"""A lab and its lesson run up to six containers on it; the network, its gateway and its broadcast address take three."""

_HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4"
"""The option of a network that `ip` in daemon.json sets for the default one."""


def _judge_published(trouble: str) -> Seen:
    if not trouble:
        return fine("a container's published port answers on 127.0.0.1")
    return problem(
        f"a container's published port does not answer on 127.0.0.1: {trouble}",
        "The engine is on another machine; or a firewall or VPN blocks loopback connections; or the engine may open no ports "
        '(`"iptables": false` with `"userland-proxy": false` in its daemon.json). Checks need published ports: '
        "use an engine on this machine, allow these connections, or remove these settings.",
    )


def _ask_from_here(machine: Machine, port: int) -> str:
    """Return why a published port does not answer, empty when it does."""
    if machine.endpoint is not None and not machine.endpoint.is_here:
        return f"the engine is at {machine.endpoint.host}"
    give_up = time.monotonic() + ANSWER_SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() > give_up:
                return str(error) or type(error).__name__
            time.sleep(0.05)
        else:
            return ""
        finally:
            connection.close()


def other_networks(machine: Machine) -> tuple[Seen]:
    """Compare this machine's routes with the addresses that labs and clusters use."""
    if machine.platform.system is not System.LINUX:
        return (
            fine(
                "labs are reached through published ports; a VPN on this machine does not affect their networks"
            ),
        )
    if not shares_our_kernel(machine.platform, machine.endpoint, machine.info):
        return (fine("the engine is not on this machine: routes do not affect labs' networks"),)
    beyond = routes(machine.platform, beyond_a_gateway=True)
    hidden = [
        f"{route} ({what})" for what, pool in INSIDE.items() for route in beyond if route.overlaps(pool)
    ]
    if hidden:
        return (
            note(
                f"nodes cannot reach the addresses behind {', '.join(hidden)}",
                "Labs need nothing there. If the machine's name server has such an address, disconnect the VPN "
                "while you do a lab on Kubernetes.",
            ),
        )
    met = [str(route) for route in beyond if any(route.overlaps(pool) for pool in POOLS)]
    if met:
        return (fine(f"{', '.join(met)} is reached through a gateway; labs' networks avoid it"),)
    return (fine("no route of this machine overlaps labs' networks"),)


def proxies(machine: Machine) -> tuple[Seen]:
    """Look for a proxy that programs would use for requests to this machine or to a lab."""
    names = ("localhost", "127.0.0.1")
    environ = {key.upper(): value for key, value in machine.platform.environ.items()}
    here = environ.get("HTTP_PROXY") or environ.get("ALL_PROXY")
    if here and (missing := [name for name in names if name not in _listed(environ.get("NO_PROXY", ""))]):
        return (
            note(
                f"programs on this machine also use a proxy for {' and '.join(missing)}: `curl` of a lab's port fails",
                f"export NO_PROXY={','.join(filter(None, [environ.get('NO_PROXY', ''), *missing]))}",
            ),
        )
    given = _given_to_containers(machine)
    if given is not None and "drydock" not in given and "*" not in given:
        return (
            note(
                "your docker command gives a proxy to the containers that you start, and they also use it for names in a lab; "
                "a lab's own containers, and containers that you start in `lab shell`, get no proxy",
                'Work in `lab shell`, or remove `"proxies"` from ~/.docker/config.json while you do labs.',
            ),
        )
    return (fine("a proxy is set, but not used for this machine" if here else "none is set"),)


def _listed(text: str) -> set[str]:
    return {word.strip() for word in text.split(",")}


def _given_to_containers(machine: Machine) -> str | None:
    """Return the exceptions of the proxy that the docker command gives to containers, or None if it gives no proxy."""
    folder = machine.platform.environ.get("DOCKER_CONFIG")
    file = (Path(folder) if folder else machine.platform.home / ".docker") / "config.json"
    with contextlib.suppress(ValueError, AttributeError):
        for each in (json.loads(machine.platform.read(file) or "{}").get("proxies") or {}).values():
            if each.get("httpProxy"):
                return str(each.get("noProxy") or "")
    return None


def reserved_ports(machine: Machine) -> tuple[Seen]:
    """Ask Windows which ports it reserves: these ranges change with each start."""
    if machine.platform.system is not System.WINDOWS:
        return (fine("this system reserves none"),)
    wanted = {port: lab.number for lab in machine.labs for port in lab.all_ports}
    kept = excluded(_netsh())
    met = [f"{port} (lab {number})" for port, number in sorted(wanted.items()) if _within(port, kept)]
    if met:
        return (
            problem(
                f"Windows reserves {', '.join(met)}",
                "As administrator: net stop winnat; netsh int ipv4 add excludedportrange protocol=tcp "
                "startport=PORT numberofports=1; net start winnat",
            ),
        )
    return (fine("Windows reserves none that labs use"),)


def _netsh() -> str:
    try:
        done = subprocess.run(
            ["netsh", "interface", "ipv4", "show", "excludedportrange", "protocol=tcp"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def excluded(said: str) -> list[range]:
    """Read what `netsh interface ipv4 show excludedportrange` prints: a first and a last port on each line."""
    found = []
    for line in said.splitlines():
        words = line.replace("*", " ").split()
        if len(words) == 2 and all(word.isdecimal() for word in words):
            found.append(range(int(words[0]), int(words[1]) + 1))
    return found


def _within(port: int, kept: list[range]) -> bool:
    return any(port in each for each in kept)


CONTAINERS = (
    Probe("containers", (("default-network", "default network"),), default_network),
    Probe(
        "containers",
        (("between", "between containers"), ("published", "published ports")),
        reach,
        needs_image=True,
    ),
)
MACHINE = (
    Probe("machine", (("routes", "other networks"),), other_networks),
    Probe("machine", (("proxy", "proxy"),), proxies, needs_engine=False),
    Probe("machine", (("reserved-ports", "reserved ports"),), reserved_ports, needs_engine=False),
)
