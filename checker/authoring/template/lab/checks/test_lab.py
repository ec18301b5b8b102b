"""Lab 99: one copy of Parcel, reached from the machine and from its neighbours."""

from __future__ import annotations

from checker.grading.author import Container, Door, Lab, Outside, Prober, Wanted, guard, needs, require

NAME = "sample-copy"
IMAGE = "drydock/parcel:1.0"
INSTANCE = "north"
COPY = Wanted(NAME, image=IMAGE, purpose="nothing is there to be reached", service=True)
DOOR = Door(8199)


def test_runs(lab: Lab) -> None:
    """A container named sample-copy runs the image drydock/parcel:1.0."""
    # Absent, misspelt, removed, never started, paused, dying again and again, ended: each gets its own message.
    found = lab.require_container(COPY)
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
    # Another port, none, UDP, 127.0.0.1 inside, a network without a way in: each gets its own message.
    lab.require_reply(outside, the_copy(lab), DOOR)


@needs("answers-outside")
def test_says_its_name(outside: Outside) -> None:
    """It answers with the name north."""
    reply = outside.get(DOOR.url)
    said = str(reply.json().get("instance", ""))
    require(
        said == INSTANCE,
        f"The copy calls itself `{said}`: who gets an answer cannot tell that it came from {INSTANCE}.",
        expected=f'"instance": "{INSTANCE}"',
        seen=reply.summary,
        source=f"curl {DOOR.url}",
        hint=f"`docker inspect --format '{{{{json .Config.Env}}}}' {NAME}` shows what the copy was told.",
    )


@needs("answers-outside")
def test_reached_by_name(lab: Lab, prober: Prober) -> None:
    """A neighbour on the lab's network reaches it by its name."""
    found = the_copy(lab)
    reply = prober.get(f"http://{NAME}:8080/")
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
    return lab.require_container(COPY)
