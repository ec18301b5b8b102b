"""Lab 03: two versions that cannot share a box, and a neighbour that must harm neither."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from checker.grading.author import (
    could_not_run,
    fail,
    guard,
    last_lines,
    moment,
    needs,
    require,
    timeout,
    wait_until,
)

from .limits import NO_LIMIT, Memory, read_cpu, read_memory
from .three import (
    CRUNCHER,
    LEDGER,
    START_SECONDS,
    V1,
    V2,
    VERSIONS,
    Asked,
    find,
    mb,
    of_each,
    present,
    require_answer,
    require_own_port,
    require_running,
    require_said,
)
from .walls import other_user, reaches_into_host, require_nothing_shared

if TYPE_CHECKING:
    from checker.grading.author import Container, Engine, Lab, Outside

MEMORY_MOST = 256 << 20
"""What the task allows the neighbour."""

SWAP_MOST = 2 * MEMORY_MOST
"""Without a setting for swap, an engine allows as much of it as of memory."""

CORES_MOST = 1.0

CORES_LEAST = 0.1
"""With less, the neighbour may not reach 256 MB in a round; with a tenth of a core it took 8 s."""

KILL_SECONDS = 60.0
"""How long the neighbour is waited for: what it does now and one more round, 25 s each; 12 s measured with 256 MB and half a core."""

ROOM = 64 << 20
"""With less than this left under its limit, nothing is started in the neighbour; its service takes 30 MB of it."""

ROOM_SECONDS = 5.0
"""How long its worker may take for that; with a whole core it takes 8 MB in a tenth of a second."""

MEDIAN_MS = 100.0
SLOWEST_MS = 2000.0
"""How long a quote may take while the neighbour is being killed; 4 and 20 ms measured on two busy cores."""

AROUND_SECONDS = 2.0

SLOW_SECONDS = 40.0
"""How long a look inside may take: in a container that gets a hundredth of a core, a command takes a second."""


# -- the walls that were there before anybody typed anything ---------------------------------------------------


@guard
def test_host_kept_out(lab: Lab) -> None:
    """None of the three reaches into the machine itself."""
    for asked, container in present(lab).items():
        option, opened = reaches_into_host(container)
        require(
            not option,
            f"`{asked.name}` was started with `{option}`, which opens to it {opened}. That takes a wall down; this lab "
            "is about putting walls up.",
            expected="none of --privileged, --network host, --pid host and their like",
            seen=f"{asked.name}: {option}",
            source=f"docker inspect {asked.name}",
            hint="None of the three needs more than its image asks for. Lesson, “What a container walls off”.",
        )


@guard
def test_neighbour_unchanged(lab: Lab) -> None:
    """The neighbour is the program that came with the lab."""
    container = find(lab, CRUNCHER)
    image = lab.image(CRUNCHER.image)
    if container is None or image is None:
        return
    require_as_given(lab, CRUNCHER, container, image)
    require(
        container.image_id == image["Id"],
        f"`cruncher` runs the image {container.image}, and not {CRUNCHER.image}. The task is to limit the neighbour that came with the "
        "lab, as it is.",
        expected=f"{CRUNCHER.image}, {image['Id'][7:19]}",
        seen=f"{container.image}, {container.image_id[7:19]}",
        source="docker inspect --format '{{.Config.Image}}' cruncher",
        hint="Lesson, “Your turn”, says which image this container runs.",
    )
    changed = lab.changed_files(container)
    require(
        not changed,
        f"The files in `cruncher` are not those of {CRUNCHER.image} any more. A neighbour is seldom yours to rewrite; this one is to be "
        "contained as it is.",
        expected=f"the programs and settings in cruncher as {CRUNCHER.image} has them",
        seen=changed[0] if changed else "",
        source="docker inspect cruncher" if container.mounts else "docker diff cruncher",
        evidence="\n".join(changed[:5]),
        hint="Lesson, “Your turn”, says what may be changed and what not.",
    )


@guard
def test_versions_unchanged(lab: Lab) -> None:
    """What is in the images of both versions is as it came, in their containers too."""
    for asked in VERSIONS:
        container, image = find(lab, asked), lab.image(asked.image)
        if container is None or image is None or container.image_id != image["Id"]:
            continue  # another image is told by the check that asks it
        require_as_given(lab, asked, container, image)
        changed = lab.changed_files(container)
        require(
            not changed,
            f"The files in `{asked.name}` are not those of {asked.image} any more. The task is to run it beside the other as "
            "it is; the next container of this image has nothing of the change.",
            expected=f"the programs and settings in {asked.name} as {asked.image} has them",
            seen=changed[0] if changed else "",
            source=f"docker inspect {asked.name}" if container.mounts else f"docker diff {asked.name}",
            evidence="\n".join(changed[:5]),
            hint="Remove this container and run a new one. Lesson, “Your turn”, says what may be chosen.",
        )


def require_as_given(lab: Lab, asked: Asked, container: Container, image: dict[str, Any]) -> None:
    """Fail unless the image's name is on the image that came with the lab, and the container runs as the image's user."""
    version = (image["Config"].get("Labels") or {}).get("org.opencontainers.image.version")
    replaced = lab.replaced(asked.image) or (f"version {version}" if version != asked.version else "")
    short = asked.image.removeprefix("drydock/").partition(":")[0]
    require(
        not replaced,
        f"The name {asked.image} was given to another image: every container that is made from it now runs something else. "
        "The task is to run the three programs as they are.",
        expected="the image that was there when the lab was started",
        seen=replaced,
        source=f"docker image inspect {asked.image}",
        evidence=str(image["Id"]),
        hint=f"`lab images build {short}` makes the course's image again, and `lab reset 3` starts from it.",
    )
    user = other_user(lab, container, image) if container.image_id == image["Id"] else ""
    require(
        not user,
        f"`{asked.name}` runs as another user or group than the one that its image names. The task keeps the users as they are.",
        expected=f"user {image['Config'].get('User')}, without an option for it",
        seen=f"user {user}",
        source=f"docker inspect --format '{{{{.Config.User}}}}' {asked.name}",
        hint="Lesson, “Your turn”, says what may be chosen, and what not. Which option of your command names a user?",
    )


# -- two versions side by side ---------------------------------------------------------------------------------


@timeout(START_SECONDS + 30)
def test_v1_answers(lab: Lab, outside: Outside) -> None:
    """Version 1 answers on port 8091, with library 1."""
    container = require_running(lab, V1)
    # One box for both is told where the second is missed.
    if find(lab, V2):
        require_image(lab, V1, container)
    require_version(V1, require_answer(lab, outside, V1, container))


@timeout(START_SECONDS + 30)
def test_v2_answers(lab: Lab, outside: Outside) -> None:
    """Version 2 answers on port 8092 at the same time, with library 2."""
    container = require_running(lab, V2)
    require_image(lab, V2, container)
    require_version(V2, require_answer(lab, outside, V2, container))


def require_image(lab: Lab, asked: Asked, container: Container) -> None:
    """Fail when it runs another image than one of the two versions; its answer says which of the two it is."""
    images = [lab.image(each.image) for each in VERSIONS]
    if not all(images):
        could_not_run(
            "The images of the two versions are not there to compare with; `lab start 3` brings them back."
        )
    if container.image_id in {image["Id"] for image in images if image}:
        return
    user = str(container.attrs["Config"].get("User") or "")
    fail(
        f"`{asked.name}` runs {container.image}, and the task keeps the images as they are: version {asked.version} is "
        f"{asked.image}."
        + (
            " This one has no user of its own, so the service runs as root, and someone who breaks into it may change every file."
            if user.partition(":")[0] in {"", "0", "root"}
            else ""
        ),
        expected=asked.image,
        seen=f"{container.image}, {container.image_id[7:19]}, user: {user or 'root'}",
        source=f"docker inspect --format '{{{{.Config.Image}}}}' {asked.name}",
        hint="Lesson, “Your turn”: which images are to be kept as they are? The box was there to see the two collide.",
    )


def require_version(asked: Asked, said: dict[str, Any]) -> None:
    """Fail unless the answer comes from this version, computing with its own library."""
    require(
        said.get("version") == asked.version and str(said.get("library")).startswith(asked.library),
        f"Port {asked.port} is answered by the wrong version: who asks for tariff {asked.version} is quoted the price "
        "of another.",
        expected=f"version {asked.version} with {asked.library}x",
        seen=f"version {said.get('version')} with {said.get('library')}",
        source=f"curl {asked.url}/",
        hint=f"`docker ps`, column IMAGE: which one does `{asked.name}` run?",
    )


@needs("v1-answers", "v2-answers")
@timeout(SLOW_SECONDS)
def test_own_ledger(lab: Lab, outside: Outside) -> None:
    """What one version writes, the other never sees."""
    mark = f"check-{secrets.token_hex(4)}"
    boxes = {asked: require_running(lab, asked) for asked in VERSIONS}
    ledger = str(require_said(lab, outside, V1, boxes[V1]).get("ledger") or LEDGER)
    files = {asked: container.host().file(ledger) for asked, container in boxes.items()}
    for writer, reader in ((V1, V2), (V2, V1)):
        reply = outside.post(f"{writer.url}/orders", mark, timeout=5.0)
        try:
            found = of_each(lambda asked: files[asked].contains(mark))
            require(
                reply.ok and found[writer],
                f"`{writer.name}` was sent an order, and its ledger does not have it.",
                expected=f"a line {mark} in {ledger} of {writer.name}",
                seen=reply.summary,
                source=f"docker exec {writer.name} cat {ledger}",
                hint=f"May {writer.name} write there? `docker logs {writer.name}` may say more.",
            )
            require(
                not found[reader],
                f"An order for `{writer.name}` is in the ledger of `{reader.name}`: both write to one file, in two "
                "formats, and each will break what the other wrote.",
                expected=f"{mark} in the ledger of {writer.name} alone",
                seen=f"{mark} in both",
                source=f"docker exec {reader.name} cat {ledger}",
                hint=f"`docker inspect {reader.name}`, section Mounts.",
            )
        finally:
            outside.send("DELETE", f"{writer.url}/orders", body=mark, timeout=5.0)


# -- the neighbour, contained ----------------------------------------------------------------------------------


@timeout(START_SECONDS + 30)
def test_neighbour_in_service(lab: Lab, outside: Outside) -> None:
    """The neighbour is in service, on port 8093."""
    neighbour = CRUNCHER.of(lab)
    container = require_running(lab, neighbour)
    require_own_port(lab, neighbour, container)
    # Where the kernel may not kill, a container at its limit freezes; the next check says so better than a time-out.
    if not container.host_config.get("OomKillDisable"):
        require_answer(lab, outside, neighbour, container)


@needs("neighbour-in-service")
@timeout(KILL_SECONDS + ROOM_SECONDS + 10)
def test_neighbour_memory(lab: Lab, outside: Outside) -> None:
    """The neighbour was stopped by a memory limit of its own, 256 MB at most."""
    container = require_running(lab, CRUNCHER)
    source = "docker inspect --format '{{.HostConfig.Memory}}' cruncher"
    if container.host_config.get("OomKillDisable"):
        _fail_way_round(
            container, "may not be killed at it, only frozen, with all that is in it: nobody is served"
        )
    if 0 < int(container.host_config.get("Memory") or 0) <= MEMORY_MOST and not _kills_seen(lab, outside):
        _await_another_kill(lab, outside)
    # The kernel may end the service itself if a command starts beside a worker that is dying of its limit.
    wait_until(lambda: _has_room(lab, container, outside), ROOM_SECONDS, every=0.1)
    memory = read_memory(container)
    expected = f"a memory limit on cruncher, {mb(MEMORY_MOST)} at most"
    if memory.limit >= NO_LIMIT // 2:
        _fail_unlimited(lab, outside, expected, source)
    ceiling = int(_neighbour_says(lab, outside).get("ceiling_mb") or 0) << 20
    require(
        memory.limit < ceiling or not ceiling,
        f"cruncher's limit is {mb(memory.limit)}, and it never takes more than {mb(ceiling)}: a limit that is never "
        "reached limits nothing.",
        expected=expected,
        seen=f"limit {mb(memory.limit)}",
        source=source,
        hint="Lesson, “The neighbour moves in”: how much did it hold when nothing held it?",
    )
    require(
        memory.limit <= MEMORY_MOST,
        f"cruncher's limit is {mb(memory.limit)}; the task leaves it {mb(MEMORY_MOST)} at most. What it may take, "
        "nobody else can count on.",
        expected=expected,
        seen=f"limit {mb(memory.limit)}",
        source=source,
        hint="Lesson, “Your turn”, has the numbers.",
    )
    if memory.swap > SWAP_MOST:
        _fail_way_round(
            container,
            "may put as much as it likes into swap: then the disk is what everybody waits for"
            if memory.swap >= NO_LIMIT // 2
            else f"may put {mb(memory.swap)} into swap beside it, and the task allows {mb(SWAP_MOST)}: then the disk is what "
            "everybody waits for",
        )
    if memory.kills or container.reload().oom_killed:
        _require_no_other(lab, container)
        return
    _require_to_get_there(container, memory)
    fail(
        f"cruncher has a limit of {mb(memory.limit)}, and has not met it: no process of it was killed for want of "
        "memory, although it was asked for another round.",
        expected="a worker killed by the kernel when it reaches the limit",
        seen=memory.told,
        source="docker logs cruncher",
        evidence=last_lines(container, 4),
        hint="`docker logs --follow cruncher` shows what it holds; `docker stats cruncher` what it may hold.",
    )


def _require_no_other(lab: Lab, container: Container) -> None:
    """Fail if a neighbour without a limit is left from an earlier try, under another name."""
    others = [item for item in lab.containers() if item.image_id == container.image_id and item.running]
    free = [item.name for item in others if item.id != container.id and not item.host_config.get("Memory")]
    require(
        not free,
        f"`cruncher` is limited, and a second neighbour runs without a memory limit: `{' and '.join(free)}`.",
        expected=f"no other container of {CRUNCHER.image} without a limit",
        seen=f"running: {', '.join(item.name for item in others)}",
        source=f"docker ps --filter ancestor={CRUNCHER.image}",
        hint="What is left of an earlier attempt? `docker rm -f NAME` removes it.",
    )


def _require_to_get_there(container: Container, memory: Memory) -> None:
    """Fail if another of its limits keeps the neighbour from ever reaching the memory limit."""
    log = last_lines(container, 20)
    cores = read_cpu(container).cores
    facts = {
        "expected": "a worker killed by the kernel when it reaches the limit",
        "seen": memory.told,
        "source": "docker logs cruncher",
        "evidence": "\n".join(log.splitlines()[-4:]),
    }
    require(
        not re.search("worker failed|Error", log),
        f"cruncher runs into an error before it reaches its memory limit of {mb(memory.limit)}: something else is too little for it.",
        **facts,
        hint="`docker inspect cruncher`, section HostConfig: PidsLimit and Ulimits. Did you limit more than memory and CPU?",
    )
    require(
        cores is None or cores >= CORES_LEAST,
        f"cruncher does not reach its memory limit of {mb(memory.limit)}: with {cores or 0:g} of a core it grows too slowly for that, "
        "and after 25 s each round ends.",
        **facts,
        hint="The last lines of its log say how much it held. How much of a core does it have?",
    )


def _neighbour_says(lab: Lab, outside: Outside) -> dict[str, Any]:
    said: dict[str, Any] = outside.get(f"{CRUNCHER.of(lab).url}/", timeout=5.0).json()
    return said


def _await_another_kill(lab: Lab, outside: Outside) -> None:
    """Ask the neighbour for another round, and wait for a kill, or until that round is over."""
    before = _neighbour_says(lab, outside)
    asked = int(before.get("round") or 0) + 1
    outside.post(f"{CRUNCHER.of(lab).url}/again", timeout=5.0)
    at_work = False

    def over() -> bool:
        nonlocal at_work
        now = _neighbour_says(lab, outside)
        begun = int(now.get("round") or 0)
        # A round has its number before it has a worker.
        was, at_work = at_work, begun == asked and now.get("state") == "crunching"
        killed = int(now.get("killed") or 0) > int(before.get("killed") or 0)
        return killed or begun > asked or (was and not at_work)

    wait_until(over, KILL_SECONDS, every=0.25)


def _kills_seen(lab: Lab, outside: Outside) -> int:
    """Return how many kills the neighbour has seen since it started, each counted when it was over.

    Its service is asked: while the kernel frees a killed worker's memory, every command started in the same container
    asks for more, and another process of it may have to die for that. Its log has the kills of earlier starts too.
    """
    return int(_neighbour_says(lab, outside).get("killed") or 0)


def _has_room(lab: Lab, container: Container, outside: Outside) -> bool:
    """Whether its worker does not run, or is far from the limit; after a kill, it rests for 15 s."""
    limit = int(container.host_config.get("Memory") or 0)
    holds = int(_neighbour_says(lab, outside).get("holds_mb") or 0) << 20
    return not limit or not holds or holds + ROOM <= limit


def _fail_way_round(container: Container, how: str) -> None:
    given = container.host_config
    fail(
        f"cruncher has a way round its limit: it {how}.",
        expected="a limit at which the kernel ends what goes beyond it",
        seen=f"OomKillDisable: {str(bool(given.get('OomKillDisable'))).lower()}, MemorySwap: {given.get('MemorySwap')}",
        source="docker inspect cruncher",
        hint="Which of your options speaks of swap, or of the OOM killer? The lesson's wall needs neither.",
    )


def _all(lab: Lab) -> dict[str, Container]:
    """Return every container that can have been given a limit in place of the neighbour, by name, the task's own first."""
    box = lab.container("tariff-box")
    others = {item.name: item for item in (*lab.containers(), *([box] if box else ()))}
    return {asked.name: item for asked, item in present(lab).items()} | others


