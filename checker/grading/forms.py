"""The forms in which a secret may be stored somewhere: as it is, or encoded in a way that anyone can decode."""

from __future__ import annotations

import base64
import codecs
import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = "as it is"
"""The form of a secret that nobody tried to hide."""

_WRAPPED_BYTES = 1 << 20
"""Texts up to this size are searched a second time with their lines joined, because encoders wrap long lines."""

_LISTED_BYTES = 1 << 16
"""Texts up to this size are searched for the secret as a list of bytes."""

_DUMPED = re.compile(rb"^[0-9a-fA-F]{6,8}:?[ \t]|[ \t]{2,}\|.*\|[ \t\r]*$|[ \t]{2}[ -~]{1,16}$", re.MULTILINE)
"""What `xxd` and `hexdump -C` write before and after the bytes of each line."""

_SHORTEST = 10
"""How long a text in base85 has to be, so that it is not found by chance."""


@cache
def forms(secret: str) -> dict[bytes, str]:
    """Return every text that reveals the secret, with the name of its form.

    Base64 and base32 encode groups of bytes, so the same secret looks different if one more letter comes before it.
    Each of these offsets gives one text, without the characters that depend on what comes before and after.
    """
    plain = secret.encode()
    found = {
        plain: PLAIN,
        plain[::-1]: "written backwards",
        plain.hex().encode(): "in hexadecimal",
        plain.hex().upper().encode(): "in hexadecimal",
        codecs.encode(secret, "rot13").encode(): "in ROT13",
        secret.encode("utf-16-le"): "in UTF-16",
        secret.encode("utf-16-be"): "in UTF-16",
    }
    for before in range(3):
        encoded = _aligned(base64.b64encode, plain, before, bits=6)
        found.setdefault(encoded, "in base64")
        found.setdefault(encoded.translate(bytes.maketrans(b"+/", b"-_")), "in base64")
        found.setdefault(encoded.translate(_TO_UU), "in uuencode")
    for before in range(5):
        found.setdefault(_aligned(base64.b32encode, plain, before, bits=5), "in base32")
    for before in range(4):
        # Base85 encodes four bytes together, so only whole groups depend on the secret alone.
        whole = plain[-before % 4 :]
        whole = whole[: len(whole) // 4 * 4]
        for encoded in (base64.b85encode(whole), base64.a85encode(whole)):
            if len(encoded) >= _SHORTEST:
                found.setdefault(encoded, "in base85")
    return found


_TO_UU = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"`" + bytes(range(33, 96)),
)
"""From the letters of base64 to those of uuencode, which has the same groups."""


@cache
def _lists(secret: str) -> tuple[re.Pattern[bytes], ...]:
    """Return patterns of the secret as a list of numbers, hexadecimal or decimal, with signs such as `0x`, `%` or `,` between them."""
    plain = secret.encode()
    hexadecimal = rb"[^0-9A-Za-z]{0,3}(?:0?x|u00)?".join(f"{byte:02x}".encode() for byte in plain)
    decimal = rb"\D{1,4}".join(str(byte).encode() for byte in plain)
    return re.compile(hexadecimal, re.IGNORECASE), re.compile(decimal)


def _aligned(encode: Callable[[bytes], bytes], plain: bytes, before: int, *, bits: int) -> bytes:
    """Encode the secret after this many other bytes, and keep only what depends on the secret."""
    encoded = encode(b"\0" * before + plain)
    return encoded[-(-before * 8 // bits) : (before + len(plain)) * 8 // bits]


def form_in(content: bytes, secret: str) -> str:
    """Return the form in which a text contains the secret; empty if it does not."""
    for needle, form in forms(secret).items():
        if needle in content:
            return form
    if len(content) <= _WRAPPED_BYTES and b"\n" in content:
        joined = content.replace(b"\r", b"").replace(b"\n", b"")
        for needle, form in forms(secret).items():
            if needle in joined:
                return f"{form}, over several lines"
    if len(content) <= _LISTED_BYTES:
        dumped = _DUMPED.sub(b"", content)
        if any(pattern.search(text) for pattern in _lists(secret) for text in (content, dumped)):
            return "as a list of bytes"
    return ""
