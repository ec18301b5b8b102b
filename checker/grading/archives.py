"""What lies packed inside a file: the members of zips, tars and packages of Debian, and of what was compressed."""

from __future__ import annotations

import base64
import bz2
import contextlib
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

UNPACKED_BYTES = 64 * 1024 * 1024
"""How much of one file is unpacked; a zip of zeros could fill any memory."""

ENCODED_BYTES = 1 << 20
"""Texts up to this size are searched for what was written in base64 and was packed before."""

_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/_-]{60,76}\r?\n)*[A-Za-z0-9+/_-]{24,}")
"""A long word of base64, or several lines of it."""

_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")

DEPTH = 3
"""Deeper than this, nobody packs anything by mistake."""

_BROKEN = (OSError, EOFError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
           NotImplementedError)  # fmt: skip


def packed_files(content: bytes, depth: int = DEPTH) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file packed in a file; the name is empty for what is only compressed.

    Args:
        content: the file, whatever it is.
        depth: how deep archives inside archives are opened.
    """
    # What is broken or locked is no archive for anybody else either.
    with contextlib.suppress(*_BROKEN):
        for name, inside in _opened(content):
            # The innermost first: a secret is told by the file that has it, not by the archive around that.
            if depth > 1:
                for below, packed in packed_files(inside, depth - 1):
                    yield "/".join(filter(None, (name, below))), packed
            yield name, inside


def _opened(content: bytes) -> Iterator[tuple[str, bytes]]:
    # The table of contents of a zip is at its end: a zip application has a line of text in front.
    if b"PK\x05\x06" in content[-70000:]:
        yield from _of_zip(content)
    elif content[257:262] == b"ustar":
        yield from _of_tar(content)
    elif content[:8] == b"!<arch>\n":
        yield from _of_ar(content)
    elif packed := _uncompressed(content):
        yield "", packed
    elif len(content) <= ENCODED_BYTES:
        yield from _behind_a_script(content)
        for word in _BASE64.findall(content):
            yield "", _decoded(word)


def _of_zip(content: bytes) -> Iterator[tuple[str, bytes]]:
    left = UNPACKED_BYTES
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for item in archive.infolist():
            if item.is_dir():
                yield item.filename, b""
            elif item.flag_bits & 1 or item.file_size > left:
                yield item.filename, b""  # locked, or too large: its name is known all the same
            else:
                left -= item.file_size
                yield item.filename, archive.read(item)


def _of_tar(content: bytes) -> Iterator[tuple[str, bytes]]:
    left = UNPACKED_BYTES
    # Archives may stand behind one another; zeros are between them.
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:", ignore_zeros=True) as archive:
        for item in archive:
            # One that is too large may be sparse; its name is known all the same.
            data = archive.extractfile(item) if item.isfile() and item.size <= left else None
            left -= item.size if data else 0
            yield item.name.removeprefix("./"), data.read() if data else b""


def _of_ar(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the members of an `ar` archive, such as a Debian package."""
    at = 8
    while at + 60 <= len(content):
        name, size = content[at : at + 16].decode("latin-1").rstrip(" /"), int(content[at + 48 : at + 58])
        if size < 0:
            return
        yield name, content[at + 60 : at + 60 + size]
        at += 60 + size + size % 2


def _behind_a_script(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what is compressed behind some text, as in a script that unpacks itself."""
    at = content.find(b"\x1f\x8b\x08")
    if at > 0:
        with contextlib.suppress(*_BROKEN):
            yield "", _uncompressed(content[at:])


def _decoded(word: bytes) -> bytes:
    """Decode base64 as far as it goes: what was cut off, or is only a long name, gives bytes that are nothing."""
    text = re.sub(rb"[\r\n]", b"", word).translate(bytes.maketrans(b"-_", b"+/"))
    if len(text) % 4 == 1:
        text = text[:-1]
    return base64.b64decode(text + b"=" * (-len(text) % 4))


def _uncompressed(content: bytes) -> bytes:
    """Unpack what is compressed, with all that was compressed and appended to it; empty if nothing is."""
    unpacked = b""
    # What unpacks no further stands for itself: `zcat` prints what came before it, too.
    with contextlib.suppress(*_BROKEN):
        while (packed := _decompressor(content)) and len(unpacked) < UNPACKED_BYTES:
            unpacked += packed.decompress(content, UNPACKED_BYTES - len(unpacked))
            content = packed.unused_data
    return unpacked


def _decompressor(content: bytes) -> Any:
    """Return what decompresses this, by its first bytes; None if it is not compressed."""
    if content[:2] == b"\x1f\x8b":
        return zlib.decompressobj(wbits=31)
    if content[:3] == b"BZh":
        return bz2.BZ2Decompressor()
    if content[:6] == b"\xfd7zXZ\x00":
        return lzma.LZMADecompressor()
    return zlib.decompressobj() if content[:2] in _ZLIB else None
