from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.sources.event_log import SECURITY, SYSMON, Entry, entry_of_json, is_known, provider_of

DATA = Path(__file__).parent.parent / "data"
DOCKER = r"C:\Program Files\Docker\Docker\resources\bin\docker.exe"
WHAT = ("subjectusername", "subjectdomainname", "newprocessname", "commandline", "parentprocessname")
SYSTEM = {"Provider": {"Name": SYSMON}, "EventID": 1, "Computer": "w"}


def entries(name: str) -> list[Entry]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    found = [entry_of_json(json.loads(line)) for line in lines]
    assert None not in found
    return [one for one in found if one]


def test_every_shape_tells_the_same_of_one_process_start() -> None:
    """evtx_dump, NXLog, PowerShell with and without values, Microsoft Sentinel."""
    starts = [one for one in entries("events/windows.jsonl") if one.event == 4688]
    said = {(one.provider, one.host, *(one.get(name) for name in WHAT)) for one in starts}
    parent = r"C:\Windows\System32\cmd.exe"
    assert said == {(SECURITY, "WS12.corp.example", "anna", "CORP", DOCKER, f'"{DOCKER}" ps -a', parent)}
    assert len(starts) == 5
    assert {one.at.replace(microsecond=0) for one in starts if one.at} == {
        datetime(2026, 11, 23, 9, 21, 54, tzinfo=UTC)
    }
    assert {one.record for one in starts} == {"9001", ""}


def test_every_shape_tells_the_same_of_a_start_seen_by_sysmon() -> None:
    starts = [one for one in entries("events/windows.jsonl") if one.event == 1]
    assert {(one.record, one.at, one.get("commandline"), one.get("user")) for one in starts} == {
        ("501", datetime(2026, 11, 23, 9, 22, 1, 250_000, tzinfo=UTC), "docker  inspect web", r"CORP\anna")
    }


def test_a_raw_event_of_maxpatrol_in_full() -> None:
    assert entries("events/pt_eventlog.jsonl")[0] == Entry(
        provider=SECURITY,
        event=4688,
        at=datetime(2017, 8, 23, 17, 30, 36, 940_680, tzinfo=UTC),
        host="AIVANOV.rogakopyta.ru",
        record="346323651",
        data={
            "data": "",
            "subjectusersid": "S-1-5-21-1023191730-727829927-3985050192-16353",
            "subjectusername": "AIvanov",
            "subjectdomainname": "ROGAKOPYTA",
            "subjectlogonid": "0xe4716",
            "newprocessid": "0x75c",
            "newprocessname": r"C:\Windows\System32\mmc.exe",
            "tokenelevationtype": "%%1938",
            "processid": "0x1508",
            "commandline": r'"C:\Windows\system32\mmc.exe" "C:\Windows\system32\eventvwr.msc" /s',
        },
    )


