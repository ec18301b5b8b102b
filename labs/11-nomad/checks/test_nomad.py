"""Lab 11: two copies of Parcel that Nomad keeps, a release through a canary, and what is lost without either."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.cluster.nomad import SERVER, Nomad, settled
from checker.cluster.outcomes import own_versions, replaced, rollout, steady
from checker.grading.author import could_not_run, needs, timeout, wait_until

from .job import COPIES, PORT, WHY, groups_of, require_alone, require_job, require_two_copies
from .memory import MB, require_number
from .release import NEW, OLD, require_canary_first, require_version_2
from .trial import release_bad, require_contained

if TYPE_CHECKING:
    from checker.cluster.nomad import Group
    from checker.grading.author import Lab, Outside, Reply, Traffic

URL = "http://127.0.0.1:8110/"
"""The address of the service on the learner's machine."""

SETTLE_SECONDS = 25.0
"""How long copies that were placed a moment ago may take to be well; 4 s measured."""

RELEASE_SECONDS = 120.0
"""How long a release that is under way may take to its end, on the slowest of machines; Nomad ends one that stands still."""

LOSS_SECONDS = 45.0
"""How long a lost client's copy may take to run elsewhere; 9 s measured, of which 6 to 8 are the server's patience."""


def _well(nomad: Nomad) -> bool:
    ready = [each for each in nomad.instances() if each.ready]
    return len({each.node for each in ready}) >= COPIES


# -- step 1: two copies, and what healthy means ----------------------------------------------------------------


@timeout(40)
def test_two_copies(nomad: Nomad) -> None:
    """Nomad keeps two copies of Parcel, on two clients."""
    job, _ = require_job(nomad)
    if (
        sum(each.count for each in groups_of(job)) == COPIES
        and job.type == "service"
        and not nomad.unplaced()
    ):
        wait_until(lambda: _well(nomad), SETTLE_SECONDS, every=0.25)
    require_two_copies(nomad, job)
    steady(nomad, hint="`nomad alloc logs ID` shows what a copy says before it ends.")


@needs("two-copies")
@timeout(60)
def test_answers(lab: Lab, nomad: Nomad, outside: Outside) -> None:
    """The address of the service answers, from both copies."""
    seen: dict[str, Reply] = {}

    def both() -> bool:
        for reply in outside.many(URL, 4):
            said = reply.json() if reply.ok else {}
            seen[str(said.get("instance") or "") if isinstance(said, dict) else ""] = reply
        return len(seen.keys() - {""}) >= COPIES

    if wait_until(both, SETTLE_SECONDS, every=0.25):
        require_alone(nomad, seen.keys() - {""})
        return
    _, group = require_job(nomad)
    names = sorted(seen.keys() - {""})
    # Copies that were given one name cannot be told apart by it, so each client is asked.
    if names and all(_answers(lab, each.node) for each in nomad.instances()):
        return
    _fail_silent(group, names, next(iter(seen.values())))


def _answers(lab: Lab, client: str) -> bool:
    asked = f"curl -sf --noproxy '*' --max-time 2 -o /dev/null http://{client}:{PORT}/"
    return lab.node(SERVER).exec(asked).rc == 0


def _fail_silent(group: Group, names: list[str], reply: Reply) -> NoReturn:
    asked = {port.value for network in group.networks or () for port in network.reserved_ports or ()}
    WHY.fail(
        "port-silent" if PORT in asked else "another-port" if asked else "port-picked",
        ports=sorted(asked),
        who="only one copy answers" if names else "nobody answers",
        seen=f"one copy answers: {names[0]}" if names else reply.summary,
    )


