"""What Compose says of a name that is taken, told with the command that frees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.scene import names

if TYPE_CHECKING:
    from tests.conftest import Course


@pytest.mark.parametrize(
    ("said", "what", "way"),
    [
        (
            'Conflict. The container name "/drydock-97-toolbox-1" is already in use by container "7931".\n',
            "a container that no lab made: `drydock-97-toolbox-1`",
            "docker rename drydock-97-toolbox-1 mine-drydock-97-toolbox-1",
        ),
        (
            'network drydock-97_lab was found but has incorrect label com.docker.compose.network set to ""\n',
            "a network that no lab made: `drydock-97_lab`",
            "docker network rm drydock-97_lab",
        ),
    ],
)
def test_a_name_that_is_taken_is_told_with_the_command_that_frees_it(
    course: Course, said: str, what: str, way: str
) -> None:
    trouble = names.trouble(said, course.lab())
    assert trouble is not None
    assert what in trouble.what
    assert f"`{way}`" in trouble.remedy


def test_what_is_about_no_name_is_not_told_as_one(course: Course) -> None:
    assert names.trouble("no space left on device", course.lab()) is None
