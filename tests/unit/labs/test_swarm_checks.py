"""Lab 09's own judgements: why copies do not run, who answers in their place, and what took part in a move."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from checker.cluster.swarm_records import Node, Service, Task
from checker.grading.verdicts import CheckFailed, CouldNotRun
from tests.unit.labs.conftest import module

address, move, parcel, seal, unsettled, whole = (
    module("09", name) for name in ("address", "move", "parcel", "seal", "unsettled", "whole")
)

MADE = dt.datetime(2026, 11, 28, 10, 0, tzinfo=dt.UTC)
HOST = {"Protocol": "tcp", "TargetPort": 8080, "PublishedPort": 8080, "PublishMode": "host"}


def failure(function: Any, *arguments: Any) -> Any:
    with pytest.raises(CheckFailed) as failed:
        function(*arguments)
    return failed.value.failure


def service(name: str = "parcel", *, image: str = "drydock/parcel:2.0", **more: Any) -> Service:
    """Return a service; `ports`, `mode`, `policy` and `previous` are its own, and the rest is its container's."""
    ports, mode = more.pop("ports", [HOST]), more.pop("mode", {"Replicated": {"Replicas": 2}})
    template = {"RestartPolicy": more.pop("policy", {})}
    record: dict[str, Any] = {"ID": f"id-{name}", "CreatedAt": MADE.isoformat()}
    if previous := more.pop("previous", None):
        record["PreviousSpec"] = previous
    template["ContainerSpec"] = {"Image": image, **more}
    spec = {"Name": name, "Mode": mode, "TaskTemplate": template, "EndpointSpec": {"Ports": ports}}
    return Service({**record, "Spec": spec})


def task(
    node: str = "node-1", state: str = "running", *, after: float = 1, error: str = "", **more: Any
) -> Task:
    base = Task(
        "t",
        "id-parcel",
        node,
        1,
        state,
        wanted=state not in {"failed", "rejected", "complete", "shutdown"},
        error=error,
        container="c0ffee000001ffff",
        image="drydock/parcel:2.0",
        created=(MADE + dt.timedelta(seconds=after)).isoformat(),
    )
    return replace(base, **more)


class Manager:
    """A swarm of three nodes, with a service, its tasks, and what else a test puts on it."""

    nodes = ("node-1", "node-2", "node-3")

    def __init__(self, made: Service, *tasks: Task, others: tuple[Service, ...] = (), **more: Any) -> None:
        self.made, self.others, self.found = made, others, tasks
        self.drained, self.lost = more.get("drained", ""), more.get("lost", "")
        self.answering = more.get("answering", ())
        self.strays: list[tuple[str, str]] = more.get("loose", [])
        self.said: str = more.get("said", "")
        self.state = more.get("state", {})
        self.networks: list[Any] = more.get("networks", [])
        self.inside: bool = more.get("inside", False)

    def members(self) -> list[Node]:
        """Return the nodes."""
        return [
            Node(
                each,
                each,
                ready=each != self.lost,
                manager=False,
                availability="drain" if each == self.drained else "active",
            )
            for each in self.nodes
        ]

    def service(self) -> Service:
        """Return the task's service."""
        return self.made

    def services(self) -> list[Service]:
        """Return all services."""
        return [self.made, *self.others]

    def tasks(self) -> list[Task]:
        """Return the service's tasks, the newest first."""
        mine = [each for each in self.found if each.service == self.made.id]
        return sorted(mine, key=lambda each: each.created, reverse=True)

    def look(self) -> tuple[list[Node], list[Service], list[Task]]:
        """Return everything."""
        return self.members(), self.services(), list(self.found)

    def get(self, node: str, _: str) -> tuple[int, Any]:
        """Send a request to a node."""
        return (200, {}) if node in self.answering else (0, "")

    def ask(self, path: str) -> Any:
        """Return the swarm's networks, or its name for that of the nodes."""
        return {"Id": "h", "Name": "host"} if path == "/networks/host?scope=swarm" else self.networks

    def instances(self) -> list[Any]:
        """Return the copies that should run."""
        return [
            SimpleNamespace(node=each.node, ready=each.state == "running")
            for each in self.tasks()
            if each.wanted
        ]

    def loose(self) -> list[tuple[str, str]]:
        """Return containers that belong to no service."""
        return self.strays

    def remotes(self) -> list[tuple[str, Any]]:
        """Return the copies that run."""
        return [("node-2", SimpleNamespace(answers=lambda _: self.inside))]

    def container_logs(self, *_: Any) -> str:
        """Return what a copy wrote."""
        return self.said

    def inspect(self, _: Task) -> dict[str, Any]:
        """Return the record of a copy's container."""
        return {"State": self.state, "Config": {}}


