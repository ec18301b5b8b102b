"""Why users got no answers, why copies were not added or not removed, and what the engine knows of machines."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn

from checker.grading.author import fail, moment, require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.grading.author import Lab, Sheet, Timeline

    from .autoscaler import Scaled
    from .tide import Change, Tide

MACHINE = "drydock/vm:1.0"
SLACK_SECONDS = 3.0
"""The engine looks every 0.2 s whether a machine answers, and on a busy machine later."""
PEAK_CORES = 0.45
"""The CPU that the tide needs at its peak, by users.yaml, and what the copies themselves take."""
START_SECONDS = 30.0
"""A new copy that takes longer until it is ready has something that makes it wait; 4 to 8 s measured on two cores."""
SLOW_HINT = "`kubectl explain hpa.spec.behavior.scaleUp` lists what decides when copies are added, and the default of each."
LOOKED_SECONDS = 45.0
"""What measuring and looking add to the time for which an autoscaler remembers: 15 s each, and more on a busy machine."""
LEAST_PART = 0.4
"""The engine's time contains what boot.sh leaves out: trying whether the processor can be shared."""


def fail_unserved(scaled: Scaled, tide: Tide, seen: Timeline, bound: float) -> NoReturn:
    """Say that too many requests failed, and what the record says of the cause."""
    changes = [each for each in tide.read() if each.at <= tide.due]
    fell = [
        after
        for before, after in pairwise(changes)
        # Copies that are removed are no longer ready either.
        if after.ready < min(before.ready, after.wanted) and after.wanted >= before.wanted
    ]
    source = f"docker logs drydock-{scaled.cluster.lab.number}-traffic-1"
    kinds = ", ".join(f"{count} {kind.value}" for kind, count in seen.kinds.items())
    said = f"{len(seen.failures)} of {len(seen.requests)} requests failed ({kinds})"
    if scaled.keeps_users:
        fail(
            f"{said}. The service sends everybody who was at a copy once to the same copy again (sessionAffinity: ClientIP), and all users "
            "come through the lab's load balancer: so new copies are ready, and get nobody.",
            expected=f"at most {bound:.0%} failures",
            seen=f"{max(each.ready for each in changes)} copies ready, {len(seen.failures) / len(seen.requests):.0%} failures",
            source=f"kubectl describe service {scaled.keeps_users}{scaled.space}",
            hint="`kubectl top pods` in a tide shows which copies work. Which line of that description decides who gets a request?",
        )
    unhealthy = _last_unhealthy(scaled)
    if len(fell) > 1 and (unhealthy.startswith("Liveness") or any(pod.restarts for pod in scaled.pods)):
        fail(
            f"{said}. Copies were restarted when they were needed: such a copy serves nobody until it has started again, and its requests "
            "go to the others.",
            expected=f"at most {bound:.0%} failures",
            seen=f"{min(each.ready for each in fell)} of {fell[0].wanted} copies ready, in the middle of the tide",
            source=f"kubectl describe pods{scaled.space}",
            evidence=unhealthy,
            hint="Last State and Events of that command say why: a liveness probe that a busy copy answers too late, or too little memory?",
        )
    if len(fell) > 1:
        fail(
            f"{said}. {len(fell)} times, running copies were no longer ready, because they were busy: their requests went to the others, "
            "which then became too busy as well.",
            expected=f"at most {bound:.0%} failures",
            seen=f"{min(each.ready for each in fell)} of {fell[0].wanted} copies ready, in the middle of the tide",
            source=source,
            evidence=unhealthy,
            hint="What does the readiness probe ask, how long may the answer take, and what does a busy copy do with that question?",
        )
    high, slow = scaled.autoscaler.spec.max_replicas, scaled.autoscaler.hesitation
    pace = scaled.autoscaler.pace("scaleUp")
    at_most = sum(_ready_at(changes, each.at) >= high for each in seen.failures)
    together = high * (scaled.limit or 0.0)
    if 2 * at_most > len(seen.failures) and 0 < together < PEAK_CORES:
        fail(
            f"{said}, {at_most} of them while all {high} copies were ready that the autoscaler may have at most. The limit of each copy "
            f"allows all of them together {together * 1000:.0f}m of CPU, and the peak needs more.",
            expected=f"at most {bound:.0%} failures",
            seen=f"{len(seen.failures) / len(seen.requests):.0%}",
            source=source,
            hint="At the peak come fifteen requests a second, each of 25 ms of CPU. Highest number, or limit: which of the two can still grow?",
        )
    first = seen.failures[0].at - tide.begin
    ready = _ready_at(changes, seen.failures[0].at)
    fail(
        f"{said}, the first of them {first:.0f} s after the tide began, when {ready} copies were ready. New ones take their time: "
        "measuring, deciding, starting. Until then, those that are there have to do."
        + (
            f" And this autoscaler waits for {slow} s before it adds any: its `scaleUp` says so."
            if slow
            else f" And this autoscaler adds at most {pace}: its `scaleUp` says so."
            if pace
            else ""
        ),
        expected=f"at most {bound:.0%} failures",
        seen=f"{len(seen.failures) / len(seen.requests):.0%}",
        source=source,
        hint=SLOW_HINT
        if slow or pace
        else "How busy may a copy be before another is added, and how many are there when the tide begins?",
    )


