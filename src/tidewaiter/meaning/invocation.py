"""What an invocation of a known tool does: its words, taken apart, turned into meanings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tidewaiter.meaning.kube_api import is_cluster_wide, read_path
from tidewaiter.meaning.options import Invocation
from tidewaiter.meaning.setting import LISTED, Setting, is_open
from tidewaiter.meaning.tools import canonical_kind, grammars
from tidewaiter.meaning.vocabulary import resource_class
from tidewaiter.model import Meaning, Scope, Verb

MAX_NAMES = 32  # objects of one command that are told one by one
MAX_TARGET = 8192  # characters of a request target that are read
ENGINE_PORTS = frozenset({"2375", "2376", "4243"})
_ADDRESS = re.compile(
    r"(?:(?P<scheme>[a-z+]+)://)?(?:[^/@]*@)?(?P<host>\[[^\]]*\]|[^/:]*)(?::(?P<port>\d+))?(?:/.*)?\Z", re.DOTALL
)
_LOCAL_SCHEMES = frozenset({"unix", "npipe", "fd"})
_IDENTIFIER_TEMPLATE = re.compile(r"(?:table )?\{\{\s*\.(?:ID|Names?|Repository)\s*\}\}")
_KUBE_NAME = re.compile(r"metadata\.name==?(?P<name>[^,=]+)")
_RAW_METHODS = {"get": "GET", "create": "POST", "delete": "DELETE", "replace": "PUT"}


class _Target(NamedTuple):
    verb: Verb
    kind: str
    name: str  # "" for the whole collection


def meanings(invocation: Invocation, setting: Setting) -> list[Meaning]:
    """Say what an invocation does, object by object; empty when nothing that matters."""
    action = invocation.action
    if action.command.silent or (action.unless and any(name in action.unless for name, _ in invocation.options)):
        return []
    traits = setting.traits | action.traits | _option_traits(invocation, setting)
    raw = invocation.value(("--raw",))
    if raw and invocation.grammar.tool.by_namespace:
        return _raw(invocation, raw, traits)
    found: list[Meaning] = []
    for target in _targets(invocation):
        if len(found) == MAX_NAMES:
            break
        found.append(_meaning(invocation, target, traits, setting))
    return found


def _raw(invocation: Invocation, path: str, traits: frozenset[str]) -> list[Meaning]:
    """Read `kubectl get --raw PATH`: a request of its own."""
    method = _RAW_METHODS.get(invocation.path[0] if invocation.path else "", "GET")
    target = path if path.startswith("/") else "/" + path.partition("://")[2].partition("/")[2]
    meaning = read_path(method, target[:MAX_TARGET])
    if meaning is None:
        return []
    return [_changed(meaning, traits.union(meaning.traits), invocation.grammar.family)]


def _changed(meaning: Meaning, traits: frozenset[str], tool: str) -> Meaning:
    return Meaning(
        verb=meaning.verb,
        kind=meaning.kind,
        scope=meaning.scope,
        namespace=meaning.namespace,
        name=meaning.name,
        tool=tool,
        traits=tuple(sorted(traits)),
    )


def _targets(invocation: Invocation) -> Iterator[_Target]:
    """Give each object or collection the arguments name."""
    action, command, names = invocation.action, invocation.action.command, invocation.names
    kind = _kind(invocation)
    mode = command.args
    named = (invocation.value(command.name_option.split()) or "") if command.name_option else ""
    if mode == "resources":
        yield from _kube_targets(invocation)
    elif mode == "none" or (mode == "alone" and not names):
        yield _Target(_one_of(action.verb, named), kind, named)
    elif mode in {"image", "image-name", "copy"} or (names and mode in {"first", "second", "container", "pod"}):
        yield _Target(action.verb, kind, _single_name(invocation, named))
    elif mode == "names" and names:
        for name in names:
            yield _Target(_one_of(action.verb, name), kind, name)
    elif named:
        yield _Target(_one_of(action.verb, named), kind, named)
    elif command.bare or (invocation.completing and mode in {"names", "first"}):
        yield _Target(_bare_verb(invocation), kind, "")


def _single_name(invocation: Invocation, named: str) -> str:
    """Give the name of the one object that a command is about."""
    command, names = invocation.action.command, invocation.names
    mode = command.args
    if mode == "copy":  # `kubectl cp POD:PATH FILE`: a program in the pod packs or unpacks
        pod = next((name.partition(":")[0] for name in names if ":" in name), "")
        return pod.rpartition("/")[2]
    if mode in {"image", "image-name"}:
        return named if command.name_option else (names[1] if len(names) > 1 else "")
    if command.split_name:
        source = next((word for word in names if command.split_name in word), "")
        return source.partition(command.split_name)[0]
    return names[min(1 if mode == "second" else 0, len(names) - 1)]


def _one_of(verb: Verb, name: str) -> Verb:
    return "get" if verb == "list" and name else verb


def _bare_verb(invocation: Invocation) -> Verb:
    return "logs" if invocation.action.command.bare == "logs" else "list"


def _kind(invocation: Invocation) -> str:
    command = invocation.action.command
    chosen = invocation.value(command.kind_option.split()) if command.kind_option else None
    return invocation.action.kind if chosen is None else command.kinds.get(chosen, invocation.action.kind)


def _kube_targets(invocation: Invocation) -> Iterator[_Target]:
    """Read kubectl's grammar: TYPE[,TYPE] [NAME…] or TYPE/NAME… (kubectl 1.32, `kubectl get --help`)."""
    action = invocation.action
    changes = action.verb in {"update", "create", "delete"}
    names = [name for name in invocation.names if not (changes and ("=" in name or name.endswith("-")))]
    if not names:
        return
    if is_open(names[0]):
        if LISTED in names[0]:  # `kubectl describe $(kubectl get po -o name)`
            yield _Target(_one_verb(invocation), "unknown", LISTED)
        return
    if "/" in names[0]:
        for word in names:
            kind, _, name = word.partition("/")
            yield _Target(_one_verb(invocation), canonical_kind(kind), name)
        return
    selected = _KUBE_NAME.search(invocation.value(("--field-selector",)) or "")
    chosen = names[1:] or ([selected["name"]] if selected else [])
    for kind in _kinds(names[0]):
        if not chosen:
            yield _Target(_collection_verb(invocation), kind, "")
        for name in chosen[:1] if action.verb == "create" else chosen:
            yield _Target(_one_verb(invocation), kind, name)


