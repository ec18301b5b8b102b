"""The rented machine: the learner's contexts that lead to it, its open ports, and where a private key lies on it."""

from __future__ import annotations

import json
import re
import shlex
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from checker.grading.author import could_not_run, fail, require
from checker.grading.searching import candidates, is_in, needles, only_whole

if TYPE_CHECKING:
    from checker.grading.author import Lab
    from checker.grading.inside import Inner

NAME = "rented"
ASK_SECONDS = 15.0
SEARCH_SECONDS = 60.0
KEYS = {"the SSH key": "/rented/ssh/id_ed25519", "the key of the TLS context": "/rented/tls/key.pem"}
"""The keys that the provider gave, by their paths in the toolbox and on the machine."""
UNREAD = "/etc/default/docker was changed after the engine was started"
RESTART = "Has the engine read its options? `ssh rented service docker restart` makes it read them, and says what is wrong with them."
STARTS, ENDED, READY = "rented: the engine starts", "rented: the engine ended", "API listen on"
"""What the log of the machine's engine says of it."""
PLACES = {
    "mount": ("the container `{}`, as a mount", "docker --context … inspect {}"),
    "files": ("the container `{}`", "docker --context … diff {}"),
    "settings": ("the settings of the container `{}`", "docker --context … inspect {}"),
    "memory": ("the container `{}`, in its memory", "docker --context … exec {} mount -t tmpfs"),
    "config": ("a config of the Swarm there", "docker --context … config inspect"),
    "log": ("the log of the container `{}`", "docker --context … logs {}"),
    "layer": ("the image `{}`", "docker --context … history {}"),
    "image": (
        "an image's settings",
        "docker --context … image inspect, for each of `docker --context … images`",
    ),
    "volumes": ("the volume `{}`", "docker --context … volume inspect {}"),
    "buildkit": ("the build cache", "docker --context … buildx du"),
    "": ("the file {} of the machine", "ssh rented ls -l {}"),
}
"""Where a key can lie, as the learner reads it, and the command that shows the place."""


class Context(NamedTuple):
    """A context of the learner's `docker`."""

    name: str
    host: str
    checks_server: bool
    """Over TLS: whether it has a `ca`, and uses it."""
    files: tuple[str, ...]
    folder: str
    """Over TLS: where the toolbox keeps these files."""


