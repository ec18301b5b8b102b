"""The checker's own builds of the learner's recipe: from a clean copy, and again after a change to the code."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from checker.engine.api import IMAGE, LABEL, ROLE, NotFoundError
from checker.engine.client import find_client
from checker.grading.author import could_not_run

from .truth import WHY

if TYPE_CHECKING:
    from checker.grading.author import Engine, Lab

BUILD_SECONDS = 60.0
"""How long one build may take; the library comes with the folder, so nothing is downloaded."""

_LINE = re.compile(r"^#(\d+) (.*)$")
_STEP = re.compile(r"^\[(?:[^\]]* )?\d+/\d+\] (.*)$")
_METADATA = re.compile(
    r"^\[(?:\S+ )?internal\] load metadata for (\S+)|^\[internal\] load metadata for (\S+)"
)
_INSTALLED = re.compile(
    r"(Successfully installed|Installing collected packages:).*\bparcelcode", re.IGNORECASE
)
_LIBRARY_WORDS = re.compile(r"parcelcode|requirements|vendor", re.IGNORECASE)


@dataclass
class Step:
    """One instruction of a build: its text, whether the cache had it, and what it printed."""

    text: str
    cached: bool = False
    output: list[str] = field(default_factory=list)

    @property
    def handles_library(self) -> bool:
        """Whether it is a command that installs the library, by its text or by what it printed."""
        return self.text.startswith("RUN") and bool(
            _LIBRARY_WORDS.search("\n".join([self.text, *self.output]))
        )

    @property
    def installed_library(self) -> bool:
        """Whether it printed that it installed the library, and not that the library was there already."""
        return bool(_INSTALLED.search("\n".join(self.output)))


@dataclass
class Build:
    """One build: whether it worked, the image, and the builder's own log."""

    ok: bool
    log: list[str]
    image: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    bases: list[str] = field(default_factory=list)

    @property
    def layers(self) -> list[str]:
        """The digests of the image's layers."""
        return list(self.image["RootFS"]["Layers"])


