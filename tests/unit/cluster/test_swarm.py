"""What checks read from a swarm's manager: services, tasks and nodes, from the API's own answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from checker.cluster.interface import Lasting
from checker.cluster.swarm import NotAManagerError, Port, Service, Swarm
from checker.cluster.swarm_losses import why_not_replaced
from checker.engine.shell import Completed
from checker.errors import LabError

if TYPE_CHECKING:
    from checker.grading.author import Lab


class Manager:
    """A shell in the manager's node, in which curl gets prepared answers."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = answers
        self.commands: list[str] = []

    def exec(self, command: str, timeout: float = 0.0) -> Completed:  # noqa: ARG002 - as a container's
        """Answer as curl does: a body, its status on a line of its own."""
        self.commands.append(command)
        text = "".join(
            f"{json.dumps(body)}\n\n{status}\n" if body is not None else f"\n{status:03}\n"
            for status, body in self.answers
        )
        return Completed(0, text.encode(), b"curl: (7) no way there")


def swarm(*answers: tuple[int, Any]) -> Swarm:
    """Return a swarm whose manager answers so."""
    made = Swarm(cast("Lab", None))
    made.__dict__["_shell"] = Manager(*answers)
    return made


def node(number: int, *, state: str = "ready", role: str = "worker") -> dict[str, Any]:
    """Return what the API says of a node."""
    return {
        "ID": f"id-{number}",
        "Description": {"Hostname": f"node-{number}"},
        "Status": {"State": state},
        "Spec": {"Role": role, "Availability": "active"},
    }


def service(name: str, image: str = "drydock/parcel:1.0@sha256:abc", **spec: Any) -> dict[str, Any]:
    """Return what the API says of a service."""
    container = {"Image": image, "Env": ["A=1", "B=x=y"]}
    return {
        "ID": f"id-{name}",
        "CreatedAt": "2026-11-24T22:16:53.724184987Z",
        "Spec": {"Name": name, "TaskTemplate": {"ContainerSpec": container}, **spec},
    }


def task(
    number: int, of: str, state: str, desired: str, *, on: int | None = None, error: str = ""
) -> dict[str, Any]:
    """Return what the API says of a task."""
    return {
        "ID": f"task-{number}",
        "ServiceID": f"id-{of}",
        "NodeID": f"id-{on}" if on else "",
        "Slot": 1,
        "CreatedAt": f"2026-11-24T22:16:{number:02}Z",
        "DesiredState": desired,
        "Status": {"State": state, "Err": error},
        "Spec": {"ContainerSpec": {"Image": "drydock/parcel:2.0@sha256:abc"}},
    }


def full(services: list[Any], tasks: list[Any] | None = None) -> Swarm:
    """Return a swarm of three nodes, the third of them down."""
    nodes = [node(2), node(1, role="manager"), node(3, state="down")]
    return swarm((200, nodes), (200, services), (200, tasks or []))


def test_members_are_told_by_name_with_who_is_down_and_who_manages() -> None:
    found = [(each.name, each.ready, each.manager) for each in full([]).members()]
    assert found == [("node-1", True, True), ("node-2", True, False), ("node-3", False, False)]


def test_a_node_that_left_and_joined_again_is_one_node() -> None:
    gone = {**node(2, state="down"), "ID": "id-gone"}
    nodes = [gone, node(2), node(1, role="manager"), node(3, state="down")]
    found = swarm((200, nodes), (200, []), (200, [])).members()
    assert [(each.name, each.ready) for each in found] == [
        ("node-1", True),
        ("node-2", True),
        ("node-3", False),
    ]


def test_a_task_knows_what_it_was_to_run() -> None:
    other = task(2, "parcel", "failed", "shutdown", on=1)
    other["Spec"] = {"ContainerSpec": {**other["Spec"]["ContainerSpec"], "Env": ["A=2"]}}
    tasks = [
        task(1, "parcel", "running", "running", on=1),
        other,
        task(3, "parcel", "running", "running", on=2),
    ]
    third, second, first = full([service("parcel")], tasks).tasks()
    assert first.definition == third.definition != second.definition


def test_what_nodes_were_told_and_the_settings_belong_to_the_terms_and_a_loss_does_not() -> None:
    def terms(*nodes: dict[str, Any], settings: int = 5, services: tuple[Any, ...] = ()) -> str:
        said = {"Spec": {"Dispatcher": {"HeartbeatPeriod": settings}}}
        return swarm((200, said), (200, list(nodes)), (200, list(services))).terms()

    free = node(2)
    as_it_was = terms(free)
    assert terms(node(2, state="down")) == as_it_was
    assert terms({**free, "Spec": {**free["Spec"], "Availability": "drain"}}) != as_it_was
    assert terms({**free, "Spec": {**free["Spec"], "Labels": {"disk": "ssd"}}}) != as_it_was
    assert terms(free, settings=60) != as_it_was
    assert terms(free, services=(service("other"),)) != as_it_was


