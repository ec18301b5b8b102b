"""Shell completion, by argcomplete: the shell calls `lab` itself and is told what may follow."""

from __future__ import annotations

import argcomplete
from argcomplete import shell_integration

from checker.cli.parser import build_parser


def complete() -> None:
    """Answer the shell's question and end the process."""
    argcomplete.autocomplete(build_parser(), always_complete_options=False)


def script(shell: str) -> str:
    """Return what a shell reads to complete `lab` and `./lab`."""
    return str(shell_integration.shellcode(["lab", "./lab"], shell=shell))
