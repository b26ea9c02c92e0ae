"""What the readers of web access logs share: one request out of a log, in normal form."""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from tidewaiter.meaning.kube_identity import kube_actor
from tidewaiter.meaning.web_target import Behind, Target, read_web
from tidewaiter.model import Activity, Actor, Origin, Outcome
from tidewaiter.sources.http_activity import NOT_RECORDED, is_kept, outcome_of, request_activity
from tidewaiter.sources.web_person import without_secrets

_REQUEST_LINE = re.compile(r"([A-Z]{1,16}) (\S.*?)(?: HTTP/\d(?:\.\d)?)?\Z", re.DOTALL)
_ABSENT = frozenset({"", "-"})
_GRPC_REFUSED = frozenset({7, 16})  # PERMISSION_DENIED, UNAUTHENTICATED
_MANY = 10_000  # different lines with one time stamp that are told apart by number


class WebRequest(NamedTuple):
    """One request as a web server logged it; "" and None where the log does not say."""

    line: str  # "GET /path HTTP/1.1"
    status: int | None = None
    address: str = ""
    user: str = ""  # who authenticated, or claimed to
    certificate: str = ""  # common name of an accepted client certificate
    agent: str = ""
    size: int | None = None
    verified: str = ""  # name in a token that the log's writer has checked
    claimed: str = ""  # name in a header or token that nobody here verified
    behind: Behind = Behind()  # where a proxy sent it
    forwarded: bool = False  # the address stood in X-Forwarded-For
    grpc: int | None = None  # status of a gRPC call, which HTTP always answers with 200


class Occurrences:
    """Numbers equal lines that carry the same time, so that requests within one second are all counted.

    Reading the file again gives the same numbers. Lines of one second stand together in an access log.
    """

    def __init__(self) -> None:
        self._stamp = ""
        self._seen: dict[bytes, int] = {}

    def number(self, stamp: str, raw: bytes) -> int:
        """Say how often this line came before with this time stamp; counts it."""
        if stamp != self._stamp or len(self._seen) >= _MANY:
            self._stamp = stamp
            self._seen.clear()
        key = blake2b(raw, digest_size=8).digest()
        count = self._seen.get(key, 0)
        self._seen[key] = count + 1
        return count


def target_of(request: WebRequest) -> Target | None:
    """Say what a request does when it is one to a container API that matters here."""
    found = _REQUEST_LINE.match(request.line)
    target = read_web(found[1], found[2], request.agent, request.behind) if found else None
    return target if target and is_kept(target.meaning) else None


def normalise(request: WebRequest, target: Target, *, id: str, at: datetime, origin: Origin) -> Activity:  # noqa: A002
    """Put a request to a container API into normal form."""
    found = _REQUEST_LINE.match(request.line)
    outcome = _outcome(request)
    address = None if request.address in _ABSENT or request.address.startswith(("unix:", "@")) else request.address
    realm = "engine" if target.plane == "engine" else "web"
    actor, is_claimed = _actor(request, address, realm, target.console or None, refused=outcome == "refused")
    traits = {"unverified-name": is_claimed, "forwarded": request.forwarded, "web-console": bool(target.console)}
    return request_activity(
        target.meaning,
        id=id,
        at=at,
        actor=actor,
        origin=origin,
        text=without_secrets(f"{found[1]} {found[2]}" if found else request.line),
        plane=target.plane,
        outcome=outcome,
        agent=None if request.agent in _ABSENT else request.agent,
        disclosed=request.size,
        address=address,
        traits=tuple(trait for trait, holds in traits.items() if holds),
    )


def _outcome(request: WebRequest) -> Outcome:
    """Say how a request ended; gRPC has statuses of its own (https://grpc.io/docs/guides/status-codes/)."""
    if request.grpc:
        return "refused" if request.grpc in _GRPC_REFUSED else "failed"
    return outcome_of(request.status)


def _actor(
    request: WebRequest, address: str | None, realm: str, console: str | None, *, refused: bool
) -> tuple[Actor, bool]:
    """Say who asked, and whether that is only claimed: certificate, verified token, user, header or token, address.

    A server logs the user of basic authentication even when the password was wrong.
    """
    if request.certificate or request.verified:
        name = request.certificate or request.verified
        return kube_actor(name, tool=None, address=address, via=console, realm=realm), False
    if request.user not in _ABSENT and not refused:
        return kube_actor(request.user, tool=None, address=address, via=console, realm=realm), False
    if request.claimed and not refused:
        return kube_actor(request.claimed, tool=None, address=address, via=console, realm=realm), True
    # Without a name the console stays unnamed, too: what one address reads here and there belongs together.
    if address:
        return Actor(kind="address", name=address, realm=realm), False
    return Actor(kind="unknown", name=NOT_RECORDED, realm=realm), False
