"""The ladder of reasons why no request gets into a container, each told as what it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from checker.engine.api import NotFoundError
from checker.grading import reaching, starting
from checker.grading.door import Blocked, Door
from checker.grading.http import Reply
from checker.grading.reaching import require_reply
from checker.grading.verdicts import CheckFailed, CouldNotRun

REFUSED = Reply("", error="connection refused: nothing listens there")
OUTSIDE = ("0.0.0.0", 8081)  # noqa: S104 - an address in a record
SOCKET = "   0: {address}:{port:04X} 00000000:0000 0A 0 0 0 0 0 1"


def container(
    *,
    ports: dict[int, list[tuple[str, int]]] | None = None,
    mode: str = "bridge",
    bindings: dict[str, list[dict[str, str]]] | None = None,
    listens: tuple[str, int] | None = ("00000000", 8080),
    labels: dict[str, str] | None = None,
) -> Any:
    table = SOCKET.format(address=listens[0], port=listens[1]) if listens else ""
    made = SimpleNamespace(
        name="parcel",
        image_id="sha256:right",
        ports=ports or {},
        host_config={"NetworkMode": mode, "PortBindings": bindings or {}},
        networks={mode: ""},
        labels=labels or {},
        exposed=[8080],
        main_command="sleep infinity",
        running=True,
        oom_killed=False,
        exec=lambda _: SimpleNamespace(stdout=table),
        logs=lambda _: "its last line",
        stats=dict,
    )
    made.reload = lambda: made
    return made


def lab(*published: tuple[str, int]) -> Any:
    listed = [
        {
            "Names": [f"/{name}"],
            "ImageID": "sha256:right" if name == "parcel-2" else "sha256:other",
            "Ports": [{"PublicPort": port, "Type": "tcp"}],
        }
        for name, port in published
    ]
    return SimpleNamespace(engine=SimpleNamespace(list_all=lambda _: listed))


ASKED = {"8080/tcp": [{"HostIp": "", "HostPort": "8081"}]}
LEADS = {8080: [OUTSIDE]}

SITUATIONS: dict[Blocked, tuple[Any, Any, Reply, str]] = {
    Blocked.HOST_NETWORK: (lab(), container(mode="host"), REFUSED, "shares the whole network of this machine"),
    Blocked.OTHERS_NETWORK: (lab(), container(mode="container:x"), REFUSED, "uses another container's"),
    Blocked.NO_NETWORK: (lab(), container(mode="none", bindings=ASKED), REFUSED, "no network at all: it was started with none"),
    Blocked.OTHER_ADDRESS: (lab(), container(ports={8080: [("127.0.0.2", 8081)]}), REFUSED, "only on the address 127.0.0.2"),
    Blocked.UDP: (lab(), container(bindings={"8080/udp": ASKED["8080/tcp"]}), REFUSED, "for UDP only"),
    Blocked.NOT_OPENED: (lab(), container(mode="inner", bindings=ASKED), REFUSED, "the engine did not open it"),
    Blocked.SWAPPED: (
        lab(("parcel-b", 8081), ("parcel", 8082)), container(ports={8080: [("", 8082)]}), REFUSED, "Two ports are swapped",
    ),
    Blocked.HELD: (lab(("front", 8081)), container(), REFUSED, "leads to the container `front`"),
    Blocked.OUTSIDE: (lab(), container(), Reply("", status=200), "a program outside the containers, or by a container"),
    Blocked.OTHER_PORT: (lab(), container(ports={8080: [("", 8090)]}), REFUSED, "published, but not on port 8081"),
    Blocked.UNPUBLISHED: (lab(), container(), REFUSED, "The image exposes `8080/tcp`, but that is only a note"),
    Blocked.ONE_OFF: (
        lab(), container(labels={"com.docker.compose.oneoff": "True"}), REFUSED, "It was made by `docker compose run`",
    ),
    Blocked.NOBODY_INSIDE: (lab(), container(ports={80: [OUTSIDE]}), REFUSED, "leads to port 80 inside `parcel`"),
    Blocked.LOOPBACK_INSIDE: (lab(), container(ports=LEADS, listens=("0100007F", 8080)), REFUSED, "only from inside its own container"),
    Blocked.STARTING: (lab(), container(ports=LEADS, listens=None), REFUSED, "nothing listens inside `parcel` yet"),
    Blocked.IDLE: (lab(), container(ports=LEADS, listens=None), REFUSED, "it runs `sleep infinity`, which has opened no port"),
    Blocked.SILENT: (lab(), container(ports=LEADS), Reply("", status=500), "`parcel` gives no good answer"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(reaching, "wait_for_service", lambda *_, **__: False)


def test_every_reason_is_tried_here() -> None:
    assert set(SITUATIONS) == set(Blocked)


@pytest.mark.parametrize("reason", Blocked)
def test_what_is_in_the_way_is_told_as_what_it_is(reason: Blocked) -> None:
    judged, made, reply, words = SITUATIONS[reason]
    outside: Any = SimpleNamespace(get=lambda *_, **__: reply)
    door = Door(
        8081,
        others={"parcel": 8081, "parcel-b": 8082},
        hints={reason: "the lesson's own words"},
        # One that is still starting has used up all the time that it was given.
        start_seconds=0.0 if reason is Blocked.STARTING else 60.0,
    )
    with pytest.raises(CheckFailed) as failed:
        require_reply(judged, outside, made, door)
    assert words in failed.value.failure.rationale
    assert failed.value.failure.hint == "the lesson's own words"


def test_another_container_of_the_same_image_on_the_port_is_told_as_that() -> None:
    outside: Any = SimpleNamespace(get=lambda *_, **__: REFUSED)
    with pytest.raises(CheckFailed, match="Both run the same image, and people reach only `parcel-2`"):
        require_reply(lab(("parcel-2", 8081)), outside, container(), Door(8081))


def test_a_port_for_ipv6_alone_is_told_as_that() -> None:
    made = container(ports={8080: [("::", 8081)]})
    outside: Any = SimpleNamespace(get=lambda *_, **__: REFUSED)
    with pytest.raises(CheckFailed, match="for IPv6 only"):
        require_reply(lab(), outside, made, Door(8081))
    # Most engines publish on both at once, and then the program is at fault.
    both = container(ports={8080: [OUTSIDE, ("::", 8081)]})
    with pytest.raises(CheckFailed, match="gives no good answer"):
        require_reply(lab(), outside, both, Door(8081))


def test_a_port_out_of_a_range_leads_in_like_any_other() -> None:
    asked = {"7070/tcp": [{"HostIp": "", "HostPort": "8081-8093"}]}
    made = container(ports={7070: [OUTSIDE]}, bindings=asked)
    outside: Any = SimpleNamespace(get=lambda *_, **__: Reply("", status=200))
    assert require_reply(lab(), outside, made, Door(8081, inside=7070)).ok


class Starting:
    """A container that does this much of each thing between two looks, and answers after so many."""

    def __init__(
        self, *, cpu: float = 0.0, throttled: float = 0.0, says: bool = False, running: bool = True
    ) -> None:
        self.running, self.oom_killed = running, False
        self._cpu, self._throttled, self._says = cpu, throttled, says
        self.looks = 0

    def reload(self) -> Starting:
        """Take a new snapshot."""
        return self

    def stats(self) -> dict[str, Any]:
        """Tell what it used until now."""
        self.looks += 1
        return {
            "cpu_stats": {
                "cpu_usage": {"total_usage": self._cpu * self.looks * 1e9},
                "throttling_data": {"throttled_time": self._throttled * self.looks},
            }
        }

    def logs(self, _: int) -> str:
        """Tell its last line."""
        return f"line {self.looks}" if self._says else ""


def waits(made: Starting, after: int) -> bool:
    asked = iter(range(1000))
    return starting.wait_for_service(made, lambda: next(asked) >= after, most=60, quiet=0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [Starting(cpu=5), Starting(throttled=1), Starting(says=True)])
def test_one_that_works_or_waits_for_its_share_or_speaks_is_waited_for(made: Starting) -> None:
    assert waits(made, after=50)


def test_one_that_does_nothing_is_given_up() -> None:
    assert not waits(Starting(), after=50)


def test_one_that_has_ended_is_given_up_at_once() -> None:
    made = Starting(cpu=5, running=False)
    assert not waits(made, after=50)
    assert made.looks == 1


def test_one_that_the_kernel_ended_for_want_of_memory_is_given_up_at_once() -> None:
    made = Starting(cpu=5)
    made.oom_killed = True
    assert not waits(made, after=50)


def test_an_address_that_the_engine_chose_is_not_the_learners_mistake() -> None:
    made = container(ports={8080: [("192.168.7.1", 8081)]}, bindings=ASKED)
    outside: Any = SimpleNamespace(get=lambda *_, **__: REFUSED)
    with pytest.raises(CouldNotRun, match=r"only on 192\.168\.7\.1 .*`ip` in its daemon\.json"):
        require_reply(lab(), outside, made, Door(8081))


def test_an_engine_without_a_default_network_is_not_the_learners_mistake() -> None:
    def get(_: str) -> None:
        raise NotFoundError("network bridge not found")

    made = container(bindings=ASKED)
    made.engine = SimpleNamespace(get=get)
    outside: Any = SimpleNamespace(get=lambda *_, **__: REFUSED)
    with pytest.raises(CouldNotRun, match=r'"bridge": "none"'):
        require_reply(lab(), outside, made, Door(8081))
    # Podman's containers have this mode on an internal network, too.
    made.networks = {"inner": "10.89.0.2"}
    with pytest.raises(CheckFailed, match="the engine did not open it"):
        require_reply(lab(), outside, made, Door(8081))


@pytest.mark.parametrize("answers", [True, False])
def test_a_port_that_the_machine_blocks_is_not_the_learners_mistake(answers: bool) -> None:
    made = container(ports=LEADS)
    made.networks = {"bridge": "172.17.0.3"}
    late = Reply("", error="no answer within 5 s")
    own = Reply("", status=200) if answers else late
    outside: Any = SimpleNamespace(get=lambda url, **_: own if "172.17.0.3:8080" in url else late)
    with pytest.raises(CouldNotRun if answers else CheckFailed, match=r"172\.17\.0\.3:8080|no good answer"):
        require_reply(lab(), outside, made, Door(8081))
