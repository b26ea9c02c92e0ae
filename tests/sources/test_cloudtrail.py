from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from reading import as_json_lines, assert_survives, read

from tidewaiter.model import Activity, Actor, Origin
from tidewaiter.sources.cloudtrail import SOURCE, actor_of, outcome_of, sniff

DATA = Path(__file__).parent.parent / "data"
USER = {"type": "IAMUser", "arn": "arn:aws:iam::1:user/mary", "accountId": "1", "userName": "mary"}
BASE: dict[str, Any] = {
    "eventVersion": "1.09",
    "userIdentity": USER,
    "eventTime": "2026-11-20T09:14:03Z",
    "eventSource": "eks.amazonaws.com",
    "eventName": "DescribeCluster",
    "awsRegion": "eu-west-1",
    "sourceIPAddress": "203.0.113.24",
    "userAgent": "aws-cli/2.15.0 Python/3.11.6 command/eks.describe-cluster",
    "requestParameters": {"name": "shop"},
    "responseElements": None,
    "eventID": "e-1",
    "readOnly": True,
    "recipientAccountId": "1",
}


def record(**more: Any) -> bytes:
    return json.dumps(BASE | more).encode()


def one(line: bytes) -> Activity:
    found, tally = read(SOURCE, line)
    assert (len(found), tally.records, tally.unreadable) == (1, 1, 0)
    return found[0]


def test_golden() -> None:
    found, tally = read(SOURCE, (DATA / "cloud" / "cloudtrail.jsonl").read_bytes())
    assert (tally.records, tally.unreadable, tally.notes) == (17, 0, {})
    check_golden(DATA / "cloud" / "cloudtrail.jsonl.golden.jsonl", as_json_lines(found))


def test_a_record_in_normal_form() -> None:
    assert one(record()) == Activity(
        id="e-1",
        at=datetime(2026, 11, 20, 9, 14, 3, tzinfo=UTC),
        actor=Actor(kind="user", name="mary", realm="1"),
        plane="cloud",
        verb="get",
        kind="clusters",
        resource_class="topology",
        scope="one",
        name="shop",
        outcome="answered",
        address="203.0.113.24",
        tool="aws-cli/2.15",
        text="eks:DescribeCluster shop in eu-west-1",
        origin=Origin(source="cloudtrail", path="golden.log", line=1, offset=0),
    )


ATHENA = {key.lower(): value for key, value in BASE.items()} | {
    "useridentity": {"type": "IAMUser", "accountid": "1", "username": "mary"},
    "requestparameters": '{"name": "shop"}',
    "readonly": "true",
}


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"Records": [BASE]}),
        json.dumps({"version": "0", "detail-type": "AWS API Call via CloudTrail", "detail": BASE}),
        json.dumps({"Events": [{"EventId": "e-1", "CloudTrailEvent": json.dumps(BASE)}]}),
        json.dumps({"EventId": "e-1", "CloudTrailEvent": json.dumps(BASE)}),
        json.dumps(ATHENA),
    ],
    ids=["file", "eventbridge", "lookup-events", "one-of-lookup-events", "athena"],
)
def test_finds_the_record_in_other_shapes(line: str) -> None:
    assert one(line.encode()) == one(record())
    assert sniff([line.encode()]) == 1


ROLE = {
    "type": "AssumedRole",
    "arn": "arn:aws:sts::1:assumed-role/deploy/job-17",
    "accountId": "1",
    "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/ci/deploy", "userName": "deploy"}},
}


def role(path: str, name: str, session: str, **context: Any) -> dict[str, Any]:
    issuer = {"arn": f"arn:aws:iam::1:role/{path}{name}", "userName": name}
    arn = f"arn:aws:sts::1:assumed-role/{name}/{session}"
    return ROLE | {"arn": arn, "sessionContext": {"sessionIssuer": issuer, **context}}


