"""A lab's scene on a real engine: started, mended, interrupted, reset, and removed without a trace."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from checker.course.places import Places
from checker.engine.api import NotFoundError
from checker.engine.shell import Shell
from checker.errors import LabError
from checker.grading.author import wait_until
from checker.scene.holder import HeldError
from tests.conftest import TOOLS, Course, made_by_compose, reserved
from tests.integration.conftest import COMPOSE, NAMED, NEVER_READY, spawn

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.scene.scene import Scene


def quiet(_: str) -> None:
    """Say nothing."""


def everything(engine: Engine, number: str) -> set[str]:
    """Name all that the engine has of a lab, by Compose project or label."""
    return {
        f"{kind} {item.get('Name') or item['Id']}"
        for kind in ("containers", "networks", "volumes")
        for found in (
            made_by_compose(engine, f"drydock-{number}", kind),
            engine.list_all(kind, labels={"io.drydock.lab": number}),
        )
        for item in found
    }


def toolbox_id(scene: Scene) -> str:
    return scene.toolbox()


def test_start_and_stop_leave_nothing_and_say_what_was_removed(scene: Scene, engine: Engine) -> None:
    assert everything(engine, scene.lab.number) == set()
    scene.start(quiet)
    assert scene.is_running()
    assert set(scene.services()) == {"toolbox", "prober"}
    assert (scene.work / "notes.txt").read_text() == "given\n"
    removed = scene.stop()
    assert everything(engine, scene.lab.number) == set()
    assert len(removed) == 4
    assert any("volume" in name for name in removed)
    assert scene.stop() == []
    assert (scene.work / "notes.txt").exists()


def test_starting_twice_changes_nothing(scene: Scene) -> None:
    scene.start(quiet)
    before = toolbox_id(scene)
    scene.start(quiet)
    assert toolbox_id(scene) == before


def test_what_the_learner_removed_or_stopped_comes_back_with_the_next_start(
    scene: Scene, engine: Engine
) -> None:
    scene.start(quiet)
    engine.delete(f"/containers/{toolbox_id(scene)}", force=True)
    with pytest.raises(LabError, match="has no toolbox running"):
        scene.toolbox()
    prober = f"drydock-{scene.lab.number}-prober-1"
    engine.post(f"/containers/{prober}/kill")
    assert wait_until(lambda: scene.services()["prober"] == "exited", 10)
    with pytest.raises(LabError, match=r"is not running: prober \(exited\)") as caught:
        scene.require_running()
    assert f"lab start {int(scene.lab.number)}" in caught.value.remedy
    scene.start(quiet)
    assert scene.is_running()
    assert engine.inspect(toolbox_id(scene))["State"]["Running"]


def test_what_the_learner_paused_goes_on_with_the_next_start(scene: Scene, engine: Engine) -> None:
    scene.start(quiet)
    paused = [scene.toolbox(), f"drydock-{scene.lab.number}-prober-1"]
    for each in paused:
        engine.post(f"/containers/{each}/pause")
    scene.start(quiet)
    assert scene.is_running()
    assert [engine.inspect(each)["State"]["Status"] for each in paused] == ["running"] * 2


def test_a_work_folder_that_the_learner_deleted_is_made_anew_and_seen_in_the_toolbox(
    scene: Scene, engine: Engine
) -> None:
    scene.start(quiet)
    shutil.rmtree(scene.work)
    scene.start(quiet)
    assert (scene.work / "notes.txt").read_text() == "given\n"
    (scene.work / "new.txt").write_text("seen\n")
    from checker.engine.shell import Shell

    with Shell(engine, toolbox_id(scene)) as shell:
        assert shell.run("pwd; cat new.txt").stdout == f"{scene.work}\nseen\n"


def test_a_work_folder_that_was_replaced_is_told_and_taken_up(scene: Scene, engine: Engine) -> None:
    scene.start(quiet)
    before = toolbox_id(scene)
    scene.require_work_folder()
    shutil.rmtree(scene.work)
    scene.work.mkdir()
    (scene.work / "mine.txt").write_text("mine\n")
    with pytest.raises(LabError, match="deleted or replaced") as caught:
        scene.require_work_folder()
    assert f"lab start {int(scene.lab.number)}" in caught.value.remedy
    scene.start(quiet)
    assert toolbox_id(scene) != before
    with Shell(engine, scene.toolbox()) as shell:
        assert shell.run("cat mine.txt").stdout == "mine\n"


def test_another_checkout_neither_takes_the_lab_nor_removes_it(
    scene: Scene, engine: Engine, tmp_path: Path
) -> None:
    scene.start(quiet)
    there = everything(engine, scene.lab.number)
    other = tmp_path / "another checkout"
    other.mkdir()
    second = dataclasses.replace(scene, places=Places(scene.places.root, other), work=other / "work")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DRYDOCK_STATE")
        for attempt in (lambda: second.start(quiet), second.stop, lambda: second.reset(quiet)):
            with pytest.raises(HeldError, match="was started by"):
                attempt()
        assert everything(engine, scene.lab.number) == there
        assert second.stop(take=True)
    assert everything(engine, scene.lab.number) == set()


def test_a_proxy_of_the_docker_commands_does_not_reach_the_scene(
    scene: Scene, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies = {"default": {"httpProxy": "http://proxy.invalid:3128"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    scene.start(quiet)
    for item in engine.list_all("containers", labels={"io.drydock.lab": scene.lab.number}):
        assert "proxy" not in str(engine.inspect(item["Id"])["Config"]["Env"]).lower()


def test_a_part_that_never_gets_ready_is_named_with_its_state_and_last_words(
    make_scene: Callable[[Lab], Scene], course: Course, engine: Engine
) -> None:
    lab = course.lab(files={"compose.yaml": COMPOSE + NEVER_READY})
    with pytest.raises(LabError, match="did not become ready") as caught:
        make_scene(lab).start(quiet)
    assert "stuck: running, unhealthy" in caught.value.detail
    assert "the disk is missing" in caught.value.detail
    assert "giving up" in caught.value.detail
    assert everything(engine, lab.number) == set()


def test_a_part_that_dies_is_named_with_its_exit_code(
    make_scene: Callable[[Lab], Scene], course: Course, engine: Engine
) -> None:
    dying = NEVER_READY.replace("sleep 1000", "exit 7").replace("stuck", "dying")
    lab = course.lab(files={"compose.yaml": COMPOSE + dying})
    with pytest.raises(LabError) as caught:
        make_scene(lab).start(quiet)
    assert "dying: exited" in caught.value.detail
    assert "exit code 7" in caught.value.detail
    assert everything(engine, lab.number) == set()


def test_a_compose_file_that_is_wrong_is_told_by_compose(
    make_scene: Callable[[Lab], Scene], course: Course
) -> None:
    lab = course.lab(files={"compose.yaml": "services: [not, a, mapping]\n"})
    with pytest.raises(LabError) as caught:
        make_scene(lab).start(quiet)
    assert "services" in caught.value.detail
    (lab.folder / "compose.yaml").unlink()
    with pytest.raises(LabError, match=r"compose\.yaml is missing"):
        make_scene(lab).start(quiet)


def test_a_failed_start_takes_nothing_of_the_learners(
    make_scene: Callable[[Lab], Scene], course: Course, run: Callable[..., str], engine: Engine
) -> None:
    mine = run()
    lab = course.lab(files={"compose.yaml": COMPOSE + NEVER_READY})
    with pytest.raises(LabError):
        make_scene(lab).start(quiet)
    assert engine.inspect(mine)["State"]["Running"]


def test_a_failed_start_keeps_what_ran_before(scene: Scene, course: Course, engine: Engine) -> None:
    scene.start(quiet)
    before = toolbox_id(scene)
    course.write("compose.yaml", COMPOSE + NEVER_READY)
    with pytest.raises(LabError):
        scene.start(quiet)
    assert toolbox_id(scene) == before
    assert "stuck" not in scene.services()


@pytest.mark.parametrize("moment", ["at once", "when the first container is there"])
def test_an_interrupted_start_leaves_nothing_half_made(course: Course, engine: Engine, moment: str) -> None:
    lab = course.lab(files={"compose.yaml": COMPOSE + NEVER_READY.replace("retries: 1", "retries: 100")})
    process = spawn(course, "start", lab.number)
    assert process.stderr is not None
    for line in process.stderr:
        if "starting the scene" in line:
            break
    if moment != "at once":
        assert wait_until(lambda: engine.list_all("containers", labels={"io.drydock.lab": lab.number}), 60)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert everything(engine, lab.number) == set()
    assert not wait_until(lambda: everything(engine, lab.number), 1.0)
    assert not list(course.places.work.glob(".*partial"))


def test_a_killed_start_is_mended_by_the_next(course: Course, engine: Engine, scene: Scene) -> None:
    process = spawn(course, "start", scene.lab.number)
    assert wait_until(lambda: engine.list_all("containers", labels={"io.drydock.lab": scene.lab.number}), 60)
    process.kill()
    process.communicate(timeout=20)
    scene.start(quiet)
    assert scene.is_running()


def test_reset_sets_the_work_aside_and_says_so_before_anything_else(scene: Scene) -> None:
    scene.start(quiet)
    (scene.work / "notes.txt").write_text("mine\n")
    said: list[str] = []
    aside = scene.reset(said.append)
    assert aside is not None
    assert (aside / "notes.txt").read_text() == "mine\n"
    assert str(aside) in said[0]
    assert (scene.work / "notes.txt").read_text() == "given\n"
    assert scene.is_running()
    assert scene.reset(said.append) is None


def test_goto_brings_the_lab_where_a_step_begins(scene: Scene, course: Course, engine: Engine) -> None:
    course.write("steps/2/answer.toml", "title = 'two'\n")
    course.write("steps/2/files/laid.txt", "laid\n")
    course.write("steps/2/run.sh", 'pwd > where.txt\necho "$DRYDOCK_LAB" >> where.txt\n')
    scene.reset(quiet, 2)
    assert (scene.work / "laid.txt").read_text() == "laid\n"
    assert (scene.work / "where.txt").read_text() == f"{scene.work}\n{scene.lab.number}\n"
    assert (scene.work / "notes.txt").exists()


def test_an_answers_script_that_fails_shows_its_last_lines(scene: Scene, course: Course) -> None:
    course.write("steps/2/answer.toml", "title = 'two'\n")
    course.write("steps/2/run.sh", "echo before\nls /nowhere\necho after\n")
    with pytest.raises(LabError, match=r"run\.sh ended with 2") as caught:
        scene.reset(quiet, 2)
    assert "before" in caught.value.detail
    assert "/nowhere" in caught.value.detail
    assert "after" not in caught.value.detail


def test_a_name_that_is_taken_by_a_strangers_container_is_told_and_the_container_left_alone(
    scene: Scene, engine: Engine, run: Callable[..., str]
) -> None:
    name = NAMED.format(scene.lab.number)
    stranger = engine.post(
        "/containers/create",
        {"Image": "drydock/parcel:1.0", "Labels": {"io.drydock.image": ""}, "Cmd": []},
        name=name,
    )["Id"]
    try:
        engine.post(f"/containers/{stranger}/start")
        said: list[str] = []
        # It carries the course's image and the asked-for name: the learner made it in a shell of their own.
        assert name in scene.learners_containers()
        engine.delete(f"/containers/{stranger}", force=True)
        stranger = run("drydock/toolbox:1.0", name=name, Labels={"io.drydock.lab": "other"})
        scene.start(said.append)
        assert any(f"{name} does not belong to this lab" in line for line in said)
        scene.stop()
        assert engine.inspect(stranger)["State"]["Running"]
    finally:
        engine.delete(f"/containers/{stranger}", force=True)


def test_only_what_is_the_labs_is_removed(scene: Scene, engine: Engine, run: Callable[..., str]) -> None:
    scene.start(quiet)
    number = scene.lab.number
    ours = {"io.drydock.lab": number}
    labelled = run(name=f"drydock-test-{number}-labelled")
    composed = run(Labels={"io.drydock.lab": "", "com.docker.compose.project": f"drydock-{number}-work"})
    other = run(Labels={"io.drydock.lab": "00"}, name=f"drydock-{number}-lookalike-1")
    network = engine.post("/networks/create", {"Name": f"drydock-test-{number}", "Labels": ours})["Id"]
    volume = engine.post("/volumes/create", {"Name": f"drydock-test-{number}", "Labels": ours})["Name"]
    engine.post(f"/networks/drydock-{number}_lab/connect", {"Container": other})
    scene.stop()
    for gone in (labelled, composed):
        with pytest.raises(NotFoundError):
            engine.inspect(gone)
    for path in (f"/networks/{network}", f"/volumes/{volume}"):
        with pytest.raises(NotFoundError):
            engine.get(path)
    # A stranger on the lab's network is unplugged and goes on.
    assert engine.inspect(other)["State"]["Running"]
    assert everything(engine, number) == set()


def test_a_volume_that_somebody_else_uses_stays_and_is_not_said_to_be_removed(
    scene: Scene, engine: Engine, run: Callable[..., str]
) -> None:
    scene.start(quiet)
    volume = f"drydock-{scene.lab.number}_data"
    other = run(Labels={"io.drydock.lab": "00"}, HostConfig={"Binds": [f"{volume}:/theirs"]})
    removed = scene.stop()
    assert not any(volume in name for name in removed)
    assert engine.get(f"/volumes/{volume}")["Name"] == volume
    engine.delete(f"/containers/{other}", force=True)
    assert f"volume {volume}" in scene.stop()


def test_a_port_taken_by_a_program_stops_the_start_before_anything_is_made(
    make_scene: Callable[[Lab], Scene], course: Course, engine: Engine
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        lab = course.lab(toml=f"ports = [{port}]\n", files={"compose.yaml": COMPOSE})
        with pytest.raises(LabError, match=rf"Port {port} .* is taken by `.*` \(PID \d+\)"):
            make_scene(lab).start(quiet)
    assert everything(engine, lab.number) == set()
    assert not course.places.work.exists()


def test_a_port_taken_by_a_container_names_it(
    make_scene: Callable[[Lab], Scene], course: Course, run: Callable[..., str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    bind = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    name = f"drydock-test-{reserved()}-web"
    run(
        TOOLS,
        name=name,
        Labels={"io.drydock.lab": ""},
        ExposedPorts={"80/tcp": {}},
        HostConfig={"PortBindings": bind},
    )
    lab = course.lab(toml=f"ports = [{port}]\n", files={"compose.yaml": COMPOSE})
    with pytest.raises(LabError, match=f"Port {port} .* the container `{name}`") as caught:
        make_scene(lab).start(quiet)
    assert f"docker stop {name}" in caught.value.remedy


def test_two_labs_at_once_do_not_disturb_each_other(
    make_scene: Callable[[Lab], Scene], course: Course, scene: Scene, engine: Engine
) -> None:
    other_slug = "79-other"
    shutil.copytree(course.folder, course.root / "labs" / other_slug)
    other = make_scene(course.catalogue.find(other_slug))
    problems: list[BaseException] = []

    def start(which: Scene) -> None:
        try:
            which.start(quiet)
        except BaseException as error:  # noqa: BLE001 - looked at below
            problems.append(error)

    threads = [threading.Thread(target=start, args=(each,)) for each in (scene, other)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert problems == []
        assert scene.is_running()
        assert other.is_running()
        scene.stop()
        assert other.is_running()
    finally:
        other.stop()
    assert everything(engine, "79") == set()


def test_two_starts_of_one_lab_wait_for_each_other(scene: Scene, course: Course) -> None:
    several = [spawn(course, "start", scene.lab.number) for _ in range(3)]
    ended: list[tuple[int, str]] = []
    for process in several:
        out, err = process.communicate(timeout=120)
        ended.append((process.returncode, out + err))
    assert [code for code, _ in ended] == [0, 0, 0], ended
    assert scene.is_running()
    assert any("is still running: " in said and "; waiting for it" in said for _, said in ended)


def test_a_path_with_spaces_and_letters_beyond_ascii_works_end_to_end(
    scene: Scene, lab: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    assert "Zoë" in str(scene.work)
    assert " " in str(scene.work)
    number = scene.lab.number
    done = lab("start", number)
    assert done.returncode == 0, done.stderr
    assert f"Your files: {scene.work}" in done.stdout
    done = lab("shell", number, "--command", "pwd; ls")
    assert done.stdout == f"{scene.work}\nnotes.txt\n", done.stderr
    assert lab("check", number).returncode == 0
    assert lab("stop", number).returncode == 0
