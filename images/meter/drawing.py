"""The bill as a drawing: what was reserved and what was used, hour by hour."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bill import Bill
    from week import Week

WIDTH, HEIGHT = 700, 330
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 64, 262
INK, PALE, PAPER, WARM, DARK = "#1c2a33", "#475863", "#f7f9f9", "#b23a1e", "#12394f"
FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def draw(bill: Bill, week: Week) -> str:
    """Return an SVG file: reserved and used vCPU of each hour, the users' requests, and the sums."""
    return "\n".join(_lines(bill, week)) + "\n"


def _lines(bill: Bill, week: Week) -> Iterator[str]:
    hours = max(24, bill.days * 24)
    most = max([*bill.reserved, *bill.used, 0.1])
    across = (WIDTH - LEFT - RIGHT) / hours
    reserved, used = sum(bill.reserved), sum(bill.used)
    says = f"{bill.total:.0f} cents: {reserved:.1f} vCPU-hours reserved, {used:.1f} used"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d" '
        f'font-family="{FONT}" font-size="16">'
    )
    yield f'<title id="t">{escape(says)}</title>'
    yield (
        '<desc id="d">Over the hours of the week, an area shows the processors that were reserved, and a darker area in '
        "it those that were used. A line shows how many requests the users sent.</desc>"
    )
    yield f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="10" fill="{PAPER}" stroke="#8ea0aa"/>'
    yield f'<text x="16" y="30" fill="{INK}" font-weight="600">{escape(says)}</text>'
    for part in (0.0, 0.5, 1.0):
        y = BOTTOM - part * (BOTTOM - TOP)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#d4dcdf"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 5:.1f}" text-anchor="end" fill="{PALE}">{part * most:.1f}</text>'
    for values, colour in ((bill.reserved, "#a9cbd9"), (bill.used, DARK)):
        yield f'<path d="{_steps(values, most, across)}" fill="{colour}"/>'
    rate = max(rate for _, rate in week.rates)
    points = " ".join(
        f"{LEFT + hour * across:.1f},{BOTTOM - value / rate * (BOTTOM - TOP):.1f}"
        for hour, value in week.rates
        if hour <= hours
    )
    yield f'<polyline points="{points}" fill="none" stroke="{WARM}" stroke-width="2" stroke-dasharray="5 3"/>'
    for day in range(hours // 24):
        x = LEFT + day * 24 * across
        yield f'<path d="M{x:.1f} {TOP}V{BOTTOM + 6}" stroke="#8ea0aa"/>'
        yield (
            f'<text x="{x + 12 * across:.1f}" y="{BOTTOM + 22}" text-anchor="middle" fill="{PALE}">'
            f"{week.days[day][:3]}</text>"
        )
    x = LEFT
    for colour, words, step in (
        ("#a9cbd9", "vCPU reserved", 160),
        (DARK, "vCPU used", 130),
        (WARM, f"requests (most: {rate:g} a second)", 0),
    ):
        yield f'<rect x="{x}" y="{HEIGHT - 33}" width="14" height="14" fill="{colour}"/>'
        yield f'<text x="{x + 20}" y="{HEIGHT - 20}" fill="{INK}">{words}</text>'
        x += step
    yield "</svg>"


def _steps(values: list[float], most: float, across: float) -> str:
    """Return the path of an area, a step for each hour."""
    height = BOTTOM - TOP
    tops = "".join(f"V{BOTTOM - min(value, most) / most * height:.1f}h{across:.2f}" for value in values)
    return f"M{LEFT} {BOTTOM}{tops}V{BOTTOM}Z"
