"""The address of the service: who answers at the nodes' port 8080, and why nobody does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.cluster.swarm import PRACTICE
from checker.grading.author import fail, wait_until

if TYPE_CHECKING:
    from checker.cluster.swarm import Service, Swarm

PORT = 8080
"""Where the front asks on each node, and where Parcel listens."""

GONE_SECONDS = 3.0
"""How long something may still answer that is being stopped."""


def require_alone(swarm: Swarm, service: Service) -> None:
    """Require that nothing else on the nodes answers at the service's port in its place."""
    other = next(
        (
            each
            for each in swarm.services()
            if each.id != service.id and any(port.published == PORT for port in each.ports)
        ),
        None,
    )
    if other:
        fail(
            f"The service `{other.name}` publishes port {PORT} of the nodes too: users get its answers in the place of "
            f"`{service.name}`, and each of the two keeps the other off a node.",
            expected=f"port {PORT} published by `{service.name}` alone",
            seen=f"`{other.name}` ({other.image}) publishes {PORT}",
            source="docker service ls",
            hint=f"`{PRACTICE}` is left over from the lesson. `docker service rm` takes a service away with its copies."
            if other.name == PRACTICE
            else f"Which of the two is your answer, `{service.name}` or `{other.name}`? `docker service rm` takes a service "
            "away with its copies.",
        )
    # The mesh answers on every node, for copies wherever they run.
    if any(port.mode == "ingress" for port in service.ports):
        return
    strange = _answers_without_copy(swarm, service)
    if strange and not wait_until(lambda: not _answers_without_copy(swarm, service), GONE_SECONDS, every=0.3):
        _fail_strange(swarm, service, strange)


def _answers_without_copy(swarm: Swarm, service: Service) -> str:
    """Return a node that has no copy of the service, and answers all the same; empty when there is none."""
    members, _, tasks = swarm.look()
    carrying = {task.node for task in tasks if task.service == service.id and task.state == "running"}
    idle = [node.name for node in members if node.ready and node.name not in carrying]
    return next((node for node in idle if swarm.get(node, "/")[0]), "")


def _fail_strange(swarm: Swarm, service: Service, node: str) -> NoReturn:
    loose = next((name for where, name in swarm.loose() if where == node), "")
    _, services, tasks = swarm.look()
    others = {each.id: each.name for each in services if each.id != service.id}
    of = next((others[task.service] for task in tasks if task.node == node and task.service in others), "")
    who = f"the container `{loose}`" if loose else f"a copy of the service `{of}`" if of else "something"
    fail(
        f"On {node}, {who} answers at port {PORT}, and it is no copy of `{service.name}`: users get its answers too, and "
        f"no copy of `{service.name}` can use that port there.",
        expected=f"answers at port {PORT} from copies of `{service.name}` alone",
        seen=f"{node} has no copy of `{service.name}`, and answers",
        source=f"docker --host tcp://{node}:2375 ps",
        hint="`docker run` and `docker compose up` start containers on the one engine that they speak to, in the toolbox "
        "node-1. The swarm knows nothing of them, and removes none."
        if not of or loose
        else "`docker service ls` lists the services, and `docker service rm` takes one away with its copies.",
    )


def fail_unanswered(swarm: Swarm, service: Service, seen: str) -> NoReturn:
    """Fail with the reason why the front gets no answer."""
    ports = service.ports
    source = "docker service inspect --format '{{json .Endpoint.Ports}}' " + service.name
    which = (
        "In `published=…,target=…`, the first is the node's port, the second the one inside the container."
    )
    right = [port for port in ports if port.published == PORT]
    if not ports and (others := service.protocols - {"tcp"}):
        fail(
            f"`{service.name}` publishes its port for {others.pop().upper()} only, and users' requests use TCP.",
            expected=f"port {PORT} of the nodes leads to port {PORT} of a copy, by TCP",
            seen="no published TCP port",
            source=source,
            hint="Lesson, “Ask for a state”: which protocol does a port have when the option names none?",
        )
    if not ports:
        fail(
            f"`{service.name}` publishes no port: its copies answer each other inside the swarm, and nobody else.",
            expected=f"port {PORT} of the nodes leads to port {PORT} of a copy",
            seen="no published port",
            source=source,
            hint="The front asks port 8080 of each node. Lesson, “Ask for a state”: what did `practice` publish?",
        )
    if not right:
        fail(
            f"`{service.name}` publishes port {ports[0].published or 'that the node chooses'}, and the front asks port "
            f"{PORT} of each node.",
            expected=f"published port {PORT}",
            seen=", ".join(f"{port.published or 'chosen'} → {port.target}" for port in ports),
            source=source,
            hint=which,
        )
    listens = (
        int(service.env.get("PARCEL_PORT") or PORT)
        if service.env.get("PARCEL_PORT", "").isdecimal()
        else PORT
    )
    if right[0].target != listens:
        fail(
            f"Port {PORT} of the nodes leads to port {right[0].target} of the copies, and Parcel listens on {listens}.",
            expected=f"{PORT} → {listens}",
            seen=f"{PORT} → {right[0].target}",
            source=source,
            hint=which,
        )
    facts = {"seen": seen, "source": "curl http://localhost:8090/"}
    if right[0].mode == "ingress":
        fail(
            f"`{service.name}` publishes through the routing mesh, and no node answers. The mesh hands a request on by "
            "IPVS, a part of the kernel that not every machine has.",
            expected=f"HTTP 200 from port {PORT} of a node",
            **facts,
            hint="`lab start 9` says whether the routing mesh works on this machine. Where it does not, publish in "
            "host mode, as the lesson does.",
        )
    facts["expected"] = "HTTP 200 from http://localhost:8090/"
    if network := _internal_network(swarm, service):
        fail(
            f"The copies of `{service.name}` are only on the network `{network}`, which is internal: nothing outside of it "
            "reaches them, even through a published port.",
            **facts,
            hint=f"`docker network inspect {network}` says `Internal`. Which option of yours connects the copies to it?",
        )
    carrying = sorted({each.node for each in swarm.instances() if each.ready})
    if not any(swarm.get(node, "/readyz")[0] for node in carrying):
        fail(
            f"Copies of `{service.name}` run and publish port {PORT}, and nothing listens behind it in the copies.",
            **facts,
            hint=f"`docker service logs {service.name}` shows the address and the port on which each copy listens; variables "
            "that begin with PARCEL_ decide it.",
        )
    fail(
        f"Copies of `{service.name}` run and publish port {PORT}, and the front finds none of them ready.",
        **facts,
        hint="The front asks each copy at /readyz. `docker service logs` shows what the copies say.",
    )


def _internal_network(swarm: Swarm, service: Service) -> str:
    """Return the internal network of a service that is on no other; empty when there is none."""
    targets = {str(each.get("Target")) for each in service.spec["TaskTemplate"].get("Networks") or []}
    found = (
        [each for each in swarm.ask("/networks") if targets & {each["Id"], each["Name"]}] if targets else []
    )
    return str(found[0]["Name"]) if found and all(each.get("Internal") for each in found) else ""
