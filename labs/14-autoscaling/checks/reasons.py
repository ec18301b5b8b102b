"""Why users got no answers, why copies were not added or not removed, and what the engine knows of machines."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn

from checker.cluster.interface import count_of
from checker.cluster.kubernetes_events import events
from checker.grading.author import moment

from .autoscaler import WHY

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
LOOKED_SECONDS = 45.0
"""What measuring and looking add to the time for which an autoscaler remembers: 15 s each, and more on a busy machine."""
LEAST_PART = 0.4
"""The engine's time contains what boot.sh leaves out: trying whether the processor can be shared."""


def fail_unserved(scaled: Scaled, tide: Tide, seen: Timeline, bound: float) -> NoReturn:
    """End the check: too many requests failed, and this is what the record says of the cause."""
    changes = [each for each in tide.read() if each.at <= tide.due]
    kinds = ", ".join(f"{count} {kind.value}" for kind, count in seen.kinds.items())
    said = f"{len(seen.failures)} of {len(seen.requests)} requests failed ({kinds})"
    part = f"{len(seen.failures) / len(seen.requests):.0%}"
    if scaled.keeps_users:
        WHY.fail(
            "kept-at-old-copies",
            failed=said,
            bound=bound,
            service=scaled.keeps_users,
            space=scaled.space,
            seen=f"{count_of(max(each.ready for each in changes))} ready, {part} failures",
        )
    _require_no_falls(scaled, changes, said, bound)
    found = scaled.autoscaler
    high, slow, pace = found.spec.max_replicas, found.hesitation, found.pace("scaleUp")
    full = sum(_ready_at(changes, each.at) >= high for each in seen.failures)
    together = high * (scaled.limit or 0.0)
    WHY.fail(
        "too-little-together" if 2 * full > len(seen.failures) and 0 < together < PEAK_CORES
        else "unserved-by-a-window" if slow
        else "unserved-by-its-pace" if pace
        else "unserved",
        failed=said,
        bound=bound,
        full=full,
        high=high,
        together=together * 1000,
        first=seen.failures[0].at - tide.begin,
        ready=_ready_at(changes, seen.failures[0].at),
        slow=slow,
        pace=pace,
        seen=part,
    )  # fmt: skip


def _require_no_falls(scaled: Scaled, changes: Sequence[Change], said: str, bound: float) -> None:
    """Require that copies which ran stayed ready.

    Args:
        scaled: what is scaled.
        changes: how many copies there were.
        said: how many requests failed, in words.
        bound: the part of them that may fail.
    """
    fell = [
        after
        for before, after in pairwise(changes)
        # Copies that are removed are no longer ready either.
        if after.ready < min(before.ready, after.wanted) and after.wanted >= before.wanted
    ]
    if len(fell) < 2:
        return
    unhealthy = _last_unhealthy(scaled)
    restarted = unhealthy.startswith("Liveness") or any(pod.restarts for pod in scaled.pods)
    WHY.fail(
        "restarted-when-needed" if restarted else "busy-is-not-ready",
        failed=said,
        times=len(fell),
        bound=bound,
        space=scaled.space,
        seen=f"{min(each.ready for each in fell)} of {fell[0].wanted} copies ready, in the middle of the tide",
        evidence=unhealthy,
    )


def _ready_at(changes: Sequence[Change], at: float) -> int:
    """Return how many copies were ready at a moment."""
    return next((each.ready for each in reversed(changes) if each.at <= at), 0)


def _last_unhealthy(scaled: Scaled) -> str:
    listing = f"/api/v1/namespaces/{scaled.workload.namespace}/events"
    found = events(scaled.cluster.api, listing, "reason=Unhealthy")
    # A copy that is asked in vain whether it is alive is restarted; that is the cause of the others.
    deadly = [each for each in found if each.message.startswith("Liveness")]
    return next((each.text for each in deadly or found), "")


def fail_never_added(scaled: Scaled, numbers: Sequence[int], wanted: float | None, ceiling: int) -> NoReturn:
    """End the check: no copy was added, or none of those that were wanted became ready."""
    full = numbers[0] >= ceiling
    shown = " → ".join(map(str, numbers))
    WHY.fail(
        "nothing-left-to-add" if full
        else "wanted-and-never-ready" if wanted is not None
        else "never-added-by-a-window" if scaled.autoscaler.hesitation
        else "never-added",
        number=numbers[0],
        wanted=wanted or 0.0,
        slow=scaled.autoscaler.hesitation,
        reach=scaled.reach,
        hpa=scaled.autoscaler.metadata.name,
        space=scaled.space,
        seen=count_of(numbers[0]) if full or (wanted is None and len(numbers) == 1)
        else f"{shown} copies" if wanted is None
        else f"{shown} copies wanted, none more ready",
    )  # fmt: skip


def fail_late(scaled: Scaled, wanted: float, first: float, most: float) -> NoReturn:
    """End the check: the first new copy was ready too late.

    Args:
        scaled: what is scaled.
        wanted: when it was wanted, in seconds after the tide began.
        first: when it was ready.
        most: when it should have been.
    """
    slow = scaled.autoscaler.hesitation
    WHY.fail(
        "late-by-its-start" if first - wanted > START_SECONDS else "late-by-a-window" if slow else "late",
        wanted=wanted,
        first=first,
        most=most,
        slow=slow,
        space=scaled.space,
        seen=f"wanted after {wanted:.0f} s, ready after {first:.0f} s",
    )


def fail_never_removed(scaled: Scaled, numbers: Sequence[int], after: float) -> NoReturn:
    """End the check: copies were left when the users had gone."""
    found = scaled.autoscaler
    pace = found.pace("scaleDown")
    WHY.fail(
        "left-by-its-memory" if found.patience > after - LOOKED_SECONDS
        else "left-by-its-pace" if pace
        else "left-by-its-tolerance" if found.rule("scaleDown").get("tolerance")
        else "left",
        after=after,
        last=numbers[-1],
        more=numbers[-1] - numbers[0],
        few=numbers[0],
        patience=found.patience,
        pace=pace,
        tolerance=found.tolerance("scaleDown"),
        reach=scaled.reach,
        hpa=found.metadata.name,
        space=scaled.space,
        seen=" → ".join(map(str, numbers)) + " copies",
    )  # fmt: skip


def judge_machine(lab: Lab, sheet: Sheet, said: float) -> None:
    """Fail unless the seconds of the machine are those of one that was switched on in this lab."""
    took = _boots(lab)
    WHY.require(took, "no-machine", machine=MACHINE, seen="none that the engine saw answer")
    near = [each for each in took if LEAST_PART * each - SLACK_SECONDS <= said <= each + SLACK_SECONDS]
    WHY.require(
        near and said > 0,
        "another-machines-seconds" if said else "no-seconds-of-a-machine",
        took=took[-1],
        source=sheet.source,
        seen=sheet.shown("machine", "answered_s"),
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
