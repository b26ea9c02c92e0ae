"""Read back with a parser written from the specification, which knows nothing of the writer."""

import re
from typing import Any

import documents
import factories
import pytest
from hypothesis import given

from tidewaiter.sinks.cef import line, signature
from tidewaiter.sinks.document import Context, document
from tidewaiter.sinks.safe_text import safe
from tidewaiter.wording import Wording

EN = Wording("en")
# Keys of the extension dictionary, "Implementing ArcSight CEF", revision 26; all that we use.
KEYS = {
    *("externalId", "rt", "start", "end", "cat", "reason", "suser", "src", "shost", "c6a2", "c6a2Label"),
    *("requestClientApplication", "request", "cnt", "dvchost", "msg"),
    *(f"cs{number}{part}" for number in range(1, 7) for part in ("", "Label")),
    *(f"cn{number}{part}" for number in range(1, 4) for part in ("", "Label")),
    *(f"flexString{number}{part}" for number in range(1, 3) for part in ("", "Label")),
}


def parse(data: str) -> tuple[list[str], dict[str, str]]:
    """Take a line apart: seven fields of the header, then keys and values; raises ValueError where it is not CEF."""
    if not data.startswith("CEF:") or len(data.splitlines()) != 1:
        raise ValueError("not one CEF line")
    header, at = [""], len("CEF:")
    while len(header) < 8:
        character = data[at]
        if character == "\\":
            if data[at + 1] not in "\\|":
                raise ValueError(f"an escape that the header has not: {data[at : at + 2]}")
            header[-1] += data[at + 1]
            at += 2
            continue
        if character == "|":
            header.append("")
        else:
            header[-1] += character
        at += 1
    return header[:7], extension(data[at:])


def extension(text: str) -> dict[str, str]:
    """Take the extension apart: a key is a word before an equal sign that is not escaped."""
    equals, at = [], 0
    while at < len(text):
        if text[at] == "\\":
            if text[at + 1] not in "\\=nr":
                raise ValueError(f"an escape that values have not: {text[at : at + 2]}")
            at += 2
            continue
        if text[at] == "=":
            equals.append(at)
        at += 1
    starts = []
    for equal in equals:
        start = text.rfind(" ", 0, equal) + 1
        if not re.fullmatch(r"[A-Za-z0-9]+", text[start:equal]):
            raise ValueError(f"no key: {text[start:equal]!r}")
        starts.append(start)
    found: dict[str, str] = {}
    for start, equal, end in zip(starts, equals, [*(one - 1 for one in starts[1:]), len(text)], strict=True):
        key = text[start:equal]
        if key in found:
            raise ValueError(f"{key} comes twice")
        found[key] = re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), text[equal + 1 : end])
    return found


