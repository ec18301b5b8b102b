"""A release that cannot start, tried on the learner's copies and rolled back again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster import outcomes
from checker.cluster.elsewhere import Elsewhere
from checker.cluster.kubernetes_api import Refused
from checker.grading.author import could_not_run

from .parcel import WHY

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Kubernetes, Workload
    from checker.grading.author import Traffic

    from .parcel import Parcel

SERVING = "2.0"
"""What the copies run that are to go on serving."""

WATCH_SECONDS = 10.0

KEPT_AWAY = {"exceeded quota": "no-room-for-a-release", "denied request": "refused-by-a-rule"}
"""What in the cluster's words shows that a release was kept from every copy, and the reason."""


def judge(cluster: Kubernetes, parcel: Parcel, timeline: Traffic) -> None:
    """Require of each workload that a bad release takes no copy away that serves, and can be rolled back."""
    for workload in parcel.workloads:
        _judge(cluster, parcel, timeline, workload)


def _judge(cluster: Kubernetes, parcel: Parcel, timeline: Traffic, workload: Workload) -> None:
    pods = parcel.pods_of(workload)
    source = f"kubectl describe {workload.title}{workload.space}"
    kept = parcel.kept(workload)
    reason = "held-by-a-pause" if workload.kind == "Deployment" else "held-by-a-partition"
    WHY.require(not kept, reason, workload=workload.title, kept=kept, source=source, seen=kept)
    cluster.lab.disturb("rolls out a release that cannot start, and rolls it back")
    image = parcel.container(pods[0])
    wanted = sum(pod.ready for pod in parcel.pods)
    back: list[bool] = []
    try:
        outcomes.contained(
            cluster,
            timeline,
            release=lambda: cluster.release(workload, cluster.bad_image, pods),
            withdraw=lambda: back.append(cluster.undo(workload, image.name, image.image, wanted)),
            serving=SERVING,
            seconds=WATCH_SECONDS,
            arrived=lambda: cluster.has_reached(cluster.bad_image),
            kept_away=lambda: _require_let_in(cluster, cluster.last_failure(), source),
            hint=f"`{source}` shows the strategy and how many copies may be unavailable: how many old ones may go before a new one is ready?",
        )
    except Refused as refused:
        WHY.require(
            "field is immutable" not in refused.message,
            "image-cannot-change",
            workload=workload.title,
            kind=workload.kind,
            source=source,
            seen="spec.template: field is immutable",
        )
        _require_let_in(cluster, refused.message, source)
        could_not_run(f"The bad release could not be tried: {refused.message}")
    WHY.require(
        all(back),
        "not-rolled-back",
        bad=cluster.bad_image,
        wanted=wanted,
        version=SERVING,
        seen=f"{sum(pod.ready for pod in cluster.pods())} ready",
    )


def _require_let_in(cluster: Kubernetes, why: str, source: str) -> str:
    """Return why a release reached no copy; where it is a quota or a rule of the learner's own, end the check."""
    for words, reason in KEPT_AWAY.items():
        # On a learner's own cluster, its administrator sets these.
        WHY.require(words not in why or isinstance(cluster, Elsewhere), reason, source=source, seen=why)
    return why
