"""The image, built by buildah from the Dockerfile as it is, on layers that stand in for the real ones.

CI reaches no registry of images. So the names that the Dockerfile builds on are given to layers made
here of Debian's packages: the compiler is this machine's own, mounted, and the last layer has what
distroless' static image has that the program could use, a list of users and the authorities of the web.
What is built is kept as long as nothing that goes into it changes; so are the layers.
"""

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = "docker.io/library/python:3.13-slim"
DEBIAN = ["gcc", "libc6-dev", "ca-certificates", "python3"]

CONTAINERS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
events_logger = "file"
cgroup_manager = "cgroupfs"
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{graph}"
runroot = "{run}"
"""


class Shop:
    """Where images are built and run, apart from any others on this machine."""

    def __init__(self, cache):
        self.cache = cache / "image"
        self.cache.mkdir(parents=True, exist_ok=True)
        settings = {"containers.conf": CONTAINERS, "storage.conf": STORAGE.format(
            graph=self.cache / "storage", run=self.cache / "run")}
        for name, text in settings.items():
            (self.cache / name).write_text(text)
        self.env = {
            **os.environ,
            "CONTAINERS_CONF": str(self.cache / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.cache / "storage.conf"),
            "BUILDAH_FORMAT": "docker",
        }

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        """Nothing stays mounted: the cache can be thrown away like any folder."""
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((mount for mount in mounts if mount.startswith(f"{self.cache}/")), reverse=True):
            subprocess.run(["umount", mount], timeout=60, check=False)

    def run(self, *command, check=True, seconds=120):
        """What a command says. One that takes too long is ended with all that it has started."""
        limited = ["timeout", "--kill-after=10", str(seconds), *map(str, command)]
        done = subprocess.run(limited, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=seconds + 30)
        if check and done.returncode:
            raise SystemExit(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}")
        return done.stdout

    def health(self, name):
        """What is wrong with a container's health; nothing where it is well."""
        done = subprocess.run(["podman", "healthcheck", "run", name], env=self.env, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return done.stdout or "unhealthy" if done.returncode else None

    def has(self, image):
        return subprocess.run(["podman", "image", "exists", image], env=self.env, timeout=60).returncode == 0

    def stand_in(self, image, tar, env=()):
        if not self.has(image):
            changes = [word for name, value in env for word in ("--change", f"ENV {name}={value}")]
            self.run("podman", "import", *changes, tar, image, seconds=300)


def bases():
    """What the Dockerfile builds on."""
    text = (ROOT / "Dockerfile").read_text()
    version = re.search(r"^ARG RUST_VERSION=(\S+)$", text, re.M)[1]
    compiler, static = re.findall(r"^FROM (\S+)", text, re.M)
    return f"docker.io/library/{compiler.replace('${RUST_VERSION}', version)}", static


def digest():
    """Of all that goes into the image, the compiler too."""
    inputs = ["Dockerfile", ".dockerignore", "Cargo.toml", "Cargo.lock", "src", "benches"]
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *inputs],
                            cwd=ROOT, check=True, capture_output=True, timeout=60).stdout
    total = hashlib.sha256(subprocess.run(["rustc", "-vV"], check=True, capture_output=True, timeout=60).stdout)
    for name in sorted(listed.decode().split("\0")):
        path = ROOT / name
        if name and path.is_file():
            total.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def layers(shop):
    compiler, static = bases()
    wanted = [compiler, static, PYTHON]
    if all(map(shop.has, wanted)):
        return
    tar = shop.cache / "debian.tar"
    if not tar.exists():
        made = tar.with_suffix(".new.tar")
        shop.run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(DEBIAN)}", "bookworm", made,
                 seconds=900)
        made.rename(tar)
    paths = "/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    shop.stand_in(compiler, tar, [("PATH", paths), ("CARGO_HOME", "/usr/local/cargo"), ("CARGO_NET_OFFLINE", "true")])
    shop.run("podman", "tag", compiler, PYTHON)
    shop.stand_in(static, distroless(shop))
    tar.unlink()


def distroless(shop):
    tar = shop.cache / "static.tar"
    files = {
        "etc/passwd": b"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
        "etc/group": b"root:x:0:\nnonroot:x:65532:\n",
        "etc/ssl/certs/ca-certificates.crt": Path("/etc/ssl/certs/ca-certificates.crt").read_bytes(),
    }
    with tarfile.open(tar, "w") as archive:
        for name in ["tmp", "home", "home/nonroot", "run", "etc", "etc/ssl", "etc/ssl/certs"]:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return tar


def forget_own(target):
    """What other people's crates came to is kept from build to build: cargo knows them by version and
    checksum. Our own it knows by the time of its files, which a clone makes as it likes."""
    for kept in target.glob("*/release/.fingerprint/pandium-sidecar-*"):
        shutil.rmtree(kept)


def build(shop, version):
    """The image's name. It is built where nothing was kept of these very inputs."""
    layers(shop)
    image, kept = f"localhost/pandium-sidecar:{version}", f"localhost/pandium-sidecar:{digest()}"
    if not shop.has(kept):
        sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True, timeout=60)
        cargo = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")) / "registry"
        target = shop.cache / "target"
        target.mkdir(exist_ok=True)
        forget_own(target)
        # Of a build that was ended halfway.
        shop.run("buildah", "rm", "--all")
        said = shop.run(
            "buildah", "bud", "--pull=never", "--isolation", "chroot", "--network", "host", "--layers=false",
            "--volume", f"{sysroot.stdout.strip()}:/usr/local/rust:ro", "--volume", f"{cargo}:/usr/local/cargo/registry",
            "--volume", f"{target}:/src/target",
            "--build-arg", "REVISION=of-a-test", "--tag", kept, "--file", ROOT / "Dockerfile", ROOT, seconds=1800)
        print(said[-400:])
        # Those of other sources are of no use any more.
        for name in shop.run("podman", "images", "--format={{.Repository}}:{{.Tag}}", "localhost/pandium-sidecar").split():
            if name not in (kept, image):
                shop.run("podman", "rmi", "--force", name)
        shop.run("podman", "image", "prune", "--force")
    shop.run("podman", "tag", kept, image)
    return image
