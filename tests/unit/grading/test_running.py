"""The ladder of reasons why a container does not run, each told as what it is."""

from __future__ import annotations

import datetime as dt
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.clock import moment
from checker.grading.absent import is_close
from checker.grading.container import Container
from checker.grading.running import misplaced_option, require_container, require_steady
from checker.grading.verdicts import CheckFailed, CouldNotRun
from checker.grading.wanted import Reason, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

WANTED = Wanted("parcel-b", image="drydock/parcel:1.0", purpose="nobody answers", known=frozenset({"parcel"}))
RUNC = "failed to create task for container: OCI runtime create failed: runc create failed: unable to start container process:"
NEVER = "0001-01-01T00:00:00Z"


def stamp(seconds_ago: float) -> str:
    return dt.datetime.fromtimestamp(time.time() - seconds_ago, dt.UTC).isoformat()


class World:
    """An engine that knows these containers and remembers these events."""

    def __init__(
        self,
        *containers: dict[str, Any],
        events: tuple[tuple[float, str, dict[str, str]], ...] = (),
        outside: tuple[dict[str, Any], ...] = (),
    ) -> None:
        self.clock = SimpleNamespace(now=time.time)
        self.scene_ended = 300.0
        self.records = {each["Name"].lstrip("/"): each for each in containers}
        self.outside = outside
        self.past = [
            {
                "Action": action,
                "timeNano": int((time.time() - ago) * 1e9),
                "Actor": {"ID": "c1", "Attributes": {"name": "parcel-b", **attributes}},
            }
            for ago, action, attributes in events
        ]

    def events(self, **_: Any) -> Any:
        """Tell all events."""
        return iter(self.past)

    def get(self, _path: str) -> dict[str, str]:
        """Return the engine's settings."""
        return {"LoggingDriver": "journald"}

    def logs(self, *_: Any) -> str:
        """Return one line."""
        return "its last line"

    def unowned(
        self,
        image: str = "",
        *,
        service: str = "",
        since: float = 0.0,
        or_named: Callable[[str], bool] = lambda _: False,
    ) -> list[Container]:
        """Return the containers that were started outside of the toolbox."""
        engine: Any = self
        return [
            Container(engine, SimpleNamespace(), each)  # type: ignore[arg-type]
            for each in self.outside
            if moment(each["Created"]) >= since
            and (image in {"", "drydock/parcel:1.0"} or or_named(each["Name"].removeprefix("/")))
            and service in {"", each["Config"]["Labels"].get("com.docker.compose.service")}
        ]

    def lab(self) -> Any:
        """Return the lab that is judged in this world."""
        engine: Any = self
        found = {name: Container(engine, SimpleNamespace(), each) for name, each in self.records.items()}  # type: ignore[arg-type]
        return SimpleNamespace(
            engine=engine,
            container=found.get,
            containers=lambda: list(found.values()),
            unowned=self.unowned,
            image=lambda name: {"Id": "sha256:right"} if name == "drydock/parcel:1.0" else None,
            node=lambda _: SimpleNamespace(
                created=stamp(600), attrs={"State": {"FinishedAt": stamp(self.scene_ended)}}
            ),
        )


def record(
    name: str = "parcel-b",
    status: str = "running",
    *,
    image: str = "sha256:right",
    restarts: int = 0,
    error: str = "",
    started: float = 100,
    code: int = 0,
    oom: bool = False,
    labels: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "Id": "c1",
        "Name": f"/{name}",
        "Image": image,
        "Created": stamp(started + 1),
        "RestartCount": restarts,
        "Config": {"Image": image, "Labels": labels or {}},
        "HostConfig": {"Memory": 64 << 20 if oom else 0},
        "Path": "python3",
        "Args": ["parcel.py"],
        "State": {
            "Status": status,
            "Running": status == "running",
            "Restarting": status == "restarting",
            "Paused": status == "paused",
            "StartedAt": stamp(started),
            "FinishedAt": stamp(5),
            "ExitCode": code,
            "OOMKilled": oom,
            "Error": error,
        },
    }


RUN: tuple[tuple[str, dict[str, str]], ...] = (("create", {}), ("start", {}))


def past(*steps: tuple[str, dict[str, str]]) -> tuple[tuple[float, str, dict[str, str]], ...]:
    return tuple((50 - place * 0.1, action, attributes) for place, (action, attributes) in enumerate(steps))


def restarted() -> World:
    """Return a world whose engine was stopped: it has forgotten its events, and the scene runs again."""
    world = World(record(status="exited"))
    world.scene_ended = 9.0
    return world


