"""Why a service on the server did not heal, from what its engine knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.grading.author import moment

from .server import LONG_SECONDS, SERVICE, WHY, number_of

if TYPE_CHECKING:
    from checker.grading.author import Inner

    from .server import Server


def tell_why(server: Server, what: str, *, seen: str, since: float) -> NoReturn:
    """End the check: say why Parcel did not heal, then repair and restart it as a human would.

    Args:
        server: the server.
        what: what is wrong with Parcel, as a clause that follows its name.
        seen: what the users met.
        since: when it happened, by the server's clock.
    """
    parcel = next(iter(server.parcels()), None)
    if parcel is None:
        WHY.fail("removed", what=what, seen=f"no container of Parcel; users: {seen}")
    # Requests are left out; a container that could not be started has no log, and the engine's reason.
    lines = [each for each in parcel.logs(300).splitlines() if '"request"' not in each]
    cause = _cause(parcel, started=max(server.started(), _restarted(parcel)) > since)
    if cause == "again" and any("damaged" in each for each in lines[-10:]):
        cause = "again-on-the-damaged"
    every, retries = _test(parcel)
    server.repair()
    WHY.fail(
        cause,
        what=what,
        parcel=parcel.name,
        service=parcel.labels.get(SERVICE),
        every=every,
        retries=retries,
        within=LONG_SECONDS,
        seen=f"{_state(parcel)}; users: {seen}",
        evidence=str(parcel.attrs["State"].get("Error") or "") or "".join(lines[-1:]),
    )


def _cause(parcel: Inner, *, started: bool) -> str:
    """Return the name of the reason why a container does not serve, though it may have been started since the fault."""
    if parcel.status == "restarting":
        return "again"
    if not parcel.running:
        if SERVICE in parcel.labels:
            return "swarm-starts-nothing"
        if parcel.status == "created":
            return "cannot-start"
        return {"no": "no-policy", "on-failure": "on-failure"}.get(_policy(parcel), "ended-by-command")
    if not number_of(parcel):
        return "again" if started else "runs-without-parcel"
    if started:
        return "late"
    health, (every, retries) = parcel.attrs["State"].get("Health") or {}, _test(parcel)
    if health.get("Status") == "unhealthy":
        return "nothing-acts"
    if health.get("Status") != "healthy":
        return "not-tested"
    if health.get("FailingStreak") or every * retries >= LONG_SECONDS:
        return "tested-too-rarely"
    return "called-healthy"


def _restarted(parcel: Inner) -> float:
    """Return when a container was last started again; 0 when it never was."""
    return moment(parcel.started_at) if parcel.restarts else 0.0


def _test(parcel: Inner) -> tuple[float, int]:
    """Return every how many seconds the engine tests a container's health, and how many failures make it unhealthy."""
    test = parcel.attrs["Config"].get("Healthcheck") or {}
    return (test.get("Interval") or 30e9) / 1e9, test.get("Retries") or 3


def _policy(parcel: Inner) -> str:
    return parcel.host_config["RestartPolicy"]["Name"] or "no"


def _state(parcel: Inner) -> str:
    health = (parcel.attrs["State"].get("Health") or {}).get("Status", "no health check")
    now = f"running, {health}" if parcel.running else f"{parcel.status} with {parcel.exit_code}"
    who = parcel.labels.get(SERVICE)
    kept = f"service {who}" if who else f"restart policy {_policy(parcel)}, {parcel.restarts} restarts"
    return f"{parcel.name}: {now}, {kept}"
