"""What a build may copy from is alike, whatever modes the checkout has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from checker.images.catalogue import Images
from checker.images.context import lay_out

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.places import Places


def modes(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.lstat().st_mode & 0o777 for path in folder.rglob("*")}


def test_modes_of_the_checkout_do_not_reach_the_build(places: Places, tmp_path: Path) -> None:
    folder = places.root / "images/hello"
    (folder / "rootfs/bin").mkdir(parents=True)
    (folder / "rootfs/bin/start").write_text("#!/bin/sh\n")
    (folder / "rootfs/readme").write_text("read me\n")
    image = Images(places.root).find("hello")
    before = os.umask(0o077)
    try:
        for path in folder.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        closed = modes(lay_out(image, {}, tmp_path / "closed"))
    finally:
        os.umask(before)
    for path in folder.rglob("*"):
        path.chmod(0o777)
    assert modes(lay_out(image, {}, tmp_path / "open")) == closed
    assert closed == {
        "Dockerfile": 0o644,
        "rootfs": 0o755,
        "rootfs/bin": 0o755,
        "rootfs/bin/start": 0o755,
        "rootfs/readme": 0o644,
    }


def test_of_the_whole_course_only_what_an_image_is_made_of_is_sent(places: Places, tmp_path: Path) -> None:
    toml = places.root / "images/images.toml"
    toml.write_text(
        toml.read_text()
        + '[images.pages]\nsummary = "x"\nbase = "trixie"\ncontext = "."\n'
        + 'sources = ["images/hello", "mkdocs.yml"]\ntags."1" = {}\n'
    )
    (places.root / "mkdocs.yml").write_text("site_name: x\n")
    (places.root / "secret").write_text("x\n")
    (places.root / "images/hello/__pycache__").mkdir()
    laid = lay_out(Images(places.root).find("pages"), {}, tmp_path / "laid")
    assert sorted(modes(laid)) == ["images", "images/hello", "images/hello/Dockerfile", "mkdocs.yml"]


def test_links_stay_links(places: Places, tmp_path: Path) -> None:
    (places.root / "images/hello/link").symlink_to("/nowhere")
    laid = lay_out(Images(places.root).find("hello"), {}, tmp_path / "laid")
    assert (laid / "link").readlink().as_posix() == "/nowhere"
