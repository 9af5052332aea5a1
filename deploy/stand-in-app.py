#!/usr/bin/env python3
"""A stand-in for your app, to try the files here with: python3 deploy/stand-in-app.py [HOST:PORT]

Whoever sends the cookie `session=zoe` is signed in. What /internal/session answers is what your app has
to answer, too: 200 with these headers, each of them always, `-` where there is nothing to say; or 401.
"""

import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

PEOPLE = {
    "zoe": {
        "X-Session-Account-Id": "42",
        # Names need not be ASCII, and headers had better be.
        "X-Session-Account-Name": quote("Northwind GmbH"),
        "X-Session-User-Name": quote("Zoë Müller"),
        "X-Session-User-Email": "zoe@northwind.example",
        "X-Session-Installed": "-",
    }
}


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        cookie = SimpleCookie(self.headers.get("Cookie")).get("session")
        person = PEOPLE.get(cookie.value) if cookie else None
        if self.path.split("?")[0] == "/internal/session":
            return self.answer(200, "somebody", person) if person else self.answer(401, "nobody")
        if self.path.startswith("/accounts/login/"):
            return self.answer(200, "To sign in, send the cookie session=zoe.")
        self.answer(200, f"Hello {cookie.value if person else 'stranger'}.")

    def answer(self, status, text, headers=None):
        body = f"{text}\n".encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    host, _, port = (sys.argv[1:] or ["127.0.0.1:3000"])[0].rpartition(":")
    ThreadingHTTPServer((host, int(port)), App).serve_forever()
