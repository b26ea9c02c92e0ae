"""Make other logs of a labelled cluster: one attack alone, an attack's beginning only, everybody under another name.

What was tuned on a recording is right about that recording. These show whether it leans on more than it should: on
another attack of the same log, or on a name.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import blake2b
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench import labels
from bench.scores import Case, Found, Who

_SYSTEM_SPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "default"})
_ACCOUNT, _NODE = "system:serviceaccount:", "system:node:"
_ROOT = re.compile(r"/[^/?]*")
_NAMED = ("user", "impersonatedUser", "sourceIPs", "objectRef", "responseStatus", "annotations")
_Json = dict[str, Any]


class Recording(NamedTuple):
    """A labelled audit log: its lines, the case of each labelled line (1-based), and the cases."""

    lines: list[bytes]
    case_of: dict[int, str]
    cases: list[Case]

    def scenario_of(self) -> dict[int, tuple[str, str]]:
        """Give scenario and label of each labelled line."""
        known = {case.id: (case.scenario, case.label) for case in self.cases}
        return {line: known[case] for line, case in self.case_of.items() if case in known}


def recording(log: Path, events: Path, steps: Path) -> Recording:
    """Read a labelled cluster."""
    with (gzip.open if log.name.endswith(".gz") else open)(log, "rb") as opened:
        lines = opened.read().splitlines(keepends=True)
    return Recording(lines, labels.case_of_line(log, events), labels.kubernetes_cases(steps))


def attacks(of: Recording) -> list[str]:
    """Give the malicious scenarios, in the order of the labels."""
    return list(dict.fromkeys(case.scenario for case in of.cases if case.label == "malicious"))


def alone(of: Recording, scenario: str, *, first: int | None = None) -> bytes:
    """Give the log with one attack only; `first` keeps that many of its requests (a request may have several lines)."""
    kept, seen = [], dict[str, None]()
    scenarios = of.scenario_of()
    for number, line in enumerate(of.lines, 1):
        name, label = scenarios.get(number, ("", ""))
        if label == "malicious":
            if name != scenario:
                continue
            request = json.loads(line)["auditID"]
            seen.setdefault(request)
            if first is not None and list(seen).index(request) >= first:
                continue
        kept.append(line)
    return b"".join(kept)


def requests_of(of: Recording, scenario: str) -> int:
    """Count the requests of a scenario."""
    scenarios = of.scenario_of()
    return len({json.loads(of.lines[line - 1])["auditID"] for line, one in scenarios.items() if one[0] == scenario})


def only(cases: Iterable[Case], scenario: str) -> list[Case]:
    """Give the cases without those of other attacks."""
    return [case for case in cases if case.label != "malicious" or case.scenario == scenario]


def least(found: Callable[[int], bool], most: int) -> int | None:
    """Give the smallest number for which something is found, by halving; None when it is not found with all of them.

    Assumes that more requests never hide what fewer show; where that fails the answer is one such number.
    """
    if not found(most):
        return None
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle + 1, high)
    return low


class Names:
    """Gives everybody and every place another name, the same one each time, by a seed.

    Names that Kubernetes itself gives (`system:*`, the namespaces of the system and the accounts in them) stay: they
    have a meaning. Programs keep theirs, too: an agent string is no name of anybody. Addresses stay public or private,
    and in one network with their neighbours.
    """

    def __init__(self, lines: Iterable[bytes], seed: int) -> None:
        self._seed = seed
        self._of = {name: self._word(name) for line in lines for name in _names(json.loads(line)) if name}
        longest_first = sorted(self._of, key=lambda name: (-len(name), name))
        self._any = re.compile(r"(?<![\w.@-])(?:" + "|".join(map(re.escape, longest_first)) + r")(?![\w@-]|\.\w)")

    @property
    def count(self) -> int:
        """Give the number of names that are replaced."""
        return len(self._of)

    def _digest(self, text: str) -> bytes:
        return blake2b(text.encode(), key=str(self._seed).encode(), digest_size=8).digest()

    def _word(self, name: str) -> str:
        local, at, domain = name.partition("@")
        return "n" + self._digest(local).hex()[:11] + (f"@{self._word(domain)}.example" if at else "")

    def address(self, text: str) -> str:
        """Give another address of the same sort; the last part stays, and networks stay apart."""
        try:
            found = ip_address(text)
        except ValueError:
            return text
        if found.is_loopback or found.version == 6:
            return text
        a, b, c, d = text.split(".")
        if (a, b, c) in _DOCUMENTED:  # addresses of examples: one such network for another
            return ".".join((*_DOCUMENTED[(int(self._seed) + _DOCUMENTED.index((a, b, c))) % 3], d))
        key = self._digest("networks")
        second = str(int(b) ^ key[0]) if a == "10" else b
        return ".".join((a, second, str(int(c) ^ key[1]), d))

    def text(self, text: str) -> str:
        """Rename in a text."""
        renamed = self._any.sub(lambda found: self._of[found[0]], text) if self._of else text
        return _ADDRESS.sub(lambda found: self.address(found[0]), renamed)

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._value(one) for one in value]
        if isinstance(value, dict):
            # What a field of this name holds is part of the API, whatever anybody is called.
            return {key: one if key in _API else self._value(one) for key, one in value.items()}
        return value

    def line(self, line: bytes) -> bytes:
        """Rename in one line of an audit log, and write it as the API server does."""
        event = json.loads(line)
        renamed = {key: self._value(value) if key in _NAMED else value for key, value in event.items()}
        if isinstance(uri := event.get("requestURI"), str):  # an account may be called api: the root stays
            root = _ROOT.match(uri)
            renamed["requestURI"] = root[0] + self.text(uri[root.end() :]) if root else uri
        text = json.dumps(renamed, ensure_ascii=False, separators=(",", ":"))
        for character, escape in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
            text = text.replace(character, escape)
        return text.encode() + b"\n"

    def found(self, one: Found) -> Found:
        """Rename the actor of a finding."""
        return msgspec.structs.replace(one, actor=Who(kind=one.actor.kind, name=self.text(one.actor.name)))

    def case(self, one: Case) -> Case:
        """Rename the actors of a case."""
        return one._replace(names=frozenset(self.text(name) for name in one.names))


_DOCUMENTED = [("192", "0", "2"), ("198", "51", "100"), ("203", "0", "113")]  # RFC 5737
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
_API = frozenset({"resource", "subresource", "apiGroup", "apiVersion", "kind", "reason", "status", "code"})


def _names(event: Mapping[str, Any]) -> Collection[str]:
    """Give the names of people, accounts, nodes and namespaces in an event."""
    named = set[str]()
    for who in (event.get("user"), event.get("impersonatedUser")):
        user = (who or {}).get("username", "")
        if user.startswith(_ACCOUNT):
            space, _, account = user.removeprefix(_ACCOUNT).partition(":")
            named |= {space, account} if space not in _SYSTEM_SPACES else set()
        elif user.startswith(_NODE):
            named.add(user.removeprefix(_NODE))
        elif not user.startswith("system:"):
            named.add(user)
    reference = event.get("objectRef") or {}
    named.add(reference.get("namespace", ""))
    if reference.get("resource") in {"namespaces", "nodes"}:
        named.add(reference.get("name", ""))
    return {name for name in named if name} - _SYSTEM_SPACES


def renamed(of: Recording, seed: int) -> tuple[bytes, Names]:
    """Give the whole log under other names, and the names."""
    names = Names(of.lines, seed)
    return b"".join(names.line(line) for line in of.lines), names


def said(found: Iterable[Found]) -> list[tuple[str, str, str, str, str]]:
    """Give what must not depend on names: level, actor, decision and times of each finding, sorted."""
    return sorted(
        (one.level, one.actor.name, one.verdict.decision, one.from_.isoformat(), one.until.isoformat()) for one in found
    )
