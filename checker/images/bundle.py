"""Bundles: images in one file with a manifest, for rooms without a registry or a fast network."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from checker.errors import LabError
from checker.images import process
from checker.images.names import settle
from checker.images.store import RECIPE, SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from checker.course.places import Places
    from checker.engine.api import Engine
    from checker.images.catalogue import Image
    from checker.images.store import Store
    from checker.images.workshop import Workshop

VARIABLE = "DRYDOCK_BUNDLE"
"""The variable that names a bundle, or a folder of bundles, to load missing images from."""
FOLDER = "bundles"
MANIFEST = "drydock.json"
ARCHIVE = "images.tar"
FORMAT = 1
SILENCE_SECONDS = 7200.0
"""How long the engine may take for all images, without any output; it takes two minutes on a fast disk."""
_CHUNK = 1 << 20
_GZIPPED = (".gz", ".tgz")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One image of a bundle."""

    reference: str
    id: str
    source: str
    size: int
    recipe: str = ""
    """Only for an image that also needs a third-party program; see the label `io.drydock.recipe`."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a bundle."""

    format: int
    platform: str
    """Operating system and architecture, such as linux/amd64."""
    sha256: str
    """The hash of the archive of images in the bundle."""
    images: tuple[Entry, ...]


def save(images: Iterable[Image], file: Path, store: Store, workshop: Workshop) -> Manifest:
    """Write images that are present into one file, compressed with gzip if its name says so.

    Raises:
        LabError: an image is not there, or the file could not be written.
    """
    entries = tuple(_entry(image, store) for image in images)
    archive = file.with_name(f".{file.name}.images")
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        workshop.say(f"saving {len(entries)} images")
        references = [entry.reference for entry in entries]
        _docker(workshop, "save", "--output", str(archive), *references)
        manifest = Manifest(
            format=FORMAT,
            platform=platform_of(workshop.engine),
            sha256=_hash(archive),
            images=entries,
        )
        workshop.say(f"writing {file}")
        _write(part, manifest, archive, gzipped=file.name.endswith(_GZIPPED))
        part.replace(file)
    except OSError as error:
        raise LabError(
            f"{file} could not be written: {error.strerror or error}.",
            remedy="Check the permissions of its folder and the free space of the disk.",
        ) from error
    finally:
        for each in (archive, part):
            with contextlib.suppress(OSError):
                each.unlink()
    return manifest


def _entry(image: Image, store: Store) -> Entry:
    stored = store.current(image)
    if stored is None:
        raise LabError(f"{image.reference} is not there.", remedy="Build it first: `lab images build`.")
    return Entry(
        reference=image.reference,
        id=stored.id,
        source=stored.labels[SOURCE],
        size=stored.size,
        recipe=stored.labels.get(RECIPE, ""),
    )


def read_manifest(file: Path) -> Manifest:
    """Read the manifest of a bundle; this is quick, because the manifest comes first.

    Raises:
        LabError: the file is missing, or is not a bundle.
    """
    with _opened(file) as bundle:
        return _manifest(bundle, file)


def load(file: Path, workshop: Workshop) -> Manifest:
    """Load a bundle into the engine, after a check that it is complete and meant for this engine.

    Raises:
        LabError: it is not a bundle, is damaged, or is for another architecture; then nothing is loaded.
    """
    copy = workshop.folder / "loading.tar"
    workshop.folder.mkdir(parents=True, exist_ok=True)
    try:
        with _opened(file) as bundle:
            manifest = _manifest(bundle, file)
            ours = platform_of(workshop.engine)
            if manifest.platform != ours:
                raise LabError(
                    f"{file} has images for {manifest.platform}, but this engine runs {ours}.",
                    remedy=f"Use a bundle that was saved on a machine with {ours}.",
                )
            member = bundle.next()
            inner = bundle.extractfile(member) if member and member.name == ARCHIVE else None
            if inner is None or _copy(inner, copy) != manifest.sha256:
                raise LabError(
                    f"{file} is damaged: its images are not what its manifest says.", remedy=_AGAIN
                )
        load_archive(copy, workshop)
        settle(workshop.engine, [entry.reference for entry in manifest.images])
    except OSError as error:
        raise LabError(f"{file} could not be unpacked: {error.strerror or error}.", remedy=_AGAIN) from error
    finally:
        copy.unlink(missing_ok=True)
    return manifest


