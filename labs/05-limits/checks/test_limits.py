"""Lab 05: four programs, and the kind of box that each needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from checker.grading.author import (
    Wanted,
    extra_rights,
    fail,
    guard,
    mounted_folders,
    require,
    timeout,
    wait_until,
)

from .programs import NAMES, PORTS, RIGHT
from .sheet import read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checker.grading.author import Container, Lab

    from .programs import Listener, Lying, Programs
    from .serving import Answer, Serving

SAID_LEAST = 12
"""So many characters of a message tell it from another."""

REFUSED = "exec format error"
"""The kernel's own words for a file that it cannot start. An engine and a shell, which is in a container too, add different words."""

NO_FILE = "no such file or directory"

STARTING_SECONDS = 15.0
"""How long a program may take from its start until it serves: 1 s measured, 6 s on an emulated processor, 12 s on a crowded machine."""

FIRST_SECONDS = 60.0
"""A check that has to try the programs itself; 3 s measured."""

VM_SECONDS = 60.0
"""A check that looks into the virtual machine; 1 s measured, 20 s on a crowded machine."""

WHY = {
    "ledger": "It brings its own library along and asks the kernel for nothing special, so any Linux kernel will do.",
    "seal": "Its instructions are those of another processor. A container has this machine's processor, and so has the "
    "virtual machine.",
    "flood": "It wants a part loaded into the kernel, and the kernel is nothing that a container has.",
    "clock": "It asks which kernel runs it, and in a container that is always the machine's.",
}

KERNEL = ("/lib/modules", "/usr/lib/modules", "/proc", "/sys")
"""Where the machine keeps its kernel's modules, and where its kernel is looked at and set."""

SOCKET = "/run/docker.sock"
"""Where an engine usually listens; with it, a container may start others with every right."""

FOR_KVM = ("--device /dev/kvm", "--device-cgroup-rule 'c 10:232 rwm'")
"""What a virtual machine's box may have: with it, `qemu` uses the machine's own processor."""


# -- the wall that stays up ------------------------------------------------------------------------------------


@guard
def test_no_privilege(lab: Lab, programs: Programs) -> None:
    """No container of yours is given the machine's kernel to change."""
    vm = str((lab.image("drydock/vm:1.0") or {}).get("Id"))
    for box in lab.containers():
        opened = _opened(box, programs.sockets, virtual=box.image_id == vm)
        require(
            not opened,
            f"`{box.name}` was started with `{opened}`. With that, it may do more on this machine than a container may. It still runs "
            "on the same kernel as everything here.",
            expected="containers with the rights that containers have",
            seen=f"{box.name}: {opened}, on kernel {programs.kernel}",
            source=f"docker inspect {box.name}",
            evidence=box.logs(2),
            hint=f"Lesson, “With all rights”, tried it, and showed the result. `docker rm -f {box.name}` removes the container.",
        )


def _opened(box: Container, sockets: Iterable[str] = (), *, virtual: bool = False) -> str:
    """Return the option that gave a container more rights than containers have; empty when there is none."""
    options = [*extra_rights(box), *mounted_folders(box, (*KERNEL, SOCKET, *sockets))]
    return next((each for each in options if not (virtual and each in FOR_KVM)), "")


# -- what each of them says ------------------------------------------------------------------------------------