class Rented:
    """The machine.

    Args:
        lab: the lab.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.engine = lab.inside(NAME)

    @cached_property
    def id(self) -> str:
        """The id of its engine."""
        found = self.engine.run("docker info --format '{{.ID}}'", ASK_SECONDS).strip()
        if not found:
            self._require_options()
            could_not_run("The engine of the rented machine does not answer. `lab start 17` starts it again.")
        return found

    def _require_options(self) -> None:
        """Require that the engine, which does not answer, did start when it was last tried."""
        log = self.engine.run("tail -n 400 /var/log/docker.log")
        tries = [each for each in log.split(STARTS)[1:] if ENDED in each or READY in each]
        if not tries or READY in tries[-1]:
            return
        said = [
            line.removeprefix("Status: ")
            for line in tries[-1].partition(ENDED)[0].splitlines()
            if line and not line.startswith(("node: ", "See "))
        ]
        fail(
            "The engine of the rented machine does not start with the options that it was given, so nobody reaches it by any way.",
            expected="an engine that runs",
            seen=self.engine.run("grep -v '^ *#' /etc/default/docker").strip() or "no DOCKER_OPTS",
            source="ssh rented tail /var/log/docker.log",
            evidence=said[-1] if said else "",
            hint=_about_options(said[-1] if said else ""),
        )

    def unread(self) -> str:
        """Return what shows that the engine has not read its options since they were last changed; empty if it has."""
        newer = "[ /etc/default/docker -nt /run/rented-engine.pid ] && echo newer"
        return UNREAD if self.engine.run(newer).strip() else ""

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
            files = tuple((record.get("TLSMaterial") or {}).get("docker") or ())
            checks_server = "ca.pem" in files and not end.get("SkipTLSVerify")
            folder = f"{record['Storage']['TLSPath']}/docker"
            found.append(Context(record["Name"], str(end.get("Host", "")), checks_server, files, folder))
        # A name in ~/.ssh/config may lead to the machine as well, so only the engine that answers says which it is.
        return sorted(
            (each for each in found if urlsplit(each.host).scheme not in {"", "unix"}),
            key=lambda each: (not each.checks_server, -len(each.files), NAME not in each.host),
        )

    def require_reached(self, way: str, host: str, hint: str) -> Context:
        """Require a context through which the engine answers, and return it.

        Args:
            way: SSH or TLS.
            host: the usual address.
            hint: where to look.
        """
        mine = [each for each in self.contexts if each.host.startswith("ssh://") == (way == "SSH")]
        answers = []
        for context in mine:
            answers.append(self._ask_through(context))
            if answers[-1] == self.id:
                return context
        others = ", ".join(f"{each.name}: {each.host}" for each in self.contexts)
        unread = self.unread() if mine and way == "TLS" else ""
        return fail(
            f"The context `{mine[0].name}` leads to {mine[0].host}, and the engine of the rented machine does not answer through it."
            if mine
            else f"No context leads to the rented machine over {way}.",
            expected=f"a context with the host {host}, and the answer of the engine {self.id}",
            seen=answers[0] if mine else others or "no context leads to another machine",
            source=f"docker --context {mine[0].name} info --format '{{{{.ID}}}}'"
            if mine
            else "docker context ls",
            evidence=unread,
            hint=RESTART if unread else hint,
        )

    def _ask_through(self, context: Context) -> str:
        """Return the id of the engine that answers through a context, or why none does."""
        command = f"docker --context {shlex.quote(context.name)} info --format '{{{{.ID}}}}'"
        said = self.lab.node("toolbox").exec(f"timeout 10 {command}", ASK_SECONDS)
        lines = (said.stdout.strip() or said.stderr.strip()).splitlines()
        return lines[-1] if lines else "no answer within 10 s"

    def require_recognised(self, context: Context) -> None:
        """Require that SSH, on the way of a context, refuses a machine that has another key than the one it knows."""
        host = shlex.quote(_alias(context.host))
        said = self.lab.node("toolbox").exec(f"ssh -G {host}", ASK_SECONDS).stdout
        settings = dict(line.partition(" ")[::2] for line in said.splitlines())
        strict, known = settings.get("stricthostkeychecking"), settings.get("userknownhostsfile")
        require(
            strict not in {"false", "no", "off"}
            and not (strict == "accept-new" and set((known or "").split()) <= {"/dev/null", "none"}),
            f"The context `{context.name}` reaches the machine, and `ssh` takes any other for it: it does not compare the "
            "machine's key with the one that the provider gave you. Any machine that answers in its place gets your commands.",
            expected="StrictHostKeyChecking ask, which is usual, or yes, and a file with the machine's key",
            seen=f"StrictHostKeyChecking {strict}, UserKnownHostsFile {known}",
            source=f"ssh -G {host} | grep -i hostkeychecking",
            hint="Lesson, “In by SSH”: which file has the machine's own public key, and which line names it?",
        )

    def open_to_all(self) -> dict[int, str]:
        """Return the ports at which the engine answers without a certificate, and with which protocol."""
        listens = "ss -Hltn | awk '$4 !~ /^127\\./ && $4 !~ /^\\[::1\\]/ { sub(/.*:/, \"\", $4); print $4 }' | sort -un"
        ports = [int(port) for port in self.engine.run(listens).split() if port != "22"]
        ask = "; ".join(
            f"for way in http https; do curl -sk -m 3 -o /dev/null -D - $way://{NAME}:{port}/_ping "
            f"| grep -qi '^api-version:' && echo {port} $way; done"
            for port in ports
        )
        said = self.lab.node("prober").exec(ask or ":", ASK_SECONDS + 6 * len(ports)).stdout
        return {int(port): way for port, way in (line.split() for line in said.splitlines())}

    # -- its containers --------------------------------------------------------------------------------------------

    def accepted(self, container: Inner) -> int:
        """Return how many connections the programs of a running container have accepted since it started."""
        pid = container.attrs["State"]["Pid"]
        return int(
            self.engine.run(f"awk '/^Tcp:/ {{ n = $7 }} END {{ print n + 0 }}' /proc/{pid}/net/snmp") or 0
        )

    def connected(self, container: Inner) -> int:
        """Return how many connections there are now to the programs of a container with the machine's own network."""
        mine = [f"pid={each}," for each in self.engine.run(f"docker top {container.id} -eo pid").split()[1:]]
        listening = [line.split() for line in self.engine.run("ss -Hltnp").splitlines()]
        ports = {
            words[3].rpartition(":")[2] for words in listening if any(each in words[-1] for each in mine)
        }
        # The prober has asked at every port whether the engine answers there.
        own = set(self.lab.node("prober").networks.values())
        there = [line.split()[3:5] for line in self.engine.run("ss -Htn state connected").splitlines()]
        ends = [[end.rpartition(":")[::2] for end in each] for each in there]
        return sum(
            any(port in ports for _, port in each)
            for each in ends
            if own.isdisjoint(address.strip("[]").removeprefix("::ffff:") for address, _ in each)
        )

    # -- private keys ----------------------------------------------------------------------------------------------

    def leaks(self) -> list[tuple[str, str, str]]:
        """Return which private keys are on the machine: which it is, where it is (a key of `PLACES`), and a name there."""
        # The scene's own folder with the keys is on the machine as well: a container that mounts it can read them.
        found = [
            (what, "mount", each.name)
            for each in self.engine.containers()
            for what, file in KEYS.items()
            if any(_holds(mount, file) for mount in each.mounts)
        ]
        since = shlex.quote(self.lab.node(NAME).created)
        # What a Swarm's config holds is on the disk too, in a log that is encrypted.
        configs = self.engine.run("docker config ls --quiet | xargs -r docker config inspect")
        for what, wanted in self._keys().items():
            patterns = candidates(wanted)
            # A running container's files are seen in `merged` again.
            stored = "overlay2 volumes containers image buildkit"
            search = f"grep -rlaF --exclude-dir=merged {patterns} {stored}; {_newer('/', since, patterns)}; {_in_memory(patterns)}"
            command = f"cd /var/lib/docker && {{ {search}; }} | {only_whole(wanted)}"
            paths = self.engine.run(command, SEARCH_SECONDS).splitlines()
            found += [(what, *self._place(path)) for path in paths]
            if is_in(configs, wanted):
                found.append((what, "config", ""))
        # What was sent for a build is in its cache as well; the image or container with it is what the learner knows by name.
        return sorted(found, key=lambda each: each[1] == "buildkit")

    def _keys(self) -> dict[str, list[str]]:
        """Return the provider's keys, and those that the learner made for a context: what each is, and how it may be written."""
        files = [(what, shlex.quote(file)) for what, file in KEYS.items()]
        for each in self.contexts:
            what = f"the key of the context `{each.name}`"
            if each.host.startswith("ssh://"):
                host = shlex.quote(_alias(each.host))
                said = self.lab.node("toolbox").exec(f"ssh -G {host}", ASK_SECONDS).stdout
                own = [
                    line.partition(" ")[2] for line in said.splitlines() if line.startswith("identityfile ")
                ]
                # A path in ~/.ssh/config may begin with `~`, which the shell has to see.
                files += [(what, shlex.quote(file).replace("'~/", "~/'")) for file in own]
            elif "key.pem" in each.files:
                files.append((what, shlex.quote(f"{each.folder}/key.pem")))
        keys: dict[str, list[str]] = {}
        for what, file in files:
            wanted = self._needles(file)
            if not wanted and what in KEYS:
                could_not_run(f"{file} cannot be read in the toolbox. `lab reset 17` makes the scene again.")
            if wanted and wanted not in keys.values():
                keys[what] = [*keys.get(what, []), *wanted]
        return keys

    def _needles(self, file: str) -> list[str]:
        """Return how a line of the key in a file of the toolbox may be written; empty if there is no such file."""
        text = self.lab.node("toolbox").exec(f"cat {file}", ASK_SECONDS).stdout
        lines = [line for line in text.splitlines() if line and not line.startswith("---")]
        # All keys of a kind begin alike; a line near the end is this one's own.
        return needles(lines[-2:][0]) if lines else []

    def _place(self, path: str) -> tuple[str, str]:
        """Return what a file on the disk, or below the engine's folder, belongs to: a key of `PLACES`, and a name."""
        if path.startswith("/proc/"):
            _, _, pid, _, file = path.split("/", 4)
            owners = {str(each.attrs["State"]["Pid"]): each.name for each in self.engine.containers()}
            return ("memory", owners[pid]) if pid in owners else ("", shlex.quote(f"/{file}"))
        kind, name, file = f"{path}//".split("/", 2)
        if kind == "containers":
            names = {each.id: each.name for each in self.engine.containers()}
            return "log" if ".log" in file else "settings", names.get(name, name[:12])
        if kind == "overlay2":
            return self._layers.get(name, ("buildkit", ""))
        return (kind, name) if kind else ("", shlex.quote(path))

    @cached_property
    def _layers(self) -> dict[str, tuple[str, str]]:
        """To what each layer of the disk belongs; a container's own to the container."""
        layers: dict[str, tuple[str, str]] = {}
        for image in json.loads(self.engine.run("docker image inspect $(docker image ls --quiet)") or "[]"):
            name = (image.get("RepoTags") or [image["Id"][7:19]])[0]
            data = image["GraphDriver"]["Data"] or {}
            for folder in f"{data.get('UpperDir', '')}:{data.get('LowerDir') or ''}".split(":"):
                layers.setdefault(_layer(folder), ("layer", name))
        for each in self.engine.containers():
            data = each.attrs["GraphDriver"]["Data"] or {}
            layers[_layer(data.get("UpperDir", ""))] = "files", each.name
        return layers


