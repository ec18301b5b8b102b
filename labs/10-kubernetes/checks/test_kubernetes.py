"""Lab 10: what the learner's copies on the cluster must do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

from checker.cluster import outcomes
from checker.cluster.elsewhere import Elsewhere
from checker.cluster.kube import Refused
from checker.grading.author import (
    could_not_run,
    fail,
    guard,
    needs,
    not_judged,
    require,
    timeout,
    wait_until,
)

from .parcel import LISTENS, NODE_PORT, labels_of, space
from .rehearsal import HEAL_SECONDS, WATCHED_SECONDS, rehearsal

if TYPE_CHECKING:
    from checker.cluster.kube import Pod, Service
    from checker.cluster.kubernetes import Kubernetes
    from checker.grading.author import Lab, Outside, Traffic

    from .parcel import Parcel

ADDRESS = "http://127.0.0.1:8100/"
SHOWN = "http://localhost:8100/"
WANTED = 3
BEFORE, AFTER = "1.0", "2.0"

READY_SECONDS = 8.0
"""How long copies that are not ready are waited for: a check may come right after a change."""
REPLACED_SECONDS = 45.0
"""A lost node is given up after 10 s and its pods after 5 more; then a copy has to start."""
HEALED_SECONDS = 60
"""A copy that hangs must be started anew within a minute."""
WATCH_SECONDS = 10.0

CHECKED = "kubectl get pods --output wide"

WHO_COUNTS = "Who counts the copies, and how many does it want? `kubectl get pods --watch` while `lab lose 10` takes a node away shows it."
NOT_REPLACED = {
    "StatefulSet": "A StatefulSet makes a copy anew only when the old one is known to be gone, so that no two ever have one name; "
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
    for name in cluster.nodes:
        if not lab.node(name).running:
            could_not_run(f"{name} is lost; `lab lose 10 --back` brings it back.")
    late: list[str] = []

    def is_whole() -> bool:
        nonlocal late
        late = cluster.unready_nodes()
        return not late

    if not wait_until(is_whole, READY_SECONDS, every=0.2):
        could_not_run(
            f"The cluster does not count {' and '.join(late)} as ready. `lab start 10` starts what is not running; "
            "`lab reset 10` makes the cluster anew."
        )
    cordoned = cluster.cordoned_nodes()
    require(
        not cordoned,
        f"{' and '.join(cordoned)} take{'s' * (len(cordoned) == 1)} no new pods: a node that was cordoned or drained "
        "stays so until somebody says otherwise, and what is lost elsewhere cannot move there.",
        expected="three nodes that take pods",
        seen=f"{', '.join(cordoned)}: SchedulingDisabled",
        source="kubectl get nodes",
        hint="`kubectl uncordon` is the opposite of `kubectl cordon`.",
    )
    missing = cluster.missing_parts()
    require(
        not missing,
        f"{' and '.join(missing)} in kube-system {'is' if len(missing) == 1 else 'are'} gone. These are parts of the cluster itself: "
        "without them no name is found, or nothing is measured.",
        expected="coredns and metrics-server in the namespace kube-system",
        seen=f"no {', no '.join(missing)}",
        source="kubectl get deployments --namespace kube-system",
        hint="`lab reset 10` makes the cluster anew; your files are set aside.",
    )


# -- 1: three copies behind one address ------------------------------------------------------------------------


def test_copies_run(parcel: Parcel, cluster: Kubernetes) -> None:
    """At least three copies of Parcel run and are ready."""

    def is_settled() -> bool:
        parcel.pods = parcel.look()
        return len(parcel.pods) >= WANTED and all(pod.ready for pod in parcel.pods)

    if wait_until(is_settled, READY_SECONDS if parcel.pods else 0.0, every=0.2):
        return
    pods = parcel.pods
    if not pods:
        _fail_without_pods(cluster)
    late = [pod for pod in pods if not pod.ready]
    if late:
        _fail_not_ready(parcel, late[0], len(late))
    if parcel.beside and parcel.service:
        name = parcel.service.metadata.name
        fail(
            f"The service {name} leads to {len(pods)} of the {len(pods) + parcel.beside} copies of Parcel that run: only these are asked.",
            expected=f"{WANTED} or more that it leads to",
            seen=f"{len(pods)}, and {parcel.beside} without its labels",
            source=f"kubectl describe service {name}{space(parcel.service)}",
            hint="`kubectl get pods --show-labels` shows which copies carry the labels of the service's selector.",
        )
    fail(
        f"Only {len(pods)} {'copy' if len(pods) == 1 else 'copies'} of Parcel run{'s' * (len(pods) == 1)}. With fewer than three, the loss of a node leaves one or none.",
        expected=f"{WANTED} or more",
        seen=f"{len(pods)}, all ready",
        source=CHECKED,
        hint="How many copies are wanted stands in what looks after them: `kubectl describe deployment parcel`.",
    )


def _fail_without_pods(cluster: Kubernetes) -> None:
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
    fail(
        f"No pod on the cluster runs {cluster.image}, so there is nothing that could answer.",
        expected=f"{WANTED} pods that run {cluster.image}",
        seen="none",
        source=f"kubectl get pods{cluster.everywhere}",
        hint="`kubectl apply --filename FILE` tells the cluster what you want; the lesson's first step does it for `label`.",
    )


def _fail_not_ready(parcel: Parcel, pod: Pod, late: int) -> None:
    name = pod.metadata.name
    container = parcel.container(pod)
    warning = parcel.last_warning(pod)
    counted = f"{late} of {len(parcel.pods)} copies"
    trouble = pod.trouble
    source = f"kubectl describe pod {name}{space(pod)}"
    if trouble in {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}:
        fail(
            f"{counted} cannot start: the image {container.image} is not on the node and cannot be fetched.",
            expected=f"{parcel.cluster.image}:1.0 or {parcel.cluster.image}:2.0, which every node can run",
            seen=trouble,
            source=source,
            evidence=warning,
            hint="Compare the image's name and tag, and whether it may be taken from the node: `imagePullPolicy`.",
        )
    if "Liveness probe failed" in warning or (pod.restarts and container.liveness_probe):
        probe = container.liveness_probe
        path = probe.http_get.path if probe and probe.http_get else "its command"
        why = (
            " That is the question whether it is ready: a copy that is still getting ready is killed for it, starts again, and is never done."
            if path == "/readyz"
            else ""
        )
        fail(
            f"{counted} are started again and again, because their liveness probe fails. It asks {path}.{why}",
            expected="copies that run, with 0 restarts",
            seen=f"{name}: {pod.restarts} restart{'s' * (pod.restarts != 1)}",
            source=source,
            evidence=warning,
            hint="Two questions, two probes: what should happen to a copy that lives but cannot serve yet, and what to one that is dead?",
        )
    if "Readiness probe failed" in warning or "Startup probe failed" in warning:
        probe = container.readiness_probe or container.startup_probe
        port = probe.http_get.port if probe and probe.http_get else "?"
        fail(
            f"{counted} run and never get ready: the probe that asks them fails. It asks port {port}.",
            expected="copies that are READY 1/1",
            seen=f"{name}: 0/1",
            source=source,
            evidence=warning,
            hint=f"Parcel listens on port {LISTENS} and answers /readyz and /healthz. Which port and which path does the probe name?",
        )
    if trouble == "CreateContainerConfigError" or "Insufficient" in trouble or "didn't match" in trouble:
        fail(
            f"{counted} have no node: none fits what they ask for.",
            expected="a node for each copy",
            seen=trouble,
            source=source,
            evidence=warning,
            hint="What a pod requests, and which nodes it may run on, stands in its spec.",
        )
    if trouble == "OOMKilled" or any(
        each.last_state.terminated and each.last_state.terminated.reason == "OOMKilled"
        for each in pod.status.container_statuses
    ):
        fail(
            f"{counted} are killed by their own memory limit, {container.resources.limits.get('memory', '')}.",
            expected="a limit that Parcel fits into: it needs some 25 MB",
            seen="OOMKilled",
            source=source,
            evidence=warning,
            hint="`kubectl top pods` shows what a copy uses.",
        )
    fail(
        f"{counted} are not ready, and so get no requests.",
        expected="copies that are READY 1/1",
        seen=f"{name}: {trouble or pod.status.phase}",
        source=source,
        evidence=warning,
        hint=f"`kubectl logs {name}{space(pod)}` shows what the copy itself says.",
    )


@needs("copies-run")
def test_looked_after(parcel: Parcel) -> None:
    """Something looks after the copies and replaces them."""
    bare = [pod for pod in parcel.pods if pod.metadata.owner is None]
    require(
        not bare,
        f"{bare[0].metadata.name if bare else ''} is a pod on its own. Nothing looks after it: when it is gone, it is gone.",
        expected="pods that belong to a Deployment or the like",
        seen=f"{len(bare)} of {len(parcel.pods)} belong to nothing",
        source="kubectl get pods --output custom-columns=NAME:.metadata.name,OWNER:.metadata.ownerReferences[0].name",
        hint="A pod is one copy. What says how many there should be, and keeps it so, is another kind of thing.",
    )


@needs("copies-run")
def test_answers(parcel: Parcel, outside: Outside) -> None:
    """The one address answers: port 8100 of this machine."""
    reply = outside.get(ADDRESS, patience=3.0)
    if not (reply.ok and reply.json().get("service") == "parcel"):
        reply = _ask_for_a_while(outside)
    if reply is None:
        _fail_unreachable(parcel)


def _ask_for_a_while(outside: Outside) -> object:
    found: list[object] = []

    def answers() -> bool:
        reply = outside.get(ADDRESS)
        if reply.ok and reply.json().get("service") == "parcel":
            found.append(reply)
        return bool(found)

    wait_until(answers, 4.0, every=0.2)
    return found[0] if found else None


def _fail_unreachable(parcel: Parcel) -> None:
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
    target = _target(parcel, service, selected[0])
    require(
        target == str(LISTENS),
        f"The service {name} leads to port {target} of the pods, where nobody listens.",
        expected=f"Parcel's port, {LISTENS}",
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
        else "Users come by way of the API server: `kubectl get --raw "
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


def _target(parcel: Parcel, service: Service, pod: Pod) -> str:
    port = parcel.port(service)
    if port is None:
        return "?"
    if isinstance(port.target_port, int) or str(port.target_port).isdecimal():
        return str(port.target_port or port.port)
    named = [
        each for container in pod.spec.containers for each in container.ports if each.name == port.target_port
    ]
    return str(named[0].container_port) if named else f"{port.target_port}, a name that no port of theirs has"


@needs("copies-run")
def test_spread(parcel: Parcel, cluster: Kubernetes) -> None:
    """The copies are on more than one node."""
    per: dict[str, int] = {}
    for pod in parcel.pods:
        per[pod.spec.node_name] = per.get(pod.spec.node_name, 0) + 1
    if len(per) == 1 and len(cluster.nodes) < 2:
        not_judged(
            "this cluster has one node that takes pods, so whether copies are spread over nodes cannot be seen."
            if cluster.nodes
            else "all copies are on one node, and how many nodes there are may not be seen."
        )
    require(
        len(per) > 1,
        f"All {len(parcel.pods)} copies are on {next(iter(per))}: when that node is lost, all are lost.",
        expected="copies on two nodes at least",
        seen=", ".join(f"{node}: {count}" for node, count in per.items()),
        source=CHECKED,
        hint="The scheduler spreads copies by itself, unless it was told where they may run. `kubectl describe pod NAME` shows Node-Selectors.",
    )


# -- 2: health and room ----------------------------------------------------------------------------------------


@needs("copies-run")
def test_requests_and_limits(parcel: Parcel) -> None:
    """Each copy says what it needs, and has a limit of memory."""
    lacking: list[str] = []
    for pod in parcel.pods:
        given = parcel.container(pod).resources
        lacking = [f"a request of {each}" for each in ("cpu", "memory") if each not in given.requests]
        lacking += [] if "memory" in given.limits else ["a limit of memory"]
        if lacking:
            break
    require(
        not lacking,
        f"The copies have no {' and no '.join(each.removeprefix('a ') for each in lacking)}. Without requests the scheduler takes them for nothing and "
        "puts any number on a node; without a limit one that leaks takes what its neighbours need.",
        expected="requests of cpu and memory, and a limit of memory",
        seen=f"lacking: {', '.join(lacking)}",
        source="kubectl describe pods",
        hint="Lesson, “Room”: `resources` has two halves. Which one does the scheduler read, and which one the kernel?",
    )


@needs("copies-run", "looked-after")
@timeout(60)
def test_probes(lab: Lab, parcel: Parcel) -> None:
    """A copy that is not ready gets no requests; one that hangs is started anew."""
    if lab.recall("probes", parcel.key) is not None:
        return
    container = parcel.container(parcel.pods[0])
    source = f"kubectl describe {parcel.workload.title}{space(parcel.pods[0])}"
    require(
        container.readiness_probe,
        "Nobody asks the copies whether they are ready: each gets requests from its first moment, able to serve or not.",
        expected="a readiness probe",
        seen="none",
        source=source,
        hint="Parcel answers /readyz with 200 when it can serve, and with 503 until then.",
    )
    require(
        container.liveness_probe,
        "Nobody asks the copies whether they live: one that hangs is a copy that runs, for ever.",
        expected="a liveness probe",
        seen="none",
        source=source,
        hint="Parcel answers /healthz as long as it lives. What should happen when it does not answer any more?",
    )
    probe = container.liveness_probe
    slowest = (
        probe.initial_delay_seconds + probe.period_seconds * probe.failure_threshold + probe.timeout_seconds
    )
    require(
        slowest <= HEALED_SECONDS,
        f"A copy that hangs would be noticed after up to {slowest} s.",
        expected=f"within {HEALED_SECONDS} s",
        seen=f"asked every {probe.period_seconds} s, given up after {probe.failure_threshold} failures",
        source=source,
        hint="How often a probe asks, times how many failures it takes.",
    )
    with rehearsal(parcel) as pods:
        late_ready = wait_until(
            lambda: pods.look("late").ready or pods.look("hung").ready, HEAL_SECONDS, every=0.2
        )
        late = pods.look("late")
        require(
            not late.ready,
            "A copy that says on /readyz that it is not ready was counted as ready. The readiness probe asks something else.",
            expected="a copy that answers 503 on /readyz gets no requests",
            seen="READY 1/1, while /readyz answers 503",
            source=source,
            hint="Which path of Parcel's tells whether it can serve? The checker made a copy of your pod that needs very long to get ready.",
        )
        require(
            late_ready,
            "A copy of your pod that can serve at once was not counted as ready.",
            expected="READY 1/1",
            seen="READY 0/1",
            source=source,
            evidence=parcel.last_warning(pods.look("hung")),
            hint="Which port and which path does the readiness probe name?",
        )
        pods.hang()
        wait_until(lambda: pods.look("late").restarts, WATCHED_SECONDS, every=0.5)
        late = pods.look("late")
        kind = "startup" if "Startup probe failed" in parcel.last_warning(late) else "liveness"
        require(
            not late.restarts,
            f"A copy that lives, but is not ready yet, was killed by its {kind} probe. It would start again, be killed "
            f"again, and never get ready: the {kind} probe asks whether it is ready.",
            expected="a copy that gets ready slowly is left alone",
            seen=f"{late.restarts} restart{'s' * (late.restarts != 1)} while it was getting ready",
            source=source,
            evidence=parcel.last_warning(late),
            hint="Readiness and liveness are two questions. Which path of Parcel's tells that it lives, ready or not?"
            if kind == "liveness"
            else "A startup probe that fails too often ends the copy. Which path of Parcel's tells that it lives, ready or not?",
        )
        healed = wait_until(lambda: pods.look("hung").restarts, HEAL_SECONDS, every=0.2)
        require(
            healed,
            "A copy that hangs was not started anew: its liveness probe goes on passing.",
            expected="a restart, once the copy answers nobody any more",
            seen="0 restarts",
            source=source,
            hint="What does the probe ask, and would a copy that answers nobody pass it?",
        )
    lab.remember("probes", parcel.key)


# -- 3: a new version ------------------------------------------------------------------------------------------


@needs("answers", "looked-after")
def test_moved_without_failure(cluster: Kubernetes, parcel: Parcel, timeline: Traffic) -> None:
    """Version 2.0 took over from 1.0 and no user noticed."""
    outcomes.rollout(
        timeline.everything(),
        before=BEFORE,
        after=AFTER,
        source="lab timeline 10",
        hint="`lab timeline 10` draws it. When does a new copy get its first request, and an old one its last?",
        unfinished="`kubectl rollout status deployment/parcel` says what a rollout waits for; one that was paused waits for you.",
    )
    old = [each for each in cluster.instances() if each.version != AFTER]
    require(
        not old,
        f"{len(old)} of {len(parcel.pods)} copies are meant to run version {old[0].version if old else ''}.",
        expected=f"version {AFTER}, in all copies",
        seen=f"{old[0].id}: {old[0].image}" if old else "",
        source="kubectl get pods --output custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image",
        hint="`kubectl rollout history deployment/parcel` lists what was rolled out, `kubectl rollout status` whether it is done.",
    )


# -- 4: what goes wrong ----------------------------------------------------------------------------------------


@needs("moved-without-failure")
@timeout(120)
def test_bad_release(lab: Lab, cluster: Kubernetes, parcel: Parcel, timeline: Traffic) -> None:
    """A release that cannot start takes nothing down, and can be taken back."""
    if lab.recall("bad release", parcel.key) is not None:
        return
    workload, image = parcel.workload, parcel.container(parcel.pods[0])
    wanted = len(parcel.pods)
    back: list[bool] = []
    try:
        outcomes.contained(
            cluster,
            timeline,
            release=lambda: cluster.release(workload, cluster.bad_image),
            withdraw=lambda: back.append(cluster.undo(workload, image.name, image.image, wanted)),
            serving=AFTER,
            seconds=WATCH_SECONDS,
            hint="`kubectl describe deployment parcel` shows StrategyType and how many may be unavailable: how many old copies may go before a new one is ready?",
        )
    except Refused as refused:
        could_not_run(f"The bad release could not be tried: {refused.message}")
    require(
        all(back),
        f"After {cluster.bad_image} was taken back, not all copies got ready again.",
        expected=f"{wanted} copies of version {AFTER}, all ready",
        seen=f"{sum(pod.ready for pod in cluster.pods())} ready",
        source=CHECKED,
        hint="`kubectl get events` says what the cluster waits for.",
    )
    lab.remember("bad release", parcel.key)


@needs("moved-without-failure", "spread")
@timeout(240)
def test_node_lost(lab: Lab, cluster: Kubernetes, parcel: Parcel, timeline: Traffic) -> None:
    """A node is lost, and the copies that were on it run elsewhere."""
    if isinstance(cluster, Elsewhere):
        _judge_without_a_loss(lab, cluster, parcel)
    if lab.recall("node lost", parcel.key) is not None:
        return
    on = [pod.spec.node_name for pod in parcel.pods if pod.spec.node_name != "control-plane"]
    victim = max(sorted(set(on)), key=on.count)
    found = outcomes.replaced(
        cluster,
        timeline,
        len(parcel.pods),
        within=REPLACED_SECONDS,
        node=victim,
        hint=NOT_REPLACED.get(parcel.workload.kind, WHO_COUNTS),
    )
    lab.record("replaced after a node's loss", found.seconds, "s", "kubernetes")
    lab.record("requests lost with a node", found.lost, "requests", "kubernetes")
    # The node's old pods go when it is back; what comes next wants to find none.
    wait_until(lambda: all(pod.ready for pod in cluster.pods()), READY_SECONDS, every=0.2)
    lab.remember("node lost", parcel.key)


def _judge_without_a_loss(lab: Lab, cluster: Elsewhere, parcel: Parcel) -> NoReturn:
    """Try what can be tried on machines that are not the lab's, and say what is not proven by it."""
    staying = [pod for pod in parcel.pods if cluster.outstays(pod)]
    require(
        not staying,
        f"{len(staying)} of {len(parcel.pods)} copies say that they put up with a lost node for ever. Nobody gives them up when "
        "theirs is lost, so not all of them run elsewhere then.",
        expected="copies that are given up some time after their node was lost",
        seen="a toleration of lost nodes without tolerationSeconds",
        source="kubectl describe pods",
        hint="Who says for how long? `kubectl describe pod NAME`, Tolerations.",
    )
    if lab.recall("copy evicted", parcel.key) is None:
        _evict_one(lab, cluster, parcel)
        lab.remember("copy evicted", parcel.key)
    not_judged(
        "no machine of a cluster that is not the lab's is killed. A copy was evicted instead, as when its node is drained, "
        "and was replaced; and the copies let themselves be given up. How long a lost node's copies are missed is not proven."
    )


def _evict_one(lab: Lab, cluster: Elsewhere, parcel: Parcel) -> None:
    victim = parcel.pods[0]
    wanted = len(parcel.pods)
    begun = time.monotonic()
    if refused := cluster.evict(victim):
        could_not_run(f"A copy could not be evicted to see whether it is replaced: {refused}")

    def is_replaced() -> bool:
        left = [pod for pod in cluster.pods() if pod.metadata.uid != victim.metadata.uid]
        return len(left) >= wanted and all(pod.ready for pod in left)

    require(
        wait_until(is_replaced, REPLACED_SECONDS, every=0.2),
        f"A copy was evicted, and {REPLACED_SECONDS:g} s later not as many as before are ready.",
        expected=f"{wanted} copies, all ready",
        seen=f"{sum(pod.ready for pod in cluster.pods())} ready",
        source=CHECKED,
        hint="Who counts the copies, and how many does it want?",
    )
    lab.record("replaced after an eviction", round(time.monotonic() - begun, 1), "s", "kubernetes")
