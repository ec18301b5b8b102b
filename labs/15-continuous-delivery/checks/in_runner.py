"""Runs in the runner's container, on its Python: pushes commits as a learner would, and writes down what they set off.

    python3 in_runner.py state              what is live, and what the pipeline said of the learner's newest commit
    python3 in_runner.py push JSON          push commits, and watch
    python3 in_runner.py leaks JSON         find a password in logs and images
    python3 in_runner.py back COMMIT JSON   put main, and the images of services in production, back

It prints one line of JSON. Nothing of it is imported by the checks.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

HOME = Path("/srv/runner")
GIT = ["git", f"--git-dir={HOME}/parcel.git"]
PROCESSES = Path("/proc")
SCRATCH = tempfile.mkdtemp()
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
MESSAGE = "Pushed by lab check"
"""Of every commit of the checks, so it is of no use to a pipeline that would rather read it than test."""
PRODUCTION = ("production-1", "production-2")
EAR_PORT = 4015
USERS = 8080
ENDED = re.compile(r"runner: \w+ ended with exit code \d+")
PEEK_SECONDS = 0.7
END_SECONDS = 8.0
"""How long a run may take to end; the runner kills it 5 s after it was asked."""
SERVICE = "com.docker.swarm.service.name"
MANIFESTS = ", ".join(
    f"application/vnd.{each}+json"
    for each in ("docker.distribution.manifest.v2", "oci.image.manifest.v1", "oci.image.index.v1")
)


def git(*words: str, text: str | None = None, **settings: str) -> str:
    """Run git on the bare repository, and return what it printed."""
    done = subprocess.run(
        [*GIT, *words], input=text, capture_output=True, text=True, check=True, env={**os.environ, **settings}
    )
    return done.stdout.strip()


def ask(node: str, path: str) -> Any:
    """GET a path of an engine's API; None if it refuses."""
    connection = http.client.HTTPConnection(node, 2375, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return json.loads(body) if answer.status == http.client.OK else None


def is_for_users(service: dict[str, Any]) -> bool:
    """Whether users reach a service of the swarm."""
    return any(port.get("PublishedPort") == USERS for port in service["Endpoint"].get("Ports") or [])


def live(services: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the running copies of what users get: their service, the image they were given, and the image's id."""
    users = [each["Spec"]["Name"] for each in services if is_for_users(each)]
    which = quote(json.dumps({"label": [SERVICE], "status": ["running"]}))
    return [
        {"node": node, "service": each["Labels"][SERVICE], "image": each["Image"], "id": each["ImageID"]}
        for node in PRODUCTION
        for each in ask(node, f"/containers/json?filters={which}") or []
        if each["Labels"][SERVICE] in users
    ]


def own(commit_: str) -> str:
    """Return the newest commit from one on back that is not one of the checks'."""
    words = ("log", "-1", "--first-parent", "--invert-grep", f"--grep=^{MESSAGE}$", "--format=%H")
    return git(*words, commit_)


def pulled(head: str) -> list[str]:
    """Return the newest commit of the checks in a commit's history, after the one that it stands on; empty if there is none."""
    newest = git("log", "-1", f"--grep=^{MESSAGE}$", "--format=%H", head)
    return [own(newest), newest] if newest else []


def unfinished() -> list[int]:
    """Return the processes that push commits of the checks, and those that run the pipeline for one."""
    found = []
    for file in PROCESSES.glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            words = file.read_text(errors="replace").split("\0")[:-1]
            pushes = words[:3] == ["python3", "-", "push"]
            runs = words[:1] == ["timeout"] and re.fullmatch("[0-9a-f]{40}", words[-1])
            if pushes or (runs and git("log", "-1", "--format=%s", words[-1]) == MESSAGE):
                found.append(int(file.parent.name))
    return found


def end_pushes() -> None:
    """End what a check that was interrupted has left under way, and would still change main or production."""
    deadline = time.monotonic() + END_SECONDS
    while (left := unfinished()) and time.monotonic() < deadline:
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
        threading.Event().wait(0.2)


def settle() -> None:
    """Take back what a check that was interrupted has left: its runs of the pipeline, and its commits on main."""
    end_pushes()
    head = git("for-each-ref", "--format=%(objectname)", "refs/heads/main")
    if head and own(head) not in {"", head}:
        git("update-ref", "refs/heads/main", own(head))


def load_now() -> float:
    """Return how many programs ran or waited for each processor, on the average of the last minute."""
    return os.getloadavg()[0] / len(os.sched_getaffinity(0))


def state() -> dict[str, Any]:
    """Return the newest commit of main, its log, and what is live."""
    head = git("for-each-ref", "--format=%(objectname)", "refs/heads/main")
    log = HOME / "log" / f"{head}.log"
    services = ask(PRODUCTION[0], "/services") or []
    return {
        "main": head,
        "pulled": pulled(head) if head else [],
        "log": log.read_text(errors="replace") if head and log.is_file() else "",
        "live": live(services),
        "address": socket.gethostbyname(socket.gethostname()),
        "services": {
            each["Spec"]["Name"]: each["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] for each in services
        },
    }


class Registry:
    """The registry, as one who knows the password sees it."""

    def __init__(self) -> None:
        password = Path("/run/password/password").read_text().strip()
        self._login = base64.b64encode(f"pipeline:{password}".encode()).decode()
        self._trust = ssl.create_default_context(cafile="/run/ca/ca.crt")
        self._connection: http.client.HTTPSConnection | None = None

    def ask(
        self, method: str, path: str, body: bytes | None = None, kind: str = ""
    ) -> tuple[str, str, bytes]:
        """Send a request; return the digest, the media type and the body of the answer, all empty if it refuses."""
        if self._connection is None:
            self._connection = http.client.HTTPSConnection("registry", 5000, timeout=10, context=self._trust)
        headers = {"Authorization": f"Basic {self._login}", "Accept": MANIFESTS}
        self._connection.request(method, path, body, headers | ({"Content-Type": kind} if kind else {}))
        answer = self._connection.getresponse()
        found = answer.read()
        if answer.status >= http.client.BAD_REQUEST:
            return "", "", b""
        return answer.headers.get("Docker-Content-Digest", ""), answer.headers.get("Content-Type", ""), found

    def give(self, path: str, source: str, manifest: bytes, kind: str) -> bool:
        """Give a tag an image that the registry has in another place or in the same; return whether it took it.

        Args:
            path: of the tag's manifest.
            source: of a manifest of the image.
            manifest: of the image.
            kind: the manifest's media type.
        """
        name, other = (each.removeprefix("/v2/").partition("/manifests/")[0] for each in (path, source))
        content = json.loads(manifest)
        if name != other:
            for blob in (content.get("config", {}), *content.get("layers", [])):
                self.ask("POST", f"/v2/{name}/blobs/uploads/?mount={blob.get('digest')}&from={other}")
        return bool(self.ask("PUT", path, manifest, kind)[0])

    def images(self, path: str) -> list[dict[str, Any]]:
        """Return the manifest at a path; of an index, those of all its images."""
        found = json.loads(self.ask("GET", path)[2] or b"{}")
        if "config" in found:
            return [found]
        place = path.rpartition("/")[0]
        return [
            image for each in found.get("manifests", []) for image in self.images(f"{place}/{each['digest']}")
        ]

    def tags(self) -> list[str]:
        """Return the path of every tag's manifest."""
        paths = []
        _, _, said = self.ask("GET", "/v2/_catalog")
        for name in json.loads(said or b"{}").get("repositories") or []:
            _, _, said = self.ask("GET", f"/v2/{name}/tags/list")
            paths += [f"/v2/{name}/manifests/{tag}" for tag in json.loads(said or b"{}").get("tags") or []]
        return paths


class Ear:
    """Hears from the unit tests of the checks' commits where they run: their host's name, and their container's id."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("", EAR_PORT))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            said, sender = self._socket.recvfrom(200)
            self.heard.append(said.decode(errors="replace"))
            self._socket.sendto(b"heard", sender)


class Watch:
    """What the engines start while it looks on, and what it does to tags in the meantime.

    Args:
        mark: what the command line of a process has that unit tests start when nobody hears them; empty for none.
    """

    def __init__(self, mark: str) -> None:
        self.started: list[dict[str, Any]] = []
        self.marked: list[str] = []
        self.moved: list[str] = []
        self.unmoved: list[str] = []
        self.given: list[str] = []
        self.over = threading.Event()
        self._mark = mark
        self._movers: list[threading.Thread] = []

    def engines(self) -> None:
        """Write down every container that an engine starts, from now on."""
        for node in ("test", *PRODUCTION):
            ready = threading.Event()
            threading.Thread(target=self._follow, args=(node, ready), daemon=True).start()
            ready.wait(10)

    def _follow(self, node: str, ready: threading.Event) -> None:
        connection = http.client.HTTPConnection(node, 2375)
        which = quote(json.dumps({"type": ["container"], "event": ["start"]}))
        connection.request("GET", f"/events?filters={which}")
        answer = connection.getresponse()
        ready.set()
        while line := answer.readline():
            actor = json.loads(line)["Actor"]
            name = actor["Attributes"].get("image", "")
            # One that ends at once may be gone; then its image's name says which it was.
            found = ask(node, f"/containers/{actor['ID']}/json") or {}
            image = found.get("Image") or (ask(node, f"/images/{name}/json") or {}).get("Id", "")
            service = actor["Attributes"].get(SERVICE, "")
            known = ask(PRODUCTION[0], f"/services/{quote(service)}") if service else None
            self.started.append(
                {
                    "container": actor["ID"],
                    "image": name,
                    "id": image,
                    "for_users": bool(known) and is_for_users(known),
                }
            )
            if self._mark:
                threading.Thread(target=self._peek, args=(node, actor["ID"]), daemon=True).start()

    def _peek(self, node: str, container: str) -> None:
        """Look for the mark among a container's processes, as long as it runs."""
        while not self.over.wait(PEEK_SECONDS):
            found = ask(node, f"/containers/{container}/top")
            if found is None:
                return
            if any(self._mark in word for process in found["Processes"] for word in process):
                self.marked.append(f"marked {container}")
                return

    def tags(self) -> None:
        """Move every tag to another image, as soon as the image that it was given has been run."""
        registry = Registry()
        before = {path: registry.ask("GET", path) for path in registry.tags()}
        # What users have now is an image that works: nothing but its content says that it is another one.
        now = {each["image"].rpartition("@")[2] for each in state()["live"]}
        mover = threading.Thread(target=self._move, args=(registry, before, now), daemon=True)
        self._movers.append(mover)
        mover.start()

    def _move(
        self, registry: Registry, before: dict[str, tuple[str, str, bytes]], preferred: set[str]
    ) -> None:
        done: set[tuple[str, str]] = set()
        while not self.over.wait(0.01):
            try:
                for path in registry.tags():
                    self._move_one(registry, path, before, preferred, done)
            except (OSError, http.client.HTTPException):
                registry = Registry()

    def _move_one(
        self,
        registry: Registry,
        path: str,
        before: dict[str, tuple[str, str, bytes]],
        preferred: set[str],
        done: set[tuple[str, str]],
    ) -> None:
        digest, _, manifest = registry.ask("GET", path)
        if not digest or digest in {old for old, _, _ in before.values()} or (path, digest) in done:
            return
        config = json.loads(manifest).get("config", {}).get("digest", "")
        if not {config, digest} & {each["id"] for each in self.started}:
            return
        place, _, tag = path.removeprefix("/v2/").partition("/manifests/")
        others = sorted(
            (source, other) for source, other in before.items() if "config" in json.loads(other[2] or b"{}")
        )
        if not others:
            return
        # First those that users have now, and of these, or of all, first one of the same repository.
        source, (other, kind, content) = min(
            others, key=lambda each: (each[1][0] not in preferred, not each[0].startswith(f"/v2/{place}/"))
        )
        taken = registry.give(path, source, content, kind)
        done.add((path, digest))
        (self.moved if taken else self.unmoved).append(f"{place}:{tag}")
        if taken:
            self.given += [other, json.loads(content)["config"]["digest"]]

    def close(self) -> None:
        """End it."""
        self.over.set()
        for mover in self._movers:
            mover.join(5)


def commit(files: dict[str, str], parent: str, base: str) -> str:
    """Make a commit of a base's files with some changed, on top of a parent, and return its name."""
    index = {"GIT_INDEX_FILE": f"{SCRATCH}/index"}
    git("read-tree", base, **index)
    for name, text in files.items():
        blob = git("hash-object", "-w", "--stdin", text=text)
        git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", **index)
    return git("commit-tree", git("write-tree", **index), "-p", parent, "-m", MESSAGE)


def push(asked: dict[str, Any]) -> dict[str, Any]:
    """Make the commits, push each at its time, and return the results."""
    parent = git("rev-parse", "main")
    base, load = asked["base"], load_now()
    results: list[dict[str, Any]] = []
    for each in asked["pushes"]:
        if "files" in each:
            parent = commit(each["files"], parent, base)
        results.append(
            {"commit": each.get("commit") or parent, "to": each.get("to", "main"), "after": each["after"]}
        )
    ear, watch = Ear(), Watch(asked.get("mark", ""))
    watch.engines()
    if asked.get("move_tags"):
        watch.tags()
    begin = time.monotonic()

    def one(result: dict[str, Any]) -> None:
        # So many seconds after the first; nothing ends this sooner.
        threading.Event().wait(result["after"])
        result["began"] = time.monotonic() - begin
        pushing = subprocess.Popen(
            [*GIT, "push", "git://127.0.0.1/parcel.git", f"+{result['commit']}:refs/heads/{result['to']}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        result["said"] = said = []
        for line in pushing.stdout or ():
            said.append(line.removeprefix("remote: ").rstrip())
            if ENDED.search(said[-1]):
                # The push itself ends later, if the program has left something running.
                result.update(ended=time.monotonic() - begin, live=state()["live"])
        pushing.wait()
        result.setdefault("ended", time.monotonic() - begin)

    threads = [threading.Thread(target=one, args=(result,)) for result in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    watch.close()
    found = state()
    last = max(results, key=lambda each: each["ended"])
    return {
        **found,
        # What the pipeline itself does is no excuse for it.
        "load": min(load, load_now()),
        "pushes": results,
        "started": watch.started,
        "moved": watch.moved,
        "unmoved": watch.unmoved,
        "given": watch.given,
        "heard": [*ear.heard, *watch.marked],
        "then": last.get("live", found["live"]),
    }


def leaks(needles: dict[str, str]) -> dict[str, str]:
    """Return where one of some texts is readable: in a log, or in an image of the registry; empty if nowhere.

    Args:
        needles: in base64 what reveals the password, with the name of its form.
    """
    known = {base64.b64decode(text): form for text, form in needles.items()}

    def look(content: bytes, where: str, source: str) -> dict[str, str] | None:
        form = next((form for text, form in known.items() if text in content), None)
        return {"where": where, "form": form, "source": source} if form else None

    for log in sorted((HOME / "log").iterdir()):
        if found := look(log.read_bytes(), f"the log of commit {log.stem[:7]}", f"less {log}"):
            return found
    registry = Registry()
    base = set((ask("test", "/images/drydock/python:1.0/json") or {}).get("RootFS", {}).get("Layers", []))
    seen: set[str] = set()
    for path in registry.tags():
        name, _, tag = path.removeprefix("/v2/").partition("/manifests/")
        image = f"registry:5000/{name}:{tag}"
        for manifest in registry.images(path):
            config = registry.ask("GET", f"/v2/{name}/blobs/{manifest['config']['digest']}")[2]
            if found := look(
                config, f"the history of the image {image}", f"docker history --no-trunc {image}"
            ):
                return found
            contents = json.loads(config).get("rootfs", {}).get("diff_ids", [])
            for layer, content in zip(manifest["layers"], contents, strict=False):
                if content in base or content in seen:
                    continue
                seen.add(content)
                blob = registry.ask("GET", f"/v2/{name}/blobs/{layer['digest']}")[2]
                blob = gzip.decompress(blob) if blob[:2] == b"\x1f\x8b" else blob
                if found := look(blob, f"a layer of the image {image}", f"docker save {image}"):
                    return found
    return {}


def back(commit_: str, images: dict[str, str]) -> dict[str, Any]:
    """Put main back to a commit, and services of production back to their images, by name."""
    end_pushes()
    git("update-ref", "refs/heads/main", commit_)
    docker = ["docker", "--host", os.environ["PRODUCTION"]]
    password = Path("/run/password/password").read_text()
    settings = {**os.environ, "HOME": SCRATCH}
    said = []
    there = state()["services"]
    for service, image in images.items():
        if there.get(service, image) == image:
            continue
        login = [*docker, "login", "--username", "pipeline", "--password-stdin", os.environ["REGISTRY"]]
        update = [*docker, "service", "update", "--quiet", "--with-registry-auth", "--image", image, service]
        for command, seconds in ((login, 20), (update, 60)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                done = subprocess.run(
                    command,
                    input=password if command is login else "",
                    text=True,
                    env=settings,
                    check=False,
                    capture_output=True,
                    timeout=seconds,
                )
                said.append(done.stderr.strip())
    return {"said": said}


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "push":
        print(json.dumps(push(json.loads(words[0]))))
    elif verb == "leaks":
        print(json.dumps(leaks(json.loads(words[0]))))
    elif verb == "back":
        print(json.dumps(back(words[0], json.loads(words[1]))))
    else:
        settle()
        print(json.dumps(state()))
