"""What a person can do, on each platform, if the engine is missing, stopped or not accessible to them."""

from __future__ import annotations

from pathlib import Path

from checker.engine.platform import Platform, System

_FAMILIES = {
    "fedora": "sudo dnf install moby-engine docker-cli docker-compose docker-buildx && sudo systemctl start docker",
    "arch": "sudo pacman -S docker docker-compose docker-buildx && sudo systemctl start docker",
    "suse": "sudo zypper install docker docker-compose docker-buildx && sudo systemctl start docker",
    "alpine": "sudo apk add docker docker-cli-compose docker-cli-buildx && sudo rc-service docker start",
}


def absent(platform: Platform) -> str:
    """Say what to install, or what to open if it is already installed."""
    if installed := _installed_app(platform):
        return f"{installed} is installed: open it, wait until it says that it is running, and try again."
    if platform.system is System.MACOS:
        return (
            "Install Docker Desktop, OrbStack, Rancher Desktop or Colima "
            "(`brew install colima docker docker-compose docker-buildx && colima start`), "
            "start it, and try again."
        )
    if platform.system is System.WINDOWS:
        return "Install Docker Desktop (`winget install Docker.DockerDesktop`), start it, and try again."
    if command := _install_command(platform):
        return f"Install one (`{command}`), and try again."
    return (
        "Install Docker with its compose and buildx plugins from your distribution, start it, and try again."
    )


LOG_DRIVER = (
    'Set `"log-driver": "local"` in the engine\'s daemon.json, without `log-opts`, and restart the engine.'
)
"""What to do about a log driver that does not work, or does not keep what was written."""


def not_running(platform: Platform, source: str) -> str:
    """Say how to start an engine whose socket is unused or missing."""
    for name, start in _STARTERS.items():
        if name.lower() in source.lower():
            return f"Start {name} ({start}) and try again."
    if platform.system is not System.LINUX:
        app = _installed_app(platform)
        return f"Open {app} and try again." if app else "Start it and try again."
    if platform.has_systemd:
        return "Start it (`sudo systemctl start docker`; if it ends again, read `journalctl -u docker`) and try again."
    return "Start it (as root, `./lab up` does) and try again."


def denied(platform: Platform, source: str = "") -> str:
    """Say how a user who is not root gets access to the engine, or to one of their own; `source` is where it was found."""
    if "Podman" in source:
        # Its folder is closed to all but root, so whether an engine is behind it cannot be seen.
        return f"Start Podman for your own user ({_STARTERS['Podman'].rpartition(' on Linux ')[2]}), and try again."
    if platform.system is not System.LINUX:
        return "Open the engine's application as this user, and try again."
    user = platform.environ.get("USER") or "$USER"
    return (
        f"Join the group docker (`sudo usermod -aG docker {user}`), log out and in again, and try again. "
        "Everyone in that group can become root on this machine."
    )


def client(platform: Platform, plugin: Path | None = None) -> str:
    """Say how to get a docker command with its plugins; `plugin` is the file of one that is there and does not work."""
    if plugin:
        return (
            f"Move {plugin} away if an engine that is gone left it there, or install it again, and try again."
        )
    needs = "a docker command with its compose (2.20 or newer) and buildx plugins"
    if platform.system is System.MACOS:
        return f"Install {needs} (`brew install docker docker-compose docker-buildx`), and try again."
    if platform.system is System.WINDOWS:
        return f"Install {needs} (Docker Desktop includes them), and try again."
    command = _install_command(platform)
    return f"Install {needs}{f' (`{command}`)' if command else ''}, and try again."


def other_choice(source: str) -> str:
    """Say how to choose another engine than one that does not answer."""
    if source == "DOCKER_HOST":
        return "Or unset DOCKER_HOST to use this machine's own engine."
    return "Or choose another engine (`docker context use default`, and unset DOCKER_CONTEXT)."


def other_than(source: str) -> list[str]:
    """Say how to choose another engine, if the person chose the one that does not answer; otherwise nothing."""
    return [other_choice(source)] if source == "DOCKER_HOST" or source.startswith("context ") else []


def hung(platform: Platform) -> str:
    """Say what to do about an engine that accepts connections and answers nothing."""
    how = (
        " (`sudo systemctl restart docker`)"
        if platform.system is System.LINUX and platform.has_systemd
        else ""
    )
    return f"It accepts connections, but does not answer in time: wait if the machine is very busy, or else restart the engine{how}."


def forbidden() -> str:
    """Say how to get past a socket proxy or a plugin that forbids requests."""
    return (
        "A socket proxy or an authorization plugin is in front of the engine, and labs need requests that it forbids: use the "
        "engine's own socket (unset DOCKER_HOST, `docker context use default`), or allow its whole API there."
    )


_STARTERS = {
    "Docker Desktop": "open its window, or `docker desktop start`",
    "desktop-linux": "open Docker Desktop",
    "Colima": "`colima start`",
    "OrbStack": "`orb start`",
    "Rancher Desktop": "open its window",
    "rootless Docker": "`systemctl --user start docker`",
    "Podman": "`podman machine start`, or on Linux `systemctl --user start podman.socket`",
}


def _installed_app(platform: Platform) -> str | None:
    """Return the engine's application that is installed but not running."""
    if platform.system is System.MACOS:
        for app in ("Docker", "OrbStack", "Rancher Desktop"):
            if platform.exists(Path(f"/Applications/{app}.app")):
                return "Docker Desktop" if app == "Docker" else app
        if platform.which("colima"):
            return "Colima (`colima start`)"
    if platform.system is System.WINDOWS:
        programs = Path(platform.environ.get("PROGRAMFILES", "C:/Program Files"))
        if platform.exists(programs / "Docker/Docker/Docker Desktop.exe"):
            return "Docker Desktop"
    return None


def _install_command(platform: Platform) -> str | None:
    """Return the command of this Linux family; Debian and Ubuntu are installed by `lab up`."""
    text = (platform.read(Path("/etc/os-release")) or "").lower()
    words = " ".join(
        line.partition("=")[2] for line in text.splitlines() if line.startswith(("id=", "id_like="))
    )
    if "debian" in words or "ubuntu" in words:
        return "./lab up"
    return next((command for family, command in _FAMILIES.items() if family in words), None)
