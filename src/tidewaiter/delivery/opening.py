"""From the settings of a sink to what delivers to it. Libraries that are extras are imported only where one is used."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias, assert_never

import msgspec

from tidewaiter.delivery import tls
from tidewaiter.delivery.files import LineFile, Stream
from tidewaiter.delivery.parcel import Transport
from tidewaiter.delivery.rendered import Form
from tidewaiter.errors import ConfigError
from tidewaiter.settings.delivery import (
    FileSink,
    HttpSink,
    KafkaSink,
    OtlpSink,
    PeopleSink,
    Sink,
    StdoutSink,
    SyslogSink,
)
from tidewaiter.settings.secret import Secret
from tidewaiter.sinks.document import Context
from tidewaiter.wording import Wording

Mark: TypeAlias = Callable[[], str | None]

_CONNECTIONS = 4


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What sinks need besides their settings."""

    environment: Mapping[str, str]
    wording: Wording
    host: str = "-"


def _no_mark() -> str | None:
    return None


def opened(sink: Sink, around: Surroundings, mark: Mark = _no_mark) -> Transport:
    """Make what delivers to a sink. Nothing is connected yet; raises ConfigError for what can never work."""
    form = _form(sink, around)
    match sink:
        case FileSink():
            form.check(sink.name, lines=True)
            return LineFile(_folder(sink), form, mode=int(sink.mode, 8), mark=mark)
        case StdoutSink():
            form.check(sink.name, lines=True)
            return Stream(sys.__stdout__.fileno() if sys.__stdout__ else 1, form)
        case HttpSink() | OtlpSink():
            return _http(sink, form, around)
        case SyslogSink():
            return _syslog(sink, form)
        case KafkaSink():
            return _kafka(sink, form, around)
        case PeopleSink():
            _need("apprise", "people", sink)
            from tidewaiter.delivery.people import Addresses  # noqa: PLC0415 - an extra

            form.check(sink.name, lines=False)
            return Addresses(_secret(sink.addresses, around, sink), form, timeout=sink.timeout, sink=sink.name)
        case _:  # pragma: no cover
            assert_never(sink)


def _form(sink: Sink, around: Surroundings) -> Form:
    context = Context(
        host=around.host,
        link=sink.link,
        labels=sink.labels,
        index=sink.index,
        append_only=isinstance(sink, HttpSink) and sink.data_stream,
    )
    if isinstance(sink, SyslogSink):
        context = msgspec.structs.replace(context, size=sink.size, facility=sink.facility)
    if sink.rendering.startswith("otlp"):
        _need("opentelemetry", "otlp", sink)
    return Form(name=sink.rendering, wording=around.wording, context=context)


def _folder(sink: FileSink) -> Path:
    path = Path(sink.path)
    if not path.parent.is_dir():
        raise ConfigError(
            "the folder of the file is not there", where=f"sink {sink.name}: {path}", hint="make it, or name another"
        )
    return path


def _http(sink: HttpSink | OtlpSink, form: Form, around: Surroundings) -> Transport:
    _need("httpx", "service", sink)
    import httpx  # noqa: PLC0415 - an extra

    from tidewaiter.delivery.answers import judged, judged_bulk  # noqa: PLC0415 - together with it
    from tidewaiter.delivery.http import Requests  # noqa: PLC0415 - an extra

    form.check(sink.name, lines=False)
    judge = judged_bulk if "elastic" in sink.rendering else judged
    if sink.rendering.startswith("otlp"):
        from tidewaiter.delivery.otlp import judged_export as judge  # noqa: PLC0415 - an extra
    token = _secret(sink.token, around, sink) if sink.token else ""
    headers = {name.lower(): value for name, value in sink.headers.items()}
    secrets: tuple[str, ...] = ()
    if token:
        name = sink.credential_header.lower() if isinstance(sink, HttpSink) else "authorization"
        shown = _credentials(sink, token) if name == "authorization" else token
        headers[name] = shown
        secrets = tuple(sorted({token, shown, shown.partition(" ")[2]} - {""}, key=len, reverse=True))
    client = httpx.Client(
        verify=tls.context(sink.tls, sink=sink.name),
        timeout=sink.timeout,
        follow_redirects=False,
        limits=httpx.Limits(max_connections=_CONNECTIONS),
    )
    return Requests(
        client,
        sink.url,
        form,
        timeout=sink.timeout,
        headers=headers,
        secrets=secrets,
        alone=isinstance(sink, OtlpSink),
        compress=sink.compress,
        judge=judge,
    )


def _credentials(sink: HttpSink | OtlpSink, token: str) -> str:
    """Give the value of the Authorization header."""
    scheme = sink.scheme if isinstance(sink, HttpSink) else "auto"
    if scheme == "auto":
        scheme = "Splunk" if sink.rendering == "hec" else "Bearer"
    if scheme == "Basic":
        return f"Basic {base64.b64encode(token.encode()).decode()}"
    return f"{scheme} {token}"


def _syslog(sink: SyslogSink, form: Form) -> Transport:
    from tidewaiter.delivery import syslog  # noqa: PLC0415 - not every system has termios

    form.check(sink.name, lines=True)
    if sink.protocol == "udp":
        return syslog.Datagrams(sink.host, sink.port, form, timeout=sink.timeout)
    trust = tls.context(sink.tls, sink=sink.name) if sink.protocol == "tls" else None
    return syslog.Stream(sink.host, sink.port, form, timeout=sink.timeout, tls=trust, name=sink.tls.name or sink.host)


def _kafka(sink: KafkaSink, form: Form, around: Surroundings) -> Transport:
    _need("confluent_kafka", "kafka", sink)
    from tidewaiter.delivery.kafka import Topic  # noqa: PLC0415 - an extra

    form.check(sink.name, lines=True)
    settings = {"bootstrap.servers": sink.brokers, "security.protocol": "SSL" if sink.encrypted else "PLAINTEXT"}
    if sink.user and sink.password:
        settings["security.protocol"] = f"SASL_{settings['security.protocol']}"
        settings |= {
            "sasl.mechanism": sink.mechanism,
            "sasl.username": sink.user,
            "sasl.password": _secret(sink.password, around, sink),
        }
    files = {
        "ssl.ca.location": sink.tls.ca,
        "ssl.certificate.location": sink.tls.certificate,
        "ssl.key.location": sink.tls.key,
    }
    settings |= {name: path for name, path in files.items() if path}
    return Topic({**settings, **sink.options}, sink.topic, form, timeout=sink.timeout, sink=sink.name)


def _secret(secret: Secret, around: Surroundings, sink: Sink) -> str:
    found = secret.read(around.environment)
    if not isinstance(sink, PeopleSink) and not (found.isascii() and found.isprintable()):
        raise ConfigError(
            "the secret holds characters that cannot be sent", where=f"sink {sink.name}", hint="one line of ASCII"
        )
    return found


def _need(module: str, extra: str, sink: Sink) -> None:
    if find_spec(module) is None:
        raise ConfigError(
            f"this sink needs the extra {extra}",
            where=f"sink {sink.name}",
            hint=f"pip install 'tidewaiter[{extra}]'",
        )
