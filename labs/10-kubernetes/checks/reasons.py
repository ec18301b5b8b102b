"""Why there are no copies, or too few, and why users do not reach them: the reasons, from the cluster's own words."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NoReturn

from checker.cluster.elsewhere import Elsewhere
from checker.grading.author import fail, require

from .parcel import NODE_PORT, labels_of, space

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Kubernetes, Workload
    from checker.cluster.kubernetes_records import Service

    from .parcel import Parcel

ADDRESS = "http://127.0.0.1:8100/"
SHOWN = "http://localhost:8100/"
WANTED = 3
PROGRAM = "/app/parcel.py"
"""Where the image keeps Parcel."""


def fail_without_pods(cluster: Kubernetes) -> NoReturn:
    """End the check: no copy is there."""
    blocked = cluster.last_failure()
    if blocked:
        fail(
            "Something was told to make copies of Parcel and cannot make a single one.",
            expected=f"{WANTED} pods that run {cluster.image}",
            seen="none",
            source="kubectl get events --field-selector type=Warning",
            evidence=blocked,
            hint="The event says what the cluster refused.",
        )
    if hidden := cluster.in_kube_system():
        fail(
            "Parcel runs in the namespace `kube-system`, which is the cluster's own and stays as it is: what is in there "
            "counts as a part of the cluster, not as a copy of yours.",
            expected=f"{WANTED} pods that run {cluster.image}, in `{cluster.home}` or in a namespace of your own",
            seen=f"{len(hidden)} in kube-system",
            source="kubectl get pods --namespace kube-system",
            hint="`kubectl apply --namespace NAME` puts things into another namespace, unless their file names one. Take those in `kube-system` away again.",
        )
    if idle := cluster.idle():
        title, why = idle[0]
        fail(
            f"{title} makes no copy of Parcel: it {why}.",
            expected=f"{WANTED} pods that run {cluster.image}",
            seen="none",
            source=f"kubectl get deployments{cluster.everywhere}",
            hint=f"`kubectl describe {title}` shows how many it wants, and whether it goes on.",
        )
    if misnamed := cluster.misnamed():
        waiting = misnamed[0]
        images = ", ".join(sorted({each.image for each in waiting.spec.containers}))
        fail(
            f"No pod runs {cluster.image}. {waiting.metadata.name} waits for the image {images}, which no node has.",
            expected=f"{WANTED} pods that run {cluster.image}:1.0 or {cluster.image}:2.0",
            seen=f"{waiting.trouble}: {images}",
            source=f"kubectl describe pod {waiting.metadata.name}{space(waiting)}",
            hint="The name of an image begins with the part before the `/`. What does `practice.yaml` write?",
        )
    fail(
        f"No pod on the cluster runs {cluster.image}, so there is nothing that could answer.",
        expected=f"{WANTED} pods that run {cluster.image}",
        seen="none",
        source=f"kubectl get pods{cluster.everywhere}",
        hint="`kubectl apply --filename FILE` tells the cluster what you want, as section 3 of the lesson did for `practice`. What did it answer? Each document of a file is taken or refused on its own.",
    )


# -- refused ---------------------------------------------------------------------------------------------------


def fail_too_few(parcel: Parcel, workload: Workload, refused: str) -> NoReturn:
    """End the check: more copies are wanted than the cluster makes."""
    pods = parcel.pods_of(workload)
    fail(
        f"{workload.title} has {len(pods)} {'copy' if len(pods) == 1 else 'copies'}, and the cluster refuses to make more.",
        expected=f"{WANTED} copies or more",
        seen=refused,
        source=f"kubectl describe {workload.title}{space(pods[0])}",
        hint="The message says what the cluster refused. `kubectl describe resourcequotas` shows what a namespace has room for.",
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
        others = parcel.other_services()
        fail(
            f"No service has port {NODE_PORT} on the nodes, so nobody outside the cluster reaches the copies."
            if not parcel.any_port
            else "No service has a port on the nodes, so nobody outside the cluster reaches the copies.",
            expected="a service of type NodePort" + f" with nodePort {NODE_PORT}" * (not parcel.any_port),
            seen=_ports(others) if others else "no service of yours",
            source=f"kubectl get services{parcel.cluster.everywhere}",
            hint="A port of a service is inside the cluster; its node port is on every node. Left out, the cluster chooses one."
            if others
            else "Which kind gives copies one address? What did `kubectl apply` answer about it? Each document of a file is taken or "
            "refused on its own.",
        )
    name = service.metadata.name
    selector = ",".join(f"{key}={value}" for key, value in service.spec.selector.items())
    source = f"kubectl describe service {name}{space(service)}"
    selected = parcel.selected(service)
    if not selected:
        elsewhere = parcel.pods[0].metadata.namespace != service.metadata.namespace
        where = " A service leads to pods of its own namespace alone." if elsewhere else ""
        fail(
            f"The service {name} leads nowhere: it selects pods with {selector or 'no label at all'}, and no pod has that.{where}",
            expected=f"a selector that fits the copies: {labels_of(parcel.pods[0])}",
            seen=f"selector {selector or 'none'}, and no endpoints",
            source=source,
            hint="A service finds its pods by their labels, not by a name. `kubectl get pods --show-labels` lists them.",
        )
    if not any(pod.ready for pod in selected):
        fail(
            f"The service {name} selects {len(selected)} pods, none of them ready.",
            expected="endpoints that are ready",
            seen=f"{selected[0].metadata.name}: {selected[0].trouble or 'not ready'}",
            source=source,
            hint=f"`kubectl describe pod {selected[0].metadata.name}{space(service)}` says why.",
        )
    ready = next(pod for pod in selected if pod.ready)
    require(
        parcel.target(service, ready).isdecimal(),
        f"The service {name} leads to {parcel.target(service, ready)}, so it has no address to send users to.",
        expected="a port with this name in the copies, or a number",
        seen=", ".join(f"targetPort: {each.target_port}" for each in service.spec.ports),
        source=source,
        hint="A name of a port is given under `ports` of the container. `kubectl describe pod` lists it.",
    )
    target, own = parcel.target(service, ready), parcel.own_port(ready)
    answers = parcel.answers_at(ready, target)
    require(
        answers or target != str(own),
        f"The service {name} leads to port {target} of the pods, which is Parcel's own, and Parcel does not answer there: it "
        "listens for its own pod alone, or it hangs.",
        expected=f"an answer from port {target} of each copy",
        seen=f"no answer from port {target} of {ready.metadata.name}",
        source=f"kubectl describe pod {ready.metadata.name}{space(ready)}",
        hint="`PARCEL_BIND` says on which address Parcel listens. 127.0.0.1 is reached from within the pod alone.",
    )
    require(
        answers,
        f"The service {name} leads to port {target} of the pods, where nobody listens.",
        expected="the port that Parcel listens on" + (f": {own}" if own else ", which `PARCEL_PORT` sets"),
        seen=f"target port {target}",
        source=source,
        hint="A service has three ports: its own, the one on the nodes, and the one in the pods. Left out, the last is like the first.",
    )
    fail(
        f"The service {name} leads to copies that are ready, and yet {SHOWN} gives no answer of Parcel's.",
        expected=f"Parcel's answer from {SHOWN}",
        seen=seen,
        source=f"curl {SHOWN}",
        hint=f"In the toolbox, `curl http://worker-1:{NODE_PORT}/` asks a node itself."
        if not isinstance(parcel.cluster, Elsewhere)
        else "Users come through the API server: `kubectl get --raw "
        f"/api/v1/namespaces/{service.metadata.namespace}/services/{name}:{service.spec.ports[0].port}/proxy/`.",
    )


def require_program(parcel: Parcel) -> None:
    """Require that the image's Parcel runs in each copy, and nothing that answers in its place."""
    for pod in (each for each in parcel.pods if each.ready):
        container = parcel.container(pod)
        over = [each.mount_path for each in container.volume_mounts if _holds_program(each.mount_path)]
        told = " ".join([*container.command, *container.args])
        runs = [] if not told or _names_program(told) else parcel.cluster.processes(pod, container.name)
        require(
            not over and (not runs or any(map(_names_program, runs))),
            f"What answers in {pod.metadata.name} is not the Parcel of its image: "
            + ("a volume lies over it." if over else "the container runs a program of its own."),
            expected=f"python3 {PROGRAM} in each copy, as the image has it",
            seen=f"a volume at {over[0]}" if over else runs[0] if runs else "",
            source=f"kubectl describe pod {pod.metadata.name}{space(pod)}",
            hint="`command`, `args` and `volumeMounts` can take the place of what is in the image. Settings reach Parcel by variables.",
        )


def _holds_program(folder: str) -> bool:
    return PurePosixPath(PROGRAM).is_relative_to(folder)


def _names_program(command: str) -> bool:
    return bool({PROGRAM, PurePosixPath(PROGRAM).name} & set(re.findall(r"""[^\s;&"']+""", command)))


def _ports(services: list[Service]) -> str:
    return "; ".join(
        f"{each.metadata.name} ({each.spec.type}): "
        + ", ".join(
            f"{port.port}{f' on the nodes as {port.node_port}' * bool(port.node_port)}"
            for port in each.spec.ports
        )
        for each in services
    )
