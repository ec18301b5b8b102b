"""The table of facts at the top of a lesson, made only from its lab.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.course.places import Places

_NEEDS = {
    "privileged": "that may run privileged containers",
    "builder": "and builds images with BuildKit (Docker, not Podman)",
    "limits": "that sets limits",
    "nomad": "and HashiCorp Nomad, see below",
}

_UNMEASURED = "not measured yet"


def facts_file(places: Places, lab: Lab) -> Path:
    """Return the snippet that the lab's lesson includes."""
    return places.docs / "lessons" / "_facts" / f"{lab.number}.md"


def facts_page(lab: Lab) -> str:
    """Return the snippet: what the lab costs, what it needs, and what it was last tested with."""
    toml, measured = lab.toml, lab.toml.measured
    needs = "a container engine" + "".join(f" {_NEEDS.get(need, need)}" for need in toml.needs)
    needs = needs.replace("containers that", "containers and that")
    rows = [("Time", f"{toml.minutes} minutes")]
    if measured is None:
        rows += [("Memory", _UNMEASURED), ("Disk", _UNMEASURED)]
    else:
        ways = ", ".join(f"{toml.ways[name].title} {memory:.0f} MB" for name, memory in measured.ways.items())
        rows += [
            ("Memory", f"{measured.memory_mb:.0f} MB while it runs, solved"),
            *([("Memory of each way alone", ways)] if ways else []),
            ("Disk", f"{measured.disk_mb:.0f} MB of images, what they share counted once"),
            ("Starts in", f"{measured.start_s:.1f} s; checked again in {measured.check_s:.2f} s"),
        ]
    rows.append(("Needs", needs))
    if lab.all_ports:
        rows.append(("Ports", ", ".join(map(str, lab.all_ports)) + " of your machine"))
    if measured is not None and measured.images:
        rows.append(("Images", "<br>".join(f"`{name}` {told}" for name, told in measured.images.items())))
    else:
        rows.append(("Images", ", ".join(f"`{name}`" for name in lab.all_images) or "none"))
    tested = _UNMEASURED
    if measured is not None:
        tested = f"engine {measured.engine} on {measured.system}, {measured.date}"
    rows.append(("Tested with", tested))
    return _snippet(lab, ("What", "How much"), rows)


def ways_file(places: Places, lab: Lab) -> Path:
    """Return the file of the snippet with the results of each of a lab's ways."""
    return places.docs / "lessons" / "_facts" / f"{lab.number}-ways.md"


def ways_page(lab: Lab) -> str:
    """Return that snippet, with one row for each way; empty if the lab has no ways or nothing was recorded."""
    recorded = lab.toml.measured.recorded if lab.toml.ways and lab.toml.measured else {}
    names = list(dict.fromkeys(name for values in recorded.values() for name in values))
    if not names:
        return ""
    head = ["Way", *(f"{name[0].upper()}{name[1:]}" for name in names)]
    rows = [[subject, *(values.get(name, "") for name in names)] for subject, values in recorded.items()]
    return _snippet(lab, head, rows)


def _snippet(lab: Lab, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as a snippet that says who writes it."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    table = "".join(f"{line}\n" for line in lines)
    # The comment is not shown on the page; it tells authors that `lab measure` writes this file.
    return f"<!-- Written by `lab measure {int(lab.number)}` from lab.toml. -->\n\n{table}"


def write_facts(places: Places, lab: Lab) -> Path:
    """Write the snippets and return the first one's file.

    Raises:
        LabError: it cannot be written.
    """
    file = facts_file(places, lab)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(facts_page(lab), encoding="utf-8", newline="\n")
        if ways := ways_page(lab):
            ways_file(places, lab).write_text(ways, encoding="utf-8", newline="\n")
    except OSError as error:
        raise LabError(
            f"{file} cannot be written: {error.strerror or error}.", remedy="Allow writing there."
        ) from error
    return file
