from __future__ import annotations

import gzip
import os
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
from audit_cases import (
    AFTER_TARGET,
    PODS_URI,
    QUIET,
    SPACED_VERBS,
    cases,
    event,
    key_after_target,
    line,
    written,
)
from audit_event import as_go_writes
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
    lines += [text.replace(b'"userAgent":"', b'"userAgent" : "') for text in lines if b'"verb":"get"' in text]
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
    ("           !hides_letters(verb, end);\n", "           1;\n"),
    ("memchr(uri, '%', (size_t)(stop - uri)) || ", ""),
    (' || FIND(uri, stop, "//")', ""),
    ("depth == 4 ||", "depth == 4 || depth == 5 ||"),
    ('(depth == 6 && BEGINS(uri + 8, stop, "namespaces/"))', "depth == 6"),
    ('if (BEGINS(uri, stop, "/api/v1/"))', "if (1)"),
    ('if (!BEGINS(uri, stop, "/apis/")) return 0', ""),
    ("if (depth == 5) return 1", "if (depth >= 5) return 1"),
    ('version_end && BEGINS(version_end + 1, stop, "namespaces/")', "version_end"),
    ('    if (FIND(verb, end, "\\"subresource\\"")) return 0;\n', ""),
    ("!names_one(uri, query ? query : uri_end)", "!names_one(uri, uri_end)"),
    ('(code = FIND(code, end, "\\"code\\"")); code += 6', '(code = FIND(code, end, "\\"code\\"")); code = end'),
    ("(code[7] != '2' && code[7] != '3')", "(code[7] < '0' || code[7] > '9')"),
    ("return code[10] >= '0' && code[10] <= '9'", "return 0"),
    ("*name == '\"' || ", ""),
    ('|| BEGINS(name, end, "system:anonymous")', ""),
    (" || names_a_hand(program, what)", ""),
    ('BEGINS(kind, end, "secrets\\"") || ', ""),
    ('|| FIND(kind, closed, "\\"subresource\\"")', ""),
    ("if (!code || has_failed(code, end)) return 0", "if (!code) return 0"),
    ('return !FIND(name, end, "\\"impersonatedUser\\"");', "return 1;"),
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
    (" && !makes_what_is_kept(verb, end)", ""),
    *[(f'"{name}\\"", ', "") for name in ("deployments", "cronjobs", "roles", "clusterroles")],
    ("if (value_is(at, end, kinds)) return 1;", "return value_is(at, end, kinds);"),
    ("at < end && (*at == ' ' || *at == '\\t' || *at == ':')) at++;\n    if", "at < end && *at == ':') at++;\n    if"),
    (
        "at < end && (*at == ' ' || *at == '\\t' || *at == ':')) at++;\n        if",
        "at < end && *at == ':') at++;\n        if",
    ),
    ('FIND(uri, uri_end, "/secrets/") || ', ""),
    ('FIND(verb, end, "\\"secrets\\"") || ', ""),
    (" || may_be_by_hand(verb, end)) return 0", ") return 0"),
    ("    if (may_be_nobody(verb, end)) return 0;\n", ""),
    ("if (!at || FIND(verb, end, ", "if (FIND(verb, end, "),
    ('FIND(verb, end, "system:anonymous") || ', ""),
    (' || FIND(verb, end, "\\"impersonatedUser\\"")', ""),
    ("!BEGINS(at, end, NAMED) || ", ""),
    (' || BEGINS(at, end, NAMED "\\"")', ""),
    *[(f'"{name}", ', "") for name in ("kubectl", "oc/", "curl", "wget", "httpie", "mozilla/")],
    ("if (at < end && !isalnum((unsigned char)*at)) return 1;", ""),
    ("tolower((unsigned char)*letter)", "*letter"),
    (" || memchr(uri, '*', (size_t)(stop - uri))", ""),
    ("drop = drops_write(start, verb)", "drop = 1"),
    ("memchr(uri, '%', (size_t)(end - uri)) || ", ""),
    (' || BEGINS(uri, end, "/apis/rbac.authorization.k8s.io/")', ""),
    ('if (query && FIND(query, end, "dryRun")) return 0;', ""),
    ('!ENDS(uri, stop, "/approval") && ', ""),
    (' && !ENDS(uri, stop, "/ephemeralcontainers")', ""),
    ("stop = query ? query : end", "stop = end"),
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
