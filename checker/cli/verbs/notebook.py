"""Open a notebook in JupyterLab: your own copy in work/notebooks, which runs with the course's Python.

The first use installs JupyterLab. It keeps running in the background until `lab notebook --stop` or `lab down`.
Without a name, every notebook is copied, and the folder opens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import complete

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from checker.cli.context import Context
    from checker.jupyter.copies import Notebook
    from checker.jupyter.server import Jupyter

SUMMARY = "open a notebook that measures a lab, in JupyterLab"
EXAMPLE = "lab notebook 4"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the notebook, if any, and what to do with it."""
    name = parser.add_argument(
        "notebook",
        metavar="NOTEBOOK",
        nargs="?",
        help="the lab's number, its slug, or the beginning of its name; without it, the folder opens",
    )
    complete(name, complete_notebooks)
    parser.add_argument("--no-browser", action="store_true", help="print the address, do not open a browser")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--stop", action="store_true", help="stop JupyterLab and every kernel")
    what.add_argument(
        "--fresh", action="store_true", help="set your copy of the notebook aside and make a new one"
    )


def complete_notebooks(prefix: str, **_: object) -> list[str]:
    """Return the names that a shell can complete to a notebook."""
    from checker.course.places import find
    from checker.jupyter.copies import shipped

    there = shipped(find())
    names = [str(int(each.number)) for each in there] + [each.slug for each in there]
    return [name for name in names if name.startswith(prefix)]


def run(args: argparse.Namespace) -> int:
    """Make the copy, start JupyterLab if it is not running, then open or print the address."""
    from checker.classroom.waking import wake
    from checker.cli.context import Context
    from checker.errors import MisuseError
    from checker.jupyter import copies, server

    context = Context(args)
    places = context.places
    if args.stop:
        return _stop(context)
    if args.fresh and not args.notebook:
        raise MisuseError("--fresh needs a notebook.", remedy="Name it: lab notebook 4 --fresh")
    wake(places)
    wanted = [copies.find(places, args.notebook)] if args.notebook else copies.shipped(places)
    if not wanted:
        raise MisuseError(f"There are no notebooks in {places.notebooks}.")
    server.require_installed()
    aside = _set_aside(context, wanted[0]) if args.fresh else None
    made = [each for each in wanted if copies.copy_for(places, each)]
    below = copies.FOLDER + (f"/{wanted[0].path.name}" if args.notebook else "")
    context.say("finding or starting JupyterLab")
    jupyter = server.start(places)
    if args.json:
        import json

        record = {
            "url": jupyter.address(below),
            "port": jupyter.port,
            "started": jupyter.started,
            "copies": [str(copies.path_of(places, each)) for each in wanted],
            "made": [str(copies.path_of(places, each)) for each in made],
            "set_aside": str(aside) if aside else None,
        }
        print(json.dumps(record))
        return 0
    if not args.notebook:
        width = max(len(each.slug) for each in wanted)
        print("\n".join(f"  {each.slug:<{width}}  {each.title}" for each in wanted))
    print(jupyter.address(below))
    _open(context, jupyter, below)
    return 0


def _set_aside(context: Context, notebook: Notebook) -> Path | None:
    """Set the learner's copy of a notebook aside, after asking, and return where it is; None if there was none."""
    from checker.jupyter import copies

    context.confirm(f"This sets your copy of {notebook.slug} aside and makes a new one.")
    aside = copies.set_aside(context.places, notebook)
    if aside:
        context.say(f"Your copy was set aside: {aside}")
    return aside


def _stop(context: Context) -> int:
    from checker.jupyter import server

    stopped = server.stop(context.places)
    if context.args.json:
        import json

        print(json.dumps({"stopped": stopped}))
    else:
        print("JupyterLab is stopped." if stopped else "JupyterLab was not running.")
    return 0


def _open(context: Context, jupyter: Jupyter, below: str) -> None:
    """Open a browser window if one can be shown; else say what to do with the address."""
    import os
    import sys
    import webbrowser

    from checker.site import pages

    if context.args.no_browser:
        return
    shown = sys.stdout.isatty() and pages.can_show(os.environ) and webbrowser.open(jupyter.address(below))
    if not shown:
        port = jupyter.port
        context.say(
            "No browser could be opened here. Open the address above in a browser. On another machine, forward the port first: "
            f"ssh -L {port}:127.0.0.1:{port} and the name of this machine."
        )
