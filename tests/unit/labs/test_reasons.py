"""What the labs of part 1 tell of answers that cannot be tried in every run: each true reason, from records as engines write them."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checker.engine.shell import ShellError
from checker.grading.author import Build, Lab, Process, Processes, Reply, Step, moment
from checker.grading.verdicts import CheckFailed, CouldNotRun
from tests.conftest import ROOT
from tests.unit.labs.conftest import module

images, detached, named, first_container = (
    module("01", name) for name in ("images", "detached", "named", "test_first_container")
)
moved, recipe, reuse, answers = (module("02", name) for name in ("moved", "recipe", "reuse", "answers"))
truth = module("02", "truth")
walls, three, up, service = (module("03", name) for name in ("walls", "three", "up", "service"))
contained, rounds, pace, limits = (module("03", name) for name in ("contained", "rounds", "pace", "limits"))


def failure(function: Any, *arguments: Any) -> Any:
    with pytest.raises(CheckFailed) as failed:
        function(*arguments)
    return failed.value.failure


# -- lab 01: the course's tag on another build ----------------------------------------------------------------


def parcel(**changed: bytes) -> dict[str, bytes]:
    """Return the files of the course's own image, some of them changed."""
    files = {file.name: file.read_bytes() for file in (ROOT / "images/parcel").iterdir() if file.is_file()}
    files = {name: content for name, content in files.items() if name.endswith((".py", ".html"))}
    return {**files, "__pycache__/parcel.cpython-313.pyc": b"", **{f"{n}.py": c for n, c in changed.items()}}


def provided(files: dict[str, bytes], command: list[str] | None = None) -> None:
    lab: Any = SimpleNamespace(image_files=lambda *_: files)
    config = {"Cmd": command or ["python3", "/app/parcel.py"], "Labels": {"io.drydock.image": "parcel"}}
    images._require_ours(lab, {"Id": "sha256:x", "Config": config}, "a hint")


def test_the_courses_own_image_is_known_by_its_files_and_its_command() -> None:
    provided(parcel())


def test_an_image_with_the_right_labels_and_another_program_is_told() -> None:
    assert "/app/parcel.py is another file" in failure(provided, parcel(parcel=b"print()")).seen
    assert "/app/extra.py is another file" in failure(provided, parcel(extra=b"")).seen
    assert "it starts python3 -c x" in failure(provided, parcel(), ["python3", "-c", "x"]).seen


# -- lab 01: a command that stays attached --------------------------------------------------------------------

COMPOSED = {
    "com.docker.compose.project": "depots",
    "com.docker.compose.project.working_dir": "/home/ada/depots",
}


@pytest.mark.parametrize(
    ("line", "folder", "labels", "attached"),
    [
        ("docker run -it --name parcel -p 8081:8080 drydock/parcel:1.0", "", {}, True),
        ("docker run --name=parcel drydock/parcel:1.0", "", {}, True),
        ("docker run -it --name parcel-b -p 8082:8080 drydock/parcel:1.0", "", {}, False),
        ("docker start -ai parcel", "", {}, True),
        ("docker start -a parcel-b", "", {}, False),
        ("docker compose up", "/home/ada/depots", COMPOSED, True),
        ("docker compose up", "", COMPOSED, True),
        ("docker compose up", "/home/ada/another", COMPOSED, False),
        ("docker compose -p another up", "/home/ada/depots", COMPOSED, False),
        ("docker compose -p depots up", "/srv", COMPOSED, True),
        ("docker compose up", "/home/ada/depots", {}, False),
        ("docker compose up -d", "/home/ada/depots", COMPOSED, False),
    ],
)
def test_only_the_command_that_started_a_copy_is_taken_for_it(
    line: str, folder: str, labels: dict[str, str], attached: bool
) -> None:
    assert detached._stays_attached(line, folder, "parcel", labels) is attached


