"""What the doctor says of labs, ports, the clock, the registry, and what was left over."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import socket
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from checker.bootstrap.owner import OtherOwner
from checker.course.places import Places
from checker.doctor import course, leftovers, registry
from checker.doctor.finding import Finding, Mark, fine, problem
from checker.engine.clock import skew_of
from checker.errors import EngineError, LabError
from checker.render.findings import finding_lines
from checker.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.doctor.machine import Machine

    Make = Callable[..., Machine]

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def test_a_lab_that_cannot_be_read_is_named(machine: Make) -> None:
    (seen,) = course.files(machine(faults=(LabError("labs/03/lab.toml: field `minutes`: …"),)))
    assert seen.mark is Mark.PROBLEM
    assert "minutes" in seen.found


def test_folders_that_sudo_left_behind_are_told(
    machine: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (seen,) = course.folders(machine())
    assert seen.mark is Mark.FINE
    theirs = OtherOwner(tmp_path / ".lab", "root", in_our_folder=True)
    monkeypatch.setattr(course, "other_owner", lambda _: theirs)
    monkeypatch.setattr(
        course, "why_not_written", lambda *_: ("it belongs to root", "sudo chown -R ada .lab")
    )
    assert course.folders(machine()) == (problem("it belongs to root", "sudo chown -R ada .lab"),)


def a_file(path: Path) -> None:
    path.touch()


def a_link_to_nowhere(path: Path) -> None:
    path.symlink_to("gone")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("occupy", [a_file, a_link_to_nowhere, a_link_to_itself])
@pytest.mark.parametrize(("name", "setting"), [(".lab", "DRYDOCK_STATE"), ("work", "DRYDOCK_WORK")])
def test_what_stands_in_the_place_of_a_folder_is_told(
    machine: Make, tmp_path: Path, name: str, setting: str, occupy: Callable[[Path], None]
) -> None:
    occupy(tmp_path / name)
    (seen,) = course.folders(machine())
    assert seen.found == f"{tmp_path / name} cannot be used: it is not a folder"
    assert seen.remedy == f"Move it away, or set {setting} to another folder."


def test_a_record_that_no_command_can_use_is_told_and_left_as_it_is(machine: Make, tmp_path: Path) -> None:
    record = tmp_path / ".lab" / "progress.sqlite3"
    record.mkdir(parents=True)
    (seen,) = course.folders(machine())
    assert f"cannot be kept in {record}: it is not an ordinary file" in seen.found
    record.rmdir()
    with contextlib.closing(sqlite3.connect(record)) as newer:
        newer.execute("PRAGMA user_version = 99")
    before = record.read_bytes()
    assert "written by a newer version" in course.folders(machine())[0].found
    assert record.read_bytes() == before
    record.write_text("no database")
    assert course.folders(machine())[0].mark is Mark.FINE, "the next command sets it aside"


def test_a_path_with_a_colon_is_told(machine: Make, tmp_path: Path) -> None:
    (seen,) = course.folders(machine(places=Places(tmp_path, tmp_path / "a:b")))
    assert seen.mark is Mark.PROBLEM
    assert "colon" in seen.found


def test_certificates_that_are_gone_are_told(machine: Make) -> None:
    found = machine(files={"/ca.pem": "x"})
    for named, mark in (("/ca.pem", Mark.FINE), ("/gone.pem", Mark.NOTE), ("", Mark.FINE)):
        here = replace(found, platform=replace(found.platform, environ={"SSL_CERT_FILE": named}))
        (seen,) = course.certificates(here)
        assert seen.mark is mark


def test_a_port_held_by_another_program_names_its_lab(machine: Make) -> None:
    with socket.socket() as holder:
        holder.bind(("0.0.0.0", 0))  # noqa: S104 - a program that listens everywhere
        holder.listen()
        port = holder.getsockname()[1]
        (seen,) = course.ports(machine(labs=({}, {"ports": (port,)})))
        (alone,) = course.ports(machine(labs=({"ports": (port,)},), engine=None))
    assert seen.mark is alone.mark is Mark.PROBLEM
    assert f"{port} (lab 02) is in use by" in seen.found


def test_a_port_held_by_a_strangers_container_says_which(machine: Make, engine: Any) -> None:
    engine.lists["containers"] = [
        {"Id": "x", "Names": ["/shop"], "Labels": {}, "Ports": [{"PublicPort": 8081}]}
    ]
    (seen,) = course.ports(machine(labs=({"ports": (8081,)},)))
    assert seen.mark is Mark.PROBLEM
    assert "`shop`" in seen.found
    assert "docker stop shop" in seen.remedy


def test_a_port_that_a_lab_holds_itself_is_no_problem(machine: Make, engine: Any) -> None:
    engine.lists["containers"] = [
        {"Id": "x", "Names": ["/parcel"], "Labels": {"io.drydock.lab": "01"}, "Ports": [{"PublicPort": 8081}]}
    ]
    (seen,) = course.ports(machine(labs=({"ports": (8081,)},)))
    assert seen == fine("in use: 8081 by lab 01")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2026-05-01T12:00:00.123456789Z", 0.0),
        ("2026-05-01T13:00:01Z", 3600.0),
        ("2026-05-01T14:00:00+02:00", 0.0),
        ("2026-05-01T11:59:00Z", -60.0),
        ("", 0.0),
    ],
)
def test_the_engines_clock_is_compared_with_ours(said: str, seconds: float) -> None:
    assert skew_of(said, NOON, NOON + dt.timedelta(seconds=1)) == seconds


def test_a_clock_that_is_behind_is_noted(machine: Make) -> None:
    (seen,) = course.clock(machine(skew=-90.0))
    assert seen.mark is Mark.NOTE
    assert "90 s behind" in seen.found


@pytest.mark.parametrize(
    ("why", "status", "mark", "word"),
    [
        ("toomanyrequests: limit reached", 429, Mark.NOTE, "docker login"),
        ("x509: certificate signed by unknown authority", 500, Mark.NOTE, "certificate"),
        ("dial tcp: no such host", 500, Mark.NOTE, "built here"),
        ("page not found", 404, Mark.UNKNOWN, ""),
    ],
)
def test_a_registry_out_of_reach_is_only_a_note(
    machine: Make, engine: Any, why: str, status: int, mark: Mark, word: str
) -> None:
    engine.refuse("/distribution/", why, status)
    (seen,) = registry.reach(machine())
    assert seen.mark is mark
    assert word in seen.remedy


def test_what_a_lab_left_behind_is_counted_with_the_verb_that_removes_it(machine: Make, engine: Any) -> None:
    engine.lists["containers"] = [{"Id": "a", "Names": ["/parcel"], "Labels": {"io.drydock.lab": "01"}}]
    engine.lists["volumes"] = [{"Name": "v", "Labels": {"io.drydock.lab": "01"}}]
    engine.lists["networks"] = [{"Id": "n", "Name": "old", "Labels": {"io.drydock.lab": "77"}}]
    (seen,) = leftovers.labs(machine(labs=({},)))
    assert seen.mark is Mark.NOTE
    assert seen.found == "2 of lab 01, which is not started; 1 of lab 77, which is not started"
    assert "lab stop 1" in seen.remedy
    assert "io.drydock.lab=77" in seen.remedy


def test_a_started_lab_is_not_left_over(machine: Make, engine: Any) -> None:
    labels = {
        "io.drydock.lab": "01",
        "com.docker.compose.project": "drydock-01",
        "com.docker.compose.service": "toolbox",
    }
    engine.lists["containers"] = [{"Id": "a", "Names": ["/t"], "State": "running", "Labels": labels}]
    (seen,) = leftovers.labs(machine(labs=({},)))
    assert seen.mark is Mark.FINE
    assert "01" in seen.found


def test_a_lab_of_another_checkout_is_told_with_its_holder(
    machine: Make, engine: Any, tmp_path: Path
) -> None:
    labels = {
        "io.drydock.lab": "01",
        "io.drydock.holder": f"bob@desk:{tmp_path}/other/.lab",
        "com.docker.compose.project": "drydock-01",
        "com.docker.compose.service": "toolbox",
    }
    engine.lists["containers"] = [{"Id": "a", "Names": ["/t"], "State": "running", "Labels": labels}]
    (seen,) = leftovers.labs(machine(labs=({},)))
    assert seen.mark is Mark.NOTE
    assert seen.found == f"lab 01 was started by bob@desk, from {tmp_path}/other"


def test_what_stands_under_the_names_of_a_lab_is_told_with_the_way_out(machine: Make, engine: Any) -> None:
    engine.lists["containers"] = [
        {"Id": "a", "Names": ["/drydock-01-toolbox-1"], "Labels": {}},
        {"Id": "b", "Names": ["/drydock-01-prober-1"], "Labels": {"io.drydock.lab": "01"}},
        {"Id": "c", "Names": ["/drydock-010"], "Labels": {}},
    ]
    engine.lists["networks"] = [
        {"Id": "d", "Name": "drydock-01_lab", "Labels": None},
        {"Id": "e", "Name": "drydock-01_own", "Labels": {"com.docker.compose.project": "drydock-01"}},
    ]
    (seen,) = leftovers.names(machine(labs=({},)))
    assert seen.mark is Mark.PROBLEM
    assert seen.labs == "01"
    assert seen.found == (
        "no lab made the container drydock-01-toolbox-1, the network drydock-01_lab, and a lab needs the name"
    )
    assert seen.remedy == (
        "Rename or remove it: docker rename drydock-01-toolbox-1 mine-drydock-01-toolbox-1;"
        " docker network rm drydock-01_lab"
    )


def test_names_that_nobody_else_uses_are_fine(machine: Make, engine: Any) -> None:
    engine.lists["containers"] = [{"Id": "a", "Names": ["/parcel"], "Labels": {}}]
    (seen,) = leftovers.names(machine(labs=({},)))
    assert seen.mark is Mark.FINE


def test_a_container_of_a_killed_doctor_is_told(machine: Make, engine: Any) -> None:
    engine.lists["containers"] = [
        {"Id": "abcdef0123456789", "Created": 0, "Labels": {"io.drydock.role": "doctor"}}
    ]
    (seen,) = leftovers.labs(machine())
    assert "docker rm --force --volumes abcdef012345" in seen.remedy


def test_images_that_lost_their_name_are_told_with_their_size(machine: Make) -> None:
    old = {"RepoTags": ["<none>:<none>"], "Labels": {"io.drydock.image": "parcel"}, "Size": 100_000_000}
    (seen,) = leftovers.images(machine(images=(old,)))
    assert seen.mark is Mark.NOTE
    assert "100 MB" in seen.found


FINDINGS = [
    Finding(id="a", group="engine", title="engine", mark=Mark.FINE, found="there"),
    Finding(
        id="b", group="machine", title="memory", mark=Mark.PROBLEM, found="0.5 GB", remedy="Give it more."
    ),
    Finding(id="c", group="machine", title="clock", mark=Mark.UNKNOWN, found="not told\033[2J"),
]


def test_findings_are_shown_a_line_each_with_what_to_do() -> None:
    plain = Style(colour=False, width=100, unicode=False, terminal=False)
    lines = finding_lines(FINDINGS, plain)
    assert "  ok engine  there" in lines
    assert any("-> Give it more." in line for line in lines)
    assert lines[-1].startswith("Labs may not run here. Problems: memory.")
    assert "\033" not in "".join(lines)


def test_a_problem_of_some_labs_leaves_the_others_their_promise() -> None:
    plain = Style(colour=False, width=100, unicode=False, terminal=False)
    one = Finding(id="b", group="m", title="engine version", mark=Mark.PROBLEM, found="", labs="02")
    two = Finding(id="c", group="m", title="cgroups", mark=Mark.PROBLEM, found="", labs="02, 03")
    assert finding_lines([one], plain)[-1] == (
        "This machine can run the course, except lab 02. Problems: engine version."
    )
    assert "except labs 02, 03. Problems: engine version, cgroups." in finding_lines([one, two], plain)[-1]
    assert finding_lines([one, *FINDINGS], plain)[-1].startswith("Labs may not run here.")


def test_findings_fit_a_narrow_terminal() -> None:
    narrow = Style(colour=False, width=40, unicode=True, terminal=True)
    long = Finding(id="d", group="g", title="disk", mark=Mark.NOTE, found="word " * 30, remedy="do " * 30)
    assert max(map(len, finding_lines([long], narrow)[:-1])) <= 40


def test_an_engine_lost_while_probing_is_a_problem_of_that_probe(machine: Make, engine: Any) -> None:
    from checker.doctor.run import ask

    engine.refusals["/distribution/"] = EngineError("it stopped answering")
    engine.list_all = lambda *_a, **_k: (_ for _ in ()).throw(EngineError("it stopped", remedy="Start it."))
    (finding,) = ask(machine(labs=({},)), leftovers.PROBES[:1])
    assert finding.mark is Mark.PROBLEM
    assert finding.remedy == "Start it."


def test_findings_are_json() -> None:
    import msgspec

    first = json.loads(msgspec.json.encode(FINDINGS))[0]
    assert first == {
        "id": "a",
        "group": "engine",
        "title": "engine",
        "mark": "fine",
        "found": "there",
        "remedy": "",
        "labs": "",
        "amounts": {},
    }
