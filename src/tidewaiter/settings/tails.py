"""`[[tail]]`: what the service reads by itself: files, the systemd journal, syslog, standard input, Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import PurePath
from typing import Literal

import msgspec

from tidewaiter.settings.secret import Secret

Start = Literal["start", "end"]

# Where the links of /var/log/containers lead on a node (kubelet, then the engine).
CONTAINER_LOGS = ("/var/log/pods", "/var/lib/docker/containers", "/var/lib/containers")


class FileTail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="file"):
    """Files that grow: paths, globs (`**` goes down into folders) and folders (all in them; new files are noticed)."""

    paths: tuple[str, ...]  # absolute
    # Where to begin in a file that was never read: at its start, or at its end. Files that appear later are read whole.
    begin: Start = msgspec.field(default="start", name="from")
    exclude: tuple[str, ...] = ()  # patterns for file names (*.tmp) or whole paths, for globs and folders
    # Folders outside of the asked one into which symbolic links may lead.
    links: tuple[str, ...] = CONTAINER_LOGS
    poll: float = 0.25  # seconds between two looks at every file
    rescan: float = 2.0  # seconds between two looks for new files
    unfinished: float = 60.0  # seconds until a last line without a line end is taken as it is
    linger: float = 60.0  # seconds of silence until a rotated file is let go
    max_line: int = 32 << 20  # bytes of one line; the same as for scan
    max_files: int = 20_000  # files of this entry

    def __post_init__(self) -> None:
        if not self.paths:
            raise ValueError("paths is empty: name at least one file, glob or folder")
        for path in (*self.paths, *self.links):
            if not PurePath(path).is_absolute():
                raise ValueError(f"{path!r} is not an absolute path")
        _positive(poll=self.poll, rescan=self.rescan, max_line=self.max_line, max_files=self.max_files)
        _not_negative(unfinished=self.unfinished, linger=self.linger)

    @property
    def title(self) -> str:
        """What it is called in the status and in metrics."""
        return f"file:{','.join(self.paths)}"


class JournaldTail(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="journald"
):
    """The systemd journal, through `journalctl --output=json --follow`."""

    name: str = ""  # tells several entries apart: the input is called journald, or journald/NAME
    units: tuple[str, ...] = ()  # systemd units, such as docker.service; none: all
    matches: tuple[str, ...] = ()  # FIELD=VALUE, as journalctl(1) takes them
    directory: str = ""  # another journal than the machine's own
    begin: Start = msgspec.field(default="start", name="from")  # where to begin when nothing was read before
    program: str = "journalctl"

    def __post_init__(self) -> None:
        for match in self.matches:
            if "=" not in match.lstrip("_") or match.startswith("-"):
                raise ValueError(f"{match!r} is no match of the form FIELD=VALUE")
        if not self.program or self.program.startswith("-"):
            raise ValueError("program is no name of a program")

    @property
    def title(self) -> str:
        """What it is called in the status, in metrics, and as an input."""
        return f"journald/{self.name}" if self.name else "journald"


class SyslogTail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="syslog"):
    """A syslog server: RFC 5424 or 3164 messages over TCP (RFC 6587), TLS (RFC 5425) or UDP (RFC 5426)."""

    transport: Literal["tcp", "tls", "udp"] = "tcp"
    listen: str = "127.0.0.1:5514"  # ADDRESS:PORT; [ADDRESS]:PORT for IPv6
    allow_plain: bool = (
        False  # off the loopback interface, tcp and udp must be allowed: anybody can read and forge them
    )
    certificate: str = ""  # for tls: PEM file with the server's certificate and its chain
    key: str = ""  # for tls: PEM file with its key
    client_ca: str = ""  # for tls: PEM file; senders must show a certificate of one of these authorities
    max_connections: int = 512
    max_connections_of_peer: int = 64
    max_message: int = 1 << 20  # bytes; longer messages are left out and counted
    max_peers: int = 1000  # senders with an input of their own; those after them share one
    # Messages a second of one address: above it, tcp and tls are read more slowly, and udp is dropped and counted.
    max_rate: int = 20_000

    def __post_init__(self) -> None:
        address, _ = address_of(self.listen)
        if self.transport != "tls" and not self.allow_plain and not _loopback(address):
            raise ValueError(
                f"{self.transport} on {self.listen} can be read and forged by anybody on the way:"
                " use transport = 'tls', or set allow_plain = true"
            )
        if self.transport == "tls" and not (self.certificate and self.key):
            raise ValueError("transport = 'tls' needs certificate and key")
        _positive(
            max_connections=self.max_connections,
            max_connections_of_peer=self.max_connections_of_peer,
            max_message=self.max_message,
            max_peers=self.max_peers,
            max_rate=self.max_rate,
        )

    @property
    def title(self) -> str:
        """What it is called in the status and in metrics."""
        return f"syslog/{self.transport}:{self.listen}"


class StdinTail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="stdin"):
    """Lines from standard input; what waits in the pipe when the service is killed is lost."""

    max_line: int = 32 << 20

    def __post_init__(self) -> None:
        _positive(max_line=self.max_line)

    @property
    def title(self) -> str:
        """What it is called in the status, in metrics, and as an input."""
        return "stdin"


# Properties of librdkafka that the reader itself sets, or that would hold a secret in the file.
_OWN_PROPERTIES = frozenset(
    {"enable.auto.commit", "enable.auto.offset.store", "bootstrap.servers", "group.id", "auto.offset.reset"}
)


class KafkaTail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="kafka"):
    """Topics of Kafka; each partition is an input `kafka/TOPIC/PARTITION`."""

    brokers: str  # host:port, separated by commas
    topics: tuple[str, ...]
    group: str = "tidewaiter"
    begin: Start = msgspec.field(default="start", name="from")  # where the group has no offset yet
    username: str = ""
    password: Secret | None = None
    options: Mapping[str, str] = {}  # properties of librdkafka, such as security.protocol = "SASL_SSL"

    def __post_init__(self) -> None:
        if not self.brokers or not self.topics or not all(self.topics):
            raise ValueError("brokers and topics must name something")
        for name in self.options:
            if name in _OWN_PROPERTIES:
                raise ValueError(f"options: {name} is set by tidewaiter")
            if "password" in name or "secret" in name:
                raise ValueError(f"options: {name} is a secret: use password = {{ file = … }} or {{ env = … }}")

    @property
    def title(self) -> str:
        """What it is called in the status and in metrics."""
        return f"kafka:{','.join(self.topics)}"


Tail = FileTail | JournaldTail | SyslogTail | StdinTail | KafkaTail


def address_of(listen: str) -> tuple[str, int]:
    """Take ADDRESS:PORT apart. Raises ValueError."""
    address, colon, port = listen.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    if not colon or not port.isdecimal() or int(port) > 0xFFFF:  # noqa: PLR2004 -- the largest port
        raise ValueError(f"{listen!r} is no ADDRESS:PORT")
    return ("127.0.0.1" if address == "localhost" else str(ip_address(address))), int(port)


def _loopback(address: str) -> bool:
    return ip_address(address).is_loopback


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be more than 0")


def _not_negative(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} must not be negative")
