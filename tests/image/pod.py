"""The example's pod, played by podman from what kustomize makes of deploy/kubernetes/example/classic:
podman plays Deployments, but knows no native sidecars. A visitor signs in at the legacy app, through the
sidecar, and is sent to Pandium."""

import asyncio
import base64
import hmac
import json
import re
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import containers
import layers
import pykustomize
import yaml

EXAMPLE = layers.ROOT / "deploy" / "kubernetes" / "example" / "classic"
KINDS = ("ConfigMap", "Deployment")
ENCODED = base64.b64encode(containers.KEY.encode())


def manifest():
    """What podman plays of the example: one pod for two, without ports, which it would publish on this
    host; and a Secret as one would make it."""
    built = yaml.safe_load_all(asyncio.run(pykustomize.build(EXAMPLE)).yaml)
    things = [thing for thing in built if thing["kind"] in KINDS]
    deployment = next(thing for thing in things if thing["kind"] == "Deployment")
    deployment["spec"]["replicas"] = 1
    spec = deployment["spec"]["template"]["spec"]
    for container in spec["containers"]:
        container.pop("ports", None)
    for volume in spec["volumes"]:
        # Debian's podman ends in a panic where this is left to its default.
        volume.get("secret", {}).setdefault("optional", False)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pandium-sidecar"},
              "data": {"shared-secret": ENCODED.decode()}}
    return yaml.safe_dump_all([secret, *things])


def play(shop, image, tally):
    del image  # the manifest names it, and finds it under that name
    with tempfile.TemporaryDirectory(prefix="pod-") as folder:
        file = Path(folder) / "pod.yaml"
        file.write_text(manifest())
        clear(shop)
        try:
            shop.run("podman", "kube", "play", "--network=none", file)
            visit(shop, tally)
        finally:
            clear(shop)


def clear(shop):
    """Pods, and what podman keeps of them: a volume that is there is not filled anew."""
    for what in ("pod", "secret", "volume"):
        shop.run("podman", what, "rm", "--all", *(["--force"] if what != "secret" else []))


def visit(shop, tally):
    names = shop.run("podman", "ps", "--all", "--format={{.Names}}").split()
    sidecar = next(name for name in names if name.startswith("legacy-app") and name.endswith("pandium-sidecar"))
    pid = containers.until("the sidecar runs", lambda: containers.inspect(shop, sidecar)["State"]["Pid"])
    # Through the sidecar, as the readiness probe of the app asks.
    containers.until("the app answers", lambda: " 200 " in containers.get(pid, "/healthz")[:20])
    tally.check(" 200 " in containers.get(pid, "/-/ready", port=8711)[:20], "pod: the sidecar is ready")
    nobody = containers.get(pid, "/pandium/install/gwt2hs")
    tally.check(" 401 " in nobody[:20], "pod: nobody is signed in", nobody[:200])
    signed_in = containers.get(pid, "/", "-d", "who=zoe")
    cookie = re.search(r"session=[^;\s]+", signed_in)[0]
    page = containers.get(pid, "/", "-b", cookie)
    tally.check("Hello, Zoë Müller" in page and "/pandium/install/gwt2hs" in page, "pod: the app's own page", page)
    hidden = containers.get(pid, "/internal/session", "-b", cookie)
    tally.check("x-account-id" not in hidden.lower(), "pod: a visitor does not see the session's headers", hidden)
    sent = containers.get(pid, "/pandium/install/gwt2hs", "-b", cookie)
    location = re.search(r"(?im)^location: (\S+)", sent)
    tally.check(" 302 " in sent[:20] and location, "pod: a signed-in visitor is sent on", sent[:200])
    address = urlsplit(location[1])
    tally.check((address.netloc, address.path) == ("imp.sandbox.pandium.com", "/acme/tenants/create/1121"), "pod: to Pandium", address.path)
    claims = verified(parse_qs(address.query)["tenant"][0])
    expected = ("42", "Acme GmbH", "Zoë Müller", "zoe@acme.example")
    tenant = claims["ti"]
    tally.check((claims["sub"], tenant["udn"], tenant["ufn"], tenant["uem"]) == expected, "pod: with who they are, signed", claims)
    tally.check(abs(claims["iat"] - time.time()) < 60, "pod: just now", claims["iat"])


def verified(token):
    """The claims of a token whose signature holds."""
    signed, _, signature = token.rpartition(".")
    # Debian's podman mounts a Secret's data as it stands in the manifest, encoded; a cluster decodes it.
    for key in (containers.KEY.encode(), ENCODED):
        own = base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), "sha256")).rstrip(b"=")
        if hmac.compare_digest(own, signature.encode()):
            break
    else:
        raise SystemExit("the signature does not hold")
    payload = signed.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
