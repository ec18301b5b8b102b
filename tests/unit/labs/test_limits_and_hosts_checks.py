"""What labs 04, 05 and 06 read from records and logs: whose a container is, what a process runs, which request had to wait."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.grading.author import Lab, Process
from checker.grading.verdicts import CheckFailed, CouldNotRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    Checks = Callable[[str, str], ModuleType]

DIGEST = "d" * 64
TOKEN = "check-c29e479e"  # noqa: S105 - no secret
LINE = (
    "10.0.0.1:51682 [29/Nov/2026:21:10:55.956] users parcel/parcel-1 0/{queued}/{reached}/61/364 200 228 - - ---- "
    '3/3/1/0/{retries} 0/0 "GET /?check-c29e479e HTTP/1.1"'
)


# -- lab 04: containers that were started outside of the toolbox -----------------------------------------------


def box(name: str, **labels: str) -> dict[str, Any]:
    """Return a container of Parcel's image as the engine lists it, and inspects it."""
    return {
        "Id": name,
        "Name": f"/{name}",
        "ImageID": "sha256:p",
        "Image": "sha256:p",
        "Labels": labels,
        "Created": f"2026-11-28T16:00:{len(name):02}Z",
        "State": {"Running": True},
        "Config": {"Image": "drydock/parcel:1.0", "Labels": labels},
        "HostConfig": {"LogConfig": {"Type": "json-file"}},
    }


def lab_of(*boxes: dict[str, Any]) -> Lab:
    found = {each["Id"]: each for each in boxes}
    engine: Any = SimpleNamespace(
        list_all=lambda *_, **__: list(boxes),
        inspect=found.__getitem__,
        image=lambda _: {"Id": "sha256:p"},
    )
    course_lab: Any = SimpleNamespace(number="04", project="drydock-04", toml=SimpleNamespace(containers=[]))
    return Lab(course_lab, engine, Any, Any)  # type: ignore[arg-type]


def test_a_container_without_a_label_belongs_to_no_lab() -> None:
    scene = {"com.docker.compose.project": "drydock-06"}
    others = [
        box("mine", **{"io.drydock.lab": "04"}),
        box("theirs", **scene),
        {**box("x"), "ImageID": "other"},
    ]
    lab = lab_of(*others, box("second"), box("first"))
    assert [each.name for each in lab.unowned("drydock/parcel:1.0")] == ["first", "second"]


def test_of_the_containers_of_no_lab_only_those_asked_for_are_returned() -> None:
    composed = {"com.docker.compose.project": "depots", "com.docker.compose.service": "parcel"}
    boxes = [box("old"), box("young"), {**box("other", **composed), "ImageID": "sha256:o"}]
    asked: list[dict[str, str] | None] = []
    lab = lab_of(*boxes)
    for each, created in zip(boxes, (999, 1001, 1000), strict=True):
        each["Created"] = created

    def list_all(_: str, *, labels: dict[str, str] | None) -> list[dict[str, Any]]:
        asked.append(labels)
        return boxes

    engine: Any = lab.engine
    engine.list_all = list_all
    engine.inspect = lambda name: {"Id": name, "Name": f"/{name}", "Created": "2026-11-28T16:00:00Z"}
    assert [each.name for each in lab.unowned(since=1000.5)] == ["young", "other"]
    lab.unowned("drydock/parcel:1.0", service="parcel")
    assert asked == [None, {"com.docker.compose.service": "parcel"}]


def test_of_a_strangers_containers_only_one_with_a_name_that_is_close_is_inspected() -> None:
    inspected: list[str] = []
    lab = lab_of(box("site-db-1"), box("mail"), {**box("parcell"), "ImageID": "sha256:o"})
    engine: Any = lab.engine

    def inspect(name: str) -> dict[str, Any]:
        inspected.append(name)
        return {"Id": name, "Name": f"/{name}", "Created": ""}

    engine.inspect = inspect
    for each in engine.list_all("containers", labels=None):
        each.update(
            Names=[f"/{each['Id']}"], ImageID=each["ImageID"] if each["Id"] == "parcell" else "sha256:s"
        )
    lab.unowned("drydock/parcel:1.0", or_named=lambda name: name.startswith("parcel"))
    assert inspected == ["parcell"]


def test_a_container_of_a_courses_image_on_the_own_engine_is_the_learners_unless_another_lab_or_the_checker_has_it() -> (
    None
):
    kind, mine = {"io.drydock.image": "parcel"}, {"io.drydock.lab": "04"}
    others = [
        box("theirs", **kind, **{"io.drydock.lab": "06"}),
        box("scene", **kind, **{"com.docker.compose.project": "drydock-06"}),
        box("check", **kind, **{"io.drydock.role": "checker"}),
        box("else", **{"io.drydock.image": "proxy"}),
    ]
    lab = lab_of(*others, box("outside", **kind), box("in-the-toolbox", **kind, **mine))
    # The one that was made last has the longest name here.
    assert [each.name for each in lab.on_own_engine("parcel")] == ["outside", "in-the-toolbox"]


