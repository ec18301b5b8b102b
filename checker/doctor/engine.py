"""Probes of the engine itself: where it is, who can use it, the versions of the engine and its client, what it runs."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

from checker.doctor.container import ask_as_labs_do, usual
from checker.doctor.finding import Probe, Seen, fine, note, problem, unknown
from checker.engine import remedies
from checker.engine.api import RefusedError, is_podman
from checker.engine.client import Client, find_client
from checker.engine.endpoint import EngineNotFoundError
from checker.engine.platform import Reach, System
from checker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.doctor.machine import Machine

API_NEEDED = (1, 41)
"""Engine 20.10: the first that gives each container its own cgroups."""

BUILDX_SECONDS = 10.0

_FILES = {"local": 5}
"""Into how many files a driver divides a log, if nothing says so and it is not one."""
LEAST_LOG = 100 * 1024
"""Checks read the last hundreds of lines of a log."""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
_BUILT_FOR = ("amd64", "arm64")


def find(machine: Machine) -> tuple[Seen, ...]:
    """Look for the engine, and whether this user may use it."""
    trouble, endpoint = machine.trouble, machine.endpoint
    denied = isinstance(trouble, EngineNotFoundError) and trouble.reach is Reach.DENIED
    if denied and trouble is not None:
        return note("there is an engine, but this user is not allowed to use it"), problem(
            trouble.what, trouble.remedy
        )
    if trouble is not None or endpoint is None:
        what = trouble.what if trouble else "There is no container engine."
        if trouble is not None and trouble.detail:
            what += f" {trouble.detail.splitlines()[-1].strip()}"
        remedy = (trouble.remedy if trouble else "") or "Start it, and try again."
        return problem(what, remedy), unknown("there is no engine to use")
    allowed = fine("this user may use the engine")
    named = machine.platform.environ.get("DOCKER_HOST", "")
    if endpoint.source == "DOCKER_HOST" and "://" not in named:
        said = f"DOCKER_HOST is {named}, without its scheme: `lab` uses {endpoint.host}, but docker may refuse it"
        return note(said, f"export DOCKER_HOST={endpoint.host}"), allowed
    return fine(f"{endpoint.host.removeprefix('unix://')} ({endpoint.source})"), allowed


def version(machine: Machine) -> tuple[Seen, ...]:
    """Compare the engine's API with what the course needs."""
    name = "Podman" if is_podman(machine.version) else "Docker"
    api = str(machine.version.get("ApiVersion") or "")
    said = f"{name} {machine.version.get('Version') or 'of unknown version'}, API {api or 'unknown'}"
    if _numbers(api) < API_NEEDED:
        needed = ".".join(map(str, API_NEEDED))
        return (
            problem(f"{said}; the course needs API {needed}", "Update the engine: Docker 20.10 or newer."),
        )
    if name == "Podman":
        building = machine.labs_needing("builder")
        needed = (
            f"lab {building} and building the course's images need" if building else "building images needs"
        )
        said = f"{said}; it has no BuildKit, which {needed}"
        remedy = "Load the images from a file that was saved with Docker: `lab images load FILE`."
        if not building:
            return (note(said, remedy),)
        return (problem(said, f"{remedy} Do lab {building} with Docker Engine or Docker Desktop.", building),)
    return (fine(said),)


def client(machine: Machine) -> tuple[Seen, ...]:
    """Look for a docker command that has Compose and buildx and works with the engine."""
    if machine.endpoint is None:
        return unknown("no engine to try it with"), unknown("no engine to try it with")
    try:
        found = find_client(machine.endpoint, platform=machine.platform)
    except EngineError as error:
        why = "; ".join(error.detail.splitlines())
        return (
            problem(f"{error.what}{f' {why}' if why else ''}", error.remedy),
            unknown("there is no docker command to ask"),
        )
    builder = (
        _buildx(found)
        if not is_podman(machine.version)
        else note(
            "the engine has no builder that it could use",
            "Load images from a file instead; see the engine's version above.",
        )
    )
    return fine(f"{found.version} with Compose {found.compose} ({found.path})"), builder