def _fail_unlimited(lab: Lab, outside: Outside, expected: str, source: str) -> None:
    limits = {name: int(item.host_config.get("Memory") or 0) for name, item in _all(lab).items()}
    told = ", ".join(f"{name} {mb(limit) if limit else 'no limit'}" for name, limit in limits.items())
    if held := [name for name, limit in limits.items() if limit]:
        fail(
            f"The memory limit is on `{held[0]}`, and not on `cruncher`, which takes all it finds. A limit holds the one that has it; "
            "it does not shield it from others.",
            expected=expected,
            seen=told,
            source=source,
            hint="`docker stats`, column LIMIT: on which line does it matter?",
        )
    ulimits = {str(found.get("Name")) for found in present(lab)[CRUNCHER].host_config.get("Ulimits") or ()}
    each = sorted(ulimits & {"data", "rss", "memlock", "stack"})
    require(
        not each,
        f"cruncher has a limit for each of its processes, `--ulimit {' '.join(each)}`, and none for all of them together: a program takes "
        "more by starting more processes.",
        expected=expected,
        seen=told,
        source=source,
        hint="Lesson, “A wall around memory”: which option did `hungry` have?",
    )
    said = _neighbour_says(lab, outside)
    reserved = int(present(lab)[CRUNCHER].host_config.get("MemoryReservation") or 0)
    require(
        not reserved,
        f"cruncher has a reservation of {mb(reserved)}, and no memory limit. A reservation is what it should keep when memory "
        "is short on the machine; while there is more, it takes more, and nothing is killed.",
        expected=expected,
        seen=f"{told}; MemoryReservation: {mb(reserved)}",
        source=source,
        evidence=f"cruncher holds {said.get('holds_mb')} MB at this moment, {said.get('state')}",
        hint="Lesson, “A wall around memory”: which option did `hungry` have? A Compose file has a word for each of the two.",
    )
    fail(
        f"cruncher has no memory limit: all that is left on this machine is its own, until it stops by itself at "
        f"{said.get('ceiling_mb')} MB. Another neighbour would not stop.",
        expected=expected,
        seen=told,
        source=source,
        evidence=f"cruncher holds {said.get('holds_mb')} MB at this moment, {said.get('state')}",
        hint="Lesson, “A wall around memory”, puts one up around another program.",
    )


