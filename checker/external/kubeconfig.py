"""The learner's kubeconfig: their contexts, and one context with all the files that it refers to.

It is read like kubectl reads it: `KUBECONFIG` can name several files, the first file that has a name wins, and a path
in a file is relative to that file. What is read stays in memory and is never written to a file.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from checker.errors import LabError, MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USUAL = Path("~/.kube/config")
"""Where kubectl looks if `KUBECONFIG` is not set."""


@dataclass(frozen=True)
class Plugin:
    """A program that logs the learner in, usually from a cloud.

    Args:
        command: the program.
        args: its arguments.
        env: the variables to add to its environment.
        version: the version of the interface that it uses.
        hint: how to install it, according to its makers.
    """

    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    version: str = "client.authentication.k8s.io/v1"
    hint: str = ""


@dataclass(frozen=True)
class User:
    """The learner's credentials; `repr` does not show them."""

    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    name: str = ""
    password: str = field(default="", repr=False)
    plugin: Plugin | None = None


@dataclass(frozen=True)
class Context:
    """One context, with its certificates.

    Args:
        name: its name.
        server: the address of the API server, as the learner's machine reaches it.
        user: the learner's credentials.
        authority: the CA that signed the server's certificate, PEM; empty for the CAs that the system trusts.
        insecure: whether the server's certificate is not verified.
        server_name: the name to expect in the certificate, if it is not the one in the address.
        files: the files that were read for it.
    """

    name: str
    server: str
    user: User
    authority: bytes = b""
    insecure: bool = False
    server_name: str = ""
    files: tuple[Path, ...] = ()

    @property
    def expected_name(self) -> str:
        """The name that the server's certificate must have."""
        return self.server_name or (urlsplit(self.server).hostname or "")


def files(environment: Mapping[str, str] | None = None) -> list[Path]:
    """Return the files that kubectl would read, whether they exist or not."""
    named = (os.environ if environment is None else environment).get("KUBECONFIG", "")
    listed = [Path(each).expanduser().absolute() for each in named.split(os.pathsep) if each]
    return listed or [USUAL.expanduser()]


def read(name: str, among: Sequence[Path] | None = None) -> Context:
    """Return a context by its name.

    Args:
        name: the context's name.
        among: the files to read; by default those that kubectl would read.

    Raises:
        MisuseError: there is no context of this name; the message names similar ones.
        LabError: there is no kubeconfig, it cannot be read, or something in it is missing.
    """
    merged = _Merged(list(among) if among is not None else files())
    found = merged.contexts.get(name)
    if found is None:
        raise MisuseError(f"Your kubeconfig has no context `{name}`.", remedy=_near(name, merged))
    inside, _ = found
    cluster, cluster_file = merged.part("cluster", str(inside.get("cluster") or ""), name)
    user, user_file = merged.part("user", str(inside.get("user") or ""), name)
    server = str(cluster.get("server") or "")
    if urlsplit(server).scheme not in {"http", "https"} or not urlsplit(server).hostname:
        raise LabError(f"The context `{name}` has no server address in {cluster_file}.", remedy=_CURE)
    if cluster.get("proxy-url"):
        raise LabError(
            f"The context `{name}` reaches its server through the proxy {cluster['proxy-url']}.",
            remedy="The lab's toolbox cannot use that proxy. Name a context that reaches the server directly.",
        )
    return Context(
        name=name,
        server=server.rstrip("/"),
        user=_user(name, user, user_file),
        authority=_content(cluster, "certificate-authority", cluster_file),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        server_name=str(cluster.get("tls-server-name") or ""),
        files=tuple(merged.read),
    )


_CURE = "`kubectl config view` shows what the kubeconfig contains."


