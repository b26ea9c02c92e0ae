"""Starts and stops the real servers of the live tests: Docker daemon, audit daemon, nginx, throw-away accounts.

Everything is a context manager that leaves the machine as it was, also after a failure. What cannot be had raises
`Unavailable` with the reason. Servers are stopped by their process id, never by name, and a running Docker or audit
daemon that is not ours is left alone.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

# The path is that of the product's own advice for the audit rule, and the default of the docker command.
SOCKET = Path("/run/docker.sock")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UNSET = 2**32 - 1  # loginuid of a process that belongs to no login
_STARTED, _STOPPED, _RAN = 15.0, 10.0, 15.0  # seconds

# Runs in a process of its own: the login is set while still root, then the privileges go, then the program starts.
# What to run comes through the environment, so that it stands on no command line but its own.
_BECOME = """
import json, os, pwd, sys
import warnings  # os.execvp imports it, and the interpreter may lie where only root may read
login, account, argv = json.loads(os.environ.pop("LIVE_COMMAND"))
try:
    with open("/proc/self/loginuid", "w") as file:
        file.write(str(login))
except OSError as problem:
    sys.exit(f"live: no login can be recorded: {problem}")
if account != "root":
    os.initgroups(account, pwd.getpwnam(account).pw_gid)
    os.setgid(pwd.getpwnam(account).pw_gid)
    os.setuid(pwd.getpwnam(account).pw_uid)
os.execvp(argv[0], argv)
"""


class Unavailable(Exception):  # noqa: N818 - it is the reason of a skip, not an error
    """This machine cannot run the server; the text says why."""


class Engine(NamedTuple):
    """A running Docker daemon."""

    log: Path  # its debug log
    api: str  # the newest API version it speaks, such as "1.41"
    containers: tuple[str, ...]  # their short ids, the newest first, as `docker ps -aq` lists them


class Recorder(NamedTuple):
    """A running audit daemon with our rules."""

    log: Path

    def settle(self) -> None:
        """Wait until everything that happened before this call is in the log."""
        mark = f"tidewaiter-mark-{time.monotonic_ns()}"
        run(["/bin/true", mark])
        wait_until(lambda: mark.encode() in self.log.read_bytes(), f"{mark} in {self.log}")


def need(*programs: str) -> None:
    """Raise Unavailable unless we are root and these programs are installed."""
    if os.geteuid() != 0:
        raise Unavailable("not root")
    missing = [name for name in programs if shutil.which(name, path=PATH) is None]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)} (tests/integration/install-servers.sh)")


def wait_until(holds: Callable[[], bool], what: str, seconds: float = _STARTED) -> None:
    """Wait for something to hold; TimeoutError names it."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.05)


def run(argv: Sequence[str], *, stdin: IO[bytes] | None = None) -> str:
    """Run a program of the harness; its failure is an error of the test."""
    environment = {"PATH": PATH, "HOME": "/nonexistent", "LC_ALL": "C"}
    done = subprocess.run(argv, stdin=stdin, capture_output=True, timeout=_RAN, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode()


def run_as(login: str | None, account: str, argv: Sequence[str], *, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a login of one account with the rights of another; no login is a service of the machine."""
    number = pwd.getpwnam(login).pw_uid if login else UNSET
    environment = {
        "PATH": PATH,
        "HOME": str(home),  # no configuration of the docker command but its defaults
        "LC_ALL": "C",
        "LIVE_COMMAND": json.dumps([number, account, list(argv)]),
    }
    command = [sys.executable, "-I", "-c", _BECOME]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_RAN, env=environment, check=False
    )
    if done.stderr.startswith("live: "):
        raise Unavailable(done.stderr.strip())
    return done


@contextmanager
def _server(argv: Sequence[str], errors: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block; standard error goes to a file."""
    # Should the tests be killed, the server must not stay behind.
    command = ["setpriv", "--pdeathsig", "TERM", *argv]
    environment = {"PATH": PATH, "LC_ALL": "C"}
    with errors.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOPPED)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOPPED)


