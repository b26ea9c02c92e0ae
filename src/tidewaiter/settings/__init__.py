"""The configuration of the service, `tidewaiter.toml`, one module a section. Nothing here reads a file but `load`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from tidewaiter.errors import ConfigError
from tidewaiter.settings.delivery import Delivery, Options, Route, Sink
from tidewaiter.settings.http import Http
from tidewaiter.settings.tails import Tail

_MOST = 1 << 20  # bytes of a configuration
Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of the past: `[retention]`."""

    whole_days: Days = 2  # in which every request is kept, and judged when it comes late
    days: Days = 60  # for which it is remembered what was ordinary
    largest_gb: Annotated[float, msgspec.Meta(gt=0)] = 4.0  # of the store; above it the oldest days are forgotten first
    journal_gb: Annotated[float, msgspec.Meta(gt=0)] = (
        8.0  # of input that waits to be read; above it senders are told to wait
    )

    def __post_init__(self) -> None:
        if self.days <= self.whole_days:
            raise ValueError("days must be more than whole_days")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of `tidewaiter serve`."""

    state: str = "/var/lib/tidewaiter"  # folder for everything that has to outlive the process
    language: Literal["en", "ru"] = "en"  # of findings
    # quiet tells medium and above, regular low and above, hunter everything
    persona: Literal["quiet", "regular", "hunter"] = "regular"
    rules: tuple[str, ...] = ()  # your own Sigma rules: files and folders
    http: Http = Http()
    tail: tuple[Tail, ...] = ()
    sink: tuple[Sink, ...] = ()
    route: tuple[Route, ...] = ()
    delivery: Options = Options()
    retention: Retention = Retention()

    @property
    def outgoing(self) -> Delivery:
        """Give what delivery needs of it. Raises ValueError, see `Delivery`."""
        return Delivery(sinks=self.sink, routes=self.route, options=self.delivery)

    def __post_init__(self) -> None:
        self.outgoing  # noqa: B018 - says what does not fit together


def load(path: Path) -> Settings:
    """Read a configuration. Raises ConfigError that names the place."""
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise ConfigError(
            f"the configuration cannot be read: {problem.strerror}",
            where=str(path),
            hint="tidewaiter config > tidewaiter.toml   writes one to begin with",
        ) from problem
    if len(raw) > _MOST:
        raise ConfigError(f"a configuration of more than {_MOST} bytes", where=str(path), hint="is it the right file?")
    try:
        return parse(raw)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, RecursionError) as problem:
        what, place = _said(problem)
        raise ConfigError(
            what, where=f"{path}{place}", hint="tidewaiter config   explains every key and its values"
        ) from problem


def parse(raw: bytes) -> Settings:
    """Make settings of TOML. Raises TOMLDecodeError, UnicodeDecodeError or msgspec.ValidationError."""
    found: dict[str, Any] = tomllib.loads(raw.decode("utf-8"))
    return msgspec.convert(found, Settings)


def _said(problem: Exception) -> tuple[str, str]:
    """Give what is wrong, and where in the file."""
    text = str(problem) or "nested too deeply"
    if isinstance(problem, msgspec.ValidationError) and " - at `$" in text:
        what, _, place = text.partition(" - at `$")
        return what, ": " + place.rstrip("`").lstrip(".")
    return text, ""
