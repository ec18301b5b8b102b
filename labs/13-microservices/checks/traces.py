"""One id for one request: in every log, and in the learner's sheet."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from checker.cluster.named import leading
from checker.grading.author import fail, fields_of, require, wait_until

from .apart import NAMES
from .services import FRONT

if TYPE_CHECKING:
    from .services import Services

SLOW_MS = 550
"""customers.sh makes one service take 600 ms longer; nothing else here takes that long."""
LOGGED_SECONDS = 15.0
"""A notice is sent when the next round of the front and of notification begins."""


CUSTOMERS_LINES = 100_000
"""How many of the last lines are searched for a customer's request: an hour of a program that also logs the users' pages."""
MANY = 10
"""How many requests without the id of a page tell that pages ask without it: the users look at 25 pages a second."""
PAGE_SECONDS = 2.0
"""How long a line of a page may take to get into a log; meanwhile the users ask for fifty pages."""
OF_USERS = "page-"
"""What the library's ids of users' front pages begin with; it logs of them only those that were slow or failed."""


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


def require_front_page_in_logs(services: Services) -> None:
    """Require that tracking, if a front page asks it, does so with the id of the page.

    A front may also know the places from a moment ago. Then no request of a page goes on, and what asks tracking without one is
    the front's own refreshing, or a health check.
    """
    before = set(services.log("tracking").splitlines())
    number = f"check-{secrets.token_hex(4)}"
    services.prober.get(f"{FRONT}/", headers={"X-Request-Id": number})
    if wait_until(lambda: services.lines("tracking", number), PAGE_SECONDS, every=0.1):
        return
    new = [
        fields_of(each[each.find("{") :])
        for each in services.log("tracking").splitlines()
        if each not in before
    ]
    of_front = services.log("front")
    nameless = [
        each
        for each in new
        if "ms" in each
        and each.get("method", "GET") == "GET"
        and not str(each.get("id")).startswith(OF_USERS)
        and str(each.get("id")) not in of_front
    ]
    other = nameless[0].get("id") if nameless else None
    require(
        len(nameless) < MANY,
        f"The front page, GET /, had the id {number}, and no line in the log of `tracking` has it: tracking got its requests with other "
        "ids. The page of a parcel sends its id on, and the front page does not.",
        expected=f"a line with {number} in the log of tracking",
        seen=f"tracking has a line {f'with the id {other}, which is not in the log of the front' if other else 'without an id'}",
        source=f"{services.on.shows_logs('tracking')} | grep {number}",
        hint="Which functions of your front ask tracking, and with which headers?",
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
        # A learner may have noted several before the decision.
        named = set(re.findall(r"customer-[0-9a-f]+", text))
        self._took: dict[str, tuple[float, float]] = {}
        """How many milliseconds the front and tracking took, by the request's id; less than zero without a line in the log."""
        for number in sorted(named):
            if services.lab.recall("slow", number) is None:
                self._took[number] = _took(services, "front", number), _took(services, "tracking", number)

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
    log = services.log(name, CUSTOMERS_LINES).splitlines()
    told = (fields_of(each[each.find("{") :]).get("ms") for each in log if number in each)
    # A program on no library may write its number as a text, and with a unit.
    numbers = (re.match(r"\d+(\.\d+)?", str(each)) for each in told)
    return max((float(each[0]) for each in numbers if each), default=-1.0)
