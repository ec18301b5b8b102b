"""`python -m checker` is `lab`."""

import signal
import sys

from checker.errors import ExitCode


def main() -> int:
    """Run the command line, and tell what keeps it from being read at all."""
    # Ended by `kill`, `systemctl` or a closed window, a command cleans up as it does after Ctrl-C.
    for name in ("SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    try:
        from checker.cli import main as run  # noqa: PLC0415 - a broken environment shows here

        code = run()
    except KeyboardInterrupt:
        return _ended_by or int(ExitCode.INTERRUPTED)
    except ImportError as error:
        print(f"lab: part of it cannot be read: {error}", file=sys.stderr)
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
