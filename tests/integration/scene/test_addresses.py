"""A scene's network on a real engine: away from what a VPN reaches, and a clear word when it cannot be made."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.engine.platform import Platform
from checker.errors import LabError
from checker.scene import addresses
from tests.conftest import Course, reserved
from tests.integration.conftest import COMPOSE

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.scene.scene import Scene

VPN = "tun0\t000010AC\t0100080A\t0003\t0\t0\t0\t0000F0FF\t0\t0\t0\n"


def quiet(_: str) -> None:
    """Say nothing."""


def subnet_of(engine: Engine) -> IPv4Network:
    (network,) = engine.list_all("networks", labels={"io.drydock.lab": reserved()})
    return IPv4Network(network["IPAM"]["Config"][0]["Subnet"])


def test_a_network_keeps_clear_of_what_is_reached_through_a_vpn(
    scene: Scene, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Connected(Platform):
        """This machine with a VPN that leads to all of 172.16.0.0/12, the first that the engine would choose."""

        def read(self, path: Path) -> str | None:
            text = super().read(path)
            return f"{text}{VPN}" if path == Path("/proc/net/route") else text

    if not addresses.engine_may_choose_wrong(engine, Connected()):
        pytest.skip("THE ENGINE IS NOT ON THIS MACHINE: its networks and our routes do not meet")
    monkeypatch.setattr(addresses, "Platform", Connected)
    scene.start(quiet)
    chosen = subnet_of(engine)
    assert not chosen.overlaps(IPv4Network("172.16.0.0/12"))
    # Started again when the VPN is down, it keeps its addresses: nothing is made anew.
    before = scene.toolbox()
    monkeypatch.setattr(addresses, "Platform", Platform)
    scene.start(quiet)
    assert scene.toolbox() == before
    assert subnet_of(engine) == chosen


def test_a_subnet_that_another_network_has_is_told_as_such_and_nothing_is_left(
    make_scene: Callable[[Lab], Scene], course: Course, engine: Engine
) -> None:
    subnet = next(addresses.free_subnets(engine))
    body = {
        "Name": f"drydock-test-{reserved()}",
        "IPAM": {"Config": [{"Subnet": str(subnet)}]},
        "Labels": {"io.drydock.lab": reserved()},
    }
    made = engine.post("/networks/create", body)["Id"]
    fixed = COMPOSE.replace(
        "  lab:\n    labels:", f"  lab:\n    ipam: {{config: [{{subnet: {subnet}}}]}}\n    labels:", 1
    )
    try:
        with pytest.raises(LabError, match="asks for addresses that another network has") as caught:
            make_scene(course.lab(files={"compose.yaml": fixed})).start(quiet)
        assert "docker network" in caught.value.remedy
        assert engine.list_all("containers", labels={"io.drydock.lab": reserved()}) == []
    finally:
        engine.delete(f"/networks/{made}")
