"""Print what your shell needs to complete `lab` by the Tab key.

bash: eval "$(lab completion bash)" in ~/.bashrc; zsh and fish likewise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

SUMMARY = "print your shell's completion"
EXAMPLE = 'eval "$(lab completion bash)"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the shell."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish", "powershell"), help="which shell")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    from checker.cli.completion import script

    print(script(args.shell))
    return 0
