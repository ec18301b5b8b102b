"""Lab 10: what the learner's copies on the cluster must do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from checker.cluster import outcomes
from checker.cluster.elsewhere import Elsewhere
from checker.cluster.kubernetes import NO_IMAGE
from checker.cluster.kubernetes_events import started_with
from checker.cluster.kubernetes_hindrances import is_stuck
from checker.grading.author import (
    could_not_run,
    guard,
    needs,
    not_judged,
    timeout,
    wait_until,
)

from . import bad_release, health, loss, room, whole
from .parcel import WHY, image_of
from .reasons import (
    ADDRESS,
    WANTED,
    fail_too_few,
    fail_unreachable,
    fail_without_pods,
    require_program,
)
from .rollouts import left_behind, require_current, require_going_on, require_told
from .unready import fail_not_ready, require_steady

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Kubernetes, Workload
    from checker.grading.author import Lab, Outside, Traffic
    from checker.timeline.model import Rollout

    from .parcel import Parcel

BEFORE, AFTER = "1.0", "2.0"

READY_SECONDS = 8.0
"""How long copies that are not ready are waited for, besides what their own probes put off: a check may come right after
a change."""
ANSWER_SECONDS = 7.0
"""How long users may get no answer right after a change."""
PATIENT_SECONDS = 120
"""The longest that copies may put it off themselves."""


@guard
def test_cluster_whole(lab: Lab, cluster: Kubernetes) -> None:
    """The cluster's own parts are as they were."""
    if isinstance(cluster, Elsewhere):
        # What the toolbox may not change needs no looking at, and what others do there is theirs.
        if touches := cluster.may_touch_more():
            not_judged(
                f"in this cluster the lab's identity may {touches}, so its being as it was is not proven."
            )
        return
    whole.judge(lab, cluster)


# -- 1: three copies behind one address ------------------------------------------------------------------------


@timeout(PATIENT_SECONDS + 3 * READY_SECONDS)
def test_copies_run(lab: Lab, parcel: Parcel, cluster: Kubernetes) -> None:
    """At least three copies of Parcel run and are ready."""

    def is_settled() -> bool:
        parcel.pods = parcel.look()
        return len(parcel.pods) >= WANTED and all(pod.ready for pod in parcel.pods)

    wait_until(is_settled, _patience(parcel), every=0.2)
    pods = parcel.pods
    late = [pod for pod in pods if not pod.ready]
    if sum(pod.ready for pod in pods) >= WANTED:
        # What is beside them and does not get ready is a rollout's, and told where that is judged, unless all of its kind is so.
        serving = {parcel.owner(pod) for pod in pods if pod.ready}
        hopeless = [pod for pod in late if parcel.owner(pod) not in serving and is_stuck(parcel, pod)]
        if hopeless:
            fail_not_ready(lab, parcel, hopeless)
        require_steady(lab, parcel)
        return
    if not pods:
        fail_without_pods(cluster)
    if late:
        fail_not_ready(lab, parcel, late)
    fail_too_few(parcel)


def _patience(parcel: Parcel) -> float:
    """Return how long copies that are not ready may still get so: their own probes may put off the first question."""
    delays = [0]
    for pod in parcel.pods:
        if pod.ready or pod.unschedulable or pod.trouble in NO_IMAGE:
            continue
        delays.append(parcel.container(pod).delay)
    return READY_SECONDS + min(max(delays), PATIENT_SECONDS) if parcel.pods else 0.0


@needs("copies-run")
def test_looked_after(parcel: Parcel) -> None:
    """Something looks after the copies and replaces them."""
    # A node's own static pods are known to the node alone, and gone with it.
    bare = [pod for pod in parcel.pods if pod.metadata.owner is None or pod.metadata.owner.kind == "Node"]
    WHY.require(
        not bare,
        "bare-pods",
        pod=bare[0].metadata.name if bare else "",
        seen=f"{len(bare)} of {len(parcel.pods)} belong to nothing",
    )


@needs("copies-run")
def test_answers(parcel: Parcel, outside: Outside) -> None:
    """The one address answers: port 8100 of this machine."""
    reply = outside.get_until(ADDRESS, lambda reply: reply.is_from("parcel"), ANSWER_SECONDS)
    if not reply.is_from("parcel"):
        fail_unreachable(parcel, reply.summary)
    require_program(parcel)


