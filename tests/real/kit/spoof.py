"""What visitors send to be taken for somebody else, and what must come of it.

Rows A1–A3, A6, A7, B1, B3 and C1 of what went wrong elsewhere: each ends in a refusal, or in who the
visitor is. `evil` is a customer that nobody is with.
"""

from kit.shop import HEADERS

ID = "X-Session-Account-Id"
# What a header's name may hold besides letters, digits and `-`.
ODD = "!#$%&'*+.^_`|~"
LIES = {
    "a forged header": [(ID, "evil")],
    "all headers forged": [(name, "evil") for name in HEADERS],
    "a forged header, twice": [(ID, "evil"), (ID, "evil")],
    "its name in lower case": [(ID.lower(), "evil")],
    **{f"an alias with {odd}": [(ID.replace("-", odd), "evil")] for odd in ODD},
    "an alias with one underscore": [("X-Session-Account_Id", "evil")],
    "an alias with a mixture": [("X~Session!Account|Id", "evil")],
    "an alias beside the header": [(ID, "evil"), ("X_Session_Account_Id", "evil")],
    "nominated by Connection": [("Connection", f"close, {ID}")],
    "nominated in lower case": [("Connection", f"close,\t{ID.lower()}")],
    "nominated in a second line": [("Connection", "close"), ("Connection", ID)],
    "forged and nominated": [(ID, "evil"), ("Connection", f"close, {ID}")],
    "the cookie nominated": [("Connection", "close, Cookie")],
    "what is our own, forged": [("X-Pandium-Token", "e.v.il"), ("X-Pandium-Url", "https://evil.example/evil")],
    "what is our own, as an alias": [("X_Pandium_Url", "https://evil.example/evil"), ("X_Pandium_Token", "evil")],
    "what is our own, nominated": [("Connection", "close, X-Pandium-Url, X-Pandium-Token")],
    "another address": [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1"), ("Forwarded", "for=127.0.0.1")],
    "another path": [
        ("X-Forwarded-Uri", "/evil"),
        ("X-Original-URL", "/evil"),
        ("X-Rewrite-URL", "/evil"),
        ("X-Forwarded-Method", "POST"),
        ("X-Forwarded-Host", "evil.example"),
    ],
}


def lie(stage, pandium, visitor, address, sub, by="the sidecar", lies=LIES):
    """Tries each lie as this visitor, who is `sub` or, with none, nobody."""
    who = "somebody" if sub else "nobody"
    for what, headers in lies.items():
        answer = visitor.once(address, *headers)
        minted = pandium.minted(answer.location)
        if minted:
            holds = minted["claims"]["sub"] == sub and "evil" not in str(minted["claims"])
            outcome = "their own token"
        else:
            holds = pandium.base not in answer.location and (400 <= answer.status < 500 or to_the_login(answer))
            outcome = f"refused, {answer.status}"
        clean = "evil" not in answer.location
        stage.check(holds and clean, f"by {by}, {who}, {what}: {outcome}", answer)


def to_the_login(answer):
    return answer.status == 302 and answer.location.split("?")[0].endswith("/login/")


def refused(answer, status, code):
    """A refusal of the sidecar, with its code on the page."""
    return answer.status == status and code in answer.text and not answer.location
