"""A class on the course's own cluster, from the first command of its teacher to the last. The tests are one story, in order."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.conftest import ROOT
from tests.hub.browser import Browser
from tests.hub.conftest import NAMESPACE, eventually

if TYPE_CHECKING:
    from tests.hub.conftest import Cluster

_SCRIPT = (ROOT / "labs/01-first-container/solution/run.sh").read_text(encoding="utf-8")
SOLVED = [line for line in _SCRIPT.splitlines() if line and not line.startswith("#")]
NAMES = "Ada Lovelace\nAda Lovelace\nНадежда\n"
DEPLOY = ("class", "deploy", "1", "--context", "drydock", "--learners")


def test_a_cluster_that_does_not_enforce_policies_is_refused(cluster: Cluster) -> None:
    names = cluster.folder / "names.txt"
    names.write_text(NAMES, encoding="utf-8")
    cluster.kubectl("delete", "daemonset", "kube-router", "--ignore-not-found", namespace="kube-system")
    # Later, the node that is lost has seats alone.
    cluster.kubectl("cordon", "worker-2", namespace="default")
    done = cluster.lab(*DEPLOY, str(names))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "does not enforce network policies" in done.stderr


def test_one_command_brings_the_class(cluster: Cluster) -> None:
    cluster.kubectl(
        "apply", "--filename", str(ROOT / "tests/hub/policies/kube-router.yaml"), namespace="kube-system"
    )
    cluster.kubectl("rollout", "status", "daemonset/kube-router", namespace="kube-system")
    done = cluster.lab(*DEPLOY, str(cluster.folder / "names.txt"))
    assert done.returncode == 0, done.stdout + done.stderr
    cluster.kubectl("uncordon", "worker-2", namespace="default")
    slips = cluster.folder / "state/class-hub/drydock-class.csv"
    assert slips.stat().st_mode & 0o077 == 0
    with slips.open(encoding="utf-8") as file:
        cluster.learners.extend(csv.DictReader(file))
    assert [each["user"] for each in cluster.learners] == ["ada-lovelace", "ada-lovelace-2", "learner"]
    assert all(each["address"].startswith("http://") for each in cluster.learners)


def test_three_learners_sign_in_and_see_green_in_lab_1(
    cluster: Cluster, browsers: dict[str, Browser]
) -> None:
    def learn(slip: dict[str, str]) -> str:
        browser = browsers[slip["user"]] = Browser(slip["address"])
        assert not Browser(slip["address"]).sign_in(slip["user"], "AAAA-AAAA")
        assert browser.sign_in(slip["user"], slip["passcode"])
        browser.take_a_seat()
        with browser.terminal() as terminal:
            terminal.type("lab start 1")
            code, red = terminal.type("lab check 1")
            assert code == 1, red
            for line in SOLVED:
                terminal.type(line)
            terminal.type(f"echo of-{slip['user']} > work/mine.txt")
            return terminal.type("lab check 1")[1]

    with ThreadPoolExecutor() as pool:
        said = list(pool.map(learn, cluster.learners))
    assert all("All 8 checks pass" in each or "8 of 8 checks pass" in each for each in said), said


def test_the_board_shows_all_three_through_the_teachers_own_machine(cluster: Cluster) -> None:
    said = cluster.kubectl("logs", "deployment/board", "--tail=-1")
    port, token = re.findall(r"http://127\.0\.0\.1:(\d+)/#t=(\S+)", said)[-1]
    command = [
        "kubectl",
        "--context",
        "drydock",
        "--namespace",
        NAMESPACE,
        "port-forward",
        "deployment/board",
        port,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=cluster.environment) as forwarding:
        try:
            assert forwarding.stdout is not None
            forwarding.stdout.readline()
            asked = urllib.request.Request(
                f"http://127.0.0.1:{port}/api/state", headers={"Authorization": f"Bearer {token}"}
            )

            def green() -> bool:
                """All three learners have solved lab 1 on the board."""
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                    asked, timeout=10
                ) as answer:
                    text = answer.read().decode()
                rows = json.loads(text)["rows"]
                names = {row["name"] for row in rows}
                return (
                    names == {each["user"] for each in cluster.learners}
                    and text.count('"01-first-container"') >= 3
                )

            eventually(60, green)
        finally:
            forwarding.terminate()


def test_a_seat_reaches_what_it_needs_and_nothing_else(
    cluster: Cluster, browsers: dict[str, Browser]
) -> None:
    first, second, _ = cluster.learners
    other = cluster.pod(f"jupyter-{second['user']}")["status"]["podIP"]
    board = cluster.pod("board")["status"]["podIP"]
    said = cluster.kubectl("logs", "deployment/board", "--tail=-1")
    private = re.findall(r"http://127\.0\.0\.1:(\d+)/#t=", said)[-1]
    node = cluster.pod("hub")["status"]["hostIP"]
    places = {
        f"hub.{NAMESPACE}.svc/8081": True,
        f"registry.{NAMESPACE}.svc/5000": True,
        f"{board}/8443": True,
        f"{other}/8888": False,
        f"{other}/2375": False,
        f"{board}/{private}": False,
        f"proxy-api.{NAMESPACE}.svc/8001": False,
        f"registry.{NAMESPACE}.svc/5001": False,
        "kubernetes.default.svc/443": False,
        f"{node}/6443": False,
        f"{node}/10250": False,
    }
    with browsers[first["user"]].terminal() as terminal:
        for place, is_open in places.items():
            code, text = terminal.type(f"timeout 4 bash -c '</dev/tcp/{place}'")
            assert (code == 0) is is_open, f"{place}: {text}"
        code, text = terminal.type(
            f"docker run --rm drydock/toolbox:1.0 timeout 4 bash -c '</dev/tcp/{other}/8888'"
        )
        assert code != 0, text
        # Seats read the registry, and cannot put an image of theirs into it.
        code, text = terminal.type(
            f"docker tag drydock/parcel:1.0 registry.{NAMESPACE}.svc:5000/drydock/parcel:2.0 "
            f"&& docker push registry.{NAMESPACE}.svc:5000/drydock/parcel:2.0"
        )
        assert code != 0, text


def test_a_learner_cannot_use_the_seat_of_another(cluster: Cluster, browsers: dict[str, Browser]) -> None:
    first, second, _ = cluster.learners
    status, _, _ = browsers[first["user"]].get(f"user/{second['user']}/api/terminals", {}, method="POST")
    assert status in (403, 404)
    status, _, _ = Browser(first["address"]).get(f"user/{second['user']}/api/contents/work")
    assert status in (403, 404)


def test_a_seat_that_is_killed_comes_back_with_its_work(
    cluster: Cluster, browsers: dict[str, Browser]
) -> None:
    user = cluster.learners[0]["user"]
    cluster.kubectl("delete", "pod", f"jupyter-{user}", "--grace-period=0", "--force")
    browser = browsers[user]
    eventually(60, lambda: browser.get(f"user/{user}/api/status")[0] != 200)
    browser.take_a_seat()
    with browser.terminal() as terminal:
        code, text = terminal.type("cat work/mine.txt && docker image inspect drydock/parcel:1.0 > /dev/null")
        assert code == 0, text
        assert f"of-{user}" in text, text
        code, text = terminal.type("lab list")
        assert code == 0, text
        assert re.search(r"01 .* passed", text), text
        # What ran has stopped with its engine, and the learner starts it again.
        terminal.type("lab start 1; docker start parcel parcel-b")
        code, text = terminal.type("lab check 1")
        assert code == 0, text


def test_the_same_command_again_keeps_passcodes_and_seats(
    cluster: Cluster, browsers: dict[str, Browser]
) -> None:
    before = (cluster.folder / "state/class-hub/drydock-class.csv").read_text(encoding="utf-8")
    pods = {each: cluster.pod(f"jupyter-{each}")["metadata"]["uid"] for each in browsers}
    done = cluster.lab(*DEPLOY, str(cluster.folder / "names.txt"))
    assert done.returncode == 0, done.stderr
    assert "has toolbox:1.0" in done.stderr
    assert (cluster.folder / "state/class-hub/drydock-class.csv").read_text(encoding="utf-8") == before
    assert pods == {each: cluster.pod(f"jupyter-{each}")["metadata"]["uid"] for each in browsers}


def test_a_lost_node_takes_only_its_own_seats_and_gives_their_work_back(
    cluster: Cluster, browsers: dict[str, Browser]
) -> None:
    seats = {user: cluster.pod(f"jupyter-{user}")["spec"]["nodeName"] for user in browsers}
    lost = next((user for user, node in seats.items() if node == "worker-2"), "")
    assert lost, f"no seat is on worker-2: {seats}"
    others = [user for user, node in seats.items() if node != "worker-2"]
    cluster.docker("kill", cluster.node("worker-2"))
    try:
        for user in others:
            with browsers[user].terminal() as terminal:
                assert terminal.type("lab check 1")[0] == 0, user
        eventually(120, lambda: browsers[lost].get(f"user/{lost}/api/status")[0] != 200)
    finally:
        cluster.docker("start", cluster.node("worker-2"))
    cluster.kubectl("wait", "--for=condition=Ready", "node/worker-2", "--timeout=120s", namespace="default")
    browsers[lost].take_a_seat()
    with browsers[lost].terminal() as terminal:
        code, text = terminal.type("cat work/mine.txt")
        assert code == 0, text
        assert f"of-{lost}" in text, text


def test_a_namespace_of_somebody_else_is_left_alone(cluster: Cluster) -> None:
    cluster.kubectl("create", "namespace", "theirs", namespace="default")
    done = cluster.lab(*DEPLOY, "3", "--namespace", "theirs")
    assert done.returncode == 2, done.stderr
    assert "did not make it" in done.stderr
    done = cluster.lab(
        "class", "deploy", "--context", "drydock", "--namespace", "theirs", "--remove", "--yes"
    )
    assert done.returncode == 2, done.stderr
    assert "theirs" in cluster.kubectl("get", "namespaces", namespace="default")


def test_removing_the_class_leaves_nothing_in_the_cluster(cluster: Cluster) -> None:
    done = cluster.lab("class", "deploy", "--context", "drydock", "--remove", "--yes")
    assert done.returncode == 0, done.stderr
    assert NAMESPACE not in cluster.kubectl("get", "namespaces", namespace="default")

    def no_volumes() -> bool:
        """No volume of the class is left."""
        return not json.loads(cluster.kubectl("get", "pv", "--output", "json"))["items"]

    eventually(60, no_volumes)
    assert not list((cluster.folder / "state/class-hub").glob("*.json"))
