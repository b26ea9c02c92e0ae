"""Where findings go: `[[sink]]`, `[[route]]` and `[delivery]` of the configuration.

Which rendering a sink can take is not known here: delivery checks it against the renderings there are.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from tidewaiter.model import ActorKind, Decision, Level
from tidewaiter.settings.secret import Secret

Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9._-]{0,63}\Z")]
NameOrAll = Annotated[str, msgspec.Meta(pattern=r"\A(\*|[a-z0-9][a-z0-9._-]{0,63})\Z")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86400)]
Days = Annotated[float, msgspec.Meta(gt=0, le=3650)]
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Header = Annotated[str, msgspec.Meta(pattern=r"\A[\x20-\x7e\t]*\Z")]
HeaderName = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")]  # a token, RFC 9110, 5.6.2
HttpAddress = Annotated[str, msgspec.Meta(pattern=r"\Ahttps?://[^\s/@]+(/\S*)?\Z")]  # no password inside
Tell = Literal["next", "periodic", "never"]


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a server is trusted, and how it knows us."""

    ca: Text | None = None  # file with the certificates to trust instead of the system's
    certificate: Text | None = None  # file with our own certificate, where the server asks for one
    key: Text | None = None  # file with its private key
    name: Text | None = None  # the name the server's certificate must carry, where it is not that of the address

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")


class _Sink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What every sink has."""

    name: Name  # unique; state is kept under it
    batch: Count = 100  # findings of one delivery at the most
    give_up_days: Days = 7.0  # what cannot be delivered for so long becomes a dead letter
    pause: Seconds = 1.0  # seconds to the second attempt; doubles with each one, with jitter
    longest_pause: Seconds = 300.0  # seconds between two attempts at the most
    tell_suppressed: Tell = "next"  # when to say how many findings were held back: with the next one, hourly, never
    link: str = ""  # address of a finding for people; {id} stands for its id
    labels: dict[str, str] = {}  # constants of the site, such as cluster or team, where the form has room for them
    index: str = ""  # Elasticsearch, Splunk: where to, when the address or the token does not say it


class FileSink(_Sink, tag="file", frozen=True, kw_only=True):
    """Lines at the end of a file, which another program may rotate."""

    path: Text
    rendering: Text = "jsonl"
    mode: Annotated[str, msgspec.Meta(pattern=r"\A0?[0-7]{3}\Z")] = "0640"  # of a new file


class StdoutSink(_Sink, tag="stdout", frozen=True, kw_only=True):
    """Lines on standard output, such as for the log of a container."""

    rendering: Text = "jsonl"


class HttpSink(_Sink, tag="http", frozen=True, kw_only=True):
    """Requests: anything that takes a POST."""

    url: HttpAddress
    rendering: Text = "jsonl"
    token: Secret | None = None  # sent as `credential_header` and `scheme` say
    credential_header: HeaderName = "Authorization"  # another one, such as X-Api-Key, holds the token alone
    scheme: Literal["auto", "Bearer", "Splunk", "ApiKey", "Basic"] = "auto"  # auto: Splunk for hec, else Bearer
    headers: dict[HeaderName, Header] = {}  # not for secrets: these are shown
    timeout: Seconds = 10.0
    compress: bool = False  # gzip the body
    data_stream: bool = False  # Elasticsearch: takes new documents only
    tls: Tls = Tls()


class SyslogSink(_Sink, tag="syslog", frozen=True, kw_only=True):
    """RFC 5424 messages; over UDP and TCP nobody says that they arrived."""

    host: Text
    port: Port = 6514
    protocol: Literal["tls", "tcp", "udp"] = "tls"
    rendering: Text = "syslog-cef"
    timeout: Seconds = 10.0
    size: Annotated[int, msgspec.Meta(ge=480, le=65000)] = 8192  # bytes of a message
    facility: Annotated[int, msgspec.Meta(ge=0, le=23)] = 10
    tls: Tls = Tls()


class KafkaSink(_Sink, tag="kafka", frozen=True, kw_only=True):
    """Messages of a topic, keyed by the id of the finding; acknowledged by all replicas in step."""

    brokers: Text  # host:port, comma separated
    topic: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9._-]{1,249}\Z")]
    rendering: Text = "jsonl"
    timeout: Seconds = 30.0
    user: Text | None = None  # SASL
    password: Secret | None = None
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    options: dict[str, str] = {}  # of librdkafka; not for secrets
    encrypted: bool = True  # TLS
    tls: Tls = Tls()


class OtlpSink(_Sink, tag="otlp", frozen=True, kw_only=True):
    """OTLP/HTTP logs, such as of an OpenTelemetry collector."""

    url: HttpAddress  # whole: http://collector:4318/v1/logs
    rendering: Text = "otlp"
    token: Secret | None = None
    headers: dict[HeaderName, Header] = {}
    timeout: Seconds = 10.0
    compress: bool = True
    tls: Tls = Tls()


class PeopleSink(_Sink, tag="people", frozen=True, kw_only=True):
    """Mail, chat, pager: the addresses of apprise, which hold passwords and are a secret therefore, one a line."""

    addresses: Secret
    rendering: Text = "people"
    batch: Count = 10
    timeout: Seconds = 30.0


Sink: TypeAlias = FileSink | StdoutSink | HttpSink | SyslogSink | KafkaSink | OtlpSink | PeopleSink


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which findings go where: every condition that is given must hold. Patterns: * any text, ? one character."""

    sinks: tuple[NameOrAll, ...]  # "*" is all; none holds these findings back, and counts them
    level: Level = "info"  # the lowest
    techniques: tuple[Text, ...] = ()  # of the finding or of what followed
    clusters: tuple[Text, ...] = ()  # realm of the actor
    namespaces: tuple[Text, ...] = ()  # a finding that read all namespaces read this one too
    actors: tuple[Text, ...] = ()  # names
    kinds: tuple[ActorKind, ...] = ()  # of actors
    decisions: tuple[Decision, ...] = ()  # none: all, but what a person's verdict covers
    last: bool = False  # no later route is asked about a finding that this one takes


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for all sinks: `[delivery]`."""

    largest_mb: Annotated[int, msgspec.Meta(ge=1)] = 2048  # what waits, and what is remembered; above it input waits
    remember_days: Days = 30.0  # for so long a finding that comes again is known to be sent, and dead letters are kept
    suppressed_every: Seconds = 3600.0  # at the most so often a sink is told how many findings were held back
    per_actor: Annotated[int, msgspec.Meta(ge=0)] = 0  # findings of one actor within `per_seconds`; 0: no limit
    per_seconds: Seconds = 3600.0
    spared: Level = "critical"  # from this level on no limit holds a finding back


EVERYTHING = (Route(sinks=("*",), level="medium"),)  # where no routes are given


class Delivery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it: sinks, routes and what holds for all. Without routes everything from medium on goes to every sink."""

    sinks: tuple[Sink, ...] = ()
    routes: tuple[Route, ...] = ()
    options: Options = Options()

    def __post_init__(self) -> None:
        names = [sink.name for sink in self.sinks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sinks have the name {', '.join(twice)}")
        unknown = sorted({name for route in self.routes for name in route.sinks} - {*names, "*"})
        if unknown:
            raise ValueError(f"a route names a sink that is not there: {', '.join(unknown)}")

    @property
    def effective(self) -> tuple[Route, ...]:
        """Give the routes that hold."""
        return self.routes or EVERYTHING

    def sink(self, name: str) -> Sink | None:
        """Give a sink by its name."""
        return next((sink for sink in self.sinks if sink.name == name), None)