def unsettled_for(manager: Manager, wanted: int = 2) -> Any:
    return failure(unsettled.fail_unsettled, manager, manager.made, wanted)


# -- why copies do not run --------------------------------------------------------------------------------------


def test_options_behind_the_image_are_told_as_the_copies_command() -> None:
    error = 'starting container failed: exec: "--env-file": executable file not found in $PATH'
    found = unsettled_for(Manager(service(Args=["--env-file", "x"]), task(state="failed", error=error)))
    assert "their command is `--env-file x`" in found.rationale
    assert "On which side" in found.hint


def test_a_reservation_that_no_node_has_is_not_told_as_a_port() -> None:
    error = "no suitable node (insufficient resources on 3 nodes)"
    found = unsettled_for(Manager(service(), task("", "pending", error=error)))
    assert "reserves more memory or processors" in found.rationale
    assert "port" not in found.hint


def test_an_update_that_needs_one_more_node_is_told_as_standing_still() -> None:
    error = "no suitable node (host-mode port already in use on 3 nodes)"
    running = [task(f"node-{n}", slot=n, definition="old") for n in (1, 2, 3)]
    manager = Manager(service(), task("", "pending", after=9, error=error, definition="new"), *running)
    assert "The update of `parcel` is stuck" in unsettled_for(manager, 3).rationale


def test_an_update_that_lacks_the_node_that_is_lost_names_it() -> None:
    error = "no suitable node (host-mode port already in use on 2 nodes; 1 node not available for new tasks)"
    running = [task(f"node-{n}", slot=n, definition="old") for n in (1, 2)]
    waiting = task("", "pending", after=9, error=error, definition="new")
    found = unsettled_for(Manager(service(), waiting, *running, lost="node-3"))
    assert "while node-3 is lost, no node is left for it" in found.rationale
    assert "lab lose 9 --back" in found.hint
    assert "lost" not in unsettled_for(Manager(service(), waiting, *running)).rationale
    # Where every node is to have a copy, none is left for one more, even when all are there.
    third = task("node-3", slot=3, definition="old")
    assert (
        "lost" not in unsettled_for(Manager(service(), waiting, *running, third, lost="node-3"), 3).rationale
    )


def test_only_a_node_that_takes_none_is_told_as_that() -> None:
    full = "no suitable node (host-mode port already in use on 2 nodes; 1 node not available for new tasks)"
    manager = Manager(service(), task("", "pending", error=full), drained="node-3")
    assert "node-3 was told to take none" in unsettled_for(manager).rationale
    manager = Manager(
        service(),
        task("", "pending", error="no suitable node (scheduling constraints not satisfied)"),
        drained="node-3",
    )
    assert "no node is left" in unsettled_for(manager).rationale


def test_what_ended_before_the_last_change_is_not_the_reason_now() -> None:
    old = task(state="rejected", error="No such image: drydock/parcel:1.1", definition="old")
    new = task(after=5, state="failed", error="task: non-zero exit (1)", definition="new")
    found = unsettled_for(Manager(service(), old, new, said="one\nPARCEL_READY_DELAY_MS is '3s'\n"))
    assert "The program in the copies of `parcel` ends" in found.rationale
    assert found.evidence == "PARCEL_READY_DELAY_MS is '3s'"


