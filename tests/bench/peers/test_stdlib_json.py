from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.generate_kube_audit import Options, lines
from bench.peers import duckdb_ndjson, stdlib_json


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        ({"verb": "list"}, True),
        ({"verb": "list", "stage": "RequestReceived"}, False),
        ({"verb": "get", "requestURI": "/apis?timeout=32s"}, True),
        ({"verb": "get", "requestURI": "/apis/apps/v1"}, True),
        ({"verb": "get", "requestURI": "/api/v1/namespaces/shop/pods"}, True),
        ({"verb": "get", "requestURI": "/api/v1/namespaces/shop/pods/web"}, False),
        ({"verb": "get", "requestURI": "/healthz"}, False),
        ({"verb": "watch", "requestURI": "/api/v1/pods"}, False),
        ({"verb": "create", "objectRef": {"resource": "selfsubjectrulesreviews"}}, True),
        ({"verb": "create", "objectRef": {"resource": "tokenreviews"}}, False),
        ({"verb": "create"}, False),
    ],
)
def test_the_task_keeps_lists_discovery_and_self_reviews(event: dict[str, Any], kept: bool) -> None:
    assert stdlib_json.relevant({"stage": "ResponseComplete", **event}) is kept


def test_both_peers_give_one_answer(tmp_path: Path) -> None:
    file = tmp_path / "audit.ndjson"
    file.write_text("".join(lines(Options(size=1_500_000))), encoding="utf-8")
    answers = [peer.answer(str(file)) for peer in (duckdb_ndjson, stdlib_json)]
    assert answers[0] == answers[1]
    assert all(answers[0])
