"""The form of a changes.diff: what an answer changes in the files of the answer that it is based on.

    diff run.sh
    @@ the port that the image declares, not the one of the task
    -docker run --detach --publish 8081:8080 drydock/parcel:1.0
    +docker run --detach --publish 8080:8080 drydock/parcel:1.0

`diff NAME` begins the changes of a file. `@@` parts two places of it, and what follows on that line is for the reader.
Lines with `-` are taken out, lines with `+` put in, and lines with a space stay: they say where. No line has a
number: the lines that go and stay must be in the file exactly once, one below the other. So a file above which
something was added still takes its changes, and one in which the place itself was changed refuses them.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CONTEXT = 2
"""How many lines around a change are shown to a reader."""


@dataclass(frozen=True)
class Hunk:
    """One place of a file."""

    line: int
    """Where it begins in changes.diff."""
    before: tuple[str, ...]
    """The lines that are looked for."""
    after: tuple[str, ...]
    """The lines that take their place."""


def parse(text: str, file: Path) -> dict[str, list[Hunk]]:
    """Read a changes.diff into the places of each file.

    Args:
        text: what it holds.
        file: where it is, for messages.

    Raises:
        LabError: a line is not of the form; the message names it.
    """
    found: dict[str, list[Hunk]] = {}
    here: list[Hunk] | None = None
    for number, head, lines in _places(text):
        if head.startswith("diff "):
            name = head.removeprefix("diff ").strip()
            if name in found:
                raise _malformed(
                    file, number, f"{name} has its changes above already", "Put them in one place."
                )
            here = found[name] = []
        if here is None:
            first = head or lines[0]
            raise _malformed(file, number, f"`{first}` is before the first file", "Begin with `diff run.sh`.")
        if lines:
            here.append(_hunk(number, lines, file))
    for name, hunks in found.items():
        if not hunks:
            raise LabError(
                f"{file} changes nothing in {name}.", remedy="Add its changes, or remove the line."
            )
    if not found:
        raise LabError(f"{file} changes nothing.", remedy="Begin with `diff run.sh`, or remove the file.")
    return found


def _places(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield each place: the number of its first line, the `diff` or `@@` line that begins it, and the lines below it."""
    head, begin, lines = "", 1, list[str]()
    for number, line in enumerate([*text.split("\n"), "@@"], start=1):
        if line.startswith(("diff ", "@@")):
            while lines and not lines[-1]:
                lines.pop()
            if head or lines:
                yield begin, head, lines
            head, begin, lines = line, number + 1, []
        elif line or lines:
            # Empty lines at both ends are there for the reader; where one is meant, it has its space.
            lines.append(line)
        else:
            begin += 1


def _hunk(begin: int, lines: list[str], file: Path) -> Hunk:
    before, after = list[str](), list[str]()
    for number, line in enumerate(lines, start=begin):
        sign, rest = line[:1], line[1:]
        # An editor that removes spaces at the ends of lines leaves nothing of an empty line that stays.
        if sign in {"", " "}:
            before.append(rest)
            after.append(rest)
        elif sign == "-":
            before.append(rest)
        elif sign == "+":
            after.append(rest)
        else:
            raise _malformed(
                file,
                number,
                f"`{line}` begins with none of `diff `, `@@`, `-`, `+` and a space",
                "Begin a line that stays with a space.",
            )
    if not before:
        raise _malformed(
            file,
            begin,
            "these lines have no place",
            "Add a line before or after them that stays, with a space.",
        )
    if before == after:
        raise _malformed(file, begin, "no line goes and none comes", "Begin it with `-` or `+`.")
    return Hunk(begin, tuple(before), tuple(after))


def _malformed(file: Path, line: int, what: str, remedy: str) -> LabError:
    return LabError(f"{file}, line {line}: {what}.", remedy=remedy)


def apply(hunks: Sequence[Hunk], text: str, *, file: Path, target: str) -> str:
    """Return a text with its changes made.

    Args:
        hunks: its places, in the order of the text.
        text: what the base has.
        file: the changes.diff, for messages.
        target: the changed file in words, such as `run.sh of solution`.

    Raises:
        LabError: the lines of a place are not in the text, are in it more than once, or are before the place above.
    """
    lines = text.split("\n")
    made: list[str] = []
    done = 0
    for hunk in hunks:
        at = _find(hunk, lines, file, target)
        if at < done:
            raise LabError(
                f"{file}, line {hunk.line}: in {target}, this place is before or in the place above it.",
                remedy="Put the places in the order of the file, and join those that overlap.",
                detail="\n".join(hunk.before),
            )
        made += lines[done:at]
        made += hunk.after
        done = at + len(hunk.before)
    return "\n".join(made + lines[done:])