class _Merged:
    """The merged content of several files: for each name, the first file that has it wins."""

    def __init__(self, among: list[Path]) -> None:
        self.read: list[Path] = []
        self.contexts: dict[str, tuple[dict[str, Any], Path]] = {}
        self.clusters: dict[str, tuple[dict[str, Any], Path]] = {}
        self.users: dict[str, tuple[dict[str, Any], Path]] = {}
        for file in among:
            document = _document(file)
            if document is None:
                continue
            self.read.append(file)
            for kind, into in (("context", self.contexts), ("cluster", self.clusters), ("user", self.users)):
                for each in document.get(f"{kind}s") or []:
                    if isinstance(each, dict) and isinstance(each.get(kind), dict):
                        into.setdefault(str(each.get("name") or ""), (each[kind], file))
        if not self.read:
            listed = " or ".join(str(file) for file in among)
            raise LabError(
                f"There is no kubeconfig: no file {listed}.",
                remedy="The tool that created the cluster can write one (`kind export kubeconfig`, `k3d kubeconfig merge`, your cloud's "
                "login). Name it in KUBECONFIG, or leave --context out: then the lab starts its own cluster.",
            )

    def part(self, kind: str, name: str, context: str) -> tuple[dict[str, Any], Path]:
        """Return a cluster or user that a context names."""
        found = (self.clusters if kind == "cluster" else self.users).get(name)
        if found is not None:
            return found
        if kind == "user" and not name:
            return {}, self.read[0]
        raise LabError(
            f"The context `{context}` names the {kind} `{name}`, which is not in your kubeconfig.",
            remedy=_CURE,
        )


def _document(file: Path) -> dict[str, Any] | None:
    """Return the content of a file, None if there is no such file."""
    # Imported only for the learner's own cluster, because the import takes about 20 ms.
    import yaml  # noqa: PLC0415

    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(
            f"The kubeconfig {file} cannot be read: {getattr(error, 'strerror', None) or error}.",
            remedy="Allow reading it, or name another file in KUBECONFIG.",
        ) from error
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise LabError(
            f"The kubeconfig {file} is not YAML{line}.",
            remedy="Correct the line, or name another file in KUBECONFIG.",
        ) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise LabError(f"{file} is not a kubeconfig.", remedy="Name another file in KUBECONFIG.")
    return found


def _near(name: str, merged: _Merged) -> str:
    known = sorted(merged.contexts)
    if not known:
        return f"It has no contexts: {', '.join(map(str, merged.read))}."
    near = difflib.get_close_matches(name, known, 1, cutoff=0.5) or [
        each for each in known if name and (name in each or each in name)
    ]
    listed = f"It has {', '.join(known)}."
    return f"Did you mean `{near[0]}`? {listed}" if near else listed


def _user(context: str, user: dict[str, Any], file: Path) -> User:
    if user.get("auth-provider"):
        name = (user["auth-provider"] or {}).get("name", "")
        raise LabError(
            f"The context `{context}` logs in with the auth-provider `{name}`, which Kubernetes no longer supports.",
            remedy="Your cloud's own tool writes a kubeconfig with an `exec` entry instead.",
        )
    if acted_as := user.get("as") or user.get("as-uid"):
        raise LabError(
            f"The context `{context}` impersonates another user ({acted_as}), which the lab does not support.",
            remedy="Name a context that does not impersonate anyone.",
        )
    token = str(user.get("token") or "")
    if not token and user.get("tokenFile"):
        token = _file(Path(str(user["tokenFile"])), file).decode(errors="replace").strip()
    return User(
        certificate=_content(user, "client-certificate", file),
        key=_content(user, "client-key", file),
        token=token,
        name=str(user.get("username") or ""),
        password=str(user.get("password") or ""),
        plugin=_plugin(user["exec"], file) if user.get("exec") else None,
    )


def _plugin(given: dict[str, Any], file: Path) -> Plugin:
    command = str(given.get("command") or "")
    # A path is relative to the file; a bare name is searched on PATH.
    if any(sign in command for sign in {"/", os.sep}) and not Path(command).is_absolute():
        command = str(file.parent / command)
    env = given.get("env") or ()
    return Plugin(
        command=command,
        args=tuple(str(each) for each in given.get("args") or ()),
        env=tuple((str(each["name"]), str(each["value"])) for each in env),
        version=str(given.get("apiVersion") or "client.authentication.k8s.io/v1"),
        hint=" ".join(str(given.get("installHint") or "").split()),
    )


def _content(entry: dict[str, Any], name: str, file: Path) -> bytes:
    """Return the content of a field, from the file itself or from another file that it names; empty without either."""
    if data := entry.get(f"{name}-data"):
        try:
            return base64.b64decode(str(data), validate=False)
        except binascii.Error:
            raise LabError(f"`{name}-data` in {file} is not base64.", remedy=_CURE) from None
    return _file(Path(str(entry[name])), file) if entry.get(name) else b""


def _file(path: Path, beside: Path) -> bytes:
    whole = beside.parent / path.expanduser()
    try:
        return whole.read_bytes()
    except OSError as error:
        raise LabError(
            f"{beside} names {whole}, which cannot be read: {error.strerror}.", remedy="Restore the file."
        ) from error
