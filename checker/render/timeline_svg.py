"""A timeline as an SVG: lanes for the versions and the failures, with marks across them, for light and dark pages."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from checker.render.style import printable
from checker.render.timeline import clock, plain_findings
from checker.timeline.buckets import Bucket, cut, versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checker.timeline.model import Timeline

WIDTH = 700
"""As wide as the figures of the lessons."""
LEFT = 96
"""Where the lanes begin; their names are to the left."""
RIGHT = 24
TOP = 92
"""Where the first lane begins: below the title and the numbers of the marks."""
LANE = 44
SPACE = 14
COLUMN = 4
"""The smallest width of one piece of time, in pixels."""

INK, QUIET, LINE, PAPER = "#1c2a33", "#475863", "#8ea0aa", "#f7f9f9"
RED, BLIND, MARK = "#b23a1e", "#c9d2d7", "#12394f"
VERSIONS = ("#2f7f95", "#5d4a86", "#8a6a1f", "#3f6b3a")
"""The colours of the lanes; each lane has its name beside it."""

CHARACTERS = 78
"""How many characters of text fit into a row."""

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
"""The possible distances between two times of day on the axis, in seconds."""


def timeline_svg(timeline: Timeline, number: str) -> str:
    """Return the drawing of a timeline.

    It has its own background, so it looks the same on a dark page. Everything that a colour shows is also
    shown by the name of a lane or by words.

    Args:
        timeline: what to draw.
        number: the lab's.
    """
    return "\n".join(_Drawing(timeline, number).lines())


class _Drawing:
    def __init__(self, timeline: Timeline, number: str) -> None:
        self.timeline = timeline
        self.number = number
        self.seconds = max(timeline.end - timeline.begin, 0.001)
        self.room = WIDTH - LEFT - RIGHT
        # As fine as the pixels and the requests allow: 20 requests a second are two in 0.1 s.
        self.buckets = cut(timeline, max(1, min(self.room // COLUMN, int(self.seconds * 10))))
        self.versions = versions(self.buckets)
        self.cut = [each.cut for each in self.buckets]
        self.bottom = TOP + (len(self.versions) + (2 if any(self.cut) else 1)) * (LANE + SPACE)
        self.words = plain_findings(timeline)
        self.rows = [row for words in self.words for row in textwrap.wrap(words, CHARACTERS)]
        self.marks_top = self.bottom + 52
        self.words_top = self.marks_top + (len(timeline.marks) * 22 + 12 if timeline.marks else 0)
        self.height = self.words_top + len(self.rows) * 22 + 12

    def x(self, moment: float) -> float:
        """Return the x coordinate of a moment."""
        return round(LEFT + (moment - self.timeline.begin) / self.seconds * self.room, 1)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the file."""
        title = f"Traffic of lab {self.number}" + (f" to {self.timeline.to}" if self.timeline.to else "")
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" role="img" '
            'aria-labelledby="t d" font-family="ui-sans-serif, system-ui, -apple-system, \'Segoe UI\', Roboto, '
            '\'DejaVu Sans\', sans-serif" font-size="15">'
        )
        yield f'  <title id="t">{_text(title)}</title>'
        yield f'  <desc id="d">{_text(self.description())}</desc>'
        yield (
            '  <defs><pattern id="blind" width="8" height="8" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><rect width="3" height="8" fill="{BLIND}"/></pattern></defs>'
        )
        yield (
            f'  <rect x="1" y="1" width="{WIDTH - 2}" height="{self.height - 2}" rx="10" fill="{PAPER}" '
            f'stroke="{LINE}"/>'
        )
        yield f'  <text x="20" y="32" font-size="18" font-weight="700" fill="{INK}">{_text(title)}</text>'
        yield from self.gaps()
        yield from self.lanes()
        yield from self.axis()
        yield from self.marks()
        for index, row in enumerate(self.rows):
            y = self.words_top + 14 + index * 22
            yield f'  <text x="20" y="{y}" fill="{QUIET}">{_text(row)}</text>'
        yield "</svg>\n"

    def description(self) -> str:
        """Return the drawing in words."""
        parts = [f"From {clock(self.timeline.begin)} to {clock(self.timeline.end)}."]
        parts += [
            f"Version {band.version} answered from {clock(band.begin)} to {clock(band.end)}, "
            f"{band.answers} times."
            for band in self.timeline.bands
        ]
        parts += [f"{clock(mark.at)}: {mark.text}." for mark in self.timeline.marks]
        return " ".join([*parts, *self.words])

    def lanes(self) -> Iterator[str]:
        """Draw a lane for each version, as high as its share of the requests, and lanes for failures and for downloads that were cut off."""
        for index, version in enumerate(self.versions):
            colour = VERSIONS[index % len(VERSIONS)]
            yield from self.lane(index, version, colour, [_share(each, version) for each in self.buckets])
        failed = [each.failed / each.total if each.failed else 0.0 for each in self.buckets]
        yield from self.lane(len(self.versions), "failed", RED, failed)
        if any(self.cut):
            yield from self.lane(
                len(self.versions) + 1, "cut off", RED, [min(each, 1.0) for each in self.cut]
            )
        unmet = [1.0 if each.unmet and not each.answers else 0.0 for each in self.buckets]
        y = TOP + len(self.versions) * (LANE + SPACE) + LANE
        if path := self.columns(unmet, y - 3, 3):
            yield f'  <path d="{path}" fill="{LINE}"><title>no service yet</title></path>'

    def lane(self, index: int, name: str, colour: str, shares: Sequence[float]) -> Iterator[str]:
        """Draw one lane."""
        y = TOP + index * (LANE + SPACE)
        yield (
            f'  <text x="{LEFT - 12}" y="{y + LANE - 14}" text-anchor="end" font-weight="600" '
            f'fill="{colour}">{_text(name[:10])}</text>'
        )
        yield f'  <path d="M{LEFT} {y + LANE}h{self.room}" stroke="{LINE}" stroke-width="1"/>'
        if path := self.columns(shares, y, LANE):
            yield f'  <path d="{path}" fill="{colour}"/>'

    def columns(self, shares: Sequence[float], y: float, height: float) -> str:
        """Return the path of the columns; neighbours of the same height are one piece."""
        step = self.room / len(shares)
        path = []
        begin = 0
        for number in range(1, len(shares) + 1):
            if number < len(shares) and shares[number] == shares[begin]:
                continue
            if shares[begin]:
                # Even the smallest share is visible: at least a tenth of the lane high, and two pixels wide.
                high = max(shares[begin], 0.1) * height
                left, wide = LEFT + begin * step, max((number - begin) * step, 2.0)
                path.append(f"M{left:.1f} {y + height:g}v-{high:.1f}h{wide:.1f}v{high:.1f}z")
            begin = number
        return "".join(path)

    def gaps(self) -> Iterator[str]:
        """Hatch the times without a record."""
        for gap in self.timeline.gaps:
            left = self.x(gap.begin)
            wide = max(self.x(gap.end) - left, 1.0)
            yield (
                f'  <rect x="{left}" y="{TOP - 6}" width="{wide:.1f}" height="{self.bottom - TOP - SPACE + 6}" '
                f'fill="url(#blind)"><title>no record: {gap.cause.value}</title></rect>'
            )
            if wide >= 72:
                yield (
                    f'  <text x="{left + wide / 2:.1f}" y="{TOP + 12}" text-anchor="middle" font-size="14" '
                    f'fill="{QUIET}">no record</text>'
                )

    def axis(self) -> Iterator[str]:
        """Draw the times of day below the lanes."""
        # A time of day is about 70 pixels wide.
        step = next((each for each in STEPS if each / self.seconds * self.room >= 84), STEPS[-1])
        moment = self.timeline.begin - self.timeline.begin % step + step
        yield f'  <g fill="{QUIET}" font-size="13" text-anchor="middle">'
        while moment <= self.timeline.end:
            x = self.x(moment)
            yield f'    <path d="M{x} {self.bottom - SPACE}v6" stroke="{LINE}"/>'
            if x <= WIDTH - 40:
                yield f'    <text x="{x}" y="{self.bottom + 12}">{clock(moment)}</text>'
            moment += step
        yield "  </g>"

    def marks(self) -> Iterator[str]:
        """Draw the marks across the lanes, each with a number, and list their texts below."""
        last, row = -100.0, 0
        for number, mark in enumerate(self.timeline.marks, 1):
            x = self.x(mark.at)
            # The numbers of marks that are close together alternate in height.
            row = (row + 1) % 2 if x - last < 20 else 0
            last = x
            y = TOP - 16 - row * 18
            yield (
                f'  <path d="M{x} {y + 4}V{self.bottom - SPACE}" stroke="{MARK}" stroke-width="1.5" '
                'stroke-dasharray="4 3"/>'
            )
            yield (
                f'  <text x="{x}" y="{y}" text-anchor="middle" font-size="14" font-weight="700" '
                f'fill="{MARK}">{number}</text>'
            )
            yield (
                f'  <text x="20" y="{self.marks_top + (number - 1) * 22}" fill="{INK}"><tspan font-weight="700">'
                f"{number}</tspan>  {clock(mark.at)}  {_text(textwrap.shorten(mark.text, CHARACTERS - 14, placeholder='…'))}</text>"
            )


def _share(bucket: Bucket, version: str) -> float:
    return round(bucket.answers[version] / bucket.total, 2) if bucket.total else 0.0


def _text(text: str) -> str:
    return escape(printable(text).replace("\n", " "))
