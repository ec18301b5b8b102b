"""Programs that others make: where they are looked for, what they make of an image, and what is said without one."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from checker.errors import ExitCode, LabError
from checker.images import bundle
from checker.images.catalogue import Images
from checker.images.store import RECIPE, SOURCE, Origin
from checker.images.supply import Supply, ensure, lacking
from checker.images.third_party import MissingProgramError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.images.catalogue import Image
    from checker.images.process import Ended
    from checker.images.store import Store
    from checker.images.workshop import Workshop
    from tests.unit.images.conftest import FakeDocker, FakeEngine

PUBLISHED = "somebody/gadget:2.0"
TOML = f"""
[programs.gadget]
title = "Somebody's Gadget"
image = "{PUBLISHED}"
path = "/bin/gadget"
setting = "DRYDOCK_GADGET"

[images.gadget]
summary = "hello, and a gadget"
base = "hello:1.0"
tags."1.0" = {{ programs = ["gadget"] }}
tags."1.0-small" = {{ folder = "images/gadget/small", programs = ["gadget"] }}
"""


def elf(machine: int = 62, body: bytes = b"gadget") -> bytes:
    """Return something with the head of a Linux program."""
    return b"\x7fELF" + bytes([2, 1]) + bytes(12) + struct.pack("<H", machine) + body


@pytest.fixture
def course(places: Places, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    with (places.images / "images.toml").open("a") as file:
        file.write(TOML)
    for folder in ("gadget", "gadget/small"):
        (places.images / folder).mkdir(parents=True)
        (places.images / folder / "Dockerfile").write_text(
            "ARG BASE\nFROM ${BASE}\nCOPY programs/gadget /bin/\n"
        )
    (places.root / "mkdocs.yml").touch()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("DRYDOCK_GADGET", raising=False)
    monkeypatch.delenv("DRYDOCK_COURSE", raising=False)
    (tmp_path / "bin").mkdir()
    engine.add("sha256:base", "drydock/base:trixie")
    return places


def put(file: Path, content: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(0o755)
    return file


def gadget(course: Places, tag: str = "1.0") -> Image:
    return Images(course.root).find(f"gadget:{tag}")


def test_a_program_on_path_goes_into_the_image_and_its_hash_into_the_source(
    course: Places, tmp_path: Path
) -> None:
    put(tmp_path / "bin" / "gadget", elf())
    first = gadget(course).source
    assert len(first) == 16
    put(tmp_path / "bin" / "gadget", elf(body=b"another release"))
    assert gadget(course).source not in {"", first}


def test_what_a_setting_names_comes_before_what_is_on_path(
    course: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "bin" / "gadget", elf())
    named = put(tmp_path / "own" / "gadget-9", elf(body=b"named"))
    monkeypatch.setenv("DRYDOCK_GADGET", str(named))
    assert gadget(course).found_programs()["gadget"].file == named


@pytest.mark.parametrize("content", [b"#!/bin/sh\n", b"\xcf\xfa\xed\xfe" + bytes(40), b""])
def test_a_script_or_another_systems_program_on_path_is_none(
    course: Places, tmp_path: Path, content: bytes
) -> None:
    put(tmp_path / "bin" / "gadget", content)
    assert gadget(course).found_programs() == {}
    assert gadget(course).source == ""


def test_a_setting_that_names_no_program_is_said(
    course: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRYDOCK_GADGET", str(tmp_path / "nothing"))
    with pytest.raises(LabError, match="which is not a program for Linux") as caught:
        gadget(course).found_programs()
    assert "unset it" in caught.value.remedy
    assert lacking(["gadget"], course, no_engine) == "Somebody's Gadget", "a list of labs is no place to fail"


def test_a_build_gets_a_copy_of_the_folder_with_the_program_in_it_and_leaves_no_copy(
    course: Places, docker: FakeDocker, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "bin" / "gadget", elf())
    seen: list[str] = []

    def look(command: Sequence[str], log: Path, **rest: object) -> Ended:
        folder = type(log)(command[-1])
        if (folder / "programs").is_dir():
            seen.append(
                f"{command[command.index('--file') + 1]} {sorted(each.name for each in folder.iterdir())}"
            )
            assert (folder / "programs" / "gadget").read_bytes() == elf()
        return docker.run(command, log, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr("checker.images.process.run", look)
    provided = ensure(["gadget:1.0-small"], places=course, engine=engine, client=docker)  # type: ignore[arg-type]
    assert [each.origin for each in provided] == [Origin.BUILT]
    small = course.images / "gadget" / "small" / "Dockerfile"
    assert seen == [f"{small} ['Dockerfile', 'programs']"]
    assert not list((course.state / "images").glob("*.context"))
    assert ensure(["gadget:1.0-small"], places=course, engine=engine)[0].origin is Origin.PRESENT  # type: ignore[arg-type]


def test_without_a_program_the_published_image_is_pulled_and_the_program_taken_out(
    course: Places, docker: FakeDocker, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.registry[PUBLISHED] = {}
    answered = {"create": (0, "0123456789ab"), "cp": (0, ""), "rm": (0, ""), "image": (0, "")}
    docker.answers = {**docker.answers, **answered}

    def copy(command: Sequence[str], log: Path, **rest: object) -> Ended:
        if command[1] == "cp":
            assert command[2] == "0123456789ab:/bin/gadget"
            put(type(log)(command[3]), elf())
        return docker.run(command, log, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr("checker.images.process.run", copy)
    supply_one(course, docker, engine)
    assert docker.verbs()[:5] == ["pull", "create", "cp", "rm", "image"], "what it came in is removed again"
    docker.calls.clear()
    engine.images.pop(
        next(key for key, image in engine.images.items() if "drydock/gadget:1.0" in image["RepoTags"])
    )
    supply_one(course, docker, engine)
    assert docker.verbs() == ["build"], "once taken out, it is kept"


def supply_one(course: Places, docker: FakeDocker, engine: FakeEngine) -> None:
    provided = ensure(["gadget:1.0"], places=course, engine=engine, client=docker)  # type: ignore[arg-type]
    assert [each.origin for each in provided] == [Origin.BUILT]


def test_with_neither_nothing_is_built_and_the_message_says_what_to_do(
    course: Places, docker: FakeDocker, engine: FakeEngine
) -> None:
    with pytest.raises(MissingProgramError) as caught:
        ensure(["hello:2.0", "gadget:1.0"], places=course, engine=engine, client=docker)  # type: ignore[arg-type]
    assert caught.value.code is ExitCode.COULD_NOT_RUN
    assert "Somebody's Gadget was not found" in caught.value.what
    assert "DRYDOCK_GADGET" in caught.value.remedy
    assert docker.verbs() == ["pull"], "nothing was made in vain"


def test_a_program_for_another_architecture_is_refused(
    course: Places, supply: Supply, docker: FakeDocker, tmp_path: Path
) -> None:
    put(tmp_path / "bin" / "gadget", elf(machine=183))
    with pytest.raises(MissingProgramError, match="is a program for arm64, but the engine runs amd64"):
        supply.provide(gadget(course))
    assert docker.calls == []


@pytest.fixture
def supply(course: Places, store: Store, workshop: Workshop) -> Supply:
    return Supply(course, store, workshop)


def test_an_image_that_is_there_needs_no_program_any_more(
    course: Places, engine: FakeEngine, docker: FakeDocker
) -> None:
    recipe = gadget(course).recipe
    engine.add("sha256:made", "drydock/gadget:1.0", labels={SOURCE: "made elsewhere", RECIPE: recipe})
    assert ensure(["gadget:1.0"], places=course, engine=engine, client=docker)[0].origin is Origin.PRESENT  # type: ignore[arg-type]
    assert lacking(["gadget:1.0"], course, lambda: engine) == ""  # type: ignore[arg-type,return-value]


def test_an_image_made_with_another_release_of_the_program_is_outdated(
    course: Places, engine: FakeEngine, store: Store, tmp_path: Path
) -> None:
    put(tmp_path / "bin" / "gadget", elf())
    recipe = gadget(course).recipe
    engine.add("sha256:made", "drydock/gadget:1.0", labels={SOURCE: "made elsewhere", RECIPE: recipe})
    assert store.current(gadget(course)) is None
    assert store.outdated(gadget(course)) is not None


def test_a_bundle_gives_it_to_a_machine_without_the_program(
    course: Places, engine: FakeEngine, store: Store, workshop: Workshop, tmp_path: Path
) -> None:
    program = put(tmp_path / "bin" / "gadget", elf())
    image = gadget(course)
    labels = {SOURCE: image.source, RECIPE: image.recipe, "io.drydock.image": "gadget"}
    engine.add("sha256:made", image.reference, labels=labels)
    bundle.save([image], course.root / "bundles" / "x.tar", store, workshop)
    program.unlink()
    assert bundle.find_with(gadget(course), course, workshop.engine, workshop.say) is not None


def test_what_is_lacking_is_told_by_name_and_only_where_it_is_needed(
    course: Places, engine: FakeEngine
) -> None:
    assert lacking(["hello", "gadget"], course, lambda: engine) == "Somebody's Gadget"  # type: ignore[arg-type,return-value]
    assert lacking(["hello"], course, no_engine) == ""
    assert lacking(["gadget"], course, no_engine) == "Somebody's Gadget"


def no_engine() -> Engine:
    raise LabError("there is no engine")