def test_containers_that_were_started_outside_of_the_toolbox_are_told(checks: Checks) -> None:
    measurements = checks("04-containers-vs-vms", "test_measurements")
    shelves = SimpleNamespace(lab=lab_of(box("box-1"), box("box-2")), running=lambda _: [])
    with pytest.raises(CheckFailed) as failed:
        measurements._tell_of_others(shelves, "drydock/parcel:1.0", 2)
    assert "2 containers of drydock/parcel:1.0 run without the label" in failed.value.failure.rationale
    # If these do not make up the number, they are not the reason.
    measurements._tell_of_others(shelves, "drydock/parcel:1.0", 3)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (2, "Bind for 0.0.0.0:8041 failed: port is already allocated", "the engine refused to start it"),
        (2, "", "`box-2` was created and never started"),
        (9, "Bind for 0.0.0.0:8041 failed: port is already allocated", "The sheet counts 9 containers"),
    ],
    ids=["all others were refused", "all others were only created", "others were never made"],
)
def test_a_box_that_the_engine_refused_to_start_is_told_with_the_engines_words(
    checks: Checks, said: int, error: str, words: str
) -> None:
    refused = box("box-2", **{"io.drydock.lab": "04"})
    refused["State"] = {"Status": "created", "Running": False, "Error": error, "ExitCode": 0}
    running = box("box-1", **{"io.drydock.lab": "04"})
    lab = lab_of(running, refused)
    lab.engine.logs = lambda *_: ""  # type: ignore[method-assign]
    image = "drydock/parcel:1.0"
    shelves: Any = checks("04-containers-vs-vms", "shelf").Shelves(
        SimpleNamespace(image=lambda _: {}, containers=list)
    )
    shelves.lab, shelves.boxes = lab, {image: [lab.container("box-1"), lab.container("box-2")]}
    lab.containers = list  # type: ignore[method-assign]
    with pytest.raises(CheckFailed) as failed:
        checks("04-containers-vs-vms", "test_measurements")._require_answering(shelves, image, said)
    assert words in failed.value.failure.rationale
    if error and said == 2:
        assert failed.value.failure.evidence == error


def with_swap(*boxes: int | str) -> Any:
    """Return a toolbox on a machine that uses swap, if any; asked about the boxes, it prints these lines."""
    lines, used = "\n".join(map(str, boxes)), "1024\n" if any(boxes) else ""
    return SimpleNamespace(
        exec=lambda command, *_: SimpleNamespace(stdout=lines if "docker exec" in command else used)
    )


@pytest.mark.parametrize(
    ("limit", "used", "squeezed"),
    [
        pytest.param(12, 11.5, False, id="a limit that changes nothing"),
        pytest.param(10, 9.8, True, id="a limit that moves the rest to swap"),
        pytest.param(64, 9.8, False, id="a limit far away"),
        pytest.param(0, 9.8, False, id="no limit"),
    ],
)
def test_a_memory_limit_counts_only_if_a_box_takes_less_with_it(
    checks: Checks, limit: int, used: float, *, squeezed: bool
) -> None:
    image, module = "drydock/parcel:1.0", "test_measurements"
    shelves = checks("04-containers-vs-vms", "shelf").Shelves(
        SimpleNamespace(
            image=lambda _: {"Id": "x"}, containers=list, record=lambda *_: None, node=lambda _: with_swap()
        )
    )
    one = SimpleNamespace(id="1", name="box-1", running=True, host_config={"Memory": limit << 20})
    shelves.boxes[image] = [one] * 45
    shelves.memory = lambda _: shelves._memory.update({"1": used}) or used * 45
    own = SimpleNamespace(samples=lambda _: [SimpleNamespace(memory_mib=11.5, written_mib=8.0)])
    judge = checks("04-containers-vs-vms", module)._require_full
    if squeezed:
        with pytest.raises(CheckFailed, match="has a memory limit of 10 MiB and has reached it"):
            judge(shelves.lab, shelves, own, image)
    elif used * 45 < 500:
        with pytest.raises(CheckFailed, match="There is room left"):
            judge(shelves.lab, shelves, own, image)
    else:
        judge(shelves.lab, shelves, own, image)