def situations() -> dict[Reason, tuple[World, str]]:
    """Return a world for each reason, as it is at this moment, and words of what has to be told."""
    return {
        Reason.ABSENT: (World(record("parcel")), "There is no container named `parcel-b`, so nobody answers."),
        Reason.SPELLING: (World(record("parcel_b", image="sha256:other")), "but there is one named `parcel_b`: names are compared"),
        Reason.OTHER_NAME: (World(record("south")), "its name is `south`, not `parcel-b`: everyone"),
        Reason.UNNAMED: (World(record("charming_wilson")), "the engine invents one"),
        Reason.COMPOSED: (
            World(
                record("work-parcel-1", labels={"com.docker.compose.service": "parcel"}),
                record("work-parcel-b-1", labels={"com.docker.compose.service": "parcel-b"}),
            ),
            "its name is `work-parcel-b-1`, not `parcel-b`: Compose makes a name",
        ),
        Reason.REMOVED: (
            World(events=past(*RUN, ("kill", {"signal": "9"}), ("die", {"exitCode": "137"}), ("destroy", {}))),
            "ended and removed from outside",
        ),
        Reason.TIED: (
            World(events=past(("attach", {}), ("start", {}), ("kill", {"signal": "15"}), ("die", {"exitCode": "0"}), ("destroy", {}))),
            "ended together with the command that started it",
        ),
        Reason.VANISHED: (
            World(events=past(*RUN, ("die", {"exitCode": "1"}), ("destroy", {}))),
            "removed together with its log",
        ),
        Reason.CREATED: (World(record(status="created")), "creating and starting a container are two steps"),
        Reason.REFUSED: (
            World(record(status="created", error="Bind for 0.0.0.0:8082 failed: port is already allocated")),
            "the engine refused to start it",
        ),
        Reason.MISPLACED: (
            World(record(status="created", error=f'{RUNC} exec: "--memory": executable file not found in $PATH: unknown')),
            "`--memory` stands behind the image's name",
        ),
        Reason.PAUSED: (World(record(status="paused")), "is paused"),
        Reason.RESTARTING: (
            World(
                record(restarts=2, started=3),
                events=((20, "start", {}), (14, "die", {"exitCode": "124"}), (13, "start", {}), (4, "die", {"exitCode": "124"})),
            ),
            "does not stay up",
        ),
        Reason.STOPPED: (
            World(record(status="exited"), events=past(*RUN, ("kill", {"signal": "15"}), ("die", {}), ("stop", {}))),
            "was stopped, as `docker stop` does",
        ),
        Reason.KILLED: (
            World(record(status="exited", code=137), events=past(*RUN, ("kill", {"signal": "9"}), ("die", {}))),
            "was killed from outside",
        ),
        Reason.OUT_OF_MEMORY: (
            World(record(status="exited", code=137, oom=True), events=past(*RUN, ("die", {"exitCode": "137"}))),
            "its limit allows, which is 64 MB",
        ),
        Reason.ENGINE_STOPPED: (restarted(), "ended together with the lab's own containers"),
        Reason.ENDED: (World(record(status="exited", code=1), events=past(*RUN, ("die", {}))), "has ended"),
    }  # fmt: skip


def test_every_reason_is_tried_here() -> None:
    assert set(situations()) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_what_became_of_a_container_is_told_as_what_it_is(reason: Reason) -> None:
    world, words = situations()[reason]
    with pytest.raises(CheckFailed) as failed:
        require_container(
            world.lab(), Wanted(**{**vars(WANTED), "hints": {reason: "the lesson's own words"}})
        )
    assert words in failed.value.failure.rationale
    assert failed.value.failure.hint == "the lesson's own words"


GONE = past(*RUN, ("kill", {"signal": "9"}), ("die", {"exitCode": "137"}), ("destroy", {}))


