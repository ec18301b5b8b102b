"""Lab 04: what a container and a virtual machine cost, measured; and as many of each as fit in 512 MiB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import (
    Reason,
    Wanted,
    could_not_run,
    fail,
    guard,
    killed_by_kernel,
    moment,
    needs,
    past_events,
    require,
    timeout,
)

from .own import CONTAINER, TITLES, VM, Own, Sample
from .sheet import FILE, SOURCE, count, measurements
from .shelf import PROGRAM, SHELF_MIB, Shelves

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

    from .sheet import Measurements

SOONER_TIMES = 4.0
LATER_TIMES = 4.0
LATER_SLACK_S = 6.0
"""How far the two times may lie apart: a machine is now idle and now busy, and half a second soon becomes five."""
HOPELESS_TIMES = 8.0
"""So far apart, another measurement would change nothing."""
MEMORY_TIMES = 1.3
MEMORY_SLACK_MIB = 4.0
GUEST_LEAST_MIB = 20.0
"""A guest never sees less than this in use; a smaller number is that of something else."""
DISK_TIMES = 1.5
DISK_SLACK_MB = 5.0

OVER = 1.05
"""How far a shelf may be over: what runs breathes."""
ROOM = 0.92
"""Of a shelf to which another box would still fit, how much would be used then."""

LESS = 0.9
"""Of what a box takes without a memory limit, how much one takes at most that the limit has made smaller."""

SMALLER, LARGER = 0.7, 1.6
"""Of what a box takes as it comes, between which parts a box may lie that counts as one of these."""

SWAPPED = 0.03
"""Of what boxes take, how much may be on the machine's disk: less changes no verdict."""

NAMED_MOST = 6
"""So many boxes are named in a message."""

MEASURE_SECONDS = 150.0
"""A VM of the checker's own, three times at most."""

TABLES = {CONTAINER: "container", VM: "vm"}


# -- the boxes as they come ------------------------------------------------------------------------------------


@guard
def test_images_unchanged(lab: Lab) -> None:
    """The two images are those that the lab provides."""
    for image in (CONTAINER, VM):
        replaced = lab.replaced(image)
        require(
            not replaced,
            f"The name {image} was given to another image: what is started from it now, by you or by the checker, is another box.",
            expected="the image that was there when the lab was started",
            seen=replaced,
            source=f"docker image inspect {image}",
            hint=f"`lab images build {image.removeprefix('drydock/').partition(':')[0]}` makes the course's image again, and "
            "`lab reset 4` starts from it.",
        )


@guard
def test_vm_unchanged(shelves: Shelves) -> None:
    """Each of your virtual machines has the memory it comes with, 128 MiB."""
    for box in shelves.boxes[VM]:
        asked = box.env.get("VM_MEMORY") or "128"
        require(
            asked == "128",
            f"`{box.name}` was built smaller or larger than the others: the comparison is of boxes as they come.",
            expected="VM_MEMORY unset, or 128",
            seen=f"VM_MEMORY={asked}",
            source=f"docker inspect --format '{{{{.Config.Env}}}}' {box.name}",
            hint="Lesson, “Your turn”, says what may be chosen and what not.",
        )
    for box in shelves.running(VM):
        has = shelves.guest_mib(box)
        require(
            has in {128, None},
            f"The virtual machine in `{box.name}` is smaller or larger than the others: the comparison is of boxes as they come.",
            expected="qemu with 128 MiB, as the image starts it",
            seen=f"qemu with {has} MiB",
            source=f"docker top {box.name}",
            hint=f"`docker rm -f {box.name}` removes it. Start a VM without an entrypoint or a command of your own.",
        )


# -- the sheet -------------------------------------------------------------------------------------------------


def test_file_filled(lab: Lab) -> None:
    """measurements.toml has a number for each cost of one box of each."""
    measurements(lab)


@needs("file-filled")
@timeout(MEASURE_SECONDS)
def test_first_answer(lab: Lab, own: Own) -> None:
    """The times to the first answer are what the checker measures too."""
    read = measurements(lab)
    for image in (CONTAINER, VM):
        samples = own.samples(image)
        lab.record("first answer", samples[-1].first_answer_s, "s", TABLES[image])
    told = ((VM, read.vm.first_answer_s), (CONTAINER, read.container.first_answer_s))
    # With KVM, the two times may lie so near that the container's is the longer one by chance.
    if any(not _passes(image, said, own) for image, said in told) and swapped(read, own, "first_answer_s"):
        _fail_swapped("first_answer_s")
    for image, said in told:
        samples = own.samples(image)
        while not _passing(image, samples)[0] <= said <= _passing(image, samples)[1]:
            before, last = len(samples), samples[-1].first_answer_s
            if not last / HOPELESS_TIMES < said < last * HOPELESS_TIMES:
                _fail_time(image, said, samples)
            # Measured again only where it matters: perhaps the machine was busy.
            samples = own.again(image)
            if len(samples) == before:
                _fail_time(image, said, samples)


