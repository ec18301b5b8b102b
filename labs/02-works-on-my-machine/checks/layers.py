"""What lies in an image's layers and in its record: read from the archive that `docker save` would write."""

from __future__ import annotations

import io
import json
import re
import tarfile
import urllib.parse
from dataclasses import dataclass, field
from functools import cache
from typing import IO, TYPE_CHECKING, Any, cast

from checker.engine.transport import EngineConnection
from checker.grading.author import could_not_run, form_in, packed_files

from .truth import ADAS_ENVIRONMENT, BASE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checker.grading.author import Engine

SAVE_SECONDS = 30.0
"""How long the engine may be silent while it writes the archive."""

FILE_BYTES = 64 * 1024 * 1024
"""Files larger than this are not searched."""

LIBRARY = "parcelcode/__init__.py"
"""The file that makes the library importable, in a folder or in a wheel or zip."""

_FOLDERS = re.compile(r"(?:^|/)(\.git|\.venv)/")
_ENV = re.compile(r"(?:^|/)\.env$")
_HISTORY = re.compile(rb"ref: refs/heads/\S+\s*\Z|# v\d git bundle\n")
"""What is in the file HEAD of every git folder, and in the first line of a history that is one file."""

_WHITEOUT = ".wh."
_ENVIRONMENT = re.compile(r"(?:^|/)\.venv(?:/|$)")
_MADE_AT = re.compile(rb"^command *=.* (/\S+)\s*$", re.MULTILINE)
_AT_HOME = re.compile(rb"/home/[^/]+/labels/\.venv")


@dataclass(frozen=True)
class Find:
    """Where a secret was found, and how it is written there."""

    place: str
    """The file, and the one inside it when it is an archive."""
    form: str


@dataclass
class Layer:
    """What was found in one layer."""

    made_by: str = ""
    """The instruction that made it, as the image's history has it."""
    digest: str = ""
    size: int = 0
    """How many bytes its files have together. Engines count layers in ways of their own: compressed, in blocks, or both."""
    secrets: dict[str, Find] = field(default_factory=dict)
    """Each secret that this layer tells, with the place."""
    clutter: list[str] = field(default_factory=list)
    """Files of a git history or a virtual environment, and `.env`, in archives too."""
    removed: list[str] = field(default_factory=list)
    """What this layer hides of the layers under it."""
    environments: dict[str, str] = field(default_factory=dict)
    """The folders of virtual environments, each with the path that it was made at; empty if it is a person's, or does not say."""
    library: str = ""
    """Where the library lies here importable, as a folder; empty if it does not."""
    packed_library: bool = False
    """Whether a file of this layer has the library packed inside it: a wheel, a zip application."""
    readable: bool = True
    """Whether it could be read: an engine may pack layers in a way that this Python does not know."""


@dataclass
class Contents:
    """What was found in an image: the learner's layers, first to last, and its record."""

    layers: list[Layer]
    record: dict[str, Any]
    """The image's configuration and history: environment, labels, build arguments, commands."""
    base: frozenset[str] = frozenset()
    """The digests of the layers that it shares with the lab's runtime; none when everything was copied."""

    @property
    def size(self) -> int:
        """How many bytes the files of the learner's layers have together."""
        return sum(layer.size for layer in self.layers)


@cache
def base_digests(engine: Engine) -> frozenset[str]:
    """Return the digests of the layers of the runtime that the lab gives; they are ours and not searched."""
    found = engine.image(BASE)
    if found is None:
        could_not_run(f"The image {BASE} is missing; `lab start 2` brings it back.")
    return frozenset(found["RootFS"]["Layers"])


@cache
def base_sizes(engine: Engine) -> dict[str, int]:
    """Return how many bytes the files of each of the runtime's layers have together, counted as the learner's are."""
    return {layer.digest: layer.size for layer in contents(engine, BASE, (), known=frozenset()).layers}


