"""A stand-in Pandium: verifies the token by PyJWT, and shows as JSON what it understood."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Pandium:
    """`accounts`: the key of each. `claims` has every payload that was let in, in order."""

    def __init__(self, accounts):
        self.accounts, self.visits = accounts, []
        self.server = Server(("127.0.0.1", 0), self.handler())
        self.port = self.server.server_address[1]
        self.base = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def minted(self, location):
        """Account, id and claims that an address of ours carries; none where it carries no good token."""
        parts = urlsplit(location or "")
        way = parts.path.split("/")
        if f"{parts.scheme}://{parts.netloc}" != self.base or way[2:4] != ["tenants", "create"] or len(way) != 5:
            return None
        tokens = parse_qs(parts.query).get("tenant", [])
        if way[1] not in self.accounts or len(tokens) != 1:
            return None
        try:
            claims = jwt.decode(tokens[0], self.accounts[way[1]], algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return None
        return {"account": way[1], "id": way[4], "claims": claims}

    def handler(pandium):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                seen = pandium.minted(pandium.base + self.path)
                pandium.visits.append({"path": self.path, "headers": dict(self.headers), "seen": seen})
                body = json.dumps(seen or {"error": "no good token"}).encode()
                self.send_response(200 if seen else 403)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
