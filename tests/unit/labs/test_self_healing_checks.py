"""Lab 07's own judgements: where a store lies, which container is Parcel, and why a service did not heal."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.grading.verdicts import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Checks = Callable[[str, str], ModuleType]

VOLUME = {"Type": "volume", "Destination": "/var/lib/parcel", "Source": "/disk/parcels"}


def container(
    name: str = "parcel", *mounts: dict[str, str], policy: str = "no", **state: Any
) -> dict[str, Any]:
    """Return what an engine says of a container of Parcel 1.1."""
    return {
        "Id": name,
        "Name": f"/{name}",
        "Created": "2026-11-29T07:00:00Z",
        "RestartCount": 0,
        "Mounts": list(mounts),
        "State": {"Running": True, "Restarting": False, "ExitCode": 0, **state},
        "HostConfig": {"RestartPolicy": {"Name": policy}},
        "Config": {
            "Image": "drydock/parcel:1.1",
            "Env": ["PARCEL_DATA=/var/lib/parcel", "PARCEL_COPY=/var/lib/parcel-copy", "EMPTY"],
            "Healthcheck": {"Test": ["CMD", "true"]},
            "Labels": {
                "io.drydock.image": "parcel",
                "org.opencontainers.image.version": "1.1",
            },
        },
    }


def server(checks: Checks, *found: dict[str, Any], top: str = "python3 /app/store.py") -> Any:
    """Return a server with these containers, whose processes are what `top` says."""
    node = SimpleNamespace(
        exec=lambda command, **_: SimpleNamespace(
            stdout=json.dumps(found) if "inspect" in command else top if " top " in command else ""
        )
    )
    lab = SimpleNamespace(node=lambda _service: node)
    made = checks("07-self-healing", "server").Server(lab, None, None)
    made.restart = lambda: None
    return made


def test_a_store_is_found_on_a_volume_of_its_own_and_below_one_of_a_folder_above(checks: Checks) -> None:
    assert server(checks, container("parcel", VOLUME)).folders == ("/disk/parcels", "")
    above = {"Type": "bind", "Destination": "/var/lib/", "Source": "/srv/lib"}
    assert server(checks, container("parcel", above)).folders == (
        "/srv/lib/parcel",
        "/srv/lib/parcel-copy",
    )
    memory = {"Type": "tmpfs", "Destination": "/var/lib/parcel", "Source": ""}
    assert server(checks, container("parcel", memory)).folders == ("", "")


def test_a_healer_from_the_same_image_is_not_taken_for_parcel(checks: Checks) -> None:
    healer = container("healer", {"Type": "volume", "Destination": "/data", "Source": "/disk/parcels"})
    ended = container("parcel", VOLUME, Running=False)
    names = [each["Name"] for each in server(checks, healer, ended, top="python3 /healer.py").parcels()]
    assert names == ["/parcel", "/healer"]


@pytest.mark.parametrize(
    ("state", "top", "words"),
    [
        ({"Running": False, "ExitCode": 1}, "", "says that the engine must not start it again"),
        ({"Running": False, "policy": "on-failure"}, "", "leaves a program alone that ends with 0"),
        ({"Restarting": True}, "", "started again and again"),
        ({"Health": {"Status": "unhealthy"}}, "/app/store.py", "a restart policy waits for an end"),
        ({"Health": {"Status": "healthy"}}, "/app/store.py", "its health check calls it healthy"),
        ({}, "/app/store.py", "Nothing tests whether it answers"),
    ],
)
def test_what_did_not_heal_is_said_as_what_it_is(
    checks: Checks, state: dict[str, Any], top: str, words: str
) -> None:
    found = container("parcel", VOLUME, **state)
    with pytest.raises(CheckFailed) as failed:
        checks("07-self-healing", "causes").tell_why(server(checks, found, top=top), "hangs", seen="none")
    assert words in failed.value.failure.rationale


def test_a_container_that_is_gone_is_said_to_be_gone(checks: Checks) -> None:
    with pytest.raises(CheckFailed) as failed:
        checks("07-self-healing", "causes").tell_why(server(checks), "has crashed", seen="none")
    assert "was removed, and nothing has made another" in failed.value.failure.rationale
