"""images.toml: what it says, and what is said when it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError, MisuseError
from checker.images.catalogue import Images

if TYPE_CHECKING:
    from checker.course.places import Places

ROOT = Path(__file__).parents[3]


def edit(places: Places, old: str, new: str) -> None:
    file = places.images / "images.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_every_image_of_the_course_has_a_folder_with_a_dockerfile_and_every_folder_is_listed() -> None:
    images = Images(ROOT)
    dockerfiles = {image.dockerfile for image in images}
    assert all(file.is_file() for file in dockerfiles)
    assert set((ROOT / "images").glob("*/Dockerfile")) <= dockerfiles
    assert all(len(image.recipe) == 16 for image in images)


def test_every_dockerfile_of_the_course_can_stand_on_another_base_and_fetches_no_syntax() -> None:
    for image in Images(ROOT):
        text = image.dockerfile.read_text()
        assert "ARG BASE=" in text, image.short
        assert "FROM ${BASE}" in text, image.short
        assert "# syntax" not in text, image.short


def test_an_image_is_found_by_name_by_tag_and_as_the_engine_calls_it(places: Places) -> None:
    images = Images(places.root)
    assert images.find("hello").reference == "drydock/hello:1.0"
    assert images.find("hello:2.0").args == {"VERSION": "2.0"}
    assert images.find("drydock/hello:2.0") is images.find("hello:2.0")
    assert [image.short for image in images.resolve([])] == ["hello:1.0", "hello:2.0", "more:1.0"]
    assert len(images.resolve(["hello", "hello:1.0"])) == 1


def test_an_image_that_copies_from_another_is_another_when_that_one_changes(places: Places) -> None:
    edit(
        places,
        'base = "hello:1.0"\ntags."1.0" = {}',
        'base = "trixie"\ntags."1.0" = { copies = ["hello:2.0"] }',
    )
    image = Images(places.root).find("more")
    before = image.source
    assert [each.short for each in image.copies] == ["hello:2.0"]
    (places.images / "hello" / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN true\n")
    assert Images(places.root).find("more").source != before


@pytest.mark.parametrize("copied", ["nobody:1.0", "hello:9.9", "more:1.0"])
def test_an_image_that_copies_from_none_or_from_itself_is_refused(places: Places, copied: str) -> None:
    edit(places, 'tags."1.0" = {}', f'tags."1.0" = {{ copies = ["{copied}"] }}')
    with pytest.raises(LabError, match=f"field `copies`: `{copied}` is not the NAME:TAG of another image"):
        Images(places.root).find("more")


def test_an_unknown_image_or_tag_is_answered_with_what_there_is(places: Places) -> None:
    images = Images(places.root)
    with pytest.raises(MisuseError) as caught:
        images.find("helo")
    assert "Did you mean `hello`?" in caught.value.remedy
    with pytest.raises(MisuseError) as caught:
        images.find("hello:3.0")
    assert caught.value.remedy == "Its tags are: 1.0, 2.0."


def test_a_changed_file_argument_or_base_is_another_source(places: Places) -> None:
    before = {image.short: image.source for image in Images(places.root)}
    assert len(set(before.values())) == 3
    (places.images / "hello" / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN true\n")
    after = {image.short: image.source for image in Images(places.root)}
    assert after["hello:1.0"] != before["hello:1.0"]
    assert after["more:1.0"] != before["more:1.0"], "what stands on a changed image changes with it"
    edit(places, "0" * 64, "1" * 64)
    assert Images(places.root).find("hello").source != after["hello:1.0"]


def test_what_python_leaves_behind_is_no_part_of_the_source(places: Places) -> None:
    before = Images(places.root).find("hello").source
    cache = places.images / "hello" / "__pycache__"
    cache.mkdir()
    (cache / "x.pyc").write_bytes(b"x")
    assert Images(places.root).find("hello").source == before


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('base = "trixie"', 'base = "trixi"', "image `hello:1.0`, field `base`: `trixi`"),
        ('base = "hello:1.0"', 'base = "more:1.0"', "image `more:1.0`, field `base`"),
        ('summary = "says hello"', "summary = 7", "images[...].summary"),
        ('base = "trixie"', 'base = "trixie"\nbass = 1', "unknown field `bass`"),
        ("digest = ", 'digest = "latest" #', "digest"),
        ("[bases.trixie]", "[bases.trixie", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_named_with_its_field(places: Places, old: str, new: str, told: str) -> None:
    edit(places, old, new)
    with pytest.raises(LabError) as caught:
        list(Images(places.root))
    assert told in caught.value.what
    assert "images.toml" in caught.value.what


def test_a_missing_file_is_named(places: Places) -> None:
    (places.images / "images.toml").unlink()
    with pytest.raises(LabError, match=r"images\.toml is missing"):
        Images(places.root)