# -- lab 01: the note that a check leaves ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({"PARCEL_DATA": "/var/lib/parcel"}, "/var/lib/parcel/note"),
        ({"PARCEL_DATA": "/tmp/own"}, "/tmp/own/note"),  # noqa: S108 - inside the container
        ({"PARCEL_DATA": "own"}, "/app/own/note"),
        ({"PARCEL_DATA": ""}, "/app/note"),
        ({}, "/var/lib/image/note"),  # it cannot be read
    ],
)
def test_the_note_is_where_the_program_was_told_to_keep_it(
    told: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(7, 1, "python3", "/app", ("python3", "/app/parcel.py"))
    monkeypatch.setattr(named, "_answers", lambda *_: process)
    monkeypatch.setattr(named, "environment", lambda *_: told)
    container = SimpleNamespace(env={"PARCEL_DATA": "/var/lib/image"})
    assert named.note_of(None, container) == place


class Noted:
    """A copy of Parcel that answers a note with this status, and what happened to it."""

    def __init__(self, status: int) -> None:
        self._status, self.asked = status, list[str]()

    def get(self, url: str) -> Reply:
        """Return that there is no note."""
        return Reply(url, 404)

    def put(self, url: str, text: str, **_: float) -> Reply:
        """Take a note, or not."""
        self.asked.append(text)
        return Reply(url, self._status, error="" if self._status else "no answer within 5 s")


@pytest.mark.parametrize(("status", "told"), [(507, False), (500, True)])
def test_a_note_that_is_not_taken_is_told_unless_nothing_can_be_written(
    status: int, *, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_container, "require_running", lambda *_: None)
    monkeypatch.setattr(first_container, "require_nothing_shared", lambda *_: None)
    if told:
        found = failure(first_container.test_changes_stay_inside, None, None, Noted(status))
        assert "did not take a note" in found.rationale
    else:
        first_container.test_changes_stay_inside(None, None, Noted(status))


def test_a_copy_that_does_not_answer_about_a_note_in_time_is_not_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(first_container, "require_running", lambda *_: None)
    monkeypatch.setattr(first_container, "require_nothing_shared", lambda *_: None)
    with pytest.raises(CouldNotRun, match="did not answer when a note was sent"):
        first_container.test_changes_stay_inside(None, None, Noted(0))


# -- lab 02 ---------------------------------------------------------------------------------------------------


HERE = {
    "Id": "sha256:a",
    "Created": "2026-11-28T10:00:00.5Z",
    "RootFS": {"Layers": ["sha256:1", "sha256:2"]},
    "Config": {"Entrypoint": ["python3"], "Cmd": ["labels.py"]},
}


class Second:
    """The second machine: what it has of images and of the container that is asked for."""

    def __init__(
        self, image: Any = None, container: Any = None, others: Any = (), nameless: Any = ()
    ) -> None:
        self.image, self.container = image, container
        self._others, self._nameless = list(others), list(nameless)

    @property
    def now(self) -> float:
        """Return what time it is there."""
        return time.time()

    def nameless(self) -> Any:
        """Return the images without a name."""
        return self._nameless

    def images(self) -> Any:
        """Return their names."""
        return ["<none>:<none>"] if self._nameless else []

    def containers(self) -> Any:
        """Return name, image and status of all containers."""
        return self._others

    def logs(self) -> str:
        """Return nothing: what never ran has no log."""
        return ""


def nowhere(**here: Any) -> Any:
    """Return a lab whose own engine has these containers."""
    return SimpleNamespace(container=here.get)


def container(status: str = "running", **more: Any) -> dict[str, Any]:
    state = {
        "Status": status,
        "ExitCode": 0,
        "Error": more.pop("error", ""),
        "StartedAt": more.pop("started", "2026-11-28T10:00:00Z"),
    }
    command = {"Path": "python3", "Args": ["labels.py"]}
    return {"State": state, "Image": "sha256:a", "Config": {"Image": "labels:1.0"}, **command, **more}


def test_one_image_has_other_ids_on_other_engines_and_is_the_same() -> None:
    there = {**HERE, "Id": "sha256:another", "Created": "2026-11-28T10:00:00.500000000Z"}
    moved.require_moved(HERE, Second(there))


def test_an_image_saved_by_its_id_is_told_as_one_without_a_name() -> None:
    assert "has no name there" in failure(moved.require_moved, HERE, Second(nameless=[HERE])).rationale


def test_an_exported_container_is_told_as_that_and_not_as_a_second_build() -> None:
    there = {**HERE, "RootFS": {"Layers": ["sha256:9"]}, "Comment": "Imported from -"}
    assert "made by `docker import`" in failure(moved.require_moved, HERE, Second(there)).rationale


def test_a_second_build_is_told_by_moment_and_layers_and_not_by_ids() -> None:
    there = {**HERE, "Created": "2026-11-28T11:00:00Z"}
    found = failure(moved.require_moved, HERE, Second(there))
    assert "2026-11-28T10:00:00.5Z, 2 layers" in found.expected
    assert "sha256" not in found.seen


def test_a_second_build_that_changes_a_setting_alone_is_another_image() -> None:
    there = {**HERE, "Config": {"Entrypoint": ["python3"], "Cmd": ["sh", "-c", "python3 labels.py"]}}
    found = failure(moved.require_moved, HERE, Second(there))
    assert found.expected != found.seen


@pytest.mark.parametrize(
    ("mode", "ports", "asked"),
    [
        ("default", {}, False),
        ("default", {"8080/tcp": None}, False),
        ("default", {"8080/tcp": [{"HostIp": "::", "HostPort": "80"}]}, False),
        ("default", {"8080/tcp": [{"HostIp": "::", "HostPort": "8080"}]}, True),
        ("host", {}, True),
        ("container:front", {}, True),
    ],
)
def test_only_a_container_that_has_the_port_is_asked_for_a_label(
    mode: str, ports: Any, *, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []
    monkeypatch.setattr(moved, "some_numbers", lambda: [7])

    def ask(_: object, address: str, __: int) -> SimpleNamespace:
        answers.append(address)
        return SimpleNamespace(status=200, text="")

    monkeypatch.setattr(moved, "ask", ask)
    monkeypatch.setattr(moved, "require_label", lambda *_, **__: None)
    monkeypatch.setattr(moved, "adas_key", str)
    monkeypatch.setattr(moved, "whose_key", lambda *_: "")
    found = container(HostConfig={"NetworkMode": mode}, NetworkSettings={"Ports": ports})
    if asked:
        moved.require_labels_there(SimpleNamespace(), Second(), SimpleNamespace(), found)
    else:
        reason = failure(moved.require_labels_there, SimpleNamespace(), Second(), SimpleNamespace(), found)
        assert "nobody reaches it there" in reason.rationale
    assert bool(answers) == asked


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('"{}"', "quotation marks around it"),
        ("LABELS_KEY={}", "the name of the variable in front"),
        ("{}\r", "a line end of Windows behind"),
        ("mine", "Which key was it given?"),
    ],
)
def test_adas_key_with_something_around_it_is_known_by_its_seal(given: str, words: str) -> None:
    said = f"Seal {truth.seal('PX-1042', given.format(truth.adas_key()))}"
    lab = SimpleNamespace(work=truth.FOLDER.parent)
    assert words in moved.whose_key(lab, "PX-1042", said)


