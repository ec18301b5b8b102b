"""Copies that a person started, as their hosts' engines tell of them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from checker.cluster import manual
from checker.cluster.manual import ByHand
from checker.engine.shell import Completed
from checker.grading.verdicts import CouldNotRun


class Lab:
    """A lab whose hosts' engines answer what a test says."""

    number = "06"
    course_lab = SimpleNamespace(project="drydock-06")

    def __init__(
        self,
        answers: dict[str, list[dict[str, Any]]],
        dead: tuple[str, ...] = (),
        silent: tuple[str, ...] = (),
    ) -> None:
        self._answers = {host: found for host, found in answers.items() if host not in silent}
        self.engine = SimpleNamespace(
            list_all=lambda *_, **__: [
                {
                    "Labels": {"com.docker.compose.service": host},
                    "State": "exited" if host in dead else "running",
                }
                for host in answers
            ]
        )

    def node(self, service: str) -> Any:
        """Return the prober, whose curl asks the hosts."""
        assert service == "prober"
        return SimpleNamespace(exec=self._curl)

    def _curl(self, command: str, timeout: float) -> Completed:
        assert timeout
        lines = [json.dumps(found) for host, found in self._answers.items() if f"//{host}:2375" in command]
        return Completed(0, "\n".join(lines).encode() + b"\n", b"")


def container(**changes: Any) -> dict[str, Any]:
    """Return one line of an engine's list: a copy of Parcel that is well."""
    return {
        "Id": "c" * 64,
        "Names": ["/parcel"],
        "Image": "drydock/parcel:1.0",
        "State": "running",
        "Status": "Up 3 seconds (healthy)",
        "Labels": {"io.drydock.image": "parcel", "org.opencontainers.image.version": "1.0"},
        "Ports": [
            {"IP": "0.0.0.0", "PrivatePort": 8080, "PublicPort": 8081, "Type": "tcp"},  # noqa: S104
            {"IP": "::", "PrivatePort": 8080, "PublicPort": 8081, "Type": "tcp"},
        ],
        "HostConfig": {"NetworkMode": "bridge"},
        **changes,
    }


def cluster(answers: dict[str, list[dict[str, Any]]], dead: tuple[str, ...] = ()) -> ByHand:
    """Return the hosts of a lab with these containers."""
    return ByHand(Lab(answers, dead), tuple(answers))  # type: ignore[arg-type]


def test_a_copy_has_a_host_a_version_and_an_address() -> None:
    (copy,) = cluster({"host-1": [container()]}).copies()
    assert (copy.node, copy.version, copy.ready, copy.address) == ("host-1", "1.0", True, "host-1:8081")


def test_what_is_published_for_the_host_alone_is_no_address() -> None:
    port = {"IP": "127.0.0.1", "PrivatePort": 8080, "PublicPort": 8080, "Type": "tcp"}
    (copy,) = cluster({"host-1": [container(Ports=[port])]}).copies()
    assert (copy.address, copy.closed) == ("", ("127.0.0.1:8080",))


def test_what_is_published_for_udp_is_no_address() -> None:
    port = {"IP": "0.0.0.0", "PrivatePort": 8080, "PublicPort": 8080, "Type": "udp"}  # noqa: S104
    (copy,) = cluster({"host-1": [container(Ports=[port])]}).copies()
    assert (copy.address, copy.closed) == ("", ("8080/udp",))


@pytest.mark.parametrize(
    "change",
    [
        {"Status": "Up 1 second (health: starting)"},
        {"Status": "Up 3 minutes (unhealthy)"},
        {"State": "restarting", "Status": "Restarting (1) 2 seconds ago"},
        {"State": "paused", "Status": "Up 3 minutes (Paused)"},
    ],
)
def test_a_copy_that_cannot_serve_is_not_ready(change: dict[str, Any]) -> None:
    (copy,) = cluster({"host-1": [container(**change)]}).copies()
    assert not copy.ready


def test_a_copy_without_a_health_check_is_ready_when_it_runs() -> None:
    (copy,) = cluster({"host-1": [container(Status="Up 3 seconds")]}).copies()
    assert copy.ready


def test_what_ended_is_no_copy_and_is_told_apart() -> None:
    ended = container(State="exited", Status="Exited (137) 2 seconds ago")
    found = cluster({"host-1": [ended], "host-2": [container(), container(Labels={})]})
    assert [copy.node for copy in found.copies()] == ["host-2"]
    assert found.ended() == [("host-1", "parcel", "Exited (137) 2 seconds ago")]


