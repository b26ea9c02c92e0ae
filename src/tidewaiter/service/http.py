"""Records over HTTP: who sends is checked, a body becomes lines, and 200 means that they are on disk.

    POST /v1/kubernetes/audit/{source}   audit webhook of kube-apiserver (EventList)
    POST /v1/falco                       http_output of Falco                               (also /v1/falco/{source})
    POST /v1/logs                        OTLP/HTTP logs, protobuf and JSON                  (also /v1/logs/{source})
    POST /v1/json/{source}               JSON in each form and lines of text: Fluent Bit, Vector, curl
    POST /v1/pubsub/{source}             Google Pub/Sub push
    POST /v1/docker/gate                 what the Docker gate of another host saw   (also /v1/docker/gate/{source})
    GET  /healthz  /readyz  /metrics

No answer but 200 means that something was kept. 429 and 503 say when to come again (Retry-After).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tidewaiter.errors import StoreError
from tidewaiter.service import otlp
from tidewaiter.service.access import Access, Caller, Sources, is_source_name
from tidewaiter.service.bodies import Lines, NotJson, WrongForm, json_only, kubernetes, records
from tidewaiter.service.inflate import CODINGS, Body, NotCoded, TooLarge, is_known
from tidewaiter.service.metrics import Metrics
from tidewaiter.settings.http import Http

_MOST_HEADERS = 32 << 10  # bytes
_ASIDE = 128 << 10  # bytes of a body from which it is taken apart in a thread
_GONE = 499  # nobody is left to read it; for the metrics
_FULL_SECONDS = 10  # until a sender should try a full journal again


class Puts(Protocol):
    """What is needed of the journal."""

    @property
    def writable(self) -> bool:
        """Whether it takes anything."""

    def put(self, stream: str, data: bytes) -> Future[None]:
        """Take lines in; the future is done when they are on disk, or fails with a StoreError."""


class Refusal(Exception):  # noqa: N818 - an answer, not a mistake
    """An answer that is not 200."""

    def __init__(self, status: int, what: str, **headers: str) -> None:
        super().__init__(what)
        self.status = status
        self.what = what
        self.headers = {name.replace("_", "-"): text for name, text in headers.items()}


class _Form(NamedTuple):
    """One kind of sender."""

    route: str  # label of the metrics, and beginning of the stream's name
    path: str
    take: Callable[[bytes, str], otlp.Taken]
    source: str = ""  # where the address names none
    token_in_address: bool = False
    quiet: bool = False  # an answer without a body
    otlp: bool = False


def _kubernetes(body: bytes, media: str) -> otlp.Taken:  # noqa: ARG001 - the shape of all of them
    return otlp.Taken(kubernetes(body))


def _falco(body: bytes, media: str) -> otlp.Taken:  # noqa: ARG001
    return otlp.Taken(json_only(body, "this is text: set `json_output: true` in falco.yaml"))


def _gate(body: bytes, media: str) -> otlp.Taken:  # noqa: ARG001
    return otlp.Taken(json_only(body, "this is no tidewaiter.gate/1"))


def _records(body: bytes, media: str) -> otlp.Taken:
    return otlp.Taken(records(body, media))


def _pubsub(body: bytes, media: str) -> otlp.Taken:  # noqa: ARG001
    # Whatever is not acknowledged comes again, for days: what cannot be read is kept as what it is.
    return otlp.Taken(kubernetes(body))


def _otlp(body: bytes, media: str) -> otlp.Taken:
    return otlp.from_protobuf(body) if _is_protobuf(media) else otlp.from_json(body)


def _is_protobuf(media: str) -> bool:
    return "protobuf" in media


FORMS = (
    _Form("kubernetes", "/v1/kubernetes/audit/{source}", _kubernetes, quiet=True),
    _Form("falco", "/v1/falco", _falco, source="falco"),
    _Form("falco", "/v1/falco/{source}", _falco),
    _Form("logs", "/v1/logs", _otlp, source="otlp", otlp=True),
    _Form("logs", "/v1/logs/{source}", _otlp, otlp=True),
    _Form("json", "/v1/json/{source}", _records),
    # Google sends a signed token of its own or none; ours can only stand in the address.
    _Form("pubsub", "/v1/pubsub/{source}", _pubsub, token_in_address=True, quiet=True),
    _Form("docker", "/v1/docker/gate", _gate, source="gate"),
    _Form("docker", "/v1/docker/gate/{source}", _gate),
)


class Room:
    """Counts the bytes of all requests that are under way."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        self._most = most
        self._gauge = metrics.waiting_bytes
        self.used = 0

    def take(self, size: int) -> None:
        """Take room. Raises Refusal when there is none."""
        if self.used + size > self._most:
            raise Refusal(503, "too many bytes are under way", Retry_After="1")
        self.used += size
        self._gauge.set(self.used)

    def give_back(self, size: int) -> None:
        """Give room back."""
        self.used -= size
        self._gauge.set(self.used)


