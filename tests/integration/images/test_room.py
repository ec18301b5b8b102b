"""Images go from the teacher's engine through a real registry and the class's door into a learner's engine, as they were."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from checker.classroom.calling import join
from checker.classroom.outbox import Outbox
from checker.classroom.shelf import Shelf
from checker.course.catalogue import Catalogue
from checker.images import publish
from checker.images.store import Origin
from checker.images.supply import ensure
from tests.unit.classroom.classes import Held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.images.store import Store

pytestmark = pytest.mark.engine

REFERENCE = "drydock/itest:1.0"


@pytest.fixture
def identity(
    places: Places,
    engine: Engine,
    store: Store,
    registry: str,
    publisher: Callable[..., publish.Published],
    tmp_path: Path,
) -> Iterator[str]:
    """Put this machine into a class that has the test's images, and take those away; give the id that one had."""
    publisher(publish.push, registry)
    found = store.identity(REFERENCE)
    shelf = Shelf(registry=int(registry.rpartition(":")[2]), images=frozenset({"drydock/itest"}))
    (places.root / "labs").mkdir()
    held = Held(tmp_path / "class", Catalogue(places), shelf)
    with contextlib.closing(Outbox(places.state)) as outbox:
        join(outbox, held.opened.invitation.text, "Ada", "machine-1-machine-1")
        for tag in ("1.0", "2.0"):
            store.delete(f"drydock/itest:{tag}")
        try:
            yield found
        finally:
            held.end()


def test_a_machine_in_the_class_gets_the_very_image_that_the_teacher_has(
    places: Places, engine: Engine, store: Store, identity: str
) -> None:
    said: list[str] = []
    provided = ensure(["itest:1.0", "itest:2.0"], said.append, places=places, engine=engine)
    assert [each.origin for each in provided] == [Origin.PULLED, Origin.PULLED]
    assert store.identity(REFERENCE) == identity
    assert said[0] == "fetching drydock/itest:1.0 from the class at 127.0.0.1"


def test_a_machine_that_left_the_class_makes_its_images_itself(
    places: Places, engine: Engine, identity: str
) -> None:
    assert identity
    with contextlib.closing(Outbox(places.state)) as outbox:
        outbox.leave()
    (provided,) = ensure(["itest:1.0"], places=places, engine=engine)
    assert provided.origin is Origin.BUILT
