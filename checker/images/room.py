"""Images from the class that this machine is in: read from the registry on the teacher's machine, over the room's network.

`lab` reads them itself and gives them to the engine, so the engine needs no setting, and may be one that cannot reach the
room, as in Docker Desktop's machine. Each piece is known by its SHA-256, and an interrupted one goes on where it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import tarfile
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any

import msgspec

from checker.errors import not_written
from checker.images import bundle
from checker.images.names import settle
from checker.images.store import RECIPE, SOURCE
from checker.web.download import DamagedError, RefusedError, download
from checker.web.pinned import Pinned, connect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from checker.images.catalogue import Image
    from checker.images.workshop import Workshop

FILE = "class-images.json"
FOLDER = "class"
"""The folder, in the one that images are made in, for pieces of images; it goes when all images are there."""

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
MOST_MANIFEST = 4 * 1024 * 1024
"""The longest manifest that a registry has to take (OCI distribution specification, "Pushing Manifests")."""


class Place(msgspec.Struct, frozen=True):
    """Where the class's registry is, and what lets this machine read it."""

    host: str
    port: int
    fingerprint: str
    headers: dict[str, str]

    @property
    def server(self) -> Pinned:
        """The class's server."""
        return Pinned(self.host, self.port, self.fingerprint)


def note(state: Path, place: Place) -> None:
    """Note where the class's images are, in a file that only its owner can read.

    Raises:
        LabError: it cannot be written.
    """
    half = state / f".{FILE}.part"
    try:
        half.unlink(missing_ok=True)
        with os.fdopen(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
            stream.write(msgspec.json.encode(place))
        half.replace(state / FILE)
    except OSError as error:
        raise not_written(state / FILE, error) from error


def forget(state: Path) -> None:
    """Forget the class."""
    with contextlib.suppress(OSError):
        (state / FILE).unlink()


def place_of(state: Path) -> Place | None:
    """Return where the class's images are; None if this machine is in no class."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=Place)
    except (OSError, msgspec.MsgspecError):
        return None


def fetch(image: Image, place: Place, shop: Workshop) -> bool:
    """Read an image from the class and load it into the engine; return whether that was done.

    Args:
        image: the image.
        place: the class.
        shop: the engine, its client, and a folder for the pieces.

    Raises:
        LabError: the class does not answer, or what it gave is damaged; nothing was loaded.
    """
    name, _, tag = image.reference.rpartition(":")
    try:
        manifest = _manifest(place, name, tag, shop)
    except RefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        shop.say(f"the class at {place.host} does not have {image.reference}")
        return False
    folder = shop.folder / FOLDER
    settings, layers = _described(manifest)
    _piece(place, name, settings, folder)
    about = json.loads((folder / settings).read_bytes())
    if f"{about.get('os')}/{about.get('architecture')}" != bundle.platform_of(shop.engine):
        shop.say(f"the class's {image.reference} is for another platform and is not used")
        return False
    labels = (about.get("config") or {}).get("Labels") or {}
    if not image.is_made_of(labels.get(SOURCE, ""), labels.get(RECIPE, "")):
        shop.say(f"the class's {image.reference} belongs to another version of the course and is not used")
        return False
    shop.say(f"fetching {image.reference} from the class at {place.host}")
    for layer in layers:
        _piece(place, name, layer, folder)
    archive = folder / "image.tar"
    try:
        _write(archive, image.reference, settings, layers)
        bundle.load_archive(archive, shop)
    except OSError as error:
        raise not_written(archive, error) from error
    finally:
        archive.unlink(missing_ok=True)
    settle(shop.engine, [image.reference])
    return True


def tidy(shop: Workshop) -> None:
    """Remove the pieces of images that are in the engine now."""
    shutil.rmtree(shop.folder / FOLDER, ignore_errors=True)


def _piece(place: Place, name: str, digest: str, folder: Path) -> None:
    path = f"/v2/{name}/blobs/sha256:{digest}"
    download(place.server, path, folder / digest, digest, headers=place.headers)


def _manifest(place: Place, name: str, tag: str, shop: Workshop) -> Mapping[str, Any]:
    found = _read(place, name, tag)
    if found.get("mediaType") not in INDEXES:
        return found
    ours = bundle.platform_of(shop.engine)
    for each in found["manifests"]:
        platform = each.get("platform") or {}
        if f"{platform.get('os')}/{platform.get('architecture')}" == ours:
            return _read(place, name, str(each["digest"]))
    raise RefusedError(f"The class's {name}:{tag} is not for {ours}.", HTTPStatus.NOT_FOUND)


def _read(place: Place, name: str, which: str) -> dict[str, Any]:
    """Read a manifest by its tag or its digest."""
    try:
        with contextlib.closing(connect(place.server)) as connection:
            headers = {**place.headers, "Accept": ", ".join((*INDEXES, *MANIFESTS))}
            connection.request("GET", f"/v2/{name}/manifests/{which}", headers=headers)
            response = connection.getresponse()
            data = response.read(MOST_MANIFEST)
    except (OSError, http.client.HTTPException) as error:
        raise place.server.unreachable(error) from error
    if response.status != HTTPStatus.OK:
        raise RefusedError(
            f"The class does not give {name}:{which} (status {response.status}).", response.status
        )
    promised = which if which.startswith("sha256:") else response.headers.get("Docker-Content-Digest", "")
    if promised != f"sha256:{hashlib.sha256(data).hexdigest()}":
        raise DamagedError(f"The manifest of {name}:{which} arrived with wrong bytes.")
    found = json.loads(data)
    if not isinstance(found, dict):
        raise DamagedError(f"The manifest of {name}:{which} is none.")
    return {"mediaType": response.headers.get("Content-Type", ""), **found}


def _described(manifest: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the SHA-256 of an image's settings and of each layer."""
    try:
        digests = [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
        plain = [digest.removeprefix("sha256:") for digest in digests]
        # They become names of files.
        if any(len(each) != 64 or not set(each) <= set("0123456789abcdef") for each in plain):
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError("The class's manifest of an image cannot be read.") from error
    return plain[0], plain[1:]


def _write(archive: Path, reference: str, settings: str, layers: list[str]) -> None:
    """Write what `docker load` reads (image-spec v1.2 of moby): a list, the settings, the layers as they were packed."""
    listed = [
        {"Config": f"{settings}.json", "RepoTags": [reference], "Layers": [f"{each}.tar" for each in layers]}
    ]
    with tarfile.open(archive, "w") as out:
        text = json.dumps(listed).encode()
        header = tarfile.TarInfo("manifest.json")
        header.size = len(text)
        out.addfile(header, BytesIO(text))
        out.add(archive.parent / settings, f"{settings}.json")
        for each in dict.fromkeys(layers):
            out.add(archive.parent / each, f"{each}.tar")
