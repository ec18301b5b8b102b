"""A lab's messages, and the files of its answers, adapted to the learner's own cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.scene.chosen import Kept

NODE_PORT = 30080
"""The node port of the lab's service; on the learner's own cluster it may already be in use."""


def notes(choice: Kept, lab: Lab) -> list[str]:
    """Return what a learner has to know about running the lab on their own cluster, one sentence each."""
    where = (
        f"It runs on the cluster of `{choice.context}`. The toolbox may change only the namespace {choice.namespace}. "
        f"The cluster's nodes are never touched, and `lab stop {int(lab.number)}` removes the namespace."
    )
    users = (
        "Users reach your service through the cluster's API server, not through a node port. "
        "The how-to page “Use a cluster that you have” explains what differs from the lesson."
    )
    said = [where, users]
    if choice.port_taken:
        said.append(
            f"Node port {NODE_PORT} is already in use on this cluster. Leave `nodePort` out; the lab sends its traffic to your "
            "NodePort service, whatever port it gets."
        )
    if choice.prefix:
        said.append(f"Write {choice.parcel} where the lesson writes drydock/parcel.")
    if len(choice.nodes) == 1:
        said.append(
            "The cluster has only one node that accepts pods, so the checks do not ask for copies on several nodes."
        )
    if not choice.reads_nodes:
        said.append(
            "You do not have the right to let the lab's identity read nodes, so `kubectl get nodes` is refused in the toolbox."
        )
    return said


def adapted(text: str, choice: Kept) -> str:
    """Return one of the lab's texts with this cluster's name for the image, and without a node port that is in use."""
    if choice.prefix:
        text = re.sub(r"(?<![\w./-])drydock/parcel\b", choice.parcel, text)
    if choice.port_taken:
        text = re.sub(rf"^\s*nodePort: {NODE_PORT}\n", "", text, flags=re.MULTILINE)
        text = text.replace(f" --node-port {NODE_PORT}", "")
    return text


def adapt(files: Iterable[str], work: Path, choice: Kept) -> None:
    """Adapt the files that an answer has written to the work folder."""
    for name in files:
        laid = work / name
        if laid.suffix != ".yaml":
            continue
        text = laid.read_text(encoding="utf-8")
        if (changed := adapted(text, choice)) != text:
            laid.write_text(changed, encoding="utf-8")
