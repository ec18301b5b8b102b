"""Whether the page server answers: exit status 0 or 1."""

import http.client
import sys

connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=2)
try:
    connection.request("GET", "/hello.json")
    sys.exit(connection.getresponse().status != http.HTTPStatus.OK)
except OSError as error:
    sys.exit(f"no answer: {error}")
