"""Record of a proxy in front of docker.sock that asks the kernel who is calling, one JSON object a line.

There is no standard format. Accepted is any object, bare or one level inside another, that has a request (`rl` or
`request` with the request line, or `method` with `target`, `uri`, `path` or `url`) and an object `peer` with `pid` and
`uid` from SO_PEERCRED (unix(7)), and what the proxy found in /proc: `user`, `auid` (`loginuid`), `exe`, `cmdline`,
`cgroup` (proc(5)). The login uid survives sudo; 4294967295 means that nobody logged in.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tidewaiter.meaning.engine_api import read_target
from tidewaiter.model import Activity, Actor, Meaning, Origin
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.http_activity import is_kept, outcome_of, request_activity
from tidewaiter.sources.linewise import LineReader, digest, json_object, number_of, text_of
from tidewaiter.sources.timestamps import time_of

NAME = "socket-proxy"
_REQUEST_LINE = re.compile(r"([A-Z]+) (\S.*?)(?: HTTP/\d\.\d)?\Z", re.DOTALL)
_NO_LOGIN = 4294967295  # (uid_t) -1
# cgroup v1 and v2, cgroupfs and systemd drivers: /docker/ID, docker-ID.scope, /kubepods/…/ID, cri-containerd-ID.scope
_CONTAINER = re.compile(r"(?:/|-)([0-9a-f]{64})(?=\.scope|[/\s:]|\Z)")
_NAMES = 4096
_LOGIN_NAMES = ("login_user", "auser", "auid_user", "loginuser")


class Call(NamedTuple):
    """One request and its caller, out of the envelope."""

    record: Mapping[str, Any]
    peer: Mapping[str, Any]
    method: str
    target: str
    at: datetime | None


class SocketProxyReader(LineReader):
    """Reads one proxy's record; learns from it which uid has which name."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._names: dict[int, str] = {}

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activity of one line."""
        call = unwrap(json_object(raw))
        if call is None:
            self.cannot_read("not-a-proxy-record", raw, origin)
            return
        self.tally.records += 1
        uid, user = number_of(call.peer.get("uid")), text_of(call.peer.get("user"))
        if uid is not None and user and len(self._names) < _NAMES:
            self._names[uid] = user
        meaning = read_target(call.method, call.target)
        if meaning is None or not is_kept(meaning):
            return
        found = normalise(call, meaning, self._names, id=digest(raw), origin=origin)
        if found is None:
            self.cannot_read("no-time", raw, origin)
            return
        yield self.keep(found)


def unwrap(record: dict[str, Any] | None) -> Call | None:
    """Find the request and the peer in a line, bare or one level inside an envelope."""
    if record is None:
        return None
    for inner in (record, *(value for value in record.values() if isinstance(value, dict))):
        peer = inner.get("peer")
        if not isinstance(peer, dict) or not {"pid", "uid"} <= peer.keys():
            continue
        request = _request(inner)
        if request:
            return Call(inner, peer, *request, time_of(inner) or time_of(record))
    return None


def _request(record: dict[str, Any]) -> tuple[str, str] | None:
    line = text_of(record.get("rl")) or text_of(record.get("request"))
    found = _REQUEST_LINE.match(line)
    if found:
        return found[1], found[2]
    target = next((text for key in ("target", "uri", "path", "url") if (text := text_of(record.get(key)))), "")
    method = text_of(record.get("method"))
    return (method, target) if method and target else None


def normalise(call: Call, meaning: Meaning, names: Mapping[int, str], *, id: str, origin: Origin) -> Activity | None:  # noqa: A002
    """Put a request into normal form; None when the record has no time. `names` holds what is known of uids."""
    if call.at is None:
        return None
    container = _container(call.peer.get("cgroup"))
    command = _command(call.peer.get("cmdline"))
    return request_activity(
        meaning,
        id=id,
        at=call.at,
        actor=_actor(call.peer, names, container),
        origin=origin,
        text=f"{call.method} {call.target}" + (f" ({command})" if command else ""),
        outcome=outcome_of(number_of(call.record.get("status"))),
        agent=text_of(call.record.get("ua")) or text_of(call.record.get("user_agent")),
        disclosed=number_of(call.record.get("rlen")),
        container=container,
        traits=tuple(_traits(call.peer, container)),
    )


def _actor(peer: Mapping[str, Any], names: Mapping[int, str], container: str | None) -> Actor:
    """Say who called: the container, else the person who logged in, else the account of the process."""
    if container:
        return Actor(kind="container", name=container, realm="host")
    uid, login = number_of(peer.get("uid")), _login(peer)
    name = text_of(peer.get("user"))
    if login is not None and login != uid:
        given = next((text for key in _LOGIN_NAMES if (text := text_of(peer.get(key)))), "")
        name = given or names.get(login) or name
    if name or uid is not None:
        return Actor(kind="host-user", name=name or f"uid {uid}", realm="host")
    return Actor(kind="unknown", name="unknown uid", realm="host")


def _login(peer: Mapping[str, Any]) -> int | None:
    login = number_of(peer.get("auid", peer.get("loginuid")))
    return None if login is None or login == _NO_LOGIN else login


def _container(cgroup: object) -> str | None:
    text = "\n".join(one for one in cgroup if isinstance(one, str)) if isinstance(cgroup, list) else text_of(cgroup)
    found = _CONTAINER.findall(text)
    return found[-1][:12] if found else None  # the innermost


def _command(cmdline: object) -> str:
    if isinstance(cmdline, list):
        return shlex.join(one for one in cmdline if isinstance(one, str))
    return text_of(cmdline)


def _traits(peer: Mapping[str, Any], container: str | None) -> Iterator[str]:
    yield "local-socket"
    if container:
        yield "inside-container"
    # Keys that are there and empty: the proxy looked and found nobody. Then nothing is known of the login either.
    if all(key in peer and not peer[key] for key in ("exe", "cmdline")):
        yield "peer-gone"
    elif ("auid" in peer or "loginuid" in peer) and _login(peer) is None:
        yield "no-login"


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that hold a request and its peer."""
    return sum(b'"peer"' in line and unwrap(json_object(line)) is not None for line in lines)


SOURCE = Source(
    name=NAME,
    plane="engine",
    title="Proxy in front of docker.sock with the caller's identity (JSON, one a line)",
    sniff=sniff,
    reader=SocketProxyReader,
    blind_to=("engine-no-tcp",),
)
