"""Lab 17's own judgements: who can read a key, to what a file belongs, and which containers are used."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.grading.searching import needles
from checker.grading.verdicts import CheckFailed, CouldNotRun
from checker.timeline.record import Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Checks = Callable[[str, str], ModuleType]

SLUG = "17-cloud"
KEY = "/rented/tls/key.pem"
NOW = 1_800_000_000
LISTENS = """\
LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=40,fd=3))
LISTEN 0 128 0.0.0.0:9090 0.0.0.0:* users:(("python3",pid=71,fd=3))
LISTEN 0 128 [::]:8080 [::]:* users:(("docker-proxy",pid=7,fd=4))
"""


def engine(**says: str) -> Any:
    """Return an engine of a node that answers a command by the first of these words in it."""

    def run(command: str, *_: Any) -> str:
        return next((text for word, text in says.items() if word in command), "")

    return SimpleNamespace(run=run, containers=list)


def rented(checks: Checks, **says: str) -> Any:
    prober = SimpleNamespace(networks={"lab": "10.0.0.7"})
    lab = SimpleNamespace(inside=lambda _: engine(**says), node=lambda _: prober)
    made = checks(SLUG, "rented").Rented(lab)
    made._layers = {"abc": ("layer", "parcel-mine:1.0")}
    return made


def container(
    name: str = "practice",
    network: str = "bridge",
    status: str = "running",
    *,
    ran: float = 3600,
    mounts: tuple[dict[str, str], ...] = (),
) -> Any:
    return SimpleNamespace(
        id="c1",
        name=name,
        status=status,
        running=status == "running",
        host_config={"NetworkMode": network},
        attrs={"State": {"Pid": 70}},
        started_at=datetime.fromtimestamp(NOW - ran, UTC).isoformat().replace("+00:00", "Z"),
        mounts=list(mounts),
    )


def replay(checks: Checks, found: Any, *, connected: int = 0, accepted: int = 0, received: int = 0) -> Any:
    """Return a replay of a day with one container, whose name ran all the time."""
    machine = SimpleNamespace(
        engine=SimpleNamespace(
            containers=lambda: [found], run=lambda command: str(NOW) if "date" in command else ""
        ),
        connected=lambda _: connected,
        accepted=lambda _: accepted,
    )
    made = checks(SLUG, "replay").Replay(*[SimpleNamespace()] * 4)
    made.rented = machine
    made.lab = SimpleNamespace(containers=list, work=Path("none"))
    made.bill = {
        "days": 1,
        "end": NOW - 15,
        "stored": {},
        "items": [
            {"name": found.name, "hours": 24.0, "cents": 10.0, "holds_engine": False, "received": received}
        ],
    }
    return made


@pytest.mark.parametrize(
    ("mounted", "holds"),
    [
        ("/", True),
        ("/rented", True),
        ("/rented/tls/", True),
        (KEY, True),
        ("/rented/ssh", False),
        ("/rent", False),
    ],
)
def test_a_container_has_a_key_when_the_file_or_a_folder_above_it_is_mounted(
    checks: Checks, mounted: str, holds: bool
) -> None:
    assert checks(SLUG, "rented")._holds({"Type": "bind", "Source": mounted}, KEY) == holds


def test_a_volume_and_a_temporary_folder_are_no_part_of_the_machine(checks: Checks) -> None:
    holds = checks(SLUG, "rented")._holds
    assert not holds({"Type": "volume", "Source": "/"}, KEY)
    assert not holds({"Type": "tmpfs"}, KEY)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("containers/c1/c1-json.log", ("log", "c1")),
        ("containers/c1/local-logs/container.log", ("log", "c1")),
        ("containers/c1/config.v2.json", ("settings", "c1")),
        ("volumes/keys/_data/key.pem", ("volumes", "keys")),
        ("overlay2/abc/diff/app/key.pem", ("layer", "parcel-mine:1.0")),
        ("overlay2/unknown/diff/app/key.pem", ("buildkit", "")),
        ("/etc/docker/my key.pem", ("", "'/etc/docker/my key.pem'")),
    ],
)
def test_a_file_with_a_key_is_told_by_what_it_belongs_to(
    checks: Checks, path: str, place: tuple[str, str]
) -> None:
    assert rented(checks)._place(path) == place
    assert place[0] in checks(SLUG, "rented").PLACES


@pytest.mark.parametrize("pattern", ["key-1", "a{}b", "it's $HOME `x`"])
def test_a_file_with_a_key_is_found_whatever_signs_the_key_has(
    checks: Checks, tmp_path: Path, pattern: str
) -> None:
    (tmp_path / "mine.pem").write_text(f"begin\n{pattern}\n", encoding="utf-8")
    (tmp_path / "other").write_text("nothing\n", encoding="utf-8")
    quoted = f"-e unlikely -e {shlex.quote(pattern)}"
    command = checks(SLUG, "rented")._newer(shlex.quote(str(tmp_path)), "2020-01-01", quoted)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == f"{tmp_path}/mine.pem\n"


def test_keys_are_looked_for_below_the_engines_folder_and_on_the_machine(
    checks: Checks, tmp_path: Path
) -> None:
    for place in ("docker/volumes/keys/_data", "docker/overlay2/other/merged", "machine"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "key.pem").write_text("-\na-line-of-a-key\n-\n", encoding="ascii")

    def run(command: str, *_: float) -> str:
        if "grep" not in command:
            return '[{"Data": "b25lIGxpbmUK"}]' if "config" in command else ""
        here = command.replace("/var/lib/docker &&", f"{tmp_path}/docker &&").replace(
            "find / ", f"find {tmp_path}/machine "
        )
        # Neither this machine's own memory nor its engine.
        here = "docker() { :; }; " + here.replace("for pid in 1 ", "for pid in ")
        return subprocess.run(
            ["sh", "-c", here], capture_output=True, text=True, timeout=20, check=False
        ).stdout

    machine = rented(checks)
    machine.engine.run = run
    machine.lab.node = lambda _: SimpleNamespace(created="2020-01-01")
    machine._keys = lambda: {"mine": needles("a-line-of-a-key"), "another": needles("one line")}
    assert machine.leaks() == [
        ("mine", "volumes", "keys"),
        ("mine", "", f"{tmp_path}/machine/key.pem"),
        ("another", "config", ""),
    ]


def test_a_file_in_memory_belongs_to_the_container_or_to_the_machine(checks: Checks) -> None:
    machine = rented(checks)
    machine.engine.containers = lambda: [container("policy")]
    assert machine._place("/proc/70/root/keys/key.pem") == ("memory", "policy")
    assert machine._place("/proc/1/root/run/my key") == ("", "'/run/my key'")


@pytest.mark.parametrize(
    ("log", "hint"),
    [
        (
            "/etc/default/docker: line 5: tcp://0.0.0.0:2376: No such file or directory",
            "this is the shell's message",
        ),
        ("unknown flag: --tlsverfy", "the engine's own message"),
        (
            "… the following directives are specified both as a flag and in the configuration file: hosts: (from flag: […], …)",
            "out of daemon.json",
        ),
    ],
)
def test_options_that_the_shell_cannot_read_are_told_from_those_that_the_engine_refuses(
    checks: Checks, log: str, hint: str
) -> None:
    tried = f"rented: the engine starts\n{log}\nrented: the engine ended\n"
    with pytest.raises(CheckFailed) as failed:
        rented(checks, tail=tried)._require_options()
    assert failed.value.failure.evidence == log
    assert hint in failed.value.failure.hint


@pytest.mark.parametrize("newer", ["", "newer"])
def test_options_that_the_engine_has_not_read_are_said_before_what_may_be_wrong_with_them(
    checks: Checks, newer: str
) -> None:
    machine = rented(checks, **{"-nt": newer})
    machine.id = "id"
    machine.contexts = [
        checks(SLUG, "rented").Context("mine", "tcp://rented:2376", "ca.pem", ("ca.pem",), "")
    ]
    machine._ask_through = lambda _: "Cannot connect to the Docker daemon"
    machine.open_to_all = lambda: {2376: "https"}
    closed = checks(SLUG, "test_cloud").test_closed_to_others
    for ask, words in ((machine.require_reached, ("TLS", "tcp://rented:2376", "h")), (closed, (machine,))):
        with pytest.raises(CheckFailed) as failed:
            ask(*words)
        assert ("service docker restart" in failed.value.failure.hint) == bool(newer)
        assert ("changed after the engine" in failed.value.failure.evidence) == bool(newer)


@pytest.mark.parametrize(
    ("connections", "count"),
    [
        ("ESTAB 0 0 10.0.0.2:9090 10.0.0.9:41000", 1),
        ("TIME-WAIT 0 0 127.0.0.1:39000 127.0.0.1:9090", 1),
        ("ESTAB 0 0 10.0.0.2:22 10.0.0.9:41000", 0),
        ("TIME-WAIT 0 0 10.0.0.2:9090 10.0.0.7:41000", 0),
        ("TIME-WAIT 0 0 [::ffff:10.0.0.2]:9090 [::ffff:10.0.0.7]:41000", 0),
        ("ESTAB 0 0 10.0.0.2:9090 10.0.0.77:41000", 1),
        ("ESTAB 0 0 10.0.0.2:8080 10.0.0.9:41000", 0),
        ("", 0),
    ],
)
def test_on_the_machines_network_connections_are_those_to_ports_on_which_the_container_listens(
    checks: Checks, connections: str, count: int
) -> None:
    machine = rented(checks, top="    PID\n     70\n     71\n", Hltnp=LISTENS, connected=connections)
    assert machine.connected(container()) == count


@pytest.mark.parametrize(
    ("network", "connected", "accepted", "received"),
    [("host", 1, 0, 0), ("bridge", 0, 500, 900_000), ("container:front", 0, 500, 0)],
)
def test_a_container_that_is_asked_is_used(
    checks: Checks, network: str, connected: int, accepted: int, received: int
) -> None:
    found = container(network=network)
    replay(
        checks, found, connected=connected, accepted=accepted, received=received
    ).require_nothing_forgotten()


@pytest.mark.parametrize("status", ["running", "paused"])
@pytest.mark.parametrize("network", ["host", "bridge", "container:front"])
def test_a_container_that_nobody_asks_is_forgotten(checks: Checks, network: str, status: str) -> None:
    found = container(network=network, status=status)
    with pytest.raises(CheckFailed, match="`practice` still runs"):
        replay(checks, found, received=1_000).require_nothing_forgotten()


def test_a_container_that_was_started_after_the_replay_can_be_forgotten_too(checks: Checks) -> None:
    made = replay(checks, container(ran=60))
    made.bill["items"] = []
    with pytest.raises(CheckFailed, match="It was started after the replay"):
        made.require_nothing_forgotten()


@pytest.mark.parametrize(
    "found",
    [container(ran=20), container(ran=5), container(mounts=({"Source": "/var/run/docker.sock"},))],
    ids=["asked-since-it-is-there", "just-started", "works-without-being-asked"],
)
def test_a_container_is_asked_for_its_own_time_alone(checks: Checks, found: Any) -> None:
    # Its name ran for 24 hours; this container of the name did not.
    accepted = 0 if found.mounts else 6
    replay(checks, found, accepted=accepted, received=900_000).require_nothing_forgotten()


def test_a_container_that_served_in_the_replay_and_was_started_again_since_is_not_forgotten(
    checks: Checks,
) -> None:
    made = replay(checks, container(ran=13), received=900_000)
    made.require_nothing_forgotten()
    made.bill["items"][0]["received"] = 1_000
    with pytest.raises(CheckFailed, match="nobody sent it requests"):
        made.require_nothing_forgotten()


@pytest.mark.parametrize(("there", "told"), [((), True), (("parcel",), False)])
def test_a_container_on_the_learners_own_machine_is_told_when_nothing_runs_on_the_rented_one(
    checks: Checks, there: tuple[str, ...], told: bool
) -> None:
    made = replay(checks, container())
    made.rented.engine.containers = lambda: [container(name) for name in there]
    made.lab = SimpleNamespace(containers=lambda: [container("mine", status="exited"), container("cloudy")])
    assert ("`cloudy` runs on your own" in str(made._elsewhere())) == told


def test_a_container_that_has_ended_costs_no_more(checks: Checks) -> None:
    replay(checks, container(status="exited")).require_nothing_forgotten()


@pytest.mark.parametrize(
    ("night", "peak", "told"),
    [
        (0.35, 0.45, "It came down, and not far enough"),
        (0.45, 0.45, "It was the same by night as at the peak"),
    ],
)
def test_what_is_reserved_at_night_is_compared_with_the_peak(
    checks: Checks, night: float, peak: float, told: str
) -> None:
    made = replay(checks, container())
    made.bill["reserved"] = [night] * 12 + [peak] * 8 + [night] * 4
    with pytest.raises(CheckFailed, match=told):
        made.require_released()


def test_what_grows_and_stays_is_told_from_what_was_always_so(checks: Checks) -> None:
    made = replay(checks, container())
    made.bill["reserved"] = [0.15] * 12 + [0.45] * 12
    with pytest.raises(CheckFailed, match="It grew with the load"):
        made.require_released()


def unserved(
    checks: Checks, failure: Failure, good: int, *, used: float, waited: float, ran: str = "0 runs parcel-1"
) -> Any:
    """Return a day in which ten requests failed, and then some were answered.

    Args:
        checks: loads the lab's checks.
        failure: why each of the ten failed, in hour 5.
        good: how many were answered, in hour 10.
        used: processor time used in each hour.
        waited: how long a program waits for processor time, as a multiple of its work.
        ran: when which container began to run, or ended, one a line.
    """
    made = replay(checks, container())
    made.bill |= {"begin": 0.0, "reserved": [1.0] * 24, "used": [used] * 24, "waited": [waited] * 24}
    status = 503 if failure is Failure.STATUS else 0
    bad = [SimpleNamespace(failure=failure, good=False, status=status, at=5.0, end=5.1)] * 10
    answered = [SimpleNamespace(failure=None, good=True, status=200, at=10.0, end=10.1)] * good
    made.seen = SimpleNamespace(failures=bad, requests=[*bad, *answered])
    made.rented.engine.containers = list
    changes = [line.split() for line in ran.splitlines()]
    lines = [
        json.dumps({"at": float(at), "kind": kind, "id": name, "name": name}) for at, kind, name in changes
    ]
    made._get = lambda _: SimpleNamespace(text="\n".join([*lines, '{"at": 99.0, "ki']))
    return made


def test_on_a_machine_that_is_too_busy_nobody_can_say_why_requests_failed(checks: Checks) -> None:
    made = unserved(checks, Failure.TIMED_OUT, 90, used=0.1, waited=9.0)
    with pytest.raises(CouldNotRun, match="too busy"):
        made._why_unserved(5, "Monday at 05:00")


@pytest.mark.parametrize(("waited", "excused"), [(9.0, True), (0.1, False)])
def test_a_machine_that_stood_still_in_the_worst_hour_alone_is_an_excuse(
    checks: Checks, waited: float, *, excused: bool
) -> None:
    made = unserved(checks, Failure.TIMED_OUT, 90, used=0.9, waited=0.1)
    made.bill["used"][5:7], made.bill["waited"][5:7] = [0.0, 0.5], [waited, waited]
    if excused:
        with pytest.raises(CouldNotRun, match="too busy"):
            made._why_unserved(5, "Monday at 05:00")
    else:
        assert "too little processor time" in made._why_unserved(5, "Monday at 05:00")[0]


@pytest.mark.parametrize(("good", "excused"), [(500, True), (700, False)])
def test_a_busy_machine_is_no_excuse_for_less_than_the_requests_need(
    checks: Checks, good: int, *, excused: bool
) -> None:
    made = unserved(checks, Failure.TIMED_OUT, good, used=0.1, waited=9.0)
    for each in made.seen.requests:
        each.at = 5.0
    if excused:
        with pytest.raises(CouldNotRun, match="too busy"):
            made._why_unserved(5, "Monday at 05:00")
    else:
        assert "too little processor time" in made._why_unserved(5, "Monday at 05:00")[0]


@pytest.mark.parametrize(
    ("events", "paused"),
    [
        ("4200000000 pause parcel-1\n", True),
        # Of those that the engine names up to the end of the hour, 5 to 6, an end in it counts as too late.
        ("4200000000 pause parcel-1\n5800000000 unpause parcel-1\n", True),
        ("4200000000 pause parcel-1\n4800000000 unpause parcel-1\n", False),
        ("3200000000 pause parcel-1\n4800000000 destroy parcel-1\n", False),
        ("", False),
    ],
)
def test_a_busy_machine_is_no_excuse_for_a_copy_that_was_paused(
    checks: Checks, events: str, *, paused: bool
) -> None:
    made = unserved(checks, Failure.TIMED_OUT, 90, used=0.1, waited=9.0)
    made.rented.engine.run = lambda command: events if "docker events" in command else ""
    if paused:
        assert "`parcel-1` was paused" in made._why_unserved(5, "Monday at 05:00")[0]
    else:
        with pytest.raises(CouldNotRun, match="too busy"):
            made._why_unserved(5, "Monday at 05:00")


@pytest.mark.parametrize(
    ("ran", "excused"),
    [
        ("0 runs front\n1 runs copy\n4 ended copy\n8 runs copy", False),
        ("0 runs front\n8 runs another", False),
        ("1 runs copy\n4 ended copy\n8 runs copy", False),
        ("0 runs front\n1 runs copy", True),
        ("1 runs copy", True),
        ("1 runs copy\n2 runs another\n8 ended another", True),
    ],
)
def test_a_busy_machine_is_no_excuse_for_hours_in_which_no_copy_ran(
    checks: Checks, ran: str, *, excused: bool
) -> None:
    made = unserved(checks, Failure.STATUS, 90, used=0.1, waited=9.0, ran=ran)
    if excused:
        with pytest.raises(CouldNotRun, match="too busy"):
            made._why_unserved(5, "Monday at 05:00")
    else:
        assert "no copy was there that could answer" in made._why_unserved(5, "Monday at 05:00")[0]


def away(checks: Checks, *gaps: tuple[float, float], paused: bool) -> Any:
    made = replay(checks, container())
    made.bill |= {"begin": 100.0, "end": 124.0}
    made.lab = SimpleNamespace(
        node=lambda _: SimpleNamespace(id="t1", name="drydock-17-traffic-1"),
        engine=SimpleNamespace(events=lambda **_: iter([{"Action": "pause"}] if paused else [])),
    )
    made._require_users_there(
        SimpleNamespace(gaps=[SimpleNamespace(begin=begin, end=end) for begin, end in gaps])
    )


def test_users_who_were_away_for_a_part_of_the_week_prove_nothing(checks: Checks) -> None:
    with pytest.raises(
        CheckFailed, match=r"the users sent nothing for 3\.0 of 4 hours: `drydock-17-traffic-1`"
    ):
        away(checks, (115.0, 118.0), paused=True)
    with pytest.raises(CouldNotRun, match=r"From Monday at 15:00, .* too busy, or asleep"):
        away(checks, (115.0, 118.0), paused=False)
    away(checks, (90.0, 101.0), (110.0, 111.0), (112.0, 112.9), (120.0, 121.5), paused=True)


@pytest.mark.parametrize("service", ["meter", "traffic"])
def test_the_meter_and_the_users_are_as_they_came(checks: Checks, service: str) -> None:
    made = replay(checks, container())
    changed = {service: ["C /app/prices.toml"]}
    made.lab = SimpleNamespace(
        node=lambda name: SimpleNamespace(name=name), changed_files=lambda each: changed.get(each.name, [])
    )
    with pytest.raises(CheckFailed, match="files were changed") as failed:
        made._require_as_given()
    assert failed.value.failure.seen == "C /app/prices.toml"
    changed.clear()
    made._require_as_given()


def test_a_service_that_never_gave_a_good_answer_is_wrong_on_a_busy_machine_too(checks: Checks) -> None:
    made = unserved(checks, Failure.REFUSED, 0, used=0.0, waited=9.0)
    assert "Not one got a good answer" in made._why_unserved(5, "Monday at 05:00")[0]


@pytest.mark.parametrize(
    ("ended", "named"), [("2026-01-01T00:00:05Z", False), ("2026-01-01T00:02:00Z", True)]
)
def test_what_ended_before_the_week_is_not_why_its_requests_failed(
    checks: Checks, ended: str, *, named: bool
) -> None:
    made = unserved(checks, Failure.REFUSED, 90, used=0.5, waited=0.1)
    made.bill["begin"] = datetime.fromisoformat("2026-01-01T00:01:00+00:00").timestamp()
    left = container("left", status="exited")
    left.created, left.exit_code, left.restarts, left.oom_killed = "2026-01-01T00:00:00Z", 1, 0, False
    left.attrs["State"] = {"Error": "", "FinishedAt": ended}
    made.rented.engine.containers = lambda: [left]
    assert ("`left` ended by itself" in made._broken()) == named


@pytest.mark.parametrize(
    ("printed", "written", "told"),
    [
        ("parcel\npolicy.sh: 3: [: Illegal number: 12.34\n" * 2, 60.0, "12.34` and complains in 2 lines"),
        ("policy.sh: 3: [[: not found\nparcel\n", 60.0, "`policy.sh: 3: [[: not found`: what"),
        ("policy.sh: 3: [[: not found\n", -60.0, ""),
        ("parcel\n1f0c3e\n", 60.0, ""),
    ],
)
def test_what_a_policy_complained_of_in_the_week_is_said_before_any_guess(
    checks: Checks, tmp_path: Path, printed: str, written: float, told: str
) -> None:
    made = unserved(checks, Failure.TIMED_OUT, 90, used=0.9, waited=0.1)
    made.bill |= {"begin": NOW, "reserved": [1.0] * 24}
    made.lab.work = tmp_path
    assert made._first() == ""
    (tmp_path / "policy.log").write_text(printed, encoding="utf-8")
    os.utime(tmp_path / "policy.log", (NOW + written, NOW + written))
    assert told in made._first()
    assert bool(made._first()) == bool(told)
    with pytest.raises(CheckFailed) as failed:
        made.require_released()
    assert failed.value.failure.hint.startswith(made._first() or "What is reserved")


@pytest.mark.parametrize(("written", "told"), [(60, True), (-60, False)])
def test_a_policy_that_was_changed_after_the_replay_is_said_before_any_guess(
    checks: Checks, tmp_path: Path, written: float, *, told: bool
) -> None:
    made = replay(checks, container())
    made.lab.work = tmp_path
    made.bill |= {"begin": NOW - 39, "end": NOW - 15, "reserved": [1.0] * 24}
    for name in ("policy.sh", "policy.log"):
        (tmp_path / name).write_text("no such file: not found\n", encoding="utf-8")
        os.utime(tmp_path / name, (NOW - 15 + written, NOW - 15 + written))
    with pytest.raises(CheckFailed) as failed:
        made.require_released()
    assert ("`policy.sh` was changed after the replay" in failed.value.failure.hint) == told


@pytest.mark.parametrize(("seconds", "restarted"), [(3600, True), (5, False)])
def test_containers_that_ended_long_after_the_week_are_no_fault_of_the_policy(
    checks: Checks, seconds: float, restarted: bool
) -> None:
    made = replay(checks, container(status="exited"))
    ended = datetime.fromtimestamp(NOW - 15 + seconds, UTC).isoformat()
    made.rented.engine.containers()[0].attrs["State"]["FinishedAt"] = ended
    made.bill["used"] = [1.0]
    made.seen = SimpleNamespace(failures=[], requests=[SimpleNamespace(good=True)])
    made.prober = SimpleNamespace(
        get=lambda *_, **__: SimpleNamespace(fields={}, summary="connection refused")
    )
    with pytest.raises(CheckFailed) as failed:
        made.require_served()
    assert ("need not be replayed" in failed.value.failure.hint) == restarted
    assert ("practice" in failed.value.failure.evidence) == restarted


def test_an_alias_of_ssh_keeps_its_capitals(checks: Checks) -> None:
    alias = checks("17-cloud", "rented")._alias
    asked = ("ssh://MyCloud", "ssh://root@Rented:22", "ssh://[::1]:22")
    assert [alias(each) for each in asked] == ["MyCloud", "Rented", "::1"]


@pytest.mark.parametrize(
    ("failure", "used", "told"),
    [
        (Failure.TIMED_OUT, 0.1, "The copies had processor time left"),
        (Failure.TIMED_OUT, 0.9, "too little processor time for so many requests"),
        (Failure.REFUSED, 0.5, "no copy was there that could answer"),
        (Failure.STATUS, 0.5, "no copy was there that could answer, as the front says"),
    ],
)
def test_why_requests_failed_is_told_by_what_the_users_met_and_what_was_used(
    checks: Checks, failure: Failure, used: float, told: str
) -> None:
    assert told in unserved(checks, failure, 90, used=used, waited=0.1)._why_unserved(5, "Monday")[0]
