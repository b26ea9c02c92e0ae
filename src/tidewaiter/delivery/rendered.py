"""Parcels in the words of a receiver."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from tidewaiter.delivery.parcel import Parcel
from tidewaiter.errors import ConfigError, TidewaiterError
from tidewaiter.sinks.document import Context
from tidewaiter.sinks.renderings import Rendered, render, render_lines, rendering
from tidewaiter.wording import Wording

# What a document that lacks a member, or has one of another type, makes of a rendering.
_BROKEN = (TidewaiterError, ValueError, TypeError, LookupError, AttributeError)


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A rendering with everything it needs besides the finding."""

    name: str
    wording: Wording
    context: Context = Context()

    def check(self, sink: str, *, lines: bool) -> None:
        """Raise ConfigError when there is no such rendering, or it is not for this kind of sink."""
        try:
            found = rendering(self.name)
        except ConfigError as problem:
            raise ConfigError(problem.what, where=f"sink {sink}", hint=problem.hint) from problem
        if lines and found.one is None:
            raise ConfigError(
                f"the rendering {self.name!r} is a document, not lines", where=f"sink {sink}", hint="send it by HTTP"
            )

    @property
    def alone(self) -> bool:
        """Tell whether the receiver takes one finding a request."""
        return rendering(self.name).alone

    def of(self, parcels: Sequence[Parcel]) -> Context:
        """Give the context of parcels. No clock: what is sent again is the same again, byte for byte."""
        newest = max(parcel.offered for parcel in parcels)
        return msgspec.structs.replace(
            self.context,
            now=datetime.fromtimestamp(newest, UTC),
            updates=frozenset(parcel.finding for parcel in parcels if parcel.update),
        )


def lines(form: Form, parcels: Sequence[Parcel]) -> tuple[list[tuple[Parcel, bytes]], tuple[tuple[int, str], ...]]:
    """Give the message of each parcel, and the numbers of those that cannot be put into words, with the reason."""
    made: list[tuple[Parcel, bytes]] = []
    broken: list[tuple[int, str]] = []
    for parcel in parcels:
        try:
            (message,) = render_lines(form.name, [parcel.document], wording=form.wording, context=form.of([parcel]))
        except _BROKEN as problem:
            broken.append((parcel.number, _unsayable(problem)))
        else:
            made.append((parcel, message))
    return made, tuple(broken)


def body(form: Form, parcels: Sequence[Parcel]) -> Rendered | str:
    """Give parcels as one body, or why that cannot be done."""
    try:
        return render(form.name, [one.document for one in parcels], wording=form.wording, context=form.of(parcels))
    except _BROKEN as problem:
        return _unsayable(problem)


def _unsayable(problem: Exception) -> str:
    what = problem.what if isinstance(problem, TidewaiterError) else f"{type(problem).__name__}: {problem}"
    return f"cannot be rendered: {what}"
