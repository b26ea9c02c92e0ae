"""Alerts of Falco, as JSON objects (`json_output: true`, also as falcosidekick sends them on) or as text lines.

Documentation: https://falco.org/docs/concepts/outputs/ and /docs/reference/rules/supported-fields/ (Falco 0.43). Which
fields an alert has is up to its rule; `output_fields` holds those that the rule's text names. falcosidekick may have
written `_` for every dot in their names. Numbers such as `user.loginuid` may be text, unknown values null or `<NA>`.
`proc.cmdline` is the name of the program and its arguments, joined by blanks and never quoted. Alerts of the plugin
k8saudit speak of requests to the Kubernetes API instead (see `falco_kube.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Source, Tally
from tidewaiter.sources.falco_kube import KUBE_FIELDS, kube_activity
from tidewaiter.sources.host_json import ERRORS, FAILED, IN_PROGRESS, Recent, account, container_name, decoded, known
from tidewaiter.sources.host_process import (
    Endpoint,
    HostReader,
    Process,
    endpoint_of_path,
    endpoint_of_port,
    parent_of,
    split_command,
)
from tidewaiter.sources.linewise import LineReader, digest, number_of
from tidewaiter.sources.timestamps import any_time

NAME = "falco"
_PRIORITIES = frozenset(
    {"emergency", "alert", "critical", "error", "warning", "notice", "informational", "info", "debug"}
)
_EXEC = frozenset({"execve", "execveat"})
_ONCE = 60.0  # seconds in which further alerts on one process tell its command line no second time
_ANCESTORS = ("proc.pname", *(f"proc.aname[{number}]" for number in range(1, 8)))
_PEER = re.compile(r"->\[?([0-9a-fA-F.:]+?)\]?:(\d{1,5})\Z")

_FIELDS = (
    *("evt.type", "evt.res", "evt.rawres", "evt.time", "evt.rawtime", "evt.time.iso8601", "jevt.time.iso8601"),
    *("user.name", "user.uid", "user.loginuid", "user.loginname", "container.id", "k8s.pod.name"),
    *("proc.cmdline", "proc.exepath", "proc.name", "proc.pid", "proc.pexepath", *_ANCESTORS),
    *("fd.name", "fd.type", "fd.typechar", "fd.sip", "fd.sport"),
    *KUBE_FIELDS,
)
_UNDERSCORED = {name.replace(".", "_"): name for name in _FIELDS}

# What a rule's text calls the fields it prints (falco_rules.yaml of the rules repository, versions 3 to 5).
_WORDS = {
    "evt_type": "evt.type",
    "user": "user.name",
    "user_uid": "user.uid",
    "user_loginuid": "user.loginuid",
    "user_loginname": "user.loginname",
    "process": "proc.name",
    "proc_exepath": "proc.exepath",
    "parent": "proc.pname",
    "gparent": "proc.aname[2]",
    "ggparent": "proc.aname[3]",
    "gggparent": "proc.aname[4]",
    "command": "proc.cmdline",
    "cmdline": "proc.cmdline",
    "connection": "fd.name",
    "container": "container.id",
    "container_id": "container.id",
    "k8s.pod": "k8s.pod.name",
    "k8s_pod": "k8s.pod.name",
    "k8s_pod_name": "k8s.pod.name",
    "pod": "k8s.pod.name",
    "verb": "ka.verb",
    "uri": "ka.uri",
    "resp": "ka.response.code",
}
# Words that end a value and are of no use here.
_OTHERS = (
    r"terminal|exe_flags|container_\w+|k8s[._]ns(?:_name)?|ns|image|file|pid|pcmdline|tty|target|reason|shell|args"
)
_WORD = re.compile(rf"(?:(?<=[\s(|])|\A)({'|'.join(map(re.escape, _WORDS))}|{_OTHERS})=")
_LINE = re.compile(
    r"(?P<at>(?:\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d\.\d{9}(?:\+\d{4})?): (?P<priority>[A-Z][a-z]+) (?P<text>\S.*)"
)
# What Falco says of itself among its alerts, with ctime(3) before it: "Mon Feb 10 09:15:35 2025: Falco version …".
_OWN = re.compile(rb"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}: ")


class Alert(msgspec.Struct):
    """The parts of an alert that matter here; everything else is skipped by the decoder."""

    rule: str | None = None
    priority: str | None = None
    output: str | None = None
    output_fields: dict[str, Any] | None = None
    time: Any = None
    hostname: str | None = None
    uuid: str | None = None


_alert = msgspec.json.Decoder(Alert)


class FalcoReader(LineReader):
    """Reads alerts; each line stands alone, but a command line that several alerts repeat is told once."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally, NAME)
        self._host = HostReader(matcher=tally.matcher)
        self._told = Recent(_ONCE)

    def read(self, raw: bytes, origin: Origin) -> Iterator[Activity]:
        """Give the activities of one alert."""
        if _OWN.match(raw):
            self.tally.records += 1
            return
        alert = parse(raw)
        if alert is None:
            self.cannot_read("not-an-event", raw, origin)
            return
        self.tally.records += 1
        fields = _named(alert.output_fields or {})
        if not fields and alert.output:
            fields = fields_of_text(alert.output)
            self.tally.note("falco-text-only")
        at = _time(alert, fields) or self.tally.time_of_line(origin.line)
        if at is None:
            self.cannot_read("no-time", raw, origin)
            return
        identity = alert.uuid or digest(raw)
        if any(name.startswith("ka.") for name in fields):
            request = kube_activity(fields, id=identity, at=at, origin=origin)
            found = [request] if request else []
        else:
            found = self._process(fields, _process(fields, alert.hostname, identity, at, origin))
        yield from map(self.keep, found)

    def _process(self, fields: Mapping[str, Any], process: Process) -> list[Activity]:
        """Tell what the process of an alert does: its command line, and the connection it opens."""
        command, kind = known(fields.get("proc.cmdline")), known(fields.get("evt.type"))
        found: list[Activity] = []
        if command is None:
            self.tally.note("falco-no-command")
            name = process.exe or process.comm
            found += self._host.started(process, [name]) if name and kind in _EXEC else []
        else:
            key = (process.host, process.container, process.pid, command)
            # An alert on a file or a connection names the command that opened it, each time.
            if not self._told.again(key, process.at) or kind in _EXEC:
                started = process if kind in _EXEC else msgspec.structs.replace(process, exit=0)
                found += self._host.started(started, _argv(command, process))
        target = _target(fields) if kind in {"connect", None} else None
        return found + self._host.connected(process, target) if target else found


