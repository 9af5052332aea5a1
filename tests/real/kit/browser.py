"""A visitor: cookies, redirects, forms, and the headers that a browser sends by itself.

What is under test is reached as `localhost`, and the stand-in Pandium as `127.0.0.1`, so that the
cookies of one do not go to the other: to a browser a port is not another site.
"""

import http.client
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
USUAL = {
    "User-Agent": AGENT,
    "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.5",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-User": "?1",
}


@dataclass
class Answer:
    url: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def location(self):
        return self.headers.get("Location", "")

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def __str__(self):
        where = f" → {self.location.split('?')[0]}" if self.location else ""
        return f"{self.status}{where} {self.text[:300]!r}"


def ask(url, headers=(), method="GET", body=None, source="127.0.0.1"):
    """One request, with just these headers (pairs: a name may come twice) besides `Host`."""
    parts = urlsplit(url)
    link = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30, source_address=(source, 0))
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    link.putrequest(method, target or "/", skip_host=True, skip_accept_encoding=True)
    named = {name.lower() for name, _ in headers}
    if "host" not in named:
        link.putheader("Host", parts.netloc)
    for name, value in headers:
        link.putheader(name, value)
    if body is not None:
        link.putheader("Content-Length", str(len(body)))
    link.endheaders(body)
    answer = link.getresponse()
    try:
        return Answer(url, answer.status, answer.headers, answer.read())
    finally:
        link.close()


class Browser:
    """Cookies are kept by host; paths and lifetimes play no part in what the fixtures do."""

    # All that any visitor was ever given: values that no log may hold.
    given = set()

    def __init__(self, source="127.0.0.1"):
        self.source, self.jar = source, {}

    def get(self, url, *more, follow=True, method="GET", body=None):
        """`more` are further headers, in place of the usual ones of the same name."""
        for _ in range(10):
            answer = self.once(url, *more, method=method, body=body)
            if not (follow and answer.status in (301, 302, 303) and answer.location):
                return answer
            url, method, body, more = urljoin(url, answer.location), "GET", None, ()
        return answer

    def once(self, url, *more, method="GET", body=None):
        host = urlsplit(url).hostname
        replaced = {name.lower() for name, _ in more}
        headers = [(name, value) for name, value in USUAL.items() if name.lower() not in replaced]
        cookies = self.jar.setdefault(host, {})
        if cookies:
            headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())))
        answer = ask(url, [*headers, *more], method, body, self.source)
        for line in answer.headers.get_all("Set-Cookie", []):
            self.keep(cookies, line)
        return answer

    @staticmethod
    def keep(cookies, line):
        pair, *attributes = (part.strip() for part in line.split(";"))
        name, _, value = pair.partition("=")
        gone = any(each.lower() in ("max-age=0",) or "1970" in each for each in attributes)
        if gone or value in ("", '""', "deleted"):
            cookies.pop(name, None)
        else:
            cookies[name] = value
            Browser.given.add(value)

    def sign_in(self, page, user, password):
        """Fills in the form with a password that this page shows, sends it, and follows."""
        form = Form(page.text)
        filled = form.fields | {form.user: user, form.password: password}
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        more = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", origin), ("Referer", page.url)]
        address = urljoin(page.url, form.action or page.url)
        return self.get(address, *more, method="POST", body=urlencode(filled).encode())


class Form(HTMLParser):
    """The first form that holds a password field."""

    def __init__(self, text):
        super().__init__()
        self.action, self.fields, self.user, self.password, self.open = None, {}, None, None, False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form" and not self.password:
            self.action, self.fields, self.user, self.open = given.get("action"), {}, None, True
        elif self.open and tag in ("input", "button") and given.get("name"):
            kind = given.get("type", "submit" if tag == "button" else "text")
            if kind == "password":
                self.password = given["name"]
            elif kind in ("text", "email") and not self.user:
                self.user = given["name"]
            elif kind in ("hidden", "submit"):
                self.fields[given["name"]] = given.get("value") or ""

    def handle_endtag(self, tag):
        if tag == "form":
            self.open = False
