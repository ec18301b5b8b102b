"""Lab 10: what the learner's copies on the cluster must do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

from checker.cluster import outcomes
from checker.cluster.elsewhere import Elsewhere
from checker.cluster.interface import tell_of_lost
from checker.cluster.kubernetes import NO_IMAGE, held_back, set_taints
from checker.cluster.kubernetes_api import Refused
from checker.grading.author import (
    Reply,
    could_not_run,
    guard,
    needs,
    not_judged,
    require,
    timeout,
    wait_until,
)

from . import health, room
from .parcel import WHY, image_of, space
from .reasons import (
    ADDRESS,
    WANTED,
    fail_too_few,
    fail_unreachable,
    fail_without_pods,
    require_program,
)
from .rollouts import (
    delay,
    fail_refused,
    fail_standing_still,
    is_stuck,
    left_behind,
    require_current,
    require_told,
    standing_still,
)
from .unready import fail_not_ready, require_steady

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Kubernetes, Workload
    from checker.cluster.kubernetes_records import Pod
    from checker.grading.author import Lab, Outside, Traffic

    from .parcel import Parcel

BEFORE, AFTER = "1.0", "2.0"

READY_SECONDS = 8.0
"""How long copies that are not ready are waited for, besides what their own probes put off: a check may come right after
a change."""
ANSWER_SECONDS = 7.0
"""How long users may get no answer right after a change."""
PATIENT_SECONDS = 120
"""The longest that copies may put it off themselves."""
REPLACED_SECONDS = 120.0
"""What the task allows: a lost node is given up after 10 s and its pods after 5 more; then a copy has to start, and may
be asked for the first time half a minute later."""
GIVEN_UP_SECONDS = 15.0
"""How long after a node's loss its copies are replaced."""
NEVER_SECONDS = 45.0
"""How long copies are waited for that their kind does not replace."""
WATCH_SECONDS = 10.0


KEPT_AWAY = {"exceeded quota": "no-room-for-a-release", "denied request": "refused-by-a-rule"}
"""What in the cluster's words shows that a release was kept from every copy, and the reason."""

WHO_COUNTS = "Who counts the copies, and how many does it want? `kubectl get pods --watch` while `lab lose 10` takes a node away shows it."
NOT_REPLACED = {
    "StatefulSet": "A StatefulSet replaces a copy only when the old one is known to be gone, so that no two ever have one name; "
    "of a copy on a silent node nobody knows. Which kind does not care which copy is which?",
    "DaemonSet": "A DaemonSet wants one copy on each node, not a number of copies: on the nodes that are left it has all it wants. "
    "Which kind counts copies?",
}
"""Why copies are not replaced, by what looks after them."""


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
    if lost := tell_of_lost(lab, cluster.nodes):
        could_not_run(lost)
    late: list[str] = []

    def is_whole() -> bool:
        nonlocal late
        late = cluster.unready_nodes()
        return not late

    if not wait_until(is_whole, READY_SECONDS, every=0.2):
        deleted = cluster.deleted_nodes()
        require(
            not deleted,
            f"{' and '.join(deleted)} run{'s' * (len(deleted) == 1)}, and the cluster does not list "
            f"{'it' if len(deleted) == 1 else 'them'} any more: somebody has deleted the node.",
            expected="three nodes that take pods",
            seen=f"{len(cluster.nodes) - len(deleted)} nodes",
            source="kubectl get nodes",
            hint=f"A node registers itself when it starts: `lab lose 10 {deleted[0] if deleted else ''}` and `lab lose 10 --back` start "
            "it again.",
        )
        could_not_run(
            f"The cluster does not count {' and '.join(late)} as ready. `lab start 10` starts what is not running; "
            "`lab reset 10` starts with a new cluster."
        )
    _require_open(cluster)
    missing = cluster.missing_parts()
    require(
        not missing,
        f"{' and '.join(missing)} in kube-system {'does' if len(missing) == 1 else 'do'} not run. These are parts of the cluster itself: "
        "without them no name is found, or nothing is measured.",
        expected="coredns and metrics-server in the namespace kube-system, as they were",
        seen=", ".join(f"{name}: {how}" for name, how in missing.items()),
        source="kubectl get deployments --namespace kube-system",
        hint="`lab reset 10` starts with a new cluster; your files are set aside.",
    )


