"""Do the tokens mean to others what they mean to us?

    python tests/interop/verify.py target/debug/pandium-sidecar [REQUESTS]

Starts the built program on loopback, sends install requests with random session headers, and has
every token verified by PyJWT, python-jose and npm's jsonwebtoken (`verify.mjs`). What each token
should say is worked out here, from the headers, by rules written a second time.
"""

import base64
import http.client
import json
import random
import socket
import string
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import jwt
from jose import jwt as jose

HERE = Path(__file__).parent
KEY = "0123456789abcdef0123456789abcdef"
HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
ADDRESS = "https://imp.sandbox.pandium.com/acme/tenants/create/1121?tenant="
BACKDATE = 5

CONFIG = """\
version: 1
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
trust:
  peers: [127.0.0.1]
pandium:
  account: acme
  environment: sandbox
  secret: {{ file: "{key_file}" }}
session:
  from: headers
  fields:
    account_id: X-Account-Id
    account_name: X-Account-Name
    user_name: {{ header: X-User-Name, optional: true }}
    user_email: {{ header: X-User-Email, optional: true }}
    installed: {{ header: X-Installed, type: list, default: [] }}
    city: {{ header: X-City, decode: latin1, optional: true }}
    team: {{ header: X-Team, decode: percent, optional: true }}
    motto: {{ header: X-Motto, decode: base64, optional: true }}
    seats: {{ header: X-Seats, type: int, optional: true }}
    trial: {{ header: X-Trial, type: bool, optional: true }}
    extra: {{ header: X-Extra, type: json, optional: true }}
claims:
  sub: acme-${{session.account_id}}
  ti:
    udn: ${{session.account_name}}
    ufn: ${{session.user_name}}
    uem: ${{session.user_email}}
    ili: ${{session.installed}}
    aid: ""
    adn: ${{session.account_name}}
    xti:
      connector_name: ${{integration.connector_name}}
      integration_name: ${{integration.integration_name}}
      city: ${{session.city}}
      greeting: "Grüße aus ${{session.city}}"
      team: ${{session.team}}
      motto: ${{session.motto}}
      seats: ${{session.seats}}
      trial: ${{session.trial}}
      extra: ${{session.extra}}
      fixed: [1, true, "two", {{ deep: "$${{literal}}" }}]
integrations:
  gwt2hs: {{ id: 1121, connector_name: gwt }}
"""

KNOWN_CONFIG = """\
version: 1
trust:
  peers: [127.0.0.1]
pandium:
  account: acme
  environment: sandbox
  secret: {{ file: "{key_file}" }}
session:
  from: headers
  fields:
    id: X-Account-Id
    name: X-Account-Name
    user: X-User-Name
    email: X-User-Email
    installed: {{ header: X-Installed, type: list, default: [] }}
claims:
  sub: acme-${{session.id}}
  ti:
    udn: ${{session.name}}
    ufn: ${{session.user}}
    uem: ${{session.email}}
    ili: ${{session.installed}}
    aid: ${{session.id}}
    adn: ${{session.name}}
    xti:
      connector_name: ${{integration.connector_name}}
      integration_name: ${{integration.integration_name}}
integrations:
  acme2crm: {{ id: 7, connector_name: acme }}
"""

KNOWN_HEADERS = {
    "X-Account-Id": "42",
    "X-Account-Name": "Acme GmbH",
    "X-User-Name": "Zoë Müller",
    "X-User-Email": "zoe@acme.example",
}
KNOWN_PAYLOAD = (
    '{"iat":1700000000,"jti":"00000000-0000-4000-8000-000000000001","sub":"acme-42",'
    '"ti":{"udn":"Acme GmbH","ufn":"Zoë Müller","uem":"zoe@acme.example","ili":[],"aid":"42",'
    '"adn":"Acme GmbH","xti":{"connector_name":"acme","integration_name":"acme2crm"}}}'
)
KNOWN_SIGNATURE = "bpiIjtzD3tm15Ztyv_3pGO0xNK6s01ZrNzMTiAssXlA"