@needs("answers")
@timeout(20)
def test_healthy_means_answering(nomad: Nomad) -> None:
    """Nomad asks every copy whether it is well."""
    job, _ = require_job(nomad)
    running = [each for each in nomad.allocations() if each.wanted and each.client_status == "running"]
    WHY.require(
        all(group.checks for group in groups_of(job)),
        "no-check",
        option=nomad.option,
        id=running[0].id[:8] if running else "ID",
        seen="no check",
    )

    def passing() -> bool:
        results = nomad.check_results(running)
        return bool(running) and all(
            found and all(each.status == "success" for each in found) for found in results.values()
        )

    if wait_until(passing, 8.0, every=0.25):
        return
    results = nomad.check_results(running)
    for each in running:
        if not results.get(each.id):
            seen = f"no result for the copy on {each.node_name}"
            WHY.fail("check-not-asked", option=nomad.option, id=each.id[:8], seen=seen)
    for each in running:
        for found in results[each.id]:
            WHY.require(
                found.status == "success",
                "check-pending" if found.pending else "check-fails",
                client=each.node_name,
                option=nomad.option,
                id=each.id[:8],
                seen=f"check {found.check}: {found.status}",
                evidence=found.output[:200],
            )
    if not running:
        could_not_run("All copies went away while they were looked at.")


# -- step 2: version 2.0 ---------------------------------------------------------------------------------------


@needs("healthy-means-answering")
@timeout(150)
def test_version_2(nomad: Nomad) -> None:
    """Version 2.0 runs, and nothing of 1.0 is left."""
    wait_until(lambda: settled(nomad), RELEASE_SECONDS, every=0.25)
    require_version_2(nomad)


@needs("version-2")
def test_no_request_lost(nomad: Nomad, timeline: Traffic) -> None:
    """No request failed while 2.0 took over from 1.0."""
    rollout(
        timeline.everything(),
        before=OLD,
        after=NEW,
        source="lab timeline 11",
        hint="Was there a moment without a copy that was ready? Lesson, “A canary”: what stays until the new one is promoted? To "
        f"release once more, hand over {OLD} first, and promote its canary if your file asks for one.",
    )
    own_versions(nomad, OLD)


@needs("version-2")
def test_canary_first(nomad: Nomad) -> None:
    """A canary of 2.0 stood beside 1.0, and was promoted."""
    require_canary_first(nomad)


# -- step 3: a bad release, a client lost ----------------------------------------------------------------------


@needs("version-2")
@timeout(150)
def test_bad_release_reverted(lab: Lab, nomad: Nomad, timeline: Traffic) -> None:
    """A release that answers nobody is detected, rolled back, and noticed by nobody."""

    def release() -> None:
        lab.disturb("releases a version that answers nobody")
        mark = timeline.mark("a release that answers nobody")
        verdict = release_bad(nomad)
        back = timeline.mark("the job is what it was")
        require_contained(nomad, verdict, timeline.between(mark, back))

    lab.prove_once("bad-release-reverted", nomad.fingerprint(), test=release)


@needs("bad-release-reverted")
@timeout(150)
def test_survives_a_client(lab: Lab, nomad: Nomad, timeline: Traffic) -> None:
    """A client with a copy is killed, and two copies run on the others again."""

    def lose() -> tuple[float, int]:
        lab.disturb("kills a client that runs a copy")
        found = replaced(
            nomad,
            timeline,
            COPIES,
            within=LOSS_SECONDS,
            gave_up=nomad.why_not_replaced(),
            hint="Lesson, “A client is lost”. What in your job keeps Nomad from replacing a copy, or leaves no client for it?",
        )
        return found.seconds, found.lost

    seconds, lost = lab.measure_once("survives-a-client", nomad.fingerprint(), test=lose)
    lab.record("replaced after a node's loss", seconds, "s", nomad.title)
    lab.record("requests lost with a node", lost, "requests", nomad.title)


# -- step 4: what it costs -------------------------------------------------------------------------------------


@needs("two-copies")
def test_memory_measured(lab: Lab) -> None:
    """memory.txt says how much memory the control plane takes."""
    server = lab.node(SERVER)
    ours = server.memory() / MB
    lab.record("memory of the control plane", round(ours, 1), "MB", Nomad.title)
    require_number(lab, server, ours)
