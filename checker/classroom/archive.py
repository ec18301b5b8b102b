"""The archive in which a submission travels: written whole, and read with bounds."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from typing import IO, TYPE_CHECKING

import msgspec

from checker import whole
from checker.classroom import names
from checker.classroom.submission import FORMAT, HandedIn, RefusedError, Submission, refuse
from checker.course.contents import Entry, Kind
from checker.errors import LabError, not_written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST = "submission.json"
FILES = "files/"
SUFFIX = ".drydock.tar.gz"

MOST_FILE = 5_000_000
"""How large one file of an answer may be, in bytes; the largest in any lab's solution has some kilobytes."""

MOST_BYTES = 20_000_000
"""How much an archive may hold when it is unpacked, in bytes."""

MOST_ARCHIVE = 20_000_000
"""How large the archive itself may be, in bytes; files that are compressed already do not shrink."""

MOST_MANIFEST = 4_000_000
"""How large the manifest may be, in bytes: a report has some kilobytes, the commands of a day some more."""

MOST_FILES = 2_000
"""How many files an answer may have."""

MOST_TYPED = 60_000
"""How many bytes of commands are taken; what replays them must fit into one argument of 128 KiB (execve(2))."""


def pack(file: Path, submission: Submission, files: Mapping[str, Entry]) -> str:
    """Write an archive, whole or not at all, and return its SHA-256.

    Args:
        file: the archive.
        submission: the manifest; its `files` are filled in here.
        files: the answer's files, by their path in the work folder.

    Raises:
        LabError: it cannot be written, or is larger than a teacher's `lab` reads.
    """
    sums = {name: _sum(entry) for name, entry in sorted(files.items())}
    text = msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(submission, files=sums)), indent=1)
    raw = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        _add(archive, MANIFEST, text, runs=False)
        for name in sums:
            _add(archive, FILES + name, files[name].data, runs=files[name].runs)
    if len(text) > MOST_MANIFEST or raw.tell() > MOST_ARCHIVE:
        raise LabError(
            f"The archive would have {raw.tell() / 1e6:.1f} MB; {MOST_ARCHIVE / 1e6:.0f} MB are allowed.",
            remedy="Move files that are not part of your answer out of the work folder.",
        )
    try:
        whole.write_bytes(file, raw.getvalue())
    except OSError as error:
        raise not_written(file, error, "") from error
    return hashlib.sha256(raw.getvalue()).hexdigest()


def _add(archive: tarfile.TarFile, name: str, data: bytes, *, runs: bool) -> None:
    header = tarfile.TarInfo(name)
    header.size = len(data)
    header.mode = 0o755 if runs else 0o644
    archive.addfile(header, io.BytesIO(data))


def _sum(entry: Entry) -> str:
    return f"{'*' if entry.runs else ''}{hashlib.sha256(entry.data).hexdigest()}"


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than so many bytes: a small archive can hold gigabytes of zeros."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, most: int) -> None:
        self._stream = stream
        self._left = most

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise RefusedError(
                f"It holds more than {MOST_BYTES / 1e6:.0f} MB when it is unpacked.",
                remedy="`lab submit` never packs so much; ask the learner what it is.",
            )
        return data


def read(file: Path) -> HandedIn:
    """Read an archive whole, into memory. Nothing of it is written or run.

    Raises:
        RefusedError: it is no archive of `lab submit`, is damaged or too large, or has something in it that must not
            be unpacked; the sentence says which.
    """
    try:
        if not file.is_file():
            refuse("It is not an ordinary file.")
        if (size := file.stat().st_size) > MOST_ARCHIVE:
            refuse(f"It has {size / 1e6:.0f} MB; {MOST_ARCHIVE / 1e6:.0f} MB are allowed.")
        data = file.read_bytes()
    except OSError as error:
        raise RefusedError(
            f"It cannot be read: {error.strerror or error}.", remedy="Copy it again."
        ) from error
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            bounded = _Bounded(packed, MOST_BYTES + MOST_MANIFEST)
            with tarfile.open(fileobj=bounded, mode="r|", errorlevel=2) as archive:
                submission, files = _members(archive)
            # To the end, so that gzip compares its checksum: a file cut in half is found by its missing end.
            while bounded.read(1 << 16):
                pass
    except RefusedError:
        raise
    except (
        EOFError,
        zlib.error,
        gzip.BadGzipFile,
        tarfile.TarError,
        OSError,
        ValueError,
        RecursionError,
    ) as error:
        raise RefusedError(
            f"It is no complete archive of `lab submit`: {names.plain(str(error), 120) or 'it ends too early'}.",
            remedy="Ask for it again: copying or sending it was cut short.",
        ) from error
    _compare(submission, files)
    return HandedIn(hashlib.sha256(data).hexdigest(), submission, files)


def _members(archive: tarfile.TarFile) -> tuple[Submission, dict[str, Entry]]:
    first = archive.next()
    inner = archive.extractfile(first) if first and first.isreg() and first.name == MANIFEST else None
    if first is None or inner is None:
        refuse("It is no archive of `lab submit`: it does not begin with its manifest.")
    if first.size > MOST_MANIFEST:
        refuse(f"Its manifest has {first.size / 1e6:.0f} MB; {MOST_MANIFEST / 1e6:.0f} MB are allowed.")
    submission = _manifest(inner.read())
    files: dict[str, Entry] = {}
    while (member := archive.next()) is not None:
        name = member.name.removeprefix(FILES)
        if not member.name.startswith(FILES) or (why := names.why_unsafe(name)):
            reason = why if member.name.startswith(FILES) else "something lies outside its folder of files"
            refuse(f"It must not be unpacked: {names.plain(reason, 300)}.")
        if not member.isreg() or member.issparse():
            kind = "a link" if member.issym() or member.islnk() else "a device, a pipe or a folder"
            refuse(f"It must not be unpacked: {name} is {kind}, not a file.")
        if name in files:
            refuse(f"It has {name} twice.")
        if len(files) >= MOST_FILES or member.size > MOST_FILE:
            refuse(f"It has more than {MOST_FILES} files, or one larger than {MOST_FILE / 1e6:.0f} MB.")
        content = archive.extractfile(member)
        data = content.read() if content else b""
        files[name] = Entry(Kind.FILE, data, runs=bool(member.mode & 0o100))
    return submission, files


def _manifest(data: bytes) -> Submission:
    try:
        form = msgspec.json.decode(data, type=_Format).format
        if form != FORMAT:
            refuse(
                f"It has format {form}, and this `lab` reads format {FORMAT}.",
                "Use the same release of the course on both machines.",
            )
        submission = msgspec.json.decode(data, type=Submission)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RefusedError(
            f"Its manifest cannot be read: {names.plain(str(error), 200)}.",
            remedy="Ask the learner to run `lab submit` again.",
        ) from error
    if sum(len(each.text.encode()) for each in submission.typed) > MOST_TYPED:
        refuse(f"It has more than {MOST_TYPED / 1000:.0f} KB of commands.")
    # A name that cannot be shown is refused here, not in a table later.
    try:
        shown = names.learner(submission.learner)
    except LabError as error:
        raise RefusedError(error.what, remedy=error.remedy) from error
    return msgspec.structs.replace(submission, learner=shown, id=names.plain(submission.id, names.MOST_NAME))


class _Format(msgspec.Struct):
    format: int


def _compare(submission: Submission, files: Mapping[str, Entry]) -> None:
    if {name: _sum(entry) for name, entry in files.items()} != submission.files:
        refuse(
            "Its files are not those that its manifest lists.", "Ask for it again: it was damaged or changed."
        )
