"""Taking apart the engine's multiplexed streams."""

from __future__ import annotations

import pytest

from checker.engine.api import demultiplex


def frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        (b"", b""),
        (frame(1, b"out\n") + frame(2, b"err\n"), b"out\nerr\n"),
        (frame(1, b""), b""),
        (frame(1, bytes(range(256)) * 300), bytes(range(256)) * 300),
        (frame(1, b"whole") + frame(2, b"cut short")[:12], b"wholecut "),
        (frame(1, b"whole") + frame(2, b"x")[:5], b"whole"),
        (b"a container with a terminal\r\n", b"a container with a terminal\r\n"),
        (b"\x01 not a frame", b"\x01 not a frame"),
    ],
)
def test_payloads_are_joined_in_order_and_plain_bytes_stay(data: bytes, payload: bytes) -> None:
    assert demultiplex(data) == payload
