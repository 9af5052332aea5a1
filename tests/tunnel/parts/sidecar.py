"""The sidecar before an app, with little in its file."""

from kit.stage import free_ports

FILE = """\
version: 1
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
upstream: http://127.0.0.1:{app}
trust: {{ peers: [127.0.0.1] }}
pandium:
  account: acme
  environment: sandbox
  secret: {{ file: {key} }}
session:
  from: headers
  fields: {{ account_id: X-Account-Id }}
claims:
  sub: ${{session.account_id}}
  ti: {{ xti: {{ connector_name: crm, integration_name: "${{integration.integration_name}}" }} }}
integrations: {{ gwt2hs: {{ id: 1121 }} }}
{more}
"""


def before(stage, app, more=""):
    """Starts it; gives the program, and the port where it serves."""
    port, admin = free_ports(2)
    key = stage.write("key", "0123456789abcdef0123456789abcdef")
    program = stage.sidecar(FILE.format(port=port, admin=admin, app=app, key=key, more=more), admin)
    return program, port
