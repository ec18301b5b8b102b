"""What the doctor says of the ways between containers, this machine, its networks and its proxies."""

from __future__ import annotations

import http.server
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from checker.doctor import network
from checker.doctor.finding import Mark
from checker.engine.endpoint import Endpoint
from checker.engine.platform import System

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.doctor.machine import Machine

    Make = Callable[..., Machine]

IMAGES = (
    {"RepoTags": ["drydock/toolbox:1.0"], "Labels": {"io.drydock.image": "toolbox"}},
    {"RepoTags": ["drydock/parcel:1.0"], "Labels": {"io.drydock.image": "parcel"}},
)
HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
KERNEL = {"/proc/sys/kernel/osrelease": "6.12.0\n"}
VPN = "tun0\t000010AC\t0100080A\t0003\t0\t0\t0\t0000F0FF\t0\t0\t0\n"
PODS = "tun0\t0000280A\t0100080A\t0003\t0\t0\t0\t0000F8FF\t0\t0\t0\n"


@pytest.fixture
def answering() -> Iterator[int]:
    """Give a port of this machine on which something answers."""

    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def published(engine: Any, port: int) -> None:
    engine.records["containers-made"] = {
        "NetworkSettings": {"Ports": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}}
    }


def test_containers_that_reach_each_other_and_are_reached_are_fine(
    machine: Make, engine: Any, answering: int
) -> None:
    published(engine, answering)
    engine.printed = lambda _: "tcp yes\n"
    seen = network.reach(machine(images=IMAGES))
    assert [each.mark for each in seen] == [Mark.FINE] * 2
    assert engine.made == []


def test_a_firewall_between_containers_is_a_problem_with_what_was_said(
    machine: Make, engine: Any, answering: int
) -> None:
    published(engine, answering)
    engine.printed = lambda _: "tcp no curl: (28) Connection timed out\n"
    between, here = network.reach(machine(images=IMAGES))
    assert between.mark is Mark.PROBLEM
    assert "Connection timed out" in between.found
    assert "firewalld" in between.remedy
    assert here.mark is Mark.FINE


def test_a_published_port_that_does_not_answer_here_is_a_problem(
    machine: Make, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "ANSWER_SECONDS", 0.0)
    published(engine, 9)
    engine.printed = lambda _: "tcp yes\n"
    _, here = network.reach(machine(images=IMAGES))
    assert here.mark is Mark.PROBLEM
    assert "refused" in here.found


@pytest.mark.parametrize(
    ("address", "mark"),
    [("192.168.7.1", Mark.PROBLEM), ("127.0.0.1", Mark.FINE), ("0.0.0.0", Mark.FINE)],  # noqa: S104 - in a record
)
def test_ports_that_the_engine_opens_on_another_address_are_a_problem(
    machine: Make, engine: Any, address: str, mark: Mark
) -> None:
    engine.records["/networks/bridge"] = {
        "Options": {"com.docker.network.bridge.host_binding_ipv4": address},
        "IPAM": {"Config": [{"Subnet": "fd00:77::/64"}, {"Subnet": "172.17.0.0/16"}]},
    }
    (seen,) = network.default_network(machine())
    assert seen.mark is mark
    assert mark is Mark.FINE or "`ip`" in seen.remedy


def test_a_default_network_with_few_addresses_is_a_problem(machine: Make, engine: Any) -> None:
    engine.records["/networks/bridge"] = {"IPAM": {"Config": [{"Subnet": "172.30.9.0/30"}]}}
    (seen,) = network.default_network(machine())
    assert seen.mark is Mark.PROBLEM
    assert "172.30.9.0/30" in seen.found


@pytest.mark.parametrize(("name", "mark"), [("Engine", Mark.PROBLEM), ("Podman Engine", Mark.FINE)])
def test_an_engine_without_a_default_network_is_a_problem_unless_it_is_podman(
    machine: Make, engine: Any, name: str, mark: Mark
) -> None:
    engine.refuse("/networks/bridge", "network bridge not found", 404)
    (seen,) = network.default_network(machine(version={"Components": [{"Name": name}]}))
    assert seen.mark is mark


def test_an_engine_on_another_machine_publishes_nothing_here(machine: Make, engine: Any) -> None:
    published(engine, 9)
    engine.printed = lambda _: "tcp yes\n"
    far = replace(machine(images=IMAGES), endpoint=Endpoint("ssh://ada@far", "DOCKER_HOST"))
    _, here = network.reach(far)
    assert here.mark is Mark.PROBLEM
    assert "ssh://ada@far" in here.found


