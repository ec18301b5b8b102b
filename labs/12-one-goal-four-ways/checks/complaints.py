"""What keeps a way from having its copies, in the words of what looks after them there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.kubernetes import Kubernetes
from checker.cluster.kubernetes_copies import Copies
from checker.cluster.kubernetes_hindrances import hindrances
from checker.cluster.manual import ByHand
from checker.cluster.nomad import Job, Nomad
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
        # Where each copy that is wanted runs, no other was asked for.
        if all(each.state == "running" for each in tasks if each.wanted):
            return ""
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


def in_vain(cluster: Cluster) -> str:
    """Return what a cluster without a copy of Parcel was told to run, and why there is no copy; empty when it was told nothing."""
    if isinstance(cluster, Kubernetes):
        waiting = [
            f"the pod {pod.metadata.name} waits for the image {' and '.join(each.image for each in pod.spec.containers)}"
            for pod in cluster.misnamed()
        ]
        idle = [f"{title} {why}" for title, why in cluster.idle()]
        hidden = [
            f"the pod {pod.metadata.name} is in `kube-system`, which is the cluster's own"
            for pod in cluster.in_kube_system()
        ]
        return cluster.last_failure() or next(iter([*hidden, *idle, *waiting]), "")
    if isinstance(cluster, Nomad):
        names = [name for name in cluster.others() if not name.endswith("(stopped)")]
        jobs = {name: cluster.api.get(f"job/{name}", Job) for name in names}
        images = {name: [each.image for each in job.task_groups] if job else [] for name, job in jobs.items()}
        return ", ".join(f"the job {name} runs {' and '.join(images[name]) or 'something'}" for name in names)
    return ""
