"""`python -m checker` is `lab`."""

import signal
import sys

from checker.bootstrap import streams
from checker.errors import ExitCode


def main() -> int:
    """Run the command line, and end with an exit code of `lab` whatever happens to its output."""
    streams.complete()
    streams.watch()
    try:
        code = _run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(ExitCode.OK)
    except KeyboardInterrupt:
        code = _ended_by or int(ExitCode.INTERRUPTED)
    return streams.finish(code)


def _run() -> int:
    """Run the command line, or say why its modules cannot be imported."""
    # Ended by `kill`, `systemctl` or a closed window, a command cleans up as it does after Ctrl-C.
    for name in ("SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    if hasattr(signal, "SIGCHLD"):
        # Where the parent ignores it, as some launchers do, every program that we start seems to end with 0.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        # `lab` holds Ctrl-C back while this Python starts, which would answer it with a traceback.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    try:
        from checker.cli import main as run  # noqa: PLC0415 - a broken environment shows here

        code = run()
    except ImportError as error:
        print(f"lab: a part of it cannot be imported: {error}", file=sys.stderr)
        print("     Make its environment again: rm -r .venv, then the same command.", file=sys.stderr)
        return int(ExitCode.COULD_NOT_RUN)
    return _ended_by if _ended_by and code == ExitCode.INTERRUPTED else code


_ended_by = 0


def _interrupt(number: int, _: object) -> None:
    global _ended_by  # noqa: PLW0603 - a signal has no other place to say which it was
    _ended_by = 128 + number
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
