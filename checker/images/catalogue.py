"""The typed catalogue of images: reads images/images.toml and finds an image by name and tag."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from checker.course.places import find
from checker.errors import LabError, MisuseError
from checker.images.content_hash import LENGTH, hash_folders
from checker.images.pinned import Pinned
from checker.images.third_party import Found, Program, find_program

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

NAMESPACE = "drydock"
"""Every image of the course is `drydock/NAME:TAG` on the learner's engine."""


class Base(Pinned, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release of Debian that images are based on."""


class TagToml(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tag of an image: how it differs from the image's other tags."""

    args: Annotated[dict[str, str], Meta(description="Build arguments, the same on every platform.")] = {}
    base: Annotated[str, Meta(description="A base that differs from that of the image's other tags.")] = ""
    folder: Annotated[
        str, Meta(description="The folder of its own Dockerfile, from the root; images/NAME by default.")
    ] = ""
    programs: Annotated[
        tuple[str, ...],
        Meta(description="Names of [programs]; each is in `programs/` of the build's folder."),
    ] = ()
    copies: Annotated[
        tuple[str, ...],
        Meta(
            description="NAME:TAG of images that its Dockerfile copies from; the build argument NAME has the reference."
        ),
    ] = ()


class ImageToml(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One image: `images/NAME/Dockerfile` and the tags made from it."""

    summary: Annotated[str, Meta(min_length=1, description="What it is, for `lab images`.")]
    base: Annotated[str, Meta(description="A name of [bases], or NAME:TAG of another image here.")]
    tags: Annotated[
        dict[str, TagToml],
        Meta(min_length=1, description="Its tags; the first is used if a lab names none."),
    ]
    context: Annotated[
        str, Meta(description="The folder that is sent to the build, from the root; images/NAME by default.")
    ] = ""
    sources: Annotated[
        tuple[str, ...],
        Meta(description="The files that it is made from, from the root; images/NAME by default."),
    ] = ()


class ImagesToml(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """images/images.toml."""

    bases: dict[str, Base]
    images: dict[str, ImageToml]
    programs: dict[str, Program] = {}


@dataclass(frozen=True)
class Image:
    """One image under one tag."""

    name: str
    tag: str
    toml: ImageToml
    root: Path
    base: Base | Image
    base_name: str
    programs: dict[str, Program]
    """The third-party programs that it needs, by the command's name."""
    copies: tuple[Image, ...] = ()
    """The images that it copies files from."""

    @property
    def short(self) -> str:
        """`NAME:TAG`, as labs name it."""
        return f"{self.name}:{self.tag}"

    @property
    def reference(self) -> str:
        """`drydock/NAME:TAG`, as the engine knows it."""
        return f"{NAMESPACE}/{self.short}"

    @property
    def args(self) -> dict[str, str]:
        """Its build arguments, without the base."""
        return self.toml.tags[self.tag].args

    @property
    def _own(self) -> str:
        return self.toml.tags[self.tag].folder

    @property
    def _folder(self) -> str:
        return self._own or f"images/{self.name}"

    @property
    def dockerfile(self) -> Path:
        """Its Dockerfile."""
        return self.root / self._folder / "Dockerfile"

    @property
    def context(self) -> Path:
        """The folder that its build may copy from."""
        return self.root / (self._own or self.toml.context or self._folder)

    @property
    def sent(self) -> tuple[str, ...]:
        """Which parts of that folder are sent to the build; `.` for all of it."""
        return self.toml.sources if self.toml.context and not self._own else (".",)

    @cached_property
    def recipe(self) -> str:
        """The course's own part of it, as a hash: its files, its arguments and its base."""
        base = self.base.source if isinstance(self.base, Image) else self.base.pinned
        facts = [base, *(f"{name}={value}" for name, value in sorted(self.args.items()))]
        facts += [image.source for image in self.copies]
        sources = (self._own,) if self._own else self.toml.sources or (self._folder,)
        return hash_folders(self.root, sources, facts)

    @property
    def kept_programs(self) -> Path:
        """The folder of programs that were copied from published images."""
        return find(self.root).state / "images" / "programs"

    def found_programs(self) -> dict[str, Found]:
        """Return those of its programs that are on this machine now; each call looks again.

        Raises:
            LabError: a setting names something that is not a program.
        """
        looked = {name: find_program(name, each, self.kept_programs) for name, each in self.programs.items()}
        return {name: found for name, found in looked.items() if found}

    @property
    def source(self) -> str:
        """What it is made from, as a hash: the recipe, and its programs. The same hash means the same image.

        Empty while a program is missing, because it is not known which program would be used.
        """
        if not self.programs:
            return self.recipe
        found = self.found_programs()
        if found.keys() != self.programs.keys():
            return ""
        facts = " ".join([self.recipe, *(f"{name}={each.hash}" for name, each in sorted(found.items()))])
        return hashlib.sha256(facts.encode()).hexdigest()[:LENGTH]

    def is_made_of(self, source: str, recipe: str) -> bool:
        """Whether an image with these labels is what the course would make here now.

        If a program is missing here, any image that was made from the same recipe is accepted.
        """
        return source == own if (own := self.source) else bool(recipe) and recipe == self.recipe


class Images:
    """All images, as images.toml lists them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "images" / "images.toml"
        self.toml = _read(self.file)
        self._made: dict[str, Image] = {}

    def __iter__(self) -> Iterator[Image]:
        """Yield every image under each of its tags, in the order of the file."""
        for name, toml in self.toml.images.items():
            for tag in toml.tags:
                yield self._make(name, tag, ())

    def find(self, name: str) -> Image:
        """Find an image by `NAME` (its first tag), `NAME:TAG` or `drydock/NAME:TAG`.

        Raises:
            MisuseError: there is none; the message says which name is similar.
        """
        short, _, tag = name.removeprefix(f"{NAMESPACE}/").partition(":")
        toml = self.toml.images.get(short)
        if toml is None:
            near = difflib.get_close_matches(short, self.toml.images, 1)
            hint = f"Did you mean `{near[0]}`? " if near else ""
            raise MisuseError(
                f"There is no image `{name}`.", remedy=f"{hint}The images are: {', '.join(self.toml.images)}."
            )
        tag = tag or next(iter(toml.tags))
        if tag not in toml.tags:
            raise MisuseError(
                f"Image `{short}` has no tag `{tag}`.", remedy=f"Its tags are: {', '.join(toml.tags)}."
            )
        return self._make(short, tag, ())

    def resolve(self, names: Iterable[str]) -> list[Image]:
        """Find images by name, each once; without names, every image."""
        found = [self.find(name) for name in names] or list(self)
        return list({image.reference: image for image in found}.values())

    def every(self, names: Iterable[str]) -> list[Image]:
        """Find images by name, each once; a name without a tag means all its tags. Without names, every image."""
        found: list[Image] = []
        for name in names:
            one = self.find(name)
            tags = [one.tag] if ":" in name else list(one.toml.tags)
            found += [self._make(one.name, tag, ()) for tag in tags]
        return list({image.reference: image for image in found or self}.values())

    def _make(self, name: str, tag: str, users: tuple[str, ...]) -> Image:
        key = f"{name}:{tag}"
        if key not in self._made:
            toml = self.toml.images[name]
            base_name = toml.tags[tag].base or toml.base
            base = self._base(base_name, key, (*users, key))
            programs, copies = self._programs(key, toml.tags[tag]), self._copies(key, toml.tags[tag], users)
            self._made[key] = Image(name, tag, toml, self.root, base, base_name, programs, copies)
        return self._made[key]

    def _copies(self, user: str, tag: TagToml, users: tuple[str, ...]) -> tuple[Image, ...]:
        found = []
        for each in tag.copies:
            name, _, its = each.partition(":")
            known = self.toml.images.get(name)
            if known is None or its not in known.tags or each in (*users, user):
                raise LabError(
                    f"{self.file}: image `{user}`, field `copies`: `{each}` is not the NAME:TAG of another image.",
                    remedy=f"The images are: {', '.join(self.toml.images)}.",
                )
            found.append(self._make(name, its, (*users, user)))
        return tuple(found)

    def _programs(self, user: str, tag: TagToml) -> dict[str, Program]:
        for name in tag.programs:
            if name not in self.toml.programs:
                raise LabError(
                    f"{self.file}: image `{user}`, field `programs`: `{name}` is not a table of [programs].",
                    remedy=f"The programs are: {', '.join(self.toml.programs) or 'none'}.",
                )
        return {name: self.toml.programs[name] for name in tag.programs}

    def _base(self, base_name: str, user: str, users: tuple[str, ...]) -> Base | Image:
        if base := self.toml.bases.get(base_name):
            return base
        name, _, tag = base_name.partition(":")
        known = self.toml.images.get(name)
        if known is None or tag not in known.tags or base_name in users:
            bases = ", ".join(self.toml.bases)
            raise LabError(
                f"{self.file}: image `{user}`, field `base`: `{base_name}` is neither a base nor another image's NAME:TAG.",
                remedy=f"The bases are: {bases}.",
            )
        return self._make(name, tag, users)


def _read(file: Path) -> ImagesToml:
    try:
        return msgspec.toml.decode(file.read_bytes(), type=ImagesToml)
    except FileNotFoundError:
        raise LabError(
            f"{file} is missing. It lists every image of the course.",
            remedy="Restore it, for example with git.",
        ) from None
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        field = where.strip("`").removeprefix("$").removeprefix(".")
        raise LabError(
            f"{file}: field `{field}`: {text}" if field else f"{file}: {text}",
            remedy="images/README.md lists the fields.",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LabError(
            f"{file} is not valid TOML: {error}", remedy="Correct the line that it names."
        ) from None
