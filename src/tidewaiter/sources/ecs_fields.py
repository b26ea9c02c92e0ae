"""Where a document of the Elastic Common Schema says who, what and where to; see `ecs`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidewaiter.model import Origin
from tidewaiter.sources.event_host import account_of, is_service
from tidewaiter.sources.host_json import ERRORS, FAILED, account, container_name
from tidewaiter.sources.host_process import (
    Endpoint,
    Process,
    endpoint_of_path,
    endpoint_of_port,
    is_engine_port,
)
from tidewaiter.sources.linewise import digest, number_of
from tidewaiter.sources.nested import field
from tidewaiter.sources.web_request import WebRequest

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^/?#]*", re.IGNORECASE)
_FAILURES = frozenset({"failure", "fail", "failed"})
# How Elastic Defend says that a session came to be without a person (process.entry_leader.entry_meta.type).
_NO_LOGIN = frozenset({"init", "container", "kubelet", "unknown"})
_UNSET = "unset"


def listed(record: Mapping[str, Any], path: str) -> Any:
    """Give a single value; the `fields` of Elasticsearch put every value into a list."""
    value = field(record, path)
    return value[0] if isinstance(value, list) and value else value


def words(record: Mapping[str, Any], path: str) -> list[str]:
    """Give the texts under a name that may hold one or many."""
    value = field(record, path)
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def text(record: Mapping[str, Any], *paths: str) -> str:
    """Give the first text or number under these names, "" when there is none."""
    for path in paths:
        value = listed(record, path)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return ""


def process_of(record: Mapping[str, Any], at: datetime, raw: bytes, origin: Origin) -> Process:
    """Say who did it, in which process and container."""
    login, acts_as, recorded = _accounts(record)
    pod = text(record, "orchestrator.resource.name") if text(record, "orchestrator.resource.type") == "pod" else ""
    container = container_name(pod or None, listed(record, "container.id"))
    sequence = text(record, "auditd.sequence", "event.sequence", "event.id", "process.entity_id")
    return Process(
        event=f"{at.isoformat()}:{sequence or digest(raw)}",
        at=at,
        host=text(record, "host.name", "host.hostname", "agent.hostname", "beat.hostname") or "host",
        login=login,
        account=acts_as,
        login_recorded=recorded,
        pid=number_of(listed(record, "process.pid")),
        exe=text(record, "process.executable", "process.exe") or None,
        comm=text(record, "process.name") or None,
        parent=text(record, "process.parent.executable", "process.parent.name") or None,
        exit=_exit(record),
        inside_container=container is not None,
        container=container,
        origin=origin,
    )


def _accounts(record: Mapping[str, Any]) -> tuple[str | None, str | None, bool]:
    """Say who logged in, as whom the process acts, and whether the document tells of logins at all."""
    domain = text(record, "user.domain")
    if domain or text(record, "host.os.type") == "windows":
        user = account_of(domain, text(record, "user.name"))
        return (None, user, True) if is_service(user) else (user, user, True)
    acts_as = _account(record, ("user.id", "user.uid"), ("user.name", "user.name_map.uid"))
    login_id = text(record, "user.audit.id", "user.auid")
    if login_id:  # auditbeat
        login = _account(record, ("user.audit.id", "user.auid"), ("user.audit.name", "user.name_map.auid"))
        return login, acts_as, True
    entry = text(record, "process.entry_leader.entry_meta.type", "process.entry_meta.type").lower()
    if entry:  # Elastic Defend
        login = _account(record, ("process.entry_leader.user.id",), ("process.entry_leader.user.name",))
        return (None, acts_as, entry != "unknown") if entry in _NO_LOGIN else (login or acts_as, acts_as, True)
    session = text(record, "auditd.session")
    return (None, acts_as, True) if session == _UNSET else (acts_as, acts_as, False)


def _account(record: Mapping[str, Any], numbers: tuple[str, ...], names: tuple[str, ...]) -> str | None:
    number, name = text(record, *numbers), text(record, *names)
    return account(number if number != _UNSET else None, name if name != _UNSET else None)


def _exit(record: Mapping[str, Any]) -> int:
    if not _FAILURES & {text(record, "event.outcome").lower(), text(record, "auditd.result").lower()}:
        return 0
    code = text(record, "auditd.data.exit")
    if code in ERRORS:
        return ERRORS[code]
    number = number_of(code.removeprefix("-"))
    return -number if number else FAILED


def target_of_connection(record: Mapping[str, Any]) -> Endpoint | None:
    """Name the engine that a connection leads to; None for every other target."""
    path = text(record, "auditd.data.socket.path", "destination.path")
    if path.startswith("/"):
        return endpoint_of_path(path)
    port = number_of(listed(record, "destination.port") or listed(record, "auditd.data.socket.port"))
    if port is None or not is_engine_port(port):
        return None
    host = text(record, "destination.ip", "destination.address", "auditd.data.socket.addr", "destination.domain")
    return endpoint_of_port(host or "?", port)


def parse_request(record: Mapping[str, Any]) -> WebRequest | None:
    """Take a request to a web server out of a document (module nginx, apache, traefik, … of Filebeat)."""
    method = text(record, "http.request.method").upper()
    target = _ORIGIN.sub("", text(record, "url.original"), count=1)
    if not target:
        query = text(record, "url.query")
        target = text(record, "url.path") + (f"?{query}" if query else "")
    if not method or not target.startswith("/"):
        return None
    return WebRequest(
        line=f"{method} {target}",
        status=number_of(listed(record, "http.response.status_code")),
        address=text(record, "source.ip", "client.ip", "source.address"),
        user=text(record, "user.name"),
        agent=text(record, "user_agent.original"),
        size=number_of(listed(record, "http.response.body.bytes")),
    )
