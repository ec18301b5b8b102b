"""Images that are published to a real registry, and pulled from there by digest."""

from __future__ import annotations

import contextlib
import urllib.request
from typing import TYPE_CHECKING

import pytest

from checker.course.places import find
from checker.grading.author import wait_until
from checker.images import publish
from checker.images.store import Origin
from checker.images.supply import ensure, locked
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.engine.client import Client
    from checker.images.catalogue import Images
    from checker.images.store import Store

pytestmark = pytest.mark.engine

REFERENCE = "drydock/itest:1.0"


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


def test_what_was_published_comes_back_by_digest(
    places: Places,
    engine: Engine,
    store: Store,
    registry: str,
    publisher: Callable[..., publish.Published],
) -> None:
    published = publisher(publish.push, registry)
    assert sorted(published.digests) == ["itest:1.0", "itest:2.0"]
    publish.write(places.root, published)
    store.delete(REFERENCE)
    said: list[str] = []
    assert ensure(["itest:1.0"], said.append, places=places, engine=engine)[0].origin is Origin.PULLED
    assert said[0] == f"pulling {registry}/drydock/itest@{published.digests['itest:1.0']}"


def test_an_image_that_has_changed_since_is_built(
    places: Places,
    engine: Engine,
    images: Images,
    store: Store,
    registry: str,
    publisher: Callable[..., publish.Published],
) -> None:
    publish.write(places.root, publisher(publish.push, registry))
    store.delete(REFERENCE)
    dockerfile = images.find("itest").dockerfile
    dockerfile.write_text(dockerfile.read_text() + "RUN true\n")
    said: list[str] = []
    assert ensure(["itest:1.0"], said.append, places=places, engine=engine)[0].origin is Origin.BUILT
    assert any("belongs to another version of the course" in line for line in said)


def test_parts_become_one_image_that_has_the_digest_that_is_told(
    places: Places,
    engine: Engine,
    store: Store,
    registry: str,
    publisher: Callable[..., publish.Published],
) -> None:
    publisher(publish.push, registry, part=True)
    arch = engine.get("/version")["Arch"]
    published = publisher(publish.join, registry, [arch])
    publish.write(places.root, published)
    store.delete(REFERENCE)
    assert ensure(["itest:1.0"], places=places, engine=engine)[0].origin is Origin.PULLED
