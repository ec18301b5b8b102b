"""Why a service on the server did not heal, from what its engine knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.grading.author import fail

from .server import runs_parcel

if TYPE_CHECKING:
    from checker.grading.author import Inner

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
    evidence = server.last_line(parcel) if parcel else ""
    rationale, expected, source, hint = _cause(parcel) if parcel else GONE
    state, name = (_state(parcel), parcel.name) if parcel else ("no container of Parcel", "")
    server.restart()
    fail(
        f"Parcel {what}. {rationale.format(name=name)}",
        expected=expected,
        seen=f"{state}; users: {seen}",
        source=source.format(name=name),
        evidence=evidence,
        hint=hint,
    )


def _cause(parcel: Inner) -> tuple[str, str, str, str]:
    if parcel.status == "restarting" or (parcel.running and not runs_parcel(parcel)):
        return AGAIN
    if not parcel.running:
        return LEFT if _policy(parcel) == "no" else GAVE_UP
    return {"unhealthy": IGNORED, "healthy": FOOLED}.get(_health(parcel), NOBODY)


def _policy(parcel: Inner) -> str:
    return parcel.host_config["RestartPolicy"]["Name"] or "no"


def _health(parcel: Inner) -> str:
    return str((parcel.attrs["State"].get("Health") or {}).get("Status", "no health check"))


def _state(parcel: Inner) -> str:
    now = f"running, {_health(parcel)}" if parcel.running else f"{parcel.status} with {parcel.exit_code}"
    return f"{parcel.name}: {now}, restart policy {_policy(parcel)}, {parcel.restarts} restarts"