def _require_open(cluster: Kubernetes) -> None:
    closed = cluster.closed_nodes()
    cordoned = [node.metadata.name for node in closed if node.spec.unschedulable]
    require(
        not cordoned,
        f"{' and '.join(cordoned)} take{'s' * (len(cordoned) == 1)} no new pods: a node that was cordoned or drained "
        "stays so until somebody says otherwise, and what is lost elsewhere cannot move there.",
        expected="three nodes that take pods",
        seen=f"{', '.join(cordoned)}: SchedulingDisabled",
        source="kubectl get nodes",
        hint="`kubectl uncordon` is the opposite of `kubectl cordon`.",
    )
    tainted = {node.metadata.name: set_taints(node) for node in closed}
    names = " and ".join(tainted)
    require(
        not tainted,
        f"{names} {'has a taint' if len(tainted) == 1 else 'have taints'} that somebody set: pods that do not tolerate it "
        "are kept away, and what is lost elsewhere cannot move there.",
        expected="three nodes as they were, without taints",
        seen="; ".join(f"{name}: {', '.join(taints)}" for name, taints in tainted.items()),
        source="kubectl get nodes --output custom-columns=NAME:.metadata.name,TAINTS:.spec.taints",
        hint="`kubectl taint` takes a taint away when a `-` stands behind it. Which nodes had one when the lab began?",
    )


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
    for workload in parcel.workloads:
        if refused := parcel.refused(workload):
            fail_too_few(parcel, workload, refused)
    if parcel.beside and parcel.service:
        name = parcel.service.metadata.name
        WHY.fail(
            "not-led-to",
            service=name,
            number=len(pods),
            all=len(pods) + parcel.beside,
            wanted=WANTED,
            space=space(parcel.service),
            seen=f"{len(pods)}, and {parcel.beside} without its labels",
        )
    WHY.fail(
        "one-copy" if len(pods) == 1 else "two-copies",
        number=len(pods),
        wanted=WANTED,
        owner=parcel.owner(pods[0]).title,
        space=space(pods[0]),
        seen=f"{len(pods)}, all ready",
    )


def _patience(parcel: Parcel) -> float:
    """Return how long copies that are not ready may still get so: their own probes may put off the first question."""
    delays = [0]
    for pod in parcel.pods:
        if pod.ready or pod.unschedulable or pod.trouble in NO_IMAGE:
            continue
        delays.append(delay(parcel.container(pod)))
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
    reply = Reply(ADDRESS)

    def answers() -> bool:
        nonlocal reply
        reply = outside.get(ADDRESS)
        return bool(reply.fields.get("service") == "parcel")

    if not wait_until(answers, ANSWER_SECONDS, every=0.2):
        fail_unreachable(parcel, reply.summary)
    require_program(parcel)


