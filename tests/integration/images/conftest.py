"""Small images of the tests' own, made from the course's base on the real engine."""

from __future__ import annotations

import contextlib
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from checker.course.places import Places, find
from checker.engine.client import Client, find_client
from checker.errors import EngineError
from checker.grading.author import wait_until
from checker.images.catalogue import Images
from checker.images.store import SOURCE, Store
from checker.images.supply import ensure, locked
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from checker.engine.api import Engine
    from checker.images import publish

NAME = "itest"
TOML = f"""
[bases.trixie]
image = "debian:trixie-slim"

[images.{NAME}]
summary = "for the tests"
base = "trixie"
tags."1.0" = {{ args = {{ VERSION = "1.0" }} }}
tags."2.0" = {{ args = {{ VERSION = "2.0" }} }}
"""
DOCKERFILE = """
ARG BASE
FROM ${BASE}
ARG VERSION
RUN --mount=type=secret,id=ca,target=/run/secrets/ca cat /run/secrets/ca > /dev/null && echo "$VERSION" > /version
"""


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Iterator[Places]:
    """Give a course with one small image under two tags; what is made of it is removed from the engine."""
    monkeypatch.delenv("DRYDOCK_REGISTRY", raising=False)
    monkeypatch.delenv("DRYDOCK_BUNDLE", raising=False)
    monkeypatch.setenv("DRYDOCK_STATE", str(tmp_path / "state of Zoë"))
    root = tmp_path / "a course"
    (root / "images" / NAME).mkdir(parents=True)
    (root / "images" / "images.toml").write_text(TOML)
    (root / "images" / NAME / "Dockerfile").write_text(DOCKERFILE)
    yield Places(root, root)
    for item in engine.list_all("images", labels={SOURCE: "", "io.drydock.image": NAME}):
        for reference in item.get("RepoTags") or [item["Id"]]:
            try:
                engine.delete(f"/images/{quote(reference, safe='')}", force=True)
            except EngineError:
                continue


@pytest.fixture
def images(places: Places) -> Images:
    return Images(places.root)


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


@pytest.fixture
def client(engine: Engine) -> Client:
    return find_client(engine.endpoint)


@pytest.fixture
def registry(engine: Engine, run: Callable[..., str]) -> str:
    """Give the address of a registry that runs in a container of the course's own image."""
    ensure(["registry"], places=find(ROOT), engine=engine)
    serve = ("docker-registry", "serve", "/etc/docker/registry/config.yml")
    container = run("drydock/registry:1.0", *serve, HostConfig={"PublishAllPorts": True})
    ports = engine.inspect(container)["NetworkSettings"]["Ports"]
    address = f"localhost:{ports['5000/tcp'][0]['HostPort']}"

    def answers() -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://{address}/v2/", timeout=2) as reply,
        ):
            return bool(reply.status == 200)
        return False

    assert wait_until(answers, 60)
    return address


@pytest.fixture
def publisher(
    places: Places, engine: Engine, client: Client, store: Store, images: Images
) -> Callable[..., publish.Published]:
    """Give a function that does one thing of `publish` with both tags of the test's image."""
    ensure(["itest:1.0", "itest:2.0"], places=places, engine=engine)
    store.refresh()

    def do(what: Callable[..., publish.Published], *words: object, **options: object) -> publish.Published:
        with locked(places, store, client, lambda _: None) as supply:
            return what(images.every(["itest"]), words[0], supply.workshop, *words[1:], **options)

    return do
