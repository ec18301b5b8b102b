"""What keeps containers from being started: settings of the engine, or a limit of the terminal, told by what docker says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from checker.bootstrap import limits
from checker.engine import remedies
from checker.errors import LabError


@dataclass(frozen=True)
class _Setting:
    words: re.Pattern[str]
    """What the engine says."""
    what: str
    remedy: str


def _setting(words: str, what: str, remedy: str) -> _Setting:
    return _Setting(re.compile(words, re.IGNORECASE), what, remedy)


_SETTINGS = (
    _setting(
        r"logging driver",
        "The engine starts no container, because the log driver in its settings does not work",
        remedies.LOG_DRIVER,
    ),
    _setting(
        r"unknown or invalid runtime|(?<!OCI )runtime: .*(not found|no such file)|failed to start shim: .*(not found|no such file)|"
        r"containerd-shim-\S+.*(not found|does not exist)|unable to locate runtime|"
        r"fork/exec \S+: no such file",
        "The engine starts no container, because the runtime in its settings is not there",
        "Remove `default-runtime` from the engine's daemon.json, or install that runtime; then restart the engine.",
    ),
    _setting(
        r"authorization denied by plugin|administrative rules|403 forbidden",
        "What is in front of the engine refuses what a lab needs",
        remedies.forbidden(),
    ),
    _setting(
        r"no available IPv4 addresses",
        "The engine's settings make a network too small for the containers on it",
        "Set larger ones in the engine's daemon.json (`bip` with /24, `size` of `default-address-pools` 24), and restart the engine.",
    ),
    _setting(
        r"cannot assign requested address",
        "This machine does not have the address on which the engine should open ports",
        "Remove `ip` from the engine's daemon.json, and restart the engine.",
    ),
    _setting(
        r"no chain/target/match by that name|chain 'docker\S*' does not exist|"
        r"iptables(-nft|-legacy)? failed|failed to (add|create|program) .*(iptables|nftables|jump rule)",
        "The engine's rules of the packet filter are gone or cannot be set: a firewall was started after the engine",
        "Restart the engine, so that it sets them again.",
    ),
    _setting(
        r"no space left on device",
        "The engine's disk is full",
        "`lab images prune` removes old images of the course, `docker system df` shows what takes the rest.",
    ),
)


def trouble(said: str) -> LabError | None:
    """Return which setting or limit is meant by what was said, and the way out; None if none is.

    Args:
        said: what the engine said, or the command that asked it.
    """
    if any(sign in said for sign in limits.RESERVES) and (tight := limits.on_memory()) is not None:
        return LabError(f"Docker did not start: {tight.what}.", remedy=tight.remedy)
    for setting in _SETTINGS:
        if line := next((line for line in said.splitlines() if setting.words.search(line)), ""):
            return LabError(f"{setting.what}.", remedy=setting.remedy, detail=line.strip())
    return None
