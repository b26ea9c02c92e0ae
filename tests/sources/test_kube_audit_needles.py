from __future__ import annotations

import gzip
import json
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from audit_event import address, as_go_writes, event, line
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.model import Activity
from tidewaiter.sources.contract import Block, Tally
from tidewaiter.sources.kube_audit import KubeAuditReader
from tidewaiter.sources.kube_audit_needles import NEEDLES, LineFilter, line_filter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the benchmarks are scripts beside the package

from bench.generate_kube_audit import Options
from bench.generate_kube_audit import lines as generate

pytest.importorskip("hyperscan", reason="the extra `fast` (hyperscan) cannot be imported: there is nothing to test")

DATA = Path(__file__).parents[1] / "data" / "kubernetes" / "audit.jsonl"
POD = {"resource": "pods", "namespace": "shop", "name": "web-0", "apiVersion": "v1"}
POD_URI = "/api/v1/namespaces/shop/pods/web-0"
PODS_URI = "/api/v1/namespaces/shop/pods"
QUIET = line(verb="update", requestURI=POD_URI, objectRef=POD)

WATCHES = [  # queries of a watch; some go on, some begin from zero
    None, "", "watch=1", "watch=true&timeoutSeconds=5", "resourceVersion=0", "watch=1&resourceVersion=0&x=1", "resourceVersion=000",
    "resourceVersion=", "resourceVersion", "resourceVersion&resourceVersion=5", "resourceVersion=0&resourceVersion=5", "resourceVersion=5&resourceVersion=0",
    "resourceVersion=5", "watch=1&resourceVersion=815&timeoutSeconds=300", "resourceVersion=007", "resourceVersion=5%zz", "resourceVersion=5;x", "resourceVersion=%30",
    "resource%56ersion=0&resourceVersion=5", "x=1&resource%56ersion=0&resourceVersion=5", "resource%56ersion=5", "resourceVersionMatch=NotOlderThan", "resourceVersionMatch=NotOlderThan&resourceVersion=5",
    "sendInitialEvents=true&resourceVersion=5", "resourceVersion=5&sendInitialEvents=true", "resourceVersion=5&sendInitialEvents", "resourceVersion=5&sendInitialEvents=false",
    "resourceVersion=5&send%49nitialEvents=true", "labelSelector=a%3Db", "labelSelector=a<b", "labelSelector=a>b&resourceVersion=5", 'labelSelector="a"', "x=a\\b", "x=\u2028", "x=\u00e9",
    "r=1", "re=1", "res&resour=2", "resourceVersio=5", "resourceVersions=5", "resourcef", "&&", "=&=5", "a;resourceVersion=5", "?resourceVersion=5",
    "x=1&labelSelector=a<b", "x='a'", "x=\u044f", "x=1&y=2&resource%56ersion=0&resourceVersion=5", "resourceVersion=0&x=1&resourceVersion=5", "fieldSelector=metadata.name%3Dweb-0&resourceVersion=5", "watch=1&x=\u0026resourceVersion=5",
]  # fmt: skip
ADDRESSES = [  # what is no resource, and paths to resources without an objectRef
    "/api", "/api/", "/api?timeout=32s", "/api/v1", "/api/v1/", "/api/v1?a=1&b=2", "/api/v1?resourceVersion=5", "/apis/a&b", "/apis/a&b?resourceVersion=5", "/apis", "/apis?x=\"", "/apis/apps", "/apis/apps/v1", "/apis/apps/v1/", "/apis/apps/v1?timeout=32s", "/apis/a%2Eb/v1",
    "/version", "/version/", "/openapi/v2", "/openapi/v3/apis/apps/v1?hash=1", "/", "", "?", "/?x=1", "//api", "/api//v1", "/apis//apps//v1//", "api", "/swagger.json", "/metrics", "/logs/", "/ap", "/apiz",
    "/a", "/ab", "/%61pi", "/%61pis/x", "/api%2Fv1", "/apis%2Fapps", "/healthz", "/debug/pprof", "/.well-known/openid-configuration", "/openid/v1/jwks",
    POD_URI, f"{POD_URI}/log", f"{POD_URI}/log?follow=1", f"{POD_URI}/log/", f"{POD_URI}/l%6Fg", f"{POD_URI}%2Flog", f"{POD_URI}//log", f"{POD_URI}/proxy/a/b", f"{POD_URI}/exec?command=id",
    f"{POD_URI}/attach", f"{POD_URI}/portforward", "/api/v1/nodes/n1/proxy/pods", "/api/v1/nodes/n1/pods", "/api/v1/nodes/n1/pods/", "/api/v1/nodes/n1/pods?x=1", "/api/v1/nodes/n1/stats/summary",
    "/api/v1/nodes/n1/metrics", "/api/v1/nodes/n1/spec", "/api/v1/nodes/n1/configz", "/api/v1/namespaces/shop/serviceaccounts/ci/token", f"{POD_URI}/status", PODS_URI,
    "/apis/apps/v1/deployments", "/api/v1/pods?watch=1",
]  # fmt: skip
SUBRESOURCES = ["log", "exec", "attach", "portforward", "proxy", "token", "stats", "metrics", "spec", "configz", "ephemeralcontainers", "pods", "status", "scale"]  # fmt: skip
AFTER_TARGET = ["user", "visit", "vendor", "version", "verbose"]  # keys that begin like `verb`
SPACED_VERBS = [b' ,"verb":"', b', "verb":"', b',"verb" :"', b',"verb": "']
DECOYS = {
    "verb": "get",
    "requestURI": POD_URI,
    "a": [{"verb": "list"}, "selfsubjectaccessreviews"],
    "code": 404,
    "kind": "PodList",
}


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
    for sub in SUBRESOURCES:
        for resource in ("pods", "nodes", "serviceaccounts"):
            ref = {"resource": resource, "name": "x", "subresource": sub}
            yield event(verb="get", requestURI=f"/api/v1/{resource}/x/{sub}", objectRef=ref)
            yield event(verb="get", requestURI=None, objectRef=ref)
            yield event(verb="create", requestURI=None, objectRef=ref)
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
            found.update({} if key in one and key != "user" else {key: one.get("user", 1)})
    return found


