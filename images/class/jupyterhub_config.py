"""JupyterHub's configuration for a class: who may sign in, and what a seat is.

`lab class deploy` puts this file, the settings (settings.json) and the learners' passcodes (people.json) into the cluster.
Written for JupyterHub 6 and KubeSpawner 7.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
from pathlib import Path

from jupyterhub.auth import Authenticator

SETTINGS = json.loads(Path("/etc/class/settings.json").read_text(encoding="utf-8"))
PEOPLE = Path("/etc/class-people/people.json")
NAMESPACE = SETTINGS["namespace"]
STATE = "/state"


class Passcodes(Authenticator):
    """Lets in who is on the class's list and has their own passcode."""

    def authenticate(self, _: object, data: dict[str, str]) -> str | None:
        """Return the name, or None if the list has no such name with this passcode.

        The list is read each time, so a learner who was added later can sign in without a restart of the hub.
        """
        people = json.loads(PEOPLE.read_text(encoding="utf-8"))
        name = data["username"]
        # Somebody who is not on the list takes as long as somebody with a wrong passcode.
        kept = people.get(name) or {"salt": "", "hash": ""}
        given = hashlib.scrypt(
            data["password"].strip().encode(),
            salt=base64.b64decode(kept["salt"]) or b"nobody",
            n=2**14,
            r=8,
            p=1,
        )
        return name if hmac.compare_digest(base64.b64encode(given).decode(), kept["hash"]) else None


c = get_config()  # noqa: F821 - JupyterHub puts it here

c.JupyterHub.authenticator_class = Passcodes
# Whoever has a passcode of the list may have a seat.
c.Authenticator.allow_all = True

c.JupyterHub.db_url = f"sqlite:///{STATE}/hub.sqlite"
c.JupyterHub.cookie_secret_file = f"{STATE}/cookie-secret"
c.JupyterHub.hub_bind_url = "http://0.0.0.0:8081"
c.JupyterHub.hub_connect_url = f"http://hub.{NAMESPACE}.svc:8081"
# The proxy is a pod of its own: a hub that is restarted cuts nobody off.
c.JupyterHub.cleanup_servers = False
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = f"http://proxy-api.{NAMESPACE}.svc:8001"
c.ConfigurableHTTPProxy.auth_token = os.environ["CONFIGPROXY_AUTH_TOKEN"]

c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
# A class comes through the door at the same time, and two cores start a few seats at once.
c.JupyterHub.concurrent_spawn_limit = SETTINGS["starting"]
c.JupyterHub.active_server_limit = SETTINGS["seats"]
c.KubeSpawner.namespace = NAMESPACE
c.KubeSpawner.image = SETTINGS["image"]
c.KubeSpawner.image_pull_policy = "IfNotPresent"
c.KubeSpawner.cmd = ["seat"]
c.KubeSpawner.start_timeout = SETTINGS["start_seconds"]
c.KubeSpawner.http_timeout = SETTINGS["start_seconds"]
c.Spawner.default_url = "/lab/tree/START.md"
c.KubeSpawner.working_dir = "/"
# The engine in a seat makes namespaces, mounts and packet filters.
c.KubeSpawner.privileged = True
c.KubeSpawner.allow_privilege_escalation = True
c.KubeSpawner.uid = 0
c.KubeSpawner.automount_service_account_token = False
c.KubeSpawner.cpu_guarantee = SETTINGS["cpu_least"]
c.KubeSpawner.cpu_limit = SETTINGS["cpu_most"]
c.KubeSpawner.mem_guarantee = SETTINGS["memory"]
c.KubeSpawner.mem_limit = SETTINGS["memory"]
c.KubeSpawner.common_labels = {"app.kubernetes.io/part-of": "drydock-class"}
c.KubeSpawner.extra_labels = {"drydock-role": "seat"}
c.KubeSpawner.node_selector = SETTINGS["nodes"]
c.KubeSpawner.environment = {
    "DRYDOCK_REGISTRY": f"registry.{NAMESPACE}.svc:5000",
    "DRYDOCK_INVITATION": "/etc/class/invitation",
}
c.KubeSpawner.storage_pvc_ensure = True
c.KubeSpawner.pvc_name_template = "seat-{username}"
c.KubeSpawner.storage_capacity = SETTINGS["disk"]
c.KubeSpawner.storage_access_modes = ["ReadWriteOnce"]
if SETTINGS["storage_class"]:
    c.KubeSpawner.storage_class = SETTINGS["storage_class"]
# The learner's files and the engine's images outlive the pod.
c.KubeSpawner.volumes = {
    "seat": {"name": "seat", "persistentVolumeClaim": {"claimName": "{pvc_name}"}},
    "invitation": {"name": "invitation", "secret": {"secretName": "invitation", "optional": True}},
}
c.KubeSpawner.volume_mounts = {
    "home": {"name": "seat", "mountPath": "/home/learner", "subPath": "home"},
    "engine": {"name": "seat", "mountPath": "/var/lib/docker", "subPath": "engine"},
    "invitation": {"name": "invitation", "mountPath": "/etc/class", "readOnly": True},
}

c.JupyterHub.services = [
    {"name": "pages", "url": f"http://pages.{NAMESPACE}.svc:8000", "oauth_no_confirm": True},
    {
        "name": "culler",
        "command": [
            sys.executable,
            "-m",
            "jupyterhub_idle_culler",
            f"--timeout={SETTINGS['idle_seconds']}",
            f"--cull-every={max(30, SETTINGS['idle_seconds'] // 6)}",
        ],
    },
]
c.JupyterHub.load_roles = [
    {
        "name": "culler",
        "services": ["culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    }
]
