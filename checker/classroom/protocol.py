"""What a learner's machine and a class's server say to each other: the records, their bounds, the seal, and the join string."""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from checker.course.values import MOST_SEED
from checker.errors import MisuseError
from checker.results import Status  # noqa: TC001 - msgspec reads it when the program runs
from checker.web.pinned import Pinned

BODY_BYTES = 64 * 1024
"""How long the body of a request may be."""

MOST_ITEMS = 50
"""How many items one batch may have."""

REASON_BYTES = 2 * 1024
"""How long a reason may be."""

CODE = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""The letters of codes and fingerprints: without those that look like another (I and 1, O and 0)."""

CODE_LENGTH = 8
"""32 letters in 8 places are 40 bits; an address may guess five times a minute."""

FINGERPRINT = 52
"""How many letters a SHA-256 has in base32."""

LEAST_FINGERPRINT = 20
"""How many of them a person has to type: 100 bits, which nobody finds a second certificate for."""

SEAL = "drydock-seal"
"""The header with the HMAC of a request."""

LEARNER = "drydock-learner"
"""The header with the learner's id, where the request has no body."""

HEARD = "drydock-heard"
"""The header with the number of the last message that a learner's machine has; the answer brings those after it."""

READING = b"/v2/"
"""What a learner's machine seals once to read from the class's registry: a permit that is no good for anything else."""


class ItemKind(enum.StrEnum):
    """What happened."""

    VERDICT = "verdict"
    HINT = "hint"
    HAND = "hand"
    """The learner asks for help, or no longer does."""


class CheckState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one check ended."""

    id: Annotated[str, Meta(max_length=80)]
    state: Status
    reason: Annotated[str, Meta(max_length=200)] = ""
    """Which of the check's reasons it is; equal for equal mistakes."""
    said: Annotated[str, Meta(max_length=REASON_BYTES)] = ""
    """What the learner read."""
    known: Annotated[str, Meta(max_length=80)] = ""
    """The name of the wrong answer of the course that the failure looks like."""


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened at a learner's."""

    kind: ItemKind
    at: Annotated[str, Meta(max_length=40)] = ""
    """When, by the learner's clock; shown, never used."""
    lab: Annotated[str, Meta(max_length=60)] = ""
    course: Annotated[str, Meta(max_length=64)] = ""
    """The digest of the lab."""
    checks: Annotated[tuple[CheckState, ...], Meta(max_length=60)] = ()
    check: Annotated[str, Meta(max_length=80)] = ""
    up: bool = False


class Joining(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A learner wants to join."""

    code: Annotated[str, Meta(max_length=40)]
    name: Annotated[str, Meta(max_length=1000)]
    machine: Annotated[str, Meta(min_length=16, max_length=64)]
    """Random, kept by the machine: with it, the same machine can ask again and gets the same answer."""


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to joining: who the learner is now; or that the teacher has to say yes first."""

    learner: str
    name: str
    secret: str = ""
    """Empty while the teacher has not said yes."""
    nonce: str = ""
    """This class's own random text; part of every seal."""
    class_name: str = ""
    seq: int = 0
    """The number of the last item that the class has of this learner; a new machine goes on from there."""
    values: Annotated[str, Meta(max_length=MOST_SEED)] = ""
    """What the learner's own values are drawn from; empty in a class in which all have those of the lesson."""


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Items in the order in which they happened; the first has the number `seq_from`, the next one more."""

    learner: Annotated[str, Meta(max_length=40)]
    seq_from: Annotated[int, Meta(ge=1, le=10**9)]
    items: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=MOST_ITEMS)]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What the teacher says to a learner, or to all."""

    id: int
    at: str
    """When, by the teacher's clock, ISO 8601 with offset."""
    text: str


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a batch: everything up to this number is on the teacher's disk."""

    seq_acked: int
    messages: tuple[Message, ...] = ()
    """What the teacher said to this learner or to all that the machine does not have, the oldest first."""


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """What the class knows of a learner who asks."""

    name: str
    seq_acked: int
    labs: dict[str, int]
    """The checks that passed, by lab."""
    message: str = ""
    message_id: int = 0


def seal(secret: str, nonce: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of a request, in hexadecimal digits.

    Args:
        secret: what only this learner and the class have.
        nonce: the class's own; a request of another class, or of yesterday's, has another seal.
        body: the bytes of the request's body, or the path of a request without one.
    """
    return hmac.new(secret.encode(), nonce.encode() + b"\0" + body, hashlib.sha256).hexdigest()


def is_sealed(found: str, secret: str, nonce: str, body: bytes) -> bool:
    """Whether a seal is right; takes the same time whether it is or not."""
    return hmac.compare_digest(found.encode(), seal(secret, nonce, body).encode())


def new_code() -> str:
    """Return a new code for a class."""
    return "".join(secrets.choice(CODE) for _ in range(CODE_LENGTH))


def plain_code(text: str) -> str:
    """Return a code as it was made, however it was typed."""
    return re.sub(r"[\s-]", "", text).upper()[:40]


def same_code(typed: str, code: str) -> bool:
    """Whether a typed code is the class's."""
    return hmac.compare_digest(plain_code(typed).encode(), plain_code(code).encode())


@dataclass(frozen=True)
class Invitation:
    """What a learner needs to join: where the class is, its code, and the certificate that its server must have."""

    host: str
    port: int
    code: str
    fingerprint: str

    @property
    def text(self) -> str:
        """The join string; it names nobody."""
        return f"{self.place}/{self.code}/{self.fingerprint}"

    @property
    def place(self) -> str:
        """The address and the port, as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def is_same_class(self, other: Invitation) -> bool:
        """Whether two invitations are to one class, which may have moved to another address."""
        length = min(len(self.fingerprint), len(other.fingerprint))
        return (self.code, self.fingerprint[:length]) == (other.code, other.fingerprint[:length])

    @property
    def server(self) -> Pinned:
        """The class's server."""
        return Pinned(self.host, self.port, self.fingerprint)


_INVITATION = re.compile(r"(?:drydock:)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})/([^/]+)/([^/]+)")


def invitation(text: str) -> Invitation:
    """Read a join string.

    Raises:
        MisuseError: it is not one; the message says what is missing.
    """
    found = _INVITATION.fullmatch("".join(text.split()))
    if found is None:
        raise MisuseError(
            "That is not a complete join string.",
            remedy="It has an address, a code and a fingerprint: 192.168.1.5:8443/ABCDEFGH/…; the teacher's page shows it.",
        )
    host, port, code, print_ = found.groups()
    plain = print_.upper().replace("-", "")
    if not LEAST_FINGERPRINT <= len(plain) <= FINGERPRINT or re.search("[^A-Z2-7]", plain):
        raise MisuseError(
            f"The fingerprint at the end has to have at least {LEAST_FINGERPRINT} letters.",
            remedy="Copy the whole join string from the teacher's page.",
        )
    if not 1 <= int(port) <= 65535:
        raise MisuseError(
            f"{port} is not a port.", remedy="Copy the whole join string from the teacher's page."
        )
    return Invitation(host.strip("[]"), int(port), plain_code(code), plain)
