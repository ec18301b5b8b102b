"""Checks against real containers: fixtures, what they leave behind, and shells kept between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.api import Engine
from checker.engine.shell import Shell
from checker.errors import LabError
from checker.grading import edits
from checker.grading.author import wait_until
from checker.grading.container import Shells
from checker.grading.run import grade
from checker.results import Report, Status
from tests.integration.conftest import COMPOSE, PROBER

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.course.catalogue import Lab
    from checker.scene.scene import Scene
    from tests.conftest import Course

HEAD = """
import time
from checker.grading.author import could_not_run, fail, needs, require, timeout, wait_until
TOOLS = "drydock/toolbox:1.0"
PARCEL = "drydock/parcel:1.0"
"""


@pytest.fixture
def judge(course: Course, engine: Engine) -> Callable[..., Report]:
    """Give a function that grades the fake lab with the checks it is given, and leaves nothing behind."""

    def run(checks: str, *ids: str, shells: Shells | None = None) -> Report:
        files = {"compose.yaml": COMPOSE + PROBER}
        lab = course.lab(HEAD + checks, ids=ids, toml='containers = ["mine"]\n', files=files)
        report = grade(lab, engine, course.root / "work", shells=shells)
        label = {"io.drydock.lab": lab.number, "io.drydock.role": "checker"}
        assert engine.list_all("containers", labels=label) == []
        return report

    return run


def reasons(report: Report) -> list[str]:
    return [
        f"{check.id}: {check.reason or (check.failure and check.failure.rationale)}"
        for check in report.checks
        if check.status is not Status.PASSED
    ]


def test_a_check_may_run_a_container_of_its_own_and_look_at_it_from_all_sides(
    judge: Callable[..., Report],
) -> None:
    report = judge(
        '''
def test_a(lab, engine):
    """A"""
    box = lab.run(TOOLS, command=["sleep", "1000"], env={"A": "b c"}, network="none", user="65534",
                  ReadonlyRootfs=True)
    require(box.running and box.status == "running", box.status, hint="h")
    require(box.env["A"] == "b c", str(box.env), hint="h")
    require(list(box.networks) == ["none"], str(box.networks), hint="h")
    require(box.exec("id -u").stdout == "65534\\n", "user", hint="h")
    require(box.exec("touch /x").rc != 0, "read-only", hint="h")
    require(box.exec("id -u", user="0").stdout == "0\\n", "root", hint="h")
    require(box.host().file("/etc/passwd").exists, "testinfra", hint="h")
    require(box.host().process.filter(comm="sleep"), "process", hint="h")
    require(box.labels["io.drydock.role"] == "checker", "role", hint="h")
    require(box.stats()["memory_stats"], "stats", hint="h")
    require(box not in lab.containers(), "the checker's own is not the learner's", hint="h")
    box.kill()
    require(wait_until(lambda: not box.reload().running, 10), "killed", hint="h")
    require(box.exit_code == 137 and not box.oom_killed, str(box.exit_code), hint="h")
    box.start()
    require(box.reload().running, "started", hint="h")
    box.stop(1)
    require(not box.reload().running, "stopped", hint="h")
''',
        "a",
    )
    assert report.passed, reasons(report)


def test_what_answers_on_a_published_port_is_reached_from_outside(
    judge: Callable[..., Report], run: Callable[..., str], engine: Engine
) -> None:
    bind = {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "0"}]}
    made = run(
        "drydock/parcel:1.0", "python3", "/app/parcel.py", HostConfig={"PortBindings": bind, "Init": False}
    )
    port = engine.inspect(made)["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"]
    report = judge(
        f'''
def test_a(lab, outside):
    """A"""
    reply = outside.get("http://127.0.0.1:{port}/", patience=10)
    require(reply.ok and reply.json()["service"] == "parcel", reply.summary, hint="h")
    mine = [each for each in lab.containers() if each.id == "{made}"]
    require(mine and mine[0].ports == {{8080: [("127.0.0.1", {port})]}}, str(mine), hint="h")
    require("parcel" in mine[0].logs() or mine[0].logs(), "logs", hint="h")
''',
        "a",
    )
    assert report.passed, reasons(report)


def test_processes_that_a_check_leaves_behind_end_with_the_run(
    judge: Callable[..., Report], run: Callable[..., str], engine: Engine
) -> None:
    made = run()
    report = judge(
        f'''
@timeout(0.6)
def test_a(lab):
    """A"""
    box = [each for each in lab.containers() if each.id == "{made}"][0]
    box.exec("setsid sleep 1000 >/dev/null 2>&1 &")
    box.exec("sleep 2000", timeout=60)
''',
        "a",
    )
    assert [check.status for check in report.checks] == [Status.COULD_NOT_RUN]
    assert wait_until(
        lambda: (
            "sleep 1000"
            not in str(engine.get(f"/containers/{made}/top", ps_args="-eo pid,args")["Processes"])
        ),
        10,
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("box.exec('sleep 1000', timeout=0.3)", "took longer than 0.3 s and was ended"),
        ("box.exec('yes')", "wrote more than 16 MiB"),
        ("box.kill(); box.exec('true')", "stopped"),
        ("box.remove(); box.exec('true')", "No such container"),
        ("lab.run('drydock/no-such-image:1.0')", "No such image"),
        ("lab.run(TOOLS, network='drydock-nowhere')", "drydock-nowhere not found"),
        ("lab.node('prober')", "The scene's prober is missing"),
    ],
)
def test_what_goes_wrong_around_a_check_is_not_the_learners_fault(
    judge: Callable[..., Report], body: str, said: str
) -> None:
    report = judge(
        f'''
def test_a(lab):
    """A"""
    box = lab.run(TOOLS, command=["sleep", "1000"])
    {body}
''',
        "a",
    )
    assert [check.status for check in report.checks] == [Status.COULD_NOT_RUN]
    assert said in report.checks[0].reason


def test_the_prober_asks_from_inside_the_labs_network(
    judge: Callable[..., Report], scene: Scene, run: Callable[..., str]
) -> None:
    scene.start(lambda _: None)
    run(
        "drydock/parcel:1.0",
        "python3",
        "/app/parcel.py",
        name=f"drydock-test-{scene.lab.number}-parcel",
        HostConfig={"NetworkMode": f"drydock-{scene.lab.number}_lab", "Init": False},
    )
    report = judge(
        f'''
def test_a(prober):
    """A"""
    url = "http://drydock-test-{scene.lab.number}-parcel:8080"
    reply = prober.get(url + "/", patience=10)
    require(reply.json().get("service") == "parcel", reply.summary, hint="h")
    require(prober.put(url + "/note", b"it's \\xc3\\xa9 @x").status < 300, "put", hint="h")
    require("it's \\u00e9 @x" in prober.get(url + "/note").text, prober.get(url + "/note").text, hint="h")
    require(prober.get(url + "/nowhere").status == 404, "404", hint="h")
    require("resolve" in prober.get("http://nobody.invalid/").error, "dns", hint="h")
    slow = prober.get(url + "/hang", timeout=0.5)
    require(slow.error, "time-out", hint="h")
''',
        "a",
    )
    assert report.passed, reasons(report)


def test_shells_are_kept_between_two_runs_for_who_asks_for_it(
    judge: Callable[..., Report], run: Callable[..., str], engine: Engine
) -> None:
    made = run()
    checks = f'''
def test_a(lab):
    """A"""
    box = [each for each in lab.containers() if each.id == "{made}"][0]
    require(False, box.exec("echo $PPID").stdout, hint="h")
'''
    shells = Shells(engine)
    try:
        said = {reasons(judge(checks, "a", shells=shells))[0] for _ in range(3)}
        assert len(said) == 1
    finally:
        shells.close()
    assert reasons(judge(checks, "a"))[0] not in said


def test_the_learners_containers_come_oldest_first_and_the_scenes_are_left_out(
    judge: Callable[..., Report], scene: Scene, run: Callable[..., str]
) -> None:
    scene.start(lambda _: None)
    names = [f"drydock-test-{scene.lab.number}-{number}" for number in range(3)]
    for name in names:
        run(name=name)
    report = judge(
        f'''
def test_a(lab):
    """A"""
    found = [each.name for each in lab.containers()]
    require(found == {names}, str(found), hint="h")
    require(lab.container("{names[0]}"), "by name", hint="h")
    require(lab.container("{names[0][:-1]}") is None, "a part of a name is no name", hint="h")
    require(lab.container(lab.container("{names[0]}").id) is None, "an id is no name", hint="h")
    require(lab.node("toolbox").running, "node", hint="h")
''',
        "a",
    )
    assert report.passed, reasons(report)


def test_the_whole_command_judges_records_and_reports(
    course: Course, scene: Scene, lab: Callable[..., object]
) -> None:
    import json
    import subprocess
    import xml.etree.ElementTree as ET

    number = scene.lab.number
    done = lab("check", number)
    assert isinstance(done, subprocess.CompletedProcess)
    assert done.returncode == 3
    assert "is not started" in done.stderr
    scene.start(lambda _: None)
    text = (
        HEAD + 'def test_it_holds(lab):\n    """It holds"""\n    lab.record("pace", 4.5, "s", "vm")\n'
        '    fail("No \\x1b[2Jway.", hint="Look.")\n'
    )
    course.write("checks/test_fake.py", text)
    junit = course.root / "out" / "report.xml"
    done = lab("check", number, "--junit", str(junit))
    assert isinstance(done, subprocess.CompletedProcess)
    assert done.returncode == 1, done.stderr
    assert "No way." in done.stdout
    assert "\x1b[2J" not in done.stdout
    assert ET.parse(junit).getroot().get("failures") == "1"  # noqa: S314 - our own file
    done = lab("check", number, "--json")
    assert isinstance(done, subprocess.CompletedProcess)
    assert json.loads(done.stdout)["checks"][0]["failure"]["hint"] == "Look."
    done = lab("list", "--json")
    assert isinstance(done, subprocess.CompletedProcess)
    listed = json.loads(done.stdout)[0]
    assert listed["standing"]["attempts"] == 2
    assert [(each["subject"], each["name"], each["value"]) for each in listed["measurements"]] == [
        ("vm", "pace", 4.5)
    ]


def test_a_lab_whose_checks_cannot_be_used_says_so_and_costs_no_attempt(
    course: Course, scene: Scene, engine: Engine
) -> None:
    fake: Lab = scene.lab
    course.write("checks/test_fake.py", "raise RuntimeError('broken at import')\n")
    with pytest.raises(LabError, match="cannot be used"):
        grade(fake, engine, scene.work)


def test_a_containers_files_are_compared_again_once_somebody_touched_it(
    judge: Callable[..., Report], run: Callable[..., str], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run("drydock/parcel:1.0", Entrypoint=None, Cmd=None)
    checks = f'''
def test_a(lab):
    """A"""
    box = [each for each in lab.containers() if each.id == "{made}"][0]
    changed = lab.changed_files(box)
    require(not changed, str(changed), hint="h")
'''
    compared = []
    look = edits.changed

    def count(*args: Any) -> list[str]:
        compared.append(args)
        return look(*args)

    monkeypatch.setattr(edits, "changed", count)
    shells = Shells(engine)
    assert judge(checks, "a", shells=shells).passed
    assert judge(checks, "a", shells=shells).passed
    assert len(compared) == 1

    # A file that is gone takes no space: the size of what was written says nothing of it.
    somebody = Engine(engine.endpoint)
    shell = Shell(somebody, made, "0")
    assert shell.run("rm /etc/debian_version").rc == 0
    shell.close()
    assert "D /etc/debian_version" in reasons(judge(checks, "a", shells=shells))[0]
    shells.close()