def test_copies_without_enough_memory_are_told_as_that() -> None:
    killed = task(state="failed", error="task: non-zero exit (137)")
    found = unsettled_for(Manager(service(), killed, state={"OOMKilled": True}))
    assert "need more memory than their limit" in found.rationale


def test_an_image_by_its_digest_is_named_with_it() -> None:
    rejected = task(state="rejected", error="No such image: drydock/parcel@sha256:abc")
    found = unsettled_for(Manager(service(image="drydock/parcel:1.0@sha256:abc"), rejected))
    assert "the image drydock/parcel:1.0@sha256:abc" in found.rationale
    assert "digest" in found.hint


def judged(manager: Manager) -> Any:
    found = parcel.Parcel(SimpleNamespace(engine=SimpleNamespace(clock=CLOCK)), manager)
    found.__dict__["service"] = manager.made
    return found


CLOCK = SimpleNamespace(now=lambda: MADE.timestamp() + 60)


def test_copies_that_ended_under_the_rules_before_are_no_sign_of_what_runs_now() -> None:
    ended = [task(after=n, state="failed", definition="old") for n in (10, 20)]
    judged(Manager(service(), *ended, task(after=30, definition="new")))._require_steady(service())
    same = [replace(each, definition="new") for each in ended]
    found = failure(
        judged(Manager(service(), *same, task(after=30, definition="new")))._require_steady, service()
    )
    assert "do not stay" in found.rationale


def running(*edited: str, variables: tuple[str, ...] = ()) -> Any:
    """Return a copy on a node in which these files were edited."""
    return SimpleNamespace(
        id="c",
        in_place_of=lambda _: "",
        other_code=lambda _: list(variables),
        edited_files=lambda: list(edited),
    )


def program(copy: Any, **more: Any) -> None:
    manager = Manager(service(**more), task())
    manager.remotes = lambda: [("node-1", copy)]  # type: ignore[method-assign]
    made = judged(manager)
    made.lab.prove_once = lambda *_, test: test()
    made.require_program()


@pytest.mark.parametrize(
    ("copy", "place", "seen"),
    [
        (running("C /app/parcel.py"), "", "C /app/parcel.py, on node-1"),
        (running(variables=("PYTHONPATH=/srv",)), "", "PYTHONPATH=/srv, on node-1"),
        (running(), "/app/http.py", "config other at /app/http.py"),
        (running(), "/usr/lib/python3.13/http", "config other at /usr/lib/python3.13/http"),
    ],
)
def test_code_beside_parcel_in_its_copy_is_told(copy: Any, place: str, seen: str) -> None:
    configs = [{"ConfigName": "other", "File": {"Name": place}}] if place else []
    found = failure(lambda: program(copy, Configs=configs))
    assert "loads other code than the image's" in found.rationale
    assert found.seen == seen


@pytest.mark.parametrize(
    "place", ["/app/parcel.env", "/usr/local/bin/ready.sh", "/etc/parcel.env", "/app/data"]
)
def test_what_is_given_to_a_copy_and_is_no_code_of_parcels_may_lie_anywhere(place: str) -> None:
    program(running("A /usr/local/bin/own"), Configs=[{"ConfigName": "own", "File": {"Name": place}}])


# -- a global service -------------------------------------------------------------------------------------------


GLOBAL: dict[str, Any] = {"Global": {}}


def test_a_global_service_has_as_many_copies_as_its_constraints_leave_nodes() -> None:
    made = judged(Manager(service(mode=GLOBAL), task("node-2", slot=0), task("node-3", slot=0)))
    assert (made.wanted, made.wanted_after_loss) == (2, 1)
    assert "When one of them is lost, 1 copy runs" in failure(made.require_enough_left).rationale
    judged(Manager(service(mode=GLOBAL), *(task(n, slot=0) for n in Manager.nodes))).require_enough_left()
    judged(Manager(service(), task())).require_enough_left()


