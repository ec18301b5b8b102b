"""What the engine holds of the course's images: which are current, where each came from, which are old."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from checker.engine.api import IMAGE, NotFoundError, RefusedError, keeps_both
from checker.images.catalogue import NAMESPACE, Image, Images

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checker.engine.api import Engine

SOURCE = "io.drydock.source"
"""The label with the hash of what an image was made of."""
RECIPE = "io.drydock.recipe"
"""The label with the hash of what the course has of an image that also needs somebody else's program."""
MAKER = "io.drydock.maker"
"""The label with a fingerprint of the engine that built the image: elsewhere it was loaded or pulled."""
DELETE_SECONDS = 300.0
"""A busy disk takes long to let hundreds of megabytes go."""
OLD = "old-"
"""How the tag of a replaced image begins that is still in use."""


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
    """In bytes, what it shares with others included."""


class Store:
    """The engine's images that carry our label, as they were when first asked for."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._by_reference: dict[str, Stored] | None = None
        self._unpacked: bool | None = None

    def refresh(self) -> None:
        """Ask the engine again at the next question."""
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
        """Return an image if it is there and was made of what the course has now."""
        stored = self._all().get(image.reference)
        return stored if stored and _is_made_of(image, stored) else None

    def outdated(self, image: Image) -> Stored | None:
        """Return an image that is there under its name, but made of something else."""
        stored = self._all().get(image.reference)
        return stored if stored and not _is_made_of(image, stored) else None

    def fingerprint(self) -> str:
        """Return what tells this engine from others, without giving its name away."""
        info: dict[str, Any] = self.engine.get("/info")
        return hashlib.sha256(str(info.get("ID", "")).encode()).hexdigest()[:12]

    def origin(self, stored: Stored, fingerprint: str) -> Origin:
        """Say where a present image came from: another engine's build was pulled or came in a bundle."""
        if stored.labels.get(MAKER) == fingerprint:
            return Origin.BUILT
        # A repository on a registry begins with the registry's host name.
        registries = [each for each in stored.digests if not each.startswith(f"{NAMESPACE}/")]
        return Origin.PULLED if registries else Origin.BUNDLE

    def size(self, stored: Stored) -> int:
        """Return the bytes of an image's layers, in one way for all engines.

        An engine with containerd's store counts what was pulled and what was unpacked together, about twice as much.
        """
        if self._unpacked is None:
            self._unpacked = keeps_both(self.engine.get("/info"))
        if not self._unpacked:
            return stored.size
        layers = self.engine.get(f"/images/{quote(stored.id, safe='')}/history") or []
        return sum(int(layer.get("Size") or 0) for layer in layers) or stored.size

    def identity(self, reference: str) -> str:
        """Return the id behind a reference, or nothing."""
        found = self.engine.image(reference)
        return str(found["Id"]) if found else ""

    def delete(self, reference: str) -> None:
        """Take a name, or an id without names, from the engine; the last name takes the image along."""
        self.engine.request("DELETE", f"/images/{quote(reference, safe='')}", seconds=DELETE_SECONDS)

    def retire(self, replaced: str, image: Image) -> None:
        """Remove an image whose name now belongs to a newer one; keep it under another name while it is used."""
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
        """Return images of ours that the course no longer uses.

        Only names of the course's own are looked at. What a learner built on one of our images inherits its
        labels, but not its name.
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
        """Remove images that nothing uses; return those removed and those still in use."""
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
