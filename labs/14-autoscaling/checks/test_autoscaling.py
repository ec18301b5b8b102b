"""Lab 14: what the learner's autoscaler must do when many users come, and when they go."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from checker.grading.author import fail, needs, require, timeout, wait_until

from . import judging, reasons
from .tide import AFTER_SECONDS, AUTOSCALER, COUNTED_SECONDS, SECONDS, copy_seconds, risen, turns, wanted

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
TIDE = "bash tide.sh"


# -- 1: an autoscaler that measures ------------------------------------------------------------------------------


@timeout(40)
def test_answers(scaled: Scaled, outside: Outside) -> None:
    """Parcel answers at the one address: port 8140 of this machine."""
    require(
        scaled.service,
        "No service has node port 30080, so the one address leads nowhere.",
        expected="a service of type NodePort with nodePort 30080",
        seen="none",
        source="kubectl get services --all-namespaces",
        hint="`parcel.yaml` in your work folder has one in its second document.",
    )
    require(
        scaled.pods,
        "The service at node port 30080 finds no pod, so the one address leads nowhere.",
        expected="pods with the service's labels",
        seen="none",
        source="kubectl get endpointslices",
        hint="Lab 10, “One address”: the selector of the service, and the labels of the pods.",
    )
    require(
        wait_until(lambda: outside.get(ADDRESS).ok, ANSWER_SECONDS, every=0.3),
        "The address gives no good answer, although there are pods behind it.",
        expected="HTTP 200",
        seen=outside.get(ADDRESS).summary,
        source=f"curl {ADDRESS}",
        hint="`kubectl get pods` shows READY and STATUS of each copy, `kubectl describe pod NAME` why it is so.",
    )


@needs("answers")
@timeout(120)
def test_measures(scaled: Scaled) -> None:
    """A HorizontalPodAutoscaler measures how busy these copies are."""
    title = scaled.workload.title
    require(
        scaled.workload.kind in {"Deployment", "StatefulSet"},
        f"The copies belong to {title}. The recorder follows Deployments and StatefulSets, and the task asks for one of these.",
        expected="a Deployment or a StatefulSet",
        seen=title,
        source="kubectl get pods --output wide",
        hint="`practice.yaml` has one of the two kinds, in its first document.",
    )
    require(
        not scaled.others,
        f"Copies behind the address belong to {' and to '.join([title, *scaled.others])}. One autoscaler sets the number of one of them, "
        "and the others serve as well: nobody counts these.",
        expected="all copies behind the address from one Deployment or StatefulSet",
        seen=", ".join([title, *scaled.others]),
        source=f"kubectl get all{scaled.space}",
        hint="Is one of them left from before? The selector of the service says whose pods get requests.",
    )
    require(scaled.autoscaler, "No autoscaler measures.", hint="`kubectl get hpa`")


@needs("measures")
def test_can_follow(scaled: Scaled) -> None:
    """It can follow, from few copies to six: each is small, and gets requests only when ready."""
    found = scaled.autoscaler
    source = f"kubectl describe hpa {found.metadata.name}{scaled.space}"
    low, high = found.spec.min_replicas, found.spec.max_replicas
    require(
        low < high,
        f"The autoscaler's lowest and highest number are both {low}: it measures, and can change nothing. That is a fixed number "
        "of copies, paid for all day.",
        expected="a lowest number below the highest",
        seen=f"from {low} to {high}",
        source=source,
        hint="How many copies serve when few users come, and how many at the peak?",
    )
    require(
        high <= CEILING,
        f"The autoscaler may go up to {high} copies. The task pays for {CEILING}: above that, a mistake in a metric, or an attack, "
        "is paid for by you.",
        expected=f"at most {CEILING}",
        seen=f"at most {high}",
        source=source,
        hint="Which field of the autoscaler is its ceiling?",
    )
    limit = scaled.limit
    require(
        limit and limit <= COPY_CORES + 1e-9,
        "A copy may use more than the task allows one: then one copy grows, in place of more copies, and a node is the end of it.",
        expected="a limit of 200m CPU or less for Parcel's container",
        seen=f"{f'limit {limit * 1000:g}m' if limit else 'no limit'} in the pod {scaled.largest.metadata.name}",
        source=f"kubectl describe pods{scaled.space}",
        hint="Lab 10, “Room”: which half of `resources` does the kernel enforce?",
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
        and after.by != AUTOSCALER
        and after.at <= tide.due + AFTER_SECONDS
        # The cluster does not always keep who it was, such as of what was applied by the server.
        and (after.by or not scaled.has_set(after.wanted))
    ]
    if others:
        before, after = others[0]
        by_file = "apply" in after.by or after.by == "kubectl-replace"
        fail(
            f"{after.at - tide.begin:.0f} s into the tide, {f'`{after.by}`' if after.by else 'somebody'} set the number of copies from {before.wanted} to {after.wanted}. "
            + (
                "A file that says `replicas` was applied: each time it is, it overrules the autoscaler, until that notices."
                if by_file
                else "That was a person or a script, and not the autoscaler: next time it has to be there again."
            ),
            expected="changes by the autoscaler alone",
            seen=f"{len(others)} by {', '.join(sorted({each.by or 'somebody' for _, each in others}))}",
            source=f"docker logs drydock-{scaled.cluster.lab.number}-recorder-1",
            hint="Two owners of one number fight. Who should own `replicas`, and what must the file then not say?"
            if by_file
            else "What did the autoscaler lack to do it in time: a lower target, more copies to begin with?",
        )
    require(
        not (changed := scaled.changed_since(tide.begin)),
        f"{changed} was changed after the tide began, so the tide shows nothing of what is there now.",
        expected="a tide that came after the last change",
        seen="a change after its beginning",
        source=f"kubectl get {changed or 'hpa'}{scaled.space} --output yaml --show-managed-fields",
        hint=f"`{TIDE}` lets another tide come.",
    )


@needs("by-itself")
def test_served(lab: Lab, scaled: Scaled, tide: Tide) -> None:
    """Of all requests in the tide, at most one in ten failed."""
    seen = tide.seen
    failed = len(seen.failures)
    if failed <= BOUND * REQUESTS:
        tide.require_over()
    if failed > BOUND * (len(seen.requests) if tide.end else REQUESTS):
        tide.require_calm()
        reasons.fail_unserved(scaled, tide, seen, BOUND)
    lab.record("requests that failed in the tide", failed, "requests")


@needs("by-itself")
@timeout(90)
def test_steady(lab: Lab, tide: Tide) -> None:
    """It did not remove copies in the lull, only to add them again."""
    numbers = risen(wanted(tide.read()))
    if turns(numbers) <= 1:
        tide.require_over()
        numbers = risen(wanted(tide.changes))
    require(
        turns(numbers) <= 1,
        f"The number of copies went up and down {turns(numbers)} times: {', '.join(map(str, numbers))}. Each copy that is removed and "
        "added again has to start and warm up, while the crowd is there already.",
        expected="up while users come, down when they have gone",
        seen=" → ".join(map(str, numbers)),
        source=f"docker logs drydock-{lab.number}-recorder-1",
        hint="For how long does the autoscaler remember that it needed more? And does a small difference from the target already change the number?",
    )


@needs("by-itself")
@timeout(150)
def test_followed(lab: Lab, scaled: Scaled, tide: Tide) -> None:
    """Copies were added while users came, and removed when they had gone."""
    tide.require_over()
    changes = tide.changes
    numbers = wanted(changes)
    first = tide.first_ready
    source = f"docker logs drydock-{lab.number}-recorder-1"
    few = max(numbers[0], scaled.autoscaler.spec.min_replicas)
    if first is None or max(numbers) <= few:
        reasons.fail_never_added(scaled, numbers, tide.first_wanted, CEILING, source)
    if first > RISING_SECONDS:
        tide.require_calm()
        reasons.fail_late(scaled, tide.first_wanted or 0.0, first, RISING_SECONDS, source)
    if numbers[-1] > few:
        reasons.fail_never_removed(scaled, numbers, AFTER_SECONDS, source)
    lab.record("from the beginning of the tide to the first new copy", round(first, 1), "s")


@needs("followed")
def test_thrifty(lab: Lab, tide: Tide) -> None:
    """It took less than a fixed number of copies for the peak."""
    end = tide.due + COUNTED_SECONDS
    peak = max(each.wanted for each in tide.changes)
    used = copy_seconds(tide.changes, tide.begin, end)
    fixed = peak * (SECONDS + COUNTED_SECONDS)
    require(
        used <= THRIFT * fixed,
        f"From the tide's beginning to a minute after its end, {used:.0f} copy-seconds were taken. {peak} copies all the time would have "
        f"taken {fixed:.0f}: that is hardly less.",
        expected=f"at most {THRIFT * fixed:.0f} copy-seconds",
        seen=f"{used:.0f}: {' → '.join(map(str, wanted(tide.changes)))} copies",
        source=f"docker logs drydock-{lab.number}-recorder-1",
        hint="How many copies are there when nobody comes, and how long after the tide are they removed?",
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
        require(
            abs(said - took) <= CLOSE_SECONDS,
            f"The seconds until {what} are not those of the last tide."
            if said
            else f"The seconds until {what} are not filled in yet.",
            expected=f"what `{TIDE}` showed of the last tide, within {CLOSE_SECONDS:g} s",
            seen=sheet.shown("copy", name),
            source=sheet.source,
            hint=f"In the output of `{TIDE}`, look for the first line in which {what} than before.",
        )
    machine = sheet.number("machine", "answered_s")
    reasons.judge_machine(lab, sheet, machine)
    lab.record("from switching a machine on to its answer", machine, "s")
    lab.record(
        "from wanting a copy to its being ready",
        round((tide.first_ready or 0) - (tide.first_wanted or 0), 1),
        "s",
    )
