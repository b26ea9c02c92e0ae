"""What each modifier of the Sigma specification 2.1 means for a record: one line a case."""

from __future__ import annotations

from typing import Any

import pytest
from record_text import KUBE, own_rule, sees

from tidewaiter.recognise.record_match import Texts, fields_of, holds, met
from tidewaiter.recognise.record_rule import values_of

DOCKER = {"Image": "/usr/bin/docker", "CommandLine": "docker ps -a", "User": "root", "ProcessId": 12, "ParentUser": ""}
BASE64 = {"CommandLine": "echo ZG9ja2VyIHBz | base64 -d"}  # docker ps

PROCESS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    # text ignores case, unless cased
    ({"Image": "/USR/bin/Docker"}, DOCKER, True),
    ({"Image|cased": "/USR/bin/Docker"}, DOCKER, False),
    ({"Image|cased": "/usr/bin/docker"}, DOCKER, True),
    ({"Image|endswith": "/DOCKER"}, DOCKER, True),
    ({"Image|endswith|cased": "/DOCKER"}, DOCKER, False),
    ({"Image|startswith": "/usr"}, DOCKER, True),
    ({"Image|startswith": "usr"}, DOCKER, False),
    ({"CommandLine|contains": "PS"}, DOCKER, True),
    ({"CommandLine|contains": "ß"}, {"CommandLine": "STRASSE"}, True),
    ({"CommandLine|contains": "ß"}, {"CommandLine": "STRAẞE"}, True),
    # lists: any, or all
    ({"CommandLine|contains": ["run", "ps"]}, DOCKER, True),
    ({"CommandLine|contains|all": ["docker", "ps"]}, DOCKER, True),
    ({"CommandLine|contains|all": ["docker", "run"]}, DOCKER, False),
    ({"CommandLine|contains|all": ["ps"]}, DOCKER, True),
    # wildcards and their escapes
    ({"Image": "*/dock?r"}, DOCKER, True),
    ({"Image": "/usr/*/doc"}, DOCKER, False),
    ({"CommandLine": "docker*-a"}, DOCKER, True),
    ({"CommandLine": r"a\*b"}, {"CommandLine": "a*b"}, True),
    ({"CommandLine": r"a\*b"}, {"CommandLine": "axb"}, False),
    ({"CommandLine": "a*b"}, {"CommandLine": "a\nb"}, True),
    ({"Image|endswith": r"\cmd.exe"}, {"Image": r"C:\Windows\CMD.EXE"}, True),
    # null, empty, exists
    ({"ParentImage": None}, DOCKER, True),
    ({"Image": None}, DOCKER, False),
    ({"ParentUser": None}, DOCKER, False),
    ({"ParentUser": None}, {"ParentUser": None}, True),
    ({"ParentUser": ""}, DOCKER, True),
    ({"ParentImage": ""}, DOCKER, False),
    ({"Image": ["", None, "/usr/bin/docker"]}, DOCKER, True),
    ({"ParentImage": [None, "/usr/bin/docker"]}, DOCKER, True),
    ({"ParentUser|exists": True}, DOCKER, True),
    ({"ParentImage|exists": True}, DOCKER, False),
    ({"ParentImage|exists": False}, DOCKER, True),
    ({"ParentImage": "*"}, DOCKER, False),
    ({"Image": "*"}, DOCKER, True),
    # numbers, also where a shipper made them texts
    ({"ProcessId": 12}, DOCKER, True),
    ({"ProcessId": "12"}, DOCKER, True),
    ({"ProcessId": 12}, {"ProcessId": "12"}, True),
    ({"ProcessId": 1}, DOCKER, False),
    ({"ProcessId": 1}, {"ProcessId": True}, False),
    ({"ProcessId|gt": 11}, DOCKER, True),
    ({"ProcessId|gt": 12}, DOCKER, False),
    ({"ProcessId|gte": 12}, {"ProcessId": "12"}, True),
    ({"ProcessId|lt": 12.5}, DOCKER, True),
    ({"ProcessId|lte": 11}, DOCKER, False),
    ({"ProcessId|lt": 5}, {"ProcessId": "many"}, False),
    ({"ProcessId|lt": 5}, {}, False),
    ({"ProcessId|neq": 12}, DOCKER, False),
    ({"ProcessId|neq": 13}, DOCKER, True),
    # regular expressions mind case, and stand anywhere
    ({"CommandLine|re": "ps|run"}, DOCKER, True),
    ({"CommandLine|re": "PS"}, DOCKER, False),
    ({"CommandLine|re|i": "PS"}, DOCKER, True),
    ({"CommandLine|re": "^ps"}, DOCKER, False),
    ({"CommandLine|re": "a.b"}, {"CommandLine": "a\nb"}, False),
    ({"CommandLine|re|s": "a.b"}, {"CommandLine": "a\nb"}, True),
    ({"CommandLine|re": "^b"}, {"CommandLine": "a\nb"}, False),
    ({"CommandLine|re|m": "^b"}, {"CommandLine": "a\nb"}, True),
    ({"CommandLine|re": "\\d+"}, {}, False),
    # encodings
    ({"CommandLine|base64|contains": "docker ps"}, BASE64, True),
    ({"CommandLine|base64|contains": "docker run"}, BASE64, False),
    ({"CommandLine|base64offset|contains": "ker ps"}, BASE64, True),
    ({"CommandLine|wide|base64offset|contains": "ps"}, {"CommandLine": "powershell -enc cABzAA=="}, True),
    ({"CommandLine|utf16le|base64offset|contains": "ps"}, {"CommandLine": "powershell -enc cABzAA=="}, True),
    ({"CommandLine|base64offset|contains|all": ["ker", "ps"]}, BASE64, True),
    # dashes of Windows
    ({"CommandLine|windash|contains": " -a"}, {"CommandLine": "docker ps /a"}, True),
    ({"CommandLine|windash|contains": " /a"}, {"CommandLine": "docker ps \u2013a"}, True),
    ({"CommandLine|windash|contains|all": [" -a", "docker"]}, {"CommandLine": "docker ps /a"}, True),
    ({"CommandLine|contains": " -a"}, {"CommandLine": "docker ps /a"}, False),
    # other fields
    ({"Image|fieldref": "ParentImage"}, {"Image": "/bin/SH", "ParentImage": "/bin/sh"}, True),
    ({"Image|fieldref": "ParentImage"}, {"Image": "/bin/sh"}, False),
    ({"CommandLine|fieldref|startswith": "Image"}, {"Image": "/bin/sh", "CommandLine": "/bin/sh -c x"}, True),
    ({"CommandLine|fieldref|endswith": "Image"}, {"Image": "/bin/sh", "CommandLine": "exec /bin/sh"}, True),
    ({"CommandLine|fieldref|contains": "Image"}, {"Image": "/bin/sh", "CommandLine": "exec /bin/sh -c x"}, True),
    ({"Image|fieldref|neq": "ParentImage"}, {"Image": "/bin/sh", "ParentImage": "/bin/bash"}, True),
    # parts of a time
    ({"UtcTime|hour": 3}, {"UtcTime": "2026-11-23 03:59:00.008"}, True),
    ({"UtcTime|hour": 4}, {"UtcTime": "2026-11-23 03:59:00.008"}, False),
    ({"UtcTime|year": 2026, "UtcTime|week": 48, "UtcTime|day": 23}, {"UtcTime": "2026-11-23 03:59:00"}, True),
    ({"UtcTime|minute": 59, "UtcTime|month": 11}, {"UtcTime": "2026-11-23 03:59:00"}, True),
    ({"UtcTime|hour": 3}, {"UtcTime": "soon"}, False),
    # several tests are all needed; a list of mappings is any
    ({"Image|endswith": "/docker", "User": "root"}, DOCKER, True),
    ({"Image|endswith": "/docker", "User": "nobody"}, DOCKER, False),
    # other spellings of one field
    ({"user": "root"}, DOCKER, True),
    # a value with half a character of UTF-16
    ({"CommandLine|re": "ps"}, {"CommandLine": "ps \ud800"}, True),
    ({"CommandLine": "p?*"}, {"CommandLine": "ps \ud800"}, True),
]  # fmt: skip

