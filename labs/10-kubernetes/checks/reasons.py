"""Why there are no copies, or too few, and why users do not reach them: the reasons, from the cluster's own words."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NoReturn

from checker.cluster.elsewhere import Elsewhere
from checker.cluster.kubernetes_services import is_clusters_own, selected, selector_of, services
from checker.grading.author import command_of, runs

from .parcel import NODE_PORT, WHY
from .rollouts import require_parcel_made

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.cluster.kubernetes import Kubernetes
    from checker.cluster.kubernetes_records import Pod, Service
    from checker.grading.author import Process

    from .parcel import Parcel

ADDRESS = "http://127.0.0.1:8100/"
WANTED = 3
PROGRAM = "/app/parcel.py"
"""Where the image keeps Parcel."""


def fail_without_pods(cluster: Kubernetes) -> NoReturn:
    """End the check: no copy is there."""
    blocked = cluster.last_failure()
    if blocked:
        WHY.fail("none-can-be-made", image=cluster.image, seen="none", evidence=blocked)
    if hidden := cluster.in_kube_system():
        WHY.fail(
            "in-kube-system", image=cluster.image, home=cluster.home, seen=f"{len(hidden)} in kube-system"
        )
    if idle := cluster.idle():
        title, why = idle[0]
        WHY.fail(
            "makes-none",
            owner=title,
            why=why,
            image=cluster.image,
            everywhere=cluster.everywhere,
            seen="none",
        )
    if misnamed := cluster.misnamed():
        waiting = misnamed[0]
        images = ", ".join(sorted({each.image for each in waiting.spec.containers}))
        WHY.fail(
            "image-without-its-first-part",
            image=cluster.image,
            pod=waiting.metadata.name,
            images=images,
            space=waiting.metadata.space,
            seen=f"{waiting.trouble}: {images}",
        )
    WHY.fail("nothing-runs", image=cluster.image, everywhere=cluster.everywhere, seen="none")


# -- refused ---------------------------------------------------------------------------------------------------


def fail_too_few(parcel: Parcel) -> NoReturn:
    """End the check: all copies are ready, and there are too few of them."""
    require_parcel_made(parcel)
    pods = parcel.pods
    for workload in parcel.workloads:
        refused = parcel.refused(workload)
        WHY.require(
            not refused,
            "no-more-made",
            workload=workload.title,
            number=len(parcel.pods_of(workload)),
            space=workload.space,
            seen=refused,
        )
    if parcel.beside and parcel.service:
        name = parcel.service.metadata.name
        WHY.fail(
            "not-led-to",
            service=name,
            number=len(pods),
            all=len(pods) + len(parcel.beside),
            space=parcel.service.metadata.space,
            seen=f"{len(pods)}, and {len(parcel.beside)} without its labels",
        )
    WHY.fail(
        "too-few",
        number=len(pods),
        owner=parcel.owner(pods[0]).title,
        space=pods[0].metadata.space,
        seen=f"{len(pods)}, all ready",
    )


# -- not reached -----------------------------------------------------------------------------------------------


def fail_unreachable(parcel: Parcel, seen: str) -> NoReturn:
    """End the check: copies are ready, and users do not reach them.

    Args:
        parcel: the learner's Parcel.
        seen: what users get instead.
    """
    service = parcel.service
    if service is None:
        _fail_without_service(parcel)
    ready = _require_selected(parcel, service)
    _require_port(parcel, service, ready)
    WHY.fail(
        "no-answer-elsewhere" if isinstance(parcel.cluster, Elsewhere) else "no-answer",
        service=service.metadata.name,
        namespace=service.metadata.namespace,
        port=service.spec.ports[0].port,
        seen=seen,
    )


def _fail_without_service(parcel: Parcel) -> NoReturn:
    others = [each for each in services(parcel.cluster) if not is_clusters_own(each)]
    WHY.fail(
        "no-node-port" if others else "no-service",
        port="a port" if parcel.any_port else f"port {NODE_PORT}",
        number="" if parcel.any_port else f" with nodePort {NODE_PORT}",
        everywhere=parcel.cluster.everywhere,
        seen=_ports(others) if others else "no service of yours",
    )


def _require_selected(parcel: Parcel, service: Service) -> Pod:
    """Return a ready copy to which the service leads."""
    name = service.metadata.name
    selector = selector_of(service)
    pods = selected(parcel.cluster.api, service)
    if not pods:
        elsewhere = parcel.pods[0].metadata.namespace != service.metadata.namespace
        where = " A service leads to pods of its own namespace alone." if elsewhere else ""
        WHY.fail(
            "selects-nothing",
            service=name,
            selector=selector or "no label at all",
            where=where,
            copies=_labelled(parcel),
            space=service.metadata.space,
            seen=f"selector {selector or 'none'}, and no endpoints",
        )
    first = pods[0]
    WHY.require(
        any(pod.ready for pod in pods),
        "selects-unready",
        service=name,
        number=len(pods),
        space=service.metadata.space,
        pod=first.metadata.name,
        seen=f"{first.metadata.name}: {first.trouble or 'not ready'}",
    )
    return next(pod for pod in pods if pod.ready)


def _labelled(parcel: Parcel) -> str:
    """Return whose the copies are that run, and their labels."""
    of_each = {parcel.owner(pod).title: pod.metadata.shown_labels for pod in parcel.pods}
    return ", and to ".join(f"{title}, with {labels or 'no labels'}" for title, labels in of_each.items())


def _require_port(parcel: Parcel, service: Service, ready: Pod) -> None:
    """Require that the service leads to a port of the copies at which Parcel answers."""
    target, own, name = parcel.target(ready), parcel.own_port(ready), service.metadata.name
    if target is None:
        port = parcel.port(service)
        WHY.fail(
            "port-without-a-number",
            service=name,
            target=port.target_port if port else "",
            space=service.metadata.space,
            seen=", ".join(f"targetPort: {each.target_port}" for each in service.spec.ports),
        )
    if parcel.answers_at(ready, target):
        return
    WHY.require(
        target != own,
        "own-port-silent",
        service=name,
        target=target,
        pod=ready.metadata.name,
        space=ready.metadata.space,
        seen=f"no answer from port {target} of {ready.metadata.name}",
    )
    WHY.fail(
        "nobody-listens" if own else "nobody-listens-there",
        service=name,
        target=target,
        own=own,
        space=service.metadata.space,
        seen=f"target port {target}",
    )


def require_program(parcel: Parcel) -> None:
    """Require that the image's Parcel runs in each copy, and nothing that answers in its place."""
    for pod in (each for each in parcel.pods if each.ready):
        container = parcel.container(pod)
        over = [each.mount_path for each in container.volume_mounts if _holds_program(each.mount_path)]
        own_command = container.command or container.args
        there = parcel.cluster.processes(pod, container.name) if own_command else []
        beside = [each.name for each in pod.spec.lasting if each.name != container.name]
        WHY.require(
            not over,
            "volume-over-it",
            pod=pod.metadata.name,
            space=pod.metadata.space,
            seen=f"a volume at {over[0]}" if over else "",
        )
        _require_parcel_among(there, pod)
        if own_command or beside:
            _require_listening(parcel, pod, container.name, beside)