# -- a lost copy ------------------------------------------------------------------------------------------------


def updating(state: str) -> Any:
    made = service()
    return judged(Manager(Service({**made.record, "UpdateStatus": {"State": state}}), task()))


def test_no_node_is_lost_in_an_update_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcel, "UPDATE_SECONDS", 0.0)
    with pytest.raises(CouldNotRun, match="is being updated"):
        updating("updating").require_no_update()
    with pytest.raises(CouldNotRun, match="is being updated"):
        updating("rollback_started").require_no_update()


@pytest.mark.parametrize("state", ["completed", "paused", "rollback_completed"])
def test_an_update_that_is_over_or_paused_holds_nothing_up(state: str) -> None:
    updating(state).require_no_update()


def test_a_lost_copy_that_waits_for_its_restart_delay_is_told() -> None:
    waiting = task("node-3", "ready", after=9)
    slow = judged(Manager(service(policy={"Delay": 180 * 10**9}), task(), waiting))
    assert "restart delay of the service is 180 s" in slow.gave_up()
    assert judged(Manager(service(policy={"Delay": 5 * 10**9}), task(), waiting)).gave_up() == ""


def test_a_lost_copy_that_a_drained_node_has_no_place_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    pending = task("", "pending", error="no suitable node (1 node not available for new tasks)")
    made = judged(Manager(service(), task(), pending, drained="node-3"))
    assert made.gave_up() == ""
    now = 110.0
    assert "node-3 was told to take none" in failure(made.gave_up).rationale


# -- who answers ------------------------------------------------------------------------------------------------


def test_a_container_that_answers_in_the_services_place_is_told() -> None:
    manager = Manager(service(), task("node-2"), answering=("node-1", "node-2"), loose=[("node-1", "shop")])
    found = failure(address.require_alone, manager, manager.made)
    assert "On node-1, the container `shop` answers" in found.rationale
    address.require_alone(Manager(service(), task("node-2"), answering=("node-2",)), service())


def test_a_service_on_the_nodes_own_network_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "GONE_SECONDS", 0.0)
    other = service("practice", ports=[])
    on_host = task("node-1", service="id-practice")
    manager = Manager(service(), task("node-2"), on_host, others=(other,), answering=("node-1",))
    assert (
        "a copy of the service `practice`" in failure(address.require_alone, manager, manager.made).rationale
    )


def test_the_mesh_answers_on_every_node() -> None:
    made = service(ports=[{**HOST, "PublishMode": "ingress"}])
    address.require_alone(Manager(made, task("node-2"), answering=Manager.nodes), made)


def test_a_service_that_is_not_the_lessons_is_not_told_as_left_over() -> None:
    manager = Manager(service(), task(), others=(service("web"),))
    found = failure(address.require_alone, manager, manager.made)
    assert "Which of the two is your answer" in found.hint


def unanswered(made: Service, **more: Any) -> Any:
    return failure(address.fail_unanswered, Manager(made, task("node-2"), **more), made, "HTTP 503")


def test_a_port_that_is_published_by_udp_is_told_as_that() -> None:
    assert "for UDP only" in unanswered(service(ports=[{**HOST, "Protocol": "udp"}])).rationale
    assert "publishes no port" in unanswered(service(ports=[])).rationale


def test_a_port_inside_that_parcel_was_told_to_use_is_the_right_one() -> None:
    made = service(ports=[{**HOST, "TargetPort": 80}], Env=["PARCEL_PORT=80"])
    assert "finds none of them ready" in unanswered(made, answering=("node-2",)).rationale
    assert "Parcel listens on 80" in unanswered(service(Env=["PARCEL_PORT=80"])).rationale


def test_copies_that_do_not_listen_on_their_port_are_told_as_that() -> None:
    assert "nothing listens behind it" in unanswered(service()).rationale


