"""Print the script that makes your shell complete `lab` commands when you press Tab.

For bash, put this line into ~/.bashrc: eval "$(lab completion bash)". For zsh and fish, do the same in their files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

SUMMARY = "print the completion script for your shell"
EXAMPLE = 'eval "$(lab completion bash)"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the shell."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish", "powershell"), help="your shell")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    from checker.cli.completion import script

    print(script(args.shell))
    return 0
