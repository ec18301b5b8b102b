"""What a class on a cluster is made of, as objects of Kubernetes: `manifests.yaml` with this class's values."""

from __future__ import annotations

import hashlib
import json
import string
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from checker.engine.capacity import GB, MB

if TYPE_CHECKING:
    from checker.classroom.plan import Plan

FILE = Path(__file__).parent / "manifests.yaml"

MARK = "drydock-class"
"""The label of a namespace that `lab class deploy` made; it never touches one without it."""

PROBE = "policy-probe"
"""The name of the pod that tries what a seat can reach."""

SEAT_MEMORY = 600 * MB
"""What a seat needs beside its lab and its engine. Measured in a seat with one terminal and one kernel (2026-11, resident
memory): JupyterLab 137 MB, the kernel 55 MB, what sends to the board 29 MB. The rest is for kernels that load pandas."""

REST_MEMORY = 3 * 1024**3
"""The memory limits of everything that is not a seat, once more while a part of it is replaced."""

CORES_LEAST = 0.25
"""Cores that a seat is sure to have: a class does not compute all the time. With idle neighbours it has more."""

CORES_MOST = 2
STARTING = 10
"""How many seats start at the same time in one hub."""

REST_PODS = 10
"""Hub, proxy, pages, board, registry, each once more while it is replaced."""

REST_CLAIMS = 3


@dataclass(frozen=True, kw_only=True)
class Size:
    """What one seat gets. From `lab class plan`, so from what was measured.

    Args:
        memory: bytes.
        disk: bytes of the volume with the learner's files and the engine's images.
        images: bytes of the images that the registry has.
    """

    memory: int
    disk: int
    images: int


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A class as a teacher wants it.

    Args:
        namespace: the namespace.
        name: what the class is called.
        seats: how many seats there are.
        size: what each gets.
        image: the image, as the cluster's nodes can pull it.
        service: the type of the service that learners reach: NodePort, LoadBalancer or ClusterIP.
        storage_class: the class of the volumes; empty for the cluster's default.
        nodes: labels of the nodes that the class may use.
        idle_seconds: after how long without use a seat is switched off.
        start_seconds: how long a seat may take to start; the first one on a node pulls the image.
        config: the hub's configuration, the text of images/class/jupyterhub_config.py.
    """

    namespace: str
    name: str
    seats: int
    size: Size
    image: str
    config: str
    service: str = "NodePort"
    storage_class: str = ""
    nodes: tuple[tuple[str, str], ...] = ()
    idle_seconds: int = 3600
    start_seconds: int = 600


def seat_memory(size: Size | Plan) -> int:
    """Return the memory of a seat's pod in bytes."""
    return size.memory + SEAT_MEMORY


def settings(wanted: Wanted) -> dict[str, Any]:
    """Return what the hub's configuration reads (images/class/jupyterhub_config.py)."""
    return {
        "namespace": wanted.namespace,
        "image": wanted.image,
        "seats": wanted.seats,
        "starting": STARTING,
        "memory": seat_memory(wanted.size),
        "cpu_least": CORES_LEAST,
        "cpu_most": CORES_MOST,
        "disk": f"{-(-wanted.size.disk // GB)}G",
        "storage_class": wanted.storage_class,
        "nodes": dict(wanted.nodes),
        "idle_seconds": wanted.idle_seconds,
        "start_seconds": wanted.start_seconds,
    }


def objects(wanted: Wanted) -> list[dict[str, Any]]:
    """Return everything but secrets, which are made only once."""
    known = json.dumps(settings(wanted), indent=1)
    words = {
        "NAMESPACE": wanted.namespace,
        "IMAGE": json.dumps(wanted.image),
        "SERVICE": wanted.service,
        "CLASS_NAME": json.dumps(wanted.name),
        "NODES": json.dumps(dict(wanted.nodes)),
        "STORAGE_CLASS": f"storageClassName: {json.dumps(wanted.storage_class)}"
        if wanted.storage_class
        else "",
        "REGISTRY_DISK": f"{-(-wanted.size.images // GB) + 1}G",
        "SETTINGS_DIGEST": hashlib.sha256((known + wanted.config).encode()).hexdigest()[:16],
        "PODS": str(wanted.seats + REST_PODS),
        "CLAIMS": str(wanted.seats + REST_CLAIMS),
        "ALL_MEMORY": str(wanted.seats * seat_memory(wanted.size) + REST_MEMORY),
    }
    text = string.Template(FILE.read_text(encoding="utf-8")).substitute(words)
    found = [each for each in yaml.safe_load_all(text) if each]
    for each in found:
        each["metadata"]["namespace"] = wanted.namespace
    held = {"settings.json": known, "jupyterhub_config.py": wanted.config}
    return [*found, _object("ConfigMap", "settings", wanted.namespace, data=held)]


def namespace(wanted: Wanted) -> dict[str, Any]:
    """Return the namespace: seats have engines of their own, which the strict levels of pod security forbid."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": wanted.namespace,
            "labels": {MARK: "true", "pod-security.kubernetes.io/enforce": "privileged"},
        },
    }


def secret(name: str, space: str, held: dict[str, str]) -> dict[str, Any]:
    """Return a secret."""
    return _object("Secret", name, space, stringData=held)


def _object(kind: str, name: str, space: str, **held: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": space}, **held}


def probe(wanted: Wanted) -> dict[str, Any]:
    """Return a pod that is, for the network, a seat, and tries what a seat must and must not reach.

    It prints one line for each place, `open` or `closed`. A policy may take a few seconds to hold for a new pod, so a place
    that has to be closed is tried until it is.
    """
    code = (
        "import socket, sys, time\n"
        "def is_open(host, port):\n"
        "    try:\n"
        "        socket.create_connection((host, port), 2).close()\n"
        "        return True\n"
        "    except OSError:\n"
        "        return False\n"
        "end = time.monotonic() + 40\n"
        "for want, name, host, port in (place.split(',') for place in sys.argv[1:]):\n"
        "    while (found := is_open(host, int(port))) != (want == 'open') and time.monotonic() < end:\n"
        "        time.sleep(1)\n"
        "    print(name, 'open' if found else 'closed', flush=True)\n"
    )
    places = [
        f"open,hub,hub.{wanted.namespace}.svc,8081",
        "closed,api-server,kubernetes.default.svc,443",
        f"closed,proxy-api,proxy-api.{wanted.namespace}.svc,8001",
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": PROBE, "namespace": wanted.namespace, "labels": {"drydock-role": "seat"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "nodeSelector": dict(wanted.nodes),
            "containers": [
                {
                    "name": "probe",
                    "image": wanted.image,
                    "imagePullPolicy": "IfNotPresent",
                    "args": ["python3", "-c", code, *places],
                    "resources": {"limits": {"memory": "64Mi"}},
                }
            ],
        },
    }
