"""What opens the service to a page: one secret for the pages, and codes that each are exchanged for it once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time

CODE_SECONDS = 60.0
"""How long a code may be exchanged; long enough for a browser that has to start first."""


def make_code(key: str, now: float | None = None) -> str:
    """Return a new code that a page can exchange for the token.

    Args:
        key: the service's key, which only this user can read.
        now: the time, in seconds since 1970; now by default.
    """
    until = int((time.time() if now is None else now) + CODE_SECONDS)
    body = f"{until:x}.{secrets.token_urlsafe(12)}"
    return f"{body}.{_mac(key, 'code', body)}"


def token_of(key: str) -> str:
    """Return the token with which a page asks; it cannot be turned back into the key."""
    return _mac(key, "token", "")


def proof(token: str, nonce: str, host: str) -> str:
    """Return what proves to a page that the server at an address knows the token, before the page sends it.

    Args:
        token: the token.
        nonce: what the page made up for this question.
        host: the address that the browser asked, such as `127.0.0.1:8000`; so the answer of another server on this
            machine cannot be passed on.
    """
    return hmac.new(token.encode(), f"{nonce} {host}".encode(), hashlib.sha256).hexdigest()


def _mac(key: str, what: str, text: str) -> str:
    return hmac.new(key.encode(), f"{what} {text}".encode(), hashlib.sha256).hexdigest()


class Codes:
    """The codes that were exchanged, so that none is exchanged twice.

    Args:
        key: the service's key.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()

    def exchange(self, code: str, now: float | None = None) -> bool:
        """Whether a code is one of ours, in time, and not used before; from now on it is used."""
        moment = time.time() if now is None else now
        body, dot, mac = code.rpartition(".")
        if not dot or not hmac.compare_digest(mac.encode(), _mac(self._key, "code", body).encode()):
            return False
        until = float(int(body.partition(".")[0], 16))
        with self._lock:
            self._used = {each: end for each, end in self._used.items() if end >= moment}
            if until < moment or body in self._used:
                return False
            self._used[body] = until
        return True
