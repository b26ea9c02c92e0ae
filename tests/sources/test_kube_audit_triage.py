from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from audit_event import as_go_writes, event, line
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.model import Activity
from tidewaiter.sources import kube_audit_triage
from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.kube_audit import KubeAuditReader
from tidewaiter.sources.kube_audit_triage import Triage, triage

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the benchmarks are scripts beside the package

from bench.generate_kube_audit import Options
from bench.generate_kube_audit import lines as generate

TRIAGE = triage()
if TRIAGE is None:
    pytest.skip("the C module could not be built here: there is nothing to compare", allow_module_level=True)

DATA = Path(__file__).parents[1] / "data" / "kubernetes" / "audit.jsonl"
SOURCE = Path(kube_audit_triage.__file__).with_name("_triage.c")
POD = {"resource": "pods", "namespace": "shop", "name": "web-0", "apiVersion": "v1"}
POD_URI = "/api/v1/namespaces/shop/pods/web-0"
PODS_URI = "/api/v1/namespaces/shop/pods"
QUIET = line(verb="update", requestURI=POD_URI, objectRef=POD)

WATCHES = [  # queries of a watch: some go on, some begin from zero
    None,
    "",
    "watch=1",
    "watch=true&timeoutSeconds=5",
    "resourceVersion=0",
    "watch=1&resourceVersion=0&x=1",
    "resourceVersion=000",
    "resourceVersion=",
    "resourceVersion",
    "resourceVersion&resourceVersion=5",
    "resourceVersion=0&resourceVersion=5",
    "resourceVersion=5&resourceVersion=0",
    "resourceVersion=5",
    "watch=1&resourceVersion=815&timeoutSeconds=300",
    "resourceVersion=007",
    "resourceVersion=5%zz",
    "resourceVersion=5;x",
    "resourceVersion=%30",
    "resource%56ersion=0&resourceVersion=5",
    "x=1&resource%56ersion=0&resourceVersion=5",
    "resource%56ersion=5",
    "resourceVersionMatch=NotOlderThan",
    "resourceVersionMatch=NotOlderThan&resourceVersion=5",
    "sendInitialEvents=true&resourceVersion=5",
    "resourceVersion=5&sendInitialEvents=true",
    "resourceVersion=5&sendInitialEvents",
    "resourceVersion=5&sendInitialEvents=false",
    "resourceVersion=5&send%49nitialEvents=true",
    "labelSelector=a%3Db",
    "labelSelector=a<b",
    "labelSelector=a>b&resourceVersion=5",
    'labelSelector="a"',
    "x=a\\b",
    "x=\u2028",
    "x=é",
    "r=1",
    "re=1",
    "res&resour=2",
    "resourceVersio=5",
    "resourceVersions=5",
    "resourcef",
    "&&",
    "=&=5",
    "a;resourceVersion=5",
    "?resourceVersion=5",
    "x=1&labelSelector=a<b",
    "x='a'",
    "x=я",
    "x=1&y=2&resource%56ersion=0&resourceVersion=5",
    "resourceVersion=0&x=1&resourceVersion=5",
    "fieldSelector=metadata.name%3Dweb-0&resourceVersion=5",
    "watch=1&x=&resourceVersion=5",
    "x=?resourceVersion=5",
    "a&resourceVersion=5;b",
    "resourceVersion=5;b&x=1",
    "xresourceVersion=5",
    "watch=1&resourceVersion=5x",
    "resourceVersion=5&x=%20",
    "resourceVersion=5&%41=1",
    "x=%20&resourceVersion=5",
    "resourceVersion=5&x=1&%73endInitialEvents=1",
    "resourceVersion=5=6",
    "resourceVersion=59&a=b",
    "resourceVersion&5",
    "resourceVersions5",
    "y\\resourceVersion=5",
    "x=\\u0026resourceVersion=5",
]
ADDRESSES = [  # what is no resource, and paths to resources without an objectRef
    "/api",
    "/api/",
    "/api?timeout=32s",
    "/api/v1",
    "/api/v1/",
    "/api/v1?a=1&b=2",
    "/api/v1?resourceVersion=5",
    "/apis/a&b",
    "/apis/a&b?resourceVersion=5",
    "/apis",
    '/apis?x="',
    "/apis/apps",
    "/apis/apps/v1",
    "/apis/apps/v1/",
    "/apis/apps/v1?timeout=32s",
    "/apis/a%2Eb/v1",
    "/version",
    "/version/",
    "/openapi/v2",
    "/openapi/v3/apis/apps/v1?hash=1",
    "/",
    "",
    "?",
    "/?x=1",
    "//api",
    "/api//v1",
    "/apis//apps//v1//",
    "api",
    "/swagger.json",
    "/metrics",
    "/logs/",
    "/ap",
    "/apiz",
    "/a",
    "/ab",
    "/%61pi",
    "/%61pis/x",
    "/api%2Fv1",
    "/apis%2Fapps",
    "/healthz",
    "/debug/pprof",
    "/.well-known/openid-configuration",
    "/openid/v1/jwks",
    "/api/v1/namespaces/shop/pods/web-0",
    "/api/v1/namespaces/shop/pods/web-0/log",
    "/api/v1/namespaces/shop/pods/web-0/log?follow=1",
    "/api/v1/namespaces/shop/pods/web-0/log/",
    "/api/v1/namespaces/shop/pods/web-0/l%6Fg",
    "/api/v1/namespaces/shop/pods/web-0%2Flog",
    "/api/v1/namespaces/shop/pods/web-0//log",
    "/api/v1/namespaces/shop/pods/web-0/proxy/a/b",
    "/api/v1/namespaces/shop/pods/web-0/exec?command=id",
    "/api/v1/namespaces/shop/pods/web-0/attach",
    "/api/v1/namespaces/shop/pods/web-0/portforward",
    "/api/v1/nodes/n1/proxy/pods",
    "/api/v1/nodes/n1/pods",
    "/api/v1/nodes/n1/pods/",
    "/api/v1/nodes/n1/pods?x=1",
    "/api/v1/nodes/n1/stats/summary",
    "/api/v1/nodes/n1/metrics",
    "/api/v1/nodes/n1/spec",
    "/api/v1/nodes/n1/configz",
    "/api/v1/namespaces/shop/serviceaccounts/ci/token",
    "/api/v1/namespaces/shop/pods/web-0/status",
    "/api/v1/namespaces/shop/pods",
    "/apis/apps/v1/deployments",
    "/api/v1/pods?watch=1",
    "/api/v1#/a/b",
    "/api/v1/#/x",
    "/api/v1/a#b",
    "/api/v1/nodes/n1/",
    "/api/v1//",
    "/apis/a//b/",
    "/apis/a?x=/b/c/d",
    "/api/v1/nodes//n1",
    "/api/v1//nodes/n1",
    "/apis/apps/v1/deployments/",
    "/apis/g/v1/things/t",
    "/apis/g/v1/namespaces/n/things/t",
    "/apis/g/v1/things/t/log",
    "/apis/g/v1/things/t/proxy/x",
    "/apis/g/v1/things/t/u/log",
    "/api/v2/nodes/n1",
    "/api/v1/nodes/n1/proxy/stats",
    "/api/v1/nodes/n1/proxy/a",
    "/api/x/n1/proxy/a",
    "/xapi/v1/nodes/n1",
    "/version/a/b/c",
    "/api/v1/nodes/n%31",
    "/api/v1/nodes%2Fn1%2Flog/x",
    "/apis/apps%2Fv1/a/b/c",
    "/apis/%2F/v1/b/c",
]
SUBRESOURCES = "log exec attach portforward proxy token stats metrics spec configz pods status"
AFTER_TARGET = ["user", "visit", "vendor", "version", "verbose"]  # keys that begin like `verb`
SPACED_VERBS = [b' ,"verb":"', b', "verb":"', b',"verb" :"', b',"verb": "']
DECOYS = {"verb": "get", "requestURI": POD_URI, "code": 404, "kind": "PodList", "a": [{"verb": "list"}, "tokenreviews"]}


