"""Says what a question to the network means: names of a cluster, the cloud's metadata service, a sweep over ports.

What the programs, hosts and ports are is data, `packs/vocabulary/surroundings.yml`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from tidewaiter.meaning.options import MAX_WORDS, take_option
from tidewaiter.meaning.setting import Setting
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Meaning

# CoreDNS up to 1.9 answered it with every service of the cluster; kdigger, peirates and CDK ask it.
_WILDCARD = re.compile(r"(?:[\w*-]{1,63}\.){0,8}(?:any|\*)\.(?:any|\*)\.svc(?:\.[\w.-]*)?", re.IGNORECASE)
_CLUSTER_NAME = re.compile(r"\.svc\.?\Z|\.svc\.|kubernetes\.default", re.IGNORECASE)
_NUMBER = re.compile(r"0x[0-9a-f]+|\d+", re.IGNORECASE)
_WIDE = 1000  # ports; a wider range is no question about these
MAX_PORTS = 64


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = load("surroundings.yml")
    return table


@cache
def resolvers() -> frozenset[str]:
    """Give the programs that ask for names."""
    return frozenset(_table()["resolvers"].split())


@cache
def scanners() -> dict[str, frozenset[str]]:
    """Give the programs that sweep over ports, with the options that name these."""
    return {name: frozenset(options.split()) for name, options in _table()["scanners"].items()}


@cache
def metadata_programs() -> frozenset[str]:
    """Give the programs that read the metadata service of a cloud."""
    return frozenset(_table()["metadata_programs"].split())


@cache
def metadata_hosts() -> frozenset[str]:
    """Give the addresses and names of metadata services."""
    return frozenset(_table()["metadata_hosts"].split())


@cache
def swept_ports() -> dict[int, str]:
    """Give the ports of engines and clusters, with the trait of each."""
    ports: dict[int, str] = _table()["ports"]
    return ports


@lru_cache(maxsize=65536)
def habitual_network(address: str | None) -> str | None:
    """Give the network an address lies in, as habits see it: /24 for IPv4, /48 for IPv6; None when it is no address."""
    if not address:
        return None
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False))  # noqa: PLR2004


def is_metadata_host(host: str) -> bool:
    """Tell a metadata service by name, or by its address as it may be written (0xa9fea9fe, 2852039166)."""
    host = host.lower().strip("[]").rstrip(".")
    return host in metadata_hosts() or _address(host) in metadata_hosts()


def _address(host: str) -> str:
    """Write an IPv4 address the plain way; inet_aton takes one to four parts, decimal, octal or hexadecimal."""
    parts = host.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) and len(part) < 16 for part in parts):  # noqa: PLR2004
        return ""
    try:
        numbers = [int(part, 16 if part[:2] == "0x" else 8 if part[0] == "0" and part != "0" else 10) for part in parts]
    except ValueError:
        return ""
    *firsts, last = numbers
    value = sum(number << (24 - 8 * place) for place, number in enumerate(firsts)) + last
    return str(ipaddress.IPv4Address(value)) if value < 1 << 32 else ""


def metadata(tool: str, setting: Setting) -> Meaning:
    """Say that the metadata service of the cloud is read (T1552.005)."""
    return Meaning(verb="get", kind="instance-metadata", tool=tool, traits=tuple(sorted(setting.traits)))


def read_resolver(program: str, words: Sequence[str], setting: Setting) -> list[Meaning]:
    """Say which names of a cluster a program asks for."""
    for word in words[:MAX_WORDS]:
        if _WILDCARD.fullmatch(word):
            traits = tuple(sorted(setting.traits | {"wildcard-dns"}))
            return [Meaning(verb="list", kind="services", scope="everything", tool=program, traits=traits)]
    if any(_CLUSTER_NAME.search(word) for word in words[:MAX_WORDS]):
        return [Meaning(verb="get", kind="orientation", tool=program, traits=tuple(sorted(setting.traits)))]
    return []


def read_scanner(program: str, words: Sequence[str], setting: Setting) -> list[Meaning]:
    """Say whether a sweep asks for ports of engines or clusters by name."""
    options = scanners()[program]
    traits: set[str] = set()
    at = 0
    words = words[:MAX_WORDS]
    while at < len(words):
        if words[at][:1] == "-" and len(words[at]) > 1:
            given, at = take_option(words, at, options)
            values = [value for name, value in given if name in options]
        else:
            values = [words[at]] if not options else []
            at += 1
        for value in values:
            traits |= _ports(value)
    if not traits:
        return []
    return [Meaning(verb="connect", kind="sweeps", tool=program, traits=tuple(sorted(setting.traits | traits)))]


def _ports(text: str) -> set[str]:
    """Give the traits of the ports that a list such as `2375,10250-10255` names."""
    found: set[str] = set()
    for item in text.split(",")[:MAX_PORTS]:
        low, _, high = item.rpartition(":")[2].partition("-")
        if not (low.isdecimal() and len(low) < 6 and (high.isdecimal() or not high)):  # noqa: PLR2004 - 65535
            continue
        first, last = int(low), int(high[:6] or low)
        if last - first < _WIDE:
            found |= {trait for port, trait in swept_ports().items() if first <= port <= last}
    return found