@pytest.mark.parametrize(
    ("started", "words"), [(5, "its name is `charming_wilson`"), (90, "ended and removed from outside")]
)
def test_the_next_try_after_a_removal_is_told_if_it_lacks_the_name(started: float, words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        require_container(World(record("charming_wilson", started=started), events=GONE).lab(), WANTED)


@pytest.mark.parametrize(
    ("name", "words"),
    [("charming_wilson", "the engine invents one"), ("parcel_b", "there is one named `parcel_b`")],
)
def test_a_slip_in_the_name_is_told_outside_of_the_toolbox_too(name: str, words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        require_container(World(outside=(record(name),)).lab(), WANTED)


def test_what_was_started_outside_before_the_lab_or_by_a_name_of_the_task_is_not_told() -> None:
    others = (record("parcel_b", started=700), record("parcel"))
    with pytest.raises(CheckFailed) as failed:
        require_container(World(outside=others).lab(), WANTED)
    assert failed.value.failure.seen == "no container named parcel-b, running or stopped"


def test_one_that_runs_is_given_back() -> None:
    assert require_container(World(record()).lab(), WANTED).name == "parcel-b"


def test_one_that_ended_long_after_the_scene_did_ended_by_itself() -> None:
    with pytest.raises(CheckFailed, match="lives as long as its main process"):
        require_container(World(record(status="exited")).lab(), WANTED)


def test_one_that_its_policy_restarted_long_ago_runs() -> None:
    assert require_container(World(record(restarts=3, started=500)).lab(), WANTED).running


def test_a_service_of_compose_stands_for_a_name_where_the_lab_says_so() -> None:
    made = record("work-parcel-b-1", labels={"com.docker.compose.service": "parcel-b"})
    lab = World(made).lab()
    assert require_container(lab, Wanted(**{**vars(WANTED), "service": True})).name == "work-parcel-b-1"
    with pytest.raises(CheckFailed):
        require_container(lab, WANTED)


def test_a_service_of_compose_counts_outside_of_the_toolbox_too_if_the_toolbox_made_none() -> None:
    labels = {"com.docker.compose.service": "parcel-b"}
    outside = (record("depots-parcel-b-1", labels=labels),)
    wanted = Wanted(**{**vars(WANTED), "service": True})
    assert require_container(World(outside=outside).lab(), wanted).name == "depots-parcel-b-1"
    inside = record("work-parcel-b-1", labels=labels)
    assert require_container(World(inside, outside=outside).lab(), wanted).name == "work-parcel-b-1"


def test_of_several_containers_of_a_service_the_one_that_runs_counts() -> None:
    labels = {"com.docker.compose.service": "parcel-b"}
    ended = record("work-parcel-b-run-1", status="exited", labels=labels)
    lab = World(ended, record("work-parcel-b-1", labels=labels)).lab()
    assert require_container(lab, Wanted(**{**vars(WANTED), "service": True})).name == "work-parcel-b-1"


@pytest.mark.parametrize(
    "error",
    [
        f'{RUNC} exec: "-p": executable file not found in $PATH',
        "crun: executable file `-p` not found in $PATH: No such file or directory",
    ],
)
def test_an_option_behind_the_images_name_is_found_in_what_each_runtime_says(error: str) -> None:
    assert misplaced_option(error) == "-p"


def test_a_program_that_is_not_there_is_no_option() -> None:
    assert misplaced_option(f'{RUNC} exec: "tarif-v1": executable file not found in $PATH') == ""


def test_what_the_machine_could_not_do_is_not_the_answers_fault() -> None:
    world = World(record(status="created", error="failed to mount overlay: no space left on device"))
    with pytest.raises(CouldNotRun, match="no space left"):
        require_container(world.lab(), WANTED)


@pytest.mark.parametrize(
    ("error", "settings", "of_engine"),
    [
        ("failed to initialize logging driver: no journald", {"LogConfig": {"Type": "journald"}}, True),
        ("failed to initialize logging driver: no fluentd", {"LogConfig": {"Type": "fluentd"}}, False),
        (
            "listen tcp4 192.168.7.1:8082: bind: cannot assign requested address",
            {"PortBindings": {"8080/tcp": [{"HostIp": "", "HostPort": "8082"}]}},
            True,
        ),
        (
            "listen tcp4 192.168.7.1:8082: bind: cannot assign requested address",
            {"PortBindings": {"8080/tcp": [{"HostIp": "192.168.7.1", "HostPort": "8082"}]}},
            False,
        ),
    ],
)
def test_a_setting_of_the_engine_is_not_the_answers_fault(
    error: str, settings: dict[str, Any], of_engine: bool
) -> None:
    made = record(status="created", error=error)
    made["HostConfig"] |= settings
    with pytest.raises(CouldNotRun if of_engine else CheckFailed) as ended:
        require_container(World(made).lab(), WANTED)
    assert ("daemon.json" in str(ended.value)) is of_engine


def test_one_that_could_not_be_started_again_is_told_as_that() -> None:
    error = "Bind for 0.0.0.0:8082 failed: port is already allocated"
    events = past(*RUN, ("kill", {"signal": "15"}), ("die", {}), ("stop", {}))
    with pytest.raises(CheckFailed, match="refused to start it again") as failed:
        require_container(World(record(status="exited", error=error), events=events).lab(), WANTED)
    assert failed.value.failure.evidence == error


def test_a_name_that_compose_run_made_up_is_told_as_that() -> None:
    labels = {"com.docker.compose.service": "parcel-b", "com.docker.compose.oneoff": "True"}
    with pytest.raises(CheckFailed, match="whatever the file says"):
        require_container(World(record("work-parcel-b-run-4b68fdd51fc5", labels=labels)).lab(), WANTED)


@pytest.mark.parametrize(
    "error",
    [
        "unable to find user ada: no matching entries",
        "Unable to find group post",
        "cannot join network of a non running container: 65bda8cc804f",
        "cannot join network namespace of a non running container: container /parcel is exited",
        "failed to join PID namespace: container 65bda8cc804f is not running",
        "No such container: parcell",
        (
            "invalid config for network bridge: invalid endpoint settings:\nuser specified IP address is supported only when "
            "connecting to networks with user configured subnets"
        ),
        (
            "Ports are not available: exposing port TCP 0.0.0.0:8082 -> 127.0.0.1:0: listen tcp 0.0.0.0:8082: bind: Only one usage "
            "of each socket address (protocol/network address/port) is normally permitted."
        ),
    ],
)
def test_what_the_command_asked_for_and_nobody_has_is_the_answers_fault(error: str) -> None:
    with pytest.raises(CheckFailed, match="refused to start it"):
        require_container(World(record(status="created", error=error)).lab(), WANTED)


def test_of_one_that_ended_without_a_message_no_hint_leads_to_its_log() -> None:
    world = World(record(status="exited"), events=past(*RUN, ("die", {})))
    world.logs = lambda *_: ""  # type: ignore[method-assign]
    with pytest.raises(CheckFailed) as failed:
        require_container(world.lab(), WANTED)
    assert "it ran `python3 parcel.py`" in failed.value.failure.seen
    assert "COMMAND" in failed.value.failure.hint


def test_a_lab_may_say_something_more_exact_of_an_end() -> None:
    seen: list[str] = []
    with pytest.raises(CheckFailed, match="has ended"):
        require_container(
            World(record(status="exited")).lab(), WANTED, lambda container: seen.append(container.name)
        )
    assert seen == ["parcel-b"]


def test_a_lab_may_say_something_more_exact_of_an_absence() -> None:
    asked: list[str] = []
    with pytest.raises(CheckFailed, match="There is no container named `parcel-b`"):
        require_container(World().lab(), WANTED, absent=lambda: asked.append("absent"))
    assert asked == ["absent"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("parcel_b", "parcel-b"), ("parcelb", "parcel-b"), ("tarif-v1", "tariff-v1"), ("Parcel-b", "parcel-b")],
)
def test_another_spelling_is_close(name: str, wanted: str) -> None:
    assert is_close(name, wanted)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("parcel", "parcel-b"), ("tariff-v2", "tariff-v1"), ("cruncher", "tariff-v1"), ("parcel-c", "parcel")],
)
def test_another_name_is_not_close(name: str, wanted: str) -> None:
    assert not is_close(name, wanted)


