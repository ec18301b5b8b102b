"""A Kubernetes API server that is a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from checker.external.kubeconfig import Context, User
from checker.external.server import Denied


@dataclass
class Cluster:
    """An API server that is a table of things by path."""

    things: dict[str, Any] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    sent: list[str] = field(default_factory=list)
    context: Context = field(default_factory=lambda: Context("mine", "https://mine", User()))

    def get(self, path: str) -> Any:
        """Return a thing."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Do as an API server does."""
        if method != "GET":
            self.sent.append(f"{method} {path}")
        plain = path.partition("?")[0]
        if any(part in plain and method != "GET" for part in self.forbidden):
            raise Denied(403, f"may not {method} {plain}")
        if method == "POST":
            return self._make(plain, body)
        if plain.endswith("/pods") and method == "DELETE":
            return {}
        if plain not in self.things:
            raise Denied(404, "not found")
        if method == "DELETE":
            for each in [each for each in self.things if each == plain or each.startswith(f"{plain}/")]:
                del self.things[each]
            return {}
        return self.things[plain]

    def _make(self, path: str, body: Any) -> Any:
        if path.endswith("/token"):
            return {"status": {"token": "secret"}}
        at = f"{path}/{body['metadata']['name']}"
        if at in self.things:
            raise Denied(409, "already exists")
        self.things[at] = body
        if path == "/api/v1/namespaces":
            self.things[f"{at}/serviceaccounts/default"] = {}
        return body
