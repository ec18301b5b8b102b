"""What checks and containers measured, as pandas tables."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from checker.engine.capacity import working_set
from checker.errors import LabError, MisuseError
from checker.notebook.course import docker_client, fresh
from checker.notebook.needs import importing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

MB = 10**6

PATIENCE_SECONDS = 10.0
"""How long a sample of `watch_stats` may be missing; the engine sends one a second."""


def record(number: int | str, *, every: bool = False) -> pd.DataFrame:
    """Return what a lab's checks measured on this machine, from the record of progress.

    Args:
        number: the lab.
        every: every measurement that was ever kept, and not only the latest of each.

    Returns:
        A table with a row for each subject (such as `container` and `vm`) and a column for each measurement, its unit
        in the column's name, such as `first answer [s]`; with `every` a row for each subject and run, indexed by the
        run's beginning (`at`, local time) too. `attrs` has `lab`, `units` (column to unit) and `measured` (the
        beginning of the latest run).

    Raises:
        LabError: nothing was measured in this lab yet, or pandas is not installed.
    """
    course, lab, _ = fresh(number)
    kept = course.progress.history(lab.slug) if every else course.progress.measurements(lab.slug)
    if not kept:
        raise LabError(
            f"Lab {lab.number} has measured nothing on this machine yet.",
            remedy=f"Do its steps and check it: check({int(lab.number)}). What its checks measure is kept.",
        )
    pandas = importing("pandas")
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    units = {}
    for each in kept:
        column = f"{each.name} [{each.unit}]" if each.unit else each.name
        units[column] = each.unit
        rows.setdefault((each.subject, each.at) if every else (each.subject,), {})[column] = each.value
    frame = pandas.DataFrame(list(rows.values()), columns=list(units))
    if every:
        moments = pandas.to_datetime([at for _, at in rows], format="ISO8601", utc=True)
        subjects = [subject for subject, _ in rows]
        local = moments.tz_convert(_zone())
        frame.index = pandas.MultiIndex.from_arrays([subjects, local], names=["subject", "at"])
    else:
        frame.index = pandas.Index([subject for (subject,) in rows], name="subject")
    frame.attrs = {"lab": lab.slug, "units": units, "measured": max(each.at for each in kept)}
    return frame


def _zone() -> Any:
    import datetime as dt  # noqa: PLC0415 - rarely needed

    return dt.datetime.now().astimezone().tzinfo


def watch_stats(containers: str | Iterable[str], seconds: float = 10.0) -> pd.DataFrame:
    """Watch what containers take, as the engine tells it once a second.

    Args:
        containers: a name, or several.
        seconds: for how long.

    Returns:
        A table with a row for each sample: `container`; `at [s]`, seconds since watching began; `cpu [%]`, where 100
        is one core; `memory [MB]`, the working set as `docker stats` counts it (usage without files that were not
        read for a while), in 10^6 bytes.

    Raises:
        LabError: a container does not run, the engine is away, or pandas or the Docker SDK is not installed.
    """
    names = [containers] if isinstance(containers, str) else list(containers)
    if not names:
        raise MisuseError(
            "watch_stats needs the name of a container.", remedy='Such as watch_stats("parcel").'
        )
    pandas = importing("pandas")
    client = docker_client()
    try:
        found = [_running(client, name) for name in names]
        rows = list(_samples(found, seconds))
    finally:
        client.close()
    frame = pandas.DataFrame(rows, columns=["container", "at [s]", "cpu [%]", "memory [MB]"])
    frame.attrs = {"units": {"at [s]": "s", "cpu [%]": "%", "memory [MB]": "MB"}}
    return frame


def _running(client: Any, name: str) -> Any:
    """Return the SDK's container of this name.

    Raises:
        LabError: there is none, or it does not run.
    """
    try:
        container = client.containers.get(name)
    except importing("docker.errors").NotFound as error:
        raise LabError(f"There is no container `{name}`.", remedy="`docker ps` lists what runs.") from error
    if container.status != "running":
        raise LabError(
            f"The container `{name}` does not run; it is {container.status}.", remedy="Start it first."
        )
    return container


def _samples(containers: list[Any], seconds: float) -> Iterator[dict[str, Any]]:
    """Yield the rows of `watch_stats` as they come, until the time is over or a container has ended.

    Raises:
        LabError: the engine stops answering.
    """
    samples: queue.Queue[tuple[str, float, Mapping[str, Any] | None]] = queue.Queue()
    begin = time.monotonic()
    ended = threading.Event()
    for container in containers:
        threading.Thread(target=_follow, args=(container, samples, begin, ended), daemon=True).start()
    try:
        while (left := begin + seconds - time.monotonic()) > 0:
            try:
                name, at, said = samples.get(timeout=min(left, PATIENCE_SECONDS))
            except queue.Empty:
                if left <= PATIENCE_SECONDS:
                    return
                raise LabError(
                    f"The engine sent no sample for {PATIENCE_SECONDS:g} s.",
                    remedy="`lab doctor` looks at the engine.",
                ) from None
            if said is None:
                return  # it ended: what was seen until then is the answer
            row = sample(said)
            if row is not None:
                yield {"container": name, "at [s]": round(at, 2), **row}
    finally:
        ended.set()


def _follow(
    container: Any,
    samples: queue.Queue[tuple[str, float, Mapping[str, Any] | None]],
    begin: float,
    ended: threading.Event,
) -> None:
    """Pass on a container's samples until nobody listens any more, or it ends."""
    # A stream breaks in many ways, and each means that there is no more.
    with contextlib.suppress(Exception):
        for said in container.stats(stream=True, decode=True):
            if ended.is_set():
                return
            samples.put((container.name, time.monotonic() - begin, said))
    samples.put((container.name, time.monotonic() - begin, None))


def sample(said: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the CPU and memory of one sample; None for the first of a stream, which has no CPU to compare with.

    As `docker stats` computes it (docker/cli, calculateCPUPercentUnix): the container's share of the time of all
    cores since the sample before, times the number of cores.

    Args:
        said: a sample as the engine sends it.
    """
    now, before = said.get("cpu_stats") or {}, said.get("precpu_stats") or {}
    if not now.get("system_cpu_usage") or not before.get("system_cpu_usage"):
        return None
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    passed = now["system_cpu_usage"] - before["system_cpu_usage"]
    cores = now.get("online_cpus") or len(now["cpu_usage"].get("percpu_usage") or [1])
    cpu = used / passed * cores * 100 if passed > 0 and used >= 0 else 0.0
    return {
        "cpu [%]": round(cpu, 1),
        "memory [MB]": round(working_set(said.get("memory_stats") or {}) / MB, 2),
    }