def _buildx(found: Client) -> Seen:
    try:
        done = subprocess.run(
            found.command("buildx", "version"),
            env=found.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BUILDX_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return problem(
            f"`docker buildx version` failed: {error}", "Install the buildx plugin of your engine."
        )
    number = re.search(r"\d+\.\d+\.\d+\S*", done.stdout)
    if done.returncode:
        return problem("the docker command has no buildx", "Install the buildx plugin of your engine.")
    return fine(number[0] if number else "present")


def security(machine: Machine) -> tuple[Seen, ...]:
    """Look for modes of the engine that take rights away from privileged containers."""
    options = " ".join(map(str, machine.info.get("SecurityOptions") or []))
    labs = machine.privileged_labs
    if "name=rootless" in options or machine.info.get("Rootless"):
        return (
            note(
                "rootless" + (f"; lab {labs} runs an engine in a container and may fail" if labs else ""),
                "Use an engine that runs as root for such labs, or delegate the controllers cpu, cpuset, io, memory and pids.",
            ),
        )
    if "name=userns" in options:
        return (
            note(
                "containers run under remapped users (userns-remap), except the labs' own; containers that you start "
                "may not be able to write to a mounted folder",
                "If a step fails because of this, remove `userns-remap` from the engine's daemon.json, and restart the engine.",
            ),
        )
    return (fine("runs as root, users are not remapped"),)


def kind(machine: Machine) -> tuple[Seen, ...]:
    """Ask for which operating system the engine's containers are."""
    os_type = str(machine.info.get("OSType") or machine.version.get("Os") or "")
    if os_type == "windows":
        return (
            problem(
                "the engine runs Windows containers, but the course needs Linux containers",
                "Choose “Switch to Linux containers” in Docker Desktop's menu.",
            ),
        )
    return (fine(f"{os_type or 'linux'}: {machine.info.get('OperatingSystem') or 'of unknown name'}"),)


def settings(machine: Machine) -> tuple[Seen, Seen]:
    """Run a container with the engine's own settings: is its log kept, and may labs ask what they ask?"""
    driver = str(machine.info.get("LoggingDriver") or "")
    if not machine.image:
        return judge_log(driver, {}), unknown("known only after images are built (lab images build)")
    try:
        with usual(machine.asked, machine.image) as container:
            config = machine.asked.inspect(container)["HostConfig"].get("LogConfig") or {}
            return judge_log(driver, config.get("Config") or {}), _requests(machine, container)
    except EngineError as error:
        if "logging driver" not in str(error):
            return judge_log(driver, {}), unknown("no container could be run")
        said = f"the log driver `{driver}` does not work, so no container starts: {error}"
        return problem(said, remedies.LOG_DRIVER), unknown("no container could be run")


def judge_log(driver: str, options: Mapping[str, Any]) -> Seen:
    """Judge whether logs can be read, and whether their beginning is still there.

    Args:
        driver: the engine's log driver.
        options: those that the engine gives to a container.
    """
    if driver == "none" or options.get("cache-disabled") == "true":
        said = f"the log driver is `{driver}`" + (" without a cache" if driver != "none" else "")
        unread = "`docker logs` shows nothing, and checks that read logs cannot judge"
        return note(f"{said}: {unread}", remedies.LOG_DRIVER)
    size, files = str(options.get("max-size") or ""), str(options.get("max-file") or "")
    if size and 0 < in_bytes(size) * int(files if files.isdecimal() else _FILES.get(driver, 1)) < LEAST_LOG:
        said = f"{driver}, which keeps only the last {size} of a log"
        return note(
            f"{said}: checks that look for an earlier line in it may judge wrongly", remedies.LOG_DRIVER
        )
    return fine(driver or "unknown")


def _requests(machine: Machine, container: str) -> Seen:
    """Ask the engine what labs ask it, in case a proxy or a plugin in front of it forbids some of that."""
    try:
        ask_as_labs_do(machine.asked, container)
    except RefusedError as error:
        if not error.remedy:
            return fine("answered, or refused by the engine itself; other lines say why")
        return problem(str(error), error.remedy)
    except EngineError:
        return unknown("the engine did not answer; try again")
    return fine("those that labs need are allowed")


def in_bytes(size: str) -> float:
    """Read a size as the engine does, such as `10m`; 0 if it is none."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt]?)i?b?", size.strip().lower())
    return float(found[1]) * 1024 ** " kmgt".index(found[2] or " ") if found else 0.0


def architecture(machine: Machine) -> tuple[Seen, ...]:
    """Compare the engine's architecture with that of the course's images on it."""
    said = str(machine.info.get("Architecture") or machine.version.get("Arch") or "unknown")
    own = _ARCHITECTURES.get(said, said)
    foreign = []
    for item in machine.images:
        tag = next(iter(item.get("RepoTags") or []), "")
        record = machine.asked.image(tag) if str(tag).startswith("drydock/") else None
        if record and record.get("Architecture") not in {own, None, ""}:
            foreign.append(f"{tag} ({record['Architecture']})")
    if foreign:
        return (
            problem(
                f"{own}, but these images are for another architecture: {', '.join(foreign)}",
                "Build them again: lab images build",
            ),
        )
    wanted = machine.platform.environ.get("DOCKER_DEFAULT_PLATFORM", "")
    if wanted and wanted.split("/")[1:2] != [own]:
        return (
            note(
                f"{own}, and DOCKER_DEFAULT_PLATFORM is {wanted}: your own docker commands use images of that kind; "
                "`lab` and `lab shell` ignore the variable",
                "unset DOCKER_DEFAULT_PLATFORM",
            ),
        )
    if own not in _BUILT_FOR:
        return (
            note(
                f"{own}; the course is tested on {' and '.join(_BUILT_FOR)}",
                "Images are built here; some packages may be missing.",
            ),
        )
    return (fine(own),)


def place(machine: Machine) -> tuple[Seen, ...]:
    """Look for packages of the engine that cannot read the course's files."""
    root = str(machine.info.get("DockerRootDir") or "")
    if machine.platform.system is System.LINUX and "/snap/" in root:
        return (
            note(
                f"installed as a snap ({root}), which reads files only under your home folder",
                "Keep the course under your home folder, or install Docker from your distribution's packages.",
            ),
        )
    return (fine(root or "unknown"),)


def _numbers(text: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


PROBES = (
    Probe("engine", (("engine", "engine"), ("permission", "permission")), find, needs_engine=False),
    Probe("engine", (("engine-version", "engine version"),), version),
    Probe("engine", (("client", "docker command"), ("buildx", "buildx")), client),
    Probe("engine", (("security", "rights"),), security),
    Probe("engine", (("system", "runs"),), kind),
    Probe("engine", (("architecture", "architecture"),), architecture),
    Probe("engine", (("logs", "logs"), ("requests", "requests")), settings),
    Probe("engine", (("engine-files", "engine's files"),), place),
)
