"""A timeline for the terminal: a row for each version, one for failures, the marks, and a summary in words."""

from __future__ import annotations

import datetime as dt
import itertools
import string
from typing import TYPE_CHECKING

from checker.render.style import Style, printable
from checker.timeline.buckets import Bucket, cut, place, versions
from checker.timeline.model import downloads_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.timeline.model import Outage, Rollout, Timeline

_SHARES = ("▁▂▃▄▅▆▇█", ".:=#")
"""The share of the requests in a column that a version answered; without Unicode, in quarters."""

_COLOURS = ("cyan", "green", "yellow")
LABEL = 10
"""How wide the name of a version can be in the margin."""

MOMENT = 0.25
"""Outages up to this many seconds get no sentence: a single failed request between two good answers lasts no longer."""

SIGNS = string.digits[1:] + string.ascii_lowercase
"""The signs of the marks, in order."""


def timeline_lines(timeline: Timeline, number: str, style: Style) -> list[str]:
    """Return the lines of a drawing that fits the stream's width, however narrow.

    Args:
        timeline: what to draw.
        number: the lab's.
        style: how to write.
    """
    title = f"Traffic of lab {number}" + (f" to {printable(timeline.to)}" if timeline.to else "")
    lines = [style.paint(line, "bold") for line in style.wrap(title)]
    if not timeline.requests and not timeline.gaps:
        return [*lines, "", "Nothing was recorded in this time."]
    seconds = max(timeline.end - timeline.begin, 0.001)
    rows = cut(timeline, 1)
    names = {version: printable(version)[:LABEL] for version in versions(rows)}
    margin = max(len(name) for name in [*names.values(), "no record"]) + 2
    columns = style.width - margin
    # A column of less than 0.1 s would have only one or two requests, and show nothing useful.
    columns = max(1, min(columns, int(seconds * 10)))
    buckets = cut(timeline, columns)
    lines += style.wrap(
        f"{clock(timeline.begin)} to {clock(timeline.end)}, {length(seconds / columns)} a column", "  "
    )
    lines.append("")
    for index, (version, name) in enumerate(names.items()):
        strip = "".join(_share(bucket, version, style) for bucket in buckets)
        lines.append(f"{name:<{margin}}{style.paint(strip.rstrip(), _COLOURS[index % len(_COLOURS)])}")
    lines.append(_failures(buckets, margin, style))
    if any(bucket.cut for bucket in buckets):
        strip = "".join(style.symbol("×", "x") if bucket.cut else " " for bucket in buckets)
        lines.append(f"{'cut off':<{margin}}{style.paint(strip.rstrip(), 'red')}".rstrip())
    if any(bucket.blind for bucket in buckets):
        strip = "".join("~" if bucket.blind else " " for bucket in buckets)
        lines.append(f"{'no record':<{margin}}{style.paint(strip.rstrip(), 'yellow')}".rstrip())
    if timeline.marks:
        lines.append(f"{'marks':<{margin}}{_signs(timeline, columns)}".rstrip())
    lines += [_axis(timeline, margin, columns), ""]
    lines += _legend(timeline, style)
    return lines + findings(timeline, style)


