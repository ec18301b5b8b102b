"""Finds the user's engine: from DOCKER_HOST, the current context or the usual sockets, in this order."""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checker.engine import remedies
from checker.engine.platform import Platform, Reach, System
from checker.errors import EngineError

DEFAULT_SOCKET = Path("/var/run/docker.sock")
"""Where the docker command looks when nothing names a place."""


@dataclass(frozen=True)
class Tls:
    """The folder with ca.pem, cert.pem and key.pem (each may be missing), and whether the server is verified."""

    folder: Path
    verify: bool = True


@dataclass(frozen=True)
class Endpoint:
    """An engine's address, and where we found it."""

    host: str
    """As in DOCKER_HOST: unix:///var/run/docker.sock, npipe://…, tcp://…, ssh://…."""
    source: str
    """For a person: "DOCKER_HOST", "context colima", "socket of Docker Desktop"."""
    tls: Tls | None = None

    @property
    def socket(self) -> Path | None:
        """The socket file to connect to, if the engine listens on one."""
        return Path(self.host.removeprefix("unix://")) if self.host.startswith("unix://") else None

    @property
    def is_local(self) -> bool:
        """Whether the engine can be reached without a network."""
        return self.host.startswith(("unix://", "npipe://"))

    @property
    def is_here(self) -> bool:
        """Whether the address is this machine's own, by a socket or by TCP, as engines in WSL offer it."""
        name = urllib.parse.urlsplit(self.host).hostname if self.host.startswith("tcp://") else ""
        return self.is_local or name in {"localhost", "::1"} or str(name).startswith("127.")


class EngineNotFoundError(EngineError):
    """No engine can be used. `reach` says why; `chosen` says whether the user had named the engine.

    If the user named an engine, we never install or start another one in its place.
    """

    def __init__(self, what: str, *, remedy: str, reach: Reach, chosen: bool, detail: str = "") -> None:
        super().__init__(what, remedy=remedy, detail=detail)
        self.reach = reach
        self.chosen = chosen


def find_endpoint(platform: Platform | None = None) -> Endpoint:
    """Find the engine that the user's own docker command would use, or else one on a usual socket.

    This takes well under 5 ms: it reads files and tries sockets, but starts no program. A remote engine (tcp, ssh) is
    returned without a test.

    Raises:
        EngineNotFoundError: none can be used; says what to do on this platform.
    """
    platform = platform or Platform()
    # The docker command uses the same order: DOCKER_HOST before DOCKER_CONTEXT, and that before the file.
    if host := platform.environ.get("DOCKER_HOST", "").strip():
        address = with_scheme(host)
        return _try(platform, Endpoint(address, "DOCKER_HOST", _tls_from_environment(platform, address)))
    context = platform.environ.get("DOCKER_CONTEXT") or _current_context(platform)
    if context and context != "default":
        return _try(platform, _read_context(platform, context))
    return _first_open(platform)


def with_scheme(host: str) -> str:
    """Return an address with its scheme: a path means a Unix socket, a name with a port means TCP, no path the usual one.

    Docker itself refuses a path without `unix://`; everything that `lab` starts gets the whole address.
    """
    host = host.strip()
    if host == "unix://":
        return f"unix://{DEFAULT_SOCKET}"
    if "://" in host:
        return host
    if host.startswith(("/", "~")):
        return f"unix://{Path(host).expanduser()}"
    return f"tcp://{host}"


def usual_places(platform: Platform) -> list[tuple[str, str]]:
    """Return (host, owner) of every socket or pipe to try, the most likely first."""
    if platform.system is System.WINDOWS:
        return [
            ("npipe:////./pipe/docker_engine", "Docker"),
            ("npipe:////./pipe/dockerDesktopLinuxEngine", "Docker Desktop"),
            ("npipe:////./pipe/podman-machine-default", "Podman"),
        ]
    home, environ = platform.home, platform.environ
    colima = Path(environ.get("COLIMA_HOME") or home / ".colima")
    found: list[tuple[Path, str]] = [(DEFAULT_SOCKET, "Docker")]
    runtime = environ.get("XDG_RUNTIME_DIR")
    if runtime:
        found.append((Path(runtime, "docker.sock"), "rootless Docker"))
    found += [
        (home / ".docker/run/docker.sock", "Docker Desktop"),
        (home / ".docker/desktop/docker.sock", "Docker Desktop"),
        (home / ".orbstack/run/docker.sock", "OrbStack"),
        (colima / "default/docker.sock", "Colima"),
        (home / ".config/colima/default/docker.sock", "Colima"),
        (home / ".rd/docker.sock", "Rancher Desktop"),
    ]
    if runtime:
        found.append((Path(runtime, "podman/podman.sock"), "rootless Podman"))
    found += [
        (home / ".local/share/containers/podman/machine/podman.sock", "Podman"),
        (Path("/run/podman/podman.sock"), "Podman"),
    ]
    return [(f"unix://{path}", owner) for path, owner in found]


