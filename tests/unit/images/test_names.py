"""Podman's names for images are taken for what they are."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from checker.engine.api import Engine
from checker.engine.endpoint import Endpoint
from checker.images.names import settle
from checker.images.store import Store


class Podman(Engine):
    """An engine that lists images with a registry before each name."""

    def __init__(self, *tags: str, **info: Any) -> None:
        super().__init__(Endpoint("unix:///x", "test"))
        self.tags = set(tags)
        self.info = info

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Answer for one image."""
        if path == "/info":
            return self.info
        if path.endswith("/history"):
            return [{"Size": 10}, {"Size": 5}]
        if path.endswith("/tag"):
            query = options["query"]
            self.tags.add(f"{query['repo']}:{query['tag']}")
        if method == "DELETE":
            self.tags.discard(unquote(path.removeprefix("/images/")))
        labels = {"io.drydock.source": "x"}
        return [{"Id": "sha256:x", "RepoTags": sorted(self.tags), "Labels": labels, "Size": 31}]


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("localhost/drydock/parcel:1.0", "drydock/parcel:1.0"),
        ("docker.io/drydock/parcel:1.0", "drydock/parcel:1.0"),
        ("docker.io/library/debian:trixie-slim", "debian:trixie-slim"),
        ("registry.example/drydock/parcel:1.0", "registry.example/drydock/parcel:1.0"),
        ("drydock/parcel:1.0", "drydock/parcel:1.0"),
    ],
)
def test_a_name_is_read_without_the_registry_that_it_did_not_come_from(tag: str, name: str) -> None:
    assert Podman(tag).list_all("images")[0]["RepoTags"] == [name]


def test_what_was_loaded_gets_the_one_name_that_it_is_looked_up_by() -> None:
    engine = Podman("localhost/drydock/parcel:1.0", "localhost/theirs:1")
    settle(engine, ["drydock/parcel:1.0", "drydock/parcel:2.0"])
    assert engine.tags == {"docker.io/drydock/parcel:1.0", "localhost/theirs:1"}


def test_an_engine_of_dockers_is_left_as_it_is() -> None:
    engine = Podman("drydock/parcel:1.0")
    settle(engine, ["drydock/parcel:1.0"])
    assert engine.tags == {"drydock/parcel:1.0"}


@pytest.mark.parametrize(
    ("status", "size"),
    [
        ([["driver-type", "io.containerd.snapshotter.v1"]], 15),
        ([["Backing Filesystem", "extfs"]], 31),
        (None, 31),
    ],
)
def test_an_images_size_is_that_of_its_layers_on_every_engine(status: Any, size: int) -> None:
    store = Store(Podman("drydock/parcel:1.0", DriverStatus=status))
    (stored,) = store._all().values()
    assert store.size(stored) == size
