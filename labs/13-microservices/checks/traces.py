"""One id for one request: in every log, and in the learner's sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import fail, require, wait_until

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

    from .services import Services

SLOW_MS = 550
"""customers.sh makes one service take 600 ms longer; nothing else here takes that long."""


def require_in_logs(services: Services, number: str, names: tuple[str, ...], what: str) -> None:
    """Require that the log of each service has a line with an id."""
    for name in names:
        container = _container(services, name)

        def found(container: Container = container) -> bool:
            return bool(services.lines(container, number))

        if wait_until(found, 3, every=0.25):
            continue
        told = services.lines(_container(services, names[0]), number)
        fail(
            f"{what} has the id {number} in the log of `{names[0]}`, and no line of `{name}` has it. Who looks for the reason of a "
            f"slow answer loses the trail between the two.",
            expected=f"a line with {number} in the log of {name}",
            seen=f"{names[0]}: {len(told)} lines, {name}: none",
            source=f"docker compose logs | grep {number}",
            evidence=services.lab.logs(container, tail=1),
            hint="Which header carries the id, and who sends it on? What is kept until later keeps its id with it.",
        )


def require_found(services: Services, lab: Lab) -> None:
    """Require that the sheet names a request that was slow, and the service that took the time."""
    sheet = lab.sheet("slow.toml", rule="a text stands in quotes behind its `=`.", like='`service = "front"`')
    number, service = sheet.text("slow", "id"), sheet.text("slow", "service")
    if lab.recall("slow", number, service) is not None:
        return
    require(
        number.startswith("customer-"),
        "The slow request of customers.sh is not named yet.",
        expected="the id of a request, which begins with customer-",
        seen=sheet.shown("slow", "id"),
        source=sheet.source,
        hint="`sh customers.sh`, then the front's log: which line of a customer has the largest `ms`?",
    )
    took = {name: _took(services, name, number) for name in ("front", "tracking")}
    require(
        took["front"] >= 0,
        "The front's log has no such request. A container that is made again begins a new log.",
        expected=f"a line with {number}",
        seen="no line",
        source=f"docker compose logs front | grep {number}",
        hint="Run customers.sh again, and look for the id before you change a container.",
    )
    require(
        max(took.values()) >= SLOW_MS,
        "That request was not the slow one.",
        expected="the customer's request with the largest `ms`",
        seen=f"{number}: {took['front']:.0f} ms in the front, {took['tracking']:.0f} ms in tracking",
        source=f"docker compose logs | grep {number}",
        hint="Sort by `ms` what customers have in the log of the front: `jq -s 'max_by(.ms)'`.",
    )
    guilty = "tracking" if took["tracking"] >= SLOW_MS else "front"
    require(
        service == guilty,
        f"The request is the slow one, and the time was not taken by {service or 'nobody'}: a service is as slow as what it "
        "waits for, so the one that the user asks always looks guilty.",
        expected="the service whose own work took the time",
        seen=f"{number}: {took['front']:.0f} ms in the front, {took['tracking']:.0f} ms in tracking; you say {service or 'nothing'}",
        source=f"docker compose logs | grep {number}",
        hint="The front's time contains the time in which it waited for tracking.",
    )
    lab.remember("slow", number, service)


def _took(services: Services, name: str, number: str) -> float:
    lines = [
        each for each in services.lines(services.get_one(name), number) if each.get("event") == "request"
    ]
    return max((float(each.get("ms") or 0) for each in lines), default=-1.0)


def _container(services: Services, name: str) -> Container:
    return services.lab.node(name) if name == "gateway" else services.get_one(name)
