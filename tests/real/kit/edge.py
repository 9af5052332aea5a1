"""What holds behind every edge that shows the sidecar a secret (`trust.header`)."""

from dataclasses import dataclass
from typing import Any

from kit.browser import Browser, ask
from kit.shop import HEADERS, INSTALL, said
from kit.spoof import LIES as SPOOFS
from kit.spoof import ODD, lie, refused

NAME = "X-Edge-Secret"
LIES = {
    "the secret guessed": [(NAME, "evil")],
    "the secret guessed twice": [(NAME, "evil"), (NAME, "evil")],
    "the secret guessed, nominated": [(NAME, "evil"), ("Connection", f"close, {NAME}")],
    **{f"the secret guessed, with {odd}": [(NAME.replace("-", odd), "evil")] for odd in ODD},
}

# Everything that a visitor may say of a request; `203.0.113.9` is nobody here.
SAID = [
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "forged.example"),
    ("X-Forwarded-Port", "8443"),
    ("Forwarded", "for=203.0.113.9"),
    ("X-Request-Id", "forged"),
]


@dataclass
class Edge:
    """An edge at `port` and the sidecar behind it at `listen`; `claims` are those of its visitor."""

    stage: Any
    pandium: Any
    shop: Any
    port: int
    listen: int
    claims: dict
    secret: str

    @property
    def base(self):
        return f"http://localhost:{self.port}"

    def nominated(self, visitor):
        """Nobody loses a part of the session to `Connection`: the whole token, or none."""
        for name in (*HEADERS, NAME):
            answer = visitor.once(self.base + INSTALL, ("Connection", "keep-alive"), ("Connection", f"Te, {name.lower()}"))
            minted = self.pandium.minted(answer.location)
            whole = said(minted["claims"]) == self.claims if minted else 400 <= answer.status < 500
            self.stage.check(whole, f"{name} nominated: the whole token or none, {answer.status}", answer)

    def replaces(self, visitor):
        """A visitor's guess at the secret does not count."""
        answer = visitor.once(self.base + INSTALL, (NAME, "a guess"))
        minted = self.pandium.minted(answer.location)
        holds = minted and minted["claims"]["sub"] == self.claims["sub"]
        self.stage.check(holds, "a guess through the edge is replaced by the edge's secret", answer)

    def beside(self):
        """The sidecar itself, around the edge, for somebody who can reach it: what to send, and what comes of it."""
        secret = self.secret
        return [
            ("no secret", [], 403, "untrusted-peer"),
            ("a wrong secret", [(NAME, "a guess")], 403, "untrusted-peer"),
            ("half of it", [(NAME, secret[:-1])], 403, "untrusted-peer"),
            ("more than it", [(NAME, secret + "x")], 403, "untrusted-peer"),
            *((f"an alias with {odd}", [(NAME.replace("-", odd), secret)], 403, "untrusted-peer") for odd in ODD),
            ("it twice", [(NAME, secret), (NAME, secret)], 400, "duplicate-header"),
            ("a guess besides", [(NAME, secret), (NAME, "a guess")], 400, "duplicate-header"),
            ("it and an alias", [(NAME, secret), ("X_Edge_Secret", "a guess")], 400, "alias-header"),
            ("it, nominated", [(NAME, secret), ("Connection", f"close, {NAME}")], 400, "nominated-header"),
        ]

    def around(self):
        """Without the secret nobody's headers count, and from another address not even with it."""
        straight, forged = f"http://localhost:{self.listen}{INSTALL}", [(name, "evil") for name in HEADERS]
        for what, more, status, code in self.beside():
            answer = ask(straight, [*forged, *more])
            self.stage.check(refused(answer, status, code), f"beside the edge, {what}: {code}", answer)
        answer = ask(straight, [*forged, (NAME, self.secret)], source="127.0.0.2")
        right = refused(answer, 403, "untrusted-peer")
        self.stage.check(right, "the secret from another address is untrusted-peer", answer)

    def asked(self, visitor):
        """With `from: probe`, around the edge: nobody is anybody by headers, and whoever is signed in is no more
        than that; and without the secret their word about their address counts for nothing."""
        straight = f"http://localhost:{self.listen}"
        for who, sub in ((visitor, self.claims["sub"]), (Browser(), None)):
            lie(self.stage, self.pandium, who, straight + INSTALL, sub, by="the sidecar itself", lies=SPOOFS | LIES)
        visitor.once(straight + "/?around", *SAID, (NAME, "a guess"))
        got = self.shop.got("/")[-1]
        told = (got.get("x-forwarded-for"), got.get("x-forwarded-host"), got.get("forwarded"), got.get(NAME.lower()))
        right = told == ("127.0.0.1", f"localhost:{self.listen}", None, None)
        self.stage.check(right, "around the edge the app hears what the sidecar sees", told)

    def asks(self, visitor):
        """Whoever asks the app who somebody is does not hand on what they say of themselves."""
        answer = visitor.once(self.base + INSTALL, *SAID)
        got = self.shop.got("/internal/session")[-1]
        told = {name: value for name, value in got.items() if "203.0.113.9" in value or "forged" in value}
        self.stage.check(self.pandium.minted(answer.location) and not told, "the app is asked by the edge's word", told)

    def unheard(self, visitor):
        """Where everything goes through the sidecar: the app sees no secret, and no guess at it."""
        before = len(self.shop.got("/"))
        visitor.once(self.base + "/?secret", (NAME, "a guess"))
        sent = [more for _, more, status, _ in self.beside() if status != 400]
        for more in sent:
            ask(f"http://localhost:{self.listen}/?secret", [*((name, "evil") for name in HEADERS), *more])
        got = self.shop.got("/")[before:]
        told = [each for each in got if any("edge" in name or self.secret[:-1] in text for name, text in each.items())]
        self.stage.check(len(got) == 1 + len(sent) and not told, "the app never hears of it", told or len(got))

    def describes(self, visitor, *more):
        """Where everything goes through the sidecar: what the app is told of a visitor is the edge's word."""
        answer = visitor.once(self.base + "/?said", *SAID, *more)
        got = self.shop.got("/")[-1]
        hops = got.get("x-forwarded-for", "").split(", ")
        holds = len(hops) == 2 and hops[1] == "127.0.0.1" and "203.0.113.9" not in hops
        self.stage.check(answer.status == 200 and holds, "X-Forwarded-For is the edge's word and its address", hops)
        for name, value in (
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", f"localhost:{self.port}"),
            ("x-forwarded-port", str(self.port)),
            ("forwarded", None),
        ):
            self.stage.check(got.get(name) == value, f"{name} is {value or 'gone'}", got.get(name))
        own = got.get("x-request-id", "")
        self.stage.check(own and own != "forged", "X-Request-Id is not the visitor's", own)
        return got

    def unsaid(self):
        """No log of ours holds the secret."""
        told = [program.name for program in self.stage.sidecars if self.secret in program.said()]
        self.stage.check(not told, "the secret is in no log", told)
