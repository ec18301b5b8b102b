"""The cluster's own parts: its nodes and what runs on them for everybody, as they were when the lab began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.interface import tell_of_lost
from checker.cluster.kubernetes import set_taints
from checker.grading.author import could_not_run, require, wait_until

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Kubernetes
    from checker.grading.author import Lab

READY_SECONDS = 8.0
"""How long a node that is not ready is waited for: a check may come right after a start."""


def judge(lab: Lab, cluster: Kubernetes) -> None:
    """Require that all nodes take pods, and that the cluster's own parts run."""
    if lost := tell_of_lost(lab, cluster.nodes):
        could_not_run(lost)
    _require_nodes(cluster)
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


def _require_nodes(cluster: Kubernetes) -> None:
    late: list[str] = []

    def is_whole() -> bool:
        nonlocal late
        late = cluster.unready_nodes()
        return not late

    if wait_until(is_whole, READY_SECONDS, every=0.2):
        return
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
