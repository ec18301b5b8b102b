"""Print variables for your own shell, so that containers you start there count as part of the lab.

Use it as: eval "$(lab env 3)"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab, print_json

if TYPE_CHECKING:
    import argparse

    from checker.course.catalogue import Lab

SUMMARY = "print variables for your own shell"
EXAMPLE = 'eval "$(lab env 3)"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab and the kind of shell."""
    add_lab(parser)
    parser.add_argument(
        "--shell",
        choices=("sh", "fish", "powershell"),
        help="the shell whose syntax to use; guessed if not given",
    )


def variables(lab: Lab, host: str) -> dict[str, str]:
    """Return what is set in the learner's shell; nothing that moves the course's folders, which `lab` reads there too.

    Args:
        lab: the lab.
        host: the engine, as in DOCKER_HOST.
    """
    return {"DRYDOCK_LAB": lab.number, "COMPOSE_PROJECT_NAME": f"{lab.project}-work", "DOCKER_HOST": host}


def run(args: argparse.Namespace) -> int:
    """Print the lines."""
    import os
    import shlex

    from checker.cli.context import Context

    context = Context(args)
    lab = context.lab()
    wrapper = context.places.images / "toolbox" / "rootfs" / "usr" / "local" / "bin"
    values = variables(lab, context.engine.endpoint.host)
    if args.json:
        print_json(values)
        return 0
    shell = args.shell or (
        "powershell" if os.name == "nt" else "fish" if os.environ.get("SHELL", "").endswith("fish") else "sh"
    )
    if shell == "powershell":
        lines = [f"$Env:{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in values.items()]
    elif shell == "fish":
        lines = [f"set -gx {name} {shlex.quote(value)};" for name, value in values.items()]
        lines.append(f"set -gx PATH {shlex.quote(str(wrapper))} $PATH;")
    else:
        lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
        # The same small wrapper as in the toolbox: it gives what you create the lab's label.
        lines.append(f'export PATH={shlex.quote(str(wrapper))}:"$PATH"')
    print("\n".join(lines))
    return 0