def shuffled(value: Any, random: Random) -> Any:
    if isinstance(value, list):
        return [shuffled(item, random) for item in value]
    if isinstance(value, dict):
        keys = random.sample(list(value), len(value))
        return {key: shuffled(value[key], random) for key in keys}
    return value


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
        spaced(one, random),
        spaced(shuffled(one, random), random),
        escaped(as_go_writes(one), random, random.choice([0.01, 0.05, 1])),
        escaped(spaced(shuffled(one, random), random), random, 0.03),
    ]


@cache
def corpus() -> tuple[bytes, ...]:
    """Give lines of all sorts, the same at each run."""
    random = Random(20260601)
    lines = [text for one in cases() for text in written(one, random)]
    for at in range(len("resourceVersion") + 1):  # parameters whose names begin like it
        for rest in ("", "~", "~~"):
            name = "resourceVersion"[:at] + rest
            for query in (f"{name}&x=1", f"x=1&{name}", f"{name}&resourceVersion=5"):
                lines.append(line(verb="watch", requestURI=f"{PODS_URI}?{query}"))
    for verb, uri in (("watch", f"{PODS_URI}?watch=1"), ("get", "/api/v1?resourceVersion=5")):
        one = event(verb=verb, requestURI=uri, objectRef=None)
        lines += [as_go_writes(key_after_target(one, key)) for key in AFTER_TARGET]
        lines += [as_go_writes(one).replace(b',"verb":"', odd) for odd in SPACED_VERBS]
    lines += [b"\n", b"--- rotated ---\n", QUIET[:200] + b"\n", b" \n"]
    return (b"\n", *lines, *[QUIET] * 10)


def read(lines: tuple[bytes, ...], line_filter: LineFilter | None, size: int = 1 << 30) -> tuple[list[Activity], Tally]:
    """Read lines in blocks of so many."""
    tally = Tally("audit.log")
    reader = KubeAuditReader(tally, line_filter)
    found: list[Activity] = []
    offset = 0
    for at in range(0, len(lines), size):
        data = b"".join(lines[at : at + size])
        found += reader.feed(Block(data, offset, at + 1))
        offset += len(data)
    found += reader.finish()
    return found, tally


def kept(lines: tuple[bytes, ...], *needles: bytes) -> set[int]:
    """Number the lines that these needles keep."""
    found = line_filter(needles=needles)
    assert found is not None
    return {index for _, _, index in found.lines(b"".join(lines))[0]}


@cache
def wanted(lines: tuple[bytes, ...]) -> set[int]:
    """Number the lines that are not just one record without activity: the filter has to keep these."""
    tallies = (read((text,), None)[1] for text in lines)
    return {index for index, tally in enumerate(tallies) if tally.kept or tally.unreadable or tally.records != 1}


def lost(lines: tuple[bytes, ...], *needles: bytes) -> list[bytes]:
    return [lines[index] for index in sorted(wanted(lines) - kept(lines, *needles))]


def test_no_line_that_matters_is_dropped() -> None:
    assert lost(corpus(), *NEEDLES) == []


def test_lines_that_do_not_matter_are_dropped() -> None:
    lines = corpus()
    go = [as_go_writes(one) for one in cases()]
    quiet = [index for index, text in enumerate(go) if index not in wanted(tuple(go))]
    assert len(kept(tuple(go), *NEEDLES) & set(quiet)) < len(quiet) * 0.5
    assert 0.2 < len(wanted(lines)) / len(lines) < 0.8