EVENT = {
    "verb": "create",
    "user": {"username": "system:serviceaccount:shop:web", "groups": ["system:serviceaccounts", "Admins"]},
    "sourceIPs": ["10.42.3.17", "::ffff:192.0.2.7"],
    "objectRef": {"resource": "pods", "namespace": "shop", "subresource": None},
    "responseStatus": {"code": 403},
    "annotations": {"authorization.k8s.io/decision": "forbid"},
    "requestObject": {
        "spec": {
            "hostPID": True,
            "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/"}}],
            "containers": [{"image": "a"}, {"image": "b", "securityContext": {"privileged": True, "capabilities": {}}}],
        }
    },
}

KUBERNETES: list[tuple[dict[str, Any], bool]] = [
    ({"verb": "CREATE", "objectRef.resource": "pods"}, True),
    ({"resource": "pods", "namespace": "shop", "username|endswith": ":web"}, True),
    ({"user.groups": "admins"}, True),
    ({"user.groups|contains|all": ["serviceaccounts", "admin"]}, True),
    ({"user.groups": "nobody"}, False),
    ({"responseStatus.code": [401, 403]}, True),
    ({"responseStatus.code|gte": 400}, True),
    ({"responseStatus.code": "403"}, True),
    ({"sourceIPs|cidr": "192.0.2.0/24"}, True),
    ({"sourceIPs|cidr": "10.42.0.0/16"}, True),
    ({"sourceIPs|cidr": "10.4.0.0/16"}, False),
    ({"sourceIPs|cidr": ["198.51.100.0/24", "2001:db8::/32"]}, False),
    ({"annotations.authorization.k8s.io/decision": "forbid"}, True),
    ({"annotations.authorization.k8s.io/reason": "*"}, False),
    ({"objectRef.subresource": None}, True),
    ({"objectRef.subresource|exists": True}, True),
    ({"objectRef.name|exists": False}, True),
    ({"hostPath": "*"}, True),
    ({"hostPath|contains": '"path":"/"'}, True),
    ({"capabilities": "*"}, True),
    ({"privileged": True}, True),
    ({"privileged": "true"}, True),
    ({"hostNetwork": "*"}, False),
    ({"hostPID": True}, True),
    ({"image": "b"}, True),
    ({"requestObject.spec.containers.image": "b"}, True),
    ({"requestObject.spec.volumes.hostPath.path": "/"}, True),
    ({"requestObject.metadata.labels.app": None}, True),
]


