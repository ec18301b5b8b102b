"""What a lab says, and what its answers hold, as a cluster that is not its own needs it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.scene.chosen import Kept

NODE_PORT = 30080
"""The port that the lab's service asks of the nodes; in a cluster of somebody's it may be taken."""


def told(choice: Kept, lab: Lab) -> list[str]:
    """Return what a learner has to know of a cluster that is not the lab's own, a sentence each."""
    where = (
        f"It runs on the cluster of `{choice.context}`, in the namespace {choice.namespace}: all that the toolbox may change. "
        f"Its nodes are let be, and `lab stop {int(lab.number)}` removes the namespace."
    )
    users = (
        "Users reach your service by way of the cluster's API server, not by a port of the nodes: "
        "what differs from the lesson is told in its how-to page, “Use a cluster that you have”."
    )
    said = [where, users]
    if choice.port_taken:
        said.append(
            f"Port {NODE_PORT} of the nodes is another's here: leave `nodePort` out, and users are led to your service of type NodePort."
        )
    if choice.prefix:
        said.append(f"Write {choice.parcel} where the lesson writes drydock/parcel.")
    if len(choice.nodes) == 1:
        said.append(
            "The cluster has one node that takes pods: that copies are spread over nodes is not judged."
        )
    if not choice.reads_nodes:
        said.append(
            "You may not let the lab's identity read nodes, so `kubectl get nodes` is refused in the toolbox."
        )
    return said


def adapted(text: str, choice: Kept) -> str:
    """Return a text of the lab's as this cluster needs it: the image's name, and no port that is another's."""
    if choice.prefix:
        text = re.sub(r"(?<![\w./-])drydock/parcel\b", choice.parcel, text)
    if choice.port_taken:
        text = re.sub(rf"^\s*nodePort: {NODE_PORT}\n", "", text, flags=re.MULTILINE)
        text = text.replace(f" --node-port {NODE_PORT}", "")
    return text


def adapt(files: Iterable[str], work: Path, choice: Kept) -> None:
    """Adapt what an answer laid over the work folder."""
    for name in files:
        laid = work / name
        if laid.suffix != ".yaml":
            continue
        text = laid.read_text(encoding="utf-8")
        if (changed := adapted(text, choice)) != text:
            laid.write_text(changed, encoding="utf-8")
