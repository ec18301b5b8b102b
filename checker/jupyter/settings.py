"""JupyterLab's own settings, kernel and folders, so that a person's other Jupyter is left alone."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker import whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FIRST_PORT = 8888
OTHER_PORTS = 50
"""How many other ports are tried if that one is in use: the next four, then random ones."""
KERNEL = "python3"
"""The kernel name in notebooks; it is the usual name, so that they also open in another Jupyter."""

DAYS_BEFORE_CULLING = 3
"""An idle kernel without a connected page ends after this many days: not overnight, and not over a weekend."""

OVERRIDES: dict[str, dict[str, Any]] = {
    # It requests nothing from other hosts, and does not ask the learner about that.
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/extensionmanager-extension:plugin": {"enabled": False, "disclaimed": False},
    # A link in a text cell must not run a command of JupyterLab.
    "@jupyterlab/apputils-extension:sanitizer": {"allowCommandLinker": False},
    # `lab notebook --stop` and `lab down` do not ask, so there must be little that is not saved yet.
    "@jupyterlab/docmanager-extension:plugin": {"autosaveInterval": 15},
}
"""Settings of JupyterLab with another default here; the learner can still change them in the page."""

DISABLED = (
    "@jupyterlab/apputils-extension:announcements",
    "@jupyterlab/extensionmanager-extension",
    "@jupyterlab/fileeditor-extension:language-server",
    "@jupyterlab/lsp-extension",
    "@jupyterlab/notebook-extension:language-server",
    "@jupyterlab/terminal-extension",
)
"""Plug-ins of the page that contact other hosts, or that need what this server does not have."""

_SOURCES = {
    "default-src": "'self'",
    # The page compiles its settings' schemas, and outputs contain scripts.
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "frame-src": "'self' data: blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
}
POLICY = "; ".join(f"{kind} {sources}" for kind, sources in _SOURCES.items())
"""The Content-Security-Policy of every answer: whatever a notebook shows, nothing comes from another host."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where this JupyterLab keeps what it writes.

    Args:
        root: the folder with all of it; it can be removed while nothing runs.
    """

    root: Path

    @property
    def data(self) -> Path:
        """Kernels."""
        return self.root / "data"

    @property
    def runtime(self) -> Path:
        """Connection files, and the key of its cookies."""
        return self.root / "runtime"

    @property
    def application(self) -> Path:
        """The files made from `OVERRIDES` and `DISABLED`."""
        return self.root / "application"

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return an environment in which Jupyter, IPython and matplotlib know these folders and no others."""
        kept = {name: value for name, value in base.items() if not name.startswith("JUPYTER")}
        return kept | {
            "JUPYTER_CONFIG_DIR": str(self.root / "config"),
            "JUPYTER_DATA_DIR": str(self.data),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            # Otherwise the environment's kernel is used instead of ours.
            "JUPYTER_PREFER_ENV_PATH": "0",
            "IPYTHONDIR": str(self.root / "ipython"),
            "MPLCONFIGDIR": str(self.root / "matplotlib"),
        }

    def write(self) -> None:
        """Make the folders so that only this user can read them, and write the kernel and settings into them.

        Raises:
            OSError: they cannot be written.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        _write(self.data / "kernels" / KERNEL / "kernel.json", kernel())
        _write(self.application / "overrides.json", OVERRIDES)
        _write(self.application / "page_config.json", {"disabledExtensions": dict.fromkeys(DISABLED, True)})


def _write(file: Path, value: object) -> None:
    text = json.dumps(value, indent=1) + "\n"
    if file.is_file() and file.read_text("utf-8") == text:
        return
    whole.write(file, text)


def kernel() -> dict[str, Any]:
    """Return the kernel's specification: this Python, under the course's name."""
    return {
        "argv": [
            sys.executable,
            # Otherwise each start warns that a debugger might miss breakpoints.
            "-Xfrozen_modules=off",
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ],
        "display_name": f"Drydock (Python {sys.version_info.major}.{sys.version_info.minor})",
        "language": "python",
        "metadata": {"debugger": True, "supported_encryption": ["curve"]},
    }


def server_settings(folders: Folders, work: Path, token: str, address: str, port: int) -> dict[str, Any]:
    """Return the settings of the server, by class.

    Args:
        folders: where it keeps what it writes.
        work: the folder that the page shows.
        token: the token that the page asks for.
        address: the address to listen on.
        port: the port to listen on; 0 takes a free one from 8888 on.
    """
    return {
        "ServerApp": {
            "root_dir": str(work),
            "ip": address,
            "port": port or FIRST_PORT,
            "port_retries": 0 if port else OTHER_PORTS,
            "open_browser": False,
            "terminals_enabled": False,
            # If the learner is root, the course runs as root too.
            "allow_root": True,
            # A Ctrl-C in a room's terminal ends it; nobody can be asked.
            "answer_yes": True,
            "tornado_settings": {"headers": {"Content-Security-Policy": POLICY}},
        },
        # A password that is set in the page would stay valid longer than the token.
        "IdentityProvider": {"token": token},
        "PasswordIdentityProvider": {"allow_password_change": False},
        "KernelSpecManager": {"allowed_kernelspecs": [KERNEL], "ensure_native_kernel": False},
        # Other users of this machine can listen on its loopback interface, but cannot read the cells' output.
        "KernelManager": {"transport_encryption": "auto"},
        "MappingKernelManager": {
            "default_kernel_name": KERNEL,
            "cull_idle_timeout": DAYS_BEFORE_CULLING * 24 * 3600,
            "cull_connected": False,
            "cull_busy": False,
        },
        "LabApp": {
            "app_settings_dir": str(folders.application),
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",
        },
    }
