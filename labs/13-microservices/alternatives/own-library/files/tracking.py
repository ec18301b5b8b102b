"""Tracking on nothing but Python's own library: where a parcel was seen last."""

import asyncio
import json
import os
import signal
import socket
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

FILE = Path("/data/scans.jsonl")
ME = {"service": "tracking", "version": os.environ["VERSION"], "instance": socket.gethostname()}
places = {}
fault = {"mode": "none", "requests": 0}


def read():
    for line in FILE.read_text().splitlines() if FILE.exists() else ():
        scan = json.loads(line)
        places[str(scan["parcel"])] = scan["place"]


def remember(scan):
    with FILE.open("a") as file:
        file.write(json.dumps(scan) + "\n")
        file.flush()
        os.fsync(file.fileno())
    places[str(scan["parcel"])] = scan["place"]


def find(query):
    wanted = query.get("parcels", [""])[-1].split(",")
    return 200, {"places": {parcel: place for parcel, place in places.items() if parcel in wanted}}


async def work(method, path, query, body, number):
    """Answer a request, as the fault says."""
    if path == "/healthz":
        return 200, {"status": "ok"}
    if path == "/fault":
        if method == "POST":
            fault.clear()
            fault.update({"mode": "none", "seconds": 5, "id": "", **body, "requests": 0})
        return 200, fault
    fault["requests"] += 1
    mode = fault["mode"] if fault.get("id") in ("", number) else "none"
    if mode == "wrong":
        return 500, {"error": "broken on purpose"}
    if (method, path) == ("POST", "/scans"):
        remember(body)
        answer = 201, {}
    else:
        answer = find(query) if (method, path) == ("GET", "/scans") else (404, {"error": path})
    if mode == "slow":
        await asyncio.sleep(fault["seconds"])
    return answer


async def serve(reader, writer):
    began = time.monotonic()
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        method, target, _ = first.split(" ")
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        to, number = urlsplit(target), headers.get("x-request-id", "")
        status, answer = await work(method, to.path, parse_qs(to.query), body, number)
        text = json.dumps({**ME, "request": number, **answer}).encode()
        writer.write(
            b"HTTP/1.1 %d -\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(text)) + text
        )
        await writer.drain()
        ms = round((time.monotonic() - began) * 1000)
        if number and not number.startswith("page-"):
            print(json.dumps({**ME, "id": number, "path": target, "ms": ms}), flush=True)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    server = await asyncio.start_server(serve, "", 8080)
    await server.serve_forever()


read()
asyncio.run(main())
