"""Lab 03's assertions, written as the testinfra project documents them: `docker://` hosts and bare asserts.

It is what `lab check 3` is measured against, on the lab's solution:

    pytest benchmarks/lab03_testinfra

The three containers are told from one another by name, as `pytest --hosts=docker://NAME` would for one of them.
"""

# Bare asserts and short functions, as the documentation of testinfra has them.
# ruff: noqa: D103, S101, S310

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
import testinfra

if TYPE_CHECKING:
    from collections.abc import Iterator

LEDGER = "/var/lib/tariff/ledger"
NAMES = ("tariff-v1", "tariff-v2", "cruncher")
URLS = {name: f"http://127.0.0.1:{8091 + index}" for index, name in enumerate(NAMES)}
NAMESPACES = ("net", "pid", "ipc", "mnt")


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    """One testinfra host a container."""
    return {name: testinfra.get_host(f"docker://{name}") for name in NAMES}


@pytest.fixture(scope="session")
def local() -> Any:
    """The machine itself, on which testinfra finds the docker command."""
    return testinfra.get_host("local://")


@pytest.fixture(scope="session")
def containers(local: Any) -> dict[str, Any]:
    """What the engine says of the three."""
    return {name: local.docker(name).inspect() for name in NAMES}


@pytest.fixture
def mark() -> Iterator[str]:
    """An order that no ledger has, cancelled in the end."""
    order = f"check-{secrets.token_hex(4)}"
    yield order
    for name in NAMES[:2]:
        ask(f"{URLS[name]}/orders", order, method="DELETE", missing_is_fine=True)


def ask(url: str, body: str = "", *, method: str = "GET", missing_is_fine: bool = False) -> dict[str, Any]:
    """Send a request and return the JSON that comes back."""
    request = urllib.request.Request(url, data=body.encode() or None, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            found: dict[str, Any] = json.load(reply)
            return found
    except urllib.error.HTTPError:
        if missing_is_fine:
            return {}
        raise


def test_host_kept_out(containers: dict[str, Any]) -> None:
    for found in containers.values():
        given = found["HostConfig"]
        assert not given["Privileged"]
        assert "host" not in {given["NetworkMode"], given["PidMode"], given["IpcMode"], given["UTSMode"]}


def test_neighbour_unchanged(local: Any, containers: dict[str, Any]) -> None:
    image = local.check_output("docker image inspect --format '{{.Id}}' drydock/cruncher:1.0")
    assert containers["cruncher"]["Image"] == image


@pytest.mark.parametrize(
    ("name", "version", "library"), [("tariff-v1", "1.0", "postage 1."), ("tariff-v2", "2.0", "postage 2.")]
)
def test_version_answers(local: Any, name: str, version: str, library: str) -> None:
    assert local.docker(name).is_running
    said = ask(f"{URLS[name]}/")
    assert said["version"] == version
    assert said["library"].startswith(library)


@pytest.mark.parametrize(("writer", "reader"), [("tariff-v1", "tariff-v2"), ("tariff-v2", "tariff-v1")])
def test_own_ledger(hosts: dict[str, Any], mark: str, writer: str, reader: str) -> None:
    ask(f"{URLS[writer]}/orders", mark, method="POST")
    assert hosts[writer].file(LEDGER).contains(mark)
    assert not hosts[reader].file(LEDGER).contains(mark)


def test_neighbour_in_service(local: Any) -> None:
    assert local.docker("cruncher").is_running
    assert ask(f"{URLS['cruncher']}/")["service"] == "cruncher"


def test_neighbour_memory(hosts: dict[str, Any]) -> None:
    host = hosts["cruncher"]
    if host.file("/sys/fs/cgroup/memory.max").exists:
        limit, counters = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.events"
    else:
        limit = "/sys/fs/cgroup/memory/memory.limit_in_bytes"
        counters = "/sys/fs/cgroup/memory/memory.oom_control"
    assert int(host.file(limit).content_string) <= 256 << 20
    kills = dict(line.split() for line in host.file(counters).content_string.splitlines())["oom_kill"]
    assert int(kills) > 0


def test_neighbour_cpu(hosts: dict[str, Any]) -> None:
    host = hosts["cruncher"]
    if host.file("/sys/fs/cgroup/cpu.max").exists:
        quota, period = host.file("/sys/fs/cgroup/cpu.max").content_string.split()
    else:
        quota = host.file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").content_string
        period = host.file("/sys/fs/cgroup/cpu/cpu.cfs_period_us").content_string
    assert 0 < int(quota) <= int(period)


def test_others_hold(containers: dict[str, Any]) -> None:
    killed = ask(f"{URLS['cruncher']}/")["last_killed"]
    for name in NAMES[:2]:
        assert not containers[name]["State"]["OOMKilled"]
        assert containers[name]["RestartCount"] == 0
        record = ask(f"{URLS[name]}/pace?from={killed - 2}&to={killed + 2}")
        assert record["quotes"]
        assert record["median_ms"] <= 100
        assert record["slowest_ms"] <= 2000
        assert ask(f"{URLS[name]}/quote?grams=500")["cents"]


def test_nothing_shared(hosts: dict[str, Any], containers: dict[str, Any]) -> None:
    links = " ".join(f"/proc/self/ns/{kind}" for kind in NAMESPACES)
    rooms = [room for host in hosts.values() for room in host.check_output(f"readlink {links}").splitlines()]
    assert len(rooms) == len(set(rooms)) == len(NAMES) * len(NAMESPACES)
    places = [mount["Source"] for found in containers.values() for mount in found["Mounts"]]
    assert len(places) == len(set(places))
    networks = [
        net
        for found in containers.values()
        for net in found["NetworkSettings"]["Networks"]
        if net != "bridge"
    ]
    assert len(networks) == len(set(networks))
