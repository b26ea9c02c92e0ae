"""Users' own Sigma rules mean what they say, from the log to the finding.

Converters that turn Sigma into queries were found to fail silently in a few ways: they drop the window of a count or
cut it at full minutes, forget the order, lose a record when a field below `not` is absent, lose the `not` before a list
of networks, compare with case, and ask for fields that no record has. One test for each says that it is not so here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
import yaml
from audit_event import line
from audit_text import event
from record_text import KUBE, LINUX, own_text
from whole import of_files

from tidewaiter.errors import RuleError
from tidewaiter.model import Finding
from tidewaiter.pipeline import Report, scan
from tidewaiter.recognise.own_rules import RuleFile, load_own
from tidewaiter.recognise.pack import Pack, packaged, with_own
from tidewaiter.store import Store
from tidewaiter.wording import Wording

TOOL = {"Image|endswith": "/tool"}


def text(title: str, **given: Any) -> str:
    return own_text(title=title, id=str(uuid5(NAMESPACE_URL, title)), **given)


def about(title: str, detection: dict[str, Any], logsource: dict[str, str] | None = None) -> str:
    return text(title, logsource=logsource or LINUX, detection={"condition": "seen", **detection})


def correlation(title: str, **given: Any) -> str:
    whole = {"group-by": ["User"], "timespan": "5m", **given}
    return yaml.safe_dump(
        {"title": title, "id": str(uuid5(NAMESPACE_URL, title)), "level": "high", "correlation": whole}
    )


def only(*rules: str) -> Pack:
    """Make a pack of these rules and nothing else, so that a test sees what they alone find."""
    return Pack((), (), load_own(RuleFile(f"{at}.yml", rule, True) for at, rule in enumerate(rules)))


def scanned(log: bytes, *rules: str) -> Report:
    return of_files({"input.log": log}, pack=only(*rules))


def titles(report: Report) -> list[str]:
    return [found.headline.partition(": ")[2] for found in report.findings]


def processes(*starts: tuple[float, str], **given: Any) -> bytes:
    """Write an audit log: (minutes, command line) each."""
    lines: list[str] = []
    for serial, (minutes, command) in enumerate(starts, 1):
        argv = command.split()
        exe = argv[0] if argv[0].startswith("/") else f"/usr/bin/{argv[0]}"
        lines += event(argv, serial=serial, seconds=1795425600 + minutes * 60, exe=exe, pid=serial, **given)
    return "".join(f"{one}\n" for one in lines).encode()


def requests(*given: dict[str, Any]) -> bytes:
    return b"".join(line(auditID=f"id-{at}", **one) for at, one in enumerate(given))


SWEEP = correlation(
    "four kinds", type="value_count", rules=["kinds"], condition={"field": "objectRef.resource", "gte": 4},
    **{"group-by": ["user.username"]},
)  # fmt: skip
KINDS = about("kinds", {"seen": {"verb": "list"}}, KUBE)


def clock(minutes: float) -> str:
    """Give a time so many minutes after eight o'clock."""
    return f"2026-06-01T{int(minutes // 60) + 8:02}:{int(minutes % 60):02}:{int(minutes * 60 % 60):02}.000000Z"


def sweep(*minutes: float, verb: str = "list") -> bytes:
    kinds = ("pods", "nodes", "secrets", "services")
    return requests(
        *(
            {
                "verb": verb,
                "objectRef": {"resource": kind},
                "requestURI": f"/api/v1/{kind}",
                "requestReceivedTimestamp": clock(at),
            }
            for kind, at in zip(kinds, minutes, strict=True)
        )
    )


@pytest.mark.parametrize(
    ("minutes", "found"),
    [
        ((0, 60, 120, 179), []),  # four kinds in three hours are not four kinds in five minutes
        ((0, 1, 2, 5), []),
        ((0, 1, 2, 4.9), ["four kinds"]),
        ((3.5, 4.5, 5.5, 6.5), ["four kinds"]),  # over the edge of a five-minute bin
    ],
)
def test_the_window_of_a_count_is_neither_dropped_nor_cut_into_bins(minutes: Sequence[float], found: list[str]) -> None:
    assert titles(scanned(sweep(*minutes), KINDS, SWEEP)) == found


