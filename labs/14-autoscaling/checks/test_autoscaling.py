"""Lab 14: what the learner's autoscaler must do when many users come, and when they go."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from checker.cluster.kubernetes_autoscalers import has_set
from checker.cluster.kubernetes_workloads import CONTROLLERS
from checker.grading.author import needs, timeout, wait_until

from . import behind, judging, reasons, unmeasured
from .autoscaler import KINDS, WHY
from .tide import AFTER_SECONDS, COUNTED_SECONDS, SECONDS, copy_seconds, risen, turns, wanted

if TYPE_CHECKING:
    from checker.grading.author import Lab, Outside

    from .autoscaler import Scaled
    from .tide import Tide

ADDRESS = "http://127.0.0.1:8140/"
ANSWER_SECONDS = 10.0
"""How long a good answer is waited for: a new copy warms up for two seconds, and the front looks twice a second."""
CEILING = 6
"""The most copies that the task allows."""
COPY_CORES = 0.2
"""The most CPU that the task allows one copy."""
BOUND = 0.1
"""The part of the tide's requests that may fail."""
REQUESTS = 1530
"""How many requests a tide has, by users.yaml."""
RISING_SECONDS = 95.0
"""By when the first new copy must be ready: until the lull begins, by users.yaml."""
THRIFT = 0.9
"""The part of what a fixed number of copies for the peak would take that may be taken."""
CLOSE_SECONDS = 3.0
"""How far the learner's number may be from the record: they read it from lines as these came."""


# -- 1: an autoscaler that measures ------------------------------------------------------------------------------


@timeout(40)
def test_answers(scaled: Scaled, outside: Outside) -> None:
    """Parcel answers at the one address: port 8140 of this machine."""
    service = scaled.service
    if service is None:
        WHY.fail("no-node-port", seen="none")
    if not scaled.pods:
        behind.fail_without_pods(scaled, service)
    if not wait_until(lambda: outside.get(ADDRESS).ok, ANSWER_SECONDS, every=0.3):
        behind.fail_unanswered(scaled, service, ADDRESS, outside.get(ADDRESS).summary)


@needs("answers")
@timeout(120)
def test_measures(scaled: Scaled) -> None:
    """A HorizontalPodAutoscaler measures how busy these copies are."""
    title = scaled.workload.title
    WHY.require(scaled.workload.kind in KINDS, "another-kind", title=title, seen=title)
    titles = [title, *scaled.others]
    WHY.require(
        not scaled.others,
        "several-workloads",
        titles=" and to ".join(titles),
        space=scaled.space,
        seen=", ".join(titles),
    )
    unmeasured.require_measured(scaled)


@needs("measures")
@timeout(40)
def test_can_follow(scaled: Scaled) -> None:
    """It can follow, from few copies to six: each is small, and gets requests only when ready."""
    found = scaled.autoscaler
    source = f"kubectl describe hpa {found.metadata.name}{scaled.space}"
    low, high = found.spec.min_replicas, found.spec.max_replicas
    WHY.require(low < high, "fixed-number", low=low, source=source, seen=f"from {low} to {high}")
    WHY.require(
        high <= CEILING,
        "above-the-ceiling",
        high=high,
        ceiling=CEILING,
        source=source,
        seen=f"at most {high}",
    )
    limit = scaled.limit
    WHY.require(
        limit and limit <= COPY_CORES + 1e-9,
        "copy-too-large",
        space=scaled.space,
        seen=f"{f'limit {limit * 1000:g}m' if limit else 'no limit'} in the pod {scaled.largest.metadata.name}",
    )
    judging.judge_asking(scaled)
    judging.judge_reach(scaled)


# -- 2: the tide -------------------------------------------------------------------------------------------------


@needs("can-follow")
def test_by_itself(scaled: Scaled, tide: Tide) -> None:
    """In the tide, only the autoscaler set the number of copies."""
    changes = tide.read()
    others = [
        (before, after)
        for before, after in pairwise(changes)
        if after.wanted != before.wanted
        and after.by != CONTROLLERS
        and after.at <= tide.due + AFTER_SECONDS
        # The cluster does not always keep who it was, such as of what was applied by the server.
        and (after.by or not has_set(scaled.cluster.api, scaled.autoscaler, after.wanted))
    ]
    if others:
        before, after = others[0]
        by_file = "apply" in after.by or after.by == "kubectl-replace"
        WHY.fail(
            "set-by-a-file" if by_file else "set-by-hand",
            seconds=after.at - tide.begin,
            who=f"`{after.by}`" if after.by else "somebody",
            before=before.wanted,
            after=after.wanted,
            seen=f"{len(others)} by {', '.join(sorted({each.by or 'somebody' for _, each in others}))}",
        )
    changed = scaled.changed_since(tide.begin)
    WHY.require(
        not changed, "changed-since", changed=changed, space=scaled.space, seen="a change after its beginning"
    )