@needs("copies-run")
def test_spread(parcel: Parcel, cluster: Kubernetes) -> None:
    """The copies are on more than one node."""
    per = Counter(pod.spec.node_name for pod in parcel.pods if pod.ready)
    if len(per) > 1:
        return
    if len(cluster.nodes) < 2:
        not_judged(
            "this cluster has one node that takes pods, so whether copies are spread over nodes cannot be seen."
            if cluster.nodes
            else "all copies are on one node, and how many nodes there are may not be seen."
        )
    if ailing := cluster.ailing():
        could_not_run(
            f"All copies are on {next(iter(per))}, and it may be for want of another node. {ailing}"
        )
    here, total = next(iter(per.items()))
    seen = f"{here}: {total}"
    began = min(pod.metadata.creation_timestamp or "" for pod in parcel.pods)
    came_later = cluster.ready_since(began)
    WHY.require(
        # Where this node came later as well, the whole cluster was started again, with the copies on it.
        here in came_later or len(cluster.nodes) - len(came_later) > 1,
        "away-while-made",
        here=here,
        total=total,
        away=came_later,
        seen=seen,
    )
    bound = list(dict.fromkeys(each for workload in parcel.workloads for each in parcel.bound_by(workload)))
    WHY.fail(
        "all-bound-to-one-node" if bound else "all-on-one-node",
        here=here,
        total=total,
        bound=bound,
        seen=seen,
    )


# -- 2: health and room ----------------------------------------------------------------------------------------


@needs("copies-run")
def test_requests_and_limits(parcel: Parcel, cluster: Kubernetes) -> None:
    """Each copy says what it needs, and has a limit of memory."""
    room.judge(parcel, cluster.largest("memory"))


@needs("answers", "looked-after")
@timeout(400)
def test_probes(lab: Lab, parcel: Parcel) -> None:
    """A copy that is not ready gets no requests; one that hangs is started again."""
    require_going_on(parcel)
    if parcel.service:
        health.require_heeded(parcel, parcel.service)
    lab.prove_once("probes", parcel.key, test=lambda: health.judge(parcel))


# -- 3: a new version ------------------------------------------------------------------------------------------


@needs("answers", "looked-after")
@timeout(30)
def test_moved_without_failure(cluster: Kubernetes, parcel: Parcel, timeline: Traffic) -> None:
    """Version 2.0 took over from 1.0 and no user noticed."""
    require_going_on(parcel)
    for workload in parcel.workloads:
        refused = parcel.refused(workload)
        WHY.require(
            not refused or _is_moved(parcel, workload),
            "rollout-refused",
            workload=workload.title,
            space=workload.space,
            seen=refused,
        )
        require_current(parcel, workload, image_of)
    title, where = parcel.workloads[0].title, parcel.pods[0].metadata.space
    move = outcomes.rollout(
        timeline.everything(),
        before=BEFORE,
        after=AFTER,
        source="lab timeline 10",
        hint=f"`kubectl rollout status {title}{where}` waits until a rollout is complete. "
        * (not all(pod.ready for pod in parcel.pods))
        + "`lab timeline 10` draws it. When does a new copy get its first request, and an old one its last? To try again, go "
        f"back to {BEFORE}, wait until users are served, and move once more: the last move counts.",
        unfinished="What makes the copies, and the labels that the service selects, decide which version users meet. Was a changed "
        f"file applied? `kubectl rollout status {title}{where}` says what a rollout waits for; one that was paused waits for you.",
        standing=left_behind(parcel, AFTER),
    )
    old = [each for each in cluster.instances() if each.version != AFTER]
    WHY.require(
        not old,
        "old-copies",
        number=len(old),
        all=len(parcel.pods),
        old=old[0].version if old else "",
        version=AFTER,
        space=where,
        owner=title,
        seen=f"{old[0].id}: {old[0].image}" if old else "",
    )
    require_told(parcel, AFTER)
    cluster.lab.prove_once(
        "versions", parcel.key, f"{move.begin}", test=lambda: _require_own_versions(cluster, move)
    )


def _require_own_versions(cluster: Kubernetes, move: Rollout) -> None:
    outcomes.own_versions(cluster, BEFORE)
    outcomes.versions_of_images(
        move,
        started_with(cluster.api, cluster.listing("events")),
        source=f"kubectl get events{cluster.everywhere} --field-selector reason=Pulled",
        hint=f"`{outcomes.VERSION}` sets the version that a copy answers with, and the image sets it. Without yours, go back to "
        f"{BEFORE} and move again.",
    )


def _is_moved(parcel: Parcel, workload: Workload) -> bool:
    return all(parcel.container(pod).image.endswith(f":{AFTER}") for pod in parcel.pods_of(workload))


# -- 4: what goes wrong ----------------------------------------------------------------------------------------


@needs("moved-without-failure")
@timeout(360)
def test_bad_release(lab: Lab, cluster: Kubernetes, parcel: Parcel, timeline: Traffic) -> None:
    """A release that cannot start takes nothing down, and can be rolled back."""
    lab.prove_once("bad release", parcel.key, test=lambda: bad_release.judge(cluster, parcel, timeline))


@needs("moved-without-failure", "spread")
@timeout(360)
def test_node_lost(lab: Lab, cluster: Kubernetes, parcel: Parcel, timeline: Traffic) -> None:
    """A node is lost, and within two minutes as many copies as before are ready on the others."""
    if isinstance(cluster, Elsewhere):
        loss.judge_without_a_loss(lab, cluster, parcel)
    lab.prove_once("node lost", parcel.key, test=lambda: loss.judge(lab, cluster, parcel, timeline))
