"""Event streams: each event arrives before the next is made."""

import asyncio

from parts.sidecar import before

PATIENCE = 20  # seconds
EVENTS = 20


def chunk(text):
    return f"{len(text):x}\r\n{text}\r\n".encode()


class Stream:
    """An app that makes an event when it is told to."""

    def __init__(self):
        self.wanted = asyncio.Semaphore(0)

    async def answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        chunked = "/chunked" in head
        framing = "Transfer-Encoding: chunked\r\n" if chunked else "Connection: close\r\n"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n".encode())
        for n in range(EVENTS):
            await self.wanted.acquire()
            event = f"data: {n}\n\n"
            writer.write(chunk(event) if chunked else event.encode())
            await writer.drain()
        writer.write(b"0\r\n\r\n" if chunked else b"")
        await writer.drain()
        writer.close()


async def listen(stage, port, stream, path, method):
    """A visitor who asks for the next event when it has the one before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = "Content-Length: 2\r\n\r\n{}" if method == "POST" else "\r\n"
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n{body}".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    what = f"{method} {path}"
    stage.check(b"text/event-stream" in head, f"{what}: the head comes before the first event", head)
    for n in range(EVENTS):
        stream.wanted.release()
        await asyncio.wait_for(reader.readuntil(f"data: {n}\n\n".encode()), PATIENCE)
    stage.check(True, f"{what}: {EVENTS} events, each before the next was made")
    writer.close()


async def play(stage):
    stream = Stream()
    app = await asyncio.start_server(stream.answer, "127.0.0.1", 0)
    async with app:
        port = app.sockets[0].getsockname()[1]
        _, port = before(stage, port)
        for path in ("/chunked", "/to-the-end"):
            for method in ("GET", "POST"):
                await listen(stage, port, stream, path, method)


def first_before_second(stage):
    asyncio.run(asyncio.wait_for(play(stage), 4 * PATIENCE))
