"""Labs 06 and 09: which copies users meet, and which service made the move that they saw."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.cluster.losses import Loss
from checker.cluster.swarm_records import Node, Service, Task
from checker.grading.http import Reply
from checker.grading.programs import Process
from checker.grading.verdicts import CheckFailed
from tests.unit.labs.conftest import module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

world, copies, front, by_hand = (module("06", name) for name in ("world", "copies", "front", "test_by_hand"))
seal, move, swarm_parcel, unsettled = (module("09", name) for name in ("seal", "move", "parcel", "unsettled"))


def failure(function: Any, *arguments: Any) -> Any:
    with pytest.raises(CheckFailed) as failed:
        function(*arguments)
    return failed.value.failure


# -- lab 06 ---------------------------------------------------------------------------------------------------


class Hosts:
    """Five hosts, one of them dead, one perhaps paused, gone, or off the network."""

    def __init__(self, *, dead: str = "", paused: str = "", gone: str = "", loose: str = "") -> None:
        self._dead, self._paused, self._gone, self._loose = dead, paused, gone, loose

    def unplugged(self) -> list[str]:
        """Return those that run and are not on the network."""
        return [self._loose] if self._loose else []

    def running(self) -> list[str]:
        """Return those that run."""
        return [host for host in world.HOSTS if host not in {self._dead, self._paused, self._gone}]

    def host(self, name: str) -> Any:
        """Return a host's container."""
        if name == self._gone:
            return None
        status = "paused" if name == self._paused else "exited" if name == self._dead else "running"
        return SimpleNamespace(
            name=f"drydock-06-{name}-1",
            id="c" * 64,
            status=status,
            running=status == "running",
            networks={"lab": "" if name == self._dead else f"172.18.0.{name[-1]}"},
        )


def asked(log: str = "") -> Any:
    """Return the front, which has written this log and does not say how it sees its servers."""
    return SimpleNamespace(logs=lambda _: log, exec=lambda _: SimpleNamespace(stdout=""))


def judged(tmp_path: Path, front: str = "", **hosts: str) -> Any:
    (tmp_path / "front.cfg").write_text(f"backend parcel\n{front}")
    made = object.__new__(world.World)
    made.lab = SimpleNamespace(work=tmp_path, node=lambda _: asked())
    made.cluster = Hosts(**hosts)
    lost = {hosts["dead"]} if hosts.get("dead") else set()
    made.__dict__["lost_hosts"] = lost
    made.__dict__["deaths"] = []
    return made


def test_a_line_with_an_address_is_known_by_its_host(tmp_path: Path) -> None:
    (server,) = judged(tmp_path, "    server a 172.18.0.4:8080 check\n").servers
    assert (server.host, server.port, server.written) == ("host-4", 8080, "172.18.0.4:8080")


def test_a_line_without_a_port_asks_for_the_fronts_own(tmp_path: Path) -> None:
    (server,) = judged(tmp_path, "    server a host-2\n").servers
    assert (server.host, server.port, server.written) == ("host-2", 8080, "host-2")


def test_an_address_that_no_living_host_has_is_the_dead_ones_and_no_other_line_is_blamed(
    tmp_path: Path,
) -> None:
    made = judged(tmp_path, "    server a 172.18.0.1:8080\n    server c 172.18.0.3:8080\n", dead="host-3")
    found = failure(front.tell_of_dead, made, made.servers, "no answer")
    assert "172.18.0.3, an address that no living host has" in found.rationale
    assert "server c 172.18.0.3:8080" in found.seen


def test_a_host_that_was_paused_removed_or_unplugged_is_told_as_that(tmp_path: Path) -> None:
    found = failure(copies.require_hosts, judged(tmp_path, loose="host-2"))
    assert "host-2 is off the network" in found.rationale
    assert "host-2 is paused" in failure(copies.require_hosts, judged(tmp_path, paused="host-2")).rationale
    assert "host-2 was removed" in failure(copies.require_hosts, judged(tmp_path, gone="host-2")).rationale
    copies.require_hosts(judged(tmp_path, dead="host-2"))


