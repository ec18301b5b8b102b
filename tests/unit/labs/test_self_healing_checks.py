"""Lab 07's own judgements: where a store lies, which container is Parcel, and why a service did not heal."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.shell import Completed
from checker.grading.author import Container, Inside, Script, wait_until
from checker.grading.scripts import TIMED_OUT
from checker.grading.verdicts import CheckFailed, CouldNotRun
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Checks = Callable[[str, str], ModuleType]

MISSING = "/var/lib/parcel/parcels is damaged: it cannot be read: FileNotFoundError(2, 'No such file')\n"
"""What Parcel's `verify` says of a file that is not there."""

VOLUME = {"Type": "volume", "Destination": "/var/lib/parcel", "Source": "/disk/parcels"}


def container(
    name: str = "parcel",
    *mounts: dict[str, str],
    policy: str = "no",
    port: str = "",
    service: str = "",
    every: float = 5,
    restarts: int = 0,
    **state: Any,
) -> dict[str, Any]:
    """Return what an engine says of a container of Parcel 1.1."""
    return {
        "Id": name,
        "Name": f"/{name}",
        "Created": "2026-11-29T07:00:00Z",
        "RestartCount": restarts,
        "Mounts": list(mounts),
        "NetworkSettings": {"Ports": {}},
        "State": {
            "Running": True,
            "Restarting": False,
            "Status": "running",
            "ExitCode": 0,
            "StartedAt": "2026-11-29T07:00:01Z",
        }
        | state,
        "HostConfig": {"RestartPolicy": {"Name": policy}, "PortBindings": {port: []} if port else {}},
        "Config": {
            "Image": "drydock/parcel:1.1",
            "Env": ["PARCEL_DATA=/var/lib/parcel", "PARCEL_COPY=/var/lib/parcel-copy", "EMPTY"],
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": int(every * 1e9), "Retries": 3},
            "Labels": {
                "io.drydock.image": "parcel",
                "org.opencontainers.image.version": "1.1",
                **({"com.docker.swarm.service.name": service} if service else {}),
            },
        },
    }


def server(
    checks: Checks,
    *found: dict[str, Any],
    top: str = "/ python3 /app/store.py",
    log: str = "",
    started: str = "",
    tree: str = "",
    service: str = "",
    environ: str = "",
    volumes: str = "",
    planned: str = "",
    script: str = "",
) -> Any:
    """Return a server with these containers, whose processes are what `top` says, each with its folder."""
    said = {
        "volume inspect": volumes,
        "DesiredState": planned,
        "base64 -w0; fi": script,
        "command -v": "none",
        "service inspect": service,
        "environ": environ,
        "ppid": f"PID PPID COMMAND\n{tree}",
        "inspect": json.dumps(found),
        " top ": f"PID COMMAND\n7 {top}\n",
        " logs ": log,
        "/starts": started,
    }

    def run(command: str, **_: Any) -> Any:
        return SimpleNamespace(stdout=next((said[word] for word in said if word in command), ""))

    node: Any = SimpleNamespace(exec=run)
    lab = SimpleNamespace(inside=lambda _service: Inside(node))
    made = checks("07-self-healing", "server").Server(lab, None, None)
    made.repair = lambda: None
    return made


def test_a_store_is_found_on_a_volume_of_its_own_and_below_one_of_a_folder_above(checks: Checks) -> None:
    assert server(checks, container("parcel", VOLUME)).folders == ("/disk/parcels", "")
    above = {"Type": "bind", "Destination": "/var/lib/", "Source": "/srv/lib"}
    assert server(checks, container("parcel", above)).folders == (
        "/srv/lib/parcel",
        "/srv/lib/parcel-copy",
    )
    memory = {"Type": "tmpfs", "Destination": "/var/lib/parcel", "Source": ""}
    assert server(checks, container("parcel", memory)).folders == ("", "")


def test_a_store_is_where_the_programs_own_environment_has_it(checks: Checks) -> None:
    elsewhere = VOLUME | {"Destination": "/data"}
    environ = "HOME=/\nPARCEL_DATA=/data\nPARCEL_COPY=/data/copy\n"
    found = server(checks, container("parcel", elsewhere), environ=environ).folders
    assert found == ("/disk/parcels", "/disk/parcels/copy")