def _ready_at(changes: Sequence[Change], at: float) -> int:
    """Return how many copies were ready at a moment."""
    return next((each.ready for each in reversed(changes) if each.at <= at), 0)


def _last_unhealthy(scaled: Scaled) -> str:
    path = f"/api/v1/namespaces/{scaled.workload.namespace}/events?fieldSelector=reason%3DUnhealthy"
    found = scaled.cluster.api.get(path)[0]["items"]
    # A copy that is asked in vain whether it is alive is restarted; that is the cause of the others.
    deadly = [each for each in found if str(each["message"]).startswith("Liveness")]
    last = max(
        deadly or found,
        key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""),
        default=None,
    )
    return " ".join(str(last["message"]).split()) if last else ""


def fail_never_added(
    scaled: Scaled, numbers: Sequence[int], wanted: float | None, ceiling: int, source: str
) -> NoReturn:
    """Say that no copy was added, or that none of those that were wanted became ready."""
    space, found = scaled.space, scaled.autoscaler
    if numbers[0] >= ceiling:
        fail(
            f"There were {numbers[0]} copies already when the tide began: nothing was left to add. {scaled.reach}",
            expected="few copies before the tide",
            seen=f"{numbers[0]} copies",
            source=source,
            hint=f"How many copies does the autoscaler keep when nobody comes? `kubectl get hpa{space}` shows what it measures beside what "
            "it aims at. It may take minutes until it removes those that are too many.",
        )
    if wanted is not None:
        fail(
            f"The autoscaler wanted more copies {wanted:.0f} s after the tide began, and until two minutes after its end no new one was "
            "ready: they were not started, or their probe did not say that they can serve.",
            expected="new copies that are ready",
            seen=" → ".join(map(str, numbers)) + " copies wanted, none more ready",
            source=source,
            hint=f"`kubectl get events{space}` says why a pod was not made or not started, and `kubectl describe pod NAME{space}` what its "
            "readiness probe waits for.",
        )
    fail(
        f"The tide came, and no copy was added. {scaled.reach}",
        expected="more copies than before",
        seen=" → ".join(map(str, numbers)) + " copies",
        source=source,
        hint=SLOW_HINT
        if found.hesitation
        else f"`kubectl describe hpa {found.metadata.name}{space}` shows what it measured, and what it compares that with.",
    )


