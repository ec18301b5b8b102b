"""The learners of a class on a cluster: the names that they sign in with, and a passcode for each."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
import secrets
import unicodedata
from typing import TYPE_CHECKING

import msgspec

from checker import whole
from checker.classroom.protocol import new_code
from checker.errors import LabError, MisuseError, not_written

if TYPE_CHECKING:
    from pathlib import Path

MOST = 1_000
"""How many learners one class has at most; docs/classroom/cluster.md says why more need several hubs."""

NAME_LETTERS = 40
"""How long a name is at most: the hub puts it into names of pods and volumes, which have 63 letters."""


class Learner(msgspec.Struct, frozen=True, kw_only=True):
    """One learner, as the teacher's machine keeps them."""

    name: str
    """As the list has it."""
    user: str
    """What they sign in with."""
    passcode: str


def listed(text: str) -> list[str]:
    """Return the names of a list: one in a line, or the first column of a CSV file whose heading is `name`."""
    rows = [row for row in csv.reader(text.lstrip("\ufeff").splitlines()) if row and row[0].strip()]
    names = [row[0].strip() for row in rows if not row[0].lstrip().startswith("#")]
    return names[1:] if names and names[0].lower() == "name" else names


def names_from(said: str, file: Path) -> list[str]:
    """Return the learners' names that `--learners` means: a file with a list, or how many there are.

    Args:
        said: what was typed.
        file: the same as a path.

    Raises:
        MisuseError: it is neither, there is nobody, or there are too many.
    """
    if said.isdecimal():
        names = [f"learner-{number:02}" for number in range(1, min(int(said), MOST + 1) + 1)]
    else:
        try:
            names = listed(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise MisuseError(
                f"The list of learners {file} cannot be read: {getattr(error, 'strerror', None) or error}.",
                remedy="Name a text file with one name in a line, or say how many learners there are: --learners 30",
            ) from error
    if not 1 <= len(names) <= MOST:
        raise MisuseError(f"A class has 1 to {MOST} learners, and this list has {len(names)}.")
    return names


def user_of(name: str) -> str:
    """Return what somebody signs in with: the name in small letters, digits and hyphens; empty if nothing remains."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:NAME_LETTERS].strip("-")


def enrol(names: list[str], before: list[Learner]) -> list[Learner]:
    """Return the learners of a class; a learner who had a passcode keeps it.

    Two people of one name, and names without a Latin letter, get a number.

    Args:
        names: the names of the list.
        before: the learners that the class had.
    """
    kept: dict[str, list[Learner]] = {}
    for each in before:
        kept.setdefault(each.name, []).append(each)
    # A learner who is left out of the list for a day keeps their user: nobody else may get their seat.
    taken = {each.user for each in before}
    found: list[Learner] = []
    for name in names:
        if kept.get(name):
            found.append(kept[name].pop(0))
        else:
            stem = user_of(name) or "learner"
            tries = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 2 * MOST + 2))
            user = next(each for each in tries if each not in taken)
            taken.add(user)
            found.append(Learner(name=name, user=user, passcode=_passcode()))
    return found


def _passcode() -> str:
    """Return a code in two halves. It has 40 bits, and each guess costs the hub a scrypt of 16 MB."""
    letters = new_code()
    return f"{letters[:4]}-{letters[4:]}"


def hashed(learners: list[Learner]) -> dict[str, dict[str, str]]:
    """Return what the hub knows of the learners: a salt and the scrypt of each passcode, by user."""
    found = {}
    for each in learners:
        salt = secrets.token_bytes(16)
        key = hashlib.scrypt(each.passcode.encode(), salt=salt, n=2**14, r=8, p=1)
        found[each.user] = {"salt": base64.b64encode(salt).decode(), "hash": base64.b64encode(key).decode()}
    return found


def read(file: Path) -> list[Learner]:
    """Return the learners that a file keeps; none if there is no file.

    Raises:
        LabError: it cannot be read. The passcodes in it are written nowhere else, so it is not replaced.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Learner])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        raise LabError(
            f"The learners' passcodes in {file} cannot be read: {error}.",
            remedy="Repair the file, or remove it: then every learner gets a new passcode.",
        ) from error


def keep(file: Path, learners: list[Learner]) -> None:
    """Keep the learners in a file that nobody else on this machine can read.

    Raises:
        LabError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(file, msgspec.json.encode(learners), mode=0o600)
    except OSError as error:
        raise not_written(file, error) from error