@pytest.mark.parametrize(
    ("record", "known"),
    [
        ({"System": SYSTEM}, (SYSMON, 1, "w")),
        (
            {"Event": {"System": SYSTEM | {"EventID": {"#text": 3, "#attributes": {"Qualifiers": ""}}}}},
            (SYSMON, 3, "w"),
        ),
        ({"Event": {"System": SYSTEM | {"EventID": {"text": "18", "Qualifiers": "0"}}}}, (SYSMON, 18, "w")),
        ({"Event": {"System": SYSTEM | {"EventID": {"Value": 5}}}}, (SYSMON, 5, "w")),
        ({"Event": {"System": {"EventID": "4688", "Channel": "Security"}}}, (SECURITY, 4688, "host")),
        ({"Event": {"System": {"EventID": "x"}}}, ("", -1, "host")),
        ({"Event": {"System": {}}}, None),
        ({"Event": {"System": 5}}, None),
        ({"Event": 5}, None),
        ({"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "Hostname": "w"}, (SYSMON, 1, "w")),
        ({"EventID": "1", "Provider": "Linux-Sysmon", "Computer": "n"}, ("Linux-Sysmon", 1, "n")),
        ({"EventID": 1, "Hostname": "w"}, None),
        ({"EventID": 1, "Channel": "Security"}, None),
        ({"Id": True, "LogName": "Security", "MachineName": "w"}, None),
        ({"winlog": {"event_id": 4688, "channel": "Security", "computer_name": "w"}}, (SECURITY, 4688, "w")),
        ({"winlog.event_id": ["4688"], "winlog.channel": ["Security"], "host.name": ["w"]}, (SECURITY, 4688, "w")),
        ({"win": {"system": {"eventID": "1", "providerName": SYSMON, "computer": "w"}}}, (SYSMON, 1, "w")),
        ({"win": {"system": None}}, None),
        ({}, None),
    ],
)
def test_shapes(record: dict[str, Any], known: tuple[str, int, str] | None) -> None:
    found = entry_of_json(record)
    assert (found and (found.provider, found.event, found.host)) == known


@pytest.mark.parametrize(
    ("more", "at", "zoned"),
    [
        ({"EventTime": "2026-11-23T12:00:00+03:00"}, datetime(2026, 11, 23, 9, tzinfo=UTC), True),
        ({"TimeCreated": "/Date(1795424400000)/"}, datetime(2026, 11, 23, 9, tzinfo=UTC), True),
        (
            {"TimeCreated": {"value": "/Date(1795424400000)/", "DisplayHint": 2}},
            datetime(2026, 11, 23, 9, tzinfo=UTC),
            True,
        ),
        ({"EventTime": 1795424400000000}, datetime(2026, 11, 23, 9, tzinfo=UTC), True),
        # NXLog writes local time without a zone; a time with a zone is worth more.
        (
            {"EventTime": "2026-11-23 12:00:00", "@timestamp": "2026-11-23T09:00:00Z"},
            datetime(2026, 11, 23, 9, tzinfo=UTC),
            True,
        ),
        ({"EventTime": "2026-11-23 12:00:00"}, datetime(2026, 11, 23, 12, tzinfo=UTC), False),
        (
            {"UtcTime": "2026-11-23 09:00:00.250", "EventTime": "2026-11-23 12:00:00"},
            datetime(2026, 11, 23, 9, 0, 0, 250_000, tzinfo=UTC),
            True,
        ),
        ({"EventTime": "yesterday"}, None, True),
        ({"EventTime": [1]}, None, True),
        ({}, None, True),
    ],
)
def test_times(more: dict[str, Any], at: datetime | None, zoned: bool) -> None:
    found = entry_of_json({"EventID": 1, "SourceName": SYSMON, "Hostname": "w", **more})
    assert found
    assert (found.at, found.zoned) == (at, zoned)


def test_a_dash_is_no_value() -> None:
    found = entry_of_json({"EventID": 1, "SourceName": SYSMON, "Hostname": "w", "User": "-", "Image": "x"})
    assert found
    assert (found.get("user"), found.get("image"), found.get("nothing")) == ("", "x", "")


def test_values_without_names_need_their_full_number() -> None:
    record = {"Id": 18, "ProviderName": SYSMON, "MachineName": "w", "Properties": [{"Value": "x"}] * 6}
    found = entry_of_json(record)
    assert found
    assert "pipename" not in found.data


@pytest.mark.parametrize(
    ("name", "channel", "provider"),
    [
        (SYSMON, "x", SYSMON),
        ("", "Security", SECURITY),
        ("", "Microsoft-Windows-Sysmon/Operational", SYSMON),
        ("", "", ""),
    ],
)
def test_providers(name: str, channel: str, provider: str) -> None:
    assert provider_of(name, channel) == provider


@pytest.mark.parametrize(("provider", "known"), [(SYSMON, True), ("Linux-Sysmon", True), ("nginx", False), ("", False)])
def test_known_providers(provider: str, known: bool) -> None:
    entry = Entry(provider=provider, event=1, at=None, host="w", record="", data={})
    assert is_known(entry) == known


KEYS = st.sampled_from(
    [
        "Event",
        "System",
        "EventData",
        "Data",
        "EventID",
        "Provider",
        "Name",
        "winlog",
        "event_id",
        "win",
        "data",
        "system",
        "TimeCreated",
        "SystemTime",
        "Properties",
        "Value",
        "Message",
        "Hostname",
        "Channel",
        "#text",
        "#attributes",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_odd_shapes_give_an_event_or_none(record: dict[str, Any]) -> None:
    found = entry_of_json(record)
    assert found is None or all(isinstance(value, str) for value in found.data.values())