class Intake:
    """Takes requests in. `ready` says what keeps the service from being ready, in plain words."""

    def __init__(
        self,
        settings: Http,
        access: Access,
        journal: Puts,
        metrics: Metrics,
        *,
        ready: Callable[[], Sequence[str]],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._access = access
        self._journal = journal
        self._metrics = metrics
        self._ready = ready
        self._clock = clock
        self._sources = Sources(settings, clock)
        self._room = Room(settings.most_waiting, metrics)

    def app(self) -> Starlette:
        """Give the application for a server of ASGI."""
        routes = [Route(form.path, self._endpoint(form), methods=["POST"]) for form in FORMS]
        routes += [
            Route("/healthz", self._health, methods=["GET"]),
            Route("/readyz", self._readiness, methods=["GET"]),
            Route("/metrics", self._measures, methods=["GET"]),
        ]
        return Starlette(routes=routes)

    def use(self, access: Access) -> None:
        """Let other tokens count from now on, as after a reload of the configuration."""
        self._access = access

    def _endpoint(self, form: _Form) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            try:
                answer = await self._take(request, form)
            except Refusal as refusal:
                answer = _refused(refusal, form, request)
            self._metrics.requests.labels(form.route, str(answer.status_code)).inc()
            return answer

        return endpoint

    async def _take(self, request: Request, form: _Form) -> Response:
        source = request.path_params.get("source", form.source)
        self._admit(request, form, source)
        stream = f"{form.route}/{source}"
        coding = self._admit_body(request, stream)
        body = Body(coding, self._settings.most_body, self._room.take)
        try:
            data = await self._read(request, body)
            self._sources.took(stream, len(data))
            media = request.headers.get("content-type", "").lower()
            taken = await _taken(form, data, media)
            if taken.lines.data:
                await self._keep(stream, taken.lines.data)
        finally:
            self._room.give_back(body.size)
        self._metrics.bytes.labels(form.route).inc(len(data))
        self._metrics.records.labels(form.route).inc(taken.lines.records)
        self._metrics.kept_whole.labels(form.route).inc(taken.lines.whole)
        return _accepted(taken, form, protobuf=_is_protobuf(media))

    def _admit(self, request: Request, form: _Form, source: str) -> None:
        """Raise Refusal for whoever may not send as this source."""
        if sum(len(name) + len(text) for name, text in request.headers.raw) > _MOST_HEADERS:
            raise Refusal(431, "the headers are too long")
        if self._access.open and ("origin" in request.headers or "sec-fetch-site" in request.headers):
            # A page in a browser on this machine reaches loopback too; no sender of logs is a browser.
            raise Refusal(403, "pages in a browser may not send records")
        token = request.query_params.get("token", "") if form.token_in_address else ""
        caller = self._caller(request, token)
        if not is_source_name(source):
            raise Refusal(400, "a source is called by 1 to 64 letters, digits, dots, dashes and underscores")
        if not caller.may_send_as(source):
            raise Refusal(403, "this token may not send as this source")

    def _caller(self, request: Request, token: str = "") -> Caller:
        caller = self._access.caller(request.headers.get("authorization", ""), token)
        if caller is None:
            raise Refusal(401, "a token is needed: Authorization: Bearer <token>", WWW_Authenticate="Bearer")
        return caller

    def _admit_body(self, request: Request, stream: str) -> str:
        """Give the coding of the body. Raises Refusal for one that need not be read."""
        if not self._sources.knows(stream):
            raise Refusal(403, f"more than {self._settings.most_sources} different sources have sent already")
        self._metrics.sources.set(len(self._sources))
        if waiting := self._sources.wait(stream):
            raise Refusal(429, "this source sends too much", Retry_After=str(math.ceil(waiting)))
        coding = request.headers.get("content-encoding", "").strip().lower()
        if not is_known(coding):
            raise Refusal(415, f"the coding of the body is not known; known are {CODINGS}", Accept_Encoding=CODINGS)
        told = request.headers.get("content-length", "")
        if told.isascii() and told.isdigit() and len(told) < 20 and int(told) > self._settings.most_body:  # noqa: PLR2004
            raise self._too_large()
        if not self._journal.writable:
            raise Refusal(503, "the journal takes nothing at the moment", Retry_After=str(_FULL_SECONDS))
        return coding

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the body has more than {self._settings.most_body} bytes after inflation")

    async def _read(self, request: Request, body: Body) -> bytes:
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                async for chunk in request.stream():
                    for _ in body.feed(chunk):
                        await asyncio.sleep(0)
            return body.finish()
        except TimeoutError:
            raise Refusal(408, "the body came too slowly") from None
        except TooLarge:
            raise self._too_large() from None
        except NotCoded as problem:
            raise Refusal(400, f"the body cannot be inflated: {problem}") from None
        except ClientDisconnect:
            raise Refusal(_GONE, "the sender has gone") from None

    async def _keep(self, stream: str, data: bytes) -> None:
        """Return when the lines are on disk."""
        begun = self._clock()
        written = asyncio.wrap_future(self._journal.put(stream, data))
        try:
            # Shielded: what the journal has begun it goes on with, and tells whoever still listens.
            await asyncio.wait_for(asyncio.shield(written), self._settings.journal_seconds)
        except StoreError as problem:
            raise Refusal(503, problem.what, Retry_After=str(_FULL_SECONDS)) from None
        except TimeoutError:
            written.add_done_callback(_look_away)
            raise Refusal(503, "the disk does not keep up", Retry_After=str(_FULL_SECONDS)) from None
        self._metrics.journal_seconds.observe(self._clock() - begun)

    async def _health(self, request: Request) -> Response:  # noqa: ARG002 - the shape of an endpoint
        return Response("ok\n", media_type="text/plain")

    async def _readiness(self, request: Request) -> Response:  # noqa: ARG002
        reasons = list(self._ready())
        if not self._journal.writable:
            reasons.append("the journal takes nothing: its disk or its limit is full")
        return _json({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def _measures(self, request: Request) -> Response:
        if not (self._settings.metrics_public or self._settings.loopback):
            try:
                allowed = self._caller(request).metrics
            except Refusal as refusal:
                return _json({"error": refusal.what}, refusal.status, refusal.headers)
            if not allowed:
                return _json({"error": "this token may not read the metrics"}, 403)
        text, kind = self._metrics.render(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": kind})


async def _taken(form: _Form, data: bytes, media: str) -> otlp.Taken:
    try:
        if len(data) < _ASIDE:
            return form.take(data, media)
        return await asyncio.to_thread(form.take, data, media)
    except NotJson as problem:
        raise Refusal(400, f"nothing was kept: {problem}") from None
    except WrongForm as problem:
        raise Refusal(415, str(problem)) from None


def _look_away(future: asyncio.Future[None]) -> None:
    """Take note of an error that nobody waits for any more: who sent was told to send again."""
    if not future.cancelled():
        future.exception()


def _accepted(taken: otlp.Taken, form: _Form, *, protobuf: bool) -> Response:
    lines: Lines = taken.lines
    headers = {"Tidewaiter-Records": str(lines.records), "Tidewaiter-Unreadable": str(lines.whole)}
    if form.otlp:
        headers["Content-Type"] = otlp.PROTOBUF if protobuf else otlp.JSON
        return Response(otlp.success(taken, protobuf=protobuf), headers=headers)
    if form.quiet:
        return Response(headers=headers)
    return _json({"records": lines.records, "unreadable": lines.whole}, 200, headers)


def _refused(refusal: Refusal, form: _Form, request: Request) -> Response:
    if form.otlp:
        protobuf = _is_protobuf(request.headers.get("content-type", "").lower())
        headers = {**refusal.headers, "Content-Type": otlp.PROTOBUF if protobuf else otlp.JSON}
        return Response(otlp.failure(refusal.what, protobuf=protobuf), refusal.status, headers)
    return _json({"error": refusal.what}, refusal.status, refusal.headers)


def _json(value: object, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value) + b"\n", status, {**(headers or {}), "Content-Type": "application/json"})
