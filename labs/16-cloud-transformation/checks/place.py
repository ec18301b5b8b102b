"""The new place of the office: its container on the rented engine, a twin of it, and the images there."""

from __future__ import annotations

import json
import secrets
import shlex
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from checker.grading.author import Reply, could_not_run, fail, insides, require, wait_until
from checker.grading.searching import candidates, is_in, needles, only_whole

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober
    from checker.grading.inside import Inner

HOST = "rented"
PORT = 8080
NAME = "Harbour Street"
"""What the office is called in /etc/office.conf of the old machine."""
URL = f"http://{HOST}:{PORT}"
BOOKS = "books.harbour"
TWIN = "drydock-twin"
START_SECONDS = 20.0
SEARCH_SECONDS = 60.0
LOG_SECONDS = 5.0
READABLE_LOGS = {"json-file", "local", "journald"}
"""The drivers from which `docker logs` reads."""
OPEN_SECONDS = 3.0
"""How long an office that has started, or something in front of it, may answer with an error."""


class Twin(NamedTuple):
    """What a second container answered that is like the office's but for its name."""

    name: str
    office: str | None
    """The name that it answered with; None if it did not answer."""
    refs: set[str]
    log: str
    at: float
    """When it was started, in seconds since 1970; what is written later it need not know."""


