"""From the first source that has it: present, pulled, bundle, built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError
from checker.images import bundle
from checker.images.catalogue import Images
from checker.images.store import MAKER, SOURCE, Origin
from checker.images.supply import Made, Provided, Supply, ensure

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.places import Places
    from checker.engine.platform import Platform
    from checker.images.store import Store
    from checker.images.workshop import Workshop
    from tests.unit.images.conftest import FakeDocker, FakeEngine

BASE = "drydock/base:trixie"


@pytest.fixture
def supply(places: Places, store: Store, workshop: Workshop) -> Supply:
    return Supply(places, store, workshop)


def make_current(engine: FakeEngine, places: Places, name: str) -> None:
    image = Images(places.root).find(name)
    engine.add(
        f"sha256:{name}",
        image.reference,
        labels={SOURCE: image.source, "io.drydock.image": image.name},
    )


def test_what_is_present_and_current_starts_no_program(
    places: Places, engine: FakeEngine, docker: FakeDocker
) -> None:
    make_current(engine, places, "hello")
    provided = ensure(["hello"], places=places, engine=engine, client=docker)  # type: ignore[arg-type]
    assert provided == [Provided("drydock/hello:1.0", Origin.PRESENT)]
    assert docker.calls == []


def test_what_is_missing_is_built_on_the_base_that_is_there(
    places: Places, engine: FakeEngine, docker: FakeDocker, said: list[str]
) -> None:
    engine.add("sha256:base", BASE)
    provided = ensure(["hello:2.0"], said.append, places=places, engine=engine, client=docker)  # type: ignore[arg-type]
    assert [each.origin for each in provided] == [Origin.BUILT]
    assert docker.verbs() == ["build"]
    assert {f"BASE={BASE}", "VERSION=2.0"} <= set(docker.calls[0])
    assert said[0] == "building drydock/hello:2.0"


def test_an_image_made_of_something_else_is_made_anew_and_the_old_one_goes(
    supply: Supply, engine: FakeEngine, places: Places
) -> None:
    engine.add("sha256:base", BASE)
    engine.add("sha256:old", "drydock/hello:1.0", labels={SOURCE: "something else"})
    assert supply.provide(Images(places.root).find("hello")).origin is Origin.BUILT
    assert "sha256:old" not in engine.images


def test_a_replaced_image_that_a_container_uses_is_kept_under_another_name(
    supply: Supply, engine: FakeEngine, places: Places
) -> None:
    engine.add("sha256:base", BASE)
    engine.add("sha256:0123456789abcdef", "drydock/hello:1.0", labels={SOURCE: "something else"})
    engine.used.add("sha256:0123456789abcdef")
    supply.provide(Images(places.root).find("hello"))
    assert engine.images["sha256:0123456789abcdef"]["RepoTags"] == ["drydock/hello:old-0123456789ab"]


def test_what_an_image_stands_on_is_provided_first(
    supply: Supply, engine: FakeEngine, docker: FakeDocker, places: Places
) -> None:
    engine.add("sha256:base", BASE)
    supply.provide(Images(places.root).find("more"))
    assert [call[call.index("--tag") + 1] for call in docker.calls] == [
        "drydock/hello:1.0",
        "drydock/more:1.0",
    ]
    assert "BASE=drydock/hello:1.0" in docker.calls[1]


def test_what_an_image_copies_from_is_provided_first_and_named_to_the_build(
    supply: Supply, engine: FakeEngine, docker: FakeDocker, places: Places
) -> None:
    file = places.images / "images.toml"
    file.write_text(
        file.read_text().replace(
            '"hello:1.0"\ntags."1.0" = {}', '"trixie"\ntags."1.0" = { copies = ["hello:2.0"] }'
        )
    )
    engine.add("sha256:base", BASE)
    supply.provide(Images(places.root).find("more"))
    assert [call[call.index("--tag") + 1] for call in docker.calls] == [
        "drydock/hello:2.0",
        "drydock/more:1.0",
    ]
    assert "HELLO=drydock/hello:2.0" in docker.calls[1]


def test_our_images_are_pulled_only_from_a_registry_that_was_named(
    supply: Supply, engine: FakeEngine, docker: FakeDocker, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Images(places.root).find("hello")
    docker.registry["class:5000/drydock/hello:1.0"] = {SOURCE: image.source, MAKER: "teacher"}
    engine.add("sha256:base", BASE)
    monkeypatch.setenv("DRYDOCK_REGISTRY", "class:5000/")
    assert supply.provide(image).origin is Origin.PULLED
    assert docker.verbs() == ["pull"]
    assert engine.image("drydock/hello:1.0") is engine.image("class:5000/drydock/hello:1.0")


def test_an_image_of_another_version_of_the_course_is_not_used(
    supply: Supply,
    engine: FakeEngine,
    docker: FakeDocker,
    places: Places,
    monkeypatch: pytest.MonkeyPatch,
    said: list[str],
) -> None:
    docker.registry["class:5000/drydock/hello:1.0"] = {SOURCE: "another"}
    engine.add("sha256:base", BASE)
    monkeypatch.setenv("DRYDOCK_REGISTRY", "class:5000")
    assert supply.provide(Images(places.root).find("hello")).origin is Origin.BUILT
    assert any("another version of the course" in line for line in said)
    assert engine.image("class:5000/drydock/hello:1.0") is None


def test_a_registry_that_cannot_be_reached_is_asked_once(
    supply: Supply, engine: FakeEngine, docker: FakeDocker, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.add("sha256:base", BASE)
    monkeypatch.setenv("DRYDOCK_REGISTRY", "class:5000")
    for image in Images(places.root):
        supply.provide(image)
    assert docker.verbs().count("pull") == 1


def test_a_registry_without_one_image_is_asked_for_the_next(
    supply: Supply, engine: FakeEngine, docker: FakeDocker, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.add("sha256:base", BASE)
    docker.answers["pull"] = (1, "Error response from daemon: manifest for x not found: manifest unknown")
    monkeypatch.setenv("DRYDOCK_REGISTRY", "class:5000")
    for image in Images(places.root):
        supply.provide(image)
    assert docker.verbs().count("pull") == 3


def test_the_base_is_pulled_by_digest_where_it_can_be(
    supply: Supply, docker: FakeDocker, places: Places
) -> None:
    image = Images(places.root).find("hello")
    pinned = "debian:trixie-slim@sha256:" + "0" * 64
    docker.registry[pinned] = {}
    supply.provide(image)
    assert f"BASE={pinned}" in docker.calls[-1]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every program from this machine."""

    def nothing(_self: Platform, _program: str) -> None:
        return None

    monkeypatch.setattr("checker.engine.platform.Platform.which", nothing)


