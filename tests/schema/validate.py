"""The schema in the hands of somebody else's validator: PyPI `jsonschema`.

    python tests/schema/validate.py target/debug/pandium-sidecar

What the program takes, the schema takes; a key, a word or a shape that the program does not know is
underlined by the schema at the same place; and whatever the schema refuses, the program refuses too.
"""

import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())

# What an editor can know of a file by its schema: these words of `check`, at the end of a path.
STRANGE_KEY = re.compile(r"^\S+?:\d+:\d+: (\S+): there is no such key here", re.M)
WRONG_WORD = re.compile(r"^\S+?:\d+:\d+: (\S+): one of .* is wanted here, not (?!the value from)", re.M)
WRONG_SHAPE = re.compile(r"^\S+?:\d+:\d+: (\S+): a map is wanted here", re.M)
# Words that are the file's own, and the names of fields among them.
NOT_OF_THE_SCHEMA = re.compile(r"session\.signed_in\.field$")


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60, env={})


def check(folder, text):
    """Whether the program takes a text, and what it says."""
    path = folder / "c.yaml"
    path.write_text(text)
    ended = run("check", "--without-secrets", "--config", str(path))
    assert ended.returncode in (0, 2), ended.stderr
    return ended.returncode == 0, ended.stderr


def underlined(validator, value):
    """Where the schema objects, as paths of keys; what may stand in several ways is looked into."""
    found, waiting = set(), list(validator.iter_errors(value))
    while waiting:
        error = waiting.pop()
        path = tuple(error.absolute_path)
        found.add(path)
        if error.validator == "additionalProperties":
            found.update(path + (key,) for key in error.instance if key not in error.schema["properties"])
        waiting.extend(error.context)
    return found


def keys(path):
    """`a.b[0]."c d"` as a path of keys."""
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"|\[(\d+)\]|([^.\[\]"]+)', path)
    return tuple(int(item) if item else quoted or plain for quoted, item, plain in parts)


def known(validator, value, words):
    """Which of the problems that `check` tells are not underlined."""
    marks = underlined(validator, value)
    told = STRANGE_KEY.findall(words) + WRONG_WORD.findall(words) + WRONG_SHAPE.findall(words)
    return [path for path in told if not NOT_OF_THE_SCHEMA.search(path) and not fits(keys(path), marks)]


def fits(path, marks):
    """One value where a list may stand is its first item to the program alone."""
    return path in marks or (path[-1:] == (0,) and path[:-1] in marks)


def good_files():
    """Every configuration that stands somewhere as an example, by name."""
    listed = [ROOT / "config.yaml", ROOT / "src/cli/demo/demo.yaml", ROOT / "benches/mint.yaml"]
    listed += sorted((ROOT / "deploy").rglob("*.yaml")) + sorted((ROOT / "tests/cli/files").glob("*.yaml"))
    listed += sorted((ROOT / "tests/schema").glob("*.yaml"))
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in listed}
    texts = {name: text for name, text in texts.items() if re.search(r"^version: (1\b|\$\{env\.)", text, re.M)}
    texts.pop("tests/cli/files/health.yaml")
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    texts.update({f"README.md, block {at}": block for at, block in enumerate(blocks)})
    for source in ("headers", "probe", "handoff", "jwt"):
        texts[f"init --from {source}"] = run("init", "--from", source).stdout
    texts["demo --print-config"] = run("demo", "--print-config").stdout
    base = (ROOT / "tests/golden/base.yaml").read_text()
    for case in sorted((ROOT / "tests/golden").glob("*.case")):
        text = base
        for change in case.read_text().split("----\n")[0].splitlines():
            old, new = change.split(" => ", 1)
            text = text.replace(old, new.rstrip().replace("\\n", "\n"))
        texts[case.name] = text
    return texts


def good(validator):
    texts = good_files()
    for name, text in texts.items():
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(yaml.safe_load(text))]
        assert not errors, f"{name} is refused: {errors}"
    return len(texts)


