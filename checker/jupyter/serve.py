"""The process that is JupyterLab: one address, one token, a record of itself once it listens.

The token is made here and told in the record alone, which only this user can read: never on a command line, nor to
the kernels.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import signal
import site
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.jupyter.settings import Folders, server_settings

if TYPE_CHECKING:
    from types import FrameType

TOKEN = "DRYDOCK_NOTEBOOKS_TOKEN"  # noqa: S105 - the name of the variable
"""The environment variable with the token, where a room is told one; else it is a random one."""


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
    return parser.parse_args()


def serve(
    work: Path, folders: Path, *, address: str, port: int = 0, record: Path | None = None, say: bool = False
) -> None:
    """Serve until told to stop.

    Args:
        work: the folder that the page shows.
        folders: where JupyterLab keeps what it writes.
        address: the address to listen on.
        port: the port; 0 takes a free one from 8888 on.
        record: a file to write pid, port, token and work folder to, once it listens.
        say: print the page's address, token and all.
    """
    token = os.environ.get(TOKEN) or secrets.token_urlsafe(24)
    server = make_server(Folders(folders.resolve()), work.resolve(), token, address, port)
    server.log.setLevel(logging.WARNING)

    def listening() -> None:
        if record:
            write_record(record, pid=os.getpid(), port=server.port, token=token, work=str(work.resolve()))
        if say:
            shown = "127.0.0.1" if address in {"", "0.0.0.0", "::"} else address  # noqa: S104
            print(f"JupyterLab: http://{shown}:{server.port}/lab/tree/notebooks?token={token}", flush=True)

    # After the callback that binds the port, which the initialization has scheduled.
    server.io_loop.add_callback(listening)

    def leave(_number: int, _frame: FrameType | None) -> None:
        server.stop(from_signal=True)

    server.start_app()
    # By default it asks on the terminal first; SIGTERM is not asked about either.
    signal.signal(signal.SIGINT, leave)
    server.start_ioloop()


def main() -> None:
    """Serve on the loopback interface, as `checker.jupyter.server` starts it."""
    args = _arguments()
    serve(args.work, args.folders, address="127.0.0.1", record=args.record)


if __name__ == "__main__":
    main()