def mutants(pattern: bytes) -> Iterator[tuple[str, bytes]]:
    """Break an expression in every way that takes an alternative or a repetition away from it."""
    bars: dict[int, list[int]] = {}  # start of a group -> places of its "|"
    starts = [0]
    groups: list[tuple[int, int]] = []
    for found in re.finditer(rb"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()|*?]", pattern, re.DOTALL):
        at, sign = found.start(), found[0]
        if sign == b"(":
            starts.append(at + 1)
        elif sign == b"|":
            bars.setdefault(starts[-1], []).append(at)
        elif sign == b")":
            groups.append((starts.pop(), at))
        elif sign in {b"*", b"?"}:
            yield f"{sign!r} at {at}", pattern[:at] + pattern[at + 1 :]
    for start, end in [*groups, (0, len(pattern))]:
        edges = [start - 1, *bars.get(start, ()), end]
        for left, right in pairwise(edges) if start in bars else ():
            first = left < start
            yield repr(pattern[left + 1 : right]), pattern[: left + 1 if first else left] + pattern[right + first :]


# Without effect on what is kept: implied by other needles, and there for speed only.
_FOR_SPEED = {repr(b"/"), repr(b"2[fF]"), repr(b"3[fF]")}


@pytest.mark.parametrize("needle", NEEDLES, ids=lambda needle: needle[:40].decode())
def test_each_part_of_a_needle_is_needed(needle: bytes) -> None:
    lines = corpus()
    missing = wanted(lines) - set().union(*(kept_by(other) for other in NEEDLES if other != needle))
    assert missing, "nothing in the corpus needs it"
    assert not missing - kept_by(needle)
    survivors = [what for what, broken in mutants(needle) if not missing - kept(lines, broken)]
    assert set(survivors) <= (_FOR_SPEED if needle.startswith(rb"\\(/|u00") else set())


@cache
def kept_by(needle: bytes) -> set[int]:
    return kept(corpus(), needle)


@pytest.mark.parametrize("size", [1, 7, 400, 100_000])
def test_the_reader_gives_the_same_with_and_without(size: int) -> None:
    lines = corpus()
    whole, tally = read(lines, None)
    found, again = read(lines, line_filter(), size)
    assert found == whole
    assert (again.records, again.kept, again.places) == (tally.records, tally.kept, tally.places)


_CASES = list(cases())


@settings(deadline=None)
@given(st.lists(st.sampled_from(_CASES), min_size=1, max_size=6), st.integers(0, 1 << 32))
def test_however_it_is_written_nothing_is_lost(chosen: list[dict[str, Any]], seed: int) -> None:
    random = Random(seed)
    lines = tuple(text for one in chosen for text in written(one, random))
    assert lost(lines, *NEEDLES) == []


def real_logs() -> Iterator[bytes]:
    """Give what was recorded on a cluster: an excerpt, and all of it where the whole recording is at hand."""
    yield DATA.read_bytes()
    whole = Path(os.environ.get("TIDEWAITER_RECORDINGS", "/work/shared/data")) / "kubernetes" / "cluster.audit.jsonl.gz"
    if whole.exists():
        yield gzip.decompress(whole.read_bytes())


def test_real_logs_read_the_same() -> None:
    for data in real_logs():
        lines = (data, *[QUIET] * data.count(b"\n"))
        (found, tally), (again, counted) = read(lines, None), read(lines, line_filter())
        assert found == again
        assert found
        assert (tally.records, tally.unreadable, tally.notes) == (counted.records, counted.unreadable, counted.notes)


def test_a_generated_log_reads_the_same() -> None:
    lines = tuple(generate(Options(size=2_000_000, seed=11)))
    (found, tally), (again, counted) = read(lines, None), read(lines, line_filter())
    assert found == again
    assert (tally.records, tally.unreadable) == (counted.records, counted.unreadable) == (len(lines), 0)
    assert len(found) < len(kept(lines, *NEEDLES)) * 2 < len(lines)


def test_counts_lines_and_gives_their_places() -> None:
    found = line_filter(needles=(b"x",))
    assert found is not None
    assert found.lines(b"") == ([], 0)
    assert found.lines(b"a\nxx\n\nb\nx") == ([(2, 5, 1), (8, 9, 4)], 5)
    assert found.lines(b"a\nb") == ([(2, 3, 1)], 2)  # the last line may have been cut: it is kept
    assert found.lines(b"a\nb\n") == ([], 2)


def test_nothing_native_is_used_when_it_is_not_wanted() -> None:
    assert line_filter(native=False) is None
