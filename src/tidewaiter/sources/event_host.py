r"""What an event of Sysmon or of the Windows security log tells: a program was started, an engine was connected to.

Sysmon 1 and Security 4688 are process starts; Sysmon 3 is a TCP connection, Sysmon 18 a client that opened a named
pipe. Sysmon 17 is the server that created the pipe, which is the engine itself, and 11 a file: neither looks around.
Documentation: https://learn.microsoft.com/sysinternals/downloads/sysmon ,
https://learn.microsoft.com/windows/security/threat-protection/auditing/event-4688 ; Sysmon for Linux fills the fields
of Sysmon 15 (TerminalSessionId is the audit session, `sysmonProcCreate.c` of version 1.3).
"""

from __future__ import annotations

from functools import cache

import msgspec

from tidewaiter.meaning.vocabulary import load
from tidewaiter.meaning.windows import split_command_line
from tidewaiter.model import Activity, Origin
from tidewaiter.sources.contract import Tally
from tidewaiter.sources.event_log import (
    LINUX_SYSMON,
    NETWORK_CONNECT,
    NEW_PROCESS,
    PIPE_CONNECTED,
    PROCESS_CREATE,
    SECURITY,
    SYSMON,
    Entry,
)
from tidewaiter.sources.host_process import (
    Endpoint,
    HostReader,
    Process,
    endpoint_of_port,
    is_engine_port,
    split_command,
)
from tidewaiter.sources.linewise import number_of
from tidewaiter.sources.process_record import fields_of_event

_STARTS = {(SYSMON, PROCESS_CREATE), (LINUX_SYSMON, PROCESS_CREATE), (SECURITY, NEW_PROCESS)}
_CONNECTS = {(SYSMON, NETWORK_CONNECT), (LINUX_SYSMON, NETWORK_CONNECT)}
_PIPES = {(SYSMON, PIPE_CONNECTED)}
NUMBERS = frozenset(number for _, number in _STARTS | _CONNECTS | _PIPES)
# Sessions and accounts that no person logs in to: "Well-known SIDs", Microsoft Learn.
_SERVICE_SESSIONS = {"0x3e7", "0x3e5", "0x3e4"}  # SYSTEM, LOCAL SERVICE, NETWORK SERVICE
_SERVICE_DOMAINS = {"nt authority", "nt service", "iis apppool", "window manager", "font driver host"}
_NO_SESSION = "4294967295"
_PIPE_ROOTS = ("//./pipe/", "/device/namedpipe/", "/")


@cache
def _pipes() -> dict[str, str]:
    return {name.lower(): engine for name, engine in load("sockets.yml")["pipes"].items()}


def endpoint_of_pipe(path: str) -> Endpoint | None:
    r"""Name the engine behind a named pipe of Windows, given as `\docker_engine` or `\\.\pipe\docker_engine`."""
    plain = path.replace("\\", "/").lower()
    name = next((plain.removeprefix(root) for root in _PIPE_ROOTS if plain.startswith(root)), plain)
    engine = _pipes().get(name)
    if engine is None:
        return None
    shown = path.replace("/", "\\").rpartition("\\")[2]
    return Endpoint(name=rf"\\.\pipe\{shown}", engine=engine, trait="local-socket")


def program_name(path: str) -> str:
    r"""Give the bare name of a program of Windows: `docker` of `C:\Program Files\Docker\docker.exe`."""
    name = path.replace("/", "\\").rpartition("\\")[2]
    return name[:-4] if name[-4:].lower() == ".exe" else name


def shortened(process: Process) -> Process:
    """Name the program of Windows by its bare name, where a socket is connected and its path tells nothing more."""
    if "\\" not in (process.exe or ""):
        return process
    return msgspec.structs.replace(process, exe=None, comm=program_name(process.exe or "") or None)


def account_of(domain: str, name: str) -> str | None:
    r"""Name an account of Windows as `DOMAIN\user`; None where a record writes "-"."""
    if name in {"", "-"}:
        return None
    return f"{domain}\\{name}" if domain not in {"", "-"} else name


def is_service(account: str | None, session: str = "") -> bool:
    """Tell whether nobody logs in to an account: the system itself, a service, a pool of the web server."""
    domain = (account or "").rpartition("\\")[0].lower()
    return session.lower() in _SERVICE_SESSIONS or domain in _SERVICE_DOMAINS


