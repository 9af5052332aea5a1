"""What the schemas do not say of pods: Pod Security `restricted`, how long they take to end, and whether
what they name is there. Pod Security is written down here from Kubernetes' own standard, as far as it
speaks of fields that these pods have."""

import re

import yaml

GRACE, MARGIN = 25, 2
SIDECAR = "pandium-sidecar"


def of(objects):
    """Each pod's name, its template and its spec."""
    for thing in objects:
        template = thing if thing["kind"] == "Pod" else thing.get("spec", {}).get("template")
        if thing["kind"] != "NetworkPolicy" and isinstance(template, dict) and "spec" in template:
            yield thing["metadata"]["name"], template, template["spec"]


def unrestricted(objects, only=None):
    """The first thing that `restricted` forbids, of all containers or of one alone."""
    found = 0
    for name, _, spec in of(objects):
        found += 1
        if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
            return f"{name}: shares its node's namespaces"
        allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
        for volume in spec.get("volumes", []):
            if set(volume) - {"name"} - allowed:
                return f"{name}: volume {volume['name']}"
        whole = spec.get("securityContext", {})
        every = spec.get("initContainers", []) + spec["containers"]
        for container in (it for it in every if only in (None, it["name"])):
            wrong = container_unrestricted(container.get("securityContext", {}), whole)
            if wrong:
                return f"{name}/{container['name']}: {wrong}"
    return None if found else "no pods"


def container_unrestricted(own, whole):
    def said(key):
        return own.get(key, whole.get(key))

    if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
        return "may gain privileges"
    capabilities = own.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        return "has capabilities"
    if said("runAsNonRoot") is not True or said("runAsUser") == 0:
        return "may be root"
    if said("seccompProfile") not in ({"type": "RuntimeDefault"}, {"type": "Localhost"}):
        return "has no seccomp profile"
    # Beyond the standard: what these pods promise.
    return None if own.get("readOnlyRootFilesystem") is True else "may write into its image"


def too_long(objects):
    """A pod that is killed before the app and the sidecar have ended in their time."""
    files = {thing["metadata"]["name"]: thing["data"] for thing in objects if thing["kind"] == "ConfigMap"}
    for name, _, spec in of(objects):
        app = next(container for container in spec["containers"] if container["name"] != SIDECAR)
        pre_stop = app["lifecycle"]["preStop"]
        held = pre_stop["sleep"]["seconds"] if "sleep" in pre_stop else int(pre_stop["exec"]["command"][1])
        shutdown = yaml.safe_load(files[config_name(spec)]["config.yaml"]).get("shutdown", {})
        grace, delay = seconds(shutdown.get("grace", f"{GRACE}s")), seconds(shutdown.get("delay", "0s"))
        # A native sidecar is told after the app is gone, the other one together with it.
        native = any(container["name"] == SIDECAR for container in spec.get("initContainers", []))
        if native == bool(delay):
            return f"{name}: shutdown.delay is {delay} s"
        needed = (held if native else max(held, delay)) + grace + MARGIN
        given = spec.get("terminationGracePeriodSeconds", 30)
        if needed > given:
            return f"{name}: {needed} s are needed, and {given} given"
    return None


def dangling(objects):
    """A name that leads nowhere."""
    there = {thing["metadata"]["name"] for thing in objects if thing["kind"] == "ConfigMap"}
    for name, template, spec in of(objects):
        if config_name(spec) not in there:
            return f"{name}: no ConfigMap {config_name(spec)} among {there}"
        every = spec.get("initContainers", []) + spec["containers"]
        ports = {port["name"] for container in every for port in container.get("ports", [])}
        for service in (thing for thing in objects if thing["kind"] == "Service"):
            leads = service["spec"]["ports"][0]["targetPort"]
            if leads != "pandium" or leads not in ports:
                return f"Service {service['metadata']['name']} leads to {leads}"
            if not service["spec"]["selector"].items() <= template["metadata"]["labels"].items():
                return f"Service {service['metadata']['name']} selects no pod"
        for policy in (thing for thing in objects if thing["kind"] == "NetworkPolicy"):
            if not policy["spec"]["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items():
                return "the NetworkPolicy selects no pod"
        mounts = [mount for container in every for mount in container.get("volumeMounts", [])]
        if any("subPath" in mount for mount in mounts):
            return f"{name}: a subPath is never renewed"
        missing = {mount["name"] for mount in mounts} - {volume["name"] for volume in spec["volumes"]}
        if missing:
            return f"{name}: no volume {missing}"
    return None


def config_name(spec):
    return next(volume["configMap"]["name"] for volume in spec["volumes"] if volume["name"] == f"{SIDECAR}-config")


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]
