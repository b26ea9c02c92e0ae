"""What general HTTP and socket tools ask of engines, kubelets, etcd and API servers: curl, wget, nc, socat, one-liners.

The port, the socket or the host must say that there is such a server: a path alone is not enough, because any web
application may have a path `/containers/json` (measured: the most common false alarm of rules over command lines).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from tidewaiter.meaning import files, network, triggers
from tidewaiter.meaning.engine_api import read_target
from tidewaiter.meaning.kube_api import read_path
from tidewaiter.meaning.neighbour_api import read_neighbour
from tidewaiter.meaning.options import MAX_WORDS, Option, take_option
from tidewaiter.meaning.setting import Setting, is_open
from tidewaiter.meaning.urls import Address, read_url, squashed
from tidewaiter.meaning.vocabulary import load, resource_class
from tidewaiter.model import Meaning

MAX_URLS = 32
_ASKED = re.compile(triggers.client_marks(), re.IGNORECASE)
_METHOD = re.compile(r"[A-Z]{3,10}")
_REQUEST = re.compile(r"\b(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH) (\S+)(?: HTTP/|\s|\Z)")
_SOCAT = re.compile(
    r"(?:UNIX|UNIX-CONNECT|UNIX-CLIENT|ABSTRACT-CONNECT|ABSTRACT-CLIENT|GOPEN):(?P<socket>[^,]+)", re.IGNORECASE
)
_SOCAT_TCP = re.compile(
    r"(?:TCP[46]?|TCP[46]?-CONNECT|OPENSSL|OPENSSL-CONNECT|SSL):(?P<host>[^,:]+):(?P<port>\d+)", re.IGNORECASE
)
_ENGINE_ONLY = re.compile(r"/v\d+\.\d+/|/[^?]*/json(?:\?|\Z)")  # a path that hardly any other server has
_CLUSTER_GROUP = re.compile(r"/apis/(?:apps|batch|autoscaling|policy|extensions|[a-z0-9.-]+\.(?:k8s|openshift)\.io)/")
_IP = re.compile(r"\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:.]+|localhost")
_CLUSTER_HOST = re.compile(r"kubernetes(?:\.default.*)?\Z|.*KUBERNETES.*", re.IGNORECASE | re.DOTALL)


class _Client(NamedTuple):
    """The options of one HTTP client, ready to use."""

    name: str
    options: dict[str, frozenset[str]]
    follows: bool
    method_word: bool
    any_case: bool  # options are words with one dash, in any case

    def has(self, given: Iterable[Option], key: str) -> bool:
        return any(name in self.options.get(key, ()) for name, _ in given)

    def value(self, given: Iterable[Option], key: str) -> str | None:
        return next((value for name, value in given if name in self.options.get(key, ())), None)


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = load("tools/http.yml")
    words["interpreters"] = frozenset(words["interpreters"].split())
    words["speakers"] = {name: family for family, names in words["speakers"].items() for name in names.split()}
    for key in ("core_kinds", "core_kinds_of_common_words"):
        words[key] = frozenset(words[key].split())
    words["nc_values"] = frozenset(words["nc_values"].split())
    words["ports"] = {str(port): what for what, ports in words["ports"].items() for port in ports}
    sockets = "|".join(map(re.escape, words["sockets"]))
    words["in_code"] = re.compile(rf"(?:{sockets})\b|{'|'.join(map(re.escape, words['pipes']))}")
    return words


@cache
def _clients() -> dict[str, _Client]:
    found = {}
    for family, entry in _words()["clients"].items():
        options = {key: frozenset(value.split()) for key, value in entry.items() if isinstance(value, str)}
        client = _Client(
            family, options, entry.get("follows", False), entry.get("method_word", False), entry.get("any_case", False)
        )
        for name in entry["names"].split():
            found[name] = client
    return found


def http_names() -> frozenset[str]:
    """Give the names of all programs this module reads."""
    return frozenset({*_clients(), *_words()["speakers"], *_words()["interpreters"]})


def is_interpreter(program: str) -> bool:
    """Tell whether a program runs code that stands in its arguments or in a file."""
    return program in _words()["interpreters"]


def read_tool(program: str, words: Sequence[str], setting: Setting) -> list[Meaning]:
    """Say what a program of `http_names` asks for; `words` are those behind its name."""
    words = words[:MAX_WORDS]
    client = _clients().get(program)
    if client is not None:
        return _read_client(client, words, setting)
    return _read_speaker(_words()["speakers"][program], words, setting)


def read_network_file(path: str, setting: Setting) -> list[Meaning]:
    """Read bash's `/dev/tcp/HOST/PORT`, with the request that is written to it."""
    host, _, port = path.removeprefix("/dev/tcp/").partition("/")
    return _spoken(Address("http", host, port, ""), "bash", setting)


