"""A download continues where it stopped, and ends with the right bytes or with a sentence."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError
from checker.web.download import DamagedError, RefusedError, digest_of, download
from checker.web.pinned import Pinned, RogueError, UnreachableError
from tests.unit.web.servers import Bad, serving

if TYPE_CHECKING:
    from pathlib import Path

DATA = os.urandom(1_000_000)
SUM = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def bad() -> Bad:
    found = Bad({"/file": DATA})
    found.headers["/file"] = {"ETag": f'"sha256:{SUM}"'}
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "here" / "file.bin"


def test_a_file_arrives_whole_and_is_not_fetched_again(bad: Bad, file: Path, tmp_path: Path) -> None:
    seen = []
    with serving(bad, tmp_path / "class") as to:
        assert digest_of(to, "/file") == (SUM, len(DATA))
        download(to, "/file", file, SUM, progress=lambda have, every: seen.append((have, every)))
        download(to, "/file", file, SUM)
    assert file.read_bytes() == DATA
    assert [path for path, _ in bad.asked] == ["/file"]
    assert seen[-1] == (len(DATA), len(DATA))
    assert list(file.parent.iterdir()) == [file]


def test_a_connection_that_breaks_again_and_again_costs_no_byte_twice(
    bad: Bad, file: Path, tmp_path: Path
) -> None:
    bad.most = 90_000
    with serving(bad, tmp_path / "class") as to:
        download(to, "/file", file, SUM)
    assert file.read_bytes() == DATA
    assert [each for _, each in bad.asked[:3]] == ["", "bytes=90000-", "bytes=180000-"]
    assert bad.sent == len(DATA)


def test_a_download_that_was_interrupted_goes_on_in_the_next_command(
    bad: Bad, file: Path, tmp_path: Path
) -> None:
    def interrupted(have: int, _: int) -> None:
        if have > len(DATA) // 2:
            raise KeyboardInterrupt

    with serving(bad, tmp_path / "class") as to:
        with pytest.raises(KeyboardInterrupt):
            download(to, "/file", file, SUM, progress=interrupted)
        assert not file.exists()
        download(to, "/file", file, SUM)
    assert file.read_bytes() == DATA
    start = int(bad.asked[1][1].removeprefix("bytes=").removesuffix("-"))
    assert start > len(DATA) // 2


def test_one_wrong_byte_is_refused_and_nothing_of_it_is_kept(bad: Bad, file: Path, tmp_path: Path) -> None:
    bad.files["/file"] = DATA[:500] + bytes([DATA[500] ^ 1]) + DATA[501:]
    with serving(bad, tmp_path / "class") as to, pytest.raises(DamagedError, match="wrong bytes"):
        download(to, "/file", file, SUM)
    assert list(file.parent.iterdir()) == []


def test_a_part_that_was_changed_on_the_disk_is_found_at_the_end(
    bad: Bad, file: Path, tmp_path: Path
) -> None:
    bad.most, bad.cuts = 90_000, 3
    with serving(bad, tmp_path / "class") as to:
        file.parent.mkdir()
        (file.parent / f".{file.name}.{SUM[:16]}.part").write_bytes(b"x" * 1000)
        with pytest.raises(DamagedError):
            download(to, "/file", file, SUM)
        download(to, "/file", file, SUM)
    assert file.read_bytes() == DATA


def test_a_part_that_is_whole_needs_no_more_bytes(bad: Bad, file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    (file.parent / f".{file.name}.{SUM[:16]}.part").write_bytes(DATA)
    with serving(bad, tmp_path / "class") as to:
        download(to, "/file", file, SUM)
    assert file.read_bytes() == DATA
    assert bad.sent == 0


def test_the_part_of_another_version_is_not_gone_on_with(bad: Bad, file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    (file.parent / f".{file.name}.{'0' * 16}.part").write_bytes(b"old")
    with serving(bad, tmp_path / "class") as to:
        download(to, "/file", file, SUM)
    assert list(file.parent.iterdir()) == [file]


def test_a_server_that_went_away_is_told_and_what_arrived_is_kept(
    bad: Bad, file: Path, tmp_path: Path
) -> None:
    file.parent.mkdir()
    part = file.parent / f".{file.name}.{SUM[:16]}.part"
    part.write_bytes(DATA[:90_000])
    with serving(bad, tmp_path / "class") as to:
        pass
    with pytest.raises(UnreachableError, match="does not answer"):
        download(to, "/file", file, SUM)
    assert part.read_bytes() == DATA[:90_000]


def test_another_certificate_gets_no_request(bad: Bad, file: Path, tmp_path: Path) -> None:
    with serving(bad, tmp_path / "class") as to, pytest.raises(RogueError):
        download(Pinned(to.host, to.port, "A" * 52), "/file", file, SUM)
    assert bad.asked == []


def test_a_file_that_is_not_given_is_said_with_its_status(bad: Bad, file: Path, tmp_path: Path) -> None:
    with serving(bad, tmp_path / "class") as to:
        with pytest.raises(RefusedError) as missing:
            download(to, "/other", file, SUM)
        bad.needs = {"Permit": "x"}
        with pytest.raises(RefusedError) as closed:
            digest_of(to, "/file")
        download(to, "/file", file, SUM, headers={"Permit": "x"})
    assert (missing.value.status, closed.value.status) == (404, 403)


def test_a_folder_that_cannot_be_written_is_not_blamed_on_the_network(bad: Bad, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with serving(bad, tmp_path / "class") as to, pytest.raises(LabError) as error:
        download(to, "/file", tmp_path / "file" / "bundle", SUM)
    assert not isinstance(error.value, UnreachableError)
    assert bad.asked == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
def test_a_full_disk_is_not_blamed_on_the_network(bad: Bad, file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    (file.parent / f".{file.name}.{SUM[:16]}.part").symlink_to("/dev/full")
    with serving(bad, tmp_path / "class") as to, pytest.raises(LabError) as error:
        download(to, "/file", file, SUM)
    assert not isinstance(error.value, UnreachableError)
