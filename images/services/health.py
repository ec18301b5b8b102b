"""Exits with 0 when the service in this container answers."""

import http.client

connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=2)
connection.request("GET", "/healthz")
answer = connection.getresponse()
answer.read()
raise SystemExit(answer.status != 200)
