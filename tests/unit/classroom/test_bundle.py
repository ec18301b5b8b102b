"""A bundle for a room: what is in it, what a damaged or interrupted one does, and a machine that is ready from it alone."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.classroom.packages import lock_for, locks_for
from checker.classroom.platforms import PLATFORMS, wanted
from checker.classroom.room_bundle import Contents, course_archive, write
from checker.classroom.stick import unpack
from checker.classroom.stick.unpack import UnpackError, lay_out, main, verify
from checker.errors import LabError, MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK = """\
# a comment
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:aaaa \\
    --hash=sha256:bbbb
    # via pytest
msgspec==0.20.0 \\
    --hash=sha256:cccc
tomli==2.0 ; python_version < '3.12' \\
    --hash=sha256:dddd
"""

# A `lab` that notes how it was called and from where pip would take packages.
LAB = """\
import json, os, sys
with open(os.environ["NOTED"], "a") as file:
    print(json.dumps([sys.argv[1:], os.environ.get("PIP_NO_INDEX"), os.environ.get("PIP_FIND_LINKS")]), file=file)
"""


def test_a_lock_has_only_what_a_platform_needs_with_its_hashes() -> None:
    windows = lock_for(LOCK, PLATFORMS["windows-amd64"], "3.11.0").splitlines()
    linux = lock_for(LOCK, PLATFORMS["linux-x86_64"], "3.13.0").splitlines()
    assert windows == [
        "colorama==0.4.6 --hash=sha256:aaaa --hash=sha256:bbbb",
        "msgspec==0.20.0 --hash=sha256:cccc",
        "tomli==2.0 --hash=sha256:dddd",
    ]
    assert linux == ["msgspec==0.20.0 --hash=sha256:cccc"]


def test_patch_releases_that_need_different_packages_both_find_theirs() -> None:
    lock = "a==1 ; python_full_version < '3.11.5' --hash=sha256:a\na==2 ; python_full_version >= '3.11.5' --hash=sha256:b\n"
    linux = PLATFORMS["linux-x86_64"]
    assert sorted(locks_for(lock, linux, "3.11").values()) == [
        "a==1 --hash=sha256:a\n",
        "a==2 --hash=sha256:b\n",
    ]
    assert list(locks_for(lock, linux, "3.12").values()) == ["a==2 --hash=sha256:b\n"]


def test_the_courses_own_locks_can_be_decided_for_every_platform() -> None:
    root = Path(__file__).resolve().parents[3]
    for name in ("run.txt", "class.txt"):
        text = (root / "requirements" / name).read_text("utf-8")
        for platform in PLATFORMS.values():
            lines = lock_for(text, platform, "3.12.0").splitlines()
            assert lines
            assert all("--hash=sha256:" in line and ";" not in line for line in lines)
    run = (root / "requirements" / "run.txt").read_text("utf-8")
    assert "colorama" in lock_for(run, PLATFORMS["windows-amd64"], "3.12.0")


@pytest.mark.parametrize(
    ("platforms", "pythons"), [("amiga", ""), ("linux-x86_64,x", ""), ("", "3.9"), ("", "three")]
)
def test_an_unknown_platform_or_python_is_refused_with_those_that_are_known(
    platforms: str, pythons: str
) -> None:
    with pytest.raises(MisuseError) as refused:
        wanted(platforms, pythons)
    assert "3.11" in refused.value.remedy or "linux-x86_64" in refused.value.remedy


def test_without_names_a_bundle_is_for_this_machine() -> None:
    (platform,), (python,) = wanted("", "")
    assert platform.name in PLATFORMS
    assert python == f"{sys.version_info.major}.{sys.version_info.minor}"


Made = tuple[Path, Contents]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Give a small bundle with a course whose `lab` only notes how it was called."""
    source = tmp_path / "source"
    source.mkdir()
    with tarfile.open(source / "course.tar", "w") as archive:
        for name, text in (("lab", LAB), ("docs/index.md", "# Hello\n")):
            header = tarfile.TarInfo(name)
            header.size = len(text)
            header.mode = 0o755 if name == "lab" else 0o644
            archive.addfile(header, io.BytesIO(text.encode()))
    (source / "one.whl").write_bytes(os.urandom(30_000))
    (source / "room.tar.gz").write_bytes(os.urandom(100_000))
    parts = {
        "course.tar": source / "course.tar",
        "wheels/one.whl": source / "one.whl",
        "images/room.tar.gz": source / "room.tar.gz",
    }
    file = tmp_path / "room.pyz"
    return file, write(file, parts, ["01-x"], ["linux-x86_64"], ["3.11"])


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
    file = tmp_path / "noted"
    monkeypatch.setenv("NOTED", str(file))
    return lambda: [json.loads(line) for line in file.read_text().splitlines()]


