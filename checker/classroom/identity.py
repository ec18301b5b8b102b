"""The certificate of a class's server: made by itself, kept with the class; its SHA-256 is the server's identity."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import ssl
from typing import TYPE_CHECKING

from checker import whole
from checker.errors import LabError, not_written
from checker.web.pinned import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

DAYS = 400
"""How long a certificate says that it is valid. Learners' machines compare its hash and ignore its dates: clocks are wrong."""


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return the files with a class's certificate and key, made when there are none.

    Raises:
        LabError: they cannot be written, or what makes them is not installed.
    """
    public, private = folder / "certificate.pem", folder / "key.pem"
    if public.is_file() and private.is_file():
        return public, private
    try:
        from cryptography import x509  # noqa: PLC0415 - only a teacher's machine has it
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    except ImportError as error:
        raise LabError(
            "The package cryptography, which makes the certificate of a class, is not installed.",
            remedy="Start the class with the checkout's own command: ./lab class serve",
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "drydock-class")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        whole.write_bytes(private, secret, mode=0o600)
        whole.write_bytes(public, made.public_bytes(serialization.Encoding.PEM), mode=0o600)
    except OSError as error:
        raise not_written(folder, error) from error
    return public, private


def identity(public: Path) -> str:
    """Return the fingerprint of a certificate's file."""
    return fingerprint(ssl.PEM_cert_to_DER_cert(public.read_text("ascii")))


def pin(public: Path) -> str:
    """Return the SHA-256 of a certificate's public key in base64, as `curl --pinnedpubkey` takes it (RFC 7469, 2.4)."""
    from cryptography import x509  # noqa: PLC0415 - only a teacher's machine has it
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    key = x509.load_pem_x509_certificate(public.read_bytes()).public_key()
    data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
