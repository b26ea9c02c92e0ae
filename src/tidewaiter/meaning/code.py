"""Reads the code of a one-line program: other programs it starts, requests it sends, client libraries it uses.

Interpreters are not run and their languages not parsed: calls are known by their names, and what is not a literal there
is not known. The words are data, `packs/vocabulary/code.yml`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from tidewaiter.meaning import triggers
from tidewaiter.meaning.powershell import decoded_inside
from tidewaiter.meaning.raw_http import connection, engine_socket_in, read_request, spoken_to_socket
from tidewaiter.meaning.script import MAX_DEPTH, read_script
from tidewaiter.meaning.setting import Setting
from tidewaiter.meaning.shell import unescape
from tidewaiter.meaning.tools import canonical_kind, tool_names
from tidewaiter.meaning.urls import read_url
from tidewaiter.meaning.vocabulary import load
from tidewaiter.model import Meaning, Scope, Verb

Run = Callable[[Sequence[str], Setting], list[Meaning]]

MAX_CODE = 65_536
MAX_FOUND = 32
_STRING = r"(?:[rbuf]{0,2}'(?:[^'\\\n]|\\.)*'|[rbuf]{0,2}\"(?:[^\"\\\n]|\\.)*\"|`[^`\n]*`)"
_LITERAL = re.compile(_STRING)
_URL = re.compile(r"(?:https?(?:\+unix)?|file)://[^\s'\"`<>|)]+", re.IGNORECASE)
_BASE64_CALL = re.compile(
    r"(?:b64decode|decode_base64|base64_decode|Buffer\.from|atob|decode64)\s*\(\s*b?['\"]([A-Za-z0-9+/=]{8,})['\"]"
)
_HEX_CALL = re.compile(r"(?:fromhex|unhexlify|hex2bin)\s*\(\s*b?['\"]([0-9A-Fa-f]{8,})['\"]")
_KUBE_CALL = re.compile(
    r"\b(?P<verb>list|read)_(?P<namespaced>namespaced_)?(?P<kind>[a-z_]{1,60}?)(?P<all>_for_all_namespaces)?\s*\("
)
_GETLINE = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"\s*\|&?\s*getline")  # awk
_BACKTICKS = frozenset({"perl", "ruby", "php"})
_OUTPUT_OF = re.compile(r"`([^`\n]+)`|\bqx\s*[({\[/|!]([^)}\]/|!\n]+)")
_POST = re.compile(r"\b(?:post|POST|PUT|put)\b")


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = load("code.yml")
    # `os.system('…')`, `subprocess.run(['…', '…'])`, `exec 'docker ps'`, qx(docker ps)
    names = "|".join(sorted(map(re.escape, table["starts"]), key=len, reverse=True))
    table["call"] = re.compile(
        rf"(?:{names})\s*+\(?\s*+(?P<many>[\[(]\s*+)?(?P<words>{_STRING}(?:\s*+,\s*+\[?\s*+{_STRING})*)"
    )
    table["client"] = re.compile(
        r"\b(?P<kind>" + "|".join(table["collections"]) + r")\.(?P<verb>list|get|df|inspect)\s*\("
    )
    table["js"] = re.compile(r"\.(?P<name>" + "|".join(table["methods"]) + r")\s*\(")
    return table


_PLACES = re.compile(f"{triggers.PLACES}|{triggers.around_marks()}")
# No letter may stand around a name, so that a filter over runs of letters finds it as well.
_TOOL = re.compile(rf"(?<![a-z])(?:{'|'.join(map(re.escape, tool_names()))})(?![a-z])", re.IGNORECASE)


def read_code(program: str, words: Sequence[str], setting: Setting, run: Run) -> list[Meaning]:
    """Say what the code in an interpreter's arguments does."""
    code = "\n".join(words)[:MAX_CODE]
    if setting.depth > MAX_DEPTH or not (_PLACES.search(code.lower()) or _TOOL.search(code)):
        return []
    found = _started(program, code, setting, run)
    spoken = [*_asked(program, code, setting.with_traits("raw-http")), *_used(program, code, setting)]
    # A connection says less than a request over it.
    found += [meaning for meaning in spoken if meaning.verb != "connect"] or spoken[:1]
    deeper = setting._replace(depth=setting.depth + 1).with_traits("encoded")
    for text in _decoded(code):
        found += read_code(program, [text], deeper, run) or read_script(text, deeper.with_traits("in-shell"), run)
    return found[:MAX_FOUND]