@pytest.mark.parametrize(
    ("identity", "actor"),
    [
        (USER, ("user", "mary", "1", None)),
        ({**USER, "userName": None, "arn": "arn:aws:iam::1:user/team/mary"}, ("user", "team/mary", "1", None)),
        ({"type": "Root", "arn": "arn:aws:iam::1:root", "accountId": "1"}, ("user", "root", "1", None)),
        ({"type": "Root", "userName": "alias", "accountId": "1"}, ("user", "root", "1", None)),
        (ROLE, ("service-account", "role/deploy", "1", None)),
        ({"type": "AssumedRole", "arn": ROLE["arn"]}, ("service-account", "role/deploy", "9", None)),
        ({"type": "Role", "arn": "arn:aws:iam::1:role/ci/deploy"}, ("service-account", "role/deploy", "9", None)),
        ({"type": "AssumedRole"}, ("service-account", "role/not recorded", "9", None)),
        (
            role("aws-reserved/sso.amazonaws.com/eu-west-1/", "AWSReservedSSO_Ops_1", "olga@example.org"),
            ("user", "olga@example.org", "1", "AWSReservedSSO_Ops_1"),
        ),
        # A role of one's own may have any name: only the path is AWS's to give.
        (role("", "AWSReservedSSO_Ops_1", "olga"), ("service-account", "role/AWSReservedSSO_Ops_1", "1", None)),
        (role("", "web", "i-0abc", sourceIdentity="pavel"), ("user", "pavel", "1", "web")),
        (
            role("aws-service-role/ecs.amazonaws.com/", "AWSServiceRoleForECS", "ECS"),
            ("component", "AWSServiceRoleForECS", "1", None),
        ),
        (role("", "AWSServiceRoleForECS", "x"), ("service-account", "role/AWSServiceRoleForECS", "1", None)),
        ({"type": "AWSService", "invokedBy": "ecs.amazonaws.com"}, ("component", "ecs.amazonaws.com", "aws", None)),
        ({"type": "AWSService"}, ("component", "not recorded", "aws", None)),
        (
            {"type": "FederatedUser", "arn": "arn:aws:sts::1:federated-user/ina", "accountId": "1",
             "sessionContext": {"sessionIssuer": {"userName": "broker"}}},
            ("user", "ina", "1", "broker"),
        ),
        ({"type": "AWSAccount", "accountId": "2", "principalId": "AIDA"}, ("unknown", "account 2", "2", None)),
        ({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u-1"}}, ("user", "u-1", "9", None)),
        ({"type": "SAMLUser", "userName": "ina"}, ("user", "ina", "9", None)),
        ({}, ("address", "203.0.113.1", "9", None)),
        (None, ("address", "203.0.113.1", "9", None)),
        (7, ("address", "203.0.113.1", "9", None)),
    ],
)  # fmt: skip
def test_says_who_called(identity: object, actor: tuple[Any, str, str, str | None]) -> None:
    kind, name, realm, via = actor
    expected = Actor(kind=kind, name=name, realm=realm, via=via)
    assert actor_of(identity, account="9", address="203.0.113.1") == expected


def test_nobody_and_from_nowhere_is_unknown() -> None:
    assert actor_of({"principalId": "AIDA"}) == Actor(kind="unknown", name="AIDA", realm="aws")


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("", "answered"),
        ("AccessDenied", "refused"),
        ("AccessDeniedException", "refused"),
        ("Client.UnauthorizedOperation", "refused"),
        ("UnrecognizedClientException", "refused"),
        ("ExpiredTokenException", "refused"),
        ("ResourceNotFoundException", "failed"),
        ("ThrottlingException", "failed"),
    ],
)
def test_says_how_it_ended(code: str, outcome: str) -> None:
    assert outcome_of(code) == outcome
    assert one(record(errorCode=code or None)).outcome == outcome


@pytest.mark.parametrize(
    ("event", "parameters", "name"),
    [
        ("eks:ListNodegroups", {"clusterName": "shop"}, "shop"),
        ("eks:DescribeNodegroup", {"clusterName": "shop", "nodegroupName": "blue"}, "blue"),
        ("ecs:DescribeTasks", {"cluster": "prod", "tasks": ["arn:aws:ecs:eu-west-1:1:task/prod/abc"]}, "abc"),
        ("ecs:DescribeTasks", {"cluster": "prod", "tasks": []}, "prod"),
        ("ecs:DescribeTaskDefinition", {"taskDefinition": "billing:17"}, "billing:17"),
        ("ecr:DescribeRepositories", {"registryId": "1"}, None),
        ("ecr:DescribeRepositories", None, None),
        ("ecr:DescribeRepositories", [1], None),
    ],
)
def test_names_what_is_asked_for(event: str, parameters: Any, name: str | None) -> None:
    service, _, event = event.partition(":")
    line = record(eventSource=f"{service}.amazonaws.com", eventName=event, requestParameters=parameters)
    assert one(line).name == name


