"""Publishing to a registry, and pulling from there by digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError
from checker.images import publish
from checker.images.catalogue import Images
from checker.images.publish import Published
from checker.images.store import SOURCE, Origin
from checker.images.supply import Supply

if TYPE_CHECKING:
    from checker.course.places import Places
    from checker.images.store import Store
    from checker.images.workshop import Workshop
    from tests.unit.images.conftest import FakeDocker, FakeEngine

ROOM = "room.example:5000"
DIGEST = "sha256:" + "a" * 64


def test_what_was_published_is_read_as_it_was_written(places: Places) -> None:
    said = Published(registry=ROOM, digests={"more:1.0": DIGEST, "hello:1.0": DIGEST})
    publish.write(places.root, said)
    assert publish.read(places.root) == said
    hello, other = Images(places.root).find("hello:1.0"), Images(places.root).find("hello:2.0")
    assert said.reference(hello) == f"{ROOM}/drydock/hello@{DIGEST}"
    assert said.reference(other) == ""


def test_where_nothing_was_published_there_is_nothing_to_read(places: Places) -> None:
    assert publish.read(places.root) is None


@pytest.mark.parametrize("text", ["registry = 3", 'registry = "a"\n[digests]\n"hello:1.0" = "latest"', "="])
def test_a_file_that_is_no_list_of_digests_is_refused(places: Places, text: str) -> None:
    (places.root / publish.FILE).write_text(text)
    with pytest.raises(LabError, match=r"published\.toml cannot be used"):
        publish.read(places.root)


def test_an_image_is_pushed_under_the_registrys_name_which_is_gone_afterwards(
    places: Places, engine: FakeEngine, docker: FakeDocker, workshop: Workshop
) -> None:
    hello = Images(places.root).find("hello:1.0")
    engine.add("sha256:1", hello.reference, digests=(f"{ROOM}/drydock/hello@{DIGEST}",))
    found = publish.push([hello], ROOM, workshop)
    assert found.digests == {"hello:1.0": DIGEST}
    assert docker.calls[0][-2:] == ["push", f"{ROOM}/drydock/hello:1.0"]
    assert engine.images["sha256:1"]["RepoTags"] == [hello.reference]


def test_a_part_carries_its_platform_in_the_tag(
    places: Places, engine: FakeEngine, docker: FakeDocker, workshop: Workshop
) -> None:
    hello = Images(places.root).find("hello:1.0")
    engine.arch = "arm64"
    engine.add("sha256:1", hello.reference, digests=(f"{ROOM}/drydock/hello@{DIGEST}",))
    publish.push([hello], ROOM, workshop, part=True)
    assert docker.calls[0][-1] == f"{ROOM}/drydock/hello:1.0-arm64"


def test_a_push_that_is_refused_says_why_and_leaves_no_name_behind(
    places: Places, engine: FakeEngine, docker: FakeDocker, workshop: Workshop
) -> None:
    hello = Images(places.root).find("hello:1.0")
    engine.add("sha256:1", hello.reference)
    docker.answers["push"] = (1, "unauthorized: authentication required")
    with pytest.raises(LabError, match="unauthorized"):
        publish.push([hello], ROOM, workshop)
    assert engine.images["sha256:1"]["RepoTags"] == [hello.reference]


def test_a_missing_image_comes_from_where_it_was_published_by_digest(
    places: Places, engine: FakeEngine, docker: FakeDocker, workshop: Workshop, store: Store
) -> None:
    hello = Images(places.root).find("hello:1.0")
    publish.write(places.root, Published(registry=ROOM, digests={"hello:1.0": DIGEST}))
    remote = f"{ROOM}/drydock/hello@{DIGEST}"
    docker.registry[remote] = {SOURCE: hello.source}
    assert Supply(places, store, workshop).provide(hello).origin is Origin.PULLED
    assert docker.calls[0][-1] == remote
    assert engine.image(hello.reference) == engine.image(remote)


def test_a_registry_that_was_named_comes_before_where_it_was_published(
    places: Places,
    docker: FakeDocker,
    workshop: Workshop,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hello = Images(places.root).find("hello:1.0")
    publish.write(places.root, Published(registry=ROOM, digests={"hello:1.0": DIGEST}))
    monkeypatch.setenv("DRYDOCK_REGISTRY", "here:5000")
    docker.registry["here:5000/drydock/hello:1.0"] = {SOURCE: hello.source}
    Supply(places, store, workshop).provide(hello)
    assert docker.calls[0][-1] == "here:5000/drydock/hello:1.0"


def test_one_image_is_made_of_the_parts_of_each_platform(
    places: Places, docker: FakeDocker, workshop: Workshop
) -> None:
    docker.answers["buildx"] = (0, f"Name: x\nDigest:    {DIGEST}\n  Name: x@sha256:{'b' * 64}")
    found = publish.join([Images(places.root).find("hello:1.0")], ROOM, workshop, ["amd64", "arm64"])
    remote = f"{ROOM}/drydock/hello:1.0"
    assert docker.calls[0][-5:] == ["create", "--tag", remote, f"{remote}-amd64", f"{remote}-arm64"]
    assert found.digests == {"hello:1.0": DIGEST}


def test_a_registry_that_tells_no_digest_is_told_of(
    places: Places, docker: FakeDocker, workshop: Workshop
) -> None:
    docker.answers["buildx"] = (0, "Name: x")
    with pytest.raises(LabError, match="did not give the digest"):
        publish.join([Images(places.root).find("hello:1.0")], ROOM, workshop, ["amd64"])