def _up(process: subprocess.Popen[bytes], errors: Path, ready: Callable[[], bool]) -> None:
    """Wait until a server is ready; Unavailable with its last words when it ends instead."""

    def settled() -> bool:
        return process.poll() is not None or ready()

    wait_until(settled, f"the start of {process.args!r}, which says {errors}")
    if process.returncode is not None:
        said = errors.read_text(errors="replace").strip().splitlines()[-3:]
        raise Unavailable(f"{process.args!r} ended with {process.returncode}: {' / '.join(said)}")


@contextmanager
def account(word: str, group: str | None = None) -> Iterator[str]:
    """Make an account, perhaps of a group, whose name begins with a word, and remove it at the end."""
    need("useradd", "userdel")
    name = f"{word}-{os.getpid()}"
    options = ["--no-create-home", "--no-log-init", "--shell", "/bin/sh", *(["--groups", group] if group else [])]
    try:
        run(["useradd", *options, name])
    except RuntimeError as problem:
        raise Unavailable(f"no account can be made: {problem}") from problem
    try:
        yield name
    finally:
        run(["userdel", name])


@contextmanager
def _short_folder() -> Iterator[Path]:
    """Make a folder whose sockets have names short enough for the kernel (108 bytes)."""
    folder = Path(tempfile.mkdtemp(prefix="tw-", dir="/tmp"))
    try:
        yield folder
    finally:
        for mount in reversed(re.findall(rf"^\S+ ({folder}/\S+) ", Path("/proc/mounts").read_text(), re.MULTILINE)):
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
        shutil.rmtree(folder)


@contextmanager
def _removed(*paths: str) -> Iterator[None]:
    """Remove at the end what a server makes outside of its own folder; what was there before stays."""
    new = [path for path in map(Path, paths) if not path.exists()]
    try:
        yield
    finally:
        for path in new:
            with suppress(OSError):  # gone already, or somebody else uses the folder by now
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def answers(path: Path) -> bool:
    """Tell whether somebody serves a Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """Run a Docker daemon with one image and two containers, which are never started."""
    need("dockerd", "docker", "busybox", "setpriv")
    try:
        grp.getgrnam("docker")
    except KeyError as problem:
        raise Unavailable("there is no group docker, to which the socket would be given") from problem
    if answers(SOCKET):
        raise Unavailable(f"{SOCKET} is served by another daemon, which is not to be disturbed")
    log = folder / "dockerd.log"
    with ExitStack() as undo:
        undo.enter_context(_removed("/etc/docker/key.json", "/etc/docker", str(SOCKET)))
        undo.enter_context(_removed("/run/docker/plugins", "/run/docker"))
        home = undo.enter_context(_short_folder())
        # No network, no firewall rules: nothing is changed that other programs on the machine would notice.
        options = f"-D -H unix://{SOCKET} --data-root {home}/data --exec-root {home}/exec -p {home}/pid"
        options += " --iptables=false --ip6tables=false --ip-forward=false --bridge=none --storage-driver=vfs"
        process = undo.enter_context(_server(["dockerd", *options.split()], log))
        api = ""

        def ready() -> bool:
            nonlocal api
            with suppress(RuntimeError):
                api = run(["docker", "version", "--format", "{{.Server.APIVersion}}"]).strip()
            return bool(api)

        _up(process, log, ready)
        yield Engine(log, api, _fill(folder))


def _fill(folder: Path) -> tuple[str, ...]:
    """Make an image without a registry, and containers of it."""
    root = folder / "root" / "bin"
    root.mkdir(parents=True)
    shutil.copy(str(shutil.which("busybox", path=PATH)), root / "busybox")
    (root / "sh").symlink_to("busybox")
    archive = folder / "root.tar"
    run(["tar", "-c", "-f", str(archive), "-C", str(root.parent), "."])
    with archive.open("rb") as file:
        run(["docker", "import", "-", "tidewaiter/live:1"], stdin=file)
    create = ["docker", "create", "--network", "none"]
    made = [run([*create, "--name", name, "tidewaiter/live:1", "sh"]).strip() for name in ("shop", "vault")]
    return tuple(identity[:12] for identity in reversed(made))


_AUDITD = """
log_file = {folder}/audit.log
log_format = ENRICHED
log_group = root
flush = INCREMENTAL_ASYNC
freq = 1
max_log_file = 256
num_logs = 0
max_log_file_action = IGNORE
plugin_dir = {folder}/plugins.d
space_left = 2
space_left_action = IGNORE
admin_space_left = 1
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
name_format = NONE
"""


def audit_status() -> dict[str, str]:
    """Give the kernel's audit settings as `auditctl -s` shows them."""
    try:
        shown = run(["auditctl", "-s"])
    except RuntimeError as problem:
        raise Unavailable(f"the kernel gives no audit: {problem}") from problem
    return dict(line.split(" ", 1) for line in shown.splitlines() if " " in line)


