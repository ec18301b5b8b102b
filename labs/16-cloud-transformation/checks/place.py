"""The new place of the office: its container on the rented engine, a twin of it, and the images there."""

from __future__ import annotations

import json
import secrets
import shlex
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from checker.grading.author import could_not_run, fail, forms, insides, require, wait_until

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober, Reply
    from checker.grading.inside import Inner

HOST = "rented"
PORT = 8080
URL = f"http://{HOST}:{PORT}"
TWIN = "drydock-twin"
START_SECONDS = 20.0
SEARCH_SECONDS = 60.0
LOG_SECONDS = 5.0


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

    def ask(self, path: str) -> Reply:
        """Ask the office where the users find it in the end."""
        return self.prober.get(f"{URL}{path}", timeout=5, patience=3)

    # -- its container -----------------------------------------------------------------------------------------------

    @cached_property
    def office(self) -> Inner:
        """The container that port 8080 of the rented machine leads to; there is none: the check fails."""
        every = self.engine.containers()
        found = next((each for each in every if each.running and insides(each, PORT)), None)
        if found is None:
            fail(
                "No container on the rented engine is reached at port 8080.",
                expected="a running container whose port is published on 8080",
                seen=", ".join(f"{each.name}: {each.status}" for each in every) or "no container",
                source="docker --context rented ps --all",
                evidence=every[0].logs(1) if every else "",
                hint="A container that has ended says why in its log: `docker --context rented logs NAME`.",
            )
        return found

    def require_open(self) -> None:
        """Require that the office answers in its container."""
        office = self.office
        reply = self.ask("/")
        require(
            "office" in reply.json(),
            f"The container `{office.name}` runs, and the office does not answer at {URL}/.",
            expected='{"office": …, "parcels": …}',
            seen=reply.summary,
            source=f"curl {URL}/",
            evidence=office.logs(1),
            hint=f"`docker --context rented logs {office.name}` shows what the program says.",
        )

    def require_logged(self) -> None:
        """Require that a request is seen in the container's log."""
        path = f"/{secrets.token_hex(4)}"
        self.ask(path)
        require(
            wait_until(lambda: path in self.office.logs(200), LOG_SECONDS, every=0.3),
            "The office was asked for a page, and the container's log says nothing of it. Anyone who looks for a mistake "
            "with `docker logs` finds nothing, and a file in the container is lost with it.",
            expected=f"a line with GET {path}",
            seen=self.office.logs(1) or "an empty log",
            source=f"docker --context rented logs {self.office.name}",
            hint="Where does `log` in settings.py write to? An engine collects what the main process writes to its output.",
        )

    # -- its twin ----------------------------------------------------------------------------------------------------

    @cached_property
    def twin(self) -> Twin:
        """Start the twin: the same image, command, volumes and settings, with another NAME. It is removed again."""
        office, name = self.office, f"Pier {secrets.token_hex(3)}"
        config, (port, *_) = office.attrs["Config"], sorted(insides(office, PORT))
        body = {key: config.get(key) for key in ("Cmd", "Entrypoint", "User", "WorkingDir")}
        body["Image"] = office.attrs["Image"]
        body["Env"] = [*(each for each in config["Env"] if not each.startswith("NAME=")), f"NAME={name}"]
        body["HostConfig"] = {
            "VolumesFrom": [office.id],
            "NetworkMode": office.attrs["HostConfig"]["NetworkMode"],
        }
        at = time.time()
        api = "curl -sf -m 20 --unix-socket /run/docker.sock -H 'Content-Type: application/json'"
        self.engine.run(
            f"docker rm -f {TWIN}; {api} -d {shlex.quote(json.dumps(body))} 'http://engine/containers/create?name={TWIN}' "
            f"&& docker start {TWIN}",
            START_SECONDS,
        )
        try:
            return self._look_at_twin(name, port, at)
        finally:
            self.engine.run(f"docker rm -f {TWIN}", START_SECONDS)

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
            "hint": "Which function of the office reads its settings, and from where? `docker --context rented exec … env` shows "
            "the environment of a container.",
        }
        require(
            twin.office is not None,
            "A second container of the same image, started with another NAME in its environment, does not answer.",
            seen=twin.log or "no answer",
            **facts,
        )
        require(
            twin.office == twin.name,
            "A second container was started with another NAME in its environment, and has the name of the first. Its settings "
            "are in the image: for every other place, another image would have to be built.",
            seen=f'"office": "{twin.office}"',
            **facts,
        )

    # -- the secret --------------------------------------------------------------------------------------------------

    def require_secret_kept(self) -> None:
        """Require that the token of the seal box is in no image, and in the history of none."""
        env = self.lab.node("seal").attrs["Config"]["Env"]
        token = next(each.partition("=")[2] for each in env if each.startswith("SEAL_TOKEN="))
        needles = [each.decode() for each in forms(token) if b"\0" not in each]
        for image in json.loads(self.engine.run("docker image inspect $(docker image ls -aq)") or "[]"):
            name = (image.get("RepoTags") or [image["Id"][7:19]])[0]
            told = self.engine.run(f"docker history --no-trunc {image['Id']}") + json.dumps(image["Config"])
            if any(each in told for each in needles):
                self._fail_leaked(name, "in its settings or its history", f"docker history --no-trunc {name}")
            layers = image["GraphDriver"]["Data"] or {}
            folders = f"{layers.get('UpperDir', '')}:{layers.get('LowerDir', '')}".strip(":").split(":")
            if not any(folders):
                could_not_run("The rented engine does not say where its layers are.")
            patterns = " ".join(f"-e {shlex.quote(each)}" for each in needles)
            found = self.engine.run(f"grep -rlaF {patterns} {' '.join(folders)}", SEARCH_SECONDS).split()
            if found:
                file = found[0].partition("/diff")[2]
                self._fail_leaked(name, f"in its file {file}", f"docker run {name} cat {file}")

    def _fail_leaked(self, name: str, where: str, source: str) -> None:
        fail(
            f"The token of the seal box lies in the image `{name}`, {where}. Anyone who gets the image gets the token, and a "
            "later step that deletes it changes nothing.",
            expected="the token in no image",
            seen=f"it is {where}",
            source=f"{source}, on the rented engine",
            hint="What was in the folder that was built from, and what did the Dockerfile copy or set? A container gets a secret when it is started.",
        )
