"""WebSockets between a real client library and a real server library."""

import asyncio
import contextlib
import random
import signal
import time

from parts.sidecar import before
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

PATIENCE = 30  # seconds
TUNNELS = 200
BIG = 8 << 20


def messages(seed, count):
    """Texts and bytes of any size, the same for the same seed."""
    dice = random.Random(seed)
    for _ in range(count):
        size = dice.choice([0, 1, 125, 126, 1000, 65535, 65536])
        yield dice.randbytes(size) if dice.random() < 0.5 else "é" * (size // 2)


async def app(connection):
    """Plays by the path: says back, speaks by itself, or ends as it is told."""
    path = connection.request.path
    if path.startswith("/close/"):
        await connection.close(int(path.rsplit("/", 1)[1]), "told so")
        return
    if path == "/drop":
        connection.transport.abort()
        return
    if path == "/ping":
        await (await connection.ping(b"from the app"))
        await connection.send("answered")
    if path == "/seen":
        head = connection.request.headers
        await connection.send("\n".join(f"{name}: {value}" for name, value in head.raw_items()))
    if path.startswith("/speaks/"):
        for message in messages(path, 10):
            await connection.send(message)
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            await connection.send(message)
    CLOSED.append((path, connection.close_code, connection.close_reason))


CLOSED = []


def answering(connection, request):
    """Not every request for a WebSocket gets one."""
    if request.path.startswith("/answer/"):
        return connection.respond(int(request.path.rsplit("/", 1)[1]), "no socket here\n")
    return None


def chat(_, offered):
    return "chat" if "chat" in offered else None


@contextlib.asynccontextmanager
async def stage_for(stage, more=""):
    server = serve(
        app,
        "127.0.0.1",
        0,
        process_request=answering,
        select_subprotocol=chat,
        max_size=None,
        ping_interval=None,
    )
    async with server as listening:
        port = listening.sockets[0].getsockname()[1]
        program, port = before(stage, port, more)
        yield program, port


def client(port, path, **more):
    more = {"max_size": None, "ping_interval": None, "open_timeout": PATIENCE} | more
    return connect(f"ws://127.0.0.1:{port}{path}", **more)


def played(part):
    """An asynchronous part as one that is called."""

    def play(stage):
        CLOSED.clear()
        asyncio.run(asyncio.wait_for(part(stage), 4 * PATIENCE))

    return play


async def until(holds):
    deadline = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return holds()


async def converse(port, n):
    """One tunnel, both directions; gives what was wrong."""
    path = f"/speaks/{n}"
    async with client(port, path, compression="deflate" if n % 2 else None) as socket:
        for expected in messages(path, 10):
            if await socket.recv() != expected:
                return f"{n}: the app's words changed"
        for said in messages(n, 10):
            await socket.send(said)
            if await socket.recv() != said:
                return f"{n}: our words changed"
    return None


@played
async def traffic(stage):
    async with stage_for(stage) as (_, port):
        # All of them are open at once before the first goes on.
        sockets = await asyncio.gather(*(client(port, "/echo").__aenter__() for _ in range(TUNNELS)))
        stage.check(len(sockets) == TUNNELS, f"{TUNNELS} tunnels at once")
        wrong = [word for word in await asyncio.gather(*(converse(port, n) for n in range(TUNNELS))) if word]
        stage.check(not wrong, "bytes are equal both ways", wrong[:5])
        said = [random.Random(n).randbytes(5000) for n in range(TUNNELS)]
        await asyncio.gather(*(socket.send(words) for socket, words in zip(sockets, said, strict=True)))
        back = await asyncio.gather(*(socket.recv() for socket in sockets))
        stage.check(back == said, "those that were silent meanwhile are there still")
        await asyncio.gather(*(socket.close() for socket in sockets))

        async with client(port, "/echo") as socket:
            big = random.Random(0).randbytes(BIG)
            sending = asyncio.create_task(socket.send(big))
            stage.check(await socket.recv() == big, "a message of 8 MiB")
            await sending
        headers = {"X-Forwarded-For": "1.2.3.4", "Cookie": "a=b"}
        async with client(port, "/seen", subprotocols=["chat", "x"], origin="https://a.test", additional_headers=headers) as socket:
            seen = (await socket.recv()).lower()
            stage.check(socket.subprotocol == "chat", "the subprotocol is agreed upon", socket.subprotocol)
        for line in ("origin: https://a.test", "cookie: a=b", "x-forwarded-proto: http", "x-forwarded-for: 1.2.3.4, 127.0.0.1"):
            stage.check(line in seen, f"the app is told {line}", seen)


@played
async def ends(stage):
    async with stage_for(stage) as (_, port):
        for code in (1000, 4001, 1011):
            async with client(port, f"/close/{code}") as socket:
                with contextlib.suppress(ConnectionClosed):
                    await socket.recv()
                got = (socket.close_code, socket.close_reason)
                stage.check(got == (code, "told so"), f"the app's close code {code} arrives", got)
        for code in (1000, 4002):
            path = f"/echo/{code}"
            async with client(port, path) as socket:
                await socket.send("x")
                await socket.recv()
                await socket.close(code, "enough")
            arrived = await until(lambda path=path: any(row[0] == path for row in CLOSED))
            stage.check(arrived and (path, code, "enough") in CLOSED, f"the visitor's close code {code} arrives", CLOSED)
        async with client(port, "/drop") as socket:
            with contextlib.suppress(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), PATIENCE)
            stage.check(socket.close_code == 1006, "an app that breaks off breaks off", socket.close_code)
        async with client(port, "/vanish") as socket:
            await socket.send("x")
            await socket.recv()
            socket.transport.abort()
        gone = await until(lambda: any(row[:2] == ("/vanish", 1006) for row in CLOSED))
        stage.check(gone, "so does a visitor", CLOSED)
        async with client(port, "/ping") as socket:
            stage.check(await asyncio.wait_for(socket.recv(), PATIENCE) == "answered", "the app's ping is answered")
            await asyncio.wait_for(await socket.ping(b"from the visitor"), PATIENCE)
            stage.check(True, "the visitor's ping is answered")
            await asyncio.sleep(2.5)
            await socket.send("still there")
            stage.check(await socket.recv() == "still there", "a silence of 2.5 s changes nothing")


