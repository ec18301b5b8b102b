"""Builds an image from its folder, with BuildKit through the docker command and with the machine's certificates."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from checker.bootstrap.owner import why_not_written
from checker.engine.api import IMAGE
from checker.errors import LabError
from checker.images import process
from checker.images.certificates import find_bundle
from checker.images.context import lay_out
from checker.images.store import MAKER, RECIPE, SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from checker.images.catalogue import Image
    from checker.images.third_party import Found
    from checker.images.workshop import Workshop

SILENCE_SECONDS = 3600.0
"""How long a build may print nothing and do nothing. A compiler may print nothing for a long time."""
TELL_SECONDS = 60.0
"""How often the person reads that a silent build continues."""
SHOWN = 15
"""How many of the last lines of a failed build are shown."""

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")

_STEP = re.compile(r"^#\d+ \[(?:[\w.-]+ )?(\d+)/(\d+)\] (?!FROM)")
_NOISE = re.compile(r"^(#\d+ (DONE|CACHED|ERROR|transferring|sha256|\[internal\])|$)")


def build(image: Image, base: str, maker: str, workshop: Workshop) -> None:
    """Build one image and give it its name.

    Args:
        image: what to build.
        base: the image that FROM names.
        maker: the fingerprint of the engine.
        workshop: the engine to build on, and the folder for logs.

    Raises:
        LabError: the build failed; has the last lines of its log and says where the whole log is.
    """
    log = workshop.log(image.name, image.tag)
    narrator = _Narrator(image, workshop.say)
    with _context(image, image.found_programs(), workshop) as context:
        ended = workshop.docker(
            *arguments(image, base, maker, workshop, context),
            log=log,
            silence=SILENCE_SECONDS,
            environment=environment(workshop.client.environment(), workshop.folder),
            each_line=narrator.line,
            work=work_of_builds,
            waiting=narrator.waiting,
        )
    if ended.ok:
        return
    what = f"{image.reference} could not be built from {image.dockerfile}"
    remedy = f"The whole log is in {log}."
    if process.is_disk_full(ended.lines):
        what, remedy = f"{what}: the disk is full", f"{process.DISK_FULL_REMEDY} {remedy}"
    elif ended.timed_out:
        what = f"{what}: there was no output for {SILENCE_SECONDS / 60:.0f} minutes"
    elif any("temporary failure resolving" in line.lower() for line in ended.lines):
        remedy = f"The network or a name server cannot be reached from inside a container. {remedy}"
    raise LabError(f"{what}.", remedy=remedy, detail="\n".join(last_lines(ended.lines)))


@contextlib.contextmanager
def _context(image: Image, programs: Mapping[str, Found], workshop: Workshop) -> Iterator[Path]:
    """Yield the folder that the build may copy from: a copy of the image's folder, and the programs it needs."""
    folder = workshop.folder / f"{image.name}-{image.tag}.context"
    try:
        try:
            lay_out(image, programs, folder)
        except OSError as error:
            why, remedy = why_not_written(folder, error, "DRYDOCK_STATE")
            if error.errno == errno.ENOSPC:
                remedy = process.DISK_FULL_REMEDY
            raise LabError(f"{folder} cannot be written: {why}.", remedy=remedy) from error
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def arguments(
    image: Image, base: str, maker: str, workshop: Workshop, context: Path | None = None
) -> list[str]:
    """Return the arguments of the docker command that builds an image."""
    given = ["build", "--progress=plain", "--load", "--file", str(image.dockerfile), "--tag", image.reference]
    labels = {IMAGE: image.name, SOURCE: image.source, MAKER: maker}
    if image.programs:
        labels[RECIPE] = image.recipe
    for name, value in labels.items():
        given += ["--label", f"{name}={value}"]
    copied = {each.name.upper().replace("-", "_"): each.reference for each in image.copies}
    for name, value in {"BASE": base, **copied, **image.args}.items():
        given += ["--build-arg", f"{name}={value}"]
    for name in PROXIES:
        # Without a value here, Docker takes the value from the environment and records it nowhere.
        if _is_usable_proxy(os.environ.get(name, "")):
            given += ["--build-arg", name]
    if bundle := find_bundle(workshop.folder):
        given += ["--secret", f"id=ca,src={bundle}"]
    return [*given, str(context or image.context)]


def environment(base: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment of a build: BuildKit inside the engine, and one image instead of an index.

    Args:
        base: the client's environment.
        folder: where buildx can store its files; it needs such a folder, and not every home folder can be written.
    """
    return {
        **base,
        "BUILDX_CONFIG": str(folder / "buildx"),
        "DOCKER_BUILDKIT": "1",
        # Another builder would not see the base, and would not leave its result on the engine.
        "BUILDX_BUILDER": "default",
        # An attestation turns the image into an index, which `ctr images import` in a node cannot read.
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    }


def last_lines(lines: tuple[str, ...]) -> list[str]:
    """Return the last lines of the failing step's output.

    After a line of dashes, BuildKit repeats the step, its output and the Dockerfile.
    """
    until = lines.index("------") if "------" in lines else len(lines)
    told = [line for line in lines[:until] if not _NOISE.match(line)]
    return (told or list(lines))[-SHOWN:]


class _Narrator:
    """Reports what a build is doing."""

    def __init__(self, image: Image, say: Callable[[str], None]) -> None:
        self._say = say
        self._doing = f"building {image.reference}"
        self._told = 0.0
        self._image = image
        say(self._doing)

    def line(self, line: str) -> None:
        """Report a step that begins."""
        if match := _STEP.match(line):
            self._doing = f"building {self._image.reference}, step {match[1]} of {match[2]}"
            self._say(self._doing)

    def waiting(self, seconds: float) -> None:
        """Report from time to time that it continues."""
        if seconds - self._told >= TELL_SECONDS:
            self._told = seconds
            self._say(
                f"{self._doing}: running for {seconds / 60:.0f} min; its last step has printed nothing yet"
            )


def work_of_builds(processes: Path = Path("/proc")) -> float:
    """Return the processor time that running build steps have used, in ticks; 0 if the engine's processes are not visible.

    A compiler may print nothing for longer than any useful limit, but its processor time shows that it works.
    """
    total = 0
    for folder in processes.glob("[0-9]*"):
        try:
            if "buildkit" in (folder / "cgroup").read_text():
                # utime and stime of proc(5), after the name, which may contain spaces.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        except (OSError, ValueError, IndexError):
            continue
    return float(total)


def _is_usable_proxy(value: str) -> bool:
    """Whether a container can use this proxy; it cannot reach one on this machine's loopback."""
    return bool(value) and urlsplit(value).hostname not in {"localhost", "127.0.0.1", "::1"}