@pytest.mark.parametrize(
    ("finished", "created", "told"),
    [
        (
            "2026-11-28T16:00:05Z",
            10,
            False,
        ),  # it had ended before the other was created: it belongs to an earlier try
        ("2026-11-28T16:00:15Z", 10, True),  # both ran for a while
        ("0001-01-01T00:00:00Z", 10, False),  # it never started
        ("2026-11-28T16:00:05Z", -10, True),  # the other is older
    ],
)
def test_what_ended_before_another_was_created_on_its_host_is_left_out(
    monkeypatch: pytest.MonkeyPatch, finished: str, created: int, told: bool
) -> None:
    begin = 1795881600  # 2026-11-28T16:00:00Z
    ended = container(Id="e" * 64, State="exited", Status="Exited (137)", Names=["/trial"], Created=begin)
    on = cluster({"host-1": [ended, container(Created=begin + created)]})
    asked = on._ask
    record = {"State": {"FinishedAt": finished}}
    monkeypatch.setattr(
        on,
        "_ask",
        lambda nodes, path, *more: [record] if path.endswith("e/json") else asked(nodes, path, *more),
    )
    assert [name for _, name, _ in on.ended()] == ["trial"] * told


def test_what_a_swarm_started_is_nobodys_copy_by_hand() -> None:
    labels = {**container()["Labels"], "com.docker.swarm.service.id": "s1"}
    found = cluster({"host-1": [container(Labels=labels)], "host-2": [container()]})
    assert [copy.node for copy in found.copies()] == ["host-2"]


def test_a_host_that_is_down_is_not_asked() -> None:
    found = cluster({"host-1": [container()], "host-2": [container()]}, dead=("host-2",))
    assert [copy.node for copy in found.copies()] == ["host-1"]


def test_an_engine_that_does_not_answer_is_nobodys_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manual, "BACK_SECONDS", 0.0)
    lab = Lab({"host-1": [container()], "host-2": []}, silent=("host-2",))
    with pytest.raises(CouldNotRun, match="The engine of host-2 does not answer"):
        ByHand(lab, ("host-1", "host-2")).copies()  # type: ignore[arg-type]


def test_the_engine_of_a_host_that_came_back_a_moment_ago_is_waited_for() -> None:
    lab = Lab({"host-1": [container()], "host-2": [container()]}, silent=("host-2",))
    found = ByHand(lab, ("host-1", "host-2"))  # type: ignore[arg-type]
    shell = found._shell
    asked = 0

    def answer(command: str, timeout: float) -> Completed:
        nonlocal asked
        asked += 1
        if asked == 2:
            lab._answers["host-2"] = [container()]
        done: Completed = shell.exec(command, timeout=timeout)
        return done

    found._shell = SimpleNamespace(exec=answer)
    assert [copy.node for copy in found.copies()] == ["host-1", "host-2"]
    assert asked == 2


def test_an_engine_tells_of_a_copy_when_it_was_made_and_started_and_by_which_name_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = {
        "Created": "2026-11-28T16:00:00Z",
        "Config": {"Env": ["A=b", "PARCEL_INSTANCE=parcel"], "Hostname": "c1"},
        "State": {"StartedAt": "2026-11-28T16:00:05Z", "Running": True},
    }
    on = cluster({"host-1": [container()]})
    asked = on._ask
    monkeypatch.setattr(
        on,
        "_ask",
        lambda nodes, path, *more: [told] if path.endswith("c/json") else asked(nodes, path, *more),
    )
    (found,) = on.records()
    assert (found.node, found.instance, found.running) == ("host-1", "parcel", True)
    assert found.started - found.created == pytest.approx(5)
    told["Config"] = {"Hostname": "c1"}
    assert on.records()[0].instance == "c1"


@pytest.mark.parametrize(
    ("history", "words"), [((1, 5.0), ""), ((3, 500.0), ""), ((3, 5.0), "restarted 3 times")]
)
def test_a_copy_that_is_restarted_again_and_again_does_not_stay(
    history: tuple[int, float], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ByHand, "history", lambda *_: history)
    found = cluster({"host-1": [container()]}).unsteady()
    assert words in found
    assert bool(found) == bool(words)
