"""Why an autoscaler sets no number of copies: it names others, or does not get what it is to measure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

import msgspec

from checker.cluster.kubernetes import held_back
from checker.cluster.kubernetes_records import PodSpec, resources_of
from checker.grading.author import fail

if TYPE_CHECKING:
    from .autoscaler import Scaled
    from .hpa import Autoscaler

MISSING = re.compile(
    r"missing (?:pod-level )?request for cpu in (?:container (?P<container>\S+) of )?Pod (?P<pod>\S+)"
)
"""What an autoscaler says when a container requests nothing."""


def tell_of_no_measure(scaled: Scaled, found: Autoscaler) -> NoReturn:
    """Say why an autoscaler measures nothing."""
    title, active = scaled.workload.title, found.condition("ScalingActive")
    said = active.message or refusal_of(found)
    seen = f"ScalingActive: {active.status or 'not decided'} {active.reason}".strip()
    source = f"kubectl describe hpa {found.metadata.name}{scaled.space}"
    if missing := MISSING.search(said):
        why, hint = _missing(scaled, missing["container"] or "", missing["pod"])
        fail(
            f"The autoscaler of {title} cannot tell how busy the copies are: its target is a part of what a copy requests, and a "
            f"container of a pod requests no CPU. {why}".rstrip(),
            expected="ScalingActive: True",
            seen=seen,
            source=source,
            evidence=said,
            hint=hint,
        )
    ref = found.spec.scale_target_ref
    kinds = sorted({each.type for each in found.spec.metrics} - {"Resource", "ContainerResource"})
    if "no matches for kind" in said:
        why = f"It looks for a {ref.kind} under the apiVersion `{ref.api_version}`, and the cluster has none there."
        hint = "Which apiVersion does the workload itself have, in its own file? `scaleTargetRef` names the same."
    elif kinds:
        why = (
            f"Of its metrics, one is of the type {kinds[0]}: such a metric comes from a program that answers for it, and this cluster "
            "has none. While one metric is not known, no copy is removed."
        )
        hint = "`kubectl get apiservices` shows who answers for metrics. Which one comes from metrics-server?"
    elif "metrics-server" in (parts := scaled.cluster.missing_parts()):
        why = f"It asks the metrics server, and that is {parts['metrics-server']}."
        hint = "`kubectl get pods --namespace kube-system` shows the cluster's own parts. They must not be changed."
    else:
        why = ""
        hint = "The last lines of that command say what it tried to read. `kubectl top pods` shows what metrics-server has measured."
    fail(
        f"The autoscaler of {title} does not get what it is to measure. {why}".rstrip(),
        expected="ScalingActive: True",
        seen=seen,
        source=source,
        evidence=said,
        hint=hint,
    )


def _missing(scaled: Scaled, container: str, name: str) -> tuple[str, str]:
    """Return whose request is missing and why, and where to look."""
    title = scaled.workload.title
    of_all = "`kubectl get hpa` shows <unknown> in place of the use. Of how many containers of the pod must the request be known?"
    pod = next((each for each in scaled.cluster.pods() if each.metadata.name == name), None)
    if pod is None:
        why = (
            f"It is the pod {name}. It serves no users, but it has the labels by which {title} knows its pods: so the autoscaler counts "
            "it, even when it has ended."
        )
        hint = f"`kubectl get pods --show-labels{scaled.space}` beside the selector of {title}: which pods have these labels?"
        return why, hint
    spec = scaled.cluster.api.get(scaled.workload.path)[0]["spec"]
    made_of = msgspec.convert(spec["template"]["spec"], PodSpec, strict=False)
    told = [each for each in made_of.lasting if each.name == container and "cpu" in each.resources.requests]
    if told or "cpu" in made_of.resources.requests:
        why = f"{title} says a request, and the pod {name} was made before it said so"
        if held := held_back(scaled.workload.kind, spec):
            return (
                f"{why}: `{held}` keeps what is new from the pods.",
                f"`kubectl rollout --help` lists what can be done with a rollout. `kubectl describe {title}{scaled.space}` says how it is.",
            )
        return (
            f"{why}.",
            f"`kubectl rollout status {title}{scaled.space}` says whether the change has reached all copies.",
        )
    names = [each.name for each in pod.spec.lasting if "cpu" not in resources_of(pod, each).requests]
    return f"Without a request: {', '.join(names) or name}.", of_all


def tell_of_none(scaled: Scaled) -> NoReturn:
    """Say that no autoscaler names the workload, and what those name that there are."""
    title = scaled.workload.title
    others = [each for each in scaled.all() if each.metadata.namespace != "kube-system"]
    kind = scaled.workload.kind.lower()
    aims = ", ".join(
        f"{each.spec.scale_target_ref.kind.lower()}/{each.spec.scale_target_ref.name}" for each in others
    )
    if any(
        each.spec.scale_target_ref.kind == "ReplicaSet"
        and any(
            owner.name == each.spec.scale_target_ref.name
            for pod in scaled.pods
            for owner in pod.metadata.owner_references
        )
        for each in others
    ):
        fail(
            f"The autoscaler sets the number of a ReplicaSet that {title} made. {title} sets it back to its own number, and makes a new "
            "ReplicaSet for each version.",
            expected=f"a HorizontalPodAutoscaler for {title}",
            seen=aims,
            source="kubectl get hpa --all-namespaces",
            hint="Which of the two is in your file, and stays when a new version comes?",
        )
    away = next((each for each in others if aim_of(each)[1:] == (kind, scaled.workload.name)), None)
    if away is not None:
        fail(
            f"The copies behind the address belong to {title} in the namespace {scaled.workload.namespace}, and the autoscaler is in "
            f"{away.metadata.namespace}: it sets only the number of what is in its own namespace.",
            expected=f"a HorizontalPodAutoscaler in the namespace {scaled.workload.namespace}",
            seen=f"one in {away.metadata.namespace}",
            source="kubectl get hpa --all-namespaces",
            hint="Which option of kubectl, or which line of a file, says into which namespace something comes?",
        )
    fail(
        f"The copies behind the address belong to {title}, and "
        + (
            f"the autoscaler sets the number of {aims}: nobody scales these."
            if others
            else "no autoscaler sets their number."
        ),
        expected=f"a HorizontalPodAutoscaler for {title}",
        seen=aims or "no HorizontalPodAutoscaler",
        source="kubectl get hpa --all-namespaces",
        hint="Which field of a HorizontalPodAutoscaler names what it scales? REFERENCE of `kubectl get hpa` shows it.",
    )


def aim_of(found: Autoscaler) -> tuple[str, str, str]:
    """Return the namespace, the kind in small letters, and the name of what an autoscaler scales."""
    ref = found.spec.scale_target_ref
    return found.metadata.namespace, ref.kind.lower(), ref.name


def refusal_of(found: Autoscaler) -> str:
    """Return what an autoscaler says of a workload that it does not find; empty if it finds it."""
    able = found.condition("AbleToScale")
    return able.message if able.status == "False" and able.reason == "FailedGetScale" else ""
