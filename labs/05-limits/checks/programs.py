"""The four programs, and what the checker itself sees of them in a container and in the virtual machine."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import posixpath
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.course import places
from checker.grading.author import Process, could_not_run, runs, wait_until

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

NAMES = ("ledger", "seal", "flood", "clock")
PORTS = {"ledger": 7001, "flood": 7003, "clock": 7004}
RIGHT = {"ledger": "container", "seal": "neither", "flood": "vm", "clock": "vm"}
"""Where each belongs, wherever a container's kernel and processor are not by chance what the program asks for."""

TRY_SECONDS = 30.0
"""How long a program may take to end, or to say that it serves; on a crowded machine, a container starts within 12 s."""
NOTHING = hashlib.sha256(b"").hexdigest()
SSH_SECONDS = 50.0
"""How long a command in the virtual machine may take; 0.3 s measured, emulated, and over 20 s on a crowded machine."""


# One session tells everything, for a session with an emulated machine takes a quarter of a second. Of a process, the
# files that its command names are looked at: for a script, that is the script; a module's name has no ending.
_REPORT = r"""
uname -r
cat /proc/sys/kernel/random/boot_id
ls -l /proc/[0-9]*/fd 2> /dev/null > /tmp/check-files
for port in PORTS; do
    socket=$(awk -v end=":$(printf %04X $port)\$" '$4 == "0A" && $2 ~ end { print $10; exit }' /proc/net/tcp /proc/net/tcp6)
    [ -n "$socket" ] || continue
    pid=$(awk -v socket="socket:[$socket]" -F / '/^.proc/ { pid = $3 } index($0, socket) { print pid; exit }' /tmp/check-files)
    cd "/proc/$pid/cwd" || continue
    state=$(awk '/^State:/ { print $2, $3 }' "/proc/$pid/status")
    printf 'process\t%s\t%s\t%s\t%s\n' "$port" "$(pwd -P)" "$state" "$(tr '\0\n\t' '\t  ' < "/proc/$pid/cmdline")"
    tr '\0' '\n' < "/proc/$pid/cmdline" | while read -r word; do
        for file in "$word" "$word.py"; do
            # Its root need not be that of the system.
            case $file in /*) there=/proc/$pid/root$file ;; *) there=$file ;; esac
            [ ! -f "$there" ] || printf 'file\t%s\t%s\t%s\n' "$port" "$(sha256sum < "$there" | cut -d ' ' -f 1)" "$file"
        done
    done
done
rm -f /tmp/check-files
"""

# Wherever somebody has put it: few files have the size of a program to the byte, so few are read.
_LYING = r"""
find / /tmp /run /dev/shm -xdev -type f -size SIZEc 2> /dev/null | while read -r file; do
    case $(sha256sum < "$file" | cut -d ' ' -f 1) in
        DIGEST)
            [ -x "$file" ] && mode=x || mode=-
            printf '%s\t%s\t%s\n' "$mode" "$file" "$(awk '!/^-*$/ { last = $0 } END { print last }' "$file.log" 2> /dev/null)"
            name=${file##*/}
            for line in $(grep -lF -e "${name%.py}" /proc/[0-9]*/cmdline 2> /dev/null); do
                pid=${line%/cmdline}
                printf 'process\t%s\t%s\t%s\t%s\n' "$file" "$(readlink "$pid/cwd")" "$(cat "$pid/comm")" \
                    "$(tr '\0\n\t' '\t  ' < "$line")"
            done
            ;;
    esac
done
"""


@dataclass(frozen=True)
class Listener:
    """A process that listens in the virtual machine."""

    process: Process
    files: dict[str, str]
    """The files that its command names, with their SHA-256."""
    state: str = ""
    """What it does, as its kernel calls it: `S (sleeping)`, `T (stopped)`."""

    def is_unchanged(self, digest: str) -> bool:
        """Whether it runs a file with this SHA-256."""
        return any(
            found == digest
            and runs(self.process, posixpath.normpath(posixpath.join(self.process.folder, file)))
            for file, found in self.files.items()
        )