def _passes(image: str, said: float, own: Own) -> bool:
    soonest, latest = _passing(image, own.samples(image))
    return soonest <= said <= latest


def _passing(image: str, samples: list[Sample]) -> tuple[float, float]:
    """Return the least and the largest time that passes, in seconds."""
    fastest = min(samples, key=lambda each: each.first_answer_s)
    soonest = fastest.first_answer_s / SOONER_TIMES
    if image == VM:
        # With KVM a guest boots within a second or so; what `docker run` takes must not pass for that.
        returned = min(each.returned_s for each in samples)
        soonest = max(soonest, min(fastest.first_answer_s / 2, 1.2 * returned))
    else:
        # A container is there nearly as soon as `docker run` returns; who measured less than this measured neither.
        soonest = min(soonest, 0.1)
    return soonest, max(each.first_answer_s for each in samples) * LATER_TIMES + LATER_SLACK_S


def _fail_time(image: str, said: float, samples: list[Sample]) -> None:
    seen, last = f"{said:g} s in {FILE}", samples[-1]
    soonest, latest = _passing(image, samples)
    expected = f"about {last.first_answer_s:.1f} s; from {soonest:.1f} s to {latest:.0f} s passes"
    title = TITLES[image]
    if said > 100 * last.first_answer_s:
        fail(
            f"The time to the {title}'s first answer is some thousand times what the checker measures: it seems to "
            "be in milliseconds.",
            expected=expected,
            seen=seen,
            source=SOURCE,
            hint="`first_answer_s` is in seconds. Lesson, “The first answer”.",
        )
    if said < last.returned_s / 2 and soonest <= 60 * said <= latest:
        fail(
            f"The time to the {title}'s first answer is less than `docker run` takes: it seems to be in minutes.",
            expected=expected,
            seen=seen,
            source=SOURCE,
            hint="`first_answer_s` is in seconds; `time` writes minutes before the `m`. Lesson, “The first answer”.",
        )
    if image == VM and said < soonest and said <= 2 * last.returned_s + 0.5:
        fail(
            "The time for the VM is about what `docker run` takes, which returns when the box is started. Nobody is served "
            "then: the machine in it has yet to boot.",
            expected=expected,
            seen=f"{seen}; the checker's own `docker run` returned after {last.returned_s:.1f} s, and the first "
            f"answer came after {last.first_answer_s:.1f} s",
            source=SOURCE,
            hint="Lesson, “The first answer”: what does the loop behind `docker run` wait for?",
        )
    fail(
        f"The time to the {title}'s first answer is not what the checker measures on this machine.",
        expected=expected,
        seen=seen,
        source=SOURCE,
        hint="Measure from before `docker run` to the first answer, on a machine that does nothing else. Lesson, “The "
        "first answer”.",
    )


@needs("file-filled")
@timeout(MEASURE_SECONDS)
def test_memory(lab: Lab, own: Own) -> None:
    """The memory in use is what the checker measures too."""
    read = measurements(lab)
    for image in (CONTAINER, VM):
        lab.record("memory", own.samples(image)[-1].memory_mib, "MiB", TABLES[image])
    if swapped(read, own, "memory_mib"):
        _fail_swapped("memory_mib")
    for image, said in ((CONTAINER, read.container.memory_mib), (VM, read.vm.memory_mib)):
        samples = own.samples(image)
        if not _near(said, [each.memory_mib for each in samples], MEMORY_TIMES, MEMORY_SLACK_MIB):
            _fail_memory(image, said, samples[-1])