def contents(
    engine: Engine, image: str, secrets: Iterable[str], *, known: frozenset[str] | None = None
) -> Contents:
    """Read an image's layers, the base's left out, and search them.

    Args:
        engine: the engine that has it.
        image: its id.
        secrets: words that must be nowhere.
        known: digests of the layers that are left out; the base's when nothing is said.
    """
    wanted = tuple(secrets)
    known = base_digests(engine) if known is None else known
    connection = EngineConnection(engine.dial, SAVE_SECONDS)
    try:
        connection.request("GET", f"/images/{urllib.parse.quote(image)}/get")
        response = connection.getresponse()
        if response.status != 200:
            could_not_run(
                f"The engine would not write the image out: {response.read(500).decode(errors='replace')}"
            )
        return read_archive(cast("IO[bytes]", response), wanted, known)
    finally:
        connection.close()


def read_archive(stream: IO[bytes], secrets: tuple[str, ...], known: frozenset[str]) -> Contents:
    """Read what `docker save` writes, and search its layers.

    Args:
        stream: the archive.
        secrets: words that must be nowhere.
        known: digests of the layers that are left out.
    """
    # Where the archive names a layer by the digest of its content, those left out need not even be unpacked.
    skip = {f"blobs/sha256/{digest.removeprefix('sha256:')}" for digest in known}
    found: dict[str, Layer] = {}
    texts: dict[str, Any] = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            data = archive.extractfile(member) if member.isfile() else None
            if data is None or member.name in skip:
                continue
            if member.name.endswith(".json") or member.size < 64 * 1024:
                small = data.read()
                try:
                    texts[member.name] = json.loads(small)
                except ValueError:
                    found[member.name] = _read(io.BytesIO(small), secrets)
            else:
                found[member.name] = _read(data, secrets)
    return _arrange(found, texts, known)


def _read(stream: IO[bytes], secrets: tuple[str, ...]) -> Layer:
    layer = Layer()
    try:
        with tarfile.open(fileobj=stream, mode="r|*") as files:
            for member in files:
                _look_at(layer, member, files, secrets)
    except (tarfile.ReadError, EOFError):
        layer.readable = False
    return layer


def _leave_out_environments_of_the_build(layers: list[Layer]) -> None:
    """Take from the clutter what belongs to an environment that a step of the build made for itself, whatever it is called.

    A later step may install into it.
    """
    made: set[str] = set()
    for layer in layers:
        own = {
            place
            for place, made_at in layer.environments.items()
            if made_at == f"/{place}" or _from_a_stage(made_at, layer.made_by)
        }
        made = (made | own) - (layer.environments.keys() - own)
        # What is copied is somebody else's, whatever lies there already.
        copied = layer.made_by.startswith(("COPY", "ADD"))
        places = tuple(f"{place}/" for place in (own if copied else made))
        layer.clutter = [
            name for name in layer.clutter if not _ENVIRONMENT.search(name) or not name.startswith(places)
        ]


def _from_a_stage(made_at: str, step: str) -> bool:
    """Whether a step copied an environment from where it was made: another stage of the build has such a path, a folder of sources does not."""
    instruction, *words = step.split() or [""]
    sources = [word.rstrip("/") for word in words[:-1] if word.startswith("/") and word != "/"]
    return instruction == "COPY" and any(f"{made_at}/".startswith(f"{source}/") for source in sources)


def _look_at(layer: Layer, member: tarfile.TarInfo, files: tarfile.TarFile, secrets: tuple[str, ...]) -> None:
    name = member.name.removeprefix("./")
    last = name.rpartition("/")[2]
    if last.startswith(_WHITEOUT):
        layer.removed.append(name.replace(_WHITEOUT, "", 1))
        return
    if is_clutter(name):
        layer.clutter.append(name)
    if name.endswith(LIBRARY):
        layer.library = name
    _note(layer, name, f"{name} {member.linkname}".encode(), secrets)
    if not member.isfile():
        return
    layer.size += member.size
    data = files.extractfile(member) if member.size <= FILE_BYTES else None
    if data is not None:
        content = data.read()
        if last == "pyvenv.cfg":
            _note_environment(layer, name, content)
        if not is_clutter(name) and is_clutter(name, content):
            layer.clutter.append(name)
        _search(layer, name, content, secrets)