def test_one_that_never_started_is_not_sent_to_its_log() -> None:
    error = "Bind for 0.0.0.0:8080 failed: port is already allocated"
    found = failure(moved.require_runs_there, nowhere(), Second(HERE, container("created", error=error)))
    assert found.evidence == error
    assert "logs" not in found.hint
    assert "ps --all" in found.hint


def test_an_option_behind_the_images_name_is_told_as_that_there_too() -> None:
    error = 'OCI runtime create failed: exec: "-p": executable file not found in $PATH: unknown'
    found = failure(moved.require_runs_there, nowhere(), Second(HERE, container("created", error=error)))
    assert "`-p` stands behind the image's name" in found.rationale


def test_a_command_of_its_own_there_is_not_what_was_tried_here() -> None:
    other = container(Path="python3", Args=["-c", "print()"])
    assert (
        "a command of its own" in failure(moved.require_runs_there, nowhere(), Second(HERE, other)).rationale
    )
    moved.require_runs_there(nowhere(), Second(HERE, container()))


def test_one_that_runs_without_the_name_is_told_to_run() -> None:
    others = [("charming_wilson", "labels:1.0", "Up 1 second")]
    found = failure(moved.require_runs_there, nowhere(), Second(HERE, None, others))
    assert "runs on the second machine, but its name is `charming_wilson`" in found.rationale


@pytest.mark.parametrize("status", ["Exited (1) 3 seconds ago", "Created"])
def test_one_with_another_name_is_told_even_if_it_does_not_run(status: str) -> None:
    found = failure(moved.require_runs_there, nowhere(), Second(HERE, None, [("ada", "labels:1.0", status)]))
    assert "is on the second machine, but its name is `ada`, not `labels`: everybody" in found.rationale


def test_one_that_was_made_on_this_machine_is_told_as_that() -> None:
    here = SimpleNamespace(image="labels:1.0", status="running")
    found = failure(moved.require_runs_there, nowhere(labels=here), Second(HERE))
    assert "there is one on this machine" in found.rationale
    assert "on this machine: labels (labels:1.0), status running" in found.seen


def test_one_that_is_restarted_again_and_again_is_not_taken_for_up() -> None:
    now, before = (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=ago) for ago in (3, 3600))
    found = failure(
        moved.require_runs_there, nowhere(), Second(HERE, container(RestartCount=3, started=now.isoformat()))
    )
    assert "does not stay up" in found.rationale
    moved.require_runs_there(nowhere(), Second(HERE, container(RestartCount=3, started=before.isoformat())))


def build(*log: str) -> Any:
    return Build(ok=False, log=list(log))


PIP = (
    "#9 [4/6] RUN pip install -r requirements.txt",
    "#9 1.2 ERROR: Could not find a version that satisfies the requirement parcelcode==1.2.0",
    "#9 1.3 ERROR: No matching distribution found for parcelcode==1.2.0",
    'ERROR: failed to solve: process "/bin/sh -c pip install" did not complete successfully: exit code: 1',
)


def test_a_recipe_that_wants_a_network_is_not_told_that_a_file_is_missing() -> None:
    found = failure(recipe.fail_build, build(*PIP))
    assert "a step wants something from a network" in found.rationale
    assert "on your machine" not in found.rationale


def test_a_library_out_of_somebodys_environment_is_told_as_that() -> None:
    log = (
        'ERROR: failed to solve: failed to compute cache key: "/.venv/lib/python3.13/site-packages": not found',
    )
    assert "out of Ada's virtual environment" in failure(recipe.fail_build, build(*log)).rationale


@pytest.mark.parametrize("setting", [{"User": "10001"}, {"Cmd": ["python3"]}, {"Env": ["LANG=de_DE.UTF-8"]}])
def test_two_images_with_the_same_layers_are_not_the_same_if_they_are_run_in_another_way(
    setting: Any,
) -> None:
    image = {"RootFS": {"Layers": ["sha256:1"]}, "Config": setting}
    assert recipe.settings(image) != recipe.settings({**image, "Config": {}})
    # Engines write what is not set in two ways, and the checker's own build has labels.
    labelled = {**setting, "Volumes": None, "Labels": {"io.drydock.lab": "02"}}
    assert recipe.settings(image) == recipe.settings({**image, "Config": labelled})


def test_a_path_that_is_not_in_the_folder_is_named() -> None:
    log = ('ERROR: failed to solve: failed to compute cache key: "/labels/requirements.txt": not found',)
    assert "it takes /labels/requirements.txt" in failure(recipe.fail_build, build(*log)).rationale


def test_a_step_that_failed_for_itself_is_shown_by_its_last_words() -> None:
    log = ("#7 [3/4] RUN test -f x", "#7 0.2 x is not there", "ERROR: process did not complete")
    assert failure(recipe.fail_build, build(*log)).evidence == "x is not there"


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("labels.py", True),
        ("app/serve.py", True),
        ("parcelcode/__init__.py", False),
        ("lib/parcelcode/bars.py", False),
        ("parcelcode.py", False),
        ("vendor/x.py", False),
        (".venv/lib/python3.13/site-packages/x.py", False),
    ],
)
def test_only_the_services_own_code_is_changed_for_the_second_build(file: str, own: bool) -> None:
    assert recipe.is_program(Path(file)) is own


def step(text: str, *, cached: bool) -> Any:
    return Step(text, cached)


def test_a_copy_of_a_stage_whose_library_came_from_the_cache_keeps_the_library() -> None:
    install = "RUN pip install --find-links vendor -r requirements.txt"
    copy = step("COPY --from=made / /", cached=False)
    assert reuse.copied_in_one([step(install, cached=True), step("COPY labels.py ./", cached=False), copy])
    assert not reuse.copied_in_one([step(install, cached=True), step("COPY . .", cached=False)])
    assert not reuse.copied_in_one([step(install, cached=False), copy])