def _fail_memory(image: str, said: float, own: Sample) -> None:
    title = TITLES[image]
    expected = f"about {own.memory_mib:.1f} MiB; a factor of {MEMORY_TIMES:g} either way passes"
    seen = f"{said:g} MiB in {FILE}"
    source = 'docker stats --no-stream --format "{{.Name}} {{.MemUsage}}"'
    if any(abs(said - limit) < 0.01 * limit for limit in (own.limit_mib, own.limit_mib / 1024)):
        fail(
            f"The {title}'s memory is its limit, the number after the slash: the most that it may take. Without a limit "
            "that is this machine's whole memory.",
            expected=expected,
            seen=f"{seen}; limit of the checker's own: {own.limit_mib / 1024:.2f} GiB",
            source=source,
            hint="The column has two numbers. Lesson, “Memory”, says what each is.",
        )
    if said > 300 * own.memory_mib or said < own.memory_mib / 300:
        fail(
            f"The {title}'s memory is some thousand times off what the checker measures: it seems to be in another "
            "unit.",
            expected=expected,
            seen=seen,
            source=source,
            hint="`memory_mib` is in MiB, as `docker stats` writes it: 1 GiB is 1024 of them.",
        )
    if image == VM and GUEST_LEAST_MIB <= said <= 1.1 * 128:
        fail(
            "The VM's memory is what the machine inside has, or sees in use, or was read before it had booted. What this "
            "machine pays is more: the guest's whole memory, once touched, and the program that emulates its hardware.",
            expected=expected,
            seen=seen,
            source=source,
            hint="Ask the engine, not the guest, and when the VM answers. Lesson, “Memory”.",
        )
    if own.memory_mib < said and own.with_cache_mib / 1.3 <= said <= 1.3 * own.with_cache_mib:
        fail(
            f"The {title}'s memory counts the cache: pages of files that the kernel keeps because nobody needs the "
            "room, and drops as soon as somebody does.",
            expected=expected,
            seen=f"{seen}; with its cache, the checker's own takes {own.with_cache_mib:.0f} MiB",
            source=source,
            hint="Lesson, “Memory”, reads both numbers and tells them apart.",
        )
    fail(
        f"The {title}'s memory is not what the checker measures on this machine.",
        expected=expected,
        seen=seen,
        source=source,
        hint="Which line of `docker stats` is it, and which of its columns? A health check that runs at that moment adds to it: "
        "read it once more. Lesson, “Memory”.",
    )


@needs("file-filled")
@timeout(MEASURE_SECONDS)
def test_disk(lab: Lab, own: Own) -> None:
    """The disk that one more takes is what the checker measures too."""
    read = measurements(lab)
    for image in (CONTAINER, VM):
        lab.record("disk", own.samples(image)[-1].disk_mb, "MB", TABLES[image])
    if swapped(read, own, "disk_mb"):
        _fail_swapped("disk_mb")
    for image, said in ((CONTAINER, read.container.disk_mb), (VM, read.vm.disk_mb)):
        samples = own.samples(image)
        if not _near(said, [each.disk_mb for each in samples], DISK_TIMES, DISK_SLACK_MB):
            _fail_disk(lab, image, said, samples[-1])


def _fail_disk(lab: Lab, image: str, said: float, own: Sample) -> None:
    title = TITLES[image]
    expected = f"about {own.disk_mb:.1f} MB" + ("" if image == VM else f"; below {DISK_SLACK_MB:g} MB passes")
    seen = f"{said:g} MB in {FILE}"
    source = 'docker ps --size --format "{{.Names}} {{.Size}}"'
    size = float((lab.image(image) or {}).get("Size") or 0) / 1e6
    if _near(said, [own.virtual_mb], 1.15, 1.0):
        fail(
            f"The {title}'s disk is its virtual size, which counts the image as well. The image is there once, however "
            "many run from it.",
            expected=expected,
            seen=f"{seen}; virtual size of the checker's own: {own.virtual_mb:.0f} MB",
            source=source,
            hint="The column SIZE has two numbers. Lesson, “Disk”.",
        )
    if _near(said, [size], 1.1, 1.0):
        fail(
            f"The {title}'s disk is the size of its image. That is paid for once; asked is what one more adds.",
            expected=expected,
            seen=f"{seen}; size of {image}: {size:.0f} MB",
            source=source,
            hint="Lesson, “Disk”: which of its numbers grows with every box?",
        )
    thousands = any(0.5 * own.disk_mb <= said / times <= 2 * own.disk_mb for times in (1000.0, 1e6))
    if thousands or said > 300 * max(own.disk_mb, 1.0) or said < own.disk_mb / 300:
        fail(
            f"The {title}'s disk is some thousand times off what the checker measures: it seems to be in another unit.",
            expected=expected,
            seen=seen,
            source=source,
            hint="`disk_mb` is in MB. `docker ps --size` writes the unit behind each number: 1000 kB are 1 MB, 1 GB is 1000 MB.",
        )
    fail(
        f"The {title}'s disk is not what the checker measures on this machine.",
        expected=expected,
        seen=seen,
        source=source,
        hint="Which line of `docker ps --size` is it, and which of its two numbers? Lesson, “Disk”.",
    )


