"""Lab 12's own judgements: what counts as a loss that was survived by hand, and how lines are counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.cluster.interface import Instance
from checker.cluster.kubernetes import Kubernetes
from checker.cluster.manual import ByHand, Loss, Record
from checker.cluster.nomad import Nomad
from checker.cluster.nomad_records import Deployment, GroupDeployment
from checker.cluster.swarm import Service, Swarm
from checker.engine.clock import moment
from checker.grading.programs import Process
from checker.grading.verdicts import CheckFailed, CouldNotRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    Checks = Callable[[str, str], ModuleType]

LOST_AT = 1000.0


class Hosts(ByHand):
    """Hosts whose engines know of what a test says."""

    def __init__(self, *found: Record) -> None:
        self.nodes = ("host-1", "host-2", "host-3")
        self._found = list(found)

    def records(self) -> list[Record]:
        """Return it."""
        return self._found


def record(node: str, made: float, name: str = "parcel", *, running: bool = True) -> Record:
    return Record(node, created=LOST_AT + made, started=LOST_AT + made, running=running, instance=name)


def loss(serving: int = 2, at_once: int = 2, *, down: bool = False) -> Loss:
    return Loss("host-3", "c", LOST_AT, down, serving, at_once, carried=True)


def way(*found: Record) -> Any:
    return SimpleNamespace(cluster=Hosts(*found), drawn="lab timeline 12 --of hand", key="hand")


def goal(checks: Checks) -> Any:
    return checks("12-one-goal-four-ways", "goal").Goal(
        SimpleNamespace(number="12"), SimpleNamespace(), SimpleNamespace()
    )


def test_a_copy_that_was_started_after_the_loss_restores_it(checks: Checks) -> None:
    found = goal(checks)._require_started_since(way(record("host-1", -50), record("host-2", 9)), loss())
    assert found == pytest.approx(9)


@pytest.mark.parametrize(
    ("found", "gone", "words"),
    [
        ((record("host-1", -50), record("host-2", 9)), loss(3, 3), "one more than the goal's 2"),
        ((record("host-1", -50), record("host-2", -20)), loss(), "had been made ready before"),
    ],
)
def test_a_copy_that_was_made_ready_before_the_loss_restores_nothing(
    checks: Checks, found: tuple[Record, ...], gone: Loss, words: str
) -> None:
    with pytest.raises(CheckFailed, match=words):
        goal(checks)._require_started_since(way(*found), gone)


def test_copies_that_share_a_name_are_counted_by_their_hosts_engines(checks: Checks) -> None:
    found = (record("host-1", -50), record("host-2", 9), record("host-3", -60, running=False))
    assert goal(checks)._served_under_one_name(way(*found), loss(1, 1))


@pytest.mark.parametrize(
    "found",
    [
        # Only one copy was there when the host was lost.
        (record("host-1", -50), record("host-2", 9)),
        # The host that was lost carried none.
        (record("host-1", -50), record("host-2", -50), record("host-3", 20, running=False)),
        # They have names of their own, so that the record tells the truth.
        (record("host-1", -50, "a"), record("host-2", 9, "b"), record("host-3", -60, "c", running=False)),
    ],
)
def test_one_copy_that_served_is_one_copy(checks: Checks, found: tuple[Record, ...]) -> None:
    assert not goal(checks)._served_under_one_name(way(*found), loss(1, 1))


@pytest.mark.parametrize(("back", "later"), [(30, True), (5, False)])
def test_a_host_that_is_used_again_once_the_service_was_whole_is_no_stand_in_for_itself(
    checks: Checks, monkeypatch: pytest.MonkeyPatch, back: float, later: bool
) -> None:
    one = goal(checks)
    whole = SimpleNamespace(whole=True, cost=(9.0, 2))
    monkeypatch.setitem(type(one)._came_later.__globals__, "recovery", lambda *_: whole)
    hosts = way(record("host-2", 9), record("host-3", back))
    hosts.traffic = None
    assert one._came_later(hosts, loss()) is later


def test_a_new_copy_of_another_version_than_before_is_told(checks: Checks) -> None:
    def copy(name: str, version: str) -> Instance:
        return Instance(name, "worker-1", version, ready=True, image=f"drydock/parcel:{version}")

    tool = SimpleNamespace(
        instances=lambda: [copy("a", "2.0"), copy("c", "1.0")], shows=lambda: "kubectl get pods"
    )
    kubernetes = SimpleNamespace(cluster=tool, title="Kubernetes", key="kubernetes")
    judge = goal(checks)._require_same_version
    with pytest.raises(CheckFailed, match=r"runs version 1\.0; before the loss, the copies ran 2\.0"):
        judge(kubernetes, [copy("a", "2.0"), copy("b", "2.0")])
    judge(kubernetes, [copy("a", "2.0"), copy("b", "1.0")])


def test_a_host_that_is_still_dead_cannot_tell_what_ran_on_it(checks: Checks) -> None:
    found = (record("host-1", -50), record("host-2", 9))
    with pytest.raises(CouldNotRun, match="lab lose 12 host-3 --back"):
        goal(checks)._served_under_one_name(way(*found), loss(1, 1, down=True))


def ran(image: str) -> Any:
    """Return a way whose copies run this image."""
    copies = [Instance("a", "host-1", "2.0", ready=True, image=image)]
    return SimpleNamespace(title="by hand", cluster=SimpleNamespace(instances=lambda: copies))


@pytest.mark.parametrize(
    ("line", "image", "right"),
    [
        ("docker run drydock/parcel:2.0", "drydock/parcel:2.0", True),
        ("docker run --network host d7bfb9ad8126", "d7bfb9ad8126", True),
        ("docker run shop:2.0", "shop:2.0", True),
        ("docker run shop:2.0", "drydock/parcel:2.0", False),
        ("docker run d7bfb9ad8126", "", False),
    ],
)
def test_lines_name_the_image_that_the_copies_run(
    checks: Checks, tmp_path: Path, line: str, image: str, right: bool
) -> None:
    comparison = checks("12-one-goal-four-ways", "comparison")
    (tmp_path / "a.txt").write_text(f"{line}\n")
    lab = SimpleNamespace(work=tmp_path, record=lambda *_: None)
    row = {"files": "a.txt", "lines": "1"}
    if right:
        assert comparison._configured(lab, ran(image), row).lines == [line]
    else:
        with pytest.raises(CheckFailed, match=r"a\.txt does not say what to run"):
            comparison._configured(lab, ran(image), row)


def table(checks: Checks, folder: Path, text: str | bytes) -> Any:
    """Return the rows of a table that has this text."""
    (folder / "comparison.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return checks("12-one-goal-four-ways", "comparison")._rows(SimpleNamespace(work=folder))


HEAD = "way,seconds,lost,memory,lines,files\n"
ROW = "hand,4,2,232,9,hand.txt\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + ROW,
        (HEAD + ROW).replace(",", ";"),
        HEAD.title() + ROW.replace("hand,", "By hand,"),
        "\ufeff" + HEAD + ROW.replace("\n", "\r\n"),
        (HEAD + ROW).encode("utf-16"),
    ],
)
def test_a_table_is_read_however_a_program_has_saved_it(
    checks: Checks, tmp_path: Path, text: str | bytes
) -> None:
    assert table(checks, tmp_path, text)["hand"]["files"] == "hand.txt"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD.replace(",", "  ") + ROW.replace(",", " "), "has no comma"),
        (ROW + ROW.replace("hand", "swarm"), "names none of the columns"),
        (HEAD.replace("files", "names") + ROW, "has no column files"),
        (b"way\xff", r"comparison\.csv cannot be read as a text"),
        ("", "names none of the columns"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(
    checks: Checks, tmp_path: Path, text: str | bytes, reason: str
) -> None:
    with pytest.raises(CheckFailed, match=reason):
        table(checks, tmp_path, text)


@pytest.mark.parametrize(
    "cell",
    ["hand.txt compose.yaml", "hand.txt, compose.yaml", "hand.txt+compose.yaml", "my hand.txt", "./wide.txt"],
)
def test_files_may_be_named_in_several_ways(checks: Checks, tmp_path: Path, cell: str) -> None:
    for name in ("hand.txt", "compose.yaml", "my hand.txt"):
        (tmp_path / name).write_text("docker run\n")
    (tmp_path / "wide.txt").write_bytes("docker run\n".encode("utf-16"))
    found = checks("12-one-goal-four-ways", "written").read(tmp_path, ran(""), cell)
    assert set(found.lines) == {"docker run"}


def test_a_file_in_an_editors_own_encoding_is_a_text(checks: Checks, tmp_path: Path) -> None:
    (tmp_path / "hand.txt").write_bytes("# für\ndocker run\n".encode("cp1252"))
    found = checks("12-one-goal-four-ways", "written").read(tmp_path, ran(""), "hand.txt")
    assert "docker run" in found.lines


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("typed", "cannot be read"),
        ("image.tar", "cannot be read"),
        ("gone.txt", "has no such file"),
        ("x" * 300, "has no such file"),
        (" ".join(f"part-{number:02}-of-many.yaml" for number in range(20)), "has no such file"),
    ],
)
def test_what_is_no_file_is_told_as_that(checks: Checks, tmp_path: Path, cell: str, reason: str) -> None:
    (tmp_path / "typed").mkdir()
    (tmp_path / "image.tar").write_bytes(b"\0\xff\xfe")
    with pytest.raises(CheckFailed, match=reason):
        checks("12-one-goal-four-ways", "written").read(tmp_path, ran(""), cell)


@pytest.mark.parametrize(
    ("one", "two", "right"),
    [
        ("docker -H tcp://host-1:2375 run x", "docker service create x", True),
        ("docker service create x", "docker -H tcp://host-1:2375 run x", False),
        # A context, a variable: not every line says whose it is.
        ("docker --context first run x", "docker -H tcp://host-1:2375 run x", True),
        ("docker stack deploy x; docker -H tcp://host-1:2375 run x", "docker service create x", True),
    ],
)
def test_files_that_each_way_has_from_the_other_do_not_pass(
    checks: Checks, tmp_path: Path, one: str, two: str, right: bool
) -> None:
    written = checks("12-one-goal-four-ways", "written")
    rows = [
        written.Written(SimpleNamespace(key=key, title=key), (key,), {tmp_path / key: text})
        for key, text in (("hand", one), ("swarm", two))
    ]
    if right:
        written.require_own(*rows)
    else:
        with pytest.raises(CheckFailed, match="seem to be swapped"):
            written.require_own(*rows)


class Copies(ByHand):
    """Copies that run these commands in the place of Parcel, host by host."""

    def __init__(self, told: dict[str, str]) -> None:
        self._told = told

    def copies(self) -> list[Any]:
        """Return one for each host."""
        return [SimpleNamespace(node=node) for node in self._told]

    def remote(self, copy: Any) -> Any:
        """Return what looks into a copy."""
        return SimpleNamespace(in_place_of=lambda _: self._told[copy.node])


class Pods(Kubernetes):
    """Pods whose containers run these commands, node by node."""

    def __init__(self, told: dict[str, list[str]]) -> None:
        self._told = told

    def pods(self) -> list[Any]:
        """Return one for each node."""
        return [SimpleNamespace(spec=SimpleNamespace(node_name=each, containers=[])) for each in self._told]

    def app(self, _: Any) -> Any:
        """Return Parcel's container."""
        return SimpleNamespace(name="parcel")

    def processes(self, pod: Any, _: str, __: int = 0) -> list[Process]:
        """Return what runs in it, each in the folder of the image."""
        told = self._told[pod.spec.node_name]
        return [Process(each, 0, "", "/app", tuple(line.split())) for each, line in enumerate(told)]


