from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tidewaiter.gate.containers import About, Containers

_HEAD = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n"
_FOUND = b'{"Id":"x","Config":{"Image":"shop:1","Labels":{"team":"a"}}}'


@contextmanager
def engine(path: Path, status: bytes, body: bytes) -> Iterator[list[bytes]]:
    """Answer every request alike, and keep its first line."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(5)

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    asked.append(client.recv(4096).split(b"\r\n")[0])
                    client.sendall(_HEAD % (status, len(body)) + body)

        thread = threading.Thread(target=serve)
        thread.start()
        yield asked
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_image_and_labels_are_asked_once(tmp_path: Path) -> None:
    known = Containers(tmp_path / "s")
    with engine(tmp_path / "s", b"200 OK", _FOUND) as asked:
        assert known.about("abc") == known.about("abc") == About("shop:1", {"team": "a"})
    assert asked == [b"GET /containers/abc/json HTTP/1.1"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (b"404 Not Found", b'{"message":"No such container"}'),
        (b"200 OK", b"{"),
        (b"200 OK", b"{}"),
        (b"200 OK", b'"\xff"'),
    ],
)
def test_what_is_not_known_is_asked_again_after_a_while(tmp_path: Path, status: bytes, body: bytes) -> None:
    now = [0.0]
    known = Containers(tmp_path / "s", clock=lambda: now[0])
    with engine(tmp_path / "s", status, body) as asked:
        assert known.about("abc") == known.about("abc") == About()
        now[0] = 11.0
        assert known.about("abc") == About()
    assert len(asked) == 2


def test_without_a_daemon_nothing_is_known(tmp_path: Path) -> None:
    assert Containers(tmp_path / "nobody").about("abc") == About()