def swapped(read: Measurements, own: Own, field: str) -> bool:
    """Whether the container's number is the VM's, and the other way round."""
    times = MEMORY_TIMES if field == "memory_mib" else SOONER_TIMES
    container, vm = getattr(read.container, field), getattr(read.vm, field)
    return (
        container > vm
        and _near(container, [getattr(each, field) for each in own.samples(VM)], times, 0.0)
        and _near(vm, [getattr(each, field) for each in own.samples(CONTAINER)], times, DISK_SLACK_MB)
    )


def _fail_swapped(field: str) -> None:
    fail(
        f"The container's `{field}` and the VM's are swapped: each is near what the checker measures of the other.",
        expected="the container's number under [container], the VM's under [vm]",
        seen=f"{field} of the container is larger than that of the VM",
        source=SOURCE,
        hint="Which box was which? `docker ps` lists names beside images.",
    )


def _near(said: float, measured: list[float], times: float, slack: float) -> bool:
    """Whether a number lies within a factor, or a slack, of what was measured at least and at most."""
    return min(measured) / times - slack <= said <= max(measured) * times + slack


# -- the two shelves -------------------------------------------------------------------------------------------


@needs("file-filled")
@timeout(60.0)
def test_vms_answer(lab: Lab, shelves: Shelves) -> None:
    """As many VMs as the sheet says run, and each answers."""
    _require_answering(shelves, VM, count(lab, "vms"))


@needs("vms-answer")
@timeout(MEASURE_SECONDS)
def test_vms_fit(lab: Lab, shelves: Shelves, own: Own) -> None:
    """The VMs take 512 MiB at most, and not one more would fit."""
    _require_full(lab, shelves, own, VM)


@needs("file-filled")
@timeout(60.0)
def test_containers_answer(lab: Lab, shelves: Shelves) -> None:
    """As many containers as the sheet says run, and each answers."""
    _require_answering(shelves, CONTAINER, count(lab, "containers"))


@needs("containers-answer")
@timeout(MEASURE_SECONDS)
def test_containers_fit(lab: Lab, shelves: Shelves, own: Own) -> None:
    """The containers take 512 MiB at most, and not one more would fit."""
    _require_full(lab, shelves, own, CONTAINER)


def _require_answering(shelves: Shelves, image: str, said: int) -> None:
    title, running = TITLES[image], shelves.running(image)
    ended = [box for box in shelves.boxes[image] if not box.running]
    if len(running) < said:
        _tell_of_others(shelves, image, said)
        if len(running) + len(ended) >= said:
            few = f"only {len(running)} {'runs' if len(running) == 1 else 'run'} of the {said} on the sheet"
            _tell_of_ended(shelves, ended[0], few)
        fail(
            f"The sheet counts {_several(said, title)}, and only {len(running)} {'runs' if len(running) == 1 else 'run'}. "
            + (_why_not(ended[0]) if ended else "One that was never started serves nobody."),
            expected=f"{_several(said, title)} of {image}, running",
            seen=f"{len(running)} running"
            + (f"; {ended[0].name} is {ended[0].status}" if ended else "")
            + (
                f", exit code {ended[0].exit_code}"
                if ended and ended[0].status not in {"created", "paused"}
                else ""
            ),
            source=f"docker ps --all --filter ancestor={image}",
            evidence=ended[0].logs(2) if ended else "",
            hint="A number that was computed is a guess until as many run. Lesson, “Step 2”.",
        )
    if len(running) > said:
        fail(
            f"{_several(len(running), title)} run, and the sheet counts {said}: which of the two is what fits?",
            expected=f"{said} running, as in {FILE}",
            seen=f"{len(running)} running"
            + (f": {', '.join(box.name for box in running)}" if len(running) <= NAMED_MOST else ""),
            source=f"docker ps --filter ancestor={image}",
            hint="Those that you measured stand on the shelf as well, and so does each that you started earlier and left.",
        )
    for box in running:
        shelves.lab.require_steady(box)
    if silent := shelves.silent(image):
        fail(
            f"`{silent[0].name}` runs, and does not answer: a box that serves nobody fits everywhere.",
            expected="HTTP 200 on port 8080 of each",
            seen=f"{len(silent)} of {len(running)} do not answer"
            + ("" if any(silent[0].networks.values()) else f"; {silent[0].name} is on no network"),
            source=f"docker logs {silent[0].name}",
            evidence=silent[0].logs(2),
            hint="A VM needs a few seconds to boot, longer when several boot at once. What does its log say last?"
            if image == VM
            else f"Does Parcel run in it, on port 8080? `docker logs {silent[0].name}` shows what it printed.",
        )

    if found := shelves.imposter(image):
        box, other = found
        fail(
            f"`{box.name}` runs no virtual machine: another program answers in its container, and takes less."
            if image == VM
            else f"What answers in `{box.name}` is not Parcel as it is in the image: a smaller program fits more often.",
            expected="qemu, with a guest in it" if image == VM else f"python3 {PROGRAM}",
            seen=other,
            source=f"docker top {box.name}",
            hint="Start it without an entrypoint, a command or a mount of your own.",
        )


