"""The rented machine: the learner's contexts that lead to it, its open ports, and where a private key lies on it."""

from __future__ import annotations

import json
import shlex
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from checker.grading.author import could_not_run, fail, forms, require

if TYPE_CHECKING:
    from checker.grading.author import Lab

NAME = "rented"
ASK_SECONDS = 15.0
ACCESS = "/rented"
KEYS = {"the SSH key": f"{ACCESS}/ssh/id_ed25519", "the key of the TLS context": f"{ACCESS}/tls/key.pem"}
CACHE = "the build cache"
DISK = "/var/lib/docker"
SEARCH_SECONDS = 60.0


class Context(NamedTuple):
    """A context of the learner's `docker`."""

    name: str
    host: str
    checks_server: bool
    """Over TLS: whether it has a `ca`, and uses it."""
    files: tuple[str, ...]

    @property
    def over_ssh(self) -> bool:
        """Whether it logs in to a machine."""
        return self.host.startswith("ssh://")


class Leak(NamedTuple):
    """A copy of a private key."""

    what: str
    where: str
    shown_by: str
    """The command that shows the place."""


class Rented:
    """The machine.

    Args:
        lab: the lab.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def run(self, command: str, seconds: float = ASK_SECONDS) -> str:
        """Run a command on the machine itself, and return what it printed."""
        return str(self.lab.node(NAME).exec(command, seconds).stdout)

    def ask(self, path: str, **filters: list[str]) -> Any:
        """Return an answer of its engine, only for what the filters let through."""
        words = f"?filters={quote(json.dumps(filters))}" if filters else ""
        address = shlex.quote(f"http://engine{path}{words}")
        try:
            return json.loads(self.run(f"curl -s -m 10 --unix-socket /run/docker.sock {address}"))
        except ValueError:
            could_not_run("The engine of the rented machine does not answer. `lab start 17` starts it again.")

    @cached_property
    def id(self) -> str:
        """The id of its engine."""
        return str(self.ask("/info")["ID"])

    # -- the ways in -----------------------------------------------------------------------------------------------

    @cached_property
    def contexts(self) -> list[Context]:
        """The contexts for an engine elsewhere; first those of which the learner may expect the most."""
        said = self.lab.node("toolbox").exec(
            "docker context ls --quiet | xargs docker context inspect", ASK_SECONDS
        )
        try:
            records = json.loads(said.stdout)
        except ValueError:
            could_not_run(f"`docker context ls` in the toolbox says: {said.stderr or said.stdout}")
        found = []
        for record in records:
            end = record["Endpoints"].get("docker") or {}
            host = str(end.get("Host", ""))
            files = tuple((record.get("TLSMaterial") or {}).get("docker") or ())
            checks_server = "ca.pem" in files and not end.get("SkipTLSVerify")
            # A name in ~/.ssh/config may lead to the machine as well, so only the engine that answers says which it is.
            if urlsplit(host).scheme not in {"", "unix"}:
                found.append(Context(record["Name"], host, checks_server, files))
        return sorted(
            found, key=lambda each: (not each.checks_server, -len(each.files), NAME not in each.host)
        )

    def require_reached(self, scheme: str, way: str, hint: str) -> Context:
        """Require a context of a scheme through which the engine answers, and return it.

        Args:
            scheme: `ssh` or `tcp`.
            way: its name in a sentence.
            hint: where to look.
        """
        mine = [each for each in self.contexts if each.over_ssh == (scheme == "ssh")]
        require(
            mine,
            f"No context leads to the rented machine over {way}.",
            expected=f"a context with the host {scheme}://{NAME}{':2376' if scheme == 'tcp' else ''}",
            seen=", ".join(f"{each.name}: {each.host}" for each in self.contexts)
            or "no context leads to another machine",
            source="docker context ls",
            hint=hint,
        )
        answers = []
        for context in mine:
            answers.append(self._ask_through(context))
            if answers[-1] == self.id:
                return context
        first = mine[0]
        fail(
            f"The context `{first.name}` leads to {first.host}, and the engine of the rented machine does not answer "
            "through it.",
            expected=f"the engine's id, {self.id}",
            seen=answers[0],
            source=f"docker --context {first.name} info --format '{{{{.ID}}}}'",
            hint=hint,
        )
        return None

    def _ask_through(self, context: Context) -> str:
        """Return the id of the engine that answers through a context, or why none does."""
        command = f"docker --context {shlex.quote(context.name)} info --format '{{{{.ID}}}}'"
        said = self.lab.node("toolbox").exec(f"timeout 10 {command}", ASK_SECONDS)
        lines = (said.stdout.strip() or said.stderr.strip()).splitlines()
        return lines[-1] if lines else "no answer within 10 s"

    def require_recognised(self, context: Context) -> None:
        """Require that SSH, on the way of a context, refuses a machine that has another key than the one it knows."""
        host = shlex.quote(urlsplit(context.host).hostname or "")
        said = self.lab.node("toolbox").exec(f"ssh -G {host}", ASK_SECONDS).stdout
        settings = dict(line.partition(" ")[::2] for line in said.splitlines())
        strict, known = settings.get("stricthostkeychecking"), settings.get("userknownhostsfile")
        require(
            strict not in {"false", "no", "off"} and (strict, known) != ("accept-new", "/dev/null"),
            f"The context `{context.name}` reaches the machine, and `ssh` takes any other for it: it does not compare the "
            "machine's key with the one that the provider gave you. Any machine that answers in its place gets your commands.",
            expected="StrictHostKeyChecking yes, which is usual, and a file with the machine's key",
            seen=f"StrictHostKeyChecking {strict}, UserKnownHostsFile {known}",
            source=f"ssh -G {host} | grep -i hostkeychecking",
            hint="Lesson, “In by SSH”: which file has the machine's own public key, and which line names it?",
        )

    def open_to_all(self) -> dict[int, str]:
        """Return the ports at which the engine answers without a certificate, and with which protocol."""
        listens = "ss -Hltn | awk '$4 !~ /^127\\./ && $4 !~ /^\\[::1\\]/ { sub(/.*:/, \"\", $4); print $4 }' | sort -un"
        ports = [int(port) for port in self.run(listens).split() if port != "22"]
        ask = "; ".join(
            f"for way in http https; do curl -sk -m 3 -o /dev/null -D - $way://{NAME}:{port}/_ping "
            f"| grep -qi '^api-version:' && echo {port} $way; done"
            for port in ports
        )
        said = self.lab.node("prober").exec(ask or ":", ASK_SECONDS + 6 * len(ports)).stdout
        return {int(port): way for port, way in (line.split() for line in said.splitlines())}

    def accepted(self, container: str) -> int:
        """Return how many connections the programs of a running container have accepted since it started."""
        pid = self.ask(f"/containers/{container}/json")["State"]["Pid"]
        said = self.run(f"awk '/^Tcp:/ {{ count = $7 }} END {{ print count }}' /proc/{pid}/net/snmp").strip()
        return int(said) if said.isdecimal() else 0

    # -- private keys ----------------------------------------------------------------------------------------------

    def leaks(self) -> list[Leak]:
        """Return which private key lies where on the machine."""
        # The scene's own folder with the keys is on the machine as well: a container that mounts it can read them.
        found = [
            Leak(
                "the private keys",
                f"the container `{each['Names'][0].lstrip('/')}`, as a mount",
                f"docker --context … inspect {each['Id'][:12]}",
            )
            for each in self.ask("/containers/json?all=1")
            if any(str(mount.get("Source", "")).startswith(ACCESS) for mount in each["Mounts"])
        ]
        since = shlex.quote(self.lab.node(NAME).created)
        for what, needles in self._needles().items():
            patterns = " ".join(f"-e {shlex.quote(each)}" for each in needles)
            # A running container's files are seen in `merged` again. Of the machine's own files, those that its image
            # does not have: a program that writes one cannot set the time at which its inode changed.
            said = self.run(
                f"{{ cd {DISK} && grep -rlaF --exclude-dir=merged {patterns} overlay2 volumes containers image buildkit; "
                f"find / -xdev -type f -newerct {since} -exec grep -laF {patterns} {{}} +; }} 2> /dev/null",
                SEARCH_SECONDS,
            )
            found += [Leak(what, *self._place(path)) for path in said.splitlines()]
        # What was sent for a build lies in its cache as well; where it came to is what the learner knows by name.
        return sorted(found, key=lambda each: each.where == CACHE)

    def _needles(self) -> dict[str, list[str]]:
        """Return for each key how a line of it may be written."""
        needles = {}
        for what, file in KEYS.items():
            text = self.lab.node("toolbox").exec(f"cat {file}", ASK_SECONDS).stdout
            lines = [line for line in text.splitlines() if line and not line.startswith("---")]
            if not lines:
                could_not_run(f"{file} cannot be read in the toolbox. `lab reset 17` makes the scene again.")
            # All keys of a kind begin alike; a line near the end is this one's own.
            line = lines[-2] if len(lines) > 1 else lines[0]
            needles[what] = [each.decode() for each in forms(line) if b"\0" not in each]
        return needles

    def _place(self, path: str) -> tuple[str, str]:
        """Return what a file on the disk, or below the engine's folder, belongs to, and the command that shows it."""
        kind, _, rest = path.partition("/")
        name = rest.split("/")[0]
        if kind == "volumes":
            return f"the volume `{name}`", f"docker --context … volume inspect {name}"
        if kind == "containers":
            container = self._container_names.get(name, name[:12])
            return f"the settings of the container `{container}`", f"docker --context … inspect {container}"
        if kind == "overlay2":
            owners = [owner for layer, owner in self._layers if layer == name]
            return owners[0] if owners else (CACHE, "docker --context … buildx du")
        if kind == "image":
            return (
                "an image's settings",
                "docker --context … image inspect, for each of `docker --context … images`",
            )
        if kind == "buildkit":
            return CACHE, "docker --context … buildx du"
        return f"the file {path} of the machine", f"ssh {NAME} ls -l {shlex.quote(path)}"

    @cached_property
    def _container_names(self) -> dict[str, str]:
        return {each["Id"]: each["Names"][0].lstrip("/") for each in self.ask("/containers/json?all=1")}

    @cached_property
    def _layers(self) -> list[tuple[str, tuple[str, str]]]:
        """The layers of the disk, and to what each belongs; a container's own come first."""
        layers = []
        for number, name in self._container_names.items():
            data = self.ask(f"/containers/{number}/json")["GraphDriver"]["Data"] or {}
            shown_by = f"docker --context … diff {name}"
            layers += [
                (each, (f"the container `{name}`", shown_by)) for each in _folders(data.get("UpperDir"))
            ]
        for each in self.ask("/images/json"):
            record = self.ask(f"/images/{each['Id']}/json")
            data = record["GraphDriver"]["Data"] or {}
            name = (record.get("RepoTags") or [record["Id"][7:19]])[0]
            place = f"the image `{name}`", f"docker --context … history {name}"
            layers += [(each, place) for each in _folders(data.get("UpperDir"), data.get("LowerDir"))]
        return layers


def _folders(*paths: str | None) -> list[str]:
    """Return the names of the layers' folders in an engine's lists of paths."""
    listed = ":".join(filter(None, paths)).split(":")
    return [path.removesuffix("/diff").rpartition("/")[2] for path in listed]
