"""Probes of what the course itself needs from this machine: its files, its ports, a clock that agrees."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from checker.bootstrap.owner import other_owner, why_not_written
from checker.bootstrap.pip import CERTIFICATES
from checker.doctor.finding import Probe, Seen, fine, note, problem
from checker.engine.api import LABEL
from checker.engine.platform import System
from checker.errors import LabError
from checker.progress.database import why_unusable
from checker.scene.ports import process_on, require_free, way_to_free

if TYPE_CHECKING:
    from checker.doctor.machine import Machine

CLOCK_SECONDS = 5.0
"""Certificates, tokens and the engine's events depend on the time; a difference up to this does no harm."""


def files(machine: Machine) -> tuple[Seen, ...]:
    """Read every lab.toml."""
    if machine.faults:
        what = "; ".join(fault.what for fault in machine.faults)
        return (problem(what, machine.faults[0].remedy),)
    if not machine.labs:
        return (problem(f"no labs in {machine.places.labs}", "Restore the course's files."),)
    return (fine(f"{len(machine.labs)} labs at {machine.places.root}"),)


def folders(machine: Machine) -> tuple[Seen, ...]:
    """Look for folders and a record that this user cannot write, or that containers cannot mount."""
    places = machine.places
    for folder in (places.state, places.work):
        found = other_owner(folder)
        if found and found.in_our_folder:
            denied = PermissionError(errno.EACCES, "Permission denied")
            return (problem(*why_not_written(folder, denied)),)
        if ":" in str(folder) and machine.platform.system is not System.WINDOWS:
            return (
                problem(
                    f"{folder} has a colon in its path, so docker cannot mount it",
                    "Move the checkout, or set DRYDOCK_STATE and DRYDOCK_WORK to folders without one.",
                ),
            )
        if not folder.is_dir() and os.path.lexists(folder):
            setting = "DRYDOCK_STATE" if folder == places.state else "DRYDOCK_WORK"
            no_folder = NotADirectoryError(errno.ENOTDIR, "Not a directory")
            why, remedy = why_not_written(folder, no_folder, setting)
            return (problem(f"{folder} cannot be used: {why}", remedy),)
    record = places.state / "progress.sqlite3"
    if unusable := why_unusable(record):
        return (problem(f"your progress cannot be kept in {record}: {unusable[0]}", unusable[1]),)
    return (fine(f"{places.state} and {places.work} are this user's"),)


def certificates(machine: Machine) -> tuple[Seen, ...]:
    """Look for settings that name certificates which no longer exist."""
    named = {name: machine.platform.environ.get(name, "") for name in CERTIFICATES}
    gone = [
        f"{name} ({path})" for name, path in named.items() if path and not machine.platform.exists(Path(path))
    ]
    if gone:
        return (
            note(
                f"{', '.join(gone)} names a file that does not exist: `lab` ignores it, but other programs then trust nobody",
                f"unset {' '.join(each.split()[0] for each in gone)}",
            ),
        )
    used = [path for path in named.values() if path]
    return (fine(f"from {used[0]}" if used else "the system's own"),)


def ports(machine: Machine) -> tuple[Seen, ...]:
    """Look for other programs on the ports that labs use."""
    wanted: dict[int, list[str]] = {}
    for lab in machine.labs:
        for port in lab.all_ports:
            wanted.setdefault(port, []).append(lab.number)
    running = _ports_of_labs(machine)
    taken: list[tuple[str, str]] = []
    for port, numbers in sorted(wanted.items()):
        if port in running:
            continue
        if who := _holder(machine, port):
            taken.append((f"{port} (lab {', '.join(numbers)}) is in use by {who[0]}", who[1]))
    if taken:
        return (
            problem("; ".join(what for what, _ in taken), " ".join(dict.fromkeys(do for _, do in taken))),
        )
    held = [f"{port} by lab {lab}" for port, lab in sorted(running.items()) if port in wanted]
    free = ", ".join(str(port) for port in sorted(wanted) if port not in running)
    said = "; ".join(
        filter(None, (f"{free} free" if free else "", f"in use: {', '.join(held)}" if held else ""))
    )
    return (fine(said or "no lab needs any"),)


def _ports_of_labs(machine: Machine) -> dict[int, str]:
    """Return the published ports that labs use now, each with the lab's number."""
    if machine.engine is None:
        return {}
    return {
        int(port["PublicPort"]): str(item["Labels"][LABEL])
        for item in machine.engine.list_all("containers", labels={LABEL: ""})
        for port in item.get("Ports") or []
        if port.get("PublicPort")
    }


def _holder(machine: Machine, port: int) -> tuple[str, str] | None:
    """Return who holds a port that is not a lab's, and what to do, as `lab start` would say it."""
    if machine.engine is None:
        who = process_on(port)
        return (who, f"{way_to_free(who)}, before you start the lab.") if who else None
    lab = next(lab for lab in machine.labs if port in lab.all_ports)
    alone = dataclasses.replace(lab, toml=msgspec.structs.replace(lab.toml, ports=(port,)))
    try:
        require_free(machine.engine, alone)
    except LabError as error:
        return error.what.partition(" is taken by ")[2].rstrip(".") or error.what, error.remedy
    return None


def clock(machine: Machine) -> tuple[Seen, ...]:
    """Compare the engine's clock with ours."""
    if abs(machine.skew) <= CLOCK_SECONDS:
        return (fine("the engine's agrees with this machine's"),)
    which = "ahead of" if machine.skew > 0 else "behind"
    return (
        note(
            f"the engine's is {abs(machine.skew):.0f} s {which} this machine's: certificates and waits may fail",
            "Restart the engine, or its virtual machine; this happens after a laptop has slept.",
        ),
    )


PROBES = (
    Probe("course", (("files", "labs"),), files, needs_engine=False),
    Probe("course", (("folders", "folders"),), folders, needs_engine=False),
    Probe("course", (("certificates", "certificates"),), certificates, needs_engine=False),
    Probe("course", (("ports", "ports"),), ports, needs_engine=False),
    Probe("course", (("clock", "clock"),), clock),
)
