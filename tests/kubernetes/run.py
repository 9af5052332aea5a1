"""What deploy/kubernetes and deploy/helm make, held to what clusters take.

    python tests/kubernetes/run.py target/debug/pandium-sidecar

Kustomize and Helm are the real ones, as libraries; there is no cluster. What a cluster would refuse is
asked of the schemas of several of its versions, and of the rules of Pod Security as they are written in
`pods.py`. Prints a line a check.
"""

import subprocess
import sys
import warnings
from pathlib import Path

sys.dont_write_bytecode = True
warnings.filterwarnings("error")

import charts  # noqa: E402
import kubernetes_validate  # noqa: E402
import overlays  # noqa: E402
import pods  # noqa: E402
import yaml  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
NATIVE = ["1.29", "1.33", "1.36", "1.37"]
CLASSIC = ["1.25", "1.27", "1.28", *NATIVE]
# Kinds that come with an operator or with a Gateway, which no schema of Kubernetes' own knows.
OTHERS = {("gateway.networking.k8s.io/v1", "HTTPRoute"), ("monitoring.coreos.com/v1", "PodMonitor")}


class Tally:
    """Counts checks, and says how each went."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, wrong, what):
        """`wrong` is what is wrong; nothing is well."""
        self.failed += bool(wrong)
        self.passed += not wrong
        print(f"{'FAILED' if wrong else 'ok    '} {what}" + (f"\n       {wrong}" if wrong else ""), flush=True)


def invalid(objects, versions):
    """What a version does not take of the objects, the first of it."""
    for version in versions:
        for thing in objects:
            name = (thing["apiVersion"], thing["kind"])
            try:
                kubernetes_validate.validate(thing, version, strict=True)
                if name in OTHERS:
                    return f"{name} has a schema now: hold it to it"
            except kubernetes_validate.SchemaNotFoundError:
                if name not in OTHERS:
                    return f"{version} knows no {name}"
            except kubernetes_validate.ValidationError as error:
                return f"{version}: {name}: {error.message} at {list(error.path)}"
    return None


def hold(tally, name, objects, versions):
    tally.check(invalid(objects, versions), f"{name}: valid in {', '.join(versions)}")
    # Apps that are no example may be as they like.
    only = pods.SIDECAR if "StatefulSet" in name else None
    tally.check(pods.unrestricted(objects, only), f"{name}: Pod Security `restricted`")
    tally.check(pods.too_long(objects), f"{name}: ends within terminationGracePeriodSeconds")
    tally.check(pods.dangling(objects), f"{name}: names its ConfigMaps, and the port of its Service")


def loose(tally):
    """Documents that stand by themselves."""
    for path in sorted(DEPLOY.glob("kubernetes/*.yaml")):
        tally.check(invalid(list(yaml.safe_load_all(path.read_text())), NATIVE), f"{path.name}: valid, where there is a schema")


def lint(tally):
    tools = Path(sys.executable).parent
    settings = ROOT / "tests" / "kubernetes" / "yamllint.yaml"
    done = subprocess.run([tools / "yamllint", "--strict", "-c", settings, DEPLOY / "kubernetes", DEPLOY / "helm"],
                          capture_output=True, text=True, timeout=60)
    tally.check(done.stdout if done.returncode else None, "yamllint")
    done = subprocess.run([tools / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    tally.check(done.stdout + done.stderr if done.returncode else None, "hadolint")


def main():
    program, tally = Path(sys.argv[1]).resolve(), Tally()
    kustomized = overlays.Kustomized(program, DEPLOY / "kubernetes", tally)
    for name, objects in kustomized.examples():
        hold(tally, f"example {name}", objects, CLASSIC if name == "classic" else NATIVE)
    for name, objects in kustomized.compare():
        hold(tally, name, objects, NATIVE)
    for name, objects in charts.rendered(DEPLOY / "helm", tally):
        hold(tally, name, objects, NATIVE)
    loose(tally)
    lint(tally)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
