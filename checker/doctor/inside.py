"""Probes from inside containers: the work folder, names, and the engine's disk."""

from __future__ import annotations

import contextlib
import secrets
import shlex
import tempfile
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

from checker.bootstrap.owner import why_not_written
from checker.doctor.container import Output, own_network, run
from checker.doctor.finding import Probe, Seen, fine, note, problem, unknown
from checker.doctor.resources import engine_disk_from_here, judge_engine_disk
from checker.engine.platform import System
from checker.errors import EngineError
from checker.scene import refusals
from checker.scene.addresses import is_about_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.doctor.machine import Machine

RUN_SECONDS = 8.0
NAME_SECONDS = 2
"""How long a name outside may take; a machine without a network often waits for nothing."""

_LOOK_AROUND = """
[ "$(cat /doctor/token 2>/dev/null)" = TOKEN ] && echo read yes
echo TOKEN > /doctor/answer 2>/dev/null && echo wrote yes
getent hosts ALIAS > /dev/null && echo inner yes || echo inner no
timeout SECONDS getent hosts OUTER > /dev/null && echo outer yes || echo outer no
while read -r _ limit value rest; do case $limit in
    processes) echo "processes $value";;
    open) echo "files ${rest%% *}";;
esac; done < /proc/self/limits
df -kP / | { read -r _; read -r _ total _ free _; echo disk "$free $total"; }
"""


def around(machine: Machine) -> tuple[Seen, ...]:
    """Run one ordinary container on a network like a lab's, and let it look around."""
    token = secrets.token_hex(8)
    name = f"drydock-doctor-{token}"
    host = _registry_host(machine)
    script = (
        _LOOK_AROUND.replace("TOKEN", token)
        .replace("ALIAS", name)
        .replace("OUTER", shlex.quote(host or "localhost"))
        .replace("SECONDS", str(NAME_SECONDS))
    )
    try:
        with _folder(machine, token) as folder, own_network(machine.asked, name):
            mount = {"Type": "bind", "Source": str(folder), "Target": "/doctor"}
            output = run(
                machine.asked,
                machine.image,
                script,
                seconds=RUN_SECONDS,
                network=name,
                alias=name,
                Mounts=[mount],
            )
            answered = _answer(folder) == token
    except OSError as error:
        why, remedy = why_not_written(machine.places.work, error, "DRYDOCK_WORK")
        work = problem(f"{machine.places.work} cannot be written: {why}", remedy)
        return (
            work,
            unknown("see the work folder"),
            unknown("see the work folder"),
            unknown("see the work folder"),
            engine_disk_from_here(machine),
        )
    except EngineError as error:
        return _not_run(machine, error)
    return (
        _judge_folder(machine, output, answered=answered),
        _judge_inner(output),
        _judge_outer(output, host),
        _judge_limits(output),
        _judge_disk(machine, output),
    )


@contextlib.contextmanager
def _folder(machine: Machine, token: str) -> Iterator[Path]:
    """Make a folder in the work folder with a token in it, and remove it, and the work folder if it is our doing."""
    work = machine.places.work
    existed = work.exists()
    work.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=work, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            (folder / "token").write_text(token, encoding="ascii")
            yield folder
    finally:
        if not existed:
            with contextlib.suppress(OSError):
                work.rmdir()


def _answer(folder: Path) -> str:
    try:
        return (folder / "answer").read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _registry_host(machine: Machine) -> str:
    """Return the host of the engine's own default registry, as the engine names it."""
    return urllib.parse.urlsplit(str(machine.info.get("IndexServerAddress") or "")).hostname or ""


def _not_run(machine: Machine, error: EngineError) -> tuple[Seen, ...]:
    said = str(error)
    rest = unknown("no container could be run")
    disk = engine_disk_from_here(machine)
    if is_about_addresses(said):
        seen = problem(
            f"no network can be created: {said}",
            "Remove unused networks (`docker network prune`), stop other labs, disconnect the VPN, or give the engine more addresses "
            "(`default-address-pools` in its daemon.json).",
        )
        return rest, seen, rest, rest, disk
    if "mount" in said.lower() or "shared" in said.lower():
        return problem(said, _sharing(machine)), rest, rest, rest, disk
    known = refusals.trouble(said)
    remedy = error.remedy or (known.remedy if known else "Read the engine's log, and restart the engine.")
    return (
        problem(f"{known.what.rstrip('.') if known else 'a container cannot be run'}: {said}", remedy),
        rest,
        rest,
        rest,
        disk,
    )


def _judge_folder(machine: Machine, output: Output, *, answered: bool) -> Seen:
    work = machine.places.work
    if output.value("read") != "yes":
        return problem(f"containers do not see {work}: they get an empty folder", _sharing(machine))
    if output.value("wrote") != "yes" or not answered:
        return problem(f"files that containers write to {work} do not appear there", _sharing(machine))
    return fine(f"containers can read and write {work}")


def _sharing(machine: Machine) -> str:
    if machine.endpoint is not None and not machine.endpoint.is_here:
        return "This engine is on another machine; labs need one that sees this machine's files."
    if machine.platform.system is System.LINUX:
        return (
            "Keep the course in your home folder, or set DRYDOCK_WORK to a folder that the engine can read."
        )
    return "Keep the course in your home folder, or share its folder in the engine's settings (Resources, File sharing)."


def _judge_inner(output: Output) -> Seen:
    if output.value("inner") == "yes":
        return fine("containers find each other by name")
    return problem(
        "a container's name is not found on its network",
        "A firewall may block the engine's own name server; restart the engine after you change the firewall.",
    )


def _judge_outer(output: Output, host: str) -> Seen:
    if not host:
        return unknown("the engine names no outside host to look up")
    if output.value("outer") == "yes":
        return fine(f"containers find {host}")
    return note(
        f"containers do not find {host}; labs run without it",
        "Labs do not need it. For downloads inside containers, set a name server for the engine (`dns` in its daemon.json).",
    )


LEAST_PROCESSES = 512
"""The kernel counts all processes and threads of one user on the machine, whichever container they are in."""

LEAST_FILES = 256
"""An engine gives 1024 or more; a service of the labs has few open, and one for each request."""


def _judge_limits(output: Output) -> Seen:
    few = [
        f"{said} {words}"
        for name, words, least in (
            ("processes", "processes", LEAST_PROCESSES),
            ("files", "open files", LEAST_FILES),
        )
        if (said := output.value(name) or "").isdecimal() and int(said) < least
    ]
    if few:
        return problem(
            f"the engine lets a program in a container have only {' and '.join(few)}: services of the labs end",
            "Remove `default-ulimits` from the engine's daemon.json, and restart the engine.",
        )
    return fine("enough processes and open files")


def _judge_disk(machine: Machine, output: Output) -> Seen:
    words = (output.value("disk") or "").split()
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return engine_disk_from_here(machine)
    return judge_engine_disk(machine, int(words[0]) * 1024, int(words[1]) * 1024)


PROBES = (
    Probe(
        "containers",
        (
            ("work-folder", "work folder"),
            ("names", "names in a lab"),
            ("outside-names", "names outside"),
            ("limits", "limits"),
            ("engine-disk", "disk, engine"),
        ),
        around,
        needs_image=True,
    ),
)
