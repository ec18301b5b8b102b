"""Chooses the docker command: one that has compose and buildx, and works with the engine in use."""

from __future__ import annotations

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from checker.bootstrap import limits
from checker.engine import remedies
from checker.engine.endpoint import Endpoint, Tls
from checker.engine.platform import Platform, System
from checker.errors import EngineError, not_written

COMPOSE_NEEDED = (2, 20)
"""The scenes use `include:`, which Compose reads since 2.20."""
PROBE_SECONDS = 20.0
"""A cold laptop takes seconds to load a client of 60 MB; a remote engine needs an SSH handshake."""


@dataclass(frozen=True)
class Client:
    """A docker command that works here, bound to the engine that it talks to."""

    path: Path
    version: str
    compose: str
    """Version of its compose plugin."""
    endpoint: Endpoint

    def command(self, *args: str) -> list[str]:
        """Return the command line of `docker ARGS`."""
        return [str(self.path), *args]

    def environment(self, base: dict[str, str] | None = None) -> dict[str, str]:
        """Return the environment that makes the command use our engine, independent of the user's context."""
        return _environment(self.endpoint, dict(os.environ) if base is None else base)

    def environment_for_scenes(self, state: Path, platform: Platform | None = None) -> dict[str, str]:
        """Return the environment for creating a lab's own containers, without settings that would change them.

        These settings are Compose's variables, and `proxies` in the client's config.json. The client gives the
        proxies to every container that it creates, and the container then uses the proxy for its neighbours too.

        Args:
            state: the state folder; if the person's config.json has `proxies`, a copy without them is written here.
            platform: this machine.

        Raises:
            LabError: the copy cannot be written.
        """
        platform = platform or Platform()
        base = {name: value for name, value in platform.environ.items() if not name.startswith("COMPOSE_")}
        environ = self.environment(base)
        # A person may keep a .env of their own beside the lab's Compose file, which a scene is not made for.
        environ["COMPOSE_DISABLE_ENV_FILE"] = "1"
        own = config_folder(platform)
        config = _config(platform, own)
        if config.get("proxies"):
            environ["DOCKER_CONFIG"] = str(_lay_down(config, own, state / "engine" / "config"))
        return environ


_NOT_FOR_SCENES = {"proxies", "auths", "credsStore", "credHelpers", "currentContext"}
"""Scenes pull nothing, so no credentials are copied."""


def config_folder(platform: Platform) -> Path:
    """Return where the docker command keeps its config.json."""
    return Path(platform.environ.get("DOCKER_CONFIG") or platform.home / ".docker")


def _config(platform: Platform, folder: Path) -> dict[str, Any]:
    try:
        found = json.loads(platform.read(folder / "config.json") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _lay_down(config: dict[str, Any], own: Path, folder: Path) -> Path:
    kept = {name: value for name, value in config.items() if name not in _NOT_FOR_SCENES}
    # Docker Desktop keeps Compose beside the config.json that is left out here.
    kept["cliPluginsExtraDirs"] = [*(config.get("cliPluginsExtraDirs") or []), str(own / "cli-plugins")]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(kept), encoding="utf-8")
    except OSError as error:
        raise not_written(folder, error) from error
    return folder


class _Verdict(msgspec.Struct, frozen=True):
    """What was found last time, and the files and the engine for which it is valid."""

    key: list[str]
    path: str
    version: str
    compose: str


@dataclass(frozen=True)
class _Unfit:
    path: Path
    reason: str
    silent: bool = False
    """Whether the command itself works and it is the engine that does not answer."""
    plugin: Path | None = None
    """The file of the plugin that does not work; docker does not look for another behind it."""


