"""Why copies do not get ready: the reasons, from the cluster's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.cluster.interface import lost_nodes
from checker.cluster.kubernetes import NO_IMAGE, NODE_GONE, is_between_two_ends
from checker.cluster.kubernetes_records import quantity, resources_of
from checker.grading.author import could_not_run, fail

from .parcel import LISTENS, WHY, space
from .rollouts import NO_START, delay, fail_standing_still, standing_still

if TYPE_CHECKING:
    from checker.cluster.kubernetes_records import Pod, Probe
    from checker.grading.author import Lab

    from .parcel import Parcel

NEEDED_BYTES = 6 * 2**20
"""Below this, a container cannot even be started; such a limit was meant in another unit."""
SLOW_CORES = 0.05
"""Below this limit, Parcel needs several seconds to start, and to answer."""

EXPECTED = "copies that are READY 1/1"


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
    counted = f"{len(late)} of {len(parcel.pods)} copies"
    _require_started(parcel, pod, counted)
    container = parcel.container(pod)
    # A probe may also have failed once, without consequences.
    killed = parcel.event(pod, "reason=Killing", "failed") if pod.restarts else ""
    if "liveness" in killed:
        _fail_killed(container.liveness_probe, parcel, pod, counted)
    if "startup" not in killed and _ends_by_itself(parcel, pod):
        _fail_ended(parcel, pod, counted)
    for kind, probe in (("Readiness", container.readiness_probe), ("Startup", container.startup_probe)):
        if probe and (complaint := parcel.last_warning(pod, f"{kind} probe")):
            _fail_unready(probe, parcel, pod, counted, complaint)
    _fail_unasked(parcel, pod, counted)


def _source(pod: Pod) -> str:
    return f"kubectl describe pod {pod.metadata.name}{space(pod)}"


# -- not started -----------------------------------------------------------------------------------------------


def _require_started(parcel: Parcel, pod: Pod, counted: str) -> None:
    """End the check when something keeps the copy's container from being started."""
    if pod.trouble in NO_IMAGE:
        _fail_without_image(parcel, pod, counted)
    if not pod.spec.node_name:
        _fail_without_a_node(parcel, pod, counted)
    _require_room_in_memory(parcel, pod, counted)
    if pod.trouble == "CreateContainerConfigError":
        _fail_refused_start(parcel, pod, counted)
    if any(
        not _is_through(each.state.terminated) and not each.ready
        for each in pod.status.init_container_statuses
    ):
        _fail_before_start(parcel, pod, counted)


def _fail_without_image(parcel: Parcel, pod: Pod, counted: str) -> NoReturn:
    container = parcel.container(pod)
    known = [f"{parcel.cluster.image}:{version}" for version in ("1.0", "2.0")]
    asked_for = (
        container.image_pull_policy == "Always" and container.image.removeprefix("docker.io/") in known
    )
    WHY.fail(
        "image-asked-for-elsewhere" if asked_for else "no-such-image",
        counted=counted,
        image=container.image,
        known=" or ".join(known),
        source=_source(pod),
        seen=pod.trouble,
        evidence=parcel.last_warning(pod),
    )


def _fail_without_a_node(parcel: Parcel, pod: Pod, counted: str) -> NoReturn:
    if pod.unschedulable:
        WHY.fail(
            "no-node-takes-it",
            counted=counted,
            source=_source(pod),
            seen=pod.unschedulable,
            evidence=parcel.last_warning(pod),
        )
    WHY.fail(
        "not-scheduled",
        counted=counted,
        source=_source(pod),
        seen=pod.trouble or pod.status.phase,
        evidence=parcel.last_warning(pod),
    )