@pytest.mark.parametrize(
    ("cluster", "found"),
    [
        (Copies({"host-1": "", "host-2": "python3 -c forward"}), [("host-2", "python3 -c forward")]),
        (Copies({"host-1": "", "host-2": ""}), []),
        (
            Pods({"worker-1": ["python3 /app/parcel.py"], "worker-2": ["socat x"]}),
            [("worker-2", "socat x")],
        ),
        (
            Pods({"worker-1": ["python3 -m parcel"], "worker-2": ["python3 /tmp/parcel.py"]}),
            [("worker-2", "python3 /tmp/parcel.py")],
        ),
        # Of one that has just ended, nothing is known.
        (Pods({"worker-1": ["sh run.sh", "python3 parcel.py"], "worker-2": []}), []),
    ],
)
def test_a_program_in_the_place_of_parcel_is_found_in_each_way(
    checks: Checks, cluster: Any, found: list[tuple[str, str]]
) -> None:
    kind = checks("12-one-goal-four-ways", "ways").Way
    assert kind("x", cluster, 8120, "", "", SimpleNamespace()).other_programs() == found


def service(name: str, port: int, image: str = "drydock/parcel:2.0") -> Service:
    ports = [{"PublishedPort": port, "TargetPort": 8080, "PublishMode": "host"}]
    spec = {
        "Name": name,
        "TaskTemplate": {"ContainerSpec": {"Image": image}},
        "EndpointSpec": {"Ports": ports},
    }
    return Service({"ID": name, "Spec": spec})


