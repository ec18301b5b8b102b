"""How the learner logs in to their cluster: with a certificate, a token, or a login program."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.errors import LabError

if TYPE_CHECKING:
    from checker.external.kubeconfig import Context, Plugin, User

LOGIN_SECONDS = 120.0
"""How long a login program may take: it may ask the learner something in a browser."""


def logged_in(context: Context) -> User:
    """Return the context's user, with the credentials from the login program if there is one.

    Raises:
        LabError: the program is missing, fails, or returns nothing.
    """
    user = context.user
    if user.plugin is None:
        return user
    status = _run(context, user.plugin).get("status") or {}
    token, certificate = status.get("token"), status.get("clientCertificateData")
    if not token and not certificate:
        raise LabError(
            f"{user.plugin.command}, which logs you in to the context `{context.name}`, returned no token and no certificate.",
            remedy=f"Check that `kubectl --context {context.name} get namespaces` works.",
        )
    return replace(
        user,
        token=str(token or ""),
        certificate=str(certificate or "").encode(),
        key=str(status.get("clientKeyData") or "").encode(),
    )


def _run(context: Context, plugin: Plugin) -> dict[str, Any]:
    asked = {
        "apiVersion": plugin.version,
        "kind": "ExecCredential",
        "spec": {"interactive": sys.stdin.isatty()},
    }
    try:
        done = subprocess.run(
            [plugin.command, *plugin.args],
            env={**os.environ, **dict(plugin.env), "KUBERNETES_EXEC_INFO": json.dumps(asked)},
            stdout=subprocess.PIPE,
            timeout=LOGIN_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise LabError(
            f"The context `{context.name}` logs in with the program {plugin.command}, which was not found.",
            remedy=plugin.hint or "Install it, or use a context that logs in with a certificate or a token.",
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(
            f"{plugin.command}, which logs you in to the context `{context.name}`, failed: {error}.",
            remedy=f"Check that `kubectl --context {context.name} get namespaces` works.",
        ) from error
    try:
        if done.returncode:
            raise ValueError
        found = json.loads(done.stdout)
        if not isinstance(found, dict):
            raise ValueError  # noqa: TRY004 - as above
    except ValueError:
        raise LabError(
            f"{plugin.command}, which logs you in to the context `{context.name}`, ended with code {done.returncode} "
            "and returned no credentials.",
            remedy=f"Log in as you do for kubectl, until `kubectl --context {context.name} get namespaces` works.",
        ) from None
    return found


def headers(user: User) -> dict[str, str]:
    """Return the headers with the learner's credentials."""
    found: dict[str, str] = {}
    if user.token:
        found["Authorization"] = f"Bearer {user.token}"
    elif user.name:
        pair = base64.b64encode(f"{user.name}:{user.password}".encode()).decode()
        found["Authorization"] = f"Basic {pair}"
    return found


def encryption(context: Context, user: User) -> ssl.SSLContext:
    """Return the TLS settings for the server: the trusted CA, and the learner's certificate.

    Raises:
        LabError: a certificate cannot be used.
    """
    made = ssl.create_default_context()
    # Many clusters' CAs do not meet the strictest rules; kubectl does not require them either.
    made.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    try:
        if context.authority:
            made.load_verify_locations(cadata=context.authority.decode("ascii", "replace"))
        if context.insecure:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        if user.certificate:
            _load(made, user)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise LabError(
            f"A certificate of the context `{context.name}` cannot be used: {error}.",
            remedy="`kubectl config view --raw` shows what the file contains.",
        ) from error
    return made


def _load(made: ssl.SSLContext, user: User) -> None:
    # The library reads certificates only from files. This file exists only while it is read, and only we can read it.
    with tempfile.TemporaryDirectory(prefix="drydock-") as folder:
        file = Path(folder) / "pair.pem"
        file.touch(mode=0o600)
        file.write_bytes(user.certificate.rstrip() + b"\n" + user.key)
        made.load_cert_chain(file)
