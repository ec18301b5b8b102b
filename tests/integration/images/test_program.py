"""A program that others make: taken out of its image for real, and what `lab` says where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.images.store import Origin
from checker.images.supply import ensure
from tests.conftest import TOOLS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    import pytest

    from checker.course.places import Places
    from checker.engine.api import Engine
    from tests.conftest import Course

PROGRAM = """
[programs.{name}]
title = "Somebody's Gadget"
image = "{image}"
path = "{path}"
setting = "DRYDOCK_GADGET"
"""

DOCKERFILE = """
ARG BASE
FROM ${BASE}
COPY --chmod=0755 programs/jq /usr/local/bin/jq
RUN ldd /usr/local/bin/jq | head -1 > /linked-with
"""

NOBODY = "localhost:1/nobody/gadget:1.0"
"""An image that no registry has: nothing listens there."""


def test_a_program_is_taken_out_of_its_image_and_laid_into_ours(
    places: Places, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure(["toolbox"], engine=engine)
    monkeypatch.delenv("DRYDOCK_GADGET", raising=False)
    monkeypatch.setattr("shutil.which", lambda *_args, **_options: None)
    file = places.images / "images.toml"
    text = file.read_text().replace('tags."2.0" = {', 'tags."2.0" = { programs = ["jq"],')
    file.write_text(text + PROGRAM.format(name="jq", image=TOOLS, path="/usr/bin/jq"))
    (places.images / "itest" / "Dockerfile").write_text(DOCKERFILE)
    (places.root / "labs").mkdir()
    (places.root / "mkdocs.yml").touch()
    assert ensure(["itest:2.0"], places=places, engine=engine)[0].origin is Origin.BUILT
    assert ensure(["itest:2.0"], places=places, engine=engine)[0].origin is Origin.PRESENT
    assert engine.image(TOOLS), "an image that was there before is left alone"


def test_without_the_program_a_lab_could_not_run_before_anything_starts(
    course: Course, lab: Callable[..., subprocess.CompletedProcess[str]], engine: Engine
) -> None:
    (course.root / "images" / "gadget").mkdir()
    (course.root / "images" / "gadget" / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (course.root / "images" / "images.toml").write_text(
        '[bases.trixie]\nimage = "debian:trixie-slim"\n'
        '[images.gadget]\nsummary = "a gadget"\nbase = "trixie"\ntags."1.0" = { programs = ["gadget"] }\n'
        + PROGRAM.format(name="gadget", image=NOBODY, path="/bin/gadget")
    )
    course.lab(
        toml='images = ["gadget:1.0"]\n',
        files={"compose.yaml": "services:\n  toolbox:\n    image: drydock/gadget:1.0\n"},
    )
    listed = lab("list")
    assert listed.returncode == 0
    assert "needs Somebody's Gadget, which is missing here" in " ".join(listed.stdout.split())
    for verb in ("start", "verify"):
        done = lab(verb, course.number)
        assert done.returncode == 3, done.stderr
        said = " ".join(done.stderr.split())
        assert "Somebody's Gadget was not found" in said
        assert "DRYDOCK_GADGET" in said
    assert not engine.list_all(
        "containers", labels={"com.docker.compose.project": f"drydock-{course.number}"}
    )
    assert not course.places.work.exists()