def _require_parcel_among(there: Sequence[Process], pod: Pod, place: str = "") -> None:
    """Require that Parcel is among processes, if there are any; `place` stands before what is seen in its place."""
    other = there and not any(runs(each, PROGRAM) for each in there)
    WHY.require(
        not other,
        "another-program",
        pod=pod.metadata.name,
        space=pod.metadata.space,
        seen=f"{place}{command_of(there)}" if other else "",
    )


def _require_listening(parcel: Parcel, pod: Pod, container: str, beside: list[str]) -> None:
    """Require that nothing else listens at the port of a copy to which users are sent."""
    port = parcel.listens(pod)
    own = parcel.cluster.processes(pod, container, port)
    _require_parcel_among(own, pod, f"port {port}: ")
    others = {} if own else {name: parcel.cluster.processes(pod, name, port) for name in beside}
    other, there = next(((name, found) for name, found in others.items() if found), ("", []))
    WHY.require(
        not other,
        "another-container",
        pod=pod.metadata.name,
        port=port,
        other=other,
        container=container,
        space=pod.metadata.space,
        seen=f"port {port}, {other}: {command_of(there)}",
    )


def _holds_program(folder: str) -> bool:
    return PurePosixPath(PROGRAM).is_relative_to(folder)


def _ports(services: list[Service]) -> str:
    return "; ".join(
        f"{each.metadata.name} ({each.spec.type}): "
        + ", ".join(
            f"{port.port}{f' on the nodes as {port.node_port}' * bool(port.node_port)}"
            for port in each.spec.ports
        )
        for each in services
    )