@needs("neighbour-in-service")
def test_neighbour_cpu(lab: Lab) -> None:
    """The neighbour may fill one core at most."""
    container = require_running(lab, CRUNCHER)
    given = container.host_config
    expected = "a limit on cruncher of one core or less"
    source = "docker inspect --format '{{.HostConfig.NanoCpus}} {{.HostConfig.CpuQuota}} {{.HostConfig.CpusetCpus}}' cruncher"
    if given.get("OomKillDisable"):
        fail(
            "Whether cruncher's CPU is bounded cannot be seen while it may freeze at its memory limit.",
            expected=expected,
            seen="OomKillDisable: true",
            source="docker inspect cruncher",
            hint="See the check before this one.",
        )
    cpu = read_cpu(container)
    if cpu.cores is not None:
        require(
            cpu.cores <= CORES_MOST,
            f"cruncher may fill {cpu.cores:g} cores; on a machine with two that leaves too little for two others.",
            expected=expected,
            seen=f"{cpu.cores:g} cores",
            source=source,
            hint="Lesson, “Your turn”, has the numbers.",
        )
        return
    bounded = [name for name, item in _all(lab).items() if _has_cpu_limit(item)]
    require(
        not bounded,
        f"The CPU limit is on `{' and '.join(bounded)}`, not on `cruncher`: it slows down the one that was to be "
        "protected, and leaves the noisy one every core.",
        expected=expected,
        seen=f"limited: {', '.join(bounded)}; cruncher: no limit",
        source=source,
        hint="`docker inspect` on all three: whose NanoCpus is not 0?",
    )
    require(
        not given.get("CpuShares"),
        f"cruncher has {given.get('CpuShares')} CPU shares: a weight, which says who goes first when every core is "
        "wanted. While the others pause it fills them all, so nothing is bounded.",
        expected=expected,
        seen=f"CpuShares: {given.get('CpuShares')}, no quota, every core",
        source=source,
        hint="Lesson, “A wall around CPU”: a weight and a limit are two things.",
    )
    require(
        cpu.nice <= 0,
        f"cruncher runs at nice {cpu.nice}: polite is not bounded. It lets others go first, and fills every core "
        "whenever they pause.",
        expected=expected,
        seen=f"nice {cpu.nice}, no quota, every core",
        source="docker exec cruncher cat /proc/1/stat",
        hint="Lesson, “A wall around CPU”: who enforces it, the program or the kernel?",
    )
    fail(
        "cruncher has no CPU limit: it computes with a thread for every core, and everybody else waits for a turn.",
        expected=expected,
        seen="no quota, every core",
        source=source,
        hint="Lesson, “A wall around CPU”, puts one up around another program.",
    )