def test_copies_on_the_network_of_their_nodes_have_nothing_to_publish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(address, "networks", lambda *_: [{"Id": "h", "Name": "host"}])
    assert "nothing listens behind it" in unanswered(service(ports=[])).rationale


@pytest.mark.parametrize(
    ("inside", "answering", "words"),
    [
        (True, (), "through the routing mesh, and no node answers"),
        (False, (), "nothing listens behind it in the copies"),
        (True, ("node-3",), "finds none of them ready"),
    ],
)
def test_the_mesh_is_blamed_only_for_what_answers_behind_it(
    inside: bool, answering: tuple[str, ...], words: str
) -> None:
    made = service(ports=[{**HOST, "PublishMode": "ingress"}])
    assert words in unanswered(made, inside=inside, answering=answering).rationale


def test_copies_on_an_internal_network_are_told_as_that() -> None:
    made = service()
    made.record["Spec"]["TaskTemplate"]["Networks"] = [{"Target": "n1"}]
    inside = {"Id": "n1", "Name": "back", "Internal": True}
    assert "only on the network `back`" in unanswered(made, networks=[inside]).rationale
    assert "back" not in unanswered(made, networks=[{**inside, "Internal": False}]).rationale


# -- a move -----------------------------------------------------------------------------------------------------


BEFORE = {
    "Mode": {"Replicated": {"Replicas": 2}},
    "TaskTemplate": {"ContainerSpec": {"Image": "drydock/parcel:1.0"}},
}
NORTH = "PARCEL_INSTANCE=north"
MOVE: Any = SimpleNamespace(before="1.0", after="2.0", begin=1.0, end=2.0)


def seen(*instances: str) -> Any:
    answers = [SimpleNamespace(instance=each) for each in instances]
    return SimpleNamespace(between=lambda *_: SimpleNamespace(good=answers))


def test_an_answer_of_something_else_in_a_move_is_told() -> None:
    manager = Manager(service(previous=BEFORE), task(), task(after=50))
    move.require_own_answers(manager, manager.made, MOVE, seen("c0ffee000001"))
    found = failure(
        move.require_own_answers, manager, manager.made, MOVE, seen("c0ffee000001", "badbadbadbad")
    )
    assert "no copy of `parcel`" in found.rationale


def of_version(version: str, at: int, *env: str, **more: Any) -> dict[str, Any]:
    spec = {"Image": f"drydock/parcel:{version}@sha256:1", "Env": list(env), **more}
    return {"ServiceID": "s", "CreatedAt": f"2026-11-28T10:00:{at:02}Z", "Spec": {"ContainerSpec": spec}}


WARM = "PARCEL_READY_DELAY_MS=3000"


@pytest.mark.parametrize(
    ("tasks", "cold"),
    [
        ([of_version("1.0", 1), of_version("2.0", 2), of_version("2.0", 3, WARM)], True),
        ([of_version("1.0", 1), of_version("2.0", 2, "PARCEL_READY_DELAY_MS=300")], True),
        ([of_version("1.0", 1), of_version("2.0", 2, WARM)], False),
        # An earlier try does not count, nor what came afterwards.
        (
            [
                of_version("2.0", 0),
                of_version("1.0", 1, WARM),
                of_version("2.0", 2, WARM),
                of_version("2.0", 3),
            ],
            False,
        ),
        # The swarm has forgotten what was before.
        ([of_version("2.0", 2), of_version("2.0", 3, WARM)], False),
        # A command of one's own may set it.
        ([of_version("1.0", 1), of_version("2.0", 2, Args=["sh", "-c", "…"])], False),
    ],
)
def test_a_rollout_is_tried_with_the_warm_up(tasks: list[dict[str, Any]], *, cold: bool) -> None:
    swarm = SimpleNamespace(ask=lambda _: [*tasks, {**of_version("2.0", 9), "ServiceID": "other"}])
    moved = SimpleNamespace(before="1.0", after="2.0")
    arguments = (swarm, SimpleNamespace(id="s", name="parcel"), moved, "PARCEL_READY_DELAY_MS", 3000)
    if cold:
        assert "came after the rollout" in failure(move.require_moved_warm, *arguments).rationale
    else:
        move.require_moved_warm(*arguments)


