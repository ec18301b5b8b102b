"""One id for one request: in every log, and in the learner's sheet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checker.cluster.named import leading
from checker.grading.author import fail, require, wait_until

from .apart import NAMES

if TYPE_CHECKING:
    from checker.grading.author import Lab

    from .services import Services

SLOW_MS = 550
"""customers.sh makes one service take 600 ms longer; nothing else here takes that long."""

LOGGED_SECONDS = 15.0
"""A notice is sent when the next round of the front and of notification begins."""


def require_in_logs(services: Services, number: str, names: tuple[str, ...], what: str) -> None:
    """Require that the log of each service has a line with an id."""
    missing = list(names)

    def all_found() -> bool:
        missing[:] = [name for name in missing if not services.lines(name, number)]
        return not missing

    if wait_until(all_found, LOGGED_SECONDS, every=0.1):
        return
    name = missing[0]
    found = names[: names.index(name)]
    fail(
        f"{what} has the id {number}, and no line in the log of `{name}` has it. When somebody looks for the reason of a slow "
        f"answer, the trail {f'ends between `{found[-1]}` and `{name}`' if found else 'does not begin'}.",
        expected=f"a line with {number} in the log of {name}",
        seen=", ".join(f"{each}: {len(services.lines(each, number))} lines" for each in (*found, name)),
        source=f"{services.on.shows_logs(name)} | grep {number}",
        evidence=services.log(name, 1),
        hint="Which header has the id, and which service sends it on? What is stored until later needs its id stored with it.",
    )


class Found:
    """The learner's sheet, and what the logs say of the request that it names.

    The logs are read when this is made: a check that replaces a container takes its log away.

    Args:
        services: whose logs are read.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self._early: dict[str, float] = {}
        named = re.search(r"customer-[0-9a-f]+", _text(services.lab))
        if named and services.lab.recall("slow", named[0]) is None:
            services.look_again()
            self._early = {name: self._took(name, named[0]) for name in ("front", "tracking")}

    def require(self) -> None:
        """Require that the sheet names a request that was slow, and the service that took the time."""
        lab = self.services.lab
        sheet = lab.sheet(
            "slow.toml", rule="a text stands in quotes behind its `=`.", like='`service = "front"`'
        )
        number, service = sheet.text("slow", "id").strip(), sheet.text("slow", "service").strip().lower()
        if lab.recall("slow", number) == service:
            return
        source = f"{self.services.on.shows_logs('front')} | grep {number}"
        require(
            number.startswith("customer-"),
            "slow.toml does not name the slow request of customers.sh yet.",
            expected="the id of a request, which begins with customer-",
            seen=sheet.shown("slow", "id"),
            source=sheet.source,
            hint="`sh customers.sh`, then the front's log: which line of a customer has the largest `ms`?",
        )
        front, tracking = (self._early.get(name, -1.0) for name in ("front", "tracking"))
        lost = [name for name, took in (("front", front), ("tracking", tracking)) if took < 0]
        require(
            not lost,
            f"The log of {' and '.join(lost)} has no such request. A new container begins a new log.",
            expected=f"a line with {number}",
            seen="no line",
            source=f"{self.services.on.shows_logs(lost[0] if lost else 'front')} | grep {number}",
            hint="Run customers.sh again, find the request, and check, before you replace a container.",
        )
        told = f"{number}: {front:.0f} ms in the front, {tracking:.0f} ms in tracking"
        require(
            max(front, tracking) >= SLOW_MS,
            "That request was not the slow one.",
            expected="the customer's request with the largest `ms`",
            seen=told,
            source=source,
            hint="Sort the customers' lines in the log of the front by `ms`: `jq -s 'max_by(.ms)'`.",
        )
        require(
            service in NAMES,
            "slow.toml names the slow request, and not the service that took the time.",
            expected=f"one of {', '.join(NAMES)}",
            seen=sheet.shown("slow", "service"),
            source=sheet.source,
            hint="Search all logs for the id, and compare `ms` in the lines that you find.",
        )
        require(
            service == ("tracking" if tracking >= SLOW_MS else "front"),
            f"The request is the slow one, but {service} did not take the time. A service is as slow as what it waits for, "
            "so the one that the user asks always looks guilty.",
            expected="the service whose own work took the time",
            seen=f"{told}; you say {service}",
            source=source,
            hint="The front's time includes the time that it waited for tracking.",
        )
        lab.remember("slow", number, text=service)

    def _took(self, name: str, number: str) -> float:
        if not leading(self.services.copies, name):
            return -1.0
        lines = [each for each in self.services.lines(name, number) if each.get("event") == "request"]
        return max((float(each.get("ms") or 0) for each in lines), default=-1.0)


def _text(lab: Lab) -> str:
    file = lab.work / "slow.toml"
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
