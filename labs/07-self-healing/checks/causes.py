"""Why a service on the server did not heal, from what its engine knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from checker.grading.author import fail

if TYPE_CHECKING:
    from .server import Server

SECTION = "The lesson's section"


def tell_why(server: Server, what: str, *, seen: str) -> NoReturn:
    """End the check: say what is in the way, then heal the service as a human would.

    Args:
        server: the server.
        what: what is wrong with Parcel, as a clause that follows its name.
        seen: what the users met.
    """
    found = server.parcels()
    told = _cause(server, found[0]) if found else _gone()
    evidence = server.logs(found[0]) if found else ""
    if found:
        server.restore(patient=False)
    fail(
        f"Parcel {what}. {told['rationale']}",
        seen=f"{told['seen']}; users: {seen}",
        evidence=evidence,
        **_rest(told),
    )


def _rest(told: dict[str, str]) -> dict[str, Any]:
    return {key: told[key] for key in ("expected", "source", "hint")}


def _gone() -> dict[str, str]:
    return {
        "rationale": "Its container is gone altogether, and nothing has made another.",
        "seen": "no container of Parcel",
        "expected": "a container that is kept, or replaced",
        "source": "docker ps --all, in the toolbox",
        "hint": "Which option removes a container when its program ends?",
    }


def _cause(server: Server, parcel: dict[str, Any]) -> dict[str, str]:
    name, state = parcel["Name"].lstrip("/"), parcel["State"]
    policy = parcel["HostConfig"]["RestartPolicy"]
    health = (state.get("Health") or {}).get("Status", "")
    test = (parcel["Config"].get("Healthcheck") or {}).get("Test") or []
    restarts = int(parcel.get("RestartCount") or 0)
    if not state["Running"] and not state["Restarting"]:
        return {
            "rationale": f"{name} has ended, and its engine was told to leave it so."
            if policy["Name"] in {"", "no"}
            else f"{name} has ended, and its restart policy has given up, or does not count this end."
            " One that waits for a failure leaves a program alone that ends with 0, and one with a bound counts.",
            "seen": f"{name}: exited with {state['ExitCode']}, restart policy {policy['Name'] or 'no'}, {restarts} restarts",
            "expected": "somebody on the server who sees that a program has ended, and starts it",
            "source": f"docker inspect --format '{{{{json .HostConfig.RestartPolicy}}}}' {name}",
            "hint": f"{SECTION} “What a restart policy sees”.",
        }
    if state["Restarting"] or not server.top(parcel).count("/app/store.py"):
        return {
            "rationale": "It is started again and again, and ends each time for the same reason.",
            "seen": f"{name}: {restarts} restarts",
            "expected": "something that takes the reason away before the next start",
            "source": f"docker logs --tail 5 {name}",
            "hint": f"{SECTION} “The store” shows what Parcel does with a damaged store, and where a whole one is.",
        }
    if health == "unhealthy":
        return {
            "rationale": "Its health check knows it, and nobody acts on that: a restart policy waits for an end, and this program "
            "does not end.",
            "seen": f"{name}: running, unhealthy, {restarts} restarts",
            "expected": "somebody who ends or replaces what is unhealthy",
            "source": "docker ps, in the toolbox",
            "hint": f"{SECTION} “Unhealthy, and nothing happens” names three that can.",
        }
    if health == "healthy":
        return {
            "rationale": "And yet its health check calls it healthy: it asks for something that a hung program still does. A healer "
            "that waits for this check never acts.",
            "seen": f"{name}: running, healthy; its check: {' '.join(test)}",
            "expected": "a check that asks what the users ask, with a time-out",
            "source": f"docker inspect --format '{{{{json .Config.Healthcheck}}}}' {name}",
            "hint": "Run the check's command yourself while Parcel hangs: what does it end with?",
        }
    return {
        "rationale": "Nobody asks it whether it answers: it has no health check, and no watchdog of yours has ended it.",
        "seen": f"{name}: running, {restarts} restarts" + (f", {health}" if health else ", no health check"),
        "expected": "somebody who asks, and ends what does not answer",
        "source": f"docker inspect --format '{{{{json .State.Health}}}}' {name}",
        "hint": f"{SECTION} “Unhealthy, and nothing happens” names three that can.",
    }