def _has_cpu_limit(container: Container) -> bool:
    given = container.host_config
    return any(given.get(field) for field in ("NanoCpus", "CpuQuota", "CpusetCpus"))


# -- nobody harmed ---------------------------------------------------------------------------------------------


@needs("v1-answers", "v2-answers", "neighbour-memory", "neighbour-cpu")
@timeout(KILL_SECONDS + 15)
def test_others_hold(lab: Lab, outside: Outside) -> None:
    """While the neighbour was being killed, both versions kept answering in good time."""
    boxes = {asked: require_running(lab, asked) for asked in VERSIONS}
    killed = _last_killed(lab, outside)
    records = _paces(outside, killed)
    if not all(record.get("quotes") for record in records.values()):
        # The last kill is older than one of the two: watch another one.
        _await_another_kill(lab, outside)
        killed = _last_killed(lab, outside)
        wait_until(
            lambda: all(record.get("quotes") for record in _paces(outside, killed).values()), 5.0, every=0.25
        )
        records = _paces(outside, killed)
    for asked, container in boxes.items():
        _require_unharmed(asked, container.reload(), killed)
    replies = of_each(lambda asked: outside.get(f"{asked.url}/quote?grams=500", timeout=5.0))
    for asked, record in records.items():
        now = replies[asked]
        median, slowest = (
            float(record.get("median_ms", SLOWEST_MS)),
            float(record.get("slowest_ms", SLOWEST_MS)),
        )
        if (
            record.get("quotes")
            and median <= MEDIAN_MS
            and slowest <= SLOWEST_MS
            and now.ok
            and now.ms <= SLOWEST_MS
        ):
            continue
        container = require_running(lab, asked)
        given = container.host_config
        narrow = any(given.get(field) for field in ("Memory", "NanoCpus", "CpuQuota"))
        weak = any(given.get(field) for field in ("CpusetCpus", "CpuShares"))
        fail(
            f"`{asked.name}` was slow while the neighbour was at work: "
            + (
                "walls are in place, and it has no room within its own."
                if narrow
                else "it has to share its cores with others, and gets too little of them."
                if weak
                else "it has no limit of its own, so something else takes the CPU that it needs."
            ),
            expected=f"quotes within {MEDIAN_MS:.0f} ms at the median and {SLOWEST_MS:.0f} ms at the worst",
            seen=f"{median:g} ms and {slowest:g} ms around the last kill; now {now.ms:g} ms"
            + (f" ({now.error})" if now.error else ""),
            source=f"curl {asked.url}/pace",
            evidence=f"limits of {asked.name}: memory {mb(given.get('Memory') or NO_LIMIT)}, CPU {_told_cpu(container)}",
            hint=f"`docker stats {asked.name}`: is it limited itself, and to how much?"
            if narrow or weak
            else "`docker stats` without a name: which other container uses the CPU?",
        )


