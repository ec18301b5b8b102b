"""The terminal's library, as the page loads it: which packages of npm it comes from, with versions and hashes.

`python -m checker.live.vendored` fetches the packages that the list names, compares them with their hashes, and writes
the files. To move to another version, change it in `docs/assets/live/vendor/packages.json`, run the command with
`--accept`, read the package's changelog, and run the tests of tests/browser/live.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from checker.errors import LabError

HOME = Path(__file__).resolve().parents[2] / "docs/assets/live/vendor"
LIST = "packages.json"
FETCH_SECONDS = 120.0


def packages(folder: Path = HOME) -> list[dict[str, Any]]:
    """Return the packages, each with its name, version, licence, hash, and the files that were taken from it."""
    found: list[dict[str, Any]] = json.loads((folder / LIST).read_text("utf-8"))
    return found


def integrity(data: bytes) -> str:
    """Return the hash of a package or a file as npm writes it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def changed(folder: Path = HOME) -> list[str]:
    """Return the names of files that are not what the list says."""
    return [
        file["name"]
        for package in packages(folder)
        for file in package["files"]
        if not (folder / file["name"]).is_file()
        or integrity((folder / file["name"]).read_bytes()) != file["integrity"]
    ]


def update(folder: Path = HOME, *, accept: bool = False) -> None:
    """Fetch every package with npm and write its files.

    Args:
        folder: where the list and the files are.
        accept: write down the hashes of what was fetched, instead of comparing with them.

    Raises:
        LabError: npm failed, or a package is not the one that the list names.
    """
    found = packages(folder)
    with tempfile.TemporaryDirectory() as scratch:
        for package in found:
            _take(package, folder, Path(scratch), accept=accept)
    (folder / LIST).write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def _take(package: dict[str, Any], folder: Path, scratch: Path, *, accept: bool) -> None:
    name = f"{package['name']}@{package['version']}"
    done = subprocess.run(
        ["npm", "pack", "--silent", name],
        cwd=scratch,
        capture_output=True,
        text=True,
        timeout=FETCH_SECONDS,
        check=False,
    )
    if done.returncode:
        raise LabError(f"npm could not fetch {name}.", detail=done.stderr.strip())
    archive = (scratch / done.stdout.strip().splitlines()[-1]).read_bytes()
    if not accept and integrity(archive) != package["integrity"]:
        raise LabError(f"{name} has another hash than {LIST} says.", remedy="Find out why before you use it.")
    package["integrity"] = integrity(archive)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for file in package["files"]:
            member = opened.extractfile(f"package/{file['from']}")
            if member is None:
                raise LabError(f"{name} has no file {file['from']}.")
            data = member.read()
            (folder / file["name"]).write_bytes(data)
            file["integrity"] = integrity(data)


def main() -> int:
    """Write the files again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--accept", action="store_true", help="write down the hashes of what was fetched")
    args = parser.parse_args()
    update(accept=args.accept)
    print(f"wrote {sum(len(package['files']) for package in packages())} files in {HOME}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
