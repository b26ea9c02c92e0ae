"""Records of tidewaiter's own gate in front of dockerd, and of its authorization plugin: "tidewaiter.gate/1".

Written by tidewaiter.gate.record_writer, one JSON object a line; docs/how-to/docker-gate.md explains every field. A
request is told when it ends; one that lasts (logs -f, events, exec) is told when it has begun, too, with the same id:
that is one activity. A connection of which the gate could not parse more says so in `blind`, and records that found no
room on a disk are counted in a record of their own.
"""

from __future__ import annotations

import shlex
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tidewaiter.meaning.engine_api import read_target
from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.http_activity import NOT_RECORDED, is_kept, outcome_of, request_activity
from tidewaiter.sources.linewise import LineReader, digest, json_object, number_of, text_of
from tidewaiter.sources.timestamps import rfc3339

NAME = "docker-gate"
SCHEMA = "tidewaiter.gate/1"
_SHORT = 12  # digits of an id, as docker shows them
_REMEMBERED = 10_000  # requests that have begun and not ended
_WAITING = 1000  # of these, those whose answer had not begun either


class DockerGateReader(LineReader):
    """Reads one gate's records; remembers what has begun, within bounds."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._told: OrderedDict[str, None] = OrderedDict()
        self._waiting: OrderedDict[str, Activity] = OrderedDict()

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activity of one line, if it is the first of its request."""
        record = json_object(raw)
        if record is None or record.get("schema") != SCHEMA:
            self.cannot_read("not-a-gate-record", raw, origin)
            return
        self.tally.records += 1
        if record.get("phase") == "lost":
            self.tally.note("gate-lost", number_of(record.get("lost")) or 1)
            return
        blind = text_of(record.get("blind"))
        if blind and record.get("phase") == "done":
            if blind.startswith("TLS: "):
                self.tally.note("dockerd-tls-refused")
            else:
                self.tally.note("gate-blind")
        name = text_of(record.get("id"))
        if name and name in self._told:
            if record.get("phase") == "done":
                del self._told[name]
            return
        found = self._normalised(record, raw, origin)
        if record.get("phase") != "begun" or not name:
            self._waiting.pop(name, None)
            yield from (self.keep(found),) if found else ()
        elif found:
            yield from self._begun(name, found)

    def _normalised(self, record: Mapping[str, Any], raw: bytes, origin: Origin) -> Activity | None:
        meaning = read_target(text_of(record.get("method")), text_of(record.get("target")))
        if meaning is None or not is_kept(meaning):
            return None
        at = rfc3339(text_of(record.get("time")))
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return None
        caller = _object(record.get("caller"))
        if record.get("listener") == "plugin" and not caller.get("certificate"):
            self.tally.note("engine-no-local-caller")
        asked, command = f"{text_of(record.get('method'))} {text_of(record.get('target'))}", _command(caller)
        container = text_of(caller.get("container"))[:_SHORT] or None
        name = text_of(record.get("id"))
        found = request_activity(
            meaning,
            id=digest(SCHEMA, text_of(record.get("host")), name) if name else digest(raw),
            at=at,
            actor=actor_of(caller, text_of(record.get("host")) or "host"),
            origin=origin,
            text=f"{asked} ({command})" if command else asked,
            outcome=outcome_of(number_of(record.get("status"))),
            agent=text_of(record.get("agent")) or text_of(caller.get("exe")).rpartition("/")[2],
            disclosed=number_of(record.get("bytes_out")) if record.get("phase") == "done" else None,
            address=_ip(text_of(caller.get("address"))),
            container=container,
            traits=tuple(_traits(record, caller, container)),
        )
        more = {"credential": _credential(caller), "claimed": text_of(caller.get("ssh")) or None}
        return msgspec.structs.replace(found, **more)

    def _begun(self, name: str, found: Activity) -> Iterator[Activity]:
        """Tell what has begun once its answer has: else how it ended would never be known."""
        if found.outcome == "unknown":
            self._waiting[name] = found
            if len(self._waiting) > _WAITING:
                yield self.keep(self._waiting.popitem(last=False)[1])
            return
        self._told[name] = None
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        yield self.keep(found)

    def finish(self) -> Iterator[Activity]:
        """Give the requests that had begun and of which nothing more is here."""
        while self._waiting:
            yield self.keep(self._waiting.popitem(last=False)[1])


def actor_of(caller: Mapping[str, Any], host: str) -> Actor:
    """Say who asked: a container, the holder of a certificate, who logged in, the account of the process."""
    container = text_of(caller.get("container"))
    if container:
        return Actor(kind="container", name=container[:_SHORT], realm=host)
    certificate = _object(caller.get("certificate"))
    if certificate:
        names = certificate.get("names")
        name = text_of(names[0]) if isinstance(names, list) and names else ""
        short = f"certificate sha256:{text_of(certificate.get('fingerprint'))[:_SHORT]}"
        return Actor(kind="user", name=name or short, realm="engine")
    for who, uid in (("login_user", "login_uid"), ("user", "uid")):
        number = number_of(caller.get(uid))
        if text_of(caller.get(who)) or number is not None:
            return Actor(kind="host-user", name=text_of(caller.get(who)) or f"uid {number}", realm=host)
    address = _ip(text_of(caller.get("address")))
    if address:
        return Actor(kind="address", name=address, realm="engine")
    return Actor(kind="unknown", name=NOT_RECORDED, realm="engine")


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _command(caller: Mapping[str, Any]) -> str:
    command = caller.get("command")
    return shlex.join(one for one in command if isinstance(one, str)) if isinstance(command, list) else ""


def _credential(caller: Mapping[str, Any]) -> str | None:
    return text_of(_object(caller.get("certificate")).get("fingerprint"))[:_SHORT] or None


def _ip(address: str) -> str | None:
    """Take the port off 192.0.2.1:443 or [2001:db8::1]:443."""
    return address.rpartition(":")[0].strip("[]") or None


def _traits(record: Mapping[str, Any], caller: Mapping[str, Any], container: str | None) -> Iterator[str]:
    if not text_of(record.get("listener")).startswith("unix:"):
        return
    yield "local-socket"
    if container:
        yield "inside-container"
    if _command(caller).endswith(" system dial-stdio"):  # the far end of `docker -H ssh://`
        yield "via-ssh"
    if not caller.get("exe") and not caller.get("command"):
        yield "peer-gone"
    elif caller.get("login_uid") is None:
        yield "no-login"


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that a gate wrote."""
    return sum(b'"tidewaiter.gate/1"' in line and (json_object(line) or {}).get("schema") == SCHEMA for line in lines)


SOURCE = Source(
    name=NAME,
    plane="engine",
    title="tidewaiter's gate in front of Docker, and its authorization plugin (JSON, one request a line)",
    sniff=sniff,
    reader=DockerGateReader,
    blind_to=("engine-no-tcp",),
)
