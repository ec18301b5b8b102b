"""The cluster's own parts: its nodes and what runs on them for everybody, as they were when the lab began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.interface import tell_of_lost
from checker.cluster.kubernetes import set_taints
from checker.grading.author import could_not_run, wait_until

from .parcel import WHY

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
    closed = cluster.closed_nodes()
    cordoned = [node.metadata.name for node in closed if node.spec.unschedulable]
    WHY.require(not cordoned, "cordoned", nodes=cordoned, seen=f"{', '.join(cordoned)}: SchedulingDisabled")
    tainted = {node.metadata.name: set_taints(node) for node in closed}
    WHY.require(
        not tainted,
        "tainted",
        nodes=[*tainted],
        seen="; ".join(f"{name}: {', '.join(taints)}" for name, taints in tainted.items()),
    )
    missing = cluster.missing_parts()
    WHY.require(
        not missing,
        "parts-missing",
        parts=[*missing],
        seen=", ".join(f"{name}: {how}" for name, how in missing.items()),
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
    WHY.require(
        not deleted,
        "node-deleted",
        nodes=deleted,
        first="".join(deleted[:1]),
        seen=f"{len(cluster.nodes) - len(deleted)} nodes",
    )
    could_not_run(
        f"The cluster does not count {' and '.join(late)} as ready. `lab start 10` starts what is not running; "
        "`lab reset 10` starts with a new cluster."
    )
