"""The Debian base of images: if it is missing, it is pulled by digest, or made here from Debian's packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from checker.engine.platform import Platform, System
from checker.errors import LabError
from checker.images import process
from checker.images.catalogue import NAMESPACE
from checker.images.mirror import find_mirror
from checker.images.pull import pull

if TYPE_CHECKING:
    from checker.engine.api import Engine
    from checker.images.catalogue import Base
    from checker.images.workshop import Workshop

TOOL = "mmdebstrap"
SILENCE_SECONDS = 900.0
"""How long making a base may print nothing; it takes 15 s on two cores with a fast network, and prints each package."""

SLIM = (
    # What Debian's own slim images leave out.
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/linda/*",
    "path-exclude=/usr/share/groff/*",
    # A container's files are lost anyway when the machine fails, so there is no use in waiting for the disk.
    "force-unsafe-io",
)
APT = (
    'Acquire::Languages "none"',
    'Acquire::GzipIndexes "true"',
    'APT::Install-Recommends "false"',
    'Apt::AutoRemove::SuggestsImportant "false"',
)

MERGED = Path("/usr/share/mmdebstrap/hooks/merged-usr")
"""Without it, Debian 12 merges /usr with a Perl program, and 44 MB of Perl stay in the image."""

_DEBIAN = {"amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64", "arm": "armhf"}


def provide(name: str, base: Base, workshop: Workshop) -> str:
    """Make sure that a base is present, and return its name for a Dockerfile's FROM.

    Raises:
        LabError: it can neither be pulled nor made; the message says what to do.
    """
    made = f"{NAMESPACE}/base:{name}"
    for reference in (base.pinned, made):
        if workshop.engine.image(reference):
            return reference
    if pull(base.pinned, workshop):
        return base.pinned
    bootstrap(name, made, base, workshop)
    return made


def bootstrap(
    name: str, reference: str, base: Base, workshop: Workshop, platform: Platform | None = None
) -> None:
    """Make a base from Debian's packages, as small as Debian's own slim images.

    Raises:
        LabError: the machine lacks the tool for it, or the tool failed.
    """
    platform = platform or Platform()
    tool = _find_tool(base, workshop, platform)
    workshop.say(f"making the base {reference} from Debian's packages, because {base.image} cannot be pulled")
    archive = workshop.folder / f"base-{name}.tar"
    log = workshop.folder / f"base-{name}.log"
    command = [tool, "--variant=minbase", f"--architectures={_architecture(workshop.engine)}"]
    command += [f"--dpkgopt={option}" for option in SLIM] + [f"--aptopt={option}" for option in APT]
    if name == "bookworm" and platform.exists(MERGED):
        command += [f"--hook-dir={MERGED}", "--include=usr-is-merged"]
    command += [name, str(archive), *_source_lines(name, platform)]
    try:
        ended = process.run(command, log, silence=SILENCE_SECONDS)
        if not ended.ok:
            _refuse(f"{reference} could not be made from Debian's packages", ended)
        settings = ("--change", 'CMD ["bash"]')
        into = workshop.log("import", name)
        ended = workshop.docker(
            "import", *settings, str(archive), reference, log=into, silence=SILENCE_SECONDS
        )
        if not ended.ok:
            _refuse(f"{reference} could not be imported into the container engine", ended)
    finally:
        archive.unlink(missing_ok=True)


def _refuse(what: str, ended: process.Ended) -> None:
    remedy = f"The whole log is in {ended.log}."
    if process.is_disk_full(ended.lines):
        what, remedy = f"{what}: the disk is full", f"{process.DISK_FULL_REMEDY} {remedy}"
    elif ended.timed_out:
        what += f": there was no output for {SILENCE_SECONDS / 60:.0f} minutes"
    # Lines with errors begin with E:, the others report progress.
    errors = [line for line in ended.lines if line.startswith("E:")]
    raise LabError(f"{what}.", remedy=remedy, detail="\n".join((errors or list(ended.lines))[-15:]))


def _find_tool(base: Base, workshop: Workshop, platform: Platform) -> str:
    """Return the bootstrapping tool; on Debian and Ubuntu, root can install it."""
    if found := platform.which(TOOL):
        return str(found)
    debian = platform.system is System.LINUX and platform.which("apt-get") is not None
    if not debian or not platform.is_root or workshop.no_install:
        remedy = (
            f"Install it (sudo apt-get install {TOOL}), load a bundle (`lab images load FILE`), or use a network that "
            "reaches a registry."
            if debian
            else "Load a bundle (`lab images load FILE`), name a registry that has the course's images "
            "(DRYDOCK_REGISTRY), or use a network that reaches the public registry."
        )
        raise LabError(
            f"{base.image}, the base of the course's images, cannot be pulled, and this machine has no {TOOL} to make it.",
            remedy=remedy,
        )
    from checker.provision import apt  # noqa: PLC0415 - what it imports exists only on Linux

    workshop.say(f"installing {TOOL} from the distribution's packages")
    options = ["-o", f"DPkg::Lock::Timeout={apt.LOCK_SECONDS:.0f}", "-qq"]
    install = [
        "apt-get",
        *options,
        "install",
        "-y",
        "--no-install-recommends",
        TOOL,
        "debian-archive-keyring",
    ]
    try:
        apt.run(install, root=True, progress=workshop.say)
    except LabError:
        # A new machine has no package lists, and those of an old machine are out of date.
        apt.run(["apt-get", *options, "update"], root=True, progress=workshop.say)
        apt.run(install, root=True, progress=workshop.say)
    if found := platform.which(TOOL):
        return str(found)
    raise LabError(f"{TOOL} was installed, but is not on the PATH.", remedy="Read apt's log in /var/log/apt.")


def _source_lines(suite: str, platform: Platform) -> list[str]:
    if platform.system is not System.LINUX or platform.which("apt-get") is None:
        return []
    from checker.provision import apt  # noqa: PLC0415 - what it imports exists only on Linux

    mirror = find_mirror(apt.read_sources(platform), platform.environ)
    return mirror.lines(suite) if mirror else []


def _architecture(engine: Engine) -> str:
    """Return Debian's name for the engine's architecture, which can differ from this machine's."""
    machine = str(engine.get("/version").get("Arch", ""))
    return _DEBIAN.get(machine, machine)
