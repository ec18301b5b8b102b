"""The process that is JupyterLab: one address, one token, a record of itself once it listens.

The token is made here and told in the record alone, which only this user can read: never on a command line, nor to
the kernels.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import secrets
import signal
import site
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.jupyter.settings import FIRST_PORT, LAST_PORT, Folders, server_settings

if TYPE_CHECKING:
    from types import FrameType

TOKEN = "DRYDOCK_NOTEBOOKS_TOKEN"  # noqa: S105 - the name of the variable
"""The environment variable with the token, where a room is told one; else it is a random one."""


def free_port(address: str) -> int:
    """Return the first free port from 8888 on, or 0 when none of twenty is free."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in range(FIRST_PORT, LAST_PORT + 1):
        with socket.socket(family) as probe, contextlib.suppress(OSError):
            if sys.platform != "win32":
                # As the server will: a port of a connection that ended a moment ago is free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            return port
    return 0


def write_record(file: Path, **facts: object) -> None:
    """Write a record that only this user can read, whole or not at all."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as handle:  # noqa: PTH123 - a descriptor has no path
        json.dump(facts, handle)
    fresh.replace(file)


def _forget_other_settings() -> None:
    """Let Jupyter look into its folders and the environment's alone, not into the user's or the machine's."""
    from jupyter_core import paths  # noqa: PLC0415 - after the folders are in os.environ

    site.ENABLE_USER_SITE = False
    paths.SYSTEM_CONFIG_PATH[:] = []
    paths.SYSTEM_JUPYTER_PATH[:] = []


def make_server(folders: Folders, work: Path, token: str, address: str, port: int) -> Any:
    """Return the server, ready to be started; the process's environment is changed for it and its kernels."""
    folders.write()
    environment = folders.environment(os.environ)
    environment.pop(TOKEN, None)  # kernels inherit what is left
    os.environ.clear()
    os.environ.update(environment)
    _forget_other_settings()

    from jupyterlab.labapp import LabApp  # noqa: PLC0415 - only now
    from traitlets.config import Config  # noqa: PLC0415

    # Terminals, language servers and whatever else is installed beside are not started.
    LabApp.load_other_extensions = False
    settings = server_settings(folders, work, token, address, port)
    server = LabApp.initialize_server(argv=[], config=Config(settings))
    # A file that leads a browser in would hold the token too.
    server.no_browser_open_file = True
    return server


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve JupyterLab on a work folder until told to stop.")
    parser.add_argument("work", type=Path, help="the folder that the page shows")
    parser.add_argument("--folders", type=Path, required=True, help="where it keeps what it writes")
    parser.add_argument("--record", type=Path, help="a file to write pid, port and token to, once listening")
    parser.add_argument("--address", default="127.0.0.1", help="the address to listen on")
    parser.add_argument(
        "--port", type=int, default=0, help="the port; 0 takes the first free one from 8888 on"
    )
    parser.add_argument("--say", action="store_true", help="print the page's address, token and all")
    return parser.parse_args()


def main() -> None:
    """Serve until told to stop."""
    args = _arguments()
    token = os.environ.get(TOKEN) or secrets.token_urlsafe(24)
    port = args.port or free_port(args.address)
    server = make_server(Folders(args.folders.resolve()), args.work.resolve(), token, args.address, port)
    server.log.setLevel(logging.WARNING)

    def listening() -> None:
        if args.record:
            write_record(
                args.record, pid=os.getpid(), port=server.port, token=token, work=str(args.work.resolve())
            )
        if args.say:
            shown = "127.0.0.1" if args.address in {"", "0.0.0.0", "::"} else args.address  # noqa: S104
            print(f"JupyterLab: http://{shown}:{server.port}/lab?token={token}", flush=True)

    # After the callback that binds the port, which the initialization has scheduled.
    server.io_loop.add_callback(listening)

    def leave(_number: int, _frame: FrameType | None) -> None:
        server.stop(from_signal=True)

    server.start_app()
    # It would ask on the terminal; whoever ends it by SIGTERM is not asked either.
    signal.signal(signal.SIGINT, leave)
    server.start_ioloop()


if __name__ == "__main__":
    main()
