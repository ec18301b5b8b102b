"""The action of `lab class` that puts a class on a Kubernetes cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from checker.classroom.hub.deployment import Deployed
    from checker.classroom.hub.kubectl import Kubectl
    from checker.classroom.hub.manifests import Wanted
    from checker.classroom.hub.people import Learner
    from checker.classroom.hub.scale import Scale
    from checker.classroom.plan import Plan
    from checker.cli.context import Context
    from checker.images.catalogue import Image

IMAGE = "class"
CONFIG = "images/class/jupyterhub_config.py"
NAMESPACE = "drydock-class"


def add_arguments(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    common: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add its parser."""
    deploy = actions.add_parser(
        "deploy",
        help="put a class on a Kubernetes cluster, for laptops that are too small",
        description="Put a class on a Kubernetes cluster: each learner signs in with a browser and gets a seat, which is a pod with an "
        "engine of its own, the course and JupyterLab. The same command brings a class up to date; passcodes stay.",
    )
    deploy.add_argument(
        "labs", metavar="LAB", nargs="*", help="the labs that seats are made for, such as 1-3"
    )
    deploy.add_argument("--context", metavar="NAME", required=True, help="the context in your kubeconfig")
    deploy.add_argument(
        "--learners",
        metavar="FILE|N",
        default="",
        help="a file with one name in a line, or how many there are",
    )
    deploy.add_argument(
        "--namespace", metavar="NAME", default=NAMESPACE, help=f"the namespace; {NAMESPACE} by default"
    )
    deploy.add_argument("--name", default="Containers and orchestration", help="the name of the class")
    deploy.add_argument(
        "--image",
        metavar="IMAGE",
        default="",
        help="the image of seats and hub, as the cluster's nodes can pull it; `lab images publish REGISTRY class` puts it there",
    )
    _add_cluster(deploy)
    deploy.add_argument(
        "--without-policies",
        action="store_true",
        help="continue even if the cluster does not enforce network policies",
    )
    deploy.add_argument(
        "--remove",
        action="store_true",
        help="remove the class from the cluster, with all files of the learners",
    )
    common(deploy)


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    """Take what the class uses of the cluster."""
    parser.add_argument(
        "--service",
        choices=("NodePort", "LoadBalancer", "ClusterIP"),
        default="NodePort",
        help="how learners reach it; NodePort by default",
    )
    parser.add_argument(
        "--storage-class",
        metavar="NAME",
        default="",
        help="the storage class of the learners' volumes; the cluster's default if left out",
    )
    parser.add_argument(
        "--nodes", metavar="LABEL=VALUE", default="", help="use only nodes with this label, or these: A=B,C=D"
    )
    parser.add_argument(
        "--idle",
        metavar="MINUTES",
        type=int,
        default=60,
        help="switch off seats that nobody has used for this long; 60 by default",
    )


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `lab class plan` for a class on a cluster."""
    parser.add_argument(
        "--node",
        metavar="CORES:GB:GB",
        default="",
        help="also say what a cluster of such nodes needs: cores, memory and disk, such as 16:64:500",
    )
    parser.add_argument(
        "--hours", metavar="N", type=float, default=3.0, help="how long the cluster is rented; 3 by default"
    )
    parser.add_argument(
        "--price", metavar="N", type=float, default=0.0, help="the price of one node for one hour"
    )


def planned(args: argparse.Namespace, plan: Plan) -> tuple[Scale | None, list[str]]:
    """Return what a cluster of the nodes that were asked for needs, and as lines; nothing without `--node`."""
    from checker.classroom.hub.scale import lines, node_of, scale
    from checker.errors import MisuseError

    if not args.node:
        return None, []
    if args.hours <= 0 or args.price < 0:
        raise MisuseError("--hours takes a number above 0, and --price one from 0.")
    node = node_of(args.node)
    found = scale(plan, node, hours=args.hours, price=args.price)
    return found, lines(found, node, hours=args.hours, price=args.price, link_mbit=args.mbit)


def deploy(context: Context) -> int:
    """Put a class on a cluster, or remove it."""
    from checker.classroom.hub import deployment
    from checker.classroom.hub.kubectl import Kubectl

    args = context.args
    kubectl = Kubectl(args.context, args.namespace)
    if args.remove:
        return _remove(context, kubectl)
    wanted, names, images = _wanted(context)
    done = deployment.deploy(context, kubectl, wanted, names, images, without_policies=args.without_policies)
    slips = _write_slips(context, args.namespace, done)
    if args.json:
        _print_json(done)
    else:
        _tell(kubectl, done, slips)
    return 0


def _wanted(context: Context) -> tuple[Wanted, list[str], list[Image]]:
    """Return the class that the command line means, its learners, and the images that seats need."""
    from pathlib import Path

    from checker.classroom.hub import people
    from checker.classroom.hub.manifests import Size, Wanted
    from checker.classroom.plan import plan
    from checker.errors import MisuseError
    from checker.images.catalogue import Images
    from checker.images.supply import ensure

    args = context.args
    if not args.labs or not args.learners:
        raise MisuseError(
            "A class needs labs and learners.",
            remedy="For instance: lab class deploy 1-3 --context NAME --learners names.txt",
        )
    if args.idle < 1:
        raise MisuseError("--idle takes minutes, from 1.")
    nodes = _labels(args.nodes)
    names = people.names_from(args.learners, Path(args.learners).expanduser())
    labs = context.catalogue.several(args.labs)
    needed = plan(labs, len(names), 50.0)
    known = Images(context.places.root)
    images = known.resolve(dict.fromkeys(name for lab in labs for name in lab.images))
    ensure([each.short for each in images], context.say, places=context.places, engine=context.engine)
    wanted = Wanted(
        namespace=args.namespace,
        name=args.name,
        seats=len(names),
        size=Size(memory=needed.memory, disk=needed.disk, images=needed.images),
        image=args.image or known.find(IMAGE).reference,
        config=(context.places.root / CONFIG).read_text(encoding="utf-8"),
        service=args.service,
        storage_class=args.storage_class,
        nodes=nodes,
        idle_seconds=args.idle * 60,
    )
    return wanted, names, images


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    """Read `A=B,C=D`, as `--nodes` takes it."""
    from checker.errors import MisuseError

    found = []
    for each in filter(None, text.split(",")):
        label, sign, value = each.partition("=")
        if not sign or not label:
            raise MisuseError(
                f"`{each}` is not a label with a value.", remedy="For instance: --nodes pool=class"
            )
        found.append((label, value))
    return tuple(found)


def _remove(context: Context, kubectl: Kubectl) -> int:
    from checker.classroom.hub import deployment

    deployment.require_ours(kubectl)
    context.confirm(
        f"This removes the namespace {kubectl.namespace} of the context {kubectl.context} with every learner's files."
    )
    gone = deployment.remove(kubectl)
    deployment.learners_file(context.places.state, kubectl).unlink(missing_ok=True)
    _slips(context, kubectl.namespace).unlink(missing_ok=True)
    print(f"removed: {kubectl.namespace}" if gone else f"There is no namespace {kubectl.namespace}.")
    return 0


def _slips(context: Context, namespace: str) -> Path:
    return context.places.state / "class-hub" / f"{namespace}.csv"


def _write_slips(context: Context, namespace: str, done: Deployed) -> Path:
    """Write the learners' names and passcodes as a table to print, for the teacher alone."""
    import csv
    import io

    from checker import whole
    from checker.errors import not_written

    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["name", "user", "passcode", "address"])
    rows.writerows([each.name, each.user, each.passcode, done.address] for each in done.learners)
    file = _slips(context, namespace)
    try:
        whole.write_bytes(file, out.getvalue().encode("utf-8"), mode=0o600)
    except OSError as error:
        raise not_written(file, error) from error
    return file


def _tell(kubectl: Kubectl, done: Deployed, slips: Path) -> None:
    count = len(done.learners)
    at = done.address or "the address that your cluster gives to the service `class`: " + kubectl.shown(
        "get", "service", "class"
    )
    print(f"The class runs. Learners sign in at {at}")
    print(f"Their names and passcodes ({count}): {slips}")
    first: Learner = done.learners[0]
    print(f"  the first one: {first.user}  {first.passcode}\n")
    print("The board, on this machine alone. Type this, leave it running, and open the page:")
    print(f"  {kubectl.shown('port-forward', 'deployment/board', str(done.board_port))}")
    print(f"  {done.board}\n")
    if not done.policies:
        print("This cluster does not enforce network policies: seats can reach each other.")
    print(
        "Learners type their passcodes into a page without TLS. Put an Ingress with a certificate before the service"
    )
    print("`class` if others can read the network between them and the cluster.")


def _print_json(done: Deployed) -> None:
    print_json(
        {
            "address": done.address,
            "board": done.board,
            "board_port": done.board_port,
            "policies": done.policies,
            "learners": [{"name": each.name, "user": each.user} for each in done.learners],
        }
    )
