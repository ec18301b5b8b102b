"""Probes of what a person has set for their docker command: variables, config.json, and the helpers that it names."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.bootstrap.owner import me, other_owner
from checker.doctor.finding import Probe, Seen, fine, note
from checker.engine.client import config_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.doctor.machine import Machine
    from checker.engine.platform import Platform


def _is_set(value: str) -> bool:
    return bool(value)


def _is_on(value: str) -> bool:
    return value.lower() in {"1", "t", "true"}


def _is_off(value: str) -> bool:
    return value.lower() in {"0", "f", "false"}


_VARIABLES: dict[str, tuple[Callable[[str], bool], str]] = {
    "COMPOSE_FILE": (_is_set, "`docker compose` reads this file in every folder"),
    "COMPOSE_PROJECT_NAME": (_is_set, "`docker compose` takes every folder for the same project"),
    "COMPOSE_PROFILES": (_is_set, "`docker compose` starts other services"),
    "COMPOSE_ENV_FILES": (_is_set, "`docker compose` reads this file and not the folder's own .env"),
    "DOCKER_API_VERSION": (_is_set, "docker speaks this version, which the engine may refuse"),
    "DOCKER_BUILDKIT": (_is_off, "`docker build` uses the old builder"),
    "BUILDX_BUILDER": (
        lambda value: value not in {"", "default"},
        "`docker build` uses this builder, which may be missing and does not see the engine's images",
    ),
    "DOCKER_CONTENT_TRUST": (_is_on, "docker refuses images without a signature, such as the course's"),
}
"""What changes a person's own docker commands, with what it does; `lab` takes none of it."""

_TLS = ("DOCKER_TLS", "DOCKER_TLS_VERIFY")


def docker(machine: Machine) -> tuple[Seen, ...]:
    """Look for settings with which docker commands that a person types do something else than `lab`."""
    told = [*_variables(machine.platform), *_config(machine.platform), *_builder(machine.platform)]
    if not told:
        return (fine("none that changes what you type"),)
    return tuple(note(what, do) for what, do in told)


def _variables(platform: Platform) -> list[tuple[str, str]]:
    """Return one entry for all variables: what each does, and how to be rid of them."""
    environ = platform.environ
    told = {
        name: f"{name} is {value}: {effect}"
        for name, (matters, effect) in _VARIABLES.items()
        if matters(value := environ.get(name, ""))
    }
    if not (host := environ.get("DOCKER_HOST", "")) or host.startswith("unix://"):
        told |= {
            name: f"{name} is set: docker wants certificates of the engine on this machine"
            for name in _TLS
            if environ.get(name)
        }
    if not told:
        return []
    listed = "; ".join(told.values())
    return [
        (
            f"{listed} (`lab` and `lab shell` ignore {'them' if len(told) > 1 else 'it'})",
            f"unset {' '.join(told)}",
        )
    ]


def _config(platform: Platform) -> list[tuple[str, str]]:
    """Return what is wrong with config.json: it cannot be read, or names a helper that is missing."""
    folder = config_folder(platform)
    file = folder / "config.json"
    text = platform.read(file)
    if text is None:
        is_closed = platform.exists(file) or (platform.exists(folder) and not os.access(folder, os.X_OK))
        return [_closed(file)] if is_closed else []
    try:
        config = json.loads(text.strip() or "{}")  # docker, too, takes an empty file for no settings
    except ValueError as error:
        return [(f"{file} is not JSON ({error}): docker does without it", "Correct it, or move it away.")]
    if not isinstance(config, dict):
        return []
    return _helpers(platform, file, config)


def _closed(file: Path) -> tuple[str, str]:
    """Return whose a file is that this user may not read; `sudo docker` leaves such folders in the user's home."""
    found = other_owner(file)
    if found is None or not found.in_our_folder:
        return f"{file} cannot be read: docker does without it", f"Allow reading it: ls -ld {file}"
    return (
        f"{found.place} belongs to {found.owner}, so {file} cannot be read: docker does without it",
        f"Take it back: sudo chown -R {me()} {shlex.quote(str(found.place))}",
    )


def _helpers(platform: Platform, file: Path, config: dict[str, Any]) -> list[tuple[str, str]]:
    by_registry = config.get("credHelpers")
    named = {"credsStore": config.get("credsStore")}
    if isinstance(by_registry, dict):
        named |= {f"credHelpers of {registry}": helper for registry, helper in by_registry.items()}
    return [
        (
            f"{file} names {helper!r} ({where}), and there is no program docker-credential-{helper}: docker may not pull",
            f"Remove {where.partition(' ')[0]} from that file.",
        )
        for where, helper in named.items()
        if helper and not platform.which(f"docker-credential-{helper}")
    ]


def _builder(platform: Platform) -> list[tuple[str, str]]:
    """Return what is to be known of a builder that was made with `docker buildx create --use`."""
    folder = Path(platform.environ.get("BUILDX_CONFIG") or config_folder(platform) / "buildx")
    name = _object(platform.read(folder / "current")).get("Name")
    kind = _object(platform.read(folder / "instances" / str(name))).get("Driver") if name else None
    if not kind or kind == "docker" or "BUILDX_BUILDER" in platform.environ:
        return []
    return [
        (
            f"`docker build` uses your builder {name!r} ({kind}), which neither sees nor leaves images on the engine",
            "docker buildx use default",
        )
    ]


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


PROBES = (Probe("engine", (("docker-settings", "docker settings"),), docker, needs_engine=False),)