@timeout(FIRST_SECONDS)
def test_messages_read(lab: Lab, programs: Programs) -> None:
    """The sheet has what each program said that does not run in a container."""
    sheet = read(lab)
    for name in NAMES:
        seen = programs.seen(name)
        if seen.runs:
            continue
        said = _plain(sheet.text(name, "said"))
        # A part of the sheet that is still empty claims nothing.
        if (said or sheet.text(name, "box")) and not _is_line_of(said, _plain(seen.output)):
            seen = programs.seen(name, again=True)
        if seen.runs:
            continue
        output = _plain(seen.output)
        source = f"docker run --rm {programs.image(name)}"
        require(
            said,
            f"`said` under `[{name}]` is empty, and {name} does not run in a container: what it says there is the way "
            "to its reason.",
            expected="a line that it printed",
            seen='said = ""',
            source=source,
            hint="Lesson, “Your turn”, step 1. Start it in a container and read what it prints.",
        )
        facts = {
            "expected": "a line of its output, copied",
            "seen": sheet.text(name, "said"),
            "source": source,
            "evidence": seen.output,
            "hint": "Start it once more with `docker run`, without `-d`, and copy a line as it stands.",
        }
        right = _is_line_of(said, output)
        require(
            right or name == "seal" or not ("python3" in said and NO_FILE in said) or "open file" in said,
            f"`said` under `[{name}]` is from a system without python3, where {name} did not even begin. The toolbox is such a system; "
            f"{name}'s own image brings python3.",
            **facts,
        )
        require(
            right,
            f"What the sheet says of {name} is not what it prints in a container of its image.",
            **facts,
        )


def _is_line_of(said: str, output: str) -> bool:
    """Whether the sheet has a part of what a program printed; both as `_plain` returns them."""
    if REFUSED in output and REFUSED in said:
        return True
    return (len(said) >= SAID_LEAST and said in output) or (len(output) >= SAID_LEAST and output in said)


def _plain(words: str) -> str:
    """Return a message as it compares: without the differences that copying makes."""
    return " ".join(words.replace("’", "'").split()).strip("\"'`").casefold()


@timeout(FIRST_SECONDS)
def test_boxes_named(lab: Lab, programs: Programs) -> None:
    """The sheet has the right box for each of the four."""
    sheet = read(lab)
    for name in NAMES:
        box = sheet.text(name, "box").casefold()
        require(
            box in {"container", "vm", "neither"},
            f"`box` under `[{name}]` is none of the three words."
            if box
            else f"`box` under `[{name}]` is empty.",
            expected='"container", "vm" or "neither"',
            seen=f'box = "{sheet.text(name, "box")}"',
            source=sheet.source,
            hint="Write one of the three, in quotes. To find which one, try it in a container first: if it does not run, it says there "
            "what it lacks.",
        )
        # By chance this machine's own kernel may be what a program asks for, or a translator of foreign instructions
        # be registered with it: then a container will do, and where else it runs is true all the same.
        seen = programs.seen(name)
        if box == "container" and not seen.runs:
            seen = programs.seen(name, again=True)
        allowed = {RIGHT[name]} | ({"container"} if seen.runs else set())
        if box not in allowed:
            _fail_box(name, box, programs)


def _fail_box(name: str, box: str, programs: Programs) -> None:
    seen = programs.seen(name)
    if box == "container":
        fail(
            f"{name} does not run in a container. {WHY[name]}",
            expected="a box in which it runs",
            seen=f'[{name}] box = "container"',
            source=f"docker run --rm {programs.image(name)}",
            evidence=seen.output,
            hint="Read the message word by word: what is it that it did not find, or found to be another?",
        )
    if box == "vm":
        said = programs.in_the_vm(name)
        require(
            "serving on port" not in said and "in use" not in said,
            f"In the virtual machine, {name} runs only with the library that was copied after it. To copy one file after "
            "the other into a box until a program works is an installation by hand; the program's image has all of its files.",
            expected="the box in which it runs with what it came with",
            seen=f'[{name}] box = "vm"',
            source=f"ssh vm ./{name}",
            evidence=said,
            hint="Which box brings a program's own files with it?",
        )
        fail(
            f"Copied into the virtual machine, {name} does not run. {WHY[name]}",
            expected="a box in which it runs",
            seen=f'[{name}] box = "vm"',
            source=f"scp {name} vm: && ssh vm ./{name}",
            evidence=said,
            hint="A virtual machine brings another kernel, and a system with its own files. Is that what it lacks?",
        )
    fail(
        f"{name} runs in one of the two. {WHY[name]}",
        expected="the box in which it runs",
        seen=f'[{name}] box = "neither"',
        source=f"docker run --rm {programs.image(name)}",
        evidence=seen.output,
        hint="What does it ask for, and which of the two boxes has one of its own?",
    )


