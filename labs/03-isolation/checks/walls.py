"""What two containers have in common, or a container with the machine, beyond what everybody starts with."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from checker.grading.author import extra_rights, folder_behind

from .three import WHY, Asked, of_each, present

if TYPE_CHECKING:
    from checker.grading.author import Container, Engine, Lab

NAMESPACES = {
    "net": "network: its ports and addresses",
    "pid": "list of processes",
    "ipc": "shared memory",
    "mnt": "file system",
}

HOST_FOLDERS = (
    *(
        "/proc",
        "/sys",
        "/dev",
        "/etc",
        "/boot",
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/usr/bin",
        "/usr/sbin",
        "/usr/lib",
    ),
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/var/lib/docker",
)
"""Folders that a machine needs to run, or that show what runs on it."""

TIME_ZONE = ("/etc/localtime", "/etc/timezone")
"""Files that many Compose files mount, so that a program writes the machine's time."""

OPENED = {
    "--privileged": "every device of the machine, and every right that its root has",
    "--network": "the machine's own ports and addresses: no wall is left between them",
    "--pid": "the sight of every process of the machine",
    "--ipc": "the machine's shared memory",
    "--uts": "the machine's own name",
    "--cgroupns": "the sight of every control group of the machine: what runs on it, and what each may take",
    "--userns": "the machine's own numbers of users",
    "--cap-add": "a right over the machine that its image does not ask for",
    "--security-opt systempaths": "files of the kernel that are hidden from containers, or read-only in them",
    "--security-opt": "system calls that are closed to containers",
    "--device-cgroup-rule": "devices of the machine",
    "--device": "a device of the machine",
    "--user": "root's rights, where its image runs as a user of its own",
}
"""What an option opens to a container, by how the option begins: the longer beginning first."""


def reaches_into_host(lab: Lab, container: Container) -> tuple[str, str]:
    """Return which wall to the machine is down, by the option that takes it down, and what it opens."""
    options = extra_rights(container)
    if container.host_config.get("NetworkMode") == "host" and "--privileged" not in options:
        options.insert(0, "--network host")
    # With control groups of version 1, every container has the machine's.
    if (
        container.host_config.get("CgroupnsMode") == "host"
        and lab.node("toolbox").host_config.get("CgroupnsMode") != "host"
    ):
        options.append("--cgroupns host")
    if str(container.attrs["Config"].get("User") or "").partition(":")[0] in {"0", "root"}:
        options.append("--user root")
    if options:
        return options[0], next(opened for start, opened in OPENED.items() if options[0].startswith(start))
    return _folder_of_host(container) or ("", "")


def _folder_of_host(container: Container) -> tuple[str, str] | None:
    for mount in _mounts(container):
        source = (
            str(mount.get("Source") or "") if mount.get("Type") == "bind" else folder_behind(container, mount)
        )
        if source and any(_within(source, top) or _within(top, source) for top in HOST_FOLDERS):
            return (
                f"--volume {mount.get('Name') or source}",
                f"{source}, a part of what the machine needs to run",
            )
    return None


def _mounts(container: Container) -> list[dict[str, Any]]:
    """Return what is mounted into a container, without the machine's time zone, which it may only read."""
    return [mount for mount in container.mounts if mount.get("RW") or mount.get("Source") not in TIME_ZONE]


def other_user(lab: Lab, container: Container, image: dict[str, Any]) -> str:
    """Return the user that a container was given instead of its image's; empty if it is the same, or root."""
    given, own = (
        str(config.get("User") or "") for config in (container.attrs["Config"], image.get("Config") or {})
    )
    if given == own or given.partition(":")[0] in {"", "0", "root"}:
        return ""
    files = lab.image_files(str(image["Id"]), "/etc")
    return "" if _ids(given, files) == _ids(own, files) else given


def _ids(user: str, files: dict[str, bytes]) -> tuple[str, str]:
    """Return the numbers of a user and its group, both as an option names them, by the accounts of an image."""
    name, _, group = user.partition(":")
    rows = [line.split(":") for line in files.get("passwd", b"").decode(errors="replace").splitlines()]
    number, main = next(
        ((row[2], row[3]) for row in rows if len(row) > 3 and name in {row[0], row[2]}), (name, "0")
    )
    groups = [line.split(":") for line in files.get("group", b"").decode(errors="replace").splitlines()]
    if not group:
        return number, main
    return number, next((row[2] for row in groups if len(row) > 2 and group in {row[0], row[2]}), group)


def require_nothing_shared(lab: Lab, engine: Engine) -> None:
    """Fail when two of the three share a namespace, a network that somebody made, or a place for files."""
    here = present(lab)
    rooms = of_each(lambda asked: _rooms(here[asked]), here)
    for (one, first), (two, second) in combinations(here.items(), 2):
        for kind, what in NAMESPACES.items():
            _require_apart(one, two, kind, what, rooms)
        _require_own_networks(engine, one, first, two, second)
        _require_own_files(one, first, two, second)


def _rooms(container: Container) -> dict[str, str]:
    """Return the kernel's numbers of a container's namespaces, by kind."""
    links = container.host().check_output(
        "readlink " + " ".join(f"/proc/self/ns/{kind}" for kind in NAMESPACES)
    )
    return {link.partition(":")[0]: link for link in str(links).splitlines()}


def _require_apart(one: Asked, two: Asked, kind: str, what: str, rooms: dict[Asked, dict[str, str]]) -> None:
    if kind in rooms[one] and rooms[one][kind] == rooms[two].get(kind):
        seen = f"both in {rooms[one][kind]}"
        WHY.fail("one-namespace", one=one.name, two=two.name, kind=kind, what=what, seen=seen)


def _require_own_networks(
    engine: Engine, one: Asked, first: Container, two: Asked, second: Container
) -> None:
    for network in sorted(first.networks.keys() & second.networks.keys()):
        if network in {"bridge", "none", "podman"} or _is_default_of_compose(engine, network):
            continue
        found = first.exec(f"getent hosts {second.name}")
        WHY.fail(
            "one-network",
            one=one.name,
            two=two.name,
            network=network,
            host=second.name,
            seen=f"both are on {network}",
            evidence=found.stdout.strip(),
        )


def _is_default_of_compose(engine: Engine, network: str) -> bool:
    labels: dict[str, Any] = engine.get(f"/networks/{network}").get("Labels") or {}
    return labels.get("com.docker.compose.network") == "default"


def _require_own_files(one: Asked, first: Container, two: Asked, second: Container) -> None:
    for mine in _mounts(first):
        for its in _mounts(second):
            here, there = (str(mount.get("Source") or mount.get("Name") or "") for mount in (mine, its))
            if here and there and (_within(here, there) or _within(there, here)):
                place = str(mine.get("Name") or here)
                writers = [asked.name for asked, mount in ((one, mine), (two, its)) if mount.get("RW")]
                WHY.fail(
                    ("one-place-both-read", "one-place-one-writes", "one-place-both-write")[len(writers)],
                    one=one.name,
                    two=two.name,
                    place=place,
                    writer="".join(writers[:1]),
                    seen=f"{place} is {mine['Destination']} in {one.name} and {its['Destination']} in {two.name}",
                )


def _within(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")
