"""Traffic: what it takes of a processor while its service answers, is gone, or hangs; and how fast its record is read."""

from __future__ import annotations

import contextlib
import secrets
import time
from typing import TYPE_CHECKING, Any

from timing import BenchmarkError, Series

from checker.authoring.measure import container_memory
from checker.engine.api import ROLE, NotFoundError, connect
from checker.engine.shell import Shell
from checker.images.supply import ensure
from checker.timeline.traffic import FOLDER, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.engine.api import Engine

SECONDS = 20.0
"""How long each state of the service is watched."""

WARM_SECONDS = 4.0
"""Longer than a request is waited for, so that what was before has ended."""

READS = 15

HEAD = ("", "of a core", "requests a second", "failed")

_FILL = f"""
import time
end = time.time() - 60
for number in (3, 2, 1):
    with open("{FOLDER}/record." + str(number), "w") as file:
        for line in range(59000):
            at = end - number * 2360 + line / 25
            file.write('["r",%.3f,2.1,200,null,"1.0","3f2a9c51d0e4","fresh"]\\n' % at)
"""
"""Writes what the sender writes in two hours."""


def measure() -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return the rows about sending, and those about reading.

    Raises:
        BenchmarkError: it does not get to send.
    """
    engine = connect()
    parcel, image = (each.reference for each in ensure(["parcel:1.0", "traffic:1.0"], engine=engine))
    with (
        _network(engine) as network,
        _container(engine, network, parcel, "parcel") as service,
        _container(engine, network, image, "traffic", "DRYDOCK_TRAFFIC_TO=http://parcel:8080/") as sender,
    ):
        shell = Shell(engine, sender)
        reader = Traffic(shell)
        rows = [_watch(engine, sender, reader, "every request answered")]
        memory = container_memory(engine, sender)
        engine.post(f"/containers/{service}/pause")
        rows.append(_watch(engine, sender, reader, "the service hangs"))
        engine.post(f"/containers/{service}/unpause")
        engine.post(f"/containers/{service}/kill")
        rows.append(_watch(engine, sender, reader, "the service is gone"))
        rows.append(("memory", f"{memory / 1e6:.0f} MB", "", ""))
        return rows, _reads(shell, reader)
    raise AssertionError  # the block returns


def _watch(engine: Engine, sender: str, reader: Traffic, state: str) -> tuple[str, ...]:
    time.sleep(WARM_SECONDS)
    begin, before, moment = time.monotonic(), _cpu(engine, sender), reader.now()
    time.sleep(SECONDS)
    share = (_cpu(engine, sender) - before) / (time.monotonic() - begin)
    seen = reader.since(moment)
    if not seen.requests:
        raise BenchmarkError("the traffic recorded no request")
    rate = len(seen.requests) / (seen.end - seen.begin)
    return state, f"{share:.2%}", f"{rate:.1f}", f"{len(seen.failures)} of {len(seen.requests)}"


def _cpu(engine: Engine, container: str) -> float:
    """Return the seconds of processor time that a container has had, its health check included."""
    found = engine.get(f"/containers/{container}/stats", stream=False, **{"one-shot": True})
    return float(found["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9


def _reads(shell: Shell, reader: Traffic) -> list[tuple[str, ...]]:
    filled = shell.run(f"python3 -I -S -c '{_FILL.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}'")
    if filled.rc:
        raise BenchmarkError(f"the record could not be filled: {filled.stderr}")
    rows = []
    for what, seconds in (
        ("the last minute", 60.0),
        ("the last five minutes", 300.0),
        ("half an hour", 1800.0),
    ):
        series, count = Series(), 0
        for _ in range(READS):
            begin = time.perf_counter()
            count = len(reader.last(seconds).requests)
            series.seconds.append(time.perf_counter() - begin)
        rows.append((what, str(series), f"{count} requests"))
    begin = time.perf_counter()
    everything = reader.everything()
    read = time.perf_counter() - begin
    rows.append(("all of it", f"{read:.3f} s", f"{len(everything.requests)} requests"))
    begin = time.perf_counter()
    everything.rollouts()
    everything.outages()
    rows.append(("its rollouts and outages", f"{time.perf_counter() - begin:.3f} s", ""))
    series = Series()
    for _ in range(READS):
        begin = time.perf_counter()
        reader.mark("a mark")
        series.seconds.append(time.perf_counter() - begin)
    rows.append(("a mark left", str(series), ""))
    return rows


@contextlib.contextmanager
def _network(engine: Engine) -> Iterator[str]:
    name = f"drydock-benchmark-{secrets.token_hex(4)}"
    made = engine.post("/networks/create", {"Name": name, "Labels": {ROLE: "checker"}})["Id"]
    try:
        yield name
    finally:
        engine.delete(f"/networks/{made}")


@contextlib.contextmanager
def _container(engine: Engine, network: str, image: str, alias: str, *env: str) -> Iterator[str]:
    body: dict[str, Any] = {
        "Image": image,
        "Env": list(env),
        "Labels": {ROLE: "checker"},
        "HostConfig": {"NetworkMode": network, "Init": True},
        "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": [alias]}}},
    }
    made = str(engine.post("/containers/create", body)["Id"])
    try:
        engine.post(f"/containers/{made}/start")
        yield made
    finally:
        with contextlib.suppress(NotFoundError):
            engine.delete(f"/containers/{made}", force=True, v=True)
