"""Why an autoscaler sets no number of copies: it names others, or does not get what it is to measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from checker.cluster.kubernetes import held_back
from checker.cluster.kubernetes_records import PodSpec, resources_of

from .autoscaler import WHY

if TYPE_CHECKING:
    from checker.cluster.kubernetes_autoscalers import Autoscaler

    from .autoscaler import Scaled


def require_measured(scaled: Scaled) -> None:
    """Fail unless an autoscaler of the workload gets what it is to measure."""
    found = scaled.found
    if found is None:
        fail_without_any(scaled)
    if not found.measures:
        fail_without_a_measure(scaled, found)


def fail_without_a_measure(scaled: Scaled, found: Autoscaler) -> NoReturn:
    """End the check: an autoscaler measures nothing, and this is why."""
    active, ref = found.condition("ScalingActive"), found.spec.scale_target_ref
    said = active.message or found.refusal
    source = f"kubectl describe hpa {found.metadata.name}{scaled.space}"
    seen = f"ScalingActive: {active.status or 'not decided'} {active.reason}".strip()
    if found.lacking:
        _fail_without_a_request(scaled, *found.lacking, source=source, seen=seen, evidence=said)
    others = sorted({each.type for each in found.spec.metrics} - {"Resource", "ContainerResource"})
    unknown = "no matches for kind" in said
    server = "" if unknown or others else scaled.cluster.missing_parts().get("metrics-server", "")
    WHY.fail(
        "no-such-kind" if unknown
        else "metric-of-others" if others
        else "no-metrics-server" if server
        else "not-measured",
        title=scaled.workload.title,
        kind=ref.kind,
        version=ref.api_version,
        type="".join(others[:1]),
        server=server,
        source=source,
        seen=seen,
        evidence=said,
    )  # fmt: skip


def _fail_without_a_request(
    scaled: Scaled, name: str, container: str, *, source: str, seen: str, evidence: str
) -> NoReturn:
    """End the check: a container of a pod requests nothing, so nobody knows what a part of its request is.

    Args:
        scaled: what is scaled.
        name: the pod's name.
        container: the container's name; empty when the pod itself should request it.
        source: the command that shows it.
        seen: the autoscaler's condition.
        evidence: what it says.
    """
    pod = next((each for each in scaled.cluster.pods() if each.metadata.name == name), None)
    spec = scaled.cluster.api.get(scaled.workload.path)[0]["spec"] if pod else {}
    held = held_back(scaled.workload.kind, spec)
    lacking = (
        [each.name for each in pod.spec.lasting if "cpu" not in resources_of(pod, each).requests]
        if pod
        else []
    )
    WHY.fail(
        "stranger-without-a-request" if pod is None
        else "container-without-a-request" if not _requests(spec, container)
        else "request-held-back" if held
        else "request-on-its-way",
        title=scaled.workload.title,
        pod=name,
        lacking=", ".join(lacking) or name,
        held=held,
        space=scaled.space,
        source=source,
        seen=seen,
        evidence=evidence,
    )  # fmt: skip


def _requests(spec: dict[str, Any], container: str) -> bool:
    """Whether the pods that a workload makes now request CPU, in a container or as a whole."""
    made_of = msgspec.convert(spec["template"]["spec"], PodSpec, strict=False)
    own = (each.resources for each in made_of.lasting if each.name == container)
    return any("cpu" in each.requests for each in (made_of.resources, *own))


def fail_without_any(scaled: Scaled) -> NoReturn:
    """End the check: no autoscaler names the workload; say what those name that there are."""
    ours = scaled.workload
    others = [each for each in scaled.all() if each.metadata.namespace != "kube-system"]
    away = next((each.metadata.namespace for each in others if each.names(ours)), "")
    made = {owner.name for pod in scaled.pods for owner in pod.metadata.owner_references}
    refs = [each.spec.scale_target_ref for each in others]
    aims = ", ".join(each.reference for each in others)
    passing = any(ref.kind == "ReplicaSet" and ref.name in made for ref in refs)
    WHY.fail(
        "scales-a-replica-set" if passing
        else "in-another-namespace" if away
        else "scales-others" if others
        else "no-autoscaler",
        title=ours.title,
        namespace=ours.namespace,
        away=away,
        aims=aims,
        seen=f"one in {away}" if away and not passing else aims or "no HorizontalPodAutoscaler",
    )  # fmt: skip
