"""Images that are published to a real registry, and pulled from there by digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.images import publish
from checker.images.store import Origin
from checker.images.supply import ensure

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.images.catalogue import Images
    from checker.images.store import Store

pytestmark = pytest.mark.engine

REFERENCE = "drydock/itest:1.0"


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