INSTALL = "RUN pip install --find-links vendor -r requirements.txt"


def built(*steps: Any) -> Any:
    return Build(ok=True, log=[], image={"RootFS": {"Layers": ["base", "library", "code"]}}, steps=[*steps])


def test_a_library_whose_layer_stayed_is_kept_whatever_a_later_step_says_of_it() -> None:
    later = [step("RUN rm -r vendor", cached=False), step("RUN python3 -c 'import parcelcode'", cached=False)]
    kept = built(step(INSTALL, cached=True), step("COPY . .", cached=False), *later)
    assert reuse.is_kept(kept, {"library"}, set())
    assert not reuse.is_kept(kept, {"another"}, set())
    again = Step(
        "RUN pip install --force-reinstall .", output=["0.9 Successfully installed parcelcode-1.2.0"]
    )
    assert not reuse.is_kept(built(step(INSTALL, cached=True), again), {"library"}, set())
    there = Step("RUN pip install .", output=["0.9 Requirement already satisfied: parcelcode==1.2.0"])
    assert reuse.is_kept(built(step(INSTALL, cached=True), there), {"library"}, set())


def test_a_base_that_is_not_there_is_named() -> None:
    source = "failed to resolve source metadata for docker.io/drydock/python:latest: dial tcp: lookup: no such host"
    log = build(f"ERROR: failed to solve: drydock/python: {source}")
    assert "needs the image drydock/python:latest" in failure(recipe.fail_build, log).rationale


@pytest.mark.parametrize(
    ("reference", "labels", "digests", "only"),
    [
        ("docker.io/drydock/python:1.0", {"io.drydock.image": "python"}, [], False),
        ("docker.io/drydock/base:1.0", {"io.drydock.image": "python"}, [], True),
        ("docker.io/drydock/python:1.0", {"io.drydock.image": "python", "io.drydock.lab": "02"}, [], True),
        ("docker.io/library/python:3.13", {}, ["python@sha256:1"], False),
        ("docker.io/ada/base:1.0", {"io.drydock.lab": "02"}, ["ada/base@sha256:1"], True),
        ("docker.io/ada/base:1.0", {"io.drydock.image": "python"}, [], True),
        ("docker.io/ada/base:1.0", {}, [], True),
    ],
)
def test_a_base_is_only_here_if_nobody_else_can_get_it(
    reference: str, labels: Any, digests: Any, only: bool
) -> None:
    image = {"Config": {"Labels": labels}, "RepoDigests": digests, "Created": "2026-11-27T10:00:00Z"}
    lab: Any = SimpleNamespace(number="02", image=lambda _: image, _started=moment("2026-11-28T09:00:00Z"))
    lab.replaced = lambda *asked: Lab.replaced(lab, *asked)
    assert recipe.only_here(lab, reference) is only


@pytest.mark.parametrize(
    ("reference", "moves"),
    [
        ("docker.io/library/python", True),
        ("localhost:5000/python", True),
        ("docker.io/library/python:latest", True),
        ("docker.io/library/python:slim", True),
        ("docker.io/library/python:slim-bookworm", True),
        ("docker.io/library/debian:stable-slim", True),
        ("docker.io/library/python:3.13-slim", False),
        ("docker.io/library/python:slim@sha256:1", False),
        ("docker.io/library/debian:bookworm-slim", False),
        ("docker.io/library/debian:stable-20260105-slim", False),
        ("docker.io/library/python:alpine3.21", False),
        ("docker.io/drydock/python:1.0", False),
    ],
)
def test_a_tag_that_names_no_version_may_be_another_image_tomorrow(reference: str, moves: bool) -> None:
    assert recipe.unpinned(reference) is moves


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["labels.py"], "has no Dockerfile"),
        (["Dockerfile.dockerignore"], "has no Dockerfile"),
        (["dockerfile"], "but a file `dockerfile`"),
        (["Dockerfile.txt", "labels.py"], "but a file `Dockerfile.txt`"),
        (["Containerfile"], "but a file `Containerfile`"),
    ],
)
def test_a_recipe_under_another_name_is_named(names: list[str], words: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert words in failure(recipe.require_named, tmp_path).rationale
    (tmp_path / "Dockerfile").touch()
    recipe.require_named(tmp_path)


def test_a_recipe_that_was_edited_while_it_was_built_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    file = tmp_path / "labels" / "Dockerfile"
    file.write_text("FROM drydock/python:1.0\n")
    lab: Any = SimpleNamespace(work=tmp_path, image=lambda _: {"Id": "sha256:a"})
    made = recipe.Recipe(lab)
    _, before = made.copy, made.state
    assert made.unchanged
    file.write_text("FROM drydock/python:latest\n")
    lab.image = lambda _: {"Id": "sha256:b"}
    made.close()
    assert not made.unchanged
    assert made.state == before


def test_a_link_in_the_folder_leads_no_check_into_the_learners_own_files(tmp_path: Any) -> None:
    own, copy = tmp_path / "own", tmp_path / "copy"
    own.mkdir()
    copy.mkdir()
    (own / "key").write_text("mine")
    (copy / ".env").symlink_to(own / "key")
    (copy / ".venv").symlink_to(own)
    (copy / "labels.py").symlink_to(own / "key")
    recipe.add(copy, ".env", b"another")
    recipe.add(copy, ".venv/pyvenv.cfg", b"another")
    assert (own / "key").read_text() == "mine"
    assert [file.name for file in own.iterdir()] == ["key"]
    assert recipe.programs(copy) == []


def test_a_program_without_an_ending_is_known_by_its_first_line(tmp_path: Any) -> None:
    (tmp_path / "labels").write_text("#!/usr/bin/env python3\n")
    (tmp_path / "start").write_text("#!/bin/sh\n")
    assert [file.name for file in recipe.programs(tmp_path)] == ["labels"]


def ended(log: str, find_library: Any = str) -> str:
    """Return why a container of labels:1.0 ended with this log."""
    container = SimpleNamespace(logs=lambda **_: log, main_command="python3", running=False, exit_code=1)
    rationale: str = failure(
        lambda: answers.fail_silent(container, Reply(""), where="It", run="", find_library=find_library)
    ).rationale
    return rationale


@pytest.mark.parametrize(
    ("place", "words", "of_one"),
    [
        ("", "is not installed in the image", False),
        ("/opt/parcelcode/__init__.py", "is in the image, at `/opt/parcelcode/__init__.py`", False),
        ("/root/.local/lib/parcelcode/__init__.py", "does not find it there", True),
    ],
)
def test_a_library_that_is_there_and_not_found_is_not_told_as_missing(
    place: str, words: str, of_one: bool
) -> None:
    log = "ModuleNotFoundError: No module named 'parcelcode'"
    told = ended(log, lambda: place)
    assert words in told
    assert ("for the user alone" in told) is of_one


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("[Errno 21] Is a directory: '.'", "journal-is-a-folder"),
        ("[Errno 2] No such file or directory: '/var/log/labels/journal.txt'", "journal-without-a-folder"),
        ("[Errno 13] Permission denied: '/srv/labels/journal.txt'", "no-journal"),
        ("[Errno 30] Read-only file system: '/srv/labels/journal.txt'", "no-journal"),
        ("Currency formatting is not possible using the 'C' locale.", "no-locale"),
        ("[Errno 6] No such device or address: '/dev/stdout'", "no-label"),
    ],
)
def test_a_label_that_was_not_printed_is_told_by_what_the_service_says(error: str, reason: str) -> None:
    reply = Reply("", status=500, body=f"cannot print PX-1042: {error}\n".encode())
    assert answers._difference(reply, "PX-1042", truth.label("PX-1042", "key"))[0] == reason


