"""A small client for the API server of the learner's cluster, with the learner's credentials, from their machine."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from checker.errors import LabError
from checker.external import credentials

if TYPE_CHECKING:
    from checker.external.kubeconfig import Context

REQUEST_SECONDS = 20.0


class Denied(Exception):  # noqa: N818 - an answer that the caller may expect
    """The server said no.

    Args:
        code: the status of the answer.
        message: the message in the answer.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Server:
    """The API server of one context.

    Args:
        context: the context.

    Raises:
        LabError: the login failed.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        user = credentials.logged_in(context)
        self._headers = {"Accept": "application/json", **credentials.headers(user)}
        parts = urlsplit(context.server)
        self._base = parts.path.rstrip("/")
        self._host, self._port = (
            parts.hostname or "",
            parts.port or (443 if parts.scheme == "https" else 80),
        )
        self._tls = credentials.encryption(context, user) if parts.scheme == "https" else None

    def get(self, path: str) -> Any:
        """GET a path.

        Raises:
            Denied: it does not exist, or the learner may not read it.
        """
        return self.send("GET", path)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send a body to a path and return the answer.

        Raises:
            Denied: the server refused it.
            LabError: the server does not answer.
        """
        connection = self._connection()
        headers = {**self._headers, **({} if body is None else {"Content-Type": "application/json"})}
        try:
            connection.request(method, self._base + path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
        except ssl.SSLCertVerificationError as error:
            raise self._silent(f"its certificate is not trusted: {error.verify_message}") from error
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(str(error) or type(error).__name__) from error
        finally:
            connection.close()
        try:
            answer = json.loads(text) if text.strip() else {}
        except ValueError:
            answer = {"message": text[:200].decode(errors="replace")}
        if response.status == 401:
            raise LabError(
                f"The cluster of the context `{self.context.name}` does not know you (401).",
                remedy=f"Log in as you do for kubectl, until `kubectl --context {self.context.name} get namespaces` works.",
            )
        if response.status >= 300:
            raise Denied(response.status, str(answer.get("message") or response.reason))
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=REQUEST_SECONDS)
        return _Encrypted(self._host, self._port, self._tls, self.context.expected_name)

    def _silent(self, why: str) -> LabError:
        return LabError(
            f"The cluster of the context `{self.context.name}` does not answer at {self.context.server}: {why}.",
            remedy=f"See whether it is running: kubectl --context {self.context.name} get nodes",
        )


class _Encrypted(http.client.HTTPSConnection):
    """A connection that expects a name of our choice in the server's certificate."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=REQUEST_SECONDS, context=tls)
        self._tls = tls
        self._name = name

    def connect(self) -> None:
        """Connect, and encrypt."""
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._name)
