from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any

import pytest

from bench.generate_kube_audit import Options, lines, write
from bench.kube_intruders import Intruder
from bench.peers.stdlib_json import relevant

# fmt: off
_GO_ORDER = (
    "kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser",
    "sourceIPs", "userAgent", "objectRef", "responseStatus", "requestObject", "responseObject",
    "requestReceivedTimestamp", "stageTimestamp", "annotations",
)
# fmt: on


def events(**wanted: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(Options(size=3_000_000)._replace(**wanted))]


def test_equal_arguments_give_equal_bytes_and_another_seed_gives_others() -> None:
    first, again, other = (list(lines(Options(size=300_000, seed=seed))) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_every_line_is_one_event_in_the_order_of_the_go_encoder() -> None:
    for line in lines(Options(size=1_000_000)):
        assert line.endswith("}\n")
        assert line.count("\n") == 1
        keys = list(json.loads(line))
        assert keys == [key for key in _GO_ORDER if key in keys]


def test_html_characters_are_escaped_as_go_does() -> None:
    text = "".join(lines(Options(size=1_000_000)))
    assert not set("&<>") & set(text)
    assert "\\u0026watch=true" in text


@pytest.mark.parametrize("share", [0.085, 0.30])
def test_the_share_of_relevant_lines_is_the_one_asked_for(share: float) -> None:
    made = events(relevant=share, intruders=0)
    assert sum(map(relevant, made)) / len(made) == pytest.approx(share, abs=0.02)


def test_size_and_mix_are_those_of_a_measured_cluster() -> None:
    made = events(intruders=0)
    size = sum(len(line) for line in lines(Options(size=3_000_000, intruders=0)))
    kinds = Counter((event.get("objectRef") or {}).get("resource") for event in made)
    verbs = Counter(event["verb"] for event in made)
    assert 3_000_000 <= size < 3_100_000
    assert size / len(made) == pytest.approx(1440, rel=0.06)
    assert kinds["leases"] / len(made) == pytest.approx(0.44, abs=0.02)
    assert verbs["watch"] / len(made) == pytest.approx(0.13, abs=0.02)
    assert {event["responseStatus"]["code"] for event in made} >= {200, 201, 403}


def test_time_runs_forward_over_all_the_days() -> None:
    times = [event["requestReceivedTimestamp"] for event in events(days=3)]
    assert times == sorted(times)
    assert {time[:10] for time in times} == {"2026-03-02", "2026-03-03", "2026-03-04"}


def test_a_401_has_no_user_and_only_its_own_stage() -> None:
    refused = [event for event in events(size=6_000_000) if event["responseStatus"]["code"] == 401]
    assert {(event["stage"], str(event["user"]), "annotations" in event) for event in refused} == {
        ("ResponseStarted", "{}", False)
    }


def test_intruders_are_told_and_come_late() -> None:
    told: list[tuple[Intruder, str]] = []
    made = list(lines(Options(size=2_000_000, intruders=2), told=lambda who, when: told.append((who, when))))
    assert [who.name for who, _ in told] == [
        "visitor00@corp.example",
        told[1][0].name,
    ]
    assert all(when >= "2026-03-05" for _, when in told)
    swept = [json.loads(line) for line in made if '"username":"visitor00@corp.example"' in line]
    assert len(swept) == len(told[0][0].script)


def test_write_gives_the_same_bytes_as_lines() -> None:
    out = io.BytesIO()
    size = write(Options(size=900_000), out, told=lambda _who, _when: None)
    assert (size, out.getvalue().decode()) == (len(out.getvalue()), "".join(lines(Options(size=900_000))))