@dataclass(frozen=True)
class Report:
    """What the virtual machine says of itself."""

    kernel: str
    boot: str
    """What its kernel calls this run of itself."""
    listeners: dict[int, Listener]
    """By port, the process that listens there."""


@dataclass(frozen=True)
class Lying:
    """A program's file that is in the virtual machine, running or not."""

    path: str
    executable: bool
    log: str
    """The last line of the log beside it, if that tells why it ended."""
    process: Process | None = None
    """The process that runs it, if one does."""


def read_lying(text: str) -> list[Lying]:
    """Read what the virtual machine says of a program's files, and of the processes that may run them."""
    found: dict[str, Lying] = {}
    for line in text.splitlines():
        kind, path, *rest = [*line.split("\t"), "", ""]
        if kind in {"x", "-"} and path:
            log = rest[0]
            found[path] = Lying(path, kind == "x", "" if "serving on port" in log else log)
        elif kind == "process" and path in found and len(rest) > 2:
            folder, title, *words = rest
            process = Process(0, 0, title, folder, tuple(word for word in words if word))
            if runs(process, path):
                found[path] = dataclasses.replace(found[path], process=process)
    return list(found.values())


@dataclass(frozen=True)
class Seen:
    """How a program did in a container of its image, started as it comes."""

    runs: bool
    output: str