class EventHost:
    """Turns events into activities, and keeps in mind what their log does not show."""

    def __init__(self, tally: Tally, host: HostReader | None = None) -> None:
        self._tally = tally
        self._host = host or HostReader(matcher=tally.matcher)
        self._seen: set[tuple[str, int]] = set()
        self._bare = self._lined = 0  # process starts without and with a command line

    def read(self, entry: Entry, origin: Origin) -> list[Activity]:
        """Give the activities of one event; an event without a time cannot be read."""
        kind = (entry.provider, entry.event)
        self._seen.add(kind)
        if kind not in _STARTS | _CONNECTS | _PIPES:
            return []
        if not entry.whole and not entry.get("commandline"):
            self._tally.cannot_read(line=origin.line, offset=origin.offset, reason="cut-short")
            return []
        if entry.at is None:
            self._tally.cannot_read(line=origin.line, offset=origin.offset, reason="no-time")
            return []
        process = _process(entry, origin)
        if process is None:
            return []
        if self._host.asks_all:
            more = fields_of_event(entry.data, security=entry.provider == SECURITY)
            process = msgspec.structs.replace(process, more=more)
        found = self._started(entry, process) if kind in _STARTS else self._connected(entry, process)
        for activity in found:
            self._tally.saw(activity.at)
            self._tally.kept += 1
        if found and not entry.whole:
            self._tally.note("event-log-cut")
        if found and not entry.zoned:
            self._tally.note("event-log-no-zone")
        return found

    def _started(self, entry: Entry, process: Process) -> list[Activity]:
        line = entry.get("commandline")
        if not line.strip():
            self._bare += 1
            argv = [process.exe] if process.exe else []
            return self._host.told(process, argv, self._host.understand(argv, process.exe), shown=process.exe or "")
        self._lined += 1
        if entry.provider == LINUX_SYSMON:
            return self._host.started(process, split_command(line))
        argv = split_command_line(line)
        return self._host.told(process, argv, self._host.understand(argv, process.exe), shown=line.strip())

    def _connected(self, entry: Entry, process: Process) -> list[Activity]:
        target = _target(entry)
        if target is None:
            return []
        return self._host.connected(shortened(process), target)

    def finish(self) -> None:
        """Say what this log could not show."""
        providers = {provider for provider, _ in self._seen}
        if providers and not self._seen & _STARTS:
            self._tally.note("events-no-process-start")
        if self._bare and not self._lined:
            self._tally.note("windows-no-command-line", self._bare)
        if providers & {SYSMON, SECURITY} and not self._seen & _PIPES:
            self._tally.note("windows-no-pipes")


def _target(entry: Entry) -> Endpoint | None:
    if entry.event == PIPE_CONNECTED:
        return endpoint_of_pipe(entry.get("pipename"))
    port = number_of(entry.get("destinationport"))
    if entry.get("initiated").lower() == "false" or port is None or not is_engine_port(port):
        return None
    return endpoint_of_port(entry.get("destinationip") or entry.get("destinationhostname") or "?", port)


def _process(entry: Entry, origin: Origin) -> Process | None:
    if entry.at is None:
        return None
    security = entry.provider == SECURITY
    login, account, recorded = _subject(entry) if security else _user(entry)
    pid = entry.get("newprocessid") or entry.get("processid") if security else entry.get("processid")
    # Record numbers start again when a log is cleared: the time belongs to the identity.
    event = f"{entry.event}:{entry.record or pid}:{entry.at.isoformat(timespec='milliseconds')}"
    return Process(
        event=event,
        at=entry.at,
        host=entry.host,
        login=login,
        account=account,
        login_recorded=recorded,
        pid=_number(pid),
        exe=(entry.get("newprocessname") if security else entry.get("image")) or None,
        parent=(entry.get("parentprocessname") if security else entry.get("parentimage")) or None,
        origin=origin,
    )


def _subject(entry: Entry) -> tuple[str | None, str | None, bool]:
    """Say who started a process and as whom: 4688 names the creator, and since Windows 10 the target as well."""
    creator = account_of(entry.get("subjectdomainname"), entry.get("subjectusername"))
    target = account_of(entry.get("targetdomainname"), entry.get("targetusername"))
    if creator is not None and not is_service(creator, entry.get("subjectlogonid")):
        return creator, target or creator, True
    # The system starts the first process of a person's session and every service.
    if target is not None and not is_service(target, entry.get("targetlogonid")):
        return target, target, True
    return None, target or creator or entry.get("subjectusersid") or None, True


def _user(entry: Entry) -> tuple[str | None, str | None, bool]:
    r"""Say as whom a process runs: Sysmon writes `DOMAIN\user`, Sysmon for Linux the name of the real user id."""
    user = entry.get("user") or None
    if entry.provider == LINUX_SYSMON:
        session = entry.get("terminalsessionid")
        return (None, user, True) if session == _NO_SESSION else (user, user, bool(session))
    return (None, user, True) if is_service(user, entry.get("logonid")) else (user, user, True)


def _number(text: str) -> int | None:
    """Read a process id: Sysmon writes it as a number, Security as 0x2f8."""
    if text.lower().startswith("0x"):
        try:
            return int(text, 16)
        except ValueError:
            return None
    return number_of(text)
