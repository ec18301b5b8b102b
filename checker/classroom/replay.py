"""A submission as an answer that `lab verify` can prove: its files, and a script that replays what was typed."""

from __future__ import annotations

import base64
import shlex
import shutil
from typing import TYPE_CHECKING

from checker.classroom.submission import WORK
from checker.course.answer import FILES, SCRIPT, Answer
from checker.course.model import AnswerToml
from checker.errors import not_written
from checker.scene.work import lay_over

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from checker.classroom.submission import HandedIn
    from checker.course.catalogue import Lab

EACH_SECONDS = 60
"""How long one command may run while it is replayed: `docker logs --follow` and editors never end by themselves. A build
that takes longer than this on the teacher's machine is not replayed, and the table says so."""

ALL_SECONDS = 840
"""How long all commands of a submission may run together; `Scene.apply` ends a script after 900 s."""

ENDED = "drydock: ended after"
"""What the script says of a command that did not end by itself."""

# Runs in bash in the toolbox. Every command is read by this one shell, because `cd` and variables count for the next one;
# so `exit` must not end it, and a command that fails must not either. What does not end is killed from beside it.
_DRIVER = r"""
set +eu +m
exit() { return 0; }
logout() { return 0; }
drydock_folder=$1; cd "$2"
SECONDS=0
for drydock_each in "$drydock_folder"/*; do
  [ "$SECONDS" -lt %(all)d ] || { echo "%(ended)s %(all)d s in all" >>"$drydock_folder.ended"; break; }
  ( for drydock_second in $(seq %(each)d); do sleep 1 >/dev/null 2>&1; [ -e "$drydock_each" ] || builtin exit 0; done
    echo "%(ended)s %(each)d s: $(head -c 80 "$drydock_each" | head -n 1)" >>"$drydock_folder.ended"
    for drydock_signal in INT TERM KILL; do
      for drydock_child in $(pgrep -P $$); do [ "$drydock_child" = "$BASHPID" ] || kill -$drydock_signal "$drydock_child"; done
      sleep 1; [ -e "$drydock_each" ] || builtin exit 0
    done ) </dev/null &
  drydock_watch=$!
  . "$drydock_each" </dev/null
  rm -f "$drydock_each"
  kill "$drydock_watch" 2>/dev/null
done
rm -rf "$drydock_folder"
[ -e "$drydock_folder.ended" ] || builtin exit 0
tail -n 5 "$drydock_folder.ended"; rm -f "$drydock_folder.ended"
builtin exit 9
"""


def answer_of(handed: HandedIn, lab: Lab, folder: Path, work: str) -> Answer:
    """Write a submission as an answer's folder, and return the answer. Nothing of it is run here.

    Args:
        handed: the submission.
        lab: its lab.
        folder: a folder for it; what was there before is removed.
        work: the work folder's path inside the toolbox that it will be run in.

    Raises:
        LabError: the folder cannot be written.
    """
    try:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / FILES).mkdir(parents=True)
        lay_over(handed.files, folder / FILES)
        if handed.submission.typed:
            commands = [each.text.replace(WORK, work) for each in handed.submission.typed]
            (folder / SCRIPT).write_text(script(commands, work), encoding="utf-8", newline="\n")
    except OSError as error:
        raise not_written(folder, error) from error
    ways = handed.submission.ways if lab.toml.ways else ()
    return Answer(folder, "answer", AnswerToml(title=handed.submission.learner, ways=ways))


def script(commands: Iterable[str], work: str) -> str:
    """Return a script that runs commands one after another in bash, as they were typed, each with a time limit.

    It ends with an error, and names them in its last lines, only if commands had to be ended.

    Args:
        commands: the commands; each is carried as base64, so that none can change the script.
        work: the folder that they begin in.
    """
    driver = _DRIVER % {"each": EACH_SECONDS, "all": ALL_SECONDS, "ended": ENDED}
    lines = ["folder=$(mktemp -d)"]
    for number, command in enumerate(commands):
        coded = base64.b64encode(f"{command}\n".encode()).decode()
        lines.append(f"echo {coded} | base64 -d >$folder/{number:06}")
    lines.append(f"bash -c {shlex.quote(driver)} bash $folder {shlex.quote(work)}")
    return "\n".join(lines) + "\n"
