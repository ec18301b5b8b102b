"""Lab 10 on a cluster that is not its own: one of our kind, started apart, plays the person's."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.course.catalogue import Catalogue
from checker.external import kubeconfig
from checker.external.server import Server
from checker.grading.run import grade
from checker.images.catalogue import Images
from checker.results import Status
from checker.scene import chosen, reach
from checker.scene.scene import Scene
from checker.scene.work import folder_of
from tests.conftest import ROOT, reserved
from tests.integration.conftest import spawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.engine.api import Engine
    from checker.engine.client import Client
    from tests.conftest import Course

IMAGES = (
    Images(ROOT).find("kubernetes").reference,
    "drydock/toolbox:1.0-kubernetes",
    "drydock/front:1.0",
    "drydock/traffic:1.0",
    "drydock/parcel:1.0",
    "drydock/parcel:2.0",
)

# Two nodes. Its server is published on the loopback address, as kind and k3d do it.
STRANGER = f"""
services:
  control-plane:
    extends: {{file: "{ROOT}/labs/scenes/kubernetes.yaml", service: control-plane}}
    ports: ["127.0.0.1:0:6443"]
    networks: [lab]
  worker-1:
    extends: {{file: "{ROOT}/labs/scenes/kubernetes.yaml", service: worker-1}}
    networks: [lab]
