from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.vocabulary import resource_class
from tidewaiter.model import Meaning
from tidewaiter.sources.cloud_activity import Cloud, _meaning, address_of, cloud_tool, events, named, records_in, utc


@pytest.mark.parametrize("cloud", ["aws", "gcp", "azure"])
def test_every_event_is_of_a_known_class(cloud: Cloud) -> None:
    assert {meaning.kind for meaning in events(cloud).values() if resource_class(meaning.kind) == "custom"} == set()
    assert len(events(cloud)) > 15


@pytest.mark.parametrize(
    ("cloud", "service", "event", "meaning"),
    [
        ("aws", "eks.amazonaws.com", "ListClusters", Meaning(verb="list", kind="clusters", scope="everything")),
        ("aws", "ecr-public.amazonaws.com", "GetAuthorizationToken", Meaning(verb="create", kind="tokens")),
        ("gcp", "container.googleapis.com", "GetCluster", Meaning(verb="get", kind="clusters", scope="one")),
        (
            "azure",
            "",
            "microsoft.containerservice/managedclusters/runcommand/action",
            Meaning(verb="exec", kind="pods", scope="one"),
        ),
    ],
)
def test_looks_events_up(cloud: Cloud, service: str, event: str, meaning: Meaning) -> None:
    assert events(cloud)[service, event] == meaning


@pytest.mark.parametrize("row", ["look clusters", "list clusters wide", "list"])
def test_a_row_that_is_none_is_refused(row: str) -> None:
    with pytest.raises(ValueError, match=r"not a row of the table|not enough values"):
        _meaning(row)


@pytest.mark.parametrize(
    ("scope", "name", "expected"),
    [("everything", "a", "one"), ("namespace", "a", "namespace"), ("one", "a", "one"),
     ("everything", None, "everything")],
)  # fmt: skip
def test_a_name_narrows_the_scope(scope: str, name: str | None, expected: str) -> None:
    meaning = _meaning(f"list images {scope}")
    assert (named(meaning, name).scope, named(meaning, name).name) == (expected, name)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("203.0.113.7:443", "203.0.113.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("eks.amazonaws.com", None),
        ("AWS Internal", None),
        ("gce-internal-ip", None),
        ("private", None),
        ("0.0.0.0", None),
        ("", None),
    ],
)
def test_gives_addresses_only(text: str, address: str | None) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize(
    ("agent", "tool"),
    [
        ("aws-cli/2.15.0 Python/3.11.6 Linux/6.1.0 exe/x86_64.debian.12 command/eks.list-clusters", "aws-cli/2.15"),
        ("[aws-cli/1.32.0 Python/3.9]", "aws-cli/1.32"),
        ("Boto3/1.34.11 md/Botocore#1.34.11", "boto3/1.34"),
        ("google-cloud-sdk gcloud/450.0.0 command/gcloud.container.clusters.list (gzip)", "gcloud/450.0"),
        ("AZURECLI/2.67.0 (DEB)", "azurecli/2.67"),
        ("APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io)", "terraform/1.9"),
        ("Mozilla/5.0 (X11; Linux x86_64),gzip(gfe)", "browser"),
        ("console.amazonaws.com", "console.amazonaws.com"),
        ("APN/1.0", "apn/1.0"),
        ("", None),
    ],
)
def test_names_the_program_not_its_kit(agent: str, tool: str | None) -> None:
    assert cloud_tool(agent) == tool


@pytest.mark.parametrize("text", ["2026-11-20T09:00:00Z", "2026-11-20 09:00:00.000000000", "2026-11-20T10:00:00+01:00"])
def test_reads_times_with_and_without_a_zone(text: str) -> None:
    assert utc(text) == datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", "soon", None, 7, "2026-11-20T09:00:00+01:00Z"])
def test_what_is_no_time_is_none(value: object) -> None:
    assert utc(value) is None


def test_takes_envelopes_off_down_to_a_depth() -> None:
    keys = ("Records", "detail")
    assert list(records_in({"Records": [{"a": 1}, 7, {"detail": {"b": 2}}]}, keys)) == [{"a": 1}, {}, {"b": 2}]
    deep = {"Records": [{"Records": [{"Records": [{"Records": [{"a": 1}]}]}]}]}
    assert list(records_in(deep, keys)) == [{"Records": [{"a": 1}]}]
    assert list(records_in(None, keys)) == [{}]
    assert list(records_in({"Records": []}, keys)) == []
    assert list(records_in({"Records": [[{"a": 1}]]}, keys)) == [{}]


@given(st.text(max_size=60))
def test_any_text_is_a_tool_and_an_address_or_none(text: str) -> None:
    assert cloud_tool(text) is None or cloud_tool(text)
    assert address_of(text) is None or address_of(text)