def test_the_service_on_a_node_is_the_one_with_a_copy_there() -> None:
    tasks = [task(1, "parcel", "running", "running", on=1), task(2, "parcel", "failed", "shutdown", on=2)]
    found = full([service("parcel")], tasks).service_on("node-1")
    assert found is not None
    assert found.name == "parcel"
    assert full([service("parcel")], tasks).service_on("node-2") is None


def test_one_command_asks_for_everything() -> None:
    asked = full([service("parcel")], [task(1, "parcel", "running", "running", on=1)])
    assert len(asked.instances()) == 1
    assert len(cast("Manager", asked.__dict__["_shell"]).commands) == 1


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["web", "parcel", "shop_parcel"], "parcel"),
        (["web", "shop_parcel"], "shop_parcel"),
        (["web"], "web"),
        (["practice", "web"], "web"),
        (["practice"], "practice"),
        ([], None),
    ],
)
def test_the_service_is_found_by_its_name_a_stack_s_name_or_its_image(
    names: list[str], chosen: str | None
) -> None:
    found = full([service("other", "nginx:1"), *map(service, names)]).service()
    assert (found.name if found else None) == chosen


def test_a_service_says_what_was_asked_for() -> None:
    made = Service(
        service(
            "parcel",
            Mode={"Replicated": {"Replicas": 3}},
            EndpointSpec={
                "Ports": [
                    {"Protocol": "tcp", "TargetPort": 8080, "PublishedPort": 80, "PublishMode": "host"},
                    {"Protocol": "udp", "TargetPort": 53, "PublishedPort": 53},
                    {"TargetPort": 8080},
                ]
            },
        )
    )
    assert (made.image, made.mode, made.replicas) == ("drydock/parcel:1.0", "Replicated", 3)
    assert made.env == {"A": "1", "B": "x=y"}
    assert made.ports == [Port(80, 8080, "host"), Port(0, 8080, "ingress")]
    assert made.protocols == {"tcp", "udp"}
    assert made.created == pytest.approx(1795558613.724)
    assert Service(service("parcel", Mode={"Global": {}})).replicas is None


def test_only_tasks_that_are_still_wanted_are_copies() -> None:
    tasks = [
        task(1, "parcel", "running", "running", on=1),
        task(2, "parcel", "running", "shutdown", on=3),
        task(3, "parcel", "rejected", "shutdown", on=2, error="No such image"),
        task(4, "parcel", "pending", "running", error="no suitable node"),
        task(5, "parcel", "failed", "running", on=2),
        task(6, "other", "running", "running", on=2),
    ]
    found = full([service("parcel"), service("other", "nginx:1")], tasks)
    assert [(each.id, each.node, each.version, each.ready) for each in found.instances()] == [
        ("task-4", "", "2.0", False),
        ("task-1", "node-1", "2.0", True),
    ]
    assert [each.id for each in found.tasks()] == ["task-5", "task-4", "task-3", "task-2", "task-1"]
    assert found.shows() == "docker service ps parcel"


def test_an_engine_that_manages_no_swarm_is_told_apart() -> None:
    with pytest.raises(NotAManagerError, match="not a swarm manager"):
        swarm((503, {"message": "This node is not a swarm manager."})).members()


def test_a_node_that_does_not_answer_is_an_error_unless_it_may_be_away() -> None:
    away = swarm((0, None))
    assert away.ask("/containers/json", node="node-2", absent=[]) == []
    with pytest.raises(LabError, match="engine of node-2 answers with nothing: curl"):
        away.ask("/containers/json", node="node-2")


class Node:
    """A shell in the manager's node that runs any command, or fails at all of them."""

    def __init__(self, rc: int = 0) -> None:
        self.rc = rc
        self.commands: list[str] = []

    def exec(self, command: str, timeout: float = 0.0) -> Completed:  # noqa: ARG002 - as a container's
        """Run a command."""
        self.commands.append(command)
        return Completed(self.rc, b"done", b"no such service: parcel")


def on(shell: Node) -> Swarm:
    """Return a swarm whose manager's commands run in a shell."""
    made = Swarm(cast("Lab", None))
    made.__dict__["_shell"] = shell
    return made


def test_a_node_that_was_closed_is_open_again_when_the_check_fails_meanwhile() -> None:
    """A check repairs what it changed, whatever happens."""
    shell = Node()
    with pytest.raises(ValueError, match="meanwhile"), on(shell).closed("node-2"):
        raise ValueError("meanwhile")
    assert [command.rpartition("--availability ")[2] for command in shell.commands] == [
        "pause node-2",
        "active node-2",
    ]


def test_a_service_is_scaled_without_waiting_for_its_copies() -> None:
    """The caller waits for what it needs, with a limit of its own."""
    shell = Node()
    on(shell).scale("parcel front", 0)
    assert shell.commands == ["docker service scale --detach 'parcel front'=0"]


