"""The lab's room in the person's cluster: one namespace, one identity that may do everything in it, and nothing else.

All of it carries the lab's label and the mark of the checkout that made it. What does not is never changed.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.errors import LabError
from checker.foreign.server import Denied

if TYPE_CHECKING:
    from checker.foreign.server import Server

LABEL = "io.drydock.lab"
OWNER = "io.drydock.owner"
LEARNER = "learner"
"""The identity's name."""

TOKEN_SECONDS = 12 * 3600
"""How long the identity's token holds, if the cluster grants as much; `lab start` fetches another."""

GONE_SECONDS = 120.0
"""How long a namespace may take to go: its pods are given a second, its cluster's controllers some more."""

MADE_SECONDS = 20.0
_RBAC = "/apis/rbac.authorization.k8s.io/v1"


@dataclass(frozen=True)
class Room:
    """A namespace for one lab.

    Args:
        server: the cluster.
        name: the namespace's name.
        lab: the lab's number.
        owner: the mark of whoever makes it.
    """

    server: Server
    name: str
    lab: str
    owner: str

    @property
    def path(self) -> str:
        """Its place in the API."""
        return f"/api/v1/namespaces/{self.name}"

    @property
    def nodes_role(self) -> str:
        """The name of what lets the identity read nodes: two objects of the cluster's own level."""
        return f"{self.name}-nodes"

    # -- making --------------------------------------------------------------------------------------------

    def require_ours_or_free(self) -> bool:
        """Return whether the namespace is there already.

        Raises:
            LabError: it is there and is not ours.
        """
        found = self._namespace()
        if found is None:
            return False
        if not self._is_ours(found):
            labels = found["metadata"].get("labels") or {}
            whose = (
                "another checkout of Drydock made it"
                if OWNER in labels
                else "it does not carry the lab's label"
            )
            raise LabError(
                f"The cluster has a namespace {self.name} that is not this lab's: {whose}. It was left alone.",
                remedy=f"Choose another name: lab start {int(self.lab)} --context {self.server.context.name} --namespace {self.name}-2",
            )
        return True

    def make(self) -> bool:
        """Make what is missing of it, and return whether the identity may read nodes.

        Raises:
            LabError: the namespace is not ours, or the person may not make one.
        """
        if self.require_ours_or_free() and self._is_going():
            self._wait_until_gone()
        labels = self._labels
        self._make(
            "/api/v1/namespaces",
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": self.name,
                    "labels": {**labels, "app.kubernetes.io/managed-by": "drydock"},
                },
            },
            f"a namespace ({self.name})",
        )
        self._make(
            f"{self.path}/serviceaccounts",
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": LEARNER, "labels": labels},
            },
            "an identity in it",
        )
        self._make(
            f"{_RBAC}/namespaces/{self.name}/rolebindings",
            self._binding("RoleBinding", LEARNER, "admin"),
            "that identity the namespace's admin",
        )
        self._wait_for_default_identity()
        return self._let_read_nodes()

    def token(self) -> str:
        """Return a token of the identity, which the cluster takes for some hours."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_SECONDS},
        }
        try:
            answer = self.server.send("POST", f"{self.path}/serviceaccounts/{LEARNER}/token", body)
        except Denied as denied:
            raise LabError(
                f"The cluster gives no token for the lab's identity: {denied.message}.",
                remedy="It has to be Kubernetes 1.24 or newer, and you need the right to create serviceaccounts/token.",
            ) from denied
        return str(answer["status"]["token"])

    # -- removing ------------------------------------------------------------------------------------------

    def remove(self) -> list[str]:
        """Remove it, wait until it is gone, and return what was removed.

        Raises:
            LabError: it is not ours, or does not go.
        """
        removed = []
        for kind in ("clusterrolebindings", "clusterroles"):
            path = f"{_RBAC}/{kind}/{self.nodes_role}"
            found = self._find(path)
            if found is not None and self._is_ours(found) and self._delete(path):
                removed.append(f"{kind.removesuffix('s')} {self.nodes_role}")
        found = self._namespace()
        if found is not None and self._is_ours(found):
            self._delete(self.path)
            # Nothing new comes to be in it from now on, so what is there may go at once.
            self._delete(f"{self.path}/pods?gracePeriodSeconds=1")
            self._wait_until_gone()
            removed.append(f"namespace {self.name}")
        return removed

    def _wait_until_gone(self) -> None:
        give_up = time.monotonic() + GONE_SECONDS
        while self._namespace() is not None:
            if time.monotonic() > give_up:
                raise LabError(
                    f"The namespace {self.name} is still being removed by the cluster after {GONE_SECONDS:g} s.",
                    remedy=f"See what holds it: kubectl --context {self.server.context.name} get namespace {self.name} --output yaml",
                )
            time.sleep(0.25)

    # -- the inside ----------------------------------------------------------------------------------------

    @property
    def _labels(self) -> dict[str, str]:
        return {LABEL: self.lab, OWNER: self.owner}

    def _is_ours(self, found: dict[str, Any]) -> bool:
        labels = found["metadata"].get("labels") or {}
        return labels.get(LABEL) == self.lab and labels.get(OWNER) == self.owner

    def _namespace(self) -> dict[str, Any] | None:
        return self._find(self.path)

    def _is_going(self) -> bool:
        found = self._namespace()
        return found is not None and bool(found["metadata"].get("deletionTimestamp"))

    def _find(self, path: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.server.get(path)
        except Denied as denied:
            if denied.code == 404:
                return None
            raise LabError(
                f"You may not look at {path.rpartition('/')[2]} in the cluster of `{self.server.context.name}`: {denied.message}.",
                remedy="The lab makes a namespace of its own there; ask who runs the cluster.",
            ) from denied
        return found

    def _make(self, path: str, body: dict[str, Any], what: str) -> None:
        try:
            self.server.send("POST", path, body)
        except Denied as denied:
            if denied.code == 409:
                return
            raise LabError(
                f"You may not make {what} in the cluster of `{self.server.context.name}`: {denied.message}.",
                remedy="The lab needs a namespace of its own there; ask who runs the cluster.",
            ) from denied

    def _delete(self, path: str) -> bool:
        try:
            self.server.send("DELETE", path)
        except Denied as denied:
            if denied.code not in {404, 409}:
                raise LabError(
                    f"{path} could not be removed from the cluster of `{self.server.context.name}`: {denied.message}.",
                    remedy="Ask who runs the cluster to remove it.",
                ) from denied
            return denied.code == 409
        return True

    def _binding(self, kind: str, name: str, role: str) -> dict[str, Any]:
        return {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name, "labels": self._labels},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": LEARNER, "namespace": self.name}],
        }

    def _let_read_nodes(self) -> bool:
        """Let the identity read nodes, where the person may say so; the lab goes without it as well."""
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": self.nodes_role, "labels": self._labels},
            "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}],
        }
        for path, body in (
            ("clusterroles", role),
            ("clusterrolebindings", self._binding("ClusterRoleBinding", self.nodes_role, self.nodes_role)),
        ):
            try:
                self.server.send("POST", f"{_RBAC}/{path}", body)
            except Denied as denied:
                if denied.code != 409:
                    return False
                found = self._find(f"{_RBAC}/{path}/{self.nodes_role}")
                if found is None or not self._is_ours(found):
                    return False
        return True

    def _wait_for_default_identity(self) -> None:
        """Wait for what every pod has unless told otherwise: the cluster makes it a moment after the namespace."""
        give_up = time.monotonic() + MADE_SECONDS
        while time.monotonic() < give_up:
            with contextlib.suppress(Denied):
                self.server.get(f"{self.path}/serviceaccounts/default")
                return
            time.sleep(0.1)