def test_a_healer_from_the_same_image_is_not_taken_for_parcel(checks: Checks) -> None:
    healer = container("healer", VOLUME)
    ended = container("parcel", VOLUME, port="8080/tcp", Running=False)
    names = [each.name for each in server(checks, healer, ended, top="/ python3 /healer.py").parcels()]
    assert names == ["parcel", "healer"]


def test_a_volume_that_is_a_folder_by_its_drivers_options_is_that_folder(checks: Checks) -> None:
    volumes = [
        {
            "Mountpoint": "/disk/parcels",
            "Options": {"type": "none", "o": "bind,rw", "device": "/srv/parcels"},
        },
        {"Mountpoint": "/disk/other", "Options": {"type": "tmpfs", "o": "mode=1777", "device": "tmpfs"}},
        {"Mountpoint": "/disk/plain", "Options": None},
    ]
    said = server(checks, container("parcel", VOLUME), volumes="\n".join(map(json.dumps, volumes)))
    assert said.folders == ("/srv/parcels", "")
    other = VOLUME | {"Source": "/disk/other"}
    said = server(checks, container("parcel", other), volumes="\n".join(map(json.dumps, volumes)))
    assert said.folders == ("/disk/other", "")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, True),
        ({"Created": "2026-11-29T06:00:00Z"}, False),  # an earlier try, in place of which the other was made
        ({"Error": ""}, False),  # a healer may just be making it
        ({"service": "parcel"}, False),
        ({"Status": "exited"}, False),
    ],
)
def test_a_parcel_that_could_not_start_beside_an_older_one_is_told(
    checks: Checks, more: dict[str, str], *, told: bool
) -> None:
    facts: dict[str, Any] = {
        "Running": False,
        "Status": "created",
        "Error": "port is already allocated",
        "Created": "2026-11-29T08:00:00Z",
    }
    created, service = (facts | more)["Created"], more.get("service", "")
    state = {key: value for key, value in (facts | more).items() if key not in {"Created", "service"}}
    late = container("parcel", VOLUME, port="8080/tcp", service=service, **state) | {"Created": created}
    said = server(checks, container("trial", VOLUME, port="8080/tcp"), late)
    (trial, *_) = [each for each in said.inside.containers() if each.name == "trial"]
    assert bool(said.not_started(trial)) == told


@pytest.mark.parametrize(
    ("top", "number"),
    [
        ("/ python3 -u /app/store.py", 7),
        ("/app python3 store.py", 7),
        ("/srv python3 store.py", 0),  # another file of that name
        ("/ python3 /app/store.py verify /data/parcels", 0),
        ("/ sh -c python3 /app/store.py & wait", 0),
        ("", 0),
    ],
)
def test_parcel_runs_where_its_program_runs_and_verifies_nothing(
    checks: Checks, top: str, number: int
) -> None:
    (parcel,) = server(checks, container("parcel", VOLUME), top=top).inside.containers()
    assert checks("07-self-healing", "server").number_of(parcel) == number