@pytest.mark.parametrize(
    ("services", "names"),
    [
        ([service("green", 8080), service("blue", 8080)], ["blue", "green"]),
        ([service("trial", 8085), service("shop", 8080)], ["shop"]),
        ([service("parcel", 8085), service("shop", 8080, "drydock/proxy:1.0")], ["parcel"]),
        ([service("parcel", 8081)], ["parcel"]),
        ([], []),
    ],
)
def test_every_service_of_parcel_at_the_fronts_port_counts(
    checks: Checks, services: list[Service], names: list[str]
) -> None:
    kind = checks("12-one-goal-four-ways", "ways").OnSwarm
    found = kind(SimpleNamespace(), manager="node-1").chosen(services)
    assert [each.name for each in found] == names


@pytest.mark.parametrize(("said", "right"), [(2, True), (3, False), (5, False), (1, False)])
def test_lines_are_those_that_say_something_and_no_others(
    checks: Checks, tmp_path: Path, said: int, right: bool
) -> None:
    comparison = checks("12-one-goal-four-ways", "comparison")
    (tmp_path / "a.txt").write_text("docker run drydock/parcel:1.0\n\n# why\ndocker ps\n\n")
    lab = SimpleNamespace(work=tmp_path, record=lambda *_: None)
    row = {"files": "a.txt", "lines": str(said)}

    def judge() -> Any:
        return comparison._configured(lab, ran("drydock/parcel:1.0"), row)

    if right:
        assert len(judge().lines) == 2
    else:
        with pytest.raises(CheckFailed, match="`lines` is not what"):
            judge()


