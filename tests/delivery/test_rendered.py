from datetime import UTC, datetime

import parcels
import pytest

from tidewaiter.delivery.rendered import body, lines
from tidewaiter.errors import ConfigError
from tidewaiter.sinks.jsonl import encoded


def test_lines_leave_out_what_cannot_be_said_and_tell_why() -> None:
    made, broken = lines(parcels.form("cef"), [parcels.parcel(1), parcels.broken(2), parcels.parcel(3)])
    assert [one.number for one, _ in made] == [1, 3]
    assert [(number, reason.partition(":")[0]) for number, reason in broken] == [(2, "cannot be rendered")]


def test_a_body_that_cannot_be_made_is_a_reason() -> None:
    found = body(parcels.form("alertmanager"), [parcels.parcel(1), parcels.broken(2)])
    assert str(found).startswith("cannot be rendered: ")


def test_a_line_is_the_finding() -> None:
    ((_, line),), _ = lines(parcels.form(), [parcels.parcel(1)])
    assert line == encoded(parcels.finding("F-1"))


def test_what_is_sent_again_is_the_same_again() -> None:
    both = [parcels.parcel(1, offered=parcels.NOW + 9), parcels.parcel(2, update=True)]
    found = parcels.form().of(both)
    assert (found.now, found.updates) == (datetime.fromtimestamp(parcels.NOW + 9, UTC), frozenset({"F-2"}))


@pytest.mark.parametrize(
    ("name", "as_lines", "words"),
    [
        ("jsonl", True, None),
        ("hec", False, None),
        ("alertmanager", False, None),
        ("alertmanager", True, "is a document, not lines"),
        ("telegraph", False, "no rendering has the name"),
    ],
)
def test_a_rendering_that_does_not_fit_is_refused(name: str, as_lines: bool, words: str | None) -> None:
    if words is None:
        parcels.form(name).check("a", lines=as_lines)
        return
    with pytest.raises(ConfigError, match=words) as caught:
        parcels.form(name).check("a", lines=as_lines)
    assert caught.value.where == "sink a"
