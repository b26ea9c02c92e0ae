"""Read back with a parser written from the grammar of RFC 5424, section 6."""

import json
import re
from collections.abc import Callable
from typing import Any

import documents
import factories
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.sinks import cef, flat, leef, syslog
from tidewaiter.sinks.document import Context, Document, document
from tidewaiter.wording import Wording

EN = Wording("en")
HEADER = re.compile(
    rb"<(0|[1-9][0-9]{0,2})>([1-9][0-9]{0,2}) "
    rb"(-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) "
    rb"([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) "
)
NAME = re.compile(rb"[!#-<>-\\^-~]{1,32}")  # PRINTUSASCII without = SP ] "
BOM = b"\xef\xbb\xbf"
FORMS: dict[str, Callable[[Document, Wording, Context], bytes]] = {
    "words": syslog.words,
    "json": syslog.of_json,
    "cef": syslog.of_cef,
    "leef": syslog.of_leef,
}


def parse(message: bytes) -> tuple[list[str], dict[str, dict[str, str]], bytes]:
    """Take a message apart: the fields of its header, its structured data, its text."""
    header = HEADER.match(message)
    if not header or int(header[1]) > 191:
        raise ValueError("no header")
    data, at = structured(message, header.end())
    if at < len(message) and message[at : at + 1] != b" ":
        raise ValueError("no space before the text")
    return [part.decode("ascii") for part in header.groups()], data, message[at + 1 :]


def structured(message: bytes, at: int) -> tuple[dict[str, dict[str, str]], int]:
    if message[at : at + 1] == b"-":
        return {}, at + 1
    found: dict[str, dict[str, str]] = {}
    while message[at : at + 1] == b"[":
        name = NAME.match(message, at + 1)
        assert name is not None
        params: dict[str, str] = {}
        at = name.end()
        while message[at : at + 1] == b" ":
            key = NAME.match(message, at + 1)
            assert key is not None
            assert message[key.end() : key.end() + 2] == b'="'
            value = re.compile(rb'(?:[^"\\\]]|\\["\\\]])*').match(message, key.end() + 2)
            assert value is not None
            assert message[value.end() : value.end() + 1] == b'"'
            assert key[0].decode() not in params
            params[key[0].decode()] = re.sub(rb"\\(.)", rb"\1", value[0]).decode("utf-8")
            at = value.end() + 1
        assert message[at : at + 1] == b"]"
        assert name[0].decode() not in found
        found[name[0].decode()] = params
        at += 1
    return found, at


def frames(stream: bytes) -> list[bytes]:
    """Cut a stream at the lengths it states (RFC 6587, section 3.4.1)."""
    found = []
    while stream:
        length = re.match(rb"([1-9][0-9]*) ", stream)
        assert length is not None
        end = length.end() + int(length[1])
        assert end <= len(stream)
        found.append(stream[length.end() : end])
        stream = stream[end:]
    return found


def test_the_parser_reads_the_examples_of_the_rfc() -> None:
    example = (
        b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
        b'[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"][examplePriority@32473 class="high"] '
        b"" + BOM + b"An application event log entry..."
    )
    assert parse(example) == (
        ["165", "1", "2003-10-11T22:14:15.003Z", "mymachine.example.com", "evntslog", "-", "ID47"],
        {
            "exampleSDID@32473": {"iut": "3", "eventSource": "Application", "eventID": "1011"},
            "examplePriority@32473": {"class": "high"},
        },
        BOM + b"An application event log entry...",
    )


def test_words_for_people_and_data_for_relays() -> None:
    header, data, text = parse(syslog.words(documents.chained(), EN, Context(host="watch-1", facility=13)))
    assert header == ["107", "1", "2026-11-23T02:15:44.000000Z", "watch-1", "tidewaiter", "-", "finding"]
    assert data == {
        "origin": {"software": "tidewaiter", "swVersion": "0.1.0"},
        "tidewaiter@32473": {
            "id": "F-3kq9x2m7",
            "level": "high",
            "confidence": "0.93",
            "techniques": "T1613, T1552.007",
            "plane": "kubernetes",
            "actorKind": "service-account",
            "actor": "shop/web",
            "address": "10.42.3.17",
            "namespaces": "*",
            "requests": "11",
            "verdict": "suspicious",
        },
    }
    assert text == BOM + b"HIGH service account shop/web lists everything it can reach"


def test_words_are_of_the_language() -> None:
    text = parse(syslog.words(documents.chained(), Wording("ru"), Context()))[2]
    assert text.startswith(BOM + "ВЫСОКИЙ ".encode())


def test_flat_json_is_ascii() -> None:
    made = document(factories.finding(actor=factories.actor(name="оля\U0001f600")))
    header, data, text = parse(syslog.of_json(made, EN, Context()))
    assert (header[3], data, text.isascii()) == ("-", {}, True)
    assert json.loads(text) == flat.flat(made, Context())


def test_cef_and_leef_are_what_they_are_without_a_header() -> None:
    made = documents.chained()
    assert parse(syslog.of_cef(made, EN, Context()))[1:] == ({}, cef.line(made, EN, Context()))
    assert parse(syslog.of_leef(made, EN, Context()))[1:] == ({}, leef.line(made, EN, Context()))


@pytest.mark.parametrize(
    ("level", "priority"), [("info", 86), ("low", 85), ("medium", 84), ("high", 83), ("critical", 82)]
)
def test_priorities(level: str, priority: int) -> None:
    made = document(factories.finding(level=level))
    assert parse(syslog.words(made, EN, Context()))[0][0] == str(priority)


@pytest.mark.parametrize(
    ("host", "written"), [("a b\n]", "a-b-]"), ("хост", "----"), ("", "-"), ("h" * 300, "h" * 255)]
)
def test_a_host_name_is_printable_ascii(host: str, written: str) -> None:
    assert parse(syslog.words(documents.chained(), EN, Context(host=host)))[0][3] == written


@pytest.mark.parametrize("form", FORMS)
@given(finding=documents.hostile(), size=st.sampled_from((2048, 4096, 8192, 65000)))
@settings(max_examples=50)
def test_whatever_a_log_holds_it_is_one_message_that_is_read_back(
    form: str, finding: dict[str, Any], size: int
) -> None:
    message = FORMS[form](finding, EN, Context(size=size))
    header, data, text = parse(message)
    assert header[4:] == ["tidewaiter", "-", "finding"]
    assert len(message) <= size
    assert len(message.decode("utf-8").splitlines()) == 1
    assert not documents.controls(message.decode().replace("\ufeff", "", 1 if form == "words" else 0))
    if form == "words":
        assert data["tidewaiter@32473"]["id"] == "F-3kq9x2m7"
        assert text.startswith(BOM)


@given(st.lists(documents.hostile(), max_size=3))
@settings(max_examples=20)
def test_messages_are_cut_from_a_stream_where_they_end(findings: list[dict[str, Any]]) -> None:
    messages = [syslog.words(finding, EN, Context()) for finding in findings]
    assert frames(b"".join(map(syslog.framed, messages))) == messages


@pytest.mark.parametrize("form", FORMS)
def test_how_small_a_message_can_be(form: str) -> None:
    """RFC 5424 lets a receiver take no more than 480 bytes: that is kept where the texts are not the worst."""
    made = document(factories.finding(tools=("x" * 9000,), sightings=(factories.sighting(text="y" * 9000),)))
    message = FORMS[form](made, EN, Context(size=480))
    assert len(message) <= 480
    assert b"F-3kq9x2m7" in message
