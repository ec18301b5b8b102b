"""Why the one address leads to no copy, or gets no answer from one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.cluster.kubernetes import Kubernetes
from checker.cluster.kubernetes_copies import Copies
from checker.cluster.kubernetes_hindrances import hindrances
from checker.cluster.kubernetes_services import (
    answers_at,
    makers,
    selected,
    selector_of,
    target_of,
    unserved,
)
from checker.cluster.kubernetes_workloads import why_none
from checker.grading.author import could_not_run

from .autoscaler import NODE_PORT, WHY

if TYPE_CHECKING:
    from checker.cluster.kubernetes_records import Service

    from .autoscaler import Scaled


def fail_without_pods(scaled: Scaled, service: Service) -> NoReturn:
    """End the check: no copy of Parcel is behind the service."""
    cluster, space = scaled.cluster, service.metadata.space
    selector = selector_of(service)
    for pod in selected(cluster.api, service):
        images = ", ".join(sorted({each.image for each in pod.spec.containers}))
        WHY.require(
            cluster.app(pod.spec.containers),
            "another-image",
            pod=pod.metadata.name,
            images=images,
            space=space,
            seen=f"{pod.trouble or pod.status.phase}: {images}",
        )
    for workload, spec in makers(cluster, service):
        WHY.fail(
            "makes-none",
            owner=workload.title,
            why=why_none(spec),
            space=space,
            seen="none",
            evidence=cluster.last_failure(),
        )
    # The cluster of the check looks only at what the service selects.
    stray = next(iter(unserved(Kubernetes(cluster.lab))), None)
    if stray is None:
        WHY.fail(
            "nothing-behind", seen=f"none with {selector}" if selector else "a service without a selector"
        )
    elsewhere = stray.metadata.namespace != service.metadata.namespace
    labels = stray.metadata.shown_labels or "no labels"
    WHY.fail(
        "finds-no-pod",
        where=" A service leads to pods of its own namespace alone." * elsewhere,
        seen=f"selector {selector or 'none'}{f' in {service.metadata.namespace}' * elsewhere}, and "
        f"{stray.metadata.name} has {labels}{f' in {stray.metadata.namespace}' * elsewhere}",
    )


def fail_unanswered(scaled: Scaled, service: Service, address: str, seen: str) -> NoReturn:
    """End the check: users get no good answer from the copies.

    Args:
        scaled: the copies.
        service: the service in front of them.
        address: where the users ask.
        seen: what they get instead.
    """
    copies, space = Copies(scaled.cluster), service.metadata.space
    ready = next((each for each in copies.pods if each.ready), None)
    if ready is None:
        _fail_unready(copies)
    port = next(each for each in service.spec.ports if each.node_port == NODE_PORT)
    target, pod, name = target_of(port, ready), ready.metadata.name, service.metadata.name
    if target is None or not answers_at(scaled.cluster.api, ready, target, "/"):
        shown = target or port.target_port
        WHY.fail("port-silent", target=shown, pod=pod, service=name, space=space, seen=seen)
    WHY.fail("no-good-answer", address=address, service=name, space=space, seen=seen)


def _fail_unready(copies: Copies) -> NoReturn:
    """End the check: no copy is ready, and this is what the cluster says of those that are not."""
    if not copies.pods:
        could_not_run("All copies went away while they were looked at.")
    found, late = hindrances(copies, copies.pods)
    of = late[0].metadata
    WHY.fail(
        "none-ready",
        number=len(copies.pods),
        pod=of.name,
        space=of.space,
        seen=found.seen,
        evidence=found.evidence,
    )