@pytest.mark.parametrize(
    ("state", "more", "words"),
    [
        (
            {"Running": False, "Status": "exited", "ExitCode": 1},
            {},
            "says that the engine must not start it again",
        ),
        (
            {"Running": False, "Status": "exited", "policy": "on-failure"},
            {},
            "leaves a program alone that ends with 0",
        ),
        (
            {"Running": False, "Status": "exited", "policy": "always"},
            {},
            "the engine itself was told to end it",
        ),
        (
            {"Running": False, "Status": "exited", "service": "parcel"},
            {},
            "the swarm has not started another",
        ),
        ({"Running": False, "Status": "created"}, {}, "could not be started"),
        (
            {"Running": False, "Restarting": True, "Status": "restarting"},
            {"log": "store damaged"},
            "again and again",
        ),
        ({}, {"top": "/ sh /start.sh"}, "runs without it"),
        ({"restarts": 3}, {"top": "/ sh /start.sh"}, "started again and again"),
        ({}, {"top": "/ sh /start.sh", "started": "101.5"}, "started again and again"),
        ({}, {"started": "99.5\n99.7\n101.5"}, "too late"),
        ({}, {"started": "100.5\n101\n101.5"}, "started again and again"),
        ({"Health": {"Status": "unhealthy"}}, {}, "a restart policy waits for an end"),
        ({"Health": {"Status": "healthy"}}, {}, "its health check calls it healthy"),
        ({"Health": {"Status": "healthy", "FailingStreak": 1}}, {}, "has not failed often enough"),
        ({"Health": {"Status": "healthy"}, "every": 30}, {}, "has not failed often enough"),
        ({}, {}, "Nothing tests whether it answers"),
        ({"Status": "paused", "Paused": True}, {}, "is paused now"),
        (
            {"Running": False, "Restarting": True, "Status": "restarting"},
            {"log": MISSING},
            "verifies a file that does not exist",
        ),
        (
            {"Running": False, "Restarting": True, "Status": "restarting"},
            {"log": MISSING, "started": "9999999999"},
            "again and again",
        ),
        (
            {"Running": False, "Restarting": True, "Status": "restarting"},
            {"log": f"{MISSING}/data/parcels is damaged: its checksum is that of other parcels"},
            "again and again",
        ),
    ],
)
def test_what_did_not_heal_is_said_as_what_it_is(
    checks: Checks, state: dict[str, Any], more: dict[str, str], words: str
) -> None:
    found = container("parcel", VOLUME, **state)
    said = server(checks, found, **more)
    with pytest.raises(CheckFailed) as failed:
        checks("07-self-healing", "causes").tell_why(said, "hangs", seen="none", since=100.0)
    assert words in failed.value.failure.rationale
    on_the_damaged = "log" in more and "does not exist" not in words
    assert ("“The store”" in failed.value.failure.hint) == on_the_damaged


@pytest.mark.parametrize(
    ("containers", "planned", "words"),
    [
        (3, "Shutdown\nReady\n", "again and again"),
        (3, "Shutdown\nShutdown\n", "has not started another"),
        (1, "Ready\n", "has not started another"),
    ],
)
def test_a_swarm_that_still_tries_is_told_from_one_that_starts_nothing(
    checks: Checks, containers: int, planned: str, words: str
) -> None:
    ended: dict[str, Any] = {"Running": False, "Status": "exited", "service": "parcel"}
    found = [container(f"parcel.{number}", VOLUME, **ended) for number in range(containers)]
    with pytest.raises(CheckFailed) as failed:
        checks("07-self-healing", "causes").tell_why(
            server(checks, *found, planned=planned), "does not answer", seen="none", since=100.0
        )
    assert words in failed.value.failure.rationale


EVERYWHERE = "0.0.0.0"  # noqa: S104 - an address to compare with, not to bind


def test_the_log_of_a_swarms_last_try_is_read_and_not_that_of_the_one_it_is_about_to_start(
    checks: Checks,
) -> None:
    said = server(
        checks,
        container("parcel.2", VOLUME, Running=False, Status="created", service="parcel"),
        container("parcel.1", VOLUME, Running=False, Status="exited", service="parcel"),
        planned="Ready",
    )
    answer = said.inside.run
    said.inside.run = lambda command, *_: (
        MISSING if "logs" in command and "parcel.1" in command else answer(command)
    )
    with pytest.raises(CheckFailed, match="verifies a file that does not exist"):
        checks("07-self-healing", "causes").tell_why(said, "does not answer", seen="none", since=100.0)


SCRIPT = {"Type": "bind", "Destination": "/start.sh", "Source": "/work/start.sh"}


