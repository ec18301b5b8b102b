"""Passes on connections at port 7000 to the seal box; the other network knows this container by the box's name."""

import asyncio
import socket

BOX = socket.gethostbyname("drydock-16-seal-1")


async def pipe(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def serve(reader, writer):
    there, back = await asyncio.open_connection(BOX, 7000)
    await asyncio.gather(pipe(reader, back), pipe(there, writer))


async def main():
    server = await asyncio.start_server(serve, "", 7000)
    await server.serve_forever()


asyncio.run(main())
