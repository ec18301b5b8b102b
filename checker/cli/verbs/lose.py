"""Kill a node of a lab, with everything on it. Without a name, a node is picked at random.

In some classes, the class has picked the node for you, and without a name you lose that one.
`lab timeline` shows what this means for the lab's users. `--back` brings a lost node back, as `lab start` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab, complete, print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "kill a node of a lab, or bring it back"
EXAMPLE = "lab lose 6 host-3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab, the node, and whether to bring it back."""
    add_lab(parser)
    node = parser.add_argument(
        "node", metavar="NODE", nargs="?", default="", help="the node; picked at random if not given"
    )
    complete(node, complete_nodes)
    parser.add_argument(
        "--back", action="store_true", help="bring the node back, or every lost node if none is named"
    )


def run(args: argparse.Namespace) -> int:
    """Kill the node, or start it again."""
    from checker.cli.context import Context
    from checker.session.operations import bring_back, lose

    context = Context(args)
    lab = context.lab()
    number = int(lab.number)
    done = (bring_back if args.back else lose)(context, lab, args.node)
    if args.json:
        print_json({"lab": lab.slug, "nodes": done.nodes, "lost": not done.back})
        return 0
    for name in done.nodes:
        print(f"{name} is back." if done.back else f"{name} is lost.")
    if not done.back:
        print(f"  {f'lab lose {number} {done.nodes[0]} --back':<26} brings it back")
    return 0


def complete_nodes(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Return the names that a shell can complete to a node."""
    from checker.course.catalogue import Catalogue
    from checker.course.places import find
    from checker.engine.api import connect
    from checker.errors import LabError
    from checker.scene.faults import find_nodes

    try:
        nodes = find_nodes(connect(), Catalogue(find()).find(parsed_args.lab))
    except LabError:
        return []
    return [node.name for node in nodes if node.name.startswith(prefix)]