def test_text_is_compared_without_case_also_where_a_rule_says_equal() -> None:
    assert titles(scanned(sweep(0, 1, 2, 3, verb="LIST"), KINDS, SWEEP)) == ["four kinds"]
    upper = about("equal", {"seen": {"Image": "/USR/BIN/TOOL", "User": "UID 1001"}})
    assert titles(scanned(processes((0, "tool")), upper)) == []
    assert titles(scanned(processes((0, "tool")), about("equal", {"seen": {"Image": "/USR/BIN/TOOL"}}))) == ["equal"]


@pytest.mark.parametrize(
    ("starts", "together", "ordered"),
    [
        (((0, "first"), (1, "second")), ["pair"], ["row"]),
        (((1, "first"), (0, "second")), ["pair"], []),
        # The first and the last record of the group are a minute apart from one another's partner, but not each other.
        (((0, "first"), (60, "first"), (120, "second")), [], []),
        (((0, "second"), (60, "first"), (61, "second")), ["pair"], ["row"]),
    ],
)
def test_sequences_keep_their_order_and_their_window(
    starts: tuple[tuple[float, str], ...], together: list[str], ordered: list[str]
) -> None:
    rules = [about(name, {"seen": {"Image|endswith": f"/{name}"}}) for name in ("first", "second")]
    log = processes(*starts)
    pair = correlation("pair", type="temporal", rules=["first", "second"])
    row = correlation("row", type="temporal_ordered", rules=["first", "second"])
    assert titles(scanned(log, *rules, pair)) == together
    assert titles(scanned(log, *rules, row)) == ordered


@pytest.mark.parametrize(
    ("below", "found"),
    [
        ({"ParentImage|endswith": "/cron"}, ["not that"]),  # auditd never tells the parent here
        ({"ParentImage|contains": ""}, ["not that"]),
        ({"ParentImage|re": ".*"}, ["not that"]),
        ({"ParentImage": None}, []),
        ({"Image|endswith": "/tool"}, []),
    ],
)
def test_a_not_over_an_absent_field_keeps_the_record(below: dict[str, Any], found: list[str]) -> None:
    rule = about("not that", {"seen": TOOL, "other": below, "condition": "seen and not other"})
    assert titles(scanned(processes((0, "tool")), rule)) == found


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        (["203.0.113.9"], ["from outside"]),
        (["10.4.5.6"], []),
        (["192.168.1.1"], []),
        (["::ffff:10.4.5.6"], []),
        (["100.4.5.6"], ["from outside"]),  # begins with the same digits as 10.
        (None, ["from outside"]),
    ],
)
def test_a_not_before_a_list_of_networks_is_not_lost(addresses: list[str] | None, found: list[str]) -> None:
    inside = {"sourceIPs|cidr": ["10.0.0.0/8", "192.168.0.0/16"]}
    rule = about("from outside", {"seen": {"verb": "list"}, "inside": inside, "condition": "seen and not inside"}, KUBE)
    assert titles(scanned(requests({"sourceIPs": addresses}), rule)) == found


def test_a_list_of_endings_keeps_its_ends() -> None:
    rule = about("ends", {"seen": {"Image|endswith": ["/tool", "/other"]}})
    assert titles(scanned(processes((0, "/usr/bin/toolbox")), rule)) == []


@pytest.mark.parametrize("field", ["objectRef.resources", "user", "Image.name", "verb.name"])
def test_a_field_that_no_record_has_is_an_error_with_its_place(field: str) -> None:
    detection = {"seen": {"verb": "list", field: "x"}}
    if field == "user":
        assert titles(scanned(requests({}), about("whole user", {"seen": {"user|contains": "ana"}}, KUBE))) == [
            "whole user"
        ]
        return
    with pytest.raises(RuleError) as caught:
        only(about("unknown", detection, KUBE))
    assert (caught.value.what, caught.value.where) == (f"unknown field {field!r}", "0.yml:10")


@pytest.mark.parametrize("resource", ["objectRef.resource", "resource"])
def test_both_spellings_of_kubernetes_fields_are_one(resource: str) -> None:
    assert titles(scanned(requests({}), about("pods", {"seen": {resource: "pods"}}, KUBE))) == ["pods"]


