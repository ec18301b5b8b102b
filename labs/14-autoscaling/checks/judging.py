"""What can be judged of copies and their autoscaler before a tide comes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from checker.grading.author import fail, require

if TYPE_CHECKING:
    from checker.cluster.kubernetes_records import Probe

    from .autoscaler import Scaled

WARM_UP = "PARCEL_WARM_UP_MS"


def judge_asking(scaled: Scaled) -> None:
    """Fail unless a new copy gets requests only when it can serve."""
    app, service = scaled.app, scaled.service
    source = f"kubectl describe {scaled.workload.title}{scaled.space}"
    probes = [each for each in (app.startup_probe, app.readiness_probe) if each] if app else []
    if app is None or not probes:
        fail(
            "Nobody asks a new copy whether it can serve: it gets requests from its first moment, and answers 503 while it warms up. "
            "With every copy that is added, users get failures.",
            expected="a readiness probe",
            seen="none",
            source=source,
            hint="Lab 10, “Two questions about health”: which of the two decides whether a copy gets requests?",
        )
    warm_s = max(
        (int(each.value) / 1000 for each in app.env if each.name == WARM_UP and each.value.isdecimal()),
        default=0.0,
    )
    require(
        any(not _is_passed_at_once(each, warm_s) for each in probes) or not warm_s,
        f"A new copy is asked something to which it says yes at once, and then answers 503 to users for {warm_s:g} s, while it warms up.",
        expected="a probe that fails until the copy can serve",
        seen=f"it is asked {' and '.join(each.asks for each in probes)}",
        source=source,
        hint="`practice` is asked something else. What does each of Parcel's two paths for health say of a copy that warms up?",
    )
    if service and service.spec.publish_not_ready_addresses:
        fail(
            "The service sends requests to copies that are not ready (publishNotReadyAddresses), whatever their probe says: a new copy gets "
            "them while it warms up.",
            expected="requests for ready copies alone",
            seen="publishNotReadyAddresses: true",
            source=f"kubectl get service {service.metadata.name}{scaled.space} --output yaml",
            hint="That line is meant for programs that have to find each other before they are ready.",
        )


def _is_passed_at_once(probe: Probe, warm_s: float) -> bool:
    """Whether a probe says yes to a copy that has started and still warms up."""
    asked = probe.http_get
    alive = asked is not None and asked.path.partition("?")[0] == "/healthz" and not asked.host
    return (alive or probe.tcp_socket is not None) and probe.initial_delay_seconds < warm_s


def judge_reach(scaled: Scaled) -> None:
    """Fail unless the autoscaler measures the CPU of Parcel, and finds a reason for another copy before a limit stops the copies."""
    found, pod = scaled.autoscaler, scaled.pods[0]
    source = f"kubectl describe hpa {found.metadata.name}{scaled.space}"
    require(
        scaled.metrics,
        "The autoscaler does not measure the CPU of Parcel's container, and nothing else of a copy grows with its users.",
        expected="a metric of CPU, of the pod or of Parcel's container",
        seen=", ".join(each.title for each in found.spec.metrics) or "no metric",
        source=source,
        hint="Which resource does the autoscaler of `practice` name, below `metrics`?",
    )
    for way, does in (("scaleUp", "add"), ("scaleDown", "remove")):
        require(
            not found.is_disabled(way),
            f"The autoscaler may {does} no copies: its `{way}` is disabled.",
            expected="an autoscaler that may add copies and remove them",
            seen=f"{way}: selectPolicy Disabled",
            source=source,
            hint=f"`kubectl explain hpa.spec.behavior.{way}.selectPolicy` says what each of its values means.",
        )
    tolerance = found.tolerance()
    reached = [(each.added_from(pod, tolerance), each.most_of(pod)) for each in scaled.metrics]
    needed, most = min(reached, key=lambda each: each[0] - (each[1] or math.inf))
    exact = found.rule("scaleUp").get("tolerance")
    require(
        most is None or most > needed,
        f"The autoscaler adds copies when each uses {needed * 1000:.0f}m of CPU, and the limit stops a copy at {(most or 0) * 1000:.0f}m: "
        "however many users come, it sees no reason for another copy."
        + (
            f" Its `scaleUp` lets the use be {tolerance:.0%} above the target before it does anything."
            if exact
            else ""
        ),
        expected=f"a limit above {needed * 1000:.0f}m, or a lower target",
        seen=f"limit {(most or 0) * 1000:.0f}m",
        source=source,
        hint="`kubectl explain hpa.spec.behavior.scaleUp.tolerance` says what that number is a part of."
        if exact
        else "The target is a part of the request, and the limit stands beside the request. Which of the three is reached first?",
    )
