"""Why a service on the server did not heal, from what its engine knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn

from checker.grading.author import fail

from .server import LONG_SECONDS, SERVICE, number_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.grading.author import Inner

    from .server import Server

UNHEALTHY = "The lesson's section “Unhealthy, and nothing happens” shows three things that can do that."


class Cause(NamedTuple):
    """Why it did not heal, as sentences, and what the learner can look at."""

    rationale: str
    expected: str
    source: str
    hint: str


def tell_why(
    server: Server, what: str, *, seen: str, since: float, put_back: Callable[[], object] = lambda: None
) -> NoReturn:
    """End the check: say why Parcel did not heal, then restart it as a human would.

    Args:
        server: the server.
        what: what is wrong with Parcel, as a clause that follows its name.
        seen: what the users met.
        since: when it happened, by the server's clock.
        put_back: repairs what a fault broke, before the restart.
    """
    parcel = next(iter(server.parcels()), None)
    state, evidence = "no container of Parcel", ""
    cause = Cause(
        "Its container was removed, and nothing has made another one.",
        "a container that is kept, or replaced",
        "docker ps --all, in the toolbox",
        "Which option removes a container when its program ends?",
    )
    if parcel:
        # Requests are left out; a container that could not be started has no log, and the engine's reason.
        lines = [each for each in parcel.logs(300).splitlines() if '"request"' not in each]
        cause = (
            _running(parcel, lines, started=server.started() > since)
            if parcel.running
            else _ended(parcel, lines)
        )
        state = _state(parcel)
        evidence = str(parcel.attrs["State"].get("Error") or "") or "".join(lines[-1:])
    put_back()
    server.restart()
    fail(
        f"Parcel {what}. {cause.rationale}",
        expected=cause.expected,
        seen=f"{state}; users: {seen}",
        source=cause.source,
        evidence=evidence,
        hint=cause.hint,
    )


def _ended(parcel: Inner, lines: list[str]) -> Cause:
    """Say why a container that does not run was not started again."""
    name, policy = parcel.name, _policy(parcel)
    wanted = "something on the server that notices that a program has ended, and starts it"
    inspect = f"docker inspect --format '{{{{json .HostConfig.RestartPolicy}}}}' {name}"
    if parcel.status == "restarting":
        return _again(parcel, lines)
    if service := parcel.labels.get(SERVICE):
        return Cause(
            f"{name} has ended, and the swarm has not started another container of its service in time.",
            "a service that starts another container when one has ended",
            f"docker service ps --no-trunc {service}",
            f"`docker service inspect --pretty {service}` shows under RestartPolicy when a new container is started, and after "
            "which delay.",
        )
    if parcel.status == "created":
        return Cause(
            f"{name} was made, and could not be started.",
            wanted,
            f"docker inspect --format '{{{{.State.Error}}}}' {name}",
            "What does the engine's message name?",
        )
    if policy == "no":
        return Cause(
            f"{name} has ended, and its restart policy says that the engine must not start it again.",
            wanted,
            inspect,
            "The lesson's section “What a restart policy sees”.",
        )
    if policy == "on-failure":
        return Cause(
            f"{name} has ended, and its restart policy does not act on this end: `on-failure` leaves a program alone that ends "
            "with 0, and it stops after the number of tries that it was given.",
            wanted,
            inspect,
            "The lesson's section “What a restart policy sees”.",
        )
    return Cause(
        f"{name} has ended, and its restart policy does not act on this end: the engine itself was told to end it, by a command "
        "such as `docker stop` or `docker kill`. It takes that for the wish of a human.",
        wanted,
        "docker ps --all, in the toolbox",
        "What on your server ends the container, with which command, and what is to start it afterwards?",
    )


def _running(parcel: Inner, lines: list[str], *, started: bool) -> Cause:
    """Say why a container that runs does not serve."""
    name, test = parcel.name, parcel.attrs["Config"].get("Healthcheck") or {}
    health = parcel.attrs["State"].get("Health") or {}
    every, retries = (test.get("Interval") or 30e9) / 1e9, test.get("Retries") or 3
    if not number_of(parcel):
        if started:
            return _again(parcel, lines)
        return Cause(
            f"Its program has ended, and {name} runs without it: the first process of the container still runs, so the restart "
            "policy has nothing to act on.",
            "a container that ends when Parcel has ended, or starts it again by itself",
            f"docker top {name}",
            "What does your script do after Parcel has ended?",
        )
    if started:
        return Cause(
            "It was started again, but too late, or it did not keep answering.",
            "answers without a gap, in the time that the task's table gives",
            f"docker logs {name}",
            "What waits before the start, and how long? Does anything end Parcel again after it?",
        )
    if health.get("Status") == "unhealthy":
        return Cause(
            "Its health check fails, and nothing has acted on that in time: a restart policy waits for an end, and this program "
            "does not end.",
            "something that ends or replaces what is unhealthy",
            "docker ps, in the toolbox",
            UNHEALTHY,
        )
    inspect = f"docker inspect --format '{{{{json .Config.Healthcheck}}}}' {name}"
    if health.get("Status") == "healthy" and (health.get("FailingStreak") or every * retries >= LONG_SECONDS):
        return Cause(
            f"Its health check has not failed often enough yet: the engine runs it every {every:g} s, and calls the container "
            f"unhealthy after {retries} failures. So what acts on that begins too late.",
            f"an end of the hang within {LONG_SECONDS:g} s",
            inspect,
            "Two options of `docker run` begin with `--health-` and decide this. The lesson's `trial` had one of them.",
        )
    if health.get("Status") == "healthy":
        return Cause(
            "And its health check calls it healthy, because the check tests something that a hung program still does. So nothing "
            "that waits for this check acts.",
            "a check that sends the same request as the users, with a time-out",
            inspect,
            "Run the check's command yourself while Parcel hangs: which exit code does it have?",
        )
    return Cause(
        "Nothing tests whether it answers: it has no health check, and no watchdog of yours has ended it in time.",
        "something that sends it requests, and ends it when it does not answer",
        f"docker inspect --format '{{{{json .State.Health}}}}' {name}",
        UNHEALTHY,
    )


def _again(parcel: Inner, lines: list[str]) -> Cause:
    damaged = any("damaged" in each for each in lines[-10:])
    return Cause(
        "It is started again and again, and ends each time.",
        "something that removes the reason before the next start",
        f"docker logs --tail 5 {parcel.name}",
        "The lesson's section “The store” shows what Parcel does with a damaged store, and where a whole one is."
        if damaged
        else "What was written before each end? A watchdog that sends its first request before Parcel listens ends it at every "
        "start, and so does a memory limit that is too small; both leave exit code 137.",
    )


def _policy(parcel: Inner) -> str:
    return parcel.host_config["RestartPolicy"]["Name"] or "no"


def _state(parcel: Inner) -> str:
    health = (parcel.attrs["State"].get("Health") or {}).get("Status", "no health check")
    now = f"running, {health}" if parcel.running else f"{parcel.status} with {parcel.exit_code}"
    who = parcel.labels.get(SERVICE)
    kept = f"service {who}" if who else f"restart policy {_policy(parcel)}, {parcel.restarts} restarts"
    return f"{parcel.name}: {now}, {kept}"
