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
KEYS = {"the SSH key": "/rented/ssh/id_ed25519", "the key of the TLS context": "/rented/tls/key.pem"}
CACHE = "the build cache"
DISK = "/var/lib/docker"
SEARCH_SECONDS = 60.0


class Context(NamedTuple):
    """A context of the learner's `docker`."""

    name: str
    host: str
    checks_server: bool
    files: tuple[str, ...]


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
        """The contexts that lead to the machine."""
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
            if urlsplit(host).hostname == NAME:
                files = tuple((record.get("TLSMaterial") or {}).get("docker") or ())
                found.append(Context(record["Name"], host, not end.get("SkipTLSVerify"), files))
        return found

    def require_reached(self, scheme: str, way: str, hint: str) -> Context:
        """Require a context of a scheme through which the engine answers, and return it.

        Args:
            scheme: `ssh` or `tcp`.
            way: its name in a sentence.
            hint: where to look.
        """
        mine = [each for each in self.contexts if each.host.startswith(f"{scheme}://")]
        require(
            mine,
            f"No context leads to the rented machine over {way}.",
            expected=f"a context with the host {scheme}://{NAME}{':2376' if scheme == 'tcp' else ''}",
            seen=", ".join(f"{each.name}: {each.host}" for each in self.contexts)
            or "no context leads to rented",
            source="docker context ls",
            hint=hint,
        )
        # The one that would pass is judged last, so that its reason is the one that the learner reads.
        for context in sorted(mine, key=lambda each: len(each.files)):
            shown = f"docker --context {context.name} info --format '{{{{.ID}}}}'"
            said = self.lab.node("toolbox").exec(
                f"timeout 10 docker --context {shlex.quote(context.name)} info --format '{{{{.ID}}}}'",
                ASK_SECONDS,
            )
            if said.stdout.strip() == self.id:
                return context
        lines = (said.stderr or said.stdout).strip().splitlines()
        fail(
            f"The context `{context.name}` leads to {context.host}, and the engine of the rented machine does not answer "
            "through it.",
            expected=f"the engine's id, {self.id}",
            seen=lines[-1] if lines else "no answer",
            source=shown,
            hint=hint,
        )
        return None

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

    # -- private keys ----------------------------------------------------------------------------------------------

    def leaks(self) -> list[tuple[str, str]]:
        """Return which private key lies where on the machine."""
        found = []
        for what, needles in self._needles().items():
            patterns = " ".join(f"-e {shlex.quote(each)}" for each in needles)
            # A running container's files are seen in `merged` again.
            said = self.run(
                f"cd {DISK} && grep -rlaF --exclude-dir=merged {patterns} overlay2 volumes containers image buildkit "
                f"/root /home /srv /tmp /opt 2> /dev/null",
                SEARCH_SECONDS,
            )
            found += [(what, self._place(path)) for path in said.splitlines()]
        # What was sent for a build lies in its cache as well; where it came to is what the learner knows by name.
        return sorted(found, key=lambda each: each[1] == CACHE)

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

    def _place(self, path: str) -> str:
        """Return what a file below the engine's folder belongs to."""
        kind, _, rest = path.partition("/")
        name = rest.split("/")[0]
        if kind == "volumes":
            return f"the volume `{name}`"
        if kind == "containers":
            return f"the settings of the container `{self._container_names.get(name, name[:12])}`"
        if kind == "overlay2":
            for layer, owner in self._layers:
                if layer == name:
                    return owner
            return CACHE
        return "an image's settings" if kind == "image" else f"the file {path} of the machine"

    @cached_property
    def _container_names(self) -> dict[str, str]:
        return {each["Id"]: each["Names"][0].lstrip("/") for each in self.ask("/containers/json?all=1")}

    @cached_property
    def _layers(self) -> list[tuple[str, str]]:
        """The layers of the disk, and to what each belongs; a container's own come first."""
        layers = []
        for each in self._container_names:
            data = self.ask(f"/containers/{each}/json")["GraphDriver"]["Data"] or {}
            own = str(data.get("UpperDir", "")).removesuffix("/diff").rpartition("/")[2]
            layers.append((own, f"the container `{self._container_names[each]}`"))
        for each in self.ask("/images/json"):
            record = self.ask(f"/images/{each['Id']}/json")
            data = record["GraphDriver"]["Data"] or {}
            name = (record.get("RepoTags") or [record["Id"][7:19]])[0]
            paths = f"{data.get('UpperDir', '')}:{data.get('LowerDir', '')}".split(":")
            layers += [
                (path.removesuffix("/diff").rpartition("/")[2], f"the image `{name}`") for path in paths
            ]
        return layers
