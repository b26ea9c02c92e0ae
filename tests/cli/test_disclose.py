from __future__ import annotations

import io
import json
import socketserver
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from disclosure.logs import BODIES, write_logs
from golden import check_golden

from tidewaiter.wording import LANGUAGES

command = import_module("tidewaiter.cli.disclose")  # its name in the package is that of the click command
GOLDEN = Path(__file__).parent.parent / "disclosure" / "golden"


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the logs, and look at them without a second detector, wherever one may be installed."""
    folder = tmp_path / "logs"
    write_logs(folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "second_opinion", lambda: None)
    return folder


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page(language: str, tidewaiter: Any) -> None:
    done = tidewaiter("disclose", "logs", "--lang", language)
    assert (done.status, done.err) == (3, "")
    check_golden(GOLDEN / f"page.{language}.txt", done.out)


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_records(form: str, tidewaiter: Any) -> None:
    done = tidewaiter("disclose", "logs", "--format", form)
    assert done.status == 3
    check_golden(GOLDEN / f"records.{form}", done.out)
    records = json.loads(done.out)["disclosures"] if form == "json" else map(json.loads, done.out.splitlines())
    assert {record["schema"] for record in records} == {"tidewaiter.disclosure/1"}


@pytest.mark.parametrize(
    "options", [["--all"], ["--format", "json"], ["--format", "jsonl"], ["-o", "found.txt"], ["--lang", "ru"]]
)
def test_no_secret_is_in_any_output(options: list[str], tidewaiter: Any, tmp_path: Path) -> None:
    done = tidewaiter("disclose", "logs", *options)
    out = done.out + done.err + "".join(path.read_text("utf-8") for path in tmp_path.glob("found.txt"))
    assert "password" in out
    for body in BODIES:
        pieces = {body[at : at + 8] for at in range(4, len(body) - 8)}
        assert {piece for piece in pieces if piece in out} == set()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["logs/pods"], 0),
        (["logs/pods", "--fail-on", "critical"], 10),
        (["logs/journal.jsonl.gz", "--fail-on", "critical"], 0),
        (["logs/docker"], 3),
        (["logs/local.log"], 3),
        (["logs", "--fail-on", "critical"], 10),  # what was found counts more than what could not be read
        ([], 2),
        (["--format", "xml", "logs"], 2),
        (["nowhere"], 1),
    ],
)
def test_exit_status(arguments: list[str], status: int, tidewaiter: Any) -> None:
    assert tidewaiter("disclose", *arguments).status == status


def test_a_file_gets_the_result_and_the_terminal_what_was_read(tidewaiter: Any, tmp_path: Path) -> None:
    done = tidewaiter("disclose", "logs/pods", "-o", "found.txt")
    assert done.out == ""
    assert "What was read\n  1 file, 4 lines of containers\n" in done.err
    assert "Kubernetes service account token" in (tmp_path / "found.txt").read_text("utf-8")


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tidewaiter: Any) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"nginx/1.25.3\n")))
    assert "nginx/1.25.3" in tidewaiter("disclose", "-").out


def test_a_line_without_end_is_left_out_and_counted(
    logs: Path, tidewaiter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MAX_LINE", 2 << 20)
    (logs / "long.txt").write_bytes(b"nginx/1.25.3\n" + b"y " * (2 << 20) + b"\nredis 7.2.1\n")
    done = tidewaiter("disclose", logs / "long.txt")
    assert done.status == 3
    assert "nginx/1.25.3" in done.out
    assert "redis 7.2.1" in done.out
    assert "long.txt:2 line too long (more than 2097152 bytes)" in " ".join(done.out.split())


def test_a_hostile_log_is_harmless_to_look_at(logs: Path, tidewaiter: Any) -> None:
    (logs / "bad.txt").write_text("x /etc/a\u202e/b \x1b[2J APP_NAME=\u2066\x07{0}%s \x1b]0;t\x07\n", encoding="utf-8")
    out = tidewaiter("disclose", logs / "bad.txt").out
    assert {"\x1b", "\u202e", "\u2066", "\x07"}.isdisjoint(out)


def test_an_engine_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tidewaiter: Any) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    done = tidewaiter("disclose", "--docker")
    assert (done.status, done.out) == (1, "")
    assert f"where: {tmp_path}/none.sock\n" in done.err


class _Engine(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        target = self.rfile.readline().split()[1].decode()
        body = {
            "/containers/json?all=1": b'[{"Id": "bb", "Names": ["/web"]}, {"Id": "aa", "Names": ["/mute"]}]',
            "/containers/aa/json": b"{}",
            "/containers/bb/json": b'{"Config": {"Tty": true}}',
            "/containers/bb/logs?stdout=1&stderr=1&timestamps=0": b"nginx/1.25.3\r\n",
        }.get(target)
        if body is None:
            text = b'{"message":"configured logging driver does not support reading"}'
            self.wfile.write(b"HTTP/1.1 501 Not Implemented\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
        else:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def test_containers_of_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tidewaiter: Any) -> None:
    path = tmp_path / "d.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with socketserver.UnixStreamServer(str(path), _Engine) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        done = tidewaiter("disclose", "--docker", "--no-second-opinion")
        server.shutdown()
    assert done.status == 3
    assert "docker:web\n  versions: 1\n" in done.out
    said = " ".join(done.out.split())
    assert "docker:mute:1 the engine gave no log (the engine answered 501: configured logging driver does not" in said


def test_settings_that_docker_keeps_beside_a_log_are_no_log(logs: Path, tidewaiter: Any) -> None:
    home = next((logs / "docker").iterdir())
    settings = home / "config.v2.json"
    settings.write_text('{"Env":["DB_PASSWORD=abcdef1"]}', encoding="utf-8")
    [log] = home.glob("*-json.log")
    log.write_text('{"log":"quiet\\n","stream":"stdout"}\n', encoding="utf-8")
    done = tidewaiter("disclose", home)
    assert done.status == 0
    assert "no log: a file of the engine itself" in " ".join(done.out.split())
    assert "DB_PASSWORD" not in done.out
    assert "DB_PASSWORD" in tidewaiter("disclose", settings).out  # somebody asked for it by name
