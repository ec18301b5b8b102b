"""Publishes the course's images to a registry, and writes the file with the digest of each, for those who pull."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from checker.errors import LabError, not_written
from checker.images.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from checker.images.catalogue import Image
    from checker.images.workshop import Workshop

FILE = "images/published.toml"
"""Path from the course's root. A checkout with this file pulls missing images from its registry, by digest."""

SILENCE_SECONDS = 300.0
"""How long `docker push` may print nothing; the largest layer is about 150 MB."""

DIGEST = "sha256:[0-9a-f]{64}"


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """images/published.toml."""

    registry: Annotated[
        str, Meta(min_length=1, description="HOST[:PORT][/PATH] of the registry that has the images.")
    ]
    digests: Annotated[
        dict[str, Annotated[str, Meta(pattern=f"^{DIGEST}$")]],
        Meta(description="The digest of each image, by NAME:TAG."),
    ]

    def reference(self, image: Image) -> str:
        """Return the reference to pull an image by; empty if it was not published."""
        digest = self.digests.get(image.short)
        return f"{self.registry}/{image.reference.rpartition(':')[0]}@{digest}" if digest else ""


def read(root: Path) -> Published | None:
    """Return what was published for a checkout, or None if nothing was.

    Raises:
        LabError: the file cannot be read.
    """
    file = root / FILE
    try:
        return msgspec.toml.decode(file.read_bytes(), type=Published)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LabError(
            f"{file} cannot be used: {error}.",
            remedy="Write it again with `lab images publish`, or remove it: then `lab` builds images here.",
        ) from error


def write(root: Path, published: Published) -> Path:
    """Write the file, completely or not at all, and return its path.

    Raises:
        LabError: it cannot be written.
    """
    file = root / FILE
    lines = [
        "# Where the course's images were published, and the digest of each. Written by `lab images publish`.",
        f"registry = {msgspec.json.encode(published.registry).decode()}",
        "",
        "[digests]",
        *(f'"{name}" = "{digest}"' for name, digest in sorted(published.digests.items())),
    ]
    partial = file.with_suffix(".partial")
    try:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise not_written(file, error) from error
    return file


def with_earlier(root: Path, published: Published) -> Published:
    """Return what was published now together with what a checkout has in the same registry from before."""
    before = read(root)
    if before is None or before.registry != published.registry:
        return published
    return Published(registry=published.registry, digests={**before.digests, **published.digests})


def push(images: Iterable[Image], registry: str, shop: Workshop, *, part: bool = False) -> Published:
    """Push images that are present, and return the digest of each.

    Args:
        images: the images, present on the engine under their own names.
        registry: HOST[:PORT][/PATH].
        shop: the engine, its client and a folder for logs.
        part: push them for one platform only, as `TAG-amd64`; `join` then makes one image of all parts.

    Raises:
        LabError: the registry refuses an image, or does not answer.
    """
    suffix = f"-{shop.engine.get('/version')['Arch']}" if part else ""
    digests = {}
    for image in images:
        remote = f"{registry}/{image.reference}{suffix}"
        repository, _, tag = remote.rpartition(":")
        shop.say(f"pushing {remote}")
        shop.engine.post(f"/images/{quote(image.reference, safe='')}/tag", repo=repository, tag=tag)
        try:
            _run(["push", remote], remote, shop)
            digests[image.short] = _digest_of(remote, repository, shop)
        finally:
            Store(shop.engine).delete(remote)
    return Published(registry=registry, digests=digests)


def join(images: Iterable[Image], registry: str, shop: Workshop, platforms: Iterable[str]) -> Published:
    """Make one multi-platform image from the parts that were pushed, and return the digests.

    Nothing is pulled: the registry only gets an index of the parts that it already has.

    Args:
        images: the images.
        registry: HOST[:PORT][/PATH], which has the parts.
        shop: the engine's client and a folder for logs.
        platforms: such as `amd64` and `arm64`.

    Raises:
        LabError: the registry lacks one of the parts.
    """
    digests = {}
    for image in images:
        remote = f"{registry}/{image.reference}"
        shop.say(f"joining {remote}")
        parts = [f"{remote}-{platform}" for platform in platforms]
        _run(["buildx", "imagetools", "create", "--tag", remote, *parts], remote, shop)
        # Some versions ignore --format (0.13 does); the first digest is that of the index.
        said = "\n".join(_run(["buildx", "imagetools", "inspect", remote], remote, shop))
        found = re.search(rf"^Digest:\s+({DIGEST})$", said, re.MULTILINE)
        if not found:
            raise LabError(
                f"The registry did not give the digest of {remote}.",
                remedy="Join the parts again.",
                detail=said,
            )
        digests[image.short] = found[1]
    return Published(registry=registry, digests=digests)


def _digest_of(remote: str, repository: str, shop: Workshop) -> str:
    """Return the digest of an image in the registry that it was pushed to."""
    record = shop.engine.image(remote) or {}
    for named in record.get("RepoDigests") or ():
        name, _, digest = named.partition("@")
        if name == repository:
            return str(digest)
    raise LabError(f"{remote} was pushed, but the engine does not know its digest.", remedy="Push it again.")


def _run(words: list[str], remote: str, shop: Workshop) -> tuple[str, ...]:
    ended = shop.docker(*words, log=shop.log(words[0], remote), silence=SILENCE_SECONDS)
    if ended.ok:
        return ended.lines
    why = f"there was no output for {SILENCE_SECONDS:g} s" if ended.timed_out else ended.last_line
    raise LabError(
        f"{remote} could not be published: {why}",
        remedy="Does the registry answer, and are you logged in to it (`docker login`)? A registry without TLS must "
        "be listed in the engine's `insecure-registries`, unless it is on this machine.",
    )