def test_a_service_that_ends_at_once_is_told_and_removed(machine: Make, engine: Any) -> None:
    engine.records["containers-made"] = {"NetworkSettings": {"Ports": {}}}
    engine.printed = lambda _: "exec format error"
    between, here = network.reach(machine(images=IMAGES))
    assert between.mark is Mark.PROBLEM
    assert "exec format error" in between.found
    assert here.mark is Mark.UNKNOWN
    assert engine.made == []


def test_without_the_image_of_a_service_nothing_is_told(machine: Make) -> None:
    assert {each.mark for each in network.reach(machine(images=IMAGES[:1]))} == {Mark.UNKNOWN}


def test_when_no_network_can_be_made_another_line_tells_why(machine: Make, engine: Any) -> None:
    engine.refuse("/networks/create", "all predefined address pools have been fully subnetted")
    assert {each.mark for each in network.reach(machine(images=IMAGES))} == {Mark.UNKNOWN}


@pytest.mark.parametrize(
    ("route", "mark", "word"),
    [
        ("", Mark.FINE, "no route"),
        (VPN, Mark.FINE, "172.16.0.0/12 is reached through a gateway"),
        (PODS, Mark.NOTE, "10.40.0.0/13 (pods of Kubernetes)"),
    ],
)
def test_routes_are_compared_with_what_labs_use(machine: Make, route: str, mark: Mark, word: str) -> None:
    files = {**KERNEL, "/proc/net/route": HEAD + route}
    (seen,) = network.other_networks(machine(files=files))
    assert seen.mark is mark
    assert word in seen.found


def test_routes_do_not_matter_where_the_engine_is_elsewhere(machine: Make) -> None:
    files = {"/proc/sys/kernel/osrelease": "6.6.0\n", "/proc/net/route": HEAD + PODS}
    assert network.other_networks(machine(files=files))[0].mark is Mark.FINE
    assert network.other_networks(machine(System.MACOS, files=files))[0].mark is Mark.FINE


@pytest.mark.parametrize(
    ("environ", "config", "mark", "advice"),
    [
        ({}, "", Mark.FINE, ""),
        ({"http_proxy": "http://proxy:3128"}, "", Mark.NOTE, "NO_PROXY=localhost,127.0.0.1"),
        (
            {"HTTP_PROXY": "http://p:1", "no_proxy": "127.0.0.1"},
            "",
            Mark.NOTE,
            "NO_PROXY=127.0.0.1,localhost",
        ),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "localhost, 127.0.0.1"}, "", Mark.FINE, ""),
        ({}, '{"proxies": {"default": {"httpProxy": "http://p:1"}}}', Mark.NOTE, "lab shell"),
        ({}, '{"proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "*"}}}', Mark.FINE, ""),
        ({}, "not json", Mark.FINE, ""),
    ],
)
def test_a_proxy_in_the_way_of_a_lab_is_noted(
    machine: Make, environ: dict[str, str], config: str, mark: Mark, advice: str
) -> None:
    found = machine(files={"/home/ada/.docker/config.json": config} if config else {})
    here = replace(found, platform=replace(found.platform, environ=environ))
    (seen,) = network.proxies(here)
    assert seen.mark is mark
    assert advice in seen.remedy


NETSH = """
Protocol tcp Port Exclusion Ranges

Start Port    End Port
----------    --------
        80          80
      8050        8149
     50000       50059     *

* - Administered port exclusions.
"""


def test_ports_that_windows_keeps_back_name_their_lab(machine: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_netsh", lambda: NETSH)
    labs = ({"ports": (8060,)}, {"ports": (8200,)})
    (seen,) = network.reserved_ports(machine(System.WINDOWS, labs=labs))
    assert seen.mark is Mark.PROBLEM
    assert "8060 (lab 01)" in seen.found
    assert "8200" not in seen.found
    assert network.reserved_ports(machine(labs=labs))[0].mark is Mark.FINE
    assert network.excluded(NETSH) == [range(80, 81), range(8050, 8150), range(50000, 50060)]


def test_an_engine_at_a_tcp_port_of_this_machine_is_tried(machine: Make, engine: Any, answering: int) -> None:
    published(engine, answering)
    engine.printed = lambda _: "tcp yes\n"
    here = replace(machine(images=IMAGES), endpoint=Endpoint("tcp://127.0.0.1:2375", "DOCKER_HOST"))
    _, seen = network.reach(here)
    assert seen.mark is Mark.FINE