@played
async def refused(stage):
    async with stage_for(stage) as (_, port):
        for status in (403, 401, 404, 200, 503):
            try:
                async with client(port, f"/answer/{status}"):
                    stage.check(False, f"{status} opens no tunnel")
            except InvalidStatus as answer:
                got = (answer.response.status_code, answer.response.body)
                stage.check(got == (status, b"no socket here\n"), f"{status} passes as {status}", got)
        # What follows a 200 is HTTP, and a request of its own.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        shake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        for _ in range(2):
            writer.write(f"GET /answer/200 HTTP/1.1\r\nHost: a\r\n{shake}\r\n".encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            # That the app's library closes its connection then is between it and us.
            plain = b"pgrade" not in head and b"close" not in head.lower()
            stage.check(head.startswith(b"HTTP/1.1 200") and plain, "a 200 is an answer", head)
            await reader.readexactly(len("no socket here\n"))
        writer.close()


@played
async def idle(stage):
    more = "timeouts: { tunnel: 1s, idle: 300ms, stall: 300ms, body: 300ms, header: 300ms, response: 5s }"
    async with stage_for(stage, more) as (_, port):
        async with client(port, "/echo") as busy, client(port, "/echo") as silent:
            start = time.monotonic()
            ended = asyncio.create_task(silent.wait_closed())
            while time.monotonic() - start < 3:
                await asyncio.sleep(0.3)
                await asyncio.wait_for(await busy.ping(), PATIENCE)
            stage.check(ended.done(), "a silent tunnel is ended")
            stage.check(silent.close_code == 1006, "by its connection", silent.close_code)
            await busy.send("still there")
            stage.check(await busy.recv() == "still there", "a busy one is not")


@played
async def shutdown(stage):
    async with stage_for(stage, "shutdown: { grace: 2s }") as (program, port):
        async with client(port, "/echo") as socket:
            await socket.send("before")
            await socket.recv()
            program.child.send_signal(signal.SIGTERM)
            start = time.monotonic()
            while time.monotonic() - start < 1.4:
                await socket.send("meanwhile")
                await asyncio.wait_for(socket.recv(), PATIENCE)
                await asyncio.sleep(0.1)
            stage.check(True, "a tunnel goes on in the grace")
            with contextlib.suppress(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), PATIENCE)
            took = time.monotonic() - start
            stage.check(1.4 < took < 3.5, "and is ended with it", took)
        code = await asyncio.to_thread(program.child.wait, PATIENCE)
        stage.check(code == 0, "the program ends in order", code)
