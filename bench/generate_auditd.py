"""Writes realistic auditd text of any size: the same seed and options give the same bytes.

    python bench/generate_auditd.py --mb 200 --seed 7 > audit.log

A mix of sshd, cron, systemd, web server, CI and container runtime process starts with SYSCALL, EXECVE, CWD, PATH and
PROCTITLE records, some user-space records and connects between them. About 4 % of the process starts look around in
containers, 5 % of the events are interleaved with their neighbour, 2 % carry a long argument split over records.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator

_UNSET = 4294967295
_HEX = frozenset(b"\"\\ '") | frozenset(range(0x21)) | frozenset(range(0x7F, 0x100))
_SEPARATOR = "\x1d"
_ACCOUNTS = {
    0: "root", 33: "www-data", 101: "_apt", 998: "gitlab-runner", 1001: "anna", 1002: "boris", 1003: "chen",
    1004: "dora", 1005: "deploy", 1006: "backup",
}  # fmt: skip
_Command = tuple[str, list[str]]


class Generator:
    """Makes events one after another; everything random comes from one seeded source."""

    def __init__(self, seed: int, *, enriched: bool = False, node: str | None = None) -> None:
        self._random = random.Random(seed)
        self._enriched = enriched
        self._prefix = f"node={node} " if node else ""
        self._clock = 1_795_000_000_000  # milliseconds; a fixed day, so that equal seeds give equal bytes
        self._serial = 1000
        self._pid = 2000
        self._quiet = (_sshd, _cron, _systemd, _web, _web, _build, _build, _build, _runtime, _person, _person, _person)

    def event(self) -> list[str]:
        """Give the lines of the next event."""
        chance = self._random.random()
        self._clock += int(self._random.random() * 40)
        self._serial += 1
        self._pid += 1 + int(self._random.random() * 3)
        if chance < 0.030:
            return self._exec(_looking_around(self._random), self._random.choice((1001, 1002, 1003, 1005, _UNSET)))
        if chance < 0.050:
            return self._exec(_long(self._random), 998)
        if chance < 0.11:
            return self._user_record()
        if chance < 0.14:
            return self._connect()
        if chance < 0.20:
            return self._not_found()
        make = self._random.choice(self._quiet)
        auid = self._random.choice((1001, 1002, 1004)) if make in {_person, _build} else _UNSET
        return self._exec(make(self._random), auid)

    def _header(self, kind: str) -> str:
        return f"{self._prefix}type={kind} msg=audit({self._clock // 1000}.{self._clock % 1000:03}:{self._serial}): "

    def _syscall(
        self, number: int, auid: int, uid: int, exe: str, *, code: int = 0, comm: str = "", key: str = "proc"
    ) -> str:
        rand, ses = self._random.getrandbits(44), self._pid // 100 if auid != _UNSET else _UNSET
        name = comm or exe.rpartition("/")[2][:15]
        line = (
            f"{self._header('SYSCALL')}arch=c000003e syscall={number} "
            f"success={'yes' if code == 0 else 'no'} exit={code} "
            f"a0={rand:x} a1={rand ^ 0x5A5A:x} a2={rand >> 3:x} a3={rand & 0xFFF:x} items=2 ppid={self._pid - 1} "
            f"pid={self._pid} auid={auid} uid={uid} gid={uid} euid={uid} suid={uid} fsuid={uid} egid={uid} sgid={uid} "
            f'fsgid={uid} tty={"pts0" if auid != _UNSET else "(none)"} ses={ses} comm="{name}" exe="{exe}" '
            f'subj=unconfined key="{key}"'
        )
        if not self._enriched:
            return line
        login, name = "unset" if auid == _UNSET else _ACCOUNTS[auid], _ACCOUNTS[uid]
        call = {59: "execve", 42: "connect"}[number]
        return (
            f'{line}{_SEPARATOR}ARCH=x86_64 SYSCALL={call} AUID="{login}" UID="{name}" GID="{name}" EUID="{name}" '
            f'SUID="{name}" FSUID="{name}" EGID="{name}" SGID="{name}" FSGID="{name}"'
        )

    def _exec(self, command: _Command, auid: int) -> list[str]:
        exe, argv = command
        uid = auid if auid != _UNSET else self._random.choice((0, 33, 0))
        lines = [self._syscall(59, auid, uid, exe)]
        lines += execve_records(self._header("EXECVE"), argv)
        lines.append(f'{self._header("CWD")}cwd="/home/{_ACCOUNTS[uid]}"')
        lines.append(self._path(0, exe))
        lines.append(self._path(1, "/lib64/ld-linux-x86-64.so.2"))
        title = "\0".join(argv).encode()[:128].hex().upper()
        lines.append(f"{self._header('PROCTITLE')}proctitle={title}")
        return lines

    def _path(self, item: int, name: str) -> str:
        tail = f'{_SEPARATOR}OUID="root" OGID="root"' if self._enriched else ""
        return (
            f'{self._header("PATH")}item={item} name="{name}" inode={260000 + len(name)} dev=fe:00 mode=0100755 ouid=0 '
            f"ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0{tail}"
        )

    def _not_found(self) -> list[str]:
        name = self._random.choice(("git", "python3", "docker", "make", "id"))
        return [
            self._syscall(59, 1001, 1001, "/usr/bin/bash", code=-2),
            f'{self._header("CWD")}cwd="/home/anna"',
            f'{self._header("PATH")}item=0 name="/usr/local/sbin/{name}" nametype=UNKNOWN cap_fp=0 cap_fi=0 cap_fe=0',
            f"{self._header('PROCTITLE')}proctitle=2D62617368",
        ]

    def _connect(self) -> list[str]:
        rand = self._random
        if rand.random() < 0.4:
            address = "0100" + rand.choice(("/run/docker.sock", "/var/run/docker.sock")).encode().hex().upper() + "00"
            exe, auid, code = rand.choice(
                (("/usr/bin/docker", 1002, 0), ("/usr/bin/curl", 1003, -13), ("/opt/agent", _UNSET, 0))
            )
        else:
            address = f"02000050{rand.getrandbits(32):08X}0000000000000000"
            exe, auid, code = "/usr/bin/curl", 1001, -115
        uid = 0 if auid == _UNSET else auid
        return [
            self._syscall(42, auid, uid, exe, code=code, key="docker_sock"),
            f"{self._header('SOCKADDR')}saddr={address}",
            f"{self._header('PROCTITLE')}proctitle={exe.encode().hex().upper()}",
        ]

    def _user_record(self) -> list[str]:
        kind = self._random.choice(("USER_START", "USER_END", "CRED_ACQ", "CRED_DISP", "USER_ACCT"))
        line = (
            f"{self._header(kind)}pid={self._pid} uid=0 auid={_UNSET} ses={_UNSET} subj=unconfined "
            f"msg='op=PAM:session_open "
            f'grantors=pam_loginuid,pam_unix acct="anna" exe="/usr/sbin/sshd" hostname=10.0.3.{self._pid % 250} '
            f"addr=10.0.3.{self._pid % 250} terminal=ssh res=success'"
        )
        return [line]

    def lines(self) -> Iterator[str]:
        """Give lines without end; every twentieth event is mixed with the next one."""
        while True:
            lines = self.event()
            if self._random.random() < 0.05:
                lines = _interleave(lines, self.event(), self._random)
            yield from lines


def _interleave(one: list[str], other: list[str], rand: random.Random) -> list[str]:
    mixed, one, other = [], one[::-1], other[::-1]
    while one or other:
        source = one if one and (not other or rand.random() < 0.5) else other
        mixed.append(source.pop())
    return mixed


def value(text: str, *, encode: bool = False) -> str:
    """Write a text as the kernel does: quoted, or upper-case hex when it holds a space, quote or control byte."""
    raw = text.encode()
    return raw.hex().upper() if encode or not _HEX.isdisjoint(raw) else f'"{text}"'


def execve_records(header: str, argv: list[str], *, limit: int = 7500, encode: bool = False) -> list[str]:
    """Write EXECVE records; an argument over `limit` characters is split over several, like the kernel splits it."""
    lines, current = [], f"{header}argc={len(argv)}"
    for index, argument in enumerate(argv):
        written = value(argument, encode=encode)
        if len(written) <= limit:
            current += f" a{index}={written}"
            continue
        quote = '"' if written.startswith('"') else ""
        body = written.strip('"')
        step = max(limit - limit % 2, 2)  # two digits of hex are one byte
        current += f" a{index}_len={len(body)}"
        for part, start in enumerate(range(0, len(body), step)):
            current += f" a{index}[{part}]={quote}{body[start : start + step]}{quote}"
            if start + step < len(body):
                lines.append(current)
                current = header
    return [*lines, current]


def _sshd(rand: random.Random) -> _Command:
    return rand.choice(
        (
            ("/usr/sbin/sshd", ["/usr/sbin/sshd", "-D", "-R"]),
            ("/usr/bin/dash", ["sh", "-c", "/usr/bin/env -i PATH=/usr/bin run-parts"]),
        )
    )


def _cron(rand: random.Random) -> _Command:
    minute = int(rand.random() * 60)
    return rand.choice(
        (
            ("/usr/bin/dash", ["/bin/sh", "-c", f"test -x /usr/sbin/anacron || run-parts --report /etc/cron.{minute}"]),
            ("/usr/bin/find", ["find", "/var/lib/php/sessions", "-mmin", f"+{minute}", "-delete"]),
            ("/usr/bin/logrotate", ["/usr/sbin/logrotate", "/etc/logrotate.conf"]),
        )
    )


def _systemd(rand: random.Random) -> _Command:
    unit = rand.choice(("nginx", "ssh", "cron", "getty@tty1", "postgresql", "docker"))
    return "/usr/bin/systemctl", ["systemctl", rand.choice(("status", "is-active", "show")), f"{unit}.service"]


def _web(rand: random.Random) -> _Command:
    number = rand.getrandbits(32)
    return rand.choice(
        (
            ("/usr/bin/php8.2", ["php", "artisan", "queue:work", "--once", f"--job={number:08x}"]),
            (
                "/usr/bin/convert",
                ["convert", f"/srv/upload-{number:08x}.png", "-resize", "128x128", f"/srv/{number:x}.jpg"],
            ),
        )
    )


def _build(rand: random.Random) -> _Command:
    number = rand.getrandbits(24)
    return rand.choice(
        (
            (
                "/usr/bin/x86_64-linux-gnu-gcc-12",
                ["gcc", "-O2", "-Wall", "-c", f"src/module_{number % 700}.c", "-o", f"obj/{number:x}.o"],
            ),
            ("/usr/bin/git", ["git", "-c", "core.pager=cat", "log", "--format=%H %an", f"-n{number % 50}"]),
            ("/usr/bin/make", ["make", "-C", f"/builds/project-{number % 90}", "all"]),
            ("/usr/bin/node", ["node", f"/builds/{number:x}/node_modules/.bin/webpack", "--mode=production"]),
            ("/usr/bin/python3.11", ["python3", "-m", "pytest", f"tests/test_{number % 400}.py"]),
        )
    )


def _runtime(rand: random.Random) -> _Command:
    name = f"{rand.getrandbits(256):064x}"
    return rand.choice(
        (
            ("/usr/bin/runc", ["runc", "init"]),
            (
                "/usr/bin/containerd-shim-runc-v2",
                ["/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", name],
            ),
            (
                "/usr/sbin/xtables-nft-multi",
                ["/usr/sbin/iptables", "--wait", "-t", "nat", "-C", "POSTROUTING", "-j", name[:9]],
            ),
            ("/bin/busybox", ["wget", "-q", "-O-", f"http://127.0.0.1:8080/health?n={name[:6]}"]),
        )
    )


def _person(rand: random.Random) -> _Command:
    number = int(rand.random() * 5000)
    return rand.choice(
        (
            ("/usr/bin/ls", ["ls", "--color=auto", "-l", f"project-{number}"]),
            ("/usr/bin/grep", ["grep", "-rn", "--color=auto", f"needle {number}", "src"]),
            ("/usr/bin/bash", ["bash", "-c", f"cd /srv/app && ./run.sh --port {number} 2>&1 | tee log"]),
            ("/usr/bin/vim.basic", ["vim", f"notes-{number}.md"]),
            ("/usr/bin/cat", ["cat", f"/var/log/syslog.{number}"]),
            ("/usr/bin/ps", ["ps", "-ef"]),
            ("/usr/bin/id", ["id", "-u"]),
        )
    )


def _looking_around(rand: random.Random) -> _Command:
    name = f"web-{int(rand.random() * 300)}"
    return rand.choice(
        (
            ("/usr/bin/docker", ["docker", "ps", "-a"]),
            ("/usr/bin/docker", ["docker", "inspect", "--format", "{{.Name}} {{.Config.Env}}", name]),
            ("/usr/bin/bash", ["bash", "-c", f"docker ps --filter name={name}"]),
            (
                "/usr/bin/curl",
                [
                    "curl",
                    "-s",
                    "--unix-socket",
                    "/var/run/docker.sock",
                    f"http://d/v1.4{len(name) % 9}/containers/json",
                ],
            ),
            ("/usr/local/bin/kubectl", ["kubectl", "-n", name, "get", "pods", "-o", "wide"]),
            ("/usr/bin/docker", ["systemd-resolved", "images"]),
            ("/usr/bin/crictl", ["crictl", "pods"]),
        )
    )


def _long(rand: random.Random) -> _Command:
    number = rand.getrandbits(24)
    if number % 20 == 0:
        return "/usr/bin/docker", ["docker", "ps", "--filter", f"name={'y' * 9000} '{number}'"]
    return "/usr/bin/java", [
        "java",
        "-cp",
        ":".join(f"/opt/lib/{number + n:x}.jar" for n in range(600)),
        "org.example.Main",
    ]


def generate(size: int, seed: int, *, enriched: bool = False, node: str | None = None) -> Iterator[bytes]:
    """Give about `size` bytes of audit log in pieces of whole lines."""
    lines: Callable[[], str] = Generator(seed, enriched=enriched, node=node).lines().__next__
    made = 0
    while made < size:
        piece = ("\n".join([lines() for _ in range(1000)]) + "\n").encode()
        made += len(piece)
        yield piece


def main() -> None:
    """Write to standard output what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=10.0, help="megabytes to write (10**6 bytes)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--enriched", action="store_true", help="log_format=ENRICHED instead of RAW")
    parser.add_argument("--node", help="put node=NAME before every record")
    options = parser.parse_args()
    for piece in generate(int(options.mb * 1e6), options.seed, enriched=options.enriched, node=options.node):
        sys.stdout.buffer.write(piece)


if __name__ == "__main__":
    main()