networks: {{lab: {{}}}}
volumes: {{control-plane-disk: {{}}, worker-1-disk: {{}}, kubeconfig: {{}}, prepared: {{}}}}
"""

OF_THE_CLUSTER = (
    "/api/v1/namespaces",
    "/api/v1/nodes",
    "/api/v1/persistentvolumes",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/scheduling.k8s.io/v1/priorityclasses",
    "/apis/storage.k8s.io/v1/storageclasses",
    "/apis/apiregistration.k8s.io/v1/apiservices",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "/api/v1/namespaces/default/services",
    "/apis/apps/v1/namespaces/kube-system/deployments",
)
"""What must be the same afterwards: everything that is of the cluster itself, and some of what is in it."""


class Stranger:
    """The person's cluster, with the kubeconfig that they have of it."""

    def __init__(self, engine: Engine, client: Client, folder: Path) -> None:
        self.name = f"drydock-stranger-{reserved()}"
        self.engine = engine
        self._client = client
        self._file = folder / "compose.yaml"
        self._file.write_text(STRANGER)
        self.kubeconfig = folder / "kubeconfig"

    def compose(self, *words: str) -> None:
        """Run Compose on it."""
        command = self._client.command(
            "compose", "--project-name", self.name, "--file", str(self._file), *words
        )
        # Its nodes must not count as the lab's, whatever is stopped.
        environment = {**os.environ, **self._client.environment(), "DRYDOCK_LAB": f"not-{reserved()}"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=150, check=False
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it, and write the kubeconfig with its server by loopback, and by the container's address."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", "120")
        node = self.engine.inspect(f"{self.name}-control-plane-1")
        raw = subprocess.run(
            self._client.command("exec", node["Id"], "cat", "/kubeconfig/k3s.yaml"),
            env={**os.environ, **self._client.environment()},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout
        port = node["NetworkSettings"]["Ports"]["6443/tcp"][0]["HostPort"]
        (network,) = node["NetworkSettings"]["Networks"].values()
        texts = []
        for name, server in (("theirs", f"127.0.0.1:{port}"), ("by-address", f"{network['IPAddress']}:6443")):
            text = raw.replace("127.0.0.1:6443", server)
            file = self.kubeconfig.with_name(name)
            file.write_text(text.replace("name: default", f"name: {name}").replace(": default", f": {name}"))
            texts.append(str(file))
        self.paths = os.pathsep.join(texts)

    def context(self, name: str = "theirs") -> kubeconfig.Context:
        """Return a context of it."""
        return kubeconfig.read(name, [Path(each) for each in self.paths.split(os.pathsep)])

    def things(self) -> dict[str, Any]:
        """Return what is of the cluster itself, with the marks of each thing's identity and of what is wanted of it."""
        server = Server(self.context())
        found = {}
        for path in OF_THE_CLUSTER:
            for item in server.get(path)["items"]:
                metadata = item["metadata"]
                wanted = {key: item.get(key) for key in ("spec", "rules", "subjects", "roleRef")}
                found[f"{path}/{metadata['name']}"] = (metadata["uid"], metadata.get("labels"), wanted)
        return found


@pytest.fixture
def stranger(engine: Engine, client: Client, tmp_path: Path) -> Iterator[Stranger]:
    """Give somebody's cluster of two nodes, without an image of the lab's."""
    if missing := [image for image in IMAGES if engine.image(image) is None]:
        pytest.skip(f"KUBERNETES' IMAGES ARE MISSING ({missing[0]}): lab images build toolbox:1.0-kubernetes")
    (tmp_path / "theirs").mkdir()
    made = Stranger(engine, client, tmp_path / "theirs")
    try:
        made.start()
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "1")


@pytest.fixture
def scene(course: Course, engine: Engine, client: Client) -> Scene:
    """Give lab 10 under a number of the tests' own, with a port of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shutil.rmtree(course.root / "images")
    (course.root / "images").symlink_to(ROOT / "images")
    shutil.copytree(ROOT / "labs" / "scenes", course.root / "labs" / "scenes")
    folder = course.root / "labs" / f"{course.number}-kubernetes"
    shutil.copytree(ROOT / "labs" / "10-kubernetes", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (folder / "lab.toml", folder / "compose.elsewhere.yaml", *(folder / "checks").glob("*.py")):
        file.write_text(file.read_text(encoding="utf-8").replace("8100", port), encoding="utf-8")
    lab = Catalogue(course.places).find(course.number)
    return Scene(lab, course.places, engine, client, folder_of(course.places, lab))


class Desk:
    """A person at their own machine, with a kubeconfig of that cluster.

    Args:
        course: where `lab` finds lab 10.
        scene: its scene.
        stranger: the cluster.
    """

    def __init__(self, course: Course, scene: Scene, stranger: Stranger) -> None:
        self.number = course.number
        self.namespace = f"drydock-{course.number}"
        self._course, self._scene, self._stranger = course, scene, stranger

    def lab(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `lab` to its end."""
        process = spawn(self._course, *words, KUBECONFIG=self._stranger.paths)
        out, err = process.communicate(timeout=150)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def shell(self, command: str) -> str:
        """Run a command in the toolbox and return what it prints."""
        return self.lab("shell", self.number, "-c", command).stdout

    def answer(self, name: str) -> None:
        """Give an answer of the lab's."""
        self._scene.apply(next(each for each in self._scene.lab.answers if each.name == name))

    def is_refused(self, name: str, check: str, reason: str) -> None:
        """Give a wrong answer, have it named for its reason, and remove it."""
        self.answer(name)
        found = grade(self._scene.lab, self._scene.engine, self._scene.work, to_first_failure=True)
        first = found.first_problem
        assert first is not None
        assert (first.id, first.status) == (check, Status.FAILED), first.failure
        assert first.failure is not None
        assert reason in first.failure.rationale
        self.shell("kubectl delete deployments,pods,services --all --now --wait=false")


def refuses_what_it_cannot_use(desk: Desk, scene: Scene) -> None:
    lab, number = desk.lab, desk.number
    wrong = lab("start", number, "--context", "their")
    assert wrong.returncode == 2
    assert "Did you mean `theirs`?" in wrong.stderr
    refused = lab("start", number, "--context", "theirs", "--namespace", "default")
    assert refused.returncode == 3
    assert "does not carry the lab's label" in refused.stderr
    unpushed = lab("start", number, "--context", "theirs", "--image-prefix", "registry.invalid/class")
    assert unpushed.returncode == 3
    assert "cannot run registry.invalid/class/parcel" in " ".join(unpushed.stderr.split())
    assert "docker push registry.invalid/class/parcel:1.0" in " ".join(unpushed.stderr.split())
    assert scene.services() == {}


def test_lab_10_runs_on_somebody_s_cluster_is_judged_there_and_leaves_it_as_it_was(
    course: Course, scene: Scene, stranger: Stranger, engine: Engine
) -> None:
    desk = Desk(course, scene, stranger)
    lab, number = desk.lab, desk.number
    before = stranger.things()

    refuses_what_it_cannot_use(desk, scene)
    assert stranger.things() == before

    # A container reaches it by its address as well, on a network where it may.
    assert reach.find(engine, number, stranger.context("by-address")).network == f"{stranger.name}_lab"

    try:
        started = lab("start", number, "--context", "theirs")
        assert started.returncode == 0, started.stderr
        assert "loading parcel:1.0, parcel:2.0 into control-plane and worker-1" in started.stderr
        assert "traffic" in scene.services()
        assert "control-plane" not in scene.services()

        # The toolbox is somebody who may do nothing elsewhere, and nobody else reads who that is.
        may = desk.shell("kubectl auth can-i delete pods; kubectl auth can-i delete pods -n kube-system")
        assert may.split() == ["yes", "no"]
        assert "worker-1" in desk.shell("kubectl get nodes")
        kept = course.root / "state" / "elsewhere" / scene.lab.slug
        assert {file.stat().st_mode & 0o077 for file in (kept, *kept.rglob("*"))} == {0}

        desk.is_refused("wrong/bare-pods", "looked-after", "is a pod on its own")
        desk.is_refused("wrong/all-on-one-node", "spread", "All 3 copies are on worker-1")
        desk.answer("solution")
        checked = lab("check", number, "--json")
        report = json.loads(checked.stdout)
        statuses = {each["id"]: each["status"] for each in report["checks"]}
        told = {each["id"]: each.get("reason", "") for each in report["checks"]}
        assert statuses.pop("node-lost") == "not-judged", report
        assert {name: told[name] for name, status in statuses.items() if status != "passed"} == {}, report
        assert "is not proven" in told["node-lost"]
        assert checked.returncode == 3, "what is not proven is no pass"
        drawn = lab("timeline", number).stdout
        assert re.search(r"1\.0 to 2\.0: .* none failed", drawn), drawn
    finally:
        stopped = lab("stop", number)
    assert stopped.returncode == 0, stopped.stderr
    assert f"namespace {desk.namespace}" in stopped.stdout
    assert stranger.things() == before
    assert chosen.kept(course.places, scene.lab) is None
