"""The JupyterLab process: one address, one token, and a record of itself once it listens.

The token is made here and written only to the record, which only this user can read. It is never on a command line, and
the kernels do not get it.
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

from checker import whole
from checker.jupyter.settings import Folders, server_settings

if TYPE_CHECKING:
    from types import FrameType

TOKEN = "DRYDOCK_NOTEBOOKS_TOKEN"  # noqa: S105 - the name of the variable
"""The environment variable with the token for a room; if it is not set, the token is random."""


def write_record(file: Path, **facts: object) -> None:
    """Write a record that only this user can read, whole or not at all."""
    whole.write_bytes(file, json.dumps(facts).encode(), mode=0o600)


def _forget_other_settings() -> None:
    """Let Jupyter read settings only from our folders and the environment's, not from the user's or the machine's."""
    from jupyter_core import paths  # noqa: PLC0415 - after the folders are in os.environ

    site.ENABLE_USER_SITE = False
    paths.SYSTEM_CONFIG_PATH[:] = []
    paths.SYSTEM_JUPYTER_PATH[:] = []


def make_server(folders: Folders, work: Path, token: str, address: str, port: int) -> Any:
    """Return the server, ready to start; this changes the process's environment for the server and its kernels."""
    folders.write()
    environment = folders.environment(os.environ)
    environment.pop(TOKEN, None)  # kernels inherit the rest
    os.environ.clear()
    os.environ.update(environment)
    _forget_other_settings()

    from jupyterlab.labapp import LabApp  # noqa: PLC0415 - only now
    from traitlets.config import Config  # noqa: PLC0415

    # Terminals, language servers and other installed extensions are not started.
    LabApp.load_other_extensions = False
    settings = server_settings(folders, work, token, address, port)
    server = LabApp.initialize_server(argv=[], config=Config(settings))
    # The file that opens the page in a browser would contain the token too.
    server.no_browser_open_file = True
    return server


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve JupyterLab on a work folder until a signal stops it.")
    parser.add_argument("work", type=Path, help="the folder that the page shows")
    parser.add_argument("--folders", type=Path, required=True, help="where it keeps what it writes")
    parser.add_argument("--record", type=Path, help="a file to write pid, port and token to, once listening")
    return parser.parse_args()


def serve(
    work: Path, folders: Path, *, address: str, port: int = 0, record: Path | None = None, say: bool = False
) -> None:
    """Serve until a signal stops it.

    Args:
        work: the folder that the page shows.
        folders: where JupyterLab keeps what it writes.
        address: the address to listen on.
        port: the port; 0 takes a free one from 8888 on.
        record: a file to write pid, port, token and work folder to, once it listens.
        say: print the page's address, including the token.
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

    # This runs after the callback that binds the port, which the initialization has scheduled.
    server.io_loop.add_callback(listening)

    def leave(_number: int, _frame: FrameType | None) -> None:
        server.stop(from_signal=True)

    server.start_app()
    # By default, Ctrl-C asks on the terminal first; here it ends the server at once, like SIGTERM.
    signal.signal(signal.SIGINT, leave)
    server.start_ioloop()


def main() -> None:
    """Serve on the loopback interface, as `checker.jupyter.server` starts it."""
    args = _arguments()
    serve(args.work, args.folders, address="127.0.0.1", record=args.record)


if __name__ == "__main__":
    main()