def broken(validator):
    """Each file of tests/broken with a strange key, a wrong word or a wrong shape."""
    seen = 0
    for path in sorted((ROOT / "tests/broken").glob("*.yaml")):
        words = path.with_suffix(".txt").read_text()
        if not any(told.search(words) for told in (STRANGE_KEY, WRONG_WORD, WRONG_SHAPE)):
            continue
        try:
            value = yaml.safe_load(path.read_text())
        except yaml.YAMLError:
            continue
        missed = known(validator, value, words)
        assert not missed, f"{path.name}: the schema says nothing of {missed}"
        seen += 1
    return seen


# The least there is, by a probe, and what is put in place of something in it: what both take, and what neither does.
LEAST = """version: 1
upstream: http://127.0.0.1:3000
trust: { peers: 127.0.0.2 }
pandium: { account: acme, environment: sandbox, secret: { env: SECRET } }
session:
  from: headers
  probe: { path: /a }
  fields: { id: { header: X-Id, max_bytes: 4096 } }
claims: { sub: "${session.id}" }
integrations: { a: { id: 1 } }
token: { backdate: 5s }
routes: { install: { path: "/p/i/:integration" }, marketplace: { path: /p/m } }
"""
PROBE, HEADERS = ("from: headers", "from: probe"), ("  probe: { path: /a }\n", "")
TRUST, ACCOUNT, SUB = "{ peers: 127.0.0.2 }", "account: acme", 'claims: { sub: "${session.id}" }'
OVERRIDES = ("token:", "overrides: { integration: X-Integration }\ntoken:")
OWN_SUB = ("{ id: 1 }", "{ id: 1, claims: { sub: '${session.id}' } }")
TAKEN = [
    [HEADERS],
    [PROBE],
    [PROBE, (TRUST, "{}")],
    [PROBE, (TRUST, "{ complete: false }")],
    [PROBE, OVERRIDES],
    [HEADERS, ("version: 1", "version: ${env.NONE:-1}")],
    [HEADERS, (SUB, "claims: { ti: {} }"), OWN_SUB, (", marketplace: { path: /p/m }", "")],
    *([HEADERS, (ACCOUNT, f"account: {account}")] for account in ("42", "a-b_C", '"${env.NONE:-acme}"')),
    *([PROBE, ("path: /a", f'path: "{path}"')] for path in ("/", "/a?b=c&d", "/a/;b%20", "/${env.NONE:-a}")),
    *(
        [HEADERS, ("/p/i/:integration", path)]
        for path in ("/p/i/:integration/z", "/p.x/~y/:integration", "/..p/:integration", "/p/${env.NONE:-x}/:integration")
    ),
    *([HEADERS, ("4096", size)] for size in ("1", "65536", "1KiB", "64KiB", "'065536'", '"${env.NONE:-9}"')),
    *([HEADERS, ("5s", time)] for time in ("0s", "60s", "1m", "060s", "0h", "0ms", "60000ms", '"${env.NONE:-9s}"')),
]
NEITHER = [
    *([HEADERS, (TRUST, trust)] for trust in ("{}", "{ complete: true }")),
    [PROBE, OVERRIDES, (TRUST, "{}")],
    [HEADERS, (SUB, "claims: { ti: {} }")],
    [HEADERS, ("version: 1", "version: 2")],
    *([HEADERS, (ACCOUNT, f"account: {account}")] for account in ("acme corp", "a.b", "ä", "a" * 65)),
    *([PROBE, ("path: /a", f"path: '{path}'")] for path in ("a", "//a", "/a b", "/a#b", "/a\\b", '/a"', "/ä")),
    *(
        [HEADERS, ("/p/i/:integration", path)]
        for path in ("p/:integration", "/:integration", "/p/:integration/", "/p//:integration", "/p/../:integration")
        + ("/p/./:integration", "/p q/:integration", "/p/:integrations", "/p/:integration/:integration", "/p/%61/:integration")
    ),
    *([HEADERS, ("/p/m", path)] for path in ("/", "/p/m/", "p", "/p/m/..", "/q/:integration")),
    *([HEADERS, ("4096", size)] for size in ("0", "65537", "65KiB", "100KiB", "0KiB", "1MiB")),
    *([HEADERS, ("5s", time)] for time in ("61s", "2m", "1h", "500ms", "61000ms", "1500ms", "5")),
]


