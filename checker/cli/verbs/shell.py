"""Open a shell in the lab's toolbox: docker, compose, curl and an editor, in your work folder.

A command after `--` runs there instead of a shell, for instance: lab shell 3 -- docker ps

The toolbox records the commands until the lab is stopped or reset. `lab submit` packs them, and shows them first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab

if TYPE_CHECKING:
    import argparse

SUMMARY = "open a shell with every tool"
EXAMPLE = "lab shell 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab, and a command to run instead of a shell."""
    add_lab(parser)
    parser.add_argument(
        "--command", "-c", metavar="COMMAND", help="run this command line instead of a shell, then exit"
    )
    parser.set_defaults(beyond=[])


def run(args: argparse.Namespace) -> int:
    """Hand the terminal over to the toolbox."""
    import os
    import subprocess
    import sys

    from checker.cli.context import Context
    from checker.errors import MisuseError

    if args.command and args.beyond:
        raise MisuseError(
            "Give only one command: either after --command or after `--`.",
            remedy="For instance: lab shell 3 -- docker ps",
        )
    context = Context(args)
    lab = context.lab()
    scene = context.scene(lab)
    scene.require_running()
    scene.require_work_folder()
    words = ["exec", "--interactive"]
    if sys.stdin.isatty() and sys.stdout.isatty():
        words.append("--tty")
    inner, record = _inner(args)
    for name, value in record.items():
        words += ["--env", f"{name}={value}"]
    command = context.client.command(*words, "--workdir", scene.work_inside, scene.toolbox(), *inner)
    environment = context.client.environment()
    if os.name == "posix":
        sys.stdout.flush()
        os.execvpe(command[0], command, environment)  # noqa: S606 - the terminal belongs to the toolbox from here on
    return subprocess.run(command, env=environment, check=False).returncode


def _inner(args: argparse.Namespace) -> tuple[list[str], dict[str, str]]:
    """Return what runs in the toolbox, and the variables with which it is recorded as typed there."""
    import shlex

    from checker.scene import typed

    if args.command:
        return ["bash", "-lc", f"{typed.RECORD_ONE}unset LAB_TYPED; {args.command}"], {
            "LAB_TYPED": args.command
        }
    if args.beyond:
        # A login shell has the toolbox's settings; it does not parse the words again.
        script = f'{typed.RECORD_ONE}unset LAB_TYPED; exec "$@"'
        return ["bash", "-lc", script, "bash", *args.beyond], {"LAB_TYPED": shlex.join(args.beyond)}
    return ["bash", "-l"], dict(typed.ENVIRONMENT)