def _first_open(platform: Platform) -> Endpoint:
    """Return the first usual socket on which an engine listens."""
    unusable: dict[Reach, Endpoint] = {}
    for host, owner in usual_places(platform):
        endpoint = Endpoint(host, f"socket of {owner}")
        reach = _reach(platform, endpoint)
        if reach is Reach.OPEN:
            return endpoint
        unusable.setdefault(reach, endpoint)
    # A socket that we are not allowed to use says more than an unused socket, and that says more than no socket.
    for reach in (Reach.DENIED, Reach.REFUSED):
        if reach in unusable:
            raise _unusable(platform, unusable[reach], reach, chosen=False)
    what = "There is no container engine on this machine."
    raise EngineNotFoundError(what, remedy=remedies.absent(platform), reach=Reach.ABSENT, chosen=False)


def _try(platform: Platform, endpoint: Endpoint) -> Endpoint:
    """Return the engine that the user chose, unless it is local and does not answer."""
    reach = _reach(platform, endpoint)
    if reach is Reach.OPEN:
        return endpoint
    raise _unusable(platform, endpoint, reach, chosen=True)


def _reach(platform: Platform, endpoint: Endpoint) -> Reach:
    if endpoint.socket is not None:
        return platform.reach(endpoint.socket)
    if endpoint.host.startswith("npipe://"):
        return platform.reach_pipe(endpoint.host.rpartition("/")[2])
    return Reach.OPEN


def _unusable(platform: Platform, endpoint: Endpoint, reach: Reach, *, chosen: bool) -> EngineNotFoundError:
    place = endpoint.host.removeprefix("unix://")
    where = f"{place} (from {endpoint.source})" if chosen else f"{place} ({endpoint.source})"
    if reach is Reach.DENIED:
        what = f"You are not allowed to use the container engine at {where}: permission denied."
        remedy = remedies.denied(platform, endpoint.source)
    elif reach is Reach.REFUSED:
        what = (
            f"The container engine at {where} is not running: its socket exists, but nothing listens on it."
        )
        remedy = remedies.not_running(platform, endpoint.source)
    else:
        what = f"There is no container engine at {where}."
        remedy = remedies.not_running(platform, endpoint.source)
    if chosen and reach is not Reach.DENIED:
        remedy += " " + remedies.other_choice(endpoint.source)
    return EngineNotFoundError(what, remedy=remedy, reach=reach, chosen=chosen)


def _tls_from_environment(platform: Platform, host: str) -> Tls | None:
    """Return what the variables say of certificates; a socket of this machine needs none, whatever they say.

    Raises:
        EngineNotFoundError: the certificates are gone, as after `minikube delete` or `docker-machine rm`.
    """
    environ = platform.environ
    verify = bool(environ.get("DOCKER_TLS_VERIFY"))
    if not (verify or environ.get("DOCKER_TLS")) or not host.startswith("tcp://"):
        return None
    named = environ.get("DOCKER_CERT_PATH")
    folder = Path(named) if named else _config_folder(platform)
    if not platform.exists(folder / "ca.pem"):
        raise EngineNotFoundError(
            f"DOCKER_HOST is {host} with certificates from {folder}, but {folder / 'ca.pem'} is not there.",
            remedy="To use this machine's own engine: unset DOCKER_HOST DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH. "
            "For the other one, make its certificates again (`minikube docker-env` and others print what to set).",
            reach=Reach.ABSENT,
            chosen=True,
        )
    return Tls(folder, verify)


def _config_folder(platform: Platform) -> Path:
    return Path(platform.environ.get("DOCKER_CONFIG") or platform.home / ".docker")


def _load(text: str | None) -> dict[str, Any]:
    """Return a JSON object, or an empty one for a file that is missing or broken."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return _object(value)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _current_context(platform: Platform) -> str:
    return str(_load(platform.read(_config_folder(platform) / "config.json")).get("currentContext") or "")


def _read_context(platform: Platform, name: str) -> Endpoint:
    """Read a context as the docker command stores it: by the SHA-256 of its name."""
    folder = _config_folder(platform) / "contexts"
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = _load(platform.read(folder / "meta" / key / "meta.json"))
    docker = _object(_object(meta.get("Endpoints")).get("docker"))
    host = str(docker.get("Host") or "").strip()
    source = f"context {name}"
    if meta and "://" not in host:
        raise EngineNotFoundError(
            f"The Docker context {name!r} is selected, but its file in {folder} names no engine.",
            remedy=f"Make it again (`docker context rm {name}`, `docker context create`). {remedies.other_choice(source)}",
            reach=Reach.ABSENT,
            chosen=True,
        )
    if not meta:
        raise EngineNotFoundError(
            f"The Docker context {name!r} is selected, but there is no such context in {folder}.",
            remedy=f"`docker context ls` lists the contexts. {remedies.other_choice(source)}",
            reach=Reach.ABSENT,
            chosen=True,
        )
    tls = folder / "tls" / key / "docker"
    verify = not docker.get("SkipTLSVerify", False)
    return Endpoint(host, source, Tls(tls, verify) if platform.exists(tls) else None)
