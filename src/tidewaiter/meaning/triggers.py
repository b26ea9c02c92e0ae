"""Says what must stand among the arguments of a command for it to mean anything: the cheap question before all others.

One source for the readers, which ask it of words, and for filters that ask it of bytes: a filter that uses these
patterns cannot lose what a reader would have found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from tidewaiter.meaning import network
from tidewaiter.meaning.files import file_readers
from tidewaiter.meaning.vocabulary import load

# What code and tunnels hold that lead to an engine, a cluster or a hidden text, in lower case.
PLACES = (
    r"docker|podman|kube|containerd|incluster|\.sock|/json|/dev/tcp/|:2375|:2376|:4243|:10250|:10255|:2379|:6443|/api/v1|/apis/"
    r"|169\.254\.|metadata|b64|base64|decode64|atob|buffer\.from|fromhex|unhexlify|hex2bin"
)
# With these a shell puts a word together, so that the word itself need not be there.
SHELL_MARKS = r"[$`\\?*\[{%^]"
# Programs that print what is not there as such.
SPELLERS = ("base64", "base32", "xxd", "rev", "tr", "sed", "openssl")
_MIDST = r"\.svc|kubernetes\.default"  # in the names of services of a cluster


@cache
def argument_marks() -> dict[str, str]:
    """Give, for programs that seldom mean anything, the pattern of which their arguments then hold a match."""
    runs = load("files.yml")["runs"]
    marks = dict.fromkeys(file_readers(), _any([*load("files.yml")["marks"], *runs]))
    marks.update(dict.fromkeys(network.resolvers(), f"(?i:{_MIDST})"))
    # A range may hold a port without naming it.
    marks.update(dict.fromkeys(network.scanners(), rf"{_any(map(str, network.swept_ports()))}|\d-\d"))
    return marks


@cache
def client_marks() -> str:
    """Give the pattern of which every request has a match that an engine, a cluster or a cloud may answer; any case."""
    ports = (str(port) for what, some in load("tools/http.yml")["ports"].items() if what != "cluster" for port in some)
    hosts = _any(sorted(network.metadata_hosts()))
    # Paths of programs that know the inventory as well (registries, Consul, cAdvisor, Envoy), and of kubelets.
    paths = (
        "_catalog",
        "tags/list",
        "config_dump",
        "/v1/",
        "/v3",
        "/v2/keys",
        "configz",
        "runningpods",
        "containerlogs",
    )
    more = ("stats/summary", "metrics/", "portforward", "/exec/", "/attach/", "/run/")
    # % and $ may hide any of it; the address of a metadata service may be written as numbers of other bases.
    return "|".join(
        ("sock", "kube", "api", r"[%$\0]", "file:", hosts, *paths, *more, r"0x[0-9a-f]", r"\d{9}", r"\b0\d+\.", *ports)
    )


@cache
def around_marks() -> str:
    """Give the pattern for what shell strings and code hold that asks files or names about a cluster."""
    return f"{_any(load('files.yml')['marks'])}|(?i:{_MIDST})"


@cache
def telling_programs() -> frozenset[str]:
    """Give further programs whose name in a shell string is enough to look closer."""
    return frozenset({*SPELLERS, *network.scanners(), *network.metadata_programs()})


def _any(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, words))