@needs("by-itself")
def test_served(lab: Lab, scaled: Scaled, tide: Tide) -> None:
    """Of all requests in the tide, at most one in ten failed."""
    seen = tide.seen
    failed = len(seen.failures)
    if failed <= BOUND * REQUESTS:
        tide.require_over()
    most = BOUND * (len(seen.requests) if tide.end else REQUESTS)
    if failed > most:
        tide.require_calm()
        tide.require_power(int(most))
        reasons.fail_unserved(scaled, tide, seen, BOUND)
    lab.record("requests that failed in the tide", failed, "requests")


@needs("by-itself")
def test_steady(tide: Tide) -> None:
    """It did not remove copies in the lull, only to add them again."""
    # What it does when the tide has ended, and a single user moves the use of one copy, is no answer to a lull.
    numbers = risen(wanted([each for each in tide.read() if each.at <= tide.due]))
    if turns(numbers) <= 1:
        tide.require_over()
    WHY.require(
        turns(numbers) <= 1,
        "up-and-down",
        times=turns(numbers),
        numbers=", ".join(map(str, numbers)),
        seen=" → ".join(map(str, numbers)),
    )


@needs("by-itself")
@timeout(150)
def test_followed(lab: Lab, scaled: Scaled, tide: Tide) -> None:
    """Copies were added while users came, and removed when they had gone."""
    tide.require_over()
    numbers = wanted(tide.changes)
    if tide.first_wanted is not None:
        numbers = risen(numbers)
    first = tide.first_ready
    few = max(numbers[0], scaled.autoscaler.spec.min_replicas)
    if numbers[0] < CEILING and (first is None or first > RISING_SECONDS or max(numbers) <= few):
        # Copies that get no CPU use none, and the autoscaler sees no need of more.
        tide.require_power_until(RISING_SECONDS)
    if first is None or max(numbers) <= few:
        reasons.fail_never_added(scaled, numbers, tide.first_wanted, CEILING)
    if first > RISING_SECONDS:
        tide.require_calm()
        reasons.fail_late(scaled, tide.first_wanted or 0.0, first, RISING_SECONDS)
    if numbers[-1] > few:
        reasons.fail_never_removed(scaled, numbers, AFTER_SECONDS)
    lab.record("from the beginning of the tide to the first new copy", round(first, 1), "s")


@needs("followed")
def test_thrifty(lab: Lab, tide: Tide) -> None:
    """It took less than a fixed number of copies for the peak."""
    end = tide.due + COUNTED_SECONDS
    peak = max(each.wanted for each in tide.changes)
    used = copy_seconds(tide.changes, tide.begin, end)
    fixed = peak * (SECONDS + COUNTED_SECONDS)
    WHY.require(
        used <= THRIFT * fixed,
        "hardly-less",
        used=used,
        peak=peak,
        fixed=fixed,
        most=THRIFT * fixed,
        seen=f"{used:.0f}: {' → '.join(map(str, wanted(tide.changes)))} copies",
    )
    lab.record("copy-seconds taken", round(used), "copy-seconds")
    lab.record("copy-seconds of a fixed number", round(fixed), "copy-seconds")


@needs("followed")
def test_compared(lab: Lab, tide: Tide) -> None:
    """The sheet has what one more copy took, and what one more machine takes."""
    sheet = lab.sheet(
        "measurements.toml",
        rule="a number stands alone behind its `=`, without a unit.",
        like="`answered_s = 12.5`",
    )
    for name, took, what in (
        ("wanted_s", tide.first_wanted or 0.0, "more copies are wanted"),
        ("ready_s", tide.first_ready or 0.0, "more copies are ready"),
    ):
        said = sheet.number("copy", name)
        WHY.require(
            abs(said - took) <= CLOSE_SECONDS,
            "another-tides-seconds" if said else "no-seconds-of-the-tide",
            what=what,
            close=CLOSE_SECONDS,
            source=sheet.source,
            seen=sheet.shown("copy", name),
        )
    machine = sheet.number("machine", "answered_s")
    reasons.judge_machine(lab, sheet, machine)
    lab.record("from switching a machine on to its answer", machine, "s")
    lab.record(
        "from wanting a copy to its being ready",
        round((tide.first_ready or 0) - (tide.first_wanted or 0), 1),
        "s",
    )