def bounds(validator, folder):
    """Bounds and characters, where the last that is allowed stands beside the first that is not."""
    for changes, wanted in [(changes, True) for changes in TAKEN] + [(changes, False) for changes in NEITHER]:
        text = LEAST
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        taken, words = check(folder, text)
        assert taken == wanted, f"the program about {changes}: {words}"
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(yaml.safe_load(text))]
        assert wanted != bool(errors), f"the schema about {changes}: {errors}"
    return len(TAKEN), len(NEITHER)


def places(value, path=()):
    """Every key of every map below a value, and every item, with what is there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield path + (key,), below
        yield from places(below, path + (key,))


def changed(value, path, change):
    value = copy.deepcopy(value)
    at = value
    for key in path[:-1]:
        at = at[key]
    return value if change(at, path[-1]) else None


def misspell(at, key):
    if isinstance(at, list):
        return False
    entries = [(f"{name}q" if name == key else name, below) for name, below in at.items()]
    at.clear()
    at.update(entries)
    return True


def put(thing):
    def change(at, key):
        at[key] = thing
        return True

    return change


def drop(at, key):
    del at[key]
    return True


CHANGES = {
    "misspelt": misspell,
    "dropped": drop,
    "a word": put("qqqq"),
    "nothing": put(None),
    "a number": put(7),
    "true": put(True),
    "a map": put({"qqqq": 1}),
    "a list": put(["qqqq"]),
}


def alike(validator, folder, names):
    """Both judge every key of these files, changed in every way; what two have alike, once."""
    asked = refused = 0
    judged = set()
    texts = good_files()
    for name in names:
        value = yaml.safe_load(texts[name])
        taken, words = check(folder, texts[name])
        assert taken and not words, f"{name}: {words}"
        for path, there in places(value):
            if (path, repr(there)) in judged:
                continue
            judged.add((path, repr(there)))
            for word, change in CHANGES.items():
                other = changed(value, path, change)
                if other is None:
                    continue
                taken, words = check(folder, yaml.safe_dump(other, sort_keys=False, allow_unicode=True))
                about = f"{name}: {'.'.join(map(str, path))}, {word}"
                errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(other)]
                assert not (taken and errors), f"{about}: the program takes it, the schema does not: {errors}"
                missed = known(validator, other, words)
                assert not missed, f"{about}: the schema says nothing of {missed}"
                asked += 1
                refused += bool(errors)
    return asked, refused


# Between them, every part of a file that there is.
SEEDS = [
    "config.yaml",
    "tests/cli/files/accounts.yaml",
    "tests/cli/files/probe.yaml",
    "tests/cli/files/jwt.yaml",
    "tests/schema/rest.yaml",
    "tests/schema/environment.yaml",
    "tests/schema/proxied-host.yaml",
    "tests/schema/proxied-path.yaml",
]


def main():
    schema = json.loads(run("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    print(f"{good(validator)} files that hold are taken")
    print(f"{broken(validator)} broken files are underlined where the program objects")
    with tempfile.TemporaryDirectory(prefix="ps-schema-") as folder:
        taken, neither = bounds(validator, pathlib.Path(folder))
        print(f"{taken} files at the edge of what is allowed are taken by both, {neither} beyond it by neither")
        asked, refused = alike(validator, pathlib.Path(folder), SEEDS)
    print(f"{asked} changes: {refused} are underlined, and the program objects to each of them")


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