def _require_room_in_memory(parcel: Parcel, pod: Pod, counted: str) -> None:
    limit = resources_of(pod, parcel.container(pod)).limits.get("memory", "")
    warning = parcel.last_warning(pod)
    WHY.require(
        not limit or quantity(limit) >= NEEDED_BYTES,
        "limit-in-thousandths" if limit.endswith("m") else "limit-below-all",
        counted=counted,
        limit=limit,
        bytes=quantity(limit),
        source=_source(pod),
        seen=f"limit {limit}",
        evidence=warning,
    )
    killed = pod.trouble == "OOMKilled" or any(
        each.last_state.terminated and each.last_state.terminated.reason == "OOMKilled"
        for each in pod.status.container_statuses
    )
    WHY.require(
        not killed,
        "killed-by-its-limit",
        counted=counted,
        limit=limit,
        source=_source(pod),
        seen="OOMKilled",
        evidence=warning,
    )


def _fail_refused_start(parcel: Parcel, pod: Pod, counted: str) -> NoReturn:
    waiting = parcel.status(pod).state.waiting
    said = waiting.message if waiting else ""
    as_whom = "runAsNonRoot" in said
    missing = "not found" in said or "couldn't find" in said
    WHY.fail(
        "not-root-by-name" if as_whom else "reference-missing" if missing else "not-as-it-says",
        counted=counted,
        source=_source(pod),
        seen=f"{pod.metadata.name}: {pod.trouble}",
        evidence=said or parcel.last_warning(pod),
    )


def _is_through(ended: object) -> bool:
    return ended is not None and getattr(ended, "exit_code", 1) == 0


def _fail_before_start(parcel: Parcel, pod: Pod, counted: str) -> NoReturn:
    first = next(
        each
        for each in pod.status.init_container_statuses
        if not _is_through(each.state.terminated) and not each.ready
    )
    fails = first.restart_count or first.state.terminated
    WHY.fail(
        "first-container-fails" if fails else "first-container-waits",
        counted=counted,
        first=first.name,
        pod=f"{pod.metadata.name}{space(pod)}",
        seen=f"{pod.metadata.name}: {'Init:Error' if fails else 'Init:0/1'}",
        evidence=parcel.last_warning(pod),
    )


# -- started again and again -----------------------------------------------------------------------------------


def _fail_killed(probe: Probe | None, parcel: Parcel, pod: Pod, counted: str) -> NoReturn:
    complaint = parcel.last_warning(pod, "Liveness probe")
    for_readiness = probe and probe.http_get and probe.http_get.path == "/readyz"
    why = (
        " That is the question whether it is ready: a copy that is still getting ready is killed for it, starts again, and is never done."
        if for_readiness
        else _slowed(parcel, pod, complaint)
    )
    fail(
        f"{counted} are started again and again, because their liveness probe fails. It asks {probe.asks if probe else 'nothing'}.{why}",
        expected="copies that run, with 0 restarts",
        seen=f"{pod.metadata.name}: {pod.restarts} restart{'s' * (pod.restarts != 1)}",
        source=_source(pod),
        evidence=complaint,
        hint="Two questions, two probes: what should happen to a copy that lives but cannot serve yet, and what to one that is dead?"
        if for_readiness
        else _what_helps(probe, complaint),
    )


def require_steady(lab: Lab, parcel: Parcel) -> None:
    """Require that no copy that is ready now ends again and again, and is ready only in between."""
    now = lab.engine.clock.now()
    ended = [
        pod
        for pod in parcel.pods
        if is_between_two_ends(parcel.status(pod), now) and not parcel.event(pod, "reason=Killing", "failed")
    ]
    if ended:
        counted = f"{len(ended)} of {len(parcel.pods)} copies"
        _require_room_in_memory(parcel, ended[0], counted)
        _fail_ended(parcel, ended[0], counted)


def _ends_by_itself(parcel: Parcel, pod: Pod) -> bool:
    if pod.trouble in NO_START or parcel.status(pod).state.terminated:
        return True
    last = parcel.status(pod).last_state.terminated
    return last is not None and last.exit_code not in {0, NODE_GONE}


