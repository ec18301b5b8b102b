"""Lab 99: one copy of Parcel, reached from the machine and from its neighbours."""

from __future__ import annotations

import datetime as dt

from checker.grading.author import Container, Lab, Outside, Prober, fail, guard, needs, require

NAME = "sample-copy"
IMAGE = "drydock/parcel:1.0"
INSTANCE = "north"
URL = "http://127.0.0.1:8199/"
START_SECONDS = 5.0
"""How long a copy may take after its start until it listens."""


def test_runs(lab: Lab) -> None:
    """A container named sample-copy runs the image drydock/parcel:1.0."""
    found = lab.container(NAME)
    if found is None:
        fail(
            f"There is no container named `{NAME}`, so nothing is there to be reached.",
            expected=f"a container named {NAME}",
            seen=", ".join(container.name for container in lab.containers()) or "no container of this lab",
            source="docker ps --all",
            hint="The NAMES column of `docker ps --all` shows every container, ended ones too.",
        )
    require(
        found.running,
        f"`{NAME}` is {found.status}: it was made, but does not run.",
        expected="running",
        seen=f"{found.status}, exit code {found.exit_code}",
        source="docker ps --all",
        evidence=found.logs(3),
        hint=f"`docker logs {NAME}` shows what it said last.",
    )
    wanted = lab.image(IMAGE)
    require(
        wanted is not None and found.image_id == wanted["Id"],
        f"`{NAME}` runs {found.image}: another tag is another image, and may hold other software.",
        expected=IMAGE,
        seen=found.image,
        source=f"docker inspect --format '{{{{.Config.Image}}}}' {NAME}",
        hint="The IMAGE column of `docker ps` shows what each container was made from.",
    )


@needs("runs")
def test_answers_outside(lab: Lab, outside: Outside) -> None:
    """It answers on port 8199 of this machine."""
    found = the_copy(lab)
    ways = [(inside, port) for inside, pairs in found.ports.items() for _, port in pairs]
    require(
        ways,
        f"No port of this machine leads to `{NAME}`: it can be reached by other containers at most.",
        expected="port 8199 leads to it",
        seen="nothing is published",
        source=f"docker port {NAME}",
        hint="The PORTS column of `docker ps`: an arrow stands where a port of this machine leads inside.",
    )
    # The engine accepts on a published port before the program inside listens.
    reply = outside.get(URL, patience=time_left(found))
    seen = ", ".join(f"{port} -> {inside}" for inside, port in ways)
    require(
        reply.ok,
        f"A request to port 8199 gets no answer from `{NAME}`; its published ports lead elsewhere.",
        expected=f"HTTP 200 from {URL}",
        seen=f"{reply.summary}; published: {seen}",
        source=f"curl {URL}",
        evidence=found.logs(1),
        hint="Of the two numbers of a published port, which is this machine's, and on which does Parcel listen?",
    )


@needs("answers-outside")
def test_says_its_name(outside: Outside) -> None:
    """It answers with the name north."""
    reply = outside.get(URL)
    said = str(reply.json().get("instance", ""))
    require(
        said == INSTANCE,
        f"The copy calls itself `{said}`: who gets an answer cannot tell that it came from {INSTANCE}.",
        expected=f'"instance": "{INSTANCE}"',
        seen=reply.summary,
        source=f"curl {URL}",
        hint=f"`docker inspect --format '{{{{json .Config.Env}}}}' {NAME}` shows what the copy was told.",
    )


@needs("runs")
def test_reached_by_name(lab: Lab, prober: Prober) -> None:
    """A neighbour on the lab's network reaches it by its name."""
    found = the_copy(lab)
    reply = prober.get(f"http://{NAME}:8080/", patience=time_left(found))
    require(
        reply.ok,
        f"A neighbour asked for `{NAME}` and found nobody: the two share no network on which names are known.",
        expected=f"HTTP 200 from http://{NAME}:8080/ inside the lab's network",
        seen=f"{reply.summary}; {NAME} is on: {', '.join(found.networks) or 'no network'}",
        source=f"docker inspect --format '{{{{json .NetworkSettings.Networks}}}}' {NAME}",
        hint="`docker network ls` shows the lab's network.",
    )


@guard
def test_scene_untouched(lab: Lab) -> None:
    """The checker's prober is on the lab's network."""
    networks = lab.node("prober").networks
    require(
        f"{lab.course_lab.project}_lab" in networks,
        "The prober was taken off the lab's network, so nobody could tell any more who reaches whom.",
        expected=f"{lab.course_lab.project}_lab",
        seen=", ".join(networks) or "no network",
        source="docker network inspect",
        hint=f"`lab reset {int(lab.number)}` puts the scene back and keeps a copy of your work.",
    )


def the_copy(lab: Lab) -> Container:
    """Return the learner's container, which an earlier check has found."""
    found = lab.container(NAME)
    if found is None:
        fail(f"`{NAME}` went away in the middle of the check.", hint="Has it ended? See `docker ps --all`.")
    return found


def time_left(container: Container) -> float:
    """Return how many seconds a copy that was started a moment ago may still take."""
    started = dt.datetime.fromisoformat(container.started_at[:19] + "+00:00")
    return max(0.0, START_SECONDS - (dt.datetime.now(dt.UTC) - started).total_seconds())