def nomad(
    *,
    promoted: bool = False,
    by_itself: bool = False,
    placed: int = 1,
    asked: int = 1,
    lost: str = "",
    healthy: bool = True,
) -> Any:
    group = GroupDeployment(
        promoted=promoted,
        auto_promote=by_itself,
        desired_canaries=asked,
        placed_canaries=[f"a{number}" for number in range(placed)],
    )
    found = Deployment(id="d", job_version=1, status="running", task_groups={"web": group})
    copies = [Instance(f"a{number}", "client-1", "2.0", ready=healthy) for number in range(placed)]
    return SimpleNamespace(
        deployments=lambda: [found],
        instances=lambda: copies,
        shows=lambda: "nomad job status shop",
        unplaced=lambda: "port 8080",
        ailing=lambda: lost,
    )


@pytest.mark.parametrize(
    ("placed", "asked", "words"),
    [
        (1, 1, "waits for somebody to promote it"),
        (0, 1, "waits for a canary that has no place"),
        (1, 2, "waits for a canary that has no place"),
    ],
)
def test_a_release_of_nomad_that_waits_is_told_as_that(
    checks: Checks, placed: int, asked: int, words: str
) -> None:
    with pytest.raises(CheckFailed, match=words):
        checks("12-one-goal-four-ways", "goal")._require_decided(nomad(placed=placed, asked=asked))


def test_a_canary_of_nomad_without_a_place_is_not_the_learners_fault_while_a_client_is_lost(
    checks: Checks,
) -> None:
    decided = checks("12-one-goal-four-ways", "goal")._require_decided
    with pytest.raises(CouldNotRun, match="client-2 is lost"):
        decided(nomad(placed=0, lost="client-2 is lost: …"))
    with pytest.raises(CheckFailed, match="waits for somebody to promote it"):
        decided(nomad(lost="client-2 is lost: …"))


