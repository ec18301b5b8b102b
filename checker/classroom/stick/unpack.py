"""Makes a machine ready for the course, without a network: unpacks the course, its packages and its images from this file.

It is the first file of the bundle that it unpacks: `python3 drydock-room.pyz FOLDER`. Run again after an interruption,
it goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, Any

CONTENTS = "contents.json"
FORMAT = 1
OLDEST = (3, 11)
CHUNK = 1 << 20
MARK = ".drydock-bundle.json"
"""A file in the folder that says which bundle it was unpacked from; a folder without it is not touched."""


class UnpackError(Exception):
    """Something is wrong with the bundle or with this machine, and what to do."""


def read_contents(bundle: zipfile.ZipFile) -> dict[str, Any]:
    """Return what is in a bundle.

    Raises:
        UnpackError: it cannot be read, or was written for another release.
    """
    try:
        found: dict[str, Any] = json.loads(bundle.read(CONTENTS))
        parts = found["parts"]
        names = [PurePosixPath(name) for name in parts]
        sizes = [(int(part["size"]), str(part["sha256"])) for part in parts.values()]
    except (KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile, OSError) as error:
        raise UnpackError(
            f"The bundle's list of contents cannot be read: {error}. Copy the bundle again."
        ) from error
    if found.get("format") != FORMAT:
        raise UnpackError("The bundle was made by another release of the course. Make it again.")
    if any(
        name.is_absolute() or ".." in name.parts or "\\" in str(name) or ":" in str(name) for name in names
    ):
        raise UnpackError("The bundle names a file outside its folder. Do not use it.")
    if any(size < 0 or len(sha256) != 64 for size, sha256 in sizes):
        raise UnpackError("The bundle's list of contents is damaged. Copy the bundle again.")
    return found


def sum_of(stream: IO[bytes]) -> str:
    """Return the SHA-256 of a stream."""
    total = hashlib.sha256()
    while chunk := stream.read(CHUNK):
        total.update(chunk)
    return total.hexdigest()


def verify(bundle: zipfile.ZipFile) -> int:
    """Compare every part of a bundle with its SHA-256, and return how many parts there are.

    Raises:
        UnpackError: a part is damaged or missing.
    """
    parts = read_contents(bundle)["parts"]
    for name, part in parts.items():
        try:
            with bundle.open(name) as stream:
                good = sum_of(stream) == part["sha256"]
        except (KeyError, OSError, zipfile.BadZipFile, EOFError) as error:
            raise UnpackError(
                f"{name} in the bundle cannot be read: {error}. Copy the bundle again."
            ) from error
        if not good:
            raise UnpackError(f"{name} in the bundle is damaged. Copy the bundle again.")
    return len(parts)


def unpack(bundle: zipfile.ZipFile, folder: Path) -> int:
    """Write the parts of a bundle into a folder; those that are there already and whole are left as they are.

    Returns:
        How many parts were written.

    Raises:
        UnpackError: the folder is somebody else's, there is not enough room, or a part is damaged.
    """
    parts = read_contents(bundle)["parts"]
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise UnpackError(f"{folder} is not empty, and was not made from a bundle. Name another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text(json.dumps({"format": FORMAT}), encoding="utf-8")
        missing = {name: part for name, part in parts.items() if not _is_there(folder / name, part)}
        need, free = sum(part["size"] for part in missing.values()), shutil.disk_usage(folder).free
        # The course's own files are unpacked once more from their archive.
        if need * 1.1 > free:
            raise UnpackError(
                f"{folder} needs {need * 1.1 / 1e9:.1f} GB, and its disk has {free / 1e9:.1f} GB free. Free some space."
            )
        for number, (name, part) in enumerate(missing.items(), start=1):
            say(f"{number} of {len(missing)}: {name} ({part['size'] / 1e6:.1f} MB)")
            _write(bundle, name, part["sha256"], folder / name)
    except OSError as error:
        raise UnpackError(
            f"{folder} cannot be written: {error.strerror or error}. Name another folder."
        ) from error
    return len(missing)


def _is_there(file: Path, part: dict[str, Any]) -> bool:
    if not file.is_file() or file.stat().st_size != part["size"]:
        return False
    with file.open("rb") as stream:
        return sum_of(stream) == str(part["sha256"])


def _write(bundle: zipfile.ZipFile, name: str, sha256: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.part")
    total = hashlib.sha256()
    try:
        with bundle.open(name) as source, half.open("wb") as target:
            while chunk := source.read(CHUNK):
                total.update(chunk)
                target.write(chunk)
    except (KeyError, zipfile.BadZipFile, EOFError) as error:
        raise UnpackError(f"{name} in the bundle cannot be read: {error}. Copy the bundle again.") from error
    if total.hexdigest() != sha256:
        half.unlink()
        raise UnpackError(f"{name} in the bundle is damaged. Copy the bundle again.")
    half.replace(file)


def lay_out(folder: Path) -> Path:
    """Unpack the course's files, and return its folder; the learner's own files in it stay.

    Raises:
        UnpackError: the archive has something in it that is not a file of the course.
    """
    course = folder / "drydock"
    _extract(folder / "course.tar", course)
    if (folder / "pages.tar").is_file():
        _extract(folder / "pages.tar", folder / "pages")
    images = folder / "images"
    if images.is_dir():
        (course / "bundles").mkdir(exist_ok=True)
        for file in images.iterdir():
            # `lab start` loads a missing image from here.
            target = course / "bundles" / file.name
            if not target.exists() or target.stat().st_size != file.stat().st_size:
                _link(file, target)
    return course


def _extract(file: Path, folder: Path) -> None:
    with tarfile.open(file) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if not member.isreg() or path.is_absolute() or ".." in path.parts or "\\" in member.name:
                raise UnpackError(f"{file.name} has {member.name!r}, which must not be unpacked.")
            source = archive.extractfile(member)
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            half = target.with_name(f".{target.name}.part")
            with half.open("wb") as stream:
                shutil.copyfileobj(source, stream)  # type: ignore[arg-type]
            half.chmod(0o755 if member.mode & stat.S_IXUSR else 0o644)
            half.replace(target)


def _link(file: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, target)


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which pip takes packages from the bundle alone."""
    wheels = folder / "wheels"
    # pip splits this at spaces, so a path with a space is written as an address.
    named = str(wheels) if " " not in str(wheels) else wheels.as_uri()
    return {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": named}


def say(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def main(words: list[str] | None = None, bundle: Path | None = None) -> int:
    """Make this machine ready, and return an exit code."""
    parser = argparse.ArgumentParser(description="Make this machine ready for the course, without a network.")
    parser.add_argument(
        "folder", nargs="?", default="drydock-course", help="where to put it; drydock-course if left out"
    )
    parser.add_argument("--verify", action="store_true", help="only compare the bundle with its checksums")
    parser.add_argument("--no-images", action="store_true", help="do not load images into an engine now")
    args = parser.parse_args(words)
    if sys.version_info < OLDEST:
        say("This needs Python 3.11 or newer.")
        return 3
    try:
        with zipfile.ZipFile(bundle or Path(sys.argv[0])) as opened:
            if args.verify:
                say(f"The bundle is whole: {verify(opened)} parts.")
                return 0
            folder = Path(args.folder).expanduser().absolute()
            unpack(opened, folder)
        course = lay_out(folder)
    except (UnpackError, zipfile.BadZipFile, tarfile.TarError) as error:
        say(f"{error}")
        return 3
    except KeyboardInterrupt:
        say("Interrupted; the same command goes on.")
        return 130
    except OSError as error:
        say(f"The bundle cannot be unpacked: {error}.")
        return 3
    return _prepare(course, folder, load=not args.no_images)


def _prepare(course: Path, folder: Path, *, load: bool) -> int:
    lab = [sys.executable, str(course / "lab")]
    done = subprocess.run([*lab, "version"], env=environment(folder), cwd=course, check=False)
    if done.returncode:
        say(
            "The packages could not be installed from the bundle. Does it have this machine's platform and Python?"
        )
        return 3
    code = 0
    for file in sorted((folder / "images").glob("*.tar*")) if load else []:
        say(f"loading {file.name} into the engine")
        code = subprocess.run(
            [*lab, "images", "load", str(file)], env=environment(folder), cwd=course, check=False
        ).returncode
        if code:
            say("The images were not loaded. `lab start` loads them when the engine runs.")
    name = "py lab" if os.name == "nt" else "./lab"
    into = subprocess.list2cmdline([str(course)]) if os.name == "nt" else shlex.quote(str(course))
    say(f"\nThe course is in {course}. Next:\n  cd {into}\n  {name} up")
    return code


if __name__ == "__main__":
    sys.exit(main())
