"""Why copies do not run, are not ready, or are not reached: the reasons, from the cluster's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.cluster.elsewhere import Elsewhere
from checker.cluster.interface import lost_nodes
from checker.cluster.kubernetes_records import quantity, resources_of
from checker.grading.author import could_not_run, fail, require

from .parcel import LISTENS, NODE_PORT, labels_of, space

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Kubernetes, Workload
    from checker.cluster.kubernetes_records import Container, Pod, Service
    from checker.grading.author import Lab

    from .parcel import Parcel

ADDRESS = "http://127.0.0.1:8100/"
SHOWN = "http://localhost:8100/"
WANTED = 3
NEEDED_BYTES = 6 * 2**20
"""Below this, a container cannot even be started; such a limit was meant in another unit."""

NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}


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
    fail(
        f"No pod on the cluster runs {cluster.image}, so there is nothing that could answer.",
        expected=f"{WANTED} pods that run {cluster.image}",
        seen="none",
        source=f"kubectl get pods{cluster.everywhere}",
        hint="`kubectl apply --filename FILE` tells the cluster what you want, as section 3 of the lesson did for `practice`. What did it answer? Each document of a file is taken or refused on its own.",
    )


def fail_not_ready(lab: Lab, parcel: Parcel, late: list[Pod]) -> NoReturn:
    """End the check: too few copies are ready, and this is why."""
    lost = lost_nodes(lab, [pod.spec.node_name for pod in late])
    if lost:
        could_not_run(
            f"Copies were on {' and '.join(lost)}, which {'is' if len(lost) == 1 else 'are'} lost, and are not made again "
            f"elsewhere yet. `lab lose {int(lab.number)} --back` brings {'it' if len(lost) == 1 else 'them'} back."
        )
    if stuck := standing_still(parcel):
        fail_standing_still(parcel, stuck)
    pod = late[0]
    name = pod.metadata.name
    container = parcel.container(pod)
    warning = parcel.last_warning(pod)
    counted = f"{len(late)} of {len(parcel.pods)} copies"
    trouble = pod.trouble
    source = f"kubectl describe pod {name}{space(pod)}"
    if trouble in NO_IMAGE:
        fail(
            f"{counted} cannot start: the image {container.image} is not on the node and cannot be fetched.",
            expected=f"{parcel.cluster.image}:1.0 or {parcel.cluster.image}:2.0, which every node can run",
            seen=trouble,
            source=source,
            evidence=warning,
            hint="Compare the image's name and tag, and whether it may be taken from the node: `imagePullPolicy`.",
        )
    if pod.unschedulable:
        fail_without_a_node(parcel, pod, counted)
    _require_room_in_memory(pod, container, counted, source, warning)
    if trouble == "CreateContainerConfigError":
        fail(
            f"{counted} cannot be started: something that their pod refers to is not there.",
            expected="copies that are READY 1/1",
            seen=f"{name}: {trouble}",
            source=source,
            evidence=warning,
            hint="The event names the ConfigMap, the Secret or the key. It has to be in the pod's own namespace.",
        )
    if liveness := parcel.last_warning(pod, "Liveness probe"):
        _fail_killed(pod, container, counted, source, liveness)
    unready = parcel.last_warning(pod, "Readiness probe") or parcel.last_warning(pod, "Startup probe")
    if unready:
        probe = container.readiness_probe if "Readiness" in unready else container.startup_probe
        fail(
            f"{counted} run and never get ready: the probe that asks them fails. It asks {probe.asks if probe else 'nothing'}.",
            expected="copies that are READY 1/1",
            seen=f"{name}: 0/1",
            source=source,
            evidence=unready,
            hint=f"Unless it is set to another one, Parcel listens on port {LISTENS}; it answers /readyz and /healthz. Which port and which path does the probe name?",
        )
    fail(
        f"{counted} are not ready, and so get no requests.",
        expected="copies that are READY 1/1",
        seen=f"{name}: {trouble or pod.status.phase}",
        source=source,
        evidence=warning,
        hint=f"`kubectl logs {name}{space(pod)}` shows what the copy itself says.",
    )


def _require_room_in_memory(pod: Pod, container: Container, counted: str, source: str, warning: str) -> None:
    limit = resources_of(pod, container).limits.get("memory", "")
    require(
        not limit or quantity(limit) >= NEEDED_BYTES,
        f"{counted} cannot be started: their limit of memory is {limit}, and that is {quantity(limit):.3g} bytes. "
        "`m` is a thousandth; memory is counted in `Mi`, 1,048,576 bytes each.",
        expected="a limit that Parcel fits into: it needs about 25 MB",
        seen=f"limit {limit}",
        source=source,
        evidence=warning,
        hint="Lesson, “Room”: in which unit does `practice.yaml` write its memory?",
    )
    killed = pod.trouble == "OOMKilled" or any(
        each.last_state.terminated and each.last_state.terminated.reason == "OOMKilled"
        for each in pod.status.container_statuses
    )
    require(
        not killed,
        f"{counted} are killed by their own memory limit, {limit}.",
        expected="a limit that Parcel fits into: it needs about 25 MB",
        seen="OOMKilled",
        source=source,
        evidence=warning,
        hint="`kubectl top pods` shows what a copy uses.",
    )


def _fail_killed(pod: Pod, container: Container, counted: str, source: str, warning: str) -> NoReturn:
    probe = container.liveness_probe
    why = (
        " That is the question whether it is ready: a copy that is still getting ready is killed for it, starts again, and is never done."
        if probe and probe.http_get and probe.http_get.path == "/readyz"
        else ""
    )
    fail(
        f"{counted} are started again and again, because their liveness probe fails. It asks {probe.asks if probe else 'nothing'}.{why}",
        expected="copies that run, with 0 restarts",
        seen=f"{pod.metadata.name}: {pod.restarts} restart{'s' * (pod.restarts != 1)}",
        source=source,
        evidence=warning,
        hint="Two questions, two probes: what should happen to a copy that lives but cannot serve yet, and what to one that is dead?",
    )


def fail_without_a_node(parcel: Parcel, pod: Pod, counted: str) -> NoReturn:
    """End the check: no node takes a copy, in the scheduler's words."""
    fail(
        f"{counted} have no node: none takes what they ask for.",
        expected="a node for each copy",
        seen=pod.unschedulable,
        source=f"kubectl describe pod {pod.metadata.name}{space(pod)}",
        evidence=parcel.last_warning(pod),
        hint="The message counts the nodes by what rules them out. Which lines of your pod ask for that: `resources`, `nodeSelector`, `affinity`, `topologySpreadConstraints`, a `hostPort`?",
    )