def read_tunnel(value: str, setting: Setting) -> list[Meaning]:
    """Read the value of ssh's -L: a tunnel to an engine's socket or port opens all of its API."""
    parts = value.split(":")
    if any(_is_engine_socket(part) for part in parts):
        return [connection("socket", "ssh", setting, "local-socket")]
    if _words()["ports"].get(parts[-1]) == "engine":
        return [connection("socket", "ssh", setting, "engine-port", "remote-endpoint")]
    return []


def _read_client(client: _Client, words: Sequence[str], setting: Setting) -> list[Meaning]:
    """Read curl, wget or httpie."""
    if not _ASKED.search("\n".join(words)):
        return []
    given: list[Option] = []
    urls: list[str] = []
    values = client.options["values"]
    at = 0
    while at < len(words):
        if words[at][:1] == "-" and len(words[at]) > 1:
            found, at = (_word_option if client.any_case else take_option)(words, at, values)
            given += found
        else:
            urls.append(words[at])
            at += 1
    urls += [value for name, value in given if name in client.options.get("url", ())]
    method = _method(client, given)
    if client.method_word:
        method, urls = _httpie(urls, method)
    traits = _header_traits(client, given)
    socket = client.value(given, "socket") or ""
    target = client.value(given, "target")
    found_meanings: list[Meaning] = []
    for url in urls[:MAX_URLS]:
        address = read_url(url)
        if address is None:
            continue
        if target is not None:
            address = address._replace(target=target)
        elif not client.has(given, "raw_path"):
            address = address._replace(target=squashed(address.target, slashes=False))
        if client.follows or client.has(given, "follow"):
            address = address._replace(target=squashed(address.target, slashes=True))
        address = address._replace(socket=socket or address.socket)
        found_meanings += read_request(method, address, client.name, setting.with_traits("raw-http", *traits))
    return found_meanings


def _word_option(words: Sequence[str], at: int, values: frozenset[str]) -> tuple[list[Option], int]:
    """Read an option of PowerShell: a word, with its value in the same word behind a colon or in the next."""
    name, colon, value = words[at].partition(":")
    name = name.lower()
    if colon or name not in values:
        return [(name, value)], at + 1
    return [(name, words[at + 1] if at + 1 < len(words) else "")], at + 2


def _method(client: _Client, given: list[Option]) -> str:
    named = client.value(given, "method")
    if named:
        return named.upper()
    if client.has(given, "head"):
        return "HEAD"
    if client.has(given, "body") and not client.has(given, "as_query"):
        return "POST"
    return "PUT" if client.has(given, "upload") else "GET"


def _httpie(words: list[str], method: str) -> tuple[str, list[str]]:
    """Read httpie's `[METHOD] URL [ITEM…]`; an item with data makes it a POST."""
    if words and _METHOD.fullmatch(words[0]):
        return words[0], words[1:2]
    data = any("=" in word and "==" not in word for word in words[1:])
    return "POST" if data and method == "GET" else method, words[:1]


def _header_traits(client: _Client, given: list[Option]) -> list[str]:
    traits = ["insecure-tls"] if client.has(given, "insecure") else []
    headers = [value.lower() for name, value in given if name in client.options.get("header", ())]
    bearer = any(value.startswith("authorization:") and "bearer" in value for value in headers)
    if bearer or client.has(given, "token") or (client.value(given, "bearer_option") or "").startswith("ey"):
        traits.append("explicit-token")
    if any(value.startswith("impersonate-") for value in headers):
        traits.append("impersonating")
    return traits


def read_request(method: str, address: Address, tool: str, setting: Setting) -> list[Meaning]:
    """Say what one HTTP request does; empty when its server is none of ours."""
    if address.socket:
        return _socket_request(method, address, tool, setting)
    if address.scheme == "file" or network.is_metadata_host(address.host):
        around = [network.metadata(tool, setting)]
        return files.read_files("cat", [address.target], setting) if address.scheme == "file" else around
    what = _words()["ports"].get(address.port)
    if what == "engine":
        return _engine_request(method, address, tool, setting)
    if what in {"kubelet", "etcd"}:
        return _by_segment(what, address, tool, setting)
    if _is_api_server(address, what):
        found = read_path(method, address.target)
        return [_stated(found, tool, setting, "api-server")] if found else []
    found = read_neighbour(method, address.target, tool)
    return [_stated(found, tool, setting)] if found else []


