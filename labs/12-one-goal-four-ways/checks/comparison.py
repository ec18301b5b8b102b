"""The learner's table, comparison.csv, held against what the lab itself recorded."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.grading.author import fail, in_parallel, require

if TYPE_CHECKING:
    from pathlib import Path

    from checker.grading.author import Lab

    from .ways import Way

FILE = "comparison.csv"
COLUMNS = ("way", "seconds", "lost", "memory", "lines", "files")
NAMES = {
    "hand": ("hand", "by hand", "by-hand", "manual"),
    "swarm": ("swarm", "by swarm", "docker swarm"),
    "kubernetes": ("kubernetes", "by kubernetes", "k8s", "k3s"),
    "nomad": ("nomad", "by nomad", "hashicorp nomad"),
}
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Figure:
    """A column of the table: what it means, and how far a figure may be from the lab's own.

    Args:
        column: its name.
        what: what it means.
        unit: its unit.
        apart: by so much in any case.
        share: or by so much of the lab's own figure more.
        source: where the learner finds it.
    """

    column: str
    what: str
    unit: str
    apart: float
    share: float
    source: str

    def fits(self, said: float, own: float) -> bool:
        """Whether a figure agrees with the lab's own."""
        return abs(said - own) <= self.apart + self.share * own

    @property
    def tolerance(self) -> str:
        """How far it may be off, in words."""
        return f"within {self.apart:g} {self.unit} and {self.share:.0%} of the lab's own figure"


# The second loss of a machine is never quite like the first, and the learner's own may be noted as well as the lab's.
FIGURES = (
    Figure(
        "seconds",
        "from the loss of a machine until two copies served again",
        "s",
        5,
        0.5,
        "lab timeline 12 --of {key}",
    ),
    Figure("lost", "requests that failed in that time", "requests", 50, 0.5, "lab timeline 12 --of {key}"),
    Figure("memory", "memory of the way's machines together", "MiB", 20, 0.25, "docker stats --no-stream"),
)


LINES = Figure("lines", "lines that you typed or wrote for this way", "lines", 0, 0.0, "")


def compared(lab: Lab, ways: tuple[Way, Way]) -> None:
    """Require a row for each of the two ways, with figures that agree with the lab's own."""
    rows = _rows(lab)
    for way in ways:
        _require_all_up(way)
        require(
            way.key in rows,
            f"The table has no row for {way.title}, though it is one of your two ways.",
            expected=f"rows for {ways[0].title} and {ways[1].title}",
            seen=f"rows for {', '.join(rows)}" if rows else "no row",
            source=f"cat {FILE}",
            hint=f"A row begins with one of {', '.join(NAMES)}. Lesson, “Compare”, shows where its figures come from.",
        )
    own = {way.key: _own(lab, way) for way in ways}
    for way, other in (ways, ways[::-1]):
        said = {figure.column: _number(rows[way.key], figure, way) for figure in FIGURES}
        off = [each for each in FIGURES if not each.fits(said[each.column], own[way.key][each.column])]
        if off:
            taken = all(each.fits(said[each.column], own[other.key][each.column]) for each in FIGURES)
            _tell_of_difference(off[0], way, said, own[way.key], other.title if taken else "")
        lab.record("memory of the machines", own[way.key]["memory"], "MiB", way.title)
    written = [_configured(lab, way, rows[way.key]) for way in ways]
    require(
        # Two ways may share a file, such as Compose's, but not all that was typed.
        written[0] != written[1],
        f"The same files count for {ways[0].title} and for {ways[1].title}, as if both were reached by the same words.",
        expected="for each way at least one file of its own",
        seen=", ".join(sorted(path.name for path in written[0])),
        source=f"cat {FILE}",
        hint="Keep what you typed for each way in a file of its own.",
    )


def _configured(lab: Lab, way: Way, row: dict[str, str]) -> set[Path]:
    """Require that the lines which were counted for a way are in the files that the row names; return these."""
    names = row["files"].replace("+", " ").split()
    require(
        names,
        f"In the row of {way.title}, `files` is empty: nobody can count the lines again.",
        expected="the names of the files with what you typed or wrote for this way, a space between them",
        seen="nothing",
        source=f"cat {FILE}",
        hint="What you typed is still in the shell's `history`; put the lines that led to the goal into a file.",
    )
    texts: dict[Path, str] = {}
    for name in names:
        file = (lab.work / name).resolve()
        require(
            file.is_relative_to(lab.work.resolve()) and file.is_file(),
            f"The row of {way.title} names {name}, and the work folder has no such file.",
            expected=f"a file {name}",
            seen=", ".join(sorted(path.name for path in lab.work.iterdir())),
            source="ls",
            hint="Names as `ls` prints them, with a space between two.",
        )
        texts[file] = file.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for text in texts.values() for line in text.splitlines()]
    counted = [line for line in lines if line and not line.startswith(("#", "//"))]
    said = _number(row, LINES, way)
    command = f"grep -hcvE '^[[:space:]]*(#|//|$)' {' '.join(names)}"
    require(
        "drydock/parcel" in "\n".join(counted),
        f"{' and '.join(names)} {'does' if len(names) == 1 else 'do'} not say what to run, so {way.title} cannot have "
        "reached the goal by these lines.",
        expected="a line with the image drydock/parcel",
        seen=f"{len(counted)} lines without it",
        source=f"cat {' '.join(names)}",
        hint="What did you tell this way before its first copy ran?",
    )
    require(
        said == len(counted),
        f"In the row of {way.title}, `lines` is not what {' and '.join(names)} {'has' if len(names) == 1 else 'have'}.",
        expected=f"{len(counted)}, without empty lines and comments",
        seen=f"{said:g}",
        source=command,
        hint="Count again: lines that say something, in all files that the row names.",
    )
    lab.record("lines of configuration", len(counted), "lines", way.title)
    return set(texts)


