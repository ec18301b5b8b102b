"""Puts a class on a cluster, step by step: what is there already stays, so the same command continues where it stopped."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.classroom.hub import manifests, people
from checker.classroom.hub.pods import LOOK_SECONDS, UNCHANGED_SECONDS, await_ready
from checker.classroom.protocol import invitation
from checker.errors import LabError, MisuseError
from checker.images.store import SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from checker.classroom.hub.kubectl import Kubectl
    from checker.classroom.hub.manifests import Wanted
    from checker.classroom.hub.people import Learner
    from checker.images.catalogue import Image
    from checker.session.session import Session

PROBE_SECONDS = 180.0
SAVE_SECONDS = 900.0
"""How long one image may take to the cluster; the largest of a lab has about 400 MB."""


@dataclass(frozen=True)
class Deployed:
    """A class that runs on a cluster."""

    address: str
    """Where learners sign in, as far as it is known; empty if the cluster has not said it."""
    learners: tuple[Learner, ...]
    board: str
    """The address of the teacher's page, once its port is forwarded."""
    board_port: int
    policies: bool
    """Whether the cluster was seen to enforce network policies."""


def deploy(
    session: Session,
    kubectl: Kubectl,
    wanted: Wanted,
    names: list[str],
    images: Sequence[Image],
    *,
    without_policies: bool = False,
) -> Deployed:
    """Put a class on a cluster, or bring one up to date.

    Args:
        session: the course, and the engine that has the images of the labs.
        kubectl: orders to the namespace.
        wanted: the class.
        names: the learners' names.
        images: the images that seats can fetch from the class's registry; they are on the engine.
        without_policies: go on where the cluster does not enforce network policies.

    Raises:
        LabError: something in the cluster does not start, or the cluster does not enforce network policies.
        MisuseError: the namespace is not a class's.
    """
    say = session.say
    require_ours(kubectl)
    say(f"making the class in the namespace {wanted.namespace}")
    kubectl.apply([manifests.namespace(wanted)])
    learners = _enrol(session, kubectl, names)
    kubectl.apply([*_secrets(kubectl, wanted.namespace, learners), *manifests.objects(wanted)])
    await_ready(kubectl, say)
    policies = _policies_hold(kubectl, wanted, say)
    if not policies and not without_policies:
        raise LabError(
            "This cluster does not enforce network policies: a learner could reach the other seats and the API server.",
            remedy="Use a cluster whose network enforces them (Calico, Cilium, kube-router and others), or, for a class that "
            "you trust, add --without-policies.",
        )
    for number, image in enumerate(images, 1):
        _send(session, kubectl, image, f"{number} of {len(images)}")
    board, port = _invite(kubectl, wanted)
    return Deployed(
        address=_address(kubectl, wanted),
        learners=tuple(learners),
        board=board,
        board_port=port,
        policies=policies,
    )


def _enrol(session: Session, kubectl: Kubectl, names: list[str]) -> list[Learner]:
    """Give new names a passcode, and keep those of everybody on this machine."""
    file = learners_file(session.places.state, kubectl)
    learners = people.enrol(names, people.read(file))
    people.keep(file, learners)
    return learners


def _secrets(kubectl: Kubectl, namespace: str, learners: list[Learner]) -> list[dict[str, Any]]:
    made = [manifests.secret("people", namespace, {"people.json": json.dumps(people.hashed(learners))})]
    if kubectl.find("secret", "keys") is None:
        made.append(manifests.secret("keys", namespace, {"proxy-token": secrets.token_hex(32)}))
    return made


def require_ours(kubectl: Kubectl) -> bool:
    """Refuse a namespace that is there and was not made by `lab class deploy`; return whether it is there.

    Raises:
        MisuseError: it was not.
    """
    found = kubectl.find("namespace", kubectl.namespace)
    if found is not None and manifests.MARK not in (found["metadata"].get("labels") or {}):
        raise MisuseError(
            f"The namespace {kubectl.namespace} is there already, and `lab class deploy` did not make it.",
            remedy="Name another one: --namespace NAME",
        )
    return found is not None


def remove(kubectl: Kubectl) -> bool:
    """Remove the class with everything that is in its namespace; return False if there is none.

    Raises:
        LabError: the cluster does not remove it.
        MisuseError: the namespace is not a class's.
    """
    if not require_ours(kubectl):
        return False
    kubectl.run("delete", "namespace", kubectl.namespace, seconds=UNCHANGED_SECONDS)
    return True


def learners_file(state: Path, kubectl: Kubectl) -> Path:
    """Return the file with the learners and passcodes of a class on a cluster."""
    which = hashlib.sha256(f"{kubectl.context}\n{kubectl.namespace}".encode()).hexdigest()[:8]
    return state / "class-hub" / f"{kubectl.namespace}-{which}.json"