def cases() -> Iterator[dict[str, Any]]:
    """Give events: each thing that the reader keeps in one form at least, and its quiet neighbours."""
    yield event()
    yield event(verb="list", requestURI=None, objectRef={"resource": "pods"})
    for query in WATCHES:
        uri = PODS_URI if query is None else f"{PODS_URI}?{query}"
        yield event(verb="watch", requestURI=uri)
        yield event(verb="watch", requestURI=uri, objectRef=None)
    for uri in ADDRESSES:
        for verb in ("get", "head", "watch", "post"):
            yield event(verb=verb, requestURI=uri, objectRef=None)
    for sub in SUBRESOURCES.split():
        for resource in ("pods", "nodes", "serviceaccounts"):
            ref = {"resource": resource, "name": "x", "subresource": sub}
            yield event(verb="get", requestURI=f"/api/v1/{resource}/x/{sub}", objectRef=ref)
            yield event(verb="get", requestURI=None, objectRef=ref)
            yield event(verb="create", requestURI=None, objectRef=ref)
    yield from answered_cases()


def answered_cases() -> Iterator[dict[str, Any]]:
    """Give those where more than verb and target decides."""
    for code in (101, 200, 304, 399, 400, 403, 404, 500, 600, 1000, 3999, 40, 0):
        yield event(verb="get", requestURI=POD_URI, objectRef=POD, responseStatus={"code": code})
    for review in ("selfsubjectaccessreviews", "subjectaccessreviews", "tokenreviews", "selfsubjectreviews", "pods"):
        yield event(verb="create", requestURI=f"/apis/x/v1/{review}?a=b", objectRef={"resource": review})
    for kind in ("EventList", "List", "Event"):
        yield {"kind": kind, "items": [event(verb="get", requestURI="/api/v1", objectRef=None)]}
        yield {"kind": kind, "items": [event(verb="update"), event(verb="update")]}
    for verb in ("update", "get", "create", "delete", "deletecollection", "patch", ""):
        yield event(verb=verb, requestURI=POD_URI, objectRef=POD)
        yield event(verb=verb, requestURI=POD_URI, objectRef=POD, requestObject=DECOYS)
    for status in ({"code": 404}, {"code": 200}):  # a body that says otherwise
        yield event(verb="get", requestURI=POD_URI, objectRef=POD, responseStatus=status, requestObject={"code": 200})
    yield event(requestObject={"verb": "update"})
    yield event(requestURI=f"{PODS_URI}?resourceVersion=5")
    yield event(verb="get", requestURI=POD_URI, objectRef={**POD, "subresource": "log"})
    yield {**event(verb="get", requestURI=POD_URI, objectRef=None), "kind": "EventList", "items": [event()]}
    yield event(verb="watch", requestURI=None)
    yield event(verb="get", requestURI=None, objectRef={"resource": "pods"})


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_TOKEN = re.compile(_STRING.pattern + r'|[\[\]{}:,]|[^"\[\]{}:,]+')


