"""Who the person is to their cluster: a certificate, a token, or what their login program says."""

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
    from checker.foreign.kubeconfig import Context, Plugin, User

LOGIN_SECONDS = 120.0
"""How long a login program may take: it may ask the person something, in a browser."""


def logged_in(context: Context) -> User:
    """Return the context's user with what their login program gave, if they have one.

    Raises:
        LabError: the program is missing, fails, or gives nothing.
    """
    user = context.user
    if user.plugin is None:
        return user
    status = _run(context, user.plugin).get("status") or {}
    token, certificate = status.get("token"), status.get("clientCertificateData")
    if not token and not certificate:
        raise LabError(
            f"{user.plugin.command}, which logs you in to the context `{context.name}`, gave no token and no certificate.",
            remedy=f"See whether `kubectl --context {context.name} get namespaces` works.",
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
            f"The context `{context.name}` logs in by the program {plugin.command}, which is not here.",
            remedy=plugin.hint or "Install it, or use a context that logs in by a certificate or token.",
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(
            f"{plugin.command}, which logs you in to the context `{context.name}`, did not end well: {error}.",
            remedy=f"See whether `kubectl --context {context.name} get namespaces` works.",
        ) from error
    try:
        if done.returncode:
            raise ValueError
        found = json.loads(done.stdout)
        if not isinstance(found, dict):
            raise ValueError  # noqa: TRY004 - as above
    except ValueError:
        raise LabError(
            f"{plugin.command}, which logs you in to the context `{context.name}`, ended with {done.returncode} "
            "and gave nothing to log in with.",
            remedy=f"Log in as you do for kubectl, until `kubectl --context {context.name} get namespaces` works.",
        ) from None
    return found


def headers(user: User) -> dict[str, str]:
    """Return the headers that tell who the person is."""
    found: dict[str, str] = {}
    if user.token:
        found["Authorization"] = f"Bearer {user.token}"
    elif user.name:
        pair = base64.b64encode(f"{user.name}:{user.password}".encode()).decode()
        found["Authorization"] = f"Basic {pair}"
    return found


def encryption(context: Context, user: User) -> ssl.SSLContext:
    """Return how to speak to the server: whom to trust, and the person's own certificate.

    Raises:
        LabError: a certificate cannot be used.
    """
    made = ssl.create_default_context()
    # Many clusters' own authorities do not say all that the strictest reading asks for; kubectl does not ask either.
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
            remedy="`kubectl config view --raw` shows what the file holds.",
        ) from error
    return made


def _load(made: ssl.SSLContext, user: User) -> None:
    # The library reads certificates from files alone; this one is there for the moment of reading, for nobody else.
    with tempfile.TemporaryDirectory(prefix="drydock-") as folder:
        file = Path(folder) / "pair.pem"
        file.touch(mode=0o600)
        file.write_bytes(user.certificate.rstrip() + b"\n" + user.key)
        made.load_cert_chain(file)