def _tell_of_difference(
    figure: Figure, way: Way, said: dict[str, float], own: dict[str, float], taken: str
) -> None:
    number, measured = said[figure.column], own[figure.column]
    fail(
        f"In the row of {way.title}, `{figure.column}` is not what the lab measured there: {figure.what}."
        + (f" The whole row is what {taken} came to." if taken else ""),
        expected=figure.tolerance,
        seen=f"{number:g} {figure.unit}, which is too {'many' if number > measured else 'few'}"
        if figure.column == "lost"
        else f"{number:g} {figure.unit}, which is too {'much' if number > measured else 'little'}",
        source=figure.source.format(key=way.key),
        hint="Each row is read from the machines, and from the users, of its own way.",
    )


def _own(lab: Lab, way: Way) -> dict[str, float]:
    """Return the lab's own figures of a way: of the loss as recorded by the check before, the memory as it is now."""
    recorded = {each.name: each.value for each in lab.measurements if each.subject == way.title}
    return {
        "seconds": recorded["replaced after a node's loss"],
        "lost": recorded["requests lost with a node"],
        "memory": memory(lab, way),
    }


def memory(lab: Lab, way: Way) -> float:
    """Return what a way's machines use together in MiB, as `docker stats` counts: without what could be read again."""
    used: list[float] = []

    def measure(node: str) -> None:
        stats = lab.node(node).stats()["memory_stats"]
        detail = stats.get("stats", {})
        cache = detail.get("total_inactive_file", detail.get("inactive_file", 0))
        used.append((stats["usage"] - cache) / MEBIBYTE)

    in_parallel(measure, way.machines)
    return round(sum(used), 1)


def _require_all_up(way: Way) -> None:
    labels = {"com.docker.compose.project": way.lab.course_lab.project}
    up = {
        item["Labels"].get("com.docker.compose.service")
        for item in way.lab.engine.list_all("containers", labels=labels)
        if item["State"] == "running"
    }
    down = [node for node in way.machines if node not in up]
    require(
        not down,
        f"{' and '.join(down)} is still lost, and the memory of some machines cannot be held against that of all.",
        expected=f"{', '.join(way.machines)} running",
        seen=f"{' and '.join(down)} not running",
        source="docker stats --no-stream",
        hint="`lab lose 12 --back` brings a lost machine back.",
    )


def _rows(lab: Lab) -> dict[str, dict[str, str]]:
    """Read the table: rows by way."""
    try:
        text = (lab.work / FILE).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        fail(
            f"There is no {FILE} in the work folder that could be read.",
            expected=f"{FILE}, with the columns {', '.join(COLUMNS)}",
            seen="no such file",
            source="ls",
            hint=f"The lab came with one that has the columns' names: {','.join(COLUMNS)}.",
        )
    # A table program may part values by semicolons or tabs.
    parted = text.replace(";", ",").replace("\t", ",")
    lines = [line for line in parted.splitlines() if line.strip() and not line.startswith("#")]
    table = csv.DictReader(io.StringIO("\n".join(lines)), skipinitialspace=True)
    missing = [name for name in COLUMNS if name not in [each.strip() for each in table.fieldnames or []]]
    require(
        not missing,
        f"The first line of {FILE} has no column {' and '.join(missing)}.",
        expected=",".join(COLUMNS),
        seen=lines[0] if lines else "an empty file",
        source=f"cat {FILE}",
        hint="The first line names the columns; each line after it is a way.",
    )
    rows: dict[str, dict[str, str]] = {}
    for row in table:
        clean = {name.strip(): (value or "").strip() for name, value in row.items() if name is not None}
        more = [each.strip() for each in row.get(None) or [] if each.strip()]  # type: ignore[call-overload]
        said = clean["way"].casefold()
        require(
            not more or not _is_number(clean["files"]),
            f"The row of {said} has more values than there are columns: a comma parts values, also one inside a number.",
            expected=",".join(COLUMNS),
            seen=",".join([*clean.values(), *more]),
            source=f"cat {FILE}",
            hint="A number alone, with a point before its decimals and no unit.",
        )
        # Names of files with commas between them, where the last column is theirs.
        clean["files"] = " ".join([clean["files"], *more])
        key = next((key for key, names in NAMES.items() if said in names), said)
        require(
            key not in rows,
            f"Two rows of the table are for {key}.",
            expected="one row a way",
            seen=said,
            source=f"cat {FILE}",
            hint="Which of the two is meant?",
        )
        rows[key] = clean
    return rows


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _number(row: dict[str, str], figure: Figure, way: Way) -> float:
    text = row[figure.column]
    require(
        _is_number(text) and float(text) >= 0,
        f"In the row of {way.title}, `{figure.column}` is no number that could be counted or measured.",
        expected=f"a number: {figure.what}, in {figure.unit}",
        seen=text or "nothing",
        source=f"cat {FILE}",
        hint="A number alone, with a point before its decimals and no unit.",
    )
    return float(text)
