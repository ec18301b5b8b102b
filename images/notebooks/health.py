"""Whether JupyterLab answers: exit status 0 or 1."""

import http.client
import os
import sys

address = os.environ.get("DRYDOCK_NOTEBOOKS_ADDRESS", "127.0.0.1")
if address in {"", "0.0.0.0", "::"}:  # noqa: S104 - every address is this machine's too
    address = "127.0.0.1"
port = int(os.environ.get("DRYDOCK_NOTEBOOKS_PORT", "8888"))
connection = http.client.HTTPConnection(address, port, timeout=4)
try:
    # Needs no token, and tells the version alone.
    connection.request("GET", "/api")
    sys.exit(connection.getresponse().status != http.HTTPStatus.OK)
except OSError as error:
    sys.exit(f"no answer: {error}")
