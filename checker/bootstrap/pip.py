"""Running pip: from the environment, the base Python or a wheel; only by hashes; its last lines are kept for a message."""

from __future__ import annotations

import ast
import importlib.util
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from checker.bootstrap.say import ProblemError, Steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SILENCE_SECONDS = 900.0
"""How long pip may say nothing: one package of 10 MB over a very poor line. All together may take as long as it does."""
TICK_SECONDS = 1.0
LOG_LINES = 8
REACH = frozenset(
    {
        "CACHE_DIR",
        "CERT",
        "CLIENT_CERT",
        "CONFIG_FILE",
        "DEFAULT_TIMEOUT",
        "EXTRA_INDEX_URL",
        "FIND_LINKS",
        "INDEX_URL",
        "KEYRING_PROVIDER",
        "NO_CACHE_DIR",
        "NO_INDEX",
        "PROXY",
        "RETRIES",
        "TIMEOUT",
        "TRUSTED_HOST",
    }
)
"""Settings of pip that say how packages are reached. Others (a target, a prefix, constraints, `--user`) would put
them elsewhere or change what is installed."""
WHEELS = Path("/usr/share/python-wheels")
"""Where Debian keeps pip's own wheel (package python3-pip-whl)."""


CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
"""Where people name the certificates of a network that inspects TLS. If such a file is missing, pip trusts no server."""