@dataclass
class Recipe:
    """Both builds of one recipe, in a folder of the checker's own that is gone afterwards."""

    lab: Lab
    engine: Engine
    key: str = field(default_factory=lambda: f"check-{secrets.token_hex(8)}")
    """The false key in the copy's `.env`."""
    history: str = field(default_factory=lambda: f"check-{secrets.token_hex(8)}")
    """A word in the copy's git history, by which that is known under another name too."""
    first: Build | None = None
    second: Build | None = None
    _made: list[str] = field(default_factory=list)
    _folder: Path | None = None

    @property
    def source(self) -> Path:
        """The learner's folder."""
        return self.lab.work / "labels"

    def build(self) -> Build:
        """Build from a clean copy that has what a developer's folder has: a git history, a virtual environment, a key."""
        if self.first is None:
            self._folder = Path(tempfile.mkdtemp(prefix="drydock-02-"))
            copy = self._folder / "labels"
            shutil.copytree(self.source, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv"))
            self._add(copy, ".git/HEAD", b"ref: refs/heads/main\n")
            self._add(copy, ".git/objects/history", self.history.encode() + secrets.token_bytes(256 * 1024))
            made = f"home = /usr/bin\ncommand = /usr/bin/python3 -m venv /home/{secrets.token_hex(8)}/labels/.venv\n"
            self._add(copy, ".venv/pyvenv.cfg", made.encode())
            self._add(copy, ".env", f"LABELS_KEY={self.key}\n".encode())
            self.first = self._build(copy)
        return self.first

    def _add(self, copy: Path, name: str, content: bytes) -> None:
        """Write a file into the copy; what stands there as a link would lead to the learner's own file."""
        file = copy / name
        for place in (file, *file.parents):
            if place != copy and place.is_relative_to(copy) and place.is_symlink():
                place.unlink()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def build_after_edit(self) -> Build:
        """Build once more after one line was added to each of the programs; a library beside them is left as it is."""
        if self.second is None:
            self.build()
            copy = (self._folder or Path()) / "labels"
            edited = programs(copy)
            if not edited:
                could_not_run(
                    "there is no program in labels/ to which a comment could be added: no file *.py, and none whose first line names Python"
                )
            for file in edited:
                with file.open("a", encoding="utf-8") as program:
                    program.write(f"# changed by the check {secrets.token_hex(4)}\n")
            self.second = self._build(copy)
        return self.second

    def _build(self, context: Path) -> Build:
        tag = f"drydock-check-{self.lab.number}:{secrets.token_hex(6)}"
        client = find_client(self.engine.endpoint)
        command = client.command(
            "build", "--progress=plain", "--tag", tag,
            "--label", f"{LABEL}={self.lab.number}", "--label", f"{ROLE}=checker", str(context),
        )  # fmt: skip
        self._made.append(tag)
        try:
            done = subprocess.run(
                command,
                env={**client.environment(), "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=BUILD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            could_not_run(f"a build of your folder took longer than {BUILD_SECONDS:g} s")
        log = done.stdout.decode(errors="replace").splitlines()
        build = Build(ok=done.returncode == 0, log=log)
        build.steps, build.bases = read_log(log)
        if build.ok:
            build.image = self.engine.image(tag) or {}
        return build

    def close(self) -> None:
        """Remove the images and the copy."""
        for tag in self._made:
            try:
                self.engine.delete(f"/images/{tag}", force=True)
            except NotFoundError:
                continue
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


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
        evidence="\n".join(_last_words(build.log)),
    )  # fmt: skip


_NETWORK = re.compile(
    r"No matching distribution|Temporary failure in name resolution|Network is unreachable|Could not resolve|"
    r"Failed to establish a new connection|Name or service not known|Temporary failure resolving"
)
_NO_BASE = re.compile(r"failed to resolve source metadata for ([^\s,]+?): ")
_MISSING = re.compile(r'"([^"]+)": not found|failed to calculate checksum[^"]*"([^"]+)"')


def _last_words(log: list[str]) -> list[str]:
    """Return the last lines that the failing step printed; the excerpt of the recipe and the error come after them."""
    said = []
    for line in log:
        match = _LINE.match(line)
        text = re.sub(r"^\d+\.\d+ ", "", match[2]) if match else ""
        if text and not text.startswith(
            ("ERROR", "DONE", "CACHED", "[", "sha256:", "transferring", "building with")
        ):
            said.append(text.strip())
    return said[-3:]


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


def read_log(log: list[str]) -> tuple[list[Step], list[str]]:
    """Read the builder's plain log: the instructions it went through, and the base images it resolved."""
    steps: dict[str, Step] = {}
    bases: list[str] = []
    for line in log:
        if not (match := _LINE.match(line)):
            continue
        number, text = match.groups()
        if meta := _METADATA.match(text):
            bases.append(meta[1] or meta[2])
        elif (step := _STEP.match(text)) and not step[1].startswith("FROM "):
            steps.setdefault(number, Step(step[1]))
        elif number in steps:
            if text == "CACHED":
                steps[number].cached = True
            else:
                steps[number].output.append(text)
    return list(steps.values()), bases


def settings(image: dict[str, Any]) -> list[object]:
    """Return what two images must have in common so that their containers do the same: their layers, and how these are run."""
    config = image.get("Config") or {}
    names = ("User", "Env", "Entrypoint", "Cmd", "WorkingDir", "StopSignal", "Volumes")
    return [image.get("RootFS", {}).get("Layers"), *(config.get(name) or None for name in names)]


def unpinned(reference: str) -> bool:
    """Whether an image reference may mean another image tomorrow: no digest, and `latest` or no tag."""
    if "@" in reference:
        return False
    tag = reference.rpartition("/")[2].partition(":")[2]
    return tag in {"", "latest"}


def only_here(lab: Lab, reference: str) -> bool:
    """Whether a base was made on this machine by the learner: built in this lab, or on one of the course's images, or never pulled."""
    name = short(reference)
    image = lab.image(name)
    if image is None or name.startswith("drydock/"):
        return False
    labels = image["Config"].get("Labels") or {}
    return bool({LABEL, IMAGE} & labels.keys()) or not image.get("RepoDigests")


def short(reference: str) -> str:
    """Return a reference as people write it, without the default registry."""
    return reference.removeprefix("docker.io/").removeprefix("library/")