def _tell_of_ended(shelves: Shelves, box: Container, purpose: str) -> None:
    """End the check for a box that was started and does not run, unless the number on the sheet says enough about it."""
    refused = box.attrs["State"].get("Error")
    # Not every engine says that memory was why; a kill by a person leaves an event.
    events = past_events(shelves.lab.engine, box.id, since=moment(box.created) - 1) if box.exit_code else []
    killed = box.oom_killed or (bool(events) and killed_by_kernel(box, events))
    if box.status == "paused" or killed or (box.status == "created" and not refused):
        return
    hints = {
        Reason.REFUSED: "What does the engine's message name? A port of this machine leads to one container only, and no box on "
        "the shelf needs a published port. Remove the boxes that could not start before you start others.",
        Reason.ENGINE_STOPPED: "`docker --help` lists the command that starts a stopped container again, as it was; it takes "
        "several names.",
    }
    shelves.lab.require_container(Wanted(box.name, purpose=purpose, hints=hints))


def _why_not(box: Container) -> str:
    """Return why a box that does not run serves nobody."""
    if box.status == "paused":
        return f"`{box.name}` is paused: its processes are frozen, so it answers nobody. `docker unpause` lets them go on."
    if box.status == "created":
        return f"`{box.name}` was created and never started, so it serves nobody."
    if box.oom_killed:
        return "One that has ended serves nobody. Its memory limit is too low: the kernel ended it."
    return "One that has ended serves nobody."


def _tell_of_others(shelves: Shelves, image: str, said: int) -> None:
    """End the check when boxes that do not count make up the number on the sheet."""
    title, running = TITLES[image], shelves.running(image)
    kind = image.removeprefix("drydock/").partition(":")[0]
    counted = {box.id for box in running}
    others = [
        box
        for box in shelves.lab.containers()
        if box.running and box.id not in counted and box.labels.get("io.drydock.image") == kind
    ]
    if others and len(running) + len(others) >= said:
        fail(
            f"The sheet counts {_several(said, title)}; {_several(len(others), 'container')} of these run{'s' * (len(others) == 1)} "
            f"from {others[0].image}, which is another image.",
            expected=f"{_several(said, title)} of {image}, running",
            seen=f"{len(running)} of {image}; {others[0].name} is of {others[0].image}",
            source="docker ps",
            hint="Compare the IMAGE column of `docker ps` with the task.",
        )
    strays = [box for box in shelves.lab.unowned(image) if box.running]
    if strays and len(running) + len(strays) >= said:
        fail(
            f"{_several(len(strays), title)} of {image} run{'s' * (len(strays) == 1)} without the label of this lab: they were not "
            "started in the toolbox, so they do not count as yours, and `lab stop 4` would not remove them.",
            expected=f"{_several(said, title)} of {image}, started in the toolbox",
            seen=f"{len(running)} started in the toolbox; {strays[0].name} was not",
            source=f"docker inspect --format '{{{{.Config.Labels}}}}' {strays[0].name}",
            hint="Remove them with `docker rm -f`, and start them in the shell that `lab shell 4` opens.",
        )
    if image == VM and len(shelves.boxes[image]) == len(running) == said - 1:
        fail(
            f"The sheet counts {_several(said, title)}. You started {len(running)}: the lab's own, which `lab start` booted, does "
            "not count.",
            expected=f"{_several(said, title)} of {image} that you started, running",
            seen=f"{len(running)} running, and the lab's own",
            source=f"docker ps --filter ancestor={image}",
            hint="If one more of yours fits in the 512 MiB, start it; if not, correct the sheet.",
        )


