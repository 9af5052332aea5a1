"""Starts the Django app, and knows what the right claims of its people are."""

import json
import sys
from pathlib import Path

from kit.stage import free_ports

APPS = Path(__file__).parent.parent / "apps"
KEY = "0123456789abcdef0123456789abcdef"
INSTALL = "/pandium/install/gwt2hs"
LOGIN = "/accounts/login/"
SUBS = {"acme-42", "acme-77", "acme-99"}

# Where the fields are read is a matter of the fixture: `{name: header}` and so on.
FIELDS = """\
  fields:
    account_id: X-Session-Account-Id
    account_name: X-Session-Account-Name
    user_name: { header: X-Session-User-Name, decode: percent, optional: true }
    user_email: { header: X-Session-User-Email, optional: true }
    installed: { header: X-Session-Installed, type: list, default: [] }
"""
HEADERS = [f"X-Session-{name}" for name in ("Account-Id", "Account-Name", "User-Name", "User-Email", "Installed")]
CLAIMS = """\
claims:
  sub: acme-${session.account_id}
  ti:
    udn: ${session.account_name}
    ufn: ${session.user_name}
    uem: ${session.user_email}
    ili: ${session.installed}
    aid: ""
    adn: ""
    xti:
      connector_name: ${integration.connector_name}
      integration_name: ${integration.integration_name}
"""
INTEGRATIONS = "integrations:\n  gwt2hs: { id: 1121, connector_name: gwt }\n"


def claims(account, company, name, email, installed):
    xti = {"connector_name": "gwt", "integration_name": "gwt2hs"}
    about = {"udn": company, "ufn": name, "uem": email, "ili": installed, "aid": "", "adn": "", "xti": xti}
    return {"sub": account, "ti": about}


ZOE = claims("acme-42", "Northwind GmbH", "Zoë Müller", "zoe@shop.example", ["crm-export", "mailer"])
GRACE = claims("acme-77", "Bright Harbor Ltd", "Grace Okafor", "grace@shop.example", [])
# Who makes a token of more than 4 KiB: what a page of memory holds, and many a proxy's buffer.
MANY = [f"connector-{number:03}-of-a-long-name-00000000" for number in range(100)]
LENA = claims("acme-99", "Long List SA", "Lena Long", "lena@shop.example", MANY)


def said(claims):
    """A token's claims without those that are the program's own."""
    return {name: value for name, value in claims.items() if name not in ("iat", "jti")}


class Shop:
    """The app, under gunicorn, until its stage ends."""

    def __init__(self, stage):
        (self.port,) = free_ports(1)
        self.requests = stage.folder / "requests"
        environment = {"SHOP_FOLDER": str(stage.folder), "PYTHONPATH": str(APPS), "PYTHONDONTWRITEBYTECODE": "1"}
        stage.run(sys.executable, "-c", "import shop; shop.set_up()", **environment)
        command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--threads", "8"]
        command += ["--bind", f"127.0.0.1:{self.port}", "shop:application"]
        self.program = stage.start("shop", *command, port=self.port, **environment)

    def got(self, path=None):
        """The headers of the requests for this path, or for all, in order, names in lower case."""
        text = self.requests.read_text(encoding="utf-8") if self.requests.exists() else ""
        lines = map(json.loads, text.splitlines())
        return [
            {name.lower(): value for name, value in line["headers"].items()}
            for line in lines
            if path in (None, line["path"].split("?")[0])
        ]


def signed_in(browser, base, name):
    """Through Django's own form, with its CSRF token."""
    page = browser.get(base + LOGIN)
    return browser.sign_in(page, name, f"secret-of-{name}")


def config(stage, pandium, ports, *, upstream, session, trust="", rest=""):
    """A whole file for the app: `session` is all of that part but the fields."""
    key = stage.write("key", KEY)
    listen, admin = ports
    return f"""\
version: 1
listen: 127.0.0.1:{listen}
admin: 127.0.0.1:{admin}
upstream: http://127.0.0.1:{upstream}
{trust}
pandium:
  account: acme
  base_url: {pandium.base}
  secret: {{ file: {key} }}
session:
{session}{FIELDS}{CLAIMS}{INTEGRATIONS}{rest}"""
