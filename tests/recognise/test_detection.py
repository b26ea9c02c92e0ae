from __future__ import annotations

from typing import Any

import pytest
from rule_text import rule

from tidewaiter.recognise.fields import FIELDS
from tidewaiter.recognise.match import All, Condition, Either, Not, Term, Want


def condition(seen: Any, plane: str = "kubernetes") -> Condition:
    return rule(
        detection={"seen": seen, "condition": "seen"}, logsource={"product": "tidewaiter", "category": plane}
    ).condition


@pytest.mark.parametrize(
    ("seen", "want"),
    [
        ({"kind": "Pods"}, Want(how="is", value="pods", shown="Pods")),
        ({"kind|cased": "Pods"}, Want(how="is", value="Pods", cased=True, shown="Pods")),
        ({"kind|contains": "od"}, Want(how="contains", value="od", shown="*od*")),
        ({"kind|startswith": "po"}, Want(how="starts", value="po", shown="po*")),
        ({"kind": "*ds"}, Want(how="ends", value="ds", shown="*ds")),
        ({"kind": "p*s"}, Want(how="like", value="(?s)p.*s", shown="p*s")),
        ({"kind": "n*.x"}, Want(how="like", value=r"(?s)n.*\.x", shown="n*.x")),
        ({"namespace": None}, Want(how="absent", shown="null")),
        ({"namespace|exists": True}, Want(how="exists", value=True, shown="exists true")),
        ({"text|re|i": "a.b"}, Want(how="re", value="(?i)a.b", shown="re i a.b")),
        ({"address|cidr": "10.0.0.0/8"}, Want(how="cidr", value="10.0.0.0/8", shown="cidr 10.0.0.0/8")),
        ({"name": 8080}, Want(how="is", value="8080", shown="8080")),
    ],
)
def test_one_value(seen: dict[str, Any], want: Want) -> None:
    (field,) = (key.partition("|")[0] for key in seen)
    assert condition(seen) == Term(clause="seen", field=field, wants=(want,))


def test_numbers_stay_numbers() -> None:
    want = Want(how="gte", value=1.5, shown="gte 1.5")
    assert condition({"disclosed|gte": 1.5}, "web") == Term(clause="seen", field="disclosed", wants=(want,))


def term(field: str, *values: str, every: bool = False) -> Term:
    return Term(clause="seen", field=field, wants=tuple(Want(how="is", value=v, shown=v) for v in values), every=every)


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        ({"verb": ["get", "list"]}, term("verb", "get", "list")),
        ({"traits|all": ["encoded", "in-shell"]}, term("traits", "encoded", "in-shell", every=True)),
        ({"verb": "get", "kind": "pods"}, All((term("verb", "get"), term("kind", "pods")))),
        ([{"verb": "get"}, {"kind": "pods"}], Either((term("verb", "get"), term("kind", "pods")))),
        (
            [{"verb": "get", "name": "a"}, {"kind": "pods"}],
            Either((All((term("verb", "get"), term("name", "a"))), term("kind", "pods"))),
        ),
        ({"kind|neq": "pods"}, Not(term("kind", "pods"))),
    ],
)
def test_shape(seen: Any, wanted: Condition) -> None:
    assert condition(seen) == wanted


@pytest.mark.parametrize("plane", ["kubernetes", "engine", "host", "web", "cloud"])
def test_every_field_of_a_plane_may_be_named(plane: str) -> None:
    for name, field in FIELDS.items():
        if plane in field.planes:
            value = {"number": 1, "text": min(field.words) if field.words else "other"}.get(field.sort, "encoded")
            assert condition({name: plane if name == "plane" else value}, plane)
