"""The file through which a browser is opened."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError
from checker.live import opening

if TYPE_CHECKING:
    from checker.course.places import Places


def test_only_this_user_can_read_the_address(course: Places) -> None:
    file = opening.write(course, "http://127.0.0.1:8000/#c=one-use")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "http://127.0.0.1:8000/#c=one-use" in file.read_text("utf-8")


def test_a_work_folder_that_cannot_be_written_is_named(course: Places) -> None:
    course.work.parent.mkdir(parents=True, exist_ok=True)
    course.work.write_text("not a folder")
    with pytest.raises(LabError) as caught:
        opening.write(course, "http://127.0.0.1:8000/")
    assert "is not a folder" in caught.value.what
    assert "DRYDOCK_WORK" in caught.value.remedy
