"""Makes sure that images are present: a missing image is pulled, fetched from the class, loaded from a bundle, or built."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from checker.bootstrap.lock import held
from checker.course.places import Places, find
from checker.engine.api import connect, is_podman
from checker.engine.client import find_client
from checker.errors import LabError, not_written
from checker.images import base, bundle, publish, room
from checker.images.build import build
from checker.images.catalogue import Image, Images
from checker.images.pull import configured_registry, pull
from checker.images.store import RECIPE, SOURCE, Origin, Store
from checker.images.third_party import MissingProgramError, take_out
from checker.images.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from checker.engine.api import Engine
    from checker.engine.client import Client


@dataclass(frozen=True)
class Provided:
    """An image that is present now."""

    reference: str
    origin: Origin
    seconds: float = 0.0


@dataclass(frozen=True)
class Missed:
    """An image that could not be made."""

    reference: str
    why: str
    remedy: str = ""
    detail: str = ""


@dataclass
class Made:
    """The result of making several images; correct even if it was interrupted."""

    provided: list[Provided] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    left_out: list[Missed] = field(default_factory=list)
    """Images that were not requested by name and need a third-party program that this machine lacks."""


def _silent(_line: str) -> None:
    pass


def ensure(
    names: Iterable[str],
    progress: Callable[[str], None] = _silent,
    *,
    places: Places | None = None,
    engine: Engine | None = None,
    client: Client | None = None,
    no_install: bool = False,
) -> list[Provided]:
    """Make sure that images are present, and return where each came from; quick if they are all present.

    Args:
        names: `NAME` or `NAME:TAG` of images.toml; none means every image.
        progress: called with a line about what is being done.
        places: the course.
        engine: the engine that needs the images.
        client: its docker command; looked for only if an image is missing.
        no_install: never install the tool that makes a base.

    Raises:
        MisuseError: there is no image of that name.
        LabError: an image could not be pulled, loaded or built.
    """
    places = places or find()
    engine = engine or connect()
    wanted = Images(places.root).resolve(names)
    store = Store(engine)
    if all(store.current(image) for image in wanted):
        return [Provided(image.reference, Origin.PRESENT) for image in wanted]
    client = client or find_client(engine.endpoint, state=places.state)
    with locked(places, store, client, progress, no_install=no_install) as supply:
        # Images that may be unavailable come first, before minutes are spent on the others.
        first = sorted(wanted, key=lambda image: not image.programs)
        provided = {image.reference: supply.provide(image) for image in first}
    return [provided[image.reference] for image in wanted]


def lacking(names: Iterable[str], places: Places, engine: Callable[[], Engine]) -> str:
    """Return the title of a program that images need and this machine lacks; empty if nothing is missing.

    A registry may still have the program. Only `ensure` tries that, because it takes time.

    Args:
        names: `NAME` or `NAME:TAG` of images.toml.
        places: the course.
        engine: returns the engine; called only if a program was not found.
    """
    images = Images(places.root)
    for image in map(images.find, names):
        if image.programs and not _can_be_had(image, engine):
            return ", ".join(program.title for program in image.programs.values())
    return ""


def can_pull(places: Places) -> bool:
    """Whether there is anything to pull images from: a registry that was named, the class, or one that was published to.

    Raises:
        LabError: images/published.toml cannot be read.
    """
    return bool(
        configured_registry()
        or room.place_of(places.state) is not None
        or publish.read(places.root) is not None
    )


def _can_be_had(image: Image, engine: Callable[[], Engine]) -> bool:
    try:
        return image.found_programs().keys() == image.programs.keys() or bool(Store(engine()).current(image))
    except LabError:
        return False


@contextmanager
def locked(
    places: Places, store: Store, client: Client, say: Callable[[str], None], *, no_install: bool = False
) -> Iterator[Supply]:
    """Yield a supply, while no other `lab` command makes images: two commands that build one image do everything twice."""
    folder = places.state / "images"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lock").open("a").close()
    except OSError as error:
        raise not_written(folder, error) from error

    def waiting(pid: str) -> None:
        say(f"waiting for the images that another lab command (process {pid or 'unknown'}) is making")

    with held(folder / "lock", waiting):
        store.refresh()
        shop = Workshop(store.engine, client, folder, say, no_install)
        yield Supply(places, store, shop)
        # Not after an interruption: what arrived of an image is used by the next command.
        room.tidy(shop)


class Supply:
    """Provides one image after another, and remembers bases that were found and builds that failed."""

    def __init__(self, places: Places, store: Store, workshop: Workshop) -> None:
        self.places = places
        self.store = store
        self.workshop = workshop
        self._bases: dict[str, str] = {}
        self._failed: dict[str, LabError] = {}
        self._room = room.place_of(places.state)

    def make(self, images: Iterable[Image], made: Made, named: Callable[[Image], bool]) -> None:
        """Build several images; if one cannot be built, only those that are based on it are not built either.

        Args:
            images: what to build.
            made: filled image by image, so that it is correct even after an interruption.
            named: whether an image was requested by its own name; such an image must not be left out.
        """
        for image in images:
            replaced = self.store.identity(image.reference)
            began = time.monotonic()
            try:
                self.build(image)
            except MissingProgramError as error:
                missed = Missed(image.reference, error.what, error.remedy)
                (made.missed if named(image) else made.left_out).append(missed)
                self.workshop.say(f"{image.reference} is left out. {error.what}")
                continue
            except LabError as error:
                made.missed.append(Missed(image.reference, error.what, error.remedy, error.detail))
                self.workshop.say(error.what)
                continue
            self.store.retire(replaced, image)
            made.provided.append(Provided(image.reference, Origin.BUILT, time.monotonic() - began))

    def provide(self, image: Image) -> Provided:
        """Make sure that one image is present.

        Raises:
            LabError: it could not be pulled, loaded or built.
        """
        began = time.monotonic()
        if self.store.current(image):
            return Provided(image.reference, Origin.PRESENT)
        replaced = self.store.identity(image.reference)
        if self.pull(image):
            origin = Origin.PULLED
        elif self._load(image):
            origin = Origin.BUNDLE
        else:
            self.build(image)
            origin = Origin.BUILT
        self.store.retire(replaced, image)
        seconds = time.monotonic() - began
        self.workshop.say(f"{image.reference} {origin} in {seconds:.1f} s")
        return Provided(image.reference, origin, seconds)

    def build(self, image: Image) -> None:
        """Build an image, after its base and the other images that it needs.

        Raises:
            MissingProgramError: it needs a program that was not found; the build has not begun.
            LabError: the build failed.
        """
        if failed := self._failed.get(image.reference):
            raise failed  # do not build it again for each image that is based on it
        if is_podman(self.store.engine.get("/version")):
            raise LabError(
                f"{image.reference} cannot be built here: this engine, Podman, has no BuildKit.",
                remedy="Run `lab images save FILE` on a machine with Docker, copy the file to this machine, and run "
                "`lab images load FILE` here.",
            )
        self._provide_programs(image)
        for each in image.copies:
            self._provide_for(image, each)
        reference = self._provide_base(image)
        try:
            build(image, reference, self.store.fingerprint(), self.workshop)
        except LabError as error:
            self._failed[image.reference] = error
            raise
        self.store.refresh()

    def _provide_for(self, image: Image, other: Image) -> str:
        try:
            return self.provide(other).reference
        except MissingProgramError:
            raise
        except LabError as error:
            raise LabError(
                f"{image.reference} needs {other.reference}, which is not there: {error.what}",
                remedy=error.remedy,
                detail=error.detail,
            ) from error

    def _provide_programs(self, image: Image) -> None:
        found = image.found_programs()
        ours = str(self.store.engine.get("/version").get("Arch")) if image.programs else ""
        for name, program in image.programs.items():
            at_hand = found.get(name) or take_out(name, program, image.kept_programs, self.workshop)
            if at_hand is None:
                raise MissingProgramError(
                    f"{program.title} was not found: there is no `{name}` for Linux on this machine, "
                    f"and {program.image} could not be pulled.",
                    remedy=f"Put a {name} program for Linux on PATH, or set {program.setting} to its path, or connect "
                    "to a network that reaches the public registry. Then try again. All other labs work without it.",
                )
            if at_hand.architecture != ours:
                raise MissingProgramError(
                    f"{at_hand.file} is a program for {at_hand.architecture}, but the engine runs {ours}.",
                    remedy=f"Set {program.setting} to a {name} program for {ours}.",
                )

    def _provide_base(self, image: Image) -> str:
        if isinstance(image.base, Image):
            return self._provide_for(image, image.base)
        if image.base_name not in self._bases:
            self._bases[image.base_name] = base.provide(image.base_name, image.base, self.workshop)
        return self._bases[image.base_name]

    def pull(self, image: Image) -> bool:
        """Pull an image from the configured registry, the class, or where it was published; return whether it is current."""
        registry = configured_registry()
        if registry:
            return self._pull(image, f"{registry}/{image.reference}")
        if self._room and self._fetch(image, self._room):
            return True
        published = publish.read(self.places.root)
        remote = published.reference(image) if published else ""
        return bool(remote) and self._pull(image, remote)

    def _fetch(self, image: Image, place: room.Place) -> bool:
        """Fetch an image from the class; one that does not answer is not asked again by this command."""
        try:
            fetched = room.fetch(image, place, self.workshop)
        except LabError as error:
            self._room = None
            self.workshop.say(f"{error.what} Images are not taken from it now.")
            return False
        self.store.refresh()
        return fetched and self.store.current(image) is not None

    def _pull(self, image: Image, remote: str) -> bool:
        shop = self.workshop
        if not pull(remote, shop):
            return False
        found = shop.engine.image(remote) or {}
        labels = (found.get("Config") or {}).get("Labels") or {}
        if not image.is_made_of(labels.get(SOURCE, ""), labels.get(RECIPE, "")):
            shop.say(f"{remote} belongs to another version of the course and is not used")
            self.store.delete(remote)
            return False
        name, _, tag = image.reference.rpartition(":")
        shop.engine.post(f"/images/{quote(remote, safe='')}/tag", repo=name, tag=tag)
        self.store.refresh()
        return True

    def _load(self, image: Image) -> bool:
        """Load an available bundle, if one has the current version of the image."""
        shop = self.workshop
        found = bundle.find_with(image, self.places, shop.engine, shop.say)
        if found is None:
            return False
        shop.say(f"loading {found}")
        bundle.load(found, shop)
        self.store.refresh()
        return self.store.current(image) is not None
