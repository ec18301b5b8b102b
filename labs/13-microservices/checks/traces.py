"""One id for one request: in every log, and in the learner's sheet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checker.cluster.named import leading
from checker.grading.author import fail, fields_of, require, wait_until

from .apart import NAMES

if TYPE_CHECKING:
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
        file = services.lab.work / "slow.toml"
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        named = re.search(r"customer-[0-9a-f]+", text)
        self._took: dict[str, tuple[float, float]] = {}
        """How many milliseconds the front and tracking took, by the request's id; less than zero without a line in the log."""
        if named and services.lab.recall("slow", named[0]) is None:
            self._took[named[0]] = _took(services, "front", named[0]), _took(services, "tracking", named[0])

    def require(self) -> None:
        """Require that the sheet names a request that was slow, and the service that took the time."""
        lab, shows_logs = self.services.lab, self.services.on.shows_logs
        sheet = lab.sheet(
            "slow.toml", rule="a text stands in quotes behind its `=`.", like='`service = "front"`'
        )
        number, service = sheet.text("slow", "id"), sheet.text("slow", "service").lower()
        if lab.recall("slow", number) == service:
            return
        front, tracking = self._took.get(number, (-1.0, -1.0))
        require(
            min(front, tracking) >= 0,
            "slow.toml does not name a request of customers.sh that the logs of front and tracking have. A new container begins "
            "a new log.",
            expected="the id of a request, which begins with customer-",
            seen=sheet.shown("slow", "id"),
            source=f"{shows_logs('tracking' if front >= 0 else 'front')} | grep customer-",
            hint="`sh customers.sh`, then the front's log: which line of a customer has the largest `ms`? Check before you replace a "
            "container.",
        )
        told = f"{number}: {front:.0f} ms in the front, {tracking:.0f} ms in tracking"
        require(
            max(front, tracking) >= SLOW_MS,
            "That request was not the slow one.",
            expected="the customer's request with the largest `ms`",
            seen=told,
            source=f"{shows_logs('front')} | grep {number}",
            hint="Sort the customers' lines in the log of the front by `ms`: `jq -s 'max_by(.ms)'`.",
        )
        if service not in NAMES:
            why = f"and “{service}” is none of {', '.join(NAMES)}."
        else:
            why = (
                f"but {service} did not take the time. A service is as slow as what it waits for, so the one that the user asks "
                "always looks guilty."
            )
        require(
            service == ("tracking" if tracking >= SLOW_MS else "front"),
            f"The request is the slow one, {why}",
            expected="the service whose own work took the time",
            seen=f"{told}; you say “{service}”",
            source=f"{shows_logs('front')} | grep {number}",
            hint="Search all logs for the id, and compare `ms`: the front's time includes the time that it waited for tracking.",
        )
        lab.remember("slow", number, text=service)


def _took(services: Services, name: str, number: str) -> float:
    """Return how many milliseconds a service took for a request by its log; less than zero without a line."""
    if not leading(services.copies, name):
        return -1.0
    lines = (fields_of(each[each.find("{") :]) for each in services.lines(name, number))
    return max((float(each.get("ms") or 0) for each in lines if each.get("event") == "request"), default=-1.0)