def find_client(
    endpoint: Endpoint, *, platform: Platform | None = None, state: Path | None = None, fresh: bool = False
) -> Client:
    """Return the first docker command that has what the course needs and works with the engine.

    The result is kept in the state folder until one of the candidates or their plugins changes, so that the next call
    starts no program.

    Args:
        endpoint: the engine to talk to.
        platform: this machine.
        state: the state folder; None remembers nothing.
        fresh: try the candidates even if there is a result from last time (the engine may have been upgraded).

    Raises:
        EngineError: none can be used; the message gives the reason for each.
    """
    platform = platform or Platform()
    candidates = find_candidates(platform)
    key = _key(endpoint, platform, candidates)
    memory = state / "engine" / "client.json" if state else None
    if memory and not fresh and (verdict := _recall(memory, key)):
        return Client(Path(verdict.path), verdict.version, verdict.compose, endpoint)
    unfit: list[_Unfit] = []
    silent: list[_Unfit] = []
    for path in candidates:
        tried = _try(path, endpoint, platform)
        if isinstance(tried, Client):
            if memory:
                _remember(memory, _Verdict(key, str(tried.path), tried.version, tried.compose))
            return tried
        (silent if tried.silent else unfit).append(tried)
    if silent:
        raise EngineError(
            f"The container engine at {endpoint.host} (from {endpoint.source}) does not answer.",
            remedy=_dead(endpoint),
            detail=silent[0].reason,
        )
    starved = any(sign in each.reason for each in unfit for sign in limits.RESERVES)
    tight = limits.on_memory() if starved else None
    raise EngineError(
        "No docker command on this machine can be used with the engine."
        if unfit
        else "There is no docker command on this machine.",
        remedy=tight.remedy
        if tight
        else remedies.client(platform, next((each.plugin for each in unfit if each.plugin), None)),
        detail="\n".join(
            [*(f"{each.path}: {each.reason}" for each in unfit), *([tight.what] if tight else [])]
        ),
    )