@pytest.mark.usefixtures("bare")
def test_a_machine_that_can_neither_pull_nor_make_the_base_says_what_would_help(
    supply: Supply, places: Places
) -> None:
    with pytest.raises(LabError) as caught:
        supply.provide(Images(places.root).find("hello"))
    assert "debian:trixie-slim" in caught.value.what
    assert "lab images load FILE" in caught.value.remedy
    assert "DRYDOCK_REGISTRY" in caught.value.remedy


@pytest.mark.parametrize("damage", [False, True])
def test_a_bundle_lying_ready_is_loaded_and_a_damaged_one_passed_over(
    supply: Supply,
    store: Store,
    workshop: Workshop,
    engine: FakeEngine,
    docker: FakeDocker,
    places: Places,
    said: list[str],
    *,
    damage: bool,
) -> None:
    image = Images(places.root).find("hello")
    make_current(engine, places, "hello")
    file = places.root / "bundles" / "class.tar.gz"
    bundle.save([image], file, store, workshop)
    engine.images.clear()
    store.refresh()
    engine.add("sha256:base", BASE)
    if damage:
        file.write_bytes(file.read_bytes()[:40])
        assert supply.provide(image).origin is Origin.BUILT
        assert any("It is skipped." in line for line in said)
    else:
        supply.provide(image)
        assert docker.loaded == "drydock/hello:1.0"


