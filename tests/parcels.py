"""Findings on their way to a sink, and receivers on this machine that take them, or do not."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import factories
import msgspec

from tidewaiter.delivery.parcel import Parcel
from tidewaiter.delivery.rendered import Form
from tidewaiter.sinks.document import Context, document
from tidewaiter.wording import Wording

NOW = 1_795_400_000.0  # 2026-11-23


def finding(name: str = "F-1", **over: Any) -> dict[str, Any]:
    """Give the document of a finding."""
    return dict(document(factories.finding(id=name, **over)))


def parcel(number: int = 1, **over: Any) -> Parcel:
    """Give a finding on its way."""
    complete: dict[str, Any] = {
        "number": number,
        "finding": f"F-{number}",
        "fingerprint": f"{number:032x}",
        "document": finding(f"F-{number}"),
        "attempts": 0,
        "offered": NOW,
        "since": NOW,
    }
    return Parcel(**{**complete, **over})


def broken(number: int) -> Parcel:
    """Give a finding that no rendering can put into words."""
    return parcel(number, document={"id": f"F-{number}"})


def form(name: str = "jsonl", **context: Any) -> Form:
    """Give a rendering."""
    return Form(name=name, wording=Wording("en"), context=Context(**context))


class Request(NamedTuple):
    """What a receiver was sent."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def ids(self) -> list[str]:
        """Give the ids of findings that came as JSON lines."""
        return [msgspec.json.decode(line)["id"] for line in self.body.splitlines()]


class Reply(NamedTuple):
    """What a receiver answers."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = {}
    wait: Callable[[], object] = bool  # called before answering


class Receiver(NamedTuple):
    """A running receiver."""

    url: str
    requests: list[Request]


@contextmanager
def receiver(reply: Callable[[Request], Reply], *, port: int = 0) -> Iterator[Receiver]:
    """Run an HTTP receiver on the loopback interface that answers as it is told."""
    requests: list[Request] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.path, headers, self.rfile.read(length))
            requests.append(request)
            answer = reply(request)
            answer.wait()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: object) -> None:
            """Say nothing: a client that went away is part of the tests."""

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Receiver(f"http://127.0.0.1:{server.server_port}/", requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
