"""Many who wait, or let others wait: half-sent heads by the thousand, and answers that take seconds."""

import resource
import selectors
import signal
import socket
import struct
import threading
import time

from parts.sidecar import FILE
from kit.stage import free_ports

HALF = 5000
KIB = 1024
HEADER = 10  # seconds
SLOW = 4  # seconds that an answer takes
ANSWERS = 50


def start(stage, app, more, http2=False):
    port, admin = free_ports(2)
    key = stage.write("key", "0123456789abcdef0123456789abcdef")
    text = FILE.format(port=port, admin=admin, app=app, key=key, more=more)
    if http2:
        plain = f"listen: 127.0.0.1:{port}\n"
        assert plain in text
        text = text.replace(plain, f'listen: {{ address: "127.0.0.1:{port}", http2: true }}\n')
    return stage.sidecar(text, admin), port


class App:
    """Answers each request after a while, on a connection of its own."""

    def __init__(self, stage, delay):
        self.delay, self.asked = delay, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        stage.ends.callback(self.listener.close)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.converse, args=[connection], daemon=True).start()
        except OSError:
            pass

    def converse(self, connection):
        with connection:
            held = b""
            while True:
                more = connection.recv(4096)
                if not more:
                    return
                held += more
                while b"\r\n\r\n" in held:
                    _, _, held = held.partition(b"\r\n\r\n")
                    self.asked += 1
                    time.sleep(self.delay)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")


def memory(program, name="VmRSS"):
    """In KiB."""
    with open(f"/proc/{program.child.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def halves(http2):
    """What is sent of a head, and never goes on."""
    if not http2:
        whole = b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Half: " + b"x" * 200
        return [whole[: 5 + n * 40] for n in range(6)]
    greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
    # An announced head of which a piece is missing, and one that wants to be continued.
    announced = frame(1, 5, 1, b"\x82\x86\x84" + b"\x00\x01x\x7e" + b"v" * 126)
    return [greeting + announced[: 9 + n * 20] for n in range(5)] + [greeting + frame(1, 1, 1, b"\x82\x86\x84")]


def percentile(samples, part):
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * part))]


def fresh(port):
    """How long a new visitor waits for an answer, in milliseconds."""
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as visitor:
        visitor.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        told = visitor.recv(4096)
    return (time.perf_counter() - begun) * 1000 if told.startswith(b"HTTP/1.1 200") else float("inf")


def half_heads(stage):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 20_000), most))
    app = App(stage, 0)
    for http2 in (False, True):
        name = "HTTP/2" if http2 else "HTTP/1.1"
        program, port = start(stage, app.port, f"timeouts: {{ header: {HEADER}s }}", http2)
        # On a machine that is busy with others, it takes as long as it takes there.
        usual = percentile([fresh(port) for _ in range(300)], 0.99)
        before = memory(program)
        pieces, watched, opened = halves(http2), selectors.DefaultSelector(), set()
        first = time.monotonic()
        for n in range(HALF):
            visitor = socket.create_connection(("127.0.0.1", port), timeout=10)
            visitor.sendall(pieces[n % len(pieces)])
            opened.add(visitor)
            visitor.setblocking(False)
            watched.register(visitor, selectors.EVENT_READ)
        held, waits, last = memory(program) - before, [], time.monotonic()
        stage.check(last - first < HEADER, f"{name}: {HALF} half-sent heads at once", last - first)
        while opened and time.monotonic() < last + HEADER + 10:
            waits.append(fresh(port))
            for key, _ in watched.select(timeout=0.02):
                visitor = key.fileobj
                try:
                    gone = not visitor.recv(65536)
                except ConnectionResetError:
                    gone = True
                if gone:
                    opened.remove(visitor)
                    watched.unregister(visitor)
                    visitor.close()
        took, each = time.monotonic() - last, held / HALF
        # To see them go takes a while, too, where others have the cores.
        stage.check(not opened and took < HEADER + 3, f"{name}: all are gone in time", (len(opened), took))
        stage.check(each <= 20, f"{name}: each costs {each:.1f} KiB, at most 20")
        slow = percentile(waits, 0.99)
        shown = f"p50 {percentile(waits, 0.5):.1f} ms, p99 {slow:.1f} ms of {len(waits)}; p99 before {usual:.1f} ms"
        stage.check(slow < max(50, 3 * usual), f"{name}: others are answered meanwhile within 50 ms", shown)
        print(f"       {shown}")


def slow_answers(stage):
    """None of fifty four-second answers is lost at SIGTERM, and the end is no later than it has to be."""
    app = App(stage, SLOW)
    program, port = start(stage, app.port, "shutdown: { grace: 20s }")
    visitors, ends = [], []
    for _ in range(ANSWERS):
        visitor = socket.create_connection(("127.0.0.1", port), timeout=30)
        visitor.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        visitors.append(visitor)

    def take(visitor):
        told = b""
        while more := visitor.recv(4096):
            told += more
            if told.endswith(b"\r\n\r\nfine"):
                ends.append(time.monotonic())
                break

    threads = [threading.Thread(target=take, args=[visitor]) for visitor in visitors]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while app.asked < ANSWERS and time.monotonic() < deadline:
        time.sleep(0.01)
    program.child.send_signal(signal.SIGTERM)
    code = program.child.wait(timeout=30)
    ended = time.monotonic()
    for thread in threads:
        thread.join()
    stage.check(len(ends) == ANSWERS, f"0 of {ANSWERS} answers of {SLOW} s are lost at SIGTERM", len(ends))
    after = ended - max(ends, default=0)
    stage.check(code == 0 and after < 0.5, "it ends within half a second of the last", (code, after))
