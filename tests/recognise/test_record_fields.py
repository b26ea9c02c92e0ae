from __future__ import annotations

from typing import Any

import pytest

from tidewaiter.recognise.record_fields import EVERYTHING, Field, family, find, hint, reader


@pytest.mark.parametrize(
    ("of", "name", "field"),
    [
        ("process", "Image", Field(name="Image", paths=("Image",))),
        ("process", "user", Field(name="User", paths=("User",))),
        ("process", "image", None),
        ("process", "verb", None),
        ("kube-audit", "verb", Field(name="verb", paths=("verb",))),
        ("kube-audit", "resource", Field(name="objectRef.resource", paths=("objectRef.resource",))),
        ("kube-audit", "responseCode", Field(name="responseStatus.code", paths=("responseStatus.code",), number=True)),
        ("kube-audit", "requestObject.a.b", Field(name="requestObject.a.b", paths=("requestObject.a.b",))),
        ("kube-audit", "annotations.a.b/c", Field(name="annotations.a.b/c", paths=("annotations.a.b/c",))),
        ("kube-audit", "requestObjects", None),
        ("kube-audit", "objectRef.resources", None),
        ("kube-audit", EVERYTHING, Field(name=EVERYTHING, paths=())),
    ],
)  # fmt: skip
def test_find(of: Any, name: str, field: Field | None) -> None:
    assert find(of, name) == field


def test_what_is_in_a_pod_is_looked_for_in_every_object_that_makes_pods() -> None:
    found = find("kube-audit", "hostPath")
    assert found is not None
    assert found.paths == (
        "requestObject.spec.volumes.hostPath",
        "requestObject.spec.template.spec.volumes.hostPath",
        "requestObject.spec.jobTemplate.spec.template.spec.volumes.hostPath",
        "requestObject.template.spec.volumes.hostPath",
    )
    containers = find("kube-audit", "image")
    assert containers is not None
    assert containers.paths[:3] == (
        "requestObject.spec.containers.image",
        "requestObject.spec.initContainers.image",
        "requestObject.spec.ephemeralContainers.image",
    )
    assert len(containers.paths) == 12


@pytest.mark.parametrize(
    ("of", "name", "told"),
    [
        ("process", "commandline", "did you mean 'CommandLine'?"),
        ("process", "ParentImg", "did you mean 'ParentImage'?"),
        ("kube-audit", "objectref.Resource", "did you mean 'objectRef.resource'?"),
        ("kube-audit", "code", "did you mean 'responseStatus.code'?"),
        ("process", "xyzzy", "fields are: UtcTime, "),
    ],
)
def test_hint(of: Any, name: str, told: str) -> None:
    assert hint(of, name).startswith(told)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("text", ("a",)),
        ("number", (1,)),
        ("truth", (True,)),
        ("null", (None,)),
        ("empty", ("",)),
        ("absent", ()),
        ("list", ("a", "b", 2)),
        ("none", ()),
        ("object", ('{"a":1}',)),
        ("object.a", (1,)),
        ("object.a.b", ()),
        ("text.a", ()),
        ("inside.b", (1, 2)),
        ("dotted.a.b/c.d", (6, 5)),
        ("dotted.a", ('{"b/c":{"d":6}}',)),
    ],
)
def test_reader(path: str, values: tuple[Any, ...]) -> None:
    record = {
        "text": "a",
        "number": 1,
        "truth": True,
        "null": None,
        "empty": "",
        "list": ["a", ["b"], 2],
        "none": [],
        "object": {"a": 1},
        "inside": [{"b": 1}, {"c": 0}, {"b": 2}],
        "dotted": {"a.b/c": {"d": 5}, "a": {"b/c": {"d": 6}}},
    }
    assert reader(Field(name=path, paths=(path,)))(record) == values


def test_a_keyword_reads_every_value() -> None:
    record = {"a": "x", "b": [1, {"c": None, "d": True}], "e": {"f": ["y"]}}
    assert reader(Field(name=EVERYTHING, paths=()))(record) == ("x", 1, True, "y")


def test_a_record_that_is_nested_too_deeply_ends() -> None:
    deep: Any = "bottom"
    for _ in range(100):
        deep = {"a": deep}
    (found,) = reader(Field(name=EVERYTHING, paths=()))(deep)
    assert isinstance(found, str)
    assert found.startswith('{"a":')


def test_family() -> None:
    assert [family(kind) for kind in ("linux-process", "windows-process", "kube-audit")] == [
        "process",
        "process",
        "kube-audit",
    ]
