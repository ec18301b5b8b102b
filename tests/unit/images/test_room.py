"""Images come from the class that a machine is in, byte by byte compared; without the class, from where they came before."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from checker.images import publish, room
from checker.images.catalogue import Images
from checker.images.room import Place
from checker.images.store import SOURCE, Origin
from checker.images.supply import Supply, can_pull, ensure
from tests.unit.web.servers import Bad, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from checker.course.places import Places
    from checker.images.store import Store
    from checker.images.workshop import Workshop
    from tests.unit.images.conftest import FakeDocker, FakeEngine

PERMIT = {"drydock-learner": "ada", "drydock-seal": "s"}
BASE = "drydock/base:trixie"
LAYERS = [os.urandom(200_000), os.urandom(50_000)]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Registry(Bad):
    """A registry with images of a course."""

    def __init__(self, places: Places) -> None:
        super().__init__({})
        self.needs = dict(PERMIT)
        self._images = Images(places.root)

    def put(self, name: str, **changes: Any) -> str:
        """Put an image into it, and return the path of its manifest."""
        image = self._images.find(name)
        labels = changes.get("labels", {SOURCE: image.source, "io.drydock.image": image.name})
        settings = json.dumps(
            {
                "os": "linux",
                "architecture": changes.get("architecture", "amd64"),
                "config": {"Labels": labels},
            }
        ).encode()
        repository, _, tag = image.reference.rpartition(":")
        for data in (settings, *LAYERS):
            self.files[f"/v2/{repository}/blobs/sha256:{sha(data)}"] = data
        manifest = {
            "schemaVersion": 2,
            "mediaType": room.MANIFESTS[1],
            "config": {"digest": f"sha256:{sha(settings)}"},
            "layers": [{"digest": f"sha256:{sha(data)}"} for data in LAYERS],
        }
        path = f"/v2/{repository}/manifests/{tag}"
        self.publish(path, manifest)
        return path

    def publish(self, path: str, manifest: dict[str, Any]) -> str:
        """Write a manifest, and return its digest."""
        data = json.dumps(manifest).encode()
        self.files[path] = data
        self.kinds[path] = str(manifest.get("mediaType", ""))
        self.headers[path] = {"Docker-Content-Digest": f"sha256:{sha(data)}"}
        return f"sha256:{sha(data)}"

    def layers_asked(self) -> list[str]:
        """Return the SHA-256 of the layers that were asked for, in order."""
        known = {sha(data) for data in LAYERS}
        return [path[-64:] for path, _ in self.asked if path[-64:] in known]


@pytest.fixture
def registry(places: Places, tmp_path: Path) -> Iterator[Registry]:
    """Give the registry of a class that this machine is in."""
    found = Registry(places)
    with serving(found, tmp_path / "class") as at:
        places.state.mkdir(parents=True, exist_ok=True)
        room.note(places.state, Place(at.host, at.port, at.fingerprint, PERMIT))
        yield found


@pytest.fixture
def supply(
    places: Places, store: Store, workshop: Workshop, registry: Registry, engine: FakeEngine
) -> Supply:
    assert registry is not None
    engine.add("sha256:base", BASE)
    return Supply(places, store, workshop)


def test_a_missing_image_is_fetched_from_the_class_and_loaded(
    supply: Supply, registry: Registry, docker: FakeDocker, places: Places, engine: FakeEngine
) -> None:
    registry.put("hello")
    assert supply.provide(Images(places.root).find("hello")).origin is Origin.PULLED
    assert docker.verbs() == ["load"]
    assert docker.layers == LAYERS
    assert engine.image("drydock/hello:1.0")


def test_a_layer_that_two_images_share_is_fetched_once_and_goes_when_all_are_there(
    registry: Registry, docker: FakeDocker, places: Places, engine: FakeEngine
) -> None:
    registry.put("hello:1.0")
    registry.put("hello:2.0")
    ensure(["hello:1.0", "hello:2.0"], places=places, engine=engine, client=docker)  # type: ignore[arg-type]
    assert sorted(registry.layers_asked()) == sorted(sha(data) for data in LAYERS)
    assert not (places.state / "images" / room.FOLDER).exists()


def test_of_an_image_for_several_platforms_the_engines_own_is_taken(
    supply: Supply, registry: Registry, docker: FakeDocker, places: Places
) -> None:
    path = registry.put("hello")
    own = json.loads(registry.files[path])
    digest = registry.publish(path, own)
    registry.publish(path.replace("1.0", digest), own)
    other = {"digest": f"sha256:{'0' * 64}", "platform": {"os": "linux", "architecture": "arm64"}}
    mine = {"digest": digest, "platform": {"os": "linux", "architecture": "amd64"}}
    registry.publish(path, {"mediaType": room.INDEXES[0], "manifests": [other, mine]})
    assert supply.provide(Images(places.root).find("hello")).origin is Origin.PULLED
    assert docker.layers == LAYERS


def test_a_wrong_byte_in_a_layer_is_refused_and_the_image_is_built_here(
    supply: Supply, registry: Registry, docker: FakeDocker, places: Places, said: list[str]
) -> None:
    registry.put("hello")
    path = next(path for path in registry.files if path.endswith(sha(LAYERS[1])))
    registry.files[path] = LAYERS[1][:-1] + bytes([LAYERS[1][-1] ^ 1])
    assert supply.provide(Images(places.root).find("hello")).origin is Origin.BUILT
    assert "load" not in docker.verbs()
    assert any("wrong bytes" in line for line in said)


def test_a_manifest_that_is_not_what_the_registry_says_is_refused(
    supply: Supply, registry: Registry, docker: FakeDocker, places: Places, said: list[str]
) -> None:
    path = registry.put("hello")
    registry.files[path] += b" "
    assert supply.provide(Images(places.root).find("hello")).origin is Origin.BUILT
    assert "load" not in docker.verbs()
    assert any("manifest" in line for line in said)


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "sha256:" + "A" * 64, "", None])
def test_a_hostile_manifest_names_no_file(
    supply: Supply, registry: Registry, docker: FakeDocker, places: Places, digest: str | None
) -> None:
    path = registry.put("hello")
    manifest = json.loads(registry.files[path])
    manifest["layers"][0]["digest"] = digest
    registry.publish(path, manifest)
    assert supply.provide(Images(places.root).find("hello")).origin is Origin.BUILT
    assert "load" not in docker.verbs()


def test_a_download_that_breaks_goes_on_and_no_byte_comes_twice(
    supply: Supply, registry: Registry, places: Places
) -> None:
    registry.put("hello")
    registry.most = 30_000
    supply.provide(Images(places.root).find("hello"))
    # Besides the layers: the manifest and the settings, both short.
    assert sum(map(len, LAYERS)) <= registry.sent < sum(map(len, LAYERS)) + 2000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": {SOURCE: "another"}}, "another version of the course"),
        ({"architecture": "arm64"}, "another platform"),
    ],
)
def test_an_image_that_does_not_fit_is_not_fetched(
    supply: Supply,
    registry: Registry,
    docker: FakeDocker,
    places: Places,
    said: list[str],
    changes: dict[str, Any],
    words: str,
) -> None:
    registry.put("hello", **changes)
    assert supply.provide(Images(places.root).find("hello")).origin is Origin.BUILT
    assert registry.layers_asked() == []
    assert "load" not in docker.verbs()
    assert sum(words in line for line in said) == 1


def test_an_image_that_the_class_does_not_have_is_built_and_the_next_is_asked_for(
    supply: Supply, registry: Registry, places: Places, said: list[str]
) -> None:
    registry.put("hello:2.0")
    images = Images(places.root)
    assert supply.provide(images.find("hello:1.0")).origin is Origin.BUILT
    assert supply.provide(images.find("hello:2.0")).origin is Origin.PULLED
    assert sum("does not have drydock/hello:1.0" in line for line in said) == 1


def test_a_class_that_is_away_is_told_in_one_sentence_and_asked_once(
    places: Places, store: Store, workshop: Workshop, engine: FakeEngine, said: list[str], tmp_path: Path
) -> None:
    engine.add("sha256:base", BASE)
    with serving(Registry(places), tmp_path / "class") as at:
        pass
    places.state.mkdir(parents=True, exist_ok=True)
    room.note(places.state, Place(at.host, at.port, at.fingerprint, PERMIT))
    supply = Supply(places, store, workshop)
    for image in Images(places.root):
        assert supply.provide(image).origin is Origin.BUILT
    (told,) = [line for line in said if "class" in line]
    assert told.endswith("Images are not taken from it now.")


def test_a_machine_that_may_not_read_says_so_once_and_builds(
    supply: Supply, registry: Registry, places: Places, said: list[str]
) -> None:
    registry.put("hello")
    registry.needs = {"drydock-seal": "another"}
    for image in Images(places.root):
        assert supply.provide(image).origin is Origin.BUILT
    assert sum("403" in line for line in said) == 1


def test_a_registry_that_was_named_comes_before_the_class(
    supply: Supply, registry: Registry, docker: FakeDocker, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRYDOCK_REGISTRY", "own:5000")
    image = Images(places.root).find("hello")
    docker.registry["own:5000/drydock/hello:1.0"] = {SOURCE: image.source}
    supply.provide(image)
    assert registry.asked == []


def test_images_can_be_pulled_from_a_named_registry_the_class_or_where_they_were_published(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DRYDOCK_REGISTRY", raising=False)
    room.forget(places.state)
    assert not can_pull(places)
    places.state.mkdir(parents=True, exist_ok=True)
    room.note(places.state, Place("192.0.2.7", 8443, "A" * 52, PERMIT))
    assert can_pull(places)
    room.forget(places.state)
    publish.write(places.root, publish.Published(registry="registry.example/course", digests={}))
    assert can_pull(places)
    (places.root / publish.FILE).unlink()
    monkeypatch.setenv("DRYDOCK_REGISTRY", "192.0.2.7:5000")
    assert can_pull(places)


def test_the_note_of_a_class_is_closed_to_others_and_a_damaged_one_is_no_class(tmp_path: Path) -> None:
    place = Place("10.0.0.1", 8443, "A" * 52, PERMIT)
    room.note(tmp_path, place)
    assert stat.S_IMODE((tmp_path / room.FILE).stat().st_mode) == 0o600
    assert room.place_of(tmp_path) == place
    (tmp_path / room.FILE).write_text("{")
    assert room.place_of(tmp_path) is None
    room.forget(tmp_path)
    room.forget(tmp_path)
    assert list(tmp_path.iterdir()) == []