@pytest.mark.parametrize("wrong", ["x", "CEF:0|a\\x|", "CEF:0|a|b|c|d|e|5|a=b\\q", "CEF:0|a|b|c|d|e|5|a b=1 =2"])
def test_the_parser_refuses_what_is_not_cef(wrong: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        parse(wrong)


def test_the_parser_reads_the_examples_of_the_specification() -> None:
    assert parse(r"CEF:0|security|threatmanager|1.0|100|detected a \| in message|10|src=10.0.0.1 act=blocked a |") == (
        ["0", "security", "threatmanager", "1.0", "100", "detected a | in message", "10"],
        {"src": "10.0.0.1", "act": "blocked a |"},
    )  # fmt: skip
    assert parse(r"CEF:0|a|b|1|1|detected a \\ in packet|10|act=blocked a \= msg=two\nlines c:\\x")[1] == {
        "act": "blocked a =",
        "msg": "two\nlines c:\\x",
    }


def test_a_finding_is_read_back() -> None:
    made = documents.chained()
    header, found = parse(line(made, EN, Context(host="watch-1", link="https://x.example/?id={id}&a=b")).decode())
    assert header == ["0", "tidewaiter", "tidewaiter", "0.1.0", "T1613", "Container and Resource Discovery", "8"]
    assert found == {
        "externalId": "F-3kq9x2m7",
        "rt": "1795400144000",
        "start": "1795400047000",
        "end": "1795400144000",
        "cat": "kubernetes",
        "reason": "suspicious, tidewaiter: high",
        "suser": "shop/web",
        "src": "10.42.3.17",
        "requestClientApplication": "curl/8.5",
        "request": "https://x.example/?id=F-3kq9x2m7&a=b",
        "cnt": "11",
        "dvchost": "watch-1",
        "msg": "service account shop/web lists everything it can reach\n"
        "In 41 days of history it never read this kind: nodes.",
        "cs1Label": "kinds",
        "cs1": "nodes, pods",
        "cs2Label": "namespaces",
        "cs2": "*",
        "cs3Label": "techniques",
        "cs3": "T1613, T1552.007",
        "cs4Label": "rules",
        "cs4": "kube-list-everything@1",
        "cs5Label": "followedBy",
        "cs5": "reads secrets",
        "cs6Label": "seen",
        "cs6": "list /api/v1/pods?limit=500 | list /api/v1/secrets",
        "flexString1Label": "actorKind",
        "flexString1": "service-account",
        "flexString2Label": "scope",
        "flexString2": "everything",
        "cn1Label": "answered",
        "cn1": "5",
        "cn2Label": "refused",
        "cn2": "6",
        "cn3Label": "confidencePercent",
        "cn3": "93",
    }


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        (("10.0.0.1", "10.0.0.2"), {"src": "10.0.0.1"}),
        (("2001:db8::1",), {"c6a2": "2001:db8::1", "c6a2Label": "Source IPv6 Address"}),
        (("fe80::1%x cs1=y",), {"shost": "fe80::1%x cs1=y"}),
        (("lb.example",), {"shost": "lb.example"}),
        ((), {}),
    ],
)
def test_addresses(addresses: tuple[str, ...], found: dict[str, str]) -> None:
    made = parse(line(document(factories.finding(addresses=addresses)), EN, Context()).decode())[1]
    assert {key: made[key] for key in made if key in {"src", "shost", "c6a2", "c6a2Label"}} == found


@pytest.mark.parametrize(
    ("techniques", "rules", "known"),
    [
        (("T1552", "T1613"), (), ("T1613", "Container and Resource Discovery")),
        (("T1609",), (), ("T1609", "Container Administration Command")),
        (("T9999",), (), ("T9999", "T9999")),
        ((), ("mine@4",), ("mine", "mine")),
    ],
)
def test_the_class_of_an_event(techniques: tuple[str, ...], rules: tuple[str, ...], known: tuple[str, str]) -> None:
    assert signature(document(factories.finding(techniques=techniques, rules=rules))) == known


def test_a_line_end_of_a_log_is_no_line_end_of_ours() -> None:
    made = document(factories.finding(sightings=(factories.sighting(text="a\nb"),), actor=factories.actor(name="x\ny")))
    found = parse(line(made, EN, Context()).decode())[1]
    assert (found["cs6"], found["suser"]) == (r"a\nb", r"x\ny")


@given(documents.hostile())
def test_whatever_a_log_holds_it_is_read_back(finding: dict[str, Any]) -> None:
    data = line(finding, EN, Context())
    assert len(data) <= Context().size
    assert not documents.controls(data.decode())
    header, found = parse(data.decode())
    assert header[:4] == ["0", "tidewaiter", "tidewaiter", "0.1.0"]
    assert header[4:6] == list(signature(finding))
    assert set(found) <= KEYS
    assert (found["externalId"], found["cnt"]) == ("F-3kq9x2m7", "11")
    name = safe(finding["actor"]["name"], limit=4000)
    if len(name) < 10:
        assert found.get("suser", "") == name.strip()
