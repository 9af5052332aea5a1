"""The kustomizations, built; and `inject`, which has to come to the same."""

import asyncio
import copy
import os
import subprocess
import tempfile
from pathlib import Path

import pykustomize
import yaml

STATUS = "pandium-sidecar.io/status"
# An app with init containers of its own, in the tests of `inject`.
STATEFUL = Path(__file__).resolve().parent.parent / "inject" / "stateful.yaml"


def build(folder):
    return asyncio.run(pykustomize.build(folder)).yaml


class Kustomized:
    def __init__(self, program, deploy, tally):
        self.program, self.deploy, self.tally = program, deploy, tally

    def examples(self):
        for name, folder in [("hashed", "."), ("live-reload", "live-reload"), ("classic", "classic")]:
            yield name, objects(build(self.deploy / "example" / folder))

    def compare(self):
        """Both ways with the same apps; what both come to."""
        app = self.deploy / "example" / "app"
        for name, resource in [("inject, example", app), ("inject, a StatefulSet with init containers", STATEFUL)]:
            with tempfile.TemporaryDirectory(prefix="overlay-") as folder:
                folder = Path(folder)
                if resource.is_file():
                    resource = folder / "app.yaml"
                    resource.write_text(STATEFUL.read_text())
                plain = self.overlay(folder, resource, components=[])
                injected = self.inject(plain)
                laid_over = self.overlay(folder, resource, components=[self.deploy / "component"])
            # The policy is the Component's own to add.
            expected = [thing for thing in objects(laid_over) if thing["kind"] != "NetworkPolicy"]
            got = [without_status(thing) for thing in objects(injected)]
            self.tally.check(difference(got, expected), f"{name}: as the Component")
            self.tally.check(self.inject(injected) != injected, f"{name}: twice is once")
            self.tally.check(self.inject(injected, "--uninject") != plain, f"{name}: and back")
            # As it is applied: with what the annotations name.
            yield name, objects(injected) + [config(thing) for thing in objects(plain) if thing["kind"] != "ConfigMap"][:1]

    def overlay(self, folder, resource, components):
        words = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "legacy",
            "resources": [os.path.relpath(resource, folder)],
            "components": [os.path.relpath(component, folder) for component in components],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(words))
        return build(folder)

    def inject(self, text, *flags):
        done = subprocess.run([self.program, "inject", "-f", "-", *flags], input=text, text=True, check=True,
                              capture_output=True, timeout=30)
        return done.stdout


def config(_):
    """The ConfigMap that an injected pod asks for, where nothing else is said."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pandium-sidecar", "namespace": "legacy"},
            "data": {"config.yaml": "version: 1\n"}}


def objects(text):
    return [thing for thing in yaml.safe_load_all(text) if thing]


def without_status(thing):
    thing = copy.deepcopy(thing)
    annotations = thing["metadata"].get("annotations", {})
    annotations.pop(STATUS, None)
    return thing


def difference(got, expected):
    """The first thing that differs; the order of volumes says nothing."""
    def key(thing):
        return thing["kind"], thing["metadata"]["name"]

    for one, other in zip(sorted(got, key=key), sorted(expected, key=key), strict=True):
        if one != other:
            return f"{key(one)}:\n{yaml.safe_dump(one)}\nis not\n{yaml.safe_dump(other)}"
    return None