class Place:
    """The rented machine, and the office on it.

    Args:
        lab: the lab.
        prober: asks as the users do.
    """

    def __init__(self, lab: Lab, prober: Prober) -> None:
        self.lab = lab
        self.prober = prober
        self.engine = lab.inside(HOST)

    def now(self) -> float:
        """Return the time by the clock of the engine, which the users have too."""
        return self.lab.engine.clock.now()

    def ask(self, path: str) -> Reply:
        """Ask the office where the users find it in the end."""
        return self.prober.get(f"{URL}{path}", timeout=5, patience=3)

    # -- its container -----------------------------------------------------------------------------------------------

    @cached_property
    def office(self) -> Inner:
        """The container of the office; there is none: the check fails.

        Port 8080 leads to it. Something may stand in between, and it may have the network of the rented machine.
        """
        every = self.engine.containers()
        running = [each for each in every if each.running]
        published = [each for each in running if insides(each, PORT)]
        serving = [each for each in running if each.id in self._databases]
        found = [*(each for each in published if each in serving), *serving, *published]
        if not found:
            if not every:
                self._require_not_elsewhere()
            fail(
                "No container on the rented engine is reached at port 8080.",
                expected="a running container whose port is published on 8080",
                seen=", ".join(f"{each.name}: {each.status}" for each in every) or "no container",
                source="docker --context rented ps --all",
                evidence=every[0].logs(1) if every else "",
                hint="A container that has ended says why in its log: `docker --context rented logs NAME`.",
            )
        return found[0]

    def _require_not_elsewhere(self) -> None:
        """Fail if the learner runs an image of their own on the engine of the lab, and so on another machine."""
        office = f"{self.lab.course_lab.project}_office"
        # What is on the office's network is a way to the box.
        others = [
            each
            for each in self.lab.containers()
            if each.running and not each.image.startswith("drydock/") and office not in each.networks
        ]
        require(
            not others,
            f"The container `{others[0].name if others else ''}` runs on the engine of your own machine. The rented engine has no "
            f"container, so port {PORT} of the rented machine leads nowhere.",
            expected="a container on the rented engine, whose port is published on 8080",
            seen=", ".join(f"{each.name}, of {each.image}" for each in others),
            source="docker ps --all; docker --context rented ps --all",
            hint="Which engine does `docker` talk to, when nothing says which? The image has to be on the same engine as the container.",
        )

    @cached_property
    def _databases(self) -> dict[str, str]:
        """The databases that are open in containers with a server in them: the path there, by the container's id."""
        said = self.engine.run(
            "find /proc/[0-9]*/fd -lname '*.db' -printf '%h %l\\n' | sort -u | while read -r fd path; do at=${fd%/fd}; "
            "cat $at/net/tcp $at/net/tcp6 | grep -v ' 0B00007F:' | grep -q ' 0A ' "
            "&& echo \"$(tr '\\n' ' ' < $at/cgroup)\t$path\"; done"
        )
        lines = [line.partition("\t") for line in said.splitlines()]
        return {
            each.id: path for each in self.engine.containers() for group, _, path in lines if each.id in group
        }

    @property
    def database(self) -> str:
        """The path of the office's database in its container; empty if that cannot be seen."""
        return self._databases.get(self.office.id, "")

    def require_open(self) -> None:
        """Require that the office answers in its container."""
        office, replies = self.office, [Reply(URL)]

        def answers() -> bool:
            replies[0] = self.ask("/")
            said = replies[0].json()
            return isinstance(said, dict) and "office" in said

        if wait_until(answers, OPEN_SECONDS, every=0.5):
            return
        reply = replies[0]
        facts = {"expected": '{"office": …, "parcels": …}', "seen": reply.summary, "evidence": office.logs(1)}
        require(
            insides(office, PORT) or not reply.error,
            f"The container `{office.name}` runs the office, and port {PORT} of the rented machine does not lead to it.",
            source="docker --context rented ps",
            hint="Compare the PORTS column with the address that the users will have. Which option of `docker run` publishes a port?",
            **facts,
        )
        fail(
            f"The container `{office.name}` runs, and the office does not answer at {URL}/.",
            source=f"curl {URL}/",
            hint=f"`docker --context rented logs {office.name}` shows what the program says. `docker --context rented port {office.name}` "
            "shows who may come in, and to which port: is it the one on which office.py listens?",
            **facts,
        )

    def require_logged(self) -> None:
        """Require that a request is seen in the container's log."""
        path, driver = f"/{secrets.token_hex(4)}", str(self.office.host_config["LogConfig"]["Type"])

        def is_logged() -> bool:
            self.ask(path)
            return path in self.office.logs(200)

        require(
            wait_until(is_logged, LOG_SECONDS, every=0.5),
            f"The office was asked for a page, and {LOG_SECONDS:.0f} s later the container's log says nothing of it. Anyone who looks for a "
            "mistake with `docker logs` finds nothing.",
            expected=f"a line with GET {path}",
            seen=self.office.logs(1) or "an empty log",
            source=f"docker --context rented logs {self.office.name}",
            hint=f"This container's logs go to the driver `{driver}`, and from there `docker logs` reads none. Which option of yours says so?"
            if driver not in READABLE_LOGS
            else "Where does `log` in settings.py write to? An engine collects what the main process writes to its output.",
        )

    # -- its twin ----------------------------------------------------------------------------------------------------

    @cached_property
    def twin(self) -> Twin:
        """Start the twin: the same image, command, volumes and settings, with another NAME. It is removed again."""
        office, name = self.office, f"Pier {secrets.token_hex(3)}"
        config, host = office.attrs["Config"], office.host_config
        body = {key: config.get(key) for key in ("Cmd", "Entrypoint", "User", "WorkingDir")}
        body["Image"] = office.attrs["Image"]
        body["Env"] = [
            *(each for each in config.get("Env") or () if not each.startswith("NAME=")),
            f"NAME={name}",
        ]
        mode = str(host["NetworkMode"])
        body["HostConfig"] = {
            **{key: host.get(key) for key in ("GroupAdd", "Tmpfs")},
            "VolumesFrom": [office.id],
            # Where the office shares the network of another, the port is taken.
            "NetworkMode": "bridge" if mode == "host" or mode.startswith("container:") else mode,
            # It may run the job as well, of which the bookkeeper must hear nothing.
            "ExtraHosts": [f"{BOOKS}:127.0.0.1", *(host.get("ExtraHosts") or [])],
        }
        at = self.now()
        copied = " ".join(shlex.quote(each.lstrip("/")) for each in self._handed_over())
        root = f"/proc/{office.attrs['State']['Pid']}/root"
        api = "curl -sf -m 20 --unix-socket /run/docker.sock -H 'Content-Type: application/json'"
        self.engine.run(
            f"docker rm -f {TWIN}; {api} -d {shlex.quote(json.dumps(body))} 'http://engine/containers/create?name={TWIN}' || exit; "
            f"{f'tar -C {root} -c {copied} | docker cp - {TWIN}:/; ' if copied else ''}docker start {TWIN}",
            START_SECONDS,
        )
        try:
            return self._look_at_twin(name, min(insides(office, PORT) or {PORT}), at)
        finally:
            self.engine.run(f"docker rm -f {TWIN}", START_SECONDS)

    def _handed_over(self) -> list[str]:
        """Return the files that Compose or Swarm gave to the office: secrets and configs are no mounts and no settings of a container.

        Swarm mounts each, and Compose writes those that are no files of the machine into the container's own layer.
        """
        office = self.office
        mounted = {each["Destination"] for each in office.mounts}
        root = f"/proc/{office.attrs['State']['Pid']}"
        said = self.engine.run(
            f"while read -r _ _ _ _ at _; do [ -f {root}/root$at ] && echo $at; done < {root}/mountinfo; "
            f"find {root}/root/run/secrets -type f -printf '/run/secrets/%P\\n'"
        ).splitlines()
        if "com.docker.compose.project" in office.labels:
            added = self.engine.run(f"docker diff {office.id} | sed -n 's/^A //p'").splitlines()
            data = f"{PurePosixPath(self.database or '/data/office.db').parent}/"
            quoted = " ".join(shlex.quote(each) for each in added if not each.startswith(data))
            said += self.engine.run(
                f"for each in {quoted}; do [ -f {root}/root$each ] && echo $each; done"
            ).splitlines()
        engines = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/.dockerenv"}
        return sorted({each for each in said if not each.startswith("/proc/")} - mounted - engines)

    def _look_at_twin(self, name: str, port: int, at: float) -> Twin:
        address = (
            f"docker inspect -f '{{{{range .NetworkSettings.Networks}}}}{{{{.IPAddress}}}}{{{{end}}}}' {TWIN}"
        )
        said: dict[str, Any] = {}

        def get(path: str) -> Any:
            try:
                return json.loads(self.engine.run(f"curl -sf -m 3 http://$({address}):{port}{path}"))
            except ValueError:
                return None

        def answers() -> bool:
            said.update(get("/") or {})
            running = self.engine.run(f"docker inspect -f '{{{{.State.Running}}}}' {TWIN}").strip() == "true"
            return bool(said) or not running

        wait_until(answers, START_SECONDS, every=0.3)
        refs = {str(row.get("ref")) for row in get("/parcels") or []} if said else set()
        log = self.engine.run(f"docker logs --tail 1 {TWIN} 2>&1").strip()
        return Twin(name, said.get("office"), refs, log, at)

    def require_set_by_environment(self) -> None:
        """Require that the twin has the name that its environment says."""
        twin = self.twin
        facts = {
            "expected": f'"office": "{twin.name}"',
            "source": f"docker --context rented run --env 'NAME={twin.name}' … {self.office.attrs['Config']['Image']}",
            "hint": "Which function of the office reads its settings, and from where? The variable is called NAME: "
            f"`docker --context rented exec {self.office.name} env` shows the environment of the container.",
        }
        require(
            twin.office is not None,
            "A second container of the same image, started with another NAME in its environment, does not answer.",
            seen=twin.log or "no answer",
            **facts,
        )
        variable = next(
            (
                name
                for name, _, value in (
                    each.partition("=") for each in self.office.attrs["Config"].get("Env") or ()
                )
                if value == twin.office and name != "NAME"
            ),
            "",
        )
        require(
            twin.office == twin.name or not variable,
            f"A second container was started with another NAME in its environment, and has the name of the first, which its variable "
            f"`{variable}` says. Anyone who starts the office for another place sets NAME.",
            seen=f'"office": "{twin.office}"; {variable}={twin.office}',
            **facts,
        )
        require(
            twin.office == twin.name,
            "A second container was started with another NAME in its environment, and has the name of the first: its settings are in "
            "the image or in a file. For every other place, another image or another file would have to be made.",
            seen=f'"office": "{twin.office}"',
            **facts,
        )
        reply = self.ask("/")
        said = str(reply.fields.get("office"))
        require(
            said == NAME,
            f"The office calls itself `{said}`. Its users know it as `{NAME}`, as it was called on the old machine.",
            expected=f'"office": "{NAME}"',
            seen=reply.summary,
            source=f"curl {URL}/",
            hint="What does the engine take for the value: does anything around the name belong to it, too? "
            f"`docker --context rented exec {self.office.name} env` shows the value.",
        )

    # -- the secret --------------------------------------------------------------------------------------------------

    def require_secret_kept(self) -> None:
        """Require that the token of the seal box is in no image, and in the history of none."""
        env = self.lab.node("seal").attrs["Config"]["Env"]
        token = next(each.partition("=")[2] for each in env if each.startswith("SEAL_TOKEN="))
        wanted = needles(token)
        for image in json.loads(self.engine.run("docker image inspect $(docker image ls -aq)") or "[]"):
            if is_in(json.dumps(image["Config"]), wanted):
                _fail_leaked(image, "in its settings", "docker --context rented image inspect")
            history = self.engine.run(f"docker history --no-trunc {image['Id']}")
            if is_in(history, wanted):
                _fail_leaked(image, "in its history", "docker --context rented history --no-trunc")
            layers = image["GraphDriver"]["Data"] or {}
            folders = f"{layers.get('UpperDir', '')}:{layers.get('LowerDir', '')}".strip(":").split(":")
            if not any(folders):
                could_not_run("The rented engine does not say where its layers are.")
            search = f"grep -rlaF {candidates(wanted)} {' '.join(folders)} | {only_whole(wanted)}"
            found = self.engine.run(search, SEARCH_SECONDS).splitlines()
            if found:
                file = found[0].partition("/diff")[2]
                _fail_leaked(image, f"in its file {file}", "each layer, as in docker --context rented save")


def _fail_leaked(image: dict[str, Any], where: str, source: str) -> None:
    """Fail, and say in which image the token is."""
    tags = image.get("RepoTags") or []
    name = tags[0] if tags else str(image["Id"])[7:19]
    fail(
        f"The token of the seal box lies in the image `{name}`, {where}."
        + (
            ""
            if tags
            else " It has no name, since it is an earlier build of an image, and it is still there."
        )
        + " Anyone who gets the image gets the token"
        + (", and a later step that deletes it changes nothing." if "file" in where else "."),
        expected="the token in no image",
        seen=f"it is {where}",
        source=f"{source} {name}",
        hint="What was in the folder that was built from, and what did the Dockerfile copy or set? A container gets a secret when it is "
        "started, and an image that `docker commit` makes of that container has it, too."
        if tags
        else "`docker --context rented image ls --all` lists it as <none>. Which command removes an image, and does a container still use it?",
    )