def _require_full(lab: Lab, shelves: Shelves, own: Own, image: str) -> None:
    shelves.memory(image)
    count, title = len(shelves.running(image)), TITLES[image]
    lab.record("fit in 512 MiB", count, "boxes", TABLES[image])
    source = 'docker stats --no-stream --format "{{.Name}} {{.MemUsage}}"'
    # At its limit, a box may take what it takes anyway, or have moved the rest to swap.
    for box, limit, used in shelves.at_limit(image):
        free = min(sample.memory_mib for sample in own.samples(image))
        require(
            used > LESS * free,
            f"`{box.name}` has a memory limit of {limit:g} MiB and has reached it: without the limit it would take more. So the sum "
            "does not tell how many fit.",
            expected="boxes without a memory limit, or with one that they do not reach",
            seen=f"{box.name}: {used:.1f} MiB; the checker's own {title}, without a limit: {free:.1f} MiB",
            source=source,
            hint="Start it again without `--memory`.",
        )
    _require_usual(lab, shelves, own, image)
    total = shelves.memory(image)
    each = total / count
    lab.record("memory on the shelf", total, "MiB", TABLES[image])
    require(
        total <= SHELF_MIB * OVER,
        f"The memory of {_several(count, title)} is more than the shelf has.",
        expected=f"{SHELF_MIB:g} MiB at most, together",
        seen=f"{total:.0f} MiB, {each:.1f} MiB each",
        source=source,
        hint="How often does one go into 512? Lesson, “Step 2”.",
    )
    if total + each <= SHELF_MIB * ROOM:
        _require_none_swapped(shelves, shelves.running(image))
    require(
        total + each > SHELF_MIB * ROOM,
        f"There is room left on the {title}s' shelf: as many as fit was the question.",
        expected=f"so many that one more would go over {SHELF_MIB:g} MiB",
        seen=f"{_several(count, title)} on {total:.0f} MiB; {int((SHELF_MIB - total) / each)} more would fit",
        source=source,
        hint="What is left of 512, and what does one take?",
    )


def _require_usual(lab: Lab, shelves: Shelves, own: Own, image: str) -> None:
    """Fail for a box that takes much less or much more than one as it comes: then the count is not of such boxes."""
    title = TITLES[image]
    free = [sample.written_mib for sample in own.samples(image)]
    if not min(free):
        return
    source = 'docker stats --no-stream --format "{{.Name}} {{.MemUsage}}"'
    expected = f"about {min(free):.1f} MiB without the files that it read, as the checker's own {title} takes"
    for box, used in shelves.smaller_than(image, SMALLER * min(free)):
        changed = lab.changed_files(box) if image == CONTAINER else []
        if not changed:
            _require_none_swapped(shelves, [box])
        fail(
            f"What runs in `{box.name}` is not what its image has: a smaller program fits more often."
            if changed
            else f"`{box.name}` takes much less memory than one as it comes, so something made it smaller. The sum does not tell how "
            "many fit.",
            expected=expected,
            seen=f"{box.name}: {used:.1f} MiB" + (f"; changed: {changed[0]}" if changed else ""),
            source=f"docker diff {box.name}" if changed else source,
            hint=f"`docker rm -f {box.name}` removes it. Start another one as the lesson does, and change nothing in it.",
        )
    for box, used in shelves.larger_than(image, LARGER * max(free)):
        fail(
            f"`{box.name}` takes much more memory than one as it comes, so something else in it fills the shelf. The sum does not "
            "tell how many fit.",
            expected=expected,
            seen=f"{box.name}: {used:.1f} MiB",
            source=source,
            hint=f"`docker top {box.name}` lists its processes; files in /dev/shm or in a tmpfs are memory, too.",
        )


def _require_none_swapped(shelves: Shelves, boxes: list[Container]) -> None:
    """End the check without a verdict if this machine has moved memory of these boxes to its disk: they seem to take less."""
    swapped = shelves.swapped(boxes)
    if sum(swapped.values()) < SWAPPED * sum(shelves.memory_of(box) for box in boxes):
        return
    most = max(boxes, key=lambda box: swapped[box.id])
    could_not_run(
        f"This machine is short of memory: it has moved {sum(swapped.values()):.0f} MiB of your boxes to its disk, of `{most.name}` "
        f"{swapped[most.id]:.1f} MiB, so what they take cannot be told. Stop other programs, start the boxes again "
        f"(`docker restart`), and check again."
    )


def _several(count: int, title: str) -> str:
    return f"{count} {title}{'' if count == 1 else 's'}"