def parse(raw: bytes) -> Alert | None:
    """Read an alert from one line, JSON or text; None when it is neither."""
    if raw.lstrip()[:1] == b"{":
        alert = decoded(_alert, raw)
        return alert if alert is not None and _is_alert(alert) else None
    found = _LINE.match(raw.decode("utf-8", "replace"))
    if found is None or found["priority"].lower() not in _PRIORITIES:
        return None
    return Alert(priority=found["priority"], output=found["text"], time=found["at"])


def _is_alert(alert: Alert) -> bool:
    told = alert.output is not None or alert.output_fields is not None
    return alert.rule is not None and (alert.priority or "").lower() in _PRIORITIES and told


def fields_of_text(text: str) -> dict[str, Any]:
    """Give the fields that the text of a rule holds as `key=value`, by Falco's own names for them.

    A value ends where the next known key begins: a command may hold anything, `--filter name=web` as well.
    """
    places = list(_WORD.finditer(text))
    ends = [*(place.start() for place in places[1:]), len(text)]
    found: dict[str, Any] = {}
    for place, end in zip(places, ends, strict=False):  # no place, yet one end
        value = text[place.end() : end].strip()
        if end == len(text):
            value = value.removesuffix(")")
        if place[1] in _WORDS:
            found.setdefault(_WORDS[place[1]], value)
    if "ka.verb" in found and "user.name" in found:
        found["ka.user.name"] = found.pop("user.name")
    return found


