"""The part `who` of a policy: which callers an entry is for.

A container's processes have host uids too: root inside is uid 0 outside. So `user`, `uid`, `group` and `exe` are met by
processes of the host only, unless the entry also names a container. A process that was gone before anybody could look
may have been in a container: it meets none of these. A login is no proof alone: the kernel lets a process that has none
(a service, a container) write anybody's into /proc/self/loginuid (seen on Linux 6.18).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tidewaiter.gate.caller import Caller

_SHORTEST_ID = 12  # of a container, as `docker ps` prints it
_FINGERPRINT = 64  # hex digits of SHA-256
_HEX = frozenset("0123456789abcdef")

Words = str | tuple[str, ...] | None
Numbers = int | tuple[int, ...] | None


class Who(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Callers; every key that is given must hold."""

    anyone: bool = False  # everybody, known or not
    user: Words = None  # account of the process
    uid: Numbers = None
    group: Words = None  # of the process, supplementary groups included
    login_user: Words = None  # who logged in, beside user, uid or group: it survives sudo
    login_uid: Numbers = None
    exe: Words = None  # path of the program
    container: Words = None  # id, at least 12 digits of it
    container_image: Words = None  # name:tag; a star at the end stands for the rest
    container_label: Words = None  # "key=value", or "key" for any value
    certificate: Words = None  # common name, or one of the other names
    certificate_fingerprint: Words = None  # SHA-256 of the certificate

    def __post_init__(self) -> None:
        given = msgspec.to_builtins(self)
        if not given:
            raise ValueError("who is empty: name the callers, or write anyone = true")
        if self.anyone and len(given) > 1:
            raise ValueError("anyone = true stands alone")
        empty = [key for key, value in given.items() if value in ("", ()) or (isinstance(value, tuple) and "" in value)]
        if empty:
            raise ValueError(f"who.{empty[0]} has no value")
        if not {"login_user", "login_uid"}.isdisjoint(given) and {"user", "uid", "group"}.isdisjoint(given):
            raise ValueError("who.login_user proves nothing alone: name the user, uid or group of the process too")
        for one in _some(self.container):
            if len(one) < _SHORTEST_ID or set(one) - _HEX:
                raise ValueError(f"who.container: {one!r} is not {_SHORTEST_ID} to 64 hex digits of an id")
        for one in _some(self.certificate_fingerprint):
            if len(_plain(one)) != _FINGERPRINT or set(_plain(one)) - _HEX:
                raise ValueError(f"who.certificate_fingerprint: {one!r} is no SHA-256 fingerprint")

    def is_met_by(self, caller: Caller) -> bool:
        """Tell whether an entry is for this caller."""
        return all(self._conditions(caller))

    def _conditions(self, caller: Caller) -> Iterator[bool]:
        if any(value is not None for value in (self.user, self.uid, self.group, self.exe)):
            yield self._names_containers or _on_the_host(caller)
        yield _one_of(self.user, caller.user)
        yield _one_of(self.uid, caller.uid)
        yield _one_of(self.login_user, caller.login_user)
        yield _one_of(self.login_uid, caller.login_uid)
        yield _one_of(self.exe, caller.exe)
        if self.group:
            yield not {*_some(self.group)}.isdisjoint(caller.groups or ())
        if self.container:
            yield bool(caller.container) and str(caller.container).startswith(_some(self.container))
        if self.container_image:
            yield caller.image is not None and any(_is_image(caller.image, one) for one in _some(self.container_image))
        if self.container_label:
            labels = caller.labels or {}
            yield any(_is_labelled(labels, one) for one in _some(self.container_label))
        if self.certificate or self.certificate_fingerprint:
            shown = caller.certificate
            yield shown is not None
            if shown is not None:
                yield not self.certificate or not {*_some(self.certificate)}.isdisjoint(shown.names)
                prints = [_plain(one) for one in _some(self.certificate_fingerprint)]
                yield not prints or shown.fingerprint in prints

    @property
    def _names_containers(self) -> bool:
        return bool(self.container or self.container_image or self.container_label)


def _some(value: Any) -> tuple[Any, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _plain(fingerprint: str) -> str:
    return fingerprint.replace(":", "").lower()


def _one_of(wanted: Words | Numbers, value: str | int | None) -> bool:
    """Tell whether a condition holds; one that is not there does."""
    return wanted is None or (value is not None and value in _some(wanted))


def _on_the_host(caller: Caller) -> bool:
    return caller.container is None and (caller.exe is not None or bool(caller.command))


def _is_image(image: str, wanted: str) -> bool:
    return image.startswith(wanted[:-1]) if wanted.endswith("*") else image == wanted


def _is_labelled(labels: Any, wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def told(caller: Caller) -> str:
    """Name a caller for a person, with what is known best first."""
    if caller.certificate:
        names = caller.certificate.names
        return f"the certificate {names[0] if names else caller.certificate.fingerprint}"
    if caller.container:
        return f"the container {caller.container[:_SHORTEST_ID]}" + (f" ({caller.image})" if caller.image else "")
    name = caller.user or (f"uid {caller.uid}" if caller.uid is not None else "")
    if not name:
        return f"the address {caller.address}" if caller.address else "a caller of whom nothing is known"
    who = f"the user {name}" if caller.user else name
    if caller.login_user and caller.login_user != caller.user:
        who += f", logged in as {caller.login_user}"
    return who if _on_the_host(caller) else f"{who}, whose process was gone before one could look"
