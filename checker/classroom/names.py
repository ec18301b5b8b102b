"""Names and texts that come from learners: what is allowed in them, and how they are made harmless."""

from __future__ import annotations

import re
import unicodedata

from checker.errors import LabError

MOST_NAME = 80
"""How long a learner's name may be, in characters."""

MOST_PATH = 200
"""How long the path of a file that is handed in may be, in characters."""

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that change how other text is shown, or show nothing: controls, right-to-left marks, private use."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
"""What a terminal obeys: control sequences and operating system commands (ECMA-48, 5.4 and 8.3.89)."""

_WINDOWS = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def plain(text: str, most: int) -> str:
    """Return a text on one line without anything that a terminal or a page would obey, cut to a length.

    Args:
        text: the text.
        most: the most characters to keep.
    """
    # The first cut bounds the work on a text of megabytes.
    shown = _ESCAPES.sub("", text[: 4 * most])
    shown = "".join(" " if each in "\n\t\r" else each for each in shown)
    shown = "".join(each for each in shown if unicodedata.category(each) not in _INVISIBLE)
    return " ".join(unicodedata.normalize("NFC", shown).split())[:most]


def learner(name: str) -> str:
    """Return a learner's name as it is shown everywhere.

    Raises:
        LabError: nothing of it can be shown.
    """
    shown = plain(name, MOST_NAME)
    if not shown:
        raise LabError("The name is empty.", remedy="Give a name that the teacher knows: --name 'Ada L'")
    return shown


def key(name: str) -> str:
    """Return what two spellings of one name have in common, to find the same name typed twice."""
    return unicodedata.normalize("NFKC", plain(name, MOST_NAME)).casefold()


def file_part(name: str) -> str:
    """Return a part of a file's name that tells whose it is; a name without letters or digits gives `learner`."""
    kept = "".join(each if each.isalnum() else "-" for each in key(name))
    return kept.strip("-")[:40] or "learner"


def why_unsafe(path: str) -> str:
    """Return why a path in an archive must not be written, empty if it may; Windows' rules hold everywhere."""
    if not path or len(path) > MOST_PATH:
        return f"a file's name is empty or longer than {MOST_PATH} characters"
    if any(unicodedata.category(each) in _INVISIBLE for each in path):
        return "a file's name has characters that cannot be seen"
    if path.startswith("/") or "\\" in path or ":" in path:
        return f"the name {path} leads out of the folder"
    parts = path.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        return f"the name {path} leads out of the folder"
    if any(_WINDOWS.match(part) or part[-1] in ". " for part in parts):
        return f"the name {path} means a device on Windows"
    return ""


def cell(text: str) -> str:
    """Return a text as a cell of a spreadsheet that cannot become a formula (OWASP, CSV Injection)."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