def _require_unharmed(asked: Asked, container: Container, killed: float) -> None:
    """Fail if it was restarted in the seconds around the kill; what happened before is no harm that this neighbour did."""
    if not container.restarts or moment(container.started_at) < killed - AROUND_SECONDS:
        return
    fail(
        f"`{asked.name}` was itself ended and started again: the one to be protected was harmed.",
        expected="no restart around the kill",
        seen=f"restarted {container.restarts} times, OOMKilled: {str(container.oom_killed).lower()}",
        source=f"docker inspect {asked.name}",
        evidence=last_lines(container, 3),
        hint=f"`docker stats {asked.name}`, column LIMIT: has it room to work?",
    )


def _told_cpu(container: Container) -> str:
    given = container.host_config
    told = []
    if given.get("NanoCpus"):
        told.append(f"{given['NanoCpus'] / 1e9:g} cores")
    if (given.get("CpuQuota") or 0) > 0:
        told.append(f"{given['CpuQuota'] / (given.get('CpuPeriod') or 100_000):g} cores")
    if given.get("CpusetCpus"):
        told.append(f"only core {given['CpusetCpus']}")
    if given.get("CpuShares"):
        told.append(f"weight {given['CpuShares']} of 1024")
    return ", ".join(told) or "no limit"


def _last_killed(lab: Lab, outside: Outside) -> float:
    return float(_neighbour_says(lab, outside).get("last_killed") or 0.0)


def _pace(outside: Outside, asked: Asked, moment: float) -> dict[str, float]:
    if not moment:
        return {}
    window = f"from={moment - AROUND_SECONDS:.3f}&to={moment + AROUND_SECONDS:.3f}"
    found: dict[str, float] = outside.get(f"{asked.url}/pace?{window}", timeout=5.0).json()
    return found


def _paces(outside: Outside, moment: float) -> dict[Asked, dict[str, float]]:
    return of_each(lambda asked: _pace(outside, asked, moment))


@needs("v1-answers", "v2-answers", "neighbour-memory")
@timeout(SLOW_SECONDS)
def test_nothing_shared(lab: Lab, engine: Engine) -> None:
    """No two of the three share a network that somebody made, a volume or a folder."""
    require_nothing_shared(lab, engine)