@timeout(VM_SECONDS)
def test_kernels_compared(lab: Lab, programs: Programs) -> None:
    """The sheet has the release of both kernels."""
    sheet = read(lab)
    container, vm = sheet.text("kernel", "container"), sheet.text("kernel", "vm")
    guest = programs.report.kernel
    require(
        container and vm,
        "One of the two kernels is not in the sheet yet.",
        expected="a release for `container` and one for `vm`",
        seen=f'container = "{container}", vm = "{vm}"',
        source=sheet.source,
        hint="`uname --kernel-release` prints it, wherever it is typed. Lesson, “One kernel”.",
    )
    require(
        # A machine of the same system can have a kernel of the same release.
        guest == programs.kernel or not (container == guest and vm == programs.kernel),
        "The two kernels are swapped: the container's is the machine's own.",
        expected="the machine's own under `container`",
        seen=f'container = "{container}", vm = "{vm}"',
        source="uname --kernel-release; ssh vm uname --kernel-release",
        hint="The toolbox is a container.",
    )
    for said, right, source in ((container, programs.kernel, ""), (vm, guest, "ssh vm ")):
        require(
            said == right or not _is_cut(said, right),
            "A line under [kernel] has only the beginning of the kernel's release.",
            expected=f"all of what `{source}uname --kernel-release` prints",
            seen=said,
            source=f"{source}uname --kernel-release",
            evidence=right,
            hint="Copy the whole line: what stands behind the numbers belongs to the release.",
        )
        require(
            said == right or right not in said.split(),
            "A line under [kernel] has more than the release of the kernel.",
            expected=f"only what `{source}uname --kernel-release` prints",
            seen=said,
            source=f"{source}uname --kernel-release",
            evidence=right,
            hint="Keep the release between the quotes, and remove the rest.",
        )
    require(
        not container.startswith("2.6."),
        "That is the release that `setarch` makes the kernel report to a program. It is still the same kernel, and without "
        "`setarch` it says which one.",
        expected="what `uname --kernel-release` prints in any container",
        seen=f'container = "{container}"',
        source="uname --kernel-release",
        evidence=programs.kernel,
        hint="Lesson, “With all rights”: what did `boot_id` show there?",
    )
    require(
        container == programs.kernel,
        "That is not the kernel that containers run on here. An image brings a system's files; its kernel is not among "
        "them.",
        expected="what `uname --kernel-release` prints in any container",
        seen=f'container = "{container}"',
        source="uname --kernel-release",
        evidence=programs.kernel,
        hint="Lesson, “One kernel”: ask two containers of different systems.",
    )
    require(
        vm == guest,
        "That is not the kernel of the virtual machine.",
        expected="what `uname --kernel-release` prints in it",
        seen=f'vm = "{vm}"',
        source="ssh vm uname --kernel-release",
        evidence=guest,
        hint="The container that the virtual machine runs in has the machine's kernel; the guest in it has its own.",
    )


def _is_cut(said: str, release: str) -> bool:
    """Whether this is the beginning of a release, up to where one of its parts ends."""
    return bool(said) and release.startswith(said) and not release[len(said) :][:1].isalnum()


# -- each served by its kind of box ----------------------------------------------------------------------------