@pytest.mark.parametrize(
    ("previous", "after"),
    [
        (None, 1),
        (BEFORE, 500),
        ({**BEFORE, "Mode": {"Replicated": {"Replicas": 3}}}, 1),
        ({**BEFORE, "TaskTemplate": {"ContainerSpec": {"Image": "drydock/parcel:2.0"}}}, 1),
    ],
)
def test_an_answer_of_a_copy_that_the_swarm_may_have_forgotten_is_not_held_against_a_service(
    previous: Any, after: float
) -> None:
    manager = Manager(service(previous=previous), task(after=after))
    move.require_own_answers(manager, manager.made, MOVE, seen("badbadbadbad"))


def test_a_copy_with_a_name_of_its_own_is_not_held_against_a_service() -> None:
    named = {**BEFORE, "TaskTemplate": {"ContainerSpec": {"Image": "drydock/parcel:1.0", "Env": [NORTH]}}}
    manager = Manager(service(previous=named, Hostname="south"), task())
    move.require_own_answers(manager, manager.made, MOVE, seen("north", "south", ""))
    made = service(previous=BEFORE, Hostname="{{.Task.Name}}")
    move.require_own_answers(Manager(made, task()), made, MOVE, seen("parcel.1.x"))
    made = service(previous=BEFORE, Args=["sh", "-c", "…"])
    move.require_own_answers(Manager(made, task()), made, MOVE, seen("any"))


def test_a_copy_on_its_nodes_network_answers_with_the_name_of_its_node() -> None:
    task_template = {"ContainerSpec": {"Image": "drydock/parcel:1.0"}, "Networks": [{"Target": "h"}]}
    manager = Manager(service(previous={**BEFORE, "TaskTemplate": task_template}), task())
    move.require_own_answers(manager, manager.made, MOVE, seen("node-1", "node-3"))
    assert failure(move.require_own_answers, manager, manager.made, MOVE, seen("node-1", "helper"))
    task_template["Networks"] = [{"Target": "b"}]
    manager.networks = [{"Id": "b", "Name": "back"}]
    assert failure(move.require_own_answers, manager, manager.made, MOVE, seen("node-1"))


def test_an_answer_of_another_services_host_name_is_told() -> None:
    for made in (service(previous=BEFORE), service(previous=BEFORE, Hostname="south")):
        found = failure(
            move.require_own_answers, Manager(made, task()), made, MOVE, seen("c0ffee000001", "helper")
        )
        assert "no copy of `parcel`" in found.rationale
        assert found.seen == "answers of helper"


def test_an_image_that_was_made_again_under_the_same_name_is_told() -> None:
    ours = {"Id": "a", "Config": {"Env": ["B=2", "A=1"], "Cmd": ["x"]}, "RootFS": {"Layers": ["l"]}}
    there: dict[str, Any] = {}

    def judge(**images: dict[str, Any]) -> None:
        there.clear()
        there.update({f"drydock/parcel:{name[1]}.0": each for name, each in images.items()})
        manager: Any = SimpleNamespace(
            members=Manager(service()).members, image=lambda _, name: there.get(name, {})
        )
        move.require_provided_images(manager, service(), {"1.0": ours, "2.0": ours})

    same = {**ours, "Id": "b", "Config": {"Env": ["A=1", "B=2"], "Cmd": ["x"], "Healthcheck": {}}}
    judge(v1=same, v2=same)
    # One that was removed is no other image.
    judge(v2=same)
    assert "is not the image" in failure(lambda: judge(v2={**ours, "Config": {"Env": ["A=2"]}})).rationale
    found = failure(lambda: judge(v1={**ours, "RootFS": {"Layers": ["l", "m"]}}, v2=same))
    assert "has under the name drydock/parcel:1.0 is not" in found.rationale


