"""What can be judged of copies and their autoscaler before a tide comes."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from .autoscaler import WHY

if TYPE_CHECKING:
    from checker.cluster.kubernetes_records import Probe

    from .autoscaler import Scaled

WARM_UP, PORT = "PARCEL_WARM_UP_MS", "PARCEL_PORT"
OWN_PORT = 8080
"""Where Parcel listens unless its environment says otherwise."""
HEALTH_CHECK = "/app/health.py"
HTTP_PORT = 80
"""What a command need not name."""


def judge_asking(scaled: Scaled) -> None:
    """Fail unless a new copy gets requests only when it can serve."""
    app, service = scaled.app, scaled.service
    source = f"kubectl describe {scaled.workload.title}{scaled.space}"
    own = [each for each in (app.startup_probe, app.readiness_probe) if each] if app else []
    probes = own + _asked_by_others(scaled)
    WHY.require(probes, "not-asked", source=source, seen="none")
    warm_s = max(
        (int(each.value) / 1000 for each in app.env if each.name == WARM_UP and each.value.isdecimal())
        if app
        else (),
        default=0.0,
    )
    WHY.require(
        any(not _is_passed_at_once(each, warm_s) for each in probes) or not warm_s,
        "says-yes-at-once",
        warm=warm_s,
        source=source,
        seen=f"it is asked {' and '.join(each.asks for each in probes)}",
    )
    WHY.require(
        not (service and service.spec.publish_not_ready_addresses),
        "not-ready-published",
        service=service.metadata.name if service else "",
        space=scaled.space,
        seen="publishNotReadyAddresses: true",
    )


def _asked_by_others(scaled: Scaled) -> list[Probe]:
    """Return the probes of a copy's other containers that ask Parcel: the containers of a pod have one network, and are ready together."""
    app = scaled.app
    others = [each for each in scaled.pods[0].spec.lasting if not app or each.name != app.name]
    probes = (each.readiness_probe for each in others)
    return [probe for probe in probes if probe and any(_asks(probe, port) for port in _ports(scaled))]


def _ports(scaled: Scaled) -> set[int | str]:
    """Return the ports at which a copy's Parcel is reached, also through another container, each by its number and its names."""
    app, service = scaled.app, scaled.service
    targets = {each.target_port or each.port for each in service.spec.ports} if service else set()
    own = [each.value for each in app.env if each.name == PORT and each.value.isdecimal()] if app else []
    numbers = {port for port in targets if isinstance(port, int)} | {int(own[-1]) if own else OWN_PORT}
    declared = [port for each in scaled.pods[0].spec.lasting for port in each.ports]
    numbers |= {each.container_port for each in declared if each.name in targets}
    return numbers | {each.name for each in declared if each.name and each.container_port in numbers}


def _asks(probe: Probe, port: int | str) -> bool:
    """Whether a probe asks a port of its own pod."""
    if probe.exec is not None:
        command = " ".join(probe.exec.command)
        plain = port == HTTP_PORT and re.search(
            r"(?<!https://)(localhost|127\.0\.0\.1|\[::1\])(?![\w.:-])", command
        )
        return bool(plain or (isinstance(port, int) and re.search(rf"(?<!\d){port}(?!\d)", command)))
    if probe.http_get is not None:
        return not probe.http_get.host and probe.http_get.port == port
    by = probe.tcp_socket or probe.grpc
    return by is not None and by.port == port


def _is_passed_at_once(probe: Probe, warm_s: float) -> bool:
    """Whether a probe says yes to a copy that has started and still warms up."""
    asked = probe.http_get
    alive = asked is not None and asked.path.partition("?")[0] == "/healthz" and not asked.host
    if probe.exec:
        # The image's own health check asks for /healthz unless it gets a path.
        told = " ".join(probe.exec.command)
        asked_for = re.search(rf"{HEALTH_CHECK}\s+(/\S*)", told)
        path = asked_for[1].partition("?")[0] if asked_for else ""
        alive = (
            path == "/healthz"
            if path
            else "/readyz" not in told and ("/healthz" in told or HEALTH_CHECK in told)
        )
    return (alive or probe.tcp_socket is not None) and probe.initial_delay_seconds < warm_s


def judge_reach(scaled: Scaled) -> None:
    """Fail unless the autoscaler measures the CPU of Parcel, and finds a reason for another copy before a limit stops the copies."""
    found, pod = scaled.autoscaler, scaled.pods[0]
    source = f"kubectl describe hpa {found.metadata.name}{scaled.space}"
    titles = ", ".join(each.title for each in found.spec.metrics)
    WHY.require(scaled.metrics, "measures-no-cpu", source=source, seen=titles or "no metric")
    for way, does in (("scaleUp", "add"), ("scaleDown", "remove")):
        seen = f"{way}: selectPolicy Disabled"
        WHY.require(not found.is_disabled(way), "way-disabled", way=way, does=does, source=source, seen=seen)
    tolerance = found.tolerance()
    reached = [(each.added_from(pod, tolerance), each.most_of(pod)) for each in scaled.metrics]
    needed, most = min(reached, key=lambda each: each[0] - (each[1] or math.inf))
    exact = found.rule("scaleUp").get("tolerance")
    WHY.require(
        most is None or most > needed,
        "stopped-below-the-tolerance" if exact else "stopped-below-the-target",
        needed=needed * 1000,
        most=(most or 0) * 1000,
        tolerance=tolerance,
        source=source,
        seen=f"limit {(most or 0) * 1000:.0f}m",
    )
