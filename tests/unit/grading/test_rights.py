"""Which options of a container give it more rights than every container has, as the engine's records tell them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from checker.grading.rights import extra_rights, mounted_folders


def box(*mounts: dict[str, Any], options: dict[str, str] | None = None, **config: Any) -> Any:
    """Return a container with these mounts and this HostConfig; `options` are those of its volumes."""
    engine = SimpleNamespace(get=lambda _: {"Options": options})
    return SimpleNamespace(host_config=config, mounts=list(mounts), engine=engine)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ({"Privileged": True, "SecurityOpt": ["label=disable"], "MaskedPaths": None}, "--privileged"),
        ({"CapAdd": ["sys_module"]}, "--cap-add SYS_MODULE"),
        ({"SecurityOpt": ["seccomp=unconfined"]}, "--security-opt seccomp=unconfined"),
        ({"SecurityOpt": ["apparmor:unconfined"]}, "--security-opt apparmor:unconfined"),
        ({"SecurityOpt": ["label=disable"]}, "--security-opt label=disable"),
        ({"PidMode": "host", "SecurityOpt": ["label=disable"]}, "--pid host"),
        ({"UsernsMode": "host"}, "--userns host"),
        ({"MaskedPaths": [], "ReadonlyPaths": []}, "--security-opt systempaths=unconfined"),
        ({"Devices": [{"PathOnHost": "/dev/kmsg"}]}, "--device /dev/kmsg"),
        ({"DeviceCgroupRules": ["b *:* rwm"]}, "--device-cgroup-rule 'b *:* rwm'"),
    ],
)
def test_an_option_that_gives_a_right_is_named_once(config: dict[str, Any], options: str) -> None:
    assert extra_rights(box(**config)) == [options]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"CapDrop": ["ALL"], "CapAdd": ["CAP_NET_BIND_SERVICE"]},
        {"SecurityOpt": ["no-new-privileges"], "MaskedPaths": ["/proc/kcore"], "ReadonlyPaths": None},
        {"SecurityOpt": ['seccomp={"defaultAction":"SCMP_ACT_ERRNO"}', "seccomp={", "seccomp=[]"]},
        {"NetworkMode": "host", "PidMode": "container:1", "IpcMode": "private", "CgroupnsMode": "host"},
    ],
)
def test_an_option_that_gives_no_right_is_not_named(config: dict[str, Any]) -> None:
    assert not extra_rights(box(**config))


def test_a_filter_that_lets_calls_pass_counts_as_none() -> None:
    for action in ("ALLOW", "LOG"):
        found = extra_rights(box(SecurityOpt=[f'seccomp={{"defaultAction": "SCMP_ACT_{action}"}}']))
        assert found[0].startswith("--security-opt seccomp=FILE")


@pytest.mark.parametrize(
    ("source", "reaches"),
    [
        ("/lib/modules", True),
        ("/lib/modules/6.1", True),
        ("/", True),
        ("/run", True),
        ("/var/run", True),
        ("/var/run/docker.sock", True),
        ("/var", False),
        ("/library", False),
        ("", False),
    ],
)
def test_a_mount_reaches_what_it_contains_and_what_contains_it(source: str, *, reaches: bool) -> None:
    mount = {"Type": "bind", "Source": source, "Destination": "/there"}
    wanted = ("/lib/modules", "/run/docker.sock")
    assert mounted_folders(box(mount), wanted) == ([f"--volume {source}:/there"] if reaches else [])


def test_a_volume_that_stands_for_a_folder_counts_as_the_folder() -> None:
    mount = {
        "Type": "volume",
        "Name": "mods",
        "Source": "/var/lib/docker/volumes/mods/_data",
        "Destination": "/m",
    }
    assert mounted_folders(box(mount, options={"device": "/lib/modules"}), ["/lib/modules"]) == [
        "--volume /lib/modules:/m"
    ]
    assert not mounted_folders(box(mount), ["/lib/modules"])