def _kinds(words: str) -> Iterator[str]:
    tool = grammars()["kubectl"].tool
    for word in words.split(",")[:MAX_NAMES]:
        if word == "all":
            yield from tool.all.split()
        elif word:
            yield canonical_kind(word)


def _one_verb(invocation: Invocation) -> Verb:
    if invocation.action.verb in {"list", "get"}:
        return "get"
    return invocation.action.verb


def _collection_verb(invocation: Invocation) -> Verb:
    if invocation.value(("--watch-only",)) is not None:
        return "watch"
    return "list" if invocation.action.verb == "get" else invocation.action.verb


def _meaning(invocation: Invocation, target: _Target, traits: frozenset[str], setting: Setting) -> Meaning:
    grammar = invocation.grammar
    verb, more = target.verb, set(traits)
    if (
        target.kind == "events"
        and verb == "watch"
        and any(name in invocation.action.past for name, _ in invocation.options)
    ):
        verb = "list"  # the past is sent first
    if verb == "list":
        more |= _list_traits(invocation)
    namespace = _namespace(invocation, setting)
    scope: Scope | None
    name: str | None = target.name or None
    if name is not None:
        scope, name, detail = _one(verb, name)
        more |= detail
        if target.kind and is_cluster_wide(target.kind):
            namespace = None
    elif resource_class(target.kind) == "surroundings":
        scope = namespace = None
    elif grammar.tool.by_namespace and _in_namespaces(invocation, target):
        scope = "namespace"
        if any(option in grammar.everywhere for option, _ in invocation.options):
            scope, namespace = "everything", None
            more.add("all-namespaces")
            if "all" in invocation.names[:1]:
                more.add("whole-inventory")
        elif verb in {"create", "exec", "connect"}:
            scope = _scope_of_unnamed(verb)
    else:
        scope = _scope_of_unnamed(verb)
        namespace = namespace if not grammar.tool.by_namespace else None
    return Meaning(
        verb=verb,
        kind=target.kind,
        scope=scope,
        namespace=namespace,
        name=name,
        tool=grammar.family,
        traits=tuple(sorted(more)),
    )