def test_every_record_is_asked_not_only_those_that_look_around() -> None:
    deployment = {"resource": "deployments", "namespace": "shop", "name": "web", "apiGroup": "apps"}
    configmap = {"resource": "configmaps", "namespace": "shop", "name": "x"}
    log = requests(
        {"verb": "patch", "objectRef": deployment, "requestURI": "/apis/apps/v1/namespaces/shop/deployments/web"},
        {"verb": "get", "objectRef": configmap, "requestURI": "/api/v1/namespaces/shop/configmaps/x"},
    )
    rule = about("patched", {"seen": {"verb": "patch", "apiGroup": "apps"}}, KUBE)
    (found,) = scanned(log, rule).findings
    assert (found.headline, found.level, found.techniques) == ("user ana@dev.example: patched", "high", ())
    assert found.sightings[0].evidence == {"verb": "patch", "objectRef.apiGroup": "apps"}
    assert found.sightings[0].recogniser == "patched@1"
    assert found.looked_at.kinds == ("deployments",)


def test_a_finding_says_what_the_rule_says() -> None:
    rule = text(
        "A tool runs",
        description="It says why.",
        falsepositives=["A person does it"],
        tags=["attack.t1059.004"],
        level="critical",
        detection={"seen": TOOL, "condition": "seen"},
    )
    (found,) = scanned(processes((0, "tool --all")), rule).findings
    assert (found.level, found.techniques) == ("high", ("T1059.004",))
    assert "It says why." in found.explanation.why
    assert any("A person does it" in said for said in found.explanation.innocent)
    assert found.sightings[0].text == "tool --all"
    assert found.sightings[0].evidence == {"Image": "/usr/bin/tool"}


def test_what_looks_around_too_stays_one_finding() -> None:
    rule = about("docker as such", {"seen": {"Image|endswith": "/docker", "CommandLine|contains": " ps"}})
    own = load_own([RuleFile("own.yml", rule, True)])
    log = processes((0, "docker ps -a"))
    (found,) = of_files({"input.log": log}, pack=with_own(packaged(), own)).findings
    assert "T1613" in found.techniques
    assert {seen.recogniser for seen in found.sightings} == {"docker-as-such@1"}


def test_rules_that_a_correlation_counts_are_no_findings_by_themselves() -> None:
    one = about("one", {"seen": TOOL})
    many = correlation("many", type="event_count", rules=["one"], condition={"gte": 3})
    assert titles(scanned(processes((0, "tool"), (1, "tool")), one, many)) == []
    assert titles(scanned(processes((0, "tool"), (1, "tool"), (2, "tool")), one, many)) == ["many"]


@pytest.mark.parametrize(
    ("stages", "found"),
    [
        (("RequestReceived",), ["no success"]),
        (("RequestReceived", "ResponseComplete"), []),  # the answer was 200
        (("ResponseComplete", "RequestReceived"), ["no success"]),  # out of order: the first one comes after its end
    ],
)
def test_a_request_is_judged_by_the_record_that_knows_its_answer(stages: tuple[str, ...], found: list[str]) -> None:
    rule = about(
        "no success",
        {"seen": {"verb": "delete"}, "ok": {"responseStatus.code": 200}, "condition": "seen and not ok"},
        KUBE,
    )
    log = b"".join(
        line(stage=stage, verb="delete", **({"responseStatus": None} if stage == "RequestReceived" else {}))
        for stage in stages
    )
    assert titles(scanned(log, rule)) == found


def test_without_own_rules_nothing_is_different() -> None:
    log = processes((0, "tool"), (1, "docker ps -a"))
    plain = of_files({"input.log": log})
    ruled = of_files(
        {"input.log": log},
        pack=with_own(packaged(), load_own([RuleFile("o", about("x", {"seen": {"User": "nobody"}}), True)])),
    )

    def brief(found: Finding) -> tuple[object, ...]:
        return found.id, found.level, found.techniques, found.headline, found.looked_at, found.explanation.why

    assert [brief(found) for found in ruled.findings] == [brief(found) for found in plain.findings]
    assert [item.tally.records for item in ruled.read] == [item.tally.records for item in plain.read]


def test_a_kept_state_is_told_of_once(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(processes((0, "tool"), (1, "tool"), (2, "tool")))
    rules = about("one", {"seen": TOOL}), correlation("many", type="event_count", rules=["one"], condition={"gte": 4})
    for _ in range(2):
        with Store(tmp_path / "state") as store:
            report = scan([str(log)], store=store, pack=only(*rules), wording=Wording("en"), persona="hunter")
            assert titles(report) == []
            assert [len(found.sightings) for found in report.findings] == []