@timeout(VM_SECONDS)
def test_ledger_in_container(programs: Programs, serving: Serving) -> None:
    """A container serves ledger, on port 7001."""
    answers = [(box, each) for box, each in serving.in_containers("ledger") if each.program == "ledger"]
    good = [box for box, each in answers if each.boot == programs.boot]
    for box in good:
        serving.lab.require_steady(box)
    if good:
        _require_ledger(good, programs, serving)
        return
    elsewhere = serving.in_vm("ledger")
    require(
        elsewhere is None or elsewhere.program != "ledger",
        "ledger answers in the virtual machine, and in no container. It asks for nothing that a container lacks, and "
        "a whole machine is a high price for one program.",
        expected=f"a container of {programs.image('ledger')}",
        seen=f"http://vm:7001/ answers, on kernel {elsewhere.kernel if elsewhere else ''}",
        source="curl http://vm:7001/",
        hint="What did it need in the virtual machine that its image has already?",
    )
    boxes = sorted(serving.boxes_of("ledger"), key=lambda box: (box.running, box.status != "created"))
    if not boxes and (strays := serving.lab.unowned(programs.image("ledger"))):
        fail(
            f"`{strays[0].name}` was not started in the toolbox: it has no label of this lab, so it does not count as yours, and "
            "`lab stop 5` would not remove it.",
            expected=f"a container of {programs.image('ledger')}, started in the toolbox",
            seen=f"{strays[0].name}, without the label io.drydock.lab",
            source=f"docker inspect --format '{{{{.Config.Labels}}}}' {strays[0].name}",
            hint=f"Remove it with `docker rm -f {strays[0].name}`, and start it in the shell that `lab shell 5` opens.",
        )
    # One of another image that ends again and again answers nobody just now.
    for box in serving.lab.containers():
        if not boxes and "ledger" in box.main_command:
            serving.lab.require_steady(box)
    require(
        boxes,
        "No container of ledger's image is there.",
        expected=f"a container of {programs.image('ledger')}, running",
        seen="none",
        source=f"docker ps --all --filter ancestor={programs.image('ledger')}",
        hint="Of the four, this one starts with nothing but its image.",
    )
    box = boxes[-1]
    if box.status in {"created", "paused"}:
        serving.lab.require_container(Wanted(box.name))  # it says why
    require(
        box.running,
        f"`{box.name}` does not run.",
        expected="running",
        seen=f"{box.status}, exit code {box.exit_code}",
        source=f"docker logs {box.name}",
        evidence=box.logs(2),
        hint="Does it run in the background (`-d`)? Its log has its last words.",
    )
    fail(
        f"`{box.name}` runs, and nobody answers on its port 7001.",
        expected="an answer from http://ADDRESS:7001/ on a network of the container",
        seen="none" + ("" if any(box.networks.values()) else f"; {box.name} is on no network"),
        source=f"docker inspect {box.name}",
        evidence=box.logs(2),
        hint="On which network is it? The lesson's boxes are on drydock-05_lab.",
    )


def _require_ledger(boxes: list[Container], programs: Programs, serving: Serving) -> None:
    """Fail when another program answers as ledger in each of these containers."""
    proofs = {box.id: ("ledger", box.id, box.started_at) for box in boxes}
    for box in boxes:
        if serving.lab.recall(*proofs[box.id]) is not None:
            return
        if serving.is_unchanged(box, "ledger"):
            serving.lab.remember(*proofs[box.id])
            return
    box = boxes[-1]
    fail(
        f"What answers in `{box.name}` is not ledger as it came: another program gives its answer.",
        expected=f"a process that runs the file /usr/local/bin/ledger of {programs.image('ledger')}",
        seen=next((command for _, command in box.processes()), "no process")[:160],
        source=f"docker top {box.name}",
        hint="Start a container of ledger's own image, without a command of your own after the image's name.",
    )


@timeout(VM_SECONDS)
def test_flood_in_vm(programs: Programs, serving: Serving) -> None:
    """The virtual machine serves flood, on port 7003, with its module in the kernel."""
    _require_in_vm("flood", programs, serving)


@timeout(VM_SECONDS)
def test_clock_in_vm(programs: Programs, serving: Serving) -> None:
    """The virtual machine serves clock, on port 7004, on the kernel that it is certified for."""
    _require_in_vm("clock", programs, serving)


