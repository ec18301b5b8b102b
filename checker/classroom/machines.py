"""The machines of a room: whether each can do the labs of a plan, judged from its own `lab doctor --json`."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import msgspec

from checker.classroom.columns import columns
from checker.classroom.names import plain
from checker.classroom.plan import size_words
from checker.doctor.finding import Finding, Mark
from checker.engine.capacity import GB, ROOM
from checker.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from checker.classroom.plan import Plan

MOST_FILE = 2_000_000
"""How large a file of `lab doctor --json` may be, in bytes; one has about 10 KB."""

MOST_MACHINES = 1_000


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One machine: whether it can do these labs, and what to repair."""

    machine: str
    ready: bool
    memory: float | None
    disk_free: float | None
    stopped: tuple[str, ...]
    """Numbers of the labs that it cannot do."""
    repairs: tuple[str, ...]
    """What to repair, a sentence each."""


def machines(folder: Path, plan: Plan) -> list[Verdict]:
    """Judge the machines whose `lab doctor --json` is in a folder, one file for each, named after the machine.

    Raises:
        MisuseError: the folder is not there, or has no such file.
    """
    if not folder.is_dir():
        raise MisuseError(f"There is no folder {folder}.", remedy="Name the folder with the machines' files.")
    files = sorted(folder.glob("*.json"))[:MOST_MACHINES]
    if not files:
        raise MisuseError(
            f"{folder} has no file that ends in .json.",
            remedy="On each machine: lab doctor --json > NAME-OF-THE-MACHINE.json",
        )
    return [_machine(file, plan) for file in files]


def _text(data: bytes) -> str:
    """Return the text of a file that a shell wrote: `>` of PowerShell 5.1 writes UTF-16 with a byte order mark."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig")


def _machine(file: Path, plan: Plan) -> Verdict:
    name = plain(file.stem, 60)
    try:
        if file.stat().st_size > MOST_FILE:
            raise ValueError("it is too large")
        findings = msgspec.json.decode(_text(file.read_bytes()), type=list[Finding])
        if not findings:
            raise ValueError("it is empty")
    except (OSError, ValueError, RecursionError) as error:
        why = plain(str(error), 100)
        return Verdict(
            machine=name,
            ready=False,
            memory=None,
            disk_free=None,
            stopped=tuple(need.lab[:2] for need in plan.labs),
            repairs=(f"Its file cannot be read ({why}): run `lab doctor --json` there again.",),
        )
    amounts: dict[str, float] = {}
    for finding in findings:
        amounts |= finding.amounts
    memory, disk = amounts.get("memory"), amounts.get("disk_free")
    stopped: set[str] = set()
    repairs: list[str] = []
    _stop_for_problems(findings, plan, stopped, repairs)
    _stop_for_size(plan, memory, disk, stopped, repairs)
    return Verdict(
        machine=name,
        ready=not stopped,
        memory=memory,
        disk_free=disk,
        stopped=tuple(sorted(stopped)),
        repairs=tuple(repairs),
    )


def _stop_for_problems(
    findings: Sequence[Finding], plan: Plan, stopped: set[str], repairs: list[str]
) -> None:
    ours = {need.lab[:2] for need in plan.labs}
    for finding in findings:
        # Memory is judged here against these labs; the doctor judges it against the largest of all.
        if finding.mark is not Mark.PROBLEM or (finding.id == "memory" and finding.amounts):
            continue
        hit = {each.strip() for each in finding.labs.split(",")} & ours if finding.labs else ours
        if hit:
            stopped |= hit
            repairs.append(plain(f"{finding.title}: {finding.found}. {finding.remedy}", 400))


def _stop_for_size(
    plan: Plan, memory: float | None, disk: float | None, stopped: set[str], repairs: list[str]
) -> None:
    small = [need for need in plan.labs if memory is not None and need.memory + ROOM > memory]
    if small and memory is not None:
        stopped |= {need.lab[:2] for need in small}
        most = max(need.memory for need in small) + ROOM
        repairs.append(f"memory: {memory / GB:.1f} GB, and {most / GB:.1f} GB are needed.")
    if disk is not None and disk < plan.disk:
        stopped |= {need.lab[:2] for need in plan.labs}
        repairs.append(
            f"disk: {disk / GB:.1f} GB are free for the engine, and {plan.disk / GB:.1f} GB are needed at most."
        )


def machine_lines(found: Sequence[Verdict]) -> list[str]:
    """Return the table of machines: those to repair first, and what to repair."""
    ordered = sorted(found, key=lambda each: (each.ready, each.machine))
    rows = [("machine", "memory", "disk free", "cannot do")]
    rows += [
        (
            each.machine,
            size_words(each.memory) if each.memory else "unknown",
            size_words(each.disk_free) if each.disk_free is not None else "unknown",
            ", ".join(each.stopped) or "-",
        )
        for each in ordered
    ]
    heading, *rest = columns(rows)
    lines = [heading]
    for line, each in zip(rest, ordered, strict=True):
        lines.append(line)
        lines += [f"    {repair}" for repair in each.repairs]
    ready = sum(each.ready for each in found)
    return [*lines, "", f"{ready} of {len(found)} machines are ready for these labs."]
