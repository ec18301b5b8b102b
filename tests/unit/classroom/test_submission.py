"""An archive that a learner hands in: read with bounds, and refused with a sentence when something is wrong with it."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.classroom.archive import MANIFEST, MOST_BYTES, MOST_FILES, MOST_MANIFEST, read
from checker.classroom.submission import RefusedError, Submission, claimed, digest, require_ours
from checker.results import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.course.catalogue import Lab
    from tests.conftest import Course
    from tests.unit.classroom.conftest import Handing


def member(name: str, data: bytes = b"x", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in more.items():
        setattr(info, field, value)
    return info, data


def written(file: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return file


@pytest.fixture
def manifest(handing: Handing) -> bytes:
    return msgspec.json.encode(handing.submission())


def test_what_was_packed_is_read_again(handing: Handing, lab: Lab) -> None:
    handed = read(handing.file(files={"run.sh": b"#!/bin/sh\n", "conf/a b.txt": b"\0\1"}))
    assert handed.submission.learner == "Ada"
    assert {name: entry.data for name, entry in handed.files.items()} == {
        "run.sh": b"#!/bin/sh\n",
        "conf/a b.txt": b"\0\1",
    }
    assert handed.files["run.sh"].runs
    assert not handed.files["conf/a b.txt"].runs
    require_ours(handed.submission, lab)


def test_the_same_submission_makes_the_same_bytes(handing: Handing) -> None:
    assert handing.file().read_bytes() == handing.file().read_bytes()


@pytest.mark.parametrize("part", [0.02, 0.5, 0.9, 0.999])
def test_an_archive_cut_short_anywhere_is_refused(handing: Handing, part: float) -> None:
    file = handing.file(files={"big": os.urandom(50_000)})
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(RefusedError, match="no complete archive"):
        read(file)


def test_a_flipped_byte_is_refused(handing: Handing) -> None:
    file = handing.file(files={"big": os.urandom(50_000)})
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 255
    file.write_bytes(data)
    with pytest.raises(RefusedError):
        read(file)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no complete archive"),
        (b"hello", "no complete archive"),
        (gzip.compress(b"", mtime=0), "no archive of|no complete archive"),
        (gzip.compress(b"hello" * 500, mtime=0), "no complete archive"),
    ],
)
def test_a_file_of_another_kind_is_refused(handing: Handing, data: bytes, why: str) -> None:
    file = handing.folder / "x"
    file.write_bytes(data)
    with pytest.raises(RefusedError, match=why):
        read(file)


@pytest.mark.parametrize(
    ("name", "more", "why"),
    [
        ("files/../../etc/passwd", {}, "leads out of the folder"),
        ("/etc/passwd", {}, "lies outside its folder"),
        ("files//etc/passwd", {}, "leads out of the folder"),
        ("files/a/./b", {}, "leads out of the folder"),
        ("files/..\\..\\evil", {}, "leads out of the folder"),
        ("files/C:evil", {}, "leads out of the folder"),
        ("files/aux.txt", {}, "device on Windows"),
        ("files/a\u202etxt.exe", {}, "cannot be seen"),
        ("files/a\x1b]52;c;x\x07", {}, "cannot be seen"),
        ("files/" + "a" * 201, {}, "longer than 200"),
        ("files/a", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd", "size": 0}, "a link"),
        ("files/a", {"type": tarfile.LNKTYPE, "linkname": "files/b", "size": 0}, "a link"),
        ("files/a", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 8, "size": 0}, "a device"),
        ("files/a", {"type": tarfile.FIFOTYPE, "size": 0}, "a pipe"),
        ("files/a", {"type": tarfile.DIRTYPE, "size": 0}, "a folder"),
        ("other", {}, "outside its folder of files"),
    ],
)
def test_what_must_not_be_unpacked_is_refused(
    handing: Handing, manifest: bytes, name: str, more: dict[str, Any], why: str
) -> None:
    file = written(handing.folder / "x", member(MANIFEST, manifest), member(name, **more))
    with pytest.raises(RefusedError, match=why) as refused:
        read(file)
    assert refused.value.what.isprintable()


def test_a_bomb_is_refused_before_it_fills_memory(handing: Handing, manifest: bytes) -> None:
    file = handing.folder / "x"
    members = [member(f"files/{number}", b"\0" * 4_900_000) for number in range(8)]
    written(file, member(MANIFEST, manifest), *members)
    assert file.stat().st_size < 100_000
    with pytest.raises(RefusedError, match="more than 20 MB when it is unpacked"):
        read(file)


def test_a_bomb_behind_the_end_of_the_archive_is_refused(handing: Handing) -> None:
    plainly = gzip.decompress(handing.file().read_bytes())
    file = handing.folder / "x"
    file.write_bytes(gzip.compress(plainly + b"\0" * (MOST_BYTES + MOST_MANIFEST)))
    with pytest.raises(RefusedError, match="when it is unpacked"):
        read(file)


def test_a_giant_is_refused_unread(handing: Handing) -> None:
    file = handing.folder / "x"
    with file.open("wb") as stream:
        stream.truncate(300_000_000)
    with pytest.raises(RefusedError, match="300 MB; 20 MB are allowed"):
        read(file)


def test_too_many_files_and_a_name_twice_are_refused(handing: Handing, manifest: bytes) -> None:
    many = [member(f"files/{number}", b"") for number in range(MOST_FILES + 1)]
    with pytest.raises(RefusedError, match="more than 2000 files"):
        read(written(handing.folder / "x", member(MANIFEST, manifest), *many))
    with pytest.raises(RefusedError, match="has a twice"):
        read(written(handing.folder / "x", member(MANIFEST, manifest), member("files/a"), member("files/a")))


def test_a_pipe_in_the_folder_is_refused_and_not_waited_for(handing: Handing) -> None:
    file = handing.folder / "x"
    os.mkfifo(file)
    with pytest.raises(RefusedError, match="not an ordinary file"):
        read(file)


def test_a_file_that_the_manifest_does_not_list_is_refused(handing: Handing, manifest: bytes) -> None:
    with pytest.raises(RefusedError, match="not those that its manifest lists"):
        read(written(handing.folder / "x", member(MANIFEST, manifest), member("files/more")))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": 2}, "format 2, and this `lab` reads format 1"),
        ({"report": None}, "manifest cannot be read"),
        ({"unknown": 1}, "manifest cannot be read"),
        ({"learner": "\u202e\u200b"}, "name is empty"),
        ({"typed": [[1, "x" * 70_000]]}, "KB of commands|manifest cannot be read"),
        ({"typed": [{"at": 1, "text": "x" * 70_000}]}, "KB of commands"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused(
    handing: Handing, manifest: bytes, change: dict[str, Any], why: str
) -> None:
    changed = json.dumps({**json.loads(manifest), **change}).encode()
    with pytest.raises(RefusedError, match=why):
        read(written(handing.folder / "x", member(MANIFEST, changed)))


def test_a_deeply_nested_manifest_is_refused(handing: Handing) -> None:
    with pytest.raises(RefusedError, match="manifest cannot be read"):
        read(written(handing.folder / "x", member(MANIFEST, b"[" * 100_000)))


def test_a_hostile_name_is_made_harmless(handing: Handing) -> None:
    name = "\x1b]52;c;cm0=\x07<img src=x onerror=alert(1)>\u202eadA\n\n" + "y" * 1_000_000
    shown = handing.handed(name, typed=()).submission.learner
    assert shown.startswith("<img src=x onerror=alert(1)>adA yyy")
    assert len(shown) == 80
    assert shown.isprintable()


def another(field: str, value: object) -> Callable[[Submission], Submission]:
    return lambda each: msgspec.structs.replace(each, **{field: value})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (another("course", "0" * 64), "another version of lab"),
        (another("ways", ("hand",)), "a way that lab .. does not have"),
    ],
)
def test_what_belongs_to_another_course_is_refused(
    handing: Handing, lab: Lab, change: Callable[[Submission], Submission], why: str
) -> None:
    with pytest.raises(RefusedError, match=why):
        require_ours(change(handing.submission()), lab)


def test_a_report_that_names_other_checks_is_refused(handing: Handing, lab: Lab) -> None:
    ours = handing.submission()
    first, *rest = ours.report.checks
    for checks in (
        (msgspec.structs.replace(first, id="made-up"), *rest),
        (first, first, *rest),
    ):
        report = msgspec.structs.replace(ours.report, checks=checks)
        with pytest.raises(RefusedError, match="names checks that lab"):
            require_ours(msgspec.structs.replace(ours, report=report), lab)
    report = msgspec.structs.replace(ours.report, lab="01-other")
    with pytest.raises(RefusedError, match="about another lab"):
        require_ours(msgspec.structs.replace(ours, report=report), lab)


def test_what_file_managers_and_editors_leave_in_a_lab_is_no_other_version(course: Course, lab: Lab) -> None:
    before = digest(lab)
    for name in (
        "start/.DS_Store",
        "checks/Thumbs.db",
        "start/desktop.ini",
        "start/README.txt~",
        "start/._README.txt",
    ):
        course.write(name, "x")
    assert digest(lab) == before
    # A lab's own hidden files count.
    course.write("start/.env", "x")
    assert digest(lab) != before


def test_the_digest_changes_with_checks_and_not_with_line_ends_or_figures(course: Course, lab: Lab) -> None:
    before = digest(lab)
    course.write("checks/test_it.py", "def test_it_answers():\r\n    pass\r\n")
    course.write("wrong/one/run.sh", "true\n")
    assert digest(lab) == before
    measured = (
        'memory_mb = 1\ndisk_mb = 1\nstart_s = 1\ncheck_s = 1\nengine = "1"\nsystem = "1"\ndate = "1"\n'
    )
    file = lab.folder / "lab.toml"
    file.write_text(f"{file.read_text()}\n[measured]\n{measured}")
    assert digest(course.catalogue.find(course.number)) == before
    course.write("checks/test_it.py", "def test_it_answers():\n    assert True\n")
    assert digest(lab) != before


def test_a_check_that_the_report_does_not_name_was_not_run(handing: Handing) -> None:
    assert claimed(handing.submission(), "it-holds") is Status.PASSED
    assert claimed(handing.submission(), "another") is Status.NOT_RUN