def load_archive(archive: Path, workshop: Workshop) -> None:
    """Load an archive of images, as `docker save` writes them, into the engine.

    Raises:
        LabError: the engine does not take it.
    """
    _docker(workshop, "load", "--quiet", "--input", str(archive))


def find_with(image: Image, places: Places, engine: Engine, say: Callable[[str], None]) -> Path | None:
    """Return the first available bundle that has the current version of an image for this engine."""
    for file in lying_ready(places):
        try:
            manifest = read_manifest(file)
        except LabError as error:
            say(f"{error.what} It is skipped.")
            continue
        has = any(
            each.reference == image.reference and image.is_made_of(each.source, each.recipe)
            for each in manifest.images
        )
        if has and manifest.platform == platform_of(engine):
            return file
    return None


def lying_ready(places: Places) -> list[Path]:
    """Return the bundles that missing images are loaded from: `DRYDOCK_BUNDLE`, then those in `bundles/`."""
    found = []
    named = os.environ.get(VARIABLE)
    for place in (Path(named) if named else None, places.root / FOLDER, places.home / FOLDER):
        if place is None:
            continue
        if place.is_dir():
            found += sorted(file for file in place.iterdir() if file.name.endswith((".tar", *_GZIPPED)))
        elif place.is_file():
            found.append(place)
    return list(dict.fromkeys(found))


def platform_of(engine: Engine) -> str:
    """Return the engine's operating system and architecture."""
    version = engine.get("/version")
    return f"{version.get('Os')}/{version.get('Arch')}"


_AGAIN = "Copy it again from its source, or save a new one with `lab images save`."


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r|*") as bundle:
            yield bundle
    except FileNotFoundError:
        raise LabError(f"There is no file {file}.", remedy="Name the bundle's file.") from None
    except (tarfile.TarError, EOFError) as error:
        raise LabError(f"{file} is not a complete bundle: {error}.", remedy=_AGAIN) from error


def _manifest(bundle: tarfile.TarFile, file: Path) -> Manifest:
    member = bundle.next()
    inner = bundle.extractfile(member) if member and member.name == MANIFEST else None
    if inner is None:
        raise LabError(
            f"{file} is not a bundle of course images.", remedy="`lab images save FILE` writes one."
        )
    try:
        manifest = msgspec.json.decode(inner.read(), type=Manifest)
    except msgspec.MsgspecError as error:
        raise LabError(f"{file}: its manifest cannot be read: {error}.", remedy=_AGAIN) from error
    if manifest.format != FORMAT:
        raise LabError(
            f"{file} has format {manifest.format}; this `lab` reads format {FORMAT}.",
            remedy="Save and load with the same release of the course.",
        )
    return manifest


def _write(part: Path, manifest: Manifest, archive: Path, *, gzipped: bool) -> None:
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    # Speed matters more than size: most of it is layers, and level 1 already halves them.
    with tarfile.open(part, "w:gz", compresslevel=1) if gzipped else tarfile.open(part, "w") as bundle:
        header = tarfile.TarInfo(MANIFEST)
        header.size = len(text)
        bundle.addfile(header, BytesIO(text))
        bundle.add(archive, ARCHIVE, filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out the user and group that made the bundle."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _docker(workshop: Workshop, verb: str, *args: str) -> None:
    ended = workshop.docker(verb, *args, log=workshop.log(verb), silence=SILENCE_SECONDS)
    if ended.ok:
        return
    full = process.is_disk_full(ended.lines)
    raise LabError(
        f"`docker {verb}` failed{': the disk is full' if full else ''}.",
        remedy=process.DISK_FULL_REMEDY if full else f"The whole log is in {ended.log}.",
        detail="\n".join(ended.lines[-15:]),
    )


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _copy(stream: IO[bytes], target: Path) -> str:
    """Copy a stream into a file and return the hash of its content."""
    total = hashlib.sha256()
    with target.open("wb") as file:
        while chunk := stream.read(_CHUNK):
            total.update(chunk)
            file.write(chunk)
    return total.hexdigest()