def test_a_canary_of_nomad_that_fails_waits_for_nobody(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = checks("12-one-goal-four-ways", "goal")
    monkeypatch.setattr(module, "RELEASE_SECONDS", 0.0)
    with pytest.raises(CheckFailed, match="has a place and is not healthy"):
        module._require_decided(nomad(healthy=False))


# -- which ways are in use, and what is there without one ---------------------------------------------------------


class Kept:
    """A lab that remembers, and whose own engine runs these containers."""

    number = "12"

    def __init__(self, *made: Any) -> None:
        self.course_lab = SimpleNamespace(chosen=())
        self._kept: dict[tuple[str, ...], str] = {}
        self._made = made

    def node(self, _: str) -> Any:
        """Return the prober."""
        return SimpleNamespace(id="prober", created="2026-11-28T16:00:00Z")

    def recall(self, *what: str) -> str | None:
        """Return what was remembered."""
        return self._kept.get(what)

    def remember(self, *what: str, text: str = "") -> None:
        """Remember it."""
        self._kept[what] = text

    def prove_once(self, *what: str, test: Callable[[], object]) -> None:
        """Remember that it was proved."""
        test()
        self.remember(*what)

    def on_own_engine(self, kind: str, *, since: float) -> list[Any]:
        """Return those that were made since."""
        return [each for each in self._made if kind == "parcel" and each.at >= since]


def container(name: str, *, running: bool = True, at: str = "2026-11-28T16:05:00Z") -> Any:
    return SimpleNamespace(name=name, running=running, at=moment(at))


def one_way(key: str, *, used: bool = True, copies: int = 2, loose: Any = (), decider: str = "") -> Any:
    tool = SimpleNamespace(instances=lambda: [None] * copies, ailing=lambda: "")
    return SimpleNamespace(
        key=key,
        title={"hand": "by hand", "swarm": "Swarm"}.get(key, key),
        cluster=tool,
        decider=decider,
        machines=("node-1",) if key == "swarm" else ("host-1",),
        first=f"{key} ls",
        shown=key,
        is_in_use=lambda: used,
        loose=lambda: list(loose),
    )


def ways_of(checks: Checks, lab: Kept, *ways: Any) -> Any:
    """Return the ways as the next verdict sees them."""
    found = checks("12-one-goal-four-ways", "ways").Ways(lab)
    found.all = ways
    return found


def test_a_trial_takes_no_place_before_what_is_reached_first(checks: Checks) -> None:
    lab, (hand, swarm) = Kept(), (one_way("hand"), one_way("swarm"))
    assert ways_of(checks, lab, hand, swarm).used == [hand, swarm]
    assert ways_of(checks, lab, one_way("hand", used=False), swarm).used == [swarm]
    assert ways_of(checks, lab, hand, swarm).used == [swarm, hand]


def test_a_way_that_has_served_keeps_its_place_while_it_is_gone(checks: Checks) -> None:
    lab, (hand, swarm) = Kept(), (one_way("hand"), one_way("swarm"))
    found = ways_of(checks, lab, hand, one_way("swarm", used=False))
    found.note_served(found.used[0])
    assert ways_of(checks, lab, one_way("hand", used=False), swarm).used == [swarm]
    assert ways_of(checks, lab, hand, swarm).used == [hand, swarm]


def served(checks: Checks, lab: Kept, *ways: Any) -> Any:
    """Judge the first way, of whose goal nothing is asked."""
    goal = SimpleNamespace(serves=lambda _: None)
    with pytest.raises(CheckFailed) as failed:
        checks("12-one-goal-four-ways", "test_goal").test_first_serves(ways_of(checks, lab, *ways), goal)
    return failed.value.failure


NOWHERE: Any = {"hand": one_way("hand", used=False), "swarm": one_way("swarm", used=False, decider="node-1")}


def test_a_copy_that_was_sent_to_no_host_is_named_beside_the_one_by_hand(checks: Checks) -> None:
    alone, loose = one_way("hand", copies=1), [("node-1", "parcel")]
    found = served(checks, Kept(), alone, one_way("swarm", used=False, loose=loose))
    assert "1 copy runs on the hosts, and Parcel runs as the container `parcel` on node-1" in found.rationale
    assert found.source == "docker --host tcp://node-1:2375 ps"
    assert "speaks to node-1" in found.hint
    found = served(checks, Kept(container("parcel")), alone, one_way("kubernetes", used=False))
    assert "on your own machine, which is none of them" in found.rationale
    assert "speaks to your own machine" in found.hint


def test_a_lost_machine_of_another_way_does_not_cost_the_verdict_by_hand(checks: Checks) -> None:
    def looked_into() -> list[tuple[str, str]]:
        raise CouldNotRun("client-3 is not running")

    other = one_way("nomad", used=False)
    other.loose, other.cluster.ailing = looked_into, lambda: "client-3 is lost"
    judged: list[Any] = []
    ways = ways_of(checks, Kept(), one_way("hand", copies=1), other)
    checks("12-one-goal-four-ways", "test_goal").test_first_serves(
        ways, SimpleNamespace(serves=judged.append)
    )
    assert [way.key for way in judged] == ["hand"]


def test_with_two_copies_by_hand_nothing_is_missing(checks: Checks) -> None:
    ways = ways_of(checks, Kept(container("parcel")), one_way("hand"))
    checks("12-one-goal-four-ways", "test_goal").test_first_serves(
        ways, SimpleNamespace(serves=lambda _: None)
    )


@pytest.mark.parametrize(
    ("ways", "words"),
    [
        (("hand", "swarm"), "without `-H tcp://host-1:2375` speaks to node-1"),
        (("swarm",), "Who starts it again"),
    ],
)
def test_a_container_on_a_node_may_have_been_meant_for_a_host(
    checks: Checks, ways: tuple[str, ...], words: str
) -> None:
    chosen = {
        **NOWHERE,
        "swarm": one_way("swarm", used=False, decider="node-1", loose=[("node-1", "parcel")]),
    }
    found = served(checks, Kept(), *(chosen[each] for each in ways))
    assert "nothing stands behind it" in found.rationale
    assert words in found.hint


@pytest.mark.parametrize(
    ("lab", "there"),
    [
        (Kept(container("p")), True),
        (Kept(container("p", running=False)), False),
        (Kept(container("p", at="2026-11-27T16:00:00Z")), False),
    ],
)
def test_a_container_on_the_learners_own_engine_is_told(checks: Checks, lab: Kept, there: bool) -> None:
    found = served(checks, lab, NOWHERE["hand"])
    assert ("`p` on the engine of your own machine" in found.rationale) is there
    assert ("nothing runs Parcel" in found.rationale) is not there


class Waiting(Kubernetes):
    """A cluster on which nothing runs Parcel, for a reason that a test says."""

    def __init__(self, **said: Any) -> None:
        self._said = said

    def misnamed(self) -> list[Any]:
        """Return pods that wait for another image."""
        spec = SimpleNamespace(containers=[SimpleNamespace(image="parcel:1.0")])
        named = SimpleNamespace(metadata=SimpleNamespace(name="parcel-1"), spec=spec)
        return [named] if "misnamed" in self._said else []

    def idle(self) -> list[tuple[str, str]]:
        """Return Deployments without copies."""
        return list(self._said.get("idle", ()))

    def in_kube_system(self) -> list[Any]:
        """Return pods."""
        return []

    def last_failure(self) -> str:
        """Return what the cluster said."""
        return str(self._said.get("failed", ""))


class Jobs(Nomad):
    """A server with a job of another image, and one that was stopped."""

    def __init__(self) -> None:
        group = SimpleNamespace(image="parcel:1.0")
        self.api = SimpleNamespace(get=lambda *_: SimpleNamespace(task_groups=[group]))  # type: ignore[assignment]

    def others(self) -> list[str]:
        """Return the jobs' names."""
        return ["old (stopped)", "shop"]


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (Waiting(misnamed=True), "the pod parcel-1 waits for the image parcel:1.0"),
        (Waiting(idle=[("deployment/parcel", "wants 0 copies")]), "deployment/parcel wants 0 copies"),
        (Waiting(failed="exceeded quota"), "exceeded quota"),
        # What was refused says more than that there is nothing yet.
        (
            Waiting(failed="exceeded quota", idle=[("deployment/parcel", "has made none yet")]),
            "exceeded quota",
        ),
        (Jobs(), "has no copy of Parcel: the job shop runs parcel:1.0."),
    ],
)
def test_what_a_tool_was_told_in_vain_is_named(checks: Checks, cluster: Any, words: str) -> None:
    way = one_way("kubernetes", used=False)
    way.cluster = cluster
    assert words in served(checks, Kept(), NOWHERE["hand"], way).rationale
    way.cluster = Waiting()
    assert "nothing runs Parcel" in served(checks, Kept(), NOWHERE["hand"], way).rationale