def test_an_installation_at_the_start_is_not_told_as_rights_of_files() -> None:
    log = (
        "Processing ./vendor/parcelcode-1.2.0-py3-none-any.whl\n"
        "Installing collected packages: parcelcode\n"
        "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/usr/local/lib'"
    )
    assert "installs the library when it starts" in ended(log)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("[Errno 2] No such file or directory", "not where it looks for it"),
        ("[Errno 13] Permission denied", "may not read or run one of its own files"),
    ],
)
def test_a_program_that_is_not_there_is_told_apart_from_one_that_may_not_be_read(
    error: str, words: str
) -> None:
    assert words in ended(f"python3: can't open file '/srv/labels/labels.py': {error}")


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "it started `python3`, which ended at once without a message"),
        ("/bin/sh: 1: [python3,: not found", "a shell took the opening bracket"),
        ("exec ./start.sh: exec format error", "does not name the program that reads it"),
        (
            "exec ./start.sh: no such file or directory",
            "the program that its first line names is not in the image",
        ),
        (
            "mkdir: cannot create directory '/data': Read-only file system",
            "it writes to a place of its own image",
        ),
    ],
)
def test_an_end_is_told_by_what_the_log_says_or_does_not_say(log: str, words: str) -> None:
    assert words in ended(log)


# -- lab 03 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (True, True, "what one writes there, the other finds, and may change"),
        (True, False, "what `tariff-v1` writes there, the other reads"),
        (False, True, "what `tariff-v2` writes there, the other reads"),
        (False, False, "both read the same files there"),
    ],
)
def test_a_shared_place_is_told_by_who_may_write_there(first: bool, second: bool, words: str) -> None:
    mounts = [
        SimpleNamespace(mounts=[{"Source": "/srv/common", "Destination": "/common", "RW": writes}])
        for writes in (first, second)
    ]
    names = [SimpleNamespace(name=name) for name in ("tariff-v1", "tariff-v2")]
    found = failure(walls._require_own_files, names[0], mounts[0], names[1], mounts[1])
    assert words in found.rationale


@pytest.mark.parametrize(
    ("labels", "made", "seen"),
    [
        ({"io.drydock.image": "cruncher"}, "2026-11-27T10:00:00Z", ""),
        ({"io.drydock.image": "cruncher"}, "2026-11-28T10:00:00Z", "an image made 2026-11-28T10:00:00"),
        (
            {"io.drydock.image": "cruncher", "io.drydock.lab": "03"},
            "2026-11-27T10:00:00Z",
            "an image made 2026-11-27T10:00:00",
        ),
        ({}, "2026-11-27T10:00:00Z", "an image made 2026-11-27T10:00:00"),
        ({"io.drydock.image": "tariff"}, "2026-11-27T10:00:00Z", "the image of tariff 1.0"),
        (
            {"io.drydock.image": "cruncher", "org.opencontainers.image.version": "2.0"},
            "2026-11-27T10:00:00Z",
            "the image of cruncher 2.0",
        ),
    ],
)
def test_a_name_of_the_course_on_another_image_is_known(labels: dict[str, str], made: str, seen: str) -> None:
    lab: Any = SimpleNamespace(
        number="03",
        image=lambda _: {"Created": made, "Config": {"Labels": labels}},
        _started=moment("2026-11-28T09:00:00Z"),
    )
    assert Lab.replaced(lab, "drydock/cruncher:1.0") == seen