def test_what_became_of_a_container_with_a_longer_name_is_not_told_of_this_one() -> None:
    # An engine that is asked for `parcel` tells of `parcel-b` too.
    world = World(events=past(*RUN, ("kill", {"signal": "9"}), ("die", {"exitCode": "137"}), ("destroy", {})))
    with pytest.raises(CheckFailed, match=r"There is no container named `parcel`[.]"):
        require_container(world.lab(), Wanted("parcel"))


def test_one_that_dies_again_and_again_for_want_of_memory_is_not_sent_to_its_log() -> None:
    world = World(
        record(restarts=2, started=3, oom=True),
        events=((20, "start", {}), (14, "die", {"exitCode": "137"})),
    )
    with pytest.raises(CheckFailed, match="the kernel kills its main process") as failed:
        require_container(world.lab(), WANTED)
    assert failed.value.failure.seen.endswith("its memory limit is 64 MB")
    assert "log" not in failed.value.failure.hint


def test_any_container_that_a_task_counts_can_be_asked_whether_it_stays_up() -> None:
    dying = World(
        record(restarts=2, started=3), events=((20, "start", {}), (14, "die", {"exitCode": "124"}))
    ).lab()
    with pytest.raises(CheckFailed, match="does not stay up"):
        require_steady(dying, dying.container("parcel-b"))
    up = World(record()).lab()
    require_steady(up, up.container("parcel-b"))