def _about_options(said: str) -> str:
    """Return where to look when the engine does not start, by the last line that it or the shell said."""
    again = "`ssh rented service docker restart` tries them again."
    if said.startswith("/etc/default/docker:"):
        return (
            "The file is read as a shell reads it, and this is the shell's message. All options stand between the two quotes of "
            f'`DOCKER_OPTS="…"`; {again}'
        )
    if "both as a flag and in the configuration file" in said:
        return (
            "An option may be in DOCKER_OPTS or in /etc/docker/daemon.json, not in both, and addresses only in DOCKER_OPTS: this machine "
            f"gives its engine addresses in the same way. Take what the line names out of daemon.json; {again}"
        )
    return f"The line of the log is the engine's own message. `ssh rented cat /etc/default/docker` shows your options, and {again}"


def _newer(folder: str, since: str, patterns: str) -> str:
    """Return a command that lists the files that have changed since a moment and match one of grep's patterns.

    These are files that the machine's image does not have: a program cannot set the time at which an inode changed.
    """
    # A pattern may be any text, and `find -exec` would take a `{}` in it for the files.
    return f"find {folder} -xdev -type f -newerct {since} -print0 | xargs -0 -r grep -laF {patterns}"


def _in_memory(patterns: str) -> str:
    """Return a command that does the same for what is mounted from memory on the machine and in its running containers."""
    return (
        "for pid in 1 $(docker ps --quiet | xargs -r docker inspect -f '{{.State.Pid}}'); do "
        "awk '$3 == \"tmpfs\" && $2 !~ /^\\/(proc|rented|var\\/lib\\/docker)(\\/|$)/ { print $2 }' /proc/$pid/mounts | while read -r at; do "
        f'find "/proc/$pid/root$at" -xdev -type f -print0 | xargs -0 -r grep -laF {patterns}; done; done'
    )


def _layer(folder: str) -> str:
    """Return the name of a layer's folder, from where the engine mounts it."""
    return folder.removesuffix("/diff").rpartition("/")[2]


def _holds(mount: dict[str, Any], file: str) -> bool:
    """Return whether a mount is a file of the machine, or a folder above it."""
    return mount["Type"] == "bind" and f"{file}/".startswith(f"{mount['Source'].rstrip('/')}/")


def _alias(host: str) -> str:
    """Return whom `ssh` is asked for by a context's address; it tells capitals from small letters."""
    return re.sub(r":\d+$", "", urlsplit(host).netloc.rpartition("@")[2]).strip("[]")