def _require_in_vm(name: str, programs: Programs, serving: Serving) -> None:
    answer = serving.in_vm(name) or _await_start(name, programs, serving)
    if answer is None or answer.program != name:
        in_one = any(each.program == name for _, each in serving.in_containers(name))
        if in_one and programs.seen(name, again=True).runs:
            return
        _fail_not_in_vm(name, programs, serving, answer.said if answer else {})
    there = serving.in_the_vm(name)
    if there is None:  # it has begun to serve since the virtual machine was looked at
        programs.look_again()
        there = serving.in_the_vm(name)
    files = there.files if there else {}
    if there and there.is_unchanged(programs.digest(name)):
        return
    facts = {
        "expected": f"a process that runs the file of {programs.image(name)}, SHA-256 {programs.digest(name)[:12]}…",
        "seen": f"{there.process.told if there else 'a process that nobody can look at'}; "
        + (", ".join(f"{path} is {digest[:12]}…" for path, digest in files.items()) or "it names no file"),
    }
    require(
        files,
        f"What answers on port {PORTS[name]} of the virtual machine cannot be compared with {name} as it came: it was not started "
        "from a file, or that file is no longer where it was.",
        **facts,
        source="ssh vm busybox ps",
        hint=f"Copy {name} into the virtual machine as a file, start that file, and leave it there.",
    )
    fail(
        f"What answers on port {PORTS[name]} of the virtual machine is not {name} as it came. A program that was "
        "changed until it runs proves nothing about the box, and a certificate or a test does not cover it.",
        **facts,
        source=f"ssh vm sha256sum {name}",
        hint="Copy it out of its image once more, unchanged. What it asks for, the virtual machine has.",
    )


def _await_start(name: str, programs: Programs, serving: Serving) -> Answer | None:
    """Return what a program answers that was started in the virtual machine just now; None if it runs nowhere there, or is stopped."""
    if programs.report.listeners.get(PORTS[name]):
        return serving.in_vm(name)  # it may have opened its port since it was asked
    lying = programs.lying(name)
    if not lying or not lying.process:
        return None
    wait_until(lambda: serving.in_vm(name), STARTING_SECONDS, every=0.5)
    programs.look_again()
    return serving.in_vm(name)


def _fail_silent(name: str, there: Listener, lying: Lying | None, *, own: bool) -> NoReturn:
    """Fail for a process that has a program's port in the virtual machine open, and does not give its answer."""
    facts = {
        "expected": f"{name}, answering at http://vm:{PORTS[name]}/",
        "seen": f"not its answer: {there.process.told}, state: {there.state or 'unknown'}",
        "evidence": lying.log if lying else "",
    }
    require(
        not there.state.startswith(("T", "t")),
        f"The program that has port {PORTS[name]} of the virtual machine open is stopped, so it answers nobody: Ctrl-Z, or a "
        "signal, stops a program without ending it.",
        **facts,
        source="ssh vm busybox ps -o pid,stat,args",
        hint="End it there with `kill -9` and its number, and start it with the line from the lesson, “A program moves into the VM”.",
    )
    require(
        own,
        f"Port {PORTS[name]} of the virtual machine belongs to another program than {name}.",
        **facts,
        source=f"curl http://vm:{PORTS[name]}/",
        hint="`ssh vm busybox ps` lists what runs there. End the other program, and start this one.",
    )
    fail(
        f"Port {PORTS[name]} of the virtual machine is open, and the program behind it ends each request without an answer.",
        **facts,
        source=f"curl http://vm:{PORTS[name]}/",
        hint="What does it need for each answer, and is that still there? Its own output says so: the lesson's line writes it to a "
        "file. `ssh vm lsmod` lists the kernel's modules."
        if name == "flood"
        else "Its own output says why: the lesson's line writes it to a file.",
    )


