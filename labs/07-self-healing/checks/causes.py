"""Why a service on the server did not heal, from what its engine knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from checker.grading.author import fail

from .server import PROGRAM

if TYPE_CHECKING:
    from .server import Server

UNHEALTHY = "The lesson's section “Unhealthy, and nothing happens” shows three things that can do that."
RESTARTS = "docker inspect --format '{{{{json .HostConfig.RestartPolicy}}}}' {name}"

GONE = (
    "Its container was removed, and nothing has made another one.",
    "a container that is kept, or replaced",
    "docker ps --all, in the toolbox",
    "Which option removes a container when its program ends?",
)
LEFT = (
    "{name} has ended, and its restart policy says that the engine must not start it again.",
    "something on the server that notices that a program has ended, and starts it",
    RESTARTS,
    "The lesson's section “What a restart policy sees”.",
)
GAVE_UP = (
    (
        "{name} has ended, and its restart policy does not act on this end: `on-failure` leaves a program alone that ends with 0, "
        "and it stops after the number of tries that it was given."
    ),
    *LEFT[1:],
)
AGAIN = (
    "It is started again and again, and ends each time for the same reason.",
    "something that removes the reason before the next start",
    "docker logs --tail 5 {name}",
    "The lesson's section “The store” shows what Parcel does with a damaged store, and where a whole one is.",
)
IGNORED = (
    "Its health check fails, and nothing has acted on that in time: a restart policy waits for an end, and this program does not end.",
    "something that ends or replaces what is unhealthy",
    "docker ps, in the toolbox",
    UNHEALTHY,
)
FOOLED = (
    (
        "And its health check calls it healthy, because the check tests something that a hung program still does. So nothing that "
        "waits for this check acts."
    ),
    "a check that sends the same request as the users, with a time-out",
    "docker inspect --format '{{{{json .Config.Healthcheck}}}}' {name}",
    "Run the check's command yourself while Parcel hangs: which exit code does it have?",
)
NOBODY = (
    "Nothing tests whether it answers: it has no health check, and no watchdog of yours has ended it in time.",
    "something that sends it requests, and ends it when it does not answer",
    "docker inspect --format '{{{{json .State.Health}}}}' {name}",
    UNHEALTHY,
)


def tell_why(server: Server, what: str, *, seen: str) -> NoReturn:
    """End the check: say why Parcel did not heal, then restart it as a human would.

    Args:
        server: the server.
        what: what is wrong with Parcel, as a clause that follows its name.
        seen: what the users met.
    """
    parcel = next(iter(server.parcels()), None)
    evidence = server.logs(parcel) if parcel else ""
    rationale, expected, source, hint = _cause(server, parcel) if parcel else GONE
    name = parcel["Name"].lstrip("/") if parcel else ""
    server.restart()
    fail(
        f"Parcel {what}. {rationale.format(name=name)}",
        expected=expected,
        seen=f"{_state(parcel) if parcel else 'no container of Parcel'}; users: {seen}",
        source=source.format(name=name),
        evidence=evidence,
        hint=hint,
    )


def _cause(server: Server, parcel: dict[str, Any]) -> tuple[str, str, str, str]:
    state = parcel["State"]
    if not state["Running"] and not state["Restarting"]:
        return LEFT if parcel["HostConfig"]["RestartPolicy"]["Name"] in {"", "no"} else GAVE_UP
    if state["Restarting"] or PROGRAM not in server.top(parcel):
        return AGAIN
    return {"unhealthy": IGNORED, "healthy": FOOLED}.get(_health(parcel), NOBODY)


def _health(parcel: dict[str, Any]) -> str:
    return str((parcel["State"].get("Health") or {}).get("Status", "no health check"))


def _state(parcel: dict[str, Any]) -> str:
    state, policy = parcel["State"], parcel["HostConfig"]["RestartPolicy"]["Name"] or "no"
    runs = f"running, {_health(parcel)}" if state["Running"] else f"exited with {state['ExitCode']}"
    name = parcel["Name"].lstrip("/")
    return f"{name}: {runs}, restart policy {policy}, {int(parcel.get('RestartCount') or 0)} restarts"