# -- a rollout that stands still -------------------------------------------------------------------------------


def standing_still(parcel: Parcel) -> Pod | None:
    """Return a copy that keeps a rollout waiting while older ones of the same workload serve; None if there is none."""
    serving = {(parcel.owner(pod), parcel.container(pod).image) for pod in parcel.pods if pod.ready}
    for pod in parcel.pods:
        owner, image = parcel.owner(pod), parcel.container(pod).image
        older = [other for other, had in serving if other == owner and had != image]
        if not pod.ready and older and (pod.trouble or parcel.last_warning(pod)):
            return pod
    return None


def fail_standing_still(parcel: Parcel, pod: Pod) -> NoReturn:
    """End the check: a release was begun that cannot be done."""
    owner, image = parcel.owner(pod), parcel.container(pod).image
    old = sorted({parcel.container(each).image for each in parcel.pods if each.ready} - {image})
    serving = sum(each.ready for each in parcel.pods)
    trouble = pod.trouble or "0/1"
    fail(
        f"A rollout stands still: {'1 copy' if serving == 1 else f'{serving} copies'} of {' and '.join(old)} "
        f"{'serves' if serving == 1 else 'serve'}, and a copy of {image} does not get ready "
        f"({trouble}). It waits until somebody takes the rollout back, or makes a version that can start.",
        expected="a rollout that is complete, or was rolled back",
        seen=f"{pod.metadata.name}: {trouble}",
        source=f"kubectl rollout status {owner.title}{space(pod)}",
        evidence=parcel.last_warning(pod),
        hint="Lesson, “A release that cannot start”: which command led out there?",
    )


def fail_refused(parcel: Parcel, workload: Workload, refused: str) -> NoReturn:
    """End the check: a release was begun of which the cluster makes no copy."""
    pod = parcel.pods_of(workload)[0]
    fail(
        f"A rollout of {workload.title} stands still: the cluster refuses to make a copy of the new version.",
        expected="a rollout that is complete, or was rolled back",
        seen=refused,
        source=f"kubectl describe {workload.title}{space(pod)}",
        hint="A usual rollout makes one copy more before it takes an old one away. Has your namespace room for one more? "
        "`kubectl describe resourcequotas` shows what is used and what there is.",
    )


# -- not reached -----------------------------------------------------------------------------------------------


def fail_unreachable(parcel: Parcel) -> NoReturn:
    """End the check: copies are ready, and users do not reach them."""
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
            hint="A port of a service is inside the cluster; its node port is on every node. Left out, the cluster chooses one.",
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
    target = parcel.target(service, ready)
    require(
        parcel.answers_at(ready, target),
        f"The service {name} leads to port {target} of the pods, where nobody listens.",
        expected=f"the port that Parcel listens on: {parcel.own_port(ready)}",
        seen=f"target port {target}",
        source=source,
        hint="A service has three ports: its own, the one on the nodes, and the one in the pods. Left out, the last is like the first.",
    )
    fail(
        f"The service {name} leads to copies that are ready, and yet {SHOWN} gives no answer of Parcel's.",
        expected=f"Parcel's answer from {SHOWN}",
        seen="none",
        source=f"curl {SHOWN}",
        hint=f"In the toolbox, `curl http://worker-1:{NODE_PORT}/` asks a node itself."
        if not isinstance(parcel.cluster, Elsewhere)
        else "Users come through the API server: `kubectl get --raw "
        f"/api/v1/namespaces/{service.metadata.namespace}/services/{name}:{service.spec.ports[0].port}/proxy/`.",
    )


def _ports(services: list[Service]) -> str:
    return "; ".join(
        f"{each.metadata.name} ({each.spec.type}): "
        + ", ".join(
            f"{port.port}{f' on the nodes as {port.node_port}' * bool(port.node_port)}"
            for port in each.spec.ports
        )
        for each in services
    )
