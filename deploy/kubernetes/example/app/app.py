"""A legacy web app, as small as one can be: a login, a page, and an answer to "who is this?".

The last is all that the sidecar asks of it: 200 with the session's headers for somebody who is signed
in, 401 for nobody. It listens on loopback, so that nobody gets past the sidecar.
"""

import secrets
from html import escape
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote

PEOPLE = {"zoe": {"account": "42", "company": "Acme GmbH", "name": "Zoë Müller", "email": "zoe@acme.example"}}
SESSIONS = {}


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        person = self.person()
        if self.path == "/healthz":
            self.answer(200, "ok")
        elif self.path == "/internal/session":
            self.answer(200, "", session(person)) if person else self.answer(401, "")
        elif person:
            page = '<p>Hello, {}.</p><iframe src="/pandium/install/gwt2hs" width="900" height="600"></iframe>'
            self.answer(200, page.format(escape(person["name"])))
        else:
            self.answer(200, '<form method="post"><input name="who" value="zoe"><button>Sign in</button></form>')

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        person = PEOPLE.get(parse_qs(body).get("who", [""])[0])
        if not person:
            return self.answer(403, "Nobody of that name.")
        ticket = secrets.token_urlsafe()
        SESSIONS[ticket] = person
        cookie = f"session={ticket}; Path=/; HttpOnly; SameSite=Lax"
        self.answer(303, "", {"Location": "/", "Set-Cookie": cookie})

    def person(self):
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("session")
        return SESSIONS.get(cookie.value) if cookie else None

    def answer(self, status, text, headers=None):
        body = text.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def session(person):
    return {
        "X-Account-Id": person["account"],
        "X-Account-Name": quote(person["company"]),
        "X-User-Name": quote(person["name"]),
        "X-User-Email": person["email"],
    }


ThreadingHTTPServer(("127.0.0.1", 8080), App).serve_forever()
