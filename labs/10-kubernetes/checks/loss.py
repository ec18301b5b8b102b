"""The loss of a node: killed where the machines are the lab's, and tried by an eviction where they are not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

from checker.cluster import outcomes
from checker.grading.author import could_not_run, not_judged, wait_until

from .parcel import WHY

if TYPE_CHECKING:
    from checker.cluster.elsewhere import Elsewhere
    from checker.cluster.kubernetes import Kubernetes
    from checker.cluster.kubernetes_records import Pod
    from checker.grading.author import Lab, Traffic

    from .parcel import Parcel

READY_SECONDS = 8.0
"""How long the copies on a node that is back are waited for."""
REPLACED_SECONDS = 120.0
"""What the task allows: a lost node is given up after 10 s and its pods after 5 more; then a copy has to start, and may
be asked for the first time half a minute later."""
GIVEN_UP_SECONDS = 15.0
"""How long after a node's loss its copies are replaced."""
NEVER_SECONDS = 45.0
"""How long copies are waited for that their kind does not replace."""

WHO_COUNTS = "Who counts the copies, and how many does it want? `kubectl get pods --watch` while `lab lose 10` takes a node away shows it."
NOT_REPLACED = {
    "StatefulSet": "A StatefulSet replaces a copy only when the old one is known to be gone, so that no two ever have one name; "
    "of a copy on a silent node nobody knows. Which kind does not care which copy is which?",
    "DaemonSet": "A DaemonSet wants one copy on each node, not a number of copies: on the nodes that are left it has all it wants. "
    "Which kind counts copies?",
}
"""Why copies are not replaced, by what looks after them."""


def judge(lab: Lab, cluster: Kubernetes, parcel: Parcel, timeline: Traffic) -> None:
    """Kill the node with the most copies, and require that as many as before get ready on the others."""
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


def _require_asked_in_time(parcel: Parcel, ready: list[Pod]) -> None:
    """Require that a copy that replaces a lost one is asked whether it is ready before the time is over."""
    for pod in ready:
        first = parcel.container(pod).first_asked
        WHY.require(
            first + GIVEN_UP_SECONDS < REPLACED_SECONDS,
            "asked-too-late",
            first=first,
            given_up=GIVEN_UP_SECONDS,
            most=REPLACED_SECONDS,
            owner=parcel.owner(pod).title,
            space=pod.metadata.space,
            seen=f"initialDelaySeconds: {first}",
        )


def judge_without_a_loss(lab: Lab, cluster: Elsewhere, parcel: Parcel) -> NoReturn:
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
