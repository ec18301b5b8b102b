"""A Kubernetes cluster as a scene: what one may expect of a cluster, and what it survives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.cluster.kubernetes import NODES
from checker.engine.shell import Completed, Shell
from checker.grading.author import wait_until
from checker.images.catalogue import Images
from checker.scene import faults
from checker.scene.node_images import load_images
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.scene.scene import Scene
    from tests.conftest import Course

IMAGES = (
    Images(ROOT).find("kubernetes").reference,
    "drydock/toolbox:1.0-kubernetes",
    "drydock/parcel:1.0",
    "drydock/parcel:2.0",
)
COMPOSE = f"""
include:
  - path: ["{ROOT}/labs/scenes/toolbox.yaml", "{ROOT}/labs/scenes/kubernetes-toolbox.yaml"]
  - "{ROOT}/labs/scenes/kubernetes.yaml"
"""
MANIFEST = (ROOT / "labs/10-kubernetes/start/practice.yaml").read_text(encoding="utf-8")
CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: notes}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 10Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: keeper}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: parcel
      image: drydock/parcel:1.0
      env: [{name: PARCEL_DATA, value: /notes}]
      volumeMounts: [{name: notes, mountPath: /notes}]
  volumes:
    - name: notes
      persistentVolumeClaim: {claimName: notes}
"""


def quiet(_: str) -> None:
    """Say nothing."""


