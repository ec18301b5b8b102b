"""The certificate authorities that this machine trusts, for builds: behind a TLS-inspecting proxy, downloads need them."""

from __future__ import annotations

import base64
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables in which people name their own bundle, the most general first."""

PLACES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine
)

LARGEST = 500 * 1024
"""BuildKit accepts no secret larger than 500 KiB (moby/buildkit, session/secrets: MaxSecretSize)."""


def find_bundle(
    scratch: Path, environ: Mapping[str, str] | None = None, places: Iterable[str] = PLACES
) -> Path | None:
    """Return a file with this machine's certificate authorities, small enough for a build's secret; None if there is none.

    Args:
        scratch: a folder to write a bundle to, if the system has none as a file or its file is too large.
        environ: the environment.
        places: where systems keep their bundle.
    """
    environ = os.environ if environ is None else environ
    named = [environ[name] for name in VARIABLES if environ.get(name)]
    for candidate in [*named, *places]:
        path = Path(candidate)
        if path.is_file():
            return _fit(path, scratch)
    # Windows keeps them in a store, not in a file.
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not known:
        return None
    scratch.mkdir(parents=True, exist_ok=True)
    written = scratch / "ca.pem"
    written.write_text("".join(ssl.DER_cert_to_PEM_cert(each) for each in known), "ascii")
    return _fit(written, scratch)


def _fit(path: Path, scratch: Path) -> Path | None:
    """Return the bundle or, if it is too large for a secret, a copy without comments and duplicates."""
    if path.stat().st_size <= LARGEST:
        return path
    blocks = _blocks(path.read_text("utf-8", errors="replace"))
    text = "".join(f"-----BEGIN CERTIFICATE-----\n{block}\n-----END CERTIFICATE-----\n" for block in blocks)
    if len(text) > LARGEST:
        return None
    scratch.mkdir(parents=True, exist_ok=True)
    smaller = scratch / "ca.pem"
    smaller.write_text(text, "ascii")
    return smaller


def _blocks(text: str) -> list[str]:
    """Return the certificates of a bundle, each once, as base64 in lines of 64."""
    found: dict[bytes, str] = {}
    for part in text.split("-----BEGIN CERTIFICATE-----")[1:]:
        body = "".join(part.split("-----END CERTIFICATE-----")[0].split())
        found[base64.b64decode(body)] = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return list(found.values())
