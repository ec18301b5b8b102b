"""The week that is replayed: its days, its hours, and how many requests the users send when."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HOURS_A_DAY = 24


@dataclass(frozen=True)
class Week:
    """A week as its file describes it.

    Attributes:
        scale: seconds of the week in a second of the replay.
        budget: cents that it may cost.
        days: the names of its days.
        rates: hours since the week began, and requests a second from then on; between two, the rate changes evenly.
    """

    scale: float
    budget: float
    days: tuple[str, ...]
    rates: tuple[tuple[float, float], ...]

    @classmethod
    def read(cls, file: Path) -> Week:
        """Read a week's TOML file."""
        data = tomllib.loads(file.read_text("utf-8"))
        rates = tuple(
            (number * HOURS_A_DAY + float(hour), float(rate))
            for number, day in enumerate(data["days"])
            for hour, rate in day["rates"]
        )
        return cls(
            float(data["scale"]), float(data["budget"]), tuple(day["name"] for day in data["days"]), rates
        )

    def seconds(self, hours: float) -> float:
        """Return how many seconds of the replay stand for a number of hours of the week."""
        return hours * 3600 / self.scale

    def hours(self, seconds: float) -> float:
        """Return how many hours of the week a number of seconds of the replay stands for."""
        return seconds * self.scale / 3600

    def rate(self, hour: float) -> float:
        """Return how many requests a second the users send at an hour of the week."""
        for (since, rate), (until, then) in pairwise(self.rates):
            if since <= hour < until:
                return rate + (then - rate) * (hour - since) / (until - since)
        return self.rates[-1][1]

    def name(self, hour: float) -> str:
        """Return an hour of the week as people say it, such as `Tuesday 06:30`."""
        day, rest = divmod(hour, HOURS_A_DAY)
        minutes = int(rest * 60)
        return f"{self.days[int(day) % len(self.days)]} {minutes // 60:02d}:{minutes % 60:02d}"

    def plan(self, begin: float, days: int) -> dict[str, object]:
        """Return the plan for the sender of the requests: when the week begins, and the rates by the second."""
        end = days * HOURS_A_DAY
        rates = [[self.seconds(hour), rate] for hour, rate in self.rates if hour <= end]
        return {"begin": begin, "rates": rates}