def test_a_command_that_the_manager_refuses_is_an_error_with_its_reason() -> None:
    """What the manager said is more exact than what the checker could say."""
    with pytest.raises(LabError) as refused:
        on(Node(rc=1)).scale("parcel", 1)
    assert "no such service" in refused.value.detail


def test_a_service_and_what_it_was_before_are_its_orders() -> None:
    """The state before the last change is all that a manager keeps."""
    now = service("parcel", "drydock/parcel:2.0")
    before = service("parcel", "drydock/parcel:1.0")["Spec"]
    before["TaskTemplate"]["ContainerSpec"]["Env"] = ["PARCEL_VERSION=1.0"]
    (history,) = full([{**now, "PreviousSpec": before}]).orders()
    assert [(each.version, "PARCEL_VERSION" in each.text) for each in history] == [
        ("2.0", False),
        ("1.0", True),
    ]
    assert full([]).orders() == []


def test_a_service_knows_its_own_command_its_last_update_and_what_it_was_before() -> None:
    made = service("parcel")
    assert Service(made).command == []
    assert (Service(made).previous, Service(made).update) == (None, {})
    container = made["Spec"]["TaskTemplate"]["ContainerSpec"]
    changed = {
        **made["Spec"],
        "TaskTemplate": {"ContainerSpec": {**container, "Command": ["a"], "Args": ["b"]}},
    }
    ports = {"Ports": [{"TargetPort": 8080, "PublishedPort": 8080}]}
    status = {"State": "completed", "Message": "done"}
    found = Service(
        {**made, "Spec": changed, "PreviousSpec": made["Spec"], "Endpoint": ports, "UpdateStatus": status}
    )
    assert (found.command, found.update["State"]) == (["a", "b"], "completed")
    before = found.previous
    assert before is not None
    assert (before.name, before.command, before.ports) == ("parcel", [], []), (
        "what is published now is not of then"
    )


@pytest.mark.parametrize(
    ("state", "ended"), [("failed", True), ("rejected", True), ("complete", True), ("shutdown", False)]
)
def test_a_task_that_the_swarm_has_shut_down_did_not_end_by_itself(state: str, *, ended: bool) -> None:
    (found,) = full([service("parcel")], [task(1, "parcel", state, "shutdown", on=1)]).tasks()
    assert found.ended is ended


def test_a_container_that_was_removed_meanwhile_has_no_record() -> None:
    (found,) = full([service("parcel")], [task(1, "parcel", "failed", "shutdown", on=1)]).tasks()
    assert swarm().inspect(found) == {}, "it never had one"
    there = replace(found, container="c1")
    assert swarm((200, {"Id": "c1"})).inspect(there) == {"Id": "c1"}
    assert swarm((404, {"message": "No such container: c1"})).inspect(there) == {}


# -- a copy that was lost with its node ------------------------------------------------------------------------


def lost(*tasks: dict[str, Any], **policy: Any) -> Any:
    """Return what says why a service of two copies does not get a lost one back."""
    made = service("parcel")
    made["Spec"]["TaskTemplate"]["RestartPolicy"] = policy
    return why_not_replaced(full([made], [*tasks]), Service(made), 2, 2, within=60.0)


LEFT = task(1, "parcel", "running", "running", on=1)


@pytest.mark.parametrize(
    ("tasks", "policy", "words"),
    [
        ([task(2, "parcel", "pending", "running", error="no suitable node")], {}, "no room for a lost copy"),
        ([], {"Condition": "none"}, "its restart condition is `none`"),
        ([], {"MaxAttempts": 2}, "it has used up its restarts, at most 2"),
    ],
)
def test_a_lost_copy_that_gets_no_place_is_told_and_not_at_once(
    monkeypatch: pytest.MonkeyPatch, tasks: list[Any], policy: dict[str, Any], words: str
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    why = lost(LEFT, *tasks, **policy)
    assert why() == ""
    now = 110.0
    assert words in why()


def test_a_lost_copy_that_waits_for_its_restart_delay_is_told_at_once() -> None:
    waiting = task(2, "parcel", "ready", "ready", on=2)
    assert "the restart delay of the service is 180 s" in lost(LEFT, waiting, Delay=180 * 10**9)()
    assert lost(LEFT, waiting, Delay=5 * 10**9)() == ""


def test_a_lost_copy_that_may_still_come_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    for why in (lost(LEFT), lost(LEFT, task(2, "parcel", "starting", "running", on=2), Condition="none")):
        assert why() == ""
        now += 60
        assert why() == ""


def test_what_breaks_off_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    lasting = Lasting(3.0)
    assert not lasting.holds(now=True)
    now = 104.0
    assert lasting.holds(now=True)
    assert not lasting.holds(now=False)
    assert not lasting.holds(now=True)
