"""What a scene says of the machine: found by a command in it, once, and told again from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.conftest import COMPOSE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.course.catalogue import Lab
    from checker.scene.scene import Scene
    from tests.conftest import Course


def _noted(command: str) -> str:
    label = f"        io.drydock.note: {command}\n"
    return COMPOSE.replace("        io.drydock.role: toolbox\n", f"        io.drydock.role: toolbox\n{label}")


def _started(make_scene: Callable[[Lab], Scene], course: Course, command: str) -> Iterator[Scene]:
    scene = make_scene(course.lab(files={"compose.yaml": _noted(command)}))
    try:
        scene.start(lambda _: None)
        yield scene
    finally:
        scene.stop()


def test_a_scene_says_what_it_found_and_does_not_look_twice(
    make_scene: Callable[[Lab], Scene], course: Course
) -> None:
    said: list[str] = []
    for scene in _started(make_scene, course, "echo >> /data/asked; echo Asked; wc -l < /data/asked"):
        assert scene.notes(said.append) == ["Asked 1"]
        assert said == ["finding out what this machine can do"]
        assert scene.notes(said.append) == ["Asked 1"]
        assert len(said) == 1


def test_what_could_not_be_found_out_is_not_said_and_asked_again(
    make_scene: Callable[[Lab], Scene], course: Course
) -> None:
    said: list[str] = []
    for scene in _started(make_scene, course, "echo no idea; exit 1"):
        assert scene.notes(said.append) == []
        assert scene.notes(said.append) == []
        assert len(said) == 2


def test_a_scene_with_nothing_to_say_says_nothing(scene: Scene) -> None:
    scene.start(lambda _: None)
    assert scene.notes(_never) == []


def _never(said: str) -> None:
    raise AssertionError(said)