def _share(bucket: Bucket, version: str, style: Style) -> str:
    answers = bucket.answers[version]
    if not answers:
        return " "
    signs = _SHARES[0] if style.unicode else _SHARES[1]
    return signs[min(len(signs) - 1, answers * len(signs) // bucket.total)]


def _failures(buckets: Sequence[Bucket], margin: int, style: Style) -> str:
    strip = ""
    # One colour from the first sign to the last would also colour the gaps between them.
    for bad, group in itertools.groupby(buckets, key=lambda bucket: bool(bucket.failed)):
        signs = "".join(_failure(bucket, style) for bucket in group)
        strip += style.paint(signs, "red") if bad else signs
    return f"{'failed':<{margin}}{strip}".rstrip()


def _failure(bucket: Bucket, style: Style) -> str:
    if bucket.failed:
        return style.symbol("█", "X") if bucket.failed * 2 >= bucket.total else style.symbol("×", "x")
    return style.symbol("·", "-") if bucket.unmet else " "


def _signs(timeline: Timeline, columns: int) -> str:
    strip = [" "] * columns
    for sign, mark in zip(_all_signs(len(timeline.marks)), timeline.marks, strict=True):
        at = place(mark.at, timeline, columns)
        strip[at] = sign if strip[at] == " " else "*"
    return "".join(strip)


def _all_signs(count: int) -> str:
    """Return a sign for each mark; marks beyond the alphabet share one."""
    return (SIGNS + "*" * count)[:count]


def _axis(timeline: Timeline, margin: int, columns: int) -> str:
    begin, end = clock(timeline.begin), clock(timeline.end)
    if columns < len(begin) + len(end) + 2:
        return " " * margin + begin
    return " " * margin + begin + end.rjust(columns - len(begin))


def _legend(timeline: Timeline, style: Style) -> list[str]:
    lines = []
    for sign, mark in zip(_all_signs(len(timeline.marks)), timeline.marks, strict=True):
        lines += style.wrap(printable(mark.text), " " * 13, first=f"  {sign}  {clock(mark.at)}  ")
    return [*lines, ""] if lines else []


def findings(timeline: Timeline, style: Style) -> list[str]:
    """Return the summary of a timeline in words."""
    lines = []
    for text, colour in _findings(timeline):
        lines += [style.paint(line, colour) if colour else line for line in style.wrap(text, "  ", first="")]
    return lines


def plain_findings(timeline: Timeline) -> list[str]:
    """Return the same without colours, as a list of sentences."""
    return [printable(text) for text, _ in _findings(timeline)]


def _findings(timeline: Timeline) -> list[tuple[str, str]]:
    met = timeline.first_good
    if met is None:
        return [(f"No answer yet: {timeline.summary}.", "red")]
    found: list[tuple[str, str]] = []
    if met - timeline.begin > MOMENT:
        found.append((f"First answer at {clock(met)}; there was no service before it.", ""))
    served = timeline.served
    found.append((sentence(served.summary), "red" if served.failures or served.cut else "green"))
    worst = served.longest_outage()
    if worst is not None and worst.seconds > MOMENT:
        found.append((outage_words(worst), "red"))
    found += [(rollout_words(move), "red" if move.failures or move.cut else "") for move in served.rollouts()]
    if resent := len(served.resent):
        times = "once" if resent == 1 else f"{resent} times"
        found.append(
            (f"The kept connection was cut during a request {times}; the request was sent again.", "")
        )
    if served.good:
        half, most = served.latency(50), served.latency(99)
        found.append((f"Half of the answers came within {half:.1f} ms, 99 % within {most:.1f} ms.", ""))
    if timeline.pause:
        causes = ", ".join(dict.fromkeys(gap.cause.value for gap in timeline.gaps))
        found.append(
            (
                f"For {length(timeline.pause)} the sender itself sent nothing ({causes}). This is not a failure of the service.",
                "yellow",
            )
        )
    return found


def outage_words(outage: Outage) -> str:
    """Describe the longest time without an answer."""
    until = "" if outage.over else ", and it has not ended"
    return f"Longest time without an answer: {length(outage.seconds)}, from {clock(outage.begin)}{until}."


def rollout_words(move: Rollout) -> str:
    """Describe a change from one version to another."""
    lost = len(move.failures)
    words = f"{move.before} to {move.after}: "
    if move.withdrawn:
        words += f"started at {clock(move.begin)}, rolled back by {clock(move.end)}"
    elif move.completed:
        words += f"from {clock(move.begin)} to {clock(move.end)}, {length(move.seconds)}"
    else:
        words += f"started at {clock(move.begin)}, not finished"
    cut = downloads_words(move)
    return printable(words) + (
        f"; {lost} request{'' if lost == 1 else 's'} failed{cut}." if lost else f"; none failed{cut}."
    )


def sentence(text: str) -> str:
    """Return a text as a sentence."""
    return text[:1].upper() + text[1:] + "."


def clock(moment: float) -> str:
    """Return a moment as the local time of day."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).astimezone().strftime("%H:%M:%S")


def length(seconds: float) -> str:
    """Return a length of time, as exact as a reader needs it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