def _engine_request(method: str, address: Address, tool: str, setting: Setting) -> list[Meaning]:
    traits = ["remote-endpoint", "engine-port", *(["plaintext-tcp"] if address.scheme == "http" else [])]
    found = read_target(method, address.target)
    return [_stated(found, tool, setting, *traits) if found else connection("socket", tool, setting, *traits)]


def _socket_request(method: str, address: Address, tool: str, setting: Setting) -> list[Meaning]:
    target = address.target
    found = read_target(method, target)
    if _is_engine_socket(address.socket):
        silent = address.socket.rpartition("/")[2] in _words()["silent_sockets"]
        if found is None or silent:
            return [connection("socket", tool, setting, "local-socket")]
        return [_stated(found, tool, setting, "local-socket")]
    # A copy of the socket under any name: the route must then be one that only an engine has.
    if found is not None and _ENGINE_ONLY.match(target):
        return [_stated(found, tool, setting, "local-socket")]
    return []


def _is_engine_socket(path: str) -> bool:
    name = path.rpartition("/")[2].lstrip("@")
    return name in _words()["sockets"] or path.replace("\\", "/").rpartition("/")[2] in _words()["pipes"]


def _is_api_server(address: Address, port_says: str | None) -> bool:
    """Tell an API server by its name, or by port and path; on ports that web servers share the path must be its own.

    `/api/v1/users` is what any web application has; `/api/v1/namespaces/x/pods` or `/apis/apps/v1/…` is not.
    """
    path = address.target.partition("?")[0]
    if _CLUSTER_HOST.match(address.host) or (is_open(address.port) and "KUBERNETES" in address.port):
        return True
    if port_says == "cluster":
        return path.startswith(("/api/", "/apis/")) or path in {"/api", "/apis", "/version"}
    if port_says != "shared" and not (is_open(address.port) or is_open(address.host)):
        return False
    if _CLUSTER_GROUP.match(path):
        return True
    kind = path.removeprefix("/api/v1/").partition("/")[0] if path.startswith("/api/v1/") else ""
    at_address = is_open(address.host) or _IP.fullmatch(address.host) is not None or "/namespaces/" in path
    return kind in _words()["core_kinds"] or (at_address and kind in _words()["core_kinds_of_common_words"])


def _by_segment(table: str, address: Address, tool: str, setting: Setting) -> list[Meaning]:
    """Read a path of a kubelet or of etcd by its first segment."""
    trait = f"{table}-port"
    segments = [part for part in address.target.partition("?")[0].split("/") if part]
    entry = _words()[table].get(segments[0] if segments else "")
    if entry is None:
        return [connection("socket", tool, setting, trait)]
    verb, kind = entry
    name = namespace = None
    if table == "kubelet" and verb in {"exec", "logs", "connect"} and len(segments) > 2:  # noqa: PLR2004 - /run/NS/POD/C
        namespace, name = segments[1], segments[2]
    scope = "one" if name else "everything"
    meaning = Meaning(verb=verb, kind=kind, scope=scope, namespace=namespace, name=name)  # type: ignore[arg-type]
    return [_stated(meaning, tool, setting, trait)]


def _stated(meaning: Meaning, tool: str, setting: Setting, *traits: str) -> Meaning:
    """Give a meaning with the tool and the traits of how it was reached."""
    return Meaning(
        verb=meaning.verb,
        kind=meaning.kind,
        scope=meaning.scope,
        namespace=meaning.namespace,
        name=meaning.name,
        tool=tool,
        traits=tuple(sorted({*meaning.traits, *setting.traits, *traits})),
    )


def connection(kind: str, tool: str, setting: Setting, *traits: str) -> Meaning:
    """Give a connection whose request is not known."""
    return _stated(Meaning(verb="connect", kind=kind), tool, setting, *traits)