@pytest.mark.parametrize(
    ("args", "script", "test", "words"),
    [
        (["sh", "/start.sh"], "folder", "true", "/start.sh is a folder"),
        (["/bin/sh", "/start.sh", "/data"], b"set -eu\r\nexit\r\n", "true", "The lines of start.sh end as on Windows"),
        (["sh", "/start.sh"], b"while curl -sf http://localhost:8080/; do :; done\n", "true", "start.sh runs `curl`"),
        (["sh", "/start.sh"], b"# curl is not there\nexit 0\n", "true", ""),
        (["sh", "/other.sh"], "folder", "true", ""),
        ([], "", "wget -q http://localhost:8080/ || exit 1", "The health check runs `wget`"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_script_itself_is_shown(
    checks: Checks, args: list[str], script: str | bytes, test: str, words: str
) -> None:
    found = container("parcel", VOLUME, SCRIPT) | {"Path": "docker-init", "Args": args, "Image": "sha256:p"}
    found["Config"]["Healthcheck"]["Test"] = ["CMD-SHELL", test]
    encoded = base64.b64encode(script).decode() if isinstance(script, bytes) else script
    said = server(checks, found, script=encoded)
    (parcel,) = said.parcels()
    remark = checks("07-self-healing", "start").remark_on_start(said, parcel)
    assert remark.startswith(words)
    assert bool(remark) == bool(words)
    with pytest.raises(CheckFailed) as failed:
        checks("07-self-healing", "causes").tell_why(said, "hangs", seen="none", since=100.0)
    assert failed.value.failure.evidence == remark


def test_a_sidecar_that_has_ended_is_named_and_an_init_is_not(checks: Checks) -> None:
    parcel = container("parcel", VOLUME, port="8080/tcp", Health={"Status": "unhealthy"}, Pid=6)
    side, trial = (container(name, Running=False, Status="exited") for name in ("side", "trial"))
    side["HostConfig"]["PidMode"] = "container:parcel"
    tree = "6 1 /sbin/docker-init -- python3 /app/store.py\n7 6 python3 /app/store.py\n"
    with pytest.raises(CheckFailed, match=r"beside it \(side, which has ended\) has not"):
        checks("07-self-healing", "causes").tell_why(
            server(checks, parcel, side, trial, tree=tree), "hangs", seen="none", since=100.0
        )


@pytest.mark.parametrize(
    ("main", "tree", "beside", "words", "hint"),
    [
        # An exec of the engine, a health check, has the same parent as the first process.
        (7, "7 1 python3 /app/store.py\n9 1 python3 /app/health.py\n", (), "a restart policy waits for an end", "“Unhealthy"),
        (6, "6 1 sh /start.sh\n7 6 python3 /app/store.py\n8 6 sleep 1\n", (), "beside it (sh /start.sh) has not", "by hand"),
        (7, "7 1 python3 /app/store.py\n8 7 sh /start.sh\n", (), "the kernel protects that one", "signal"),
        (7, "7 1 python3 /app/store.py\n", ("healer",), "beside it (healer) has not ended it", "by hand"),
    ],
)  # fmt: skip
def test_what_watches_in_vain_is_named(
    checks: Checks, main: int, tree: str, beside: tuple[str, ...], words: str, hint: str
) -> None:
    parcel = container("parcel", VOLUME, port="8080/tcp", Health={"Status": "unhealthy"}, Pid=main)
    said = server(checks, parcel, *map(container, beside), tree=tree)
    with pytest.raises(CheckFailed) as failed:
        checks("07-self-healing", "causes").tell_why(said, "hangs", seen="none", since=100.0)
    assert words in failed.value.failure.rationale
    assert hint in failed.value.failure.hint


@pytest.mark.parametrize(
    ("most", "service", "counted"),
    [
        (5, "", 5),
        (0, "", 0),
        (0, {"MaxAttempts": 4}, 4),
        (0, {"MaxAttempts": 4, "Window": 10_000_000_000}, 0),
        (0, {}, 0),
    ],
)
def test_a_number_of_restarts_that_is_counted_for_ever_is_found(
    checks: Checks, most: int, service: dict[str, int] | str, counted: int
) -> None:
    named = "" if service == "" else "parcel"
    parcel = container("parcel", VOLUME, port="8080/tcp", service=named)
    parcel["HostConfig"]["RestartPolicy"]["MaximumRetryCount"] = most
    spec = json.dumps({"TaskTemplate": {"RestartPolicy": service}})
    said = server(checks, parcel, service=spec)
    assert said.most_restarts(said.parcels()[0]) == counted


@pytest.mark.parametrize(
    ("beside", "starts_it", "words"),
    [
        ((), False, "after 5 restarts it stays down"),
        (("healer",), True, ""),
        (("neighbour",), False, "after 5 restarts it stays down"),
    ],
)
def test_what_runs_beside_parcel_counts_if_it_starts_what_the_engine_does_not(
    checks: Checks,
    monkeypatch: pytest.MonkeyPatch,
    beside: tuple[str, ...],
    words: str,
    *,
    starts_it: bool,
) -> None:
    test = checks("07-self-healing", "test_self_healing")
    parcel = container("parcel", VOLUME, port="8080/tcp")
    parcel["HostConfig"]["RestartPolicy"]["MaximumRetryCount"] = 5
    said = server(checks, parcel, *map(container, beside))
    marks: list[str] = []
    said.lab.disturb, said.traffic = print, SimpleNamespace(mark=marks.append)
    said.started = lambda: float(starts_it and bool(marks))
    monkeypatch.setattr(test, "SHORT_SECONDS", 0.01)
    if not words:
        test._require_no_last_start(said)
    else:
        with pytest.raises(CheckFailed) as failed:
            test._require_no_last_start(said)
        assert words in failed.value.failure.rationale
        assert ("by docker kill" in failed.value.failure.seen) == bool(beside)


@pytest.mark.parametrize(
    ("there", "other"),
    [
        ("aa  /app/store.py\nbb  /usr/lib/os.py\n", ""),
        ("aa  /app/store.py\ncc  /fix/sitecustomize.py\n", "/fix/sitecustomize.py"),
        ("aa  /app/store.py\ncc  /usr/lib/os.py\n", "/usr/lib/os.py"),
    ],
)
def test_code_that_the_image_does_not_have_is_named(checks: Checks, there: str, other: str) -> None:
    said = server(checks, container("parcel", VOLUME), environ="PYTHONPATH=/fix\nOTHER=x\n")
    asked: list[str] = []
    shipped = "aa  /app/store.py\nbb  /usr/lib/os.py\ndd  /usr/lib/warnings.py\n"
    answer = said.run

    def run(command: str, seconds: float = 10.0) -> str:
        asked.append(command)
        return there if " exec " in command else shipped if " run " in command else answer(command, seconds)

    said.run = run
    assert said.other_code(said.parcels()[0]) == other
    assert "--env PYTHONPATH=/fix parcel" in asked[-2]
    assert "sha256sum /app/store.py" in asked[-1]


@pytest.mark.parametrize(
    ("status", "reply", "healthy", "words"),
    [
        ("paused", {"status": 0}, False, "is paused"),
        ("running", {"status": 503}, True, "not the front page of Parcel 1.1"),
        ("running", {"status": 0}, False, "not even inside its container"),
        ("running", {"status": 0}, True, "no port of the server leads to it"),
    ],
)
def test_why_users_get_no_answer_of_a_parcel_that_runs(
    checks: Checks, status: str, reply: dict[str, int], words: str, *, healthy: bool
) -> None:
    said = server(checks, container("parcel", VOLUME, Status=status), environ="PARCEL_PORT=9000\n")
    (parcel,) = said.parcels()
    asked: list[str] = []

    def run(command: str) -> Any:
        if "health.py" in command:
            asked.append(command)
        return SimpleNamespace(rc=int(not healthy), stdout="")

    parcel.exec = run
    test = checks("07-self-healing", "test_self_healing")
    with pytest.raises(CheckFailed) as failed:
        test._tell_of_silence(said, parcel, SimpleNamespace(summary="seen", text="", **reply))
    assert words in failed.value.failure.rationale
    assert all("PARCEL_PORT=9000" in each for each in asked)


@pytest.mark.parametrize(
    ("ports", "more", "reason"),
    [
        ({}, {}, "not-reached.unpublished"),
        ({}, {"mode": "host"}, "not-reached"),
        ({}, {"service": "parcel"}, "not-reached"),
        ({"8080/tcp": [(EVERYWHERE, "8081")]}, {}, "not-reached.on-another-port"),
        ({"80/tcp": [(EVERYWHERE, "8080"), ("::", "8080")]}, {}, "not-reached.nobody-inside"),
        ({"8080/tcp": [("127.0.0.1", "8080")]}, {}, "not-reached.by-the-server-alone"),
        ({"8080/tcp": [(EVERYWHERE, "8080")]}, {}, "not-reached"),
    ],
)  # fmt: skip
def test_the_way_of_the_users_to_a_parcel_that_answers_is_told_as_far_as_it_goes(
    checks: Checks, ports: dict[str, list[tuple[str, str]]], more: dict[str, str], reason: str
) -> None:
    found = container("parcel", VOLUME, service=more.get("service", ""))
    found["HostConfig"]["NetworkMode"] = more.get("mode", "bridge")
    found["NetworkSettings"]["Ports"] = {
        inside: [{"HostIp": at, "HostPort": port} for at, port in pairs] for inside, pairs in ports.items()
    }
    (parcel,) = server(checks, found).parcels()
    sockets = "   0: 00000000:1F90 00000000:0000 0A\n"  # 0.0.0.0:8080
    parcel.exec = lambda _command: SimpleNamespace(stdout=sockets)
    with pytest.raises(CheckFailed) as failed:
        checks("07-self-healing", "test_self_healing")._tell_of_ports(parcel, "refused")
    assert failed.value.failure.reason == reason
    assert failed.value.failure.evidence == "listening in parcel: 8080"


def healed_sh(checks: Checks, folder: Path, text: str, *answers: tuple[int, str]) -> Any:
    """Return a server whose healed.sh has this text, and ends in these ways one after the other: exit code and output."""
    (folder / "healed.sh").write_bytes(text.encode())
    ends = iter(answers)

    def run(_command: str, _seconds: float) -> Any:
        code, out = next(ends)
        return Completed(code, out.encode(), b"")

    toolbox: Any = SimpleNamespace(attrs={"Config": {"WorkingDir": "/work"}}, exec=run)
    said = server(checks, container("parcel", VOLUME))
    said.lab.script = lambda name: Script(folder / name, lambda: toolbox)
    return said


@pytest.mark.parametrize(
    ("text", "now", "before", "after", "words", "evidence"),
    [
        ("docker logs -f parcel", (TIMED_OUT, ""), None, None, "did not finish within 8 s", ""),
        ("echo none", (0, "none\n"), None, 1, "does not say how often", "none"),
        ("cat count", (0, "1\n"), None, 1, "says a number now, but it said none", ""),
        ("docker inspect -f '{{.RestartCount}}' parcel", (0, "0\n"), 0, 0, "It reads RestartCount", ""),
        ("grep -c healed log\r\n", (1, "0\n"), 0, 0, "has not counted it", "end as on Windows"),
        ("wc -l < log", (0, "0\n"), 2, 0, "has not counted it", ""),
    ],
)  # fmt: skip
def test_why_healed_sh_has_not_counted_a_healing_is_told_as_far_as_it_is_known(
    checks: Checks, tmp_path: Path, text: str, now: tuple[int, str], before: int | None, after: int | None, words: str, evidence: str
) -> None:  # fmt: skip
    test = checks("07-self-healing", "test_self_healing")
    said = healed_sh(checks, tmp_path, text, now)
    with pytest.raises(CheckFailed) as failed:
        test._require_counted(said, "crash", before, after)
    assert words in failed.value.failure.rationale
    assert evidence in failed.value.failure.evidence
    assert bool(evidence) == bool(failed.value.failure.evidence)


def test_a_parcel_on_the_learners_own_machine_is_named_where_none_is_on_the_server(checks: Checks) -> None:
    test = checks("07-self-healing", "test_self_healing")
    said = server(checks)
    of_lab_1, mine = container("copy"), container("parcel")
    of_lab_1["Config"]["Labels"]["org.opencontainers.image.version"] = "1.0"
    there = [Container(None, None, each) for each in (mine, of_lab_1)]  # type: ignore[arg-type]
    said.lab.node = lambda _: SimpleNamespace(created="2026-11-28T16:00:00Z")
    said.lab.on_own_engine = lambda _kind, since: there if since else []
    said.serves = lambda _seconds: False
    with pytest.raises(CheckFailed, match="`parcel` is on your own machine"):
        test.test_answers(said)
    record = SimpleNamespace(outages=list)
    with pytest.raises(
        CheckFailed, match=r"`parcel`, which has the image of Parcel 1\.1, is on your own machine"
    ):
        test._hang(said.lab, None, record, 12.0, "12")
    there.remove(there[0])
    with pytest.raises(CheckFailed, match=r"No container of Parcel 1\.1 is on the server\.$"):
        test.test_answers(said)
    with pytest.raises(CheckFailed, match="that a human ended"):
        test._hang(said.lab, None, record, 12.0, "12")


@pytest.mark.parametrize(
    ("top", "ended", "at_once"),
    [
        ("/ python3 /app/store.py", "ended", True),
        ("/ python3 /app/store.py", "", False),
        ("", "ended", False),
    ],
    ids=["it ended", "it is there", "it did not run before"],
)
def test_a_hang_that_is_an_end_is_told_from_one_that_somebody_ends(
    checks: Checks, monkeypatch: pytest.MonkeyPatch, top: str, ended: str, *, at_once: bool
) -> None:
    said = server(checks, container("parcel", VOLUME), top=top)
    answer = said.run
    said.get = lambda *_, **__: None
    said.run = lambda command, seconds=10.0: ended if "/proc/7" in command else answer(command, seconds)
    monkeypatch.setattr(checks("07-self-healing", "server"), "AT_ONCE_SECONDS", 0.2)
    assert (said.hang() is not None) == at_once


def test_a_pause_that_a_busy_machine_made_longer_is_no_verdict(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    healing = checks("07-self-healing", "healing")
    said = server(checks)
    frozen: list[float] = []
    said.lab.disturb = said.require_up = lambda *_words: None
    said.traffic = SimpleNamespace(mark=lambda _text: None)

    def freeze(seconds: float) -> float:
        frozen.append(seconds)
        return seconds + 1

    said.freeze = freeze
    said.started = lambda: float(len(frozen))
    monkeypatch.setattr(healing, "BETWEEN_SECONDS", 0.01)
    with pytest.raises(CouldNotRun, match=r"took 3\.6 s"):
        healing.require_patient(said)


def test_a_hang_of_a_human_stays_known_when_the_record_has_forgotten_it(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = checks("07-self-healing", "test_self_healing")
    kept: dict[tuple[str, ...], list[float]] = {}
    numbers = {"seconds": 12.0}
    lab: Any = SimpleNamespace(
        sheet=lambda *_, **__: SimpleNamespace(
            number=lambda *_: numbers["seconds"], shown=lambda *_: str(numbers["seconds"])
        ),
        measure_once=lambda *what, test: kept[what] if what in kept else kept.setdefault(what, list(test())),
        prove_once=lambda *_, test: test(),
        record=lambda *_: None,
        on_own_engine=lambda *_, **__: [],
        node=lambda _: SimpleNamespace(created="2026-11-28T16:00:00Z"),
    )
    marks: list[str] = []

    def users(hangs: list[Any], first: float = 5.0) -> Any:
        record = SimpleNamespace(outages=lambda: hangs, longest_outage=lambda: None)
        whole = SimpleNamespace(served=record, first_good=first)
        return SimpleNamespace(everything=lambda: whole, mark=marks.append)

    hang = SimpleNamespace(begin=10.0, end=22.0, seconds=12.0, lost=300)
    monkeypatch.setattr(test, "_is_human_hang", lambda *_: True)
    test.test_by_hand(lab, users([hang]))
    test.test_by_hand(lab, users([]))
    assert len(marks) == 1
    numbers["seconds"] = 40.0
    with pytest.raises(CheckFailed, match="have not met a hang"):
        test.test_by_hand(lab, users([]))
    numbers["seconds"] = 12.0
    with pytest.raises(CheckFailed, match="have not met a hang"):
        test.test_by_hand(lab, users([], first=99.0))  # the lab was reset


@pytest.mark.parametrize(
    ("failures", "starts", "words"),
    [
        ((), 0, "something has changed what its program does"),
        ((1,), 0, "was removed"),
        ((), 1, "was removed"),
    ],
)
def test_a_fault_without_an_effect_is_told_from_one_that_is_not_healed(
    checks: Checks, failures: tuple[int, ...], starts: int, words: str
) -> None:
    healing = checks("07-self-healing", "healing")
    said = server(checks)
    said.traffic = SimpleNamespace(since=lambda _at: SimpleNamespace(failures=failures, summary="all"))
    said.starts = lambda _since: starts
    said.get = lambda _path: SimpleNamespace(ok=True)
    with pytest.raises(CheckFailed) as failed:
        healing._tell_of_fault(said, healing.Fault("hang", print, "hangs"), 100.0)
    assert words in failed.value.failure.rationale


@pytest.mark.parametrize(
    ("restarts_at", "words"),
    [(0, ""), (1, "the restart costs users"), (3, "when that had happened 3 times")],
)
def test_standing_still_once_or_several_times_is_no_reason_for_a_restart(
    checks: Checks, monkeypatch: pytest.MonkeyPatch, restarts_at: int, words: str
) -> None:
    healing = checks("07-self-healing", "healing")
    said = server(checks)
    frozen: list[float] = []
    said.lab.disturb = said.require_up = lambda *_words: None
    said.traffic = SimpleNamespace(mark=lambda _text: None)

    def freeze(seconds: float) -> float:
        frozen.append(seconds)
        return seconds

    said.freeze = freeze
    said.started = lambda: float(bool(restarts_at) and len(frozen) >= restarts_at)
    monkeypatch.setattr(healing, "BETWEEN_SECONDS", 0.01)
    if not words:
        healing.require_patient(said)
        assert len(frozen) == healing.FREEZES
        return
    with pytest.raises(CheckFailed) as failed:
        healing.require_patient(said)
    assert words in failed.value.failure.rationale


def test_a_container_that_is_gone_is_said_to_be_gone(checks: Checks) -> None:
    with pytest.raises(CheckFailed) as failed:
        checks("07-self-healing", "causes").tell_why(server(checks), "has crashed", seen="none", since=100.0)
    assert "was removed, and nothing has made another" in failed.value.failure.rationale


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
@pytest.mark.parametrize(
    ("store", "copy", "tries"),
    [
        (0, 0, 0),
        (3, 0, 3),  # tried again and again, and nothing looks at the copy
        (0, 3, 3),  # a loop that waits for a whole copy, and says nothing
        (6, 3, 3),  # each try verifies the store, starts on it, and verifies the copy
    ],
)
def test_a_try_is_counted_by_what_it_reads_whether_or_not_it_says_anything(
    tmp_path: Path, store: int, copy: int, tries: int
) -> None:
    folders = [tmp_path / "store", tmp_path / "copy"]
    for folder in folders:
        folder.mkdir()
        (folder / "parcels").write_text("damaged")
    watch = ROOT / "labs/07-self-healing/checks/watch.py"
    words = [sys.executable, *map(str, (watch, 4, *folders))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:

        def is_watching() -> bool:
            found = 0
            for file in Path(f"/proc/{child.pid}/fdinfo").glob("*"):
                with contextlib.suppress(FileNotFoundError):  # closed meanwhile: it reads its own modules
                    found += file.read_text().count("inotify wd:")
            return found == 2

        assert wait_until(is_watching, 10)
        for folder, times in zip(folders, (store, copy), strict=True):
            (folder / "starts").touch()  # another file does not count
            for _ in range(times):
                (folder / "parcels").read_text()
        assert child.stdout
        assert child.stdout.read().strip() == str(tries)
