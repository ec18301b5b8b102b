"""One container with things to find, seen through our backend and through testinfra's own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import testinfra

import checker.grading.testinfra_backend  # noqa: F401 - registers the backend under its name
from checker.engine.api import NotFoundError
from checker.engine.client import find_client
from checker.engine.shell import Shell
from tests.conftest import TOOLS, reserved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.engine.api import Engine

DOCKERFILE = f"""
FROM {TOOLS}
LABEL io.drydock.image=""
RUN groupadd --gid 4242 crew && useradd --uid 4243 --gid crew --groups daemon --create-home --shell /bin/bash zoe \\
 && printf 'first\\nsecond é\\n' > /srv/plain.txt && chown zoe:crew /srv/plain.txt && chmod 640 /srv/plain.txt \\
 && ln -s /srv/plain.txt /srv/link && mkfifo /srv/pipe && printf 'a\\000b\\377' > /srv/binary \\
 && mkdir -p "/srv/a folder/with \\"quotes\\" and \\$dollar" && printf x > "/srv/it's here" \\
 && printf '#!/bin/sh\\nexit 3\\n' > /usr/local/bin/three && chmod 755 /usr/local/bin/three \\
 && printf '#!/bin/sh\\nexit 0\\n' > /etc/init.d/ferry && printf '#!/bin/sh\\nexit 3\\n' > /etc/init.d/barge \\
 && chmod 755 /etc/init.d/ferry /etc/init.d/barge && mkdir -p /etc/rc3.d && ln -s ../init.d/ferry /etc/rc3.d/S01ferry
ENV COLOUR="deep blue"
HEALTHCHECK NONE
STOPSIGNAL SIGKILL
ENTRYPOINT []
CMD ["bash", "-c", "perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalAddr => q(127.0.0.1:8080), Listen => 1); sleep' & exec -a worker sleep 100000 & while :; do (echo hi | timeout 1 cat > /dev/null); sleep 100; done"]
"""


@dataclass(frozen=True)
class Pair:
    """One container through two backends."""

    ours: Any
    theirs: Any
    name: str


@pytest.fixture(scope="module")
def hosts(_connected: Engine) -> Iterator[Pair]:
    """Give the container's host through both; it is removed at the end.

    It carries the label of the run's lab, as all that the tests make: what a later test of that lab clears away
    would be this container too, so it ends with the tests that look at it.
    """
    client = find_client(_connected.endpoint)
    number = reserved()
    image = f"drydock-test-found:{number}"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(DOCKERFILE)
        tar.addfile(info, io.BytesIO(DOCKERFILE.encode()))
    built = subprocess.run(
        client.command("build", "--quiet", "--label", f"io.drydock.lab={number}", "--tag", image, "-"),
        input=archive.getvalue(),
        env=client.environment(),
        capture_output=True,
        timeout=180,
        check=False,
    )
    assert built.returncode == 0, built.stderr.decode()
    name = f"drydock-test-{number}-found"
    body = {"Image": image, "HostConfig": {"Init": True, "Tmpfs": {"/scratch": "size=4m,noexec"}}}
    container = _connected.post("/containers/create", body, name=name)["Id"]
    before = dict(os.environ)
    shell = None
    try:
        _connected.post(f"/containers/{container}/start")
        shell = Shell(_connected, container)
        shell.run("setsid python3 -c pass 2>/dev/null; true")
        # testinfra's own backend runs `docker`: it is to be the one that works, and to speak to the same engine.
        os.environ.update(client.environment())
        os.environ["PATH"] = f"{client.path.parent}{os.pathsep}{os.environ['PATH']}"
        yield Pair(testinfra.get_host(f"drydock://{name}"), testinfra.get_host(f"docker://{name}"), name)
    finally:
        os.environ.clear()
        os.environ.update(before)
        if shell is not None:
            shell.close()
        # What is gone already must not keep the rest from being removed.
        with contextlib.suppress(NotFoundError):
            _connected.delete(f"/containers/{container}", force=True, v=True)
        with contextlib.suppress(NotFoundError):
            _connected.delete(f"/images/{image}", force=True)
