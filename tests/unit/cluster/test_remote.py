"""What runs in a container on a node's own engine, as that engine and the node tell of it."""

from __future__ import annotations

from typing import Any

from checker.cluster.remote import Remote

TITLES = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
PROGRAM = "/app/parcel.py"


def remote(commands: list[str], *, folder: str = "", environ: str = "", **answers: Any) -> Remote:
    """Return a container with these processes, all in one folder of their own."""
    rows = [["root", str(40 + n), "1", "0", "10:00", "?", "00:00", each] for n, each in enumerate(commands)]

    def ask(path: str) -> Any:
        name = path.rpartition("/")[2] if "/images/" not in path else "image"
        return {"top": {"Titles": TITLES, "Processes": rows}, **answers}[name]

    return Remote("c", ask, lambda command: f"{folder}\n" if "readlink" in command else environ)


def test_a_program_is_found_by_its_path_also_behind_an_init() -> None:
    found = remote(["/sbin/docker-init -- python3 /app/parcel.py", "python3 /app/parcel.py"]).find(PROGRAM)
    assert found is not None
    assert found.number == 41


def test_a_program_that_was_started_from_its_own_folder_is_found() -> None:
    commands = ["python3 -u parcel.py"]
    assert remote(commands, folder="/app").find(PROGRAM) is not None
    assert remote(commands, folder="/srv").find(PROGRAM) is None


def test_a_program_that_is_only_named_is_not_the_one_that_runs() -> None:
    assert remote(["sh -c exec python3 /srv/other.py # /app/parcel.py"], folder="/").find(PROGRAM) is None


def test_what_runs_in_a_programs_place_is_told_by_its_command() -> None:
    other = "python3 -c serve()"
    assert remote([other, "sleep 5"]).in_place_of(PROGRAM) == other
    assert remote([other, "python3 /app/parcel.py"]).in_place_of(PROGRAM) == ""
    assert remote([]).in_place_of(PROGRAM) == "", "it has just ended, and what ran is not known"


def test_a_program_without_a_command_line_is_another_one_too() -> None:
    assert remote(["", "python3 evil.py"]).in_place_of(PROGRAM) == "python3 evil.py"
    assert remote([""]).in_place_of(PROGRAM) == "a program without a command line"


def test_what_runs_is_asked_once_so_that_a_copy_that_starts_meanwhile_is_not_blamed() -> None:
    rows = [["root", "40", "1", "0", "10:00", "?", "00:00", f"python3 {PROGRAM}"]]
    answers: list[Any] = [None, {"Titles": TITLES, "Processes": rows}]
    assert Remote("c", lambda _: answers.pop(0), lambda _: "").in_place_of(PROGRAM) == ""
    assert len(answers) == 1


def test_a_process_tells_its_variables_as_the_node_reads_them() -> None:
    container = remote(["python3 /app/parcel.py"], environ="A=1\nB=x=y\n")
    process = container.find(PROGRAM)
    assert process is not None
    assert container.environment(process) == {"A": "1", "B": "x=y"}


def test_the_layers_of_its_image_are_those_that_the_nodes_engine_names() -> None:
    image = {"RootFS": {"Layers": ["sha256:a", "sha256:b"]}}
    assert remote([], json={"Image": "i"}, image=image).image_layers() == ["sha256:a", "sha256:b"]
    assert remote([], json={"Image": "i"}, image=None).image_layers() == []


def test_files_that_were_changed_mounted_over_or_loaded_are_told() -> None:
    mounts = [{"Type": "bind", "Source": "/srv/x.py", "Destination": "/app/page.html"}]
    record = {"Image": "i", "Mounts": mounts, "Config": {"Env": ["A=1", "PYTHONPATH=/srv"]}}
    changes = [{"Kind": 0, "Path": "/app"}, {"Kind": 0, "Path": "/app/parcel.py"}]
    image = {"Config": {"Env": ["A=1"]}}
    assert remote([], json=record, changes=changes, image=image).changed_files() == [
        "/app/page.html is mounted from /srv/x.py",
        "C /app/parcel.py",
        "PYTHONPATH=/srv",
    ]
    untouched = {**record, "Mounts": [], "Config": {"Env": ["A=1"]}}
    assert remote([], json=untouched, changes=None, image=image).changed_files() == []


def both(*holders: int) -> Remote:
    """Return a container with Parcel, 41, and another program, 40; these processes have the socket of port 8080."""
    commands = ["python3 /other.py", f"python3 {PROGRAM}"]
    stats = "\n".join(f"{number} (python3) S 1" for number in (40, 41))
    files = "\n".join(f"/proc/{number}/fd:\nlrwx------ 1 u u 64 10:00 3 -> socket:[9]" for number in holders)
    lines = "\n".join(f"{40 + n}\t/\t{each.replace(' ', chr(9))}\t" for n, each in enumerate(commands))
    row = "0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 10001 0 9 1"
    text = f"{row}\n=====\n{stats}\n=====\n{files}\n=====\n{lines}"
    return Remote("c", remote(commands).ask, lambda command: text if "=====" in command else "/")


def test_what_listens_in_the_place_of_an_idle_program_is_told() -> None:
    assert both(40).in_place_of(PROGRAM, 8080) == "python3 /other.py"
    assert both(40).in_place_of(PROGRAM) == "", "nobody said which port counts"
    assert both(41).in_place_of(PROGRAM, 8080) == ""
    assert both(40, 41).in_place_of(PROGRAM, 8080) == "", "a process and its child may have one socket"
    assert both().in_place_of(PROGRAM, 8080) == "", "who listens cannot be seen"


def test_only_the_programs_that_were_edited_in_it_are_told() -> None:
    changes = [
        {"Kind": 1, "Path": "/app/http.py"},
        {"Kind": 1, "Path": "/etc/hosts.own"},
        {"Kind": 1, "Path": "/srv/x"},
    ]
    record: dict[str, Any] = {"Mounts": [], "Config": {}}
    assert remote([], json=record, changes=changes).edited_files()[0] == "A /app/http.py"
    assert "A /srv/x" not in remote([], json=record, changes=changes).edited_files()


def test_variables_that_load_other_code_are_told_of_the_program_alone() -> None:
    container = remote(["python3 /app/parcel.py"], environ="PYTHONPATH=/srv\nLD_PRELOAD=\nA=1\n")
    assert container.other_code(PROGRAM) == ["PYTHONPATH=/srv"]
    assert remote(["sleep 5"], environ="PYTHONPATH=/srv\n").other_code(PROGRAM) == []


def test_what_answers_in_it_is_asked_from_its_own_network() -> None:
    asked: list[str] = []

    def run(command: str) -> str:
        asked.append(command)
        return "yes\n" if "--target 77" in command and ":8080/" in command else ""

    container = Remote("c", lambda _: {"State": {"Pid": 77}}, run)
    assert container.answers(8080)
    assert not container.answers(80)
