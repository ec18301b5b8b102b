"""Networks of labs avoid what this machine reaches elsewhere, and a network without addresses says what to do."""

# The methods do what the engine's and the platform's do.
# ruff: noqa: D102, ARG002

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.api import Engine
from checker.engine.endpoint import Endpoint
from checker.engine.platform import Platform, System
from checker.scene import addresses

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import Course

HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
BRIDGE = "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
VPN = "tun0\t000010AC\t0100080A\t0003\t0\t0\t0\t0000F0FF\t0\t0\t0\n"
OFFICE = "eth0\t0000080A\t010200C0\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0\n"


@dataclass(frozen=True)
class FakePlatform(Platform):
    """A machine with these routes."""

    table: str = HEAD + DEFAULT + BRIDGE
    kernel: str = "6.12.0"

    def read(self, path: Path) -> str | None:
        return self.table if path.name == "route" else self.kernel


class FakeEngine(Engine):
    """An engine with these networks."""

    def __init__(self, *networks: dict[str, Any], pools: tuple[str, ...] = ()) -> None:
        super().__init__(Endpoint("unix:///var/run/docker.sock", "socket"))
        self.networks = list(networks)
        self.pools = [{"Base": pool, "Size": 24} for pool in pools]

    def get(self, path: str, **query: Any) -> Any:
        return {"KernelVersion": "6.12.0", **({"DefaultAddressPools": self.pools} if self.pools else {})}

    def list_all(self, kind: str, *, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return self.networks


def network(subnet: str, **labels: str) -> dict[str, Any]:
    return {"IPAM": {"Config": [{"Subnet": subnet}]}, "Labels": labels}


LINUX = FakePlatform(system=System.LINUX)


def with_routes(*lines: str) -> FakePlatform:
    return FakePlatform(system=System.LINUX, table=HEAD + "".join(lines))


def test_routes_are_read_as_the_kernel_writes_them() -> None:
    found = addresses.routes(with_routes(DEFAULT, BRIDGE, VPN))
    assert found == [IPv4Network("172.17.0.0/16"), IPv4Network("172.16.0.0/12")]
    assert addresses.routes(with_routes(DEFAULT, BRIDGE, VPN), beyond_a_gateway=True) == [
        IPv4Network("172.16.0.0/12")
    ]


def test_the_engine_is_left_to_choose_unless_a_gateway_leads_where_it_may_choose() -> None:
    engine = FakeEngine()
    assert not addresses.engine_may_choose_wrong(engine, LINUX)
    assert not addresses.engine_may_choose_wrong(engine, with_routes(DEFAULT, OFFICE))
    assert addresses.engine_may_choose_wrong(engine, with_routes(DEFAULT, VPN))


def test_an_engine_that_was_told_what_to_choose_from_is_judged_by_that() -> None:
    engine = FakeEngine(pools=("10.0.0.0/8", "fd00::/64"))
    assert not addresses.engine_may_choose_wrong(engine, with_routes(DEFAULT, VPN))
    assert addresses.engine_may_choose_wrong(engine, with_routes(DEFAULT, OFFICE))


def test_the_routes_of_a_machine_that_the_engine_is_not_on_do_not_matter() -> None:
    elsewhere = FakePlatform(system=System.LINUX, table=HEAD + VPN, kernel="6.6.0-linuxkit")
    assert not addresses.engine_may_choose_wrong(FakeEngine(), elsewhere)


def test_free_subnets_overlap_neither_routes_nor_networks() -> None:
    engine = FakeEngine(network("192.168.0.0/20"), network("fd00::/64"), {"IPAM": None})
    found = list(itertools.islice(addresses.free_subnets(engine, with_routes(DEFAULT, VPN)), 2))
    assert found == [IPv4Network("192.168.16.0/24"), IPv4Network("192.168.17.0/24")]


def test_where_all_of_the_engines_are_in_use_others_are_taken() -> None:
    engine = FakeEngine(network("192.168.0.0/16"))
    assert next(addresses.free_subnets(engine, with_routes(VPN))) == IPv4Network("10.128.0.0/24")


def test_a_scenes_networks_get_a_subnet_each_and_those_that_have_one_keep_it() -> None:
    scene = {
        "networks": {
            "lab": {"name": "drydock-97_lab", "ipam": {}},
            "back": None,
            "own": {"ipam": {"config": [{"subnet": "10.9.0.0/24"}]}},
            "others": {"external": True},
        }
    }
    text = addresses.override(scene, iter([IPv4Network("10.1.0.0/24"), IPv4Network("10.2.0.0/24")]))
    given = {name: each["ipam"]["config"][0]["subnet"] for name, each in json.loads(text)["networks"].items()}
    assert given == {"lab": "10.1.0.0/24", "back": "10.2.0.0/24"}


@pytest.mark.parametrize(
    "said",
    [
        (
            "failed to create network drydock-97_lab: Error response from daemon: could not find an available, "
            "non-overlapping IPv4 address pool among the defaults to assign to the network"
        ),
        (
            "failed to create network drydock-97_lab: Error response from daemon: all predefined address pools "
            "have been fully subnetted"
        ),
    ],
)
def test_no_addresses_left_is_told_with_who_holds_them_and_what_frees_some(course: Course, said: str) -> None:
    engine = FakeEngine(network("172.18.0.0/16", **{"io.drydock.lab": "06"}), network("172.19.0.0/16"))
    error = addresses.trouble(f"some progress\n{said}\n", engine, course.lab())
    assert error is not None
    assert "no addresses left for the network drydock-97_lab of lab 97: it has 2 networks" in error.what
    assert "lab stop 6" in error.remedy
    assert "VPN" in error.remedy
    assert error.detail == said


def test_another_failure_is_not_taken_for_one_of_addresses(course: Course) -> None:
    assert addresses.trouble("no such image", FakeEngine(), course.lab()) is None
