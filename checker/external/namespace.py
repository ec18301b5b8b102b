"""The lab's namespace in the learner's cluster, and one identity that has all rights in it and none elsewhere.

Everything carries the lab's label and the mark of the checkout that made it. Nothing else is ever changed.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.errors import LabError
from checker.external.server import Denied

if TYPE_CHECKING:
    from checker.external.server import Server

LABEL = "io.drydock.lab"
OWNER = "io.drydock.owner"
LEARNER = "learner"
"""The name of the identity."""

TOKEN_SECONDS = 12 * 3600
"""How long the identity's token is valid, if the cluster allows that; `lab start` fetches a new one."""

GONE_SECONDS = 120.0
"""How long the removal of a namespace may take: its pods get a second, the cluster's controllers need more."""

MADE_SECONDS = 20.0
_RBAC = "/apis/rbac.authorization.k8s.io/v1"


@dataclass(frozen=True)
class LabNamespace:
    """A namespace for one lab.

    Args:
        server: the cluster.
        name: the namespace's name.
        lab: the lab's number.
        owner: the mark of the checkout that makes it.
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
        """The name of the two cluster-wide objects that let the identity read nodes."""
        return f"{self.name}-nodes"

    # -- making --------------------------------------------------------------------------------------------

    def require_ours_or_free(self) -> bool:
        """Return whether the namespace exists already.

        Raises:
            LabError: it exists and is not ours.
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
        """Create what is missing, and return whether the identity may read nodes.

        Raises:
            LabError: the namespace is not ours, or the learner may not create one.
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
        """Return a token for the identity, which is valid for a few hours."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_SECONDS},
        }
        try:
            answer = self.server.send("POST", f"{self.path}/serviceaccounts/{LEARNER}/token", body)
        except Denied as denied:
            raise LabError(
                f"The cluster did not give a token for the lab's identity: {denied.message}.",
                remedy="The cluster needs Kubernetes 1.24 or newer, and you need the right to create serviceaccounts/token.",
            ) from denied
        return str(answer["status"]["token"])

    # -- removing ------------------------------------------------------------------------------------------

    def remove(self) -> list[str]:
        """Remove it, wait until it is gone, and return what was removed.

        Raises:
            LabError: it is not ours, or the cluster does not remove it.
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
            # From now on the cluster creates nothing new in it, so its pods can be removed at once.
            self._delete(f"{self.path}/pods?gracePeriodSeconds=1")
            self._wait_until_gone()
            removed.append(f"namespace {self.name}")
        return removed

    def _wait_until_gone(self) -> None:
        give_up = time.monotonic() + GONE_SECONDS
        while self._namespace() is not None:
            if time.monotonic() > give_up:
                raise LabError(
                    f"After {GONE_SECONDS:g} s, the cluster is still removing the namespace {self.name}.",
                    remedy=f"See what blocks it: kubectl --context {self.server.context.name} get namespace {self.name} --output yaml",
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
                remedy="The lab creates its own namespace there. Ask the person who runs the cluster.",
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
                remedy="The lab needs its own namespace there. Ask the person who runs the cluster.",
            ) from denied

    def _delete(self, path: str) -> bool:
        try:
            self.server.send("DELETE", path)
        except Denied as denied:
            if denied.code not in {404, 409}:
                raise LabError(
                    f"{path} could not be removed from the cluster of `{self.server.context.name}`: {denied.message}.",
                    remedy="Ask the person who runs the cluster to remove it.",
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
        """Let the identity read nodes, if the learner may grant that; the lab also works without it."""
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
        """Wait for the default ServiceAccount, which the cluster creates a moment after the namespace."""
        give_up = time.monotonic() + MADE_SECONDS
        while time.monotonic() < give_up:
            with contextlib.suppress(Denied):
                self.server.get(f"{self.path}/serviceaccounts/default")
                return
            time.sleep(0.1)
