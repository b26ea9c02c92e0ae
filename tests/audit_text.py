"""Writes Linux audit events for tests, in every form they take in logs."""

from __future__ import annotations

from collections.abc import Sequence

_PLAIN = frozenset(range(0x21, 0x7F)) - {0x22}

SYSCALL = (
    "arch=c000003e syscall={call} success={success} exit={code} a0=1 a1=2 a2=3 a3=4 items=2 ppid=1 pid={pid} "
    'auid={auid} uid={uid} gid=0 tty=(none) ses=5 comm="x" exe={exe} subj=unconfined key="k"'
)
UNSET = 4294967295


def event(
    argv: Sequence[str] | None = None,
    *,
    serial: int = 1,
    seconds: float = 1795425714.72,
    exe: str = "/usr/bin/x",
    auid: int | str = 1001,
    uid: int = 1001,
    pid: int = 77,
    code: int = 0,
    call: int = 59,
    saddr: str | None = None,
    node: str = "",
    encode: bool = False,
    limit: int = 7500,
) -> list[str]:
    """Give the lines of one event: an exec with these arguments, or a connect to this address."""

    def header(kind: str) -> str:
        return f"{node}type={kind} msg=audit({seconds:.3f}:{serial}): "

    success = "yes" if code >= 0 else "no"
    body = SYSCALL.format(call=call, success=success, code=code, pid=pid, auid=auid, uid=uid, exe=value(exe))
    lines = [header("SYSCALL") + body]
    if argv is not None:
        lines += execve_records(header("EXECVE"), list(argv), limit=limit, encode=encode)
    if saddr is not None:
        lines.append(f"{header('SOCKADDR')}saddr={saddr}")
    return [*lines, f'{header("CWD")}cwd="/"', f"{header('PROCTITLE')}proctitle=6C73002D6C"]


def value(text: str, *, encode: bool = False) -> str:
    """Write a text as the kernel does: in quotes, or as hex when it holds a space, a quote or other bytes."""
    raw = text.encode()
    return f'"{text}"' if _PLAIN.issuperset(raw) and not encode else raw.hex().upper()


def execve_records(header: str, argv: Sequence[str], *, limit: int, encode: bool) -> list[str]:
    """Give the EXECVE records; an argument over `limit` characters goes on in further records."""
    lines = [f"{header}argc={len(argv)}"]
    for index, argument in enumerate(argv):
        written = value(argument, encode=encode)
        body, quote = written.strip('"'), written[:1] if written.startswith('"') else ""
        if len(body) <= limit:
            lines[-1] += f" a{index}={written}"
            continue
        step = max(limit - limit % 2, 2)  # two digits are one byte
        pieces = [body[start : start + step] for start in range(0, len(body), step)]
        lines[-1] += f" a{index}_len={len(body)} a{index}[0]={quote}{pieces[0]}{quote}"
        lines += [f"{header} a{index}[{at}]={quote}{piece}{quote}" for at, piece in enumerate(pieces[1:], 1)]
    return lines


def unix(path: str) -> str:
    """Give the address of a Unix socket as SOCKADDR has it."""
    return "0100" + path.encode().hex().upper() + "00"


def log(*events: Sequence[str]) -> bytes:
    """Give the text of events that follow each other."""
    return "".join(line + "\n" for one in events for line in one).encode()