def _started(program: str, code: str, setting: Setting, run: Run) -> list[Meaning]:
    """Read the programs that the code starts."""
    inner = setting._replace(depth=setting.depth + 1, given=None)
    found: list[Meaning] = []
    for text in _GETLINE.findall(code)[:MAX_FOUND]:
        found += read_script(unescape(text), inner.with_traits("in-shell"), run)
    if program in _BACKTICKS:
        for text in [text for pair in _OUTPUT_OF.findall(code) for text in pair if text][:MAX_FOUND]:
            found += read_script(text, inner.with_traits("in-shell"), run)
    for call in list(_table()["call"].finditer(code))[:MAX_FOUND]:
        words = [_plain(word) for word in _LITERAL.findall(call["words"])]
        if len(words) > 1 or (call["many"] and " " not in words[0]):
            found += run(words, inner)
        else:
            found += read_script(words[0], inner.with_traits("in-shell"), run)
    return found


def _plain(literal: str) -> str:
    text = literal.lstrip("rbuf")
    inside = text[1:-1]
    return inside if "r" in literal[: len(literal) - len(text)] or text[0] == "`" else unescape(inside)


def _asked(program: str, code: str, setting: Setting) -> list[Meaning]:
    """Read the requests that the code holds: URLs, or lines of HTTP beside a socket."""
    found: list[Meaning] = []
    method = "POST" if _POST.search(code) else "GET"
    for url in _URL.findall(code)[:MAX_FOUND]:
        address = read_url(url)
        if address is not None:
            found += read_request(method, address, program, setting)
    socket = engine_socket_in(code)
    if socket is not None and not found:
        found += spoken_to_socket(socket, code, program, setting)
    return found


def _used(program: str, code: str, setting: Setting) -> list[Meaning]:
    """Read what the code asks of a client library."""
    setting = setting.with_traits("raw-http")
    if any(mark in code for mark in _table()["engine"]):
        return _engine_calls(program, code, setting) or [connection("socket", program, setting, "local-socket")]
    if any(mark in code for mark in _table()["cluster"]):
        return _kube_calls(program, code, setting) or [connection("api", program, setting, "api-server")]
    return []


def _engine_calls(program: str, code: str, setting: Setting) -> list[Meaning]:
    """Read the calls of docker-py, podman-py and dockerode: `containers.list()`, `listContainers()`."""
    found: list[Meaning] = []
    for call in _table()["client"].finditer(code):
        one = call["verb"] in {"get", "inspect"}
        kind = _table()["collections"][call["kind"]]
        found.append(
            _told(kind, "get" if one else "list", None if one else "everything", program, setting, "local-socket")
        )
    for call in _table()["js"].finditer(code):
        verb: Verb = "list" if call["name"].startswith("list") else "get"
        kind = _table()["methods"][call["name"]]
        found.append(_told(kind, verb, "everything", program, setting, "local-socket"))
    return list(dict.fromkeys(found))


def _kube_calls(program: str, code: str, setting: Setting) -> list[Meaning]:
    """Read the calls of Kubernetes' Python client: `list_namespaced_pod`, `read_node`."""
    found: list[Meaning] = []
    for call in _KUBE_CALL.finditer(code):
        kind = canonical_kind(call["kind"].replace("_", ""))
        verb: Verb = "list" if call["verb"] == "list" else "get"
        scope: Scope = "one" if verb == "get" else "namespace" if call["namespaced"] else "everything"
        more = ("all-namespaces",) if call["all"] else ()
        found.append(_told(kind, verb, scope, program, setting, "api-server", *more))
    return list(dict.fromkeys(found))


def _told(kind: str, verb: Verb, scope: Scope | None, tool: str, setting: Setting, *traits: str) -> Meaning:
    return Meaning(verb=verb, kind=kind, scope=scope, tool=tool, traits=tuple(sorted(setting.traits.union(traits))))


def _decoded(code: str) -> list[str]:
    """Give what the code decodes from base64 or hexadecimal letters."""
    found = decoded_inside(code)
    for pattern, decode in ((_BASE64_CALL, base64.b64decode), (_HEX_CALL, bytes.fromhex)):
        for text in pattern.findall(code)[:8]:
            try:
                data = decode(text + "=" * (-len(text) % 4) if decode is base64.b64decode else text)
            except (binascii.Error, ValueError):
                continue
            found.append(data.decode("utf-8", "replace"))
    return found