def test_a_machine_with_python_alone_is_ready_in_one_command(
    made: Made, tmp_path: Path, noted: Callable[[], list[Any]]
) -> None:
    file, _ = made
    target = tmp_path / "a place"
    done = subprocess.run(
        [sys.executable, "-I", file, target], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (target / "drydock/docs/index.md").read_text() == "# Hello\n"
    assert os.access(target / "drydock/lab", os.X_OK)
    # What `lab start` loads missing images from.
    assert (target / "drydock/bundles/room.tar.gz").stat().st_size == 100_000
    (version, no_index, links), (load, *_) = noted()
    assert (version, no_index) == (["version"], "1")
    assert links == (target / "wheels").as_uri()
    assert load == ["images", "load", str(target / "images/room.tar.gz")]
    assert "lab up" in done.stderr


def test_an_interrupted_unpacking_goes_on_and_does_not_write_twice(
    made: Made,
    tmp_path: Path,
    noted: Callable[[], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "target"
    real = unpack._write
    written: list[str] = []

    def once(*words: Any) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(words[1])
        real(*words)

    with monkeypatch.context() as patched:
        patched.setattr(unpack, "_write", once)
        assert main([str(target)], made[0]) == 130
    capsys.readouterr()
    assert main([str(target)], made[0]) == 0
    said = capsys.readouterr().err
    assert "1 of 2:" in said
    assert written[0] not in said
    assert main([str(target)], made[0]) == 0
    assert " of " not in capsys.readouterr().err
    assert len(noted()) == 4


def test_files_of_the_learner_in_the_course_stay(
    made: Made, tmp_path: Path, noted: Callable[[], list[Any]]
) -> None:
    del noted
    target = tmp_path / "target"
    main([str(target)], made[0])
    mine = target / "drydock/work/01/answer.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert main([str(target)], made[0]) == 0
    assert mine.read_text() == "mine"


def test_a_folder_of_somebody_else_is_not_touched(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target/photo.jpg").write_text("x")
    assert main([str(tmp_path / "target")], made[0]) == 3
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["photo.jpg"]


def test_a_bundle_is_verified_and_a_flipped_byte_in_any_part_is_found(
    made: Made, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file, contents = made
    with zipfile.ZipFile(file) as opened:
        assert verify(opened) == 3
        places = {name: opened.getinfo(name).header_offset for name in contents.parts}
    for name, offset in places.items():
        data = bytearray(file.read_bytes())
        data[offset + contents.parts[name].size // 2] ^= 1
        (tmp_path / "bad.pyz").write_bytes(data)
        assert main(["--verify"], tmp_path / "bad.pyz") == 3
        assert f"{name} in the bundle" in capsys.readouterr().err
        assert main([str(tmp_path / "target")], tmp_path / "bad.pyz") == 3
        shutil.rmtree(tmp_path / "target")
        capsys.readouterr()


def test_a_part_that_was_exchanged_in_a_whole_archive_is_found(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(made[0]) as source, zipfile.ZipFile(tmp_path / "other.pyz", "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[::-1] if name == "wheels/one.whl" else data)
    for words in (["--verify"], [str(tmp_path / "target")]):
        assert main(words, tmp_path / "other.pyz") == 3
        assert "wheels/one.whl in the bundle is damaged" in capsys.readouterr().err
    assert not (tmp_path / "target/wheels/one.whl").exists()


@pytest.mark.parametrize("part", [0.1, 0.6, 0.99])
def test_a_bundle_cut_short_is_refused(
    made: Made, tmp_path: Path, part: float, capsys: pytest.CaptureFixture[str]
) -> None:
    data = made[0].read_bytes()
    (tmp_path / "half.pyz").write_bytes(data[: int(len(data) * part)])
    assert main([str(tmp_path / "target")], tmp_path / "half.pyz") == 3
    assert capsys.readouterr().err
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("part", [0.1, 0.6, 0.99])
def test_python_takes_a_bundle_that_was_cut_short_for_a_script_and_says_what_the_pages_say(
    made: Made, tmp_path: Path, part: float
) -> None:
    data = made[0].read_bytes()
    half = tmp_path / "half.pyz"
    half.write_bytes(data[: int(len(data) * part)])
    done = subprocess.run(
        [sys.executable, str(half), "--verify"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr
    assert "SyntaxError" in (Path(__file__).parents[3] / "docs/classroom/before.md").read_text()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\evil", "C:evil"])
def test_a_bundle_that_names_a_file_elsewhere_is_refused(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.pyz"
    part = {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("contents.json", json.dumps({"format": 1, "parts": {name: part}}))
        archive.writestr(name, b"x")
    assert main([str(tmp_path / "target")], file) == 3
    assert "outside its folder" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.pyz"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"format": 2, "parts": {}}',
        '{"parts": {"a": 1}}',
        '{"parts": {"a": {"size": -1, "sha256": ""}}}',
    ],
)
def test_a_list_of_contents_that_is_wrong_is_refused(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(tmp_path / "bad.pyz", "w") as archive:
        archive.writestr("contents.json", text)
    assert main([str(tmp_path / "target")], tmp_path / "bad.pyz") == 3
    assert "bundle" in capsys.readouterr().err


def test_a_link_in_the_courses_archive_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "course.tar", "w") as archive:
        header = tarfile.TarInfo("lab")
        header.type, header.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(header)
    with pytest.raises(UnpackError, match="must not be unpacked"):
        lay_out(tmp_path)


def test_a_disk_without_room_is_said_before_anything_is_written(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    assert main([str(tmp_path / "target")], made[0]) == 3
    assert "Free some space" in capsys.readouterr().err
    assert not (tmp_path / "target/wheels").exists()


def test_a_bundle_that_cannot_be_written_leaves_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"x" * 1000)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(LabError, match="No space left") as refused:
        write(tmp_path / "out" / "room.pyz", {"a": part}, [], [], [])
    assert "exFAT" in refused.value.remedy
    assert list((tmp_path / "out").iterdir()) == []


def test_the_course_is_what_git_knows_and_nothing_of_a_learners(tmp_path: Path) -> None:
    root = tmp_path / "course"
    root.mkdir()
    (root / ".gitignore").write_text("work/\n.lab/\n")
    for name in ("lab", "work/01/answer", ".lab/progress.sqlite3", "docs/new.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    with pytest.raises(LabError, match="no checkout of git"):
        course_archive(root, tmp_path / "course.tar")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    course_archive(root, tmp_path / "course.tar")
    with tarfile.open(tmp_path / "course.tar") as archive:
        assert archive.getnames() == [".gitignore", "docs/new.md", "lab"]


def test_the_program_of_a_bundle_needs_the_standard_library_alone() -> None:
    text = Path(unpack.__file__).read_text("utf-8")
    modules = {
        line.split()[1].partition(".")[0]
        for line in text.splitlines()
        if line.startswith(("import ", "from "))
    }
    assert modules - {"__future__"} <= set(sys.stdlib_module_names)