class Tariffs:
    """A lab whose images are all one, started by a command of its own."""

    def image(self, _: str) -> dict[str, Any]:
        """Return the engine's record of it."""
        return {"Id": "sha256:t", "Config": {"Cmd": ["tariff-v1"], "Env": ["PATH=/usr/bin", "X=1"]}}


@pytest.mark.parametrize(
    ("differs", "asked"),
    [
        ({}, 0),
        ({"image_id": "sha256:mine"}, 1),
        ({"attrs": {"Path": "python3", "Args": ["/usr/bin/tariff-v1"]}}, 1),
        ({"env": {"PATH": "/srv:/usr/bin"}}, 1),
        ({"id": "not compared"}, 1),
    ],
)
def test_the_engine_lists_processes_unless_the_images_own_command_runs_on_its_own_files(
    differs: dict[str, Any], asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []

    def processes() -> list[tuple[str, str]]:
        listed.append("once")
        return [("tariff", "/usr/bin/python3 /usr/bin/tariff-v1")]

    own = {
        "id": "v1",
        "image_id": "sha256:t",
        "attrs": {"Path": "tariff-v1", "Args": [], "Config": {}},
        "env": {"PATH": "/usr/bin", "Y": "2"},
    }
    container = SimpleNamespace(**{**own, "ports": {7070: [("", 8091)]}, "processes": processes, **differs})
    container.attrs.setdefault("Config", {})
    monkeypatch.setattr(module("03", "given"), "_with_files_as_given", lambda: {"v1"})
    service._require_program(Tariffs(), three.V1, container)
    assert len(listed) == asked


def one(**found: Any) -> Any:
    """Return a container of lab 03, as its checks see it."""
    settings = {"host_config": {}, "mounts": [], "attrs": {"Config": {}}}
    return SimpleNamespace(**{**settings, **found})


def machine(usual: str = "private") -> Any:
    """Return a lab on an engine that gives every container such a view of control groups."""
    return SimpleNamespace(node=lambda _: one(host_config={"CgroupnsMode": usual}))


def test_the_machines_control_groups_are_no_option_where_every_container_has_them() -> None:
    assert walls.reaches_into_host(machine("host"), one(host_config={"CgroupnsMode": "host"})) == ("", "")


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"CapAdd": ["CAP_SYS_TIME"]}, "--cap-add SYS_TIME"),
        ({"CapAdd": ["ALL"]}, "--cap-add ALL"),
        ({"MaskedPaths": []}, "--security-opt systempaths=unconfined"),
        ({"DeviceCgroupRules": ["b *:* rwm"]}, "--device-cgroup-rule 'b *:* rwm'"),
        ({"NetworkMode": "host", "PidMode": "host"}, "--network host"),
        ({"NetworkMode": "host", "Privileged": True}, "--privileged"),
        ({"CgroupnsMode": "host"}, "--cgroupns host"),
        ({"CapDrop": ["ALL"], "CapAdd": ["net_bind_service"], "MaskedPaths": ["/proc/kcore"]}, ""),
    ],
)
def test_a_wall_that_is_down_is_named_by_its_option(given: dict[str, Any], option: str) -> None:
    assert walls.reaches_into_host(machine(), one(host_config=given))[0] == option


@pytest.mark.parametrize("source", ["/", "/var", "/run", "/usr", "/etc/ssl", "/var/lib/docker/volumes"])
def test_a_folder_above_the_engines_own_is_told_too(source: str) -> None:
    mount = {"Type": "bind", "Source": source, "Destination": "/x"}
    assert walls.reaches_into_host(machine(), one(mounts=[mount]))[0] == f"--volume {source}"
    volume = {"Type": "volume", "Name": "mine", "Source": "/var/lib/docker/volumes/mine/_data"}
    engine = SimpleNamespace(get=lambda _: {"Options": {"device": source}})
    assert walls.reaches_into_host(machine(), one(mounts=[volume], engine=engine))[0] == "--volume mine"
    engine = SimpleNamespace(get=lambda _: {"Options": None})
    assert walls.reaches_into_host(machine(), one(mounts=[volume], engine=engine)) == ("", "")


@pytest.mark.parametrize("source", walls.TIME_ZONE)
def test_the_machines_time_zone_may_be_read_and_not_written(source: str) -> None:
    mount = {"Type": "bind", "Source": source, "Destination": source, "RW": False}
    boxes = [one(mounts=[mount]), one(mounts=[mount])]
    assert walls.reaches_into_host(machine(), boxes[0]) == ("", "")
    walls._require_own_files(three.V1, boxes[0], three.V2, boxes[1])
    assert walls.reaches_into_host(machine(), one(mounts=[{**mount, "RW": True}]))[0] == f"--volume {source}"


ACCOUNTS = {
    "passwd": b"root:x:0:0::/root:/bin/sh\ntariff:x:10002:10002::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    "group": b"root:x:0:\ntariff:x:10002:\n",
}


@pytest.mark.parametrize(
    ("given", "other"),
    [
        ("tariff", ""),
        ("10002", ""),
        ("10002:10002", ""),
        ("tariff:tariff", ""),
        ("nobody", "nobody"),
        ("10002:0", "10002:0"),
        ("4242", "4242"),
        ("root", ""),
    ],
)
def test_another_user_is_known_by_its_number(given: str, other: str) -> None:
    lab = SimpleNamespace(image_files=lambda *_: ACCOUNTS)
    image = {"Id": "sha256:1", "Config": {"User": "tariff"}}
    assert walls.other_user(lab, one(attrs={"Config": {"User": given}}), image) == other