def _note_environment(layer: Layer, name: str, content: bytes) -> None:
    """Note a virtual environment by the place that it was made for, which it has in its settings."""
    folder = name.rpartition("/")[0]
    made_at = _MADE_AT.search(content)
    here = made_at is not None and made_at[1] == f"/{folder}".encode()
    at_home = made_at is not None and _AT_HOME.fullmatch(made_at[1]) is not None
    foreign = content == ADAS_ENVIRONMENT or (at_home and not here)
    layer.environments[folder] = made_at[1].decode() if made_at and not foreign else ""
    if foreign and not is_clutter(name):
        layer.clutter.append(name)


def is_clutter(name: str, content: bytes = b"") -> bool:
    """Whether a file belongs to a git history, whatever its folder is called, or to a virtual environment, or is `.env`."""
    return bool(_FOLDERS.search(name) or _ENV.search(name) or _HISTORY.match(content))


def _search(layer: Layer, name: str, content: bytes, secrets: tuple[str, ...]) -> None:
    # What lies in an archive is told by its own name, and what is only packed or encoded after the file as it is.
    found = list(packed_files(content))
    for inside, packed in found:
        if inside:
            _search_member(layer, f"{name}, in it {inside}", inside, packed, secrets)
    _note(layer, name, content, secrets)
    for inside, packed in found:
        if not inside:
            _note(layer, f"{name}, unpacked", packed, secrets)


def _search_member(layer: Layer, place: str, inside: str, packed: bytes, secrets: tuple[str, ...]) -> None:
    if is_clutter(inside, packed) and place not in layer.clutter:
        layer.clutter.append(place)
    layer.packed_library |= inside.endswith(LIBRARY)
    _note(layer, place, inside.encode(errors="replace") + b"\n" + packed, secrets)


def _note(layer: Layer, place: str, content: bytes, secrets: tuple[str, ...]) -> None:
    for secret in secrets:
        if secret not in layer.secrets and (form := form_in(content, secret)):
            layer.secrets[secret] = Find(place, form)


def _arrange(found: dict[str, Layer], texts: dict[str, Any], known: frozenset[str]) -> Contents:
    manifest: dict[str, Any] = texts["manifest.json"][0]
    record: dict[str, Any] = texts[manifest["Config"]]
    made = [step.get("created_by", "") for step in record.get("history", []) if not step.get("empty_layer")]
    digests = record["rootfs"]["diff_ids"]
    if len(made) != len(digests):
        made = [""] * len(digests)
    layers = []
    for name, digest, step in zip(manifest["Layers"], digests, made, strict=True):
        if digest in known:
            continue
        layer = found.get(name)
        if layer is None or not layer.readable:
            # A layer that nobody looked into must not pass for one that holds nothing.
            could_not_run(
                f"One layer of the image, made by `{plain(step)[:80]}`, is packed in a way that cannot be read here; "
                "Docker's own builder packs layers with gzip, or not at all."
            )
        layer.made_by, layer.digest = plain(step), digest
        layers.append(layer)
    _leave_out_environments_of_the_build(layers)
    return Contents(layers, record, known.intersection(digests))


def plain(step: str) -> str:
    """Return an instruction of the history as its author wrote it."""
    text = re.sub(r"\s*# buildkit$", "", step).strip()
    text = re.sub(r"^RUN (\|\d+ .*?)?/bin/sh -c ", "RUN ", text)
    return re.sub(r"^/bin/sh -c #\(nop\)\s+", "", text)