def _scope_of_unnamed(verb: Verb) -> Scope | None:
    if verb == "connect":
        return None
    return "one" if verb in {"create", "exec"} else "everything"


def _in_namespaces(invocation: Invocation, target: _Target) -> bool:
    outside = {"api", "version", "clusters", "contexts", "everything", "access", "identity", "registries"}
    return not (invocation.action.command.cluster_wide or target.kind in outside or is_cluster_wide(target.kind))


def _one(verb: Verb, name: str) -> tuple[Scope | None, str | None, set[str]]:
    """Give scope, name and traits of a named object; what a listing feeds is everything it listed."""
    if LISTED in name:
        return "everything", None, {"mass-detail"} if verb in {"get", "logs"} else set()
    if is_open(name):
        return None, None, set()
    return "one", name, set()


def _namespace(invocation: Invocation, setting: Setting) -> str | None:
    grammar = invocation.grammar
    value = invocation.value(grammar.namespace)
    for variable, option in grammar.tool.environment.items():
        if value is None and option in grammar.namespace:
            value = setting.variables.get(variable)
    return value if value and not is_open(value) else None


def _list_traits(invocation: Invocation) -> set[str]:
    traits = set()
    grammar = invocation.grammar
    for name, value in invocation.options:
        terse = name in grammar.terse or (name in {"-o", "--output"} and value == "name")
        if terse or (name in grammar.template and _IDENTIFIER_TEMPLATE.fullmatch(value)):
            traits.add("names-only")
        elif grammar.tool.by_namespace and name in {"-w", "--watch"}:
            traits.add("initial-events")
    return traits


def _option_traits(invocation: Invocation, setting: Setting) -> frozenset[str]:
    """Give the traits that options and variables state, whatever the sub-command."""
    grammar = invocation.grammar
    traits = {"completion"} if invocation.completing else set()
    options = list(invocation.options)
    given = {name for name, _ in options}
    for variable, option in grammar.tool.environment.items():
        if variable in setting.variables and option not in given:
            options.append((option, setting.variables[variable]))
    secured = any(name in grammar.secure for name, _ in options)
    for name, value in options:
        stated = grammar.tool.option_traits.get(name) or invocation.action.command.option_traits.get(name)
        if stated and value not in {"none", "false"}:
            traits.add(stated)
        if name in grammar.endpoint:
            traits |= _endpoint_traits(value, secured=secured)
        elif name in grammar.server and value:
            traits.add("remote-endpoint")
    return frozenset(traits)


def _endpoint_traits(value: str, *, secured: bool) -> set[str]:
    """Say what the address of an engine tells: `tcp://HOST:2375`, `ssh://HOST`, `unix:///PATH`, `HOST:PORT`."""
    found = _ADDRESS.match(value)
    if found is None or not value or value.startswith("/") or found["scheme"] in _LOCAL_SCHEMES:
        return set()
    if found["scheme"] == "ssh":
        return {"remote-endpoint", "via-ssh"}
    port = found["port"] or ("2376" if secured else "2375")
    traits = {"remote-endpoint"}
    if port in ENGINE_PORTS:
        traits.add("engine-port")
    if not secured and port != "2376" and found["scheme"] != "https":
        traits.add("plaintext-tcp")
    return traits
