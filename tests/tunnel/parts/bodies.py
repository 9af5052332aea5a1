"""Bodies larger than the memory that the sidecar may take for them; made as they go, kept nowhere."""

import contextlib
import socket
import threading
import time
from pathlib import Path

from parts.sidecar import before

PATIENCE = 60  # seconds
GIB = 1 << 30
MIB = 1 << 20
LARGE = 2 * GIB
ALLOWED = 16 * MIB


def blocks(length):
    """A body: each MiB begins and ends with its number, so that a lost or doubled piece shows."""
    for number in range(length // MIB):
        mark = number.to_bytes(8, "big")
        yield mark + bytes(MIB - 16) + mark


def take(connection, length, buffered=b""):
    """Reads such a body; true where it is all there and in order."""
    block = bytearray(MIB)
    view = memoryview(block)
    for number in range(length // MIB):
        filled = len(buffered)
        view[:filled] = buffered
        buffered = b""
        while filled < MIB:
            count = connection.recv_into(view[filled:])
            if not count:
                return False
            filled += count
        mark = number.to_bytes(8, "big")
        if block[:8] != mark or block[-8:] != mark:
            return False
    return True


def head_of(connection):
    """A message's head, and what of its body has come with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(4096)
        if not more:
            break
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode(), rest


class App:
    """Takes and gives bodies, by the path: `/up/LENGTH`, `/down/LENGTH`."""

    def __init__(self, stage):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        stage.ends.callback(self.listener.close)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.converse, args=[connection], daemon=True).start()

    def converse(self, connection):
        with connection, contextlib.suppress(OSError):
            while True:
                head, rest = head_of(connection)
                if not head:
                    return
                _, way, length = head.split(" ")[1].split("/")
                if way == "up":
                    said = b"whole" if take(connection, int(length), rest) else b"wrong"
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + said)
                else:
                    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
                    for block in blocks(int(length)):
                        connection.sendall(block)


class Memory:
    """What the sidecar's memory was, and how far it has grown at its highest since."""

    def __init__(self, program):
        self.folder = Path("/proc") / str(program.child.pid)
        (self.folder / "clear_refs").write_text("5")  # the highest mark begins anew
        self.before = self.read("VmRSS")

    def read(self, name):
        lines = (self.folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))

    def growth(self):
        return self.read("VmHWM") - self.before


def check_memory(stage, memory):
    growth = memory.growth()
    stage.check(growth < ALLOWED, f"with less than 16 MiB more memory: {growth / MIB:.1f} MiB", growth)


def visitor(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def send_up(port, length):
    with visitor(port) as connection:
        connection.sendall(f"POST /up/{length} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode())
        for block in blocks(length):
            connection.sendall(block)
        head, rest = head_of(connection)
        return head.startswith("HTTP/1.1 200") and rest == b"whole"


def bring_down(port, length):
    with visitor(port) as connection:
        connection.sendall(f"GET /down/{length} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head, rest = head_of(connection)
        return head.startswith("HTTP/1.1 200") and take(connection, length, rest)


def measured(stage, way, name):
    app = App(stage)
    program, port = before(stage, app.port)
    stage.check(way(port, 16 * MIB), "16 MiB arrive")
    memory = Memory(program)
    stage.check(way(port, LARGE), f"{name} of 2 GiB arrives, whole and in order")
    check_memory(stage, memory)


def upload(stage):
    measured(stage, send_up, "an upload")


def download(stage):
    measured(stage, bring_down, "a download")


def slow_reader(stage):
    """What a visitor does not take stays with the app, and not with us."""
    app = App(stage)
    program, port = before(stage, app.port)
    stage.check(bring_down(port, 16 * MIB), "16 MiB arrive")
    memory = Memory(program)
    with visitor(port) as connection:
        connection.sendall(f"GET /down/{GIB} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head, rest = head_of(connection)
        time.sleep(2)
        check_memory(stage, memory)
        stage.check(take(connection, GIB, rest), "1 GiB arrives after a pause")
    check_memory(stage, memory)
