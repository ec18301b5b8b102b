"""A file is written whole or stays as it was, whatever comes in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker import whole
from checker.grading.proof_cache import Remembered


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the disk: of what is written from now on, a third finds room."""
    write = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        write(path, data[: len(data) // 3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)


def test_a_file_and_its_folder_are_made(tmp_path: Path) -> None:
    whole.write(tmp_path / "a" / "b.txt", "é\n")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "é\n"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_on_a_full_disk_what_was_there_stays_and_nothing_else_is_left(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "b.txt"
    whole.write(file, "before")
    request.getfixturevalue("full")
    with pytest.raises(OSError, match="No space left"):
        whole.write(file, "afterwards")
    assert file.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.usefixtures("full")
def test_a_pass_that_finds_no_room_is_not_recalled_with_half_its_text(tmp_path: Path) -> None:
    kept = Remembered(tmp_path / "kept", tmp_path)
    kept.remember("lost", "sha256:1", text="the longest outage was 12.5 s")
    assert kept.recall("lost", "sha256:1") is None