WAY = ("PIP_NO_INDEX", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_PROXY")
"""Where people say from where packages come; such a setting often belongs to another network."""


def environment(base: Mapping[str, str], configured: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for pip: the user's way to the packages, and none of what changes the result.

    Args:
        base: the user's environment.
        configured: what pip.conf says of the way to the packages, of `configuration`; then pip does not read it again.
    """
    kept = {
        name: value
        for name, value in base.items()
        if (not name.startswith("PIP_") or name.removeprefix("PIP_") in REACH)
        and not name.startswith("PYTHON")
        and name != "__PYVENV_LAUNCHER__"
    }
    if configured is not None:
        # A target, a prefix or constraints in pip.conf cannot be overruled one by one.
        kept = {
            **{f"PIP_{name}": value for name, value in configured.items()},
            **kept,
            "PIP_CONFIG_FILE": os.devnull,
        }
    for name in stale_certificates(kept):
        del kept[name]
    # Settings of pip.conf give way to these.
    return {
        **kept,
        "PIP_USER": "0",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PYTHONUNBUFFERED": "1",
    }


def stale_certificates(base: Mapping[str, str]) -> list[str]:
    """Return the variables that name certificates which are not there."""
    return [name for name in CERTIFICATES if base.get(name) and not os.path.exists(base[name])]  # noqa: PTH110


def configuration(pip: Sequence[str], folder: Path) -> dict[str, str]:
    """Return what the user's pip.conf files say of the way to the packages, by setting; pip reads them itself."""
    try:
        done = subprocess.run(
            [*pip, "config", "list"],
            env=environment(os.environ),
            cwd=folder,  # as where it installs: the user's own may hold a module named as one of pip's
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        key, equals, value = line.partition("=")
        section, _, name = key.partition(".")
        setting = name.upper().replace("-", "_")
        # What is said of installing wins over what is said of everything, as in pip; `list` puts it later.
        if equals and section in {"global", "install"} and setting in REACH and setting != "CONFIG_FILE":
            found[setting] = " ".join(_unquoted(value).split())
    return found


def _unquoted(text: str) -> str:
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text


def find(python: Path) -> list[str] | None:
    """Return the start of a command line that runs pip for this environment; None where there is no pip.

    A wheel of pip is a program as it is, so pip need not be put into the environment first (which takes longer
    than all the rest when the cache is warm).
    """
    for wheel in wheels():
        return [str(python), f"{wheel}/pip"]
    # Another Python's pip can work on this environment since 22.3.
    other = [sys.executable, "-m", "pip", "--python", str(python)]
    return other if _runs([*other, "--version"]) else None


def wheels() -> list[Path]:
    """Return pip's wheels on this machine, the likeliest first: Python's own, Debian's, those that the user has."""
    importlib.invalidate_caches()
    own = importlib.util.find_spec("ensurepip")
    folders = [Path(own.origin).parent / "_bundled"] if own and own.origin else []
    folders += [
        WHEELS,
        *(Path(link) for link in os.environ.get("PIP_FIND_LINKS", "").split() if "://" not in link),
    ]
    return [wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"), reverse=True)]


def install(pip: Sequence[str], lock: Path, steps: Steps, *, inherit: int) -> None:
    """Install what a lock names, each file checked against the lock's hashes, and nothing else.

    Args:
        pip: the start of the command line, of `find`.
        lock: the requirements file with hashes.
        steps: the progress, for messages about what is being done.
        inherit: descriptor of the lock on the environment, which pip holds too: should we be killed, the next
            `lab` waits until pip has ended.
    """
    command = [
        *pip,
        "install",
        "--require-hashes",
        "--no-deps",
        "--progress-bar",
        "off",
        "--requirement",
        str(lock),
    ]
    last: deque[str] = deque(maxlen=LOG_LINES)
    descriptors: tuple[int, ...] = () if sys.platform == "win32" else (inherit,)
    with subprocess.Popen(
        command,
        env=environment(os.environ, configuration(pip, lock.parent)),
        # The folder of the user may hold a module of the same name as one of pip's.
        cwd=lock.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=descriptors,
    ) as child:
        try:
            for line in _lines(child, steps):
                last.append(line)
                steps.tick(_doing(line))
        except BaseException:
            child.terminate()
            raise
        code = child.wait()
    if code != 0:
        text = "\n".join(last)
        raise ProblemError(
            f"The packages of {lock.name} could not be installed (pip ended with {code}).",
            _remedy(text),
            text,
        )


def _remedy(text: str) -> str:
    """Return what to do, by what pip printed."""
    if "certificate" in text.lower() and (named := [name for name in CERTIFICATES if name in os.environ]):
        return f"{named[0]} names {os.environ[named[0]]}: see whether that has today's certificates, or unset it."
    remedy = next((remedy for sign, remedy in _SIGNS if sign in text.lower()), _OTHERWISE)
    set_here = [name for name in WAY if name in os.environ]
    if set_here and any(sign in text.lower() for sign in _OUT_OF_REACH):
        # Not what they say: an address may have a password in it.
        remedy += f" This terminal sets {', '.join(set_here)}: unset what belongs to another network."
    return remedy


_OUT_OF_REACH = ("no matching distribution", "connection", "resolution")
_OTHERWISE = "Run the same command again: nothing is lost."
_SIGNS = (
    (
        "do not match the hashes",
        "A package is not the one that this course was tested with. See requirements/README.md.",
    ),
    (
        "no space left",
        "Free some disk space (about 150 MB are needed, and 420 MB more for notebooks) and run the same command again.",
    ),
    (
        "certificate",
        "The network inspects TLS: point PIP_CERT to its CA certificate, and run the same command again.",
    ),
    (
        "no matching distribution",
        "Check the network, the proxy and pip's index (`pip config list`), then run it again.",
    ),
    ("connection", "Check the network and the proxy (HTTPS_PROXY), then run the same command again."),
    ("resolution", "Check the network and the proxy (HTTPS_PROXY), then run the same command again."),
)


def _runs(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(
            command,
            env=environment(os.environ),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _lines(child: subprocess.Popen[str], steps: Steps) -> Iterator[str]:
    """Yield the lines of a child; keep the clock going while it is silent."""
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(child.stdout or (), lines), daemon=True).start()
    doing = ""
    heard = time.monotonic()
    while True:
        try:
            line = lines.get(timeout=TICK_SECONDS)
        except queue.Empty:
            if time.monotonic() - heard > SILENCE_SECONDS:
                child.terminate()
            steps.tick(doing)
            continue
        if line is None:
            return
        heard = time.monotonic()
        if line.strip():
            doing = _doing(line)
            yield line.rstrip()


def _read(stream: Iterable[str], lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _doing(line: str) -> str:
    """Return what pip is doing, in a few words."""
    words = line.split()
    if words[:1] == ["Collecting"]:
        return f"fetching {words[1].partition('=')[0]}"
    return "unpacking" if words[:1] == ["Installing"] else ""
