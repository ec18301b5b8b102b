"""The address of the service: who answers at the nodes' port 8080, and why nobody does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from checker.cluster.swarm import PRACTICE
from checker.grading.author import wait_until

from .words import WHY

if TYPE_CHECKING:
    from checker.cluster.swarm import Port, Service, Swarm

PORT = 8080
"""Where the front asks on each node, and where Parcel listens."""

GONE_SECONDS = 3.0
"""How long something may still answer that is being stopped."""


def require_alone(swarm: Swarm, service: Service) -> None:
    """Require that nothing else on the nodes answers at the service's port in its place."""
    for other in swarm.services():
        if other.id != service.id and any(port.published == PORT for port in other.ports):
            reason = "two-services.practice-left" if other.name == PRACTICE else "two-services"
            seen = f"`{other.name}` ({other.image}) publishes {PORT}"
            WHY.fail(reason, service=service, other=other, seen=seen)
    # The mesh answers on every node, for copies wherever they run.
    if any(port.mode == "ingress" for port in service.ports):
        return
    node = _answers_without_copy(swarm, service)
    if node and not wait_until(lambda: not _answers_without_copy(swarm, service), GONE_SECONDS, every=0.3):
        _fail_strange(swarm, service, node)


def _answers_without_copy(swarm: Swarm, service: Service) -> str:
    """Return a node that has no copy of the service, and answers all the same; empty when there is none."""
    members, _, tasks = swarm.look()
    carrying = {task.node for task in tasks if task.service == service.id and task.state == "running"}
    idle = [node.name for node in members if node.ready and node.name not in carrying]
    return next((node for node in idle if swarm.get(node, "/")[0]), "")


def _fail_strange(swarm: Swarm, service: Service, node: str) -> NoReturn:
    """Fail because of what answers on a node that has no copy of the service."""
    loose = next((f"the container `{name}`" for where, name in swarm.loose() if where == node), "")
    _, services, tasks = swarm.look()
    others = {each.id: f"a copy of the service `{each.name}`" for each in services if each.id != service.id}
    of = next((others[task.service] for task in tasks if task.node == node and task.service in others), "")
    reason = "answers-beside.of-a-service" if of and not loose else "answers-beside"
    seen = f"{node} has no copy of `{service.name}`, and answers"
    WHY.fail(reason, node=node, who=loose or of or "something", service=service, seen=seen)


def fail_unanswered(swarm: Swarm, service: Service, seen: str) -> NoReturn:
    """Fail with the reason why the front gets no answer."""
    # On the network of the nodes, there is nothing to publish.
    on_nodes = any(each["Name"] == "host" for each in networks(swarm, service))
    port = None if on_nodes else _require_port(service)
    meshed = port is not None and port.mode == "ingress"
    if not meshed and (network := _internal_network(swarm, service)):
        WHY.fail("silent.on-an-internal-network", service=service, network=network, seen=seen)
    carrying = sorted({each.node for each in swarm.instances() if each.ready})
    reached = any(swarm.get(node, "/readyz")[0] for node in (swarm.nodes if meshed else carrying))
    # The mesh is to blame only for what answers behind it.
    if port and meshed and not reached and any(copy.answers(port.target) for _, copy in swarm.remotes()):
        WHY.fail("silent.mesh", service=service, seen=seen)
    WHY.fail("silent.not-ready" if reached else "silent.nothing-listens", service=service, seen=seen)


def _require_port(service: Service) -> Port:
    """Return the port of the service by which the nodes' port leads to the one on which Parcel listens."""
    ports, others = service.ports, service.protocols - {"tcp"}
    if not ports and others:
        protocol = min(others).upper()
        WHY.fail("port.by-another-protocol", service=service, protocol=protocol, seen="no published TCP port")
    WHY.require(ports, "port.none", service=service, seen="no published port")
    right = next((port for port in ports if port.published == PORT), None)
    if right is None:
        port = ports[0].published or "that the node chooses"
        seen = ", ".join(f"{port.published or 'chosen'} → {port.target}" for port in ports)
        WHY.fail("port.another", service=service, port=port, seen=seen)
    told = service.env.get("PARCEL_PORT", "")
    listens = int(told) if told.isdecimal() else PORT
    if right.target != listens:
        seen = f"{PORT} → {right.target}"
        WHY.fail("port.another-inside", service=service, port=right, listens=listens, seen=seen)
    return right


def networks(swarm: Swarm, service: Service) -> list[dict[str, Any]]:
    """Return the manager's records of the networks that a service asks for."""
    targets = {str(each.get("Target")) for each in service.spec["TaskTemplate"].get("Networks") or []}
    if not targets:
        return []
    # The list does not have what a swarm calls the network of its nodes.
    known = [*swarm.ask("/networks"), swarm.ask("/networks/host?scope=swarm")]
    return [each for each in known if targets & {each["Id"], each["Name"]}]


def _internal_network(swarm: Swarm, service: Service) -> str:
    """Return the internal network of a service that is on no other; empty when there is none."""
    found = networks(swarm, service)
    return str(found[0]["Name"]) if found and all(each.get("Internal") for each in found) else ""
