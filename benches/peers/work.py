"""The requests of the benchmark, and what a right answer to each is."""

import base64
import hashlib
import hmac
import http.client
import json
import re
import time
from dataclasses import dataclass

KEY = "0123456789abcdef0123456789abcdef"
ADDRESS = "https://imp.pandium.com/acme/tenants/create/1121?tenant="

# Those of benches/mint.rs: a browser's, and the session that benches/mint.yaml reads.
HEADERS = {
    "Host": "app.example.com",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.9,de;q=0.8",
    "Accept-Encoding": "gzip, deflate, br",
    "Cookie": "sessionid=k2j3h4k2j3h4k2jh3k4jh23k4jh; csrftoken=8s7d6f8s7d6f8s7d6f",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Dest": "iframe",
    "X-Account-Id": "acct-0042-7781",
    "X-Account-Name": "Acme GmbH & Co. KG",
    "X-User-Name": "Zoë Müller",
    "X-User-Email": "zoe.mueller@acme.example",
    "X-Installed": "1121,1122,1200",
    "X-Plan": "enterprise",
}

CLAIMS = {
    "sub": "acct-0042-7781",
    "ti": {
        "udn": "Acme GmbH & Co. KG",
        "ufn": "Zoë Müller",
        "uem": "zoe.mueller@acme.example",
        "ili": ["1121", "1122", "1200"],
        "aid": "acct-0042-7781",
        "adn": "Acme GmbH & Co. KG",
        "xti": {"connector_name": "gwt", "integration_name": "gwt2hs", "user_tier": "enterprise"},
    },
}


@dataclass(frozen=True)
class Work:
    """One kind of request; `answer` is the length of a right answer's body, where it matters."""

    path: str
    method: str = "GET"
    body: int = 0
    status: int = 200
    answer: int | None = None
    mints: bool = False

    def request(self):
        """As bytes; there is no body where steady, start and memory use it."""
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in HEADERS.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def script(self):
        """For wrk, which sends it as it stands and counts."""
        lines = [f'wrk.method = "{self.method}"', *(f"wrk.headers[{lua(k)}] = {lua(v)}" for k, v in HEADERS.items())]
        if self.body:
            lines.append(f'wrk.body = string.rep("x", {self.body})')
        return "\n".join(lines) + COUNT


COUNT = """
done = function(summary)
  local e = summary.errors
  print(summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout)
end
"""

MINT = Work("/pandium/install/gwt2hs", status=302, mints=True)
MOVED = Work("/moved", status=302)
GET_1K = Work("/1k", answer=1024)
GET_64K = Work("/64k", answer=65536)
POST_16K = Work("/post", method="POST", body=16384, answer=len("16384"))


def lua(text):
    return json.dumps(text, ensure_ascii=False)


def wrong(work, port):
    """What is wrong with the answers to two such requests on one connection, if anything."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    seen = []
    for _ in range(2):
        headers = {name: value.encode() for name, value in HEADERS.items()}
        connection.request(work.method, work.path, b"x" * work.body or None, headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != work.status or work.answer not in (None, len(body)):
            return f"{answer.status} with {len(body)} bytes"
        seen.append(answer.headers.get("Location", ""))
        if work.mints and (fault := wrong_token(seen[-1])):
            return fault
    connection.close()
    return "one token twice" if work.mints and seen[0] == seen[1] else None


def wrong_token(location):
    if not location.startswith(ADDRESS) or location.count(".") < 2:
        return "another address"
    signed, _, signature = location.removeprefix(ADDRESS).rpartition(".")
    header, _, payload = signed.partition(".")
    if unpack(signature) != hmac.digest(KEY.encode(), signed.encode(), hashlib.sha256):
        return "another signature"
    if json.loads(unpack(header)) != {"alg": "HS256", "typ": "JWT"}:
        return "another header"
    claims = json.loads(unpack(payload))
    if abs(time.time() - 5 - claims.pop("iat")) > 3:
        return "another time"
    if not re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", claims.pop("jti")):
        return "no UUID v4"
    return None if claims == CLAIMS else f"other claims: {claims}"


def unpack(segment):
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def location(port):
    """Where the one who mints on this port sends somebody."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", MINT.path, headers={name: value.encode() for name, value in HEADERS.items()})
    found = connection.getresponse().headers["Location"]
    connection.close()
    return found
