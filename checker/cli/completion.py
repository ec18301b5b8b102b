"""Shell completion, by argcomplete: the shell calls `lab` itself and gets what can come next."""

from __future__ import annotations

import argcomplete
from argcomplete import shell_integration

from checker.cli.parser import build_parser


def complete() -> None:
    """Answer the shell and end the process."""
    argcomplete.autocomplete(build_parser(), always_complete_options=False)


def script(shell: str) -> str:
    """Return the script that makes a shell complete `lab` and `./lab`."""
    return str(shell_integration.shellcode(["lab", "./lab"], shell=shell))