@contextmanager
def recorder(folder: Path) -> Iterator[Recorder]:
    """Run an audit daemon that records every process start and every connection to the Docker socket."""
    need("auditd", "auditctl", "setpriv")
    before = audit_status()
    if before["pid"] != "0":
        raise Unavailable(f"process {before['pid']} is already the audit daemon of this machine")
    if before["enabled"] == "2":
        raise Unavailable("the audit rules of this machine are locked until it starts again")
    home = folder / "audit"  # auditd takes it for itself: mode 0700
    (home / "plugins.d").mkdir(parents=True)
    (home / "auditd.conf").write_text(_AUDITD.format(folder=home))
    errors = folder / "auditd.err"
    with ExitStack() as undo:
        undo.callback(run, ["auditctl", "-b", before["backlog_limit"], "-e", before["enabled"]])
        undo.enter_context(_removed("/run/auditd.state"))
        process = undo.enter_context(_server(["auditd", "-n", "-c", str(home)], errors))
        log = home / "audit.log"
        _up(process, errors, lambda: audit_status()["pid"] == str(process.pid) and log.exists())
        run(["auditctl", "-b", "8192", "-e", "1"])
        for rule in _rules(f"tidewaiter-live-{os.getpid()}"):
            try:
                run(["auditctl", "-a", *rule])
            except RuntimeError as problem:
                raise Unavailable(f"the kernel takes no audit rule: {problem}") from problem
            undo.callback(run, ["auditctl", "-d", *rule])
        yield Recorder(log)


def _rules(key: str) -> list[list[str]]:
    """Give what the product's documentation tells to record, under a name of our own."""
    rules = ("-S execve -S execveat", f"-S connect -F path={SOCKET}")
    return [["always,exit", "-F", "arch=b64", *rule.split(), "-k", key] for rule in rules]


class Proxy(NamedTuple):
    """A running nginx in front of the Docker socket."""

    url: str
    combined: Path
    json: Path


_NGINX = """
user root;  # the Docker socket is not open to others
worker_processes 1;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{}}
http {{
    log_format fields escape=json '{{"time":"$time_iso8601","msec":"$msec","remote_addr":"$remote_addr",'
        '"remote_user":"$remote_user","request_method":"$request_method","request_uri":"$request_uri","uri":"$uri",'
        '"status":"$status","body_bytes_sent":"$body_bytes_sent","http_user_agent":"$http_user_agent"}}';
    access_log {folder}/combined.log combined;
    access_log {folder}/access.jsonl fields;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        auth_basic docker;
        auth_basic_user_file {folder}/accounts;
        location / {{ proxy_pass http://unix:{socket}; }}
        location /v{api}/images/ {{ deny all; }}
    }}
}}
"""


@contextmanager
def proxy(folder: Path, behind: Engine, accounts: Sequence[tuple[str, str]]) -> Iterator[Proxy]:
    """Run nginx on a free port of the loopback interface; reading images through it is forbidden."""
    need("nginx", "curl", "setpriv")
    home = folder / "nginx"
    home.mkdir()
    (home / "accounts").write_text("".join(f"{name}:{{PLAIN}}{password}\n" for name, password in accounts))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = home / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=home, port=port, socket=SOCKET, api=behind.api))
    errors = folder / "nginx.err"
    command = f"nginx -p {home} -c {configuration} -e {home}/error.log -g".split()
    with _server([*command, "daemon off;"], errors) as process:
        _up(process, errors, lambda: _listens(port))
        yield Proxy(f"http://127.0.0.1:{port}", home / "combined.log", home / "access.jsonl")


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
