"""What waits costs: memory of idle and half-sent connections, and the time to the first answer."""

import contextlib
import math
import selectors
import socket
import time
from dataclasses import dataclass

from kit.stage import Stage, Trouble
from measure import memory
from servers import RECIPES, pinned, start
from work import GET_1K

FRESH = 200  # visitors among the half-sent heads
HEADER_TIMEOUT = 10  # in everybody's file


@dataclass(frozen=True)
class Idle:
    start: tuple  # KiB, RSS and PSS
    held: list  # the same, for each number of idle connections
    each: float  # KiB of RSS for a connection, between the two numbers
    half: float  # KiB of RSS for a half-sent head
    late: float  # seconds: the 99th percentile of fresh visitors meanwhile
    gone: float | None  # seconds until the last was closed


def idle(stage, ground, name, counts, settle):
    """A fresh process is held by so many connections, and another by half-sent heads.

    Memory is read when `settle` seconds have passed; without any, nobody waits for timeouts either.
    """
    with Stage(name, ground.program, stage.tally) as fresh:
        server = start(fresh, ground, name)
        at_start, held = settled(server, settle), []
        with contextlib.ExitStack() as open_ones:
            for count, more in zip(counts, [counts[0], counts[1] - counts[0]], strict=True):
                for _ in range(more):
                    connection = open_ones.enter_context(connect(server.port))
                    exchange(connection)
                held.append(settled(server, settle))
        each = (held[1][0] - held[0][0]) / (counts[1] - counts[0])
    with Stage(name, ground.program, stage.tally) as fresh:
        server = start(fresh, ground, name)
        return Idle(at_start, held, each, *half_sent(server, counts[1], settle))


def half_sent(server, count, settle):
    before = settled(server, settle)[0]
    with contextlib.ExitStack() as open_ones:
        connections = [open_ones.enter_context(connect(server.port)) for _ in range(count)]
        for connection in connections:
            connection.sendall(GET_1K.request()[:-2])
        sent = time.monotonic()
        each = (settled(server, settle)[0] - before) / count
        waits = sorted(visit(server.port) for _ in range(FRESH))
        late = waits[math.ceil(FRESH * 0.99) - 1]
        return each, late, closed(connections, sent) if settle else None


def closed(connections, since):
    """Seconds until the server has closed the last of them, if it does."""
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < since + HEADER_TIMEOUT * 2:
            for key, _ in selector.select(timeout=0.1):
                with contextlib.suppress(ConnectionError):
                    if key.fileobj.recv(4096):
                        continue
                selector.unregister(key.fileobj)
        return None if selector.get_map() else time.monotonic() - since


def first_answer(stage, ground, name):
    """Seconds from exec."""
    with Stage(name, ground.program, stage.tally) as fresh:
        recipe = RECIPES[name](fresh, ground, name)
        with pinned(ground.cores[0]):
            begun = time.monotonic()
            program = fresh.begin(name, recipe.command, recipe.environment)
        while program.child.poll() is None and time.monotonic() < begun + 10:
            try:
                visit(recipe.port)
                return time.monotonic() - begun
            except (OSError, Trouble):
                time.sleep(0.0002)
        raise Trouble(f"{name} gives no answer:\n{program.said()[-2000:]}")


def settled(server, seconds):
    time.sleep(seconds)
    return memory(server.pid)


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def visit(port):
    """Seconds that a new visitor waits."""
    begun = time.monotonic()
    with connect(port) as connection:
        exchange(connection)
    return time.monotonic() - begun


def exchange(connection):
    """One request and its answer."""
    connection.sendall(GET_1K.request())
    answer = b""
    while len(answer.partition(b"\r\n\r\n")[2]) < GET_1K.answer:
        piece = connection.recv(8192)
        answer += piece
        if not piece or not answer.startswith(b"HTTP/1.1 200 "[: len(answer)]):
            raise Trouble(f"no good answer: {answer[:100]}")