def fail_late(scaled: Scaled, wanted: float, first: float, most: float, source: str) -> NoReturn:
    """Say that the first new copy was ready too late, and what it was that took so long."""
    slow = scaled.autoscaler.hesitation
    if first - wanted > START_SECONDS:
        why = f"It was wanted after {wanted:.0f} s: its start took the rest of the time."
        hint = (
            f"What happens between the start of a copy and its being ready? `kubectl describe pod NAME{scaled.space}` shows the probe, and "
            "for how long it waits before it asks."
        )
    elif slow:
        why = f"The autoscaler waits for {slow} s before it adds a copy: its `scaleUp` says so."
        hint = SLOW_HINT
    else:
        why = ""
        hint = (
            "From which use on is a copy added, and how many copies were there to take the crowd until then?"
        )
    fail(
        f"The first new copy was ready {first:.0f} s after the tide began, when the first crowd had gone. {why}".rstrip(),
        expected=f"within {most:.0f} s",
        seen=f"wanted after {wanted:.0f} s, ready after {first:.0f} s",
        source=source,
        hint=hint,
    )


def fail_never_removed(scaled: Scaled, numbers: Sequence[int], after: float, source: str) -> NoReturn:
    """Say that copies were left when the users had gone."""
    found = scaled.autoscaler
    hint = "`kubectl explain hpa.spec.behavior.scaleDown` lists what decides when copies are removed, and the default of each."
    if found.patience > after - LOOKED_SECONDS:
        why = f"The autoscaler remembers for {found.patience} s how many it needed, and removes none until then."
    elif pace := found.pace("scaleDown"):
        why = f"The autoscaler removes at most {pace}: its `scaleDown` says so."
    elif found.rule("scaleDown").get("tolerance"):
        why = f"The autoscaler removes none while the use is less than {found.tolerance('scaleDown'):.0%} below its target: its `scaleDown` says so."
    else:
        why = scaled.reach
        hint = f"`kubectl describe hpa {found.metadata.name}{scaled.space}` shows what it measures now, and what it compares that with."
    fail(
        f"{after:.0f} s after the tide, there were still {numbers[-1]} copies, {numbers[-1] - numbers[0]} more than before it. {why}",
        expected=f"{numbers[0]} copies {after:.0f} s after the tide",
        seen=" → ".join(map(str, numbers)) + " copies",
        source=source,
        hint=hint,
    )


def judge_machine(lab: Lab, sheet: Sheet, said: float) -> None:
    """Fail unless the seconds of the machine are those of one that was switched on in this lab."""
    took = _boots(lab)
    require(
        took,
        "The engine knows of no virtual machine that was switched on in this lab and answered: there was none, or it was removed since.",
        expected="a machine that was switched on, and answered",
        seen="none that the engine saw answer",
        source=f"docker ps --all --filter ancestor={MACHINE}",
        hint="`bash boot.sh` switches one on and waits until it answers.",
    )
    require(
        any(LEAST_PART * seconds - SLACK_SECONDS <= said <= seconds + SLACK_SECONDS for seconds in took)
        and said > 0,
        "The seconds of the machine are not those that one took here."
        if said
        else "The seconds that one more machine takes are not filled in yet.",
        expected=f"about {took[-1]:.1f}, by the engine's record of it",
        seen=sheet.shown("machine", "answered_s"),
        source=sheet.source,
        hint="`bash boot.sh` prints them. A machine that answers counts; one that has only been switched on does not.",
    )


def _boots(lab: Lab) -> list[float]:
    """Return for how many seconds each machine of the learner's ran until the engine saw it answer.

    The engine keeps what it saw last: of a machine that runs on after that, this is more than it took.
    """
    found = []
    for each in lab.containers():
        state = lab.engine.inspect(each.id)["State"] if each.image == MACHINE else {}
        good = [look for look in (state.get("Health") or {}).get("Log") or [] if look["ExitCode"] == 0]
        if good:
            found.append(moment(good[0]["End"]) - moment(state["StartedAt"]))
    return found