def _fail_ended(parcel: Parcel, pod: Pod, counted: str) -> NoReturn:
    """End the check: Parcel ends by itself, or its command cannot be run at all."""
    status = parcel.status(pod)
    last = status.state.terminated or status.last_state.terminated
    unstarted = last is None or last.reason in {"StartError", "ContainerCannotRun"}
    WHY.fail(
        "command-cannot-run" if unstarted else "ends-by-itself",
        counted=counted,
        pod=f"{pod.metadata.name}{space(pod)}",
        seen=f"{pod.metadata.name}: {pod.trouble or 'running again'}"
        + (f", exit code {last.exit_code}" if last and not unstarted else ""),
        evidence=last.message
        if last and last.message
        else parcel.last_words(pod) or parcel.last_warning(pod),
    )


# -- running, and not ready ------------------------------------------------------------------------------------


def _fail_unready(probe: Probe, parcel: Parcel, pod: Pod, counted: str, complaint: str) -> NoReturn:
    starting = "statuscode: 503" in complaint
    fail(
        f"{counted} run and are not ready yet: they answer {probe.asks} with 503, which says that they are still starting."
        if starting
        else f"{counted} run and never get ready: the probe that asks them fails. It asks {probe.asks}."
        + _slowed(parcel, pod, complaint),
        expected=EXPECTED,
        seen=f"{pod.metadata.name}: 0/1",
        source=_source(pod),
        evidence=complaint,
        hint="`PARCEL_READY_DELAY_MS` says how many thousandths of a second a copy takes. `kubectl get pods --watch` shows when it is done."
        if starting
        else _what_helps(probe, complaint),
    )


def _what_helps(probe: Probe | None, complaint: str) -> str:
    asked = probe.http_get if probe else None
    if asked and asked.host:
        return (
            f"With `host`, the node asks {asked.host}, a name that it looks up itself, and not the copy: `localhost` is the node's "
            "own. Whom does a probe of `practice.yaml` ask?"
        )
    if asked and asked.scheme == "HTTPS":
        return "Parcel speaks HTTP, without encryption. Which `scheme` does a probe of `practice.yaml` have?"
    if "timed out" in complaint or "deadline exceeded" in complaint:
        return (
            "No answer came within the probe's `timeoutSeconds`. Does the port speak what the probe asks, and is the copy's "
            "limit of cpu enough for it?"
        )
    return (
        f"Unless it is set to another one, Parcel listens on port {LISTENS}; it answers /readyz and /healthz. "
        "What does the probe name: which port, which path, which command?"
    )


def _slowed(parcel: Parcel, pod: Pod, complaint: str) -> str:
    """Return that a copy is slow by its own limit, if nothing answered in time and it is; otherwise nothing."""
    limit = resources_of(pod, parcel.container(pod)).limits.get("cpu", "")
    late = any(word in complaint for word in ("timed out", "deadline exceeded", "connection refused"))
    slow = late and limit and quantity(limit) < SLOW_CORES
    return (
        f" With a limit of {limit} of cpu, a copy needs many seconds for what takes less than one."
        if slow
        else ""
    )


def _fail_unasked(parcel: Parcel, pod: Pod, counted: str) -> NoReturn:
    """End the check: no probe has complained, so it is something else that keeps copies from being ready."""
    container, name = parcel.container(pod), pod.metadata.name
    seconds = delay(container)
    said = next((each.message for each in pod.status.conditions if each.type == "Ready"), "")
    gate = "readiness gate" in said
    fail(
        f"{counted} are not ready, and so get no requests."
        + (f" Their probes put off the first question by up to {seconds} s." if seconds else "")
        + (" Their pod has a readiness gate, a condition that something else has to set." if gate else ""),
        expected=EXPECTED if not gate else "copies whose pod has the condition Ready",
        seen=f"{name}: {pod.trouble or pod.status.phase}",
        source=_source(pod),
        evidence=parcel.last_warning(pod) or said,
        hint="Who sets the condition that `readinessGates` names?"
        if gate
        else "How long should a copy be left alone after its start? Check again when it has been asked."
        if seconds
        else f"The last lines of `{_source(pod)}` say what happened to it, `kubectl logs {name}{space(pod)}` what it says itself.",
    )