def test_a_build_that_fails_shows_its_last_lines_and_where_the_whole_log_is(
    supply: Supply, engine: FakeEngine, docker: FakeDocker, places: Places
) -> None:
    engine.add("sha256:base", BASE)
    output = [f"#6 {number}.0 line {number}" for number in range(30)]
    docker.answers["build"] = (1, "\n".join([*output, "------", " > [2/3] RUN x:", "ERROR: failed to solve"]))
    with pytest.raises(LabError) as caught:
        supply.provide(Images(places.root).find("hello"))
    assert caught.value.detail.splitlines() == output[-15:]
    assert "hello-1.0.log" in caught.value.remedy


def test_a_full_disk_is_called_one(
    supply: Supply, engine: FakeEngine, docker: FakeDocker, places: Places
) -> None:
    engine.add("sha256:base", BASE)
    docker.answers["build"] = (1, "#6 1.0 write /var/x: no space left on device")
    with pytest.raises(LabError) as caught:
        supply.provide(Images(places.root).find("hello"))
    assert "the disk is full" in caught.value.what
    assert "lab images prune" in caught.value.remedy


def test_podman_is_not_asked_to_build_and_the_way_round_it_is_told(
    supply: Supply, engine: FakeEngine, docker: FakeDocker
) -> None:
    engine.parts = [{"Name": "Podman Engine"}]
    engine.add("sha256:base", BASE)
    with pytest.raises(LabError, match="Podman, has no BuildKit") as caught:
        supply.build(Images(supply.places.root).find("hello"))
    assert "lab images save FILE" in caught.value.remedy
    assert "build" not in docker.verbs()


def test_a_state_folder_that_cannot_be_written_is_named(
    places: Places, engine: FakeEngine, docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DRYDOCK_STATE", str(tmp_path / "file"))
    with pytest.raises(LabError, match="cannot be written"):
        ensure(["hello"], places=places, engine=engine, client=docker)  # type: ignore[arg-type]


def test_an_image_that_cannot_be_built_keeps_none_of_the_others(
    supply: Supply, places: Places, docker: FakeDocker, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.add("sha256:base", BASE)
    answer = docker._answer

    def refuse_one(verb: str, command: list[str]) -> tuple[int, str]:
        if verb == "build" and "drydock/hello:1.0" in command:
            return 1, "#7 ERROR: no such file"
        return answer(verb, command)

    monkeypatch.setattr(docker, "_answer", refuse_one)
    made = Made()
    supply.make(Images(places.root).every([]), made, lambda _: True)
    assert [each.reference for each in made.provided] == ["drydock/hello:2.0"]
    assert [each.reference for each in made.missed] == ["drydock/hello:1.0", "drydock/more:1.0"]
    assert made.missed[0].detail == "#7 ERROR: no such file"
    assert made.missed[1].why.startswith("drydock/more:1.0 needs drydock/hello:1.0, which is not there: ")
    built = [call for call in docker.calls if call[1] == "build" and "drydock/hello:1.0" in call]
    assert len(built) == 1, "what failed is not tried again for what stands on it"


def test_what_was_made_until_an_interruption_is_known(
    supply: Supply, places: Places, docker: FakeDocker, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.add("sha256:base", BASE)
    answer = docker._answer

    def interrupt(verb: str, command: list[str]) -> tuple[int, str]:
        if verb == "build" and "drydock/hello:2.0" in command:
            raise KeyboardInterrupt
        return answer(verb, command)

    monkeypatch.setattr(docker, "_answer", interrupt)
    made = Made()
    with pytest.raises(KeyboardInterrupt):
        supply.make(Images(places.root).every([]), made, lambda _: True)
    assert [each.reference for each in made.provided] == ["drydock/hello:1.0"]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["hello"], ["hello:1.0", "hello:2.0"]),
        (["hello:2.0"], ["hello:2.0"]),
        (["more", "hello:1.0", "hello"], ["more:1.0", "hello:1.0", "hello:2.0"]),
        ([], ["hello:1.0", "hello:2.0", "more:1.0"]),
    ],
)
def test_a_name_without_a_tag_means_all_tags(places: Places, names: list[str], found: list[str]) -> None:
    assert [image.short for image in Images(places.root).every(names)] == found