def key_after_target(one: dict[str, Any], key: str) -> dict[str, Any]:
    """Put a key of nobody's between requestURI and verb."""
    found: dict[str, Any] = {}
    for name, value in one.items():
        found[name] = value
        if name == "requestURI":
            found.update({key: one.get(key, "a/b&resourceVersion=5")})
    return found


def shuffled(value: Any, random: Random) -> Any:
    if isinstance(value, list):
        return [shuffled(item, random) for item in value]
    if isinstance(value, dict):
        keys = random.sample(list(value), len(value))
        return {key: shuffled(value[key], random) for key in keys}
    return value


def with_tail_reversed(one: dict[str, Any], last: str) -> dict[str, Any]:
    """Let an event begin as kube-apiserver's do, up to a key, and go on from the end."""
    keys = list(one)
    head = keys[: keys.index(last) + 1] if last in one else keys
    return {key: one[key] for key in (*head, *reversed(keys[len(head) :]))}


def spaced(value: Any, random: Random) -> bytes:
    """Write JSON with white space wherever it may stand, on one line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _TOKEN.sub(lambda found: found[0] + random.choice(["", "", " ", "\t", "  "]), text).encode() + b"\n"


def escaped(written: bytes, random: Random, share: float) -> bytes:
    """Write some letters of strings as escapes; nothing else changes."""

    def letter(found: re.Match[str]) -> str:
        char = found[0]
        if len(char) > 1 or char == '"' or random.random() > share:
            return char
        return "\\/" if char == "/" and random.random() < 0.5 else f"\\u{ord(char):04{random.choice('xX')}}"

    def string(found: re.Match[str]) -> str:
        return re.sub(r"\\u....|\\.|[^\\]", letter, found[0])

    return _STRING.sub(string, written.decode()).encode()


def written(one: dict[str, Any], random: Random) -> list[bytes]:
    """Write an event in every manner that a JSON parser takes for the same."""
    return [
        as_go_writes(one),
        json.dumps(one, separators=(",", ":")).replace("'", "\\u0027").encode() + b"\n",
        as_go_writes(key_after_target(one, random.choice(AFTER_TARGET))),
        as_go_writes(shuffled(one, random)),
        as_go_writes(with_tail_reversed(one, "level")),
        as_go_writes(with_tail_reversed(one, "verb")),
        spaced(one, random),
        spaced(shuffled(one, random), random),
        escaped(as_go_writes(one), random, random.choice([0.01, 0.05, 1])),
        escaped(spaced(shuffled(one, random), random), random, 0.03),
    ]


@cache
def corpus() -> tuple[bytes, ...]:
    """Give lines of all sorts, the same at each run."""
    random = Random(20260601)  # noqa: S311 - a seed, no secret
    lines = [text for one in cases() for text in written(one, random)]
    for at in range(len("resourceVersion") + 1):  # parameters whose names begin like it
        for name in ("resourceVersion"[:at] + rest for rest in ("", "~", "~~")):
            queries = (f"{name}&x=1", f"x=1&{name}", f"{name}&resourceVersion=5")
            lines += [line(verb="watch", requestURI=f"{PODS_URI}?{query}") for query in queries]
    for verb, uri in (("watch", f"{PODS_URI}?watch=1"), ("get", "/api/v1?resourceVersion=5")):
        one = event(verb=verb, requestURI=uri, objectRef=None)
        lines += [as_go_writes(key_after_target(one, key)) for key in AFTER_TARGET]
        lines += [as_go_writes(one).replace(b',"verb":"', odd) for odd in SPACED_VERBS]
    lines += [text.replace(b'"code"', rb'"c\u006fde"') for text in lines if b'"code":404' in text]
    lines += [text.replace(b'"subr', rb'"s\u0075br') for text in lines if b'"subresource":' in text]
    lines += [text.replace(b'reviews"', rb'revi\u0065ws"') for text in lines if b'reviews"' in text]
    random.shuffle(lines)
    lines += [b"\n", b"--- rotated ---\n", QUIET[:300] + b"\n", b" \n", QUIET[:-1] + line(), b"x" + QUIET]
    return (b"\n", *lines, *[QUIET] * 10)


def read(lines: tuple[bytes, ...], triage: Triage | None, size: int = 1 << 30) -> tuple[list[Activity], Tally]:
    """Read lines in blocks of so many."""
    tally = Tally("audit.log")
    reader = KubeAuditReader(tally, triage)
    found: list[Activity] = []
    offset = 0
    for at in range(0, len(lines), size):
        data = b"".join(lines[at : at + size])
        found += reader.feed(Block(data, offset, at + 1))
        offset += len(data)
    found += reader.finish()
    return found, tally


@cache
def wanted(lines: tuple[bytes, ...]) -> set[int]:
    """Number the lines that are not just one record without activity: the triage has to keep these."""
    tallies = (read((text,), None)[1] for text in lines)
    return {index for index, tally in enumerate(tallies) if tally.kept or tally.unreadable or tally.records != 1}


def lost(lines: tuple[bytes, ...], triage: Triage | None = TRIAGE) -> list[bytes]:
    """Give the lines that matter and are dropped."""
    assert triage is not None
    kept, count = triage(b"".join(lines))
    assert count == len(lines)
    return [lines[index] for index in sorted(wanted(lines) - {index for _, _, index in kept})]


def test_no_line_that_matters_is_dropped() -> None:
    assert lost(corpus()) == []


def test_most_of_what_does_not_matter_is_dropped() -> None:
    lines = generated(11)
    assert TRIAGE is not None
    kept, count = TRIAGE(b"".join(lines))
    assert (count, len(kept) < len(wanted(lines)) * 2 < count) == (len(lines), True)


@pytest.mark.parametrize("size", [1, 7, 400, 100_000])
def test_the_reader_gives_the_same_with_and_without(size: int) -> None:
    lines = corpus() + (QUIET,) * len(corpus())  # so many that triage pays
    whole, tally = read(lines, None)
    found, again = read(lines, TRIAGE, size)
    assert found == whole
    assert (again.records, again.kept, again.places, again.notes) == (
        tally.records,
        tally.kept,
        tally.places,
        tally.notes,
    )


_CASES = list(cases())
_WORDS = (
    rb'"verb":" get" watch" "requestURI":" /api/v1/ namespaces/ ? resourceVersion= 1 \u0026 \u00 "code" :2 , " } { % &'
)
_PIECES = [QUIET[:60], *_WORDS.split(), b"\n"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(_CASES), min_size=1, max_size=6), st.integers(0, 1 << 32))
def test_however_it_is_written_nothing_is_lost(chosen: list[dict[str, Any]], seed: int) -> None:
    random = Random(seed)  # noqa: S311 - likewise
    assert lost(tuple(text for one in chosen for text in written(one, random))) == []


@settings(deadline=None, max_examples=300)
@given(st.binary() | st.lists(st.sampled_from(_PIECES), max_size=20).map(b"".join), st.integers(0, 400))
def test_any_bytes_are_taken_line_by_line(noise: bytes, cut: int) -> None:
    assert TRIAGE is not None
    for data in (noise, QUIET[:cut] + noise, QUIET[:cut] + noise + b"\n" + QUIET):
        kept, count = TRIAGE(memoryview(data))
        lines = data.split(b"\n")[: None if data[-1:] not in (b"\n", b"") else -1]
        assert count == len(lines)
        assert [data[start:end] for start, end, _ in kept] == [lines[index] for _, _, index in kept]


def generated(seed: int) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in generate(Options(size=2_000_000, seed=seed)))


def real_logs() -> Iterator[bytes]:
    """Give what was recorded on a cluster: an excerpt, and all of it where the whole recording is at hand."""
    yield DATA.read_bytes()
    whole = Path(os.environ.get("TIDEWAITER_RECORDINGS", "/work/shared/data")) / "kubernetes" / "cluster.audit.jsonl.gz"
    if whole.exists():
        yield gzip.decompress(whole.read_bytes())


def test_real_logs_read_the_same() -> None:
    for data in real_logs():
        lines = (data, *[QUIET] * data.count(b"\n") * 2)
        (found, tally), (again, counted) = read(lines, None), read(lines, TRIAGE)
        assert found == again
        assert found
        assert (tally.records, tally.unreadable, tally.notes) == (counted.records, counted.unreadable, counted.notes)


def test_a_generated_log_reads_the_same() -> None:
    lines = generated(12)
    (found, tally), (again, counted) = read(lines, None), read(lines, TRIAGE)
    assert found == again
    assert (tally.records, tally.unreadable) == (counted.records, counted.unreadable) == (len(lines), 0)


def test_nothing_native_is_used_when_it_is_not_wanted() -> None:
    assert triage(native=False) is None


# Ways to break the decisions, as an edit of the source; each has to lose a line of the corpus.
MUTANTS = [
    ("end[-1] != '}'", "0"),
    ("!BEGINS(start, end, BEGINNING) || ", ""),
    (" || memchr(start + 1, '{', (size_t)(verb - start - 1))", ""),
    ("return drop && !glued(verb, end)", "return drop"),
    ('if (!BEGINS(at, *uri_end, "\\\\u0026")) return NULL', ""),
    ("if (memchr(uri, '\"', (size_t)(*uri_end - uri))) return NULL;", ""),
    ("from[4] >= '4'", "from[4] >= '8'"),
    ("    return !hides_letters(verb, end);\n", "    return 1;\n"),
    (" && !hides_letters(verb, end);\n", ";\n"),
    ("memchr(uri, '%', (size_t)(stop - uri)) || ", ""),
    (' || FIND(uri, stop, "//")', ""),
    ("depth == 4 ||", "depth == 4 || depth == 5 ||"),
    ('(depth == 6 && BEGINS(uri + 8, stop, "namespaces/"))', "depth == 6"),
    ('if (BEGINS(uri, stop, "/api/v1/"))', "if (1)"),
    ('if (!BEGINS(uri, stop, "/apis/")) return 0', ""),
    ("if (depth == 5) return 1", "if (depth >= 5) return 1"),
    ('version_end && BEGINS(version_end + 1, stop, "namespaces/")', "version_end"),
    ('!uri || FIND(verb, end, "\\"subresource\\"")', "!uri"),
    ("!names_one(uri, query ? query : uri_end)", "!names_one(uri, uri_end)"),
    ('(code = FIND(code, end, "\\"code\\"")); code += 6', '(code = FIND(code, end, "\\"code\\"")); code = end'),
    ("(code[7] != '2' && code[7] != '3')", "(code[7] < '0' || code[7] > '9')"),
    ("if (code[10] >= '0' && code[10] <= '9') return 0", ""),
    ('!query || FIND(query, uri_end, "sendInitialEvents")', "!query"),
    ("!at || memchr(query, '%', (size_t)(at - query))", "!at"),
    ("FIND(query, uri_end, VERSION);", 'FIND(query, uri_end, VERSION "=");'),
    ("if (at != query + 1 && at[-1] != '&' && (at - query < 6 || memcmp(at - 6, \"\\\\u0026\", 6))) return 0;", ""),
    (" || at[0] != '='", ""),
    ("at[1] < '1'", "at[1] < '0'"),
    ("if (at < uri_end && *at != '&' && *at != '\\\\') return 0;", ""),
    ("else if (*at == '%' && in_name) return 0;", ""),
    ("if (*at == '&' || *at == '\\\\') in_name = 1;", "if (*at == '&') in_name = 1;"),
    ('!FIND(verb, end, "reviews\\"") && ', ""),
    ('!FIND(verb, end, "\\"subresource\\"") && ', ""),
    ('!memcmp(word, "watch\\"", 6)', '!memcmp(word, "wa", 2) || !memcmp(word, "li", 2)'),
    ('memcmp(word, "del", 3)', 'memcmp(word, "", 0)'),
]


_COMPILER = shutil.which("cc")
_ALONE = """
import sys
from importlib import machinery, util
loader = machinery.ExtensionFileLoader("_triage", sys.argv[1])
module = util.module_from_spec(util.spec_from_loader("_triage", loader))
loader.exec_module(module)
print(*(index for _, _, index in module.worth_parsing(sys.stdin.buffer.read())[0]))
"""


def kept_by(source: str, folder: Path) -> set[int]:
    """Number the lines of the corpus that a source of the module keeps; in a process of its own, which may crash."""
    path, built = folder / "_triage.c", folder / "_triage.so"
    path.write_text(source, encoding="utf-8")
    options = ["-O0", "-w", "-shared", "-fPIC", f"-I{sysconfig.get_path('include')}"]
    subprocess.run([_COMPILER or "cc", *options, str(path), "-o", str(built)], check=True, capture_output=True)
    command = [sys.executable, "-ISc", _ALONE, str(built)]
    done = subprocess.run(command, input=b"".join(corpus()), capture_output=True, check=False)
    return {int(number) for number in done.stdout.split()}


@pytest.mark.skipif(_COMPILER is None, reason="no C compiler here: the module cannot be broken on purpose")
@pytest.mark.parametrize(("sound", "broken"), MUTANTS)
def test_each_decision_is_needed(sound: str, broken: str, tmp_path: Path) -> None:
    text = SOURCE.read_text(encoding="utf-8")
    assert text.count(sound) == 1, "the table does not fit the source any more"
    assert wanted(corpus()) - kept_by(text.replace(sound, broken), tmp_path)


@pytest.mark.skipif(_COMPILER is None, reason="no C compiler here")
def test_what_is_installed_was_built_from_this_source(tmp_path: Path) -> None:
    assert TRIAGE is not None
    found = {index for _, _, index in TRIAGE(b"".join(corpus()))[0]}
    assert found == kept_by(SOURCE.read_text(encoding="utf-8"), tmp_path), "build it again"
