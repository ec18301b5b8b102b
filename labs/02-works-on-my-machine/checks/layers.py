"""What lies in an image's layers and in its record: read from the archive that `docker save` would write."""

from __future__ import annotations

import json
import re
import tarfile
import urllib.parse
from dataclasses import dataclass, field
from functools import cache
from typing import IO, TYPE_CHECKING, Any, cast

from checker.engine.transport import EngineConnection
from checker.grading.author import could_not_run

from .truth import BASE

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
_WHITEOUT = ".wh."


@dataclass
class Layer:
    """What was found in one layer."""

    made_by: str = ""
    """The instruction that made it, as the image's history has it."""
    digest: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    """Each secret that a file of this layer contains, with the file."""
    clutter: list[str] = field(default_factory=list)
    """Files of a git history or a virtual environment, and `.env`."""
    removed: list[str] = field(default_factory=list)
    """What this layer hides of the layers under it."""
    library: bool = False
    """Whether the library lies here importable, as a folder."""
    packed_library: bool = False
    """Whether a file of this layer has the library packed inside it: a wheel, a zip application."""


@dataclass
class Contents:
    """What was found in an image: the learner's layers, first to last, and its record."""

    layers: list[Layer]
    record: str
    """The image's configuration and history as text: environment, labels, build arguments, commands."""


@cache
def base_digests(engine: Engine) -> frozenset[str]:
    """Return the digests of the layers of the runtime that the lab gives; they are ours and not searched."""
    found = engine.image(BASE)
    if found is None:
        could_not_run(f"The image {BASE} is missing; `lab start 2` brings it back.")
    return frozenset(found["RootFS"]["Layers"])


def contents(engine: Engine, image: str, secrets: Iterable[str]) -> Contents:
    """Read an image's layers, the base's left out, and search them.

    Args:
        engine: the engine that has it.
        image: its id.
        secrets: words that must be nowhere.
    """
    wanted = tuple(secrets)
    known = base_digests(engine)
    skip = {f"blobs/sha256/{digest.removeprefix('sha256:')}" for digest in known}
    found: dict[str, Layer] = {}
    texts: dict[str, bytes] = {}
    connection = EngineConnection(engine.dial, SAVE_SECONDS)
    try:
        connection.request("GET", f"/images/{urllib.parse.quote(image)}/get")
        response = connection.getresponse()
        if response.status != 200:
            could_not_run(
                f"The engine would not write the image out: {response.read(500).decode(errors='replace')}"
            )
        with tarfile.open(fileobj=cast("IO[bytes]", response), mode="r|") as archive:
            for member in archive:
                data = archive.extractfile(member) if member.isfile() else None
                if data is None or member.name in skip:
                    continue
                if member.name.endswith(".json") or member.size < 64 * 1024:
                    texts[member.name] = data.read()
                    if texts[member.name][:1] in {b"{", b"["}:
                        continue
                    found[member.name] = _read_small(texts.pop(member.name), wanted)
                else:
                    found[member.name] = _read(data, wanted)
    finally:
        connection.close()
    return _arrange(found, texts, known)


def _read_small(data: bytes, secrets: tuple[str, ...]) -> Layer:
    import io  # noqa: PLC0415 - only here

    return _read(io.BytesIO(data), secrets)


def _read(stream: IO[bytes], secrets: tuple[str, ...]) -> Layer:
    layer = Layer()
    try:
        with tarfile.open(fileobj=stream, mode="r|*") as files:
            for member in files:
                name = member.name.removeprefix("./")
                last = name.rpartition("/")[2]
                if last.startswith(_WHITEOUT):
                    layer.removed.append(name.replace(_WHITEOUT, "", 1))
                    continue
                if _FOLDERS.search(name) or _ENV.search(name):
                    layer.clutter.append(name)
                layer.library |= name.endswith(LIBRARY)
                data = files.extractfile(member) if member.isfile() and member.size <= FILE_BYTES else None
                if data is not None:
                    _search(layer, name, data.read(), secrets)
    except tarfile.ReadError:
        return layer  # an attestation or another record that is no layer
    return layer


def _search(layer: Layer, name: str, content: bytes, secrets: tuple[str, ...]) -> None:
    for secret in secrets:
        if secret.encode() in content:
            layer.secrets.setdefault(secret, name)
    # A zip's table of contents has its names in clear; so has a zip application behind its first line.
    layer.packed_library |= b"PK\x05\x06" in content[-70000:] and LIBRARY.encode() in content


def _arrange(found: dict[str, Layer], texts: dict[str, bytes], known: frozenset[str]) -> Contents:
    manifest: dict[str, Any] = json.loads(texts["manifest.json"])[0]
    record = json.loads(texts[manifest["Config"]])
    made = [step.get("created_by", "") for step in record.get("history", []) if not step.get("empty_layer")]
    digests = record["rootfs"]["diff_ids"]
    layers = []
    for name, digest, step in zip(manifest["Layers"], digests, made or [""] * len(digests), strict=False):
        if digest in known:
            continue
        layer = found.get(name, Layer())
        layer.made_by, layer.digest = plain(step), digest
        layers.append(layer)
    return Contents(layers, json.dumps(record, ensure_ascii=False))


def plain(step: str) -> str:
    """Return an instruction of the history as its author wrote it."""
    text = re.sub(r"\s*# buildkit$", "", step).strip()
    text = re.sub(r"^RUN (\|\d+ .*?)?/bin/sh -c ", "RUN ", text)
    return re.sub(r"^/bin/sh -c #\(nop\)\s+", "", text)