# -- the key ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "has_left"), [("inactive", True), ("active", False), ("", False)])
def test_a_node_that_has_left_is_not_told_as_one_that_is_lost(state: str, *, has_left: bool) -> None:
    def ask(path: str, node: str = "", absent: Any = None) -> Any:
        if path == "/swarm":
            return {"Spec": {"Orchestration": {}}}
        assert (path, node) == ("/info", "node-3")
        return {"Swarm": {"LocalNodeState": state}} if state else absent

    members = [
        Node(each, each, ready=each != "node-3", manager=each == "node-1", availability="active")
        for each in Manager.nodes
    ]
    manager = SimpleNamespace(members=lambda: members, nodes=Manager.nodes, manager="node-1", ask=ask)
    if has_left:
        found = failure(whole.require_whole, manager)
        assert "node-3 left the swarm" in found.rationale
        assert found.seen.endswith("node-3 (worker, down)")
    else:
        whole.require_whole(manager)


@pytest.mark.parametrize(("seconds", "soon"), [(2, True), (1, True), (5, False)])
def test_a_swarm_that_notices_a_loss_later_is_not_as_it_was(seconds: int, *, soon: bool) -> None:
    said = {"Spec": {"Orchestration": {}, "Dispatcher": {"HeartbeatPeriod": seconds * 10**9}}}
    only = Node("n", "node-1", ready=True, manager=True, availability="active")
    manager = SimpleNamespace(members=lambda: [only], nodes=["node-1"], manager="node-1", ask=lambda _: said)
    if soon:
        whole.require_whole(manager)
    else:
        assert "every 5 s that it is there" in failure(whole.require_whole, manager).rationale


@pytest.mark.parametrize(("kept", "enough"), [(0, False), (4, False), (5, True), (-1, True)])
def test_a_swarm_that_forgets_what_ended_is_not_as_it_was(kept: int, *, enough: bool) -> None:
    said = {"Spec": {"Orchestration": {"TaskHistoryRetentionLimit": kept}}}
    only = Node("n", "node-1", ready=True, manager=True, availability="active")
    manager = SimpleNamespace(members=lambda: [only], nodes=["node-1"], manager="node-1", ask=lambda _: said)
    if enough:
        whole.require_whole(manager)
    else:
        assert failure(whole.require_whole, manager).seen == f"Task History Retention Limit: {kept}"


def test_a_key_that_a_config_brings_is_not_told_as_one_on_a_disk() -> None:
    made = service(
        Secrets=[{"File": {"Name": "seal"}}], Configs=[{"ConfigName": "tmpl", "File": {"Name": "/etc/seal"}}]
    )
    told = failure(seal._require_from_secret, made, "/etc/seal").rationale
    assert "the config `tmpl` brings it there" in told
    assert "disks" not in told


def test_every_image_on_a_node_that_the_lab_has_not_brought_is_looked_into() -> None:
    on = {
        "node-1": [
            {"Id": "1", "RepoTags": ["drydock/parcel:1.0"]},
            {"Id": "x", "RepoTags": ["parcel:sealed"]},
            {"Id": "y", "RepoTags": ["<none>:<none>"]},
        ],
        "node-2": [
            {"Id": "x", "RepoTags": ["parcel:sealed"]},
            {"Id": "z", "RepoTags": ["drydock/parcel:2.0"]},
        ],
        "node-3": [],
    }
    lab = SimpleNamespace(image=lambda name: {"Id": name[-3]})
    manager = SimpleNamespace(nodes=Manager.nodes, ask=lambda _, node, absent: on[node] or absent)
    found = list(seal._other_images(lab, manager, service(image="drydock/parcel:1.0")))
    assert found == [("node-1", "parcel:sealed"), ("node-1", "y")]
    # The image that the service runs is looked into although it has a name of the lab's.
    again = list(seal._other_images(lab, manager, service(image="drydock/parcel:2.0")))
    assert again == [*found, ("node-2", "drydock/parcel:2.0")]


