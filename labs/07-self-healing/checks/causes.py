"""Why a service on the server did not heal, from what its engine knows of it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NoReturn

from checker.grading.author import moment

from .server import LONG_SECONDS, SERVICE, WHY, number_of
from .start import remark_on_start

if TYPE_CHECKING:
    from checker.grading.author import Inner

    from .server import Server


AGAIN_AND_AGAIN = 3
"""Starts after one fault: some healers start a program twice."""

MOST_SHOWN = 40
"""How much of a program's command line the learner reads."""


def tell_why(server: Server, what: str, *, seen: str, since: float, ours: bool = True) -> NoReturn:
    """End the check: say why Parcel did not heal, then repair and restart it as a human would.

    Args:
        server: the server.
        what: what is wrong with Parcel, as a clause that follows its name.
        seen: what the users met.
        since: when it happened, by the server's clock.
        ours: whether a check has caused it, and so repairs it.
    """
    parcel = next(iter(server.parcels()), None)
    if parcel is None:
        WHY.fail("removed", what=what, seen=f"no container of Parcel; users: {seen}")
    if parcel.status == "created" and SERVICE in parcel.labels:
        # A swarm makes the next container before it starts it; the one before has a log.
        begun = [each for each in server.parcels() if each.status != "created"]
        parcel = next((each for each in begun if each.labels.get(SERVICE) == parcel.labels[SERVICE]), parcel)
    # Requests are left out; a container that could not be started has no log, and the engine's reason.
    lines = [each for each in parcel.logs(300).splitlines() if '"request"' not in each]
    starts = server.starts(since)
    cause = _cause(parcel, started=bool(starts) or _restarted(parcel) > since)
    if cause == "late" and starts >= AGAIN_AND_AGAIN:
        # It was looked at in the moment between a start and the next end.
        cause = "again"
    if cause == "swarm-starts-nothing" and _still_tries(server, parcel, since):
        cause = "again"
    damaged = [each for each in lines[-10:] if "damaged" in each]
    if cause == "again" and damaged:
        cause, lines = "again.on-the-damaged", damaged
        # `verify` says so of a file that is not there; Parcel itself starts without a store.
        missing = all("FileNotFoundError" in each for each in damaged)
        if missing and not server.starts(moment(parcel.started_at)):
            cause = "again.no-such-file"
    others, first = _beside(server, parcel) if cause == "nothing-acts" else ([], False)
    if others:
        cause = "watched-in-vain-as-first" if first else "watched-in-vain"
    every, retries = _test(parcel)
    if ours:
        server.repair()
    WHY.fail(
        cause,
        what=what,
        others=", ".join(others),
        parcel=parcel.name,
        service=parcel.labels.get(SERVICE),
        every=every,
        retries=retries,
        within=LONG_SECONDS,
        seen=f"{_state(parcel)}; users: {seen}",
        evidence="\n".join(filter(None, [_last_word(parcel, lines), remark_on_start(server, parcel)])),
    )


def _last_word(parcel: Inner, lines: list[str]) -> str:
    return str(parcel.attrs["State"].get("Error") or "") or "".join(lines[-1:])


def _still_tries(server: Server, parcel: Inner, since: float) -> bool:
    """Whether a swarm has made more than one container of Parcel since then, and is about to make another."""
    service = parcel.labels[SERVICE]
    theirs = [each for each in server.inside.containers() if each.labels.get(SERVICE) == service]
    asked = f"docker service ps --format '{{{{.DesiredState}}}}' {shlex.quote(service)}"
    planned = set(server.run(asked).split()) & {"Ready", "Running"}
    return sum(moment(each.created) > since for each in theirs) > 1 and bool(planned)


def _cause(parcel: Inner, *, started: bool) -> str:
    """Return the name of the reason why a container does not serve, though it may have been started since the fault."""
    if cause := {"restarting": "again", "paused": "paused"}.get(parcel.status):
        return cause
    if not parcel.running:
        if SERVICE in parcel.labels:
            return "swarm-starts-nothing"
        if parcel.status == "created":
            return "cannot-start"
        return {"no": "no-policy", "on-failure": "no-policy.but-on-failure"}.get(
            _policy(parcel), "ended-by-command"
        )
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


def _beside(server: Server, parcel: Inner) -> tuple[list[str], bool]:
    """Return what runs beside Parcel and could end it, and whether that runs in its container, with Parcel as the first process."""
    main, number = int(parcel.attrs["State"].get("Pid") or 0), number_of(parcel)
    rows = [
        row.split(maxsplit=2)
        for row in server.run(f"docker top {parcel.id} -o pid,ppid,args").splitlines()[1:]
    ]
    started = [(int(pid), int(parent), args) for pid, parent, args in rows]
    # The engine starts a health check beside the first process, not below it.
    below = {main}
    while more := {pid for pid, parent, _ in started if parent in below} - below:
        below |= more
    programs = {args[:MOST_SHOWN] for pid, _, args in started if pid in below - {number}}
    # An init passes signals on, and watches nothing.
    programs = {each for each in programs if not each.startswith(("sleep ", "/sbin/docker-init "))}
    beside = [each for each in server.inside.containers() if each.id != parcel.id]
    containers = [each.name for each in beside if each.running]
    containers += [f"{each.name}, which has ended" for each in beside if not each.running and _watched(each)]
    return [*sorted(programs), *containers], main == number and bool(programs)


def _watched(ended: Inner) -> bool:
    """Whether a container that has ended was made to watch others: it had the engine's socket, or joined another container."""
    joined = [str(ended.host_config.get(mode) or "") for mode in ("NetworkMode", "PidMode")]
    sockets = [each for each in ended.mounts if str(each.get("Source", "")).endswith("docker.sock")]
    return bool(sockets) or any(each.startswith("container:") for each in joined)


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
