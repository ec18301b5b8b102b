"""Which options gave a container more rights on its machine than every container has."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

USUAL_CAPABILITIES = frozenset(
    {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"}
    | {"NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
)
"""What an engine gives to every container: adding one of these again adds nothing."""

_NAMESPACES = {"PidMode": "pid", "IpcMode": "ipc", "UTSMode": "uts", "UsernsMode": "userns"}
"""Without the network: a container on the machine's own network has other ports, and no other rights."""

_LETS_ALL_PASS = frozenset({"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"})


class Engine(Protocol):
    """An engine that can be asked about its volumes."""

    def get(self, path: str) -> Any:
        """GET a path of its API and return the decoded JSON."""


class Container(Protocol):
    """A container as its engine describes it."""

    @property
    def engine(self) -> Engine:
        """Where it runs."""

    @property
    def host_config(self) -> Mapping[str, Any]:
        """The engine's HostConfig record."""

    @property
    def mounts(self) -> list[dict[str, Any]]:
        """Its mounts, as the engine's inspect record has them."""


def extra_rights(container: Container) -> list[str]:
    """Return the options that gave a container more rights than every container has, as `docker run` spells them.

    Mounts are not among them: see `mounted_folders`.
    """
    return list(_options(container.host_config))


def _options(given: Mapping[str, Any]) -> Iterator[str]:
    if given.get("Privileged"):
        yield "--privileged"
        return
    shared = [name for field, name in _NAMESPACES.items() if given.get(field) == "host"]
    for name in shared:
        yield f"--{name} host"
    for capability in given.get("CapAdd") or ():
        name = str(capability).upper().removeprefix("CAP_")
        if name not in USUAL_CAPABILITIES:
            yield f"--cap-add {name}"
    yield from _security_options(given, namespaces_shared=bool(shared))
    # The client sends this option as empty lists of the paths that an engine hides or protects.
    if given.get("MaskedPaths") == [] or given.get("ReadonlyPaths") == []:
        yield "--security-opt systempaths=unconfined"
    for device in given.get("Devices") or ():
        yield f"--device {device.get('PathOnHost')}"
    for rule in given.get("DeviceCgroupRules") or ():
        yield f"--device-cgroup-rule '{rule}'"


def _security_options(given: Mapping[str, Any], *, namespaces_shared: bool) -> Iterator[str]:
    for option in given.get("SecurityOpt") or ():
        # The engine adds `label=disable` itself if a container has the machine's processes or shared memory.
        plain = re.sub(r"^([a-z-]+):", r"\1=", str(option))
        if plain.endswith("unconfined") or (plain == "label=disable" and not namespaces_shared):
            yield f"--security-opt {option}"
        elif plain.startswith("seccomp={") and _lets_all_pass(plain.partition("=")[2]):
            yield "--security-opt seccomp=FILE, with a profile that allows every call it does not name"


def _lets_all_pass(profile: str) -> bool:
    """Whether a filter of system calls stops only what it names; the engine's own stops what it does not name."""
    try:
        said = json.loads(profile)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("defaultAction") in _LETS_ALL_PASS


def mounted_folders(container: Container, folders: Iterable[str]) -> list[str]:
    """Return the container's mounts that reach any of the machine's folders or files, as `docker run` spells them.

    A mount reaches a folder if it is the folder, or has it inside, or lies inside it. A volume that stands for a folder
    of the machine counts as this folder, and `/var/run` is `/run`.

    Args:
        container: the container.
        folders: absolute paths on the machine.
    """
    wanted = [_one_name(each) for each in folders]
    found = []
    for mount in container.mounts:
        source = _source(container, mount)
        if not source.startswith("/"):
            continue
        path = _one_name(source)
        if any(path.is_relative_to(each) or each.is_relative_to(path) for each in wanted):
            found.append(f"--volume {source}:{mount.get('Destination') or '…'}")
    return found


def _one_name(path: str) -> PurePosixPath:
    found = PurePosixPath(path)
    return PurePosixPath("/run", found.relative_to("/var/run")) if found.is_relative_to("/var/run") else found


def _source(container: Container, mount: Mapping[str, Any]) -> str:
    """Return the folder of the machine that is mounted; for a volume with files of its own, where the engine keeps it."""
    return folder_behind(container, mount) or str(mount.get("Source") or "")


def folder_behind(container: Container, mount: Mapping[str, Any]) -> str:
    """Return the folder of the machine that a volume stands for; empty for one with files of its own, and for other mounts."""
    if mount.get("Type") != "volume" or not mount.get("Name"):
        return ""
    volume: dict[str, Any] = container.engine.get(f"/volumes/{mount['Name']}")
    return str((volume.get("Options") or {}).get("device") or "")
