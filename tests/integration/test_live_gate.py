"""The docker command against a real daemon, with and without the gate: the same bytes, the same exit status."""

from __future__ import annotations

import io
import os
import pty
import shlex
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from integration import live_gate
from integration.live_gate import IMAGE, Lab, Running, docker, normal, raw
from integration.test_live_docker import skipped_without_servers

pytestmark = pytest.mark.real

_EVERYONE = '[[allow]]\nwho = { anyone = true }\nroutes = ["* /**"]\n'


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with skipped_without_servers(), live_gate.lab() as running:
        yield running


@pytest.fixture(scope="module")
def observing(lab: Lab) -> Iterator[Running]:
    with live_gate.gate(lab, "observe") as running:
        yield running


@pytest.fixture(scope="module")
def enforcing(lab: Lab) -> Iterator[Running]:
    policy = lab.folder / "everyone.toml"
    policy.write_text(_EVERYONE)
    with live_gate.gate(lab, "enforce", "--mode", "enforce", "--policy", str(policy)) as running:
        yield running


@pytest.fixture(params=["observing", "enforcing"])
def gate(request: pytest.FixtureRequest) -> Running:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Running)
    return found


def archive(**files: bytes) -> bytes:
    """Give a tar archive, the same one each time."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


_CONTEXT = archive(
    Dockerfile=f"FROM {IMAGE}\nCOPY data /data\nRUN cat /data | wc -c\nCMD cat /data\n".encode(), data=b"x" * 300_000
)
_LARGE = bytes(range(256)) * (3 << 12)  # 3 MiB
_COLUMNS = ((rb" +", b" "),)  # as wide as what is in them
_STATS = (rb"[\d.]+(?=%|[KMGi]*B)", b"N")
_SIZES = (rb"(?m)^(?:Images|Containers|Local Volumes|Build Cache) .*$", b"COUNTED")


class Case(NamedTuple):
    """One command, what it reads, and what differs in its output by nature."""

    command: str
    stdin: bytes = b""
    varies: tuple[tuple[bytes, bytes], ...] = ()


CASES = [
    Case("version"),
    Case("info"),
    Case("ps", varies=_COLUMNS),
    Case("ps -a --no-trunc --size", varies=_COLUMNS),
    Case("ps -aq --filter name=web --filter status=running"),
    Case("images --no-trunc " + IMAGE),
    Case("images --digests " + IMAGE),
    Case("history " + IMAGE),
    Case("inspect web"),
    Case("inspect " + IMAGE),
    Case("inspect web nope"),
    Case("container inspect --size web"),
    Case("logs web"),
    Case("logs --timestamps --tail 1 web"),
    Case("top web -eo pid,args"),
    Case("stats --no-stream web", varies=(_STATS, (rb" +", b" "), (rb"\b\d+\b", b"N"))),
    Case("diff web"),
    Case("port web"),
    Case("network ls"),
    Case("network inspect none host"),
    Case("volume ls"),
    Case("system df", varies=(_SIZES,)),
    Case("events --since 1 --until {now}"),
    Case("events --since 1 --until {now} --filter type=container --format json"),
    Case("run --rm --network none " + IMAGE + " echo hi"),
    Case("run --rm --network none " + IMAGE + " sh -c 'echo out; echo err >&2; exit 3'"),
    Case("run --rm -i --network none " + IMAGE + " cat", stdin=b"through stdin\n"),
    Case("run --rm -i --network none " + IMAGE + " wc -c", stdin=_LARGE),
    Case("exec web echo hi"),
    Case("exec web sh -c 'echo out; echo err >&2; exit 7'"),
    Case("exec -i web cat", stdin=b"x\n"),
    Case("exec -i web cat", stdin=_LARGE),
    Case("exec -i web sh -c 'head -c 10; echo; echo done'", stdin=b"more than ten bytes, and then an end"),
    Case("exec -d web true"),
    Case("exec web nope"),
    Case("cp web:/etc/motd -"),
    Case("cp web:/bin -"),
    Case("cp - web:/tmp", stdin=archive(one=b"1" * 200_000, two=b"2")),
    Case("cp web:/nope -"),
    Case("export web", varies=((rb"\d+ bytes, sha256 \w+", b"A TAR FILE"),)),
    Case("save " + IMAGE),
    Case("import - tidewaiter/lab:imported", stdin=archive(one=b"1" * 2_000_000)),
    Case("build --no-cache --network none --tag tidewaiter/lab:built -", stdin=_CONTEXT),
    Case("build --no-cache -", stdin=archive(Dockerfile=b"FROM tidewaiter/lab:1\nRUN false\n")),
    Case("run --rm --network none tidewaiter/lab:built"),
    Case("kill nope"),
    Case("logs nope"),
    Case("exec nope true"),
    Case("ps --filter nonsense=1"),
    Case("run --rm --network none --name web " + IMAGE),
    Case("system info --format {{{{json .Plugins}}}}"),
]


# Commands that change something: a story leaves everything as it was.
STORIES = [
    ["tag {image} tidewaiter/lab:tagged", "rmi tidewaiter/lab:tagged", "rmi tidewaiter/lab:tagged"],
    ["pause web", "pause web", "unpause web"],
    ["rename web web2", "rename web2 web"],
    ["volume create kept", "volume inspect kept", "volume rm kept", "volume rm kept"],
    ["create --network none --name made {image} false", "start -a made", "wait made", "rm made", "rm made"],
    [
        "run -d --network none --name late {image} sh -c 'sleep 1; echo bye; exit 4'",
        "attach --no-stdin late",
        "rm late",
    ],
    ["run -d --network none --name long {image} sleep 60", "kill long", "wait long", "logs long", "rm long"],
    ["run -d --network none --name short {image} sh -c 'sleep 1; echo end'", "logs -f short", "rm short"],
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story[0][:40])
def test_stories_go_the_same_way(lab: Lab, gate: Running, story: list[str]) -> None:
    found = []
    for path in (lab.docker, gate.socket):
        done = [docker(path, *shlex.split(command.format(image=IMAGE))) for command in story]
        found.append([(one.returncode, normal(one.stdout), normal(one.stderr)) for one in done])
    assert found[1] == found[0]
    assert found[0][0][0] == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.command[:60])
def test_the_docker_command_is_none_the_wiser(lab: Lab, gate: Running, case: Case) -> None:
    now = f"{time.time():.0f}"
    found = []
    for path in (lab.docker, gate.socket):
        arguments = shlex.split(case.command.format(now=now))
        done = docker(path, *arguments, stdin=case.stdin, more={"DOCKER_BUILDKIT": "0"})
        found.append((done.returncode, normal(done.stdout, *case.varies), normal(done.stderr, *case.varies)))
    assert found[1] == found[0]


def test_what_was_saved_can_be_loaded(lab: Lab, gate: Running) -> None:
    saved = docker(gate.socket, "save", IMAGE).stdout
    assert len(saved) > 1_000_000
    done = [docker(path, "load", stdin=saved) for path in (lab.docker, gate.socket)]
    assert (done[1].returncode, done[1].stdout) == (done[0].returncode, done[0].stdout) == (0, done[0].stdout)


def test_following_logs_can_be_stopped(lab: Lab, gate: Running) -> None:
    found = []
    for path in (lab.docker, gate.socket):
        command = ["docker", "-H", f"unix://{path}", "logs", "-f", "web"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            lines = (process.stdout.readline(), process.stderr.readline())
            process.send_signal(signal.SIGINT)
            found.append((lines, process.wait(5), process.stdout.read(), process.stderr.read()))
    assert found[1] == found[0]
    assert found[0][0] == (b"first\n", b"second\n")


def test_attach_takes_stdin_to_its_end(lab: Lab, gate: Running) -> None:
    found = []
    for path in (lab.docker, gate.socket):
        assert docker(path, "create", "-i", "--network", "none", "--name", "cat", IMAGE, "cat").returncode == 0
        done = docker(path, "start", "-ai", "cat", stdin=b"one\ntwo\n")
        found.append((done.returncode, done.stdout, done.stderr, docker(path, "wait", "cat").stdout))
        docker(path, "rm", "-f", "cat")
    assert found[1] == found[0] == (0, b"one\ntwo\n", b"", b"0\n")


def test_a_terminal_works(lab: Lab, gate: Running) -> None:
    found = [_on_a_terminal(path) for path in (lab.docker, gate.socket)]
    assert found[1] == found[0]
    assert b"got hello" in found[0][1]


def _on_a_terminal(path: Path) -> tuple[int, bytes]:
    """Run a program on a terminal, and type a line."""
    near, far = pty.openpty()
    command = ["docker", "-H", f"unix://{path}", "run", "--rm", "-it", "--network", "none", IMAGE]
    command += ["sh", "-c", "stty size >/dev/null; echo ready; read x; echo got $x; exit 5"]
    process = subprocess.Popen(command, stdin=far, stdout=far, stderr=far, start_new_session=True)
    os.close(far)
    seen = b""
    try:
        while b"ready" not in seen:
            seen += os.read(near, 1000)
        os.write(near, b"hello\n")
        while True:
            seen += os.read(near, 1000)
    except OSError:  # the terminal is closed
        pass
    os.close(near)
    return process.wait(10), seen


_HOST = b"Host: docker\r\n"
_BODY = b'{"Image":"tidewaiter/lab:1","Cmd":["true"]}'
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("pieces", "in_enforce"),
    [
        ([b"GET /_ping HTTP/1.0\r\n\r\n"], True),
        ([b"GET /_ping HTTP/1.1\r\n" + _HOST + b"Connection: close\r\n\r\n"], True),
        ([b"HEAD /_ping HTTP/1.1\r\n" + _HOST + b"\r\n"], True),
        ([b"OPTIONS /containers/json HTTP/1.1\r\n" + _HOST + b"\r\n"], True),
        ([b"GET /v1.41/%63ontainers/json HTTP/1.1\r\n" + _HOST + b"\r\n"], True),
        ([b"GET http://evil/v1.41/volumes HTTP/1.1\r\n" + _HOST + b"\r\n"], True),
        ([(b"GET /_ping HTTP/1.1\r\n" + _HOST + b"\r\n") * 3], True),  # pipelined
        ([b"GE", b"T /_pi", b"ng HTTP/1.1\r\nHo", b"st: docker\r\n\r", b"\n"], True),  # slowly
        (
            [
                b"POST /v1.41/containers/create?name=%s HTTP/1.1\r\n" + _HOST,
                b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"%x\r\n" % len(_BODY) + _BODY + b"\r\n0\r\n\r\n",
            ],
            True,
        ),
        (
            [
                b"POST /v1.41/containers/create?name=%s HTTP/1.1\r\n" + _HOST + b"Expect: 100-continue\r\n",
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY),
                _BODY,
            ],
            True,
        ),
        ([b"POST /grpc HTTP/1.1\r\n" + _HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", _PREFACE], True),
        ([b"GET //v1.41//containers//json HTTP/1.1\r\n" + _HOST + b"\r\n"], False),  # a redirect
        ([b"GET /_ping HTTP/1.0\n\n"], False),  # LF alone
        ([b"GET /_ping?x=\xc3\xa9 HTTP/1.1\r\n" + _HOST + b"\r\n"], False),
        ([b"GET /_ping HTTP/1.1\r\n\r\n"], False),  # no Host
        ([b"nonsense\r\n\r\n"], False),
        ([b"GET /_ping HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n" + _HOST + b"\r\nhello!"], False),
        ([b"\x16\x03\x01\x00\x01\x01\r\n\r\n"], False),  # TLS
    ],
    ids=lambda value: repr(value[0][:40]) if isinstance(value, list) else "",
)
def test_bytes_on_the_wire_are_the_same(lab: Lab, gate: Running, pieces: list[bytes], in_enforce: bool) -> None:
    found = []
    for number, path in enumerate((lab.docker, gate.socket)):
        name = b"wire%d%d" % (number, time.monotonic_ns())
        pieces_here = [piece.replace(b"%s", name) for piece in pieces]
        # Ending our direction early makes dockerd drop what it has not answered: so it is done at the end.
        found.append(normal(raw(path, *pieces_here, patience=1.0)))
    if in_enforce or gate.socket.stem == "observe":
        assert found[1] == found[0]
        assert found[0] != b""
    else:
        assert found[1].startswith((b"HTTP/1.1 400 Bad Request\r\n", b"HTTP/1.1 403 Forbidden\r\n"))