class Users:
    """Requests through the front and to each copy; the front answers with these names in turn."""

    def __init__(self, names: list[str], *, forged: bool = False, slow: str = "", stalls: int = 0) -> None:
        self._names, self._forged = names, forged
        self._slow, self._stalls = slow, stalls
        self._asked = 0
        self.counters = dict.fromkeys(["old", "x", *(f"parcel-{n}" for n in range(1, 6))], 0)

    def answer(self, name: str, *, counts: bool = True) -> Any:
        """Answer as a copy does."""
        if counts:
            self.counters[name] += 1
        said = {"instance": name, "counter": self.counters[name]}
        return Reply("", 200, json.dumps(said).encode(), ms=3.0)

    def get(self, url: str, **_: Any) -> Any:
        """Send one request."""
        if "localhost" in url or "127.0.0.1" in url:
            self._asked += 1
            name = self._names[self._asked % len(self._names)]
            late = name == self._slow or self._asked <= self._stalls
            return replace(self.answer(name, counts=not self._forged), ms=900.0 if late else 3.0)
        return self.answer(url.removeprefix("http://").partition(":")[0])


def copy(name: str, node: str) -> Any:
    return SimpleNamespace(name=name, node=node, address=f"{name}:8080", ports=(8080,))


def reached(tmp_path: Path, users: Users, *, dead: str = "") -> None:
    made = judged(tmp_path, dead=dead)
    counted = {f"parcel-{n}": copy(f"parcel-{n}", f"host-{n}") for n in range(1, 6)}
    made.__dict__.update(names=counted, counted=list(counted.values()), refused="")
    made.__dict__["copies"] = [*counted.values(), copy("old", "host-3")]
    by_hand.test_front_reaches_all(made, users, users)


FIVE = [f"parcel-{n}" for n in range(1, 6)]


def test_users_who_meet_each_copy_that_counts_are_content(tmp_path: Path) -> None:
    reached(tmp_path, Users(FIVE))


def test_one_slow_copy_of_five_is_told_though_four_of_five_requests_are_quick(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=r"took longer than 0\.8 s") as failed:
        reached(tmp_path, Users(FIVE, slow="parcel-2"))
    assert "slow answers of parcel-2 (6)" in failed.value.failure.seen


def test_a_machine_that_was_busy_for_a_moment_is_no_slow_service(tmp_path: Path) -> None:
    reached(tmp_path, Users(FIVE, stalls=5))


LOGGED = '10.0.0.1:5 [1/Dec] users parcel/{} 0/0/-1/-1/1001 503 217 - - SC-- 1/1/0/0/0 0/0 "GET /?check-1 HTTP/1.1"'


