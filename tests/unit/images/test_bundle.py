"""Bundles: what is written is what is read, and nothing damaged or foreign is loaded."""

from __future__ import annotations

import tarfile
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError
from checker.images import bundle
from checker.images.catalogue import Images
from checker.images.store import SOURCE

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.places import Places
    from checker.images.store import Store
    from checker.images.workshop import Workshop
    from tests.unit.images.conftest import FakeDocker, FakeEngine


@pytest.fixture(params=["class.tar", "class.tar.gz", "class.tgz"])
def file(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    places: Places,
    engine: FakeEngine,
    store: Store,
    workshop: Workshop,
) -> Path:
    """Save every image into a bundle."""
    images = list(Images(places.root))
    for image in images:
        engine.add(f"sha256:{image.short}", image.reference, labels={SOURCE: image.source})
    path = tmp_path / "a folder with spaces" / str(request.param)
    bundle.save(images, path, store, workshop)
    return path


def test_a_bundle_says_what_is_in_it_and_is_loaded_whole(
    file: Path, workshop: Workshop, docker: FakeDocker
) -> None:
    manifest = bundle.read_manifest(file)
    assert manifest.platform == "linux/amd64"
    assert [entry.reference for entry in manifest.images] == [
        "drydock/hello:1.0",
        "drydock/hello:2.0",
        "drydock/more:1.0",
    ]
    assert bundle.load(file, workshop) == manifest
    assert docker.loaded == "drydock/hello:1.0 drydock/hello:2.0 drydock/more:1.0"


def test_nothing_but_the_bundle_is_left_behind(file: Path, workshop: Workshop) -> None:
    bundle.load(file, workshop)
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert not (workshop.folder / "loading.tar").exists()


def test_a_bundle_that_was_cut_short_is_not_loaded(
    file: Path, workshop: Workshop, docker: FakeDocker
) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 8])
    with pytest.raises(LabError):
        bundle.load(file, workshop)
    assert "load" not in docker.verbs()


def test_a_bundle_whose_images_were_changed_is_not_loaded(
    file: Path, workshop: Workshop, docker: FakeDocker, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.tar"
    with tarfile.open(file) as old, tarfile.open(changed, "w") as new:
        new.addfile(old.getmember(bundle.MANIFEST), old.extractfile(bundle.MANIFEST))
        other = tarfile.TarInfo(bundle.ARCHIVE)
        other.size = 4
        new.addfile(other, BytesIO(b"else"))
    with pytest.raises(LabError, match="is damaged"):
        bundle.load(changed, workshop)
    assert "load" not in docker.verbs()


def test_a_bundle_for_another_architecture_is_refused(
    file: Path, workshop: Workshop, engine: FakeEngine
) -> None:
    engine.arch = "arm64"
    with pytest.raises(LabError, match="has images for linux/amd64, but this engine runs linux/arm64"):
        bundle.load(file, workshop)


@pytest.mark.parametrize("content", [b"", b"no tar at all" * 100])
def test_a_file_that_is_no_bundle_is_called_so(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.tar"
    file.write_bytes(content)
    with pytest.raises(LabError, match="bundle"):
        bundle.read_manifest(file)


def test_another_tar_archive_is_no_bundle(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(__file__, "x.py")
    with pytest.raises(LabError, match="is not a bundle of course images"):
        bundle.read_manifest(tmp_path / "x.tar")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"There is no file .*nowhere\.tar"):
        bundle.read_manifest(tmp_path / "nowhere.tar")


def test_an_image_that_is_not_there_cannot_be_saved(
    tmp_path: Path, places: Places, store: Store, workshop: Workshop
) -> None:
    with pytest.raises(LabError, match=r"drydock/hello:1\.0 is not there"):
        bundle.save([Images(places.root).find("hello")], tmp_path / "x.tar", store, workshop)


def test_a_save_that_fails_leaves_no_half_bundle(
    tmp_path: Path, places: Places, engine: FakeEngine, store: Store, workshop: Workshop, docker: FakeDocker
) -> None:
    image = Images(places.root).find("hello")
    engine.add("sha256:x", image.reference, labels={SOURCE: image.source})
    docker.answers["save"] = (1, "write x: no space left on device")
    with pytest.raises(LabError, match="the disk is full"):
        bundle.save([image], tmp_path / "out" / "x.tar", store, workshop)
    assert list((tmp_path / "out").iterdir()) == []


def test_bundles_lie_in_the_courses_folder_or_where_the_variable_says(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places.root / "bundles").mkdir()
    for name in ("b.tar", "a.tar.gz", "notes.txt"):
        (places.root / "bundles" / name).write_text("")
    assert [path.name for path in bundle.lying_ready(places)] == ["a.tar.gz", "b.tar"]
    stick = tmp_path / "stick.tgz"
    stick.write_text("")
    monkeypatch.setenv("DRYDOCK_BUNDLE", str(stick))
    assert bundle.lying_ready(places)[0] == stick