class Programs:
    """What the checker finds out about the programs on this machine; kept while kernel and images are the same.

    Args:
        lab: the lab.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._tried: set[str] = set()

    # -- the machine ---------------------------------------------------------------------------------------

    @cached_property
    def toolbox(self) -> Container:
        """Where commands are given."""
        return self.lab.node("toolbox")

    @cached_property
    def kernel(self) -> str:
        """The release of the kernel that all containers share."""
        return self.toolbox.exec("uname -r").stdout.strip()

    @cached_property
    def boot(self) -> str:
        """What that kernel calls this run of itself."""
        return self.toolbox.exec("cat /proc/sys/kernel/random/boot_id").stdout.strip()

    @property
    def sockets(self) -> list[str]:
        """Where the machine has the engine's socket, which the toolbox was given."""
        return [
            str(mount["Source"])
            for mount in self.toolbox.mounts
            if str(mount.get("Destination", "")).endswith("docker.sock")
        ]

    @cached_property
    def report(self) -> Report:
        """What the virtual machine says of itself."""
        lines = self.in_vm(_REPORT.replace("PORTS", " ".join(map(str, PORTS.values())))).splitlines()
        if len(lines) < 2 or not lines[1].count("-"):
            could_not_run(
                f"The virtual machine does not answer by ssh; `lab start {int(self.lab.number)}` repairs it."
            )
        listeners: dict[int, Listener] = {}
        for line in lines[2:]:
            kind, port, first, *rest = [*line.split("\t"), "", "", ""]
            if kind == "process":
                words = tuple(word for word in rest[1:] if word)
                listeners[int(port)] = Listener(Process(0, 0, "", first, words), {}, rest[0])
            elif kind == "file" and int(port) in listeners:
                listeners[int(port)].files[rest[0]] = first
        return Report(lines[0].strip(), lines[1].strip(), listeners)

    def lying(self, name: str) -> Lying | None:
        """Return where a program is in the virtual machine, unchanged; None when it is not there.

        Of several, one that runs is preferred.
        """
        script = _LYING.replace("DIGEST", self.digest(name)).replace("SIZE", str(self.size(name)))
        found = read_lying(self.in_vm(script))
        return next((each for each in found if each.process), found[0] if found else None)

    def around_the_guest(self, name: str) -> str:
        """Return where a program is in the container around the virtual machine, unchanged; empty when it is not there."""
        said = self.lab.node("vm").exec(
            f"find / -xdev -type f -size {self.size(name)}c -exec sha256sum {{}} + 2> /dev/null; true",
            TRY_SECONDS,
        )
        found = (line.split(maxsplit=1) for line in said.stdout.splitlines())
        return next((path for digest, path in found if digest == self.digest(name)), "")

    def look_again(self) -> None:
        """Forget what the virtual machine said of itself: since then, something has changed there."""
        self.__dict__.pop("report", None)

    def in_vm(self, script: str) -> str:
        """Run a script in the virtual machine and return what it printed, errors included."""
        word = "'" + script.replace("'", "'\\''") + "'"
        return self.toolbox.exec(f"ssh -o ConnectTimeout=5 vm {word} 2>&1 < /dev/null", SSH_SECONDS).stdout

    # -- the programs --------------------------------------------------------------------------------------

    def image(self, name: str) -> str:
        """Return the image of a program."""
        return f"drydock/limits:{name}"

    def image_id(self, name: str) -> str:
        """Return the digest of a program's image."""
        return str((self.lab.image(self.image(name)) or {}).get("Id"))

    def seen(self, name: str, *, again: bool = False) -> Seen:
        """Return how a program does in a container.

        Args:
            name: the program.
            again: try it in this run, whatever is known: the machine's kernel may have been given a module, or a translator.
        """
        kept = self._kept("seen", name)
        if kept is None or (again and name not in self._tried):
            kept = self._try(name)
            self._tried.add(name)
            self._keep(kept, "seen", name)
        return Seen(bool(kept["runs"]), str(kept["output"]))

    def _try(self, name: str) -> dict[str, Any]:
        box = self.lab.run(self.image(name))
        try:
            done = wait_until(lambda: not box.reload().running or "serving" in box.logs(20), TRY_SECONDS)
            if not done:
                could_not_run(
                    f"A container of {self.image(name)} was started to see how it does there, and in {TRY_SECONDS:.0f} s it neither "
                    "ended nor said that it serves. Check again when this machine has less to do."
                )
            # seal prints its number and ends: that is success, and the exit code says so.
            runs = box.running or box.exit_code == 0
            return {"runs": runs, "output": box.logs(20).strip()}
        finally:
            box.remove()

    def in_the_vm(self, name: str) -> str:
        """Return what a program says that is copied into the virtual machine and started there."""
        # Not kept: what it finds there can change.
        there = f"/tmp/check-{name}"  # noqa: S108 - in the guest
        self.toolbox.exec(f"{self._copy(name)} | ssh vm 'cat > {there} && chmod 755 {there}'", SSH_SECONDS)
        said = self.in_vm(f"timeout 5 bash -c 'exec {there}'; rm -f {there}")
        return said.strip().replace(there, name)

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a program as it came."""
        return str(self._measured(name)["digest"])

    def size(self, name: str) -> int:
        """Return the bytes of a program as it came."""
        return int(self._measured(name)["size"])

    def _measured(self, name: str) -> dict[str, Any]:
        kept = self._kept("digest", name)
        if kept is None:
            there = "/tmp/check-copy"  # noqa: S108 - in the toolbox
            said = self.toolbox.exec(
                f"{self._copy(name)} > {there}; sha256sum < {there}; wc -c < {there}; rm -f {there}",
                SSH_SECONDS,
            ).stdout
            digest, _, size, *_ = [*said.split(), "", "", ""]
            if digest in {"", NOTHING}:
                could_not_run(f"{name} could not be read from its image, {self.image(name)}. Check again.")
            kept = {"digest": digest, "size": int(size)}
            self._keep(kept, "digest", name)
        return kept

    def _copy(self, name: str) -> str:
        """Return a command that writes a program to its output; some of the images have nothing to do that with."""
        return (
            f"( id=$(docker create --label io.drydock.role=checker {self.image(name)})"
            f" && docker cp -q $id:/usr/local/bin/{name} - | tar -xO; docker rm -f $id > /dev/null )"
        )

    # -- keeping -------------------------------------------------------------------------------------------

    def _file(self, what: tuple[str, ...]) -> Path:
        digest = hashlib.sha256(Path(__file__).read_bytes())
        digest.update(json.dumps([*what, self.boot, *map(self.image_id, NAMES)]).encode())
        return places.find().state / "cache" / "05" / digest.hexdigest()[:32]

    def _kept(self, *what: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._file(what).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found

    def _keep(self, facts: dict[str, Any], *what: str) -> None:
        file = self._file(what)
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(facts), "utf-8")
