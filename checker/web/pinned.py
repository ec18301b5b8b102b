"""A server that is known by its certificate alone: the SHA-256 of it is the identity, as with Syncthing's device ids."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ssl
from dataclasses import dataclass

from checker.errors import LabError

SECONDS = 5.0
"""How long one step of a request may take."""


class RogueError(LabError):
    """The server at the class's address is another one than the join string names; it was sent nothing."""


class UnreachableError(LabError):
    """The class does not answer now; what is to be sent waits on disk."""


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate in DER form, in base32: the identity of a class's server."""
    return base64.b32encode(hashlib.sha256(certificate).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class Pinned:
    """Where a server is, and the certificate that it must have.

    Args:
        host: its address.
        port: its port.
        fingerprint: the certificate's, or the beginning of it that a person typed.
    """

    host: str
    port: int
    fingerprint: str

    def is_of(self, certificate: bytes) -> bool:
        """Whether a certificate in DER form is the one."""
        found = fingerprint(certificate)
        return hmac.compare_digest(found[: len(self.fingerprint)].encode(), self.fingerprint.encode())

    def unreachable(self, error: Exception) -> UnreachableError:
        """Return what to say when it does not answer."""
        why = getattr(error, "strerror", "") or str(error) or type(error).__name__
        return UnreachableError(
            f"The class at {self.host} port {self.port} does not answer: {why}.",
            remedy="What you do is kept and sent later. Is this machine on the room's network?",
        )


def connect(to: Pinned, seconds: float = SECONDS) -> http.client.HTTPSConnection:
    """Return a connection to a server whose certificate was compared. It never opens another one by itself.

    Args:
        to: the server.
        seconds: how long each step of a request on it may take.

    Raises:
        RogueError: the certificate is another one; no byte of a request was sent.
        OSError: nobody answers, or what answers does not speak TLS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The certificate is made by the class itself, and compared as a whole below; its name and dates say nothing.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    connection = http.client.HTTPSConnection(to.host, to.port, timeout=seconds, context=context)
    try:
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)  # noqa: S101 - an HTTPSConnection has one
        found = connection.sock.getpeercert(binary_form=True)
        if not found or not to.is_of(found):
            raise RogueError(
                f"The server at {to.host} port {to.port} is not the class of this join string. Nothing was sent to it.",
                remedy="Ask the teacher for today's join string.",
            )
    except BaseException:
        connection.close()
        raise
    # Nothing may be sent to one whose certificate was not compared.
    connection.auto_open = 0
    return connection