@pytest.mark.parametrize(
    ("command", "folder", "ours"),
    [
        ("/usr/bin/python3 /usr/bin/tariff-v2", "", True),
        ("python3 -u tariff-v2", "/usr/bin", True),
        ("python3 -c print() /usr/bin/tariff-v2", "", False),
        ("python3 /tmp/mine.py /usr/bin/tariff-v2", "", False),
        ("sh -c exec /usr/bin/tariff-v2", "", False),
    ],
)
def test_a_program_that_only_names_the_images_own_is_not_taken_for_it(
    command: str, folder: str, ours: bool
) -> None:
    made = one(attrs={"Config": {"WorkingDir": folder}})
    assert service._is_program(made, command, {"/usr/bin/tariff-v1", "/usr/bin/tariff-v2"}) is ours


@pytest.mark.parametrize(
    ("mounts", "words"),
    [
        ({"v2": "/vol/ledger", "v1": "/vol/ledger"}, "`tariff-v1` was given the same place"),
        ({"v2": "/vol/ledger"}, "something wrote to it before"),
        ({}, "Something else wrote to this container's own file"),
    ],
)
def test_whose_ledger_a_version_found_is_told_by_what_both_were_given(
    mounts: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (one(mounted_on=lambda _, name=name: mounts.get(name, "")) for name in ("v1", "v2"))
    monkeypatch.setattr(up, "present", lambda _: {three.V1: first, three.V2: second})
    assert words in failure(up._fail_found_ledger, None, three.V2, second, {}).rationale


class Starts:
    """A container of version 1 with a command of its own: what its log has since it started, and which process listens."""

    id, ended_at, main_command = "c1", "0001-01-01T00:00:00Z", "sh -c …"

    def __init__(self, log: str, parent: int) -> None:
        self.engine = SimpleNamespace(logs=lambda *_, **__: log)
        listener = Process(7, parent, "python3", "/", ("python3", "/usr/bin/tariff-v1"))
        self.seen = Processes({1: Process(1, 0, "sh", "/", ("sh",)), 7: listener}, {7: three.INSIDE})


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (Starts("listens on port 7070", parent=0), "started beside the container's main process"),
        (
            Starts("listens on port 7070\nlistens on port 7070", parent=1),
            "stays up, and its program does not",
        ),
    ],
)
def test_a_program_that_does_not_stay_up_with_its_container_is_told(
    made: Starts, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "read_processes", lambda container: container.seen)
    assert words in failure(service._require_to_stay_up, three.V1, made).rationale
    service._require_to_stay_up(three.V1, Starts("listens on port 7070", parent=1))


def test_a_loop_around_the_neighbour_is_told_and_its_own_script_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "read_processes", lambda container: container.seen)
    begun = "cruncher answers on port 7070\n"
    again = "the service itself was killed; starting it again\n"
    service._require_to_stay_up(three.CRUNCHER, Starts(begun + again + begun, parent=1))
    found = failure(service._require_to_stay_up, three.CRUNCHER, Starts(begun + begun, parent=1))
    assert "stays up, and its program does not" in found.rationale