class Tally:
    """Counts checks, and says what failed, the first few times."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, holds, what):
        if holds:
            self.passed += 1
            return
        self.failed += 1
        if self.failed <= 10:
            print(f"FAILED: {what}")


def compact(value):
    """JSON as the program should write it: no blanks, raw UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- Visitors -----------------------------------------------------------------------------------

# Each alphabet is here for what it has broken elsewhere.
ALPHABETS = [
    string.ascii_letters + string.digits + " ",
    string.punctuation,  # quotes, backslashes, ${}, %
    "äöüßéèñçøåÄÖÜÉ æœ",
    "😀👩‍👩‍👧🇩🇪𝔘 ✓",  # outside the BMP, joiners
    "\u2028\u2029\u00a0\u200b\ufeff a",  # line separators to JavaScript, invisible ones
    "日本語テキスト 漢字",
    "العربية עברית",
    "</script><!--&amp;'\" ",
]


def words(rng, length):
    alphabet = rng.choice(ALPHABETS) + "x"
    return "".join(rng.choice(alphabet) for _ in range(length))


def json_value(rng, depth=2):
    kind = rng.randrange(6 if depth else 4)
    if kind == 0:
        return words(rng, rng.randint(0, 12))
    if kind == 1:
        return rng.randint(-(2**53) + 1, 2**53 - 1)
    if kind == 2:
        return rng.choice([True, False])
    if kind == 3:
        return None
    if kind == 4:
        return [json_value(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return {words(rng, 5): json_value(rng, depth - 1) for _ in range(rng.randint(0, 3))}


def visitor(rng):
    """Headers of one random visitor as raw bytes, and the claims they should become."""
    headers, facts = {}, {}

    def send(header, text, raw=None):
        headers[header] = text.encode() if raw is None else raw
        return text.strip()

    facts["id"] = send("X-Account-Id", "".join(rng.choices(string.ascii_letters + string.digits + "-_.", k=8)))
    facts["name"] = send("X-Account-Name", "Acme " + words(rng, rng.choice([1, 10, 40])) + "x")
    # Now and then a long value; an empty one or the word for none means that there is none.
    name = words(rng, rng.choice([0, 1, 8, 30, 500]))
    if rng.random() < 0.9:
        facts["user"] = send("X-User-Name", rng.choice([name, name, name, "-", "null", "(null)", "undefined"]))
    if rng.random() < 0.8:
        facts["email"] = send("X-User-Email", words(rng, 6).replace("@", "") + "@acme.example")
    if rng.random() < 0.8:
        items = [words(rng, rng.randint(0, 6)).replace(",", "") for _ in range(rng.choice([0, 1, 3, 20]))]
        send("X-Installed", rng.choice([",", ", ", ",,"]).join(items))
        if headers["X-Installed"].decode().strip() not in ABSENT:
            facts["installed"] = [item.strip() for item in items if item.strip()]
    if rng.random() < 0.5:
        city = "".join(rng.choices("Zürich Orléans Malmö ÿ¿÷", k=rng.randint(0, 12)))
        facts["city"] = send("X-City", city, city.encode("latin-1"))
    if rng.random() < 0.5:
        team = words(rng, rng.randint(0, 12))
        safe = set((string.ascii_letters + string.digits).encode())
        raw = "".join(chr(b) if b in safe and rng.random() < 0.9 else f"%{b:02X}" for b in team.encode())
        facts["team"] = send("X-Team", team, raw.encode())
    if rng.random() < 0.5:
        motto = words(rng, rng.randint(0, 30))
        raw = base64.b64encode(motto.encode())
        facts["motto"] = send("X-Motto", motto, rng.choice([raw, raw.rstrip(b"=")]))
    if rng.random() < 0.5:
        facts["seats"] = rng.choice([0, -1, 7, 2**53 - 1, -(2**53) + 1])
        send("X-Seats", str(facts["seats"]))
    if rng.random() < 0.5:
        facts["trial"], word = rng.choice([(True, "true"), (True, "YES"), (True, "1"), (False, "off"), (False, "No")])
        send("X-Trial", word)
    if rng.random() < 0.5:
        facts["extra"] = {"a": json_value(rng), "b": json_value(rng)}
        send("X-Extra", json.dumps(facts["extra"], ensure_ascii=rng.random() < 0.5))
    return headers, claims({name: fact for name, fact in facts.items() if not is_none(fact)})


ABSENT = ["", "-", "null", "(null)", "undefined"]


def is_none(fact):
    return isinstance(fact, str) and fact in ABSENT


def claims(facts):
    """The template of CONFIG, filled in: what is absent drops its key."""
    tree = {
        "sub": "acme-" + facts["id"],
        "ti": {
            "udn": facts["name"],
            "ufn": facts.get("user"),
            "uem": facts.get("email"),
            "ili": facts.get("installed", []),
            "aid": "",
            "adn": facts["name"],
            "xti": {
                "connector_name": "gwt",
                "integration_name": "gwt2hs",
                "city": facts.get("city"),
                "greeting": f"Grüße aus {facts['city']}" if "city" in facts else None,
                "team": facts.get("team"),
                "motto": facts.get("motto"),
                "seats": facts.get("seats"),
                "trial": facts.get("trial"),
                "extra": facts.get("extra"),
                "fixed": [1, True, "two", {"deep": "${literal}"}],
            },
        },
    }
    tree["ti"]["xti"] = {key: value for key, value in tree["ti"]["xti"].items() if value is not None}
    tree["ti"] = {key: value for key, value in tree["ti"].items() if value is not None}
    return tree


# --- The program --------------------------------------------------------------------------------


class Sidecar:
    """`serve` as a child process, until the end of a `with` block."""

    def __init__(self, program, folder):
        self.port, admin = free_ports(2)
        self.admin = admin
        self.config = folder / "config.yaml"
        self.log = folder / "log"
        self.config.write_text(CONFIG.format(port=self.port, admin=admin, key_file=folder / "key"), encoding="utf-8")
        command = [program, "serve", "--config", self.config, "--log", "trace", "--log-format", "json"]
        self.command = [str(part) for part in command]

    def __enter__(self):
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_until_ready()
        return self

    def __exit__(self, *_):
        self.child.terminate()
        try:
            self.child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def wait_until_ready(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                if ask(self.admin, "/-/ready")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        sys.exit(f"the sidecar did not become ready:\n{self.log.read_text(errors='replace')[-3000:]}")


def free_ports(count):
    """Ports that the system has just called free."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def ask(port, path, headers=None, connection=None):
    """Status and headers of the answer to a `GET`; header values are sent as the bytes they are."""
    link = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.putrequest("GET", path)
    for name, value in (headers or {}).items():
        link.putheader(name, value)
    link.endheaders()
    answer = link.getresponse()
    body = answer.read()
    return answer.status, answer.headers, body


# --- The checks ---------------------------------------------------------------------------------


def known_answer(program, folder, tally):
    config = folder / "known.yaml"
    config.write_text(KNOWN_CONFIG.format(key_file=folder / "key"), encoding="utf-8")
    command = [program, "mint", "acme2crm", "--config", str(config), "--format", "token"]
    command += ["--now", "1700000005", "--jti", "00000000-0000-4000-8000-000000000001"]
    for name, value in KNOWN_HEADERS.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, text=True)
    payload = base64.urlsafe_b64encode(KNOWN_PAYLOAD.encode()).decode().rstrip("=")
    expected = f"{HEADER}.{payload}.{KNOWN_SIGNATURE}\n"
    tally.check(done.returncode == 0 and done.stdout == expected, f"the known answer: {done.stdout}{done.stderr}")


def collect(port, requests, rng, tally):
    """Sends the requests; gives each token with the claims and the moment that it should have."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    minted, sent = [], []
    for number in range(requests):
        headers, expected = visitor(rng)
        status, answer, body = ask(port, "/pandium/install/gwt2hs", headers, connection)
        location = answer.get("Location", "")
        good = status == 302 and location.startswith(ADDRESS) and answer.get("Cache-Control") == "no-store"
        tally.check(good, f"request {number}: {status} {answer.items()} {body[:300]!r} for {headers}")
        if good:
            token = location.removeprefix(ADDRESS)
            minted.append({"token": token, "claims": expected, "at": int(time.time()) - BACKDATE})
            sent.append(headers)
    connection.close()
    return minted, sent


def verify_here(each, tally):
    """PyJWT and python-jose, and the very bytes of the payload."""
    token, expected = each["token"], each["claims"]
    try:
        seen = jwt.decode(token, KEY, algorithms=["HS256"])
        same = jose.decode(token, KEY, algorithms=["HS256"])
    except Exception as error:  # whatever a library raises is a token it does not take
        tally.check(False, f"{type(error).__name__}: {error}: {token}")
        return
    whole = {"iat": seen.get("iat"), "jti": seen.get("jti"), **expected}
    header, payload, _ = token.split(".")
    tally.check(compact(seen) == compact(whole), f"PyJWT sees {compact(seen)}, not {compact(whole)}")
    tally.check(compact(same) == compact(whole), f"python-jose sees {compact(same)}, not {compact(whole)}")
    tally.check(unpadded(payload).decode() == compact(whole), f"the bytes of {compact(whole)}")
    tally.check(header == HEADER, f"the header {header}")
    tally.check(abs(seen["iat"] - each["at"]) <= 2, f"iat {seen['iat']}, about {each['at']} expected")
    tally.check(is_fresh_uuid(seen["jti"]), f"jti {seen['jti']}")


def is_fresh_uuid(text):
    return str(uuid.UUID(text)) == text and uuid.UUID(text).version == 4


def verify_in_node(minted, folder, tally):
    """npm's jsonwebtoken: `verify.mjs` counts, and says what failed."""
    work = folder / "minted.json"
    work.write_text(json.dumps({"key": KEY, "minted": minted}, ensure_ascii=False), encoding="utf-8")
    command = ["node", str(HERE / "verify.mjs"), str(work)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120, text=True)
    if done.returncode:
        sys.exit("verify.mjs did not run")
    *complaints, counts = done.stdout.splitlines()
    print("\n".join(complaints), end="\n" if complaints else "")
    passed, failed = map(int, counts.split())
    tally.passed += passed
    tally.failed += failed


def log_is_silent(log, minted, sent, tally):
    """At the finest level of the log: no key, no token, no header's value."""
    text = log.read_text(encoding="utf-8", errors="replace")
    text += text.replace('\\"', '"').replace("\\\\", "\\")
    tally.check(bool(text), "the log says nothing at all")
    tally.check(KEY not in text and HEADER not in text, "the log holds a key or a token")
    values = (raw.decode("utf-8", "replace").strip() for headers in sent[:100] for raw in headers.values())
    said = [value for value in values if len(value) >= 8 and value in text]
    tally.check(not said, f"the log holds header values: {said[:3]}")
    signed = [each for each in minted[:100] if each["token"].split(".")[2] in text]
    tally.check(not signed, "the log holds a signature")


def main():
    program = str(Path(sys.argv[1]).resolve())
    requests = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "key").write_text(KEY)
        known_answer(program, folder, tally)
        with Sidecar(program, folder) as sidecar:
            minted, sent = collect(sidecar.port, requests, random.Random(seed), tally)
        tally.check(sidecar.child.returncode == 0, f"SIGTERM ends it with {sidecar.child.returncode}")
        for each in minted:
            verify_here(each, tally)
        ids = {jwt.decode(each["token"], options={"verify_signature": False})["jti"] for each in minted}
        tally.check(len(ids) == requests, f"{len(ids)} different jti in {requests} tokens")
        verify_in_node(minted, folder, tally)
        log_is_silent(sidecar.log, minted, sent, tally)
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
