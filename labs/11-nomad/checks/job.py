"""What the learner's job says and came to, told in words where it is not what the task asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.cluster.interface import repository_of
from checker.grading.author import fail, require

if TYPE_CHECKING:
    from collections.abc import Collection

    from checker.cluster.interface import Instance
    from checker.cluster.nomad import Group, Job, Nomad
    from checker.grading.author import Lab

COPIES = 2
"""How many copies the task asks for."""

PORT = 8080
"""The port of a client that a copy is published on."""

REPOSITORY = "drydock/parcel"

TO_PARCEL = "Does the task say which port it uses (`ports` in its `config`), and does it lead to 8080, where Parcel listens?"
"""The hint where a port leads nowhere."""


def group_of(job: Job) -> Group | None:
    """Return the group of a job that runs Parcel; the first, where there are several."""
    return next(iter(groups_of(job)), None)


def groups_of(job: Job) -> list[Group]:
    """Return the groups of a job that run Parcel."""
    return [group for group in job.task_groups if repository_of(group.image) == REPOSITORY]


def require_job(lab: Lab, nomad: Nomad) -> tuple[Job, Group]:
    """Return the job and its group; fail when Nomad has no such job."""
    job = nomad.job
    if job is None:
        _fail_no_job(lab, nomad)
    group = group_of(job)
    if group is None:
        images = ", ".join(sorted({each.image for each in job.task_groups if each.image})) or "no image"
        fail(
            f"The job `{nomad.name}` does not run Parcel.",
            expected=f"a task with the image {REPOSITORY}:1.0 or :2.0",
            seen=images,
            source=f"nomad job inspect{nomad.option} {nomad.name}",
            hint="Lesson, “Your turn”, names the two images; the clients have no others.",
        )
    return job, group


def _fail_no_job(lab: Lab, nomad: Nomad) -> NoReturn:
    strays = nomad.loose()
    if strays:
        client, name = strays[0]
        fail(
            f"Nomad has no job `{nomad.name}`, and `{name}` on {client} was started by hand. It answers, but nobody "
            "keeps it: when the client is lost, it is gone, and Nomad does not know that there was anything.",
            expected=f"a job named {nomad.name}",
            seen=", ".join(f"{one} on {where}" for where, one in strays),
            source=f"docker exec drydock-{lab.number}-{client}-1 docker ps",
            hint="Lesson, “A job”: what is Nomad told, and by which command?",
        )
    others = nomad.others()
    fail(
        f"Nomad has no job named `{nomad.name}` that runs, so it keeps no copy of Parcel running.",
        expected=f"a job named {nomad.name}, running",
        seen=f"jobs: {', '.join(others)}" if others else "no job",
        source="nomad job status",
        hint="Lesson, “Your turn”: a job's name stands in the first line of its file, and `nomad job run FILE` hands it over.",
    )


def require_two_copies(nomad: Nomad, job: Job) -> None:
    """Fail unless two copies run, on two clients."""
    shows = nomad.shows()
    require(
        job.type == "service",
        f"`{nomad.name}` is a {job.type} job: "
        + (
            "it runs on every client, so that no free one is left to try a new version on."
            if job.type == "system"
            else "what ends in it is not started again."
        ),
        expected="a job of type service, which is what a job is that does not say",
        seen=f"type {job.type}",
        source=shows,
        hint="Lesson, “Your turn”: two copies that are kept, whatever happens.",
    )
    wanted = sum(each.count for each in groups_of(job))
    require(
        wanted != 1,
        "The job wants one copy of Parcel: `count` is 1, which is what a group gets that does not say. While it is "
        "moved to another client, nobody answers.",
        expected=f"a group with count = {COPIES}",
        seen=f"count = {wanted}",
        source=f"nomad job inspect{nomad.option} {nomad.name}",
        hint="Lesson, “A job”: which line of the group says how many?",
    )
    require(
        wanted == COPIES,
        f"The job wants {wanted} copies; the task asks for {COPIES}. With a copy on every client, port {PORT} is "
        "taken everywhere, and a canary finds no place.",
        expected=f"a group with count = {COPIES}",
        seen=" and ".join(f"count = {each.count} in the group {each.name}" for each in groups_of(job)),
        source=f"nomad job inspect{nomad.option} {nomad.name}",
        hint="Lesson, “Your turn”: three clients, and what else has to fit on them besides the copies?",
    )
    _require_port(nomad)
    instances = nomad.instances()
    ready = [each for each in instances if each.ready]
    if len(instances) < COPIES:
        _fail_unplaced(nomad, instances)
    nodes = {each.node for each in ready}
    if len(ready) >= COPIES and len(nodes) >= COPIES:
        return
    if len(ready) >= COPIES:
        fail(
            f"All copies run on {next(iter(nodes))}. When that client is lost, all are lost at once.",
            expected="two copies on two clients",
            seen=", ".join(f"{each.id[:8]} on {each.node}" for each in ready),
            source=shows,
            hint="Lesson, “Your turn”: what can a client have only once?",
        )
    unready = next(each for each in instances if not each.ready)
    if refused := nomad.refused(unready):
        fail(
            f"Of {len(instances)} copies, {len(ready)} {'is' if len(ready) == 1 else 'are'} well. The one on "
            f"{unready.node} runs, but "
            + (
                "the check of the job gets no answer at the port that it asks."
                if refused.unanswered
                else "does not pass the check of the job."
            ),
            expected=f"{COPIES} copies that run and whose checks pass",
            seen=f"check {refused.check}: {refused.status}",
            source=f"nomad alloc checks{nomad.option} {unready.id[:8]}",
            evidence=refused.output[:200],
            hint=TO_PARCEL
            if refused.unanswered
            else "What does the check ask, and does Parcel know that path? Lesson, “Say what healthy means”, has one.",
        )
    fail(
        f"Of {len(instances)} copies, {len(ready)} {'is' if len(ready) == 1 else 'are'} well; the one on {unready.node} "
        "is not.",
        expected=f"{COPIES} copies that run and whose checks pass",
        seen=", ".join(
            f"{each.id[:8]} on {each.node}: {'well' if each.ready else 'not well'}" for each in instances
        ),
        source=f"nomad alloc status{nomad.option} {unready.id[:8]}",
        evidence=nomad.last_event(unready),
        hint="The events at the end of that command's output say how far it came.",
    )


def _require_port(nomad: Nomad) -> None:
    """Fail when another job holds the port that the copies are published on."""
    taken = nomad.holders(PORT)
    if not taken:
        return
    client, job = taken[0]
    fail(
        f"On {client}, the job `{job}` holds port {PORT}. Neither a copy nor a canary of `{nomad.name}` has a place there, and "
        "the front sends requests to whatever that job runs.",
        expected=f"port {PORT} of the clients for the job `{nomad.name}` only",
        seen=", ".join(f"{one} on {where}" for where, one in taken),
        source="nomad job status",
        hint="A file with another job's name is another job, and the first one goes on. `nomad job stop -help` says how a job "
        "ends.",
    )


def require_alone(nomad: Nomad, names: Collection[str]) -> None:
    """Fail when more answer than Nomad runs, because of a container that somebody started by hand.

    Args:
        nomad: the cluster.
        names: the names that answered.
    """
    running = sum(each.client_status == "running" for each in nomad.allocations())
    strays = nomad.loose() if len(names) > running else []
    if not strays:
        return
    client, name = strays[0]
    fail(
        f"`{name}` on {client} was started by hand, and users get its answers beside those of the job's copies. A release of "
        "the job does not change it.",
        expected=f"answers from the copies of the job `{nomad.name}` only",
        seen=f"{len(names)} names answer, and Nomad runs {running} {'copy' if running == 1 else 'copies'}",
        source=f"docker exec drydock-11-{client}-1 docker ps",
        hint="Nomad knows nothing of a container that it did not start, and removes none.",
    )


def _fail_unplaced(nomad: Nomad, instances: list[Instance]) -> NoReturn:
    unplaced = nomad.unplaced()
    why = unplaced.why if unplaced else ""
    seen = ", ".join(f"{each.id[:8]} on {each.node}" for each in instances) or "no copy is placed"
    facts = {
        "expected": f"{COPIES} copies, each on a client of its own",
        "seen": f"{seen}; not placed: {why}" if why else seen,
        "source": nomad.shows(),
    }
    if "consul" in why:
        fail(
            "The service is to be registered with Consul, a program of its own that no client here has; so no client "
            "will do. Nomad registers services itself only when it is asked to.",
            **facts,
            hint="Lesson, “A job”: which line of the service says who keeps it?",
        )
    if "plugins.cni" in why or ("network" in why and "port" not in why):
        fail(
            "The group asks for a kind of network that the clients do not have, so no client will do.",
            **facts,
            hint="Lesson, “A job”: compare the group's network with the one there.",
        )
    if by_port(why) and (closed := nomad.closed()):
        fail_closed(
            nomad, closed[0], f"{len(instances)} of {COPIES} copies run{'s' * (len(instances) == 1)}", facts
        )
    rest = max(1, COPIES - len(instances))
    fail(
        f"{len(instances)} of {COPIES} copies run{'s' if len(instances) == 1 else ''}; for {rest} more Nomad could "
        f"find no client. It keeps looking, and a job is `running` all the same: read what could not be placed.",
        **facts,
        hint="Each reason has the number of clients that it rules out. Which line of your job asks for that?",
    )


def by_port(why: str) -> bool:
    """Whether nothing but ports in use rules clients out, or nothing is known."""
    return all("port" in reason or "no client" in reason for reason in why.split(", ") if reason)


def fail_closed(nomad: Nomad, client: str, begins: str, facts: dict[str, str]) -> NoReturn:
    """Fail because a client was told to take nothing new, so that a copy has no place."""
    fail(
        f"{begins}: {client} was told to take nothing new, so its place is missing.",
        **facts | {"expected": "three clients that are ready and eligible", "source": "nomad node status"},
        evidence=f"{client}: ineligible",
        hint=f"`nomad node eligibility -help` says how {client} takes work again. The port of the other clients is not "
        f"what keeps `{nomad.name}` away.",
    )
