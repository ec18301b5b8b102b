"""A cluster of three nodes for these tests, and the class on it. Nothing of it is a lab; all of it goes at the end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.client import find_client
from checker.grading.author import wait_until
from checker.images.supply import ensure
from tests.conftest import ROOT, reserved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from checker.engine.api import Engine
    from tests.hub.browser import Browser

NODES = ("control-plane", "worker-1", "worker-2")
POLICIES = "drydock-test/policies:1"
NAMESPACE = "drydock-class"
STEP_SECONDS = 600
KEEP = "DRYDOCK_TEST_KEEP_CLUSTER"
"""Set to keep the cluster at the end, and to take the one that was kept: most of the time goes into giving it images."""


@dataclass
class Cluster:
    """The course's cluster, in containers of this machine's engine."""

    project: str
    environment: dict[str, str]
    folder: Path
    context: str = "drydock"
    learners: list[dict[str, str]] = field(default_factory=list)

    def docker(self, *words: str, given: bytes | None = None) -> str:
        """Run the engine's client."""
        done = subprocess.run(
            ["docker", *words],
            input=given,
            capture_output=True,
            timeout=STEP_SECONDS,
            check=False,
            env=self.environment,
        )
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr.decode()[-800:]}"
        return done.stdout.decode()

    def kubectl(self, *words: str, namespace: str = NAMESPACE) -> str:
        """Run kubectl, as the teacher would."""
        command = ["kubectl", "--context", self.context, "--namespace", namespace, *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=STEP_SECONDS, check=False, env=self.environment
        )
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr[-800:]}"
        return done.stdout

    def lab(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `lab`, as the teacher would."""
        command = [sys.executable, "-m", "checker", *words]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
            env=self.environment,
            cwd=ROOT,
        )

    def node(self, name: str) -> str:
        """Return the name of the container that a node is."""
        return f"{self.project}-{name}-1"

    def pod(self, role: str) -> Any:
        """Return the pod of a part of the class, or of a learner's seat."""
        listed = json.loads(self.kubectl("get", "pods", "--output", "json"))["items"]
        fitting = [
            each
            for each in listed
            if role in (each["metadata"]["labels"].get("drydock-role"), each["metadata"]["name"])
            and "deletionTimestamp" not in each["metadata"]
        ]
        assert len(fitting) == 1, f"{role}: {[each['metadata']['name'] for each in listed]}"
        return fitting[0]


@pytest.fixture(scope="session")
def cluster(_connected: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start the cluster of lab 10's scene and give each node the class's image."""
    folder = tmp_path_factory.mktemp("hub")
    client = find_client(_connected.endpoint)
    environment = {
        **client.environment(),
        "DRYDOCK_LAB": reserved(),
        "KUBECONFIG": str(folder / "kubeconfig"),
        "DRYDOCK_STATE": str(folder / "state"),
        "DRYDOCK_WORK": str(folder / "work"),
        "DRYDOCK_COURSE": str(ROOT),
        "PYTHONPATH": str(ROOT),
    }
    ensure(
        ["class:1.0", "kubernetes:1.37", "parcel:1.0", "parcel:2.0", "toolbox:1.0"], print, engine=_connected
    )
    found = Cluster(f"drydock-hub-{reserved()}", environment, folder)
    scene = ["compose", "--project-name", found.project, "--file", str(ROOT / "labs/scenes/kubernetes.yaml")]
    try:
        found.docker(*scene, "up", "--detach", "--wait")
        _write_kubeconfig(found)
        found.docker(*_build(environment))
        for node in NODES:
            for image in ("drydock/class:1.0", POLICIES):
                _load(found, node, image)
        yield found
    finally:
        if not os.environ.get(KEEP):
            found.docker(*scene, "down", "--volumes", "--timeout", "1")


def _write_kubeconfig(cluster: Cluster) -> None:
    control = cluster.node("control-plane")
    address = cluster.docker(
        "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", control
    ).strip()
    text = cluster.docker("exec", control, "cat", "/kubeconfig/k3s.yaml")
    text = re.sub(r"server: .*", f"server: https://{address}:6443", text)
    text = text.replace("name: default", f"name: {cluster.context}").replace("current-context: default", "")
    text = re.sub(r"(cluster|user): default", rf"\1: {cluster.context}", text)
    file = cluster.folder / "kubeconfig"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)


def _build(environment: dict[str, str]) -> list[str]:
    certificates = environment.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
    base = next(
        name
        for name in ("drydock/base:trixie", "debian:trixie-slim")
        if not subprocess.run(
            ["docker", "image", "inspect", name], capture_output=True, check=False, env=environment
        ).returncode
    )
    return [
        "build", "--quiet", "--secret", f"id=ca,src={certificates}", "--build-arg", f"BASE={base}",
        "--tag", POLICIES, str(ROOT / "tests/hub/policies"),
    ]  # fmt: skip


def _load(cluster: Cluster, node: str, image: str) -> None:
    digest = cluster.docker("image", "inspect", "--format", "{{.Id}}", image).strip()
    there = cluster.docker(
        "exec", cluster.node(node), "ctr", "--namespace", "k8s.io", "images", "list", "--quiet"
    )
    if digest in there:
        return
    with subprocess.Popen(
        ["docker", "save", image], stdout=subprocess.PIPE, env=cluster.environment
    ) as saving:
        done = subprocess.run(
            [
                "docker",
                "exec",
                "--interactive",
                cluster.node(node),
                "ctr",
                "--namespace",
                "k8s.io",
                "images",
                "import",
                "-",
            ],
            stdin=saving.stdout,
            capture_output=True,
            timeout=STEP_SECONDS,
            check=False,
            env=cluster.environment,
        )
    assert done.returncode == 0, done.stderr.decode()[-800:]


@pytest.fixture(scope="session")
def browsers(cluster: Cluster) -> dict[str, Browser]:
    """The browsers of the learners, by user; filled by the test in which they sign in."""
    return {}


def eventually(seconds: float, ask: Callable[[], object]) -> None:
    """Ask until the answer is true."""
    assert wait_until(ask, seconds, every=1), f"not within {seconds:.0f} s: {ask.__doc__ or ask}"