def _find(hunk: Hunk, lines: list[str], file: Path, target: str) -> int:
    """Return where the lines of a place begin."""
    found = _occurrences(hunk.before, lines)
    if len(found) == 1:
        return found[0]
    sought = "\n".join(hunk.before)
    if found:
        where = ", ".join(str(at + 1) for at in found)
        raise LabError(
            f"{file}, line {hunk.line}: {target} has these lines {len(found)} times, at lines {where}.",
            remedy="Add lines around them that stay, each with a space, until only one place is meant.",
            detail=sought,
        )
    raise LabError(
        f"{file}, line {hunk.line}: {target} does not have these lines.",
        remedy=f"{_nearest(hunk.before, lines)} Change changes.diff to what the file says now.",
        detail=sought,
    )


def _occurrences(sought: Sequence[str], lines: Sequence[str]) -> list[int]:
    size = len(sought)
    return [at for at in range(len(lines) - size + 1) if list(lines[at : at + size]) == list(sought)]


def _nearest(sought: Sequence[str], lines: list[str]) -> str:
    """Say which line of the file is the first that differs, at the place that is most like the sought one."""

    def likeness(at: int) -> int:
        return sum(a == b for a, b in zip(sought, lines[at:], strict=False) if a.strip())

    best = max(range(len(lines)), key=likeness)
    if likeness(best):
        for offset, line in enumerate(sought):
            if best + offset >= len(lines) - 1:
                return f"The file ends where `{line.strip()}` is expected."
            if (there := lines[best + offset]) != line:
                return f"Line {best + offset + 1} is `{there}`, not `{line}`."
    first = next((line for line in sought if line.strip()), "")
    for number, line in enumerate(lines, start=1):
        if line.split() == first.split():
            return f"Line {number} has other spaces: it is `{line}`, not `{first}`."
    near = difflib.get_close_matches(first, lines, 1)
    return f"Line {lines.index(near[0]) + 1} is near: `{near[0]}`." if near else "No line is near."


def written(name: str, before: str, after: str, context: int = 0) -> str:
    """Return the changes of a file, as they stand in a changes.diff; empty if there are none.

    Args:
        name: the file, such as `run.sh`.
        before: its text in the base.
        after: its text in the answer.
        context: how many lines around a change are shown; there are as many as make the place the only one.
    """
    old, new = before.split("\n"), after.split("\n")
    groups = _groups(old, new, context)
    if not groups:
        return ""
    places = [_lines(group, old, new) for group in groups]
    return "\n".join([f"diff {name}", *"\n@@\n".join("\n".join(place) for place in places).split("\n"), ""])


@dataclass
class _Group:
    """Neighbouring changes: a range of old lines, and the range of new ones that replaces it."""

    old: slice
    new: slice
    changes: list[tuple[int, int, int, int]]

    def wider(self, up: int, down: int) -> _Group:
        return _Group(
            slice(self.old.start - up, self.old.stop + down),
            slice(self.new.start - up, self.new.stop + down),
            self.changes,
        )

    def joined(self, other: _Group) -> _Group:
        return _Group(
            slice(self.old.start, max(self.old.stop, other.old.stop)),
            slice(self.new.start, max(self.new.stop, other.new.stop)),
            self.changes + other.changes,
        )


def _groups(old: list[str], new: list[str], context: int) -> list[_Group]:
    """Return the places that differ, each with lines around it until nothing else in the old text is like it."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    groups = [
        _Group(slice(a, b), slice(c, d), [(a, b, c, d)])
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]
    last = (
        len(old) - 1 if old[-1] == "" and len(old) > 1 else len(old)
    )  # the line end of the last line is no line
    for number, group in enumerate(groups):
        up, down = min(context, group.old.start), max(0, min(context, last - group.old.stop))
        wide = group.wider(up, down)
        while wide.old.start == wide.old.stop or len(_occurrences(old[wide.old], old)) > 1:
            # The line above says best where a reader is; what begins a file has none.
            can_go_up, can_go_down = wide.old.start > 0, wide.old.stop < last
            above = can_go_up and (
                group.old.start - wide.old.start <= wide.old.stop - group.old.stop or not can_go_down
            )
            if not above and not can_go_down:
                break
            wide = wide.wider(int(above), int(not above))
        groups[number] = wide
    joined: list[_Group] = []
    for group in groups:
        # One equal line between two places is no longer than the `@@` that would part them.
        if joined and group.old.start - joined[-1].old.stop <= 1:
            joined[-1] = joined[-1].joined(group)
        else:
            joined.append(group)
    return joined


def _lines(group: _Group, old: list[str], new: list[str]) -> list[str]:
    """Return the lines of a place with their signs."""
    lines, at = list[str](), group.old.start
    for a, b, c, d in group.changes:
        lines += [f" {line}" for line in old[at:a]]
        lines += [f"-{line}" for line in old[a:b]]
        lines += [f"+{line}" for line in new[c:d]]
        at = b
    lines += [f" {line}" for line in old[at : group.old.stop]]
    return [lines[0], *("" if line == " " else line for line in lines[1:-1]), *lines[1:][-1:]]