def _named(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields by Falco's own names, where falcosidekick wrote `proc_cmdline`."""
    return {_UNDERSCORED.get(name, name): value for name, value in fields.items()}


def _time(alert: Alert, fields: Mapping[str, Any]) -> datetime | None:
    names = ("evt.rawtime", "evt.time.iso8601", "jevt.time.iso8601", "evt.time")
    return next((at for one in (alert.time, *map(fields.get, names)) if (at := any_time(one)) is not None), None)


def _process(fields: Mapping[str, Any], host: str | None, identity: str, at: datetime, origin: Origin) -> Process:
    login_recorded = any(fields.get(name) is not None for name in ("user.loginuid", "user.loginname"))
    login = account(fields.get("user.loginuid"), fields.get("user.loginname"))
    user = account(fields.get("user.uid"), fields.get("user.name"))
    if login is not None and login == account(fields.get("user.uid")):
        login = user  # the same account: its name is known
    container = container_name(fields.get("k8s.pod.name"), fields.get("container.id"))
    return Process(
        event=identity,
        at=at,
        host=host or "host",
        login=login,
        login_recorded=login_recorded,
        account=user,
        pid=number_of(fields.get("proc.pid")),
        exe=known(fields.get("proc.exepath")),
        comm=known(fields.get("proc.name")),
        parent=parent_of([known(fields.get("proc.pexepath")), *(known(fields.get(name)) for name in _ANCESTORS)]),
        exit=_exit(fields),
        inside_container=container is not None,
        container=container,
        origin=origin,
    )


def _exit(fields: Mapping[str, Any]) -> int:
    raw, shown = known(fields.get("evt.rawres")), known(fields.get("evt.res"))
    if raw is None and shown is None and known(fields.get("evt.type")) not in _EXEC:
        return IN_PROGRESS
    if raw is not None:
        number = raw.removeprefix("-")
        return -int(number) if raw != number and number.isdecimal() and len(number) <= 5 else 0  # noqa: PLR2004
    if shown is None or shown == "SUCCESS" or shown.isdigit():
        return 0
    return ERRORS.get(shown, FAILED)


def _argv(command: str, process: Process) -> list[str]:
    """Split a command line; Falco begins it with the name the kernel has of the program, cut at 15 letters."""
    argv = split_command(command, quoted=False)
    if argv and len(argv[0]) == 15 and process.exe and process.exe.rpartition("/")[2].startswith(argv[0]):  # noqa: PLR2004
        argv[0] = process.exe.rpartition("/")[2]
    return argv


def _target(fields: Mapping[str, Any]) -> Endpoint | None:
    """Name the engine that a connection leads to."""
    name = known(fields.get("fd.name")) or ""
    path = name.rpartition(" ")[2]
    if path.startswith("/"):
        # A file that was opened is no connection: only the event itself or the type of the descriptor tells.
        said = known(fields.get("evt.type")) or known(fields.get("fd.type")) or known(fields.get("fd.typechar"))
        return endpoint_of_path(path) if said in {"connect", "unix", "u"} else None
    address, port = known(fields.get("fd.sip")), number_of(fields.get("fd.sport"))
    if address is None or port is None:
        # Not fd.rip and fd.rport: Falco takes the server's side for the remote one or the local one as it happens.
        found = _PEER.search(name)
        if found is None:
            return None
        address, port = found[1], int(found[2])
    return endpoint_of_port(address, port)


def sniff(lines: Sequence[bytes]) -> int:
    """Count the sample lines that are alerts of Falco."""
    return sum(_may_be(line) and parse(line) is not None for line in lines)


def _may_be(line: bytes) -> bool:
    if line[:1] == b"{":
        return b'"rule"' in line and b'"priority"' in line and b'"output' in line
    return line[:1].isdigit()


SOURCE = Source(
    name=NAME,
    plane="host",
    title="Falco (alerts as JSON, directly or through falcosidekick, or as text)",
    sniff=sniff,
    reader=FalcoReader,
    blind_to=("falco-only-alerts", "host-joined-arguments"),
)