@pytest.mark.parametrize("place", ["its environment, as SEAL", "its command line"])
def test_a_key_that_the_copies_command_hands_to_a_program_is_told(place: str) -> None:
    told = [("node-2", place, "sealed with seal-key-1234")]
    found = failure(seal.require_not_exported, told, service(), ["seal-key-1234"])
    assert f"On node-2, a program has the key in {place}" in found.rationale
    seal.require_not_exported([("node-2", place, "/bin")], service(), ["seal-key-1234"])


def test_the_images_other_name_of_the_secrets_folder_is_the_same_folder() -> None:
    made = service(Secrets=[{"File": {"Name": "seal"}}])
    seal._require_from_secret(made, "/var/run/secrets/seal")
    assert "none of its secrets lies there" in failure(seal._require_from_secret, made, "/var/seal").rationale


@pytest.mark.parametrize(
    "file", ["/run/secrets/../secrets/seal", "run/secrets/seal", "//run/./secrets/seal", "/run/secrets/seal"]
)
def test_a_detour_to_a_secret_and_a_mount_above_it_lead_to_the_secret(file: str) -> None:
    above = [{"Type": "tmpfs", "Target": "/run"}, {"Type": "volume", "Target": "/run/secrets/"}]
    seal._require_from_secret(service(Secrets=[{"File": {"Name": "seal"}}], Mounts=above), file)


def test_a_mount_in_a_secrets_own_place_or_beside_it_is_told_as_what_it_is() -> None:
    def told(file: str, **mount: str) -> str:
        made = service(Secrets=[{"File": {"Name": "seal"}}], Mounts=[mount])
        return str(failure(seal._require_from_secret, made, file).rationale)

    over = told("/run/secrets/seal", Type="bind", Source="/work", Target="/run/secrets/seal")
    assert "a bind mount of /work brings it there" in over
    # What is in memory lies on no disk.
    beside = told("/run/other/seal", Type="tmpfs", Target="/run/other")
    assert "something in the copies has made that file" in beside


def test_an_update_that_was_rolled_back_is_told_as_that() -> None:
    made = service(image="drydock/parcel:1.0")
    made = Service(
        {**made.record, "UpdateStatus": {"State": "rollback_completed", "Message": "rollback completed"}}
    )
    tried = task(state="failed", error="task: non-zero exit (1)")
    found = failure(move.require_not_taken_back, Manager(made, tried), made, "2.0")
    assert "was rolled back, and drydock/parcel:1.0 runs again" in found.rationale
    assert found.evidence == "failed: task: non-zero exit (1)"
    move.require_not_taken_back(Manager(made, replace(tried, image="drydock/parcel:1.0")), made, "2.0")
    move.require_not_taken_back(Manager(service(), tried), service(), "2.0")
    by_hand = replace(tried, state="shutdown", error="")
    move.require_not_taken_back(Manager(made, by_hand), made, "2.0")


def test_a_health_check_that_was_killed_with_its_copy_is_not_the_reason() -> None:
    probe = {"Health": {"Log": [{"ExitCode": 137}]}}
    ended = task(state="failed", error="task: non-zero exit (1)")
    assert "ends" in unsettled_for(Manager(service(), ended, state=probe)).rationale
    ailing = task(state="failed", error="task: non-zero exit (143): dockerexec: unhealthy container")
    assert "are found unhealthy" in unsettled_for(Manager(service(), ailing, state=probe)).rationale


def test_a_node_that_is_lost_is_told_where_there_is_no_room() -> None:
    manager = Manager(
        service(),
        task("", "pending", error="no suitable node (host-mode port already in use)"),
        lost="node-3",
    )
    assert "node-3 is lost" in unsettled_for(manager).rationale
