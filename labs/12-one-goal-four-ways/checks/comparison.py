"""The learner's table, comparison.csv, held against what the lab itself recorded."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.grading.author import in_parallel
from checker.grading.sheet import text_of

from .ways import WHY
from .written import read, require_own

if TYPE_CHECKING:
    from checker.grading.author import Lab

    from .ways import Way
    from .written import Written

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
    one, two = (way.title for way in ways)
    for way in ways:
        _require_all_up(way)
        seen = f"rows for {', '.join(rows)}" if rows else "no row"
        WHY.require(way.key in rows, "no-row", way=way.title, one=one, two=two, seen=seen)
    own = {way.key: _own(lab, way) for way in ways}
    for way, other in (ways, ways[::-1]):
        said = {figure.column: _number(rows[way.key], figure, way) for figure in FIGURES}
        off = [each for each in FIGURES if not each.fits(said[each.column], own[way.key][each.column])]
        if off:
            taken = all(each.fits(said[each.column], own[other.key][each.column]) for each in FIGURES)
            _tell_of_difference(off[0], way, said, own[way.key], other.title if taken else "")
        lab.record("memory of the machines", own[way.key]["memory"], "MiB", way.title)
    require_own(*(_configured(lab, way, rows[way.key]) for way in ways))


def _configured(lab: Lab, way: Way, row: dict[str, str]) -> Written:
    """Require that the lines which were counted for a way are in the files that the row names; return what these say."""
    found = read(lab.work, way, row["files"])
    said = _number(row, LINES, way)
    found.require_image()
    counted = len(found.lines)
    WHY.require(
        said == counted,
        "counted-otherwise",
        way=way.title,
        files=list(found.names),
        names=" ".join(found.names),
        counted=counted,
        seen=f"{said:g}",
    )
    lab.record("lines of configuration", counted, "lines", way.title)
    return found


def _tell_of_difference(
    figure: Figure, way: Way, said: dict[str, float], own: dict[str, float], taken: str
) -> None:
    number, more = said[figure.column], said[figure.column] > own[figure.column]
    too = ("many" if more else "few") if figure.column == "lost" else ("much" if more else "little")
    WHY.fail(
        "not-as-measured",
        way=way.title,
        column=figure.column,
        what=figure.what,
        taken=f" The whole row is what {taken} came to." if taken else "",
        tolerance=figure.tolerance,
        source=figure.source.format(key=way.key),
        seen=f"{number:g} {figure.unit}, which is too {too}",
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
    """Return what a way's machines use together in MiB."""
    used: list[int] = []
    in_parallel(lambda node: used.append(lab.node(node).memory()), way.machines)
    return round(sum(used) / MEBIBYTE, 1)


def _require_all_up(way: Way) -> None:
    labels = {"com.docker.compose.project": way.lab.course_lab.project}
    up = {
        item["Labels"].get("com.docker.compose.service")
        for item in way.lab.engine.list_all("containers", labels=labels)
        if item["State"] == "running"
    }
    down = " and ".join(node for node in way.machines if node not in up)
    machines = ", ".join(way.machines)
    WHY.require(not down, "still-lost", nodes=down, machines=machines, seen=f"{down} not running")


def _rows(lab: Lab) -> dict[str, dict[str, str]]:
    """Read the table: rows by way."""
    try:
        text = text_of(lab.work / FILE)
    except FileNotFoundError:
        WHY.fail("no-table", seen="no such file")
    except (OSError, UnicodeDecodeError) as error:
        WHY.fail("table-not-a-text", name=FILE, seen=str(error))
    # A table program may part values by semicolons or tabs.
    parted = text.replace(";", ",").replace("\t", ",")
    lines = [line for line in parted.splitlines() if line.strip() and not line.startswith("#")]
    table = csv.DictReader(io.StringIO("\n".join(lines)), skipinitialspace=True)
    table.fieldnames = [each.strip().casefold() for each in table.fieldnames or []]
    missing = [name for name in COLUMNS if name not in table.fieldnames]
    seen = lines[0] if lines else "an empty file"
    WHY.require(not lines or "," in lines[0], "no-comma", seen=seen)
    WHY.require(len(missing) < len(COLUMNS), "no-names", seen=seen)
    WHY.require(not missing, "no-column", columns=missing, seen=seen)
    rows: dict[str, dict[str, str]] = {}
    for row in table:
        clean = {name: (value or "").strip() for name, value in row.items() if name is not None}
        more = [each.strip() for each in row.get(None) or [] if each.strip()]  # type: ignore[call-overload]
        said, whole = clean["way"].casefold(), ",".join([*clean.values(), *more])
        WHY.require(not more or not _is_number(clean["files"]), "comma-inside-a-number", way=said, seen=whole)
        # Names of files with commas between them, where the last column is theirs.
        clean["files"] = " ".join([clean["files"], *more])
        key = next((key for key, names in NAMES.items() if said in names), said)
        WHY.require(key not in rows, "two-rows", way=key, seen=said)
        rows[key] = clean
    return rows


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _number(row: dict[str, str], figure: Figure, way: Way) -> float:
    text = row[figure.column]
    WHY.require(
        _is_number(text) and float(text) >= 0,
        "no-number",
        way=way.title,
        column=figure.column,
        what=figure.what,
        unit=figure.unit,
        seen=text or "nothing",
    )
    return float(text)