@pytest.mark.parametrize(
    ("log", "cores", "words"),
    [
        ("round 1: the worker failed with status 1", None, "runs into an error before it reaches"),
        (
            "BlockingIOError: [Errno 11] Resource temporarily unavailable",
            None,
            "runs into an error before it reaches",
        ),
        ("round 1: done, gave 104 MB back", 0.02, "with 0.02 of a core it grows too slowly"),
    ],
)
def test_what_keeps_the_neighbour_from_its_limit_is_told(
    log: str, cores: float | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = SimpleNamespace(limit=128 << 20, told="never")
    monkeypatch.setattr(contained, "last_lines", lambda *_: log)
    monkeypatch.setattr(contained, "read_cpu", lambda _: SimpleNamespace(cores=cores))
    assert words in failure(contained._require_to_get_there, None, memory).rationale
    monkeypatch.setattr(contained, "last_lines", lambda *_: "round 1: done")
    monkeypatch.setattr(contained, "read_cpu", lambda _: SimpleNamespace(cores=0.5))
    contained._require_to_get_there(None, memory)


@pytest.mark.parametrize(
    ("end", "looks"),
    [
        ([("crunching", 1, 1)], 4),  # killed
        ([("resting", 1, 0), ("crunching", 2, 0)], 4),  # that round is over
        ([("crunching", 2, 0)], 4),  # another one has begun since the last look
    ],
)
def test_a_kill_is_waited_for_until_the_round_that_was_asked_for_is_over(
    end: list[tuple[str, int, int]], looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A round has its number a moment before it has a worker.
    said = iter([("resting", 0, 0), ("resting", 1, 0), ("crunching", 1, 0), *end])
    seen = []

    def says(*_: object) -> dict[str, Any]:
        seen.append(1)
        return dict(zip(("state", "round", "killed"), next(said), strict=True))

    monkeypatch.setattr(rounds, "says", says)
    monkeypatch.setattr(rounds, "wait_until", lambda over, *_, **__: any(iter(over, None)))
    rounds.await_another_kill(
        SimpleNamespace(value=lambda _: "8093"), SimpleNamespace(post=lambda *_, **__: None)
    )
    assert len(seen) == looks


def test_a_neighbour_without_a_limit_that_is_left_from_an_earlier_try_is_named() -> None:
    mine, left = (
        one(id=name, name=name, image_id="sha256:c", running=True, host_config={"Memory": limit})
        for name, limit in (("cruncher", 128 << 20), ("earlier", 0))
    )
    for theirs, outside in (([mine, left], []), ([mine], [left])):
        lab = SimpleNamespace(
            containers=lambda theirs=theirs: theirs, unowned=lambda _, outside=outside: outside
        )
        assert "`earlier`" in failure(contained._require_no_other, lab, mine).rationale
    alone = SimpleNamespace(containers=lambda: [mine], unowned=lambda _: [])
    contained._require_no_other(alone, mine)


LIMIT = 128 << 20


@pytest.mark.parametrize(
    ("held", "killed", "asked", "met"),
    [
        (96, 1, 0, True),  # with what its service and its worker take beside
        (240, 1, 0, True),  # it may use swap
        (24, 1, 1, False),
        (24, 2, 1, True),
        (400, 1, 1, False),
        (400, 2, 1, True),
        (None, 1, 0, True),  # it keeps no log
    ],
)
def test_a_kill_at_another_limit_does_not_count(
    held: int | None, killed: int, asked: int, met: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = f"round 1: the worker was killed by signal 9 while it held {held} MB" if held else ""
    mine = one(id="c", name="cruncher", image_id="sha256:c", running=True, host_config={"Memory": LIMIT})
    mine.oom_killed, mine.logs = True, lambda _: log
    mine.reload = lambda: mine
    rounds_asked: list[object] = []
    monkeypatch.setattr(contained, "says", lambda *_: {"killed": killed if rounds_asked else 1})
    monkeypatch.setattr(contained, "await_another_kill", lambda *each: rounds_asked.append(each))
    memory = limits.Memory(limit=LIMIT, swap=LIMIT, hits=9, kills=1)
    monkeypatch.setattr(contained, "read_memory", lambda _: memory)
    monkeypatch.setattr(contained, "read_cpu", lambda _: SimpleNamespace(cores=0.5))
    lab = SimpleNamespace(containers=lambda: [mine], unowned=lambda _: [])
    if met:
        contained.require_stopped(lab, None, mine)
    else:
        found = failure(contained.require_stopped, lab, None, mine)
        assert "no process of it was killed at that limit" in found.rationale
    assert len(rounds_asked) == asked


@pytest.mark.parametrize(("gave", "in_swap"), [(200, True), (100, False), (1024, False), (0, False)])
def test_a_round_that_ended_in_swap_is_not_told_as_one_that_never_met_its_limit(
    gave: int, in_swap: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = f"round 2: done, gave {gave} MB back" if gave else ""
    mine = one(host_config={"Memory": LIMIT}, oom_killed=False, logs=lambda _: log)
    mine.reload = lambda: mine
    monkeypatch.setattr(contained, "says", lambda *_: {"killed": 0})
    monkeypatch.setattr(contained, "await_another_kill", lambda *_: None)
    memory = limits.Memory(limit=LIMIT, swap=LIMIT, hits=9, kills=0)
    monkeypatch.setattr(contained, "read_memory", lambda _: memory)
    monkeypatch.setattr(contained, "read_cpu", lambda _: SimpleNamespace(cores=0.5))
    told = failure(contained.require_stopped, None, None, mine).rationale
    assert ("went on in swap" in told) is in_swap


def test_each_container_that_may_have_a_limit_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    composed, own, outside, ended = (
        one(id=name, name=name, running=name != "ended")
        for name in ("work-cruncher-1", "own", "outside", "ended")
    )
    monkeypatch.setattr(contained, "present", lambda _: {three.CRUNCHER: composed})
    lab = SimpleNamespace(
        container=lambda _: None,
        containers=lambda: [composed, own, ended],
        unowned=lambda _: [outside],
    )
    assert list(contained._all(lab)) == ["cruncher", "own", "outside"]


def test_limits_are_read_from_the_engine_where_no_command_can_be_started() -> None:
    def refuse(_: str) -> None:
        raise ShellError("no shell could be opened")

    made = one(exec=refuse, host_config={"Memory": 128 << 20, "MemorySwap": 128 << 20}, oom_killed=False)
    assert limits.read_memory(made).limit == 128 << 20


def test_one_that_had_no_limit_is_not_told_that_its_limit_is_too_small() -> None:
    made = one(oom_killed=True, logs=lambda _: "")
    found = failure(up.fail_strangled, three.V1, made, "OOMKilled: true")
    assert "because this machine ran out of memory" in found.rationale


@pytest.mark.parametrize(
    ("asked", "log", "code", "words"),
    [
        (three.CRUNCHER, "round 1: the worker was killed by signal 9", 137, "as `docker kill` does"),
        (three.CRUNCHER, "the service itself was killed; starting it again", 137, "leaves it no room"),
        (three.V1, "", 137, "leaves it no room"),
    ],
)
def test_a_kill_that_the_engine_has_forgotten_is_not_blamed_on_a_limit_that_cost_a_worker(
    asked: Any, log: str, code: int, words: str
) -> None:
    engine = SimpleNamespace(events=lambda **_: iter(()))
    made = one(
        id="c",
        status="exited",
        oom_killed=True,
        exit_code=code,
        created="2026-11-28T16:00:00Z",
        host_config={"Memory": LIMIT},
        logs=lambda _: log,
    )
    assert words in failure(up._tell_ended, SimpleNamespace(engine=engine), asked, made).rationale


@pytest.mark.parametrize(("restarts", "ago", "harmed"), [(0, 1, False), (3, 600, False), (3, 1, True)])
def test_only_a_restart_around_the_kill_is_harm(restarts: int, ago: float, harmed: bool) -> None:
    now = time.time()
    started = dt.datetime.fromtimestamp(now - ago, dt.UTC).isoformat()
    made = one(restarts=restarts, started_at=started, oom_killed=False, logs=lambda _: "")
    if harmed:
        assert "was itself ended" in failure(pace.require_unharmed, three.V1, made, now).rationale
    else:
        pace.require_unharmed(three.V1, made, now)
