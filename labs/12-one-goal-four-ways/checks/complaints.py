"""What keeps a way from having its copies, in the words of what looks after them there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.kubernetes import Kubernetes
from checker.cluster.kubernetes_copies import Copies
from checker.cluster.kubernetes_hindrances import hindrances
from checker.cluster.manual import ByHand
from checker.cluster.nomad import Nomad
from checker.cluster.swarm import Swarm

if TYPE_CHECKING:
    from checker.cluster.interface import Cluster


def why_late(cluster: Cluster) -> str:
    """Return what is said of copies that are missing or not ready; empty when nothing is."""
    if isinstance(cluster, ByHand):
        late = [(copy.node, copy.name, copy.status) for copy in cluster.copies() if not copy.ready]
        found = [f"{name} on {node}: {said}" for node, name, said in (*late, *cluster.ended())]
        return next(iter(found), "")
    if isinstance(cluster, Swarm):
        tasks = cluster.tasks()
        # What ended before the last change of the service says nothing of what it is now.
        telling = [each for each in tasks if each.definition == tasks[0].definition and each.error]
        return next((f"{each.state}: {each.error}" for each in telling if each.state != "shutdown"), "")
    if isinstance(cluster, Kubernetes):
        pods = [pod for pod in cluster.pods() if not pod.ready]
        if not pods:
            return cluster.last_failure()
        found = hindrances(Copies(cluster), pods)[0]
        return f"{found.seen}: {found.evidence}" if found.evidence else found.seen
    return _of_nomad(cluster) if isinstance(cluster, Nomad) else ""


def _of_nomad(cluster: Nomad) -> str:
    """Return what Nomad says of an allocation that is not ready, or why it has none."""
    for each in cluster.instances():
        if not each.ready:
            check = cluster.refused(each)
            said = (
                f"check {check.check}: {check.output or check.status}" if check else cluster.last_event(each)
            )
            if said:
                return said
    unplaced = cluster.unplaced()
    return f"Placement Failure: {unplaced.why}" if unplaced else ""