@needs("copies-run")
def test_spread(parcel: Parcel, cluster: Kubernetes) -> None:
    """The copies are on more than one node."""
    per: dict[str, int] = {}
    for pod in parcel.pods:
        if pod.ready:
            per[pod.spec.node_name] = per.get(pod.spec.node_name, 0) + 1
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
    began = min(pod.metadata.creation_timestamp or "" for pod in parcel.pods)
    came_later = cluster.ready_since(began)
    require(
        # Where this node came later as well, the whole cluster was started again, with the copies on it.
        here in came_later or len(cluster.nodes) - len(came_later) > 1,
        f"All {total} copies are on {here}: when that node is lost, all are lost. They were made while "
        f"{' and '.join(came_later)} {'was' if len(came_later) == 1 else 'were'} away, and Kubernetes does not move what runs.",
        expected="copies on two nodes at least",
        seen=", ".join(f"{node}: {count}" for node, count in per.items()),
        source="kubectl get pods --output wide",
        hint="The scheduler chooses nodes again for new copies. `kubectl rollout restart` makes new ones, one after the other, as a new version does.",
    )
    bound = list(dict.fromkeys(each for workload in parcel.workloads for each in parcel.bound_by(workload)))
    WHY.fail(
        "all-bound-to-one-node" if bound else "all-on-one-node",
        here=here,
        total=total,
        bound=" and ".join(bound),
        seen=", ".join(f"{node}: {count}" for node, count in per.items()),
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
    if parcel.service:
        health.require_heeded(parcel, parcel.service)
    if lab.recall("probes", parcel.key) is not None:
        return
    for workload in parcel.workloads:
        health.judge(parcel, workload)
    lab.remember("probes", parcel.key)


# -- 3: a new version ------------------------------------------------------------------------------------------


@needs("answers", "looked-after")
@timeout(30)
def test_moved_without_failure(cluster: Kubernetes, parcel: Parcel, timeline: Traffic) -> None:
    """Version 2.0 took over from 1.0 and no user noticed."""
    if stuck := standing_still(parcel):
        fail_standing_still(parcel, stuck)
    for workload in parcel.workloads:
        if (refused := parcel.refused(workload)) and not _is_moved(parcel, workload):
            fail_refused(parcel, workload, refused)
        require_current(parcel, workload, image_of)
    title, where = parcel.workloads[0].title, space(parcel.pods[0])
    outcomes.rollout(
        timeline.everything(),
        before=BEFORE,
        after=AFTER,
        source="lab timeline 10",
        hint=f"`kubectl rollout status {title}{where}` waits until a rollout is complete. "
        * (not all(pod.ready for pod in parcel.pods))
        + "`lab timeline 10` draws it. When does a new copy get its first request, and an old one its last? To try again, go "
        f"back to {BEFORE}, wait until users are served, and move once more: the last move counts.",
        unfinished=left_behind(parcel, AFTER)
        + f"`kubectl rollout status {title}{where}` says what a rollout waits for; one that was paused waits for you.",
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
    if cluster.lab.recall("versions", parcel.key) is None:
        outcomes.own_versions(cluster, BEFORE)
        cluster.lab.remember("versions", parcel.key)


def _is_moved(parcel: Parcel, workload: Workload) -> bool:
    return all(parcel.container(pod).image.endswith(f":{AFTER}") for pod in parcel.pods_of(workload))


# -- 4: what goes wrong ----------------------------------------------------------------------------------------


@needs("moved-without-failure")
@timeout(360)
def test_bad_release(lab: Lab, cluster: Kubernetes, parcel: Parcel, timeline: Traffic) -> None:
    """A release that cannot start takes nothing down, and can be rolled back."""
    if lab.recall("bad release", parcel.key) is not None:
        return
    for workload in parcel.workloads:
        _try_bad_release(cluster, parcel, timeline, workload)
    lab.remember("bad release", parcel.key)


def _try_bad_release(cluster: Kubernetes, parcel: Parcel, timeline: Traffic, workload: Workload) -> None:
    spec, pods = parcel.spec(workload), parcel.pods_of(workload)
    source = f"kubectl describe {workload.title}{space(pods[0])}"
    kept = held_back(workload.kind, spec)
    reason = "held-by-a-pause" if workload.kind == "Deployment" else "held-by-a-partition"
    WHY.require(not kept, reason, workload=workload.title, kept=kept, source=source, seen=kept)
    cluster.lab.disturb("rolls out a release that cannot start, and rolls it back")
    image = parcel.container(pods[0])
    wanted = sum(pod.ready for pod in parcel.pods)
    back: list[bool] = []
    try:
        outcomes.contained(
            cluster,
            timeline,
            release=lambda: cluster.release(workload, cluster.bad_image, pods),
            withdraw=lambda: back.append(cluster.undo(workload, image.name, image.image, wanted)),
            serving=AFTER,
            seconds=WATCH_SECONDS,
            arrived=lambda: cluster.has_reached(cluster.bad_image),
            kept_away=lambda: _require_let_in(cluster, cluster.last_failure(), source),
            hint=f"`{source}` shows the strategy and how many copies may be unavailable: how many old ones may go before a new one is ready?",
        )
    except Refused as refused:
        WHY.require(
            "field is immutable" not in refused.message,
            "image-cannot-change",
            workload=workload.title,
            kind=workload.kind,
            source=source,
            seen="spec.template: field is immutable",
        )
        _require_let_in(cluster, refused.message, source)
        could_not_run(f"The bad release could not be tried: {refused.message}")
    WHY.require(
        all(back),
        "not-rolled-back",
        bad=cluster.bad_image,
        wanted=wanted,
        version=AFTER,
        seen=f"{sum(pod.ready for pod in cluster.pods())} ready",
    )


def _require_let_in(cluster: Kubernetes, why: str, source: str) -> str:
    """Return why a release reached no copy; where it is a quota or a rule of the learner's own, end the check."""
    for words, reason in KEPT_AWAY.items():
        # On a learner's own cluster, its administrator sets these.
        WHY.require(words not in why or isinstance(cluster, Elsewhere), reason, source=source, seen=why)
    return why


@needs("moved-without-failure", "spread")
@timeout(360)
def test_node_lost(lab: Lab, cluster: Kubernetes, parcel: Parcel, timeline: Traffic) -> None:
    """A node is lost, and within two minutes as many copies as before are ready on the others."""
    if isinstance(cluster, Elsewhere):
        _judge_without_a_loss(lab, cluster, parcel)
    if lab.recall("node lost", parcel.key) is not None:
        return
    ready = [pod for pod in parcel.pods if pod.ready]
    _require_asked_in_time(parcel, ready)
    on = [pod.spec.node_name for pod in ready if pod.spec.node_name != "control-plane"]
    victim = max(sorted(set(on)), key=on.count)
    lab.disturb(f"kills {victim}")
    kinds = {parcel.owner(pod).kind for pod in ready if pod.spec.node_name == victim}
    never = next((NOT_REPLACED[kind] for kind in sorted(kinds) if kind in NOT_REPLACED), "")
    found = outcomes.replaced(
        cluster,
        timeline,
        len(ready),
        within=NEVER_SECONDS if never else REPLACED_SECONDS,
        node=victim,
        hint=never or WHO_COUNTS,
        gave_up=cluster.why_not_replaced(victim, REPLACED_SECONDS),
    )
    lab.record("replaced after a node's loss", found.seconds, "s", "kubernetes")
    lab.record("requests lost with a node", found.lost, "requests", "kubernetes")
    # The node's old pods go when it is back; what comes next wants to find none.
    wait_until(lambda: all(pod.ready for pod in cluster.pods()), READY_SECONDS, every=0.2)
    lab.remember("node lost", parcel.key)


def _require_asked_in_time(parcel: Parcel, ready: list[Pod]) -> None:
    """Require that a copy that replaces a lost one is asked whether it is ready before the time is over."""
    for pod in ready:
        container = parcel.container(pod)
        first = max(
            probe.initial_delay_seconds if probe else 0
            for probe in (container.readiness_probe, container.startup_probe)
        )
        WHY.require(
            first + GIVEN_UP_SECONDS < REPLACED_SECONDS,
            "asked-too-late",
            first=first,
            given_up=GIVEN_UP_SECONDS,
            most=REPLACED_SECONDS,
            owner=parcel.owner(pod).title,
            space=space(pod),
            seen=f"initialDelaySeconds: {first}",
        )


def _judge_without_a_loss(lab: Lab, cluster: Elsewhere, parcel: Parcel) -> NoReturn:
    """Try what can be tried on machines that are not the lab's, and say what is not proven by it."""
    staying = [pod for pod in parcel.pods if cluster.outstays(pod)]
    WHY.require(
        not staying,
        "never-given-up",
        number=len(staying),
        all=len(parcel.pods),
        seen="a toleration of lost nodes without tolerationSeconds",
    )
    if lab.recall("copy evicted", parcel.key) is None:
        lab.disturb("evicts a copy")
        _evict_one(lab, cluster, parcel)
        lab.remember("copy evicted", parcel.key)
    not_judged(
        "no machine of a cluster that is not the lab's is killed. A copy was evicted instead, as when its node is drained, "
        "and was replaced; and the copies let themselves be given up. How long a lost node's copies are missed is not proven."
    )


def _evict_one(lab: Lab, cluster: Elsewhere, parcel: Parcel) -> None:
    victim = parcel.pods[0]
    wanted = sum(pod.ready for pod in parcel.pods)
    begun = time.monotonic()
    if refused := cluster.evict(victim):
        could_not_run(f"A copy could not be evicted to see whether it is replaced: {refused}")

    def is_replaced() -> bool:
        left = [pod for pod in cluster.pods() if pod.metadata.uid != victim.metadata.uid]
        return len(left) >= wanted and all(pod.ready for pod in left)

    WHY.require(
        wait_until(is_replaced, REPLACED_SECONDS, every=0.2),
        "not-replaced",
        seconds=REPLACED_SECONDS,
        wanted=wanted,
        seen=f"{sum(pod.ready for pod in cluster.pods())} ready",
    )
    lab.record("replaced after an eviction", round(time.monotonic() - begun, 1), "s", "kubernetes")