def _policies_hold(kubectl: Kubectl, wanted: Wanted, say: Callable[[str], None]) -> bool:
    """Try, from a pod that is a seat for the network, what a seat must and must not reach.

    Raises:
        LabError: the pod cannot reach what a seat needs, or does not end.
    """
    say("trying whether the cluster enforces network policies")
    kubectl.run("delete", "pod", manifests.PROBE, "--ignore-not-found", seconds=PROBE_SECONDS)
    kubectl.apply([manifests.probe(wanted)])
    end = time.monotonic() + PROBE_SECONDS
    try:
        phase = ""
        while phase not in {"Succeeded", "Failed"}:
            if time.monotonic() > end:
                raise LabError(
                    f"The pod that tries the network did not end within {PROBE_SECONDS:.0f} s.",
                    remedy=f"See why: {kubectl.shown('describe', 'pod', manifests.PROBE)}",
                )
            time.sleep(LOOK_SECONDS)
            found = kubectl.find("pod", manifests.PROBE) or {}
            phase = str((found.get("status") or {}).get("phase", ""))
        lines = kubectl.run("logs", manifests.PROBE).splitlines()
        said = {place: found for place, _, found in (line.partition(" ") for line in lines)}
    finally:
        kubectl.run("delete", "pod", manifests.PROBE, "--ignore-not-found", "--wait=false")
    if said.get("hub") != "open":
        raise LabError(
            "A seat cannot reach the hub in this cluster, so nobody could sign in.",
            remedy="See whether pods reach services by name there, and whether another policy is in the way: "
            f"{kubectl.shown('get', 'networkpolicies')}",
        )
    return said.get("api-server") == said.get("proxy-api") == "closed"


def _send(session: Session, kubectl: Kubectl, image: Image, place: str) -> None:
    """Give an image to the class's registry, unless it has it.

    Raises:
        LabError: it does not get there.
    """
    record = session.engine.image(image.reference)
    if record is None:
        raise LabError(
            f"The engine does not have {image.reference}.", remedy=f"lab images build {image.short}"
        )
    to = f"docker://127.0.0.1:5001/{image.reference}"
    writer = ("exec", "--stdin", "deployment/registry", "--container", "writer", "--")
    source = ((record.get("Config") or {}).get("Labels") or {}).get(SOURCE, "")
    looked = kubectl.run(
        *writer, "sh", "-c", f"skopeo inspect --config --tls-verify=false {to} 2>/dev/null || true"
    )
    if source and source in looked:
        session.say(f"the class's registry has {image.short} ({place})")
        return
    session.say(f"sending {image.short} to the class's registry ({place})")
    command = session.client.command("save", image.reference)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=session.client.environment(),
    ) as saving:
        try:
            kubectl.run(
                *writer, "sh", "-c", "cat > /incoming/image.tar", given=saving.stdout, seconds=SAVE_SECONDS
            )
        finally:
            if saving.stdout is not None:
                saving.stdout.close()
    kubectl.run(
        *writer,
        "sh",
        "-c",
        "skopeo --insecure-policy copy --quiet --dest-tls-verify=false "
        f"docker-archive:/incoming/image.tar {to}; code=$?; rm -f /incoming/image.tar; exit $code",
        seconds=SAVE_SECONDS,
    )


def _invite(kubectl: Kubectl, wanted: Wanted) -> tuple[str, int]:
    """Let seats join the class by themselves; return the address of the board's page and its port.

    Raises:
        LabError: the board has not said how it is reached.
    """
    said = kubectl.run("logs", "deployment/board", "--container", "board", "--tail=-1")
    joined = re.findall(r"lab class join (\S+)", said)
    page = re.findall(r"(http://127\.0\.0\.1:(\d+)/#t=\S+)", said)
    if not joined or not page:
        raise LabError(
            "The board has not said how learners join.",
            remedy=f"What it says: {kubectl.shown('logs', 'deployment/board')}",
        )
    known = invitation(joined[-1])
    inside = f"board.{wanted.namespace}.svc:{known.port}/{known.code}/{known.fingerprint}"
    kubectl.apply([manifests.secret("invitation", wanted.namespace, {"invitation": inside})])
    return page[-1][0], int(page[-1][1])


def _address(kubectl: Kubectl, wanted: Wanted) -> str:
    """Return where learners sign in, or an empty string while the cluster has not said it."""
    service = kubectl.find("service", "class") or {}
    if wanted.service == "LoadBalancer":
        given = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or [{}]
        host = given[0].get("hostname") or given[0].get("ip") or ""
        return f"http://{host}/" if host else ""
    if wanted.service == "ClusterIP":
        return ""
    port = service["spec"]["ports"][0].get("nodePort")
    nodes = json.loads(kubectl.run("get", "nodes", "--output", "json"))["items"]
    addresses = [each for node in nodes for each in node["status"].get("addresses", ())]
    for kind in ("ExternalIP", "InternalIP"):
        for each in addresses:
            if each["type"] == kind:
                return f"http://{each['address']}:{port}/"
    return ""
