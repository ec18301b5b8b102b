"""What the engine holds: which images are ours, which are old, and where each came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.course.catalogue import Lab
from checker.course.model import LabToml, Part, Step
from checker.errors import MisuseError
from checker.images.catalogue import Images
from checker.images.listing import list_images, write_table
from checker.images.store import MAKER, SOURCE, Origin

if TYPE_CHECKING:
    from checker.course.places import Places
    from checker.images.store import Store
    from tests.unit.images.conftest import FakeEngine

OURS = {"io.drydock.image": "hello", SOURCE: "old"}


@pytest.fixture
def images(places: Places) -> Images:
    return Images(places.root)


def test_only_images_under_the_courses_own_names_are_old(
    engine: FakeEngine, store: Store, images: Images
) -> None:
    current = images.find("hello")
    engine.add("sha256:current", current.reference, labels={**OURS, SOURCE: current.source})
    engine.add("sha256:stale", "drydock/hello:2.0", labels=OURS)
    engine.add("sha256:replaced", "drydock/hello:old-123", labels=OURS)
    # A learner's image inherits the labels of what it was built on; it is theirs all the same.
    engine.add("sha256:learners", "mine:1.0", labels=OURS)
    engine.add("sha256:both", "drydock/hello:0.9", "mine:2.0", labels=OURS)
    engine.add("sha256:dangling", labels=OURS)
    engine.add("sha256:foreign", "drydock/hello:0.8", labels={})
    assert {each.id for each in store.old(images)} == {"sha256:stale", "sha256:replaced"}


def test_an_old_image_that_is_in_use_is_kept_and_told(
    engine: FakeEngine, store: Store, images: Images
) -> None:
    engine.add("sha256:a", "drydock/hello:0.1", labels=OURS)
    engine.add("sha256:b", "drydock/hello:0.2", labels=OURS)
    engine.used.add("sha256:b")
    removed, kept = store.remove(store.old(images))
    assert [each.id for each in removed] == ["sha256:a"]
    assert [each.id for each in kept] == ["sha256:b"]
    assert list(engine.images) == ["sha256:b"]


@pytest.mark.parametrize(
    ("maker", "digests", "origin"),
    [
        (None, (), Origin.BUILT),
        ("another engine", (), Origin.BUNDLE),
        ("another engine", ("drydock/hello@sha256:1",), Origin.BUNDLE),
        ("another engine", ("class:5000/drydock/hello@sha256:1",), Origin.PULLED),
    ],
)
def test_an_image_tells_where_it_came_from(
    engine: FakeEngine,
    store: Store,
    images: Images,
    maker: str | None,
    digests: tuple[str, ...],
    origin: Origin,
) -> None:
    image = images.find("hello")
    here = store.fingerprint()
    labels = {SOURCE: image.source, MAKER: maker or here}
    engine.add("sha256:x", image.reference, labels=labels, digests=digests)
    stored = store.current(image)
    assert stored is not None
    assert store.origin(stored, here) is origin


def test_the_table_shows_what_is_here_what_is_outdated_and_who_needs_it(
    engine: FakeEngine, store: Store, images: Images, places: Places
) -> None:
    current = images.find("hello")
    engine.add("sha256:x", current.reference, labels={SOURCE: current.source, MAKER: store.fingerprint()})
    engine.add("sha256:y", "drydock/hello:2.0", labels=OURS)
    rows = list_images(images, store, [_lab(places, "01-one", "hello")])
    assert [(row.origin, row.labs) for row in rows] == [
        ("built", ("01-one",)),
        ("outdated", ()),
        ("not here", ()),
    ]
    table = write_table(rows).splitlines()
    assert table[0].split() == ["IMAGE", "SIZE", "FROM", "LABS", "WHAT", "IT", "IS"]
    assert table[1].split()[:5] == ["drydock/hello:1.0", "1", "MB", "built", "01"]


def test_a_lab_that_needs_an_unknown_image_is_named(store: Store, images: Images, places: Places) -> None:
    with pytest.raises(MisuseError, match=r"01-one/lab\.toml: field `images`: There is no image `helo`"):
        list_images(images, store, [_lab(places, "01-one", "helo")])


def _lab(places: Places, slug: str, image: str) -> Lab:
    toml = LabToml(
        title="One",
        claim="One.",
        summary="one",
        part=Part.CONTAINERS,
        minutes=1,
        images=(image,),
        steps=(Step(title="a step"),),
    )
    return Lab(places.labs / slug, toml)


def test_volumes_that_nodes_share_go_when_no_container_has_them(
    engine: FakeEngine, store: Store, images: Images
) -> None:
    def listed(name: str, image: str) -> dict[str, object]:
        return {"Name": name, "Labels": {"io.drydock.kept": image}}

    engine.volumes = [listed("free", "hello"), listed("used", "hello"), listed("foreign", "another")]
    engine.containers = [{"Mounts": [{"Type": "volume", "Name": "used"}, {"Type": "bind"}]}, {"Mounts": None}]
    assert store.unused_volumes(images) == ["free"]
    # Between the question and the answer, a lab may have started.
    engine.containers.append({"Mounts": [{"Name": "late"}]})
    engine.volumes.append(listed("late", "hello"))
    assert store.remove_volumes(["free", "late", "gone"]) == ["free"]
    assert [each["Name"] for each in engine.volumes] == ["used", "foreign", "late"]
