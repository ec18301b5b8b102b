"""The addresses of labs' networks: they overlap neither each other nor this machine's routes; what to do if none is free.

Scenes name no subnet: the engine chooses one, and avoids those of other container networks and those that this machine
reaches directly. It does not avoid networks behind a gateway (such as an office network behind a VPN): if the lab's
network had the same addresses, the other network could not be reached while the lab runs. Then we choose instead.

An engine in a virtual machine has its own routes. This machine reaches labs there only through published ports, so
its routes do not matter.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from checker.engine.api import LABEL
from checker.engine.capacity import shares_our_kernel
from checker.engine.platform import Platform
from checker.errors import EngineError, LabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine

    Network = ipaddress.IPv4Network

POOLS = (ipaddress.IPv4Network("172.16.0.0/12"), ipaddress.IPv4Network("192.168.0.0/16"))
"""The engine's default pools (libnetwork/ipamutils)."""

_GATEWAY = 0x2
"""RTF_GATEWAY of <linux/route.h>: reached through another machine."""


def routes(platform: Platform, *, beyond_a_gateway: bool = False) -> list[Network]:
    """Return the networks that this machine has routes to, except the default route (proc(5), /proc/net/route).

    Args:
        platform: the interface to this machine; on systems without that file, the result is empty.
        beyond_a_gateway: only networks that are reached through another machine.
    """
    found = []
    for line in (platform.read(Path("/proc/net/route")) or "").splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8:
            continue
        # Addresses have the processor's byte order; processors that run containers are little-endian.
        address, mask = (int.from_bytes(bytes.fromhex(fields[at]), "little") for at in (1, 7))
        if mask and (int(fields[3], 16) & _GATEWAY or not beyond_a_gateway):
            found.append(ipaddress.IPv4Network((address & mask, mask.bit_count())))
    return found


def taken(engine: Engine) -> list[Network]:
    """Return the subnets of the engine's networks."""
    found = []
    for item in engine.list_all("networks"):
        for each in (item.get("IPAM") or {}).get("Config") or []:
            subnet = ipaddress.ip_network(str(each.get("Subnet") or "::/128"), strict=False)
            if isinstance(subnet, ipaddress.IPv4Network):
                found.append(subnet)
    return found


def engine_may_choose_wrong(engine: Engine, platform: Platform | None = None) -> bool:
    """Whether this machine reaches addresses through a gateway that the engine may give to a network."""
    platform = platform or Platform()
    beyond = routes(platform, beyond_a_gateway=True)
    if not beyond:
        return False
    info = engine.get("/info")
    pools = [
        ipaddress.ip_network(str(pool["Base"]), strict=False)
        for pool in info.get("DefaultAddressPools") or []
    ]
    met = any(
        route.overlaps(pool)
        for pool in pools or POOLS
        if isinstance(pool, ipaddress.IPv4Network)
        for route in beyond
    )
    return met and shares_our_kernel(platform, engine.endpoint, info)


def free_subnets(engine: Engine, platform: Platform | None = None) -> Iterator[Network]:
    """Yield subnets of 254 addresses that overlap no route and no network, those in the engine's pools first.

    Addresses that clusters use inside their nodes (10.0.0.0/8 up to 10.127) are left out.
    """
    used = [*routes(platform or Platform()), *taken(engine)]
    blocks = [*POOLS, ipaddress.IPv4Network("10.128.0.0/9")]
    for subnet in itertools.chain.from_iterable(block.subnets(new_prefix=24) for block in blocks):
        if not any(subnet.overlaps(each) for each in used):
            yield subnet


def override(config: Mapping[str, Any], subnets: Iterator[Network]) -> str:
    """Return a Compose file that gives each network of a scene a subnet; those that have one keep it.

    Args:
        config: the scene, as `docker compose config --format json` prints it.
        subnets: free subnets.
    """
    networks = {}
    for name, network in (config.get("networks") or {}).items():
        settings = network or {}
        if settings.get("external") or (settings.get("ipam") or {}).get("config"):
            continue
        subnet = next(subnets, None)
        if subnet is not None:
            networks[name] = {"ipam": {"config": [{"subnet": str(subnet)}]}}
    return json.dumps({"networks": networks})


# libnetwork's words for it: ipamapi.ErrNoAvailablePool ("all predefined address pools have been fully subnetted"),
# before it "could not find an available, non-overlapping IPv4 address pool", and ErrPoolOverlap.
_NONE_LEFT = re.compile(r"fully subnetted|non-overlapping IPv4 address pool", re.IGNORECASE)
_OVERLAP = re.compile(r"pool overlaps with other one|conflicts with network|overlaps with", re.IGNORECASE)


def is_about_addresses(said: str) -> bool:
    """Whether an engine's message says that it has no addresses for a network."""
    return bool(_NONE_LEFT.search(said) or _OVERLAP.search(said))


def trouble(said: str, engine: Engine, lab: Lab) -> LabError | None:
    """Return why a lab's network got no addresses, if that is what the engine's message says.

    Args:
        said: the output of the command that started the scene.
        engine: the engine, which is asked for its networks.
        lab: the lab that should start.
    """
    if not is_about_addresses(said):
        return None
    network = re.search(r"[Nn]etwork (\S+)", said)
    name = network[1].strip('":') if network else f"{lab.project}_lab"
    last = next((line.strip() for line in reversed(said.splitlines()) if is_about_addresses(line)), "")
    if _NONE_LEFT.search(said):
        count, labs = _networks(engine)
        there = f": it has {count} networks, and this machine's own routes use the rest"
        stop = "".join(f"`lab stop {int(number)}`, " for number in labs if number.isdecimal())
        return LabError(
            f"The engine has no addresses left for the network {name} of lab {lab.number}{there if count else ''}.",
            remedy=f"Remove networks that nothing uses: {stop}`docker network prune`. "
            "Or disconnect from the VPN, or give the engine more addresses (`default-address-pools` in its daemon.json).",
            detail=last,
        )
    return LabError(
        f"The network {name} of lab {lab.number} asks for addresses that another network has.",
        remedy="Find it: docker network inspect $(docker network ls --quiet). Remove that network, "
        "or remove the subnet from the lab's compose.yaml, so that the engine chooses a free one.",
        detail=last,
    )


def _networks(engine: Engine) -> tuple[int, list[str]]:
    """Return how many networks have addresses, and the numbers of the labs that some of them belong to."""
    try:
        found = engine.list_all("networks")
    except EngineError:
        return 0, []
    held = [item for item in found if (item.get("IPAM") or {}).get("Config")]
    return len(held), sorted({str((item.get("Labels") or {}).get(LABEL, "")) for item in held} - {""})
