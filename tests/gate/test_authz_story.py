"""Each test tells a short story of calls and compares what is written: phase, target, status, milliseconds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count

from tidewaiter.gate.authz_calls import Call
from tidewaiter.gate.authz_story import Story
from tidewaiter.gate.caller import NOBODY
from tidewaiter.gate.record_writer import Record

_AT = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)


def _story() -> Story:
    numbers = count(1)
    return Story(mode="observe", host="h", name=lambda: f"r{next(numbers)}")


def _call(target: str, status: int | None = None) -> Call:
    return Call(request_method="GET", request_uri=target, response_status_code=status)


def _told(records: Iterable[Record]) -> list[tuple[str, str, str | None, int | None, float | None]]:
    return [(one.id, one.phase, one.target, one.status, one.ms) for one in records]


def _ms(number: float) -> datetime:
    return _AT + timedelta(milliseconds=number)


def _play(story: Story, *calls: tuple[float, str, int | None]) -> list[Record]:
    """Requests have a status of 0."""
    found: list[Record] = []
    for at, target, status in calls:
        if status == 0:
            found += story.asked(_call(target), _ms(at), "allowed", None)
        else:
            found += story.answered(_call(target, status), _ms(at))
    return found


def test_a_request_is_told_whole_when_its_answer_comes() -> None:
    assert _play(_story(), (0, "/a", 0), (1.5, "/a", 200)) == [
        Record(
            time=_AT,
            id="r1",
            phase="done",
            host="h",
            listener="plugin",
            method="GET",
            target="/a",
            status=200,
            ms=1.5,
            mode="observe",
            decision="allowed",
            caller=NOBODY,
        )
    ]


def test_answers_find_the_oldest_request_of_their_content() -> None:
    found = _play(
        _story(), (0, "/a", 0), (60, "/a", 0), (61, "/b", 0), (70, "/b", None), (80, "/a", 200), (90, "/a", 404)
    )
    assert _told(found) == [
        ("r3", "done", "/b", None, 9.0),
        ("r1", "done", "/a", 200, 80.0),
        ("r2", "done", "/a", 404, 30.0),
    ]


def test_a_stream_is_told_when_it_lasts_and_again_at_its_end() -> None:
    story = _story()
    found = _play(story, (0, "/events", 0))
    assert (found, _told(story.overdue(_ms(1999)))) == ([], [])
    assert _told(story.overdue(_ms(2000))) == [("r1", "begun", "/events", None, None)]
    assert _told(story.overdue(_ms(4000))) == []
    assert _told(_play(story, (90_000, "/events", None))) == [("r1", "done", "/events", None, 90_000.0)]
    assert _told(story.finish()) == []


def test_what_has_no_answer_at_the_end_is_told() -> None:
    story = _story()
    _play(story, (0, "/a", 0), (1, "/b", 0))
    assert _told(story.finish()) == [("r1", "begun", "/a", None, None), ("r2", "begun", "/b", None, None)]


def test_an_answer_to_an_older_request_is_told() -> None:
    assert _told(_play(_story(), (0, "/logs", 200))) == [("r1", "done", "/logs", 200, None)]


def test_a_refused_request_is_told_at_once_and_has_no_answer() -> None:
    story = _story()
    found = list(story.asked(_call("/a"), _AT, "denied", None))
    assert [(one.phase, one.status, one.decision) for one in found] == [("done", 403, "denied")]
    assert _told(story.finish()) == []


def _twice(number: int) -> list[tuple[float, str, int | None]]:
    """Give the calls of one request of a plugin that is enabled under two names."""
    at, target = number * 100, f"/{number}"
    return [(at, target, 0), (at + 1, target, 0), (at + 5, target, 200), (at + 6, target, 200)]


def test_a_plugin_that_is_enabled_twice_is_found_out() -> None:
    story = _story()
    found = _play(story, *(call for number in range(6) for call in _twice(number)))
    assert [one.target for one in found] == ["/0", "/0", "/1", "/1", "/2", "/2", "/3", "/4", "/5"]
    assert (story.twins, _told(story.finish())) == (3, [])


def test_a_request_that_comes_alone_ends_the_belief() -> None:
    story = _story()
    _play(story, *(call for number in range(5) for call in _twice(number)))
    found = _play(story, (600, "/x", 0), (605, "/x", 200), *_twice(7))
    assert [one.target for one in found] == ["/x", "/7", "/7"]


def test_equal_requests_of_two_clients_are_two() -> None:
    calls = [(0, "/a", 0), (1, "/a", 0), (2, "/a", 0), (3, "/a", 0)]
    answers = [(number, "/a", 200) for number in range(10, 14)]
    assert len(_play(_story(), *calls, *answers)) == 4


def test_equal_requests_one_after_the_other_are_never_twins() -> None:
    calls = [(at, "/a", status) for at in range(0, 100, 2) for status in (0, 200)]
    assert len(_play(_story(), *calls)) == 50


def test_a_call_that_cannot_be_read_is_told() -> None:
    found = _story().unreadable(_AT, "denied")
    assert (found.method, found.target, found.decision, found.caller) == (None, None, "denied", NOBODY)