def _fail_not_in_vm(name: str, programs: Programs, serving: Serving, said: dict[str, Any]) -> None:
    port = PORTS[name]
    for box, answer in serving.in_containers(name):
        if answer.program != name:
            continue
        if answer.kernel == programs.kernel:
            fail(
                f"`{box.name}` answers as {name}, in a container, where {name} does not run: it is another program by "
                "now, and what the first one promised no longer holds.",
                expected=f"{name} as it came, in the virtual machine",
                seen=f"{box.name} serves on kernel {answer.kernel}",
                source=f"docker run --rm {programs.image(name)}",
                evidence=programs.seen(name).output,
                hint="Leave the program as it is. Which box has what it asks for?",
            )
        # Each run of a kernel has a name of its own, and only the virtual machine is another run.
        fail(
            f"`{box.name}` says that it runs on kernel {answer.kernel}, and it does not: it was made to believe so. It "
            "runs on the same kernel as every container here.",
            expected=f"{name} in the virtual machine, on its kernel",
            seen=f"the run of the kernel that {box.name} names is the toolbox's, {programs.boot[:8]}…",
            source="cat /proc/sys/kernel/random/boot_id",
            hint="What a program learns about its kernel can be changed; the kernel cannot, from inside a container.",
        )
    lying = None if said else programs.lying(name)
    if not said and (there := programs.report.listeners.get(port)):
        _fail_silent(name, there, lying, own=there.is_unchanged(programs.digest(name)))
    if lying and lying.process:
        fail(
            f"{name} runs in the virtual machine, as {lying.path}, and has not opened port {port} yet.",
            expected=f"{name}, answering at http://vm:{port}/",
            seen=f"no answer after {STARTING_SECONDS:g} s: {lying.process.told}",
            source="ssh vm busybox ps -o pid,stat,args",
            evidence=lying.log,
            hint="Is it still starting, or is it stopped (`T` in the list)? Check again in a moment; if nothing has changed, end it there with "
            "`kill -9` and its number, and start it again.",
        )
    if lying:
        fail(
            f"{name} is in the virtual machine, as {lying.path}, but it does not run there: nobody answers on port {port}.",
            expected=f"{name}, answering at http://vm:{port}/",
            seen="no answer" + ("" if lying.executable else f"; {lying.path} is not executable"),
            source=f"curl http://vm:{port}/",
            evidence=lying.log,
            hint=f"`ssh vm {lying.path}` shows what it prints. A program that was started in an `ssh` session may end with it: "
            "lesson, “A program moves into the VM”, shows a line that keeps it running.",
        )
    if not said and (around := programs.around_the_guest(name)):
        fail(
            f"{name} is in the container around the virtual machine, as {around}, and not in the virtual machine. That container has "
            "this machine's kernel, as every container.",
            expected=f"{name} in the guest, answering at http://vm:{port}/",
            seen="no answer",
            source="docker diff drydock-05-vm-1",
            hint="`docker cp` and `docker exec` reach the container, `scp` and `ssh vm` the guest in it: lesson, “A program moves into "
            "the VM”.",
        )
    # One that was only created is what a file is copied out of.
    boxes = [box for box in serving.boxes_of(name) if box.status != "created"]
    if boxes and not said:
        fail(
            f"{name} was started in a container, and nobody answers on port {port} of the virtual machine. {WHY[name]}",
            expected=f"{name}, answering at http://vm:{port}/",
            seen=f"{boxes[-1].name}, a container: {boxes[-1].status}, exit code {boxes[-1].exit_code}",
            source=f"docker logs {boxes[-1].name}",
            evidence=boxes[-1].logs(2),
            hint="Which box has a kernel of its own? Lesson, “A program moves into the VM”.",
        )
    fail(
        f"Nobody answers on port {port} of the virtual machine."
        if not said
        else f"Port {port} of the virtual machine is answered by somebody else.",
        expected=f"{name}, answering at http://vm:{port}/",
        seen=str(said) if said else "no answer",
        source=f"curl http://vm:{port}/",
        hint="Is it there, and does it still run? `ssh vm` and `busybox ps` show it; a program that was started in a "
        "shell may end with it. Lesson, “A program moves into the VM”.",
    )