def test_a_path_inside_a_cluster_says_what_the_console_read() -> None:
    parameters = {"clusterName": "shop", "path": "/api/v1/namespaces/pay/pods"}
    found = one(record(eventName="AccessKubernetesApi", requestParameters=parameters))
    assert (found.verb, found.kind, found.scope, found.namespace) == ("list", "pods", "namespace", "pay")
    found = one(record(eventName="AccessKubernetesApi", requestParameters={"path": "/elsewhere"}))
    assert (found.verb, found.kind) == ("list", "everything")


@pytest.mark.parametrize(
    "more",
    [
        {"eventName": "CreateTags"},
        {"eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances"},
        {"eventSource": "ecr.amazonaws.com", "eventName": "BatchGetImage"},
    ],
)
def test_what_reads_no_inventory_is_only_counted(more: dict[str, Any]) -> None:
    found, tally = read(SOURCE, record(**more))
    assert (found, tally.records, tally.kept, tally.unreadable) == ([], 1, 0, 0)


@pytest.mark.parametrize(
    ("lines", "notes"),
    [
        ([record()], {}),
        ([record(eventSource="s3.amazonaws.com", eventName="HeadBucket")], {}),
        ([record(eventName="CreateCluster", readOnly=False)], {"cloudtrail-no-reads": 1}),
        ([b"{}"], {}),
    ],
)
def test_says_when_a_trail_has_no_reads(lines: list[bytes], notes: dict[str, int]) -> None:
    assert read(SOURCE, b"\n".join(lines))[1].notes == notes


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (record(eventTime="soon"), "no-time"),
        (record(eventTime=None), "no-time"),
        (record()[:80], "not-a-cloud-record"),
        (b'{"Records":[]}', "not-a-cloud-record"),
        (b'{"CloudTrailEvent":"{"}', "not-a-cloud-record"),
        (b'{"eventSource":"eks.amazonaws.com","eventName":7}', "not-a-cloud-record"),
        (b"[" * 2000, "not-a-cloud-record"),
    ],
)
def test_unreadable_lines_are_counted_with_their_place(line: bytes, reason: str) -> None:
    found, tally = read(SOURCE, record() + b"\n" + line + b"\n" + record())
    assert len(found) == 2
    assert [(place.line, place.offset, place.reason) for place in tally.places] == [(2, len(record()) + 1, reason)]


def test_a_bad_byte_hides_no_record() -> None:
    assert one(record().replace(b"aws-cli/2.15.0", b"\xff-cli/2.15.0")).kind == "clusters"


def test_without_an_id_the_record_itself_is_the_id() -> None:
    ids = {one(record(eventID=None, requestParameters={"name": name})).id for name in ("a", "b", "a")}
    assert len(ids) == 2


def test_sniffs_its_own_lines_only() -> None:
    others = [line for path in DATA.glob("*/*.*l*") if path.parent.name != "cloud" and path.suffix in {".log", ".jsonl"}
              for line in path.read_bytes().split(b"\n")]  # fmt: skip
    assert sniff([record(), record(), b"", b"{}", b'{"eventSource":"x","eventName":"y"}']) == 2
    assert len(others) > 500
    assert sniff(others) == 0
    assert sniff((DATA / "cloud" / "gcp.jsonl").read_bytes().split(b"\n")) == 0
    assert sniff((DATA / "cloud" / "azure.jsonl").read_bytes().split(b"\n")) == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from([*BASE, "errorCode"]), JSON), st.dictionaries(st.sampled_from(list(ROLE)), JSON))
def test_survives_wrong_types(more: dict[str, Any], identity: dict[str, Any]) -> None:
    assert_survives(SOURCE, record(**more))
    assert_survives(SOURCE, record(userIdentity=ROLE | identity))


@given(st.lists(st.sampled_from([record(), json.dumps(ATHENA).encode()]) | st.binary(max_size=60), max_size=8))
def test_survives_anything(lines: list[bytes]) -> None:
    assert_survives(SOURCE, b"\n".join(lines))


def test_an_item_of_a_list_that_is_no_record_costs_only_itself() -> None:
    found, tally = read(SOURCE, b'{"Records":[' + record() + b',7,{"a":1},null,[]]}')
    assert len(found) == 1
    assert (tally.records, [place.reason for place in tally.places]) == (1, ["not-a-cloud-record"] * 4)