@pytest.mark.parametrize(("wanted", "record", "held"), PROCESS)
def test_process(wanted: dict[str, Any], record: dict[str, Any], held: bool) -> None:
    assert sees({"seen": wanted}, record) is held


@pytest.mark.parametrize(("wanted", "held"), KUBERNETES)
def test_kubernetes(wanted: dict[str, Any], held: bool) -> None:
    assert sees({"seen": wanted}, EVENT, KUBE) is held


@pytest.mark.parametrize(
    ("detection", "held"),
    [
        ({"a": {"User": "root"}, "b": {"User": "nobody"}, "condition": "1 of them"}, True),
        ({"a": {"User": "root"}, "b": {"User": "nobody"}, "condition": "all of them"}, False),
        ({"a": {"User": "root"}, "_b": {"User": "nobody"}, "condition": "all of them"}, True),
        ({"sel_a": {"User": "root"}, "sel_b": {"Image": "*"}, "c": {"User": "x"}, "condition": "all of sel_*"}, True),
        ({"a": {"User": "root"}, "b": {"Image": "x"}, "condition": "a and not b"}, True),
        ({"a": {"User": "x"}, "b": {"Image": "x"}, "condition": "a or not b"}, True),
        ({"a": {"User": "root"}, "b": {"Image": "*"}, "condition": "not (a and b)"}, False),
        ({"a": [{"User": "nobody"}, {"Image|endswith": "/docker"}], "condition": "a"}, True),
        ({"a": {"User": "x"}, "b": {"User": "root"}, "condition": ["a", "b"]}, True),
        ({"words": ["PS -A", "run"], "condition": "words"}, True),
        ({"words": ["docker*-a"], "condition": "words"}, True),
        ({"words": ["kubectl"], "condition": "words"}, False),
        ({"words": [12], "condition": "words"}, True),
        ({"words": {"|all": ["docker", "root"]}, "condition": "words"}, True),
        ({"words": {"|all": ["docker", "nobody"]}, "condition": "words"}, False),
        ({"words": ["kubectl"], "condition": "not words"}, True),
    ],
)
def test_condition(detection: dict[str, Any], held: bool) -> None:
    assert sees(detection, DOCKER) is held


def test_keywords_look_into_every_value_of_an_event() -> None:
    assert sees({"words": ["hostpid", "/"], "condition": "words"}, EVENT, KUBE)
    assert sees({"words": ["forbid"], "condition": "words"}, EVENT, KUBE)
    assert not sees({"words": ["emptydir2"], "condition": "words"}, EVENT, KUBE)


def test_evidence_names_each_field_with_the_value_that_met_the_rule() -> None:
    detection = {
        "a": {"user.groups": ["admins"], "responseStatus.code|gte": 400},
        "b": {"verb": "delete"},
        "c": {"sourceIPs|cidr": "192.0.2.0/24", "objectRef.name": None},
        "condition": "a and c and not b",
    }
    rule = own_rule(detection=detection, logsource=KUBE)
    record = Texts(values_of(EVENT, "kube-audit", fields_of(rule.condition)))
    assert holds(rule.condition, record)
    assert list(met(rule.condition, record)) == [
        ("user.groups", "Admins"),
        ("responseStatus.code", "403"),
        ("sourceIPs", "::ffff:192.0.2.7"),
        ("objectRef.name", ""),
    ]
