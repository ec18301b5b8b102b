"""The pods of a class while they start: which part is waited for, why, and when that is useless."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.classroom.hub.kubectl import Kubectl

UNCHANGED_SECONDS = 300.0
"""How long the state of the pods may stay the same while they start: the cluster does not show how a pull gets on."""

LOOK_SECONDS = 1.0
NEVER_STARTS = frozenset(
    {"ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError"}
)
"""Reasons why a container waits that time does not change."""

PULLING_FAILED = frozenset({"ErrImagePull", "ImagePullBackOff"})
"""Reasons that end when the registry can be reached."""

PULL_AGAIN_SECONDS = 45.0
"""How long a failed pull is tried again before the command gives up."""


def await_ready(kubectl: Kubectl, say: Callable[[str], None], seconds: float = UNCHANGED_SECONDS) -> None:
    """Wait until every part of the class is ready.

    Args:
        kubectl: orders to the namespace.
        say: told each time that another part is waited for, and why.
        seconds: how long nothing may change.

    Raises:
        LabError: a part cannot start, with the cluster's reason.
    """
    before, changed = "", time.monotonic()
    while True:
        listed = kubectl.find("deployments") or {"items": []}
        missing = sorted(each["metadata"]["name"] for each in listed["items"] if not _is_ready(each))
        if listed["items"] and not missing:
            return
        pods = (kubectl.find("pods") or {"items": []})["items"]
        whys = {name: why for pod in pods for name, why in _reasons(pod) if name in missing}
        now = ", ".join(f"{name} ({whys[name]})" if name in whys else name for name in missing)
        if now != before:
            say(f"waiting for {now}")
            before, changed = now, time.monotonic()
        unchanged = time.monotonic() - changed
        kinds = {why.partition(":")[0] for why in whys.values()}
        if (
            kinds & NEVER_STARTS
            or (kinds & PULLING_FAILED and unchanged > PULL_AGAIN_SECONDS)
            or unchanged > seconds
        ):
            raise LabError(
                f"The class does not start: {now}.",
                remedy="The image has to be in a registry that the cluster's nodes can reach: `lab images publish HOST/PATH class`, "
                f"then --image HOST/PATH/drydock/class:1.0. More about the pods: {kubectl.shown('describe', 'pods')}"
                if kinds & (NEVER_STARTS | PULLING_FAILED)
                else f"More about the pods: {kubectl.shown('describe', 'pods')}",
            )
        time.sleep(LOOK_SECONDS)


def _is_ready(deployment: dict[str, Any]) -> bool:
    status = deployment.get("status") or {}
    return bool(
        int(status.get("observedGeneration", 0)) >= int(deployment["metadata"]["generation"])
        and status.get("updatedReplicas", 0) == 1
        and status.get("readyReplicas", 0) == 1
        and status.get("replicas", 0) == 1
    )


def _reasons(pod: dict[str, Any]) -> list[tuple[str, str]]:
    """Return why a pod of the class does not run yet, with the name of its part."""
    part = (pod["metadata"].get("labels") or {}).get("drydock-role", "")
    status = pod.get("status") or {}
    found = [
        (part, f"not placed: {condition.get('message', '')}")
        for condition in status.get("conditions") or ()
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False"
    ]
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            message = waiting.get("message", "").partition("\n")[0][:200]
            found.append((part, f"{waiting['reason']}: {message}".rstrip(": ")))
    return found