def find_candidates(platform: Platform) -> list[Path]:
    """Return every docker command: first those on PATH, then those that came with engines; each file once."""
    windows = platform.system is System.WINDOWS
    name = "docker.exe" if windows else "docker"
    home = platform.home
    folders = [Path(each) for each in platform.environ.get("PATH", "").split(";" if windows else ":") if each]
    if windows:
        programs = platform.environ.get("PROGRAMFILES", "C:/Program Files")
        folders += [
            Path(programs, "Docker/Docker/resources/bin"),
            Path(programs, "Rancher Desktop/resources/bin"),
        ]
    else:
        folders += [Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt/homebrew/bin")]
        folders += [Path("/Applications/Docker.app/Contents/Resources/bin"), home / ".docker/bin"]
        folders += [home / ".rd/bin", home / ".orbstack/bin"]
    found: dict[Path, Path] = {}
    for folder in folders:
        path = folder / name
        if platform.is_program(path):
            found.setdefault(platform.resolve(path), path)
    return list(found.values())


def _plugin_folders(platform: Platform) -> list[Path]:
    """Return where docker looks for its plugins (cli-plugins/manager in Docker's source)."""
    config = config_folder(platform)
    if platform.system is System.WINDOWS:
        programs = platform.environ.get("PROGRAMFILES", "C:/Program Files")
        return [config / "cli-plugins", Path(programs, "Docker/cli-plugins")]
    shared = ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")
    return [config / "cli-plugins", *(Path(folder, "docker/cli-plugins") for folder in shared)]


def _installed(plugin: str, platform: Platform) -> Path | None:
    """Return the file that docker runs for a plugin; None if there is none.

    Docker takes the first that exists, and then no other, also when it cannot be run.
    """
    suffix = ".exe" if platform.system is System.WINDOWS else ""
    files = (folder / f"docker-{plugin}{suffix}" for folder in _plugin_folders(platform))
    return next((file for file in files if platform.exists(file)), None)


def _key(endpoint: Endpoint, platform: Platform, candidates: list[Path]) -> list[str]:
    """Return what the result depends on: the engine's address, the client's settings, each client and plugin."""
    suffix = ".exe" if platform.system is System.WINDOWS else ""
    plugins = [
        folder / f"docker-{plugin}{suffix}"
        for folder in _plugin_folders(platform)
        for plugin in ("compose", "buildx")
    ]
    # An alias or a folder of plugins in config.json can hide the plugins.
    settings = config_folder(platform) / "config.json"
    stamps = [
        f"{path} {stamp}" for path in [settings, *candidates, *plugins] if (stamp := platform.stamp(path))
    ]
    return [endpoint.host, str(endpoint.tls), str(settings), *stamps]


def _recall(memory: Path, key: list[str]) -> _Verdict | None:
    try:
        verdict = msgspec.json.decode(memory.read_bytes(), type=_Verdict)
    except (OSError, msgspec.MsgspecError):
        return None
    return verdict if verdict.key == key else None


def _remember(memory: Path, verdict: _Verdict) -> None:
    """Store the result; if the folder cannot be written, the next call tries the candidates again."""
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        half = memory.with_suffix(f".{os.getpid()}")
        half.write_bytes(msgspec.json.encode(verdict))
        half.replace(memory)
    except OSError:
        return


def _environment(endpoint: Endpoint, base: dict[str, str]) -> dict[str, str]:
    owned = (
        "DOCKER_HOST",
        "DOCKER_CONTEXT",
        "DOCKER_TLS",
        "DOCKER_TLS_VERIFY",
        "DOCKER_CERT_PATH",
        "DOCKER_API_VERSION",
        # The course's images are made for the engine's own architecture.
        "DOCKER_DEFAULT_PLATFORM",
    )
    environ = {name: value for name, value in base.items() if name not in owned}
    environ["DOCKER_HOST"] = endpoint.host
    if isinstance(endpoint.tls, Tls):
        environ["DOCKER_CERT_PATH"] = str(endpoint.tls.folder)
        environ["DOCKER_TLS_VERIFY" if endpoint.tls.verify else "DOCKER_TLS"] = "1"
    return environ


def _try(path: Path, endpoint: Endpoint, platform: Platform) -> Client | _Unfit:
    """Ask one candidate for its version (which shows whether it works with the engine) and its plugins."""
    environ = _environment(endpoint, dict(platform.environ))
    questions = (
        ("version", "--format", "{{.Client.Version}}"),
        ("compose", "version", "--short"),
        ("buildx", "version"),
    )
    with ThreadPoolExecutor(len(questions)) as pool:
        version, compose, buildx = pool.map(lambda question: _ask(path, question, environ), questions)
    if isinstance(version, _Unfit) and not any(sign in version.reason.lower() for sign in _OF_ANOTHER_AGE):
        own = _ask(path, ("--version",), environ)
        if not isinstance(own, _Unfit):
            return replace(version, silent=True)
    if isinstance(version, _Unfit):
        return version
    for answer, plugin in ((compose, "compose"), (buildx, "buildx")):
        if isinstance(answer, _Unfit):
            file = _installed(plugin, platform)
            what = f"its {plugin} plugin {file} does not work" if file else f"has no {plugin} plugin"
            return replace(answer, reason=f"{what}: {answer.reason}", plugin=file)
    numbers = _numbers(str(compose))
    if numbers < COMPOSE_NEEDED:
        needed = ".".join(map(str, COMPOSE_NEEDED))
        return _Unfit(path, f"its compose is {compose}, but the course needs {needed} or newer")
    return Client(path, str(version), str(compose), endpoint)


# What an engine says to a client that is too old or too new (docker/docker, api/server/middleware/version.go).
_OF_ANOTHER_AGE = ("too new", "too old", "minimum supported api", "maximum supported api")


def _dead(endpoint: Endpoint) -> str:
    try_it = f"docker --host {endpoint.host} version"
    if endpoint.host.startswith("ssh://"):
        place = endpoint.host.removeprefix("ssh://")
        return (
            f"Check whether `ssh {place.partition('/')[0].rpartition(':')[0] or place.partition('/')[0]}` works "
            f"without a password, and whether the engine runs there: {try_it}. {remedies.other_choice(endpoint.source)}"
        )
    return f"Read what this says: {try_it}. {remedies.other_choice(endpoint.source)}"


def _ask(path: Path, question: tuple[str, ...], environ: dict[str, str]) -> str | _Unfit:
    try:
        done = subprocess.run(
            [str(path), *question],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _Unfit(path, f"`docker {' '.join(question)}` gave no answer within {PROBE_SECONDS:.0f} s")
    except OSError as error:
        return _Unfit(path, f"cannot be run: {error.strerror or error}")
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        return _Unfit(
            path, lines[0] if lines else f"`docker {' '.join(question)}` ended with {done.returncode}"
        )
    lines = done.stdout.strip().splitlines()
    return lines[0] if lines else "unknown"


def _numbers(version: str) -> tuple[int, ...]:
    """Return (2, 26) for 2.26.1-4, v2.26.1 or 2.26.1-desktop.1."""
    found = re.search(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
