"""`python -m checker` is `lab`."""

import sys

from checker.errors import ExitCode


def main() -> int:
    """Run the command line, and tell what keeps it from being read at all."""
    try:
        from checker.cli import main as run  # noqa: PLC0415 - a broken environment shows here

        return run()
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except ImportError as error:
        print(f"lab: part of it cannot be read: {error}", file=sys.stderr)
        print("     Make its environment again: rm -r .venv, then the same command.", file=sys.stderr)
        return int(ExitCode.COULD_NOT_RUN)


if __name__ == "__main__":
    sys.exit(main())
