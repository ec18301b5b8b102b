"""The course's images on the engine: which are current, where each came from, and which are old."""

from __future__ import annotations

import contextlib
import enum
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from checker.engine.api import IMAGE, KEPT, NotFoundError, RefusedError, keeps_both
from checker.images.catalogue import NAMESPACE, Image, Images

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checker.engine.api import Engine

SOURCE = "io.drydock.source"
"""The label with the hash of what an image was made of."""
RECIPE = "io.drydock.recipe"
"""The label with the hash of the course's own part of an image that also needs a third-party program."""
MAKER = "io.drydock.maker"
"""The label with a fingerprint of the engine that built the image; on any other engine, it was loaded or pulled."""
DELETE_SECONDS = 300.0
"""A busy disk needs a long time to delete hundreds of megabytes."""
OLD = "old-"
"""The tag of an image that was replaced but is still in use begins with this."""


class Origin(enum.StrEnum):
    """Where an image came from."""

    PRESENT = "present"
    PULLED = "pulled"
    BUNDLE = "bundle"
    BUILT = "built"


@dataclass(frozen=True)
class Stored:
    """One image on the engine."""

    id: str
    references: tuple[str, ...]
    digests: tuple[str, ...]
    labels: dict[str, str]
    size: int
    """In bytes, including what it shares with other images."""


class Store:
    """The engine's images that carry our label; they are read once, and again after `refresh`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._by_reference: dict[str, Stored] | None = None
        self._unpacked: bool | None = None

    def refresh(self) -> None:
        """Read the images from the engine again when they are next needed."""
        self._by_reference = None

    def _all(self) -> dict[str, Stored]:
        if self._by_reference is None:
            found: dict[str, Stored] = {}
            for item in self.engine.list_all("images", labels={SOURCE: ""}):
                stored = _stored(item)
                found.update(dict.fromkeys(stored.references, stored))
            self._by_reference = found
        return self._by_reference

    def current(self, image: Image) -> Stored | None:
        """Return an image if it is present and was made from what the course has now."""
        stored = self._all().get(image.reference)
        return stored if stored and _is_made_of(image, stored) else None

    def outdated(self, image: Image) -> Stored | None:
        """Return an image that is present under its name, but was made from something else."""
        stored = self._all().get(image.reference)
        return stored if stored and not _is_made_of(image, stored) else None

    def fingerprint(self) -> str:
        """Return a text that identifies this engine but does not reveal its name."""
        info: dict[str, Any] = self.engine.get("/info")
        return hashlib.sha256(str(info.get("ID", "")).encode()).hexdigest()[:12]

    def origin(self, stored: Stored, fingerprint: str) -> Origin:
        """Return where a present image came from: if another engine built it, it was pulled or came in a bundle."""
        if stored.labels.get(MAKER) == fingerprint:
            return Origin.BUILT
        # A repository on a registry begins with the registry's host name.
        registries = [each for each in stored.digests if not each.startswith(f"{NAMESPACE}/")]
        return Origin.PULLED if registries else Origin.BUNDLE

    def size(self, stored: Stored) -> int:
        """Return the bytes of an image's layers, counted in the same way for all engines.

        An engine with containerd's store adds the pulled and the unpacked layers, which is about twice as much.
        """
        if self._unpacked is None:
            self._unpacked = keeps_both(self.engine.get("/info"))
        if not self._unpacked:
            return stored.size
        layers = self.engine.get(f"/images/{quote(stored.id, safe='')}/history") or []
        return sum(int(layer.get("Size") or 0) for layer in layers) or stored.size

    def identity(self, reference: str) -> str:
        """Return the id of the image with this reference, or an empty text."""
        found = self.engine.image(reference)
        return str(found["Id"]) if found else ""

    def delete(self, reference: str) -> None:
        """Delete a name, or an image without names by its id; deleting the last name deletes the image."""
        self.engine.request("DELETE", f"/images/{quote(reference, safe='')}", seconds=DELETE_SECONDS)

    def retire(self, replaced: str, image: Image) -> None:
        """Remove an image whose name now belongs to a newer one; while it is in use, keep it under another name."""
        if not replaced or replaced == self.identity(image.reference):
            return
        try:
            tags = (self.engine.image(replaced) or {}).get("RepoTags")
            if not tags:
                self.delete(replaced)
        except NotFoundError:
            pass
        except RefusedError:
            tag = OLD + replaced.removeprefix("sha256:")[:12]
            self.engine.post(
                f"/images/{quote(replaced, safe='')}/tag", repo=f"{NAMESPACE}/{image.name}", tag=tag
            )
        self.refresh()

    def old(self, images: Images) -> list[Stored]:
        """Return the course's images that it no longer uses.

        Only names of the course count: an image that a learner built from one of ours inherits its labels, but not
        its name.
        """
        names = {f"{NAMESPACE}/{name}" for name in images.toml.images}
        wanted = {current.id for image in images if (current := self.current(image))}
        found: dict[str, Stored] = {}
        for stored in self._all().values():
            if stored.id in wanted or not stored.labels.get(IMAGE):
                continue
            if all(_is_ours(reference, names) for reference in stored.references):
                found[stored.id] = stored
        return list(found.values())

    def remove(self, stored: Iterable[Stored]) -> tuple[list[Stored], list[Stored]]:
        """Remove images that are not in use; return the removed images and those still in use."""
        removed, kept = [], []
        for each in stored:
            try:
                for reference in each.references:
                    self.delete(reference)
                removed.append(each)
            except NotFoundError:
                removed.append(each)
            except RefusedError:
                kept.append(each)
        self.refresh()
        return removed, kept

    def unused_volumes(self, images: Images) -> list[str]:
        """Return the volumes that nodes of the course's images share and that no container uses, running or not."""
        found = {
            str(item["Name"])
            for item in self.engine.list_all("volumes", labels={KEPT: ""})
            if item["Labels"][KEPT] in images.toml.images
        }
        for item in self.engine.list_all("containers") if found else ():
            found -= {mount.get("Name") for mount in item.get("Mounts") or []}
        return sorted(found)

    def remove_volumes(self, names: Iterable[str]) -> list[str]:
        """Remove volumes that are not in use, and return the removed ones."""
        removed = []
        for name in names:
            with contextlib.suppress(NotFoundError, RefusedError):  # a lab has just started to use it
                self.engine.request("DELETE", f"/volumes/{quote(name, safe='')}", seconds=DELETE_SECONDS)
                removed.append(name)
        return removed


def _is_made_of(image: Image, stored: Stored) -> bool:
    return image.is_made_of(stored.labels.get(SOURCE, ""), stored.labels.get(RECIPE, ""))


def _is_ours(reference: str, names: set[str]) -> bool:
    repository = reference.rpartition(":")[0]
    return any(repository == name or repository.endswith(f"/{name}") for name in names)


def _stored(item: dict[str, Any]) -> Stored:
    return Stored(
        id=str(item["Id"]),
        references=tuple(each for each in item.get("RepoTags") or () if each != "<none>:<none>"),
        digests=tuple(each for each in item.get("RepoDigests") or () if not each.startswith("<none>")),
        labels=dict(item.get("Labels") or {}),
        size=int(item.get("Size", 0)),
    )
