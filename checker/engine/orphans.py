"""Finds and ends processes that a shell's commands left running in a container, by a mark that they cannot remove.

The mark is a soft limit on the resident set: a random number for each shell. Linux has ignored this limit since 2.4.30
(getrlimit(2)). Every descendant inherits it, even with another environment, session or parent, and everyone can read it
in /proc/PID/limits. If the container's hard limit forbids it, a variable in the environment is a second, weaker mark.
This needs only built-ins of sh; if there is grep, it is used for speed.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from checker.errors import LabError

if TYPE_CHECKING:
    from checker.engine.api import Engine

VARIABLE = "DRYDOCK_SHELL"
END_SECONDS = 5.0
"""How long the ending may go on without ending a process; the whole takes about 0.1 s."""

MOST_SECONDS = 60.0
"""How long it may take at most: what starts itself again faster than it is ended would keep it busy without end."""

# Prints the pids of marked processes that are alive; a zombie has ended, only its parent has not noticed yet.
_MARKED = """
alive() { read -r stat < "/proc/$1/stat" || return 1; case ${stat##*) } in [ZX]*) return 1;; esac; }
marked() { {
  if command -v grep >/dev/null; then
    grep -ls '^Max resident set  *LIMIT ' /proc/[0-9]*/limits; grep -ls 'VARIABLE=TOKEN' /proc/[0-9]*/environ
  else
    for file in /proc/[0-9]*/limits; do
      while read -r a b c soft rest; do [ "$a $b $c $soft" = 'Max resident set LIMIT' ] && echo "$file"; done < "$file"
    done
  fi
} 2>/dev/null; }
each() { for file in $(marked); do pid=${file#/proc/}; pid=${pid%%/*}; alive "$pid" 2>/dev/null && echo "$pid"; done; }
"""
_FIND = (
    _MARKED
    + 'for pid in $(each); do [ "$pid" = $$ ] || [ "$pid" = $PPID ] || [ ! -d "/proc/$pid" ] || echo "$pid"; done'
)
# Many rounds, since what is being ended may start more; a healthy ending takes two. A busy machine may need dozens for
# what starts itself again, and seconds for each: so every round says that it ended something.
_END = (
    _MARKED
    + """
round=0
while found=$(each); [ -n "$found" ] && [ "$round" -lt 2000 ]; do
  for pid in $found; do kill -9 "$pid" 2>/dev/null; done
  echo .
  round=$((round+1))
done
[ -z "$found" ] && echo TOKEN
"""
)


@dataclass(frozen=True)
class Mark:
    """One shell's mark."""

    token: str = field(default_factory=lambda: secrets.token_hex(16))
    kilobytes: int = field(default_factory=lambda: (1 << 30) + secrets.randbelow(1 << 30))
    """The limit in KiB: more than a terabyte, so that it does not restrict a program that respects it."""

    @property
    def environment(self) -> str:
        """The environment entry with the weaker mark."""
        return f"{VARIABLE}={self.token}"

    @property
    def take(self) -> str:
        """The command with which a shell marks itself and everything that it will start."""
        return f"ulimit -S -m {self.kilobytes} 2>/dev/null"

    @property
    def find(self) -> str:
        """The script that prints the pids of other marked processes; the marked shell runs it."""
        return self._fill(_FIND)

    @property
    def end(self) -> str:
        """The script that ends the marked shell and all it started, then prints the token; another shell runs it."""
        return self._fill(_END)

    def _fill(self, script: str) -> str:
        limit = str(self.kilobytes * 1024)
        return script.replace("LIMIT", limit).replace("VARIABLE", VARIABLE).replace("TOKEN", self.token)


def end_all(engine: Engine, container: str, mark: Mark, user: str | None) -> bool:
    """End everything in a container that carries a mark, and return whether all of it has certainly ended.

    First as the shell's own user, because without capabilities root cannot end another user's processes. Then as
    root, for processes that have changed their user.
    """
    for who in (user or "", "0"):
        with contextlib.suppress(LabError, OSError):
            body: dict[str, Any] = {"AttachStdout": True, "Cmd": ["/bin/sh", "-c", mark.end]}
            if who:
                body["User"] = who
            exec_id = engine.new_exec(container, body)
            sock, said = engine.hijack(f"/exec/{exec_id}/start", {"Detach": False, "Tty": False})
            with contextlib.closing(sock):
                begin = time.monotonic()
                while time.monotonic() - begin < MOST_SECONDS:
                    sock.settimeout(END_SECONDS)
                    data = sock.recv(4096)
                    if not data:
                        break
                    said += data
            if mark.token.encode() in said:
                return True
    return False