@pytest.mark.parametrize(
    ("logged", "words"),
    [
        ("parcel-3", "still passes requests to host-3"),
        ("parcel-6", "passes requests to host-1:8082, where no copy answers"),
        ("<NOSRV>", "passes requests to host-1:8082, where no copy answers"),  # none is well
        (
            "inner",
            "still passes requests to host-3",
        ),  # another part of the front: nothing says which line it was
    ],
)
def test_the_line_that_the_front_used_is_blamed_and_no_other(
    tmp_path: Path, logged: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "    server inner localhost:9000\nlisten b\n    bind :9000\n    server parcel-3 host-3:8080 check\n    server parcel-6 host-1:8082\n"
    made = judged(tmp_path, lines, dead="host-3")
    log = LOGGED.format(logged).replace("check-1", "check-0") + "\n" + LOGGED.format(logged)
    made.lab.node = lambda _: asked(log)
    made.__dict__.update(counted=[copy("parcel", "host-1")], refused="")
    made.cluster.addresses = lambda _: []
    monkeypatch.setattr(front, "LOGGED_SECONDS", 0.0)
    reply = SimpleNamespace(status=503, headers={}, summary="HTTP 503")
    assert words in failure(front.tell_of_reply, made, reply, 1, "check-1").rationale


def test_a_template_is_a_line_with_servers_whose_names_begin_with_its_own(tmp_path: Path) -> None:
    made = judged(tmp_path, "    server-template at- 1-2 host-2:8081 weight 10\n    server b host-3:8080\n")
    one, other = made.servers
    assert one.shown == "server-template at- 1-2 host-2:8081 weight 10 in front.cfg"
    assert (one.host, one.port, one.options, other.host) == ("host-2", 8081, ("weight", "10"), "host-3")
    assert [one.is_named(name) for name in ("at-1", "at-12", "at-", "b")] == [True, True, False, False]
    assert [other.is_named(name) for name in ("b", "b1")] == [True, False]
    assert len(made.written) == 2


def loss(host: str = "host-3", **changes: Any) -> Any:
    found = {"serving": 5, "at_once": 5, "carried": True, "down": True, "known": True, **changes}
    return Loss(host, "c", 100.0, **found)


@pytest.mark.parametrize(
    ("deaths", "words"),
    [
        ([], "All five hosts run"),
        ([loss(serving=1)], "only 1 copy served"),
        ([loss(carried=False)], "none of the copies that served users ran on it"),
        ([loss(serving=1, down=False)], "came back when 1 copy served"),
        ([loss(carried=False, down=False)], "came back, but none of the copies"),
        ([loss(known=False, down=False)], "the users' record has forgotten what served then"),
        ([loss(known=False)], ""),  # it is down: the last that happened
        ([loss(known=False, down=False), loss("host-4", down=False)], ""),
        ([loss(), loss("host-4", carried=False)], ""),
    ],
)
def test_the_loss_that_counts_is_one_of_a_host_that_served_users(
    tmp_path: Path, deaths: list[Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = judged(tmp_path)
    del made.__dict__["lost_hosts"]
    made.__dict__["deaths"] = deaths
    made.lab.value = lambda _: "host-4" if len(deaths) == 2 and deaths[1].carried else "host-3"
    monkeypatch.setattr(by_hand, "require_hosts", lambda _: None)
    if words:
        assert words in failure(by_hand.test_host_lost, made).rationale
    else:
        by_hand.test_host_lost(made)


def test_a_host_whose_death_nobody_remembers_and_that_is_back_is_one_of_those_that_are_left(
    tmp_path: Path,
) -> None:
    made = judged(tmp_path)
    del made.__dict__["lost_hosts"]
    made.__dict__["deaths"] = [loss("host-2", known=False, down=False)]
    assert made.left == list(world.HOSTS)


def test_an_old_copy_in_a_new_ones_place_is_told_though_five_names_answer(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="the host that was lost and is back"):
        reached(tmp_path, Users([*FIVE[:4], "old"]), dead="host-3")


def test_a_stopgap_beside_the_hosts_is_told_though_five_names_answer(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="something else answers behind the front"):
        reached(tmp_path, Users([*FIVE[:4], "x"]))


def test_answers_that_no_copy_gave_are_told(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="it answers by itself"):
        reached(tmp_path, Users(FIVE, forged=True))


def test_a_copy_that_dies_again_and_again_is_told(tmp_path: Path) -> None:
    made = judged(tmp_path)
    one = copy("parcel-1", "host-1")
    made.cluster.history = lambda _: (2, 3.0)
    assert "does not stay up" in failure(copies.require_steady, made, one).rationale
    made.cluster.history = lambda _: (1, 3.0)
    found = failure(copies.require_steady, made, one)
    assert "has ended once" in found.rationale
    assert "again and again" not in found.rationale
    made.cluster.history = lambda _: (2, 300.0)
    copies.require_steady(made, one)


@pytest.mark.parametrize(
    ("history", "words"), [((1, 9000.0), "does not become healthy"), ((3, 5.0), "again and again")]
)
def test_a_copy_that_was_restarted_once_long_ago_and_is_unhealthy_now_is_called_unhealthy(
    tmp_path: Path, history: tuple[int, float], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = judged(tmp_path)
    one = SimpleNamespace(name="parcel", node="host-1", ready=False, status="Up 2 hours (unhealthy)")
    made.look_again = lambda: None
    made.__dict__["counted"] = [one]
    made.cluster.history = lambda _: history
    monkeypatch.setattr(copies, "wait_until", lambda *_, **__: False)
    assert words in failure(copies.require_ready, made).rationale


def runs(made: Any, commands: list[str], changed: list[str]) -> dict[Any, str]:
    """Let each copy run these commands with these files changed, and return what the lab remembers."""
    remembered: dict[Any, str] = {}
    made.lab.image = lambda _: {"RootFS": {"Layers": ["sha256:parcel"]}}

    def prove_once(*key: str, test: Callable[[], object]) -> None:
        test()
        remembered[key] = ""

    made.lab.prove_once = prove_once
    made.cluster.started = lambda _: "10:00"
    made.cluster.remote = lambda _: SimpleNamespace(
        in_place_of=lambda program, _port: "" if any(program in each for each in commands) else commands[0],
        changed_files=lambda: changed,
        image_layers=lambda: ["sha256:parcel"],
    )
    return remembered


def test_a_program_in_the_place_of_parcel_is_told(tmp_path: Path) -> None:
    made, one = (
        judged(tmp_path),
        SimpleNamespace(name="parcel", node="host-1", id="c", image="drydock/parcel:1.0", inside=8080),
    )
    runs(made, ["python3 -c import http.server"], [])
    assert "a program of its own" in failure(copies.require_program, made, one).rationale
    runs(made, ["/sbin/docker-init -- python3", "python3 /app/parcel.py"], ["C /app/parcel.py"])
    assert "its files were changed" in failure(copies.require_program, made, one).rationale
    remembered = runs(made, ["/sbin/docker-init -- python3", "python3 /app/parcel.py"], [])
    copies.require_program(made, one)
    assert list(remembered) == [("unchanged", "c", "10:00")], "looked at once for each start"


def test_copies_of_a_swarm_are_told_as_that(tmp_path: Path) -> None:
    made = judged(tmp_path)
    made.cluster.of_a_swarm = lambda: [("host-1", "parcel.1.x"), ("host-2", "parcel.2.x")]
    made.__dict__["counted"], made.cluster.ended, made.lab.containers = [], list, list
    assert "2 copies on the hosts are a swarm's" in failure(copies.require_none_missing, made).rationale
    made.cluster.of_a_swarm = list
    copies.require_none_missing(made)


def test_a_front_that_redirects_is_told_as_that(tmp_path: Path) -> None:
    made = judged(tmp_path)
    made.__dict__.update(counted=[], refused="")
    headers = {"location": "http://host-1:8080/"}
    reply = SimpleNamespace(status=307, headers=headers, summary="HTTP 307")
    found = failure(front.tell_of_reply, made, reply, 1, "check-1")
    assert "sends users away, to http://host-1:8080/" in found.rationale


def test_a_server_in_reserve_is_told_as_that(tmp_path: Path) -> None:
    made = judged(tmp_path, "    server parcel-1 host-1:8080 check backup\n    server b host-2 # backup\n")
    assert ["backup" in server.options for server in made.servers] == [True, False]
    one = copy("parcel-1", "host-1")
    made.__dict__.update(counted=[one], names={"parcel-1": one}, refused="")
    found = failure(front.tell_of_missing, made, Counter())
    assert "keeps parcel-1 in reserve" in found.rationale


# -- lab 09 ---------------------------------------------------------------------------------------------------


MADE = dt.datetime(2026, 11, 28, 10, 0, tzinfo=dt.UTC)


def service(**record: Any) -> Service:
    base: dict[str, Any] = {"ID": "s", "CreatedAt": MADE.isoformat()}
    spec = {"Name": "parcel", "TaskTemplate": {"ContainerSpec": {"Image": "drydock/parcel:2.0"}}}
    return Service({**base, "Spec": spec, **record})


def task(version: str, after: float) -> Task:
    created = (MADE + dt.timedelta(seconds=after)).isoformat()
    image = f"drydock/parcel:{version}"
    return Task(
        "t", "s", "node-1", 1, "running", wanted=True, error="", container="c", image=image, created=created
    )


def moved(made: Service, *tasks: Task, begin: float) -> None:
    """Judge a move from 1.0 to 2.0 that users saw so many seconds after a service was made."""
    seen = SimpleNamespace(before="1.0", after="2.0", begin=MADE.timestamp() + begin)
    swarm, record = SimpleNamespace(tasks=lambda: list(tasks)), SimpleNamespace(rollouts=lambda: [seen])
    move.require_moved_itself(swarm, made, "1.0", "2.0", record)


CLOCKED = SimpleNamespace(clock=SimpleNamespace(now=time.time))
"""An engine whose clock is ours."""


def mover(made: Service, *tasks: Task) -> Any:
    found = swarm_parcel.Parcel(
        SimpleNamespace(engine=CLOCKED), SimpleNamespace(tasks=lambda: list(tasks), remotes=list)
    )
    found.__dict__["service"] = made
    return found


def test_a_service_that_ran_the_old_version_made_the_move_itself() -> None:
    moved(service(), task("2.0", 60), task("1.0", 1), begin=50)
    previous = {"TaskTemplate": {"ContainerSpec": {"Image": "drydock/parcel:1.0@sha256:x"}}}
    moved(service(PreviousSpec=previous), task("2.0", 60), begin=50)


def test_a_second_service_in_the_firsts_place_did_not_make_it() -> None:
    with pytest.raises(CheckFailed, match=r"never ran version 1\.0"):
        moved(service(), task("2.0", 1), begin=5)


def test_a_move_before_the_service_was_made_is_told_as_that() -> None:
    with pytest.raises(CheckFailed, match="it was made afterwards"):
        moved(service(), task("2.0", 1), begin=-60)


def test_a_service_that_still_runs_the_old_version_is_not_told_to_go_back_to_it() -> None:
    spec = {"Name": "parcel", "TaskTemplate": {"ContainerSpec": {"Image": "drydock/parcel:1.0@sha256:x"}}}
    with pytest.raises(CheckFailed, match=r"`parcel` runs 1\.0, and has not been moved to 2\.0") as caught:
        moved(service(Spec=spec), task("1.0", 1), begin=-60)
    assert "back" not in caught.value.failure.hint


def test_what_a_swarm_has_forgotten_is_not_held_against_a_service() -> None:
    moved(service(), task("2.0", 4000), begin=50)


def test_copies_that_end_again_and_again_are_told_and_one_that_died_with_a_node_is_not() -> None:
    now = (dt.datetime.now(dt.UTC) - MADE).total_seconds()

    def ended(ago: float) -> Task:
        return replace(task("1.0", now - ago), state="failed", wanted=False, error="exit (124)")

    found = failure(mover(service(), task("1.0", now - 2), ended(20), ended(40))._require_steady, service())
    assert "do not stay" in found.rationale
    mover(service(), task("1.0", now - 2), ended(20))._require_steady(service())
    mover(service(), task("1.0", now - 2), ended(300), ended(400))._require_steady(service())


def test_copies_that_are_on_their_way_are_waited_for_and_those_that_end_are_not() -> None:
    coming = replace(task("1.0", 1), state="starting")
    assert mover(service(), coming)._is_on_its_way()
    assert not mover(
        service(), coming, replace(task("1.0", 0), state="rejected", wanted=False)
    )._is_on_its_way()
    assert not mover(service(), replace(coming, state="pending", node=""))._is_on_its_way()
    assert not mover(service(), task("1.0", 1))._is_on_its_way()


def test_a_drained_node_is_told_as_drained() -> None:
    drained = Node("n", "node-2", ready=True, manager=False, availability="drain")
    members = [replace(drained, ready=False), replace(drained, availability="active"), drained]
    assert unsettled.closed_node(SimpleNamespace(members=lambda: members)) == drained
    assert unsettled.closed_node(SimpleNamespace(members=lambda: members[:2])) is None


def test_a_setting_is_read_from_the_process_where_the_copies_have_a_command_of_their_own() -> None:
    told = {"Image": "drydock/parcel:1.0", "Env": ["PARCEL_READY_DELAY_MS=3000"]}
    process = Process(7, 1, "python3", "/app", ("python3", "parcel.py"))
    remote = SimpleNamespace(
        find=lambda _: process, environment=lambda _: {"PARCEL_READY_DELAY_MS": "0", "OTHER": "x"}
    )

    def setting(name: str, **container: Any) -> str:
        spec = {"Name": "parcel", "TaskTemplate": {"ContainerSpec": told | container}}
        found = mover(service(Spec=spec), task("1.0", 1))
        found.swarm.remotes = lambda: [("node-1", remote)]
        return str(found.setting(name))

    assert setting("PARCEL_READY_DELAY_MS") == "3000"
    assert setting("PARCEL_READY_DELAY_MS", Args=["sh", "-c", "…"]) == "0"
    assert setting("OTHER") == "x"
    assert setting("NOT_SET") == ""


def test_a_file_that_the_order_lays_over_parcel_is_told() -> None:
    config = {"ConfigName": "pretender", "File": {"Name": "/app/parcel.py"}}
    container = {"Image": "drydock/parcel:1.0", "Configs": [config]}
    made = service(Spec={"Name": "parcel", "TaskTemplate": {"ContainerSpec": container}})
    found = failure(mover(made).require_program)
    assert "lays something else over it" in found.rationale
    assert found.seen == "config pretender at /app/parcel.py"


def test_a_lost_copy_that_is_not_to_start_again_is_told_and_not_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    template = {"ContainerSpec": {"Image": "drydock/parcel:2.0"}, "RestartPolicy": {"Condition": "none"}}
    mode = {"Replicated": {"Replicas": 2}}
    made = service(Spec={"Name": "parcel", "Mode": mode, "TaskTemplate": template})
    waits = mover(made, task("2.0", 1))
    assert waits.gave_up() == ""
    now = 110.0
    assert "will not be started again" in waits.gave_up()
    both = mover(made, task("2.0", 1), task("2.0", 2))
    assert both.gave_up() == ""


def test_a_key_in_the_label_of_a_secret_is_found() -> None:
    spec = {"Name": "seal", "Labels": {"backup": "seal-key-1234"}}
    answers = {"/secrets": [{"Spec": spec}]}
    manager: Any = SimpleNamespace(services=list, ask=lambda path: answers.get(path, []))
    leak = seal._leak(manager, service(), ["seal-key-1234"])
    assert leak is not None
    assert leak.where == "a label of the secret `seal`"


def test_a_key_in_base64_in_the_environment_is_found_with_its_form() -> None:
    environment = {"Env": ["KEY=" + "c2VhbC1rZXktMTIzNA=="]}
    spec = {"Name": "parcel", "TaskTemplate": {"ContainerSpec": environment}}
    made = service(Spec=spec)
    manager: Any = SimpleNamespace(services=lambda: [made], ask=lambda _: [])
    leak = seal._leak(manager, made, ["seal-key-1234"])
    assert leak is not None
    assert leak.where == "the environment of the service `parcel`, in base64"
