"""What the labs of part 1 tell of answers that cannot be tried in every run: each true reason, from records as engines write them."""

from __future__ import annotations

import datetime as dt
import time
from types import SimpleNamespace
from typing import Any

import pytest

from checker.grading.verdicts import CheckFailed
from tests.conftest import ROOT
from tests.unit.labs.conftest import module

images = module("01", "images")
moved, recipe, reuse, answers = (module("02", name) for name in ("moved", "recipe", "reuse", "answers"))
walls = module("03", "walls")


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


# -- lab 02 ---------------------------------------------------------------------------------------------------


HERE = {"Id": "sha256:a", "Created": "2026-11-28T10:00:00.5Z", "RootFS": {"Layers": ["sha256:1", "sha256:2"]}}


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


def container(status: str = "running", **more: Any) -> dict[str, Any]:
    state = {
        "Status": status,
        "ExitCode": 0,
        "Error": more.pop("error", ""),
        "StartedAt": more.pop("started", "2026-11-28T10:00:00Z"),
    }
    return {"State": state, "Image": "sha256:a", "Config": {"Image": "labels:1.0"}, **more}


def test_one_image_has_other_ids_on_other_engines_and_is_the_same() -> None:
    there = {**HERE, "Id": "sha256:another", "Created": "2026-11-28T10:00:00.500000000Z"}
    moved.require_moved(HERE, Second(there))


def test_an_image_saved_by_its_id_is_told_as_one_without_a_name() -> None:
    assert "has no name there" in failure(moved.require_moved, HERE, Second(nameless=[HERE])).rationale


def test_an_exported_container_is_told_as_that_and_not_as_a_second_build() -> None:
    there = {**HERE, "RootFS": {"Layers": ["sha256:9"]}, "Comment": "Imported from -"}
    assert "made from an exported container" in failure(moved.require_moved, HERE, Second(there)).rationale


def test_a_second_build_is_told_by_moment_and_layers_and_not_by_ids() -> None:
    there = {**HERE, "Created": "2026-11-28T11:00:00Z"}
    found = failure(moved.require_moved, HERE, Second(there))
    assert "2026-11-28T10:00:00.5Z, 2 layers" in found.expected
    assert "sha256" not in found.seen


def test_one_that_never_started_is_not_sent_to_its_log() -> None:
    error = "Bind for 0.0.0.0:8080 failed: port is already allocated"
    found = failure(moved.require_runs_there, Second(HERE, container("created", error=error)))
    assert found.evidence == error
    assert "logs" not in found.hint
    assert "ps --all" in found.hint


def test_one_that_runs_without_the_name_is_told_to_run() -> None:
    others = [("charming_wilson", "labels:1.0", "Up 1 second")]
    found = failure(moved.require_runs_there, Second(HERE, None, others))
    assert "runs on the second machine, but its name is `charming_wilson`" in found.rationale


def test_one_that_is_restarted_again_and_again_is_not_taken_for_up() -> None:
    now, before = (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=ago) for ago in (3, 3600))
    found = failure(
        moved.require_runs_there, Second(HERE, container(RestartCount=3, started=now.isoformat()))
    )
    assert "does not stay up" in found.rationale
    moved.require_runs_there(Second(HERE, container(RestartCount=3, started=before.isoformat())))


def build(*log: str) -> Any:
    return recipe.Build(ok=False, log=list(log))


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
    assert recipe.is_program(recipe.Path(file)) is own


def step(text: str, *, cached: bool) -> Any:
    return recipe.Step(text, cached)


def test_a_copy_of_a_stage_whose_library_came_from_the_cache_keeps_the_library() -> None:
    install = "RUN pip install --find-links vendor -r requirements.txt"
    copy = step("COPY --from=made / /", cached=False)
    assert reuse.copied_in_one([step(install, cached=True), step("COPY labels.py ./", cached=False), copy])
    assert not reuse.copied_in_one([step(install, cached=True), step("COPY . .", cached=False)])
    assert not reuse.copied_in_one([step(install, cached=False), copy])


def test_an_installation_at_the_start_is_not_told_as_rights_of_files() -> None:
    log = (
        "Processing ./vendor/parcelcode-1.2.0-py3-none-any.whl\n"
        "Installing collected packages: parcelcode\n"
        "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/usr/local/lib'"
    )
    reason, _ = answers._why_ended(log)
    assert "installs the library when it starts" in reason


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
    reason, _ = answers._why_ended(f"python3: can't open file '/srv/labels/labels.py': {error}")
    assert words in reason


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