@pytest.mark.parametrize(
    ("written", "swap", "words"),
    [
        ([8.0, 8.1, 7.0, 9.9], 0, ""),
        ([8.0, 5.0], 0, "`box-1` takes much less memory"),
        ([8.0, 5.0], 3 << 20, "of `box-1` 3.0 MiB"),
        ([8.0, 60.0], 0, "`box-1` takes much more memory"),
        ([0.0, 0.0], 0, ""),
    ],
)
def test_a_box_that_is_much_smaller_or_larger_than_the_others_is_named(
    checks: Checks, written: list[float], swap: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = "drydock/parcel:1.0"
    shelf = checks("04-containers-vs-vms", "shelf")
    lab: Any = SimpleNamespace(
        image=lambda _: {"Id": "x"},
        containers=list,
        changed_files=lambda _: [],
        node=lambda _: with_swap(swap),
    )
    shelves = shelf.Shelves(lab)
    shelves.boxes[image] = [
        SimpleNamespace(id=str(n), name=f"box-{n}", running=True, took=took) for n, took in enumerate(written)
    ]
    monkeypatch.setattr(shelf, "BREATH_SECONDS", 0.0)
    monkeypatch.setattr(shelf, "memory_of", lambda box: SimpleNamespace(shown=box.took, written=box.took))
    shelves.memory(image)
    own = SimpleNamespace(samples=lambda _: [SimpleNamespace(written_mib=8.0)])
    judge = checks("04-containers-vs-vms", "test_measurements")._require_usual
    if words:
        # What the machine has moved to its disk says nothing about the answer.
        with pytest.raises(CouldNotRun if swap else CheckFailed, match=words):
            judge(lab, shelves, own, image)
    else:
        judge(lab, shelves, own, image)


def test_a_shelf_of_boxes_that_are_partly_on_the_machines_disk_is_not_called_half_empty(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, shelf = "drydock/vm:1.0", checks("04-containers-vs-vms", "shelf")
    toolbox = with_swap(80 << 20, 80 << 20)
    lab: Any = SimpleNamespace(
        image=lambda _: {"Id": "x"}, containers=list, record=lambda *_: None, node=lambda _: toolbox
    )
    shelves = shelf.Shelves(lab)
    shelves.boxes[image] = [SimpleNamespace(id=n, name=f"vm-{n}", running=True, host_config={}) for n in "12"]
    monkeypatch.setattr(shelf, "memory_of", lambda _: SimpleNamespace(shown=150.0, written=0.0))
    own = SimpleNamespace(samples=lambda _: [SimpleNamespace(memory_mib=230.0, written_mib=0.0)])
    judge = checks("04-containers-vs-vms", "test_measurements")._require_full
    with pytest.raises(CouldNotRun, match="has moved 160 MiB of your boxes to its disk"):
        judge(lab, shelves, own, image)
    toolbox = with_swap("none", "none")  # a kernel that does not count it
    with pytest.raises(CheckFailed, match="There is room left"):
        judge(lab, shelves, own, image)


@pytest.mark.parametrize(
    ("returned", "said", "passes"),
    [([0.6], 0.75, True), ([0.6], 0.65, False), ([0.9, 0.25], 0.5, True), ([0.9, 0.25], 0.28, False)],
)
def test_a_vms_time_is_compared_with_the_shortest_start_that_was_measured(
    checks: Checks, returned: list[float], said: float, *, passes: bool
) -> None:
    samples = [SimpleNamespace(first_answer_s=1.6, returned_s=each) for each in returned]
    soonest, latest = checks("04-containers-vs-vms", "test_measurements")._passing("drydock/vm:1.0", samples)
    assert (soonest <= said <= latest) is passes


@pytest.mark.parametrize(
    ("command", "mib"),
    [
        ("qemu-system-x86_64 -M q35 -m 128 -smp 1", 128),
        ("qemu-system-x86_64 -M q35 -m 128 -smp 1 -m 96", 96),
        ("qemu-system-x86_64 -M q35 -m 64M -smp 1", 64),
        ("qemu-system-x86_64 -M q35 -m size=1G", 1024),
        ("python3 /app/parcel.py", None),
    ],
)
def test_a_guests_memory_is_what_qemu_was_told_last(checks: Checks, command: str, mib: int | None) -> None:
    shelves = checks("04-containers-vs-vms", "shelf").Shelves.__new__(
        checks("04-containers-vs-vms", "shelf").Shelves
    )
    assert shelves.guest_mib(SimpleNamespace(processes=lambda: [("root", command)])) == mib


@pytest.mark.parametrize(
    ("said", "measured", "unit"),
    [
        (12.3, 0.0123, True),
        (8.19, 0.012, True),
        (12300.0, 0.0123, True),
        (12.3, 0.002, False),
        (12.3, 0.0, False),
    ],
)
def test_a_disk_in_kilobytes_is_told_as_that(
    checks: Checks, said: float, measured: float, *, unit: bool
) -> None:
    lab: Any = SimpleNamespace(image=lambda _: {"Size": 100e6})
    own = SimpleNamespace(disk_mb=measured, virtual_mb=100.0)
    judge = checks("04-containers-vs-vms", "test_measurements")._fail_disk
    with pytest.raises(CheckFailed) as failed:
        judge(lab, "drydock/parcel:1.0", said, own)
    assert ("another unit" in failed.value.failure.rationale) is unit


@pytest.mark.parametrize(("said", "cause"), [(0.6, True), (1.4, True), (1.7, False)])
def test_a_short_time_of_a_vm_is_taken_for_that_of_its_start_only_if_it_is_about_as_long(
    checks: Checks, said: float, *, cause: bool
) -> None:
    samples = [SimpleNamespace(first_answer_s=8.0, returned_s=0.5)]
    with pytest.raises(CheckFailed) as failed:
        checks("04-containers-vs-vms", "test_measurements")._fail_time("drydock/vm:1.0", said, samples)
    assert ("what `docker run` takes" in failed.value.failure.rationale) is cause


SOCKETS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 10001        0 4711 1
=====
1 (python3) S 0 1 1
=====
/proc/1/fd:
lrwx------ 1 u u 64 Nov 28 10:00 3 -> socket:[{socket}]
=====
1\t/\tpython3\t/app/parcel.py\t
"""


@pytest.mark.parametrize(("socket", "silent"), [("4711", []), ("4712", ["box-2"])])
def test_a_box_in_anothers_network_answers_only_if_it_listens_itself(
    checks: Checks, socket: str, silent: list[str]
) -> None:
    image = "drydock/parcel:1.0"
    sent = SimpleNamespace(exec=lambda *_: SimpleNamespace(stdout="200 127.0.0.1\n"))
    lab: Any = SimpleNamespace(
        image=lambda _: {"Id": "x"},
        containers=list,
        node=lambda _: SimpleNamespace(networks={"lab": "10.0.0.2"}),
        run=lambda *_, **__: sent,
    )
    shelves = checks("04-containers-vs-vms", "shelf").Shelves(lab)
    box = SimpleNamespace(
        id="2",
        name="box-2",
        running=True,
        networks={},
        host_config={"NetworkMode": "container:1"},
        exec=lambda _: SimpleNamespace(stdout=SOCKETS.replace("{socket}", socket)),
    )
    shelves.boxes[image] = [box]
    assert [each.name for each in shelves.silent(image)] == silent


# -- lab 05: what a process in the virtual machine runs --------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "file", "unchanged"),
    [
        (("python3", "./flood"), "./flood", True),
        (("python3", "-u", "-m", "flood"), "flood.py", True),
        (("/usr/bin/python3", "/root/flood"), "/root/flood", True),
        (("python3", "changed", "flood"), "flood", False),
        (("python3", "-c", "exec(open('flood').read())", "flood"), "flood", False),
    ],
)
def test_a_process_runs_the_file_that_its_command_starts_and_no_other(
    checks: Checks, words: tuple[str, ...], file: str, *, unchanged: bool
) -> None:
    programs = checks("05-limits", "programs")
    listener = programs.Listener(Process(1, 0, "", "/root", words), {"changed": "0" * 64, file: DIGEST})
    assert listener.is_unchanged(DIGEST) == unchanged


@pytest.mark.parametrize(
    ("config", "option"),
    [
        ({"Privileged": True}, "--privileged"),
        ({"Mounts": "/lib/modules/6.1"}, "--volume /lib/modules/6.1:…"),
        ({"Mounts": "/usr"}, "--volume /usr:…"),
        ({"Mounts": "/proc/sys"}, "--volume /proc/sys:…"),
        ({"Mounts": "/var/run"}, "--volume /var/run:…"),
        ({"Mounts": "/home/me/.docker"}, "--volume /home/me/.docker:…"),
        ({"Mounts": "/srv/data", "NetworkMode": "host", "IpcMode": "private"}, ""),
        ({"DeviceCgroupRules": ["c 10:232 rwm"]}, "--device-cgroup-rule 'c 10:232 rwm'"),
    ],
)
def test_an_option_that_gives_more_rights_is_named(
    checks: Checks, config: dict[str, Any], option: str
) -> None:
    mounts = [{"Source": config["Mounts"]}] if "Mounts" in config else []
    opened = checks("05-limits", "test_limits")._opened
    one = SimpleNamespace(host_config=config, mounts=mounts)
    assert opened(one, ["/home/me/.docker/run/docker.sock"]) == option


def test_a_virtual_machine_may_have_kvm_and_nothing_else(checks: Checks) -> None:
    opened = checks("05-limits", "test_limits")._opened
    config = {"DeviceCgroupRules": ["c 10:232 rwm"], "Devices": [{"PathOnHost": "/dev/kvm"}]}
    assert not opened(SimpleNamespace(host_config=config, mounts=[]), virtual=True)
    assert opened(SimpleNamespace(host_config={**config, "Privileged": True}, mounts=[]), virtual=True)


@pytest.mark.parametrize(
    ("state", "own", "words"),
    [
        ("T (stopped)", True, "is stopped, so it answers nobody"),
        ("S (sleeping)", True, "ends each request without an answer"),
        ("S (sleeping)", False, "belongs to another program than clock"),
    ],
)
def test_a_program_that_has_its_port_and_does_not_answer_is_described(
    checks: Checks, state: str, words: str, *, own: bool
) -> None:
    programs = checks("05-limits", "programs")
    there = programs.Listener(Process(1, 0, "", "/root", ("python3", "./clock")), {}, state)
    with pytest.raises(CheckFailed, match=words) as failed:
        checks("05-limits", "test_limits")._fail_silent("clock", there, None, own=own)
    assert state in failed.value.failure.seen


@pytest.mark.parametrize(
    ("said", "same"),
    [
        ("bash: ./seal: cannot execute binary file: Exec format error", True),
        ("sh: 1: ./seal: Exec format error", True),
        ("Exec format error", True),
        ("./seal: No such file or directory", False),
    ],
)
def test_what_the_kernel_refuses_counts_in_the_words_of_an_engine_and_of_a_shell(
    checks: Checks, said: str, *, same: bool
) -> None:
    test = checks("05-limits", "test_limits")
    printed = test._plain("exec /usr/local/bin/seal: exec format error")
    assert test._is_line_of(test._plain(said), printed) == same
    assert not test._is_line_of(test._plain(said), test._plain("modprobe: FATAL: Module pktgen not found"))


def test_a_program_that_runs_is_told_from_its_file_and_from_an_editor_that_shows_it(checks: Checks) -> None:
    lines = [
        "x\t/opt/clock\tTraceback",
        "process\t/opt/clock\t/root\tnano\tnano /opt/clock ",
        "-\t/root/clock.py\tclock: serving on port 7004",
        "process\t/root/clock.py\t/root\tpython3\tpython3\t-u\t./clock.py\t",
        "ssh: a warning",
    ]
    lines[1] = "process\t/opt/clock\t/root\tnano\tnano\t/opt/clock"
    idle, running = checks("05-limits", "programs").read_lying("\n".join(lines))
    assert (idle.path, idle.executable, idle.log, idle.process) == ("/opt/clock", True, "Traceback", None)
    assert (running.path, running.executable, running.log) == ("/root/clock.py", False, "")
    assert running.process.told == "python3 -u ./clock.py"


class Machine:
    """A virtual machine in which clock opens its port between two looks at it."""

    def __init__(self, *, open_at_first: bool = False) -> None:
        self.listening = {7004: SimpleNamespace(is_unchanged=lambda _: True, files={}, process=None)}
        self.report = SimpleNamespace(listeners=self.listening if open_at_first else {})
        self.answers: list[Any] = []

    def look_again(self) -> None:
        """See the port."""
        self.report = SimpleNamespace(listeners=self.listening)

    def lying(self, _: str) -> Any:
        """Return its file, with the process that runs it."""
        return SimpleNamespace(process=SimpleNamespace(told="python3 clock"))

    def digest(self, _: str) -> str:
        """Return what clock's file has."""
        return "d" * 64

    def in_vm(self, _: str) -> Any:
        """Return clock's answer, as soon as it gives one."""
        return self.answers.pop(0) if self.answers else SimpleNamespace(program="clock", said={})

    def in_the_vm(self, _: str) -> Any:
        """Return what listens, as it was when it was last looked at."""
        return self.report.listeners.get(7004)


@pytest.mark.parametrize(
    ("open_at_first", "silent"),
    [(False, 0), (False, 1), (True, 1)],
    ids=[
        "it answers, and was not listening before",
        "it starts",
        "it was listening, and answers a moment later",
    ],
)
def test_a_program_that_has_just_started_in_the_virtual_machine_is_given_time(
    checks: Checks, *, open_at_first: bool, silent: int
) -> None:
    machine = Machine(open_at_first=open_at_first)
    machine.answers = [None] * silent
    checks("05-limits", "test_limits")._require_in_vm("clock", machine, machine)


# -- lab 06: requests that waited, and the front's file --------------------------------------------------------


@pytest.mark.parametrize(
    ("queued", "reached", "retries", "waited"),
    [
        (302, 1, "+1", [303.0]),
        (0, 1003, "2", [1003.0]),
        (0, 1, "0", []),
        (0, 900, "0", []),  # slow, and not tried again
        (0, 1, "+1", []),  # refused at once, and another one answered
    ],
)
def test_a_request_that_was_sent_again_is_read_from_the_fronts_log(
    checks: Checks, queued: int, reached: int, retries: str, waited: list[float]
) -> None:
    front = checks("06-by-hand", "front")
    line = LINE.format(queued=queued, reached=reached, retries=retries)
    log = "\n".join([line.replace(TOKEN, "check-other"), line])
    world = SimpleNamespace(lab=SimpleNamespace(node=lambda _: SimpleNamespace(logs=lambda _: log)))
    assert [each.ms for each in front.retried(world, TOKEN)] == waited


def of_file(checks: Checks, text: str, said: str = "") -> Any:
    found = checks("06-by-hand", "world").World.__new__(checks("06-by-hand", "world").World)
    found.text = text
    node = SimpleNamespace(exec=lambda _: SimpleNamespace(stdout=said), logs=lambda _: "")
    found.lab = SimpleNamespace(node=lambda _: node)
    return found


def test_the_fronts_file_is_read_line_by_line(checks: Checks) -> None:
    line = "    server one host-1:8080\n"
    assert of_file(checks, "backend parcel\n" + line).has_backend
    assert not of_file(checks, line).has_backend
    assert of_file(checks, line + "backend parcel\n").loose == "server one host-1:8080"
    assert not of_file(checks, "backend parcel\n" + line).loose
    assert of_file(checks, "server one http://host-1:8080\n").written == ["server one http://host-1:8080"]


def test_a_part_of_the_front_is_told_from_the_front(checks: Checks) -> None:
    part = "frontend second\n    bind 127.0.0.1:9000\n"
    text = f"{part}backend parcel\n    server second 127.0.0.1:9000\n    server b localhost:8080\n"
    found = of_file(checks, text)
    found.cluster = SimpleNamespace(host=lambda _: None)
    assert [found.leads_on(each) for each in found.servers] == [True, False]


def test_an_address_inside_a_host_and_a_file_of_two_bytes_are_named(checks: Checks) -> None:
    front = checks("06-by-hand", "front")
    found = of_file(checks, "backend parcel\n    server one 172.17.0.2:8080\n")
    found.counted = ["copy"]
    found.cluster = SimpleNamespace(host=lambda _: None, addresses=lambda _copy: ["172.17.0.2"])
    reply: Any = SimpleNamespace(status=503, summary="HTTP 503", headers={})
    with pytest.raises(CheckFailed, match="the address that a copy has on its host"):
        front.tell_of_reply(found, reply, 1, TOKEN)
    wide = of_file(checks, "backend parcel\n" + "\0".join("server one host-1:8080"))
    with pytest.raises(CheckFailed, match="is written in UTF-16"):
        front.tell_of_reply(wide, reply, 1, TOKEN)


STATES = """\
# pxname,svname,status,check_status,check_code,last_chk,addr,
parcel,parcel-1,{one},{asked},10.0.0.11:8080,
parcel,parcel-2,{two},,,,{address},
"""
"""What the front's HAProxy answers, without the columns that nobody reads."""


def with_two_hosts(
    checks: Checks, lines: str, one: str, two: str, asked: str = ",,", address: str = "10.0.0.12:8080"
) -> Any:
    """Return a front with two lines, of hosts that run; the front sees its two servers like this."""
    table = STATES.format(one=one, two=two, asked=asked, address=address)
    found = of_file(checks, f"backend parcel\n{lines}")
    node = SimpleNamespace(
        exec=lambda command: SimpleNamespace(stdout=table if "show stat" in command else ""),
        logs=lambda _: "",
    )
    found.lab = SimpleNamespace(node=lambda _: node)
    running = {
        f"host-{n}": SimpleNamespace(
            name=f"drydock-06-host-{n}-1", id=str(n) * 64, running=True, networks={"lab": f"10.0.0.1{n}"}
        )
        for n in (1, 2)
    }
    found.cluster = SimpleNamespace(host=running.get, addresses=lambda _: [])
    found.lost_hosts = set()
    copies = [
        SimpleNamespace(name="parcel", node=host, ports=(8080,), address=f"{host}:8080") for host in running
    ]
    found.copies = found.counted = copies
    found.names = {f"parcel-{n}": copy for n, copy in enumerate(copies, 1)}
    return found


LINES = "    server parcel-1 host-1:8080 check\n    server parcel-2 {host}:8080\n"


@pytest.mark.parametrize(
    ("one", "two", "asked", "words"),
    [
        ("DOWN", "DOWN", "L7STS,404,", "counts its servers as down"),
        ("DOWN 1/2", "MAINT", "L4CON,,Connection refused", "counts its servers as down"),
        ("DOWN", "no check", "L7STS,404,", "is not answered by a copy"),
        ("UP 1/2", "MAINT", "L7OK,200,", "is not answered by a copy"),
    ],
)
def test_a_health_check_that_fails_for_every_server_is_told_from_other_failures(
    checks: Checks, one: str, two: str, asked: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = checks("06-by-hand", "front")
    monkeypatch.setattr(front, "LOGGED_SECONDS", 0.0)
    world = with_two_hosts(checks, LINES.format(host="host-2"), one, two, asked)
    reply: Any = SimpleNamespace(status=503, summary="HTTP 503", headers={})
    with pytest.raises(CheckFailed, match=words) as failed:
        front.tell_of_reply(world, reply, 1, TOKEN)
    if "down" in words:
        first, _, told = asked.rstrip(",").replace(",,", ",").partition(",")
        assert failed.value.failure.evidence == f"parcel-1: {one}, {first}/{told}"


@pytest.mark.parametrize("one", ["UP", "DOWN"])
def test_a_server_that_the_front_counts_as_down_gets_no_request_even_on_a_dead_host(
    checks: Checks, one: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = checks("06-by-hand", "front")
    monkeypatch.setattr(front, "LOGGED_SECONDS", 0.0)
    world = with_two_hosts(checks, LINES.format(host="host-2"), one, "no check")
    world.lost_hosts = {"host-1"}
    assert [each.name for each in front._sent_to(world, TOKEN)] == ["parcel-1"] * (one == "UP") + ["parcel-2"]


NOWHERE = "MAINT (resolution)"


@pytest.mark.parametrize(
    ("host", "two", "address", "words"),
    [
        ("host2", NOWHERE, "", "The front has found nobody of this name"),
        ("drydock-06-host-2-1", "no check", "10.0.0.12:8080", "and sends it no request"),
        ("host-2.drydock-06_lab", "no check", "10.0.0.12:8080", "and sends it no request"),
        ("host-2", NOWHERE, "", "does not know the address that host-2 has now"),
        ("host-2", "no check", "10.0.0.99:8080", "does not know the address that host-2 has now"),
        ("host-2", "MAINT", "10.0.0.12:8080", "and sends it no request"),
        ("host-2", "DOWN", "10.0.0.12:8080", "counts parcel-2 as down"),
        ("host-1", "no check", "10.0.0.11:8080", "the front does not know of it"),
    ],
)
def test_why_users_never_get_to_a_copy_is_read_from_how_the_front_sees_its_server(
    checks: Checks, host: str, two: str, address: str, words: str
) -> None:
    world = with_two_hosts(checks, LINES.format(host=host), "UP", two, address=address)
    with pytest.raises(CheckFailed) as failed:
        checks("06-by-hand", "front").tell_of_missing(world, Counter({"parcel-1": 15}))
    assert words in failed.value.failure.rationale


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        ("Created", "Bind for 0.0.0.0:8080 failed", "ended.not-started"),
        ("Created", "", "ended.only-made"),
        ("Exited (1) 2 seconds ago", "", "ended"),
    ],
)
def test_a_copy_that_was_only_made_is_told_from_one_that_could_not_be_started(
    checks: Checks, status: str, error: str, reason: str
) -> None:
    copies = checks("06-by-hand", "copies")
    assert copies._why_ended(SimpleNamespace(deaths=[]), "host-1", status, error) == reason


@pytest.mark.parametrize(
    ("running", "words"),
    [(True, "runs on your own machine's engine"), (False, "nobody has replaced what died with it")],
)
def test_a_container_of_ones_own_engine_counts_only_while_it_runs(
    checks: Checks, words: str, *, running: bool
) -> None:
    beside = SimpleNamespace(name="parcel", running=running, labels={"io.drydock.image": "parcel"})
    world: Any = SimpleNamespace(
        counted=[SimpleNamespace(node="host-1")] * 4,
        others="host-1, host-2",
        left=["host-1", "host-2"],
        loss=SimpleNamespace(host="host-3"),
        is_full=lambda _: True,
        cluster=SimpleNamespace(ended=list, of_a_swarm=list),
        lab=SimpleNamespace(containers=lambda: [beside]),
    )
    with pytest.raises(CheckFailed, match=words):
        checks("06-by-hand", "copies").require_none_missing(world)


def test_what_haproxy_says_of_itself_is_not_the_mistake(checks: Checks) -> None:
    said = "haproxy version is 3.0\npath to executable is /usr/sbin/haproxy\nconfig : Proxy 'users': unable to find\n"
    assert of_file(checks, "", said).refused == "config : Proxy 'users': unable to find"
    assert of_file(checks, "", "").refused == ""


def programs_of(checks: Checks, tmp_path: Path, **box: Any) -> Any:
    """Return what lab 05 knows of its programs, on an engine where a container that is tried does this."""
    module = checks("05-limits", "programs")
    vars(module)["TRY_SECONDS"] = 0.0
    made = module.Programs.__new__(module.Programs)
    tried = SimpleNamespace(**{"running": True, "exit_code": 0, "logs": lambda _: ""} | box)
    tried.reload = lambda: tried
    tried.remove = lambda: None
    made.lab = SimpleNamespace(run=lambda _: tried)
    made._file = lambda what: tmp_path / "-".join(what)
    made._tried = set()
    made.toolbox = SimpleNamespace(exec=lambda *_: SimpleNamespace(stdout=f"{module.NOTHING}  -\n0\n"))
    return made


def test_what_could_not_be_tried_to_its_end_is_no_result_and_is_not_kept(
    checks: Checks, tmp_path: Path
) -> None:
    silent = programs_of(checks, tmp_path)
    with pytest.raises(CouldNotRun, match="neither ended nor said that it serves"):
        silent.seen("ledger")
    with pytest.raises(CouldNotRun, match="could not be read from its image"):
        silent.digest("ledger")
    assert not list(tmp_path.iterdir())
    ended = programs_of(checks, tmp_path, running=False, exit_code=1, logs=lambda _: "no such file")
    assert ended.seen("ledger").output == "no such file"
    assert [each.name for each in tmp_path.iterdir()] == ["seen-ledger"]


def test_what_did_not_run_is_tried_again_before_the_answer_is_called_wrong(
    checks: Checks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = checks("05-limits", "test_limits")
    before = programs_of(checks, tmp_path, running=False, exit_code=1, logs=lambda _: "exec format error")
    words = {"box": "container", "said": ""}
    lab: Any = SimpleNamespace(
        sheet=lambda *_, **__: SimpleNamespace(text=lambda _, key: words[key], source="")
    )
    monkeypatch.setattr(module, "NAMES", ("seal",))
    for judge in (module.test_messages_read, module.test_boxes_named):
        with pytest.raises(CheckFailed, match="does not run in a container"):
            judge(lab, before)
    # A translator is registered with the kernel: nothing that the record depends on has changed.
    after = programs_of(checks, tmp_path, running=False, exit_code=0, logs=lambda _: "seal: 4711-0815")
    assert not after.seen("seal").runs
    module.test_messages_read(lab, after)
    module.test_boxes_named(lab, after)


@pytest.mark.parametrize(
    ("said", "cut"),
    [
        ("5.15.0", True),
        ("5.15", True),
        ("5.15.0-91-generic", True),
        ("5.1", False),
        ("5.15.0-91-generic-more", False),
        ("6.12", False),
        ("", False),
    ],
)
def test_a_release_that_is_cut_short_is_told_from_another_one(
    checks: Checks, said: str, *, cut: bool
) -> None:
    assert checks("05-limits", "test_limits")._is_cut(said, "5.15.0-91-generic") is cut


@pytest.mark.parametrize(
    ("around", "words"),
    [
        ("/root/clock", "is in the container around the virtual machine, as /root/clock"),
        ("", "Nobody answers on port 7004"),
    ],
)
def test_a_program_in_the_container_around_the_virtual_machine_is_told_from_none(
    checks: Checks, around: str, words: str
) -> None:
    programs = SimpleNamespace(
        lying=lambda _: None,
        report=SimpleNamespace(listeners={}),
        around_the_guest=lambda _: around,
    )
    serving = SimpleNamespace(in_containers=lambda _: [], boxes_of=lambda _: [])
    with pytest.raises(CheckFailed, match=words):
        checks("05-limits", "test_limits")._fail_not_in_vm("clock", programs, serving, {})


@pytest.mark.parametrize(
    ("word", "variables", "places"),
    [
        ("./ledger", {"PATH": "/bin"}, ["/app/ledger"]),
        ("/usr/local/bin/ledger", {}, ["/usr/local/bin/ledger"]),
        ("ledger", {"PATH": "/opt/bin:/bin"}, ["/opt/bin/ledger", "/bin/ledger"]),
    ],
)
def test_a_program_called_by_its_name_alone_is_looked_for_where_the_container_finds_it(
    checks: Checks, word: str, variables: dict[str, str], places: list[str]
) -> None:
    found = SimpleNamespace(attrs={"Config": {"WorkingDir": "/app"}}, env=variables)
    assert [str(each) for each in checks("05-limits", "serving")._places(found, word)] == places


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("ledger: serving on port 7001", "runs only with the library"),
        ("ledger: port 7001: Address already in use", "runs only with the library"),
        ("ledger: cannot execute: required file not found", "ledger does not run"),
    ],
)
def test_a_program_that_runs_in_the_virtual_machine_by_what_was_carried_after_it_is_not_said_to_fail_there(
    checks: Checks, said: str, reason: str
) -> None:
    programs = SimpleNamespace(seen=lambda _: None, in_the_vm=lambda _: said)
    with pytest.raises(CheckFailed, match=reason):
        checks("05-limits", "test_limits")._fail_box("ledger", "vm", programs)