class Tasks(Swarm):
    """A swarm with these tasks, the newest first."""

    def __init__(self, *found: tuple[str, str, str]) -> None:
        self._found = found

    def tasks(self) -> list[Any]:
        """Return them."""
        return [
            SimpleNamespace(
                state=state, error=error, definition=digest, wanted=state in {"running", "pending"}
            )
            for state, error, digest in self._found
        ]


class Late(ByHand):
    """Hosts with a copy that is not ready, and one that has ended."""

    def __init__(self, *, ready: bool) -> None:
        self._ready = ready

    def copies(self) -> list[Any]:
        """Return the first."""
        return [SimpleNamespace(node="host-1", name="a", status="Up (unhealthy)", ready=self._ready)]

    def ended(self) -> list[tuple[str, str, str]]:
        """Return the second."""
        return [("host-2", "b", "Exited (1)")]


class Allocations(Nomad):
    """A job with one allocation that is not ready."""

    def __init__(self, *, check: Any = None, event: str = "", unplaced: Any = None) -> None:
        self._said = check, event, unplaced

    def instances(self) -> list[Instance]:
        """Return it."""
        return [Instance("a", "client-1", "1.0", ready=False)]

    def refused(self, _: Instance) -> Any:
        """Return a check."""
        return self._said[0]

    def last_event(self, _: Instance) -> str:
        """Return its last event."""
        return self._said[1]

    def unplaced(self) -> Any:
        """Return why a copy has no place."""
        return self._said[2]


