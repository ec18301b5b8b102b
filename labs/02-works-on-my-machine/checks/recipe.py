"""The checker's own builds of the learner's recipe: from a clean copy, and again after a change to the code."""

from __future__ import annotations

import re
import secrets
import shutil
import stat
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from checker.cluster.interface import tag_of
from checker.engine.api import IMAGE as COURSE_IMAGE
from checker.engine.api import LABEL
from checker.grading.author import could_not_run, digest_of

from .inside import searched
from .truth import IMAGE, WHY, adas_key

if TYPE_CHECKING:
    from checker.grading.author import Build, Lab

    from .layers import Contents

BUILD_SECONDS = 60.0
"""How long one build may take; the library comes with the folder, so nothing is downloaded."""


@dataclass
class Recipe:
    """Both builds of one recipe, in a folder of the checker's own that is gone afterwards."""

    lab: Lab
    key: str = field(default_factory=lambda: f"check-{secrets.token_hex(8)}")
    """The false key in the copy's `.env`."""
    history: str = field(default_factory=lambda: f"check-{secrets.token_hex(8)}")
    """A word in the copy's git history, by which that is known under another name too."""

    @cached_property
    def image(self) -> dict[str, Any]:
        """The engine's record of labels:1.0 when the recipe was first looked at; empty if there was none."""
        return self.lab.image(IMAGE) or {}

    @cached_property
    def state(self) -> tuple[str, str]:
        """The folder and the image when they were first looked at, for `recall`: somebody may change both meanwhile."""
        return self._folder, str(self.image.get("Id", ""))

    @property
    def _folder(self) -> str:
        return digest_of(self.source) if self.source.is_dir() else ""

    @property
    def unchanged(self) -> bool:
        """Whether the folder is what it was before it was copied."""
        return self._folder == self.state[0]

    @property
    def source(self) -> Path:
        """The learner's folder."""
        return self.lab.work / "labels"

    @cached_property
    def copy(self) -> Path:
        """A clean copy that has what a developer's folder has: a git history, a virtual environment, a key."""
        _ = self.state  # before any file is read
        copy = Path(tempfile.mkdtemp(prefix="drydock-02-")) / "labels"
        shutil.copytree(self.source, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv"))
        made = (
            f"home = /usr/bin\ncommand = /usr/bin/python3 -m venv /home/{secrets.token_hex(8)}/labels/.venv\n"
        )
        add(copy, ".git/HEAD", b"ref: refs/heads/main\n")
        add(copy, ".git/objects/history", self.history.encode() + secrets.token_bytes(256 * 1024))
        add(copy, ".venv/pyvenv.cfg", made.encode())
        add(copy, ".env", f"LABELS_KEY={self.key}\n".encode())
        return copy

    @cached_property
    def built(self) -> Build:
        """A build of the copy."""
        return self.lab.build(self.copy, BUILD_SECONDS)

    @cached_property
    def contents(self) -> Contents:
        """What is in its image, searched for both keys and the copy's history."""
        return searched(self.lab.engine, self.built.image["Id"], adas_key(), self.key, self.history)

    @cached_property
    def built_after_edit(self) -> Build:
        """Another one, after one line was added to each of the programs; a library beside them is left as it is."""
        _ = self.built  # before the copy changes
        edited = programs(self.copy)
        if not edited:
            could_not_run(
                "there is no program in labels/ to which a comment could be added: no file *.py, and none whose first line names Python"
            )
        for file in edited:
            file.chmod(file.stat().st_mode | stat.S_IWUSR)
            with file.open("a", encoding="utf-8") as program:
                program.write(f"# changed by the check {secrets.token_hex(4)}\n")
        return self.lab.build(self.copy, BUILD_SECONDS)

    def close(self) -> None:
        """Remove the copy."""
        if "copy" in self.__dict__:
            shutil.rmtree(self.copy.parent, ignore_errors=True)


def add(copy: Path, name: str, content: bytes) -> None:
    """Write a file into a copy; what stands there as a link would lead to the learner's own file."""
    file = copy / name
    for place in (file, *file.parents):
        if place != copy and place.is_relative_to(copy) and place.is_symlink():
            place.unlink()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # it may be one that nobody may write to
    file.write_bytes(content)


def is_program(file: Path) -> bool:
    """Whether a file of the folder is the service's own code, and not its library's or somebody's tools."""
    own = {"vendor", ".venv", ".git", "site-packages"}.isdisjoint(file.parts)
    return own and not any(part.startswith("parcelcode") for part in file.parts)


def programs(folder: Path) -> list[Path]:
    """Return the files of a folder that are the service's own code: those named *.py, or scripts for Python if there are none."""
    own = [
        file
        for file in folder.rglob("*")
        if is_program(file.relative_to(folder)) and file.is_file() and not file.is_symlink()
    ]
    return [file for file in own if file.suffix == ".py"] or [file for file in own if _is_script(file)]


def _is_script(file: Path) -> bool:
    with file.open("rb") as program:
        return bool(re.match(rb"#!.*python", program.readline(200)))


# -- why it does not build -------------------------------------------------------------------------------------

_NETWORK = re.compile(
    r"No matching distribution|Temporary failure in name resolution|Network is unreachable|Could not resolve|"
    r"Failed to establish a new connection|Name or service not known|Temporary failure resolving"
)
_NO_BASE = re.compile(r"failed to resolve source metadata for ([^\s,]+?): ")
_MISSING = re.compile(r'"([^"]+)": not found|failed to calculate checksum[^"]*"([^"]+)"')


def require_named(folder: Path) -> None:
    """Fail unless a folder has a Dockerfile of exactly that name; some systems find it also by another spelling."""
    names = sorted(path.name for path in folder.glob("*"))
    seen = ", ".join(names) or "no folder labels/"
    if "Dockerfile" in names and (folder / "Dockerfile").is_file():
        return
    near = [
        name
        for name in names
        if (folder / name).is_file() and re.match("(docker|container)file", name, re.IGNORECASE)
        if not name.endswith(".dockerignore")
    ]
    WHY.fail("recipe-misnamed" if near else "no-recipe", near="".join(near[:1]), seen=seen)


def fail_build(build: Build) -> NoReturn:
    """Explain why a copy of the folder does not build, by what the builder said last."""
    log = "\n".join(build.log)
    base, missing = _NO_BASE.search(log), _MISSING.search(log)
    file = (missing[1] or missing[2]) if missing else ""
    error = next((line for line in reversed(build.log) if line.startswith("ERROR:")), "")
    WHY.fail(
        "base-not-there" if base
        else "wants-a-network" if _NETWORK.search(log)
        else "out-of-an-environment" if file.startswith("/.venv/")
        else "file-not-there" if file
        else "does-not-build",
        base=short(base[1]) if base else "",
        file=file,
        seen=error[:300] or "the build ended with an error",
        evidence="\n".join(build.last_words),
    )  # fmt: skip


# -- what it is built on, and what comes of it -----------------------------------------------------------------


def settings(image: dict[str, Any]) -> list[object]:
    """Return what two images must have in common so that their containers do the same: their layers, and how these are run."""
    config = image.get("Config") or {}
    names = ("User", "Env", "Entrypoint", "Cmd", "WorkingDir", "StopSignal", "Volumes")
    return [image.get("RootFS", {}).get("Layers"), *(config.get(name) or None for name in names)]


_MOVING = re.compile(
    "(latest|slim|alpine|stable|testing|unstable|rolling|devel|edge|lts|current|mainline|nightly)(-|$)"
)
"""How tags begin that name no version, but what is newest of a kind."""


def tag_meant(reference: str) -> str:
    """Return the tag of an image reference; no tag means `latest`."""
    return tag_of(reference) or "latest"


def unpinned(reference: str) -> bool:
    """Whether an image reference may mean another image tomorrow: no digest, and a tag that names no version."""
    tag = tag_meant(reference)
    return "@" not in reference and bool(_MOVING.match(tag)) and not re.search(r"\d", tag)


def only_here(lab: Lab, reference: str) -> bool:
    """Whether a base was made on this machine by the learner: built in this lab, or on one of the course's images, or never pulled."""
    name = short(reference)
    image = lab.image(name)
    if image is None:
        return False
    if name.startswith("drydock/"):
        return bool(lab.replaced(name, image))
    labels = image["Config"].get("Labels") or {}
    return bool({LABEL, COURSE_IMAGE} & labels.keys()) or not image.get("RepoDigests")


def short(reference: str) -> str:
    """Return a reference as people write it, without the default registry."""
    return reference.removeprefix("docker.io/").removeprefix("library/")
