"""Passes each connection on to the server that the file `to` names, and goes on with those that it has."""

import asyncio
import pathlib

TO = pathlib.Path("/tmp/to")  # noqa: S108 - in its own container


def to() -> str:
    return TO.read_text().strip()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        there = await asyncio.open_connection(to(), 8080)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))


async def main() -> None:
    server = await asyncio.start_server(serve, "0.0.0.0", 8080, backlog=128)  # noqa: S104 - its own container
    async with server:
        await server.serve_forever()


asyncio.run(main())
