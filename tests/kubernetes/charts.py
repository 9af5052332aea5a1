"""The Helm charts, rendered by Helm itself. It installs into a cluster that is none: a stub on loopback
that says which kinds there are, has nothing, and takes everything. Releases stay in memory."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

KINDS = {
    "v1": {"configmaps": "ConfigMap", "services": "Service"},
    "apps/v1": {"deployments": "Deployment"},
    "networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
}

# Values, and what the schema has to say of them.
REFUSED = [
    ({"config": {"version": 1}}, "'/config': got object, want string"),
    ({"config": "listen: 0.0.0.0:8710"}, "'/config'"),
    ({"image": {"tag": 1.1}}, "'/image/tag': got number, want string"),
    ({"image": {"digest": "sha256:1"}}, "'/image/digest'"),
    ({"upstreamPort": "8080"}, "'/upstreamPort': got string, want null or integer"),
    ({"upstreamPort": 8710}, "'/upstreamPort'"),
    ({"liveReload": "yes"}, "'/liveReload': got string, want boolean"),
    ({"secret": "Shop_Secret"}, "'/secret'"),
    ({"confg": "version: 1\n"}, "additional properties 'confg' not allowed"),
]


class Cluster(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.split("?")[0].strip("/")
        groups = [{"name": group.split("/")[0], "versions": [{"groupVersion": group, "version": "v1"}]}
                  for group in KINDS if "/" in group]
        known = {
            "version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
            "api": {"kind": "APIVersions", "versions": ["v1"]},
            "apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
        }
        for group, kinds in KINDS.items():
            resources = [{"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get", "create"]}
                         for name, kind in kinds.items()]
            known[f"api/{group}" if group == "v1" else f"apis/{group}"] = {
                "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": resources}
        if path in known:
            return self.answer(200, known[path])
        return self.answer(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404})

    def do_POST(self):
        self.answer(201, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def rendered(helm, tally):
    """What the example's chart makes, with the values it has and with others."""
    with tempfile.TemporaryDirectory(prefix="helm-") as folder, ThreadingHTTPServer(("127.0.0.1", 0), Cluster) as cluster:
        threading.Thread(target=cluster.serve_forever, daemon=True).start()
        chart = Path(folder) / "example-app"
        shutil.copytree(helm / "example-app", chart)
        # As `helm dependency build` leaves it.
        shutil.copytree(helm / "pandium-sidecar", chart / "charts" / "pandium-sidecar")
        config = Path(folder) / "config"
        config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "a", "users": [{"name": "a", "user": {}}],
            "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{cluster.server_port}"}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        }))

        def install(values):
            # In a process of its own: Helm looks for its driver when it is loaded.
            command = [sys.executable, __file__, str(config), str(chart), json.dumps({"pandium-sidecar": values})]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60,
                                  env={**os.environ, "HELM_DRIVER": "memory", "PYTHONDONTWRITEBYTECODE": "1"})
            return done.stdout, done.stderr

        for values, words in REFUSED:
            made, said = install(values)
            tally.check(None if words in said and not made else said or made, f"Helm refuses {values}")
        objects = [thing for thing in yaml.safe_load_all(install({})[0]) if thing]
        yield "Helm, as shipped", objects
        file = config_text(objects)
        written = yaml.safe_load((helm / "example-app" / "values.yaml").read_text())["pandium-sidecar"]["config"]
        tally.check(None if file == written else file, "Helm: the file is what was written, to the letter")
        tally.check(differs(objects, helm.parent / "kubernetes" / "component" / "sidecar.yaml"), "Helm: the Component's container")
        odd = written.replace("id: 1121, connector_name: gwt", "id: 0042, connector_name: off")
        changed = [thing for thing in yaml.safe_load_all(install({"config": odd, "image": {"digest": f"sha256:{'0' * 64}"}})[0]) if thing]
        tally.check(None if config_text(changed) == odd else config_text(changed), "Helm: 0042 and off stay what they are")
        tally.check(checksum(objects) == checksum(changed), "Helm: a changed file is a rollout")
        live = [[thing for thing in yaml.safe_load_all(install({"config": text, "liveReload": True})[0]) if thing] for text in (written, odd)]
        tally.check(checksum(live[0]) != checksum(live[1]), "Helm: with liveReload it is none")
        yield "Helm, with other values", changed


def config_text(objects):
    return next(thing["data"]["config.yaml"] for thing in objects if thing["kind"] == "ConfigMap")


def pod(objects):
    return next(thing["spec"]["template"] for thing in objects if thing["kind"] == "Deployment")


def checksum(objects):
    return pod(objects)["metadata"]["annotations"]["checksum/pandium-sidecar"]


def differs(objects, component):
    """The container, but for what values are for."""
    def bare(container):
        return {key: value for key, value in container.items() if key not in ("image", "imagePullPolicy", "env")}

    expected = yaml.safe_load(component.read_text())["spec"]["template"]["spec"]["initContainers"][0]
    got = pod(objects)["spec"]["initContainers"][0]
    return None if bare(got) == bare(expected) else f"{bare(got)}\nis not {bare(expected)}"


def main():
    import asyncio

    import helm_sdkpy

    config, chart, values = sys.argv[1:]
    installing = helm_sdkpy.Install(helm_sdkpy.Configuration(namespace="shop", kubeconfig=config))
    release = asyncio.run(installing.run("shop", chart, values=json.loads(values), wait=False))
    print(release["manifest"])


if __name__ == "__main__":
    main()