def _read_speaker(family: str, words: Sequence[str], setting: Setting) -> list[Meaning]:
    """Read nc, socat, openssl and grpcurl, which send what flows into them."""
    if family in _SPEAKERS:
        return _SPEAKERS[family](words, setting)
    names: list[str] = []
    unix = False
    at = 0
    while at < len(words):
        if words[at][:1] == "-" and len(words[at]) > 1:
            found, at = take_option(words, at, _words()["nc_values"] if family == "nc" else frozenset())
            unix = unix or any(name in {"-U", "--unixsock", "-unix", "--unix", "-u"} for name, _ in found)
        else:
            names.append(words[at])
            at += 1
    if family == "grpcurl":
        return _read_grpc(names, setting)
    if names and (unix or names[0].startswith("local:")):  # busybox's nc
        return _spoken(Address("http", "", "", "", names[0].removeprefix("local:")), family, setting)
    return _spoken(Address("http", names[0], names[1], ""), family, setting) if len(names) > 1 else []


def _read_openssl(words: Sequence[str], setting: Setting) -> list[Meaning]:
    if not words or words[0] != "s_client":
        return []
    place = next((at for at, word in enumerate(words) if word == "-connect"), len(words))
    host, _, port = (words[place + 1] if place + 1 < len(words) else "").rpartition(":")
    return _spoken(Address("https", host, port, ""), "openssl", setting)


def _read_websocket(words: Sequence[str], setting: Setting) -> list[Meaning]:
    for word in words:
        if found := _SOCAT.match(word):
            return _spoken(Address("http", "", "", "", found["socket"]), "websocat", setting)
        address = read_url(word) if word.startswith(("ws://", "wss://")) else None
        if address is not None:
            address = address._replace(scheme="http" if address.scheme == "ws" else "https")
            return read_request("GET", address, "websocat", setting.with_traits("raw-http"))
    return []


def _read_socat(words: Sequence[str], setting: Setting) -> list[Meaning]:
    for word in words:
        if found := _SOCAT.match(word):
            return _spoken(Address("http", "", "", "", found["socket"]), "socat", setting)
        if found := _SOCAT_TCP.match(word):
            return _spoken(Address("http", found["host"], found["port"], ""), "socat", setting)
    return []


_SPEAKERS = {"socat": _read_socat, "websocat": _read_websocket, "openssl": _read_openssl}


def _read_grpc(names: list[str], setting: Setting) -> list[Meaning]:
    if not any(_is_engine_socket(name.removeprefix("unix://")) for name in names):
        return []
    entry = _words()["grpc"].get(names[-1].rpartition("/")[2])
    if entry is None:
        return [connection("socket", "grpcurl", setting, "raw-http", "local-socket")]
    verb, kind = entry
    service = names[-1].rpartition("/")[0].rpartition(".")[2].lower()
    kind = service if kind == "unknown" and resource_class(service) != "custom" else kind
    meaning = Meaning(verb=verb, kind=kind, scope="everything" if verb == "list" or kind == "daemon" else None)
    return [_stated(meaning, "grpcurl", setting, "raw-http", "local-socket")]


def _spoken(address: Address, tool: str, setting: Setting) -> list[Meaning]:
    """Read a connection by the requests that flow into it; without them it is only a connection."""
    setting = setting.with_traits("raw-http")
    requests = _REQUEST.findall(setting.given or "")[:MAX_URLS]
    if requests:
        return [
            meaning
            for method, target in requests
            for meaning in read_request(method, address._replace(target=target), tool, setting)
        ]
    if address.socket:
        return [connection("socket", tool, setting, "local-socket")] if _is_engine_socket(address.socket) else []
    what = _words()["ports"].get(address.port)
    if what == "engine":
        return [connection("socket", tool, setting, "engine-port", "remote-endpoint")]
    return [connection("socket", tool, setting, f"{what}-port")] if what in {"kubelet", "etcd"} else []


def engine_socket_in(code: str) -> str | None:
    """Give the engine's socket or pipe that a text names, None when it names none."""
    found = _words()["in_code"].search(code)
    return found[0] if found else None


def spoken_to_socket(socket: str, text: str, tool: str, setting: Setting) -> list[Meaning]:
    """Read a text that names an engine's socket by the requests that stand in it; without them it is a connection."""
    requests = [read_target(method, target) for method, target in _REQUEST.findall(text)[:MAX_URLS]]
    told = [] if socket in _words()["silent_sockets"] else [meaning for meaning in requests if meaning]
    if not told:
        return [connection("socket", tool, setting, "local-socket")]
    return [_stated(meaning, tool, setting, "local-socket") for meaning in told]