CHECK = SimpleNamespace(check="ready", output="404 Not Found", status="failure")


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (
            Tasks(("pending", "", "new"), ("rejected", "No such image", "new"), ("failed", "exit", "old")),
            "rejected: No such image",
        ),
        (Tasks(("pending", "", "new"), ("failed", "exit", "old")), ""),
        (Tasks(("running", "", "new"), ("failed", "exit", "new")), ""),
        (Tasks(), ""),
        (Late(ready=False), "a on host-1: Up (unhealthy)"),
        (Late(ready=True), "b on host-2: Exited (1)"),
        (Allocations(check=CHECK, event="Started: Task started"), "check ready: 404 Not Found"),
        (Allocations(event="Driver Failure: no such image"), "Driver Failure: no such image"),
        (
            Allocations(unplaced=SimpleNamespace(why="reserved port collision (2)")),
            "Placement Failure: reserved port collision (2)",
        ),
    ],
)
def test_what_a_way_says_of_late_copies_is_quoted(checks: Checks, cluster: Any, words: str) -> None:
    assert checks("12-one-goal-four-ways", "complaints").why_late(cluster) == words


class Unready(Kubernetes):
    """A cluster with a pod that is ready, and perhaps another that is not."""

    def __init__(self, *, late: bool) -> None:
        self._late = late

    def pods(self) -> list[Any]:
        """Return them."""
        return [SimpleNamespace(ready=True), *[SimpleNamespace(ready=False)] * self._late]

    def last_failure(self) -> str:
        """Return what the cluster could not create."""
        return "exceeded quota"


@pytest.mark.parametrize(
    ("late", "evidence", "words"),
    [
        (True, "HTTP 404", "parcel-1: 0/1: HTTP 404"),
        (True, "", "parcel-1: 0/1"),
        (False, "", "exceeded quota"),
    ],
)
def test_what_keeps_a_pod_is_quoted_or_what_kubernetes_could_not_make(
    checks: Checks, monkeypatch: pytest.MonkeyPatch, late: bool, evidence: str, words: str
) -> None:
    module = checks("12-one-goal-four-ways", "complaints")
    found = SimpleNamespace(seen="parcel-1: 0/1", evidence=evidence)
    monkeypatch.setattr(module, "hindrances", lambda _, pods: (found, pods) if len(pods) == 1 else None)
    assert module.why_late(Unready(late=late)) == words


def test_copies_that_share_a_name_do_not_show_how_many_served(checks: Checks) -> None:
    found = (record("host-1", -50), record("host-2", 9))
    with pytest.raises(CheckFailed, match="they do not show two") as told:
        goal(checks)._tell_of_no_loss(way(*found), loss(1, 1))
    assert "Leave the copy that died on host-3 there" in told.value.failure.hint
    found = (record("host-1", -50, "a"), record("host-2", 9, "b"))
    with pytest.raises(CheckFailed, match="1 of two copies served"):
        goal(checks)._tell_of_no_loss(way(*found), loss(1, 1))


def test_a_release_of_nomad_that_waits_for_nobody_is_waited_for(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = checks("12-one-goal-four-ways", "goal")
    monkeypatch.setattr(module, "RELEASE_SECONDS", 0.0)
    module._require_decided(nomad(promoted=True))
    module._require_decided(nomad(by_itself=True))
    module._require_decided(SimpleNamespace(deployments=list))