class Cluster:
    """A started cluster, and a shell in its toolbox."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.shell = Shell(scene.engine, scene.toolbox())

    def run(self, command: str, seconds: float = 90.0) -> str:
        """Run a command in the toolbox and return what it prints; it has to go well."""
        done = self.try_(command, seconds)
        assert done.rc == 0, f"{command}: {done.stderr}"
        return str(done.stdout).strip()

    def try_(self, command: str, seconds: float = 90.0) -> Completed:
        """Run a command in the toolbox."""
        return self.shell.run(command, seconds)

    def apply(self, manifest: str) -> None:
        """Tell the cluster what is wanted."""
        self.run(f"kubectl apply --filename - <<'END'\n{manifest}\nEND")

    def node(self, name: str) -> faults.Node:
        """Return one of the nodes, as what can be lost."""
        return next(
            each for each in faults.find_nodes(self.scene.engine, self.scene.lab) if each.name == name
        )


@pytest.fixture
def cluster(make_scene: Callable[[Lab], Scene], course: Course, engine: Engine) -> Iterator[Cluster]:
    """Give a cluster that runs, with Parcel on its nodes."""
    if missing := [image for image in IMAGES if engine.image(image) is None]:
        pytest.skip(f"KUBERNETES' IMAGES ARE MISSING ({missing[0]}): lab images build toolbox:1.0-kubernetes")
    scene = make_scene(course.lab(files={"compose.yaml": COMPOSE}))
    try:
        scene.start(quiet)
        made = Cluster(scene)
        yield made
        made.shell.close()
    finally:
        scene.stop()


def test_a_cluster_does_what_a_cluster_does_and_lets_nobody_in_without_a_name(cluster: Cluster) -> None:
    run = cluster.run
    assert run("kubectl get nodes --output jsonpath='{.items[*].metadata.name}'").split() == list(NODES)

    # Nobody without a certificate or a token gets more than the word whether the server is well, and its authority.
    ask = "curl -sk -o /dev/null -w '%{http_code}'"
    server = "https://control-plane:6443"
    asked = (
        "/readyz",
        "/api/v1/namespaces/kube-public/configmaps/cluster-info",
        "/api/v1/pods",
        "/version",
        "/metrics",
    )
    codes = {path: run(f"{ask} {server}{path}") for path in asked}
    assert list(codes.values())[:2] == ["200", "200"], codes
    assert set(list(codes.values())[2:]) <= {"401", "403"}, codes
    assert run(f"{ask} https://worker-1:10250/pods") == "401"
    refused = "for port in 8080 10255 2379 10248 10249 10257 10259; do curl -s -m 2 http://control-plane:$port/ && exit 1; done; true"
    run(refused)

    # A node trusts what the cluster's authority signed, and may read no more than a node's share.
    as_node = "kubectl auth can-i --as system:node:worker-1 --as-group system:nodes"
    assert cluster.try_(f"{as_node} get secrets").rc != 0
    assert cluster.try_(f"{as_node} create deployments").rc != 0
    assert run(f"{as_node} list nodes") == "yes"

    # Pods, an address for them on every node, names, logs, a shell, and a folder that outlives its pod.
    cluster.apply(MANIFEST)
    cluster.apply(CLAIM)
    run("kubectl rollout status deployment/practice --timeout 60s")
    run("kubectl wait --for condition=Ready pod/keeper --timeout 60s")
    for node in NODES:
        answers = run(f"for n in $(seq 12); do curl -sS -m 3 http://{node}:30090/; done")
        assert len(set(answers.split('"instance": "')[1:])) > 1, (
            f"by way of {node} one copy alone answers: {answers}"
        )
    names = "import socket; print(*(socket.gethostbyname(n) for n in ('practice.default.svc.cluster.local', 'worker-1')))"
    service, neighbour = run(f'kubectl exec keeper -- python3 -c "{names}"').split()
    assert service == run("kubectl get service practice --output jsonpath={.spec.clusterIP}")
    assert neighbour == run("getent hosts worker-1").split()[0]
    assert '"event": "started"' in run("kubectl logs keeper")
    run("kubectl exec keeper -- sh -c 'echo kept > /notes/word'")
    run("kubectl delete pod keeper --now")
    cluster.apply(CLAIM)
    run("kubectl wait --for condition=Ready pod/keeper --timeout 60s")
    assert run("kubectl exec keeper -- cat /notes/word") == "kept"
    assert wait_until(lambda: cluster.try_("kubectl top pod keeper").rc == 0, 60, every=1)
    cluster.run("kubectl drain worker-2 --ignore-daemonsets --delete-emptydir-data --timeout 60s --force")
    where = run("kubectl get pods --selector app=practice --output jsonpath='{.items[*].spec.nodeName}'")
    assert "worker-2" not in where.split()


def test_a_cluster_survives_its_nodes_one_by_one(cluster: Cluster) -> None:
    engine, lab = cluster.scene.engine, cluster.scene.lab
    cluster.apply(MANIFEST)
    cluster.run("kubectl rollout status deployment/practice --timeout 60s")

    # The control plane dies: what runs goes on, and nothing can be changed until it is back with all it knew.
    control = cluster.node("control-plane")
    faults.lose(engine, control)
    assert cluster.try_("kubectl get nodes --request-timeout 3s").rc != 0
    served = "curl -s -m 2 --retry 8 --retry-all-errors --retry-delay 0 http://worker-1:30090/"
    assert '"service": "parcel"' in cluster.run(served)
    faults.bring_back(engine, lab, control, quiet, 90.0)
    cluster.run("kubectl rollout status deployment/practice --timeout 90s")
    cluster.run("kubectl wait --for condition=Ready nodes --all --timeout 60s")

    # A worker dies in the middle of a rollout: the rollout is carried through on the others.
    cluster.run("kubectl set image deployment/practice parcel=drydock/parcel:2.0")
    worker = cluster.node("worker-1")
    faults.lose(engine, worker)
    cluster.run("kubectl rollout status deployment/practice --timeout 90s", 100)
    images = "kubectl get pods --selector app=practice --field-selector spec.nodeName!=worker-1 --output jsonpath='{.items[*].spec.containers[0].image}'"
    assert cluster.run(images).split().count("drydock/parcel:2.0") >= 3
    faults.bring_back(engine, lab, worker, quiet, 90.0)
    cluster.run("kubectl wait --for condition=Ready nodes --all --timeout 60s")

    # A learner deletes parts of the cluster itself: a reset makes it anew.
    cluster.run("kubectl delete deployment --all --namespace kube-system --now")
    cluster.run("kubectl delete node worker-2")
    cluster.shell.close()
    cluster.scene.reset(quiet)
    cluster.shell = Shell(engine, cluster.scene.toolbox())
    cluster.run("kubectl wait --for condition=Ready nodes --all --timeout 60s")
    assert len(cluster.run("kubectl get nodes --no-headers").splitlines()) == len(NODES)
    cluster.run("kubectl rollout status deployment/coredns --namespace kube-system --timeout 60s")


def test_a_later_cluster_has_its_images_from_the_beginning_and_nodes_do_not_share_what_they_do_to_them(
    cluster: Cluster,
) -> None:
    scene = cluster.scene
    engine = scene.engine
    cluster.shell.close()
    assert "volume drydock-prepared-kubernetes" not in scene.stop(), (
        "it belongs to all clusters of the machine"
    )
    said: list[str] = []
    scene.start(said.append)
    assert [line for line in said if line.startswith(("loading", "note: the next start"))] == []
    cluster.shell = Shell(engine, scene.toolbox())
    cluster.apply(MANIFEST)
    cluster.run("kubectl rollout status deployment/practice --timeout 60s")
    cluster.run("kubectl delete deployment practice --now")

    # One node loses an image and gets it again, whatever lies ready; the others keep theirs all the while.
    def on(node: str, command: str) -> str:
        with Shell(engine, f"{scene.lab.project}-{node}-1") as shell:
            done = shell.run(command)
        assert done.rc == 0, done.stderr
        return str(done.stdout)

    layers = "/var/lib/rancher/k3s/agent/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"
    assert "-> /prepared/" in on("worker-1", f"ls -l {layers}"), "the layers are copies"
    on(
        "worker-1",
        "ctr --namespace k8s.io images rm --sync docker.io/drydock/parcel:1.0 docker.io/drydock/parcel:2.0",
    )
    said.clear()
    load_images(engine, scene.lab.project, said.append)
    assert said == ["loading parcel:1.0, parcel:2.0 into worker-1"]
    for node in NODES:
        cluster.run(
            f"kubectl run try-{node} --image drydock/parcel:2.0 --image-pull-policy Never --restart Never "
            f'--overrides \'{{"spec": {{"nodeName": "{node}"}}}}\' --command -- python3 -c pass'
        )
        cluster.run(f"kubectl wait --for jsonpath={{.status.phase}}=Succeeded pod/try-{node} --timeout 30s")
