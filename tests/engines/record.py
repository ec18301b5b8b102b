"""What runs on other engines said: a record that runs in parts add to, and the page that is written from it."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - a record is read by its types
import enum
import re
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from checker import whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SENTENCE = 400
"""How many characters of what a lab said a page has room for."""


class Outcome(enum.StrEnum):
    """How one case of a lab went on an engine."""

    WORKS = "works"
    FAILS = "fails"
    REFUSED = "refused"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One case of one lab on one engine."""

    engine: str
    lab: str
    """The lab's number."""
    case: str
    """`as shipped`, `solution`, or a wrong answer's name."""
    outcome: Outcome
    sentence: str = ""
    """What was said, of a case that fails or is refused; of one that worked the second time, what was said before."""
    seconds: float = 0.0
    tries: int = 1
    """How often it was tried in a row; what fails is tried once more."""
    version: str = ""
    """The engine's version and that of its API."""
    store: str = ""
    """How the engine keeps images."""
    client: str = ""
    """The docker command, Compose and buildx."""
    machine: str = ""
    """Cores, memory, cgroups and kernel; no name and no path."""
    date: dt.date


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Every case that was ever tried, the last try of each."""

    entries: tuple[Entry, ...] = ()

    def having(self, entry: Entry) -> Record:
        """Return the record with one case's last try; a lab that is refused has no other case."""
        last = 2 if entry.outcome is Outcome.REFUSED else 3
        kept = (each for each in self.entries if _key(each)[:last] != _key(entry)[:last])
        return Record(entries=tuple(sorted((*kept, entry), key=_key)))


def _key(entry: Entry) -> tuple[str, str, str]:
    # A lab has one wrong answer in the record, even if it was another one last time.
    return entry.engine, entry.lab, "wrong" if entry.case.startswith("wrong/") else entry.case


def read(file: Path) -> Record:
    """Read a record; an empty one when there is none yet."""
    return msgspec.json.decode(file.read_bytes(), type=Record) if file.exists() else Record()


def write(record: Record, file: Path) -> None:
    """Write a record, whole or not at all."""
    whole.write(file, msgspec.json.format(msgspec.json.encode(record), indent=1).decode() + "\n")


def sentence(text: str) -> str:
    """Return what a lab said, on one line, without paths of the machine, and short enough for a page."""
    line = " ".join(text.replace("✘", " ").replace("→", " ").split())
    line = re.sub(r"(?<![\w`/])/(?:course|tmp|var|root|home)/[^\s,;:`)]*", "…", line)
    return line if len(line) <= SENTENCE else f"{line[:SENTENCE].rstrip()}…"


def page(record: Record, kinds: Sequence[tuple[str, str]], labs: Sequence[tuple[str, str]]) -> str:
    """Return the page: which lab works on which engine, and what the others say.

    Args:
        record: what was tried.
        kinds: name and title of each engine, in the order of the columns.
        labs: number and title of each lab, in the order of the rows.
    """
    lines = [
        "---",
        "title: Engines that the labs were tried on",
        "description: Which labs were run on Docker Engine 28 and 29, rootless Docker and Podman, and what went wrong.",
        "---",
        "",
        "# Engines that the labs were tried on",
        "",
        "<!-- Written by `./lab test engines` from its runs. -->",
        "",
        "The labs are tested with Docker Engine 26. This page is about other engines.",
        "Each lab was started on them, judged as shipped, then with its solution, and then with one wrong answer.",
        "Contributors try a part again with `./lab test engines --engine 29 --labs 1,2`; the rest of this page stays.",
        "",
        "- **works**: the lab fails as shipped, passes with its solution, and names the wrong answer for its reason.",
        "- **works so far**: what was tried worked; the rest was not tried.",
        "- **refused**: `lab start` refuses the lab on this engine, and says why and what to do instead.",
        "- **fails**: at least one of the three did not work; below the table is what `lab` said.",
        "- **–**: not tried.",
        "",
        f"| Lab | {' | '.join(title for _, title in kinds)} |",
        f"| --- |{' --- |' * len(kinds)}",
    ]
    for number, title in labs:
        cells = (
            _cell([e for e in record.entries if (e.engine, e.lab) == (name, number)]) for name, _ in kinds
        )
        lines.append(f"| {number} {title} | {' | '.join(cells)} |")
    lines += ["", "## What was said", ""]
    lines += _said(record, kinds) or ["No lab failed or was refused."]
    if unsteady := _unsteady(record, kinds):
        lines += ["", "## What worked the second time", "", *unsteady]
    lines += ["", "## What they ran on", ""]
    for name, title in kinds:
        if latest := max(_of(record, name), key=lambda each: each.date, default=None):
            dates = {each.date for each in _of(record, name)}
            when = f"{min(dates)} to {max(dates)}" if len(dates) > 1 else f"{max(dates)}"
            lines += [
                f"- **{title}**: {latest.version}; images in {latest.store}; {latest.client}; {latest.machine}; {when}."
            ]
    return "\n".join(lines) + "\n"


def _of(record: Record, name: str) -> list[Entry]:
    return [each for each in record.entries if each.engine == name]


def _cell(entries: Sequence[Entry]) -> str:
    if not entries:
        return "–"
    outcomes = {each.outcome for each in entries}
    for bad in (Outcome.FAILS, Outcome.REFUSED):
        if bad in outcomes:
            return bad.value
    return "works" if len(entries) >= len(CASES) else "works so far"


CASES = ("as shipped", "solution", "wrong")
"""What is tried of each lab."""


def _unsteady(record: Record, kinds: Iterable[tuple[str, str]]) -> list[str]:
    found = [
        f"- {title}, lab {each.lab}, {each.case}: {each.sentence}"
        for name, title in kinds
        for each in _of(record, name)
        if each.outcome is Outcome.WORKS and each.tries > 1
    ]
    return (
        [
            "The machine was busy with other work, or a check is unsteady. What was said the first time:",
            "",
            *found,
        ]
        if found
        else []
    )


def _said(record: Record, kinds: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line for each thing that was said; what was said alike of several labs of one engine is one line."""
    titles = dict(kinds)
    alike: dict[tuple[str, str, str, str], list[Entry]] = defaultdict(list)
    for name in titles:
        for each in _of(record, name):
            if each.outcome is not Outcome.WORKS:
                said = re.sub(rf"\bLab {each.lab}\b", "The lab", each.sentence)
                alike[name, each.case, each.outcome.value, said].append(each)
    lines = []
    for (name, case, outcome, said), entries in alike.items():
        labs = [each.lab for each in entries]
        which = f"labs {', '.join(labs[:-1])} and {labs[-1]}" if len(labs) > 1 else f"lab {labs[0]}"
        words = said if len(labs) > 1 else entries[0].sentence
        lines.append(f"- **{titles[name]}, {which}, {case}** {outcome}: {words or 'nothing was said'}")
    return lines
